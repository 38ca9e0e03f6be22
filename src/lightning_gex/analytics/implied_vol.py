"""Implied volatility of European options to the last digits the price holds, or a named failure.

The time value is cut out of the price exactly (error-free products and sums), turned into the out-of-the-money option
on the forward, and inverted in the total volatility v = sigma sqrt T. With k = |ln(F/K)|, d1 = v/2 - k/v,
d2 = -v/2 - k/v, E = phi(d1) e^{-k/2} and Mills' ratio M(a) = N(-a)/phi(a), the price over D sqrt(F K) is

    b(v) = E [M(-d1) - M(-d2)]          and its distance from the upper bound   c(v) = E [M(d1) + M(-d2)],

both with the derivative +-E, so that Halley's step on ln b or ln c costs two values of M. The smaller of b and c is
matched: its logarithm keeps every digit. M is a quotient of polynomials, M = P/Q; the difference of two of its values
is taken by divided differences of P and Q, so that it keeps its digits however close the two are.

The first guess inverts the Bachelier price, which is b in the limit of small v, and is within 1 % up to v = 1, within
15 % everywhere; two or three steps of the third order finish, in blocks of lanes. The rare contract for which they do
not is searched alone, inside a bracket. Sources: Jaeckel, *Let's be rational*, Wilmott 75 (2015) 40-53 (the normalised
price and its conditioning); Bachelier (1900); Dekker, Numer. Math. 18 (1971) 224-242 (error-free transformations). The
coefficients were fitted for this package.
"""

from __future__ import annotations

from enum import IntEnum

import numba
import numpy as np
from numpy.typing import ArrayLike

from lightning_gex.analytics.black_scholes import LEAST, MOST, broadcast_columns
from lightning_gex.analytics.vector_math import (
    LANES,
    bits_of,
    exactly_fused,
    float_of,
    fused,
    log_ratio_lane,
    use_vector_lanes,
)
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int8Array1D

_BLOCK = 256  # contracts that pass through each loop together; their columns fit the first-level cache
_MOST_VECTOR_STEPS = 3
_MOST_STEPS = 80  # the bracket alone, halved, needs 60
_CONVERGED = 4e-6  # the next step is of the third order in this one: below rounding
_SMALLEST_TOTAL_VOL = 1e-8
_LARGEST_TOTAL_VOL = 75.0  # beyond it the distance from the bound underflows
_LEAST_PART = 1e-300  # of D sqrt(F K): below, a price has no digits left to be matched
_LN_SQRT_2PI = 0.9189385332046728
_ROUNDING = 2.0**-50  # an in-the-money price whose time value is within four units of its last place holds none
_HALF_OF_ONE = 0x1FF0000000000000  # half the bits of 1.0
_SHIFT = 0.75  # M is fitted from -0.75 on: at the root of b, -d1 >= -0.6745


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
    n = len(call)
    sigma = np.empty(n)
    status = np.empty(n, dtype=np.int8)
    implied_vol_kernel(columns[0], columns[1], columns[2], columns[3], columns[4], call, sigma, status)
    return sigma, status


@numba.njit(cache=True, error_model="numpy")
def implied_vol_kernel(
    price: Float64Array1D,
    forward: Float64Array1D,
    strike: Float64Array1D,
    years: Float64Array1D,
    discount: Float64Array1D,
    is_call: BoolArray1D,
    sigma: Float64Array1D,
    status: Int8Array1D,
) -> None:
    """``implied_vol`` for compiled callers: (n,) contiguous columns in, ``sigma`` and ``status`` written."""
    n = price.size
    if n >= LANES:
        _solve_blocks(price, forward, strike, years, discount, is_call, sigma, status)
        return
    terms, call = np.ones((5, LANES)), np.ones(LANES, dtype=np.bool_)
    found, code = np.empty(LANES), np.empty(LANES, dtype=np.int8)
    for i in range(n):
        terms[0, i], terms[1, i], terms[2, i] = price[i], forward[i], strike[i]
        terms[3, i], terms[4, i], call[i] = years[i], discount[i], is_call[i]
    _solve_blocks(terms[0], terms[1], terms[2], terms[3], terms[4], call, found, code)
    sigma[:] = found[:n]
    status[:] = code[:n]


