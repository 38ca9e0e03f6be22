"""What the map of dealers' exposures will look like later, if nothing trades until then.

Every contract is re-priced at each spot and each moment ahead with its own volatility (sticky strike), rate and
dividend yield; open interest stands still; a contract leaves at its settlement moment, in the morning or in the
afternoon. The map at the first moment is the exposure profile. Between moments dealers' delta drifts although spot does
not move: what they must trade against that is the charm flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lightning_gex.analytics.dealer_exposure import ONE_PER_CENT, ONE_VOL_POINT
from lightning_gex.analytics.exposure_profile import GRID_POINTS, GRID_WIDTH, PricedContracts, series_of, spot_grid
from lightning_gex.analytics.gaussian_sums import Contracts
from lightning_gex.analytics.option_time import TimeClock
from lightning_gex.analytics.surface_kernels import cells_kernel, cells_workspace_size, delta_kernel
from lightning_gex.analytics.vector_math import LANES
from lightning_gex.analytics.zero_gamma import MAX_ROOTS, ZERO_GAMMA_STATUSES, workspace_size, zero_gamma_kernel
from lightning_gex.core.enums import ZeroGammaStatus
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import (
    SECONDS_PER_YEAR,
    BoolArray1D,
    Float64Array1D,
    Float64Array2D,
    Int64Array1D,
)

#: A contract with less time left than half a second has settled: what is left is the rounding of days into years.
_SETTLED_YEARS = 0.5 / SECONDS_PER_YEAR


@dataclass(frozen=True, slots=True, eq=False)
class ExposureSurface:
    """Dealers' exposures over spot and time, t moments by m spots.

    Parameters
    ----------
    spot : USD, now.
    spots : (m,) USD.
    days : (t,) days of ``clock`` from now.
    clock : calendar days (365 a year), or sessions of trading time (252 a year).
    gamma_exposure_usd_per_pct : (t, m) USD of delta per +1 % of each spot.
    delta_exposure_usd : (t, m) USD. From one cell to another dealers trade minus the change of their shares.
    zero_gamma : for each moment every price within 20 % of spot at which net gamma changes sign, rising.
    zero_gamma_status : for each moment.
    living_contracts : (t,) contracts not yet settled.
    charm_flow_usd : (t,) USD of the underlying that dealers buy (+) or sell (-) from now to each moment to stay hedged,
        at unchanged spot and volatility. A contract that settles on the way counts up to its settlement.
    settled_delta_usd : (t,) delta exposure that has left with contracts settled by then at unchanged spot: its hedge is
        delivered, or unwound where settlement is in cash. delta(t) = delta(0) - charm flow - settled delta.
    vanna_flow_up_usd, vanna_flow_down_usd : (t,) USD that dealers buy (+) or sell (-) at each moment and unchanged spot
        if every volatility rises or falls by one point; one of at most a point falls to none.
    """

    spot: float
    spots: Float64Array1D
    days: Float64Array1D
    clock: TimeClock
    gamma_exposure_usd_per_pct: Float64Array2D
    delta_exposure_usd: Float64Array2D
    zero_gamma: tuple[tuple[float, ...], ...]
    zero_gamma_status: tuple[ZeroGammaStatus, ...]
    living_contracts: Int64Array1D
    charm_flow_usd: Float64Array1D
    settled_delta_usd: Float64Array1D
    vanna_flow_up_usd: Float64Array1D
    vanna_flow_down_usd: Float64Array1D


def exposure_surface(
    spot: float,
    contracts: PricedContracts,
    is_call: BoolArray1D,
    days: ArrayLike,
    *,
    spots: ArrayLike | None = None,
    clock: TimeClock = TimeClock.CALENDAR,
    clock_years: Float64Array1D | None = None,
) -> ExposureSurface:
    """Gamma and delta of dealers over spot and time if nothing trades.

    Parameters
    ----------
    spot : USD, now.
    contracts : (n,) with dealer sign in ``shares``; times in calendar years from now to the settlement moment.
    is_call : (n,) bool.
    days : (t,) days of ``clock`` from now, not negative, in any order.
    spots : (m,) USD, rising; None takes ``spot_grid``.
    clock : which time passes. On the trading clock today's total variance and carry run off over session time.
    clock_years : (n,) years of ``clock`` to settlement; None only on the calendar clock, where they are the contracts'.

    Returns
    -------
    ExposureSurface. Gamma errs by less than 1e-11 of the largest gamma a contract has at any spot, delta by less than
    1e-12 of the shares held.

    Raises
    ------
    InputError : where a spot or day is not sound, clock years are missing, or a contract cannot be priced.

    Examples
    --------
    >>> one = PricedContracts(*(np.array([x]) for x in (100.0, 2 / 365, 0.2, 0.0, 0.0, 100.0)))
    >>> found = exposure_surface(100.0, one, np.array([True]), [0, 1, 2], spots=[100.0, 101.0])
    >>> found.gamma_exposure_usd_per_pct.round(1), found.living_contracts
    (array([[2694.6, 2160.6],
           [3810.8, 2437.8],
           [   0. ,    0. ]]), array([1, 1, 0]))
    >>> found.charm_flow_usd.round(1), found.settled_delta_usd
    (array([ 0. ,  8.6, 29.5]), array([   0.,    0., 5000.]))
    """
    moments, prices = _sound_days(days), _sound_spots(spot, spots)
    call = np.ascontiguousarray(is_call, dtype=np.bool_)
    if call.shape != contracts.strike.shape:
        raise InputError(f"has shape {call.shape}, the strikes {contracts.strike.shape}", field="is_call")
    left = _years_left(contracts, moments, clock, clock_years)
    series = series_of(contracts, spot)
    order = np.argsort(prices, kind="stable")
    back, x = np.argsort(order, kind="stable"), np.log(prices[order] / spot)
    now = _delta_at_spot(_Moment.of(contracts, series, call, contracts.time_to_expiry_years))
    gamma, shares = np.empty((2, len(moments), len(prices)))
    flows = np.empty((4, len(moments)))
    roots = []
    for k, years in enumerate(left):
        moment = _Moment.of(contracts, series, call, years)
        on_rising = _cells(moment, x)
        gamma[k], shares[k] = on_rising[0, back], on_rising[1, back]
        flows[:, k] = _flows(spot, moment, contracts.shares, now)
        roots.append(_roots(spot, moment, series.series_start))
    return ExposureSurface(
        spot=spot,
        spots=prices,
        days=moments,
        clock=clock,
        gamma_exposure_usd_per_pct=gamma * prices * ONE_PER_CENT,
        delta_exposure_usd=shares * prices,
        zero_gamma=tuple(found for found, _ in roots),
        zero_gamma_status=tuple(status for _, status in roots),
        living_contracts=(left > 0).sum(axis=1),
        charm_flow_usd=flows[0],
        settled_delta_usd=flows[1],
        vanna_flow_up_usd=flows[2],
        vanna_flow_down_usd=flows[3],
    )


def _sound_days(days: ArrayLike) -> Float64Array1D:
    moments = np.atleast_1d(np.asarray(days, dtype=np.float64))
    if moments.ndim != 1 or not (np.isfinite(moments) & (moments >= 0)).all():
        raise InputError("days from now must be finite and not negative", field="days")
    return moments


def _sound_spots(spot: float, spots: ArrayLike | None) -> Float64Array1D:
    prices = spot_grid(spot) if spots is None else np.atleast_1d(np.asarray(spots, dtype=np.float64))
    if not 0.0 < spot < np.inf:
        raise InputError(f"spot {spot} is not a positive number", field="spot")
    if prices.ndim != 1 or not (np.isfinite(prices) & (prices > 0)).all():
        raise InputError("spots must be positive and finite", field="spots")
    return prices


def _years_left(
    contracts: PricedContracts, days: Float64Array1D, clock: TimeClock, clock_years: Float64Array1D | None
) -> Float64Array2D:
    """(t, n) calendar years left, run off by the clock; 0 where a contract has settled."""
    years = contracts.time_to_expiry_years
    if clock_years is None:
        if clock is not TimeClock.CALENDAR:
            raise InputError("the trading clock needs each contract's session time to settlement", field="clock_years")
        clock_years = years
    remaining = clock_years - days[:, None] / clock.days_per_year
    alive = remaining > _SETTLED_YEARS
    share = np.divide(remaining, clock_years, out=np.zeros_like(remaining), where=alive)
    left: Float64Array2D = np.where(days[:, None] > 0, years * share, years)  # now every contract lives
    return left


@dataclass(frozen=True, slots=True, eq=False)
class _Moment:
    """Contracts at one moment, (n,) each: ln(K/S), volatility, sqrt T, (r - q) T, e^{-qT}, shares; the last 0 and T = 0
    where a contract has settled."""

    log_moneyness: Float64Array1D
    implied_vol: Float64Array1D
    root: Float64Array1D
    carry: Float64Array1D
    discount: Float64Array1D
    held: Float64Array1D
    call: BoolArray1D

    @classmethod
    def of(cls, contracts: PricedContracts, series: Contracts, call: BoolArray1D, years: Float64Array1D) -> _Moment:
        return cls(
            log_moneyness=series.log_moneyness,
            implied_vol=series.implied_vol,
            root=np.sqrt(years),
            carry=(contracts.rate - contracts.dividend_yield) * years,
            discount=np.exp(-contracts.dividend_yield * years),
            held=np.where(years > 0, series.shares, 0.0),
            call=call,
        )


def _roots(spot: float, moment: _Moment, series_start: Int64Array1D) -> tuple[tuple[float, ...], ZeroGammaStatus]:
    roots, exposure = np.empty(MAX_ROOTS), np.empty(GRID_POINTS)
    workspace = np.empty(workspace_size(len(moment.held), GRID_POINTS))
    columns = (moment.log_moneyness, moment.implied_vol, moment.held, series_start)
    terms = (moment.root, moment.carry, moment.discount)
    count, status = zero_gamma_kernel(spot, GRID_WIDTH, *columns, *terms, exposure, roots, workspace)
    return tuple(float(found) for found in roots[: min(count, MAX_ROOTS)]), ZERO_GAMMA_STATUSES[status]


def _cells(moment: _Moment, x: Float64Array1D) -> Float64Array2D:
    """(2, m) S' gamma and shares of delta at rising x = ln(S'/S), summed over the contracts that live."""
    if len(x) == 0:
        return np.empty((2, 0))
    padded = np.r_[x, np.full(-len(x) % LANES, x[-1])]  # vectors run on over copies of the last spot
    gamma, delta = np.empty((2, len(padded)))
    workspace = np.empty(cells_workspace_size(len(moment.held)))
    columns = (moment.log_moneyness, moment.implied_vol, moment.held, moment.root, moment.carry, moment.discount)
    cells_kernel(padded, *columns, workspace, gamma, delta)
    puts = np.sum((moment.held * moment.discount)[~moment.call])  # a put's delta is its call's less e^{-qT}
    return np.array([gamma, delta - puts])[:, : len(x)]


def _flows(
    spot: float, moment: _Moment, shares: Float64Array1D, now: Float64Array1D
) -> tuple[float, float, float, float]:
    """Charm flow, settled delta, vanna flow up and down at unchanged spot, USD."""
    then = _delta_at_spot(moment)
    up, down = _delta_at_spot(moment, ONE_VOL_POINT), _delta_at_spot(moment, -ONE_VOL_POINT)
    return (
        spot * float(np.sum(shares * (now - then))),
        spot * float(np.sum((shares - moment.held) * then)),
        spot * float(np.sum(moment.held * (then - up))),
        spot * float(np.sum(moment.held * (then - down))),
    )


def _delta_at_spot(moment: _Moment, shift: float = 0.0) -> Float64Array1D:
    """(n,) delta at unchanged spot with every volatility shifted; of what has settled the shares it settles into."""
    width = np.maximum(moment.implied_vol + shift, 0.0) * moment.root
    delta = np.empty(len(width))
    delta_kernel(moment.carry - moment.log_moneyness, width, moment.discount, moment.call, delta)
    return delta
