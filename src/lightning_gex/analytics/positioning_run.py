"""One pass over a book, from columns to figures: for a chain and for a market the same stages.

A market is taken in chunks of underlyings whose columns stay in the processor's cache; there is no Python per
underlying, only per chunk. A chain is one chunk, whose columns are kept.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lightning_gex.analytics import positioning_kernels as stage
from lightning_gex.analytics.american_parity import american_carry_kernel
from lightning_gex.analytics.american_selection import american_vols_kernel
from lightning_gex.analytics.book_columns import contracts_of, series_years
from lightning_gex.analytics.chain_greeks import chain_greeks_kernel, log_moneyness_kernel
from lightning_gex.analytics.contract_selection import (
    select_kernel,
)
from lightning_gex.analytics.dealer_exposure import ONE_PER_CENT
from lightning_gex.analytics.dealer_models import (
    CUSTOM,
    NAIVE,
    UNSIGNED,
    VOLUME_SIGNED,
    ModelPanel,
    built_in_signs_kernel,
)
from lightning_gex.analytics.levels import atm_vol_kernel, straddle_kernel
from lightning_gex.analytics.option_time import TimeClock, time_to_expiry_years
from lightning_gex.analytics.parity import american_series
from lightning_gex.analytics.parity_kernels import (
    Carry,
    carry_kernel,
    empty_carry,
    part_of,
)
from lightning_gex.analytics.positioning_columns import Figures, Workspace, empty_figures, workspace_for
from lightning_gex.analytics.quote_stamps import QuoteStamps, quote_stamps
from lightning_gex.core.book import ChainBook
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.sessions import to_aware
from lightning_gex.core.units import (
    BoolArray1D,
    Float64Array1D,
    Int64Array1D,
)

CHUNK_CONTRACTS = 32_768  # the columns of one stage, 256 kB each, fit the second-level cache
_GAMMA = 0  # its place in EXPOSURES


@dataclass(frozen=True, slots=True, eq=False)
class PositioningRun:
    """A book, what was assumed, and what the pass found.

    Parameters
    ----------
    book, panel, clock, coverage_floor, value_early_exercise : what it was given.
    stamps : sessions of the underlyings' moments.
    years, clock_years : (g,) to each settlement, of the calendar and of charm's clock; the same where that is it.
    is_0dte : (g,) settles on the day of the quotes' session. american : (g,) can be exercised before.
    carry : curves of the series. figures : a row an underlying.
    """

    book: ChainBook
    panel: ModelPanel
    clock: TimeClock
    coverage_floor: float
    value_early_exercise: bool
    stamps: QuoteStamps
    years: Float64Array1D
    clock_years: Float64Array1D
    is_0dte: BoolArray1D
    american: BoolArray1D
    carry: Carry
    figures: Figures


def run_book(
    book: ChainBook,
    panel: ModelPanel,
    *,
    coverage_floor: float,
    clock: TimeClock,
    value_early_exercise: bool,
    workers: int = 1,
) -> PositioningRun:
    """Look at every underlying of a book.

    Parameters
    ----------
    book : one underlying or many.
    panel : ``dealer_models.panel`` of the same book.
    coverage_floor : share of open interest that must be usable, and of contracts whose open interest must be known.
    clock : which time charm decays on.
    value_early_exercise : whether forwards and solved volatilities of American options allow for it.
    workers : threads over which the underlyings are split; figures do not depend on it.

    Raises
    ------
    SettingsError : a floor outside 0 .. 1, or no worker.
    InputError : a moment outside the exchange's calendar.
    """
    if workers < 1:
        raise SettingsError(f"workers must be 1 or more, not {workers}")
    run = _prepared(book, panel, coverage_floor, clock, value_early_exercise)
    chunks = _chunks(book.contract_start)
    shares = [chunks[k::workers] for k in range(min(workers, len(chunks)))]
    if len(shares) < 2:
        _look_at_all(run, chunks)
    else:
        with ThreadPoolExecutor(len(shares)) as pool:
            list(pool.map(lambda share: _look_at_all(run, share), shares))
    return run


def run_chain(
    book: ChainBook, panel: ModelPanel, *, coverage_floor: float, clock: TimeClock, value_early_exercise: bool
) -> tuple[PositioningRun, Workspace]:
    """Look at a book with one underlying and keep its contracts' columns; arguments and errors of ``run_book``."""
    run = _prepared(book, panel, coverage_floor, clock, value_early_exercise)
    room = workspace_for(len(book), len(book.expiry), len(panel.kind))
    _look_at(run, 0, 1, room, every_series=True)
    return run, room


