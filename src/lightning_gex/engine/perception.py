"""What can be computed for the whole history at once: votes, consensus, regimes, memory vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lightning_gex.agents.consensus import build_consensus
from lightning_gex.agents.options_flow import OptionsFlowAgent
from lightning_gex.core.features import Features
from lightning_gex.core.ports import Agent
from lightning_gex.core.units import Float64Array2D
from lightning_gex.core.votes import Consensus, Votes
from lightning_gex.engine.config import EngineConfig
from lightning_gex.memory.vector import situation_vectors
from lightning_gex.risk.strategic import RegimeReadings, detect_regimes


@dataclass(frozen=True, slots=True, eq=False)
class Perception:
    """One ticker's features and everything stateless that follows from them, along time.

    Parameters
    ----------
    features : (n,) rows.
    votes : one entry an agent, (n,) rows each.
    consensus : (n,) rows, under ``weights``.
    regimes : (n,) rows.
    vectors : (n, d) situations for memory.
    weights : the agents' weights that ``consensus`` was built with.
    """

    features: Features
    votes: tuple[Votes, ...]
    consensus: Consensus
    regimes: RegimeReadings
    vectors: Float64Array2D
    weights: Mapping[str, float]

    def under(self, weights: Mapping[str, float], config: EngineConfig) -> Perception:
        """The same votes under these weights; agents not named weigh 1."""
        complete = _complete(weights, self.votes)
        if complete == self.weights:
            return self
        return replace(self, consensus=_consensus(self.votes, complete, self.features, config), weights=complete)


def perceive(features: Features, agents: Sequence[Agent], config: EngineConfig) -> Perception:
    """Let the agents vote on every row and add their votes up.

    A row depends on rows at or before it only, so a backtest perceives its whole history once and a live run perceives
    the history up to now. With multi-agent coordination off, dealer positioning decides alone.
    """
    voters = agents
    if not config.enhancements.multi_agent:
        voters = [a for a in agents if isinstance(a, OptionsFlowAgent)]
    votes = tuple(agent.vote(features) for agent in voters)
    weights = _complete(config.weights, votes)
    return Perception(
        features=features,
        votes=votes,
        consensus=_consensus(votes, weights, features, config),
        regimes=detect_regimes(features, custom=config.regime_rule),
        vectors=situation_vectors(features),
        weights=weights,
    )


def _complete(weights: Mapping[str, float], votes: Sequence[Votes]) -> dict[str, float]:
    return {v.agent: float(weights.get(v.agent, 1.0)) for v in votes}


def _consensus(
    votes: Sequence[Votes], weights: Mapping[str, float], features: Features, config: EngineConfig
) -> Consensus:
    rules = config.consensus if config.enhancements.multi_agent else replace(config.consensus, min_voting=1)
    return build_consensus(votes, weights, rules, price=features["price"])
