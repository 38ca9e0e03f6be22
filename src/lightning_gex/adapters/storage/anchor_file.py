"""Where the journal ends, kept outside the database so that a cut tail shows.

The file has two slots of one disk sector each, written in turn: a sector is written whole or not at all, and should a
failing disk tear one all the same, the other still holds the anchor before it. Both are sealed with the audit key; the
one that reaches further counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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

    __slots__ = ("_key", "_path", "_seen")

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key
        self._seen: tuple[bytes | None, list[tuple[int, int, Anchor]]] = (None, [])

    def __repr__(self) -> str:
        return f"AnchorFile({str(self._path)!r})"

    def __str__(self) -> str:
        return str(self._path)

    def exists(self) -> bool:
        """Whether there is such a file."""
        return self._path.exists()

    def create(self) -> None:
        """Anchor an empty journal, durably; a file that is there already stays."""
        slot = _slot_of(Anchor.sealed(self._key, 0, GENESIS))
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

    @contextmanager
    def held(self) -> Iterator[HeldAnchor]:
        """The file open for writing, so that what can be wrong with it shows before anything is committed.

        Raises
        ------
        IntegrityError : no slot holds an anchor sealed with this key.
        StoreError : the file vanished or cannot be written.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._known(os.pread(descriptor, 2 * _SLOT_BYTES, 0))
            yield HeldAnchor(self, descriptor)
        finally:
            os.close(descriptor)

    def advance(self, count: int, head: str, *, sync: bool) -> None:
        """Write where the journal ends now; parameters and errors as for :meth:`HeldAnchor.advance`."""
        with self.held() as held:
            held.advance(count, head, sync=sync)

    def write_newer(self, descriptor: int, count: int, head: str, *, sync: bool) -> None:
        """What :meth:`HeldAnchor.advance` does, on an open file."""
        try:
            data = os.pread(descriptor, 2 * _SLOT_BYTES, 0)
            reaches, newest, _ = max(self._known(data))
            if reaches < count:
                at, anchor = (1 - newest) * _SLOT_BYTES, Anchor.sealed(self._key, count, head)
                slot = _slot_of(anchor)
                os.pwrite(descriptor, slot, at)
                left = [known for known in self._seen[1] if known[1] == newest]
                written = data[:at].ljust(at) + slot + data[at + _SLOT_BYTES :]
                self._seen = written, [*left, (count, 1 - newest, anchor)]
            if sync:
                os.fsync(descriptor)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self._path} cannot be written: {error.strerror or error}; what was journaled is safe, "
            "but a cut tail would not show"
        )

    def _known(self, data: bytes) -> list[tuple[int, int, Anchor]]:
        """(count, slot, anchor) of every slot that holds one; not empty. The same bytes are not read twice."""
        if data != self._seen[0]:
            self._seen = data, self._parsed(data)
        return self._seen[1]

    def _parsed(self, data: bytes) -> list[tuple[int, int, Anchor]]:
        """(count, slot, anchor) of every slot that holds one; not empty."""
        slots = enumerate((data[:_SLOT_BYTES], data[_SLOT_BYTES : 2 * _SLOT_BYTES]))
        found = [(anchor.count, at, anchor) for at, slot in slots if (anchor := self._sound(slot)) is not None]
        if not found:
            raise IntegrityError(
                f"{self._path}: the audit anchor was altered, or the audit key is not the one it was made with: "
                "restore both from your backup"
            )
        return found

    def _sound(self, slot: bytes) -> Anchor | None:
        try:
            anchor = Anchor.from_bytes(slot)
        except IntegrityError:
            return None
        return anchor if anchor.holds(self._key) else None


def _slot_of(anchor: Anchor) -> bytes:
    return anchor.to_bytes().rstrip(b"\n").ljust(_SLOT_BYTES - 1) + b"\n"


@dataclass(frozen=True, slots=True)
class HeldAnchor:
    """An anchor's open file.

    Parameters
    ----------
    anchor : whose.
    descriptor : open for reading and writing.
    """

    anchor: AnchorFile
    descriptor: int

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
        StoreError : the file cannot be written.
        """
        self.anchor.write_newer(self.descriptor, count, head, sync=sync)
