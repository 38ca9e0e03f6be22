"""Results of arrays as polars frames, and frames as the contents of files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from lightning_gex.adapters.market_data.chain_frames import chain_frame
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.series import DatedSeries

#: A table, for those who hold one and need not know who makes it.
Frame: TypeAlias = pl.DataFrame
TABLE_SUFFIXES = (".csv", ".parquet", ".json")
_COLUMN_KINDS = "biufUMm"  # numpy's letters for truth values, numbers, texts, moments and spans
_ISO_UTC = "%Y-%m-%dT%H:%M:%S%:z"
_MOMENT = pl.Datetime("us", "UTC")


def frame(result: object) -> pl.DataFrame:
    """The arrays of a result as one table, a row for each of their positions.

    Parameters
    ----------
    result : a result of arrays with one length (what ``DealerPositioning`` gives by strike, expiry or contract,
        ``DatedSeries``, ``MarketScan`` ...), a mapping of such arrays, or a frame already. What is no array along its
        rows (a name, a count, notes) is left out. An ``OptionChain`` becomes a table that ``read_chain`` reads.

    Returns
    -------
    One column an array, under the array's own name: its unit is in it. Dates and UTC moments are polars' own, absent
    numbers null.

    Raises
    ------
    InputError : there is no array in it, or arrays of different lengths.

    Examples
    --------
    >>> frame({"strike": np.array([95.0, 100.0]), "gamma_exposure_usd_per_pct": np.array([1.0, np.nan])}).rows()
    [(95.0, 1.0), (100.0, None)]
    """
    if isinstance(result, pl.DataFrame):
        return result
    if isinstance(result, OptionChain):
        return chain_frame(result)
    columns = {name: _array(value) for name, value in _named(result).items() if _is_column(value)}
    if not columns:
        raise InputError(f"a {type(result).__name__} holds no arrays: ask for one of its tables")
    for name, values in columns.items():
        if values.dtype.kind not in _COLUMN_KINDS:
            raise InputError(f"an array of {values.dtype.name} is no column of a table", field=str(name))
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InputError(f"the arrays of a {type(result).__name__} have different lengths ({told}): ask for one table")
    try:
        return pl.DataFrame({name: _series(name, values) for name, values in columns.items()})
    except UnicodeEncodeError:
        raise InputError("a text of the table holds half a character: mend the encoding it was read in") from None


def stacked(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Tables one below the other. A column that some lack is filled with nulls there, a count with zeros."""
    table = pl.concat(tables, how="diagonal_relaxed")
    counts = [name for name, kind in table.schema.items() if kind.is_integer()]
    return table.with_columns(pl.col(counts).fill_null(0)) if counts else table


def with_share(table: pl.DataFrame, name: str, part: str, whole: str) -> pl.DataFrame:
    """The table with one more column: one of its columns over another."""
    return table.with_columns((pl.col(part) / pl.col(whole)).alias(name))


def largest_rows(table: pl.DataFrame, column: str, count: int) -> pl.DataFrame:
    """The rows with the largest values, in size, of a column, largest first; rows without a value are left out."""
    known = table.filter(pl.col(column).is_not_null())
    return known.sort(pl.col(column).abs(), descending=True, maintain_order=True).head(count)


def table_bytes(table: pl.DataFrame, name: str | Path) -> bytes:
    """A table as the contents of a file of that name: CSV, Parquet or JSON (a list of records), by its suffix.

    Absent values, and infinities, are empty cells in CSV and null elsewhere; moments are ISO 8601. The same table gives
    the same bytes.

    Raises
    ------
    SettingsError : another suffix.
    """
    suffix = Path(name).suffix.lower()
    floats = [name for name, kind in table.schema.items() if kind.is_float()]
    table = table.with_columns(pl.when(pl.col(floats).is_finite()).then(pl.col(floats))) if floats else table
    if suffix not in TABLE_SUFFIXES:
        raise SettingsError(f"{name}: a table is written as {', '.join(TABLE_SUFFIXES)}: name the file so")
    if suffix == ".parquet":
        buffer = BytesIO()
        table.write_parquet(buffer)
        return buffer.getvalue()
    if suffix == ".json":
        return (json.dumps([_plain(row) for row in table.iter_rows(named=True)], allow_nan=False) + "\n").encode()
    return table.write_csv(datetime_format=_ISO_UTC).encode()


def _named(result: object) -> Mapping[str, Any]:
    if isinstance(result, DatedSeries):
        return {"date": result.session, **result.columns}
    if isinstance(result, Mapping):
        return result
    if callable(columns := getattr(result, "columns", None)):
        return dict(columns())
    if is_dataclass(result) and not isinstance(result, type):
        arrays = {f.name: getattr(result, f.name) for f in fields(result)}
        return {name: value for name, value in arrays.items() if isinstance(value, np.ndarray)}
    raise InputError(f"a {type(result).__name__} is no result of arrays")


def _is_column(value: object) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, str | Enum) for item in value)


def _array(value: Any) -> np.ndarray:  # noqa: ANN401 - arrays and tuples of words
    return value if isinstance(value, np.ndarray) else np.array([str(item) for item in value], dtype=np.str_)


def _series(name: str, values: np.ndarray) -> pl.Series:
    if values.dtype.kind == "U":
        return pl.Series(name, values.tolist(), dtype=pl.String)
    if values.dtype.kind == "M" and values.dtype != np.dtype("datetime64[D]"):
        return pl.Series(name, values.astype("datetime64[us]")).dt.replace_time_zone("UTC").cast(_MOMENT)
    if values.dtype.kind == "f":
        return pl.Series(name, values).fill_nan(None)
    return pl.Series(name, values)


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """A value as JSON writes it."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value.isoformat() if isinstance(value, date) else value
