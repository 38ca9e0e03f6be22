"""Delta, gamma, vanna and charm (vega, theta apart) of whole chains, contracts that settle together side by side.

What a series shares (the roots, discounts and drifts of its time to expiry) is computed once a series, and ln(K/S) is
a column that one computation of a chain can hand to the next. The formulas are those of ``black_scholes``; the layout
is explained in ``docs/decisions/0010_lanes_of_eight.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from lightning_gex.analytics.black_scholes import FARTHEST, LEAST, MOST
from lightning_gex.analytics.vector_math import (
    GAUSS_LIMIT,
    INV_SQRT_2PI,
    LANES,
    exp_lane,
    fused,
    gauss_lane,
    log_ratio_lane,
    mills_lane,
    use_vector_lanes,
)
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int64Array1D


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """What contracts that settle together share: g series over n contracts that lie side by side.

    Parameters
    ----------
    start : (g + 1,) int64; contracts ``start[j]`` to ``start[j + 1] - 1`` are series j, from 0 to n. May be empty.
    spot : (g,) USD, positive.
    time_to_expiry_years : (g,) years, positive, no floor.
    rate, dividend_yield : (g,) continuous, per year.
    """

    start: Int64Array1D
    spot: Float64Array1D
    time_to_expiry_years: Float64Array1D
    rate: Float64Array1D
    dividend_yield: Float64Array1D

    def __post_init__(self) -> None:
        """Check that the columns fit.

        Raises
        ------
        InputError : naming the column whose type, length or order does not fit.
        """
        start = self.start
        if start.dtype != np.int64 or start.ndim != 1 or not start.flags.c_contiguous:
            raise InputError(f"is {start.dtype} {start.shape}, wanted contiguous int64 (series + 1,)", field="start")
        if len(start) == 0 or start[0] != 0 or (start[1:] < start[:-1]).any():
            raise InputError("must begin with 0 and never fall", field="start")
        for name in ("spot", "time_to_expiry_years", "rate", "dividend_yield"):
            _check_column(name, getattr(self, name), len(self.start) - 1)


@dataclass(frozen=True, slots=True, eq=False)
class ChainGreeks:
    """Sensitivities of one option on one share, (n,) float64 each; units and signs as ``black_scholes.Greeks``."""

    delta: Float64Array1D
    gamma: Float64Array1D
    vanna: Float64Array1D
    charm: Float64Array1D

    @classmethod
    def empty(cls, n: int) -> ChainGreeks:
        """Four (n,) columns to be written into; what they hold is nobody's."""
        return cls(*np.empty((4, n)))


def log_moneyness(series: Series, strike: Float64Array1D) -> Float64Array1D:
    """ln(strike / spot) of each contract, with every digit also next to the money.

    Parameters
    ----------
    series : the contracts' series.
    strike : (n,) USD.

    Returns
    -------
    (n,) natural logarithm; NaN where spot or strike is not finite and positive.

    Raises
    ------
    InputError : where ``strike`` is not a contiguous float64 column of n contracts.

    Examples
    --------
    >>> one = np.array([100.0])
    >>> log_moneyness(Series(np.array([0, 2]), one, one, one, one), np.array([100.0, 110.0])).round(6)
    array([0.     , 0.09531])
    """
    _check_column("strike", strike, int(series.start[-1]))
    out = np.empty(len(strike))
    log_moneyness_kernel(series.start, series.spot, strike, out)
    return out


