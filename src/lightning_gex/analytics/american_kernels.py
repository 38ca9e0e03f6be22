"""Compiled kernels of American options: premiums and volatilities of the contracts of one series.

What they compute, and its limits, is told in ``american``; the boundary they rest on in ``american_boundary``. A block
of contracts goes through every loop together, each loop over few arrays, so that the processor's lanes are used.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from lightning_gex.analytics.american_boundary import (
    LARGEST_VOL,
    LEAST_VOL,
    BoundaryWorkspace,
    start_side,
)
from lightning_gex.analytics.american_lanes import (
    BLOCK,
    DISCOUNT,
    EUROPEAN,
    FORWARD,
    HIGH,
    LOW,
    MONEYNESS,
    ONE,
    PRICE,
    SCALE,
    SHARES,
    SIGMA,
    SLOPE,
    VALUE,
    YEARS,
    AmericanWorkspace,
    american_scratch,
    european_lanes,
    value_lanes,
)
from lightning_gex.analytics.implied_vol import ImpliedVolStatus, implied_vol_kernel
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int8Array1D

_MAX_STEPS = 60  # halving alone needs 50 to reach rounding
_CONVERGED = 3e-4  # relative: Newton's next step would be its square, below the error of the quadrature
_ROUNDING = 2.0**-50  # of prices in units of the strike
_NO_RATE = 1e-8  # per year: early exercise for so little is worth less than the error of the quadrature
_LEAST_EXPIRIES, _NEAR_EXPIRIES = 4, 5  # for a straight line through forwards, and for its height today
_SQRT_HALF = 0.7071067811865476
_NEVER, _BOUNDARY, _TWO = 0, 1, 2  # how a put with some rate and yield is exercised early
_SOLVED, _BELOW, _NOTHING, _ABOVE, _INVALID, _OUT = (int(status) for status in ImpliedVolStatus)
TWO_BOUNDARIES = 6
_SEARCHING = -1


@numba.njit(cache=True, error_model="numpy")
def premium_kernel(
    spot: float,
    strike: Float64Array1D,
    years: float,
    sigma: Float64Array1D,
    rate: float,
    dividend_yield: float,
    is_call: BoolArray1D,
    scratch: AmericanWorkspace,
    premium: Float64Array1D,
) -> None:
    """``early_exercise_premium`` of one series: (n,) columns, numbers for what the series shares; fills ``premium``."""
    for side in (False, True):
        r, q = _side_terms(rate, dividend_yield, side)
        regime = _regime(r, q)
        space = scratch.calls if side else scratch.puts
        sound = _sound_series(spot, years, rate, dividend_yield)
        if sound and regime == _BOUNDARY:
            start_side(years, r, q, space)
        count = 0
        for i in range(strike.size):
            if is_call[i] == side:
                premium[i] = 0.0
                inside = sigma[i] >= LEAST_VOL and sigma[i] <= LARGEST_VOL
                if not (sound and regime != _TWO and inside and strike[i] > 0.0 and strike[i] < np.inf):
                    premium[i] = np.nan
                elif regime == _BOUNDARY:
                    _enter(count, i, spot, strike[i], side, scratch)
                    scratch.lanes[SIGMA, count] = sigma[i]
                    count += 1
            if count == BLOCK:
                _premiums_of_block(count, space, scratch, premium)
                count = 0
        if count > 0:
            _premiums_of_block(count, space, scratch, premium)


@numba.njit(cache=True, error_model="numpy")
def european_equivalent_kernel(
    price: Float64Array1D,
    spot: float,
    strike: Float64Array1D,
    years: float,
    rate: float,
    dividend_yield: float,
    is_call: BoolArray1D,
    scratch: AmericanWorkspace,
    sigma: Float64Array1D,
    premium: Float64Array1D,
    status: Int8Array1D,
) -> None:
    """``european_equivalent`` of one series: (n,) columns, numbers for what the series shares; fills the last three."""
    for side in (False, True):
        r, q = _side_terms(rate, dividend_yield, side)
        regime = _regime(r, q)
        space = scratch.calls if side else scratch.puts
        sound = _sound_series(spot, years, rate, dividend_yield)
        if sound and regime == _BOUNDARY:
            start_side(years, r, q, space)
        count = 0
        for i in range(strike.size):
            if is_call[i] == side:
                sigma[i] = premium[i] = np.nan
                finite = strike[i] > 0.0 and strike[i] < np.inf and abs(price[i]) < np.inf
                status[i] = TWO_BOUNDARIES if sound and finite and regime == _TWO else _INVALID
                if sound and finite and regime != _TWO:
                    _enter(count, i, spot, strike[i], side, scratch)
                    scratch.lanes[PRICE, count] = price[i] / scratch.lanes[SCALE, count]
                    count += 1
            if count == BLOCK:
                _solve_block(count, years, r, q, regime, space, scratch, sigma, premium, status)
                count = 0
        if count > 0:
            _solve_block(count, years, r, q, regime, space, scratch, sigma, premium, status)


@numba.njit(cache=True, error_model="numpy")
def parity_premiums_kernel(
    call_mid: Float64Array1D,
    put_mid: Float64Array1D,
    strike: Float64Array1D,
    spot: float,
    years: float,
    rate: float,
    dividend_yield: float,
    scratch: AmericanWorkspace,
    out: Float64Array1D,
) -> None:
    """What early exercise adds to call less put at each strike of one series: the bias of parity, fills ``out``.

    Both premiums are taken at the volatility of the leg that exercising now would lose money on: it holds next to none
    itself. A negative rate stands for 0 with the same forward.

    Parameters
    ----------
    call_mid, put_mid, strike : (m,) USD, of pairs.
    spot : USD.
    years, rate, dividend_yield : of the series, as they are known so far.
    scratch : ``american_scratch()``.
    out : (m,) USD, premium of the call less that of the put; NaN where the pair says nothing about the forward: the
        first leg has no volatility, or the other is worth exercising at once.
    """
    r = max(rate, 0.0)
    q = dividend_yield + (r - rate)
    quote, vol, otm, itm = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    status, call, other = np.empty(BLOCK, dtype=np.int8), np.empty(BLOCK, np.bool_), np.empty(BLOCK, np.bool_)
    for a in range(0, strike.size, BLOCK):
        n = min(BLOCK, strike.size - a)
        K = strike[a : a + n]
        for c in range(n):
            call[c] = K[c] >= spot
            other[c] = not call[c]
            quote[c] = call_mid[a + c] if call[c] else put_mid[a + c]
        european_equivalent_kernel(quote[:n], spot, K, years, r, q, call[:n], scratch, vol[:n], otm[:n], status[:n])
        premium_kernel(spot, K, years, vol[:n], r, q, other[:n], scratch, itm[:n])
        for c in range(n):
            sign = 1.0 if other[c] else -1.0
            european = _black(spot, K[c], years, vol[c], r, q, sign)
            held = itm[c] + european - sign * (spot - K[c])
            bias = otm[c] - itm[c] if call[c] else itm[c] - otm[c]
            out[a + c] = bias if held > _ROUNDING * spot else np.nan


@numba.njit(cache=True, error_model="numpy")
def extrapolated(first: float, second: float, third: float) -> float:
    """Where three passes of a correction whose error shrinks by a steady factor lead: Aitken's rule.

    Rate and forward from quotes less the premiums at the last rate and forward halve their error a pass, roughly; three
    passes and this leave a few hundredths of the first error. The factor is kept within 0 .. 0.9.

    Source: Aitken, Proc. Royal Soc. Edinburgh 46 (1926) 289-305.
    """
    before, last = second - first, third - second
    factor = last / before if before != 0.0 else 0.0
    factor = min(max(factor, 0.0), 0.9)
    return third + last * factor / (1.0 - factor)


@numba.njit(cache=True, error_model="numpy")
def quoted_spot(spot: float, years: Float64Array1D, forward: Float64Array1D) -> float:
    """The spot that a chain's forwards lead back to: the one its quotes were made beside.

    Chains are often saved with the share's close beside quotes of a quarter of an hour later, or with a price from
    after hours. A gap of half a per cent is 90 % a year over two days: as a dividend yield it would make exercising
    look worth while, or put half the options in the money below what exercising brings. So where early exercise is
    valued, the share is taken at this price, and the yield of each expiry is r - ln(F / this) / T.

    Parameters
    ----------
    spot : USD, as printed.
    years, forward : (g,) of the expiries whose forward the quotes gave, in any order.

    Returns
    -------
    USD: where a straight line through ln F leads at T = 0. Its slope is the median over pairs of expiries within a year
    half the list apart, its height the median over the five nearest. The printed spot with fewer than four expiries.
    A dividend before the nearest expiries passes for a gap of its size.
    """
    order = np.argsort(years)
    order = order[years[order] <= 1.0]
    n = order.size
    if n < _LEAST_EXPIRIES:
        return spot
    T, y, half = years[order], np.log(forward[order] / spot), n // 2
    slope = np.median((y[half:] - y[: n - half]) / (T[half:] - T[: n - half]))
    near = min(_NEAR_EXPIRIES, n)
    gap = np.median(y[:near] - slope * T[:near])
    return spot * math.exp(gap) if abs(gap) < np.inf else spot


@numba.njit(cache=True, error_model="numpy")
def _black(S: float, K: float, T: float, sigma: float, r: float, q: float, sign: float) -> float:
    """The European price of one call (sign 1) or put (sign -1)."""
    spread = sigma * math.sqrt(T)
    d1 = (math.log(S / K) + (r - q) * T) / spread + 0.5 * spread
    d2 = d1 - spread
    share = S * math.exp(-q * T) * math.erfc(-sign * d1 * _SQRT_HALF)
    return 0.5 * sign * (share - K * math.exp(-r * T) * math.erfc(-sign * d2 * _SQRT_HALF))


@numba.njit(cache=True, error_model="numpy")
def premium_runs(
    S: Float64Array1D,
    K: Float64Array1D,
    T: Float64Array1D,
    sigma: Float64Array1D,
    r: Float64Array1D,
    q: Float64Array1D,
    call: BoolArray1D,
    out: Float64Array1D,
) -> None:
    """``premium_kernel`` over rows of any series; rows of one series that stand together share their work."""
    scratch = american_scratch()
    a = 0
    while a < K.size:
        b = _run_end(a, S, T, r, q)
        premium_kernel(S[a], K[a:b], T[a], sigma[a:b], r[a], q[a], call[a:b], scratch, out[a:b])
        a = b


@numba.njit(cache=True, error_model="numpy")
def equivalent_runs(
    P: Float64Array1D,
    S: Float64Array1D,
    K: Float64Array1D,
    T: Float64Array1D,
    r: Float64Array1D,
    q: Float64Array1D,
    call: BoolArray1D,
    sigma: Float64Array1D,
    premium: Float64Array1D,
    status: Int8Array1D,
) -> None:
    """``european_equivalent_kernel`` over rows of any series, as ``premium_runs``."""
    scratch = american_scratch()
    a = 0
    while a < K.size:
        b = _run_end(a, S, T, r, q)
        european_equivalent_kernel(
            P[a:b], S[a], K[a:b], T[a], r[a], q[a], call[a:b], scratch, sigma[a:b], premium[a:b], status[a:b]
        )
        a = b


@numba.njit(cache=True, error_model="numpy")
def _run_end(a: int, S: Float64Array1D, T: Float64Array1D, r: Float64Array1D, q: Float64Array1D) -> int:
    """Where the series that begins at a ends."""
    b = a + 1
    while b < S.size and S[b] == S[a] and T[b] == T[a] and r[b] == r[a] and q[b] == q[a]:
        b += 1
    return b


@numba.njit(cache=True, error_model="numpy")
def _side_terms(rate: float, dividend_yield: float, call: bool) -> tuple[float, float]:
    """Rate and yield of the put that stands for a side; what is too small to matter is 0."""
    r = 0.0 if abs(rate) < _NO_RATE else rate
    q = 0.0 if abs(dividend_yield) < _NO_RATE else dividend_yield
    return (q, r) if call else (r, q)


@numba.njit(cache=True, error_model="numpy")
def _regime(r: float, q: float) -> int:
    """Whether the put with this rate and yield is never exercised early, has a boundary, or has two."""
    if r > 0.0 or (r == 0.0 and q < 0.0):
        return _BOUNDARY
    return _NEVER if q >= r else _TWO


@numba.njit(cache=True, error_model="numpy")
def _sound_series(spot: float, years: float, rate: float, dividend_yield: float) -> bool:
    finite = (spot + years + rate + dividend_yield) * 0.0 == 0.0
    return finite and spot > 0.0 and years > 0.0


@numba.njit(cache=True, error_model="numpy")
def _enter(c: int, i: int, spot: float, strike: float, call: bool, scratch: AmericanWorkspace) -> None:
    """Contract i as lane c: a put with strike 1."""
    scale, share = (spot, strike) if call else (strike, spot)
    scratch.contract[c] = i
    scratch.lanes[SCALE, c] = scale
    scratch.lanes[MONEYNESS, c] = math.log(share / scale)
    scratch.lanes[SHARES, c] = share / scale


@numba.njit(cache=True, error_model="numpy")
def _fill_up(count: int, scratch: AmericanWorkspace) -> None:
    """Give the lanes behind the last contract the last one's terms, so that every loop has whole vectors."""
    lanes = scratch.lanes
    for c in range(count, BLOCK):
        lanes[SIGMA, c], lanes[PRICE, c] = lanes[SIGMA, count - 1], lanes[PRICE, count - 1]
        lanes[MONEYNESS, c], lanes[SHARES, c] = lanes[MONEYNESS, count - 1], lanes[SHARES, count - 1]


