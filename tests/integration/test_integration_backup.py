"""A workspace becomes one verified file while programs run, and comes back whole, halted, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import zipfile
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from lightning_gex.adapters.clock import ReplayClock
from lightning_gex.adapters.halt_file import HaltFile
from lightning_gex.app.assembly.backup import drill_backup, make_backup, restore_backup, verify_backup, with_storage_url
from lightning_gex.app.assembly.control import latched_breakers, resume_trading
from lightning_gex.app.assembly.wiring import Stores
from lightning_gex.app.cli import main
from lightning_gex.app.founding.security import SecurityManager
from lightning_gex.app.settings import default_toml
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, IntegrityError, RefusedError, SettingsError, StoreError
from lightning_gex.core.events import AuditNoted
from paper_days import TICKERS, all_bars, call
from small_disk import fill, small_disk

TESTS = Path(__file__).resolve().parents[1]
RESULTS = TESTS.parent / "benchmarks" / "results"
PASSWORD = "correct horse battery staple"
NOW = datetime(2024, 3, 1, 15, 0, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One with a vault, a model and something on record."""
    home = tmp_path / "home"
    with SecurityManager(PASSWORD, home=home) as security:
        security.init_vault()
        security.store_api_credentials("broker", "a key", "a secret of the broker")
        for number in range(20):
            security.log_event("text", n=number)
    (home / "policy.zip").write_bytes(b"a model")
    (home / "reports" / "report.html").write_text("made again at will")
    (home / "lightning.log").write_text("details of failures")
    return Workspace.open(home)


def records(workspace: Workspace) -> int:
    stores = Stores.open(workspace)
    with stores.journal("look") as journal:
        count = journal.verify()
    stores.engine.dispose()
    return count