def chain_greeks(
    series: Series,
    log_moneyness: Float64Array1D,
    implied_vol: Float64Array1D,
    is_call: BoolArray1D,
    *,
    out: ChainGreeks | None = None,
) -> ChainGreeks:
    """Delta, gamma, vanna and charm of European options of one or many expiries.

    Parameters
    ----------
    series : what contracts that settle together share.
    log_moneyness : (n,) ln(strike / spot), the answer of ``log_moneyness``. Who looks at a chain twice keeps it.
    implied_vol : (n,) annualised fraction, positive.
    is_call : (n,) bool.
    out : columns to write into instead of new ones; they must not overlap anything given.

    Returns
    -------
    ChainGreeks of (n,) columns. A contract's value does not depend on its position, its neighbours or n. NaN where an
    input is not finite, or spot, strike, time or volatility is not positive (below 1e-100 counts as not).

    Raises
    ------
    InputError : where a column is not contiguous, of another type or of another length.

    Source
    ------
    As ``black_scholes.greeks``.

    Examples
    --------
    >>> terms = (np.array([x]) for x in (49.0, 0.3846, 0.05, 0.0))  # Hull, example 19.1
    >>> series = Series(np.array([0, 1]), *terms)
    >>> found = chain_greeks(series, log_moneyness(series, np.array([50.0])), np.array([0.2]), np.array([True]))
    >>> round(float(found.delta[0]), 3)
    0.522
    """
    n = _check_contracts(series, log_moneyness, implied_vol, is_call)
    if out is None:
        out = ChainGreeks.empty(n)
    else:
        for name in ChainGreeks.__slots__:
            _check_column(name, getattr(out, name), n)
    chain_greeks_kernel(
        series.start,
        series.spot,
        series.time_to_expiry_years,
        series.rate,
        series.dividend_yield,
        log_moneyness,
        implied_vol,
        is_call,
        out.delta,
        out.gamma,
        out.vanna,
        out.charm,
    )
    return out


def chain_vega_theta(
    series: Series, log_moneyness: Float64Array1D, implied_vol: Float64Array1D, is_call: BoolArray1D
) -> tuple[Float64Array1D, Float64Array1D]:
    """Vega and theta of the contracts of ``chain_greeks``, apart because fewer callers want them.

    Parameters
    ----------
    As ``chain_greeks``.

    Returns
    -------
    (n,) vega, USD per unit of volatility, >= 0, and (n,) theta, USD per year of calendar time passing; the NaN rule
    of ``chain_greeks``.

    Raises
    ------
    InputError : where a column is not contiguous, of another type or of another length.

    Examples
    --------
    >>> terms = (np.array([x]) for x in (49.0, 0.3846, 0.05, 0.0))  # Hull, section 19.5
    >>> series = Series(np.array([0, 1]), *terms)
    >>> x = log_moneyness(series, np.array([50.0]))
    >>> vega, theta = chain_vega_theta(series, x, np.array([0.2]), np.array([True]))
    >>> round(float(vega[0]), 1), round(float(theta[0]), 2)
    (12.1, -4.31)
    """
    n = _check_contracts(series, log_moneyness, implied_vol, is_call)
    vega, theta = np.empty((2, n))
    chain_vega_theta_kernel(
        series.start,
        series.spot,
        series.time_to_expiry_years,
        series.rate,
        series.dividend_yield,
        log_moneyness,
        implied_vol,
        is_call,
        vega,
        theta,
    )
    return vega, theta


def _check_contracts(
    series: Series, log_moneyness: Float64Array1D, implied_vol: Float64Array1D, is_call: BoolArray1D
) -> int:
    """How many contracts there are, once every column fits."""
    n = int(series.start[-1])
    _check_column("log_moneyness", log_moneyness, n)
    _check_column("implied_vol", implied_vol, n)
    _check_column("is_call", is_call, n, np.bool_)
    return n


def _check_column(name: str, column: np.ndarray, n: int, dtype: type[np.generic] = np.float64) -> None:
    if column.shape != (n,) or column.dtype != dtype or not column.flags.c_contiguous:
        wanted = f"a contiguous {np.dtype(dtype)} column ({n},)"
        raise InputError(f"is {column.dtype} {column.shape}, wanted {wanted}", field=name)


@numba.njit(cache=True, error_model="numpy")
def log_moneyness_kernel(
    series_start: Int64Array1D, spot: Float64Array1D, strike: Float64Array1D, out: Float64Array1D
) -> None:
    """``log_moneyness`` for compiled callers: (g,) series and (n,) strikes in, one (n,) column written."""
    use_vector_lanes()
    for j in range(spot.size):
        S = spot[j] if (spot[j] >= LEAST) & (spot[j] <= MOST) else np.nan
        first = np.uint64(series_start[j])  # unsigned: no index counts from the end
        for k in range(series_start[j + 1] - series_start[j]):
            i = first + np.uint64(k)
            K = strike[i]
            found = log_ratio_lane(K, S)
            out[i] = found + 0.0 * S if (K >= LEAST) & (K <= MOST) else np.nan


