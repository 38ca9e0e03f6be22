"""Paper trading goes on over days, restarts and kills, and is a backtest of the same sessions in every field."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from builders_engine import assert_same_decisions, assert_same_trades, without_rows
from lightning_gex.app.assembly.control import halt_trading, resume_trading
from lightning_gex.app.assembly.jobs import InputFiles, run_backtest_files
from lightning_gex.app.assembly.paper import PaperRequest, paper_trade
from lightning_gex.app.assembly.universe import UniverseRequest
from lightning_gex.app.assembly.wiring import Stores
from lightning_gex.app.cli import main
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import ExitReason
from lightning_gex.core.errors import InputError, RefusedError, SettingsError
from lightning_gex.core.events import (
    AuditNoted,
    DecisionMade,
    Event,
    Marked,
    OrderEnded,
    OrderPlaced,
    RunEnded,
    TradeClosed,
)
from lightning_gex.engine.state import replay
from lightning_gex.engine.trades import closed_trades
from paper_days import CLOCK, LEARNT, SESSIONS, TICKERS, all_bars, bars_file, call, quiet, start_of

KILLS = 200 if os.environ.get("LIGHTNING_SOAK") else 8
TESTS = Path(__file__).resolve().parents[1]
RESULTS = TESTS.parent / "benchmarks" / "results"


@pytest.fixture(scope="module")
def bars() -> list[Bars]:
    return all_bars()


@pytest.fixture(scope="module")
def start(bars: list[Bars]) -> date:
    return start_of(bars)


@pytest.fixture(scope="module")
def taught(bars: list[Bars], start: date, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose paper run has learnt from the history and lived through its first session."""
    folder = tmp_path_factory.mktemp("taught")
    request = PaperRequest(InputFiles(bars_file(folder / "bars.csv", bars, LEARNT + 1)), TICKERS, start)
    paper_trade(Workspace.open(folder / "home"), request, progress=quiet, clock=CLOCK)
    return folder / "home"


@pytest.fixture
def home(taught: Path, tmp_path: Path) -> Path:
    """A copy of it, of this test's own."""
    return Path(shutil.copytree(taught, tmp_path / "home"))


def events_of(home: Path) -> list[Event]:
    """What the one paper run of a workspace has on record."""
    stores = Stores.open(Workspace.open(home))
    with stores.journal("look") as journal:
        journal.verify()
        (run,) = [r for r in journal.runs() if r.run_id.startswith("paper-") and r.mode is not None]
        events = [record.event for record in journal.read(run.run_id)]
    stores.engine.dispose()
    return events


def of(kind: type, events: Sequence[Event]) -> list:
    return [e for e in events if isinstance(e, kind)]


@pytest.fixture(scope="module")
def backtested(bars: list[Bars], start: date, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("backtest")
    run = run_backtest_files(
        Workspace.open(folder / "home"),
        bars=bars_file(folder / "bars.csv", bars, SESSIONS),
        universe=UniverseRequest(TICKERS),
        start=start,
        progress=quiet,
    )
    assert len(run.trades) >= 5  # there is something to agree on
    assert any(t.exit_reason is ExitReason.CARRIED_ON for t in run.trades)
    return run


def assert_as_backtested(events: Sequence[Event], backtested, start: date) -> None:
    decided = [d.decision for d in of(DecisionMade, events) if d.at.date() >= start]
    assert_same_decisions(backtested.decisions, decided)
    assert_same_trades(backtested.trades, closed_trades(events))
    state = replay(events)
    assert float(state.equity) == backtested.equity[-1]
    marks = {e.at.date(): float(e.equity) for e in of(Marked, events) if e.at.date() >= start}
    assert list(marks.values()) == list(backtested.equity)


def test_many_calls_decide_and_trade_as_one_backtest_does(home, bars, start, backtested) -> None:
    counts = [*range(LEARNT + 2, LEARNT + 10), LEARNT + 10, LEARNT + 25, SESSIONS - 1, SESSIONS]
    for count in counts:
        outcome = call(home, bars, count)
        assert outcome.resumed
        assert not outcome.ended
    assert call(home, bars, SESSIONS).sessions == ()  # nothing new, and nothing done
    assert call(home, bars, SESSIONS, end=True, reason="the test is over").ended
    events = events_of(home)
    assert_as_backtested(events, backtested, start)
    assert [e.reason for e in of(RunEnded, events)] == ["the test is over"]
    with pytest.raises(RefusedError, match="no paper run to end"):
        call(home, bars, SESSIONS, end=True)


def test_kills_anywhere_between_and_within_calls_change_nothing(home, start, backtested) -> None:
    """Real processes, killed at random steps of their work; the next call goes on."""
    command = [sys.executable, str(TESTS / "paper_days.py"), str(home), str(KILLS), "7"]
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["kills"], found["ended_otherwise"]) == (KILLS, 0), done.stderr
    events = events_of(home)
    assert_as_backtested(events, backtested, start)
    orders = [e.order.order_id for e in events if e.kind == "order_placed"]
    assert len(orders) == len(set(orders))
    if os.environ.get("LIGHTNING_SOAK"):
        doubled = len(orders) - len(set(orders))
        told = {**found, "sessions": SESSIONS - LEARNT, "orders": len(orders), "doubled": doubled}
        (RESULTS / "soak_paper_kills.json").write_text(json.dumps(told, indent=2) + "\n")


