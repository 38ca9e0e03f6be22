"""Puts one folder in another's place as one act, where the system can."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

from lightning_gex.adapters.storage.workspace_files import sync_folder
from lightning_gex.core.errors import StoreError

_AT_FDCWD = -100  # Linux: names are relative to the present folder
_RENAME_EXCHANGE = 2  # Linux renameat2(2)
_RENAME_SWAP = 2  # macOS renamex_np(2)
_CANNOT = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EXDEV)


def move_into_place(new: Path, place: Path, aside: Path) -> None:
    """Move a folder to a place; what lies there is moved aside and never lost.

    Killed at any moment, the place holds the old folder or the new one. Where the system cannot exchange two names at
    once, there is a moment in which it holds neither, and both lie beside it.

    Parameters
    ----------
    new : a folder on the same file system.
    place : where it goes; absent, empty, or the folder that it takes the place of.
    aside : a name beside ``place`` that is free.

    Raises
    ------
    StoreError : the system refuses; both are where they were.
    """
    try:
        if not place.exists() or not any(place.iterdir()):
            new.replace(place)  # an empty folder is replaced as one act
        elif _exchanged(new, place):
            new.rename(aside)
        else:
            place.rename(aside)
            new.rename(place)
        sync_folder(place.parent)
    except OSError as error:
        raise StoreError(f"{new} cannot be moved to {place}: {error.strerror or error}") from error


def _exchanged(one: Path, other: Path) -> bool:
    """Whether two names were exchanged as one act; False where the system has no such act."""
    if sys.platform == "win32":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        failed = libc.renamex_np(first, second, ctypes.c_uint(_RENAME_SWAP))
    elif hasattr(libc, "renameat2"):
        failed = libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, ctypes.c_uint(_RENAME_EXCHANGE))
    else:
        return False
    if not failed:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code))
