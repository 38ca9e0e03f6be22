"""``lightning audit``: checked, shown and exported, filtered by time, ticker, kind and run."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import update

from account_runs import at_open, placed
from builders_events import marked
from lightning_gex.adapters.storage.database import writing
from lightning_gex.adapters.storage.schema import JOURNAL
from lightning_gex.app.assembly.wiring import Stores
from lightning_gex.app.cli import main
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.enums import RunMode
from lightning_gex.core.events import AuditNoted, RunStarted

AT = at_open()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace with a live run and a backtest on record, ten records in all."""
    workspace = Workspace.open(tmp_path / "home")
    stores = Stores.open(workspace)
    with stores.journal("live-1") as live:
        live.append([RunStarted(AT, RunMode.LIVE, Decimal(1), {})])
        for number, ticker in enumerate(("SPY", "QQQ", "SPY")):
            live.append([placed(f"o{number}", ticker, 1, 100.0, AT + timedelta(days=number))])
        live.append([AuditNoted(AT + timedelta(days=3), "=HYPERLINK(x)", {"cell": "@SUM(A1)"})])
    with stores.journal("backtest-1") as simulated:
        simulated.append([RunStarted(AT, RunMode.BACKTEST, Decimal(1), {}), *(marked(k) for k in range(4))])
    stores.engine.dispose()
    return workspace.home


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_verify_counts_what_there_is_and_names_what_was_altered(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "audit", "verify", "--home", str(home))
    assert (found["sound"], found["records"], found["runs"], found["seals"]) == (True, 10, 2, None)
    engine = Stores.open(Workspace.open(home)).engine
    with writing(engine) as connection:
        connection.execute(update(JOURNAL).where(JOURNAL.c.sequence == 7).values(at="2020-01-01T00:00:00.000000Z"))
    engine.dispose()
    assert main(["audit", "verify", "--home", str(home)]) == 6
    assert "record 7 was altered" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sequences"),
    [
        ([], [1, 2, 3, 4, 5]),
        (["--backtests", "-n", "3"], [8, 9, 10]),
        (["--ticker", "SPY"], [2, 4]),
        (["--ticker", "SPY", "--ticker", "QQQ", "--count", "2"], [3, 4]),
        (["--kind", "audit_noted"], [5]),
        (["--run", "backtest-1", "--kind", "run_started"], [6]),
        (["--since", "2024-03-02", "--until", "2024-03-03T15:00:01Z"], [3, 4]),
        (["--since", "2024-03-03T15:00:00+00:00"], [4, 5]),
    ],
)
def test_tail_shows_what_was_asked_for(
    home: Path, capsys: pytest.CaptureFixture[str], options: list[str], sequences: list[int]
) -> None:
    found = asked(capsys, "audit", "tail", "--home", str(home), *options)
    assert [record["sequence"] for record in found["records"]] == sequences


@pytest.mark.parametrize("wrong", [["--kind", "x"], ["--since", "yesterday"], ["--count", "0"]])
def test_what_cannot_be_asked_is_a_usage_error(home: Path, wrong: list[str]) -> None:
    assert main(["audit", "tail", "--home", str(home), *wrong]) == 2


def test_lines_are_one_a_record(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "tail", "--home", str(home)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[1].split()[2:4] == ["order_placed", "ticker=SPY"]


def test_an_export_runs_nothing_in_a_spreadsheet_and_goes_on_record(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "audit.csv"
    assert asked(capsys, "audit", "export", str(target), "--home", str(home))["records"] == 6  # its own note among them
    with target.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:]] == ["1", "2", "3", "4", "5", "11"]
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    json_file = tmp_path / "audit.json"
    asked(capsys, "audit", "export", str(json_file), "--home", str(home), "--kind", "order_placed")
    assert [r["ticker"] for r in json.loads(json_file.read_text())] == ["SPY", "QQQ", "SPY"]
