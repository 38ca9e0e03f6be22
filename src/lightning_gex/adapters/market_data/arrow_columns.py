"""Columns of an Arrow batch as numpy arrays: codes that say where a column changes, and what they mean.

A column whose values come in runs (the underlying, the moment, the expiry) is compared by codes that cost nothing, and
only the first row of each run is ever looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray

from lightning_gex.adapters.market_data.osi_symbol import date_or_nat
from lightning_gex.adapters.market_data.snapshot import EXAMPLE_MOMENT
from lightning_gex.core.errors import InputError
from lightning_gex.core.runs import run_starts
from lightning_gex.core.sessions import to_datetime64
from lightning_gex.core.units import Float64Array1D, Int64Array1D

#: What stands for an absent moment, and for an absent day.
NO_MOMENT = int(np.iinfo(np.int64).min)
NO_DAY = int(np.iinfo(np.int32).min)
_SMALL_DICTIONARY = 64  # entries that are all looked up rather than asked whether they are used
_DAY_US = 86_400_000_000
_ISO_DATE_LENGTH = len("2024-03-01")


@dataclass(frozen=True, slots=True, eq=False)
class CodedColumn:
    """A column by codes: equal codes have one meaning.

    Parameters
    ----------
    code : (n,) numbers.
    meaning : (k,) codes -> (k,) what they stand for.
    """

    code: NDArray[Any]
    meaning: Callable[[NDArray[Any]], NDArray[Any]]

    def at(self, rows: Int64Array1D) -> NDArray[Any]:
        """(k,) what stands in some rows."""
        return self.meaning(self.code[rows])


def is_text(kind: pyarrow.DataType) -> bool:
    """Whether an Arrow type is text, as it is or by a dictionary."""
    kind = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
    types = pyarrow.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def text_column(batch: pyarrow.RecordBatch, name: str, source: str, mean: Callable[[str], Any]) -> CodedColumn:
    """A column of texts, by dictionary codes.

    Parameters
    ----------
    batch, name : the batch and the column.
    source : the file, for messages.
    mean : what a text, without blanks around it, stands for: a number. The empty text is an empty cell.

    Raises
    ------
    InputError : the column holds no text, or bytes of it that are none.
    """
    array = batch.column(name)
    if not is_text(array.type):
        raise _wrong_type(name, array, "text", source)
    if not pyarrow.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    texts = array.dictionary
    try:
        texts.validate(full=True)
    except pyarrow.ArrowException as error:
        raise InputError(f"holds bytes that are no text: {error}", source=source, field=name) from None
    indices = array.indices.fill_null(len(texts)) if array.indices.null_count else array.indices
    code = indices.to_numpy(zero_copy_only=False)
    if len(code) and not (code.min() >= 0 and code.max() <= len(texts)):
        raise InputError("the dictionary of the column is damaged", source=source, field=name)

    def meaning(codes: NDArray[Any]) -> NDArray[Any]:
        used = np.arange(len(texts)) if len(texts) <= _SMALL_DICTIONARY else np.unique(codes[run_starts(codes)])
        known = texts.take(pyarrow.array(used[used < len(texts)])).to_pylist()
        found = np.array([*(mean((text or "").strip()) for text in known), mean("")])
        lookup = np.zeros(len(texts) + 1, dtype=found.dtype)
        lookup[used[: len(known)]] = found[:-1]
        lookup[-1] = found[-1]
        meant: NDArray[Any] = lookup.take(codes)
        return meant

    return CodedColumn(code, meaning)


def float_column(batch: pyarrow.RecordBatch, name: str, source: str) -> Float64Array1D:
    """(n,) numbers of any type as float64, NaN where absent; not to be written into.

    Raises
    ------
    InputError : the column holds no numbers.
    """
    array = batch.column(name)
    kind = pyarrow.types
    if not any(is_it(array.type) for is_it in (kind.is_integer, kind.is_floating, kind.is_decimal, kind.is_null)):
        raise _wrong_type(name, array, "numbers", source)
    # Arrow casts into memory that it keeps: fresh pages of the system cost more than the cast.
    values: Float64Array1D = array.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False)
    return values


def moment_column(batch: pyarrow.RecordBatch, name: str, source: str) -> CodedColumn:
    """Instants with a zone, or texts of them, as int64 microseconds since 1970, UTC; ``NO_MOMENT`` where there is none.

    Raises
    ------
    InputError : the column holds no moments, or moments without a zone.
    """
    array = batch.column(name)
    if not pyarrow.types.is_timestamp(array.type):
        return text_column(batch, name, source, lambda text: _moment(text, name, source))
    if array.type.tz is None:
        raise _no_zone("the moments of the column have", name, source)
    micros = array.cast(pyarrow.timestamp("us", tz=array.type.tz), safe=False).view(pyarrow.int64())
    return _plain(micros.fill_null(NO_MOMENT) if micros.null_count else micros)


def day_column(batch: pyarrow.RecordBatch, name: str, source: str) -> CodedColumn:
    """Dates, midnights without a zone, or texts of dates, as days since 1970; ``NO_DAY`` where there is none.

    Raises
    ------
    InputError : the column holds no dates.
    """
    array = batch.column(name)
    if pyarrow.types.is_timestamp(array.type) and array.type.tz is None:
        micros = array.cast(pyarrow.timestamp("us"), safe=False).view(pyarrow.int64())
        code = micros.fill_null(NO_MOMENT).to_numpy(zero_copy_only=False)
        # A time of day is no listed date.
        return CodedColumn(code, lambda found: np.where(found % _DAY_US == 0, found // _DAY_US, NO_DAY))
    if not pyarrow.types.is_date(array.type):
        return text_column(batch, name, source, _day)
    days = array.cast(pyarrow.date32(), safe=False).view(pyarrow.int32())
    return _plain(days.fill_null(NO_DAY) if days.null_count else days)


def _plain(array: pyarrow.Array) -> CodedColumn:
    """A column whose codes are what they mean."""
    return CodedColumn(array.to_numpy(zero_copy_only=False), lambda codes: codes.astype(np.int64))


def _moment(text: str, name: str, source: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return NO_MOMENT
    if moment.tzinfo is None:
        raise _no_zone(f"{moment.isoformat()} has", name, source)
    try:
        return int(to_datetime64(moment).astype("datetime64[us]").astype(np.int64))
    except InputError:  # so near the calendar's ends that UTC lies beyond them
        return NO_MOMENT


def _day(text: str) -> int:
    date = date_or_nat(text) if len(text) == _ISO_DATE_LENGTH else np.datetime64("NaT", "D")
    return NO_DAY if np.isnat(date) else int(date.astype(np.int64))


def _wrong_type(name: str, array: pyarrow.Array, wanted: str, source: str) -> InputError:
    return InputError(f"the column holds {array.type} where {wanted} belong", source=source, field=name)


def _no_zone(words: str, name: str, source: str) -> InputError:
    return InputError(f"{words} no time zone: give one, such as {EXAMPLE_MOMENT}", source=source, field=name)
