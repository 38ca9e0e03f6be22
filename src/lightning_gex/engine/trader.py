"""The one that decides and acts: owns the state, journals first, then does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import reduce

import numpy as np

from lightning_gex.core.decision import Decision, Scalar
from lightning_gex.core.enums import Action, DecisionStatus, Direction, ExitReason, RunMode
from lightning_gex.core.errors import RefusedError
from lightning_gex.core.events import (
    BreakerTripped,
    CashAccrued,
    DecisionMade,
    Event,
    Marked,
    OrderEnded,
    OrderPlaced,
    RunStarted,
    SessionOpened,
    SignalResolved,
    TradeClosed,
    TradeOpened,
)
from lightning_gex.core.ledger import money
from lightning_gex.core.orders import ClosedTrade, Fill, OpenTrade, Order
from lightning_gex.core.patterns import Neighbours, Pattern
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.core.ports import Broker, BrokerReport, Journal, MemoryStore, OrderFilled, SizingPolicy
from lightning_gex.core.sessions import sessions_between
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.decide import Conclusion, Proposal, Snapshot, conclude, propose
from lightning_gex.engine.feed import SessionUpdate, TickerView
from lightning_gex.engine.outcomes import known_outcomes
from lightning_gex.engine.perception import Perception
from lightning_gex.engine.state import EngineState, initial_state, portfolio_view, step
from lightning_gex.risk.circuit_breaker import tripped

_DAYS_PER_YEAR = 365


@dataclass(slots=True)
class Trader:
    """Steps one account through sessions. Backtest, paper and live differ in what they show it and in nothing else.

    Parameters
    ----------
    config : how decisions are made.
    journal : every event goes there before anything acts on it.
    memory : past signals; asked once a decision.
    policy : a trained sizing policy, or None.
    broker : takes the orders.
    state : the account; only ``emit`` changes it.
    """

    config: EngineConfig
    journal: Journal
    memory: MemoryStore
    policy: SizingPolicy | None
    broker: Broker | None = None
    state: EngineState = field(default_factory=lambda: initial_state(Decimal(0)))
    decisions: list[Decision] = field(default_factory=list)
    trades: list[ClosedTrade] = field(default_factory=list)
    _prices: dict[str, float] = field(default_factory=dict)
    _latest_bar: np.datetime64 | None = None  # the last session in which anything watched traded

    def start(self, *, at: datetime, mode: RunMode, capital: Decimal, settings: Mapping[str, Scalar]) -> None:
        """Begin a run with this much money."""
        started = RunStarted(at, mode, capital, settings)
        self.journal.append([started])
        self.state = initial_state(capital)

    def emit(self, *events: Event) -> None:
        """Journal events as one transaction, then let them change the state and the memory.

        An event that the state refuses is never journaled: whatever the journal holds can be replayed.
        """
        after = reduce(step, events, self.state)
        self.journal.append(events)
        self.state = after
        for event in events:
            if isinstance(event, DecisionMade) and event.pattern is not None:
                self.memory.remember(event.pattern)
            elif isinstance(event, SignalResolved):
                self.memory.resolve(event.pattern_id, event.outcome)
            elif isinstance(event, TradeClosed):
                self.trades.append(event.trade)

    # --- one session -------------------------------------------------------------------------------------------

    def see(self, update: SessionUpdate) -> list[Decision]:
        """Live through one session that has just closed, and decide on every ticker that traded in it."""
        self._open_session(update)
        self.take_reports(update.closed_at)
        self._prices |= {t: v.close for t, v in update.views.items()}
        self._mark(update.closed_at)
        self._resolve_signals(update)
        if update.views:
            self._latest_bar = update.session
        if update.trading:
            self._trip_breakers(update)
            self._leave_on_time(update)
        return [self._decide_and_order(ticker, view, update) for ticker, view in update.views.items()]

    def take_reports(self, now: datetime) -> None:
        """Book what the broker says became of the orders. What it does not date is dated ``now``, aware UTC."""
        if self.broker is not None:
            for report in self.broker.reports():
                self._book(report, now)

    def settle(self, now: datetime) -> None:
        """Book what is left to book after the last session, and mark the account."""
        self.take_reports(now)
        self._mark(now)

    def _open_session(self, update: SessionUpdate) -> None:
        opens = self._prices | {t: float(v.bars.open[v.row]) for t, v in update.views.items()}
        events: list[Event] = [SessionOpened(update.opened_at, self.state.ledger.equity(opens))]
        interest = self._interest(update)
        if interest:
            events.append(CashAccrued(update.opened_at, interest, "interest on cash at the 13-week bill rate"))
        self.emit(*events)

    def _interest(self, update: SessionUpdate) -> Decimal:
        if not update.trading or not np.isfinite(update.bill_rate) or self.state.ledger.cash <= 0:
            return Decimal(0)
        return money(float(self.state.ledger.cash) * update.bill_rate * update.days_since_previous / _DAYS_PER_YEAR)

    def _mark(self, at: datetime) -> None:
        ledger = self.state.ledger
        self.emit(Marked(at, ledger.equity(self._prices), ledger.exposure(self._prices)))

    def _resolve_signals(self, update: SessionUpdate) -> None:
        waiting: dict[str, list[Pattern]] = {}
        for pattern in self.state.unresolved.values():
            waiting.setdefault(pattern.ticker, []).append(pattern)
        events = [
            SignalResolved(update.closed_at, pattern.pattern_id, ticker, outcome)
            for ticker, patterns in waiting.items()
            if (view := update.views.get(ticker)) is not None
            for pattern, outcome in known_outcomes(
                patterns,
                view,
                cost_bp_per_side=self.config.costs.bp_per_side(ticker),
                known_at=update.closed_at,
            )
        ]
        if events:
            self.emit(*events)

    def _trip_breakers(self, update: SessionUpdate) -> None:
        if not self.config.enhancements.security:
            return
        vix_now, vix_before = _last_two_vix(update)
        portfolio = portfolio_view(self.state, self._prices, update.closed_at)
        found = tripped(
            self.config.breakers,
            portfolio,
            vix_now=vix_now,
            vix_before=vix_before,
            data_age_sessions=_sessions_between(self._latest_bar, update.session),
        )
        new = [BreakerTripped(update.closed_at, n, why) for n, why in found.items() if n not in self.state.tripped]
        if new:
            self.emit(*new)

    def _leave_on_time(self, update: SessionUpdate) -> None:
        for trade in self.state.open_trades.values():
            view = update.views.get(trade.ticker)
            if view is not None and _sessions_since(view, trade.entry_at) >= trade.horizon_sessions - 1:
                # The order fills one session on: ``horizon_sessions`` after the entry, at the same kind of price.
                self._order_exit(trade, ExitReason.TIME_EXIT, update.closed_at)

    # --- one decision ------------------------------------------------------------------------------------------

    def _decide_and_order(self, ticker: str, view: TickerView, update: SessionUpdate) -> Decision:
        snapshot = Snapshot(ticker, update.closed_at, self._current(view), view.row, trading=update.trading)
        conclusion = self.conclude(snapshot)
        decision = conclusion.decision
        order = None if decision.status is not DecisionStatus.APPROVED else entry_order(decision)
        made = DecisionMade(update.closed_at, decision, conclusion.pattern)
        self.emit(made, *([] if order is None else [OrderPlaced(update.closed_at, order)]))
        if order is not None and self.broker is not None:
            self.broker.submit(order)
        if update.trading:
            self.decisions.append(decision)
            self._leave_on_a_contrary_view(decision)
        return decision

    def conclude(self, snapshot: Snapshot) -> Conclusion:
        """The decision path on one snapshot: propose, recall, conclude. Journals nothing."""
        proposal = propose(snapshot, self.config)
        neighbours = self._recall(proposal)
        prices = self._prices | {snapshot.ticker: proposal.price}
        portfolio = portfolio_view(self.state, prices, snapshot.as_of)
        return conclude(proposal, neighbours, self.state, portfolio, self.policy, self.config)

    def portfolio(self, now: datetime) -> PortfolioView:
        """The account as the risk layers see it, at the latest prices."""
        return portfolio_view(self.state, self._prices, now)

    def price_seen(self, ticker: str, usd: float) -> None:
        """Mark a ticker at this price from now on."""
        self._prices[ticker] = usd

    @property
    def prices(self) -> Mapping[str, float]:
        """The latest price seen of each ticker, USD."""
        return self._prices

    def _recall(self, proposal: Proposal) -> Neighbours | None:
        if not self.config.enhancements.memory or proposal.direction is Direction.NEUTRAL:
            return None
        return self.memory.recall(
            ticker=proposal.ticker,
            direction=proposal.direction,
            vector=proposal.vector,
            as_of=proposal.as_of,
            count=self.config.memory.neighbours,
        )

    def _current(self, view: TickerView) -> Perception:
        return view.perception.under({**self.config.weights, **self.state.weights}, self.config)

    def _leave_on_a_contrary_view(self, decision: Decision) -> None:
        against = decision.direction * -1
        if decision.direction is Direction.NEUTRAL or not decision.confidence >= self.config.minimum_confidence:
            return
        for trade in self.state.open_trades.values():
            if trade.ticker == decision.ticker and trade.direction == against:
                self._order_exit(trade, ExitReason.SIGNAL_EXIT, decision.as_of)

    def _order_exit(self, trade: OpenTrade, reason: ExitReason, at: datetime) -> None:
        pending = self.state.pending.values()
        if any(o.decision_id == trade.decision_id and o.exit_reason is not None for o in pending):
            return
        order = Order(
            # The date tells a second try from the first: a broker takes one id once, even where it refused it.
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
        )
        self.emit(OrderPlaced(at, order))
        if self.broker is not None:
            self.broker.submit(order)

    # --- what the broker says ----------------------------------------------------------------------------------

    def _book(self, report: BrokerReport, now: datetime) -> None:
        if not isinstance(report, OrderFilled):
            if report.order_id in self.state.pending:
                self.emit(OrderEnded(now, report.order_id, report.reason))
        elif report.exit_reason is None:
            self._book_entry(report.fill)
        else:
            self._book_exit(report.order_id, report.fill, report.exit_reason)

    def _book_entry(self, fill: Fill) -> None:
        order = self.state.pending.get(fill.order_id)
        if order is None:
            raise RefusedError(f"a fill for {fill.order_id}, which is no pending order: reduce only until reconciled")
        self.emit(TradeOpened(fill.at, fill, opened_trade(self.state.next_trade_id, order, fill)))

    def _book_exit(self, order_id: str, fill: Fill, reason: ExitReason) -> None:
        decision_id = order_id.rsplit(":", 1)[0]
        trade = next((t for t in self.state.open_trades.values() if t.decision_id == decision_id), None)
        if trade is None:
            raise RefusedError(f"an exit fill for {order_id}, which opened no trade known here")
        self.emit(TradeClosed(fill.at, fill, closed_trade(trade, fill, reason)))


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


def _last_two_vix(update: SessionUpdate) -> tuple[float, float]:
    for view in update.views.values():
        vix = view.perception.features["vix"]
        if np.isfinite(vix[view.row]):
            return float(vix[view.row]), float(vix[view.row - 1]) if view.row else float("nan")
    return float("nan"), float("nan")


def _sessions_between(earlier: np.datetime64 | None, later: np.datetime64) -> float:
    """Exchange sessions after ``earlier`` up to ``later``; NaN where there is no earlier one."""
    if earlier is None:
        return float("nan")
    return 0.0 if earlier == later else float(len(sessions_between(earlier, later)) - 1)


def _sessions_since(view: TickerView, entry_at: datetime) -> int:
    entry = np.datetime64(entry_at.replace(tzinfo=None), "D")
    return view.row - int(np.searchsorted(view.bars.session, entry))
