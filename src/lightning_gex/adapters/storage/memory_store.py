"""Memory in SQL: rows are the truth, an exact index of them in memory answers."""

from __future__ import annotations

import csv
import io
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, Engine, Row, bindparam, insert, select, update

from lightning_gex.adapters.storage.codec import from_utc_text, utc_text
from lightning_gex.adapters.storage.database import reading
from lightning_gex.adapters.storage.export import spreadsheet_safe
from lightning_gex.adapters.storage.raw import Sql, Transaction, Writer, sql_of
from lightning_gex.adapters.storage.schema import BOOKS, PATTERNS
from lightning_gex.adapters.storage.workspace_files import READABLE, write_atomically
from lightning_gex.core.enums import Direction, MarketRegime
from lightning_gex.core.errors import InputError, IntegrityError, RefusedError, SettingsError
from lightning_gex.core.events import DecisionMade, Event, SignalResolved
from lightning_gex.core.patterns import Neighbours, Outcome, Pattern
from lightning_gex.memory.book import MemoryBook

_FLOAT64 = np.dtype("<f8")
_CSV_COLUMNS = (
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
)


_Act = Callable[[Transaction, MemoryBook, int], bool]
_OUTCOME = ("outcome_net_return", "outcome_won", "outcome_known_at")
_UNKNOWN_OUTCOME = dict.fromkeys(_OUTCOME)


class _Statements(NamedTuple):
    """What a write asks and says, compiled once."""

    revision: Sql
    begin_book: Sql
    count_book: Sql
    insert: Sql
    resolve: Sql

    @classmethod
    def of(cls, engine: Engine) -> _Statements:
        this_book = BOOKS.c.book == bindparam("the_book")
        this_pattern = (PATTERNS.c.book == bindparam("the_book")) & (PATTERNS.c.pattern_id == bindparam("the_id"))
        return cls(
            revision=sql_of(engine, select(BOOKS.c.revision).where(this_book)),
            begin_book=sql_of(engine, insert(BOOKS), ("book", "revision")),
            count_book=sql_of(engine, update(BOOKS).where(this_book), ("revision",)),
            insert=sql_of(engine, insert(PATTERNS), [column.name for column in PATTERNS.columns]),
            resolve=sql_of(engine, update(PATTERNS).where(this_pattern), _OUTCOME),
        )


