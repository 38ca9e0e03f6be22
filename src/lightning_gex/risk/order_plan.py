"""The orders a trade becomes, and whether the broker can take them: asked when planning, not when sending."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from lightning_gex.core.enums import Action, Direction
from lightning_gex.core.errors import SettingsError
from lightning_gex.risk.tactical import TradePlan


class OrderKind(StrEnum):
    """How an order is filled."""

    MARKET = "market"  # at the next bar's opening
    LIMIT = "limit"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class BrokerCapabilities:
    """What a broker can take.

    Parameters
    ----------
    name : for messages.
    brackets : whether stop and target can be attached to the entry, each cancelling the other.
    stops : whether an order can wait for a stop price.
    shorts : whether shares can be sold that are not held.
    least_notional_usd, largest_quantity : of one order, USD and shares.
    amends : whether stop and target of a position can be moved. Without, no trade is carried on: each ends at its
        horizon, and the decision of that session says so.
    """

    name: str = "simulated exchange"
    brackets: bool = True
    stops: bool = True
    shorts: bool = True
    least_notional_usd: float = 0.0
    largest_quantity: int = 10_000_000
    amends: bool = True

    def __post_init__(self) -> None:
        if not 0.0 <= self.least_notional_usd < math.inf or self.largest_quantity < 1:
            raise SettingsError(f"the capabilities of {self.name} name an impossible size")


@dataclass(frozen=True, slots=True)
class OrderLeg:
    """One order of a plan. ``price`` is USD, None where it is filled at the market."""

    kind: OrderKind
    action: Action
    quantity: int
    price: float | None


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """The entry and what guards it.

    Parameters
    ----------
    entry : the first order.
    stop, target : what closes the position. ``target`` is None where the broker cannot hold both: the program then
        closes at the target itself.
    attached : whether the broker holds them from the fill of the entry on.
    note : what the broker cannot do, or None.
    """

    entry: OrderLeg
    stop: OrderLeg
    target: OrderLeg | None
    attached: bool
    note: str | None

    def __str__(self) -> str:
        """The plan in one line."""
        guard = f"stop {self.stop.price:g}"
        if self.target is not None:
            guard += f" and limit {self.target.price:g}, one cancels the other"
        return f"{self.entry.action.value} {self.entry.quantity} at the next opening, then {guard}"


def plan_orders(plan: TradePlan, quantity: int, broker: BrokerCapabilities) -> OrderPlan | str:
    """The orders of a sized plan, or why the broker cannot take them.

    Parameters
    ----------
    plan : from the tactical layer.
    quantity : shares.
    broker : what it can take.

    Returns
    -------
    The plan, or the reason in words. A position is never planned without a stop that the broker holds.
    """
    long = plan.direction is Direction.BULLISH
    enter, leave = (Action.BUY, Action.SELL) if long else (Action.SELL, Action.BUY)
    notional = quantity * plan.entry_price
    if not long and not broker.shorts:
        return f"{broker.name} sells no shares short"
    if not broker.brackets and not broker.stops:
        return f"{broker.name} holds no stop: the position would stand unguarded"
    if quantity > broker.largest_quantity:
        return f"{quantity:,} shares are more than the {broker.largest_quantity:,} that {broker.name} takes in an order"
    if notional < broker.least_notional_usd:
        return f"{notional:,.2f} USD are less than the {broker.least_notional_usd:,.2f} that {broker.name} asks for"
    target = OrderLeg(OrderKind.LIMIT, leave, quantity, plan.target_price)
    note = None if broker.brackets else f"{broker.name} holds the stop alone; the target is watched by this program"
    return OrderPlan(
        entry=OrderLeg(OrderKind.MARKET, enter, quantity, None),
        stop=OrderLeg(OrderKind.STOP, leave, quantity, plan.stop_price),
        target=target if broker.brackets else None,
        attached=broker.brackets,
        note=note,
    )
