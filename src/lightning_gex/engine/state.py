"""The account's state, as a fold over events: ``replay(journal) == state``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter, is_
from typing import Any, NamedTuple, TypeVar

from lightning_gex.agents.weights import weight_of_edge
from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import Action, DecisionStatus, Direction, ExitReason, StageName
from lightning_gex.core.errors import RefusedError
from lightning_gex.core.events import (
    AgentsJudged,
    BreakerReset,
    BreakerTripped,
    CashAccrued,
    DecisionMade,
    Event,
    LearningCarried,
    Marked,
    OperationFailed,
    OrderEnded,
    OrderPlaced,
    RecordCarried,
    RunStarted,
    SessionOpened,
    SignalResolved,
    TradeCarriedOn,
    TradeClosed,
    TradeOpened,
    TradingHalted,
    TradingResumed,
    WeightChanged,
)
from lightning_gex.core.ledger import Ledger, price
from lightning_gex.core.orders import ClosedTrade, Fill, OpenTrade, Order
from lightning_gex.core.patterns import Pattern
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.learning import Learning, Proved, is_backed
from lightning_gex.risk.account_usage import HALT
from lightning_gex.risk.check import Gate
from lightning_gex.risk.circuit_breaker import Breaker
from lightning_gex.sizing.track_record import TrackRecord

_ORDER_RATE_WINDOW = timedelta(seconds=60)
OPERATIONS_WATCHED = 50  # the latest operations, over which the error rate is taken
FEWEST_OPERATIONS = 10  # with fewer the rate is still taken over ten: one failure at the start is not a rate
#: The veto of an idea that its universe outranked.
_OUTRANKED = f"{StageName.TACTICAL}.{Gate.RANK}"
#: The veto of an idea whose probability is below the least that is traded.
_TOO_UNSURE = f"{StageName.MEMORY}.{Gate.LEAST_CONFIDENCE}"
_K = TypeVar("_K")
_V = TypeVar("_V")


class View(NamedTuple):
    """What one decision of the session thought: enough to act on it once more after a restart."""

    ticker: str
    direction: Direction
    confidence: float


@dataclass(frozen=True)  # no slots: ``_with`` copies the instance's dictionary, in a seventh of the time of ``replace``
class EngineState:
    """Everything the decision path remembers between two decisions.

    Parameters
    ----------
    ledger : cash and positions.
    initial_capital : USD.
    session_equity : USD at the session's open, the base of the daily loss.
    equity, peak_equity : USD at the latest mark, and the highest so far.
    open_trades : trade id -> trade. pending : order id -> order sent and not yet filled or ended.
    unresolved : pattern id -> signal whose outcome is not known yet.
    records : direction -> how its signals ended so far, but for those that their universe outranked.
    outranked : pattern ids of unresolved signals that were outranked: nobody would have traded them.
    backed_records : as ``records``, of the signals that agents back which have proved themselves, where the confidence
        did not rule out the trade either.
    backed : pattern ids of unresolved signals that belong there.
    next_trade_id, decisions, approved, closed, won, losing_streak : counters.
    daily_trades : entries ordered in this session. order_times : orders of the last minute.
    entries_elsewhere : those among ``daily_trades`` that other runs of the account had ordered at the session's open.
    opened_at, marked_at : the latest session's open and mark; data_at : the latest session in which anything traded.
    prices : ticker -> USD at the latest mark or order, of what is held or ordered.
    decided : decision id -> what it thought, of this session's decisions.
    operations : whether each of the latest operations failed, oldest first.
    tripped : breaker -> why; latched until a person resets it. A halt is among them.
    flatten : whether the halt in force asks for every position to be closed.
    stopped_out : ticker -> direction of an idea that ended at its stop; until the agents change their mind it is the
        same idea, and not entered again.
    traded_views : ticker -> direction of a view that was traded and that the agents have not interrupted since.
    weights : agent -> weight, where it was changed.
    learning : what resolved signals have taught about agents and confidence.
    """

    ledger: Ledger
    initial_capital: Decimal
    session_equity: Decimal
    equity: Decimal
    peak_equity: Decimal
    open_trades: Mapping[int, OpenTrade] = field(default_factory=dict)
    pending: Mapping[str, Order] = field(default_factory=dict)
    unresolved: Mapping[str, Pattern] = field(default_factory=dict)
    records: Mapping[Direction, TrackRecord] = field(default_factory=dict)
    outranked: frozenset[str] = frozenset()
    backed_records: Mapping[Direction, TrackRecord] = field(default_factory=dict)
    backed: frozenset[str] = frozenset()
    next_trade_id: int = 0
    decisions: int = 0
    approved: int = 0
    closed: int = 0
    won: int = 0
    losing_streak: int = 0
    daily_trades: int = 0
    order_times: tuple[datetime, ...] = ()
    entries_elsewhere: int = 0
    opened_at: datetime | None = None
    marked_at: datetime | None = None
    data_at: datetime | None = None
    prices: Mapping[str, float] = field(default_factory=dict)
    decided: Mapping[str, View] = field(default_factory=dict)
    operations: tuple[bool, ...] = ()
    tripped: Mapping[str, str] = field(default_factory=dict)
    flatten: bool = False
    stopped_out: Mapping[str, Direction] = field(default_factory=dict)
    traded_views: Mapping[str, Direction] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    learning: Learning = field(default_factory=Learning)

    @property
    def error_rate(self) -> float | None:
        """Share of the latest operations that failed; None before the first."""
        return sum(self.operations) / max(len(self.operations), FEWEST_OPERATIONS) if self.operations else None


def _with(state: EngineState, **changes: Any) -> EngineState:  # noqa: ANN401
    """The state with some fields changed."""
    changed = object.__new__(EngineState)
    changed.__dict__.update(state.__dict__, **changes)
    return changed


def initial_state(capital: Decimal) -> EngineState:
    """The state before the first event of a run."""
    return EngineState(Ledger(capital), capital, capital, capital, capital)


def replay(events: Iterable[Event]) -> EngineState:
    """The state after these events. Raises ``RefusedError`` where they do not begin with a run's start."""
    iterator = iter(events)
    first = next(iterator, None)
    if not isinstance(first, RunStarted):
        raise RefusedError("a run's events must begin with its start")
    state = initial_state(first.initial_capital)
    for event in iterator:
        state = step(state, event)
    return state


