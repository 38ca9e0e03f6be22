"""Memory: the ten most similar signals of one of 21 tickers, d = 16, at 10,000, 100,000 and 1,000,000 signals.

Goals: at least 10 times sqlite-vec (durable, as our store is) at every size, at least twice faiss (not durable, as our
index alone is) at 10,000, recall exactly 1, and a durable insert within 1.2 times a bare commit. Every peer is measured
right after ours in the same round; what counts is the median of the rounds' ratios. What the peers find is compared
with a search of everything in double precision, ours exactly, theirs as single precision allows.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers.comparison import machine, write
from peers.environments import VECTORS, PeerUnavailableError
from peers.runs import Peer, run_peer
from peers.timing import timed

from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.memory_store import SqlMemoryStore
from lightning_gex.analytics.similarity import similarity
from lightning_gex.core.enums import Direction
from lightning_gex.core.patterns import Outcome, Pattern
from lightning_gex.core.ports import MemoryStore
from lightning_gex.memory.book import MemoryBook

RESULT = Path(__file__).parent / "results" / "memory.json"
SIZES = (10_000, 100_000, 1_000_000)
TICKERS, DIMENSION, COUNT, QUERIES = 21, 16, 10, 200
ASKED = 3  # the ticker that is asked about
ROUNDS = 3
START, HOUR = datetime(2010, 1, 4, 21, tzinfo=UTC), timedelta(hours=1)
STORE, INDEX = "SqlMemoryStore.recall", "MemoryBook.recall"
DURABLE = Peer("sqlite-vec", VECTORS, "memory_sqlite_vec.py", "exact, durable, one partition a ticker")
IN_MEMORY = Peer("faiss Flat", VECTORS, "memory_faiss.py", "exact, not durable, one index a ticker")
BATCH = 50_000
INSERTS = 300
Columns = dict[str, NDArray]


def columns_of(n: int) -> Columns:
    """Situations drawn evenly, tickers in turn, and questions."""
    rng = np.random.default_rng(20240301)
    return {
        "vectors": rng.uniform(-1, 1, (n, DIMENSION)).astype(np.float32),
        "ticker": np.arange(n) % TICKERS,
        "queries": rng.uniform(-1, 1, (QUERIES, DIMENSION)).astype(np.float32),
        "asked_ticker": np.array(ASKED),
    }


def pattern(columns: Columns, i: int) -> Pattern:
    """The i-th signal, resolved a week later."""
    at = START + HOUR * (i // TICKERS)
    won = i % 5 < 3
    return Pattern(
        pattern_id=f"run:{i}",
        ticker=f"T{i % TICKERS}",
        as_of=at,
        vector=tuple(columns["vectors"][i].astype(np.float64).tolist()),
        direction=Direction.BULLISH,
        confidence=0.6,
        horizon_sessions=5,
        entry_price=100.0,
        target_price=105.0,
        stop_price=97.0,
        regime=None,
        outcome=Outcome(0.01 if won else -0.01, won, at + 168 * HOUR),
    )


def question(store: MemoryStore, columns: Columns) -> Callable[[], dict[str, object]]:
    """A call that asks the next question in turn."""
    now = START + HOUR * (len(columns["ticker"]) // TICKERS + 1_000)
    turn = itertools.cycle(enumerate(columns["queries"].astype(np.float64)))

    def ask() -> dict[str, object]:
        asked, query = next(turn)
        found = store.recall(ticker=f"T{ASKED}", direction=Direction.BULLISH, vector=query, as_of=now, count=COUNT)
        return {"asked": asked, "found": found}

    return ask


def recall_of_ours(ask: Callable[[], dict[str, object]], columns: Columns) -> float:
    """The share of the true ten that is found, in their order, over every question."""
    mine = np.flatnonzero(columns["ticker"] == ASKED)
    vectors = columns["vectors"][mine].astype(np.float64)
    right = 0
    for _ in range(QUERIES):
        answer = ask()
        likeness = similarity(columns["queries"][answer["asked"]].astype(np.float64), vectors)
        best = mine[np.argsort(-likeness, kind="stable")[:COUNT]]
        right += sum(a == f"run:{b}" for a, b in zip(answer["found"].pattern_id, best, strict=True))
    return right / (QUERIES * COUNT)


def recall_of_a_peer(answer: Columns, columns: Columns, *, within_ticker: bool) -> float:
    """The share of the true ten that a peer found for the question it kept."""
    mine = np.flatnonzero(columns["ticker"] == ASKED)
    query = columns["queries"][int(answer["asked"])].astype(np.float64)
    likeness = similarity(query, columns["vectors"][mine].astype(np.float64))
    best = set(mine[np.argsort(-likeness, kind="stable")[:COUNT]].tolist())
    rows = answer["rows"].astype(np.int64)
    return len(best & set((mine[rows] if within_ticker else rows).tolist())) / COUNT


def filled(folder: Path, columns: Columns) -> tuple[SqlMemoryStore, MemoryBook, dict[str, float]]:
    """A store with every signal, a book with those that are asked about, and what it took."""
    n = len(columns["ticker"])
    store = SqlMemoryStore(open_database(folder / "lightning.db"), "account")
    began = time.perf_counter()
    for first in range(0, n, BATCH):
        store.remember_all([pattern(columns, i) for i in range(first, min(first + BATCH, n))])
    filled_s = time.perf_counter() - began
    book = MemoryBook()
    for i in range(ASKED, n, TICKERS):
        book.remember(pattern(columns, i))
    fresh = SqlMemoryStore(store._engine, "account")
    began = time.perf_counter()
    question(fresh, columns)()
    return store, book, {"fill_us_per_signal": filled_s / n * 1e6, "first_question_s": time.perf_counter() - began}


def measured(n: int) -> dict[str, object]:
    """One size: seconds a call by name, ratios by peer, recall."""
    columns = columns_of(n)
    row: dict[str, object] = {"signals": n, "one_ticker": int((columns["ticker"] == ASKED).sum())}
    with tempfile.TemporaryDirectory() as name:
        store, book, took = filled(Path(name), columns)
        ours = {STORE: question(store, columns), INDEX: question(book, columns)}
        row |= took | {"recall": {who: recall_of_ours(ask, columns) for who, ask in ours.items()}}
        times: dict[str, list[float]] = {}
        ratios: dict[str, list[float]] = {}
        for _round in range(ROUNDS if n < SIZES[-1] else 1):
            for peer in (DURABLE, IN_MEMORY):
                try:
                    theirs = run_peer(peer, columns)
                except PeerUnavailableError as reason:
                    row.setdefault("not_available", {})[peer.name] = str(reason)
                    continue
                for who in (STORE, INDEX):
                    seconds = timed(ours[who])["median_s"]
                    times.setdefault(who, []).append(seconds)
                    ratios.setdefault(f"{peer.name} / {who}", []).append(theirs.times["median_s"] / seconds)
                times.setdefault(peer.name, []).append(theirs.times["median_s"])
                row["versions"] = {**row.get("versions", {}), **theirs.versions}
                found = recall_of_a_peer(theirs.columns, columns, within_ticker=peer is IN_MEMORY)
                row["recall"][peer.name] = found
        row["median_us"] = {who: statistics.median(seconds) * 1e6 for who, seconds in times.items()}
        row["ratios"] = {what: statistics.median(values) for what, values in ratios.items()}
        store._engine.dispose()
    return row


def insert_over_commit() -> dict[str, float]:
    """A durable insert over a bare commit of a row as long, in turn: the median of the ratios of neighbours."""
    columns = columns_of(INSERTS + 1)
    with tempfile.TemporaryDirectory() as name:
        store = SqlMemoryStore(open_database(Path(name) / "lightning.db"), "account")
        bare = sqlite3.connect(Path(name) / "bare.db", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            bare.execute(f"PRAGMA {pragma}")
        bare.execute("CREATE TABLE patterns (pattern_id TEXT PRIMARY KEY, fields BLOB)")
        ours, theirs = [], []
        for i in range(INSERTS):
            signal = replace(pattern(columns, i), outcome=None)
            began = time.perf_counter()
            store.remember(signal)
            between = time.perf_counter()
            bare.execute("BEGIN IMMEDIATE")
            bare.execute("INSERT INTO patterns VALUES (?, ?)", (signal.pattern_id, os.urandom(400)))
            bare.execute("COMMIT")
            ended = time.perf_counter()
            ours.append(between - began)
            theirs.append(ended - between)
        bare.close()
        store._engine.dispose()
    return {
        "insert_us": statistics.median(ours) * 1e6,
        "bare_commit_us": statistics.median(theirs) * 1e6,
        "ratio": statistics.median(a / b for a, b in zip(ours, theirs, strict=True)),
        "ratio_of_medians": statistics.median(ours) / statistics.median(theirs),
    }


def judged(rows: list[dict[str, object]], insert: dict[str, float]) -> list[dict[str, object]]:
    """Every goal with what was reached."""
    wanted = [(r["signals"], f"{DURABLE.name} / {STORE}", 10.0) for r in rows]
    wanted.append((SIZES[0], f"{IN_MEMORY.name} / {INDEX}", 2.0))
    by_size = {r["signals"]: r for r in rows}
    goals = []
    for n, what, least in wanted:
        reached = by_size[n]["ratios"].get(what) if n in by_size else None
        if reached is not None:
            goals.append({"signals": n, "what": what, "wanted": least, "reached": reached, "met": reached >= least})
    exact = all(r["recall"][who] == 1.0 for r in rows for who in (STORE, INDEX))
    goals.append({"what": "recall", "wanted": 1.0, "reached": 1.0 if exact else 0.0, "met": exact})
    ratio = insert["ratio_of_medians"]
    goals.append({"what": "durable insert / bare commit", "wanted": 1.2, "reached": ratio, "met": ratio <= 1.2})
    return goals


def main() -> None:
    """Measure every size (or those given), print, write; fails where a search of ours missed one."""
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    insert = insert_over_commit()
    print({k: round(v, 2) for k, v in insert.items()}, flush=True)
    rows = []
    for n in sizes:
        rows.append(measured(n))
        print(n, {k: round(v, 1) for k, v in rows[-1]["median_us"].items()}, rows[-1]["recall"], flush=True)
        print("  ", {k: round(v, 1) for k, v in rows[-1]["ratios"].items()}, flush=True)
    goals = judged(rows, insert)
    for goal in goals:
        words = "goal met" if goal["met"] else "goal MISSED"
        print(f"{goal.get('signals', '')} {goal['what']}: {goal['reached']:.2f}, wanted {goal['wanted']:g}: {words}")
    if sizes == SIZES:
        write(RESULT, {"machine": machine(), "sizes": rows, "insert": insert, "goals": goals})
    if any(goal["what"] == "recall" and not goal["met"] for goal in goals):
        sys.exit("a search of ours missed a signal: it must be exact")


if __name__ == "__main__":
    main()
