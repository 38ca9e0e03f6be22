"""``lightning doctor``: is this workspace ready for real money? Each answer says what was looked at."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import numpy as np

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.halt_file import HaltFile
from lightning_gex.app.assembly.alerts import ALERT_FAILED, ALERT_SENT, are_alerts_configured
from lightning_gex.app.assembly.backup import BACKUP_DRILLED, BACKUP_MADE
from lightning_gex.app.assembly.credentials import public_vault
from lightning_gex.app.assembly.drills import drill_components, drill_rate_limit, drill_stops
from lightning_gex.app.assembly.paper import SETTINGS_CHANGED
from lightning_gex.app.assembly.policies import POLICY_FILE, SHIPPED, read_policy
from lightning_gex.app.assembly.shipped import is_champion, shipped_history_card
from lightning_gex.app.assembly.wiring import Stores, engine_config, new_run_id
from lightning_gex.app.settings import ENV_DELIMITER, ENV_PREFIX, GuardrailSettings
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.decision import Scalar
from lightning_gex.core.enums import RunMode
from lightning_gex.core.errors import LightningError
from lightning_gex.core.events import AuditNoted, Marked, RunStarted
from lightning_gex.core.ports import Clock, JournalRecord
from lightning_gex.core.sessions import session_of, session_open_utc, sessions_between, sessions_from, to_aware
from lightning_gex.core.version import __version__
from lightning_gex.engine.paper import SESSION_COMPLETED
from lightning_gex.engine.self_test import self_test
from lightning_gex.security.rate_limit import SlidingWindow
from lightning_gex.sizing.policy import OnnxPolicy

COMPONENTS_TESTED, STOPS_DRILLED = "components_tested", "stops_drilled"
LEAST_TRAINING_STEPS = 100_000  # the founding document's
WEEK_SESSIONS = 5  # of an exchange without a holiday
_DRILL_AGE, _BACKUP_AGE, _ALERT_AGE = timedelta(days=30), timedelta(days=7), timedelta(days=30)
_WATCHED_AFTER = timedelta(days=1)  # a session need not have been seen before a day is over
_DRILL = "lightning doctor --drill"


class Status(StrEnum):
    """How one item stands. Nothing passes by default."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_YET = "not_yet"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Finding:
    """One item of the checklist.

    Parameters
    ----------
    status : how it stands. evidence : what was looked at. next_step : what to do; empty where it passed.
    """

    status: Status
    evidence: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A finding under its name.

    Parameters
    ----------
    name : one word or two, stable. question : what it asks.
    """

    name: str
    question: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Checkup:
    """The whole checklist, in the founding document's order.

    Parameters
    ----------
    items : every one of them. stopped : what stops entries now, with the reasons.
    """

    items: tuple[Item, ...]
    stopped: Mapping[str, str]

    @property
    def ready(self) -> bool:
        """Whether every item passed."""
        return all(item.finding.status is Status.PASSED for item in self.items)


@dataclass(frozen=True, slots=True)
class _Record:
    """What the journal says, read once.

    Parameters
    ----------
    verified : records of a sound journal. notes : audit notes, oldest first.
    runs : those of paper and live trading, oldest first: id, start.
    completed : run -> its completed sessions that were traded. marks : run -> when it was marked.
    decided : run -> decisions dated at the close of one of those sessions.
    under_small_capital : completed sessions that were traded under the cap on capital.
    """

    verified: int
    notes: tuple[AuditNoted, ...]
    runs: tuple[tuple[str, RunStarted], ...]
    completed: Mapping[str, tuple[AuditNoted, ...]]
    marks: Mapping[str, frozenset[datetime]]
    decided: Mapping[str, int]
    under_small_capital: int

    def latest(self, *what: str) -> AuditNoted | None:
        """The newest note of these."""
        return next((n for n in reversed(self.notes) if n.what in what), None)


@dataclass(frozen=True, slots=True)
class _Patient:
    workspace: Workspace
    now: datetime
    record: _Record | LightningError

    def known(self) -> _Record:
        """The record. Raises why it could not be read."""
        if isinstance(self.record, LightningError):
            raise self.record
        return self.record


def examine(workspace: Workspace, *, clock: Clock | None = None) -> Checkup:
    """Go through the production checklist.

    Parameters
    ----------
    workspace : whose. Nothing in it is changed.
    clock : says how old things are.

    Returns
    -------
    Every item with its evidence; one that could not be looked at says so.
    """
    now = (clock or SystemClock()).now()
    record: _Record | LightningError
    stopped: dict[str, str] = {}
    try:
        record, stopped = _read(workspace, now)
    except LightningError as error:
        record = error
    halt = HaltFile(workspace.halt_flag).read()
    if halt is not None:
        stopped["halt"] = f"{halt.by}: {halt.reason}"
    patient = _Patient(workspace, now, record)
    items = tuple(Item(name, question, _asked(check, patient)) for name, question, check in _CHECKLIST)
    return Checkup(items, stopped)


def drill(workspace: Workspace, *, clock: Clock | None = None) -> None:
    """Run every component and every stop in a scratch workspace, and put on record what was found."""
    clock = clock or SystemClock()
    components, stops = drill_components(workspace), drill_stops(workspace)
    notes = []
    for what, tried in ((COMPONENTS_TESTED, components), (STOPS_DRILLED, stops)):
        found = {**tried.passed, **{name: f"failed: {why}" for name, why in tried.failed.items()}}
        detail: dict[str, Scalar] = {"version": __version__, "passed": len(tried.passed)}
        detail["failed"] = ", ".join(tried.failed)
        notes.append(AuditNoted(clock.now(), what, {**detail, **found}))
    stores = Stores.open(workspace)
    try:
        with stores.naming_the_store(), stores.journal(new_run_id("doctor", clock.now())) as journal:
            journal.append(notes)
    finally:
        stores.engine.dispose()


def _asked(check: Callable[[_Patient], Finding], patient: _Patient) -> Finding:
    try:
        return check(patient)
    except LightningError as error:
        return Finding(Status.CANNOT_TELL, f"{type(error).__name__}: {error}", "mend this, then ask again")


def _read(workspace: Workspace, now: datetime) -> tuple[_Record, dict[str, str]]:
    stores = Stores.open(workspace)
    try:
        with stores.naming_the_store(), stores.journal(new_run_id("doctor", now)) as journal:
            verified = journal.verify()
            noted = list(journal.read(kinds=["audit_noted"], with_reasons=False))
            begun = [r for r in journal.read(kinds=["run_started"]) if _trades(r)]
            runs = tuple((r.run_id, r.event) for r in begun if isinstance(r.event, RunStarted))
            completed = {run_id: _completed(noted, run_id) for run_id, _ in runs}
            closes = {run_id: {n.at for n in notes} for run_id, notes in completed.items()}
            marks = {
                run_id: frozenset(
                    r.event.at for r in journal.read(run_id, kinds=["marked"]) if isinstance(r.event, Marked)
                )
                for run_id, _ in runs
            }
            decided = {
                run_id: sum(
                    r.event.at in closes[run_id]
                    for r in journal.read(run_id, kinds=["decision_made"], with_reasons=False)
                )
                for run_id, _ in runs
            }
            stopped = dict(journal.account(now).tripped)
    finally:
        stores.engine.dispose()
    notes = tuple(r.event for r in noted if isinstance(r.event, AuditNoted))
    small = sum(_under_small_capital(started, [r for r in noted if r.run_id == run_id]) for run_id, started in runs)
    return _Record(verified, notes, runs, completed, marks, decided, small), stopped


def _trades(record: JournalRecord) -> bool:
    return isinstance(record.event, RunStarted) and record.event.mode in (RunMode.PAPER, RunMode.LIVE)


def _completed(noted: Iterable[JournalRecord], run_id: str) -> tuple[AuditNoted, ...]:
    events = [r.event for r in noted if r.run_id == run_id]
    return tuple(
        e for e in events if isinstance(e, AuditNoted) and e.what == SESSION_COMPLETED and e.detail["traded"] is True
    )


def _under_small_capital(started: RunStarted, noted: Iterable[JournalRecord]) -> int:
    """A run's traded sessions while the cap was on: it may have been switched between two of them."""
    key, sessions = "small_capital.enabled", 0
    on = started.settings.get(key) is True
    for event in (r.event for r in noted):
        if isinstance(event, AuditNoted) and event.what == SETTINGS_CHANGED:
            on = event.detail.get(key, on) is True
        elif isinstance(event, AuditNoted) and event.what == SESSION_COMPLETED:
            sessions += on and event.detail["traded"] is True
    return sessions


