"""A variant of a sweep: one way to set the system, over every session that it was judged on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

import numpy as np

from lightning_gex.analytics.performance import max_drawdown, sharpe
from lightning_gex.core.decision import Scalar
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import SESSIONS_PER_YEAR, DateArray1D, Float64Array1D
from lightning_gex.evaluation.paired import Judged


class Criterion(StrEnum):
    """By which figure variants are ordered."""

    SHARPE = "sharpe"
    RETURN = "return_a_year"
    ACCURACY = "accuracy"
    EXCESS_ACCURACY = "excess_accuracy"
    DRAWDOWN = "max_drawdown"


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """One way to set the system, over every session that it was judged on.

    Parameters
    ----------
    name : unique in the sweep.
    words : swept setting -> its value.
    universe : what it traded, in words.
    as_set : whether it is the workspace's own settings.
    sessions : (m,) judged, increasing.
    excess : (k,) returns of sessions over the bill rate, NaN where absent; k is m less one for each part.
    parts : sums over the sessions of each part of the history, oldest first; one where it was judged whole.
    invested : whether anything was ever bought.
    """

    name: str
    words: Mapping[str, Scalar]
    universe: str
    as_set: bool
    sessions: DateArray1D
    excess: Float64Array1D
    parts: tuple[Judged, ...]
    invested: bool

    @property
    def judged(self) -> Judged:
        """Sums over all m sessions."""
        return joined(self.parts)


def joined(parts: Sequence[Judged]) -> Judged:
    """Several runs over parts of a history that follow on each other, as one.

    Raises ``InputError`` on no part.
    """
    if not parts:
        raise InputError("there is nothing to join", field="parts")
    if len(parts) == 1:
        return parts[0]
    sums: dict[str, Any] = {
        field.name: np.concatenate([getattr(one, field.name) for one in parts])
        for field in fields(Judged)
        if isinstance(getattr(parts[0], field.name), np.ndarray)
    }
    curve = np.exp(np.r_[0.0, np.cumsum(sums["growth"])])
    return replace(
        parts[0],
        **sums,
        drawdown=max_drawdown(curve, np.arange(len(curve)).astype("datetime64[D]")).fraction,
        longest_horizon=max(one.longest_horizon for one in parts),
        disjoint=sum(one.disjoint for one in parts),
        trades=sum(one.trades for one in parts),
    )


def sharpe_per_session(variant: Variant) -> float:
    """Sharpe ratio of a variant per session, not annualised; NaN where it never bought anything."""
    return sharpe(variant.excess) / math.sqrt(SESSIONS_PER_YEAR) if variant.invested else math.nan
