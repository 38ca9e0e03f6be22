"""What the whole decision pipeline costs, bar by bar, beside backtesting.py, and how little memory and time grow.

- Bars per second of a backtest through everything (five agents, memory, learning, regimes, ranking, sizing, guardrails,
  brackets, ledger), its journal kept on disk or not, beside backtesting.py running a crossing of two moving averages
  with a bracket over the same bars, turn by turn in one run. The goal is to be no slower than that.
- The most memory that a run of 21 tickers takes, by its length, each in a process of its own: decisions, their reasons
  and the journal on disk included. The goal is ten years within 1 GB.
- What one decision costs early and late in a long run, which is the same work whatever came before.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from peers.comparison import machine
from peers.environments import BACKTESTERS, PeerUnavailableError
from peers.runs import Peer, run_peer

from builders_engine import market, prepared
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.decision_outlines import DecisionOutlines
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.adapters.storage.journaled_decisions import JournaledDecisions
from lightning_gex.agents.registry import default_agents
from lightning_gex.app.assembly.wiring import BACKTEST_JOURNAL_GROUP
from lightning_gex.core.ports import Journal
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.drivers import HistoryFeed, drive
from lightning_gex.engine.feed import SessionUpdate
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.unrecorded import Unrecorded

RESULT = Path(__file__).parent / "results" / "pipeline.json"
PEER = Peer("backtesting.py", BACKTESTERS, "pipeline_backtesting_py.py", "two moving averages that cross, bracketed")
KEY = bytes(range(32))
SIZES = ((1, 2_520), (21, 504))  # tickers, sessions
ROUNDS = 3
MEMORY_TICKERS, MEMORY_SESSIONS = 21, (252, 1_260, 2_520)
MEMORY_GOAL_MB = 1_000
WINDOW = 252  # sessions over which the cost of a decision is taken
LONG = 2_520


def inputs_of(tickers: int, sessions: int) -> MarketInputs:
    """Simulated markets, the first of them standing for all."""
    first = market("SPY", 41, sessions)
    others = {f"T{k:02d}": market(f"T{k:02d}", 41 + k, sessions).bars for k in range(1, tickers)}
    return MarketInputs({"SPY": first.bars, **others}, flow=first.flow, volatility_index=first.vix, market_ticker="SPY")


def run(inputs: MarketInputs, journal: Journal, feed: Iterable[SessionUpdate] | None = None) -> int:
    """One backtest as the commands run it; how many decisions it made. Their reasons are where the journal is."""
    made = prepared(inputs, default_agents(), EngineConfig(), journal=journal)
    made.trader.decisions = JournaledDecisions(journal) if isinstance(journal, SqlJournal) else DecisionOutlines()
    drive(made.trader, HistoryFeed(inputs, made.watch) if feed is None else feed, made.exchange)
    return len(made.trader.decisions)


def journal_in(folder: Path) -> SqlJournal:
    """A backtest's journal on disk."""
    engine = open_database(folder / "lightning.db")
    return SqlJournal(engine, "run", KEY, folder / "journal.anchor", group_size=BACKTEST_JOURNAL_GROUP)


