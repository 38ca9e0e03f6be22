"""Kelly's fraction and Wilson's interval, against published figures and an independent implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from lightning_gex.analytics.kelly import kelly_fraction, wilson_interval
from lightning_gex.core.errors import InputError


def test_even_money_is_the_difference_of_the_odds() -> None:
    # Thorp 2006: a coin that favours us 53 to 47 at even money asks for 6 % of the bankroll.
    assert kelly_fraction(0.53, 1.0) == pytest.approx(0.06)


@pytest.mark.parametrize(("p", "b"), [(0.55, 1.0), (0.4, 2.5), (0.7, 0.8)])
def test_the_fraction_is_where_expected_log_growth_is_highest(p: float, b: float) -> None:
    def loss(f: float) -> float:
        return -(p * math.log1p(b * f) + (1 - p) * math.log1p(-f))

    best = optimize.minimize_scalar(loss, bounds=(0.0, 0.999), method="bounded", options={"xatol": 1e-10}).x
    assert kelly_fraction(p, b) == pytest.approx(best, abs=1e-6)


@given(st.floats(0, 1), st.floats(0.01, 100))
def test_the_fraction_never_exceeds_one_and_grows_with_both_odds(p: float, b: float) -> None:
    f = kelly_fraction(p, b)
    assert f <= 1.0
    assert kelly_fraction(min(1.0, p + 0.01), b) >= f
    assert kelly_fraction(p, b * 1.1) >= f


def test_no_number_gives_no_number() -> None:
    assert math.isnan(kelly_fraction(math.nan, 1.0))
    assert math.isnan(kelly_fraction(0.5, math.nan))


@pytest.mark.parametrize(("p", "b"), [(-0.1, 1.0), (1.1, 1.0), (0.5, 0.0), (0.5, -1.0)])
def test_impossible_odds_are_refused(p: float, b: float) -> None:
    with pytest.raises(InputError):
        kelly_fraction(p, b)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(4, 4, 0.5101, 1.0), (81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(successes: int, trials: int, low: float, high: float) -> None:
    # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, 1998, table I
    # (method 3); four of four from the score equation solved by hand: 4 / (4 + 1.96^2).
    found = wilson_interval(successes, trials)
    assert found == pytest.approx((low, high), abs=6e-5)


@given(st.integers(0, 400), st.integers(1, 400), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(successes: int, trials: int, level: float) -> None:
    successes = min(successes, trials)
    theirs = stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
    np.testing.assert_allclose(wilson_interval(successes, trials, level), (theirs.low, theirs.high), atol=1e-10)


@given(st.floats(0, 1), st.floats(0.5, 1e6))
def test_the_proportion_lies_within_its_interval_on_fractional_samples_too(p: float, trials: float) -> None:
    low, high = wilson_interval(min(p * trials, trials), trials)
    assert 0.0 <= low <= min(p * trials, trials) / trials <= high <= 1.0


def test_without_a_trial_there_is_no_interval() -> None:
    for successes, trials in ((0.0, 0.0), (math.nan, 3.0), (1.0, math.nan)):
        assert all(math.isnan(x) for x in wilson_interval(successes, trials))


@pytest.mark.parametrize(("successes", "trials", "level"), [(-1, 3, 0.95), (4, 3, 0.95), (1, 3, 0.0), (1, 3, 1.0)])
def test_impossible_counts_and_levels_are_refused(successes: float, trials: float, level: float) -> None:
    with pytest.raises(InputError):
        wilson_interval(successes, trials, level)
