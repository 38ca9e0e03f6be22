"""``lightning paper``: live through the sessions that are new, on paper."""

from __future__ import annotations

from dataclasses import dataclass
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
    spreads_asked,
    workspace_of,
)

if TYPE_CHECKING:
    from lightning_gex.app.assembly.paper import PaperOutcome, PaperRequest


@dataclass(frozen=True, slots=True)
class PaperAsked:
    """What a run on paper is asked to live through, as it was typed; each field is an option of that name."""

    bars: Annotated[
        Path,
        typer.Option(
            "--bars",
            readable=False,
            metavar="FILE",
            help="Daily bars up to the latest session: ticker,date,open,high,low,close,volume.",
        ),
    ]
    ticker: Annotated[
        list[str] | None,
        typer.Option("--ticker", metavar="T", help="Symbol to trade, when the run begins; repeat for several."),
    ] = None
    flow: FlowOption = None
    history: HistoryOption = None
    volatility_index: VolatilityIndexOption = None
    rates: RatesOption = None
    market: MarketOption = None
    start: Annotated[
        str | None,
        typer.Option(
            "--start", metavar="DATE", help="First session to trade, when the run begins (default: the last)."
        ),
    ] = None
    capital: Annotated[
        float | None,
        typer.Option("--capital", metavar="USD", help="Capital, when the run begins (default: the setting)."),
    ] = None

    def request(self, *, end: bool = False, reason: str = "") -> PaperRequest:
        """It as the wiring takes it; ``end`` ends the run, for a ``reason``.

        Raises
        ------
        SettingsError : a bad date or capital.
        """
        first = session_date(self.start, "--start")
        if self.capital is not None:
            check_capital(self.capital)
        from lightning_gex.app import bootstrap

        files = bootstrap.InputFiles(self.bars, self.flow, self.history, self.volatility_index, self.rates, self.market)
        found: PaperRequest = bootstrap.PaperRequest(
            files=files, tickers=tuple(self.ticker or ()), start=first, capital=self.capital, end=end, reason=reason
        )
        return found


@guarded
@spreads_asked
def paper(
    context: typer.Context,
    asked: PaperAsked,
    end: Annotated[bool, typer.Option("--end", help="Close every position at the last price and end the run.")] = False,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why the run ends, for the record.")
    ] = "ended by its user",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Trade on paper, session by session: every call goes on where the last one stopped."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render_paper import show_paper

    outcome = bootstrap.paper_trade(
        workspace_of(context, home), asked.request(end=end, reason=reason), progress=BarProgress(stderr_console())
    )
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
