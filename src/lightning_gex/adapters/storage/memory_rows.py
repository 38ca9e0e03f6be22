"""Remembered signals as rows of the table ``patterns``, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lightning_gex.adapters.storage.codec import from_utc_text, utc_text
from lightning_gex.core.enums import Direction, MarketRegime
from lightning_gex.core.errors import InputError, IntegrityError
from lightning_gex.core.patterns import AgentCall, Outcome, Pattern
from lightning_gex.memory.shelf import Resolved
from lightning_gex.memory.vector import present_vectors

_FLOAT64 = np.dtype("<f8")
OUTCOME_COLUMNS = ("outcome_net_return", "outcome_won", "outcome_known_at", "outcome_horizon_return")
UNKNOWN_OUTCOME: Mapping[str, None] = dict.fromkeys(OUTCOME_COLUMNS)
#: What a search needs of a row, in the order in which :func:`resolved_of` takes it.
SEARCH_COLUMNS = (
    "pattern_id",
    "schema",
    "vector",
    "as_of",
    "outcome_known_at",
    "outcome_net_return",
    "outcome_won",
    "outcome_horizon_return",
    "confidence",
    "regime",
    "strategy",
    "horizon_sessions",
    "structure",
    "taken",
)
_DAMAGE = (ValueError, TypeError, AttributeError, KeyError, InputError)


def row_of(pattern: Pattern) -> dict[str, Any]:
    """A pattern's columns, without the book's own; NaN is NULL."""
    row = {
        "pattern_id": pattern.pattern_id,
        "ticker": pattern.ticker,
        "direction": int(pattern.direction),
        "as_of": utc_text(pattern.as_of, field="as_of"),
        "vector": np.asarray(pattern.vector, dtype=_FLOAT64).tobytes(),
        "confidence": _null_if_nan(pattern.confidence),
        "horizon_sessions": int(pattern.horizon_sessions),
        "entry_price": _null_if_nan(pattern.entry_price),
        "target_price": _null_if_nan(pattern.target_price),
        "stop_price": _null_if_nan(pattern.stop_price),
        "regime": None if pattern.regime is None else pattern.regime.value,
        "schema": int(pattern.schema),
        "strategy": pattern.strategy,
        "raw_confidence": _null_if_nan(pattern.raw_confidence),
        "calls": calls_text(pattern.calls),
        "taken": pattern.taken,
        "structure": pattern.structure,
        "base_rate": pattern.base_rate,
        "confidence_before_memory": _null_if_nan(pattern.confidence_before_memory),
        "memory_shift": _null_if_nan(pattern.memory_shift),
    }
    return row | (dict(UNKNOWN_OUTCOME) if pattern.outcome is None else outcome_columns(pattern.outcome))


def outcome_columns(outcome: Outcome) -> dict[str, Any]:
    """An outcome's columns."""
    return {
        "outcome_net_return": _null_if_nan(outcome.net_return),
        "outcome_won": bool(outcome.won),
        "outcome_known_at": utc_text(outcome.known_at, field="known_at"),
        "outcome_horizon_return": None if outcome.horizon_return is None else float(outcome.horizon_return),
    }


def calls_text(calls: Sequence[AgentCall]) -> str:
    """The agents' calls as JSON: name, sign and probability of each, null where it abstained."""
    return json.dumps([[c.agent, int(c.direction), _null_if_nan(c.probability)] for c in calls], separators=(",", ":"))


def calls_of(text: str) -> tuple[AgentCall, ...]:
    """The calls that :func:`calls_text` wrote."""
    rows = json.loads(text)
    return tuple([AgentCall(str(name), Direction(way), _nan_if_null(p)) for name, way, p in rows])


def pattern_of(row: Any) -> Pattern:  # noqa: ANN401 - a row of SQLAlchemy's, whose attributes are the columns
    """The pattern of a row.

    Raises
    ------
    IntegrityError : naming the signal, where the row cannot be one.
    """
    try:
        return _pattern_of(row)
    except _DAMAGE as error:
        raise damaged(row.pattern_id, row.book) from error