def step(state: EngineState, event: Event) -> EngineState:
    """The state after one more event. Pure."""
    change = _CHANGES.get(type(event))
    return state if change is None else change(state, event)


def _after_opening(state: EngineState, event: SessionOpened) -> EngineState:
    return _with(
        state,
        session_equity=event.equity,
        daily_trades=event.entries_so_far,
        entries_elsewhere=event.entries_so_far,
        opened_at=event.at,
        decided={},
    )


def _after_decision(state: EngineState, event: DecisionMade) -> EngineState:
    decision, pattern = event.decision, event.pattern
    view = View(decision.ticker, decision.direction, decision.confidence)
    return _with(
        state,
        decisions=state.decisions + 1,
        approved=state.approved + (decision.status is DecisionStatus.APPROVED),
        decided={**state.decided, decision.decision_id: view},
        operations=(*state.operations[1 - OPERATIONS_WATCHED :], False),
        unresolved=state.unresolved if pattern is None else {**state.unresolved, pattern.pattern_id: pattern},
        outranked=state.outranked | {pattern.pattern_id} if pattern and _is_outranked(decision) else state.outranked,
        backed=state.backed | {pattern.pattern_id}
        if pattern and state.learning.proved and _is_backed(decision)
        else state.backed,
        stopped_out=_after_a_view(state.stopped_out, decision),
        traded_views=_after_a_view(state.traded_views, decision),
    )


def _is_outranked(decision: Decision) -> bool:
    return decision.blocked_by is StageName.TACTICAL and decision.veto == _OUTRANKED


def _is_backed(decision: Decision) -> bool:
    return any(map(is_backed, decision.stages[:1])) and decision.veto not in (_OUTRANKED, _TOO_UNSURE)


def _after_a_view(ideas: Mapping[str, Direction], decision: Decision) -> Mapping[str, Direction]:
    """A view other than the one that is remembered of a ticker ends that idea."""
    remembered = ideas.get(decision.ticker)
    same = remembered is None or remembered is decision.direction
    return ideas if same else _without(ideas, decision.ticker)


def _after_order(state: EngineState, event: OrderPlaced) -> EngineState:
    order = event.order
    recent = tuple(t for t in state.order_times if order.placed_at - t < _ORDER_RATE_WINDOW)
    priced = order.reference_price == order.reference_price  # not NaN
    return _with(
        state,
        pending={**state.pending, order.order_id: order},
        prices={**state.prices, order.ticker: order.reference_price} if priced else state.prices,
        daily_trades=state.daily_trades + (order.exit_reason is None),
        order_times=(*recent, order.placed_at),
    )


