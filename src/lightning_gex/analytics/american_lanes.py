"""What the contracts of a block are worth under American exercise, lane by lane, from the boundaries of their series.

The search for volatilities around it stands in ``american_kernels``; the formulas are told in ``american``. Each loop
runs over few arrays, so that the processor's lanes are used.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from lightning_gex.analytics.american_boundary import (
    GRID_FIRST,
    GRID_SIZE,
    POINTS,
    PREMIUM_ROOT,
    STENCIL,
    BoundaryWorkspace,
    boundary_workspace,
    keep_boundary,
)
from lightning_gex.analytics.vector_math import INV_SQRT_2PI, exp_lane, log_lane, normal_cdf_lane, use_vector_lanes
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Float64Array2D, Int8Array1D, Int64Array1D

BLOCK = 32  # contracts solved together: their columns fit the first-level cache
LANES = 19
_LN2 = 0.6931471805599453
# Rows of ``AmericanWorkspace.lanes``.
SIGMA, PRICE, SCALE, MONEYNESS, SHARES, VALUE, SLOPE, DISTANCE, ABOVE_GAUSS, BELOW_GAUSS = range(10)
EUROPEAN, LOW, HIGH, FORWARD, ONE, YEARS, DISCOUNT, TURNED, PLACE = range(10, LANES)


class AmericanWorkspace(NamedTuple):
    """Scratch of the kernels below; ``american_scratch`` makes one, any number of series may use it in turn.

    Parameters
    ----------
    puts, calls : the boundaries of the series at hand.
    contract : (BLOCK,) the contracts of the block.
    lanes : (LANES, BLOCK) one row a quantity.
    width, turn : (POINTS, BLOCK) -ln(B/X) / (sigma sqrt tau) along each contract's boundary, and its derivative.
    row : (2, POINTS) the same of one contract.
    state : (BLOCK,) status while a block is solved; -1 where the search goes on.
    no_call : (BLOCK,) False.
    """

    puts: BoundaryWorkspace
    calls: BoundaryWorkspace
    contract: Int64Array1D
    lanes: Float64Array2D
    width: Float64Array2D
    turn: Float64Array2D
    row: Float64Array2D
    state: Int8Array1D
    no_call: BoolArray1D


@numba.njit(cache=True, error_model="numpy")
def american_scratch() -> AmericanWorkspace:
    """Room for the kernels of this module, some 60 kB; callable from compiled code."""
    return AmericanWorkspace(
        boundary_workspace(),
        boundary_workspace(),
        np.empty(BLOCK, dtype=np.int64),
        np.empty((LANES, BLOCK)),
        np.empty((POINTS, BLOCK)),
        np.empty((POINTS, BLOCK)),
        np.empty((2, POINTS)),
        np.empty(BLOCK, dtype=np.int8),
        np.zeros(BLOCK, dtype=np.bool_),
    )


@numba.njit(cache=True, error_model="numpy")
def value_lanes(count: int, with_slope: bool, space: BoundaryWorkspace, scratch: AmericanWorkspace) -> None:
    """American value, European value and (on demand) the American value's slope in the volatility, of every lane."""
    lanes, terms, place = scratch.lanes, space.terms, scratch.lanes[PLACE]
    _fill_place(lanes[SIGMA], place)
    _keep_needed(count, place, space)
    _fill_widths(count, with_slope, place, lanes[SIGMA], space.kept, scratch)
    european_lanes(terms[0], terms[1], terms[2], lanes)
    lanes[VALUE] = lanes[EUROPEAN]
    _add_premium(with_slope, math.sqrt(terms[0]), terms[3], space.points, scratch.width, scratch.turn, lanes)
    today, root_years = scratch.width[POINTS - 1], math.sqrt(terms[0])
    for c in range(count):  # beyond the boundary the option is worth what exercising it brings
        if lanes[MONEYNESS, c] <= terms[3] - today[c] * lanes[SIGMA, c] * root_years:
            lanes[VALUE, c] = 1.0 - lanes[SHARES, c]
            lanes[SLOPE, c] = 0.0


