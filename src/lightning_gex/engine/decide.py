"""The decision path: ``propose``, one question to memory, ``conclude``. Pure on both sides of the question."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lightning_gex.analytics.observation import Observation, observation
from lightning_gex.core.decision import Cap, Decision, Scalar, StageRecord
from lightning_gex.core.enums import Action, DecisionStatus, Direction, MarketRegime, StageName, StageVerdict
from lightning_gex.core.features import Features
from lightning_gex.core.patterns import Neighbours, Pattern
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.core.ports import SizingPolicy
from lightning_gex.core.units import BASIS_POINT
from lightning_gex.core.votes import Vote
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.perception import Perception
from lightning_gex.engine.state import EngineState
from lightning_gex.memory.confidence import adjust_confidence
from lightning_gex.risk.check import Check
from lightning_gex.risk.execution import check_execution
from lightning_gex.risk.guardrails import check_entry, size_caps
from lightning_gex.risk.strategic import DEFAULT_LIMITS, RegimeLimits, RegimeReading, Strategy
from lightning_gex.risk.tactical import TradePlan, plan_trade
from lightning_gex.sizing.kelly_size import KellySizing, choose_size, kelly_cap, quantity_for
from lightning_gex.sizing.ladder import LADDER
from lightning_gex.sizing.track_record import TrackRecord

_STAGES = tuple(StageName)
_NOTHING = float("nan")
#: With the three layers off nothing is forbidden and no budget binds; brackets keep the range-bound regime's width.
UNFILTERED_LIMITS = RegimeLimits(
    max_portfolio_risk=1.0,
    max_position_size=1.0,
    max_positions=1_000_000,
    preferred_timeframes=(3, 5, 7, 10, 14, 21),
    allowed_strategies=tuple(Strategy),
    stop_loss_multiplier=DEFAULT_LIMITS[MarketRegime.RANGE_BOUND].stop_loss_multiplier,
    take_profit_multiplier=DEFAULT_LIMITS[MarketRegime.RANGE_BOUND].take_profit_multiplier,
    max_daily_loss=1.0,
)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What a decision is made from: one row of a perception.

    Parameters
    ----------
    ticker : symbol.
    as_of : aware UTC, the moment of the decision.
    perception : what was perceived; nothing may look past ``row``.
    row : the moment's row.
    trading : False while the system only learns.
    label : put before the decision's id, where ids of several runs meet in one memory.
    sequence : tells apart decisions on one ticker at one moment.
    notes : what the driver had to assume, for the record (such as a stamped time).
    """

    ticker: str
    as_of: datetime
    perception: Perception
    row: int
    trading: bool = True
    label: str = ""
    sequence: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """What the agents want, before anybody asked whether it may be done. Numbers are NaN where there are none."""

    decision_id: str
    ticker: str
    as_of: datetime
    trading: bool
    direction: Direction
    confidence: float
    target_price: float
    stop_price: float
    horizon_sessions: int
    strategy: str
    price: float
    features: Features
    vector: tuple[float, ...]
    regime: RegimeReading
    votes: tuple[Vote, ...]
    record: StageRecord


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A decision, and what memory should keep of it."""

    decision: Decision
    pattern: Pattern | None


def decision_id_of(ticker: str, as_of: datetime, label: str = "", sequence: int = 0) -> str:
    """A decision's name, the same whenever the same decision is made: ticker, moment, and what tells runs apart."""
    suffix = f"-{sequence}" if sequence else ""
    return f"{label}{ticker}-{as_of:%Y%m%dT%H%M%SZ}{suffix}"


def propose(snapshot: Snapshot, config: EngineConfig) -> Proposal:
    """The first half: what the agents' consensus wants on this row."""
    perception, i = snapshot.perception, snapshot.row
    consensus = perception.consensus
    leader = int(consensus.leader[i])
    direction = Direction(int(consensus.direction[i]))
    return Proposal(
        decision_id=decision_id_of(snapshot.ticker, snapshot.as_of, snapshot.label, snapshot.sequence),
        ticker=snapshot.ticker,
        as_of=snapshot.as_of,
        trading=snapshot.trading,
        direction=direction,
        confidence=float(consensus.confidence[i]),
        target_price=float(consensus.target_price[i]),
        stop_price=float(consensus.stop_price[i]),
        horizon_sessions=int(consensus.horizon_sessions[i]),
        strategy=perception.votes[leader].strategy if leader >= 0 else "",
        price=float(perception.features["price"][i]),
        features=perception.features.row(i),
        vector=tuple(perception.vectors[i].tolist()),
        regime=perception.regimes.at(i),
        votes=tuple(v.at(i) for v in perception.votes),
        record=_signal_record(snapshot, config),
    )


