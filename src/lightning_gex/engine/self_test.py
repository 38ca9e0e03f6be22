"""Proves at the start that every limit is wired: each is broken on a scratch account, and must block.

The scratch account goes through the same last look as every order (``engine.intent``), with the run's own limits. A
control that breaks nothing must pass, or a system that blocks everything would seem safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import Action, DecisionStatus, Direction
from lightning_gex.core.errors import RefusedError
from lightning_gex.core.events import BreakerTripped, DecisionMade, OrderPlaced, TradingHalted
from lightning_gex.core.halt import Halt
from lightning_gex.core.portfolio import AccountUsage, PortfolioView
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.decide import Conclusion
from lightning_gex.engine.intent import Surroundings, intent_events
from lightning_gex.engine.state import initial_state, portfolio_view, step
from lightning_gex.risk.circuit_breaker import Breaker, BreakerInputs, BreakerLimits, tripped
from lightning_gex.risk.guardrails import GuardrailLimits

_NOW = datetime(2000, 1, 3, 15, 0, tzinfo=UTC)
_CAPITAL = Decimal(1_000_000)
_TICKER, _PRICE = "SCRATCH", 100.0
_BEYOND = 1e-6  # how far a limit is passed, as a fraction of equity


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What the self-test tried.

    Parameters
    ----------
    guardrails : the limits that blocked when they were passed.
    breakers : the breakers that tripped at their limit, and stopped an entry.
    halted : whether the kill switch stopped an entry.
    """

    guardrails: tuple[str, ...]
    breakers: tuple[str, ...]
    halted: bool


