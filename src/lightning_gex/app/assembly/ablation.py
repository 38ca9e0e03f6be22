"""``lightning ablate``: every variant over the same files, counted among all that were ever tried on them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lightning_gex.analytics.trials import TrialCount
from lightning_gex.app.assembly.policies import kelly_reigns
from lightning_gex.app.assembly.variants import Subject, ablation_variants, run_variant, under
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.ports import Progress
from lightning_gex.core.units import SESSIONS_PER_YEAR
from lightning_gex.evaluation.ablation import AblatedVariant, Ablation, ablation_of
from lightning_gex.evaluation.metrics import JsonValue, evaluate
from lightning_gex.evaluation.paired import Judged


@dataclass(frozen=True, slots=True, eq=False)
class AblatedSubject:
    """An ablation, and how often its data were tried.

    Parameters
    ----------
    ablation : it.
    trials : variants ever judged on sessions of these, these included, and those behind the defaults.
    data_hash : of every value judged.
    notes : what a reader must know of the inputs.
    """

    ablation: Ablation
    trials: TrialCount
    data_hash: str
    notes: tuple[str, ...]

    def to_json_dict(self) -> dict[str, JsonValue]:
        """Everything as plain JSON values; absent is null."""
        return {
            **self.ablation.to_json_dict(),
            "trials": self.trials.count,
            "trials_behind_defaults": self.trials.behind_defaults,
            "data_hash": self.data_hash,
            "notes": list(self.notes),
        }


def ablate_subject(workspace: Workspace, subject: Subject, *, seed: int = 0, progress: Progress) -> AblatedSubject:
    """Run every variant on the same inputs and compare them session by session.

    Parameters
    ----------
    workspace : whose settings, store and journal.
    subject : files, tickers and period.
    seed : of the bootstrap.
    progress : shows how far each run is.
    """
    inputs = subject.inputs()
    data_hash = subject.judged(inputs).digest
    found: list[AblatedVariant] = []
    tried: dict[str, float] = {}
    for variant in ablation_variants(kelly_reigns=kelly_reigns(workspace)):
        changed = under(workspace, variant)
        label = f"walking through: {variant.words}"
        run = run_variant(changed, subject, inputs, kind="ablate", label=label, progress=progress)
        metrics = evaluate(run, seed=seed, reasons=False)
        found.append(AblatedVariant(variant.name, variant.words, run.run_id, metrics, Judged.of(run)))
        tried[subject.variant_hash(changed, inputs)] = metrics.sharpe / math.sqrt(SESSIONS_PER_YEAR)
    trials = subject.counted(workspace, inputs, tried)
    return AblatedSubject(ablation_of(found, seed=seed), trials, data_hash, inputs.notes)
