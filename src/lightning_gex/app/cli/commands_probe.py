"""``lightning probe``: does anything of the past know the future?"""

from __future__ import annotations

from typing import Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.history_options import HistoryAsked
from lightning_gex.app.cli.options import (
    HomeOption,
    JsonOption,
    spreads_asked,
    workspace_of,
)
from lightning_gex.core.errors import RefusedError


@guarded
@spreads_asked
def probe(
    context: typer.Context,
    asked: HistoryAsked,
    agent: Annotated[
        list[str] | None,
        typer.Option("--agent", metavar="MODULE:NAME", help="Agent of your own that votes with the others; repeat."),
    ] = None,
    cuts: Annotated[int, typer.Option("--cuts", min=1, max=100, help="Sessions to cut the future off at.")] = 3,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the cuts and of the scrambled future.")] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cut the future off and scramble it, and name every layer in which something of the past changes."""
    subject = asked.subject()
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render_evaluation import show_probe

    found = bootstrap.probe_subject(
        workspace_of(context, home),
        subject,
        agents=agent or (),
        cuts=cuts,
        seed=seed,
        progress=BarProgress(stderr_console()),
    )
    if as_json:
        print_document(bootstrap.probe_document(found))
        if not found.clean:
            raise typer.Exit(RefusedError.exit_code)
        return
    show_probe(found, stdout_console())
    if not found.clean:
        first = found.leaks[0]
        raise RefusedError(
            f"{len(found.leaks)} columns or decisions know the future; the lowest layer is {first.layer} "
            f"({first.name} of {first.ticker} on {first.session}): trust no figure that rests on it"
        )
