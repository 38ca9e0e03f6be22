"""Sums of many Gaussians on an even grid, by two multiplications a point instead of an exponential.

A contract's S' gamma, read along x = ln(S'/S), is a Gaussian h e^{-z^2/2} with z = (x - peak) / width, where width is
sigma sqrt T. Between two points of an even grid z grows by d = step / width, so the ratio of neighbouring values
shrinks by one constant factor:

    E(x + step) = E(x) R        R(x + step) = R(x) (1 - q)        R = e^{-(z + d/2) d}        1 - q = e^{-d^2}

Sixteen contracts walk abreast, from the middle of the part of the grid in which any of them matters to both its ends.
Carrying q and not 1 - q keeps the digits that a recurrence of the second order would otherwise lose.

Source: Greengard & Lee, *Accelerating the nonuniform fast Fourier transform*, SIAM Review 46 (2004) 443-454, section 3
(a Gaussian on a grid as a product of factors).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

from lightning_gex.analytics.vector_math import (
    GAUSS_LIMIT,
    INV_SQRT_2PI,
    LANES,
    exp_lane,
    fused,
    gauss_lane,
    use_vector_lanes,
)
from lightning_gex.core.units import Float64Array1D, Float64Array2D, Int64Array1D

TILE = 2 * LANES  # contracts that walk abreast: two vectors hide each other's latency
MAX_STEPS = 88  # to each side of a start; one start serves a grid of 161 points and its margins
#: Terms below this share of the largest peak on the grid are left out: 30,000 of them are still below rounding.
NEGLIGIBLE_TERM = 1e-18
#: Grid steps that a width must hold for the grid to show every turn of a sum.
RESOLVED = 4.0
_LONGEST_WALK = 22.0  # widths to each side of a start: what matters at the end is far above underflow at the start
_DIRECT = 2.0  # a grid step of more widths is not walked but each point computed: 1 - q would keep too few digits
_LARGE = 0.26  # grid steps in widths; below it the series of 1 - e^{-d^2} to the eighth term is exact to rounding
_JOBS = 16  # walks prepared together: the processor works on the next while one waits for its exponential
#: Rows of shapes: x of the peak, width, 1 / width, value at the peak.
PEAK, WIDTH, SLOPE, HEIGHT = range(4)
#: Idle columns that shapes need beyond the contracts, so that vectors may run on.
SPARE = 3 * TILE
# Rows of walks: 0 .. 4 the state of each lane (E at the start, R to the right, E one to the left, R to the left of
# that, q), then z at the start, the grid's step in widths, the height; and for each tile its row and steps each way.
Z, D, START, ROW, STEPS = range(5, 10)
BLOCK = 256  # contracts of a sum whose terms fit the first-level cache


class Contracts(NamedTuple):
    """Contracts of one underlying, sorted by series: what ``gather`` reads.

    Parameters
    ----------
    log_moneyness, implied_vol, shares : (n,) ln(strike / spot), annualised fraction, signed shares under option.
    series_start : (g + 1,) rows at which the series begin, counted from the first of them.
    sqrt_years, log_carry, yield_discount : (g,) sqrt T, (r - q) T and e^{-qT} of each series.
    """

    log_moneyness: Float64Array1D
    implied_vol: Float64Array1D
    shares: Float64Array1D
    series_start: Int64Array1D
    sqrt_years: Float64Array1D
    log_carry: Float64Array1D
    yield_discount: Float64Array1D


class Counts(NamedTuple):
    """What ``gather`` found.

    Parameters
    ----------
    longs, shorts, narrows : contracts of positive height, of negative height, and narrow ones of either.
    scale : largest |height| whose peak lies within the range and is not narrow (no grid would miss it); what is
        negligible is measured against it.
    largest : largest |height| of all.
    """

    longs: int
    shorts: int
    narrows: int
    scale: float
    largest: float


class Grid(NamedTuple):
    """Even points x = start + row step, row = 0 .. rows - 1."""

    start: float
    step: float
    rows: int


class Space(NamedTuple):
    """Scratch of one underlying, cut from one array.

    Parameters
    ----------
    longs, shorts, narrow : (4, n + SPARE) shapes: rows PEAK, WIDTH, SLOPE, HEIGHT.
    walks : (10, lanes) walks being prepared: the state, then rows Z .. STEPS.
    sums : (rows + 1, 8) of the finest grid; one row more than the grid has, since walks come in pairs of rows.
    net, gross : (4, rows) sums on grids.
    terms : (2, BLOCK + 8) of a sum at one point: values and slopes, then their lanes' sums.
    """

    longs: Float64Array2D
    shorts: Float64Array2D
    narrow: Float64Array2D
    walks: Float64Array2D
    sums: Float64Array2D
    net: Float64Array2D
    gross: Float64Array2D
    terms: Float64Array2D


_BUILD, _TYPES = cast("Any", cgutils), cast("Any", types)  # numba's own tools carry no types


def _vector_at(builder: Any, data: Any, index: Any) -> Any:  # noqa: ANN401 - llvmlite has no types
    """Address of eight float64 from ``index`` on."""
    vector = ir.VectorType(ir.DoubleType(), LANES)
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


@intrinsic
def _walk_intrinsic(typing_context: Any, state: Any, first: Any, sums: Any, row: Any, steps: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Add sixteen walking Gaussians to ``sums`` (rows x 8): ``steps`` rows from ``row`` up and as many below it.

    Written out as vectors, since a compiler that sees loops over arrays cannot know that they do not overlap and would
    keep E and R in memory.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        begun, lane, added, row, steps = arguments
        vector, integer = ir.VectorType(ir.DoubleType(), LANES), ir.IntType(64)
        source = context.make_array(signature.args[0])(context, builder, begun)
        target = context.make_array(signature.args[2])(context, builder, added)
        stride = builder.extract_value(source.shape, 1)
        fused_type = ir.FunctionType(vector, [vector] * 3)
        fused = _BUILD.get_or_insert_function(builder.module, fused_type, f"llvm.fmuladd.v{LANES}f64")

        def begin(quantity: int, half: int) -> Any:  # noqa: ANN401
            index = builder.add(builder.mul(stride, ir.Constant(integer, quantity)), lane)
            index = builder.add(index, ir.Constant(integer, half * LANES))
            return builder.load(_vector_at(builder, source.data, index), align=8)

        def slot(value: Any) -> Any:  # noqa: ANN401
            place = _BUILD.alloca_once(builder, vector)
            builder.store(value, place)
            return place

        halves = range(TILE // LANES)
        shrink = [builder.fneg(begin(4, half)) for half in halves]
        sides = [[(slot(begin(2 * side, half)), slot(begin(2 * side + 1, half))) for half in halves] for side in (0, 1)]
        with _BUILD.for_range(builder, steps) as loop:
            left = builder.sub(builder.sub(row, ir.Constant(integer, 1)), loop.index)
            for at, walkers in zip((builder.add(row, loop.index), left), sides, strict=True):
                place = _vector_at(builder, target.data, builder.mul(at, ir.Constant(integer, LANES)))
                values = [builder.load(value) for value, _ in walkers]
                total = builder.fadd(values[0], values[1])
                builder.store(builder.fadd(builder.load(place, align=8), total), place, align=8)
                for (value_slot, ratio_slot), value, less in zip(walkers, values, shrink, strict=True):
                    ratio = builder.load(ratio_slot)
                    builder.store(builder.fmul(value, ratio), value_slot)
                    builder.store(builder.call(fused, [ratio, less, ratio]), ratio_slot)
        return context.get_dummy_value()

    return types.none(state, first, sums, row, steps), code


@intrinsic
def _lane_sums_intrinsic(typing_context: Any, terms: Any, count: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Add terms[q, 8 i + lane], i < count / 8, to terms[q, BLOCK + lane] for both rows q."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        integer = ir.IntType(64)
        stride = builder.extract_value(array.shape, 1)
        rows = [builder.mul(stride, ir.Constant(integer, row)) for row in (0, 1)]
        places = [_vector_at(builder, array.data, builder.add(row, ir.Constant(integer, BLOCK))) for row in rows]
        totals = [_BUILD.alloca_once_value(builder, builder.load(place, align=8)) for place in places]
        with _BUILD.for_range(builder, builder.sdiv(arguments[1], ir.Constant(integer, LANES))) as loop:
            for row, total in zip(rows, totals, strict=True):
                index = builder.add(row, builder.mul(loop.index, ir.Constant(integer, LANES)))
                term = builder.load(_vector_at(builder, array.data, index), align=8)
                builder.store(builder.fadd(builder.load(total), term), total)
        for place, total in zip(places, totals, strict=True):
            builder.store(builder.load(total), place, align=8)
        return context.get_dummy_value()

    return types.none(terms, count), code


@intrinsic
def _tile_extent_intrinsic(typing_context: Any, shapes: Any, first: Any, widths: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """(least peak - widths x width, greatest peak + widths x width, least width) of sixteen contracts."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        vector, integer = ir.VectorType(ir.DoubleType(), LANES), ir.IntType(64)
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        stride = builder.extract_value(array.shape, 1)
        nothing = ir.Constant(vector, ir.Undefined)
        spread = builder.insert_element(nothing, arguments[2], ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        spread = builder.shuffle_vector(spread, nothing, everywhere)

        def call(name: str, kind: Any, *values: Any) -> Any:  # noqa: ANN401
            shape = ir.FunctionType(kind, [vector] * len(values))
            return builder.call(_BUILD.get_or_insert_function(builder.module, shape, f"{name}.v{LANES}f64"), values)

        lows, highs, widths = [], [], []
        for half in range(TILE // LANES):
            index = builder.add(arguments[1], ir.Constant(integer, half * LANES))
            middle = builder.load(_vector_at(builder, array.data, index), align=8)
            width = builder.load(_vector_at(builder, array.data, builder.add(index, stride)), align=8)
            far = builder.fmul(spread, width)
            lows.append(builder.fsub(middle, far))
            highs.append(builder.fadd(middle, far))
            widths.append(width)
        real = ir.DoubleType()
        found = [
            call("llvm.vector.reduce.fmin", real, call("llvm.minnum", vector, *lows)),
            call("llvm.vector.reduce.fmax", real, call("llvm.maxnum", vector, *highs)),
            call("llvm.vector.reduce.fmin", real, call("llvm.minnum", vector, *widths)),
        ]
        return context.make_tuple(builder, signature.return_type, found)

    return _TYPES.UniTuple(types.float64, 3)(shapes, first, widths), code


_tile_extent = cast("Callable[[Float64Array2D, int, float], tuple[float, float, float]]", _tile_extent_intrinsic)
_lane_sums = cast("Callable[[Float64Array2D, int], None]", _lane_sums_intrinsic)
_walk = cast("Callable[[Float64Array2D, int, Float64Array2D, int, int], None]", _walk_intrinsic)


@numba.njit(cache=True, error_model="numpy")
def space_size(contracts: int, rows: int) -> int:
    """How many float64 ``cut_space`` needs for so many contracts and points of the finest grid."""
    return 12 * (contracts + SPARE) + 10 * _JOBS * TILE + LANES * (rows + 1) + 8 * rows + 2 * (BLOCK + LANES)


@numba.njit(cache=True, error_model="numpy")
def cut_space(workspace: Float64Array1D, contracts: int, rows: int) -> Space:
    """Cut scratch from an array of at least ``space_size`` float64, whatever it holds."""
    columns, lanes = contracts + SPARE, _JOBS * TILE
    a, b, c = 4 * columns, 8 * columns, 12 * columns
    d = c + 10 * lanes
    e = d + LANES * (rows + 1)
    f, g = e + 4 * rows, e + 8 * rows
    return Space(
        workspace[:a].reshape((4, columns)),
        workspace[a:b].reshape((4, columns)),
        workspace[b:c].reshape((4, columns)),
        workspace[c:d].reshape((10, lanes)),
        workspace[d:e].reshape((rows + 1, LANES)),
        workspace[e:f].reshape((4, rows)),
        workspace[f:g].reshape((4, rows)),
        workspace[g : g + 2 * (BLOCK + LANES)].reshape((2, BLOCK + LANES)),
    )


@numba.njit(cache=True, error_model="numpy")
def gather(
    contracts: Contracts,
    reach: float,
    limit: float,
    longs: Float64Array2D,
    shorts: Float64Array2D,
    narrow: Float64Array2D,
) -> Counts:
    """The contracts as Gaussians in x = ln(S'/S).

    A contract with shares 0 or NaN, with a total volatility that is not positive, or that is zero all over the range
    counts as none.

    Parameters
    ----------
    contracts : (n,) sorted by series.
    reach : the range is [-reach, reach] in x.
    limit : a contract of smaller width is narrow.
    longs, shorts, narrow : (4, n + SPARE) shapes to fill, in the contracts' order.
    """
    log_moneyness, implied_vol, all_shares = contracts.log_moneyness, contracts.implied_vol, contracts.shares
    start = contracts.series_start
    long, short, thin = 0, 0, 0
    scale, largest = 0.0, 0.0
    for g in range(start.size - 1):
        carry = contracts.log_carry[g]
        unit = contracts.yield_discount[g] * INV_SQRT_2PI
        root = contracts.sqrt_years[g]
        for i in range(start[g] - start[0], start[g + 1] - start[0]):
            shares, width = all_shares[i], implied_vol[i] * root
            if not (width > 0.0 and abs(shares) > 0.0):
                continue
            peak = log_moneyness[i] - carry - 0.5 * width * width
            if not abs(peak) - reach < GAUSS_LIMIT * width:
                continue
            slope = 1.0 / width
            height = shares * unit * slope
            if abs(height) > largest:
                largest = abs(height)
            if abs(height) > scale and width >= limit and abs(peak) <= reach:
                scale = abs(height)
            if width < limit:
                _put(narrow, thin, peak, width, slope, height)
                thin += 1
            elif height > 0.0:
                _put(longs, long, peak, width, slope, height)
                long += 1
            else:
                _put(shorts, short, peak, width, slope, height)
                short += 1
    close_shapes(longs, long)
    close_shapes(shorts, short)
    close_shapes(narrow, thin)
    return Counts(long, short, thin, scale, largest)


@numba.njit(cache=True, error_model="numpy")
def close_shapes(shapes: Float64Array2D, last: int) -> None:
    """Empty the tile behind the last contract, into which vectors run on."""
    for row in range(4):
        for column in range(last, last + TILE):
            shapes[row, column] = 0.0


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _put(shapes: Float64Array2D, column: int, peak: float, width: float, slope: float, height: float) -> None:
    shapes[PEAK, column] = peak
    shapes[WIDTH, column] = width
    shapes[SLOPE, column] = slope
    shapes[HEIGHT, column] = height


@numba.njit(cache=True, error_model="numpy")
def widths_that_matter(
    counts: Counts, longs: Float64Array2D, shorts: Float64Array2D, narrow: Float64Array2D, reach: float
) -> float:
    """How far from its peak the largest term still matters, in widths; 0 where nothing does."""
    scale = counts.scale
    if scale == 0.0:  # no such peak: the largest value inside is the scale
        scale = max(_largest_tail(longs, counts.longs, reach), _largest_tail(shorts, counts.shorts, reach))
        scale = max(scale, _largest_tail(narrow, counts.narrows, reach))
    if scale == 0.0:
        return 0.0
    return min(math.sqrt(2.0 * (math.log(counts.largest / scale) - math.log(NEGLIGIBLE_TERM))), GAUSS_LIMIT)


@numba.njit(cache=True, error_model="numpy")
def _largest_tail(shapes: Float64Array2D, count: int, reach: float) -> float:
    largest = 0.0
    for i in range(count):
        z = max(abs(shapes[PEAK, i]) - reach, 0.0) * shapes[SLOPE, i]
        largest = max(largest, abs(shapes[HEIGHT, i]) * exp_lane(-0.5 * z * z))
    return largest


@numba.njit(cache=True, error_model="numpy")
def add_on_grid(
    shapes: Float64Array2D,
    first: int,
    last: int,
    grid: Grid,
    widths: float,
    sums: Float64Array2D,
    walks: Float64Array2D,
) -> None:
    """Add the Gaussians of columns [first, last) to the points of a grid.

    Parameters
    ----------
    shapes : (4, n); contracts whose neighbours have like peaks and widths, as in a sorted chain, go fastest. The tile
        behind the last one is empty (``close_shapes``).
    grid : the points.
    widths : how far from its peak a term matters.
    sums : (rows + 1, 8) to add to; ``fold`` joins the lanes.
    walks : scratch.
    """
    waiting, large = 0, False
    for tile in range(first, last, TILE):
        count = min(TILE, last - tile)
        low, high, narrowest = _rows_that_matter(shapes, tile, count, grid, widths)
        if grid.step > _DIRECT * narrowest:
            _add_each(shapes, tile, count, grid, widths, sums)
            continue
        longest = min(MAX_STEPS, int(_LONGEST_WALK * narrowest / grid.step))
        large = large or grid.step > _LARGE * narrowest
        while low <= high:
            steps = min((high - low + 2) // 2, longest)
            _prepare(shapes, tile, grid.start + (low + steps) * grid.step, grid.step, walks, waiting * TILE)
            walks[ROW, waiting] = low + steps
            walks[STEPS, waiting] = steps
            low += 2 * steps
            waiting += 1
            if waiting == _JOBS:
                _run(walks, waiting, large, sums)
                waiting, large = 0, grid.step > _LARGE * narrowest
    _run(walks, waiting, large, sums)


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _rows_that_matter(
    shapes: Float64Array2D, first: int, count: int, grid: Grid, widths: float
) -> tuple[int, int, float]:
    """First and last row at which any of the contracts matters, and the least width."""
    if count == TILE:
        low, high, narrowest = _tile_extent(shapes, first, widths)
    else:
        low, high, narrowest = math.inf, -math.inf, math.inf
        for i in range(first, first + count):
            low = min(low, shapes[PEAK, i] - widths * shapes[WIDTH, i])
            high = max(high, shapes[PEAK, i] + widths * shapes[WIDTH, i])
            narrowest = min(narrowest, shapes[WIDTH, i])
    per_step = 1.0 / grid.step
    bottom = math.ceil(min(max((low - grid.start) * per_step, 0.0), float(grid.rows)))
    top = math.floor(max(min((high - grid.start) * per_step, grid.rows - 1.0), -1.0))
    return int(bottom), int(top), narrowest


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _prepare(shapes: Float64Array2D, first: int, middle: float, step: float, walks: Float64Array2D, lane: int) -> None:
    """Put a tile's contracts in their lanes."""
    for k in range(TILE):
        slope = shapes[SLOPE, first + k]
        walks[Z, lane + k] = (middle - shapes[PEAK, first + k]) * slope
        walks[D, lane + k] = step * slope
        walks[START, lane + k] = shapes[HEIGHT, first + k]


@numba.njit(cache=True, error_model="numpy")
def _run(walks: Float64Array2D, count: int, large: bool, sums: Float64Array2D) -> None:
    """Start the prepared walks, all lanes together, and walk them."""
    n = count * TILE
    value, right, value_left, left, q = walks[0, :n], walks[1, :n], walks[2, :n], walks[3, :n], walks[4, :n]
    _start(walks[Z, :n], walks[D, :n], walks[START, :n], value, right, value_left, left, q)
    if large:
        _start_large(walks[D, :n], value, right, value_left, left, q)
    for job in range(count):
        _walk(walks, job * TILE, sums, int(walks[ROW, job]), int(walks[STEPS, job]))


@numba.njit(cache=True, error_model="numpy")
def _start(
    z: Float64Array1D,
    d: Float64Array1D,
    height: Float64Array1D,
    value: Float64Array1D,
    right: Float64Array1D,
    value_left: Float64Array1D,
    left: Float64Array1D,
    q: Float64Array1D,
) -> None:
    """State of walks with steps up to ``_LARGE`` widths, and all but q of the others."""
    use_vector_lanes()
    for i in range(z.size):
        far = abs(z[i]) >= GAUSS_LIMIT
        a = GAUSS_LIMIT if far else abs(z[i])
        here = 0.0 if far else height[i] * gauss_lane(a)
        ratio = exp_lane(-fused(0.5, d[i], -a if z[i] < 0.0 else a) * d[i])
        lost = _loss(d[i] * d[i])
        back = (1.0 - lost) / ratio  # the ratios to both sides of a point multiply to 1 - q
        value[i] = here
        right[i] = ratio
        value_left[i] = here * back
        left[i] = fused(back, -lost, back)
        q[i] = lost


@numba.njit(cache=True, error_model="numpy")
def _start_large(
    d: Float64Array1D,
    value: Float64Array1D,
    right: Float64Array1D,
    value_left: Float64Array1D,
    left: Float64Array1D,
    q: Float64Array1D,
) -> None:
    """What hangs on q, where steps are too long for its series."""
    use_vector_lanes()
    for i in range(d.size):
        kept = exp_lane(-d[i] * d[i])
        back = kept / right[i]
        large = d[i] > _LARGE
        value_left[i] = value[i] * back if large else value_left[i]
        left[i] = back * kept if large else left[i]
        q[i] = 1.0 - kept if large else q[i]


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _loss(y: float) -> float:
    """1 - e^{-y} for small y, without cancellation: y - y^2/2! + y^3/3! - ..."""
    p = fused(-y, 1.0 / 40320.0, 1.0 / 5040.0)
    p = fused(-y, p, 1.0 / 720.0)
    p = fused(-y, p, 1.0 / 120.0)
    p = fused(-y, p, 1.0 / 24.0)
    p = fused(-y, p, 1.0 / 6.0)
    p = fused(-y, p, 0.5)
    return fused(-y * y, p, y)


@numba.njit(cache=True, error_model="numpy")
def _add_each(shapes: Float64Array2D, first: int, count: int, grid: Grid, widths: float, sums: Float64Array2D) -> None:
    """Contracts narrower than the grid's step: an exponential a point."""
    for i in range(first, first + count):
        low, high, _ = _rows_that_matter(shapes, i, 1, grid, widths)
        for row in range(low, high + 1):
            z = (grid.start + row * grid.step - shapes[PEAK, i]) * shapes[SLOPE, i]
            sums[row, 0] += shapes[HEIGHT, i] * exp_lane(-0.5 * z * z)


@numba.njit(cache=True, error_model="numpy")
def fold(sums: Float64Array2D, sign: float, net: Float64Array1D, gross: Float64Array1D) -> None:
    """Add the lanes of each row to (rows,) ``net``, and ``sign`` times that to ``gross``; empty them for the next."""
    for row in range(net.size):
        total = _lane_total(sums[row])
        net[row] += total
        gross[row] += sign * total
    sums[: net.size + 1] = 0.0


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _lane_total(s: Float64Array1D) -> float:
    return float(((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7])))


@numba.njit(cache=True, error_model="numpy")
def value_and_slope(
    counts: Counts,
    longs: Float64Array2D,
    shorts: Float64Array2D,
    narrow: Float64Array2D,
    x: float,
    terms: Float64Array2D,
) -> tuple[float, float]:
    """The whole sum and its derivative in x at one point, each term by its own exponential.

    Parameters
    ----------
    counts, longs, shorts, narrow : contracts, as gathered.
    x : the point.
    terms : (2, BLOCK + 8) scratch.
    """
    value, slope = _total_terms(longs, counts.longs, x, terms)
    less, slope_less = _total_terms(shorts, counts.shorts, x, terms)
    thin, slope_thin = _total_terms(narrow, counts.narrows, x, terms)
    return (value + less) + thin, (slope + slope_less) + slope_thin


@numba.njit(cache=True, error_model="numpy")
def _total_terms(shapes: Float64Array2D, count: int, x: float, terms: Float64Array2D) -> tuple[float, float]:
    """Value and slope of the first columns, and of the empty ones up to a whole vector."""
    if count == 0:
        return 0.0, 0.0
    terms[:, BLOCK:] = 0.0
    for a in range(0, count, BLOCK):
        n = (min(BLOCK, count - a) + LANES - 1) // LANES * LANES
        _fill_terms(x, shapes, a, n, terms[0], terms[1])
        _lane_sums(terms, n)
    return _lane_total(terms[0, BLOCK:]), _lane_total(terms[1, BLOCK:])


@numba.njit(cache=True, error_model="numpy")
def _fill_terms(
    x: float, shapes: Float64Array2D, first: int, count: int, values: Float64Array1D, slopes: Float64Array1D
) -> None:
    use_vector_lanes()
    begin = np.uint64(first)  # unsigned: no index counts from the end
    for k in range(count):
        i, j = begin + np.uint64(k), np.uint64(k)
        z = (x - shapes[PEAK, i]) * shapes[SLOPE, i]
        far = abs(z) >= GAUSS_LIMIT
        value = 0.0 if far else shapes[HEIGHT, i] * gauss_lane(GAUSS_LIMIT if far else abs(z))
        values[j] = value
        slopes[j] = -value * z * shapes[SLOPE, i]
