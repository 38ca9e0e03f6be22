"""Every price at which net gamma changes sign."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_exposure import alike, exact_gamma, held_long, picked, random_book, sorted_book
from lightning_gex.analytics.exposure_profile import PricedContracts, profile, series_of, spot_grid
from lightning_gex.analytics.exposure_reference import profile_reference
from lightning_gex.analytics.zero_gamma import (
    MAX_ROOTS,
    ZERO_GAMMA_STATUSES,
    profile_and_zero_gamma,
    workspace_size,
    zero_gamma,
    zero_gamma_kernel,
)
from lightning_gex.core.enums import ZeroGammaStatus
from lightning_gex.core.errors import InputError

MINUTE = 1.0 / 525_600.0


def gamma_matrix(prices, c):
    """(m, n) each contract's exposure at each price, written as it stands."""
    T, sigma = c.time_to_expiry_years, c.implied_vol
    S = np.asarray(prices)[:, None]
    d1 = (np.log(S / c.strike) + (c.rate - c.dividend_yield + sigma**2 / 2) * T) / (sigma * np.sqrt(T))
    phi = np.exp(-d1 * d1 / 2) / np.sqrt(2 * np.pi)
    return c.shares * np.exp(-c.dividend_yield * T) * phi * S * 0.01 / (sigma * np.sqrt(T))


def brackets(c, spot, points):
    """Neighbouring points of a dense grid between which the sum changes sign, where it is more than nothing."""
    prices = spot * np.exp(np.linspace(-math.log(1.2), math.log(1.2), points))
    net, gross = np.empty(points), np.empty(points)
    for a in range(0, points, 2_000):
        terms = gamma_matrix(prices[a : a + 2_000], c)
        net[a : a + 2_000], gross[a : a + 2_000] = terms.sum(axis=1), np.abs(terms).sum(axis=1)
    material = np.abs(net) > 1e-9 * gross.max()
    at, sign = prices[material], np.sign(net[material])
    turned = np.flatnonzero(sign[1:] != sign[:-1])
    return at[turned], at[turned + 1]


def check_against_brute_force(c, spot, points):
    low, high = brackets(c, spot, points)
    found = np.array(zero_gamma(spot, c).roots)
    assert len(found) == len(low)
    assert (found >= low * (1 - 1e-12)).all()
    assert (found <= high * (1 + 1e-12)).all()


@given(st.integers(0, 100_000), st.integers(2, 60))
def test_roots_are_where_a_brute_force_search_finds_sign_changes(seed, n):
    check_against_brute_force(random_book(n, seed), 100.0, 40_001)


@pytest.mark.parametrize("minutes", [390.0, 60.0, 15.0, 2.0, 0.5])
def test_the_roots_of_a_day_of_expiry_are_found_to_its_last_half_minute(minutes):
    years = np.array([minutes * MINUTE, minutes * MINUTE + 1 / 365, 7 / 365])
    c = sorted_book(years, np.arange(4_800.0, 5_201.0, 20.0), seed=3, spot=5_000.0, vol=0.15)
    check_against_brute_force(c, 5_000.0, 100_001)


def test_zero_gamma_of_a_pair_is_the_one_computed_apart():
    # Long 105, short 95 of one volatility v sqrt T = w and maturity, no interest: equal Gaussians meet halfway between
    # their peaks, at sqrt(95 105) e^{-w^2/2}.
    c = alike([95.0, 105.0], [-10.0, 10.0], years=0.1, vol=0.2)
    (root,) = zero_gamma(100.0, c).roots
    assert root == pytest.approx(math.sqrt(95.0 * 105.0) * math.exp(-0.5 * 0.2**2 * 0.1), rel=1e-14)


def test_net_gamma_vanishes_at_every_root_and_all_roots_are_inside_the_grid():
    for seed in range(20):
        c = random_book(200, seed)
        found = zero_gamma(100.0, c)
        gross = profile_reference(spot_grid(100.0), held_long(c)).max()
        values = gamma_matrix(np.array(found.roots), c).sum(axis=1)
        assert (np.abs(values) < 1e-9 * gross).all()
        assert all(100 / 1.2 <= root <= 120 for root in found.roots)
        assert list(found.roots) == sorted(found.roots)


def test_a_root_is_good_to_thirteen_digits():
    c = sorted_book([0.01, 0.1], np.arange(80.0, 121.0, 4.0), seed=5)
    for root in zero_gamma(100.0, c).roots:
        around = exact_gamma(np.array([root * (1 - 2e-13), root * (1 + 2e-13)]), c)
        assert around[0] * around[1] < 0


