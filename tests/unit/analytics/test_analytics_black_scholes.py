"""Prices and Greeks: published examples, derivatives, a witness in many digits, parity, independence of position."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erfc

from lightning_gex.analytics.black_scholes import greeks, higher_greeks, price
from lightning_gex.analytics.black_scholes_reference import (
    greeks_reference,
    higher_greeks_reference,
    price_reference,
)
from lightning_gex.core.errors import InputError
from witness_black_scholes import many_digit_column, many_digit_price

GREEKS = ("delta", "gamma", "vega", "theta", "vanna", "charm")
HIGHER = ("vomma", "speed", "zomma", "color")


def book(n, seed=3):
    rng = np.random.default_rng(seed)
    return (
        rng.uniform(50, 200, n),
        rng.uniform(50, 200, n),
        rng.uniform(1e-3, 3, n),
        rng.uniform(0.05, 1, n),
        rng.uniform(-0.02, 0.08, n),
        rng.uniform(0, 0.05, n),
        rng.random(n) < 0.5,
    )


def n_complex(x):
    return 0.5 * erfc(-x / np.sqrt(2.0))


def price_complex(S, K, T, sigma, r, q, call):
    """The textbook price for complex arguments, so that one argument can take an imaginary step."""
    d1 = (np.log(S / K) + (r - q + 0.5 * sigma**2) * T) / (sigma * np.sqrt(T))
    d2 = d1 - sigma * np.sqrt(T)
    if call:
        return S * np.exp(-q * T) * n_complex(d1) - K * np.exp(-r * T) * n_complex(d2)
    return K * np.exp(-r * T) * n_complex(-d2) - S * np.exp(-q * T) * n_complex(-d1)


def delta_complex(S, K, T, sigma, r, q, call):
    d1 = (np.log(S / K) + (r - q + 0.5 * sigma**2) * T) / (sigma * np.sqrt(T))
    return np.exp(-q * T) * (n_complex(d1) if call else -n_complex(-d1))


def gamma_complex(S, K, T, sigma, r, q):
    d1 = (np.log(S / K) + (r - q + 0.5 * sigma**2) * T) / (sigma * np.sqrt(T))
    return np.exp(-q * T - 0.5 * d1**2) / np.sqrt(2 * np.pi) / (S * sigma * np.sqrt(T))


STEP = 1e-150j  # exact to rounding: nothing is subtracted (Squire & Trapp, SIAM Review 40 (1998) 110-112)
contract = st.tuples(
    st.floats(20.0, 400.0),
    st.floats(0.5, 2.0),
    st.floats(1e-3, 4.0),
    st.floats(0.03, 2.0),
    st.floats(-0.05, 0.15),
    st.floats(-0.05, 0.15),
    st.booleans(),
).map(lambda t: (t[0], t[0] * t[1], *t[2:]))


@given(contract)
def test_every_greek_is_the_derivative_it_is_named_after(c):
    S, K, T, sigma, r, q, call = c
    g = greeks(*c)
    h = STEP.imag
    scale = 1.0 / (sigma * np.sqrt(T))  # how fast things change here
    want = {
        "delta": (price_complex(S + STEP, K, T, sigma, r, q, call).imag / h, 1.0),
        "vega": (price_complex(S, K, T, sigma + STEP, r, q, call).imag / h, S * np.sqrt(T)),
        "theta": (
            -price_complex(S, K, T + STEP, sigma, r, q, call).imag / h,
            S * (sigma / np.sqrt(T) + abs(r) + abs(q)),
        ),
        "gamma": (delta_complex(S + STEP, K, T, sigma, r, q, call).imag / h, scale / S),
        "vanna": (delta_complex(S, K, T, sigma + STEP, r, q, call).imag / h, (1 + scale) / sigma),
        "charm": (-delta_complex(S, K, T + STEP, sigma, r, q, call).imag / h, (1 + scale) * (1 / T + abs(r) + abs(q))),
    }
    for name, (value, size) in want.items():
        assert getattr(g, name)[0] == pytest.approx(value, abs=2e-13 * size), name


@given(contract)
def test_every_higher_greek_is_the_derivative_it_is_named_after(c):
    S, K, T, sigma, r, q, _ = c
    g = higher_greeks(S, K, T, sigma, r, q)
    h = STEP.imag
    scale = 1.0 / (sigma * np.sqrt(T))
    gamma = scale / S  # the size of gamma at its peak
    by_vol = gamma_complex(S, K, T, sigma + STEP, r, q)
    vega = by_vol * S**2 * (sigma + STEP) * T  # gamma and vega are one density
    want = {
        "vomma": (vega.imag / h, S * np.sqrt(T) / sigma),
        "speed": (gamma_complex(S + STEP, K, T, sigma, r, q).imag / h, gamma * (1 + scale) / S),
        "zomma": (by_vol.imag / h, gamma * (1 + scale) / sigma),
        "color": (
            -gamma_complex(S, K, T + STEP, sigma, r, q).imag / h,
            gamma * (1 + scale) * (1 / T + abs(r) + abs(q)),
        ),
    }
    for name, (value, size) in want.items():
        assert getattr(g, name)[0] == pytest.approx(value, abs=1e-12 * size), name


def chain_of_every_kind(n=48, seed=11):
    """An index chain from one minute to three years before expiry, strikes where the Greeks are."""
    rng = np.random.default_rng(seed)
    T = np.repeat([1 / 525_600, 1 / 8_760, 1 / 52, 3.0], n // 4)
    vol = rng.uniform(0.08, 0.8, n)
    K = 6_011.48 * np.exp(rng.normal(0, 1.2, n) * vol * np.sqrt(T))
    return np.full(n, 6_011.48), K, T, vol, 0.05 - 0.01 * T, 0.013 + 0.001 * T, rng.random(n) < 0.5


@pytest.mark.parametrize("name", GREEKS + HIGHER)
def test_every_greek_is_within_1e_12_of_the_columns_maximum_of_a_witness_in_many_digits(name):
    arguments = chain_of_every_kind()
    ours = greeks(*arguments) if name in GREEKS else higher_greeks(*arguments[:6])
    witness = many_digit_column(name, *arguments)
    assert np.abs(getattr(ours, name) - witness).max() <= 1e-14 * np.abs(witness).max()


def test_speed_zomma_and_color_have_the_signs_of_a_peak():
    # At the forward gamma is a peak: it falls with spot beyond it, with volatility, and grows as expiry nears.
    g = higher_greeks(np.array([95.0, 105.0, 100.0]), 100.0, 0.25, 0.2, 0.0, 0.0)
    assert g.speed[0] > 0 > g.speed[1]
    assert g.zomma[2] < 0 < g.color[2]


def test_call_of_hull_example_15_6_costs_4_76_and_the_put_0_81():
    assert price(42.0, 40.0, 0.5, 0.2, 0.1, 0.0, True)[0] == pytest.approx(4.76, abs=0.005)
    assert price(42.0, 40.0, 0.5, 0.2, 0.1, 0.0, False)[0] == pytest.approx(0.81, abs=0.005)


def test_index_call_of_hull_example_17_1_costs_51_83():
    assert price(930.0, 900.0, 2 / 12, 0.2, 0.08, 0.03, True)[0] == pytest.approx(51.83, abs=0.005)


def test_greeks_of_hull_chapter_19_example_call():
    # Hull, 10th ed., sections 19.4 to 19.8: S 49, K 50, r 5 %, sigma 20 %, 20 weeks.
    g = greeks(49.0, 50.0, 0.3846, 0.2, 0.05, 0.0, True)
    assert g.delta[0] == pytest.approx(0.522, abs=5e-4)
    assert g.theta[0] == pytest.approx(-4.31, abs=5e-3)
    assert g.gamma[0] == pytest.approx(0.066, abs=5e-4)
    assert g.vega[0] == pytest.approx(12.1, abs=0.05)


@pytest.mark.parametrize("n", [1, 1_000, 10_007])
def test_compiled_greeks_equal_the_readable_reference(n):
    arguments = book(n)
    ours, reference = greeks(*arguments), greeks_reference(*arguments)
    for name in GREEKS:
        a, b = getattr(ours, name), getattr(reference, name)
        assert np.abs(a - b).max() <= 1e-12 * np.abs(b).max(), name


@pytest.mark.parametrize("n", [1, 1_000, 10_007])
def test_compiled_higher_greeks_equal_the_readable_reference(n):
    arguments = book(n)[:6]
    ours, reference = higher_greeks(*arguments), higher_greeks_reference(*arguments)
    for name in HIGHER:
        a, b = getattr(ours, name), getattr(reference, name)
        assert np.abs(a - b).max() <= 1e-12 * np.abs(b).max(), name


def test_compiled_price_equals_the_readable_reference():
    arguments = book(5_000)
    np.testing.assert_allclose(price(*arguments), price_reference(*arguments), atol=1e-12 * 200)


@given(contract)
def test_put_call_parity_of_price_delta_theta_and_charm(c):
    S, K, T, sigma, r, q, _ = c
    call, put = (S, K, T, sigma, r, q, True), (S, K, T, sigma, r, q, False)
    share, bill = np.exp(-q * T), np.exp(-r * T)
    assert price(*call)[0] - price(*put)[0] == pytest.approx(S * share - K * bill, abs=1e-12 * (S + K))
    g, h = greeks(*call), greeks(*put)
    assert g.delta[0] - h.delta[0] == pytest.approx(share, abs=1e-13)
    assert g.theta[0] - h.theta[0] == pytest.approx(q * S * share - r * K * bill, abs=1e-11 * S)
    assert g.charm[0] - h.charm[0] == pytest.approx(q * share, abs=1e-12 * (1 + abs(g.charm[0])))
    for name in ("gamma", "vega", "vanna"):
        assert getattr(g, name)[0] == pytest.approx(getattr(h, name)[0], rel=1e-12, abs=1e-300)


@given(contract, st.floats(0.01, 100.0))
def test_a_chain_in_another_currency_has_the_same_delta_and_scaled_gamma(c, factor):
    S, K, *rest = c
    g, h = greeks(S, K, *rest), greeks(factor * S, factor * K, *rest)
    assert h.delta[0] == pytest.approx(g.delta[0], abs=1e-12)
    assert h.gamma[0] * factor == pytest.approx(g.gamma[0], abs=1e-12 * (1 + abs(g.gamma[0])))


def test_a_contracts_value_does_not_depend_on_its_position_or_on_the_length():
    arguments = book(203)
    whole, higher, prices = greeks(*arguments), higher_greeks(*arguments[:6]), price(*arguments)
    for start, stop in ((0, 1), (0, 2), (1, 4), (3, 11), (17, 203), (202, 203), (5, 70)):
        part = tuple(a[start:stop] for a in arguments)
        for name in GREEKS:
            np.testing.assert_array_equal(getattr(greeks(*part), name), getattr(whole, name)[start:stop])
        for name in HIGHER:
            np.testing.assert_array_equal(getattr(higher_greeks(*part[:6]), name), getattr(higher, name)[start:stop])
        np.testing.assert_array_equal(price(*part), prices[start:stop])


UNPRICEABLE = [(i, v) for i in range(6) for v in (np.nan, np.inf, -np.inf, 0.0, -1.0) if i < 4 or not np.isfinite(v)]


@pytest.mark.parametrize(("position", "value"), UNPRICEABLE)
def test_what_cannot_be_priced_is_nan_and_its_neighbours_are_not(position, value):
    arguments = [np.full(9, x) for x in (100.0, 95.0, 0.5, 0.3, 0.04, 0.01)]
    arguments[position][4] = value
    g, h, p = greeks(*arguments, True), higher_greeks(*arguments), price(*arguments, True)
    for column in (*(getattr(g, name) for name in GREEKS), *(getattr(h, name) for name in HIGHER), p):
        assert np.isnan(column[4])
        assert np.isfinite(np.delete(column, 4)).all()


def test_time_has_no_floor_of_a_day():
    hour, day = 1 / 8760, 1 / 252
    exact, floored = (greeks(100.0, 100.0, T, 0.2, 0.0, 0.0, True).gamma[0] for T in (hour, day))
    assert exact / floored == pytest.approx(np.sqrt(day / hour), rel=1e-3)  # 5.9 times


def test_far_from_the_money_everything_is_zero_and_nothing_is_nan():
    g = greeks(100.0, np.array([1e-3, 1e6, 50.0, 200.0]), 1e-6, 1e-3, 0.0, 0.0, np.array([True, True, False, False]))
    np.testing.assert_array_equal(g.delta, [1.0, 0.0, 0.0, -1.0])
    for name in ("gamma", "vega", "vanna", "charm", "theta"):
        np.testing.assert_array_equal(np.abs(getattr(g, name)), 0.0)
    h = higher_greeks(100.0, np.array([1e-3, 1e6, 50.0, 200.0]), 1e-6, 1e-3, 0.0, 0.0)
    for name in HIGHER:
        np.testing.assert_array_equal(np.abs(getattr(h, name)), 0.0)


def test_the_price_far_out_of_the_money_keeps_its_digits():
    # N(d) of both sides is about 1e-100 here; the witness has 40 digits.
    terms = (100.0, 250.0, 0.1, 0.135, 0.03, 0.01)
    with mpmath.workdps(40):
        want = float(many_digit_price(*map(mpmath.mpf, terms), True))
    assert want < 1e-90
    assert price(*terms, True)[0] == pytest.approx(want, rel=1e-11)


def test_lengths_that_do_not_fit_are_named():
    with pytest.raises(InputError, match="strike"):
        greeks(np.ones(3), np.ones(2), 1.0, 0.2, 0.0, 0.0, True)
    with pytest.raises(InputError, match="is_call"):
        price(np.ones(3), 1.0, 1.0, 0.2, 0.0, 0.0, np.array([True, False]))


def test_no_contracts_give_empty_arrays():
    assert greeks(np.empty(0), 100.0, 1.0, 0.2, 0.0, 0.0, True).gamma.shape == (0,)
    assert higher_greeks(np.empty(0), 100.0, 1.0, 0.2, 0.0, 0.0).color.shape == (0,)
    assert price(np.empty(0), 100.0, 1.0, 0.2, 0.0, 0.0, True).shape == (0,)
