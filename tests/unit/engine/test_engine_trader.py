"""The trader journals first and acts after; it enters an idea once, leaves on time, and stops when it should."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from builders_engine import (
    CALM_VIX,
    CAPITAL,
    SESSIONS,
    ListJournal,
    Run,
    Says,
    backtest,
    bars_of,
    calm,
    opened_at,
    prepared,
    script,
    scripted_config,
    without_rows,
)
from builders_events import same
from lightning_gex.core.enums import Action, DecisionStatus, ExitReason, FillPrice, StageName
from lightning_gex.core.errors import RefusedError, StoreError
from lightning_gex.core.events import (
    BreakerReset,
    BreakerTripped,
    CashAccrued,
    DecisionMade,
    Marked,
    OrderEnded,
    OrderPlaced,
    SessionOpened,
    SignalResolved,
    TradeClosed,
    TradeOpened,
)
from lightning_gex.core.orders import Fill
from lightning_gex.core.ports import OrderFilled, OrderRefused
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import close_of
from lightning_gex.engine.config import Enhancements
from lightning_gex.engine.drivers import HistoryFeed, drive
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.proposal import Snapshot
from lightning_gex.engine.state import replay
from lightning_gex.memory.book import MemoryBook


def flat(count: int = 40, **inputs) -> MarketInputs:
    return MarketInputs({"AAA": bars_of("AAA", [100.0] * count)}, volatility_index=calm(), **inputs)


def rows_of(trade) -> tuple[int, int]:
    """The sessions of entry and exit as rows of ``SESSIONS``."""
    days = [np.datetime64(at.replace(tzinfo=None), "D") for at in (trade.entry_at, trade.exit_at)]
    return int(np.searchsorted(SESSIONS, days[0])), int(np.searchsorted(SESSIONS, days[1]))


# --- from signal to exit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fill_price", FillPrice)
@pytest.mark.parametrize("horizon", [5, 10])
def test_a_trade_ends_its_horizon_of_sessions_after_its_entry_at_the_same_kind_of_price(fill_price, horizon):
    run = backtest(flat(), [script("AAA", {5: Says(1, horizon=horizon)})], fill_price=fill_price)
    (trade,) = run.trades
    assert rows_of(trade) == (6, 6 + horizon)
    assert trade.exit_reason is ExitReason.TIME_EXIT
    moment = opened_at if fill_price is FillPrice.OPEN else close_of
    assert trade.entry_at == moment(SESSIONS[6])
    assert trade.exit_at == moment(SESSIONS[6 + horizon])
    assert trade.decided_at == close_of(SESSIONS[5])


def test_sessions_without_a_bar_do_not_count_towards_the_horizon():
    bars = without_rows(bars_of("AAA", [100.0] * 40), [8, 9])
    inputs = MarketInputs({"AAA": bars, "BBB": bars_of("BBB", [50.0] * 40)}, volatility_index=calm())
    run = backtest(inputs, [script("AAA", {5: Says(1)})])
    assert rows_of(run.trades[0]) == (6, 13)


def test_an_idea_is_entered_once_however_often_it_is_repeated():
    run = backtest(flat(12), [script("AAA", dict.fromkeys(range(3, 8), Says(1)))])
    entries = [e.order for e in run.of(OrderPlaced) if e.order.exit_reason is None]
    assert [o.decision_id for o in entries] == ["AAA-20190107T210000Z"]
    repeated = [d for d in run.decisions if d.status is DecisionStatus.BLOCKED]
    assert len(repeated) == 4
    assert all("already in this trade" in d.reason for d in repeated)


def test_a_contrary_view_closes_the_trade_at_the_next_open():
    run = backtest(flat(), [script("AAA", {5: Says(1, horizon=10), 8: Says(-1)})])
    (trade,) = run.trades
    assert trade.exit_reason is ExitReason.SIGNAL_EXIT
    assert rows_of(trade) == (6, 9)
    assert run.of(TradeClosed)[0].fill.order_id == run.of(OrderPlaced)[1].order.order_id


def test_a_contrary_view_of_too_little_confidence_closes_nothing():
    config = scripted_config(minimum_confidence=0.6)
    run = backtest(flat(), [script("AAA", {5: Says(1, horizon=10), 8: Says(-1, confidence=0.59)})], config)
    assert run.trades[0].exit_reason is ExitReason.TIME_EXIT


def test_a_second_reason_to_leave_sends_no_second_order():
    run = backtest(flat(), [script("AAA", {5: Says(1), 10: Says(-1)})])  # the time is up at the close of row 10, too
    exits = [e.order for e in run.of(OrderPlaced) if e.order.exit_reason is not None]
    assert [o.exit_reason for o in exits] == [ExitReason.TIME_EXIT]
    assert len(run.trades) == 1


def test_a_short_is_opened_and_covered_where_that_is_allowed():
    config = scripted_config()
    config = replace(config, tactical=replace(config.tactical, allow_short=True))
    bars = bars_of("AAA", [100.0] * 7 + [89.0] * 10)
    inputs = MarketInputs({"AAA": bars}, volatility_index=calm())
    run = backtest(inputs, [script("AAA", {4: Says(-1)})], config)
    (trade,) = run.trades
    assert trade.exit_reason is ExitReason.TAKE_PROFIT
    assert trade.pnl == (trade.entry_price - trade.exit_price) * trade.quantity - trade.costs
    assert [e.fill.action for e in (*run.of(TradeOpened), *run.of(TradeClosed))] == [Action.SELL, Action.BUY]


def test_an_entry_that_never_got_a_bar_ends_in_the_session_it_missed_and_frees_its_place():
    bars = without_rows(bars_of("AAA", [100.0] * 20), [6])
    inputs = MarketInputs({"AAA": bars, "BBB": bars_of("BBB", [50.0] * 20)}, volatility_index=calm())
    run = backtest(inputs, [script("AAA", {5: Says(1), 7: Says(1)})])
    (ended,) = run.of(OrderEnded)
    assert ended.at == close_of(SESSIONS[6])
    assert len(run.of(TradeOpened)) == 1
    assert rows_of(run.trades[0])[0] == 8


# --- the record -------------------------------------------------------------------------------------------------


def busy(journal: ListJournal | None = None, memory: MemoryBook | None = None) -> Run:
    """A run of two tickers with entries, a stop, a target, a time exit, a refused entry and resolved signals."""
    closes = [100.0] * 10 + [93.0] * 5 + [104.0] * 15
    inputs = MarketInputs(
        {"AAA": bars_of("AAA", closes), "BBB": bars_of("BBB", [50.0] * 30, opens={21: 70.0}, highs={24: 61.0})},
        volatility_index=calm(),
        rates=DatedSeries(SESSIONS[:30], {"bill_rate": np.full(30, 0.0365)}, "rates"),
    )
    agents = [
        script("AAA", {4: Says(1, horizon=10), 12: Says(1, horizon=5), 15: Says(-1)}),
        replace(script("BBB", {3: Says(1, horizon=5), 20: Says(1), 22: Says(1, horizon=10)}), name="Second Agent"),
    ]
    return prepared(inputs, agents, scripted_config(), journal=journal, memory=memory)


def finish(run: Run) -> Run:
    run.log = drive(run.trader, HistoryFeed(run.inputs, run.watch), run.exchange)
    return run


def test_the_busy_run_holds_every_kind_of_ending():
    run = finish(busy())
    assert {t.exit_reason for t in run.trades} >= {ExitReason.STOP_LOSS, ExitReason.TAKE_PROFIT, ExitReason.TIME_EXIT}
    assert run.of(OrderEnded)
    assert run.of(SignalResolved)
    assert run.of(CashAccrued)


def test_the_journal_replays_into_the_state_at_every_event():
    run = finish(busy())
    assert same(replay(run.events), run.trader.state)
    for count in range(1, len(run.events) + 1, 7):
        replay(run.events[:count])  # no prefix is nonsense


def test_cash_and_positions_are_the_equity_of_every_mark():
    run = finish(busy())
    for i, event in enumerate(run.events):
        if isinstance(event, Marked):
            session = np.datetime64(event.at.replace(tzinfo=None), "D")
            row = int(np.searchsorted(SESSIONS, session))
            closes = {t: float(b.close[row]) for t, b in run.inputs.bars.items()}
            ledger = replay(run.events[: i + 1]).ledger
            worth = sum((Decimal(str(closes[t])) * p.quantity for t, p in ledger.positions.items()), Decimal(0))
            assert ledger.cash + worth == event.equity


def test_the_account_earns_what_its_trades_and_its_cash_earned():
    run = finish(busy())
    interest = sum((e.amount for e in run.of(CashAccrued)), Decimal(0))
    assert run.trader.state.equity == CAPITAL + interest + sum((t.pnl for t in run.trades), Decimal(0))
    assert run.trader.state.ledger.positions == {}
    assert run.log.equity[-1] == float(run.trader.state.equity)


def test_whenever_the_journal_fails_nothing_was_done_that_it_does_not_hold():
    whole = finish(busy())
    updates = list(
        HistoryFeed(whole.inputs, whole.watch)
    )  # perceived once: what is seen does not depend on the journal
    for limit in range(1, len(whole.trader.journal.groups)):
        run = busy(JournalThatFailsAfter(limit))
        with pytest.raises(StoreError):
            drive(run.trader, updates, run.exchange)
        events = run.events
        assert same(replay(events), run.trader.state)
        journaled = {e.order.order_id for e in events if isinstance(e, OrderPlaced)}
        assert set(run.exchange._seen) <= journaled
        remembered = {p.pattern_id: p for p in run.trader.memory.patterns()}
        assert set(remembered) == {e.pattern.pattern_id for e in events if isinstance(e, DecisionMade) and e.pattern}
        resolved = {e.pattern_id for e in events if isinstance(e, SignalResolved)}
        assert {name for name, p in remembered.items() if p.outcome is not None} == resolved


class JournalThatFailsAfter(ListJournal):
    """Refuses everything after so many groups of events."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.limit = groups

    def append(self, events):
        self.failing = len(self.groups) >= self.limit
        super().append(events)


