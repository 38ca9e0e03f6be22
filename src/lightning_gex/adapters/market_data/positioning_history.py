"""The table of daily positioning features: one row an underlying and session, Parquet (or CSV of the same columns)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl

from lightning_gex.adapters.market_data.content import read_content
from lightning_gex.adapters.market_data.stale_open import same_underlying
from lightning_gex.adapters.market_data.tables import Table, clipped, read_table
from lightning_gex.analytics.positioning_features import FEATURES, FEATURES_VERSION, FeatureValue
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.units import BoolArray1D, DateArray1D, Float64Array1D

#: Name -> type of every column: the features, and where a row comes from.
COLUMNS: Mapping[str, type] = {**FEATURES, "source": str, "content_hash": str, "features_version": str}
_TYPES = {
    str: pl.String(),
    float: pl.Float64(),
    int: pl.Int64(),
    bool: pl.Boolean(),
    date: pl.Date(),
    datetime: pl.Datetime("us", "UTC"),
}
_NUMBERS = tuple(name for name, kind in FEATURES.items() if kind in (float, int))
_NEEDED = ("underlying", "session", "dealer_model", "features_version", *_NUMBERS)


@dataclass(frozen=True, slots=True, eq=False)
class PositioningHistory:
    """Daily positioning features of one or many underlyings.

    Parameters
    ----------
    source : the file, for messages.
    by_underlying : symbol -> its features by session: every number of ``FEATURES``, NaN where absent.
    dealer_model : the assumption behind every signed figure.
    """

    source: str
    by_underlying: Mapping[str, DatedSeries]
    dealer_model: str

    def of(self, ticker: str) -> DatedSeries | None:
        """The features of a ticker, however the two sources spell it; None where the history has none of it."""
        return next((s for name, s in self.by_underlying.items() if same_underlying(name, ticker)), None)


def history_frame(rows: Sequence[Mapping[str, FeatureValue]]) -> pl.DataFrame:
    """Rows of ``COLUMNS`` as a table, sorted by underlying and session; absent numbers are null."""
    columns = {name: [_or_null(row[name]) for row in rows] for name in COLUMNS}
    table = pl.DataFrame(columns, schema={name: _TYPES[kind] for name, kind in COLUMNS.items()})
    return table.sort("underlying", "session")


def history_bytes(table: pl.DataFrame) -> bytes:
    """The table as the contents of a Parquet file; the same bytes for the same table."""
    buffer = BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


def read_history(path: str | Path) -> PositioningHistory:
    """The features that ``lightning history build`` wrote.

    Parameters
    ----------
    path : Parquet, or CSV of the same columns.

    Returns
    -------
    PositioningHistory. A row is known after the close of its session.

    Raises
    ------
    InputError : it is no such table, of another version of the features, of several dealer models, not sorted by
        session, or a cell is wrong.
    """
    table = read_table(read_content(path))
    table.demand(_NEEDED, tuple(COLUMNS))
    _demand_version(table)
    names = table.texts("underlying")
    table.refuse(np.array([name is None for name in names]), "underlying", lambda _: "the symbol is missing")
    session = table.dates("session")
    numbers = {name: _number(table, name) for name in _NUMBERS}
    underlying = np.array(names, dtype=np.str_)
    found: dict[str, DatedSeries] = {}
    for name in dict.fromkeys(str(n) for n in names):
        rows = underlying == name
        found[name] = _series(table, rows, session, numbers)
    return PositioningHistory(table.source, found, _dealer_model(table))


def _series(
    table: Table, rows: BoolArray1D, session: DateArray1D, numbers: Mapping[str, Float64Array1D]
) -> DatedSeries:
    own = session[rows]
    step = np.diff(own.astype(np.int64), prepend=-(2**40))
    wrong = np.zeros(len(table), dtype=np.bool_)
    wrong[np.flatnonzero(rows)[step <= 0]] = True
    table.refuse(wrong, "session", lambda i: f"{session[i]} is not later than the row before it: build the table again")
    return DatedSeries(own, {name: values[rows] for name, values in numbers.items()}, table.source)


def _number(table: Table, name: str) -> Float64Array1D:
    values = table.floats(name)
    table.refuse(np.isinf(values), name, lambda _: "is infinite: build the table again")
    return values


def _demand_version(table: Table) -> None:
    versions = table.texts("features_version")
    wrong = np.array([version != FEATURES_VERSION for version in versions])
    table.refuse(
        wrong,
        "features_version",
        lambda i: f"version {clipped(versions[i] or 'none')}, this program reads {FEATURES_VERSION}: run history build",
    )


def _dealer_model(table: Table) -> str:
    models = table.texts("dealer_model")
    first = models[0]
    other = np.array([model != first or model is None for model in models])
    table.refuse(other, "dealer_model", lambda i: f"'{models[i]}' beside '{first}': build the table with one model")
    return str(first)


def _or_null(value: FeatureValue) -> FeatureValue:
    return None if isinstance(value, float) and value != value else value
