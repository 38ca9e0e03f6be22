from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lightning_gex.analytics import bootstrap as b
from lightning_gex.core.errors import InputError


@given(st.integers(1, 400), st.data())
def test_wilson_agrees_with_scipy(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert b.wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_gives_the_published_interval_of_81_in_263() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81 / 263 gives 0.2553 to 0.3662.
    assert b.wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_no_trials_give_no_interval_and_impossible_counts_are_refused() -> None:
    assert all(math.isnan(v) for v in b.wilson_interval(0, 0))
    with pytest.raises(InputError):
        b.wilson_interval(5, 4)


@given(st.integers(0, 10_000), st.integers(2, 40))
def test_student_agrees_with_scipy(seed: int, count: int) -> None:
    values = np.random.default_rng(seed).normal(3.0, 2.0, count)
    expected = stats.t.interval(0.95, count - 1, loc=values.mean(), scale=stats.sem(values))
    assert b.student_interval(values.mean(), values.std(ddof=1), count) == pytest.approx(expected, rel=1e-9)


def test_one_observation_has_no_interval() -> None:
    assert all(math.isnan(v) for v in b.student_interval(1.0, 0.0, 1))


@pytest.mark.parametrize("scheme", list(b.BlockScheme))
def test_every_resample_draws_as_many_dates_as_there_are(scheme: b.BlockScheme) -> None:
    counts = b.date_multiplicities(50, 5, resamples=300, seed=1, scheme=scheme)
    assert counts.shape == (300, 50)
    assert (counts.sum(axis=1) == 50).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(50), abs=0.35)  # wrapping round: no date is favoured


