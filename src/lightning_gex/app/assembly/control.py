"""A person's word on the account: halt it, let it go on, reset a breaker. What is said goes on record."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.halt_file import HaltFile
from lightning_gex.app.workspace import HALT_FLAG, Workspace, resolve_home
from lightning_gex.core.errors import InputError, RefusedError, StoreError
from lightning_gex.core.halt import fit_for_record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lightning_gex.core.events import Event
    from lightning_gex.core.portfolio import AccountUsage

_PATIENCE_MS = 1_000  # for a locked database: the halt is in force already, only its record waits


@dataclass(frozen=True, slots=True)
class HaltOutcome:
    """What became of a call to halt.

    Parameters
    ----------
    flag : the file that says so to every program on this workspace.
    not_recorded : why it is not in the journal yet; None where it is. The next program that trades puts it there.
    """

    flag: Path
    not_recorded: str | None


def halt_trading(home: Path | None, *, by: str, reason: str, flatten: bool) -> HaltOutcome:
    """Pull the kill switch: first the flag, which needs nothing else to work, then the record, if it can be written.

    Parameters
    ----------
    home : the workspace's folder; None takes ``LIGHTNING_HOME``, else ``~/.lightning-gex``. Its settings are not read.
    by, reason : who, and why.
    flatten : whether the programs that trade close every position as well.

    Raises
    ------
    StoreError : the flag could not be set: stop the programs.
    """
    folder = resolve_home(home)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error.strerror or error}: stop the program") from error
    flag = HaltFile(folder / HALT_FLAG)
    flag.set(by, reason, flatten=flatten)
    not_recorded = None
    try:
        _record_halt(folder, fit_for_record(by), fit_for_record(reason), flatten)
    except Exception as error:  # whatever is broken, the halt is in force
        not_recorded = f"{type(error).__name__}: {error}".splitlines()[0]
    _alert_of_halt(folder, by, reason)
    return HaltOutcome(flag.path, not_recorded)


def _alert_of_halt(folder: Path, by: str, reason: str) -> None:
    """Tell whoever is to be told. Whether that works does not matter to the halt; it goes on record either way."""
    with suppress(Exception):
        from lightning_gex.app.assembly.alerts import tell

        tell(Workspace.open(folder), f"Lightning GEX: trading halted by {by}", reason)


def _record_halt(folder: Path, by: str, reason: str, flatten: bool) -> None:
    from lightning_gex.core.events import TradingHalted

    workspace = Workspace.open(folder)
    _say(workspace, lambda _: [TradingHalted(SystemClock().now(), by, reason, flatten)])


def resume_trading(workspace: Workspace, *, by: str, reason: str) -> None:
    """Let entries go on after a halt. The record comes with it or it does not happen.

    Raises
    ------
    RefusedError : nothing is halted, or nobody said who and why.
    StoreError : it cannot be put on record; the halt stays in force.
    """
    from lightning_gex.core.events import TradingResumed
    from lightning_gex.risk.account_usage import HALT

    flag = HaltFile(workspace.halt_flag)
    before = flag.read()

    def lifted(usage: AccountUsage) -> Sequence[Event]:
        """With the store locked, no other run can take the halt over between the record and the flag."""
        if before is None and HALT not in usage.tripped:
            raise RefusedError("trading is not halted")
        if before is not None:
            flag.lift(by, reason)
        return [TradingResumed(SystemClock().now(), by, reason)]

    _require_a_person(by, reason)
    try:
        _say(workspace, lifted)
    except BaseException:
        if before is not None:
            flag.set(before.by, before.reason, flatten=before.flatten)
        raise


def latched_breakers(workspace: Workspace) -> dict[str, str]:
    """Every breaker of the account that is tripped, a halt among them: name -> reason."""
    from lightning_gex.app.assembly.wiring import Stores, new_run_id
    from lightning_gex.risk.account_usage import HALT

    stores = Stores.open(workspace)
    now = SystemClock().now()
    try:
        found = dict(stores.journal(new_run_id("control", now)).account(now).tripped)
    finally:
        stores.engine.dispose()
    halt = HaltFile(workspace.halt_flag).read()
    if halt is not None:
        found[HALT] = f"{halt.by}: {halt.reason}"
    return found


def reset_breaker(workspace: Workspace, breaker: str, *, by: str, reason: str) -> None:
    """Arm a tripped breaker anew; every program on the account takes it over at its next decision.

    Raises
    ------
    RefusedError : it is not tripped, it is a halt, or nobody said who and why.
    """
    from lightning_gex.core.events import BreakerReset
    from lightning_gex.risk.account_usage import HALT

    def reset(usage: AccountUsage) -> Sequence[Event]:
        if breaker not in usage.tripped:
            tripped = ", ".join(sorted(usage.tripped)) or "none is"
            raise RefusedError(f"circuit breaker {breaker!r} is not tripped ({tripped})")
        return [BreakerReset(SystemClock().now(), breaker, by, reason)]

    _require_a_person(by, reason)
    if breaker == HALT:
        raise RefusedError("a halt is no breaker: it ends with lightning resume")
    _say(workspace, reset)


def _require_a_person(by: str, reason: str) -> None:
    for field, said in (("by", by), ("reason", reason)):
        if not isinstance(said, str) or not said.strip():
            raise InputError("say who resets it, and why: both go on record", field=field)


def _say(workspace: Workspace, build: Callable[[AccountUsage], Sequence[Event]]) -> None:
    """Put a person's word on record in a run of its own, in one transaction with what it depends on."""
    from lightning_gex.app.assembly.wiring import Stores, new_run_id
    from lightning_gex.core.enums import RunMode
    from lightning_gex.core.events import RunStarted
    from lightning_gex.core.ledger import money

    now = SystemClock().now()
    stores = Stores.open(workspace, busy_timeout_ms=_PATIENCE_MS)
    try:
        with stores.journal(new_run_id("control", now)) as journal:
            started = RunStarted(now, RunMode.CONTROL, money(0), {})
            journal.append_checked(now, lambda usage: [started, *build(usage)])
    finally:
        stores.engine.dispose()
