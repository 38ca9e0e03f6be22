"""Registered secrets do not get into an event's payload; what the state is computed from is untouched."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_events import marked
from lightning_gex.adapters.storage.codec import decode, encode
from lightning_gex.adapters.storage.redacted import FREE_TEXTS, payload_without_secrets
from lightning_gex.core.events import BreakerReset, OperationFailed, TradingHalted
from lightning_gex.security.redaction import HIDDEN, Redactor

AT = marked().at
CANARY = 'canary "4711" ü\\'


def test_a_payload_without_a_secret_comes_back_as_it_is() -> None:
    payload = encode(marked())
    assert payload_without_secrets(payload, Redactor([CANARY])) is payload
    assert payload_without_secrets(payload, Redactor()) is payload


@pytest.mark.parametrize(
    "event",
    [
        TradingHalted(AT, CANARY, f"the key {CANARY} leaked", flatten=True),
        BreakerReset(AT, "drawdown", CANARY, f"{CANARY}"),
        OperationFailed(AT, "submit", f"401 for {CANARY}"),
    ],
    ids=lambda event: event.kind,
)
def test_what_people_and_libraries_say_is_cleaned_and_reads_back(event: object) -> None:
    payload = payload_without_secrets(encode(event), Redactor([CANARY]))
    assert HIDDEN in payload
    assert "4711" not in payload
    back = decode(payload)
    assert (type(back), back.at) == (type(event), AT)


def test_texts_are_cleaned_at_every_depth_and_ids_names_and_figures_are_not() -> None:
    held = "12345.5"
    payload = json.dumps({
        "order_id": held, "ticker": held, "price": 12345.5, "reason": f"at {held}",
        "decision": {"id": held, "stages": [{"reason": held, "detail": {"x": [held, 12345.5]}}],
                     "votes": [{"agent": held, "reasons": ["fine", held]}]},
    })  # fmt: skip
    clean = json.loads(payload_without_secrets(payload, Redactor([held])))
    assert clean == {
        "order_id": held, "ticker": held, "price": 12345.5, "reason": f"at {HIDDEN}",
        "decision": {"id": held, "stages": [{"reason": HIDDEN, "detail": {"x": [HIDDEN, 12345.5]}}],
                     "votes": [{"agent": held, "reasons": ["fine", HIDDEN]}]},
    }  # fmt: skip


@given(secret=st.text(st.characters(exclude_categories=("Cs",)), min_size=8), field=st.sampled_from(sorted(FREE_TEXTS)))
def test_no_generated_secret_survives_in_a_free_text(secret: str, field: str) -> None:
    for ascii_only in (True, False):
        payload = json.dumps({field: f"<{secret}>"}, ensure_ascii=ascii_only)
        clean = json.loads(payload_without_secrets(payload, Redactor([secret])))[field]
        assert secret not in clean.replace(HIDDEN, "")
