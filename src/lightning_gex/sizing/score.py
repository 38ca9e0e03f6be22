"""What a way of sizing came to, and how sure one may be that another came to more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import Float64Array1D, Float64Array2D

LEVEL: Final = 0.95
#: Enough that a chance of one in a thousand still rests on ten draws: a bar that many attempts raise can be told.
DRAWS: Final = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """What one way of sizing came to, every account carried through from its first candidate to its last.

    Parameters
    ----------
    log_growth : (b,) change of log equity after costs by what was decided in each block of time.
    turnover : (b,) value bought and sold in it over the equity before each trade.
    max_drawdown : (m,) each account's deepest fall, a positive fraction of the equity it fell from.
    exposure_pct : (m,) each account's mean share of equity in positions over its time, as sized at the decision.
    trades : positions taken, all accounts.
    """

    log_growth: Float64Array1D
    turnover: Float64Array1D
    max_drawdown: Float64Array1D
    exposure_pct: Float64Array1D
    trades: int

    def summary(self) -> dict[str, float]:
        """Means, and the interval of the mean growth over blocks; NaN with a single block."""
        gain = excess(self.log_growth[np.newaxis, :])
        return {
            "log_growth": gain.mean,
            "log_growth_low": gain.low,
            "log_growth_high": gain.high,
            "max_drawdown": float(self.max_drawdown.mean()),
            "turnover": float(self.turnover.mean()),
            "exposure_pct": float(self.exposure_pct.mean()),
            "trades": self.trades,
        }


@dataclass(frozen=True, slots=True)
class Excess:
    """By how much policies grew more than something else, log growth a block.

    Parameters
    ----------
    mean : over seeds and blocks.
    low, high : 95 % interval, seeds and blocks both resampled; NaN with a single block.
    chance_not_better : share of the resamples in which the mean is not above zero, never reported as none; 1 with a
        single block.
    """

    mean: float
    low: float
    high: float
    chance_not_better: float


def excess(growth: Float64Array2D, seed: int = 0) -> Excess:
    """The mean of (seeds, blocks) differences with its interval.

    Seeds and blocks are both a sample of what could have come: each draw takes seeds with replacement and blocks with
    replacement, and averages where they cross (Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2),
    2007: its intervals are no narrower than they should be). With a single seed only blocks are drawn, and the interval
    says nothing about other seeds.

    Parameters
    ----------
    growth : (s, b) one row a seed.
    seed : of the resampling.

    Raises
    ------
    InputError : without a value.
    """
    if growth.ndim != 2 or growth.size == 0:
        raise InputError(f"needs (seeds, blocks), not {growth.shape}", field="growth")
    seeds, blocks = growth.shape
    mean = float(growth.mean())
    if blocks < 2:
        return Excess(mean, math.nan, math.nan, 1.0)
    rng = np.random.default_rng(seed)
    by_block = rng.multinomial(blocks, np.full(blocks, 1.0 / blocks), DRAWS) / blocks
    by_seed = rng.multinomial(seeds, np.full(seeds, 1.0 / seeds), DRAWS) / seeds
    drawn = np.einsum("ds,sd->d", by_seed, growth @ by_block.T)
    low, high = (float(q) for q in np.quantile(drawn, [0.5 - LEVEL / 2.0, 0.5 + LEVEL / 2.0]))
    return Excess(mean, low, high, float((1 + (drawn <= 0.0).sum()) / (1 + DRAWS)))


def of_seeds(scores: Sequence[Score]) -> Score:
    """The mean of several seeds, block by block and account by account; trades are counted over all of them."""
    columns: dict[str, Any] = {
        name: np.mean([getattr(s, name) for s in scores], axis=0)
        for name in ("log_growth", "turnover", "max_drawdown", "exposure_pct")
    }
    return Score(**columns, trades=sum(s.trades for s in scores))


def median_of(scores: Sequence[Score]) -> int:
    """Which of the seeds has the median growth; of two in the middle the lower. The best is never chosen."""
    return int(np.argsort([score.log_growth.mean() for score in scores], kind="stable")[(len(scores) - 1) // 2])
