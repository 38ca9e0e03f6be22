"""The stored form: compiled and careful code agree on it, both ways."""

from __future__ import annotations

import dataclasses
import json
from typing import get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_events import AT, any_of, decided, events, marked, same, some_events
from lightning_gex.adapters.storage.codec import decode, decode_checked, encode
from lightning_gex.adapters.storage.exactness import exactness_of
from lightning_gex.adapters.storage.stored_form import compacted, expanded, reader, written
from lightning_gex.core.decision import Decision, not_asked
from lightning_gex.core.enums import StageName
from lightning_gex.core.errors import IntegrityError, StoreError
from lightning_gex.core.events import EVENT_VERSION, DecisionMade, Event


def bare(event: Event) -> Event:
    """The event, a decision without what state does not depend on."""
    if not isinstance(event, DecisionMade):
        return event
    nothing = {"stages": (), "votes": (), "caps": (), "expected_range": None, "range_absence": None}
    return dataclasses.replace(event, decision=dataclasses.replace(event.decision, **nothing))


@given(events())
def test_the_compiled_reader_agrees_with_the_careful_one(event: Event) -> None:
    payload = encode(event)
    whole = decode_checked(event.kind, payload.encode(), version=EVENT_VERSION, source="it")
    few = decode_checked(event.kind, payload.encode(), version=EVENT_VERSION, source="it", with_reasons=False)
    assert same(whole, event)
    assert same(decode(payload), event)
    assert same(few, bare(event))
    assert same(decode(payload, with_reasons=False), bare(event))


@given(events())
def test_what_passes_for_exact_is_written_as_the_careful_reader_would_have_it(event: Event) -> None:
    if exactness_of(type(event))(event):
        assert same(decode(written(event)), event)


@given(any_of(Decision), st.integers(0, len(StageName)))
def test_stations_that_were_not_asked_are_counted_and_come_back(decision: Decision, skipped: int) -> None:
    path = tuple(map(not_asked, StageName))[len(StageName) - skipped :]
    event = DecisionMade(AT, dataclasses.replace(decision, stages=(*decision.stages, *path)))
    payload = encode(event)
    assert payload.count("not asked") == encode(dataclasses.replace(event, decision=decision)).count("not asked")
    assert same(decode(payload), event)
    assert same(decode_checked(event.kind, payload.encode(), version=EVENT_VERSION, source="it"), event)


@given(events())
def test_the_compact_form_is_expanded_into_what_it_came_from(event: Event) -> None:
    stored = json.loads(encode(event))
    assert compacted(expanded(stored)) == stored


def test_every_kind_of_event_has_a_reader_and_a_test_of_exactness() -> None:
    for kind in get_args(Event):
        (word,) = get_args(get_type_hints(kind)["kind"])
        assert callable(reader(word, with_reasons=True))
        with pytest.raises(msgspec.DecodeError):
            reader(word, with_reasons=False)(b"{}")
    assert [exactness_of(type(event))(event) for event in some_events()] == [True, True, True, True, True]


def test_an_unknown_kind_or_damaged_text_is_refused_by_the_careful_reader() -> None:
    payload = encode(marked()).encode()
    for kind, text in (("unheard_of", b'{"kind":"unheard_of"}'), ("marked", payload[:-2]), ("marked", b"[]")):
        with pytest.raises(IntegrityError, match="record 3"):
            decode_checked(kind, text, version=EVENT_VERSION, source="record 3")
    with pytest.raises(StoreError, match="newer version"):
        decode_checked("marked", payload, version=EVENT_VERSION + 1, source="record 3")


@pytest.mark.parametrize(
    "damage",
    [
        {"skipped": -1},
        {"skipped": 8},
        {"skipped": "1"},
        {"votes": [["Trend Agent", 1]]},
        {"stages": None},
        {"caps": [["a", 0.1, "b", "c"]]},
    ],
    ids=["negative count", "count beyond the path", "text for a count", "short row", "no rows", "long row"],
)
def test_reasons_of_another_form_are_an_integrity_error(damage: dict[str, object]) -> None:
    stored = json.loads(encode(DecisionMade(AT, decided())))
    stored["reasons"] |= damage
    text = json.dumps(stored)
    with pytest.raises(IntegrityError):
        decode(text)
    with pytest.raises(IntegrityError):
        decode_checked("decision_made", text.encode(), version=EVENT_VERSION, source="it")
