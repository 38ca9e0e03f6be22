"""``lightning check-data``: whether the files of a run are what they seem, before anything rests on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import (
    AmongOption,
    BarsOption,
    HistoryOption,
    JsonOption,
    LargestOption,
    UniverseOption,
)
from lightning_gex.core.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from lightning_gex.app.assembly.checked_data import CheckedData

_STYLES = {"fault": "bold red", "oddity": "yellow"}


@guarded
def check_data(
    bars: BarsOption,
    ticker: Annotated[
        list[str] | None,
        typer.Option("--ticker", metavar="T", help="Symbol to look at; repeat. Default: every one of the file."),
    ] = None,
    universe: UniverseOption = None,
    largest: LargestOption = None,
    among: AmongOption = None,
    history: HistoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for unadjusted splits, holes, prices that stand still, odd volumes, survivors, strikes of another scale."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import print_document

    found = bootstrap.checked_data(
        bars, tickers=tuple(ticker or ()), universe=universe, largest=largest, among=among, history=history
    )
    if as_json:
        print_document(found.to_json_dict())
    else:
        show_checked(found, stdout_console())
    if found.faults:
        raise typer.Exit(InputError.exit_code)


def show_checked(found: CheckedData, console: Console) -> None:
    """Print the findings, faults first, and what they come to."""
    from rich.text import Text

    from lightning_gex.app.cli.render import titled_table

    if found.findings:
        table = titled_table("What the data give away", "severity", "check", "ticker", "date", "finding", "what to do")
        for one in found.findings:
            severity = Text(one.severity.value, style=_STYLES[one.severity.value])
            date = "" if one.session is None else str(one.session)
            table.add_row(severity, one.check.replace("_", " "), one.ticker, date, Text(one.problem), Text(one.remedy))
        console.print(table)
        console.print()
    oddities = len(found.findings) - found.faults
    verdict = "a run on it is refused" if found.faults else "nothing that refuses a run"
    console.print(
        f"{found.bars:,} bars of {found.tickers} tickers: {found.faults} faults, {oddities} oddities; {verdict}",
        markup=False,
    )
