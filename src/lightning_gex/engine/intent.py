"""From a conclusion to what goes on record: the last look at what others did, and the order's intent.

The functions here are pure. The trader calls them while it holds the store's write lock, so that what other runs of the
account use up cannot change between the look and the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce

from lightning_gex.core.decision import Decision, StageRecord
from lightning_gex.core.enums import Action, DecisionStatus, StageName, StageVerdict
from lightning_gex.core.events import (
    BreakerReset,
    BreakerTripped,
    DecisionMade,
    Event,
    OrderPlaced,
    TradingHalted,
    TradingResumed,
)
from lightning_gex.core.halt import Halt
from lightning_gex.core.portfolio import AccountUsage, PortfolioView
from lightning_gex.core.ports import HaltSwitch
from lightning_gex.core.quick_init import quick_init, replaced
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.decide import Conclusion
from lightning_gex.engine.state import EngineState, step
from lightning_gex.engine.trades import carried_on, entry_order
from lightning_gex.risk.account_usage import HALT
from lightning_gex.risk.check import Check, Gate, refused
from lightning_gex.risk.guardrails import check_entry

_ELSEWHERE = "another run of the account"


@quick_init
@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a decision meets besides its own account.

    Parameters
    ----------
    others : what other runs of the account use up.
    halt : the halt in force, or None.
    """

    others: AccountUsage = field(default_factory=AccountUsage)
    halt: Halt | None = None

    @classmethod
    def seen(cls, others: AccountUsage, switch: HaltSwitch | None) -> Surroundings:
        """What is seen right now; without a switch there is no halt."""
        return cls(others, None if switch is None else switch.read())


def intent_events(
    conclusion: Conclusion,
    *,
    at: datetime,
    state: EngineState,
    portfolio: PortfolioView | None,
    around: Surroundings,
    config: EngineConfig,
) -> list[Event]:
    """The events of one decision: what has to be heeded first, the decision, and what follows from an approval.

    That is its order, or where it carries a trade on the change from one leg to the next.

    Parameters
    ----------
    conclusion : from the decision path, which knew its own account only.
    at : aware UTC.
    state : the account. portfolio : as the risk layers see it, without the trade that is carried on; None where the
        decision is not approved.
    around : what it did not know.
    config : the limits.
    """
    heeded = heeded_events(state, around, at)
    state = reduce(step, heeded, state)
    decision = conclusion.decision
    if decision.status is DecisionStatus.APPROVED and portfolio is not None:
        check = _last_look(decision, state, portfolio, around.others, config)
        if not check.passed:
            decision = blocked(decision, check)
    approved = decision.status is DecisionStatus.APPROVED
    pattern = conclusion.pattern
    if pattern is not None and pattern.taken is not approved:
        pattern = replaced(pattern, taken=approved)
    events: list[Event] = [*heeded, DecisionMade(at, decision, pattern)]
    if approved and conclusion.held is not None:
        events.append(carried_on(conclusion.held, decision, state.next_trade_id))
    elif approved:
        events.append(OrderPlaced(at, entry_order(decision)))
    return events


def heeded_events(state: EngineState, around: Surroundings, at: datetime) -> list[Event]:
    """What this run has to take over from outside: a halt, its end, breakers that other runs tripped or persons reset.

    A halt holds as long as either the switch or the account's record says so.
    """
    events: list[Event] = []
    halted_elsewhere = around.others.tripped.get(HALT)
    if around.halt is not None and (HALT not in state.tripped or around.halt.flatten > state.flatten):
        events.append(TradingHalted(at, around.halt.by, around.halt.reason, around.halt.flatten))
    elif around.halt is None and halted_elsewhere is not None and HALT not in state.tripped:
        events.append(TradingHalted(at, _ELSEWHERE, halted_elsewhere, flatten=False))
    elif around.halt is None and HALT in state.tripped and HALT in around.others.lifted:
        events.append(TradingResumed(at, *around.others.lifted[HALT]))
    for name, why in around.others.tripped.items():
        if name != HALT and name not in state.tripped:
            events.append(BreakerTripped(at, name, why))
    for name, (by, why) in around.others.lifted.items():
        if name != HALT and name in state.tripped:
            events.append(BreakerReset(at, name, by, why))
    return events


def blocked(decision: Decision, check: Check) -> Decision:
    """The decision, approved by its own account, as the guardrails' last look leaves it."""
    stopped = StageRecord(StageName.GUARDRAILS, StageVerdict.BLOCKED, check.reason, check.detail)
    stages: Sequence[StageRecord] = [stopped if s.stage is StageName.GUARDRAILS else s for s in decision.stages]
    return replace(
        decision,
        status=DecisionStatus.BLOCKED,
        action=Action.HOLD,
        quantity=0,
        size_pct=0.0,
        reason=check.reason,
        blocked_by=StageName.GUARDRAILS,
        stages=tuple(stages),
    )


def _last_look(
    decision: Decision, state: EngineState, portfolio: PortfolioView, others: AccountUsage, config: EngineConfig
) -> Check:
    """The guardrails once more, with what other runs use up and what has just been heeded."""
    if HALT in state.tripped:  # the kill switch works with everything else switched off
        return refused(Gate.HALT, f"trading is halted: {state.tripped[HALT]}")
    if not config.enhancements.security:
        return Check(True, "guardrails are off")
    counted = max(0, others.entries_today - state.entries_elsewhere)  # the session's open counted the earlier ones
    whole = portfolio if portfolio.tripped == state.tripped else replace(portfolio, tripped=state.tripped)
    if counted or others.orders_last_minute or others.exposure_usd or others.loss_today_usd:
        whole = whole.beside(replace(others, entries_today=counted, tripped={}))
    return check_entry(config.guardrails, whole, decision.size_pct, ticker=decision.ticker, price=decision.entry_price)
