"""Every price at which dealers' net gamma changes sign.

The sign of the re-priced sum is read on an even grid in ln(price). Where contracts are so near to settlement that their
gamma is narrower than four steps of it, the grid is halved, at most five times to 0.007 %, and the sum of the wider
contracts interpolated, since on their own grid it is smooth. Each change of sign, each dip towards zero between two
points and each interpolated value too small to believe is settled on the true sum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np

from lightning_gex.analytics.exposure_profile import (
    GRID_POINTS,
    GRID_WIDTH,
    PricedContracts,
    fill_exposure,
    series_of,
    spot_grid,
)
from lightning_gex.analytics.gaussian_sums import (
    HEIGHT,
    PEAK,
    RESOLVED,
    WIDTH,
    Contracts,
    Counts,
    Grid,
    add_on_grid,
    close_shapes,
    cut_space,
    fold,
    gather,
    space_size,
    value_and_slope,
    widths_that_matter,
)
from lightning_gex.core.enums import ZeroGammaStatus
from lightning_gex.core.units import Float64Array1D, Float64Array2D, Int64Array1D

MAX_ROOTS = 32  # of one chain as it is scanned; where there are more, the nearest to spot are kept
#: Net gamma below this share of the largest gross gamma of the grid is nothing at all: far from every living strike
#: both sides underflow, and the sign of what is left has no meaning.
NEGLIGIBLE = 1e-9
FINEST = 5  # halvings of the grid: a step of 0.007 %, four to a standard deviation down to sigma sqrt T = 0.03 %
ZERO_GAMMA_STATUSES = (
    ZeroGammaStatus.OK,
    ZeroGammaStatus.NO_ROOT_NET_POSITIVE,
    ZeroGammaStatus.NO_ROOT_NET_NEGATIVE,
    ZeroGammaStatus.INSUFFICIENT_DATA,
)
_OK, _NET_POSITIVE, _NET_NEGATIVE, _INSUFFICIENT = range(4)
_MARGIN = (
    6  # points beyond both ends, for the interpolation of all levels; even, so that halving keeps points on points
)
_NEAR_ZERO = (
    0.1  # a dip whose parabola stays above this share of gross gamma crosses nothing: twice the parabola's error
)
_DOUBTFUL = 0.02  # share of gross gamma below which the sign of a value interpolated from six is not believed
_TOLERANCE = 1e-13  # of a root, in ln(price)
# Rows of brackets found: both ends, a guess of the root, the sign on the left, how far a Newton step from a distance d
# misses the root, as a multiple of d^2.
LEFT, RIGHT, GUESS, SIGN, BEND = range(5)
_MAX_STEPS = 80  # halving alone needs 45


@dataclass(frozen=True, slots=True)
class ZeroGamma:
    """Where dealers' net gamma changes sign.

    Parameters
    ----------
    roots : every such price inside the grid, USD, rising.
    nearest : the root nearest to spot; NaN where there is none.
    status : ``OK`` with at least one root; otherwise the sign that net gamma keeps, or ``INSUFFICIENT_DATA`` where
        there is no gamma anywhere.
    """

    roots: tuple[float, ...]
    nearest: float
    status: ZeroGammaStatus


def zero_gamma(spot: float, contracts: PricedContracts, *, width: float = GRID_WIDTH) -> ZeroGamma:
    """Every price within the grid at which dealers' net gamma changes sign.

    Parameters
    ----------
    spot : USD.
    contracts : (n,) contracts with dealer sign in ``shares``.
    width : the grid runs from spot / (1 + width) to spot (1 + width).

    Returns
    -------
    ZeroGamma, each root to 1e-13 in ln(price) or to rounding. Net gamma below 1e-9 of the largest gross gamma counts as
    none. Where net gamma passes through zero and comes back, both roots are found if it covers a point of the grid or
    dips towards zero beside one. The grid resolves contracts whose sigma sqrt T is at least 0.03 % (two minutes at a
    volatility of 15 %); below 0.007 % (the last seconds) an excursion can hide between its points.

    Raises
    ------
    InputError : where a strike, time or volatility is not positive, or anything is not finite.

    Examples
    --------
    >>> columns = ([95.0, 105.0], [0.1, 0.1], [0.2, 0.2], [0.0, 0.0], [0.0, 0.0], [-100.0, 100.0])
    >>> found = zero_gamma(100.0, PricedContracts(*(np.array(column) for column in columns)))
    >>> [round(root, 6) for root in found.roots], found.status.value
    ([99.675372], 'ok')
    """
    return profile_and_zero_gamma(spot, contracts, width=width)[2]


def profile_and_zero_gamma(
    spot: float, contracts: PricedContracts, *, width: float = GRID_WIDTH, points: int = GRID_POINTS
) -> tuple[Float64Array1D, Float64Array1D, ZeroGamma]:
    """The prices of ``spot_grid``, net gamma exposure there in USD per 1 %, and zero gamma, in one pass.

    Parameters, result and errors are those of ``profile`` and ``zero_gamma``; ``points`` is odd.
    """
    series = series_of(contracts, spot)
    exposure = np.empty(points)
    workspace = np.empty(workspace_size(len(contracts.strike), points))
    roots = np.empty(MAX_ROOTS)
    count, status = zero_gamma_kernel(spot, width, *series, exposure, roots, workspace)
    if count > MAX_ROOTS:
        roots = np.empty(count)
        count, status = zero_gamma_kernel(spot, width, *series, exposure, roots, workspace)
    prices = tuple(float(root) for root in roots[:count])
    nearest = min(prices, key=lambda root: abs(root - spot), default=math.nan)
    found = ZeroGamma(prices, nearest, ZERO_GAMMA_STATUSES[status])
    return spot_grid(spot, width=width, points=points), exposure, found


@numba.njit(cache=True, error_model="numpy")
def workspace_size(contracts: int, points: int) -> int:
    """How many float64 of scratch ``zero_gamma_kernel`` needs for so many contracts and points of the grid."""
    return space_size(contracts, _finest_rows(points)) + 5 * _finest_rows(points)


@numba.njit(cache=True, error_model="numpy")
def _finest_rows(points: int) -> int:
    return (points - 1) * (1 << FINEST) + 1 + 2 * _MARGIN


class _Chain(NamedTuple):
    """The sum over all contracts, ready to be taken at any point, and the range [-reach, reach] that is searched."""

    reach: float
    counts: Counts
    longs: Float64Array2D
    shorts: Float64Array2D
    narrow: Float64Array2D
    terms: Float64Array2D


class _Level(NamedTuple):
    """Net and gross sums at a grid's points; ``halved`` where some are interpolated."""

    grid: Grid
    net: Float64Array1D
    gross: Float64Array1D
    halved: bool


