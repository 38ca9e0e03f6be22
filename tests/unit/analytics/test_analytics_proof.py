"""What calls have proved: excess over their comparison beyond luck, and nothing where there is only luck."""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lightning_gex.analytics.proof import PROOF_LEVEL, PROOF_WINDOWS, Proof, Score, hurdle, session_scores

HORIZON = 5


@st.composite
def sessions(draw):
    n, a = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    said = [[draw(st.integers(-1, 1)) for _ in range(n)] for _ in range(a)]
    rose = [float(draw(st.booleans())) for _ in range(n)]
    base = [draw(st.floats(0.3, 0.7)) for _ in range(n)]
    return np.array(said, dtype=np.int8), np.array(rose), np.array(base)


@given(sessions())
def test_both_ways_add_up_to_how_much_more_often_calls_were_right_than_their_base_rates(session):
    said, rose, base = session
    found = session_scores(said, rose, base, HORIZON)
    for direction, across, in_time in zip(said, found.across, found.in_time, strict=True):
        right = np.where(direction > 0, rose, 1.0 - rose) - np.where(direction > 0, base, 1.0 - base)
        assert across.total + in_time.total == pytest.approx(right[direction != 0].sum() / HORIZON, abs=1e-12)
        assert across.calls == in_time.calls == pytest.approx(np.count_nonzero(direction) / HORIZON)


@given(sessions())
def test_luck_across_is_what_every_other_order_of_the_same_outcomes_would_have_given(session):
    said, rose, base = session
    surprise = rose - base
    found = session_scores(said, rose, base, 1).across
    for direction, score in zip(said, found, strict=True):
        orders = itertools.islice(itertools.permutations(surprise), 720)  # all of them: at most six tickers
        totals = [float(direction @ (np.array(order) - surprise.mean())) for order in orders]
        assert score.variance == pytest.approx(np.var(totals), abs=1e-9)


@given(sessions(), st.integers(0, 5))
def test_what_all_tickers_have_in_common_proves_nothing_across(session, seed):
    said, rose, base = session
    everybody = np.ones_like(said)
    for score in session_scores(everybody, rose, base, 1).across:
        assert (score.total, score.variance) == (0.0, 0.0)  # to the bit: dust over dust would be evidence
        assert Proof().after(score).edge(0.0) == 0.0
    order = np.random.default_rng(seed).permutation(len(rose))
    first, second = session_scores(said, rose, base, 1), session_scores(said[:, order], rose[order], base[order], 1)
    for one, other in zip((*first.across, *first.in_time), (*second.across, *second.in_time), strict=True):
        assert one == pytest.approx(other, abs=1e-9)


def test_of_one_ticker_there_is_only_time():
    (across,), (in_time,) = (
        getattr(session_scores(np.array([[1]], dtype=np.int8), np.array([1.0]), np.array([0.6]), 2), way)
        for way in ("across", "in_time")
    )
    assert across == (0.0, 0.0, 0.5)
    assert in_time == pytest.approx((0.2, 0.12, 0.5))


def folded(scores, months=1) -> Proof:
    proof = Proof()
    for k, score in enumerate(scores):
        if k and months > 1 and k % (len(scores) // months) == 0:
            proof = proof.at_month(1.0)
        proof = proof.after(score)
    return proof


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.floats(0, 5))
def test_nothing_within_the_hurdle_is_proved_and_what_is_is_shrunk(totals, granted):
    proof = folded([Score(t, 0.2, 1.0) for t in totals])
    edge = proof.edge(granted)
    assert edge >= 0.0
    if proof.total <= granted * proof.standard_error:
        assert edge == 0.0
    else:
        assert edge <= proof.total / (proof.calls + PROOF_WINDOWS)
        assert proof.edge(granted + 1.0) <= edge


def test_months_that_differ_by_more_than_luck_take_over():
    steady = folded([Score(0.5, 0.01, 1.0)] * 12, months=12)
    assert steady.standard_error == pytest.approx(math.sqrt(12 * 0.01))
    wild = folded([Score(0.5 + 2.0 * (-1) ** k, 0.01, 1.0) for k in range(12)], months=12)
    months = np.array([0.5 + 2.0 * (-1) ** k for k in range(12)])
    assert wild.standard_error == pytest.approx(math.sqrt(12 / 11 * ((months - months.mean()) ** 2).sum()))
    assert steady.edge(3.0) > 0.0 == wild.edge(3.0)


def test_everything_is_forgotten_alike_so_that_evidence_fades_and_the_mean_stays():
    fresh = folded([Score(0.5, 0.1, 1.0)] * 40, months=4).at_month(1.0)
    old = fresh.at_month(0.5)
    assert old.total / old.calls == pytest.approx(fresh.total / fresh.calls)
    assert old.standard_error == pytest.approx(0.5 * fresh.standard_error)
    assert old.edge(3.0) < fresh.edge(3.0)


def test_the_hurdle_allows_for_everybody_who_is_looked_at():
    assert hurdle(5) == pytest.approx(NormalDist().inv_cdf(1 - PROOF_LEVEL / 10))
    assert hurdle(1) < hurdle(5) < hurdle(50)


def test_where_there_is_only_luck_no_more_is_proved_than_the_level_says():
    """Tickers that move together, persistent calls that know nothing: one look after four years, many times."""
    generator = np.random.default_rng(11)
    runs, tickers, span = 250, 6, 200
    proved = 0
    for _ in range(runs):
        common = generator.normal(size=(span, 1))
        moves = np.cumsum(common + generator.normal(size=(span, tickers)), axis=0)
        rose = (moves[HORIZON:] > moves[:-HORIZON]).astype(float)
        held = np.repeat(generator.integers(-1, 2, size=(span // 10, tickers)), 10, axis=0)
        proof = Proof(), Proof()
        for day, outcome in enumerate(rose):
            if day and day % 21 == 0:
                proof = tuple(one.at_month(1.0) for one in proof)
            found = session_scores(held[day : day + 1].astype(np.int8), outcome, np.full(tickers, 0.5), HORIZON)
            proof = proof[0].after(found.across[0]), proof[1].after(found.in_time[0])
        proved += any(one.edge(hurdle(1)) > 0.0 for one in proof)
    assert proved <= stats.binom.ppf(0.999, runs, PROOF_LEVEL)