def test_the_same_seed_gives_the_same_resamples() -> None:
    first, again, other = (b.date_multiplicities(40, 4, resamples=20, seed=s) for s in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_block_longer_than_the_data_is_cut_to_it() -> None:
    counts = b.date_multiplicities(3, 99, resamples=10, scheme=b.BlockScheme.CIRCULAR)
    assert (counts == 1).all()


@pytest.mark.parametrize("wrong", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_nothing_to_draw_is_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(InputError):
        b.date_multiplicities(wrong[0], wrong[1], resamples=wrong[2])


@pytest.mark.parametrize("block", [1, 4, 25])
def test_the_variance_of_a_resampled_mean_is_the_published_one_of_the_stationary_bootstrap(block: int) -> None:
    """Politis & Romano (1994), lemma 1: it is exact, given the data, from their autocovariances alone."""
    rng, count, resamples = np.random.default_rng(8), 150, 4_000
    values = np.convolve(rng.normal(size=count + 5), np.ones(6) / 6, mode="valid")
    centred = values - values.mean()
    lag, apart = np.arange(1, count), 1.0 - 1.0 / block
    covariance = np.array([float(centred[k:] @ centred[: count - k]) / count for k in range(count)])
    weight = (1.0 - lag / count) * apart**lag + lag / count * apart ** (count - lag)
    published = (covariance[0] + 2.0 * float(weight @ covariance[1:])) / count
    drawn = b.date_multiplicities(count, block, resamples=resamples, seed=3) @ values / count
    assert drawn.var() == pytest.approx(published, rel=4.0 * math.sqrt(2.0 / resamples))


def test_blocks_widen_the_interval_of_dependent_outcomes_to_the_true_spread() -> None:
    # Moving average of length 10 of white noise: the standard error of the mean is known exactly.
    rng, length, n = np.random.default_rng(5), 10, 1_000
    noise = rng.normal(size=(400, n + length))
    walks = np.stack([noise[:, k : k + n] for k in range(length)]).mean(axis=0)
    truth = walks.mean(axis=1).std()
    counts = b.date_multiplicities(n, 40, resamples=800, seed=2)
    naive = walks[0].std() / math.sqrt(n)
    block = np.mean([b.resampled_ratios(counts, walk, np.ones(n)).std() for walk in walks[:40]])
    assert block == pytest.approx(truth, rel=0.2)
    assert naive < 0.5 * truth


@pytest.mark.parametrize(("horizon", "block"), [(1, 1), (5, 5), (10, 10), (15, 45)])
def test_the_share_of_overlap_seen_is_the_resampled_variance_over_the_true_one(horizon: int, block: int) -> None:
    """Sums of ``horizon`` neighbouring draws: the variance of their mean is known, and that of the resampled one."""
    sessions, seen = 3_000, []
    weights = b.date_multiplicities(sessions, block, resamples=400, seed=2) / sessions
    for seed in range(12):
        draws = np.random.default_rng(seed).standard_normal(sessions + horizon - 1)
        outcome = np.convolve(draws, np.ones(horizon), mode="valid")
        seen.append((weights @ outcome).var())
    assert np.mean(seen) / (horizon**2 / sessions) == pytest.approx(b.overlap_seen(horizon, block), rel=0.1)


def test_overlap_of_no_sessions_is_refused() -> None:
    with pytest.raises(InputError):
        b.overlap_seen(0, 5)


def test_newcombe_gives_the_published_intervals_of_method_ten() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table II, contrasts a, b, e and h.
    for counts, expected in (
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((10, 10, 0, 10), (0.6075, 1.0)),
    ):
        assert b.newcombe_interval(*counts) == pytest.approx(expected, abs=5e-5)
    assert math.isnan(b.newcombe_interval(0, 0, 3, 4)[0])


def test_ratios_equal_the_statistic_recomputed_on_the_drawn_dates() -> None:
    rng = np.random.default_rng(0)
    counts = b.date_multiplicities(30, 3, resamples=25, seed=0)
    top, bottom = rng.normal(size=30), rng.uniform(0.5, 2.0, size=30)
    for row, ratio in zip(counts, b.resampled_ratios(counts, top, bottom), strict=True):
        drawn = np.repeat(np.arange(30), row.astype(int))
        assert ratio == pytest.approx(top[drawn].sum() / bottom[drawn].sum())


def test_a_resample_without_anything_to_divide_by_is_absent() -> None:
    counts = np.array([[2.0, 0.0], [0.0, 2.0]])
    ratios = b.resampled_ratios(counts, np.array([1.0, 0.0]), np.array([2.0, 0.0]))
    assert ratios[0] == 0.5
    assert math.isnan(ratios[1])


def test_an_interval_needs_most_resamples() -> None:
    assert all(math.isnan(v) for v in b.percentile_interval(np.array([1.0, np.nan, np.nan])))
    assert all(math.isnan(v) for v in b.percentile_interval(np.array([])))
    assert b.percentile_interval(np.arange(1001.0)) == pytest.approx((25.0, 975.0))


def test_windows_that_only_touch_do_not_overlap() -> None:
    assert b.disjoint_windows(np.array([0, 5, 10]), np.array([5, 10, 15])) == 3
    assert b.disjoint_windows(np.array([0, 4, 8]), np.array([5, 9, 13])) == 2
    assert b.disjoint_windows(np.array([], dtype=int), np.array([], dtype=int)) == 0


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5)), min_size=1, max_size=9))
def test_disjoint_windows_equal_the_best_subset_by_brute_force(windows: list[tuple[int, int]]) -> None:
    spans = [(start, start + length) for start, length in windows]
    best = 0
    for mask in range(1 << len(spans)):
        chosen = sorted(spans[i] for i in range(len(spans)) if mask >> i & 1)
        if all(one[1] <= two[0] for one, two in pairwise(chosen)):
            best = max(best, len(chosen))
    first, last = np.array(spans).T
    assert b.disjoint_windows(first, last) == best


@pytest.mark.parametrize("resamples", [1, 63, 64, 65, 200])
def test_ratios_of_counts_kept_in_bytes_are_those_of_the_whole_matrix(resamples):
    counts = b.date_multiplicities(300, 10, resamples=resamples, seed=5)
    random = np.random.default_rng(3)
    numerator, denominator = random.normal(size=300), random.integers(0, 2, 300).astype(np.float64)
    expected = (counts @ numerator) / (counts @ denominator)
    narrow = b.resampled_ratios(counts.astype(np.uint8), numerator, denominator)
    assert np.array_equal(narrow, b.resampled_ratios(counts, numerator, denominator))
    np.testing.assert_allclose(narrow, expected, rtol=1e-12)
