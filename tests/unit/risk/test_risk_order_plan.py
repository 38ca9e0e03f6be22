"""The orders a trade becomes, and whether the broker can take them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lightning_gex.core.enums import Action, Direction
from lightning_gex.core.errors import SettingsError
from lightning_gex.risk.order_plan import BrokerCapabilities, OrderKind, OrderPlan, plan_orders
from lightning_gex.risk.tactical import TradePlan

LONG = TradePlan("AAPL", Direction.BULLISH, "trend_following", 180.0, 189.0, 171.0, 10, 0.05, 0.05, ())
SHORT = replace(LONG, direction=Direction.BEARISH, target_price=171.0, stop_price=189.0)
ANY = BrokerCapabilities()


def planned(plan: TradePlan = LONG, quantity: int = 10, broker: BrokerCapabilities = ANY) -> OrderPlan:
    found = plan_orders(plan, quantity, broker)
    assert isinstance(found, OrderPlan)
    return found


def test_an_entry_at_the_market_is_guarded_by_a_stop_and_a_limit():
    found = planned()
    assert (found.entry.kind, found.entry.action, found.entry.price) == (OrderKind.MARKET, Action.BUY, None)
    assert (found.stop.kind, found.stop.action, found.stop.price) == (OrderKind.STOP, Action.SELL, 171.0)
    assert found.target is not None
    assert (found.target.kind, found.target.price) == (OrderKind.LIMIT, 189.0)
    assert {leg.quantity for leg in (found.entry, found.stop, found.target)} == {10}
    assert found.attached
    assert str(found) == "BUY 10 at the next opening, then stop 171 and limit 189, one cancels the other"


def test_a_short_is_sold_first_and_bought_back():
    found = planned(SHORT)
    assert (found.entry.action, found.stop.action, found.stop.price) == (Action.SELL, Action.BUY, 189.0)


def test_without_brackets_the_broker_holds_the_stop_and_the_program_watches_the_target():
    found = planned(broker=BrokerCapabilities("Plain", brackets=False))
    assert found.target is None
    assert not found.attached
    assert found.note == "Plain holds the stop alone; the target is watched by this program"
    assert str(found) == "BUY 10 at the next opening, then stop 171"


@pytest.mark.parametrize(
    ("plan", "quantity", "broker", "reason"),
    [
        (SHORT, 10, BrokerCapabilities("B", shorts=False), "sells no shares short"),
        (LONG, 10, BrokerCapabilities("B", brackets=False, stops=False), "would stand unguarded"),
        (LONG, 101, BrokerCapabilities("B", largest_quantity=100), "101 shares are more than the 100"),
        (LONG, 1, BrokerCapabilities("B", least_notional_usd=200.0), "180.00 USD are less than the 200.00"),
    ],
)
def test_what_the_broker_cannot_take_is_said_when_planning(plan, quantity, broker, reason):
    said = plan_orders(plan, quantity, broker)
    assert isinstance(said, str)
    assert reason in said


@pytest.mark.parametrize("wrong", [{"least_notional_usd": -1.0}, {"largest_quantity": 0}])
def test_capabilities_that_no_broker_has_are_refused(wrong):
    with pytest.raises(SettingsError, match="impossible size"):
        BrokerCapabilities("B", **wrong)
