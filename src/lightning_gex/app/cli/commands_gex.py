"""``lightning gex``: dealer positioning of one option chain, and what changed since an earlier one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import DealerModelOption, FormatOption, HomeOption, JsonOption
from lightning_gex.core.errors import SettingsError

if TYPE_CHECKING:
    from lightning_gex.analytics.positioning_changes import PositioningChanges
    from lightning_gex.analytics.positioning_result import DealerPositioning


@guarded
def gex(
    context: typer.Context,
    chain: Annotated[Path | None, typer.Argument(readable=False, metavar="CHAIN", help="Option chain file.")] = None,
    live: Annotated[
        str | None, typer.Option("--live", metavar="SYMBOL", help="Fetch Cboe's delayed quotes instead of a file.")
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option("--since", readable=False, metavar="FILE", help="An earlier chain: show what changed since."),
    ] = None,
    chain_format: FormatOption = None,
    underlying: Annotated[
        str | None,
        typer.Option("--underlying", metavar="SYMBOL", help="Symbol, where the file names none or several."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="MOMENT", help="When the quotes were true, where the file does not say."),
    ] = None,
    spot: Annotated[
        float | None, typer.Option("--spot", metavar="USD", help="Price of the underlying, where the file has none.")
    ] = None,
    max_age: Annotated[
        float | None,
        typer.Option("--max-age", metavar="HOURS", help="Refuse quotes older than this by the system's clock."),
    ] = None,
    dealer_model: DealerModelOption = "naive",
    clock: Annotated[
        str, typer.Option("--clock", help="Which time charm's day is of: calendar or trading.")
    ] = "calendar",
    weight: Annotated[
        str, typer.Option("--weight", help="What strikes and expiries are weighed by: open_interest or volume.")
    ] = "open_interest",
    table: Annotated[
        str,
        typer.Option(
            "--table",
            metavar="NAME",
            help="What --out writes: strike, expiry, strike_expiry, contract, term_structure, profile, changes, "
            "changes_by_strike or changes_by_expiry.",
        ),
    ] = "strike",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write a table: .csv, .parquet or .json.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Write the pictures: a page (.html) or an image (.png)."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Dealer positioning of one option chain: exposures and their band, levels, expiries, and what changed."""
    if (chain is None) == (live is None):
        raise SettingsError("name one option chain: a file, or --live SYMBOL")
    if live is not None and any(given is not None for given in (chain_format, underlying, as_of, spot)):
        raise SettingsError("--live says all by itself: leave out --format, --underlying, --as-of and --spot")
    if table.startswith("changes") and since is None:
        raise SettingsError(f"--table {table} needs an earlier chain: name it with --since FILE")
    from lightning_gex.adapters.storage.workspace_files import write_atomically
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.output import PICTURE_SUFFIXES, check_not_input, check_table_file

    picture = None if plot is None else check_table_file(plot, "--plot", PICTURE_SUFFIXES)
    file = None if out is None else check_table_file(out, "--out")
    for option, target in (("--plot", picture), ("--out", file)):
        for given in (chain, since):
            if target is not None and given is not None:
                check_not_input(target, option, given)
    if chain is not None:
        found = bootstrap.position_chain(
            chain,
            chain_format=chain_format,
            underlying=underlying,
            as_of=as_of,
            spot=spot,
            dealer_model=dealer_model,
            clock=clock,
            max_age_hours=max_age,
        )
    else:
        found = bootstrap.position_live(str(live), dealer_model=dealer_model, clock=clock, max_age_hours=max_age)
    changes = None if since is None else bootstrap.changes_since(found, since, chain_format=chain_format, clock=clock)
    written = {}
    if file is not None:
        made = bootstrap.positioning_frame(found, table, weight=weight, changes=changes)
        written["table"] = (file, bootstrap.table_bytes(made, file))
    if picture is not None:
        written["pictures"] = (picture, bootstrap.positioning_picture(found, picture.suffix.lower()))
    for path, data in written.values():
        write_atomically(path, data)
    _answer(found, changes, {what: path for what, (path, _) in written.items()}, weight=weight, as_json=as_json)


def _answer(
    found: DealerPositioning,
    changes: PositioningChanges | None,
    written: dict[str, Path],
    *,
    weight: str,
    as_json: bool,
) -> None:
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import positioning_document, print_document
    from lightning_gex.app.cli.render_changes import show_changes
    from lightning_gex.app.cli.render_positioning import show_positioning

    if as_json:
        print_document(positioning_document(found, changes, weight=weight))
        return
    console = stdout_console()
    show_positioning(found, console, weight=weight)
    if changes is not None:
        show_changes(changes, console)
    for what, path in written.items():
        console.print(f"{what} written to {path}", markup=False, soft_wrap=True)