class SqlMemoryStore:
    """Past signals of one book, in SQL. Implements ``core.ports.MemoryStore``.

    The book is loaded on first use and again whenever another process changed it. A write goes to SQL first; when its
    transaction fails, what is in memory is thrown away.

    Parameters
    ----------
    engine : from ``open_database``.
    book : its name, not empty; a back-test has its own.
    """

    def __init__(self, engine: Engine, book: str) -> None:
        if not book or not book.isprintable():
            raise SettingsError("a book of memory needs a name of printable characters")
        self._engine = engine
        self._name = book
        self._index: MemoryBook | None = None
        self._revision = -1
        self._followed: int | None = None  # the revision that a transaction of the journal's will have made
        self._writer = Writer(engine)
        self._sql = _Statements.of(engine)
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"SqlMemoryStore(book={self._name!r})"

    def remember(self, pattern: Pattern) -> None:
        """Keep a signal, durably. Keeping the same id twice is one signal: the first stays as it is.

        Raises
        ------
        InputError : a pattern that no book takes (see ``memory.book``); nothing is written.
        StoreError : the store cannot be written.
        """
        self._change(lambda transaction, index, revision: self._remembered(transaction, index, revision, pattern))

    def resolve(self, pattern_id: str, outcome: Outcome) -> None:
        """Add what became of a signal, durably.

        Raises
        ------
        RefusedError : an unknown or already resolved id.
        InputError : an outcome that cannot be one; nothing is written.
        StoreError : the store cannot be written.
        """

        def act(transaction: Transaction, index: MemoryBook, _revision: int) -> bool:
            self._resolve(transaction, index, pattern_id, outcome)
            return True

        self._change(act)

    def follow(self, transaction: Transaction, events: Sequence[Event]) -> None:
        """Take what events say of signals into the book, within the journal's transaction. Implements ``Follower``.

        A signal that is known, or resolved, already stays as it is: a run that goes on may tell it twice.
        """
        told = [e for e in events if isinstance(e, SignalResolved) or (isinstance(e, DecisionMade) and e.pattern)]
        if not told:
            return

        def act(transaction: Transaction, index: MemoryBook, revision: int) -> bool:
            changed = False
            for number, event in enumerate(told):
                if isinstance(event, SignalResolved):
                    pattern = index.find(event.pattern_id)
                    if pattern is not None and pattern.outcome is None:
                        self._resolve(transaction, index, event.pattern_id, event.outcome)
                        changed = True
                elif event.pattern is not None:
                    changed |= self._remembered(transaction, index, revision + number, event.pattern)
            return changed

        with self._lock:
            self._followed = self._act(transaction, act, steps=len(told))

    def settle(self, committed: bool) -> None:
        """What became of the transaction that was followed last: without its commit the book is read again."""
        with self._lock:
            followed, self._followed = self._followed, None
            if followed is not None and committed:
                self._revision = followed
            elif followed is not None or not committed:
                self._index = None

    def recall(
        self, *, ticker: str, direction: Direction, vector: Sequence[float], as_of: datetime, count: int
    ) -> Neighbours:
        """The most similar signals of this ticker and direction whose outcome was known at ``as_of``."""
        with self._lock:
            return self._current().recall(ticker=ticker, direction=direction, vector=vector, as_of=as_of, count=count)

    def recent(self, count: int, *, as_of: datetime | None = None) -> list[Pattern]:
        """The latest signals given at or before ``as_of``, newest first, with the outcomes known then."""
        with self._lock:
            return self._current().recent(count, as_of=as_of)

    def patterns(self) -> Iterator[Pattern]:
        """Every signal, oldest first."""
        with self._lock:
            return iter(list(self._current().patterns()))

    def export_csv(self, path: Path) -> int:
        """Write every signal to a CSV file, whole or not at all; absent values are empty.

        Returns
        -------
        The number of signals written.
        """
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, lineterminator="\r\n")  # RFC 4180
        writer.writerow(_CSV_COLUMNS)
        patterns = list(self.patterns())
        writer.writerows(_csv_row(pattern) for pattern in patterns)
        write_atomically(path, buffer.getvalue().encode(), READABLE)
        return len(patterns)

    def _remembered(self, transaction: Transaction, index: MemoryBook, position: int, pattern: Pattern) -> bool:
        if index.find(pattern.pattern_id) is not None:
            return False
        row = {**_UNKNOWN_OUTCOME, **_row_of(pattern), "book": self._name, "position": position}
        transaction.run(self._sql.insert, row)
        index.remember(pattern)
        return True

    def _resolve(self, transaction: Transaction, index: MemoryBook, pattern_id: str, outcome: Outcome) -> None:
        of_pattern = {"the_book": self._name, "the_id": pattern_id}
        transaction.run(self._sql.resolve, _outcome_columns(outcome) | of_pattern)
        index.resolve(pattern_id, outcome)  # refuses what may not be: then the transaction is rolled back

    def _change(self, act: _Act) -> None:
        """One transaction that changes rows, then the index, and counts the book's revision up."""
        with self._lock:
            try:
                with self._writer.transaction() as transaction:
                    revision = self._act(transaction, act)
                if revision is not None:
                    self._revision = revision
            except (InputError, RefusedError):  # raised before the index changed
                raise
            except BaseException:
                self._index = None
                raise

    def _act(self, transaction: Transaction, act: _Act, steps: int = 1) -> int | None:
        """Change rows and index within a transaction; the book's new revision, None where nothing changed."""
        transaction.lock(BOOKS.name)
        found = transaction.rows(self._sql.revision, {"the_book": self._name})
        held = int(found[0][0]) if found else None
        if self._index is None or self._revision != (held or 0):
            with reading(self._engine) as connection:  # with the lock held, what is committed is what there is
                self._loaded(connection, held)
        revision = (held or 0) + 1
        if self._index is None or not act(transaction, self._index, revision):
            return None
        revision += steps - 1
        statement = self._sql.begin_book if held is None else self._sql.count_book
        transaction.run(statement, {"book": self._name, "the_book": self._name, "revision": revision})
        return revision

    def _current(self) -> MemoryBook:
        with reading(self._engine) as connection:
            return self._loaded(connection, self._stored_revision(connection))

    def _stored_revision(self, connection: Connection) -> int | None:
        found = connection.execute(select(BOOKS.c.revision).where(BOOKS.c.book == self._name)).scalar()
        return None if found is None else int(found)

    def _loaded(self, connection: Connection, revision: int | None) -> MemoryBook:
        """The index as of this transaction."""
        if self._index is None or self._revision != (revision or 0):
            rows = connection.execute(
                select(PATTERNS).where(PATTERNS.c.book == self._name).order_by(PATTERNS.c.as_of, PATTERNS.c.position)
            )
            index = MemoryBook()
            for row in rows:
                _load(index, row)
            self._index, self._revision = index, revision or 0
        return self._index


