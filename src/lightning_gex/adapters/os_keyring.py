"""The master password in the operating system's keyring, for those who do not want to type it at every start.

The library behind it is an extra: Keychain on macOS, the Credential Locker on Windows, the Secret Service on Linux.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning_gex.core.errors import MissingExtraError, StoreError

SERVICE = "lightning-gex"


def load_password(account: str) -> str | None:
    """The password kept for an account, which is a workspace's folder; None where there is none.

    Raises
    ------
    MissingExtraError : the library is not installed.
    StoreError : there is no keyring, or it is locked.
    """
    with _keyring() as keyring:
        password = keyring.get_password(SERVICE, account)
    return None if password is None else str(password)


def save_password(account: str, password: str) -> None:
    """Keep a password for an account, replacing the one before. Raises as :func:`load_password`."""
    with _keyring() as keyring:
        keyring.set_password(SERVICE, account, password)


@contextmanager
def _keyring() -> Iterator[Any]:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise MissingExtraError("keyring", "keyring") from None
    failure: str | None = None
    try:
        yield keyring
    except keyring.errors.KeyringError as error:
        failure = type(error).__name__  # what it says may hold what it was given
    if failure is not None:
        raise StoreError(
            f"the operating system's keyring cannot be used ({failure}): unlock it, or give the password by "
            "LIGHTNING_MASTER_PASSWORD or at the prompt"
        )
