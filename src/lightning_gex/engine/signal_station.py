"""The signal station: what the agents' vote came to, in words and numbers, and how probable it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lightning_gex.core.decision import Scalar, StageRecord
from lightning_gex.core.enums import DIRECTION_OF_SIGN, ConsensusOutcome, Direction, StageName, StageVerdict
from lightning_gex.core.quick_init import quick_init
from lightning_gex.engine.learning import Calibrated, Learning
from lightning_gex.engine.perception import Perception

#: Before an agent's name: what it added to the log-odds of a rise.
ADDED_BY = "added by "
EVEN_ODDS = 0.5


@quick_init
@dataclass(frozen=True, slots=True)
class Signal:
    """What the agents want on one row. Numbers are NaN where there are none.

    Parameters
    ----------
    direction : the consensus's.
    raw_confidence : the consensus's, before anything was learnt.
    confidence : probability that the direction is right over the horizon; the raw one where neutral or not calibrated.
    base_rate : how often moves over the horizon had the direction; NaN where neutral, or without price history.
    record : what goes on record.
    """

    direction: Direction
    raw_confidence: float
    confidence: float
    base_rate: float
    record: StageRecord


def is_core(perception: Perception, i: int, horizon_sessions: int) -> bool:
    """Whether a row is a core idea: the agents leave the direction open, and the share rises more often than not.

    Open is a consensus that is undecided or split, not one that a veto or a missing quorum ended. How often the share
    rises is its base rate over the horizon; without price history there is none, and no core idea.
    """
    open_to_both = perception.consensus.outcome[i] in (ConsensusOutcome.UNDECIDED, ConsensusOutcome.SPLIT)
    return bool(open_to_both and perception.rises.at(i, horizon_sessions) > EVEN_ODDS)


def probability_of_a_rise(perception: Perception, i: int) -> float:
    """What the consensus thinks of a rise, whichever way it leans."""
    return 1.0 / (1.0 + math.exp(-float(perception.consensus.log_odds[i])))


def signal_of(
    perception: Perception,
    i: int,
    *,
    horizon_sessions: int,
    learning: Learning | None,
    notes: tuple[str, ...],
    remark: str = "",
    core: bool = False,
) -> Signal:
    """The vote of one row, its confidence made a probability.

    Parameters
    ----------
    perception : what was perceived.
    i : the row.
    horizon_sessions : sessions the trade would be held.
    learning : what past outcomes taught; None leaves the consensus's confidence as it is.
    notes : what had to be assumed, for the record.
    remark : added to the reason of a signal.
    core : whether it is a core idea (:func:`is_core`): a rise, with what the agents think of one as confidence.
    """
    consensus = perception.consensus
    direction = Direction.BULLISH if core else DIRECTION_OF_SIGN[consensus.direction.item(i)]
    raw = probability_of_a_rise(perception, i) if core else consensus.confidence.item(i)
    stand_ins = (*notes, *perception.features.stand_ins)
    detail = _detail(perception, i)
    if direction is Direction.NEUTRAL:
        detail |= {"raw_confidence": raw, "confidence": raw}
        fallback = "; ".join(stand_ins) or None
        record = StageRecord(StageName.SIGNAL, StageVerdict.ABSTAINED, _why_none(perception, i), detail, fallback)
        return Signal(direction, raw, raw, float("nan"), record)
    rises = perception.rises.at(i, horizon_sessions)
    base_rate = rises if direction is Direction.BULLISH else 1.0 - rises
    found = None
    if learning is not None:
        found = learning.calibrated(
            direction=direction, horizon_sessions=horizon_sessions, base_rate=base_rate, confidence=raw
        )
    confidence = raw if found is None else found.probability
    detail |= {"raw_confidence": raw, "confidence": confidence, "base_rate": base_rate}
    if found is not None:
        detail["outcomes"] = found.outcomes
        stand_ins = (*stand_ins, *([found.fallback] if found.fallback else []))
    if core:
        detail["core"] = True
    reason = _why(perception, i, direction, found, core=core) + remark
    record = StageRecord(StageName.SIGNAL, StageVerdict.PASSED, reason, detail, "; ".join(stand_ins) or None)
    return Signal(direction, raw, confidence, base_rate, record)


def _detail(perception: Perception, i: int) -> dict[str, Scalar]:
    """How the vote ended, and what each agent added to the log-odds: they sum to ``log_odds``."""
    consensus = perception.consensus
    detail: dict[str, Scalar] = {
        "outcome": ConsensusOutcome(consensus.outcome.item(i)).word,
        "voting": consensus.voting.item(i),
        "effective_votes": consensus.effective_votes.item(i),
        "agreement": consensus.agreement.item(i),
        "log_odds": consensus.log_odds.item(i),
    }
    for v, added in zip(perception.votes, consensus.contribution[:, i].tolist(), strict=True):
        if not v.abstained.item(i):
            detail[f"{ADDED_BY}{v.agent}"] = added
    return detail


def _why(perception: Perception, i: int, direction: Direction, found: Calibrated | None, *, core: bool = False) -> str:
    consensus = perception.consensus
    if core:
        who = f"the agents leave it open ({_why_none(perception, i)}), and it rises more often than not"
    else:
        lead = perception.votes[int(consensus.leader[i])].agent
        who = f"{_who(perception, i)}, {consensus.agreement[i]:.0%} of the weight agrees, led by {lead}"
    if found is None:
        return f"{direction.word}: {who}"
    return f"{direction.word}: {who}; probability {found.probability:.3f}: {found.reason}"


def _why_none(perception: Perception, i: int) -> str:
    consensus = perception.consensus
    who = _who(perception, i)
    match ConsensusOutcome(int(consensus.outcome[i])):
        case ConsensusOutcome.SPLIT:
            return f"{who} and contradicted each other: no direction"
        case ConsensusOutcome.VETO:
            against = perception.votes[int(consensus.vetoed_by[i])]
            sure = f"{against.agent} is {against.confidence[i]:.2f} sure of the contrary"
            return f"{who}; {sure} and vetoes: no direction"
        case ConsensusOutcome.NO_QUORUM if int(consensus.voting[i]) == 0:
            return "every agent abstained: " + _abstentions(perception, i)
        case ConsensusOutcome.NO_QUORUM:
            return f"{who}, too few: no direction"
        case _:
            return f"{who}, log-odds of a rise {consensus.log_odds[i]:+.3f}, too near 0: no direction"


def _who(perception: Perception, i: int) -> str:
    voting, worth = perception.consensus.voting.item(i), perception.consensus.effective_votes.item(i)
    return f"{voting} of {len(perception.votes)} agents voted, worth {worth:.1f} independent votes"


def _abstentions(perception: Perception, i: int) -> str:
    return "; ".join(f"{v.agent}: {v.abstain_reason}" for v in perception.votes if v.abstained[i])
