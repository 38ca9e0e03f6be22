"""A history judged part by part, each by a run that learns from its own past and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from lightning_gex.app.assembly.variants import Subject, run_variant
from lightning_gex.app.assembly.wiring import engine_config
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.ports import Progress
from lightning_gex.core.units import DateArray1D
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.layers import UNFILTERED_LIMITS
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation.fold_figures import FoldedFigures, JudgedFold, pooled_run
from lightning_gex.evaluation.folds import Fold, FoldScheme, folds
from lightning_gex.evaluation.metrics import evaluate

#: Sessions under embargo beside the purged ones: a trading week, for what is related beyond the horizon.
EMBARGO_SESSIONS = 5


@dataclass(frozen=True, slots=True)
class FoldRequest:
    """How a history is to be cut.

    Parameters
    ----------
    count : judged parts.
    scheme : what each learns from.
    embargo_sessions : sessions before the purged ones that are not learnt from either.

    Raises
    ------
    SettingsError : no part, or a negative embargo.
    """

    count: int
    scheme: FoldScheme = FoldScheme.ANCHORED
    embargo_sessions: int = EMBARGO_SESSIONS

    def __post_init__(self) -> None:
        if self.count < 1:
            raise SettingsError(f"--folds {self.count} judges nothing: at least 1")
        if self.embargo_sessions < 0:
            raise SettingsError(f"--embargo {self.embargo_sessions} is no number of sessions: 0 or more")


def longest_horizon(config: EngineConfig) -> int:
    """Sessions from an entry to the latest exit that any regime allows."""
    limits = [config.regimes[regime] for regime in config.regimes]
    limits += [UNFILTERED_LIMITS, *(own.limits for own in config.own_regimes)]
    return max(frame for one in limits for frame in one.preferred_timeframes)


def folds_of(workspace: Workspace, subject: Subject, inputs: MarketInputs, request: FoldRequest) -> tuple[Fold, ...]:
    """The folds of a subject's history. The purge is the longest horizon and the session of the entry.

    Raises
    ------
    InsufficientDataError : the history before ``--start``, or before the first part, is too short to learn from.
    """
    return folds(
        sessions_of(inputs, subject.tickers),
        kind=request.scheme,
        count=request.count,
        purge_sessions=purge_sessions(workspace),
        embargo_sessions=request.embargo_sessions,
        judge_from=None if subject.start is None else np.datetime64(subject.start, "D"),
    )


def purge_sessions(workspace: Workspace) -> int:
    """Sessions whose outcomes reach into what follows them, as the workspace is set."""
    return longest_horizon(engine_config(workspace.settings)) + 1


def sessions_of(inputs: MarketInputs, tickers: Iterable[str]) -> DateArray1D:
    """Every session in which one of the tickers traded."""
    return np.unique(np.concatenate([inputs.bars[t].session for t in tickers if t in inputs.bars]))


def run_fold(
    workspace: Workspace,
    subject: Subject,
    inputs: MarketInputs,
    fold: Fold,
    *,
    kind: str,
    label: str,
    progress: Progress,
) -> RunResult:
    """One journaled walk that learns from a fold's own sessions only and is traded on those it is judged on.

    The run never sees a bar before ``fit_from`` or after ``judge_to``. What is decided after ``fit_to`` is neither
    remembered nor learnt from. Its result carries the whole bars, so that calls near the end have an outcome.
    """
    within = inputs_within(inputs, fold)
    run = run_variant(workspace, subject, within, kind=kind, label=label, progress=progress, fold=fold)
    return replace(run, bars={ticker: inputs.bars[ticker] for ticker in run.bars})


def inputs_within(inputs: MarketInputs, fold: Fold) -> MarketInputs:
    """What a run on a fold may see: bars from ``fit_from`` to ``judge_to``, and what was known of the rest by then."""
    bars = {t: b.between(fold.fit_from, fold.judge_to) for t, b in inputs.bars.items() if _trades(b.session, fold)}
    return replace(inputs, bars=bars).until(fold.judge_to)


def _trades(sessions: DateArray1D, fold: Fold) -> bool:
    return bool(((sessions >= fold.fit_from) & (sessions <= fold.judge_to)).any())


def judge_folds(
    workspace: Workspace,
    subject: Subject,
    inputs: MarketInputs,
    request: FoldRequest,
    *,
    kind: str = "evaluate",
    seed: int = 0,
    progress: Progress,
) -> FoldedFigures:
    """Judge a subject part by part.

    Parameters
    ----------
    workspace : whose settings, store and journal.
    subject, inputs : what is run, and what its files hold.
    request : how the history is cut.
    kind : of the runs, for the journal.
    seed : of the bootstrap.
    progress : shows how far each run is.
    """
    runs, parts = [], []
    cut = folds_of(workspace, subject, inputs, request)
    for k, fold in enumerate(cut, start=1):
        label = f"walking through fold {k} of {len(cut)}: {fold.judge_from} to {fold.judge_to}"
        run = run_fold(workspace, subject, inputs, fold, kind=kind, label=label, progress=progress)
        runs.append(run)
        parts.append(JudgedFold(fold, run.run_id, evaluate(run, seed=seed, reasons=False)))
    pooled = evaluate(pooled_run(runs), seed=seed, reasons=False)
    purge = purge_sessions(workspace)
    return FoldedFigures(request.scheme, purge, request.embargo_sessions, tuple(parts), pooled)
