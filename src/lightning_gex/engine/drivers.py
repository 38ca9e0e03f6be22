"""The thin drivers: they differ in clock, feed and broker, and in nothing else."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import numpy as np

from lightning_gex.core.decision import Decision, Scalar
from lightning_gex.core.enums import FillPrice, RunMode
from lightning_gex.core.errors import InsufficientDataError
from lightning_gex.core.event_calendar import EventCalendar
from lightning_gex.core.events import BreakerReset, Event, LearningCarried, RecordCarried
from lightning_gex.core.membership import Membership
from lightning_gex.core.ports import Agent
from lightning_gex.core.sessions import session_close_utc, session_open_utc, to_aware
from lightning_gex.core.units import DateArray1D
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.feed import Feed, SessionUpdate, TickerView
from lightning_gex.engine.inputs import RATE_MAX_AGE_DAYS, MarketInputs, features_of
from lightning_gex.engine.perception import Perception, perceive
from lightning_gex.engine.result import RunResult
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.trader import Trader
from lightning_gex.engine.unrecorded import Unrecorded

#: Wraps an iterable so that a person sees how far it is.
ShowProgress = Callable[[Iterable[SessionUpdate], int], Iterable[SessionUpdate]]


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """What a run watches, and how.

    Parameters
    ----------
    tickers : the ones to decide on, in this order.
    agents : who votes.
    config : how decisions are made.
    fill_price : ticker -> which price of a bar an order gets.
    start : first session to trade; before it the system only learns. None trades from the first bar.
    breakers_reset_after : sessions after which a simulated person resets a tripped breaker; None: nobody does. Live,
        only a real person may.
    membership : who may be entered when; a ticker that is no member on a session is perceived, and a trade in it is
        managed to its end, but nothing is decided on it. None lets everyone.
    learn_until : last session whose decisions are remembered and learnt from; None learns from all.
    """

    tickers: tuple[str, ...]
    agents: tuple[Agent, ...]
    config: EngineConfig
    fill_price: Mapping[str, FillPrice]
    start: np.datetime64 | None = None
    breakers_reset_after: int | None = None
    membership: Membership | None = None
    learn_until: np.datetime64 | None = None

    def perceived(self, inputs: MarketInputs) -> dict[str, Perception]:
        """Every watched ticker's perception of these inputs."""
        there = [t for t in self.tickers if t in inputs.bars]
        return {t: perceive(features_of(t, inputs, self.membership), self.agents, self.config) for t in there}

    def learns_from(self, session: np.datetime64) -> bool:
        """Whether what is decided in this session is remembered and learnt from."""
        return self.learn_until is None or bool(session <= self.learn_until)

    def members_at(self, session: np.datetime64) -> frozenset[str] | None:
        """Who may be entered in a session; None lets everyone."""
        return None if self.membership is None else self.membership.at(session)

    def trades_on(self, session: np.datetime64) -> bool:
        """Whether this session is traded or only learnt from."""
        return self.start is None or bool(session >= self.start)


@dataclass(frozen=True, slots=True, eq=False)
class HistoryFeed:
    """A backtest's feed: everything is perceived in one pass, then shown session by session.

    Parameters
    ----------
    inputs : the whole history.
    watch : what to look at.
    """

    inputs: MarketInputs
    watch: Watch

    def sessions(self) -> DateArray1D:
        """Every session in which a watched ticker traded."""
        return watched_sessions(self.inputs, self.watch)

    def __iter__(self) -> Iterator[SessionUpdate]:
        """Sessions, oldest first."""
        perceived = self.watch.perceived(self.inputs)
        sessions = self.sessions()
        rows = {t: np.searchsorted(self.inputs.bars[t].session, sessions) for t in perceived}
        traded = {t: np.isin(sessions, self.inputs.bars[t].session) for t in perceived}
        timetable = Timetable.of(sessions, self.inputs)
        for k in range(len(sessions)):
            views = {
                t: TickerView(self.inputs.bars[t], int(rows[t][k]), p, self.watch.fill_price[t])
                for t, p in perceived.items()
                if traded[t][k]
            }
            yield timetable.update(k, views, self.watch)


@dataclass(frozen=True, slots=True, eq=False)
class ArrivingFeed:
    """A live feed: each session is perceived when it has closed, from the past alone.

    Parameters
    ----------
    arrivals : what is known after each close, as sessions end. Live, this waits for the market; a replay has it ready.
    watch : what to look at.
    """

    arrivals: Iterable[MarketInputs]
    watch: Watch

    def __iter__(self) -> Iterator[SessionUpdate]:
        """Sessions, oldest first."""
        for inputs in self.arrivals:
            sessions = watched_sessions(inputs, self.watch)
            now = sessions[-1]
            views = {
                t: TickerView(inputs.bars[t], len(inputs.bars[t]) - 1, p, self.watch.fill_price[t])
                for t, p in self.watch.perceived(inputs).items()
                if inputs.bars[t].session[-1] == now
            }
            latest = sessions[-2:]  # the session and the one before it: the days between them earn interest
            timetable = Timetable.of(latest, inputs)
            yield timetable.update(len(latest) - 1, views, self.watch)


