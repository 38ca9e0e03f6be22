"""From the rows of many underlyings to a ``ChainBook``: checked and put into the book's order over whole columns.

What belongs to a series (root, expiry, settlement) or to an underlying (spot, moment) is looked at once for each run of
rows that share it, and only strike, right, multiplier and quotes for each row. A file sorted by underlying, root,
expiry, strike and right, calls first, is taken as it stands: whole series move where a root settles out of turn, and no
row is sorted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightning_gex.adapters.market_data.chain_rows import (
    CALL,
    FIRST_EXPIRY,
    LARGEST_MULTIPLIER,
    LARGEST_PRICE_USD,
    LARGEST_SPOT_USD,
    LAST_EXPIRY,
    MORNING,
    NEITHER,
    UNREADABLE,
    UNSAID,
    Refusal,
    Refusals,
    count_or_nan,
    later_rows_of_a_key,
    price_or_nan,
    volatility_or_nan,
)
from lightning_gex.adapters.market_data.recycled import recycled
from lightning_gex.core.book import ChainBook
from lightning_gex.core.runs import coded
from lightning_gex.core.sessions import AM_SETTLED_ROOTS, FIRST_SESSION_YEAR, LAST_SESSION_YEAR, settlement_utc
from lightning_gex.core.units import (
    BoolArray1D,
    DateArray1D,
    Float64Array1D,
    Int8Array1D,
    Int64Array1D,
    TimeArray1D,
)

#: Columns of ``MarketRows`` with a value a run, and with a value a row.
RUN_COLUMNS = ("underlying", "as_of", "spot", "root", "expiry", "settlement")
ROW_FLOATS = ("strike", "multiplier", "bid", "ask", "implied_vol", "open_interest", "volume")
_ROW_COLUMNS = ("right", *ROW_FLOATS)
_SHORT_COLUMNS = (*RUN_COLUMNS, "right")
_SERIES_COLUMNS = ("block", "root", "expiry", "settles_at")
_FIRST_MOMENT = np.datetime64(f"{FIRST_SESSION_YEAR + 1}-01-01", "s")
_PAST_MOMENTS = np.datetime64(f"{LAST_SESSION_YEAR + 1}-01-01", "s")
_Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class MarketRows:
    """Rows of our own chain table; what neighbours share is written once for each run of them.

    Parameters
    ----------
    start : (g + 1,) where each run of rows that share the next six begins, and at last the number of rows.
    underlying, root : (g,) numbers of names.
    as_of : (g,) int64 microseconds since 1970, UTC; the least int64 where absent.
    spot : (g,) USD.
    expiry : (g,) int32 days since 1970; the least int32 where absent.
    settlement : (g,) ``MORNING`` and the like.
    right : (n,) ``CALL``, ``PUT`` or ``NEITHER``.
    strike, multiplier, bid, ask, implied_vol, open_interest, volume : (n,) float64.
    """

    start: Int64Array1D
    underlying: Int64Array1D
    as_of: Int64Array1D
    spot: Float64Array1D
    root: Int64Array1D
    expiry: Int64Array1D
    settlement: Int8Array1D
    right: Int8Array1D
    strike: Float64Array1D
    multiplier: Float64Array1D
    bid: Float64Array1D
    ask: Float64Array1D
    implied_vol: Float64Array1D
    open_interest: Float64Array1D
    volume: Float64Array1D

    def __len__(self) -> int:
        return len(self.strike)

    def underlying_runs(self) -> Int64Array1D:
        """(u + 1,) the first run of each underlying at one moment, and at last the number of runs."""
        other = (self.underlying[1:] != self.underlying[:-1]) | (self.as_of[1:] != self.as_of[:-1])
        return np.concatenate(([0], np.flatnonzero(other) + 1, [len(self.spot)])).astype(np.int64)

    def runs(self, first: int, past: int) -> MarketRows:
        """The rows of some runs; they share the memory of these."""
        begin, end = int(self.start[first]), int(self.start[past])
        columns: _Columns = {name: getattr(self, name)[first:past] for name in RUN_COLUMNS}
        columns |= {name: getattr(self, name)[begin:end] for name in _ROW_COLUMNS}
        return MarketRows(start=self.start[first : past + 1] - begin, **columns)


def joined(parts: Sequence[MarketRows]) -> MarketRows:
    """Rows one after the other; a run that goes on from one part to the next is one."""
    if len(parts) == 1:
        return parts[0]
    columns: _Columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _SHORT_COLUMNS}
    ends = np.cumsum([len(part) for part in parts])
    for name in ROW_FLOATS:
        columns[name] = np.concatenate([getattr(part, name) for part in parts], out=recycled(int(ends[-1])))
    start = np.concatenate([part.start[:-1] + end - len(part) for part, end in zip(parts, ends, strict=True)])
    border = np.cumsum([len(part.spot) for part in parts[:-1]])
    going_on = np.ones(len(border), dtype=np.bool_)
    for name in RUN_COLUMNS:
        going_on &= columns[name][border] == columns[name][border - 1]
    keep = np.delete(np.arange(len(start)), border[going_on])
    columns |= {name: columns[name][keep] for name in RUN_COLUMNS}
    return MarketRows(start=np.append(start[keep], ends[-1]), **columns)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An underlying that is in no book.

    Parameters
    ----------
    underlying : symbol.
    rows : rows the file holds of it.
    reason : ``bad_spot`` (no price, or more than one) or ``bad_as_of`` (no moment).
    """

    underlying: str
    rows: int
    reason: str


