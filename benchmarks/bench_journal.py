"""What the journal costs: a live decision, a backtest, and a replay, each against its peer in the same run.

- A live decision with everything on (chain, anchor, memory, kill switch, the last look at the account's limits) against
  one bare durable commit of a row of the same size. Both write to the same folder, turn by turn.
- A backtest with its journal on disk against the same one whose journal keeps nothing.
- A million events of that backtest's mix, read back, checked against the chain and folded into the state.

Wall times of commits swing with the disk, from a third of a millisecond to several; so the processor time of both
stands beside them, which a busy machine disturbs less, and the same on a disk in memory, where a commit waits for
nothing.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from account_runs import WIDE, approved, at_open
from builders_engine import CAPITAL, backtest, market, scripted_config
from builders_events import same
from lightning_gex.adapters.halt_file import HaltFile
from lightning_gex.adapters.storage.codec import encode
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.adapters.storage.memory_store import SqlMemoryStore
from lightning_gex.agents.registry import default_agents
from lightning_gex.core.enums import RunMode
from lightning_gex.core.events import DecisionMade, Event
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.decide import Conclusion
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.state import replay
from lightning_gex.engine.trader import Trader
from lightning_gex.engine.unrecorded import Unrecorded

RESULT = Path(__file__).parent / "results" / "journal.json"
KEY = bytes(range(32))
TURNS = 600
BACKTESTS = 5
TICKERS, SESSIONS = 8, 504
EVENTS = 1_000_000
REPLAYS = 3
LOOP = 3_000_000
GROUP = 2_048


def market_inputs() -> MarketInputs:
    one, two = market("SPY", 41, 260), market("AAA", 42, 260)
    return MarketInputs(
        {"SPY": one.bars, "AAA": two.bars}, flow=one.flow, volatility_index=one.vix, market_ticker="SPY"
    )


def longer_inputs() -> MarketInputs:
    """Eight tickers over two years, so that opening and closing the store does not count for much."""
    first = market("SPY", 41, SESSIONS)
    others = {f"T{k}": market(f"T{k}", 41 + k, SESSIONS).bars for k in range(1, TICKERS)}
    return MarketInputs({"SPY": first.bars, **others}, flow=first.flow, volatility_index=first.vix, market_ticker="SPY")


def events_of_a_backtest(inputs: MarketInputs) -> list[Event]:
    return backtest(inputs, default_agents(), EngineConfig()).events


# --- a live decision ---------------------------------------------------------------------------------------------


def bare_commit(folder: Path, payload: str) -> Callable[[], None]:
    """One durable commit of one row, with nothing around it."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, payload TEXT NOT NULL)")

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO rows (payload) VALUES (?)", (payload,))
        connection.execute("COMMIT")

    return commit


def live_decision(folder: Path, real: DecisionMade) -> Callable[[], None]:
    """A decision of the size of a real one goes on record with its order; every part is on."""
    engine = open_database(folder / "lightning.db")
    memory = SqlMemoryStore(engine, "account")
    journal = SqlJournal(engine, "live", KEY, folder / "journal.anchor", followers=[memory])
    halt = HaltFile(folder / "halt.flag")
    halt.create()
    trader = Trader(scripted_config(guardrails=WIDE), journal, memory, None, halt=halt, tells_memory=False)
    trader.start(at=at_open(), mode=RunMode.LIVE, capital=CAPITAL, settings={})
    turn = 0

    def decide() -> None:
        nonlocal turn
        turn += 1
        at = at_open() + timedelta(seconds=61 * turn)
        name = f"SPY-{turn}"
        trader.price_seen("SPY", 100.0)
        wanted = approved(name, "SPY", at).decision
        decision = replace(
            real.decision,
            **{f: getattr(wanted, f) for f in ("decision_id", "as_of", "status", "action", "quantity", "entry_price")},
            size_pct=0.01,
        )
        pattern = None if real.pattern is None else replace(real.pattern, pattern_id=name, as_of=at)
        trader.state = replace(trader.state, pending={}, decided={}, unresolved={})  # an account of a usual size
        trader.decide(Conclusion(decision, pattern), at)

    return decide


