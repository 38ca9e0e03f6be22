"""Which session quotes belong to, which evening's open interest they carry, and when a whole session has passed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lightning_gex.analytics.option_time import SECONDS_PER_SESSION
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import (
    FIRST_SESSION_YEAR,
    LAST_SESSION_YEAR,
    NEW_YORK,
    session_close_utc,
    session_of,
    session_open_utc,
    sessions_between,
    to_aware,
    to_datetime64,
)
from lightning_gex.core.units import SECONDS_PER_YEAR, DateArray1D, Float64Array1D, TimeArray1D

_MONTH = np.timedelta64(31, "D")  # longer than the exchange was ever closed
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, eq=False)
class QuoteStamps:
    """What a moment means to options; (u,) each.

    Parameters
    ----------
    session : New York session the quotes belong to: the day's, or the last one before it.
    open_interest_session : the session before that one: clearing publishes open interest overnight.
    day_end : ``datetime64[s]`` UTC, midnight in New York after ``session``: what settles before it settles today.
    session_years : calendar years until one whole session (390 minutes of trading) will have passed.
    """

    session: DateArray1D
    open_interest_session: DateArray1D
    day_end: TimeArray1D
    session_years: Float64Array1D


def quote_stamps(as_of: TimeArray1D, source: str) -> QuoteStamps:
    """The stamps of (u,) ``datetime64[s]`` UTC moments, each distinct one looked at once.

    Raises
    ------
    InputError : a moment outside the exchange's calendar, 1990 to 2040.
    """
    moments, place = np.unique(as_of, return_inverse=True)
    found = [_stamps_of(int(moment), source) for moment in moments.astype("datetime64[s]").astype(np.int64)]
    day, second = np.dtype("datetime64[D]"), np.dtype("datetime64[s]")
    return QuoteStamps(
        session=np.array([one.session for one in found], dtype=day)[place],
        open_interest_session=np.array([one.before for one in found], dtype=day)[place],
        day_end=np.array([one.day_end for one in found], dtype=second)[place],
        session_years=np.array([one.session_years for one in found], dtype=np.float64)[place],
    )


class _Stamps(NamedTuple):
    """``QuoteStamps`` of one moment."""

    session: np.datetime64
    before: np.datetime64
    day_end: np.datetime64
    session_years: float


@lru_cache(maxsize=1024)  # the chains of a market share their moment
def _stamps_of(seconds: int, source: str) -> _Stamps:
    moment = np.datetime64(seconds, "s")
    session = session_of(to_aware(moment))
    earlier = sessions_between(session - _MONTH, session - _DAY)
    if not len(earlier) or moment - session > _MONTH:
        raise InputError(
            f"{moment} lies outside the exchange's calendar, {FIRST_SESSION_YEAR} to {LAST_SESSION_YEAR}",
            source=source,
            field="as_of",
        )
    return _Stamps(session, earlier[-1], _midnight_after(session), _years_of_a_session(moment, session))


def _midnight_after(session: np.datetime64) -> np.datetime64:
    close = to_aware(session_close_utc(np.array([session]))[0]).astimezone(NEW_YORK)
    midnight = close.replace(hour=0, minute=0, second=0) + timedelta(days=1)  # on the wall clock
    return to_datetime64(midnight)


def _years_of_a_session(moment: np.datetime64, session: np.datetime64) -> float:
    days = sessions_between(session, session + _MONTH)[:4]  # three half-days in a row have never been
    opens = session_open_utc(days).astype(np.int64)
    closes = session_close_utc(days).astype(np.int64)
    now = moment.astype("datetime64[s]").astype(np.int64)
    passed = np.cumsum(np.maximum(closes - np.maximum(opens, now), 0))
    at = int(np.searchsorted(passed, SECONDS_PER_SESSION))
    if at == len(days):  # the calendar ends before
        return float("nan")
    return float(closes[at] - (passed[at] - SECONDS_PER_SESSION) - now) / SECONDS_PER_YEAR
