"""``lightning analyze``: one decision on the latest bar, explained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import (
    FlowOption,
    FormatOption,
    HistoryOption,
    HomeOption,
    JsonOption,
    MarketOption,
    VolatilityIndexOption,
    workspace_of,
)


@guarded
def analyze(
    context: typer.Context,
    ticker: Annotated[str, typer.Argument(metavar="TICKER", help="Symbol to decide on.")],
    bars: Annotated[
        Path,
        typer.Option(
            "--bars", readable=False, metavar="FILE", help="Daily bars: ticker,date,open,high,low,close,volume."
        ),
    ],
    chain: Annotated[
        Path | None, typer.Option("--chain", readable=False, metavar="FILE", help="Option chain of the ticker.")
    ] = None,
    history: HistoryOption = None,
    flow: FlowOption = None,
    volatility_index: VolatilityIndexOption = None,
    market: MarketOption = None,
    chain_format: FormatOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide on one ticker from its bars, and its option chain where given; every stage says why."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import decision_document, print_document
    from lightning_gex.app.cli.render import show_decision
    from lightning_gex.app.cli.render_expression import show_expression
    from lightning_gex.app.cli.render_positioning import show_positioning

    result = bootstrap.analyze_files(
        workspace_of(context, home),
        ticker=ticker,
        bars=bars,
        chain=chain,
        history=history,
        flow=flow,
        volatility_index=volatility_index,
        market=market,
        chain_format=chain_format,
        progress=BarProgress(stderr_console()),
    )
    shown = () if as_json or result.positioning is None else result.positioning.notes  # below the chain's own tables
    show_notes((note for note in result.notes if note not in shown), stderr_console())
    if as_json:
        print_document(decision_document(result.decision, result.expression))
        return
    console = stdout_console()
    if result.positioning is not None:
        show_positioning(result.positioning, console)
    show_decision(result.decision, console)
    if result.expression is not None:
        show_expression(result.expression, console)
