"""When not to enter: too close before a dated event, or before the monthly expiry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from lightning_gex.core.event_calendar import EventCalendar
from lightning_gex.core.sessions import (
    FIRST_SESSION_YEAR,
    LAST_SESSION_YEAR,
    previous_session_or_same,
    sessions_between,
)
from lightning_gex.core.units import DateArray1D

_WEEK = 7  # days
_WEEKDAY_OF_1970 = 3  # it began on a Thursday; Monday is 0
_FRIDAY = 4
_THIRD = 2  # weeks after the first one


@dataclass(frozen=True, slots=True)
class Ahead:
    """What lies ahead of a decision.

    Parameters
    ----------
    event : the next dated event, None where none is known.
    sessions_to_event : exchange sessions from the deciding one until then, 1 for the next; None without an event.
    sessions_to_expiry : the same until the monthly options expire.
    """

    event: str | None
    sessions_to_event: int | None
    sessions_to_expiry: int


def ahead_of(ticker: str, session: np.datetime64, events: EventCalendar | None) -> Ahead:
    """What lies ahead of a decision made after the close of a session.

    Parameters
    ----------
    ticker : symbol.
    session : the deciding one.
    events : None where no dates were given; the monthly expiry is known without.
    """
    expiry = _sessions_to_expiry(session)
    event = None if events is None else events.next_for(ticker, session)
    if event is None:
        return Ahead(None, None, expiry)
    return Ahead(f"{event.name} on {event.session}", sessions_ahead(session, event.session), expiry)


def next_monthly_expiry(session: np.datetime64) -> np.datetime64:
    """The session on whose close the next monthly options stop trading, strictly after ``session``.

    The third Friday of a month, or the last session before it where the exchange is closed (Cboe, standard expiries).

    Examples
    --------
    >>> str(next_monthly_expiry(np.datetime64("2022-04-01")))  # the third Friday was Good Friday
    '2022-04-14'
    """
    expiries = _monthly_expiries()
    expiry: np.datetime64 = expiries[np.searchsorted(expiries, session, side="right")]
    return expiry


@lru_cache(maxsize=64)  # every ticker of a session asks for the same one
def _sessions_to_expiry(session: np.datetime64) -> int:
    return sessions_ahead(session, next_monthly_expiry(session))


@cache
def _monthly_expiries() -> DateArray1D:
    """Every monthly expiry of the years whose sessions are known."""
    months = np.arange(f"{FIRST_SESSION_YEAR}-01", f"{LAST_SESSION_YEAR + 1}-01", dtype="datetime64[M]")
    first = months.astype("datetime64[D]")
    weekday = (first.astype(np.int64) + _WEEKDAY_OF_1970) % _WEEK
    third_friday = first + ((_FRIDAY - weekday) % _WEEK + _WEEK * _THIRD).astype("timedelta64[D]")
    return previous_session_or_same(third_friday)


@lru_cache(maxsize=16_384)
def sessions_ahead(session: np.datetime64, day: np.datetime64) -> int:
    """How many exchange sessions after ``session`` begin until ``day``, that day's own (or the next one) counted.

    A day without a session is answered by the next one's prices.
    """
    between = sessions_between(session + np.timedelta64(1, "D"), day)
    traded = len(between) > 0 and bool(between[-1] == day)
    return len(between) + (not traded)
