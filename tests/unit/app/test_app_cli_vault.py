"""``lightning vault``: secrets come in by prompt, environment or pipe, and none comes out."""

from __future__ import annotations

import io
import json
import sys
from types import ModuleType

import pytest
import typer

from lightning_gex.app.cli import main
from lightning_gex.app.cli.application import application
from lightning_gex.app.cli.secret_input import SecretInput
from lightning_gex.core.errors import InputError
from lightning_gex.security import vault
from lightning_gex.security.attempts import FREE_ATTEMPTS
from lightning_security_manager import SecurityManager

OLD, NEW, KEY, SECRET = "canary old password", "canary new password", "canary-key", "canary-secret="
ALL = (OLD, NEW, KEY, SECRET)


@pytest.fixture(autouse=True)
def _cheap_derivation(monkeypatch):
    monkeypatch.setattr(vault.Vault.from_bytes.__func__, "__defaults__", (vault.KdfProfile.CHEAPEST,))


@pytest.fixture
def lightning(capsys, monkeypatch):
    """Run a command with lines piped or typed; nothing it prints may hold a secret."""

    def run(*arguments, piped=None, typed=None, code=0):
        answers = iter(typed or [])
        monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in piped or [])))
        ended = main(["vault", *arguments, *(["--stdin"] if piped is not None else [])])
        captured = capsys.readouterr()
        assert not [secret for secret in ALL if secret in captured.out + captured.err]
        assert ended == code, captured.err
        assert not list(answers)
        return captured.out if code == 0 else captured.err

    return run


@pytest.fixture
def begun(lightning):
    lightning("init", piped=[f"password={OLD}"])
    lightning("set", "broker", piped=[f"password={OLD}", f"api_key={KEY}", f"api_secret={SECRET}"])


def stored(password=OLD):
    with SecurityManager(password) as security:
        return security.get_api_credentials("broker")


def test_secrets_are_typed_and_the_new_password_twice(lightning):
    assert lightning("init", typed=[OLD, OLD]).startswith("begun: ")
    assert lightning("set", "broker", typed=[OLD, KEY, SECRET]) == "stored: broker\n"
    assert lightning("set", "broker", typed=[OLD, KEY, SECRET]) == "replaced: broker\n"
    assert stored() == {"api_key": KEY, "api_secret": SECRET}
    lightning("change-password", typed=[OLD, NEW, NEW])
    assert stored(NEW) == {"api_key": KEY, "api_secret": SECRET}


def test_secrets_are_piped_in_any_order_and_hold_whatever_a_line_holds(lightning, begun):
    assert stored() == {"api_key": KEY, "api_secret": SECRET}
    lightning("change-password", piped=[f"new_password={NEW}", "", f"password={OLD}"])
    assert stored(NEW)["api_key"] == KEY


def test_secrets_come_from_the_environment(lightning, monkeypatch):
    monkeypatch.setenv("LIGHTNING_MASTER_PASSWORD", OLD)
    lightning("init")
    monkeypatch.setenv("LIGHTNING_API_KEY", KEY)
    monkeypatch.setenv("LIGHTNING_API_SECRET", SECRET)
    lightning("set", "broker")
    assert stored(None) == {"api_key": KEY, "api_secret": SECRET}
    monkeypatch.setenv("LIGHTNING_NEW_MASTER_PASSWORD", NEW)
    lightning("change-password")
    assert stored(NEW)["api_key"] == KEY


@pytest.mark.usefixtures("begun")
def test_names_are_listed_exported_and_removed_without_a_password(lightning, tmp_path):
    assert lightning("list") == "broker\n"
    file = tmp_path / "public.json"
    assert lightning("export-public", str(file)) == f"1 names in {file}\n"
    text = file.read_text()
    assert json.loads(text)["credentials"][0]["name"] == "broker"
    sealed = json.loads((tmp_path / "home" / "vault.json").read_text())["records"]["broker"]
    assert sealed["salt"] not in text
    assert sealed["token"] not in text
    assert lightning("remove", "broker") == "removed: broker\n"
    assert lightning("list") == "nothing is stored\n"
    assert "no credentials named 'broker'" in lightning("remove", "broker", code=3)


