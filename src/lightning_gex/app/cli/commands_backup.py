"""``lightning backup`` and ``restore``: a workspace as one verified file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import HomeOption, JsonOption, workspace_of
from lightning_gex.core.errors import SettingsError


@guarded
def backup(
    context: typer.Context,
    out: Annotated[
        Path | None,
        typer.Argument(metavar="OUT", help="A new file, or a folder for one (default: backups in the workspace)."),
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option("--verify", readable=False, metavar="FILE", help="Make none: read this one whole and check it."),
    ] = None,
    drill: Annotated[
        bool, typer.Option("--drill", help="Restore it on trial and compare it with the workspace, on record.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write everything of a workspace into one file, while programs run, and verify it."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import show_notes, stderr_console
    from lightning_gex.app.cli.documents import print_document

    if verify is not None and out is not None:
        raise SettingsError("--verify FILE reads a backup and OUT makes one: give one of them")
    if verify is not None:
        file, size, manifest = verify, None, bootstrap.verify_backup(verify)
    else:
        made = bootstrap.make_backup(workspace_of(context, home), out)
        file, size, manifest = made.file, made.size, made.manifest
        show_notes(made.notes, stderr_console())
    tried = bootstrap.drill_backup(workspace_of(context, home), file) if drill else None
    if as_json:
        document: dict[str, object] = {"file": str(file), "size": size, "verified": True, **manifest.about}
        document["members"] = {name: {"size": m.size, "sha256": m.sha256} for name, m in manifest.members.items()}
        drilled = None if tried is None else {"records": tried.records, "runs": tried.runs, "behind": tried.behind}
        print_document({**document, "drill": drilled})
        return
    journal, memory = manifest.about["journal"], manifest.about["memory"]
    held = f"{journal['records']} records, {memory['patterns']} signals, {len(manifest.members)} files"
    typer.echo(f"verified: {held}, made at {manifest.about['made_at']}\n{file}")
    if tried is not None:
        typer.echo(f"restored on trial: {tried.records} records the same, {tried.runs} runs replay into the same state")


@guarded
def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Move the workspace that is there aside; nothing of it is lost.")
    ] = False,
    store_url: Annotated[
        str, typer.Option("--store-url", metavar="URL", help="An empty PostgreSQL database for journal and memory.")
    ] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a workspace from a backup, whole or not at all. It is halted until a person resumes it."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.commands_halt import login_name
    from lightning_gex.app.cli.console import show_notes, stderr_console
    from lightning_gex.app.cli.documents import print_document

    shared = context.obj if isinstance(context.obj, Path) else None
    found = bootstrap.restore_backup(
        file, home if home is not None else shared, replace=replace, store_url=store_url, by=login_name()
    )
    show_notes(found.notes, stderr_console())
    if as_json:
        aside = None if found.aside is None else str(found.aside)
        document = {"home": str(found.home), "aside": aside, "halted": True, "made_at": found.manifest.about["made_at"]}
        print_document({**document, "records": found.manifest.about["journal"]["records"], "notes": found.notes})
        return
    typer.echo(f"restored, and halted: {found.home}")
    if found.aside is not None:
        typer.echo(f"what was there lies in {found.aside}")
