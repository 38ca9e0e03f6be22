"""What is left of a finding when it is one of many: false discoveries, and variants against a benchmark.

References
----------
- Benjamini & Hochberg (1995), Controlling the False Discovery Rate, Journal of the Royal Statistical Society B 57(1).
- White (2000), A Reality Check for Data Snooping, Econometrica 68(5).
- Hansen (2005), A Test for Superior Predictive Ability, Journal of Business & Economic Statistics 23(4).
- Romano & Wolf (2005), Stepwise Multiple Testing as Formalized Data Snooping, Econometrica 73(4).
- Hsu, Hsu & Kuan (2010), Testing the Predictive Ability of Technical Analysis Using a New Stepwise Test without Data
  Snooping Bias, Journal of Empirical Finance 17(3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightning_gex.analytics.bootstrap import date_multiplicities
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Float64Array2D

RESAMPLES = 1_000
_FLAT = 1e-15  # relative; a variant that differs from the benchmark by rounding alone is the benchmark


def benjamini_hochberg(p_values: Float64Array1D) -> Float64Array1D:
    """P-values adjusted for the number of tests: rejecting those up to q keeps the false discovery rate at q.

    Parameters
    ----------
    p_values : (k,) in [0, 1] of independent or positively dependent tests; NaN where a test gave none, which is then
        not counted as a test.

    Returns
    -------
    (k,) adjusted p-values in [0, 1], in the order given, never below the raw ones; NaN where NaN.

    Raises
    ------
    InputError : a value outside 0..1.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.50])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    known = ~np.isnan(p_values)
    raw = p_values[known]
    if ((raw < 0.0) | (raw > 1.0)).any():
        i = int(np.argmax((p_values < 0.0) | (p_values > 1.0)))
        raise InputError(f"the p-value {p_values[i]} lies outside 0..1", row=i, field="p_values")
    adjusted = np.full(len(p_values), np.nan)
    if len(raw):
        from scipy.stats import false_discovery_control

        adjusted[known] = false_discovery_control(raw)
    return adjusted


@dataclass(frozen=True, slots=True, eq=False)
class SuperiorAbility:
    """Whether the best of several variants beats a benchmark by more than the choice among them explains.

    Parameters
    ----------
    p_value : Hansen's consistent p-value of "no variant is better than the benchmark"; 1 where no variant differs from
        it. ``p_lower`` and ``p_upper`` bound it; the upper one is White's reality check, studentised.
    best : index of the variant with the largest studentised mean difference; -1 where none differs.
    mean_difference : (k,) mean of variant minus benchmark, in the unit of the scores.
    superior : (k,) bool, the variants that the step-down test keeps apart from the benchmark at ``size``.
    size : probability of keeping even one apart by luck.
    """

    p_value: float
    p_lower: float
    p_upper: float
    best: int
    mean_difference: Float64Array1D
    superior: BoolArray1D
    size: float


def superior_ability(
    benchmark: Float64Array1D,
    variants: Float64Array2D,
    *,
    block_length: int,
    size: float = 0.05,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> SuperiorAbility:
    """Hansen's SPA test and Romano and Wolf's step-down over the same stationary bootstrap, both studentised.

    A mean difference is read in its own standard deviations, so that a variant that swings more is no bigger finding.
    As in Hsu, Hsu and Kuan, the step-down test leaves out what Hansen's does: variants far below the benchmark.

    Parameters
    ----------
    benchmark : (m,) scores of the benchmark, more is better (returns, not losses), finite, at least two.
    variants : (m, k) scores of the variants on the same sessions, k >= 1.
    block_length : mean length of a block, sessions.
    size : of the step-down test, in (0, 0.5].
    resamples : bootstrap samples.
    seed : the same seed gives the same answer.

    Raises
    ------
    InputError : shapes that do not fit, a score that is no number, or a number out of range.
    """
    _check(benchmark, variants, block_length, size, resamples)
    difference = variants - benchmark[:, None]
    sessions, count = difference.shape
    mean = difference.mean(axis=0)
    superior = np.zeros(count, dtype=np.bool_)
    flat = _FLAT * max(float(np.abs(variants).max()), float(np.abs(benchmark).max()))
    differs = np.flatnonzero(difference.std(axis=0) > flat)
    drawn = date_multiplicities(sessions, block_length, resamples=resamples, seed=seed) @ difference[:, differs]
    drawn /= sessions
    deviation = drawn.std(axis=0)
    moved = deviation > flat / sessions  # not where every resample is the same: nothing can be told of it
    differs, drawn, deviation = differs[moved], drawn[:, moved], deviation[moved]
    if len(differs) == 0:
        return SuperiorAbility(1.0, 1.0, 1.0, -1, mean, superior, size)
    found = mean[differs] / deviation
    floor = -math.sqrt(2.0 * math.log(max(math.log(sessions), 1.0)))
    centres = {"lower": np.maximum(found, 0.0), "consistent": np.where(found >= floor, found, 0.0), "upper": found}
    luck = {name: drawn / deviation - centre for name, centre in centres.items()}
    p = {name: float((values.max(axis=1) > found.max()).mean()) for name, values in luck.items()}
    superior[differs[_stepped_down(found, luck["consistent"], size)]] = True
    best = int(differs[int(np.argmax(found))])
    return SuperiorAbility(p["consistent"], p["lower"], p["upper"], best, mean, superior, size)


def _stepped_down(found: Float64Array1D, luck: Float64Array2D, size: float) -> BoolArray1D:
    """(k,) which statistics lie above what luck shows among those that are not kept apart yet, step by step."""
    apart = np.zeros(len(found), dtype=np.bool_)
    while not apart.all():
        bar = np.quantile(luck[:, ~apart].max(axis=1), 1.0 - size)
        new = ~apart & (found > bar)
        if not new.any():
            break
        apart |= new
    return apart


def _check(benchmark: Float64Array1D, variants: Float64Array2D, block_length: int, size: float, resamples: int) -> None:
    if variants.ndim != 2 or variants.shape[1] < 1 or len(benchmark) < 2 or len(variants) != len(benchmark):
        raise InputError(
            f"scores of shapes {benchmark.shape} and {variants.shape}: one row a session in both, at least two",
            field="variants",
        )
    if not (np.isfinite(benchmark).all() and np.isfinite(variants).all()):
        raise InputError("a score is not a number: leave out sessions that any variant lacks", field="variants")
    if not 1 <= block_length <= len(benchmark):
        raise InputError(f"a block of {block_length} sessions does not fit {len(benchmark)}", field="block_length")
    if not 0.0 < size <= 0.5:
        raise InputError(f"{size} lies outside 0..0.5", field="size")
    if resamples < 1:
        raise InputError(f"{resamples} resamples: at least 1 is needed", field="resamples")
