"""What a driver shows the engine, session by session: the past and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np

from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import FillPrice
from lightning_gex.core.event_calendar import EventCalendar
from lightning_gex.core.quick_init import quick_init
from lightning_gex.engine.perception import Perception


@quick_init
@dataclass(frozen=True, slots=True, eq=False)
class TickerView:
    """One ticker at the close of a session.

    ``bars`` and ``perception`` may reach beyond ``row`` (a backtest computes them once); nothing may look past it.

    Parameters
    ----------
    bars : the ticker's bars.
    row : the session's row in ``bars`` and ``perception``.
    perception : what was perceived on those rows.
    fill_price : which price of a bar an order gets.
    """

    bars: Bars
    row: int
    perception: Perception
    fill_price: FillPrice

    @property
    def close(self) -> float:
        """USD at this session's close."""
        return float(self.bars.close[self.row])

    def sessions_since(self, moment: datetime) -> int:
        """Sessions in which the ticker traded after the one of an aware moment, up to this one."""
        session = np.datetime64(moment.replace(tzinfo=None), "D")
        return self.row - int(np.searchsorted(self.bars.session, session))


@quick_init
@dataclass(frozen=True, slots=True, eq=False)
class SessionUpdate:
    """One session, seen after its close.

    Parameters
    ----------
    session : ``datetime64[D]``.
    opened_at, closed_at : aware UTC.
    views : ticker -> its view, for the tickers that traded in this session.
    bill_rate : 13-week bill yield, annualised fraction; NaN where unknown.
    days_since_previous : calendar days since the session before, for interest.
    trading : False while the system only learns (before the first session to be traded).
    sectors : ticker -> sector, where it is known.
    events : dated events; None where none were given.
    members : who may be entered in this session; None lets everyone. A ticker that is no member makes no decision.
    learning : whether what is decided now is remembered and its outcome learnt from.
    """

    session: np.datetime64
    opened_at: datetime
    closed_at: datetime
    views: Mapping[str, TickerView]
    bill_rate: float
    days_since_previous: int
    trading: bool = True
    sectors: Mapping[str, str] = field(default_factory=dict)
    events: EventCalendar | None = None
    members: frozenset[str] | None = None
    learning: bool = True

    def last_two_vix(self) -> tuple[float, float]:
        """VIX at this session's close and at the one before, as the first ticker knows it; NaN where nobody does."""
        for view in self.views.values():
            vix = view.perception.features.value("vix", view.row)
            if math.isfinite(vix):
                return vix, view.perception.features.value("vix", view.row - 1) if view.row else math.nan
        return math.nan, math.nan


class Feed(Protocol):
    """Yields sessions in order."""

    def __iter__(self) -> Iterator[SessionUpdate]:
        """Sessions, oldest first."""
        ...
