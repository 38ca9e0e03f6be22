"""What can be computed for the whole history at once: votes, consensus, regimes, memory vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lightning_gex.agents.consensus import build_consensus, overlap_of
from lightning_gex.agents.options_flow import OptionsFlowAgent
from lightning_gex.analytics.recalibration import share_of_rises
from lightning_gex.core.features import Features
from lightning_gex.core.ports import Agent
from lightning_gex.core.units import Float64Array1D, Float64Array2D
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
        if horizon_sessions not in self._found:
            horizons = np.full(len(self.price), horizon_sessions, dtype=np.int64)
            self._found[horizon_sessions] = share_of_rises(self.price, horizons)
        return float(self._found[horizon_sessions][i])


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
    weights: Mapping[str, float]
    _reweighed: dict[str, Perception] = field(default_factory=dict)  # the latest, for the sessions until weights change

    def under(self, weights: Mapping[str, float], config: EngineConfig) -> Perception:
        """The same votes under these weights; agents not named weigh 1."""
        complete = _complete(weights, self.votes)
        if complete == self.weights:
            return self
        latest = self._reweighed.get("latest")
        if latest is None or latest.weights != complete:
            consensus = _consensus(self.votes, complete, self.features, self.overlap, config)
            latest = replace(self, consensus=consensus, weights=complete)
            self._reweighed["latest"] = latest
        return latest


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
