"""``lightning report``: what a run of the journal, or a folder of a report, amounts to; and where reports lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import HomeOption, JsonOption, workspace_of
from lightning_gex.core.errors import InputError, RefusedError, SettingsError

if TYPE_CHECKING:
    from lightning_gex.app.assembly.report_register import RegisteredReport
    from lightning_gex.app.workspace import Workspace

_MOST_RUNS = 40  # that a table of them shows


@guarded
def report(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(
            readable=False, metavar="[DIR]", help="Folder that a command wrote a report into (default: the journal)."
        ),
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="Run of the journal (default: the latest).")
    ] = None,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the report of DIR, or the newest one, in the browser.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the reports that were written and the runs.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how a run went: the latest of the journal, a named one, or the folder of a report; or open a report."""
    if folder is not None and run is not None:
        raise SettingsError("name a folder or --run ID, not both")
    if open_page and (listed or run is not None):
        raise SettingsError("--open opens a report: name its folder or nothing beside it")
    if listed and (folder is not None or run is not None):
        raise SettingsError("--list lists everything: name nothing beside it")
    if open_page:
        _open(workspace_of(context, home), folder, as_json=as_json)
    elif listed:
        _list(workspace_of(context, home), as_json=as_json)
    elif folder is not None:
        _show_folder(folder, as_json=as_json)
    else:
        _show_run(workspace_of(context, home), run, as_json=as_json)


def _show_folder(folder: Path, *, as_json: bool) -> None:
    from lightning_gex.app.cli.console import show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render import show_metrics

    if (folder / "report.json").exists() and not (folder / "metrics.json").exists():
        _show_report(folder, as_json=as_json)  # of several runs, with figures of its own kind
        return
    metrics = read_metrics(folder)
    if as_json:
        print_document(metrics)
        return
    notes = metrics.get("notes")
    show_notes([str(note) for note in notes] if isinstance(notes, list) else (), stderr_console())
    show_metrics(metrics, stdout_console())
    stdout_console().print(f"report: {folder / 'report.html'}", markup=False, soft_wrap=True)


def _show_report(folder: Path, *, as_json: bool) -> None:
    """What a report of several runs consists of, or its figures."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render import titled_table

    found = bootstrap.report_in(folder)
    document = bootstrap.report_document(folder)
    if as_json:
        figures = document.get("figures")
        print_document(figures if isinstance(figures, dict) else {})
        return
    table = titled_table(f"{found.title} ({found.kind})", "Table", "Rows", "File")
    tables = document.get("tables")
    for name, listed in tables.items() if isinstance(tables, dict) else ():
        known = listed if isinstance(listed, dict) else {}
        table.add_row(str(name), str(known.get("rows", "n/a")), str(known.get("file", "n/a")))
    stdout_console().print(table)
    stdout_console().print(f"report: {found.path}", markup=False, soft_wrap=True)


def _show_run(workspace: Workspace, run: str | None, *, as_json: bool) -> None:
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render import show_performance

    summary = bootstrap.performance_report(workspace, run)
    if as_json:
        print_document(summary)
        return
    show_performance(summary, stdout_console())


def _open(workspace: Workspace, folder: Path | None, *, as_json: bool) -> None:
    """Open a page. Raises ``RefusedError`` with its path where no browser can."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import print_document

    found: RegisteredReport = bootstrap.report_in(folder) if folder is not None else _newest(workspace)
    if not found.there:
        raise InputError("no such page: let the command write the report again", source=str(found.path))
    if not in_browser(found.path):
        raise RefusedError(f"no browser could be opened here: open {found.path} yourself")
    if as_json:
        print_document({**_document(found), "opened": True})
        return
    stdout_console().print(f"opened {found.path}", markup=False, soft_wrap=True)


def in_browser(page: Path) -> bool:
    """Ask the system's browser to show a page; False where there is none."""
    import webbrowser

    try:
        return webbrowser.open(page.absolute().as_uri())
    except (webbrowser.Error, OSError):
        return False


def _newest(workspace: Workspace) -> RegisteredReport:
    from lightning_gex.app import bootstrap

    there = [one for one in bootstrap.registered_reports(workspace) if one.there]
    if not there:
        raise InputError("no report was written yet: try lightning demo", source=str(workspace.reports))
    newest: RegisteredReport = there[-1]
    return newest


def _list(workspace: Workspace, *, as_json: bool) -> None:
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render import titled_table

    reports, runs = bootstrap.registered_reports(workspace), bootstrap.journal_runs(workspace)
    if as_json:
        print_document({"reports": [_document(one) for one in reports], "runs": runs})
        return
    console = stdout_console()
    table = titled_table("Reports, oldest first", "Written", "By", "Title", "Page", "")
    for one in reports:
        table.add_row(one.written_at, one.kind, one.title, str(one.path), "" if one.there else "gone")
    console.print(table)
    console.print()
    last = runs[-_MOST_RUNS:]
    title = "Runs of the journal, oldest first"
    if len(last) < len(runs):
        title = f"The last {len(last)} of {len(runs):,} runs of the journal, oldest first"
    table = titled_table(title, "Run", "Mode", "Begins with", "Records")
    for run in last:
        table.add_row(run["run_id"], run["mode"] or "n/a", run["started_at"] or "n/a", f"{run['records']:,}")
    console.print(table)


def _document(one: RegisteredReport) -> dict[str, object]:
    return {
        "folder": one.folder,
        "page": str(one.path),
        "kind": one.kind,
        "title": one.title,
        "written_at": one.written_at or None,
        "there": one.there,
    }


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
