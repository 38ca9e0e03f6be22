"""The folder a user's settings, records, secrets and reports live in. Made whole on first use, private to its owner."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning_gex.adapters.halt_file import HaltFile
from lightning_gex.adapters.storage.vault_file import VaultFile
from lightning_gex.adapters.storage.workspace_files import (
    PRIVATE,
    load_or_create_audit_key,
    write_atomically,
)
from lightning_gex.core.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from lightning_gex.app.settings import Settings

HOME_VARIABLE = "LIGHTNING_HOME"
DEFAULT_HOME = Path("~/.lightning-gex")
HALT_FLAG = "halt.flag"
_OWNER_ONLY_FOLDER = 0o700


def resolve_home(home: Path | None, environ: Mapping[str, str] | None = None) -> Path:
    """The workspace folder: the one named, else ``LIGHTNING_HOME``, else ``~/.lightning-gex``; absolute.

    Raises
    ------
    SettingsError : where the name begins with ``~`` and no such home folder is known.
    """
    environ = os.environ if environ is None else environ
    chosen = home if home is not None else Path(environ.get(HOME_VARIABLE) or DEFAULT_HOME)
    try:
        return chosen.expanduser().absolute()
    except RuntimeError as error:
        raise SettingsError(f"the workspace {chosen} cannot be placed: {error}: name one with --home DIR") from error


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where everything of one user lies.

    Parameters
    ----------
    home : absolute folder.
    settings : what ``lightning.toml``, the environment and explicit arguments say together.
    """

    home: Path
    settings: Settings

    @classmethod
    def open(cls, home: Path | None = None, *, overrides: Mapping[str, Any] | None = None) -> Workspace:
        """Open the workspace, making what is missing.

        Parameters
        ----------
        home : folder; None takes ``LIGHTNING_HOME``, else ``~/.lightning-gex``.
        overrides : settings that win over environment and file, as ``{section: {key: value}}``.

        Raises
        ------
        StoreError : where the folder or a file of it cannot be made or read, or the audit key has gone.
        SettingsError : where ``lightning.toml`` or the environment holds a wrong setting.
        """
        from lightning_gex.app.settings import default_toml, load_settings

        folder = resolve_home(home)
        _make_folder(folder)
        settings_file = folder / "lightning.toml"
        if not settings_file.exists():
            HaltFile(folder / HALT_FLAG).create()  # with the first use and never again: one that went missing is a halt
            write_atomically(settings_file, default_toml().encode())
        opened = cls(folder, load_settings(settings_file, overrides))
        load_or_create_audit_key(opened.audit_key_file, journal_exists=_has_records(opened.database))
        try:
            opened.database.touch(mode=PRIVATE, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{opened.database} cannot be made: {_reason(error)}") from error
        _make_folder(opened.reports)
        return opened

    @property
    def settings_file(self) -> Path:
        """``lightning.toml``."""
        return self.home / "lightning.toml"

    @property
    def database(self) -> Path:
        """``lightning.db``: journal and memory."""
        return self.home / "lightning.db"

    @property
    def store_url(self) -> str | Path:
        """Where journal and memory are kept: ``storage.url`` of the settings, else the database in this folder."""
        return self.settings.storage.url or self.database

    @property
    def vault_file(self) -> Path:
        """``vault.json``: encrypted credentials; absent until the first one is stored."""
        return self.home / "vault.json"

    @property
    def vault(self) -> VaultFile:
        """The vault's file with its lock and its count of wrong passwords."""
        return VaultFile(self.vault_file)

    @property
    def audit_key_file(self) -> Path:
        """``audit.key``: the key of the journal's hash chain."""
        return self.home / "audit.key"

    @property
    def halt_flag(self) -> Path:
        """``halt.flag``: the kill switch, see ``adapters.halt_file``."""
        return self.home / HALT_FLAG

    @property
    def seal_file(self) -> Path:
        """``journal.seal``: the journal's end as the vault's key sealed it; absent before the vault's first use."""
        return self.home / "journal.seal"

    @property
    def reports(self) -> Path:
        """``reports/``: what commands write where no folder is named."""
        return self.home / "reports"

    @property
    def log_file(self) -> Path:
        """``lightning.log``: details of failures."""
        return self.home / "lightning.log"

    @property
    def audit_key(self) -> bytes:
        """The key of the journal's hash chain.

        Raises ``IntegrityError`` where the file holds none, ``StoreError`` where it is unreadable or open to others.
        """
        return load_or_create_audit_key(self.audit_key_file, journal_exists=_has_records(self.database))

    def read_vault(self) -> bytes | None:
        """The vault as it was last written; None before the first secret.

        Raises ``StoreError`` where it is unreadable or open to others.
        """
        return self.vault.read()

    def write_vault(self, data: bytes) -> None:
        """Replace the vault as one act, readable by its owner only. Raises ``StoreError``."""
        self.vault.write(data)


def _make_folder(folder: Path) -> None:
    """Make a private folder where there is none, and see that this process may write into it."""
    try:
        folder.mkdir(mode=_OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StoreError(f"{folder} is a file: the workspace needs a folder") from error
    except OSError as error:
        raise StoreError(f"the workspace {folder} cannot be made: {_reason(error)}") from error
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise StoreError(f"the workspace {folder} cannot be written: check its permissions or name another with --home")


def _has_records(database: Path) -> bool:
    """Whether the store was ever written: an empty file is only its place."""
    return database.exists() and database.stat().st_size > 0


def _reason(error: OSError) -> str:
    """What the operating system said, without its number."""
    return (error.strerror or str(error)).lower()
