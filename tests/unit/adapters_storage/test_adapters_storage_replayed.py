"""The fast reader of a replay agrees with the careful one, or leaves the record to it."""

from __future__ import annotations

import dataclasses
from typing import get_args

from hypothesis import given

from builders_events import events, marked, same, some_events
from lightning_gex.adapters.storage.codec import decode, encode
from lightning_gex.adapters.storage.exactness import exactness_of
from lightning_gex.adapters.storage.replayed import replayed
from lightning_gex.core.events import DecisionMade, Event


@given(events())
def test_it_agrees_with_the_careful_reader_or_leaves_the_record_to_it(event: Event) -> None:
    payload = encode(event)
    fast, careful = replayed(event.kind, payload.encode()), decode(payload, with_reasons=False)
    assert fast is None or same(fast, careful)
    if isinstance(event, DecisionMade):
        bare = dataclasses.replace(event.decision, stages=(), votes=(), caps=())
        assert same(careful, dataclasses.replace(event, decision=bare))
    else:
        assert same(careful, event)


def test_an_unknown_kind_or_damaged_text_is_left_to_the_careful_reader() -> None:
    payload = encode(marked()).encode()
    assert replayed("unheard_of", payload) is None
    assert replayed("marked", payload[:-2]) is None
    assert replayed("session_opened", payload) is None


@given(events())
def test_what_passes_for_exact_is_written_as_the_careful_writer_would_read_it(event: Event) -> None:
    if exactness_of(type(event))(event):
        assert same(decode(encode(event)), event)


def test_every_kind_of_event_has_a_test_of_exactness() -> None:
    for kind in get_args(Event):
        assert not exactness_of(kind)(object())
    assert [exactness_of(type(event))(event) for event in some_events()] == [True, True, True, True, False]
