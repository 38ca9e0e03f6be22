"""Keeps secrets out of whatever is written: by the name they go under, and by value wherever they turn up.

What it cannot know: a secret that nobody registered, under an innocent name and of no telling look; and one that is
encrypted, compressed, cut into pieces or spelled in a way that :func:`_spellings` does not list.
"""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import logging
import re
import string
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"
_DEEPEST = 12  # beyond it everything is hidden: a cycle must not get through, nor hang the log
_SHORTEST_WITHIN_TEXT = 5  # shorter values would shred every text; they are hidden where they stand alone
_SHORTEST_ENCODED = 8  # of an encoded value: below it chance hits are common (64**8 is one in 10**14)
_BASE64_SIGNS = frozenset(string.ascii_letters + string.digits + "+/-_")

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
_WORD = re.compile(r"[A-Za-z0-9]*")  # signs that no notation escapes
_LETTER_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_NAME_SEPARATORS = re.compile(r"[^a-z0-9]")
_ASSIGNED = re.compile(
    r"""(?ix)
    ( (?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key) ["']? \s* [=:] \s* )
    (?! \.\.\. )  # what our own hints write for "your secret here"
    ( "[^"]*" | '[^']*' | [^\s,;&)}\]]+ )
    """
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}")
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@/\s]+@")
#: What every record of the standard library's logging has; the rest was added by ``extra``.
_RECORD_PARTS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
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

    __slots__ = ("_alone", "_cores", "_escaped", "_within")

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._alone: frozenset[str] = frozenset()
        self._within: tuple[str, ...] = ()
        self._cores: tuple[str, ...] = ()
        self._escaped: tuple[re.Pattern[str], ...] = ()
        for value in values:
            self.register(value)

    def __repr__(self) -> str:
        return "Redactor(hidden)"

    def register(self, value: str) -> None:
        """Hide this value from now on, wherever it appears and however it is escaped. An empty one is ignored."""
        if not value or value in self._alone:
            return
        spellings, encoded = _spellings(value), _encodings(value)
        within = {s for s in spellings if len(s) >= _SHORTEST_WITHIN_TEXT}
        within |= {e for e in encoded if len(e) >= _SHORTEST_ENCODED}
        self._alone |= spellings | encoded
        self._within = tuple(sorted({*self._within, *within}, key=len, reverse=True))  # a longer one may hold a shorter
        self._cores = tuple({*self._cores, *_base64_cores(value)})
        if not _WORD.fullmatch(value) and len(value) >= _SHORTEST_WITHIN_TEXT:
            self._escaped = (*self._escaped, _escaped_anyhow(value))

    def forget(self) -> None:
        """Know no values any more; names and looks stay."""
        self._alone, self._within, self._cores, self._escaped = frozenset(), (), (), ()

    def finds(self, text: str) -> bool:
        """Whether a registered value is in the text."""
        if not self._alone:
            return False
        if text in self._alone:
            return True
        for values in (self._within, self._cores):  # no generators: this runs over every record
            for value in values:
                if value in text:
                    return True
        return any(pattern.search(text) for pattern in self._escaped)

    def known(self, text: str) -> str:
        """The text with every registered value hidden; what only looks like a secret stays."""
        if text in self._alone:
            return HIDDEN
        for core in self._cores:
            while core in text:
                text = _without_token(text, core)
        for value in self._within:
            if value in text:
                text = text.replace(value, HIDDEN)
        for pattern in self._escaped:
            text = pattern.sub(HIDDEN, text)
        return text

    def text(self, text: str) -> str:
        """The text with every secret in it hidden: registered values, and what looks like one."""
        text = self.known(text)
        text = _ASSIGNED.sub(rf"\1{HIDDEN}", text)
        text = _BEARER.sub(rf"\1 {HIDDEN}", text)
        return _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)

    def redact(self, mapping: Mapping[str, Any]) -> dict[str, Any]:
        """A copy with secrets hidden at every depth; values that hold none are the same objects."""
        return self._mapping(mapping, 0)

    def __call__(self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401
        """The structlog processor."""
        return self.redact(event_dict)

    def filter(self, record: logging.LogRecord) -> bool:
        """The filter for a handler of the standard library's logging: ``handler.addFilter(redactor.filter)``.

        Message, arguments, traceback and what was added by ``extra`` are looked at; a record that holds no secret stays
        as it is, another one loses its arguments and the exception itself and keeps their cleaned texts.
        """
        try:
            message = record.getMessage()
            trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else record.exc_text
        except Exception:  # what cannot even be rendered must neither stop the log nor slip through it
            record.msg, record.args, record.exc_info, record.exc_text = HIDDEN, None, None, None
            return True
        clean = self.text(message)
        if clean != message:
            record.msg, record.args = clean, None
        if trace and self.text(trace) != trace:
            record.exc_info, record.exc_text = None, self.text(trace)
        if record.stack_info:
            record.stack_info = self.text(record.stack_info)
        added = {name: value for name, value in vars(record).items() if name not in _RECORD_PARTS}
        vars(record).update(self.redact(added))
        return True

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


def guard_logging() -> None:
    """See to it that no record of the standard library's logging holds a known secret, whichever library makes it.

    Records are cleaned when they are made. What is added by ``extra`` comes later: a handler that writes it needs
    :meth:`Redactor.filter`. Doing it twice does nothing more.
    """
    make = logging.getLogRecordFactory()
    if getattr(make, "guards_secrets", False):
        return

    def guarded(*args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: ANN401 - as the factory before
        record = make(*args, **kwargs)
        KNOWN_SECRETS.filter(record)
        return record

    guarded.guards_secrets = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(guarded)


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


def _spellings(value: str) -> frozenset[str]:
    """The ways a value is commonly written: plain, and escaped for Python, JSON, CSV and HTML."""
    as_json = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    as_json |= {json.dumps(text)[1:-1] for text in as_json}  # JSON within JSON
    plain = {value, repr(value)[1:-1], ascii(value)[1:-1], *as_json}
    plain |= {text.replace('"', '""') for text in plain}
    return frozenset(plain | {html.escape(value), html.escape(value, quote=False)})


def _escaped_anyhow(value: str) -> re.Pattern[str]:
    """Finds a value with signs that get escaped, however often it was: a JSON text in a representation in a CSV."""
    return re.compile("".join(map(_sign_pattern, value)))


def _sign_pattern(sign: str) -> str:
    if sign.isascii() and sign.isalnum():
        return sign
    if sign == "\\":
        return r"\\+"
    if sign in _LETTER_ESCAPES:
        return rf"(?:{re.escape(sign)}|\\+{_LETTER_ESCAPES[sign]})"
    point = ord(sign)
    units = [f"{unit:04x}" for unit in memoryview(sign.encode("utf-16-le", "surrogatepass")).cast("H")]
    coded = {r"\\+u" + r"\\+u".join(units), rf"\\+U{point:08x}"} | ({rf"\\+x{point:02x}"} if point < 256 else set())
    coded.add("".join(rf"\\+x{byte:02x}" for byte in sign.encode("utf-8", "surrogatepass")))
    doubled = "{1,2}" if sign == '"' else ""
    return rf"(?:\\*{re.escape(sign)}{doubled}|(?i:{'|'.join(sorted(coded))}))"


def _encodings(value: str) -> frozenset[str]:
    """The ways a value is commonly encoded whole: for a URL, as bytes, in hexadecimal, in base64."""
    raw = value.encode("utf-8", "surrogatepass")
    quoted = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    quoted |= {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text) for text in quoted}
    whole = {base64.b64encode(raw).decode("ascii"), base64.urlsafe_b64encode(raw).decode("ascii")}
    return frozenset({*quoted, *whole, repr(raw)[2:-1], raw.hex(), raw.hex().upper()})


def _base64_cores(value: str) -> frozenset[str]:
    """What base64 makes of a value inside a longer text: one run of signs for each of the three ways it may begin.

    The signs at either end that depend on the neighbours are left out (RFC 4648 section 4: four signs for three bytes).
    """
    raw = value.encode("utf-8", "surrogatepass")
    cores = set()
    for before in range(3):
        first = -(-before * 4 // 3)
        last = (before + len(raw)) * 4 // 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            cores.add(encode(bytes(before) + raw).decode("ascii")[first:last])
    return frozenset(core for core in cores if len(core) >= _SHORTEST_ENCODED)


def _without_token(text: str, core: str) -> str:
    """The text without the run of base64 in which the core stands: its ends still hold some of the secret's bits."""
    start = text.index(core)
    end = start + len(core)
    while start > 0 and text[start - 1] in _BASE64_SIGNS:
        start -= 1
    while end < len(text) and text[end] in _BASE64_SIGNS:
        end += 1
    while end < len(text) and text[end] == "=":
        end += 1
    return text[:start] + HIDDEN + text[end:]
