"""A curve of equity lived through again: its sessions drawn anew in blocks, for figures that depend on their order.

References
----------
- Politis & Romano (1994), The Stationary Bootstrap, JASA 89(428).
"""

from __future__ import annotations

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.units import Float64Array1D, Float64Array2D, Int32Array2D

_ROWS_AT_ONCE = 128  # paths held in memory together: 3 MB each ten years


def stationary_paths(sessions: int, block_length: int, *, resamples: int, seed: int) -> Int32Array2D:
    """Positions of a stationary bootstrap: blocks of geometric length that wrap around the end.

    Parameters
    ----------
    sessions : length of the time axis, at least 1.
    block_length : mean sessions a block, at least 1.
    resamples : rows, at least 1.
    seed : the same seed gives the same paths.

    Returns
    -------
    (resamples, sessions) positions in ``0 .. sessions - 1``.
    """
    if min(sessions, block_length, resamples) < 1:
        raise InputError("sessions, block length and resamples must each be at least 1", field="sessions")
    random = np.random.default_rng(seed)
    paths = np.empty((resamples, sessions), dtype=np.int32)
    at = np.arange(sessions)
    for low in range(0, resamples, _ROWS_AT_ONCE):
        shape = (min(_ROWS_AT_ONCE, resamples - low), sessions)
        begins = random.random(shape) < 1.0 / block_length
        begins[:, 0] = True
        start = random.integers(0, sessions, shape)
        latest = np.maximum.accumulate(np.where(begins, at, 0), axis=1)
        first = np.take_along_axis(start, latest, axis=1)
        paths[low : low + _ROWS_AT_ONCE] = (first + at - latest) % sessions
    return paths


def path_drawdowns(log_growth: Float64Array1D, paths: Int32Array2D) -> Float64Array1D:
    """The deepest fall of each path.

    Parameters
    ----------
    log_growth : (m,) log growth of equity over each session, finite.
    paths : (k, m) positions, as ``stationary_paths`` draws them.

    Returns
    -------
    (k,) positive fractions of the highest equity so far, the start included; 0 where a path never falls.
    """
    out = np.zeros(len(paths))
    for low in range(0, len(paths), _ROWS_AT_ONCE):
        level: Float64Array2D = np.cumsum(log_growth[paths[low : low + _ROWS_AT_ONCE]], axis=1)
        peak = np.maximum(np.maximum.accumulate(level, axis=1), 0.0)
        out[low : low + _ROWS_AT_ONCE] = 1.0 - np.exp((level - peak).min(axis=1, initial=0.0))
    return out
