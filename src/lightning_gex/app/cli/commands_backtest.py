"""``lightning backtest``: walk forward through history, and files by which anyone can judge the run."""

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


@guarded
@spreads_asked
def backtest(
    context: typer.Context,
    asked: HistoryAsked,
    out: Annotated[
        Path,
        typer.Option(
            "--out", parser=folder_named, metavar="DIR", help="Folder for report, metrics, decisions, trades."
        ),
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide session by session through history, without ever seeing ahead, and write what came of it."""
    first, last = asked.span()
    request = asked.request()
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import metrics_document, print_document
    from lightning_gex.app.cli.output import check_output_folder, run_files, write_report
    from lightning_gex.app.cli.render import show_metrics, show_verdict

    folder = check_output_folder(out)
    workspace = workspace_of(context, home)
    run = bootstrap.run_backtest_files(
        workspace,
        bars=asked.bars,
        universe=request,
        flow=asked.flow,
        history=asked.history,
        volatility_index=asked.volatility_index,
        rates=asked.rates,
        market=asked.market,
        market_bars=asked.market_bars,
        start=first,
        end=last,
        capital=asked.capital,
        progress=BarProgress(stderr_console()),
    )
    from lightning_gex.evaluation.metrics import evaluate
    from lightning_gex.evaluation.verdict import verdict

    metrics = evaluate(run)
    write_report(workspace, folder, run_files(run, metrics, positioning=None))
    show_notes(run.notes, stderr_console())
    if as_json:
        print_document(metrics_document(metrics))
        return
    console = stdout_console()
    headline = verdict(metrics)
    show_verdict(headline.title, headline.sentences, console)
    show_metrics(metrics.to_json_dict(), console)
    console.print(f"report written to {folder / 'report.html'}", markup=False, soft_wrap=True)
