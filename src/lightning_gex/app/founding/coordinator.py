"""``MultiAgentCoordinator`` and ``ConsensusBuilder``: the specialists and their weighted vote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.agents.consensus import ConsensusConfig, build_consensus
from lightning_gex.agents.custom import Analyst, RowAgent
from lightning_gex.agents.registry import default_agents
from lightning_gex.agents.weights import updated_weight
from lightning_gex.app.founding.documents import consensus_document, vote_document
from lightning_gex.app.founding.inputs import given, positive, probability, text
from lightning_gex.core.errors import InputError, SettingsError, shown
from lightning_gex.core.features import Features
from lightning_gex.core.ports import Agent, Clock
from lightning_gex.core.votes import Votes

_EVEN = 1.0

#: Told of every weight before it changes: agent, new weight, why.
WeightListener = Callable[[str, float, str], None]


class ConsensusBuilder:
    """Adds votes up, each with its agent's weight.

    Parameters
    ----------
    config : when votes are enough.
    weights : agent -> weight; agents not named weigh 1.
    """

    def __init__(self, config: ConsensusConfig | None = None, weights: Mapping[str, float] | None = None) -> None:
        self.config = config or ConsensusConfig()
        self.on_change: WeightListener | None = None
        self._weights = _checked_weights(weights)

    def __repr__(self) -> str:
        return f"ConsensusBuilder({', '.join(f'{agent} {w:.3g}' for agent, w in self._weights.items())})"

    @property
    def agent_weights(self) -> Mapping[str, float]:
        """Agent -> weight, to read; ``update_agent_weight`` changes one and puts it on record."""
        return MappingProxyType(self._weights)

    def add_agent(self, agent_name: str) -> None:
        """Let an agent vote with a weight of 1, unless it has one."""
        self._weights.setdefault(text(agent_name, "agent_name"), _EVEN)

    def update_agent_weight(self, agent_name: str, performance: float) -> float:
        """Move an agent's weight towards what its performance asks for: the new weight.

        Parameters
        ----------
        agent_name : one of the agents that vote.
        performance : share of its recent votes that were right, 0 to 1; 0.5 is what a coin does.

        Raises
        ------
        InputError : an agent nobody knows, or a performance that is no share.
        """
        if text(agent_name, "agent_name") not in self._weights:
            known = ", ".join(self._weights)
            raise InputError(f"no agent is called {shown(agent_name)}: there are {known}", field="agent_name")
        share = probability(performance, "performance")
        weight = updated_weight(self._weights[agent_name], share)
        if self.on_change is not None:
            self.on_change(agent_name, weight, f"performance {share:g}")
        self._weights[agent_name] = weight
        return weight

    def carry(self, weights: Mapping[str, float]) -> None:
        """Take over the weights that earlier runs of the account arrived at, also of agents yet to be added."""
        self._weights |= _checked_weights(weights)

    def build_consensus(self, votes: Sequence[Votes], features: Features) -> dict[str, Any]:
        """What votes of length one add up to.

        ``contributions`` is what each agent adds to the log-odds of a rise; they sum to ``log_odds``.
        """
        weights = {v.agent: self._weights.get(v.agent, _EVEN) for v in votes}
        consensus = build_consensus(votes, weights, self.config, price=features["price"])
        added = {v.agent: float(consensus.contribution[k, 0]) for k, v in enumerate(votes) if not v.abstained[0]}
        return {**consensus_document(consensus), "contributions": added}


class MultiAgentCoordinator:
    """Five specialists, and any you add, voting on one moment.

    ``coordinator.custom_agent = CustomAgent()`` adds an agent of your own: any object with ``name`` and
    ``analyze(data) -> AgentSignal``; None takes it away again.

    Parameters
    ----------
    agents : who votes; None takes the five.
    config : when votes are enough.
    weights : agent -> weight; agents not named weigh 1.
    clock : stamps data that carry no time of their own.
    """

    def __init__(
        self,
        agents: Sequence[Agent] | None = None,
        config: ConsensusConfig | None = None,
        weights: Mapping[str, float] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._agents = tuple(agents) if agents is not None else default_agents()
        self._clock = clock or SystemClock()
        self._custom: RowAgent | None = None  # kept: it remembers that its analyst hung
        even = {a.name: _EVEN for a in self._agents}
        self.consensus_builder = ConsensusBuilder(config, even | _checked_weights(weights))

    def __repr__(self) -> str:
        return f"MultiAgentCoordinator({', '.join(a.name for a in self.agents)})"

    @property
    def custom_agent(self) -> Analyst | None:
        """The agent of your own, or None."""
        return None if self._custom is None else self._custom.analyst

    @custom_agent.setter
    def custom_agent(self, analyst: Analyst | None) -> None:
        """Let this agent vote from the next decision. Raises ``SettingsError`` on what is no agent."""
        if analyst is None:
            self._custom = None
            return
        name = getattr(analyst, "name", None)
        if not isinstance(name, str) or not name.strip() or not callable(getattr(analyst, "analyze", None)):
            raise SettingsError("a custom agent needs a name and analyze(data) -> AgentSignal")
        if isinstance(analyst, type):
            raise SettingsError(f"a custom agent is an object, not a class: assign {analyst.__name__}()")
        if name in {a.name for a in self._agents}:
            raise SettingsError(f"there is an agent called {name!r} already: give yours another name")
        self._custom = RowAgent(analyst)
        self.consensus_builder.add_agent(name)

    @property
    def agents(self) -> tuple[Agent, ...]:
        """Everyone who votes, in order."""
        return self._agents if self._custom is None else (*self._agents, self._custom)

    def analyze(
        self,
        ticker: str,
        price_data: Mapping[str, Any],
        options_data: Mapping[str, Any] | None = None,
        market_data: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The consensus on one moment, with every agent's vote under ``votes``.

        Parameters
        ----------
        ticker, price_data, options_data, market_data : as for ``EnhancedLightningGEX.analyze_ticker``.

        Returns
        -------
        ``ticker, direction, confidence, agreement, conflict, outcome, target_price, stop_loss, time_horizon, voting,
        effective_votes, log_odds, contributions, votes``.
        """
        seen = given(ticker, price_data, options_data, market_data, self._clock)
        votes = [agent.vote(seen.features) for agent in self.agents]
        document = self.consensus_builder.build_consensus(votes, seen.features)
        return {"ticker": seen.features.ticker, **document, "votes": [vote_document(v.at(0)) for v in votes]}


def _checked_weights(weights: Mapping[str, float] | None) -> dict[str, float]:
    """Raises ``InputError`` on anything but None or a mapping of names to numbers above zero."""
    if weights is None:
        return {}
    if not isinstance(weights, Mapping):
        raise InputError(f"must be a dictionary of agents, not {type(weights).__name__}", field="weights")
    return {text(agent, "weights"): positive(weight, str(agent), source="weights") for agent, weight in weights.items()}
