"""``lightning migrate``: an old system and this one side by side, and the stages in which the capital goes over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightning_gex.app.cli.commands_halt import ByOption, login_name
from lightning_gex.app.cli.commands_paper import PaperAsked, paper_document
from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.history_options import HistoryAsked
from lightning_gex.app.cli.options import (
    HomeOption,
    JsonOption,
    command_group,
    folder_named,
    spreads_asked,
    workspace_of,
)
from lightning_gex.core.errors import SettingsError

if TYPE_CHECKING:
    from lightning_gex.app.assembly.migration import Comparison, OldTradesFile, Standing
    from lightning_gex.core.transition import Transition

migrate = command_group("migrate", "Hold an old system against this one, and move the capital over in stages.")

_Out = Annotated[
    Path, typer.Option("--out", parser=folder_named, metavar="DIR", help="Folder for the report and what is behind it.")
]
_OldTrades = Annotated[
    Path | None,
    typer.Option(
        "--old-trades",
        readable=False,
        metavar="FILE",
        help="Trades of the old system: ticker,entry_date,exit_date,direction,quantity or size_pct,entry_price,"
        "exit_price (default: the baseline, options flow alone at a fixed size).",
    ),
]
_CostsIncluded = Annotated[
    bool, typer.Option("--costs-included", help="The prices of --old-trades are net of costs: charge none on top.")
]
_Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; goes on record.")]
_STAGES = {"parallel": "parallel", "25": "quarter", "50": "half", "100": "full"}


@migrate.command("compare")
@guarded
@spreads_asked
def compare(
    context: typer.Context,
    asked: HistoryAsked,
    out: _Out,
    old_trades: _OldTrades = None,
    costs_included: _CostsIncluded = False,
    paper: Annotated[
        bool, typer.Option("--paper", help="Compare the runs on paper instead of running both on history.")
    ] = False,
    share: Annotated[
        float, typer.Option("--share", min=0.01, max=1.0, help="Part of the capital that the new system sizes against.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of bootstrap and placebos.")] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare both systems, on history or as they traded on paper: one report, and a note for the transition."""
    old = _old(old_trades, costs_included=costs_included)
    if paper and (asked.names_what_to_trade or share != 1.0):
        raise SettingsError("--paper compares what was traded on paper: name the files only, not what to trade or when")
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, stderr_console
    from lightning_gex.app.cli.output import check_output_folder

    folder = check_output_folder(out)
    workspace = workspace_of(context, home)
    if paper:
        found = bootstrap.compare_on_paper(workspace, asked.files(), old=old, seed=seed)
        title = "Old against new, on paper"
    else:
        subject = asked.subject()
        progress = BarProgress(stderr_console())
        found = bootstrap.compare_on_history(workspace, subject, old=old, share=share, seed=seed, progress=progress)
        title = f"Old against new: {subject.title}"
    from lightning_gex.app.cli.output import write_report

    write_report(workspace, folder, comparison_files(found, title))
    _show_comparison(found, folder, as_json=as_json)


