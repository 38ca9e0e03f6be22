"""``lightning evaluate`` and ``ablate``: does it work, which part of it works, and how sure are we."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import (
    BarsOption,
    CapitalOption,
    EndOption,
    FlowOption,
    HistoryOption,
    HomeOption,
    JsonOption,
    MarketOption,
    RatesOption,
    StartOption,
    TickersOption,
    VolatilityIndexOption,
    check_capital,
    folder_named,
    session_span,
    workspace_of,
)

if TYPE_CHECKING:
    from lightning_gex.app.assembly.variants import Subject

_Out = Annotated[
    Path, typer.Option("--out", parser=folder_named, metavar="DIR", help="Folder for the report and what is behind it.")
]
_Seed = Annotated[int, typer.Option("--seed", min=0, help="Of bootstrap, shuffles and random entries.")]


@guarded
def evaluate(
    context: typer.Context,
    bars: BarsOption,
    ticker: TickersOption,
    out: _Out,
    flow: FlowOption = None,
    history: HistoryOption = None,
    volatility_index: VolatilityIndexOption = None,
    rates: RatesOption = None,
    market: MarketOption = None,
    start: StartOption = None,
    end: EndOption = None,
    capital: CapitalOption = None,
    seed: _Seed = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge the system on a history beside its baseline, beside placebos, and by how often the data were tried."""
    subject = subject_of(bars, ticker, flow, history, volatility_index, rates, market, start, end, capital)
    from lightning_gex.adapters.storage.workspace_files import replace_together
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import json_text, print_document
    from lightning_gex.app.cli.output import check_output_folder, run_files
    from lightning_gex.app.cli.render import show_metrics, show_verdict
    from lightning_gex.app.cli.render_evaluation import show_beside
    from lightning_gex.evaluation.comparison_section import evaluation_body
    from lightning_gex.evaluation.verdict import verdict

    folder = check_output_folder(out)
    workspace = workspace_of(context, home)
    found = bootstrap.evaluate_subject(workspace, subject, seed=seed, progress=BarProgress(stderr_console()))
    document = found.to_json_dict()
    body = evaluation_body(found.metrics, found.baseline, found.placebos, found.random, found.trials.count)
    files = run_files(found.run, found.metrics, positioning=None, beside=body)
    replace_together(folder, {**files, "evaluation.json": json_text(document).encode()})
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
def ablate(
    context: typer.Context,
    bars: BarsOption,
    ticker: TickersOption,
    out: _Out,
    flow: FlowOption = None,
    history: HistoryOption = None,
    volatility_index: VolatilityIndexOption = None,
    rates: RatesOption = None,
    market: MarketOption = None,
    start: StartOption = None,
    end: EndOption = None,
    capital: CapitalOption = None,
    seed: _Seed = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch each enhancement off, and on alone, on the same sessions, and say which earned its place."""
    subject = subject_of(bars, ticker, flow, history, volatility_index, rates, market, start, end, capital)
    from lightning_gex.adapters.storage.workspace_files import replace_together
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import json_text, print_document
    from lightning_gex.app.cli.output import check_output_folder
    from lightning_gex.app.cli.render_evaluation import show_ablation
    from lightning_gex.evaluation.comparison_section import ablation_html

    folder = check_output_folder(out)
    workspace = workspace_of(context, home)
    found = bootstrap.ablate_subject(workspace, subject, seed=seed, progress=BarProgress(stderr_console()))
    document = found.to_json_dict()
    title = f"Ablation: {', '.join(subject.tickers)}"
    page = ablation_html(found.ablation, title=title, trials=found.trials.count, notes=found.notes)
    replace_together(folder, {"ablation.html": page.encode(), "ablation.json": json_text(document).encode()})
    show_notes(found.notes, stderr_console())
    if as_json:
        print_document(document)
        return
    console = stdout_console()
    show_ablation(found, console)
    console.print(f"report written to {folder / 'ablation.html'}", markup=False, soft_wrap=True)


def subject_of(
    bars: Path,
    tickers: list[str],
    flow: Path | None,
    history: Path | None,
    volatility_index: Path | None,
    rates: Path | None,
    market: Path | None,
    start: str | None,
    end: str | None,
    capital: float | None,
) -> Subject:
    """What the options of ``backtest`` name. Raises ``SettingsError`` on dates the wrong way round."""
    first, last = session_span(start, end)
    if capital is not None:
        check_capital(capital)
    from lightning_gex.app import bootstrap

    files = bootstrap.InputFiles(bars, flow, history, volatility_index, rates, market)
    subject: Subject = bootstrap.Subject(files, tuple(dict.fromkeys(tickers)), first, last, capital)
    return subject
