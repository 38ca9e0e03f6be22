"""``lightning falsify``: what is left of the claims about dealers' gamma on your own data."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import (
    BarsOption,
    EndOption,
    FlowOption,
    HistoryOption,
    HomeOption,
    JsonOption,
    StartOption,
    VolatilityIndexOption,
    folder_named,
    session_date,
    session_span,
    workspace_of,
)
from lightning_gex.core.errors import SettingsError


@guarded
def falsify(
    context: typer.Context,
    bars: BarsOption,
    ticker: Annotated[str, typer.Option("--ticker", metavar="T", help="Symbol whose claims are tested.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", parser=folder_named, metavar="DIR", help="Folder for hypotheses, page, image and tables."
        ),
    ],
    flow: FlowOption = None,
    history: HistoryOption = None,
    volatility_index: VolatilityIndexOption = None,
    intraday: Annotated[
        Path | None,
        typer.Option("--intraday", readable=False, metavar="FILE", help="Bars within the day: time,close, UTC."),
    ] = None,
    strike_step: Annotated[
        float | None, typer.Option("--strike-step", metavar="USD", help="Distance between strikes, for pinning.")
    ] = None,
    hypotheses: Annotated[
        Path | None,
        typer.Option("--hypotheses", readable=False, metavar="FILE", help="Hypotheses of your own, TOML."),
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", metavar="DATE", help="Judge what lies before and from here on as well.")
    ] = None,
    start: StartOption = None,
    end: EndOption = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the bootstrap.")] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put hypotheses about dealers' gamma on record, test them on your data, and say what is left of each."""
    first, last = session_span(start, end)
    cut = session_date(split, "--split")
    if cut is not None and ((first is not None and cut <= first) or (last is not None and cut > last)):
        raise SettingsError(f"--split {split} leaves one side empty: choose a date between --start and --end")
    if strike_step is not None and not 0 < strike_step < math.inf:
        raise SettingsError(f"--strike-step {strike_step:g} is no distance: give dollars above 0")
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.output import check_output_folder, write_report
    from lightning_gex.app.cli.render_falsify import falsified_files, show_falsified

    folder = check_output_folder(out)
    files = bootstrap.ClaimFiles(
        bars, ticker, flow, history, volatility_index, intraday, hypotheses, strike_step, first, last, cut
    )
    workspace = workspace_of(context, home)
    done = bootstrap.falsify_claims(workspace, files, folder, seed=seed, progress=BarProgress(stderr_console()))
    write_report(workspace, folder, falsified_files(done))
    show_notes(done.notes, stderr_console())
    if as_json:
        print_document(done.to_json_dict())
        return
    console = stdout_console()
    show_falsified(done, console)
    console.print(f"report written to {folder / 'falsification.html'}", markup=False, soft_wrap=True)
