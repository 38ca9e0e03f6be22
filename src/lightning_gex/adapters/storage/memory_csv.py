"""Remembered signals as CSV: for a spreadsheet, for a backup, and back into a book."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from lightning_gex.adapters.storage.codec import from_utc_text, utc_text
from lightning_gex.adapters.storage.export import FORMULA_STARTS, spreadsheet_safe
from lightning_gex.adapters.storage.memory_rows import calls_of, calls_text
from lightning_gex.adapters.storage.workspace_files import READABLE, write_atomically
from lightning_gex.core.enums import Direction, MarketRegime
from lightning_gex.core.errors import InputError, StoreError
from lightning_gex.core.patterns import Outcome, Pattern

_COLUMNS = (
    "pattern_id",
    "ticker",
    "as_of",
    "direction",
    "confidence",
    "horizon_sessions",
    "entry_price",
    "target_price",
    "stop_price",
    "regime",
    "outcome_known_at",
    "outcome_net_return",
    "outcome_won",
    "vector",
    "outcome_horizon_return",
    "schema",
    "strategy",
    "raw_confidence",
    "calls",
    "taken",
    "structure",
    "base_rate",
    "confidence_before_memory",
    "memory_shift",
)
#: Columns that a file may lack: exports of release 0.1.0 end before them.
_LATER = frozenset(_COLUMNS[_COLUMNS.index("outcome_horizon_return") :])
_LONGEST_CELL = 1_000_000  # characters; a vector or the agents' calls is far shorter
_WORDS = {"true": True, "false": False}


def write_patterns(patterns: Iterable[Pattern], path: Path) -> int:
    """Write signals to a CSV file (RFC 4180), whole or not at all; absent values are empty.

    A text that a spreadsheet would run as a formula gets an apostrophe before it, which ``read_patterns`` takes away.

    Returns
    -------
    The number of signals written.

    Raises
    ------
    StoreError : the file cannot be written.
    """
    written = 0

    def pieces() -> Iterator[bytes]:
        nonlocal written
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, lineterminator="\r\n")
        writer.writerow(_COLUMNS)
        for pattern in patterns:
            writer.writerow(_cells(pattern))
            written += 1
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
        yield buffer.getvalue().encode()

    write_atomically(path, pieces(), READABLE)
    return written


def read_patterns(path: Path) -> Iterator[Pattern]:
    """The signals of a CSV file that ``write_patterns`` wrote, in its order.

    Raises
    ------
    StoreError : the file cannot be read.
    InputError : naming the row and field that holds no value of its kind, or the columns that are missing.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            csv.field_size_limit(_LONGEST_CELL)
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ()) and name not in _LATER]
            if missing:
                raise InputError(
                    f"no column {', '.join(missing)}: this is no export of memory", source=path.name, row=1
                )
            for row in reader:
                yield _pattern(row, path.name, reader.line_num)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"this is no CSV file in UTF-8: {error}", source=path.name) from error


def _cells(pattern: Pattern) -> list[str | int | float]:
    outcome = pattern.outcome
    known: tuple[str | float, str | float, str] = ("", "", "")
    horizon_return: str | float = ""
    if outcome is not None:
        known = (
            utc_text(outcome.known_at, field="known_at"),
            _shown(outcome.net_return),
            str(bool(outcome.won)).lower(),
        )
        horizon_return = "" if outcome.horizon_return is None else float(outcome.horizon_return)
    return [
        spreadsheet_safe(pattern.pattern_id),
        spreadsheet_safe(pattern.ticker),
        utc_text(pattern.as_of, field="as_of"),
        pattern.direction.word,
        _shown(pattern.confidence),
        pattern.horizon_sessions,
        _shown(pattern.entry_price),
        _shown(pattern.target_price),
        _shown(pattern.stop_price),
        "" if pattern.regime is None else pattern.regime.value,
        *known,
        "|".join(str(_shown(element)) for element in pattern.vector),
        horizon_return,
        pattern.schema,
        spreadsheet_safe(pattern.strategy),
        _shown(pattern.raw_confidence),
        calls_text(pattern.calls),
        "" if pattern.taken is None else str(pattern.taken).lower(),
        spreadsheet_safe(pattern.structure),
        "" if pattern.base_rate is None else float(pattern.base_rate),
        _shown(pattern.confidence_before_memory),
        _shown(pattern.memory_shift),
    ]


