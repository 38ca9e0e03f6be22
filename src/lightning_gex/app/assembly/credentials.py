"""The vault as the program uses it: one process at a time, wrong passwords counted, every act on record first."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from lightning_gex.adapters.os_keyring import load_password, save_password
from lightning_gex.adapters.storage.workspace_files import write_atomically
from lightning_gex.app.assembly.sealing import SEAL_ENTRY
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.decision import Scalar
from lightning_gex.core.errors import RefusedError, SecretError
from lightning_gex.core.ports import Clock
from lightning_gex.security.attempts import Attempts
from lightning_gex.security.redaction import KNOWN_SECRETS, guard_logging
from lightning_gex.security.vault import Credentials, PublicRecord, Vault

#: Holds the master password for programs that nobody starts by hand. Not a setting: a setting would be on record.
PASSWORD_VARIABLE = "LIGHTNING_MASTER_PASSWORD"  # noqa: S105 - a name


class Note(Protocol):
    """Puts an act on record."""

    def __call__(self, what: str, **detail: Scalar) -> None:
        """Say what is about to be done; durable on return."""
        ...


def _unrecorded(what: str, **detail: Scalar) -> None:
    """For acts that nothing is handed out by."""


class CredentialStore:
    """The workspace's vault, shared safely with other processes.

    Every act that opens or changes the vault holds its lock, so that two programs that store at once lose nothing. An
    attempt at the password counts as a wrong one until it has opened something.

    Parameters
    ----------
    workspace : whose vault.
    clock : dates the attempts.
    password : the master password; None looks for one when it is first needed, see :func:`found_password`.
    note : puts an act on record before it is done.
    """

    def __init__(
        self, workspace: Workspace, clock: Clock, password: str | None = None, *, note: Note = _unrecorded
    ) -> None:
        self._workspace = workspace
        self._file = workspace.vault
        self._clock = clock
        self._note = note
        self._opener = _vault_opener(password, workspace)
        self._vault: Vault | None = None
        self._held: bytes | None = None

    def __repr__(self) -> str:
        return f"CredentialStore({str(self._file.path)!r}, hidden)"

    def public_records(self) -> list[PublicRecord]:
        """Names and parameters of the records; needs no password."""
        return Vault.from_bytes(self._file.read(), None).public_records()

    def store(self, credentials: Credentials) -> None:
        """Seal credentials under their name. Raises as :meth:`Vault.store`."""
        _learn(credentials)
        with self._recorded("credentials_stored", credentials.name) as vault:
            vault.store(credentials.name, credentials.key, credentials.secret)

    def retrieve(self, name: str) -> Credentials:
        """The credentials under a name. Raises as :meth:`Vault.retrieve`."""
        with self._recorded("credentials_read", name) as vault:
            found = vault.retrieve(name)
        _learn(found)
        return found

    def delete(self, name: str) -> None:
        """Forget a name's credentials; needs no password. Raises ``InputError`` where there are none."""
        with self._file.locked():
            vault = Vault.from_bytes(self._file.read(), None)
            vault.delete(name)
            self._note("credentials_deleted", api_name=name)
            self._file.write(vault.to_bytes())

    def change_password(self, new: str) -> None:
        """Seal everything under another password, as one act: killed at any moment, one of the two opens all of it.

        Parameters
        ----------
        new : the new master password.

        Raises
        ------
        SecretError : no password, or a wrong one; or the new one is empty.
        IntegrityError : a record is damaged, and would be lost.
        InputError : there is nothing in the vault yet.
        """
        opener = _vault_opener(new, self._workspace)
        with self._recorded("master_password_changed", None) as vault:
            vault.change_password(new)
        self._opener = opener

    @contextmanager
    def opened(self) -> Iterator[Vault]:
        """The vault as its file holds it now, locked; what changed is written at the end, unless an error ends it.

        Raises
        ------
        SecretError : after too many wrong passwords it is too early for another.
        StoreError : the file cannot be read or written, is open to others, or another process does not let go of it.
        """
        try:
            with self._file.locked():
                vault = self._current()
                with self._attempt(vault):
                    yield vault
                self._save(vault)
        except SecretError:
            raise
        except BaseException:
            self._vault = None  # what was not recorded or not written was not done: the file is read again
            raise

    @contextmanager
    def _recorded(self, what: str, name: str | None) -> Iterator[Vault]:
        """The act goes on record before anything of it is written or handed out; a refusal does as well."""
        about: dict[str, Scalar] = {} if name is None else {"api_name": name}
        try:
            with self.opened() as vault:
                yield vault
                self._note(what, **about)
        except SecretError:
            self._note("secret_refused", wanted=what, **about)
            raise

    @contextmanager
    def _attempt(self, vault: Vault) -> Iterator[None]:
        """Count an attempt at the password unless it is proven already or there is nothing to open."""
        if vault.unlocked or not vault.has_password or not vault.names():
            yield
            return
        before = self._file.count_attempt(self._clock.now())
        try:
            yield
        finally:
            if vault.unlocked:
                self._file.settle(Attempts())
            elif not vault.refused:
                self._file.settle(before)

    def _current(self) -> Vault:
        """The vault as the file holds it now: another process may have written it meanwhile."""
        held = self._file.read()
        if self._vault is None or held != self._held:
            self._vault, self._held = self._opener(held), held
        return self._vault

    def _save(self, vault: Vault) -> None:
        if vault.changed:
            data = vault.to_bytes()
            if data != self._held:
                self._file.write(data)
                self._held = data


