"""Events as JSON: nothing is lost, nothing is let through that could not be read back."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import get_args

import numpy as np
import pytest
from hypothesis import given

from builders_events import AT, events, marked, same, some_events
from lightning_gex.adapters.storage.codec import decode, encode, from_utc_text, utc_text
from lightning_gex.core.errors import InputError, IntegrityError
from lightning_gex.core.events import AuditNoted, Event, Marked, WeightChanged


@given(events())
def test_every_event_comes_back_as_it_was(event: Event) -> None:
    assert same(decode(encode(event)), event)


def test_every_kind_of_event_is_known_to_the_codec() -> None:
    kinds = {next(f for f in dataclasses.fields(kind) if f.name == "kind").default for kind in get_args(Event)}
    assert len(kinds) == len(get_args(Event))
    for kind in kinds:
        with pytest.raises(IntegrityError):
            decode(json.dumps({"kind": kind}))  # known, but its fields are missing


def test_the_text_is_strict_json_without_nan() -> None:
    for event in some_events():
        json.loads(encode(event), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def test_a_nan_field_is_null_and_a_nan_among_free_values_is_marked_apart_from_none() -> None:
    assert json.loads(encode(WeightChanged(AT, "a", math.nan, "r")))["weight"] is None
    detail = json.loads(encode(AuditNoted(AT, "x", {"nan": math.nan, "none": None})))["detail"]
    assert detail == {"nan": {"float": "nan"}, "none": None}


def test_decimals_keep_every_digit_they_were_given() -> None:
    event = Marked(AT, Decimal("1.10"), Decimal("0.1000000000000000055511151231257827"))
    back = decode(encode(event))
    assert isinstance(back, Marked)
    assert str(back.equity) == "1.10"
    assert str(back.exposure) == "0.1000000000000000055511151231257827"


def test_a_time_in_another_zone_comes_back_as_the_same_instant_in_utc() -> None:
    new_york = timezone(timedelta(hours=-5))
    back = decode(encode(dataclasses.replace(marked(), at=AT.astimezone(new_york))))
    assert back.at == AT
    assert back.at.utcoffset() == timedelta(0)


def test_any_mapping_is_taken_and_numpy_floats_are_floats() -> None:
    event = AuditNoted(AT, "x", MappingProxyType({"a": np.float64(0.5)}))
    back = decode(encode(event))
    assert isinstance(back, AuditNoted)
    assert same(back.detail, {"a": 0.5})


@pytest.mark.parametrize(
    "event",
    [
        WeightChanged(AT, "a", math.inf, "r"),
        WeightChanged(AT, "a", "0.5", "r"),  # type: ignore[arg-type]
        WeightChanged(AT, "a", None, "r"),  # type: ignore[arg-type]
        WeightChanged(AT.replace(tzinfo=None), "a", 0.5, "r"),
        WeightChanged("2024-03-01T21:00:00Z", "a", 0.5, "r"),  # type: ignore[arg-type]
        WeightChanged(AT, "lone \ud800 surrogate", 0.5, "r"),
        Marked(AT, 1.5, Decimal(0)),  # type: ignore[arg-type]
        Marked(AT, Decimal("NaN"), Decimal(0)),
        AuditNoted(AT, "x", {"a": [1]}),  # type: ignore[dict-item]
        AuditNoted(AT, "x", {"a": object()}),  # type: ignore[dict-item]
        dataclasses.replace(marked(), kind="session_opened"),  # type: ignore[arg-type]
        "not an event",
    ],
    ids=[
        "infinite weight",
        "text for a number",
        "no number",
        "naive time",
        "text for a time",
        "lone surrogate",
        "float for money",
        "money that is NaN",
        "list in a detail",
        "object in a detail",
        "kind of another event",
        "no event",
    ],
)
def test_what_could_not_be_read_back_is_refused_before_it_is_written(event: Event) -> None:
    with pytest.raises(InputError, match="cannot be journaled"):
        encode(event)


def test_a_refusal_does_not_repeat_the_value() -> None:
    with pytest.raises(InputError) as caught:
        encode(AuditNoted(AT, "x", {"a": ["hunter2-canary"]}))  # type: ignore[dict-item]
    assert "hunter2-canary" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"kind":"unheard_of"}', '{"kind":"marked"}', '{"at":1}', "\udc80", '"x"'],
)
def test_what_is_no_event_is_an_integrity_error_that_says_where(text: str) -> None:
    with pytest.raises(IntegrityError, match="record 7"):
        decode(text, source="record 7")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("equity", 1.5), ("equity", "x"), ("at", "2024-03-01T21:00:00"), ("at", None), ("exposure", None)],
)
def test_a_field_of_another_type_is_an_integrity_error(field: str, wrong: object) -> None:
    record = json.loads(encode(marked())) | {field: wrong}
    with pytest.raises(IntegrityError):
        decode(json.dumps(record))


def test_utc_text_sorts_as_time_does_and_comes_back() -> None:
    moments = [AT + timedelta(microseconds=k * 333_333_333) for k in range(20)]
    texts = [utc_text(moment, field="at") for moment in moments]
    assert texts == sorted(texts)
    assert [from_utc_text(text) for text in texts] == moments


@pytest.mark.parametrize(
    "moment",
    [datetime(2024, 1, 1), datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))],  # noqa: DTZ001
)
def test_a_naive_or_impossible_time_is_refused(moment: datetime) -> None:
    with pytest.raises(InputError):
        utc_text(moment, field="at")


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"])
def test_a_time_that_utc_does_not_have_is_no_event_of_ours(at: str) -> None:
    with pytest.raises(ValueError, match="outside the years"):
        from_utc_text(at)
    with pytest.raises(IntegrityError, match="knows"):
        decode(f'{{"at":"{at}","what":"a","detail":{{}},"kind":"audit_noted"}}')
