"""What all runs of an account use up of its limits, as a fold over their events.

Several programs may trade one account at a time, each with a run of its own. What one of them has ordered counts
against the limits of the others; a breaker that one of them tripped, or a person reset, is so for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from lightning_gex.core.enums import RunMode
from lightning_gex.core.events import (
    BreakerReset,
    BreakerTripped,
    Event,
    Marked,
    OrderEnded,
    OrderPlaced,
    RunEnded,
    RunStarted,
    SessionOpened,
    TradeCarriedOn,
    TradeClosed,
    TradeOpened,
    TradingHalted,
    TradingResumed,
)
from lightning_gex.core.orders import OpenTrade
from lightning_gex.core.portfolio import AccountUsage
from lightning_gex.core.sessions import session_of

#: Drivers that trade the account; simulations are not among them.
ACCOUNT_MODES: Final = frozenset({RunMode.FACADE, RunMode.LIVE, RunMode.PAPER, RunMode.CONTROL})
#: The kill switch, among the breakers that stop entries.
HALT: Final = "halt"
#: The kinds of events that this fold looks at; a reader may leave the others out.
KINDS: Final = (
    "run_started",
    "run_ended",
    "session_opened",
    "marked",
    "order_placed",
    "order_ended",
    "trade_opened",
    "trade_closed",
    "trade_carried_on",
    "breaker_tripped",
    "breaker_reset",
    "trading_halted",
    "trading_resumed",
)
_MINUTE = timedelta(seconds=60)
_KEPT = timedelta(days=7)  # longer than any stretch without a session, so that no entry of a session is dropped early


@dataclass(slots=True)
class _Run:
    """One run's part: its driver, its recent orders, and what it holds or has ordered, ticker and USD by id.

    ``opened_at``, ``at_open`` and ``equity`` are of its latest session: when it opened, USD then and at the last mark.
    """

    mode: RunMode | None = None
    ended: bool = False
    opened_at: datetime | None = None
    at_open: float = 0.0
    equity: float = 0.0
    entered: list[datetime] = field(default_factory=list)
    ordered: list[datetime] = field(default_factory=list)
    pending: dict[str, tuple[datetime, str, float]] = field(default_factory=dict)
    held: dict[int, tuple[datetime, str, float]] = field(default_factory=dict)

    def order(self, event: OrderPlaced) -> None:
        order, at = event.order, event.order.placed_at
        self.ordered = [t for t in self.ordered if t > at - _MINUTE] + [at]
        if order.exit_reason is None:
            self.entered = [t for t in self.entered if t > at - _KEPT] + [at]
            self.pending[order.order_id] = (at, order.ticker, order.quantity * order.reference_price)

    def hold(self, trade: OpenTrade) -> None:
        self.held[trade.trade_id] = (trade.entry_at, trade.ticker, float(trade.entry_price) * trade.quantity)

    def lost(self, session: str) -> float:
        """USD lost in a session, negative where gained; 0 in another session than its latest."""
        return self.at_open - self.equity if self.opened_at is not None and _session(self.opened_at) == session else 0.0


class AccountBook:
    """Folds the events of every run, in the order of the journal. Not the events of runs that trade no account.

    ``sequence`` is that of the last record folded; a record is folded once, however often it is shown.
    """

    def __init__(self) -> None:
        self.sequence = 0
        self._runs: dict[str, _Run] = {}
        self._latched: dict[str, str] = {}
        self._lifted: dict[str, tuple[str, str]] = {}

    def fold(self, sequence: int, run_id: str, event: Event) -> None:
        """Take one record in. Records come in the order of their sequence."""
        if sequence <= self.sequence:
            return
        self.sequence = sequence
        run = self._runs.get(run_id)
        if run is None:
            run = self._runs[run_id] = _Run()
        if isinstance(event, RunStarted):
            run.mode = event.mode
        if run.mode in ACCOUNT_MODES:
            self._fold_limits(event)
            _fold_positions(run, event)

    def others(self, run_id: str, now: datetime) -> AccountUsage:
        """What every run but one uses up.

        Parameters
        ----------
        run_id : the run that asks.
        now : aware UTC, the moment it asks at.
        """
        if all(name == run_id for name in self._runs):
            return AccountUsage(tripped=dict(self._latched), lifted=dict(self._lifted))
        session = _session(now)
        entries, orders, lost = 0, 0, 0.0
        exposure: dict[str, float] = {}
        for name, run in self._runs.items():
            if name == run_id or run.mode not in ACCOUNT_MODES:
                continue
            entries += sum(_session(t) == session for t in run.entered)
            orders += sum(now - t < _MINUTE for t in run.ordered)
            lost += run.lost(session)
            for ticker, usd in _exposures(run, session):
                exposure[ticker] = exposure.get(ticker, 0.0) + usd
        lost = lost if math.isnan(lost) else max(0.0, lost)
        return AccountUsage(entries, orders, exposure, dict(self._latched), dict(self._lifted), lost)

    def _fold_limits(self, event: Event) -> None:
        if isinstance(event, BreakerTripped):
            self._latch(event.breaker, event.reason)
        elif isinstance(event, TradingHalted):
            self._latch(HALT, f"{event.by}: {event.reason}")
        elif isinstance(event, BreakerReset):
            self._lift(event.breaker, event.reset_by, event.reason)
        elif isinstance(event, TradingResumed):
            self._lift(HALT, event.by, event.reason)

    def _latch(self, breaker: str, reason: str) -> None:
        self._latched[breaker] = reason
        self._lifted.pop(breaker, None)

    def _lift(self, breaker: str, by: str, reason: str) -> None:
        self._latched.pop(breaker, None)
        self._lifted[breaker] = (by, reason)


def _fold_positions(run: _Run, event: Event) -> None:
    if isinstance(event, SessionOpened):
        run.opened_at, run.at_open, run.equity = event.at, float(event.equity), float(event.equity)
    elif isinstance(event, Marked):
        run.equity = float(event.equity)
    elif isinstance(event, OrderPlaced):
        run.order(event)
    elif isinstance(event, OrderEnded):
        run.pending.pop(event.order_id, None)
    elif isinstance(event, TradeOpened):
        run.pending.pop(event.fill.order_id, None)
        run.hold(event.trade)
    elif isinstance(event, TradeClosed):
        run.held.pop(event.trade.trade_id, None)
    elif isinstance(event, TradeCarriedOn):
        run.held.pop(event.closed.trade_id, None)
        run.hold(event.opened)
    elif isinstance(event, RunEnded):
        run.ended = True


def _exposures(run: _Run, session: str) -> Iterator[tuple[str, float]]:
    """(ticker, USD) of what a run holds or has ordered, as far as it counts.

    A facade's run has no broker that would still know its positions on another day: it counts on the day it was made.
    """
    if run.ended:
        return
    for at, ticker, usd in (*run.pending.values(), *run.held.values()):
        if run.mode is not RunMode.FACADE or _session(at) == session:
            yield ticker, abs(usd) if math.isfinite(usd) else math.nan


@lru_cache(maxsize=4_096)
def _session(moment: datetime) -> str:
    return str(session_of(moment))


__all__ = ["ACCOUNT_MODES", "HALT", "KINDS", "AccountBook"]
