"""Volatility Agent: regime changes, from ATR, Bollinger width, VIX and the forecast of volatility."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightning_gex.agents.ballot import Terms, View, above_zero, cast, finding, known_or, ramp, sign_of
from lightning_gex.core.features import Features
from lightning_gex.core.units import SESSIONS_PER_YEAR, Float64Array1D
from lightning_gex.core.votes import Evidence, Votes

_FORECAST_SESSIONS = 10  # what ``volatility_forecast_10`` is for


@dataclass(frozen=True, slots=True)
class VolatilityAgent:
    """Bullish while volatility falls under a holding price, bearish while it rises under a falling one.

    expansion = mean of ATR, Bollinger width and (where known) VIX over their own averages, less 1, and (where known) of
    the volatility forecast for a week over that of the last month, less 1. Falling volatility
    with the price at or above its 20-session average is bullish; rising volatility with the price below it is bearish
    (the leverage effect: Black 1976; Christie, JFE 1982). The two other corners, a quiet slide and a volatile rise, are
    neutral.

    Parameters
    ----------
    quiet_change : |expansion| up to which it is neutral, fraction.
    full_change : |expansion| from which on the score is full, fraction.
    target_deviations, stop_deviations : distances of target and stop from the price, in standard deviations of the
        move forecast for ten sessions.
    target_atr, stop_atr : the same in ATR 14, where there is no forecast; 2.1 is about one such deviation.
    horizon_sessions : sessions the vote is meant for.
    max_edge : confidence above one half at full strength; less than the other agents': falling volatility raises
        the chance of a rise only through the ratio of drift to volatility.
    """

    quiet_change: float = 0.03
    full_change: float = 0.25
    target_deviations: float = 1.0
    stop_deviations: float = 1.0
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
        ahead, month = features["volatility_forecast_5"], features["realised_volatility"]
        forecast_change = ahead / above_zero(month) - 1
        expansion = _mean_of_known((atr_change, width_change), (vix_change, forecast_change))
        holding = price >= needed["sma_20"]
        size = ramp(np.abs(expansion), self.quiet_change, self.full_change)
        score = np.where(holding & (expansion < 0), size, np.where(~holding & (expansion > 0), -size, 0.0))
        side = sign_of(score)
        evidence = (
            _falling("ATR {0:.2f}", atr, features["atr_20_avg"], atr_change),
            _falling("Bollinger width {0:.3f}", needed["bb_width"], features["bb_width_avg"], width_change),
            _falling("VIX {0:.1f}", features["vix"], features["vix_20_avg"], vix_change),
            finding(
                "forecast volatility {0:.1%} for a week, the last month's {1:.1%}: calmer",
                "forecast volatility {0:.1%} for a week, the last month's {1:.1%}: livelier",
                -forecast_change,
                ahead,
                month,
            ),
            finding(
                "price {0:.2f} holds its 20-session average {1:.2f}",
                "price {0:.2f} below its 20-session average {1:.2f}",
                np.where(holding, 1, -1).astype(np.int8),
                price,
                needed["sma_20"],
            ),
        )
        target, stop = self._distances(price, atr, features["volatility_forecast_10"])
        view = View(score, price + side * target, price - side * stop, evidence)
        terms = Terms(self.name, self.strategy, self.max_edge, self.horizon_sessions)
        return cast(terms, view, features, needed)

    def _distances(
        self, price: Float64Array1D, atr: Float64Array1D, volatility: Float64Array1D
    ) -> tuple[Float64Array1D, Float64Array1D]:
        """(n,) target and stop distances, USD: by the forecast of volatility where it is known, else by ATR."""
        deviation = price * volatility * np.sqrt(_FORECAST_SESSIONS / SESSIONS_PER_YEAR)
        known = ~np.isnan(deviation)
        target = np.where(known, self.target_deviations * deviation, self.target_atr * atr)
        return target, np.where(known, self.stop_deviations * deviation, self.stop_atr * atr)


def _falling(what: str, now: Float64Array1D, usual: Float64Array1D, change: Float64Array1D) -> Evidence:
    """Bullish where a measure of unrest is below its average, with both and the change in per cent."""
    numbers = (now, usual, change * 100.0)
    digits = what[what.index("{0") + 2 : -1]
    return finding(
        f"{what}, {{2:+.0f}} % from its 20-session average {{1{digits}}}: calmer",
        f"{what}, {{2:+.0f}} % from its 20-session average {{1{digits}}}: livelier",
        -change,
        *numbers,
    )


def _mean_of_known(always: Sequence[Float64Array1D], optional: Sequence[Float64Array1D]) -> Float64Array1D:
    """(n,) the mean of some measures and of those of the optional ones that are known."""
    total: Float64Array1D = np.sum(always, axis=0)
    count = np.full(len(total), float(len(always)))
    for measure in optional:
        known = ~np.isnan(measure)
        total = total + known_or(measure, 0.0)
        count = count + known
    mean: Float64Array1D = total / count
    return mean
