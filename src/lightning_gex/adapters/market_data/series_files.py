"""Dated series from files: SqueezeMetrics-style flow, a volatility index, short rates, and the market's context."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lightning_gex.adapters.market_data.content import read_content
from lightning_gex.adapters.market_data.market_input import MarketInput, market_of
from lightning_gex.adapters.market_data.tables import Table, clipped, read_table
from lightning_gex.core.errors import InputError
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.units import DateArray1D, Float64Array1D

#: What a flow file may hold beside ``date``.
FLOW_COLUMNS = ("price", "dix", "gex", "coverage")
_SHARE = (0.0, 1.0, "is no share: it lies in 0..1")
_FLOW_RULES = {
    "price": (np.nextafter(0.0, 1.0), np.inf, "is not positive"),
    "dix": _SHARE,
    "coverage": _SHARE,
}
_NINE_DAY_INDEX = "VIX9D"
_PER_CENT = 0.01
_VOLATILITY_BOUNDS_PCT = (1.0, 1_000.0)  # outside it a column is no volatility index; 0.2 is a fraction
_RATE_BOUNDS_PCT = (-10.0, 100.0)  # outside it a column is no rate in per cent


def read_flow(path: str | Path) -> DatedSeries:
    """Dealers' gamma and dark-pool flow of an index: ``date`` with ``dix``, ``gex`` or both.

    Parameters
    ----------
    path : CSV (plain or gzip) or Parquet.

    Returns
    -------
    Those of the columns that the file has: ``dix`` (share of off-exchange volume sold short, 0..1), ``gex`` (USD
    dealers trade for a move of 1 %), ``price`` (index points), ``coverage`` (share of dollar volume behind ``dix``);
    NaN where a cell is empty. Row d is known after the close of d.

    Raises
    ------
    InputError : the first row that is wrong, or neither ``dix`` nor ``gex`` is there.
    """
    table = read_table(read_content(path))
    table.demand(("date",), FLOW_COLUMNS)
    if not {"dix", "gex"} & set(table.columns):
        raise InputError(
            f"it has neither 'dix' nor 'gex' (known: date, {', '.join(FLOW_COLUMNS)})", source=table.source, row=1
        )
    session = _ordered_dates(table)
    columns = {name: _finite(table, name) for name in FLOW_COLUMNS if name in table.columns}
    for name, values in columns.items():
        low, high, problem = _FLOW_RULES.get(name, (-np.inf, np.inf, ""))
        _refuse_outside(table, name, values, (low, high), problem)
    return DatedSeries(session, columns, table.source)


def read_volatility_index(path: str | Path, *, index: str = "VIX") -> DatedSeries:
    """A volatility index: ``date,close`` (optionally ``open,high,low``), or the long form with a column ``index``.

    Parameters
    ----------
    path : CSV (plain or gzip) or Parquet.
    index : which one to take from the long form; a file without the column ``index`` is taken to hold it.

    Returns
    -------
    Columns ``close`` and those of ``open, high, low`` that are there, index points; NaN where a cell is empty. They are
    taken as published: Cboe's own history has days whose open lies outside low..high. VIX from the long form brings
    ``nine_day_close``, that of VIX9D, where that is there; NaN on sessions without it.

    Raises
    ------
    InputError : the first row that is wrong, or the index is not in the file.
    """
    table = read_table(read_content(path))
    long_form = "index" in table.columns
    table.demand((*(("index",) if long_form else ()), "date", "close"), ("open", "high", "low"))
    nine_day = None
    if long_form:
        whole, table = table, _rows_of_index(table, index)
        if index == "VIX" and _NINE_DAY_INDEX in whole.texts("index"):
            nine_day = _rows_of_index(whole, _NINE_DAY_INDEX)
    session = _ordered_dates(table)
    columns: dict[str, Float64Array1D] = {}
    for name in ("close", "open", "high", "low"):
        if name in table.columns:
            columns[name] = _index_points(table, name)
    if nine_day is not None:
        closes = DatedSeries(_ordered_dates(nine_day), {"close": _index_points(nine_day, "close")}, table.source)
        columns["nine_day_close"] = closes.aligned("close", session, max_age_days=0)
    return DatedSeries(session, columns, table.source)


def read_rates(path: str | Path) -> DatedSeries:
    """Short rates: ``date,IRX_close`` and optionally ``DFF``, in per cent a year.

    Parameters
    ----------
    path : CSV (plain or gzip) or Parquet.

    Returns
    -------
    Columns ``bill_rate`` (13-week Treasury bill) and, where given, ``fed_funds_rate``: fractions a year (0.05 = 5 %),
    NaN where a cell is empty. Rates below zero happen and are kept.

    Raises
    ------
    InputError : the first row that is wrong.
    """
    table = read_table(read_content(path))
    table.demand(("date", "IRX_close"), ("DFF",))
    session = _ordered_dates(table)
    columns = {"bill_rate": _rate(table, "IRX_close")}
    if "DFF" in table.columns:
        columns["fed_funds_rate"] = _rate(table, "DFF")
    return DatedSeries(session, columns, table.source)


def read_market(path: str | Path) -> MarketInput:
    """The market's context: one record in JSON or TOML, or a table by date in CSV or Parquet, told apart by content.

    Parameters
    ----------
    path : the file; its names are ``spy_trend, vix, vix_20_avg, adx, advance_decline_ratio``, any of them.

    Raises
    ------
    InputError : an unknown name, a value that cannot be, a time without a zone.
    """
    return market_of(read_content(path))


def _rate(table: Table, name: str) -> Float64Array1D:
    values = _finite(table, name)
    low, high = _RATE_BOUNDS_PCT
    table.refuse(
        (values < low) | (values > high), name, lambda i: f"{values[i]:.10g} is no rate in per cent ({low:g}..{high:g})"
    )
    return values * _PER_CENT


def _index_points(table: Table, name: str) -> Float64Array1D:
    values = _finite(table, name)
    low, high = _VOLATILITY_BOUNDS_PCT
    table.refuse(values <= 0, name, lambda i: f"{values[i]:.10g} is not positive")
    table.refuse(
        (values < low) | (values > high),
        name,
        lambda i: f"{values[i]:.10g} is no volatility index ({low:g}..{high:g}): it is in per cent, 20 for 20 %",
    )
    return values


def _refuse_outside(table: Table, name: str, values: Float64Array1D, bounds: tuple[float, float], problem: str) -> None:
    low, high = bounds
    table.refuse((values < low) | (values > high), name, lambda i: f"{values[i]:.10g} {problem}")


def _rows_of_index(table: Table, index: str) -> Table:
    names = table.texts("index")
    table.refuse(np.array([name is None for name in names]), "index", lambda _: "the index is missing")
    mine = np.array([name == index for name in names])
    if not mine.any():
        there = ", ".join(sorted({clipped(name) for name in names if name})[:12])
        raise InputError(f"there is no {clipped(index)} in it: it has {there}", source=table.source, field="index")
    return table.where(mine)


def _ordered_dates(table: Table) -> DateArray1D:
    session = table.dates("date")
    step = np.diff(session.astype(np.int64), prepend=-(2**40))
    table.refuse(step == 0, "date", lambda i: f"{session[i]} appears twice")
    table.refuse(step < 0, "date", lambda i: f"{session[i]} is earlier than the row before it: sort by date")
    return session


def _finite(table: Table, name: str) -> Float64Array1D:
    values = table.floats(name)
    table.refuse(np.isinf(values), name, lambda _: "is infinite: leave the cell empty where there is no value")
    return values