@migrate.command("paper")
@guarded
@spreads_asked
def paper(
    context: typer.Context,
    asked: PaperAsked,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let both systems live through the new sessions on paper: this one on its account, the old one beside it."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import BarProgress, show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render_paper import show_paper

    both = bootstrap.paper_side_by_side(
        workspace_of(context, home), asked.request(), progress=BarProgress(stderr_console())
    )
    show_notes(both.new.notes, stderr_console())
    if as_json:
        print_document({"new": paper_document(both.new), "old": paper_document(both.old)})
        return
    console = stdout_console()
    for name, outcome in (("new system", both.new), ("old system", both.old)):
        console.print(name, style="bold")
        show_paper(outcome, console)


@migrate.command("status")
@guarded
def status(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say which part of the capital is this system's, and what the next stage asks for."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render_migrate import show_standing

    standing = bootstrap.transition_standing(workspace_of(context, home))
    if as_json:
        print_document(standing_document(standing))
        return
    show_standing(standing, stdout_console())


@migrate.command("advance")
@guarded
def advance(
    context: typer.Context,
    reason: _Reason,
    override: Annotated[
        list[str] | None,
        typer.Option("--override", metavar="NAME", help="Go past a requirement that is not met; repeat for several."),
    ] = None,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter the next stage; refused, by name, while something that it asks for is not met."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render_migrate import show_change

    change, standing = bootstrap.advance_transition(
        workspace_of(context, home), by=by or login_name(), reason=reason, override=tuple(override or ())
    )
    if as_json:
        checklist = [one.to_json_dict() for one in standing.checklist]
        print_document({"at": change.at, **change.detail(), "checklist": checklist})
        return
    show_change(change, stdout_console())


@migrate.command("back")
@guarded
def back(
    context: typer.Context,
    reason: _Reason,
    to: Annotated[
        str | None, typer.Option("--to", metavar="STAGE", help="parallel, 25, 50 or 100 (default: the stage before).")
    ] = None,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go back to an earlier stage, at once and without conditions."""
    stage = None if to is None else _STAGES.get(to.removesuffix("%").strip().lower(), to)
    if stage is not None and stage not in _STAGES.values():
        raise SettingsError(f"--to {to}: no such stage: name {', '.join(_STAGES)}")
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render_migrate import show_change
    from lightning_gex.core.transition import Stage

    change = bootstrap.step_back(
        workspace_of(context, home), by=by or login_name(), reason=reason, to=None if stage is None else Stage(stage)
    )
    if as_json:
        print_document({"at": change.at, **change.detail()})
        return
    show_change(change, stdout_console())


def comparison_files(found: Comparison, title: str) -> dict[str, bytes]:
    """What a comparison leaves behind: page, summary of the new system, figures, and every table."""
    from lightning_gex.evaluation.report_files import ReportFiles
    from lightning_gex.evaluation.side_by_side_section import (
        side_by_side_html,
        side_by_side_tables,
        side_by_side_verdict,
    )
    from lightning_gex.evaluation.summary_image import side_by_side_sheet, summary_images

    html = side_by_side_html(found.found, title=title, source=found.source, notes=found.notes)
    sheet = side_by_side_sheet(found.found, side_by_side_verdict(found.found), title=title)
    tables = side_by_side_tables(found.found)
    images = summary_images(sheet)
    document = found.to_json_dict()
    return ReportFiles("migrate", title, ("report.html", html), document, tables, images=images).contents()


def standing_document(standing: Standing) -> dict[str, object]:
    """What ``migrate status --json`` prints."""
    stage = standing.transition.stage
    since = standing.transition.since
    return {
        "stage": None if stage is None else stage.value,
        "share": None if stage is None else stage.share,
        "since": None if since is None else since.at,
        "by": None if since is None else since.by,
        "reason": None if since is None else since.reason,
        "next_stage": None if standing.target is None else standing.target.value,
        "next_share": None if standing.target is None else standing.target.share,
        "ready": standing.target is not None and not standing.unmet,
        "checklist": [one.to_json_dict() for one in standing.checklist],
        "changes": changes_document(standing.transition),
    }


def changes_document(transition: Transition) -> list[dict[str, object]]:
    """Every step of a transition, oldest first."""
    return [{"at": change.at, **change.detail()} for change in transition.changes]


def _old(path: Path | None, *, costs_included: bool) -> OldTradesFile | None:
    if path is None:
        if costs_included:
            raise SettingsError("--costs-included says something of --old-trades FILE: name one")
        return None
    from lightning_gex.app import bootstrap

    file: OldTradesFile = bootstrap.OldTradesFile(path, costs_included)
    return file


def _show_comparison(found: Comparison, folder: Path, *, as_json: bool) -> None:
    from lightning_gex.app.cli.console import show_notes, stderr_console, stdout_console
    from lightning_gex.app.cli.documents import print_document
    from lightning_gex.app.cli.render import show_verdict
    from lightning_gex.app.cli.render_migrate import show_comparison
    from lightning_gex.evaluation.side_by_side_section import side_by_side_verdict

    show_notes(found.notes, stderr_console())
    if as_json:
        print_document({**found.to_json_dict(), "report": str(folder / "report.html")})
        return
    console = stdout_console()
    told = side_by_side_verdict(found.found)
    show_verdict(told.title, told.sentences, console)
    show_comparison(found.found, console)
    console.print(f"report written to {folder / 'report.html'}", markup=False, soft_wrap=True)
