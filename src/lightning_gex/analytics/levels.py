"""Prices that stand out in a chain: walls, max pain, and the moves that options price in.

Every figure is a kernel over one underlying's contracts, sorted by series and strike, so that a chain and a whole
market run the same lines; the functions beside them take arrays in any order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numba
import numpy as np

from lightning_gex.analytics.vector_math import INV_SQRT_2PI, exp_lane, normal_cdf_lane
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int8Array1D, Int64Array1D

REFERENCE_DAYS = 30.0  # calendar days of the at-the-money volatility that stands for the chain
#: One standard deviation of a normal move is so many times its mean size: E|X| = sigma sqrt(2 / pi).
ONE_SIGMA_PER_MEAN_MOVE = math.sqrt(math.pi / 2.0)
_TIE = 1e-12  # settlements that pay alike to rounding, as a share of the largest payout
_NEAR = 0.15  # standard deviations from the forward up to which two terms of a straddle's series are right to 2e-5
_STEPS = 40  # of Newton; a handful suffices unless a straddle is almost all intrinsic value
_CONVERGED = 1e-10  # last step as a share of the standard deviation


class StraddleStatus(IntEnum):
    """Why a series has a straddle at the forward, or none."""

    OK = 0
    NO_FORWARD = 1  # the forward is not a positive number
    NO_PAIR = 2  # no strike has a two-sided, uncrossed quote of both its call and its put
    ONE_SIDED = 3  # such strikes stand on one side of the forward only
    NO_TIME_VALUE = 4  # a straddle next to the forward is worth no more than settling at the forward pays


_OK, _NO_FORWARD, _NO_PAIR, _ONE_SIDED, _NO_TIME_VALUE = (int(status) for status in StraddleStatus)


@dataclass(frozen=True, slots=True, eq=False)
class Straddles:
    """The straddle struck at the forward of each series, and the move it prices in.

    Parameters
    ----------
    straddle_usd : (g,) price today of call plus put, USD a share; NaN where ``status`` is not ``OK``.
    mean_move_usd : (g,) expected distance of spot at settlement from the forward, E|S_T - F|, USD: straddle / discount.
    one_sigma_usd : (g,) standard deviation of a normal move with that mean size: sqrt(pi / 2) times it.
    mean_move, one_sigma : (g,) the same as fractions of spot.
    status : (g,) int8 codes of ``StraddleStatus``.
    """

    straddle_usd: Float64Array1D
    mean_move_usd: Float64Array1D
    one_sigma_usd: Float64Array1D
    mean_move: Float64Array1D
    one_sigma: Float64Array1D
    status: Int8Array1D


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
    return float(wall_kernel(_column(strikes), _column(gamma_exposure), spot))


def max_pain(
    strike: Float64Array1D, is_call: BoolArray1D, open_interest: Float64Array1D, multiplier: Float64Array1D, spot: float
) -> float:
    """The listed strike at which the options given would pay their holders least if all settled there.

    Parameters
    ----------
    strike, open_interest, multiplier : (n,) USD, contracts, shares a contract, in any order.
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
    ladder, at = np.unique(_column(strike), return_inverse=True)
    shares = np.asarray(open_interest, dtype=np.float64) * multiplier
    calls = np.bincount(at, weights=np.where(is_call, shares, 0.0), minlength=len(ladder)).astype(np.float64)
    puts = np.bincount(at, weights=np.where(is_call, 0.0, shares), minlength=len(ladder)).astype(np.float64)
    return float(max_pain_kernel(ladder, calls, puts, spot, np.empty(len(ladder))))


def atm_implied_vol(
    strike: Float64Array1D, implied_vol: Float64Array1D, group: Int64Array1D, forward: Float64Array1D
) -> Float64Array1D:
    """At-the-money-forward volatility of each expiry.

    Parameters
    ----------
    strike, implied_vol : (n,) USD and annualised fraction, calls and puts alike, in any order; a NaN is left out.
    group : (n,) index of each contract's expiry.
    forward : (g,) USD.

    Returns
    -------
    (g,) the mean volatility of the strikes on either side of the forward, interpolated in the strike; NaN where the
    expiry has no strike on one of its sides.

    Examples
    --------
    >>> strikes, vols = np.array([90.0, 110.0]), np.array([0.30, 0.20])
    >>> atm_implied_vol(strikes, vols, np.array([0, 0]), np.array([95.0])).round(4)
    array([0.275])
    """
    out = np.empty(len(forward))
    order = np.lexsort((implied_vol, strike, group))
    starts = np.searchsorted(group[order], np.arange(len(forward) + 1))
    atm_vol_kernel(_column(strike[order]), _column(implied_vol[order]), starts, _column(forward), out)
    return out


