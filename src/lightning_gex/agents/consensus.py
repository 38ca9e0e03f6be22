"""The consensus: a weighted vote, with conflicts settled by standing aside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lightning_gex.agents.ballot import sign_of
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int8Array1D, Int64Array1D
from lightning_gex.core.votes import Consensus, Votes


@dataclass(frozen=True, slots=True)
class ConsensusConfig:
    """When votes are enough.

    Parameters
    ----------
    min_confidence : probability below which the consensus is neutral: 1 - min_confidence < p(bullish) < min_confidence
        is the dead band, [0.5, 1).
    min_voting : agents that must not abstain, at least 1.
    conflict_share : share of the voting weight that, held by both sides at once, makes a conflict, (0, 0.5].

    Raises
    ------
    SettingsError : a value outside its range.
    """

    min_confidence: float = 0.52
    min_voting: int = 2
    conflict_share: float = 0.3

    def __post_init__(self) -> None:
        if not 0.5 <= self.min_confidence < 1.0:
            raise SettingsError(f"min_confidence must be in [0.5, 1), not {self.min_confidence}")
        if self.min_voting < 1:
            raise SettingsError(f"min_voting must be at least 1, not {self.min_voting}")
        if not 0.0 < self.conflict_share <= 0.5:
            raise SettingsError(f"conflict_share must be in (0, 0.5], not {self.conflict_share}")


_DEFAULT = ConsensusConfig()


def build_consensus(
    votes: Sequence[Votes],
    weights: Mapping[str, float],
    config: ConsensusConfig = _DEFAULT,
    *,
    price: Float64Array1D | None = None,
) -> Consensus:
    """What the votes add up to, row by row.

    An agent that did not abstain says p(bullish) = 0.5 + direction (confidence - 0.5); the consensus p is their
    weighted mean, its direction the side of 0.5 that p lies on, its confidence max(p, 1 - p). So p lies within the
    votes, agents that are neutral pull it towards one half, and those that abstain do nothing.

    Parameters
    ----------
    votes : one per agent, each (n,), with different names, in any order: the result is the same to the bit.
    weights : agent name -> weight, finite and positive; only ratios matter. Names without votes are ignored.
    config : when votes are enough.
    price : (n,) USD; given, targets and stops on the wrong side of it are ignored. NaN where unknown ignores them all.

    Returns
    -------
    (n,) consensus. Neutral where p is in the dead band, where fewer than ``min_voting`` voted, and where both sides
    hold ``conflict_share`` of the voting weight (``conflict``). ``confidence`` is max(p, 1 - p) all the same: where
    neutral, it is what was not enough. ``agreement`` is the share of voting weight whose direction is the consensus's.
    Target and stop are means over the winners that name one, weighted by weight times confidence, the horizon that of
    the winners (all voters where neutral) by weight, rounded; 1 where nobody voted. ``leader`` indexes ``votes`` as
    given: the winner with the largest weight times (confidence - 0.5), the first by name where equal.

    Raises
    ------
    SettingsError : no votes, two agents of one name, a weight that is missing, not finite or not positive.
    InputError : votes or prices of different lengths.
    """
    order = _name_order(votes)
    ballots = [_Ballot.of(votes[k], k, _weight(votes[k].agent, weights)) for k in order]
    n = _common_length(votes, price)
    share = _shares(ballots, n)
    p = _probability(ballots, share.voting_weight)
    confidence = np.maximum(p, 1 - p)
    conflict = (share.bullish >= config.conflict_share) & (share.bearish >= config.conflict_share)
    enough = (share.voting >= config.min_voting) & (confidence >= config.min_confidence) & ~conflict
    direction = np.where(enough, sign_of(p - 0.5), 0).astype(np.int8)
    agreed = np.where(direction > 0, share.bullish, np.where(direction < 0, share.bearish, share.neutral))
    winners = [ballot.wins(direction) for ballot in ballots]
    return Consensus(
        direction=direction,
        confidence=confidence,
        agreement=agreed,
        conflict=conflict,
        target_price=_level([b.votes.target_price for b in ballots], ballots, winners, price, direction),
        stop_price=_level([b.votes.stop_price for b in ballots], ballots, winners, price, -direction),
        horizon_sessions=_horizon(ballots, winners, direction),
        leader=_leader(ballots, winners, n),
        voting=share.voting,
    )


def equal_weights(names: Sequence[str]) -> dict[str, float]:
    """Weight 1 for each name: as good as learned ones where that was measured."""
    return dict.fromkeys(names, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Ballot:
    """One agent's votes, its weight, and where it stood among those given."""

    votes: Votes
    index: int
    weight: float
    voted: BoolArray1D
    confidence: Float64Array1D  # 0.5 where abstained, so that it can be summed

    @classmethod
    def of(cls, votes: Votes, index: int, weight: float) -> _Ballot:
        voted = ~votes.abstained
        return cls(votes, index, weight, voted, np.where(voted, votes.confidence, 0.5))

    def wins(self, direction: Int8Array1D) -> BoolArray1D:
        won: BoolArray1D = self.voted & (direction != 0) & (self.votes.direction == direction)
        return won


