"""Which agents there are, and what a plug-in's author is told when the agent breaks a rule."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, EntryPoints
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lightning_gex.agents import registry
from lightning_gex.agents.custom import RowAgent
from lightning_gex.agents.registry import agent_problems, check_agent, default_agents, installed_agents
from lightning_gex.agents.signal import AgentSignal
from lightning_gex.agents.trend import TrendAgent
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.votes import abstaining_everywhere


class PlugIn:
    """A well-behaved agent that another package might bring."""

    name = "Plug-in Agent"

    def vote(self, features):
        return replace(TrendAgent().vote(features), agent=self.name)


class AnalystPlugIn:
    name = "Analyst Plug-in"

    def analyze(self, data):
        return None


class Nameless:
    def vote(self, features):
        return None


def make_plug_in() -> PlugIn:
    return PlugIn()


def second_trend_agent() -> TrendAgent:
    return TrendAgent(target_atr=3.0)


def fails() -> PlugIn:
    raise RuntimeError("no licence")


INSTANCE = PlugIn()
DRIFT = (0.6 + 0.1 * (k % 3) for k in count())


@dataclass(frozen=True)
class Twisted:
    """The trend agent with one thing changed."""

    twist: object
    name: str = "Twisted"

    def vote(self, features):
        return self.twist(replace(TrendAgent().vote(features), agent=self.name), features)


def changed(**columns):
    return lambda votes, _: replace(votes, **{name: make(votes) for name, make in columns.items()})


def peeks(votes, features):
    return replace(votes, target_price=np.full(len(votes), np.nanmax(np.r_[1.0, features["price"]])))


def writes(votes, features):
    features["price"][0] = 1.0
    return votes


def drifts(votes, _):
    return replace(votes, confidence=np.where(votes.direction == 0, votes.confidence, next(DRIFT)))


def never_abstains(votes, _):
    n = len(votes)
    return replace(
        votes, abstained=np.zeros(n, dtype=np.bool_), confidence=np.where(votes.abstained, 0.5, votes.confidence)
    )


def test_the_five_come_in_a_fixed_order_with_their_strategies():
    assert [(agent.name, agent.strategy) for agent in default_agents()] == [
        ("Trend Agent", "trend_following"),
        ("Reversal Agent", "mean_reversion"),
        ("Breakout Agent", "breakout"),
        ("Volatility Agent", "volatility"),
        ("Options Flow Agent", "options_flow"),
    ]


@pytest.mark.parametrize("agent", [*default_agents(), PlugIn()], ids=lambda a: a.name)
def test_agents_that_keep_the_rules_pass_the_check(agent):
    check_agent(agent)


@pytest.mark.parametrize(
    ("twist", "message"),
    [
        (lambda votes, _: None, "not Votes"),
        (lambda votes, _: 1 / 0, "raises ZeroDivisionError"),
        (writes, "raises ValueError"),
        (lambda votes, _: replace(votes, agent="Somebody else"), "another name"),
        (lambda votes, _: replace(votes, strategy=""), "no strategy"),
        (changed(direction=lambda v: v.direction.astype(np.float64)), "direction must be"),
        (changed(confidence=lambda v: v.confidence[:-1]), "confidence must be a"),
        (changed(direction=lambda v: v.direction * np.int8(2)), "not -1, 0 or 1"),
        (changed(direction=lambda v: np.ones_like(v.direction)), "a direction where it abstains"),
        (changed(confidence=lambda v: np.nan_to_num(v.confidence, nan=0.5)), "NaN where it abstains"),
        (changed(confidence=lambda v: v.confidence * 2), r"in \[0.5, 1\]"),
        (changed(confidence=lambda v: v.confidence * 0.9), r"in \[0.5, 1\]"),
        (changed(direction=lambda v: v.direction * np.int8(0)), "0.5 where neutral"),
        (changed(stop_price=lambda v: -v.stop_price), "stop_price is not a positive"),
        (changed(horizon_sessions=lambda v: v.horizon_sessions * 0), "horizon is not positive"),
        (lambda votes, _: replace(votes, abstain_reason=""), "without a reason"),
        (peeks, "reads the future"),
        (drifts, "asked again"),
        (never_abstains, "does not abstain where every feature is absent"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_named(twist, message):
    with pytest.raises(SettingsError, match=message):
        check_agent(Twisted(twist))


def test_an_agent_without_a_name_is_refused():
    with pytest.raises(SettingsError, match="has no name"):
        check_agent(Nameless())
    assert agent_problems(SimpleNamespace(name="Idle")) == (
        "Idle is no agent: it has neither vote(features) nor analyze(data)",
    )


def test_every_broken_rule_is_told_at_once():
    worse = changed(stop_price=lambda v: -v.stop_price, horizon_sessions=lambda v: v.horizon_sessions * 0)
    assert agent_problems(Twisted(worse)) == (
        "Twisted: a stop_price is not a positive number",
        "Twisted: a horizon is not positive",
    )


def test_an_agent_that_takes_too_long_is_told_so():
    released = threading.Event()
    waits = Twisted(lambda votes, _: released.wait(30))
    assert agent_problems(waits, limit_s=0.2) == ("Twisted does not answer within 0.2 seconds on 48 rows",)
    released.set()


@pytest.mark.parametrize(
    ("analyze", "said"),
    [
        (lambda data: None, ()),
        (lambda data: data["vix"] and None, ("Careless raises KeyError: 'vix' on a row where vix is absent",)),
        (lambda data: "up", ("Careless: analyze answers a str, not an AgentSignal",)),
    ],
)
def test_an_analyst_is_told_what_a_vote_would_hide_as_abstention(analyze, said):
    assert agent_problems(SimpleNamespace(name="Careless", analyze=analyze)) == said


def test_an_analyst_that_hangs_or_remembers_is_found_out():
    released, seen = threading.Event(), count()
    hangs = SimpleNamespace(name="Slow", analyze=lambda data: released.wait(30))
    assert agent_problems(hangs, limit_s=0.2) == ("Slow does not answer within 0.2 seconds on one row",)
    released.set()

    def forgets_nothing(data):
        return AgentSignal("Old", "bullish", 0.5 + 0.4 / (1 + next(seen)), "older and wiser", None, None, 5)

    found = agent_problems(SimpleNamespace(name="Old", analyze=forgets_nothing))
    assert "Old votes differently when asked again (confidence)" in found


def test_an_agent_that_always_abstains_is_allowed():
    class Silent:
        name = "Silent"

        def vote(self, features):
            return abstaining_everywhere(self.name, "none", len(features), "has nothing to say")

    check_agent(Silent())


@pytest.fixture
def announced(monkeypatch):
    """Stand in for installed packages that announce agents."""

    def announce(*targets: str) -> None:
        points = [EntryPoint(t, f"{__name__}:{t}", registry.ENTRY_POINT_GROUP) for t in targets]
        monkeypatch.setattr(registry, "entry_points", lambda *, group: EntryPoints(points).select(group=group))

    return announce


def test_installed_agents_may_be_classes_instances_functions_or_analysts(announced):
    for target in ("PlugIn", "INSTANCE", "make_plug_in"):
        announced(target)
        assert [agent.name for agent in installed_agents()] == ["Plug-in Agent"]
    announced("PlugIn", "AnalystPlugIn")
    analyst, plug_in = installed_agents()
    assert isinstance(analyst, RowAgent)
    assert (analyst.name, plug_in.name) == ("Analyst Plug-in", "Plug-in Agent")


def test_nothing_announced_is_no_agents(announced):
    announced()
    assert installed_agents() == ()


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (("no_such_thing",), "'no_such_thing'.*cannot be loaded"),
        (("fails",), "cannot be loaded: RuntimeError: no licence"),
        (("Nameless",), "it has no name"),
        (("PlugIn", "make_plug_in"), "two agents are called 'Plug-in Agent'"),
        (("second_trend_agent",), "two agents are called 'Trend Agent'"),
    ],
)
def test_an_entry_point_that_brings_no_agent_is_named(announced, targets, message):
    announced(*targets)
    with pytest.raises(SettingsError, match=message):
        installed_agents()


def test_the_custom_agent_in_the_documentation_runs():
    page = Path(__file__).parents[3] / "docs" / "concepts" / "agents.md"
    (block,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    namespace: dict[str, object] = {}
    exec(block, namespace)  # noqa: S102  # our own page
    assert RowAgent(namespace["Calm"]()).name == "Calm Agent"
