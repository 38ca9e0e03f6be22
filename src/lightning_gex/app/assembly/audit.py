"""The journal for those who look at it: checked, shown, exported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import get_args

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.storage.export import ExportFormat, export_audit, ticker_of
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.app.assembly.credentials import CredentialStore
from lightning_gex.app.assembly.sealing import sealing_key, verify_seals
from lightning_gex.app.assembly.wiring import Stores, new_run_id
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.enums import RunMode
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.events import AuditNoted, Event
from lightning_gex.core.ports import JournalRecord

#: Every kind of event there is, as filters name them.
KINDS = tuple(sorted(kind.__dataclass_fields__["kind"].default for kind in get_args(Event)))


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which records are wanted.

    Parameters
    ----------
    since, until : aware; at or after the one, before the other. None does not bound.
    tickers : symbols; empty means every record, those about no symbol included.
    kinds : kinds of events; empty means all.
    run_id : one run; None means all.
    backtests : whether runs that traded nothing (demos, analyses, back-tests) are among them.

    Raises
    ------
    SettingsError : on a kind that there is not.
    """

    since: datetime | None = None
    until: datetime | None = None
    tickers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    run_id: str | None = None
    backtests: bool = True

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise SettingsError(f"there is no kind of record {kind!r}: there are {', '.join(KINDS)}")


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What a verification found: nothing wrong, or it would have raised.

    Parameters
    ----------
    records : in the whole chain.
    runs : that wrote them.
    seals : checked with the vault's key; None where the password was not given.
    first_at, last_at : dates of the oldest and the newest record; None where there is none.
    """

    records: int
    runs: int
    seals: int | None
    first_at: datetime | None
    last_at: datetime | None


def verify_audit(workspace: Workspace, master_password: str | None = None) -> AuditVerdict:
    """Check every record, the chain through them and the anchor; with the password also the vault's seals.

    Raises
    ------
    IntegrityError : naming the first record that was altered, reordered, inserted or removed.
    SecretError : the password is wrong.
    """
    with _opened(workspace) as journal:
        records = journal.verify()
        seals = None
        if master_password is not None:
            seals = 0
            if workspace.seal_file.exists():
                with CredentialStore(workspace, SystemClock(), master_password).opened() as vault:
                    key = sealing_key(vault, workspace)
                seals = verify_seals(journal, workspace, key)
        first, last = journal.span()
        return AuditVerdict(records, len(journal.runs()), seals, first, last)


def audit_tail(workspace: Workspace, wanted: AuditFilter, count: int) -> list[JournalRecord]:
    """The latest records that pass a filter, oldest of them first."""
    if count < 1:
        raise SettingsError(f"ask for at least one record, not {count}")
    with _opened(workspace) as journal:
        found: list[JournalRecord] = []
        for record in filtered(journal, wanted, newest_first=True):
            found.append(record)
            if len(found) == count:
                break
        return found[::-1]


def audit_export(workspace: Workspace, path: Path, wanted: AuditFilter, fmt: ExportFormat | str | None = None) -> int:
    """Write the records that pass a filter to a file, whole or not at all; that this was done goes on record.

    Returns
    -------
    The number of records written.
    """
    with _opened(workspace) as journal:
        journal.append([AuditNoted(SystemClock().now(), "audit_exported", {"path": str(path)})])
        return export_audit(filtered(journal, wanted), path, fmt)


def filtered(journal: SqlJournal, wanted: AuditFilter, *, newest_first: bool = False) -> Iterator[JournalRecord]:
    """The records of a journal that pass a filter, each checked against its digest."""
    left_out: set[str] = set()
    if not wanted.backtests:
        left_out = {run.run_id for run in journal.runs() if run.mode is RunMode.BACKTEST}
    records = journal.read(
        wanted.run_id, kinds=wanted.kinds, since=wanted.since, until=wanted.until, newest_first=newest_first
    )
    for record in records:
        if record.run_id not in left_out and (not wanted.tickers or ticker_of(record.event) in wanted.tickers):
            yield record


@contextmanager
def _opened(workspace: Workspace) -> Iterator[SqlJournal]:
    stores = Stores.open(workspace)
    try:
        with stores.naming_the_store(), stores.journal(new_run_id("audit", SystemClock().now())) as journal:
            yield journal
    finally:
        stores.engine.dispose()
