"""The decision path: ``proposal.propose``, one question to memory, ``conclude``. Pure on both sides of the question."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lightning_gex.analytics.observation import Observation, observation
from lightning_gex.core.decision import (
    GATE_KEY,
    Cap,
    Decision,
    Scalar,
    StageRecord,
    decision_later,
    not_asked,
    record_later,
)
from lightning_gex.core.deferred import Later, to_read
from lightning_gex.core.enums import Action, DecisionStatus, Direction, StageName, StageVerdict
from lightning_gex.core.errors import LightningError, RefusedError
from lightning_gex.core.orders import OpenTrade
from lightning_gex.core.patterns import Neighbours, Pattern
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.core.ports import SizingPolicy
from lightning_gex.core.quick_init import quick_init, replaced
from lightning_gex.core.units import BASIS_POINT
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.layers import execution_station, record_of, strategic_station, tactical_station
from lightning_gex.engine.learning import is_backed
from lightning_gex.engine.proposal import Proposal
from lightning_gex.engine.state import EngineState
from lightning_gex.engine.universe import Universe
from lightning_gex.memory.confidence import ConfidenceAdjustment, adjust_confidence, similar_setups
from lightning_gex.memory.vector import VECTOR_SCHEMA
from lightning_gex.risk.check import Check, Gate, refused
from lightning_gex.risk.guardrails import check_entry, size_caps
from lightning_gex.risk.strategic import RegimeLimits
from lightning_gex.risk.tactical import TradePlan
from lightning_gex.sizing.capital_share import share_cap
from lightning_gex.sizing.kelly_size import KellySizing, choose_size, kelly_cap, quantity_for
from lightning_gex.sizing.ladder import LADDER, rung_at_or_below
from lightning_gex.sizing.track_record import TrackRecord

_STAGES = tuple(StageName)
_NOTHING = float("nan")


@quick_init
@dataclass(frozen=True, slots=True)
class Conclusion:
    """A decision, what memory should keep of it, and the open trade that it carries on, if any."""

    decision: Decision
    pattern: Pattern | None
    held: OpenTrade | None = None


@dataclass(slots=True)
class _Path:
    """The stations passed so far, and the first that blocked."""

    records: list[StageRecord] = field(default_factory=list)
    blocked: StageRecord | None = None

    def add(self, record: StageRecord) -> None:
        if self.blocked is not None:
            return  # later stations go on for the sake of what memory learns; for the decision they were not asked
        self.records.append(record)
        if record.verdict is StageVerdict.BLOCKED:
            self.blocked = record

    def check(self, stage: StageName, check: Check, fallback: str | None = None) -> None:
        self.add(record_of(stage, check, fallback))

    def off(self, stage: StageName, reason: str) -> None:
        self.add(StageRecord(stage, StageVerdict.OFF, reason))

    def all_records(self) -> tuple[StageRecord, ...]:
        """One record a station, in order; stations behind a block were skipped."""
        said = {r.stage: r for r in self.records}
        return tuple([said.get(s) or not_asked(s) for s in _STAGES])


def conclude(
    proposal: Proposal,
    neighbours: Neighbours | None,
    state: EngineState,
    portfolio: PortfolioView,
    policy: SizingPolicy | None,
    config: EngineConfig,
    universe: Universe | None = None,
    held: OpenTrade | None = None,
) -> Conclusion:
    """The second half: may it be done, and how large.

    Parameters
    ----------
    proposal : what the agents want.
    neighbours : what memory recalled; None where it was not asked.
    state : the account.
    portfolio : the account at the present prices.
    policy : a trained sizing policy, or None.
    config : how decisions are made.
    universe : what trades beside it; None where nothing is known of it.
    held : a trade of the same ticker and direction whose horizon ends, and which ``portfolio`` is without: where this
        would be entered, it is carried on instead.
    """
    path = _Path([proposal.record])
    if proposal.direction is Direction.NEUTRAL:
        return Conclusion(_no_signal(proposal, path), None)
    confidence, shift = _memory(path, proposal, neighbours, state, config)
    strategic, limits = strategic_station(proposal.regime, config)
    path.add(strategic)
    plan = _tactical(path, proposal, limits, portfolio, config, universe)
    if path.blocked is None and not proposal.trading:
        early = refused(Gate.ONLY_LEARNING, "before the first session to trade: only learning")
        path.check(StageName.TACTICAL, early)
    if plan is None:
        return Conclusion(_decision(proposal, path, confidence, None), None)
    size = None
    if path.blocked is None:
        size = _size(path, proposal, plan, state, portfolio, policy, config, held)
        _execute(path, proposal, plan, size, portfolio, config)
        _guard(path, proposal, size, portfolio, config)
    decision = _decision(proposal, path, confidence, plan, size)
    pattern = _pattern(proposal, plan, confidence, shift, decision)  # learning needs no permission
    return Conclusion(decision, pattern, held if decision.carries_on else None)


# --- the stations, in order --------------------------------------------------------------------------------------


def _memory(
    path: _Path, proposal: Proposal, neighbours: Neighbours | None, state: EngineState, config: EngineConfig
) -> tuple[float, float]:
    """The confidence after memory, and what memory advised to add to its log-odds; NaN where nothing."""
    confidence, shift = proposal.confidence, _NOTHING
    if neighbours is None:
        path.off(StageName.MEMORY, "memory is off: the confidence stays as it is")
    else:
        adjusted = adjust_confidence(
            confidence,
            neighbours,
            base_rate=proposal.base_rate,
            as_of=proposal.as_of,
            say=state.learning.memory,
            config=config.memory,
        )
        confidence, shift = adjusted.confidence, adjusted.shift
        later = {"reason": lambda: adjusted.reason, "detail": lambda: _memory_detail(adjusted, neighbours)}
        said = record_later(later, stage=StageName.MEMORY, verdict=StageVerdict.PASSED, fallback=adjusted.fallback)
        path.add(said)
    if not confidence >= config.minimum_confidence:  # NaN is below everything
        path.add(_not_enough(path.records.pop(), confidence, config))
    return confidence, shift


def _memory_detail(adjusted: ConfidenceAdjustment, neighbours: Neighbours) -> dict[str, Scalar]:
    return {
        "multiplier": adjusted.multiplier,
        "considered": adjusted.considered,
        "resolved_in_book": neighbours.resolved_in_book,
        "confidence": adjusted.confidence,
        "similar": similar_setups(neighbours),
        **adjusted.advice,
    }


def _not_enough(said: StageRecord, confidence: float, config: EngineConfig) -> StageRecord:
    """What memory said, blocked: the confidence after it is not traded."""
    least, gate = config.minimum_confidence, str(Gate.LEAST_CONFIDENCE)
    later = {
        "reason": lambda: f"confidence {confidence:.3f} is below the least that is traded, {least:g}",
        "detail": lambda: {GATE_KEY: gate, **said.detail},
        GATE_KEY: lambda: gate,
    }
    return record_later(later, stage=StageName.MEMORY, verdict=StageVerdict.BLOCKED, fallback=said.fallback)


def _tactical(
    path: _Path,
    proposal: Proposal,
    limits: RegimeLimits,
    portfolio: PortfolioView,
    config: EngineConfig,
    universe: Universe | None,
) -> TradePlan | None:
    record, plan = tactical_station(
        direction=proposal.direction,
        ticker=proposal.ticker,
        price=proposal.price,
        features=proposal.features,
        consensus_target=proposal.target_price,
        consensus_stop=proposal.stop_price,
        horizon_sessions=proposal.horizon_sessions,
        strategy=proposal.strategy,
        limits=limits,
        portfolio=portfolio,
        config=config,
        universe=universe,
    )
    path.add(record)
    return plan


@quick_init
@dataclass(frozen=True, slots=True)
class _Size:
    """How much, which limits were considered, which one decided, and whether it is held already."""

    size_pct: float
    quantity: int
    caps: tuple[Cap, ...]
    binding: str
    held: bool = False


def _size(
    path: _Path,
    proposal: Proposal,
    plan: TradePlan,
    state: EngineState,
    portfolio: PortfolioView,
    policy: SizingPolicy | None,
    config: EngineConfig,
    held: OpenTrade | None,
) -> _Size:
    cap, fallback, detail = _appetite(proposal, plan, state, portfolio, policy, config)
    caps = [
        Cap("ladder", LADDER[-1], "the highest rung of the size ladder"),
        cap,
        Cap("cash", max(0.0, portfolio.cash / portfolio.equity) if portfolio.equity > 0 else 0.0, "free cash"),
    ]
    if config.enhancements.hierarchical:
        caps.extend(plan.caps)
    if config.enhancements.security:
        caps.extend(size_caps(config.guardrails, portfolio, proposal.ticker))
    size_pct, binding = choose_size(caps)
    if config.capital_share < 1.0:
        cap = _of_its_share(size_pct, portfolio, config)
        caps.append(cap)
        if cap.size_pct < size_pct:
            detail = {**detail, "capital_share": config.capital_share, "bound_before_share": binding}
            size_pct, binding = cap.size_pct, cap.name
    quantity = quantity_for(size_pct, portfolio.equity, plan.entry_price)
    decided = next(c for c in caps if c.name == binding)
    size = _Size(size_pct, quantity, tuple(caps), binding)
    record: dict[str, Scalar] = {"size_pct": size_pct, "quantity": quantity, "binding_cap": binding, **detail}
    if size_pct == 0 or quantity == 0:
        why = f"{_plain_pct(size_pct)} of equity is less than one share"
        if size_pct == 0:
            short = f", less than the lowest rung of {LADDER[1]:.0%}" if 0 < decided.size_pct < LADDER[1] else ""
            why = f"size 0: {decided.reason}{short}"
        path.check(StageName.SIZING, refused(binding, why, record), fallback)
    elif held is not None:
        held_pct = held.quantity * plan.entry_price / portfolio.equity
        size = _as_held(path, size, held.quantity, held_pct, record, fallback)
    else:
        why = f"{_plain_pct(size_pct)} of equity; bound by {binding}: {decided.reason}"
        path.add(StageRecord(StageName.SIZING, StageVerdict.PASSED, why, record, fallback))
    return size


def _as_held(
    path: _Path, size: _Size, quantity: int, held_pct: float, detail: Mapping[str, Scalar], fallback: str | None
) -> _Size:
    """What is held in place of what would be bought: on the ladder it must not be more.

    A position has drifted from the rung it was bought at, and that alone is no reason to sell it.
    """
    detail = {**detail, "held_quantity": quantity, "held_pct": held_pct}
    would = f"{_plain_pct(size.size_pct)} would be bought now, bound by {size.binding}"
    if rung_at_or_below(held_pct) > size.size_pct:
        why = f"{_plain_pct(held_pct)} of equity is held and only {would}"
        path.check(StageName.SIZING, refused(Gate.HELD_SIZE, why, detail), fallback)
        return size
    why = f"{_plain_pct(held_pct)} of equity is held and stays as it is; {would}"
    path.add(StageRecord(StageName.SIZING, StageVerdict.PASSED, why, detail, fallback))
    return _Size(held_pct, quantity, size.caps, size.binding, held=True)


def _of_its_share(size_pct: float, portfolio: PortfolioView, config: EngineConfig) -> Cap:
    return share_cap(
        size_pct,
        config.capital_share,
        exposure_pct=portfolio.exposure_pct,
        max_total_exposure_pct=config.guardrails.max_total_exposure_pct,
    )


def _plain_pct(size_pct: float) -> str:
    """A size in per cent, with no digit that says nothing: ``5%``, ``1.25%``."""
    return f"{100.0 * size_pct:.4g}%"


def _appetite(
    proposal: Proposal,
    plan: TradePlan,
    state: EngineState,
    portfolio: PortfolioView,
    policy: SizingPolicy | None,
    config: EngineConfig,
) -> tuple[Cap, str | None, Mapping[str, Scalar]]:
    """The fixed, the policy's or Kelly's cap, what stood in for what, and the numbers behind it."""
    if config.fixed_size_pct > 0.0:
        return Cap("fixed", config.fixed_size_pct, "a fixed size is set"), None, {}
    fallback = None
    if config.enhancements.rl_sizing:
        seen = _observation(proposal, portfolio)
        if policy is not None and seen.enough:
            try:
                size_pct = policy.size_pct(seen.values)
            except RefusedError as error:  # nothing has beaten Kelly: no failure
                fallback = f"{error}: Kelly sizes"
            except LightningError as error:
                fallback = f"the trained policy failed ({error}): Kelly sizes"
            else:
                note = f"absent observations read 0: {', '.join(seen.absent)}" if seen.absent else None
                return Cap("policy", size_pct, "the trained sizing policy"), note, {}
        else:
            missing = (
                "no trained policy" if policy is None else f"too little to observe ({', '.join(seen.absent)} absent)"
            )
            fallback = f"{missing}: Kelly sizes"
    kelly = _kelly(proposal, plan, state, config)
    detail: dict[str, Scalar] = {
        "cold_start": kelly.cold_start,
        "independent_outcomes": kelly.independent,
        "win_rate": kelly.win_rate,
        "win_probability": kelly.probability,
        "payoff_ratio": kelly.payoff_ratio,
        "kelly_fraction": kelly.fraction,
    }
    return kelly.cap, fallback, detail


def _observation(proposal: Proposal, portfolio: PortfolioView) -> Observation:
    row = proposal.features
    return observation(
        gex_signal=row.value("gex_signal"),
        charm_pressure=row.value("charm_pressure"),
        vanna_sensitivity=row.value("vanna_sensitivity"),
        drawdown=portfolio.drawdown_pct,
        win_rate=portfolio.win_rate,
        volatility=row.value("volatility"),
        portfolio_heat=portfolio.open_risk_pct,
    )


def _kelly(proposal: Proposal, plan: TradePlan, state: EngineState, config: EngineConfig) -> KellySizing:
    """By the record of the direction; where agents that have proved themselves back it, by theirs if that allows more.

    What others made of the direction, or the same agents before they had a say, does not speak against them.
    """
    found = _kelly_by(state.records.get(proposal.direction, TrackRecord()), proposal, plan, config)
    if not is_backed(proposal.record):
        return found
    own = _kelly_by(state.backed_records.get(proposal.direction, TrackRecord()), proposal, plan, config)
    if own.size_pct_cap <= found.size_pct_cap:
        return found
    return replaced(own, reason=f"{own.reason} (of signals backed by agents that have proved themselves)")


def _kelly_by(record: TrackRecord, proposal: Proposal, plan: TradePlan, config: EngineConfig) -> KellySizing:
    return kelly_cap(
        record=record,
        target_return=plan.target_return,
        stop_return=plan.stop_return,
        cost_per_side=config.costs.bp_per_side(proposal.ticker) * BASIS_POINT,
        config=config.kelly,
    )


def _execute(
    path: _Path, proposal: Proposal, plan: TradePlan, size: _Size, portfolio: PortfolioView, config: EngineConfig
) -> None:
    if path.blocked is None:
        path.add(execution_station(plan, size.quantity, proposal.price, proposal.features, portfolio, config))


def _guard(path: _Path, proposal: Proposal, size: _Size, portfolio: PortfolioView, config: EngineConfig) -> None:
    if path.blocked is not None:
        return
    if not config.enhancements.security:
        path.off(StageName.GUARDRAILS, "guardrails are off")
        return
    check = check_entry(config.guardrails, portfolio, size.size_pct, ticker=proposal.ticker, price=proposal.price)
    path.check(StageName.GUARDRAILS, check)


# --- what comes out ----------------------------------------------------------------------------------------------


def _reasons(proposal: Proposal, reason: Callable[[], str]) -> Later:
    """What a decision says of its reasons, composed when somebody reads it."""
    return {
        "reason": reason,
        "votes": to_read(proposal, "votes"),
        "expected_range": to_read(proposal, "expected_range"),
        "range_absence": to_read(proposal, "range_absence"),
    }


def _no_signal(proposal: Proposal, path: _Path) -> Decision:
    return decision_later(
        _reasons(proposal, lambda: proposal.record.reason),
        decision_id=proposal.decision_id,
        ticker=proposal.ticker,
        as_of=proposal.as_of,
        status=DecisionStatus.NO_SIGNAL,
        action=Action.HOLD,
        direction=Direction.NEUTRAL,
        quantity=0,
        entry_price=proposal.price,
        target_price=_NOTHING,
        stop_loss=_NOTHING,
        confidence=proposal.confidence,
        time_horizon_days=proposal.horizon_sessions,
        size_pct=0.0,
        regime=proposal.regime.regime,
        blocked_by=None,
        stages=path.all_records(),
        caps=(),
        binding_cap=None,
    )


def _decision(
    proposal: Proposal, path: _Path, confidence: float, plan: TradePlan | None, size: _Size | None = None
) -> Decision:
    blocked = path.blocked
    approved = blocked is None
    enter = Action.BUY if proposal.direction is Direction.BULLISH else Action.SELL
    held = size is not None and size.held
    if held:
        enter = Action.HOLD

    def reason() -> str:
        said = proposal.record.reason if blocked is None else blocked.reason
        return f"the trade is carried on: {said}" if held and approved else said

    return decision_later(
        _reasons(proposal, reason),
        decision_id=proposal.decision_id,
        ticker=proposal.ticker,
        as_of=proposal.as_of,
        status=DecisionStatus.APPROVED if approved else DecisionStatus.BLOCKED,
        action=enter if approved else Action.HOLD,
        direction=proposal.direction,
        quantity=size.quantity if approved and size is not None else 0,
        entry_price=proposal.price,
        target_price=plan.target_price if plan is not None else _NOTHING,
        stop_loss=plan.stop_price if plan is not None else _NOTHING,
        confidence=min(1.0, max(0.0, confidence)) if math.isfinite(confidence) else confidence,
        time_horizon_days=plan.horizon_sessions if plan is not None else proposal.horizon_sessions,
        size_pct=size.size_pct if approved and size is not None else 0.0,
        regime=proposal.regime.regime,
        blocked_by=None if blocked is None else blocked.stage,
        stages=path.all_records(),
        caps=() if size is None else size.caps,
        binding_cap=None if size is None else size.binding,
    )


def _pattern(
    proposal: Proposal, plan: TradePlan, confidence: float, memory_shift: float, decision: Decision
) -> Pattern:
    """What memory keeps: every signal with a bracket, traded or not, so that learning does not depend on permission."""
    return Pattern(
        pattern_id=proposal.decision_id,
        ticker=proposal.ticker,
        as_of=proposal.as_of,
        vector=proposal.vector,
        direction=proposal.direction,
        confidence=confidence,
        horizon_sessions=plan.horizon_sessions,
        entry_price=plan.entry_price,
        target_price=plan.target_price,
        stop_price=plan.stop_price,
        regime=proposal.regime.regime,
        schema=VECTOR_SCHEMA,
        taken=decision.status is DecisionStatus.APPROVED,
        strategy=proposal.strategy,
        raw_confidence=proposal.raw_confidence,
        base_rate=proposal.base_rate if math.isfinite(proposal.base_rate) else None,
        calls=proposal.calls,
        confidence_before_memory=proposal.confidence,
        memory_shift=memory_shift,
    )
