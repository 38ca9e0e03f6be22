"""Probabilities of several observers made into one, by their log-odds.

The weighted mean of log-odds is the logarithmic opinion pool: it lies within the opinions, and an observer adds to it
what its weight times its own log-odds is, so that the parts add up to the whole. Observers that mostly say the same are
discounted: each counts by one over the number of voices it amounts to among those that speak.

References
----------
- Genest & Zidek (1986), Combining probability distributions, Statistical Science 1(1): the logarithmic opinion pool.
- Kish (1965), Survey sampling, section 8.2: the effective number of correlated observations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import Float64Array1D, Float64Array2D

#: Overlap of two observers of whom nothing is known: specialists look at the same prices.
PRIOR_OVERLAP = 0.3
#: Rows that the prior counts like: about three months of sessions.
PRIOR_ROWS = 60.0
#: Mean square log-odds that the prior rows are given: that of a call at 0.6.
PRIOR_SQUARE = math.log(0.6 / 0.4) ** 2
#: Opinions are read as no surer than this, or one of them would outweigh any number of others.
SUREST = 0.999


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """Opinions made into one, along time.

    Parameters
    ----------
    log_odds : (n,) ln(p / (1 - p)) of the pool; NaN where nobody spoke.
    probability : (n,) p, within the opinions; NaN where nobody spoke.
    contribution : (a, n) what each observer adds to ``log_odds``; 0 where it was silent.
    share : (a, n) each observer's part of the whole weight, 0 where it was silent; they add up to 1.
    effective : (n,) how many independent observers those that spoke amount to; 0 where nobody spoke.
    """

    log_odds: Float64Array1D
    probability: Float64Array1D
    contribution: Float64Array2D
    share: Float64Array2D
    effective: Float64Array1D


def past_overlap(probability: Float64Array2D) -> Float64Array2D:
    """How far each pair of observers said the same on the rows before, shrunk towards ``PRIOR_OVERLAP``.

    With l the log-odds, r = (sum l_i l_j + k r0 v) / sqrt((sum l_i^2 + k v) (sum l_j^2 + k v)) over earlier rows on
    which both spoke, k = ``PRIOR_ROWS``, r0 = ``PRIOR_OVERLAP``, v = ``PRIOR_SQUARE``; cut to [0, 1]. It is not
    centred: two observers that always say up are one voice.

    Parameters
    ----------
    probability : (a, n) in [0, 1]; NaN where silent.

    Returns
    -------
    (a (a - 1) / 2, n) in [0, 1], pairs (0, 1), (0, 2) ... (1, 2) ...; column i uses columns before i only.
    """
    observers, rows = probability.shape
    out = np.empty((observers * (observers - 1) // 2, rows))
    _overlap(np.ascontiguousarray(probability), out)
    return out


def pool(probability: Float64Array2D, weight: Float64Array1D, overlap: Float64Array2D | None = None) -> Pooled:
    """The weighted logarithmic pool, observers discounted for saying the same.

    An observer's weight is divided by the sum of its overlaps with those that speak on that row, itself included (1):
    two that always agree count like one.

    Parameters
    ----------
    probability : (a, n) in [0, 1]; NaN where silent. Cut to 1 - ``SUREST`` .. ``SUREST`` for their log-odds.
    weight : (a,) positive.
    overlap : (a (a - 1) / 2, n) as of ``past_overlap``; None takes ``PRIOR_OVERLAP`` throughout.

    Returns
    -------
    (n,) pooled. A column depends on its own column of the arguments alone.

    Raises
    ------
    InputError : arrays whose shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> two = pool(np.array([[0.6], [0.5]]), np.ones(2))
    >>> float(round(two.probability[0], 4)), float(round(two.effective[0], 4))
    (0.5505, 1.5385)
    """
    observers, rows = probability.shape
    pairs = observers * (observers - 1) // 2
    if weight.shape != (observers,):
        raise InputError(f"{len(weight)} weights for {observers} observers", field="weight")
    if overlap is None:
        overlap = np.full((pairs, rows), PRIOR_OVERLAP)
    if overlap.shape != (pairs, rows):
        raise InputError(f"overlap must be {(pairs, rows)}, not {overlap.shape}", field="overlap")
    log_odds, pooled, effective = np.empty(rows), np.empty(rows), np.empty(rows)
    contribution, share = np.empty((observers, rows)), np.empty((observers, rows))
    _pool(
        np.ascontiguousarray(probability),
        np.ascontiguousarray(weight),
        np.ascontiguousarray(overlap),
        log_odds,
        pooled,
        effective,
        contribution,
        share,
    )
    return Pooled(log_odds, pooled, contribution, share, effective)


@njit(cache=True, error_model="numpy")
def _log_odds(p: float) -> float:
    held = min(max(p, 1.0 - SUREST), SUREST)
    return math.log(held / (1.0 - held))


@njit(cache=True, error_model="numpy")
def _overlap(probability: Float64Array2D, out: Float64Array2D) -> None:
    observers, rows = probability.shape
    product = np.full(len(out), PRIOR_ROWS * PRIOR_OVERLAP * PRIOR_SQUARE)
    first = np.full(len(out), PRIOR_ROWS * PRIOR_SQUARE)
    second = np.full(len(out), PRIOR_ROWS * PRIOR_SQUARE)
    said = np.empty(observers)
    for t in range(rows):
        for i in range(observers):
            said[i] = _log_odds(probability[i, t]) if probability[i, t] == probability[i, t] else np.nan
        k = 0
        for i in range(observers):
            for j in range(i + 1, observers):
                out[k, t] = min(max(product[k] / math.sqrt(first[k] * second[k]), 0.0), 1.0)
                if said[i] == said[i] and said[j] == said[j]:
                    product[k] += said[i] * said[j]
                    first[k] += said[i] * said[i]
                    second[k] += said[j] * said[j]
                k += 1


@njit(cache=True, error_model="numpy")
def _pool(
    probability: Float64Array2D,
    weight: Float64Array1D,
    overlap: Float64Array2D,
    log_odds: Float64Array1D,
    pooled: Float64Array1D,
    effective: Float64Array1D,
    contribution: Float64Array2D,
    share: Float64Array2D,
) -> None:
    observers, rows = probability.shape
    voices = np.empty(observers)
    for t in range(rows):
        held, shared = _voices(probability[:, t], weight, overlap[:, t], voices)
        total = 0.0
        for i in range(observers):
            share[i, t] = weight[i] / voices[i] if voices[i] > 0.0 else 0.0
            total += share[i, t]
        effective[t] = held * held / shared if shared > 0.0 else 0.0
        if total == 0.0:
            log_odds[t], pooled[t] = np.nan, np.nan
            contribution[:, t] = 0.0
            continue
        summed, lowest, highest = 0.0, 1.0, 0.0
        for i in range(observers):
            share[i, t] /= total
            contribution[i, t] = 0.0
            if voices[i] > 0.0:
                contribution[i, t] = share[i, t] * _log_odds(probability[i, t])
                summed += contribution[i, t]
                lowest = min(lowest, probability[i, t])
                highest = max(highest, probability[i, t])
        log_odds[t] = summed
        # rounding, or an opinion that was cut, may carry the pool past its extremes
        pooled[t] = min(max(1.0 / (1.0 + math.exp(-summed)), lowest), highest)


@njit(cache=True, error_model="numpy")
def _voices(
    probability: Float64Array1D, weight: Float64Array1D, overlap: Float64Array1D, voices: Float64Array1D
) -> tuple[float, float]:
    """How many voices each observer's opinion is shared among (0 where silent), the weight held, and its variance."""
    observers = len(probability)
    held, shared = 0.0, 0.0
    for i in range(observers):
        voices[i] = 1.0 if probability[i] == probability[i] else 0.0
        if voices[i] > 0.0:
            held += weight[i]
            shared += weight[i] * weight[i]
    k = 0
    for i in range(observers):
        for j in range(i + 1, observers):
            if voices[i] > 0.0 and voices[j] > 0.0:
                voices[i] += overlap[k]
                voices[j] += overlap[k]
                shared += 2.0 * weight[i] * weight[j] * overlap[k]
            k += 1
    return held, shared
