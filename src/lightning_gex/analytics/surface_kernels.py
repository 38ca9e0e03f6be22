"""Gamma and delta of many contracts at many spots, compiled.

A contract's shares of delta are w N(z) and its S' gamma is the derivative of that in x = ln(S'/S), a Gaussian. Where
the Gaussians are wide, their sum is taken on an even grid by walking (``gaussian_sums``), integrated point to point
by the polynomial through sixteen neighbours, and both sums are interpolated with the same stencil. Contracts narrower
than ``SMOOTH`` steps of the grid are priced at every spot, except where N(z) is 0 or 1.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from lightning_gex.analytics.gaussian_sums import (
    HEIGHT,
    PEAK,
    WIDTH,
    Contracts,
    Grid,
    add_on_grid,
    cut_space,
    fold,
    gather,
    space_size,
    widths_that_matter,
)
from lightning_gex.analytics.vector_math import (
    GAUSS_LIMIT,
    INV_SQRT_2PI,
    LANES,
    SQRT_2PI,
    gauss_lane,
    mills_lane,
    use_vector_lanes,
)
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Float64Array2D

INTERVALS = 128  # of the grid between the lowest and the highest spot; with margins one walk serves it
#: Grid steps that a width must hold: the polynomial through sixteen points then errs by 2e-12 of the peak.
SMOOTH = 6.0
FEWEST = 48  # spots; fewer are cheaper one by one
_HALF = 8  # points of the stencil to each side of an interval
_MARGIN = 2 * _HALF  # points beyond both ends: half for interpolation, as many for integration there
_ROWS = INTERVALS + 1 + 2 * _MARGIN
_SATURATED = 8.5  # |z| beyond which N(z) is 0 or 1 to the last digit that a sum of contracts keeps


def _interval_weights() -> Float64Array1D:
    """(16,) weights of the values at -7 .. 8 in the integral from 0 to 1 of the polynomial through them."""
    nodes = np.arange(1 - _HALF, _HALF + 1)
    at, weight = np.polynomial.legendre.leggauss(_HALF)  # exact to the polynomial's degree
    t = 0.5 * (at + 1.0)
    basis = [np.prod([(t - other) / (node - other) for other in nodes if other != node], axis=0) for node in nodes]
    return np.array([0.5 * float(np.sum(weight * values)) for values in basis])


_INTEGRAL = _interval_weights()
#: Barycentric weights of sixteen even points: (-1)^k (15 choose k).
_BARYCENTRIC = np.array([(-1.0) ** k * math.comb(2 * _HALF - 1, k) for k in range(2 * _HALF)])


@numba.njit(cache=True, error_model="numpy")
def cells_workspace_size(contracts: int) -> int:
    """How many float64 of scratch ``cells_kernel`` needs."""
    return space_size(contracts, _ROWS) + _ROWS


@numba.njit(cache=True, error_model="numpy")
def cells_kernel(
    x: Float64Array1D,
    log_moneyness: Float64Array1D,
    implied_vol: Float64Array1D,
    held: Float64Array1D,
    root: Float64Array1D,
    carry: Float64Array1D,
    discount: Float64Array1D,
    workspace: Float64Array1D,
    gamma: Float64Array1D,
    delta: Float64Array1D,
) -> None:
    """S' gamma, and the shares of delta as if every contract were a call, of contracts at rising spots.

    Parameters
    ----------
    x : (m,) ln(S'/S), rising, m a multiple of ``LANES``.
    log_moneyness, implied_vol, held : (n,) ln(K/S), annualised fraction, signed shares; 0 where there is no contract.
    root, carry, discount : (n,) sqrt T, (r - q) T, e^{-qT}.
    workspace : at least ``cells_workspace_size(n)`` float64.
    gamma, delta : (m,) filled.
    """
    n = held.size
    middle, reach = 0.5 * (x[0] + x[-1]), 0.5 * (x[-1] - x[0])
    step = 2.0 * reach / INTERVALS
    longs, shorts, narrow, walks, sums, net, gross, _ = cut_space(workspace, n, _ROWS)
    shares = workspace[space_size(n, _ROWS) : space_size(n, _ROWS) + _ROWS]
    contracts = Contracts(log_moneyness, implied_vol, held, np.arange(n + 1), root, carry + middle, discount)
    limit = SMOOTH * step if x.size >= FEWEST and step > 0.0 else math.inf
    counts = gather(contracts, reach + _MARGIN * step, limit, longs, shorts, narrow)
    grid = Grid(-reach - _MARGIN * step, step, _ROWS)
    gamma[:] = 0.0
    everything = _delta_at(middle, log_moneyness, implied_vol, held, root, carry, discount)
    delta[:] = everything - _narrow_delta(narrow, counts.narrows)
    widths = widths_that_matter(counts, longs, shorts, narrow, -grid.start)
    if counts.longs + counts.shorts > 0 and widths > 0.0:
        sums[:] = 0.0
        net[0] = 0.0
        add_on_grid(longs, 0, counts.longs, grid, widths, sums, walks)
        add_on_grid(shorts, 0, counts.shorts, grid, widths, sums, walks)
        fold(sums, 1.0, net[0], gross[0])
        _integrate(net[0], step, shares)
        _interpolate(x, middle, grid, net[0], shares, gamma, delta)
    columns = (narrow[PEAK, : counts.narrows], narrow[WIDTH, : counts.narrows], narrow[HEIGHT, : counts.narrows])
    _add_narrow(x, middle, columns[0], columns[1], columns[2], gamma, delta)


@numba.njit(cache=True, error_model="numpy")
def _delta_at(
    x: float,
    log_moneyness: Float64Array1D,
    implied_vol: Float64Array1D,
    held: Float64Array1D,
    root: Float64Array1D,
    carry: Float64Array1D,
    discount: Float64Array1D,
) -> float:
    """Shares of delta at one spot as if every contract were a call."""
    delta = np.empty(held.size)
    width = np.empty(held.size)
    ahead = np.empty(held.size)
    call = np.empty(held.size, dtype=np.bool_)
    for i in range(held.size):
        width[i], ahead[i], call[i] = implied_vol[i] * root[i], x + carry[i] - log_moneyness[i], True
    delta_kernel(ahead, width, discount, call, delta)
    total = 0.0
    for i in range(held.size):
        total += held[i] * delta[i] if held[i] != 0.0 else 0.0
    return total


@numba.njit(cache=True, error_model="numpy")
def delta_kernel(
    log_forward: Float64Array1D,
    width: Float64Array1D,
    discount: Float64Array1D,
    call: BoolArray1D,
    out: Float64Array1D,
) -> None:
    """(n,) e^{-qT} N(d1), less e^{-qT} for puts; ``log_forward`` is ln(F/K), ``width`` sigma sqrt T.

    Without any width the sign of ``log_forward`` decides, and at the money half.
    """
    use_vector_lanes()
    for i in range(out.size):
        d1 = log_forward[i] / width[i] + 0.5 * width[i]
        d1 = d1 if d1 == d1 else 0.0
        far = abs(d1) >= GAUSS_LIMIT
        a = GAUSS_LIMIT if far else abs(d1)
        tail = 0.0 if far else gauss_lane(a) * INV_SQRT_2PI * mills_lane(a)
        side = 1.0 - tail if (d1 > 0.0) == call[i] else tail
        out[i] = discount[i] * (side if call[i] else -side)


@numba.njit(cache=True, error_model="numpy")
def _narrow_delta(narrow: Float64Array2D, count: int) -> float:
    """What the narrow contracts hold of delta in the middle; they are added at every spot instead."""
    width, ahead, weight, delta = np.empty(count), np.empty(count), np.empty(count), np.empty(count)
    call = np.empty(count, dtype=np.bool_)
    for i in range(count):
        width[i], weight[i], call[i] = narrow[WIDTH, i], narrow[HEIGHT, i] * narrow[WIDTH, i] * SQRT_2PI, True
        ahead[i] = -narrow[PEAK, i] - 0.5 * width[i] * width[i]
    delta_kernel(ahead, width, weight, call, delta)
    return float(delta.sum())


@numba.njit(cache=True, error_model="numpy")
def _integrate(values: Float64Array1D, step: float, out: Float64Array1D) -> None:
    """Integral of the sum from the grid's middle to every point that the stencil reaches."""
    centre = values.size // 2
    out[centre] = 0.0
    for i in range(centre, values.size - _HALF):
        out[i + 1] = out[i] + step * _interval(values, i)
    for i in range(centre - 1, _HALF - 2, -1):
        out[i] = out[i + 1] - step * _interval(values, i)


@numba.njit(cache=True, error_model="numpy")
def _interval(values: Float64Array1D, i: int) -> float:
    total = 0.0
    for k in range(2 * _HALF):
        total += _INTEGRAL[k] * values[i + 1 - _HALF + k]
    return total


@numba.njit(cache=True, error_model="numpy")
def _interpolate(
    x: Float64Array1D,
    middle: float,
    grid: Grid,
    values: Float64Array1D,
    integrals: Float64Array1D,
    gamma: Float64Array1D,
    delta: Float64Array1D,
) -> None:
    """Add both sums at each spot, by the barycentric form of the polynomial through sixteen neighbours."""
    for j in range(x.size):
        place = (x[j] - middle - grid.start) / grid.step
        first = min(max(int(place), _MARGIN), grid.rows - 2 - _MARGIN) + 1 - _HALF
        above, below, total = 0.0, 0.0, 0.0
        for k in range(2 * _HALF):
            off = place - (first + k)
            if off == 0.0:
                above, below, total = values[first + k], integrals[first + k], 1.0
                break
            share = _BARYCENTRIC[k] / off
            above += share * values[first + k]
            below += share * integrals[first + k]
            total += share
        gamma[j] += above / total
        delta[j] += below / total


@numba.njit(cache=True, error_model="numpy")
def _add_narrow(
    x: Float64Array1D,
    middle: float,
    peak: Float64Array1D,
    width: Float64Array1D,
    height: Float64Array1D,
    gamma: Float64Array1D,
    delta: Float64Array1D,
) -> None:
    """Add contracts spot by spot where N(z) is neither 0 nor 1; where it is 1, the whole weight."""
    use_vector_lanes()
    low, high = 0, 0
    for i in range(peak.size):
        top, slope = peak[i] + middle, 1.0 / width[i]
        weight = height[i] * width[i] * SQRT_2PI
        low, high = _span(x, top, _SATURATED * width[i], low, high)
        for base in range(low, high, LANES):
            for lane in range(LANES):
                j = np.uint64(base) + np.uint64(lane)
                z = (x[j] - top) * slope
                far = abs(z) >= GAUSS_LIMIT
                a = GAUSS_LIMIT if far else abs(z)
                gauss = 0.0 if far else gauss_lane(a)
                tail = gauss * INV_SQRT_2PI * mills_lane(a)
                gamma[j] += height[i] * gauss
                delta[j] += weight * (1.0 - tail if z > 0.0 else tail)
        for beyond in range(high, x.size):
            delta[beyond] += weight


@numba.njit(cache=True, forceinline=True, error_model="numpy")
def _span(x: Float64Array1D, middle: float, reach: float, low: int, high: int) -> tuple[int, int]:
    """Whole vectors of rising x that hold every point within reach of the middle; a guess of both ends is given."""
    while low > 0 and x[low - 1] >= middle - reach:
        low -= LANES
    while low < x.size and x[low + LANES - 1] < middle - reach:
        low += LANES
    high = max(high, low)
    while high < x.size and x[high] <= middle + reach:
        high += LANES
    while high > low and x[high - LANES] > middle + reach:
        high -= LANES
    return low, high
