"""Rectangular files, CSV or Parquet, as named columns that remember which line each value stood on."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from difflib import get_close_matches
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl

from lightning_gex.adapters.market_data.cell_marks import cell_marks
from lightning_gex.adapters.market_data.content import Content
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import BoolArray1D, DateArray1D, Float64Array1D, Int64Array1D

#: Rows of Parquet that are looked at together where a file is read in parts: some five megabytes of bars.
PART_ROWS = 65_536
_SHOWN = 40  # characters of a wrong value that a message repeats
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_TOP_BYTES = 65_536  # a header line ends within so many bytes
_UNNAMED = (b",", b'"",')
_SLOW_DATES = 10_000  # distinct odd dates looked at one by one; a file with more has none that could be read


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of a file, every one as long as ``line``.

    Parameters
    ----------
    source : the file, for messages.
    frame : the columns; all text where the file was CSV, null where a cell is empty.
    line : (n,) line of the file as an editor numbers it (the header is line 1); the record number in Parquet.
    """

    source: str
    frame: pl.DataFrame
    line: Int64Array1D

    def __len__(self) -> int:
        return len(self.line)

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the file's order."""
        return self.frame.columns

    def where(self, keep: BoolArray1D) -> Table:
        """The rows marked True."""
        return Table(self.source, self.frame.filter(pl.Series(keep)), self.line[keep])

    def demand(self, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Check the header. Raises ``InputError`` naming a missing or an unknown column, or that there are no rows."""
        demand_columns(self.columns, required, optional, self.source)
        if len(self) == 0:
            raise InputError("the file has a header and no rows", source=self.source)

    def refuse(self, wrong: BoolArray1D, field: str, describe: Callable[[int], str]) -> None:
        """Raise ``InputError`` at the first row marked True, with ``describe(index)`` as its message."""
        if wrong.any():
            i = int(np.argmax(wrong))
            raise InputError(describe(i), source=self.source, row=int(self.line[i]), field=field)

    def shown(self, name: str, i: int) -> str:
        """A cell as a message repeats it."""
        value = self.frame[name][i]
        return "" if value is None else clipped(str(value))

    def empty(self, name: str) -> BoolArray1D:
        """(n,) whether the cell is empty."""
        column = self.frame[name]
        blank = column.is_null()
        if _is_text(column):
            blank |= column.cast(pl.String).str.strip_chars() == ""
        return np.array(blank.fill_null(True), dtype=np.bool_)

    def texts(self, name: str) -> list[str | None]:
        """(n,) the cells as text without surrounding blanks; None where empty."""
        column = self.frame[name]
        if not column.dtype.is_numeric() and not _is_text(column):
            raise self._wrong_type(name, "text")
        stripped = column.cast(pl.String).str.strip_chars()
        return [text or None for text in stripped]

    def codes(self, name: str) -> tuple[tuple[str, ...], Int64Array1D]:
        """The distinct cells as text without surrounding blanks, and (n,) each row's position among them.

        An empty cell is the empty text. No text is handled row by row: a column that the file has as a dictionary
        stays one.
        """
        import pyarrow

        column = self.frame[name]
        if column.dtype.is_numeric():
            column = column.cast(pl.String)
        elif not _is_text(column):
            raise self._wrong_type(name, "text")
        arrow = column.to_arrow()
        if not pyarrow.types.is_dictionary(arrow.type):
            arrow = arrow.cast(pyarrow.large_string()).dictionary_encode()
        of_entry = ["" if text is None else text.strip(" \t") for text in arrow.dictionary.to_pylist()]
        names = tuple(sorted({"", *of_entry}))
        place = {text: i for i, text in enumerate(names)}
        nowhere = len(of_entry)  # a null cell
        entry = arrow.indices.fill_null(nowhere).to_numpy(zero_copy_only=False)
        return names, np.array([*(place[text] for text in of_entry), place[""]], dtype=np.int64)[entry]

    def floats(self, name: str) -> Float64Array1D:
        """(n,) the cells as numbers, NaN where empty. Raises ``InputError`` at the first that is no number."""
        values, unreadable = self.floats_or_nan(name)
        self.refuse(unreadable, name, lambda i: f"'{self.shown(name, i)}' is not a number")
        return values

    def floats_or_nan(self, name: str) -> tuple[Float64Array1D, BoolArray1D]:
        """(n,) the cells as numbers, NaN where empty or unreadable, and (n,) which were unreadable."""
        column = self.frame[name]
        if _is_text(column):
            numbers, unreadable = _numbers_of_text(column.cast(pl.String))
        elif column.dtype.is_numeric() or column.dtype == pl.Null:
            numbers = column.cast(pl.Float64, strict=False)
            unreadable = np.zeros(len(column), dtype=np.bool_)
        else:
            raise self._wrong_type(name, "numbers")
        values = numbers.to_numpy()  # null is NaN
        return np.array(values, dtype=np.float64), np.array(unreadable, dtype=np.bool_)

    def dates(self, name: str, *, text_format: str = "%Y-%m-%d") -> DateArray1D:
        """(n,) ``datetime64[D]``. Raises ``InputError`` at a cell that is no date, or has a time other than midnight.

        A date may carry a midnight (``2024-03-01T00:00:00``), with or without a zone: its own calendar date counts.
        """
        values, problems = self.dates_or_nat(name, text_format=text_format)
        if problems:
            i = min(problems)
            raise InputError(problems[i], source=self.source, row=int(self.line[i]), field=name)
        return values

    def dates_or_nat(self, name: str, *, text_format: str = "%Y-%m-%d") -> tuple[DateArray1D, dict[int, str]]:
        """(n,) ``datetime64[D]``, NaT where a cell is no date, and index -> what is wrong with it there."""
        column = self.frame[name]
        if _is_text(column):
            return _dates_of_text(column.cast(pl.String).str.strip_chars(), text_format)
        if column.dtype == pl.Date:
            values = column.to_numpy().astype("datetime64[D]")
            return values, {int(i): "the date is missing" for i in np.flatnonzero(np.isnat(values))}
        if column.dtype.base_type() == pl.Datetime:
            return _dates_of_instants(column)
        raise self._wrong_type(name, "dates")

    def _wrong_type(self, name: str, wanted: str) -> InputError:
        return InputError(
            f"the column holds {str(self.frame[name].dtype).lower()} where {wanted} belong",
            source=self.source,
            field=name,
        )


def demand_columns(names: Sequence[str], required: Sequence[str], optional: Sequence[str], source: str) -> None:
    """Check the names of columns. Raises ``InputError`` naming one that is missing or unknown."""
    known = (*required, *optional)
    for name in names:
        if name not in known:
            near = get_close_matches(name.lower(), known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise InputError(
                f"unknown column{hint} (known: {', '.join(known)}; leave others out)",
                source=source,
                row=1,
                field=clipped(name),
            )
    for name in required:
        if name not in names:
            raise InputError(
                f"the column is missing (needed: {', '.join(required)}; found: {clipped(', '.join(names))})",
                source=source,
                row=1,
                field=name,
            )


def _is_text(column: pl.Series) -> bool:
    return column.dtype.base_type() in (pl.String, pl.Categorical, pl.Enum)


def _numbers_of_text(column: pl.Series) -> tuple[pl.Series, BoolArray1D]:
    """(n,) numbers, null where empty or unreadable, and (n,) which were unreadable."""
    numbers = column.cast(pl.Float64, strict=False)
    if numbers.null_count() == column.null_count():
        return numbers, np.zeros(len(column), dtype=np.bool_)
    column = column.str.strip_chars()  # blanks around some, or text among them
    numbers = column.cast(pl.Float64, strict=False)
    return numbers, (numbers.is_null() & (column != "").fill_null(False)).to_numpy()


def clipped(text: str) -> str:
    """A value as a message repeats it: printable and not long."""
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain if len(plain) <= _SHOWN else plain[: _SHOWN - 3] + "..."


def _dates_of_text(column: pl.Series, text_format: str) -> tuple[DateArray1D, dict[int, str]]:
    parsed = column.str.to_date(text_format, strict=False)
    values = parsed.to_numpy().astype("datetime64[D]")
    left = np.flatnonzero(np.isnat(values))
    problems: dict[int, str] = {}
    seen: dict[str, np.datetime64 | str] = {}
    for i in left[:_SLOW_DATES]:
        text = column[int(i)] or ""
        if text not in seen:
            seen[text] = _date_of(text)
        found = seen[text]
        if isinstance(found, str):
            problems[int(i)] = found
        else:
            values[i] = found
    problems.update({int(i): "is not a date such as 2024-03-01" for i in left[_SLOW_DATES:]})
    return values, problems


def _date_of(text: str) -> np.datetime64 | str:
    """One odd date cell: the date, or what is wrong with it."""
    if not text:
        return "the date is missing"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return f"'{clipped(text)}' is not a date such as 2024-03-01"
    if len(text) < len("2024-03-01"):  # 20240301 and week dates: ISO, but as likely a number gone astray
        return f"'{clipped(text)}' is not a date such as 2024-03-01"
    return np.datetime64(moment.date(), "D") if moment.time() == time(0) else _time_of_day(clipped(text))


def _time_of_day(text: str) -> str:
    return f"'{text}' carries a time of day: a daily row is dated by its New York session alone, such as 2024-03-01"


def _dates_of_instants(column: pl.Series) -> tuple[DateArray1D, dict[int, str]]:
    wall = column.dt.replace_time_zone(None)
    values = wall.to_numpy().astype("datetime64[us]")
    days = values.astype("datetime64[D]")
    problems = {int(i): "the date is missing" for i in np.flatnonzero(np.isnat(values))}
    late = np.flatnonzero(~np.isnat(values) & (days != values))
    problems.update({int(i): _time_of_day(str(values[i].astype("datetime64[s]"))) for i in late})
    days[late] = np.datetime64("NaT")
    return days, problems


def read_table(content: Content, *, unnamed_first: str | None = None) -> Table:
    """A CSV or Parquet file as a table, told apart by content.

    Parameters
    ----------
    content : the file.
    unnamed_first : what to call a first column of a CSV that has no name, as pandas writes its index; None refuses it.

    Raises
    ------
    InputError : the file is damaged, cut, no table, or a row has not one cell a column.
    """
    if content.is_parquet:
        return _read_parquet(content)
    text = content.text_bytes()
    if unnamed_first is not None and text.lstrip(b"\n").startswith(_UNNAMED):
        text = unnamed_first.encode() + text.lstrip(b"\n").removeprefix(b'""')
    return csv_table(text, content.source)


#: What ``column_names`` found: every format asks the same of one file, and opening a Parquet file costs a millisecond.
_names_found: WeakKeyDictionary[Content, frozenset[str]] = WeakKeyDictionary()


def column_names(content: Content) -> frozenset[str]:
    """The columns that a CSV or Parquet file begins with, for telling formats apart; empty where it is neither."""
    names = _names_found.get(content)
    if names is None:
        names = _names_found[content] = _column_names(content)
    return names


def _column_names(content: Content) -> frozenset[str]:
    if content.is_parquet:
        import pyarrow
        import pyarrow.parquet

        try:
            return frozenset(pyarrow.parquet.read_schema(io.BytesIO(content.data)).names)
        except (pyarrow.ArrowException, OSError, ValueError, TypeError, MemoryError):
            return frozenset()
    first = content.data[:_TOP_BYTES].lstrip(b"\xef\xbb\xbf\r\n ").split(b"\n", 1)[0].decode("utf-8", errors="replace")
    return frozenset(cell.strip().strip('"') for cell in first.split(","))


def table_parts(content: Content) -> Iterator[Table]:
    """A CSV or Parquet file as tables one after the other, at least one: who keeps few rows never holds all of them.

    Parameters
    ----------
    content : the file. Parquet comes in parts of ``PART_ROWS`` rows, CSV in one.

    Raises
    ------
    InputError : as ``read_table``, when the damaged part is reached.
    """
    if not content.is_parquet:
        yield read_table(content)
        return
    import pyarrow
    import pyarrow.parquet

    with _damage_said(content.source):
        file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(content.data))
        first = 1
        for batch in file.iter_batches(batch_size=PART_ROWS):
            part = _table_of_arrow(pyarrow.Table.from_batches([batch]), content.source, first)
            first += len(part)
            yield part
        if first == 1:
            yield _table_of_arrow(file.schema_arrow.empty_table(), content.source, first)
    pyarrow.default_memory_pool().release_unused()  # Arrow would keep what the parts took, for a next file


def joined(parts: Sequence[Table]) -> Table:
    """Parts of one file, at least one, as one table."""
    frame = pl.concat([part.frame for part in parts], how="vertical", rechunk=True)
    return Table(parts[0].source, frame, np.concatenate([part.line for part in parts]))


def _read_parquet(content: Content) -> Table:
    # pyarrow, not polars: on damaged bytes polars' reader panics through the process's standard error
    import pyarrow
    import pyarrow.parquet

    with _damage_said(content.source):
        return _table_of_arrow(pyarrow.parquet.read_table(pyarrow.BufferReader(content.data)), content.source, 1)


def _table_of_arrow(arrow: Any, source: str, first: int) -> Table:  # noqa: ANN401 - pyarrow is imported late
    import pyarrow

    arrow.validate(full=True)
    # Names that are no text are said here, and notes beside them dropped: polars would panic at either.
    bare = pyarrow.schema([pyarrow.field(column.name, column.type) for column in arrow.schema])
    frame = pl.DataFrame(pl.from_arrow(pyarrow.Table.from_arrays(arrow.columns, schema=bare)))
    return Table(source, frame, np.arange(first, first + frame.height, dtype=np.int64))


@contextmanager
def _damage_said(source: str) -> Iterator[None]:
    """Raise ``InputError`` for whatever pyarrow and polars raise on a damaged Parquet file."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, MemoryError, pl.exceptions.PolarsError) as error:
        first = clipped(str(error).partition("\n")[0])
        raise InputError(f"is a damaged or cut Parquet file ({first})", source=source) from None


def csv_table(text: bytes, source: str) -> Table:
    """CSV text as a table of text columns; blank lines are skipped, quotes understood.

    Parameters
    ----------
    text : UTF-8 with plain line ends.
    source : its name for messages.

    Raises
    ------
    InputError : a header cell is empty or repeated, or a row has not one cell a column.
    """
    return _quoted_table(text.decode(), source) if b'"' in text else _plain_table(text, source)


def _plain_table(text: bytes, source: str) -> Table:
    """The fast path: no quotes, so every line is a row and every comma ends a cell."""
    body = text.lstrip(b"\n")
    skipped = len(text) - len(body)
    header_line, _, rows = body.partition(b"\n")
    header = _header(header_line.decode().split(","), source, skipped + 1)
    if rows and not rows.endswith(b"\n"):
        rows += b"\n"
    if (marks := cell_marks(rows, len(header))) is not None and len(header) > 1:
        line = np.arange(len(marks), dtype=np.int64) + skipped + 2
    else:
        rows, line = _without_blank_lines(rows, len(header), source, skipped + 2)
    if not len(line):
        return Table(source, pl.DataFrame({name: pl.Series([], dtype=pl.String) for name in header}), line)
    frame = pl.read_csv(rows, has_header=False, new_columns=header, infer_schema=False, quote_char=None)
    return Table(source, frame, line)


def _without_blank_lines(rows: bytes, width: int, source: str, first_line: int) -> tuple[bytes, Int64Array1D]:
    """The lines that are not blank, and their numbers. Raises ``InputError`` where one has not ``width`` cells."""
    text = np.frombuffer(rows, dtype=np.uint8)
    ends = np.flatnonzero(text == ord("\n"))
    commas = np.searchsorted(np.flatnonzero(text == ord(",")), ends)
    cells = np.diff(commas, prepend=0) + 1
    blank = np.diff(ends, prepend=-1) == 1
    line = np.arange(len(ends), dtype=np.int64) + first_line
    _refuse_ragged(cells, blank, line, width, source)
    return b"".join(row + b"\n" for row in rows.split(b"\n") if row), line[~blank]


def _refuse_ragged(cells: Int64Array1D, blank: BoolArray1D, line: Int64Array1D, width: int, source: str) -> None:
    wrong = (cells != width) & ~blank
    if wrong.any():
        i = int(np.argmax(wrong))
        raise _ragged(int(cells[i]), width, source, int(line[i]))


def _ragged(cells: int, width: int, source: str, line: int) -> InputError:
    return InputError(
        f"the row has {cells} cells and the header {width}: the file is cut or a separator is lost",
        source=source,
        row=line,
    )


def _quoted_table(text: str, source: str) -> Table:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    lines: list[int] = []
    rows: list[list[str]] = []
    try:
        for cells in reader:
            if not cells:
                continue
            if not header:
                header = _header(cells, source, reader.line_num)
                continue
            if len(cells) != len(header):
                raise _ragged(len(cells), len(header), source, reader.line_num)
            rows.append(cells)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise InputError(f"a quoted cell is damaged ({error})", source=source, row=reader.line_num) from None
    return text_table(header, rows, lines, source)


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], lines: Iterable[int], source: str) -> Table:
    """Rows of text cells, each as long as the header, as a table; an empty cell is null."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    series = {
        name: pl.Series([c or None for c in column], dtype=pl.String)
        for name, column in zip(header, columns, strict=True)
    }
    return Table(source, pl.DataFrame(series), np.fromiter(lines, dtype=np.int64))


def _header(cells: Sequence[str], source: str, line: int) -> list[str]:
    names = [cell.strip().strip('"') for cell in cells]
    if len(names) == 1:
        for mark, words in _OTHER_SEPARATORS.items():
            if mark in names[0]:
                raise InputError(
                    f"the cells are separated by {words}: separate them with commas", source=source, row=line
                )
    for i, name in enumerate(names):
        if not name:
            raise InputError(f"column {i + 1} has no name", source=source, row=line)
        if name in names[:i]:
            raise InputError("the column appears twice", source=source, row=line, field=clipped(name))
    return names
