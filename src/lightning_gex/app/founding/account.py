"""What the founding classes share: one workspace, one run of its journal, one clock."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.app.assembly.wiring import Stores, new_run_id, open_workspace
from lightning_gex.app.settings import Settings
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.decision import Scalar
from lightning_gex.core.enums import RunMode
from lightning_gex.core.events import AuditNoted, BreakerReset, BreakerTripped, Event, OrderPlaced
from lightning_gex.core.ports import Clock
from lightning_gex.core.sessions import session_of

#: Drivers that trade the account; simulations are not among them.
_OF_THE_ACCOUNT = frozenset({RunMode.FACADE, RunMode.LIVE, RunMode.PAPER})


@dataclass(frozen=True, slots=True)
class Account:
    """An open workspace and a run in its journal.

    Parameters
    ----------
    workspace : settings, vault, database.
    stores : the open database.
    journal : writes under this run's id; every append is durable.
    clock : stamps what carries no time of its own.
    numbers : tells apart what this run records in one second.
    """

    workspace: Workspace
    stores: Stores
    journal: SqlJournal
    clock: Clock
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def open(
        cls,
        home: str | Path | None = None,
        *,
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
        clock: Clock | None = None,
    ) -> Account:
        """Open a workspace and begin a run in its journal."""
        workspace = open_workspace(None if home is None else Path(home), overrides=overrides)
        clock = clock or SystemClock()
        stores = Stores.open(workspace)
        return cls(workspace, stores, stores.journal(new_run_id("facade", clock.now())), clock)

    @property
    def settings(self) -> Settings:
        """What the user set."""
        return self.workspace.settings

    def note(self, what: str, **detail: Scalar) -> None:
        """Put something an auditor would ask about on record, before it is done."""
        self.journal.append([AuditNoted(self.clock.now(), what, detail)])

    def latched_breakers(self) -> dict[str, str]:
        """Breakers that earlier runs of this account tripped and nobody reset: breaker -> reason."""
        latched: dict[str, str] = {}
        for event in self._events_of_other_runs():
            if isinstance(event, BreakerTripped):
                latched[event.breaker] = event.reason
            elif isinstance(event, BreakerReset):
                latched.pop(event.breaker, None)
        return latched

    def entries_on(self, moment: datetime) -> int:
        """Entries that other runs of this account ordered in the session of ``moment``."""
        session = session_of(moment)
        placed = (e for e in self._events_of_other_runs() if isinstance(e, OrderPlaced))
        return sum(e.order.exit_reason is None and bool(session_of(e.at) == session) for e in placed)

    def close(self) -> None:
        """Make everything durable and let go of the database."""
        self.journal.close()
        self.stores.engine.dispose()

    def _events_of_other_runs(self) -> list[Event]:
        """The events of every other run that traded this account, in the order they were written."""
        runs = [r.run_id for r in self.journal.runs() if r.mode in _OF_THE_ACCOUNT and r.run_id != self.journal.run_id]
        records = [record for run_id in runs for record in self.journal.read(run_id)]
        return [record.event for record in sorted(records, key=lambda record: record.sequence)]


class AccountHolder:
    """Something that keeps an account open. As a context manager it lets go of it at the end."""

    _account: Account

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Make everything durable and let go of the workspace's database."""
        self._account.close()