def test_two_close_roots_between_grid_points_are_both_found():
    # Long 90 and 110 against so many short 100 that net gamma only just dips below zero between two grid points.
    c = alike([90.0, 100.0, 110.0], [1.0, 0.0, 1.0], vol=0.25)
    middle = alike([100.0], [1.0], vol=0.25)
    fine = np.linspace(95.0, 105.0, 100_001)
    just_enough = (profile(fine, picked(c, [0, 2])) / profile(fine, middle)).min()
    for excess in (1e-3, 1e-6, 1e-8):
        found = zero_gamma(100.0, replace(c, shares=np.array([1.0, -just_enough * (1 + excess), 1.0])))
        assert len(found.roots) == 2
        assert 0 < found.roots[1] - found.roots[0] < 100 * math.sqrt(excess)
    assert zero_gamma(100.0, replace(c, shares=np.array([1.0, -just_enough * (1 - 1e-6), 1.0]))).roots == ()


def test_the_nearest_root_is_the_nearest_to_spot():
    c = alike([80.0, 100.0, 120.0], [-30.0, 100.0, -30.0])
    found = zero_gamma(97.0, c)
    assert len(found.roots) == 2
    assert found.nearest == min(found.roots, key=lambda root: abs(root - 97.0))
    assert found.status is ZeroGammaStatus.OK


@pytest.mark.parametrize(
    ("shares", "status"),
    [
        ([1.0, 2.0], ZeroGammaStatus.NO_ROOT_NET_POSITIVE),
        ([-1.0, -2.0], ZeroGammaStatus.NO_ROOT_NET_NEGATIVE),
        ([0.0, 0.0], ZeroGammaStatus.INSUFFICIENT_DATA),
        ([], ZeroGammaStatus.INSUFFICIENT_DATA),
    ],
)
def test_without_a_sign_change_the_status_says_which_sign_holds(shares, status):
    found = zero_gamma(100.0, alike([95.0, 105.0][: len(shares)], shares))
    assert found.roots == ()
    assert math.isnan(found.nearest)
    assert found.status is status


def test_equal_and_opposite_contracts_leave_no_gamma_and_no_root():
    c = alike([95.0, 95.0, 105.0, 105.0], [5.0, -5.0, -7.0, 7.0])
    found = zero_gamma(100.0, c)
    assert found.roots == ()
    assert found.status is ZeroGammaStatus.INSUFFICIENT_DATA


def test_a_chain_far_from_spot_has_no_gamma_and_no_root_out_of_underflow():
    found = zero_gamma(100.0, alike([10.0, 1000.0], [1.0, -1.0], years=1e-4, vol=0.1))
    assert found.status is ZeroGammaStatus.INSUFFICIENT_DATA


def test_gamma_narrower_than_the_grid_is_not_stepped_over():
    # One minute left: each strike's gamma is 0.03 % wide, a tenth of the grid's step.
    c = alike([99.8, 100.0, 100.2], [1e3, -1e3, 1e3], years=MINUTE, vol=0.2)
    found = zero_gamma(100.0, c)
    assert len(found.roots) == 2
    assert 99.8 < found.roots[0] < 100.0 < found.roots[1] < 100.2


def test_a_sign_change_over_a_stretch_without_gamma_is_one_root():
    c = alike([90.0, 110.0], [-50.0, 50.0], years=MINUTE, vol=0.2)
    (root,) = zero_gamma(100.0, c).roots
    assert 90.0 < root < 110.0


def test_a_sign_change_by_strike_is_not_zero_gamma():
    # Long-dated short puts below, short-dated long calls above. Read by strike at today's spot, the flip wanders with
    # spot: at 103 it is 97.15 (sign of each strike) or 100.51 (running sum). Re-priced it stays where it is, and the
    # second change, above the short-dated calls, which no reading by strike can show, is there too.
    c = PricedContracts(
        strike=np.array([90.0, 95.0, 100.0, 105.0]),
        time_to_expiry_years=np.array([0.5, 0.5, 0.02, 0.02]),
        implied_vol=np.array([0.3, 0.28, 0.15, 0.14]),
        rate=np.zeros(4),
        dividend_yield=np.zeros(4),
        shares=np.array([-3e4, -3e4, 1e4, 2e4]),
    )
    by_sign, by_sum = _read_by_strike(103.0, c)
    assert (by_sign, by_sum) == (pytest.approx(97.15, abs=0.01), pytest.approx(100.51, abs=0.01))
    for spot in (96.0, 100.0, 103.0, 106.0):
        np.testing.assert_allclose(zero_gamma(spot, c).roots, [97.76721774650, 108.80587569354], rtol=1e-10)
    np.testing.assert_allclose(exact_gamma([97.76721774650, 108.80587569354], c), 0.0, atol=1e-4)
    wrong = exact_gamma([by_sign, by_sum], c)
    assert wrong[0] < -10_000  # USD per 1 %: still short gamma
    assert wrong[1] > 10_000  # long for some time


