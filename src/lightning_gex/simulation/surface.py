"""The implied volatility surface of the simulated market: skew and a term structure that returns to its mean."""

from __future__ import annotations

import math

import numba
import numpy as np

from lightning_gex.core.units import Float64Array1D

#: At-the-money volatility of 30 days / VIX on this surface: the skew lies in the index and not at the money. Found by
#: replicating the index's variance strip on the surface.
ATM_VOL_OF_VIX = 0.95
LONG_RUN_VOL = 0.17  # where the term structure leads, annualised

_REVERSION_PER_YEAR = 4.0
_VIX_TENOR_YEARS = 30 / 365
_SKEW, _CURVATURE, _WING = 0.13, 0.02, 5.0  # of implied volatility in standard deviations of moneyness


def atm_vol_of_vix(vix: float) -> float:
    """The at-the-money volatility (fraction) at which this surface has a given VIX (points)."""
    return vix / 100.0 * ATM_VOL_OF_VIX


@numba.njit(cache=True, error_model="numpy")
def at_the_money_vol(years: float, atm_vol: float) -> tuple[float, float]:
    """At-the-money volatility of one expiry, annualised, and how far it follows that of 30 days, ``atm_vol``.

    The second number is the relative change of the first per relative change of ``atm_vol``: 1 at 30 days, less later.
    """
    kept = -math.expm1(-_REVERSION_PER_YEAR * years) / (_REVERSION_PER_YEAR * years)
    of_vix = -math.expm1(-_REVERSION_PER_YEAR * _VIX_TENOR_YEARS) / (_REVERSION_PER_YEAR * _VIX_TENOR_YEARS)
    share = kept / of_vix
    return atm_vol * (LONG_RUN_VOL / atm_vol) ** (1.0 - share), share


@numba.njit(cache=True, error_model="numpy")
def skewed_vol(at_the_money: float, deviations: float) -> float:
    """Volatility so many standard deviations of moneyness from the forward, annualised, positive."""
    bounded = deviations / math.sqrt(1.0 + (deviations / _WING) ** 2)
    return at_the_money * (1.0 - _SKEW * bounded + _CURVATURE * bounded * bounded)


def surface_vol(
    strike: Float64Array1D,
    time_to_expiry_years: Float64Array1D,
    *,
    spot: float,
    atm_vol: float,
    rate: float = 0.0,
    dividend_yield: float = 0.0,
) -> Float64Array1D:
    """Implied volatility of the simulated surface.

    Parameters
    ----------
    strike : (n,) USD, positive.
    time_to_expiry_years : (n,) years, positive.
    spot : USD, positive.
    atm_vol : at-the-money volatility of 30 days, annualised, as a fraction.
    rate, dividend_yield : continuously compounded, annualised fractions.

    Returns
    -------
    (n,) annualised fraction, positive; at the money and 30 days it is ``atm_vol``.
    """
    forward = spot * np.exp((rate - dividend_yield) * time_to_expiry_years)
    vols: Float64Array1D = _vols(np.log(strike / forward), time_to_expiry_years, atm_vol)
    return vols


@numba.njit(cache=True, error_model="numpy")
def _vols(log_moneyness: Float64Array1D, years: Float64Array1D, atm_vol: float) -> Float64Array1D:
    out = np.empty(len(years))
    for i in range(len(years)):
        middle, _ = at_the_money_vol(years[i], atm_vol)
        out[i] = skewed_vol(middle, log_moneyness[i] / (middle * math.sqrt(years[i])))
    return out