class _Seen(NamedTuple):
    """How far the search has come: the last point with net gamma, its sign, the first sign, brackets found."""

    x: float
    sign: float
    first_sign: float
    brackets: int


class _Fine(NamedTuple):
    """The part of the grid that is halved: rows [first, last] of the even grid, ``halvings`` times; 0 where none is."""

    first: int
    last: int
    halvings: int


@numba.njit(cache=True, error_model="numpy")
def zero_gamma_kernel(
    spot: float,
    width: float,
    log_moneyness: Float64Array1D,
    implied_vol: Float64Array1D,
    shares: Float64Array1D,
    series_start: Int64Array1D,
    sqrt_years: Float64Array1D,
    log_carry: Float64Array1D,
    yield_discount: Float64Array1D,
    exposure: Float64Array1D,
    roots: Float64Array1D,
    workspace: Float64Array1D,
) -> tuple[int, int]:
    """Zero gamma and profile of one underlying, compiled.

    Parameters
    ----------
    spot, width, log_moneyness, implied_vol, shares, series_start, sqrt_years, log_carry, yield_discount : as
        ``exposure_profile.profile_kernel``.
    exposure : (m,) filled: net gamma exposure at ``spot_grid``, USD per 1 % of spot.
    roots : (k,) filled: rising, USD, NaN where there are fewer; the k nearest to spot where there are more.
    workspace : at least ``workspace_size(n, m)`` float64.

    Returns
    -------
    How many roots there are, and a position in ``ZERO_GAMMA_STATUSES``.
    """
    points = exposure.size
    contracts = Contracts(log_moneyness, implied_vol, shares, series_start, sqrt_years, log_carry, yield_discount)
    used = space_size(log_moneyness.size, _finest_rows(points))
    found = workspace[used : used + 5 * _finest_rows(points)].reshape((5, _finest_rows(points)))
    longs, shorts, narrow, walks, sums, net, gross, terms = cut_space(
        workspace, log_moneyness.size, _finest_rows(points)
    )
    reach = math.log1p(width)
    step = 2.0 * reach / (points - 1)
    grid = Grid(-reach - _MARGIN * step, step, points + 2 * _MARGIN)
    counts = gather(contracts, -grid.start, RESOLVED * step, longs, shorts, narrow)
    widths = widths_that_matter(counts, longs, shorts, narrow, reach)
    roots[:] = np.nan
    if widths == 0.0:
        exposure[:] = 0.0
        return 0, _INSUFFICIENT
    _sum_wide(counts, longs, shorts, grid, widths, sums, walks, net[0], gross[0])
    fine = _part_to_halve(counts, narrow, grid, widths)
    finest = _halve(counts, longs, narrow, grid, fine, widths, sums, walks, net, gross)
    _fill_profile(spot, grid, fine, net, finest, exposure)
    even = _Level(grid, net[0], gross[0], False)
    halved = _Level(_halved_grid(grid, fine, fine.halvings), net[finest], gross[finest], True)
    chain = _Chain(reach, counts, longs, shorts, narrow, terms)
    seen = _find(chain, even, halved, fine, found)
    if seen.first_sign == 0.0:
        return 0, _INSUFFICIENT
    if seen.brackets == 0:
        return 0, _NET_POSITIVE if seen.first_sign > 0.0 else _NET_NEGATIVE
    _settle(spot, chain, found, seen.brackets, roots)
    return seen.brackets, _OK


