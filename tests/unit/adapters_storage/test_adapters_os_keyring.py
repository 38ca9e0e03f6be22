"""The master password in the operating system's keyring, with a stand-in that has the library's surface."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from lightning_gex.adapters.os_keyring import SERVICE, load_password, save_password
from lightning_gex.core.errors import MissingExtraError, StoreError


class _KeyringError(Exception):
    pass


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    passwords: dict[tuple[str, str], str] = {}
    keyring, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    keyring.get_password = lambda service, account: passwords.get((service, account))
    keyring.set_password = lambda service, account, password: passwords.update({(service, account): password})
    keyring.errors = errors
    errors.KeyringError = _KeyringError
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return passwords


def test_what_is_saved_is_loaded_for_the_same_account_only(kept: dict[tuple[str, str], str]) -> None:
    assert load_password("/home/me/.lightning-gex") is None
    save_password("/home/me/.lightning-gex", "correct horse")
    assert kept == {(SERVICE, "/home/me/.lightning-gex"): "correct horse"}
    assert load_password("/home/me/.lightning-gex") == "correct horse"
    assert load_password("/elsewhere") is None


@pytest.mark.usefixtures("kept")
def test_a_keyring_that_fails_says_so_and_not_what_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*given: str) -> None:
        raise _KeyringError(f"cannot keep {given}")

    monkeypatch.setattr("keyring.set_password", failing)
    with pytest.raises(StoreError, match="keyring cannot be used") as caught:
        save_password("me", "canary-password")
    assert "canary" not in str(caught.value)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtraError, match=r"lightning-gex\[keyring\]"):
        load_password("me")
