"""``lightning simulate``: the files of a market whose truth is known, to try everything without data of one's own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import HomeOption, JsonOption, folder_named
from lightning_gex.core.errors import SettingsError

if TYPE_CHECKING:
    from lightning_gex.app.assembly.simulated_inputs import SimulatedFiles

_MOST_SESSIONS = 10_000  # forty years; the exchange's calendar ends before


@guarded
def simulate(
    out: Annotated[Path, typer.Option("--out", parser=folder_named, metavar="DIR", help="Folder for the files.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same market.")] = 0,
    sessions: Annotated[
        int, typer.Option("--sessions", min=2, max=_MOST_SESSIONS, metavar="N", help="How many, from 2012-01-03 on.")
    ] = 1_000,
    tickers: Annotated[
        int, typer.Option("--tickers", min=1, max=100, metavar="N", help="The index SIM and shares beside it.")
    ] = 1,
    effect: Annotated[
        float,
        typer.Option(
            "--effect",
            metavar="X",
            help="Planted edge: drift of the next session at full positioning, in daily standard deviations, -1 to 1.",
        ),
    ] = 0.0,
    volatility_effect: Annotated[
        float,
        typer.Option(
            "--volatility-effect",
            metavar="X",
            help="How much of their book dealers hedge, 0 to 10: what net gamma says of the size of moves.",
        ),
    ] = 1.0,
    chains: Annotated[
        bool, typer.Option("--chains", help="A history of every figure of whole chains, not of net gamma alone.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write bars, flow, volatility index and positioning history of a simulated market, and what is true of it."""
    _check("--effect", effect, -1.0, 1.0)
    _check("--volatility-effect", volatility_effect, 0.0, 10.0)
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.output import check_output_folder

    request = bootstrap.SimulationRequest(
        seed=seed,
        sessions=sessions,
        tickers=tickers,
        direction_effect=effect,
        volatility_effect=volatility_effect,
        chains=chains,
    )
    folder = check_output_folder(out)
    found = bootstrap.write_simulated(request, folder, progress=BarProgress(stderr_console()))
    if as_json:
        print_document({**bootstrap.simulated_document(request, found), "command": _command(found)})
        return
    console = stdout_console()
    for line in (
        f"{sessions} sessions from {found.first} to {found.last} of {', '.join(found.tickers)}",
        f"truth: {found.truth}",
        *found.notes,
        f"files written to {folder}",
        f"try: {_command(found)}",
    ):
        console.print(line, markup=False, soft_wrap=True)


def _check(option: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise SettingsError(f"{option} {value:g}: give a number from {low:g} to {high:g}")


def _command(found: SimulatedFiles) -> str:
    """A command that judges the system on the files."""
    files = found.files
    named = " ".join(f"--ticker {ticker}" for ticker in found.tickers)
    return (
        f"lightning evaluate --bars {files.bars} --flow {files.flow} --history {files.history} "
        f"--volatility-index {files.volatility_index} {named} --out evaluation"
    )