@numba.njit(cache=True, error_model="numpy")
def _solve_blocks(
    price: Float64Array1D,
    forward: Float64Array1D,
    strike: Float64Array1D,
    years: Float64Array1D,
    discount: Float64Array1D,
    is_call: BoolArray1D,
    sigma: Float64Array1D,
    status: Int8Array1D,
) -> None:
    """At least ``LANES`` contracts. The last group of lanes begins early rather than end late."""
    distance, target, v, moved = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    of_price = np.empty(_BLOCK, dtype=np.bool_)
    for a in range(0, price.size, _BLOCK):
        count = -(-min(_BLOCK, price.size - a) // LANES) * LANES  # whole groups
        _prepare(a, count, price, forward, strike, years, discount, is_call, distance, target, of_price, v, status)
        for i in range(_BLOCK):
            moved[i] = np.nan
        for turn in range(_MOST_VECTOR_STEPS):
            _step(count, distance, target, of_price, v, moved)
            if turn and _all_converged(count, moved):
                break
        for i in range(count):
            if not moved[i] <= _CONVERGED:
                v[i] = _search(distance[i], target[i], of_price[i])
        _finish(a, count, v, years, sigma, status)


@numba.njit(cache=True, error_model="numpy")
def _all_converged(count: int, moved: Float64Array1D) -> bool:
    missing = 0
    for i in range(count):
        missing += 0 if moved[i] <= _CONVERGED else 1
    return missing == 0


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _product_minus(a: float, b: float, c: float) -> float:
    """a b - c with the rounding of a single operation's result (Knuth's sum)."""
    p = a * b
    s = p - c
    back = s - p
    return s + ((p - (s - back)) - (c + back) + exactly_fused(a, b, -p))


@numba.njit(cache=True, error_model="numpy")
def _prepare(
    start: int,
    count: int,
    price: Float64Array1D,
    forward: Float64Array1D,
    strike: Float64Array1D,
    years: Float64Array1D,
    discount: Float64Array1D,
    is_call: BoolArray1D,
    distance: Float64Array1D,
    target: Float64Array1D,
    of_price: BoolArray1D,
    v: Float64Array1D,
    status: Int8Array1D,
) -> None:
    """k, the logarithm to be matched, whether it is the price's (or the room's below the bound), and a first guess.

    The last group of the columns begins early rather than end late: its lanes hold some contracts a second time.
    """
    use_vector_lanes()
    for base in range(0, count, LANES):
        first = np.uint64(min(start + base, price.size - LANES))
        for lane in range(LANES):
            i, place = first + np.uint64(lane), np.uint64(base) + np.uint64(lane)
            P, F, K, T, D, call = price[i], forward[i], strike[i], years[i], discount[i], is_call[i]
            fit = (min(F, K) >= LEAST) & (max(F, K) <= MOST) & (D >= LEAST) & (D <= MOST)
            fit &= (T >= LEAST) & ((P + F + K + T + D) * 0.0 == 0.0)
            # F - K is split into a rounded difference and its error, so that D (F - K) loses nothing either.
            wide, narrow = max(F, K), min(F, K)
            difference = wide - narrow
            back = difference - wide
            lost = (wide - (difference - back)) - (narrow + back)
            inside = (F > K) == call
            inside &= F != K
            time_value = -_product_minus(D, difference, P) - D * lost if inside else P
            room = _product_minus(D, F if call else K, P)
            code = _SOLVED if room > 0.0 else _ABOVE
            code = _NOTHING if time_value <= (_ROUNDING * P if inside else 0.0) else code
            code = _BELOW if (time_value < 0.0) & (-time_value > _ROUNDING * abs(P)) else code
            code = code if fit else _INVALID
            low = time_value <= room
            part, scale = time_value if low else room, D * np.sqrt(F * K)
            code = _OUT if (code == _SOLVED) & (part < _LEAST_PART * scale) else code
            status[i] = code
            idle = code != _SOLVED  # such a lane goes along with any numbers
            low |= idle
            part, scale, k = 0.25 if idle else part, 1.0 if idle else scale, abs(log_ratio_lane(F, K))
            k = 0.0 if idle else k
            t = log_ratio_lane(part, scale)
            distance[place], target[place], of_price[place] = k, t, low
            v[place] = _first_guess(k, t, part, scale, low)


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _first_guess(k: float, t: float, part: float, scale: float, of_price: bool) -> float:
    """v with ln b(v) (or ln c(v)) near t, the logarithm of ``part / scale``.

    For the price, k/v comes from the Bachelier price of the same k, and v gets a factor for the lognormal one. For the
    room, d1 comes from an approximation of the normal tail, and v from d1 = v/2 - k/v.
    """
    z = log_ratio_lane(fused(k, scale, part), part) if of_price else max(-t - 0.5 * k, 0.0)
    above = fused(0.03477590414549225, z, 0.15915494) if of_price else 1.5707963267948966
    below = fused(0.017727263706459447, z, 0.20217963310545975) if of_price else 0.7853981633974483
    s = z * np.sqrt(above / fused(below, z, 1.0))
    # Both parts of the numerator are v times their part of the denominator: no 0 / 0 at the money.
    v = fused(0.01, part, k * scale) / (scale * (s + 0.00398942))
    v = fused(v * v * v, 0.041666666666666664, v)
    return v if of_price else s + _roughly_root(fused(s, s, k + k))


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _roughly_root(x: float) -> float:
    """sqrt(x) within 4 %, by halving the exponent; 0 gives next to nothing."""
    return float_of((bits_of(x) >> 1) + _HALF_OF_ONE)


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _halley(k: float, t: float, of_price: bool, v: float) -> tuple[float, float, float]:
    """Halley's step from v on ln b(v) - t (or ln c(v) - t), the step as a share of v, and -d1 for b, d1 for c."""
    per_v = 1.0 / v
    m, h = k * per_v, 0.5 * v
    a = m - h if of_price else h - m
    gap = v if of_price else m + m  # M is wanted at a and at a + gap
    x = a + _SHIFT
    y = x + gap
    dp, dq = 1.0000000000000002, 1.0
    p, q = fused(1.0000000000000002, x, 24.90195764770161), x + 24.151957647702112
    dp, dq = fused(dp, y, p), fused(dq, y, q)
    p, q = fused(p, x, 316.32273536657215), fused(q, x, 298.64626713056623)
    dp, dq = fused(dp, y, p), fused(dq, y, q)
    p, q = fused(p, x, 2632.797269566328), fused(q, x, 2421.207175729783)
    dp, dq = fused(dp, y, p), fused(dq, y, q)
    p, q = fused(p, x, 15710.966839364772), fused(q, x, 14069.930587047433)
    dp, dq = fused(dp, y, p), fused(dq, y, q)
    p, q = fused(p, x, 69828.48359800983), fused(q, x, 60875.42330889754)
    dp, dq = fused(dp, y, p), fused(dq, y, q)
    p, q = fused(p, x, 233792.7644524714), fused(q, x, 198554.25802588827)
    dp, dq = fused(dp, y, p), fused(dq, y, q)
    p, q = fused(p, x, 584014.2214105971), fused(q, x, 485325.01816098526)
    dp, dq = fused(dp, y, p), fused(dq, y, q)
    p, q = fused(p, x, 1050467.55925666), fused(q, x, 867154.5824724195)
    dp, dq = fused(dp, y, p), fused(dq, y, q)
    p, q = fused(p, x, 1249009.540161268), fused(q, x, 1074558.1268300342)
    dp, dq = fused(dp, y, p), fused(dq, y, q)
    p, q = fused(p, x, 771273.4399921885), fused(q, x, 828521.1666277695)
    dq = fused(dq, y, q)
    q = fused(q, x, 300320.0383699519)
    q_far = fused(gap, dq, q)
    rise = fused(p, dq, -dp * q)  # M(x) - M(y) = gap rise / (q q_far)
    apart, together = gap * rise, fused(p, q_far, fused(gap, dp, p) * q)
    width = apart if of_price else together
    under = q * q_far
    found = log_ratio_lane(width, under) - _LN_SQRT_2PI - 0.5 * fused(m, m, h * h) - t
    slope = under if of_price else -under  # times 1 / width
    bend = width * fused(m * m, per_v, -0.5 * h) - slope
    steeper = fused(-0.5 * found, bend, slope)
    chosen = steeper if (steeper > 0.0) == of_price else slope
    step = -found * width / chosen
    return step, step * per_v, a


@numba.njit(cache=True, error_model="numpy")
def _step(
    count: int,
    distance: Float64Array1D,
    target: Float64Array1D,
    of_price: BoolArray1D,
    v: Float64Array1D,
    moved: Float64Array1D,
) -> None:
    """One step of every lane that still moves: what its neighbours need changes nothing for it.

    ``moved`` is the step's size as a share of v, NaN where M was asked beyond its domain.
    """
    use_vector_lanes()
    for base in range(0, count, LANES):
        for lane in range(LANES):
            i = np.uint64(base) + np.uint64(lane)
            here, done = v[i], moved[i] <= _CONVERGED
            step, share, a = _halley(distance[i], target[i], of_price[i], here)
            v[i] = here + (0.0 if done else step)
            moved[i] = 0.0 if done else (abs(share) if a >= -_SHIFT else np.nan)


@numba.njit(cache=True, error_model="numpy")
def _search(k: float, t: float, of_price: bool) -> float:
    """The root in v for one contract: Halley's steps kept inside a shrinking bracket."""
    low, high = 0.0, 2.0 * _LARGEST_TOTAL_VOL
    v = 1.0
    for _ in range(_MOST_STEPS):
        step, share, a = _halley(k, t, of_price, v)
        # Beyond the domain of M the side of the root is known: there the price takes more than half of its range.
        upward = step > 0.0 if a >= -_SHIFT else not of_price
        if upward:
            low = v
        else:
            high = v
        after = v + step
        if abs(share) <= _CONVERGED and a >= -_SHIFT:
            return after
        v = after if low < after < high and a >= -_SHIFT else 0.5 * (low + high)
    return v


@numba.njit(cache=True, error_model="numpy")
def _finish(
    start: int,
    count: int,
    v: Float64Array1D,
    years: Float64Array1D,
    sigma: Float64Array1D,
    status: Int8Array1D,
) -> None:
    use_vector_lanes()
    for base in range(0, count, LANES):
        first = np.uint64(min(start + base, sigma.size - LANES))
        for lane in range(LANES):
            i, total = first + np.uint64(lane), v[np.uint64(base) + np.uint64(lane)]
            solvable = status[i] == _SOLVED
            inside = (total > _SMALLEST_TOTAL_VOL) & (total < _LARGEST_TOTAL_VOL)
            sigma[i] = total / np.sqrt(years[i]) if solvable & inside else np.nan
            status[i] = _OUT if solvable & (not inside) else status[i]
