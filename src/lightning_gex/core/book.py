"""Contracts of one or many underlyings in the one order that every kernel runs along.

A chain is a book with one underlying; a whole market is a book with thousands. Series (the contracts of one root that
settle together) and underlyings are contiguous, so that a kernel takes slices and nothing has to be grouped again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from lightning_gex.core.arguments import check_fields
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import to_aware, to_datetime64
from lightning_gex.core.units import (
    BoolArray1D,
    DateArray1D,
    Float64Array1D,
    Int32Array1D,
    Int64Array1D,
    StrArray1D,
    TimeArray1D,
)

_CONTRACT_FLOATS = ("strike", "bid", "ask", "implied_vol", "open_interest", "volume", "multiplier")
_CONTRACTS = (*_CONTRACT_FLOATS, "is_call")
#: Beyond these a number is no price of a share or an index in USD, and squares of it leave float64's range of sense.
SPOT_RANGE_USD = (1e-6, 1e9)


@dataclass(frozen=True, slots=True, eq=False)
class ChainBook:
    """Option chains of one or many underlyings, sorted by underlying, settlement, root, strike, call before put.

    Parameters
    ----------
    strike, bid, ask : (n,) float64 USD; NaN where absent.
    implied_vol : (n,) float64, annualised fraction; NaN where absent or a sentinel.
    open_interest, volume : (n,) float64 contracts; NaN where absent. Open interest is the previous evening's.
    multiplier : (n,) float64 shares a contract.
    is_call : (n,) bool.
    series_start : (g + 1,) int64, where each series begins among the contracts; the last is n. No series is empty.
    series_root_code : (g,) int32 into ``root_names``.
    root_names : distinct option roots, rising.
    expiry : (g,) ``datetime64[D]`` listed expiry date.
    settles_at : (g,) ``datetime64[s]`` UTC, later than the underlying's ``as_of``.
    underlying_start : (u + 1,) int64, where each underlying begins among the series; the last is g.
    underlying : (u,) symbols. One symbol may stand for several moments.
    spot : (u,) float64 USD, positive.
    as_of : (u,) ``datetime64[s]`` UTC, when the quotes were true.
    contracts_read : (u,) int64 rows the source held.
    refused : reason -> (u,) int64 rows the reader refused for it.
    source : where it came from.
    modelled : True where a model and no market made the chains.

    Raises
    ------
    InputError : columns of unequal length, starts that do not rise, series or contracts out of order, a spot that is no
        price, a series that had settled by ``as_of`` or whose settlement is unknown.
    """

    strike: Float64Array1D
    bid: Float64Array1D
    ask: Float64Array1D
    implied_vol: Float64Array1D
    open_interest: Float64Array1D
    volume: Float64Array1D
    multiplier: Float64Array1D
    is_call: BoolArray1D
    series_start: Int64Array1D
    series_root_code: Int32Array1D
    root_names: tuple[str, ...]
    expiry: DateArray1D
    settles_at: TimeArray1D
    underlying_start: Int64Array1D
    underlying: tuple[str, ...]
    spot: Float64Array1D
    as_of: TimeArray1D
    contracts_read: Int64Array1D
    refused: Mapping[str, Int64Array1D] = field(default_factory=dict)
    source: str = "chain"
    modelled: bool = False

    def __post_init__(self) -> None:
        check_fields(self, source=self.source)
        _check_lengths(self)
        _check_starts(self)
        _check_underlyings(self)
        _check_series(self)
        _check_contracts(self)

    def __len__(self) -> int:
        return len(self.strike)

    @property
    def contract_start(self) -> Int64Array1D:
        """(u + 1,) where each underlying begins among the contracts."""
        return self.series_start[self.underlying_start]

    @property
    def series_of_contract(self) -> Int64Array1D:
        """(n,) each contract's series."""
        return np.repeat(np.arange(len(self.expiry)), np.diff(self.series_start))

    @property
    def underlying_of_series(self) -> Int64Array1D:
        """(g,) each series' underlying."""
        return np.repeat(np.arange(len(self.underlying)), np.diff(self.underlying_start))

    @property
    def series_root(self) -> StrArray1D:
        """(g,) each series' root."""
        return np.array(self.root_names, dtype=np.str_)[self.series_root_code]


