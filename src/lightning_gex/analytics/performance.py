"""What a curve of equity was worth: growth, drawdown, Sharpe, and how much of the Sharpe luck would explain.

References
----------
- Sharpe (1994), The Sharpe Ratio, Journal of Portfolio Management 21(1).
- Bailey & López de Prado (2012), The Sharpe Ratio Efficient Frontier, Journal of Risk 15(2): the probabilistic ratio.
- Bailey & López de Prado (2014), The Deflated Sharpe Ratio, Journal of Portfolio Management 40(5).
- Bailey, Borwein, López de Prado & Zhu (2017), The Probability of Backtest Overfitting, Journal of Computational
  Finance 20(4): combinatorially symmetric cross-validation (CSCV).
- Young (1991), Calmar Ratio: A Smoother Tool, Futures 20(1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import ndtr, ndtri

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import SESSIONS_PER_YEAR, DateArray1D, Float64Array1D, Float64Array2D, Int64Array1D

DAYS_PER_YEAR = 365.25  # mean calendar year, for annual growth
EULER_MASCHERONI = 0.577_215_664_901_532_9
CSCV_BLOCKS = 16  # Bailey et al. (2017), section 3: 12,870 ways to halve the time
_FLAT = 1e-12  # a standard deviation of returns below this is rounding, not risk


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall of an equity curve.

    Parameters
    ----------
    fraction : fall from the peak, positive (0.2 = a fifth was lost); 0 where equity never fell; NaN without data.
    peak, trough : the sessions it fell from and to; None where it never fell.
    """

    fraction: float
    peak: np.datetime64 | None
    trough: np.datetime64 | None


def session_returns(equity: Float64Array1D) -> Float64Array1D:
    """The simple return from each session to the next.

    Parameters
    ----------
    equity : (m,) USD, positive.

    Returns
    -------
    (m - 1,) fractions; NaN where either end is NaN or the earlier one is not positive. Empty for m < 2.
    """
    before, after = equity[:-1], equity[1:]
    out = np.full(len(before), np.nan)
    np.divide(after, before, out=out, where=before > 0)
    return out - 1.0


def cagr(start_equity: float, end_equity: float, start: np.datetime64, end: np.datetime64) -> float:
    """Compound annual growth rate.

    Parameters
    ----------
    start_equity, end_equity : USD; the start positive.
    start, end : sessions the two were measured at; a year is 365.25 calendar days.

    Returns
    -------
    Fraction a year; -1 where everything was lost; NaN where no time passed or a value is absent.

    Examples
    --------
    >>> import numpy as np
    >>> round(cagr(100.0, 121.0, np.datetime64("2015-01-01"), np.datetime64("2017-01-01")), 4)
    0.0999
    """
    years = float((end - start) / np.timedelta64(1, "D")) / DAYS_PER_YEAR
    if not (years > 0 and start_equity > 0 and math.isfinite(end_equity)):
        return math.nan
    growth = max(end_equity, 0.0) / start_equity
    return float(growth ** (1.0 / years) - 1.0)


def drawdown_curve(equity: Float64Array1D) -> Float64Array1D:
    """The fall from the highest equity so far.

    Parameters
    ----------
    equity : (m,) USD.

    Returns
    -------
    (m,) positive fractions, 0 at a new high; NaN where equity is NaN. Row i depends on rows up to i only.
    """
    peak = np.fmax.accumulate(equity) if len(equity) else equity
    out = np.full(len(equity), np.nan)
    np.divide(peak - equity, peak, out=out, where=peak > 0)
    return out


def max_drawdown(equity: Float64Array1D, sessions: DateArray1D) -> Drawdown:
    """The deepest fall of an equity curve, and when.

    Parameters
    ----------
    equity : (m,) USD; NaN rows are left out.
    sessions : (m,) ``datetime64[D]``.

    Returns
    -------
    The drawdown, its fraction positive.
    """
    known = np.isfinite(equity)
    values, dates = equity[known], sessions[known]
    if len(values) == 0:
        return Drawdown(math.nan, None, None)
    curve = drawdown_curve(values)
    trough = int(np.argmax(curve))
    if not curve[trough] > 0:
        return Drawdown(0.0, None, None)
    return Drawdown(float(curve[trough]), dates[int(np.argmax(values[: trough + 1]))], dates[trough])


def calmar(annual_growth: float, drawdown_fraction: float) -> float:
    """Annual growth over the maximum drawdown; NaN where there was no drawdown or no data."""
    return annual_growth / drawdown_fraction if drawdown_fraction > 0 else math.nan


