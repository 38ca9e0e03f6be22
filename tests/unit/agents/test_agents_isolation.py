"""A stranger's agent that raises, hangs or answers nonsense harms nobody's vote but its own, and says so."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from lightning_gex.agents.consensus import build_consensus, equal_weights
from lightning_gex.agents.custom import RowAgent
from lightning_gex.agents.isolation import LONGEST_REASON, Isolated, described
from lightning_gex.agents.registry import default_agents
from lightning_gex.agents.signal import AgentSignal
from lightning_gex.agents.trend import TrendAgent
from lightning_gex.core.votes import Evidence

SHORT_S = 0.05  # long enough for a call that answers at once


@dataclass
class Stranger:
    """An agent that does what it is told."""

    act: object
    name: str = "Stranger"
    strategy: str = "strange"
    asked: int = 0

    def vote(self, features):
        self.asked += 1
        return self.act(features)


@dataclass
class Analyst:
    act: object
    name: str = "Analyst"
    asked: list = field(default_factory=list)

    def analyze(self, data):
        self.asked.append(data["price"])
        return self.act(data)


@pytest.fixture
def released():
    """An event that hanging code waits for, set when the test is over so that no thread outlives it for long."""
    event = threading.Event()
    yield event
    event.set()


def renamed(votes, **changes):
    return replace(votes, agent="Stranger", **changes)


def test_an_agent_that_behaves_votes_as_it_would_alone(make_features):
    features = make_features(price=[180.0, 165.0, np.nan])
    alone, isolated = TrendAgent().vote(features), Isolated(TrendAgent()).vote(features)
    np.testing.assert_array_equal(alone.direction, isolated.direction)
    np.testing.assert_array_equal(alone.confidence, isolated.confidence)
    assert [alone.at(i).reasons for i in range(3)] == [isolated.at(i).reasons for i in range(3)]


@pytest.mark.parametrize(
    "error", [ValueError("bad\nthing"), SystemExit(3), KeyboardInterrupt(), RecursionError("deep")]
)
def test_whatever_an_agent_raises_is_its_abstention(make_features, error):
    def fails(features):
        raise error

    votes = Isolated(Stranger(fails)).vote(make_features(price=[180.0, 181.0]))
    assert votes.abstained.all()
    assert votes.strategy == "strange"
    assert votes.at(0).reasons == (described(error),)
    assert "\n" not in votes.at(0).reasons[0]


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda f: None, "answers a NoneType, not Votes"),
        (lambda f: TrendAgent().vote(f), "votes under another name"),
        (lambda f: renamed(TrendAgent().vote(f), confidence=np.full(len(f), 1.5)), "confidence must be in [0.5, 1]"),
        (lambda f: renamed(TrendAgent().vote(f.row(0))), "must be a (2,) array"),
        (lambda f: renamed(TrendAgent().vote(f), direction=np.full(len(f), 3, dtype=np.int8)), "is not -1, 0 or 1"),
        (lambda f: renamed(TrendAgent().vote(f), stop_price=np.full(len(f), -1.0)), "is not a positive number"),
    ],
)
def test_votes_that_break_a_rule_are_left_out_and_the_rule_is_named(make_features, spoilt, said):
    votes = Isolated(Stranger(spoilt)).vote(make_features(price=[180.0, 181.0]))
    assert votes.abstained.all()
    assert said in votes.abstain_reason
    assert len(votes.abstain_reason) <= LONGEST_REASON


def test_columns_that_are_nothing_of_the_kind_are_an_abstention(make_features):
    spoilt = Isolated(Stranger(lambda f: renamed(TrendAgent().vote(f), evidence=("no finding",))))
    votes = spoilt.vote(make_features())
    assert votes.abstained.all()
    assert "AttributeError" in votes.abstain_reason


@pytest.mark.parametrize("sentence", ["{0:.1f} and {1}", "{nobody}", "{0:x}"])
def test_reasons_that_cannot_be_made_spoil_no_decision(make_features, sentence):
    def unreadable(features):
        votes = TrendAgent().vote(features)
        finding = Evidence(sentence, sentence, votes.direction, (features["price"],))
        return renamed(votes, evidence=(finding,))

    votes = Isolated(Stranger(unreadable)).vote(make_features())
    assert votes.direction[0] == 1
    (reason,) = votes.at(0).reasons
    assert reason.startswith("its reasons cannot be shown: ")


def test_an_agent_that_fails_to_name_its_strategy_is_custom(make_features):
    class Shy:
        name = "Shy"

        @property
        def strategy(self):
            raise RuntimeError("not telling")

        def analyze(self, data):
            return AgentSignal("Shy", "bullish", 0.6, "because", None, None, 5)

    assert RowAgent(Shy()).vote(make_features()).strategy == "custom"


def test_an_agent_that_hangs_is_left_alone_and_not_asked_again(make_features, released):
    stranger = Stranger(lambda features: released.wait(30))
    isolated = Isolated(stranger, limit_s=SHORT_S)
    first, second = (isolated.vote(make_features()) for _ in range(2))
    assert "did not answer within 0.05 seconds" in first.abstain_reason
    assert "hung before" in second.abstain_reason
    assert stranger.asked == 1


def test_an_analyst_that_hangs_on_one_row_abstains_from_that_row_on(make_features, released):
    def analyze(data):
        if data["price"] == 181.0:
            released.wait(30)
        return AgentSignal("Analyst", "bullish", 0.6, "why not", None, None, 5)

    analyst = Analyst(analyze)
    agent = RowAgent(analyst, limit_s=1.0)
    votes = agent.vote(make_features(price=[180.0, 181.0, 182.0]))
    assert votes.abstained.tolist() == [False, True, True]
    assert "did not answer within 1 seconds" in votes.at(1).reasons[0]
    assert votes.at(2).reasons == ("hung before: not asked again",)
    assert agent.vote(make_features()).abstained.all()
    assert analyst.asked == [180.0, 181.0]


def test_the_others_decide_as_if_a_failing_agent_were_not_there(make_features):
    def fails(features):
        raise ZeroDivisionError("no")

    features = make_features()
    five = [agent.vote(features) for agent in default_agents()]
    six = [*five, Isolated(Stranger(fails)).vote(features)]
    names = [v.agent for v in six]
    one, other = (build_consensus(v, equal_weights(names), price=features["price"]) for v in (five, six))
    assert (one.direction[0], one.log_odds[0], one.voting[0]) == (
        other.direction[0],
        other.log_odds[0],
        other.voting[0],
    )
