"""A sweep as a table for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Console

from lightning_gex.app.cli.console import print_table
from lightning_gex.app.cli.render import number, percent, titled_table
from lightning_gex.evaluation.sweep_words import CRITERION_WORDS, conclusions, headline, value_words

if TYPE_CHECKING:
    from lightning_gex.app.assembly.sweeps import Sweep

_MOST_ROWS = 15  # a screen; the files have them all


def show_sweep(found: Sweep, console: Console) -> None:
    """Print what follows, then the best variants with their intervals."""
    total = sum(len(variant.runs) for variant in found.plan)
    console.print(f"{total:,} runs, {found.kept:,} of them from before.", markup=False)
    if found.findings is None:
        console.print("No variant gave a result.", style="bold")
        return
    judged = found.findings
    console.print(headline(judged), style="bold", markup=False)
    for sentence in conclusions(judged):
        console.print(sentence, markup=False)
    swept = [name for name in judged.variants[0].words if len({str(v.words[name]) for v in judged.variants}) > 1]
    several = len({v.universe for v in judged.variants}) > 1
    table = titled_table(
        f"Variants by {CRITERION_WORDS[judged.by]}",
        "Variant",
        *(["Tickers"] if several else []),
        *(name.rpartition(".")[2] for name in swept),
        "Trades",
        "Sharpe",
        "95%",
        "Deflated",
        "Growth a year",
        "Over as set",
        "Deepest fall",
        "Right",
    )
    for variant, figures in list(zip(judged.variants, judged.figures, strict=True))[:_MOST_ROWS]:
        low, high = figures.sharpe_interval
        table.add_row(
            f"{variant.name} (as set)" if variant.as_set else variant.name,
            *([variant.universe] if several else []),
            *(value_words(variant.words[name]) for name in swept),
            f"{figures.trades:,}",
            number(figures.sharpe),
            f"{low:.2f} to {high:.2f}" if math.isfinite(low) else "n/a",
            percent(figures.deflated_sharpe),
            percent(figures.return_a_year),
            "" if figures.gain is None else number(figures.gain.return_a_year, "{:+.1%}"),
            percent(figures.max_drawdown),
            percent(figures.accuracy),
        )
    console.print()
    print_table(table, console)
    if len(judged.variants) > _MOST_ROWS:
        console.print(f"{len(judged.variants) - _MOST_ROWS} more in variants.parquet", markup=False)
