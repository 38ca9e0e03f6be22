from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from lightning_gex.analytics import calibration as c
from lightning_gex.core.errors import InputError


def sample(seed: int, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probability = rng.uniform(0, 1, count)
    return probability, rng.random(count) < probability


@given(st.integers(0, 10_000))
def test_brier_agrees_with_scikit_learn(seed: int) -> None:
    probability, happened = sample(seed)
    assert c.brier(probability, happened) == pytest.approx(brier_score_loss(happened, probability), rel=1e-12)


@given(st.integers(0, 10_000))
def test_reliability_bins_agree_with_scikit_learn(seed: int) -> None:
    probability, happened = sample(seed)
    table = c.reliability_bins(probability, happened)
    observed, said = calibration_curve(happened, probability, n_bins=10, strategy="uniform")
    filled = table.count > 0
    assert table.observed[filled] == pytest.approx(observed)
    assert table.mean_probability[filled] == pytest.approx(said)
    assert table.count.sum() == len(probability)


def test_ece_of_a_hand_made_table() -> None:
    # Two bins: 4 forecasts of 0.9 with 3 events (gap 0.15), 1 forecast of 0.3 with none (gap 0.3).
    probability = np.array([0.9, 0.9, 0.9, 0.9, 0.3])
    happened = np.array([True, True, True, False, False])
    assert c.ece(probability, happened) == pytest.approx(0.8 * 0.15 + 0.2 * 0.3)


def test_a_perfect_forecast_has_skill_one_and_climatology_none() -> None:
    happened = np.array([True, False, True, True])
    assert c.brier_skill(happened.astype(float), happened) == 1.0
    assert c.brier_skill(np.full(4, 0.75), happened) == pytest.approx(0.0)


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_no_constant_beats_climatology(seed: int, constant: float) -> None:
    _, happened = sample(seed, 40)
    skill = c.brier_skill(np.full(40, constant), happened)
    assert math.isnan(skill) or skill <= 1e-12


def test_skill_is_measured_against_the_given_reference() -> None:
    probability, happened = np.array([0.8, 0.6]), np.array([True, False])
    expected = 1 - ((0.2**2 + 0.6**2) / 2) / 0.25
    assert c.brier_skill(probability, happened, 0.5) == pytest.approx(expected)
    assert c.brier_skill(probability, happened, np.array([0.5, 0.5])) == pytest.approx(expected)


def test_absent_probabilities_are_left_out() -> None:
    probability, happened = np.array([0.8, np.nan]), np.array([True, True])
    assert c.brier(probability, happened) == pytest.approx(0.04)
    assert c.reliability_bins(probability, happened).count.sum() == 1
    assert c.brier_skill(probability, happened, np.array([0.5, 0.1])) == pytest.approx(1 - 0.04 / 0.25)


def test_without_data_there_is_no_score() -> None:
    nothing, never = np.array([]), np.array([], dtype=bool)
    assert math.isnan(c.brier(nothing, never))
    assert math.isnan(c.brier_skill(nothing, never))
    assert math.isnan(c.ece(nothing, never))


def test_a_probability_outside_its_range_is_named() -> None:
    with pytest.raises(InputError, match="row 1, field 'probability'"):
        c.brier(np.array([0.5, 1.5]), np.array([True, False]))
    with pytest.raises(InputError):
        c.brier(np.array([0.5]), np.array([True, False]))
    with pytest.raises(InputError):
        c.reliability_bins(np.array([0.5]), np.array([True]), bins=0)


def test_bins_from_one_half_hold_everything() -> None:
    table = c.reliability_bins(np.array([0.4, 0.5, 0.75, 1.0]), np.ones(4, dtype=bool), bins=5, low=0.5)
    assert table.count.tolist() == [2, 0, 1, 0, 1]
    assert (table.lower[0], table.upper[-1]) == (0.5, 1.0)
