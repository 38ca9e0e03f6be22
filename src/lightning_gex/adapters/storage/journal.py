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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, bindparam, func, insert, select

from lightning_gex.adapters.storage.anchor_file import AnchorFile
from lightning_gex.adapters.storage.codec import decode, encode, utc_text
from lightning_gex.adapters.storage.database import lock_table, reading, writing
from lightning_gex.adapters.storage.schema import JOURNAL
from lightning_gex.core.enums import RunMode
from lightning_gex.core.errors import IntegrityError, SettingsError
from lightning_gex.core.events import AuditNoted, Event, RunStarted
from lightning_gex.core.ports import JournalRecord
from lightning_gex.security.audit_chain import ChainChecker, chain_digest, verify_chain
from lightning_gex.security.redaction import Redactor

_BATCH = 2_000  # records read at a time: enough to make a round trip cheap, few enough to keep memory flat
_ANCHOR_SYNC_EVERY = 64  # commits between syncs of the anchor; see docs/concepts/journal_and_audit.md for the cost
_COLUMNS = tuple(JOURNAL.c[name] for name in ("sequence", "run_id", "kind", "at", "payload", "previous", "digest"))
# Built once: building them costs as much as running them.
_IN_ORDER = select(*_COLUMNS).order_by(JOURNAL.c.sequence)
_FROM = _IN_ORDER.where(JOURNAL.c.sequence >= bindparam("count")).limit(_BATCH)
_INSERT = insert(JOURNAL)


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


