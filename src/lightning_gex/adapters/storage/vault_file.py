"""The vault's file: private, replaced as one act by one process at a time, a count of wrong passwords beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lightning_gex.adapters.storage.file_lock import exclusive
from lightning_gex.adapters.storage.workspace_files import PRIVATE, read_private, write_atomically
from lightning_gex.core.errors import InputError, SecretError, StoreError
from lightning_gex.security.attempts import FREE_ATTEMPTS, Attempts

_PAGE_BYTES = 128  # within one disk sector: rewritten in place, needing no new space
_UNREADABLE = FREE_ATTEMPTS + 4  # what a damaged count stands for: a wait of some seconds, then everything is in order


@dataclass(frozen=True, slots=True)
class VaultFile:
    """``vault.json``, its lock and its count of wrong passwords.

    Parameters
    ----------
    path : the vault; absent until something is stored. ``vault.lock`` and ``vault.attempts`` lie beside it.
    """

    path: Path

    def read(self) -> bytes | None:
        """The vault as it was last written; None before the first secret.

        Raises ``StoreError`` where it is unreadable or open to others.
        """
        return read_private(self.path) if self.path.exists() else None

    def write(self, data: bytes) -> None:
        """Replace the vault as one act: killed at any moment, the old one is there or the new one.

        To lose nothing that another process stored, read it under :meth:`locked` and write it before that ends.
        """
        write_atomically(self.path, data, PRIVATE)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing the vault. Raises ``StoreError`` where one does so for half a minute."""
        with exclusive(self.path.with_suffix(".lock"), "the vault"):
            for left in self.path.parent.glob(f".{self.path.name}.*.tmp"):
                left.unlink(missing_ok=True)  # of a process that was killed: it may be sealed with an old password
            yield

    def count_attempt(self, now: datetime) -> Attempts:
        """Count one attempt at the password as wrong until it is known better: being killed midway forgives nothing.

        Call it under :meth:`locked`.

        Returns
        -------
        The count before, for :meth:`settle`.

        Raises
        ------
        SecretError : after too many wrong ones it is too early for another.
        StoreError : the count cannot be written; then there is no attempt either.
        """
        before = self._attempts(now)
        wait = before.wait(now)
        if wait:
            seconds = max(1, round(wait.total_seconds()))
            raise SecretError(f"too many wrong passwords: the vault may be tried again in {seconds} s")
        self.settle(before.another(now))
        return before

    def settle(self, attempts: Attempts) -> None:
        """Put the count where it belongs after an attempt. Raises ``StoreError``."""
        last = None if attempts.last is None else attempts.last.isoformat()
        page = json.dumps({"failed": attempts.failed, "last": last}).encode("ascii").ljust(_PAGE_BYTES - 1) + b"\n"
        file = self._attempts_file
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, PRIVATE)
            try:
                os.write(descriptor, page)
                os.ftruncate(descriptor, len(page))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StoreError(f"{file} cannot be written: {error.strerror or error}") from error

    @property
    def _attempts_file(self) -> Path:
        return self.path.with_suffix(".attempts")

    def _attempts(self, now: datetime) -> Attempts:
        """What is on file, its time not in the future."""
        if not self._attempts_file.exists():
            return Attempts()
        try:
            page = json.loads(read_private(self._attempts_file))
            last = None if page["last"] is None else datetime.fromisoformat(page["last"])
            found = Attempts(int(page["failed"]), last)
        except (ValueError, KeyError, TypeError, RecursionError, InputError):
            found = Attempts(_UNREADABLE, now)
            self.settle(found)
        seen = found.seen_at(now)
        if seen != found:
            self.settle(seen)
        return seen
