"""Cboe's quote-table download: a header of three lines, then a call and a put at every strike of every expiry.

The header names the company, not the symbol: the underlying is read from the option symbols. ``Last`` is the spot. The
times are New York's.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import numpy as np

from lightning_gex.adapters.market_data.chain_rows import RawContracts, Refusal
from lightning_gex.adapters.market_data.content import Content
from lightning_gex.adapters.market_data.osi_symbol import OsiSymbol, belongs_to, date_or_nat, parse_osi
from lightning_gex.adapters.market_data.quote_time import checked_moment, quotes_as_of
from lightning_gex.adapters.market_data.stale_open import CASH_INDICES, REAL_OPEN_INDICES, plain_symbol
from lightning_gex.adapters.market_data.tables import clipped
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import NEW_YORK
from lightning_gex.core.units import STANDARD_MULTIPLIER, BoolArray1D, DateArray1D, Float64Array1D

NAME = "cboe_quotedata"
_HEADER_LINES = 10  # the column line stands within so many lines
_FIRST_COLUMNS = "Expiration Date,Calls"
_SIDE = ("Last Sale", "Net", "Bid", "Ask", "Volume", "IV", "Delta", "Gamma", "Open Interest")
_COLUMNS = ("Expiration Date", "Calls", *_SIDE, "Strike", "Puts", *_SIDE)
_STRIKE_AT = _COLUMNS.index("Strike")
_PUT_AT = _COLUMNS.index("Puts")
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
    top = content.data[:4_096].decode("utf-8", errors="replace")
    return any(line.startswith(_FIRST_COLUMNS) for line in re.split(r"[\r\n]+", top)[:_HEADER_LINES])


def parse(content: Content, underlying: str | None) -> RawContracts:
    """The rows of a quote-table file.

    Parameters
    ----------
    content : the file.
    underlying : symbol the options must be on; None takes the one most of them are on.

    Raises
    ------
    InputError : the header lacks time, zone, spot or a column; a line is cut.
    """
    lines = content.text().split("\n")
    at = next((i for i, line in enumerate(lines[:_HEADER_LINES]) if line.startswith(_FIRST_COLUMNS)), None)
    if at is None:
        raise InputError(f"has no line that begins with '{_FIRST_COLUMNS}'", source=content.source)
    _check_columns(lines[at], content.source, at + 1)
    header = "\n".join(lines[:at])
    saved_at = _saved_at(header, content.source)
    spot = _spot(header, content.source)
    rows = _rows(lines[at + 1 :], content.source, at + 2)
    if not rows:
        raise InputError("the file has a header and no contracts", source=content.source)
    return _contracts(rows, content.source, underlying, quotes_as_of(saved_at), spot)


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


def _rows(lines: Sequence[str], source: str, first_line: int) -> list[list[str]]:
    rows: list[list[str]] = []
    reader = csv.reader(lines, strict=True)
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
            rows.append(cells)
    except csv.Error as error:
        row = first_line + reader.line_num - 1
        raise InputError(f"a quoted cell is damaged ({error})", source=source, row=row) from None
    return rows


def _contracts(
    rows: list[list[str]], source: str, underlying: str | None, as_of: datetime, spot: float
) -> RawContracts:
    symbols = [parse_osi(row[at]) for row in rows for at in (1, _PUT_AT)]
    name = plain_symbol(underlying) if underlying else _underlying_of(symbols, source)
    side = {column: _SIDE.index(column) + 1 for column in _SIDE}
    numbers: dict[str, Float64Array1D] = {}
    unreadable = np.zeros(len(symbols), dtype=np.bool_)
    for column in ("Bid", "Ask", "IV", "Open Interest", "Volume"):
        cells = [row[at + side[column]] for row in rows for at in (1, _PUT_AT)]
        numbers[column], bad = _numbers(cells)
        unreadable |= bad
    listed = _listed_dates(rows)
    strikes, _ = _numbers([row[_STRIKE_AT] for row in rows for _ in (0, 1)])
    refused = [
        _refusal(symbol, name, calls=i % 2 == 0, expiry=listed[i], strike=strikes[i], unreadable=bool(unreadable[i]))
        for i, symbol in enumerate(symbols)
    ]
    return RawContracts(
        source=source,
        underlying=name,
        as_of=as_of,
        spot=spot,
        refused=refused,
        root=np.array([s.root if s else "" for s in symbols]),
        expiry=np.array([s.expiry if s else np.datetime64("NaT") for s in symbols], dtype="datetime64[D]"),
        right=np.array([("C" if s.is_call else "P") if s else "" for s in symbols]),
        strike=np.array([s.strike if s else np.nan for s in symbols]),
        multiplier=np.full(len(symbols), STANDARD_MULTIPLIER),
        bid=numbers["Bid"],
        ask=numbers["Ask"],
        implied_vol=numbers["IV"],
        open_interest=numbers["Open Interest"],
        volume=numbers["Volume"],
    )


def _underlying_of(symbols: Sequence[OsiSymbol | None], source: str) -> str:
    """The root without series letters and digits that most rows share."""
    roots = Counter("".join(letter for letter in s.root if not letter.isdigit()) for s in symbols if s is not None)
    if not roots:
        raise InputError("no row holds an option symbol such as SPY240621C00530000", source=source, field="Calls")
    indices = {root[:-1] for root in roots} & (CASH_INDICES | REAL_OPEN_INDICES)  # a file of SPXW alone is of SPX
    shortest = sorted({*roots, *indices}, key=lambda root: (len(root), root))
    return max(shortest, key=lambda name: sum(n for root, n in roots.items() if belongs_to(root, name)))


def _refusal(
    symbol: OsiSymbol | None, underlying: str, *, calls: bool, expiry: np.datetime64, strike: float, unreadable: bool
) -> Refusal | None:
    """Why a cell's contract is none, or None. The line's own expiry and strike must be those of the symbol."""
    if symbol is None:
        return Refusal.BAD_SYMBOL
    if not belongs_to(symbol.root, underlying):
        return Refusal.FOREIGN_ROOT
    if symbol.is_adjusted:
        return Refusal.ADJUSTED_DELIVERABLE
    if symbol.is_call is not calls:
        return Refusal.BAD_RIGHT
    if symbol.expiry != expiry:
        return Refusal.BAD_EXPIRY
    if symbol.strike != strike:
        return Refusal.BAD_STRIKE
    return Refusal.BAD_NUMBER if unreadable else None


def _listed_dates(rows: list[list[str]]) -> DateArray1D:
    """(2 n,) the first column (``Fri Aug 25 2023``), for the call and for the put; NaT where it is no date."""
    known: dict[str, np.datetime64] = {}
    for row in rows:
        if row[0] not in known:
            known[row[0]] = _listed_date(row[0])
    return np.array([known[row[0]] for row in rows for _ in (0, 1)], dtype="datetime64[D]")


def _listed_date(text: str) -> np.datetime64:
    parts = text.split()
    months = [month[:3] for month in _MONTHS]
    try:
        _, month, day, year = parts
        return date_or_nat(f"{int(year):04d}-{months.index(month) + 1:02d}-{int(day):02d}")
    except ValueError:
        return np.datetime64("NaT")


def _numbers(cells: Sequence[str]) -> tuple[Float64Array1D, BoolArray1D]:
    """(n,) NaN where empty or unreadable, and (n,) which were unreadable. Thousands separators are understood."""
    values = np.full(len(cells), np.nan)
    bad = np.zeros(len(cells), dtype=np.bool_)
    for i, cell in enumerate(cells):
        text = cell.strip().replace(",", "")
        if text:
            try:
                values[i] = float(text)
            except ValueError:
                bad[i] = True
    return values, bad
