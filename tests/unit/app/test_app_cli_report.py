"""Reports are found again: the newest is opened, all are listed, and where no browser is, the path is said."""

from __future__ import annotations

import json
import webbrowser
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from lightning_gex.app.assembly.report_register import register_report, registered_reports, report_document, report_in
from lightning_gex.app.cli import main
from lightning_gex.app.cli.output import write_report
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError
from lightning_gex.evaluation.report_files import ReportFiles

AT = datetime(2024, 3, 1, 21, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "home")


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """What the browser was asked to show."""
    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: asked.append(url) or True)
    return asked


def written(workspace: Workspace, folder: Path, title: str = "one") -> Path:
    files = ReportFiles("backtest", title, ("report.html", "<html></html>"), {})
    write_report(workspace, folder, files.contents())
    return folder


def answer(capsys, workspace: Workspace, *arguments: str, code: int = 0):
    assert main(["report", *arguments, "--home", str(workspace.home)]) == code
    return capsys.readouterr()


def test_the_newest_report_is_opened_and_a_named_one_instead(workspace, tmp_path, capsys, opened):
    first, second = written(workspace, tmp_path / "a"), written(workspace, tmp_path / "b", "two")
    answer(capsys, workspace, "--open")
    answer(capsys, workspace, str(first), "--open")
    assert opened == [(second / "report.html").as_uri(), (first / "report.html").as_uri()]


def test_as_json_it_says_where_the_page_is_and_that_it_was_opened(workspace, tmp_path, capsys, opened):
    folder = written(workspace, tmp_path / "a")
    found = json.loads(answer(capsys, workspace, "--open", "--json").out)
    assert found["page"] == str(folder / "report.html")
    assert found["opened"] is True


@pytest.mark.parametrize("broken", ["none", "error"])
def test_without_a_browser_the_path_is_said_and_the_code_is_refused(workspace, tmp_path, capsys, monkeypatch, broken):
    folder = written(workspace, tmp_path / "a")

    def no_browser(url: str) -> bool:
        if broken == "error":
            raise webbrowser.Error("could not locate runnable browser")
        return False

    monkeypatch.setattr(webbrowser, "open", no_browser)
    assert str(folder / "report.html") in answer(capsys, workspace, "--open", code=8).err
    error = json.loads(answer(capsys, workspace, "--open", "--json", code=8).out)["error"]
    assert str(folder / "report.html") in error["message"]


def test_a_report_whose_page_is_gone_is_listed_as_gone_and_passed_over(workspace, tmp_path, capsys, opened):
    first, second = written(workspace, tmp_path / "a"), written(workspace, tmp_path / "b")
    (second / "report.html").unlink()
    listed = json.loads(answer(capsys, workspace, "--list", "--json").out)
    assert [one["there"] for one in listed["reports"]] == [True, False]
    assert listed["runs"] == []
    assert "gone" in answer(capsys, workspace, "--list").out
    answer(capsys, workspace, "--open")
    assert opened == [(first / "report.html").as_uri()]


def test_of_a_report_of_several_runs_its_tables_are_listed_and_its_figures_printed(workspace, tmp_path, capsys):
    table = pl.DataFrame({"variant": ["everything"]})
    files = ReportFiles("ablate", "Ablation: A", ("ablation.html", ""), {"trials": 12}, {"variants": table})
    write_report(workspace, tmp_path / "a", files.contents())
    shown = answer(capsys, workspace, str(tmp_path / "a")).out
    assert "tables/variants.parquet" in shown
    assert str(tmp_path / "a" / "ablation.html") in shown
    assert json.loads(answer(capsys, workspace, str(tmp_path / "a"), "--json").out) == {"trials": 12}


def test_before_the_first_report_there_is_nothing_to_open(workspace, capsys, opened):
    assert "no report was written yet" in answer(capsys, workspace, "--open", code=3).err
    assert opened == []


@pytest.mark.parametrize("arguments", [("--open", "--list"), ("--open", "--run", "x"), ("--list", "--run", "x")])
def test_two_wishes_at_once_are_refused(workspace, capsys, arguments):
    answer(capsys, workspace, *arguments, code=2)


def test_a_folder_written_again_is_registered_once_and_last(workspace, tmp_path):
    for folder in ("a", "b", "a"):
        written(workspace, tmp_path / folder)
    assert [Path(one.folder).name for one in registered_reports(workspace)] == ["b", "a"]


def test_the_register_forgets_the_oldest_beyond_two_hundred(workspace, tmp_path):
    for k in range(203):
        folder = tmp_path / f"r{k}"
        folder.mkdir()
        (folder / "report.json").write_bytes(
            ReportFiles("demo", str(k), ("report.html", ""), {}).contents()["report.json"]
        )
        register_report(workspace, folder, at=AT)
    assert [one.title for one in registered_reports(workspace)] == [str(k) for k in range(3, 203)]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": "other"}', '{"format": "lightning-gex report 1"}',
     '{"format": "lightning-gex report 1", "page": "../x.html", "kind": "k", "title": "t"}'],
)  # fmt: skip
def test_what_is_no_report_is_refused_by_its_file(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(InputError, match=r"report\.json"):
        report_in(tmp_path)


def test_a_register_that_is_none_is_refused_and_says_what_to_do(workspace, tmp_path):
    written(workspace, tmp_path / "a")
    (workspace.reports / "reports.json").write_text('[{"folder": 1}]')
    with pytest.raises(InputError, match="remove it"):
        registered_reports(workspace)


def test_a_registered_report_is_what_its_document_says(workspace, tmp_path):
    folder = written(workspace, tmp_path / "a", "Δ")
    (one,) = registered_reports(workspace)
    document = report_document(folder)
    assert asdict(one) | {"written_at": ""} == {
        "folder": str(folder), "page": document["page"], "kind": "backtest", "title": "Δ", "written_at": "",
    }  # fmt: skip
