"""``lightning paper``: one run of the account that goes on over days, session by session as the files grow.

A call lives through every session that is new, by the path of a backtest, and ends. What the next call needs is in the
journal: nothing is lost with the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.halt_file import HaltFile
from lightning_gex.adapters.market_data.stale_open import default_fill_price
from lightning_gex.adapters.storage.file_lock import exclusive
from lightning_gex.app.assembly.alerts import tell, tell_of_run
from lightning_gex.app.assembly.jobs import InputFiles, inputs_of, on_record, shown
from lightning_gex.app.assembly.policies import workspace_policy
from lightning_gex.app.assembly.transition import SHARE_SETTING, of_its_share, transition_in
from lightning_gex.app.assembly.universe import with_universe
from lightning_gex.app.assembly.wiring import Stores, agents_of, capital_of, engine_config, new_run_id
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.enums import RunMode
from lightning_gex.core.errors import InputError, InsufficientDataError, RefusedError, SettingsError
from lightning_gex.core.events import AuditNoted, Event, RunEnded, RunStarted
from lightning_gex.core.halt import fit_for_record
from lightning_gex.core.ports import Clock, Progress
from lightning_gex.core.sessions import sessions_between
from lightning_gex.core.version import __version__
from lightning_gex.engine.drivers import HistoryFeed, Watch, drive, watched_sessions
from lightning_gex.engine.feed import SessionUpdate
from lightning_gex.engine.paper import Standing, paper_sessions, progress_of, standing_exchange
from lightning_gex.engine.self_test import self_test
from lightning_gex.engine.trader import Trader
from lightning_gex.memory.book import MemoryBook

if TYPE_CHECKING:
    from lightning_gex.adapters.storage.journal import SqlJournal
    from lightning_gex.core.decision import Decision, Scalar
    from lightning_gex.core.orders import OpenTrade, Order

#: What a paper run's start says beside the settings: it cannot be changed while the run goes on.
PAPER_TICKERS, PAPER_START = "paper.tickers", "paper.start"
#: Settings that differ from those a run was last known to go by; its detail holds their new values.
SETTINGS_CHANGED = "settings_changed"
_PATIENCE_SECONDS = 30.0  # for another call that is at it


@dataclass(frozen=True, slots=True)
class PaperRequest:
    """What a call asks for.

    Parameters
    ----------
    files : with every session up to now, and the history that the indicators need.
    tickers : to trade; empty takes those of the run that goes on.
    start : first session to trade, on a run's first call; None takes the last one of the bars.
    capital : USD, on a run's first call; None takes ``account.initial_capital``.
    end : close everything at the last price and end the run, because of ``reason``.
    reason : of the end, for the record.
    """

    files: InputFiles
    tickers: tuple[str, ...] = ()
    start: date | None = None
    capital: float | None = None
    end: bool = False
    reason: str = "ended by its user"


@dataclass(frozen=True, slots=True)
class PaperOutcome:
    """How the run stands after a call.

    Parameters
    ----------
    run_id : of the journal. resumed : whether it had begun before.
    sessions : lived through now, oldest first; the last one of the run is ``reached``.
    decisions : of the last session lived through now.
    equity, cash, initial_capital : USD.
    open_trades, pending : positions, and orders that wait for the next bar.
    tripped : breakers that stop entries, with their reasons.
    ended : whether the run is over.
    notes : what a reader must know.
    """

    run_id: str
    resumed: bool
    sessions: tuple[np.datetime64, ...]
    reached: np.datetime64 | None
    decisions: tuple[Decision, ...]
    equity: float
    cash: float
    initial_capital: float
    open_trades: tuple[OpenTrade, ...]
    pending: tuple[Order, ...]
    tripped: dict[str, str]
    ended: bool
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class _Begun:
    """A run that goes on: its name and what its journal holds."""

    run_id: str
    events: tuple[Event, ...]

    @property
    def started(self) -> RunStarted:
        first = self.events[0]
        if not isinstance(first, RunStarted):
            raise RefusedError(f"the records of {self.run_id} do not begin with its start")
        return first


def paper_trade(
    workspace: Workspace, request: PaperRequest, *, progress: Progress, clock: Clock | None = None
) -> PaperOutcome:
    """Live through every session that the files have and the account's paper run has not.

    Raises
    ------
    InputError : files that cannot be used, or whose prices are not those that the run has traded at.
    SettingsError : tickers, start or capital other than the run's own.
    RefusedError : a limit that does not hold in the self-test; there is no run to end.
    StoreError : the store cannot be written, or another call is at it.
    """
    clock = clock or SystemClock()
    lock = workspace.home / "paper.lock"
    with exclusive(lock, "paper trading on this workspace", patience_seconds=_PATIENCE_SECONDS):
        stores = Stores.open(workspace)
        try:
            with stores.naming_the_store():
                return _PaperCall(workspace, request, stores, clock).made(progress)
        except Exception as error:
            tell(workspace, "Lightning GEX: paper trading stopped", f"{type(error).__name__}: {error}", clock=clock)
            raise
        finally:
            stores.engine.dispose()


def going_on(journal: SqlJournal) -> _Begun | None:
    """The latest paper run that was not ended; None where there is none."""
    for run in reversed([r for r in journal.runs() if r.mode is RunMode.PAPER]):
        events = tuple(record.event for record in journal.read(run.run_id, with_reasons=False))
        return None if any(isinstance(e, RunEnded) for e in events) else _Begun(run.run_id, events)
    return None


class _PaperCall:
    """One call's pieces."""

    def __init__(self, workspace: Workspace, request: PaperRequest, stores: Stores, clock: Clock) -> None:
        self._workspace, self._request, self._stores, self._clock = workspace, request, stores, clock
        with stores.journal(new_run_id("paper", clock.now())) as journal:
            self._begun = going_on(journal)
            transition = transition_in(journal)
        self._config = of_its_share(engine_config(workspace.settings), transition, RunMode.PAPER)
        if self._begun is None and request.end:
            raise RefusedError("there is no paper run to end")
        self._tickers = self._chosen_tickers()
        own = None if self._begun is None else date.fromisoformat(str(self._begun.started.settings[PAPER_START]))
        self._inputs = with_universe(workspace, inputs_of(request.files, self._tickers, start=own or request.start))
        self._sessions = watched_sessions(self._inputs, Watch(self._tickers, (), self._config, {}))
        self._start = self._chosen_start()

    def made(self, progress: Progress) -> PaperOutcome:
        tested = self_test(self._config)
        before = progress_of(() if self._begun is None else self._begun.events)
        notes = [*self._inputs.notes, *self._checked_against(before.completed, before.interrupted)]
        with self._trading() as (trader, standing, journal):
            counts: dict[str, Scalar] = {"guardrails": len(tested.guardrails), "breakers": len(tested.breakers)}
            trader.emit(AuditNoted(self._clock.now(), "self_test_passed", {"version": __version__, **counts}))
            seen = _Seen()
            new = self._sessions if before.completed is None else self._sessions[self._sessions > before.completed]
            feed = paper_sessions(seen.watching(self._feed()), standing, trader, before.completed, self._clock)
            label = f"living through {len(new)} sessions of {', '.join(self._tickers)}"
            drive(trader, shown(progress, label)(feed, len(new)), None)
            ended = self._finished(trader, standing, seen.last)
            outcome = self._outcome(trader, new, before.completed, ended=ended, notes=notes)
            summary = summary_of(outcome) if self._workspace.settings.alerts.daily_summary and len(new) else None
            told = tell_of_run(self._workspace, journal, summary, self._clock)
            if told is not None:
                trader.emit(told)
            return outcome

    def _chosen_tickers(self) -> tuple[str, ...]:
        asked = tuple(dict.fromkeys(self._request.tickers))
        if self._begun is None:
            if not asked:
                raise SettingsError("name what to trade: --ticker, once or more, when a paper run begins")
            return asked
        own = tuple(str(self._begun.started.settings[PAPER_TICKERS]).split(","))
        if asked and asked != own:
            raise SettingsError(
                f"the paper run {self._begun.run_id} trades {', '.join(own)}, not {', '.join(asked)}: leave --ticker "
                "out, or end it with --end and begin another"
            )
        return own

    def _chosen_start(self) -> np.datetime64:
        asked = None if self._request.start is None else np.datetime64(self._request.start, "D")
        if self._begun is None:
            chosen = self._sessions[-1] if asked is None else asked
            if chosen > self._sessions[-1]:
                raise InsufficientDataError(
                    f"the bars end on {self._sessions[-1]}, before the first session to trade ({chosen})",
                    source=str(self._request.files.bars),
                )
            return chosen
        settings = self._begun.started.settings
        own = np.datetime64(str(settings[PAPER_START]), "D")
        if asked is not None and asked != own:
            raise SettingsError(f"the paper run {self._begun.run_id} trades since {own}: leave --start out")
        capital = self._request.capital
        if capital is not None and capital_of(self._workspace.settings, capital) != self._begun.started.initial_capital:
            raise SettingsError(
                f"the paper run {self._begun.run_id} began with {self._begun.started.initial_capital} USD: "
                "leave --capital out"
            )
        return own

    def _checked_against(self, completed: np.datetime64 | None, interrupted: datetime | None) -> Iterator[str]:
        """Notes on how the files go on from where the run is. Raises ``InputError`` where they do not."""
        if completed is None:
            return
        source, last = str(self._request.files.bars), self._sessions[-1]
        if last < completed:
            raise InputError(
                f"the bars end on {last}, and the run has come to {completed}: give newer ones", source=source
            )
        new = self._sessions[self._sessions > completed]
        if not len(new):
            yield f"no session after {completed} is in the bars: nothing new to live through"
            return
        if interrupted is not None and str(new[0]) != f"{interrupted:%Y-%m-%d}":
            raise InputError(
                f"the session of {interrupted:%Y-%m-%d}, in which the run was stopped, is not in the bars",
                source=source,
            )
        missed = [s for s in sessions_between(completed, new[-1]) if s > completed and s not in set(new)]
        if missed:
            yield f"{len(missed)} sessions of the exchange are not in the bars, the first {missed[0]}: nothing was done"

    def _feed(self) -> HistoryFeed:
        return HistoryFeed(self._inputs, self._watch())

    def _watch(self) -> Watch:
        return Watch(
            tickers=self._tickers,
            agents=agents_of(self._workspace.settings),
            config=self._config,
            fill_price={t: default_fill_price(t) for t in self._tickers},
            start=self._start,
        )

    @contextmanager
    def _trading(self) -> Iterator[tuple[Trader, Standing, SqlJournal]]:
        """The trader where it stopped, or at its start, and the exchange before it."""
        workspace, now = self._workspace, self._clock.now()
        events: Sequence[Event] = () if self._begun is None else self._begun.events
        run_id = new_run_id("paper", now) if self._begun is None else self._begun.run_id
        standing = standing_exchange(events, self._config.costs)
        memory = self._stores.memory()
        remembers = self._config.enhancements.memory
        with self._stores.journal(run_id, followers=(memory,) if remembers else ()) as journal:
            trader = Trader(
                config=self._config,
                journal=journal,
                memory=memory if remembers else MemoryBook(),
                policy=workspace_policy(workspace, self._config),
                broker=standing.exchange,
                halt=HaltFile(workspace.halt_flag),
                tells_memory=False,  # the journal's transactions do
            )
            settings = {**on_record(workspace), SHARE_SETTING: self._config.capital_share}
            if self._begun is None:
                own: dict[str, Scalar] = {PAPER_TICKERS: ",".join(self._tickers), PAPER_START: str(self._start)}
                capital = capital_of(workspace.settings, self._request.capital)
                trader.start(at=now, mode=RunMode.PAPER, capital=capital, settings={**settings, **own})
            else:
                trader.resume(events, at=now)
                self._refuse_other_prices(trader)
                changed = changed_settings(events, settings)
                if changed:
                    trader.emit(AuditNoted(now, SETTINGS_CHANGED, changed))
            yield trader, standing, journal

    def _refuse_other_prices(self, trader: Trader) -> None:
        """Positions are counted in shares: a split between two calls would make them worth something else."""
        completed = progress_of(() if self._begun is None else self._begun.events).completed
        if completed is None:
            return
        largest = self._config.guardrails.price_collar_pct
        for ticker, marked in trader.state.prices.items():
            bars = self._inputs.bars.get(ticker)
            row = -1 if bars is None else int(np.searchsorted(bars.session, completed))
            if bars is None or row >= len(bars) or bars.session[row] != completed:
                continue
            now = float(bars.close[row])
            if not abs(now / marked - 1.0) <= largest:
                raise InputError(
                    f"{ticker} closed at {now:g} on {completed} by this file and at {marked:g} when the run marked it: "
                    "the prices were adjusted since; give bars as the run knows them, or end it with --end",
                    source=str(self._request.files.bars),
                    field="close",
                )

    def _finished(self, trader: Trader, standing: Standing, last: SessionUpdate | None) -> bool:
        """What is left after the last session: a halt that came meanwhile, or the run's end."""
        if last is None or trader.state.opened_at is None:
            return False
        if not self._request.end:
            trader.heed(last.closed_at)
            trader.take_reports(last.closed_at)
            return False
        standing.exchange.close_all(last)
        trader.settle(last.closed_at)
        trader.emit(RunEnded(last.closed_at, fit_for_record(self._request.reason)))
        return True

    def _outcome(
        self,
        trader: Trader,
        new: np.ndarray,
        completed: np.datetime64 | None,
        *,
        ended: bool,
        notes: Sequence[str],
    ) -> PaperOutcome:
        state = trader.state
        last = None if not len(new) else new[-1]
        of_last = [
            d for d in trader.decisions if last is not None and np.datetime64(f"{d.as_of:%Y-%m-%d}", "D") == last
        ]
        return PaperOutcome(
            run_id=trader.journal.run_id,
            resumed=self._begun is not None,
            sessions=tuple(new),
            reached=completed if last is None else last,
            decisions=tuple(of_last),
            equity=float(state.equity),
            cash=float(state.ledger.cash),
            initial_capital=float(state.initial_capital),
            open_trades=tuple(state.open_trades.values()),
            pending=tuple(state.pending.values()),
            tripped=dict(state.tripped),
            ended=ended,
            notes=tuple(notes),
        )


