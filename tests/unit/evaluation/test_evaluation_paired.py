"""Two runs on the same sessions: the difference, and how sure it is."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from evaluation_runs import CAPITAL, bars, decision, run

from lightning_gex.analytics.bootstrap import newcombe_interval
from lightning_gex.core.errors import InputError
from lightning_gex.evaluation.paired import Judged, difference

COUNT = 500


def judged(seed: int = 0, *, rate: float = 0.5, drift: float = 0.0) -> Judged:
    """A run of so many sessions without its parts: a call each session, right so often, with so much growth."""
    random = np.random.default_rng(seed)
    return Judged(
        run_id=f"run-{seed}",
        hits=(random.random(COUNT) < rate).astype(float),
        known=np.ones(COUNT),
        expected=np.full(COUNT, 0.5),
        growth=random.normal(drift, 0.01, COUNT),
        held=np.zeros(COUNT),
        drawdown=0.2,
        longest_horizon=5,
        disjoint=COUNT // 5,
        trades=40,
    )


def test_a_run_differs_from_itself_by_nothing_and_surely() -> None:
    one = judged(1)
    found = difference(one, one)
    assert (found.accuracy, found.return_a_year, found.max_drawdown, found.trades) == (0.0, 0.0, 0.0, 0)
    assert found.accuracy_interval == found.return_interval == (0.0, 0.0)


def test_a_better_run_is_better_by_what_it_gained() -> None:
    other = judged(2)
    one = replace(other, hits=np.ones(COUNT), growth=other.growth + 0.001, drawdown=0.1, trades=50)
    found = difference(one, other)
    assert found.accuracy == pytest.approx(1.0 - other.hits.mean())
    assert found.accuracy_interval[0] > 0.3
    assert found.return_a_year == pytest.approx(0.252)
    assert found.return_interval == pytest.approx((0.252, 0.252))  # paired: what both share falls out
    assert found.max_drawdown == pytest.approx(-0.1)
    assert found.trades == 10


def test_luck_alone_is_called_a_difference_no_more_often_than_stated() -> None:
    outside = 0
    for seed in range(30):
        low, high = difference(judged(2 * seed), judged(2 * seed + 1)).return_interval
        outside += not low <= 0.0 <= high
    assert outside <= 5  # 1.5 expected; 6 of 30 come by chance once in 300


def test_a_handful_of_decisions_makes_an_interval_for_a_handful() -> None:
    """Three right of four against one of four, on the same dates: resampling would call that sure."""
    few, more, less = np.zeros((3, COUNT))
    few[[50, 150, 250, 350]] = more[[50, 150, 250]] = less[50] = 1.0
    one = replace(judged(1), hits=more, known=few, expected=few / 2, disjoint=4)
    low, high = difference(one, replace(one, hits=less)).accuracy_interval
    assert (low, high) == pytest.approx(newcombe_interval(3, 4, 1, 4))
    assert low < 0.0 < 0.5 < high
    assert difference(one, replace(one, hits=less)).excess_accuracy_interval == pytest.approx((low, high))


def test_a_single_stretch_of_sessions_makes_no_interval_of_a_return() -> None:
    other = judged(1)
    lucky = other.growth.copy()
    lucky[100:103] += 0.05
    found = difference(replace(other, growth=lucky), other)
    assert found.return_a_year > 0.0
    assert math.isnan(found.return_interval[0])


def test_swapping_the_runs_turns_every_sign() -> None:
    one, other = judged(3, rate=0.6), judged(4)
    there, back = difference(one, other), difference(other, one)
    assert there.accuracy == -back.accuracy
    assert there.return_interval == pytest.approx((-back.return_interval[1], -back.return_interval[0]))


def test_a_run_that_took_nothing_has_no_accuracy_to_compare_and_still_a_return() -> None:
    nothing = replace(judged(5), hits=np.zeros(COUNT), known=np.zeros(COUNT), expected=np.zeros(COUNT), disjoint=0)
    found = difference(judged(6), nothing)
    assert math.isnan(found.accuracy)
    assert math.isnan(found.accuracy_interval[0])
    assert math.isfinite(found.return_a_year)


def test_runs_over_other_sessions_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="sessions"):
        difference(judged(1), replace(judged(2), growth=np.zeros(COUNT + 1)))


def test_the_sums_of_a_run_are_its_decisions_and_its_curve() -> None:
    close = 100 * np.exp(np.cumsum(np.where(np.arange(60) < 30, 0.01, -0.01)))
    mine = bars("AAA", close)
    rows = [5, 10, 40]
    made = run({"AAA": mine}, [decision("AAA", mine.session[i], horizon=5) for i in rows])
    found = Judged.of(made)
    assert np.flatnonzero(found.known).tolist() == rows
    assert np.flatnonzero(found.hits).tolist() == [5, 10]
    assert found.accuracy == pytest.approx(2 / 3)
    rises = np.mean([mine.open[i + 6] > mine.open[i + 1] for i in range(60 - 6)])
    assert found.expected[5] == pytest.approx(rises)
    curve = np.r_[CAPITAL, made.equity]
    np.testing.assert_allclose(found.growth, np.diff(np.log(curve)))
    assert len(found.held) == len(found.growth)
    share = float(np.mean(made.exposure / made.equity))
    expected = np.log1p(share * np.diff(mine.close) / mine.close[:-1])
    np.testing.assert_allclose(found.held[1:], expected, atol=1e-6)  # but for the cost of buying it once
    assert found.longest_horizon == 5
