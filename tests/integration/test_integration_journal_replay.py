"""The journal on disk is the account: it replays into the trader's state, after a finished run and after a kill."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from builders_engine import Run, backtest, market
from builders_events import same
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.events import Event, Marked, OrderPlaced, RunStarted, TradeClosed, TradeOpened
from lightning_gex.core.ledger import money
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.state import EngineState, replay

TESTS = Path(__file__).resolve().parents[1]
KEY = bytes(range(32))


def inputs() -> MarketInputs:
    one, two = market("SPY", 41, 260), market("AAA", 42, 260)
    return MarketInputs(
        {"SPY": one.bars, "AAA": two.bars}, flow=one.flow, volatility_index=one.vix, market_ticker="SPY"
    )


def journal_in(folder: Path, run_id: str, group_size: int = 1) -> SqlJournal:
    engine = open_database(folder / "lightning.db")
    return SqlJournal(engine, run_id, KEY, folder / "journal.anchor", group_size=group_size)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Run:
    journal = journal_in(tmp_path_factory.mktemp("run"), "backtest-1", group_size=256)
    return backtest(inputs(), default_agents(), EngineConfig(), journal=journal)


def test_a_run_read_back_from_disk_replays_into_the_traders_state_field_by_field(finished):
    journal = finished.trader.journal
    state = replay(r.event for r in journal.read("backtest-1"))
    for f in dataclasses.fields(EngineState):
        assert same(getattr(state, f.name), getattr(finished.trader.state, f.name)), f.name
    assert journal.verify() == len(finished.events)
    assert state.closed == len(finished.trades) > 5


def test_a_second_run_in_the_same_journal_replays_on_its_own(finished, tmp_path):
    first = journal_in(tmp_path, "one")
    for record in finished.trader.journal.read("backtest-1"):
        if record.sequence > 400:
            break
        first.append([record.event])
    second = journal_in(tmp_path, "two")
    backtest(inputs().until(inputs().bars["SPY"].session[30]), default_agents(), EngineConfig(), journal=second)
    assert second.verify() == 400 + len(list(second.read("two")))
    assert isinstance(next(second.read("two")).event, RunStarted)
    replay(r.event for r in second.read("two"))
    replay(r.event for r in second.read("one"))


def test_cash_and_positions_are_the_equity_at_every_mark_of_the_journal(finished):
    assert_accounts_agree(finished.events)


def assert_accounts_agree(events: list[Event]) -> None:
    """At every mark: cash and positions, worked out from fills and closes alone, are the journaled equity."""
    bars = inputs().bars
    cash, held = Decimal(0), dict.fromkeys(bars, 0)
    marks = 0
    for event in events:
        if isinstance(event, RunStarted):
            cash = event.initial_capital
        elif isinstance(event, TradeOpened | TradeClosed):
            sign = 1 if event.fill.action == "BUY" else -1
            held[event.fill.ticker] += sign * event.fill.quantity
            cash -= money(event.fill.price * event.fill.quantity * sign) + event.fill.costs
        elif isinstance(event, Marked):
            day = f"{event.at:%Y-%m-%d}"
            closes = {t: float(b.close[[str(s) for s in b.session].index(day)]) for t, b in bars.items() if held[t]}
            worth = sum((money(Decimal(str(closes[t])) * held[t]) for t in closes), Decimal(0))
            assert cash + worth == event.equity, event.at
            marks += 1
    assert marks > 0


# --- pulled plugs -----------------------------------------------------------------------------------------------

_CHILD = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[1] + "/integration")
from builders_engine import backtest
from lightning_gex.agents.registry import default_agents
from lightning_gex.engine.config import EngineConfig
from test_integration_journal_replay import inputs, journal_in

class Deadly:
    # dies before or after the journal has written its given number of groups of events
    def __init__(self, journal, groups, after):
        self.journal, self.groups, self.after = journal, groups, after
        self.run_id = journal.run_id

    def append(self, events):
        self.groups -= 1
        if self.groups == 0 and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        self.journal.append(events)
        os.write(1, b"%d\\n" % len(events))
        if self.groups == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def flush(self):
        self.journal.flush()

folder, run_id = Path(sys.argv[2]), "killed"
data = inputs()
for number, (groups, after) in enumerate([(2, True), (300, False), (900, True)]):
    child = os.fork()
    if child == 0:
        deadly = Deadly(journal_in(folder, f"killed-{number}"), groups, after)
        backtest(data, default_agents(), EngineConfig(), journal=deadly)
        os._exit(3)
    _, status = os.waitpid(child, 0)
    os.write(1, b"killed by %d\\n" % os.WTERMSIG(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes: POSIX only")
def test_after_a_kill_in_the_middle_the_journal_verifies_and_replays_into_a_sound_account(tmp_path, finished):
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(TESTS), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("\n")[:-1]
    ends = [i for i, line in enumerate(lines) if line.startswith("killed by")]
    assert [lines[i] for i in ends] == [f"killed by {signal.SIGKILL:d}"] * 3
    journal = journal_in(tmp_path, "after")
    total, begin = journal.verify(), 0
    for number, end in enumerate(ends):
        events = [r.event for r in journal.read(f"killed-{number}")]
        assert len(events) == sum(map(int, lines[begin:end]))  # all that was promised, and nothing more
        assert all(map(same, events, finished.events))  # and it is what the whole run would have held
        assert_sound(replay(events), events)
        total, begin = total - len(events), end + 1
    assert total == 0


def assert_sound(state: EngineState, events: list[Event]) -> None:
    ledger = state.ledger
    cost = sum((p.cost for p in ledger.positions.values()), Decimal(0))
    assert ledger.cash + cost == state.initial_capital + ledger.realised_pnl - ledger.costs + ledger.income
    held = {t.ticker: t.quantity * int(t.direction) for t in state.open_trades.values()}
    assert {t: p.quantity for t, p in ledger.positions.items()} == held
    if any(isinstance(e, Marked) for e in events):
        assert_accounts_agree(events)
    placed = {e.order.order_id for e in events if isinstance(e, OrderPlaced)}
    assert set(state.pending) <= placed
