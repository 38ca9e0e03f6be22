"""Two systems side by side, and the stages between them, for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lightning_gex.app.cli.console import print_table
from lightning_gex.app.cli.render import number, percent, titled_table
from lightning_gex.evaluation.side_by_side_section import held_words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from lightning_gex.analytics.bootstrap import Interval
    from lightning_gex.app.assembly.migration import Standing
    from lightning_gex.core.transition import StageChange
    from lightning_gex.evaluation.side_by_side import EntryOutcome, SideBySide

_MOST_REASONS = 12


def show_comparison(found: SideBySide, console: Console) -> None:
    """Both systems, the difference with its interval, where they agree, and why not."""
    for table in (_systems(found), _differences(found), _agreement(found), _reasons(found), _mixes(found)):
        console.print()
        print_table(table, console)
    console.print()
    console.print(held_words(found.agreement), markup=False, soft_wrap=True)


def show_standing(standing: Standing, console: Console) -> None:
    """The stage in force, what the next one asks for, and the steps so far."""
    stage = standing.transition.stage
    if stage is None:
        console.print("No transition was begun: lightning migrate advance --reason TEXT begins one.", markup=False)
    else:
        kept = f"the old system keeps {1 - stage.share:.0%}"
        console.print(f"stage: {stage.words}; {kept}", style="bold", markup=False)
    if standing.target is not None and standing.checklist:
        table = titled_table(f"Before {standing.target.words}", "", "Name", "Asks for", "Found", "Next step")
        for one in standing.checklist:
            table.add_row("met" if one.met else "not met", one.name, one.asks, one.found, one.next_step)
        print_table(table, console)
    if standing.target is not None:
        said = "everything is met" if not standing.unmet else f"not met: {', '.join(standing.unmet)}"
        console.print(f"next: {standing.target.words}; {said}", markup=False, soft_wrap=True)
    for change in standing.transition.changes:
        show_change(change, console)


def show_change(change: StageChange, console: Console) -> None:
    """One step, in a line."""
    past = f"; past {', '.join(change.overridden)}" if change.overridden else ""
    console.print(
        f"{change.at:%Y-%m-%d %H:%M} UTC  {change.after.words}  ({change.by}: {change.reason}{past})",
        markup=False,
        soft_wrap=True,
    )


def _systems(found: SideBySide) -> Table:
    table = titled_table(
        "Both systems",
        "System",
        "Taken",
        "Trades",
        "Accuracy",
        "95%",
        "Expectancy",
        "A year",
        "Sharpe",
        "Deepest fall",
        "Turnover",
    )
    for side in (found.new, found.old):
        m = side.metrics
        table.add_row(
            f"{side.name}: {side.words}",
            f"{m.decisions_taken:,}",
            f"{m.trades:,}",
            percent(m.accuracy),
            _shares(m.accuracy_interval),
            number(m.expectancy_bp, "{:+.1f} bp"),
            percent(m.cagr),
            number(m.sharpe),
            percent(m.max_drawdown),
            number(m.turnover_per_year, "{:.1f}x"),
        )
    return table


def _differences(found: SideBySide) -> Table:
    gain = found.gain
    table = titled_table("New less old", "", "Difference", "95% interval")
    table.add_row("growth a year (log)", _signed(gain.return_a_year), _signed_interval(gain.return_interval))
    table.add_row("growth in all (log)", _signed(found.total_difference), _signed_interval(found.total_interval))
    table.add_row("accuracy", _signed(gain.accuracy), _signed_interval(gain.accuracy_interval))
    table.add_row("volatility a year", _signed(gain.volatility_a_year), "")
    table.add_row("deepest fall", _signed(gain.max_drawdown), "")
    return table


def _agreement(found: SideBySide) -> Table:
    a = found.agreement
    table = titled_table("Session by session, ticker by ticker", "", "Cells", "Right", "95%", "Mean return", "95% ")
    table.add_row("both entered, one way", f"{a.both:,}", *_outcome(a.together))
    table.add_row("only the new one entered", f"{a.only_new:,}", *_outcome(a.new_alone))
    table.add_row("only the old one entered", f"{a.only_old:,}", *_outcome(a.old_alone))
    table.add_row("both entered, opposite ways", f"{a.opposite:,}", "", "", "", "")
    table.add_row("neither entered", f"{a.neither:,}", "", "", "", "")
    return table


def _reasons(found: SideBySide) -> Table:
    table = titled_table(
        "Where they differ", "Entered", "What stopped the other", "Entries", "Right", "95%", "Mean", "95% "
    )
    for one in sorted(found.disagreements, key=lambda d: -d.outcome.entries)[:_MOST_REASONS]:
        table.add_row(f"only {one.entered}", one.why, f"{one.outcome.entries:,}", *_outcome(one.outcome))
    return table


def _mixes(found: SideBySide) -> Table:
    table = titled_table("The capital split between them", "New", "A year", "Volatility", "Sharpe", "Deepest fall")
    for mix in found.mixes:
        figures = (percent(mix.metrics.cagr), percent(mix.volatility_a_year), number(mix.metrics.sharpe))
        table.add_row(f"{mix.share:.0%}", *figures, percent(mix.metrics.max_drawdown))
    return table


def _outcome(outcome: EntryOutcome) -> tuple[str, str, str, str]:
    low, high = outcome.return_interval_bp
    span = "n/a" if math.isnan(low) else f"{low:+.0f} to {high:+.0f} bp"
    return percent(outcome.hit_rate), _shares(outcome.hit_interval), number(outcome.return_bp, "{:+.0f} bp"), span


def _shares(interval: Interval) -> str:
    low, high = interval
    return "n/a" if math.isnan(low) else f"{percent(low)} to {percent(high)}"


def _signed(value: float) -> str:
    return number(value, "{:+.1%}")


def _signed_interval(interval: Interval) -> str:
    low, high = interval
    return "n/a" if math.isnan(low) else f"{_signed(low)} to {_signed(high)}"
