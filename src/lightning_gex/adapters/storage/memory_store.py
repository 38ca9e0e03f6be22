"""Memory in SQL: rows are the truth; what a search needs of them is held, one ticker and direction at a time."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Engine, bindparam, case, func, insert, select, tuple_, update

from lightning_gex.adapters.storage.codec import from_utc_text, utc_text
from lightning_gex.adapters.storage.database import reading
from lightning_gex.adapters.storage.memory_csv import read_patterns, write_patterns
from lightning_gex.adapters.storage.memory_rows import (
    OUTCOME_COLUMNS,
    SEARCH_COLUMNS,
    damaged,
    outcome_columns,
    pattern_of,
    resolved_of,
    row_of,
)
from lightning_gex.adapters.storage.pgvector_search import PgvectorSearch
from lightning_gex.adapters.storage.raw import Sql, Transaction, Writer, sql_of
from lightning_gex.adapters.storage.schema import BOOKS, PATTERNS
from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import RefusedError, SettingsError
from lightning_gex.core.events import DecisionMade, Event, SignalResolved
from lightning_gex.core.patterns import Neighbours, Outcome, Pattern, RecallFilter
from lightning_gex.core.units import Float64Array1D
from lightning_gex.memory.book import (
    as_known_at,
    check_elements,
    check_outcome,
    check_text,
    check_texts,
    checked_question,
    checked_vector,
)
from lightning_gex.memory.say import MemorySay
from lightning_gex.memory.shelf import NO_NEIGHBOURS, Shelf, microseconds
from lightning_gex.memory.vector import present_vectors

_FLOAT64_BYTES = 8
_IDS_AT_ONCE = 200  # ids that one question asks after
_PAGE_ROWS = 2_000  # signals read at a time when all are


#: Whether a resolved signal's direction was right; where its horizon was not followed, winning stands in for it.
_RIGHT = func.coalesce(PATTERNS.c.outcome_horizon_return > 0.0, PATTERNS.c.outcome_won)


class SearchPlace(StrEnum):
    """Where a question to memory is answered."""

    PROGRAM = "program"
    SERVER = "server"


class _Statements(NamedTuple):
    """What a store asks and says most, compiled once."""

    revision: Sql
    begin_book: Sql
    count_book: Sql
    known: Sql
    known_among: Sql
    any_vector: Sql
    insert: Sql
    resolve: Sql
    resolved_since: Sql

    @classmethod
    def of(cls, engine: Engine) -> _Statements:
        this_book = BOOKS.c.book == bindparam("the_book")
        its_patterns = PATTERNS.c.book == bindparam("the_book")
        this_pattern = its_patterns & (PATTERNS.c.pattern_id == bindparam("the_id"))
        among = PATTERNS.c.pattern_id.in_([bindparam(f"id_{i}") for i in range(_IDS_AT_ONCE)])
        on_shelf = (
            its_patterns
            & (PATTERNS.c.ticker == bindparam("the_ticker"))
            & (PATTERNS.c.direction == bindparam("the_direction"))
            & (PATTERNS.c.changed > bindparam("since"))
            & PATTERNS.c.outcome_known_at.is_not(None)
        )
        searched = [PATTERNS.c[name] for name in SEARCH_COLUMNS]
        return cls(
            revision=sql_of(engine, select(BOOKS.c.revision).where(this_book)),
            begin_book=sql_of(engine, insert(BOOKS), ("book", "revision")),
            count_book=sql_of(engine, update(BOOKS).where(this_book), ("revision",)),
            known=sql_of(engine, select(PATTERNS.c.as_of, PATTERNS.c.outcome_known_at).where(this_pattern)),
            known_among=sql_of(engine, select(PATTERNS.c.pattern_id).where(its_patterns & among)),
            any_vector=sql_of(
                engine, select(PATTERNS.c.pattern_id, PATTERNS.c.schema, PATTERNS.c.vector).where(its_patterns).limit(1)
            ),
            insert=sql_of(engine, insert(PATTERNS), [column.name for column in PATTERNS.columns]),
            resolve=sql_of(engine, update(PATTERNS).where(this_pattern), (*OUTCOME_COLUMNS, "changed")),
            resolved_since=sql_of(engine, select(PATTERNS.c.changed, *searched).where(on_shelf)),
        )


class _HeldShelf(NamedTuple):
    """What a search needs of a ticker and direction, as of a revision of the book."""

    shelf: Shelf | None
    revision: int


class SqlMemoryStore:
    """Past signals of one book, in SQL. Implements ``core.ports.MemoryStore``.

    A write is a transaction of its own, or the journal's. A ticker and direction are read when they are first asked
    about; after that only what changed since, by this program or another, on this machine or another.

    Parameters
    ----------
    engine : from ``open_database``.
    book : its name, not empty; a back-test has its own.
    search : where recall searches: in this program, or in the server, which must be PostgreSQL with pgvector. The
        answers are the same.

    Raises
    ------
    SettingsError, MissingExtraError : a search in a server that cannot.
    """

    def __init__(self, engine: Engine, book: str, *, search: SearchPlace = SearchPlace.PROGRAM) -> None:
        if not book or not book.isprintable():
            raise SettingsError("a book of memory needs a name of printable characters")
        self._engine = engine
        self._name = book
        self._shelves: dict[tuple[str, Direction], _HeldShelf] = {}
        self._dimension: int | None = None
        self._writer = Writer(engine)
        self._sql = _Statements.of(engine)
        self._this_book = {"the_book": book}
        self._lock = threading.RLock()
        self._server = PgvectorSearch(engine, book) if search is SearchPlace.SERVER else None

    def __repr__(self) -> str:
        return f"SqlMemoryStore(book={self._name!r})"

    # --- writing -----------------------------------------------------------------------------------------------

    def remember(self, pattern: Pattern) -> None:
        """Keep a signal, durably. Keeping the same id twice is one signal: the first stays as it is.

        Raises
        ------
        InputError : a pattern that no book takes (see ``memory.book``); nothing is written.
        StoreError : the store cannot be written.
        """
        self.remember_all([pattern])

    def remember_all(self, patterns: Sequence[Pattern]) -> int:
        """Keep signals in one transaction, all or none: how many were new.

        Raises
        ------
        InputError, StoreError : as ``remember`` does; nothing is written.
        """
        for pattern in patterns:
            check_texts(pattern)
        with self._lock, self._writer.transaction() as transaction:
            held = self._held_revision(transaction)
            dimension = self._dimension_of(transaction)
            rows: list[dict[str, Any]] = []
            known = self._known_among(transaction, [p.pattern_id for p in patterns])
            for pattern in patterns:
                if pattern.pattern_id not in known:
                    known.add(pattern.pattern_id)
                    row, dimension = self._checked_row(pattern, (held or 0) + len(rows) + 1, dimension)
                    rows.append(row)
            columns = tuple(column.name for column in PATTERNS.columns)
            transaction.many(self._sql.insert, columns, [tuple([row[name] for name in columns]) for row in rows])
            self._count(transaction, held, (held or 0) + len(rows))
        return len(rows)

    def resolve(self, pattern_id: str, outcome: Outcome) -> None:
        """Add what became of a signal, durably.

        Raises
        ------
        RefusedError : an unknown or already resolved id.
        InputError : an outcome that cannot be one, or an id that no store keeps; nothing is written.
        StoreError : the store cannot be written.
        """
        check_text(pattern_id, "pattern_id")
        with self._lock, self._writer.transaction() as transaction:
            held = self._held_revision(transaction)
            found = self._known(transaction, pattern_id)
            if found is None:
                raise RefusedError(f"no signal {pattern_id} is remembered")
            if found[1] is not None:
                raise RefusedError(f"signal {pattern_id} is resolved already")
            revision = (held or 0) + 1
            self._resolve(transaction, revision, pattern_id, found[0], outcome)
            self._count(transaction, held, revision)

    def follow(self, transaction: Transaction, events: Sequence[Event]) -> None:
        """Take what events say of signals into the book, within the journal's transaction. Implements ``Follower``.

        A signal that is known, or resolved, already stays as it is: a run that goes on may tell it twice.
        """
        told = [e for e in events if isinstance(e, SignalResolved) or (isinstance(e, DecisionMade) and e.pattern)]
        if not told:
            return
        for event in told:
            if isinstance(event, SignalResolved):
                check_text(event.pattern_id, "pattern_id")
            elif event.pattern is not None:
                check_texts(event.pattern)
        with self._lock:
            held = self._held_revision(transaction)
            dimension, revision = self._dimension_of(transaction), held or 0
            for event in told:
                if isinstance(event, SignalResolved):
                    found = self._known(transaction, event.pattern_id)
                    if found is not None and found[1] is None:
                        revision += 1
                        self._resolve(transaction, revision, event.pattern_id, found[0], event.outcome)
                elif event.pattern is not None and self._known(transaction, event.pattern.pattern_id) is None:
                    revision += 1
                    row, dimension = self._checked_row(event.pattern, revision, dimension)
                    transaction.run(self._sql.insert, row)
            self._count(transaction, held, revision)

    def settle(self, committed: bool) -> None:
        """What became of the transaction that was followed last."""
        if not committed:
            self._dimension = None  # it may have been that of a signal that was never kept

    def _held_revision(self, transaction: Transaction) -> int | None:
        """The book's revision, other writers shut out until the transaction ends; None where there is no book yet."""
        transaction.lock(BOOKS.name)
        found = transaction.rows(self._sql.revision, self._this_book)
        return int(found[0][0]) if found else None

    def _count(self, transaction: Transaction, held: int | None, revision: int) -> None:
        if revision == (held or 0):
            return
        statement = self._sql.begin_book if held is None else self._sql.count_book
        transaction.run(statement, {"book": self._name, "the_book": self._name, "revision": revision})

    def _known(self, transaction: Transaction, pattern_id: str) -> tuple[str, str | None] | None:
        """When a signal was given and when its outcome was known, as texts; None where it is not remembered."""
        found = transaction.rows(self._sql.known, {"the_book": self._name, "the_id": pattern_id})
        return None if not found else (str(found[0][0]), found[0][1])

    def _known_among(self, transaction: Transaction, ids: Sequence[str]) -> set[str]:
        """Those of these ids that are remembered already."""
        if len(ids) == 1:
            return set(ids) if self._known(transaction, ids[0]) is not None else set()
        found: set[str] = set()
        for first in range(0, len(ids), _IDS_AT_ONCE):
            part = ids[first : first + _IDS_AT_ONCE]
            asked = [*part, *[part[0]] * (_IDS_AT_ONCE - len(part))]
            values = {f"id_{i}": one for i, one in enumerate(asked)}
            found.update(row[0] for row in transaction.rows(self._sql.known_among, self._this_book | values))
        return found

    def _checked_row(self, pattern: Pattern, revision: int, dimension: int | None) -> tuple[dict[str, Any], int]:
        """A pattern's row, and how many elements the book's vectors have."""
        vector = checked_vector(pattern, dimension)
        microseconds(pattern.as_of, "as_of")  # whether a search can count it
        if pattern.outcome is not None:
            check_outcome(pattern.as_of, pattern.outcome, pattern.pattern_id)
        return row_of(pattern) | {"book": self._name, "position": revision, "changed": revision}, len(vector)

    def _resolve(
        self, transaction: Transaction, revision: int, pattern_id: str, given_at: str, outcome: Outcome
    ) -> None:
        try:
            as_of = from_utc_text(given_at)
        except ValueError as error:
            raise damaged(pattern_id, self._name) from error
        check_outcome(as_of, outcome, pattern_id)
        of_pattern = {"the_book": self._name, "the_id": pattern_id, "changed": revision}
        transaction.run(self._sql.resolve, outcome_columns(outcome) | of_pattern)

    # --- asking ------------------------------------------------------------------------------------------------

    def recall(
        self,
        *,
        ticker: str,
        direction: Direction,
        vector: Sequence[float] | Float64Array1D,
        as_of: datetime,
        count: int,
        wanted: RecallFilter | None = None,
    ) -> Neighbours:
        """The most similar signals of this ticker and direction whose outcome was known at ``as_of``."""
        check_text(ticker, "ticker")
        if self._server is not None:
            return self._recalled_by_server(self._server, ticker, direction, vector, as_of, count, wanted)
        with self._lock:
            held = self._present_shelf(ticker, direction)
            query, instant = checked_question(vector, as_of, count, self._dimension)
            if held is None:
                check_elements(query)
                return NO_NEIGHBOURS
            return held.nearest(query, instant, count, wanted)

    def _recalled_by_server(
        self,
        server: PgvectorSearch,
        ticker: str,
        direction: Direction,
        vector: Sequence[float] | Float64Array1D,
        as_of: datetime,
        count: int,
        wanted: RecallFilter | None,
    ) -> Neighbours:
        with self._lock:
            query, _ = checked_question(vector, as_of, count, self._dimension_now())
            check_elements(query)
            return server.recall(
                ticker=ticker,
                direction=direction,
                query=query,
                as_of=as_of,
                count=count,
                wanted=wanted,
                revision=self._revision_now(),
            )

    def find(self, pattern_id: str) -> Pattern | None:
        """A signal by its id; None where it is not remembered. Raises ``InputError`` on an id that no store keeps."""
        check_text(pattern_id, "pattern_id")
        with reading(self._engine) as connection:
            row = connection.execute(self._rows().where(PATTERNS.c.pattern_id == pattern_id)).one_or_none()
        return None if row is None else pattern_of(row)

    def recent(self, count: int, *, as_of: datetime | None = None) -> list[Pattern]:
        """The latest signals given at or before ``as_of``, newest first, with the outcomes known then."""
        asked = self._rows().order_by(PATTERNS.c.as_of.desc(), PATTERNS.c.position.desc()).limit(max(0, count))
        if as_of is not None:
            asked = asked.where(PATTERNS.c.as_of <= utc_text(as_of, field="as_of"))
        with reading(self._engine) as connection:
            rows = connection.execute(asked).all()
        return [as_known_at(pattern_of(row), as_of) for row in rows]

    def latest(self, ticker: str | None = None) -> Pattern | None:
        """The latest signal, of one ticker where it is named; None where there is none."""
        asked = self._rows().order_by(PATTERNS.c.as_of.desc(), PATTERNS.c.position.desc()).limit(1)
        if ticker is not None:
            check_text(ticker, "ticker")
            asked = asked.where(PATTERNS.c.ticker == ticker)
        with reading(self._engine) as connection:
            row = connection.execute(asked).one_or_none()
        return None if row is None else pattern_of(row)

    def patterns(self) -> Iterator[Pattern]:
        """Every signal, oldest first; read a page at a time, so that memory stays flat."""
        after: tuple[str, int] | None = None
        while True:
            asked = self._rows().order_by(PATTERNS.c.as_of, PATTERNS.c.position).limit(_PAGE_ROWS)
            if after is not None:
                asked = asked.where(tuple_(PATTERNS.c.as_of, PATTERNS.c.position) > after)
            with reading(self._engine) as connection:
                rows = connection.execute(asked).all()
            yield from map(pattern_of, rows)
            if len(rows) < _PAGE_ROWS:
                return
            after = (rows[-1].as_of, rows[-1].position)

    def base_rate(self, direction: Direction, *, as_of: datetime) -> float:
        """How often signals of a direction were right, of those whose outcome was known; NaN where none was."""
        known = self._known_by(as_of) & (PATTERNS.c.direction == int(direction))
        asked = select(func.count(), func.count().filter(_RIGHT)).where(known)
        with reading(self._engine) as connection:
            resolved, were_right = connection.execute(asked).one()
        return were_right / resolved if resolved else math.nan

    def say(self, *, as_of: datetime) -> MemorySay:
        """What became of memory's advice in this book, as far as it was known at ``as_of`` (``memory.say``)."""
        shift, said = PATTERNS.c.memory_shift, PATTERNS.c.confidence_before_memory
        weight = 1.0 / PATTERNS.c.horizon_sessions
        advised = self._known_by(as_of) & shift.is_not(None) & (said > 0.0) & (said < 1.0)
        agreement = func.sum(weight * shift * (case((_RIGHT, 1.0), else_=0.0) - said))
        information = func.sum(weight * shift * shift * said * (1.0 - said))
        asked = select(func.count(), func.coalesce(agreement, 0.0), func.coalesce(information, 0.0)).where(advised)
        with reading(self._engine) as connection:
            outcomes, agreed, informed = connection.execute(asked).one()
        return MemorySay(int(outcomes), float(agreed), float(informed))

    def counts(self) -> tuple[int, int, int]:
        """How many signals are remembered, how many of them are resolved, how many of those made money."""
        known, won = func.count(PATTERNS.c.outcome_known_at), func.count().filter(PATTERNS.c.outcome_won)
        asked = select(func.count(), known, won)
        with reading(self._engine) as connection:
            found = connection.execute(asked.where(PATTERNS.c.book == self._name)).one()
        return int(found[0]), int(found[1]), int(found[2])

    def _known_by(self, as_of: datetime) -> Any:  # noqa: ANN401 - SQLAlchemy's generic condition
        known = PATTERNS.c.outcome_known_at <= utc_text(as_of, field="as_of")
        return (PATTERNS.c.book == self._name) & known

    def export_csv(self, path: Path) -> int:
        """Write every signal to a CSV file, whole or not at all: how many (``memory_csv``)."""
        return write_patterns(self.patterns(), path)

    def import_csv(self, path: Path) -> int:
        """Keep the signals of a CSV file that ``export_csv`` wrote, all or none: how many were not known yet.

        Raises
        ------
        InputError : naming what cannot be used; nothing is written.
        StoreError : the file cannot be read, or the store written.
        """
        return self.remember_all(list(read_patterns(path)))

    def _rows(self) -> Any:  # noqa: ANN401 - SQLAlchemy's generic Select
        return select(PATTERNS).where(PATTERNS.c.book == self._name)

    def _dimension_of(self, transaction: Transaction) -> int | None:
        """How many elements the book's vectors have in the present schema; None where it is empty."""
        if self._dimension is None:
            found = transaction.rows(self._sql.any_vector, self._this_book)
            if found:
                self._dimension = self._length_of(*found[0])
        return self._dimension

    def _present_shelf(self, ticker: str, direction: Direction) -> Shelf | None:
        """The shelf as of now; None where nothing on it is resolved."""
        revision = self._revision_now()
        held = self._shelves.get((ticker, direction), _HeldShelf(None, -1))
        if held.revision == revision:
            return held.shelf
        self._dimension_now()
        asked = self._this_book | {
            "the_ticker": ticker,
            "the_direction": int(direction),
            "since": held.revision,
        }
        rows = self._writer.read(self._sql.resolved_since, asked)
        shelf = held.shelf
        if rows:
            resolved = resolved_of([row[1:] for row in rows], self._name)
            shelf = shelf or Shelf(resolved.vectors.shape[1])
            shelf.add(resolved)
            revision = max(revision, *(int(row[0]) for row in rows))  # what was committed after the first look
        self._shelves[ticker, direction] = _HeldShelf(shelf, revision)
        return shelf

    def _revision_now(self) -> int:
        found = self._writer.read(self._sql.revision, self._this_book)
        return int(found[0][0]) if found else 0

    def _dimension_now(self) -> int | None:
        if self._dimension is None:
            first = self._writer.read(self._sql.any_vector, self._this_book)
            self._dimension = self._length_of(*first[0]) if first else None
        return self._dimension

    def _length_of(self, pattern_id: str, schema: int, vector: bytes) -> int:
        if len(vector) == 0 or len(vector) % _FLOAT64_BYTES:
            raise damaged(pattern_id, self._name)
        return int(present_vectors(np.frombuffer(vector, dtype="<f8")[None], schema).shape[1])
