"""Specialists, a custom agent and their weights, on dictionaries."""

from __future__ import annotations

import math
import threading

import pytest

from builders_founding import MARKET, OPTIONS, PRICE
from lightning_gex.agents.signal import AgentSignal
from lightning_gex.app.founding.coordinator import ConsensusBuilder, MultiAgentCoordinator
from lightning_gex.core.errors import InputError, LightningError, SettingsError


class Analyst:
    def __init__(self, name="Custom Agent", answer=None):
        self.name = name
        self.answer = answer

    def analyze(self, data):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def signal(direction="bullish", confidence=0.75):
    return AgentSignal("Custom Agent", direction, confidence, "Custom analysis", 189.0, 174.6, 7, ["Custom Indicator"])


def votes_of(coordinator):
    return {v["agent_name"]: v for v in coordinator.analyze("AAPL", PRICE, OPTIONS, MARKET)["votes"]}


def test_five_agents_vote_and_agree_on_the_documents_situation():
    answer = MultiAgentCoordinator().analyze("AAPL", PRICE, OPTIONS, MARKET)
    assert [v["agent_name"] for v in answer["votes"]] == [
        "Trend Agent", "Reversal Agent", "Breakout Agent", "Volatility Agent", "Options Flow Agent",
    ]  # fmt: skip
    assert answer["direction"] == "bullish"
    assert 0.5 <= answer["confidence"] <= 1.0
    assert answer["stop_loss"] < 180.0 < answer["target_price"]


def test_an_agent_without_its_data_abstains_with_a_reason():
    answer = MultiAgentCoordinator().analyze("AAPL", PRICE)
    (flow,) = [v for v in answer["votes"] if v["agent_name"] == "Options Flow Agent"]
    assert flow["direction"] == "abstained"
    assert flow["reasoning"]
    assert math.isnan(flow["confidence"])


def test_a_custom_agent_votes_with_its_own_words_until_it_is_taken_away():
    coordinator = MultiAgentCoordinator()
    coordinator.custom_agent = Analyst(answer=signal())
    vote = votes_of(coordinator)["Custom Agent"]
    assert (vote["direction"], vote["confidence"], vote["time_horizon"]) == ("bullish", 0.75, 7)
    assert "Custom analysis" in vote["reasoning"]
    assert coordinator.consensus_builder.agent_weights["Custom Agent"] == 1.0
    coordinator.custom_agent = None
    assert "Custom Agent" not in votes_of(coordinator)


def test_a_custom_agent_that_fails_abstains_with_its_error():
    coordinator = MultiAgentCoordinator()
    coordinator.custom_agent = Analyst(answer=ValueError("no idea"))
    vote = votes_of(coordinator)["Custom Agent"]
    assert vote["direction"] == "abstained"
    assert "no idea" in vote["reasoning"]


def test_a_custom_agent_that_hangs_is_left_out_and_not_asked_again():
    released = threading.Event()

    class Hanging(Analyst):
        def analyze(self, data):
            return released.wait(30)

    coordinator = MultiAgentCoordinator()
    coordinator.custom_agent = Hanging()
    coordinator.agents[-1].limit_s = 0.05
    for said in ("did not answer within 0.05 seconds: left out from now on", "hung before: not asked again"):
        answer = coordinator.analyze("AAPL", PRICE, OPTIONS, MARKET)
        (vote,) = [v for v in answer["votes"] if v["agent_name"] == "Custom Agent"]
        assert (vote["direction"], vote["reasoning"]) == ("abstained", said)
        assert answer["direction"] == "bullish"
        assert "Custom Agent" not in answer["contributions"]
    released.set()


def test_what_the_agents_contribute_sums_to_the_log_odds():
    answer = MultiAgentCoordinator().analyze("AAPL", PRICE, OPTIONS, MARKET)
    assert sum(answer["contributions"].values()) == pytest.approx(answer["log_odds"])
    assert answer["outcome"] == "agreement"


@pytest.mark.parametrize(
    "agent", [object(), Analyst(name=""), Analyst(name=7), Analyst(name="Trend Agent"), Analyst, "agent"]
)
def test_what_is_no_custom_agent_is_refused(agent):
    coordinator = MultiAgentCoordinator()
    with pytest.raises(SettingsError):
        coordinator.custom_agent = agent
    assert coordinator.custom_agent is None


def test_a_weight_follows_performance_and_the_listener_hears_it_first():
    builder = ConsensusBuilder(weights={"Trend Agent": 1.0})
    heard = []
    builder.on_change = lambda agent, weight, why: heard.append((agent, weight, why, builder.agent_weights[agent]))
    better = builder.update_agent_weight("Trend Agent", 0.9)
    assert better > 1.0
    assert heard == [("Trend Agent", better, "performance 0.9", 1.0)]
    assert builder.update_agent_weight(agent_name="Trend Agent", performance=0.0) < better


def test_a_weight_whose_record_fails_stays_as_it_was():
    builder = ConsensusBuilder(weights={"Trend Agent": 1.0})

    def fails(agent, weight, why):
        raise SettingsError("no record")

    builder.on_change = fails
    with pytest.raises(SettingsError):
        builder.update_agent_weight("Trend Agent", 0.9)
    assert builder.agent_weights["Trend Agent"] == 1.0


@pytest.mark.parametrize("performance", [1.5, -0.1, float("nan"), "good", None, True])
def test_a_performance_that_is_no_share_is_refused(performance):
    with pytest.raises(InputError, match="performance"):
        MultiAgentCoordinator().consensus_builder.update_agent_weight("Trend Agent", performance)


def test_an_unknown_agent_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="Trend Agent"):
        MultiAgentCoordinator().consensus_builder.update_agent_weight("Trendy Agent", 0.6)


def test_weights_are_changed_on_record_or_not_at_all():
    with pytest.raises(TypeError):
        MultiAgentCoordinator().consensus_builder.agent_weights["Trend Agent"] = 5.0


def test_a_coordinator_takes_no_data_that_a_decision_would_not_take():
    with pytest.raises(LightningError, match="field 'price'"):
        MultiAgentCoordinator().analyze("AAPL", {"price": float("nan")})


@pytest.mark.parametrize("weights", [3, ["Trend Agent"], {"Trend Agent": "2"}, {"Trend Agent": -1.0}, {3: 1.0}])
def test_weights_that_are_none_are_refused_at_once(weights):
    for kind in (ConsensusBuilder, MultiAgentCoordinator):
        with pytest.raises(InputError):
            kind(weights=weights)


@pytest.mark.parametrize("name", [None, 3, "", ["x"]])
def test_what_is_no_agents_name_is_refused(name):
    builder = ConsensusBuilder()
    for act in (builder.add_agent, lambda value: builder.update_agent_weight(value, 0.6)):
        with pytest.raises(InputError):
            act(name)
    assert dict(builder.agent_weights) == {}