def constant_maturity_vol(
    years: Float64Array1D, atm_vol: Float64Array1D, target_years: float = REFERENCE_DAYS / 365.0
) -> float:
    """Volatility for one horizon from a term structure, total variance interpolated in time.

    Parameters
    ----------
    years : (g,) time to expiry, positive, in any order.
    atm_vol : (g,) annualised fraction; NaN is left out.
    target_years : the horizon.

    Returns
    -------
    Annualised fraction; beyond the first and last expiry their volatility holds, and of several expiries at one moment
    the first counts. NaN where all are.

    Examples
    --------
    >>> round(constant_maturity_vol(np.array([20.0, 40.0]) / 365, np.array([0.2, 0.3])), 4)
    0.2708
    """
    return float(constant_maturity_kernel(_column(years), _column(atm_vol), target_years))


def expected_move_usd(spot: float, implied_vol: float, years: float) -> float:
    """One standard deviation of spot over a horizon, USD: S sigma sqrt T. NaN in, NaN out.

    Examples
    --------
    >>> round(expected_move_usd(100.0, 0.16, 1 / 256), 6)
    1.0
    """
    return spot * implied_vol * math.sqrt(years)


def straddles(
    strike: Float64Array1D,
    is_call: BoolArray1D,
    bid: Float64Array1D,
    ask: Float64Array1D,
    group: Int64Array1D,
    forward: Float64Array1D,
    discount: Float64Array1D,
    spot: float,
) -> Straddles:
    """The straddle at the forward of each series, from quotes, and the move it prices in.

    A straddle is worth D E|S_T - K|, so the one struck at the forward is, undiscounted, the mean size of the move, free
    of any model. No strike stands exactly there: the straddles of the strikes around the forward are each turned into
    the one at the forward that has the same normal volatility (Bachelier), and those are interpolated in the strike.

    Parameters
    ----------
    strike, bid, ask : (n,) USD, in any order. Mids of two-sided (bid > 0), uncrossed quotes count; of several rows of
        one contract the one with the tightest spread, then the lower mid.
    is_call : (n,) bool.
    group : (n,) index of each contract's series.
    forward, discount : (g,) USD for the settlement moment, and USD today of 1 USD then.
    spot : USD, for the moves as fractions.

    Returns
    -------
    Straddles of (g,) arrays. American options count as if European: the premium for early exercise makes the move of a
    stock's options a little large.

    Source
    ------
    Brenner & Subrahmanyam, *A simple formula to compute the implied standard deviation*, Financial Analysts Journal
    44(5) (1988) 80-83 (the at-the-money option and sqrt(2 / pi)); Bachelier, *Theorie de la speculation* (1900).

    Examples
    --------
    >>> K, call = np.array([95.0, 95.0, 105.0, 105.0]), np.array([True, False, True, False])
    >>> quotes, one = np.array([6.0, 1.0, 1.0, 6.0]), np.ones(1)
    >>> found = straddles(K, call, quotes, quotes, np.zeros(4, dtype=int), 100.0 * one, one, 100.0)
    >>> found.straddle_usd.round(3), found.one_sigma_usd.round(3)
    (array([5.647]), array([7.077]))
    """
    spread, mid = ask - bid, 0.5 * (ask + bid)
    order = np.lexsort((mid, spread, ~is_call, strike, group))
    starts = np.searchsorted(group[order], np.arange(len(forward) + 1))
    price, status = np.empty(len(forward)), np.empty(len(forward), dtype=np.int8)
    columns = (_column(strike[order]), np.ascontiguousarray(is_call[order]), _column(bid[order]), _column(ask[order]))
    straddle_kernel(*columns, starts, _column(forward), _column(discount), price, status)
    move = price / discount
    one_sigma = ONE_SIGMA_PER_MEAN_MOVE * move
    return Straddles(price, move, one_sigma, move / spot, one_sigma / spot, status)


