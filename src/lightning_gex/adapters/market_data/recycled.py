"""Columns in memory that is used again: what makes reading a market batch by batch cheap.

A fresh array of a megabyte is mapped by the system page by page as it is written, and unmapped when it is let go; that
takes six to eight times as long as writing it. Arrow's pool keeps what is let go for the next batch.
"""

from __future__ import annotations

import numpy as np
import pyarrow

from lightning_gex.core.units import Float64Array1D

_BYTES = np.dtype(np.float64).itemsize


def recycled(n: int) -> Float64Array1D:
    """(n,) float64 without values, to be written; its memory goes back to Arrow's pool with the last view of it."""
    column: Float64Array1D = np.frombuffer(pyarrow.allocate_buffer(_BYTES * n), dtype=np.float64)
    return column
