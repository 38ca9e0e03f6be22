"""A probability starts from its base rate and follows what came true, no further than outcomes carry it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lightning_gex.analytics.calibration import brier, ece
from lightning_gex.analytics.recalibration import (
    HIGHEST,
    LONG_RUN_RISES,
    LOWEST,
    Recalibration,
    Statement,
    share_of_rises,
)
from lightning_gex.core.errors import InputError

STATEMENTS = st.builds(
    Statement,
    direction=st.sampled_from([-1, 1]),
    horizon_sessions=st.integers(1, 21),
    anchor=st.floats(0.0, 1.0),
    confidence=st.floats(0.5, 1.0),
)


def learnt(pairs) -> Recalibration:
    made = Recalibration()
    for statement, right in pairs:
        made = made.after(statement, right=right)
    return made


@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 12), st.integers(0, 60))
def test_a_base_rate_knows_nothing_of_later_rows_and_nothing_of_its_place(seed, rows, horizon, cut):
    random = np.random.default_rng(seed)
    price = 100 * np.exp(np.cumsum(random.normal(0, 0.01, rows)))
    price[random.random(rows) < 0.1] = np.nan
    horizons = random.integers(1, horizon + 1, rows)
    whole = share_of_rises(price, horizons)
    assert_array_equal(whole[:cut], share_of_rises(price[:cut], horizons[:cut]))
    known = whole[~np.isnan(whole)]
    assert ((known > 0) & (known < 1)).all()


def test_a_base_rate_by_hand():
    price = np.array([1.0, 2.0, 1.5, 3.0, 4.0, 3.5])
    found = share_of_rises(price, np.full(6, 2))
    assert np.isnan(found[:2]).all()
    # moves over two sessions: up, up, up, up; each counts one half beside 100 windows of the long run
    expected = [(up / 2 + 100 * LONG_RUN_RISES) / (moves / 2 + 100) for up, moves in ((1, 1), (2, 2), (3, 3), (4, 4))]
    assert_allclose(found[2:], expected)


def test_no_move_that_has_ended_is_no_base_rate():
    assert np.isnan(share_of_rises(np.array([1.0, 2.0]), np.array([2, 2]))).all()
    assert np.isnan(share_of_rises(np.full(4, np.nan), np.ones(4, dtype=np.int64))).all()
    with pytest.raises(InputError, match="at least one session"):
        share_of_rises(np.ones(2), np.zeros(2, dtype=np.int64))
    with pytest.raises(InputError, match="horizons for"):
        share_of_rises(np.ones(2), np.ones(3, dtype=np.int64))


@given(STATEMENTS)
def test_nothing_learnt_leaves_the_anchor_within_bounds(statement):
    assert Recalibration().probability(statement) == min(max(statement.anchor, LOWEST), HIGHEST)


@given(st.lists(st.tuples(STATEMENTS, st.booleans()), max_size=30), STATEMENTS)
def test_a_probability_stays_within_bounds_and_never_falls_when_the_call_came_true_once_more(pairs, statement):
    before = learnt(pairs)
    assert LOWEST <= before.probability(statement) <= HIGHEST
    one, other = (before.after(statement, right=right) for right in (False, True))
    assert one.rises.weight == other.rises.weight
    toward = statement.direction * (other.rises.total - one.rises.total)
    assert toward == pytest.approx(1 / statement.horizon_sessions)


@given(st.lists(st.tuples(STATEMENTS, st.booleans()), max_size=20), STATEMENTS, st.floats(0.5, 1.0))
def test_who_is_surer_is_never_believed_less(pairs, statement, confidence):
    made = learnt(pairs)
    low, high = sorted((statement.confidence, confidence))
    surer, less = (Statement(statement.direction, statement.horizon_sessions, statement.anchor, c) for c in (high, low))
    assert made.probability(surer) >= made.probability(less) - 1e-12


def test_one_outcome_by_hand():
    made = Recalibration().after(Statement(-1, 10, 0.4, 0.6), right=False)
    # a fall that did not come, where 40 % usually do: 0.4 more rises than said, counting a tenth of a window
    assert_allclose(made.rises.total, 0.04)
    assert_allclose(made.rises.weight, 0.1)
    assert_allclose(made.probability(Statement(1, 5, 0.55, 0.55)), 0.55 + 0.04 / 50.1, rtol=1e-9)
    assert made.slope == 0.0  # the surer of usual was wrong: a negative slope is not believed


def test_where_prices_rise_more_often_than_before_both_directions_follow():
    random = np.random.default_rng(3)
    pairs = []
    for _ in range(4_000):
        way = int(random.choice([-1, 1]))
        rose = random.random() < 0.7
        pairs.append((Statement(way, 5, 0.56 if way > 0 else 0.44, 0.55), rose == (way > 0)))
    made = learnt(pairs)
    assert made.probability(Statement(1, 5, 0.56, 0.55)) == pytest.approx(0.68, abs=0.02)
    assert made.probability(Statement(-1, 5, 0.44, 0.55)) == pytest.approx(0.32, abs=0.02)


def test_calls_that_come_true_either_way_are_believed_and_chance_is_not():
    random = np.random.default_rng(8)

    def after(hit_rate: float) -> Recalibration:
        ways = random.choice([-1, 1], 4_000)
        return learnt((Statement(int(way), 5, 0.5, 0.55), random.random() < hit_rate) for way in ways)

    skilled, lucky = after(0.65), after(0.5)
    for way in (-1, 1):
        assert skilled.probability(Statement(way, 5, 0.5, 0.55)) == pytest.approx(
            0.615, abs=0.02
        )  # 0.65 less 2 x 0.018
    assert lucky.skill == 0.0


@given(st.lists(st.tuples(STATEMENTS, st.booleans()), max_size=8))
def test_the_first_few_outcomes_are_no_skill(pairs):
    short = [(s, right) for s, right in pairs if s.horizon_sessions >= 2]
    assert learnt(short).skill == 0.0  # at most 4 windows: chance reaches 0.5


def test_sureness_that_tells_something_is_learnt_and_helps_out_of_sample():
    random = np.random.default_rng(4)
    confidence = random.uniform(0.52, 0.7, 8_000)
    right = random.random(8_000) < 0.5 + 2.0 * (confidence - 0.55)
    made, said = Recalibration(), []
    for c, came in zip(confidence, right, strict=True):
        statement = Statement(1, 1, 0.5, float(c))
        said.append(made.probability(statement))
        made = made.after(statement, right=bool(came))
    late = slice(4_000, None)
    assert made.slope > 0.2
    assert ece(np.array(said)[late], right[late]) < 0.03
    assert brier(np.array(said)[late], right[late]) < brier(np.full(4_000, right[:4_000].mean()), right[late]) - 0.005


def test_certainty_has_a_finite_sureness():
    assert math.isfinite(Statement(1, 5, 0.5, 1.0).sureness)