def _column(values: Float64Array1D) -> Float64Array1D:
    """Of the one layout that kernels are compiled for."""
    return np.ascontiguousarray(values, dtype=np.float64)


@numba.njit(cache=True, error_model="numpy")
def strike_ladder_kernel(
    strike: Float64Array1D,
    series_start: Int64Array1D,
    ladder: Float64Array1D,
    at: Int64Array1D,
    spare: Float64Array1D,
) -> int:
    """The distinct strikes of one underlying, and each contract's place among them.

    Parameters
    ----------
    strike : (n,) USD, rising within each series; a NaN has no place and gets 0.
    series_start : (g + 1,) rows at which the series begin, counted from the first.
    ladder : (n,) filled with the distinct strikes, rising.
    at : (n,) int64, filled.
    spare : (n,) scratch.

    Returns
    -------
    How many distinct strikes there are.
    """
    count = 0
    for g in range(series_start.size - 1):
        a, b = series_start[g] - series_start[0], series_start[g + 1] - series_start[0]
        if not _places(strike, a, b, ladder, count, at):
            count = _merged(strike, a, b, ladder, count, spare)
            ladder[:count] = spare[:count]
    for g in range(series_start.size - 1):
        _places(strike, series_start[g] - series_start[0], series_start[g + 1] - series_start[0], ladder, count, at)
    return count


@numba.njit(cache=True, error_model="numpy")
def _places(strike: Float64Array1D, a: int, b: int, ladder: Float64Array1D, count: int, at: Int64Array1D) -> bool:
    """Write the places of a series' strikes; False at the first that is missing."""
    k = 0
    for i in range(a, b):
        if strike[i] != strike[i]:
            at[i] = 0
            continue
        while k < count and ladder[k] < strike[i]:
            k += 1
        if k == count or ladder[k] != strike[i]:
            return False
        at[i] = k
    return True


@numba.njit(cache=True, error_model="numpy")
def _merged(strike: Float64Array1D, a: int, b: int, ladder: Float64Array1D, count: int, out: Float64Array1D) -> int:
    """The ladder and a series' strikes as one rising row of distinct ones; how many."""
    k, size = 0, 0
    for i in range(a, b):
        if strike[i] != strike[i] or (size > 0 and out[size - 1] == strike[i]):
            continue
        while k < count and ladder[k] <= strike[i]:
            out[size] = ladder[k]
            size += 1
            k += 1
        if size == 0 or out[size - 1] != strike[i]:
            out[size] = strike[i]
            size += 1
    while k < count:
        out[size] = ladder[k]
        size += 1
        k += 1
    return size


@numba.njit(cache=True, error_model="numpy")
def wall_kernel(ladder: Float64Array1D, exposure: Float64Array1D, spot: float) -> float:
    """``wall`` compiled: (k,) distinct strikes and exposures of either sign; NaN exposures are left out."""
    best, size = np.nan, 0.0
    for i in range(ladder.size):
        here = abs(exposure[i])
        if here > size or (here == size and size > 0.0 and _nearer(ladder[i], best, spot)):
            best, size = ladder[i], here
    return best


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _nearer(strike: float, than: float, spot: float) -> bool:
    """Whether a strike is nearer to spot than another, or as near and lower."""
    near, far = abs(strike - spot), abs(than - spot)
    return near < far or (near == far and strike < than)


@numba.njit(cache=True, error_model="numpy")
def max_pain_kernel(
    ladder: Float64Array1D,
    call_shares: Float64Array1D,
    put_shares: Float64Array1D,
    spot: float,
    paid: Float64Array1D,
) -> float:
    """``max_pain`` compiled: (k,) rising distinct strikes, shares under calls and puts at each, (k,) scratch.

    What calls pay grows from strike to strike by the shares below; what puts pay, from the top down, by those above.
    """
    count = ladder.size
    held, owed, holders = 0.0, 0.0, 0.0
    for i in range(count):
        owed += held * (ladder[i] - ladder[i - 1]) if i > 0 else 0.0
        paid[i] = owed
        held += call_shares[i]
        holders += call_shares[i] + put_shares[i]
    if not holders > 0.0:
        return np.nan
    held, owed = 0.0, 0.0
    least, most = np.inf, 0.0
    for i in range(count - 1, -1, -1):
        owed += held * (ladder[i + 1] - ladder[i]) if i < count - 1 else 0.0
        paid[i] += owed
        held += put_shares[i]
        least, most = min(least, paid[i]), max(most, paid[i])
    best = np.nan
    for i in range(count):
        if paid[i] <= least + _TIE * most and (best != best or _nearer(ladder[i], best, spot)):
            best = ladder[i]
    return best