def self_test(config: EngineConfig) -> SelfTest:
    """Trip every limit of a configuration on a scratch account. Takes a few milliseconds and touches nothing.

    Raises
    ------
    RefusedError : naming the limit that did not block, or that the account which breaks nothing was blocked.
    """
    limits = config.guardrails
    capital_pct = limits.max_capital_usd / float(_CAPITAL)
    least = min(
        limits.max_position_size_pct, limits.max_ticker_exposure_pct, limits.max_total_exposure_pct, capital_pct
    )
    control = _Attempt(size_pct=min(0.01, least) / 2)
    if not _passes(config, control):
        raise RefusedError("the self-test's account, which breaks no limit, was blocked: nothing could be traded")
    if not config.enhancements.security:
        return SelfTest((), (), _stops_on_halt(config, control))
    attempts = _guardrail_attempts(limits, control)
    off = set() if limits.caps_capital else {"max_capital_usd"}
    untested = {f.name for f in fields(GuardrailLimits)} - set(attempts) - off
    _refuse(untested, "guardrail", "is not among those that the self-test knows")
    _refuse([n for n, attempt in attempts.items() if _passes(config, attempt)], "guardrail", "did not block an entry")
    wanted = _breaker_inputs(config.breakers)
    _refuse(set(Breaker) - set(wanted), "circuit breaker", "is not among those that the self-test knows")
    silent = [n for n, inputs in wanted.items() if n not in tripped(config.breakers, inputs)]
    _refuse(silent, "circuit breaker", "did not trip at its limit")
    latched = [*wanted, *(b.name for b in config.own_breakers)]
    _refuse(
        [n for n in latched if _passes(config, control, BreakerTripped(_NOW, n, "test"))],
        "circuit breaker",
        "tripped and did not stop an entry",
    )
    return SelfTest(tuple(attempts), tuple(map(str, latched)), _stops_on_halt(config, control))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An entry, and what of the account differs from a fresh one."""

    size_pct: float
    account: Mapping[str, Any] | None = None
    others: AccountUsage | None = None


def _guardrail_attempts(limits: GuardrailLimits, control: _Attempt) -> dict[str, _Attempt]:
    """For every guardrail an entry that breaks this one and keeps the others as far as their values allow."""
    size = control.size_pct
    exposure = limits.max_total_exposure_pct - size + _BEYOND
    in_ticker = {_TICKER: limits.max_ticker_exposure_pct - size + _BEYOND}
    in_dollars: dict[str, _Attempt] = {}
    if limits.caps_capital:
        elsewhere = limits.max_capital_usd - size * float(_CAPITAL) + 1.0  # a dollar beyond
        in_dollars["max_capital_usd"] = _Attempt(size, others=AccountUsage(exposure_usd={"ELSE": elsewhere}))
    return {
        **in_dollars,
        "max_daily_trades": _Attempt(size, {"daily_trades": limits.max_daily_trades}),
        "max_daily_loss_pct": _Attempt(size, {"daily_loss_pct": limits.max_daily_loss_pct}),
        "max_position_size_pct": _Attempt(limits.max_position_size_pct + _BEYOND),
        "max_total_exposure_pct": _Attempt(
            size, others=AccountUsage(exposure_usd={"ELSE": exposure * float(_CAPITAL)})
        ),
        "max_orders_per_minute": _Attempt(size, others=AccountUsage(orders_last_minute=limits.max_orders_per_minute)),
        "max_ticker_exposure_pct": _Attempt(size, {"ticker_exposure_pct": in_ticker}),
        "price_collar_pct": _Attempt(
            size, {"last_prices": {_TICKER: _PRICE / (1.0 + limits.price_collar_pct + _BEYOND)}}
        ),
    }


def _breaker_inputs(limits: BreakerLimits) -> dict[Breaker, BreakerInputs]:
    """For every breaker what it looks at, exactly at its limit."""
    fresh = _fresh()
    at_rest = BreakerInputs(fresh, vix_now=20.0, vix_before=20.0, data_age_sessions=0, error_rate=0.0)
    return {
        Breaker.DAILY_LOSS: replace(at_rest, portfolio=replace(fresh, daily_loss_pct=limits.max_daily_loss_pct)),
        Breaker.DRAWDOWN: replace(at_rest, portfolio=replace(fresh, drawdown_pct=limits.max_drawdown_pct)),
        Breaker.LOSING_STREAK: replace(at_rest, portfolio=replace(fresh, losing_streak=limits.max_losing_streak)),
        Breaker.VIX_JUMP: replace(at_rest, vix_now=20.0 * (1.0 + limits.max_vix_jump + _BEYOND)),
        Breaker.STALE_DATA: replace(at_rest, data_age_sessions=limits.max_data_age_sessions),
        Breaker.ERROR_RATE: replace(at_rest, error_rate=limits.max_error_rate),
    }


def _fresh() -> PortfolioView:
    return portfolio_view(initial_state(_CAPITAL), {}, _NOW)


def _passes(
    config: EngineConfig, attempt: _Attempt, *before: BreakerTripped | TradingHalted, halt: Halt | None = None
) -> bool:
    """Whether an entry that its own account approves becomes an order."""
    state = initial_state(_CAPITAL)
    for event in before:
        state = step(state, event)
    portfolio = replace(_fresh(), **(attempt.account or {}))
    around = Surroundings(attempt.others or AccountUsage(), halt)
    events = intent_events(
        Conclusion(approved_entry(attempt.size_pct), None),
        at=_NOW + timedelta(seconds=1),
        state=state,
        portfolio=portfolio,
        around=around,
        config=config,
    )
    (decision,) = (e.decision for e in events if isinstance(e, DecisionMade))
    ordered = any(isinstance(e, OrderPlaced) for e in events)
    return ordered or decision.status is DecisionStatus.APPROVED


def _stops_on_halt(config: EngineConfig, control: _Attempt) -> bool:
    if _passes(config, control, halt=Halt("the self-test", "a drill", flatten=False)):
        raise RefusedError("the kill switch did not stop an entry: do not trade with this installation")
    return True


def approved_entry(size_pct: float) -> Decision:
    """An entry of a scratch account, of this fraction of its equity, that nothing has objected to yet."""
    return Decision(
        decision_id="self-test",
        ticker=_TICKER,
        as_of=_NOW,
        status=DecisionStatus.APPROVED,
        action=Action.BUY,
        direction=Direction.BULLISH,
        quantity=1,
        entry_price=_PRICE,
        target_price=_PRICE * 1.05,
        stop_loss=_PRICE * 0.95,
        confidence=0.6,
        time_horizon_days=5,
        size_pct=size_pct,
        regime=None,
        reason="the self-test",
        blocked_by=None,
        stages=(),
        votes=(),
    )


def _refuse(names: Iterable[str], what: str, problem: str) -> None:
    for name in sorted(names):
        raise RefusedError(f"{what} {name} {problem}: do not trade with this installation")