def book_of(
    rows: MarketRows,
    *,
    underlying_names: Sequence[str],
    root_names: Sequence[str],
    keyed_by_root: bool,
    source: str,
) -> tuple[ChainBook | None, list[LeftOut]]:
    """Rows as a book.

    Parameters
    ----------
    rows : of whole underlyings, each together.
    underlying_names, root_names : what the numbers stand for; an empty root is none.
    keyed_by_root : whether the rows name their roots, so that two rows of one contract are a mistake.
    source : the file.

    Returns
    -------
    The book, with rows refused counted by reason and underlying (None where no underlying can be in one); and the
    underlyings that cannot.
    """
    rows, left_out = _sound_underlyings(rows, underlying_names)
    if not len(rows):
        return None, left_out
    heading = _Heading.of(rows, underlying_names, source)
    series = _Series.of(rows, root_names)
    contracts: _Columns = {name: getattr(rows, name) for name in _ROW_COLUMNS}
    refusals = _refusals(rows, heading, series)
    counts = refusals.counts_by_part(rows.start[rows.underlying_runs()])
    if counts:
        contracts, series = _part(contracts, np.flatnonzero(refusals.kept)), series.without(refusals.refused)
    # Where no row says when it settles, the root and the expiry do, and rows of both agree.
    at_odds = keyed_by_root and bool((rows.settlement != UNSAID).any()) and _settle_at_odds(series)
    twice = _later_of_a_key(contracts, series) if at_odds else np.zeros(0, dtype=np.int64)
    if not at_odds:
        contracts, series = _in_order(contracts, series)
        twice = _repeated(contracts, series) if keyed_by_root else twice
    if len(twice):
        of = series.block[series.of_row(twice)]
        counts[Refusal.DUPLICATE_CONTRACT.value] = np.bincount(of, minlength=len(heading.rows)).astype(np.int64)
        contracts = _part(contracts, np.delete(np.arange(len(contracts["strike"])), twice))
        series = series.without(twice)
    if at_odds:
        contracts, series = _in_order(contracts, series)
    return _book(contracts, series, heading, counts), left_out


