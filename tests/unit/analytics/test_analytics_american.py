"""American options: golden prices, an independent tree, round trips, named failures."""

from __future__ import annotations

import numpy as np
import pytest
from american_trees import dividend_tree_price, tree_price
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.american import (
    AmericanVolStatus,
    american_price,
    early_exercise_premium,
    european_equivalent,
)
from lightning_gex.analytics.black_scholes import price as european_price
from lightning_gex.analytics.implied_vol import ImpliedVolStatus, implied_vol
from lightning_gex.core.errors import InputError

# spot, strike, days (of 365), volatility, rate, dividend yield, call, American price, European price. Computed with
# QuantLib 1.44: QdFpAmericanEngine with highPrecisionScheme, AnalyticEuropeanEngine. Its finite differences on a
# 2000 x 2000 grid agree with every one to 3e-5 of the strike.
GOLDEN = [
    (36.0, 40.0, 365, 0.2, 0.06, 0.0, False, 4.4866744190, 3.8443077916),
    (100.0, 100.0, 30, 0.25, 0.045, 0.012, False, 2.7368608995, 2.7187739574),
    (100.0, 100.0, 30, 0.25, 0.045, 0.012, True, 2.9893723069, 2.9893723069),
    (740.0, 800.0, 182, 0.14, 0.04, 0.012, False, 63.9737756017, 60.3253527986),
    (740.0, 690.0, 560, 0.2, 0.04, 0.012, True, 113.4580595284, 113.4580591537),
    (25.0, 20.0, 45, 1.1, 0.05, 0.35, True, 6.0003521951, 5.7650512873),
    (25.0, 30.0, 45, 1.1, 0.05, 0.35, False, 7.6870513356, 7.6870513276),
    (150.0, 120.0, 10, 0.45, 0.043, 0.0, False, 0.0036631206, 0.0036603302),
    (60.0, 90.0, 900, 0.8, 0.03, 0.03, True, 20.5822804658, 20.2658303766),
    (110.0, 100.0, 90, 0.08, 0.05, 0.0, False, 0.0044226197, 0.0042531729),
    (100.0, 130.0, 20, 0.3, 0.05, 0.0, False, 30.0, 29.6445327679),
    (95.0, 100.0, 730, 0.3, 0.07, -0.02, False, 12.8248337604, 10.3382100989),
    (100.0, 100.0, 365, 2.2, 0.04, 0.01, False, 70.4393876171, 69.6170220065),
    (50.0, 55.0, 250, 0.35, 0.002, 0.06, True, 3.1929436273, 3.0833726384),
    (100.0, 105.0, 7, 0.5, 0.045, 0.005, False, 5.9545087245, 5.9430593407),
]
TERMS = (
    st.floats(-2.5, 2.5),  # moneyness in standard deviations
    st.floats(2 / 365, 3.0),
    st.floats(0.05, 2.0),
    st.floats(0.0, 0.08),
    st.floats(-0.02, 0.4),
    st.booleans(),
)


def at_moneyness(deviations, T, sigma):
    """The strike so many standard deviations above a spot of 100."""
    return 100.0 * np.exp(deviations * sigma * np.sqrt(T))


@pytest.mark.parametrize("case", GOLDEN)
def test_price_and_premium_are_those_of_an_independent_library(case):
    S, K, days, sigma, r, q, call, american, european = case
    terms = (S, K, days / 365, sigma, r, q, call)
    assert american_price(*terms)[0] == pytest.approx(american, abs=3e-6 * K)
    assert early_exercise_premium(*terms)[0] == pytest.approx(american - european, abs=3e-6 * K)


@pytest.mark.parametrize("case", GOLDEN[::3])
def test_price_is_that_of_a_fine_tree(case):
    S, K, days, sigma, r, q, call, *_ = case
    assert american_price(S, K, days / 365, sigma, r, q, call)[0] == pytest.approx(
        tree_price(S, K, days / 365, sigma, r, q, call), abs=3e-5 * K
    )


@given(*TERMS)
def test_an_american_option_is_worth_the_european_at_least_and_exercising_it_now(deviations, T, sigma, r, q, call):
    K = at_moneyness(deviations, T, sigma)
    found = american_price(100.0, K, T, sigma, r, q, call)[0]
    now = 100.0 - K if call else K - 100.0
    scale = 100.0 if call else K
    assert found >= european_price(100.0, K, T, sigma, r, q, call)[0]
    assert found >= now - 1e-5 * scale
    assert found <= scale * max(1.0, np.exp(-(q if call else r) * T)) * (1 + 1e-5)


@given(*TERMS)
def test_a_call_is_the_put_with_spot_and_strike_rate_and_yield_exchanged(deviations, T, sigma, r, q, call):
    K = at_moneyness(deviations, T, sigma)
    premium = early_exercise_premium(100.0, K, T, sigma, r, q, call)
    mirrored = early_exercise_premium(K, 100.0, T, sigma, q, r, not call)
    np.testing.assert_allclose(premium, mirrored, rtol=1e-9, atol=1e-9)


