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
from lightning_gex.adapters.halt_file import HaltFile
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.adapters.storage.memory_store import SqlMemoryStore
from lightning_gex.app.assembly.wiring import Stores, new_run_id, open_workspace
from lightning_gex.app.settings import Settings
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.decision import Scalar
from lightning_gex.core.events import AuditNoted
from lightning_gex.core.ports import Clock


@dataclass(frozen=True, slots=True)
class Account:
    """An open workspace and a run in its journal.

    Parameters
    ----------
    workspace : settings, vault, database.
    stores : the open database.
    journal : writes under this run's id; every append is durable.
    memory : the account's book, in step with the journal where memory is switched on.
    clock : stamps what carries no time of its own.
    numbers : tells apart what this run records in one second.
    """

    workspace: Workspace
    stores: Stores
    journal: SqlJournal
    memory: SqlMemoryStore
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
        memory = stores.memory()
        followers = (memory,) if workspace.settings.enhancements.memory else ()
        journal = stores.journal(new_run_id("facade", clock.now()), followers=followers)
        return cls(workspace, stores, journal, memory, clock)

    @property
    def settings(self) -> Settings:
        """What the user set."""
        return self.workspace.settings

    def note(self, what: str, **detail: Scalar) -> None:
        """Put something an auditor would ask about on record, before it is done."""
        self.journal.append([AuditNoted(self.clock.now(), what, detail)])

    @property
    def halt(self) -> HaltFile:
        """The kill switch of the workspace."""
        return HaltFile(self.workspace.halt_flag)

    def latched_breakers(self) -> dict[str, str]:
        """Breakers that runs of this account tripped and nobody reset: breaker -> reason."""
        return dict(self.journal.account(self.clock.now()).tripped)

    def entries_on(self, moment: datetime) -> int:
        """Entries that other runs of this account ordered in the session of ``moment``."""
        return self.journal.account(moment).entries_today

    def close(self) -> None:
        """Make everything durable and let go of the database."""
        self.journal.close()
        self.stores.engine.dispose()


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
