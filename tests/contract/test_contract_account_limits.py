"""Limits of an account hold across runs, and across real processes that decide at the same moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from account_runs import approved, at_open, closed, placed, trader_of, updates
from builders_events import same
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.core.enums import DecisionStatus, RunMode
from lightning_gex.core.errors import RefusedError
from lightning_gex.core.events import (
    BreakerReset,
    BreakerTripped,
    DecisionMade,
    Event,
    Marked,
    OrderEnded,
    OrderPlaced,
    RunEnded,
    RunStarted,
    SessionOpened,
    TradingHalted,
)
from lightning_gex.engine.state import replay
from lightning_gex.engine.trades import carried_on
from lightning_gex.risk.guardrails import GuardrailLimits

KEY = bytes(range(32))
TESTS = Path(__file__).resolve().parents[1]
NOW = at_open()
Open = Callable[..., SqlJournal]


@pytest.fixture
def journal(opened: Callable[[], Engine], tmp_path: Path) -> Open:
    """Opens a journal of the account, by run."""

    def again(run_id: str, mode: RunMode | None = RunMode.LIVE) -> SqlJournal:
        made = SqlJournal(opened(), run_id, KEY, tmp_path / "journal.anchor")
        if mode is not None:
            made.append([RunStarted(NOW, mode, Decimal(100_000), {})])
        return made

    return again


def test_what_other_runs_ordered_counts_and_ones_own_does_not(journal: Open) -> None:
    here, there = journal("here"), journal("there")
    there.append([placed("a", "SPY", 10, 100.0, NOW), placed("b", "QQQ", 5, 200.0, NOW - timedelta(minutes=5))])
    here.append([placed("c", "IWM", 5, 200.0, NOW)])
    found = here.account(NOW + timedelta(seconds=30))
    assert found.entries_today == 2
    assert found.orders_last_minute == 1
    assert found.exposure_usd == {"SPY": 1_000.0, "QQQ": 1_000.0}
    assert there.account(NOW).exposure_usd == {"IWM": 1_000.0}


def test_a_trade_that_is_carried_on_counts_once_and_at_the_price_of_its_latest_leg(journal: Open) -> None:
    here, there = journal("here"), journal("there")
    there.append([placed("a", "SPY", 10, 100.0, NOW), closed("a", "SPY", 10, 100.0, NOW)[0]])
    (held,) = replay(e.event for e in there.read("there")).open_trades.values()
    decision = replace(approved("b", "SPY", NOW).decision, entry_price=110.0)
    there.append([carried_on(held, decision, 1)])
    found = here.account(NOW)
    assert found.exposure_usd == {"SPY": 1_100.0}
    assert (found.entries_today, found.orders_last_minute) == (1, 1)


def test_what_ended_closed_or_simulated_does_not_count(journal: Open) -> None:
    here, there, simulated = journal("here"), journal("there"), journal("backtest", RunMode.BACKTEST)
    simulated.append([placed("z", "SPY", 10, 100.0, NOW)])
    there.append([placed("a", "SPY", 10, 100.0, NOW), OrderEnded(NOW, "a", "no bar")])
    there.append([placed("b", "SPY", 10, 100.0, NOW), *closed("b", "SPY", 10, 100.0, NOW)])
    assert here.account(NOW).exposure_usd == {}
    assert here.account(NOW).entries_today == 2  # they were ordered all the same
    there.append([placed("c", "SPY", 10, 100.0, NOW)])
    assert here.account(NOW).exposure_usd == {"SPY": 1_000.0}
    there.append([RunEnded(NOW, "over")])
    assert here.account(NOW).exposure_usd == {}


def test_positions_of_a_facade_count_in_their_session_and_those_of_a_live_run_until_they_end(journal: Open) -> None:
    here, facade, live = journal("here"), journal("f", RunMode.FACADE), journal("l")
    facade.append([placed("a", "SPY", 10, 100.0, NOW)])
    live.append([placed("b", "QQQ", 10, 100.0, NOW)])
    assert set(here.account(NOW).exposure_usd) == {"SPY", "QQQ"}
    tomorrow = here.account(NOW + timedelta(days=3))  # Monday
    assert set(tomorrow.exposure_usd) == {"QQQ"}
    assert tomorrow.entries_today == tomorrow.orders_last_minute == 0


def test_the_use_is_the_same_whether_it_was_followed_or_read_afterwards(journal: Open) -> None:
    here, there = journal("here"), journal("there")
    here.account(NOW)  # from now on it follows
    for number in range(5):
        there.append([placed(f"t{number}", "SPY", 1, 100.0 + number, NOW)])
        here.append([placed(f"h{number}", "QQQ", 1, 100.0, NOW)])
    assert same(here.account(NOW), journal("here", None).account(NOW))


def opened_session(equity: float) -> SessionOpened:
    return SessionOpened(NOW, Decimal(str(equity)))


def marked(equity: float, at: datetime = NOW) -> Marked:
    return Marked(at + timedelta(minutes=1), Decimal(str(equity)), Decimal(0))


def test_what_others_lost_in_this_session_is_summed_and_what_they_gained_excuses_nothing(journal: Open) -> None:
    here, one, two = journal("here"), journal("one"), journal("two")
    simulated = journal("backtest", RunMode.BACKTEST)
    one.append([opened_session(100_000), marked(99_000), marked(97_500)])  # the latest mark counts
    two.append([opened_session(50_000), marked(49_000)])
    simulated.append([opened_session(100_000), marked(1)])
    here.append([opened_session(100_000), marked(99_500)])
    assert here.account(NOW).loss_today_usd == 3_500.0
    assert one.account(NOW).loss_today_usd == 1_500.0
    two.append([marked(80_000)])  # now the others have gained, together
    assert here.account(NOW).loss_today_usd == 0.0
    assert here.account(NOW + timedelta(days=3)).loss_today_usd == 0.0  # another session
    assert same(here.account(NOW), journal("here", None).account(NOW))  # read afterwards, it is the same


def test_the_day_s_loss_of_all_runs_together_stops_an_entry_of_one(journal: Open) -> None:
    """Two per cent lost here and three and a half elsewhere pass the limit of five together."""
    limits = GuardrailLimits()
    (update, *_) = updates()
    alone, together = trader_of(journal("alone", None), limits), trader_of(journal("together", None), limits)
    for trader, elsewhere in ((alone, 0.0), (together, 5_000.0)):
        there = journal(f"beside-{trader.journal.run_id}")
        at = update.opened_at
        there.append([SessionOpened(at, Decimal(100_000)), Marked(at, Decimal(str(100_000 - elsewhere)), Decimal(0))])
        (decision,) = trader.see(update)
        if elsewhere:
            assert decision.status is DecisionStatus.BLOCKED
            assert decision.reason.startswith("the loss of the day 5.00% reaches the limit 5.00%")
        else:
            assert decision.status is DecisionStatus.APPROVED


def test_a_breaker_and_a_halt_hold_for_every_run_until_a_person_lifts_them(journal: Open) -> None:
    here, there = journal("here"), journal("there")
    there.append([BreakerTripped(NOW, "drawdown", "deep"), TradingHalted(NOW, "Ada", "drill", False)])
    assert here.account(NOW).tripped == {"drawdown": "deep", "halt": "Ada: drill"}
    here.append([BreakerReset(NOW, "drawdown", "Ada", "sizes halved")])
    found = there.account(NOW)
    assert found.tripped == {"halt": "Ada: drill"}
    assert found.lifted == {"drawdown": ("Ada", "sizes halved")}


def test_what_the_last_look_refuses_is_not_written_and_what_it_makes_is_one_transaction(journal: Open) -> None:
    here = journal("here")

    def refuse(_: Any) -> list[Event]:
        raise RefusedError("no")

    with pytest.raises(RefusedError):
        here.append_checked(NOW, refuse)
    events = [placed("a", "SPY", 1, 1.0, NOW), placed("b", "SPY", 1, 1.0, NOW)]
    assert here.append_checked(NOW, lambda _: events) == events
    assert here.append_checked(NOW, lambda _: []) == []
    assert here.verify() == 3


def test_a_decision_approved_by_its_own_account_is_blocked_by_what_others_hold(journal: Open, tmp_path: Path) -> None:
    limits = GuardrailLimits(max_total_exposure_pct=0.05)
    update = updates()[0]
    there = journal("there")
    there.append([placed("a", "QQQ", 40, 100.0, update.closed_at)])
    trader = trader_of(journal("here", None), limits)
    (decision,) = trader.see(update)
    assert decision.status is DecisionStatus.BLOCKED
    assert decision.reason == "total exposure 6.00% exceeds the limit 5.00%"
    assert decision.stages[-1].reason == decision.reason
    assert (decision.quantity, decision.size_pct) == (0, 0.0)
    assert not trader.state.pending


# --- real processes that decide at the same moment ---------------------------------------------------------------


#: limit -> which guardrail must have spoken, and how many orders may pass in all.
ALLOWED = {
    "daily_trades": ("trades today", 7),
    "total_exposure": ("total exposure", 6),
    "ticker_exposure": ("exposure to SPY", 5),
    "orders_per_minute": ("orders in the last minute", 4),
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes: POSIX only")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_processes_that_decide_at_once_cannot_pass_any_limit_together(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pattern = str(tmp_path / "{number}.db")
    if kind == "postgresql":
        server: str = request.getfixturevalue("postgresql")
        pattern = server.format(database=f"race_{uuid.uuid4().hex[:12]}_{{number}}")
    command = [sys.executable, str(TESTS / "account_runs.py"), pattern, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    approved = json.loads(done.stdout)
    assert set(approved) == set(ALLOWED)
    for case, (spoken, allowed) in ALLOWED.items():
        engine = open_database(pattern.format(number=case))
        journal = SqlJournal(engine, "after", KEY, tmp_path / f"{case}.anchor")
        events = [record.event for record in journal.read()]
        decisions = [event.decision for event in events if isinstance(event, DecisionMade)]
        refused = [d.reason for d in decisions if d.status is DecisionStatus.BLOCKED]
        assert sum(isinstance(event, OrderPlaced) for event in events) == allowed == sum(approved[case]), case
        assert (len(decisions), len(refused)) == (20, 20 - allowed)
        assert all(reason.startswith(spoken) for reason in refused), refused
        assert journal.verify() == len(events)
        engine.dispose()
