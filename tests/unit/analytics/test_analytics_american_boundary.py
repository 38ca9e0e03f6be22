"""The exercise boundary: where it starts, how it falls, what it tends to, and the equation it solves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ndtr

from lightning_gex.analytics.american_boundary import (
    GRID_FIRST,
    PREMIUM_ROOT,
    boundary_workspace,
    keep_boundary,
    start_side,
)


def boundary(T, r, q, j):
    """(times left, boundary at strike 1) at the kept points, rising in time, and the volatility of grid row j."""
    space = boundary_workspace()
    start_side(T, r, q, space)
    keep_boundary(j, space)
    sigma = 2.0 ** (0.5 * (j + GRID_FIRST))
    order = np.argsort(PREMIUM_ROOT)
    root = PREMIUM_ROOT[order] * np.sqrt(T)
    start = min(1.0, r / q) if q > 0 else 1.0
    return root**2, start * np.exp(-space.kept[j][order] * sigma * root), sigma


@given(
    st.floats(0.005, 3.0),
    st.floats(0.001, 0.08),
    st.floats(-0.03, 0.4),
    st.integers(8, 17),
)
def test_the_boundary_falls_from_its_start_and_stays_above_the_perpetual_options(T, r, q, j):
    _, found, sigma = boundary(T, r, q, j)
    start = min(1.0, r / q) if q > 0 else 1.0
    a = (r - q) / sigma**2 - 0.5
    gamma = -a - np.sqrt(a * a + 2 * r / sigma**2)
    perpetual = gamma / (gamma - 1)
    assert (found <= start * (1 + 1e-12)).all()
    assert (found >= perpetual * (1 - 1e-4)).all()
    # The polynomial of the square has ripples; the premium averages them out.
    assert (np.diff(found) <= 0.02 * start).all()


def test_a_long_boundary_tends_to_the_perpetual_options():
    _, found, sigma = boundary(400.0, 0.08, 0.02, 13)
    a = (0.08 - 0.02) / sigma**2 - 0.5
    gamma = -a - np.sqrt(a * a + 2 * 0.08 / sigma**2)
    assert found[-1] == pytest.approx(gamma / (gamma - 1), rel=1e-6)


@pytest.mark.parametrize(
    ("T", "r", "q", "j"),
    [(1.0, 0.05, 0.0, 12), (0.2, 0.04, 0.012, 11), (1.5, 0.03, 0.2, 15), (0.5, 0.05, 0.05, 13), (2.0, 0.06, 0.0, 8)],
)
def test_at_the_boundary_the_option_is_worth_exercising(T, r, q, j):
    """The integral equation itself, by adaptive quadrature over the interpolated boundary."""
    times, found, sigma = boundary(T, r, q, j)
    start = min(1.0, r / q) if q > 0 else 1.0
    square = np.polynomial.Polynomial.fit(
        np.sqrt(np.r_[0.0, times]), np.log(np.r_[start, found] / start) ** 2, 8, domain=[0.0, np.sqrt(T)]
    )
    b = found[-1]

    def d_plus(u, z):
        return (np.log(z) + (r - q) * u) / (sigma * np.sqrt(u)) + 0.5 * sigma * np.sqrt(u)

    def carry(u):
        ratio = b / (start * np.exp(-np.sqrt(max(square(np.sqrt(max(T - u, 0.0))), 0.0))))
        d1 = d_plus(u, ratio)
        return r * np.exp(-r * u) * ndtr(sigma * np.sqrt(u) - d1) - q * b * np.exp(-q * u) * ndtr(-d1)

    d1 = d_plus(T, b)
    european = np.exp(-r * T) * ndtr(sigma * np.sqrt(T) - d1) - b * np.exp(-q * T) * ndtr(-d1)
    premium = quad(lambda s: carry(T * s * s) * 2 * T * s, 0, 1, epsabs=1e-10)[0]
    assert european + premium == pytest.approx(1.0 - b, abs=2e-5)


def test_a_workspace_used_for_another_series_forgets_the_first():
    space = boundary_workspace()
    start_side(1.0, 0.05, 0.0, space)
    keep_boundary(12, space)
    first = space.kept[12].copy()
    start_side(0.5, 0.02, 0.03, space)
    assert not space.known.any()
    keep_boundary(12, space)
    start_side(1.0, 0.05, 0.0, space)
    keep_boundary(12, space)
    np.testing.assert_array_equal(space.kept[12], first)
