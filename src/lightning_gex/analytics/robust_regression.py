"""Least squares whose standard errors survive unequal and autocorrelated errors, and two forecasts against each other.

References
----------
- Newey & West (1987), A Simple, Positive Semi-Definite, Heteroskedasticity and Autocorrelation Consistent Covariance
  Matrix, Econometrica 55(3): Bartlett weights, without a correction for small samples.
- Newey & West (1994), Automatic Lag Selection in Covariance Matrix Estimation, Review of Economic Studies 61(4): the
  rule 4 (n / 100)^(2/9) for the number of lags.
- Diebold & Mariano (1995), Comparing Predictive Accuracy, Journal of Business & Economic Statistics 13(3).
- Clark & West (2007), Approximately normal tests for equal predictive accuracy in nested models, Journal of
  Econometrics 138(1), equation (3.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from lightning_gex.core.errors import InputError, InsufficientDataError
from lightning_gex.core.units import Float64Array1D, Float64Array2D

_LEAST_SHARE = 1e-10  # of its own size that the other columns must leave of a column: else it tells nothing of its own


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """A least-squares fit.

    Parameters
    ----------
    coefficient : (k,) outcome per unit of each column.
    standard_error : (k,) by Newey and West.
    count : observations.
    lags : of the autocorrelation that the standard errors allow for.
    r_squared : share of the outcome's variance explained; NaN where the outcome does not vary.
    """

    coefficient: Float64Array1D
    standard_error: Float64Array1D
    count: int
    lags: int
    r_squared: float

    @property
    def t(self) -> Float64Array1D:
        """(k,) coefficient over its standard error; NaN where that is 0."""
        out = np.full(len(self.coefficient), np.nan)
        np.divide(self.coefficient, self.standard_error, out=out, where=self.standard_error > 0)
        return out


def lags_for(count: int) -> int:
    """Lags of autocorrelation to allow for among so many observations: 4 (n / 100)^(2/9), rounded down.

    Examples
    --------
    >>> lags_for(100), lags_for(2_500)
    (4, 8)
    """
    return int(4.0 * (count / 100.0) ** (2.0 / 9.0))


def regress(design: Float64Array2D, outcome: Float64Array1D, *, lags: int) -> Regression:
    """Fit by least squares, with Newey and West's standard errors.

    Parameters
    ----------
    design : (n, k) finite columns, a constant among them where one is wanted.
    outcome : (n,) finite.
    lags : of autocorrelation, at least 0.

    Raises
    ------
    InsufficientDataError : no more observations than columns, or a column that the others explain wholly.
    InputError : a value that is no number, or negative lags.
    """
    n, k = design.shape
    if lags < 0:
        raise InputError(f"{lags} lags: at least 0", field="lags")
    if not (np.isfinite(design).all() and np.isfinite(outcome).all()):
        raise InputError("a value is not a number: leave out rows that lack one", field="design")
    if n <= k:
        raise InsufficientDataError(f"{n} observations are too few for {k} coefficients")
    bread = _inverse(design.T @ design)
    coefficient = bread @ (design.T @ outcome)
    residual = outcome - design @ coefficient
    covariance = bread @ long_run_sums(design * residual[:, None], lags) @ bread
    total = float(np.sum((outcome - outcome.mean()) ** 2))
    explained = 1.0 - float(residual @ residual) / total if total > 0 else math.nan
    return Regression(coefficient, np.sqrt(np.maximum(np.diag(covariance), 0.0)), n, lags, explained)


def long_run_sums(scores: Float64Array2D, lags: int) -> Float64Array2D:
    """Sums of products of rows with themselves and with neighbours, Bartlett weights: n times the long-run covariance.

    Parameters
    ----------
    scores : (n, k).
    lags : how many neighbours to either side.

    Returns
    -------
    (k, k), symmetric and positive semi-definite.
    """
    total = scores.T @ scores
    for lag in range(1, min(lags, len(scores) - 1) + 1):
        product = scores[lag:].T @ scores[:-lag]
        total += (1.0 - lag / (lags + 1.0)) * (product + product.T)
    return total


def mean_t(values: Float64Array1D, *, lags: int) -> float:
    """A mean over its standard error by Newey and West.

    Parameters
    ----------
    values : (n,) finite.
    lags : of autocorrelation.

    Returns
    -------
    NaN with fewer than two values or without variation. Of the differences of two forecasts' losses it is Diebold and
    Mariano's statistic.
    """
    if len(values) < 2:
        return math.nan
    centre = float(values.mean())
    spread = float(long_run_sums((values - centre)[:, None], lags)[0, 0])
    return centre / (math.sqrt(spread) / len(values)) if spread > 0 else math.nan


def clark_west_t(
    errors: Float64Array1D, richer_errors: Float64Array1D, richer_less_plain: Float64Array1D, *, lags: int
) -> float:
    """Whether what a richer forecast adds would help, had its extra coefficient not to be estimated.

    Parameters
    ----------
    errors, richer_errors : (n,) outcome less the plain and less the richer forecast that contains it.
    richer_less_plain : (n,) difference of the two forecasts.
    lags : of autocorrelation.

    Returns
    -------
    Statistic to be set beside the upper tail of a normal; NaN as ``mean_t``.
    """
    return mean_t(errors**2 - (richer_errors**2 - richer_less_plain**2), lags=lags)


def normal_p(statistic: float, *, two_sided: bool) -> float:
    """The chance of a standard normal at least as far out, or (one-sided) at least as high; NaN where NaN.

    Examples
    --------
    >>> round(normal_p(1.96, two_sided=True), 3), round(normal_p(-1.645, two_sided=False), 3)
    (0.05, 0.95)
    """
    return float(2.0 * ndtr(-abs(statistic)) if two_sided else ndtr(-statistic))


def resampled_coefficients(
    design: Float64Array2D, outcome: Float64Array1D, multiplicities: Float64Array2D
) -> Float64Array2D:
    """The least-squares coefficients in every resample of the rows.

    Parameters
    ----------
    design : (n, k). outcome : (n,).
    multiplicities : (resamples, n) how often each row was drawn.

    Returns
    -------
    (resamples, k); NaN where a resample cannot tell the coefficients apart.
    """
    n, k = design.shape
    products = (design[:, :, None] * design[:, None, :]).reshape(n, k * k)
    squares = (multiplicities @ products).reshape(-1, k, k)
    sums = multiplicities @ (design * outcome[:, None])
    out = np.full((len(multiplicities), k), np.nan)
    scale = np.sqrt(np.maximum(np.einsum("rii->ri", squares), np.finfo(np.float64).tiny))
    scaled = squares / (scale[:, :, None] * scale[:, None, :])
    sound = np.linalg.eigvalsh(scaled)[:, 0] > _LEAST_SHARE
    if sound.any():
        solved = np.linalg.solve(scaled[sound], (sums[sound] / scale[sound])[:, :, None])[:, :, 0]
        out[sound] = solved / scale[sound]
    return out


def _inverse(squares: Float64Array2D) -> Float64Array2D:
    """Of the products of a design, on a scale on which columns of any unit are alike."""
    scale = np.sqrt(np.diag(squares))
    if not (scale > 0).all():
        raise InsufficientDataError("a column is zero throughout: it tells nothing")
    scaled = squares / np.outer(scale, scale)
    if np.linalg.eigvalsh(scaled)[0] <= _LEAST_SHARE:
        raise InsufficientDataError("a column follows from the others: leave one of them out")
    return np.asarray(np.linalg.inv(scaled) / np.outer(scale, scale))
