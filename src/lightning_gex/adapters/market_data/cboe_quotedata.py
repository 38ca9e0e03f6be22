"""Cboe's quote-table download: a header of three lines, then a call and a put at every strike of every expiry.

The header names the company, not the symbol: the underlying is read from the option symbols. ``Last`` is the spot. The
times are New York's.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from lightning_gex.adapters.market_data.cell_marks import cell_marks
from lightning_gex.adapters.market_data.chain_request import ChainRequest
from lightning_gex.adapters.market_data.chain_rows import CALL, PUT, Heading, Quotes, RawContracts, Refusal, Refusals
from lightning_gex.adapters.market_data.content import Content
from lightning_gex.adapters.market_data.osi_symbol import (
    OsiColumn,
    belongs_to,
    date_or_nat,
    is_adjusted,
    parse_osi_column,
    underlying_of,
)
from lightning_gex.adapters.market_data.quote_time import checked_moment, quotes_as_of
from lightning_gex.adapters.market_data.stale_open import plain_symbol
from lightning_gex.adapters.market_data.tables import clipped
from lightning_gex.core.errors import InputError
from lightning_gex.core.runs import coded
from lightning_gex.core.sessions import NEW_YORK
from lightning_gex.core.units import (
    STANDARD_MULTIPLIER,
    BoolArray1D,
    DateArray1D,
    Float64Array1D,
    Int64Array1D,
    Int64Array2D,
    UInt8Array1D,
)

NAME = "cboe_quotedata"
_HEADER_LINES = 10  # the column line stands within so many lines
_TOP_BYTES = 4_096  # and within so many bytes
_FIRST_COLUMNS = "Expiration Date,Calls"
_SIDE = ("Last Sale", "Net", "Bid", "Ask", "Volume", "IV", "Delta", "Gamma", "Open Interest")
_COLUMNS = ("Expiration Date", "Calls", *_SIDE, "Strike", "Puts", *_SIDE)
_STRIKE_AT = _COLUMNS.index("Strike")
_CALL_AT = _COLUMNS.index("Calls")
_PUT_AT = _COLUMNS.index("Puts")
#: The columns that are read, and what ``RawContracts`` calls them.
_USED = {"Bid": "bid", "Ask": "ask", "IV": "implied_vol", "Open Interest": "open_interest", "Volume": "volume"}
_DATE_LENGTH = len("Fri Aug 25 2023")
_DATE_CELL = _DATE_LENGTH + 3  # blanks around it do not count
_DATE = re.compile(
    r"Date: ([A-Z][a-z]+) ([0-9]{1,2}), ([0-9]{4}) at ([0-9]{1,2}):([0-9]{2}) ([AP]M)(?: ([A-Z]{1,5}))?(?![A-Za-z])"
)
_LAST = re.compile(r"\bLast: ([0-9][0-9,]*\.?[0-9]*)")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_ZONES: dict[str, tzinfo] = {
    "ET": NEW_YORK,
    "EDT": timezone(timedelta(hours=-4)),
    "EST": timezone(timedelta(hours=-5)),
    "CDT": timezone(timedelta(hours=-5)),
    "CST": timezone(timedelta(hours=-6)),
    "UTC": UTC,
    "GMT": UTC,
}


def recognise(content: Content) -> bool:
    """Whether the content has this format's column line near its top."""
    top = content.data[:_TOP_BYTES].decode("utf-8", errors="replace")
    return any(line.startswith(_FIRST_COLUMNS) for line in re.split(r"[\r\n]+", top)[:_HEADER_LINES])


def parse(content: Content, request: ChainRequest) -> RawContracts:
    """The rows of a quote-table file.

    Parameters
    ----------
    content : the file.
    request : the symbol the options must be on (None takes the one most of them are on), and a moment or spot that go
        before the header's.

    Raises
    ------
    InputError : the header lacks time, zone, spot or a column; a line is cut.
    """
    data = content.text_bytes(both_ends=True)
    header, line, body = _split(data, content.source)
    saved_at = _saved_at(header, content.source)
    quoted = quotes_as_of(saved_at)
    as_of, as_of_notes = request.moment(quoted, content.source)
    if quoted != saved_at and as_of == quoted:
        as_of_notes = (
            *as_of_notes,
            f"saved {saved_at:%Y-%m-%d %H:%M} UTC, after the close: the quotes are that close's",
        )
    spot, spot_notes = request.price(_spot(header, content.source), content.source, "Last")
    grid = _grid(body, content.source, line + 1)
    symbols = grid.symbols()
    name = plain_symbol(request.underlying) if request.underlying else underlying_of(symbols)
    if name is None:
        raise InputError(
            "no row holds an option symbol such as SPY240621C00530000", source=content.source, field="Calls"
        )
    heading = Heading(content.source, name, as_of, spot, (*as_of_notes, *spot_notes), saved_at)
    return _contracts(grid, symbols, heading)


