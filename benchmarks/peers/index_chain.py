"""The columns both sides get: an index chain of 60 expiries, from the same afternoon to two and a half years away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SPOT = 6_011.48
EXPIRIES = 60
_MINUTES_A_YEAR = 525_600.0


@dataclass(frozen=True, slots=True)
class IndexChain:
    """n contracts in order of expiry, strike, call before put; ``start`` (61,) says where each expiry begins."""

    start: NDArray[np.int64]
    years: NDArray[np.float64]
    rate: NDArray[np.float64]
    dividend_yield: NDArray[np.float64]
    strike: NDArray[np.float64]
    implied_vol: NDArray[np.float64]
    is_call: NDArray[np.bool_]

    def each(self, column: NDArray[np.float64]) -> NDArray[np.float64]:
        """A column of expiries as a column of contracts."""
        return np.repeat(column, np.diff(self.start))


def index_chain(n: int) -> IndexChain:
    """A chain of n contracts: half its expiries within five weeks, a skewed smile, strikes to about four deviations."""
    near = np.linspace(75.0 / _MINUTES_A_YEAR, 35.0 / 365.0, EXPIRIES // 2)  # the first settles in 75 minutes
    years = np.r_[near, np.geomspace(42.0 / 365.0, 2.5, EXPIRIES - len(near))]
    start = np.linspace(0, n // 2, EXPIRIES + 1).astype(np.int64) * 2  # whole pairs
    start[-1] = n
    strikes, vols = [], []
    for T, size in zip(years, np.diff(start), strict=True):
        reach = 4.0 * 0.16 * np.sqrt(T)
        log_k = np.repeat(np.linspace(-reach, 0.7 * reach, -(-size // 2)), 2)[:size]
        strikes.append(SPOT * np.exp(log_k))
        vols.append(np.clip(0.15 - 0.35 * log_k / (0.15 + np.sqrt(T)), 0.07, 1.5))
    return IndexChain(
        start=start,
        years=years,
        rate=0.045 - 0.003 * years,
        dividend_yield=0.012 + 0.001 * years,
        strike=np.concatenate(strikes),
        implied_vol=np.concatenate(vols),
        is_call=np.arange(n) % 2 == 0,
    )
