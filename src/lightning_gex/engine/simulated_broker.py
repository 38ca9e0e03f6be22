"""An exchange for backtests and paper trading: fills only from bars that happened.

Market orders get the next bar's open (or close, for cash indices whose printed open is stale). A stop through a gap
fills at the open, and the stop comes before the target when one bar holds both. No bar, no fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lightning_gex.analytics.fills import bracket_exit, trade_costs_usd
from lightning_gex.core.enums import Action, Direction, ExitReason, FillPrice
from lightning_gex.core.ledger import money, price
from lightning_gex.core.orders import Fill, Order
from lightning_gex.core.ports import BrokerReport, OrderFilled, OrderRefused
from lightning_gex.engine.config import CostSchedule
from lightning_gex.engine.feed import SessionUpdate, TickerView


@dataclass(slots=True)
class SimulatedBroker:
    """Implements ``core.ports.Broker`` over the bars it is shown.

    Parameters
    ----------
    costs : what one side of a trade costs.
    """

    costs: CostSchedule
    _orders: dict[str, Order] = field(default_factory=dict)
    _guarded: dict[str, Order] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _reports: list[BrokerReport] = field(default_factory=list)

    def submit(self, order: Order) -> None:
        """Take an order for the next bar. The same id twice is one order."""
        if order.order_id not in self._seen:
            self._seen.add(order.order_id)
            self._orders[order.order_id] = order

    def cancel(self, order_id: str) -> None:
        """Withdraw an order that is not filled yet."""
        if self._orders.pop(order_id, None) is not None:
            self._reports.append(OrderRefused(order_id, "cancelled"))

    def reports(self) -> Sequence[BrokerReport]:
        """What happened since the last call, oldest first."""
        reports, self._reports = self._reports, []
        return reports

    def trade_through(self, update: SessionUpdate) -> None:
        """Let one session happen: openings, brackets, closings, in this order."""
        for ticker, view in update.views.items():
            at_open = view.fill_price is FillPrice.OPEN
            open_price = float(view.bars.open[view.row])
            if at_open:
                self._fill_market_orders(ticker, open_price, update.opened_at)
            self._fill_bracket(ticker, view, update.closed_at)
            if not at_open:
                self._fill_market_orders(ticker, view.close, update.closed_at)
        self._expire_entries(update)

    def close_all(self, update: SessionUpdate) -> None:
        """Close what is still open at the last price: the data ended."""
        for ticker, order in list(self._guarded.items()):
            if ticker in update.views:
                self._exit(order, update.views[ticker].close, update.closed_at, ExitReason.END_OF_DATA)

    def _fill_market_orders(self, ticker: str, at_price: float, at: datetime) -> None:
        waiting = [o for o in self._orders.values() if o.ticker == ticker]
        for order in sorted(waiting, key=lambda o: o.exit_reason is None):  # exits first: they free the capital
            del self._orders[order.order_id]
            if order.exit_reason is not None:
                held = self._guarded.get(ticker)
                if held is None:
                    self._reports.append(OrderRefused(order.order_id, "the position was already closed"))
                else:
                    self._exit(held, at_price, at, order.exit_reason)
            elif not _inside_bracket(order, at_price):
                why = "the price jumped through the bracket before the fill"
                self._reports.append(OrderRefused(order.order_id, why))
            else:
                self._guarded[ticker] = order
                self._reports.append(OrderFilled(order.order_id, self._fill(order, order.action, at_price, at), None))

    def _fill_bracket(self, ticker: str, view: TickerView, at: datetime) -> None:
        order = self._guarded.get(ticker)
        if order is None:
            return
        bars, row = view.bars, view.row
        leave = bracket_exit(
            float(bars.open[row]),
            float(bars.high[row]),
            float(bars.low[row]),
            float(bars.close[row]),
            Direction.BULLISH if order.action is Action.BUY else Direction.BEARISH,
            order.target_price,
            order.stop_price,
            fill_at_close=view.fill_price is FillPrice.CLOSE,
        )
        if leave is not None:
            self._exit(order, leave.price, at, leave.reason)

    def _exit(self, entry: Order, at_price: float, at: datetime, reason: ExitReason) -> None:
        del self._guarded[entry.ticker]
        action = Action.SELL if entry.action is Action.BUY else Action.BUY
        self._reports.append(OrderFilled(entry.order_id, self._fill(entry, action, at_price, at), reason))

    def _fill(self, order: Order, action: Action, at_price: float, at: datetime) -> Fill:
        done = price(at_price)
        fees = money(trade_costs_usd(float(done) * order.quantity, self.costs.bp_per_side(order.ticker)))
        return Fill(order.order_id, order.ticker, action, order.quantity, done, fees, at)

    def _expire_entries(self, update: SessionUpdate) -> None:
        """An entry is good for one session; without a bar there is no fill."""
        for order in [o for o in self._orders.values() if o.exit_reason is None]:
            del self._orders[order.order_id]
            self._reports.append(OrderRefused(order.order_id, f"no bar of {order.ticker} on {update.session}"))

    def adopt(self, order: Order) -> None:
        """Guard a position that was opened before this broker object lived (after a restart)."""
        self._seen.add(order.order_id)
        self._guarded[order.ticker] = replace(order)


def _inside_bracket(order: Order, at_price: float) -> bool:
    low, high = sorted((order.stop_price, order.target_price))
    return low < at_price < high