def _pattern(row: Mapping[str | None, Any], source: str, line: int) -> Pattern:
    cells = _Row(row, source, line)
    outcome = None
    if cells.text("outcome_known_at"):
        outcome = Outcome(
            net_return=cells.number("outcome_net_return"),
            won=cells.truth("outcome_won") is True,
            known_at=cells.moment("outcome_known_at"),
            horizon_return=cells.number("outcome_horizon_return") if cells.text("outcome_horizon_return") else None,
        )
    return Pattern(
        pattern_id=cells.word("pattern_id"),
        ticker=cells.word("ticker"),
        as_of=cells.moment("as_of"),
        vector=cells.vector("vector"),
        direction=cells.direction("direction"),
        confidence=cells.number("confidence"),
        horizon_sessions=cells.whole("horizon_sessions"),
        entry_price=cells.number("entry_price"),
        target_price=cells.number("target_price"),
        stop_price=cells.number("stop_price"),
        regime=cells.regime("regime"),
        outcome=outcome,
        schema=cells.whole("schema") if cells.text("schema") else 1,
        strategy=cells.word("strategy", needed=False),
        raw_confidence=cells.number("raw_confidence"),
        calls=cells.calls("calls"),
        taken=cells.truth("taken"),
        structure=cells.word("structure", needed=False) or "stock",
        base_rate=cells.number("base_rate") if cells.text("base_rate") else None,
        confidence_before_memory=cells.number("confidence_before_memory"),
        memory_shift=cells.number("memory_shift"),
    )


class _Row:
    """One line of the file; what cannot be read is named."""

    def __init__(self, row: Mapping[str | None, Any], source: str, line: int) -> None:
        self._row = row
        self._place = (source, line)
        if None in row or None in row.values():
            self._refuse("the line has more or fewer cells than the header", None)

    def text(self, field: str) -> str:
        return str(self._row.get(field, ""))

    def word(self, field: str, *, needed: bool = True) -> str:
        text = self.text(field)
        if text.startswith("'") and text[1:].startswith(FORMULA_STARTS):
            text = text[1:]
        if needed and not text:
            self._refuse("it is empty", field)
        return text

    def number(self, field: str) -> float:
        return self._number(self.text(field), field)

    def whole(self, field: str) -> int:
        text = self.text(field)
        if not text.isascii() or not text.isdigit():
            self._refuse(f"{text!r} is no whole number", field)
        return int(text)

    def truth(self, field: str) -> bool | None:
        text = self.text(field).lower()
        if text and text not in _WORDS:
            self._refuse(f"{text!r} is neither true nor false", field)
        return _WORDS.get(text)

    def moment(self, field: str) -> Any:  # noqa: ANN401 - a datetime, or no return at all
        try:
            return from_utc_text(self.text(field))
        except ValueError:
            self._refuse(f"{self.text(field)!r} is no time with a time zone, such as 2024-03-01T21:00:00Z", field)

    def direction(self, field: str) -> Direction:
        try:
            return Direction.from_word(self.text(field))
        except ValueError as error:
            self._refuse(str(error), field)

    def regime(self, field: str) -> MarketRegime | None:
        text = self.text(field)
        try:
            return MarketRegime(text) if text else None
        except ValueError:
            self._refuse(f"{text!r} is none of {', '.join(MarketRegime)}", field)

    def vector(self, field: str) -> tuple[float, ...]:
        return tuple([self._number(element, field) for element in self.text(field).split("|")])

    def calls(self, field: str) -> tuple[Any, ...]:
        text = self.text(field)
        try:
            return calls_of(text) if text else ()
        except (ValueError, TypeError, json.JSONDecodeError):
            self._refuse("it does not hold agents' calls", field)

    def _number(self, text: str, field: str) -> float:
        if not text:
            return math.nan
        try:
            value = float(text)
        except ValueError:
            self._refuse(f"{text!r} is no number", field)
        if not math.isfinite(value):
            self._refuse(f"{text!r} is no number", field)
        return value

    def _refuse(self, problem: str, field: str | None) -> NoReturn:
        source, line = self._place
        raise InputError(problem, source=source, row=line, field=field)


def _shown(value: float) -> float | str:
    return "" if math.isnan(value) else float(value)
