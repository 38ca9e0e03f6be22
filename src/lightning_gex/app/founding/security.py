"""``SecurityManager``: vault, signing, audit log, rate limits and guardrails, as the founding document names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from lightning_gex.adapters.storage.export import export_audit
from lightning_gex.adapters.storage.nonces import SqlNonces
from lightning_gex.adapters.storage.rate_limits import SqlRateLimits
from lightning_gex.app.assembly.audit import AuditFilter, filtered
from lightning_gex.app.assembly.credentials import CredentialStore, require_no_vault
from lightning_gex.app.assembly.sealing import SEAL_ENTRY, seal_journal, sealing_key, verify_seals
from lightning_gex.app.assembly.wiring import guardrail_limits
from lightning_gex.app.founding.account import Account, AccountHolder
from lightning_gex.app.founding.inputs import MOST, file_path, text
from lightning_gex.core.errors import InputError, SecretError, SettingsError, shown
from lightning_gex.risk.guardrails import GuardrailLimits
from lightning_gex.security.rate_limit import SlidingWindow
from lightning_gex.security.signing import SignedHeaders, sign_request, verify_request
from lightning_gex.security.vault import Credentials

_SIGNATURE_TOLERANCE = timedelta(minutes=5)
_HEADERS = {
    "timestamp": "X-Lightning-Timestamp",
    "nonce": "X-Lightning-Nonce",
    "signature": "X-Lightning-Signature",
}


class SecurityManager(AccountHolder):
    """Secrets sealed, acts on record, limits hard.

    The vault opens at the first use of a secret, not before: with a wrong password everything else still works.

    Parameters
    ----------
    master_password : seals and opens the vault. None looks into ``LIGHTNING_MASTER_PASSWORD``, and into the operating
        system's keyring where ``vault.use_keyring`` is set, once a secret is asked for.
    guardrails : hard limits on trading; None takes the workspace's settings.
    home : the workspace's folder; None takes ``LIGHTNING_HOME``, else ``~/.lightning-gex``.
    account : an open account to share, instead of opening one.
    """

    def __init__(
        self,
        master_password: str | None = None,
        guardrails: GuardrailLimits | None = None,
        home: str | Path | None = None,
        *,
        account: Account | None = None,
    ) -> None:
        if master_password is not None and not isinstance(master_password, str):
            raise SettingsError("master_password must be text")
        checked_guardrails(guardrails)
        self._account = account or Account.open(home)
        self.guardrails = guardrail_limits(self._account.settings, guardrails)
        self._credentials = CredentialStore(
            self._account.workspace, self._account.clock, master_password, note=self._account.note
        )
        self._sealed = False

    def __repr__(self) -> str:
        return f"SecurityManager(home={str(self._account.workspace.home)!r})"

    # --- secrets -------------------------------------------------------------------------------------------------

    def store_api_credentials(self, api_name: str, api_key: str, api_secret: str) -> None:
        """Seal a broker's or data vendor's key and secret in the vault.

        Raises
        ------
        SecretError : no password, or not the one the vault was begun with.
        InputError : a name, key or secret that is no text, or an empty one.
        """
        given = {"api_name": api_name, "api_key": api_key, "api_secret": api_secret}
        wrong = [field for field, value in given.items() if not isinstance(value, str) or not value.strip()]
        credentials = Credentials(api_name, api_key, api_secret)
        del given, api_key, api_secret  # a traceback that shows local variables shows none of these
        if wrong:
            raise InputError("must be text, and not empty", field=wrong[0])
        _refuse_reserved(api_name)
        self._credentials.store(credentials)
        self._seal()

    def get_api_credentials(self, api_name: str) -> dict[str, str]:
        """``{"api_key", "api_secret"}`` as they were stored.

        Raises
        ------
        SecretError : no password, or a wrong one.
        InputError : nothing is stored under this name.
        """
        _refuse_reserved(api_name)
        found = self._credentials.retrieve(api_name)
        self._seal()
        return {"api_key": found.key, "api_secret": found.secret}

    def delete_api_credentials(self, api_name: str) -> None:
        """Forget a name's credentials. Raises ``InputError`` where there are none."""
        _refuse_reserved(api_name)
        self._credentials.delete(api_name)

    def list_api_credentials(self) -> list[str]:
        """The names under which credentials are stored; needs no password."""
        return [record.name for record in self._credentials.public_records() if record.name != SEAL_ENTRY]

    def init_vault(self) -> None:
        """Begin the vault under the master password, by sealing the journal with a key of its own.

        Raises
        ------
        RefusedError : there is a vault already.
        SecretError : no password.
        """
        require_no_vault(self._account.workspace)
        self._account.note("vault_begun")
        self._seal()

    def change_master_password(self, new_password: str) -> None:
        """Seal everything in the vault under another password, all of it or nothing.

        Killed at any moment, the vault opens with the old password or with the new one. Programs that run with the old
        one read what they have open and need the new one after that.

        Parameters
        ----------
        new_password : not empty.

        Raises
        ------
        SecretError : the present password is missing or wrong, or the new one is empty.
        IntegrityError : a record is damaged, and would be lost.
        InputError : there is nothing in the vault yet.
        """
        if not isinstance(new_password, str):
            raise InputError(f"must be text, not a value of type {type(new_password).__name__}", field="new_password")
        self._credentials.change_password(new_password)
        self._seal()

    def _seal(self) -> None:
        """Seal the journal when the vault is first opened: with the key that only the open vault has."""
        if self._sealed:
            return
        with self._credentials.opened() as vault:
            key = sealing_key(vault, self._account.workspace)
        seal_journal(self._account.journal, self._account.workspace, key, self._account.clock.now())
        self._sealed = True

    # --- requests ------------------------------------------------------------------------------------------------

    def sign_request(self, api_name: str, method: str, path: str, body: str | bytes = b"") -> dict[str, str]:
        """HTTP headers that prove, by HMAC-SHA256 over method, path, body and time, that a request is ours."""
        now, verb, target, sent = self._account.clock.now(), text(method, "method"), text(path, "path"), _bytes(body)
        return sign_request(self._secret_of(api_name), verb, target, sent, now).as_mapping()

    def verify_request(
        self, api_name: str, method: str, path: str, body: str | bytes, headers: Mapping[str, str]
    ) -> bool:
        """Whether headers made by ``sign_request`` fit this request, are fresh, and were not accepted before.

        Fresh is five minutes to either side. An accepted request is remembered in the store, so that the same headers
        are refused the second time, by every program on the workspace and after a restart.

        Raises
        ------
        SecretError : no password, or a wrong one.
        InputError : nothing is stored under this name, or an argument is none of the kind that is meant.
        StoreError : the store cannot be written; then the request counts as not accepted.
        """
        verb, target, sent, found = text(method, "method"), text(path, "path"), _bytes(body), _signed(headers)
        now, secret = self._account.clock.now(), self._secret_of(api_name)
        if found is None:
            return False
        try:
            signed_at = verify_request(secret, verb, target, sent, found, now=now, tolerance=_SIGNATURE_TOLERANCE)
        except (SecretError, InputError):
            return False
        finally:
            del secret  # a traceback that shows local variables does not show it
        nonces = SqlNonces(self._account.stores.engine)
        return nonces.take(f"api:{api_name}", found.nonce, signed_at, now, _SIGNATURE_TOLERANCE)

    def _secret_of(self, api_name: str) -> str:
        return self.get_api_credentials(api_name)["api_secret"]

    def check_rate_limit(
        self, api_name: str, max_calls: int | None = None, window_seconds: float | None = None
    ) -> bool:
        """Whether one more call to this API is within its limit now; a call that is counts towards it.

        It counts for every program on the workspace, and after a restart.

        Parameters
        ----------
        api_name : the API, as its credentials are named.
        max_calls, window_seconds : the limit; None takes the settings' for this API (``rate_limits``).
        """
        text(api_name, "api_name")
        limits = self._account.settings.rate_limits
        calls = limits.apis.get(api_name, limits.calls) if max_calls is None else max_calls
        window = SlidingWindow(calls, limits.window_seconds if window_seconds is None else window_seconds)
        return SqlRateLimits(self._account.stores.engine).take(f"api:{api_name}", window, self._account.clock.now())

    # --- the record ----------------------------------------------------------------------------------------------

    def log_event(self, event: str, **detail: str | float | bool | None) -> None:
        """Put an event of your own on the audit record. What looks like a secret is hidden."""
        if not isinstance(event, str) or not event.strip():
            raise InputError("name the event", field="event")
        for key, value in detail.items():
            if not isinstance(value, str | int | float | bool | None):
                raise InputError(
                    f"must be text, a number, a truth value or None, not {type(value).__name__}", field=key
                )
            if isinstance(value, int) and abs(value) > MOST:
                raise InputError(f"is a whole number above {MOST:g}: give it as text", field=key)
        self._account.note(event, **detail)

    def export_audit_logs(self, path: str | Path, fmt: str | None = None, *, backtests: bool = False) -> int:
        """Write the account's audit record to a JSON or CSV file; needs no password.

        Parameters
        ----------
        path : target; its ending chooses the format where ``fmt`` does not.
        fmt : ``json`` or ``csv``.
        backtests : whether demos, analyses and backtests go along, which traded nothing and are many records.

        Returns
        -------
        The number of records written, the note of this export among them.
        """
        target = file_path(path)
        if not isinstance(backtests, bool):
            raise InputError(f"must be True or False, not {shown(backtests)}", field="backtests")
        self._account.note("audit_exported", path=str(target))
        return export_audit(filtered(self._account.journal, AuditFilter(backtests=backtests)), target, fmt)

    def verify_audit_log(self) -> int:
        """Check the hash chain of the whole record: how many there are, or ``IntegrityError`` at the first bad one.

        Where this object has opened the vault, the seals that its key made are checked as well.
        """
        if self._sealed:
            with self._credentials.opened() as vault:
                key = sealing_key(vault, self._account.workspace)
            verify_seals(self._account.journal, self._account.workspace, key)
        return self._account.journal.verify()

    def guardrail_settings(self) -> dict[str, Any]:
        """The hard limits in force; the cap in dollars is among them where there is one."""
        limits = asdict(self.guardrails)
        return limits if self.guardrails.caps_capital else {k: v for k, v in limits.items() if k != "max_capital_usd"}


