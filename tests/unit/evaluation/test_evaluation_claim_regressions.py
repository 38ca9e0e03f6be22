"""Slopes of claims: a planted one is found at its size, and what rests on the day after stays so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from claim_samples import SESSIONS, bars_of, data, hypothesis, measured, path, rank
from scipy.stats import norm

from lightning_gex.analytics.robust_regression import lags_for, regress
from lightning_gex.evaluation.claim_data import HalfHours
from lightning_gex.evaluation.claim_measures import TooLittle, Trial
from lightning_gex.evaluation.claim_regressions import (
    autocorrelation_by_sign,
    last_half_hour_by_rank,
    log_mse_gain,
    variance_coefficient,
)

EVERY = np.ones(SESSIONS, dtype=np.bool_)


def with_variance_after(feature: np.ndarray, slope: float, seed: int = 0):
    """Data whose next session's log variance moves with the feature."""
    prices, _ = path(seed)
    noise = 0.5 * np.random.default_rng(seed).standard_normal(SESSIONS)
    variance = np.full(SESSIONS, np.nan)
    variance[1:] = 1e-4 * np.exp(slope * feature[:-1] + noise[1:])
    random = np.random.default_rng(seed + 1)
    vix = 16.0 * np.exp(0.1 * random.standard_normal(SESSIONS))
    return replace(data(bars_of(prices), features={"gex": feature}), variance=variance, vix=vix)


def test_a_planted_slope_of_variance_is_found_at_its_size():
    found = measured(with_variance_after(rank(5), -0.4), "gamma_lowers_variance")
    assert found.effect == pytest.approx(-0.4, abs=4.0 * found.figures["standard_error"])
    assert found.interval[0] < found.effect < found.interval[1] < -0.2
    assert found.figures["t"] < -5
    assert [p.value for p in found.points] == sorted((p.value for p in found.points), reverse=True)


def test_the_larger_of_both_standard_errors_is_behind_the_p_value():
    for seed in range(4):
        found = measured(with_variance_after(rank(seed, persistence=0.97), -0.1, seed), "gamma_lowers_variance")
        error = max(found.figures["standard_error"], found.figures["bootstrap_error"])
        assert found.p_value == pytest.approx(2.0 * norm.sf(abs(found.effect) / error))
        assert found.critical == pytest.approx(norm.ppf(0.975) * error)


def test_no_slope_of_variance_is_none():
    found = measured(with_variance_after(rank(5), 0.0), "gamma_lowers_variance")
    assert found.interval[0] < 0 < found.interval[1]
    assert found.p_value > 0.05


def test_the_feature_of_a_session_stands_beside_the_variance_of_the_next_one():
    claims = with_variance_after(rank(6), -0.4)
    found = measured(claims, "gamma_lowers_variance")
    rows = np.searchsorted(claims.session, found.observations.session)
    np.testing.assert_array_equal(found.observations.feature, claims.features["gex"][rows])
    np.testing.assert_allclose(found.observations.outcome, np.log(claims.variance[rows + 1]))
    assert rows.max() == SESSIONS - 2


def test_moves_and_returns_are_regressed_as_said():
    prices, close = path(9)
    claims = data(bars_of(prices, "AAA"), features={"gex": rank(1), "vix_fall": rank(2)})
    claims = replace(claims, vix=16.0 + 4.0 * rank(3))
    found = measured(claims, "gamma_shrinks_moves")
    outcome = np.abs(np.log(close[1:] / close[:-1])) * 1e4
    design = np.column_stack([np.ones(SESSIONS - 1), claims.vix[:-1], claims.features["gex"][:-1]])
    expected = regress(design, outcome, lags=lags_for(SESSIONS - 1))
    assert found.effect == pytest.approx(expected.coefficient[-1])
    assert found.figures["t"] == pytest.approx(expected.t[-1])
    found = measured(claims, "falling_vix_lifts")
    back = np.full(SESSIONS, np.nan)
    back[:-5] = np.log(close[5:] / close[:-5])
    rows = np.flatnonzero(np.isfinite(back))
    design = np.column_stack([np.ones(len(rows)), claims.features["vix_fall"][rows]])
    expected = regress(design, back[rows] * 1e4, lags=lags_for(len(rows)) + 4)
    assert found.effect == pytest.approx(expected.coefficient[-1])


