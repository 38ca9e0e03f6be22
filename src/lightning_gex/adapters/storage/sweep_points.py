"""The finished runs of a sweep, a file each: whole or not there, and never believed where its digest does not fit."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lightning_gex.adapters.storage.workspace_files import write_atomically
from lightning_gex.core.errors import InputError, StoreError

FORMAT = "lightning-gex-sweep-run"
FORMAT_VERSION = 1
SUFFIX = ".json"
#: Arrays are stored little-endian as one of these, whatever the machine: numbers, and sessions as days since 1970.
_STORED = {"float64": "<f8", "datetime64[D]": "<i8"}
_LEVEL = 6  # of zlib: by-session sums are mostly zeros
_NOTHING = "holds no finished run: remove it"


@dataclass(frozen=True, slots=True, eq=False)
class StoredRun:
    """A run as it is kept.

    Parameters
    ----------
    words : plain JSON values.
    arrays : name -> (n,) ``float64`` or ``datetime64[D]``.
    """

    words: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder of finished runs, each under the key of everything that shaped it.

    Parameters
    ----------
    folder : made with the first run.
    """

    folder: Path

    def file_of(self, key: str) -> Path:
        """Where the run of this key lies, or would."""
        return self.folder / f"{key}{SUFFIX}"

    def read(self, key: str) -> StoredRun | None:
        """The run of this key; None where there is none.

        Raises
        ------
        InputError : the file is there and is no whole, unaltered run of this key.
        StoreError : it cannot be read.
        """
        file = self.file_of(key)
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{file} cannot be read: {error.strerror or error}") from error
        return _read(content, key, str(file))

    def write(self, key: str, run: StoredRun) -> None:
        """Keep a run; a reader, or a power failure, sees it whole or not at all.

        Raises ``StoreError`` where it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self.folder} cannot be made: {error.strerror or error}") from error
        write_atomically(self.file_of(key), _written(key, run))


def _written(key: str, run: StoredRun) -> bytes:
    document: dict[str, Any] = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "key": key,
        "words": run.words,
        "arrays": {name: _packed(values) for name, values in run.arrays.items()},
    }
    document["sha256"] = _digest(document)
    return (json.dumps(document, sort_keys=True, allow_nan=False) + "\n").encode()


def _digest(document: Mapping[str, Any]) -> str:
    canonical = json.dumps({k: v for k, v in document.items() if k != "sha256"}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _packed(values: np.ndarray) -> dict[str, str]:
    kind = str(values.dtype)
    plain = values.astype(np.int64) if kind.startswith("datetime64") else values
    data = np.ascontiguousarray(plain).astype(_STORED[kind]).tobytes()
    return {"kind": kind, "data": base64.b64encode(zlib.compress(data, _LEVEL)).decode("ascii")}


def _read(content: bytes, key: str, source: str) -> StoredRun:
    try:
        document = json.loads(content)
        about = (document["format"], document["version"], document["key"], document["sha256"])
        whole = about == (FORMAT, FORMAT_VERSION, key, _digest(document))
        if not whole:
            raise InputError(_NOTHING, source=source)
        return StoredRun(document["words"], {name: _unpacked(one) for name, one in document["arrays"].items()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error):
        raise InputError(_NOTHING, source=source) from None


def _unpacked(packed: Mapping[str, str]) -> np.ndarray:
    data = zlib.decompress(base64.b64decode(packed["data"], validate=True))
    values = np.frombuffer(data, dtype=_STORED[packed["kind"]])
    if packed["kind"] == "float64":
        return values.astype(np.float64)
    return values.astype(np.int64).astype(packed["kind"])
