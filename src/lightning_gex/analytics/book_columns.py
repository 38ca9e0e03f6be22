"""A book's columns as compiled kernels take them: tuples of arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lightning_gex.core.book import ChainBook
from lightning_gex.core.units import SECONDS_PER_YEAR, BoolArray1D, Float64Array1D, Int64Array1D


class Contracts(NamedTuple):
    """Contract columns, (n,) each, as in ``core.book.ChainBook``."""

    strike: Float64Array1D
    bid: Float64Array1D
    ask: Float64Array1D
    implied_vol: Float64Array1D
    open_interest: Float64Array1D
    volume: Float64Array1D
    multiplier: Float64Array1D
    is_call: BoolArray1D


def contracts_of(book: ChainBook, a: int = 0, b: int | None = None) -> Contracts:
    """The columns of the book's contracts ``a`` .. ``b`` - 1, as views; of all by default."""
    return Contracts(
        book.strike[a:b],
        book.bid[a:b],
        book.ask[a:b],
        book.implied_vol[a:b],
        book.open_interest[a:b],
        book.volume[a:b],
        book.multiplier[a:b],
        book.is_call[a:b],
    )


def series_years(book: ChainBook) -> Float64Array1D:
    """(g,) calendar years from each underlying's moment to each series' settlement, positive, without any floor."""
    ahead = book.settles_at - book.as_of[book.underlying_of_series]
    return ahead.astype("timedelta64[s]").astype(np.float64) / SECONDS_PER_YEAR


def widest(start: Int64Array1D) -> int:
    """The length of the longest segment; 0 without segments."""
    return int(np.diff(start).max(initial=0))
