"""Every gate, and what became of the ideas it stopped."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from evaluation_runs import NAN, bars, decision, run, wandering_run
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.decision import Decision, StageRecord
from lightning_gex.core.enums import DecisionStatus, StageName, StageVerdict
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.gates import PASSED, by_gate, gate_of, gate_words, in_path_order, plain_tallies, tallied
from lightning_gex.evaluation.gates_section import gates_body, sentence
from lightning_gex.evaluation.intervals import DateBootstrap

BLOCKED = DecisionStatus.BLOCKED


def stopped(made: Decision, gate: str, stage: StageName = StageName.TACTICAL) -> Decision:
    """The decision as this gate of a stage would have left it."""
    said = StageRecord(stage, StageVerdict.BLOCKED, "no", {"gate": gate, "positions": 3})
    stages = tuple(said if s.stage is stage else s for s in made.stages)
    return replace(made, blocked_by=stage, stages=stages)


def outcomes(all_bars, decisions):
    whole = run({b.ticker: b for b in all_bars}, decisions)
    return by_gate(RunIndex.of(whole), DateBootstrap(len(whole.sessions), 5, 0, 200))


def test_an_idea_that_was_stopped_is_followed_to_the_end_it_would_have_had():
    rising, falling = (
        bars("UP", [100.0] * 5 + [100.0, 103.0, 106.0] + [106.0] * 12),
        bars("DOWN", [100.0] * 5 + [95.0] * 15),
    )
    days = rising.session
    decisions = [
        stopped(decision("UP", days[3], BLOCKED, target=104.0, stop=97.0), "rank"),
        stopped(decision("DOWN", days[3], BLOCKED, target=104.0, stop=97.0), "positions"),
        decision("UP", days[4], target=104.0, stop=97.0),
    ]
    found = outcomes([rising, falling], decisions)
    assert list(found) == ["tactical.positions", "tactical.rank", PASSED]
    assert (found["tactical.rank"].ideas, found["tactical.rank"].win_rate) == (1, 1.0)
    # Entry at 100, target 104, costs of 5 bp on either side.
    assert found["tactical.rank"].expectancy_bp == pytest.approx(400 - 5 - 5 * 1.04, abs=0.1)
    assert found["tactical.positions"].win_rate == 0.0
    assert found[PASSED].ideas == 1


def test_ideas_without_a_bracket_or_an_end_are_counted_and_not_judged():
    flat = bars("AAA", [100.0] * 10)
    decisions = [
        stopped(decision("AAA", flat.session[3], BLOCKED, target=NAN, stop=NAN), "no_bracket"),
        stopped(decision("AAA", flat.session[9], BLOCKED), "rank"),
        decision("AAA", flat.session[4], DecisionStatus.NO_SIGNAL, 0),
    ]
    found = outcomes([flat], decisions)
    assert {gate: (o.ideas, o.resolved) for gate, o in found.items()} == {
        "tactical.no_bracket": (1, 0),
        "tactical.rank": (1, 0),
    }
    assert all(math.isnan(o.win_rate) for o in found.values())


def test_every_idea_of_a_run_is_counted_under_exactly_one_gate():
    whole = wandering_run()
    found = by_gate(RunIndex.of(whole), DateBootstrap(len(whole.sessions), 5, 0, 200))
    ideas = [d for d in whole.decisions if d.status is not DecisionStatus.NO_SIGNAL]
    assert sum(o.ideas for o in found.values()) == len(ideas) > 100
    approved = sum(d.status is DecisionStatus.APPROVED for d in ideas)
    assert found[PASSED].ideas == approved
    low, high = found[PASSED].interval
    assert low < found[PASSED].win_rate < high


def test_a_record_without_a_gate_is_counted_under_its_stage():
    made = decision("AAA", bars("AAA", [100.0] * 5).session[2], BLOCKED, blocked_by=StageName.MEMORY)
    assert (made.veto, gate_of(made)) == ("memory", "memory")
    assert gate_of(stopped(made, "least_confidence", StageName.MEMORY)) == "memory.least_confidence"


@given(
    st.lists(st.tuples(st.sampled_from(("tactical.rank", "approved", "sizing.kelly")), st.none() | st.floats(-1, 1)))
)
def test_a_tally_counts_every_idea_once_whatever_the_order(ideas):
    found = tallied(ideas)
    assert sum(t.ideas for t in found.values()) == len(ideas)
    assert sum(t.resolved for t in found.values()) == sum(back is not None for _, back in ideas)
    again = tallied(reversed(ideas))
    assert [(g, t.ideas, t.won) for g, t in again.items()] == [(g, t.ideas, t.won) for g, t in found.items()]
    assert list(found) == in_path_order(found)
    for tally in found.values():
        assert math.isnan(tally.win_rate) or tally.interval[0] <= tally.win_rate <= tally.interval[1]


def test_tallies_are_plain_values_for_documents():
    assert plain_tallies(tallied([("tactical.rank", 0.01)])) == {
        "tactical.rank": {
            "ideas": 1,
            "resolved": 1,
            "won": 1,
            "win_rate": 1.0,
            "win_rate_interval": [pytest.approx(0.2065, abs=1e-4), 1.0],  # Wilson: 1 / (1 + 1.96^2)
            "expectancy_bp": pytest.approx(100.0),
        }
    }


def test_the_section_says_what_was_stopped_and_how_it_would_have_ended():
    whole = wandering_run()
    found = by_gate(RunIndex.of(whole), DateBootstrap(len(whole.sessions), 5, 0, 200))
    body = gates_body(found)
    assert "Won, or would have" in body
    assert all(gate_words(gate) in body for gate in found)
    assert "would have won" in sentence(found)
    assert gates_body({}) == "<p>No idea came up, so no gate stopped one.</p>"