def book_of(chain: OptionChain) -> ChainBook:
    """One chain as a book.

    Parameters
    ----------
    chain : in any order.

    Returns
    -------
    A book with one underlying. It does not depend on the order of the chain's contracts.

    Raises
    ------
    InputError : the spot is outside 1e-6 .. 1e9 USD.
    """
    return ordered(chain)[0]


def ordered(chain: OptionChain) -> tuple[ChainBook, Int64Array1D | None]:
    """The chain as a book, and (n,) the chain's row behind each contract of the book; None where the order is kept."""
    runs = _Runs.of(chain)
    order, runs = _order(chain, runs)
    columns = {name: getattr(chain, name) if order is None else getattr(chain, name)[order] for name in _CONTRACTS}
    book = ChainBook(
        **{name: np.ascontiguousarray(columns[name], dtype=np.float64) for name in _CONTRACT_FLOATS},
        is_call=np.ascontiguousarray(columns["is_call"], dtype=np.bool_),
        series_start=runs.start,
        series_root_code=runs.code.astype(np.int32),
        root_names=chain.root_names,
        expiry=runs.expiry,
        settles_at=runs.settles_at,
        underlying_start=np.array([0, len(runs.code)], dtype=np.int64),
        underlying=(chain.underlying,),
        spot=np.array([chain.spot], dtype=np.float64),
        as_of=np.array([to_datetime64(chain.as_of, source=chain.source)], dtype="datetime64[s]"),
        contracts_read=np.array([chain.contracts_read], dtype=np.int64),
        refused={reason: np.array([count], dtype=np.int64) for reason, count in chain.refused.items()},
        source=chain.source,
        modelled=chain.modelled,
    )
    return book, order


def chain_of(book: ChainBook, at: int) -> OptionChain:
    """One underlying of a book as a chain.

    Parameters
    ----------
    book : any book.
    at : index of the underlying.

    Raises
    ------
    InputError : no underlying has that index.
    """
    if not 0 <= at < len(book.underlying):
        raise InputError(f"the book holds {len(book.underlying)} underlyings, none is number {at}", source=book.source)
    series = slice(int(book.underlying_start[at]), int(book.underlying_start[at + 1]))
    rows = slice(int(book.series_start[series.start]), int(book.series_start[series.stop]))
    counts = np.diff(book.series_start[series.start : series.stop + 1])
    return OptionChain(
        underlying=book.underlying[at],
        as_of=to_aware(book.as_of[at]),
        spot=float(book.spot[at]),
        root=np.repeat(book.series_root[series], counts),
        expiry=np.repeat(book.expiry[series], counts),
        settles_at=np.repeat(book.settles_at[series], counts),
        **{name: getattr(book, name)[rows] for name in _CONTRACTS},
        contracts_read=int(book.contracts_read[at]),
        refused={reason: int(count[at]) for reason, count in book.refused.items() if count[at]},
        source=book.source,
        modelled=book.modelled,
    )


def joined(books: Sequence[ChainBook]) -> ChainBook:
    """Several books as one, their underlyings one after the other.

    Raises
    ------
    InputError : no book is given, or some are modelled and others not.
    """
    if not books:
        raise InputError("there is no book to join")
    if len({book.modelled for book in books}) > 1:
        raise InputError("modelled and quoted chains do not go into one book", source=books[0].source)
    names = tuple(sorted({name for book in books for name in book.root_names}))
    place = {name: i for i, name in enumerate(names)}
    codes = [
        np.array([place[name] for name in book.root_names], dtype=np.int32)[book.series_root_code] for book in books
    ]
    reasons = dict.fromkeys(reason for book in books for reason in book.refused)
    none = {len(book.underlying): np.zeros(len(book.underlying), dtype=np.int64) for book in books}
    sources = list(dict.fromkeys(book.source for book in books))
    return ChainBook(
        **{name: np.concatenate([getattr(book, name) for book in books]) for name in _CONTRACTS},
        series_start=_end_to_end([book.series_start for book in books]),
        series_root_code=np.concatenate(codes),
        root_names=names,
        underlying_start=_end_to_end([book.underlying_start for book in books]),
        underlying=tuple(name for book in books for name in book.underlying),
        **{
            name: np.concatenate([getattr(book, name) for book in books])
            for name in ("expiry", "settles_at", "spot", "as_of", "contracts_read")
        },
        refused={
            reason: np.concatenate([book.refused.get(reason, none[len(book.underlying)]) for book in books])
            for reason in reasons
        },
        source=sources[0] if len(sources) == 1 else f"{sources[0]} and {len(sources) - 1} more",
        modelled=books[0].modelled,
    )


