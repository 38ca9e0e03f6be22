"""The journal's rows: how they are written, read, and tied into the chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, func, insert, select

from lightning_gex.adapters.storage.schema import JOURNAL
from lightning_gex.core.errors import IntegrityError
from lightning_gex.core.events import EVENT_VERSION
from lightning_gex.security.audit_chain import chain_digest, fits

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
) -> tuple[list[dict[str, Any]], str]:
    """Rows that continue the chain after record ``count`` with digest ``head``, and the digest of the last of them."""
    rows: list[dict[str, Any]] = []
    for sequence, (kind, at, payload) in enumerate(events, start=count + 1):
        digest = chain_digest(key, head, sealed_bytes(sequence, run_id, kind, at, payload, EVENT_VERSION))
        values = (sequence, run_id, kind, at, payload, head, digest, EVENT_VERSION)
        rows.append(dict(zip(COLUMNS, values, strict=True)))
        head = digest
    return rows, head


def link(row: Sequence[Any]) -> Link:
    """A row as the chain's check wants it. A column that is not of its type was altered."""
    sequence, run_id, kind, at, payload, previous, digest, version = row
    texts = (run_id, kind, at, payload, previous, digest)
    if not all(isinstance(text, str) for text in texts) or type(version) is not int:
        raise IntegrityError(f"record {sequence} was altered")
    return Link(sequence, previous, sealed_bytes(sequence, run_id, kind, at, payload, version), digest)


class Stored(NamedTuple):
    """A record as bytes, checked against its digest."""

    sequence: int
    run_id: bytes
    kind: bytes
    at: bytes
    payload: bytes
    digest: bytes
    version: int


def checked(key: bytes, row: Sequence[Any]) -> Stored:
    """A row read as bytes or texts. Raises ``IntegrityError`` where it does not fit its own digest."""
    sequence, run_id, kind, at, payload, previous, digest, version = row
    try:
        sealed = b"%d\0%b\0%b\0%b\0%b" % (sequence, run_id, kind, at, payload)
        if version != 1:
            sealed += b"\0%d" % version
    except TypeError:  # a text, as PostgreSQL gives it, or a column that is neither
        return checked(key, _as_bytes(row))
    if type(previous) is not bytes or type(digest) is not bytes or not fits(key, previous, sealed, digest):
        raise IntegrityError(f"record {sequence} was altered")
    return Stored(sequence, run_id, kind, at, payload, digest, version)


def _as_bytes(row: Sequence[Any]) -> tuple[Any, ...]:
    sequence, *texts, version = row
    if not all(isinstance(text, str | bytes) for text in texts) or type(version) is not int:
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
        statement = statement.where(JOURNAL.c.kind.in_(kinds))
    if since is not None:
        statement = statement.where(JOURNAL.c.at >= since)
    if until is not None:
        statement = statement.where(JOURNAL.c.at < until)
    return statement
