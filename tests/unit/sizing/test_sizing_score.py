"""How sure one may be of a difference: intervals over seeds and quarters, and the chance that there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lightning_gex.core.errors import InputError
from lightning_gex.sizing.score import Score, excess, median_of, of_seeds


def score(*growth):
    values = np.array(growth)
    return Score(values, values * 0 + 1, values[:1] * 0 + 0.1, values[:1] * 0 + 0.05, len(values))


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says():
    rng = np.random.default_rng(1)
    found = [excess(rng.normal(size=(1, 40))) for _ in range(40)]
    assert 0.85 <= np.mean([one.low <= 0.0 <= one.high for one in found]) <= 1.0


def test_an_interval_is_as_wide_as_the_seeds_make_it():
    blocks = np.zeros((10, 50)) + np.linspace(-1.0, 1.2, 10)[:, None]  # each seed is sure, and each of something else
    found = excess(blocks)
    assert found.mean == pytest.approx(0.1)
    assert found.low < 0 < found.high
    assert excess(blocks[-1:]).low > 0  # one seed says nothing about others


def test_the_chance_of_no_gain_agrees_with_the_interval_and_is_never_none():
    rng = np.random.default_rng(2)
    for shift in (-0.3, 0.0, 0.2, 0.4):
        found = excess(rng.normal(size=(4, 60)) + shift)
        assert (found.chance_not_better <= 0.025) == (found.low > 0)
    assert 0 < excess(np.full((2, 30), 1.0)).chance_not_better < 0.001
    assert excess(np.full((2, 30), 0.0)).chance_not_better == 1.0


def test_a_single_block_proves_nothing():
    found = excess(np.array([[1.0], [2.0]]))
    assert (found.mean, found.chance_not_better) == (1.5, 1.0)
    assert math.isnan(found.low)
    assert math.isnan(score(1.0).summary()["log_growth_low"])


def test_no_value_is_refused():
    with pytest.raises(InputError, match="seeds, blocks"):
        excess(np.zeros((0, 5)))


def test_the_median_seed_is_chosen_and_never_the_best():
    assert median_of([score(0.1), score(0.3), score(0.2)]) == 2
    assert median_of([score(0.4), score(0.3), score(0.2), score(0.1)]) == 2
    assert median_of([score(0.4)]) == 0


def test_seeds_are_averaged_block_by_block_and_their_trades_counted():
    both = of_seeds([score(1.0, 2.0), score(3.0, 6.0)])
    assert both.log_growth.tolist() == [2.0, 4.0]
    assert both.trades == 4
    assert both.summary()["exposure_pct"] == pytest.approx(0.05)
