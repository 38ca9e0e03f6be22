"""A live run over recorded sessions, at a durable exchange, that can be killed at any step of its work and restarted.

As a program it forks the runs, kills them with SIGKILL and compares what is left with an undisturbed run:

    python trading_day.py STORE_URL_PATTERN FOLDER KILLS SEED

``{number}`` in the pattern is the run's. It prints one JSON document.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import random
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import sqlalchemy

from builders_engine import CALM_VIX, CAPITAL, Says, ScriptedAgent, carrying, market, scripted_config
from builders_events import same
from lightning_gex.adapters.halt_file import HaltFile
from lightning_gex.adapters.storage.codec import decode, encode
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.adapters.storage.memory_store import SqlMemoryStore
from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import FillPrice, RunMode
from lightning_gex.core.events import Event, OrderPlaced, RunResumed, TradeCarriedOn
from lightning_gex.core.orders import Order
from lightning_gex.core.ports import BrokerReport
from lightning_gex.core.series import DatedSeries
from lightning_gex.engine.config import CostSchedule
from lightning_gex.engine.drivers import HistoryFeed, Watch
from lightning_gex.engine.feed import SessionUpdate
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.state import EngineState, replay
from lightning_gex.engine.trader import Trader
from lightning_gex.engine.trades import entry_id
from lightning_gex.memory.confidence import MemoryConfig

KEY = bytes(range(32))
RUN = "live-1"
CONFIG = carrying(scripted_config(memory=MemoryConfig(minimum_neighbours=1)))
MOST_KILLS_OF_ONE_RUN = 3


def sessions(count: int = 22, first: int = 208) -> list[SessionUpdate]:
    """The sessions of the run, perceived once: 2015-10-29 to 11-30, past the end of daylight saving and a half-day."""
    markets = [market(name, seed, first + count) for name, seed in (("SPY", 41), ("AAA", 42))]
    says = {m.bars.ticker: _opinions(m.bars, number) for number, m in enumerate(markets, start=10)}
    days = markets[0].bars.session
    calm = DatedSeries(days, {"close": np.full(len(days), CALM_VIX)}, "calm")
    inputs = MarketInputs({m.bars.ticker: m.bars for m in markets}, volatility_index=calm, market_ticker="SPY")
    watch = Watch(tuple(inputs.bars), (ScriptedAgent(says),), CONFIG, dict.fromkeys(inputs.bars, FillPrice.OPEN))
    return list(HistoryFeed(inputs, watch))[first:]


def _opinions(bars: Bars, seed: int) -> dict[np.datetime64, Says]:
    """Mostly bullish, now and then not: entries, brackets, trades carried on, time exits and changes of mind."""
    draw = random.Random(seed)
    leanings = draw.choices((1, -1, 0), (14, 1, 3), k=len(bars))
    return {
        session: Says(direction, target=draw.choice((8.0, 16.0)), stop=draw.choice((6.0, 12.0)), horizon=3)
        for session, direction in zip(bars.session, leanings, strict=True)
    }


class DurableExchange:
    """A broker that outlives the program: its orders are lines of a file, and what became of them follows from bars.

    Every call of ``submit`` is a line, so that an order sent twice shows; so is every call of ``amend``.
    """

    def __init__(self, path: Path, tick: Callable[[], None]) -> None:
        self._simulated = SimulatedBroker(CostSchedule())
        self._path, self._tick, self._session = path, tick, -1
        self._lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        self.received = [_order(record["order"]) for record in self._lines if "order" in record]

    @property
    def guarded(self) -> dict[str, tuple[float, float]]:
        """Order -> target and stop, USD, of the positions that it guards."""
        return {o.order_id: (o.target_price, o.stop_price) for o in self._simulated._guarded.values()}

    def advance(self, number: int, update: SessionUpdate) -> None:
        self._session = number
        self._simulated.trade_through(update)
        for record in self._lines:
            if record["session"] == number:
                self._take(record)

    def submit(self, order: Order) -> None:
        self._receive({"order": encode(OrderPlaced(order.placed_at, order))})

    def amend(self, order_id: str, *, target_price: float, stop_price: float) -> None:
        self._receive({"amend": order_id, "to": {"target_price": target_price, "stop_price": stop_price}})

    def _receive(self, what: dict) -> None:
        self._tick()
        record = {"session": self._session, **what}
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, json.dumps(record).encode() + b"\n")
        os.fsync(descriptor)
        os.close(descriptor)
        self._tick()
        self._take(record)

    def _take(self, record: dict) -> None:
        if "order" in record:
            self._simulated.submit(_order(record["order"]))
        else:
            self._simulated.amend(record["amend"], **record["to"])

    def cancel(self, order_id: str) -> None:
        self._simulated.cancel(order_id)

    def reports(self) -> Sequence[BrokerReport]:
        return self._simulated.reports()

    def history(self, order_id: str) -> Sequence[BrokerReport] | None:
        return self._simulated.history(order_id)


def _order(text: str) -> Order:
    event = decode(text)
    assert isinstance(event, OrderPlaced)
    return event.order


class TickingJournal(SqlJournal):
    """Ticks around every commit and every write of the anchor."""

    tick: Callable[[], None] = staticmethod(lambda: None)

    def _committed(self, make):
        self.tick()

        def ticking(connection):
            made = make(connection)
            self.tick()  # within the transaction
            return made

        done = super()._committed(ticking)
        self.tick()
        return done

    def _advance_anchor(self, anchor, *, sync):
        super()._advance_anchor(anchor, sync=sync)
        self.tick()


def live(updates: Sequence[SessionUpdate], url: str, folder: Path, kill_at: int | None = None) -> int:
    """Run, or go on with, the live run until its sessions end; the number of steps there were to be killed at."""
    steps = 0

    def tick() -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    engine = open_database(url)
    memory = SqlMemoryStore(engine, "account")
    TickingJournal.tick = staticmethod(tick)
    journal = TickingJournal(engine, RUN, KEY, folder / "journal.anchor", followers=[memory])
    exchange = DurableExchange(folder / "exchange.jsonl", tick)
    halt = HaltFile(folder / "halt.flag")
    halt.create()
    trader = Trader(CONFIG, journal, memory, None, exchange, halt, tells_memory=False)
    told = [record.event for record in journal.read(RUN, with_reasons=False)]
    if told:
        trader.resume(told, at=told[-1].at + timedelta(seconds=1))
    else:
        trader.start(at=updates[0].opened_at, mode=RunMode.LIVE, capital=CAPITAL, settings={})
    reached = trader.state.opened_at
    for number, update in enumerate(updates):
        exchange.advance(number, update)
        if reached is None or update.opened_at >= reached:
            trader.see(update)
    journal.close()
    held = {entry_id(t): (t.target_price, t.stop_price) for t in trader.state.open_trades.values()}
    assert exchange.guarded == held, "the exchange guards something else than what is held"
    (folder / "state.pickle").write_bytes(pickle.dumps(trader.state))
    engine.dispose()
    return steps


def events_of(url: str, folder: Path) -> list[Event]:
    """What the run's journal holds, verified; that it was resumed left out."""
    engine = open_database(url)
    journal = SqlJournal(engine, "after", KEY, folder / "journal.anchor")
    journal.verify()
    events = [record.event for record in journal.read(RUN)]
    engine.dispose()
    return [event for event in events if not isinstance(event, RunResumed)]