def sharpe(returns: Float64Array1D, risk_free: Float64Array1D | float = 0.0) -> float:
    """Annualised Sharpe ratio: mean over standard deviation of the excess returns, times the root of 252.

    Parameters
    ----------
    returns : (m,) fractions a session.
    risk_free : (m,) or scalar, fraction a session over the same intervals.

    Returns
    -------
    Ratio a year. Sessions where either is NaN are left out; NaN with fewer than two left or without any variation.
    """
    excess = returns - risk_free
    excess = excess[np.isfinite(excess)]
    if len(excess) < 2:
        return math.nan
    deviation = float(np.std(excess, ddof=1))
    return float(np.mean(excess)) / deviation * math.sqrt(SESSIONS_PER_YEAR) if deviation > _FLAT else math.nan


def expected_maximum_sharpe(trials: int, variance_of_trials: float) -> float:
    """The best Sharpe ratio that luck alone is expected to show among independent trials of no skill.

    Parameters
    ----------
    trials : how many variants were tried, at least 1.
    variance_of_trials : variance of their Sharpe ratios, in the unit the answer is wanted in (per session or a year).

    Returns
    -------
    Bailey & López de Prado (2014), equation for SR0; 0 for a single trial, which had no choice to profit from.

    Raises
    ------
    InputError : on fewer than one trial or a negative variance.
    """
    if trials < 1:
        raise InputError(f"{trials} trials: count every variant that was tried, this one included", field="trials")
    if not variance_of_trials >= 0:
        raise InputError(f"{variance_of_trials} is no variance", field="variance_of_trials")
    if trials == 1:
        return 0.0
    blend = (1.0 - EULER_MASCHERONI) * ndtri(1.0 - 1.0 / trials)
    blend += EULER_MASCHERONI * ndtri(1.0 - 1.0 / (trials * math.e))
    return float(math.sqrt(variance_of_trials) * blend)


def probabilistic_sharpe_ratio(
    observed: float, benchmark: float, observations: int, skew: float, kurtosis: float
) -> float:
    """The probability that the true Sharpe ratio exceeds a benchmark.

    Parameters
    ----------
    observed, benchmark : Sharpe ratios per observation (not annualised).
    observations : number of returns.
    skew, kurtosis : of the returns; a normal has 0 and 3.

    Returns
    -------
    Probability in [0, 1]; NaN where an input is NaN, with fewer than two observations, or where the moments leave no
    positive variance.
    """
    spread = 1.0 - skew * observed + (kurtosis - 1.0) / 4.0 * observed**2
    if observations < 2 or not spread > 0 or not math.isfinite(observed - benchmark):
        return math.nan
    return float(ndtr((observed - benchmark) * math.sqrt(observations - 1) / math.sqrt(spread)))


def minimum_track_record_length(
    observed: float, benchmark: float, skew: float, kurtosis: float, *, level: float = 0.95
) -> float:
    """How many observations it takes to tell a Sharpe ratio from a benchmark.

    Parameters
    ----------
    observed, benchmark : Sharpe ratios per observation (not annualised).
    skew, kurtosis : of the returns; a normal has 0 and 3.
    level : probability that the true ratio exceeds the benchmark that is asked for, in (0.5, 1).

    Returns
    -------
    Observations, not rounded, at least 1 (Bailey & López de Prado 2012, MinTRL): the length at which
    :func:`probabilistic_sharpe_ratio` reaches ``level``. Infinite where the observed ratio does not exceed the
    benchmark; NaN where an input is NaN or the moments leave no positive variance.

    Raises
    ------
    InputError : a level outside (0.5, 1).

    Examples
    --------
    The paper's example, monthly: 2 a year observed against 1 takes 3.24 years.

    >>> months = minimum_track_record_length(2 / 12**0.5, 1 / 12**0.5, 0.0, 3.0)
    >>> round(months / 12, 2)
    3.24
    """
    if not 0.5 < level < 1.0:
        raise InputError(f"{level} lies outside 0.5..1", field="level")
    spread = 1.0 - skew * observed + (kurtosis - 1.0) / 4.0 * observed**2
    if not spread > 0 or not math.isfinite(observed - benchmark):
        return math.nan
    if observed <= benchmark:
        return math.inf
    return 1.0 + spread * (float(ndtri(level)) / (observed - benchmark)) ** 2


