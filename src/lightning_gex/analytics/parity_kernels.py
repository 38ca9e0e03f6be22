"""Forward and discount of every series by put-call parity, compiled; ``parity_reference`` is the readable form.

Series of an underlying stand by settlement, their contracts by strike, call before put. What is robust and why is
said in ``parity``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from lightning_gex.analytics.book_columns import Contracts
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int8Array1D, Int64Array1D

NEAR_THE_MONEY = 0.15  # |ln(strike / spot)| of the pairs that count
MIN_PAIRS = 3  # below this a median is one quote's opinion
FORWARD_PAIRS = 9  # pairs nearest to the forward whose median is the forward
MAX_RATE_ERROR = 0.005  # per year: the standard error up to which the chain's own discount is believed
RATE_YEARS = 30.0 / 365.0  # shorter expiries' own rates count only where no longer one gives any
RATE_BOUNDS = (-0.02, 0.20)  # per year; outside, the quotes and not the money market speak
#: A forward further from spot than this, as ln(F / S) = jump + rate T, is a broken quote and no carry.
CARRY_JUMP, CARRY_RATE = 0.02, 1.0
PARITY, NEIGHBOURS, STAND_IN = 0, 1, 2  # codes of ``parity.CarrySource``, in its order
NORMAL_MAD = 1.4826  # standard deviation / median absolute deviation of a normal distribution
_LOWEST_RATE, _HIGHEST_RATE = RATE_BOUNDS
_LOWEST_OF_SPOT, _HIGHEST_OF_SPOT = math.exp(-NEAR_THE_MONEY), math.exp(NEAR_THE_MONEY)
_SHORT = 24  # values that insertion sorts faster than partitioning


class Carry(NamedTuple):
    """Everything the curve says of each series, (g,) each; written by ``carry_kernel``.

    ``forward_source`` and ``rate_source`` hold the codes above; ``absurd`` marks parity forwards too far from spot.
    """

    forward: Float64Array1D
    discount: Float64Array1D
    rate: Float64Array1D
    dividend_yield: Float64Array1D
    pairs: Int64Array1D
    forward_source: Int8Array1D
    rate_source: Int8Array1D
    absurd: BoolArray1D


def part_of(carry: Carry, a: int, b: int) -> Carry:
    """The series ``a`` .. ``b`` - 1, as views."""
    return Carry(
        carry.forward[a:b],
        carry.discount[a:b],
        carry.rate[a:b],
        carry.dividend_yield[a:b],
        carry.pairs[a:b],
        carry.forward_source[a:b],
        carry.rate_source[a:b],
        carry.absurd[a:b],
    )


class CarryScratch(NamedTuple):
    """Room for one underlying: (m,) pairs, those that are kept, where each series' begin, and what medians need."""

    strike: Float64Array1D
    call: Float64Array1D
    put: Float64Array1D
    kept: Float64Array1D
    difference: Float64Array1D
    slope: Float64Array1D
    start: Int64Array1D
    size: Float64Array1D
    nearest: Int64Array1D


def empty_carry(series: int) -> Carry:
    """Room for the curve of so many series."""
    return Carry(
        forward=np.empty(series),
        discount=np.empty(series),
        rate=np.empty(series),
        dividend_yield=np.empty(series),
        pairs=np.empty(series, dtype=np.int64),
        forward_source=np.empty(series, dtype=np.int8),
        rate_source=np.empty(series, dtype=np.int8),
        absurd=np.empty(series, dtype=np.bool_),
    )


def carry_scratch(contracts: int, series: int) -> CarryScratch:
    """Scratch for underlyings of at most so many contracts and series."""
    pairs = contracts // 2 + 1
    return CarryScratch(
        strike=np.empty(pairs),
        call=np.empty(pairs),
        put=np.empty(pairs),
        kept=np.empty(pairs),
        difference=np.empty(pairs),
        slope=np.empty(max(pairs, FORWARD_PAIRS)),
        start=np.zeros(series + 1, dtype=np.int64),
        size=np.empty(FORWARD_PAIRS),
        nearest=np.empty(FORWARD_PAIRS, dtype=np.int64),
    )


@numba.njit(cache=True, error_model="numpy", nogil=True)
def carry_kernel(
    contracts: Contracts,
    series_start: Int64Array1D,
    underlying_start: Int64Array1D,
    spot: Float64Array1D,
    years: Float64Array1D,
    scratch: CarryScratch,
    out: Carry,
) -> None:
    """The curves of (u,) underlyings, each from its own quotes; starts count from 0, ``years`` (g,) is positive."""
    for u in range(spot.size):
        first, last = underlying_start[u], underlying_start[u + 1]
        count = fill_pairs(contracts, series_start, first, last, spot[u], scratch)
        for i in range(count):
            scratch.difference[i] = scratch.call[i] - scratch.put[i]
        estimate(first, last, spot[u], years, scratch.strike, scratch.difference, scratch, out)
        for g in range(first, last):
            out.pairs[g] = scratch.start[g - first + 1] - scratch.start[g - first]