def test_a_rank_that_forecasts_variance_removes_loss_and_one_that_knows_nothing_does_not():
    for statistic in ("gamma_improves_log_mse", "gamma_improves_qlike"):
        useful = measured(with_variance_after(rank(5), -0.8), statistic)
        useless = measured(with_variance_after(rank(5), 0.0), statistic)
        assert useful.effect > 0.1
        assert useful.p_value < 0.001
        assert useful.figures["clark_west_t"] > 3
        assert useless.effect < 0.02
        assert useless.p_value > 0.01


def test_a_walk_forward_gain_is_only_of_horizons_that_are_forecast():
    claims = with_variance_after(rank(5), 0.0)
    tested = replace(hypothesis("gamma_improves_log_mse"), horizon_sessions=7)
    assert isinstance(log_mse_gain(Trial(claims, tested, EVERY)), TooLittle)


def with_reversal(state: np.ndarray, slope_of):
    """Closes whose move follows the one before with a slope that the state before decides."""
    random = np.random.default_rng(4)
    moves = random.standard_normal(SESSIONS) * 0.01
    for i in range(1, SESSIONS):
        moves[i] += slope_of(state[i - 1]) * moves[i - 1]
    close = 1_000.0 * np.exp(np.cumsum(moves))
    return bars_of(np.column_stack([close, close]))


def test_reversal_after_much_gamma_and_trend_after_little_is_found():
    state = rank(8, persistence=0.5)
    claims = data(with_reversal(state, lambda s: -0.5 * s), features={"gex": state}, gamma=state * 1e9)
    by_rank = measured(claims, "gamma_reverses")
    assert by_rank.effect == pytest.approx(-0.5, abs=4.0 * by_rank.figures["standard_error"])
    assert by_rank.p_value < 0.001
    by_sign = measured(claims, "short_gamma_trends")
    assert by_sign.effect > 0.2
    assert by_sign.figures["slope_below_zero"] > 0 > by_sign.figures["slope_above_zero"]
    assert [p.label for p in by_sign.points] == ["above zero", "below zero"]


def test_too_few_sessions_below_zero_are_not_compared():
    prices, _ = path(1)
    gamma = np.where(np.arange(SESSIONS) < 40, -1.0, 1.0)
    claims = data(bars_of(prices), features={"gex": rank(1)}, gamma=gamma)
    found = autocorrelation_by_sign(Trial(claims, hypothesis("short_gamma_trends"), EVERY))
    assert isinstance(found, TooLittle)
    assert "rarer side" in found.reason


def test_the_last_half_hour_goes_on_with_the_day_as_gamma_before_it_says():
    random, state = np.random.default_rng(2), rank(3)
    until = 0.01 * random.standard_normal(SESSIONS)
    before = np.r_[np.nan, state[:-1]]
    after = (0.1 - 0.2 * before) * until + 0.002 * random.standard_normal(SESSIONS)
    prices, _ = path(1)
    claims = data(bars_of(prices), features={"gex": state}, half_hours=HalfHours(until, after))
    found = measured(claims, "gamma_turns_last_half_hour")
    assert found.effect == pytest.approx(-0.2, abs=4.0 * found.figures["standard_error"])
    assert found.p_value < 1e-6
    nothing = replace(claims, half_hours=None)
    missing = last_half_hour_by_rank(Trial(nothing, hypothesis("gamma_turns_last_half_hour"), EVERY))
    assert isinstance(missing, TooLittle)


def test_a_feature_that_never_changes_tells_nothing():
    claims = with_variance_after(np.zeros(SESSIONS), 0.0)
    found = variance_coefficient(Trial(claims, hypothesis("gamma_lowers_variance"), EVERY))
    assert isinstance(found, TooLittle)
