"""What the sessions ahead may bring: forecast volatility and the expected range, along time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightning_gex.analytics.expected_range import LEAST_MOVES, VIX_TICKERS, range_probability
from lightning_gex.analytics.volatility_forecast import (
    BASES,
    FORECAST_HORIZONS,
    LONG_LIVED,
    SHORT_LIVED_LONGEST_HORIZON,
)
from lightning_gex.core.decision import ExpectedRange
from lightning_gex.core.features import FORECAST_FEATURES, Features
from lightning_gex.core.units import SESSIONS_PER_YEAR, BoolArray1D, Float64Array1D, Float64Array2D, Int8Array1D

NO_HISTORY = "no history of bars was given: a forecast of volatility needs the daily bars of about a year"
NO_FORECAST = "too few sessions so far for a forecast of volatility"
NO_BAND = "too few sessions so far for the band: it needs a year of bars, or VIX where VIX is the ticker's own index"
_LOG_HORIZONS = np.log(np.array(FORECAST_HORIZONS, dtype=np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """Forecasts of one ticker along time; row i rests on rows up to i.

    Parameters
    ----------
    horizon_sessions : of the expected range.
    volatility : (n, 4) mean volatility over ``FORECAST_HORIZONS``, annualised fraction; NaN where unknown.
    volatility_horizon : (n,) the same over ``horizon_sessions``.
    low, high : (n,) the band, USD.
    probability : (n,) that the close ``horizon_sessions`` sessions on lies inside; NaN where unknown.
    basis : (n,) int8, index into ``BASES``.
    own_band : (n,) whether the band is one of VIX, the ticker's own index.
    history : whether there was any history to forecast from.
    """

    horizon_sessions: int
    volatility: Float64Array2D
    volatility_horizon: Float64Array1D
    low: Float64Array1D
    high: Float64Array1D
    probability: Float64Array1D
    basis: Int8Array1D
    own_band: BoolArray1D
    history: bool

    def at(self, i: int) -> ExpectedRange | None:
        """The expected range of a row; None where forecast or band is absent, ``absence_at`` says why."""
        ahead, low = self.volatility_horizon.item(i), self.low.item(i)  # item: this runs at every decision
        if math.isnan(ahead) or math.isnan(low):
            return None
        probability = self.probability.item(i)
        return ExpectedRange(
            low=low,
            high=self.high.item(i),
            probability=probability,
            horizon_sessions=self.horizon_sessions,
            volatility_forecast=self.volatility.item(i, 0),
            volatility_forecast_horizon=ahead,
            basis=_WORDS[self.own_band.item(i), not math.isnan(probability), self.basis.item(i)],
        )

    def absence_at(self, i: int) -> str | None:
        """Why a row has no expected range; None where it has one."""
        if not self.history:
            return NO_HISTORY
        if math.isnan(self.volatility_horizon.item(i)):
            return NO_FORECAST
        return NO_BAND if math.isnan(self.low.item(i)) else None


def outlook_of(features: Features, horizon_sessions: int) -> Outlook:
    """Forecasts and expected range of every row.

    Parameters
    ----------
    features : n rows; the columns ``FORECAST_FEATURES`` hold what the history said.
    horizon_sessions : of the range, 1 to 21.
    """
    n = len(features)
    volatility = np.column_stack([features[name] for name in FORECAST_FEATURES[: len(FORECAST_HORIZONS)]])
    price, band, rank = features["price"], features["band_volatility"], features["gex_rank"]
    basis = np.nan_to_num(features["forecast_basis"]).astype(np.int8)
    if horizon_sessions > SHORT_LIVED_LONGEST_HORIZON:
        basis = LONG_LIVED[basis]
    ahead = _over(volatility, horizon_sessions)
    half = band * math.sqrt(horizon_sessions / SESSIONS_PER_YEAR)
    return Outlook(
        horizon_sessions=horizon_sessions,
        volatility=volatility,
        volatility_horizon=ahead,
        low=price * np.exp(-half),
        high=price * np.exp(half),
        probability=range_probability(price, band, ahead, horizon_sessions=horizon_sessions, gex_rank=rank),
        basis=basis,
        own_band=_band_is_vix(features, band),
        history=any(name in features.columns for name in FORECAST_FEATURES) and n > 0,
    )


def _over(volatility: Float64Array2D, horizon_sessions: int) -> Float64Array1D:
    """(n,) mean volatility over a horizon: between the forecast ones by straight lines in both logarithms."""
    place = float(np.interp(math.log(horizon_sessions), _LOG_HORIZONS, np.arange(len(_LOG_HORIZONS))))
    left = min(int(place), len(_LOG_HORIZONS) - 2)
    share = place - left
    if share == 0.0:
        return volatility[:, left].copy()
    if share == 1.0:
        return volatility[:, left + 1].copy()
    mixed: Float64Array1D = volatility[:, left] ** (1.0 - share) * volatility[:, left + 1] ** share
    return mixed


def _band_is_vix(features: Features, band: Float64Array1D) -> BoolArray1D:
    if features.ticker not in VIX_TICKERS:
        return np.zeros(len(band), dtype=np.bool_)
    return features["vix"] > 0.0


def _words(own: bool, told: bool, code: int) -> str:
    band = "one standard deviation by VIX" if own else "one standard deviation of the ticker's last 252 sessions"
    chance = "past moves over their forecast" if told else f"none before {LEAST_MOVES} past moves"
    return f"band: {band}; forecast: {BASES[code]}; probability: {chance}"


#: Written once: a decision names its basis, and there are few.
_WORDS = {
    (own, told, code): _words(own, told, code)
    for own in (False, True)
    for told in (False, True)
    for code in range(len(BASES))
}