def replayed_arrivals(inputs: MarketInputs, sessions: DateArray1D) -> Iterator[MarketInputs]:
    """A recorded history as it would have arrived, session by session."""
    for session in sessions:
        yield inputs.until(session)


@dataclass(frozen=True, slots=True, eq=False)
class Timetable:
    """When each session opened and closed, what cash earned, and what was known beforehand."""

    sessions: DateArray1D
    opened_at: tuple[datetime, ...]
    closed_at: tuple[datetime, ...]
    bill_rate: tuple[float, ...]
    sectors: Mapping[str, str] = field(default_factory=dict)
    events: EventCalendar | None = None

    @classmethod
    def of(cls, sessions: DateArray1D, inputs: MarketInputs) -> Timetable:
        """The timetable of these sessions."""
        rates = np.full(len(sessions), np.nan)
        if inputs.rates is not None:
            rates = inputs.rates.aligned("bill_rate", sessions, max_age_days=RATE_MAX_AGE_DAYS)
        return cls(
            sessions,
            tuple(to_aware(t) for t in session_open_utc(sessions)),
            tuple(to_aware(t) for t in session_close_utc(sessions)),
            tuple(float(r) for r in rates),
            inputs.sectors,
            inputs.events,
        )

    def update(self, k: int, views: Mapping[str, TickerView], watch: Watch) -> SessionUpdate:
        """Session ``k`` as the engine sees it."""
        days = int((self.sessions[k] - self.sessions[k - 1]).astype(np.int64)) if k else 0
        return SessionUpdate(
            session=self.sessions[k],
            opened_at=self.opened_at[k],
            closed_at=self.closed_at[k],
            views=views,
            bill_rate=self.bill_rate[k],
            days_since_previous=days,
            trading=watch.trades_on(self.sessions[k]),
            sectors=self.sectors,
            events=self.events,
            members=watch.members_at(self.sessions[k]),
            learning=watch.learns_from(self.sessions[k]),
        )


def watched_sessions(inputs: MarketInputs, watch: Watch) -> DateArray1D:
    """Every session in which a watched ticker traded, oldest first."""
    return np.unique(np.concatenate([inputs.bars[t].session for t in watch.tickers if t in inputs.bars]))


@dataclass(slots=True)
class SimulatedPerson:
    """Looks at a tripped breaker for some sessions and then resets it, on record, as somebody would.

    Parameters
    ----------
    patience_sessions : sessions until the reset; None never resets.
    """

    patience_sessions: int | None
    resets: int = 0
    _waited: dict[str, int] = field(default_factory=dict)

    def look(self, trader: Trader, at: datetime) -> None:
        """One session's look at the breakers."""
        if self.patience_sessions is None:
            return
        self._waited = {name: self._waited.get(name, 0) + 1 for name in trader.state.tripped}
        for name in [n for n, waited in self._waited.items() if waited > self.patience_sessions]:
            trader.emit(
                BreakerReset(
                    at, name, "a simulated person", f"after {self.patience_sessions} sessions, as somebody would"
                )
            )
            self.resets += 1
            del self._waited[name]


@dataclass(slots=True)
class SessionLog:
    """Equity and exposure at each traded close."""

    sessions: list[np.datetime64] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    exposure: list[float] = field(default_factory=list)
    bill_rate: list[float] = field(default_factory=list)
    breaker_resets: int = 0


def drive(
    trader: Trader,
    feed: Iterable[SessionUpdate],
    exchange: SimulatedBroker | None,
    *,
    breakers_reset_after: int | None = None,
) -> SessionLog:
    """Show a trader every session of a feed.

    Parameters
    ----------
    trader : decides and acts.
    feed : sessions, oldest first.
    exchange : the simulated exchange behind the trader's broker; None where a real one fills the orders.
    breakers_reset_after : sessions after which a simulated person resets a tripped breaker; None: nobody does.

    Returns
    -------
    Equity, exposure and bill rate at each traded close.
    """
    log = SessionLog()
    person = SimulatedPerson(breakers_reset_after)
    last: SessionUpdate | None = None
    for update in feed:
        if exchange is not None:
            exchange.trade_through(update)
        person.look(trader, update.opened_at)
        trader.see(update)
        if update.trading:
            log.sessions.append(update.session)
            log.equity.append(float(trader.state.equity))
            log.exposure.append(float(trader.state.ledger.exposure(trader.prices)))
            log.bill_rate.append(update.bill_rate)
        last = update
    if exchange is not None and last is not None:
        exchange.close_all(last)
        trader.settle(last.closed_at)
        if log.equity:
            log.equity[-1] = float(trader.state.equity)
    log.breaker_resets = person.resets
    trader.journal.flush()
    return log


