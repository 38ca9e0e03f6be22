"""Null distributions: sums by a Fourier transform, p-values that are never zero, and what a test can see."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.null_distribution import (
    circular_shifts,
    minimum_detectable_effect,
    placebo_p,
    power_at,
    separate_count,
    shifted_sums,
    student_critical,
    student_p,
)
from lightning_gex.core.errors import InputError


@given(st.integers(2, 40), st.integers(0, 10_000))
def test_sums_at_moved_marks_are_those_of_moving_the_marks(n, seed):
    random = np.random.default_rng(seed)
    marks, values = (random.random(n) < 0.3).astype(np.float64), random.standard_normal(n)
    shifts = np.arange(n)
    expected = [float(np.roll(marks, s) @ values) for s in shifts]
    np.testing.assert_allclose(shifted_sums(marks, values, shifts), expected, atol=1e-9)


def test_marks_and_values_of_other_lengths_are_refused():
    with pytest.raises(InputError, match="marks"):
        shifted_sums(np.ones(3), np.ones(4), np.array([1]))


def test_a_shift_moves_every_row_by_the_least_distance_to_either_side():
    for shift in circular_shifts(20, 6):
        assert min(shift, 20 - shift) >= 6
    assert len(circular_shifts(20, 11)) == 0


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=60), st.floats(-6, 6))
def test_a_p_value_is_never_zero_and_falls_with_the_statistic(null, observed):
    values = np.array(null)
    p = placebo_p(values, observed, two_sided=False)
    assert 1 / (1 + len(null)) <= p <= 1
    assert placebo_p(values, observed + 1.0, two_sided=False) <= p
    assert placebo_p(values, observed, two_sided=True) == placebo_p(values, -observed, two_sided=True)


@given(st.integers(0, 1_000), st.booleans())
def test_power_rises_with_the_effect_and_is_four_fifths_at_the_detectable_one(seed, two_sided):
    null = np.random.default_rng(seed).standard_normal(1_000)
    critical = student_critical(1.0, np.inf, level=0.05, two_sided=two_sided)
    powers = [power_at(null, effect, critical) for effect in (0.0, 1.0, 2.0, 4.0)]
    assert powers == sorted(powers)
    assert powers[0] <= 0.1
    assert power_at(null, minimum_detectable_effect(null, critical), critical) == pytest.approx(0.8, abs=0.005)


@given(st.floats(0.01, 100.0), st.floats(2.0, 500.0), st.booleans())
def test_the_critical_value_is_where_the_p_value_is_the_level(spread, freedom, two_sided):
    critical = student_critical(spread, freedom, level=0.05, two_sided=two_sided)
    assert student_p(critical, spread, freedom, two_sided=two_sided) == pytest.approx(0.05, rel=1e-6)
    assert critical > student_critical(spread, np.inf, level=0.05, two_sided=two_sided)


def test_students_p_value_is_that_of_scipys_distribution():
    for freedom in (3.0, 17.5, 200.0, np.inf):
        expected = float(scipy.stats.t(freedom).sf(1.7) if np.isfinite(freedom) else scipy.stats.norm.sf(1.7))
        assert student_p(3.4, 2.0, freedom, two_sided=False) == pytest.approx(expected)
        assert student_p(-3.4, 2.0, freedom, two_sided=True) == pytest.approx(2.0 * expected)


def test_neighbours_that_resemble_each_other_count_as_few():
    random = np.random.default_rng(1)
    alone = random.standard_normal(3_000)
    smooth = np.convolve(random.standard_normal(3_049), np.ones(50), mode="valid")
    assert separate_count(alone) > 1_300  # the sample's own autocorrelations add to the sum
    assert 40 < separate_count(smooth) < 200  # a moving sum of 50: squares of a triangle, 2 * 50 / 3 alike
    assert np.isnan(separate_count(np.ones(5)))


def test_nothing_is_known_of_no_null_distribution():
    empty = np.array([np.nan])
    assert np.isnan(placebo_p(empty, 1.0, two_sided=True))
    assert np.isnan(power_at(empty, 1.0, 1.0))
    assert np.isnan(minimum_detectable_effect(empty, 1.0))
    assert np.isnan(student_p(1.0, np.nan, 3.0, two_sided=True))
    assert np.isnan(student_critical(0.0, 3.0, level=0.05, two_sided=True))
    assert np.isnan(placebo_p(np.ones(3), np.nan, two_sided=True))
