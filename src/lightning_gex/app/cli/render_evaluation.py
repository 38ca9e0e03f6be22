"""An evaluation and an ablation as tables for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Console

from lightning_gex.app.cli.console import print_table
from lightning_gex.app.cli.render import number, percent, titled_table
from lightning_gex.evaluation.claims import claims_words
from lightning_gex.evaluation.comparison_section import (
    FOLD_HEADER,
    fold_rows,
    folds_words,
    random_words,
)
from lightning_gex.evaluation.fold_figures import WALK
from lightning_gex.evaluation.tried_words import trials_words
from lightning_gex.evaluation.verdict import excess_over, fairest_excess

if TYPE_CHECKING:
    from lightning_gex.analytics.bootstrap import Interval
    from lightning_gex.app.assembly.ablation import AblatedSubject
    from lightning_gex.app.assembly.evaluation import Evaluation
    from lightning_gex.evaluation.metrics import RunMetrics
    from lightning_gex.evaluation.probe import ProbeResult

_COLUMNS = ("Run", "Taken", "Accuracy", "Excess", "Expectancy", "Growth a year", "Sharpe", "Deepest fall")


def show_beside(found: Evaluation, console: Console) -> None:
    """Print the run beside its baseline and its placebos."""
    against = fairest_excess(found.metrics)[0]
    table = titled_table("Beside what could explain it", *_columns(against), "Growth gained over it, 95%")
    table.add_row("this system", *_figures(found.metrics, against), "")
    for one in (found.baseline, *found.placebos):
        gained = f"{_signed(one.gain.return_a_year)} ({_interval(one.gain.return_interval)})"
        table.add_row(one.words, *_figures(one.metrics, against), gained)
    console.print()
    print_table(table, console)
    console.print(random_words(found.random), markup=False)
    console.print(trials_words(found.trials), markup=False)
    console.print(claims_words(found.claims), markup=False)
    if found.folds is None:
        console.print(f"Learning: {WALK}.", markup=False)
        return
    parts = titled_table("Part by part", *FOLD_HEADER)
    for row in fold_rows(found.folds):
        parts.add_row(*row)
    console.print()
    print_table(parts, console)
    console.print(folds_words(found.folds), markup=False)


def show_ablation(found: AblatedSubject, console: Console) -> None:
    """Print what was expected of each enhancement beside what was measured, then every variant."""
    ablation = found.ablation
    claims = titled_table(
        "What was expected and what was measured",
        "Enhancement",
        "Expected",
        "Measured",
        "95% interval",
        "Alone",
        "Recommended",
        "Why",
    )
    for v in ablation.verdicts:
        claims.add_row(
            v.enhancement,
            f"{v.expected}: {v.expectation}",
            "n/a" if math.isnan(v.measured) else f"{_signed(v.measured)} {v.figure.replace('_', ' ')}",
            _interval(v.interval),
            _signed(v.alone),
            "on" if v.keep else "off",
            v.why,
        )
    against = fairest_excess(ablation.variants[0].metrics)[0]
    variants = titled_table("Every variant", *_columns(against))
    for one in ablation.variants:
        variants.add_row(one.words, *_figures(one.metrics, against))
    for table in (claims, variants):
        console.print()
        print_table(table, console)
    console.print(
        f"That no variant's timing beats the baseline's: p = {ablation.superior.p_value:.3f} (SPA). Probability of "
        f"backtest overfitting: {percent(ablation.overfitting)}.",
        markup=False,
    )
    console.print(trials_words(found.trials), markup=False)


def show_probe(found: ProbeResult, console: Console) -> None:
    """Print what a probe compared, and every leak, the lowest layer first."""
    compared = ", ".join(f"{layer} {count:,}" for layer, count in found.columns.items())
    cuts = ", ".join(str(cut) for cut in found.cuts)
    console.print(f"The future was cut off and scrambled after {cuts}.", markup=False)
    console.print(f"Columns compared: {compared}. Decisions compared: {found.decisions:,}.", markup=False)
    if found.clean:
        console.print("Nothing of the past changed.", style="bold green")
        return
    table = titled_table(
        "What knew the future", "Layer", "Name", "Ticker", "Session", "Future", "With the real one", "With this one"
    )
    for leak in found.leaks:
        table.add_row(leak.layer, leak.name, leak.ticker, str(leak.session), leak.future.value, leak.before, leak.after)
    print_table(table, console)


def _columns(against: str) -> list[str]:
    """The heads of a table of runs: the excess is over what the first of them is judged against."""
    return [f"Over {against}" if name == "Excess" else name for name in _COLUMNS]


def _figures(m: RunMetrics, against: str) -> tuple[str, ...]:
    return (
        f"{m.decisions_taken:,}",
        percent(m.accuracy),
        _signed(excess_over(m, against)),
        number(m.expectancy_bp, "{:+.1f} bp"),
        percent(m.cagr),
        number(m.sharpe),
        percent(m.max_drawdown),
    )


def _signed(value: float) -> str:
    return number(value, "{:+z.1%}")


def _interval(interval: Interval) -> str:
    low, high = interval
    return "n/a" if math.isnan(low) else f"{_signed(low)} to {_signed(high)}"