def test_a_halt_with_flatten_is_heeded_between_the_sessions(home, bars) -> None:
    count = LEARNT + 1
    while not (outcome := call(home, bars, count)).open_trades:
        count += 1
    halt_trading(home, by="Ada", reason="drill", flatten=True)
    (waiting,) = call(home, bars, count).pending  # no new session: the exit is ordered all the same
    assert waiting.exit_reason is ExitReason.MANUAL
    outcome = call(home, bars, count + 1)
    assert not outcome.open_trades
    assert outcome.tripped == {"halt": "Ada: drill"}
    assert of(TradeClosed, events_of(home))[-1].trade.exit_reason is ExitReason.MANUAL
    resume_trading(Workspace.open(home), by="Ada", reason="over")
    assert call(home, bars, count + 2).tripped == {}


def test_the_record_says_when_each_session_was_seen_and_that_the_limits_were_tried(home, bars) -> None:
    call(home, bars, LEARNT + 3)
    notes = of(AuditNoted, events_of(home))
    seen = [e.detail for e in notes if e.what == "session_completed" and e.detail["traded"]]
    assert [d["session"] for d in seen] == [str(s) for s in bars[0].session[LEARNT : LEARNT + 3]]
    assert {d["seen_at"] for d in seen} == {CLOCK.now().isoformat()}
    assert sum(e.what == "self_test_passed" for e in notes) == 2


def test_changed_settings_go_on_record(home, bars, monkeypatch) -> None:
    monkeypatch.setenv("LIGHTNING_SMALL_CAPITAL__ENABLED", "true")
    call(home, bars, LEARNT + 2)
    call(home, bars, LEARNT + 3)
    (changed,) = [e for e in of(AuditNoted, events_of(home)) if e.what == "settings_changed"]
    assert changed.detail["small_capital.enabled"] is True


def test_small_capital_bounds_every_entry_of_a_run_and_shrinks_it_to_what_is_left(home, bars, monkeypatch) -> None:
    monkeypatch.setenv("LIGHTNING_SMALL_CAPITAL__ENABLED", "true")
    monkeypatch.setenv("LIGHTNING_SMALL_CAPITAL__MAX_CAPITAL_USD", "2500")
    call(home, bars, SESSIONS)
    events = events_of(home)
    at_work: dict[str, float] = {}
    for event in events:
        if isinstance(event, OrderPlaced) and event.order.exit_reason is None:
            at_work[event.order.decision_id] = event.order.quantity * event.order.reference_price
            assert sum(at_work.values()) <= 2_500.0
        elif isinstance(event, OrderEnded):
            at_work.pop(event.order_id.removesuffix(":entry"), None)
        elif isinstance(event, TradeClosed):
            at_work.pop(event.trade.decision_id, None)
    entries = [e for e in of(OrderPlaced, events) if e.order.exit_reason is None]
    assert entries
    caps = [c for e in of(DecisionMade, events) for c in e.decision.caps if c.name == "guardrail_small_capital"]
    assert min(c.size_pct for c in caps) < 0.02 < max(c.size_pct for c in caps)


def test_a_split_between_two_calls_is_refused_while_the_ticker_is_held(home, bars) -> None:
    count = LEARNT + 1
    while not (outcome := call(home, bars, count)).open_trades:
        count += 1
    held = outcome.open_trades[0].ticker
    split = [
        replace(b, **{n: getattr(b, n) / 2 for n in ("open", "high", "low", "close")}) if b.ticker == held else b
        for b in bars
    ]
    with pytest.raises(InputError, match="the prices were adjusted since"):
        call(home, split, count + 1)


def test_what_belongs_to_the_run_cannot_be_changed_while_it_goes_on(home, bars) -> None:
    with pytest.raises(SettingsError, match="leave --ticker out"):
        call(home, bars, LEARNT + 2, tickers=("SPY",))
    with pytest.raises(SettingsError, match="leave --start out"):
        call(home, bars, LEARNT + 2, start=date(2016, 2, 1))
    with pytest.raises(SettingsError, match="leave --capital out"):
        call(home, bars, LEARNT + 2, capital=5.0)
    with pytest.raises(InputError, match="give newer ones"):
        call(home, bars, LEARNT)


def test_a_session_that_the_file_lacks_is_said(home, bars) -> None:
    gap = [without_rows(b, [LEARNT + 1]) for b in bars]
    outcome = call(home, gap, LEARNT + 2)
    assert any("1 sessions of the exchange are not in the bars" in note for note in outcome.notes)


def test_the_command_begins_goes_on_and_ends(tmp_path, bars, capsys) -> None:
    file, home = str(bars_file(tmp_path / "bars.csv", bars, 120)), str(tmp_path / "home")
    assert main(["paper", "--bars", file, "--home", home]) == SettingsError.exit_code
    capsys.readouterr()
    assert main(["paper", "--bars", file, "--ticker", "SPY", "--start", "2015-06-01", "--home", home, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["resumed"], said["ended"], said["sessions"]) == (False, False, 120)
    assert said["reached"] == str(bars[0].session[119])
    assert [d["ticker"] for d in said["decisions"]] == ["SPY"]
    assert main(["paper", "--bars", file, "--home", home, "--end"]) == 0
    assert "the run ended" in " ".join(capsys.readouterr().out.split())  # a narrow console wraps
