"""A decision in plain words, the same words in the terminal and in the report."""

from __future__ import annotations

import math

from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import DecisionStatus, StageName, StageVerdict
from lightning_gex.core.votes import Vote

_STAGE_WORDS = {
    StageName.SIGNAL: "Signal",
    StageName.MEMORY: "Memory",
    StageName.STRATEGIC: "Strategic layer",
    StageName.TACTICAL: "Tactical layer",
    StageName.SIZING: "Sizing",
    StageName.EXECUTION: "Execution checks",
    StageName.GUARDRAILS: "Guardrails",
}
_VERDICT_WORDS = {
    StageVerdict.PASSED: "passed",
    StageVerdict.BLOCKED: "blocked",
    StageVerdict.ABSTAINED: "abstained",
    StageVerdict.SKIPPED: "not reached",
    StageVerdict.OFF: "switched off",
}


def stage_words(stage: StageName) -> str:
    """The name of a stage as people read it."""
    return _STAGE_WORDS[stage]


def headline(decision: Decision) -> str:
    """A decision in one line: what, how much, at which prices, or why not.

    Parameters
    ----------
    decision : any decision. Numbers it does not have are left out.
    """
    when = f"{decision.as_of:%Y-%m-%d %H:%M} UTC {decision.ticker}"
    if decision.status is DecisionStatus.NO_SIGNAL:
        return f"{when}: no signal: {decision.reason}"
    if decision.status is DecisionStatus.BLOCKED:
        by = f" by {stage_words(decision.blocked_by).lower()}" if decision.blocked_by else ""
        return f"{when}: {decision.direction.word}, blocked{by}: {decision.reason}"
    parts = [f"{'carry on' if decision.carries_on else decision.action} {decision.quantity}"]
    parts += [
        f"{word} {level:,.2f}"
        for word, level in (
            ("entry", decision.entry_price),
            ("target", decision.target_price),
            ("stop", decision.stop_loss),
        )
        if math.isfinite(level)
    ]
    if math.isfinite(decision.size_pct):
        parts.append(f"{decision.size_pct:.1%} of equity")
    if math.isfinite(decision.confidence):
        parts.append(f"confidence {decision.confidence:.0%}")
    parts.append(f"horizon {decision.time_horizon_days} sessions")
    return f"{when}: approved. {', '.join(parts)}"


def explain_decision(decision: Decision) -> list[tuple[str, str, str]]:
    """What every stage said, in order.

    Parameters
    ----------
    decision : any decision.

    Returns
    -------
    (stage, verdict, reason) lines in plain words; a reason names what stood in for something missing.
    """
    lines = []
    for record in decision.stages:
        reason = record.reason
        if record.fallback:
            reason = f"{reason} (stand-in: {record.fallback})" if reason else f"stand-in: {record.fallback}"
        lines.append((stage_words(record.stage), _VERDICT_WORDS[record.verdict], reason))
    return lines


def explain_votes(decision: Decision) -> list[tuple[str, str, str]]:
    """What every agent said.

    Parameters
    ----------
    decision : any decision.

    Returns
    -------
    (agent, vote, reasons) lines in plain words; the vote carries its confidence where there is one.
    """
    return [(vote.agent, vote_words(vote), "; ".join(vote.reasons)) for vote in decision.votes]


def vote_words(vote: Vote) -> str:
    """A vote in a word or two: ``bullish 62 %``, ``neutral``, ``abstained``."""
    if vote.abstained:
        return "abstained"
    confident = vote.direction != 0 and math.isfinite(vote.confidence)
    return f"{vote.direction.word} {vote.confidence:.0%}" if confident else vote.direction.word