# Tuples of arrays are unpacked once an underlying, and what runs once a series takes no slices: taking an array out of
# either counts a reference, which costs more than the arithmetic.


@numba.njit(cache=True, error_model="numpy", nogil=True)
def fill_pairs(
    contracts: Contracts, series_start: Int64Array1D, first: int, last: int, spot: float, scratch: CarryScratch
) -> int:
    """The usable pairs of the series ``first`` .. ``last`` - 1 into the scratch; how many there are."""
    bid, ask, is_call = contracts.bid, contracts.ask, contracts.is_call
    listed, start = contracts.strike, scratch.start
    strike, call, put = scratch.strike, scratch.call, scratch.put
    count = 0
    start[0] = 0
    for g in range(first, last):
        count = _pairs(listed, bid, ask, is_call, series_start[g], series_start[g + 1], spot, count, strike, call, put)
        start[g - first + 1] = count
    return count


@numba.njit(cache=True, error_model="numpy", nogil=True)
def estimate(
    first: int,
    last: int,
    spot: float,
    years: Float64Array1D,
    strike: Float64Array1D,
    difference: Float64Array1D,
    scratch: CarryScratch,
    out: Carry,
) -> None:
    """The curve of one underlying's series from call - put of pairs that begin at ``scratch.start``."""
    start, slope, size, nearest = scratch.start, scratch.slope, scratch.size, scratch.nearest
    rate, discount, forward = out.rate, out.discount, out.forward
    rate_source, forward_source = out.rate_source, out.forward_source
    _fill_rates(first, last, years, strike, difference, start, slope, rate)
    _fill_gaps(rate, years, first, last, rate_source)
    for g in range(first, last):  # the yearly carry ln(F/S) / T in place of the forward
        a, b = start[g - first], start[g - first + 1]
        discount[g] = math.exp(-rate[g] * years[g])
        log_carry = math.log(_forward(strike, difference, a, b, discount[g], size, nearest, slope) / spot)
        out.absurd[g] = abs(log_carry) > CARRY_JUMP + CARRY_RATE * years[g]
        forward[g] = np.nan if out.absurd[g] else log_carry / years[g]
    _fill_gaps(forward, years, first, last, forward_source)
    for g in range(first, last):
        if forward_source[g] == STAND_IN:  # without a forward a rate alone says nothing
            rate[g], discount[g], rate_source[g] = 0.0, 1.0, STAND_IN
        out.dividend_yield[g] = rate[g] - forward[g]
        forward[g] = spot * math.exp(forward[g] * years[g])


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _pairs(
    listed: Float64Array1D,
    bid: Float64Array1D,
    ask: Float64Array1D,
    is_call: BoolArray1D,
    first: int,
    last: int,
    spot: float,
    count: int,
    strike: Float64Array1D,
    call: Float64Array1D,
    put: Float64Array1D,
) -> int:
    """Adds the usable pairs of one series near the money, strikes rising."""
    low, high = spot * _LOWEST_OF_SPOT, spot * _HIGHEST_OF_SPOT
    i = first
    while i < last and listed[i] < low:
        i += 1
    while i < last:
        level = listed[i]
        if not level <= high:  # NaN stands last too
            break
        end = i + 1
        while end < last and listed[end] == level:
            end += 1
        if end - i == 2 and is_call[i] and not is_call[i + 1]:
            called, putted = _mid(bid[i], ask[i]), _mid(bid[i + 1], ask[i + 1])
        else:
            called = _tightest(bid, ask, is_call, i, end, True)
            putted = _tightest(bid, ask, is_call, i, end, False)
        if called < np.inf and putted < np.inf:
            strike[count], call[count], put[count] = level, called, putted
            count += 1
        i = end
    return count


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _mid(bid: float, ask: float) -> float:
    """Of a two-sided, uncrossed quote; infinite of any other."""
    fit = (bid > 0.0) & (ask >= bid)
    return 0.5 * (bid + ask) if fit else np.inf


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _tightest(
    bids: Float64Array1D, asks: Float64Array1D, is_call: BoolArray1D, first: int, last: int, call: bool
) -> float:
    """The mid of the tightest usable quote of one contract's rows, of equal ones the lower; infinite without any."""
    best, spread = np.inf, np.inf
    for i in range(first, last):
        mid, wide = _mid(bids[i], asks[i]), asks[i] - bids[i]
        if is_call[i] == call and mid < np.inf and wide <= spread:
            best = min(mid, best) if wide == spread else mid
            spread = wide
    return best


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _fill_rates(
    first: int,
    last: int,
    years: Float64Array1D,
    strike: Float64Array1D,
    difference: Float64Array1D,
    start: Int64Array1D,
    slope: Float64Array1D,
    rate: Float64Array1D,
) -> None:
    """Each series' own rate, NaN where it has none.

    Short expiries, whose quotes' last tick is percents a year, are asked only where no longer one answers.
    """
    answered = False
    for g in range(first, last):
        rate[g] = np.nan
        if years[g] >= RATE_YEARS:
            rate[g] = _rate(strike, difference, start[g - first], start[g - first + 1], years[g], slope)
            answered |= rate[g] == rate[g]
    for g in range(first, last):
        if not answered and years[g] < RATE_YEARS:
            rate[g] = _rate(strike, difference, start[g - first], start[g - first + 1], years[g], slope)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _rate(
    strike: Float64Array1D, difference: Float64Array1D, a: int, b: int, years: float, slope: Float64Array1D
) -> float:
    """The continuous rate that the median slope of the pairs ``a`` .. ``b`` - 1 says.

    NaN where the quotes do not pin it down.
    """
    half, count = (b - a) // 2, b - a - (b - a) // 2
    if b - a < MIN_PAIRS:
        return np.nan
    for i in range(count):
        low, high = a + i, a + half + i
        slope[i] = -(difference[high] - difference[low]) / (strike[high] - strike[low])
    discount = median(slope, count)
    if not discount > 0.0:
        return np.nan
    for i in range(count):
        slope[i] = abs(slope[i] - discount)
    error = NORMAL_MAD * median(slope, count) / math.sqrt(count) / (discount * years)
    rate = -math.log(discount) / years
    if error > MAX_RATE_ERROR or not (_LOWEST_RATE <= rate <= _HIGHEST_RATE):
        return np.nan
    return rate


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _forward(
    strike: Float64Array1D,
    difference: Float64Array1D,
    a: int,
    b: int,
    discount: float,
    size: Float64Array1D,
    nearest: Int64Array1D,
    price: Float64Array1D,
) -> float:
    """The median over those of the pairs ``a`` .. ``b`` - 1 nearest to the forward; NaN with too few pairs."""
    if b - a < MIN_PAIRS:
        return np.nan
    if b - a <= FORWARD_PAIRS:
        for i in range(a, b):
            price[i - a] = strike[i] + difference[i] / discount
        return median(price, b - a)
    kept = 0
    for i in range(a, b):
        away = abs(difference[i])
        if kept == FORWARD_PAIRS and not away < size[kept - 1]:
            continue
        j = min(kept, FORWARD_PAIRS - 1)
        while j > 0 and away < size[j - 1]:
            size[j], nearest[j] = size[j - 1], nearest[j - 1]
            j -= 1
        size[j], nearest[j] = away, i
        kept = min(kept + 1, FORWARD_PAIRS)
    for j in range(kept):
        price[j] = strike[nearest[j]] + difference[nearest[j]] / discount
    return median(price, kept)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _fill_gaps(values: Float64Array1D, years: Float64Array1D, first: int, last: int, source: Int8Array1D) -> None:
    """Closes gaps of series ``first`` .. ``last`` - 1 from neighbours in time, linear, flat beyond the ends.

    0 where nothing is known.
    """
    known = 0
    for g in range(first, last):
        source[g] = PARITY if values[g] == values[g] else NEIGHBOURS
        known += values[g] == values[g]
    if known == last - first:
        return
    if known == 0:
        for g in range(first, last):
            values[g], source[g] = 0.0, STAND_IN
        return
    left = -1  # the last known one
    for g in range(first, last):
        if source[g] == PARITY:
            left = g
            continue
        right = g + 1
        while right < last and (source[right] != PARITY or years[right] <= years[g]):
            left = right if source[right] == PARITY else left  # settles at the same moment under another root
            right += 1
        if left < 0:
            values[g] = values[right]
        elif right == last or years[left] == years[g]:
            values[g] = values[left]
        else:
            slope = (values[right] - values[left]) / (years[right] - years[left])
            values[g] = slope * (years[g] - years[left]) + values[left]


@numba.njit(cache=True, error_model="numpy", nogil=True)
def median(values: Float64Array1D, n: int) -> float:
    """The median of the first n numbers, without NaN, which are left in another order; NaN of none."""
    if n == 0:
        return np.nan
    middle = n // 2
    low, high = 0, n - 1
    while high - low >= _SHORT:
        pivot = _middle_of(values[low], values[(low + high) // 2], values[high])
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            low = high = middle
    for i in range(low + 1, high + 1):
        value = values[i]
        j = i
        while j > low and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    if n % 2 == 1:
        return float(values[middle])
    below = values[0]
    for i in range(1, middle):
        below = max(below, values[i])
    return 0.5 * float(below + values[middle])


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _middle_of(a: float, b: float, c: float) -> float:
    return max(min(a, b), min(max(a, b), c))
