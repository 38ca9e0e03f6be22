"""What can be computed for the whole history at once: votes, consensus, regimes, memory vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lightning_gex.agents.consensus import build_consensus, overlap_of
from lightning_gex.agents.options_flow import OptionsFlowAgent
from lightning_gex.analytics.recalibration import share_of_rises
from lightning_gex.core.enums import DIRECTION_OF_SIGN
from lightning_gex.core.features import Features
from lightning_gex.core.patterns import AgentCall
from lightning_gex.core.ports import Agent
from lightning_gex.core.units import Float64Array1D, Float64Array2D, Int8Array2D
from lightning_gex.core.votes import Consensus, Votes
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.outlook import Outlook, outlook_of
from lightning_gex.memory.vector import situation_vectors
from lightning_gex.risk.strategic import RegimeReadings, detect_regimes


@dataclass(frozen=True, slots=True, eq=False)
class BaseRates:
    """How often a ticker's prices rose over a horizon, up to each row; a horizon is computed when first asked for.

    Parameters
    ----------
    price : (n,) USD at the close; NaN where absent.
    """

    price: Float64Array1D
    _found: dict[int, Float64Array1D] = field(default_factory=dict)

    def at(self, i: int, horizon_sessions: int) -> float:
        """The share of rises at row ``i``, from rows up to it; NaN where no move over the horizon has ended by then."""
        return float(self.over(horizon_sessions)[i])

    def over(self, horizon_sessions: int) -> Float64Array1D:
        """(n,) the share of rises at every row."""
        if horizon_sessions not in self._found:
            horizons = np.full(len(self.price), horizon_sessions, dtype=np.int64)
            self._found[horizon_sessions] = share_of_rises(self.price, horizons)
        return self._found[horizon_sessions]


@dataclass(frozen=True, slots=True, eq=False)
class VoteFigures:
    """The votes of all agents by row: one look tells them all.

    Parameters
    ----------
    agents : their names.
    direction : (n, agents) -1, 0, 1.
    probability : (n, agents) that the price rises; NaN where an agent abstained.
    """

    agents: tuple[str, ...]
    direction: Int8Array2D
    probability: Float64Array2D

    @classmethod
    def of(cls, votes: Sequence[Votes]) -> VoteFigures:
        """The figures of these votes."""
        direction = np.stack([v.direction for v in votes], axis=1)
        confidence = np.stack([v.confidence for v in votes], axis=1)
        return cls(tuple(v.agent for v in votes), direction, np.where(direction < 0, 1.0 - confidence, confidence))

    def at(self, i: int) -> tuple[AgentCall, ...]:
        """What each agent said at row ``i``."""
        said = zip(self.agents, self.direction[i].tolist(), self.probability[i].tolist(), strict=True)
        return tuple([AgentCall(agent, DIRECTION_OF_SIGN[sign], probability) for agent, sign, probability in said])


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
    forecast : volatility ahead and expected range, (n,) rows.
    overlap : (pairs, n) how far agents said the same before; see ``agents.consensus.overlap_of``.
    rises : how often prices rose over any horizon, up to each row.
    calls : the votes as numbers, by row.
    weights : the agents' weights that ``consensus`` was built with.
    """

    features: Features
    votes: tuple[Votes, ...]
    consensus: Consensus
    regimes: RegimeReadings
    vectors: Float64Array2D
    forecast: Outlook
    overlap: Float64Array2D
    rises: BaseRates
    calls: VoteFigures
    weights: Mapping[str, float]
    #: The weights asked for last, and what was perceived under them, itself where None: until weights change.
    _latest: list[tuple[Mapping[str, float], Perception | None]] = field(default_factory=list)

    def calls_at(self, i: int) -> tuple[AgentCall, ...]:
        """What each agent said at row ``i``, in numbers."""
        return self.calls.at(i)

    def under(self, weights: Mapping[str, float], config: EngineConfig) -> Perception:
        """The same votes under these weights; agents not named weigh 1."""
        asked, latest = self._latest[0] if self._latest else (None, None)
        if asked is not weights:
            complete = _complete(weights, self.votes)
            if complete == self.weights:
                latest = None
            elif latest is None or latest.weights != complete:
                consensus = _consensus(self.votes, complete, self.features, self.overlap, config)
                latest = replace(self, consensus=consensus, weights=complete, _latest=[])
            self._latest[:] = [(weights, latest)]
        return self if latest is None else latest


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
    overlap = overlap_of(votes)
    return Perception(
        features=features,
        votes=votes,
        consensus=_consensus(votes, weights, features, overlap, config),
        regimes=detect_regimes(features, custom=config.regime_rule, own=config.own_regimes, rules=config.regime_rules),
        vectors=situation_vectors(features),
        forecast=outlook_of(features, config.range_horizon_sessions),
        overlap=overlap,
        rises=BaseRates(features["price"]),
        calls=VoteFigures.of(votes),
        weights=weights,
    )


def _complete(weights: Mapping[str, float], votes: Sequence[Votes]) -> dict[str, float]:
    return {v.agent: float(weights.get(v.agent, 1.0)) for v in votes}


def _consensus(
    votes: Sequence[Votes],
    weights: Mapping[str, float],
    features: Features,
    overlap: Float64Array2D,
    config: EngineConfig,
) -> Consensus:
    rules = config.consensus if config.enhancements.multi_agent else replace(config.consensus, min_voting=1)
    return build_consensus(votes, weights, rules, price=features["price"], overlap=overlap)
