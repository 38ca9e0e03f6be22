"""A workspace as one file, and back: made while programs run, verified after it was written, restored as one act."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.halt_file import HaltFile
from lightning_gex.adapters.storage.backup_archive import Archive, Manifest, opened_archive, write_archive
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.adapters.storage.schema import SCHEMA_VERSION
from lightning_gex.adapters.storage.store_copy import close_whole, counts, fill_store, snapshot
from lightning_gex.adapters.storage.swap_folders import move_into_place
from lightning_gex.adapters.storage.workspace_files import (
    PRIVATE,
    load_or_create_audit_key,
    sync_folder,
    write_atomically,
)
from lightning_gex.app.assembly.wiring import Stores, new_run_id
from lightning_gex.app.settings import load_settings
from lightning_gex.app.workspace import HALT_FLAG, Workspace, resolve_home
from lightning_gex.core.decision import Scalar
from lightning_gex.core.enums import RunMode
from lightning_gex.core.errors import InputError, IntegrityError, RefusedError, SettingsError, StoreError
from lightning_gex.core.events import EVENT_VERSION, AuditNoted, RunStarted, TradingHalted
from lightning_gex.core.halt import fit_for_record
from lightning_gex.core.ledger import money
from lightning_gex.core.ports import Clock
from lightning_gex.core.version import __version__
from lightning_gex.engine.state import replay
from lightning_gex.risk.account_usage import ACCOUNT_MODES

SUFFIX = ".backup"
BACKUPS = "backups"
BACKUP_MADE, BACKUP_DRILLED = "backup_made", "backup_drilled"
_DATABASE, _ANCHOR, _KEY, _SETTINGS = "lightning.db", "journal.anchor", "audit.key", "lightning.toml"
#: What a workspace cannot be without.
_NEEDED = frozenset({_DATABASE, _ANCHOR, _KEY, _SETTINGS})
#: What can be made again, or belongs to a running program only.
_LEFT_OUT_FOLDERS = frozenset({"reports", BACKUPS})
_LEFT_OUT_SUFFIXES = frozenset({".lock", ".log", ".tmp", SUFFIX})
_ROOM = 1.1  # of the files' size: what must be free to restore them


@dataclass(frozen=True, slots=True)
class BackupOutcome:
    """A backup that was read again and found whole.

    Parameters
    ----------
    file : where it lies. size : bytes. manifest : what it holds.
    notes : what was left out.
    """

    file: Path
    size: int
    manifest: Manifest
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RestoreOutcome:
    """A workspace that was restored, halted.

    Parameters
    ----------
    home : where. aside : where the one before lies now; None where there was none.
    manifest : what was restored. notes : what a person must know.
    """

    home: Path
    aside: Path | None
    manifest: Manifest
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DrillOutcome:
    """A backup that was restored on trial.

    Parameters
    ----------
    file : the backup. records : of its journal, all of them found in the workspace's own.
    runs : runs of the account whose replayed state is the same from either.
    behind : records that the workspace has written since.
    """

    file: Path
    records: int
    runs: int
    behind: int


def make_backup(workspace: Workspace, out: Path | None = None, *, clock: Clock | None = None) -> BackupOutcome:
    """Write a backup of a workspace, read it again, and put it in its place; that it was made goes on record.

    Programs may go on trading meanwhile: what is kept is one moment of the store, its anchor brought to its end.

    Parameters
    ----------
    workspace : whose.
    out : a new file, or a folder to put one in; None takes ``backups`` in the workspace.
    clock : dates it.

    Raises
    ------
    IntegrityError : the journal was altered: a backup of it would be worth nothing.
    SettingsError : there is a file of that name already.
    StoreError : it cannot be written, or is not what was written when it is read again; nothing is left behind.
    """
    clock = clock or SystemClock()
    now = clock.now()
    file = _new_file(workspace, out, now)
    stores = Stores.open(workspace)
    try:
        with stores.naming_the_store(), _scratch(file.parent, file.name) as scratch:
            held, notes = _gathered(workspace, stores, scratch / "files")
            about = _described(held, stores, now)
            unverified = scratch / "archive"
            write_archive(unverified, {_name(held, f): f for f in _plain_files(held)}, about)
            manifest = verify_backup(unverified, scratch)
            if file.exists():
                raise SettingsError(f"{file} is there already: name another")
            unverified.rename(file)
            sync_folder(file.parent)
        with stores.journal(new_run_id("backup", now)) as journal:
            detail = {"path": fit_for_record(str(file)), "records": about["journal"]["records"], "version": __version__}
            journal.append([AuditNoted(clock.now(), BACKUP_MADE, detail)])
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror or error}") from error
    finally:
        stores.engine.dispose()
    return BackupOutcome(file, file.stat().st_size, manifest, tuple(notes))


def verify_backup(file: Path, scratch: Path | None = None) -> Manifest:
    """Read a backup whole: every file against its SHA-256, its store opened, the journal's chain walked to its end.

    Parameters
    ----------
    file : the backup.
    scratch : where there is room to restore it on trial; None takes the system's folder for temporary files.

    Raises
    ------
    InputError : it is no backup, or was cut.
    IntegrityError : something in it is not what was backed up.
    """
    with (
        opened_archive(file) as archive,
        tempfile.TemporaryDirectory(prefix="lightning-verify-", dir=scratch) as folder,
    ):
        _require_room(Path(folder), archive.manifest)
        _extracted(archive, Path(folder))
        return archive.manifest


def restore_backup(
    file: Path,
    home: Path | None = None,
    *,
    replace: bool = False,
    store_url: str = "",
    by: str = "lightning restore",
    clock: Clock | None = None,
) -> RestoreOutcome:
    """Restore a workspace from a backup. It starts halted: what its broker did since, it does not know.

    Killed at any moment, the place holds what it held before or the whole restored workspace.

    Parameters
    ----------
    file : the backup.
    home : the workspace's folder; None takes ``LIGHTNING_HOME``, else ``~/.lightning-gex``.
    replace : whether a workspace that is there is moved aside; without it the place must be empty.
    store_url : an empty PostgreSQL database for journal and memory; empty keeps them in ``lightning.db``.
    by : who restores it, for the record.
    clock : dates it.

    Raises
    ------
    RefusedError : there is something in the place, or in the database, already; or the place is a file.
    SettingsError : ``store_url`` cannot stand in the settings.
    InputError : it is no backup, or was cut. IntegrityError : something in it is not what was backed up.
    StoreError : the place cannot be read or written.
    """
    clock = clock or SystemClock()
    now, place = clock.now(), resolve_home(home)
    load_settings(None, {"storage": {"url": store_url}})  # it will stand in the settings: no password, for one
    occupied = _is_occupied(place)
    if occupied and not replace:
        raise RefusedError(
            f"{place} is not empty: restore elsewhere with --home, or have it moved aside with --replace"
        )
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        left = [str(p) for p in place.parent.glob(f".{place.name}.restoring-*")]
        scratch = Path(tempfile.mkdtemp(prefix=f".{place.name}.restoring-", dir=place.parent))
    except OSError as error:
        raise StoreError(f"{place} cannot be made: {error.strerror or error}") from error
    name = fit_for_record(file.name)
    reason = f"restored at {now:%Y-%m-%d %H:%M} UTC from {name}: reconcile with the broker before trading"
    try:
        with opened_archive(file) as archive:
            manifest = archive.manifest
            _require_room(scratch, manifest)
            _extracted(archive, scratch)
        notes = _made_ready(scratch, manifest, name, store_url, fit_for_record(by), reason, now)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    if occupied:  # programs that run on it stop entries before it is taken away
        with suppress(StoreError):
            HaltFile(place / HALT_FLAG).set(by, f"moved aside: {file.name} was restored in its place", flatten=False)
    aside = _free_name(place, f"replaced-{now:%Y%m%dT%H%M%SZ}")
    move_into_place(scratch, place, aside)
    notes += [f"left by a restore that was interrupted: {name}; look at it and remove it" for name in left]
    return RestoreOutcome(place, aside if occupied else None, manifest, tuple(notes))


def drill_backup(workspace: Workspace, file: Path | None = None, *, clock: Clock | None = None) -> DrillOutcome:
    """Restore a backup on trial and compare it with the workspace; that it was done goes on record.

    Parameters
    ----------
    workspace : whose backup.
    file : which; None makes one.
    clock : dates the drill.

    Raises
    ------
    IntegrityError : the backup does not hold this workspace's past, or replays into another state.
    """
    clock = clock or SystemClock()
    file = file or make_backup(workspace, clock=clock).file
    stores = Stores.open(workspace)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="lightning-drill-") as folder,
            stores.naming_the_store(),
            stores.journal(new_run_id("drill", clock.now())) as own,
        ):
            restored = restore_backup(file, Path(folder) / "home", clock=clock)
            records, runs = _compared(own, restored)
            behind = own.end()[0] - records
            detail = {
                "path": fit_for_record(str(file)),
                "records": records,
                "runs": runs,
                "made_at": restored.manifest.about["made_at"],
            }
            own.append([AuditNoted(clock.now(), BACKUP_DRILLED, detail)])
            return DrillOutcome(file, records, runs, behind)
    finally:
        stores.engine.dispose()


# --- making ------------------------------------------------------------------------------------------------------


def _new_file(workspace: Workspace, out: Path | None, now: datetime) -> Path:
    name = f"lightning-{now:%Y%m%dT%H%M%SZ}{SUFFIX}"
    if out is None:
        folder = workspace.home / BACKUPS
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder / name
    try:
        file = out.expanduser().absolute()
        file = file / name if file.is_dir() else file
        there = file.exists()
    except (OSError, RuntimeError) as error:  # a name that is too long; ~nobody
        raise SettingsError(f"{out} names no file: {getattr(error, 'strerror', None) or error}") from None
    if there:
        raise SettingsError(f"{file} is there already: name another")
    if not file.parent.is_dir():
        raise SettingsError(f"{file}: there is no folder {file.parent}")
    return file


def _is_occupied(place: Path) -> bool:
    """Whether there is something in the place to restore to."""
    try:
        if place.exists() and not place.is_dir():
            raise RefusedError(f"{place} is a file: restore elsewhere with --home")
        return place.exists() and any(place.iterdir())
    except OSError as error:
        raise StoreError(f"{place} cannot be read: {error.strerror or error}") from error


@contextmanager
def _scratch(beside: Path, name: str) -> Iterator[Path]:
    """A private folder on the same file system, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".tmp", dir=beside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _gathered(workspace: Workspace, stores: Stores, folder: Path) -> tuple[Path, list[str]]:
    """Copies of everything, the store's last: the anchor and the seal must not reach further than the journal."""
    folder.mkdir(mode=0o700)
    notes: list[str] = []
    with stores.journal("backup") as journal:
        journal.end()  # the anchor is there, and fits
    for path in _plain_files(workspace.home, notes):
        if path.name.startswith(_DATABASE) and path.parent == workspace.home:
            continue
        target = folder / path.relative_to(workspace.home)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(PRIVATE)
    snapshot(stores.engine, folder / _DATABASE)
    return folder, notes


