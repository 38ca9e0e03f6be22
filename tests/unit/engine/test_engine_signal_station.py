"""The signal station says how the vote ended, what each agent added, and how probable the direction is."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from builders_quick_start import FEATURES as QUICK_START
from lightning_gex.agents.registry import default_agents
from lightning_gex.analytics.recalibration import share_of_rises
from lightning_gex.core.enums import ConsensusOutcome, Direction, StageVerdict
from lightning_gex.core.features import Features
from lightning_gex.core.votes import Votes
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.learning import PROVED_SHIFT, Learning, Proved, is_backed
from lightning_gex.engine.perception import BaseRates, Perception, perceive
from lightning_gex.engine.signal_station import (
    ADDED_BY,
    PROVED_BY,
    is_core,
    probability_of_a_rise,
    proved_log_odds,
    proved_shift,
    signal_of,
)

CONFIG = EngineConfig()


class Says:
    """An agent that says the same thing on every row; a confidence of NaN abstains."""

    def __init__(self, name: str, direction: int, confidence: float) -> None:
        self.name, self.direction, self.confidence = name, direction, confidence

    def vote(self, features: Features) -> Votes:
        n = len(features)
        return Votes(
            agent=self.name,
            strategy="test",
            direction=np.full(n, self.direction, dtype=np.int8),
            confidence=np.full(n, self.confidence),
            target_price=np.full(n, np.nan),
            stop_price=np.full(n, np.nan),
            horizon_sessions=np.full(n, 7),
            abstained=np.full(n, math.isnan(self.confidence)),
            abstain_reason="has nothing",
        )


def seen(*agents: object, rows: int = 1, **columns: object) -> Perception:
    full = {
        k: np.broadcast_to(np.asarray(v, dtype=np.float64), rows).copy() for k, v in (QUICK_START | columns).items()
    }
    as_of = np.datetime64("2024-01-02T21:00:00", "s") + np.arange(rows) * np.timedelta64(86_400, "s")
    return perceive(Features("AAA", as_of, full), agents or default_agents(), CONFIG)


def station(perception: Perception, i: int = 0, *, learning: Learning | None = None, **changes: object):
    return signal_of(perception, i, **({"horizon_sessions": 7, "learning": learning, "notes": ()} | changes))


def test_what_the_agents_added_is_on_record_and_sums_to_the_log_odds():
    signal = station(seen(Says("A", 1, 0.65), Says("B", -1, 0.55), Says("C", 0, 0.5), Says("D", 0, np.nan)))
    detail = signal.record.detail
    added = {name.removeprefix(ADDED_BY): v for name, v in detail.items() if name.startswith(ADDED_BY)}
    assert set(added) == {"A", "B", "C"}
    assert added["A"] > 0 > added["B"]
    assert added["C"] == 0
    assert sum(added.values()) == pytest.approx(detail["log_odds"])
    assert signal.raw_confidence == pytest.approx(1 / (1 + math.exp(-detail["log_odds"])))


@pytest.mark.parametrize(
    ("agents", "outcome", "words"),
    [
        ([("A", 1, 0.6), ("B", -1, 0.6)], "split", "contradicted each other: no direction"),
        (
            [("A", 1, 0.69)] * 1 + [(n, 1, 0.69) for n in "BCE"] + [("D", -1, 0.72)],
            "veto",
            "D is 0.72 sure of the contr",
        ),
        ([("A", 0, np.nan), ("B", 0, np.nan)], "no_quorum", "every agent abstained: A: has nothing; B: has nothing"),
        ([("A", 1, 0.6), ("B", 0, np.nan)], "no_quorum", "1 of 2 agents voted, worth 1.0 independent votes, too few"),
        ([("A", 0, 0.5), ("B", 1, 0.53)], "undecided", "too near 0: no direction"),
    ],
)
def test_without_a_direction_the_record_says_how_the_vote_ended(agents, outcome, words):
    signal = station(seen(*(Says(*agent) for agent in agents)), learning=Learning())
    assert signal.direction is Direction.NEUTRAL
    assert signal.record.verdict is StageVerdict.ABSTAINED
    assert signal.record.detail["outcome"] == outcome
    assert words in signal.record.reason
    assert math.isnan(signal.base_rate)


def test_an_agreement_names_its_leader_and_its_probability():
    signal = station(seen(Says("A", 1, 0.6), Says("B", 1, 0.56)), learning=Learning(), remark=" (remark)")
    assert signal.record.verdict is StageVerdict.PASSED
    assert signal.record.reason == (
        "bullish: 2 of 2 agents voted, worth 1.5 independent votes, 100% of the weight agrees, led by A; "
        f"probability {signal.confidence:.3f}: confidence {signal.raw_confidence:.3f}, +0.000 by 0 outcomes (remark)"
    )
    assert signal.record.fallback == "no price history for a base rate: the confidence itself stands in"


def test_with_price_history_the_probability_is_the_base_rate_of_the_direction():
    price = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.001, 0.01, 120)))
    agents = (Says("A", -1, 0.6), Says("B", -1, 0.6))
    perception = seen(*agents, rows=120, price=price)
    signal = station(perception, 119, learning=Learning(), horizon_sessions=5)
    expected = 1 - share_of_rises(price, np.full(120, 5))[-1]
    assert signal.confidence == signal.base_rate == pytest.approx(expected)
    assert signal.record.fallback is None
    assert "bearish was right" in signal.record.reason
    cut = seen(*agents, rows=80, price=price[:80])
    assert station(cut, 79, learning=Learning()).confidence == station(perception, 79, learning=Learning()).confidence


def test_uncalibrated_the_confidence_is_the_consensus():
    signal = station(seen(Says("A", 1, 0.6), Says("B", 1, 0.6)), notes=("stamped",))
    assert signal.confidence == signal.raw_confidence == pytest.approx(0.6)
    assert signal.record.fallback == "stamped"
    assert "probability" not in signal.record.reason


def test_a_base_rate_is_computed_once_a_horizon():
    rates = BaseRates(np.linspace(100.0, 120.0, 50))
    assert math.isnan(rates.at(4, 5))
    assert rates.at(49, 5) > rates.at(10, 5) > 0.5
    assert rates.at(49, 60) != rates.at(49, 60)  # no move over sixty sessions has ended: NaN


def test_new_weights_make_a_new_consensus_and_the_same_weights_do_not():
    perception = seen(Says("A", 1, 0.6), Says("B", -1, 0.55))
    weights = {"A": 2.0}
    once, again = (perception.under(weights, CONFIG) for _ in range(2))
    assert once is again
    assert once.consensus.log_odds[0] > perception.consensus.log_odds[0]
    other = perception.under({"A": 0.5}, CONFIG)
    assert other.consensus.log_odds[0] < perception.consensus.log_odds[0]
    assert perception.under({}, replace(CONFIG)) is perception


# --- core ideas: the agents leave it open

_UNDECIDED = (Says("A", 0, 0.5), Says("B", -1, 0.53))
_SPLIT = (Says("A", 1, 0.6), Says("B", -1, 0.62))


def walked(drift: float, rows: int = 400) -> np.ndarray:
    return 100 * np.exp(np.cumsum(np.random.default_rng(2).normal(drift, 0.01, rows)))


@pytest.mark.parametrize("agents", [_UNDECIDED, _SPLIT])
def test_a_share_that_rises_more_often_than_not_is_an_idea_where_the_agents_leave_it_open(agents):
    assert is_core(seen(*agents, rows=400, price=walked(0.003)), 399, 10)


@pytest.mark.parametrize(
    "outcome", [ConsensusOutcome.VETO, ConsensusOutcome.NO_QUORUM, ConsensusOutcome.AGREEMENT], ids=lambda o: o.word
)
def test_a_veto_a_missing_quorum_and_an_agreement_leave_nothing_open(outcome):
    perception = seen(*_UNDECIDED, rows=400, price=walked(0.003))
    ended = replace(perception.consensus, outcome=np.full(400, outcome, dtype=np.int8))
    assert not is_core(replace(perception, consensus=ended), 399, 10)


def test_a_share_that_falls_more_often_than_not_and_one_without_history_are_no_core_ideas():
    assert not is_core(seen(*_UNDECIDED, rows=400, price=walked(-0.008)), 399, 10)
    assert not is_core(seen(*_UNDECIDED), 0, 10)


def test_a_core_idea_rests_on_the_base_rate_of_a_rise_and_says_that_the_agents_left_it_open():
    perception = seen(*_UNDECIDED, rows=400, price=walked(0.003))
    signal = station(perception, 399, learning=Learning(), horizon_sessions=10, core=True)
    assert signal.direction is Direction.BULLISH
    assert signal.confidence == signal.base_rate == perception.rises.at(399, 10)
    assert signal.raw_confidence == probability_of_a_rise(perception, 399) < 0.5
    assert signal.record.verdict is StageVerdict.PASSED
    assert signal.record.detail["core"] is True
    assert "the agents leave it open" in signal.record.reason


def test_a_proved_call_adds_its_edge_and_several_add_up_in_squares():
    both = seen(Says("A", 1, 0.6), Says("B", 1, 0.55), Says("C", -1, 0.7), Says("D", 0, np.nan))
    proved = {"A": Proved(0.03, 0.01), "D": Proved(0.2)}
    assert proved_shift(both, 0, proved) == pytest.approx(0.04)  # the silent one adds nothing
    assert proved_shift(both, 0, proved | {"B": Proved(0.03)}) == pytest.approx(0.05)
    assert proved_shift(both, 0, {"A": Proved(0.04), "C": Proved(0.04)}) == 0.0
    assert proved_shift(both, 0, {"D": Proved(0.2)}) == 0.0
    assert proved_log_odds(both, 0, {"A": 0.04, "D": 0.04}) == pytest.approx(0.5 * math.log(0.6 / 0.4))


def test_the_record_names_who_counts_for_more_how_much_and_on_what_evidence():
    proved = {"A": Proved(0.03, 0.01)}
    perception = seen(Says("A", 1, 0.65), Says("B", 1, 0.6)).under({"A": 5.0}, CONFIG)
    signal = station(perception, learning=Learning(), proved=proved)
    assert signal.record.detail[f"{PROVED_BY}A"] == pytest.approx(0.04)
    assert signal.record.detail[PROVED_SHIFT] == pytest.approx(0.04)
    assert is_backed(signal.record)
    assert "A counts 5 times: its calls proved +4.0% over the same calls without skill" in signal.record.reason
    assert "(+3.0% against the same dates' tickers, +1.0% in time)" in signal.record.reason
    plain = station(perception, learning=Learning())
    assert not is_backed(plain.record)
    assert PROVED_SHIFT not in plain.record.detail


def test_a_core_idea_is_none_where_what_proved_agents_take_from_a_rise_leaves_no_more_than_even_odds():
    rising = np.linspace(100.0, 150.0, 40)
    split = seen(Says("A", -1, 0.6), Says("B", 1, 0.6), rows=40, price=rising)
    often = split.rises.at(39, 5)
    assert is_core(split, 39, 5)
    assert is_core(split, 39, 5, {"A": Proved(often - 0.501)})
    assert not is_core(split, 39, 5, {"A": Proved(often - 0.499)})
    falling = seen(Says("A", -1, 0.6), Says("B", 1, 0.6), rows=400, price=np.linspace(150.0, 100.0, 400))
    often = falling.rises.at(399, 5)
    assert not is_core(falling, 399, 5, {"B": Proved(0.499 - often)})
    assert is_core(falling, 399, 5, {"B": Proved(0.501 - often)})
    said = station(split, 39, proved={"A": Proved(0.02)}).record
    assert said.reason.endswith("together they add -2.0% to the probability of a rise")
