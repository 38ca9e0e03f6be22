"""Bars within the day, of one ticker, from a table by the moment each begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from lightning_gex.adapters.market_data.content import read_content
from lightning_gex.adapters.market_data.tables import Table, clipped, read_table
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import Float64Array1D, TimeArray1D

_OPTIONAL = ("open", "high", "low", "volume")


@dataclass(frozen=True, slots=True, eq=False)
class IntradayBars:
    """Bars within the day, oldest first.

    Parameters
    ----------
    starts_at : (n,) ``datetime64[s]`` UTC, strictly increasing.
    close : (n,) USD, positive.
    source : the file, for messages.
    """

    starts_at: TimeArray1D
    close: Float64Array1D
    source: str


def read_intraday(path: str | Path) -> IntradayBars:
    """Bars within the day: ``time,close`` and optionally ``open,high,low,volume``, which are not looked at.

    Parameters
    ----------
    path : CSV (plain or gzip) or Parquet. ``time`` is when a bar begins and carries its zone.

    Raises
    ------
    InputError : the first row that is wrong: a time without a zone, out of order or twice, or a close that is no price.
    """
    table = read_table(read_content(path))
    table.demand(("time", "close"), _OPTIONAL)
    starts_at = _instants(table)
    step = np.diff(starts_at.astype(np.int64), prepend=-(2**60))
    table.refuse(step == 0, "time", lambda i: f"{starts_at[i]} appears twice")
    table.refuse(step < 0, "time", lambda i: f"{starts_at[i]} is earlier than the row before it: sort by time")
    close = table.floats("close")
    table.refuse(~np.isfinite(close), "close", lambda _: "is missing or not a finite number")
    table.refuse(close <= 0, "close", lambda i: f"{close[i]:.10g} is not positive")
    return IntradayBars(starts_at, close, table.source)


def _instants(table: Table) -> TimeArray1D:
    column = table.frame["time"]
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is None:
            raise InputError(
                "the times have no zone: store them with one, such as UTC", source=table.source, field="time"
            )
        values = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy().astype("datetime64[s]")
        table.refuse(np.isnat(values), "time", lambda _: "the time is missing")
        return values
    texts = table.texts("time")
    values = np.array([_instant(text) for text in texts], dtype="datetime64[s]")
    table.refuse(
        np.isnat(values),
        "time",
        lambda i: f"'{clipped(texts[i] or '')}' is no time with a zone: 2021-03-01T14:30:00+00:00",
    )
    return values


def _instant(text: str | None) -> np.datetime64:
    try:
        moment = datetime.fromisoformat(text or "")
        if moment.tzinfo is not None:
            return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")
    except (ValueError, OverflowError):
        pass
    return np.datetime64("NaT", "s")
