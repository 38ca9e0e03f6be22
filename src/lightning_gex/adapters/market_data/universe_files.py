"""What is known of tickers beside their prices: sectors, and dates that move them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lightning_gex.adapters.market_data.content import read_content
from lightning_gex.adapters.market_data.tables import Table, read_table
from lightning_gex.core.errors import InputError
from lightning_gex.core.event_calendar import WHOLE_MARKET, EventCalendar, MarketEvent


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
    known = _known_from(table) if "known_from" in table.columns else [None] * len(days)
    events = [
        MarketEvent(day, str(name), ticker or WHOLE_MARKET, since)
        for day, name, ticker, since in zip(days, names, tickers, known, strict=True)
    ]
    return EventCalendar(events, table.source)


def _known_from(table: Table) -> list[np.datetime64 | None]:
    days, problems = table.dates_or_nat("known_from")
    wrong = np.isin(np.arange(len(days)), list(problems)) & ~table.empty("known_from")
    table.refuse(wrong, "known_from", lambda i: problems[i])
    return [None if np.isnat(day) else day for day in days]