def _plain_files(home: Path, notes: list[str] | None = None) -> list[Path]:
    """The files of a workspace that matter, in order; what else lies there is named in the notes."""
    found: list[Path] = []
    for path in sorted(home.rglob("*")):
        inside = path.relative_to(home)
        if inside.parts[0] in _LEFT_OUT_FOLDERS or path.suffix in _LEFT_OUT_SUFFIXES:
            continue
        if any(part.startswith(".") and part.endswith(".tmp") for part in inside.parts):
            continue
        if path.is_symlink():
            if notes is not None:
                notes.append(f"{inside} is a link and is not in the backup")
        elif path.is_file():
            found.append(path)
    return found


def _name(home: Path, path: Path) -> str:
    return path.relative_to(home).as_posix()


def _described(folder: Path, stores: Stores, now: datetime) -> dict[str, Any]:
    """What the manifest says; the copied journal is verified on the way, and the anchor brought up to its end."""
    engine = open_database(folder / _DATABASE)
    try:
        with SqlJournal(engine, "backup", _key_of(folder), folder / _ANCHOR) as journal:
            records = journal.verify()
            _, head = journal.end()
            runs = len(journal.runs())
        held = counts(engine)
    finally:
        close_whole(engine)
    return {
        "made_at": now.isoformat(),
        "version": __version__,
        "store": stores.engine.dialect.name,
        "schema_version": SCHEMA_VERSION,
        "event_version": EVENT_VERSION,
        "journal": {"records": records, "head": head, "runs": runs},
        "memory": {"patterns": held["patterns"]},
    }


