"""Ways of sizing played on the same candidate trades, so that a trained policy can be set against the plain ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from lightning_gex.analytics.bootstrap import date_multiplicities, percentile_interval
from lightning_gex.core.errors import InputError
from lightning_gex.core.patterns import Outcome
from lightning_gex.core.ports import SizingPolicy
from lightning_gex.core.units import BASIS_POINT, Float32Array1D, Float64Array1D, Int64Array1D
from lightning_gex.sizing.environment import EnvironmentTerms, PositionSizingEnv
from lightning_gex.sizing.episodes import Episodes
from lightning_gex.sizing.kelly_size import KellyConfig, kelly_cap
from lightning_gex.sizing.ladder import LADDER, rung_at_or_below
from lightning_gex.sizing.track_record import TrackRecord

#: Annualised volatility that one position may add to the account under volatility targeting.
TARGET_VOLATILITY: Final = 0.01
FIXED_PCT: Final = 0.05
#: A quarter of a year: the stretches whose outcomes are compared and resampled.
BLOCK_SESSIONS: Final = 63

#: (row, observation) -> a fraction of equity.
Sizing = Callable[[int, Float32Array1D], float]


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """What one way of sizing came to, (b,) one value a block, each block begun with a fresh account.

    Parameters
    ----------
    log_growth : ln(final / initial equity) after costs.
    max_drawdown : deepest fall between decisions, a positive fraction.
    turnover : value bought and sold over initial equity.
    trades : positions taken.
    """

    log_growth: Float64Array1D
    max_drawdown: Float64Array1D
    turnover: Float64Array1D
    trades: Int64Array1D

    def summary(self) -> dict[str, float]:
        """Means over the blocks, the interval of mean growth, and all trades."""
        low, high = mean_interval(self.log_growth)
        return {
            "log_growth": float(self.log_growth.mean()),
            "log_growth_low": low,
            "log_growth_high": high,
            "max_drawdown": float(self.max_drawdown.mean()),
            "turnover": float(self.turnover.mean()),
            "trades": int(self.trades.sum()),
        }


def mean_interval(values: Float64Array1D) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a mean over blocks; NaN with fewer than two."""
    if len(values) < 2:
        return math.nan, math.nan
    return percentile_interval(date_multiplicities(len(values), 1) @ values / len(values))


def blocks_of(episodes: Episodes, sessions: int = BLOCK_SESSIONS) -> list[tuple[int, int]]:
    """(episode, candidate to begin at) of each stretch of so many sessions; stretches without a candidate are none."""
    found: list[tuple[int, int]] = []
    for k in range(episodes.count):
        first, after = episodes.first_row[k], episodes.first_row[k + 1]
        decided = episodes.decided_at[first:after]
        stretch = (decided - decided[0]) // sessions
        found += [(k, int(offset)) for offset in np.flatnonzero(np.diff(stretch, prepend=-1))]
    return found


def played(episodes: Episodes, sizing: Sizing, *, sessions: int = BLOCK_SESSIONS) -> Score:
    """Play a way of sizing through every block of these episodes.

    Parameters
    ----------
    episodes : candidate trades, none of which the sizing was made from.
    sizing : asked at every candidate whose ticker is free; its answer is lowered to a rung.
    sessions : of a block.

    Raises
    ------
    InputError : where ``sessions`` is not positive.
    """
    if sessions < 1:
        raise InputError(f"{sessions} is not at least 1", field="sessions")
    blocks = blocks_of(episodes, sessions)
    results = [_block(episodes, sizing, blocks, i) for i in range(len(blocks))]
    growth, drawdown, turnover, trades = (np.array(column) for column in zip(*results, strict=True))
    return Score(growth, drawdown, turnover, trades)


def _block(
    episodes: Episodes, sizing: Sizing, blocks: Sequence[tuple[int, int]], i: int
) -> tuple[float, float, float, int]:
    k, offset = blocks[i]
    first, after = int(episodes.first_row[k]), int(episodes.first_row[k + 1])
    end = first + blocks[i + 1][1] if i + 1 < len(blocks) and blocks[i + 1][0] == k else after
    env = PositionSizingEnv(episodes, EnvironmentTerms(max_candidates=end - first - offset))
    seen, info = env.reset(options={"episode": k, "start": offset})
    growth, drawdown, turnover, trades, peak, over = 0.0, 0.0, 0.0, 0, env.terms.initial_capital, False
    while not over:
        row = info["row"]
        action = LADDER.index(rung_at_or_below(sizing(row, seen)))
        seen, reward, terminated, truncated, info = env.step(np.int64(action))
        over = terminated or truncated
        growth += reward
        if info["quantity"] and not math.isnan(episodes.entry_price[row]):
            both_sides = float(episodes.entry_price[row] + episodes.exit_price[row])
            turnover += info["quantity"] * both_sides / env.terms.initial_capital
            trades += 1
        peak = max(peak, info["equity"])
        drawdown = max(drawdown, 1.0 - info["equity"] / peak)
    return growth, drawdown, turnover, trades


def by_policy(policy: SizingPolicy) -> Sizing:
    """A trained policy's own answer."""
    return lambda _row, seen: policy.size_pct(seen)


def fixed(_row: int, _seen: Float32Array1D) -> float:
    """The same 5 % of equity always."""
    return FIXED_PCT


def nothing(_row: int, _seen: Float32Array1D) -> float:
    """No position, ever."""
    return 0.0


def by_volatility(episodes: Episodes) -> Sizing:
    """As much as adds ``TARGET_VOLATILITY`` to the account; nothing where volatility is unknown or zero."""

    def size(row: int, _seen: Float32Array1D) -> float:
        volatility = float(episodes.volatility[row])
        return min(TARGET_VOLATILITY / volatility, LADDER[-1]) if volatility > 0 else 0.0

    return size


def by_kelly(episodes: Episodes, config: KellyConfig | None = None) -> Sizing:
    """Kelly as the engine asks it: from the outcomes of the episode's earlier candidates, taken or not.

    The bracket is not among the candidates' columns: the stop is ``risk_pct`` and the target is taken equally far.
    """
    config = config or KellyConfig()
    cost = episodes.cost_bp_per_side * BASIS_POINT
    net = episodes.net_return

    def size(row: int, _seen: Float32Array1D) -> float:
        k = int(np.searchsorted(episodes.first_row, row, side="right")) - 1
        earlier = np.arange(episodes.first_row[k], row)
        known = earlier[(episodes.exit_at[earlier] <= episodes.decided_at[row]) & np.isfinite(net[earlier])]
        known = known[episodes.direction[known] == episodes.direction[row]]
        record = TrackRecord()
        for i in known[np.argsort(episodes.exit_at[known], kind="stable")].tolist():
            outcome = Outcome(float(net[i]), bool(net[i] > 0), _moment(int(episodes.exit_at[i])))
            record = record.after(_moment(int(episodes.decided_at[i])), outcome)
        reach = float(episodes.risk_pct[row])
        cap = kelly_cap(record=record, target_return=reach, stop_return=reach, cost_per_side=cost, config=config)
        return cap.size_pct_cap

    return size


def plain_ways(episodes: Episodes) -> Mapping[str, Sizing]:
    """What every trained policy is set against."""
    return {
        "kelly": by_kelly(episodes),
        "volatility_targeting": by_volatility(episodes),
        "fixed_5_pct": fixed,
        "nothing": nothing,
    }


def _moment(session: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=session)