def _sound_underlyings(rows: MarketRows, names: Sequence[str]) -> tuple[MarketRows, list[LeftOut]]:
    """The rows of the underlyings that have one moment and one spot, and the others."""
    runs = rows.underlying_runs()
    first = runs[:-1]
    as_of = _moments(rows.as_of[first])
    known = (as_of >= _FIRST_MOMENT) & (as_of < _PAST_MOMENTS)  # NaT compares False
    block = np.repeat(np.arange(len(first)), np.diff(runs))
    one_spot = (rows.spot[first] > 0) & (rows.spot[first] <= LARGEST_SPOT_USD)
    one_spot[block[rows.spot != rows.spot[first][block]]] = False  # NaN differs from itself
    sound = known & one_spot
    if sound.all():
        return rows, []
    counts = np.diff(rows.start[runs])
    left_out = [
        LeftOut(names[rows.underlying[first[k]]], int(counts[k]), "bad_spot" if known[k] else "bad_as_of")
        for k in np.flatnonzero(~sound).tolist()
    ]
    return _without_runs(rows, sound[block]), left_out


def _without_runs(rows: MarketRows, keep: BoolArray1D) -> MarketRows:
    """The rows of the runs marked True."""
    counts = np.diff(rows.start)
    kept_rows = np.flatnonzero(np.repeat(keep, counts))
    columns: _Columns = {name: getattr(rows, name)[keep] for name in RUN_COLUMNS}
    columns |= {name: getattr(rows, name)[kept_rows] for name in _ROW_COLUMNS}
    return MarketRows(start=_starts(counts[keep]), **columns)


def _starts(counts: Int64Array1D) -> Int64Array1D:
    """(g + 1,) where parts of so many rows begin, laid end to end."""
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts)))


def _moments(micros: Int64Array1D) -> TimeArray1D:
    """(u,) ``datetime64[s]`` UTC."""
    utc: TimeArray1D = micros.view("datetime64[us]").astype("datetime64[s]")
    return utc


@dataclass(frozen=True, slots=True, eq=False)
class _Heading:
    """What is said of the underlyings of a book, (u,) each."""

    source: str
    underlying: tuple[str, ...]
    spot: Float64Array1D
    as_of: TimeArray1D
    rows: Int64Array1D

    @classmethod
    def of(cls, rows: MarketRows, names: Sequence[str], source: str) -> _Heading:
        runs = rows.underlying_runs()
        first = runs[:-1]
        underlying = tuple(names[code] for code in rows.underlying[first].tolist())
        return cls(source, underlying, rows.spot[first], _moments(rows.as_of[first]), np.diff(rows.start[runs]))


@dataclass(frozen=True, slots=True, eq=False)
class _Series:
    """Rows of one underlying, root, expiry and settlement that stand together.

    Parameters
    ----------
    start : (g + 1,) where each begins among the rows.
    block : (g,) its underlying.
    root : (g,) into ``root_names``, which rise.
    expiry : (g,) ``datetime64[D]``, NaT where it is none.
    settles_at : (g,) ``datetime64[s]`` UTC.
    """

    start: Int64Array1D
    block: Int64Array1D
    root: Int64Array1D
    root_names: tuple[str, ...]
    expiry: DateArray1D
    settles_at: TimeArray1D

    @classmethod
    def of(cls, rows: MarketRows, root_names: Sequence[str]) -> _Series:
        """The series of rows, in the rows' order."""
        runs = rows.underlying_runs()
        used, root = coded(rows.root)
        found = [root_names[code] for code in used.tolist()]
        names = tuple(sorted(set(found)))
        place = {name: i for i, name in enumerate(names)}
        root = np.array([place[name] for name in found], dtype=np.int64)[root]
        sound = (rows.expiry >= FIRST_EXPIRY.astype(np.int64)) & (rows.expiry <= LAST_EXPIRY.astype(np.int64))
        expiry = np.where(sound, rows.expiry, LAST_EXPIRY.astype(np.int64)).astype("datetime64[D]")
        by_root = np.array([name in AM_SETTLED_ROOTS for name in names], dtype=np.bool_)[root]
        am = np.where(rows.settlement == UNSAID, by_root, rows.settlement == MORNING)
        return cls(
            start=rows.start,
            block=np.repeat(np.arange(len(runs) - 1), np.diff(runs)),
            root=root,
            root_names=names,
            expiry=np.where(sound, expiry, np.datetime64("NaT", "D")),
            settles_at=settlement_utc(np.array(names, dtype=np.str_)[root], expiry, am_settled=am),
        )

    def of_row(self, row: Int64Array1D) -> Int64Array1D:
        """The series that each of some rows belongs to."""
        return np.searchsorted(self.start, row, side="right") - 1

    def without(self, gone: Int64Array1D) -> _Series:
        """The series after some rows (their positions, rising) have gone; those left empty go too."""
        counts = np.diff(self.start) - np.bincount(self.of_row(gone), minlength=len(self.block))
        left = np.flatnonzero(counts)
        return self._with(left, _starts(counts[left]))

    def picked(self, which: Int64Array1D) -> _Series:
        """All series, in the order given."""
        return self._with(which, _starts(np.diff(self.start)[which]))

    def joined(self, first: Int64Array1D) -> _Series:
        """The series with those that are not among ``first`` made part of the one before them."""
        return self._with(first, np.append(self.start[:-1][first], self.start[-1]))

    def _with(self, which: Int64Array1D, start: Int64Array1D) -> _Series:
        columns = {name: getattr(self, name)[which] for name in _SERIES_COLUMNS}
        return replace(self, start=start, **columns)


