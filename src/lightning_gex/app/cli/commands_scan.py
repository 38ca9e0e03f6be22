"""``lightning scan``: dealer positioning of a whole market."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import DealerModelOption, HomeOption, JsonOption
from lightning_gex.core.errors import SettingsError


@guarded
def scan(
    context: typer.Context,
    market: Annotated[
        Path, typer.Argument(readable=False, metavar="MARKET", help="Parquet file of many chains, or a folder of them.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write every row: .csv, .parquet or .json.")
    ] = None,
    sort: Annotated[
        str,
        typer.Option("--sort", metavar="NAME", help="Rank by the size of gamma, net_to_gross, move, vol or coverage."),
    ] = "gamma",
    top: Annotated[int, typer.Option("--top", metavar="N", help="Underlyings to show (default 20).")] = 20,
    dealer_model: DealerModelOption = "naive",
    early_exercise: Annotated[
        bool,
        typer.Option("--early-exercise", help="Value the early exercise of American options, as gex does; slower."),
    ] = False,
    workers: Annotated[int, typer.Option("--workers", metavar="N", help="Threads that compute (default 1).")] = 1,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Exposures and levels of every underlying of a market, ranked."""
    if top < 1:
        raise SettingsError(f"--top must be at least 1, not {top}")
    from lightning_gex.adapters.storage.workspace_files import write_atomically
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import print_document, scan_document
    from lightning_gex.app.cli.output import check_not_input, check_table_file
    from lightning_gex.app.cli.render_scan import check_sort, show_scan

    key = check_sort(sort)
    file = None if out is None else check_table_file(out, "--out")
    if file is not None:
        check_not_input(file, "--out", market)
    found = bootstrap.scan_market(
        market,
        dealer_model=dealer_model,
        value_early_exercise=early_exercise,
        workers=workers,
        progress=BarProgress(stderr_console()),
    )
    if file is not None:
        write_atomically(file, bootstrap.table_bytes(found.table, file))
    ranked = bootstrap.ranked_market(found, key, top)
    if as_json:
        print_document(scan_document(found, ranked))
        return
    console = stdout_console()
    show_scan(found, ranked, sort, console)
    if file is not None:
        console.print(f"table written to {file}", markup=False, soft_wrap=True)
