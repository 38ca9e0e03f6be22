"""Dealers' net gamma as spot moves, the whole chain re-priced at each price.

Sticky strike: every contract keeps its own volatility. Never one strike at a time: gamma by strike at today's spot says
nothing about the sign elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np

from lightning_gex.analytics.dealer_exposure import ONE_PER_CENT
from lightning_gex.analytics.gaussian_sums import (
    HEIGHT,
    PEAK,
    RESOLVED,
    SLOPE,
    SPARE,
    Contracts,
    Grid,
    add_on_grid,
    cut_space,
    fold,
    gather,
    space_size,
    widths_that_matter,
)
from lightning_gex.analytics.vector_math import exp_lane, log_ratio_lane
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import Float64Array1D, Float64Array2D, Int64Array1D

GRID_WIDTH = 0.20  # the grid runs from spot / 1.2 to spot x 1.2
GRID_POINTS = 161  # odd, so that spot itself is a point; a step is 0.23 %
_FEWEST_POINTS = 16  # below it walking the grid saves nothing
#: In ln(price): prices this near to an even grid are one, up to the rounding of the prices themselves.
_EVEN = 1e-15


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


def spot_grid(spot: float, *, width: float = GRID_WIDTH, points: int = GRID_POINTS) -> Float64Array1D:
    """(points,) prices from spot / (1 + width) to spot (1 + width), evenly spaced in ln(price)."""
    reach = math.log1p(width)
    steps = np.linspace(-1.0, 1.0, points) * reach
    return np.asarray(spot * np.exp(steps), dtype=np.float64)


def profile(prices: Float64Array1D, contracts: PricedContracts) -> Float64Array1D:
    """Net gamma exposure with spot at each price, every contract re-priced.

    Parameters
    ----------
    prices : (m,) USD, positive, in any order. Prices evenly spaced in their logarithm (``spot_grid``) are fastest.
    contracts : (n,) contracts.

    Returns
    -------
    (m,) USD of delta per 1 % of spot: sum of shares Gamma(S') S'^2 0.01. A price's value depends on the other prices
    only by rounding, within 1e-12 of the largest gross gamma among them: on an even grid neighbours are reached from
    each other, and terms below 1e-18 of the largest are left out.

    Raises
    ------
    InputError : where a price, strike, time or volatility is not positive, or anything is not finite.

    Examples
    --------
    >>> one = PricedContracts(*(np.array([x]) for x in (100.0, 0.25, 0.2, 0.0, 0.0, 100.0)))
    >>> profile(np.array([90.0, 100.0, 110.0]), one).round(3)
    array([216.989, 398.444, 265.342])
    """
    prices = np.ascontiguousarray(prices, dtype=np.float64)
    if not (np.isfinite(prices) & (prices > 0)).all():
        raise InputError("prices must be positive and finite", field="prices")
    out = np.empty(len(prices))
    if len(prices) == 0:
        return out
    centre = math.sqrt(float(prices[0])) * math.sqrt(float(prices[-1]))
    series = series_of(contracts, centre)
    x = np.log(prices / centre)
    if len(prices) >= _FEWEST_POINTS and np.abs(x - np.linspace(x[0], x[-1], len(x))).max() <= _EVEN and x[-1] > x[0]:
        workspace = np.empty(space_size(len(contracts.strike), len(prices)))
        profile_kernel(centre, math.expm1(float(x[-1])), *series, out, workspace)
    else:
        _profile_at(x, series, np.empty((4, len(contracts.strike) + SPARE)), out)
        out *= prices * ONE_PER_CENT
    return out


def series_of(contracts: PricedContracts, spot: float) -> Contracts:
    """Contracts in any order as the kernels take them, each a series of its own; ``spot`` is where x = 0.

    Raises
    ------
    InputError : where a strike, time or volatility is not positive, anything is not finite, or lengths differ.
    """
    columns = [
        np.ascontiguousarray(getattr(contracts, name), dtype=np.float64)
        for name in PricedContracts.__dataclass_fields__
    ]
    strike, years, vol, rate, dividend, shares = columns
    for name, column in zip(PricedContracts.__dataclass_fields__, columns, strict=True):
        if column.shape != strike.shape:
            raise InputError(f"has shape {column.shape}, the strikes {strike.shape}", field=name)
    if not _all_fit(strike, years, vol, rate, dividend, shares):
        _refuse_unfit(columns)
    n = len(strike)
    log_moneyness, root, carry, discount = np.empty((4, n))
    _fill_series(spot, strike, years, rate, dividend, log_moneyness, root, carry, discount)
    return Contracts(log_moneyness, vol, shares, np.arange(n + 1), root, carry, discount)


def _refuse_unfit(columns: list[Float64Array1D]) -> None:
    """Name the first field and row that a kernel cannot take."""
    for name, column in zip(PricedContracts.__dataclass_fields__, columns, strict=True):
        fit = np.isfinite(column)
        if name in ("strike", "time_to_expiry_years", "implied_vol"):
            fit &= column > 0
        if not fit.all():
            row = int(np.argmin(fit))
            raise InputError(f"{column[row]} cannot be priced: leave the contract out", row=row, field=name)


@numba.njit(cache=True, error_model="numpy")
def profile_kernel(
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
    workspace: Float64Array1D,
) -> None:
    """Net gamma exposure of one underlying on the even grid around its spot, compiled.

    Parameters
    ----------
    spot, width : USD; the grid runs from spot / (1 + width) to spot (1 + width).
    log_moneyness, implied_vol, shares : (n,) ln(strike / spot), annualised fraction, signed shares under option. A
        contract with shares 0 or NaN or without a positive volatility is left out.
    series_start : (g + 1,) rows at which the series begin; counted from the first of them.
    sqrt_years, log_carry, yield_discount : (g,) sqrt T, ln(forward / spot) and e^{-qT} = forward discount / spot.
    exposure : (m,) filled, USD per 1 % of spot.
    workspace : at least ``space_size(n, m)`` float64.
    """
    rows = exposure.size
    longs, shorts, narrow, walks, all_sums, all_net, all_gross, _ = cut_space(workspace, log_moneyness.size, rows)
    contracts = Contracts(log_moneyness, implied_vol, shares, series_start, sqrt_years, log_carry, yield_discount)
    reach = math.log1p(width)
    step = 2.0 * reach / (rows - 1)
    counts = gather(contracts, reach, RESOLVED * step, longs, shorts, narrow)
    widths = widths_that_matter(counts, longs, shorts, narrow, reach)
    grid = Grid(-reach, step, rows)
    sums, net, unused = all_sums[: rows + 1], all_net[0, :rows], all_gross[0, :rows]
    sums[:] = 0.0
    net[:] = 0.0
    if widths > 0.0:  # each side apart: the mirror position then has the mirror sum
        add_on_grid(longs, 0, counts.longs, grid, widths, sums, walks)
        fold(sums, 1.0, net, unused)
        add_on_grid(shorts, 0, counts.shorts, grid, widths, sums, walks)
        fold(sums, 1.0, net, unused)
        add_on_grid(narrow, 0, counts.narrows, grid, widths, sums, walks)
        fold(sums, 1.0, net, unused)
    fill_exposure(spot, grid, net, exposure)


@numba.njit(cache=True, error_model="numpy")
def fill_exposure(spot: float, grid: Grid, net: Float64Array1D, exposure: Float64Array1D) -> None:
    """USD per 1 % from S' gamma: times S' and 0.01."""
    for row in range(exposure.size):
        exposure[row] = net[row] * exp_lane(grid.start + row * grid.step) * (spot * ONE_PER_CENT)


@numba.njit(cache=True, error_model="numpy")
def _all_fit(
    K: Float64Array1D,
    T: Float64Array1D,
    sigma: Float64Array1D,
    r: Float64Array1D,
    q: Float64Array1D,
    shares: Float64Array1D,
) -> bool:
    unfit = 0
    for i in range(K.size):
        finite = (K[i] + T[i] + sigma[i] + r[i] + q[i] + shares[i]) * 0.0 == 0.0
        fit = (K[i] > 0.0) & (T[i] > 0.0) & (sigma[i] > 0.0) & finite
        unfit += 0 if fit else 1
    return unfit == 0


@numba.njit(cache=True, error_model="numpy")
def _fill_series(
    spot: float,
    K: Float64Array1D,
    T: Float64Array1D,
    r: Float64Array1D,
    q: Float64Array1D,
    log_moneyness: Float64Array1D,
    root: Float64Array1D,
    carry: Float64Array1D,
    discount: Float64Array1D,
) -> None:
    for i in range(K.size):
        log_moneyness[i] = log_ratio_lane(K[i], spot)
    for i in range(K.size):
        root[i] = np.sqrt(T[i])
    for i in range(K.size):
        carry[i] = (r[i] - q[i]) * T[i]
    for i in range(K.size):
        discount[i] = exp_lane(-q[i] * T[i])


@numba.njit(cache=True, error_model="numpy")
def _profile_at(x: Float64Array1D, series: Contracts, scratch: Float64Array2D, out: Float64Array1D) -> None:
    """S' gamma summed at any x, contracts added in the order given."""
    # Taken as narrow without limit, they keep the order given.
    counts = gather(series, math.inf, math.inf, np.empty((4, SPARE)), np.empty((4, SPARE)), scratch)
    out[:] = 0.0
    for i in range(counts.narrows):
        _add_gaussian(x, scratch[PEAK, i], scratch[SLOPE, i], scratch[HEIGHT, i], out)


@numba.njit(cache=True, error_model="numpy")
def _add_gaussian(x: Float64Array1D, peak: float, slope: float, height: float, out: Float64Array1D) -> None:
    """The inner loop, a function of its own so that the compiler gives it vector lanes."""
    for j in range(x.size):
        z = (x[j] - peak) * slope
        out[j] += height * exp_lane(-0.5 * z * z)