def python(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(TESTS / program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False)


def test_what_comes_back_is_what_was_backed_up_and_is_halted(workspace: Workspace, tmp_path: Path) -> None:
    count = records(workspace)
    made = make_backup(workspace, tmp_path / "w.backup")
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    assert made.manifest.about["journal"]["records"] == count
    assert records(workspace) == count + 1  # that it was made is on record
    held = set(made.manifest.members)
    assert held >= {
        "audit.key",
        "vault.json",
        "policy.zip",
        "journal.seal",
        "journal.anchor",
        "lightning.toml",
        "halt.flag",
    }
    assert not {name for name in held if name.startswith("reports/") or name.endswith((".log", ".lock"))}
    found = restore_backup(made.file, tmp_path / "there", by="Ada", clock=ReplayClock(NOW))
    there = Workspace.open(tmp_path / "there")
    assert records(there) == count + 3
    assert (there.home / "policy.zip").read_bytes() == b"a model"
    assert stat.S_IMODE(there.home.stat().st_mode) == 0o700
    reason = "restored at 2024-03-01 15:00 UTC from w.backup: reconcile with the broker before trading"
    assert HaltFile(there.halt_flag).read().reason == reason
    assert latched_breakers(there) == {"halt": f"Ada: {reason}"}
    assert reason in found.notes[0]
    resume_trading(there, by="Ada", reason="reconciled")
    assert latched_breakers(there) == {}
    with SecurityManager(PASSWORD, home=there.home) as security:
        assert security.get_api_credentials("broker")["api_secret"] == "a secret of the broker"
        assert security.verify_audit_log() > count


def test_a_paper_run_goes_on_from_its_backup_as_if_nothing_had_been(tmp_path: Path) -> None:
    bars, home = [all_bars()[0].first(130)], tmp_path / "home"
    call(home, bars, 122, tickers=TICKERS[:1], start=bars[0].session[100].astype(date))
    made = make_backup(Workspace.open(home), tmp_path / "w.backup")
    after = call(home, bars, 129)
    assert len(after.open_trades) == 1  # what was held when it was made is closed, and something else is held
    restore_backup(made.file, tmp_path / "there")
    resume_trading(Workspace.open(tmp_path / "there"), by="Ada", reason="on paper there is nothing to reconcile")
    again = call(tmp_path / "there", bars, 129)
    assert (again.equity, again.cash, again.run_id) == (after.equity, after.cash, after.run_id)
    assert [d.reason for d in again.decisions] == [d.reason for d in after.decisions]
    drilled = drill_backup(Workspace.open(home), made.file)
    assert drilled.runs == 1
    assert drilled.behind > 0


def test_a_backup_of_a_workspace_that_is_written_to_all_the_time_is_whole(workspace: Workspace, tmp_path: Path) -> None:
    """The writer is a process of its own, in the middle of whatever it is doing."""
    code = (
        "import sys; from lightning_gex.app.founding.security import SecurityManager\n"
        "with SecurityManager(home=sys.argv[1]) as s:\n"
        "    print('writing', flush=True)\n"
        "    n = 0\n"
        "    while True:\n"
        "        s.log_event('text', n=n); s.check_rate_limit('x', 10**9); n += 1\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(workspace.home)], stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        counts = [
            make_backup(workspace, tmp_path / f"{n}.backup").manifest.about["journal"]["records"] for n in range(3)
        ]
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.communicate()
    assert counts == sorted(set(counts))
    assert records(workspace) >= counts[-1]
    assert drill_backup(workspace, tmp_path / "2.backup").records == counts[-1]


def test_killed_at_any_step_a_restore_leaves_the_old_workspace_or_the_new_one(workspace, tmp_path) -> None:
    made = make_backup(workspace, tmp_path / "w.backup")
    (tmp_path / "kills").mkdir()
    stride = 1 if os.environ.get("LIGHTNING_SOAK") else 16
    done = python("restore_kills.py", made.file, workspace.home, tmp_path / "kills", stride)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["undisturbed"] == "new"
    assert set(found["held"]) == {"old", "new"}  # and nothing else, such as half of one
    assert (found["ended_otherwise"], found["lost"]) == (0, 0), done.stderr
    assert len(found["held"]) >= 12
    if stride == 1:
        told = {"kills": len(found["held"]), "steps": found["steps"], "lost": found["lost"]}
        told |= {word: found["held"].count(word) for word in sorted(set(found["held"]))}
        (RESULTS / "soak_restore_kills.json").write_text(json.dumps(told, indent=2) + "\n")


def test_a_place_that_is_not_empty_is_only_taken_when_told_and_nothing_of_it_is_lost(workspace, tmp_path) -> None:
    made = make_backup(workspace, tmp_path / "w.backup")
    count = records(workspace)
    with pytest.raises(RefusedError, match="--replace"):
        restore_backup(made.file, workspace.home)
    assert records(workspace) == count
    found = restore_backup(made.file, workspace.home, replace=True)
    assert found.aside is not None
    aside = Workspace.open(found.aside)
    assert records(aside) == count
    assert HaltFile(aside.halt_flag).read() is not None  # programs that still run on it enter nothing
    assert {p.name for p in tmp_path.iterdir()} == {"home", "w.backup", found.aside.name}


def test_a_place_that_is_a_file_or_cannot_be_is_refused_and_left_alone(workspace: Workspace, tmp_path: Path) -> None:
    made = make_backup(workspace, tmp_path / "w.backup")
    (tmp_path / "a file").write_text("somebody's")
    for replace in (False, True):
        with pytest.raises(RefusedError, match="is a file"):
            restore_backup(made.file, tmp_path / "a file", replace=replace)
    assert (tmp_path / "a file").read_text() == "somebody's"
    with pytest.raises(StoreError, match="too long"):
        restore_backup(made.file, tmp_path / ("n" * 300))


def test_an_altered_journal_is_not_backed_up(workspace: Workspace, tmp_path: Path) -> None:
    with closing(sqlite3.connect(workspace.database)) as database:
        database.execute("UPDATE journal SET payload = payload || ' ' WHERE sequence = 5")
        database.commit()
    with pytest.raises(IntegrityError):
        make_backup(workspace, tmp_path / "w.backup")
    assert not (tmp_path / "w.backup").exists()


def test_a_backup_whose_store_was_altered_is_refused_even_with_a_manifest_that_fits(workspace, tmp_path) -> None:
    made = make_backup(workspace, tmp_path / "w.backup")
    (tmp_path / "out").mkdir()
    with zipfile.ZipFile(made.file) as archive:
        archive.extractall(tmp_path / "out")
    with closing(sqlite3.connect(tmp_path / "out" / "lightning.db")) as database:
        database.execute("DELETE FROM journal WHERE sequence = (SELECT max(sequence) FROM journal)")
        database.commit()
    from lightning_gex.adapters.storage.backup_archive import write_archive

    files = {p.relative_to(tmp_path / "out").as_posix(): p for p in (tmp_path / "out").rglob("*") if p.is_file()}
    del files["manifest.json"]
    write_archive(tmp_path / "forged.backup", files, made.manifest.about)
    for act in (verify_backup, lambda f: restore_backup(f, tmp_path / "there")):
        with pytest.raises(IntegrityError, match="use another backup"):
            act(tmp_path / "forged.backup")
    assert not (tmp_path / "there").exists()
    assert not list(tmp_path.glob(".there*"))


def test_a_drill_with_another_workspace_s_backup_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    with SecurityManager(home=tmp_path / "other") as other:
        other.log_event("text")
    foreign = make_backup(Workspace.open(tmp_path / "other"), tmp_path / "foreign.backup")
    with pytest.raises(IntegrityError, match="a backup of another"):
        drill_backup(workspace, foreign.file)


def test_a_full_disk_leaves_no_half_of_a_backup(workspace: Workspace, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2_048) as disk:
        (fill(disk)).unlink()
        (disk / "filler").write_bytes(b"x" * 1_950_000)
        with pytest.raises(StoreError):
            make_backup(workspace, disk / "w.backup")
        assert {p.name for p in disk.iterdir()} == {"filler"}
    assert records(workspace)


def test_a_file_that_is_there_is_not_written_over(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "w.backup").write_text("another")
    with pytest.raises(SettingsError, match="name another"):
        make_backup(workspace, tmp_path / "w.backup")
    with pytest.raises(SettingsError, match="names no file: File name too long"):
        make_backup(workspace, tmp_path / ("n" * 300))
    with pytest.raises(SettingsError, match="no folder"):
        make_backup(workspace, tmp_path / "absent" / "w.backup")
    assert make_backup(workspace, tmp_path).file.parent == tmp_path


def test_a_link_in_the_workspace_is_left_out_and_said(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.home / "passwords").symlink_to("/etc/passwd")
    made = make_backup(workspace, tmp_path / "w.backup")
    assert made.notes == ("passwords is a link and is not in the backup",)
    assert "passwords" not in made.manifest.members


def test_the_commands_make_verify_drill_and_restore(workspace, tmp_path, capsys) -> None:
    home, file = str(workspace.home), str(tmp_path / "w.backup")
    assert main(["backup", file, "--home", home, "--drill", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["verified"], said["store"], said["drill"]["behind"]) == (True, "sqlite", 1)
    assert set(said["members"]) >= {"lightning.db", "audit.key"}
    assert main(["backup", "--verify", file]) == 0
    assert capsys.readouterr().out.startswith("verified: ")
    assert main(["restore", file, "--home", home]) == RefusedError.exit_code
    assert main(["restore", file, "--home", str(tmp_path / "there"), "--json"]) == 0
    captured = capsys.readouterr().out
    assert json.loads(captured)["halted"] is True
    (tmp_path / "text").write_text("no backup")
    assert main(["restore", str(tmp_path / "text"), "--home", str(tmp_path / "elsewhere")]) == InputError.exit_code
    assert main(["backup", file, "--verify", file]) == SettingsError.exit_code
    kinds = [e for e in _notes(workspace) if e in {"backup_made", "backup_drilled"}]
    assert kinds == ["backup_made", "backup_drilled"]


def _notes(workspace: Workspace) -> list[str]:
    stores = Stores.open(workspace)
    with stores.journal("look") as journal:
        found = [r.event.what for r in journal.read(kinds=["audit_noted"]) if isinstance(r.event, AuditNoted)]
    stores.engine.dispose()
    return found


@pytest.mark.parametrize(
    "text",
    [
        default_toml(),
        "",
        "[account]\n",
        '[storage]\nurl = "postgresql://a@b/c" # old\n\n[vault]\nuse_keyring = true\n',
        "[storage]",
        "[vault]\n[storage] # where\n",
    ],
)
def test_a_settings_file_is_pointed_to_another_store_and_keeps_the_rest(text: str) -> None:
    import tomllib

    url = "postgresql://me@there/lightning"
    changed = tomllib.loads(with_storage_url(text, url))
    before = tomllib.loads(text)
    assert changed.pop("storage")["url"] == url
    before.pop("storage", None)
    assert changed == before


def test_a_settings_file_that_says_it_in_a_way_of_its_own_is_not_guessed_at() -> None:
    with pytest.raises(SettingsError, match="in a way of its own"):
        with_storage_url('storage = { url = "postgresql://a@b/c" }\n', "postgresql://me@there/x")


def test_the_vault_survives_the_way_there_and_back(workspace: Workspace, tmp_path: Path) -> None:
    shutil.copy(workspace.vault_file, tmp_path / "vault.json")
    made = make_backup(workspace, tmp_path / "w.backup")
    restore_backup(made.file, tmp_path / "there")
    assert (tmp_path / "there" / "vault.json").read_bytes() == (tmp_path / "vault.json").read_bytes()
    assert b"a secret of the broker" not in made.file.read_bytes()
