"""Newey and West's errors, Diebold and Mariano's and Clark and West's statistics against statsmodels."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.robust_regression import (
    clark_west_t,
    lags_for,
    mean_t,
    normal_p,
    regress,
    resampled_coefficients,
)
from lightning_gex.core.errors import InputError, InsufficientDataError


def sample(seed: int, n: int = 300, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A constant, persistent regressors, and an outcome whose errors are persistent and of unequal size."""
    random = np.random.default_rng(seed)
    columns, error = random.standard_normal((n, k)), random.standard_normal(n)
    for i in range(1, n):
        columns[i] += 0.7 * columns[i - 1]
        error[i] = 0.5 * error[i - 1] + error[i] * (1.0 + abs(columns[i, 0]))
    design = np.column_stack([np.ones(n), columns])
    return design, design @ np.arange(1.0, k + 2.0) + error


def judge(design: np.ndarray, outcome: np.ndarray, lags: int):
    """The same fit by statsmodels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from statsmodels.regression.linear_model import OLS
    return OLS(outcome, design).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})


@pytest.mark.parametrize("lags", [0, 1, 5, 12])
def test_coefficients_errors_and_t_are_those_of_statsmodels(lags):
    design, outcome = sample(lags)
    found, expected = regress(design, outcome, lags=lags), judge(design, outcome, lags)
    np.testing.assert_allclose(found.coefficient, expected.params, rtol=1e-9)
    np.testing.assert_allclose(found.standard_error, expected.bse, rtol=1e-8)
    np.testing.assert_allclose(found.t, expected.tvalues, rtol=1e-8)
    assert found.r_squared == pytest.approx(expected.rsquared, rel=1e-10)


@pytest.mark.parametrize("lags", [0, 4, 9])
def test_the_statistic_of_two_forecasts_is_that_of_statsmodels_on_their_loss_difference(lags):
    _, losses = sample(7 + lags, k=1)
    expected = judge(np.ones((len(losses), 1)), losses, lags).tvalues[0]
    assert mean_t(losses, lags=lags) == pytest.approx(expected, rel=1e-9)


def test_clark_west_adds_the_noise_of_the_richer_forecast_back():
    random = np.random.default_rng(3)
    outcome, plain = random.standard_normal(250), np.zeros(250)
    richer = 0.2 * random.standard_normal(250)  # noise alone: it costs squared error, and the correction gives it back
    t = clark_west_t(outcome - plain, outcome - richer, richer - plain, lags=3)
    adjusted = outcome**2 - ((outcome - richer) ** 2 - richer**2)
    assert t == pytest.approx(judge(np.ones((250, 1)), adjusted, 3).tvalues[0], rel=1e-9)
    assert t > mean_t(outcome**2 - (outcome - richer) ** 2, lags=3)


@given(st.floats(1e-6, 1e6), st.integers(0, 50))
def test_the_unit_of_a_column_changes_its_coefficient_and_not_its_t(unit, seed):
    design, outcome = sample(seed, n=80, k=2)
    other = design.copy()
    other[:, 2] *= unit
    one, two = regress(design, outcome, lags=3), regress(other, outcome, lags=3)
    assert two.coefficient[2] * unit == pytest.approx(one.coefficient[2], rel=1e-6)
    np.testing.assert_allclose(two.t, one.t, rtol=1e-6)


def test_a_resample_that_draws_each_row_once_is_the_fit_and_one_that_repeats_rows_is_the_fit_on_them():
    design, outcome = sample(1, n=60, k=2)
    times = np.random.default_rng(0).integers(0, 4, 60)
    found = resampled_coefficients(design, outcome, np.vstack([np.ones(60), times]).astype(np.float64))
    rows = np.repeat(np.arange(60), times)
    np.testing.assert_allclose(found[0], regress(design, outcome, lags=0).coefficient, rtol=1e-8)
    np.testing.assert_allclose(found[1], regress(design[rows], outcome[rows], lags=0).coefficient, rtol=1e-8)


def test_a_resample_of_one_row_alone_tells_nothing():
    design, outcome = sample(2, n=30, k=1)
    alone = np.zeros((1, 30))
    alone[0, 4] = 30.0
    assert np.isnan(resampled_coefficients(design, outcome, alone)).all()


def test_what_cannot_be_fitted_is_refused_by_name():
    design, outcome = sample(0, n=40, k=1)
    with pytest.raises(InsufficientDataError, match="follows from the others"):
        regress(np.column_stack([design, design[:, 1] * 2.0]), outcome, lags=1)
    with pytest.raises(InsufficientDataError, match="zero throughout"):
        regress(np.column_stack([design, np.zeros(40)]), outcome, lags=1)
    with pytest.raises(InsufficientDataError, match="too few"):
        regress(design[:2], outcome[:2], lags=0)
    with pytest.raises(InputError, match="not a number"):
        regress(design, np.where(np.arange(40) == 3, np.nan, outcome), lags=0)
    with pytest.raises(InputError, match="lags"):
        regress(design, outcome, lags=-1)


def test_a_mean_without_variation_or_of_one_value_has_no_t():
    assert np.isnan(mean_t(np.array([1.0]), lags=0))
    assert np.isnan(mean_t(np.ones(10), lags=2))


def test_more_observations_allow_for_more_lags():
    assert [lags_for(n) for n in (50, 100, 1_000, 10_000)] == [3, 4, 6, 11]


def test_both_tails_are_twice_the_smaller_one():
    assert normal_p(1.3, two_sided=True) == pytest.approx(2.0 * normal_p(1.3, two_sided=False))
    assert normal_p(-1.3, two_sided=True) == normal_p(1.3, two_sided=True)
    assert np.isnan(normal_p(np.nan, two_sided=True))
