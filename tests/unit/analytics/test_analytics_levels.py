"""Walls, max pain, volatility at the money."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.levels import (
    atm_implied_vol,
    constant_maturity_vol,
    expected_move_usd,
    max_pain,
    wall,
)

STRIKES = np.array([90.0, 95.0, 100.0, 105.0, 110.0])


def test_a_wall_is_the_largest_exposure_of_either_sign():
    assert wall(STRIKES, np.array([1.0, -7.0, 3.0, 2.0, 6.0]), 100.0) == 95.0


def test_of_equal_walls_the_nearest_to_spot_counts_then_the_lower():
    assert wall(STRIKES, np.array([5.0, 0.0, 0.0, 5.0, 0.0]), 101.0) == 105.0
    assert wall(STRIKES, np.array([0.0, 5.0, 0.0, 5.0, 0.0]), 100.0) == 95.0


def test_no_exposure_is_no_wall():
    assert math.isnan(wall(STRIKES, np.zeros(5), 100.0))
    assert math.isnan(wall(np.empty(0), np.empty(0), 100.0))


@given(st.integers(0, 100_000), st.integers(1, 40))
def test_max_pain_is_the_strike_of_least_total_intrinsic_value(seed, n):
    rng = np.random.default_rng(seed)
    strike = rng.integers(80, 120, n).astype(float)
    call = rng.random(n) < 0.5
    interest, multiplier = rng.integers(0, 500, n).astype(float), rng.choice([100.0, 10.0], n)
    found = max_pain(strike, call, interest, multiplier, 100.0)
    if not interest.any():
        assert math.isnan(found)
        return
    levels = np.unique(strike)
    paid = [
        np.sum(interest * multiplier * np.where(call, np.maximum(s - strike, 0), np.maximum(strike - s, 0)))
        for s in levels
    ]
    assert found in levels
    assert paid[int(np.flatnonzero(levels == found)[0])] == pytest.approx(min(paid), abs=1e-6)


def test_max_pain_by_hand():
    # 10 calls at 95 and 10 puts at 105: settlement at 95, 100, 105 pays 100, 100, 100; with 1 more call at 95 the
    # lowest strike is the cheapest.
    strike, call = np.array([95.0, 105.0, 100.0]), np.array([True, False, True])
    assert max_pain(strike, call, np.array([11.0, 10.0, 0.0]), np.full(3, 100.0), 100.0) == 95.0
    assert max_pain(strike, call, np.array([10.0, 10.0, 0.0]), np.full(3, 100.0), 100.0) == 100.0  # nearest of equals


def test_volatility_at_the_money_is_read_at_the_forward_between_its_strikes():
    strike = np.array([90.0, 90.0, 110.0, 110.0, 100.0])
    vol = np.array([0.30, 0.32, 0.20, 0.22, 0.5])
    group = np.array([0, 0, 0, 0, 1])
    out = atm_implied_vol(strike, vol, group, np.array([95.0, 99.0]))
    assert out[0] == pytest.approx(0.31 + (0.21 - 0.31) * 0.25)
    assert np.isnan(out[1])  # no strike on the forward's lower side


def test_volatility_of_a_horizon_interpolates_total_variance():
    years, vol = np.array([20.0, 40.0]) / 365, np.array([0.2, 0.3])
    want = math.sqrt((0.04 * 20 + 0.09 * 40) / 2 / 30)
    assert constant_maturity_vol(years, vol) == pytest.approx(want)
    assert constant_maturity_vol(years[::-1].copy(), vol[::-1].copy()) == pytest.approx(want)
    assert constant_maturity_vol(years[:1], vol[:1]) == pytest.approx(0.2)  # one expiry: its own
    assert math.isnan(constant_maturity_vol(years, np.array([np.nan, np.nan])))


def test_expected_move_is_one_standard_deviation():
    assert expected_move_usd(5000.0, 0.16, 1 / 252) == pytest.approx(50.395, abs=1e-3)
    assert math.isnan(expected_move_usd(5000.0, math.nan, 1 / 252))
