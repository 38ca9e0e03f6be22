"""Values of the house as plain dictionaries, the way the founding document shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np

from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import ConsensusOutcome, Direction
from lightning_gex.core.votes import Consensus, Vote


def plain(value: Any) -> Any:  # noqa: ANN401 - any value of the house goes in, any of JSON's comes out
    """The same value out of dict, list, str, int, float, bool and None; NaN stays NaN, directions become words."""
    match value:
        case Direction():
            return value.word
        case Enum():
            return value.value
        case Decimal():
            return float(value)
        case np.generic():
            return value.item()
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return {str(plain(k)): plain(v) for k, v in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(v) for v in value]
    return value


def decision_document(decision: Decision) -> dict[str, Any]:
    """A decision as ``analyze_ticker`` returns it. Numbers that it does not have are NaN."""
    return {
        "status": decision.status.value,
        "ticker": decision.ticker,
        "as_of": decision.as_of.isoformat(),
        "action": decision.action.value,
        "direction": decision.direction.word,
        "quantity": decision.quantity,
        "entry_price": decision.entry_price,
        "target_price": decision.target_price,
        "stop_loss": decision.stop_loss,
        "confidence": decision.confidence,
        "time_horizon_days": decision.time_horizon_days,
        "position_size_pct": decision.size_pct,
        "regime": None if decision.regime is None else decision.regime.value,
        "reason": decision.reason,
        "blocked_by": None if decision.blocked_by is None else decision.blocked_by.value,
        "fallbacks": list(decision.fallbacks),
        "stages": [plain(asdict(s)) for s in decision.stages],
        "votes": [vote_document(v) for v in decision.votes],
        "caps": [plain(asdict(c)) for c in decision.caps],
        "binding_cap": decision.binding_cap,
        **_range_document(decision),
        "decision_id": decision.decision_id,
    }


def _range_document(decision: Decision) -> dict[str, Any]:
    """The expected range by its flat names; absent numbers are NaN here, as in the rest of the dictionary."""
    figures = decision.range_figures
    words = {name: figures.pop(name) for name in ("range_basis", "range_absence")}
    return {name: float("nan") if value is None else value for name, value in figures.items()} | words


def vote_document(vote: Vote) -> dict[str, Any]:
    """One agent's vote, by the names of ``AgentSignal``."""
    return {
        "agent_name": vote.agent,
        "direction": "abstained" if vote.abstained else vote.direction.word,
        "confidence": vote.confidence,
        "reasoning": "; ".join(vote.reasons),
        "target_price": vote.target_price,
        "stop_loss": vote.stop_price,
        "time_horizon": vote.horizon_sessions,
    }


def consensus_document(consensus: Consensus, i: int = 0) -> dict[str, Any]:
    """What the votes of one row add up to."""
    return {
        "direction": Direction(int(consensus.direction[i])).word,
        "confidence": float(consensus.confidence[i]),
        "agreement": float(consensus.agreement[i]),
        "conflict": bool(consensus.conflict[i]),
        "outcome": ConsensusOutcome(int(consensus.outcome[i])).word,
        "target_price": float(consensus.target_price[i]),
        "stop_loss": float(consensus.stop_price[i]),
        "time_horizon": int(consensus.horizon_sessions[i]),
        "voting": int(consensus.voting[i]),
        "effective_votes": float(consensus.effective_votes[i]),
        "log_odds": float(consensus.log_odds[i]),
    }
