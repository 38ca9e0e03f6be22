"""What votes must be like, whoever gives them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lightning_gex.core.votes import Votes

FLOATS = ("confidence", "target_price", "stop_price")
COLUMNS = {"direction": np.int8, "horizon_sessions": np.int64, "abstained": np.bool_} | dict.fromkeys(
    FLOATS, np.float64
)


def problems_of(votes: object, name: str, rows: int) -> tuple[str, ...]:
    """What is wrong with an agent's votes, in words; empty where nothing is.

    Parameters
    ----------
    votes : what the agent answered.
    name : the agent's.
    rows : how many rows it was asked about.
    """
    if not isinstance(votes, Votes):
        return (f"{name} answers a {type(votes).__name__}, not Votes",)
    shapes = tuple(_wrong_shapes(votes, name, rows))
    return shapes or tuple(_wrong_values(votes, name))


def _wrong_shapes(votes: Votes, name: str, rows: int) -> Iterator[str]:
    if votes.agent != name:
        yield f"{name} votes under another name: {votes.agent!r}"
    if not (isinstance(votes.strategy, str) and votes.strategy):
        yield f"{name} names no strategy"
    for field, dtype in COLUMNS.items():
        values = getattr(votes, field)
        if not (isinstance(values, np.ndarray) and values.shape == (rows,) and values.dtype == dtype):
            yield f"{name}: {field} must be a ({rows},) array of {np.dtype(dtype).name}"
    for evidence in votes.evidence:
        if len(evidence.sign) != rows or any(len(values) != rows for values in evidence.values):
            yield f"{name}: evidence {evidence.bullish!r} has not one sign a row"


def _wrong_values(votes: Votes, name: str) -> Iterator[str]:
    voted, confidence = ~votes.abstained, votes.confidence
    if not np.isin(votes.direction, (-1, 0, 1)).all():
        yield f"{name}: a direction is not -1, 0 or 1"
    if (votes.direction[votes.abstained] != 0).any():
        yield f"{name} gives a direction where it abstains"
    if not np.isnan(confidence[votes.abstained]).all():
        yield f"{name}: confidence must be NaN where it abstains"
    if not ((confidence[voted] >= 0.5) & (confidence[voted] <= 1.0)).all():
        yield f"{name}: confidence must be in [0.5, 1], and is not everywhere"
    if not (confidence[voted & (votes.direction == 0)] == 0.5).all():
        yield f"{name}: confidence must be 0.5 where neutral"
    for field in ("target_price", "stop_price"):
        named = getattr(votes, field)[~np.isnan(getattr(votes, field))]
        if not ((named > 0) & np.isfinite(named)).all():
            yield f"{name}: a {field} is not a positive number"
    if not (votes.horizon_sessions > 0).all():
        yield f"{name}: a horizon is not positive"
    if votes.abstained.any() and not votes.abstain_reason:
        yield f"{name} abstains without a reason"
