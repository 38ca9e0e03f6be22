"""Files of the workspace: written whole or not at all, and the key of the audit chain."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from lightning_gex.core.errors import IntegrityError, StoreError, shown

PRIVATE = 0o600
READABLE = 0o644
_KEY_BYTES = 32  # HMAC-SHA256: as long as its output (RFC 2104 section 3)


def write_atomically(path: Path, data: bytes | Iterable[bytes], mode: int = READABLE) -> None:
    """Write a file so that a reader, or a power failure, sees the old one or the new one and nothing between.

    Parameters
    ----------
    path : target, replaced if it exists; its folder must exist.
    data : the contents, whole or in pieces.
    mode : permissions, 0o600 for what only its owner may read.

    Raises
    ------
    StoreError : the file cannot be written; the old one is untouched.
    """
    _replace({path: data}, mode)


def replace_together(folder: Path, files: Mapping[str, bytes | Iterable[bytes]], mode: int = READABLE) -> None:
    """Write files of one folder that belong together: all of them aside first, only then each into its place.

    Parameters
    ----------
    folder : made if absent, with those above it.
    files : name -> contents, whole or in pieces; a name may lead into folders below, which are made too. Other files
        stay as they are.
    mode : permissions of each.

    Raises
    ------
    StoreError : naming what cannot be written; where writing aside fails, nothing that was there has changed.
    """
    try:
        for place in (folder, *{(folder / name).parent for name in files} - {folder}):
            place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error.strerror or error}") from error
    _replace({folder / name: data for name, data in files.items()}, mode)


def create_exclusively(path: Path, data: bytes, mode: int = PRIVATE) -> bool:
    """Write a file unless there is one already: of several processes, exactly one creates it, whole.

    Returns
    -------
    True where this call created it.

    Raises
    ------
    StoreError : the file cannot be written.
    """
    try:
        scratch = _written_scratch(path, data, mode)
        try:
            os.link(scratch, path)
        except FileExistsError:
            return False
        finally:
            scratch.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    return True


def sync_folder(folder: Path) -> None:
    """Make names created in or moved into a folder survive a power failure."""
    if os.name == "nt":  # Windows has no handle on a folder to sync; NTFS journals names
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load_or_create_audit_key(path: Path, *, journal_exists: bool) -> bytes:
    """The secret key of the audit chain, made on first use.

    Parameters
    ----------
    path : the key file, mode 0600.
    journal_exists : whether there are records chained with it already; a new key could not verify them.

    Returns
    -------
    32 bytes.

    Raises
    ------
    IntegrityError : the key is missing while a journal exists, or the file holds no key.
    StoreError : the file cannot be read or written, or others may read it.
    """
    if not path.exists():
        if journal_exists:
            raise IntegrityError(
                f"{path}: the audit key is missing while there is a journal: restore it from your backup, "
                "for without it the journal cannot be verified"
            )
        create_exclusively(path, secrets.token_bytes(_KEY_BYTES).hex().encode("ascii") + b"\n")
    text = read_private(path).strip()
    with suppress(ValueError):
        key = bytes.fromhex(text.decode("ascii"))
        if len(key) == _KEY_BYTES:
            return key
    raise IntegrityError(f"{path} does not hold an audit key: restore it from your backup")


def read_private(path: Path) -> bytes:
    """The bytes of a file that is its owner's alone. Raises ``StoreError`` where it is unreadable or open to others."""
    try:
        with path.open("rb") as file:
            # asked of the open file: between a question about the name and the reading, the name could be moved
            if os.name != "nt" and os.fstat(file.fileno()).st_mode & 0o077:
                raise StoreError(f"{path} can be read by others: run chmod 600 on it, and consider its secrets known")
            return file.read()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error


def _replace(contents: Mapping[Path, bytes | Iterable[bytes]], mode: int) -> None:
    """Put files into place once every one of them is whole on disk. No scratch file stays behind."""
    scratches: dict[Path, Path] = {}
    path = Path()
    try:
        for path, data in contents.items():
            scratches[path] = _written_scratch(path, data, mode)
        for path, scratch in scratches.items():
            scratch.replace(path)
        for folder in {path.parent for path in scratches}:
            sync_folder(folder)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    except ValueError as error:  # an empty name, a NUL or half a character in it
        raise StoreError(f"{shown(str(path))} cannot be written: the system knows no such name") from error
    finally:
        for scratch in scratches.values():
            scratch.unlink(missing_ok=True)


def _written_scratch(path: Path, data: bytes | Iterable[bytes], mode: int) -> Path:
    """The data in a synced file beside its target."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in (data,) if isinstance(data, bytes) else data:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        scratch.chmod(mode)  # the umask may have taken away what the caller asked for
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    return scratch
