"""A history of daily features as tables, and what could not be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from lightning_gex.app.assembly.history import BuiltHistory, RankedHistory
from lightning_gex.app.cli.render import number, percent, titled_table
from lightning_gex.app.cli.render_positioning import usd

_BAD_SHOWN = 20


def show_built(built: BuiltHistory, console: Console) -> None:
    """Print what a build holds now, one line an underlying."""
    table = titled_table("History", "underlying", "sessions", "from", "to", "least coverage")
    for found in built.underlyings:
        extent = (f"{found.sessions:,}", str(found.first), str(found.last), percent(found.least_coverage))
        table.add_row(found.underlying, *extent)
    console.print()
    console.print(table)
    told = f"{built.read:,} files read, {built.unchanged:,} unchanged, {len(built.bad):,} gave no chain"
    console.print(told, markup=False)


def show_bad_files(bad: Mapping[str, str], console: Console) -> None:
    """Print the files that gave no row and why, one line each."""
    for name, problem in list(bad.items())[:_BAD_SHOWN]:
        console.print(f"left out: {name}: {problem}", style="yellow", markup=False, soft_wrap=True)
    if len(bad) > _BAD_SHOWN:
        console.print(f"left out: {len(bad) - _BAD_SHOWN} more files (--json lists all)", style="yellow", markup=False)


def show_history(histories: Sequence[RankedHistory], last: int, console: Console) -> None:
    """Print the last sessions of each underlying with their ranks."""
    for found in histories:
        features, columns = found.features, found.features.columns
        table = titled_table(
            f"{found.underlying}, dealer model {found.dealer_model}",
            *("session", "spot", "gamma per 1 %", "rank", "zero gamma", "put wall", "call wall"),
            *("charm rank", "vanna rank", "ATM vol", "coverage"),
        )
        for i in range(max(len(features.session) - last, 0), len(features.session)):
            values = {name: float(column[i]) for name, column in columns.items()}
            ranks = {name: number(float(column[i]), "{:+.2f}") for name, column in found.ranks.items()}
            table.add_row(
                str(features.session[i]),
                number(values["spot"]),
                usd(values["gamma_exposure_usd_per_pct"]),
                ranks["gex_signal"],
                number(values["zero_gamma"]),
                number(values["put_wall"]),
                number(values["call_wall"]),
                ranks["charm_pressure"],
                ranks["vanna_sensitivity"],
                percent(values["implied_vol"]),
                percent(values["open_interest_coverage"]),
            )
        console.print()
        console.print(table)
        console.print(_enough(len(features.session)), style="dim", markup=False)


def _enough(sessions: int) -> str:
    from lightning_gex.analytics.options_features import RANK_MINIMUM, RANK_WINDOW

    if sessions >= RANK_MINIMUM:
        return f"{sessions:,} sessions; a rank stands among the last {RANK_WINDOW} of them"
    return f"{sessions:,} sessions: a rank needs {RANK_MINIMUM}; until then an agent reads each chain alone"
