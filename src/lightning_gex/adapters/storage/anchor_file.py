"""Where the journal ends, kept outside the database so that a cut tail shows.

The file has two slots of one disk sector each, written in turn: a sector is written whole or not at all, and should a
failing disk tear one all the same, the other still holds the anchor before it. Both are sealed with the audit key; the
one that reaches further counts.
"""

from __future__ import annotations

import os
from pathlib import Path

from lightning_gex.adapters.storage.workspace_files import create_exclusively
from lightning_gex.core.errors import IntegrityError, StoreError
from lightning_gex.security.audit_chain import GENESIS, Anchor

_SLOT_BYTES = 512


class AnchorFile:
    """The anchor of one journal.

    Parameters
    ----------
    path : the file, mode 0600, outside the database.
    key : the audit key.
    """

    __slots__ = ("_key", "_path")

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key

    def __repr__(self) -> str:
        return f"AnchorFile({str(self._path)!r})"

    def __str__(self) -> str:
        return str(self._path)

    def exists(self) -> bool:
        """Whether there is such a file."""
        return self._path.exists()

    def create(self) -> None:
        """Anchor an empty journal, durably; a file that is there already stays."""
        slot = self._slot(0, GENESIS)
        create_exclusively(self._path, slot + slot)

    def read(self) -> Anchor:
        """The anchor that reaches furthest.

        Raises
        ------
        IntegrityError : no slot holds one sealed with this key.
        StoreError : the file cannot be read.
        """
        try:
            data = self._path.read_bytes()
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror or error}") from error
        return max(self._known(data))[2]

    def advance(self, count: int, head: str, *, sync: bool) -> None:
        """Write where the journal ends now, unless another process wrote that it reaches further.

        Parameters
        ----------
        count, head : records and the digest of the last.
        sync : whether to wait for the disk. Without it the anchor survives the end of this process but, for as long as
            the system keeps writes back, perhaps not a power failure; then an older one does.

        Raises
        ------
        IntegrityError : the file was altered meanwhile.
        StoreError : the file vanished or cannot be written.
        """
        try:
            with self._path.open("r+b", buffering=0) as file:
                known = self._known(file.read(2 * _SLOT_BYTES))
                if max(known)[0] < count:
                    newest = max(known)[1]
                    file.seek((1 - newest) * _SLOT_BYTES)
                    file.write(self._slot(count, head))
                if sync:
                    os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be written: {error.strerror or error}; what was journaled is safe, "
                "but a cut tail would not show"
            ) from error

    def _known(self, data: bytes) -> list[tuple[int, int, Anchor]]:
        """(count, slot, anchor) of every slot that holds one; not empty."""
        slots = enumerate((data[:_SLOT_BYTES], data[_SLOT_BYTES : 2 * _SLOT_BYTES]))
        found = [(anchor.count, at, anchor) for at, slot in slots if (anchor := self._sound(slot)) is not None]
        if not found:
            raise IntegrityError(
                f"{self._path}: the audit anchor was altered, or the audit key is not the one it was made with: "
                "restore both from your backup"
            )
        return found

    def _slot(self, count: int, head: str) -> bytes:
        line = Anchor.sealed(self._key, count, head).to_bytes()
        return line.rstrip(b"\n").ljust(_SLOT_BYTES - 1) + b"\n"

    def _sound(self, slot: bytes) -> Anchor | None:
        try:
            anchor = Anchor.from_bytes(slot)
        except IntegrityError:
            return None
        return anchor if anchor.holds(self._key) else None
