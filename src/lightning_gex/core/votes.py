"""What agents say, along time, and what their consensus is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.core.enums import Direction
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int8Array1D, Int64Array1D


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """One finding of an agent: what it says when it points up, and when it points down.

    Parameters
    ----------
    bullish, bearish : the sentence for either sign.
    sign : (n,) -1, 0 (silent) or 1.
    """

    bullish: str
    bearish: str
    sign: Int8Array1D

    def text(self, i: int) -> str | None:
        """The sentence at row ``i``; None where silent."""
        sign = int(self.sign[i])
        return None if sign == 0 else (self.bullish if sign > 0 else self.bearish)


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

    def at(self, i: int) -> Vote:
        """The vote at row ``i``, with its reasons in words."""
        abstained = bool(self.abstained[i])
        reasons = (self.abstain_reason,) if abstained else tuple(t for e in self.evidence if (t := e.text(i)))
        return Vote(
            agent=self.agent,
            direction=Direction(int(self.direction[i])),
            confidence=float(self.confidence[i]),
            target_price=float(self.target_price[i]),
            stop_price=float(self.stop_price[i]),
            horizon_sessions=int(self.horizon_sessions[i]),
            abstained=abstained,
            reasons=reasons or ("no finding either way",),
        )


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
    conflict : (n,) True where both sides hold enough weight that the outcome was forced to neutral.
    target_price, stop_price : (n,) USD from the winning side; NaN where none.
    horizon_sessions : (n,) sessions.
    leader : (n,) index of the agent that contributed most to the winning side; -1 where none.
    voting : (n,) how many agents did not abstain.
    """

    direction: Int8Array1D
    confidence: Float64Array1D
    agreement: Float64Array1D
    conflict: BoolArray1D
    target_price: Float64Array1D
    stop_price: Float64Array1D
    horizon_sessions: Int64Array1D
    leader: Int64Array1D
    voting: Int64Array1D


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
