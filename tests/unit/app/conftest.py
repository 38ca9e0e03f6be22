"""A workspace of its own for every test of the application floor."""

from __future__ import annotations

import os

import pytest

from cli_fakes import FakeWiring, install


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.upper().startswith("LIGHTNING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIGHTNING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def wiring(monkeypatch):
    fake = FakeWiring()
    install(fake, monkeypatch)
    return fake
