"""``lightning evaluate``: one run, judged beside everything that could explain it without skill."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lightning_gex.analytics.trials import TrialCount
from lightning_gex.app.assembly.folds import FoldRequest, folds_of, judge_folds
from lightning_gex.app.assembly.universe import universe_document
from lightning_gex.app.assembly.variants import (
    BASELINE,
    EVERYTHING,
    Subject,
    Variant,
    run_variant,
    under,
)
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InsufficientDataError
from lightning_gex.core.ports import Progress
from lightning_gex.core.units import SESSIONS_PER_YEAR, Float64Array1D
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.claims import Claim, plain_claims, report_claims
from lightning_gex.evaluation.comparison import Beside, plain_random
from lightning_gex.evaluation.fold_figures import WALK, FoldedFigures
from lightning_gex.evaluation.metrics import JsonValue, RunMetrics, evaluate, sharpe_of
from lightning_gex.evaluation.paired import Judged, difference
from lightning_gex.evaluation.placebos import GexPlacebo, RandomEntries, placebo_inputs, random_entries


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A judged run.

    Parameters
    ----------
    run : it.
    metrics : its figures; deflated by all trials on these data.
    baseline : the same files without any enhancement.
    baseline_equity : (m,) its equity at each close, USD.
    placebos : the same system on positioning and flow out of place; empty where there is none of either.
    random : entries drawn at random.
    trials : variants ever judged on sessions of these, this one included, and those behind the defaults.
    data_hash : of every value judged.
    notes : what a reader must know.
    universe : how the tickers were chosen, and who belonged when, as plain values.
    folds : the history judged part by part; None where nobody asked for it.
    """

    run: RunResult
    metrics: RunMetrics
    baseline: Beside
    baseline_equity: Float64Array1D
    placebos: tuple[Beside, ...]
    random: RandomEntries
    trials: TrialCount
    data_hash: str
    notes: tuple[str, ...]
    universe: Mapping[str, JsonValue]
    folds: FoldedFigures | None = None

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What the figures may be read as, in the order in which that counts."""
        return report_claims(self.metrics, self.baseline, self.placebos, self.random)

    def to_json_dict(self) -> dict[str, JsonValue]:
        """Everything as plain JSON values; absent is null."""
        own = self.metrics.to_json_dict()
        return {
            **own,
            "calibration_error": own["ece"],
            "baseline": self.baseline.to_json_dict(),
            "placebo": {
                "circular_shift": own["placebo"],
                "random_entries": plain_random(self.random),
                "gex": {one.name: one.to_json_dict() for one in self.placebos},
            },
            "trials": self.trials.count,
            "trials_behind_defaults": self.trials.behind_defaults,
            "trials_sharpe_variance_per_session": self.trials.variance,
            "claims": plain_claims(self.claims),
            "data_hash": self.data_hash,
            "universe": dict(self.universe),
            "walk": WALK,
            "folds": None if self.folds is None else self.folds.to_json_dict(),
            "notes": list(self.notes),
        }


def evaluate_subject(
    workspace: Workspace,
    subject: Subject,
    *,
    seed: int = 0,
    folds: FoldRequest | None = None,
    progress: Progress,
) -> Evaluation:
    """Run the system as it is set, without its enhancements, and on gamma that cannot know anything.

    Parameters
    ----------
    workspace : whose settings, store and journal.
    subject : files, tickers and period.
    folds : how the history is to be judged part by part as well; None leaves that out.
    seed : of bootstrap, shuffles and draws.
    progress : shows how far each run is.
    """
    inputs = subject.inputs()
    if folds is not None:
        folds_of(workspace, subject, inputs, folds)  # a history that is too short is refused before the long runs
    data_hash = subject.judged(inputs).digest
    run = run_variant(workspace, subject, inputs, kind="evaluate", label=_label(EVERYTHING), progress=progress)
    index, judged = RunIndex.of(run), Judged.of(run)
    base, base_run = _run_beside(under(workspace, BASELINE), subject, inputs, BASELINE, judged, seed, progress)
    baseline_equity = base_run.equity
    del base_run  # nothing else of it is shown, and its decisions need room that the runs after it need too
    gex, unmade = _gex_placebos(workspace, subject, inputs, judged, seed, progress)
    parts = None
    if folds is not None:
        parts = judge_folds(workspace, subject, inputs, folds, seed=seed, progress=progress)
    trials = subject.counted(
        workspace,
        inputs,
        {
            subject.variant_hash(workspace, inputs): _per_session(sharpe_of(run)),
            subject.variant_hash(under(workspace, BASELINE), inputs): _per_session(base.metrics.sharpe),
        },
    )
    taken, _ = index.taken()
    deflated = evaluate(run, seed=seed, trials=trials)
    return Evaluation(
        run=run,
        metrics=deflated,
        baseline=base,
        baseline_equity=baseline_equity,
        placebos=gex,
        random=random_entries(index, taken, seed=seed),
        trials=trials,
        data_hash=data_hash,
        notes=(*deflated.notes, *unmade),
        universe=universe_document(subject.universe, subject.tickers, subject.membership),
        folds=parts,
    )


def _run_beside(
    workspace: Workspace,
    subject: Subject,
    inputs: MarketInputs,
    variant: Variant,
    judged: Judged,
    seed: int,
    progress: Progress,
) -> tuple[Beside, RunResult]:
    run = run_variant(workspace, subject, inputs, kind="evaluate", label=_label(variant), progress=progress)
    gain = difference(judged, Judged.of(run), seed=seed)
    return Beside(variant.name, variant.words, evaluate(run, seed=seed, reasons=False), gain), run


def _gex_placebos(
    workspace: Workspace, subject: Subject, inputs: MarketInputs, judged: Judged, seed: int, progress: Progress
) -> tuple[tuple[Beside, ...], tuple[str, ...]]:
    """The runs on gamma out of place, and why one could not be made."""
    found: list[Beside] = []
    unmade: list[str] = []
    for kind in GexPlacebo:
        words = f"gamma and flow {kind.words}"
        try:
            moved = placebo_inputs(inputs, kind, seed=seed)
        except InsufficientDataError as error:
            unmade.append(f"no placebo with {words}: {error}")
            continue
        variant = replace(EVERYTHING, name=kind.value, words=words)
        found.append(_run_beside(workspace, subject, moved, variant, judged, seed, progress)[0])
    return tuple(found), tuple(unmade)


def _label(variant: Variant) -> str:
    return f"walking through: {variant.words}"


def _per_session(sharpe_a_year: float) -> float:
    return sharpe_a_year / math.sqrt(SESSIONS_PER_YEAR)