@numba.njit(cache=True, error_model="numpy")
def atm_vol_kernel(
    strike: Float64Array1D,
    implied_vol: Float64Array1D,
    series_start: Int64Array1D,
    forward: Float64Array1D,
    out: Float64Array1D,
) -> None:
    """``atm_implied_vol`` compiled: strikes rising within each series, rows at which series begin, (g,) result."""
    for g in range(forward.size):
        out[g] = atm_vol_of_series(
            strike, implied_vol, series_start[g] - series_start[0], series_start[g + 1] - series_start[0], forward[g]
        )


@numba.njit(cache=True, error_model="numpy")
def atm_vol_of_series(strike: Float64Array1D, implied_vol: Float64Array1D, a: int, b: int, forward: float) -> float:
    """``atm_implied_vol`` of the series in rows a .. b - 1, for compiled callers."""
    low, high = -np.inf, np.inf
    low_sum, low_count, high_sum, high_count = 0.0, 0, 0.0, 0
    for i in range(a, b):
        here, vol = strike[i], implied_vol[i]
        if here > high:
            break
        if not (here > 0.0 and vol == vol):
            continue
        if here <= forward:
            low_sum, low_count = (low_sum + vol, low_count + 1) if here == low else (vol, 1)
            low = here
        if here >= forward:
            high = here
            high_sum += vol
            high_count += 1
    if low_count == 0 or high_count == 0:
        return np.nan
    below, above = low_sum / low_count, high_sum / high_count
    return below + (above - below) * (forward - low) / (high - low) if high > low else below


@numba.njit(cache=True, error_model="numpy")
def constant_maturity_kernel(years: Float64Array1D, atm_vol: Float64Array1D, target_years: float) -> float:
    """``constant_maturity_vol`` compiled."""
    before, after = -1, -1
    for g in range(years.size):
        if atm_vol[g] != atm_vol[g]:
            continue
        if years[g] <= target_years and (before < 0 or years[g] > years[before]):
            before = g
        if years[g] >= target_years and (after < 0 or years[g] < years[after]):
            after = g
    if before < 0 and after < 0:
        return np.nan
    if before < 0 or after < 0:
        return float(atm_vol[max(before, after)])
    T, later = years[before], years[after]
    if later <= T:
        return float(atm_vol[before])
    variance, then = T * atm_vol[before] ** 2, later * atm_vol[after] ** 2
    return math.sqrt((variance + (then - variance) * (target_years - T) / (later - T)) / target_years)


@numba.njit(cache=True, error_model="numpy")
def straddle_kernel(
    strike: Float64Array1D,
    is_call: BoolArray1D,
    bid: Float64Array1D,
    ask: Float64Array1D,
    series_start: Int64Array1D,
    forward: Float64Array1D,
    discount: Float64Array1D,
    straddle: Float64Array1D,
    status: Int8Array1D,
) -> None:
    """The straddle at the forward of each series of one underlying, compiled; see ``straddles``.

    Parameters
    ----------
    strike, bid, ask : (n,) USD, strikes rising within each series; rows with a NaN strike are left out.
    is_call : (n,) bool.
    series_start : (g + 1,) rows at which the series begin, counted from the first.
    forward, discount : (g,).
    straddle : (g,) filled, USD today; NaN where there is none.
    status : (g,) int8, filled with codes of ``StraddleStatus``.
    """
    for g in range(forward.size):
        a, b = series_start[g] - series_start[0], series_start[g + 1] - series_start[0]
        if 0.0 < forward[g] < np.inf and discount[g] > 0.0:
            straddle[g], status[g] = straddle_of_series(strike, is_call, bid, ask, a, b, forward[g], discount[g])
        else:
            straddle[g], status[g] = np.nan, _NO_FORWARD