@given(*TERMS)
def test_more_volatility_and_more_time_are_never_worth_less(deviations, T, sigma, r, q, call):
    K = at_moneyness(deviations, T, sigma)
    vols = american_price(100.0, K, T, sigma * np.linspace(1, 1.5, 20), r, q, call)
    times = american_price(100.0, K, T * np.linspace(1, 1.5, 20), sigma, r, q, call)
    scale = 100.0 if call else K
    assert (np.diff(vols) >= -1e-5 * scale).all()
    assert (np.diff(times) >= -1e-5 * scale).all()


@given(*TERMS)
def test_a_price_made_from_a_volatility_gives_it_back(deviations, T, sigma, r, q, call):
    K = at_moneyness(deviations, T, sigma)
    terms = (100.0, K, T, r, q, call)
    target = american_price(100.0, K, T, sigma, r, q, call)[0]
    solved, premium, status = european_equivalent(target, *terms)
    if status[0] == AmericanVolStatus.SOLVED:
        assert american_price(100.0, K, T, solved, r, q, call)[0] == pytest.approx(target, abs=2e-7 * K)
        assert premium[0] == pytest.approx(target - european_price(100.0, K, T, solved[0], r, q, call)[0], abs=1e-9 * K)
        held = target - max(100.0 - K if call else K - 100.0, 0.0)
        if held > 1e-3 * K:  # where the option lives, the volatility is well determined
            assert solved[0] == pytest.approx(sigma, rel=1e-4)
    else:
        assert np.isnan(solved[0])
        assert np.isnan(premium[0])
        assert target - max(100.0 - K if call else K - 100.0, 0.0) < 1e-4 * K


def test_the_european_formula_reads_too_much_volatility_from_a_quote_worth_exercising():
    target = american_price(100.0, 115.0, 0.5, 0.25, 0.05, 0.0, False)[0]
    naive, _ = implied_vol(target, 100.0 * np.exp(0.025), 115.0, 0.5, np.exp(-0.025), False)
    solved, premium, _ = european_equivalent(target, 100.0, 115.0, 0.5, 0.05, 0.0, False)
    assert solved[0] == pytest.approx(0.25, abs=1e-5)
    assert naive[0] > 0.28
    european = european_price(100.0, 115.0, 0.5, 0.25, 0.05, 0.0, False)[0]
    witness = tree_price(100.0, 115.0, 0.5, 0.25, 0.05, 0.0, False)
    assert premium[0] == pytest.approx(witness - european, abs=2e-3)
    assert premium[0] > 0.8


@pytest.mark.parametrize(
    ("r", "q", "call"), [(0.05, 0.0, True), (0.05, -0.01, True), (0.0, 0.0, False), (-0.01, 0.02, False)]
)
def test_where_early_exercise_never_pays_everything_is_european(r, q, call):
    K = np.linspace(70.0, 140.0, 15)
    assert (early_exercise_premium(100.0, K, 0.7, 0.3, r, q, call) == 0.0).all()
    prices = european_price(100.0, K, 0.7, 0.3, r, q, call)
    solved, premium, status = european_equivalent(prices, 100.0, K, 0.7, r, q, call)
    want, _ = implied_vol(prices, 100.0 * np.exp((r - q) * 0.7), K, 0.7, np.exp(-r * 0.7), call)
    assert (status == AmericanVolStatus.SOLVED).all()
    np.testing.assert_allclose(solved, want, rtol=1e-10)
    assert (premium == 0.0).all()


@pytest.mark.parametrize(
    ("price", "strike", "r", "q", "call", "want"),
    [
        (19.9, 120.0, 0.05, 0.0, False, AmericanVolStatus.BELOW_INTRINSIC),
        (20.0, 120.0, 0.05, 0.0, False, AmericanVolStatus.NO_TIME_VALUE),
        (-0.01, 80.0, 0.05, 0.0, False, AmericanVolStatus.BELOW_INTRINSIC),
        (0.0, 80.0, 0.05, 0.0, False, AmericanVolStatus.NO_TIME_VALUE),
        (120.0, 120.0, 0.05, 0.0, False, AmericanVolStatus.ABOVE_BOUND),
        (100.0, 120.0, 0.05, 0.08, True, AmericanVolStatus.ABOVE_BOUND),
        (np.nan, 120.0, 0.05, 0.0, False, AmericanVolStatus.INVALID_INPUT),
        (21.0, -1.0, 0.05, 0.0, False, AmericanVolStatus.INVALID_INPUT),
        (21.0, 120.0, np.nan, 0.0, False, AmericanVolStatus.INVALID_INPUT),
        (99.9, 100.0, 0.05, 0.0, False, AmericanVolStatus.OUT_OF_RANGE),
        (21.0, 120.0, -0.01, -0.02, False, AmericanVolStatus.TWO_BOUNDARIES),
        (21.0, 80.0, -0.02, -0.01, True, AmericanVolStatus.TWO_BOUNDARIES),
    ],
)
def test_a_price_without_a_volatility_is_a_named_failure(price, strike, r, q, call, want):
    sigma, premium, status = european_equivalent(price, 100.0, strike, 0.5, r, q, call)
    assert AmericanVolStatus(status[0]) is want
    assert np.isnan(sigma[0])
    assert np.isnan(premium[0])
    assert want.reason == f"implied_vol_{want.name.lower()}"