def _refusals(rows: MarketRows, heading: _Heading, series: _Series) -> Refusals:
    """Which rows are no contracts; for the same reasons, in the same order, as in a chain of one underlying."""
    refusals = Refusals(len(rows))
    counts = np.diff(series.start)

    def mark_series(wrong: BoolArray1D, why: Refusal) -> None:
        if wrong.any():
            refusals.mark(np.repeat(wrong, counts), why)

    nameless = np.array([name == "" for name in series.root_names], dtype=np.bool_)
    mark_series(nameless[series.root], Refusal.BAD_ROOT)
    refusals.mark(rows.right == NEITHER, Refusal.BAD_RIGHT)
    mark_series(np.isnat(series.expiry), Refusal.BAD_EXPIRY)
    refusals.mark(~((rows.strike > 0) & (rows.strike <= LARGEST_PRICE_USD)), Refusal.BAD_STRIKE)
    refusals.mark(~((rows.multiplier > 0) & (rows.multiplier <= LARGEST_MULTIPLIER)), Refusal.BAD_MULTIPLIER)
    mark_series(rows.settlement == UNREADABLE, Refusal.BAD_SETTLEMENT)
    mark_series(series.settles_at <= heading.as_of[series.block], Refusal.EXPIRED)
    return refusals


def _part(contracts: _Columns, rows: Int64Array1D) -> _Columns:
    return {name: column[rows] for name, column in contracts.items()}


def _in_order(contracts: _Columns, series: _Series) -> tuple[_Columns, _Series]:
    """Contracts and series in the order of a ``ChainBook``."""
    if not _series_rise(series):
        rank = np.lexsort((series.expiry, series.root, series.settles_at, series.block))
        contracts, series = _moved(contracts, series, rank), series.picked(rank)
    joins = _continues(series)
    if not joins.any() and _rises(contracts, series.start):
        return contracts, series
    whole = np.cumsum(~joins) - 1  # parts of one series that stood apart are one now
    order = np.lexsort((contracts["right"] != CALL, contracts["strike"], np.repeat(whole, np.diff(series.start))))
    return _part(contracts, order), series.joined(np.flatnonzero(~joins))


def _series_rise(series: _Series) -> bool:
    """Whether series stand in the order of underlying, settlement, root and expiry, equal ones side by side."""
    days = series.expiry.astype(np.int64)
    columns = (series.block, series.settles_at.astype(np.int64), series.root, days)
    equal = np.ones(max(len(series.block) - 1, 0), dtype=np.bool_)
    rises = np.zeros(len(equal), dtype=np.bool_)
    for column in columns:
        rises |= equal & (column[1:] > column[:-1])
        equal &= column[1:] == column[:-1]
    return bool((rises | equal).all())


