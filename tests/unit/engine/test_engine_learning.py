"""What outcomes teach is a fold over them: in order, replayable, and it never knows more than the outcomes told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_events import pattern
from lightning_gex.analytics.proof import hurdle
from lightning_gex.core.enums import Direction, MarketRegime
from lightning_gex.core.errors import InputError
from lightning_gex.core.patterns import AgentCall, Outcome, Pattern
from lightning_gex.engine.learning import CONSENSUS, Learning, learnt_from

UP, DOWN, NEITHER = Direction.BULLISH, Direction.BEARISH, Direction.NEUTRAL
START = datetime(2020, 1, 2, 21, tzinfo=UTC)
CALLS = (
    AgentCall("A", UP, 0.7),
    AgentCall("B", DOWN, 0.4),
    AgentCall("C", NEITHER, 0.5),
    AgentCall("D", NEITHER, np.nan),
)


def signal(number: int = 0, **changes) -> Pattern:
    usual = {"confidence": 0.6, "raw_confidence": 0.55, "base_rate": 0.58, "calls": CALLS, "horizon_sessions": 5}
    made = replace(pattern(f"p{number}"), as_of=START + timedelta(days=number), **usual)
    return replace(made, **changes)


def came(number: int = 0, *, right: bool = True, days: int = 7) -> Outcome:
    moved = 0.02 if right else -0.02
    return Outcome(moved, right, START + timedelta(days=number + days), moved)


@st.composite
def histories(draw) -> list[tuple[Pattern, Outcome]]:
    count = draw(st.integers(0, 12))
    made = []
    for k in range(count):
        changes = {
            "ticker": draw(st.sampled_from(["AAA", "BBB"])),
            "direction": draw(st.sampled_from([UP, DOWN])),
            "base_rate": draw(st.sampled_from([None, 0.4, 0.6])),
            "regime": draw(st.sampled_from([None, MarketRegime.CRISIS])),
            "horizon_sessions": draw(st.integers(1, 21)),
        }
        made.append((signal(30 * k, **changes), came(30 * k, right=draw(st.booleans()))))
    return made


def folded(history) -> Learning:
    learning = Learning()
    for given_signal, outcome in history:
        learning = learning.after(given_signal, outcome)
    return learning


@given(histories())
def test_what_is_learnt_is_the_fold_over_the_outcomes_however_the_signals_are_listed(history):
    patterns = [replace(p, outcome=o) for p, o in history]
    assert learnt_from(reversed([*patterns, signal(999)])) == folded(history)  # one without an outcome teaches nothing


@given(histories())
def test_what_a_decision_rests_on_survives_being_put_on_record(history):
    learning = folded(history)
    carried = Learning.from_figures(learning.figures())
    assert carried == replace(learning, reliability={})
    asked = {"direction": UP, "horizon_sessions": 7, "base_rate": 0.57, "confidence": 0.56}
    assert carried.calibrated(**asked) == learning.calibrated(**asked)


@given(histories())
def test_every_outcome_is_counted_once_in_every_table(history):
    learning = folded(history)
    assert learning.resolved == len(history)
    everything = learning.reliable()
    assert everything.get(CONSENSUS, (0,))[0] == len(history)
    by_ticker = [learning.reliable(ticker=t).get(CONSENSUS, (0,))[0] for t in ("AAA", "BBB")]
    by_regime = [learning.reliable(regime=r).get(CONSENSUS, (0,))[0] for r in ("", "crisis")]
    assert sum(by_ticker) == sum(by_regime) == len(history)


def test_each_agent_is_judged_by_its_own_call():
    learning = folded([(signal(0), came(0)), (signal(1), came(1, right=False))])
    found = learning.reliable()
    assert set(found) == {"A", "B", CONSENSUS}  # neither the neutral one nor the one that abstained said anything
    assert (found["A"].calls, found["A"].right, found["A"].mean_probability) == (2, 1, pytest.approx(0.7))
    assert (found["B"].calls, found["B"].right, found["B"].mean_probability) == (2, 1, pytest.approx(0.6))
    assert found[CONSENSUS].mean_probability == pytest.approx(0.6)
    assert found["A"].brier == pytest.approx((0.3**2 + 0.7**2) / 2)
    assert found["A"].hit_rate == 0.5


def test_a_share_that_did_not_move_makes_neither_side_right():
    still = Outcome(-0.001, False, START + timedelta(days=7), 0.0)
    found = folded([(signal(), still)]).reliable()
    assert (found["A"].right, found["B"].right) == (0, 0)


def test_without_a_followed_horizon_winning_stands_in():
    won = Outcome(0.01, True, START + timedelta(days=3))
    found = folded([(signal(base_rate=None), won)]).reliable()
    assert (found["A"].right, found["B"].right) == (1, 0)


def test_a_probability_starts_from_the_base_rate_of_the_direction_and_says_so():
    found = Learning().calibrated(direction=DOWN, horizon_sessions=7, base_rate=0.41, confidence=0.6)
    assert (found.probability, found.anchor, found.outcomes, found.fallback) == (0.41, 0.41, 0, None)
    assert found.reason == "bearish was right 41.0% of the time over 7 sessions, +0.000 by 0 outcomes"


def test_without_a_base_rate_the_confidence_stands_in_and_is_corrected_apart():
    based = folded([(signal(k), came(k)) for k in range(200)])
    found = based.calibrated(direction=UP, horizon_sessions=7, base_rate=float("nan"), confidence=0.6)
    assert (found.probability, found.outcomes) == (0.6, 0)
    assert found.fallback == "no price history for a base rate: the confidence itself stands in"
    unbased = folded([(signal(k, base_rate=None), came(k)) for k in range(200)])
    assert (
        unbased.calibrated(direction=UP, horizon_sessions=7, base_rate=float("nan"), confidence=0.6).probability > 0.65
    )


def test_a_neutral_consensus_has_no_probability_of_being_right():
    with pytest.raises(InputError, match="direction"):
        Learning().calibrated(direction=NEITHER, horizon_sessions=7, base_rate=0.5, confidence=0.5)


def test_outcomes_move_the_probability_towards_what_came_true():
    asked = {"direction": UP, "horizon_sessions": 5, "base_rate": 0.58, "confidence": 0.55}
    good, bad = (folded([(signal(k), came(k, right=right)) for k in range(300)]) for right in (True, False))
    assert bad.calibrated(**asked).probability < 0.45 < 0.58 < 0.7 < good.calibrated(**asked).probability


def judgement(agent: str, total: float, *, way: str = "across", variance: float = 0.02) -> dict[str, float]:
    return {f"{agent}|{way}|total": total, f"{agent}|{way}|variance": variance, f"{agent}|{way}|calls": 1.0}


def judged(figures: dict[str, float], days: int) -> Learning:
    learning = Learning()
    for day in range(days):
        learning = learning.judged(START + timedelta(days=day), figures)
    return learning


def test_an_agent_proves_itself_at_the_turn_of_a_month_and_others_stay_as_they_were():
    figures = judgement("A|B", 0.2) | judgement("C", 0.01) | judgement("D", 0.2, way="in_time")
    early = judged(figures, 30)
    assert early.proved == {}  # January is not over
    learning = judged(figures, 40)
    assert learning.month == 2020 * 12 + 2
    assert set(learning.proved) == {"A|B", "D"}
    assert learning.proved["A|B"].across == early.standing["A|B"].across.edge(hurdle(3)) > 0.0
    assert learning.proved["D"].in_time > 0.0 == learning.proved["D"].across
    assert Learning.from_figures(learning.figures()) == learning


def test_what_an_agent_has_proved_fades_where_it_says_nothing_more():
    learning = judged(judgement("A", 0.2), 120)
    before = learning.standing["A"].across
    later = learning.judged(START + timedelta(days=120 + 731), judgement("B", 0.0))
    assert later.standing["A"].across.total == pytest.approx(before.total * 0.5, rel=0.06)  # half in two years
    again = later.judged(START + timedelta(days=120 + 762), judgement("B", 0.0))
    assert 0.0 < again.proved["A"].across < learning.proved["A"].across


def test_what_proved_agents_add_moves_the_start_and_is_told():
    asked = {"direction": UP, "horizon_sessions": 7, "base_rate": 0.41, "confidence": 0.6}
    found = Learning().calibrated(**asked, proved_shift=0.08)
    assert found.probability == found.anchor == pytest.approx(0.49)
    assert ", +0.080 by agents that have proved themselves, " in found.reason


def test_learning_one_more_outcome_leaves_what_was_known_as_it_was():
    before = folded([(signal(0), came(0))])
    snapshot = before.figures(), before.reliable()
    before.after(signal(1), came(1))
    assert (before.figures(), before.reliable()) == snapshot
