"""Small markets, agents that say what they are told, and the pieces of a run, for the tests of the engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import numpy as np

from builders_events import same
from lightning_gex.core.bars import Bars
from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import FillPrice, RunMode
from lightning_gex.core.errors import StoreError
from lightning_gex.core.events import Event
from lightning_gex.core.features import Features
from lightning_gex.core.membership import Membership
from lightning_gex.core.orders import ClosedTrade
from lightning_gex.core.portfolio import AccountUsage
from lightning_gex.core.ports import Agent, Journal, JournalRecord, MemoryStore
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import close_of, session_open_utc, sessions_from, to_aware
from lightning_gex.core.votes import Votes
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.drivers import HistoryFeed, SessionLog, Watch, drive
from lightning_gex.engine.feed import SessionUpdate, TickerView
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.trader import Trader
from lightning_gex.memory.book import MemoryBook
from lightning_gex.risk.tactical import TacticalConfig
from lightning_gex.simulation.market import MarketConfig, SimulatedMarket, simulate_market

CAPITAL = Decimal("100000.00")
SESSIONS = sessions_from(np.datetime64("2019-01-01"), 500)  # 2019-01-02 and on
CALM_VIX = 12.0  # the regime is low volatility, whatever else is absent: every strategy is allowed
START = np.datetime64("2015-01-02")


def bars_of(
    ticker: str,
    closes: Sequence[float],
    *,
    opens: Mapping[int, float] | None = None,
    highs: Mapping[int, float] | None = None,
    lows: Mapping[int, float] | None = None,
    first: int = 0,
) -> Bars:
    """Bars that open at the close before and reach just as far as open and close, but for what is given by row."""
    close = np.array(closes, dtype=np.float64)
    open_ = np.r_[close[0], close[:-1]]
    for row, value in (opens or {}).items():
        open_[row] = value
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    for row, value in (highs or {}).items():
        high[row] = value
    for row, value in (lows or {}).items():
        low[row] = value
    sessions = SESSIONS[first : first + len(close)]
    return Bars(ticker, sessions, open_, high, low, close, np.full(len(close), 1e6))


def without_rows(bars: Bars, rows: Sequence[int]) -> Bars:
    """The bars less some rows: sessions in which the ticker did not trade."""
    keep = np.setdiff1d(np.arange(len(bars)), rows)
    columns = {
        f.name: getattr(bars, f.name)[keep] for f in dataclasses.fields(bars) if f.name not in {"ticker", "source"}
    }
    return replace(bars, **columns)


def calm(sessions: int = 500) -> DatedSeries:
    """A volatility index that never moves."""
    return DatedSeries(SESSIONS[:sessions], {"close": np.full(sessions, CALM_VIX)}, "calm")


@dataclass(frozen=True, slots=True)
class Says:
    """One vote: direction, and a bracket as distances from the price in USD (NaN names none)."""

    direction: int
    confidence: float = 0.7
    target: float = 10.0
    stop: float = 5.0
    horizon: int = 5


@dataclass(frozen=True, slots=True)
class ScriptedAgent:
    """Votes what the script says, by ticker and session; neutral everywhere else."""

    script: Mapping[str, Mapping[np.datetime64, Says]]
    name: str = "Scripted Agent"
    strategy: str = "trend_following"

    def vote(self, features: Features) -> Votes:
        n = len(features)
        days = features.as_of.astype("datetime64[D]")
        lines = [self.script.get(features.ticker, {}).get(day) for day in days]
        price = features["price"]
        sign = np.array([0 if s is None else s.direction for s in lines], dtype=np.int8)
        reach = np.array([np.nan if s is None else s.target for s in lines])
        risk = np.array([np.nan if s is None else s.stop for s in lines])
        return Votes(
            agent=self.name,
            strategy=self.strategy,
            direction=sign,
            confidence=np.array([0.5 if s is None else s.confidence for s in lines]),
            target_price=price + sign * reach,
            stop_price=price - sign * risk,
            horizon_sessions=np.array([1 if s is None else s.horizon for s in lines], dtype=np.int64),
            abstained=np.zeros(n, dtype=np.bool_),
            abstain_reason="",
        )


def script(ticker: str, lines: Mapping[int, Says]) -> ScriptedAgent:
    """An agent that says these things of one ticker, by row of ``SESSIONS``."""
    return ScriptedAgent({ticker: {SESSIONS[row]: says for row, says in lines.items()}})


def scripted_config(**changes: object) -> EngineConfig:
    """A configuration in which one agent's voice is enough, and means what it says: it alone makes ideas and levels."""
    as_said = TacticalConfig(held_bracket_atr=0.0, core_ideas=False, one_entry_a_view=True, best_share=0.25)
    config = replace(EngineConfig(), calibrate=False, tactical=as_said)
    return replace(config, consensus=replace(config.consensus, min_voting=1), **changes)


def carrying(config: EngineConfig) -> EngineConfig:
    """The same, but a view may be traded again without a break, and so carried on."""
    return replace(config, tactical=replace(config.tactical, one_entry_a_view=False))


