"""The consensus: opinions pooled by their log-odds, with conflicts settled by standing aside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lightning_gex.agents.ballot import sign_of
from lightning_gex.analytics.opinion_pool import Pooled, past_overlap, pool
from lightning_gex.core.enums import ConsensusOutcome
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Float64Array2D, Int8Array1D, Int64Array1D
from lightning_gex.core.votes import Consensus, Votes


@dataclass(frozen=True, slots=True)
class ConsensusConfig:
    """When votes are enough.

    Parameters
    ----------
    min_confidence : probability below which the consensus is neutral: 1 - min_confidence < p(bullish) < min_confidence
        is the dead band, [0.5, 1).
    min_voting : agents that must not abstain, at least 1.
    conflict_share : share of the voting weight that, held by both sides at once, splits the vote, (0, 0.5].
    veto_confidence : confidence from which on a single agent stops a consensus of the other direction, (0.5, 1]; at 1
        only certainty does.

    Raises
    ------
    SettingsError : a value outside its range.
    """

    min_confidence: float = 0.52
    min_voting: int = 2
    conflict_share: float = 0.3
    veto_confidence: float = 0.7

    def __post_init__(self) -> None:
        if not 0.5 <= self.min_confidence < 1.0:
            raise SettingsError(f"min_confidence must be in [0.5, 1), not {self.min_confidence}")
        if self.min_voting < 1:
            raise SettingsError(f"min_voting must be at least 1, not {self.min_voting}")
        if not 0.0 < self.conflict_share <= 0.5:
            raise SettingsError(f"conflict_share must be in (0, 0.5], not {self.conflict_share}")
        if not 0.5 < self.veto_confidence <= 1.0:
            raise SettingsError(f"veto_confidence must be in (0.5, 1], not {self.veto_confidence}")


_DEFAULT = ConsensusConfig()


def build_consensus(
    votes: Sequence[Votes],
    weights: Mapping[str, float],
    config: ConsensusConfig = _DEFAULT,
    *,
    price: Float64Array1D | None = None,
    overlap: Float64Array2D | None = None,
) -> Consensus:
    """What the votes add up to, row by row.

    An agent that did not abstain says p(bullish) = 0.5 + direction (confidence - 0.5). The consensus p is their
    weighted logarithmic pool (``analytics.opinion_pool``), agents that mostly say the same counting less; its direction
    is the side of 0.5 that p lies on, its confidence max(p, 1 - p). So p lies within the votes, agents that are neutral
    pull it towards one half, and those that abstain do nothing.

    Parameters
    ----------
    votes : one per agent, each (n,), with different names, in any order: the result is the same to the bit.
    weights : agent name -> weight, finite and positive; only ratios matter. Names without votes are ignored.
    config : when votes are enough.
    price : (n,) USD; given, targets and stops on the wrong side of it are ignored. NaN where unknown ignores them all.
    overlap : what ``overlap_of`` found in the past of these votes; None takes its prior for every pair.

    Returns
    -------
    (n,) consensus. ``outcome`` says how the vote ended, the first of: fewer than ``min_voting`` voted (no quorum), both
    sides hold ``conflict_share`` of the voting weight (split), p is in the dead band (undecided), an agent is sure of
    the contrary (veto), agreement. Only an agreement has a direction. ``confidence`` is max(p, 1 - p) all the same:
    where neutral, it is what was not enough. ``agreement`` is the share of voting weight whose direction is the
    consensus's. Target and stop are means over the winners that name one, weighted by weight times confidence, the
    horizon that of the winners (all voters where neutral) by weight, rounded; 1 where nobody voted. ``leader`` indexes
    ``votes`` as given: the winner that adds most to the log-odds, the first by name where equal.

    Raises
    ------
    SettingsError : no votes, two agents of one name, a weight that is missing, not finite or not positive.
    InputError : votes or prices of different lengths.
    """
    order = _name_order(votes)
    weight = np.array([_weight(votes[k].agent, weights) for k in order])
    n = _common_length(votes, price)
    ballots = [_Ballot.of(votes[k], k) for k in order]
    pooled = pool(_opinions(ballots), weight, overlap)
    shares = _Shares.of(ballots, pooled)
    confidence = np.maximum(pooled.probability, 1 - pooled.probability)
    side = sign_of(pooled.probability - 0.5)
    vetoed_by = _vetoed_by(ballots, side, config.veto_confidence)
    outcome = _outcome(shares, confidence, vetoed_by, config)
    direction = np.where(outcome == ConsensusOutcome.AGREEMENT, side, 0).astype(np.int8)
    winners = [ballot.wins(direction) for ballot in ballots]
    level_share = [share * ballot.confidence for share, ballot in zip(pooled.share, ballots, strict=True)]
    return Consensus(
        direction=direction,
        confidence=confidence,
        agreement=np.where(direction > 0, shares.bullish, np.where(direction < 0, shares.bearish, shares.neutral)),
        outcome=outcome,
        target_price=_level([b.votes.target_price for b in ballots], level_share, winners, price, direction),
        stop_price=_level([b.votes.stop_price for b in ballots], level_share, winners, price, -direction),
        horizon_sessions=_horizon(ballots, pooled.share, winners, direction),
        leader=_leader(ballots, pooled.contribution, winners, n),
        voting=shares.voting,
        effective_votes=pooled.effective,
        log_odds=pooled.log_odds,
        contribution=pooled.contribution[np.argsort(order)],
        vetoed_by=np.where(outcome == ConsensusOutcome.VETO, vetoed_by, -1),
    )


def overlap_of(votes: Sequence[Votes]) -> Float64Array2D:
    """How far each pair of agents said the same on the rows before, for ``build_consensus``.

    Parameters
    ----------
    votes : one per agent, each (n,), in any order.

    Returns
    -------
    (pairs, n) in [0, 1], agents in the order of their names; column i uses the rows before i only.
    """
    order = _name_order(votes)
    _common_length(votes, None)
    return past_overlap(_opinions([_Ballot.of(votes[k], k) for k in order]))


def equal_weights(names: Sequence[str]) -> dict[str, float]:
    """Weight 1 for each name: as good as learned ones where that was measured."""
    return dict.fromkeys(names, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Ballot:
    """One agent's votes, and where it stood among those given."""

    votes: Votes
    index: int
    voted: BoolArray1D
    confidence: Float64Array1D  # 0.5 where abstained, so that it can be summed

    @classmethod
    def of(cls, votes: Votes, index: int) -> _Ballot:
        voted = ~votes.abstained
        return cls(votes, index, voted, np.where(voted, votes.confidence, 0.5))

    @property
    def opinion(self) -> Float64Array1D:
        """(n,) p(bullish); NaN where abstained."""
        return np.where(self.voted, 0.5 + self.votes.direction * (self.confidence - 0.5), np.nan)

    def wins(self, direction: Int8Array1D) -> BoolArray1D:
        won: BoolArray1D = self.voted & (direction != 0) & (self.votes.direction == direction)
        return won


