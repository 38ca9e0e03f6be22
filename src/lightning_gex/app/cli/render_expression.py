"""How a decision could be expressed with options, as a table for people."""

from __future__ import annotations

import math

from rich.console import Console
from rich.text import Text

from lightning_gex.app.cli.render import number, percent, titled_table
from lightning_gex.risk.expression import Expression


def show_expression(expression: Expression, console: Console) -> None:
    """Print a structure: its legs, what it costs, what it can lose and win, and what was refused on the way."""
    console.print(Text(f"As options: {expression.structure.replace('_', ' ')}", style="bold"))
    console.print(Text(expression.reason))
    if expression.legs:
        table = titled_table("", "contract", "do", "at")
        for leg in expression.legs:
            right = "call" if leg.is_call else "put"
            table.add_row(f"{leg.root} {leg.expiry} {leg.strike:g} {right}", leg.action.value, number(leg.price))
        console.print(table)
        console.print(Text(_bounds(expression)))
    console.print(
        Text(
            f"implied {percent(expression.implied_volatility)}, forecast {percent(expression.forecast_volatility)}",
            style="dim",
        )
    )
    for structure, why in expression.refused.items():
        console.print(Text(f"not a {structure.replace('_', ' ')}: {why}", style="dim"))
    console.print()


def _bounds(expression: Expression) -> str:
    """What all of it costs, can lose and can win, in a sentence."""
    what = "costs" if expression.debit_usd >= 0 else "brings"
    gain = expression.max_gain_usd
    best = number(gain) if math.isfinite(gain) else "without bound"
    return (
        f"{expression.contracts} of it, each {what} {number(abs(expression.debit_usd))} USD and can lose "
        f"{number(expression.max_loss_usd)} at most, {number(expression.total_max_loss_usd)} in all; at best it wins "
        f"{best}."
    )
