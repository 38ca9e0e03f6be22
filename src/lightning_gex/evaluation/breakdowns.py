"""A run's hit rates split by regime and by agent, and its decisions counted by how they ended."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lightning_gex.analytics.bootstrap import Interval
from lightning_gex.core.enums import DecisionStatus, StageName
from lightning_gex.core.units import Int64Array1D
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation.calls import Calls, RunIndex
from lightning_gex.evaluation.intervals import DateBootstrap, IntervalMethod


@dataclass(frozen=True, slots=True)
class HitRate:
    """How often a group of calls had the direction right.

    Parameters
    ----------
    calls, resolved : how many were made, and how many of them the data resolve.
    hit_rate, interval, method : share right and its 95 % interval; NaN without any.
    base_rate : share of rises over the same entries and horizons.
    excess : hit_rate - base_rate.
    neutral, abstained : votes without a direction (agents only).
    """

    calls: int
    resolved: int
    hit_rate: float
    interval: Interval
    method: IntervalMethod
    base_rate: float
    excess: float
    neutral: int = 0
    abstained: int = 0


def mean_or_nan(values: np.ndarray) -> float:
    """The mean; NaN of nothing."""
    return float(np.mean(values)) if len(values) else math.nan


def hit_rate(calls: Calls, bootstrap: DateBootstrap, *, neutral: int = 0, abstained: int = 0) -> HitRate:
    """Judge a group of calls.

    Parameters
    ----------
    calls : the group.
    bootstrap : the run's resamples.
    neutral, abstained : votes without a direction, for the record.
    """
    known = calls.resolved
    interval, method = bootstrap.proportion(known.hit, known.date, known.disjoint)
    share, base = mean_or_nan(known.hit), mean_or_nan(known.rise)
    return HitRate(len(calls), len(known), share, interval, method, base, share - base, neutral, abstained)


def by_regime(run: RunResult, taken: Calls, which: Int64Array1D, bootstrap: DateBootstrap) -> dict[str, HitRate]:
    """Regime -> hit rate of the decisions taken in it, for every regime the run saw; ``unknown`` where none was named.

    Parameters
    ----------
    run : the run.
    taken, which : the decisions taken, as calls and as positions.
    bootstrap : the run's resamples.
    """
    seen = sorted({_regime(run, i) for i in range(len(run.outlines))})
    mine = np.array([_regime(run, int(i)) for i in which])
    return {name: hit_rate(taken.where(mine == name), bootstrap) for name in seen}


def _regime(run: RunResult, i: int) -> str:
    regime = run.outlines[i].regime
    return "unknown" if regime is None else str(regime)


def by_agent(index: RunIndex, bootstrap: DateBootstrap) -> dict[str, HitRate]:
    """Agent -> hit rate of its non-neutral votes over its own horizon, traded or not."""
    return {
        agent: hit_rate(votes.calls, bootstrap, neutral=votes.neutral, abstained=votes.abstained)
        for agent, votes in index.votes().items()
    }


def decisions_by_status(run: RunResult) -> dict[str, int]:
    """Every status -> decisions that ended so, zero included."""
    count = Counter(d.status for d in run.outlines)
    return {str(status): count[status] for status in DecisionStatus}


def blocked_by(run: RunResult) -> dict[str, int]:
    """Every stage -> decisions it blocked, zero included, in the order of the decision path."""
    count = Counter(d.blocked_by for d in run.outlines if d.status is DecisionStatus.BLOCKED)
    return {str(stage): count[stage] for stage in StageName}


def funnel(run: RunResult) -> Mapping[str, tuple[int, int]]:
    """Every stage -> decisions that reached it and decisions that ended there, in the order of the decision path.

    A decision without a signal ends at the signal stage.
    """
    ended = Counter(
        StageName.SIGNAL if d.status is DecisionStatus.NO_SIGNAL else (d.blocked_by or StageName.GUARDRAILS)
        for d in run.outlines
        if d.status is not DecisionStatus.APPROVED
    )
    out, alive = {}, len(run.outlines)
    for stage in StageName:
        out[str(stage)] = (alive, ended[stage])
        alive -= ended[stage]
    return out