def found_password(workspace: Workspace, environ: Mapping[str, str] | None = None) -> str | None:
    """The master password where none was given: from the environment, else from the keyring where the settings say so.

    Parameters
    ----------
    workspace : its folder is the keyring's account.
    environ : the environment; None takes the process's own.
    """
    given = (os.environ if environ is None else environ).get(PASSWORD_VARIABLE)
    if given:
        return given
    return load_password(str(workspace.home)) if workspace.settings.vault.use_keyring else None


def _vault_opener(password: str | None, workspace: Workspace) -> Callable[[bytes | None], Vault]:
    """Keeps the password where no attribute, representation or pickle shows it."""
    guard_logging()
    if password is not None:
        KNOWN_SECRETS.register(password)

    def opened(data: bytes | None) -> Vault:
        secret = password if password is not None else found_password(workspace)
        if secret is not None:
            KNOWN_SECRETS.register(secret)
        return Vault.from_bytes(data, secret)

    return opened


def _learn(credentials: Credentials) -> None:
    """Have a key and its secret hidden from now on wherever this process writes."""
    for value in (credentials.key, credentials.secret):
        KNOWN_SECRETS.register(value)


def keep_in_keyring(workspace: Workspace, password: str) -> None:
    """Keep a master password in the operating system's keyring.

    Raises
    ------
    MissingExtraError : the library is not installed.
    StoreError : there is no keyring, or it is locked.
    """
    save_password(str(workspace.home), password)


def require_no_vault(workspace: Workspace) -> None:
    """Raises ``RefusedError`` where there is a vault already: beginning anew would forget what it holds."""
    if workspace.vault_file.exists():
        raise RefusedError(f"{workspace.vault_file} is there already: change its password instead")


def public_vault(workspace: Workspace) -> dict[str, Any]:
    """What anybody may know of the vault; asks for no password.

    Returns
    -------
    ``credentials`` (each with ``name``, ``kdf``, ``iterations``) and ``seals_journal``.
    """
    records = Vault.from_bytes(workspace.read_vault(), None).public_records()
    return {
        "credentials": [asdict(record) for record in records if record.name != SEAL_ENTRY],
        "seals_journal": any(record.name == SEAL_ENTRY for record in records),
    }


def export_public_vault(workspace: Workspace, path: Path) -> int:
    """Write what anybody may know of the vault to a JSON file, whole or not at all.

    Returns
    -------
    The number of credentials in it.
    """
    public = public_vault(workspace)
    write_atomically(path, (json.dumps(public, indent=2) + "\n").encode("ascii"))
    return len(public["credentials"])