def _prepared(
    book: ChainBook, panel: ModelPanel, coverage_floor: float, clock: TimeClock, value_early_exercise: bool
) -> PositioningRun:
    if not 0.0 <= coverage_floor <= 1.0:
        raise SettingsError(f"coverage_floor is a share between 0 and 1, not {coverage_floor}")
    stamps = quote_stamps(book.as_of, book.source)
    years = series_years(book)
    return PositioningRun(
        book=book,
        panel=panel,
        clock=clock,
        coverage_floor=coverage_floor,
        value_early_exercise=value_early_exercise,
        stamps=stamps,
        years=years,
        clock_years=years if clock is TimeClock.CALENDAR else _clock_years(book, clock),
        is_0dte=book.settles_at < stamps.day_end[book.underlying_of_series],
        american=american_series(book),
        carry=empty_carry(len(book.expiry)),
        figures=empty_figures(len(book.underlying), len(book.expiry), len(panel.kind)),
    )


def _chunks(contract_start: Int64Array1D) -> list[tuple[int, int]]:
    """Ranges of underlyings of about ``CHUNK_CONTRACTS`` contracts together, or of one larger underlying."""
    count = len(contract_start) - 1
    wanted = np.arange(CHUNK_CONTRACTS, contract_start[-1] + 1, CHUNK_CONTRACTS)
    cuts = np.unique(np.concatenate(([0], np.searchsorted(contract_start, wanted, side="right") - 1, [count])))
    return [(int(a), int(b)) for a, b in pairwise(cuts)]


def _look_at_all(run: PositioningRun, chunks: list[tuple[int, int]]) -> None:
    book = run.book
    contracts = max((int(book.contract_start[b] - book.contract_start[a]) for a, b in chunks), default=0)
    series = max((int(book.underlying_start[b] - book.underlying_start[a]) for a, b in chunks), default=0)
    room = workspace_for(contracts, series, len(run.panel.kind))
    for first, last in chunks:
        _look_at(run, first, last, room, every_series=False)


class _Chunk:
    """Slices of a run for the underlyings ``first`` .. ``last`` - 1; starts count from 0."""

    def __init__(self, run: PositioningRun, first: int, last: int) -> None:
        book = run.book
        a, b = int(book.underlying_start[first]), int(book.underlying_start[last])
        c, d = int(book.series_start[a]), int(book.series_start[b])
        self.underlyings, self.series, self.contracts = slice(first, last), slice(a, b), slice(c, d)
        self.n = d - c
        self.spot = book.spot[first:last]
        self.series_start = book.series_start[a : b + 1] - c
        self.underlying_start = book.underlying_start[first : last + 1] - a
        self.contract_start = self.series_start[self.underlying_start]
        self.series_spot = np.repeat(self.spot, np.diff(self.underlying_start))
        self.years, self.clock_years, self.american = run.years[a:b], run.clock_years[a:b], run.american[a:b]
        self.columns = contracts_of(book, c, d)
        self.carry = part_of(run.carry, a, b)
        self.status = run.figures.status[first:last]


def _look_at(run: PositioningRun, first: int, last: int, room: Workspace, *, every_series: bool) -> None:
    """All stages over some underlyings; volatility and straddle of every series, or of those that are reported."""
    chunk = _Chunk(run, first, last)
    _select(run, chunk, room)
    _judge(run, chunk, room)
    _expose(run, chunk, room)
    _sum(run, chunk, room)
    _find_levels(run, chunk, room)
    _find_zero_gamma(run, chunk, room)
    _find_volatility(run, chunk, room, every_series=every_series)


