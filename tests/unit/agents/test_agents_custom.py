"""A custom agent of a few lines votes like the others, and its failures are abstentions on record."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from lightning_gex.agents.consensus import build_consensus, equal_weights
from lightning_gex.agents.custom import RowAgent
from lightning_gex.agents.isolation import LONGEST_REASON
from lightning_gex.agents.registry import check_agent
from lightning_gex.agents.signal import AgentSignal
from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import InputError, SettingsError

NAN = float("nan")
GOOD = {
    "agent_name": "A",
    "direction": "bullish",
    "confidence": 0.75,
    "reasoning": "because",
    "target_price": 105.0,
    "stop_loss": 97.0,
    "time_horizon": 7,
}


class Analyst:
    """Answers with whatever a function makes of the data, and remembers what it was asked."""

    name = "Analyst"

    def __init__(self, answer):
        self.answer = answer
        self.asked: list[dict[str, float]] = []

    def analyze(self, data):
        self.asked.append(data)
        return self.answer(data)


def signal(**changes) -> AgentSignal:
    return AgentSignal(**GOOD | changes)


class TestAgentSignal:
    def test_it_keeps_what_it_was_given(self):
        got = signal(supporting_indicators=["RSI"])
        assert (got.direction, got.direction_sign) == ("bullish", Direction.BULLISH)
        assert got.supporting_indicators == ("RSI",)
        assert (got.confidence, got.target_price, got.stop_loss, got.time_horizon) == (0.75, 105.0, 97.0, 7)

    def test_levels_may_be_left_open(self):
        got = signal(target_price=None, stop_loss=NAN)
        assert math.isnan(got.target_price)
        assert math.isnan(got.stop_loss)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("agent_name", ""),
            ("agent_name", None),
            ("direction", "up"),
            ("direction", 1),
            ("confidence", 1.5),
            ("confidence", -0.1),
            ("confidence", NAN),
            ("confidence", "high"),
            ("reasoning", None),
            ("target_price", -1.0),
            ("target_price", math.inf),
            ("stop_loss", 0.0),
            ("stop_loss", "near"),
            ("time_horizon", 0),
            ("time_horizon", 2.5),
            ("time_horizon", NAN),
            ("time_horizon", None),
            ("supporting_indicators", "RSI"),
            ("supporting_indicators", 3),
        ],
    )
    def test_a_wrong_field_is_refused_by_name(self, field, value):
        with pytest.raises(InputError) as caught:
            signal(**{field: value})
        assert caught.value.field == field

    @given(st.floats(0, 1), st.sampled_from(["bullish", "BEARISH", "Neutral"]), st.integers(1, 400))
    def test_every_probability_direction_and_horizon_is_taken(self, confidence, direction, horizon):
        got = signal(confidence=confidence, direction=direction, time_horizon=horizon)
        assert got.direction_sign.word == direction.lower()


class TestRowAgent:
    def test_the_founding_documents_custom_agent_votes(self, make_features, founding_custom_agent):
        agent = RowAgent(founding_custom_agent)
        vote = agent.vote(make_features(price=[180.0, 200.0])).at(1)
        assert (agent.name, agent.strategy) == ("Custom Agent", "custom")
        assert (vote.direction, vote.confidence, vote.horizon_sessions) == (Direction.BULLISH, 0.75, 7)
        assert (vote.target_price, vote.stop_price) == (200 * 1.05, 200 * 0.97)
        assert vote.reasons == ("Custom analysis", "Custom Indicator")

    def test_it_passes_the_conformance_check_and_joins_a_consensus(self, make_features, founding_custom_agent):
        agent = RowAgent(founding_custom_agent)
        check_agent(agent)
        other = RowAgent(Analyst(lambda _: signal()))
        features = make_features()
        consensus = build_consensus([a.vote(features) for a in (agent, other)], equal_weights([agent.name, other.name]))
        assert consensus.direction[0] == 1

    def test_it_is_shown_its_own_row_without_absent_features(self, make_features):
        analyst = Analyst(lambda _: None)
        RowAgent(analyst).vote(make_features(bare=True, price=[1.0, 2.0], rsi=[NAN, 30.0]))
        assert analyst.asked == [{"price": 1.0}, {"price": 2.0, "rsi": 30.0}]

    def test_it_is_not_asked_where_nothing_is_present(self, make_features):
        analyst = Analyst(lambda _: signal())
        vote = RowAgent(analyst).vote(make_features(bare=True, price=NAN)).at(0)
        assert vote.abstained
        assert vote.reasons == ("no feature is present",)
        assert analyst.asked == []

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (lambda _: None, "no opinion"),
            (lambda data: data["no_such"], "KeyError: 'no_such'"),
            (lambda _: 1 / 0, "ZeroDivisionError: division by zero"),
            (lambda _: signal(confidence=2.0), "InputError: field 'confidence': must be a probability between 0 and 1"),
            (lambda _: {"direction": "bullish"}, "analyze answered a dict, not an AgentSignal"),
        ],
    )
    def test_what_is_no_signal_is_an_abstention_with_its_reason(self, make_features, answer, reason):
        votes = RowAgent(Analyst(answer)).vote(make_features())
        assert votes.abstained[0]
        assert votes.direction[0] == 0
        assert math.isnan(votes.confidence[0])
        assert votes.at(0).reasons[0].startswith(reason)

    def test_one_failing_row_leaves_the_others_alone(self, make_features):
        agent = RowAgent(Analyst(lambda data: signal() if data["rsi"] > 50 else data["no_such"]))
        votes = agent.vote(make_features(rsi=[60.0, 40.0, 60.0]))
        assert_array_equal(votes.abstained, [False, True, False])
        assert votes.at(0).reasons == ("because",)
        assert votes.at(1).reasons == ("KeyError: 'no_such'",)

    def test_a_long_or_many_lined_message_becomes_one_short_line(self, make_features):
        def fail(_):
            raise RuntimeError("first\nsecond " + "x" * 1_000)

        (reason,) = RowAgent(Analyst(fail)).vote(make_features()).at(0).reasons
        assert reason.startswith("RuntimeError: first second xxx")
        assert len(reason) == LONGEST_REASON

    def test_a_direction_below_one_half_counts_as_neutral_and_says_so(self, make_features):
        votes = RowAgent(Analyst(lambda _: signal(direction="bearish", confidence=0.3))).vote(make_features())
        assert (votes.direction[0], votes.confidence[0]) == (0, 0.5)
        assert math.isnan(votes.target_price[0])
        assert "bearish at a confidence of 0.30, below one half: counted as neutral" in votes.at(0).reasons

    def test_a_neutral_signal_is_a_vote_at_one_half(self, make_features):
        votes = RowAgent(Analyst(lambda _: signal(direction="neutral", confidence=0.9))).vote(make_features())
        assert (votes.direction[0], votes.confidence[0], votes.abstained[0]) == (0, 0.5, False)

    def test_a_strategy_of_its_own_is_kept(self):
        analyst = Analyst(lambda _: None)
        analyst.strategy = "carry"
        assert RowAgent(analyst).strategy == "carry"

    def test_an_analyst_that_remembers_fails_the_conformance_check(self):
        class Remembers(Analyst):
            def analyze(self, data):
                self.asked.append(data)
                return signal(confidence=0.6 + 0.001 * min(len(self.asked), 300))

        with pytest.raises(SettingsError, match="when asked again"):
            check_agent(RowAgent(Remembers(None)))

    @given(seed=st.integers(0, 10**6), rows=st.integers(1, 12))
    def test_a_rows_vote_is_the_vote_on_that_row_alone(self, wild_features, seed, rows):
        def lean(data):
            if "gex_signal" not in data:
                return None
            return signal(
                direction="bullish" if data["gex_signal"] > 0 else "bearish", reasoning=str(data["gex_signal"])
            )

        agent, features = RowAgent(Analyst(lean)), wild_features(seed, rows, 0.3)
        votes = agent.vote(features)
        for i in range(rows):
            alone = agent.vote(features.row(i))
            assert alone.direction[0] == votes.direction[i]
            assert np.array_equal(alone.confidence[0], votes.confidence[i], equal_nan=True)
            assert alone.at(0).reasons == votes.at(i).reasons
