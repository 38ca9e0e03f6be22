"""The order of a session's universe."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.risk.ranking import HIGH_SESSIONS, nearness_to_high, ranked

_SCORES = st.dictionaries(st.text("ABCDEF", min_size=1, max_size=3), st.floats(allow_nan=True), max_size=12)


@given(_SCORES, st.randoms(use_true_random=False))
def test_the_order_in_which_tickers_come_does_not_matter(scores, random):
    names = list(scores)
    random.shuffle(names)
    shuffled = ranked({name: scores[name] for name in names})
    assert [(t, r.place, r.of) for t, r in shuffled.items()] == [(t, r.place, r.of) for t, r in ranked(scores).items()]


@given(_SCORES)
def test_places_run_from_the_best_score_to_the_worst_and_unknown_scores_come_last(scores):
    places = ranked(scores)
    assert [r.place for r in places.values()] == list(range(1, len(scores) + 1))
    values = [scores[t] for t in places]
    known = [v for v in values if not math.isnan(v)]
    assert known == sorted(known, reverse=True)
    assert all(math.isnan(v) for v in values[len(known) :])


def test_nearness_is_the_close_over_the_highest_close_of_a_year():
    close = np.full(400, 50.0)
    close[100], close[399] = 100.0, 45.0
    assert nearness_to_high(close, 399) == 0.9  # the 100 is more than a year back
    assert nearness_to_high(close, 100 + HIGH_SESSIONS - 1) == 0.5


def test_with_less_than_a_year_nearness_is_not_known():
    close = np.full(HIGH_SESSIONS, 10.0)
    assert math.isnan(nearness_to_high(close, HIGH_SESSIONS - 2))
    assert nearness_to_high(close, HIGH_SESSIONS - 1) == 1.0


@given(st.lists(st.floats(1, 1000), min_size=260, max_size=270), st.floats(1, 1e6))
def test_nearness_lies_within_nought_and_one_and_sees_no_later_close(closes, later):
    close = np.array(closes)
    row = HIGH_SESSIONS + 3
    found = nearness_to_high(close, row)
    assert 0 < found <= 1
    changed = close.copy()
    changed[row + 1 :] = later
    assert nearness_to_high(changed, row) == found
