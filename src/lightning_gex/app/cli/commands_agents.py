"""``lightning agents``: who votes, and whether they keep the rules."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import HomeOption, JsonOption, workspace_of
from lightning_gex.core.errors import SettingsError


@guarded
def agents(
    context: typer.Context,
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODULE:NAME]...", help="Agents of your own to check instead of those that vote."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the agents that vote, built in and installed, and every rule that one of them breaks."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render_agents import show_agents

    found = bootstrap.examine_agents(workspace_of(context, home).settings, targets or ())
    if as_json:
        print_document({"agents": [asdict(report) for report in found]})
    else:
        show_agents(found, stdout_console())
    broken = [report.name for report in found if report.problems]
    if broken:
        raise SettingsError(f"rules are broken by {', '.join(broken)}")
