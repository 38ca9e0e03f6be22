"""``lightning sweep``: many variants on the same data, and how much the choice among so many explains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightning_gex.app.cli.errors import FAULT, guarded, print_line
from lightning_gex.app.cli.options import (
    AmongOption,
    AnyTickersOption,
    CapitalOption,
    EndOption,
    FlowOption,
    HistoryOption,
    HomeOption,
    JsonOption,
    LargestOption,
    MarketBarsOption,
    MarketOption,
    RatesOption,
    StartOption,
    UniverseOption,
    VolatilityIndexOption,
    check_capital,
    folder_named,
    session_span,
    universe_request,
    workspace_of,
)
from lightning_gex.core.errors import InputError, SettingsError

if TYPE_CHECKING:
    from lightning_gex.app.assembly.sweeps import Sweep, SweepRequest
    from lightning_gex.app.workspace import Workspace
    from lightning_gex.core.work import Executor

_LISTED = 5  # runs without a result that are named on standard error; the files name all

_Bars = Annotated[
    Path | None,
    typer.Option("--bars", readable=False, metavar="FILE", help="Daily bars: ticker,date,open,high,low,close,volume."),
]
_Out = Annotated[
    Path, typer.Option("--out", parser=folder_named, metavar="DIR", help="Folder for finished runs and the report.")
]
_Plan = Annotated[
    Path | None,
    typer.Option("--plan", readable=False, metavar="FILE", help="The sweep as TOML; options win over its keys."),
]
_Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=A,B", help="A setting and the values to go over; repeat for a grid."),
]
_Each = Annotated[bool, typer.Option("--each", help="Run every ticker by itself instead of all together.")]
_Folds = Annotated[
    int | None, typer.Option("--folds", metavar="N", help="Judge N consecutive parts, each learnt for from before it.")
]
_Scheme = Annotated[
    str | None, typer.Option("--scheme", metavar="NAME", help="What a fold learns from: anchored (default) or rolling.")
]
_Embargo = Annotated[
    int | None,
    typer.Option("--embargo", min=0, metavar="SESSIONS", help="Sessions before a fold's purge left out too."),
]
_By = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="FIGURE",
        help="Order by sharpe (default), return_a_year, accuracy, excess_accuracy or max_drawdown.",
    ),
]
_Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Of bootstrap and shuffles (default 0).")]
_Workers = Annotated[
    int | None, typer.Option("--workers", metavar="N", help="Runs at once (default: one a processor).")
]
_Backend = Annotated[str, typer.Option("--backend", metavar="NAME", help="Who does the runs: processes or ray.")]
_Address = Annotated[str, typer.Option("--address", metavar="WHERE", help="The Ray cluster: auto, local or host:port.")]
_Fresh = Annotated[bool, typer.Option("--fresh", help="Make every run again, whatever is there.")]
_Yes = Annotated[bool, typer.Option("--yes", help="More than 1,000 runs are meant.")]


@guarded
def sweep(
    context: typer.Context,
    out: _Out,
    plan: _Plan = None,
    set_: _Set = None,
    bars: _Bars = None,
    ticker: AnyTickersOption = None,
    each: _Each = False,
    universe: UniverseOption = None,
    largest: LargestOption = None,
    among: AmongOption = None,
    flow: FlowOption = None,
    history: HistoryOption = None,
    volatility_index: VolatilityIndexOption = None,
    rates: RatesOption = None,
    market: MarketOption = None,
    market_bars: MarketBarsOption = None,
    start: StartOption = None,
    end: EndOption = None,
    capital: CapitalOption = None,
    folds: _Folds = None,
    scheme: _Scheme = None,
    embargo: _Embargo = None,
    by: _By = None,
    seed: _Seed = None,
    workers: _Workers = None,
    backend: _Backend = "processes",
    address: _Address = "auto",
    fresh: _Fresh = False,
    yes: _Yes = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the system under many settings, count every one as tried, and say what the best of them is worth."""
    given = {
        "bars": bars,
        "tickers": ticker,
        "each": each or None,
        "universe": universe,
        "largest": largest,
        "among": among,
        "flow": flow,
        "history": history,
        "volatility_index": volatility_index,
        "rates": rates,
        "market": market,
        "market_bars": market_bars,
        "start": start,
        "end": end,
        "capital": capital,
        "folds": folds,
        "scheme": scheme,
        "embargo": embargo,
        "by": by,
        "seed": seed,
    }
    executor = _executor(backend, workers, address)
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, stderr_console
    from lightning_gex.app.cli.output import check_output_folder

    folder = check_output_folder(out)
    request = _request(plan, given, set_ or [], folder, fresh=fresh, many=yes)
    workspace = workspace_of(context, home)
    found = bootstrap.run_sweep(workspace, request, executor, progress=BarProgress(stderr_console()))
    _answer(workspace, found, request, as_json=as_json)


