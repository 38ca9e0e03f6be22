"""``lightning migrate``: an old system and this one side by side, and the stages in which the capital goes over.

The old system is the baseline of this program, the original Lightning GEX, or whatever made the trades of a file. On
paper the baseline lives in a workspace of its own below the account's, so that neither uses up the other's limits or
learns from its outcomes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lightning_gex.adapters.market_data.old_trades import read_old_trades
from lightning_gex.analytics.performance import session_returns, sharpe
from lightning_gex.app.assembly.control import latched_breakers
from lightning_gex.app.assembly.paper import PaperOutcome, PaperRequest, paper_trade
from lightning_gex.app.assembly.paper_record import PaperRecord, paper_record, paper_result
from lightning_gex.app.assembly.probe import PROBED
from lightning_gex.app.assembly.transition import control_notes, note_in_control, settings_in_force
from lightning_gex.app.assembly.variants import BASELINE, Subject, run_variant, under
from lightning_gex.app.assembly.wiring import Stores
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.enums import RunMode
from lightning_gex.core.errors import InputError, RefusedError
from lightning_gex.core.halt import fit_for_record
from lightning_gex.core.transition import TRANSITION, Stage, StageChange, Transition, transition_of
from lightning_gex.core.units import SESSIONS_PER_YEAR, Float64Array1D
from lightning_gex.evaluation.benchmarks import risk_free_by_session
from lightning_gex.evaluation.old_system import Ground, old_system_run
from lightning_gex.evaluation.side_by_side import SideBySide, per_capital_given, side_by_side
from lightning_gex.evaluation.transition import (
    COMPARED,
    Bounds,
    ComparedFigures,
    Evidence,
    Requirement,
    requirements,
    unmet,
)

if TYPE_CHECKING:
    from lightning_gex.app.assembly.jobs import InputFiles
    from lightning_gex.core.decision import Scalar
    from lightning_gex.core.ports import Clock, Progress
    from lightning_gex.engine.result import RunResult

#: Folder of the old system's own workspace, below the account's.
OLD_HOME = "old_system"
_NEW_WORDS = "this system, as the settings have it"


@dataclass(frozen=True, slots=True)
class OldTradesFile:
    """Where an old system's trades are.

    Parameters
    ----------
    path : the file.
    costs_included : whether its prices are net of costs, so that none are charged on top.
    """

    path: Path
    costs_included: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Both systems compared, and what it leaves on record.

    Parameters
    ----------
    source : ``history`` or ``paper``.
    found : the comparison.
    figures : what a transition goes by.
    notes : what a reader must know.
    """

    source: str
    found: SideBySide
    figures: ComparedFigures
    notes: tuple[str, ...]

    def to_json_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; absent is null."""
        return {"source": self.source, **self.found.to_json_dict(), "notes": list(self.notes)}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a transition stands.

    Parameters
    ----------
    transition : by the journal.
    target : the stage that comes next; None at the last.
    checklist : what that stage asks for, and what was found.
    evidence : what it rests on.
    """

    transition: Transition
    target: Stage | None
    checklist: tuple[Requirement, ...]
    evidence: Evidence

    @property
    def unmet(self) -> tuple[str, ...]:
        """Names of the requirements that are not met."""
        return unmet(self.checklist)


@dataclass(frozen=True, slots=True)
class BothOnPaper:
    """Both systems after a call of paper trading.

    Parameters
    ----------
    new : this system's run. old : the baseline's; None where the old system's trades come from a file.
    """

    new: PaperOutcome
    old: PaperOutcome


# --- comparing ---------------------------------------------------------------------------------------------------