def _after_fill(state: EngineState, event: TradeOpened) -> EngineState:
    return _with(
        state,
        ledger=state.ledger.applied(event.fill),
        pending=_without(state.pending, event.fill.order_id),
        open_trades={**state.open_trades, event.trade.trade_id: event.trade},
        traded_views=state.traded_views
        if event.trade.assumed  # who only says what was filled is asked now and then: no view can be seen to last
        else {**state.traded_views, event.trade.ticker: event.trade.direction},
        next_trade_id=max(state.next_trade_id, event.trade.trade_id + 1),
    )


def _after_close(state: EngineState, event: TradeClosed) -> EngineState:
    won = event.trade.pnl > 0
    # A bracket may fire while a time or signal exit is pending: the position is gone, so is the order.
    pending = {
        k: o for k, o in state.pending.items() if o.exit_reason is None or o.decision_id != event.trade.decision_id
    }
    return _with(
        state,
        ledger=state.ledger.applied(event.fill),
        pending=pending,
        open_trades=_without(state.open_trades, event.trade.trade_id),
        stopped_out={**state.stopped_out, event.trade.ticker: event.trade.direction}
        if event.trade.exit_reason is ExitReason.STOP_LOSS
        else state.stopped_out,
        closed=state.closed + 1,
        won=state.won + won,
        losing_streak=0 if won else state.losing_streak + 1,
    )


def _after_carrying_on(state: EngineState, event: TradeCarriedOn) -> EngineState:
    """The next leg takes the place of the one that ended; cash and shares stay as they are."""
    closed, opened = event.closed, event.opened
    held = state.open_trades.get(closed.trade_id)
    leaving = any(o.exit_reason is not None and o.decision_id == closed.decision_id for o in state.pending.values())
    if held is None or leaving or not _fits(held, closed, opened):
        raise RefusedError(f"{opened.decision_id} cannot carry on {closed.decision_id}: not open, leaving, or another")
    won = closed.pnl > 0
    return _with(
        state,
        open_trades={**_without(state.open_trades, closed.trade_id), opened.trade_id: opened},
        traded_views={**state.traded_views, opened.ticker: opened.direction},
        next_trade_id=max(state.next_trade_id, opened.trade_id + 1),
        closed=state.closed + 1,
        won=state.won + won,
        losing_streak=0 if won else state.losing_streak + 1,
    )


def _fits(held: OpenTrade, closed: ClosedTrade, opened: OpenTrade) -> bool:
    """Whether two legs are of one position, the second beginning where the first ends."""
    same = {(t.ticker, t.direction, t.quantity) for t in (held, closed, opened)}
    meet = closed.exit_price == opened.entry_price and closed.costs == held.entry_costs and not opened.entry_costs
    return len(same) == 1 and meet and opened.entered_by == held.entered_by


def _after_mark(state: EngineState, event: Marked) -> EngineState:
    return _with(
        state,
        equity=event.equity,
        peak_equity=max(state.peak_equity, event.equity),
        prices=event.prices,
        marked_at=event.at,
        data_at=event.data_at,
    )


def _after_trip(state: EngineState, event: BreakerTripped) -> EngineState:
    return _with(state, tripped={**state.tripped, event.breaker: event.reason})


def _after_reset(state: EngineState, event: BreakerReset) -> EngineState:
    """A breaker armed anew by a person. Its measure begins again, or it would trip on the same past at once."""
    tripped = _without(state.tripped, event.breaker)
    if event.breaker == Breaker.LOSING_STREAK:
        return _with(state, tripped=tripped, losing_streak=0)
    if event.breaker == Breaker.DRAWDOWN:
        return _with(state, tripped=tripped, peak_equity=state.equity)
    if event.breaker == Breaker.ERROR_RATE:
        return _with(state, tripped=tripped, operations=())
    return _with(state, tripped=tripped)


def _after_halt(state: EngineState, event: TradingHalted) -> EngineState:
    return _with(state, tripped={**state.tripped, HALT: f"{event.by}: {event.reason}"}, flatten=event.flatten)


def _after_resumption(state: EngineState, event: TradingResumed) -> EngineState:
    return _with(state, tripped=_without(state.tripped, HALT), flatten=False)


def _after_failure(state: EngineState, event: OperationFailed) -> EngineState:
    return _with(state, operations=(*state.operations[1 - OPERATIONS_WATCHED :], True))


