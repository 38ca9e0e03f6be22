"""Several programs write one book, and any of them may be killed at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from builders_events import AT, outcome
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.memory_store import SqlMemoryStore
from lightning_gex.adapters.storage.schema import BOOKS, PATTERNS
from lightning_gex.core.enums import Direction
from lightning_gex.memory.book import MemoryBook

WRITERS = 3
KILLS = 100 if os.environ.get("LIGHTNING_SOAK") else 3  # of every writer
SIGNALS = 20

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks and kills processes: POSIX only")

# Imports once, then forks writers that each remember and resolve signals of their own. Without kills each ends after
# so many signals; with them each is killed with SIGKILL and a new one goes on, from what the store then holds. A line
# is printed once a call has returned.
_DRIVER = """
import os, random, signal, sys, time
sys.path.insert(0, sys.argv[1])
from builders_events import outcome, pattern
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.memory_store import SqlMemoryStore

url, writers, kills, signals = sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])

def write(name, busy):
    memory = SqlMemoryStore(open_database(url), "shared")
    number = sum(p.pattern_id.startswith(name) for p in memory.patterns())
    for p in memory.patterns():
        if p.pattern_id.startswith(name) and p.outcome is None:
            memory.resolve(p.pattern_id, outcome(9))
    while kills or number < signals:
        one = f"{name}-{number}"
        memory.remember(pattern(one, vector=((number % 100) / 100, 0.0, 0.0)))
        os.write(1, f"remembered {one}\\n".encode())
        memory.resolve(one, outcome(9))
        os.write(1, f"resolved {one}\\n".encode())
        os.write(busy, b".")
        number += 1
    os._exit(0)

def started(name):
    at_work, busy = os.pipe()
    child = os.fork()
    if child == 0:
        write(name, busy)
    os.close(busy)
    return child, at_work

draw = random.Random(20240301)
running = {f"w{i}": started(f"w{i}") for i in range(writers)}
for _ in range(kills):
    for name, (child, at_work) in list(running.items()):
        os.read(at_work, 1)
        time.sleep(draw.uniform(0.0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.close(at_work)
        _, status = os.waitpid(child, 0)
        os.write(1, f"killed {os.WTERMSIG(status)}\\n".encode())
        running[name] = started(name)
for child, _ in running.values():
    if kills:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


def _written(url: str, kills: int) -> list[list[str]]:
    """What the writers reported, line by line."""
    open_database(url).dispose()
    here = str(Path(__file__).resolve().parents[1])
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER, here, url, str(WRITERS), str(kills), str(SIGNALS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def _assert_sound(engine: Engine, reported: list[list[str]]) -> int:
    """Nothing that was reported is lost, every change has a number of its own, and a search knows all of it."""
    store = SqlMemoryStore(engine, "shared")
    kept = {p.pattern_id: p for p in store.patterns()}
    assert {one for word, one in reported if word == "remembered"} <= set(kept)
    assert {one for word, one in reported if word == "resolved"} <= {n for n, p in kept.items() if p.outcome}
    assert all(p.outcome in (None, outcome(9)) for p in kept.values())
    with engine.connect() as connection:
        rows = connection.execute(select(PATTERNS.c.position, PATTERNS.c.changed)).all()
        revision = connection.execute(select(BOOKS.c.revision)).scalar()
    assert len({row.position for row in rows}) == len({row.changed for row in rows}) == len(rows)
    assert max(row.changed for row in rows) == revision
    book = MemoryBook()
    for one in store.patterns():
        book.remember(one)
    first, second = (
        memory.recall(
            ticker="SPY",
            direction=Direction.BULLISH,
            vector=(0.5, 0.0, 0.0),
            as_of=AT + timedelta(days=30),
            count=20,
        )
        for memory in (store, book)
    )
    assert first.pattern_id == second.pattern_id
    return len(kept)


def test_programs_that_write_one_book_at_once_lose_nothing_and_an_open_search_sees_it_all(
    store_url: str, opened: Callable[[], Engine]
) -> None:
    store = SqlMemoryStore(opened(), "shared")

    def found() -> int:
        answer = store.recall(
            ticker="SPY", direction=Direction.BULLISH, vector=(0.5, 0.0, 0.0), as_of=AT + timedelta(days=30), count=99
        )
        return answer.resolved_in_book

    assert found() == 0
    reported = _written(store_url, kills=0)
    assert found() == WRITERS * SIGNALS
    assert _assert_sound(opened(), reported) == WRITERS * SIGNALS


def test_a_program_killed_at_any_moment_loses_nothing_it_had_reported(
    store_url: str, opened: Callable[[], Engine]
) -> None:
    reported = _written(store_url, kills=KILLS)
    assert [one for word, one in reported if word == "killed"] == [str(int(signal.SIGKILL))] * (KILLS * WRITERS)
    assert sum(word == "resolved" for word, _ in reported) > KILLS
    _assert_sound(opened(), reported)