@numba.njit(cache=True, error_model="numpy")
def _premiums_of_block(
    count: int, space: BoundaryWorkspace, scratch: AmericanWorkspace, premium: Float64Array1D
) -> None:
    _fill_up(count, scratch)
    value_lanes(count, False, space, scratch)
    lanes = scratch.lanes
    for c in range(count):
        premium[scratch.contract[c]] = max(lanes[VALUE, c] - lanes[EUROPEAN, c], 0.0) * lanes[SCALE, c]


@numba.njit(cache=True, error_model="numpy")
def _solve_block(
    count: int,
    years: float,
    r: float,
    q: float,
    regime: int,
    space: BoundaryWorkspace,
    scratch: AmericanWorkspace,
    sigma: Float64Array1D,
    premium: Float64Array1D,
    status: Int8Array1D,
) -> None:
    """Volatilities and premiums of the block's contracts."""
    _fill_up(count, scratch)
    lanes, state = scratch.lanes, scratch.state
    lanes[DISCOUNT, :] = math.exp(-r * years)
    lanes[YEARS, :] = years
    lanes[ONE, :] = 1.0
    for c in range(BLOCK):
        lanes[FORWARD, c] = lanes[SHARES, c] * math.exp((r - q) * years)
    implied_vol_kernel(
        lanes[PRICE],
        lanes[FORWARD],
        lanes[ONE],
        lanes[YEARS],
        lanes[DISCOUNT],
        scratch.no_call,
        lanes[SIGMA],
        state,
    )
    if regime == _NEVER:
        for c in range(count):
            i = scratch.contract[c]
            sigma[i], status[i] = lanes[SIGMA, c], state[c]
            premium[i] = 0.0 if state[c] == _SOLVED else np.nan
        return
    for c in range(BLOCK):
        state[c] = _bounds_state(lanes[PRICE, c], lanes[SHARES, c], years, r, q)
        solved = lanes[SIGMA, c] == lanes[SIGMA, c]  # the European answer, from which the search starts
        lanes[HIGH, c] = LARGEST_VOL
        lanes[LOW, c] = LEAST_VOL
        lanes[SIGMA, c] = min(max(lanes[SIGMA, c], LEAST_VOL), LARGEST_VOL) if solved else LARGEST_VOL
    for _ in range(_MAX_STEPS):
        value_lanes(count, True, space, scratch)
        if _step_lanes(count, scratch) == 0:
            break
    _write_block(count, space, scratch, sigma, premium, status)


