"""An exchange for backtests and paper trading: fills only from bars that happened.

Market orders get the next bar's open (or close, for cash indices whose printed open is stale). A stop through a gap
fills at the open, and the stop comes before the target when one bar holds both. No bar, no fill.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lightning_gex.analytics.fills import bracket_exit, trade_costs_usd
from lightning_gex.core.enums import Action, Direction, ExitReason, FillPrice
from lightning_gex.core.ledger import money, price
from lightning_gex.core.orders import Fill, Order
from lightning_gex.core.ports import BrokerReport, OrderFilled, OrderRefused
from lightning_gex.core.quick_init import replaced
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
    _told: dict[str, list[BrokerReport]] = field(default_factory=dict)

    @classmethod
    def standing(cls, costs: CostSchedule, waiting: Iterable[Order], guarded: Iterable[Order]) -> SimulatedBroker:
        """An exchange that knows these orders already: some wait for the next bar, some opened a position it guards."""
        waiting, guarded = list(waiting), list(guarded)
        return cls(
            costs,
            _orders={o.order_id: o for o in waiting},
            _guarded={o.ticker: o for o in guarded},
            _seen={o.order_id for o in (*waiting, *guarded)},
        )

    def submit(self, order: Order) -> None:
        """Take an order for the next bar. The same id twice is one order."""
        if order.order_id not in self._seen:
            self._seen.add(order.order_id)
            self._orders[order.order_id] = order

    def cancel(self, order_id: str) -> None:
        """Withdraw an order that is not filled yet."""
        if self._orders.pop(order_id, None) is not None:
            self._tell(OrderRefused(order_id, "cancelled"))

    def amend(self, order_id: str, *, target_price: float, stop_price: float) -> None:
        """Move the bracket of a position from the next bar on; without a position nothing happens."""
        for ticker, order in self._guarded.items():
            if order.order_id == order_id:
                self._guarded[ticker] = replaced(order, target_price=target_price, stop_price=stop_price)

    def reports(self) -> Sequence[BrokerReport]:
        """What happened since the last call, oldest first."""
        reports, self._reports = self._reports, []
        return reports

    def history(self, order_id: str) -> Sequence[BrokerReport] | None:
        """Everything that became of an order, told before or not; None where it was never sent."""
        return tuple(self._told.get(order_id, ())) if order_id in self._seen else None

    def trade_through(self, update: SessionUpdate) -> None:
        """Let one session happen: openings, brackets, closings, in this order."""
        opens = {t: float(v.bars.open[v.row]) for t, v in update.views.items() if v.fill_price is FillPrice.OPEN}
        closes = {t: v.close for t, v in update.views.items() if v.fill_price is FillPrice.CLOSE}
        self._fill_market_orders(opens, update.opened_at)
        for ticker, view in update.views.items():
            self._fill_bracket(ticker, view, update.closed_at)
        self._fill_market_orders(closes, update.closed_at)
        self._expire_entries(update)

    def close_all(self, update: SessionUpdate) -> None:
        """Close what is still open at the last price: the data ended."""
        for ticker, order in list(self._guarded.items()):
            if ticker in update.views:
                self._exit(order, order.order_id, update.views[ticker].close, update.closed_at, ExitReason.END_OF_DATA)

    def _tell(self, report: BrokerReport) -> None:
        self._reports.append(report)
        self._told.setdefault(report.order_id, []).append(report)

    def _fill_market_orders(self, prices: Mapping[str, float], at: datetime) -> None:
        waiting = [o for o in self._orders.values() if o.ticker in prices]
        for order in sorted(waiting, key=lambda o: o.exit_reason is None):  # exits first: they free the capital
            del self._orders[order.order_id]
            at_price = prices[order.ticker]
            if order.exit_reason is not None:
                held = self._guarded.get(order.ticker)
                if held is None:
                    self._tell(OrderRefused(order.order_id, "the position was already closed"))
                else:
                    self._exit(held, order.order_id, at_price, at, order.exit_reason)
            elif not _inside_bracket(order, at_price):
                why = "the price jumped through the bracket before the fill"
                self._tell(OrderRefused(order.order_id, why))
            else:
                self._guarded[order.ticker] = order
                fill = self._fill(order, order.order_id, order.action, at_price, at)
                self._tell(OrderFilled(order.order_id, fill, None))

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
            self._exit(order, order.order_id, leave.price, at, leave.reason)

    def _exit(self, entry: Order, order_id: str, at_price: float, at: datetime, reason: ExitReason) -> None:
        """Close what ``entry`` opened, on behalf of ``order_id``: the entry's own where its bracket fired."""
        del self._guarded[entry.ticker]
        action = Action.SELL if entry.action is Action.BUY else Action.BUY
        self._tell(OrderFilled(order_id, self._fill(entry, order_id, action, at_price, at), reason))

    def _fill(self, entry: Order, order_id: str, action: Action, at_price: float, at: datetime) -> Fill:
        done = price(at_price)
        fees = money(trade_costs_usd(float(done) * entry.quantity, self.costs.bp_per_side(entry.ticker)))
        return Fill(order_id, entry.ticker, action, entry.quantity, done, fees, at)

    def _expire_entries(self, update: SessionUpdate) -> None:
        """An entry is good for one session; without a bar there is no fill."""
        for order in [o for o in self._orders.values() if o.exit_reason is None]:
            del self._orders[order.order_id]
            self._tell(OrderRefused(order.order_id, f"no bar of {order.ticker} on {update.session}"))


def _inside_bracket(order: Order, at_price: float) -> bool:
    low, high = sorted((order.stop_price, order.target_price))
    return low < at_price < high
