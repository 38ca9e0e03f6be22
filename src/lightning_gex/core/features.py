"""What the agents look at: named columns along time, NaN where absent. Live is the array of length one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import Float64Array1D, TimeArray1D

#: From the ticker's own bars. USD unless said; *volatility* is annualised as a fraction, *bb_width* is a fraction of
#: the middle band, *adx, rsi, stochastic* run 0..100, *resistance, support* are the extremes of the 20 sessions before.
PRICE_FEATURES = (
    "price",
    "sma_20",
    "sma_50",
    "sma_200",
    "adx",
    "rsi",
    "bb_upper",
    "bb_lower",
    "stochastic",
    "resistance",
    "support",
    "volume",
    "avg_volume",
    "atr",
    "atr_20_avg",
    "bb_width",
    "bb_width_avg",
    "volatility",
)
#: Rolling ranks in [-1, 1]; plus supports higher prices or calm.
OPTIONS_FEATURES = ("gex_signal", "charm_pressure", "vanna_sensitivity", "dark_pool_flow")
#: What one chain tells without any history. *dealer_models_agree* is 1 or 0.
CHAIN_FEATURES = (
    "gamma_exposure_usd_per_pct",
    "zero_gamma",
    "call_wall",
    "put_wall",
    "dealer_models_agree",
)
#: The market as a whole. *market_adx* is the ``adx`` of the founding document's ``market_data``.
MARKET_FEATURES = ("spy_trend", "vix", "vix_20_avg", "market_adx", "advance_decline_ratio")
#: What the ticker's whole history says of the sessions ahead (``analytics.volatility_forecast``, ``.expected_range``),
#: annualised fractions: the volatility of the next session, the mean over the next 5, 10 and 21, the one whose standard
#: deviation is the expected range, and that of the last 22 sessions from their bars. *true_range_forecast* is the mean
#: true range to expect of the next 10 sessions, USD; *forecast_basis* is what the forecast for 5 sessions rests on, a
#: code; *gex_rank* the rank of dealers' gamma that it saw, in [-1, 1].
FORECAST_FEATURES = (
    "volatility_forecast",
    "volatility_forecast_5",
    "volatility_forecast_10",
    "volatility_forecast_21",
    "band_volatility",
    "realised_volatility",
    "true_range_forecast",
    "forecast_basis",
    "gex_rank",
)
ALL_FEATURES = PRICE_FEATURES + OPTIONS_FEATURES + CHAIN_FEATURES + MARKET_FEATURES + FORECAST_FEATURES


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Feature columns of one ticker along time.

    Parameters
    ----------
    ticker : symbol.
    as_of : (n,) ``datetime64[s]`` UTC; row i was fully known at ``as_of[i]``.
    columns : name (one of ``ALL_FEATURES``) -> (n,) float64; NaN where absent. Missing names are absent throughout.
    absent : name or group -> why it is absent, for the record.
    stand_ins : what stands in for something missing, in words, for the record.
    """

    ticker: str
    as_of: TimeArray1D
    columns: Mapping[str, Float64Array1D]
    absent: Mapping[str, str] = field(default_factory=dict)
    stand_ins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, values in self.columns.items():
            if name not in ALL_FEATURES:
                raise InputError("unknown feature", field=name)
            if values.shape != (len(self.as_of),):
                raise InputError(f"{name} has not one value a row", field=name)

    def __len__(self) -> int:
        return len(self.as_of)

    def __getitem__(self, name: str) -> Float64Array1D:
        """(n,) the column, all NaN when it is absent. Raises ``KeyError`` on a name that is no feature."""
        if name in self.columns:
            return self.columns[name]
        if name not in ALL_FEATURES:
            raise KeyError(name)
        return np.full(len(self), np.nan)

    def value(self, name: str, i: int) -> float:
        """One feature at row ``i``, NaN where absent. Raises ``KeyError`` on a name that is no feature."""
        values = self.columns.get(name)
        if values is not None:
            return values.item(i)
        if name not in ALL_FEATURES:
            raise KeyError(name)
        return math.nan

    def at(self, i: int) -> dict[str, float]:
        """Row ``i`` as a plain mapping, NaN where absent."""
        return {name: values.item(i) for name, values in self.columns.items()}

    def row(self, i: int) -> Features:
        """Row ``i`` as features of length one."""
        part = slice(i, i + 1) if i != -1 else slice(-1, None)
        columns = {name: values[part] for name, values in self.columns.items()}
        return Features(self.ticker, self.as_of[part], columns, self.absent, self.stand_ins)

    def look(self, i: int) -> FeatureRow:
        """Row ``i`` alone, without a copy of it."""
        return FeatureRow(self, i)


class FeatureRow(NamedTuple):
    """One row of features: costs nothing to make, and a feature is looked up when it is asked for.

    ``features`` may reach beyond ``i``; nothing is looked at there.
    """

    features: Features
    i: int

    def value(self, name: str) -> float:
        """The feature, NaN where absent. Raises ``KeyError`` on a name that is no feature."""
        return self.features.value(name, self.i)
