"""A rebuilt dark-pool index as a table."""

from __future__ import annotations

from rich.console import Console

from lightning_gex.app.assembly.dark_pool import BuiltFlow
from lightning_gex.app.cli.render import number, percent, titled_table

_LAST_SESSIONS = 10


def show_flow(built: BuiltFlow, console: Console) -> None:
    """Print the last sessions of a dark-pool index, with what it rests on."""
    table = titled_table("Dark-pool index", "session", "DIX", "of dollar volume", "members")
    index = built.index
    for i in range(max(len(built.session) - _LAST_SESSIONS, 0), len(built.session)):
        members = f"{index.members_used[i]:,} of {index.members[i]:,}"
        table.add_row(str(built.session[i]), number(index.dix[i], "{:.4f}"), percent(index.coverage[i]), members)
    console.print()
    console.print(table)
    first, last = built.session[0], built.session[-1]
    console.print(f"{len(built.session):,} sessions, {first} to {last}", markup=False)