# --- the checklist -----------------------------------------------------------------------------------------------


def _model(patient: _Patient) -> Finding:
    path = patient.workspace.home / POLICY_FILE
    if not patient.workspace.settings.enhancements.rl_sizing:
        return Finding(Status.NOT_YET, "enhancements.rl_sizing is off: no trained policy sizes", "switch it on")
    step = f"lightning train --timesteps {LEAST_TRAINING_STEPS} --out DIR; lightning promote DIR"
    shipped = f"the shipped policy {shipped_history_card().verdict()[1]}"
    if patient.workspace.settings.sizing.policy == SHIPPED:
        return Finding(Status.NOT_YET, f"sizing.policy asks for what ships with the package: {shipped}", step)
    if not path.exists():
        who = "it sizes" if is_champion() else "Kelly sizes"
        return Finding(Status.NOT_YET, f"there is no {POLICY_FILE}; {shipped}: {who}", step)
    policy = read_policy(path)
    if not isinstance(policy, OnnxPolicy):
        return Finding(Status.CANNOT_TELL, f"{POLICY_FILE} says nothing of its training", step)
    card = policy.metadata
    trained = f"{POLICY_FILE}: {card.algorithm.value}, {card.total_timesteps:,} steps, seed {card.seed}"
    if card.total_timesteps < LEAST_TRAINING_STEPS:
        return Finding(Status.FAILED, f"{trained}, fewer than {LEAST_TRAINING_STEPS:,}", step)
    return Finding(Status.PASSED, trained)