@numba.njit(cache=True, error_model="numpy")
def _sum_wide(
    counts: Counts,
    longs: Float64Array2D,
    shorts: Float64Array2D,
    grid: Grid,
    widths: float,
    sums: Float64Array2D,
    walks: Float64Array2D,
    net: Float64Array1D,
    gross: Float64Array1D,
) -> None:
    """Net and gross sums of the wide contracts on the even grid."""
    net[: grid.rows] = 0.0
    gross[: grid.rows] = 0.0
    sums[: grid.rows + 1] = 0.0
    add_on_grid(longs, 0, counts.longs, grid, widths, sums, walks)
    fold(sums, 1.0, net[: grid.rows], gross[: grid.rows])
    add_on_grid(shorts, 0, counts.shorts, grid, widths, sums, walks)
    fold(sums, -1.0, net[: grid.rows], gross[: grid.rows])


@numba.njit(cache=True, error_model="numpy")
def _part_to_halve(counts: Counts, narrow: Float64Array2D, grid: Grid, widths: float) -> _Fine:
    """The rows within reach of the narrow contracts that count, and how often to halve their steps."""
    first, last, narrowest = grid.rows, -1, math.inf
    for i in range(counts.narrows):
        if abs(narrow[HEIGHT, i]) <= NEGLIGIBLE * counts.scale:
            continue
        far = widths * narrow[WIDTH, i]
        low = max(math.floor((narrow[PEAK, i] - far - grid.start) / grid.step), float(_MARGIN))
        high = min(math.ceil((narrow[PEAK, i] + far - grid.start) / grid.step), float(grid.rows - 1 - _MARGIN))
        if low <= high:
            first, last = min(first, int(low)), max(last, int(high))
            narrowest = min(narrowest, narrow[WIDTH, i])
    if first >= last:
        return _Fine(0, -1, 0)
    return _Fine(first, last, _halvings(narrowest, RESOLVED * grid.step))


@numba.njit(cache=True, error_model="numpy")
def _halvings(width: float, limit: float) -> int:
    """How often the grid is halved until a contract of this width is wide on it, FINEST at most."""
    count = 0
    while width < limit and count < FINEST:
        limit *= 0.5
        count += 1
    return count


@numba.njit(cache=True, error_model="numpy")
def _halved_grid(grid: Grid, fine: _Fine, level: int) -> Grid:
    """The halved part and its margins after so many halvings."""
    step = grid.step / (1 << level)
    rows = (fine.last - fine.first) * (1 << level) + 1 + 2 * _MARGIN
    return Grid(grid.start + fine.first * grid.step - _MARGIN * step, step, rows)


