"""When the quotes of a saved chain were true.

A page or payload carries the moment it was made. Quotes stop at the session's close: a chain saved in the evening, on a
weekend, on a holiday or before the next open holds the quotes of the session before, and its time to expiry counts from
that close. Options on indices and some funds trade until 16:15; the last quarter of an hour is left out, so that a
contract that settles at 16:00 has expired in a chain saved after it.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import (
    FIRST_SESSION_YEAR,
    LAST_SESSION_YEAR,
    NEW_YORK,
    close_of,
    previous_session_or_same,
    session_of,
    session_open_utc,
    to_aware,
)


def quoted_session(saved_at: datetime) -> np.datetime64:
    """The session whose quotes a chain saved at an aware moment carries: the last one that had opened.

    >>> from datetime import UTC
    >>> str(quoted_session(datetime(2024, 6, 4, 12, 0, tzinfo=UTC)))  # Tuesday, 08:00 in New York
    '2024-06-03'
    """
    session = session_of(saved_at)
    opened = to_aware(session_open_utc(np.array([session]))[0])
    if saved_at < opened:
        session = previous_session_or_same(np.array([session - np.timedelta64(1, "D")]))[0]
    return session


def quotes_as_of(saved_at: datetime) -> datetime:
    """The moment the quotes were true: when they were saved, or that session's close if it came first.

    Parameters
    ----------
    saved_at : aware, in the years the exchange calendar covers.

    >>> from datetime import UTC
    >>> quotes_as_of(datetime(2024, 6, 8, 15, 0, tzinfo=UTC)).isoformat()  # a Saturday
    '2024-06-07T20:00:00+00:00'
    """
    return min(saved_at, close_of(quoted_session(saved_at)))


def checked_moment(moment: datetime, *, source: str, field: str, row: int | None = None) -> datetime:
    """The moment, unless its year lies outside the exchange calendar: then ``InputError``."""
    if not FIRST_SESSION_YEAR < moment.astimezone(NEW_YORK).year <= LAST_SESSION_YEAR:
        raise InputError(
            f"{moment.isoformat()} lies outside the years {FIRST_SESSION_YEAR + 1} to {LAST_SESSION_YEAR}",
            source=source,
            row=row,
            field=field,
        )
    return moment
