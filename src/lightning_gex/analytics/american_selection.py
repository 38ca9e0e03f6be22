"""Volatilities of American contracts from their mids, with the right to exercise early valued."""

from __future__ import annotations

import math

import numba
import numpy as np

from lightning_gex.analytics.american_kernels import european_equivalent_kernel
from lightning_gex.analytics.american_lanes import american_scratch
from lightning_gex.analytics.american_parity import share_behind_quotes
from lightning_gex.analytics.book_columns import Contracts
from lightning_gex.analytics.contract_selection import (
    HIGHEST_VOL,
    LOWEST_VOL,
    OUT_OF_RANGE,
    SOLVED_STATUS,
    VOL_FAILED,
    ContractStatus,
    SelectionScratch,
)
from lightning_gex.analytics.parity_kernels import Carry
from lightning_gex.analytics.positioned_contracts import VolSource
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int8Array1D, Int64Array1D

_USED, _SOLVED, _SOLVED_AMERICAN = int(ContractStatus.USED), int(VolSource.SOLVED), int(VolSource.SOLVED_AMERICAN)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def american_vols_kernel(
    american: BoolArray1D,
    contracts: Contracts,
    series_start: Int64Array1D,
    underlying_start: Int64Array1D,
    spot: Float64Array1D,
    years: Float64Array1D,
    carry: Carry,
    scratch: SelectionScratch,
    premium: Float64Array1D,
    status: Int8Array1D,
    vol: Float64Array1D,
    source: Int8Array1D,
    change: Float64Array1D,
) -> None:
    """Solves the volatilities of American contracts again that ``select_kernel`` solved as European.

    ``change`` (n,) is by how much that moved the volatility, NaN where it was not solved both times. ``premium`` is
    scratch.
    """
    space = american_scratch()
    change[:] = np.nan
    for u in range(spot.size):
        first, last = underlying_start[u], underlying_start[u + 1]
        if not american[first:last].any():
            continue
        share = share_behind_quotes(first, last, spot[u], years, carry)
        for g in range(first, last):
            count = _gather(series_start[g], series_start[g + 1], contracts, source, scratch) if american[g] else 0
            if count == 0:
                continue
            european_equivalent_kernel(
                scratch.price[:count],
                share,
                scratch.strike[:count],
                years[g],
                carry.rate[g],
                carry.rate[g] - math.log(carry.forward[g] / share) / years[g],
                scratch.is_call[:count],
                space,
                scratch.sigma[:count],
                premium[:count],
                scratch.status[:count],
            )
            _take_over(count, scratch, status, vol, source, change)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _gather(a: int, b: int, contracts: Contracts, source: Int8Array1D, scratch: SelectionScratch) -> int:
    """The contracts ``a`` .. ``b`` - 1 whose volatility comes from a quote; how many."""
    count = 0
    for i in range(a, b):
        if source[i] == _SOLVED:
            scratch.at[count] = i
            scratch.price[count] = 0.5 * (contracts.bid[i] + contracts.ask[i])
            scratch.strike[count], scratch.is_call[count] = contracts.strike[i], contracts.is_call[i]
            count += 1
    return count


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _take_over(
    count: int,
    scratch: SelectionScratch,
    status: Int8Array1D,
    vol: Float64Array1D,
    source: Int8Array1D,
    change: Float64Array1D,
) -> None:
    for j in range(count):
        i, sigma, code = scratch.at[j], scratch.sigma[j], scratch.status[j]
        source[i] = _SOLVED_AMERICAN
        if code != SOLVED_STATUS:
            status[i], vol[i] = VOL_FAILED + code, np.nan
        elif LOWEST_VOL <= sigma <= HIGHEST_VOL:
            change[i] = sigma - vol[i]  # NaN where the European reading failed
            status[i], vol[i] = _USED, sigma
        else:
            status[i], vol[i] = OUT_OF_RANGE, np.nan
