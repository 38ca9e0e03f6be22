"""The one file that reads the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, aware UTC."""
        return datetime.now(UTC)


@dataclass(slots=True)
class ReplayClock:
    """A clock that stands where it was set: for replays and tests.

    Parameters
    ----------
    moment : aware UTC.
    """

    moment: datetime

    def now(self) -> datetime:
        """The moment it was set to."""
        return self.moment

    def set(self, moment: datetime) -> None:
        """Move to another moment. Raises ``ValueError`` on a naive one."""
        if moment.tzinfo is None:
            raise ValueError("a clock needs a time zone")
        self.moment = moment
