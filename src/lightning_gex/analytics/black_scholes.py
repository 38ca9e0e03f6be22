"""Black-Scholes-Merton prices and sensitivities of whole chains, compiled.

With d1 = [ln(S/K) + (r - q + sigma^2/2) T] / (sigma sqrt T) and d2 = d1 - sigma sqrt T. Formulas, units and signs are
in ``docs/formulas.md``; the readable form stands in ``black_scholes_reference``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike

from lightning_gex.analytics.vector_math import INV_SQRT_2PI, exp_lane, log_lane, normal_cdf_lane
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Float64Array2D

_ARGUMENTS = ("spot", "strike", "time_to_expiry_years", "implied_vol", "rate", "dividend_yield")
#: Beyond this |d1| the normal density is exactly zero in double precision, so nothing depends on d1 any more.
_D_LIMIT = 40.0
_BLOCK = 256  # contracts: the block's columns fit the first-level cache


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
    or on n. NaN where an input is not finite, or spot, strike, time or volatility is not positive.

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
    (S, K, T, sigma, r, q), call = broadcast_columns(dict(zip(_ARGUMENTS, arguments, strict=True)), is_call)
    out = np.empty((6, len(call)))
    _greeks_kernel(S, K, T, sigma, r, q, call, out)
    return Greeks(*out)


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
    (S, K, T, sigma, r, q), call = broadcast_columns(dict(zip(_ARGUMENTS, arguments, strict=True)), is_call)
    out = np.empty(len(call))
    _price_kernel(S, K, T, sigma, r, q, call, out)
    return out


def broadcast_columns(values: Mapping[str, ArrayLike], is_call: ArrayLike) -> tuple[list[Float64Array1D], BoolArray1D]:
    """Numbers and (n,) arrays as (n,) float64 columns of one contiguous layout, the only one kernels are compiled for.

    Raises
    ------
    InputError : naming the argument whose shape does not fit.
    """
    arrays = {name: np.atleast_1d(np.asarray(value, dtype=np.float64)) for name, value in values.items()}
    call = np.atleast_1d(np.asarray(is_call, dtype=np.bool_))
    lengths = {len(array) for array in (*arrays.values(), call)} - {1}
    n = max(lengths, default=1)
    for name, array in (*arrays.items(), ("is_call", call)):
        if array.ndim != 1 or len(array) not in (1, n):
            raise InputError(f"has shape {array.shape}, wanted a number or ({n},)", field=name)
    columns = [np.ascontiguousarray(np.broadcast_to(array, n)) for array in arrays.values()]
    return columns, np.ascontiguousarray(np.broadcast_to(call, n))


# Each loop below writes one array and reads few: with more, the compiler would need so many checks for overlapping
# memory that it gives up vector lanes. A block of contracts passes through all of them while it is in the cache.


@numba.njit(cache=True, error_model="numpy")
def _fill_d1(
    S: Float64Array1D,
    K: Float64Array1D,
    T: Float64Array1D,
    sigma: Float64Array1D,
    r: Float64Array1D,
    q: Float64Array1D,
    out: Float64Array1D,
) -> None:
    """d1, cut to where the normal density is not zero yet; NaN where the inputs allow no price."""
    for i in range(out.size):
        total = sigma[i] * np.sqrt(T[i])
        d1 = (log_lane(S[i] / K[i]) + (r[i] - q[i]) * T[i]) / total + 0.5 * total
        d1 = -_D_LIMIT if d1 < -_D_LIMIT else d1
        d1 = _D_LIMIT if d1 > _D_LIMIT else d1
        finite = (S[i] + K[i] + T[i] + sigma[i] + r[i] + q[i]) * 0.0 == 0.0
        fit = (S[i] > 0.0) & (K[i] > 0.0) & (T[i] > 0.0) & (sigma[i] > 0.0) & finite
        out[i] = d1 if fit else np.nan


@numba.njit(cache=True, error_model="numpy")
def _fill_d2(d1: Float64Array1D, T: Float64Array1D, sigma: Float64Array1D, out: Float64Array1D) -> None:
    for i in range(out.size):
        out[i] = d1[i] - sigma[i] * np.sqrt(T[i])


@numba.njit(cache=True, error_model="numpy")
def _fill_sign(call: BoolArray1D, out: Float64Array1D) -> None:
    for i in range(out.size):
        out[i] = 1.0 if call[i] else -1.0


@numba.njit(cache=True, error_model="numpy")
def _fill_gauss(d: Float64Array1D, out: Float64Array1D) -> None:
    """e^{-d^2/2}."""
    for i in range(out.size):
        out[i] = exp_lane(-0.5 * d[i] * d[i])


@numba.njit(cache=True, error_model="numpy")
def _fill_side(d: Float64Array1D, gauss: Float64Array1D, sign: Float64Array1D, out: Float64Array1D) -> None:
    """N(d) for calls, -N(-d) for puts."""
    for i in range(out.size):
        out[i] = sign[i] * normal_cdf_lane(sign[i] * d[i], gauss[i])


@numba.njit(cache=True, error_model="numpy")
def _fill_discount(yearly: Float64Array1D, T: Float64Array1D, out: Float64Array1D) -> None:
    """e^{-yearly T}."""
    for i in range(out.size):
        out[i] = exp_lane(-yearly[i] * T[i])


@numba.njit(cache=True, error_model="numpy")
def _fill_density(gauss: Float64Array1D, share: Float64Array1D, out: Float64Array1D) -> None:
    """e^{-qT} phi(d1)."""
    for i in range(out.size):
        out[i] = gauss[i] * share[i] * INV_SQRT_2PI


@numba.njit(cache=True, error_model="numpy")
def _fill_gamma(
    density: Float64Array1D, S: Float64Array1D, T: Float64Array1D, sigma: Float64Array1D, out: Float64Array1D
) -> None:
    for i in range(out.size):
        out[i] = density[i] / (S[i] * (sigma[i] * np.sqrt(T[i])))


@numba.njit(cache=True, error_model="numpy")
def _fill_vega(density: Float64Array1D, S: Float64Array1D, T: Float64Array1D, out: Float64Array1D) -> None:
    for i in range(out.size):
        out[i] = S[i] * density[i] * np.sqrt(T[i])


@numba.njit(cache=True, error_model="numpy")
def _fill_vanna(density: Float64Array1D, d2: Float64Array1D, sigma: Float64Array1D, out: Float64Array1D) -> None:
    for i in range(out.size):
        out[i] = -density[i] * d2[i] / sigma[i]


@numba.njit(cache=True, error_model="numpy")
def _fill_theta(
    vega: Float64Array1D, T: Float64Array1D, sigma: Float64Array1D, carried: Float64Array1D, out: Float64Array1D
) -> None:
    for i in range(out.size):
        out[i] = carried[i] - vega[i] * sigma[i] / (2.0 * T[i])


@numba.njit(cache=True, error_model="numpy")
def _fill_interest(
    q: Float64Array1D,
    S: Float64Array1D,
    delta: Float64Array1D,
    r: Float64Array1D,
    K: Float64Array1D,
    exercised: Float64Array1D,
    out: Float64Array1D,
) -> None:
    """Yearly interest of the replicating position: dividends on the shares less interest on the strike."""
    for i in range(out.size):
        out[i] = q[i] * (S[i] * delta[i]) - r[i] * (K[i] * exercised[i])


@numba.njit(cache=True, error_model="numpy")
def _fill_charm(
    density: Float64Array1D,
    d2: Float64Array1D,
    T: Float64Array1D,
    sigma: Float64Array1D,
    r: Float64Array1D,
    q: Float64Array1D,
    yielded: Float64Array1D,
    out: Float64Array1D,
) -> None:
    for i in range(out.size):
        total = sigma[i] * np.sqrt(T[i])
        out[i] = yielded[i] - density[i] * (2.0 * (r[i] - q[i]) * T[i] - d2[i] * total) / (2.0 * T[i] * total)


@numba.njit(cache=True, error_model="numpy")
def _fill_difference(a: Float64Array1D, b: Float64Array1D, out: Float64Array1D) -> None:
    for i in range(out.size):
        out[i] = a[i] - b[i]


@numba.njit(cache=True, error_model="numpy")
def _fill_product(a: Float64Array1D, b: Float64Array1D, out: Float64Array1D) -> None:
    for i in range(out.size):
        out[i] = a[i] * b[i]


@numba.njit(cache=True, error_model="numpy")
def _greeks_kernel(
    S: Float64Array1D,
    K: Float64Array1D,
    T: Float64Array1D,
    sigma: Float64Array1D,
    r: Float64Array1D,
    q: Float64Array1D,
    call: BoolArray1D,
    out: Float64Array2D,
) -> None:
    scratch = np.empty((8, _BLOCK))
    for a in range(0, S.size, _BLOCK):
        b = min(a + _BLOCK, S.size)
        n = b - a
        S_, K_, T_, sigma_, r_, q_ = S[a:b], K[a:b], T[a:b], sigma[a:b], r[a:b], q[a:b]
        d1, d2, sign, gauss = scratch[0, :n], scratch[1, :n], scratch[2, :n], scratch[3, :n]
        density, side, bill, rest = scratch[4, :n], scratch[5, :n], scratch[6, :n], scratch[7, :n]
        delta, gamma, vega, theta = out[0, a:b], out[1, a:b], out[2, a:b], out[3, a:b]
        vanna, charm = out[4, a:b], out[5, a:b]
        _fill_sign(call[a:b], sign)
        _fill_d1(S_, K_, T_, sigma_, r_, q_, d1)
        _fill_d2(d1, T_, sigma_, d2)
        _fill_gauss(d1, gauss)
        _fill_discount(q_, T_, bill)
        _fill_density(gauss, bill, density)
        _fill_side(d1, gauss, sign, side)
        _fill_product(side, bill, delta)
        _fill_gamma(density, S_, T_, sigma_, gamma)
        _fill_vega(density, S_, T_, vega)
        _fill_vanna(density, d2, sigma_, vanna)
        _fill_gauss(d2, gauss)
        _fill_side(d2, gauss, sign, side)
        _fill_discount(r_, T_, bill)
        _fill_product(side, bill, rest)
        _fill_interest(q_, S_, delta, r_, K_, rest, side)
        _fill_theta(vega, T_, sigma_, side, theta)
        _fill_product(q_, delta, rest)
        _fill_charm(density, d2, T_, sigma_, r_, q_, rest, charm)


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
    scratch = np.empty((6, _BLOCK))
    for a in range(0, S.size, _BLOCK):
        b = min(a + _BLOCK, S.size)
        n = b - a
        d, gauss, side, sign = scratch[0, :n], scratch[1, :n], scratch[2, :n], scratch[3, :n]
        discount, shares = scratch[4, :n], scratch[5, :n]
        _fill_sign(call[a:b], sign)
        _fill_d1(S[a:b], K[a:b], T[a:b], sigma[a:b], r[a:b], q[a:b], d)
        _fill_gauss(d, gauss)
        _fill_side(d, gauss, sign, side)
        _fill_discount(q[a:b], T[a:b], discount)
        _fill_product(S[a:b], side, shares)
        _fill_product(shares, discount, shares)
        _fill_d2(d, T[a:b], sigma[a:b], d)
        _fill_gauss(d, gauss)
        _fill_side(d, gauss, sign, side)
        _fill_discount(r[a:b], T[a:b], discount)
        _fill_product(K[a:b], side, side)
        _fill_product(side, discount, side)
        _fill_difference(shares, side, out[a:b])
