"""Whether closes ended inside their expected ranges as often as was said, ticker by ticker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.analytics.bootstrap import NO_INTERVAL, Interval, disjoint_windows
from lightning_gex.analytics.calibration import brier, brier_skill, ece
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int64Array1D
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.intervals import FEWEST_EPISODES, DateBootstrap, IntervalMethod

#: The share of the ranges, most probable first, that is looked at on its own.
MOST_CONFIDENT_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class RangeOutcome:
    """The expected ranges of one ticker that had a probability and whose end lies within the data.

    Parameters
    ----------
    ranges : how many; ``disjoint`` of them share no session.
    inside, inside_interval, method : share of closes that ended inside.
    most_confident : the same share among the 30 % of ranges with the highest probability, and ``lead`` over ``inside``
        with its interval.
    probability_mean, probability_deviation : of what was said; a constant tells nothing.
    brier, brier_skill : skill is against ``inside`` said every time. ece : calibration error over ten bins.
    """

    ranges: int
    disjoint: int
    inside: float
    inside_interval: Interval
    method: IntervalMethod
    most_confident: float
    lead: float
    lead_interval: Interval
    probability_mean: float
    probability_deviation: float
    brier: float
    brier_skill: float
    ece: float


def by_range(index: RunIndex, bootstrap: DateBootstrap) -> dict[str, RangeOutcome]:
    """Ticker -> what became of its expected ranges; tickers without a resolved one are left out.

    Parameters
    ----------
    index : the run by position.
    bootstrap : the run's resamples.
    """
    told = index.ranges
    out: dict[str, RangeOutcome] = {}
    for k, name in enumerate(index.tickers):
        close = index.bars(k).close
        mine = np.flatnonzero((index.ticker == k) & ~np.isnan(told.probability))
        end = index.row[mine] + told.horizon[mine]
        mine, end = mine[end < len(close)], end[end < len(close)]
        if not len(mine):
            continue
        held = (close[end] >= told.low[mine]) & (close[end] <= told.high[mine])
        disjoint = disjoint_windows(index.row[mine], end)
        out[name] = _outcome(told.probability[mine], held, index.date[mine], disjoint, bootstrap)
    return out


def _outcome(
    probability: Float64Array1D, held: BoolArray1D, date: Int64Array1D, disjoint: int, bootstrap: DateBootstrap
) -> RangeOutcome:
    inside, method = bootstrap.proportion(held, date, disjoint)
    sure = probability >= np.quantile(probability, 1.0 - MOST_CONFIDENT_SHARE)
    lead, lead_interval = _lead(held, sure, date, disjoint, bootstrap)
    return RangeOutcome(
        ranges=len(held),
        disjoint=disjoint,
        inside=float(held.mean()),
        inside_interval=inside,
        method=method,
        most_confident=float(held[sure].mean()),
        lead=lead,
        lead_interval=lead_interval,
        probability_mean=float(probability.mean()),
        probability_deviation=float(probability.std()),
        brier=brier(probability, held),
        brier_skill=brier_skill(probability, held),
        ece=ece(probability, held),
    )


def _lead(
    held: BoolArray1D, sure: BoolArray1D, date: Int64Array1D, disjoint: int, bootstrap: DateBootstrap
) -> tuple[float, Interval]:
    """Share inside among the most confident less the share among all; no interval from too few episodes."""
    lead = float(held[sure].mean() - held.mean())
    if disjoint < FEWEST_EPISODES:
        return lead, NO_INTERVAL
    hits = held.astype(np.float64)
    among_sure = bootstrap.ratios(bootstrap.by_date(date[sure], hits[sure]), bootstrap.by_date(date[sure]))
    among_all = bootstrap.ratios(bootstrap.by_date(date, hits), bootstrap.by_date(date))
    return lead, bootstrap.interval(among_sure - among_all, lead, disjoint)