def _opinions(ballots: Sequence[_Ballot]) -> Float64Array2D:
    return np.stack([ballot.opinion for ballot in ballots])


@dataclass(frozen=True, slots=True, eq=False)
class _Shares:
    """How the voting weight is spread; shares are NaN where nobody voted."""

    voting: Int64Array1D
    bullish: Float64Array1D
    bearish: Float64Array1D
    neutral: Float64Array1D

    @classmethod
    def of(cls, ballots: Sequence[_Ballot], pooled: Pooled) -> _Shares:
        n = len(pooled.log_odds)
        voting = np.zeros(n, dtype=np.int64)
        held = {sign: np.zeros(n) for sign in (-1, 0, 1)}
        for ballot, share in zip(ballots, pooled.share, strict=True):
            voting += ballot.voted
            for sign, weight in held.items():
                weight += share * (ballot.voted & (ballot.votes.direction == sign))
        bearish, neutral, bullish = (np.where(voting > 0, held[sign], np.nan) for sign in (-1, 0, 1))
        return cls(voting, bullish, bearish, neutral)


def _vetoed_by(ballots: Sequence[_Ballot], side: Int8Array1D, veto_confidence: float) -> Int64Array1D:
    """(n,) index of the surest agent against that side from ``veto_confidence`` on, the first by name; else -1."""
    found, surest = np.full(len(side), -1, dtype=np.int64), np.zeros(len(side))
    for ballot in ballots:
        against = ballot.voted & (side != 0) & (ballot.votes.direction == -side)
        vetoes = against & (ballot.confidence >= veto_confidence) & (ballot.confidence > surest)
        found = np.where(vetoes, ballot.index, found)
        surest = np.where(vetoes, ballot.confidence, surest)
    return found


