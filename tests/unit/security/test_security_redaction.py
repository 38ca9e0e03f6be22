"""Planted secrets do not come out, whatever they are wrapped in."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import structlog
from hypothesis import assume, given
from hypothesis import strategies as st

from lightning_gex.core.enums import Action
from lightning_gex.security.redaction import HIDDEN, KNOWN_SECRETS, Redactor, guard_logging, is_secret_name, redact
from lightning_gex.security.vault import Credentials

CANARY = 'canary "4711" ü/+\\'


@dataclass
class _Login:
    user: str
    password: str


class _Chatty:
    def __repr__(self) -> str:
        return f"<session {CANARY}>"


class _Broken:
    def __repr__(self) -> str:
        raise RuntimeError(CANARY)


@pytest.mark.parametrize(
    "name",
    ["password", "master_password", "PASSWD", "api_key", "apiKey", "API-KEY", "api_secret", "access_token", "key",
     "Authorization", "cookie", "privateKey", "x-lightning-signature", "credentials", "passphrase"],
)  # fmt: skip
def test_a_value_under_a_secret_name_is_hidden_whatever_it_is(name: str) -> None:
    assert is_secret_name(name)
    for value in ("x", 1, b"x", ["x"], {"a": "x"}):
        assert redact({name: value}) == {name: HIDDEN}


@pytest.mark.parametrize("name", ["ticker", "kind", "equity", "broker", "monkey", "keyboard", "order_id", "reason"])
def test_ordinary_names_are_shown(name: str) -> None:
    assert redact({name: "SPY"}) == {name: "SPY"}


def test_an_absent_secret_is_shown_as_absent() -> None:
    assert redact({"api_key": None}) == {"api_key": None}


@pytest.mark.parametrize(
    "spelling",
    [
        CANARY,
        json.dumps(CANARY),
        json.dumps(CANARY, ensure_ascii=False),
        repr(CANARY),
        quote(CANARY, safe=""),
        base64.b64encode(CANARY.encode()).decode(),
        base64.urlsafe_b64encode(CANARY.encode()).decode(),
    ],
)
def test_a_registered_value_is_hidden_in_every_spelling_and_at_every_depth(spelling: str) -> None:
    redactor = Redactor([CANARY])
    text = f"before {spelling} after"
    for wrapped in (text, [text], (text,), {text}, {"a": {"b": [text]}}, text.encode(), {text: 1}):
        out = str(redactor.redact({"event": wrapped}))
        assert spelling not in out
        assert HIDDEN in out


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=5, max_size=20), st.text(max_size=5))
def test_no_registered_value_survives_in_a_text(value: str, around: str) -> None:
    assert value not in Redactor([value]).text(f"{around}{value}{around}").replace(HIDDEN, "")


SECRETS = st.text(st.characters(exclude_categories=("Cs",)), min_size=8, max_size=24).filter(
    lambda s: s.strip() == s and s != HIDDEN
)
AROUND = st.text(st.characters(exclude_categories=("Cs",)), max_size=9)
WRITTEN = {
    "plain": str,
    "json": json.dumps,
    "json with its signs": lambda text: json.dumps(text, ensure_ascii=False),
    "repr": repr,
    "bytes": lambda text: repr(text.encode()),
    "json in json": lambda text: json.dumps(json.dumps([text])),
    "json in repr in json": lambda text: json.dumps(repr(json.dumps({"a": text}))),
    "csv": lambda text: '"' + json.dumps(text).replace('"', '""') + '"',
    "url": lambda text: quote(text, safe=""),
    "url in small letters": lambda text: re.sub("%..", lambda m: m[0].lower(), quote(text, safe="")),
    "url path": quote,
    "form": quote_plus,
    "html": html.escape,
    "hex": lambda text: text.encode().hex(),
    "hex in capitals": lambda text: text.encode().hex().upper(),
}


@pytest.mark.parametrize("notation", WRITTEN)
@given(secret=SECRETS, before=AROUND, after=AROUND)
def test_no_generated_secret_survives_in_any_notation(notation: str, secret: str, before: str, after: str) -> None:
    write = WRITTEN[notation]
    text = f"said {write(f'{before}|{secret}|{after}')} and went"
    assume(write(secret)[1:-1] not in write(f"{before}||{after}"))
    redactor = Redactor([secret])
    assert redactor.finds(text)
    out = redactor.known(text)
    assert HIDDEN in out
    assert write(secret)[1:-1] not in out


@given(secret=SECRETS, before=st.binary(max_size=9), after=st.binary(max_size=9), urlsafe=st.booleans())
def test_no_generated_secret_survives_inside_base64_of_something_longer(
    secret: str, before: bytes, after: bytes, urlsafe: bool
) -> None:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    token = encode(before + secret.encode() + after).decode()
    for text in (token, f"Basic {token}", f"x={token}&y", token.rstrip("=")):
        assert Redactor([secret]).known(text) == text.replace(token, HIDDEN).replace(token.rstrip("="), HIDDEN)


def test_several_secrets_one_inside_another_are_all_hidden() -> None:
    redactor = Redactor(["secret-one", "a-secret-one-more", "another"])
    assert redactor.text("a-secret-one-more secret-one another") == f"{HIDDEN} {HIDDEN} {HIDDEN}"


def test_what_is_forgotten_is_shown_again() -> None:
    redactor = Redactor([CANARY])
    redactor.forget()
    assert not redactor.finds(CANARY)
    assert redactor.text(CANARY) == CANARY


def test_our_own_hints_are_left_alone() -> None:
    hint = "pipe password=... to --stdin, or api_key=..."
    assert Redactor().text(hint) == hint


class _Unprintable:
    def __str__(self) -> str:
        raise RuntimeError(CANARY)


def _record(message: object, *args: object, **more: object) -> logging.LogRecord:
    record = logging.makeLogRecord({"msg": message, "args": args})
    vars(record).update(more)
    return record


def test_a_log_record_without_a_secret_stays_as_it_is() -> None:
    error = (ValueError, ValueError("fine"), None)
    record = _record("%s at %d", "SPY", 7, exc_info=error, extra_field=[1])
    before = dict(vars(record))
    assert Redactor([CANARY]).filter(record)
    assert vars(record) == before


def test_a_log_record_is_cleaned_in_message_arguments_traceback_stack_and_extras() -> None:
    record = _record(
        "%s", CANARY, exc_info=(ValueError, ValueError(CANARY), None), stack_info=CANARY, innocent={"a": [CANARY]}
    )
    assert Redactor([CANARY]).filter(record)
    assert logging.Formatter().format(record) == f"{HIDDEN}\nValueError: {HIDDEN}\n{HIDDEN}"
    assert CANARY not in str(vars(record))
    assert record.innocent == {"a": [HIDDEN]}


@pytest.mark.parametrize("record", [_record("%d", CANARY), _record("%s", _Unprintable()), _record("%s %s", CANARY)])
def test_a_log_record_that_cannot_be_rendered_is_hidden(record: logging.LogRecord) -> None:
    assert Redactor().filter(record)
    assert record.getMessage() == HIDDEN


def test_guarding_the_log_twice_is_guarding_it_once() -> None:
    guard_logging()
    once = logging.getLogRecordFactory()
    guard_logging()
    assert logging.getLogRecordFactory() is once
    KNOWN_SECRETS.register(CANARY)
    assert once("n", 10, "f", 1, CANARY, None, None).getMessage() == HIDDEN


def test_a_short_value_is_hidden_where_it_stands_alone_and_does_not_shred_texts() -> None:
    redactor = Redactor(["1234", ""])
    assert redactor.redact({"a": "1234", "b": 1234, "c": "order 12345"}) == {
        "a": HIDDEN,
        "b": HIDDEN,
        "c": "order 12345",
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("login failed: password=hunter2, retry", f"login failed: password={HIDDEN}, retry"),
        ('{"api_key": "abc def", "n": 1}', f'{{"api_key": {HIDDEN}, "n": 1}}'),
        ("Authorization: Bearer abcdef0123456789", f"Authorization: Bearer {HIDDEN}"),
        ("postgresql://me:hunter2@host/db", f"postgresql://me:{HIDDEN}@host/db"),
        ("access_token: abc", f"access_token: {HIDDEN}"),
        ("equity 100000.00 at 2024-03-01T21:00:00Z", "equity 100000.00 at 2024-03-01T21:00:00Z"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_in_texts(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


def test_objects_are_looked_into_and_those_that_cannot_be_are_hidden() -> None:
    redactor = Redactor([CANARY])
    out = redactor.redact({"login": _Login("me", "pw"), "session": _Chatty(), "broken": _Broken(), "yes": Action.BUY})
    assert "pw" not in str(out["login"])
    assert out["session"] == f"<session {HIDDEN}>"
    assert out["broken"] == HIDDEN
    assert out["yes"] is Action.BUY


def test_credentials_show_their_name_and_nothing_more() -> None:
    credentials = Credentials("thinkorswim", CANARY, CANARY)
    out = str(redact({"used": credentials}))
    assert "thinkorswim" in out
    assert CANARY not in out


def test_a_cycle_ends_hidden() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop
    assert HIDDEN in str(redact(loop))


def test_the_mapping_given_is_left_alone_and_clean_values_are_the_same_objects() -> None:
    clean = _Login.__class__
    given_mapping = {"api_key": "x", "other": clean}
    out = redact(given_mapping)
    assert given_mapping["api_key"] == "x"
    assert out["other"] is clean


def test_a_log_line_with_a_traceback_shows_no_secret() -> None:
    redactor = Redactor()
    redactor.register(CANARY)
    lines = io.StringIO()
    log = structlog.wrap_logger(
        structlog.PrintLogger(lines),
        processors=[structlog.processors.format_exc_info, redactor, structlog.processors.JSONRenderer()],
    )
    try:
        raise ValueError(f"the broker said: {CANARY}")
    except ValueError:
        log.exception("failed", url=f"https://me:{quote(CANARY, safe='')}@host", headers={"Authorization": CANARY})
    line = json.loads(lines.getvalue())
    assert "ValueError: the broker said: [hidden]" in line["exception"]
    assert line["headers"] == {"Authorization": HIDDEN}
    for spelling in (CANARY, quote(CANARY, safe=""), json.dumps(CANARY)[1:-1]):
        assert spelling not in lines.getvalue()


def test_a_redactor_does_not_show_what_it_hides() -> None:
    assert CANARY not in repr(Redactor([CANARY]))