def _after_resolution(state: EngineState, event: SignalResolved) -> EngineState:
    pattern = state.unresolved.get(event.pattern_id)
    if pattern is None:
        return state
    records, outranked, backed_records = state.records, state.outranked, state.backed_records
    if event.pattern_id in state.backed:
        record = backed_records.get(pattern.direction, TrackRecord()).after(pattern.as_of, event.outcome)
        backed_records = {**backed_records, pattern.direction: record}
    if event.pattern_id in outranked:
        outranked = outranked - {event.pattern_id}
    else:
        record = records.get(pattern.direction, TrackRecord()).after(pattern.as_of, event.outcome)
        records = {**records, pattern.direction: record}
    return _with(
        state,
        unresolved=_without(state.unresolved, event.pattern_id),
        records=records,
        outranked=outranked,
        backed_records=backed_records,
        backed=state.backed - {event.pattern_id} if event.pattern_id in state.backed else state.backed,
        learning=state.learning.after(pattern, event.outcome),
    )


def _after_carrying(state: EngineState, event: RecordCarried) -> EngineState:
    if event.backed:
        return _with(state, backed_records={**state.backed_records, event.direction: _carried(event)})
    return _with(state, records={**state.records, event.direction: _carried(event)})


def _after_lesson(state: EngineState, event: LearningCarried) -> EngineState:
    return _with(state, learning=Learning.from_figures(event.figures))


def _after_judgement(state: EngineState, event: AgentsJudged) -> EngineState:
    return _with(state, learning=state.learning.judged(event.at, event.figures))


def _after_end_of_order(state: EngineState, event: OrderEnded) -> EngineState:
    return _with(state, pending=_without(state.pending, event.order_id))


def _after_interest(state: EngineState, event: CashAccrued) -> EngineState:
    return _with(state, ledger=state.ledger.accrued(event.amount))


def _after_reweighing(state: EngineState, event: WeightChanged) -> EngineState:
    return _with(state, weights={**state.weights, event.agent: event.weight})


#: What each kind of event does to the state; a kind that is not here changes nothing.
_CHANGES: Mapping[type, Callable[[EngineState, Any], EngineState]] = {
    SessionOpened: _after_opening,
    DecisionMade: _after_decision,
    OrderPlaced: _after_order,
    OrderEnded: _after_end_of_order,
    TradeOpened: _after_fill,
    TradeClosed: _after_close,
    TradeCarriedOn: _after_carrying_on,
    SignalResolved: _after_resolution,
    RecordCarried: _after_carrying,
    LearningCarried: _after_lesson,
    AgentsJudged: _after_judgement,
    Marked: _after_mark,
    CashAccrued: _after_interest,
    BreakerTripped: _after_trip,
    BreakerReset: _after_reset,
    TradingHalted: _after_halt,
    TradingResumed: _after_resumption,
    OperationFailed: _after_failure,
    WeightChanged: _after_reweighing,
}


def _carried(event: RecordCarried) -> TrackRecord:
    return TrackRecord(
        resolved=event.resolved,
        won=event.won,
        net_return_sum=event.net_return_sum,
        independent=event.independent,
        free_from=event.free_from,
        month=event.month,
        month_count=event.month_count,
        month_sum=event.month_sum,
        months=event.months,
        counts_squared=event.counts_squared,
        sums_squared=event.sums_squared,
        cross=event.cross,
    )


def _without(mapping: Mapping[_K, _V], key: _K) -> dict[_K, _V]:
    left = dict(mapping)  # copying is several times as fast as filtering, and this runs at nearly every event
    left.pop(key, None)
    return left


def _direction(order: Order) -> Direction:
    return Direction.BULLISH if order.action is Action.BUY else Direction.BEARISH


def _stop_distance(direction: Direction, price: float, stop_price: float) -> float:
    """What a share may still lose down to its stop, USD: nothing where the price is past it. NaN stays NaN."""
    distance = int(direction) * (price - stop_price)
    return 0.0 if distance < 0 else distance


def proved_in_force(config: EngineConfig, state: EngineState) -> Mapping[str, Proved]:
    """Agent -> what it has proved, of those whose weight nobody has set; empty where nothing is, or weights are frozen.

    A weight other than 1 in the configuration, or changed by a person, is that person's word and stands.
    """
    if not (config.learn_weights and config.enhancements.multi_agent) or not state.learning.proved:
        return {}
    set_by_a_person = {*state.weights, *(agent for agent, weight in config.weights.items() if weight != 1.0)}
    return {agent: proved for agent, proved in state.learning.proved.items() if agent not in set_by_a_person}


def weights_in_force(config: EngineConfig, state: EngineState) -> Mapping[str, float]:
    """Agent -> weight now: as a person set it, else 1, and more where the agent has proved itself."""
    proved = proved_in_force(config, state)
    return {**config.weights, **{agent: weight_of_edge(p.edge) for agent, p in proved.items()}, **state.weights}