def _end_to_end(starts: Sequence[Int64Array1D]) -> Int64Array1D:
    """The starts of segments laid one after the other."""
    lengths = np.concatenate([np.diff(start) for start in starts])
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """Rows side by side that share root, settlement and listed date; the last three (r,), ``start`` (r + 1,)."""

    start: Int64Array1D
    code: Int64Array1D
    settles_at: TimeArray1D
    expiry: DateArray1D

    @classmethod
    def of(cls, chain: OptionChain) -> _Runs:
        """The runs of a chain's rows as they stand."""
        n = len(chain)
        if n == 0:
            start = np.zeros(1, dtype=np.int64)
        else:
            other = chain.root_code[1:] != chain.root_code[:-1]
            other |= chain.settles_at[1:] != chain.settles_at[:-1]
            other |= chain.expiry[1:] != chain.expiry[:-1]
            start = np.concatenate(([0], np.flatnonzero(other) + 1, [n])).astype(np.int64)
        first = start[:-1]
        return cls(
            start,
            chain.root_code[first].astype(np.int64),
            chain.settles_at[first].astype("datetime64[s]"),
            chain.expiry[first].astype("datetime64[D]"),
        )

    def ranked(self) -> tuple[Int64Array1D, BoolArray1D]:
        """(r,) runs by settlement, root and date, and whether each of them is of another series than the one before."""
        rank = np.lexsort((self.expiry, self.code, self.settles_at))
        new = np.ones(len(rank), dtype=np.bool_)
        before, after = rank[:-1], rank[1:]
        new[1:] = self.code[after] != self.code[before]
        new[1:] |= self.settles_at[after] != self.settles_at[before]
        new[1:] |= self.expiry[after] != self.expiry[before]
        return rank, new

    def picked(self, rank: Int64Array1D, start: Int64Array1D) -> _Runs:
        """Some runs in another order, beginning elsewhere."""
        return _Runs(start, self.code[rank], self.settles_at[rank], self.expiry[rank])


def _order(chain: OptionChain, runs: _Runs) -> tuple[Int64Array1D | None, _Runs]:
    """(n,) the rows in the book's order, or None where they stand in it already; and the series in that order."""
    rank, new = runs.ranked()
    lengths = np.diff(runs.start)
    rises, doubled = _contracts_rise(chain.strike, chain.is_call, runs.start)
    if rises and not doubled and new.all():  # whole series at most change places
        if (rank[1:] > rank[:-1]).all():
            return None, runs
        moved = lengths[rank]
        start = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(moved)))
        order = np.repeat(runs.start[:-1][rank] - start[:-1], moved) + np.arange(len(chain))
        return order, runs.picked(rank, start)
    series = np.empty(len(rank), dtype=np.int64)
    series[rank] = np.cumsum(new) - 1
    of_row = np.repeat(series, lengths)
    start = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(np.bincount(of_row, minlength=int(new.sum())))))
    key = (~chain.is_call, chain.strike, of_row)
    order = np.lexsort(key)
    if _contracts_rise(chain.strike[order], chain.is_call[order], start)[1]:  # everything else tells the rows apart
        rest = (chain.multiplier, chain.volume, chain.open_interest, chain.implied_vol, chain.ask, chain.bid)
        order = np.lexsort((*rest, *key))
    return order, runs.picked(rank[new], start)