@numba.njit(cache=True, error_model="numpy")
def straddle_of_series(
    strike: Float64Array1D,
    is_call: BoolArray1D,
    bid: Float64Array1D,
    ask: Float64Array1D,
    a: int,
    b: int,
    forward: float,
    discount: float,
) -> tuple[float, int]:
    """The straddle of the series in rows a .. b - 1 and its status: the strikes next to the forward that have both
    quotes, then the interpolation."""
    above = a
    while above < b and not strike[above] >= forward:
        above += 1
    high, at_high = _next_pair(strike, is_call, bid, ask, above, b, 1)
    low, at_low = high, at_high
    if high != forward:
        low, at_low = _next_pair(strike, is_call, bid, ask, above - 1, a - 1, -1)
    if at_low != at_low or at_high != at_high:
        return np.nan, _NO_PAIR if at_low != at_low and at_high != at_high else _ONE_SIDED
    below = _sigma_of_straddle(at_low / discount, forward - low)
    upper = _sigma_of_straddle(at_high / discount, high - forward)
    if not (below > 0.0 and upper > 0.0):
        return np.nan, _NO_TIME_VALUE
    share = (forward - low) / (high - low) if high > low else 0.0
    return discount * (below + (upper - below) * share) / ONE_SIGMA_PER_MEAN_MOVE, _OK


@numba.njit(cache=True, error_model="numpy")
def _next_pair(
    strike: Float64Array1D,
    is_call: BoolArray1D,
    bid: Float64Array1D,
    ask: Float64Array1D,
    i: int,
    stop: int,
    direction: int,
) -> tuple[float, float]:
    """The first strike from row i on with both quotes, and the sum of the mids; NaN where there is none."""
    while i != stop:
        here, begin = strike[i], i
        i += direction
        while here == here and i != stop and not (strike[i] != here and strike[i] == strike[i]):
            i += direction
        first, last = (begin, i) if direction > 0 else (i + 1, begin + 1)
        straddle = _best_mid(strike, is_call, bid, ask, first, last, here, True)
        straddle += _best_mid(strike, is_call, bid, ask, first, last, here, False)
        if straddle == straddle:
            return here, straddle
    return np.nan, np.nan


@numba.njit(cache=True, error_model="numpy")
def _best_mid(
    strike: Float64Array1D,
    is_call: BoolArray1D,
    bid: Float64Array1D,
    ask: Float64Array1D,
    a: int,
    b: int,
    here: float,
    call: bool,
) -> float:
    """Mid of the tightest two-sided, uncrossed quote of one contract among its rows; NaN where it has none."""
    best, tightest = np.nan, np.inf
    for i in range(a, b):
        spread, mid = ask[i] - bid[i], 0.5 * (ask[i] + bid[i])
        if not (strike[i] == here and is_call[i] == call and bid[i] > 0.0 and spread >= 0.0 and ask[i] < np.inf):
            continue
        if spread < tightest or (spread == tightest and mid < best):
            best, tightest = mid, spread
    return best


@numba.njit(cache=True, error_model="numpy")
def _sigma_of_straddle(price: float, distance: float) -> float:
    """Standard deviation s of a normal move whose mean distance from a strike so far from its middle is the price.

    E|X - K| = s [2 phi(z) + z (2 N(z) - 1)], z = distance / s. Near the middle the first two terms of its series in z
    are solved; elsewhere Newton's steps follow, from above, where the convex function makes them safe. NaN where the
    price is no more than the distance.
    """
    if not price > distance:
        return np.nan
    inside = price * price - distance * distance * (4.0 / math.pi)
    sigma = ONE_SIGMA_PER_MEAN_MOVE * (0.5 * (price + math.sqrt(inside)) if inside > 0.0 else price)
    if distance <= _NEAR * sigma:
        return sigma
    sigma = ONE_SIGMA_PER_MEAN_MOVE * price
    for _ in range(_STEPS):
        z = distance / sigma
        gauss = exp_lane(-0.5 * z * z)
        density = 2.0 * INV_SQRT_2PI * gauss
        # price - distance = s [2 phi(z) - 2 z N(-z)]: the difference keeps its digits far from the middle.
        step = (sigma * density - 2.0 * distance * normal_cdf_lane(-z, gauss) - (price - distance)) / density
        sigma -= step
        if not abs(step) > _CONVERGED * sigma:
            break
    return sigma
