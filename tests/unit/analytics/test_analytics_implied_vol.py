"""Implied volatility: 60-digit golden values, round trips, named failures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from lightning_gex.analytics.implied_vol import ImpliedVolStatus, implied_vol

# price, forward, strike, years, discount, call, the volatility that gives exactly this float64 price. Both ways were
# computed with 60 digits (mpmath.findroot on the Black formula written with erfc), apart from this package.
GOLDEN = [
    (7.7266004317436225, 100.0, 100.0, 1.0, 0.97, True, 0.20000000000000000913),
    (0.06393655399938936, 100.0, 100.0, 0.00011415525114155251, 1.0, True, 0.14999999999999997991),
    (17.74754233462624, 7498.96, 7500.0, 0.0027397260273972603, 0.9998, False, 0.11000000000000000712),
    (20.54171896064359, 100.0, 80.0, 0.25, 0.99, True, 0.35000000000000017698),
    (39.24255788239985, 100.0, 60.0, 0.5, 0.98, True, 0.30000000000000219121),
    (49.76114824051232, 100.0, 150.0, 0.1, 0.995, False, 0.45000000000000514736),
    (0.00011707394589853372, 100.0, 200.0, 0.08, 0.999, True, 0.59999999999999997938),
    (0.00011061071292393062, 100.0, 99.5, 3.80517503805175e-06, 1.0, False, 0.90000000000000002083),
    (8.38588587542259, 4000.0, 2000.0, 2.0, 0.9, False, 0.2499999999999999973),
    (68.18850009303038, 100.0, 300.0, 3.0, 0.85, True, 1.8000000000000002081),
    (31.740398000757644, 100.0, 40.0, 5.0, 0.8, False, 2.4999999999999982896),
    (4.20199259367202e-12, 450.0, 455.0, 0.02, 0.998, True, 0.012000000000000000243),
    (93.6562729424085, 100.0, 130.0, 1.0, 0.95, True, 5.0000000000000022954),
]


def black(F, K, T, D, sigma, call):
    """Black (1976), the independent witness."""
    total = sigma * np.sqrt(T)
    d1 = np.log(F / K) / total + 0.5 * total
    d2 = d1 - total
    return D * np.where(call, F * ndtr(d1) - K * ndtr(d2), K * ndtr(-d2) - F * ndtr(-d1))


def vega(F, K, T, D, sigma):
    total = sigma * np.sqrt(T)
    d1 = np.log(F / K) / total + 0.5 * total
    return D * F * np.exp(-0.5 * d1**2) / np.sqrt(2 * np.pi) * np.sqrt(T)


@pytest.mark.parametrize("case", GOLDEN)
def test_volatility_matches_the_exact_inverse_of_the_price(case):
    *arguments, want = case
    sigma, status = implied_vol(*arguments)
    assert status[0] == ImpliedVolStatus.SOLVED
    assert sigma[0] == pytest.approx(want, abs=1e-12)


@given(
    st.floats(1.0, 8000.0),
    st.floats(-0.7, 0.7),
    st.floats(1e-4, 5.0),
    st.floats(0.7, 1.05),
    st.floats(0.02, 4.0),
    st.booleans(),
)
def test_a_price_made_from_a_volatility_gives_it_back(F, log_moneyness, T, D, sigma, call):
    K = F * np.exp(log_moneyness)
    out_of_the_money = call == (K >= F)
    target = float(black(F, K, T, D, sigma, call))
    slope = vega(F, K, T, D, sigma)
    solved, status = implied_vol(target, F, K, T, D, call)
    if slope > 1e-6 * F:
        # The witness rounds its price to a few 1e-16 of F, and each of that moves the volatility by 1 / vega.
        assert solved[0] == pytest.approx(sigma, abs=1e-12 + 2e-15 * F / slope)
    elif status[0] == ImpliedVolStatus.SOLVED:
        assert float(black(F, K, T, D, solved[0], call)) == pytest.approx(target, abs=1e-14 * (F + K))
    else:
        assert not out_of_the_money or target <= 1e-14 * F
        assert np.isnan(solved[0])


def test_the_same_volatility_comes_from_call_and_put_of_a_strike():
    F, D, T = 100.0, 0.97, 0.4
    K = np.linspace(70, 140, 29)
    calls, _ = implied_vol(black(F, K, T, D, 0.3, True), F, K, T, D, True)
    puts, _ = implied_vol(black(F, K, T, D, 0.3, False), F, K, T, D, False)
    np.testing.assert_allclose(calls, puts, atol=1e-11)


@pytest.mark.parametrize(
    ("price", "call", "want"),
    [
        (19.0, True, ImpliedVolStatus.BELOW_INTRINSIC),  # D (F - K) = 19.4
        (-0.5, False, ImpliedVolStatus.BELOW_INTRINSIC),
        (0.97 * 20.0, True, ImpliedVolStatus.NO_TIME_VALUE),
        (0.0, False, ImpliedVolStatus.NO_TIME_VALUE),
        (97.0, True, ImpliedVolStatus.ABOVE_BOUND),  # D F
        (77.7, False, ImpliedVolStatus.ABOVE_BOUND),  # above D K = 77.6
        (np.nan, True, ImpliedVolStatus.INVALID_INPUT),
        (np.inf, True, ImpliedVolStatus.INVALID_INPUT),
    ],
)
def test_a_price_without_a_volatility_is_a_named_failure(price, call, want):
    sigma, status = implied_vol(price, 100.0, 80.0, 0.5, 0.97, call)
    assert ImpliedVolStatus(status[0]) is want
    assert np.isnan(sigma[0])
    assert want.reason == f"implied_vol_{want.name.lower()}"


@pytest.mark.parametrize("position", [1, 2, 3, 4])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_senseless_terms_are_invalid_input(position, value):
    arguments = [5.0, 100.0, 100.0, 0.5, 0.97]
    arguments[position] = value
    sigma, status = implied_vol(*arguments, True)
    assert status[0] == ImpliedVolStatus.INVALID_INPUT
    assert np.isnan(sigma[0])


def test_no_nan_comes_in_silence_and_no_failure_brings_a_number():
    rng = np.random.default_rng(5)
    n = 4_000
    price = rng.choice([-1.0, 0.0, 1e-12, 0.01, 1.0, 20.0, 90.0, 1e4, np.nan], n) * rng.uniform(0.5, 1.5, n)
    sigma, status = implied_vol(
        price, 100.0, rng.uniform(20, 300, n), rng.uniform(1e-6, 5, n), 0.98, rng.random(n) < 0.5
    )
    np.testing.assert_array_equal(np.isfinite(sigma), status == ImpliedVolStatus.SOLVED)
    assert set(status) == {s.value for s in ImpliedVolStatus} - {ImpliedVolStatus.OUT_OF_RANGE}


def test_a_higher_price_never_has_a_lower_volatility():
    price = np.linspace(0.001, 90, 5_000)
    sigma, status = implied_vol(price, 100.0, 105.0, 0.7, 0.96, True)
    assert (status == ImpliedVolStatus.SOLVED).all()
    assert (np.diff(sigma) > 0).all()


def test_a_contracts_volatility_does_not_depend_on_its_position():
    K = np.linspace(60, 160, 97)
    price = black(100.0, K, 0.3, 0.99, 0.25, True)
    whole, _ = implied_vol(price, 100.0, K, 0.3, 0.99, True)
    part, _ = implied_vol(price[31:36], 100.0, K[31:36], 0.3, 0.99, True)
    np.testing.assert_array_equal(part, whole[31:36])
