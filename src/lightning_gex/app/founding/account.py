"""What the founding classes share: one workspace, one run of its journal, one clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.app.bootstrap.wiring import Stores, new_run_id, open_workspace
from lightning_gex.app.settings import Settings
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.decision import Scalar
from lightning_gex.core.enums import RunMode
from lightning_gex.core.events import AuditNoted, BreakerReset, BreakerTripped, OrderPlaced
from lightning_gex.core.ledger import money
from lightning_gex.core.ports import Clock
from lightning_gex.core.sessions import session_of


@dataclass(frozen=True, slots=True)
class Account:
    """An open workspace and a run in its journal.

    Parameters
    ----------
    workspace : settings, vault, database.
    stores : the open database.
    journal : writes under this run's id; every append is durable.
    clock : stamps what carries no time of its own.
    """

    workspace: Workspace
    stores: Stores
    journal: SqlJournal
    clock: Clock

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
        for event in self._events_of_earlier_runs():
            if isinstance(event, BreakerTripped):
                latched[event.breaker] = event.reason
            elif isinstance(event, BreakerReset):
                latched.pop(event.breaker, None)
        return latched

    def entries_on(self, moment: datetime) -> int:
        """Entries that earlier runs of this account ordered in the session of ``moment``."""
        session = session_of(moment)
        placed = (e for e in self._events_of_earlier_runs() if isinstance(e, OrderPlaced))
        return sum(e.order.exit_reason is None and session_of(e.at) == session for e in placed)

    def _events_of_earlier_runs(self) -> list[object]:
        """The events of every run that traded this account; simulations are not among them."""
        own = {RunMode.FACADE, RunMode.LIVE, RunMode.PAPER}
        runs = [r.run_id for r in self.journal.runs() if r.mode in own and r.run_id != self.journal.run_id]
        return [record.event for run_id in runs for record in self.journal.read(run_id)]

    def capital(self, initial_capital: float | None) -> Decimal:
        """The money to begin with, USD: the argument, else the setting."""
        return money(self.settings.account.initial_capital if initial_capital is None else initial_capital)
