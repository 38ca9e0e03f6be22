"""Reversal Agent: mean reversion, from RSI, Bollinger bands and the stochastic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.agents.ballot import Terms, View, cast, finding, known_or, ramp, sign_of
from lightning_gex.core.features import Features
from lightning_gex.core.units import Float64Array1D
from lightning_gex.core.votes import Votes

_NEEDED = ("price", "rsi", "bb_upper", "bb_lower", "stochastic")


@dataclass(frozen=True, slots=True)
class ReversalAgent:
    """Leans against a move that two of three measures call stretched, less so in a strong trend.

    Each measure gives 0 inside its bounds and 0.5 at a bound, rising to 1 further out; score = their mean where at
    least ``min_agreeing`` lean the same way (and none the other), else 0. A strong trend by ADX takes off up to
    ``trend_damping``: stretched is how strong trends look.

    Parameters
    ----------
    rsi_low, rsi_high : bounds of RSI 14 (Wilder's 30 and 70); ``rsi_span`` further out is full strength.
    stochastic_low, stochastic_high : bounds of slow %K (Lane's 20 and 80); ``stochastic_span`` further is full
        strength.
    band_span : half band widths beyond the Bollinger band that are full strength.
    min_agreeing : measures that must agree, 1..3.
    quiet_adx, strong_adx : ADX between which the damping rises from nothing to all of ``trend_damping``; without ADX
        there is none.
    trend_damping : share of the score lost in a strong trend, [0, 1].
    stop_atr : distance of the stop from the price, in ATR 14: one standard deviation of a ten-session move, for what is
        stretched often stretches further first; the target is the middle band.
    horizon_sessions : sessions the vote is meant for.
    max_edge : confidence above one half at full strength.
    """

    rsi_low: float = 30.0
    rsi_high: float = 70.0
    rsi_span: float = 15.0
    stochastic_low: float = 20.0
    stochastic_high: float = 80.0
    stochastic_span: float = 15.0
    band_span: float = 0.5
    min_agreeing: int = 2
    quiet_adx: float = 25.0
    strong_adx: float = 45.0
    trend_damping: float = 0.5
    stop_atr: float = 2.0
    horizon_sessions: int = 5
    max_edge: float = 0.25

    @property
    def name(self) -> str:
        """Display name."""
        return "Reversal Agent"

    @property
    def strategy(self) -> str:
        """The word the tactical layer knows it by."""
        return "mean_reversion"

    def vote(self, features: Features) -> Votes:
        """(n,) votes; abstains where one of price, RSI, the bands and the stochastic is absent. The stop needs ATR."""
        price, rsi, upper, lower, stochastic = (features[name] for name in _NEEDED)
        middle, half = (upper + lower) / 2, (upper - lower) / 2
        inside = np.divide(price - middle, half, out=np.zeros(len(features)), where=half > 0)
        measures = (
            _stretch(rsi, self.rsi_low, self.rsi_high, self.rsi_span),
            _stretch(inside, -1.0, 1.0, self.band_span),
            _stretch(stochastic, self.stochastic_low, self.stochastic_high, self.stochastic_span),
        )
        score = self._agreed(measures) * (
            1 - self.trend_damping * known_or(ramp(features["adx"], self.quiet_adx, self.strong_adx), 0.0)
        )
        evidence = (
            finding(
                f"RSI {{0:.1f}}, {self.rsi_low:g} or below: oversold",
                f"RSI {{0:.1f}}, {self.rsi_high:g} or above: overbought",
                measures[0],
                rsi,
            ),
            finding(
                "price {0:.2f}, at or below its lower Bollinger band {1:.2f}",
                "price {0:.2f}, at or above its upper Bollinger band {2:.2f}",
                measures[1],
                price,
                lower,
                upper,
            ),
            finding(
                f"stochastic {{0:.1f}}, {self.stochastic_low:g} or below: oversold",
                f"stochastic {{0:.1f}}, {self.stochastic_high:g} or above: overbought",
                measures[2],
                stochastic,
            ),
        )
        view = View(score, middle, price - sign_of(score) * self.stop_atr * features["atr"], evidence)
        terms = Terms(self.name, self.strategy, self.max_edge, self.horizon_sessions)
        return cast(terms, view, features, {name: features[name] for name in _NEEDED})

    def _agreed(self, measures: tuple[Float64Array1D, ...]) -> Float64Array1D:
        """The mean where enough measures lean one way and none the other, else 0."""
        oversold, overbought = np.zeros(len(measures[0])), np.zeros(len(measures[0]))
        total = np.zeros(len(measures[0]))
        for measure in measures:
            oversold = oversold + (measure > 0)
            overbought = overbought + (measure < 0)
            total = total + measure
        one_way = ((oversold >= self.min_agreeing) & (overbought == 0)) | (
            (overbought >= self.min_agreeing) & (oversold == 0)
        )
        return np.where(one_way, total / len(measures), 0.0)


def _stretch(values: Float64Array1D, low: float, high: float, span: float) -> Float64Array1D:
    """(n,) plus where low (a rise is due), minus where high: 0.5 at the bound, 1 from ``span`` beyond it on."""
    below = np.where(values <= low, 0.5 + 0.5 * ramp(low - values, 0.0, span), 0.0)
    above = np.where(values >= high, 0.5 + 0.5 * ramp(values - high, 0.0, span), 0.0)
    stretched: Float64Array1D = below - above
    return stretched
