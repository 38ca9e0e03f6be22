"""Walking Gaussians over an even grid against the exponential at each point."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.gaussian_sums import (
    NEGLIGIBLE_TERM,
    PEAK,
    WIDTH,
    Contracts,
    Grid,
    add_on_grid,
    close_shapes,
    cut_space,
    fold,
    gather,
    space_size,
    value_and_slope,
    widths_that_matter,
)

REACH = math.log(1.2)


def contracts(log_moneyness, widths, shares):
    """Series of one contract each, one year, no carry: the width is the volatility."""
    n = len(widths)
    columns = (np.asarray(column, dtype=float) for column in (log_moneyness, widths, shares))
    return Contracts(*columns, np.arange(n + 1), np.ones(n), np.zeros(n), np.ones(n))


def random_contracts(n, seed, widths=(1e-5, 0.6)):
    rng = np.random.default_rng(seed)
    width = np.exp(rng.uniform(*np.log(widths), n))
    return contracts(rng.normal(0, 0.15, n), width, rng.normal(0, 100, n))


def prepared(c, rows=161, limit=0.0):
    n = len(c.shares)
    space = cut_space(np.full(space_size(n, rows), np.nan), n, rows)
    counts = gather(c, REACH, limit, space.longs, space.shorts, space.narrow)
    return space, counts


def walked(c, rows=161, start=-REACH, step=None, space=None):
    """Net and gross sums on the grid by walking."""
    space, counts = prepared(c, rows) if space is None else space
    grid = Grid(start, 2 * REACH / (rows - 1) if step is None else step, rows)
    widths = widths_that_matter(counts, *space[:3], REACH)
    net, gross = np.zeros((2, rows))
    space.sums[:] = 0.0
    add_on_grid(space.longs, 0, counts.longs, grid, widths, space.sums, space.walks)
    fold(space.sums, 1.0, net, gross)
    add_on_grid(space.shorts, 0, counts.shorts, grid, widths, space.sums, space.walks)
    fold(space.sums, -1.0, net, gross)
    return net, gross


def plain(c, x):
    """The sum and the sum of sizes, written as it stands."""
    peak = c.log_moneyness - 0.5 * c.implied_vol**2
    z = (np.asarray(x)[:, None] - peak) / c.implied_vol
    terms = c.shares * np.exp(-0.5 * z * z) / (np.sqrt(2 * np.pi) * c.implied_vol)
    return np.array([math.fsum(row) for row in terms]), np.abs(terms).sum(axis=1)


@given(st.integers(0, 100_000), st.integers(1, 60), st.sampled_from([2, 3, 50, 161, 400]))
def test_a_walk_equals_the_exponential_at_every_point(seed, n, rows):
    c = random_contracts(n, seed)
    x = np.linspace(-REACH, REACH, rows)
    want, sizes = plain(c, x)
    net, gross = walked(c, rows)
    # Where only narrow contracts lie between the points, their tails carry the rounding of z^2.
    largest = max(sizes.max(), np.max(np.abs(c.shares) / c.implied_vol) * 1e-3)
    np.testing.assert_allclose(net, want, rtol=0, atol=1e-12 * largest)
    np.testing.assert_allclose(gross, sizes, rtol=0, atol=1e-12 * largest)


def test_the_longest_walk_keeps_its_digits():
    for width in (0.009, 0.01, 0.03, 0.1, 1.0):  # from four steps of the grid on
        c = contracts([0.0, 0.05, -0.12], [width] * 3, [1.0, 2.0, 3.0])
        want, sizes = plain(c, np.linspace(-REACH, REACH, 173))
        net, _ = walked(c, 173)
        np.testing.assert_allclose(net, want, rtol=0, atol=5e-14 * sizes.max())


def test_the_tail_of_a_chain_whose_peaks_all_lie_outside_is_summed_too():
    c = contracts([0.9, -1.1, 0.7], [0.08, 0.1, 0.05], [1.0, -4.0, 2.0])
    want, sizes = plain(c, np.linspace(-REACH, REACH, 161))
    net, _ = walked(c)
    np.testing.assert_allclose(net, want, rtol=0, atol=1e-12 * sizes.max())
    assert sizes.max() < 1e-9 * 4 / 0.1


def test_order_and_grouping_change_no_more_than_rounding():
    c = random_contracts(300, 4, widths=(0.01, 0.6))
    net, gross = walked(c)
    order = np.random.default_rng(0).permutation(300)
    shuffled = contracts(c.log_moneyness[order], c.implied_vol[order], c.shares[order])
    np.testing.assert_allclose(walked(shuffled)[0], net, rtol=0, atol=1e-14 * gross.max())
    halves = [
        walked(contracts(c.log_moneyness[part], c.implied_vol[part], c.shares[part]))[0]
        for part in (slice(0, 137), slice(137, 300))
    ]
    np.testing.assert_allclose(sum(halves), net, rtol=0, atol=1e-14 * gross.max())


def test_the_mirror_position_has_the_mirror_sum_to_the_last_digit():
    c = random_contracts(200, 5)
    net, gross = walked(c)
    mirrored, mirror_gross = walked(c._replace(shares=-c.shares))
    np.testing.assert_array_equal(mirrored, -net)
    np.testing.assert_array_equal(mirror_gross, gross)


def test_scratch_need_not_be_clean():
    c = random_contracts(77, 6)
    space, counts = prepared(c)
    once, _ = walked(c, space=(space, counts))
    twice, _ = walked(c, space=(space, counts))
    np.testing.assert_array_equal(once, twice)


def test_contracts_without_shares_volatility_or_time_do_not_count():
    c = contracts([0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.1, np.nan, 0.1, 0.0, -0.2, 0.1], [5.0, 1, np.nan, 1, 1, 0.0])
    space, counts = prepared(c)
    assert counts[:3] == (1, 0, 0)
    assert space.longs[PEAK, 0] == pytest.approx(-0.005)
    assert space.longs[WIDTH, 0] == 0.1


def test_narrow_contracts_stand_apart_in_the_order_given():
    c = contracts([0.01, 0.02, 0.03, 0.04], [0.001, 0.1, 0.002, 0.2], [1.0, -1.0, -1.0, 1.0])
    space, counts = prepared(c, limit=0.01)
    assert counts[:3] == (1, 1, 2)
    np.testing.assert_allclose(space.narrow[WIDTH, :2], [0.001, 0.002])


def test_what_is_zero_all_over_the_range_is_left_out():
    _, counts = prepared(contracts([3.0, -3.0, 0.0], [0.01, 0.01, 0.01], [1.0, 1.0, 1.0]))
    assert counts.longs == 1


def test_a_term_matters_down_to_the_negligible_share_of_the_largest_peak():
    c = contracts([0.0, 0.1], [0.1, 0.1], [1.0, -3.0])
    space, counts = prepared(c)
    widths = widths_that_matter(counts, *space[:3], REACH)
    assert math.exp(-0.5 * widths**2) == pytest.approx(NEGLIGIBLE_TERM)
    empty, none = prepared(contracts([0.0], [0.1], [0.0]))
    assert widths_that_matter(none, *empty[:3], REACH) == 0.0


def test_a_needle_between_the_points_does_not_make_the_rest_negligible():
    needle = contracts([0.0011, 0.0], [1e-12, 0.1], [1e6, 1.0])
    space, counts = prepared(needle, limit=0.01)
    widths = widths_that_matter(counts, *space[:3], REACH)
    assert counts.scale == pytest.approx(1.0 / (0.1 * math.sqrt(2 * math.pi)))
    assert math.exp(-0.5 * widths**2) * counts.largest <= NEGLIGIBLE_TERM * counts.scale * (1 + 1e-9)


@given(st.integers(0, 100_000), st.integers(1, 600), st.floats(-0.2, 0.2))
def test_value_and_slope_at_a_point_are_those_of_the_sum(seed, n, x):
    c = random_contracts(n, seed, widths=(0.003, 0.6))
    space, counts = prepared(c, limit=0.01)
    value, slope = value_and_slope(counts, *space[:3], x, space.terms)
    (want,), (size,) = plain(c, [x])
    assert abs(value - want) <= 1e-12 * size + 1e-300
    h = 1e-6
    ahead, behind = plain(c, [x + h])[0][0], plain(c, [x - h])[0][0]
    steepest = np.sum(np.abs(c.shares) / c.implied_vol**2)
    assert abs(slope - (ahead - behind) / (2 * h)) <= 1e-5 * steepest


def test_the_tile_behind_the_last_contract_is_emptied():
    space, _ = prepared(random_contracts(40, 1))
    space.longs[:] = 7.0
    close_shapes(space.longs, 5)
    assert (space.longs[:, 5:21] == 0.0).all()
    assert (space.longs[:, :5] == 7.0).all()
    assert (space.longs[:, 21:] == 7.0).all()
