"""An old system and this one side by side on paper and on history, and the stages in which the capital goes over."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from builders_founding import MONDAY, ask, open_system
from lightning_gex.app.assembly.jobs import InputFiles
from lightning_gex.app.assembly.migration import (
    OldTradesFile,
    advance_transition,
    compare_on_history,
    compare_on_paper,
    old_workspace,
    paper_side_by_side,
    step_back,
    transition_standing,
)
from lightning_gex.app.assembly.paper import PaperRequest, paper_trade
from lightning_gex.app.assembly.paper_record import paper_record
from lightning_gex.app.assembly.transition import transition_in
from lightning_gex.app.assembly.variants import Subject
from lightning_gex.app.assembly.wiring import Stores
from lightning_gex.app.cli import main
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import DecisionStatus
from lightning_gex.core.errors import InputError, RefusedError
from lightning_gex.core.transition import Stage
from paper_days import CLOCK, LEARNT, TICKERS, all_bars, bars_file, quiet, start_of

LIVED = 25  # sessions traded by both on paper
TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def bars() -> list[Bars]:
    return all_bars()


@pytest.fixture(scope="module")
def files(bars: list[Bars], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bars of two lengths and a flow whose sign keeps changing, so that the old system trades."""
    folder = tmp_path_factory.mktemp("files")
    for count in (LEARNT + 5, LEARNT + 12, LEARNT + LIVED):
        bars_file(folder / f"bars-{count}.csv", bars, count)
    session = bars[0].session
    draw = np.random.default_rng(3)
    gex = 3e9 * np.sin(np.arange(len(session)) / 4.0) + 1e9 * draw.standard_normal(len(session))
    dix = 0.42 + 0.05 * draw.standard_normal(len(session)).clip(-2, 2)
    pl.DataFrame({"date": session.astype(str), "dix": dix, "gex": gex}).write_csv(folder / "flow.csv")
    return folder


def inputs(files: Path, count: int = LEARNT + LIVED) -> InputFiles:
    return InputFiles(files / f"bars-{count}.csv", files / "flow.csv")


@pytest.fixture(scope="module")
def start(bars: list[Bars]) -> date:
    return start_of(bars)


