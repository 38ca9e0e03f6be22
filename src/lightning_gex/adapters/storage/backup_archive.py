"""The one file of a backup: a zip of plain files and a manifest with the SHA-256 of each, read with suspicion.

What is restored lies in a file that may have been cut, damaged or made by somebody else. So nothing is taken from it
that the manifest does not name: no path that leaves the folder, no link, no device, no more bytes than were counted.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from lightning_gex.adapters.storage.workspace_files import PRIVATE, sync_folder
from lightning_gex.core.errors import InputError, IntegrityError, StoreError

FORMAT = "lightning-gex backup"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
_PIECE_BYTES = 1 << 20
_LARGEST_MANIFEST_BYTES = 8 << 20
_MOST_MEMBERS = 10_000
_ENCRYPTED = 0x1  # flag bit of a zip's member (APPNOTE.TXT 4.4.4)
_BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a backup.

    Parameters
    ----------
    size : bytes. sha256 : hex digest of its contents.
    """

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds and where it came from.

    Parameters
    ----------
    members : path within the workspace -> file.
    about : when and by which version it was made, the store's kind and schema, counts; plain values by name.
    """

    members: Mapping[str, Member]
    about: Mapping[str, Any]

    def to_json(self) -> bytes:
        """As it stands in the archive."""
        members = {name: {"size": m.size, "sha256": m.sha256} for name, m in self.members.items()}
        document = {"format": FORMAT, "format_version": FORMAT_VERSION, **self.about, "members": members}
        return json.dumps(document, indent=2).encode()

    @classmethod
    def from_json(cls, text: bytes, source: str) -> Manifest:
        """Raises ``InputError`` on anything that :meth:`to_json` did not write."""
        try:
            raw = json.loads(text)
            if not isinstance(raw, dict) or raw.get("format") != FORMAT:
                raise InputError("this is no backup of a workspace", source=source)
            if raw.get("format_version") != FORMAT_VERSION:
                raise InputError(
                    f"made in format {raw.get('format_version')}, this version reads {FORMAT_VERSION}: upgrade",
                    source=source,
                )
            found = {str(k): Member(int(v["size"]), str(v["sha256"])) for k, v in raw["members"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"its manifest cannot be read: {error}", source=source) from None
        own = {"format", "format_version", "members"}
        return cls(found, {k: v for k, v in raw.items() if k not in own})


def write_archive(path: Path, files: Mapping[str, Path], about: Mapping[str, Any]) -> Manifest:
    """Write a backup beside its place, synced and private; the caller puts it there when it is verified.

    Parameters
    ----------
    path : a new file.
    files : path within the workspace -> where it lies now.
    about : for the manifest.

    Raises
    ------
    StoreError : it cannot be written; no file stays behind.
    """
    members: dict[str, Member] = {}
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE)
        with os.fdopen(descriptor, "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
                for name, at in files.items():
                    members[name] = _added(archive, name, at)
                manifest = Manifest(members, about)
                archive.writestr(_entry(MANIFEST), manifest.to_json())
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
        raise
    return manifest


@dataclass(frozen=True, slots=True)
class Archive:
    """An open backup whose table of contents is in order.

    Parameters
    ----------
    source : its file. manifest : what it says it holds, and does, as far as names and sizes go.
    """

    source: str
    manifest: Manifest
    _zip: zipfile.ZipFile

    def extract(self, folder: Path) -> None:
        """Write every file into an empty folder, private and synced, checked against the manifest on the way.

        Raises
        ------
        IntegrityError : a file is not the one that was backed up.
        StoreError : the folder cannot be written.
        """
        folders = {folder}
        for name, member in self.manifest.members.items():
            target = folder.joinpath(*PurePosixPath(name).parts)
            try:
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                folders.add(target.parent)
                with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
                    self._copy(name, member, file)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise StoreError(f"{target} cannot be written: {error.strerror or error}") from error
        for made in folders:
            sync_folder(made)

    def check(self) -> None:
        """Read every file and compare it with the manifest. Raises ``IntegrityError`` at the first that differs."""
        for name, member in self.manifest.members.items():
            self._copy(name, member, None)

    def _copy(self, name: str, member: Member, target: IO[bytes] | None) -> None:
        digest, left = hashlib.sha256(), member.size
        try:
            with self._zip.open(name) as file:
                while piece := file.read(min(_PIECE_BYTES, left + 1)):
                    left -= len(piece)
                    if left < 0:
                        raise IntegrityError(f"{self.source}: {name} is longer than was backed up")
                    digest.update(piece)
                    if target is not None:
                        target.write(piece)
        except _BROKEN as error:
            raise IntegrityError(f"{self.source}: {name} is damaged: {error}; use another backup") from None
        if left or digest.hexdigest() != member.sha256:
            raise IntegrityError(f"{self.source}: {name} is not what was backed up; use another backup")


@contextmanager
def opened_archive(path: Path) -> Iterator[Archive]:
    """A backup, open for reading.

    Raises
    ------
    InputError : no such file, or it is no backup: cut, of another program, or with anything in it that a backup never
        holds (a path that leaves the folder, a link, a name twice, a file that the manifest does not know).
    """
    source = str(path)
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise InputError("there is no such file", source=source) from None
    except (*_BROKEN, OSError) as error:
        raise InputError(f"this is no backup, or it was cut: {error}", source=source) from None
    with archive:
        yield Archive(source, _checked_manifest(archive, source), archive)


def _checked_manifest(archive: zipfile.ZipFile, source: str) -> Manifest:
    entries = archive.infolist()
    by_name = {entry.filename: entry for entry in entries}
    if len(entries) > _MOST_MEMBERS or len(by_name) < len(entries):
        raise InputError("it names a file twice, or far too many", source=source)
    if MANIFEST not in by_name or by_name[MANIFEST].file_size > _LARGEST_MANIFEST_BYTES:
        raise InputError(f"it holds no {MANIFEST}: this is no backup of a workspace", source=source)
    try:
        with archive.open(MANIFEST) as file:
            text = file.read(_LARGEST_MANIFEST_BYTES + 1)
    except (*_BROKEN, OSError) as error:
        raise InputError(f"its manifest cannot be read: {error}", source=source) from None
    manifest = Manifest.from_json(text, source)
    for name in manifest.members:
        if not is_plain_path(name):
            raise InputError(f"it holds {name!r}, which no backup does", source=source)
    if set(manifest.members) != set(by_name) - {MANIFEST}:
        raise InputError("its manifest and its contents differ: it was altered", source=source)
    for name, entry in by_name.items():
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.flag_bits & _ENCRYPTED or kind not in (0, stat.S_IFREG):
            raise InputError(f"{name!r} is no plain file, which no backup holds", source=source)
        if name != MANIFEST and entry.file_size != manifest.members[name].size:
            raise InputError(f"{name!r} has another size than its manifest says: it was altered", source=source)
    return manifest


def is_plain_path(name: str) -> bool:
    """Whether a name is a file's place within a folder, and nothing else on any system."""
    path = PurePosixPath(name)
    odd = not name.isprintable() or any(c in name for c in '\\:*?"<>|')
    inside = not path.is_absolute() and str(path) == name and all(p not in ("", ".", "..") for p in path.parts)
    return bool(name) and inside and not odd


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # dated 1980: when a backup was made stands in its manifest
    entry.external_attr = (stat.S_IFREG | PRIVATE) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _added(archive: zipfile.ZipFile, name: str, at: Path) -> Member:
    digest, size = hashlib.sha256(), 0
    with at.open("rb") as source, archive.open(_entry(name), "w", force_zip64=True) as target:
        while piece := source.read(_PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
            target.write(piece)
    return Member(size, digest.hexdigest())
