"""No test of the founding modules may find, or make, a workspace of the user."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _no_workspace_of_the_user(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.upper().startswith("LIGHTNING_") and "__" in n]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("LIGHTNING_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
