"""The lane functions against scipy, and their independence of position."""

from __future__ import annotations

import mpmath
import numba
import numpy as np
import pytest
from scipy import special

from lightning_gex.analytics.vector_math import (
    GAUSS_LIMIT,
    exp_lane,
    gauss_lane,
    log_lane,
    log_ratio_lane,
    mills_lane,
    normal_cdf_lane,
)


@numba.njit(error_model="numpy")
def _exp(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = exp_lane(x[i])
    return out


@numba.njit(error_model="numpy")
def _log(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = log_lane(x[i])
    return out


@numba.njit(error_model="numpy")
def _log_ratio(x, y):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = log_ratio_lane(x[i], y[i])
    return out


@numba.njit(error_model="numpy")
def _gauss(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = gauss_lane(x[i])
    return out


@numba.njit(error_model="numpy")
def _mills(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = mills_lane(x[i])
    return out


@numba.njit(error_model="numpy")
def _cdf(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = normal_cdf_lane(x[i], exp_lane(-0.5 * x[i] * x[i]))
    return out


@pytest.fixture
def rng():
    """A generator of one seed for each test, so that what a test draws does not depend on which ran before it."""
    return np.random.default_rng(7)


def test_exp_is_within_two_units_in_the_last_place(rng):
    x = np.r_[rng.uniform(-708, 709, 20_000), rng.uniform(-1, 1, 20_000)]
    np.testing.assert_allclose(_exp(x), np.exp(x), rtol=5e-16)


def test_exp_at_its_edges():
    x = np.array([0.0, -0.0, -709.0, -np.inf, 710.0, np.inf, np.nan])
    np.testing.assert_array_equal(_exp(x), [1.0, 1.0, 0.0, 0.0, np.inf, np.inf, np.nan])


def test_log_is_within_two_units_in_the_last_place_also_next_to_one(rng):
    x = np.r_[
        np.exp(rng.uniform(-700, 700, 20_000)), 1.0 + rng.uniform(-1e-9, 1e-9, 20_000), rng.uniform(0.5, 2, 20_000)
    ]
    np.testing.assert_allclose(_log(x), np.log(x), rtol=5e-16)


def test_log_of_a_ratio_keeps_every_digit_where_the_ratio_is_next_to_one(rng):
    b = rng.uniform(10, 9_000, 20_000)
    a = b * (1.0 + rng.uniform(-1, 1, 20_000) * 10.0 ** rng.uniform(-12, -1, 20_000))
    np.testing.assert_allclose(_log_ratio(a, b), np.log1p((a - b) / b), rtol=6e-16)  # a - b is exact here


def test_log_of_a_ratio_is_within_two_units_in_the_last_place_over_all_octaves(rng):
    a, b = np.exp(rng.uniform(-300, 300, (2, 20_000)))
    with mpmath.workdps(40):  # at its default 53 bits the quotient itself would be rounded
        want = [float(mpmath.log(mpmath.mpf(x) / mpmath.mpf(y))) for x, y in zip(a[:2_000], b[:2_000], strict=True)]
    np.testing.assert_allclose(_log_ratio(a[:2_000], b[:2_000]), want, rtol=5e-16)
    np.testing.assert_allclose(_log_ratio(a, b), np.log(a) - np.log(b), atol=3e-13)


def test_gauss_is_exact_to_the_rounding_of_its_exponent(rng):
    a = np.r_[rng.uniform(0, GAUSS_LIMIT, 20_000), 0.0, np.nextafter(GAUSS_LIMIT, 0)]
    want = np.array([float(mpmath.exp(-(mpmath.mpf(x) ** 2) / 2)) for x in a[:3_000]])
    error = np.abs(_gauss(a[:3_000]) / want - 1.0)
    assert (error <= 5e-16 + 2.3e-16 * a[:3_000] ** 2).all()
    assert np.isnan(_gauss(np.array([np.nan]))[0])


def test_mills_ratio_matches_its_definition_over_the_half_line(rng):
    a = np.r_[0.0, rng.exponential(4, 3_000), np.geomspace(1e-12, 1e3, 500)]
    with mpmath.workdps(40):
        want = [
            float(mpmath.sqrt(mpmath.pi / 2) * mpmath.erfc(x / mpmath.sqrt(2)) * mpmath.exp(x * x / 2))
            for x in map(mpmath.mpf, a)
        ]
    np.testing.assert_allclose(_mills(a), want, rtol=1.2e-15)
    far = np.geomspace(1e3, 1e12, 200)
    np.testing.assert_allclose(_mills(far), special.erfcx(far / np.sqrt(2)) * np.sqrt(np.pi / 2), rtol=2e-15)


def test_normal_distribution_keeps_its_digits_in_the_lower_tail(rng):
    x = np.r_[rng.uniform(-37, 9, 20_000), 0.0]
    np.testing.assert_allclose(_cdf(x), special.ndtr(x), rtol=1e-12)  # d^2 eps: the exponent's own rounding
    near = rng.uniform(-2, 8, 20_000)
    np.testing.assert_allclose(_cdf(near), special.ndtr(near), rtol=3e-15)


@pytest.mark.parametrize("function", [_exp, _log, _gauss, _mills])
def test_a_value_does_not_depend_on_its_position_or_on_the_length(function, rng):
    x = rng.uniform(0.01, 30.0, 101)
    whole = function(x)
    for cut in (1, 2, 3, 4, 5, 7, 8, 15, 33):
        np.testing.assert_array_equal(function(x[:cut].copy()), whole[:cut])
        np.testing.assert_array_equal(function(x[cut:].copy()), whole[cut:])
