"""Whether a probability means what it says.

References
----------
- Brier (1950), Verification of forecasts expressed in terms of probability, Monthly Weather Review 78(1).
- Murphy (1973), A new vector partition of the probability score, Journal of Applied Meteorology 12(4): skill.
- Naeini, Cooper & Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning, AAAI: ECE.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int64Array1D

DEFAULT_BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class ReliabilityBins:
    """Forecasts grouped by their probability, beside how often the event came.

    Parameters
    ----------
    lower, upper : (b,) edges of each bin; a bin holds ``lower <= p < upper``, the last one 1.0 too.
    mean_probability : (b,) mean forecast; NaN in an empty bin.
    observed : (b,) share of events; NaN in an empty bin.
    count : (b,) forecasts.
    """

    lower: Float64Array1D
    upper: Float64Array1D
    mean_probability: Float64Array1D
    observed: Float64Array1D
    count: Int64Array1D


def _usable(probability: Float64Array1D, happened: BoolArray1D) -> tuple[Float64Array1D, Float64Array1D]:
    """The pairs whose probability is a number, the events as 0.0 or 1.0."""
    if probability.shape != happened.shape:
        raise InputError("one outcome a probability is needed", field="happened")
    known = ~np.isnan(probability)
    kept = probability[known]
    if ((kept < 0) | (kept > 1)).any():
        i = int(np.argmax((probability < 0) | (probability > 1)))
        raise InputError(f"probability {probability[i]} lies outside 0..1", row=i, field="probability")
    return kept, happened[known].astype(np.float64)


def brier(probability: Float64Array1D, happened: BoolArray1D) -> float:
    """Mean squared distance between the probability and what happened.

    Parameters
    ----------
    probability : (n,) in [0, 1]; NaN pairs are left out.
    happened : (n,) bool.

    Returns
    -------
    0 (perfect) to 1; NaN without data.

    Raises
    ------
    InputError : on a probability outside [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> float(round(brier(np.array([0.9, 0.9, 0.8, 0.3]), np.array([True, True, False, False])), 4))
    0.1875
    """
    p, y = _usable(probability, happened)
    return float(np.mean((p - y) ** 2)) if len(p) else math.nan


def brier_skill(
    probability: Float64Array1D, happened: BoolArray1D, reference: Float64Array1D | float | None = None
) -> float:
    """How much better than a reference forecast the probabilities were.

    Parameters
    ----------
    probability : (n,) in [0, 1]; NaN pairs are left out.
    happened : (n,) bool.
    reference : (n,) or scalar forecast to beat; None takes climatology, the share of events in these very data, which
        no constant forecast can beat.

    Returns
    -------
    ``1 - brier / brier of the reference``: 1 perfect, 0 no better, negative worse; NaN without data or where the
    reference was perfect.
    """
    p, y = _usable(probability, happened)
    if len(p) == 0:
        return math.nan
    if reference is None:
        against = np.full(len(p), float(np.mean(y)))
    else:
        against = np.broadcast_to(np.asarray(reference, dtype=np.float64), probability.shape)[~np.isnan(probability)]
    worst = float(np.mean((against - y) ** 2))
    return 1.0 - float(np.mean((p - y) ** 2)) / worst if worst > 0 else math.nan


def reliability_bins(
    probability: Float64Array1D, happened: BoolArray1D, *, bins: int = DEFAULT_BINS, low: float = 0.0
) -> ReliabilityBins:
    """Group forecasts into bins of equal width.

    Parameters
    ----------
    probability : (n,) in [0, 1]; NaN pairs are left out.
    happened : (n,) bool.
    bins : how many, at least 1.
    low : lower edge of the first bin, below 1 (0.5 for the confidence in a direction). Forecasts below it are counted
        in the first bin.

    Returns
    -------
    One row a bin, empty ones included.
    """
    p, y = _usable(probability, happened)
    if bins < 1 or not low < 1:
        raise InputError(f"{bins} bins from {low} to 1 cannot be made", field="bins")
    edges = np.linspace(low, 1.0, bins + 1)
    which = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, bins - 1)
    count = np.bincount(which, minlength=bins).astype(np.int64)
    share = np.full((2, bins), np.nan)
    for row, weights in enumerate((p, y)):
        np.divide(np.bincount(which, weights=weights, minlength=bins), count, out=share[row], where=count > 0)
    return ReliabilityBins(edges[:-1], edges[1:], share[0], share[1], count)


def ece(probability: Float64Array1D, happened: BoolArray1D, *, bins: int = DEFAULT_BINS, low: float = 0.0) -> float:
    """Expected calibration error: the mean distance between said and seen, weighted by the forecasts in each bin.

    Parameters
    ----------
    probability, happened, bins, low : as in :func:`reliability_bins`.

    Returns
    -------
    0 (calibrated) to 1; NaN without data.
    """
    table = reliability_bins(probability, happened, bins=bins, low=low)
    total = int(table.count.sum())
    if total == 0:
        return math.nan
    filled = table.count > 0
    gap = np.abs(table.mean_probability[filled] - table.observed[filled])
    return float(np.sum(gap * table.count[filled]) / total)