def test_what_is_done_was_journaled_before():
    journal = ListJournal()

    class Watched(MemoryBook):
        def remember(self, pattern):
            assert any(isinstance(e, DecisionMade) and e.pattern == pattern for e in journal.events)
            super().remember(pattern)

        def resolve(self, pattern_id, outcome):
            assert any(isinstance(e, SignalResolved) and e.pattern_id == pattern_id for e in journal.events)
            super().resolve(pattern_id, outcome)

    run = busy(journal, Watched())
    exchange, sent = run.exchange, []

    class Watching:
        def submit(self, order):
            assert any(isinstance(e, OrderPlaced) and e.order == order for e in journal.events)
            sent.append(order)
            exchange.submit(order)

        def cancel(self, order_id):
            exchange.cancel(order_id)

        def reports(self):
            return exchange.reports()

    run.trader.broker = Watching()
    finish(run)
    assert sent


def test_a_decision_and_its_order_are_one_transaction():
    run = finish(busy())
    groups = [g for g in run.trader.journal.groups if any(isinstance(e, OrderPlaced) for e in g)]
    for group in groups:
        entries = [e for e in group if isinstance(e, OrderPlaced) and e.order.exit_reason is None]
        assert all(isinstance(group[0], DecisionMade) for _ in entries)


def test_an_event_that_the_account_cannot_take_is_not_journaled():
    run = prepared(flat(), [script("AAA", {5: Says(1)})])
    opened_and_held = iter(HistoryFeed(run.inputs, run.watch))
    for _ in range(8):
        update = next(opened_and_held)
        run.exchange.trade_through(update)
        run.trader.see(update)
    (trade,) = run.trader.state.open_trades.values()
    before, count = run.trader.state, len(run.events)
    too_many = Fill("x", "AAA", Action.SELL, trade.quantity + 1, Decimal(100), Decimal(0), update.closed_at)
    closed = replace(run_closed(trade, too_many))
    with pytest.raises(RefusedError, match="turn a position"):
        run.trader.emit(Marked(update.closed_at, CAPITAL, Decimal(0)), closed)
    assert run.trader.state is before
    assert len(run.events) == count
    assert run.trades == []


