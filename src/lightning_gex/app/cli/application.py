"""The command line as a whole: its name, its options for all commands, its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from lightning_gex.app.cli import (
    commands_agents,
    commands_alerts,
    commands_analyze,
    commands_audit,
    commands_backtest,
    commands_backup,
    commands_check_data,
    commands_demo,
    commands_doctor,
    commands_evaluate,
    commands_falsify,
    commands_flow,
    commands_gex,
    commands_halt,
    commands_history,
    commands_memory,
    commands_migrate,
    commands_paper,
    commands_probe,
    commands_report,
    commands_scan,
    commands_simulate,
    commands_sweep,
    commands_train,
    commands_vault,
)
from lightning_gex.app.cli.options import HomeOption
from lightning_gex.core.version import __version__

application = typer.Typer(
    name="lightning",
    help="Decide on US stocks and options, and say why.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich alone would take half of the time that help may take
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 fault of the program, 2 usage or setting, 3 input, 4 secret, 5 workspace, "
    "6 altered record, 7 live source, 8 refused, 9 missing extra, 10 doctor: not ready, 130 interrupted.",
)
application.command("demo")(commands_demo.demo)
application.command("analyze")(commands_analyze.analyze)
application.command("gex")(commands_gex.gex)
application.command("scan")(commands_scan.scan)
application.command("backtest")(commands_backtest.backtest)
application.command("evaluate")(commands_evaluate.evaluate)
application.command("ablate")(commands_evaluate.ablate)
application.command("sweep")(commands_sweep.sweep)
application.command("check-data")(commands_check_data.check_data)
application.command("probe")(commands_probe.probe)
application.command("falsify")(commands_falsify.falsify)
application.add_typer(commands_history.history)
application.add_typer(commands_flow.flow)
application.add_typer(commands_memory.memory)
application.add_typer(commands_migrate.migrate)
application.command("agents")(commands_agents.agents)
application.command("train")(commands_train.train)
application.command("promote")(commands_train.promote)
application.command("simulate")(commands_simulate.simulate)
application.command("report")(commands_report.report)
application.command("paper")(commands_paper.paper)
application.command("halt")(commands_halt.halt)
application.command("resume")(commands_halt.resume)
application.command("breakers")(commands_halt.breakers)
application.add_typer(commands_audit.audit, name="audit")
application.add_typer(commands_vault.vault, name="vault")
application.add_typer(commands_alerts.alerts, name="alerts")
application.command("backup")(commands_backup.backup)
application.command("restore")(commands_backup.restore)
application.command("doctor")(commands_doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lightning-gex {__version__}")
        raise typer.Exit


@application.callback(invoke_without_command=True)
def _for_all_commands(
    context: typer.Context,
    home: HomeOption = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = home
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
