"""Every trade the agents would have wanted on a history, for training a sizing policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from lightning_gex.core.enums import Direction
from lightning_gex.core.units import Float64Array1D, Int8Array1D, Int64Array1D
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.perception import Perception
from lightning_gex.engine.signal_station import is_core
from lightning_gex.engine.state import initial_state, portfolio_view
from lightning_gex.risk.strategic import RegimeLimits, Strategy
from lightning_gex.risk.tactical import nearest_timeframe, plan_trade

_FLAT = portfolio_view(initial_state(Decimal(100_000)), {}, datetime(2000, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Signals with their brackets, (k,) each, in order of ``row``.

    Parameters
    ----------
    row : row of the perception.
    direction : -1 or 1.
    target_price, stop_price : USD.
    horizon_sessions : sessions.
    """

    row: Int64Array1D
    direction: Int8Array1D
    target_price: Float64Array1D
    stop_price: Float64Array1D
    horizon_sessions: Int64Array1D


def candidates(perception: Perception, config: EngineConfig) -> Candidates:
    """The signals and core ideas of a perception that the tactical layer would take with an empty account."""
    consensus, features = perception.consensus, perception.features
    found: list[tuple[int, int, float, float, int]] = []
    for i in range(len(consensus.direction)):
        regime = perception.regimes.at(i).regime
        if regime is None or regime not in config.regimes:
            continue
        view = _view(perception, i, config.regimes[regime], config)
        if view is None:
            continue
        wanted = plan_trade(
            direction=view.direction,
            entry_price=float(features["price"][i]),
            atr=float(features["atr"][i]),
            consensus_target=float(consensus.target_price[i]),
            consensus_stop=float(consensus.stop_price[i]),
            horizon_sessions=view.horizon_sessions,
            strategy=view.strategy,
            limits=config.regimes[regime],
            portfolio=_FLAT,
            ticker=features.ticker,
            config=config.tactical,
            true_range_forecast=float(features["true_range_forecast"][i]),
        )
        if wanted.passed and wanted.plan is not None:
            plan = wanted.plan
            found.append((i, int(plan.direction), plan.target_price, plan.stop_price, plan.horizon_sessions))
    table = list(zip(*found, strict=True)) if found else [(), (), (), (), ()]
    return Candidates(
        row=np.array(table[0], dtype=np.int64),
        direction=np.array(table[1], dtype=np.int8),
        target_price=np.array(table[2], dtype=np.float64),
        stop_price=np.array(table[3], dtype=np.float64),
        horizon_sessions=np.array(table[4], dtype=np.int64),
    )


@dataclass(frozen=True, slots=True)
class _View:
    """What a row wants, as ``proposal.propose`` reads it."""

    direction: Direction
    horizon_sessions: int
    strategy: str


def _view(perception: Perception, i: int, limits: RegimeLimits, config: EngineConfig) -> _View | None:
    consensus, tactical = perception.consensus, config.tactical
    if consensus.direction[i]:
        strategy = perception.votes[int(consensus.leader[i])].strategy
        return _View(Direction(int(consensus.direction[i])), int(consensus.horizon_sessions[i]), strategy)
    asked = config.enhancements.hierarchical and tactical.core_ideas
    if asked and is_core(perception, i, nearest_timeframe(tactical.core_horizon_sessions, limits)):
        return _View(Direction.BULLISH, tactical.core_horizon_sessions, Strategy.CORE.value)
    return None
