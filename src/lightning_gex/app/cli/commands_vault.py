"""``lightning vault``: broker credentials under a master password. No command shows a secret."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightning_gex.app.cli.errors import guarded, print_line
from lightning_gex.app.cli.options import HomeOption, JsonOption, workspace_of
from lightning_gex.app.cli.secret_input import SecretInput, StdinOption

if TYPE_CHECKING:
    from lightning_gex.app.workspace import Workspace

_NEW_PASSWORD_VARIABLE = "LIGHTNING_NEW_MASTER_PASSWORD"  # noqa: S105 - a name
_KEY_VARIABLE, _SECRET_VARIABLE = "LIGHTNING_API_KEY", "LIGHTNING_API_SECRET"

vault = typer.Typer(
    help="Keep broker credentials under a master password.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of the credentials, such as the broker's.")]
KeyringOption = Annotated[
    bool, typer.Option("--keyring", help="Also keep the new password in the operating system's keyring.")
]


@vault.command("init")
@guarded
def init(
    context: typer.Context,
    keyring: KeyringOption = False,
    stdin: StdinOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin the vault: choose its master password, and seal the journal with a key of the vault's own."""
    from lightning_gex.app import bootstrap

    workspace = workspace_of(context, home)
    given = SecretInput.of(stdin, "password")
    bootstrap.require_no_vault(workspace)
    password = given.new_password("password", bootstrap.PASSWORD_VARIABLE, "master password")
    with bootstrap.SecurityManager(password, home=workspace.home) as security:
        security.init_vault()
    if keyring:
        bootstrap.keep_in_keyring(workspace, password)
        _remind_of_setting(workspace)
    _answer({"vault": str(workspace.vault_file), "in_keyring": keyring}, f"begun: {workspace.vault_file}", as_json)


@vault.command("set")
@guarded
def set_credentials(
    context: typer.Context,
    name: NameArgument,
    stdin: StdinOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store an API key and its secret under a name, replacing what was there."""
    from lightning_gex.app import bootstrap

    workspace = workspace_of(context, home)
    given = SecretInput.of(stdin, "password", "api_key", "api_secret")
    password = given.master_password(workspace)
    key = given.value("api_key", _KEY_VARIABLE, "API key")
    secret = given.value("api_secret", _SECRET_VARIABLE, "API secret")
    with bootstrap.SecurityManager(password, home=workspace.home) as security:
        replaced = name in security.list_api_credentials()
        security.store_api_credentials(name, key, secret)
    _answer({"name": name, "replaced": replaced}, f"{'replaced' if replaced else 'stored'}: {name}", as_json)


@vault.command("list")
@guarded
def list_names(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show the names of what is stored; asks for no password."""
    from lightning_gex.app import bootstrap

    found = bootstrap.public_vault(workspace_of(context, home))
    names = [str(entry["name"]) for entry in found["credentials"]]
    _answer(found, "\n".join(names) or "nothing is stored", as_json)


@vault.command("remove")
@guarded
def remove(context: typer.Context, name: NameArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Forget the credentials under a name; asks for no password."""
    from lightning_gex.app import bootstrap

    with bootstrap.SecurityManager(home=workspace_of(context, home).home) as security:
        security.delete_api_credentials(name)
    _answer({"name": name, "removed": True}, f"removed: {name}", as_json)


@vault.command("change-password")
@guarded
def change_password(
    context: typer.Context,
    keyring: KeyringOption = False,
    stdin: StdinOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seal everything under another master password, all of it or nothing."""
    from lightning_gex.app import bootstrap

    workspace = workspace_of(context, home)
    given = SecretInput.of(stdin, "password", "new_password")
    old = given.master_password(workspace)
    new = given.new_password("new_password", _NEW_PASSWORD_VARIABLE, "new master password")
    with bootstrap.SecurityManager(old, home=workspace.home) as security:
        security.change_master_password(new)
    kept = keyring or workspace.settings.vault.use_keyring
    if kept:
        bootstrap.keep_in_keyring(workspace, new)
        _remind_of_setting(workspace)
    _answer({"changed": True, "in_keyring": kept}, "the vault opens with the new password only", as_json)


@vault.command("export-public")
@guarded
def export_public(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; a JSON file.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write names and parameters to a file: no key, no secret, no salt, nothing sealed."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.output import check_output_file

    path = check_output_file(file, "FILE")
    written = bootstrap.export_public_vault(workspace_of(context, home), path)
    _answer({"credentials": written, "file": str(path)}, f"{written} names in {path}", as_json)


def _remind_of_setting(workspace: Workspace) -> None:
    if not workspace.settings.vault.use_keyring:
        print_line(f"note: set use_keyring = true under [vault] in {workspace.settings_file} so that it is used")


def _answer(document: dict[str, object], words: str, as_json: bool) -> None:
    from lightning_gex.app.cli.documents import print_document

    if as_json:
        print_document(document)
    else:
        typer.echo(words)
