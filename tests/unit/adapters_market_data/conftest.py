"""A file on disk for whatever bytes a test wants to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str | bytes], Path]:
    """Writes one file over and over (module scope, so that hypothesis may use it) and gives its path."""
    path = tmp_path_factory.mktemp("files") / "input.dat"

    def write(data: str | bytes) -> Path:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return write
