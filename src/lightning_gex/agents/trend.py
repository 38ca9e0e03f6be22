"""Trend Agent: the long-term bias, from moving averages and ADX."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.agents.ballot import Terms, View, cast, finding, ramp, sign_of
from lightning_gex.core.features import Features
from lightning_gex.core.units import Float64Array1D
from lightning_gex.core.votes import Evidence, Votes

_NEEDED = ("price", "sma_20", "sma_50", "sma_200", "adx")
#: Weights of the four comparisons, slowest first: the slower, the fewer false turns. They sum to 1.
_WEIGHTS = (0.35, 0.25, 0.20, 0.20)


@dataclass(frozen=True, slots=True)
class TrendAgent:
    """Follows the trend: price and averages in order, more firmly where ADX says that there is one.

    score = (weighted signs of price - SMA 200, SMA 50 - SMA 200, price - SMA 50, SMA 20 - SMA 50) times a factor that
    rises with ADX from ``weak_adx_factor`` to 1. Neutral where the signs disagree so far that their sum is below
    ``min_alignment``.

    Parameters
    ----------
    min_alignment : weighted sum of signs below which it is neutral, [0, 1].
    weak_adx, strong_adx : ADX at and below which a trend counts least, and at and above which it counts fully, 0..100
        (Wilder reads 25 as trending).
    weak_adx_factor : what is left of the score at ``weak_adx``, [0, 1].
    target_atr, stop_atr : distances of target and stop from the price, in ATR 14; 2.1 is about one standard deviation
        of a ten-session move.
    horizon_sessions : sessions the vote is meant for.
    max_edge : confidence above one half at full strength.
    """

    min_alignment: float = 0.5
    weak_adx: float = 15.0
    strong_adx: float = 30.0
    weak_adx_factor: float = 0.4
    target_atr: float = 2.1
    stop_atr: float = 2.1
    horizon_sessions: int = 15
    max_edge: float = 0.25

    @property
    def name(self) -> str:
        """Display name."""
        return "Trend Agent"

    @property
    def strategy(self) -> str:
        """The word the tactical layer knows it by."""
        return "trend_following"

    def vote(self, features: Features) -> Votes:
        """(n,) votes; abstains where one of price, the three averages and ADX is absent. Target and stop need ATR."""
        price, sma_20, sma_50, sma_200, adx = (features[name] for name in _NEEDED)
        gaps = (price - sma_200, sma_50 - sma_200, price - sma_50, sma_20 - sma_50)
        alignment = np.zeros(len(features))
        for weight, gap in zip(_WEIGHTS, gaps, strict=True):
            alignment = alignment + weight * sign_of(gap)
        aligned = np.where(np.abs(alignment) >= self.min_alignment, alignment, 0.0)
        firmness = self.weak_adx_factor + (1 - self.weak_adx_factor) * ramp(adx, self.weak_adx, self.strong_adx)
        side, atr = sign_of(aligned), features["atr"]
        strong, weak = np.where(adx >= self.strong_adx, side, 0), np.where(adx <= self.weak_adx, side, 0)
        evidence = (
            _compared("price {0:.2f}", "its 200-session average {1:.2f}", price, sma_200),
            _compared("50-session average {0:.2f}", "the 200-session {1:.2f}", sma_50, sma_200),
            _compared("price {0:.2f}", "its 50-session average {1:.2f}", price, sma_50),
            _compared("20-session average {0:.2f}", "the 50-session {1:.2f}", sma_20, sma_50),
            finding(*(f"ADX {{0:.1f}}, {self.strong_adx:g} or more: a strong trend",) * 2, strong, adx),
            finding(*(f"ADX {{0:.1f}}, {self.weak_adx:g} or less: a weak trend",) * 2, weak, adx),
        )
        view = View(
            aligned * firmness, price + side * self.target_atr * atr, price - side * self.stop_atr * atr, evidence
        )
        terms = Terms(self.name, self.strategy, self.max_edge, self.horizon_sessions)
        return cast(terms, view, features, {name: features[name] for name in _NEEDED})


def _compared(left: str, right: str, first: Float64Array1D, second: Float64Array1D) -> Evidence:
    """Bullish where the first lies above the second, bearish where below."""
    return finding(f"{left} above {right}", f"{left} below {right}", first - second, first, second)
