from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from lightning_gex.analytics.bootstrap import overlap_seen
from lightning_gex.evaluation.intervals import DateBootstrap, IntervalMethod

BOOTSTRAP = DateBootstrap(dates=400, block_length=5, seed=1, resamples=600)


def test_independent_outcomes_get_wilsons_interval() -> None:
    hit = np.arange(30) % 3 == 0
    interval, method = BOOTSTRAP.proportion(hit, np.arange(30) * 6, 30)
    expected = stats.binomtest(10, 30).proportion_ci(0.95, method="wilson")
    assert method is IntervalMethod.WILSON
    assert interval == pytest.approx((expected.low, expected.high))


def test_four_wins_of_four_are_no_certainty() -> None:
    # DOMAIN: 4 of 4 wins is a 95 % interval of 0.51 to 1.
    (low, high), _ = BOOTSTRAP.proportion(np.ones(4, dtype=bool), np.arange(4) * 10, 4)
    assert low == pytest.approx(0.51, abs=0.005)
    assert high == 1.0


def test_few_episodes_count_as_few_however_many_outcomes_they_hold() -> None:
    hit, date = np.ones(50, dtype=bool), np.arange(50)
    (low, _), method = BOOTSTRAP.proportion(hit, date, 10)
    assert method is IntervalMethod.WILSON_DISJOINT
    assert low == pytest.approx(stats.binomtest(10, 10).proportion_ci(0.95, method="wilson").low)


def test_outcomes_that_are_all_alike_are_not_resampled_into_certainty() -> None:
    (low, high), method = BOOTSTRAP.proportion(np.ones(200, dtype=bool), np.arange(200), 40)
    assert method is IntervalMethod.WILSON_DISJOINT
    assert low < 1.0 == high


def test_overlapping_outcomes_are_resampled_in_blocks_and_get_wider_intervals() -> None:
    rng = np.random.default_rng(4)
    episodes = np.repeat(rng.random(80) < 0.5, 5)
    (low, high), method = BOOTSTRAP.proportion(episodes, np.arange(400), 80)
    naive = stats.binomtest(int(episodes.sum()), 400).proportion_ci(0.95, method="wilson")
    assert method is IntervalMethod.BLOCK_BOOTSTRAP
    assert high - low > 1.5 * (naive.high - naive.low)


def test_tickers_that_move_together_count_once() -> None:
    rng = np.random.default_rng(4)
    one = rng.random(400) < 0.5
    apart, _ = BOOTSTRAP.proportion(one, np.arange(400), 80)
    together, _ = BOOTSTRAP.proportion(np.tile(one, 10), np.tile(np.arange(400), 10), 80)
    assert together == pytest.approx(apart)


def test_means_use_student_for_few_episodes_and_blocks_for_many() -> None:
    values = np.random.default_rng(0).normal(1.0, 2.0, 100)
    few, how_few = BOOTSTRAP.mean(values, np.arange(100), 9)
    many, how_many = BOOTSTRAP.mean(values, np.arange(100), 30)
    expected = stats.t.interval(0.95, 8, loc=values.mean(), scale=values.std(ddof=1) / 3)
    assert how_few is IntervalMethod.STUDENT_DISJOINT
    assert few == pytest.approx(expected)
    assert how_many is IntervalMethod.BLOCK_BOOTSTRAP
    assert many[0] < values.mean() < many[1]


def test_nothing_has_no_interval() -> None:
    nothing = np.array([], dtype=int)
    assert BOOTSTRAP.proportion(nothing.astype(bool), nothing, 0)[1] is IntervalMethod.NONE
    assert math.isnan(BOOTSTRAP.mean(np.array([1.0]), np.array([0]), 1)[0][0])


@pytest.mark.parametrize("horizon", [7, 15])
def test_outcomes_over_a_horizon_decided_every_day_are_covered_as_often_as_stated(horizon: int) -> None:
    """Rises of a walk over so many sessions, one a session; the truth is one half. Bare resampling covers 89 %."""
    sessions, runs, covered, bare = 750, 240, 0, 0
    bootstrap = DateBootstrap(sessions, horizon, seed=1, resamples=400)
    for seed in range(runs):
        walk = np.cumsum(np.random.default_rng(seed).standard_normal(sessions + horizon))
        rose, date = walk[horizon:] > walk[:sessions], np.arange(sessions)
        (low, high), method = bootstrap.proportion(rose, date, sessions // horizon)
        assert method is IntervalMethod.BLOCK_BOOTSTRAP
        covered += low <= 0.5 <= high
        resampled = bootstrap.ratios(bootstrap.by_date(date, rose.astype(float)), bootstrap.by_date(date))
        bare += np.quantile(resampled, 0.025) <= 0.5 <= np.quantile(resampled, 0.975)
    assert covered / runs >= stats.binom.ppf(0.001, runs, 0.95) / runs
    assert bare < covered


def test_an_interval_without_overlap_is_student_s_alone() -> None:
    resampled = np.linspace(-1.0, 1.0, 2_001)
    low, high = BOOTSTRAP.interval(resampled, 0.0, 10, overlapping=False)
    assert high == pytest.approx(0.95 * stats.t.ppf(0.975, 9) / stats.norm.ppf(0.975))
    assert low == pytest.approx(-high)
    wider = BOOTSTRAP.interval(resampled, 0.0, 10)[1]
    assert wider == pytest.approx(high / overlap_seen(5, 5) ** 0.5)
    assert math.isnan(BOOTSTRAP.interval(resampled, 0.0, 1)[0])


def test_the_same_draws_are_made_once_and_cannot_be_changed() -> None:
    again = DateBootstrap(dates=400, block_length=5, seed=1, resamples=600)
    assert again.multiplicities is BOOTSTRAP.multiplicities
    with pytest.raises(ValueError, match="read-only"):
        again.multiplicities[0, 0] = 1.0


def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says() -> None:
    rng, covered = np.random.default_rng(11), 0
    for _ in range(150):
        episodes = np.repeat(rng.random(80) < 0.55, 5)
        (low, high), _ = BOOTSTRAP.proportion(episodes, np.arange(400), 80)
        covered += low <= 0.55 <= high
    assert 0.86 <= covered / 150 <= 0.99
