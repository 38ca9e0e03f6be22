"""Black-Scholes-Merton prices and sensitivities of single options and of columns of them, compiled.

With d1 = [ln(S/K) + (r - q + sigma^2/2) T] / (sigma sqrt T) and d2 = d1 - sigma sqrt T. Formulas, units and signs are
in ``docs/formulas.md``; the readable form stands in ``black_scholes_reference``. For chains, where contracts that
settle together share their terms, ``chain_greeks`` is faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike

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
from lightning_gex.core.units import BoolArray1D, Float64Array1D

_ARGUMENTS = ("spot", "strike", "time_to_expiry_years", "implied_vol", "rate", "dividend_yield")
#: Positive numbers outside of these count as none: within them no product below over- or underflows.
LEAST, MOST = 1e-100, 1e100
#: |d2| beyond it changes nothing, and its tenth power would overflow.
FARTHEST = 1e3


@dataclass(frozen=True, slots=True, eq=False)
class Greeks:
    """Sensitivities of one option on one share, (n,) float64 each; NaN where the inputs allow none.

    Parameters
    ----------
    delta : USD of price per USD of spot; call 0..1, put -1..0 (times e^{-qT}).
    gamma : delta per USD of spot, >= 0, the same for call and put.
    vega : USD of price per unit of volatility (1.00 = 100 points), >= 0.
    theta : USD of price per year of calendar time passing.
    vanna : delta per unit of volatility, the same for call and put.
    charm : delta per year of calendar time passing.
    """

    delta: Float64Array1D
    gamma: Float64Array1D
    vega: Float64Array1D
    theta: Float64Array1D
    vanna: Float64Array1D
    charm: Float64Array1D


@dataclass(frozen=True, slots=True, eq=False)
class HigherGreeks:
    """How one option's vega and gamma change, (n,) float64 each; NaN where the inputs allow none.

    Parameters
    ----------
    vomma : vega (USD per unit of volatility) per unit of volatility; below 0 only near the money.
    speed : gamma per USD of spot.
    zomma : gamma per unit of volatility; below 0 near the money.
    color : gamma per year of calendar time passing; above 0 at the money.
    """

    vomma: Float64Array1D
    speed: Float64Array1D
    zomma: Float64Array1D
    color: Float64Array1D


def greeks(
    spot: ArrayLike,
    strike: ArrayLike,
    time_to_expiry_years: ArrayLike,
    implied_vol: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
) -> Greeks:
    """Delta, gamma, vega, theta, vanna and charm of European options.

    Parameters
    ----------
    spot, strike : USD, positive.
    time_to_expiry_years : years of the clock that ``implied_vol`` is annualised on, positive. There is no floor.
    implied_vol : annualised fraction, positive.
    rate, dividend_yield : continuous, per year.
    is_call : bool.
        Each is a number or (n,); numbers are broadcast.

    Returns
    -------
    Greeks of (n,) arrays, n = 1 where every argument is a number. A contract's value does not depend on its position
    or on n. NaN where an input is not finite, or spot, strike, time or volatility is not positive (below 1e-100 counts
    as not).

    Raises
    ------
    InputError : where the arguments' lengths do not fit together.

    Source
    ------
    Hull, *Options, Futures, and Other Derivatives*, 10th ed., chapter 19; Haug, *The Complete Guide to Option Pricing
    Formulas*, 2nd ed., chapter 2 (vanna, charm).

    Examples
    --------
    >>> round(float(greeks(49.0, 50.0, 0.3846, 0.2, 0.05, 0.0, True).delta[0]), 3)  # Hull, example 19.1
    0.522
    """
    arguments = (spot, strike, time_to_expiry_years, implied_vol, rate, dividend_yield)
    (S, K, T, sigma, r, q), call, n = _padded_columns(arguments, is_call)
    out = np.empty((6, len(call)))
    _greeks_kernel(S, K, T, sigma, r, q, call, *out)
    return Greeks(*out[:, :n])


def higher_greeks(
    spot: ArrayLike,
    strike: ArrayLike,
    time_to_expiry_years: ArrayLike,
    implied_vol: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
) -> HigherGreeks:
    """Vomma, speed, zomma and color of European options; the same for call and put.

    Parameters
    ----------
    As ``greeks``, which also says what is NaN.

    Returns
    -------
    HigherGreeks of (n,) arrays, n = 1 where every argument is a number.

    Raises
    ------
    InputError : where the arguments' lengths do not fit together.

    Source
    ------
    Haug, *The Complete Guide to Option Pricing Formulas*, 2nd ed., chapter 2 (vomma, speed, zomma, color). Color here
    is the change as calendar time passes, the opposite of a derivative by the time to expiry.

    Examples
    --------
    >>> round(float(higher_greeks(100.0, 100.0, 0.25, 0.2, 0.0, 0.0).color[0]), 3)  # gamma grows as expiry nears
    0.08
    """
    arguments = (spot, strike, time_to_expiry_years, implied_vol, rate, dividend_yield)
    (S, K, T, sigma, r, q), _, n = _padded_columns(arguments, True)
    out = np.empty((4, len(S)))
    _higher_greeks_kernel(S, K, T, sigma, r, q, *out)
    return HigherGreeks(*out[:, :n])


def price(
    spot: ArrayLike,
    strike: ArrayLike,
    time_to_expiry_years: ArrayLike,
    implied_vol: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    is_call: ArrayLike,
) -> Float64Array1D:
    """Black-Scholes-Merton price of European options.

    Parameters
    ----------
    As ``greeks``.

    Returns
    -------
    (n,) USD per share, with the NaN rule of ``greeks``.

    Raises
    ------
    InputError : where the arguments' lengths do not fit together.

    Examples
    --------
    >>> round(float(price(42.0, 40.0, 0.5, 0.2, 0.1, 0.0, True)[0]), 2)  # Hull, example 15.6
    4.76
    """
    arguments = (spot, strike, time_to_expiry_years, implied_vol, rate, dividend_yield)
    (S, K, T, sigma, r, q), call, n = _padded_columns(arguments, is_call)
    out = np.empty(len(call))
    _price_kernel(S, K, T, sigma, r, q, call, out)
    return out[:n]


def broadcast_columns(values: Mapping[str, ArrayLike], is_call: ArrayLike) -> tuple[list[Float64Array1D], BoolArray1D]:
    """Numbers and (n,) arrays as (n,) float64 columns of one contiguous layout, the only one kernels are compiled for.

    Raises
    ------
    InputError : naming the argument whose shape does not fit.
    """
    arrays = {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}
    call = np.asarray(is_call, dtype=np.bool_)
    lengths = {array.size for array in (*arrays.values(), call)} - {1}
    n = max(lengths, default=1)
    for name, array in (*arrays.items(), ("is_call", call)):
        if array.ndim > 1 or array.size not in (1, n):
            raise InputError(f"has shape {array.shape}, wanted a number or ({n},)", field=name)
    columns = [np.ascontiguousarray(a) if a.shape == (n,) else np.full(n, a) for a in arrays.values()]
    return columns, np.ascontiguousarray(call) if call.shape == (n,) else np.full(n, call)


def _padded_columns(
    arguments: tuple[ArrayLike, ...], is_call: ArrayLike
) -> tuple[list[Float64Array1D], BoolArray1D, int]:
    """The columns, repeated to a whole group of lanes where they are shorter, and how many contracts there are."""
    columns, call = broadcast_columns(dict(zip(_ARGUMENTS, arguments, strict=True)), is_call)
    n = len(call)
    if n < LANES:
        columns, call = [np.resize(column, LANES) for column in columns], np.resize(call, LANES)
    return columns, call, n


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _centre(
    S: float, K: float, T: float, sigma: float, r: float, q: float
) -> tuple[float, float, float, float, float, float]:
    """d1, sigma sqrt T, its inverse, sqrt T, e^{-qT} and e^{-qT} phi(d1); the last is NaN without a price."""
    root_t = np.sqrt(T)
    total = sigma * root_t
    per_total = 1.0 / total
    d1 = fused(fused(r - q, T, log_ratio_lane(S, K)), per_total, 0.5 * total)
    far = abs(d1) >= GAUSS_LIMIT
    gauss = 0.0 if far else gauss_lane(abs(d1))
    share = exp_lane(-q * T)
    sound = (min(S, K) >= LEAST) & (min(T, sigma) >= LEAST) & (S + K + (T + sigma) <= MOST)
    sound &= ((r + q) * 0.0 == 0.0) & (abs(d1) <= MOST)
    return d1, total, per_total, root_t, share, share * INV_SQRT_2PI * (gauss if sound else np.nan)


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _mills_of(d: float) -> float:
    """N(-|d|) / phi(d), for any d."""
    return mills_lane(FARTHEST if abs(d) > FARTHEST else abs(d))


@numba.njit(cache=True, error_model="numpy")
def _greeks_kernel(
    S: Float64Array1D,
    K: Float64Array1D,
    T: Float64Array1D,
    sigma: Float64Array1D,
    r: Float64Array1D,
    q: Float64Array1D,
    call: BoolArray1D,
    delta: Float64Array1D,
    gamma: Float64Array1D,
    vega: Float64Array1D,
    theta: Float64Array1D,
    vanna: Float64Array1D,
    charm: Float64Array1D,
) -> None:
    use_vector_lanes()
    for base in range(0, S.size, LANES):
        first = np.uint64(min(base, S.size - LANES))  # the last group begins early rather than end late
        for lane in range(LANES):
            i = first + np.uint64(lane)
            d1, total, per_total, root_t, share, density = _centre(S[i], K[i], T[i], sigma[i], r[i], q[i])
            d2 = d1 - total
            width = density * per_total
            decay = 0.5 * sigma[i] * sigma[i] * per_total  # sigma / (2 sqrt T)
            tail = density * _mills_of(d1)
            side = share - tail if (d1 > 0.0) == call[i] else tail
            # K e^{-rT} phi(d2) = S e^{-qT} phi(d1): the second tail needs no density of its own.
            tail = S[i] * density * _mills_of(d2)
            paid = K[i] * exp_lane(-r[i] * T[i]) - tail if (d2 > 0.0) == call[i] else tail
            sign = 1.0 if call[i] else -1.0
            delta[i] = sign * side
            gamma[i] = width / S[i]
            vega[i] = S[i] * density * root_t
            theta[i] = sign * (q[i] * S[i] * side - r[i] * paid) - S[i] * density * decay
            vanna[i] = -width * d2 * root_t
            charm[i] = q[i] * sign * side + width * (d2 * decay - (r[i] - q[i]))


@numba.njit(cache=True, error_model="numpy")
def _higher_greeks_kernel(
    S: Float64Array1D,
    K: Float64Array1D,
    T: Float64Array1D,
    sigma: Float64Array1D,
    r: Float64Array1D,
    q: Float64Array1D,
    vomma: Float64Array1D,
    speed: Float64Array1D,
    zomma: Float64Array1D,
    color: Float64Array1D,
) -> None:
    use_vector_lanes()
    for base in range(0, S.size, LANES):
        first = np.uint64(min(base, S.size - LANES))
        for lane in range(LANES):
            i = first + np.uint64(lane)
            d1, total, per_total, root_t, _, density = _centre(S[i], K[i], T[i], sigma[i], r[i], q[i])
            d2 = d1 - total
            gamma = density * per_total / S[i]
            vomma[i] = S[i] * density * d1 * d2 * per_total * T[i]
            speed[i] = -gamma / S[i] * fused(d1, per_total, 1.0)
            zomma[i] = gamma * fused(d1, d2, -1.0) * per_total * root_t
            drift = (r[i] - q[i]) * d1 * per_total
            color[i] = gamma * (q[i] + drift + 0.5 * (1.0 - d1 * d2) / T[i])


@numba.njit(cache=True, error_model="numpy")
def _price_kernel(
    S: Float64Array1D,
    K: Float64Array1D,
    T: Float64Array1D,
    sigma: Float64Array1D,
    r: Float64Array1D,
    q: Float64Array1D,
    call: BoolArray1D,
    out: Float64Array1D,
) -> None:
    use_vector_lanes()
    for base in range(0, S.size, LANES):
        first = np.uint64(min(base, S.size - LANES))
        for lane in range(LANES):
            i = first + np.uint64(lane)
            d1, total, _, _, share, density = _centre(S[i], K[i], T[i], sigma[i], r[i], q[i])
            d2 = d1 - total
            tail = density * _mills_of(d1)
            got = S[i] * (share - tail if (d1 > 0.0) == call[i] else tail)
            tail = S[i] * density * _mills_of(d2)
            paid = K[i] * exp_lane(-r[i] * T[i]) - tail if (d2 > 0.0) == call[i] else tail
            out[i] = got - paid if call[i] else paid - got
