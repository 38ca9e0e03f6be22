"""What happens to disks, servers and records: nothing reported is lost, nothing is doubled, no edit goes unnoticed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, insert, select

from builders_events import marked
from lightning_gex.adapters.storage import journal as journal_module
from lightning_gex.adapters.storage.database import open_database, reading, writing
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.adapters.storage.raw import Transaction, Writer
from lightning_gex.adapters.storage.schema import JOURNAL
from lightning_gex.core.errors import IntegrityError, StoreError
from lightning_gex.core.events import Marked
from small_disk import fill, remount, small_disk

KEY = bytes(range(32))
TESTS = Path(__file__).resolve().parents[1]
SOAK = bool(os.environ.get("LIGHTNING_SOAK"))


def numbers(journal: SqlJournal, run_id: str) -> list[int]:
    """What the run's marks were numbered, in order."""
    events = [record.event for record in journal.read(run_id)]
    return [int(event.equity) - 100_000 for event in events if isinstance(event, Marked)]


# --- records -----------------------------------------------------------------------------------------------------


def test_a_tail_spliced_in_from_a_copy_that_went_another_way_is_found(tmp_path: Path) -> None:
    """Its records are chained with the right key and follow the record before them; only the anchor knows better."""
    ours, copy = tmp_path / "ours.db", tmp_path / "copy.db"
    engine = open_database(ours)
    journal = SqlJournal(engine, "run", KEY, tmp_path / "ours.anchor")
    journal.append([marked(number) for number in range(3)])
    journal.close()
    engine.dispose()
    shutil.copy(ours, copy)
    shutil.copy(tmp_path / "ours.anchor", tmp_path / "copy.anchor")
    for path, name, first in ((ours, "ours", 10), (copy, "copy", 20)):
        engine = open_database(path)
        with SqlJournal(engine, "run", KEY, tmp_path / f"{name}.anchor") as journal:
            journal.append([marked(first), marked(first + 1)])
        engine.dispose()
    there, here = open_database(copy), open_database(ours)
    with reading(there) as connection:
        rows = [dict(row) for row in connection.execute(select(JOURNAL).where(JOURNAL.c.sequence > 3)).mappings()]
    with writing(here) as connection:
        connection.execute(delete(JOURNAL).where(JOURNAL.c.sequence > 3))
        connection.execute(insert(JOURNAL), rows)
    with pytest.raises(IntegrityError, match="record 5 is not the one that was written"):
        SqlJournal(here, "after", KEY, tmp_path / "ours.anchor")
    there.dispose()
    here.dispose()


def test_two_records_of_two_runs_that_changed_places_are_found(opened: Callable[[], Engine], tmp_path: Path) -> None:
    engine = opened()
    one, two = (SqlJournal(engine, name, KEY, tmp_path / "a") for name in ("one", "two"))
    for number in range(3):
        one.append([marked(number)])
        two.append([marked(number)])
    with writing(engine) as connection:
        for sequence, run in ((3, "two"), (4, "one")):
            connection.execute(JOURNAL.update().where(JOURNAL.c.sequence == sequence).values(run_id=run))
    with pytest.raises(IntegrityError, match="record 3 was altered"):
        one.verify()


