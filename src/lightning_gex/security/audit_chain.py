"""A hash chain that only the holder of a key can extend, and an anchor that shows a cut tail.

Every record's digest is HMAC-SHA256 over the digest before it and the record's bytes: an edit, a swap or an insertion
breaks the chain at that record. A chain alone cannot show that its newest records were removed; the anchor, kept
outside the store, says how many there were and what the last digest was. (Schneier and Kelsey, Secure audit logs to
support computer forensics, ACM TISSEC 2(2), 1999; RFC 2104.)
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

from lightning_gex.core.errors import IntegrityError, SecretError

#: What the first record's ``previous`` holds.
GENESIS = "0" * 64
_RECORD = b"lightning-gex record 1\0"  # one key, two uses: neither's MAC can pass for the other's
_ANCHOR = b"lightning-gex anchor 1\0"
_LEAST_KEY_BYTES = 16
_BLOCK_BYTES = 64  # of SHA-256


def chain_digest(key: bytes, previous: str, payload: bytes) -> str:
    """The digest of one record.

    Parameters
    ----------
    key : the chain's secret key, at least 16 bytes.
    previous : the digest before it, 64 hex digits (``GENESIS`` for the first).
    payload : the record's bytes, its own position included.

    Returns
    -------
    64 lower-case hex digits.
    """
    return record_digest(key, previous.encode("utf-8", "surrogatepass") + b"\0" + payload)


def record_digest(key: bytes, record: bytes) -> str:
    """HMAC-SHA256 by its definition (RFC 2104), both paddings of the key hashed once: half of ``hmac.digest``'s time.

    Parameters
    ----------
    key : the chain's secret key.
    record : ``previous``, a NUL and the record's bytes.

    Returns
    -------
    64 lower-case hex digits.
    """
    inner, outer = _begun(key)
    inner, outer = inner.copy(), outer.copy()
    inner.update(record)
    outer.update(inner.digest())
    digest: str = outer.hexdigest()
    return digest


@lru_cache(maxsize=8)
def _begun(key: bytes) -> tuple[Any, Any]:
    """SHA-256 over the key's inner padding and what marks a record, and over its outer padding."""
    checked = _checked(key)
    block = (checked if len(checked) <= _BLOCK_BYTES else sha256(checked).digest()).ljust(_BLOCK_BYTES, b"\0")
    return sha256(bytes(b ^ 0x36 for b in block) + _RECORD), sha256(bytes(b ^ 0x5C for b in block))


@dataclass(frozen=True, slots=True)
class Anchor:
    """How long a chain is and where it ends, sealed with the chain's key.

    Parameters
    ----------
    count : records.
    head : digest of the last one, ``GENESIS`` where there is none.
    mac : HMAC-SHA256 over both, hex.
    """

    count: int
    head: str
    mac: str

    @classmethod
    def sealed(cls, key: bytes, count: int, head: str) -> Anchor:
        """The anchor of a chain of ``count`` records that ends in ``head``."""
        return cls(count, head, _anchor_mac(key, count, head))

    def holds(self, key: bytes) -> bool:
        """Whether it was sealed with this key and not altered since; constant time."""
        return _same(_anchor_mac(key, self.count, self.head), self.mac)

    def to_bytes(self) -> bytes:
        """One line of JSON."""
        return (json.dumps({"count": self.count, "head": self.head, "mac": self.mac}) + "\n").encode("ascii")

    @classmethod
    def from_bytes(cls, data: bytes) -> Anchor:
        """Read what :meth:`to_bytes` wrote; blanks after it do not matter.

        Raises
        ------
        IntegrityError : on anything else. Whether it was sealed with the right key is for :meth:`holds` to say.
        """
        try:
            fields: Any = json.loads(data)
            count, head, mac = fields["count"], fields["head"], fields["mac"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise IntegrityError("the audit anchor cannot be read: restore it from your backup") from None
        ascii_texts = all(isinstance(text, str) and text.isascii() for text in (head, mac))
        if type(count) is not int or count < 0 or not ascii_texts:
            raise IntegrityError("the audit anchor cannot be read: restore it from your backup")
        return cls(count, head, mac)


class ChainChecker:
    """Walks along a chain and stops at the first record that does not belong.

    Parameters
    ----------
    key : the chain's secret key.
    count, head : where the walk begins: a place already trusted, or the chain's beginning.
    """

    __slots__ = ("_key", "count", "head")

    def __init__(self, key: bytes, count: int = 0, head: str = GENESIS) -> None:
        self._key = _checked(key)
        self.count = count
        self.head = head

    def __repr__(self) -> str:
        return f"ChainChecker(count={self.count}, head={self.head!r})"

    def accept(self, sequence: int, previous: str, payload: bytes, digest: str) -> None:
        """Take one step. Raises ``IntegrityError`` naming the record that is missing, misplaced or altered."""
        expected = self.count + 1
        if sequence != expected:
            raise IntegrityError(f"record {expected} is missing or out of place: {sequence} stands there")
        if not _same(previous, self.head):
            raise IntegrityError(f"record {sequence} does not follow the record before it")
        if not _same(chain_digest(self._key, previous, payload), digest):
            raise IntegrityError(f"record {sequence} was altered")
        self.count, self.head = sequence, digest


def verify_chain(key: bytes, records: Iterable[tuple[int, str, bytes, str]], anchor: Anchor | None) -> int:
    """Check a whole chain against its anchor.

    Parameters
    ----------
    key : the chain's secret key.
    records : (sequence, previous, payload, digest), oldest first; sequences run 1, 2, 3 ...
    anchor : where the chain was known to reach. Records after it are accepted as long as the chain holds, because a
        store may have grown after its anchor was last written. None checks the chain alone, which cannot show a cut
        tail.

    Returns
    -------
    The number of records.

    Raises
    ------
    IntegrityError : naming the first sequence that is missing, out of place or altered.
    """
    if anchor is not None and not anchor.holds(key):
        raise IntegrityError("the audit anchor was altered, or the audit key is not the one it was made with")
    checker = ChainChecker(key)
    for record in records:
        checker.accept(*record)
        if anchor is not None and checker.count == anchor.count and not _same(checker.head, anchor.head):
            raise IntegrityError(f"record {checker.count} is not the one the anchor knows")
    if anchor is not None and checker.count < anchor.count:
        raise IntegrityError(
            f"record {checker.count + 1} is missing: the journal ends at {checker.count} "
            f"and the anchor knows {anchor.count}"
        )
    return checker.count


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def _anchor_mac(key: bytes, count: int, head: str) -> str:
    return hmac.digest(_checked(key), _ANCHOR + f"{count}\0{head}".encode(), "sha256").hex()


def _checked(key: bytes) -> bytes:
    if len(key) < _LEAST_KEY_BYTES:
        raise SecretError("the audit key is too short")
    return key
