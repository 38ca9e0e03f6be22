"""Chains of a whole market from Parquet files of our own chain table, as books of some hundred thousand contracts.

Files are read a batch of rows at a time, so that memory does not grow with them. The rows of an underlying at one
moment must stand together; they may span batches and row groups. Texts are read as dictionary codes and no text is
handled row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from lightning_gex.adapters.market_data.arrow_columns import (
    CodedColumn,
    day_column,
    float_column,
    is_text,
    moment_column,
    text_column,
)
from lightning_gex.adapters.market_data.chain_rows import NEITHER, UNREADABLE, UNSAID
from lightning_gex.adapters.market_data.chain_table import CHAIN_COLUMNS, OPTIONAL_COLUMNS, RIGHTS, SETTLEMENTS
from lightning_gex.adapters.market_data.market_rows import ROW_FLOATS, LeftOut, MarketRows, book_of, joined
from lightning_gex.adapters.market_data.stale_open import plain_symbol
from lightning_gex.adapters.market_data.tables import clipped, demand_columns
from lightning_gex.core.book import ChainBook
from lightning_gex.core.errors import InputError, shown
from lightning_gex.core.runs import coded
from lightning_gex.core.units import Int64Array1D

CONTRACTS_A_BOOK = 120_000  # a row group as polars writes them; columns of a megabyte, which caches hold
_TEXTS = ("underlying", "right", "root", "settlement", "as_of", "expiry")
_VOL = "iv"
_PER_CENT = 5.0  # a volatility of 500 %: where most are larger, the column is in per cent
_ELSE = (
    f"a market is Parquet with the columns {', '.join(CHAIN_COLUMNS)}; a chain of another layout goes to "
    "'lightning gex', a folder of them to 'lightning history build'"
)
_MAGIC = b"PAR1"  # the first bytes of every Parquet file
_DAMAGE = (pyarrow.ArrowException, OSError, ValueError, TypeError, MemoryError)


def read_books(path: str | Path, *, contracts_a_book: int = CONTRACTS_A_BOOK, threads: bool = True) -> MarketBooks:
    """The chains of a market, book by book.

    Parameters
    ----------
    path : a Parquet file of our own chain table with any number of underlyings, or a folder of them, read by name.
    contracts_a_book : about how many contracts a book holds, in whole row groups; the last one may hold fewer. An
        underlying is never divided.
    threads : decode columns on all cores, and the next ones while the present ones are used. False where several
        workers read at once.

    Returns
    -------
    An iterator of books, to be gone through once.

    Raises
    ------
    InputError : there is no such file, or no Parquet file in the folder. While it is gone through: a file is damaged or
        cut, lacks a column, has one too many or one of another type, the rows of an underlying do not stand together,
        or volatilities are in per cent.
    """
    return MarketBooks(_parquet_files(path), contracts_a_book, threads=threads)


def contracts_in(path: str | Path) -> int:
    """Rows that a Parquet file, or the Parquet files of a folder, hold; by their footers, without reading them.

    Raises
    ------
    InputError : there is no such file, no Parquet file in the folder, or one is damaged or of another layout.
    """
    rows = 0
    for file in _parquet_files(path):
        try:
            footer = pyarrow.parquet.read_metadata(file)
        except _DAMAGE as error:
            if not _begins_as_parquet(file):
                raise InputError(f"is no Parquet file: {_ELSE}", source=str(file)) from None
            first = clipped(str(error).partition("\n")[0])
            raise InputError(f"is a damaged or cut Parquet file ({first})", source=str(file)) from None
        missing = [name for name in CHAIN_COLUMNS if name not in footer.schema.names]
        if missing:
            raise InputError(f"lacks {', '.join(missing)}: {_ELSE}", source=str(file), field=missing[0])
        rows += footer.num_rows
    return rows


def _begins_as_parquet(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return True  # unreadable is not another layout


def is_chain_parquet(path: Path, data: bytes) -> bool:
    """Whether a file is Parquet with the columns of our own chain table; damage shows where it is read."""
    if not data.startswith(_MAGIC):
        return False
    try:
        return set(CHAIN_COLUMNS) <= set(pyarrow.parquet.read_schema(path).names)
    except _DAMAGE:
        return False


def _parquet_files(path: str | Path) -> list[Path]:
    if not isinstance(path, str | Path):
        raise InputError(f"must name a file or a folder, not {shown(path)}", field="path")
    found = Path(path)
    try:
        files = sorted(found.glob("*.parquet")) if found.is_dir() else [found]
        absent = [file for file in files if not file.is_file()]
    except (OSError, ValueError) as error:  # a name that is too long, or has half a character in it
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}", source=str(path)) from None
    if not files:
        raise InputError(f"holds no Parquet files: {_ELSE}", source=str(path))
    if absent:
        raise InputError("there is no such file", source=str(absent[0]))
    return files


class MarketBooks(Iterator[ChainBook]):
    """Books of the chains of a market.

    Parameters
    ----------
    files : Parquet files, in the order they are read in.
    contracts_a_book : as in ``read_books``.
    threads : as in ``read_books``.

    Attributes
    ----------
    left_out : the underlyings met so far that are in no book, and why.
    """

    def __init__(self, files: Sequence[Path], contracts_a_book: int, *, threads: bool) -> None:
        self.left_out: list[LeftOut] = []
        self._books = (
            book for file in files for book in _books_of(file, contracts_a_book, self.left_out, threads=threads)
        )

    def __next__(self) -> ChainBook:
        return next(self._books)


def _books_of(file: Path, contracts: int, left_out: list[LeftOut], *, threads: bool) -> Iterator[ChainBook]:
    reader = _Reader(str(file), left_out)
    batches = _batches(file, contracts, threads=threads)
    parts = (reader.rows(batch) for batch in (_ahead(batches) if threads else batches))
    for rows in _whole_underlyings(parts, contracts):
        if (book := reader.book(rows)) is not None:
            yield book


def _whole_underlyings(parts: Iterator[MarketRows], contracts: int) -> Iterator[MarketRows]:
    """The parts together until they hold so many contracts, cut where an underlying begins; the rest goes on."""
    held: list[MarketRows] = []
    for part in parts:
        held.append(part)
        if sum(map(len, held)) < contracts:
            continue
        rows = joined(held)
        *_, last, past = rows.underlying_runs().tolist()
        if last:
            yield rows.runs(0, last)
        held = [rows.runs(last, past)]  # it may go on in the next part
    if held:
        yield joined(held)


def _batches(file: Path, rows: int, *, threads: bool) -> Iterator[pyarrow.RecordBatch]:
    """The columns of a file, so many rows at a time. Raises ``InputError`` where it is damaged or no chain table."""
    source = str(file)
    try:
        # pyarrow, not polars: on damaged bytes polars' reader panics through the process's standard error
        schema = pyarrow.parquet.read_schema(file)
        demand_columns(schema.names, CHAIN_COLUMNS, OPTIONAL_COLUMNS, source)
        texts = [field.name for field in schema if field.name in _TEXTS and is_text(field.type)]
        with pyarrow.parquet.ParquetFile(file, read_dictionary=texts) as parquet:
            for groups in _row_groups(parquet.metadata, rows):
                for batch in parquet.iter_batches(batch_size=rows, row_groups=groups, use_threads=threads):
                    batch.validate()
                    if batch.num_rows:
                        yield batch
    except _DAMAGE as error:
        first = clipped(str(error).partition("\n")[0])
        raise InputError(f"is a damaged or cut Parquet file ({first})", source=source) from None


def _ahead(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
    """The batches, the next one being decoded while the present one is used."""
    with ThreadPoolExecutor(max_workers=1) as worker:
        following = worker.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = worker.submit(next, batches, None)
            yield batch


def _row_groups(metadata: pyarrow.parquet.FileMetaData, rows: int) -> Iterator[list[int]]:
    """Neighbouring row groups, as many as have no more than so many rows together, or one."""
    held: list[int] = []
    count = 0
    for group in range(metadata.num_row_groups):
        more = metadata.row_group(group).num_rows
        if held and count + more > rows:
            yield held
            held, count = [], 0
        held.append(group)
        count += more
    if held:
        yield held


class _Reader:
    """Turns the batches of one file into rows, and whole underlyings into books.

    Parameters
    ----------
    source : the file.
    left_out : where underlyings are named that are in no book.
    """

    def __init__(self, source: str, left_out: list[LeftOut]) -> None:
        self._source = source
        self._left_out = left_out
        self._underlyings = _Names()
        self._roots = _Names()
        self._seen: set[tuple[int, int]] = set()
        self._keyed_by_root = False
        self._rows_done = 0

    def rows(self, batch: pyarrow.RecordBatch) -> MarketRows:
        """The rows of a batch."""
        names, source = batch.schema.names, self._source
        spot = float_column(batch, "spot", source)
        shared = {
            "underlying": text_column(batch, "underlying", source, self._underlyings.symbol),
            "as_of": moment_column(batch, "as_of", source),
            "spot": CodedColumn(spot, lambda values: values),
            "expiry": day_column(batch, "expiry", source),
        }
        self._keyed_by_root = "root" in names
        if self._keyed_by_root:
            shared["root"] = text_column(batch, "root", source, self._roots.capitals)
        if "settlement" in names:
            shared["settlement"] = text_column(batch, "settlement", source, _settlement)
        first = _first_rows([column.code for column in shared.values()])
        runs: dict[str, NDArray[Any]] = {name: column.at(first) for name, column in shared.items()}
        runs.setdefault("root", self._own_roots(runs["underlying"]))
        runs.setdefault("settlement", np.full(len(first), UNSAID))
        right = text_column(batch, "right", source, _right)
        floats = {name: float_column(batch, _VOL if name == "implied_vol" else name, source) for name in ROW_FLOATS}
        self._demand_fractions(floats["implied_vol"])
        columns: dict[str, NDArray[Any]] = {**runs, **floats, "right": right.meaning(right.code)}
        return MarketRows(start=np.append(first, len(spot)), **columns)

    def _own_roots(self, underlying: Int64Array1D) -> Int64Array1D:
        """(g,) roots named as the underlying, where the file names none."""
        held, at = coded(underlying)
        own: Int64Array1D = np.array([self._roots.capitals(self._underlyings.texts[code]) for code in held.tolist()])[
            at
        ]
        return own

    def book(self, rows: MarketRows) -> ChainBook | None:
        """Rows of whole underlyings as a book, None where none is sound. Raises ``InputError`` for one met before."""
        runs = rows.underlying_runs()[:-1]
        keys = list(zip(rows.underlying[runs].tolist(), rows.as_of[runs].tolist(), strict=True))
        if len(set(keys)) < len(keys) or not self._seen.isdisjoint(keys):
            again = next(i for i, key in enumerate(keys) if key in self._seen or key in keys[:i])
            raise InputError(
                f"the rows of {self._underlyings.texts[keys[again][0]]} do not stand together: "
                "sort the file by underlying",
                source=self._source,
                row=self._rows_done + int(rows.start[runs[again]]) + 1,
                field="underlying",
            )
        self._seen.update(keys)
        self._rows_done += len(rows)
        book, out = book_of(
            rows,
            underlying_names=self._underlyings.texts,
            root_names=self._roots.texts,
            keyed_by_root=self._keyed_by_root,
            source=self._source,
        )
        self._left_out.extend(out)
        return book

    def _demand_fractions(self, implied_vol: NDArray[Any]) -> None:
        if 2 * np.count_nonzero(implied_vol > _PER_CENT) > np.count_nonzero(implied_vol > 0):
            raise InputError(
                "most are above 5: volatility is a fraction here, 0.2 for 20 %", source=self._source, field=_VOL
            )


class _Names:
    """Texts in the order they were met, each with its position."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._place: dict[str, int] = {}

    def capitals(self, text: str) -> int:
        """The position of a text in capitals."""
        return self._of(text.upper())

    def symbol(self, text: str) -> int:
        """The position of a symbol without an index mark."""
        return self._of(plain_symbol(text))

    def _of(self, name: str) -> int:
        place = self._place.setdefault(name, len(self.texts))
        if place == len(self.texts):
            self.texts.append(name)
        return place


def _first_rows(columns: Sequence[NDArray[Any]]) -> Int64Array1D:
    """(g,) where any of the columns, (n,) each and not empty, changes."""
    other = columns[0][1:] != columns[0][:-1]
    for column in columns[1:]:
        other |= column[1:] != column[:-1]
    return np.concatenate((np.zeros(1, dtype=np.int64), np.flatnonzero(other) + 1))


def _right(text: str) -> np.int8:
    return RIGHTS.get(text.lower(), NEITHER)


def _settlement(text: str) -> np.int8:
    return SETTLEMENTS.get(text.lower(), UNREADABLE)
