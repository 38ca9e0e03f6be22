"""Walls, max pain, volatility at the money."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from builders_chain import black_scholes_price
from lightning_gex.analytics.levels import (
    ONE_SIGMA_PER_MEAN_MOVE,
    StraddleStatus,
    atm_implied_vol,
    atm_vol_kernel,
    constant_maturity_vol,
    expected_move_usd,
    max_pain,
    straddle_kernel,
    straddles,
    strike_ladder_kernel,
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
    assert wall(STRIKES, np.array([np.nan, 2.0, np.nan, 1.0, np.nan]), 100.0) == 95.0


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


def ladder_of(strike, starts):
    n = len(strike)
    ladder, at = np.full(n, 7.0), np.full(n, -1)
    count = strike_ladder_kernel(np.asarray(strike, dtype=float), np.asarray(starts), ladder, at, np.full(n, 5.0))
    return ladder[:count], at


@given(st.integers(0, 100_000), st.integers(0, 8), st.integers(0, 500))
def test_the_ladder_holds_every_strike_once_and_each_contract_knows_its_place(seed, series, first):
    rng = np.random.default_rng(seed)
    rows = [
        np.sort(rng.choice(np.arange(80.0, 120.0, rng.choice([0.5, 1.0, 2.5])), rng.integers(0, 30)))
        for _ in range(series)
    ]
    strike = np.concatenate([*rows, np.empty(0)])
    starts = first + np.cumsum([0, *(len(row) for row in rows)])
    unsound = rng.random(len(strike)) < 0.1
    ladder, at = ladder_of(np.where(unsound, np.nan, strike), starts)
    np.testing.assert_array_equal(ladder, np.unique(strike[~unsound]))
    np.testing.assert_array_equal(ladder[at[~unsound]], strike[~unsound])
    assert (at[unsound] == 0).all()


def test_volatility_at_the_money_skips_what_has_none():
    strike = np.array([90.0, 95.0, 95.0, np.nan, 100.0, 105.0])
    vol = np.array([0.4, np.nan, np.nan, 0.9, np.nan, 0.2])
    out = np.empty(1)
    atm_vol_kernel(strike, vol, np.array([10, 16]), np.array([97.5]), out)
    assert out[0] == pytest.approx(0.3)


def quotes(strikes, forward, discount, price):
    """Strike, is_call, bid, ask of a call and a put at every strike; ``price(K, call)`` is the undiscounted mid."""
    K = np.repeat(np.asarray(strikes, dtype=float), 2)
    call = np.arange(len(K)) % 2 == 0
    mid = discount * np.array([price(k, c) for k, c in zip(K, call, strict=True)])
    return K, call, 0.99 * mid, 1.01 * mid


def bachelier(forward, sigma):
    def price(k, call):
        z = (forward - k) / sigma
        value = (forward - k) * norm.cdf(z) + sigma * norm.pdf(z)
        return value if call else value - (forward - k)

    return price


@given(st.floats(80.0, 120.0), st.floats(1.0, 15.0), st.floats(0.8, 1.0), st.sampled_from([0.5, 1.0, 2.5, 5.0]))
def test_a_normal_market_gives_back_its_standard_deviation_whatever_the_strikes(forward, sigma, discount, spacing):
    strikes = np.arange(60.0, 141.0, spacing)
    chain = quotes(strikes, forward, discount, bachelier(forward, sigma))
    found = straddles(*chain, np.zeros(2 * len(strikes), int), np.array([forward]), np.array([discount]), 100.0)
    assert found.status[0] == StraddleStatus.OK
    # Close to the forward two terms of the series stand for the straddle: 2e-5.
    assert found.one_sigma_usd[0] == pytest.approx(sigma, rel=3e-5)
    assert found.mean_move_usd[0] == pytest.approx(sigma * math.sqrt(2 / math.pi), rel=3e-5)
    assert found.straddle_usd[0] == pytest.approx(discount * found.mean_move_usd[0], rel=1e-14)
    assert found.one_sigma[0] == pytest.approx(found.one_sigma_usd[0] / 100.0)
    assert found.mean_move[0] == pytest.approx(found.mean_move_usd[0] / 100.0)


def test_a_lognormal_market_gives_the_mean_move_computed_apart():
    # Black-Scholes, sigma 30 %, a quarter: E|S_T - F| = F (4 N(sigma sqrt T / 2) - 2).
    sigma, years, rate = 0.3, 0.25, 0.05
    discount = math.exp(-rate * years)
    forward = 100.0 * math.exp(rate * years)
    for spacing in (1.0, 2.5, 5.0):
        K = np.repeat(np.arange(70.0, 131.0, spacing), 2)
        call = np.arange(len(K)) % 2 == 0
        mid = black_scholes_price(100.0, K, years, sigma, rate, 0.0, call)
        found = straddles(K, call, mid, mid, np.zeros(len(K), int), np.array([forward]), np.array([discount]), 100.0)
        want = forward * (4 * norm.cdf(sigma * math.sqrt(years) / 2) - 2)
        assert found.mean_move_usd[0] == pytest.approx(want, rel=2e-4)


def test_far_strikes_are_turned_into_the_straddle_at_the_forward():
    # Two strikes only, each two standard deviations away: interpolating their straddles would say 10.
    forward, sigma = 100.0, 5.0
    price = bachelier(forward, sigma)
    chain = quotes([90.0, 110.0], forward, 1.0, price)
    found = straddles(*chain, np.zeros(4, int), np.array([forward]), np.ones(1), 100.0)
    want = brentq(
        lambda s: bachelier(forward, s)(90.0, True) + bachelier(forward, s)(90.0, False) - 2 * price(90.0, True) + 10.0,
        1,
        20,
    )
    assert want == pytest.approx(sigma)
    assert found.one_sigma_usd[0] == pytest.approx(sigma, rel=1e-9)


def test_the_mean_move_is_the_undiscounted_straddle_and_one_sigma_of_it_is_the_root_of_half_pi():
    assert pytest.approx(1.2533141373155003) == ONE_SIGMA_PER_MEAN_MOVE
    K, call, bid, ask = quotes([100.0], 100.0, 0.9, bachelier(100.0, 4.0))
    found = straddles(K, call, bid, ask, np.zeros(2, int), np.array([100.0]), np.array([0.9]), 50.0)
    assert found.straddle_usd[0] == pytest.approx(0.5 * (bid + ask).sum())
    assert found.mean_move[0] == pytest.approx(found.straddle_usd[0] / 0.9 / 50.0)


BROKEN = {
    "no bid": (lambda b, a: (0 * b, a), StraddleStatus.NO_PAIR),
    "crossed": (lambda b, a: (a + 0.01, b), StraddleStatus.NO_PAIR),
    "absent": (lambda b, a: (b * np.nan, a), StraddleStatus.NO_PAIR),
    "no offer": (lambda b, a: (b, a + np.inf), StraddleStatus.NO_PAIR),
    "locked": (lambda b, a: (0.5 * (a + b), 0.5 * (a + b)), StraddleStatus.OK),
}


@pytest.mark.parametrize("name", BROKEN)
def test_only_two_sided_uncrossed_quotes_make_a_straddle(name):
    change, status = BROKEN[name]
    K, call, bid, ask = quotes([95.0, 105.0], 100.0, 1.0, bachelier(100.0, 6.0))
    found = straddles(K, call, *change(bid, ask), np.zeros(4, int), np.array([100.0]), np.ones(1), 100.0)
    assert found.status[0] == status
    assert np.isfinite(found.straddle_usd[0]) == (status is StraddleStatus.OK)


def test_a_straddle_that_is_not_there_has_a_reason():
    K, call, bid, ask = quotes([95.0, 105.0], 100.0, 1.0, bachelier(100.0, 6.0))
    forward = np.array([90.0, np.nan, 100.0, -1.0])
    group = np.zeros(4, int)
    found = straddles(K, call, bid, ask, group, forward, np.ones(4), 100.0)
    reasons = [StraddleStatus(code) for code in found.status]
    assert reasons == [
        StraddleStatus.ONE_SIDED,
        StraddleStatus.NO_FORWARD,
        StraddleStatus.NO_PAIR,
        StraddleStatus.NO_FORWARD,
    ]
    assert np.isnan(found.straddle_usd).all()
    assert np.isnan(found.one_sigma).all()
    worthless = straddles(K, call, np.full(4, 2.0), np.full(4, 2.0), group, np.array([100.0]), np.ones(1), 100.0)
    assert worthless.status[0] == StraddleStatus.NO_TIME_VALUE  # four for a certain five


def test_a_strike_with_one_side_only_is_passed_over():
    K, call, bid, ask = quotes([90.0, 99.0, 101.0, 110.0], 100.0, 1.0, bachelier(100.0, 6.0))
    bid[3] = 0.0  # the put at 99
    found = straddles(K, call, bid, ask, np.zeros(8, int), np.array([100.0]), np.ones(1), 100.0)
    assert found.one_sigma_usd[0] == pytest.approx(6.0, rel=1e-4)


def test_of_several_rows_of_one_contract_the_tightest_counts():
    K, call, bid, ask = quotes([95.0, 105.0], 100.0, 1.0, bachelier(100.0, 6.0))
    K, call = np.r_[K, 95.0, 95.0], np.r_[call, True, False]
    bid, ask = np.r_[bid, 1.0, 0.1], np.r_[ask, 50.0, 9.0]
    found = straddles(K, call, bid, ask, np.zeros(6, int), np.array([100.0]), np.ones(1), 100.0)
    assert found.one_sigma_usd[0] == pytest.approx(6.0, rel=1e-4)


@given(st.integers(0, 100_000))
def test_straddles_do_not_depend_on_the_order_of_the_contracts(seed):
    rng = np.random.default_rng(seed)
    rows = [quotes(np.arange(80.0, 121.0, 5.0), 100.0, 0.97, bachelier(100.0, sigma)) for sigma in (2.0, 5.0, 9.0)]
    columns = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
    columns[2] = np.where(rng.random(len(columns[2])) < 0.2, 0.0, columns[2])
    group = np.repeat([0, 1, 2], len(columns[0]) // 3)
    forward, discount = np.array([100.0, 97.0, 103.3]), np.full(3, 0.97)
    found = straddles(*columns, group, forward, discount, 100.0)
    order = rng.permutation(len(group))
    mixed = straddles(*(column[order] for column in columns), group[order], forward, discount, 100.0)
    np.testing.assert_array_equal(mixed.straddle_usd, found.straddle_usd)
    np.testing.assert_array_equal(mixed.status, found.status)


def test_rows_without_a_strike_stand_anywhere_and_count_for_nothing():
    K, call, bid, ask = quotes([95.0, 105.0], 100.0, 1.0, bachelier(100.0, 6.0))
    want = straddles(K, call, bid, ask, np.zeros(4, int), np.array([100.0]), np.ones(1), 100.0).straddle_usd
    holes = [0, 1, 2, 3, 4]
    K, bid, ask = (np.insert(column, holes, value) for column, value in ((K, np.nan), (bid, 3.0), (ask, 3.0)))
    got, status = np.empty(1), np.empty(1, dtype=np.int8)
    straddle_kernel(
        K, np.insert(call, holes, True), bid, ask, np.array([0, 9]), np.array([100.0]), np.ones(1), got, status
    )
    np.testing.assert_array_equal(got, want)
