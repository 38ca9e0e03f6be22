"""The forecast of volatility is the regression it claims to be, knows nothing of the future, and says what it lacks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_gex.analytics.volatility_forecast import (
    BASES,
    FORECAST_HORIZONS,
    LEAST_OUTCOMES,
    PENALTY_OUTCOMES,
    VolatilityForecast,
    forecast_true_range,
    forecast_volatility,
    log_mean_ahead,
    realised_variance,
)
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import sessions_between

N = 520
SESSIONS = sessions_between(np.datetime64("2015-01-02"), np.datetime64("2017-12-29"))[:N]
HAR, HAR_GEX, HAR_VIX, HAR_VIX_GEX, HAR_NINE_DAY, ALL = 1, 2, 3, 4, 5, 6


def moods(seed: int = 1, n: int = N, *, by_gex: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Variance with a memory, a VIX that sees it with noise, and ranks that move the next session's by ``by_gex``."""
    random = np.random.default_rng(seed)
    rank = np.clip(np.cumsum(random.normal(0.0, 0.3, n)) % 4.0 - 2.0, -1.0, 1.0)
    level = np.zeros(n)
    for i in range(1, n):
        level[i] = 0.95 * level[i - 1] + random.normal(0.0, 0.2)
    pushed = np.r_[0.0, by_gex * rank[:-1]]
    variance = np.exp(-9.5 + level + pushed + random.normal(0.0, 0.5, n))
    vix = 16.0 * np.exp(0.4 * level + random.normal(0.0, 0.05, n))
    return variance, vix, rank


def same(one: VolatilityForecast, other: VolatilityForecast, rows: slice = slice(None)) -> bool:
    return all(
        np.array_equal(getattr(one, name)[rows], getattr(other, name)[rows], equal_nan=name != "basis")
        for name in ("log_variance", "residual_variance", "basis")
    )


def mean_of(values: np.ndarray, window: int) -> np.ndarray:
    out = np.full(len(values), np.nan)
    out[window - 1 :] = np.lib.stride_tricks.sliding_window_view(values, window).mean(axis=1)
    return out


def by_hand(columns: list[np.ndarray], added: int, outcome: np.ndarray, lag: int, row: int) -> float:
    """One row's forecast by the normal equations of numpy: the fit of the latest first of a month."""
    design = np.column_stack(columns)
    month = SESSIONS.astype("datetime64[M]")
    begin = int(np.flatnonzero(month == month[row])[0])
    past = np.arange(begin - lag + 1)
    past = past[np.isfinite(design[past]).all(axis=1) & np.isfinite(outcome[past])]
    centre, scale = design[past].mean(axis=0), design[past].std(axis=0)
    z, y = (design[past] - centre) / scale, outcome[past] - outcome[past].mean()
    penalty = np.diag(np.r_[np.zeros(len(columns) - added), np.full(added, PENALTY_OUTCOMES * lag)])
    beta = np.linalg.solve(z.T @ z + penalty, z.T @ y)
    return float(outcome[past].mean() + (design[row] - centre) / scale @ beta)


def test_the_variance_of_a_session_is_its_gap_squared_and_garman_klass() -> None:
    open_, high, low, close = (np.array(x) for x in ([50.0, 52.0], [51.0, 53.0], [49.0, 51.5], [50.5, 52.5]))
    gap, spread, move = math.log(52.0 / 50.5), math.log(53.0 / 51.5), math.log(52.5 / 52.0)
    found = realised_variance(open_, high, low, close)
    assert math.isnan(found[0])
    assert found[1] == pytest.approx(gap**2 + spread**2 / 2 - 0.3862943611198906 * move**2, rel=1e-12)


@given(st.integers(0, 10_000), st.floats(1e-3, 1e4))
@settings(max_examples=30)
def test_a_variance_is_never_negative_and_does_not_depend_on_the_unit_of_price(seed: int, unit: float) -> None:
    random = np.random.default_rng(seed)
    prices = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.02, (40, 4)), axis=1))
    high, low = prices.max(axis=1), prices.min(axis=1)
    found = realised_variance(prices[:, 0], high, low, prices[:, 3])
    assert (found[1:] >= 0.0).all()
    scaled = realised_variance(unit * prices[:, 0], unit * high, unit * low, unit * prices[:, 3])
    np.testing.assert_allclose(scaled[1:], found[1:], rtol=1e-6, atol=1e-15)


