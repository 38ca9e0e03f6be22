"""A broker that fails, a clock that goes back, a session shown twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from account_runs import trader_of, updates
from builders_engine import ListJournal
from lightning_gex.core.errors import RefusedError, SourceError, StoreError
from lightning_gex.core.events import OperationFailed, OrderPlaced, RunResumed
from lightning_gex.core.orders import Order
from lightning_gex.core.ports import BrokerReport
from lightning_gex.engine.config import CostSchedule
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.trader import Trader
from lightning_gex.risk.guardrails import GuardrailLimits


class Moody(SimulatedBroker):
    """Refuses to work while ``down``; an order may have reached it all the same."""

    down = False
    takes_it_anyway = False

    def submit(self, order: Order) -> None:
        if not self.down or self.takes_it_anyway:
            super().submit(order)
        self._ask()

    def reports(self) -> Sequence[BrokerReport]:
        self._ask()
        return super().reports()

    def history(self, order_id: str) -> Sequence[BrokerReport] | None:
        self._ask()
        return super().history(order_id)

    def _ask(self) -> None:
        if self.down:
            raise SourceError("the broker does not answer")


@pytest.fixture
def broker() -> Moody:
    return Moody(CostSchedule())


@pytest.fixture
def trader(broker: Moody) -> Trader:
    made = trader_of(ListJournal(), GuardrailLimits())
    made.broker = broker
    return made


def told(trader: Trader, kind: type) -> list:
    return [record.event for record in trader.journal.read() if isinstance(record.event, kind)]


@pytest.mark.parametrize("reached", [False, True])
def test_an_order_in_doubt_is_asked_about_and_sent_only_where_it_never_arrived(
    trader: Trader, broker: Moody, reached: bool
) -> None:
    first, second, _ = updates()
    broker.down, broker.takes_it_anyway = True, reached
    trader.see(first)
    assert [e.operation for e in told(trader, OperationFailed)] == ["ask for reports", "send an order"]
    broker.down = False
    if reached:
        broker.trade_through(second)
    trader.see(second)
    assert bool(trader.state.open_trades) is reached  # else it is sent only now, for the session after
    assert len(told(trader, OrderPlaced)) == 1
    assert len(broker._seen) == 1


def test_repeated_failures_trip_the_breaker_and_a_good_broker_does_not(trader: Trader, broker: Moody) -> None:
    for number, update in enumerate(updates()):
        broker.down = number > 0
        trader.see(update)
    assert trader.state.error_rate == pytest.approx(0.2)  # reports were not told twice, of at least ten operations
    assert "error_rate" in trader.state.tripped


def test_a_session_shown_twice_is_lived_through_once(trader: Trader) -> None:
    update = updates()[0]
    assert len(trader.see(update)) == 1
    count, state = len(list(trader.journal.read())), trader.state
    assert trader.see(update) == []
    assert len(list(trader.journal.read())) == count
    assert trader.state == state


def test_an_earlier_session_is_refused(trader: Trader) -> None:
    first, second, _ = updates()
    trader.see(second)
    with pytest.raises(RefusedError, match="time only goes forward"):
        trader.see(first)


def test_a_journal_that_fails_sends_nothing_and_the_session_can_be_shown_again(trader: Trader, broker: Moody) -> None:
    update = updates()[0]
    journal = trader.journal
    assert isinstance(journal, ListJournal)
    journal.failing = True
    with pytest.raises(StoreError):
        trader.see(update)
    assert not broker._seen
    journal.failing = False
    assert len(trader.see(update)) == 1
    assert len(broker._seen) == 1


def test_resuming_asks_about_what_is_open_and_books_nothing_twice(trader: Trader, broker: Moody) -> None:
    first, second, third = updates()
    trader.see(first)
    broker.trade_through(second)
    trader.see(second)
    events = [record.event for record in trader.journal.read()]
    again = trader_of(ListJournal(), GuardrailLimits())
    again.broker = broker
    again.resume(events, at=second.closed_at)
    assert again.state == trader.state
    broker._reports = [r for told_of in broker._told.values() for r in told_of]  # a new connection tells it all again
    broker.trade_through(third)
    again.see(third)
    assert len(told(again, RunResumed)) == 1
    assert again.state.next_trade_id == 1
    assert again.state.ledger == replace(trader.state.ledger) or again.state.closed == 1
