"""Gamma and delta at many spots: walked, integrated and interpolated, or one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from builders_exposure import random_book
from lightning_gex.analytics.exposure_profile import series_of
from lightning_gex.analytics.exposure_reference import exposures_reference
from lightning_gex.analytics.surface_kernels import FEWEST, cells_kernel, cells_workspace_size, delta_kernel


def cells(c, spots, spot=100.0):
    """S' gamma and shares of delta at each spot as if all were calls."""
    s = series_of(c, spot)
    gamma, delta = np.full((2, len(spots)), 7.0)
    columns = (s.log_moneyness, s.implied_vol, s.shares, s.sqrt_years, s.log_carry, s.yield_discount)
    workspace = np.full(cells_workspace_size(len(c.strike)), np.nan)
    cells_kernel(np.log(spots / spot), *columns, workspace, gamma, delta)
    return gamma, delta


@given(st.integers(0, 100_000), st.integers(1, 150), st.sampled_from([8, 40, 48, 64, 160, 320]), st.floats(1.01, 4.0))
def test_cells_equal_the_readable_sums_at_any_rising_spots(seed, n, count, reach):
    c = random_book(n, seed)
    spots = np.sort(100.0 * np.exp(np.random.default_rng(seed).uniform(-np.log(reach), np.log(reach), count)))
    calls = np.ones(n, dtype=bool)
    want, shares = exposures_reference(spots, c, calls)
    most = np.max(np.abs(c.shares) * 0.4 / (c.implied_vol * np.sqrt(c.time_to_expiry_years)))
    gamma, delta = cells(c, spots)
    np.testing.assert_allclose(gamma * spots * 0.01, want, rtol=0, atol=1e-11 * most)
    np.testing.assert_allclose(delta * spots, shares, rtol=0, atol=1e-12 * np.abs(c.shares).sum() * spots.max())


@pytest.mark.parametrize("count", [8, FEWEST])
def test_the_same_spot_many_times_is_no_trouble(count):
    c = random_book(50, 4)
    gamma, delta = cells(c, np.full(count, 101.0))
    want, shares = exposures_reference(np.array([101.0]), c, np.ones(50, dtype=bool))
    np.testing.assert_allclose(gamma * 1.01, want[0])
    np.testing.assert_allclose(delta * 101.0, shares[0])


@given(st.integers(0, 100_000))
def test_delta_is_the_distribution_function(seed):
    rng = np.random.default_rng(seed)
    width, discount = rng.uniform(1e-4, 1.0, 50), rng.uniform(0.9, 1.0, 50)
    forward, call = rng.normal(0, 0.3, 50), rng.random(50) < 0.5
    out = np.empty(50)
    delta_kernel(forward, width, discount, call, out)
    d1 = forward / width + 0.5 * width
    np.testing.assert_allclose(out, discount * np.where(call, ndtr(d1), -ndtr(-d1)), rtol=1e-12, atol=1e-300)


def test_without_width_delta_is_what_the_option_settles_into():
    forward, call = np.array([0.1, 0.0, -0.1, 0.1, 0.0, -0.1]), np.array([True] * 3 + [False] * 3)
    out = np.empty(6)
    delta_kernel(forward, np.zeros(6), np.ones(6), call, out)
    np.testing.assert_allclose(out, [1.0, 0.5, 0.0, 0.0, -0.5, -1.0], atol=1e-15)