def state_of(folder: Path) -> EngineState:
    return pickle.loads((folder / "state.pickle").read_bytes())


def started(act: Callable[[], object]) -> int:
    """A child process that runs something: its id."""
    child = os.fork()
    if child == 0:
        try:
            act()
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    return child


def ended(child: int) -> int:
    """The signal that ended a child; 0 where it ended well, its exit status as a negative number where it did not."""
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def forked(act: Callable[[], object]) -> int:
    """Run something in a child process; how it ended."""
    return ended(started(act))


def differing_fields(one: EngineState, other: EngineState) -> list[str]:
    return [f.name for f in dataclasses.fields(one) if not same(getattr(one, f.name), getattr(other, f.name))]


def made(pattern: str, number: object) -> str:
    """The URL of one run's store; its database is made where PostgreSQL keeps it."""
    url = pattern.format(number=number)
    if "://" in url:
        place = sqlalchemy.make_url(url)
        maintenance = sqlalchemy.create_engine(place.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with maintenance.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {place.database}")
        maintenance.dispose()
    return url


@dataclasses.dataclass
class Findings:
    """What all kills left behind."""

    steps: int
    orders: int
    events: int
    carried: int
    kills: int = 0
    runs: int = 0
    doubled: int = 0
    lost: int = 0
    events_differ: int = 0
    states_differ: list[str] = dataclasses.field(default_factory=list)
    ended_otherwise: int = 0


def main(pattern: str, home: Path, kills: int, seed: int) -> Findings:
    updates, draw = sessions(), random.Random(seed)
    assert {f"{u.opened_at:%H:%M}" for u in updates} == {"13:30", "14:30"}  # daylight saving ends
    assert "18:00" in {f"{u.closed_at:%H:%M}" for u in updates}  # the day after Thanksgiving
    folder, url = home / "undisturbed", made(pattern, "undisturbed")
    folder.mkdir()
    steps = live(updates, url, folder)  # in this process, so that its children find everything loaded
    expected, expected_state = events_of(url, folder), state_of(folder)
    orders = _sent(folder)
    found = Findings(steps, len(orders), len(expected), sum(isinstance(e, TradeCarriedOn) for e in expected))
    while found.kills < kills:
        found.runs += 1
        folder, url = home / f"run-{found.runs}", made(pattern, f"run{found.runs}")
        folder.mkdir()
        for _ in range(min(draw.randint(1, MOST_KILLS_OF_ONE_RUN), kills - found.kills)):
            ended = forked(partial(live, updates, url, folder, kill_at=draw.randint(1, steps)))
            found.kills += ended == signal.SIGKILL
            found.ended_otherwise += ended not in (signal.SIGKILL, 0)
        found.ended_otherwise += forked(partial(live, updates, url, folder)) != 0
        sent = _sent(folder)
        found.doubled += len(sent) - len(set(sent))
        found.lost += len(set(orders) - set(sent))
        events, state = events_of(url, folder), state_of(folder)
        found.events_differ += not (len(events) == len(expected) and all(map(same, events, expected)))
        found.states_differ += differing_fields(state, expected_state) + differing_fields(replay(events), state)
    return found


def _sent(folder: Path) -> list[str]:
    """The ids of the orders that reached the exchange, as often as they did."""
    return [order.order_id for order in DurableExchange(folder / "exchange.jsonl", lambda: None).received]


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))))