@pytest.fixture(scope="module")
def begun(files: Path, start: date, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the transition began and both systems lived through some sessions.

    In three calls, of which the second ended between the two systems.
    """
    home = tmp_path_factory.mktemp("migration") / "home"
    workspace = Workspace.open(home)
    advance_transition(workspace, by="me", reason="let us see")
    begin = PaperRequest(inputs(files, LEARNT + 5), TICKERS, start)
    paper_side_by_side(workspace, begin, progress=quiet, clock=CLOCK)
    paper_trade(workspace, PaperRequest(inputs(files, LEARNT + 12)), progress=quiet, clock=CLOCK)
    paper_side_by_side(workspace, PaperRequest(inputs(files)), progress=quiet, clock=CLOCK)
    return home


@pytest.fixture
def home(begun: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(begun, tmp_path / "home"))


def record_of(workspace: Workspace):
    stores = Stores.open(workspace)
    try:
        with stores.journal("look") as journal:
            journal.verify()
            return paper_record(journal, with_reasons=True), transition_in(journal)
    finally:
        stores.engine.dispose()


def test_both_live_through_the_same_sessions_each_in_a_journal_of_its_own(begun):
    workspace = Workspace.open(begun)
    (new, transition), (old, none) = record_of(workspace), record_of(old_workspace(workspace))
    assert list(new.sessions) == list(old.sessions)
    assert len(new.sessions) == LIVED
    assert old.trades or any(d.status is DecisionStatus.APPROVED for d in old.decisions)
    assert transition.stage is Stage.PARALLEL
    assert none.stage is None


def test_trades_of_a_file_stand_in_for_the_old_system_on_paper(home, files, bars, tmp_path):
    session = bars[1].session[LEARNT:]
    rows = f"AAA,{session[3]},{session[8]},long,100\nAAA,{session[15]},,long,100\n"
    (tmp_path / "old.csv").write_text(f"ticker,entry_date,exit_date,direction,quantity\n{rows}")
    found = compare_on_paper(Workspace.open(home), inputs(files), old=OldTradesFile(tmp_path / "old.csv"))
    assert found.found.old.metrics.trades == 2
    assert len(found.found.sessions) == LIVED
    assert found.figures.old == "trades of old.csv"


def test_the_comparison_on_paper_is_paired_by_session_and_put_on_record(home, files):
    workspace = Workspace.open(home)
    found = compare_on_paper(workspace, inputs(files))
    side = found.found
    assert len(side.sessions) == LIVED
    agreed = side.agreement
    assert agreed.cells == agreed.both + agreed.opposite + agreed.only_new + agreed.only_old + agreed.neither
    assert side.mixes[0].equity == pytest.approx(side.old.run.equity / side.old.run.initial_capital * 100_000)
    low, high = side.total_interval
    assert low <= side.total_difference <= high
    evidence = transition_standing(workspace).evidence
    assert evidence.paper is not None
    assert (evidence.paper.sessions, evidence.paper.end) == (LIVED, str(side.sessions[-1]))


def test_advance_names_everything_that_is_not_met_and_only_a_person_goes_past_it(home):
    workspace = Workspace.open(home)
    missing = transition_standing(workspace).unmet
    assert {"history", "probe", "paper_compared"} <= set(missing)
    with pytest.raises(RefusedError, match="history: none yet") as refused:
        advance_transition(workspace, by="me", reason="now")
    assert all(name in str(refused.value) for name in missing)
    with pytest.raises(RefusedError):
        advance_transition(workspace, by="me", reason="now", override=missing[:-1])
    with pytest.raises(InputError, match="no requirement is called 'haste'"):
        advance_transition(workspace, by="me", reason="now", override=("haste",))
    with pytest.raises(InputError, match="who moves the capital"):
        advance_transition(workspace, by="me", reason=" ", override=missing)
    change, _ = advance_transition(workspace, by="me", reason="a small account", override=missing)
    assert (change.after, change.overridden) == (Stage.QUARTER, missing)
    assert transition_standing(workspace).transition.changes[-1] == change


def test_a_quarter_of_the_capital_takes_a_quarter_of_every_size_on_paper(home, files, bars, tmp_path):
    workspace = Workspace.open(home)
    advance_transition(workspace, by="me", reason="r", override=transition_standing(workspace).unmet)
    whole, _ = record_of(workspace)
    grown = InputFiles(bars_file(tmp_path / "more.csv", bars, LEARNT + LIVED + 30), files / "flow.csv")
    paper_side_by_side(workspace, PaperRequest(grown), progress=quiet, clock=CLOCK)
    record, transition = record_of(workspace)
    later = [d for d in record.decisions[len(whole.decisions) :] if d.caps]
    assert later
    for decision in later:
        (cap,) = (c for c in decision.caps if c.name == "transition")
        assert decision.size_pct <= cap.size_pct
        assert cap.size_pct <= 0.25 * 0.15
    assert transition.stage is Stage.QUARTER


def test_the_founding_classes_go_by_the_stage_from_their_next_session_on(tmp_path):
    workspace = Workspace.open(tmp_path / "home")

    def share(decision) -> set[str]:
        return {cap["name"] for cap in decision["caps"]} & {"transition"}

    with open_system(tmp_path / "home") as (system, _):
        whole = ask(system, as_of=MONDAY)
        advance_transition(workspace, by="me", reason="begin")
        advance_transition(workspace, by="me", reason="r", override=transition_standing(workspace).unmet)
        assert share(ask(system, "MSFT", as_of=MONDAY)) == set()  # the session that is open goes on as it began
        part = ask(system, "NVDA", as_of=MONDAY + timedelta(days=1))
    assert share(part) == {"transition"}
    assert part["position_size_pct"] == pytest.approx(0.25 * whole["position_size_pct"])
    assert part["binding_cap"] == "transition"


def test_people_read_tables_and_programs_are_told_what_does_not_fit(home, files, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    ask_for = ["--bars", str(files / f"bars-{LEARNT + LIVED}.csv"), "--flow", str(files / "flow.csv")]
    out = ["--out", str(tmp_path / "o"), "--home", str(home)]
    assert main(["migrate", "compare", "--paper", *ask_for, *out]) == 0
    shown = capsys.readouterr().out
    for words in ("Both systems", "New less old", "only the old one entered", "The capital split between them"):
        assert words in shown
    assert main(["migrate", "status", "--home", str(home)]) == 0
    shown = capsys.readouterr().out
    assert "both side by side, no capital" in shown
    assert "paper_compared" in shown
    assert main(["migrate", "compare", "--paper", *ask_for, "--ticker", "AAA", *out]) == 2
    assert main(["migrate", "compare", "--costs-included", *ask_for, "--ticker", "AAA", *out]) == 2


def test_back_asks_for_nothing_and_paper_is_whole_again(home):
    workspace = Workspace.open(home)
    for _ in range(2):
        advance_transition(workspace, by="me", reason="r", override=transition_standing(workspace).unmet)
    assert step_back(workspace, by="me", reason="a bad week", to=Stage.PARALLEL).after is Stage.PARALLEL
    with pytest.raises(RefusedError, match="first stage"):
        step_back(workspace, by="me", reason="again")
    assert transition_standing(workspace).evidence.stage_sessions == 0  # the stage begins again


@pytest.mark.parametrize("step", [1, 2])
def test_an_advance_that_is_killed_is_made_or_not_made_and_nothing_between(home, step):
    program = [sys.executable, str(TESTS / "stage_kills.py"), str(home), str(step)]
    killed = subprocess.run(program, cwd=TESTS, check=False, capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    workspace = Workspace.open(home)
    record, transition = record_of(workspace)
    assert transition.stage is (Stage.PARALLEL if step == 1 else Stage.QUARTER)
    assert len(record.sessions) == LIVED
    change, _ = advance_transition(workspace, by="me", reason="again", override=transition_standing(workspace).unmet)
    assert change.before is transition.stage


def test_trades_of_a_file_stand_in_for_the_old_system_on_history(tmp_path, files, bars, start):
    session = bars[1].session[LEARNT:]
    (tmp_path / "old.csv").write_text(
        "ticker,entry_date,exit_date,direction,quantity\n"
        f"AAA,{session[2]},{session[7]},long,100\nAAA,{session[12]},{session[15]},short,50\n"
    )
    subject = Subject(inputs(files), ("AAA",), start=start)
    workspace = Workspace.open(tmp_path / "home")
    found = compare_on_history(workspace, subject, old=OldTradesFile(tmp_path / "old.csv"), progress=quiet)
    assert found.found.old.metrics.trades == 2
    assert found.found.new.run.cost_bp_per_side == found.found.old.run.cost_bp_per_side
    assert list(found.found.new.run.sessions) == list(found.found.old.run.sessions)
    kept = transition_standing(workspace).evidence.history
    assert (kept.sessions, kept.old_trades) == (LIVED, 2)


def test_the_command_compares_tells_and_moves(tmp_path, files, start, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = ("--home", str(tmp_path / "home"))
    ask = ("--bars", str(files / f"bars-{LEARNT + LIVED}.csv"), "--flow", str(files / "flow.csv"))
    assert (
        main(["migrate", "compare", *ask, "--ticker", "AAA", "--start", str(start), "--out", "o", "--json", *home]) == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert document["sessions"] == LIVED
    report = json.loads(Path("o/report.json").read_text())
    assert report["kind"] == "migrate"
    for table in report["tables"].values():
        assert pl.read_parquet(Path("o") / table["file"]).height == table["rows"]
    growth = pl.read_parquet("o/tables/growth.parquet")
    assert growth["difference"].sum() == pytest.approx(document["total_difference"])
    assert main(["migrate", "status", "--json", *home]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["stage"], status["next_stage"], status["ready"]) == (None, "parallel", True)
    assert main(["migrate", "advance", "--reason", "begin", "--by", "me", *home]) == 0
    assert main(["migrate", "advance", "--reason", "go on", "--by", "me", *home]) == 8
    assert "paper_sessions" in capsys.readouterr().err
    assert main(["migrate", "back", "--to", "25", "--reason", "r", *home]) == 8
    assert main(["migrate", "back", "--to", "some", "--reason", "r", *home]) == 2
