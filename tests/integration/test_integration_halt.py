"""The kill switch drilled: with everything in order, and with everything else broken."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from account_runs import trader_of, updates
from builders_engine import ListJournal
from lightning_gex.adapters.halt_file import HaltFile
from lightning_gex.app.assembly.control import halt_trading, latched_breakers, reset_breaker, resume_trading
from lightning_gex.app.assembly.wiring import Stores
from lightning_gex.app.cli import main
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.enums import DecisionStatus, ExitReason, RunMode
from lightning_gex.core.errors import InputError, RefusedError, StoreError
from lightning_gex.core.events import (
    BreakerReset,
    BreakerTripped,
    OrderEnded,
    OrderPlaced,
    RunStarted,
    TradeClosed,
    TradeOpened,
    TradingHalted,
    TradingResumed,
)
from lightning_gex.core.halt import Halt
from lightning_gex.engine.config import CostSchedule
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.trader import Trader
from lightning_gex.risk.guardrails import GuardrailLimits
from small_disk import fill, small_disk


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def workspace(home: Path) -> Workspace:
    return Workspace.open(home)


def live_trader(workspace: Workspace, run_id: str = "live") -> Trader:
    trader = trader_of(Stores.open(workspace).journal(run_id), GuardrailLimits())
    trader.halt = HaltFile(workspace.halt_flag)
    trader.broker = SimulatedBroker(CostSchedule())
    return trader


def kinds(trader: Trader) -> list[str]:
    return [record.event.kind for record in trader.journal.read(trader.journal.run_id)]


def test_halt_and_resume_on_the_command_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["halt", "--home", str(home), "--reason", "drill", "--by", "Ada", "--flatten", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"halted": True, "flatten": True, "flag": str(home / "halt.flag"), "not_recorded": None}
    assert main(["breakers", "--home", str(home), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tripped"] == {"halt": "Ada: drill"}
    assert main(["breakers", "--home", str(home), "--reset", "halt", "--reason", "x"]) == RefusedError.exit_code
    assert main(["resume", "--home", str(home), "--reason", "over", "--by", "Grace"]) == 0
    assert main(["resume", "--home", str(home), "--reason", "over"]) == RefusedError.exit_code
    assert main(["breakers", "--home", str(home), "--reset", "drawdown"]) == 2
    capsys.readouterr()
    assert main(["audit", "tail", "--home", str(home), "--kind", "trading_resumed", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["records"]
    assert (record["event"]["by"], record["event"]["reason"]) == ("Grace", "over")


def test_a_halt_stops_entries_and_its_end_lets_them_go_on(workspace: Workspace) -> None:
    trader, update = live_trader(workspace), updates()[0]
    halt_trading(workspace.home, by="Ada", reason="drill", flatten=False)
    (decision,) = trader.see(update)
    assert decision.status is DecisionStatus.BLOCKED
    assert decision.reason == "circuit breaker halt is tripped: Ada: drill"
    resume_trading(workspace, by="Ada", reason="over")
    trader.heed(update.closed_at)
    assert "halt" not in trader.state.tripped
    assert kinds(trader).count("trading_halted") == kinds(trader).count("trading_resumed") == 1


def test_the_halt_works_with_the_guardrails_switched_off(workspace: Workspace) -> None:
    trader, update = live_trader(workspace), updates()[0]
    off = replace(trader.config.enhancements, security=False)
    trader.config = replace(trader.config, enhancements=off)
    halt_trading(workspace.home, by="Ada", reason="drill", flatten=False)
    (decision,) = trader.see(update)
    assert decision.reason == "trading is halted: Ada: drill"


def test_flatten_withdraws_entries_and_closes_positions(workspace: Workspace) -> None:
    trader, (first, second, third) = live_trader(workspace), updates()
    exchange = trader.broker
    assert isinstance(exchange, SimulatedBroker)
    exchange.trade_through(first)
    trader.see(first)
    exchange.trade_through(second)
    trader.see(second)
    assert len(trader.state.open_trades) == 1
    halt_trading(workspace.home, by="Ada", reason="drill", flatten=True)
    trader.heed(second.closed_at)
    (exit_order,) = trader.state.pending.values()
    assert exit_order.exit_reason is ExitReason.MANUAL
    exchange.trade_through(third)
    trader.see(third)
    assert not trader.state.open_trades
    assert not trader.state.pending
    assert [e.exit_reason for e in trader.trades] == [ExitReason.MANUAL]


def test_flatten_withdraws_an_entry_that_waits_at_the_broker(workspace: Workspace) -> None:
    trader, (first, second, _) = live_trader(workspace), updates()
    trader.see(first)
    assert len(trader.state.pending) == 1
    halt_trading(workspace.home, by="Ada", reason="drill", flatten=True)
    trader.heed(first.closed_at)
    assert isinstance(trader.broker, SimulatedBroker)
    trader.broker.trade_through(second)
    trader.see(second)
    assert not trader.state.open_trades
    assert not trader.state.pending


class LateSwitch:
    """Pulled right after the decision looked at it for the last time before its record."""

    looks = 0

    def read(self) -> Halt | None:
        self.looks += 1
        return Halt("Ada", "just now", False) if self.looks > 2 else None

    def lifted_by(self) -> tuple[str, str]:
        return "", ""


def test_a_halt_that_comes_between_the_record_and_the_sending_stops_the_order(workspace: Workspace) -> None:
    trader, (first, second, _) = live_trader(workspace), updates()
    trader.halt = LateSwitch()
    (decision,) = trader.see(first)
    assert decision.status is DecisionStatus.APPROVED
    assert kinds(trader)[-2:] == ["order_placed", "order_ended"]
    assert isinstance(trader.broker, SimulatedBroker)
    trader.broker.trade_through(second)
    assert trader.broker.reports() == []
    assert not trader.state.pending


def test_the_halt_of_one_run_reaches_a_run_whose_own_flag_says_nothing(workspace: Workspace) -> None:
    """As where two workspaces share one store."""
    trader, update = live_trader(workspace), updates()[0]
    other = Stores.open(workspace).journal("other")
    other.append([RunStarted(update.opened_at, RunMode.CONTROL, Decimal(0), {})])
    other.append([TradingHalted(update.opened_at, "Ada", "drill", False)])
    (decision,) = trader.see(update)
    assert decision.status is DecisionStatus.BLOCKED
    other.append([TradingResumed(update.closed_at, "Ada", "over")])
    trader.heed(update.closed_at)
    assert "halt" not in trader.state.tripped


def test_a_flag_cleared_by_hand_does_not_end_a_halt_that_is_on_record(workspace: Workspace) -> None:
    trader, update = live_trader(workspace), updates()[0]
    halt_trading(workspace.home, by="Ada", reason="drill", flatten=False)
    workspace.halt_flag.unlink()
    HaltFile(workspace.halt_flag).create()
    (decision,) = trader.see(update)
    assert decision.status is DecisionStatus.BLOCKED


def test_a_restart_under_a_halt_is_still_halted(workspace: Workspace) -> None:
    trader, update = live_trader(workspace), updates()[0]
    halt_trading(workspace.home, by="Ada", reason="drill", flatten=False)
    trader.heed(update.opened_at)
    again = Trader(trader.config, Stores.open(workspace).journal("live"), trader.memory, None, halt=trader.halt)
    again.resume([r.event for r in again.journal.read("live")], at=update.opened_at)
    (decision,) = again.see(update)
    assert decision.status is DecisionStatus.BLOCKED


def test_a_breaker_is_reset_by_a_person_and_the_running_trader_takes_it_over(workspace: Workspace) -> None:
    trader, update = live_trader(workspace), updates()[0]
    trader.emit(BreakerTripped(update.opened_at, "drawdown", "deep"))
    assert latched_breakers(workspace) == {"drawdown": "deep"}
    for by, reason in (("", "x"), ("Ada", "")):
        with pytest.raises(InputError):
            reset_breaker(workspace, "drawdown", by=by, reason=reason)
    with pytest.raises(RefusedError, match="'moon' is not tripped"):
        reset_breaker(workspace, "moon", by="Ada", reason="x")
    reset_breaker(workspace, "drawdown", by="Ada", reason="sizes halved")
    trader.heed(update.opened_at)
    assert trader.state.tripped == {}
    reset = [r.event for r in trader.journal.read("live") if isinstance(r.event, BreakerReset)]
    assert [(e.reset_by, e.reason) for e in reset] == [("Ada", "sizes halved")]


# --- with everything else broken ---------------------------------------------------------------------------------


def test_it_works_with_the_database_locked_and_the_record_follows(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    trader, update = live_trader(workspace), updates()[0]
    lock = sqlite3.connect(workspace.database, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    assert main(["halt", "--home", str(workspace.home), "--reason", "drill", "--by", "Ada"]) == 0
    assert "it is not in the journal yet (StoreError" in capsys.readouterr().err
    assert HaltFile(workspace.halt_flag).read() is not None
    with pytest.raises(StoreError):
        resume_trading(workspace, by="Ada", reason="over")
    assert HaltFile(workspace.halt_flag).read() is not None  # without its record it does not happen
    lock.close()
    (decision,) = trader.see(update)
    assert decision.status is DecisionStatus.BLOCKED
    assert kinds(trader).count("trading_halted") == 1


def test_it_works_on_a_full_disk_and_nothing_is_sent_there(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1_024) as disk:
        workspace = Workspace.open(disk / "home")
        trader, update = live_trader(workspace), updates()[0]
        filler = fill(disk)
        outcome = halt_trading(workspace.home, by="Ada", reason="drill", flatten=False)
        assert HaltFile(workspace.halt_flag).read() is not None
        assert workspace.halt_flag.exists()  # it was overwritten in place, not removed
        assert outcome.not_recorded is not None
        filler.unlink()
        (decision,) = trader.see(update)
        assert decision.status is DecisionStatus.BLOCKED


def test_it_works_with_the_settings_and_the_numerical_libraries_broken(workspace: Workspace, tmp_path: Path) -> None:
    workspace.settings_file.write_text("this is = not [toml")
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("numpy", "numba", "sqlalchemy", "msgspec", "exchange_calendars"):
        (broken / f"{name}.py").write_text('raise ImportError("broken on purpose")\n')
    done = subprocess.run(
        [Path(sys.executable).with_name("lightning"), "halt", "--home", workspace.home, "--reason", "drill"],
        env={**os.environ, "PYTHONPATH": str(broken)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert HaltFile(workspace.halt_flag).read() is not None


def test_a_decision_is_made_in_one_append_and_the_halt_is_part_of_it() -> None:
    journal = ListJournal()
    trader = trader_of(journal, GuardrailLimits())
    trader.see(updates()[0])
    (group,) = [g for g in journal.groups if any(isinstance(e, OrderPlaced) for e in g)]
    assert [type(e).__name__ for e in group] == ["DecisionMade", "OrderPlaced"]
    assert not [e for e in journal.events if isinstance(e, OrderEnded | TradeOpened | TradeClosed)]