@dataclass(frozen=True, slots=True, eq=False)
class _Shares:
    """How the voting weight is spread; shares are NaN where nobody voted."""

    voting_weight: Float64Array1D
    voting: Int64Array1D
    bullish: Float64Array1D
    bearish: Float64Array1D
    neutral: Float64Array1D


def _shares(ballots: Sequence[_Ballot], n: int) -> _Shares:
    total, voting = np.zeros(n), np.zeros(n, dtype=np.int64)
    held = {sign: np.zeros(n) for sign in (-1, 0, 1)}
    for ballot in ballots:
        total += ballot.weight * ballot.voted
        voting += ballot.voted
        for sign, weight in held.items():
            weight += ballot.weight * (ballot.voted & (ballot.votes.direction == sign))
    bearish, neutral, bullish = (_ratio(held[sign], total) for sign in (-1, 0, 1))
    return _Shares(total, voting, bullish, bearish, neutral)


def _probability(ballots: Sequence[_Ballot], voting_weight: Float64Array1D) -> Float64Array1D:
    """p(bullish), kept within the votes: rounding may carry a mean past its extremes by a last bit."""
    n = len(voting_weight)
    total, lowest, highest = np.zeros(n), np.full(n, np.inf), np.full(n, -np.inf)
    for ballot in ballots:
        p = 0.5 + ballot.votes.direction * (ballot.confidence - 0.5)
        total += ballot.weight * ballot.voted * p
        lowest = np.where(ballot.voted, np.minimum(lowest, p), lowest)
        highest = np.where(ballot.voted, np.maximum(highest, p), highest)
    kept: Float64Array1D = np.minimum(np.maximum(_ratio(total, voting_weight), lowest), highest)
    return kept


def _level(
    levels: Sequence[Float64Array1D],
    ballots: Sequence[_Ballot],
    winners: Sequence[BoolArray1D],
    price: Float64Array1D | None,
    side: Int8Array1D,
) -> Float64Array1D:
    """Mean of the winners' targets (or stops) that lie on the given side of the price."""
    total, weight = np.zeros(len(side)), np.zeros(len(side))
    for level, ballot, won in zip(levels, ballots, winners, strict=True):
        usable = won & ~np.isnan(level)
        if price is not None:
            usable = usable & (side * (level - price) > 0)
        share = np.where(usable, ballot.weight * ballot.confidence, 0.0)
        weight += share
        total += share * np.where(usable, level, 0.0)
    return _ratio(total, weight)


def _horizon(ballots: Sequence[_Ballot], winners: Sequence[BoolArray1D], direction: Int8Array1D) -> Int64Array1D:
    total, weight = np.zeros(len(direction)), np.zeros(len(direction))
    for ballot, won in zip(ballots, winners, strict=True):
        share = ballot.weight * np.where(direction == 0, ballot.voted, won)
        weight += share
        total += share * ballot.votes.horizon_sessions
    mean = _ratio(total, weight)
    return np.where(np.isnan(mean), 1, np.maximum(np.rint(np.where(np.isnan(mean), 1.0, mean)), 1)).astype(np.int64)


def _leader(ballots: Sequence[_Ballot], winners: Sequence[BoolArray1D], n: int) -> Int64Array1D:
    leader, most = np.full(n, -1, dtype=np.int64), np.full(n, -np.inf)
    for ballot, won in zip(ballots, winners, strict=True):
        said = ballot.weight * (ballot.confidence - 0.5)
        leads = won & (said > most)
        leader = np.where(leads, ballot.index, leader)
        most = np.where(leads, said, most)
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
