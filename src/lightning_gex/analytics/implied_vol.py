"""Implied volatility of European options to the last digits the price holds, or a named failure.

The time value is cut out of the price exactly (error-free products and sums), turned into the out-of-the-money option
on the forward, and inverted in the total volatility v = sigma sqrt T. With y = -|ln(F/K)|, d1 = y/v + v/2,
d2 = y/v - v/2, E = phi(d1) e^{y/2} and Mills' ratio M(d) = N(d)/phi(d), the price over D sqrt(F K) is

    b(v) = E [M(d1) - M(d2)]            and its distance from the upper bound   c(v) = E [M(-d1) + M(d2)],

both with the derivative +-E, so that Halley's step on ln b or ln c costs two values of M. The smaller of b and c is
matched: its logarithm keeps every digit. Sources: Jaeckel, *Let's be rational*, Wilmott 75 (2015) 40-53 (the
normalised price and its conditioning); Corrado & Miller, J. Banking & Finance 20 (1996) 595-603 (the first guess near
the money); Dekker, Numer. Math. 18 (1971) 224-242 (error-free transformations).
"""

from __future__ import annotations

import math
from enum import IntEnum

import numba
import numpy as np
from numpy.typing import ArrayLike

from lightning_gex.analytics.black_scholes import broadcast_columns
from lightning_gex.analytics.vector_math import INV_SQRT_2PI, SQRT_HALF, SQRT_HALF_PI, erfcx_lane, exp_lane, log_lane
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int8Array1D

_MAX_STEPS = 80  # the bracket alone, halved, needs 60
_CONVERGED = 1e-9  # Halley's next step is of the third order in this one: below rounding
_SMALLEST_TOTAL_VOL = 1e-8
_LARGEST_TOTAL_VOL = 75.0  # beyond it the distance from the bound underflows
_SPLIT = 134217729.0  # 2^27 + 1: cuts a float64 into two halves whose products are exact
_LN_SQRT_2PI = 0.9189385332046728
_ROUNDING = 2.0**-50  # an in-the-money price whose time value is within four units of its last place holds none


class ImpliedVolStatus(IntEnum):
    """How the search for a volatility ended."""

    SOLVED = 0
    BELOW_INTRINSIC = 1
    NO_TIME_VALUE = 2
    ABOVE_BOUND = 3
    INVALID_INPUT = 4
    OUT_OF_RANGE = 5

    @property
    def reason(self) -> str:
        """The word the refusal is counted under."""
        return f"implied_vol_{self.name.lower()}"


_SOLVED, _BELOW, _NOTHING, _ABOVE, _INVALID, _OUT = (int(status) for status in ImpliedVolStatus)


def implied_vol(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    time_to_expiry_years: ArrayLike,
    discount: ArrayLike,
    is_call: ArrayLike,
) -> tuple[Float64Array1D, Int8Array1D]:
    """The volatility at which the Black (1976) formula gives each price.

    Parameters
    ----------
    price : USD per share today.
    forward, strike : USD, positive; the forward for the settlement moment.
    time_to_expiry_years : positive.
    discount : USD today of 1 USD at settlement, positive.
    is_call : bool.
        Each is a number or (n,); numbers are broadcast.

    Returns
    -------
    (n,) annualised volatility as a fraction, NaN where there is none, and (n,) int8 codes of ``ImpliedVolStatus``:
    ``SOLVED``; ``BELOW_INTRINSIC`` (price below D max(F - K, 0) of its side); ``NO_TIME_VALUE`` (equal to it within
    rounding); ``ABOVE_BOUND`` (at or above D F for a call, D K for a put); ``INVALID_INPUT`` (not finite or not
    positive); ``OUT_OF_RANGE`` (sigma sqrt T outside 1e-8 .. 75). The error is within 1e-12 where vega exceeds 1e-6
    of the forward, and otherwise the price is met to rounding.

    Raises
    ------
    InputError : where the arguments' lengths do not fit together.

    Examples
    --------
    >>> sigma, status = implied_vol(7.965567455405804, 100.0, 100.0, 1.0, 1.0, True)
    >>> round(float(sigma[0]), 12), ImpliedVolStatus(status[0]).name
    (0.2, 'SOLVED')
    """
    columns, call = broadcast_columns(
        {
            "price": price,
            "forward": forward,
            "strike": strike,
            "time_to_expiry_years": time_to_expiry_years,
            "discount": discount,
        },
        is_call,
    )
    sigma = np.empty(len(call))
    status = np.empty(len(call), dtype=np.int8)
    _implied_vol_kernel(columns[0], columns[1], columns[2], columns[3], columns[4], call, sigma, status)
    return sigma, status


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _product_minus(a: float, b: float, c: float) -> float:
    """a b - c with the rounding of a single operation's result (Dekker's product, Knuth's sum)."""
    p = a * b
    t = _SPLIT * a
    a_high = t - (t - a)
    a_low = a - a_high
    t = _SPLIT * b
    b_high = t - (t - b)
    b_low = b - b_high
    error = ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low
    s = p - c
    back = s - p
    return s + (((p - (s - back)) - (c + back)) + error)


