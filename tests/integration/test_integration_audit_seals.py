"""The vault's seals: with the audit key alone, history before the last seal cannot be rewritten unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders_events import marked
from lightning_gex.adapters.storage.anchor_file import AnchorFile
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.adapters.storage.journal_rows import COLUMNS, Prepared, chained
from lightning_gex.adapters.storage.schema import JOURNAL
from lightning_gex.app.assembly.audit import verify_audit
from lightning_gex.app.assembly.sealing import SEAL_ENTRY, seal_journal, sealing_key, verify_seals
from lightning_gex.app.assembly.wiring import Stores
from lightning_gex.app.cli import main
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, IntegrityError
from lightning_gex.security.vault import KdfProfile, Vault
from lightning_security_manager import SecurityManager

PASSWORD = "correct horse"
AT = marked().at


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "home")


def vault_of(workspace: Workspace) -> Vault:
    return Vault.from_bytes(workspace.read_vault(), PASSWORD, KdfProfile.CHEAPEST)


@pytest.fixture
def key(workspace: Workspace) -> bytes:
    vault = vault_of(workspace)
    made = sealing_key(vault, workspace)
    workspace.write_vault(vault.to_bytes())
    return made


@pytest.fixture
def journal(workspace: Workspace) -> SqlJournal:
    return Stores.open(workspace).journal("run")


def rewritten(workspace: Workspace, journal: SqlJournal, *, drop_seals: bool) -> SqlJournal:
    """History told anew by somebody who has the audit key: one mark changed, every digest and the anchor made again."""
    key = workspace.audit_key
    with journal._engine.begin() as connection:
        rows = connection.execute(JOURNAL.select().order_by(JOURNAL.c.sequence)).all()
        kept = [row for row in rows if not (drop_seals and row.kind == "chain_sealed")]
        told = [Prepared(r.kind, r.at, r.payload.replace('"equity":"100001"', '"equity":"999999"')) for r in kept]
        connection.execute(JOURNAL.delete())
        forged, head = chained(key, 0, "0" * 64, "run", told)
        connection.execute(JOURNAL.insert(), [dict(zip(COLUMNS, row, strict=True)) for row in forged])
    anchor = workspace.home / "journal.anchor"
    anchor.unlink()
    AnchorFile(anchor, key).create()
    AnchorFile(anchor, key).advance(len(forged), head, sync=True)
    return Stores.open(workspace).journal("run")


@pytest.mark.parametrize("drop_seals", [False, True])
def test_a_history_rewritten_with_the_audit_key_verifies_and_its_seals_do_not(
    workspace: Workspace, journal: SqlJournal, key: bytes, drop_seals: bool
) -> None:
    journal.append([marked(number) for number in range(4)])
    seal_journal(journal, workspace, key, AT)
    journal.append([marked(9)])
    assert verify_seals(journal, workspace, key) == 1
    forged = rewritten(workspace, journal, drop_seals=drop_seals)
    assert forged.verify() == 5 + (not drop_seals)  # the audit key alone sees nothing
    for find in (lambda: verify_seals(forged, workspace, key), lambda: seal_journal(forged, workspace, key, AT)):
        with pytest.raises(IntegrityError, match="record 4 is not the one that"):
            find()


def test_a_seal_made_without_the_vaults_key_is_found(workspace: Workspace, journal: SqlJournal, key: bytes) -> None:
    journal.append([marked()])
    seal_journal(journal, workspace, key, AT)
    workspace.seal_file.rename(workspace.home / "kept")
    seal_journal(journal, workspace, bytes(32), AT)
    workspace.seal_file.unlink()
    (workspace.home / "kept").rename(workspace.seal_file)
    with pytest.raises(IntegrityError, match="record 3 is a seal that was not made with the vault's key"):
        verify_seals(journal, workspace, key)


def test_a_seal_that_is_missing_or_of_another_vault_is_said(
    workspace: Workspace, journal: SqlJournal, key: bytes
) -> None:
    journal.append([marked()])
    seal_journal(journal, workspace, key, AT)
    with pytest.raises(IntegrityError, match="does not hold its key"):
        sealing_key(Vault.from_bytes(None, PASSWORD, KdfProfile.CHEAPEST), workspace)
    workspace.seal_file.unlink()
    with pytest.raises(IntegrityError, match=r"journal\.seal is missing"):
        verify_seals(journal, workspace, key)


def test_opening_the_vault_seals_the_journal_once_and_its_entry_is_not_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with SecurityManager(PASSWORD, home=tmp_path / "home") as security:
        security.store_api_credentials("broker", "k", "s")
        security.get_api_credentials("broker")
        assert security.list_api_credentials() == ["broker"]
        for act in (security.get_api_credentials, security.delete_api_credentials):
            with pytest.raises(InputError, match="the journal's own entry"):
                act(SEAL_ENTRY)
        assert security.verify_audit_log() == 3  # stored, sealed, read
    workspace = Workspace.open(tmp_path / "home")
    assert verify_audit(workspace).seals is None
    monkeypatch.setattr("getpass.getpass", lambda _: PASSWORD)
    assert main(["audit", "verify", "--seals", "--home", str(workspace.home)]) == 0
    assert "1 seals of the vault" in capsys.readouterr().out
    monkeypatch.setattr("getpass.getpass", lambda _: "wrong")
    assert main(["audit", "verify", "--seals", "--home", str(workspace.home)]) == 4
