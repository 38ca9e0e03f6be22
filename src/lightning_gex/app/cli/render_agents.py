"""The agents on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from lightning_gex.app.assembly.agents import AgentReport
from lightning_gex.app.cli.render import titled_table


def show_agents(reports: Sequence[AgentReport], console: Console) -> None:
    """One row an agent, its broken rules below each other."""
    table = titled_table("Agents", "agent", "strategy", "from", "weight", "rules")
    for report in reports:
        rules = "\n".join(report.problems) or "kept"
        table.add_row(*map(Text, (report.name, report.strategy, report.origin, f"{report.weight:g}", rules)))
    console.print(table)
