"""Registered secrets do not get into an event's payload; what the state is computed from is untouched."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_events import decided, marked
from lightning_gex.adapters.storage.codec import decode, encode
from lightning_gex.adapters.storage.redacted import FREE_TEXTS, payload_without_secrets
from lightning_gex.core.decision import Cap, StageRecord
from lightning_gex.core.enums import Direction, StageName, StageVerdict
from lightning_gex.core.events import BreakerReset, DecisionMade, OperationFailed, TradingHalted
from lightning_gex.core.votes import Vote
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


@pytest.mark.parametrize("secret", ["Scripted Agent", "not asked: an earlier stage", "least_confidence", "sequence-11"])
def test_a_decision_is_cleaned_in_its_texts_alone_and_reads_back(secret: str) -> None:
    decision = decided()
    said = StageRecord(StageName.SIGNAL, StageVerdict.ABSTAINED, f"because of {secret}", {"x": secret}, secret)
    vote = Vote("Scripted Agent", Direction.NEUTRAL, 0.5, 1.0, 2.0, 5, abstained=False, reasons=("fine", secret))
    cap = Cap(secret, 0.5, secret)
    event = DecisionMade(
        AT, replace(decision, stages=(said, *decision.stages[1:]), votes=(vote,), caps=(cap,), reason=secret)
    )
    back = decode(payload_without_secrets(encode(event), Redactor([secret])))
    assert isinstance(back, DecisionMade)
    first, *others = back.decision.stages
    assert (first.stage, first.verdict, first.detail) == (StageName.SIGNAL, StageVerdict.ABSTAINED, {"x": HIDDEN})
    assert secret not in first.reason
    assert first.fallback == HIDDEN
    assert [s.stage for s in others] == list(StageName)[1:]
    assert back.decision.votes == (replace(vote, reasons=("fine", HIDDEN)),)
    assert back.decision.caps == (Cap(secret, 0.5, HIDDEN),)
    assert back.decision.reason == HIDDEN


@given(secret=st.text(st.characters(exclude_categories=("Cs",)), min_size=8), field=st.sampled_from(sorted(FREE_TEXTS)))
def test_no_generated_secret_survives_in_a_free_text(secret: str, field: str) -> None:
    for ascii_only in (True, False):
        payload = json.dumps({field: f"<{secret}>"}, ensure_ascii=ascii_only)
        clean = json.loads(payload_without_secrets(payload, Redactor([secret])))[field]
        assert secret not in clean.replace(HIDDEN, "")


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), -float("inf")])
def test_a_password_that_is_the_word_for_a_number_does_not_make_a_record_unreadable(figure: float) -> None:
    from lightning_gex.core.events import AuditNoted

    event = AuditNoted(marked(1).at, "the long secret", {"figure": figure})
    read = decode(payload_without_secrets(encode(event), Redactor(["nan", "inf", "-inf", "long secret"])))
    assert isinstance(read, AuditNoted)
    assert repr(read.detail["figure"]) == repr(figure)
    assert read.what == f"the {HIDDEN}"