# --- restoring ---------------------------------------------------------------------------------------------------


def _require_room(folder: Path, manifest: Manifest) -> None:
    """Raises ``StoreError`` where the files would not fit: a size that a manifest claims is believed only this far."""
    needed = sum(member.size for member in manifest.members.values()) * _ROOM
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StoreError(f"{folder}: restoring needs {needed / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free")


def _extracted(archive: Archive, folder: Path) -> None:
    """The backup's files in an empty folder, its journal verified and as long as the manifest says."""
    missing = _NEEDED - set(archive.manifest.members)
    if missing:
        raise InputError(f"it lacks {', '.join(sorted(missing))}: this is no whole backup", source=archive.source)
    archive.extract(folder)
    journal_said = archive.manifest.about.get("journal")
    engine = open_database(folder / _DATABASE)
    try:
        with SqlJournal(engine, "restore", _key_of(folder), folder / _ANCHOR) as journal:
            records = journal.verify()
            found = {"records": records, "head": journal.end()[1], "runs": len(journal.runs())}
    except IntegrityError as error:
        raise IntegrityError(f"{archive.source}: {error}; use another backup") from error
    finally:
        close_whole(engine)
    if found != journal_said:
        raise IntegrityError(
            f"{archive.source}: its journal is not the one that its manifest names; use another backup"
        )


def _key_of(folder: Path) -> bytes:
    return load_or_create_audit_key(folder / _KEY, journal_exists=True)