@dataclass(slots=True)
class _Seen:
    """Keeps the last session that passed by."""

    last: SessionUpdate | None = None

    def watching(self, feed: HistoryFeed) -> Iterator[SessionUpdate]:
        for update in feed:
            self.last = update
            yield update


def summary_of(outcome: PaperOutcome) -> str:
    """How a run stands after a session, in a few lines for somebody who is elsewhere."""
    gain = outcome.equity / outcome.initial_capital - 1.0
    decided = [f"{d.ticker} {d.status.value.replace('_', ' ')}: {d.reason}" for d in outcome.decisions]
    held = ", ".join(f"{t.quantity} {t.ticker} ({t.direction.word})" for t in outcome.open_trades) or "nothing"
    stopped = [f"no entry: {name}: {why}" for name, why in sorted(outcome.tripped.items())]
    lines = [f"session {outcome.reached}: equity {outcome.equity:,.2f} USD ({gain:+.2%}), held {held}"]
    return "\n".join([*lines, *decided, *stopped])


def changed_settings(events: Sequence[Event], now: dict[str, Scalar]) -> dict[str, Scalar]:
    """The settings that differ from those that a run was last known to go by; empty where none does."""
    known: dict[str, Scalar] = {}
    for event in events:
        if isinstance(event, RunStarted):
            known.update(event.settings)
        elif isinstance(event, AuditNoted) and event.what == SETTINGS_CHANGED:
            known.update(event.detail)
    return {name: value for name, value in now.items() if known.get(name) != value}