def compare_on_history(
    workspace: Workspace,
    subject: Subject,
    *,
    old: OldTradesFile | None = None,
    share: float = 1.0,
    seed: int = 0,
    progress: Progress,
) -> Comparison:
    """Run both systems over a history, on the same bars, sessions and costs, and put on record what came out.

    Parameters
    ----------
    workspace : whose settings, store and journal.
    subject : files, tickers and period.
    old : trades of the old system; None runs the baseline.
    share : part of the capital that the new system gets, as in a stage; its returns are per capital given.
    seed : of bootstrap and placebos.
    progress : shows how far each run is.

    Raises
    ------
    InputError : a file that cannot be used.
    """
    trades = None if old is None else read_old_trades(old.path)
    inputs = subject.inputs()
    inside = _with_share(workspace, share)
    new = run_variant(
        inside, subject, inputs, kind="migrate", label=f"walking through: {_NEW_WORDS}", progress=progress
    )
    tried = {subject.variant_hash(inside, inputs): _sharpe_per_session(new)}
    if trades is None or old is None:
        baseline = under(workspace, BASELINE)
        words = BASELINE.words
        label = f"walking through: {words}"
        other = run_variant(baseline, subject, inputs, kind="migrate", label=label, progress=progress)
        tried[subject.variant_hash(baseline, inputs)] = _sharpe_per_session(other)
    else:
        other, words = old_system_run(trades, _ground(new, old)), f"trades of {old.path.name}"
    trials = subject.counted(workspace, inputs, tried)
    found = side_by_side(
        per_capital_given(new, np.full(len(new.sessions), share)),
        other,
        new_words=_NEW_WORDS if share == 1.0 else f"{_NEW_WORDS}, with {share:.0%} of the capital",
        old_words=words,
        seed=seed,
        trials=trials,
    )
    notes = (*new.notes, *(n for n in other.notes if n not in new.notes), *_share_notes(share))
    return _on_record(workspace, "history", found, notes)


def compare_on_paper(
    workspace: Workspace, files: InputFiles, *, old: OldTradesFile | None = None, seed: int = 0
) -> Comparison:
    """Compare what both systems did on paper, and put on record what came out.

    Parameters
    ----------
    workspace : whose paper runs.
    files : the bars that both traded on.
    old : trades of the old system; None takes the baseline's paper run.
    seed : of bootstrap and placebos.

    Raises
    ------
    RefusedError : one of the two has no paper run, or has not completed a session.
    """
    record, transition = _new_on_paper(workspace, with_reasons=True)
    if record is None:
        raise RefusedError("this system has no paper run: begin with lightning migrate paper")
    new = paper_result(workspace, record, files)
    share = share_by_session(record, transition)
    if old is None:
        below = old_workspace(workspace)
        other_record = _record_of(below, with_reasons=True)
        if other_record is None:
            raise RefusedError(
                "the old system has no paper run: let lightning migrate paper run both, or name its trades with "
                "--old-trades FILE"
            )
        other, words = paper_result(below, other_record, files), BASELINE.words
    else:
        other = old_system_run(read_old_trades(old.path), _ground(new, old))
        words = f"trades of {old.path.name}"
    found = side_by_side(per_capital_given(new, share), other, new_words=_NEW_WORDS, old_words=words, seed=seed)
    notes = (*new.notes, *(n for n in other.notes if n not in new.notes), *_share_notes(float(share.min())))
    return _on_record(workspace, "paper", found, notes)


def share_by_session(record: PaperRecord, transition: Transition) -> Float64Array1D:
    """(m,) the part of the capital that the new system had while each session of its paper run was lived through."""
    out = np.ones(len(record.sessions))
    for k in range(len(out)):
        before = tuple(c for c in transition.changes if c.sequence < record.sequence[k])
        out[k] = Transition(before).share(RunMode.PAPER)
    return out


def _on_record(workspace: Workspace, source: str, found: SideBySide, notes: tuple[str, ...]) -> Comparison:
    figures = ComparedFigures.of(found, source, settings_in_force(workspace))
    stores = Stores.open(workspace)
    try:
        note_in_control(stores, COMPARED, figures.detail())
    finally:
        stores.engine.dispose()
    return Comparison(source, found, figures, notes)


def _ground(new: RunResult, old: OldTradesFile) -> Ground:
    ground = Ground.of(new)
    return replace(ground, cost_bp_per_side=dict.fromkeys(ground.bars, 0.0)) if old.costs_included else ground


def _with_share(workspace: Workspace, share: float) -> Workspace:
    if not 0.0 < share <= 1.0:
        raise InputError(f"{share:g} is no part of the capital: give one above 0 and up to 1", field="share")
    if share == 1.0:
        return workspace
    sizing = {**workspace.settings.sizing.model_dump(), "capital_share": share}
    return Workspace.open(workspace.home, overrides={**workspace.settings.model_dump(), "sizing": sizing})


def _share_notes(share: float) -> tuple[str, ...]:
    if share == 1.0:
        return ()
    divided = "the new system had a part of the capital: its returns and exposure are divided by that part, so that "
    return (f"{divided}they compare; its trades and their values are as they were",)


