"""The expected range: a band of one deviation, and a probability that the past moves earned."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_gex.analytics.calibration import brier
from lightning_gex.analytics.expected_range import (
    BASE_WEIGHT_MOVES,
    LEAST_MOVES,
    RECALIBRATION_PRECISION,
    band_volatility,
    price_band,
    range_probability,
)
from lightning_gex.core.errors import InputError

N = 700


def walk(seed: int = 1, n: int = N, *, by_rank: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Closes whose deviation swings, a band that does not, the deviation as forecast, and ranks that may matter."""
    random = np.random.default_rng(seed)
    deviation = 0.01 * np.exp(0.6 * np.sin(np.arange(n) / 40.0))
    rank = random.uniform(-1.0, 1.0, n)
    moved = np.exp(by_rank * rank) * deviation
    close = 100.0 * np.exp(np.cumsum(np.r_[0.0, (moved * random.standard_normal(n))[:-1]]))
    annual = math.sqrt(252)
    return close, np.full(n, 0.012 * annual), deviation * annual, rank


def by_hand(
    close: np.ndarray, band: np.ndarray, forecast: np.ndarray, rank: np.ndarray, horizon: int, row: int
) -> float:
    """One row's probability, counted move by move; slow, and with its own arithmetic."""
    log_odds: dict[int, float] = {}
    coefficient, precision = np.zeros(2), RECALIBRATION_PRECISION * np.eye(2)
    scale = math.sqrt(horizon / 252)
    ratios: list[float] = []
    held: list[float] = []
    for i in range(row + 1):
        past = i - horizon
        if past >= 0:
            move = abs(math.log(close[i] / close[past]))
            held.append(float(move <= band[past] * scale))
            ratios.append(move / (forecast[past] * scale))
            if past in log_odds:
                x = np.array([1.0, rank[past]])
                p = 1 / (1 + math.exp(-(log_odds[past] + coefficient @ x)))
                precision += p * (1 - p) / horizon * np.outer(x, x)
                coefficient = coefficient + np.linalg.solve(precision, x * (held[-1] - p) / horizon)
        if len(ratios) >= LEAST_MOVES:
            base = (sum(held) + 0.5) / (len(held) + 1)
            below = sum(r <= band[i] / forecast[i] for r in ratios)
            share = (below / horizon + BASE_WEIGHT_MOVES * base) / (len(ratios) / horizon + BASE_WEIGHT_MOVES)
            log_odds[i] = math.log(share / (1 - share))
    return 1 / (1 + math.exp(-(log_odds[row] + coefficient @ np.array([1.0, rank[row]]))))


def test_the_band_is_one_deviation_to_either_side_in_logarithms() -> None:
    low, high = price_band(200.0, 0.24, 21)
    assert low * high == pytest.approx(200.0**2)
    assert math.log(high / 200.0) == pytest.approx(0.24 * math.sqrt(21 / 252))
    assert all(math.isnan(x) for x in price_band(200.0, math.nan, 5))


def test_vix_is_the_band_of_its_own_tickers_and_the_own_year_that_of_others() -> None:
    variance, vix = np.full(300, 1e-4), np.full(300, 32.0)
    vix[290] = np.nan
    own = band_volatility(variance, vix, vix_is_own=True)
    np.testing.assert_allclose(own[np.arange(300) != 290], 0.32)
    assert own[290] == pytest.approx(math.sqrt(252e-4))
    other = band_volatility(variance, vix)
    assert np.isnan(other[:251]).all()
    np.testing.assert_allclose(other[251:], math.sqrt(252e-4))


@pytest.mark.parametrize("horizon", [1, 5])
def test_the_probability_is_the_share_of_past_moves_recalibrated(horizon: int) -> None:
    close, band, forecast, rank = walk()
    found = range_probability(close, band, forecast, horizon_sessions=horizon, gex_rank=rank)
    for row in (300, N - 1):
        expected = by_hand(close, band, forecast, rank, horizon, row)
        assert found[row] == pytest.approx(expected, abs=0.006)  # moves are counted on a grid of 2 %


