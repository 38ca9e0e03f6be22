"""The card: it reads back as written, notices an alteration, and lets nobody pass who has not beaten the champion."""

from __future__ import annotations

import json
import math

import pytest

from lightning_gex.core.errors import InputError
from lightning_gex.sizing.model_card import CHANCE_ALLOWED, ModelCard


def over(chance=0.001, low=0.001):
    return {"mean": 0.002, "low": low, "high": 0.003, "chance_not_better": chance}


def card(*, kelly=0.001, twin=0.001, champion="", attempts=1, **changes):
    arguments = {
        "trained_on": "a market",
        "judged_on": "another market",
        "data_sha256": "d",
        "config_sha256": "c",
        "judged_sha256": "j",
        "counted_sha256": "n",
        "attempts": attempts,
        "made_with": {"device": "cpu"},
        "seeds": (0, 1, 2),
        "blocks": 8,
        "policy_sha256": "p",
        "chosen_seed": 1,
        "growth_by_seed": {"0": 0.1},
        "policy": {"log_growth": 0.1, "log_growth_low": math.nan},
        "others": {"kelly": {"log_growth": 0.0}},
        "excess": {"kelly": over(kelly), "same_exposure": over(twin), "champion": over(0.2, -0.001)},
        "champion_sha256": champion,
    }
    return ModelCard(**arguments | changes)


def test_a_card_reads_back_as_written():
    text = card().to_json()
    assert "NaN" not in text
    back = ModelCard.from_json(text, "card.json")
    assert back.to_json() == text
    assert math.isnan(back.policy["log_growth_low"])
    assert back.seeds == (0, 1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        "[" * 100_000,
        card().to_json().replace("0.002", "0.003"),
        card().to_json().replace('"blocks": 8', '"blocks": 9'),
        card().to_json().replace('"attempts": 1', '"attempts": 0'),
        card().to_json().replace('"format_version": 2', '"format_version": 1'),
        json.dumps({k: v for k, v in json.loads(card().to_json()).items() if k != "seeds"}),
        json.dumps({**json.loads(card().to_json()), "seeds": None}),
        json.dumps({**json.loads(card().to_json()), "more": 1}),
    ],
)
def test_what_is_no_card_or_was_altered_is_refused_with_its_file(text):
    with pytest.raises(InputError, match=r"^card\.json"):
        ModelCard.from_json(text, "card.json")


def test_only_an_interval_above_zero_beats_the_champion():
    assert card().verdict()[0]
    assert card(kelly=CHANCE_ALLOWED).verdict()[0]
    for chance in (0.0251, 0.5, 1.0, math.nan):
        better, reason = card(kelly=chance).verdict()
        assert not better
        assert "does not beat kelly" in reason


def test_who_only_takes_larger_sizes_beats_nobody():
    better, reason = card(twin=0.3).verdict()
    assert not better
    assert "does not beat same_exposure" in reason


def test_a_promoted_policy_takes_kellys_place_as_the_one_to_beat():
    better, reason = card(champion="x").verdict()
    assert not better
    assert "champion" in reason


def test_every_further_attempt_on_the_same_data_raises_the_bar():
    one = card(kelly=0.01, attempts=1)
    assert one.verdict()[0]
    assert one.verdict(attempts=2)[0]
    better, reason = one.verdict(attempts=3)
    assert not better
    assert "3 attempts" in reason
    assert "0.0083" in reason
    assert not card(kelly=0.01, attempts=3).verdict(attempts=1)[0]  # what the card itself knows is not forgotten


def test_a_card_that_does_not_speak_of_the_champion_promotes_nothing():
    with pytest.raises(InputError, match="says nothing of kelly"):
        card(excess={"same_exposure": over()}).verdict()
