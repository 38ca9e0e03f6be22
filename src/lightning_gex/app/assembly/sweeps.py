"""``lightning sweep``: many variants of the system on the same data, each finished run kept, each counted as tried."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from lightning_gex.adapters.storage.file_lock import exclusive
from lightning_gex.adapters.storage.sweep_points import RunFolder, StoredRun
from lightning_gex.analytics.trials import JudgedData, TrialCount
from lightning_gex.app.assembly.folds import FoldRequest, folds_of
from lightning_gex.app.assembly.jobs import refuse_faults
from lightning_gex.app.assembly.policies import POLICY_FILE
from lightning_gex.app.assembly.sweep_plan import MOST_RUNS_UNASKED, Combination, Grid, combinations
from lightning_gex.app.assembly.sweep_runs import (
    RUN_ID,
    FailedRun,
    MadeRun,
    SweepParcel,
    SweepRun,
    SweptUniverse,
    code_digest,
    make_run,
)
from lightning_gex.app.assembly.trials import inputs_digest, put_on_record, tried_so_far
from lightning_gex.app.assembly.universe import with_universe
from lightning_gex.app.assembly.variants import Subject
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.ports import Progress
from lightning_gex.core.work import Done, Executor, Lost
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.evaluation.paired import Judged
from lightning_gex.evaluation.sweep import SweepFindings, findings
from lightning_gex.evaluation.sweep_variant import Criterion, Variant, sharpe_per_session

#: Raised by one whenever what a finished run holds changes: runs of another one are made again.
RESULT_SCHEMA = 1
RUNS_FOLDER = "runs"
_LOCK = ".sweep.lock"
_SUMS = tuple(field.name for field in fields(Judged) if field.name != "run_id")


@dataclass(frozen=True, slots=True, eq=False)
class SweepRequest:
    """What a sweep is over.

    Parameters
    ----------
    subjects : the tickers that are traded together, once for each time that the variants are run; same files.
    grid : setting -> values.
    out : folder; the finished runs lie in its ``runs``.
    by : the figure that orders.
    seed : of bootstrap and shuffles.
    folds : how the history is cut into parts; None judges it whole.
    fresh : make every run again, whatever is there.
    many : whether more than ``MOST_RUNS_UNASKED`` runs are meant.
    """

    subjects: tuple[Subject, ...]
    grid: Grid
    out: Path
    by: Criterion = Criterion.SHARPE
    seed: int = 0
    folds: FoldRequest | None = None
    fresh: bool = False
    many: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PlannedRun:
    """One run of a sweep.

    Parameters
    ----------
    variant : name of the variant it belongs to.
    fold : which part of the history, from 0; None where it is judged whole.
    key : digest of everything that shapes it.
    wanted : what a worker is told.
    """

    variant: str
    fold: int | None
    key: str
    wanted: SweepRun


@dataclass(frozen=True, slots=True, eq=False)
class PlannedVariant:
    """One way to set the system on some tickers.

    Parameters
    ----------
    name : unique in the sweep.
    combination : its settings.
    universe : position among the sweep's.
    title : of the universe.
    trial : hash under which it is counted.
    runs : one a part of the history.
    """

    name: str
    combination: Combination
    universe: int
    title: str
    trial: str
    runs: tuple[PlannedRun, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """A finished sweep.

    Parameters
    ----------
    plan : every variant, in the order of the plan.
    outcomes : key of a run -> what became of it.
    findings : None where no variant gave a result.
    trials : variants ever judged on sessions of these, these included, and those behind the defaults.
    kept : runs that were there from before.
    data_hash : of every value judged.
    notes : what a reader must know.
    """

    plan: tuple[PlannedVariant, ...]
    outcomes: Mapping[str, MadeRun | FailedRun]
    findings: SweepFindings | None
    trials: TrialCount
    kept: int
    data_hash: str
    notes: tuple[str, ...]

    @property
    def failed(self) -> tuple[tuple[PlannedRun, FailedRun], ...]:
        """The runs that gave no result."""
        runs = [(run, self.outcomes[run.key]) for variant in self.plan for run in variant.runs]
        return tuple((run, outcome) for run, outcome in runs if isinstance(outcome, FailedRun))


def run_sweep(workspace: Workspace, request: SweepRequest, executor: Executor, *, progress: Progress) -> Sweep:
    """Make every run that is not there yet, and judge the variants together.

    Parameters
    ----------
    workspace : whose settings stand where nothing is swept, and whose store counts the trials.
    request : what to go over.
    executor : does the runs.
    progress : shows how many are done.

    Raises
    ------
    SettingsError : a setting that cannot be swept, or more runs than are meant; before anything runs.
    InputError : data that cannot be read; before anything runs.
    StoreError : another sweep works in the folder, or it cannot be written.
    """
    found = combinations(workspace, request.grid)
    _check_number(len(found) * len(request.subjects) * (1 if request.folds is None else request.folds.count), request)
    parcel, notes = _parcel(workspace, request)
    judged = tuple(s.judged(u.inputs) for s, u in zip(request.subjects, parcel.universes, strict=True))
    plan = _plan(workspace, request, found, parcel)
    request.out.mkdir(parents=True, exist_ok=True)
    with exclusive(request.out / _LOCK, f"the sweep in {request.out}", patience_seconds=0.0):
        work = _Work(workspace, RunFolder(request.out / RUNS_FOLDER), plan, judged)
        if not request.fresh:
            work.take_up()
        kept = len(work.outcomes)
        work.through(executor, parcel, progress)
    variants = [v for planned in plan if (v := _variant(planned, work.outcomes)) is not None]
    trials = _counted(workspace, request, parcel, work.tried())
    return Sweep(
        plan=plan,
        outcomes=work.outcomes,
        findings=findings(variants, trials=trials, by=request.by, seed=request.seed) if variants else None,
        trials=trials,
        kept=kept,
        data_hash=_everything(request, parcel).digest,
        notes=(*notes, *work.notes),
    )


def _check_number(runs: int, request: SweepRequest) -> None:
    if runs > MOST_RUNS_UNASKED and not request.many:
        raise SettingsError(f"the sweep has {runs:,} runs: give --yes if more than {MOST_RUNS_UNASKED:,} are meant")


def _parcel(workspace: Workspace, request: SweepRequest) -> tuple[SweepParcel, tuple[str, ...]]:
    """What the workers need, read once, and what a reader must know of it."""
    universes: list[SweptUniverse] = []
    notes: list[str] = []
    for subject in request.subjects:
        inputs = subject.inputs()
        if workspace.settings.data.refuse_faults:
            refuse_faults(inputs)
        inputs = with_universe(workspace, inputs)
        if universes:
            inputs = _sharing(inputs, universes[0].inputs)
        cut = () if request.folds is None else folds_of(workspace, subject, inputs, request.folds)
        start = None if subject.start is None else np.datetime64(subject.start, "D")
        universes.append(SweptUniverse(subject.title, subject.tickers, inputs, subject.membership, start, cut))
        notes.extend(note for note in inputs.notes if note not in notes)
    policy = workspace.home / POLICY_FILE
    parcel = SweepParcel(
        universes=tuple(universes),
        capital=request.subjects[0].capital,
        policy=policy.read_bytes() if policy.exists() else None,
        seed=request.seed,
        code=code_digest(),
    )
    return parcel, tuple(notes)


def _sharing(inputs: MarketInputs, first: MarketInputs) -> MarketInputs:
    """The inputs, with what they have in common with others as the same objects: it travels, and is kept, once."""
    common = {name: getattr(first, name) for name in ("flow", "volatility_index", "rates", "sectors", "events")}
    market = first.market_ticker
    bars = inputs.bars
    if market is not None and market == inputs.market_ticker:
        bars = {**bars, market: first.bars[market]}
    return replace(inputs, bars=bars, **common)


def _plan(
    workspace: Workspace,
    request: SweepRequest,
    found: Sequence[Combination],
    parcel: SweepParcel,
) -> tuple[PlannedVariant, ...]:
    total = len(found) * len(parcel.universes)
    plan: list[PlannedVariant] = []
    for u, (subject, universe) in enumerate(zip(request.subjects, parcel.universes, strict=True)):
        common = [RESULT_SCHEMA, parcel.code, inputs_digest(universe.inputs), _digest(parcel.policy), parcel.seed]
        for combination in found:
            name = f"v{len(plan):0{len(str(total - 1))}d}"
            changed = Workspace(workspace.home, combination.settings)
            trial = subject.variant_hash(changed, universe.inputs, "" if request.folds is None else repr(request.folds))
            parts = range(len(universe.folds)) if universe.folds else (None,)
            runs = tuple(
                PlannedRun(name, fold, _key(common, trial, universe, fold), SweepRun(u, fold, combination.settings))
                for fold in parts
            )
            plan.append(PlannedVariant(name, combination, u, universe.title, trial, runs))
    return tuple(plan)


def _key(common: Sequence[object], trial: str, universe: SweptUniverse, fold: int | None) -> str:
    part = "" if fold is None else repr(universe.folds[fold])
    return hashlib.sha256(json.dumps([*common, trial, part]).encode()).hexdigest()


def _digest(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()


def _counted(
    workspace: Workspace, request: SweepRequest, parcel: SweepParcel, tried: Sequence[Mapping[str, float]]
) -> TrialCount:
    """Put the variants of each universe on record, and count all that were ever tried on any of their sessions.

    The best of a sweep is chosen among all its universes, so the variants of all of them count against it.
    """
    for subject, universe, own in zip(request.subjects, parcel.universes, tried, strict=True):
        subject.counted(workspace, universe.inputs, own)
    return tried_so_far(workspace, _everything(request, parcel))


def _everything(request: SweepRequest, parcel: SweepParcel) -> JudgedData:
    """What all universes of a sweep are judged on."""
    tickers = {ticker for universe in parcel.universes for ticker in universe.tickers}
    bars = {ticker: bars for universe in parcel.universes for ticker, bars in universe.inputs.bars.items()}
    return JudgedData.of(bars, tickers, first=parcel.universes[0].start)


@dataclass(slots=True, eq=False)
class _Work:
    """The runs of a plan: which are there, and making the others."""

    workspace: Workspace
    folder: RunFolder
    plan: tuple[PlannedVariant, ...]
    judged: tuple[JudgedData, ...]
    outcomes: dict[str, MadeRun | FailedRun] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def take_up(self) -> None:
        """The runs that were finished before; a failed one is tried again, and so is one that cannot be read."""
        for run in self._runs():
            try:
                stored = self.folder.read(run.key)
            except InputError as error:
                self.notes.append(f"{error}; it was made again")
                continue
            if stored is not None and (made := _made_of(stored)) is not None:
                self.outcomes[run.key] = made

    def through(self, executor: Executor, parcel: SweepParcel, progress: Progress) -> None:
        """Make what is not there, and keep each run as soon as it is finished."""
        todo = [(v, run) for v in self.plan for run in v.runs if run.key not in self.outcomes]
        if not todo:
            return
        done = executor.run(make_run, parcel, self._begun(todo), count=len(todo))
        label = "sweeping" if not self.outcomes else f"sweeping ({len(self.outcomes):,} runs were there)"
        for ended in cast("Iterable[Done[MadeRun | FailedRun] | Lost]", progress(done, total=len(todo), label=label)):
            variant, run = todo[ended.index]
            outcome = FailedRun(ended.why, fault=False) if isinstance(ended, Lost) else ended.result
            self.folder.write(run.key, _stored(variant, run, outcome))
            self.outcomes[run.key] = outcome
            if all(one.key in self.outcomes for one in variant.runs):
                self._noted(variant, _sharpe_of(variant, self.outcomes))

    def tried(self) -> tuple[dict[str, float], ...]:
        """Of each universe, every variant with its Sharpe ratio per session."""
        return tuple(
            {one.trial: _sharpe_of(one, self.outcomes) for one in self.plan if one.universe == u}
            for u in range(len(self.judged))
        )

    def _noted(self, variant: PlannedVariant, sharpe: float) -> None:
        put_on_record(self.workspace, self.judged[variant.universe], {variant.trial: sharpe})

    def _runs(self) -> Iterator[PlannedRun]:
        return (run for variant in self.plan for run in variant.runs)

    def _begun(self, todo: Iterable[tuple[PlannedVariant, PlannedRun]]) -> Iterator[SweepRun]:
        """Each run, its variant on record as tried before it begins: one that is cut off was tried all the same."""
        counted: set[str] = set()
        for variant, run in todo:
            if variant.trial not in counted:
                self._noted(variant, math.nan)
                counted.add(variant.trial)
            yield run.wanted


def _sharpe_of(planned: PlannedVariant, outcomes: Mapping[str, MadeRun | FailedRun]) -> float:
    variant = _variant(planned, outcomes)
    return math.nan if variant is None else sharpe_per_session(variant)


def _variant(planned: PlannedVariant, outcomes: Mapping[str, MadeRun | FailedRun]) -> Variant | None:
    """A variant over all its parts; None where one of them failed."""
    made = [one for run in planned.runs if isinstance(one := outcomes.get(run.key), MadeRun)]
    if len(made) < len(planned.runs):
        return None
    return Variant(
        name=planned.name,
        words=planned.combination.words,
        universe=planned.title,
        as_set=planned.combination.as_set,
        sessions=np.concatenate([one.sessions for one in made]),
        excess=np.concatenate([one.excess for one in made]),
        parts=tuple(one.judged for one in made),
        invested=any(one.invested for one in made),
    )


def _stored(variant: PlannedVariant, run: PlannedRun, outcome: MadeRun | FailedRun) -> StoredRun:
    words: dict[str, object] = {
        "settings": dict(variant.combination.words),
        "universe": variant.title,
        "fold": run.fold,
    }
    if isinstance(outcome, FailedRun):
        return StoredRun({**words, "failed": outcome.why})
    sums = {name: getattr(outcome.judged, name) for name in _SUMS}
    words |= {
        "figures": outcome.figures,
        "invested": outcome.invested,
        "judged": {name: value for name, value in sums.items() if not isinstance(value, np.ndarray)},
    }
    arrays = {name: value for name, value in sums.items() if isinstance(value, np.ndarray)}
    return StoredRun(words, {"sessions": outcome.sessions, "excess": outcome.excess, **arrays})


def _made_of(stored: StoredRun) -> MadeRun | None:
    """A finished run as it was kept; None for a failed one."""
    words, arrays = stored.words, stored.arrays
    if "failed" in words:
        return None
    sums: dict[str, Any] = {**arrays, **words["judged"]}
    judged = Judged(run_id=RUN_ID, **{name: sums[name] for name in _SUMS})
    return MadeRun(words["figures"], arrays["sessions"], arrays["excess"], judged, words["invested"])
