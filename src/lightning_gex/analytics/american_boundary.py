"""Where exercising an American option now is worth as much as keeping it: the boundary, compiled.

Everything is a put on a share that costs its strike's multiple b, strike 1: an American call is the put with spot and
strike, rate and dividend yield exchanged (McDonald & Schroder, J. Comput. Finance 1 (1998) 5-13). With tau years left
the owner exercises below b(tau). The boundary starts at X = min(1, r/q), falls with tau, and solves b = N / D, either

    N = e^{-r tau} N(d-(tau, b)) + r int_0^tau e^{-ru} N(d-(u, b(tau) / b(tau - u))) du
    D = e^{-q tau} N(d+(tau, b)) + q int_0^tau e^{-qu} N(d+(u, b(tau) / b(tau - u))) du
    d+-(u, z) = [ln z + (r - q) u] / (sigma sqrt u) +- sigma sqrt u / 2

(the option at the boundary is worth 1 - b) or the same with densities added to both, from its slope of -1 there. The
unknowns are ln(b/X)^2 at Chebyshev points of sqrt tau; the equation is iterated. The equation of densities converges
several times faster but not where the carry is large against the volatility; there the first is used.

Sources: Kim, Rev. Financial Studies 3 (1990) 547-572 (the equation); Andersen, Lake & Offengenden, J. Comput. Finance
20(1) (2016) 39-87 (the two fixed points, the transformed unknown, collocation); Barone-Adesi & Whaley, J. Finance 42
(1987) 301-320, from Bjerksund & Stensland's trigger, Scand. J. Management 9 (1993) 87-99 (where the iteration starts).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from lightning_gex.analytics.vector_math import INV_SQRT_2PI, exp_lane, log_lane, normal_cdf_lane, use_vector_lanes
from lightning_gex.core.units import Float64Array1D, Float64Array2D

NODES = 8  # Chebyshev points of the boundary, the known end at expiry not counted
STEPS = 16  # Gauss-Legendre points of each integral in the equation
POINTS = 16  # points at which the boundary is kept: those of the premium's integral, and today
GRID_FIRST, GRID_SIZE = -16, 25  # volatilities 2^(j/2), j = -16 .. 8: 0.4 % to 1600 %
STENCIL = 6  # volatilities between which the boundary is interpolated
LEAST_VOL, LARGEST_VOL = 2.0**-7, 2.0**2.5  # what the stencil reaches: 0.8 % and 566 % a year
_START_ROUNDS = 3  # Newton steps of the quadratic approximation that the iteration starts from
_DENSE_ROUNDS, _PLAIN_ROUNDS = 4, 10  # iterations of the equation of densities, and of the first one
_LARGE_CARRY = 0.35  # |r - q| sqrt T / sigma beyond which the equation of densities need not converge
_LOWEST_LOG = -60.0  # ln(b/X) of a boundary so low that no share gets there
_HIGHEST_LOG = -1e-12  # and of one that cannot be told from X
_TINY = 1e-290  # below it a ratio of two densities has lost its digits
_FLAT = NODES * (STEPS + 1)


def _chebyshev_matrix(at: Float64Array1D) -> Float64Array2D:
    """(NODES, len(at)) weights of the values at the nodes in the polynomial that vanishes at 0, barycentric form."""
    order = np.arange(NODES + 1)
    nodes = 0.5 * (1.0 + np.cos(np.pi * order / NODES))
    weights = np.where(order % 2 == 0, 1.0, -1.0)
    weights[[0, -1]] *= 0.5
    gap = at[:, None] - nodes
    hit = np.abs(gap) < 1e-14
    share = np.where(hit, 1.0, weights / np.where(hit, 1.0, gap))
    share = np.where(hit.any(axis=1, keepdims=True), hit.astype(np.float64), share)
    return np.ascontiguousarray((share / share.sum(axis=1, keepdims=True)).T[:NODES])


_gauss_at, _gauss_weight = np.polynomial.legendre.leggauss(STEPS)
_NODE = 0.5 * (1.0 + np.cos(np.pi * np.arange(NODES) / NODES))  # sqrt(tau / T), from 1 down
# u = tau s^2 takes the root out of the integrals; s is a Gauss point of 0 .. 1. Element f = step x NODES + node, so
# that the nodes of one step are the lanes of one vector. The last step is the end, u = tau, the equation's first term.
_STEP = np.repeat(np.append(0.5 * (1.0 + _gauss_at), 1.0), NODES)
_STEP_WEIGHT = np.repeat(np.append(0.5 * _gauss_weight, 0.0), NODES) * 2.0 * _STEP
_STEP_NODE = np.tile(_NODE, STEPS + 1)
_LATER = _chebyshev_matrix(_STEP_NODE * np.sqrt(1.0 - _STEP * _STEP))
_half, _half_weight = np.polynomial.legendre.leggauss(POINTS - 1)
_turn = 0.25 * np.pi * (1.0 + _half)
#: u / T of the premium's integral with roots taken out at both ends, u = T sin^2; the last point is today, unweighted.
PREMIUM_AT = np.append(np.sin(_turn) ** 2, 1.0)
PREMIUM_WEIGHT = np.append(0.5 * np.pi * _half_weight * np.sin(_turn) * np.cos(_turn), 0.0)
#: sqrt((T - u) / T) at those points: 1 for today.
PREMIUM_ROOT = np.append(np.cos(_turn), 1.0)
_KEPT = _chebyshev_matrix(PREMIUM_ROOT)


class BoundaryWorkspace(NamedTuple):
    """Scratch of one side (puts, or calls as mirrored puts) of one series.

    Parameters
    ----------
    terms : (4,) years, rate, dividend yield, ln X.
    root, carry, rate_weight, yield_weight : (_FLAT,) of the series at every step: the root of u, (r - q) u,
        r e^{-ru} du, q e^{-qu} du; at the ends e^{-r tau}, e^{-q tau}.
    later, distance, part : (_FLAT,) scratch.
    beta, square, top, bottom : (NODES,) ln(b/X), its square, and the equation's two sides.
    points : (4, POINTS) of the series, as ``root`` .. ``yield_weight``, at ``PREMIUM_AT``.
    kept : (GRID_SIZE, POINTS) -ln(b/X) / (sigma sqrt tau) at ``PREMIUM_ROOT`` for each volatility of the grid.
    known : (GRID_SIZE,) 1.0 where ``kept`` is filled.
    """

    terms: Float64Array1D
    root: Float64Array1D
    carry: Float64Array1D
    rate_weight: Float64Array1D
    yield_weight: Float64Array1D
    later: Float64Array1D
    distance: Float64Array1D
    part: Float64Array1D
    beta: Float64Array1D
    square: Float64Array1D
    top: Float64Array1D
    bottom: Float64Array1D
    points: Float64Array2D
    kept: Float64Array2D
    known: Float64Array1D


@numba.njit(cache=True, error_model="numpy")
def boundary_workspace() -> BoundaryWorkspace:
    """Room for one side of one series at a time."""
    return BoundaryWorkspace(
        np.full(4, np.nan),
        np.empty(_FLAT),
        np.empty(_FLAT),
        np.empty(_FLAT),
        np.empty(_FLAT),
        np.empty(_FLAT),
        np.empty(_FLAT),
        np.empty(_FLAT),
        np.empty(NODES),
        np.empty(NODES),
        np.empty(NODES),
        np.empty(NODES),
        np.empty((4, POINTS)),
        np.empty((GRID_SIZE, POINTS)),
        np.zeros(GRID_SIZE),
    )


@numba.njit(cache=True, error_model="numpy")
def start_side(years: float, rate: float, dividend_yield: float, space: BoundaryWorkspace) -> None:
    """Make the workspace that of a put with these terms; does nothing where it is already.

    The rate is positive, or 0 with a negative dividend yield: elsewhere there is no boundary, or two.
    """
    terms = space.terms
    if terms[0] == years and terms[1] == rate and terms[2] == dividend_yield:
        return
    terms[0], terms[1], terms[2] = years, rate, dividend_yield
    terms[3] = math.log(rate / dividend_yield) if dividend_yield > rate else 0.0
    space.known[:] = 0.0
    _fill_root(math.sqrt(years), space.root)
    _fill_carry(rate - dividend_yield, space.root, space.carry)
    _fill_weight(rate, years, space.root, space.rate_weight)
    _fill_weight(dividend_yield, years, space.root, space.yield_weight)
    for k in range(POINTS):
        u = years * PREMIUM_AT[k]
        space.points[0, k] = math.sqrt(u)
        space.points[1, k] = (rate - dividend_yield) * u
        space.points[2, k] = rate * exp_lane(-rate * u) * years * PREMIUM_WEIGHT[k]
        space.points[3, k] = dividend_yield * exp_lane(-dividend_yield * u) * years * PREMIUM_WEIGHT[k]


@numba.njit(cache=True, error_model="numpy")
def keep_boundary(j: int, space: BoundaryWorkspace) -> None:
    """Fill row j of ``space.kept`` where it is not yet."""
    if space.known[j] > 0.0:
        return
    years, rate, dividend_yield, log_x = space.terms[0], space.terms[1], space.terms[2], space.terms[3]
    sigma = 2.0 ** (0.5 * (j + GRID_FIRST))
    beta = space.beta
    lowest = _perpetual(sigma, rate, dividend_yield, log_x)
    _fill_trigger(sigma, years, rate - dividend_yield, lowest, beta)
    for _ in range(_START_ROUNDS):
        _quadratic_round(sigma, years, rate, dividend_yield, log_x, lowest, beta)
    dense = abs(rate - dividend_yield) * math.sqrt(years) < _LARGE_CARRY * sigma
    _iterate(dense, sigma, lowest, space)
    _fill_kept(beta, sigma * math.sqrt(years), space.kept[j])
    space.known[j] = 1.0


@numba.njit(cache=True, error_model="numpy")
def _iterate(dense: bool, sigma: float, lowest: float, space: BoundaryWorkspace) -> None:
    """Iterate the equation with densities, or that without."""
    root, carry, rate_weight, yield_weight = space.root, space.carry, space.rate_weight, space.yield_weight
    later, distance, part = space.later, space.distance, space.part
    beta, square, top, bottom, log_x = space.beta, space.square, space.top, space.bottom, space.terms[3]
    for _ in range(_DENSE_ROUNDS if dense else _PLAIN_ROUNDS):
        for i in range(NODES):
            square[i] = beta[i] * beta[i]
        _fill_later(square, log_x, later)
        _fill_distance(beta, later, carry, root, sigma, distance)
        if dense:
            _fill_density(distance, root, rate_weight, sigma, part)
            _fill_sums(part, top)
            _fill_dense(distance, root, yield_weight, sigma, part)
        else:
            _fill_plain(distance, root, rate_weight, sigma, part)
            _fill_sums(part, top)
            _fill_plain(distance, root, yield_weight, 0.0, part)
        _fill_sums(part, bottom)
        _take_ratio(top, bottom, log_x, lowest, beta)


@numba.njit(cache=True, error_model="numpy")
def _fill_kept(beta: Float64Array1D, spread: float, out: Float64Array1D) -> None:
    for k in range(out.size):
        square = 0.0
        for i in range(NODES):
            square += _KEPT[i, k] * (beta[i] * beta[i])
        out[k] = math.sqrt(max(square, 0.0)) / (spread * PREMIUM_ROOT[k])


@numba.njit(cache=True, error_model="numpy")
def _perpetual(sigma: float, r: float, q: float, log_x: float) -> float:
    """ln(b/X) of the option without end, which no boundary falls below."""
    a = (r - q) / (sigma * sigma) - 0.5
    root = math.sqrt(a * a + 2.0 * r / (sigma * sigma))
    # The negative root of the option's quadratic, written so that nothing cancels.
    gamma = -(a + root) if a > 0.0 else -2.0 * r / (sigma * sigma) / (root - a)
    if gamma >= 0.0:
        return _LOWEST_LOG
    return max(min(math.log(gamma / (gamma - 1.0)) - log_x, _HIGHEST_LOG), _LOWEST_LOG)


@numba.njit(cache=True, error_model="numpy")
def _fill_trigger(sigma: float, T: float, carry: float, lowest: float, beta: Float64Array1D) -> None:
    """Bjerksund and Stensland's trigger: of the mirrored call 1/X + (1/b_perpetual - 1/X)(1 - e^h)."""
    use_vector_lanes()
    rise = math.exp(-lowest) - 1.0
    for i in range(beta.size):
        spread = sigma * math.sqrt(T) * _NODE[i]
        reach = max(2.0 * spread - carry * T * _NODE[i] * _NODE[i], spread)
        beta[i] = max(-log_lane(1.0 + rise * (1.0 - exp_lane(-reach / rise))), lowest)


