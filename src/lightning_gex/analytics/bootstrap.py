"""Intervals: Wilson where outcomes are independent, a block bootstrap over dates where they are not.

The one door to ``arch.bootstrap``.

References
----------
- Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22(158).
- Newcombe (1998), Interval estimation for the difference between independent proportions, Statistics in Medicine
  17(8): method 10.
- Politis & Romano (1994), The Stationary Bootstrap, JASA 89(428).
- Politis & Romano (1992), A circular block-resampling procedure for stationary data.
- Hansen & Hodrick (1980), Forward Exchange Rates as Optimal Predictors of Future Spot Rates, JPE 88(5): the
  autocorrelation that overlapping outcomes have by construction.
- Politis & White (2004), Automatic Block-Length Selection for the Dependent Bootstrap, Econometric Reviews 23(1):
  what a stationary bootstrap sees of an autocovariance.
"""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np
from scipy.special import ndtri, stdtrit

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import CountArray2D, Float64Array1D, Float64Array2D, Int64Array1D

Interval = tuple[float, float]

CONFIDENCE_LEVEL = 0.95
RESAMPLES = 2_000
_ROWS_AT_A_TIME = 64  # resamples whose counts are float64 together: a megabyte for ten years of sessions
NO_INTERVAL: Interval = (math.nan, math.nan)


class BlockScheme(StrEnum):
    """How blocks of dates are drawn."""

    STATIONARY = "stationary"  # lengths geometric around the mean
    CIRCULAR = "circular"  # all of one length


def wilson_interval(successes: float, trials: float, *, level: float = CONFIDENCE_LEVEL) -> Interval:
    """The score interval of a proportion.

    Parameters
    ----------
    successes, trials : counts, ``0 <= successes <= trials``; not necessarily whole where outcomes overlap and the
        number of independent ones is smaller.
    level : coverage, in (0, 1).

    Returns
    -------
    Lower and upper end in [0, 1]; NaN for no trials.

    Examples
    --------
    >>> low, high = wilson_interval(4, 4)
    >>> round(low, 2), round(high, 2)
    (0.51, 1.0)
    """
    if not 0 <= successes <= trials:
        raise InputError(f"{successes} successes of {trials} trials cannot be", field="successes")
    if trials == 0:
        return NO_INTERVAL
    z = float(ndtri(0.5 + level / 2.0))
    p = successes / trials
    scale = 1.0 + z**2 / trials
    centre = (p + z**2 / (2.0 * trials)) / scale
    half = z / scale * math.sqrt(p * (1.0 - p) / trials + z**2 / (4.0 * trials**2))
    low = 0.0 if successes == 0 else max(centre - half, 0.0)
    high = 1.0 if successes == trials else min(centre + half, 1.0)
    return low, high


def newcombe_interval(
    successes: float, trials: float, other_successes: float, other_trials: float, *, level: float = CONFIDENCE_LEVEL
) -> Interval:
    """The score interval of a difference of two proportions that do not depend on each other.

    Parameters
    ----------
    successes, trials, other_successes, other_trials : as in :func:`wilson_interval`, of the one and of the other.
    level : coverage, in (0, 1).

    Returns
    -------
    Lower and upper end of the first proportion less the second, in [-1, 1]; NaN for no trials in either.

    Examples
    --------
    Newcombe's own: 56 of 70 against 48 of 80.

    >>> [round(end, 4) for end in newcombe_interval(56, 70, 48, 80)]
    [0.0524, 0.3339]
    """
    low, high = wilson_interval(successes, trials, level=level)
    other_low, other_high = wilson_interval(other_successes, other_trials, level=level)
    if not trials or not other_trials:
        return NO_INTERVAL
    share, other = successes / trials, other_successes / other_trials
    below = math.hypot(share - low, other_high - other)
    above = math.hypot(high - share, other - other_low)
    return share - other - below, share - other + above


def student_interval(mean: float, deviation: float, count: int, *, level: float = CONFIDENCE_LEVEL) -> Interval:
    """Student's interval of a mean, for samples too small to resample.

    Parameters
    ----------
    mean, deviation : of the sample (ddof 1).
    count : independent observations.
    level : coverage, in (0, 1).

    Returns
    -------
    Lower and upper end; NaN with fewer than two observations or without a mean.
    """
    if count < 2 or not math.isfinite(mean):
        return NO_INTERVAL
    half = float(stdtrit(count - 1, 0.5 + level / 2.0)) * deviation / math.sqrt(count)
    return mean - half, mean + half


