"""The journal in SQL: one chain through the whole table, keyed, and anchored outside it.

What happens when the power fails, by moment:

- before the commit: nothing was written; nothing was promised.
- after the commit, before the anchor: the journal reaches further than its anchor. What lies beyond is accepted when
  the journal is next opened, if every record of it continues the chain under the audit key, and anchored then.
- the anchor is never written first. One that reaches further than the journal means that records were removed, and
  opening the journal says so.

The anchor is written after every commit and synced to disk every so often (``anchor_sync_every``), when flushed and
when closed. So what can be cut unseen is what the anchor on disk had not reached: nothing after a crash of the program
(save the commit it was in), up to ``anchor_sync_every`` commits after a power failure.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Engine, bindparam, func, literal_column, or_, select

from lightning_gex.adapters.storage.anchor_file import AnchorFile, HeldAnchor
from lightning_gex.adapters.storage.codec import CheckedReader, encode, from_utc_text, utc_text
from lightning_gex.adapters.storage.database import reading, texts_as_bytes
from lightning_gex.adapters.storage.journal_rows import (
    BATCH,
    COLUMNS,
    DIGEST_AT,
    ENDS,
    FROM,
    IN_ORDER,
    INSERT,
    LAST,
    Prepared,
    chained,
    checked,
    link,
    refuse_altered,
    refuse_unknown,
    selected,
)
from lightning_gex.adapters.storage.raw import Sql, Transaction, Writer, rows_of, sql_of
from lightning_gex.adapters.storage.redacted import payload_without_secrets
from lightning_gex.adapters.storage.schema import JOURNAL
from lightning_gex.core.enums import RunMode
from lightning_gex.core.errors import IntegrityError, SettingsError, StoreError
from lightning_gex.core.events import AuditNoted, Event, OperationFailed, RunStarted
from lightning_gex.core.portfolio import AccountUsage
from lightning_gex.core.ports import JournalRecord
from lightning_gex.risk.account_usage import ACCOUNT_MODES, KINDS, AccountBook
from lightning_gex.security.audit_chain import ChainChecker, verify_chain
from lightning_gex.security.redaction import KNOWN_SECRETS, Redactor

_ANCHOR_SYNC_EVERY = 64  # commits between syncs of the anchor; see docs/concepts/journal_and_audit.md for the cost
_QUESTIONS, _BETWEEN_QUESTIONS_SECONDS = 60, 0.5  # how long a store may take to come back: a restart takes seconds
_AFTER_ALL = 2**62  # beyond any sequence
_RUNS_AT_A_TIME = 200  # named in one query
_RECORD = "journal record"
_BARE = CheckedReader(_RECORD, with_reasons=False)
_WITH_FREE_TEXTS = frozenset({RunStarted, AuditNoted, OperationFailed})
_KINDS_OF_THE_ACCOUNT = frozenset(KINDS)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run of the journal.

    Parameters
    ----------
    run_id : which.
    mode, started_at : as its ``RunStarted`` says; None where a run has none.
    count : its records.
    """

    run_id: str
    mode: RunMode | None
    started_at: datetime | None
    count: int


class _Statements(NamedTuple):
    """What a commit asks and says, compiled once."""

    ends: Sql
    following: Sql
    last: Sql
    starts: Sql
    insert: Sql

    @classmethod
    def of(cls, engine: Engine) -> _Statements:
        return cls(
            ends=sql_of(engine, ENDS),
            following=sql_of(engine, FROM),
            last=sql_of(engine, LAST),
            starts=sql_of(engine, IN_ORDER.where(JOURNAL.c.kind == literal_column("'run_started'"))),
            insert=sql_of(engine, INSERT, COLUMNS),
        )


class Follower(Protocol):
    """Something that keeps rows of its own in step with the journal, in the journal's transactions."""

    def follow(self, transaction: Transaction, events: Sequence[Event]) -> None:
        """Write what follows from events, within the transaction that writes them."""
        ...

    def settle(self, committed: bool) -> None:
        """Whether that transaction was committed."""
        ...