class _Prepared(NamedTuple):
    """An event as it will be stored, its place in the chain still open."""

    kind: str
    at: str
    payload: str


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
    redactor : what keeps secrets out of the free-form parts of events; by name where none is given.
    anchor_sync_every : commits between syncs of the anchor to disk.

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
    ) -> None:
        if not run_id or not run_id.isprintable():
            raise SettingsError("a run needs a name of printable characters")
        if group_size < 1 or anchor_sync_every < 1:
            raise SettingsError("group_size and anchor_sync_every are at least 1")
        self._engine = engine
        self._run_id = run_id
        self._key = key
        self._anchor = AnchorFile(anchor, key)
        self._group_size = group_size
        self._redactor = redactor or Redactor()
        self._anchor_sync_every = anchor_sync_every
        self._unanchored = 0  # commits since the anchor was last on disk for certain
        self._buffer: list[_Prepared] = []
        self._lock = threading.RLock()
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

        Durable on return where ``group_size`` is 1. Where it raises, none of these events was kept, with one exception
        that no database can avoid: the connection broke while it committed. Read the journal before trying again.

        Raises
        ------
        InputError : an event that could not be read back.
        StoreError : the store or the anchor cannot be written; ``IntegrityError`` where it was tampered with meanwhile.
        """
        prepared = [self._prepared(event) for event in events]
        with self._lock:
            before = len(self._buffer)
            self._buffer.extend(prepared)
            if len(self._buffer) < self._group_size:
                return
            try:
                self._commit()
            except BaseException:
                del self._buffer[before:]
                raise
            self._advance_anchor(sync=self._unanchored >= self._anchor_sync_every)

    def flush(self) -> None:
        """Make everything appended so far, and the anchor, durable."""
        with self._lock:
            self._commit()
            if self._unanchored:
                self._advance_anchor(sync=True)

    def close(self) -> None:
        """Flush. The engine stays open: it belongs to whoever opened it."""
        self.flush()

    def read(self, run_id: str | None = None) -> Iterator[JournalRecord]:
        """The records of one run (None: of all), oldest first, each checked against its digest.

        Raises
        ------
        IntegrityError : at the first record that was altered.
        """
        self.flush()
        last = 0
        while batch := self._batch(run_id, last):
            for row in batch:
                _refuse_altered(self._key, row)
                event = decode(row.payload, source=f"journal record {row.sequence}")
                yield JournalRecord(row.sequence, row.run_id, event, row.digest)
            last = batch[-1].sequence

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
            connection.execution_options(yield_per=_BATCH).execute(_IN_ORDER) as rows,
        ):
            return verify_chain(self._key, (_link(row) for row in rows), anchor)

    def runs(self) -> list[RunSummary]:
        """Every run in the journal, oldest first."""
        self.flush()
        first = func.min(JOURNAL.c.sequence)
        with reading(self._engine) as connection:
            counted = connection.execute(
                select(JOURNAL.c.run_id, func.count()).group_by(JOURNAL.c.run_id).order_by(first)
            ).all()
            starts = connection.execute(_IN_ORDER.where(JOURNAL.c.kind == "run_started")).all()
        begun: dict[str, RunStarted] = {}
        for row in starts:
            _refuse_altered(self._key, row)
            event = decode(row.payload, source=f"journal record {row.sequence}")
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
        with reading(self._engine) as connection:
            end = self._caught_up(connection, anchor.count, anchor.head)
        if end.count > anchor.count:
            self._anchor.advance(end.count, end.head, sync=True)
        return end.count, end.head

    def _caught_up(self, connection: Connection, count: int, head: str) -> ChainChecker:
        """The end of the chain, from a place that is known, every record after it checked."""
        checker = ChainChecker(self._key, count, head)
        batch = connection.execute(_FROM, {"count": count}).all()
        if count:
            _refuse_unknown(self._key, connection, batch, count, head)
        for row in batch[1:] if count else batch:
            checker.accept(*_link(row))
        while len(batch) == _BATCH:
            batch = connection.execute(_FROM, {"count": checker.count + 1}).all()
            for row in batch:
                checker.accept(*_link(row))
        return checker

    def _commit(self) -> None:
        """Write what the buffer holds, in one transaction; on an error the buffer keeps it."""
        if not self._buffer:
            return
        with writing(self._engine) as connection:
            lock_table(connection, JOURNAL)
            end = self._caught_up(connection, self._count, self._head)
            rows, head = self._chained(end.count, end.head)
            connection.execute(_INSERT, rows)
        self._count, self._head = end.count + len(rows), head
        self._unanchored += 1
        self._buffer.clear()

    def _chained(self, count: int, head: str) -> tuple[list[dict[str, Any]], str]:
        rows: list[dict[str, Any]] = []
        for sequence, (kind, at, payload) in enumerate(self._buffer, start=count + 1):
            digest = chain_digest(self._key, head, _sealed_bytes(sequence, self._run_id, kind, at, payload))
            rows.append(
                {
                    "sequence": sequence,
                    "run_id": self._run_id,
                    "kind": kind,
                    "at": at,
                    "payload": payload,
                    "previous": head,
                    "digest": digest,
                }
            )
            head = digest
        return rows, head

    def _advance_anchor(self, *, sync: bool) -> None:
        self._anchor.advance(self._count, self._head, sync=sync)
        if sync:
            self._unanchored = 0

    def _prepared(self, event: Event) -> _Prepared:
        if isinstance(event, RunStarted):
            event = replace(event, settings=self._redactor.redact(event.settings))
        elif isinstance(event, AuditNoted):
            event = replace(event, detail=self._redactor.redact(event.detail), what=self._redactor.text(event.what))
        payload = encode(event)
        return _Prepared(event.kind, utc_text(event.at, field="at"), payload)

    def _batch(self, run_id: str | None, after: int) -> Sequence[Row[Any]]:
        statement = _IN_ORDER.where(JOURNAL.c.sequence > after).limit(_BATCH)
        if run_id is not None:
            statement = statement.where(JOURNAL.c.run_id == run_id)
        with reading(self._engine) as connection:
            return connection.execute(statement).all()


def _summary(run_id: str, begun: RunStarted | None, count: int) -> RunSummary:
    if begun is None:
        return RunSummary(run_id, None, None, count)
    return RunSummary(run_id, begun.mode, begun.at, count)


def _sealed_bytes(sequence: int, run_id: str, kind: str, at: str, payload: str) -> bytes:
    """What the digest covers: every column. No column can hold a NUL, so none can pass for part of another."""
    return f"{sequence}\0{run_id}\0{kind}\0{at}\0{payload}".encode("utf-8", "surrogateescape")


def _link(row: Row[Any]) -> tuple[int, str, bytes, str]:
    """A row as the chain's check wants it. A column that is no text at all was altered."""
    texts = (row.run_id, row.kind, row.at, row.payload, row.previous, row.digest)
    if not all(isinstance(text, str) for text in texts):
        raise IntegrityError(f"record {row.sequence} was altered")
    return row.sequence, row.previous, _sealed_bytes(row.sequence, *texts[:4]), row.digest


def _refuse_unknown(key: bytes, connection: Connection, rows: Sequence[Row[Any]], count: int, head: str) -> None:
    """The first of these rows must be the known end of the chain: record ``count`` with digest ``head``."""
    if not rows or rows[0].sequence != count:
        reaches = connection.execute(select(func.max(JOURNAL.c.sequence))).scalar() or 0
        raise IntegrityError(
            f"record {min(reaches + 1, count)} is missing: the journal ends at {reaches} and is known to reach {count}"
        )
    if rows[0].digest != head:
        raise IntegrityError(f"record {count} is not the one that was written")
    _refuse_altered(key, rows[0])


def _refuse_altered(key: bytes, row: Row[Any]) -> None:
    sequence, previous, payload, digest = _link(row)
    if chain_digest(key, previous, payload) != digest:
        raise IntegrityError(f"record {sequence} was altered")
