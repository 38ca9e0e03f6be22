"""``lightning doctor``: the production checklist, item by item, with the evidence and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import HomeOption, JsonOption, workspace_of

if TYPE_CHECKING:
    from rich.console import Console

    from lightning_gex.app.assembly.doctor import Checkup

NOT_READY = 10  # the exit code where an item did not pass
_STYLES = {"passed": "green", "failed": "bold red", "not_yet": "yellow", "cannot_tell": "magenta"}


@guarded
def doctor(
    context: typer.Context,
    drill: Annotated[
        bool,
        typer.Option("--drill", help="First run every component and every stop in a scratch workspace, on record."),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go through the production checklist: what is done, by which evidence, and what to do next."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import print_document

    workspace = workspace_of(context, home)
    if drill:
        bootstrap.drill(workspace)
    found = bootstrap.examine(workspace)
    if as_json:
        print_document(bootstrap.checkup_document(found))
    else:
        show_checkup(found, stdout_console())
    if not found.ready:
        raise typer.Exit(NOT_READY)


def show_checkup(found: Checkup, console: Console) -> None:
    """The checklist as a table, and the next command for everything that is open."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("item", "status", "evidence", title="before real money", show_lines=True)
    for item in found.items:
        status = item.finding.status.value
        table.add_row(item.name, f"[{_STYLES[status]}]{status.replace('_', ' ')}[/]", escape(item.finding.evidence))
    console.print(table)
    for name, why in sorted(found.stopped.items()):
        console.print(f"entries are stopped now: {name}: {why}", style="red", markup=False, soft_wrap=True)
    still_open = [item for item in found.items if item.finding.next_step]
    for item in still_open:
        console.print(f"next, {item.name}: {item.finding.next_step}", markup=False, soft_wrap=True)
    passed = sum(item.finding.status.value == "passed" for item in found.items)
    verdict = "ready" if found.ready else "not ready"
    console.print(f"{verdict}: {passed} of {len(found.items)} items passed", markup=False)
