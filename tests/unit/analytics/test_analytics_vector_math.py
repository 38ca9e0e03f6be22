"""The lane functions against scipy, and their independence of position."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from scipy import special

from lightning_gex.analytics.vector_math import erfcx_lane, exp_lane, log_lane, normal_cdf_lane


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
def _erfcx(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = erfcx_lane(x[i])
    return out


@numba.njit(error_model="numpy")
def _cdf(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = normal_cdf_lane(x[i], exp_lane(-0.5 * x[i] * x[i]))
    return out


RNG = np.random.default_rng(7)


def test_exp_is_within_two_units_in_the_last_place():
    x = np.r_[RNG.uniform(-708, 709, 20_000), RNG.uniform(-1, 1, 20_000)]
    np.testing.assert_allclose(_exp(x), np.exp(x), rtol=5e-16)


def test_exp_at_its_edges():
    x = np.array([0.0, -0.0, -709.0, -np.inf, 710.0, np.inf, np.nan])
    np.testing.assert_array_equal(_exp(x), [1.0, 1.0, 0.0, 0.0, np.inf, np.inf, np.nan])


def test_log_is_within_two_units_in_the_last_place_also_next_to_one():
    x = np.r_[
        np.exp(RNG.uniform(-700, 700, 20_000)), 1.0 + RNG.uniform(-1e-9, 1e-9, 20_000), RNG.uniform(0.5, 2, 20_000)
    ]
    np.testing.assert_allclose(_log(x), np.log(x), rtol=5e-16)


def test_scaled_complementary_error_function_matches_scipy_over_the_half_line():
    x = np.r_[0.0, RNG.exponential(4, 20_000), np.geomspace(1e-12, 1e12, 5_000)]
    np.testing.assert_allclose(_erfcx(x), special.erfcx(x), rtol=1.5e-15)


def test_normal_distribution_keeps_its_digits_in_the_lower_tail():
    x = np.r_[RNG.uniform(-37, 9, 20_000), 0.0]
    np.testing.assert_allclose(_cdf(x), special.ndtr(x), rtol=1e-12)  # d^2 eps: the exponent's own rounding
    near = RNG.uniform(-2, 8, 20_000)
    np.testing.assert_allclose(_cdf(near), special.ndtr(near), rtol=3e-15)


@pytest.mark.parametrize("function", [_exp, _log, _erfcx])
def test_a_value_does_not_depend_on_its_position_or_on_the_length(function):
    x = RNG.uniform(0.01, 30.0, 101)
    whole = function(x)
    for cut in (1, 2, 3, 4, 5, 7, 8, 15, 33):
        np.testing.assert_array_equal(function(x[:cut].copy()), whole[:cut])
        np.testing.assert_array_equal(function(x[cut:].copy()), whole[cut:])
