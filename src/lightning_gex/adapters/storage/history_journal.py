"""What became of each chain file of a history: one JSON line a finished file, appended and synced before the next.

A build that is killed loses at most the file it was reading. A line that was being written when the power went is cut
off on the next start; a damaged line before the last is an error, since nothing else writes here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO

from lightning_gex.adapters.storage.workspace_files import sync_folder, write_atomically
from lightning_gex.analytics.positioning_features import FEATURES, FeatureValue
from lightning_gex.core.errors import RefusedError, StoreError

_HEADER = {"history_journal": 1}
_WASTE = 2  # times as many lines as files before the journal is written anew


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file that was read, and what it gave.

    Parameters
    ----------
    path : absolute.
    name : as the table's ``source`` shows it.
    size, modified_ns : bytes, and the file system's time of the last change: where both are as before, the file is not
        read again.
    content_hash : SHA-256 of its bytes, hexadecimal.
    made_with : everything besides the bytes that the rows hang on: features version, dealer model.
    underlying : symbol of the chain; empty where not even that could be read, or the file holds several.
    rows : one of ``FEATURES`` for each chain in it.
    only : of a file that holds several chains, the underlyings that were looked for; empty where all were.
    thin : chains of a file that holds several which give no row.
    problem : why it gave none; None where it did.
    program : version that read it. A problem may be gone in another one.
    """

    path: str
    name: str
    size: int
    modified_ns: int
    content_hash: str
    made_with: str
    underlying: str = ""
    rows: tuple[Mapping[str, FeatureValue], ...] = ()
    only: tuple[str, ...] = ()
    thin: int = 0
    problem: str | None = None
    program: str = ""


@dataclass(slots=True)
class HistoryJournal:
    """The open journal. Made by ``open_journal``.

    Parameters
    ----------
    path : the file.
    file : open for appending.
    records : absolute path -> the latest record of it.
    lines : lines the file holds. forgot : whether it holds lines of files that were forgotten.
    """

    path: Path
    file: BinaryIO
    records: dict[str, FileRecord] = field(default_factory=dict)
    lines: int = 0
    forgot: bool = False

    def append(self, record: FileRecord) -> None:
        """Keep a record: on return it survives a power failure. Raises ``StoreError`` where it cannot be written."""
        self.put(_document(record))
        self.records[record.path] = record
        self.lines += 1

    def put(self, document: Mapping[str, object]) -> None:
        """Add a line, synced. Raises ``StoreError`` where it cannot be written."""
        try:
            self.file.write(_line(document))
            self.file.flush()
            os.fsync(self.file.fileno())
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error.strerror or error}") from error

    def forget(self, paths: set[str]) -> None:
        """Drop the records of files; the journal itself forgets them when it is compacted."""
        kept = {path: record for path, record in self.records.items() if path not in paths}
        self.forgot = self.forgot or len(kept) < len(self.records)
        self.records = kept

    def compact(self) -> None:
        """Write the journal anew where files were forgotten, or most of its lines are outdated.

        The last thing done with an open journal.
        """
        if self.forgot or self.lines > _WASTE * len(self.records):
            lines = (_line(_document(record)) for record in self.records.values())
            write_atomically(self.path, (_line(_HEADER), *lines))


@contextmanager
def open_journal(path: Path) -> Iterator[HistoryJournal]:
    """The journal at ``path``, made if absent, for this process alone.

    Raises
    ------
    RefusedError : another process is building the same history.
    StoreError : it cannot be read or written, or is damaged.
    """
    try:
        new = not path.exists()
        file = path.open("a+b")
        if new:
            sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    with file:
        if not _locked(file):
            raise RefusedError(f"{path} is in use: another process is building this history; wait for it to end")
        yield _read(path, file)


def _read(path: Path, file: BinaryIO) -> HistoryJournal:
    file.seek(0)
    data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        file.truncate(len(whole))
    file.seek(0, os.SEEK_END)
    journal = HistoryJournal(path, file)
    if not whole:
        journal.put(_HEADER)  # at once: the first record may be minutes away
        return journal
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            found = json.loads(line)
            if number == 1:
                if found != _HEADER:
                    raise ValueError("it does not begin as a journal of a history")
                continue
            record = _record(found)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"{path}, line {number} is damaged ({error}): delete the file to read every chain again"
            ) from None
        journal.records[record.path] = record
        journal.lines += 1
    return journal


def _document(record: FileRecord) -> dict[str, object]:
    found = asdict(record)
    found["rows"] = [{name: _plain(value) for name, value in row.items()} for row in record.rows]
    return found


def _record(found: Mapping[str, object]) -> FileRecord:
    fields = dict(found)
    rows, only = fields.pop("rows"), fields.pop("only", [])
    if not isinstance(rows, list) or not isinstance(only, list):
        raise TypeError("rows are no list")
    record = FileRecord(**fields, rows=tuple(_row(row) for row in rows), only=tuple(only))  # type: ignore[arg-type]
    if not all(isinstance(text, str) for text in (record.path, record.content_hash, record.made_with)):
        raise TypeError("a name is no text")
    return record


def _row(found: Mapping[str, object]) -> dict[str, FeatureValue]:
    """A row back from JSON; a row of other features (an older version) comes as it is."""
    return {name: _typed(value, FEATURES.get(name, object)) for name, value in found.items()}


def _typed(value: object, kind: type) -> FeatureValue:
    if kind is datetime and isinstance(value, str):
        return datetime.fromisoformat(value)
    if kind is date and isinstance(value, str):
        return date.fromisoformat(value)
    if kind is float:
        return float("nan") if value is None else float(value)  # type: ignore[arg-type]
    return value  # type: ignore[return-value]


def _plain(value: FeatureValue) -> object:
    if isinstance(value, date):
        return value.isoformat()
    return None if isinstance(value, float) and value != value else value


def _line(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _locked(file: BinaryIO) -> bool:
    """Whether this process now holds the file alone; the system lets go when the process ends, however it ends."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
