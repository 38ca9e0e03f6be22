"""Prices that stand out in a chain: walls, max pain, and the move the options price in."""

from __future__ import annotations

import math

import numpy as np

from lightning_gex.analytics.dealer_exposure import summed_by
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int64Array1D

REFERENCE_DAYS = 30.0  # calendar days of the at-the-money volatility that stands for the chain


def wall(strikes: Float64Array1D, gamma_exposure: Float64Array1D, spot: float) -> float:
    """The strike with the largest gamma exposure in size.

    Parameters
    ----------
    strikes : (k,) USD, distinct, in any order.
    gamma_exposure : (k,) USD per 1 %, of calls alone (call wall) or puts alone (put wall); the sign does not matter.
    spot : USD; of equal strikes the one nearest to it counts, then the lower one.

    Returns
    -------
    USD; NaN where no strike has any.

    Examples
    --------
    >>> wall(np.array([95.0, 100.0, 105.0]), np.array([1.0, 3.0, 9.0]), 100.0)
    105.0
    """
    size = np.abs(gamma_exposure)
    if len(size) == 0 or not size.max() > 0:
        return math.nan
    best = strikes[size == size.max()]
    return float(min(best, key=lambda strike: (abs(strike - spot), strike)))


def max_pain(
    strike: Float64Array1D, is_call: BoolArray1D, open_interest: Float64Array1D, multiplier: Float64Array1D, spot: float
) -> float:
    """The listed strike at which the options given would pay their holders least if all settled there.

    Parameters
    ----------
    strike, open_interest, multiplier : (n,) USD, contracts, shares a contract.
    is_call : (n,) bool.
    spot : USD; of equal strikes the one nearest to it counts, then the lower one.

    Returns
    -------
    USD; NaN without open interest. Several expiries are taken together as if they settled at once.

    Examples
    --------
    >>> ones = np.ones(3)
    >>> max_pain(np.array([90.0, 100.0, 110.0]), np.array([True, False, False]), ones, 100 * ones, 100.0)
    100.0
    """
    shares = open_interest * multiplier
    if len(strike) == 0 or not shares.sum() > 0:
        return math.nan
    levels, at = np.unique(strike, return_inverse=True)
    paid = _paid_to_calls(levels, summed_by(at, np.where(is_call, shares, 0.0), len(levels)))
    puts = summed_by(at, np.where(is_call, 0.0, shares), len(levels))
    paid += _paid_to_calls(-levels[::-1], puts[::-1])[::-1]
    best = levels[paid <= paid.min() + 1e-12 * paid.max()]
    return float(min(best, key=lambda level: (abs(level - spot), level)))


def _paid_to_calls(levels: Float64Array1D, shares: Float64Array1D) -> Float64Array1D:
    """(k,) USD: sum of shares max(level - strike, 0) with settlement at each rising level (puts: mirrored levels)."""
    held = np.r_[0.0, np.cumsum(shares)[:-1]]
    return np.cumsum(held * np.r_[0.0, np.diff(levels)])


def atm_implied_vol(
    strike: Float64Array1D, implied_vol: Float64Array1D, group: Int64Array1D, forward: Float64Array1D
) -> Float64Array1D:
    """At-the-money-forward volatility of each expiry.

    Parameters
    ----------
    strike, implied_vol : (n,) USD and annualised fraction, calls and puts alike.
    group : (n,) index of each contract's expiry.
    forward : (g,) USD.

    Returns
    -------
    (g,) the mean volatility of the strikes on either side of the forward, interpolated in the strike; NaN where the
    expiry has no strike on one of its sides.
    """
    out = np.full(len(forward), np.nan)
    order = np.lexsort((implied_vol, strike, group))
    starts = np.searchsorted(group[order], np.arange(len(forward) + 1))
    for g, F in enumerate(forward):
        rows = order[starts[g] : starts[g + 1]]
        levels, at, count = np.unique(strike[rows], return_inverse=True, return_counts=True)
        if len(levels) == 0 or not levels[0] <= F <= levels[-1]:
            continue
        mean = summed_by(at, implied_vol[rows], len(levels)) / count
        out[g] = np.interp(F, levels, mean)
    return out


def constant_maturity_vol(
    years: Float64Array1D, atm_vol: Float64Array1D, target_years: float = REFERENCE_DAYS / 365.0
) -> float:
    """Volatility for one horizon from a term structure, total variance interpolated in time.

    Parameters
    ----------
    years : (g,) time to expiry.
    atm_vol : (g,) annualised fraction; NaN is left out.
    target_years : the horizon.

    Returns
    -------
    Annualised fraction; beyond the first and last expiry their volatility holds. NaN where all are.
    """
    known = np.isfinite(atm_vol)
    if not known.any():
        return math.nan
    order = np.argsort(years[known], kind="stable")
    T, variance = years[known][order], (atm_vol[known] ** 2)[order]
    inside = min(max(target_years, float(T[0])), float(T[-1]))
    return math.sqrt(float(np.interp(inside, T, variance * T)) / inside)


def expected_move_usd(spot: float, implied_vol: float, years: float) -> float:
    """One standard deviation of spot over a horizon, USD: S sigma sqrt T. NaN in, NaN out.

    Examples
    --------
    >>> round(expected_move_usd(100.0, 0.16, 1 / 256), 6)
    1.0
    """
    return spot * implied_vol * math.sqrt(years)