def _contracts_rise(strike: Float64Array1D, is_call: BoolArray1D, start: Int64Array1D) -> tuple[bool, bool]:
    """Whether strikes rise within every segment, NaN last, calls before puts of the same strike; and whether one of
    the segments holds two rows of the same strike and right."""
    if len(strike) < 2:
        return True, False
    before, after = strike[:-1], strike[1:]
    still = after == before
    # Only where the strike stands still (every other row of a whole chain) does the right decide.
    fine = (after > before) | (still & (is_call[:-1] | ~is_call[1:]))
    same = still & (is_call[1:] == is_call[:-1])
    borders = start[1:-1] - 1
    same[borders] = False
    if not fine.all():
        fine |= np.isnan(after)
        fine[borders] = True
    return bool(fine.all()), bool(same.any())


def _check_lengths(book: ChainBook) -> None:
    n, g, u = len(book.strike), len(book.expiry), len(book.underlying)
    wanted = dict.fromkeys(_CONTRACTS, n)
    wanted |= {"series_start": g + 1, "series_root_code": g, "settles_at": g}
    wanted |= {"underlying_start": u + 1, "spot": u, "as_of": u, "contracts_read": u}
    for name, length in wanted.items():
        if len(getattr(book, name)) != length:
            raise InputError(f"has {len(getattr(book, name))} values, wanted {length}", source=book.source, field=name)
    for reason, count in book.refused.items():
        if len(count) != u:
            raise InputError(f"refused '{reason}' has not one count an underlying", source=book.source, field="refused")


def _check_starts(book: ChainBook) -> None:
    series, underlyings = book.series_start, book.underlying_start
    if series[0] != 0 or series[-1] != len(book.strike) or not (np.diff(series) > 0).all():
        raise InputError(
            f"must rise from 0 to the {len(book.strike)} contracts, each series holding one at least",
            source=book.source,
            field="series_start",
        )
    if underlyings[0] != 0 or underlyings[-1] != len(book.expiry) or not (np.diff(underlyings) >= 0).all():
        raise InputError(
            f"must rise from 0 to the {len(book.expiry)} series", source=book.source, field="underlying_start"
        )


def _check_underlyings(book: ChainBook) -> None:
    low, high = SPOT_RANGE_USD
    sound = (book.spot >= low) & (book.spot <= high)  # NaN compares False
    if not sound.all():
        at = int(sound.argmin())
        raise InputError(
            f"spot {book.spot[at]:g} of {book.underlying[at]} is no price: {low:g} .. {high:g} USD wanted",
            source=book.source,
            field="spot",
        )
    if np.isnat(book.as_of).any():
        at = int(np.isnat(book.as_of).argmax())
        raise InputError(f"{book.underlying[at]} has no moment", source=book.source, field="as_of")


def _check_series(book: ChainBook) -> None:
    names, code = book.root_names, book.series_root_code
    if any(a >= b for a, b in pairwise(names)):
        raise InputError("names must be distinct and rise", source=book.source, field="root_names")
    if len(code) == 0:
        return
    if code.min() < 0 or code.max() >= len(names):
        raise InputError(f"a code lies outside the {len(names)} root names", source=book.source, field="root_code")
    alive = book.settles_at > book.as_of[book.underlying_of_series]  # NaT compares False
    if not alive.all():
        at = int(alive.argmin())
        raise InputError(
            f"series {names[code[at]]} {book.expiry[at]} settles at {book.settles_at[at]}, not later than its as_of",
            source=book.source,
            field="settles_at",
        )
    same_time = book.settles_at[1:] == book.settles_at[:-1]
    same_root = code[1:] == code[:-1]
    rises = book.settles_at[1:] > book.settles_at[:-1]
    rises |= same_time & ((code[1:] > code[:-1]) | (same_root & (book.expiry[1:] > book.expiry[:-1])))
    borders = book.underlying_start[1:-1] - 1
    rises[borders[(borders >= 0) & (borders < len(rises))]] = True
    if not rises.all():
        at = int(rises.argmin()) + 1
        raise InputError(
            f"series {names[code[at]]} {book.expiry[at]} stands too late: sort by settlement, root, expiry",
            source=book.source,
            field="settles_at",
        )


def _check_contracts(book: ChainBook) -> None:
    if not _contracts_rise(book.strike, book.is_call, book.series_start)[0]:
        raise InputError(
            "contracts of a series must rise in the strike, call before put", source=book.source, field="strike"
        )