@numba.njit(cache=True, error_model="numpy")
def _quadratic_round(
    sigma: float, T: float, r: float, q: float, log_x: float, lowest: float, beta: Float64Array1D
) -> None:
    """A Newton step in ln b towards 1 - b = p(b) + (1 - e^{-q tau} N(-d1)) b / -gamma(tau)."""
    use_vector_lanes()
    a = (r - q) / (sigma * sigma) - 0.5
    for i in range(beta.size):
        tau = T * _NODE[i] * _NODE[i]
        spread = sigma * math.sqrt(T) * _NODE[i]
        held = exp_lane(-r * tau)
        yearly = r / (1.0 - held) if r * tau > 1e-6 else 1.0 / tau
        gamma = a + math.sqrt(a * a + 2.0 * yearly / (sigma * sigma))
        b = exp_lane(beta[i] + log_x)
        d1 = (beta[i] + log_x + (r - q) * tau) / spread + 0.5 * spread
        gauss1 = exp_lane(-0.5 * d1 * d1)
        d2 = d1 - spread
        shares = exp_lane(-q * tau)
        short = shares * normal_cdf_lane(-d1, gauss1)
        european = held * normal_cdf_lane(-d2, exp_lane(-0.5 * d2 * d2)) - b * short
        gap = 1.0 - b - european - (1.0 - short) * b / gamma
        slope = short - 1.0 - (1.0 - short + shares * INV_SQRT_2PI * gauss1 / spread) / gamma
        stepped = beta[i] - gap / (slope * b)
        beta[i] = min(max(stepped, lowest), _HIGHEST_LOG)


