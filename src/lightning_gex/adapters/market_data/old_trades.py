"""Trades of an old system, read from a file so that it can be held against this one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lightning_gex.adapters.market_data.content import read_content
from lightning_gex.adapters.market_data.tables import Table, read_table
from lightning_gex.core.old_trades import OldTrades
from lightning_gex.core.units import Float64Array1D, Int8Array1D, Int64Array1D

_REQUIRED = ("ticker", "entry_date", "exit_date", "direction")
_OPTIONAL = ("quantity", "size_pct", "entry_price", "exit_price")
_DIRECTIONS = {"long": 1, "short": -1}
_MOST_SHARES = 1e12


def read_old_trades(path: str | Path) -> OldTrades:
    """Trades of an old system: ``ticker,entry_date,exit_date,direction``, a size, and prices where they are known.

    Parameters
    ----------
    path : CSV (plain or gzip) or Parquet. ``direction`` is ``long`` or ``short``; the size is ``quantity`` (whole
        shares) or ``size_pct`` (notional over equity, 0.05 for 5 %), one of them in every row; ``entry_price`` and
        ``exit_price`` (USD a share) may be empty; an empty ``exit_date`` is a trade that is still open.

    Raises
    ------
    InputError : the first row that is wrong, with its field and what to do.
    """
    table = read_table(read_content(path))
    table.demand(_REQUIRED, _OPTIONAL)
    count = len(table)
    tickers = table.texts("ticker")
    table.refuse(np.array([not t for t in tickers], dtype=np.bool_), "ticker", lambda i: "a trade needs a ticker")
    entry = table.dates("entry_date")
    leave, problems = table.dates_or_nat("exit_date")
    wrong = np.isin(np.arange(count), list(problems)) & ~table.empty("exit_date")
    table.refuse(wrong, "exit_date", lambda i: problems[i])
    table.refuse(leave < entry, "exit_date", lambda i: f"{leave[i]} is before the entry, {entry[i]}")
    entry_price, exit_price = _prices(table, "entry_price"), _prices(table, "exit_price")
    table.refuse(
        np.isnat(leave) & np.isfinite(exit_price),
        "exit_price",
        lambda i: "an exit price without an exit date: give both",
    )
    same_day = (leave == entry) & ~(np.isfinite(exit_price) & np.isfinite(entry_price))
    table.refuse(
        same_day, "exit_price", lambda i: "a trade within one session needs both prices: daily bars do not tell them"
    )
    quantity, size_pct = _sizes(table)
    return OldTrades(
        ticker=tuple(str(t) for t in tickers),
        entry=entry,
        exit=leave,
        direction=_directions(table),
        quantity=quantity,
        size_pct=size_pct,
        entry_price=entry_price,
        exit_price=exit_price,
        line=table.line,
        source=table.source,
    )


def _directions(table: Table) -> Int8Array1D:
    said = [_DIRECTIONS.get((text or "").lower(), 0) for text in table.texts("direction")]
    found = np.array(said, dtype=np.int8)
    table.refuse(found == 0, "direction", lambda i: f"'{table.shown('direction', i)}' is neither long nor short")
    return found


def _prices(table: Table, name: str) -> Float64Array1D:
    if name not in table.columns:
        return np.full(len(table), np.nan)
    values = table.floats(name)
    table.refuse(
        (values <= 0) | np.isinf(values),
        name,
        lambda i: f"{table.shown(name, i)} is no price: leave it empty if unknown",
    )
    return values


def _sizes(table: Table) -> tuple[Int64Array1D, Float64Array1D]:
    """Whole shares, 0 where a fraction is given, and fractions, NaN where shares are given."""
    nothing = np.full(len(table), np.nan)
    shares = table.floats("quantity") if "quantity" in table.columns else nothing
    size_pct = table.floats("size_pct") if "size_pct" in table.columns else nothing
    both, neither = ~np.isnan(shares) & ~np.isnan(size_pct), np.isnan(shares) & np.isnan(size_pct)
    table.refuse(neither, "quantity", lambda i: "a trade needs a size: quantity (shares) or size_pct (of equity)")
    table.refuse(both, "size_pct", lambda i: "quantity and size_pct are both there: keep one of them")
    whole = np.isnan(shares) | ((shares >= 1) & (shares <= _MOST_SHARES) & (shares == np.floor(shares)))
    table.refuse(
        ~whole, "quantity", lambda i: f"{table.shown('quantity', i)} is no number of whole shares: use size_pct instead"
    )
    fraction = np.isnan(size_pct) | ((size_pct > 0) & (size_pct <= 1))
    table.refuse(
        ~fraction, "size_pct", lambda i: f"{table.shown('size_pct', i)} is no fraction of equity: 0.05 stands for 5 %"
    )
    return np.nan_to_num(shares, nan=0.0).astype(np.int64), size_pct
