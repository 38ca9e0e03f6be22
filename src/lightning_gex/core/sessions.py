"""Exchange sessions, half-days and settlement moments: the one door to ``exchange_calendars``."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.runs import coded
from lightning_gex.core.units import BoolArray1D, DateArray1D, StrArray1D, TimeArray1D

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

NEW_YORK = ZoneInfo("America/New_York")
FIRST_SESSION_YEAR = 1990
LAST_SESSION_YEAR = 2040
#: Roots that settle on the opening prints of the listed date (Cboe, Nasdaq and FTSE Russell contract specifications;
#: VIXW are the weekly VIX options, which settle as the monthly ones do).
AM_SETTLED_ROOTS = frozenset({"SPX", "NDX", "RUT", "DJX", "VIX", "VIXW"})
_AM_SETTLEMENT = np.timedelta64(9 * 60 + 30, "m")
_REGULAR_CLOSE = np.timedelta64(16 * 60, "m")


@cache
def _calendar() -> ExchangeCalendar:
    import exchange_calendars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # exchange_calendars' own use of pandas, not ours to mend
        return exchange_calendars.get_calendar(
            "XNYS", start=f"{FIRST_SESSION_YEAR}-01-01", end=f"{LAST_SESSION_YEAR}-12-31"
        )


@cache
def _sessions_and_closes() -> tuple[DateArray1D, TimeArray1D, TimeArray1D]:
    calendar = _calendar()
    sessions = calendar.sessions.to_numpy().astype("datetime64[D]")
    opens = calendar.opens.dt.tz_convert(None).to_numpy().astype("datetime64[s]")
    closes = calendar.closes.dt.tz_convert(None).to_numpy().astype("datetime64[s]")
    return sessions, opens, closes


def sessions_between(first: np.datetime64, last: np.datetime64) -> DateArray1D:
    """The exchange's sessions from ``first`` to ``last``, both included."""
    sessions, _, _ = _sessions_and_closes()
    return sessions[np.searchsorted(sessions, first) : np.searchsorted(sessions, last, side="right")]


def is_session(dates: DateArray1D) -> BoolArray1D:
    """(n,) bool: whether the exchange traded on each date."""
    sessions, _, _ = _sessions_and_closes()
    return np.isin(dates, sessions)


def sessions_from(date: np.datetime64, count: int) -> DateArray1D:
    """The next ``count`` sessions strictly after ``date``; fewer where the calendar ends before."""
    sessions, _, _ = _sessions_and_closes()
    at = int(np.searchsorted(sessions, date, side="right"))
    return sessions[at : at + count]


def _utc_of_new_york(dates: DateArray1D, minutes_past_midnight: np.timedelta64) -> TimeArray1D:
    """Wall-clock New York times as UTC, each date with its own daylight saving."""
    days, code = coded(dates)
    minutes = int(minutes_past_midnight.astype(np.int64))
    seconds = [_seconds_of_new_york(day, minutes) for day in days.astype(np.int64).tolist()]
    utc: TimeArray1D = np.array(seconds, dtype=np.int64).astype("datetime64[s]")[code]
    return utc


@lru_cache(maxsize=16_384)  # files and sessions ask for the same dates over and over
def _seconds_of_new_york(day: int, minutes: int) -> int:
    """Seconds since 1970 UTC of a wall-clock minute of a day since 1970 in New York."""
    wall = datetime(1970, 1, 1, tzinfo=NEW_YORK) + timedelta(days=day, minutes=minutes)
    return int(wall.timestamp())


def session_close_utc(dates: DateArray1D) -> TimeArray1D:
    """(n,) UTC close of each session: 16:00 New York, 13:00 on half-days. A date without a session gets 16:00."""
    sessions, _, closes = _sessions_and_closes()
    at = np.clip(np.searchsorted(sessions, dates), 0, len(sessions) - 1)
    hit = sessions[at] == dates
    out = closes[at].copy()
    if not hit.all():
        out[~hit] = _utc_of_new_york(dates[~hit], _REGULAR_CLOSE)
    return out


def session_open_utc(dates: DateArray1D) -> TimeArray1D:
    """(n,) UTC open of each session: 09:30 New York. A date without a session gets 09:30."""
    return _utc_of_new_york(dates, _AM_SETTLEMENT)


def settlement_utc(root: StrArray1D, expiry: DateArray1D, *, am_settled: BoolArray1D | None = None) -> TimeArray1D:
    """The settlement moment of each contract.

    Parameters
    ----------
    root : (n,) option roots.
    expiry : (n,) listed expiry dates.
    am_settled : (n,) bool where the source says it; None decides by root.

    Returns
    -------
    (n,) ``datetime64[s]`` UTC: 09:30 New York on the listed date for AM roots, else that session's close.
    """
    am = settles_in_the_morning(root) if am_settled is None else am_settled
    days, code = coded(expiry)
    listed = previous_session_or_same(days)
    return np.where(am, session_open_utc(listed)[code], session_close_utc(listed)[code])


def settles_in_the_morning(root: StrArray1D) -> BoolArray1D:
    """(n,) bool: whether options of each root settle on the opening prints of their listed date."""
    names, code = coded(root)
    am: BoolArray1D = np.isin(names, sorted(AM_SETTLED_ROOTS))[code]
    return am


def previous_session_or_same(dates: DateArray1D) -> DateArray1D:
    """(n,) each date, or the last session before it where the exchange is closed (old Saturday expiries, holidays)."""
    sessions, _, _ = _sessions_and_closes()
    at = np.searchsorted(sessions, dates, side="right") - 1
    return np.where(at >= 0, sessions[np.maximum(at, 0)], dates)


def close_of(session: np.datetime64) -> datetime:
    """The aware UTC close of one session."""
    return to_aware(session_close_utc(np.array([session], dtype="datetime64[D]"))[0])


def to_aware(instant: np.datetime64) -> datetime:
    """A ``datetime64`` in UTC as an aware ``datetime``."""
    value: datetime = instant.astype("datetime64[us]").astype(datetime)
    return value.replace(tzinfo=UTC)


def to_datetime64(instant: datetime, *, source: str | None = None, field: str = "as_of") -> np.datetime64:
    """An aware ``datetime`` as ``datetime64[s]`` UTC. Raises ``InputError`` on a naive one."""
    if instant.tzinfo is None:
        raise InputError(
            f"{instant.isoformat()} has no time zone: give one, such as +00:00", source=source, field=field
        )
    try:
        return np.datetime64(instant.astimezone(UTC).replace(tzinfo=None), "s")
    except OverflowError:
        raise InputError(
            f"{instant.isoformat()} lies outside the years 1 to 9999 in UTC", source=source, field=field
        ) from None


def session_of(instant: datetime) -> np.datetime64:
    """The New York session an aware moment belongs to: that date's, or the last one before it."""
    if instant.tzinfo is None:
        raise InputError(f"{instant.isoformat()} has no time zone: give one, such as +00:00", field="as_of")
    try:
        local = np.datetime64(instant.astimezone(NEW_YORK).date(), "D")
    except OverflowError:
        raise InputError(f"{instant.isoformat()} lies outside the exchange calendar", field="as_of") from None
    day: np.datetime64 = previous_session_or_same(np.array([local], dtype="datetime64[D]"))[0]
    return day