def _split(data: bytes, source: str) -> tuple[str, int, bytes]:
    """The header, the number of the column line, and the lines after it."""
    lines = data[:_TOP_BYTES].split(b"\n")[:_HEADER_LINES]
    at = next((i for i, line in enumerate(lines) if line.startswith(_FIRST_COLUMNS.encode())), None)
    if at is None:
        raise InputError(f"has no line that begins with '{_FIRST_COLUMNS}'", source=source)
    _check_columns(lines[at].decode(errors="replace").rstrip("\r"), source, at + 1)
    begins = sum(len(line) + 1 for line in lines[: at + 1])
    return b"\n".join(lines[:at]).decode(), at + 1, data[begins:]


def _check_columns(line: str, source: str, row: int) -> None:
    found = tuple(cell.strip() for cell in line.split(","))
    if found == _COLUMNS:
        return
    for name in found:
        if name not in _COLUMNS:
            raise InputError(
                f"unknown column (known: {', '.join(dict.fromkeys(_COLUMNS))})",
                source=source,
                row=row,
                field=clipped(name),
            )
    missing = next((name for name in _COLUMNS if found.count(name) < _COLUMNS.count(name)), None)
    raise InputError(
        "the column is missing" if missing else "the columns stand in another order than Cboe's",
        source=source,
        row=row,
        field=missing,
    )


def _saved_at(header: str, source: str) -> datetime:
    match = _DATE.search(header)
    if match is None:
        raise InputError(
            "the header has no time such as 'Date: September 14, 2023 at 4:30 PM EDT'", source=source, field="Date"
        )
    month, day, year, hour, minute, half, zone = match.groups()
    if zone not in _ZONES:
        problem = f"zone '{zone}' is not known" if zone else "the time has no zone"
        raise InputError(f"{problem}: write one of {', '.join(_ZONES)} after it", source=source, field="Date")
    try:
        wall = datetime(
            int(year),
            _MONTHS.index(month) + 1,
            int(day),
            int(hour) % 12 + (12 if half == "PM" else 0),
            int(minute),
            tzinfo=_ZONES[zone],
        )
    except ValueError:
        raise InputError(f"'{match.group(0)}' is no time", source=source, field="Date") from None
    return checked_moment(wall.astimezone(UTC), source=source, field="Date")


def _spot(header: str, source: str) -> float:
    match = _LAST.search(header)
    if match is None:
        raise InputError("the header has no positive price such as 'Last: 450.51'", source=source, field="Last")
    spot = float(match.group(1).replace(",", ""))
    if spot <= 0:
        raise InputError(f"{spot} is not a positive price", source=source, field="Last")
    return spot


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Lines of cells that all have the columns of ``_COLUMNS``.

    Parameters
    ----------
    body : the lines as they are, without quotes.
    text : (m,) their bytes.
    mark : (n, columns) where the comma, or the line end, after each cell stands.
    """

    body: bytes
    text: UInt8Array1D
    mark: Int64Array2D

    def cell(self, column: int) -> tuple[Int64Array1D, Int64Array1D]:
        """(n,) where the cells of a column begin and end."""
        if column:
            return self.mark[:, column - 1] + 1, self.mark[:, column]
        return np.concatenate((np.zeros(1, np.int64), self.mark[:-1, -1] + 1)), self.mark[:, 0]

    def symbols(self) -> OsiColumn:
        """(2 n,) the symbols of the calls and puts, line by line."""
        call, put = self.cell(_CALL_AT), self.cell(_PUT_AT)
        start, end = (_alternating(call[k], put[k]) for k in (0, 1))
        return parse_osi_column(self.text, start, end)

    def numbers(self) -> tuple[dict[str, Float64Array1D], BoolArray1D]:
        """The number columns of calls and puts, (2 n,) each, and (2 n,) rows that hold text in one of them."""
        places = {_place(column, at): pl.Float64 for column in _USED for at in (_CALL_AT, _PUT_AT)}
        places[f"c{_STRIKE_AT}"] = pl.Float64
        names = b",".join(f"c{i}".encode() for i in range(len(_COLUMNS)))
        read = partial(
            pl.read_csv, names + b"\n" + self.body, columns=list(places), infer_schema=False, quote_char=None
        )
        try:
            frame = read(schema_overrides=places)
            unreadable = dict.fromkeys(places, pl.Series([False]))
        except pl.exceptions.PolarsError:  # some cell is text: found by reading all of them as text
            texts = read().with_columns(pl.all().str.strip_chars())
            frame = texts.select(pl.all().cast(pl.Float64, strict=False))
            unreadable = {name: ((texts[name] != "") & frame[name].is_null()).fill_null(False) for name in places}
        values = {name: frame[name].to_numpy() for name in places}  # null is NaN
        found: dict[str, Float64Array1D] = {}
        bad: BoolArray1D = np.zeros(2 * len(self.mark), dtype=np.bool_)
        for column, name in _USED.items():
            sides = [_place(column, at) for at in (_CALL_AT, _PUT_AT)]
            found[name] = _alternating(values[sides[0]], values[sides[1]])
            for k in (0, 1):
                bad[k::2] |= np.asarray(unreadable[sides[k]])
        found["strike"] = np.repeat(values[f"c{_STRIKE_AT}"], 2)
        return found, bad

    def listed(self) -> DateArray1D:
        """(n,) the first column (``Fri Aug 25 2023``), NaT where it is no date."""
        start, end = self.cell(0)
        length = end - start
        if (length == _DATE_LENGTH).all():
            letters = sliding_window_view(self.text, _DATE_LENGTH)[start]
            return _listed_dates(letters.view(f"S{_DATE_LENGTH}").ravel())
        length[length > _DATE_CELL] = 0  # longer than any date
        # A line has a byte for each comma at least: the window never leaves the text.
        letters = sliding_window_view(self.text, _DATE_CELL)[start]
        letters = np.where(np.arange(_DATE_CELL) < length[:, None], letters, np.uint8(0))
        return _listed_dates(letters.view(f"S{_DATE_CELL}").ravel())


def _alternating(calls: NDArray[Any], puts: NDArray[Any]) -> NDArray[Any]:
    """(2 n,) the value of each line's call, then of its put."""
    return np.stack((calls, puts), axis=1).ravel()


