"""The card: it reads back as written, notices an alteration, and lets nobody pass who has not beaten the champion."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lightning_gex.core.errors import InputError
from lightning_gex.sizing.contest import Score
from lightning_gex.sizing.model_card import ModelCard, chosen, excess_over, of_policies


def card(*, low=0.001, champion=""):
    over = {"mean": 0.002, "low": low, "high": 0.003}
    return ModelCard(
        trained_on="a market",
        judged_on="another market",
        data_sha256="d",
        config_sha256="c",
        judged_sha256="j",
        seeds=(0, 1, 2),
        blocks=8,
        policy_sha256="p",
        chosen_seed=1,
        growth_by_seed={"0": 0.1},
        policy={"log_growth": 0.1},
        others={"kelly": {"log_growth": 0.0}},
        excess={"kelly": over, "champion": {**over, "low": -0.001}},
        champion_sha256=champion,
    )


def score(*growth):
    values = np.array(growth)
    return Score(values, values * 0, values * 0 + 1, np.ones(len(values), dtype=np.int64))


def test_a_card_reads_back_as_written():
    assert ModelCard.from_json(card().to_json(), "card.json") == card()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        card().to_json().replace("0.002", "0.003"),
        card().to_json().replace('"blocks": 8', '"blocks": 9'),
        card().to_json().replace('"format_version": 1', '"format_version": 2'),
        json.dumps({k: v for k, v in json.loads(card().to_json()).items() if k != "seeds"}),
    ],
)
def test_what_is_no_card_or_was_altered_is_refused_with_its_file(text):
    with pytest.raises(InputError, match=r"^card\.json"):
        ModelCard.from_json(text, "card.json")


def test_only_an_interval_above_zero_beats_the_champion():
    assert card().verdict()[0]
    for low in (0.0, -0.001, math.nan):
        better, reason = card(low=low).verdict()
        assert not better
        assert "does not beat kelly" in reason


def test_a_promoted_policy_takes_kellys_place_as_the_one_to_beat():
    better, reason = card(champion="x").verdict()
    assert not better
    assert "champion" in reason


def test_the_median_seed_is_chosen_and_never_the_best():
    assert chosen([score(0.1), score(0.3), score(0.2)]) == 2
    assert chosen([score(0.4), score(0.3), score(0.2), score(0.1)]) == 2
    assert chosen([score(0.4)]) == 0


def test_excess_is_paired_by_block_and_averaged_over_seeds():
    noise = np.random.default_rng(0).normal(size=50)
    growth = np.array([noise + 0.01, noise + 0.03])
    found = excess_over(growth, score(*noise))
    assert found["mean"] == pytest.approx(0.02)
    assert found["low"] == pytest.approx(0.02)
    assert found["high"] == pytest.approx(0.02)
    both = of_policies([score(1.0, 2.0), score(3.0, 6.0)])
    assert both.log_growth.tolist() == [2.0, 4.0]
    assert both.trades.tolist() == [2, 2]