def _signal_record(snapshot: Snapshot, config: EngineConfig) -> StageRecord:
    perception, i = snapshot.perception, snapshot.row
    consensus = perception.consensus
    voting, agents = int(consensus.voting[i]), len(perception.votes)
    direction = Direction(int(consensus.direction[i]))
    who = f"{voting} of {agents} agents voted"
    detail: dict[str, Scalar] = {
        "voting": voting,
        "agreement": float(consensus.agreement[i]),
        "confidence": float(consensus.confidence[i]),
    }
    fallback = "; ".join((*snapshot.notes, *perception.features.stand_ins)) or None
    if direction is Direction.NEUTRAL:
        if bool(consensus.conflict[i]):
            reason = f"{who} and contradicted each other: no direction"
        elif voting == 0:
            reason = "every agent abstained: " + _abstentions(perception, i)
        else:
            reason = f"{who}: no direction"
        return StageRecord(StageName.SIGNAL, StageVerdict.ABSTAINED, reason, detail, fallback)
    lead = perception.votes[int(consensus.leader[i])].agent
    reason = f"{direction.word}: {who}, {consensus.agreement[i]:.0%} of the weight agrees, led by {lead}"
    if not config.enhancements.multi_agent:
        reason += " (multi-agent coordination is off: dealer positioning alone)"
    return StageRecord(StageName.SIGNAL, StageVerdict.PASSED, reason, detail, fallback)


def _abstentions(perception: Perception, i: int) -> str:
    return "; ".join(f"{v.agent}: {v.abstain_reason}" for v in perception.votes if v.abstained[i])


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
        verdict = StageVerdict.PASSED if check.passed else StageVerdict.BLOCKED
        self.add(StageRecord(stage, verdict, check.reason, check.detail, fallback))

    def off(self, stage: StageName, reason: str) -> None:
        self.add(StageRecord(stage, StageVerdict.OFF, reason))

    def all_records(self) -> tuple[StageRecord, ...]:
        """One record a station, in order; stations behind a block were skipped."""
        said = {r.stage: r for r in self.records}
        skipped = "not asked: an earlier stage ended it"
        return tuple(said.get(s) or StageRecord(s, StageVerdict.SKIPPED, skipped) for s in _STAGES)