@numba.njit(cache=True, error_model="numpy")
def _mills(d: float) -> float:
    """N(d) / phi(d)."""
    value = SQRT_HALF_PI * erfcx_lane(abs(d) * SQRT_HALF)
    if d <= 0.0:
        return value
    return exp_lane(0.5 * d * d) / INV_SQRT_2PI - value


@numba.njit(cache=True, error_model="numpy")
def _first_guess(y: float, lower: float, target_log: float, match_price: bool) -> float:
    """A total volatility near the root. ``lower`` is the normalised price."""
    if not match_price:
        return math.sqrt(max(-8.0 * (target_log + _LN_SQRT_2PI - 0.7), 0.5))
    sinh2 = 2.0 * math.sinh(0.5 * y)
    shifted = lower - 0.5 * sinh2
    inside = shifted * shifted - sinh2 * sinh2 / math.pi
    if inside > 0.0:
        return (shifted + math.sqrt(inside)) * 2.5066282746310002 / (2.0 * math.cosh(0.5 * y))
    # Far out of the money: ln b = -y^2 / (2 v^2) - v^2 / 8 + ln(v^3 / (y^2 sqrt(2 pi))), solved by substitution.
    v = -y / math.sqrt(2.0 * max(-target_log, 1.0))
    for _ in range(3):
        power = -target_log + math.log(v * v * v / (y * y)) - _LN_SQRT_2PI - 0.125 * v * v
        v = -y / math.sqrt(2.0 * max(power, 0.5))
    return v


@numba.njit(cache=True, error_model="numpy")
def _total_vol(y: float, lower: float, target_log: float, match_price: bool) -> float:
    """The root in v by Halley's steps on the logarithm, kept inside a shrinking bracket."""
    low, high = 0.0, 2.0 * _LARGEST_TOTAL_VOL
    v = min(max(_first_guess(y, lower, target_log, match_price), _SMALLEST_TOTAL_VOL), _LARGEST_TOTAL_VOL)
    for _ in range(_MAX_STEPS):
        d1 = y / v + 0.5 * v
        d2 = d1 - v
        width = _mills(d1) - _mills(d2) if match_price else _mills(-d1) + _mills(d2)
        gap = -0.5 * (y * y / (v * v) + 0.25 * v * v) - _LN_SQRT_2PI + log_lane(width) - target_log
        slope = 1.0 / width if match_price else -1.0 / width
        if gap * slope > 0.0:
            high = v
        else:
            low = v
        bend = y * y / (v * v * v) - 0.25 * v - slope
        steeper = slope - 0.5 * gap * bend
        step = -gap / steeper if steeper * slope > 0.0 else -gap / slope
        after = v + step
        if abs(step) <= _CONVERGED * v:
            return after
        v = after if low < after < high else 0.5 * (low + high)
    return v


@numba.njit(cache=True, error_model="numpy")
def _implied_vol_kernel(
    price: Float64Array1D,
    forward: Float64Array1D,
    strike: Float64Array1D,
    years: Float64Array1D,
    discount: Float64Array1D,
    call: BoolArray1D,
    sigma: Float64Array1D,
    status: Int8Array1D,
) -> None:
    for i in range(price.size):
        sigma[i], status[i] = _solve_one(price[i], forward[i], strike[i], years[i], discount[i], call[i])


@numba.njit(cache=True, error_model="numpy")
def _solve_one(P: float, F: float, K: float, T: float, D: float, call: bool) -> tuple[float, int]:
    finite = np.isfinite(P) and np.isfinite(F) and np.isfinite(K) and np.isfinite(T) and np.isfinite(D)
    if not (finite and F > 0.0 and K > 0.0 and T > 0.0 and D > 0.0):
        return np.nan, _INVALID
    in_the_money = F > K if call else K > F
    # F - K is split into a rounded difference and its error, so that D (F - K) loses nothing either.
    wide, narrow = max(F, K), min(F, K)
    difference = wide - narrow
    back = difference - wide
    lost = (wide - (difference - back)) - (narrow + back)
    time_value = -_product_minus(D, difference, P) - D * lost if in_the_money else P
    if time_value < 0.0 and -time_value > _ROUNDING * abs(P):
        return np.nan, _BELOW
    if time_value <= (_ROUNDING * P if in_the_money else 0.0):
        return np.nan, _NOTHING
    room = _product_minus(D, F if call else K, P)
    if room <= 0.0:
        return np.nan, _ABOVE
    scale = D * math.sqrt(F) * math.sqrt(K)
    match_price = time_value <= room
    target_log = math.log((time_value if match_price else room) / scale)
    v = _total_vol(-abs(log_lane(F / K)), time_value / scale, target_log, match_price)
    if not (_SMALLEST_TOTAL_VOL < v < _LARGEST_TOTAL_VOL):
        return np.nan, _OUT
    return v / math.sqrt(T), _SOLVED