def _select(run: PositioningRun, chunk: _Chunk, room: Workspace) -> None:
    """Forward curves, each contract's status and volatility, every model's signs."""
    columns, carry, n = chunk.columns, chunk.carry, chunk.n
    starts = (chunk.series_start, chunk.underlying_start, chunk.spot, chunk.years)
    carry_kernel(columns, *starts, room.carry, carry)
    run.figures.series_plain_forward[chunk.series] = carry.forward
    valued = run.value_early_exercise and bool(chunk.american.any())
    if valued:
        american_carry_kernel(chunk.american, columns, *starts, room.carry, room.passes, carry)
    status, vol, source = room.status[:n], room.implied_vol[:n], room.vol_source[:n]
    select_kernel(
        columns,
        chunk.series_start,
        carry.forward,
        carry.discount,
        chunk.years,
        room.selection,
        status,
        vol,
        source,
    )
    if valued:
        american_vols_kernel(
            chunk.american,
            columns,
            *starts,
            carry,
            room.selection,
            room.spare[0],
            status,
            vol,
            source,
            room.vol_change[:n],
        )
    for m, kind in enumerate(run.panel.kind.tolist()):
        if kind >= CUSTOM:
            room.sign[m, :n] = run.panel.custom[kind - CUSTOM, chunk.contracts]
        elif kind in (NAIVE, VOLUME_SIGNED) or m == run.panel.chosen:  # the others follow from naive
            built_in_signs_kernel(kind, columns.is_call, columns.volume, columns.open_interest, room.sign[m, :n])
    if run.panel.kind[run.panel.chosen] > UNSIGNED:  # the first three know every sign
        stage.refuse_unsigned_kernel(room.sign[run.panel.chosen, :n], status, vol)


def _judge(run: PositioningRun, chunk: _Chunk, room: Workspace) -> None:
    """Counts, coverage, and whether there is enough for an answer."""
    found, at, n, columns = run.figures, chunk.underlyings, chunk.n, chunk.columns
    status, start = room.status[:n], chunk.contract_start
    refused, calls = found.refused[at], found.calls[at]
    reach, coverage = found.reach[at], found.coverage[at]
    stage.tally_kernel(
        start,
        columns.strike,
        columns.open_interest,
        columns.is_call,
        room.vol_source[:n],
        status,
        refused,
        calls,
        found.vendor_vols[at],
        reach,
        coverage,
    )
    stage.judge_kernel(
        chunk.spot,
        run.coverage_floor,
        refused,
        calls,
        reach,
        coverage,
        found.open_interest_known[at],
        chunk.status,
    )


def _expose(run: PositioningRun, chunk: _Chunk, room: Workspace) -> None:
    """Greeks of the used contracts."""
    columns, n = chunk.columns, chunk.n
    stage.weigh_kernel(
        columns.strike,
        columns.open_interest,
        columns.multiplier,
        room.status[:n],
        room.strike[:n],
        room.used_shares[:n],
        room.known_shares[:n],
    )
    log_moneyness_kernel(chunk.series_start, chunk.series_spot, columns.strike, room.log_moneyness[:n])
    gamma, delta, vanna, charm = (column[:n] for column in room.greeks)
    terms = (chunk.series_spot, chunk.years, chunk.carry.rate, chunk.carry.dividend_yield)
    contracts = (room.log_moneyness[:n], room.implied_vol[:n], columns.is_call)
    chain_greeks_kernel(chunk.series_start, *terms, *contracts, delta, gamma, vanna, charm)
    if run.clock is not TimeClock.CALENDAR:
        _retime_charm(chunk, room, charm)


def _retime_charm(chunk: _Chunk, room: Workspace, charm: Float64Array1D) -> None:
    """Charm per year of the other clock: today's total variance and carry kept, only their decay re-timed."""
    n, own = chunk.n, chunk.clock_years
    scale = np.divide(chunk.years, own, out=np.full(len(own), np.nan), where=own > 0)
    of_contract = np.repeat(scale, np.diff(chunk.series_start))
    terms = (chunk.series_spot, own, chunk.carry.rate * scale, chunk.carry.dividend_yield * scale)
    contracts = (room.log_moneyness[:n], room.implied_vol[:n] * np.sqrt(of_contract), chunk.columns.is_call)
    unwanted = np.empty((3, n))
    chain_greeks_kernel(chunk.series_start, *terms, *contracts, unwanted[0], unwanted[1], unwanted[2], charm)
    # Nothing decays before the next session where none is left until settlement.
    charm[np.isnan(of_contract)] = 0.0


