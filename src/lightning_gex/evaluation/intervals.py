"""Intervals for what a run shows, chosen by how far its outcomes are independent of each other.

===========================================  ==============================================================
outcomes                                     interval
===========================================  ==============================================================
no two windows of time overlap               Wilson (proportions), Student (means)
overlap, fewer than 20 disjoint windows      the same with the count of disjoint windows, not of outcomes
overlap, 20 or more                          stationary bootstrap over dates, blocks as long as the horizon
===========================================  ==============================================================

All tickers of a date are drawn together, so that a market-wide move counts once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from lightning_gex.analytics.bootstrap import (
    NO_INTERVAL,
    RESAMPLES,
    Interval,
    date_multiplicities,
    percentile_interval,
    resampled_ratios,
    student_interval,
    wilson_interval,
)
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Float64Array2D, Int64Array1D

#: Below this many disjoint windows a bootstrap draws the same few episodes again and again and its interval is too
#: narrow.
FEWEST_EPISODES = 20


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

    @cached_property
    def multiplicities(self) -> Float64Array2D:
        """(resamples, dates) how often each date was drawn."""
        return date_multiplicities(self.dates, self.block_length, resamples=self.resamples, seed=self.seed)

    def by_date(self, date: Int64Array1D, values: Float64Array1D | None = None) -> Float64Array1D:
        """(dates,) sums of values, or counts, at each date."""
        return np.bincount(date, weights=values, minlength=self.dates).astype(np.float64)

    def ratios(self, numerator: Float64Array1D, denominator: Float64Array1D) -> Float64Array1D:
        """(resamples,) ratio of two by-date sums."""
        return resampled_ratios(self.multiplicities, numerator, denominator)

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
        return percentile_interval(resampled), IntervalMethod.BLOCK_BOOTSTRAP

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
        return percentile_interval(resampled), IntervalMethod.BLOCK_BOOTSTRAP
