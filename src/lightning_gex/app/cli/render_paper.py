"""How a paper run stands, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from lightning_gex.app.assembly.paper import PaperOutcome


def show_paper(outcome: PaperOutcome, console: Console) -> None:
    """The account, the latest decisions, what is held and what waits."""
    lived = f"{len(outcome.sessions)} session{'' if len(outcome.sessions) == 1 else 's'}"
    reached = "no session yet" if outcome.reached is None else f"up to {outcome.reached}"
    state = "ended" if outcome.ended else "goes on"
    console.print(f"{outcome.run_id}: lived through {lived}, {reached}; the run {state}", markup=False)
    gain = outcome.equity / outcome.initial_capital - 1.0
    console.print(f"equity {outcome.equity:,.2f} USD ({gain:+.2%}), of which cash {outcome.cash:,.2f}", markup=False)
    if outcome.decisions:
        console.print(_decisions(outcome))
    if outcome.open_trades:
        console.print(_held(outcome))
    for order in outcome.pending:
        why = "entry" if order.exit_reason is None else order.exit_reason.value
        console.print(f"waits for the next bar: {order.action} {order.quantity} {order.ticker} ({why})", markup=False)
    for name, reason in sorted(outcome.tripped.items()):
        console.print(f"no entry: {name}: {reason}", style="red", markup=False)


def _decisions(outcome: PaperOutcome) -> Table:
    table = Table("ticker", "decision", "shares", "confidence", "why", title="decided after the last session")
    for d in outcome.decisions:
        done = "carry on" if d.carries_on else f"{d.action}"
        what = done if d.status.value == "approved" else d.status.value.replace("_", " ")
        table.add_row(d.ticker, what, str(d.quantity), f"{d.confidence:.2f}", d.reason)
    return table


def _held(outcome: PaperOutcome) -> Table:
    table = Table("ticker", "direction", "shares", "since", "entry", "target", "stop", title="held")
    for t in outcome.open_trades:
        levels = (f"{t.entry_price:,.2f}", f"{t.target_price:,.2f}", f"{t.stop_price:,.2f}")
        table.add_row(t.ticker, t.direction.word, str(t.quantity), f"{t.entry_at:%Y-%m-%d}", *levels)
    return table