def _read_by_strike(spot, c):
    at_spot = gamma_matrix([spot], c)[0]
    crossings = []
    for values in (at_spot, np.cumsum(at_spot)):
        i = int(np.flatnonzero(np.diff(np.sign(values)))[0])
        share = values[i] / (values[i] - values[i + 1])
        crossings.append(c.strike[i] + share * (c.strike[i + 1] - c.strike[i]))
    return crossings


@given(st.integers(0, 10_000), st.floats(0.1, 50.0))
def test_a_chain_in_another_currency_has_its_roots_scaled(seed, factor):
    c = random_book(40, seed)
    scaled = zero_gamma(100.0 * factor, replace(c, strike=c.strike * factor))
    found = zero_gamma(100.0, c)
    assert scaled.status is found.status
    np.testing.assert_allclose(scaled.roots, np.array(found.roots) * factor, rtol=1e-9)


def test_the_mirror_position_has_the_same_roots():
    for seed in range(10):
        c = random_book(150, seed)
        assert zero_gamma(100.0, c).roots == zero_gamma(100.0, replace(c, shares=-c.shares)).roots


@given(st.integers(0, 10_000))
def test_the_order_of_the_contracts_does_not_matter(seed):
    c = random_book(80, seed)
    order = np.random.default_rng(seed).permutation(80)
    found, shuffled = zero_gamma(100.0, c), zero_gamma(100.0, picked(c, order))
    np.testing.assert_allclose(shuffled.roots, found.roots, rtol=1e-10)


@given(st.integers(0, 10_000))
def test_the_profile_comes_with_the_roots(seed):
    c = random_book(90, seed)
    prices, exposure, found = profile_and_zero_gamma(100.0, c)
    gross = profile(spot_grid(100.0), held_long(c)).max()
    np.testing.assert_array_equal(prices, spot_grid(100.0))
    np.testing.assert_allclose(exposure, profile(prices, c), rtol=0, atol=1e-12 * gross)
    assert found == zero_gamma(100.0, c)


def comb(strikes):
    """Alternating long and short contracts with minutes left: one root between each two strikes."""
    k = np.linspace(85.0, 115.0, strikes)
    return alike(k, np.where(np.arange(strikes) % 2 == 0, 1.0, -1.0), years=30 * MINUTE, vol=0.15)


def kernel_of(c, spot, room):
    series, roots, exposure = series_of(c, spot), np.full(room, 7.0), np.empty(161)
    count, status = zero_gamma_kernel(
        spot, 0.2, *series, exposure, roots, np.full(workspace_size(len(c.strike), 161), np.nan)
    )
    return count, ZERO_GAMMA_STATUSES[status], roots


def test_more_roots_than_there_is_room_for_are_counted_and_the_nearest_kept():
    every = np.array(zero_gamma(100.0, comb(60)).roots)
    assert len(every) == 59 > MAX_ROOTS
    count, status, roots = kernel_of(comb(60), 97.0, 8)
    assert (count, status) == (59, ZeroGammaStatus.OK)
    nearest = np.sort(every[np.argsort(np.abs(np.log(every / 97.0)))[:8]])
    np.testing.assert_allclose(roots, nearest, rtol=1e-12)


def test_room_that_is_not_needed_is_left_without_a_number():
    count, status, roots = kernel_of(comb(4), 100.0, MAX_ROOTS)
    assert (count, status) == (3, ZeroGammaStatus.OK)
    assert np.isfinite(roots[:3]).all()
    assert np.isnan(roots[3:]).all()
    count, status, roots = kernel_of(alike([100.0], [1.0]), 100.0, 3)
    assert (count, status) == (0, ZeroGammaStatus.NO_ROOT_NET_POSITIVE)
    assert np.isnan(roots).all()


def test_the_search_range_can_be_set():
    c = alike([80.0, 100.0, 120.0], [-30.0, 100.0, -30.0])
    assert len(zero_gamma(97.0, c).roots) == 2
    assert zero_gamma(97.0, c, width=0.05).roots == ()


def test_a_contract_that_cannot_be_priced_is_refused():
    c = random_book(5)
    with pytest.raises(InputError, match="implied_vol"):
        zero_gamma(100.0, replace(c, implied_vol=np.array([0.1, np.nan, 0.1, 0.1, 0.1])))