def test_statuses_shared_with_european_options_have_the_same_codes_and_words():
    for status in ImpliedVolStatus:
        assert AmericanVolStatus(status.value).reason == status.reason


@pytest.mark.parametrize("position", [0, 1, 2, 3])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_senseless_terms_have_no_premium(position, value):
    terms = [100.0, 100.0, 0.5, 0.2, 0.05, 0.0]
    terms[position] = value
    assert np.isnan(early_exercise_premium(*terms, False)[0])


def test_a_put_with_two_boundaries_has_no_premium_here():
    assert np.isnan(early_exercise_premium(100.0, 100.0, 0.5, 0.2, -0.01, -0.02, False)[0])
    assert np.isnan(early_exercise_premium(100.0, 100.0, 0.5, 0.2, -0.02, -0.01, True)[0])


def test_arguments_of_different_lengths_are_refused():
    with pytest.raises(InputError, match="shape"):
        european_equivalent(np.ones(3), 100.0, np.ones(2), 0.5, 0.05, 0.0, False)


def test_a_contracts_value_does_not_depend_on_its_neighbours_or_their_order():
    rng = np.random.default_rng(3)
    n = 500
    K = rng.uniform(60, 150, n)
    T = rng.choice([0.02, 0.3, 1.7], n)
    r, q = rng.choice([0.0, 0.04], n), rng.choice([-0.01, 0.0, 0.1], n)
    call = rng.random(n) < 0.5
    price = american_price(100.0, K, T, rng.uniform(0.1, 0.9, n), r, q, call) + rng.uniform(0.0, 0.5, n)
    whole = european_equivalent(price, 100.0, K, T, r, q, call)
    order = rng.permutation(n)
    mixed = european_equivalent(price[order], 100.0, K[order], T[order], r[order], q[order], call[order])
    for a, b in zip(whole, mixed, strict=True):
        np.testing.assert_array_equal(a[order], b)
    for i in range(0, n, 50):
        alone = european_equivalent(price[i], 100.0, K[i], T[i], r[i], q[i], call[i])
        for a, b in zip(whole, alone, strict=True):
            np.testing.assert_array_equal(a[i : i + 1], b)


def test_no_nan_comes_in_silence_and_no_failure_brings_a_number():
    rng = np.random.default_rng(5)
    n = 3_000
    price = rng.choice([-1.0, 0.0, 1e-12, 0.01, 1.0, 20.0, 90.0, 1e4, np.nan, np.inf], n) * rng.uniform(0.5, 1.5, n)
    sigma, premium, status = european_equivalent(
        price,
        100.0,
        rng.choice([1e-6, 20.0, 95.0, 105.0, 300.0, 1e9], n),
        rng.choice([1e-6, 0.01, 1.0, 30.0], n),
        rng.choice([-0.01, 0.0, 1e-9, 0.04, 0.2], n),
        rng.choice([-0.02, 0.0, 1e-9, 0.04, 1.0], n),
        rng.random(n) < 0.5,
    )
    np.testing.assert_array_equal(np.isfinite(sigma), status == AmericanVolStatus.SOLVED)
    np.testing.assert_array_equal(np.isfinite(premium), status == AmericanVolStatus.SOLVED)
    assert (premium[np.isfinite(premium)] >= 0).all()


def test_the_error_of_a_smooth_yield_for_one_dividend_stays_within_the_dividend():
    """What the module's limits say, measured: the premium of a call is wrong by a part of the dividend, never more."""
    S, T, sigma, r, dividend = 100.0, 0.25, 0.25, 0.045, 0.6
    q = -np.log(1 - dividend * np.exp(-r * T / 2) / S) / T
    for K in (80.0, 90.0, 100.0, 110.0):
        smooth = early_exercise_premium(S, K, T, sigma, r, q, True)[0]
        bare = S - dividend * np.exp(-r * T / 2)
        american = dividend_tree_price(S, K, T, sigma, r, [(T / 2, dividend)], True)
        lumpy = american - european_price(bare, K, T, sigma, r, 0.0, True)[0]
        assert abs(smooth - lumpy) < dividend