# Each loop below is a function of its own over few arrays: only then does the compiler use vector lanes.


@numba.njit(cache=True, error_model="numpy")
def _fill_root(root_years: float, out: Float64Array1D) -> None:
    use_vector_lanes()
    for f in range(out.size):
        out[f] = root_years * _STEP_NODE[f] * _STEP[f]


@numba.njit(cache=True, error_model="numpy")
def _fill_carry(yearly: float, root: Float64Array1D, out: Float64Array1D) -> None:
    use_vector_lanes()
    for f in range(out.size):
        out[f] = yearly * root[f] * root[f]


@numba.njit(cache=True, error_model="numpy")
def _fill_weight(yearly: float, years: float, root: Float64Array1D, out: Float64Array1D) -> None:
    """yearly e^{-yearly u} du, and e^{-yearly tau} at the ends."""
    use_vector_lanes()
    for f in range(out.size):
        step = yearly * years * _STEP_NODE[f] * _STEP_NODE[f] * _STEP_WEIGHT[f]
        out[f] = exp_lane(-yearly * root[f] * root[f]) * (1.0 if f >= _FLAT - NODES else step)


@numba.njit(cache=True, error_model="numpy")
def _fill_later(square: Float64Array1D, log_x: float, out: Float64Array1D) -> None:
    """ln(b(tau - u) / X) from the squares at the nodes; the strike in its place at the ends."""
    use_vector_lanes()
    for f in range(_FLAT - NODES):
        low = _LATER[0, f] * square[0] + _LATER[1, f] * square[1] + _LATER[2, f] * square[2] + _LATER[3, f] * square[3]
        high = _LATER[4, f] * square[4] + _LATER[5, f] * square[5] + _LATER[6, f] * square[6] + _LATER[7, f] * square[7]
        out[f] = -math.sqrt(max(low + high, 0.0))
    out[_FLAT - NODES :] = -log_x