def _pattern_of(row: Any) -> Pattern:  # noqa: ANN401
    outcome = None
    if row.outcome_known_at is not None:
        outcome = Outcome(
            net_return=_nan_if_null(row.outcome_net_return),
            won=bool(row.outcome_won),
            known_at=from_utc_text(row.outcome_known_at),
            horizon_return=row.outcome_horizon_return,
        )
    return Pattern(
        pattern_id=row.pattern_id,
        ticker=row.ticker,
        as_of=from_utc_text(row.as_of),
        vector=tuple(np.frombuffer(row.vector, dtype=_FLOAT64).tolist()),
        direction=Direction(row.direction),
        confidence=_nan_if_null(row.confidence),
        horizon_sessions=row.horizon_sessions,
        entry_price=_nan_if_null(row.entry_price),
        target_price=_nan_if_null(row.target_price),
        stop_price=_nan_if_null(row.stop_price),
        regime=None if row.regime is None else MarketRegime(row.regime),
        outcome=outcome,
        schema=row.schema,
        strategy=row.strategy,
        raw_confidence=_nan_if_null(row.raw_confidence),
        calls=calls_of(row.calls),
        taken=None if row.taken is None else bool(row.taken),
        structure=row.structure,
        base_rate=row.base_rate,
        confidence_before_memory=_nan_if_null(row.confidence_before_memory),
        memory_shift=_nan_if_null(row.memory_shift),
    )


def resolved_of(rows: Sequence[Sequence[Any]], book: str) -> Resolved:
    """Rows of ``SEARCH_COLUMNS``, all with an outcome, as columns for a shelf.

    Raises
    ------
    IntegrityError : naming the first signal whose row is damaged, or whose vector's schema nothing leads on from.
    """
    try:
        return _resolved_of(rows)
    except _DAMAGE as error:
        for row in rows:
            try:
                _resolved_of([row])
            except InputError as reason:
                if reason.field == "schema":
                    raise IntegrityError(f"signal {row[0]} of book {book}: {reason.problem}") from error
                raise damaged(row[0], book) from error
            except _DAMAGE:
                raise damaged(row[0], book) from error
        raise


def _resolved_of(rows: Sequence[Sequence[Any]]) -> Resolved:
    ids, schemas, vectors, given, known, net, won, horizon_return, confidence, *labels = zip(*rows, strict=True)
    regimes, strategies, horizons, structures, taken = labels
    outcomes = zip(won, horizon_return, strict=True)
    facts = np.column_stack(
        [
            _microseconds(given),
            _microseconds(known),
            np.array([_nan_if_null(value) for value in net]),
            np.array(won, dtype=np.float64),
            np.array([w if r is None else r > 0 for w, r in outcomes], dtype=np.float64),
            np.array([_nan_if_null(value) for value in confidence]),
        ]
    )
    said = [None if value is None else bool(value) for value in taken]
    shelf_labels = list(zip(regimes, strategies, horizons, structures, said, strict=True))
    return Resolved(ids, _vectors(schemas, vectors), facts, shelf_labels)


def _vectors(schemas: Sequence[int], stored: Sequence[bytes]) -> Any:  # noqa: ANN401
    """(n, d) vectors in the present schema."""
    parts, first = [], 0
    while first < len(stored):  # vectors of one schema come in runs
        last = first
        while last < len(stored) and schemas[last] == schemas[first]:
            last += 1
        size = len(stored[first])
        if any(len(bytes_) != size for bytes_ in stored[first:last]):
            raise ValueError("vectors of different lengths")
        values = np.frombuffer(b"".join(stored[first:last]), dtype=_FLOAT64).reshape(last - first, -1)
        if values.shape[1] == 0 or (np.abs(values) > 1.0).any():
            raise ValueError("an element outside [-1, 1]")
        parts.append(present_vectors(values.astype(np.float64), schemas[first]))
        first = last
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _microseconds(texts: Sequence[str]) -> Any:  # noqa: ANN401
    """Times as ``utc_text`` writes them, as microseconds since 1970."""
    if any(len(text) != _TIME_LENGTH or text[-1] != "Z" for text in texts):
        raise ValueError("a stored time is not in UTC")
    return np.array([text[:-1] for text in texts], dtype="datetime64[us]").astype(np.int64).astype(np.float64)


_TIME_LENGTH = len("2024-01-02T21:00:00.000000Z")


def damaged(pattern_id: str, book: str) -> IntegrityError:
    """The error that names a damaged row."""
    return IntegrityError(f"signal {pattern_id} of book {book} is damaged in the store: restore it from your backup")


def _null_if_nan(value: float) -> float | None:
    """SQLite keeps a NaN as NULL anyway; PostgreSQL shall not differ."""
    return None if math.isnan(value) else float(value)


def _nan_if_null(value: float | None) -> float:
    return math.nan if value is None else float(value)
