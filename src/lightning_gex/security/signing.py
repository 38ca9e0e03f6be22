"""Requests signed with HMAC-SHA256, a timestamp and a nonce.

The text that is signed is six lines joined by a line feed, no line feed at the end::

    LIGHTNING-HMAC-SHA256
    POST
    /v1/orders?side=buy
    2024-03-01T14:30:00.000000Z
    9f86d081884c7d659a2feaa0c55ad015
    <SHA-256 of the body, lower-case hex>

and the signature is HMAC-SHA256 of its UTF-8 bytes under the API secret, in lower-case hex (RFC 2104, FIPS 180-4).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lightning_gex.core.errors import InputError, SecretError

SCHEME = "LIGHTNING-HMAC-SHA256"
_NONCE_BYTES = 16
_NONCE = re.compile(r"[0-9a-f]{32}")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_DOES_NOT_FIT = "the request's signature does not fit"
_STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class SignedHeaders:
    """What travels with a signed request. None of it is secret.

    Parameters
    ----------
    timestamp : when it was signed, ISO 8601 UTC with microseconds and ``Z``.
    nonce : 32 hex digits, different for every request.
    signature : 64 hex digits.
    """

    timestamp: str
    nonce: str
    signature: str

    def as_mapping(self) -> dict[str, str]:
        """The HTTP headers."""
        return {
            "X-Lightning-Timestamp": self.timestamp,
            "X-Lightning-Nonce": self.nonce,
            "X-Lightning-Signature": self.signature,
        }


def sign_request(
    secret: str, method: str, path: str, body: bytes, at: datetime, *, nonce: str | None = None
) -> SignedHeaders:
    """Sign a request.

    Parameters
    ----------
    secret : the API secret, not empty.
    method : HTTP method; case does not matter.
    path : path with its query, as sent.
    body : the bytes sent; empty where there are none.
    at : aware time of signing.
    nonce : 32 lower-case hex digits; None draws fresh ones.

    Raises
    ------
    InputError : a naive time, or a method, path or nonce that would make the signed text ambiguous.
    SecretError : an empty secret.
    """
    key = _Key(secret)
    del secret  # a traceback that shows local variables does not show it
    stamp = _aware(at, "at").replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    nonce = secrets.token_hex(_NONCE_BYTES) if nonce is None else nonce
    if not _NONCE.fullmatch(nonce):
        raise InputError("a nonce is 32 lower-case hex digits", field="nonce")
    return SignedHeaders(stamp, nonce, _signature(key, method, path, body, stamp, nonce))


def verify_request(
    secret: str,
    method: str,
    path: str,
    body: bytes,
    headers: SignedHeaders,
    *,
    now: datetime,
    tolerance: timedelta,
    seen: Container[str] = frozenset(),
) -> datetime:
    """Accept a signed request, or raise; the comparison takes the same time wherever the signatures differ.

    Parameters
    ----------
    secret, method, path, body : as for :func:`sign_request`.
    headers : what travelled with the request.
    now : aware present.
    tolerance : how far the request's time may lie from ``now``, on either side.
    seen : nonces already accepted within the tolerance; the caller keeps them.

    Returns
    -------
    When the request was signed, aware UTC, for whoever keeps the nonces.

    Raises
    ------
    SecretError : forged, altered, too old, from the future, or replayed. The message does not say which.
    InputError : ``now`` is naive, or method or path hold control characters.
    """
    key = _Key(secret)
    del secret
    present = _aware(now, "now")
    expected = _signature(key, method, path, body, headers.timestamp, headers.nonce)
    fits = hmac.compare_digest(expected.encode("ascii"), headers.signature.encode("utf-8", "replace"))
    del expected  # it would sign the very request that is refused here
    try:
        signed_at = datetime.strptime(headers.timestamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise SecretError(_DOES_NOT_FIT) from None
    fresh = (
        abs(present - signed_at) <= tolerance
        and _NONCE.fullmatch(headers.nonce) is not None
        and headers.nonce not in seen
    )
    if not (fits and fresh):
        raise SecretError(_DOES_NOT_FIT)
    return signed_at


class _Key:
    """The API secret on its way to the signature; no traceback or dump shows it."""

    __slots__ = ("_encoded",)

    def __init__(self, secret: str) -> None:
        self._encoded = secret.encode("utf-8", "surrogatepass")

    def __repr__(self) -> str:
        return "[hidden]"

    def required(self) -> bytes:
        """The secret as bytes. Raises ``SecretError`` where it is empty."""
        if not self._encoded:
            raise SecretError("signing needs the API secret, and it is empty")
        return self._encoded


def _signature(key: _Key, method: str, path: str, body: bytes, stamp: str, nonce: str) -> str:
    for name, text in (("method", method), ("path", path)):
        if not text or _CONTROL.search(text):
            raise InputError(f"{name} is empty or holds spaces or control characters", field=name)
    lines = (SCHEME, method.upper(), path, stamp, nonce, hashlib.sha256(body).hexdigest())
    message = "\n".join(lines).encode("utf-8", "surrogatepass")
    return hmac.new(key.required(), message, hashlib.sha256).hexdigest()


def _aware(moment: datetime, field: str) -> datetime:
    if moment.tzinfo is None:
        raise InputError(f"{moment.isoformat()} has no time zone: give one, such as +00:00", field=field)
    return moment.astimezone(UTC)