def run_closed(trade, fill) -> TradeClosed:
    from lightning_gex.engine.trades import closed_trade

    return TradeClosed(fill.at, fill, closed_trade(trade, fill, ExitReason.MANUAL))


def test_concluding_alone_journals_nothing_and_changes_nothing():
    run = prepared(flat(), [script("AAA", {5: Says(1)})])
    feed = HistoryFeed(run.inputs, run.watch)
    update = list(feed)[5]
    view = update.views["AAA"]
    before, count = run.trader.state, len(run.events)
    run.trader.price_seen("AAA", 100.0)
    conclusion = run.trader.conclude(Snapshot("AAA", update.closed_at, view.perception, view.row))
    assert conclusion.decision.status is DecisionStatus.APPROVED
    assert (run.trader.state, len(run.events), run.exchange._orders) == (before, count, {})


# --- what the broker says ---------------------------------------------------------------------------------------


class Wire:
    """A broker whose reports a test writes."""

    def __init__(self) -> None:
        self.sent, self.waiting = [], []

    def submit(self, order):
        self.sent.append(order)

    def cancel(self, order_id):
        raise AssertionError("nothing is cancelled here")

    def reports(self):
        waiting, self.waiting = self.waiting, []
        return waiting


def on_the_wire(lines) -> tuple[Run, Wire, list]:
    run = prepared(flat(), [script("AAA", lines)])
    wire = Wire()
    run.trader.broker = wire
    return run, wire, list(HistoryFeed(run.inputs, run.watch))