def _sum(run: PositioningRun, chunk: _Chunk, room: Workspace) -> None:
    """Exposures under every model; gamma by volume, without what settles today, and gross."""
    found, at, n, columns = run.figures, chunk.underlyings, chunk.n, chunk.columns
    start, status = chunk.contract_start, chunk.status
    stage.sum_models_kernel(
        start,
        status,
        run.coverage_floor,
        chunk.spot,
        run.clock.days_per_year,
        columns.open_interest,
        room.status[:n],
        room.used_shares[:n],
        room.greeks,
        run.panel.kind,
        room.sign,
        room.gross_gamma,
        room.spare[0],
        found.by_model[at],
    )
    sign = room.sign[run.panel.chosen, :n]
    np.multiply(sign, room.used_shares[:n], out=room.held[:n])
    stage.sum_apart_kernel(
        chunk.series_start,
        chunk.underlying_start,
        status,
        run.is_0dte[chunk.series],
        sign,
        room.gross_gamma[:n],
        found.gamma_ex_0dte[at],
        found.gross_gamma[at],
    )
    stage.sum_traded_kernel(
        start,
        status,
        chunk.spot * chunk.spot * ONE_PER_CENT,
        sign,
        room.greeks[_GAMMA, :n],
        columns.volume,
        columns.multiplier,
        found.gamma_by_volume[at],
    )
    stage.count_dates_kernel(
        chunk.series_start,
        chunk.underlying_start,
        run.book.expiry[chunk.series].astype(np.int64),
        room.status[:n],
        np.empty(len(chunk.years), dtype=np.bool_),
        found.expiries[at],
    )


def _find_levels(run: PositioningRun, chunk: _Chunk, room: Workspace) -> None:
    n = chunk.n
    room.strikes[0] = stage.levels_kernel(
        chunk.series_start,
        chunk.underlying_start,
        chunk.spot,
        chunk.status,
        chunk.years,
        room.strike[:n],
        chunk.columns.is_call,
        room.gross_gamma[:n],
        room.known_shares[:n],
        room.ladder,
        room.strike_index,
        room.spare,
        run.figures.levels[chunk.underlyings],
    )


def _find_zero_gamma(run: PositioningRun, chunk: _Chunk, room: Workspace) -> None:
    """Profile and roots under the chosen model."""
    found, at, n, carry = run.figures, chunk.underlyings, chunk.n, chunk.carry
    forward = carry.forward / chunk.series_spot
    stage.zero_gammas_kernel(
        chunk.series_start,
        chunk.underlying_start,
        chunk.spot,
        chunk.status,
        room.log_moneyness[:n],
        room.implied_vol[:n],
        room.held[:n],
        np.sqrt(chunk.years),
        np.log(forward),
        forward * carry.discount,
        room.exposure,
        room.profile,
        found.roots[at],
        found.root_nearest[at],
        found.root_count[at],
        found.root_status[at],
    )


def _find_volatility(run: PositioningRun, chunk: _Chunk, room: Workspace, *, every_series: bool) -> None:
    """At-the-money volatility and straddle of the series, and what they say of each underlying."""
    found, at, n, carry, columns = run.figures, chunk.underlyings, chunk.n, chunk.carry, chunk.columns
    vols, straddles = found.series_atm_vol[chunk.series], found.series_straddle[chunk.series]
    session_years = run.stamps.session_years[at]
    quotes = (room.strike[:n], columns.is_call, columns.bid, columns.ask)
    vol, starts = room.implied_vol[:n], (chunk.series_start, chunk.underlying_start, chunk.status, chunk.years)
    if every_series:
        atm_vol_kernel(room.strike[:n], vol, chunk.series_start, carry.forward, vols)
        ignored = np.empty(len(straddles), dtype=np.int8)
        straddle_kernel(*quotes, chunk.series_start, carry.forward, carry.discount, straddles, ignored)
    else:
        stage.month_vols_kernel(*starts, room.strike[:n], vol, carry.forward, vols)
        stage.nearest_straddle_kernel(*starts, session_years, *quotes, carry.forward, carry.discount, straddles)
    series = found.straddle_series[at]
    stage.volatility_kernel(
        chunk.underlying_start,
        chunk.status,
        chunk.years,
        session_years,
        carry.discount,
        vols,
        straddles,
        found.month_vol[at],
        found.straddle_move[at],
        series,
    )
    series[series >= 0] += chunk.series.start


def _clock_years(book: ChainBook, clock: TimeClock) -> Float64Array1D:
    """(g,) years to each settlement on another clock; the underlyings of one moment are looked at together."""
    out = np.empty(len(book.expiry))
    as_of = book.as_of[book.underlying_of_series]
    for moment in np.unique(as_of):
        at = as_of == moment
        out[at] = time_to_expiry_years(to_aware(moment), book.settles_at[at], clock)
    return out