class SqlJournal:
    """The append-only, hash-chained journal of one workspace. Implements ``core.ports.Journal``.

    Several processes may append to one store: each takes the write lock, continues the chain where it finds it and
    checks what others added since.

    Parameters
    ----------
    engine : from ``open_database``.
    run_id : the run that appended events belong to; not empty, no control characters.
    key : the audit key, 32 bytes.
    anchor : the anchor file, outside the database; made on first use.
    group_size : events kept back and committed together. 1 (live): durable when ``append`` returns. More (a back-test):
        durable after ``flush`` or ``close``; a crash loses at most that many, from the end.
    redactor : what keeps secrets out of the free-form parts of events; the process's own where none is given.
    anchor_sync_every : commits between syncs of the anchor to disk.
    followers : what is kept in step, in the same transactions; for journals that commit every append.

    Raises
    ------
    IntegrityError : the anchor is missing, was altered, or reaches further than the journal; or what lies beyond the
        anchor does not continue the chain. The whole chain is checked by :meth:`verify`.
    StoreError : the store cannot be read.
    """

    def __init__(
        self,
        engine: Engine,
        run_id: str,
        key: bytes,
        anchor: Path,
        *,
        group_size: int = 1,
        redactor: Redactor | None = None,
        anchor_sync_every: int = _ANCHOR_SYNC_EVERY,
        followers: Sequence[Follower] = (),
    ) -> None:
        if not run_id or not run_id.isprintable():
            raise SettingsError("a run needs a name of printable characters")
        if followers and group_size > 1:
            raise SettingsError("a journal that commits in groups has no followers")
        if group_size < 1 or anchor_sync_every < 1:
            raise SettingsError("group_size and anchor_sync_every are at least 1")
        self._engine = engine
        self._run_id = run_id
        self._writer = Writer(engine)
        self._sql = _Statements.of(engine)
        self._key = key
        self._anchor = AnchorFile(anchor, key)
        self._group_size = group_size
        self._redactor = redactor or KNOWN_SECRETS
        self._anchor_sync_every = anchor_sync_every
        self._followers = tuple(followers)
        self._unanchored = 0  # commits since the anchor was last on disk for certain
        self._buffer: list[Prepared] = []
        self._book: AccountBook | None = None  # made when first asked for
        self._lock = threading.RLock()
        self._in_doubt = False  # a commit broke off and the store does not say whether it was done
        self._anchor_failed = False  # the anchor could not follow the latest commit
        self._count, self._head = self._opened()

    def __repr__(self) -> str:
        return f"SqlJournal(run_id={self._run_id!r}, records={self._count})"

    def __enter__(self) -> SqlJournal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def run_id(self) -> str:
        """The run that new events belong to."""
        return self._run_id

    def append(self, events: Sequence[Event]) -> None:
        """Write events in order, as one transaction.

        Durable on return where ``group_size`` is 1. Where it raises, none of these events was kept.

        Raises
        ------
        InputError : an event that could not be read back.
        StoreError : the store or the anchor cannot be written; ``IntegrityError`` where it was tampered with meanwhile.
        """
        prepared = [self._prepared(event) for event in events]
        if not prepared:
            return
        with self._lock:
            if self._followers:
                self._write(lambda transaction: self._followed(transaction, events, prepared))
                return
            before = len(self._buffer)
            self._buffer.extend(prepared)
            if len(self._buffer) < self._group_size:
                return
            try:
                self._commit()
            except BaseException:
                del self._buffer[before:]
                raise

    def append_checked(self, now: datetime, build: Callable[[AccountUsage], Sequence[Event]]) -> Sequence[Event]:
        """Write what ``build`` makes of the other runs' use of the account, before any of them can use up more.

        The store's write lock is held from before the use is known until the events are committed, so that of two runs
        that would pass a limit together the later one sees the earlier one's order.

        Parameters
        ----------
        now : aware UTC, the moment of the decision.
        build : pure and short; what it raises is raised here, and nothing is written.

        Returns
        -------
        The events, durable.
        """
        with self._lock:
            self._commit()
            built: Sequence[Event] = ()

            def make(transaction: Transaction) -> list[Prepared]:
                nonlocal built
                built = build(self._account_book(transaction).others(self._run_id, now))
                return self._followed(transaction, built, [self._prepared(event) for event in built])

            self._write(make)
            return built

    def account(self, now: datetime) -> AccountUsage:
        """What the other runs of the account use up at this moment."""
        with self._lock:
            self._commit()
            with self._writer.transaction(write=False) as transaction:
                end = self._caught_up(transaction, self._count, self._head)
                usage = self._account_book(transaction).others(self._run_id, now)
            self._count, self._head = end
            return usage

    def flush(self) -> None:
        """Make everything appended so far, and the anchor, durable."""
        with self._lock:
            self._commit()
            if self._unanchored:
                with self._anchor.held() as anchor:
                    self._advance_anchor(anchor, sync=True)

    def close(self) -> None:
        """Flush. The engine stays open: it belongs to whoever opened it."""
        self.flush()
        self._writer.close()

    def read(
        self,
        run_id: str | None = None,
        *,
        kinds: Sequence[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        with_reasons: bool = True,
        newest_first: bool = False,
    ) -> Iterator[JournalRecord]:
        """The records of one run (None: of all), oldest first, each checked against its digest.

        Parameters
        ----------
        run_id : which run.
        kinds : kinds of events; none means all.
        since, until : aware; records dated at or after the one and before the other.
        with_reasons : False leaves a decision's stages, votes and caps out: enough for a replay, and several times as
            fast.
        newest_first : the other way round.

        Raises
        ------
        IntegrityError : at the first record that was altered.
        """
        self.flush()
        statement = selected(
            run_id=run_id,
            kinds=kinds,
            since=None if since is None else utc_text(since, field="since"),
            until=None if until is None else utc_text(until, field="until"),
            newest_first=newest_first,
        ).limit(BATCH)
        beyond = JOURNAL.c.sequence < bindparam("last") if newest_first else JOURNAL.c.sequence > bindparam("last")
        last = _AFTER_ALL if newest_first else 0
        sql = sql_of(self._engine, statement.where(beyond))
        key, reader = self._key, CheckedReader(_RECORD, with_reasons=with_reasons)
        while True:
            with reading(self._engine) as connection, texts_as_bytes(connection):
                batch = rows_of(connection, sql, {"last": last})
            for sequence, run, kind, payload, digest, version in checked(key, batch):
                event = reader.event(sequence, kind, payload, version)
                yield JournalRecord(sequence, run.decode(), event, digest.decode())
            if len(batch) < BATCH:
                return
            last = batch[-1][0]

    def span(self) -> tuple[datetime | None, datetime | None]:
        """When the oldest and the newest record are dated; None where there is none."""
        self.flush()
        with reading(self._engine) as connection:
            ends = connection.execute(select(func.min(JOURNAL.c.at), func.max(JOURNAL.c.at))).one()
        first, last = (None if at is None else from_utc_text(at) for at in ends)
        return first, last

    def verify(self) -> int:
        """Check every record, the chain through them and the anchor.

        Returns
        -------
        The number of records.

        Raises
        ------
        IntegrityError : naming the first record that is missing, out of place or altered.
        """
        self.flush()
        anchor = self._anchor.read()  # read first: the journal can only have grown since
        with (
            reading(self._engine) as connection,
            connection.execution_options(yield_per=BATCH).execute(IN_ORDER) as rows,
        ):
            return verify_chain(self._key, map(link, rows), anchor)

    def end(self) -> tuple[int, str]:
        """How many records there are and the digest of the last, checked as far as they are new."""
        with self._lock:
            self._commit()
            with self._writer.transaction(write=False) as transaction:
                self._count, self._head = self._caught_up(transaction, self._count, self._head)
            return self._count, self._head

    def digest_at(self, sequence: int) -> str | None:
        """The digest of one record; None where there is no such record."""
        with reading(self._engine) as connection:
            found = connection.execute(DIGEST_AT, {"at": sequence}).scalar()
        return None if found is None else str(found)

    def runs(self) -> list[RunSummary]:
        """Every run in the journal, oldest first."""
        self.flush()
        first = func.min(JOURNAL.c.sequence)
        with reading(self._engine) as connection:
            counted = connection.execute(
                select(JOURNAL.c.run_id, func.count()).group_by(JOURNAL.c.run_id).order_by(first)
            ).all()
            starts = connection.execute(selected(kinds=["run_started"])).all()
        begun: dict[str, RunStarted] = {}
        for row in starts:
            refuse_altered(self._key, row)
            event = _event_of(row)
            if isinstance(event, RunStarted):
                begun.setdefault(row.run_id, event)
        return [_summary(run_id, begun.get(run_id), count) for run_id, count in counted]

    def _opened(self) -> tuple[int, str]:
        """Where the journal ends, trusted as far as its anchor and the chain beyond it allow."""
        with reading(self._engine) as connection:
            empty = connection.execute(select(JOURNAL.c.sequence).limit(1)).first() is None
        if not self._anchor.exists():
            if not empty:  # no journal begins before its anchor is on disk
                raise IntegrityError(
                    f"{self._anchor} is missing while there is a journal: restore it from your backup "
                    "(an older one will do), for without it a cut tail would not show"
                )
            self._anchor.create()
        anchor = self._anchor.read()
        with self._writer.transaction(write=False) as transaction:
            count, head = self._caught_up(transaction, anchor.count, anchor.head)
        if count > anchor.count:
            self._anchor.advance(count, head, sync=True)
        return count, head

    def _caught_up(self, transaction: Transaction, count: int, head: str) -> tuple[int, str]:
        """The end of the chain, from a place that is known, every record after it checked and told to the account."""
        ends = transaction.rows(self._sql.ends, {"count": count})
        if ends == ([(count, head)] if count else []):
            return count, head  # nobody else has written
        checker = ChainChecker(self._key, count, head)
        batch = transaction.rows(self._sql.following, {"count": count})
        if count:
            refuse_unknown(self._key, batch, transaction.rows(self._sql.last, {})[0][0] or 0, count, head)
        fresh = batch[1:] if count else batch
        while fresh:
            for row in fresh:
                checker.accept(*link(row))
                if self._book is not None and row[2] in _KINDS_OF_THE_ACCOUNT:
                    self._book.fold(row[0], row[1], _event_of(row))
            if len(batch) < BATCH:
                break
            fresh = batch = transaction.rows(self._sql.following, {"count": checker.count + 1})
        return checker.count, checker.head

    def _account_book(self, transaction: Transaction) -> AccountBook:
        """The account's use by all runs, up to the end of the chain that this transaction sees."""
        if self._book is None:
            book = AccountBook()
            for row in self._rows_of_the_account(transaction):
                refuse_altered(self._key, row)
                book.fold(row[0], row[1], _event_of(row))
            self._book = book
        return self._book

    def _rows_of_the_account(self, transaction: Transaction) -> list[tuple[Any, ...]]:
        """What counts of the runs that trade the account, in order; the many records of simulations are not read."""
        runs: list[str] = []
        for row in transaction.rows(self._sql.starts, {}):
            refuse_altered(self._key, row)
            event = _event_of(row)
            if isinstance(event, RunStarted) and event.mode in ACCOUNT_MODES:
                runs.append(row[1])
        found: list[tuple[Any, ...]] = []
        kinds = JOURNAL.c.kind.in_([literal_column(f"'{kind}'") for kind in KINDS])
        for at in range(0, len(runs), _RUNS_AT_A_TIME):
            among = or_(*[JOURNAL.c.run_id == run_id for run_id in runs[at : at + _RUNS_AT_A_TIME]])
            found += transaction.rows(sql_of(self._engine, IN_ORDER.where(kinds & among)), {})
        return sorted(found, key=lambda row: int(row[0]))

    def _commit(self) -> None:
        """Write what the buffer holds, in one transaction; on an error the buffer keeps it."""
        if self._buffer:
            self._write(lambda _: self._buffer)
            self._buffer.clear()

    def _followed(self, transaction: Transaction, events: Sequence[Event], prepared: list[Prepared]) -> list[Prepared]:
        for follower in self._followers:
            follower.follow(transaction, events)
        return prepared

    def _write(self, make: Callable[[Transaction], list[Prepared]]) -> None:
        """One transaction: the lock, what others wrote, what ``make`` adds after it; then the anchor.

        Nothing that fails before the commit leaves a trace; after it only the anchor can fail, and that is said before
        the next records are written, so that these were not reported as lost.
        """
        if self._in_doubt:
            raise StoreError(
                "whether the latest records were written is not known, the store does not answer: start again, "
                "the run goes on from what the journal holds"
            )
        with self._anchor.held() as anchor:
            if self._anchor_failed:
                self._advance_anchor(anchor, sync=True)
            written = False
            try:
                written = self._committed(make)
            finally:
                for follower in self._followers:
                    follower.settle(written)
            if written:
                self._unanchored += 1
                try:
                    self._advance_anchor(anchor, sync=self._unanchored >= self._anchor_sync_every)
                except StoreError:
                    self._anchor_failed = True

    def _committed(self, make: Callable[[Transaction], list[Prepared]]) -> bool:
        """Whether there was anything to write; durable then.

        A connection that breaks while it commits leaves open whether the commit was done. Then the store is asked: it
        was, if the record that would end the chain is there.
        """
        rows: list[tuple[Any, ...]] = []
        head = ""
        try:
            with self._writer.transaction() as transaction:
                transaction.lock(JOURNAL.name)
                end, head = self._caught_up(transaction, self._count, self._head)
                prepared = make(transaction)
                chain, head = chained(self._key, end, head, self._run_id, prepared)
                if chain:
                    transaction.many(self._sql.insert, COLUMNS, chain)
                rows = chain
        except StoreError:
            if not (rows and self._holds(rows[-1][0], head)):
                raise
        if not rows:
            return False
        self._count, self._head = rows[-1][0], head
        if self._book is not None:
            for row in rows:
                if row[2] in _KINDS_OF_THE_ACCOUNT:
                    self._book.fold(row[0], row[1], _event_of(row))
        return True

    def _holds(self, count: int, head: str) -> bool:
        """Whether the record at ``count`` is the one with this digest, asked of a new connection until it answers."""
        for _ in range(_QUESTIONS):
            self._writer.close()
            self._engine.dispose()
            try:
                with reading(self._engine) as connection:
                    return bool(connection.execute(DIGEST_AT, {"at": count}).scalar() == head)
            except StoreError:
                time.sleep(_BETWEEN_QUESTIONS_SECONDS)
        self._in_doubt = True
        return False

    def _advance_anchor(self, anchor: HeldAnchor, *, sync: bool) -> None:
        anchor.advance(self._count, self._head, sync=sync)
        self._anchor_failed = False
        if sync:
            self._unanchored = 0

    def _prepared(self, event: Event) -> Prepared:
        if type(event) in _WITH_FREE_TEXTS:
            event = self._redacted(event)
        payload = payload_without_secrets(encode(event), self._redactor)
        return Prepared(event.kind, utc_text(event.at, field="at"), payload)

    def _redacted(self, event: Event) -> Event:
        """Without what goes under a secret's name, or looks like one, in the texts and mappings of outside."""
        if isinstance(event, RunStarted):
            return replace(event, settings=self._redactor.redact(event.settings))
        if isinstance(event, AuditNoted):
            return replace(event, detail=self._redactor.redact(event.detail), what=self._redactor.text(event.what))
        if isinstance(event, OperationFailed):
            return replace(event, error=self._redactor.text(event.error))
        return event


def _event_of(row: Sequence[Any]) -> Event:
    """The event of a row of texts that was checked, a decision without its reasons."""
    return _BARE.event(row[0], row[2], row[4].encode("utf-8"), row[7])


def _summary(run_id: str, begun: RunStarted | None, count: int) -> RunSummary:
    if begun is None:
        return RunSummary(run_id, None, None, count)
    return RunSummary(run_id, begun.mode, begun.at, count)