def _sharpe_per_session(run: RunResult) -> float:
    """What the record of trials keeps of a run; NaN where it was never invested."""
    if not (run.exposure > 0).any():
        return math.nan
    return sharpe(session_returns(run.equity) - risk_free_by_session(run)) / math.sqrt(SESSIONS_PER_YEAR)


# --- on paper ----------------------------------------------------------------------------------------------------


def old_workspace(workspace: Workspace) -> Workspace:
    """The old system's own workspace: the account's settings with every enhancement off and a fixed size.

    It keeps its records in a file below the account's folder, whatever store the account uses, and tells nobody.
    """
    settings = under(workspace, BASELINE).settings.model_dump()
    settings["storage"]["url"] = ""
    settings["alerts"]["daily_summary"] = False
    for name, path in settings["universe"].items():  # relative paths begin in the account's folder
        settings["universe"][name] = str(workspace.home / path) if path else path
    return Workspace.open(workspace.home / OLD_HOME, overrides=settings)


def paper_side_by_side(
    workspace: Workspace, request: PaperRequest, *, progress: Progress, clock: Clock | None = None
) -> BothOnPaper:
    """Let both systems live through every session that is new: this one on its account, the baseline beside it.

    A call that was stopped between the two is made whole by the next one: each run goes on where it stopped.

    Raises
    ------
    InputError, SettingsError, RefusedError, StoreError : as ``lightning paper``.
    """
    record, _ = _new_on_paper(workspace)
    below = old_workspace(workspace)
    other = _record_of(below)
    new = paper_trade(workspace, request, progress=progress, clock=clock)
    return BothOnPaper(new, paper_trade(below, _like(request, record, other, new), progress=progress, clock=clock))


def _like(
    request: PaperRequest, record: PaperRecord | None, other: PaperRecord | None, new: PaperOutcome
) -> PaperRequest:
    """The request to the old system: where it begins later than the new one, with the same tickers and sessions."""
    if other is not None or record is None:
        return request
    start = None if not len(new.sessions) else new.sessions[0].astype(object)
    return replace(request, tickers=request.tickers or record.tickers, start=request.start or start)


def _new_on_paper(workspace: Workspace, *, with_reasons: bool = False) -> tuple[PaperRecord | None, Transition]:
    stores = Stores.open(workspace)
    try:
        with stores.journal("migrate") as journal:
            return paper_record(journal, with_reasons=with_reasons), transition_of(control_notes(journal))
    finally:
        stores.engine.dispose()


def _record_of(workspace: Workspace, *, with_reasons: bool = False) -> PaperRecord | None:
    return _new_on_paper(workspace, with_reasons=with_reasons)[0]


# --- stages ------------------------------------------------------------------------------------------------------


def transition_standing(workspace: Workspace) -> Standing:
    """Where the transition is, and what its next stage asks for beside what was found."""
    stores = Stores.open(workspace)
    try:
        return _standing(workspace, stores)
    finally:
        stores.engine.dispose()


def advance_transition(
    workspace: Workspace, *, by: str, reason: str, override: Sequence[str] = ()
) -> tuple[StageChange, Standing]:
    """Enter the next stage: begin the transition, or give the new system more of the capital.

    Parameters
    ----------
    by, reason : whose word it is, and why; both go on record.
    override : names of requirements that are not met and that the person goes past.

    Returns
    -------
    The step, durable, and what the checklist was when it was taken.

    Raises
    ------
    RefusedError : a requirement is not met and not gone past, naming each; the last stage is in force; or somebody else
        changed the stage meanwhile.
    InputError : nobody said who or why; a name that no requirement has, or that of one that is met.
    """
    _require_words(by, reason)
    stores = Stores.open(workspace)
    try:
        standing = _standing(workspace, stores)
        if standing.target is None:
            raise RefusedError("the transition is over: all of the capital is this system's")
        _check_names(override, standing)
        missing = [name for name in standing.unmet if name not in override]
        if missing:
            steps = "; ".join(f"{r.name}: {r.found}, {r.next_step}" for r in standing.checklist if r.name in missing)
            raise RefusedError(
                f"{standing.target.words} asks for what is not met: {steps} (a person goes past one by --override NAME)"
            )
        return _taken(stores, standing, standing.target, by, reason, tuple(override)), standing
    finally:
        stores.engine.dispose()