def test_an_exit_that_the_broker_refused_is_tried_again_under_another_id():
    run, wire, updates = on_the_wire({5: Says(1)})
    for update in updates[:6]:
        run.trader.see(update)
    (order,) = wire.sent
    at = updates[6].opened_at
    fill = Fill(order.order_id, "AAA", order.action, order.quantity, Decimal(100), Decimal(0), at)
    wire.waiting = [OrderFilled(order.order_id, fill, None)]
    for update in updates[6:11]:
        run.trader.see(update)
    assert len(wire.sent) == 2
    run.trader.see(updates[11])
    assert len(wire.sent) == 2  # pending: not sent again
    wire.waiting = [OrderRefused(wire.sent[1].order_id, "the market is closed")]
    run.trader.see(updates[12])
    assert len(wire.sent) == 3
    assert len({o.order_id for o in wire.sent}) == 3
    leave = wire.sent[2]
    fill = Fill(leave.order_id, "AAA", leave.action, leave.quantity, Decimal(101), Decimal(0), updates[13].opened_at)
    wire.waiting = [OrderFilled(leave.order_id, fill, ExitReason.TIME_EXIT)]
    run.trader.see(updates[13])
    assert [t.exit_reason for t in run.trades] == [ExitReason.TIME_EXIT]
    assert run.trader.state.pending == {}


@pytest.mark.parametrize("exit_reason", [None, ExitReason.STOP_LOSS])
def test_a_fill_of_an_unknown_order_stops_the_trader_and_books_nothing(exit_reason):
    run, wire, updates = on_the_wire({})
    fill = Fill("stranger:entry", "AAA", Action.BUY, 10, Decimal(100), Decimal(0), updates[0].closed_at)
    wire.waiting = [OrderFilled("stranger:entry", fill, exit_reason)]
    before = run.trader.state.ledger
    with pytest.raises(RefusedError, match="stranger:entry"):
        run.trader.see(updates[0])
    assert run.trader.state.ledger == before


def test_a_refusal_of_an_order_that_is_not_pending_is_no_news():
    run, wire, updates = on_the_wire({})
    wire.waiting = [OrderRefused("stranger:entry", "no such order")]
    run.trader.see(updates[0])
    assert run.of(OrderEnded) == []


def test_a_trader_without_a_broker_decides_and_journals_its_orders():
    run = prepared(flat(), [script("AAA", {5: Says(1)})])
    run.trader.broker = None
    log = drive(run.trader, HistoryFeed(run.inputs, run.watch), None)
    assert len(run.of(OrderPlaced)) == 1
    assert log.equity == [float(CAPITAL)] * 40


# --- money on the side ------------------------------------------------------------------------------------------


