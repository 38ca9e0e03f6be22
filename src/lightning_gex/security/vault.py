"""Broker credentials under a password: PBKDF2-HMAC-SHA256 makes the key, Fernet seals each record.

The vault is bytes in, bytes out; an adapter keeps the file. It is lazy: nothing is derived and no password is judged
before a secret is first asked for, so a wrong password never stops a run that needs none. Names are not secret and
need no password. Whoever can replace the file can put an older vault in its place; nothing in it can show that.

What tells a right password from a wrong one is Fernet's HMAC, which is compared in constant time.
"""

from __future__ import annotations

import base64
import json
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NoReturn

from lightning_gex.core.errors import InputError, IntegrityError, SecretError

_FORMAT = "lightning-gex-vault"
_VERSION = 1
_KDF = "pbkdf2-hmac-sha256"
_SALT_BYTES = 16  # NIST SP 800-132 section 5.1: at least 128 bits
_KEY_BYTES = 32  # Fernet: 128 bits to sign, 128 bits to encrypt
_MOST_ITERATIONS = 10_000_000  # a forged record must not hang the program for hours
_DOES_NOT_OPEN = "the vault does not open: wrong master password, or the record is damaged"
_NONE_GIVEN = "secrets are kept under a master password and none was given: set master_password"


class KdfProfile(Enum):
    """How many PBKDF2 iterations a new record gets.

    ``STANDARD`` is OWASP's figure for PBKDF2-HMAC-SHA256 (Password Storage Cheat Sheet, 2023). ``FOUNDING`` is what the
    founding document used: such records stay readable and are renewed when they are next opened. ``CHEAPEST`` is only
    for tests.
    """

    STANDARD = 600_000
    FOUNDING = 100_000
    CHEAPEST = 1_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API key and its secret. Printing it shows neither."""

    name: str
    key: str = field(repr=False)
    secret: str = field(repr=False)

    def __repr__(self) -> str:
        return f"Credentials(name={self.name!r}, hidden)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class PublicRecord:
    """What anybody may know of a record: its name and how hard its key is to derive.

    Parameters
    ----------
    name : of the credentials.
    kdf : how the password becomes the key.
    iterations : of it.
    """

    name: str
    kdf: str
    iterations: int


@dataclass(frozen=True, slots=True)
class _Record:
    """One sealed entry with the parameters its key is derived by."""

    iterations: int
    salt: bytes
    token: bytes

    def as_json(self) -> dict[str, str | int]:
        return {
            "kdf": _KDF,
            "iterations": self.iterations,
            "salt": base64.b64encode(self.salt).decode("ascii"),
            "token": self.token.decode("ascii"),
        }


class _Password:
    """The master password on its way to the key derivation; no traceback or dump shows it."""

    __slots__ = ("_encoded",)

    def __init__(self, password: str | None) -> None:
        # NFC: the same password typed on two systems may arrive composed or decomposed.
        text = None if password is None else unicodedata.normalize("NFC", password)
        self._encoded = None if text is None else text.encode("utf-8", "surrogatepass")

    def __repr__(self) -> str:
        return "[hidden]"

    @property
    def given(self) -> bool:
        """Whether there is one, and not an empty one."""
        return bool(self._encoded)

    def required(self) -> bytes:
        """The password as bytes. Raises ``SecretError`` where none or an empty one was given."""
        if not self._encoded:
            raise SecretError(_NONE_GIVEN)
        return self._encoded


class Vault:
    """Encrypted credential records under one password.

    Make it with :meth:`from_bytes`. ``retrieve`` may renew old records; ``store``, ``delete`` and ``change_password``
    change the vault: where :attr:`changed` is True afterwards, :meth:`to_bytes` is what the file has to hold.
    """

    __slots__ = ("_changed", "_data", "_keys", "_kdf", "_password", "_records", "_refused", "_unlocked")  # noqa: RUF023

    def __init__(self, data: bytes | None, password: str | None, kdf: KdfProfile) -> None:
        self._data = data
        self._password = _Password(password)
        self._kdf = kdf
        self._records: dict[str, _Record] | None = None
        self._keys: dict[tuple[int, bytes], bytes] = {}
        self._changed = False
        self._unlocked = False
        self._refused = False

    @classmethod
    def from_bytes(cls, data: bytes | None, password: str | None, kdf: KdfProfile = KdfProfile.STANDARD) -> Vault:
        """A vault over what the file held; nothing is read, derived or refused yet.

        Parameters
        ----------
        data : the file's bytes; None or empty for a new vault.
        password : the master password; None where none is known (names can still be listed).
        kdf : iterations of records written from now on. Older, weaker ones are renewed when they are opened.
        """
        return cls(data, password, kdf)

    def __repr__(self) -> str:
        return "Vault(hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vault cannot be pickled: it would carry its password along")

    @property
    def changed(self) -> bool:
        """Whether :meth:`to_bytes` differs from what the vault was made from."""
        return self._changed

    @property
    def has_password(self) -> bool:
        """Whether a password was given, right or wrong."""
        return self._password.given

    @property
    def unlocked(self) -> bool:
        """Whether this password has opened a record, or sealed the first one."""
        return self._unlocked

    @property
    def refused(self) -> bool:
        """Whether this password was tried and did not fit."""
        return self._refused

    def public_records(self) -> list[PublicRecord]:
        """Names and parameters, sorted by name; no salt, no sealed text. Needs no password.

        Raises ``IntegrityError`` on bytes that are no vault.
        """
        return [PublicRecord(name, _KDF, record.iterations) for name, record in sorted(self._opened().items())]

    def names(self) -> list[str]:
        """The names of the records, sorted. Needs no password. Raises ``IntegrityError`` on bytes that are no vault."""
        return sorted(self._opened())

    def store(self, name: str, key: str, secret: str) -> None:
        """Seal credentials under a name, replacing what was there.

        Raises
        ------
        SecretError : no password was given, or the vault already holds records under another one.
        InputError : the name is empty.
        IntegrityError : the bytes are no vault.
        """
        credentials = Credentials(name, key, secret)
        del key, secret  # a traceback that shows local variables shows none of these
        records = self._opened()
        if not name.strip():
            raise InputError("credentials need a name, such as the broker's", field="name")
        self._prove_password()
        records[name] = self._sealed(credentials)
        self._changed = True

    def retrieve(self, name: str) -> Credentials:
        """The credentials under a name.

        Raises
        ------
        SecretError : no password, a wrong one, or a damaged record: one message for the last two.
        InputError : there is no such name.
        IntegrityError : the bytes are no vault.
        """
        credentials = self._unsealed(name, self._named(name))
        self._renew_weak()
        return credentials

    def change_password(self, new: str) -> None:
        """Seal every record anew under another password, all of them or none.

        Parameters
        ----------
        new : the new master password, not empty.

        Raises
        ------
        SecretError : no password, or a wrong one; or the new one is empty.
        IntegrityError : the bytes are no vault; or a record is damaged, and would be lost.
        InputError : there is nothing in the vault yet.
        """
        successor = Vault(None, new, self._kdf)
        del new  # a traceback that shows local variables does not show it
        successor._password.required()
        records = self._opened()
        if not records:
            raise InputError("the vault holds nothing yet, so it has no password to change: lightning vault init")
        self._prove_password()
        renewed: dict[str, _Record] = {}
        for name, record in records.items():
            try:
                credentials = self._unsealed(name, record)
            except SecretError:  # the password is the right one: another record just opened with it
                damaged = name
                break
            renewed[name] = successor._sealed(credentials)
        else:
            self._records, self._password, self._keys = renewed, successor._password, successor._keys
            self._changed = True
            return
        raise IntegrityError(f"the record {damaged!r} is damaged: remove it first, then change the password")

    def delete(self, name: str) -> None:
        """Forget a record; whoever can write the file could, so it asks for no password.

        Raises
        ------
        InputError : there is no such name.
        """
        self._named(name)
        del self._opened()[name]
        self._changed = True

    def to_bytes(self) -> bytes:
        """The vault as its file holds it: JSON with sealed records."""
        if not self._changed and self._data:
            return self._data
        document = {
            "format": _FORMAT,
            "version": _VERSION,
            "records": {name: record.as_json() for name, record in sorted(self._opened().items())},
        }
        return (json.dumps(document, indent=2, ensure_ascii=True) + "\n").encode("ascii")

    def _named(self, name: str) -> _Record:
        records = self._opened()
        if name not in records:
            raise InputError(f"the vault holds no credentials named {name!r}: store them first", field="name")
        return records[name]

    def _opened(self) -> dict[str, _Record]:
        if self._records is None:
            self._records = _parsed(self._data) if self._data else {}
        return self._records

    def _key(self, iterations: int, salt: bytes) -> bytes:
        if (iterations, salt) not in self._keys:
            self._keys[iterations, salt] = _derived(self._password, iterations, salt)
        return self._keys[iterations, salt]

    def _prove_password(self) -> None:
        """See that the password is the vault's: two in one vault would lock half of it for everybody.

        Any record that opens will do, so that a damaged one does not stand in the way; the cheapest is tried first.
        """
        self._password.required()
        records = self._opened()
        for name in sorted(records, key=lambda held: (records[held].iterations, held)):
            try:
                self._unsealed(name, records[name])
            except SecretError:
                continue
            return
        if records:
            raise SecretError(_DOES_NOT_OPEN)

    def _renew_weak(self) -> None:
        """Seal what is weaker than the present strength anew: a thief would attack the weakest record."""
        records = self._opened()
        for name in [held for held, record in records.items() if record.iterations < self._kdf.value]:
            try:
                credentials = self._unsealed(name, records[name])
            except SecretError:
                continue  # a damaged record stays for whoever asks for it
            records[name] = self._sealed(credentials)
            self._changed = True

    def _sealed(self, credentials: Credentials) -> _Record:
        from cryptography.fernet import Fernet

        salt = os.urandom(_SALT_BYTES)
        key = Fernet(self._key(self._kdf.value, salt))  # first: where it fails there is no plain text yet
        # The name is sealed in as well: a record moved to another name does not open.
        plain = json.dumps({"name": credentials.name, "key": credentials.key, "secret": credentials.secret})
        # Fernet stamps its token with the machine's clock; the vault has none, so the stamp is a constant.
        token = key.encrypt_at_time(plain.encode("ascii"), 0)
        self._unlocked = True
        return _Record(self._kdf.value, salt, token)

    def _unsealed(self, name: str, record: _Record) -> Credentials:
        from cryptography.fernet import Fernet, InvalidToken

        key = self._key(record.iterations, record.salt)
        try:
            plain: Mapping[str, str] = json.loads(Fernet(key).decrypt(record.token))
        except InvalidToken:
            self._keys.pop((record.iterations, record.salt), None)
            plain = {}
        if plain.get("name") != name:
            del plain  # it may hold the secret of a record that was moved here
            self._refused = True
            raise SecretError(_DOES_NOT_OPEN)
        self._unlocked = True
        return Credentials(name, plain["key"], plain["secret"])


def _derived(password: _Password, iterations: int, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    kdf = PBKDF2HMAC(algorithm=SHA256(), length=_KEY_BYTES, salt=salt, iterations=iterations)
    return base64.urlsafe_b64encode(kdf.derive(password.required()))


def _parsed(data: bytes) -> dict[str, _Record]:
    damaged = "this is not a vault of ours, or it is damaged: restore the file from your backup"
    try:
        document: Any = json.loads(data)
        if document["format"] != _FORMAT:
            raise IntegrityError(damaged)
        if document["version"] != _VERSION:
            raise IntegrityError("the vault was written by a newer version of Lightning GEX: upgrade")
        return {str(name): _parsed_record(entry) for name, entry in document["records"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise IntegrityError(damaged) from None


def _parsed_record(entry: Mapping[str, Any]) -> _Record:
    iterations = entry["iterations"]
    if entry["kdf"] != _KDF or type(iterations) is not int or not 1 <= iterations <= _MOST_ITERATIONS:
        raise ValueError("unknown key derivation")
    return _Record(iterations, base64.b64decode(entry["salt"], validate=True), entry["token"].encode("ascii"))