@pytest.mark.parametrize("horizon", FORECAST_HORIZONS)
def test_har_is_least_squares_on_day_week_and_month(horizon: int) -> None:
    variance, _, _ = moods()
    log_variance = np.log(variance)
    found = forecast_volatility(SESSIONS, variance)
    columns = [log_variance, mean_of(log_variance, 5), mean_of(log_variance, 22)]
    outcome = log_mean_ahead(log_variance, horizon)
    for row in (400, 437, N - 1):
        expected = by_hand(columns, 0, outcome, horizon, row)
        k = FORECAST_HORIZONS.index(horizon)
        assert found.log_variance[row, k] == pytest.approx(expected, abs=1e-9)
        assert found.basis[row, k] == HAR


@pytest.mark.parametrize("horizon", [1, 5, 10])
def test_vix_is_free_and_its_past_the_nine_days_and_gex_carry_a_penalty(horizon: int) -> None:
    variance, vix, rank = moods(2)
    nine_day = vix * np.exp(np.random.default_rng(2).normal(0.0, 0.05, N))
    log_variance, implied = np.log(variance), np.log(vix**2 / 1e4 / 252)
    found = forecast_volatility(SESSIONS, variance, vix=vix, nine_day_vix=nine_day, gex_rank=rank)
    columns = [log_variance, mean_of(log_variance, 5), mean_of(log_variance, 22)]
    columns += [implied, mean_of(implied, 5), mean_of(implied, 22), np.log(nine_day / vix), rank]
    outcome = log_mean_ahead(log_variance, horizon)
    for row in (300, 440, N - 1):
        expected = by_hand(columns, 4, outcome, horizon, row)
        k = FORECAST_HORIZONS.index(horizon)
        assert found.log_variance[row, k] == pytest.approx(expected, abs=1e-9)
        assert found.basis[row, k] == ALL


def test_the_expected_variance_is_that_of_a_log_normal() -> None:
    found = VolatilityForecast(np.full((1, 4), -9.0), np.full((1, 4), 0.5), np.ones((1, 4), dtype=np.int8))
    np.testing.assert_allclose(found.variance, math.exp(-9.0 + 0.25))
    np.testing.assert_allclose(found.volatility, math.sqrt(252 * math.exp(-8.75)))


