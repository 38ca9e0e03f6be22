"""A history cut into judged parts with what may be learnt from before each."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lightning_gex.core.errors import InputError, InsufficientDataError
from lightning_gex.core.sessions import sessions_between
from lightning_gex.evaluation.folds import FEWEST_FIT_SESSIONS, FoldScheme, folds

DAYS = sessions_between(np.datetime64("2012-01-01"), np.datetime64("2021-12-31"))


@given(
    st.integers(100, len(DAYS)),
    st.integers(1, 8),
    st.integers(0, 30),
    st.integers(0, 30),
    st.sampled_from(list(FoldScheme)),
)
def test_parts_follow_on_each_other_and_nothing_learnt_reaches_into_them(n, count, purge, embargo, kind):
    days = DAYS[:n]
    assume(n // (count + 1) - purge - embargo >= FEWEST_FIT_SESSIONS)
    found = folds(days, kind=kind, count=count, purge_sessions=purge, embargo_sessions=embargo)
    at = {day: i for i, day in enumerate(days.tolist())}
    place = [tuple(at[d.item()] for d in (f.fit_from, f.fit_to, f.judge_from, f.judge_to)) for f in found]
    assert len(found) == count
    assert place[0][2] == n // (count + 1)
    assert place[-1][3] == n - 1
    for fit_from, fit_to, judge_from, judge_to in place:
        assert 0 <= fit_from <= fit_to
        assert judge_from - fit_to - 1 == purge + embargo
        assert judge_from <= judge_to
    lengths = [judge_to - judge_from + 1 for _, _, judge_from, judge_to in place]
    assert max(lengths) - min(lengths) <= 1
    assert all(before[3] + 1 == after[2] for before, after in pairwise(place))
    fitted = [fit_to - fit_from + 1 for fit_from, fit_to, _, _ in place]
    assert len(set(fitted)) == 1 if kind is FoldScheme.ROLLING else [f[0] for f in place] == [0] * count


def test_what_is_judged_first_can_be_said():
    first = folds(DAYS, count=3, purge_sessions=22, judge_from=np.datetime64("2015-01-01"))[0]
    assert (str(first.judge_from), str(first.fit_from)) == ("2015-01-02", "2012-01-03")


@pytest.mark.parametrize(
    ("arguments", "error", "problem"),
    [
        ({"count": 0, "purge_sessions": 5}, InputError, "at least 1"),
        ({"count": 2, "purge_sessions": -1}, InputError, "negative"),
        ({"count": 2, "purge_sessions": 900}, InsufficientDataError, "0 sessions are left to learn from"),
        ({"count": 9, "purge_sessions": 0, "judge_from": DAYS[-5]}, InsufficientDataError, "5 sessions cannot"),
        ({"count": 9, "purge_sessions": 21, "judge_from": DAYS[-180]}, InsufficientDataError, "each needs 21"),
    ],
)
def test_what_cannot_be_cut_is_refused(arguments, error, problem):
    with pytest.raises(error, match=problem):
        folds(DAYS, **arguments)
