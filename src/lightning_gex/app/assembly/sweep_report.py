"""What a sweep leaves behind, and who may do its runs."""

from __future__ import annotations

import os
import sys
from typing import Any

from lightning_gex.adapters.executors import Processes
from lightning_gex.adapters.ray_cluster import ANY_CLUSTER, RayCluster
from lightning_gex.app.assembly.folds import EMBARGO_SESSIONS, FoldRequest
from lightning_gex.app.assembly.sweep_runs import FailedRun
from lightning_gex.app.assembly.sweeps import PlannedRun, Sweep
from lightning_gex.core.errors import SettingsError, shown
from lightning_gex.core.work import Executor
from lightning_gex.evaluation.folds import FoldScheme
from lightning_gex.evaluation.report_files import ReportFiles
from lightning_gex.evaluation.sweep_page import sweep_html
from lightning_gex.evaluation.sweep_tables import flat_figures, returns_frame, table_of, variants_frame
from lightning_gex.evaluation.sweep_variant import Criterion
from lightning_gex.evaluation.sweep_words import sweep_document

BACKENDS = ("processes", "ray")
#: The report's page.
PAGE = "sweep.html"


def executor_named(backend: str, *, workers: int | None, address: str) -> Executor:
    """Who does the runs.

    Parameters
    ----------
    backend : ``processes`` or ``ray``.
    workers : how many; None takes one a processor, of this machine or of the cluster.
    address : of the Ray cluster; ``auto`` where there is none to name.

    Raises
    ------
    SettingsError : no such backend, or an address without Ray.
    """
    if backend == "ray":
        return RayCluster(address, workers)
    if backend != "processes":
        raise SettingsError(f"no backend is called {shown(backend)}: there are {', '.join(BACKENDS)}")
    if address != ANY_CLUSTER:
        raise SettingsError("--address names a Ray cluster: give --backend ray with it")
    return Processes(workers or _processors())


def _processors() -> int:
    """Those that this process may use, which a container or a batch system may have made fewer than there are."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def criterion_named(name: str) -> Criterion:
    """The figure of that name. Raises ``SettingsError`` naming those there are."""
    try:
        return Criterion(name)
    except ValueError:
        raise SettingsError(f"--by {shown(name)}: there are {', '.join(Criterion)}") from None


def fold_request(count: int | None, scheme: str | None, embargo: int | None) -> FoldRequest | None:
    """How the history is cut; None judges it whole. Raises ``SettingsError``."""
    if scheme is not None and scheme not in list(FoldScheme):
        raise SettingsError(f"--scheme {shown(scheme)}: there are {', '.join(FoldScheme)}")
    if count is None:
        if scheme is not None or embargo is not None:
            raise SettingsError("--scheme and --embargo say what a fold learns from: give --folds N with them")
        return None
    return FoldRequest(
        count, FoldScheme(scheme or FoldScheme.ANCHORED), EMBARGO_SESSIONS if embargo is None else embargo
    )


def sweep_report_document(found: Sweep) -> dict[str, Any]:
    """What ``sweep --json`` prints."""
    judged = {"variants": [], "best": None} if found.findings is None else sweep_document(found.findings)
    return {
        **judged,
        "runs": sum(len(variant.runs) for variant in found.plan),
        "runs_from_before": found.kept,
        "failed": [{"variant": run.variant, "fold": run.fold, "why": outcome.why} for run, outcome in found.failed],
        "trials": found.trials.count,
        "trials_behind_defaults": found.trials.behind_defaults,
        "trials_sharpe_variance_per_session": found.trials.variance,
        "data_hash": found.data_hash,
        "notes": list(found.notes),
    }


def sweep_report(found: Sweep, title: str) -> ReportFiles | None:
    """The report: the page, a row a run, a row a variant, every session's return; None where nothing gave a result."""
    if found.findings is None:
        return None
    failed = [f"{_named(run)}: {outcome.why}" for run, outcome in found.failed]
    tables = {
        "sweep": table_of(_run_rows(found)),
        "variants": variants_frame(found.findings),
        "returns": returns_frame(found.findings),
    }
    return ReportFiles(
        kind="sweep",
        title=title,
        page=(PAGE, sweep_html(found.findings, title=title, failed=failed, notes=found.notes)),
        figures=sweep_report_document(found),
        tables=tables,
        beside=tuple(tables),
    )


def _named(run: PlannedRun) -> str:
    return run.variant if run.fold is None else f"{run.variant}, fold {run.fold + 1}"


def _run_rows(found: Sweep) -> list[dict[str, Any]]:
    """One row a run, in the order of the plan: what it was, whether it gave a result, and every figure of it."""
    rows = []
    for variant in found.plan:
        swept = {f"set.{name}": value for name, value in variant.combination.words.items()}
        for run in variant.runs:
            outcome = found.outcomes[run.key]
            failed = isinstance(outcome, FailedRun)
            about = {
                "variant": variant.name,
                "universe": variant.title,
                "fold": run.fold,
                "as_set": variant.combination.as_set,
                "status": "failed" if failed else "done",
                "why": outcome.why if isinstance(outcome, FailedRun) else None,
                **swept,
                "key": run.key,
            }
            rows.append(about if isinstance(outcome, FailedRun) else {**about, **flat_figures(outcome.figures)})
    return rows
