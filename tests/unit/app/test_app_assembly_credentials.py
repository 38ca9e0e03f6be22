"""The vault as the program uses it: shared with other programs, wrong passwords counted, every act on record first."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from lightning_gex.adapters.clock import ReplayClock
from lightning_gex.app.assembly import credentials as module
from lightning_gex.app.assembly.credentials import (
    CredentialStore,
    export_public_vault,
    found_password,
    public_vault,
    require_no_vault,
)
from lightning_gex.app.assembly.sealing import SEAL_ENTRY
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, RefusedError, SecretError, StoreError
from lightning_gex.security import vault
from lightning_gex.security.attempts import FREE_ATTEMPTS
from lightning_gex.security.redaction import HIDDEN, KNOWN_SECRETS
from lightning_gex.security.vault import Credentials

NOW = datetime(2024, 3, 1, 14, 30, tzinfo=UTC)
PASSWORD = "correct horse"
BROKER = Credentials("broker", "canary-key", "canary-secret")


@pytest.fixture(autouse=True)
def _cheap_derivation(monkeypatch):
    monkeypatch.setattr(vault.Vault.from_bytes.__func__, "__defaults__", (vault.KdfProfile.CHEAPEST,))


@pytest.fixture
def workspace(tmp_path):
    return Workspace.open(tmp_path / "home")


@pytest.fixture
def clock():
    return ReplayClock(NOW)


@pytest.fixture
def opened(workspace, clock):
    def store(password=PASSWORD, **more):
        return CredentialStore(workspace, clock, password, **more)

    store().store(BROKER)
    return store


def guess(opened, count):
    for _ in range(count):
        with pytest.raises(SecretError, match="does not open"):
            opened("a guess").retrieve("broker")


def test_two_stores_on_one_workspace_see_what_the_other_wrote(opened):
    one, other = opened(), opened()
    one.store(Credentials("a", "k", "s"))
    other.store(Credentials("b", "k", "s"))
    one.delete("broker")
    assert [record.name for record in other.public_records()] == ["a", "b"]
    assert one.retrieve("b").secret == "s"


def test_an_act_goes_on_record_before_anything_of_it_is_written_or_handed_out(opened, workspace):
    before = workspace.read_vault()

    def refuse(what, **detail):
        raise StoreError("the disk is full")

    store = opened(note=refuse)
    for act in (
        lambda: store.store(Credentials("a", "k", "s")),
        lambda: store.retrieve("broker"),
        lambda: store.delete("broker"),
        lambda: store.change_password("another password"),
    ):
        with pytest.raises(StoreError, match="disk is full"):
            act()
    assert workspace.read_vault() == before


def test_a_vault_that_could_not_be_written_is_read_again(opened, workspace, monkeypatch):
    store = opened()
    store.retrieve("broker")

    def full(self, data):
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("lightning_gex.adapters.storage.vault_file.VaultFile.write", full)
        with pytest.raises(StoreError):
            store.store(Credentials("a", "k", "s"))
    store.store(Credentials("b", "k", "s"))
    assert [record.name for record in store.public_records()] == ["b", "broker"]


def test_acts_and_refusals_are_noted_without_a_secret(opened):
    noted = []
    note = lambda what, **detail: noted.append((what, detail))  # noqa: E731
    store = opened(note=note)
    store.store(Credentials("a", "k1-canary", "s1-canary"))
    store.retrieve("a")
    store.change_password("another password")
    store.delete("a")
    with pytest.raises(SecretError):
        opened("wrong", note=note).retrieve("broker")
    assert [what for what, _ in noted] == [
        "credentials_stored", "credentials_read", "master_password_changed", "credentials_deleted", "secret_refused",
    ]  # fmt: skip
    assert "canary" not in str(noted)


def test_after_too_many_wrong_passwords_even_the_right_one_waits_and_after_it_all_is_well(opened, clock):
    guess(opened, FREE_ATTEMPTS)
    with pytest.raises(SecretError, match="too many wrong passwords"):
        opened().retrieve("broker")
    clock.set(NOW + timedelta(seconds=1))
    assert opened().retrieve("broker") == BROKER
    guess(opened, FREE_ATTEMPTS)


def test_who_has_opened_the_vault_goes_on_while_others_guess(opened):
    held = opened()
    held.retrieve("broker")
    guess(opened, FREE_ATTEMPTS)
    assert held.retrieve("broker") == BROKER


def test_what_is_no_attempt_at_the_password_is_not_counted(opened):
    for _ in range(FREE_ATTEMPTS + 1):
        with pytest.raises(InputError):
            opened().retrieve("nothing of that name")
        with pytest.raises(SecretError, match="none was given"):
            opened(None).retrieve("broker")
    assert opened().retrieve("broker") == BROKER


def test_the_password_changes_for_this_object_and_everybody_else(opened):
    store, other = opened(), opened()
    other.retrieve("broker")
    store.change_password("another password")
    assert store.retrieve("broker") == BROKER
    with pytest.raises(SecretError):
        other.retrieve("broker")
    assert opened("another password").retrieve("broker") == BROKER


def test_what_goes_through_the_store_is_known_to_the_redactor(opened, clock):
    KNOWN_SECRETS.forget()
    opened().retrieve("broker")
    text = f"{PASSWORD} {BROKER.key} {BROKER.secret}"
    assert KNOWN_SECRETS.text(text) == f"{HIDDEN} {HIDDEN} {HIDDEN}"


def test_a_password_is_looked_for_in_the_environment_then_in_the_keyring_where_that_is_set(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "load_password", lambda account: asked.append(account) or "from the keyring")
    plain = Workspace.open(tmp_path / "a")
    wanted = Workspace.open(tmp_path / "b", overrides={"vault": {"use_keyring": True}})
    assert found_password(plain, {}) is None
    assert found_password(plain, {"LIGHTNING_MASTER_PASSWORD": ""}) is None
    assert found_password(wanted, {"LIGHTNING_MASTER_PASSWORD": "from there"}) == "from there"
    assert asked == []
    assert found_password(wanted, {}) == "from the keyring"
    assert asked == [str(tmp_path / "b")]


def test_a_store_without_a_password_takes_the_one_that_is_found_when_it_needs_it(opened, monkeypatch):
    store = opened(None)
    monkeypatch.setenv("LIGHTNING_MASTER_PASSWORD", PASSWORD)
    assert store.retrieve("broker") == BROKER


def test_the_public_part_holds_no_secret_no_salt_and_nothing_sealed(opened, workspace, tmp_path):
    opened().store(Credentials(SEAL_ENTRY, "hmac-sha256", "00"))
    assert public_vault(workspace) == {
        "credentials": [{"name": "broker", "kdf": "pbkdf2-hmac-sha256", "iterations": 1_000}],
        "seals_journal": True,
    }
    file = tmp_path / "public.json"
    assert export_public_vault(workspace, file) == 1
    assert json.loads(file.read_text()) == public_vault(workspace)


def test_a_vault_that_is_there_is_not_begun_again(opened, workspace, tmp_path):
    with pytest.raises(RefusedError, match="change its password"):
        require_no_vault(workspace)
    require_no_vault(Workspace.open(tmp_path / "new"))


def test_a_store_shows_nothing(opened):
    store = opened()
    store.retrieve("broker")
    assert "canary" not in f"{store!r}{vars(store)}"
    assert PASSWORD not in f"{store!r}{vars(store)}"
