"""``lightning evaluate`` and ``ablate``: does it work, which part of it works, and how sure are we."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.history_options import HistoryAsked
from lightning_gex.app.cli.options import (
    HomeOption,
    JsonOption,
    folder_named,
    spreads_asked,
    workspace_of,
)

_Out = Annotated[
    Path, typer.Option("--out", parser=folder_named, metavar="DIR", help="Folder for the report and what is behind it.")
]
_Seed = Annotated[int, typer.Option("--seed", min=0, help="Of bootstrap, shuffles and random entries.")]


@guarded
@spreads_asked
def evaluate(
    context: typer.Context,
    asked: HistoryAsked,
    out: _Out,
    folds: Annotated[
        int | None,
        typer.Option("--folds", min=1, metavar="N", help="Judge N parts of the history as well, each by its own run."),
    ] = None,
    scheme: Annotated[
        str | None,
        typer.Option("--scheme", help="What a fold learns from: anchored (all before it) or rolling (as long)."),
    ] = None,
    embargo: Annotated[
        int | None,
        typer.Option("--embargo", min=0, metavar="SESSIONS", help="Sessions before a fold's purge left out too."),
    ] = None,
    seed: _Seed = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge the system on a history beside its baseline, beside placebos, and by how often the data were tried."""
    subject = asked.subject()
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import json_text, print_document
    from lightning_gex.app.cli.output import check_output_folder, run_files, write_report
    from lightning_gex.app.cli.render import show_metrics, show_verdict
    from lightning_gex.app.cli.render_evaluation import show_beside
    from lightning_gex.evaluation.comparison_section import evaluation_body
    from lightning_gex.evaluation.comparison_tables import evaluation_tables
    from lightning_gex.evaluation.verdict import verdict

    folder = check_output_folder(out)
    workspace = workspace_of(context, home)
    cut = bootstrap.fold_request(folds, scheme, embargo)
    found = bootstrap.evaluate_subject(workspace, subject, seed=seed, folds=cut, progress=BarProgress(stderr_console()))
    document = found.to_json_dict()
    body = evaluation_body(found.metrics, found.baseline, found.placebos, found.random, found.trials, found.folds)
    files = run_files(
        found.run,
        found.metrics,
        positioning=None,
        beside=body,
        baseline=found.baseline,
        curves={found.baseline.words: found.baseline_equity},
        kind="evaluate",
        figures=document,
        tables=evaluation_tables(document, found.run.sessions, found.baseline_equity),
    )
    write_report(workspace, folder, {**files, "evaluation.json": json_text(document).encode()})
    show_notes(found.notes, stderr_console())
    if as_json:
        print_document(document)
        return
    console = stdout_console()
    headline = verdict(found.metrics)
    show_verdict(headline.title, headline.sentences, console)
    show_beside(found, console)
    show_metrics(found.metrics.to_json_dict(), console)
    console.print(f"report written to {folder / 'report.html'}", markup=False, soft_wrap=True)


@guarded
@spreads_asked
def ablate(
    context: typer.Context,
    asked: HistoryAsked,
    out: _Out,
    seed: _Seed = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch each enhancement off, and on alone, on the same sessions, and say which earned its place."""
    subject = asked.subject()
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import json_text, print_document
    from lightning_gex.app.cli.output import check_output_folder, write_report
    from lightning_gex.app.cli.render_evaluation import show_ablation
    from lightning_gex.evaluation.comparison_section import ablation_html
    from lightning_gex.evaluation.comparison_tables import ablation_tables
    from lightning_gex.evaluation.report_files import ReportFiles

    folder = check_output_folder(out)
    workspace = workspace_of(context, home)
    found = bootstrap.ablate_subject(workspace, subject, seed=seed, progress=BarProgress(stderr_console()))
    document = found.to_json_dict()
    title = f"Ablation: {subject.title}"
    page = ablation_html(found.ablation, title=title, trials=found.trials, notes=found.notes)
    report = ReportFiles("ablate", title, ("ablation.html", page), document, ablation_tables(document))
    write_report(workspace, folder, {**report.contents(), "ablation.json": json_text(document).encode()})
    show_notes(found.notes, stderr_console())
    if as_json:
        print_document(document)
        return
    console = stdout_console()
    show_ablation(found, console)
    console.print(f"report written to {folder / 'ablation.html'}", markup=False, soft_wrap=True)
