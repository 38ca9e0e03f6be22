"""A journal for what is computed and not done: learning from history before one decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lightning_gex.core.events import Event
from lightning_gex.core.portfolio import AccountUsage
from lightning_gex.core.ports import JournalRecord


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """Keeps nothing. What was learnt goes on record as a whole, with the decision that rests on it.

    Parameters
    ----------
    run_id : the name events would have had.
    """

    run_id: str = "learning"

    def append(self, events: Sequence[Event]) -> None:
        """Forget the events."""

    def append_checked(self, now: datetime, build: Callable[[AccountUsage], Sequence[Event]]) -> Sequence[Event]:
        """What ``build`` makes where nobody else uses the account."""
        return build(AccountUsage())

    def account(self, now: datetime) -> AccountUsage:
        """Nobody else uses the account."""
        return AccountUsage()

    def flush(self) -> None:
        """Nothing waits."""

    def read(self, run_id: str | None = None) -> Iterator[JournalRecord]:
        """No records."""
        return iter(())

    def verify(self) -> int:
        """No records to check."""
        return 0