@given(cut=st.integers(30, N - 1), seed=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_no_row_knows_what_came_after_it(cut: int, seed: int) -> None:
    variance, vix, rank = moods(seed)
    vix[200:215] = np.nan  # a gap, so that poorer bases stand in
    columns = [variance, vix, vix * np.exp(0.1 * rank[::-1]), rank]

    def forecast(rows: slice, parts: list[np.ndarray]) -> VolatilityForecast:
        own, index, nine_day, gex = (part[rows] for part in parts)
        return forecast_volatility(SESSIONS[rows], own, vix=index, nine_day_vix=nine_day, gex_rank=gex)

    past, everything = slice(0, cut), slice(None)
    whole = forecast(everything, columns)
    assert same(forecast(past, columns), whole, past)
    poisoned = [np.r_[part[:cut], 7.0 * part[cut:][::-1]] for part in columns]
    assert same(forecast(everything, poisoned), whole, past)


def test_a_fit_waits_for_half_a_year_of_outcomes_and_for_a_dozen_that_do_not_overlap() -> None:
    variance, _, _ = moods()
    basis = forecast_volatility(SESSIONS, variance).basis
    first = [int(np.flatnonzero(basis[:, k])[0]) for k in range(4)]
    known = 21  # rows before the first month is full
    assert all(row >= known + LEAST_OUTCOMES + h - 1 for row, h in zip(first, FORECAST_HORIZONS, strict=True))
    assert first[3] >= known + 12 * 21
    assert max(first) < known + 12 * 21 + 21 + 23  # no more than the rest of a month later
    assert not forecast_volatility(SESSIONS[:100], variance[:100]).basis.any()


def test_what_is_absent_is_left_out_and_named() -> None:
    variance, vix, rank = moods()
    vix_gone, nine_day_gone, rank_gone = vix.copy(), 1.1 * vix, rank.copy()
    vix_gone[400:405] = np.nan
    nine_day_gone[450:460] = np.nan
    nine_day_gone[300:] *= np.exp(0.1 * rank[300:])
    rank_gone[460:] = np.nan
    found = forecast_volatility(SESSIONS, variance, vix=vix_gone, nine_day_vix=nine_day_gone, gex_rank=rank_gone)
    week = FORECAST_HORIZONS.index(5)
    assert found.basis[399, week] == ALL
    assert set(found.basis[400:426, week]) == {HAR_GEX}  # VIX's own month holds the gap
    assert found.basis[426, week] == ALL
    assert set(found.basis[450:460, week]) == {HAR_VIX_GEX}
    assert set(found.basis[460:, week]) == {HAR_NINE_DAY}
    assert set(found.basis[430:, FORECAST_HORIZONS.index(21)]) == {HAR_VIX}  # a month ahead neither has a say
    bare = forecast_volatility(SESSIONS, variance)
    without_vix = forecast_volatility(SESSIONS, variance, vix=np.full(N, np.nan), gex_rank=np.full(N, np.nan))
    assert same(bare, without_vix)
    assert [word in BASES[ALL] for word in ("HAR", "VIX", "VIX9D", "GEX")] == [True] * 4


def test_a_regressor_that_never_moves_or_repeats_another_changes_nothing() -> None:
    variance, _, _ = moods()
    har = forecast_volatility(SESSIONS, variance)
    still = forecast_volatility(SESSIONS, variance, vix=np.full(N, 20.0), gex_rank=np.full(N, 0.25))
    late = slice(400, None)
    np.testing.assert_allclose(still.log_variance[late], har.log_variance[late], atol=1e-9)
    flat = forecast_volatility(SESSIONS, np.full(N, 1e-4))
    np.testing.assert_allclose(flat.log_variance[late], math.log(1e-4), atol=1e-9)
    np.testing.assert_allclose(flat.residual_variance[late], 0.0, atol=1e-12)


def test_sessions_without_a_trade_count_as_the_least_variance() -> None:
    variance, _, _ = moods()
    variance[400:410] = 0.0
    found = forecast_volatility(SESSIONS, variance)
    assert np.isfinite(found.log_variance[400:]).all()


def test_a_planted_effect_of_gex_is_found_and_none_is_not_made_up() -> None:
    gains = {}
    for strength in (-0.6, 0.0):
        variance, vix, rank = moods(5, by_gex=strength)
        outcome = log_mean_ahead(np.log(variance), 1)
        errors = [
            np.nanmean((outcome - forecast_volatility(SESSIONS, variance, vix=vix, gex_rank=g).log_variance[:, 0]) ** 2)
            for g in (rank, None)
        ]
        gains[strength] = 1.0 - errors[0] / errors[1]
    assert gains[-0.6] > 0.15
    assert -0.03 < gains[0.0] < 0.03


def test_columns_of_another_length_are_refused_by_name() -> None:
    variance, vix, _ = moods()
    with pytest.raises(InputError, match="vix has not one value"):
        forecast_volatility(SESSIONS, variance, vix=vix[1:])
    with pytest.raises(InputError, match="variance has not one value"):
        forecast_volatility(SESSIONS, variance[1:])


def test_no_sessions_give_no_forecasts() -> None:
    empty = np.zeros(0)
    assert forecast_volatility(SESSIONS[:0], empty).log_variance.shape == (0, 4)


def test_the_true_range_to_expect_lies_between_atr_and_what_the_forecast_implies() -> None:
    n = 300
    close = np.full(n, 100.0)
    high, low, variance = close + 1.0, close - 1.0, np.full(n, 1e-4)
    atr = np.full(n, 2.0)
    calm = forecast_true_range(high, low, close, atr=atr, variance=variance, forecast=variance)
    np.testing.assert_allclose(calm[252:], 2.0)  # nothing changes: ATR it is
    stormy = forecast_true_range(high, low, close, atr=atr, variance=variance, forecast=4.0 * variance)
    np.testing.assert_allclose(stormy[252:], 2.0 * math.sqrt(2.0))  # the forecast implies 4: midway in logarithms
    assert np.isnan(calm[:252]).all()
    absent = forecast_true_range(high, low, close, atr=atr, variance=variance, forecast=np.full(n, np.nan))
    assert np.isnan(absent).all()