@numba.njit(cache=True, error_model="numpy")
def _fill_distance(
    beta: Float64Array1D,
    later: Float64Array1D,
    carry: Float64Array1D,
    root: Float64Array1D,
    sigma: float,
    out: Float64Array1D,
) -> None:
    """d+ between the boundary now and the boundary later."""
    use_vector_lanes()
    for start in range(0, _FLAT, NODES):
        for i in range(NODES):
            f = start + i
            spread = sigma * root[f]
            out[f] = (beta[i] - later[f] + carry[f]) / spread + 0.5 * spread


@numba.njit(cache=True, error_model="numpy")
def _fill_density(
    d: Float64Array1D, root: Float64Array1D, weight: Float64Array1D, sigma: float, out: Float64Array1D
) -> None:
    """weight phi(d-) / (sigma sqrt u)."""
    use_vector_lanes()
    for f in range(out.size):
        spread = sigma * root[f]
        below = d[f] - spread
        out[f] = weight[f] * INV_SQRT_2PI * exp_lane(-0.5 * below * below) / spread


@numba.njit(cache=True, error_model="numpy")
def _fill_dense(
    d: Float64Array1D, root: Float64Array1D, weight: Float64Array1D, sigma: float, out: Float64Array1D
) -> None:
    """weight [N(d+) + phi(d+) / (sigma sqrt u)]."""
    use_vector_lanes()
    for f in range(out.size):
        gauss = exp_lane(-0.5 * d[f] * d[f])
        out[f] = weight[f] * (normal_cdf_lane(d[f], gauss) + INV_SQRT_2PI * gauss / (sigma * root[f]))