def test_it_follows_the_forecast_and_is_calibrated() -> None:
    close, band, forecast, _ = walk(3, 3_000)
    found = range_probability(close, band, forecast, horizon_sessions=1)
    held = np.abs(np.diff(np.log(close))) <= 0.012
    chance = found[:-1]
    known = ~np.isnan(chance)
    ratio = band[:-1] / forecast[:-1]
    assert np.corrcoef(ratio[known], chance[known])[0, 1] > 0.9
    base = np.full(known.sum(), held[known].mean())
    assert brier(chance[known], held[known]) < brier(base, held[known]) - 0.02
    for part in np.array_split(np.argsort(chance[known]), 5):
        assert abs(chance[known][part].mean() - held[known][part].mean()) < 0.06


def test_ranks_that_tell_more_than_the_forecast_are_learnt() -> None:
    close, band, forecast, rank = walk(4, 3_000, by_rank=-0.5)
    held = np.abs(np.diff(np.log(close))) <= 0.012
    scores = []
    for given_rank in (rank, None):
        chance = range_probability(close, band, forecast, horizon_sessions=1, gex_rank=given_rank)[:-1]
        known = ~np.isnan(chance)
        scores.append(brier(chance[known], held[known]))
    assert scores[0] < scores[1] - 0.005


@given(cut=st.integers(1, N), horizon=st.sampled_from([1, 3, 5, 21]), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_no_row_knows_what_came_after_it(cut: int, horizon: int, seed: int) -> None:
    close, band, forecast, rank = walk(seed)
    band[100:120], forecast[300:310], rank[350:400] = np.nan, np.nan, np.nan
    whole = range_probability(close, band, forecast, horizon_sessions=horizon, gex_rank=rank)
    parts = [x[:cut] for x in (close, band, forecast, rank)]
    past = range_probability(parts[0], parts[1], parts[2], horizon_sessions=horizon, gex_rank=parts[3])
    np.testing.assert_array_equal(past, whole[:cut])
    spoilt = [np.r_[x[:cut], 3.0 * x[cut:]] for x in (close, band, forecast, rank)]
    other = range_probability(spoilt[0], spoilt[1], spoilt[2], horizon_sessions=horizon, gex_rank=spoilt[3])
    np.testing.assert_array_equal(other[:cut], whole[:cut])


@given(st.integers(0, 200), st.integers(1, 21))
@settings(max_examples=20, deadline=None)
def test_it_is_a_probability_or_absent(seed: int, horizon: int) -> None:
    close, band, forecast, rank = walk(seed, 300)
    random = np.random.default_rng(seed)
    band[random.random(300) < 0.1] = np.nan
    forecast[random.random(300) < 0.1] = np.nan
    found = range_probability(close, band, forecast, horizon_sessions=horizon, gex_rank=rank)
    known = ~np.isnan(found)
    assert ((found[known] > 0.0) & (found[known] < 1.0)).all()
    assert not known[np.isnan(band) | np.isnan(forecast)].any()
    assert not known[: LEAST_MOVES + horizon - 1].any()


def test_a_price_that_never_moves_stays_inside_almost_surely() -> None:
    close = np.full(400, 50.0)
    found = range_probability(close, np.full(400, 0.2), np.full(400, 0.2), horizon_sessions=5)
    assert 0.97 < found[-1] < 1.0


def test_wrong_shapes_and_horizons_are_refused() -> None:
    close, band, forecast, rank = walk()
    with pytest.raises(InputError, match="forecast has not one value"):
        range_probability(close, band, forecast[1:], horizon_sessions=5, gex_rank=rank)
    with pytest.raises(InputError, match="at least one session"):
        range_probability(close, band, forecast, horizon_sessions=0)
    assert range_probability(close[:0], band[:0], forecast[:0], horizon_sessions=5).shape == (0,)