def _load(index: MemoryBook, row: Row[Any]) -> None:
    try:
        index.remember(_pattern_of(row))
    except (ValueError, TypeError, AttributeError, InputError) as error:
        raise IntegrityError(
            f"signal {row.pattern_id} of book {row.book} is damaged in the store: restore it from your backup"
        ) from error


def _row_of(pattern: Pattern) -> dict[str, Any]:
    row = {
        "pattern_id": pattern.pattern_id,
        "ticker": pattern.ticker,
        "direction": int(pattern.direction),
        "as_of": utc_text(pattern.as_of, field="as_of"),
        "vector": np.asarray(pattern.vector, dtype=_FLOAT64).tobytes(),
        "confidence": _null_if_nan(pattern.confidence),
        "horizon_sessions": int(pattern.horizon_sessions),
        "entry_price": _null_if_nan(pattern.entry_price),
        "target_price": _null_if_nan(pattern.target_price),
        "stop_price": _null_if_nan(pattern.stop_price),
        "regime": None if pattern.regime is None else pattern.regime.value,
    }
    return row if pattern.outcome is None else row | _outcome_columns(pattern.outcome)


def _outcome_columns(outcome: Outcome) -> dict[str, Any]:
    return {
        "outcome_net_return": _null_if_nan(outcome.net_return),
        "outcome_won": bool(outcome.won),
        "outcome_known_at": utc_text(outcome.known_at, field="known_at"),
    }


def _pattern_of(row: Row[Any]) -> Pattern:
    outcome = None
    if row.outcome_known_at is not None:
        known_at = from_utc_text(row.outcome_known_at)
        outcome = Outcome(_nan_if_null(row.outcome_net_return), bool(row.outcome_won), known_at)
    return Pattern(
        pattern_id=row.pattern_id,
        ticker=row.ticker,
        as_of=from_utc_text(row.as_of),
        vector=tuple(np.frombuffer(row.vector, dtype=_FLOAT64).tolist()),
        direction=Direction(row.direction),
        confidence=_nan_if_null(row.confidence),
        horizon_sessions=row.horizon_sessions,
        entry_price=_nan_if_null(row.entry_price),
        target_price=_nan_if_null(row.target_price),
        stop_price=_nan_if_null(row.stop_price),
        regime=None if row.regime is None else MarketRegime(row.regime),
        outcome=outcome,
    )


def _null_if_nan(value: float) -> float | None:
    """SQLite keeps a NaN as NULL anyway; PostgreSQL shall not differ."""
    return None if math.isnan(value) else float(value)


def _nan_if_null(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _csv_row(pattern: Pattern) -> list[str | int | float]:
    outcome = pattern.outcome
    known = (
        ("", "", "")
        if outcome is None
        else (
            utc_text(outcome.known_at, field="known_at"),
            _shown(outcome.net_return),
            str(outcome.won).lower(),
        )
    )
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
    ]


def _shown(value: float) -> float | str:
    return "" if math.isnan(value) else float(value)