@numba.njit(cache=True, error_model="numpy")
def _bounds_state(p: float, shares: float, T: float, r: float, q: float) -> int:
    """-1 where the normalised price lies between the bounds of an American put, else the status that says where."""
    lower = max(1.0 - shares, math.exp(-r * T) - shares * math.exp(-q * T))
    if r > 0.0 and q > 0.0 and q != r:  # exercising later, if nothing moved but the carry
        best = math.log(q * shares / r) / (q - r)
        if best > 0.0 and best < T:
            lower = max(lower, math.exp(-r * best) - shares * math.exp(-q * best))
    rounding = _ROUNDING if lower > 0.0 else 0.0  # of 1 - S/K
    lower = max(lower, 0.0)
    if p < lower - rounding:
        return _BELOW
    if p <= lower + rounding:
        return _NOTHING
    return _ABOVE if p >= 1.0 else _SEARCHING


@numba.njit(cache=True, error_model="numpy")
def _step_lanes(count: int, scratch: AmericanWorkspace) -> int:
    """One Newton step of every lane whose search goes on; how many go on after it.

    The step is taken on the root of the value above exercising now, which is nearly a straight line where the value
    leaves it, and kept between the bounds known so far.
    """
    lanes, state = scratch.lanes, scratch.state
    going_on = 0
    for c in range(count):
        if state[c] != _SEARCHING:
            continue
        v = lanes[SIGMA, c]
        now = max(1.0 - lanes[SHARES, c], 0.0)
        above, wanted = lanes[VALUE, c] - now, lanes[PRICE, c] - now
        if above < wanted:
            lanes[LOW, c] = v
        else:
            lanes[HIGH, c] = v
        low, high = lanes[LOW, c], lanes[HIGH, c]
        after = math.sqrt(low * high)
        if above > 0.0 and lanes[SLOPE, c] > 0.0:
            root = math.sqrt(above)
            step = 2.0 * root * (math.sqrt(wanted) - root) / lanes[SLOPE, c]
            if abs(step) <= _CONVERGED * v and v + step >= LEAST_VOL and v + step <= LARGEST_VOL:
                lanes[SIGMA, c] = v + step
                state[c] = _SOLVED
                continue
            if v + step > low and v + step < high:
                after = v + step
        if high - low <= 1e-12 * high:
            edge = high <= LEAST_VOL * (1.0 + 1e-9) or low >= LARGEST_VOL * (1.0 - 1e-9)
            state[c] = _OUT if edge else _SOLVED
            continue
        lanes[SIGMA, c] = after
        going_on += 1
    return going_on


@numba.njit(cache=True, error_model="numpy")
def _write_block(
    count: int,
    space: BoundaryWorkspace,
    scratch: AmericanWorkspace,
    sigma: Float64Array1D,
    premium: Float64Array1D,
    status: Int8Array1D,
) -> None:
    """The block's results; the premium is the price less the European value at the volatility found."""
    lanes, state = scratch.lanes, scratch.state
    european_lanes(space.terms[0], space.terms[1], space.terms[2], scratch.lanes)
    for c in range(count):
        i = scratch.contract[c]
        status[i] = state[c] if state[c] != _SEARCHING else _OUT
        if state[c] == _SOLVED:
            sigma[i] = lanes[SIGMA, c]
            premium[i] = max(lanes[PRICE, c] - lanes[EUROPEAN, c], 0.0) * lanes[SCALE, c]
