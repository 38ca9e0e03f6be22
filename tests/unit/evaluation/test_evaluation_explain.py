from __future__ import annotations

from dataclasses import replace

from evaluation_runs import NAN, abstention, bars, decision, vote

from lightning_gex.core.enums import Action, DecisionStatus, StageName
from lightning_gex.evaluation.explain import explain_decision, explain_votes, headline

SESSION = bars("AAA", [10.0]).session[0]


def test_every_stage_has_a_line_in_the_order_of_the_path() -> None:
    lines = explain_decision(decision("AAA", SESSION))
    assert len(lines) == len(StageName)
    assert lines[0] == ("Signal", "passed", "signal has no objection")
    assert [line[0] for line in lines][-1] == "Guardrails"


def test_a_stand_in_is_named_in_the_reason() -> None:
    lines = {stage: reason for stage, _, reason in explain_decision(decision("AAA", SESSION))}
    assert lines["Sizing"].endswith("(stand-in: the 2 % rung, cold_start)")


def test_stages_after_a_block_were_not_reached() -> None:
    blocked = decision("AAA", SESSION, DecisionStatus.BLOCKED, blocked_by=StageName.TACTICAL)
    said = {stage: verdict for stage, verdict, _ in explain_decision(blocked)}
    assert said["Tactical layer"] == "blocked"
    assert said["Sizing"] == said["Guardrails"] == "not reached"


def test_a_headline_tells_what_how_much_and_at_which_prices() -> None:
    told = headline(decision("AAA", SESSION))
    expected = (
        "2014-01-02 21:00 UTC AAA: approved. BUY 10, entry 100.00, target 104.00, stop 97.00, 5.0% of equity, "
        "confidence 60%, horizon 5 sessions"
    )
    assert told == expected


def test_a_headline_says_that_a_trade_is_carried_on() -> None:
    made = replace(decision("AAA", SESSION), action=Action.HOLD)
    assert "AAA: approved. carry on 10, entry 100.00" in headline(made)


def test_a_headline_leaves_out_what_is_absent() -> None:
    told = headline(decision("AAA", SESSION, target=NAN, stop=NAN, confidence=NAN))
    assert "nan" not in told
    assert "target" not in told


def test_a_no_says_who_and_why() -> None:
    blocked = headline(decision("AAA", SESSION, DecisionStatus.BLOCKED, blocked_by=StageName.GUARDRAILS))
    assert "bullish, blocked by guardrails: the reason" in blocked
    assert "AAA: no signal: the reason" in headline(decision("AAA", SESSION, DecisionStatus.NO_SIGNAL, 0))


def test_votes_carry_their_confidence_and_an_abstention_its_reason() -> None:
    made = decision("AAA", SESSION, votes=(vote("Trend", 1, 0.62), vote("Range", 0), abstention("Flow")))
    assert explain_votes(made) == [
        ("Trend", "bullish 62%", "a finding"),
        ("Range", "neutral", "a finding"),
        ("Flow", "abstained", "no chain was given"),
    ]