def deflated_sharpe_ratio(
    observed: float,
    observations: int,
    skew: float,
    kurtosis: float,
    *,
    trials: int,
    variance_of_trials: float,
) -> float:
    """The probability that a Sharpe ratio is more than the best of so many trials without skill would show.

    Parameters
    ----------
    observed : Sharpe ratio per observation (not annualised).
    observations : number of returns.
    skew, kurtosis : of the returns; a normal has 0 and 3.
    trials : how many variants were tried, this one included.
    variance_of_trials : variance of their per-observation Sharpe ratios; unused for one trial.

    Returns
    -------
    Probability in [0, 1]; NaN as in :func:`probabilistic_sharpe_ratio`.

    Examples
    --------
    The worked example of Bailey & López de Prado (2014):

    >>> dsr = deflated_sharpe_ratio(2.5 / 250**0.5, 1250, -3.0, 10.0, trials=100, variance_of_trials=0.5 / 250)
    >>> round(dsr, 4)
    0.9004
    """
    luck = expected_maximum_sharpe(trials, variance_of_trials)
    return probabilistic_sharpe_ratio(observed, luck, observations, skew, kurtosis)


def skew_and_kurtosis(returns: Float64Array1D) -> tuple[float, float]:
    """Skewness and (not excess) kurtosis of the finite returns; NaN with fewer than two or without variation."""
    finite = returns[np.isfinite(returns)]
    if len(finite) < 2:
        return math.nan, math.nan
    centred = finite - finite.mean()
    variance = float(np.mean(centred**2))
    if not math.sqrt(variance) > _FLAT:
        return math.nan, math.nan
    return float(np.mean(centred**3)) / variance**1.5, float(np.mean(centred**4)) / variance**2


def probability_of_backtest_overfitting(returns: Float64Array2D, *, blocks: int = CSCV_BLOCKS) -> float:
    """How often the variant that was best in one half of the time falls into the lower half in the other.

    Parameters
    ----------
    returns : (m, k) returns of k >= 2 variants over the same m sessions, finite. The last ``m % blocks`` sessions
        are left out so that the blocks are equal.
    blocks : even number of blocks of time, at least 2; every way to take half of them is tried.

    Returns
    -------
    Share of splits in [0, 1] whose in-sample winner (by Sharpe ratio) has an out-of-sample rank at or below the
    median; 0.5 is what luck gives. NaN where every variant is flat.

    Raises
    ------
    InputError : on one variant, an odd number of blocks, fewer than two sessions a block, or a return that is no
        number.
    """
    m, k = returns.shape
    if k < 2:
        raise InputError("overfitting needs at least two variants to choose between", field="returns")
    if blocks < 2 or blocks % 2:
        raise InputError(f"blocks must be an even number of at least 2, not {blocks}", field="blocks")
    if m // blocks < 2:
        raise InputError(f"{m} sessions are too few for {blocks} blocks of at least two", field="returns")
    if not np.isfinite(returns).all():
        raise InputError("a return is not a number: leave out sessions that any variant lacks", field="returns")
    size = m // blocks
    parts = returns[: size * blocks].reshape(blocks, size, k)
    halves = np.array(list(combinations(range(blocks), blocks // 2)), dtype=np.int64)
    return _cscv(parts.sum(axis=1), (parts**2).sum(axis=1), halves, size * blocks // 2)


def _cscv(sums: Float64Array2D, squares: Float64Array2D, halves: Int64Array1D, count: int) -> float:
    """CSCV from each block's sum and sum of squares: a half's Sharpe ratio needs no more than these."""
    chosen = np.zeros((len(halves), len(sums)))
    np.put_along_axis(chosen, halves, 1.0, axis=1)

    def sharpes(choice: Float64Array2D) -> Float64Array2D:
        mean = choice @ sums / count
        variance = np.maximum(choice @ squares / count - mean**2, 0.0)
        return np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=variance > _FLAT**2)

    inside, outside = sharpes(chosen), sharpes(1.0 - chosen)
    if not inside.any():
        return math.nan
    best = np.argmax(inside, axis=1)
    of_best = np.take_along_axis(outside, best[:, None], axis=1)
    below = (outside < of_best).sum(axis=1)
    ties = (outside == of_best).sum(axis=1)
    rank = below + (ties + 1) / 2.0  # 1 = worst; ties share their mean rank
    return float(np.mean(rank / (sums.shape[1] + 1.0) <= 0.5))