def test_the_anchor_that_cannot_follow_is_said_before_the_next_record_not_after_this_one(
    opened: Callable[[], Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = SqlJournal(opened(), "run", KEY, tmp_path / "a")
    with monkeypatch.context() as patch:
        patch.setattr("lightning_gex.adapters.storage.anchor_file.os.pwrite", _broken)
        journal.append([marked(0)])  # durable: so it is not reported as lost
        with pytest.raises(StoreError, match="cannot be written"):
            journal.append([marked(1)])
    journal.append([marked(1)])
    assert numbers(journal, "run") == [0, 1]
    assert journal.verify() == 2


def _broken(*_: object) -> int:
    raise OSError(5, "Input/output error")


# --- disks -------------------------------------------------------------------------------------------------------


def test_a_full_disk_loses_nothing_that_was_reported_and_takes_records_again_when_there_is_room(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 768) as disk:
        engine = open_database(disk / "lightning.db")
        journal = SqlJournal(engine, "run", KEY, disk / "journal.anchor")
        journal.append([marked(0)])
        filler = fill(disk)
        done, refused = 1, 0
        while refused < 3:  # the log has some room left before it must grow
            try:
                journal.append([marked(done)])
                done += 1
            except StoreError:
                refused += 1
        filler.unlink()
        journal.append([marked(done)])
        assert numbers(journal, "run") == list(range(done + 1))
        assert journal.verify() == done + 1
        engine.dispose()


def test_a_disk_that_becomes_read_only_refuses_by_name_and_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2_048) as disk:
        engine = open_database(disk / "lightning.db")
        journal = SqlJournal(engine, "run", KEY, disk / "journal.anchor")
        journal.append([marked(0)])
        engine.dispose()  # no disk becomes read-only under an open file
        remount(disk, "ro")
        for _ in range(2):
            with pytest.raises(StoreError, match=r"journal\.anchor cannot be written: Read-only"):
                journal.append([marked(1)])
        with pytest.raises(StoreError, match=r"lightning\.db cannot be opened: Read-only"):
            open_database(disk / "lightning.db")
        remount(disk, "rw")
        journal.append([marked(1)])
        assert numbers(journal, "run") == [0, 1]
        assert journal.verify() == 2
        engine.dispose()


# --- servers -----------------------------------------------------------------------------------------------------

_APPENDING = """
import os, sys, time
from pathlib import Path
from builders_events import marked
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.core.errors import IntegrityError, StoreError

url, anchor = sys.argv[1:]
journal = SqlJournal(open_database(url), "run", bytes(range(32)), Path(anchor))
print("ready", flush=True)
number = refusals = 0
while not os.path.exists(anchor + ".stop"):
    try:
        journal.append([marked(number)])
    except IntegrityError:
        raise
    except StoreError:
        refusals += 1
        time.sleep(0.02)
        continue
    number += 1
print(number, refusals, flush=True)
"""


def test_a_server_that_is_stopped_under_load_loses_and_doubles_nothing(own_postgresql, tmp_path: Path) -> None:
    anchor = tmp_path / "journal.anchor"
    child = subprocess.Popen(
        [sys.executable, "-c", _APPENDING, own_postgresql.url, str(anchor)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    for _ in range(20 if SOAK else 4):
        time.sleep(0.4)
        own_postgresql.crash_and_start()
    time.sleep(0.4)
    Path(f"{anchor}.stop").touch()
    reported, refusals = map(int, child.communicate(timeout=120)[0].split())
    assert child.returncode == 0
    assert refusals > 0  # it did meet the server while it was away
    engine = open_database(own_postgresql.url)
    journal = SqlJournal(engine, "after", KEY, anchor)
    assert numbers(journal, "run") == list(range(reported))
    assert journal.verify() == reported > 10
    engine.dispose()


def test_a_store_that_does_not_say_whether_it_committed_is_not_written_to_again(
    opened: Callable[[], Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = SqlJournal(opened(), "run", KEY, tmp_path / "a")
    journal.append([marked(0)])
    transaction = Writer.transaction

    @contextmanager
    def breaking(writer: Writer, *, write: bool = True) -> Iterator[Transaction]:
        with transaction(writer, write=write) as one:
            yield one
        if write:  # it was done, and nobody could say so
            raise StoreError("the connection was lost")

    monkeypatch.setattr(journal_module, "_BETWEEN_QUESTIONS_SECONDS", 0.0)
    monkeypatch.setattr(journal_module, "reading", _connection_lost)
    monkeypatch.setattr(Writer, "transaction", breaking)
    with pytest.raises(StoreError):
        journal.append([marked(1)])
    monkeypatch.undo()
    with pytest.raises(StoreError, match="whether the latest records were written is not known"):
        journal.append([marked(1)])
    again = SqlJournal(opened(), "run", KEY, tmp_path / "a")
    assert numbers(again, "run") == [0, 1]
    assert again.verify() == 2


def test_a_commit_whose_word_was_lost_is_found_to_be_done_and_not_done_again(
    opened: Callable[[], Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = SqlJournal(opened(), "run", KEY, tmp_path / "a")
    transaction = Writer.transaction

    @contextmanager
    def breaking(writer: Writer, *, write: bool = True) -> Iterator[Transaction]:
        with transaction(writer, write=write) as one:
            yield one
        raise StoreError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "transaction", breaking)
        journal.append([marked(0)])
    journal.append([marked(1)])
    assert numbers(journal, "run") == [0, 1]


def _connection_lost(*_: object) -> None:
    raise StoreError("the connection was lost")
