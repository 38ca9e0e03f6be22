"""What dealers have to hedge: contracts' Greeks turned into USD, before anyone says who holds them.

Gross means with dealer sign +1. A model's exposure is the sum of sign x gross; the dealers' hedging flow for +1 % of
spot, +1 volatility point or +1 day is minus that.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from lightning_gex.analytics.black_scholes import Greeks
from lightning_gex.core.units import Float64Array1D, Int64Array1D

ONE_PER_CENT = 0.01  # spot moves are counted in per cent: without it the figure is a hundred times too large
ONE_VOL_POINT = 0.01  # implied volatility 0.20 -> 0.21
EXPOSURES = (
    "gamma_exposure_usd_per_pct",
    "delta_exposure_usd",
    "vanna_exposure_usd_per_vol_point",
    "charm_exposure_usd_per_day",
)


@dataclass(frozen=True, slots=True, eq=False)
class GrossExposures:
    """Each contract's exposure with dealer sign +1, (n,) float64 each.

    Parameters
    ----------
    gamma_exposure_usd_per_pct : USD of delta gained per +1 % of spot: Gamma OI M S^2 0.01.
    delta_exposure_usd : USD of delta: Delta OI M S.
    vanna_exposure_usd_per_vol_point : USD of delta gained per +1 volatility point: Vanna OI M S 0.01.
    charm_exposure_usd_per_day : USD of delta gained per day passing: Charm OI M S / days per year.
    """

    gamma_exposure_usd_per_pct: Float64Array1D
    delta_exposure_usd: Float64Array1D
    vanna_exposure_usd_per_vol_point: Float64Array1D
    charm_exposure_usd_per_day: Float64Array1D

    def totals(self, sign: Float64Array1D) -> dict[str, float]:
        """The four exposures summed over contracts under the given (n,) dealer signs; NaN signs are left out.

        Examples
        --------
        >>> one = np.array([2.0, 3.0])
        >>> GrossExposures(one, one, one, one).totals(np.array([1.0, -1.0]))["delta_exposure_usd"]
        -1.0
        """
        known = np.where(np.isfinite(sign), sign, 0.0)
        return {f.name: float(np.sum(known * getattr(self, f.name))) for f in fields(self)}


def gross_exposures(
    greeks: Greeks,
    *,
    spot: float,
    contracts: Float64Array1D,
    multiplier: Float64Array1D,
    charm: Float64Array1D | None = None,
    days_per_year: float = 365.0,
) -> GrossExposures:
    """Exposures of each contract with dealer sign +1.

    Parameters
    ----------
    greeks : (n,) sensitivities per option on one share.
    spot : USD.
    contracts : (n,) open interest (or volume), contracts.
    multiplier : (n,) shares a contract, from the contract.
    charm : (n,) delta per year of the clock that ``days_per_year`` belongs to; None takes the Greeks' own.
    days_per_year : 365 for calendar time, 252 for session time.

    Returns
    -------
    GrossExposures of (n,) USD arrays; NaN where a Greek or a count is.

    Source
    ------
    SqueezeMetrics, *Gamma Exposure* (2017), with the 0.01 that makes it a figure per 1 %.
    """
    shares = contracts * multiplier
    decay = greeks.charm if charm is None else charm
    return GrossExposures(
        gamma_exposure_usd_per_pct=greeks.gamma * shares * spot * spot * ONE_PER_CENT,
        delta_exposure_usd=greeks.delta * shares * spot,
        vanna_exposure_usd_per_vol_point=greeks.vanna * shares * spot * ONE_VOL_POINT,
        charm_exposure_usd_per_day=decay * shares * spot / days_per_year,
    )


def summed_by(group: Int64Array1D, values: Float64Array1D, count: int) -> Float64Array1D:
    """(count,) sums of ``values`` by group index, added in the order given."""
    return np.bincount(group, weights=values, minlength=count).astype(np.float64)