def test_cash_earns_the_bill_rate_by_calendar_days():
    rates = DatedSeries(SESSIONS[:8], {"bill_rate": np.full(8, 0.0365)}, "rates")
    run = backtest(flat(8, rates=rates), [script("AAA", {})])
    amounts = [e.amount for e in run.of(CashAccrued)]
    days = np.diff(SESSIONS[:8]).astype(int).tolist()
    assert days == [1, 1, 3, 1, 1, 1, 1]
    cash = CAPITAL
    for amount, n in zip(amounts, days, strict=True):
        assert abs(amount - cash * Decimal("0.0365") * n / 365) <= Decimal("0.005")
        cash += amount
    assert run.trader.state.ledger.cash == cash
    assert run.trader.state.ledger.income == cash - CAPITAL


@pytest.mark.parametrize("start", [None, SESSIONS[30]])
def test_without_a_known_rate_or_while_only_learning_cash_earns_nothing(start):
    rates = DatedSeries(SESSIONS[:20], {"bill_rate": np.full(20, 0.05 if start else np.nan)}, "rates")
    run = backtest(flat(20, rates=rates), [script("AAA", {})], start=start)
    assert run.of(CashAccrued) == []


# --- breakers ---------------------------------------------------------------------------------------------------


def jumpy(row: int, factor: float = 1.5, count: int = 40) -> MarketInputs:
    """Flat prices and a volatility index that jumps for one session."""
    level = np.full(count, CALM_VIX)
    level[row] = CALM_VIX * factor
    vix = DatedSeries(SESSIONS[:count], {"close": level}, "vix")
    return MarketInputs({"AAA": bars_of("AAA", [100.0] * count)}, volatility_index=vix)


def test_a_breaker_that_tripped_stays_tripped_after_its_cause_is_gone_and_stops_entries_but_no_exit():
    run = backtest(jumpy(8), [script("AAA", {5: Says(1), 15: Says(1), 25: Says(1)})])
    (tripped,) = run.of(BreakerTripped)
    assert (tripped.breaker, tripped.at) == ("vix_jump", close_of(SESSIONS[8]))
    assert [t.exit_reason for t in run.trades] == [ExitReason.TIME_EXIT]  # the open trade left on time
    later = [d for d in run.decisions if d.status is DecisionStatus.BLOCKED]
    assert [d.blocked_by for d in later] == [StageName.GUARDRAILS] * 2
    assert all("vix_jump is tripped" in d.reason for d in later)
    assert run.trader.state.tripped


def test_only_a_reset_opens_the_way_again():
    run = prepared(jumpy(8), [script("AAA", {15: Says(1), 25: Says(1)})])
    for update in HistoryFeed(run.inputs, run.watch):
        if update.session == SESSIONS[20]:
            run.trader.emit(BreakerReset(update.opened_at, "vix_jump", "me", "looked at it"))
        run.exchange.trade_through(update)
        run.trader.see(update)
    assert [d.status for d in run.decisions if d.direction] == [DecisionStatus.BLOCKED, DecisionStatus.APPROVED]


def test_a_smaller_jump_trips_nothing_and_neither_does_one_while_only_learning():
    assert backtest(jumpy(8, 1.49), [script("AAA", {})]).of(BreakerTripped) == []
    assert backtest(jumpy(8), [script("AAA", {})], start=SESSIONS[12]).of(BreakerTripped) == []


def test_with_security_off_no_breaker_trips():
    config = scripted_config(enhancements=Enhancements(security=False))
    assert backtest(jumpy(8), [script("AAA", {})], config).of(BreakerTripped) == []


def test_data_that_stop_coming_trip_the_stale_data_breaker():
    run = prepared(flat(), [script("AAA", {})])
    updates = list(HistoryFeed(run.inputs, run.watch))
    for update in updates[:5]:
        run.trader.see(update)
    ages = []
    for update in updates[5:9]:  # sessions in which nothing watched had a bar
        run.trader.see(replace(update, views={}))
        ages.append("stale_data" in run.trader.state.tripped)
    assert ages == [False, False, True, True]
    assert "age of the data" in run.trader.state.tripped["stale_data"]


