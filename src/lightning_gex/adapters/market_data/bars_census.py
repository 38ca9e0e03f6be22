"""What a bars file holds, ticker by ticker, without making bars of it: who, from when to when, how much was traded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from lightning_gex.adapters.market_data.bars_file import BAR_COLUMNS, ticker_column
from lightning_gex.adapters.market_data.content import read_content
from lightning_gex.adapters.market_data.tables import Table, read_table
from lightning_gex.core.membership import Membership
from lightning_gex.core.units import DateArray1D, Float64Array1D


@dataclass(frozen=True, slots=True, eq=False)
class BarsCensus:
    """The tickers of a bars file.

    Parameters
    ----------
    source : the file, for messages.
    bars : ticker -> how many bars it has, in the order of the file.
    first, last : ticker -> its first and last session.
    traded_usd : year -> ticker -> sum of close times volume, USD, over the bars that have a volume.
    last_of_year : (ticker, year) -> its last session in that year.
    sessions : (n,) ``datetime64[D]``, increasing: every date in the file.
    """

    source: str
    bars: Mapping[str, int]
    first: Mapping[str, np.datetime64]
    last: Mapping[str, np.datetime64]
    traded_usd: Mapping[int, Mapping[str, float]]
    last_of_year: Mapping[tuple[str, int], np.datetime64]
    sessions: DateArray1D

    def largest(self, names: int, among: Iterable[str] | Membership | None = None) -> Membership:
        """The tickers with the largest dollar volume of the calendar year before: see ``Membership.largest``."""
        return Membership.of_turnover(self.traded_usd, self.last_of_year, self.sessions, names, among=among)


def census_of_bars(path: str | Path) -> BarsCensus:
    """Count what a bars file holds.

    Parameters
    ----------
    path : long table ``ticker,date,open,high,low,close,volume``, CSV (plain or gzip) or Parquet.

    Raises
    ------
    InputError : a missing or unknown column, or the first ticker, date, close or volume that cannot be read.
    """
    table = read_table(read_content(path))
    table.demand(BAR_COLUMNS)
    return census_of_table(table)


def census_of_table(table: Table) -> BarsCensus:
    """The census of a table that has the columns of a bars file. Raises as ``census_of_bars`` does."""
    rows = pl.DataFrame({"ticker": ticker_column(table), "date": table.dates("date"), "usd": _dollars(table)})
    by_year = (
        rows.group_by("ticker", pl.col("date").dt.year().alias("year"), maintain_order=True)
        .agg(pl.len().alias("bars"), pl.col("usd").sum(), pl.col("date").min().alias("first"), pl.col("date").max())
        .sort("year", maintain_order=True)
    )
    bars: dict[str, int] = dict.fromkeys(rows["ticker"].unique(maintain_order=True), 0)
    first: dict[str, np.datetime64] = {}
    last: dict[str, np.datetime64] = {}
    traded: dict[int, dict[str, float]] = {}
    last_of_year: dict[tuple[str, int], np.datetime64] = {}
    for ticker, year, count, usd, begin, end in by_year.iter_rows():
        bars[ticker] += count
        first.setdefault(ticker, np.datetime64(begin, "D"))
        last[ticker] = last_of_year[ticker, year] = np.datetime64(end, "D")
        traded.setdefault(year, {})[ticker] = usd
    return BarsCensus(table.source, bars, first, last, traded, last_of_year, np.unique(rows["date"].to_numpy()))


def _dollars(table: Table) -> Float64Array1D:
    """(n,) what was traded, USD; 0 where no volume was given."""
    volume = table.floats("volume")
    with np.errstate(over="ignore", invalid="ignore"):
        usd: Float64Array1D = table.floats("close") * np.where(np.isnan(volume), 0.0, volume)
    wrong = ~((usd >= 0) & (usd < np.inf))
    table.refuse(wrong, "volume", lambda i: f"a volume of {volume[i]:.10g} at this close is no sum of dollars")
    return usd
