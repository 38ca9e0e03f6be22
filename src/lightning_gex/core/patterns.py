"""What memory keeps: a signal, the situation it was given in, and later what became of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike

from lightning_gex.core.enums import Direction, MarketRegime
from lightning_gex.core.quick_init import quick_init
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Float64Array2D, TimeArray1D


@quick_init
@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a signal.

    Parameters
    ----------
    net_return : return in the signal's direction after costs, as a fraction.
    won : whether it made money.
    known_at : aware UTC, the first moment anyone could know it.
    horizon_return : return in the signal's direction from its entry to the end of its horizon, as a fraction, target
        and stop ignored, before costs: its sign says whether the direction was right. None where nobody followed it.
    """

    net_return: float
    won: bool
    known_at: datetime
    horizon_return: float | None = None

    @property
    def right(self) -> bool:
        """Whether the direction was right, which a confidence is the probability of.

        Where the horizon was not followed, winning stands in for it.
        """
        return self.won if self.horizon_return is None else self.horizon_return > 0


@quick_init
@dataclass(frozen=True, slots=True)
class AgentCall:
    """What one agent said when a signal was given.

    Parameters
    ----------
    agent : its display name.
    direction : which way it leant; neutral where it abstained.
    probability : that the price rises, in [0, 1]; NaN where it abstained.
    """

    agent: str
    direction: Direction
    probability: float


@quick_init
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
    schema : version of the situation vector (``memory.vector.VECTOR_SCHEMA``).
    strategy : the leading agent's strategy word; empty where it was not recorded.
    raw_confidence : the consensus before calibration and memory; NaN where it was not recorded.
    base_rate : how often moves over this horizon had this direction before, with what agents that had proved themselves
        added: the probability before anything was learnt from the confidence; None without price history.
    calls : what each agent said; empty where it was not recorded.
    taken : whether it was traded; None where that was not recorded.
    structure : what would be, or was, traded: ``stock``, or the option structure's name.
    confidence_before_memory : the probability that memory was asked about; NaN where it was not recorded.
    memory_shift : what memory advised to add to its log-odds, heeded or not; NaN where it advised nothing.
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
    schema: int = 1
    strategy: str = ""
    raw_confidence: float = math.nan
    base_rate: float | None = None
    calls: tuple[AgentCall, ...] = ()
    taken: bool | None = None
    structure: str = "stock"
    confidence_before_memory: float = math.nan
    memory_shift: float = math.nan


@dataclass(frozen=True, slots=True)
class RecallFilter:
    """Which remembered signals may answer a question; None where any may.

    Parameters
    ----------
    regime : the strategic layer's word when they were given.
    strategy : the leading agent's strategy word.
    horizon_sessions : least and most sessions, both included.
    structure : ``stock``, or an option structure's name.
    taken : True for those that were traded, False for those that were not.
    """

    regime: MarketRegime | None = None
    strategy: str | None = None
    horizon_sessions: tuple[int, int] | None = None
    structure: str | None = None
    taken: bool | None = None


#: Lines of ``Neighbours.table``.
_LIKENESS, _ROW, _GIVEN_AT, _KNOWN_AT, _NET_RETURN, _WON, _RIGHT, _CONFIDENCE = range(8)
_TABLE_ROWS = 8


@quick_init
@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Similar past signals whose outcome was known at the time of asking, most similar first.

    Parameters
    ----------
    names : ids by row of ``table``'s second line; only ever appended to.
    table : (8, k) what the search found, as it found it; the properties give each line its name and type.
    resolved_in_book : how many resolved outcomes of this ticker and direction, and within the filter, the book held.
    """

    names: Sequence[str]
    table: Float64Array2D
    resolved_in_book: int

    @classmethod
    def of(
        cls,
        pattern_id: Sequence[str],
        *,
        similarity: ArrayLike,
        net_return: ArrayLike,
        won: ArrayLike,
        resolved_in_book: int,
        right: ArrayLike | None = None,
        confidence: ArrayLike = math.nan,
        given_at: TimeArray1D | None = None,
        known_at: TimeArray1D | None = None,
    ) -> Neighbours:
        """Neighbours from a column each: those named like the properties, times as ``datetime64``.

        Without ``right`` a direction was right where the signal won; without times all are of 1970.
        """
        table = np.zeros((_TABLE_ROWS, len(pattern_id)))
        table[_ROW] = np.arange(len(pattern_id))
        table[_LIKENESS], table[_NET_RETURN], table[_WON] = similarity, net_return, won
        table[_RIGHT] = won if right is None else right
        table[_CONFIDENCE] = confidence
        for row, moments in ((_GIVEN_AT, given_at), (_KNOWN_AT, known_at)):
            if moments is not None:
                table[row] = moments.astype("datetime64[us]").astype(np.int64)
        return cls(tuple(pattern_id), table, resolved_in_book)

    def __len__(self) -> int:
        return int(self.table.shape[1])

    @property
    def pattern_id(self) -> tuple[str, ...]:
        """Their ids."""
        names = self.names
        return tuple([names[int(row)] for row in self.table[_ROW].tolist()])

    @property
    def similarity(self) -> Float64Array1D:
        """(k,) in [0, 1], 1 = identical."""
        found: Float64Array1D = self.table[_LIKENESS]
        return found

    @property
    def net_return(self) -> Float64Array1D:
        """(k,) fraction in the signal's direction, after costs."""
        found: Float64Array1D = self.table[_NET_RETURN]
        return found

    @property
    def won(self) -> BoolArray1D:
        """(k,) whether it made money."""
        found: BoolArray1D = self.table[_WON] != 0.0
        return found

    @property
    def right(self) -> BoolArray1D:
        """(k,) whether the direction was right at the end of the horizon."""
        found: BoolArray1D = self.table[_RIGHT] != 0.0
        return found

    @property
    def confidence(self) -> Float64Array1D:
        """(k,) what was said of each when it was given, [0, 1]; NaN where nothing was."""
        found: Float64Array1D = self.table[_CONFIDENCE]
        return found

    @property
    def given_at(self) -> TimeArray1D:
        """(k,) datetime64[us], UTC: when each was given."""
        found: TimeArray1D = self.table[_GIVEN_AT].astype(np.int64).view("datetime64[us]")
        return found

    @property
    def known_at(self) -> TimeArray1D:
        """(k,) datetime64[us], UTC: when its outcome was known."""
        found: TimeArray1D = self.table[_KNOWN_AT].astype(np.int64).view("datetime64[us]")
        return found
