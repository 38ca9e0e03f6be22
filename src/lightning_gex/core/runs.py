"""Columns that repeat themselves: runs of equal neighbours, and values as codes into the distinct ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightning_gex.core.units import Int64Array1D


def run_starts(values: NDArray[Any]) -> Int64Array1D:
    """Where each run of equal neighbours begins.

    Parameters
    ----------
    values : (n,) of any type with an equality. NaN and NaT equal nothing: each is a run of its own.

    Returns
    -------
    (r,) rising positions, the first 0; empty where ``values`` is.

    >>> run_starts(np.array([7, 7, 3, 7])).tolist()
    [0, 2, 3]
    """
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    return np.concatenate((np.zeros(1, dtype=np.int64), np.flatnonzero(values[1:] != values[:-1]) + 1))


def coded(values: NDArray[Any]) -> tuple[NDArray[Any], Int64Array1D]:
    """The distinct values, rising, and (n,) the code of each value into them.

    What ``np.unique(values, return_inverse=True)`` gives, without sorting every row: only the first of each run is
    sorted, and the columns of a chain (root, expiry) run for hundreds of rows.

    >>> names, code = coded(np.array(["SPXW", "SPXW", "SPX"]))
    >>> names.tolist(), code.tolist()
    (['SPX', 'SPXW'], [1, 1, 0])
    """
    starts = run_starts(values)
    names, of_run = np.unique(values[starts], return_inverse=True)
    return names, np.repeat(of_run.astype(np.int64), np.diff(starts, append=len(values)))
