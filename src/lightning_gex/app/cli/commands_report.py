"""``lightning report``: what a run of the journal, or a folder of a backtest, amounts to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import HomeOption, JsonOption, workspace_of
from lightning_gex.core.errors import InputError, SettingsError


@guarded
def report(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(
            readable=False, metavar="[DIR]", help="Folder that demo or backtest wrote (default: the journal)."
        ),
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="Run of the journal (default: the latest).")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how a run went: the latest of the journal, a named one, or the folder a backtest wrote."""
    if folder is not None and run is not None:
        raise SettingsError("name a folder or --run ID, not both")
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render import show_metrics, show_performance

    if folder is not None:
        metrics = read_metrics(folder)
        if as_json:
            print_document(metrics)
            return
        notes = metrics.get("notes")
        show_notes([str(note) for note in notes] if isinstance(notes, list) else (), stderr_console())
        show_metrics(metrics, stdout_console())
        stdout_console().print(f"report: {folder / 'report.html'}", markup=False, soft_wrap=True)
        return
    summary = bootstrap.performance_report(workspace_of(context, home), run)
    if as_json:
        print_document(summary)
        return
    show_performance(summary, stdout_console())


def read_metrics(folder: Path) -> dict[str, Any]:
    """The ``metrics.json`` of a folder. Raises ``InputError`` where there is none or it is no JSON object."""
    file = folder / "metrics.json"
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("no such file: name a folder that demo or backtest wrote", source=str(file)) from None
    except OSError as error:
        raise InputError(f"cannot be read: {(error.strerror or '').lower()}", source=str(file)) from error
    except (ValueError, RecursionError) as error:  # bad UTF-8, bad JSON, JSON nested too deep
        raise InputError(f"is not JSON: {error}", source=str(file)) from None
    if not isinstance(document, dict):
        raise InputError("holds no JSON object", source=str(file))
    return document
