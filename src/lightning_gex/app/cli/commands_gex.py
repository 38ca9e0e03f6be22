"""``lightning gex``: dealer positioning of one option chain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import FormatOption, HomeOption, JsonOption
from lightning_gex.core.errors import SettingsError


@guarded
def gex(
    context: typer.Context,
    chain: Annotated[Path | None, typer.Argument(readable=False, metavar="CHAIN", help="Option chain file.")] = None,
    live: Annotated[
        str | None, typer.Option("--live", metavar="SYMBOL", help="Fetch Cboe's delayed quotes instead of a file.")
    ] = None,
    chain_format: FormatOption = None,
    underlying: Annotated[
        str | None, typer.Option("--underlying", metavar="SYMBOL", help="Symbol, where the file does not name it.")
    ] = None,
    dealer_model: Annotated[
        str, typer.Option("--dealer-model", help="Who holds what: naive, inverted, unsigned or volume_signed.")
    ] = "naive",
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Write the exposure profile as an HTML page.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Dealer positioning of one option chain: gamma, delta, vanna and charm exposure, zero gamma, walls."""
    if (chain is None) == (live is None):
        raise SettingsError("name one option chain: a file, or --live SYMBOL")
    from lightning_gex.adapters.storage.workspace_files import write_atomically
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import positioning_document, print_document
    from lightning_gex.app.cli.output import check_not_input, check_output_file
    from lightning_gex.app.cli.render_positioning import show_positioning

    page = None if plot is None else check_output_file(plot, "--plot")
    if chain is not None:
        if page is not None:
            check_not_input(page, "--plot", chain)
        positioning = bootstrap.position_chain(
            chain, chain_format=chain_format, dealer_model=dealer_model, underlying=underlying
        )
    else:
        positioning = bootstrap.position_live(str(live), dealer_model=dealer_model)
    if page is not None:
        write_atomically(page, bootstrap.positioning_page(positioning).encode())
    if as_json:
        print_document(positioning_document(positioning))
        return
    show_positioning(positioning, stdout_console())
    if page is not None:
        stdout_console().print(f"profile written to {page}", markup=False, soft_wrap=True)
