"""Opinions are pooled by their log-odds: within their hull, whatever their order, row by row, like by like."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lightning_gex.analytics.opinion_pool import PRIOR_OVERLAP, SUREST, past_overlap, pool
from lightning_gex.core.errors import InputError

CASES = {"seed": st.integers(0, 10**6), "observers": st.integers(1, 6), "rows": st.integers(1, 9)}


def opinions(seed: int, observers: int, rows: int):
    random = np.random.default_rng(seed)
    p = random.uniform(0, 1, (observers, rows))
    p[random.random(p.shape) < 0.15] = 0.5
    p[random.random(p.shape) < 0.05] = 1.0
    p[random.random(p.shape) < 0.2] = np.nan
    return p, random.uniform(0.1, 3.0, observers)


@given(**CASES)
def test_the_pool_lies_within_its_opinions_and_its_parts_add_up(seed, observers, rows):
    p, weight = opinions(seed, observers, rows)
    found = pool(p, weight, past_overlap(p))
    spoke = ~np.isnan(p)
    for t in range(rows):
        if not spoke[:, t].any():
            assert math.isnan(found.probability[t])
            assert math.isnan(found.log_odds[t])
            assert found.effective[t] == 0
            continue
        said = p[spoke[:, t], t]
        assert said.min() <= found.probability[t] <= said.max()
        assert_allclose(found.contribution[:, t].sum(), found.log_odds[t], atol=1e-12)
        assert_allclose(found.share[:, t].sum(), 1.0)
        assert 1.0 - 1e-12 <= found.effective[t] <= len(said) + 1e-12
    assert not found.contribution[~spoke].any()
    assert not found.share[~spoke].any()


@given(**CASES)
def test_a_column_is_pooled_as_if_it_were_alone(seed, observers, rows):
    p, weight = opinions(seed, observers, rows)
    overlap = past_overlap(p)
    whole = pool(p, weight, overlap)
    for t in range(rows):
        one = pool(p[:, t : t + 1], weight, overlap[:, t : t + 1])
        for name in ("log_odds", "probability", "effective"):
            assert_array_equal(getattr(whole, name)[t : t + 1], getattr(one, name), err_msg=name)


@given(**CASES, cut=st.integers(0, 8))
def test_the_overlap_of_a_row_does_not_know_what_comes_after(seed, observers, rows, cut):
    p, _ = opinions(seed, observers, rows)
    assert_array_equal(past_overlap(p)[:, :cut], past_overlap(p[:, :cut]))


def test_log_odds_shares_and_independent_voices_by_hand():
    found = pool(np.array([[0.8], [0.5], [np.nan]]), np.array([2.0, 1.0, 5.0]), np.array([[0.5], [0.9], [0.9]]))
    # both are shared among 1.5 voices, so weights stay 2 : 1; the third is silent and discounts nobody
    assert_allclose(found.share[:, 0], [2 / 3, 1 / 3, 0])
    assert_allclose(found.log_odds, [2 / 3 * math.log(4)])
    assert_allclose(found.probability, [4 ** (2 / 3) / (1 + 4 ** (2 / 3))])
    assert_allclose(found.effective, [9 / (4 + 1 + 2 * 2 * 1 * 0.5)])


def test_two_that_always_agree_weigh_like_one():
    p = np.array([[0.7], [0.7], [0.4]])
    found = pool(p, np.ones(3), np.array([[1.0], [0.0], [0.0]]))
    assert_allclose(found.share[:, 0], [0.25, 0.25, 0.5])
    assert_allclose(found.log_odds, pool(p[1:], np.ones(2), np.zeros((1, 1))).log_odds)


def test_certainty_is_read_as_nearly_that_and_does_not_drown_the_rest():
    found = pool(np.array([[1.0], [0.4]]), np.ones(2), np.zeros((1, 1)))
    limit = math.log(SUREST / (1 - SUREST))
    assert_allclose(found.log_odds, [(limit + math.log(2 / 3)) / 2])
    assert pool(np.array([[1.0], [1.0]]), np.ones(2)).probability[0] == 1.0


def test_overlap_starts_at_its_prior_and_follows_what_was_said():
    rows = 3_000
    random = np.random.default_rng(7)
    one = np.where(random.random(rows) < 0.5, 0.6, 0.4)
    other = np.where(random.random(rows) < 0.5, 0.6, 0.4)
    r = past_overlap(np.stack([one, one, 1 - one, other, np.full(rows, np.nan)]))
    assert_allclose(r[:, 0], PRIOR_OVERLAP)
    same, opposite, unrelated, silent = r[0, -1], r[1, -1], r[2, -1], r[3, -1]
    assert same > 0.97
    assert opposite == 0.0
    assert unrelated < 0.1
    assert silent == pytest.approx(PRIOR_OVERLAP)
    # by hand at row 1: k r0 v + v over k v + v, as the prior's mean square is that of a call at 0.6
    assert_allclose(r[0, 1], (60 * 0.3 + 1) / 61)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="3 weights for 2 observers"):
        pool(np.full((2, 1), 0.5), np.ones(3))
    with pytest.raises(InputError, match="overlap must be"):
        pool(np.full((2, 1), 0.5), np.ones(2), np.ones((2, 1)))
