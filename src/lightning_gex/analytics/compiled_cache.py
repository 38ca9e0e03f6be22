"""Machine code on disk must come from the sources that are here.

numba keeps a compiled function beside its module and trusts it as long as that one file is unchanged. But a kernel has
the kernels it calls compiled into it, and those stand in other files: after an upgrade it would go on computing with
their old versions, without a word. So one digest over all kernel sources lies beside the compiled files, and when it is
no longer theirs, they are discarded. Nothing else in this floor touches a disk.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

STAMP = "kernels.sha256"
_COMPILED = ("*.nbi", "*.nbc")  # numba's index and data files
_COMPILER = b"numba"  # what a source that holds kernels must say


def discard_outdated(package: Path, folders: tuple[Path, ...] | None = None) -> int:
    """Remove compiled kernels that other sources than the present ones made.

    Parameters
    ----------
    package : the folder of the sources.
    folders : where compiled files may lie; None: every place that numba would choose for this package.

    Returns
    -------
    How many files were removed. A folder that is not there or cannot be written is left alone: numba does not use it.
    """
    digest = digest_of(package)
    return sum(_discard(folder, digest) for folder in folders or places(package) if folder.is_dir())


def digest_of(package: Path) -> str:
    """SHA-256, in hexadecimal, over the names and contents of the sources that hold kernels."""
    found = hashlib.sha256()
    for source in sorted(package.glob("*.py")):
        content = source.read_bytes()
        if _COMPILER in content:
            found.update(source.name.encode() + b"\0" + content)
    return found.hexdigest()


def places(package: Path) -> tuple[Path, ...]:
    """Where numba may keep compiled files of a package, as it names them (``numba.core.caching``)."""
    own = f"{package.name}_{hashlib.sha1(str(package).encode(), usedforsecurity=False).hexdigest()}"
    found = [package / "__pycache__", _user_cache() / "numba" / own]
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        found.append(Path(chosen) / own)
    return tuple(found)


def _user_cache() -> Path:
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - never raises
    if sys.platform == "darwin":
        return home / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")


def _discard(folder: Path, digest: str) -> int:
    stamp = folder / STAMP
    removed = 0
    try:
        if stamp.is_file() and stamp.read_bytes() == digest.encode():
            return 0
        for pattern in _COMPILED:
            for file in folder.glob(pattern):
                file.unlink(missing_ok=True)  # another process may discard at the same time
                removed += 1
        stamp.write_bytes(digest.encode())
    except OSError:
        pass  # a folder that cannot be written is none that numba would use
    return removed
