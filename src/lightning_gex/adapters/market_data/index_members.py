"""Which tickers belong to an index on which sessions, and under which symbol their trades were reported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightning_gex.adapters.market_data.content import read_content
from lightning_gex.adapters.market_data.finra_short_volume import dotted
from lightning_gex.adapters.market_data.tables import Table, read_table
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import DateArray1D

_EVER_SINCE = np.datetime64("1900-01-01", "D")
_STILL = np.datetime64("2200-01-01", "D")
_DAY = np.timedelta64(1, "D")
#: today's ticker -> (symbol before, last session under it). Bars are sold under today's ticker, FINRA's files keep the
#: symbol of the day. Source: Meta Platforms, press release of 2022-05-31. Others belong into the members file.
FORMER_SYMBOLS = {"META": ("FB", np.datetime64("2022-06-08", "D"))}


@dataclass(frozen=True, slots=True)
class Membership:
    """One stretch of sessions for which a ticker belongs to the index.

    Parameters
    ----------
    ticker : as the bars name it, share class behind a dot.
    first, last : sessions, both included.
    symbol : as the trades were reported in these sessions, share class behind a dot.
    """

    ticker: str
    first: np.datetime64
    last: np.datetime64
    symbol: str


@dataclass(frozen=True, slots=True)
class IndexMembers:
    """All memberships of an index.

    Parameters
    ----------
    memberships : no ticker twice in one session.
    source : where they come from, for messages.
    """

    memberships: tuple[Membership, ...]
    source: str

    @property
    def tickers(self) -> tuple[str, ...]:
        """Every ticker that ever belonged to it, sorted."""
        return tuple(sorted({m.ticker for m in self.memberships}))

    @property
    def symbols(self) -> frozenset[str]:
        """Every symbol under which a member's trades were reported."""
        return frozenset(m.symbol for m in self.memberships)

    def during(self, sessions: DateArray1D) -> tuple[Membership, ...]:
        """The memberships that cover at least one of the sessions."""
        return tuple(m for m in self.memberships if ((sessions >= m.first) & (sessions <= m.last)).any())


def members_of(tickers: Iterable[str], source: str) -> IndexMembers:
    """An index whose members never change: the tickers given."""
    spells = ((dotted(t), _EVER_SINCE, _STILL, "") for t in dict.fromkeys(tickers))
    return IndexMembers(tuple(m for spell in spells for m in _memberships(*spell)), source)


def read_members(path: str | Path) -> IndexMembers:
    """The members of an index: ``ticker`` and optionally ``from``, ``to``, ``symbol``.

    Parameters
    ----------
    path : CSV (plain or gzip) or Parquet. ``from`` and ``to`` are the first and the last session of the membership,
        both included; empty where it has no such end. A ticker that left and came back has two rows. ``symbol`` is the
        one its trades were reported under, where that is another than the bars' ticker.

    Returns
    -------
    IndexMembers, share classes written with a dot. Where no ``symbol`` is given, ``FORMER_SYMBOLS`` says what a ticker
    was called before.

    Raises
    ------
    InputError : the first row that is wrong; a ticker that is a member twice in one session.
    """
    table = read_table(read_content(path))
    table.demand(("ticker",), ("from", "to", "symbol"))
    tickers = table.texts("ticker")
    table.refuse(np.array([not t for t in tickers]), "ticker", lambda _: "the ticker is missing")
    first = _dates_or(table, "from", _EVER_SINCE)
    last = _dates_or(table, "to", _STILL)
    table.refuse(last < first, "to", lambda i: f"{last[i]} is earlier than {first[i]} in 'from'")
    symbols: Sequence[str | None] = table.texts("symbol") if "symbol" in table.columns else [None] * len(table)
    names = [dotted(t or "") for t in tickers]
    _refuse_overlaps(table, names, first, last)
    found: list[Membership] = []
    for name, begin, end, symbol in zip(names, first, last, symbols, strict=True):
        found.extend(_memberships(name, begin, end, dotted(symbol or "")))
    return IndexMembers(tuple(found), table.source)


def _memberships(ticker: str, first: np.datetime64, last: np.datetime64, symbol: str) -> list[Membership]:
    """One stretch, cut in two where the ticker had another symbol before."""
    if symbol or ticker not in FORMER_SYMBOLS:
        return [Membership(ticker, first, last, symbol or ticker)]
    before, until = FORMER_SYMBOLS[ticker]
    parts = [(first, min(last, until), before), (max(first, until + _DAY), last, ticker)]
    return [Membership(ticker, begin, end, name) for begin, end, name in parts if begin <= end]


def _dates_or(table: Table, name: str, where_empty: np.datetime64) -> DateArray1D:
    if name not in table.columns or table.frame[name].null_count() == len(table):
        return np.full(len(table), where_empty, dtype="datetime64[D]")
    empty = table.frame[name].is_null().to_numpy()
    values, problems = table.dates_or_nat(name)
    wrong = {i: problem for i, problem in problems.items() if not empty[i]}
    if wrong:
        at = min(wrong)
        raise InputError(wrong[at], source=table.source, row=int(table.line[at]), field=name)
    return np.where(empty, where_empty, values).astype("datetime64[D]")


def _refuse_overlaps(table: Table, names: Sequence[str], first: DateArray1D, last: DateArray1D) -> None:
    latest: dict[str, np.datetime64] = {}
    for i in np.lexsort((last, first)).tolist():
        before = latest.get(names[i])
        if before is not None and first[i] <= before:
            raise InputError(
                f"{names[i]} is a member already on {first[i]}: let 'from' and 'to' of its rows not overlap",
                source=table.source,
                row=int(table.line[i]),
                field="from",
            )
        latest[names[i]] = last[i]
