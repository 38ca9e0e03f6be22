"""The journal for people: whole files, honest numbers, no formulas."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders_events import AT, marked, some_events
from lightning_gex.adapters.storage.codec import decode
from lightning_gex.adapters.storage.export import ExportFormat, export_audit, spreadsheet_safe
from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import Action, DecisionStatus, Direction
from lightning_gex.core.errors import SettingsError, StoreError
from lightning_gex.core.events import DecisionMade, Event, WeightChanged
from lightning_gex.core.ports import JournalRecord


def _records(events: list[Event]) -> Iterator[JournalRecord]:
    for number, event in enumerate(events, start=1):
        yield JournalRecord(number, "=run", event, f"{number:064x}")


def _decision(ticker: str) -> DecisionMade:
    nan = math.nan
    decision = Decision(
        "d1", ticker, AT, DecisionStatus.NO_SIGNAL, Action.HOLD, Direction.NEUTRAL, 0, nan, nan, nan, nan, 7, 0.0, None,
        "nothing to go on", None, (), (),
    )  # fmt: skip
    return DecisionMade(AT, decision)


def test_json_is_one_array_whose_events_can_be_read_back(tmp_path: Path) -> None:
    events = [*some_events(), _decision("SPY")]
    assert export_audit(_records(events), tmp_path / "audit.json") == len(events)
    rows = json.loads((tmp_path / "audit.json").read_text(), parse_constant=pytest.fail)
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["kind"] for row in rows] == [event.kind for event in events]
    assert [row["ticker"] for row in rows] == [None] * 5 + ["SPY"]
    assert rows[1]["at"] == "2024-03-01T21:00:00.123456Z"
    assert rows[5]["event"]["decision"]["entry_price"] is None
    assert decode(json.dumps(rows[1]["event"])) == events[1]


def test_no_records_make_an_empty_array_and_a_bare_header(tmp_path: Path) -> None:
    assert export_audit([], tmp_path / "audit.json") == 0
    assert json.loads((tmp_path / "audit.json").read_text()) == []
    export_audit([], tmp_path / "audit.csv")
    assert (tmp_path / "audit.csv").read_bytes() == b"sequence,run_id,at,kind,ticker,payload,digest\r\n"


def test_csv_has_a_row_an_event_and_runs_no_formula(tmp_path: Path) -> None:
    events: list[Event] = [_decision("@SUM(A1)"), WeightChanged(AT, "a", 0.5, 'two\nlines, "quoted"')]
    export_audit(_records(events), tmp_path / "audit.txt", ExportFormat.CSV)
    with (tmp_path / "audit.txt").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["run_id"], row["ticker"]) for row in rows] == [("'=run", "'@SUM(A1)"), ("'=run", "")]
    assert decode(rows[1]["payload"]) == events[1]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_a_text_that_would_run_gets_an_apostrophe(text: str) -> None:
    assert spreadsheet_safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "SPY", "1-2", "a=b"])
def test_any_other_text_stays(text: str) -> None:
    assert spreadsheet_safe(text) == text


def test_the_name_of_the_file_chooses_the_format_and_another_is_refused(tmp_path: Path) -> None:
    assert ExportFormat.of(Path("x/audit_2024_01.JSON")) is ExportFormat.JSON
    for attempt in (
        lambda: export_audit([], tmp_path / "audit.xlsx"),
        lambda: export_audit([], tmp_path / "audit.json", "xml"),
    ):
        with pytest.raises(SettingsError):
            attempt()
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_breaks_half_way_leaves_the_old_export(tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    path.write_text("old")

    def breaking() -> Iterator[JournalRecord]:
        yield JournalRecord(1, "r", marked(), "0" * 64)
        raise StoreError("the disk went away")

    with pytest.raises(StoreError):
        export_audit(breaking(), path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["audit.json"]