def _moved(contracts: _Columns, series: _Series, rank: Int64Array1D) -> _Columns:
    """The contracts with their series in the order of ``rank``; those before and after all moves are only copied."""
    moves = np.flatnonzero(rank != np.arange(len(rank)))
    low, high = int(moves[0]), int(moves[-1]) + 1
    lengths = np.diff(series.start)[rank[low:high]]
    ends = np.cumsum(lengths)
    order = np.repeat(series.start[rank[low:high]] - (ends - lengths), lengths) + np.arange(int(ends[-1]))
    there = slice(int(series.start[low]), int(series.start[high]))
    moved: _Columns = {"right": contracts["right"].copy()}
    moved["right"][there] = contracts["right"][order]
    for name in ROW_FLOATS:
        column = moved[name] = recycled(len(contracts[name]))
        column[: there.start], column[there.stop :] = contracts[name][: there.start], contracts[name][there.stop :]
        np.take(contracts[name], order, out=column[there])
    return moved


def _continues(series: _Series) -> BoolArray1D:
    """(g,) whether a series is the one before it gone on."""
    same = np.zeros(len(series.block), dtype=np.bool_)
    if len(same):
        same[1:] = True
        for column in (series.block, series.root, series.expiry, series.settles_at):
            same[1:] &= column[1:] == column[:-1]
    return same


def _rises(contracts: _Columns, start: Int64Array1D) -> bool:
    """Whether strikes rise within every series, a call before a put of the same strike."""
    strike, right = contracts["strike"], contracts["right"]
    if len(strike) < 2:
        return True
    fine = strike[1:] > strike[:-1]
    fine |= (strike[1:] == strike[:-1]) & (right[:-1] >= right[1:])  # CALL is the larger code
    fine[start[1:-1] - 1] = True
    return bool(fine.all())


def _settle_at_odds(series: _Series) -> bool:
    """Whether rows of one root and expiry say that they settle at different moments: one contract may be among both."""
    order = np.lexsort((series.settles_at, series.expiry, series.root, series.block))
    same = np.ones(max(len(order) - 1, 0), dtype=np.bool_)
    for column in (series.block, series.root, series.expiry):
        same &= column[order][1:] == column[order][:-1]
    return bool((same & (series.settles_at[order][1:] != series.settles_at[order][:-1])).any())


def _later_of_a_key(contracts: _Columns, series: _Series) -> Int64Array1D:
    """Positions of the rows whose root, expiry, right and strike an earlier row of the underlying has."""
    expiry = series.expiry.astype(np.int64)
    of_series = np.unique(np.stack((series.block, series.root, expiry)), axis=1, return_inverse=True)[1].ravel()
    key = (np.repeat(of_series, np.diff(series.start)) << 1) + (contracts["right"] == CALL)
    return later_rows_of_a_key(key, contracts["strike"])


def _repeated(contracts: _Columns, series: _Series) -> Int64Array1D:
    """Positions of the rows that repeat the contract before them."""
    strike, right = contracts["strike"], contracts["right"]
    if len(strike) < 2:
        return np.zeros(0, dtype=np.int64)
    same = (strike[1:] == strike[:-1]) & (right[1:] == right[:-1])
    same[series.start[1:-1] - 1] = False
    return np.flatnonzero(same) + 1


def _book(contracts: _Columns, series: _Series, heading: _Heading, refused: Mapping[str, Int64Array1D]) -> ChainBook:
    return ChainBook(
        strike=contracts["strike"],
        bid=price_or_nan(contracts["bid"]),
        ask=price_or_nan(contracts["ask"]),
        implied_vol=volatility_or_nan(contracts["implied_vol"]),
        open_interest=count_or_nan(contracts["open_interest"]),
        volume=count_or_nan(contracts["volume"]),
        multiplier=contracts["multiplier"],
        is_call=contracts["right"] == CALL,
        series_start=series.start,
        series_root_code=series.root.astype(np.int32),
        root_names=series.root_names,
        expiry=series.expiry,
        settles_at=series.settles_at,
        underlying_start=np.searchsorted(series.block, np.arange(len(heading.rows) + 1)),
        underlying=heading.underlying,
        spot=heading.spot,
        as_of=heading.as_of,
        contracts_read=heading.rows,
        refused=refused,
        source=heading.source,
    )
