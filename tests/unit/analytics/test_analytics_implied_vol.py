"""Implied volatility: 60-digit golden values, round trips, named failures."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from lightning_gex.analytics import implied_vol as module
from lightning_gex.analytics.implied_vol import ImpliedVolStatus, implied_vol, implied_vol_kernel
from witness_black_scholes import many_digit_price

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


def wild_market(n, seed=4):
    """Contracts from a second to ten years, at and far from the money, total volatility 1e-6 to 16, exact prices."""
    rng = np.random.default_rng(seed)
    k = np.where(rng.random(n) < 0.1, 0.0, 10 ** rng.uniform(-8, 0.75, n)) * rng.choice([-1, 1], n)
    T, total = 10 ** rng.uniform(-7.5, 1, n), 10 ** rng.uniform(-6, 1.2, n)
    F, sigma = 10 ** rng.uniform(0, 4, n), total / np.sqrt(T)
    K, D = F * np.exp(k), rng.uniform(0.7, 1.05, n)
    call = K >= F  # out of the money: the price then holds the volatility's digits
    with mpmath.workdps(50):
        P = [
            float(d * many_digit_price(*map(mpmath.mpf, (f, strike, t, s, 0.0, 0.0)), bool(c)))
            for f, strike, t, s, d, c in zip(F, K, T, sigma, D, call, strict=True)
        ]
    return np.array(P), F, K, T, D, call, sigma


def test_volatility_keeps_its_digits_over_the_whole_range_of_markets():
    P, F, K, T, D, call, sigma = wild_market(1_500)
    found, status = implied_vol(P, F, K, T, D, call)
    room = D * np.where(call, F, K) - P
    sound = (P > 1e-280 * F) & (room > 1e-3 * P)  # beyond these the float64 price has lost the digits
    assert sound.mean() > 0.6
    assert (status[sound] == ImpliedVolStatus.SOLVED).all()
    np.testing.assert_allclose(found[sound], sigma[sound], rtol=1e-14)


def test_a_contracts_volatility_does_not_depend_on_its_position_or_its_neighbours():
    # Among them contracts that need one more step than most, and some without an answer.
    P, F, K, T, D, call, _ = wild_market(303, seed=9)
    P[::17] = np.nan
    whole = implied_vol(P, F, K, T, D, call)
    for start, stop in ((0, 1), (0, 7), (5, 13), (3, 12), (40, 303), (302, 303), (256, 290), (0, 257)):
        cut = slice(start, stop)
        part = implied_vol(P[cut], F[cut], K[cut], T[cut], D[cut], call[cut])
        np.testing.assert_array_equal(part[0], whole[0][cut])
        np.testing.assert_array_equal(part[1], whole[1][cut])


def test_the_search_for_a_single_contract_finds_what_the_lanes_find():
    # No contract is known to need it; it stands behind the lanes for one that might.
    P, F, K, T, D, call, sigma = wild_market(300, seed=2)
    scale = D * np.sqrt(F * K)
    of_price = D * np.where(call, F, K) - P >= P
    part = np.where(of_price, P, D * np.where(call, F, K) - P) / scale
    for i in np.flatnonzero((part > 1e-280) & of_price)[:100]:
        total = module._search(abs(np.log(F[i] / K[i])), np.log(part[i]), True)
        assert total == pytest.approx(sigma[i] * np.sqrt(T[i]), rel=1e-9)
    for i in np.flatnonzero((part > 1e-3) & ~of_price)[:100]:
        total = module._search(abs(np.log(F[i] / K[i])), np.log(part[i]), False)
        assert total == pytest.approx(sigma[i] * np.sqrt(T[i]), rel=1e-9)


def test_compiled_callers_get_the_same_answers_in_their_own_columns():
    P, F, K, T, D, call, _ = wild_market(20, seed=3)
    sigma, status = np.full(20, -1.0), np.full(20, -1, dtype=np.int8)
    implied_vol_kernel(P, F, K, T, D, call, sigma, status)
    want = implied_vol(P, F, K, T, D, call)
    np.testing.assert_array_equal(sigma, want[0])
    np.testing.assert_array_equal(status, want[1])


def test_no_contracts_give_empty_columns():
    sigma, status = implied_vol(np.empty(0), 100.0, 100.0, 1.0, 1.0, True)
    assert sigma.shape == status.shape == (0,)