def _components(patient: _Patient) -> Finding:
    return _drilled(patient, COMPONENTS_TESTED, "components ran in a scratch workspace")


def _stops(patient: _Patient) -> Finding:
    return _drilled(patient, STOPS_DRILLED, "steps: tripped, stopped, restarted, reset, halted, resumed")


def _drilled(patient: _Patient, what: str, words: str) -> Finding:
    note = patient.known().latest(what)
    if note is None:
        return Finding(Status.NOT_YET, "no drill is on record", _DRILL)
    when = f"on {note.at:%Y-%m-%d}, version {note.detail['version']}"
    if note.detail["failed"]:
        why = "; ".join(f"{n}: {note.detail.get(n)}" for n in str(note.detail["failed"]).split(", "))
        return Finding(Status.FAILED, f"{when}: {why}", f"mend this, then {_DRILL}")
    if note.detail["version"] != __version__:
        return Finding(Status.NOT_YET, f"last drilled {when}; this is {__version__}", _DRILL)
    return Finding(Status.PASSED, f"{note.detail['passed']} {words}, {when}")


def _paper(patient: _Patient) -> Finding:
    record = patient.known()
    runs = [run_id for run_id, started in record.runs if started.mode is RunMode.PAPER]
    sessions = sum(len(record.completed[r]) for r in runs)
    decisions = sum(record.decided[r] for r in runs)
    evidence = f"{len(runs)} paper runs, {sessions} sessions traded, {decisions} decisions"
    if sessions >= WEEK_SESSIONS and decisions:
        return Finding(Status.PASSED, evidence)
    return Finding(Status.NOT_YET, f"{evidence}; {WEEK_SESSIONS} sessions are wanted", "lightning paper --bars FILE")


def _guardrails(patient: _Patient) -> Finding:
    config = engine_config(patient.workspace.settings)
    if not config.enhancements.security:
        return Finding(Status.FAILED, "enhancements.security is off: no guardrail is checked", "switch it on")
    tested = self_test(config)
    chosen = chosen_keys(patient.workspace, "guardrails", tuple(GuardrailSettings.model_fields))
    proof = f"the self-test tripped {len(tested.guardrails)} guardrails and {len(tested.breakers)} breakers"
    if not chosen:
        step = f"choose [guardrails] in {patient.workspace.settings_file}; a default that is written down counts"
        return Finding(Status.NOT_YET, f"{proof}; every limit is a default that nobody chose", step)
    return Finding(Status.PASSED, f"{proof}; chosen: {', '.join(chosen)}, the others are defaults")


def _credentials(patient: _Patient) -> Finding:
    names = _api_names(patient.workspace)
    if not names:
        return Finding(
            Status.NOT_YET, "the vault holds no credentials", "lightning vault init; lightning vault set NAME"
        )
    return Finding(Status.PASSED, f"sealed in the vault, mode 0600: {', '.join(names)}")


def _alerts(patient: _Patient) -> Finding:
    if not are_alerts_configured(patient.workspace):
        step = "set alerts.vault_entry or LIGHTNING_ALERT_URLS (docs/how_to/go_to_production.md)"
        return Finding(Status.NOT_YET, "no address is configured", step)
    note = patient.known().latest(ALERT_SENT, ALERT_FAILED)
    if note is None:
        return Finding(Status.NOT_YET, "an address is configured and was never tried", "lightning alerts test")
    said = f"the latest on {note.at:%Y-%m-%d %H:%M} UTC reached {note.detail['reached']} of {note.detail['of']}"
    if note.what == ALERT_FAILED:
        return Finding(Status.FAILED, f"{said}: {note.detail['why']}", "lightning alerts test")
    if patient.now - note.at > _ALERT_AGE:
        return Finding(Status.NOT_YET, f"{said}, {_days(patient.now - note.at)} ago", "lightning alerts test")
    return Finding(Status.PASSED, f"{said} addresses")


