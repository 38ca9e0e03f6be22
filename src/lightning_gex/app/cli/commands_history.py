"""``lightning history``: a folder of chains becomes a table of daily features, and a look at that table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import DealerModelOption, FormatOption, HomeOption, JsonOption, command_group
from lightning_gex.core.errors import InputError, SettingsError

HISTORY_SUFFIXES = (".parquet",)
history = command_group("history", "Daily positioning features from a folder of option chains.")


@history.command("build")
@guarded
def build(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(readable=False, metavar="FOLDER", help="Folder of option chain files.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The table, .parquet; read on from where it stands.")
    ],
    underlying: Annotated[
        list[str] | None,
        typer.Option("--underlying", metavar="SYMBOL", help="Keep this underlying only; repeat for several."),
    ] = None,
    dealer_model: DealerModelOption = "naive",
    chain_format: FormatOption = None,
    workers: Annotated[int, typer.Option("--workers", metavar="N", help="Processes that read (default 1).")] = 1,
    prune: Annotated[bool, typer.Option("--prune", help="Drop the rows of files that are no longer there.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn a folder of option chains into a table of daily features; only new or changed files are read."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import history_document, print_document
    from lightning_gex.app.cli.output import check_table_file
    from lightning_gex.app.cli.render_history import show_bad_files, show_built

    file = check_table_file(out, "--out", HISTORY_SUFFIXES)
    built = bootstrap.build_history(
        folder,
        file,
        underlyings=tuple(underlying or ()),
        dealer_model=dealer_model,
        chain_format=chain_format,
        workers=workers,
        prune=prune,
        progress=BarProgress(stderr_console()),
    )
    show_notes(built.notes, stderr_console())
    show_bad_files(built.bad, stderr_console())
    if as_json:
        print_document(history_document(built, file))
    else:
        show_built(built, stdout_console())
        stdout_console().print(f"history written to {file}", markup=False, soft_wrap=True)
    if built.bad:
        raise typer.Exit(InputError.exit_code)


@history.command("show")
@guarded
def show(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(readable=False, metavar="FILE", help="A table that history build wrote.")],
    underlying: Annotated[
        list[str] | None,
        typer.Option("--underlying", metavar="SYMBOL", help="Show this underlying only; repeat for several."),
    ] = None,
    last: Annotated[int, typer.Option("--last", metavar="N", help="Sessions to show of each (default 10).")] = 10,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the last sessions of a history, with the ranks that the options-flow agent reads."""
    if last < 1:
        raise SettingsError(f"--last must be at least 1, not {last}")
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import print_document, ranked_history_document
    from lightning_gex.app.cli.render_history import show_history

    found = bootstrap.ranked_history(file, underlyings=tuple(underlying or ()))
    if as_json:
        print_document(ranked_history_document(found, last))
        return
    show_history(found, last, stdout_console())
