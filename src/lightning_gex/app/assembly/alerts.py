"""Whom a workspace tells, of what, and that it did: an alert that fails is on record and stops nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lightning_gex.adapters.alerts import Delivery, send
from lightning_gex.adapters.clock import SystemClock
from lightning_gex.app.assembly.credentials import CredentialStore
from lightning_gex.app.assembly.wiring import Stores, new_run_id
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.decision import Scalar
from lightning_gex.core.errors import LightningError, SettingsError, SourceError
from lightning_gex.core.events import AuditNoted, BreakerTripped, Event, OperationFailed, TradingHalted
from lightning_gex.core.ports import Clock, JournalRecord

if TYPE_CHECKING:
    from lightning_gex.adapters.storage.journal import SqlJournal

#: Addresses, separated by spaces, where the vault holds none. Not a setting: a setting would be on record.
ADDRESSES_VARIABLE = "LIGHTNING_ALERT_URLS"
ALERT_SENT, ALERT_FAILED = "alert_sent", "alert_failed"
_TOLD_KINDS = ("breaker_tripped", "trading_halted", "operation_failed", "audit_noted")


def are_alerts_configured(workspace: Workspace, environ: Mapping[str, str] | None = None) -> bool:
    """Whether there is an entry of the vault, or an environment variable, that should hold addresses."""
    environ = os.environ if environ is None else environ
    return bool(workspace.settings.alerts.vault_entry or environ.get(ADDRESSES_VARIABLE, "").strip())


def alert_addresses(workspace: Workspace, clock: Clock, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Where alerts go; empty where nothing was configured.

    Raises
    ------
    SecretError : the vault holds them and its password is not to be had, or is wrong.
    InputError : the vault has no such entry.
    """
    environ = os.environ if environ is None else environ
    entry = workspace.settings.alerts.vault_entry
    if entry:
        return tuple(CredentialStore(workspace, clock).retrieve(entry).secret.split())
    return tuple(environ.get(ADDRESSES_VARIABLE, "").split())


def deliver(workspace: Workspace, title: str, body: str, clock: Clock) -> Delivery:
    """Send one alert. Never raises."""
    try:
        return send(alert_addresses(workspace, clock), title, body)
    except LightningError as error:
        return Delivery(0, 0, f"{type(error).__name__}: {error}")


def as_noted(delivery: Delivery, title: str, clock: Clock, through: int = 0) -> AuditNoted:
    """What goes on record of an alert. ``through`` is the last record of the journal that it told of."""
    what = ALERT_SENT if delivery.whole else ALERT_FAILED
    counts: dict[str, Scalar] = {"reached": delivery.reached, "of": delivery.of, "through": through}
    return AuditNoted(clock.now(), what, {"title": title, **counts, "why": delivery.why})


def tell(workspace: Workspace, title: str, body: str, *, clock: Clock | None = None) -> Delivery | None:
    """Send one alert and put that on record, as far as it can be; None where none is configured. Never raises."""
    clock = clock or SystemClock()
    if not are_alerts_configured(workspace):
        return None
    delivery = deliver(workspace, title, body, clock)
    try:
        stores = Stores.open(workspace)
        try:
            with stores.journal(new_run_id("alert", clock.now())) as journal:
                journal.append([as_noted(delivery, title, clock)])
        finally:
            stores.engine.dispose()
    except LightningError:  # what broke the store is what is told of
        return delivery
    return delivery


def try_alerts(workspace: Workspace, *, clock: Clock | None = None) -> Delivery:
    """Send a test alert; whether it arrived goes on record.

    Raises
    ------
    SettingsError : no address is configured.
    SourceError : somebody was not reached.
    """
    delivery = tell(workspace, "Lightning GEX: a test", "Alerts of this workspace arrive here.", clock=clock)
    if delivery is None:
        raise SettingsError(
            f"no address is configured: set alerts.vault_entry to an entry of the vault, or {ADDRESSES_VARIABLE}"
        )
    if not delivery.whole:
        raise SourceError(f"{delivery.reached} of {delivery.of} addresses were reached: {delivery.why}")
    return delivery


def tell_of_run(workspace: Workspace, journal: SqlJournal, summary: str | None, clock: Clock) -> AuditNoted | None:
    """Tell of what happened in a run since its last alert that arrived.

    Parameters
    ----------
    workspace : whose addresses.
    journal : of the run.
    summary : how the session ended; None tells only of what went wrong.
    clock : dates the record.

    Returns
    -------
    What goes on record; None where there is nobody or nothing to tell.
    """
    if not are_alerts_configured(workspace):
        return None
    records = list(journal.read(journal.run_id, kinds=_TOLD_KINDS, with_reasons=False))
    told = _told_through(records)
    fresh = [(r.sequence, line) for r in records if r.sequence > told and (line := _line(r.event)) is not None]
    if not fresh and summary is None:
        return None
    title = f"Lightning GEX: {fresh[0][1]}" if fresh else "Lightning GEX: the session is over"
    lines = [line for _, line in fresh]
    body = "\n".join([*lines, *([summary] if summary is not None else [])])
    return as_noted(
        deliver(workspace, title, body, clock), title, clock, through=max((s for s, _ in fresh), default=told)
    )


def _told_through(records: Iterable[JournalRecord]) -> int:
    through = [
        int(e.detail.get("through") or 0)
        for r in records
        if isinstance(e := r.event, AuditNoted) and e.what == ALERT_SENT
    ]
    return max(through, default=0)


def _line(event: Event) -> str | None:
    match event:
        case BreakerTripped(at=at, breaker=name, reason=why):
            return f"{at:%Y-%m-%d} circuit breaker {name} tripped: {why}"
        case TradingHalted(at=at, by=by, reason=why, flatten=flatten):
            return f"{at:%Y-%m-%d} trading halted by {by}: {why}{' (closing every position)' if flatten else ''}"
        case OperationFailed(at=at, operation=what, error=error):
            return f"{at:%Y-%m-%d} could not {what}: {error}"
    return None
