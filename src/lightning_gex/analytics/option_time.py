"""How option time is counted: every minute of the calendar, or the minutes in which the exchange trades."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import numpy as np

from lightning_gex.core.sessions import session_close_utc, session_open_utc, sessions_between, to_datetime64
from lightning_gex.core.units import SECONDS_PER_YEAR, SESSIONS_PER_YEAR, Float64Array1D, Int64Array1D, TimeArray1D

#: Seconds of a regular session, 09:30 to 16:00 New York. A half-day counts the seconds it has.
SECONDS_PER_SESSION = 390.0 * 60.0
_DAY = np.timedelta64(1, "D")


class TimeClock(StrEnum):
    """Which time makes an option decay."""

    CALENDAR = "calendar"  # 365 days a year, nights and weekends count
    TRADING = "trading"  # 252 sessions of 390 minutes a year, only session minutes count

    @property
    def days_per_year(self) -> float:
        """What a yearly rate of change is divided by to be one per day of this clock."""
        return 365.0 if self is TimeClock.CALENDAR else float(SESSIONS_PER_YEAR)


def time_to_expiry_years(
    as_of: datetime, settles_at: TimeArray1D, clock: TimeClock = TimeClock.CALENDAR
) -> Float64Array1D:
    """Time from now to each settlement moment, without any floor.

    Parameters
    ----------
    as_of : aware moment.
    settles_at : (n,) ``datetime64[s]`` UTC.
    clock : calendar time (365 days a year) or session time (252 sessions of 390 minutes a year).

    Returns
    -------
    (n,) years of that clock; zero or negative where the moment is not ahead. Under the trading clock an option that
    settles before the next session trades has zero left.

    Raises
    ------
    InputError : where ``as_of`` has no time zone.
    """
    now = to_datetime64(as_of)
    if clock is TimeClock.CALENDAR:
        return (settles_at - now).astype("timedelta64[s]").astype(np.float64) / SECONDS_PER_YEAR
    if len(settles_at) == 0:
        return np.empty(0)
    moments, inverse = np.unique(settles_at, return_inverse=True)
    days = sessions_between((min(now, moments[0]) - _DAY).astype("datetime64[D]"), (moments[-1] + _DAY).astype("M8[D]"))
    opens = session_open_utc(days).astype(np.int64)
    closes = session_close_utc(days).astype(np.int64)
    start = now.astype("datetime64[s]").astype(np.int64)
    ends = moments.astype("datetime64[s]").astype(np.int64)
    traded = np.array([_seconds_open(opens, closes, start, end) for end in ends])
    years = traded / (SECONDS_PER_SESSION * SESSIONS_PER_YEAR)
    return np.asarray(years[inverse], dtype=np.float64)


def _seconds_open(opens: Int64Array1D, closes: Int64Array1D, start: int, end: int) -> float:
    """Session seconds between two moments, negative where ``end`` comes first."""
    low, high = min(start, end), max(start, end)
    seconds = np.clip(np.minimum(closes, high) - np.maximum(opens, low), 0, None).sum()
    return float(seconds if end >= start else -seconds)