def conclude(
    proposal: Proposal,
    neighbours: Neighbours | None,
    state: EngineState,
    portfolio: PortfolioView,
    policy: SizingPolicy | None,
    config: EngineConfig,
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
    """
    path = _Path([proposal.record])
    if proposal.direction is Direction.NEUTRAL:
        return Conclusion(_no_signal(proposal, path), None)
    confidence = _memory(path, proposal, neighbours, state, config)
    limits = _strategic(path, proposal, config)
    plan = _tactical(path, proposal, limits, portfolio, config)
    pattern = None if plan is None else _pattern(proposal, plan, confidence)  # learning needs no permission
    if path.blocked is None and not proposal.trading:
        path.check(StageName.TACTICAL, Check(False, "before the first session to trade: only learning"))
    if plan is None or path.blocked is not None:
        return Conclusion(_decision(proposal, path, confidence, plan), pattern)
    size = _size(path, proposal, plan, state, portfolio, policy, config)
    _execute(path, proposal, plan, size, portfolio, config)
    _guard(path, proposal, size, portfolio, config)
    return Conclusion(_decision(proposal, path, confidence, plan, size), pattern)


# --- the stations, in order --------------------------------------------------------------------------------------


def _memory(
    path: _Path, proposal: Proposal, neighbours: Neighbours | None, state: EngineState, config: EngineConfig
) -> float:
    confidence = proposal.confidence
    if neighbours is None:
        path.off(StageName.MEMORY, "memory is off: the confidence stays as it is")
    else:
        base = _record(state, proposal.direction).win_rate
        adjusted = adjust_confidence(confidence, neighbours, base_win_rate=base, config=config.memory)
        confidence = adjusted.confidence
        detail: dict[str, Scalar] = {
            "multiplier": adjusted.multiplier,
            "considered": adjusted.considered,
            "resolved_in_book": neighbours.resolved_in_book,
            "confidence": confidence,
        }
        path.add(StageRecord(StageName.MEMORY, StageVerdict.PASSED, adjusted.reason, detail, adjusted.fallback))
    if not confidence >= config.minimum_confidence:  # NaN is below everything
        last = path.records.pop()
        reason = f"confidence {confidence:.3f} is below the least that is traded, {config.minimum_confidence:g}"
        path.add(StageRecord(StageName.MEMORY, StageVerdict.BLOCKED, reason, last.detail, last.fallback))
    return confidence


def _strategic(path: _Path, proposal: Proposal, config: EngineConfig) -> RegimeLimits:
    if not config.enhancements.hierarchical:
        path.off(StageName.STRATEGIC, "the three layers are off: no regime filters")
        return UNFILTERED_LIMITS
    reading = proposal.regime
    if reading.regime is None or reading.regime not in config.regimes:
        path.check(StageName.STRATEGIC, Check(False, reading.reason), reading.fallback)
        return UNFILTERED_LIMITS
    limits = config.regimes[reading.regime]
    detail: dict[str, Scalar] = {
        "regime": reading.regime.value,
        "max_position_size": limits.max_position_size,
        "max_portfolio_risk": limits.max_portfolio_risk,
        "max_positions": limits.max_positions,
        "max_daily_loss": limits.max_daily_loss,
    }
    passed = StageRecord(StageName.STRATEGIC, StageVerdict.PASSED, reading.reason, detail, reading.fallback)
    path.add(passed)
    return limits


def _tactical(
    path: _Path, proposal: Proposal, limits: RegimeLimits, portfolio: PortfolioView, config: EngineConfig
) -> TradePlan | None:
    result = plan_trade(
        direction=proposal.direction,
        entry_price=proposal.price,
        atr=float(proposal.features["atr"][0]),
        consensus_target=proposal.target_price,
        consensus_stop=proposal.stop_price,
        horizon_sessions=proposal.horizon_sessions,
        strategy=proposal.strategy,
        limits=limits,
        portfolio=portfolio,
        ticker=proposal.ticker,
        config=config.tactical,
    )
    verdict = StageVerdict.PASSED if result.passed else StageVerdict.BLOCKED
    path.add(StageRecord(StageName.TACTICAL, verdict, result.reason, result.detail, result.fallback))
    return result.plan


@dataclass(frozen=True, slots=True)
class _Size:
    """How much, which limits were considered, and which one decided."""

    size_pct: float
    quantity: int
    caps: tuple[Cap, ...]
    binding: str


def _size(
    path: _Path,
    proposal: Proposal,
    plan: TradePlan,
    state: EngineState,
    portfolio: PortfolioView,
    policy: SizingPolicy | None,
    config: EngineConfig,
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
    quantity = quantity_for(size_pct, portfolio.equity, plan.entry_price)
    decided = next(c for c in caps if c.name == binding)
    size = _Size(size_pct, quantity, tuple(caps), binding)
    record: dict[str, Scalar] = {"size_pct": size_pct, "quantity": quantity, "binding_cap": binding, **detail}
    if size_pct == 0 or quantity == 0:
        why = f"{size_pct:.0%} of equity is less than one share"
        if size_pct == 0:
            short = f", less than the lowest rung of {LADDER[1]:.0%}" if 0 < decided.size_pct < LADDER[1] else ""
            why = f"size 0: {decided.reason}{short}"
        path.add(StageRecord(StageName.SIZING, StageVerdict.BLOCKED, why, record, fallback))
    else:
        why = f"{size_pct:.0%} of equity; bound by {binding}: {decided.reason}"
        path.add(StageRecord(StageName.SIZING, StageVerdict.PASSED, why, record, fallback))
    return size


def _appetite(
    proposal: Proposal,
    plan: TradePlan,
    state: EngineState,
    portfolio: PortfolioView,
    policy: SizingPolicy | None,
    config: EngineConfig,
) -> tuple[Cap, str | None, Mapping[str, Scalar]]:
    """The policy's or Kelly's cap, what stood in for what, and the numbers behind it."""
    fallback = None
    if config.enhancements.rl_sizing:
        seen = _observation(proposal, portfolio)
        if policy is not None and seen.enough:
            note = f"absent observations read 0: {', '.join(seen.absent)}" if seen.absent else None
            return Cap("policy", policy.size_pct(seen.values), "the trained sizing policy"), note, {}
        missing = "no trained policy" if policy is None else f"too little to observe ({', '.join(seen.absent)} absent)"
        fallback = f"{missing}: Kelly sizes"
    kelly = _kelly(proposal, plan, state, config)
    detail: dict[str, Scalar] = {
        "cold_start": kelly.cold_start,
        "independent_outcomes": kelly.independent,
        "win_rate": kelly.win_rate,
        "payoff_ratio": kelly.payoff_ratio,
        "kelly_fraction": kelly.fraction,
    }
    return kelly.cap, fallback, detail


def _observation(proposal: Proposal, portfolio: PortfolioView) -> Observation:
    row = proposal.features
    return observation(
        gex_signal=float(row["gex_signal"][0]),
        charm_pressure=float(row["charm_pressure"][0]),
        vanna_sensitivity=float(row["vanna_sensitivity"][0]),
        drawdown=portfolio.drawdown_pct,
        win_rate=portfolio.win_rate,
        volatility=float(row["volatility"][0]),
        portfolio_heat=portfolio.open_risk_pct,
    )


def _kelly(proposal: Proposal, plan: TradePlan, state: EngineState, config: EngineConfig) -> KellySizing:
    return kelly_cap(
        record=_record(state, proposal.direction),
        target_return=plan.target_return,
        stop_return=plan.stop_return,
        cost_per_side=config.costs.bp_per_side(proposal.ticker) * BASIS_POINT,
        config=config.kelly,
    )


def _record(state: EngineState, direction: Direction) -> TrackRecord:
    return state.records.get(direction, TrackRecord())


def _execute(
    path: _Path, proposal: Proposal, plan: TradePlan, size: _Size, portfolio: PortfolioView, config: EngineConfig
) -> None:
    if path.blocked is not None:
        return
    if not config.enhancements.hierarchical:
        path.off(StageName.EXECUTION, "the three layers are off: no execution checks")
        return
    check = check_execution(plan, size.quantity, proposal.price, portfolio, config.execution)
    path.check(StageName.EXECUTION, check)


def _guard(path: _Path, proposal: Proposal, size: _Size, portfolio: PortfolioView, config: EngineConfig) -> None:
    if path.blocked is not None:
        return
    if not config.enhancements.security:
        path.off(StageName.GUARDRAILS, "guardrails are off")
        return
    check = check_entry(config.guardrails, portfolio, size.size_pct, ticker=proposal.ticker, price=proposal.price)
    path.check(StageName.GUARDRAILS, check)


# --- what comes out ----------------------------------------------------------------------------------------------


def _no_signal(proposal: Proposal, path: _Path) -> Decision:
    return Decision(
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
        reason=proposal.record.reason,
        blocked_by=None,
        stages=path.all_records(),
        votes=proposal.votes,
    )


def _decision(
    proposal: Proposal, path: _Path, confidence: float, plan: TradePlan | None, size: _Size | None = None
) -> Decision:
    blocked = path.blocked
    approved = blocked is None
    enter = Action.BUY if proposal.direction is Direction.BULLISH else Action.SELL
    return Decision(
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
        reason=proposal.record.reason if blocked is None else blocked.reason,
        blocked_by=None if blocked is None else blocked.stage,
        stages=path.all_records(),
        votes=proposal.votes,
        caps=() if size is None else size.caps,
        binding_cap=None if size is None else size.binding,
    )


def _pattern(proposal: Proposal, plan: TradePlan, confidence: float) -> Pattern | None:
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
    )