def _outcome(
    shares: _Shares, confidence: Float64Array1D, vetoed_by: Int64Array1D, config: ConsensusConfig
) -> Int8Array1D:
    split = (shares.bullish >= config.conflict_share) & (shares.bearish >= config.conflict_share)
    reached = [
        (shares.voting < config.min_voting) | (shares.voting == 0),
        split,
        ~(confidence >= config.min_confidence),
        vetoed_by >= 0,
    ]
    ends = [
        ConsensusOutcome.NO_QUORUM,
        ConsensusOutcome.SPLIT,
        ConsensusOutcome.UNDECIDED,
        ConsensusOutcome.VETO,
    ]
    return np.select(reached, [np.int8(end) for end in ends], default=np.int8(ConsensusOutcome.AGREEMENT))


def _level(
    levels: Sequence[Float64Array1D],
    shares: Sequence[Float64Array1D],
    winners: Sequence[BoolArray1D],
    price: Float64Array1D | None,
    side: Int8Array1D,
) -> Float64Array1D:
    """Mean of the winners' targets (or stops) that lie on the given side of the price."""
    total, weight = np.zeros(len(side)), np.zeros(len(side))
    for level, share, won in zip(levels, shares, winners, strict=True):
        usable = won & ~np.isnan(level)
        if price is not None:
            usable = usable & (side * (level - price) > 0)
        counted = np.where(usable, share, 0.0)
        weight += counted
        total += counted * np.where(usable, level, 0.0)
    return _ratio(total, weight)


def _horizon(
    ballots: Sequence[_Ballot], shares: Float64Array2D, winners: Sequence[BoolArray1D], direction: Int8Array1D
) -> Int64Array1D:
    total, weight = np.zeros(len(direction)), np.zeros(len(direction))
    for ballot, share, won in zip(ballots, shares, winners, strict=True):
        counted = share * np.where(direction == 0, ballot.voted, won)
        weight += counted
        total += counted * ballot.votes.horizon_sessions
    mean = _ratio(total, weight)
    return np.where(np.isnan(mean), 1, np.maximum(np.rint(np.where(np.isnan(mean), 1.0, mean)), 1)).astype(np.int64)


def _leader(
    ballots: Sequence[_Ballot], contribution: Float64Array2D, winners: Sequence[BoolArray1D], n: int
) -> Int64Array1D:
    leader, most = np.full(n, -1, dtype=np.int64), np.full(n, -np.inf)
    for ballot, added, won in zip(ballots, np.abs(contribution), winners, strict=True):
        leads = won & (added > most)
        leader = np.where(leads, ballot.index, leader)
        most = np.where(leads, added, most)
    return leader


def _ratio(total: Float64Array1D, weight: Float64Array1D) -> Float64Array1D:
    ratio: Float64Array1D = np.divide(total, weight, out=np.full(len(total), np.nan), where=weight > 0)
    return ratio


def _name_order(votes: Sequence[Votes]) -> list[int]:
    """Positions by agent name: sums run in this order, so the order given cannot matter, not even to the last bit."""
    if not votes:
        raise SettingsError("a consensus needs at least one agent: switch one on")
    names = [v.agent for v in votes]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise SettingsError(f"two agents are called {twice[0]!r}: give each its own name")
    return sorted(range(len(votes)), key=names.__getitem__)


def _weight(agent: str, weights: Mapping[str, float]) -> float:
    if agent not in weights:
        raise SettingsError(f"agent {agent!r} has no weight: name it among the weights (1.0 counts like the others)")
    weight = float(weights[agent])
    if not (math.isfinite(weight) and weight > 0):
        raise SettingsError(f"the weight of agent {agent!r} must be a positive number, not {weight}: remove it instead")
    return weight


def _common_length(votes: Sequence[Votes], price: Float64Array1D | None) -> int:
    n = len(votes[0])
    for v in votes:
        if len(v) != n:
            raise InputError(f"{v.agent} has {len(v)} votes where {votes[0].agent} has {n}", field=v.agent)
    if price is not None and price.shape != (n,):
        raise InputError(f"{len(price)} prices for {n} rows of votes", field="price")
    return n
