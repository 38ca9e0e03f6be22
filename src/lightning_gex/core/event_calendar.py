"""Dates that are known beforehand and move prices: earnings, central bank meetings, statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lightning_gex.core.units import DateArray1D

#: Stands for every ticker.
WHOLE_MARKET = ""


@dataclass(frozen=True, slots=True)
class MarketEvent:
    """One dated event.

    Parameters
    ----------
    session : the first session whose prices can answer to it: the day itself, or the next one where it comes after the
        close.
    name : what it is, such as ``earnings`` or ``FOMC``.
    ticker : whom it concerns; ``WHOLE_MARKET`` for all.
    known_from : the first session in which its date was known; None where that was always so.
    """

    session: np.datetime64
    name: str
    ticker: str = WHOLE_MARKET
    known_from: np.datetime64 | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EventCalendar:
    """Events in the order of their sessions.

    Parameters
    ----------
    events : in any order; kept sorted by session, ticker and name.
    source : where they came from, for messages.
    """

    events: Sequence[MarketEvent]
    source: str = "events"
    _by_ticker: Mapping[str, tuple[DateArray1D, tuple[MarketEvent, ...]]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ordered = sorted(self.events, key=lambda e: (e.session, e.ticker, e.name))
        found: dict[str, list[MarketEvent]] = {}
        for event in ordered:
            found.setdefault(event.ticker, []).append(event)
        by_ticker = {
            ticker: (np.array([e.session for e in events], dtype="datetime64[D]"), tuple(events))
            for ticker, events in found.items()
        }
        object.__setattr__(self, "events", tuple(ordered))
        object.__setattr__(self, "_by_ticker", by_ticker)

    def __len__(self) -> int:
        return len(self.events)

    def next_for(self, ticker: str, session: np.datetime64) -> MarketEvent | None:
        """The first event after a session that concerns a ticker and whose date was known by then; None without one.

        Parameters
        ----------
        ticker : symbol.
        session : the one whose close has passed.
        """
        found: list[MarketEvent] = []
        for name in {ticker, WHOLE_MARKET}:
            days, events = self._by_ticker.get(name, (None, ()))
            if days is None:
                continue
            later = events[int(np.searchsorted(days, session, side="right")) :]
            known = (e for e in later if e.known_from is None or e.known_from <= session)
            found.extend(e for e in [next(known, None)] if e is not None)
        return min(found, key=lambda e: (e.session, e.ticker, e.name), default=None)
