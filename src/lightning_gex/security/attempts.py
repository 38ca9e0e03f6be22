"""How long to wait after wrong passwords: some are typing errors, more of them are guesses.

This slows whoever can only ask. Whoever has a copy of the vault's file asks nobody; against them stands the key
derivation alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lightning_gex.core.errors import InputError

FREE_ATTEMPTS = 5  # wrong ones before the first wait: people mistype, programs retry
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=5)  # at most 288 guesses a day; longer would lock the owner out


@dataclass(frozen=True, slots=True)
class Attempts:
    """Wrong passwords since the last right one.

    Parameters
    ----------
    failed : how many, not negative.
    last : when the latest was tried, aware; None where there was none.

    Example
    -------
    >>> from datetime import UTC
    >>> noon = datetime(2024, 3, 1, 12, tzinfo=UTC)
    >>> [Attempts(failed, noon).wait(noon).total_seconds() for failed in (0, 4, 5, 6, 8, 99)]
    [0.0, 0.0, 1.0, 2.0, 8.0, 300.0]
    """

    failed: int = 0
    last: datetime | None = None

    def __post_init__(self) -> None:
        if self.failed < 0:
            raise InputError("a count of failures is not negative", field="failed")
        if self.last is not None and self.last.tzinfo is None:
            raise InputError("the latest attempt needs a time zone", field="last")

    def wait(self, now: datetime) -> timedelta:
        """How long until another attempt is allowed; zero where it is allowed now.

        A clock that went back neither shortens nor lengthens the wait: it begins anew.
        """
        if self.last is None or self.failed < FREE_ATTEMPTS:
            return timedelta()
        doublings = min(self.failed - FREE_ATTEMPTS, 32)  # beyond, the longest wait is reached long since
        due = min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
        return max(due - max(now - self.last, timedelta()), timedelta())

    def seen_at(self, now: datetime) -> Attempts:
        """The same, with the latest attempt not in the future."""
        return self if self.last is None or self.last <= now else Attempts(self.failed, now)

    def another(self, now: datetime) -> Attempts:
        """One more wrong attempt."""
        return Attempts(self.failed + 1, now)
