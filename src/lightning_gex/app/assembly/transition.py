"""The stage of a transition, read from the journal and written to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.app.assembly.wiring import Stores, new_run_id
from lightning_gex.core.enums import RunMode
from lightning_gex.core.events import AuditNoted, RunStarted
from lightning_gex.core.ledger import money
from lightning_gex.core.transition import Transition, transition_of

if TYPE_CHECKING:
    from datetime import datetime

    from lightning_gex.adapters.storage.journal import SqlJournal
    from lightning_gex.app.workspace import Workspace
    from lightning_gex.core.decision import Scalar
    from lightning_gex.engine.config import EngineConfig

#: How the ids of runs begin that hold a person's word and trade nothing.
_CONTROL = "control"
#: What a run's start says of the part of the capital that it may size against.
SHARE_SETTING = "transition.share"


def control_notes(journal: SqlJournal) -> Iterable[tuple[int, AuditNoted]]:
    """Sequence and note of everything that was noted in control runs, oldest first.

    Only these count for a transition: what a trading program notes of itself is no person's word.
    """
    for record in journal.read(kinds=("audit_noted",)):
        if record.run_id.startswith(f"{_CONTROL}-") and isinstance(record.event, AuditNoted):
            yield record.sequence, record.event


def transition_in(journal: SqlJournal) -> Transition:
    """How the account's transition stands by its journal."""
    return transition_of(control_notes(journal))


def of_its_share(config: EngineConfig, transition: Transition, mode: RunMode) -> EngineConfig:
    """The configuration with the part of the capital that the stage leaves to runs of a mode."""
    share = min(config.capital_share, transition.share(mode))
    return config if share == config.capital_share else replace(config, capital_share=share)


def note_in_control(stores: Stores, what: str, detail: Mapping[str, Scalar]) -> datetime:
    """Put a note on record in a run of its own, durable on return; its date. Raises ``StoreError``."""
    now = SystemClock().now()
    with stores.journal(new_run_id(_CONTROL, now)) as journal:
        journal.append([RunStarted(now, RunMode.CONTROL, money(0), {}), AuditNoted(now, what, dict(detail))])
    return now


def settings_in_force(workspace: Workspace) -> str:
    """Hash of every setting that can change a decision: what evidence for a stage was gathered with.

    Bounds of the transition itself, who is told, and where things are kept change none.
    """
    beside = ("migration.", "alerts.", "storage.", "vault.", "rate_limits.")
    flat = {k: v for k, v in workspace.settings.flat().items() if not k.startswith(beside)}
    return hashlib.sha256(json.dumps(flat, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]
