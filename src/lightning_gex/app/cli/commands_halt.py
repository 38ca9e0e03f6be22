"""``lightning halt``, ``resume`` and ``breakers``: a person stops entries, or lets them go on.

``halt`` imports nothing heavy before the flag is set: it has to work when the rest does not.
"""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from lightning_gex.app.cli.errors import guarded, print_line
from lightning_gex.app.cli.options import HomeOption, JsonOption, workspace_of
from lightning_gex.core.errors import SettingsError

ByOption = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who says so (default: your login name).")]


@guarded
def halt(
    context: typer.Context,
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Close every position as well, through the programs that hold them.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")] = "no reason given",
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop every entry at once, in every program on this workspace; exits go on."""
    from lightning_gex.app.assembly.control import halt_trading

    outcome = halt_trading(_folder(context, home), by=by or login_name(), reason=reason, flatten=flatten)
    if outcome.not_recorded is not None:
        print_line(
            f"note: the halt is in force; it is not in the journal yet ({outcome.not_recorded}), "
            "the next program that trades puts it there"
        )
    if as_json:
        answer = {"halted": True, "flatten": flatten, "flag": str(outcome.flag), "not_recorded": outcome.not_recorded}
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
        return
    closing = "; positions are closed by the programs that hold them" if flatten else "; exits go on"
    sys.stdout.write(f"halted: no entry until lightning resume{closing}\n{outcome.flag}\n")


@guarded
def resume(
    context: typer.Context,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why trading may go on; goes on record.")],
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let entries go on after a halt; your name and reason go on record."""
    from lightning_gex.app import bootstrap

    person = by or login_name()
    bootstrap.resume_trading(workspace_of(context, home), by=person, reason=reason)
    if as_json:
        sys.stdout.write(json.dumps({"halted": False, "by": person, "reason": reason}, indent=2) + "\n")
        return
    sys.stdout.write("trading may go on\n")


@guarded
def breakers(
    context: typer.Context,
    reset: Annotated[
        str | None, typer.Option("--reset", metavar="BREAKER", help="Arm a tripped breaker anew; needs --reason.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why it may be reset; goes on record.")
    ] = None,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the circuit breakers that are tripped, or reset one."""
    from lightning_gex.app import bootstrap

    workspace = workspace_of(context, home)
    if reset is not None:
        if reason is None:
            raise SettingsError("--reset needs --reason: why may entries go on?")
        bootstrap.reset_breaker(workspace, reset, by=by or login_name(), reason=reason)
    found = bootstrap.latched_breakers(workspace)
    if as_json:
        sys.stdout.write(json.dumps({"tripped": found, "reset": reset}, indent=2) + "\n")
        return
    lines = [f"{name}: {why}" for name, why in sorted(found.items())] or ["no breaker is tripped"]
    sys.stdout.write("\n".join(lines) + "\n")


def _folder(context: typer.Context, home: Path | None) -> Path | None:
    shared = context.obj if isinstance(context.obj, Path) else None
    return home if home is not None else shared


def login_name() -> str:
    """The login name; a machine that knows none still halts."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
