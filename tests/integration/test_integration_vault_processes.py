"""The vault under real processes: killed while its password changes, written by two at once, typed at a terminal."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from lightning_gex.adapters.storage.vault_file import VaultFile
from lightning_gex.core.errors import SecretError
from lightning_gex.security.vault import KdfProfile, Vault

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
SOAK = bool(os.environ.get("LIGHTNING_SOAK"))
KILLS = 200 if SOAK else 20
PASSWORDS = ("the old password", "the new password")
NAMES = tuple(f"broker-{number}" for number in range(3))

CHANGING = """
import sys
from pathlib import Path
from lightning_gex.adapters.storage.vault_file import VaultFile
from lightning_gex.security.vault import KdfProfile, Vault

file, (old, new) = VaultFile(Path(sys.argv[1])), sys.argv[2:]
print("ready", flush=True)
while True:
    with file.locked():
        vault = Vault.from_bytes(file.read(), old, KdfProfile.CHEAPEST)
        vault.change_password(new)
        file.write(vault.to_bytes())
    old, new = new, old
"""

STORING = """
import sys
from pathlib import Path
from lightning_gex.adapters.clock import SystemClock
from lightning_gex.app.assembly.credentials import CredentialStore
from lightning_gex.app.workspace import Workspace
from lightning_gex.security import vault
from lightning_gex.security.vault import Credentials

vault.Vault.from_bytes.__func__.__defaults__ = (vault.KdfProfile.CHEAPEST,)
who, home = sys.argv[1:]
store = CredentialStore(Workspace.open(Path(home)), SystemClock(), "correct horse")
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    store.store(Credentials(f"{who}-{number}", "k", f"{who}-{number}-secret"))
"""

AT_A_TERMINAL = """
import os, sys
os.login_tty(os.open(sys.argv[1], os.O_RDWR))
from lightning_gex.security import vault
vault.Vault.from_bytes.__func__.__defaults__ = (vault.KdfProfile.CHEAPEST,)
from lightning_gex.app.cli import main
sys.exit(main(sys.argv[2:]))
"""


def started(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def passwords_that_open(data: bytes) -> list[str]:
    """Those of the two that open every record."""
    found = []
    for password in PASSWORDS:
        vault = Vault.from_bytes(data, password, KdfProfile.CHEAPEST)
        try:
            secrets = [vault.retrieve(name).secret for name in NAMES]
        except SecretError:
            continue
        assert secrets == [f"{name}-secret" for name in NAMES]
        found.append(password)
    return found


def test_killed_at_any_moment_of_a_change_the_vault_opens_with_the_old_password_or_the_new_one(tmp_path: Path) -> None:
    file = VaultFile(tmp_path / "vault.json")
    vault = Vault.from_bytes(None, PASSWORDS[0], KdfProfile.CHEAPEST)
    for name in NAMES:
        vault.store(name, f"{name}-key", f"{name}-secret")
    file.write(vault.to_bytes())
    drawn, present, ended_with = random.Random(4), PASSWORDS[0], Counter[str]()
    for _ in range(KILLS):
        other = PASSWORDS[present == PASSWORDS[0]]
        with started(CHANGING, str(file.path), present, other) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(drawn.uniform(0.0, 0.06))
            child.kill()
        data = file.read()
        assert data is not None
        (present,) = passwords_that_open(data)
        ended_with["changed" if present == other else "unchanged"] += 1
        with file.locked():  # nothing stays locked, and nothing sealed with another password stays behind
            assert sorted(path.name for path in tmp_path.iterdir()) == ["vault.json", "vault.lock"]
    assert set(ended_with) == {"changed", "unchanged"}
    if SOAK:
        found = {"kills": KILLS, **ended_with, "records_lost": 0, "opened_by_both_or_neither": 0}
        (RESULTS / "soak_vault.json").write_text(json.dumps(found, indent=2) + "\n")


def test_two_programs_that_store_at_once_lose_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    children = [started(STORING, who, str(home)) for who in ("one", "two")]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        child.communicate()
        assert child.returncode == 0
    vault = Vault.from_bytes(VaultFile(home / "vault.json").read(), "correct horse", KdfProfile.CHEAPEST)
    expected = sorted(f"{who}-{number}" for who in ("one", "two") for number in range(20))
    assert vault.names() == expected
    assert [vault.retrieve(name).secret for name in expected] == [f"{name}-secret" for name in expected]


@pytest.mark.skipif(not hasattr(os, "login_tty"), reason="needs a terminal of its own, which this system has none of")
def test_what_is_typed_at_a_terminal_is_not_echoed(tmp_path: Path) -> None:
    import pty

    master, slave = pty.openpty()
    arguments = ["vault", "init", "--home", str(tmp_path / "home")]
    child = subprocess.Popen([sys.executable, "-c", AT_A_TERMINAL, os.ttyname(slave), *arguments])
    shown = b""
    for prompt in (b"master password: ", b"master password again: "):
        while not shown.endswith(prompt):
            shown += os.read(master, 1_024)
        os.write(master, b"canary-password\n")
    os.close(slave)
    try:
        while piece := os.read(master, 1_024):
            shown += piece
    except OSError:  # how Linux says that nobody has the other end any more
        pass
    os.close(master)
    assert child.wait() == 0, shown
    assert b"begun: " in shown
    assert b"canary" not in shown
