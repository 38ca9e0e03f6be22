"""One suite for the Broker port: what every broker does with orders, fills, and the bracket of what it guards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from builders_engine import SESSIONS, bars_of, update_of
from lightning_gex.core.enums import Action, ExitReason
from lightning_gex.core.orders import Order
from lightning_gex.core.ports import Broker, OrderFilled, OrderRefused
from lightning_gex.core.sessions import close_of
from lightning_gex.engine.config import CostSchedule
from lightning_gex.engine.feed import SessionUpdate
from lightning_gex.engine.simulated_broker import SimulatedBroker
from trading_day import DurableExchange


@dataclass(frozen=True)
class Market:
    """A broker, and how a session passes there."""

    broker: Broker
    passes: Callable[[int, SessionUpdate], None]


def _simulated(_: Path) -> Market:
    broker = SimulatedBroker(CostSchedule())
    return Market(broker, lambda _, update: broker.trade_through(update))


def _standing(_: Path) -> Market:
    broker = SimulatedBroker.standing(CostSchedule(), (), ())
    return Market(broker, lambda _, update: broker.trade_through(update))


def _durable(folder: Path) -> Market:
    broker = DurableExchange(folder / "exchange.jsonl", lambda: None)
    return Market(broker, broker.advance)


@pytest.fixture(params=[_simulated, _standing, _durable], ids=["simulated", "standing", "durable"])
def market(request: pytest.FixtureRequest, tmp_path: Path) -> Market:
    made: Market = request.param(tmp_path)
    return made


ENTRY = Order("AAA-0:entry", "AAA-0", "AAA", Action.BUY, 10, close_of(SESSIONS[0]), 120.0, 90.0, 5, 0.6)
EXIT = Order(
    "AAA-1:exit-1", "AAA-1", "AAA", Action.SELL, 10, close_of(SESSIONS[1]), 130.0, 97.0, 5, 0.6, ExitReason.TIME_EXIT
)


def told(market: Market, row: int, low: float = 100.0, high: float = 100.0) -> list[object]:
    """What the broker tells after a session in which the price went from 100 to these and back."""
    bars = bars_of("AAA", [100.0] * (row + 1), lows={row: low}, highs={row: high})
    market.passes(row, update_of(bars, row))
    return list(market.broker.reports())


def test_an_order_sent_twice_is_filled_once_and_told_once(market: Market) -> None:
    market.broker.submit(ENTRY)
    market.broker.submit(ENTRY)
    (fill,) = told(market, 1)
    assert isinstance(fill, OrderFilled)
    assert (fill.order_id, fill.exit_reason, fill.fill.quantity) == (ENTRY.order_id, None, 10)
    assert told(market, 2) == []


def test_an_order_withdrawn_before_its_bar_is_told_as_refused(market: Market) -> None:
    market.broker.submit(ENTRY)
    market.broker.cancel(ENTRY.order_id)
    (refusal,) = told(market, 1)
    assert isinstance(refusal, OrderRefused)


def test_history_tells_everything_again_and_none_of_what_was_never_sent(market: Market) -> None:
    assert market.broker.history(ENTRY.order_id) is None
    market.broker.submit(ENTRY)
    assert list(market.broker.history(ENTRY.order_id) or [None]) in ([], [None])
    first, second = told(market, 1), told(market, 2, low=89.0)
    assert list(market.broker.history(ENTRY.order_id) or ()) == [*first, *second]


def test_a_bracket_fires_under_the_name_of_the_order_that_it_came_with(market: Market) -> None:
    market.broker.submit(ENTRY)
    told(market, 1)
    (report,) = told(market, 2, low=89.0)
    assert isinstance(report, OrderFilled)
    assert (report.order_id, report.exit_reason, report.fill.price) == (
        ENTRY.order_id,
        ExitReason.STOP_LOSS,
        Decimal(90),
    )


@pytest.mark.parametrize("times", [1, 2])
def test_a_moved_bracket_fires_at_its_new_prices_under_the_same_name(market: Market, times: int) -> None:
    market.broker.submit(ENTRY)
    told(market, 1)
    for _ in range(times):
        market.broker.amend(ENTRY.order_id, target_price=130.0, stop_price=97.0)
    assert told(market, 2, high=121.0) == []  # the former target
    (report,) = told(market, 3, low=96.0)
    assert isinstance(report, OrderFilled)
    assert (report.order_id, report.exit_reason, report.fill.price) == (
        ENTRY.order_id,
        ExitReason.STOP_LOSS,
        Decimal(97),
    )


def test_moving_a_bracket_trades_nothing_and_tells_nothing(market: Market) -> None:
    market.broker.submit(ENTRY)
    told(market, 1)
    market.broker.amend(ENTRY.order_id, target_price=130.0, stop_price=97.0)
    assert told(market, 2) == []
    assert len(list(market.broker.history(ENTRY.order_id) or ())) == 1


def test_moving_the_bracket_of_what_was_never_opened_or_is_closed_does_nothing(market: Market) -> None:
    market.broker.amend("nobody:entry", target_price=130.0, stop_price=97.0)
    market.broker.submit(ENTRY)
    told(market, 1)
    told(market, 2, low=89.0)
    market.broker.amend(ENTRY.order_id, target_price=130.0, stop_price=97.0)
    assert told(market, 3, low=80.0) == []


def test_an_exit_in_another_decision_s_name_closes_the_position_whose_bracket_was_moved(market: Market) -> None:
    market.broker.submit(ENTRY)
    told(market, 1)
    market.broker.amend(ENTRY.order_id, target_price=130.0, stop_price=97.0)
    market.broker.submit(EXIT)
    (report,) = told(market, 2)
    assert isinstance(report, OrderFilled)
    assert (report.order_id, report.exit_reason, report.fill.action) == (
        EXIT.order_id,
        ExitReason.TIME_EXIT,
        Action.SELL,
    )
    assert told(market, 3, low=80.0) == []
