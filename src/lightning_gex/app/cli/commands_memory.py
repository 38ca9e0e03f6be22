"""``lightning memory``: what is remembered, what is similar, how it did; out to a file and back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import HomeOption, JsonOption, command_group, workspace_of
from lightning_gex.core.errors import SettingsError

if TYPE_CHECKING:
    from lightning_gex.core.patterns import RecallFilter

memory = command_group("memory", "Past signals and what became of them.")

TickerOption = Annotated[str | None, typer.Option("--ticker", metavar="T", help="Only signals of this symbol.")]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", help="Only what was known at this moment: 2024-03-01, or with a time."),
]


@memory.command("show")
@guarded
def show(
    context: typer.Context,
    ticker: TickerOption = None,
    last: Annotated[int, typer.Option("--last", metavar="N", help="Latest signals to show (default 10).")] = 10,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is remembered: the latest signals, how reliable agents and memory were."""
    if last < 0:
        raise SettingsError(f"--last must be at least 0, not {last}")
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render_memory import overview_document, show_overview

    found = bootstrap.memory_overview(workspace_of(context, home), ticker=ticker)
    if as_json:
        print_document(overview_document(found, last))
    else:
        show_overview(found, last, stdout_console())


@memory.command("recall")
@guarded
def recall(
    context: typer.Context,
    signal: Annotated[
        str | None, typer.Argument(metavar="SIGNAL", help="Id of a remembered signal (default: the latest).")
    ] = None,
    ticker: TickerOption = None,
    count: Annotated[int, typer.Option("--count", "-n", metavar="N", help="How many at most (default 10).")] = 10,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="TIME", help="The moment of asking (default: when the signal was given)."),
    ] = None,
    regime: Annotated[
        str | None, typer.Option("--regime", metavar="NAME", help="Only setups of this regime, such as crisis.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", metavar="NAME", help="Only setups led by this strategy.")
    ] = None,
    horizon: Annotated[
        str | None, typer.Option("--horizon", metavar="N-M", help="Only setups for so many sessions, such as 3-5.")
    ] = None,
    structure: Annotated[
        str | None, typer.Option("--structure", metavar="NAME", help="Only setups of this structure, such as stock.")
    ] = None,
    traded: Annotated[
        bool | None, typer.Option("--traded/--not-traded", help="Only setups that were, or were not, traded.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the past signals most similar to one, with dates and results, and what memory makes of them."""
    if count < 1:
        raise SettingsError(f"--count must be at least 1, not {count}")
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render_memory import setups_document, show_setups

    found = bootstrap.similar_signals(
        workspace_of(context, home),
        signal=signal,
        ticker=ticker,
        count=count,
        as_of=_moment(as_of),
        wanted=_wanted(regime, strategy, horizon, structure, traded),
    )
    if as_json:
        print_document(setups_document(found))
    else:
        show_setups(found, stdout_console())


@memory.command("performance")
@guarded
def performance(
    context: typer.Context,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="GROUP",
            help="all, ticker, timeframe, confidence, agent, regime, strategy or taken; repeat for several "
            "(default: all of them).",
        ),
    ] = None,
    as_of: AsOfOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how signals did, by ticker, timeframe, confidence, agent and regime, with 95 % intervals."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render_memory import performance_document, show_groups

    groups = bootstrap.performance_groups(by or ())
    rows = bootstrap.memory_performance(workspace_of(context, home), as_of=_moment(as_of))
    shown = [row for row in rows if row.group in groups]
    if as_json:
        print_document(performance_document(shown))
    else:
        show_groups(shown, stdout_console())


@memory.command("export")
@guarded
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file to write, whole or not at all.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write every remembered signal to a CSV file."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.output import check_table_file

    path = check_table_file(file, "FILE", (".csv",))
    written = bootstrap.export_memory(workspace_of(context, home), path)
    if as_json:
        print_document({"signals": written, "file": str(path)})
    else:
        typer.echo(f"{written} signals in {path}")


@memory.command("import")
@guarded
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(readable=False, metavar="FILE", help="A CSV file that memory export wrote.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remember the signals of an exported file, all or none; those known already stay as they are."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.documents import print_document

    new = bootstrap.import_memory(workspace_of(context, home), file)
    if as_json:
        print_document({"new": new, "file": str(file)})
    else:
        typer.echo(f"{new} new signals from {file}")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"--as-of {text!r} is no date or time: write it as 2024-03-01 or 2024-03-01T14:30Z"
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _wanted(
    regime: str | None, strategy: str | None, horizon: str | None, structure: str | None, traded: bool | None
) -> RecallFilter | None:
    from lightning_gex.core.enums import MarketRegime
    from lightning_gex.core.patterns import RecallFilter

    if regime is not None and regime not in set(MarketRegime):
        raise SettingsError(f"--regime {regime!r} is none of {', '.join(MarketRegime)}")
    wanted = RecallFilter(
        regime=None if regime is None else MarketRegime(regime),
        strategy=strategy,
        horizon_sessions=_span(horizon),
        structure=structure,
        taken=traded,
    )
    return None if wanted == RecallFilter() else wanted


def _span(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    least, _, most = text.partition("-")
    ends = (least, most or least)
    if not all(end.isascii() and end.isdigit() for end in ends) or int(ends[0]) > int(ends[1]):
        raise SettingsError(f"--horizon {text!r} is no span of sessions: write it as 5 or 3-5")
    return int(ends[0]), int(ends[1])
