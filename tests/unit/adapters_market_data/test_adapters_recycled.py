"""Columns in memory that is used again."""

from __future__ import annotations

import numpy as np
import pytest

from lightning_gex.adapters.market_data.recycled import recycled


@pytest.mark.parametrize("n", [0, 1, 1_000_000])
def test_a_column_can_be_written_and_is_nobody_else_s(n):
    columns = [recycled(n) for _ in range(3)]
    for k, column in enumerate(columns):
        assert (column.shape, column.dtype) == ((n,), np.float64)
        column[:] = k
    assert all((column == k).all() for k, column in enumerate(columns))


def test_a_view_keeps_the_memory():
    view = recycled(1_000)[10:20]
    view[:] = 7.0
    others = [recycled(1_000) for _ in range(50)]
    for other in others:
        other[:] = 0.0
    assert (view == 7.0).all()
