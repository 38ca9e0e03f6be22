"""Orders, trades and the legs of trades follow from decisions and fills, to the cent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_engine import SESSIONS
from builders_events import decided
from lightning_gex.core.enums import Action, DecisionStatus, Direction, ExitReason
from lightning_gex.core.events import TradeCarriedOn, TradeClosed
from lightning_gex.core.ledger import Ledger, money, price
from lightning_gex.core.orders import Fill, OpenTrade
from lightning_gex.core.sessions import close_of
from lightning_gex.engine.trades import carried_on, closed_trade, closed_trades, entry_id, entry_order, opened_trade


def approved(row: int, usd: float, *, action: Action = Action.BUY, quantity: int = 7):
    up = action is not Action.SELL
    return replace(
        decided(row),
        decision_id=f"SPY-{row}",
        as_of=close_of(SESSIONS[row]),
        status=DecisionStatus.APPROVED,
        action=action,
        direction=Direction.BULLISH if up else Direction.BEARISH,
        quantity=quantity,
        entry_price=usd,
        target_price=usd * (1.2 if up else 0.8),
        stop_loss=usd * (0.8 if up else 1.2),
        confidence=0.5 + row / 1_000,
        time_horizon_days=10,
    )


def bought(usd: str = "100.1234", costs: str = "0.35", **options) -> OpenTrade:
    order = entry_order(approved(0, float(usd), **options))
    fill = Fill(order.order_id, "SPY", order.action, order.quantity, Decimal(usd), Decimal(costs), order.placed_at)
    return opened_trade(3, order, fill)


def test_a_leg_ends_and_the_next_begins_at_the_price_decided_at_without_costs_there():
    trade, decision = bought(), approved(10, 104.5)
    event = carried_on(trade, decision, 9)
    closed, opened = event.closed, event.opened
    assert (closed.exit_reason, closed.exit_price, closed.costs) == (
        ExitReason.CARRIED_ON,
        Decimal("104.5000"),
        Decimal("0.35"),
    )
    assert (opened.entry_price, opened.entry_costs, opened.trade_id) == (Decimal("104.5000"), Decimal(0), 9)
    assert event.at == closed.exit_at == opened.entry_at == opened.decided_at == decision.as_of
    assert (opened.target_price, opened.stop_price) == (decision.target_price, decision.stop_loss)
    assert (opened.confidence, opened.horizon_sessions) == (decision.confidence, 10)
    assert (closed.bought, closed.sold) == (True, False)


def test_every_leg_goes_by_the_order_that_bought_the_shares():
    trade = bought()
    assert entry_id(trade) == entry_order(approved(0, 100.0)).order_id
    for row in (10, 20, 30):
        event = carried_on(trade, approved(row, 100.0 + row), row)
        assert entry_id(event.opened) == "SPY-0:entry"
        assert (event.closed.carries, event.opened.carries) == (trade.carries, "SPY-0")
        trade = event.opened
    ended = closed_trade(
        trade, Fill("x", "SPY", Action.SELL, 7, price(99.0), Decimal(1), trade.entry_at), ExitReason.STOP_LOSS
    )
    assert (ended.decision_id, ended.bought, ended.sold) == ("SPY-30", False, True)


def test_what_ended_in_some_events_are_trades_and_legs_in_their_order():
    trade = bought()
    event = carried_on(trade, approved(10, 101.0), 4)
    fill = Fill("x", "SPY", Action.SELL, 7, price(99.0), Decimal(1), trade.entry_at)
    ended = closed_trade(event.opened, fill, ExitReason.TIME_EXIT)
    told = [event, TradeClosed(fill.at, fill, ended)]
    assert isinstance(told[0], TradeCarriedOn)
    assert closed_trades(told) == [event.closed, ended]


@given(
    usd=st.lists(st.floats(0.01, 5_000.0), min_size=2, max_size=6),
    quantity=st.integers(1, 5_000),
    costs=st.tuples(st.integers(0, 5_000), st.integers(0, 5_000)),
    action=st.sampled_from([Action.BUY, Action.SELL]),
)
def test_the_legs_profits_add_up_to_what_the_account_earned_to_the_cent(usd, quantity, costs, action):
    """The ledger sees the purchase and the sale alone; the legs between them are book-keeping."""
    paid, due = (Decimal(c) / 100 for c in costs)
    first, *between, last = (price(u) for u in usd)
    order = replace(entry_order(approved(0, 100.0, action=action)), quantity=quantity)
    entry = Fill(order.order_id, "SPY", action, quantity, first, paid, order.placed_at)
    trade, legs = opened_trade(0, order, entry), []
    for number, at in enumerate(between, start=1):
        event = carried_on(trade, approved(number, float(at), action=Action.HOLD, quantity=quantity), number)
        legs.append(event.closed)
        trade = event.opened
    leave = Fill("x", "SPY", Action.SELL if action is Action.BUY else Action.BUY, quantity, last, due, order.placed_at)
    legs.append(closed_trade(trade, leave, ExitReason.TIME_EXIT))
    start = money(0)
    assert sum((leg.pnl for leg in legs), start) == Ledger(start).applied(entry).applied(leave).cash
    assert sum((leg.costs for leg in legs), start) == paid + due
    assert [leg.bought for leg in legs] == [True] + [False] * len(between)
    assert all(one.exit_price == other.entry_price for one, other in pairwise(legs))


@pytest.mark.parametrize("action", [Action.BUY, Action.SELL])
def test_a_leg_keeps_shares_and_direction(action):
    trade = bought(action=action)
    opened = carried_on(trade, approved(10, 90.0, action=Action.HOLD), 1).opened
    assert (opened.quantity, opened.direction, opened.ticker) == (trade.quantity, trade.direction, trade.ticker)
