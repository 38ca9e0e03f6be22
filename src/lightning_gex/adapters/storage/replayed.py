"""Records read for a replay: fast, and without a decision's reasons.

The chain has proved that a record is what this program wrote, so its fields are taken over in compiled code without
being checked again. What that code cannot take, such as a null that stands for NaN, is left to the careful reader.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, get_args

import msgspec

from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import Action, DecisionStatus, Direction, MarketRegime, StageName
from lightning_gex.core.events import DecisionMade, Event
from lightning_gex.core.patterns import Outcome, Pattern


class _Decision(msgspec.Struct, gc=False):
    """A decision's own fields, in the order of ``core.decision.Decision``; NaN is null."""

    decision_id: str
    ticker: str
    as_of: datetime
    status: DecisionStatus
    action: Action
    direction: Direction
    quantity: int
    entry_price: float | None
    target_price: float | None
    stop_loss: float | None
    confidence: float | None
    time_horizon_days: int
    size_pct: float | None
    regime: MarketRegime | None
    reason: str
    blocked_by: StageName | None
    binding_cap: str | None


class _Pattern(msgspec.Struct, gc=False):
    """``core.patterns.Pattern``; NaN is null."""

    pattern_id: str
    ticker: str
    as_of: datetime
    vector: tuple[float | None, ...]
    direction: Direction
    confidence: float | None
    horizon_sessions: int
    entry_price: float | None
    target_price: float | None
    stop_price: float | None
    regime: MarketRegime | None
    outcome: Outcome | None


class _DecisionMade(msgspec.Struct, gc=False):
    at: datetime
    decision: _Decision
    pattern: _Pattern | None


def _word(kind: type) -> str:
    return str(next(field.default for field in fields(kind) if field.name == "kind"))


_DECISION_MADE = msgspec.json.Decoder(_DecisionMade)
_DECISION_MADE_WORD = _word(DecisionMade)
_DECODERS: Mapping[str, msgspec.json.Decoder[Any]] = {
    _word(kind): msgspec.json.Decoder(kind) for kind in get_args(Event) if kind is not DecisionMade
}


def replayed(kind: str, payload: bytes) -> Event | None:
    """A record's event, a decision without its stages, votes and caps; None where the careful reader is needed.

    Parameters
    ----------
    kind : the record's.
    payload : its JSON, in the present version of events, of a record whose digest was checked.
    """
    try:
        if kind == _DECISION_MADE_WORD:
            made = _DECISION_MADE.decode(payload)
            return DecisionMade(
                made.at, _decision(made.decision), None if made.pattern is None else _pattern(made.pattern)
            )
        event: Event = _DECODERS[kind].decode(payload)
        return event
    except (msgspec.DecodeError, KeyError):
        return None


def _nan(number: float | None) -> float:
    return math.nan if number is None else number


def _decision(d: _Decision) -> Decision:
    return Decision(
        d.decision_id,
        d.ticker,
        d.as_of,
        d.status,
        d.action,
        d.direction,
        d.quantity,
        _nan(d.entry_price),
        _nan(d.target_price),
        _nan(d.stop_loss),
        _nan(d.confidence),
        d.time_horizon_days,
        _nan(d.size_pct),
        d.regime,
        d.reason,
        d.blocked_by,
        stages=(),
        votes=(),
        binding_cap=d.binding_cap,
    )


def _pattern(p: _Pattern) -> Pattern:
    vector: tuple[Any, ...] = p.vector
    return Pattern(
        p.pattern_id,
        p.ticker,
        p.as_of,
        tuple(map(_nan, vector)) if None in vector else vector,
        p.direction,
        _nan(p.confidence),
        p.horizon_sessions,
        _nan(p.entry_price),
        _nan(p.target_price),
        _nan(p.stop_price),
        p.regime,
        p.outcome,
    )
