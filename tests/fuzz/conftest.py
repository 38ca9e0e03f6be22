"""A workspace of nobody's around every input, and a cheap derivation: its iterations are the vault's own business."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightning_gex.security import vault


@pytest.fixture(autouse=True)
def _nobody_s_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [n for n in os.environ if n.upper().startswith("LIGHTNING_") and n != "LIGHTNING_SOAK"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIGHTNING_HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(vault.Vault.from_bytes.__func__, "__defaults__", (vault.KdfProfile.CHEAPEST,))
    return
