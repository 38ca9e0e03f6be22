"""Which agents vote, with which weight, and what is wrong with any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightning_gex.agents.custom import Analyst, RowAgent
from lightning_gex.agents.isolation import Isolated, strategy_of
from lightning_gex.agents.registry import agent_problems, default_agents, installed_agents, named_agent
from lightning_gex.app.assembly.wiring import AGENT_NAMES
from lightning_gex.app.settings import Settings
from lightning_gex.core.ports import Agent

_EVEN = 1.0


@dataclass(frozen=True, slots=True)
class AgentReport:
    """One agent as it stands.

    Parameters
    ----------
    name, strategy : as it votes under.
    origin : ``built in``, ``installed``, or the ``package.module:name`` it was asked for by.
    weight : by the settings; 0 does not vote.
    problems : rules it breaks, in sentences.
    """

    name: str
    strategy: str
    origin: str
    weight: float
    problems: tuple[str, ...]


def examine_agents(settings: Settings, targets: Sequence[str] = ()) -> tuple[AgentReport, ...]:
    """Every agent that votes by these settings, or the ones named instead, each checked on made-up features.

    Parameters
    ----------
    settings : whose weights.
    targets : ``package.module:name`` of agents to check; none takes the five and the installed ones.

    Raises
    ------
    SettingsError : a target or an installed agent cannot be loaded.
    """
    if targets:
        return tuple(_report(named_agent(target), target, _EVEN) for target in targets)
    weights = {AGENT_NAMES[key]: weight for key, weight in settings.agents.weights.model_dump().items()}
    own = [_report(agent, "built in", weights.get(agent.name, _EVEN)) for agent in default_agents()]
    return (*own, *(_report(_bare(agent), "installed", _EVEN) for agent in installed_agents()))


def _bare(agent: Agent) -> Agent | Analyst:
    """The agent as its author wrote it."""
    if isinstance(agent, Isolated):
        return agent.agent
    return agent.analyst if isinstance(agent, RowAgent) else agent


def _report(agent: Agent | Analyst, origin: str, weight: float) -> AgentReport:
    return AgentReport(agent.name, strategy_of(agent), origin, weight, agent_problems(agent))