def timed(act: Callable[[], None]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall, time.process_time() - processor


def live(folder: Path, events: list[Event]) -> dict[str, float]:
    whole = [e for e in events if isinstance(e, DecisionMade) and e.pattern is not None]
    real = max(whole, key=lambda e: len(encode(e)))
    bare, decide = bare_commit(folder, encode(real)), live_decision(folder, real)
    for _ in range(30):
        bare()
        decide()
    turns = [(timed(bare), timed(decide)) for _ in range(TURNS)]
    commits = [b[0] for b, _ in turns]
    decisions = [d[0] for _, d in turns]
    return {
        "payload_bytes": len(encode(real)),
        "bare_commit_us": statistics.median(commits) * 1e6,
        "live_decision_us": statistics.median(decisions) * 1e6,
        "ratio_of_medians": statistics.median(decisions) / statistics.median(commits),
        "median_of_ratios": statistics.median(d / b for b, d in zip(commits, decisions, strict=True)),
        "live_decision_processor_us": statistics.median(d[1] for _, d in turns) * 1e6,
        "bare_commit_processor_us": statistics.median(b[1] for b, _ in turns) * 1e6,
    }


def in_memory(events: list[Event]) -> dict[str, float]:
    """The same on a disk that waits for nothing; empty where the system has none."""
    if not Path("/dev/shm").is_dir():  # noqa: S108 - the system's own
        return {}
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        return live(Path(name), events)


# --- a backtest --------------------------------------------------------------------------------------------------


def backtests(folder: Path, inputs: MarketInputs) -> dict[str, float]:
    """The same backtest, its journal kept or not, turn by turn."""
    engine = open_database(folder / "backtests.db")
    number = 0

    def kept() -> None:
        nonlocal number
        number += 1
        journal = SqlJournal(engine, f"run-{number}", KEY, folder / "backtests.anchor", group_size=GROUP)
        backtest(inputs, default_agents(), EngineConfig(), journal=journal)
        journal.close()

    def dropped() -> None:
        backtest(inputs, default_agents(), EngineConfig(), journal=Unrecorded())

    for act in (kept, dropped):
        act()
    turns = []
    for _ in range(BACKTESTS):
        gc.collect()
        turns.append((timed(dropped), timed(kept)))
    without, with_journal = ([t[which] for t in turns] for which in (0, 1))
    best = [min(w[0] for w in side) for side in (without, with_journal)]
    processor = [min(w[1] for w in side) for side in (without, with_journal)]
    return {
        "decisions": sum(len(b) for b in inputs.bars.values()),
        "without_s": best[0],
        "with_journal_s": best[1],
        "cost": best[1] / best[0] - 1.0,
        "processor_without_s": processor[0],
        "processor_with_journal_s": processor[1],
        "processor_cost": processor[1] / processor[0] - 1.0,
    }


# --- a replay ----------------------------------------------------------------------------------------------------


def replayed(folder: Path, events: list[Event]) -> dict[str, float]:
    """A million events of a backtest's mix, in one run of the journal."""
    engine = open_database(folder / "million.db")
    journal = SqlJournal(engine, "million", KEY, folder / "million.anchor", group_size=GROUP)
    started, *rest = events
    whole = [started]
    while len(whole) < EVENTS:
        whole += rest[: EVENTS - len(whole)]
    for begin in range(0, EVENTS, GROUP):
        journal.append(whole[begin : begin + GROUP])
    journal.flush()
    took: list[tuple[float, float]] = []
    for _ in range(REPLAYS):
        gc.collect()
        wall, processor = time.perf_counter(), time.process_time()
        state = replay(record.event for record in journal.read("million", with_reasons=False))
        took.append((time.perf_counter() - wall, time.process_time() - processor))
    wall, processor = (statistics.median(t[which] for t in took) for which in (0, 1))
    best = min(t[0] for t in took)
    if not same(vars(replay(whole)), vars(state)):
        raise SystemExit("the replay from the store reached another state")
    written = len(whole)
    return {
        "events": written,
        "store_mb": (folder / "million.db").stat().st_size / 1e6,
        "seconds": wall,
        "events_per_second": written / wall,
        "events_per_processor_second": written / processor,
        "events_per_second_at_best": written / best,
    }


def loop_ns() -> float:
    """One turn of an empty loop that adds, nanoseconds: how busy the machine is that all of this shares."""
    began = time.perf_counter()
    total = 0
    for turn in range(LOOP):
        total += turn
    return (time.perf_counter() - began) / LOOP * 1e9


def main() -> None:
    """Measure, print, write the results. Parts named on the command line are measured anew, the others stay."""
    events = events_of_a_backtest(market_inputs())
    parts: dict[str, Callable[[Path], dict[str, float]]] = {
        "live_decision": lambda folder: live(folder, events),
        "live_decision_in_memory": lambda _: in_memory(events),
        "backtest": lambda folder: backtests(folder, longer_inputs()),
        "replay": lambda folder: replayed(folder, events),
    }
    wanted = sys.argv[1:] or list(parts)
    found = json.loads(RESULT.read_text("utf-8")) if sys.argv[1:] else {}
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        for part in wanted:
            folder = Path(name) / part
            folder.mkdir()
            before = loop_ns()
            found[part] = parts[part](folder) | {"loop_ns_before": before, "loop_ns_after": loop_ns()}
    for part in wanted:
        print(part)
        for figure, value in found[part].items():
            print(f"  {figure:<28} {value:>14,.3f}")
    machine = {"python": platform.python_version(), "machine": platform.platform(), "sqlite": sqlite3.sqlite_version}
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps({**found, **machine}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
