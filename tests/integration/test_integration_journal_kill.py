"""Pulling the plug: a process that appends is killed again and again, and nothing it reported is lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from lightning_gex.adapters.storage.anchor_file import AnchorFile
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.core.errors import IntegrityError
from lightning_gex.core.events import Marked

KEY = bytes(range(32))
KILLS = 400 if os.environ.get("LIGHTNING_SOAK") else 14

# Imports once, then forks a process that appends until it is killed with SIGKILL, KILLS times. Every process opens the
# journal anew, so every round also recovers from the kill before it. A line is printed once its append has returned.
_DRIVER = """
import os, random, signal, sys, time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from lightning_gex.adapters.storage.codec import encode
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.core.events import Marked

def append_until_killed(round_number):
    run_id = f"round-{round_number}"
    journal = SqlJournal(open_database(database), run_id, bytes(range(32)), anchor, anchor_sync_every=3)
    number = 0
    while True:
        count = number % 3 + 1
        events = [Marked(datetime(2024, 1, 2, tzinfo=UTC), Decimal(number + k), Decimal(0)) for k in range(count)]
        journal.append(events)
        number += count
        os.write(1, f"{run_id} {number}\\n".encode())

database, anchor, kills = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
open_database(database).dispose()
encode(Marked(datetime(2024, 1, 2, tzinfo=UTC), Decimal(0), Decimal(0)))  # builds the codec once for all of them
draw = random.Random(20240301)
for round_number in range(kills):
    child = os.fork()
    if child == 0:
        append_until_killed(round_number)
    time.sleep(draw.uniform(0.02, 0.16))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.write(1, f"killed {os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}\\n".encode())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes: POSIX only")
def test_after_kills_at_random_moments_the_chain_is_sound_and_nothing_reported_is_lost(tmp_path: Path) -> None:
    database, anchor = tmp_path / "lightning.db", tmp_path / "journal.anchor"
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER, str(database), str(anchor), str(KILLS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    signals = [int(number) for word, number in lines if word == "killed"]
    assert signals == [signal.SIGKILL] * KILLS  # none of them ended by itself
    promised: dict[str, int] = {}
    for run_id, number in lines:
        if run_id != "killed":
            promised[run_id] = max(promised.get(run_id, 0), int(number))
    assert sum(promised.values()) > KILLS  # they did get to work

    engine = open_database(database)
    journal = SqlJournal(engine, "after", KEY, anchor)
    kept = {run.run_id: run.count for run in journal.runs()}
    assert journal.verify() == sum(kept.values())
    for run_id, number in promised.items():
        equities = [int(r.event.equity) for r in journal.read(run_id) if isinstance(r.event, Marked)]
        assert equities[:number] == list(range(number))
        assert equities == list(range(len(equities)))
        assert len(equities) - number <= 3  # the one append that was under way is there whole, or not at all
    engine.dispose()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes: POSIX only")
def test_a_tail_cut_from_the_file_after_kills_is_noticed(tmp_path: Path) -> None:
    database, anchor = tmp_path / "lightning.db", tmp_path / "journal.anchor"
    subprocess.run([sys.executable, "-c", _DRIVER, str(database), str(anchor), "4"], capture_output=True, check=True)
    known = AnchorFile(anchor, KEY).read().count
    assert known > 0
    raw = sqlite3.connect(database)
    raw.execute("DELETE FROM journal WHERE sequence >= ?", (known,))
    raw.commit()
    raw.close()
    engine = open_database(database)
    with pytest.raises(IntegrityError, match=f"record {known} is missing"):
        SqlJournal(engine, "after", KEY, anchor)
    engine.dispose()


def test_one_byte_flipped_in_the_file_itself_is_named(tmp_path: Path) -> None:
    database, anchor = tmp_path / "lightning.db", tmp_path / "journal.anchor"
    subprocess.run([sys.executable, "-c", _FILL, str(database), str(anchor)], capture_output=True, check=True)
    pages = bytearray(database.read_bytes())
    at = pages.index(b'"equity":"7"') + len(b'"equity":"')
    for wrong in (0x38, 0xFF):  # another digit, and a byte that is no UTF-8 at all
        pages[at] = wrong
        database.write_bytes(bytes(pages))
        engine = open_database(database)
        journal = SqlJournal(engine, "after", KEY, anchor)
        with pytest.raises(IntegrityError, match="record 8 was altered"):
            journal.verify()
        with pytest.raises(IntegrityError, match="record 8 was altered"):
            list(journal.read())
        engine.dispose()


_FILL = """
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.core.events import Marked

engine = open_database(sys.argv[1])
with SqlJournal(engine, "filled", bytes(range(32)), Path(sys.argv[2])) as journal:
    journal.append([Marked(datetime(2024, 1, 2, tzinfo=UTC), Decimal(n), Decimal(0)) for n in range(12)])
engine.dispose()
"""
