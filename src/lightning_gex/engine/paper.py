"""Paper trading over days: the exchange stands up again from the journal, and sessions go on where they stopped.

The simulated exchange has no memory of its own between two programs. Every order it was sent is on record before it was
sent, and so is every fill; what waits there and what it guards follows from the record. A session that a program was
stopped in is shown again: the exchange is set back to where that session found it, lets it happen once more, and the
trader does what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from lightning_gex.core.decision import Scalar
from lightning_gex.core.events import (
    AuditNoted,
    Event,
    OrderEnded,
    OrderPlaced,
    SessionOpened,
    TradeCarriedOn,
    TradeClosed,
    TradeOpened,
)
from lightning_gex.core.orders import Order
from lightning_gex.core.ports import Clock
from lightning_gex.core.quick_init import replaced
from lightning_gex.engine.config import CostSchedule
from lightning_gex.engine.feed import SessionUpdate
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.trader import Trader

#: What a session's last record says; its detail names the session and when the program saw it.
SESSION_COMPLETED = "session_completed"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.

    Parameters
    ----------
    completed : the last session that was lived through to its end; None before the first.
    interrupted : aware UTC open of the session after it, where a program was stopped within that one; else None.
    """

    completed: np.datetime64 | None
    interrupted: datetime | None


def progress_of(events: Iterable[Event]) -> Progress:
    """How far a run has come, by its events."""
    completed: np.datetime64 | None = None
    completed_at: datetime | None = None
    opened: datetime | None = None
    for event in events:
        if isinstance(event, SessionOpened):
            opened = event.at
        elif isinstance(event, AuditNoted) and event.what == SESSION_COMPLETED:
            completed, completed_at, opened = np.datetime64(str(event.detail["session"]), "D"), event.at, None
        elif isinstance(event, OrderPlaced) and opened is None:
            # What a halt orders at a session's first look comes before that session's own first record.
            later = completed_at is not None and event.order.placed_at > completed_at
            opened = event.order.placed_at if later else None
    return Progress(completed, opened)


@dataclass(frozen=True, slots=True)
class Standing:
    """A simulated exchange as the next session finds it.

    Parameters
    ----------
    exchange : with what waits there and what it guards.
    sent_since : orders of a session that was interrupted, in their order: to be sent once that session has traded.
    """

    exchange: SimulatedBroker
    sent_since: tuple[Order, ...]


def standing_exchange(events: Sequence[Event], costs: CostSchedule) -> Standing:
    """The exchange that a run's record amounts to.

    Parameters
    ----------
    events : of the run, from its start.
    costs : what one side of a trade costs.
    """
    interrupted = progress_of(events).interrupted
    placed = {e.order.order_id: e.order for e in events if isinstance(e, OrderPlaced)}
    waiting: dict[str, Order] = {}
    guarded: dict[str, Order] = {}
    since: dict[str, Order] = {}
    for event in events:
        before = interrupted is None or _moment(event) < interrupted
        if isinstance(event, OrderPlaced):
            (waiting if before else since)[event.order.order_id] = event.order
        elif isinstance(event, OrderEnded):
            since.pop(event.order_id, None)
            if before:
                waiting.pop(event.order_id, None)
        elif isinstance(event, TradeOpened) and before:
            waiting.pop(event.fill.order_id, None)
            guarded[event.trade.decision_id] = placed[event.fill.order_id]
        elif isinstance(event, TradeClosed) and before:
            leg = event.trade.decision_id
            del guarded[leg]
            for order_id, order in list(waiting.items()):  # a bracket may fire while another exit waits
                if order.exit_reason is not None and order.decision_id == leg:
                    del waiting[order_id]
        elif isinstance(event, TradeCarriedOn) and before:
            to = event.opened
            guarded[to.decision_id] = replaced(
                guarded.pop(event.closed.decision_id), target_price=to.target_price, stop_price=to.stop_price
            )
    exchange = SimulatedBroker.standing(costs, waiting.values(), guarded.values())
    return Standing(exchange, tuple(since.values()))


def paper_sessions(
    feed: Iterable[SessionUpdate], standing: Standing, trader: Trader, after: np.datetime64 | None, clock: Clock
) -> Iterator[SessionUpdate]:
    """The sessions of a feed that a run has not completed, each traded at the exchange before the trader hears of it.

    When the next one is asked for, the one before is over, and goes on record as completed.

    Parameters
    ----------
    feed : sessions, oldest first; those up to ``after`` are passed over.
    standing : the exchange, and what an interrupted session had sent.
    trader : whose sessions they are.
    after : the last completed session; None where there is none.
    clock : says when the program saw a session.
    """
    unsent = standing.sent_since
    for update in feed:
        if after is not None and update.session <= after:
            continue
        standing.exchange.trade_through(update)
        for order in unsent:
            standing.exchange.submit(order)
        unsent = ()
        yield update
        detail: dict[str, Scalar] = {
            "session": str(update.session),
            "seen_at": clock.now().isoformat(),
            "traded": update.trading,
        }
        trader.emit(AuditNoted(update.closed_at, SESSION_COMPLETED, detail))


def _moment(event: Event) -> datetime:
    return event.order.placed_at if isinstance(event, OrderPlaced) else event.at
