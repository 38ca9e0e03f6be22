"""Claims and verdicts as tables for people, and as the files a run leaves behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from lightning_gex.app.cli.console import print_table
from lightning_gex.app.cli.documents import json_text
from lightning_gex.app.cli.render import titled_table
from lightning_gex.evaluation.falsification import Finding, Verdict
from lightning_gex.evaluation.falsification_section import (
    falsification_html,
    falsification_tables,
    interval_words,
    number,
    tally_words,
)
from lightning_gex.evaluation.report_files import ReportFiles

if TYPE_CHECKING:
    from lightning_gex.app.assembly.falsify import FalsifiedClaims

_STYLES = {Verdict.SUPPORTED: "green", Verdict.CONTRADICTED: "red", Verdict.UNDERPOWERED: "yellow"}


def falsified_files(done: FalsifiedClaims) -> dict[str, bytes]:
    """Page, image, document and tables of a run."""
    from lightning_gex.evaluation.falsification_image import falsification_png

    page = falsification_html(done.found, registered_at=done.registered_at.isoformat(), notes=done.notes)
    document = json_text(done.to_json_dict())
    report = ReportFiles(
        kind="falsify",
        title=f"Claims about dealers' gamma: {done.found.ticker}",
        page=("falsification.html", page),
        figures=json.loads(document),
        tables=falsification_tables(done.found),
        images={"falsification.png": falsification_png(done.found)},
    )
    return {**report.contents(), "falsification.json": document.encode()}


def show_falsified(done: FalsifiedClaims, console: Console) -> None:
    """Print one table a period, and where the hypotheses are on record."""
    for period in done.found.periods:
        table = titled_table(
            tally_words(done.found, period),
            "Claim",
            "Verdict",
            "n",
            "Effect",
            "95% interval",
            "q",
            "Power",
            "Detectable",
        )
        for finding in done.found.of(period):
            table.add_row(*_cells(finding))
        console.print()
        print_table(table, console)
    console.print()
    console.print(
        f"hypotheses {done.found.registry_hash[:16]} on record since {done.registered_at.isoformat()} "
        f"as run {done.run_id}",
        markup=False,
        soft_wrap=True,
    )


def _cells(finding: Finding) -> tuple[str | Text, ...]:
    word = Text(finding.verdict.value, style=_STYLES.get(finding.verdict, ""))
    found = finding.measured
    if found is None:
        return finding.hypothesis.name, word, "", "", finding.why, "", "", ""
    return (
        finding.hypothesis.name,
        word,
        f"{found.count:,}",
        number(found.effect),
        interval_words(found),
        number(finding.q_value),
        f"{finding.power:.0%}",
        number(finding.detectable),
    )