@numba.njit(cache=True, error_model="numpy")
def _fill_place(sigma: Float64Array1D, out: Float64Array1D) -> None:
    """Where each volatility lies on the grid, counted so that a whole number is the first of its stencil."""
    use_vector_lanes()
    for c in range(out.size):
        out[c] = (2.0 / _LN2) * log_lane(sigma[c]) - (GRID_FIRST + STENCIL // 2 - 1)


@numba.njit(cache=True, error_model="numpy")
def _stencil(place: float) -> int:
    """The first of the volatilities of the grid between which one is interpolated."""
    return min(max(int(place), 0), GRID_SIZE - STENCIL)


@numba.njit(cache=True, error_model="numpy")
def _keep_needed(count: int, place: Float64Array1D, space: BoundaryWorkspace) -> None:
    """Solve the boundaries that the block's volatilities need and nobody needed before."""
    first = 0
    for c in range(count):
        first |= 1 << _stencil(place[c])
    for j in range(GRID_SIZE):
        needed = False
        for back in range(min(STENCIL, j + 1)):
            needed |= (first >> (j - back)) & 1 == 1
        if needed and space.known[j] == 0.0:
            keep_boundary(j, space)


@numba.njit(cache=True, error_model="numpy")
def _fill_widths(
    count: int,
    with_slope: bool,
    place: Float64Array1D,
    sigma: Float64Array1D,
    kept: Float64Array2D,
    scratch: AmericanWorkspace,
) -> None:
    """Each lane's boundary and (on demand) its derivative in the volatility, from those of the grid."""
    row, turned, width, turn = scratch.row[0], scratch.row[1], scratch.width, scratch.turn
    for c in range(count):
        j = _stencil(place[c])
        stencil = kept[j : j + STENCIL]
        _interpolate(place[c] - j, stencil, row)
        for k in range(POINTS):
            width[k, c] = row[k]
        if with_slope:
            _interpolate_slope(place[c] - j, 2.0 / (_LN2 * sigma[c]), stencil, turned)
            for k in range(POINTS):
                turn[k, c] = turned[k]
    for k in range(POINTS):
        for c in range(count, BLOCK):
            width[k, c] = width[k, count - 1]
            turn[k, c] = turn[k, count - 1]


@numba.njit(cache=True, error_model="numpy")
def _interpolate(f: float, kept: Float64Array2D, out: Float64Array1D) -> None:
    """Lagrange's polynomial through six volatilities, at f steps behind the third."""
    use_vector_lanes()
    a, b, c, d, e, g = f + 2.0, f + 1.0, f, f - 1.0, f - 2.0, f - 3.0
    w0, w1, w2 = -b * c * d * e * g / 120.0, a * c * d * e * g / 24.0, -a * b * d * e * g / 12.0
    w3, w4, w5 = a * b * c * e * g / 12.0, -a * b * c * d * g / 24.0, a * b * c * d * e / 120.0
    for k in range(POINTS):
        low, high = w0 * kept[0, k] + w1 * kept[1, k] + w2 * kept[2, k], w3 * kept[3, k] + w4 * kept[4, k]
        out[k] = low + high + w5 * kept[5, k]


@numba.njit(cache=True, error_model="numpy")
def _interpolate_slope(f: float, per_vol: float, kept: Float64Array2D, out: Float64Array1D) -> None:
    """The derivative in the volatility of the polynomial through the inner four; it only steers Newton's steps."""
    use_vector_lanes()
    v1, v2 = -per_vol * (3.0 * f * f - 6.0 * f + 2.0) / 6.0, per_vol * (3.0 * f * f - 4.0 * f - 1.0) / 2.0
    v3, v4 = -per_vol * (3.0 * f * f - 2.0 * f - 2.0) / 2.0, per_vol * (3.0 * f * f - 1.0) / 6.0
    for k in range(POINTS):
        out[k] = v1 * kept[1, k] + v2 * kept[2, k] + v3 * kept[3, k] + v4 * kept[4, k]


@numba.njit(cache=True, error_model="numpy")
def _add_premium(
    with_slope: bool,
    root_years: float,
    log_x: float,
    points: Float64Array2D,
    width: Float64Array2D,
    turn: Float64Array2D,
    lanes: Float64Array2D,
) -> None:
    """Add the premium's integral to the value, and its derivative in the volatility to the slope."""
    moneyness, sigma, shares, value, slope = (
        lanes[MONEYNESS],
        lanes[SIGMA],
        lanes[SHARES],
        lanes[VALUE],
        lanes[SLOPE],
    )
    distance, above, below, turned = lanes[DISTANCE], lanes[ABOVE_GAUSS], lanes[BELOW_GAUSS], lanes[TURNED]
    for k in range(POINTS - 1):
        root, rate_weight, yield_weight = points[0, k], points[2, k], points[3, k]
        edge = root_years * PREMIUM_ROOT[k]
        _fill_distance(moneyness, sigma, width[k], edge, points[1, k] - log_x, root, distance)
        _fill_gauss(distance, sigma, root, below)
        _fill_gauss(distance, sigma, 0.0, above)
        if rate_weight != 0.0:
            _add_interest(distance, sigma, below, root, rate_weight, value)
        if yield_weight != 0.0:
            _add_dividends(distance, above, shares, yield_weight, value)
        if with_slope:
            _fill_turned(distance, sigma, width[k], turn[k], edge, root, turned)
            _add_slope(below, above, shares, turned, root, rate_weight, yield_weight, slope)


@numba.njit(cache=True, error_model="numpy")
def european_lanes(T: float, r: float, q: float, lanes: Float64Array2D) -> None:
    """The European put of every lane, and its vega as the first part of the slope."""
    sigma, shares, distance = lanes[SIGMA], lanes[SHARES], lanes[DISTANCE]
    above, below, european = lanes[ABOVE_GAUSS], lanes[BELOW_GAUSS], lanes[EUROPEAN]
    root = math.sqrt(T)
    kept, held = math.exp(-q * T), math.exp(-r * T)
    _fill_distance(lanes[MONEYNESS], sigma, sigma, 0.0, (r - q) * T, root, distance)
    _fill_gauss(distance, sigma, 0.0, above)
    _fill_gauss(distance, sigma, root, below)
    european[:] = 0.0
    _add_interest(distance, sigma, below, root, held, european)
    _add_dividends(distance, above, shares, kept, european)
    _fill_vega(above, shares, kept * root, lanes[SLOPE])


@numba.njit(cache=True, error_model="numpy")
def _fill_distance(
    moneyness: Float64Array1D,
    sigma: Float64Array1D,
    width: Float64Array1D,
    edge: float,
    carry: float,
    root: float,
    out: Float64Array1D,
) -> None:
    """d+ between the share now and the boundary then."""
    use_vector_lanes()
    for c in range(out.size):
        spread = sigma[c] * root
        out[c] = (moneyness[c] + width[c] * sigma[c] * edge + carry) / spread + 0.5 * spread


@numba.njit(cache=True, error_model="numpy")
def _fill_gauss(d: Float64Array1D, sigma: Float64Array1D, shift: float, out: Float64Array1D) -> None:
    """e^{-(d - sigma shift)^2 / 2}."""
    use_vector_lanes()
    for c in range(out.size):
        at = d[c] - sigma[c] * shift
        out[c] = exp_lane(-0.5 * at * at)


@numba.njit(cache=True, error_model="numpy")
def _add_interest(
    d: Float64Array1D, sigma: Float64Array1D, gauss: Float64Array1D, root: float, weight: float, out: Float64Array1D
) -> None:
    """weight N(-d-): what the strike earns once it is paid."""
    use_vector_lanes()
    for c in range(out.size):
        out[c] += weight * normal_cdf_lane(sigma[c] * root - d[c], gauss[c])


@numba.njit(cache=True, error_model="numpy")
def _add_dividends(
    d: Float64Array1D, gauss: Float64Array1D, shares: Float64Array1D, weight: float, out: Float64Array1D
) -> None:
    """- weight S N(-d+): what the share would have earned."""
    use_vector_lanes()
    for c in range(out.size):
        out[c] -= weight * shares[c] * normal_cdf_lane(-d[c], gauss[c])


@numba.njit(cache=True, error_model="numpy")
def _fill_vega(gauss: Float64Array1D, shares: Float64Array1D, weight: float, out: Float64Array1D) -> None:
    use_vector_lanes()
    for c in range(out.size):
        out[c] = weight * shares[c] * INV_SQRT_2PI * gauss[c]


@numba.njit(cache=True, error_model="numpy")
def _fill_turned(
    d: Float64Array1D,
    sigma: Float64Array1D,
    width: Float64Array1D,
    turn: Float64Array1D,
    edge: float,
    root: float,
    out: Float64Array1D,
) -> None:
    """The derivative of d+ in the volatility; the boundary moves with it."""
    use_vector_lanes()
    for c in range(out.size):
        out[c] = ((width[c] / sigma[c] + turn[c]) * edge / root - d[c] / sigma[c]) + root


@numba.njit(cache=True, error_model="numpy")
def _add_slope(
    below: Float64Array1D,
    above: Float64Array1D,
    shares: Float64Array1D,
    turned: Float64Array1D,
    root: float,
    rate_weight: float,
    yield_weight: float,
    out: Float64Array1D,
) -> None:
    use_vector_lanes()
    for c in range(out.size):
        interest = rate_weight * below[c] * (turned[c] - root)
        dividends = yield_weight * shares[c] * above[c] * turned[c]
        out[c] += INV_SQRT_2PI * (dividends - interest)