@numba.njit(cache=True, error_model="numpy")
def _halve(
    counts: Counts,
    longs: Float64Array2D,
    narrow: Float64Array2D,
    grid: Grid,
    fine: _Fine,
    widths: float,
    sums: Float64Array2D,
    walks: Float64Array2D,
    net: Float64Array2D,
    gross: Float64Array2D,
) -> int:
    """Sums on the halved part, level by level: interpolated from the level above, plus the contracts wide on this one.

    Returns the row of ``net`` and ``gross`` that holds the finest level; 0 where nothing is halved.
    """
    above, first = 0, fine.first - _MARGIN
    for level in range(1, fine.halvings + 1):
        here = 1 + level % 2
        part = _halved_grid(grid, fine, level)
        rows = part.rows
        _interpolate(net[above, first:], net[here, :rows])
        _interpolate(gross[above, first:], gross[here, :rows])
        own, own_gross = net[3, :rows], gross[3, :rows]
        own[:] = 0.0
        own_gross[:] = 0.0
        for sign in (1.0, -1.0):
            # The columns behind the long contracts are free.
            last = _pick_level(counts, longs, narrow, RESOLVED * grid.step, level, fine.halvings, sign)
            sums[: rows + 1] = 0.0
            add_on_grid(longs, counts.longs, last, part, widths, sums, walks)
            fold(sums, sign, own, own_gross)
        for row in range(rows):  # both sides first: the mirror position then has the mirror sum
            net[here, row] += own[row]
            gross[here, row] += own_gross[row]
        above, first = here, 0
    close_shapes(longs, counts.longs)
    return above


@numba.njit(cache=True, error_model="numpy")
def _pick_level(
    counts: Counts, longs: Float64Array2D, narrow: Float64Array2D, limit: float, level: int, finest: int, sign: float
) -> int:
    """Copy the narrow contracts of one level and sign behind the long ones; returns where they end."""
    last = counts.longs
    for i in range(counts.narrows):
        if narrow[HEIGHT, i] * sign > 0.0 and min(_halvings(narrow[WIDTH, i], limit), finest) == level:
            for row in range(4):
                longs[row, last] = narrow[row, i]
            last += 1
    close_shapes(longs, last)
    return last