def _request(
    plan: Path | None, given: dict[str, Any], options: list[str], out: Path, *, fresh: bool, many: bool
) -> SweepRequest:
    """What the plan and the options say together; an option wins over a key of the plan."""
    from lightning_gex.app import bootstrap

    said: dict[str, Any] = {} if plan is None else bootstrap.read_plan(plan)
    grid = {**said.pop("set", {}), **bootstrap.grid_from_options(options)}
    told = {name: value for name, value in given.items() if value is not None}
    if {"tickers", "universe", "largest"} & told.keys():  # another way to name them replaces the plan's
        said = {k: v for k, v in said.items() if k not in ("tickers", "universe", "largest", "among")}
    said |= told
    if "bars" not in said:
        raise SettingsError("a sweep needs --bars, or bars in its plan")
    first, last = session_span(said.get("start"), said.get("end"))
    if "capital" in said:
        check_capital(said["capital"])
    if said.get("each") and not said.get("tickers"):
        raise SettingsError("--each runs every --ticker by itself: name them")
    tickers = list(dict.fromkeys(said.get("tickers", [])))
    groups: list[list[str]] = [[one] for one in tickers] if said.get("each") else [tickers]
    files = bootstrap.InputFiles(
        said["bars"],
        *(said.get(name) for name in ("flow", "history", "volatility_index", "rates", "market", "market_bars")),
    )
    fold_request = bootstrap.fold_request(said.get("folds"), said.get("scheme"), said.get("embargo"))
    by = bootstrap.criterion_named(said.get("by", "sharpe"))
    subjects = tuple(
        bootstrap.Subject.of(
            files,
            universe_request(group, said.get("universe"), said.get("largest"), said.get("among")),
            start=first,
            end=last,
            capital=said.get("capital"),
        )
        for group in groups
    )
    request: SweepRequest = bootstrap.SweepRequest(
        subjects, grid, out, by=by, seed=said.get("seed", 0), folds=fold_request, fresh=fresh, many=many
    )
    return request


def _executor(backend: str, workers: int | None, address: str) -> Executor:
    if workers is not None and workers < 1:
        raise SettingsError(f"--workers {workers} is no number of runs at once: at least 1")
    from lightning_gex.app import bootstrap

    executor: Executor = bootstrap.executor_named(backend, workers=workers, address=address)
    return executor


def _answer(workspace: Workspace, found: Sweep, request: SweepRequest, *, as_json: bool) -> None:
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import json_text, print_document
    from lightning_gex.app.cli.output import write_report
    from lightning_gex.app.cli.render_sweep import show_sweep

    document = bootstrap.sweep_report_document(found)
    report = bootstrap.sweep_report(found, f"Sweep: {', '.join(s.title for s in request.subjects)}")
    if report is not None:
        write_report(workspace, request.out, {**report.contents(), "sweep.json": json_text(document).encode()})
    show_notes(found.notes, stderr_console())
    if as_json:
        print_document(document)
    else:
        show_sweep(found, stdout_console())
        if report is not None:
            stdout_console().print(f"report written to {request.out / 'sweep.html'}", markup=False, soft_wrap=True)
    failed = found.failed
    if failed:
        for run, outcome in failed[:_LISTED]:
            print_line(f"note: {run.variant} gave no result: {outcome.why}")
        print_line(f"error: {len(failed)} of {sum(len(v.runs) for v in found.plan)} runs gave no result")
        raise typer.Exit(FAULT if any(outcome.fault for _, outcome in failed) else InputError.exit_code)