def _place(column: str, symbol_at: int) -> str:
    """The name by which a column of the call's or the put's side is read."""
    return f"c{symbol_at + 1 + _SIDE.index(column)}"


def _grid(body: bytes, source: str, first_line: int) -> _Grid:
    """The cells of the lines. Raises ``InputError`` at the first line that has not one cell a column."""
    if body and not body.endswith(b"\n"):
        body += b"\n"
    mark = None if b'"' in body else cell_marks(body, len(_COLUMNS))
    if mark is None:
        body = _plain_lines(body, source, first_line)
        mark = cell_marks(body, len(_COLUMNS))
    if mark is None or not len(mark):
        raise InputError("the file has a header and no contracts", source=source)
    return _Grid(body, np.frombuffer(body, dtype=np.uint8), mark)


def _plain_lines(body: bytes, source: str, first_line: int) -> bytes:
    """The lines without quotes, thousands separators and blank lines."""
    rows: list[str] = []
    reader = csv.reader(body.decode().replace("\r", "").split("\n"), strict=True)
    try:
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(_COLUMNS):
                raise InputError(
                    f"the row has {len(cells)} cells instead of {len(_COLUMNS)}: the file is cut",
                    source=source,
                    row=first_line + reader.line_num - 1,
                )
            rows.append(",".join(cell.replace(",", "").replace("\n", " ") for cell in cells) + "\n")
    except csv.Error as error:
        row = first_line + reader.line_num - 1
        raise InputError(f"a quoted cell is damaged ({error})", source=source, row=row) from None
    return "".join(rows).replace('"', " ").encode()


def _contracts(grid: _Grid, symbols: OsiColumn, heading: Heading) -> RawContracts:
    numbers, unreadable = grid.numbers()
    refusals = Refusals(len(symbols.readable))
    refusals.mark(~symbols.readable, Refusal.BAD_SYMBOL)
    foreign = [not belongs_to(root, heading.underlying) for root in symbols.root_names]
    refusals.mark(symbols.of_root(foreign), Refusal.FOREIGN_ROOT)
    refusals.mark(symbols.of_root([is_adjusted(root) for root in symbols.root_names]), Refusal.ADJUSTED_DELIVERABLE)
    # The line's own right, expiry and strike must be those of the symbol.
    refusals.mark(symbols.is_call != np.tile([True, False], len(grid.mark)), Refusal.BAD_RIGHT)
    refusals.mark(symbols.expiry != np.repeat(grid.listed(), 2), Refusal.BAD_EXPIRY)
    refusals.mark(symbols.strike != numbers.pop("strike"), Refusal.BAD_STRIKE)
    refusals.mark(unreadable, Refusal.BAD_NUMBER)
    return RawContracts(
        heading=heading,
        refusals=refusals,
        root_names=symbols.root_names,
        root_code=symbols.root_code,
        expiry=symbols.expiry,
        right=np.where(symbols.is_call, CALL, PUT),
        strike=symbols.strike,
        multiplier=np.full(len(symbols.strike), STANDARD_MULTIPLIER),
        quotes=Quotes(**numbers),
    )


def _listed_dates(cells: NDArray[np.bytes_]) -> DateArray1D:
    texts, code = coded(cells)
    dates: DateArray1D = np.array([_listed_date(text.decode("latin-1")) for text in texts], dtype="datetime64[D]")
    return dates[code]


def _listed_date(text: str) -> np.datetime64:
    parts = text.split()
    months = [month[:3] for month in _MONTHS]
    try:
        _, month, day, year = parts
        return date_or_nat(f"{int(year):04d}-{months.index(month) + 1:02d}-{int(day):02d}")
    except ValueError:
        return np.datetime64("NaT")
