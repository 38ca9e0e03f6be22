"""The daily features that a history keeps of one chain's dealer positioning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType

import numpy as np

from lightning_gex.analytics.dealer_exposure import EXPOSURES
from lightning_gex.analytics.market_scan import UNKNOWN, MarketScan
from lightning_gex.analytics.positioning_result import DealerPositioning
from lightning_gex.core.sessions import to_aware
from lightning_gex.core.units import Float64Array1D

#: Changes whenever the same chain would give another row: a history then reads its files again.
FEATURES_VERSION = "1"

FeatureValue = str | float | int | bool | date | datetime | None

#: Name of a feature -> its type, in the order of the table. Numbers carry their unit in their name; prices, walls and
#: moves are in USD (index points), shares and volatilities fractions.
FEATURES: MappingProxyType[str, type] = MappingProxyType(
    {
        "underlying": str,
        "session": date,
        "as_of": datetime,
        "spot": float,
        "dealer_model": str,
        "dealer_model_version": str,
        **{name: float for exposure in EXPOSURES for name in (exposure, f"{exposure}_low", f"{exposure}_high")},
        "dealer_models_agree": float,
        "gamma_exposure_by_volume_usd_per_pct": float,
        "gamma_exposure_ex_0dte_usd_per_pct": float,
        "gross_gamma_usd_per_pct": float,
        "net_to_gross": float,
        "zero_gamma": float,
        "zero_gamma_count": int,
        "zero_gamma_status": str,
        "call_wall": float,
        "put_wall": float,
        "max_pain": float,
        "max_pain_nearest_expiry": float,
        "implied_vol": float,
        "expected_move_usd": float,
        "straddle_move_usd": float,
        "straddle_expiry": date,
        "open_interest_session": date,
        "open_interest_coverage": float,
        "contracts_read": int,
        "contracts_used": int,
        "contracts_refused": int,
        "vendor_vols": int,
        "solved_vols": int,
        "modelled": bool,
    }
)


def positioning_features(found: DealerPositioning) -> dict[str, FeatureValue]:
    """One chain's positioning as a row of ``FEATURES``.

    Parameters
    ----------
    found : of one chain.

    Returns
    -------
    name -> value; NaN (or None, for a date) where there is no answer. ``zero_gamma`` is the root nearest to spot,
    ``zero_gamma_count`` how many there are; ``implied_vol`` is at the money over 30 days; ``_low`` and ``_high`` are
    the band over all dealer models; ``dealer_models_agree`` is 1, 0, or NaN where fewer than two could tell.
    """
    row: dict[str, FeatureValue] = {
        "underlying": found.underlying,
        "session": _day(found.quotes_session),
        "straddle_expiry": _day(found.straddle_expiry),
        "open_interest_session": _day(found.open_interest_session),
        "zero_gamma_count": len(found.zero_gamma),
        "zero_gamma_status": found.zero_gamma_status.value,
        "implied_vol": found.atm_implied_vol,
        "contracts_refused": sum(found.refused.values()),
        "zero_gamma": found.zero_gamma_nearest,
        "dealer_models_agree": math.nan if (agree := found.models_agree_on_sign) is None else float(agree),
    }
    for exposure in EXPOSURES:
        band = found.dealer_model_band[exposure]
        row |= {f"{exposure}_low": band.low, f"{exposure}_high": band.high}
    return {name: row[name] if name in row else getattr(found, name) for name in FEATURES}


def scanned_features(scan: MarketScan) -> list[dict[str, FeatureValue]]:
    """A market's figures as rows of ``FEATURES``: of each underlying the row that its own positioning would give.

    Parameters
    ----------
    scan : of any number of underlyings; those without figures give no row.
    """
    bands = {exposure: _band(scan, exposure) for exposure in EXPOSURES}
    refused = sum(scan.refused.values(), np.zeros(len(scan), dtype=np.int64))
    sound = np.flatnonzero(scan.status_name == "ok")
    return [_scanned_row(scan, int(at), bands, int(refused[at])) for at in sound]


def _scanned_row(
    scan: MarketScan, at: int, bands: Mapping[str, tuple[Float64Array1D, Float64Array1D]], refused: int
) -> dict[str, FeatureValue]:
    agree = int(scan.models_agree_on_sign[at])
    row: dict[str, FeatureValue] = {
        "session": _day(scan.quotes_session[at]),
        "as_of": to_aware(scan.as_of[at]),
        "dealer_model": scan.dealer_model,
        "dealer_model_version": scan.dealer_model_version,
        "straddle_expiry": _day(scan.straddle_expiry[at]),
        "open_interest_session": _day(scan.open_interest_session[at]),
        "zero_gamma": float(scan.zero_gamma_nearest[at]),
        "zero_gamma_status": str(scan.zero_gamma_status_name[at]),
        "implied_vol": float(scan.atm_implied_vol[at]),
        "contracts_refused": refused,
        "dealer_models_agree": math.nan if agree == UNKNOWN else float(agree),
        "modelled": False,
    }
    for exposure, (low, high) in bands.items():
        row |= {f"{exposure}_low": float(low[at]), f"{exposure}_high": float(high[at])}
    rest = {name: kind(getattr(scan, name)[at]) for name, kind in FEATURES.items() if name not in row}
    return {name: row[name] if name in row else rest[name] for name in FEATURES}


def _band(scan: MarketScan, exposure: str) -> tuple[Float64Array1D, Float64Array1D]:
    """(u,) least and greatest over the models that could tell; NaN where none could."""
    values = np.array([getattr(found, exposure) for found in scan.by_model.values()])
    low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    return low, high


def _day(value: np.datetime64) -> date | None:
    day: date | None = value.astype("datetime64[D]").astype(date)  # NaT becomes None
    return day