def portfolio_view(
    state: EngineState,
    prices: Mapping[str, float],
    now: datetime,
    last_prices: Mapping[str, float] | None = None,
) -> PortfolioView:
    """The account as the risk layers see it, at these prices.

    Parameters
    ----------
    state : the account.
    prices : ticker -> USD, for every held or ordered ticker. Raises ``KeyError`` where one is missing.
    now : aware UTC.
    last_prices : ticker -> USD, those seen before ``prices``; None where nobody kept them.
    """
    entries = [o for o in state.pending.values() if o.exit_reason is None]
    equity = float(state.ledger.equity(prices))
    ordered = [(o.ticker, prices[o.ticker] * o.quantity) for o in entries]
    reserved = sum(usd for _, usd in ordered)
    exposure = float(state.ledger.exposure(prices)) + reserved
    held = [(t.ticker, t.direction, t.stop_price, t.quantity) for t in state.open_trades.values()]
    held += [(o.ticker, _direction(o), o.stop_price, o.quantity) for o in entries]
    risk = sum((_stop_distance(way, prices[t], stop) * quantity for t, way, stop, quantity in held), 0.0)
    directions = {ticker: way for ticker, way, _, _ in held}
    nothing = float("nan")
    return PortfolioView(
        equity=equity,
        cash=float(state.ledger.cash) - reserved,
        exposure_pct=exposure / equity if equity > 0 else nothing,
        open_risk_pct=risk / equity if equity > 0 else nothing,
        open_trades=directions,
        daily_trades=state.daily_trades,
        daily_loss_pct=1.0 - equity / float(state.session_equity) if state.session_equity > 0 else nothing,
        drawdown_pct=max(0.0, 1.0 - equity / float(state.peak_equity)) if state.peak_equity > 0 else nothing,
        orders_last_minute=sum(now - t < _ORDER_RATE_WINDOW for t in state.order_times),
        losing_streak=state.losing_streak,
        win_rate=state.won / state.closed if state.closed else nothing,
        tripped=state.tripped,
        stopped_out=state.stopped_out,
        ticker_exposure_pct=_by_ticker(state, prices, ordered, equity),
        last_prices=last_prices or {},
        traded_views=state.traded_views,
    )


def without_trade(state: EngineState, trade: OpenTrade, usd: float) -> EngineState:
    """The account as if a trade had been closed at a price, USD, without costs: its money is free and so is its place.

    Nothing of it is ever journaled: it is what a decision on carrying the trade on is made from.
    """
    leave = Action.SELL if trade.direction is Direction.BULLISH else Action.BUY
    fill = Fill(trade.decision_id, trade.ticker, leave, trade.quantity, price(usd), Decimal(0), trade.entry_at)
    return _with(state, ledger=state.ledger.applied(fill), open_trades=_without(state.open_trades, trade.trade_id))


@dataclass(slots=True)
class AccountLook:
    """The account's view, worked out anew only where something in it has changed: not for every ticker of a session."""

    _parts: tuple[object, ...] = ()
    _view: PortfolioView | None = None

    def view(
        self, state: EngineState, prices: Mapping[str, float], now: datetime, last_prices: Mapping[str, float]
    ) -> PortfolioView:
        """What :func:`portfolio_view` says. Between two changes of prices ``forget`` has to be called."""
        parts = (now, prices, last_prices, *_SHOWN(state))
        if self._view is None or not all(map(is_, parts, self._parts)):
            self._parts, self._view = parts, portfolio_view(state, prices, now, last_prices)
        return self._view

    def forget(self) -> None:
        """The prices have changed."""
        self._view = None


#: The parts of the state that a view shows.
_SHOWN = attrgetter(
    "ledger",
    "pending",
    "open_trades",
    "daily_trades",
    "session_equity",
    "peak_equity",
    "order_times",
    "losing_streak",
    "won",
    "closed",
    "tripped",
    "stopped_out",
    "traded_views",
)


def _by_ticker(
    state: EngineState, prices: Mapping[str, float], ordered: list[tuple[str, float]], equity: float
) -> dict[str, float]:
    """Ticker -> absolute value of position and pending entries / equity; NaN where equity is not positive."""
    worth = {t: abs(prices[t] * p.quantity) for t, p in state.ledger.positions.items()}
    for ticker, usd in ordered:
        worth[ticker] = worth.get(ticker, 0.0) + usd
    return {t: usd / equity if equity > 0 else float("nan") for t, usd in worth.items()}