@contextmanager
def _set_aside() -> Iterator[None]:
    """Let the collector of cycles pass over what was there before: libraries and inputs, many times a bar.

    It would go through all of them again and again, and a run makes no cycles.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def run_backtest(
    trader: Trader,
    exchange: SimulatedBroker,
    inputs: MarketInputs,
    watch: Watch,
    *,
    capital: Decimal,
    settings: Mapping[str, Scalar],
    show_progress: ShowProgress | None = None,
) -> RunResult:
    """Walk forward through a history with simulated fills.

    Raises
    ------
    InsufficientDataError : where no session of the history is to be traded.
    """
    feed = HistoryFeed(inputs, watch)
    sessions = feed.sessions()
    traded = [s for s in sessions if watch.trades_on(s)]
    if not traded:
        raise InsufficientDataError(
            f"the bars end on {sessions[-1]}, before the first session to trade ({watch.start})"
        )
    began = to_aware(session_open_utc(sessions[:1])[0])
    trader.start(at=began, mode=RunMode.BACKTEST, capital=capital, settings=settings)
    shown: Iterable[SessionUpdate] = feed if show_progress is None else show_progress(feed, len(sessions))
    with _set_aside():
        log = drive(trader, shown, exchange, breakers_reset_after=watch.breakers_reset_after)
    return result_of(trader, log, inputs, watch, mode=RunMode.BACKTEST, capital=capital, settings=settings)


def decide_latest(
    trader: Trader,
    inputs: MarketInputs,
    watch: Watch,
    *,
    capital: Decimal,
    settings: Mapping[str, Scalar],
    show_progress: ShowProgress | None = None,
) -> tuple[Decision, ...]:
    """Learn from a history, then decide on its last session with the whole capital free.

    Learning is a computation: only what it amounts to goes on record, with the decisions that rest on it.

    Parameters
    ----------
    trader : decides; its memory is filled while learning.
    inputs : the history.
    watch : what to look at; its ``start`` is not looked at.
    capital : USD.
    settings : for the record.
    show_progress : wraps the sessions.

    Returns
    -------
    The decisions on the last session, one a ticker that traded in it.
    """
    sessions = watched_sessions(inputs, watch)
    feed = HistoryFeed(inputs, replace(watch, start=sessions[-1]))
    learner = Trader(config=trader.config, journal=Unrecorded(), memory=trader.memory, policy=None)
    shown: Iterable[SessionUpdate] = feed if show_progress is None else show_progress(feed, len(sessions))
    for update in shown:
        if not update.trading:
            learner.see(update)
            continue
        trader.start(at=update.opened_at, mode=RunMode.BACKTEST, capital=capital, settings=settings)
        learner.resolve_signals(update)  # what this session's bars tell is known when it is decided on
        learnt = learner.state
        carried: list[Event] = [RecordCarried(update.opened_at, w, **asdict(r)) for w, r in learnt.records.items()]
        backed = learnt.backed_records.items()
        carried += [RecordCarried(update.opened_at, way, backed=True, **asdict(record)) for way, record in backed]
        if learnt.learning.resolved or learnt.learning.standing:
            carried.append(LearningCarried(update.opened_at, learnt.learning.figures()))
        if carried:
            trader.emit(*carried)
        trader.see(update)
    trader.journal.flush()
    return tuple(trader.decisions)


def result_of(
    trader: Trader,
    log: SessionLog,
    inputs: MarketInputs,
    watch: Watch,
    *,
    mode: RunMode,
    capital: Decimal,
    settings: Mapping[str, Scalar],
) -> RunResult:
    """What a finished run hands to evaluation."""
    rates = np.array(log.bill_rate)
    bars: Sequence[str] = [t for t in watch.tickers if t in inputs.bars]
    return RunResult(
        run_id=trader.journal.run_id,
        mode=mode,
        decisions=trader.decisions,
        trades=tuple(trader.trades),
        sessions=np.array(log.sessions, dtype="datetime64[D]"),
        equity=np.array(log.equity),
        exposure=np.array(log.exposure),
        initial_capital=float(capital),
        bars={t: inputs.bars[t] for t in bars},
        fill_price={t: watch.fill_price[t] for t in bars},
        cost_bp_per_side={t: trader.config.costs.bp_per_side(t) for t in bars},
        bill_rate=rates if np.isfinite(rates).any() else None,
        settings=settings,
        notes=(*inputs.notes, *_notes_on(log, watch)),
        reliability=trader.state.learning.grouped(),
        membership=watch.membership,
    )


def _notes_on(log: SessionLog, watch: Watch) -> tuple[str, ...]:
    if not log.breaker_resets:
        return ()
    times = "once" if log.breaker_resets == 1 else f"{log.breaker_resets} times"
    return (
        (
            f"a simulated person reset circuit breakers {times}, "
            f"{watch.breakers_reset_after} sessions after they tripped"
        ),
    )


__all__ = [
    "ArrivingFeed",
    "Feed",
    "HistoryFeed",
    "Watch",
    "decide_latest",
    "drive",
    "replayed_arrivals",
    "result_of",
    "run_backtest",
]