def _made_ready(
    folder: Path, manifest: Manifest, name: str, store_url: str, by: str, reason: str, now: datetime
) -> list[str]:
    """Halt what was restored, put that on record, and tell it where its store is."""
    flag = HaltFile(folder / HALT_FLAG)
    flag.path.unlink(missing_ok=True)
    flag.create()
    flag.set(by, reason, flatten=False)
    engine = open_database(folder / _DATABASE)
    try:
        with SqlJournal(engine, new_run_id("restore", now), _key_of(folder), folder / _ANCHOR) as journal:
            detail: dict[str, Scalar] = {
                "backup": name,
                "made_at": str(manifest.about.get("made_at")),
                "records": journal.end()[0],
            }
            journal.append(
                [
                    RunStarted(now, RunMode.CONTROL, money(0), {}),
                    AuditNoted(now, "workspace_restored", detail),
                    TradingHalted(now, by, reason, flatten=False),
                ]
            )
    finally:
        close_whole(engine)
    if store_url:
        _move_to(store_url, folder / _DATABASE)
    notes = _point_to(folder / _SETTINGS, store_url)
    sync_folder(folder)
    return [f"{reason}; then lightning resume --reason ...", *notes]


def _free_name(place: Path, what: str) -> Path:
    """A name beside a place that nothing has yet."""
    names = (place.with_name(f"{place.name}.{what}{tail}") for tail in chain([""], (f"-{n}" for n in count(2))))
    return next(name for name in names if not name.exists())


def _move_to(store_url: str, database: Path) -> None:
    target = open_database(store_url)
    try:
        fill_store(database, target)
    finally:
        target.dispose()
    database.unlink()


def _point_to(settings: Path, store_url: str) -> list[str]:
    """Have the settings name the store that was filled; a note where that changed them."""
    text = settings.read_text(encoding="utf-8")
    before = _storage_url(text)
    if before == store_url:
        return []
    changed = with_storage_url(text, store_url)
    write_atomically(settings, changed.encode())
    if store_url:
        return ["storage.url in lightning.toml names the database that was filled now"]
    return [f"storage.url in lightning.toml was {before!r} and is empty now: journal and memory are in lightning.db"]


def with_storage_url(text: str, url: str) -> str:
    """A settings file's text with another ``storage.url``.

    Raises ``SettingsError`` where the file says it in a way that is not understood here.
    """
    line = f"url = {json.dumps(url)}"  # TOML writes a plain string as JSON does
    section = re.compile(r"^\[storage\][ \t]*(#.*)?$", re.MULTILINE)
    header = section.search(text)
    if header is None:
        changed = f"{text.rstrip()}\n\n[storage]\n{line}\n"
    else:
        body = text[header.end() :]
        upto = re.search(r"^\[", body, re.MULTILINE)
        own, rest = (body, "") if upto is None else (body[: upto.start()], body[upto.start() :])
        own = re.sub(r"^[ \t]*url[ \t]*=.*$\n?", "", own, flags=re.MULTILINE)
        changed = f"{text[: header.end()]}\n{line}{own}{rest}"
    if _storage_url(changed) != url:
        raise SettingsError("lightning.toml of the backup names storage.url in a way of its own: restore without it")
    return changed


def _storage_url(text: str) -> str | None:
    try:
        return str(tomllib.loads(text).get("storage", {}).get("url", ""))
    except (tomllib.TOMLDecodeError, AttributeError):
        return None


# --- drilling ----------------------------------------------------------------------------------------------------


def _compared(own: SqlJournal, restored: RestoreOutcome) -> tuple[int, int]:
    """Records of the backup, and runs of the account; raises where it does not hold this workspace's past."""
    said = restored.manifest.about["journal"]
    records, head = int(said["records"]), said["head"]
    if records and own.digest_at(records) != head:
        raise IntegrityError(f"record {records} of the backup is not that of this workspace: it is a backup of another")
    engine = open_database(restored.home / _DATABASE)
    try:
        with SqlJournal(engine, "compare", _key_of(restored.home), restored.home / _ANCHOR) as other:
            runs = [r.run_id for r in own.runs() if r.mode in ACCOUNT_MODES and r.mode is not RunMode.CONTROL]
            compared = 0
            for run_id in runs:
                mine, theirs = (_state_at(journal, run_id, records) for journal in (own, other))
                if mine != theirs:
                    raise IntegrityError(f"run {run_id} of the backup replays into another state")
                compared += mine is not None
            return records, compared
    finally:
        engine.dispose()


def _state_at(journal: SqlJournal, run_id: str, records: int) -> str | None:
    """A run's state after the journal's first records, spelt out, so that NaN equals itself; None before it began."""
    events = [r.event for r in journal.read(run_id, with_reasons=False) if r.sequence <= records]
    return repr(replay(events)) if events else None
