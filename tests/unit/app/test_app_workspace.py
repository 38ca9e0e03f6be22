"""The workspace: where it is, what is in it, who may read it, and what is said when it cannot be had."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lightning_gex.app.workspace import Workspace, resolve_home
from lightning_gex.core.errors import IntegrityError, SettingsError, StoreError

needs_permissions = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind the superuser"
)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_named_folder_wins_over_the_variable_and_that_over_the_default(tmp_path):
    assert resolve_home(tmp_path, {"LIGHTNING_HOME": "/elsewhere"}) == tmp_path
    assert resolve_home(None, {"LIGHTNING_HOME": "/elsewhere"}) == Path("/elsewhere")
    assert resolve_home(None, {}) == Path.home() / ".lightning-gex"
    assert resolve_home(None, {"LIGHTNING_HOME": ""}) == Path.home() / ".lightning-gex"


def test_a_relative_name_is_made_absolute(tmp_path):
    assert resolve_home(Path("ws")) == tmp_path / "ws"  # tests run in tmp_path


def test_an_unknown_user_s_home_is_a_setting_error():
    with pytest.raises(SettingsError, match="--home"):
        resolve_home(Path("~nobody-has-this-name/x"))


def test_the_first_use_makes_everything_private(tmp_path):
    workspace = Workspace.open(tmp_path / "a" / "ws")
    assert {p.name for p in workspace.home.iterdir()} == {
        "lightning.toml",
        "lightning.db",
        "audit.key",
        "halt.flag",
        "reports",
    }
    assert mode_of(workspace.home) == 0o700
    assert mode_of(workspace.audit_key_file) == 0o600
    assert mode_of(workspace.database) == 0o600
    assert len(workspace.audit_key) == 32


def test_opening_again_changes_nothing(tmp_path):
    first = Workspace.open(tmp_path / "ws")
    first.settings_file.write_text("[kelly]\nfraction = 0.5\n")
    key = first.audit_key
    again = Workspace.open(tmp_path / "ws")
    assert again.audit_key == key
    assert again.settings.kelly.fraction == 0.5
    assert again.settings_file.read_text() == "[kelly]\nfraction = 0.5\n"


def test_two_workspaces_have_different_keys(tmp_path):
    assert Workspace.open(tmp_path / "a").audit_key != Workspace.open(tmp_path / "b").audit_key


def test_overrides_win_over_the_file(tmp_path):
    Workspace.open(tmp_path / "ws").settings_file.write_text("[account]\ninitial_capital = 5.0\n")
    opened = Workspace.open(tmp_path / "ws", overrides={"account": {"initial_capital": 7.0}})
    assert opened.settings.account.initial_capital == 7.0


def test_a_lost_key_is_not_replaced_once_there_are_records(tmp_path):
    workspace = Workspace.open(tmp_path / "ws")
    workspace.database.write_bytes(b"records")
    workspace.audit_key_file.unlink()
    with pytest.raises(IntegrityError, match="audit key is missing"):
        Workspace.open(tmp_path / "ws")
    assert not workspace.audit_key_file.exists()


def test_a_damaged_key_is_refused(tmp_path):
    workspace = Workspace.open(tmp_path / "ws")
    workspace.audit_key_file.write_text("not a key")
    with pytest.raises(IntegrityError, match=r"audit\.key"):
        Workspace.open(tmp_path / "ws")


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "ws").write_text("")
    with pytest.raises(StoreError, match="is a file"):
        Workspace.open(tmp_path / "ws")
    with pytest.raises(StoreError, match="cannot be made"):
        Workspace.open(tmp_path / "ws" / "deeper")


@needs_permissions
def test_a_folder_that_may_not_be_written_is_refused(tmp_path):
    home = tmp_path / "ws"
    home.mkdir(mode=0o500)
    with pytest.raises(StoreError, match="cannot be written"):
        Workspace.open(home)


def test_a_wrong_setting_stops_the_opening_before_a_key_is_made(tmp_path):
    home = tmp_path / "ws"
    home.mkdir()
    (home / "lightning.toml").write_text("[account]\ncapital = 1\n")
    with pytest.raises(SettingsError, match=r"lightning\.toml, key 'account\.capital'"):
        Workspace.open(home)
    assert not (home / "audit.key").exists()


def test_the_vault_is_absent_until_written_and_then_private(tmp_path):
    workspace = Workspace.open(tmp_path / "ws")
    assert workspace.read_vault() is None
    workspace.write_vault(b"sealed")
    assert workspace.read_vault() == b"sealed"
    assert mode_of(workspace.vault_file) == 0o600


def test_a_vault_that_others_can_read_is_refused(tmp_path):
    workspace = Workspace.open(tmp_path / "ws")
    workspace.write_vault(b"sealed")
    workspace.vault_file.chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        workspace.read_vault()
