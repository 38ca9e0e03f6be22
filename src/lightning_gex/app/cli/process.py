"""What the process was started with, made fit to work in: closed streams, a folder for compiled kernels."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_CACHE_VARIABLE = "NUMBA_CACHE_DIR"


def open_closed_streams() -> None:
    """A caller may have closed standard output or error; then nobody listens, and that is no fault."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the process


def lend_a_compiler_cache() -> None:
    """Lend the compiler a private folder for this process where it would refuse to start.

    Numba does so where neither the installed package nor the user's own cache can be written.
    """
    if _CACHE_VARIABLE in os.environ:
        return
    package = Path(__file__).resolve().parents[2]
    if _can_be_written(package / "analytics") or _can_be_written(_user_cache()):
        return
    import atexit
    import shutil
    import tempfile

    lent = tempfile.mkdtemp(prefix="lightning-gex-")
    atexit.register(shutil.rmtree, lent, ignore_errors=True)
    os.environ[_CACHE_VARIABLE] = lent


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111 - never raises


def _can_be_written(folder: Path) -> bool:
    """Whether the folder, or the nearest one above it that is there, takes new files."""
    while not os.path.exists(folder) and folder != folder.parent:  # noqa: PTH110 - False where it may not be looked at
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)