def _refuse_reserved(api_name: str) -> None:
    if text(api_name, "api_name") == SEAL_ENTRY:
        raise InputError(f"{SEAL_ENTRY!r} is the journal's own entry of the vault", field="api_name")


def checked_guardrails(guardrails: object) -> None:
    """Raises ``SettingsError`` on anything but None or guardrails."""
    if guardrails is not None and not isinstance(guardrails, GuardrailLimits):
        raise SettingsError(f"guardrails must be TradingGuardrails(...), not {type(guardrails).__name__}")


def _bytes(body: str | bytes) -> bytes:
    if isinstance(body, str):
        try:
            return body.encode()
        except UnicodeEncodeError:
            raise InputError("holds half a character: give the bytes that are sent", field="body") from None
    if not isinstance(body, bytes | bytearray):
        raise InputError(f"must be text or bytes, not a value of type {type(body).__name__}", field="body")
    return bytes(body)


def _signed(headers: Mapping[str, str]) -> SignedHeaders | None:
    """The three headers that travelled with a request; None where one is missing or no text."""
    if not isinstance(headers, Mapping):
        raise InputError(f"must be a dictionary, not {type(headers).__name__}", field="headers")
    found = {field: headers[name] for field, name in _HEADERS.items() if isinstance(headers.get(name), str)}
    return SignedHeaders(**found) if len(found) == len(_HEADERS) else None
