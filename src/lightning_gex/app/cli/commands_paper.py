"""``lightning paper``: live through the sessions that are new, on paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import (
    FlowOption,
    HistoryOption,
    HomeOption,
    JsonOption,
    MarketOption,
    RatesOption,
    VolatilityIndexOption,
    check_capital,
    session_date,
    workspace_of,
)

if TYPE_CHECKING:
    from lightning_gex.app.assembly.paper import PaperOutcome


@guarded
def paper(
    context: typer.Context,
    bars: Annotated[
        Path,
        typer.Option(
            "--bars",
            readable=False,
            metavar="FILE",
            help="Daily bars up to the latest session: ticker,date,open,high,low,close,volume.",
        ),
    ],
    ticker: Annotated[
        list[str] | None,
        typer.Option("--ticker", metavar="T", help="Symbol to trade, when the run begins; repeat for several."),
    ] = None,
    flow: FlowOption = None,
    history: HistoryOption = None,
    volatility_index: VolatilityIndexOption = None,
    rates: RatesOption = None,
    market: MarketOption = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start", metavar="DATE", help="First session to trade, when the run begins (default: the last)."
        ),
    ] = None,
    capital: Annotated[
        float | None,
        typer.Option("--capital", metavar="USD", help="Capital, when the run begins (default: the setting)."),
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="Close every position at the last price and end the run.")] = False,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why the run ends, for the record.")
    ] = "ended by its user",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trade on paper, session by session: every call goes on where the last one stopped."""
    first = session_date(start, "--start")
    if capital is not None:
        check_capital(capital)
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render_paper import show_paper

    request = bootstrap.PaperRequest(
        files=bootstrap.InputFiles(bars, flow, history, volatility_index, rates, market),
        tickers=tuple(ticker or ()),
        start=first,
        capital=capital,
        end=end,
        reason=reason,
    )
    outcome = bootstrap.paper_trade(workspace_of(context, home), request, progress=BarProgress(stderr_console()))
    show_notes(outcome.notes, stderr_console())
    if as_json:
        print_document(paper_document(outcome))
        return
    show_paper(outcome, stdout_console())


def paper_document(outcome: PaperOutcome) -> dict[str, object]:
    """What ``paper --json`` prints."""
    from lightning_gex.app.cli.documents import decision_document

    return {
        "run_id": outcome.run_id,
        "resumed": outcome.resumed,
        "ended": outcome.ended,
        "sessions": len(outcome.sessions),
        "reached": outcome.reached,
        "equity": outcome.equity,
        "cash": outcome.cash,
        "initial_capital": outcome.initial_capital,
        "decisions": [{"ticker": d.ticker, "as_of": d.as_of, **decision_document(d)} for d in outcome.decisions],
        "open_trades": [
            {
                "ticker": t.ticker,
                "direction": t.direction.word,
                "quantity": t.quantity,
                "entry_at": t.entry_at,
                "entry_price": t.entry_price,
                "target_price": t.target_price,
                "stop_price": t.stop_price,
            }
            for t in outcome.open_trades
        ],
        "pending": [
            {"ticker": o.ticker, "action": o.action, "quantity": o.quantity, "exit_reason": o.exit_reason}
            for o in outcome.pending
        ],
        "tripped": outcome.tripped,
        "notes": outcome.notes,
    }
