"""The simulated exchange fills from bars that happened, takes the worse reading, and reports each order once."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_engine import SESSIONS, bars_of, opened_at, update_of, without_rows
from lightning_gex.analytics.fills import resolve_signals
from lightning_gex.core.enums import Action, ExitReason, FillPrice
from lightning_gex.core.orders import Order
from lightning_gex.core.ports import OrderFilled, OrderRefused
from lightning_gex.core.sessions import close_of
from lightning_gex.engine.config import CostSchedule
from lightning_gex.engine.simulated_broker import SimulatedBroker


def exchange() -> SimulatedBroker:
    return SimulatedBroker(CostSchedule(stock_bp=5.0, index_bp=2.0))


def entry(
    ticker: str = "AAA",
    *,
    row: int = 0,
    action: Action = Action.BUY,
    quantity: int = 10,
    target: float = 110.0,
    stop: float = 95.0,
    horizon: int = 5,
) -> Order:
    at = close_of(SESSIONS[row])
    name = f"{ticker}-{row}"
    return Order(f"{name}:entry", name, ticker, action, quantity, at, target, stop, horizon, 0.6)


def leaving(order: Order, *, row: int, reason: ExitReason = ExitReason.TIME_EXIT) -> Order:
    action = Action.SELL if order.action is Action.BUY else Action.BUY
    return Order(
        f"{order.decision_id}:exit-{row}",
        order.decision_id,
        order.ticker,
        action,
        order.quantity,
        close_of(SESSIONS[row]),
        order.target_price,
        order.stop_price,
        order.horizon_sessions,
        order.confidence,
        reason,
    )


def test_an_order_fills_at_the_next_open_with_fees_on_the_notional():
    bars = bars_of("AAA", [100, 101, 102], opens={1: 100.5})
    broker = exchange()
    broker.submit(entry())
    broker.trade_through(update_of(bars, 1))
    (report,) = broker.reports()
    assert isinstance(report, OrderFilled)
    assert report.exit_reason is None
    fill = report.fill
    assert (fill.price, fill.quantity, fill.action, fill.at) == (
        Decimal("100.5000"),
        10,
        Action.BUY,
        opened_at(SESSIONS[1]),
    )
    assert fill.costs == Decimal("0.50")  # 5 bp of 1,005.00 is 0.5025
    assert broker.reports() == []  # a report is given once


def test_an_index_pays_the_index_cost():
    broker = exchange()
    broker.submit(entry("SPY", quantity=100))
    broker.trade_through(update_of(bars_of("SPY", [100, 100]), 1))
    assert broker.reports()[0].fill.costs == Decimal("2.00")  # 2 bp of 10,000


def test_where_the_open_is_stale_an_order_fills_at_the_next_close_and_that_bar_cannot_touch_its_bracket():
    bars = bars_of("AAA", [100, 101], lows={1: 90.0})
    broker = exchange()
    broker.submit(entry())
    broker.trade_through(update_of(bars, 1, FillPrice.CLOSE))
    (report,) = broker.reports()
    assert (report.fill.price, report.fill.at) == (Decimal("101.0000"), close_of(SESSIONS[1]))


def test_the_bar_an_order_filled_at_the_open_of_can_stop_it_out():
    bars = bars_of("AAA", [100, 101], lows={1: 94.0})
    broker = exchange()
    broker.submit(entry())
    broker.trade_through(update_of(bars, 1))
    opened, closed = broker.reports()
    assert opened.exit_reason is None
    assert (closed.exit_reason, closed.fill.price) == (ExitReason.STOP_LOSS, Decimal("95.0000"))


@pytest.mark.parametrize(
    ("bar", "reason", "price"),
    [
        ({"open": 90.0, "high": 92.0, "low": 88.0, "close": 91.0}, ExitReason.STOP_LOSS, "90.0000"),  # gap through it
        ({"open": 100.0, "high": 112.0, "low": 94.0, "close": 100.0}, ExitReason.STOP_LOSS, "95.0000"),  # both: stop
        ({"open": 100.0, "high": 112.0, "low": 99.0, "close": 105.0}, ExitReason.TAKE_PROFIT, "110.0000"),
        ({"open": 115.0, "high": 116.0, "low": 114.0, "close": 115.0}, ExitReason.TAKE_PROFIT, "115.0000"),  # gap
    ],
)
def test_a_bracket_fires_where_the_worse_reading_of_the_bar_says(bar, reason, price):
    closes = [100.0, 100.0, bar["close"]]
    bars = bars_of("AAA", closes, opens={2: bar["open"]}, highs={2: bar["high"]}, lows={2: bar["low"]})
    broker = exchange()
    order = entry()
    broker.submit(order)
    broker.trade_through(update_of(bars, 1))
    broker.reports()
    broker.trade_through(update_of(bars, 2))
    (report,) = broker.reports()
    assert (report.order_id, report.exit_reason, report.fill.price) == (order.order_id, reason, Decimal(price))
    assert report.fill.action is Action.SELL


def test_a_short_is_stopped_above_and_pays_at_the_open_of_a_gap_up():
    bars = bars_of("AAA", [100, 100, 112], opens={2: 108.0})
    broker = exchange()
    broker.submit(entry(action=Action.SELL, target=90.0, stop=105.0))
    for row in (1, 2):
        broker.trade_through(update_of(bars, row))
    opened, closed = broker.reports()
    assert (opened.fill.action, closed.fill.action) == (Action.SELL, Action.BUY)
    assert (closed.exit_reason, closed.fill.price) == (ExitReason.STOP_LOSS, Decimal("108.0000"))


def test_without_a_bar_nothing_fills_and_an_entry_is_good_for_one_session():
    other = bars_of("BBB", [50] * 4)
    bars = without_rows(bars_of("AAA", [100] * 4), [1])
    broker = exchange()
    broker.submit(entry())
    broker.trade_through(update_of(other, 1, AAA=bars))
    (report,) = broker.reports()
    assert isinstance(report, OrderRefused)
    assert "no bar of AAA" in report.reason
    broker.trade_through(update_of(other, 2, AAA=bars))
    assert broker.reports() == []


def test_an_exit_waits_for_the_next_bar_there_is():
    other = bars_of("BBB", [50] * 5)
    bars = without_rows(bars_of("AAA", [100, 100, 100, 104, 104], opens={3: 103.0}), [2])
    broker = exchange()
    order = entry()
    broker.submit(order)
    broker.trade_through(update_of(other, 1, AAA=bars))
    broker.submit(leaving(order, row=1))
    broker.reports()
    broker.trade_through(update_of(other, 2, AAA=bars))
    assert broker.reports() == []
    broker.trade_through(update_of(other, 3, AAA=bars))
    (report,) = broker.reports()
    assert (report.exit_reason, report.fill.price) == (ExitReason.TIME_EXIT, Decimal("103.0000"))


@pytest.mark.parametrize("at_open", [94.9, 95.0, 110.0, 111.0])
def test_an_entry_whose_bracket_the_price_jumped_through_is_refused(at_open):
    broker = exchange()
    broker.submit(entry())
    broker.trade_through(update_of(bars_of("AAA", [100, 100], opens={1: at_open}), 1))
    (report,) = broker.reports()
    assert isinstance(report, OrderRefused)
    assert "jumped through the bracket" in report.reason


def test_the_same_order_id_twice_is_one_order_even_after_it_filled():
    bars = bars_of("AAA", [100] * 4)
    broker = exchange()
    broker.submit(entry())
    broker.submit(entry())
    broker.trade_through(update_of(bars, 1))
    assert len(broker.reports()) == 1
    broker.submit(entry())
    broker.trade_through(update_of(bars, 2))
    assert broker.reports() == []


def test_exits_fill_before_entries_whatever_order_they_came_in():
    a, b = bars_of("AAA", [100] * 4), bars_of("BBB", [50] * 4)
    broker = exchange()
    held = entry()
    broker.submit(held)
    broker.trade_through(update_of(a, 1, BBB=b))
    broker.reports()
    broker.submit(entry("BBB", row=1, target=60.0, stop=45.0))
    broker.submit(leaving(held, row=1))
    broker.trade_through(update_of(a, 2, BBB=b))
    assert [r.order_id for r in broker.reports()] == [f"{held.decision_id}:exit-1", "BBB-1:entry"]


def test_what_happened_is_reported_in_the_order_of_time():
    a, b = bars_of("AAA", [100, 100, 100], lows={1: 90.0}), bars_of("BBB", [50] * 3)
    broker = exchange()
    broker.submit(entry())
    broker.submit(entry("BBB", target=60.0, stop=45.0))
    broker.trade_through(update_of(a, 1, BBB=b))
    times = [r.fill.at for r in broker.reports()]
    assert len(times) == 3
    assert times == sorted(times)


def test_an_exit_order_is_reported_under_its_own_id_and_closes_the_whole_position():
    bars = bars_of("AAA", [100] * 4)
    broker = exchange()
    order = entry(quantity=7)
    broker.submit(order)
    broker.trade_through(update_of(bars, 1))
    out = leaving(order, row=1, reason=ExitReason.SIGNAL_EXIT)
    broker.submit(out)
    broker.reports()
    broker.trade_through(update_of(bars, 2))
    (report,) = broker.reports()
    assert (report.order_id, report.fill.order_id, report.fill.quantity) == (out.order_id, out.order_id, 7)
    assert report.exit_reason is ExitReason.SIGNAL_EXIT


def test_an_exit_of_a_position_that_its_bracket_closed_first_is_refused():
    bars = bars_of("AAA", [100, 100, 90])
    broker = exchange()
    order = entry()
    broker.submit(order)
    for row in (1,):
        broker.trade_through(update_of(bars, row, FillPrice.CLOSE))
    broker.submit(leaving(order, row=1))
    broker.reports()
    broker.trade_through(update_of(bars, 2, FillPrice.CLOSE))
    stopped, refused = broker.reports()
    assert stopped.exit_reason is ExitReason.STOP_LOSS
    assert isinstance(refused, OrderRefused)
    assert "already closed" in refused.reason


def test_a_cancelled_order_never_fills_and_an_unknown_one_cannot_be_cancelled():
    broker = exchange()
    broker.submit(entry())
    broker.cancel("AAA-0:entry")
    broker.cancel("nobody:entry")
    broker.trade_through(update_of(bars_of("AAA", [100, 100]), 1))
    (report,) = broker.reports()
    assert (report.order_id, report.reason) == ("AAA-0:entry", "cancelled")


def test_a_bracket_that_was_moved_holds_from_the_next_bar_under_the_name_of_its_entry():
    bars = bars_of("AAA", [100, 100, 100, 100], lows={1: 96.0, 2: 96.0, 3: 97.5})
    broker = exchange()
    order = entry()
    broker.submit(order)
    for row in (1, 2):
        broker.trade_through(update_of(bars, row))
    broker.reports()
    broker.amend(order.order_id, target_price=120.0, stop_price=98.0)
    assert broker.reports() == []  # the low of the bar before does not count
    broker.trade_through(update_of(bars, 3))
    (report,) = broker.reports()
    assert (report.order_id, report.exit_reason, report.fill.price) == (
        order.order_id,
        ExitReason.STOP_LOSS,
        Decimal("98.0000"),
    )


def test_moving_the_bracket_of_nothing_does_nothing():
    broker = exchange()
    broker.submit(entry())
    broker.amend("AAA-0:entry", target_price=90.0, stop_price=80.0)  # not filled yet
    broker.amend("nobody:entry", target_price=90.0, stop_price=80.0)
    broker.trade_through(update_of(bars_of("AAA", [100, 100]), 1))
    (report,) = broker.reports()
    assert isinstance(report, OrderFilled)


def test_at_the_end_of_the_data_what_is_open_is_closed_at_the_last_close():
    bars = bars_of("AAA", [100, 100, 103])
    broker = exchange()
    broker.submit(entry())
    for row in (1, 2):
        broker.trade_through(update_of(bars, row))
    broker.reports()
    broker.close_all(update_of(bars, 2))
    (report,) = broker.reports()
    assert (report.exit_reason, report.fill.price) == (ExitReason.END_OF_DATA, Decimal("103.0000"))
    broker.close_all(update_of(bars, 2))
    assert broker.reports() == []


@given(
    steps=st.lists(st.floats(-0.03, 0.03), min_size=8, max_size=16),
    gaps=st.lists(st.floats(-0.02, 0.02), min_size=16, max_size=16),
    bullish=st.booleans(),
    horizon=st.integers(1, 5),
    fill_price=st.sampled_from(FillPrice),
)
def test_a_trade_on_the_exchange_ends_as_memory_says_its_signal_did(steps, gaps, bullish, horizon, fill_price):
    """Brackets and the time exit of the exchange and of ``resolve_signals`` are two readings of one rule."""
    closes = 100.0 * np.cumprod(1.0 + np.array([0.0, *steps]))
    opens = {i: float(closes[i - 1] * (1.0 + gaps[i - 1])) for i in range(1, len(closes))}
    bars = bars_of("AAA", closes.tolist(), opens=opens)
    sign = 1 if bullish else -1
    target, stop = round(100.0 + 5 * sign, 2), round(100.0 - 4 * sign, 2)
    broker = exchange()
    order = entry(action=Action.BUY if bullish else Action.SELL, target=target, stop=stop, horizon=horizon)
    broker.submit(order)
    reports = []
    for row in range(1, len(bars)):
        broker.trade_through(update_of(bars, row, fill_price))
        reports += broker.reports()
        if row - 1 == horizon - 1:  # the close before the last session of the horizon
            broker.submit(leaving(order, row=row))
    said = resolve_signals(
        bars,
        [0],
        [sign],
        [target],
        [stop],
        [horizon],
        fill_at_close=fill_price is FillPrice.CLOSE,
        cost_bp_per_side=5.0,
    ).at(0)
    fills = [r for r in reports if isinstance(r, OrderFilled)]
    if not fills:
        assert isinstance(reports[0], OrderRefused)  # jumped through: memory books it as costs and nothing else
        assert said is not None
        assert said.exit_row == said.entry_row
        return
    if said is None:
        assert len(fills) == 1
        return
    assert len(fills) == 2
    assert fills[1].exit_reason is said.reason
    assert float(fills[0].fill.price) == pytest.approx(said.entry_price, abs=5.1e-5)
    assert float(fills[1].fill.price) == pytest.approx(said.exit_price, abs=5.1e-5)
    day = np.datetime64(fills[1].fill.at.replace(tzinfo=None), "D")
    assert day == bars.session[said.exit_row]