def seconds_of(inputs: MarketInputs, *, kept: bool) -> tuple[float, float]:
    """How long one backtest takes, with its journal kept or dropped: on the clock, and of the processor."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        journal = journal_in(Path(name)) if kept else Unrecorded()
        wall, processor = time.perf_counter(), time.process_time()
        run(inputs, journal)
        return time.perf_counter() - wall, time.process_time() - processor


def beside_the_peer(tickers: int, sessions: int) -> dict[str, object]:
    """Bars per second, ours and theirs, medians of the rounds; the ratio of each round is taken within it."""
    inputs = inputs_of(tickers, sessions)
    bars = sum(len(b) for b in inputs.bars.values())
    names = ("open", "high", "low", "close", "volume")
    columns = {n: np.stack([getattr(b, n) for b in inputs.bars.values()]) for n in names}
    seconds_of(inputs_of(1, 300), kept=True)  # compiles
    dropped, kept, theirs, missing, versions = [], [], [], None, {}
    for _ in range(ROUNDS):
        dropped.append(seconds_of(inputs, kept=False))
        kept.append(seconds_of(inputs, kept=True))
        try:
            peer = run_peer(PEER, columns)
        except PeerUnavailableError as reason:
            missing = str(reason)
            continue
        theirs.append(peer.times["median_s"])
        versions = dict(peer.versions)
    found: dict[str, object] = {
        "tickers": tickers,
        "sessions": sessions,
        "bars_per_second": bars / statistics.median(d[0] for d in dropped),
        "bars_per_second_with_journal": bars / statistics.median(k[0] for k in kept),
        "bars_per_processor_second": bars / statistics.median(d[1] for d in dropped),
        "bars_per_processor_second_with_journal": bars / statistics.median(k[1] for k in kept),
        "journal_share_of_processor": statistics.median(k[1] / d[1] for k, d in zip(kept, dropped, strict=True)) - 1.0,
    }
    if missing is not None:
        return found | {"peer_not_available": missing}
    return found | {
        "peer": f"{PEER.name}: {PEER.computes}",
        "peer_bars_per_second": bars / statistics.median(theirs),
        "of_the_peers_speed": statistics.median(t / d[0] for t, d in zip(theirs, dropped, strict=True)),
        "versions": versions,
    }


# --- memory ------------------------------------------------------------------------------------------------------


def peak_of(tickers: int, sessions: int) -> dict[str, float]:
    """The most memory one run takes, measured in a process of its own."""
    command = [sys.executable, __file__, "--peak", str(tickers), str(sessions)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def print_peak(tickers: int, sessions: int) -> None:
    """In the process of its own: run, and say what it took before and at most, in MB."""
    inputs = inputs_of(tickers, sessions)
    run(inputs_of(1, 300), Unrecorded())  # libraries and compiled code are there before anything is counted
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        journal = journal_in(Path(name))
        decisions = run(inputs, journal)
        journal.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"tickers": tickers, "sessions": sessions, "decisions": decisions, "before_mb": before, "peak_mb": peak}
    print(json.dumps(figures | {"bytes_a_decision": (peak - before) * 1024 * 1024 / decisions}))


# --- the cost of one decision against what came before it --------------------------------------------------------


def by_window(tickers: int, sessions: int) -> list[float]:
    """Processor microseconds a decision, over each window of a long run."""
    inputs = inputs_of(tickers, sessions)
    made = prepared(inputs, default_agents(), EngineConfig(), journal=Unrecorded())
    made.trader.decisions = DecisionOutlines()
    marks: list[float] = []

    def clocked() -> Iterator[SessionUpdate]:
        for k, update in enumerate(HistoryFeed(inputs, made.watch)):
            if k % WINDOW == 0:
                marks.append(time.process_time())
            yield update
        marks.append(time.process_time())

    drive(made.trader, clocked(), made.exchange)
    whole = sessions // WINDOW
    return [(marks[k + 1] - marks[k]) / (WINDOW * tickers) * 1e6 for k in range(whole)]


def speed() -> dict[str, object]:
    """Every size beside the peer, and whether the goal is met."""
    rows = [beside_the_peer(*size) for size in SIZES]
    reached = [row["of_the_peers_speed"] for row in rows if "of_the_peers_speed" in row]
    return {"rows": rows, "goal_of_the_peers_speed": 1.0, "goal_met": bool(reached) and min(map(float, reached)) >= 1.0}


def memory() -> dict[str, object]:
    """Every length, and whether the longest is within the goal."""
    rows = [peak_of(MEMORY_TICKERS, sessions) for sessions in MEMORY_SESSIONS]
    return {"rows": rows, "goal_mb": MEMORY_GOAL_MB, "goal_met": rows[-1]["peak_mb"] <= MEMORY_GOAL_MB}


def growth() -> dict[str, object]:
    """The cost of a decision by window, and the last three windows over the second to fourth."""
    windows = by_window(4, LONG)
    ratio = statistics.median(windows[-3:]) / statistics.median(windows[1:4])
    return {"window_sessions": WINDOW, "processor_us_a_decision": windows, "late_over_early": ratio}


def main() -> None:
    """Measure, print, write the results. Parts named on the command line are measured anew, the others stay."""
    parts: dict[str, Callable[[], dict[str, object]]] = {"speed": speed, "memory": memory, "growth": growth}
    found = json.loads(RESULT.read_text("utf-8")) if sys.argv[1:] else {}
    for part in sys.argv[1:] or parts:
        found[part] = parts[part]()
        print(part, json.dumps(found[part], indent=1))
    RESULT.write_text(json.dumps({**found, "machine": machine()}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print_peak(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