def _backup(patient: _Patient) -> Finding:
    record = patient.known()
    made, drilled = record.latest(BACKUP_MADE), record.latest(BACKUP_DRILLED)
    if made is None:
        return Finding(Status.NOT_YET, "no backup is on record", "lightning backup --drill")
    evidence = f"made {_days(patient.now - made.at)} ago"
    if drilled is None:
        return Finding(Status.NOT_YET, f"{evidence}, never restored", "lightning backup --drill")
    evidence += (
        f"; one of {drilled.detail['records']} records restored in a drill {_days(patient.now - drilled.at)} ago"
    )
    if patient.now - made.at > _BACKUP_AGE or patient.now - drilled.at > _DRILL_AGE:
        limits = f"at most {_days(_BACKUP_AGE)} and {_days(_DRILL_AGE)} are wanted"
        return Finding(Status.NOT_YET, f"{evidence}: {limits}", "lightning backup --drill")
    return Finding(Status.PASSED, evidence)


def _audit(patient: _Patient) -> Finding:
    if isinstance(patient.record, LightningError):
        return Finding(Status.FAILED, str(patient.record), "lightning audit verify; restore from a backup")
    if not patient.record.verified:
        return Finding(
            Status.NOT_YET, "the journal is empty: there is nothing to review", "lightning paper --bars FILE"
        )
    return Finding(Status.PASSED, f"{patient.record.verified} records, chain and anchor verified just now")


def _rate_limits(patient: _Patient) -> Finding:
    names, limits = _api_names(patient.workspace), patient.workspace.settings.rate_limits
    if not names:
        return Finding(
            Status.NOT_YET, "no API's credentials are stored: there is nothing to limit", "lightning vault set NAME"
        )
    missing = [name for name in names if name not in limits.apis]
    proof = {n: drill_rate_limit(SlidingWindow(limits.apis.get(n, limits.calls), limits.window_seconds)) for n in names}
    if missing:
        step = f'set the vendor\'s own limit: [rate_limits] apis = {{ "{missing[0]}" = {limits.calls} }}'
        general = f"the general {limits.calls} calls in {limits.window_seconds:g} s hold"
        return Finding(Status.NOT_YET, f"no limit of its own: {', '.join(missing)}; {general}", step)
    return Finding(Status.PASSED, "; ".join(f"{name}: {said}" for name, said in proof.items()))


def _small_capital(patient: _Patient) -> Finding:
    settings, lived = patient.workspace.settings, patient.known().under_small_capital
    done = f"{lived} sessions were traded under it"
    if settings.small_capital.enabled:
        tested = self_test(engine_config(settings))
        if "max_capital_usd" not in tested.guardrails:
            return Finding(Status.FAILED, "the cap is on and no guardrail holds it", "enhancements.security must be on")
        cap = f"at most {settings.small_capital.max_capital_usd:,.0f} USD at work, tripped in the self-test"
        if lived < WEEK_SESSIONS:
            return Finding(Status.NOT_YET, f"{cap}; {done}, {WEEK_SESSIONS} are wanted", "go on under it")
        return Finding(Status.PASSED, f"{cap}; {done}")
    if lived >= WEEK_SESSIONS:
        return Finding(Status.PASSED, f"the cap is off now; {done}")
    step = f"[small_capital] enabled = true in {patient.workspace.settings_file}"
    return Finding(Status.NOT_YET, f"the cap on capital is off; {done}", step)


def _week(patient: _Patient) -> Finding:
    record = patient.known()
    streaks = [streak for run_id, _ in record.runs if (streak := _streak(record, run_id))]
    best = max(streaks, key=lambda streak: (streak[-1], len(streak)), default=[])
    step = "lightning paper --bars FILE after every close (docs/how_to/trade_on_paper.md)"
    if not best:
        return Finding(Status.NOT_YET, "no session of paper or live trading was seen on its own day", step)
    span = f"{len(best)} sessions in a row, {best[0]} to {best[-1]}, each marked and seen before the next one opened"
    expected = session_of(patient.now - _WATCHED_AFTER)
    if best[-1] < expected:
        return Finding(Status.NOT_YET, f"{span}; none since, and {expected} is over", step)
    if len(best) < WEEK_SESSIONS:
        return Finding(Status.NOT_YET, f"{span}; {WEEK_SESSIONS} are wanted", step)
    return Finding(Status.PASSED, span)