@numba.njit(cache=True, error_model="numpy")
def _fill_plain(
    d: Float64Array1D, root: Float64Array1D, weight: Float64Array1D, shift: float, out: Float64Array1D
) -> None:
    """weight N(d+ - shift sqrt u): N(d+) with shift 0, N(d-) with sigma."""
    use_vector_lanes()
    for f in range(out.size):
        at = d[f] - shift * root[f]
        out[f] = weight[f] * normal_cdf_lane(at, exp_lane(-0.5 * at * at))


@numba.njit(cache=True, error_model="numpy")
def _fill_sums(part: Float64Array1D, out: Float64Array1D) -> None:
    """The steps of each node added up."""
    use_vector_lanes()
    for i in range(NODES):
        out[i] = part[i]
    for start in range(NODES, _FLAT, NODES):
        for i in range(NODES):
            out[i] += part[start + i]


@numba.njit(cache=True, error_model="numpy")
def _take_ratio(top: Float64Array1D, bottom: Float64Array1D, log_x: float, lowest: float, beta: Float64Array1D) -> None:
    """ln(top / bottom / X) between the perpetual option's boundary and X; as before where the fraction says nothing."""
    use_vector_lanes()
    for i in range(beta.size):
        sound = (top[i] > _TINY) & (bottom[i] > _TINY)
        ratio = log_lane(top[i] / bottom[i] if sound else 1.0) - log_x
        inside = min(max(ratio, lowest), _HIGHEST_LOG)
        beta[i] = inside if sound else beta[i]
