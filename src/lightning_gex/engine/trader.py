"""The one that decides and acts: owns the state, journals first, then does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import partial, reduce
from operator import is_

import numpy as np

from lightning_gex.core.decision import Decision, Scalar
from lightning_gex.core.enums import DecisionStatus, Direction, ExitReason, RunMode
from lightning_gex.core.errors import LightningError, RefusedError, StoreError
from lightning_gex.core.events import (
    BreakerTripped,
    CashAccrued,
    DecisionMade,
    Event,
    Marked,
    OperationFailed,
    OrderEnded,
    OrderPlaced,
    RunResumed,
    RunStarted,
    SessionOpened,
    SignalResolved,
    TradeCarriedOn,
    TradeClosed,
    TradeOpened,
)
from lightning_gex.core.ledger import money
from lightning_gex.core.orders import ClosedTrade, Fill, OpenTrade, Order
from lightning_gex.core.patterns import Neighbours, Pattern
from lightning_gex.core.portfolio import AccountUsage, PortfolioView
from lightning_gex.core.ports import (
    Broker,
    BrokerReport,
    Decisions,
    HaltSwitch,
    Journal,
    MemoryStore,
    OrderFilled,
    SizingPolicy,
)
from lightning_gex.core.sessions import session_of, sessions_between
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.decide import Conclusion, conclude
from lightning_gex.engine.feed import SessionUpdate, TickerView
from lightning_gex.engine.intent import Surroundings, heeded_events, intent_events
from lightning_gex.engine.judging import Judge
from lightning_gex.engine.learning import Learning
from lightning_gex.engine.outcomes import Following, known_outcomes
from lightning_gex.engine.perception import Perception
from lightning_gex.engine.proposal import Proposal, Snapshot, decision_id_of, propose
from lightning_gex.engine.state import (
    AccountLook,
    EngineState,
    initial_state,
    portfolio_view,
    proved_in_force,
    replay,
    step,
    weights_in_force,
    without_trade,
)
from lightning_gex.engine.trades import booking_order, closed_trade, closed_trades, entry_id, exit_order, opened_trade
from lightning_gex.engine.universe import Universe
from lightning_gex.risk.account_usage import ACCOUNT_MODES
from lightning_gex.risk.circuit_breaker import BreakerInputs, tripped

_DAYS_PER_YEAR = 365


@dataclass(slots=True)
class Trader:
    """Steps one account through sessions. Backtest, paper and live differ in what they show it and in nothing else.

    Every step of a session looks at the state for whether it was done already. So a trader that was stopped anywhere,
    resumed from its journal and shown the same session again does what is left of it, and nothing twice.

    Parameters
    ----------
    config : how decisions are made.
    journal : every event goes there before anything acts on it.
    memory : past signals; asked once a decision.
    policy : a trained sizing policy, or None.
    broker : takes the orders.
    halt : the kill switch; None where there is none, as in a backtest.
    tells_memory : whether events are told to the memory here; False where the journal's own transaction does it.
    state : the account; only ``emit`` and ``emit_checked`` change it.
    """

    config: EngineConfig
    journal: Journal
    memory: MemoryStore
    policy: SizingPolicy | None
    broker: Broker | None = None
    halt: HaltSwitch | None = None
    tells_memory: bool = True
    state: EngineState = field(default_factory=lambda: initial_state(Decimal(0)))
    decisions: Decisions = field(default_factory=list[Decision])
    trades: list[ClosedTrade] = field(default_factory=list)
    _mode: RunMode = RunMode.BACKTEST
    _prices: dict[str, float] = field(default_factory=dict)
    _last_prices: dict[str, float] = field(default_factory=dict)  # those before ``_prices``
    _look: AccountLook = field(default_factory=AccountLook)
    _following: Following = field(default_factory=Following)
    _judge: Judge = field(default_factory=Judge)
    _weighed: tuple[tuple[Learning, Mapping[str, float]], Mapping[str, float]] | None = None
    _latest_close: datetime | None = None
    _latest_bar: np.datetime64 | None = None  # the last session in which anything watched traded
    _universe: Universe | None = None  # what traded up to the latest session
    _doubtful: set[str] = field(default_factory=set)  # orders that may or may not have reached the broker
    _unmoved: set[int] = field(default_factory=set)  # trades carried on whose bracket the broker may not have moved

    def start(self, *, at: datetime, mode: RunMode, capital: Decimal, settings: Mapping[str, Scalar]) -> None:
        """Begin a run with this much money."""
        started = RunStarted(at, mode, capital, settings)
        self.journal.append([started])
        self.state = initial_state(capital)
        self._mode = mode

    def resume(self, events: Iterable[Event], *, at: datetime) -> None:
        """Go on with a run whose process ended, from the events that its journal holds.

        Memory is told what it missed. Every order that the journal holds and that is not settled is in doubt: the
        broker is asked about it before it is sent, at the next session that is seen.

        Raises
        ------
        RefusedError : where they do not begin with a run's start.
        """
        told = list(events)
        self.state = replay(told)
        started = told[0]
        self._mode = started.mode if isinstance(started, RunStarted) else self._mode
        self._prices = dict(self.state.prices)
        self._latest_close = self.state.data_at
        self._latest_bar = None if self.state.data_at is None else session_of(self.state.data_at)
        for event in told:
            if isinstance(event, DecisionMade):
                self.decisions.append(event.decision)
        self.trades = closed_trades(told)
        held = self.state.open_trades.values()
        self._doubtful = {*self.state.pending, *map(entry_id, held)}
        self._unmoved = {t.trade_id for t in held if t.carries is not None}
        self._tell_what_memory_missed(told)
        self.emit(RunResumed(at, len(told)))

    def emit(self, *events: Event) -> None:
        """Journal events as one transaction, then let them change the state and the memory.

        An event that the state refuses is never journaled: whatever the journal holds can be replayed.
        """
        after = reduce(step, events, self.state)
        self.journal.append(events)
        self._accept(after, events)

    def emit_checked(self, at: datetime, build: Callable[[Surroundings], Sequence[Event]]) -> Sequence[Event]:
        """Journal what ``build`` makes of what other runs and the kill switch say, in one transaction with the look.

        A run that does not trade the account looks at nobody.
        """
        after = self.state

        def checked(others: AccountUsage) -> Sequence[Event]:
            nonlocal after
            events = build(Surroundings.seen(others, self.halt))
            after = reduce(step, events, self.state)
            return events

        if self._mode in ACCOUNT_MODES:
            events = self.journal.append_checked(at, checked)
        else:
            events = checked(AccountUsage())
            self.journal.append(events)
        self._accept(after, events)
        return events

    def _accept(self, after: EngineState, events: Sequence[Event]) -> None:
        self.state = after
        for event in events:
            if isinstance(event, DecisionMade) and event.pattern is not None and self.tells_memory:
                self.memory.remember(event.pattern)
            elif isinstance(event, SignalResolved) and self.tells_memory:
                self.memory.resolve(event.pattern_id, event.outcome)
        self.trades += closed_trades(events)

    def _tell_what_memory_missed(self, events: Sequence[Event]) -> None:
        """A process may end between the journal's commit and the memory's."""
        known = {p.pattern_id: p.outcome for p in self.memory.patterns()}
        for event in events:
            if isinstance(event, DecisionMade) and event.pattern is not None and event.pattern.pattern_id not in known:
                self.memory.remember(event.pattern)
                known[event.pattern.pattern_id] = None
            elif isinstance(event, SignalResolved) and known.get(event.pattern_id, event.outcome) is None:
                self.memory.resolve(event.pattern_id, event.outcome)
                known[event.pattern_id] = event.outcome

    # --- one session -------------------------------------------------------------------------------------------

    def see(self, update: SessionUpdate) -> list[Decision]:
        """Live through one session that has just closed, and decide on every ticker that traded in it.

        Returns
        -------
        The decisions made now; those that were on record already are not made again.

        Raises
        ------
        RefusedError : a session before the one lived through last: the clock went back, and limits do not.
        """
        if self.state.opened_at is not None and update.opened_at < self.state.opened_at:
            raise RefusedError(
                f"the session of {update.session} was shown after one that opened {self.state.opened_at:%Y-%m-%d}: "
                "time only goes forward in a run"
            )
        self.heed(update.opened_at)
        if self.state.opened_at != update.opened_at:
            self._open_session(update)
        self.take_reports(update.closed_at)
        self._last_prices = {t: float(v.bars.close[v.row - 1]) for t, v in update.views.items() if v.row}
        self._prices |= {t: v.close for t, v in update.views.items()}
        self._look.forget()
        if update.views:
            self._latest_bar, self._latest_close = update.session, update.closed_at
        if self.state.marked_at != update.closed_at:
            self._mark(update.closed_at)
        self.resolve_signals(update)
        if update.trading:
            self._trip_breakers(update)
            self._leave_on_time(update)
        return self._decide_in_order(update)

    def heed(self, at: datetime) -> None:
        """Take over halts and breakers from outside, and close every position where a halt asks for it.

        A driver that waits for a market calls this as often as it can.
        """
        if self._mode in ACCOUNT_MODES:
            around = Surroundings.seen(self.journal.account(at), self.halt)
            if heeded_events(self.state, around, at):
                self.emit_checked(at, lambda now_around: heeded_events(self.state, now_around, at))
        if self.state.flatten and self.broker is not None:
            self._flatten(self.broker, at)

    def _flatten(self, broker: Broker, at: datetime) -> None:
        for order in [o for o in self.state.pending.values() if o.exit_reason is None]:
            self._try("cancel an order", at, partial(broker.cancel, order.order_id))
        for trade in list(self.state.open_trades.values()):
            self._order_exit(trade, ExitReason.MANUAL, at)

    def take_reports(self, now: datetime) -> None:
        """Book what the broker says became of the orders. What it does not date is dated ``now``, aware UTC."""
        broker = self.broker
        if broker is None:
            return
        found: list[BrokerReport] = []
        for order_id in sorted(self._doubtful):
            found += self._settled_doubt(broker, order_id, now)
        self._try("ask for reports", now, lambda: found.extend(broker.reports()))
        for report in sorted(found, key=booking_order):
            self._book(report, now)
        for trade_id in sorted(self._unmoved):
            self._move_bracket(trade_id, now)

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
        kept = {*ledger.positions, *(o.ticker for o in self.state.pending.values())}
        prices = {t: self._prices[t] for t in sorted(kept)}
        equity, exposure = ledger.equity(self._prices), ledger.exposure(self._prices)
        self.emit(Marked(at, equity, exposure, prices, self._latest_close))

    def resolve_signals(self, update: SessionUpdate) -> None:
        """Put on record what the bars of a session tell of earlier signals, traded or not, and of the agents' calls."""
        waiting: dict[str, list[Pattern]] = {}
        for pattern in self.state.unresolved.values():
            waiting.setdefault(pattern.ticker, []).append(pattern)
        events = [
            SignalResolved(update.closed_at, pattern.pattern_id, ticker, outcome)
            for ticker, patterns in waiting.items()
            if (view := update.views.get(ticker)) is not None and (due := self._following.due(patterns, view))
            for pattern, outcome in known_outcomes(
                due,
                view,
                cost_bp_per_side=self.config.costs.bp_per_side(ticker),
                known_at=update.closed_at,
            )
        ]
        judged = self._judge.judgement(update, self.config, self.state.learning.judged_until)
        if events or judged:
            self.emit(*events, *judged)

    def _trip_breakers(self, update: SessionUpdate) -> None:
        if not self.config.enhancements.security:
            return
        vix_now, vix_before = update.last_two_vix()
        inputs = BreakerInputs(
            self._look.view(self.state, self._prices, update.closed_at, self._last_prices),
            vix_now=vix_now,
            vix_before=vix_before,
            data_age_sessions=_sessions_between(self._latest_bar, update.session),
            error_rate=self.state.error_rate,
        )
        found = tripped(self.config.breakers, inputs, self.config.own_breakers)
        new = [BreakerTripped(update.closed_at, n, why) for n, why in found.items() if n not in self.state.tripped]
        if new:
            self.emit(*new)

    def _leave_on_time(self, update: SessionUpdate) -> None:
        """End the trades whose horizon ends, but for those on whose ticker a decision will say whether they go on."""
        for ticker in dict.fromkeys(t.ticker for t in self.state.open_trades.values()):
            view = update.views.get(ticker)
            asked = self.config.carries_on and (update.members is None or ticker in update.members)
            if view is not None and not asked:
                self._leave_on_time_in(ticker, view, update.closed_at)

    def _leave_on_time_in(self, ticker: str, view: TickerView, at: datetime) -> None:
        for trade in self._due(ticker, view):
            self._order_exit(trade, ExitReason.TIME_EXIT, at)

    def _due(self, ticker: str, view: TickerView) -> list[OpenTrade]:
        """The trades of a ticker whose horizon ends: an order now fills that many sessions after the entry."""
        trades = self.state.open_trades.values()
        return [t for t in trades if t.ticker == ticker and view.sessions_since(t.decided_at) >= t.horizon_sessions]

    def _decide_in_order(self, update: SessionUpdate) -> list[Decision]:
        """A decision on every member, the best of the universe first: whoever comes first is served first."""
        earlier = {} if self._universe is None else self._universe.views
        self._universe = Universe.of(update, earlier, proved_in_force(self.config, self.state))
        if update.trading and update.members is not None:
            self._look_after_former_members(update, update.members)
        found = [self._decide_and_order(t, update.views[t], update) for t in self._universe.ranks]
        return [decision for decision in found if decision is not None]

    # --- one decision ------------------------------------------------------------------------------------------

    def _decide_and_order(self, ticker: str, view: TickerView, update: SessionUpdate) -> Decision | None:
        before = self.state.decided.get(decision_id_of(ticker, update.closed_at))
        if before is not None:  # on record since before a restart; what follows from it may not have been done
            if update.trading:
                self._leave_on_time_in(ticker, view, update.closed_at)
                self._leave_on_a_contrary_view(ticker, before.direction, before.confidence, update.closed_at)
            return None
        due, notes = self._to_be_asked(ticker, view) if update.trading else (None, ())
        snapshot = Snapshot(
            ticker, update.closed_at, self._current(view), view.row, trading=update.trading, notes=notes
        )
        conclusion = self.conclude(snapshot, due)
        if not update.learning:
            conclusion = replace(conclusion, pattern=None)
        decision = self.decide(conclusion, update.closed_at)
        if update.trading:
            self.decisions.append(decision)
            self._leave_on_time_in(ticker, view, update.closed_at)  # not what was carried on: that leg is new
            self._leave_on_a_contrary_view(ticker, decision.direction, decision.confidence, update.closed_at)
        return decision

    def _to_be_asked(self, ticker: str, view: TickerView) -> tuple[OpenTrade | None, tuple[str, ...]]:
        """The trade whose horizon ends and that may be carried on; and a note where the broker cannot have that."""
        leaving = {o.decision_id for o in self.state.pending.values() if o.exit_reason is not None}
        due = [t for t in self._due(ticker, view) if t.decision_id not in leaving]
        if len(due) != 1 or not self.config.carries_on:
            return None, ()
        if not self.config.broker.amends:
            name = self.config.broker.name
            return None, (f"{name} cannot move stop and target: the trade ends at its horizon and is not carried on",)
        return due[0], ()

    def _look_after_former_members(self, update: SessionUpdate, members: frozenset[str]) -> None:
        """A trade in what left the universe ends on a contrary view as any other; nothing is decided on it."""
        for ticker in sorted({t.ticker for t in self.state.open_trades.values()} - members):
            view = update.views.get(ticker)
            if view is not None:
                seen = Snapshot(ticker, update.closed_at, self._current(view), view.row, trading=False)
                said = self.conclude(seen).decision
                self._leave_on_a_contrary_view(ticker, said.direction, said.confidence, update.closed_at)

    def decide(
        self, conclusion: Conclusion, at: datetime, then: Callable[[Order], Sequence[Event]] | None = None
    ) -> Decision:
        """Put a conclusion on record, after a last look at what others did, and send its order.

        Parameters
        ----------
        conclusion : from ``conclude``.
        at : aware UTC.
        then : what follows an order at once, in the same transaction: the assumed fill where there is no broker.

        Returns
        -------
        The decision as it went on record: the last look may have blocked it.
        """
        state, wanted = self.state, conclusion.decision
        approved = wanted.status is DecisionStatus.APPROVED
        held = conclusion.held
        portfolio = self._portfolio_for(wanted.ticker, wanted.entry_price, at, held) if approved else None

        def build(around: Surroundings) -> Sequence[Event]:
            events = intent_events(
                conclusion, at=at, state=state, portfolio=portfolio, around=around, config=self.config
            )
            last = events[-1]
            return [*events, *then(last.order)] if then is not None and isinstance(last, OrderPlaced) else events

        events = self.emit_checked(at, build)
        (decision,) = (e.decision for e in events if isinstance(e, DecisionMade))
        for event in events:
            if isinstance(event, OrderPlaced) and then is None:
                self._send(event.order, at)
            elif isinstance(event, TradeCarriedOn):
                self._move_bracket(event.opened.trade_id, at)
        return decision

    def conclude(self, snapshot: Snapshot, due: OpenTrade | None = None) -> Conclusion:
        """The decision path on one snapshot: propose, recall, conclude. Journals nothing.

        Parameters
        ----------
        snapshot : what it is made from.
        due : a trade in the ticker whose horizon ends; where the agents want the same once more, the path is run as if
            it were not there, and an approval carries it on.
        """
        proposal = propose(snapshot, self.config, self.state.learning, proved_in_force(self.config, self.state))
        neighbours = self._recall(proposal)
        held = due if due is not None and due.direction is proposal.direction else None
        portfolio = self._portfolio_for(snapshot.ticker, proposal.price, snapshot.as_of, held)
        return conclude(proposal, neighbours, self.state, portfolio, self.policy, self.config, self._universe, held)

    def _portfolio_for(
        self, ticker: str, price: float, now: datetime, without: OpenTrade | None = None
    ) -> PortfolioView:
        if without is not None:
            beside = without_trade(self.state, without, price)
            return portfolio_view(beside, self._prices | {ticker: price}, now, self._last_prices)
        if self._prices.get(ticker) == price:
            return self._look.view(self.state, self._prices, now, self._last_prices)
        return portfolio_view(self.state, self._prices | {ticker: price}, now, self._last_prices)

    def portfolio(self, now: datetime) -> PortfolioView:
        """The account as the risk layers see it, at the latest prices."""
        return portfolio_view(self.state, self._prices, now)

    def price_seen(self, ticker: str, usd: float) -> None:
        """Mark a ticker at this price from now on."""
        if ticker in self._prices:
            self._last_prices[ticker] = self._prices[ticker]
        self._prices[ticker] = usd
        self._look.forget()

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
        return view.perception.under(self._weights_now(), self.config)

    def _weights_now(self) -> Mapping[str, float]:
        """The weights in force, worked out anew only where something was learnt or set: not for every ticker."""
        rests_on = self.state.learning, self.state.weights
        if self._weighed is None or not all(map(is_, rests_on, self._weighed[0])):
            self._weighed = rests_on, weights_in_force(self.config, self.state)
        return self._weighed[1]

    def _leave_on_a_contrary_view(self, ticker: str, direction: Direction, confidence: float, at: datetime) -> None:
        if direction is Direction.NEUTRAL or not confidence >= self.config.minimum_confidence:
            return
        for trade in list(self.state.open_trades.values()):
            if trade.ticker == ticker and trade.direction == direction * -1:
                self._order_exit(trade, ExitReason.SIGNAL_EXIT, at)

    def _order_exit(self, trade: OpenTrade, reason: ExitReason, at: datetime) -> None:
        pending = self.state.pending.values()
        if any(o.decision_id == trade.decision_id and o.exit_reason is not None for o in pending):
            return
        order = exit_order(trade, reason, at, self._prices[trade.ticker])
        self.emit(OrderPlaced(at, order))
        self._send(order, at)

    def _send(self, order: Order, at: datetime) -> None:
        """Send an order that is on record. An entry is not sent into a halt that came since it was written down."""
        if self.broker is None:
            return
        if order.exit_reason is None and self.halt is not None and self.halt.read() is not None:
            self.emit(OrderEnded(at, order.order_id, "trading was halted before it was sent"))
            return
        broker = self.broker
        if not self._try("send an order", at, lambda: broker.submit(order)):
            self._doubtful.add(order.order_id)

    def _move_bracket(self, trade_id: int, at: datetime) -> None:
        """Have the broker guard a leg by its own target and stop. Until that is done, the ones before guard it."""
        trade, broker = self.state.open_trades.get(trade_id), self.broker
        self._unmoved.discard(trade_id)
        if trade is None or broker is None:
            return
        move = partial(broker.amend, entry_id(trade), target_price=trade.target_price, stop_price=trade.stop_price)
        if not self._try("move a bracket", at, move):
            self._unmoved.add(trade_id)

    def _try(self, operation: str, at: datetime, act: Callable[[], object]) -> bool:
        """Whether the broker did something. That it did not goes on record and counts towards the error rate."""
        try:
            act()
        except StoreError:
            raise
        except LightningError as error:
            self.emit(OperationFailed(at, operation, f"{type(error).__name__}: {error}"))
            return False
        return True

    # --- what the broker says ----------------------------------------------------------------------------------

    def _settled_doubt(self, broker: Broker, order_id: str, now: datetime) -> Sequence[BrokerReport]:
        """What the broker knows of an order that may or may not have reached it; only one it never saw is sent."""
        told: list[Sequence[BrokerReport] | None] = []
        if not self._try("ask about an order", now, lambda: told.append(broker.history(order_id))):
            return ()
        self._doubtful.discard(order_id)
        order = self.state.pending.get(order_id)
        if told[0] is None and order is not None:
            self._send(order, now)
        return told[0] or ()

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
        if order is not None:
            self.emit(TradeOpened(fill.at, fill, opened_trade(self.state.next_trade_id, order, fill)))
        elif not self._is_booked(fill.order_id):
            raise RefusedError(f"a fill for {fill.order_id}, which is no pending order: reduce only until reconciled")

    def _book_exit(self, order_id: str, fill: Fill, reason: ExitReason) -> None:
        decision_id = order_id.rsplit(":", 1)[0]
        held = self.state.open_trades.values()  # a bracket goes by the order that bought, whichever leg it guards
        trade = next((t for t in held if decision_id in (t.decision_id, t.entered_by)), None)
        if trade is not None:
            self.emit(TradeClosed(fill.at, fill, closed_trade(trade, fill, reason)))
        elif not self._is_booked(order_id):
            raise RefusedError(f"an exit fill for {order_id}, which opened no trade known here")

    def _is_booked(self, order_id: str) -> bool:
        """Whether what this order did is on record already: a broker may tell it twice, as after a restart."""
        decision_id = order_id.rsplit(":", 1)[0]
        held = self.state.open_trades.values()
        booked = {t.decision_id for t in held} | {t.entered_by for t in held} | {t.decision_id for t in self.trades}
        return decision_id in booked


def _sessions_between(earlier: np.datetime64 | None, later: np.datetime64) -> float:
    """Exchange sessions after ``earlier`` up to ``later``; NaN where there is no earlier one."""
    if earlier is None:
        return float("nan")
    return 0.0 if earlier == later else float(len(sessions_between(earlier, later)) - 1)