@numba.njit(cache=True, error_model="numpy")
def _interpolate(coarse: Float64Array1D, fine: Float64Array1D) -> None:
    """Values at half steps by the polynomial through six neighbours; both arrays begin at their own margin."""
    for row in range(0, fine.size, 2):
        fine[row] = coarse[row // 2 + _MARGIN // 2]
    for row in range(1, fine.size, 2):
        i = row // 2 + _MARGIN // 2
        inner, middle, outer = coarse[i] + coarse[i + 1], coarse[i - 1] + coarse[i + 2], coarse[i - 2] + coarse[i + 3]
        fine[row] = (150.0 * inner - 25.0 * middle + 3.0 * outer) * (1.0 / 256.0)


@numba.njit(cache=True, error_model="numpy")
def _fill_profile(
    spot: float, grid: Grid, fine: _Fine, net: Float64Array2D, finest: int, exposure: Float64Array1D
) -> None:
    """Exposure at the even grid's points, from the halved part where there is one."""
    points = Grid(grid.start + _MARGIN * grid.step, grid.step, exposure.size)
    fill_exposure(spot, points, net[0, _MARGIN : _MARGIN + exposure.size], exposure)
    if fine.halvings > 0:
        stride, first = (1 << fine.halvings), fine.first - _MARGIN
        count = fine.last - fine.first + 1
        part = Grid(grid.start + fine.first * grid.step, grid.step, count)
        values = net[finest, _MARGIN : _MARGIN + (count - 1) * stride + 1 : stride]
        fill_exposure(spot, part, values.copy(), exposure[first : first + count])


@numba.njit(cache=True, error_model="numpy")
def _value(chain: _Chain, x: float) -> tuple[float, float]:
    return value_and_slope(chain.counts, chain.longs, chain.shorts, chain.narrow, x, chain.terms)


@numba.njit(cache=True, error_model="numpy")
def _find(chain: _Chain, even: _Level, halved: _Level, fine: _Fine, found: Float64Array2D) -> _Seen:
    """Brackets of all changes of sign, into the columns of ``found`` (rows LEFT .. BEND)."""
    last = even.grid.rows - 1 - _MARGIN
    floor = NEGLIGIBLE * even.gross[_MARGIN : last + 1].max()
    seen = _Seen(0.0, 0.0, 0.0, 0)
    if fine.halvings == 0:
        return _scan(chain, even, _MARGIN, last, floor, found, seen)
    floor = max(floor, NEGLIGIBLE * halved.gross[: halved.grid.rows].max())
    seen = _scan(chain, even, _MARGIN, fine.first - 1, floor, found, seen)
    seen = _scan(chain, halved, _MARGIN, halved.grid.rows - 1 - _MARGIN, floor, found, seen)
    return _scan(chain, even, fine.last + 1, last, floor, found, seen)


@numba.njit(cache=True, error_model="numpy")
def _scan(
    chain: _Chain, level: _Level, first: int, last: int, floor: float, found: Float64Array2D, seen: _Seen
) -> _Seen:
    """Brackets between the points of rows [first, last], and from the last point before them."""
    grid, net = level.grid, level.net
    at, sign, first_sign, count = seen.x, seen.sign, seen.first_sign, seen.brackets
    for row in range(first, last + 1):
        value = net[row]
        if not abs(value) > floor:
            continue
        x = grid.start + row * grid.step
        if value * sign < 0.0 and _doubtful(level, row):
            value, _ = _value(chain, x)
        here = 1.0 if value > 0.0 else -1.0
        if sign == 0.0:
            first_sign = here
        elif here != sign:
            count = _bracket(chain, level, row, at, x, sign, found, count)
        elif abs(value) <= abs(net[row - 1]) and abs(value) < abs(net[row + 1]):
            count = _dip(chain, level, row, here, floor, found, count)
        at, sign = x, here
    return _Seen(at, sign, first_sign, count)


@numba.njit(cache=True, error_model="numpy")
def _doubtful(level: _Level, row: int) -> bool:
    """Whether a value is interpolated and so small that its sign may not be the sum's."""
    gross = level.gross
    around = max(gross[row - 1], gross[row], gross[row + 1])
    return bool(level.halved and abs(level.net[row]) < _DOUBTFUL * around)


@numba.njit(cache=True, error_model="numpy")
def _put(found: Float64Array2D, count: int, left: float, right: float, sign: float) -> int:
    """One more bracket, of which nothing more is known: the guess is its middle. Returns how many there are."""
    if count < found.shape[1]:
        found[LEFT, count] = left
        found[RIGHT, count] = right
        found[GUESS, count] = 0.5 * (left + right)
        found[SIGN, count] = sign
        found[BEND, count] = 1.0 / (right - left)
    return count + 1


@numba.njit(cache=True, error_model="numpy")
def _bracket(
    chain: _Chain, level: _Level, row: int, left: float, right: float, sign: float, found: Float64Array2D, count: int
) -> int:
    """A change of sign up to a row: between neighbours with a guess, or over a stretch without net gamma."""
    step, net = level.grid.step, level.net
    if right - left > 1.5 * step or count >= found.shape[1]:
        return _put(found, count, left, right, sign)
    if _doubtful(level, row - 1) and _value(chain, left)[0] * sign < 0.0:
        return _put(found, count, left - step, left, sign)
    after = _put(found, count, left, right, sign)
    found[GUESS, count] = right - step * (1.0 - _fraction(net, row - 1))
    curve = 0.5 * (net[row + 1] - net[row] - net[row - 1] + net[row - 2])
    found[BEND, count] = abs(curve / (net[row] - net[row - 1])) / step  # twice |f'' / 2 f'|, to be safe
    return after


@numba.njit(cache=True, error_model="numpy")
def _fraction(values: Float64Array1D, i: int) -> float:
    """Where between points i and i + 1 the polynomial through six neighbours vanishes, by regula falsi (Illinois)."""
    low, high, at_low, at_high = 0.0, 1.0, values[i], values[i + 1]
    t = 0.5
    for _ in range(8):
        t = low + (high - low) * at_low / (at_low - at_high)
        at_t = _sextic(values, i, t)
        if at_t * at_high > 0.0:
            high, at_high = t, at_t
            at_low *= 0.5
        else:
            low, at_low = t, at_t
            at_high *= 0.5
    return t


@numba.njit(cache=True, error_model="numpy")
def _sextic(values: Float64Array1D, i: int, t: float) -> float:
    """The polynomial through values i - 2 .. i + 3 at i + t, in Newton's form."""
    y0, y1, y2, y3, y4, y5 = values[i - 2], values[i - 1], values[i], values[i + 1], values[i + 2], values[i + 3]
    d1 = y1 - y0
    d2 = y2 - 2.0 * y1 + y0
    d3 = y3 - 3.0 * (y2 - y1) - y0
    d4 = y4 - 4.0 * (y3 + y1) + 6.0 * y2 + y0
    d5 = y5 - y0 - 5.0 * (y4 - y1) + 10.0 * (y3 - y2)
    s = t + 2.0
    inner = d3 + (s - 3.0) * 0.25 * (d4 + (s - 4.0) * 0.2 * d5)
    return float(y0 + s * (d1 + (s - 1.0) * 0.5 * (d2 + (s - 2.0) / 3.0 * inner)))


@numba.njit(cache=True, error_model="numpy")
def _dip(chain: _Chain, level: _Level, row: int, sign: float, floor: float, found: Float64Array2D, count: int) -> int:
    """Two changes of sign where net gamma, smallest at a row, has crossed zero and come back beside it."""
    net, gross, step = level.net, level.gross, level.grid.step
    left, here, right = net[row - 1] * sign, net[row] * sign, net[row + 1] * sign
    if not (left > 0.0 and right > 0.0):
        return count
    curve, tilt = left - 2.0 * here + right, 0.5 * (right - left)
    around, vertex = max(gross[row - 1], gross[row], gross[row + 1]), -tilt / curve
    if here + 0.5 * tilt * vertex > _NEAR_ZERO * around:
        return count
    if not level.halved and sign * _sextic(net, row - 1, 1.0 + vertex) > _DOUBTFUL * around:
        return count
    x = level.grid.start + row * step
    low, high = max(x - step, -chain.reach), min(x + step, chain.reach)
    if _doubtful(level, row) and _value(chain, x)[0] * sign < -floor:
        count = _put(found, count, low, x, sign)
        return _put(found, count, x, high, -sign)
    beyond = _beyond_zero(chain, low, min(max(x + step * vertex, low), high), high, sign, floor)
    if beyond < x:
        count = _put(found, count, low, beyond, sign)
        return _put(found, count, beyond, x, -sign)
    if beyond > x:
        count = _put(found, count, x, beyond, sign)
        return _put(found, count, beyond, high, -sign)
    return count


@numba.njit(cache=True, error_model="numpy")
def _beyond_zero(chain: _Chain, low: float, x: float, high: float, sign: float, floor: float) -> float:
    """A point at which the sum has the other sign, on the way to its extremum; NaN where it does not reach zero."""
    slope_low, slope_high, moved = math.nan, math.nan, 0
    for _ in range(_MAX_STEPS):
        value, slope = _value(chain, x)
        value *= sign
        slope *= sign
        if value < -floor:
            return x
        room = high - x if slope < 0.0 else x - low
        # A sum that curves upward lies above its tangent.
        if value - abs(slope) * room > -floor or high - low < _TOLERANCE:
            return math.nan
        # Regula falsi on the slope; an end that stays twice counts half (Illinois).
        if slope < 0.0:
            low, slope_low, slope_high = x, slope, slope_high * (0.5 if moved < 0 else 1.0)
            moved = -1
        else:
            high, slope_high, slope_low = x, slope, slope_low * (0.5 if moved > 0 else 1.0)
            moved = 1
        x = 0.5 * (low + high)
        if slope_high - slope_low > 0.0:
            x = low - (high - low) * slope_low / (slope_high - slope_low)
    return math.nan


@numba.njit(cache=True, error_model="numpy")
def _settle(spot: float, chain: _Chain, found: Float64Array2D, count: int, roots: Float64Array1D) -> None:
    """The roots in their brackets; where there is no room for all, those nearest to spot."""
    first, last = 0, min(count, found.shape[1])
    while last - first > roots.size:
        if abs(found[GUESS, first]) > abs(found[GUESS, last - 1]):
            first += 1
        else:
            last -= 1
    for k in range(first, last):
        roots[k - first] = spot * math.exp(_root(chain, found, k))


@numba.njit(cache=True, error_model="numpy")
def _root(chain: _Chain, found: Float64Array2D, k: int) -> float:
    """Newton's steps on the true sum, kept inside a shrinking bracket."""
    low, high, x, sign = found[LEFT, k], found[RIGHT, k], found[GUESS, k], found[SIGN, k]
    bend = max(found[BEND, k], 1.0)
    for _ in range(_MAX_STEPS):
        value, slope = _value(chain, x)
        if value == 0.0:
            return float(x)
        if value * sign > 0.0:
            low = x
        else:
            high = x
        after = x - value / slope
        step = abs(after - x)
        if not low < after < high:
            after, step = 0.5 * (low + high), 0.5 * (high - low)
            bend = 1.0 / step  # halving foretells nothing
        if min(bend * step, 1.0) * step <= _TOLERANCE or high - low <= _TOLERANCE:
            return float(after)
        bend, x = 1.0 / step, after  # a step is what the last one missed: at most its square in its own measure
    return float(x)
