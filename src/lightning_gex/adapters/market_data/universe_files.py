"""What is known of tickers beside their prices: who belongs to a universe, sectors, and dates that move them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lightning_gex.adapters.market_data.content import Content, read_content
from lightning_gex.adapters.market_data.tables import Table, clipped, column_names, read_table
from lightning_gex.core.errors import InputError
from lightning_gex.core.event_calendar import WHOLE_MARKET, EventCalendar, MarketEvent
from lightning_gex.core.membership import Membership
from lightning_gex.core.units import DateArray1D

#: Characters of the longest symbol that a bare list may name; a longer line is no symbol.
_LONGEST_SYMBOL = 24


def read_universe(path: str | Path) -> Membership | tuple[str, ...]:
    """Who belongs to a universe.

    Parameters
    ----------
    path : one of three forms, CSV (plain or gzip) or Parquet: ``from,ticker`` or ``from,ticker,to``, one row a time of
        belonging, both days included and an empty ``to`` for who still belongs; a table with the one column ``ticker``;
        or one symbol a line and no header.

    Returns
    -------
    A universe along time where the file has dates; else the symbols in the file's order, each once.

    Raises
    ------
    InputError : the first row without a symbol or a date, that ends before it begins, or that overlaps another of the
        same ticker.
    """
    content = read_content(path)
    names = column_names(content)
    if "from" not in names and "ticker" not in names:
        return _bare_list(content)
    table = read_table(content)
    if "from" not in names:
        table.demand(("ticker",))
        return tuple(dict.fromkeys(_symbols(table)))
    table.demand(("from", "ticker"), ("to",))
    symbols, first = _symbols(table), table.dates("from")
    last = _dates_or_nat(table, "to") if "to" in table.columns else [None] * len(first)
    until = np.array([np.datetime64("NaT", "D") if day is None else day for day in last], dtype="datetime64[D]")
    table.refuse(until < first, "to", lambda i: f"{symbols[i]} leaves on {until[i]}, before it comes on {first[i]}")
    _refuse_overlaps(table, symbols, first, until)
    return Membership.of_intervals(symbols, first, until)


def _symbols(table: Table) -> list[str]:
    found = table.texts("ticker")
    table.refuse(np.array([not text for text in found], dtype=np.bool_), "ticker", lambda _: "the ticker is missing")
    return [str(text) for text in found]


def _bare_list(content: Content) -> tuple[str, ...]:
    """One symbol a line."""
    if content.is_parquet:
        raise InputError(
            "holds no universe: give the columns from,ticker,to, or ticker alone", source=content.source, row=1
        )
    found: dict[str, None] = {}
    for i, line in enumerate(content.text().split("\n"), start=1):
        symbol = line.strip()
        if symbol and (len(symbol) > _LONGEST_SYMBOL or not symbol.isprintable() or set(symbol) & set(', ;\t"')):
            raise InputError(
                f"'{clipped(symbol)}' is no symbol: one a line, or a table from,ticker,to", source=content.source, row=i
            )
        if symbol:
            found[symbol] = None
    return tuple(found)


def _refuse_overlaps(table: Table, symbols: list[str], first: DateArray1D, until: DateArray1D) -> None:
    """Refuse the second of two times that share a day."""
    forever = np.where(np.isnat(until), np.datetime64("9999-12-31", "D"), until)
    wrong = np.zeros(len(symbols), dtype=np.bool_)
    ends: dict[str, np.datetime64] = {}
    for i in np.argsort(first, kind="stable").tolist():
        before = ends.get(symbols[i])
        wrong[i] = before is not None and bool(first[i] <= before)
        ends[symbols[i]] = forever[i] if before is None else max(before, forever[i])
    table.refuse(wrong, "from", lambda i: f"{symbols[i]} belongs already on {first[i]}: end the time before")


def read_sectors(path: str | Path) -> dict[str, str]:
    """Sectors of tickers: ``ticker,sector``, one row a ticker.

    Parameters
    ----------
    path : CSV (plain or gzip) or Parquet.

    Returns
    -------
    Ticker -> sector, as written. A ticker whose sector is empty is left out: it is not known.

    Raises
    ------
    InputError : the first row without a ticker, or with a ticker that has a sector already.
    """
    table = read_table(read_content(path))
    table.demand(("ticker", "sector"))
    found: dict[str, str] = {}
    for i, (ticker, sector) in enumerate(zip(table.texts("ticker"), table.texts("sector"), strict=True)):
        if not ticker:
            raise InputError("a sector without a ticker", source=table.source, row=int(table.line[i]), field="ticker")
        if ticker in found:
            raise InputError(
                f"{ticker} is there twice: keep one row a ticker",
                source=table.source,
                row=int(table.line[i]),
                field="ticker",
            )
        if sector:
            found[ticker] = sector
    return found


def read_events(path: str | Path) -> EventCalendar:
    """Dated events: ``date,event``, optionally ``ticker`` and ``known_from``.

    Parameters
    ----------
    path : CSV (plain or gzip) or Parquet. ``date`` is the first session whose prices can answer to the event; an empty
        ``ticker`` concerns the whole market; an empty ``known_from`` means that the date was always known, a filled one
        that nobody knew it before that session.

    Raises
    ------
    InputError : the first row that is wrong.
    """
    table = read_table(read_content(path))
    table.demand(("date", "event"), ("ticker", "known_from"))
    days, names = table.dates("date"), table.texts("event")
    empty = np.array([not name for name in names], dtype=np.bool_)
    table.refuse(empty, "event", lambda i: "an event needs a name, such as earnings")
    tickers = table.texts("ticker") if "ticker" in table.columns else [None] * len(days)
    known = _dates_or_nat(table, "known_from") if "known_from" in table.columns else [None] * len(days)
    events = [
        MarketEvent(day, str(name), ticker or WHOLE_MARKET, since)
        for day, name, ticker, since in zip(days, names, tickers, known, strict=True)
    ]
    return EventCalendar(events, table.source)


def _dates_or_nat(table: Table, name: str) -> list[np.datetime64 | None]:
    """The dates of a column; None where the cell is empty. Raises ``InputError`` at the first that is no date."""
    days, problems = table.dates_or_nat(name)
    wrong = np.isin(np.arange(len(days)), list(problems)) & ~table.empty(name)
    table.refuse(wrong, name, lambda i: problems[i])
    return [None if np.isnat(day) else day for day in days]
