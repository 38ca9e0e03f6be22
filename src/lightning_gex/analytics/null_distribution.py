"""What a statistic would be where nothing is there, and what a test on it could have seen.

A null distribution is an array of a statistic under no effect: from the feature moved along a circle of time,
which keeps how it moves from day to day and cuts its tie to the outcomes, or from a bootstrap around the estimate.

References
----------
- Politis & Romano (1992), A circular block-resampling procedure for stationary data: a series closed to a circle.
- Phipson & Smyth (2010), Permutation P-values Should Never Be Zero, Statistical Applications in Genetics 9(1).
- Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, 2nd edition, chapter 1: power 0.8.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import Float64Array1D, Int64Array1D

POWER = 0.8  # Cohen's convention: an effect missed once in five times


def circular_shifts(count: int, least: int) -> Int64Array1D:
    """Every shift of a circle of so many rows that moves each of them by at least ``least`` to either side.

    Examples
    --------
    >>> circular_shifts(7, 2).tolist()
    [2, 3, 4, 5]
    """
    return np.arange(least, count - least + 1, dtype=np.int64)


def shifted_sums(marks: Float64Array1D, values: Float64Array1D, shifts: Int64Array1D) -> Float64Array1D:
    """Sums of values at marked rows, the marks moved along the circle of rows.

    Parameters
    ----------
    marks : (n,) 1 where marked, else 0; any weights. values : (n,) finite.
    shifts : (k,) rows that the marks move on, each in 0..n-1.

    Returns
    -------
    (k,) sum over rows t of marks[t - shift] values[t], by one Fourier transform for all of them.

    Examples
    --------
    >>> shifted_sums(np.array([1.0, 0, 0]), np.array([5.0, 7.0, 9.0]), np.array([0, 1, 2])).round(9).tolist()
    [5.0, 7.0, 9.0]
    """
    n = len(marks)
    if len(values) != n:
        raise InputError(f"{n} marks for {len(values)} values", field="marks")
    spectrum = np.conj(np.fft.rfft(marks)) * np.fft.rfft(values)
    return np.asarray(np.fft.irfft(spectrum, n)[shifts])


def separate_count(null: Float64Array1D) -> float:
    """How many independent draws tell as much of the spread as these, of which neighbours resemble each other.

    Parameters
    ----------
    null : (k,) the statistic at neighbouring shifts, in their order.

    Returns
    -------
    k over the sum of squared autocorrelations at all lags (Bartlett 1946, Supplement to the Journal of the Royal
    Statistical Society 8(1): the variance of a variance), at most k; NaN with fewer than two or without variation.

    Examples
    --------
    >>> alone = np.random.default_rng(0).standard_normal(1_000)
    >>> separate_count(alone) > 450, separate_count(np.repeat(alone[:100], 10)) < 150
    (True, True)
    """
    known = null[np.isfinite(null)]
    k = len(known)
    centred = known - known.mean() if k else known
    spread = float(centred @ centred)
    if k < 2 or not spread > 0:
        return math.nan
    spectrum = np.abs(np.fft.rfft(centred, 2 * k)) ** 2
    correlation = np.fft.irfft(spectrum, 2 * k)[:k] / spread
    return k / float(1.0 + 2.0 * np.sum(correlation[1:] ** 2))


def student_critical(spread: float, freedom: float, *, level: float, two_sided: bool) -> float:
    """The effect at which Student's test rejects.

    Parameters
    ----------
    spread : standard deviation of the statistic where nothing is there.
    freedom : degrees of freedom behind it, infinite for a normal.

    Returns
    -------
    In the statistic's unit; NaN where either is.
    """
    share = 1.0 - (level / 2.0 if two_sided else level)
    if not spread > 0 or not freedom > 0:
        return math.nan
    return spread * float(stdtrit(freedom, share) if math.isfinite(freedom) else ndtri(share))


def student_p(observed: float, spread: float, freedom: float, *, two_sided: bool) -> float:
    """The chance of a statistic as far out (one-sided: as high) by Student's distribution; parameters as before."""
    if not spread > 0 or not freedom > 0 or not math.isfinite(observed):
        return math.nan
    t = observed / spread
    tail = -abs(t) if two_sided else -t
    lower = float(stdtr(freedom, tail) if math.isfinite(freedom) else ndtr(tail))
    return min(1.0, 2.0 * lower) if two_sided else lower


def placebo_p(null: Float64Array1D, observed: float, *, two_sided: bool) -> float:
    """The chance of a statistic at least as far out (one-sided: as high) where nothing is there.

    Parameters
    ----------
    null : (k,) the statistic's values under no effect, around 0, + as claimed; NaN ones are left out.
    observed : the statistic.

    Returns
    -------
    (1 + as often) / (1 + k), never 0; NaN without null values or statistic.
    """
    known = null[np.isfinite(null)]
    if len(known) == 0 or not math.isfinite(observed):
        return math.nan
    as_far = np.abs(known) >= abs(observed) if two_sided else known >= observed
    return (1 + int(np.sum(as_far))) / (1 + len(known))


def power_at(null: Float64Array1D, effect: float, critical: float) -> float:
    """The chance that a test finds an effect of this size.

    Parameters
    ----------
    null : (k,) as ``placebo_p``.
    effect : true size, + as claimed; it moves the null distribution as a whole.
    critical : the statistic above which the test speaks for the claim.

    Returns
    -------
    Share in [0, 1]; NaN without null values or critical value.
    """
    known = null[np.isfinite(null)]
    if len(known) == 0 or not math.isfinite(critical):
        return math.nan
    return float(np.mean(known + effect > critical))


def minimum_detectable_effect(null: Float64Array1D, critical: float, *, power: float = POWER) -> float:
    """The size of effect that a test finds with probability ``power``.

    Parameters
    ----------
    null : (k,) as ``placebo_p``.
    critical : the statistic above which the test speaks for the claim.
    power : in (0, 1).

    Returns
    -------
    In the statistic's unit, + as claimed; NaN without null values or critical value.

    Examples
    --------
    A normal statistic of standard error 1, two-sided at 5 %: 1.96 + 0.84.

    >>> from scipy.special import ndtri
    >>> normal = ndtri((np.arange(200_000) + 0.5) / 200_000)
    >>> round(minimum_detectable_effect(normal, 1.96), 2)
    2.8
    """
    known = null[np.isfinite(null)]
    if len(known) == 0 or not math.isfinite(critical):
        return math.nan
    return critical - float(np.quantile(known, 1.0 - power))