@numba.njit(cache=True, error_model="numpy")
def chain_greeks_kernel(
    series_start: Int64Array1D,
    spot: Float64Array1D,
    years: Float64Array1D,
    rate: Float64Array1D,
    dividend_yield: Float64Array1D,
    log_moneyness: Float64Array1D,
    implied_vol: Float64Array1D,
    is_call: BoolArray1D,
    delta: Float64Array1D,
    gamma: Float64Array1D,
    vanna: Float64Array1D,
    charm: Float64Array1D,
) -> None:
    """``chain_greeks`` for compiled callers: (g,) series and (n,) contracts in, four (n,) columns written.

    Offsets in ``series_start`` are absolute, so that some series of a larger book can be done with the book's columns.
    The last group of a series runs on into the next one, which is written after it; nothing is written before
    ``series_start[0]`` or from ``series_start[g]`` on.
    """
    use_vector_lanes()
    end = series_start[spot.size]
    x, sigma, call = np.empty(LANES), np.empty(LANES), np.empty(LANES, dtype=np.bool_)
    found = np.empty((4, LANES))
    for j in range(spot.size):
        S, T, r, q = _sound_terms(spot[j], years[j], rate[j], dividend_yield[j])
        for base in range(series_start[j], series_start[j + 1], LANES):
            if base + LANES <= end:
                _greeks_lanes(base, S, T, r, q, log_moneyness, implied_vol, is_call, delta, gamma, vanna, charm)
            else:
                own = series_start[j + 1] - base
                _copy(log_moneyness, base, x, 0, own)
                _copy(implied_vol, base, sigma, 0, own)
                _copy(is_call, base, call, 0, own)
                _lone_greeks(S, T, r, q, x, sigma, call, found[0], found[1], found[2], found[3])
                _copy(found[0], 0, delta, base, own)
                _copy(found[1], 0, gamma, base, own)
                _copy(found[2], 0, vanna, base, own)
                _copy(found[3], 0, charm, base, own)


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _sound_terms(S: float, T: float, r: float, q: float) -> tuple[float, float, float, float]:
    """The terms of a series, or NaN throughout where they allow no price."""
    positive = (S >= LEAST) & (S <= MOST) & (T >= LEAST) & (T <= MOST)
    if positive and (r + q) * 0.0 == 0.0:
        return S, T, r, q
    return np.nan, np.nan, np.nan, np.nan


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _copy(source: np.ndarray, at: int, target: np.ndarray, to: int, count: int) -> None:
    for i in range(count):
        target[to + i] = source[at + i]


@numba.njit(cache=True, error_model="numpy")
def _lone_greeks(
    S: float,
    T: float,
    r: float,
    q: float,
    log_moneyness: Float64Array1D,
    implied_vol: Float64Array1D,
    is_call: BoolArray1D,
    delta: Float64Array1D,
    gamma: Float64Array1D,
    vanna: Float64Array1D,
    charm: Float64Array1D,
) -> None:
    use_vector_lanes()
    _greeks_lanes(0, S, T, r, q, log_moneyness, implied_vol, is_call, delta, gamma, vanna, charm)


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _greeks_lanes(
    base: int,
    S: float,
    T: float,
    r: float,
    q: float,
    log_moneyness: Float64Array1D,
    implied_vol: Float64Array1D,
    is_call: BoolArray1D,
    delta: Float64Array1D,
    gamma: Float64Array1D,
    vanna: Float64Array1D,
    charm: Float64Array1D,
) -> None:
    """Eight contracts of one series. What does not depend on ``lane`` is computed once a series by the compiler."""
    root_t, share, per_spot, half_per_year = np.sqrt(T), exp_lane(-q * T), 1.0 / S, 0.5 / T
    peak, drift, carry = share * INV_SQRT_2PI, r - q, (r - q) * T
    for lane in range(LANES):
        i = np.uint64(base) + np.uint64(lane)  # unsigned: no index counts from the end
        x, sigma, call = log_moneyness[i], implied_vol[i], is_call[i]
        total = sigma * root_t
        per_total = 1.0 / total
        d1 = fused(carry - x, per_total, 0.5 * total)
        d2 = d1 - total
        far = abs(d1) >= GAUSS_LIMIT
        a = GAUSS_LIMIT if far else abs(d1)
        gauss = 0.0 if far else gauss_lane(a)
        # Everything below is a multiple of the density: one refusal here makes all of it NaN.
        density = peak * (gauss if (sigma >= LEAST) & (abs(d1) <= MOST) else np.nan)
        tail = density * mills_lane(a)
        side = share - tail if (d1 > 0.0) == call else tail
        side = side if call else -side
        width = density * per_total
        delta[i] = side
        gamma[i] = width * per_spot
        vanna[i] = width * (d2 * -root_t)
        charm[i] = fused(q, side, width * fused(d2 * half_per_year, total, -drift))