def test_losing_a_twentieth_of_the_day_trips_the_daily_loss():
    config = scripted_config()
    config = replace(config, breakers=replace(config.breakers, max_daily_loss_pct=0.0005))
    bars = bars_of("AAA", [100.0] * 8 + [96.0] * 10)  # 20 shares fall by 4: 80 USD of 100,000
    inputs = MarketInputs({"AAA": bars}, volatility_index=calm())
    run = backtest(inputs, [script("AAA", {5: Says(1)})], config)
    assert [e.breaker for e in run.of(BreakerTripped)] == ["daily_loss"]
    assert run.of(BreakerTripped)[0].at == close_of(SESSIONS[8])


# --- sessions ---------------------------------------------------------------------------------------------------


def test_a_session_is_opened_at_the_prices_of_its_open():
    bars = bars_of("AAA", [100.0] * 12, opens={9: 102.0})
    inputs = MarketInputs({"AAA": bars}, volatility_index=calm())
    run = backtest(inputs, [script("AAA", {5: Says(1, horizon=10)})])
    opened = {e.at: e.equity for e in run.of(SessionOpened)}
    entry = run.of(TradeOpened)[0].trade
    gain = Decimal(2) * entry.quantity
    assert opened[opened_at(SESSIONS[9])] == opened[opened_at(SESSIONS[8])] + gain
    assert len(opened) == 12


def test_while_only_learning_signals_are_remembered_and_resolved_and_nothing_is_ordered():
    run = backtest(flat(30), [script("AAA", dict.fromkeys(range(3, 12), Says(1)))], start=SESSIONS[28])
    assert run.of(OrderPlaced) == []
    assert len(run.of(SignalResolved)) == 9
    assert len(run.decisions) == 2  # those of the two sessions to be traded
    assert all(p.outcome is not None for p in run.trader.memory.patterns())
    assert run.trader.state.daily_trades == 0


def test_an_outcome_is_known_at_the_close_that_showed_it_and_counts_in_the_record():
    run = backtest(flat(30), [script("AAA", {5: Says(1)})])
    (resolved,) = run.of(SignalResolved)
    assert resolved.at == resolved.outcome.known_at == close_of(SESSIONS[11])
    (record,) = run.trader.state.records.values()
    assert (record.resolved, record.won) == (1, 0)


def test_entries_of_a_day_are_counted_from_its_open():
    lines = {5: Says(1)}
    config = scripted_config()
    config = replace(config, guardrails=replace(config.guardrails, max_daily_trades=1))
    inputs = MarketInputs(
        {t: bars_of(t, [100.0] * 20) for t in ("AAA", "BBB")},
        volatility_index=calm(),
    )
    agents = [script("AAA", lines), replace(script("BBB", {5: Says(1), 6: Says(1)}), name="Second Agent")]
    run = backtest(inputs, agents, config)
    said = [(d.ticker, d.status, d.blocked_by) for d in run.decisions if d.direction]
    assert said == [
        ("AAA", DecisionStatus.APPROVED, None),
        ("BBB", DecisionStatus.BLOCKED, StageName.GUARDRAILS),
        ("BBB", DecisionStatus.APPROVED, None),
    ]


def test_orders_of_one_minute_are_counted_together():
    config = scripted_config()
    config = replace(config, guardrails=replace(config.guardrails, max_orders_per_minute=2))
    names = ("AAA", "BBB", "CCC")
    inputs = MarketInputs({t: bars_of(t, [100.0] * 10) for t in names}, volatility_index=calm())
    agents = [replace(script(t, {5: Says(1)}), name=t) for t in names]
    statuses = [d.status for d in backtest(inputs, agents, config).decisions if d.direction]
    assert statuses == [DecisionStatus.APPROVED, DecisionStatus.APPROVED, DecisionStatus.BLOCKED]


def test_a_portfolio_is_seen_at_the_latest_prices():
    run = backtest(flat(8), [script("AAA", {})])
    run.trader.price_seen("AAA", 101.0)
    assert run.trader.prices["AAA"] == 101.0
    assert run.trader.portfolio(close_of(SESSIONS[7]) + timedelta(minutes=1)).equity == float(CAPITAL)
