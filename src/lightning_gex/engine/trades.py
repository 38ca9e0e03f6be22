"""Orders and trades as they follow from decisions and fills."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import Action, Direction, ExitReason
from lightning_gex.core.events import Event, TradeCarriedOn, TradeClosed
from lightning_gex.core.ledger import money, price
from lightning_gex.core.orders import ClosedTrade, Fill, OpenTrade, Order
from lightning_gex.core.ports import BrokerReport, OrderFilled


def entry_id(trade: OpenTrade) -> str:
    """The id of the order that opened a position: the broker's name for what guards it, whichever leg it is in."""
    return _entry_id(trade.entered_by)


def _entry_id(decision_id: str) -> str:
    return f"{decision_id}:entry"


def closed_trades(events: Iterable[Event]) -> list[ClosedTrade]:
    """The trades, and legs of trades, that ended in these events."""
    ended = (e.trade if isinstance(e, TradeClosed) else e.closed for e in events if isinstance(e, _ENDS))
    return list(ended)


_ENDS = (TradeClosed, TradeCarriedOn)


def entry_order(decision: Decision) -> Order:
    """The order an approved decision asks for."""
    return Order(
        order_id=_entry_id(decision.decision_id),
        decision_id=decision.decision_id,
        ticker=decision.ticker,
        action=decision.action,
        quantity=decision.quantity,
        placed_at=decision.as_of,
        target_price=decision.target_price,
        stop_price=decision.stop_loss,
        horizon_sessions=decision.time_horizon_days,
        confidence=decision.confidence,
        reference_price=decision.entry_price,
    )


def opened_trade(trade_id: int, order: Order, fill: Fill) -> OpenTrade:
    """The trade an entry's fill opens."""
    return OpenTrade(
        trade_id=trade_id,
        decision_id=order.decision_id,
        ticker=order.ticker,
        direction=Direction.BULLISH if order.action is Action.BUY else Direction.BEARISH,
        quantity=fill.quantity,
        decided_at=order.placed_at,
        entry_at=fill.at,
        entry_price=fill.price,
        entry_costs=fill.costs,
        target_price=order.target_price,
        stop_price=order.stop_price,
        horizon_sessions=order.horizon_sessions,
        confidence=order.confidence,
        assumed=fill.assumed,
    )


def closed_trade(trade: OpenTrade, fill: Fill, reason: ExitReason) -> ClosedTrade:
    """The trade an exit's fill closes, with its profit after all costs."""
    return _ended(trade, fill.at, fill.price, fill.costs, reason, assumed=fill.assumed)


def carried_on(trade: OpenTrade, decision: Decision, trade_id: int) -> TradeCarriedOn:
    """The end of one leg and the beginning of the next, at the price that the decision was made at.

    Parameters
    ----------
    trade : the leg that ends.
    decision : carries it on: the next leg's bracket, horizon and confidence.
    trade_id : of the next leg.
    """
    at, usd = decision.as_of, price(decision.entry_price)
    opened = OpenTrade(
        trade_id=trade_id,
        decision_id=decision.decision_id,
        ticker=trade.ticker,
        direction=trade.direction,
        quantity=trade.quantity,
        decided_at=at,
        entry_at=at,
        entry_price=usd,
        entry_costs=Decimal(0),
        target_price=decision.target_price,
        stop_price=decision.stop_loss,
        horizon_sessions=decision.time_horizon_days,
        confidence=decision.confidence,
        assumed=trade.assumed,
        carries=trade.entered_by,
    )
    return TradeCarriedOn(at, _ended(trade, at, usd, Decimal(0), ExitReason.CARRIED_ON), opened)


def _ended(
    trade: OpenTrade, at: datetime, usd: Decimal, exit_costs: Decimal, reason: ExitReason, *, assumed: bool = False
) -> ClosedTrade:
    costs = trade.entry_costs + exit_costs
    # Each side to the cent, as the ledger books it: the profits of all trades add up to what the account earned.
    gross = (money(usd * trade.quantity) - money(trade.entry_price * trade.quantity)) * int(trade.direction)
    return ClosedTrade(
        trade_id=trade.trade_id,
        decision_id=trade.decision_id,
        ticker=trade.ticker,
        direction=trade.direction,
        quantity=trade.quantity,
        decided_at=trade.decided_at,
        entry_at=trade.entry_at,
        exit_at=at,
        entry_price=trade.entry_price,
        exit_price=usd,
        horizon_sessions=trade.horizon_sessions,
        confidence=trade.confidence,
        costs=costs,
        pnl=gross - costs,
        exit_reason=reason,
        assumed=trade.assumed or assumed,
        carries=trade.carries,
    )


def exit_order(trade: OpenTrade, reason: ExitReason, at: datetime, price: float) -> Order:
    """The order that closes a trade.

    Parameters
    ----------
    trade : what is closed.
    reason : why.
    at : aware UTC; its date tells a second try from the first: a broker takes one id once, even where it refused it.
    price : USD, the latest one.
    """
    return Order(
        order_id=f"{trade.decision_id}:exit-{at:%Y%m%d}",
        decision_id=trade.decision_id,
        ticker=trade.ticker,
        action=Action.SELL if trade.direction is Direction.BULLISH else Action.BUY,
        quantity=trade.quantity,
        placed_at=at,
        target_price=trade.target_price,
        stop_price=trade.stop_price,
        horizon_sessions=trade.horizon_sessions,
        confidence=trade.confidence,
        exit_reason=reason,
        reference_price=price,
    )


def booking_order(report: BrokerReport) -> tuple[bool, datetime | None, bool, str]:
    """What a broker told in the order of booking: fills by time, exits before entries, then what ended without one.

    So books do not depend on the order of telling.
    """
    if not isinstance(report, OrderFilled):
        return True, None, False, report.order_id
    return False, report.fill.at, report.exit_reason is None, report.order_id
