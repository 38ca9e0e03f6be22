"""Compiled kernels of one series: the same answers as the functions, and parity without its bias."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.american import american_price, early_exercise_premium, european_equivalent
from lightning_gex.analytics.american_kernels import (
    european_equivalent_kernel,
    extrapolated,
    parity_premiums_kernel,
    premium_kernel,
    quoted_spot,
)
from lightning_gex.analytics.american_lanes import american_scratch

STRIKES = np.linspace(70.0, 140.0, 71)


def series(T, r, q, sigma):
    """Mids of calls and puts at ``STRIKES``, spot 100."""
    return tuple(american_price(100.0, STRIKES, T, sigma, r, q, call) for call in (True, False))


@pytest.mark.parametrize(("r", "q"), [(0.045, 0.012), (0.02, 0.3), (0.0, 0.0), (-0.01, -0.02)])
def test_a_series_kernel_gives_what_the_functions_give(r, q):
    call = np.arange(len(STRIKES)) % 3 == 0
    sigma = np.linspace(0.2, 0.6, len(STRIKES))
    price = np.linspace(2.0, 45.0, len(STRIKES))
    scratch = american_scratch()
    premium, vol, held = np.empty(len(call)), np.empty(len(call)), np.empty(len(call))
    status = np.empty(len(call), dtype=np.int8)
    for _ in range(2):  # a scratch that was used before changes nothing
        premium_kernel(100.0, STRIKES, 0.4, sigma, r, q, call, scratch, premium)
        european_equivalent_kernel(price, 100.0, STRIKES, 0.4, r, q, call, scratch, vol, held, status)
        np.testing.assert_array_equal(premium, early_exercise_premium(100.0, STRIKES, 0.4, sigma, r, q, call))
        for found, want in zip(
            (vol, held, status), european_equivalent(price, 100.0, STRIKES, 0.4, r, q, call), strict=True
        ):
            np.testing.assert_array_equal(found, want)


@given(st.floats(0.02, 2.0), st.floats(0.001, 0.08), st.floats(0.0, 0.3), st.floats(0.1, 1.0))
def test_quotes_less_the_bias_obey_parity(T, r, q, sigma):
    call, put = series(T, r, q, sigma)
    bias = np.empty(len(STRIKES))
    parity_premiums_kernel(call, put, STRIKES, 100.0, T, r, q, american_scratch(), bias)
    known = np.isfinite(bias)
    exact = 100.0 * np.exp(-q * T) - STRIKES * np.exp(-r * T)
    np.testing.assert_allclose((call - put - bias)[known], exact[known], atol=3e-3)
    assert known[STRIKES == 100.0].all()


def implied_carry(call, put, bias, T):
    """Rate and dividend yield by a straight line through the pairs within 15 % of spot."""
    near = (np.abs(np.log(STRIKES / 100.0)) < 0.15) & np.isfinite(bias)
    slope, level = np.polyfit(STRIKES[near], (call - put - bias)[near], 1)
    rate = -np.log(-slope) / T
    return rate, rate - np.log(level / -slope / 100.0) / T


@pytest.mark.parametrize(("T", "r", "q"), [(0.25, 0.045, 0.0), (1.0, 0.045, 0.012), (0.5, 0.03, 0.15)])
def test_rate_and_forward_come_back_when_the_premiums_are_taken_out_again_and_again(T, r, q):
    call, put = series(T, r, q, 0.25)
    bias = np.zeros(len(STRIKES))
    scratch = american_scratch()
    passes = []
    for _ in range(3):
        passes.append(implied_carry(call, put, bias, T))
        parity_premiums_kernel(call, put, STRIKES, 100.0, T, *passes[-1], scratch, bias)
    raw, *_ = passes
    rate, dividend_yield = (extrapolated(*values) for values in zip(*passes, strict=True))
    assert abs(raw[0] - r) > 0.03  # per year: what believing in parity costs
    assert abs(rate - r) < abs(raw[0] - r) / 5
    assert abs((rate - dividend_yield) - (r - q)) < abs((raw[0] - raw[1]) - (r - q)) / 5


@pytest.mark.parametrize(
    ("passes", "limit"),
    [((1.0, 1.5, 1.75), 2.0), ((3.0, 3.0, 3.0), 3.0), ((1.0, 2.0, 0.0), 0.0), ((0.0, 1.0, 2.0), 11.0)],
)
def test_a_steadily_shrinking_error_is_extrapolated_and_an_unsteady_one_left_alone(passes, limit):
    assert extrapolated(*passes) == pytest.approx(limit)


def test_a_pair_whose_leg_out_of_the_money_has_no_volatility_has_no_bias():
    out = np.empty(2)
    parity_premiums_kernel(
        np.array([0.0, 21.0]),
        np.array([10.0, 0.9]),
        np.array([110.0, 80.0]),
        100.0,
        0.5,
        0.04,
        0.01,
        american_scratch(),
        out,
    )
    assert np.isnan(out[0])
    assert np.isfinite(out[1])


def test_the_spot_behind_the_quotes_is_found_where_the_printed_one_is_another_moments():
    years = np.array([3, 10, 17, 24, 38, 66, 94, 185, 276, 600]) / 365.0
    forward = 100.0 * np.exp(0.035 * years)
    forward[4] *= 1.004  # one bad expiry changes nothing
    for printed in (100.0, 101.5, 98.0):
        assert quoted_spot(printed, years, forward) == pytest.approx(100.0, rel=2e-4)
    order = np.random.default_rng(1).permutation(len(years))
    assert quoted_spot(101.5, years[order], forward[order]) == quoted_spot(101.5, years, forward)


def test_a_dividend_among_the_expiries_moves_the_spot_behind_the_quotes_by_less_than_itself():
    years = np.array([3, 10, 17, 24, 38, 66, 94, 185, 276, 360]) / 365.0
    forward = 100.0 * np.exp(0.045 * years) - 0.3 * np.ceil(np.maximum(years - 0.09, 0.0) / 0.25)
    assert quoted_spot(100.0, years, forward) == pytest.approx(100.0, abs=0.15)


def test_few_expiries_leave_the_printed_spot():
    assert quoted_spot(101.0, np.array([0.1, 0.2, 0.3]), np.array([100.0, 100.5, 101.0])) == 101.0
    assert quoted_spot(101.0, np.empty(0), np.empty(0)) == 101.0
