"""Ways of sizing played on the same candidates: blocks that cover them all, and rules that see only the past."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sizing_samples import coin_flips

from lightning_gex.core.errors import InputError
from lightning_gex.sizing.contest import (
    by_kelly,
    by_volatility,
    fixed,
    mean_interval,
    nothing,
    plain_ways,
    played,
)
from lightning_gex.sizing.ladder import LADDER

NONE = np.zeros(7, dtype=np.float32)


@settings(max_examples=15)
@given(st.integers(0, 1_000), st.integers(5, 80))
def test_blocks_cover_every_candidate_once(seed, sessions):
    episodes = coin_flips(candidates=120, seed=seed)
    asked = []
    played(episodes, lambda row, _seen: asked.append(row) or 0.0, sessions=sessions)
    assert asked == list(range(120))


def test_doing_nothing_earns_nothing_and_fixed_sizing_pays_its_costs():
    episodes = coin_flips(candidates=120, episodes=1, move=0.0, cost_bp=10.0)
    assert not played(episodes, nothing).log_growth.any()
    score = played(episodes, fixed)
    assert score.trades.sum() == 120
    assert score.log_growth.sum() == pytest.approx(-0.05 * 2 * 0.001 * 120, rel=0.02)
    assert score.turnover.sum() == pytest.approx(0.05 * 2 * 120, rel=0.02)
    assert (score.max_drawdown > 0).all()


def test_volatility_targeting_sizes_against_volatility_and_not_without_it():
    episodes = replace(coin_flips(candidates=4, episodes=1), volatility=np.array([0.08, 0.25, np.nan, 0.0]))
    size = by_volatility(episodes)
    assert [size(row, NONE) for row in range(4)] == pytest.approx([0.125, 0.04, 0.0, 0.0])


def test_kelly_starts_cold_and_takes_an_edge_that_was_proven():
    episodes = coin_flips(candidates=200, episodes=1, move=0.02)
    sure = replace(episodes, exit_price=episodes.entry_price * np.where(np.arange(200) % 10 < 8, 1.02, 0.98))
    size = by_kelly(sure)
    assert size(5, NONE) == 0.02
    assert size(150, NONE) > 0.15
    assert by_kelly(episodes)(150, NONE) == 0.0  # a fair coin proves nothing


def test_kelly_does_not_see_an_outcome_before_it_is_known():
    episodes = coin_flips(candidates=200, episodes=1, held=5)
    changed = episodes.exit_price.copy()
    changed[146:] = 80.0
    assert by_kelly(episodes)(150, NONE) == by_kelly(replace(episodes, exit_price=changed))(150, NONE)


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = [low <= 0.0 <= high for low, high in (mean_interval(rng.normal(size=40)) for _ in range(20))]
    assert 0.75 <= np.mean(covered) <= 1.0
    assert math.isnan(mean_interval(np.array([1.0]))[0])


def test_every_plain_way_answers_with_a_size():
    episodes = coin_flips(candidates=60, seed=3)
    ways = plain_ways(episodes)
    assert set(ways) == {"kelly", "volatility_targeting", "fixed_5_pct", "nothing"}
    for way in ways.values():
        assert 0 <= way(40, NONE) <= 1
    assert fixed(0, NONE) in LADDER


def test_blocks_of_no_session_are_refused():
    with pytest.raises(InputError, match="at least 1"):
        played(coin_flips(candidates=30), nothing, sessions=0)
