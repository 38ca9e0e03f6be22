"""Machine code on disk must come from the sources that are here.

numba keeps a compiled function beside its module and trusts it as long as that one file is unchanged. But a kernel has
the kernels it calls, and the constants it uses, compiled into it, and those stand in other files: after an upgrade it
would go on computing with their old versions, without a word. So for every module that holds kernels a digest over its
source and all sources it imports lies beside the compiled files, and when that is no longer theirs, they are discarded.
Nothing else in this floor touches a disk.

Several processes may begin at once. Each looks at what lies there before it reads the digest, and removes nothing that
came later: what another one has compiled since from the present sources stays.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

STAMP = "kernels.json"
_COMPILED = ("*.nbi", "*.nbc")  # numba's index and data files
_COMPILER = b"numba"  # what a source that holds kernels must say
#: ``from lightning_gex.package.module import``: package and module; and an import by the module's name alone.
_IMPORTED = re.compile(rb"^\s*from lightning_gex\.([\w.]+)\.(\w+) import", re.MULTILINE)
_BESIDE = re.compile(rb"^\s*(?:from|import) (\w+)\b", re.MULTILINE)


def discard_outdated(package: Path, folders: tuple[Path, ...] | None = None) -> int:
    """Remove compiled kernels that other sources than the present ones made.

    Parameters
    ----------
    package : the folder of the sources.
    folders : where compiled files may lie, as numba prefers them; None: every place that it would choose for this
        package.

    Returns
    -------
    How many files were removed. The first folder that can be written is the one numba will use: it is made where it is
    not there, since files that appear in a folder without a digest are of unknown sources. A folder after that is
    looked at where it is there.
    """
    digests = digests_of(package)
    removed, chosen = 0, False
    for folder in folders or places(package):
        chosen = chosen or _made(folder)
        if folder.is_dir():
            removed += _discard(folder, digests)
    return removed


def digests_of(package: Path) -> dict[str, str]:
    """Module that holds kernels -> SHA-256, in hexadecimal, over its source and every source of the project it imports.

    Sources are looked for beside the package and in its neighbours, by the names in ``from ... import`` lines; what an
    imported source imports counts as well.
    """
    root = package.parent
    sources: dict[Path, _Source] = {}
    return {
        path.stem: _digest(path, root, sources)
        for path in sorted(package.glob("*.py"))
        if _COMPILER in _source(path, root, sources).content
    }


class _Source(NamedTuple):
    content: bytes
    imports: tuple[Path, ...]


def _source(path: Path, root: Path, sources: dict[Path, _Source]) -> _Source:
    """A source and the project's sources that it names, read once."""
    if path not in sources:
        content = path.read_bytes()
        named = (
            root.joinpath(*package.decode().split("."), f"{module.decode()}.py")
            for package, module in _IMPORTED.findall(content)
        )
        beside = (path.parent / f"{module.decode()}.py" for module in _BESIDE.findall(content))
        sources[path] = _Source(content, tuple(file for file in (*named, *beside) if file.is_file()))
    return sources[path]


def _digest(path: Path, root: Path, sources: dict[Path, _Source]) -> str:
    seen: dict[Path, None] = {path: None}
    waiting = [path]
    while waiting:
        for file in _source(waiting.pop(), root, sources).imports:
            if file not in seen:
                seen[file] = None
                waiting.append(file)
    found = hashlib.sha256()
    for file in sorted(seen):
        found.update(hashlib.sha256(file.name.encode() + b"\0" + sources[file].content).digest())
    return found.hexdigest()


def places(package: Path) -> tuple[Path, ...]:
    """Where numba may keep compiled files of a package, by its names and in its order (``numba.core.caching``)."""
    own = f"{package.name}_{hashlib.sha1(str(package).encode(), usedforsecurity=False).hexdigest()}"
    always = (package / "__pycache__", _user_cache() / "numba" / own)
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return (Path(chosen) / own, *always) if chosen else always


def _user_cache() -> Path:
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - never raises
    if sys.platform == "darwin":
        return home / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")


def _made(folder: Path) -> bool:
    """Whether the folder is there now and takes new files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _discard(folder: Path, digests: Mapping[str, str]) -> int:
    stamp = folder / STAMP
    removed = 0
    try:
        found = _compiled_files(folder)  # before the stamp is read: see above
        vouched = _vouched(stamp)
        if vouched == digests:
            return 0
        for file, modified_ns in found.items():
            module = file.name.split(".", 1)[0]
            same = module in digests and vouched.get(module) == digests[module]
            if not same and _modified_ns(file) == modified_ns:
                file.unlink(missing_ok=True)
                removed += 1
        _write_at_once(stamp, json.dumps(digests, indent=0).encode())
    except OSError:
        pass  # a folder that cannot be written is none that numba would use
    return removed


def _vouched(stamp: Path) -> Mapping[str, str]:
    """Module -> digest of the sources that its compiled files came from; nothing where the stamp cannot say."""
    try:
        found = json.loads(stamp.read_bytes())
    except (FileNotFoundError, ValueError):  # a stamp of bytes that are no text is a ValueError too
        return {}
    return found if isinstance(found, dict) else {}


def _compiled_files(folder: Path) -> Mapping[Path, int | None]:
    """Every compiled file of a folder -> when it was written."""
    return {file: _modified_ns(file) for pattern in _COMPILED for file in folder.glob(pattern)}


def _modified_ns(file: Path) -> int | None:
    """When a file was last written; None where another process has removed it."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _write_at_once(file: Path, content: bytes) -> None:
    """Write so that no other process ever reads a part: half a stamp would discard everything again."""
    handle, name = tempfile.mkstemp(prefix=file.name, dir=file.parent)
    with os.fdopen(handle, "wb") as temporary:
        temporary.write(content)
    Path(name).replace(file)
