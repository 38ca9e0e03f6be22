"""The simulated exchange stands up again from the record, at every point of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest

from builders_engine import SESSIONS, ListJournal, Says, bars_of, calm, carrying, prepared, script, scripted_config
from builders_events import same
from lightning_gex.adapters.clock import ReplayClock
from lightning_gex.core.events import AuditNoted, Event, OrderPlaced, SessionOpened
from lightning_gex.core.ports import OrderFilled
from lightning_gex.engine.drivers import HistoryFeed, drive
from lightning_gex.engine.feed import SessionUpdate
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.paper import SESSION_COMPLETED, paper_sessions, progress_of, standing_exchange
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.trader import Trader
from lightning_gex.memory.book import MemoryBook

ROW, COUNT = 60, 14
CLOCK = ReplayClock(datetime(2020, 1, 1, tzinfo=UTC))
CONFIG = carrying(scripted_config())


def inputs() -> MarketInputs:
    """Two tickers that rise and fall: an entry that runs into its stop, one that is carried on and left on time."""
    rising = [100.0] * (ROW + 1) + [100.5, 101.0, 100.9, 94.0, 95.0, 96.0, 97.0, 97.1, 97.2, 97.1, 97.2, 97.1, 97.2]
    flat = [50.0] * (ROW + 1) + [50.1, 50.2, 50.1, 50.0, 50.1, 50.2, 50.1, 50.0, 50.1, 50.2, 50.3, 50.2, 50.1]
    days = dict.fromkeys(range(ROW), None)
    highs = dict.fromkeys(days, 101.0)
    return MarketInputs(
        {"SPY": bars_of("SPY", rising, highs=highs), "AAA": bars_of("AAA", flat, highs=dict.fromkeys(days, 50.5))},
        volatility_index=calm(ROW + COUNT),
    )


@cache
def updates() -> list[SessionUpdate]:
    """The sessions, perceived once."""
    run = prepared(inputs(), agents(), CONFIG, start=SESSIONS[ROW])
    return list(HistoryFeed(run.inputs, run.watch))


def agents():
    spy = script("SPY", {ROW: Says(1, target=20.0, stop=5.0), ROW + 10: Says(1, target=20.0, stop=5.0)})
    aaa = script("AAA", dict.fromkeys((ROW + 1, ROW + 6), Says(1, target=5.0, stop=3.0, horizon=3)))
    return [type(spy)({**spy.script, **aaa.script})]


def lived(journal: ListJournal) -> Trader:
    """A paper run over every session."""
    run = prepared(inputs(), agents(), CONFIG, journal=journal, start=SESSIONS[ROW])
    standing = standing_exchange(journal.events, CONFIG.costs)
    run.trader.broker = standing.exchange
    feed = paper_sessions(updates(), standing, run.trader, None, CLOCK)
    drive(run.trader, feed, None)
    return run.trader


def gone_on(events: list[Event]) -> Trader:
    """The run of these records, taken up by another process and lived through to its end."""
    journal = ListJournal()
    journal.events = list(events)
    standing, progress = standing_exchange(events, CONFIG.costs), progress_of(events)
    trader = Trader(CONFIG, journal, MemoryBook(), None, standing.exchange)
    trader.resume(events, at=events[-1].at)
    feed = paper_sessions(updates(), standing, trader, progress.completed, CLOCK)
    drive(trader, feed, None)
    return trader


@pytest.fixture(scope="module")
def undisturbed() -> ListJournal:
    journal = ListJournal()
    trader = lived(journal)
    assert {t.exit_reason.value for t in trader.trades} >= {"stop_loss", "carried_on", "time_exit"}
    assert trader.state.open_trades  # and something is held at the end
    return journal


def of_the_account(events: Sequence[Event]) -> list[Event]:
    return [e for e in events if e.kind not in {"audit_noted", "run_resumed"}]


def test_taken_up_at_any_record_the_run_ends_as_if_it_had_never_stopped(undisturbed) -> None:
    whole = of_the_account(undisturbed.events)
    groups = np.cumsum([len(group) for group in undisturbed.groups])
    first = next(n for n in groups if any(isinstance(e, OrderPlaced) for e in undisturbed.events[:n]))
    points = [int(n) for n in groups if n >= first]  # a process ends between two commits, never within one
    assert len(points) > 60
    for point in points:
        trader = gone_on(undisturbed.events[:point])
        found = of_the_account(trader.journal.events)
        assert len(found) == len(whole), point
        assert all(map(same, found, whole)), point


def test_an_order_of_a_session_that_was_stopped_is_not_filled_by_that_session_s_bar(undisturbed) -> None:
    events = undisturbed.events
    at = next(i for i, e in enumerate(events) if isinstance(e, OrderPlaced)) + 1
    standing = standing_exchange(events[:at], CONFIG.costs)
    (order,) = standing.sent_since
    assert standing.exchange.history(order.order_id) is None
    progress = progress_of(events[:at])
    assert progress.completed == SESSIONS[ROW - 1]
    assert progress.interrupted == next(e.at for e in reversed(events[:at]) if isinstance(e, SessionOpened))


def test_a_completed_session_s_record_says_when_it_was_seen(undisturbed) -> None:
    notes = [e for e in undisturbed.events if isinstance(e, AuditNoted) and e.what == SESSION_COMPLETED]
    assert [n.detail["session"] for n in notes] == [str(s) for s in SESSIONS[: ROW + COUNT]]
    assert {n.detail["seen_at"] for n in notes} == {CLOCK.now().isoformat()}
    assert [n.detail["traded"] for n in notes] == [False] * ROW + [True] * COUNT


def test_a_standing_exchange_guards_what_it_is_told_of_and_fills_what_waits(undisturbed) -> None:
    events = undisturbed.events
    opened = next(i for i, e in enumerate(events) if e.kind == "trade_opened")
    completed = next(i for i, e in enumerate(events) if i > opened and e.kind == "audit_noted")
    exchange = standing_exchange(events[: completed + 1], CONFIG.costs).exchange
    for update in updates()[ROW + 2 :]:
        exchange.trade_through(update)
    fills = [r for r in exchange.reports() if isinstance(r, OrderFilled)]
    assert [f.exit_reason and f.exit_reason.value for f in fills if f.fill.ticker == "SPY"] == ["stop_loss"]


def test_a_standing_exchange_guards_a_trade_by_the_bracket_of_its_latest_leg(undisturbed) -> None:
    events = undisturbed.events
    at = next(i for i, e in enumerate(events) if e.kind == "trade_carried_on")
    leg = events[at].opened
    completed = next(i for i, e in enumerate(events) if i > at and e.kind == "audit_noted")
    before, after = (standing_exchange(events[:n], CONFIG.costs).exchange._guarded for n in (at + 1, completed + 1))
    (guard,) = (o for o in after.values() if o.ticker == "AAA")
    assert (guard.order_id, guard.target_price, guard.stop_price) == (
        f"{leg.entered_by}:entry",
        leg.target_price,
        leg.stop_price,
    )
    assert before["AAA"].stop_price != leg.stop_price  # the session is stopped in: its bar met the bracket before


def test_an_empty_record_is_an_empty_exchange() -> None:
    standing = standing_exchange([], CONFIG.costs)
    assert standing.sent_since == ()
    assert isinstance(standing.exchange, SimulatedBroker)
    assert progress_of([]).completed is None
