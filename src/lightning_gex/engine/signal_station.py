"""The signal station: what the agents' vote came to, in words and numbers, and how probable it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lightning_gex.analytics.opinion_pool import SUREST
from lightning_gex.core.decision import Scalar, StageRecord, record_later
from lightning_gex.core.deferred import Later
from lightning_gex.core.enums import DIRECTION_OF_SIGN, ConsensusOutcome, Direction, StageName, StageVerdict
from lightning_gex.core.quick_init import quick_init
from lightning_gex.engine.learning import PROVED_SHIFT, Calibrated, Learning, Proved, informed
from lightning_gex.engine.perception import Perception

#: Before an agent's name: what it added to the log-odds of a rise.
ADDED_BY = "added by "
#: Before an agent's name: what it has proved, in probability above what the same calls do without skill.
PROVED_BY = "proved by "
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
    base_rate : how often moves over the horizon had the direction, and what agents that have proved themselves add to
        it; NaN where neutral, or without price history.
    record : what goes on record.
    """

    direction: Direction
    raw_confidence: float
    confidence: float
    base_rate: float
    record: StageRecord


def is_core(perception: Perception, i: int, horizon_sessions: int, proved: Mapping[str, Proved] | None = None) -> bool:
    """Whether a row is a core idea: the agents leave the direction open, and the share rises more often than not.

    Open is a consensus that is undecided or split, not one that a veto or a missing quorum ended. How often the share
    rises is its base rate over the horizon, with what agents that have proved themselves add to it or take from it;
    without price history there is none, and no core idea.
    """
    if perception.consensus.outcome[i] not in (ConsensusOutcome.UNDECIDED, ConsensusOutcome.SPLIT):
        return False
    often = perception.rises.at(i, horizon_sessions)
    if proved:
        often = informed(often, proved_shift(perception, i, proved))
    return often > EVEN_ODDS


def proved_shift(perception: Perception, i: int, proved: Mapping[str, Proved]) -> float:
    """What agents that have proved themselves add to the probability of a rise at a row, by their calls alone.

    One agent's call adds the edge that it has proved. Of several, as if they knew nothing of each other, edges add up
    in squares: with d the direction of a call and e its edge, sum d e^2 / sqrt(sum e^2) over those that call.

    Parameters
    ----------
    perception : of a ticker.
    i : the row.
    proved : agent -> what it has proved.
    """
    signed = total = 0.0
    for votes in perception.votes:
        way = votes.direction.item(i)
        if way and votes.agent in proved:
            square = proved[votes.agent].edge ** 2
            signed += way * square
            total += square
    return signed / math.sqrt(total) if total > 0.0 else 0.0


def proved_log_odds(perception: Perception, i: int, edges: Mapping[str, float]) -> float:
    """Log-odds of a rise by some agents at a row, their mean by what each has proved; who abstains says nothing.

    Parameters
    ----------
    perception : of a ticker.
    i : the row.
    edges : agent -> what it has proved, positive.
    """
    total = 0.0
    for votes in perception.votes:
        edge, way = edges.get(votes.agent, 0.0), votes.direction.item(i)
        if edge > 0.0 and way:
            sure = min(votes.confidence.item(i), SUREST)
            total += edge * way * math.log(sure / (1.0 - sure))
    return total / sum(edges.values())


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
    proved: Mapping[str, Proved] | None = None,
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
    proved : agent -> what it has proved, of those that count by it; None knows of none.
    """
    heard = proved or {}
    consensus = perception.consensus
    direction = Direction.BULLISH if core else DIRECTION_OF_SIGN[consensus.direction.item(i)]
    raw = probability_of_a_rise(perception, i) if core else consensus.confidence.item(i)
    stand_ins = (*notes, *perception.features.stand_ins)
    if direction is Direction.NEUTRAL:
        later: Later = {
            "reason": lambda: _why_none(perception, i) + _on_what_evidence(perception, i, heard),
            "detail": lambda: _detail(perception, i, heard) | {"raw_confidence": raw, "confidence": raw},
        }
        fallback = "; ".join(stand_ins) or None
        record = record_later(later, stage=StageName.SIGNAL, verdict=StageVerdict.ABSTAINED, fallback=fallback)
        return Signal(direction, raw, raw, float("nan"), record)
    rises = perception.rises.at(i, horizon_sessions)
    often = rises if direction is Direction.BULLISH else 1.0 - rises
    shift = int(direction) * proved_shift(perception, i, heard) if heard else 0.0
    found = None
    if learning is not None:
        found = learning.calibrated(
            direction=direction,
            horizon_sessions=horizon_sessions,
            base_rate=often,
            confidence=raw,
            proved_shift=shift,
        )
    confidence = raw if found is None else found.probability
    if found is not None and found.fallback:
        stand_ins = (*stand_ins, found.fallback)

    def detail() -> dict[str, Scalar]:
        said = _detail(perception, i, heard)
        said |= {"raw_confidence": raw, "confidence": confidence, "base_rate": often}
        if heard:
            said[PROVED_SHIFT] = shift
        if found is not None:
            said["outcomes"] = found.outcomes
        return {**said, "core": True} if core else said

    def reason() -> str:
        return _why(perception, i, direction, found, core=core) + remark + _on_what_evidence(perception, i, heard)

    later = {"reason": reason, "detail": detail, **({PROVED_SHIFT: lambda: shift} if heard else {})}
    fallback = "; ".join(stand_ins) or None
    record = record_later(later, stage=StageName.SIGNAL, verdict=StageVerdict.PASSED, fallback=fallback)
    return Signal(direction, raw, confidence, informed(often, shift), record)


def _detail(perception: Perception, i: int, proved: Mapping[str, Proved]) -> dict[str, Scalar]:
    """How the vote ended, what each agent added to the log-odds (the sum is ``log_odds``), and what any has proved."""
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
    return detail | {f"{PROVED_BY}{agent}": one.edge for agent, one in proved.items()}


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


def _on_what_evidence(perception: Perception, i: int, proved: Mapping[str, Proved]) -> str:
    """Who counts for more than the others, how much, and on what evidence; empty where nobody does."""
    told = [
        f"{agent} counts {perception.weights[agent]:.3g} times: its calls proved {one.edge:+.1%} over the same calls "
        f"without skill ({one.across:+.1%} against the same dates' tickers, {one.in_time:+.1%} in time)"
        for agent, one in sorted(proved.items())
        if agent in perception.weights
    ]
    if told:
        told.append(f"together they add {proved_shift(perception, i, proved):+.1%} to the probability of a rise")
    return "".join(f"; {words}" for words in told)


def _who(perception: Perception, i: int) -> str:
    voting, worth = perception.consensus.voting.item(i), perception.consensus.effective_votes.item(i)
    return f"{voting} of {len(perception.votes)} agents voted, worth {worth:.1f} independent votes"


def _abstentions(perception: Perception, i: int) -> str:
    return "; ".join(f"{v.agent}: {v.abstain_reason}" for v in perception.votes if v.abstained[i])
