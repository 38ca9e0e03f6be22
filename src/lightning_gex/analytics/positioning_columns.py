"""What the pass over a book writes: figures of underlyings, and the columns of the contracts at hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.analytics.american_parity import pass_scratch
from lightning_gex.analytics.contract_selection import ContractStatus, SelectionScratch, selection_scratch
from lightning_gex.analytics.dealer_exposure import EXPOSURES
from lightning_gex.analytics.exposure_profile import GRID_POINTS
from lightning_gex.analytics.parity_kernels import CarryScratch, carry_scratch
from lightning_gex.analytics.zero_gamma import MAX_ROOTS, ZERO_GAMMA_STATUSES, workspace_size
from lightning_gex.core.enums import ZeroGammaStatus
from lightning_gex.core.units import (
    Float64Array1D,
    Float64Array2D,
    Int8Array1D,
    Int64Array1D,
    Int64Array2D,
)

_NO_ROOT_TO_FIND = ZERO_GAMMA_STATUSES.index(ZeroGammaStatus.INSUFFICIENT_DATA)


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """One row an underlying, (u,) unless said; NaN where there is no answer. Meaning as in ``positioning_result``.

    Parameters
    ----------
    status : codes of ``ScanStatus``. calls : used calls. expiries : listed dates that hold used contracts.
    refused : (u, statuses) contracts by ``ContractStatus``. reach : (u, 2) least and greatest strike that counts.
    by_model : (u, m, 4) in the order of ``EXPOSURES``.
    roots : (u, MAX_ROOTS) of net gamma, those nearest to spot where there are more.
    root_status : places in ``ZERO_GAMMA_STATUSES``.
    levels : (u, 4) call wall, put wall, max pain, max pain of the first settlement.
    straddle_series : index among the book's series, -1 where no straddle is quoted.
    series_atm_vol, series_straddle : (g,). series_plain_forward : (g,) with American quotes read as European.
    """

    status: Int8Array1D
    calls: Int64Array1D
    vendor_vols: Int64Array1D
    expiries: Int64Array1D
    refused: Int64Array2D
    open_interest_known: Float64Array1D
    coverage: Float64Array1D
    reach: Float64Array2D
    by_model: np.ndarray
    gamma_by_volume: Float64Array1D
    gamma_ex_0dte: Float64Array1D
    gross_gamma: Float64Array1D
    roots: Float64Array2D
    root_nearest: Float64Array1D
    root_count: Int64Array1D
    root_status: Int8Array1D
    levels: Float64Array2D
    month_vol: Float64Array1D
    straddle_move: Float64Array1D
    straddle_series: Int64Array1D
    series_atm_vol: Float64Array1D
    series_straddle: Float64Array1D
    series_plain_forward: Float64Array1D

    @property
    def contracts_used(self) -> Int64Array1D:
        """(u,) used contracts."""
        return self.refused[:, ContractStatus.USED]


@dataclass(frozen=True, slots=True, eq=False)
class Workspace:
    """Columns of the chunk at hand, as long as the longest chunk: the first n of each are its contracts'.

    Parameters
    ----------
    status, vol_source : int8 codes of ``ContractStatus`` and ``VolSource``.
    implied_vol : NaN where not used; vol_change : by how much valuing early exercise moved it, NaN where it did not;
        strike : NaN where unsound.
    used_shares : 0 where not used; known_shares : of all of known open interest.
    greeks : gamma, delta, vanna, charm, (4, n); gross_gamma : USD per 1 % with dealer sign +1, 0 where not used.
    sign : (m, n) of every model that does not follow from ``naive``, 0 where unknown.
    ladder, strike_index : distinct strikes of the last underlying and its contracts' places among them.
    exposure : profile of the last underlying. strikes : how many distinct ones it has, (1,).
    """

    status: Int8Array1D
    vol_source: Int8Array1D
    implied_vol: Float64Array1D
    vol_change: Float64Array1D
    strike: Float64Array1D
    used_shares: Float64Array1D
    known_shares: Float64Array1D
    held: Float64Array1D
    log_moneyness: Float64Array1D
    greeks: Float64Array2D
    gross_gamma: Float64Array1D
    sign: Float64Array2D
    ladder: Float64Array1D
    strike_index: Int64Array1D
    spare: Float64Array2D
    exposure: Float64Array1D
    profile: Float64Array1D
    strikes: Int64Array1D
    carry: CarryScratch
    selection: SelectionScratch
    passes: Float64Array2D


def empty_figures(underlyings: int, series: int, models: int) -> Figures:
    """Rows without an answer."""

    def unknown(*shape: int) -> np.ndarray:
        return np.full(shape, np.nan)

    def none(*shape: int) -> np.ndarray:
        return np.zeros(shape, dtype=np.int64)

    u = underlyings
    return Figures(
        status=np.zeros(u, dtype=np.int8),
        calls=none(u),
        vendor_vols=none(u),
        expiries=none(u),
        refused=none(u, len(ContractStatus)),
        open_interest_known=unknown(u),
        coverage=unknown(u),
        reach=unknown(u, 2),
        by_model=unknown(u, models, len(EXPOSURES)),
        gamma_by_volume=unknown(u),
        gamma_ex_0dte=unknown(u),
        gross_gamma=unknown(u),
        roots=unknown(u, MAX_ROOTS),
        root_nearest=unknown(u),
        root_count=none(u),
        root_status=np.full(u, _NO_ROOT_TO_FIND, dtype=np.int8),
        levels=unknown(u, 4),
        month_vol=unknown(u),
        straddle_move=unknown(u),
        straddle_series=np.full(u, -1, dtype=np.int64),
        series_atm_vol=unknown(series),
        series_straddle=unknown(series),
        series_plain_forward=unknown(series),
    )


def workspace_for(contracts: int, series: int, models: int) -> Workspace:
    """Room for chunks of at most so many contracts and series."""
    n = max(contracts, 1)
    return Workspace(
        status=np.empty(n, dtype=np.int8),
        vol_source=np.empty(n, dtype=np.int8),
        implied_vol=np.empty(n),
        vol_change=np.full(n, np.nan),
        strike=np.empty(n),
        used_shares=np.empty(n),
        known_shares=np.empty(n),
        held=np.empty(n),
        log_moneyness=np.empty(n),
        greeks=np.empty((len(EXPOSURES), n)),
        gross_gamma=np.empty(n),
        sign=np.empty((models, n)),
        ladder=np.empty(n),
        strike_index=np.empty(n, dtype=np.int64),
        spare=np.empty((5, n)),
        exposure=np.empty(GRID_POINTS),
        profile=np.empty(workspace_size(n, GRID_POINTS)),
        strikes=np.zeros(1, dtype=np.int64),
        carry=carry_scratch(n, series),
        selection=selection_scratch(n),
        passes=pass_scratch(series),
    )
