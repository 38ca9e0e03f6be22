"""Steps from one schema of the store to the next, one module a version, applied by alembic's operations.

The store's version lies in the table ``lightning_schema``, where release 0.1.0 put it, so that an older program refuses
a newer store instead of misreading it. A step runs inside the transaction that raises the version: it is done whole or
not at all. A released step is never changed.
"""

from __future__ import annotations

from collections.abc import Callable

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from lightning_gex.adapters.storage.migrations import (
    v0002_event_versions,
    v0003_memory_in_full,
    v0004_trials,
    v0005_trial_data,
)

#: version -> the step that leads to it from the version before.
STEPS: dict[int, Callable[[Operations], None]] = {
    2: v0002_event_versions.upgrade,
    3: v0003_memory_in_full.upgrade,
    4: v0004_trials.upgrade,
    5: v0005_trial_data.upgrade,
}


def upgrade(connection: Connection, version: int, target: int) -> None:
    """Bring the tables from one version to a later one, within the caller's transaction."""
    operations = Operations(MigrationContext.configure(connection))
    for step in range(version + 1, target + 1):
        STEPS[step](operations)