def date_multiplicities(
    dates: int,
    block_length: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    scheme: BlockScheme = BlockScheme.STATIONARY,
) -> Float64Array2D:
    """How often each date occurs in each resample of whole blocks of dates.

    A statistic that is a ratio of sums over dates then costs one matrix product for all resamples.

    Parameters
    ----------
    dates : length of the time axis, at least 1.
    block_length : dates a block (the mean, where stationary), at least 1; capped at ``dates``.
    resamples : rows, at least 1.
    seed : the same seed gives the same resamples.
    scheme : how blocks are drawn.

    Returns
    -------
    (resamples, dates) float64; every row sums to ``dates``.
    """
    if min(dates, block_length, resamples) < 1:
        raise InputError("dates, block length and resamples must each be at least 1", field="dates")
    from arch.bootstrap import CircularBlockBootstrap, StationaryBootstrap

    kind = StationaryBootstrap if scheme is BlockScheme.STATIONARY else CircularBlockBootstrap
    sampler = kind(min(block_length, dates), np.arange(dates), seed=np.random.default_rng(seed))
    out = np.empty((resamples, dates))
    for row in range(resamples):
        out[row] = np.bincount(sampler.update_indices(), minlength=dates)
    return out


def resampled_ratios(
    multiplicities: Float64Array2D | CountArray2D, numerator: Float64Array1D, denominator: Float64Array1D
) -> Float64Array1D:
    """A ratio of two sums over dates, in every resample.

    Parameters
    ----------
    multiplicities : (resamples, dates) from :func:`date_multiplicities`, of any type that holds whole numbers: a few
        rows at a time become float64, so that counts may be kept in a byte each.
    numerator, denominator : (dates,) each date's contribution.

    Returns
    -------
    (resamples,) ratios; NaN where a resample drew nothing to divide by.
    """
    out = np.full(len(multiplicities), np.nan)
    for first in range(0, len(out), _ROWS_AT_A_TIME):
        rows = slice(first, first + _ROWS_AT_A_TIME)
        counts = np.asarray(multiplicities[rows], dtype=np.float64)
        over = counts @ denominator
        np.divide(counts @ numerator, over, out=out[rows], where=over > 0)
    return out


def percentile_interval(resampled: Float64Array1D, *, level: float = CONFIDENCE_LEVEL) -> Interval:
    """The middle of a resampled statistic.

    Parameters
    ----------
    resampled : (resamples,) statistics; NaN ones are left out.
    level : coverage, in (0, 1).

    Returns
    -------
    Lower and upper end; NaN where fewer than half of the resamples gave a number.
    """
    known = resampled[np.isfinite(resampled)]
    if len(known) == 0 or 2 * len(known) < len(resampled):
        return NO_INTERVAL
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return float(low), float(high)


def overlap_seen(horizon: int, block_length: int) -> float:
    """The part of the variance of a mean of overlapping outcomes that a stationary bootstrap sees.

    Outcomes over ``horizon`` sessions, one a session, have the autocorrelation ``1 - k / horizon`` at lag ``k``. Two
    dates ``k`` apart stay in one block with probability ``(1 - 1 / block_length)**k``, and what is torn apart is taken
    for independent.

    Parameters
    ----------
    horizon : sessions of an outcome, at least 1.
    block_length : mean length of a block, sessions, at least 1.

    Returns
    -------
    Share in (0, 1]; 1 where outcomes do not overlap.

    Examples
    --------
    >>> round(overlap_seen(10, 10), 2), round(overlap_seen(10, 30), 2), overlap_seen(1, 1)
    (0.73, 0.89, 1.0)
    """
    if min(horizon, block_length) < 1:
        raise InputError("horizon and block length must each be at least 1", field="horizon")
    lag = np.arange(1, horizon)
    shared = 1.0 - lag / horizon
    return float((1.0 + 2.0 * (shared * (1.0 - 1.0 / block_length) ** lag).sum()) / (1.0 + 2.0 * shared.sum()))


def widened(interval: Interval, middle: float, factor: float) -> Interval:
    """An interval with both ends moved away from the estimate.

    Parameters
    ----------
    interval : lower and upper end.
    middle : the estimate they belong to.
    factor : 1 leaves it as it is.
    """
    low, high = interval
    return middle - factor * (middle - low), middle + factor * (high - middle)


def disjoint_windows(first: Int64Array1D, last: Int64Array1D) -> int:
    """The largest number of windows of time of which no two share a moment.

    Parameters
    ----------
    first, last : (n,) positions on the time axis where each window opens and closes, ``first <= last``. A window that
        opens where another closes does not overlap it.

    Returns
    -------
    Count, at most n: how many outcomes can be called independent of each other.
    """
    free_from, count = np.iinfo(np.int64).min, 0
    for i in np.argsort(last, kind="stable"):
        if first[i] >= free_from:
            free_from, count = last[i], count + 1
    return count
