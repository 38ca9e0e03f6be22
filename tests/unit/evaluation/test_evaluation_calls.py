from __future__ import annotations

import numpy as np
import pytest
from evaluation_runs import NAN, abstention, bars, decision, run, vote, wandering_run
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.enums import DecisionStatus, FillPrice
from lightning_gex.core.errors import InputError
from lightning_gex.evaluation.calls import RunIndex, forward_return

OPENS = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]
CLOSES = [10.5, 11.5, 12.5, 12.0, 14.5, 15.5]


def small(direction: int = 1, horizon: int = 2, at: int = 1, fill: FillPrice = FillPrice.OPEN):
    mine = bars("AAA", CLOSES, OPENS)
    return run({"AAA": mine}, [decision("AAA", mine.session[at], direction=direction, horizon=horizon)], fill=fill)


def test_an_entry_is_the_next_open_and_its_horizon_counts_sessions_from_there() -> None:
    taken, which = RunIndex.of(small()).taken()
    assert taken.share_return.tolist() == [pytest.approx(14.0 / 12.0 - 1.0)]
    assert which.tolist() == [0]
    assert taken.hit.tolist() == [True]


def test_where_the_open_is_stale_entry_and_horizon_use_closes() -> None:
    taken, _ = RunIndex.of(small(fill=FillPrice.CLOSE)).taken()
    assert taken.share_return.tolist() == [pytest.approx(14.5 / 12.5 - 1.0)]


def test_a_horizon_that_ends_on_the_last_bar_is_resolved_and_one_later_is_not() -> None:
    last, _ = RunIndex.of(small(at=2)).taken()
    beyond, _ = RunIndex.of(small(at=3)).taken()
    assert len(last.resolved) == 1
    assert len(beyond) == 1
    assert len(beyond.resolved) == 0


def test_a_bearish_call_is_right_when_the_share_falls_and_an_unchanged_price_is_right_for_nobody() -> None:
    assert not RunIndex.of(small(direction=-1)).taken()[0].hit[0]
    mine = bars("AAA", [10.0] * 6, [10.0] * 6)
    both = [decision("AAA", mine.session[0], direction=d) for d in (1, -1)]
    taken, _ = RunIndex.of(run({"AAA": mine}, [both[0]])).taken()
    other, _ = RunIndex.of(run({"AAA": mine}, [both[1]])).taken()
    assert not taken.hit.any()
    assert not other.hit.any()


def test_only_approved_decisions_with_a_direction_are_calls() -> None:
    mine = bars("AAA", CLOSES, OPENS)
    made = [
        decision("AAA", mine.session[0], DecisionStatus.NO_SIGNAL, 0),
        decision("AAA", mine.session[1], DecisionStatus.BLOCKED),
        decision("AAA", mine.session[2], horizon=1),
    ]
    _, which = RunIndex.of(run({"AAA": mine}, made)).taken()
    assert which.tolist() == [2]


def test_history_before_the_run_shifts_no_date() -> None:
    mine = bars("AAA", CLOSES, OPENS)
    made = [decision("AAA", mine.session[3], horizon=1)]
    index = RunIndex.of(run({"AAA": mine}, made, over=mine.session[2:]))
    assert index.date.tolist() == [1]
    assert index.row.tolist() == [3]
    assert index.returns_by_date(0, 1)[1] == pytest.approx(15.0 / 14.0 - 1.0)


def test_a_ticker_listed_later_has_no_return_before_its_first_bar() -> None:
    early, late = bars("AAA", CLOSES, OPENS), bars("BBB", CLOSES[:3], OPENS[:3], start="2014-01-07")
    made = [decision("AAA", early.session[0]), decision("BBB", late.session[0])]
    index = RunIndex.of(run({"AAA": early, "BBB": late}, made, over=early.session))
    assert np.isnan(index.returns_by_date(1, 1)[:3]).all()
    assert index.returns_by_date(1, 1)[3] == pytest.approx(12.0 / 11.0 - 1.0)


def test_votes_are_calls_over_their_own_horizon_and_abstentions_are_counted() -> None:
    mine = bars("AAA", CLOSES, OPENS)
    made = [
        decision("AAA", mine.session[0], votes=(vote("Trend", -1, horizon=1), abstention("Flow"))),
        decision("AAA", mine.session[1], votes=(vote("Trend", 0), vote("Flow", 1, horizon=3))),
    ]
    votes = RunIndex.of(run({"AAA": mine}, made)).votes()
    assert votes["Trend"].neutral == 1
    assert votes["Flow"].abstained == 1
    assert votes["Trend"].calls.share_return.tolist() == [pytest.approx(12.0 / 11.0 - 1.0)]
    assert votes["Flow"].calls.share_return.tolist() == [pytest.approx(15.0 / 12.0 - 1.0)]


def test_votes_stand_in_columns_by_decision_and_an_agent_that_was_not_asked_is_marked_so() -> None:
    mine = bars("AAA", CLOSES, OPENS)
    made = [
        decision("AAA", mine.session[0], votes=(vote("Trend", -1, horizon=1), abstention("Flow"))),
        decision("AAA", mine.session[1], votes=(vote("Flow", 1, horizon=3),)),
    ]
    said = RunIndex.of(run({"AAA": mine}, made)).said
    assert list(said) == ["Trend", "Flow"]
    assert said["Trend"].asked.tolist() == [True, False]
    assert said["Trend"].direction.tolist() == [-1, 0]
    assert said["Trend"].horizon.tolist() == [1, 0]
    assert np.isnan(said["Trend"].confidence[1])
    assert said["Flow"].asked.tolist() == [True, True]
    assert said["Flow"].abstained.tolist() == [True, False]


def test_a_run_without_sessions_or_bars_is_refused() -> None:
    mine = bars("AAA", CLOSES)
    with pytest.raises(InputError, match="single session"):
        RunIndex.of(run({"AAA": mine}, [], over=mine.session[:0]))
    with pytest.raises(InputError, match="BBB was decided upon"):
        RunIndex.of(run({"AAA": mine}, [decision("BBB", mine.session[0])]))


@given(st.integers(1, 30), st.integers(0, 10_000))
def test_truncating_the_future_changes_no_known_return(cut: int, seed: int) -> None:
    mine = bars("AAA", 50 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.02, 40))))
    row = np.arange(len(mine))
    whole = forward_return(mine, FillPrice.OPEN, row, 5)
    part = forward_return(mine.first(len(mine) - cut), FillPrice.OPEN, row[:-cut], 5)
    known = np.isfinite(part)
    assert np.array_equal(part[known], whole[: len(part)][known])
    assert known.sum() == max(0, len(mine) - cut - 6)


def test_confidence_travels_with_the_call() -> None:
    mine = bars("AAA", CLOSES, OPENS)
    made = [decision("AAA", mine.session[0], confidence=NAN), decision("AAA", mine.session[1], confidence=0.7)]
    taken, _ = RunIndex.of(run({"AAA": mine}, made)).taken()
    assert np.isnan(taken.confidence[0])
    assert taken.confidence[1] == 0.7


def test_decisions_of_many_tickers_on_one_date_share_no_independence() -> None:
    index = RunIndex.of(wandering_run(tickers=("A", "B", "C"), count=120))
    taken, _ = index.taken()
    assert taken.disjoint <= 60 // 5 + 1
