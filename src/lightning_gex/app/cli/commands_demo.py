"""``lightning demo``: the whole system on the real bars that ship with the installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import HomeOption, JsonOption, folder_named, workspace_of


@guarded
def demo(
    context: typer.Context,
    out: Annotated[
        Path,
        typer.Option(
            "--out", parser=folder_named, metavar="DIR", help="Folder for report, metrics, decisions, trades."
        ),
    ] = Path("lightning-demo"),
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Watch the whole system decide on real S&P 500 and Nasdaq bars; no network and no data of your own needed."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import decision_document, metrics_document, print_document
    from lightning_gex.app.cli.output import check_output_folder, run_files, write_report
    from lightning_gex.app.cli.render import show_decision, show_metrics, show_verdict
    from lightning_gex.app.cli.render_positioning import show_positioning
    from lightning_gex.evaluation.verdict import verdict

    folder = check_output_folder(out)
    workspace = workspace_of(context, home)
    result = bootstrap.run_demo(workspace, progress=BarProgress(stderr_console()))
    write_report(workspace, folder, run_files(result.run, result.metrics, positioning=result.positioning, kind="demo"))
    show_notes(result.run.notes, stderr_console())
    if as_json:
        print_document(
            {
                "decision": decision_document(result.decision),
                "metrics": metrics_document(result.metrics),
                "notes": result.run.notes,
                "report": str(folder / "report.html"),
            }
        )
        return
    console = stdout_console()
    if result.positioning is not None:
        show_positioning(result.positioning, console)
    show_decision(result.decision, console)
    headline = verdict(result.metrics)
    show_verdict(headline.title, headline.sentences, console)
    show_metrics(result.metrics.to_json_dict(), console)
    console.print(f"report written to {folder / 'report.html'}", markup=False, soft_wrap=True)
