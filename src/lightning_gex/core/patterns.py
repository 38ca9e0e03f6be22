"""What memory keeps: a signal, the situation it was given in, and later what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lightning_gex.core.enums import Direction, MarketRegime
from lightning_gex.core.units import BoolArray1D, Float64Array1D


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a signal.

    Parameters
    ----------
    net_return : return in the signal's direction after costs, as a fraction.
    won : whether it made money.
    known_at : aware UTC, the first moment anyone could know it.
    """

    net_return: float
    won: bool
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Pattern:
    """One remembered signal.

    Parameters
    ----------
    pattern_id : unique within its book.
    ticker : symbol.
    as_of : aware UTC, when the signal was given.
    vector : the situation (``memory.vector``), each element in [-1, 1]; NaN where absent.
    direction, confidence, horizon_sessions, entry_price, target_price, stop_price : the signal.
    regime : the strategic layer's word at that time; None where it had none.
    outcome : None until it is known.
    """

    pattern_id: str
    ticker: str
    as_of: datetime
    vector: tuple[float, ...]
    direction: Direction
    confidence: float
    horizon_sessions: int
    entry_price: float
    target_price: float
    stop_price: float
    regime: MarketRegime | None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Similar past signals whose outcome was known at the time of asking, most similar first.

    Parameters
    ----------
    pattern_id : ids.
    similarity : (k,) in [0, 1], 1 = identical.
    net_return : (k,) fraction in the signal's direction, after costs.
    won : (k,) bool.
    resolved_in_book : how many resolved outcomes of this ticker and direction the book held.
    """

    pattern_id: tuple[str, ...]
    similarity: Float64Array1D
    net_return: Float64Array1D
    won: BoolArray1D
    resolved_in_book: int
