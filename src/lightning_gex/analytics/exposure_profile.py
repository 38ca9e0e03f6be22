"""Dealers' net gamma as spot moves, and every price at which it changes sign.

The whole chain is re-priced at each price (sticky strike: every contract keeps its own volatility), never one strike
at a time: gamma by strike at today's spot says nothing about the sign elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
from scipy.optimize import brentq, minimize_scalar

from lightning_gex.analytics.dealer_exposure import ONE_PER_CENT
from lightning_gex.analytics.vector_math import INV_SQRT_2PI, exp_lane
from lightning_gex.core.enums import ZeroGammaStatus
from lightning_gex.core.units import Float64Array1D

GRID_WIDTH = 0.20  # the grid runs from spot / 1.2 to spot x 1.2
GRID_POINTS = 161  # odd, so that spot itself is a point; a step is 0.23 %
#: Net gamma below this share of the largest gross gamma of the grid is nothing at all: far from every living strike
#: both sides underflow, and the sign of what is left has no meaning.
NEGLIGIBLE = 1e-9
_SCALE_STEP = 4  # gross gamma only sets a scale: every fourth point will do
_ROOT_TOLERANCE = 1e-13  # in ln(price)


@dataclass(frozen=True, slots=True, eq=False)
class PricedContracts:
    """Contracts with everything their gamma needs at any spot, (n,) float64 each.

    Parameters
    ----------
    strike : USD.
    time_to_expiry_years, implied_vol, rate, dividend_yield : of one clock, as ``black_scholes.greeks``.
    shares : dealer sign x contracts x multiplier: signed shares under option, USD of stock per USD of spot.
    """

    strike: Float64Array1D
    time_to_expiry_years: Float64Array1D
    implied_vol: Float64Array1D
    rate: Float64Array1D
    dividend_yield: Float64Array1D
    shares: Float64Array1D


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


def spot_grid(spot: float, *, width: float = GRID_WIDTH, points: int = GRID_POINTS) -> Float64Array1D:
    """(points,) prices from spot / (1 + width) to spot (1 + width), evenly spaced in ln(price)."""
    reach = math.log1p(width)
    steps = np.linspace(-1.0, 1.0, points) * reach
    return np.asarray(spot * np.exp(steps), dtype=np.float64)


def profile(prices: Float64Array1D, contracts: PricedContracts) -> Float64Array1D:
    """Net gamma exposure with spot at each price, every contract re-priced.

    Parameters
    ----------
    prices : (m,) USD, positive.
    contracts : (n,) contracts, all inputs finite and valid.

    Returns
    -------
    (m,) USD of delta per 1 % of spot: sum of shares Gamma(S') S'^2 0.01. A price's value does not depend on the other
    prices. Contracts are added in the order given.
    """
    return _Gaussians.of(contracts).at(np.asarray(prices, dtype=np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class _Gaussians:
    """Each contract's S' Gamma as height exp(-(slope x + offset)^2) in x = ln(S' / anchor)."""

    slope: Float64Array1D
    offset: Float64Array1D
    height: Float64Array1D
    anchor: float

    @classmethod
    def of(cls, contracts: PricedContracts) -> _Gaussians:
        T, q = contracts.time_to_expiry_years, contracts.dividend_yield
        # Distances from the middle of the strikes are small and keep their digits, in any order of contracts.
        anchor = float(np.median(contracts.strike)) if len(contracts.strike) else 1.0
        total = contracts.implied_vol * np.sqrt(T)
        slope = math.sqrt(0.5) / total
        offset = (np.log(anchor / contracts.strike) + (contracts.rate - q) * T) * slope + math.sqrt(0.125) * total
        height = contracts.shares * np.exp(-q * T) * INV_SQRT_2PI / total
        return cls(np.ascontiguousarray(slope), np.ascontiguousarray(offset), np.ascontiguousarray(height), anchor)

    def at(self, prices: Float64Array1D) -> Float64Array1D:
        """(m,) the sum over contracts of height exp(...), as gamma exposure: USD per 1 % of each price."""
        x = np.log(prices / self.anchor)
        out = np.zeros(len(prices))
        if len(x) == 1:  # a search for a root: the lanes run over contracts instead, with the same digits
            out[0] = _sum_gaussians(x[0], self.slope, self.offset, self.height, np.empty(len(self.slope)))
        else:
            _profile_kernel(x, self.slope, self.offset, self.height, out)
        return out * prices * ONE_PER_CENT

    def unsigned(self) -> _Gaussians:
        """The same contracts, all held long."""
        return _Gaussians(self.slope, self.offset, np.abs(self.height), self.anchor)


@numba.njit(cache=True, error_model="numpy")
def _add_gaussian(x: Float64Array1D, slope: float, offset: float, height: float, out: Float64Array1D) -> None:
    """The inner loop, a function of its own so that the compiler gives it vector lanes."""
    for j in range(x.size):
        d = slope * x[j] + offset
        out[j] += height * exp_lane(-d * d)


@numba.njit(cache=True, error_model="numpy")
def _profile_kernel(
    x: Float64Array1D, slope: Float64Array1D, offset: Float64Array1D, height: Float64Array1D, out: Float64Array1D
) -> None:
    for i in range(slope.size):
        _add_gaussian(x, slope[i], offset[i], height[i], out)


@numba.njit(cache=True, error_model="numpy")
def _fill_gaussians(
    x: float, slope: Float64Array1D, offset: Float64Array1D, height: Float64Array1D, terms: Float64Array1D
) -> None:
    for i in range(terms.size):
        d = slope[i] * x + offset[i]
        terms[i] = height[i] * exp_lane(-d * d)


@numba.njit(cache=True, error_model="numpy")
def _sum_gaussians(
    x: float, slope: Float64Array1D, offset: Float64Array1D, height: Float64Array1D, terms: Float64Array1D
) -> float:
    """One price: the terms of all contracts, then their sum in the order given."""
    _fill_gaussians(x, slope, offset, height, terms)
    total = 0.0
    for i in range(terms.size):
        total += terms[i]
    return total


def zero_gamma(spot: float, contracts: PricedContracts, *, width: float = GRID_WIDTH) -> ZeroGamma:
    """Every price within the grid at which dealers' net gamma changes sign.

    The sign is read on a grid (and at the strikes of contracts so short-lived that their gamma is narrower than its
    step), each change is refined on the true function to the last digits, and where net gamma comes near zero between
    two points without a change, its extremum is looked at too.

    Parameters
    ----------
    spot : USD.
    contracts : (n,) contracts with dealer sign in ``shares``.
    width : the grid runs from spot / (1 + width) to spot (1 + width).

    Returns
    -------
    ZeroGamma. Net gamma below 1e-9 of the grid's largest gross gamma counts as none.
    """
    held = contracts.shares != 0
    contracts = _picked(contracts, held)
    if not held.any():
        return ZeroGamma((), math.nan, ZeroGammaStatus.INSUFFICIENT_DATA)
    nodes = _search_nodes(spot, contracts, width)
    gaussians = _Gaussians.of(contracts)
    value = gaussians.at(nodes)
    floor = NEGLIGIBLE * float(gaussians.unsigned().at(nodes[::_SCALE_STEP]).max())
    if not floor > 0:
        return ZeroGamma((), math.nan, ZeroGammaStatus.INSUFFICIENT_DATA)

    def net(x: float) -> float:
        return float(gaussians.at(np.array([spot * math.exp(x)]))[0])

    points, signs = _signs(np.log(nodes / spot), value, floor, net)
    roots = [
        spot * math.exp(brentq(net, points[i], points[i + 1], xtol=_ROOT_TOLERANCE, rtol=1e-15))
        for i in range(len(points) - 1)
        if signs[i] != signs[i + 1]
    ]
    if roots:
        return ZeroGamma(tuple(roots), min(roots, key=lambda root: abs(root - spot)), ZeroGammaStatus.OK)
    if not len(signs):
        return ZeroGamma((), math.nan, ZeroGammaStatus.INSUFFICIENT_DATA)
    positive = signs[0] > 0
    status = ZeroGammaStatus.NO_ROOT_NET_POSITIVE if positive else ZeroGammaStatus.NO_ROOT_NET_NEGATIVE
    return ZeroGamma((), math.nan, status)


def _search_nodes(spot: float, contracts: PricedContracts, width: float) -> Float64Array1D:
    """The grid, and around each strike whose gamma is narrower than three steps of it, points of its own width."""
    grid = spot_grid(spot, width=width)
    step = math.log(grid[1] / grid[0])
    total = contracts.implied_vol * np.sqrt(contracts.time_to_expiry_years)
    narrow = total < 3.0 * step
    if not narrow.any():
        return grid
    order = np.lexsort((total[narrow], contracts.strike[narrow]))
    strikes, first = np.unique(contracts.strike[narrow][order], return_index=True)
    narrowest = total[narrow][order][first]
    around = strikes[:, None] * np.exp(narrowest[:, None] * np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
    extra = around[(around > grid[0]) & (around < grid[-1])]
    return np.unique(np.r_[grid, extra])


def _signs(
    x: Float64Array1D, value: Float64Array1D, floor: float, net: Callable[[float], float]
) -> tuple[Float64Array1D, Float64Array1D]:
    """Points and the signs there, where net gamma is more than negligible; extrema that cross zero are put in."""
    size = np.abs(value)
    inner = (size[1:-1] <= size[:-2]) & (size[1:-1] < size[2:]) & (value[:-2] * value[2:] > 0)
    extra_x, extra_value = [], []
    for i in np.flatnonzero(inner) + 1:
        side = math.copysign(1.0, value[i])
        found = minimize_scalar(lambda t, s=side: s * net(t), bounds=(x[i - 1], x[i + 1]), method="bounded")
        if found.fun < 0:
            extra_x.append(float(found.x))
            extra_value.append(side * float(found.fun))
    if extra_x:
        x, value = np.r_[x, extra_x], np.r_[value, extra_value]
        order = np.argsort(x, kind="stable")
        x, value = x[order], value[order]
    material = np.abs(value) > floor
    return x[material], np.sign(value[material])


def _picked(contracts: PricedContracts, keep: np.ndarray) -> PricedContracts:
    return PricedContracts(
        contracts.strike[keep],
        contracts.time_to_expiry_years[keep],
        contracts.implied_vol[keep],
        contracts.rate[keep],
        contracts.dividend_yield[keep],
        contracts.shares[keep],
    )
