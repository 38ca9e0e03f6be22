"""Keeps secrets out of whatever is written: by the name they go under, and by value wherever they turn up."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import quote

HIDDEN = "[hidden]"
_DEEPEST = 12  # beyond it everything is hidden: a cycle must not get through, nor hang the log
_SHORTEST_WITHIN_TEXT = 5  # shorter values would shred every text; they are hidden where they stand alone

# Names are compared in lower case without separators: api_key, apiKey, API-KEY are one.
_SECRET_NAMES = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "credential",
    "cookie",
    "signature",
    "bearer",
)
_SECRET_EXACT_NAMES = frozenset({"key", "pwd", "pin", "auth"})
_NAME_SEPARATORS = re.compile(r"[^a-z0-9]")
_ASSIGNED = re.compile(
    r"""(?ix)
    ( (?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key) ["']? \s* [=:] \s* )
    ( "[^"]*" | '[^']*' | [^\s,;&)}\]]+ )
    """
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}")
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@/\s]+@")
_PLAIN = (bool, int, float, complex, Decimal, date, timedelta, Enum, type(None))


def is_secret_name(name: str) -> bool:
    """Whether a value under this name is hidden whatever it is."""
    bare = _NAME_SEPARATORS.sub("", name.lower())
    return bare in _SECRET_EXACT_NAMES or any(word in bare for word in _SECRET_NAMES)


class Redactor:
    """Hides secrets in mappings and texts; also a structlog processor.

    As a processor it belongs after the one that renders exceptions and before the one that renders the line, so that
    tracebacks pass through it. It knows secrets by the name they go under, by look (``password=...``, ``Bearer ...``,
    a password in a URL), and by value once they are registered. It fails closed: what it cannot look into, it hides.

    Parameters
    ----------
    values : secrets known from the start.
    """

    __slots__ = ("_alone", "_within")

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._alone: set[str] = set()
        self._within: re.Pattern[str] | None = None
        for value in values:
            self.register(value)

    def __repr__(self) -> str:
        return "Redactor(hidden)"

    def register(self, value: str) -> None:
        """Hide this value from now on, wherever it appears and however it is escaped. An empty one is ignored."""
        if value:
            self._alone |= _spellings(value)
            long_first = sorted((v for v in self._alone if len(v) >= _SHORTEST_WITHIN_TEXT), key=len, reverse=True)
            self._within = re.compile("|".join(map(re.escape, long_first))) if long_first else None

    def forget(self) -> None:
        """Know no values any more; names and looks stay."""
        self._alone, self._within = set(), None

    def text(self, text: str) -> str:
        """The text with every secret in it hidden."""
        if text in self._alone:
            return HIDDEN
        if self._within is not None:
            text = self._within.sub(HIDDEN, text)
        text = _ASSIGNED.sub(rf"\1{HIDDEN}", text)
        text = _BEARER.sub(rf"\1 {HIDDEN}", text)
        return _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)

    def redact(self, mapping: Mapping[str, Any]) -> dict[str, Any]:
        """A copy with secrets hidden at every depth; values that hold none are the same objects."""
        return self._mapping(mapping, 0)

    def __call__(self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401
        """The structlog processor."""
        return self.redact(event_dict)

    def _mapping(self, mapping: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
        out: dict[Any, Any] = {}
        for name, value in mapping.items():
            key = self.text(name) if isinstance(name, str) else name
            hide = isinstance(name, str) and is_secret_name(name) and value is not None
            out[key] = HIDDEN if hide else self._value(value, depth + 1)
        return out

    def _value(self, value: Any, depth: int) -> Any:  # noqa: ANN401
        if isinstance(value, str) and not isinstance(value, Enum):
            return self.text(value)
        if isinstance(value, _PLAIN):
            return HIDDEN if str(value) in self._alone else value
        if depth >= _DEEPEST:
            return HIDDEN
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(item, depth + 1) for item in value]
        if isinstance(value, bytes | bytearray):
            return self._bytes(bytes(value))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._dataclass(value, depth)
        return self._object(value)

    def _bytes(self, value: bytes) -> bytes | str:
        text = value.decode("utf-8", "replace")
        clean = self.text(text)
        return value if clean == text else clean

    def _dataclass(self, value: Any, depth: int) -> Any:  # noqa: ANN401
        shown = {f.name: getattr(value, f.name, None) for f in dataclasses.fields(value) if f.repr}
        clean = self._mapping(shown, depth)
        return self._object(value) if clean == shown else clean

    def _object(self, value: object) -> object:
        try:
            shown = (repr(value), str(value))
        except Exception:  # a broken __repr__ must neither stop the log nor slip through it
            return HIDDEN
        clean = tuple(self.text(text) for text in shown)
        return value if clean == shown else clean[0]


#: What this process has learnt of secrets: whatever opens the vault tells it, whatever writes asks it.
KNOWN_SECRETS = Redactor()


def redact(mapping: Mapping[str, Any], values: Iterable[str] = ()) -> dict[str, Any]:
    """A copy of a mapping with secrets hidden, by name and by value.

    Parameters
    ----------
    mapping : anything that is about to be written.
    values : secrets to hide wherever they appear.

    Example
    -------
    >>> redact({"broker": "thinkorswim", "api_key": "abc", "url": "https://me:pw@host"})
    {'broker': 'thinkorswim', 'api_key': '[hidden]', 'url': 'https://me:[hidden]@host'}
    """
    return Redactor(values).redact(mapping)


def _spellings(value: str) -> set[str]:
    """The ways a value is commonly written: plain, escaped, quoted for a URL, in base64."""
    raw = value.encode("utf-8", "surrogatepass")
    return {
        value,
        repr(value)[1:-1],
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        quote(raw, safe=""),
        base64.b64encode(raw).decode("ascii"),
        base64.urlsafe_b64encode(raw).decode("ascii"),
    }