@pytest.mark.usefixtures("begun")
def test_answers_are_documents_on_request(lightning, tmp_path):
    public = json.loads(lightning("list", "--json"))
    assert public == {
        "credentials": [{"name": "broker", "kdf": "pbkdf2-hmac-sha256", "iterations": 1_000}],
        "seals_journal": True,
    }
    file = str(tmp_path / "p.json")
    assert json.loads(lightning("export-public", file, "--json")) == {"credentials": 1, "file": file}
    lines = [f"password={OLD}", f"api_key={KEY}", f"api_secret={SECRET}"]
    assert json.loads(lightning("set", "b", "--json", piped=lines)) == {"name": "b", "replaced": False}
    changed = lightning("change-password", "--json", piped=[f"password={OLD}", f"new_password={NEW}"])
    assert json.loads(changed) == {"changed": True, "in_keyring": False}
    assert json.loads(lightning("remove", "b", "--json")) == {"name": "b", "removed": True}


@pytest.mark.usefixtures("begun")
def test_a_wrong_password_is_one_line_and_code_4_and_after_some_it_costs_time(lightning):
    lines = [f"password={NEW}", f"api_key={KEY}", f"api_secret={SECRET}"]
    said = {lightning("set", "b", piped=lines, code=4) for _ in range(FREE_ATTEMPTS)}
    assert said == {"error: the vault does not open: wrong master password, or the record is damaged\n"}
    assert "too many wrong passwords" in lightning("set", "b", piped=lines, code=4)


@pytest.mark.usefixtures("begun")
def test_a_vault_is_begun_once_and_nobody_is_asked_for_a_password_in_vain(lightning):
    assert "is there already" in lightning("init", typed=[], code=8)


@pytest.mark.parametrize(
    ("typed", "words"), [(["short77"], "at least 8 characters"), ([OLD, NEW], "the two passwords differ")]
)
def test_a_new_password_that_is_short_or_mistyped_is_refused(lightning, typed, words):
    assert words in lightning("init", typed=typed, code=2)
    assert lightning("list") == "nothing is stored\n"


def test_a_vault_that_others_can_read_is_refused_with_what_to_do(lightning, begun, tmp_path):
    (tmp_path / "home" / "vault.json").chmod(0o644)
    assert "run chmod 600 on it" in lightning("list", code=5)


@pytest.mark.parametrize(
    "lines", [[KEY], [f"key={KEY}"], [f"api_key={KEY}", f"api_key={KEY}"], ["=x"], [f"api_secret={SECRET}", KEY]]
)
def test_a_piped_line_that_is_none_of_them_is_named_by_its_number_and_not_shown(lightning, lines):
    said = lightning("set", "broker", piped=lines, code=3)
    assert f"standard input, row {len(lines)}: give each of these once" in said


def test_an_endless_pipe_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("x" * 100_000))
    with pytest.raises(InputError, match="secrets are short"):
        SecretInput.of(True, "password")


def test_what_was_piped_does_not_show():
    assert SECRET not in repr(SecretInput({"api_secret": SECRET}))


def test_where_nothing_is_piped_and_nobody_can_type_the_line_says_what_to_do(lightning, monkeypatch):
    import getpass

    said = lightning("set", "broker", piped=[], code=4)
    assert "no master password was given" in said
    assert "LIGHTNING_MASTER_PASSWORD" in said

    def no_terminal(_):
        raise getpass.GetPassWarning("it would echo")

    monkeypatch.setattr("getpass.getpass", no_terminal)
    assert main(["vault", "set", "broker"]) == 4


def test_the_password_goes_into_the_keyring_on_request_and_is_found_there_where_that_is_set(
    lightning, monkeypatch, tmp_path
):
    kept = {}
    keyring, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    keyring.get_password = lambda service, account: kept.get(account)
    keyring.set_password = lambda service, account, password: kept.update({account: password})
    keyring.errors, errors.KeyringError = errors, OSError
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    lightning("init", "--keyring", piped=[f"password={OLD}"])
    home = str(tmp_path / "home")
    assert kept == {home: OLD}
    monkeypatch.setenv("LIGHTNING_VAULT__USE_KEYRING", "true")
    lightning("set", "broker", piped=[f"api_key={KEY}", f"api_secret={SECRET}"])
    lightning("change-password", piped=[f"new_password={NEW}"])
    assert kept == {home: NEW}
    assert stored(None) == {"api_key": KEY, "api_secret": SECRET}


def test_no_command_takes_a_secret_as_an_argument():
    group = typer.main.get_command(application).commands["vault"]
    taken = {p.name for command in group.commands.values() for p in command.params}
    assert taken == {"name", "file", "stdin", "keyring", "home", "as_json"}
