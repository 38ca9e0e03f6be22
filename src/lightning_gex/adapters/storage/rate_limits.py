"""Rate limits that survive a restart and hold across processes: what was done lies in the store, with its time."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, func, insert, select

from lightning_gex.adapters.storage.codec import from_utc_text, utc_text
from lightning_gex.adapters.storage.database import lock_table, writing
from lightning_gex.adapters.storage.schema import RATE_ACTS
from lightning_gex.core.errors import InputError
from lightning_gex.security.rate_limit import SlidingWindow

_KEPT_SECONDS = 86_400.0  # one stream may be asked about with several windows: acts of a day stay, or of the longer one


class SqlRateLimits:
    """Counts acts by stream: one for each API, one for each flow of orders.

    Parameters
    ----------
    engine : from ``open_database``.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, stream: str, window: SlidingWindow, now: datetime) -> bool:
        """Whether one more act is within the limit; one that is counts from then on.

        The look and the count are one transaction, so that of two processes that would pass the limit together the
        later one is refused. An act dated after ``now`` counts: a clock that goes back buys nothing.

        Parameters
        ----------
        stream : its name, not empty.
        window : the limit.
        now : aware, the time of the act.

        Raises
        ------
        InputError : a naive time, or no name.
        StoreError : the store cannot be written; then the act is not allowed either.
        """
        if not stream or not stream.isprintable():
            raise InputError("a rate limit needs a stream's name of printable characters", field="stream")
        act = utc_text(now, field="now")
        since = utc_text(now - timedelta(seconds=window.seconds), field="now")
        over = utc_text(now - timedelta(seconds=max(window.seconds, _KEPT_SECONDS)), field="now")
        of_stream = RATE_ACTS.c.stream == stream
        counting = select(RATE_ACTS.c.at).where(of_stream & (RATE_ACTS.c.at > since))
        with writing(self._engine) as connection:
            lock_table(connection, RATE_ACTS)
            if not window.allowed(map(from_utc_text, connection.execute(counting).scalars()), now):
                return False
            connection.execute(delete(RATE_ACTS).where(of_stream & (RATE_ACTS.c.at <= over)))
            last = connection.execute(select(func.max(RATE_ACTS.c.number)).where(of_stream)).scalar() or 0
            connection.execute(insert(RATE_ACTS).values(stream=stream, number=last + 1, at=act))
        return True
