"""``lightning flow``: dark-pool flow rebuilt from FINRA's short-volume files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import HomeOption, JsonOption, command_group

FLOW_SUFFIXES = (".csv", ".parquet")
flow = command_group("flow", "Dark-pool flow from FINRA's short-volume files.")


@flow.command("build")
@guarded
def build(
    context: typer.Context,
    short_volume: Annotated[
        list[Path],
        typer.Argument(readable=False, metavar="FINRA", help="FINRA's daily short-volume files, or folders of them."),
    ],
    bars: Annotated[
        list[Path],
        typer.Option(
            "--bars", readable=False, metavar="FILE", help="Daily bars of the members; repeat for several files."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where the flow goes, .csv or .parquet; --flow reads it.")
    ],
    members: Annotated[
        Path | None,
        typer.Option(
            "--members", readable=False, metavar="FILE", help="Members of the index: ticker and optionally from, to."
        ),
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option("--coverage", metavar="SHARE", help="Dollar volume that must be covered, 0 to 1 (default 0.9)."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rebuild the dark-pool index (DIX) of an index's members, weighted by their dollar volume."""
    from lightning_gex.adapters.storage.workspace_files import write_atomically
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import flow_document, print_document
    from lightning_gex.app.cli.output import check_not_input, check_table_file
    from lightning_gex.app.cli.render_flow import show_flow

    file = check_table_file(out, "--out", FLOW_SUFFIXES)
    for given in (*short_volume, *bars, *([] if members is None else [members])):
        check_not_input(file, "--out", given)
    floors = {} if coverage is None else {"coverage_floor": coverage}
    built = bootstrap.build_flow(short_volume, bars=bars, members=members, **floors)
    write_atomically(file, bootstrap.table_bytes(bootstrap.frame(built.flow), file))
    show_notes(built.notes, stderr_console())
    if as_json:
        print_document(flow_document(built, file))
        return
    show_flow(built, stdout_console())
    stdout_console().print(f"flow written to {file}", markup=False, soft_wrap=True)
