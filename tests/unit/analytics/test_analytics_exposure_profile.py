"""The re-priced profile and every price where net gamma changes sign."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.exposure_profile import PricedContracts, profile, spot_grid, zero_gamma
from lightning_gex.core.enums import ZeroGammaStatus


def book(n, seed=0, spot=100.0):
    rng = np.random.default_rng(seed)
    return PricedContracts(
        strike=np.round(spot * np.exp(rng.normal(0, 0.12, n)), 1),
        time_to_expiry_years=rng.choice([2e-4, 0.003, 0.02, 0.1, 0.5, 2.0], n),
        implied_vol=rng.uniform(0.08, 0.6, n),
        rate=rng.uniform(0, 0.06, n),
        dividend_yield=rng.uniform(0, 0.03, n),
        shares=np.round(rng.normal(0, 2e4, n)),
    )


def pair(strikes, shares, years=0.08, vol=0.2):
    k = np.asarray(strikes, dtype=float)
    full = np.full(len(k), 1.0)
    return PricedContracts(k, years * full, vol * full, 0 * full, 0 * full, np.asarray(shares, dtype=float))


def plain(prices, c):
    """The definition, written as it stands: one price after the other, d1 from the book, an exact sum."""
    T, sigma = c.time_to_expiry_years, c.implied_vol
    out = []
    for S in prices:
        d1 = (np.log(S / c.strike) + (c.rate - c.dividend_yield + sigma**2 / 2) * T) / (sigma * np.sqrt(T))
        phi = np.exp(-d1 * d1 / 2) / np.sqrt(2 * np.pi)
        gamma = np.exp(-c.dividend_yield * T) * phi / (S * sigma * np.sqrt(T))
        out.append(math.fsum(c.shares * gamma * S * S * 0.01))
    return np.array(out)


def test_the_compiled_profile_equals_a_plain_loop():
    c = book(500)
    grid = spot_grid(100.0)
    got, want = profile(grid, c), plain(grid, c)
    gross = plain(grid, replace(c, shares=np.abs(c.shares)))
    assert (np.abs(got - want) <= 1e-11 * gross.max()).all()


def test_a_price_on_the_grid_has_the_value_it_has_alone():
    c, grid = book(300), spot_grid(100.0)
    whole = profile(grid, c)
    for i in (0, 1, 7, 80, 160):
        assert profile(grid[i : i + 1], c)[0] == whole[i]


def test_the_grid_is_centred_on_spot_and_even_in_its_logarithm():
    grid = spot_grid(250.0)
    assert len(grid) == 161
    assert grid[80] == 250.0
    assert grid[0] == pytest.approx(250 / 1.2)
    assert grid[-1] == pytest.approx(250 * 1.2)
    np.testing.assert_allclose(np.diff(np.log(grid)), np.log(1.2) / 80)


@pytest.mark.parametrize("seed", range(8))
def test_roots_are_where_a_brute_force_search_finds_sign_changes(seed):
    c = book(60, seed)
    c = replace(c, time_to_expiry_years=np.maximum(c.time_to_expiry_years, 0.02))
    fine = np.exp(np.linspace(math.log(100 / 1.2), math.log(120), 5_001))
    value = plain(fine, c)
    gross = plain(fine[::25], replace(c, shares=np.abs(c.shares))).max()
    at = np.flatnonzero((value[:-1] * value[1:] < 0) & (np.abs(value[:-1]) > 1e-9 * gross))
    found = zero_gamma(100.0, c)
    assert len(found.roots) == len(at)
    np.testing.assert_allclose(found.roots, fine[at], rtol=8e-5)


def test_net_gamma_vanishes_at_every_root_and_all_roots_are_inside_the_grid():
    for seed in range(20):
        c = book(200, seed)
        found = zero_gamma(100.0, c)
        gross = profile(spot_grid(100.0), replace(c, shares=np.abs(c.shares))).max()
        for root in found.roots:
            assert abs(profile(np.array([root]), c)[0]) < 1e-9 * gross
            assert 100 / 1.2 <= root <= 120
        assert list(found.roots) == sorted(found.roots)


def test_two_close_roots_between_grid_points_are_both_found():
    # Long 90 and 110 against so many short 100 that net gamma only just dips below zero between two grid points.
    c = pair([90.0, 100.0, 110.0], [1.0, 0.0, 1.0], vol=0.25)
    middle = pair([100.0], [1.0], vol=0.25)
    fine = np.linspace(95.0, 105.0, 100_001)
    just_enough = (profile(fine, c) / profile(fine, middle)).min()
    found = zero_gamma(100.0, replace(c, shares=np.array([1.0, -just_enough * (1 + 1e-6), 1.0])))
    assert len(found.roots) == 2
    assert 0 < found.roots[1] - found.roots[0] < spot_grid(100.0)[81] - 100.0


def test_the_nearest_root_is_the_nearest_to_spot():
    c = pair([80.0, 100.0, 120.0], [-30.0, 100.0, -30.0])
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
    found = zero_gamma(100.0, pair([95.0, 105.0][: len(shares)], shares))
    assert found.roots == ()
    assert math.isnan(found.nearest)
    assert found.status is status


def test_a_chain_far_from_spot_has_no_gamma_and_no_root_out_of_underflow():
    found = zero_gamma(100.0, pair([10.0, 1000.0], [1.0, -1.0], years=1e-4, vol=0.1))
    assert found.status is ZeroGammaStatus.INSUFFICIENT_DATA


def test_gamma_narrower_than_the_grid_is_not_stepped_over():
    # One minute left: each strike's gamma is 0.03 % wide, a tenth of the grid's step.
    c = pair([99.8, 100.0, 100.2], [1e3, -1e3, 1e3], years=1 / 525_600, vol=0.2)
    found = zero_gamma(100.0, c)
    assert len(found.roots) == 2
    assert 99.8 < found.roots[0] < 100.0 < found.roots[1] < 100.2


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
    np.testing.assert_allclose(plain([97.76721774650, 108.80587569354], c), 0.0, atol=1e-4)
    wrong = plain([by_sign, by_sum], c)
    assert wrong[0] < -10_000  # USD per 1 %: still short gamma
    assert wrong[1] > 10_000  # long for some time


def _read_by_strike(spot, c):
    at_spot = np.array(
        [
            plain([spot], PricedContracts(*(getattr(c, name)[i : i + 1] for name in PricedContracts.__slots__)))[0]
            for i in range(len(c.strike))
        ]
    )
    crossings = []
    for values in (at_spot, np.cumsum(at_spot)):
        i = int(np.flatnonzero(np.diff(np.sign(values)))[0])
        share = values[i] / (values[i] - values[i + 1])
        crossings.append(c.strike[i] + share * (c.strike[i + 1] - c.strike[i]))
    return crossings


@given(st.integers(0, 10_000), st.floats(0.1, 50.0))
def test_a_chain_in_another_currency_has_its_roots_scaled(seed, factor):
    c = book(40, seed)
    scaled = zero_gamma(100.0 * factor, replace(c, strike=c.strike * factor))
    found = zero_gamma(100.0, c)
    assert scaled.status is found.status
    np.testing.assert_allclose(scaled.roots, np.array(found.roots) * factor, rtol=1e-9)


def test_the_mirror_position_has_the_same_roots():
    for seed in range(10):
        c = book(150, seed)
        assert zero_gamma(100.0, c).roots == zero_gamma(100.0, replace(c, shares=-c.shares)).roots
