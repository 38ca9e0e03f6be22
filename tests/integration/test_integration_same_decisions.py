"""Backtest, paper and live are one decision path: the same sessions give the same decisions and the same trades."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from builders_engine import Run, assert_same_decisions, assert_same_trades, market, prepared
from builders_events import same
from lightning_gex.adapters.market_data.bars_file import read_bars
from lightning_gex.adapters.market_data.series_files import read_flow, read_volatility_index
from lightning_gex.adapters.storage.codec import decode, encode
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.adapters.storage.memory_store import SqlMemoryStore
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.enums import Action, DecisionStatus, FillPrice
from lightning_gex.core.events import DecisionMade, OrderPlaced, TradeCarriedOn
from lightning_gex.core.orders import Order
from lightning_gex.core.ports import BrokerReport, OrderFilled, OrderRefused
from lightning_gex.core.series import DatedSeries
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.drivers import ArrivingFeed, HistoryFeed, drive, replayed_arrivals, watched_sessions
from lightning_gex.engine.feed import SessionUpdate
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.state import replay

BEFORE, SEEN = 200, 120  # sessions behind the first decision, and sessions decided on


@dataclass(slots=True)
class DistantExchange:
    """A broker as a live one is: orders go over a wire, fills come back by mail, and a poll fetches what is there.

    The exchange knows nothing of the trader. Orders reach it only as text, every one of them twice (a doubtful
    connection), and what it did waits in a queue until the trader polls.
    """

    exchange: SimulatedBroker
    mail: queue.SimpleQueue[BrokerReport] = field(default_factory=queue.SimpleQueue)
    last: SessionUpdate | None = None

    def submit(self, order: Order) -> None:
        wire = encode(OrderPlaced(order.placed_at, order))
        for _ in range(2):
            arrived = decode(wire)
            assert isinstance(arrived, OrderPlaced)
            self.exchange.submit(arrived.order)

    def cancel(self, order_id: str) -> None:
        self.exchange.cancel(order_id)

    def amend(self, order_id: str, *, target_price: float, stop_price: float) -> None:
        for _ in range(2):
            self.exchange.amend(order_id, target_price=target_price, stop_price=stop_price)

    def reports(self) -> list[BrokerReport]:
        return [self.mail.get() for _ in range(self.mail.qsize())]

    def market_trades(self, feed: Iterator[SessionUpdate]) -> Iterator[SessionUpdate]:
        """The sessions of a feed, each traded at the exchange before the trader hears that it is over."""
        for update in feed:
            self.last = update
            self.exchange.trade_through(update)
            self.post()
            yield update

    def post(self) -> None:
        for report in self.exchange.reports():
            self.mail.put(report)


def simulated() -> MarketInputs:
    n = BEFORE + SEEN
    one, two = market("SPY", 21, n), market("AAA", 22, n)
    rates = DatedSeries(one.bars.session, {"bill_rate": np.linspace(0.01, 0.03, n)}, "rates")
    return MarketInputs(
        {"SPY": one.bars, "AAA": two.bars},
        flow=one.flow,
        volatility_index=one.vix,
        rates=rates,
        market_ticker="SPY",
    )


def real(folder: Path) -> MarketInputs:
    first, last = np.datetime64("2017-09-15"), np.datetime64("2018-12-20")
    bars = read_bars(folder / "daily" / "index_etf_megacap_ohlcv.parquet", tickers=["SPY", "AAPL"])
    return MarketInputs(
        {t: b.between(first, last) for t, b in bars.items()},
        flow=read_flow(folder / "daily" / "spx_dix_gex.csv"),
        volatility_index=read_volatility_index(folder / "daily" / "cboe_vol_indices.csv"),
        market_ticker="SPY",
    )


def live(inputs: MarketInputs, folder: Path, fill_price: FillPrice) -> Run:
    """The run of a live trader over arriving sessions, a distant exchange and stores on disk."""
    engine = open_database(folder / "lightning.db")
    journal = SqlJournal(engine, "live-1", bytes(32), folder / "journal.anchor", group_size=1)
    memory = SqlMemoryStore(engine, "account")
    run = prepared(inputs, default_agents(), EngineConfig(), journal=journal, memory=memory, fill_price=fill_price)
    broker = DistantExchange(run.exchange)
    run.trader.broker = broker
    run.log = drive(run.trader, broker.market_trades(arriving(run)), None)
    assert broker.last is not None
    run.exchange.close_all(broker.last)  # the two others end with their data, so this one does
    broker.post()
    run.trader.settle(broker.last.closed_at)
    return run


def paper(inputs: MarketInputs, fill_price: FillPrice) -> Run:
    """The run of a paper trader: live sessions, the simulated exchange."""
    run = prepared(inputs, default_agents(), EngineConfig(), fill_price=fill_price)
    run.log = drive(run.trader, arriving(run), run.exchange)
    return run


def history(inputs: MarketInputs, fill_price: FillPrice) -> Run:
    """The backtest of the same sessions: all perceived in one pass."""
    run = prepared(inputs, default_agents(), EngineConfig(), fill_price=fill_price)
    run.log = drive(run.trader, islice(HistoryFeed(inputs, run.watch), BEFORE, None), run.exchange)
    return run


def arriving(run: Run) -> Iterator[SessionUpdate]:
    sessions = watched_sessions(run.inputs, run.watch)
    return iter(ArrivingFeed(replayed_arrivals(run.inputs, sessions[BEFORE:]), run.watch))


def assert_alike(one: Run, other: Run) -> None:
    assert_same_decisions(one.decisions, other.decisions)
    assert_same_trades(one.trades, other.trades)
    assert same(one.trader.state, other.trader.state)
    assert len(one.events) == len(other.events)
    assert all(map(same, one.events, other.events))


@pytest.fixture(scope="module")
def live_run(tmp_path_factory) -> Run:
    return live(simulated(), tmp_path_factory.mktemp("live"), FillPrice.CLOSE)


def test_backtest_and_live_decide_and_trade_alike_on_a_simulated_market(live_run):
    backtested = history(simulated(), FillPrice.CLOSE)
    assert_alike(backtested, live_run)
    assert len(backtested.decisions) == 2 * SEEN
    assert len(backtested.trades) >= 3  # there was something to agree on
    assert backtested.of(TradeCarriedOn)
    assert {d.status for d in backtested.decisions} >= {DecisionStatus.APPROVED, DecisionStatus.BLOCKED}


def test_paper_and_live_decide_and_trade_alike_on_a_simulated_market(live_run):
    assert_alike(paper(simulated(), FillPrice.CLOSE), live_run)


@pytest.mark.shared_data
def test_backtest_and_live_decide_and_trade_alike_on_real_bars(shared_data, tmp_path):
    inputs = real(shared_data)
    backtested = history(inputs, FillPrice.OPEN)
    assert_alike(backtested, live(inputs, tmp_path, FillPrice.OPEN))
    assert {d.ticker for d in backtested.decisions} == {"SPY", "AAPL"}
    assert backtested.trades


def test_what_the_live_journal_holds_is_what_was_decided(live_run):
    journal = live_run.trader.journal
    events = live_run.events
    assert journal.verify() == len(events)
    assert_same_decisions(live_run.decisions, [e.decision for e in events if isinstance(e, DecisionMade)])
    assert same(replay(events), live_run.trader.state)
    in_memory = {p.pattern_id for p in live_run.trader.memory.patterns()}
    assert in_memory == {e.pattern.pattern_id for e in events if isinstance(e, DecisionMade) and e.pattern}


def test_a_change_in_one_bar_is_seen_by_the_comparison():
    """The comparison can fail: another price of one session changes decisions from there on, and none before."""
    inputs = simulated()
    bars = inputs.bars["AAA"]
    row = BEFORE + 40
    close, low = bars.close.copy(), bars.low.copy()
    close[row] = low[row] = low[row] * 0.97
    other = replace(inputs, bars={**inputs.bars, "AAA": replace(bars, close=close, low=low)})
    one, two = (history(i, FillPrice.OPEN) for i in (inputs, other))
    assert_same_decisions(one.decisions[:80], two.decisions[:80])
    with pytest.raises(AssertionError):
        assert_same_decisions(one.decisions, two.decisions)


def test_a_report_reaches_the_trader_only_when_it_polls():
    run = prepared(simulated(), default_agents(), EngineConfig())
    broker = DistantExchange(run.exchange)
    run.exchange.cancel("nothing")
    assert broker.reports() == []
    order = Order("a:entry", "a", "AAA", Action.BUY, 1, run.events[0].at, 2.0, 1.0, 5, 0.6)
    run.exchange.submit(order)
    run.exchange.cancel("a:entry")
    assert broker.reports() == []
    broker.post()
    (report,) = broker.reports()
    assert isinstance(report, OrderRefused)
    assert not isinstance(report, OrderFilled)
