"""What the agents want on one row, before anybody asks whether it may be done: the first half of the decision path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from lightning_gex.core.decision import ExpectedRange, StageRecord
from lightning_gex.core.deferred import Deferred, deferred_part, deferring
from lightning_gex.core.enums import Direction
from lightning_gex.core.features import FeatureRow
from lightning_gex.core.patterns import AgentCall
from lightning_gex.core.quick_init import quick_init
from lightning_gex.core.votes import Vote
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.layers import limits_in_force
from lightning_gex.engine.learning import Learning, Proved
from lightning_gex.engine.perception import Perception
from lightning_gex.engine.signal_station import is_core, signal_of
from lightning_gex.risk.strategic import RegimeReading, Strategy
from lightning_gex.risk.tactical import nearest_timeframe

_NOTHING = float("nan")
_ALONE = " (multi-agent coordination is off: dealer positioning alone)"


@quick_init
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


@quick_init
@dataclass(frozen=True, slots=True, eq=False)
class Proposal(Deferred):
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
    features: FeatureRow
    vector: tuple[float, ...]
    regime: RegimeReading
    votes: tuple[Vote, ...]
    record: StageRecord
    raw_confidence: float = _NOTHING
    base_rate: float = _NOTHING
    expected_range: ExpectedRange | None = None
    range_absence: str | None = None

    @property
    def calls(self) -> tuple[AgentCall, ...]:
        """What each agent said, in numbers."""
        known = deferred_part(self, "calls")
        if known is not None:
            found: tuple[AgentCall, ...] = known()
            return found
        return tuple([AgentCall(v.agent, v.direction, _probability_up(v)) for v in self.votes])


_proposal_later = deferring(Proposal)


def decision_id_of(ticker: str, as_of: datetime, label: str = "", sequence: int = 0) -> str:
    """A decision's name, the same whenever the same decision is made: ticker, moment, and what tells runs apart."""
    suffix = f"-{sequence}" if sequence else ""
    return f"{label}{ticker}-{_stamp(as_of)}{suffix}"


@lru_cache(maxsize=64)  # every ticker of a session asks for the same one
def _stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"


def propose(
    snapshot: Snapshot,
    config: EngineConfig,
    learning: Learning | None = None,
    proved: Mapping[str, Proved] | None = None,
) -> Proposal:
    """The first half: what the agents' consensus wants on this row.

    Parameters
    ----------
    snapshot : what it is made from.
    config : how decisions are made.
    learning : what past outcomes taught about probabilities; None knows of none.
    proved : agent -> what it has proved, of those that count by it; None knows of none.
    """
    perception, i = snapshot.perception, snapshot.row
    consensus, regime = perception.consensus, perception.regimes.at(i)
    leader, horizon = consensus.leader.item(i), consensus.horizon_sessions.item(i)
    strategy = perception.votes[leader].strategy if leader >= 0 else ""
    limits = limits_in_force(regime, config)
    core = False
    if config.enhancements.hierarchical and config.tactical.core_ideas and not consensus.direction[i]:
        core_horizon = config.tactical.core_horizon_sessions
        core = is_core(perception, i, nearest_timeframe(core_horizon, limits), proved)
        if core:
            horizon, strategy = core_horizon, Strategy.CORE.value
    signal = signal_of(
        perception,
        i,
        horizon_sessions=nearest_timeframe(horizon, limits),
        learning=(learning or Learning()) if config.calibrate else None,
        notes=snapshot.notes,
        remark="" if config.enhancements.multi_agent else _ALONE,
        core=core,
        proved=proved,
    )
    later = {
        "votes": lambda: tuple([v.at(i) for v in perception.votes]),
        "calls": lambda: perception.calls_at(i),
        "expected_range": lambda: perception.forecast.at(i),
        "range_absence": lambda: perception.forecast.absence_at(i),
    }
    return _proposal_later(
        later,
        decision_id=decision_id_of(snapshot.ticker, snapshot.as_of, snapshot.label, snapshot.sequence),
        ticker=snapshot.ticker,
        as_of=snapshot.as_of,
        trading=snapshot.trading,
        direction=signal.direction,
        confidence=signal.confidence,
        target_price=consensus.target_price.item(i),
        stop_price=consensus.stop_price.item(i),
        horizon_sessions=horizon,
        strategy=strategy,
        price=perception.features.value("price", i),
        features=perception.features.look(i),
        vector=tuple(perception.vectors[i].tolist()),
        regime=regime,
        record=signal.record,
        raw_confidence=signal.raw_confidence,
        base_rate=signal.base_rate,
    )


def _probability_up(vote: Vote) -> float:
    """That the price rises, by one agent's word; NaN where it abstained."""
    return 1.0 - vote.confidence if vote.direction is Direction.BEARISH else vote.confidence
