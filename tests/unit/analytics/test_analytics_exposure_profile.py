"""The re-priced profile, on even grids and at any prices."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_exposure import alike, exact_gamma, held_long, picked, random_book, sorted_book
from lightning_gex.analytics.exposure_profile import (
    PricedContracts,
    profile,
    profile_kernel,
    series_of,
    spot_grid,
)
from lightning_gex.analytics.exposure_reference import profile_reference
from lightning_gex.analytics.gaussian_sums import space_size
from lightning_gex.core.errors import InputError

# One contract (strike, years, volatility, rate, yield, price) on 100 shares: e^{-qT} phi(d1) S / (sigma sqrt T), with
# mpmath at 40 digits.
GOLDEN = [
    ((100.0, 0.25, 0.2, 0.03, 0.01, 104.0), 366.64846528882917, 100.0),
    ((90.0, 1.5, 0.35, 0.05, 0.0, 75.0), 69.755056286869788, 100.0),
    ((5000.0, 1 / 365, 0.12, 0.045, 0.013, 5010.0), 300_815.02786778884, 100.0),
]


@pytest.mark.parametrize(("terms", "want", "shares"), GOLDEN)
def test_one_contract_has_the_value_computed_apart(terms, want, shares):
    K, T, sigma, r, q, S = terms
    c = replace(alike([K], [shares], T, sigma), rate=np.array([r]), dividend_yield=np.array([q]))
    assert profile(np.array([S]), c)[0] == pytest.approx(want, rel=1e-13)
    grid = spot_grid(S)
    assert profile(grid, c)[80] == pytest.approx(want, rel=1e-12)


@given(st.integers(0, 100_000), st.integers(1, 200), st.sampled_from([16, 40, 121, 161, 333]))
def test_the_compiled_profile_equals_the_readable_one(seed, n, points):
    c = random_book(n, seed)
    grid = spot_grid(100.0, points=points)
    gross = profile_reference(grid, held_long(c)).max()
    want = profile_reference(grid, c)
    np.testing.assert_allclose(profile(grid, c), want, rtol=0, atol=1e-12 * gross + 1e-290)
    order = np.random.default_rng(seed).permutation(points)  # no even grid any more
    np.testing.assert_allclose(profile(grid[order], c)[order.argsort()], want, rtol=0, atol=1e-12 * gross + 1e-290)


def test_a_sorted_chain_is_right_to_fourteen_digits_of_the_gross_sum():
    c = sorted_book([0.004, 0.02, 0.25, 1.0], np.arange(70.0, 131.0, 5.0))
    grid = spot_grid(100.0, points=41)
    gross = exact_gamma(grid, held_long(c)).max()
    np.testing.assert_allclose(profile(grid, c), exact_gamma(grid, c), rtol=0, atol=1e-14 * gross)


@given(st.integers(0, 100_000))
def test_a_price_has_the_value_it_has_alone_to_rounding(seed):
    c, grid = random_book(150, seed), spot_grid(100.0)
    whole = profile(grid, c)
    gross = profile(grid, held_long(c)).max()
    for i in (0, 1, 7, 80, 160):
        assert abs(profile(grid[i : i + 1], c)[0] - whole[i]) <= 1e-12 * gross


def test_the_profile_is_the_sum_over_its_contracts():
    c, grid = random_book(301, 3), spot_grid(100.0)
    parts = [picked(c, slice(0, 100)), picked(c, slice(100, 250)), picked(c, slice(250, 301))]
    gross = profile(grid, held_long(c)).max()
    np.testing.assert_allclose(sum(profile(grid, part) for part in parts), profile(grid, c), atol=1e-13 * gross)


@given(st.integers(0, 100_000), st.floats(0.1, 50.0))
def test_a_chain_at_another_scale_has_its_exposures_scaled(seed, factor):
    # Shares of a stock at a multiple of the price: USD of delta per 1 % are the same multiple.
    c, grid = random_book(60, seed), spot_grid(100.0)
    scaled = profile(spot_grid(100.0 * factor), replace(c, strike=c.strike * factor))
    gross = profile(grid, held_long(c)).max()
    np.testing.assert_allclose(scaled, profile(grid, c) * factor, rtol=0, atol=1e-9 * gross * factor)


def test_the_mirror_position_has_the_mirror_profile():
    c, grid = random_book(150, 5), spot_grid(100.0)
    np.testing.assert_array_equal(profile(grid, replace(c, shares=-c.shares)), -profile(grid, c))


def test_the_grid_is_centred_on_spot_and_even_in_its_logarithm():
    grid = spot_grid(250.0)
    assert len(grid) == 161
    assert grid[80] == 250.0
    assert grid[0] == pytest.approx(250 / 1.2)
    assert grid[-1] == pytest.approx(250 * 1.2)
    np.testing.assert_allclose(np.diff(np.log(grid)), np.log(1.2) / 80)


def test_no_prices_and_no_contracts_are_no_trouble():
    assert profile(np.empty(0), random_book(5)).shape == (0,)
    np.testing.assert_array_equal(profile(spot_grid(100.0), random_book(0)), np.zeros(161))
    np.testing.assert_array_equal(profile(np.array([90.0, 95.0]), random_book(0)), np.zeros(2))


def test_contracts_far_from_every_price_add_nothing():
    c = alike([10.0, 1000.0], [1.0, -1.0], years=1e-4, vol=0.1)
    np.testing.assert_array_equal(profile(spot_grid(100.0), c), np.zeros(161))


UNFIT = [(name, value) for name in PricedContracts.__dataclass_fields__ for value in (np.nan, np.inf)]
UNFIT += [(name, value) for name in ("strike", "time_to_expiry_years", "implied_vol") for value in (0.0, -1.0)]


@pytest.mark.parametrize(("name", "value"), UNFIT)
def test_a_contract_that_cannot_be_priced_is_named(name, value):
    c = random_book(7)
    column = getattr(c, name).copy()
    column[4] = value
    with pytest.raises(InputError, match=f"{name}.*leave the contract out") as caught:
        profile(spot_grid(100.0), replace(c, **{name: column}))
    assert caught.value.row == 4


@pytest.mark.parametrize("price", [0.0, -5.0, np.nan, np.inf])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(InputError, match="prices must be positive"):
        profile(np.array([100.0, price]), random_book(3))


def test_columns_of_different_lengths_are_refused():
    c = random_book(7)
    with pytest.raises(InputError, match="rate"):
        profile(spot_grid(100.0), replace(c, rate=c.rate[:3]))


def test_the_kernel_leaves_out_what_is_not_held_or_has_no_volatility():
    c = random_book(40, 2)
    series = series_of(c, 100.0)
    held = np.where(np.arange(40) % 3 == 0, 0.0, c.shares)
    held[1] = np.nan
    vol = c.implied_vol.copy()
    vol[2] = np.nan
    out = np.empty(161)
    columns = (series.log_moneyness, vol, held, series.series_start, *series[4:])
    profile_kernel(100.0, 0.2, *columns, out, np.empty(space_size(40, 161)))
    rows = (np.arange(40) % 3 != 0) & (np.arange(40) > 2)
    np.testing.assert_allclose(out, profile(spot_grid(100.0), picked(c, rows)), atol=1e-9)


def test_series_may_be_counted_from_any_row():
    c = sorted_book([0.02, 0.25], np.arange(80.0, 121.0, 5.0))
    T = c.time_to_expiry_years
    n = len(T)
    terms = (np.sqrt([0.02, 0.25]), 0.03 * np.array([0.02, 0.25]), np.exp(-0.01 * np.array([0.02, 0.25])))
    got = []
    for first in (0, 1_000):
        out = np.empty(161)
        starts = first + np.array([0, n // 2, n])
        columns = (np.log(c.strike / 100.0), c.implied_vol, c.shares, starts, *terms)
        profile_kernel(100.0, 0.2, *columns, out, np.empty(space_size(n, 161)))
        got.append(out)
    np.testing.assert_array_equal(got[0], got[1])
    gross = profile(spot_grid(100.0), held_long(c)).max()
    np.testing.assert_allclose(got[0], profile(spot_grid(100.0), c), rtol=0, atol=1e-12 * gross)
    assert math.isfinite(gross)