def step_back(workspace: Workspace, *, by: str, reason: str, to: Stage | None = None) -> StageChange:
    """Go back to an earlier stage; nothing is asked but who and why.

    Parameters
    ----------
    by, reason : whose word it is, and why.
    to : the stage to go back to; None takes the one before.

    Raises
    ------
    RefusedError : there is no stage to go back to, or ``to`` is none that was passed.
    """
    _require_words(by, reason)
    stores = Stores.open(workspace)
    try:
        with stores.journal("migrate") as journal:
            transition = transition_of(control_notes(journal))
        stage = transition.stage
        if stage is None:
            raise RefusedError("no transition was begun: there is nothing to go back from")
        target = stage.before if to is None else to
        if target is None:
            raise RefusedError("both systems run side by side, no capital is this system's: that is the first stage")
        if not stage.follows(target):
            raise RefusedError(f"{target.words} is not before {stage.words}: lightning migrate advance goes on")
        return _taken(stores, transition, target, by, reason, ())
    finally:
        stores.engine.dispose()


def _taken(
    stores: Stores, before: Standing | Transition, target: Stage, by: str, reason: str, overridden: tuple[str, ...]
) -> StageChange:
    """Write a step, and see that it is the one that counts."""
    transition = before.transition if isinstance(before, Standing) else before
    wanted: dict[str, Scalar] = {
        "from": None if transition.stage is None else transition.stage.value,
        "to": target.value,
        "share": target.share,
        "by": fit_for_record(by),
        "reason": fit_for_record(reason),
        "overridden": ", ".join(overridden),
    }
    at = note_in_control(stores, TRANSITION, wanted)
    with stores.journal("migrate") as journal:
        now = transition_of(control_notes(journal))
    new = now.changes[len(transition.changes) :]
    if not new or new[0].at != at:
        raise RefusedError(
            f"somebody else changed the stage meanwhile: it is {now.stage and now.stage.words}; "
            "look again with lightning migrate status"
        )
    return new[0]


def _require_words(by: str, reason: str) -> None:
    for field, said in (("by", by), ("reason", reason)):
        if not isinstance(said, str) or not said.strip():
            raise InputError("say who moves the capital, and why: both go on record", field=field)


def _check_names(override: Sequence[str], standing: Standing) -> None:
    known = [r.name for r in standing.checklist]
    for name in override:
        if name not in known:
            raise InputError(
                f"no requirement is called {name!r} (there are {', '.join(known) or 'none'})", field="override"
            )
        if name not in standing.unmet:
            raise InputError(f"{name} is met: there is nothing to go past", field="override")


def _standing(workspace: Workspace, stores: Stores) -> Standing:
    with stores.journal("migrate") as journal:
        notes = list(control_notes(journal))
        record = paper_record(journal)
    transition = transition_of(notes)
    stage = transition.stage
    target = Stage.PARALLEL if stage is None else stage.next
    compared = {f.source: f for _, n in notes if n.what == COMPARED for f in (ComparedFigures.read(n.detail),)}
    probes = [n.detail for _, n in notes if n.what == PROBED]
    clean = bool(probes) and probes[-1]["clean"] is True
    since = transition.since.sequence if transition.since else 0
    began = transition.changes[0].sequence if transition.changes else 0
    evidence = Evidence(
        settings=settings_in_force(workspace),
        history=compared.get("history"),
        paper=compared.get("paper"),
        probe=str(probes[-1]["settings"]) if clean else None,
        probe_leaks=int(probes[-1]["leaks"] or 0) if probes else 0,
        tripped=latched_breakers(workspace),
        **_of_paper(record, since, began),
    )
    bounds = Bounds(**workspace.settings.migration.model_dump())
    listed = () if target is None else requirements(target, evidence, bounds)
    return Standing(transition, target, listed, evidence)


def _of_paper(record: PaperRecord | None, since: int, began: int) -> dict[str, Any]:
    """What a paper run says of a stage that began at a record, in a transition that began at another."""
    if record is None:
        return {}
    return {
        "paper_run": record.run_id,
        "reached": record.reached,
        "stage_sessions": int((record.sequence > since).sum()),
        "paper_trades": sum(sequence > began for sequence in record.closed_at),
        "trips": tuple(name for sequence, name in record.trips if sequence > since),
        "failures": sum(sequence > since for sequence in record.failures),
    }
