"""Contract table and term structure of one chain, out of the compiled pass's columns."""

from __future__ import annotations

import math

import numba
import numpy as np

from lightning_gex.analytics import exposure_tables
from lightning_gex.analytics.contract_selection import ContractStatus
from lightning_gex.analytics.parity import SOURCES
from lightning_gex.analytics.positioned_contracts import (
    LARGEST_COUNT,
    EarlyExercise,
    PositionedContracts,
    PricedColumns,
    TermStructure,
    VolSource,
)
from lightning_gex.analytics.positioning_columns import Workspace
from lightning_gex.analytics.positioning_run import PositioningRun
from lightning_gex.core.units import Float64Array1D, Int8Array1D, Int64Array1D

_USED = int(ContractStatus.USED)
_SOURCE_WORDS = np.array([str(source) for source in SOURCES])


def positioned_contracts(run: PositioningRun, work: Workspace) -> PositionedContracts:
    """The used contracts with their term structure.

    Parameters
    ----------
    run, work : of a book with one underlying whose status is OK.
    """
    book, terms = run.book, _term_structure(run)
    rows, listed = np.empty(len(book), dtype=np.int64), np.zeros(int(work.strikes[0]), dtype=np.int64)
    used = _used_kernel(
        book.series_start,
        work.status,
        work.strike_index,
        book.open_interest,
        book.volume,
        rows,
        listed,
        terms.contracts,
        terms.open_interest,
        terms.volume,
    )
    gamma, delta, vanna, charm = work.greeks
    columns = PricedColumns(
        book=book,
        panel=run.panel,
        rows=rows[:used],
        implied_vol=work.implied_vol,
        vol_source=work.vol_source,
        dealer_sign=work.sign[run.panel.chosen],
        gamma=gamma,
        delta=delta,
        vanna=vanna,
        charm=charm,
        days_per_year=run.clock.days_per_year,
        log_moneyness=work.log_moneyness,
        strikes=work.ladder[np.flatnonzero(listed)],
        ladder_index=work.strike_index,
        strike_place=np.cumsum(listed > 0) - 1,
    )
    contracts = PositionedContracts(columns, terms)
    sums, _ = exposure_tables.series_sums(contracts, "open_interest")
    terms.gamma_exposure_usd_per_pct[:], terms.delta_exposure_usd[:] = sums[0], sums[1]
    terms.vanna_exposure_usd_per_vol_point[:], terms.charm_exposure_usd_per_day[:] = sums[2], sums[3]
    return contracts


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _used_kernel(
    series_start: Int64Array1D,
    status: Int8Array1D,
    strike_index: Int64Array1D,
    open_interest: Float64Array1D,
    volume: Float64Array1D,
    rows: Int64Array1D,
    listed: Int64Array1D,
    contracts: Int64Array1D,
    held: Float64Array1D,
    traded: Float64Array1D,
) -> int:
    """Rows of the used contracts, how many of them each listed strike has, and what each series (g,) holds of them.

    Returns how many there are. Unknown volumes count nothing.
    """
    count = 0
    for g in range(contracts.size):
        first, interest, volumes = count, 0.0, 0.0
        for i in range(series_start[g], series_start[g + 1]):
            if status[i] == _USED:
                rows[count] = i
                listed[strike_index[i]] += 1
                interest += open_interest[i]
                volumes += volume[i] if 0.0 <= volume[i] <= LARGEST_COUNT else 0.0
                count += 1
        contracts[g], held[g], traded[g] = count - first, interest, volumes
    return count


def _term_structure(run: PositioningRun) -> TermStructure:
    """The series with their curve and volatility; sums over contracts are still to come."""
    book, carry, found = run.book, run.carry, run.figures
    g = len(book.expiry)
    return TermStructure(
        root=book.series_root,
        expiry=book.expiry,
        settles_at=book.settles_at,
        time_to_expiry_years=run.years,
        clock_years=run.clock_years,
        forward=carry.forward,
        discount=carry.discount,
        rate=carry.rate,
        dividend_yield=carry.dividend_yield,
        atm_implied_vol=found.series_atm_vol,
        straddle_usd=found.series_straddle,
        expected_move_usd=found.series_straddle / carry.discount,
        gamma_exposure_usd_per_pct=np.empty(g),
        delta_exposure_usd=np.empty(g),
        vanna_exposure_usd_per_vol_point=np.empty(g),
        charm_exposure_usd_per_day=np.empty(g),
        open_interest=np.empty(g),
        volume=np.empty(g),
        contracts=np.empty(g, dtype=np.int64),
        is_0dte=run.is_0dte,
        forward_source=_SOURCE_WORDS[carry.forward_source],
    )


def early_exercise(run: PositioningRun, work: Workspace) -> EarlyExercise:
    """What valuing early exercise changed in the used contracts of a book with one underlying."""
    if not run.american.any():
        nothing = _words_on_exercise(run.value_early_exercise, 0, np.empty(0), np.empty(0))
        return EarlyExercise(run.value_early_exercise, 0, 0, math.nan, math.nan, math.nan, nothing)
    used = work.status == ContractStatus.USED
    american = int((used & np.repeat(run.american, np.diff(run.book.series_start))).sum())
    change = 100.0 * np.abs(work.vol_change[used & (work.vol_source == VolSource.SOLVED_AMERICAN)])
    known = change[np.isfinite(change)]
    moved = 1e4 * np.abs(np.log(run.carry.forward / run.figures.series_plain_forward))[run.american]
    return EarlyExercise(
        valued=run.value_early_exercise,
        american_contracts=american,
        adjusted_contracts=len(change),
        median_change_vol_points=float(np.median(known)) if len(known) else math.nan,
        largest_change_vol_points=float(known.max()) if len(known) else math.nan,
        largest_forward_change_bp=float(moved.max()) if run.value_early_exercise and len(moved) else math.nan,
        words=_words_on_exercise(run.value_early_exercise, american, change, known),
    )


def _words_on_exercise(valued: bool, american: int, change: Float64Array1D, known: Float64Array1D) -> str:
    if not american:
        return "every used contract is exercised at expiry only"
    if not valued:
        return f"early exercise of {american} American contracts is not valued: they are read as European"
    if not len(change):
        return f"early exercise of {american} American contracts is valued in forwards; volatilities are the source's"
    moved = (
        f"moved by {np.median(known):.2f} points in the median, {np.quantile(known, 0.95):.2f} for 95 %, "
        f"{known.max():.2f} at most"
        if len(known)
        else "solved"
    )
    noun = "volatility" if len(change) == 1 else "volatilities"
    return f"{len(change)} {noun} of American contracts solved with early exercise valued: {moved}"
