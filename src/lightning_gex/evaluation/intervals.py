"""Intervals for what a run shows, chosen by how far its outcomes are independent of each other.

===========================================  ==============================================================
outcomes                                     interval
===========================================  ==============================================================
no two windows of time overlap               Wilson (proportions), Student (means)
overlap, fewer than 20 disjoint windows      the same with the count of disjoint windows, not of outcomes
overlap, 20 or more                          stationary bootstrap over dates, blocks as long as the horizon, widened
===========================================  ==============================================================

All tickers of a date are drawn together, so that a market-wide move counts once.

A resampled interval is widened by what resampling cannot see: blocks of the horizon's length tear overlapping outcomes
apart and see three quarters of their variance (``overlap_seen``), and the spread itself is estimated from so many
windows only, which is Student's correction. Without both, an interval of 95 % held the truth in 88 to 93 % of simulated
histories of three years; with them in 94 to 97 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from scipy.special import ndtri, stdtrit

from lightning_gex.analytics.bootstrap import (
    CONFIDENCE_LEVEL,
    NO_INTERVAL,
    RESAMPLES,
    Interval,
    date_multiplicities,
    overlap_seen,
    percentile_interval,
    resampled_ratios,
    student_interval,
    widened,
    wilson_interval,
)
from lightning_gex.core.units import BoolArray1D, CountArray2D, Float64Array1D, Int64Array1D

#: Below this many disjoint windows a bootstrap draws the same few episodes again and again and its interval is too
#: narrow.
FEWEST_EPISODES = 20
#: Ends of intervals of shares, basis points and growth below this are floating point's.
_ROUNDING = 1e-12
_UPPER_TAIL = 0.5 + CONFIDENCE_LEVEL / 2.0
#: Runs over the same sessions are compared with the same draws, which are by far the dearest part: the latest are kept
#: (5 MB each for ten years: no date is drawn 256 times among so few, and where one is, a count takes more bytes).
_KEPT_DRAWS = 2


def _exact(end: float) -> float:
    """Nothing where rounding alone is left: what is equal by construction must not lie above zero by a last bit."""
    return 0.0 if abs(end) < _ROUNDING else end


@lru_cache(maxsize=_KEPT_DRAWS)
def _drawn(dates: int, block_length: int, resamples: int, seed: int) -> CountArray2D:
    counts = date_multiplicities(dates, block_length, resamples=resamples, seed=seed)
    out = counts.astype(np.min_scalar_type(int(counts.max())))
    out.flags.writeable = False
    return out


class IntervalMethod(StrEnum):
    """How an interval was made."""

    NONE = "none"
    WILSON = "wilson"
    WILSON_DISJOINT = "wilson_disjoint"
    STUDENT_DISJOINT = "student_disjoint"
    BLOCK_BOOTSTRAP = "block_bootstrap"


@dataclass(frozen=True, eq=False)
class DateBootstrap:
    """Resamples of a run's dates, drawn once and shared by every figure.

    Parameters
    ----------
    dates : sessions of the run.
    block_length : mean block, sessions.
    seed : the same seed gives the same intervals.
    resamples : how many.
    """

    dates: int
    block_length: int
    seed: int
    resamples: int = RESAMPLES

    @property
    def multiplicities(self) -> CountArray2D:
        """(resamples, dates) how often each date was drawn."""
        return _drawn(self.dates, self.block_length, self.resamples, self.seed)

    def by_date(self, date: Int64Array1D, values: Float64Array1D | None = None) -> Float64Array1D:
        """(dates,) sums of values, or counts, at each date."""
        return np.bincount(date, weights=values, minlength=self.dates).astype(np.float64)

    def ratios(self, numerator: Float64Array1D, denominator: Float64Array1D) -> Float64Array1D:
        """(resamples,) ratio of two by-date sums."""
        return resampled_ratios(self.multiplicities, numerator, denominator)

    def interval(
        self, resampled: Float64Array1D, estimate: float, disjoint: int, *, overlapping: bool = True
    ) -> Interval:
        """The interval of a resampled statistic, widened by what its resamples cannot see.

        Parameters
        ----------
        resampled : (resamples,) the statistic in every resample.
        estimate : the statistic itself.
        disjoint : how many windows of time behind it share no moment; capped at the blocks that the dates hold.
        overlapping : whether it rests on outcomes over the horizon; what each session has of its own does not.

        Returns
        -------
        Lower and upper end; NaN where too few resamples gave a number, or fewer than two windows are apart.
        """
        apart = min(disjoint, self.dates // self.block_length)
        if apart < 2:
            return NO_INTERVAL
        factor = float(stdtrit(apart - 1, _UPPER_TAIL) / ndtri(_UPPER_TAIL))
        if overlapping:
            factor /= math.sqrt(overlap_seen(self.block_length, self.block_length))
        low, high = widened(percentile_interval(resampled), estimate, factor)
        return _exact(low), _exact(high)

    def proportion(self, hit: BoolArray1D, date: Int64Array1D, disjoint: int) -> tuple[Interval, IntervalMethod]:
        """The interval of a share.

        Parameters
        ----------
        hit : (n,) outcomes.
        date : (n,) the session each belongs to.
        disjoint : how many of their windows share no moment.
        """
        n = len(hit)
        if n == 0:
            return NO_INTERVAL, IntervalMethod.NONE
        share = float(np.mean(hit))
        if disjoint == n:
            return wilson_interval(int(np.sum(hit)), n), IntervalMethod.WILSON
        if disjoint < FEWEST_EPISODES or share in (0.0, 1.0):
            return wilson_interval(share * disjoint, disjoint), IntervalMethod.WILSON_DISJOINT
        resampled = self.ratios(self.by_date(date, hit.astype(np.float64)), self.by_date(date))
        low, high = self.interval(resampled, share, disjoint)
        return (max(low, 0.0), min(high, 1.0)), IntervalMethod.BLOCK_BOOTSTRAP

    def mean(self, values: Float64Array1D, date: Int64Array1D, disjoint: int) -> tuple[Interval, IntervalMethod]:
        """The interval of a mean.

        Parameters
        ----------
        values : (n,) outcomes.
        date : (n,) the session each belongs to.
        disjoint : how many of their windows share no moment.
        """
        n = len(values)
        if n < 2 or disjoint < 2:
            return NO_INTERVAL, IntervalMethod.NONE
        if disjoint < FEWEST_EPISODES:
            spread = float(np.std(values, ddof=1))
            return student_interval(float(np.mean(values)), spread, disjoint), IntervalMethod.STUDENT_DISJOINT
        resampled = self.ratios(self.by_date(date, values), self.by_date(date))
        return self.interval(resampled, float(np.mean(values)), disjoint), IntervalMethod.BLOCK_BOOTSTRAP