class ListJournal:
    """A journal in a list. ``failing`` makes it refuse whatever comes; ``others`` is what other runs use up."""

    run_id = "list"

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.groups: list[tuple[Event, ...]] = []
        self.failing = False
        self.flushed = 0
        self.others = AccountUsage()

    def append(self, events: Sequence[Event]) -> None:
        if self.failing:
            raise StoreError("the disk is full")
        self.events.extend(events)
        self.groups.append(tuple(events))

    def append_checked(self, now: datetime, build) -> Sequence[Event]:
        events = build(self.others)
        self.append(events)
        return events

    def account(self, now: datetime) -> AccountUsage:
        return self.others

    def flush(self) -> None:
        self.flushed += 1

    def read(self, run_id: str | None = None) -> Iterator[JournalRecord]:
        return (JournalRecord(i, self.run_id, event, "") for i, event in enumerate(self.events, start=1))

    def verify(self) -> int:
        return len(self.events)


@dataclass(slots=True)
class Run:
    """A run's pieces, kept for looking at."""

    trader: Trader
    exchange: SimulatedBroker
    watch: Watch
    inputs: MarketInputs
    log: SessionLog = field(default_factory=SessionLog)

    @property
    def decisions(self) -> list[Decision]:
        return self.trader.decisions

    @property
    def trades(self) -> list[ClosedTrade]:
        return self.trader.trades

    @property
    def events(self) -> list[Event]:
        return [record.event for record in self.trader.journal.read(self.trader.journal.run_id)]

    def of(self, kind: type[Event]) -> list:
        return [event for event in self.events if isinstance(event, kind)]


def prepared(
    inputs: MarketInputs,
    agents: Sequence[Agent],
    config: EngineConfig | None = None,
    *,
    journal: Journal | None = None,
    memory: MemoryStore | None = None,
    fill_price: FillPrice = FillPrice.OPEN,
    tickers: Sequence[str] | None = None,
    start: np.datetime64 | None = None,
    membership: Membership | None = None,
    learn_until: np.datetime64 | None = None,
) -> Run:
    """A trader that has begun a run on these inputs and seen no session yet."""
    config = config or scripted_config()
    exchange = SimulatedBroker(config.costs)
    trader = Trader(config, journal or ListJournal(), memory or MemoryBook(), None, exchange)
    names = tuple(tickers or inputs.bars)
    fill_prices = dict.fromkeys(names, fill_price)
    watch = Watch(names, tuple(agents), config, fill_prices, start, membership=membership, learn_until=learn_until)
    first = min(b.session[0] for b in inputs.bars.values())
    began = to_aware(session_open_utc(np.array([first]))[0])
    trader.start(at=began, mode=RunMode.BACKTEST, capital=CAPITAL, settings={})
    return Run(trader, exchange, watch, inputs)


def backtest(inputs: MarketInputs, agents: Sequence[Agent], config: EngineConfig | None = None, **options) -> Run:
    """A finished backtest."""
    run = prepared(inputs, agents, config, **options)
    run.log = drive(run.trader, HistoryFeed(inputs, run.watch), run.exchange)
    return run


def update_of(bars: Bars, row: int, fill_price: FillPrice = FillPrice.OPEN, **others: Bars) -> SessionUpdate:
    """One session of hand-made bars, for the exchange alone: nothing was perceived."""
    session = bars.session[row]
    views = {}
    for one in (bars, *others.values()):
        at = np.flatnonzero(one.session == session)
        if len(at):
            views[one.ticker] = TickerView(one, int(at[0]), None, fill_price)  # type: ignore[arg-type]
    return SessionUpdate(session, opened_at(session), close_of(session), views, float("nan"), 1)


def opened_at(session: np.datetime64) -> datetime:
    return to_aware(session_open_utc(np.array([session]))[0])


def market(ticker: str, seed: int, sessions: int, **options) -> SimulatedMarket:
    """A simulated market under a ticker's name."""
    return simulate_market(
        seed=seed, sessions=sessions, start=START, config=MarketConfig(ticker=ticker, start_price=200.0), **options
    )


def differences(one: Decision, other: Decision) -> list[str]:
    """The fields in which two decisions differ; NaN equals NaN."""
    names = [f.name for f in dataclasses.fields(one)]
    return [name for name in names if not same(getattr(one, name), getattr(other, name))]


def assert_same_decisions(ones: Sequence[Decision], others: Sequence[Decision]) -> None:
    """Every field of every decision is the same, to the bit and to the letter."""
    assert [(d.ticker, d.as_of) for d in ones] == [(d.ticker, d.as_of) for d in others]
    for one, other in zip(ones, others, strict=True):
        assert not differences(one, other), (
            one.decision_id,
            [(getattr(one, n), getattr(other, n)) for n in differences(one, other)],
        )


def assert_same_trades(ones: Sequence[ClosedTrade], others: Sequence[ClosedTrade]) -> None:
    """Every field of every trade is the same, but the number it happened to get."""
    assert len(ones) == len(others)
    for one, other in zip(ones, others, strict=True):
        assert same(replace(one, trade_id=0), replace(other, trade_id=0)), (one, other)
