"""The journal's rows: how they are written, read, and tied into the chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hmac import compare_digest
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, func, insert, or_, select

from lightning_gex.adapters.storage.schema import JOURNAL
from lightning_gex.core.errors import IntegrityError
from lightning_gex.core.events import EVENT_VERSION
from lightning_gex.security.audit_chain import chain_digest, record_digest

BATCH = 2_000  # records read at a time: enough to make a round trip cheap, few enough to keep memory flat
#: As a record is read and written; ``version`` stands last, as it does in what the digest covers.
COLUMNS = ("sequence", "run_id", "kind", "at", "payload", "previous", "digest", "version")
# Built once: building them costs as much as running them.
IN_ORDER: Select[Any] = select(*(JOURNAL.c[name] for name in COLUMNS)).order_by(JOURNAL.c.sequence)
FROM = IN_ORDER.where(JOURNAL.c.sequence >= bindparam("count")).limit(BATCH)
LAST = select(func.max(JOURNAL.c.sequence))
#: The known end and what follows it, without the payloads: enough to see that nobody else has written.
ENDS = (
    select(JOURNAL.c.sequence, JOURNAL.c.digest)
    .where(JOURNAL.c.sequence >= bindparam("count"))
    .order_by(JOURNAL.c.sequence)
    .limit(2)
)
DIGEST_AT = select(JOURNAL.c.digest).where(JOURNAL.c.sequence == bindparam("at"))
INSERT = insert(JOURNAL)


class Prepared(NamedTuple):
    """An event as it will be stored, its place in the chain still open."""

    kind: str
    at: str
    payload: str


class Link(NamedTuple):
    """A record as the chain's check wants it."""

    sequence: int
    previous: str
    sealed: bytes
    digest: str


def sealed_bytes(sequence: int, run_id: str, kind: str, at: str, payload: str, version: int) -> bytes:
    """What the digest covers: every column. No column can hold a NUL, so none can pass for part of another.

    Version 1, of release 0.1.0, had no version to cover; a record whose version was altered to 1, or from it, does not
    fit its digest either way.
    """
    tail = "" if version == 1 else f"\0{version}"
    return f"{sequence}\0{run_id}\0{kind}\0{at}\0{payload}{tail}".encode("utf-8", "surrogateescape")


def chained(
    key: bytes, count: int, head: str, run_id: str, events: Sequence[Prepared]
) -> tuple[list[tuple[Any, ...]], str]:
    """Rows (of ``COLUMNS``) that continue the chain after record ``count`` with digest ``head``, and its new end."""
    rows: list[tuple[Any, ...]] = []
    for sequence, (kind, at, payload) in enumerate(events, start=count + 1):
        digest = chain_digest(key, head, sealed_bytes(sequence, run_id, kind, at, payload, EVENT_VERSION))
        rows.append((sequence, run_id, kind, at, payload, head, digest, EVENT_VERSION))
        head = digest
    return rows, head


def link(row: Sequence[Any]) -> Link:
    """A row as the chain's check wants it. A column that is not of its type was altered."""
    sequence, run_id, kind, at, payload, previous, digest, version = row
    texts = (run_id, kind, at, payload, previous, digest)
    if not all(isinstance(text, str) for text in texts) or type(version) is not int:
        raise IntegrityError(f"record {sequence} was altered")
    return Link(sequence, previous, sealed_bytes(sequence, run_id, kind, at, payload, version), digest)


Stored = tuple[int, bytes, bytes, bytes, bytes, int]


def checked(key: bytes, rows: Iterable[Sequence[Any]]) -> Iterator[Stored]:
    """Rows read as bytes or texts, each checked against its digest; one loop, for a replay has a million of them.

    Yields
    ------
    Sequence, run, kind, payload, digest and version of each.

    Raises
    ------
    IntegrityError : at the first row that does not fit its own digest.
    """
    for row in rows:
        sequence, run_id, kind, at, payload, previous, digest, version = row
        try:
            if version == 1:
                record = b"%b\0%d\0%b\0%b\0%b\0%b" % (previous, sequence, run_id, kind, at, payload)
            else:
                record = b"%b\0%d\0%b\0%b\0%b\0%b\0%d" % (previous, sequence, run_id, kind, at, payload, version)
            sound = compare_digest(record_digest(key, record).encode("ascii"), digest)
        except TypeError:  # a text, as PostgreSQL gives it, or a column that is neither
            yield from checked(key, [_as_bytes(row)])
            continue
        if not sound:
            raise IntegrityError(f"record {sequence} was altered")
        yield sequence, run_id, kind, payload, digest, version


def _as_bytes(row: Sequence[Any]) -> tuple[Any, ...]:
    sequence, *texts, version = row
    whole = type(sequence) is int and type(version) is int
    if not whole or not all(isinstance(text, str | bytes) for text in texts):
        raise IntegrityError(f"record {sequence} was altered")
    return (sequence, *(t if isinstance(t, bytes) else t.encode("utf-8", "surrogateescape") for t in texts), version)


def refuse_altered(key: bytes, row: Sequence[Any]) -> None:
    """Raises ``IntegrityError`` where a record does not fit its own digest."""
    sequence, previous, sealed, digest = link(row)
    if chain_digest(key, previous, sealed) != digest:
        raise IntegrityError(f"record {sequence} was altered")


def refuse_unknown(key: bytes, rows: Sequence[Sequence[Any]], reaches: int, count: int, head: str) -> None:
    """The first of these rows must be the known end of the chain: record ``count`` with digest ``head``.

    ``reaches`` is the sequence of the last record there is, for the error.
    """
    if not rows or rows[0][0] != count:
        raise IntegrityError(
            f"record {min(reaches + 1, count)} is missing: the journal ends at {reaches} and is known to reach {count}"
        )
    if rows[0][6] != head:
        raise IntegrityError(f"record {count} is not the one that was written")
    refuse_altered(key, rows[0])


def selected(
    *,
    run_id: str | None = None,
    kinds: Sequence[str] = (),
    since: str | None = None,
    until: str | None = None,
    newest_first: bool = False,
) -> Select[Any]:
    """Records in order: of one run, of some kinds, at or after one time and before another (UTC texts)."""
    statement = IN_ORDER.order_by(None).order_by(JOURNAL.c.sequence.desc()) if newest_first else IN_ORDER
    if run_id is not None:
        statement = statement.where(JOURNAL.c.run_id == run_id)
    if kinds:
        statement = statement.where(or_(*(JOURNAL.c.kind == kind for kind in kinds)))  # an IN is not compiled once
    if since is not None:
        statement = statement.where(JOURNAL.c.at >= since)
    if until is not None:
        statement = statement.where(JOURNAL.c.at < until)
    return statement
