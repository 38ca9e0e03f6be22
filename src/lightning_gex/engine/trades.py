"""Orders and trades as they follow from decisions and fills."""

from __future__ import annotations

from datetime import datetime

from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import Action, Direction, ExitReason
from lightning_gex.core.ledger import money
from lightning_gex.core.orders import ClosedTrade, Fill, OpenTrade, Order


def entry_order(decision: Decision) -> Order:
    """The order an approved decision asks for."""
    return Order(
        order_id=f"{decision.decision_id}:entry",
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
    costs = trade.entry_costs + fill.costs
    # Each side to the cent, as the ledger books it: the profits of all trades add up to what the account earned.
    gross = (money(fill.price * trade.quantity) - money(trade.entry_price * trade.quantity)) * int(trade.direction)
    return ClosedTrade(
        trade_id=trade.trade_id,
        decision_id=trade.decision_id,
        ticker=trade.ticker,
        direction=trade.direction,
        quantity=trade.quantity,
        decided_at=trade.decided_at,
        entry_at=trade.entry_at,
        exit_at=fill.at,
        entry_price=trade.entry_price,
        exit_price=fill.price,
        horizon_sessions=trade.horizon_sessions,
        confidence=trade.confidence,
        costs=costs,
        pnl=gross - costs,
        exit_reason=reason,
        assumed=trade.assumed or fill.assumed,
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
