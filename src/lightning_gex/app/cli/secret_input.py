"""Secrets on their way in: typed without echo, from the environment, or piped; never an argument: ``ps`` shows it."""

from __future__ import annotations

import getpass
import os
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from lightning_gex.core.errors import InputError, SecretError, SettingsError
from lightning_gex.security.redaction import KNOWN_SECRETS

if TYPE_CHECKING:
    from lightning_gex.app.workspace import Workspace

LEAST_PASSWORD_LENGTH = 8  # characters: NIST SP 800-63B section 5.1.1.1
_MOST_PIPED = 65_536  # characters: secrets are short, and a wrong pipe may never end

StdinOption = Annotated[
    bool, typer.Option("--stdin", help="Read secrets from standard input, one name=value a line; ask for nothing.")
]


@dataclass(frozen=True, slots=True)
class SecretInput:
    """Where a command's secrets come from: piped lines, else environment variables, else a prompt without echo.

    Parameters
    ----------
    piped : what standard input held, by name; None where nothing is piped and prompts are allowed.
    """

    piped: Mapping[str, str] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, stdin: bool, *names: str) -> SecretInput:
        """Read standard input where ``--stdin`` says so: lines of ``name=value`` with these names only.

        Raises
        ------
        InputError : naming the line that is none of them; what it holds is not shown.
        """
        return cls(_piped_lines(sys.stdin.read(_MOST_PIPED + 1), names) if stdin else None)

    def value(self, name: str, variable: str, words: str) -> str:
        """One secret, not empty.

        Parameters
        ----------
        name : as standard input names it.
        variable : the environment variable that may hold it.
        words : the prompt.

        Raises
        ------
        SecretError : it came from nowhere.
        """
        found = (self.piped or {}).get(name) or os.environ.get(variable)
        if not found and self.piped is None:
            found = prompted(words)
        if found:
            KNOWN_SECRETS.register(found)
        else:
            raise SecretError(f"no {words} was given: type it, pipe {name}=... to --stdin, or set {variable}")
        return found

    def master_password(self, workspace: Workspace) -> str:
        """The vault's password: piped, from the environment, from the keyring where that is set, or typed."""
        from lightning_gex.app import bootstrap

        piped = (self.piped or {}).get("password")
        found = piped or bootstrap.found_password(workspace)
        return found or self.value("password", bootstrap.PASSWORD_VARIABLE, "master password")

    def new_password(self, name: str, variable: str, words: str) -> str:
        """A password to be, typed twice where it is typed.

        Raises
        ------
        SettingsError : it is too short, or the two differ.
        """
        elsewhere = (self.piped or {}).get(name) or os.environ.get(variable)
        new = self.value(name, variable, words)
        if len(new) < LEAST_PASSWORD_LENGTH:
            raise SettingsError(f"a master password needs at least {LEAST_PASSWORD_LENGTH} characters: choose a longer")
        if not elsewhere and prompted(f"{words} again") != new:
            raise SettingsError("the two passwords differ: nothing was changed")
        return new


def prompted(words: str) -> str:
    """What a person types, without echo.

    Raises
    ------
    SecretError : there is no terminal to type at.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)  # it would echo
        try:
            return getpass.getpass(f"{words}: ")
        except (getpass.GetPassWarning, EOFError):
            pass
    raise SecretError(f"no terminal to type the {words} at: pipe it to --stdin or set its environment variable")


def _piped_lines(text: str, names: tuple[str, ...]) -> dict[str, str]:
    if len(text) > _MOST_PIPED:
        raise InputError(f"more than {_MOST_PIPED} characters, and secrets are short", source="standard input")
    found: dict[str, str] = {}
    for row, line in enumerate(text.split("\n"), 1):
        name, equals, value = line.rstrip("\r").partition("=")
        if not line.strip():
            continue
        if not equals or name not in names or name in found:
            wanted = ", ".join(f"{name}=..." for name in names)
            raise InputError(f"give each of these once, one a line: {wanted}", source="standard input", row=row)
        found[name] = value
    return found
