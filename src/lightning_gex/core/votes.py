"""What agents say, along time, and what their consensus is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.core.enums import DIRECTION_OF_SIGN, ConsensusOutcome, Direction
from lightning_gex.core.quick_init import quick_init
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Float64Array2D, Int8Array1D, Int64Array1D

_NO_FINDING = ("no finding either way",)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """One finding of an agent: what it says when it points up, and when it points down.

    Parameters
    ----------
    bullish, bearish : the sentence for either sign; ``{0}``, ``{1}`` ... stand for the row's ``values``, with a format
        where wanted, as in ``RSI {0:.1f}``.
    sign : (n,) -1, 0 (silent) or 1.
    values : (n,) numbers that the sentences name.
    """

    bullish: str
    bearish: str
    sign: Int8Array1D
    values: tuple[Float64Array1D, ...] = ()

    def text(self, i: int) -> str | None:
        """The sentence at row ``i`` with its numbers; None where silent."""
        sign = self.sign.item(i)
        return self.words(i, sign) if sign else None

    def words(self, i: int, sign: int) -> str:
        """The sentence for a sign, -1 or 1, with the numbers of row ``i``."""
        sentence = self.bullish if sign > 0 else self.bearish
        return sentence.format(*[v.item(i) for v in self.values]) if self.values else sentence


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """One agent's votes along time.

    Parameters
    ----------
    agent : display name, unique among the agents of a run.
    strategy : the strategy word that the tactical layer may forbid.
    direction : (n,) -1, 0, 1; 0 where neutral or abstained.
    confidence : (n,) probability in [0.5, 1] that the direction is right (0.5 when neutral); NaN where abstained.
    target_price, stop_price : (n,) USD; NaN where the agent names none.
    horizon_sessions : (n,) sessions, positive.
    abstained : (n,) bool.
    abstain_reason : why, where it abstained.
    evidence : the findings behind the votes.
    """

    agent: str
    strategy: str
    direction: Int8Array1D
    confidence: Float64Array1D
    target_price: Float64Array1D
    stop_price: Float64Array1D
    horizon_sessions: Int64Array1D
    abstained: BoolArray1D
    abstain_reason: str
    evidence: tuple[Evidence, ...] = ()

    def __len__(self) -> int:
        return len(self.direction)

    def why_not(self, i: int) -> str:
        """Why it abstained at row ``i``."""
        return self.abstain_reason

    def at(self, i: int) -> Vote:
        """The vote at row ``i``, with its reasons in words."""
        abstained = bool(self.abstained.item(i))
        if abstained:
            reasons: tuple[str, ...] = (self.why_not(i),)
        else:  # most findings are silent on most rows: nothing is called for those
            reasons = tuple([t for e in self.evidence if (sign := e.sign.item(i)) and (t := e.words(i, sign))])
        return Vote(
            self.agent,
            DIRECTION_OF_SIGN[self.direction.item(i)],
            float(self.confidence.item(i)),
            float(self.target_price.item(i)),
            float(self.stop_price.item(i)),
            int(self.horizon_sessions.item(i)),
            abstained,
            reasons or _NO_FINDING,
        )


@quick_init
@dataclass(frozen=True, slots=True)
class Vote:
    """One agent's vote at one moment, for the record. Numbers are NaN where there is none."""

    agent: str
    direction: Direction
    confidence: float
    target_price: float
    stop_price: float
    horizon_sessions: int
    abstained: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """What the votes add up to, along time.

    Parameters
    ----------
    direction : (n,) -1, 0, 1.
    confidence : (n,) probability in [0.5, 1] that the direction is right; NaN where nobody voted.
    agreement : (n,) share of voting weight on the winning side, [0, 1]; NaN where nobody voted.
    outcome : (n,) codes of ``ConsensusOutcome``: how the vote ended.
    target_price, stop_price : (n,) USD from the winning side; NaN where none.
    horizon_sessions : (n,) sessions.
    leader : (n,) index of the agent that contributed most to the winning side; -1 where none.
    voting : (n,) how many agents did not abstain.
    effective_votes : (n,) how many independent votes those are worth, in [0, voting].
    log_odds : (n,) ln(p / (1 - p)) of a rise; NaN where nobody voted.
    contribution : (agents, n) what each agent, in the order of the votes, adds to ``log_odds``; 0 where it abstained.
    vetoed_by : (n,) index of the agent that was sure of the contrary; -1 where none was.
    """

    direction: Int8Array1D
    confidence: Float64Array1D
    agreement: Float64Array1D
    outcome: Int8Array1D
    target_price: Float64Array1D
    stop_price: Float64Array1D
    horizon_sessions: Int64Array1D
    leader: Int64Array1D
    voting: Int64Array1D
    effective_votes: Float64Array1D
    log_odds: Float64Array1D
    contribution: Float64Array2D
    vetoed_by: Int64Array1D

    @property
    def conflict(self) -> BoolArray1D:
        """(n,) True where the agents stood against each other so that no direction came of it."""
        stood_apart: BoolArray1D = (self.outcome == ConsensusOutcome.SPLIT) | (self.outcome == ConsensusOutcome.VETO)
        return stood_apart


def abstaining_everywhere(agent: str, strategy: str, count: int, reason: str) -> Votes:
    """Votes of an agent that had nothing to go on throughout."""
    nothing = np.full(count, np.nan)
    return Votes(
        agent=agent,
        strategy=strategy,
        direction=np.zeros(count, dtype=np.int8),
        confidence=nothing,
        target_price=nothing,
        stop_price=nothing,
        horizon_sessions=np.ones(count, dtype=np.int64),
        abstained=np.ones(count, dtype=np.bool_),
        abstain_reason=reason,
    )