@numba.njit(cache=True, error_model="numpy")
def chain_vega_theta_kernel(
    series_start: Int64Array1D,
    spot: Float64Array1D,
    years: Float64Array1D,
    rate: Float64Array1D,
    dividend_yield: Float64Array1D,
    log_moneyness: Float64Array1D,
    implied_vol: Float64Array1D,
    is_call: BoolArray1D,
    vega: Float64Array1D,
    theta: Float64Array1D,
) -> None:
    """``chain_vega_theta`` for compiled callers, on the terms of ``chain_greeks_kernel``."""
    use_vector_lanes()
    end = series_start[spot.size]
    x, sigma, call = np.empty(LANES), np.empty(LANES), np.empty(LANES, dtype=np.bool_)
    found = np.empty((2, LANES))
    for j in range(spot.size):
        S, T, r, q = _sound_terms(spot[j], years[j], rate[j], dividend_yield[j])
        for base in range(series_start[j], series_start[j + 1], LANES):
            if base + LANES <= end:
                _vega_theta_lanes(base, S, T, r, q, log_moneyness, implied_vol, is_call, vega, theta)
            else:
                own = series_start[j + 1] - base
                _copy(log_moneyness, base, x, 0, own)
                _copy(implied_vol, base, sigma, 0, own)
                _copy(is_call, base, call, 0, own)
                _lone_vega_theta(S, T, r, q, x, sigma, call, found[0], found[1])
                _copy(found[0], 0, vega, base, own)
                _copy(found[1], 0, theta, base, own)


@numba.njit(cache=True, error_model="numpy")
def _lone_vega_theta(
    S: float,
    T: float,
    r: float,
    q: float,
    log_moneyness: Float64Array1D,
    implied_vol: Float64Array1D,
    is_call: BoolArray1D,
    vega: Float64Array1D,
    theta: Float64Array1D,
) -> None:
    use_vector_lanes()
    _vega_theta_lanes(0, S, T, r, q, log_moneyness, implied_vol, is_call, vega, theta)


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _vega_theta_lanes(
    base: int,
    S: float,
    T: float,
    r: float,
    q: float,
    log_moneyness: Float64Array1D,
    implied_vol: Float64Array1D,
    is_call: BoolArray1D,
    vega: Float64Array1D,
    theta: Float64Array1D,
) -> None:
    root_t, share, bill, half_per_year = np.sqrt(T), exp_lane(-q * T), exp_lane(-r * T), 0.5 / T
    peak, carry = share * INV_SQRT_2PI, (r - q) * T
    for lane in range(LANES):
        i = np.uint64(base) + np.uint64(lane)
        x, sigma, call = log_moneyness[i], implied_vol[i], is_call[i]
        total = sigma * root_t
        d1 = fused(carry - x, 1.0 / total, 0.5 * total)
        d2 = d1 - total
        far = abs(d1) >= GAUSS_LIMIT
        a = GAUSS_LIMIT if far else abs(d1)
        gauss = 0.0 if far else gauss_lane(a)
        density = peak * (gauss if (sigma >= LEAST) & (abs(d1) <= MOST) else np.nan)
        tail = density * mills_lane(a)
        side = share - tail if (d1 > 0.0) == call else tail
        # K e^{-rT} phi(d2) = S e^{-qT} phi(d1): the second tail needs no density of its own.
        tail = S * density * mills_lane(FARTHEST if abs(d2) > FARTHEST else abs(d2))
        paid = S * exp_lane(x) * bill - tail if (d2 > 0.0) == call else tail
        carried = fused(q * S, side, -r * paid)
        vega_here = S * root_t * density
        vega[i] = vega_here
        theta[i] = fused(vega_here, -half_per_year * sigma, carried if call else -carried)
