"""How several tickers moved together, each on sessions of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lightning_gex.core.units import DateArray1D, Float64Array1D, Float64Array2D


def aligned_returns(sessions: Sequence[DateArray1D], closes: Sequence[Float64Array1D], count: int) -> Float64Array2D:
    """Daily logarithmic returns of several tickers on the latest sessions of the first.

    Parameters
    ----------
    sessions, closes : (n_k,) of each ticker, ``datetime64[D]`` strictly increasing and USD, up to the present moment.
    count : returns wanted.

    Returns
    -------
    (k, count) returns, latest last; NaN where a ticker lacks one of the two sessions that a return needs. Fewer columns
    where the first ticker is younger.
    """
    wanted = sessions[0][-count - 1 :]
    table = np.full((len(sessions), len(wanted)), np.nan)
    for k, (days, close) in enumerate(zip(sessions, closes, strict=True)):
        latest = days[-len(wanted) :]
        if len(latest) == len(wanted) and latest[0] == wanted[0] and np.array_equal(latest, wanted):
            table[k] = close[-len(wanted) :]
            continue
        at = np.minimum(np.searchsorted(days, wanted), len(days) - 1)
        table[k] = np.where(days[at] == wanted, close[at], np.nan)
    returns: Float64Array2D = np.diff(np.log(table), axis=1)
    return returns


def correlations(returns: Float64Array2D, fewest: int) -> Float64Array2D:
    """Pearson's correlation of every pair of rows over the columns that both have.

    Parameters
    ----------
    returns : (k, m), NaN where absent.
    fewest : columns that a pair must share.

    Returns
    -------
    (k, k) in [-1, 1], 1 on the diagonal; NaN where a pair shares fewer columns, or one of the two did not move.

    Examples
    --------
    >>> up = np.array([0.01, -0.02, 0.03, 0.00])
    >>> correlations(np.stack([up, -2.0 * up]), 3).round(12)
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    known = np.isfinite(returns)
    there = known.astype(np.float64)
    x = np.where(known, returns, 0.0)
    shared = there @ there.T
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (x @ there.T) / shared  # mean of row a over the columns it shares with b
        covariance = (x @ x.T) / shared - mean * mean.T
        spread = np.sqrt(np.maximum((x * x) @ there.T / shared - mean * mean, 0.0))
        out: Float64Array2D = np.clip(covariance / (spread * spread.T), -1.0, 1.0)
    out[(shared < fewest) | ~np.isfinite(out)] = np.nan
    np.fill_diagonal(out, 1.0)
    return out
