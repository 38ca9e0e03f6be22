"""One process at a time: a lock that the system lets go of when its holder dies, however it dies."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning_gex.core.errors import StoreError

_BETWEEN_TRIES_SECONDS = 0.02


@contextmanager
def exclusive(path: Path, what: str, *, patience_seconds: float = 30.0) -> Iterator[None]:
    """Hold a file's lock; other processes, and other threads of this one, wait for it.

    Parameters
    ----------
    path : the lock's own file, made if absent with mode 0600 and never removed: a lock on a file that somebody may
        replace holds nobody.
    what : named in the error, such as "the vault".
    patience_seconds : how long to wait for the holder.

    Raises
    ------
    StoreError : another process held it all the time, or the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror or error}") from error
    try:
        for _ in range(max(1, round(patience_seconds / _BETWEEN_TRIES_SECONDS))):
            if _locked(descriptor):
                break
            time.sleep(_BETWEEN_TRIES_SECONDS)
        else:
            raise StoreError(f"{what} is in use by another process: wait for it or stop it ({path})")
        yield
    finally:
        os.close(descriptor)  # which lets go of the lock


if sys.platform == "win32":
    import msvcrt

    def _locked(descriptor: int) -> bool:
        """Whether the lock was free and is ours now."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _locked(descriptor: int) -> bool:
        """Whether the lock was free and is ours now."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
