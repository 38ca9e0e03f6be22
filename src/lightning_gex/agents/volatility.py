"""Volatility Agent: regime changes, from ATR, Bollinger width and VIX."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.agents.ballot import Terms, View, above_zero, cast, finding, known_or, ramp, sign_of
from lightning_gex.core.features import Features
from lightning_gex.core.units import Float64Array1D
from lightning_gex.core.votes import Votes


@dataclass(frozen=True, slots=True)
class VolatilityAgent:
    """Bullish while volatility falls under a holding price, bearish while it rises under a falling one.

    expansion = mean of ATR, Bollinger width and (where known) VIX over their own averages, less 1. Falling volatility
    with the price at or above its 20-session average is bullish; rising volatility with the price below it is bearish
    (the leverage effect: Black 1976; Christie, JFE 1982). The two other corners, a quiet slide and a volatile rise, are
    neutral.

    Parameters
    ----------
    quiet_change : |expansion| up to which it is neutral, fraction.
    full_change : |expansion| from which on the score is full, fraction.
    target_atr, stop_atr : distances of target and stop from the price, in ATR 14; 2.1 is about one standard deviation
        of a ten-session move.
    horizon_sessions : sessions the vote is meant for.
    max_edge : confidence above one half at full strength; less than the other agents': falling volatility raises
        the chance of a rise only through the ratio of drift to volatility.
    """

    quiet_change: float = 0.03
    full_change: float = 0.25
    target_atr: float = 2.1
    stop_atr: float = 2.1
    horizon_sessions: int = 10
    max_edge: float = 0.15

    @property
    def name(self) -> str:
        """Display name."""
        return "Volatility Agent"

    @property
    def strategy(self) -> str:
        """The word the tactical layer knows it by."""
        return "volatility"

    def vote(self, features: Features) -> Votes:
        """(n,) votes; abstains where price, its 20-session average, ATR, band width or their averages are absent."""
        needed = {name: features[name] for name in ("price", "sma_20", "atr", "bb_width")}
        needed |= {name: above_zero(features[name]) for name in ("atr_20_avg", "bb_width_avg")}
        price, atr = needed["price"], needed["atr"]
        atr_change = atr / needed["atr_20_avg"] - 1
        width_change = needed["bb_width"] / needed["bb_width_avg"] - 1
        vix_change = features["vix"] / above_zero(features["vix_20_avg"]) - 1
        expansion = _mean_of_known(atr_change, width_change, vix_change)
        holding = price >= needed["sma_20"]
        size = ramp(np.abs(expansion), self.quiet_change, self.full_change)
        score = np.where(holding & (expansion < 0), size, np.where(~holding & (expansion > 0), -size, 0.0))
        side = sign_of(score)
        evidence = (
            finding("ATR below its 20-session average", "ATR above its 20-session average", -atr_change),
            finding("Bollinger bands narrower than usual", "Bollinger bands wider than usual", -width_change),
            finding("VIX below its 20-session average", "VIX above its 20-session average", -vix_change),
            finding(
                "price holds its 20-session average", "price below its 20-session average", np.where(holding, 1, -1)
            ),
        )
        view = View(score, price + side * self.target_atr * atr, price - side * self.stop_atr * atr, evidence)
        terms = Terms(self.name, self.strategy, self.max_edge, self.horizon_sessions)
        return cast(terms, view, features, needed)


def _mean_of_known(first: Float64Array1D, second: Float64Array1D, optional: Float64Array1D) -> Float64Array1D:
    """(n,) the mean of two and, where it is known, a third."""
    known = ~np.isnan(optional)
    mean: Float64Array1D = (first + second + known_or(optional, 0.0)) / (2.0 + known)
    return mean
