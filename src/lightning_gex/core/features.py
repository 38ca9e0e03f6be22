"""What the agents look at: named columns along time, NaN where absent. Live is the array of length one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
ALL_FEATURES = PRICE_FEATURES + OPTIONS_FEATURES + CHAIN_FEATURES + MARKET_FEATURES


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

    def at(self, i: int) -> dict[str, float]:
        """Row ``i`` as a plain mapping, NaN where absent."""
        return {name: float(values[i]) for name, values in self.columns.items()}

    def row(self, i: int) -> Features:
        """Row ``i`` as features of length one."""
        part = slice(i, i + 1) if i != -1 else slice(-1, None)
        columns = {name: values[part] for name, values in self.columns.items()}
        return Features(self.ticker, self.as_of[part], columns, self.absent, self.stand_ins)
