"""How often something may be done, decided from the times at which it was done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lightning_gex.core.errors import InputError, SettingsError, shown

_LONGEST_SECONDS = 366 * 86_400.0


@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """At most ``limit`` acts within any ``seconds``.

    It keeps nothing itself: the caller hands in the times, so the limit survives a restart wherever they do, and event
    time works as well as the clock's. Every doubt counts against the act.

    Parameters
    ----------
    limit : acts, >= 0; 0 allows none.
    seconds : length of the window, positive, at most a year.

    Raises
    ------
    SettingsError : a limit or window that is not such a number.
    """

    limit: int
    seconds: float

    def __post_init__(self) -> None:
        if isinstance(self.limit, bool) or not isinstance(self.limit, int) or self.limit < 0:
            raise SettingsError(f"a rate limit is a whole number of acts, 0 or more, not {shown(self.limit)}")
        if not (isinstance(self.seconds, int | float) and 0 < self.seconds <= _LONGEST_SECONDS):  # NaN is refused too
            raise SettingsError(f"a rate limit's window is above 0 seconds, at most a year, not {shown(self.seconds)}")

    def recent(self, times: Iterable[datetime], now: datetime) -> int:
        """How many acts count against one at ``now``.

        Parameters
        ----------
        times : aware times of earlier acts, in any order.
        now : aware present.

        Returns
        -------
        Acts later than ``now - seconds``. One dated after ``now`` counts: the clock went back, and that buys nothing.

        Raises
        ------
        InputError : a naive time.
        """
        _refuse_naive(now)
        since = now - timedelta(seconds=self.seconds)
        count = 0
        for time in times:
            _refuse_naive(time)
            count += time > since
        return count

    def allowed(self, times: Iterable[datetime], now: datetime) -> bool:
        """Whether one more act at ``now`` stays within the limit. Parameters and errors as for :meth:`recent`."""
        return self.recent(times, now) < self.limit


def _refuse_naive(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise InputError(f"{moment.isoformat()} has no time zone: give one, such as +00:00", field="time")