def _streak(record: _Record, run_id: str) -> list[np.datetime64]:
    """A run's latest sessions without a gap, each marked, and seen before the next one opened."""
    watched = {
        np.datetime64(str(note.detail["session"]), "D")
        for note in record.completed[run_id]
        if note.at in record.marks[run_id] and _in_time(note)
    }
    if not watched:
        return []
    streak: list[np.datetime64] = []
    for session in sessions_between(min(watched), max(watched))[::-1]:
        if session not in watched:
            break
        streak.append(session)
    return streak[::-1]


def _in_time(note: AuditNoted) -> bool:
    session = np.datetime64(str(note.detail["session"]), "D")
    seen_at = datetime.fromisoformat(str(note.detail["seen_at"]))
    following = sessions_from(session, 1)
    return note.at <= seen_at and bool(len(following)) and seen_at < to_aware(session_open_utc(following)[0])


def _private(patient: _Patient) -> Finding:
    home = patient.workspace.home
    if os.name == "nt":
        return Finding(Status.CANNOT_TELL, "this system has no modes of files", "see to it that only you may read it")
    open_to_others = [p for p in (home, *_secret_files(home)) if stat.S_IMODE(p.stat().st_mode) & 0o077]
    if open_to_others:
        named = ", ".join(f"{p} ({stat.S_IMODE(p.stat().st_mode):04o})" for p in open_to_others)
        return Finding(Status.FAILED, f"others may look into {named}", f"chmod -R go= {home}")
    return Finding(Status.PASSED, f"{home} is 0700 and what lies in it is its owner's alone")


def _secret_files(home: Path) -> list[Path]:
    names = ("lightning.db", "vault.json", "audit.key", "journal.anchor", "journal.seal", "halt.flag", "lightning.log")
    return [path for name in names if (path := home / name).exists()]


_CHECKLIST: tuple[tuple[str, str, Callable[[_Patient], Finding]], ...] = (
    ("model", "Was the sizing model trained on 100,000 steps or more?", _model),
    ("components", "Was every component tested in this installation?", _components),
    ("paper", "Was the complete system run on paper?", _paper),
    ("guardrails", "Were the limits chosen, and does each one block?", _guardrails),
    ("credentials", "Are the broker's credentials in the vault?", _credentials),
    ("alerts", "Is somebody told, and did it arrive?", _alerts),
    ("backup", "Was a backup made, and restored?", _backup),
    ("breakers", "Were breaker, reset and kill switch drilled?", _stops),
    ("audit", "Is the record sound?", _audit),
    ("rate limits", "Does every API have a limit that holds?", _rate_limits),
    ("small capital", "Is little money at work at first?", _small_capital),
    ("week", "Was a week watched without a gap?", _week),
    ("private", "Is the workspace its owner's alone?", _private),
)


# --- small things ------------------------------------------------------------------------------------------------


def chosen_keys(workspace: Workspace, section: str, keys: tuple[str, ...]) -> list[str]:
    """The settings of a section that the user named, in the file or the environment."""
    try:
        in_file = tomllib.loads(workspace.settings_file.read_text(encoding="utf-8")).get(section, {})
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        in_file = {}
    variables = {name.upper() for name in os.environ}
    return [k for k in keys if k in in_file or f"{ENV_PREFIX}{section}{ENV_DELIMITER}{k}".upper() in variables]


def _api_names(workspace: Workspace) -> list[str]:
    """Names of stored credentials; the addresses of alerts are none."""
    stored = [str(record["name"]) for record in public_vault(workspace)["credentials"]]
    return [name for name in stored if name != workspace.settings.alerts.vault_entry]


def _days(age: timedelta) -> str:
    return f"{age.days} days" if age.days != 1 else "1 day"


def checkup_document(checkup: Checkup) -> dict[str, object]:
    """What ``doctor --json`` prints."""
    return {
        "ready": checkup.ready,
        "stopped": dict(checkup.stopped),
        "items": [
            {
                "name": item.name,
                "question": item.question,
                "status": item.finding.status.value,
                "evidence": item.finding.evidence,
                "next_step": item.finding.next_step,
            }
            for item in checkup.items
        ],
    }


__all__ = ["Checkup", "Finding", "Item", "Status", "checkup_document", "drill", "examine"]
