"""A copy of a store is one moment of it, of whatever kind and whoever writes meanwhile, and goes back into either."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from builders_events import pattern
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.adapters.storage.memory_store import SqlMemoryStore
from lightning_gex.adapters.storage.rate_limits import SqlRateLimits
from lightning_gex.adapters.storage.schema import METADATA
from lightning_gex.adapters.storage.store_copy import close_whole, counts, fill_store, snapshot
from lightning_gex.core.errors import RefusedError
from lightning_gex.core.events import AuditNoted
from lightning_gex.security.rate_limit import SlidingWindow

KEY = bytes(range(32))
NOW = datetime(2024, 3, 1, 15, 0, tzinfo=UTC)
Open = Callable[[], Engine]


def note(number: int) -> AuditNoted:
    return AuditNoted(NOW + timedelta(seconds=number), "text", {"n": number, "said": "naïve ☂ 'quoted'"})


def filled(engine: Engine, folder: Path) -> None:
    with SqlJournal(engine, "a run", KEY, folder / "journal.anchor") as journal:
        journal.append([note(n) for n in range(2_500)])  # more than a copy takes at a time
    book = SqlMemoryStore(engine, "account")
    for number in range(5):
        book.remember(pattern(f"p{number}"))
    SqlRateLimits(engine).take("api:x", SlidingWindow(3, 60.0), NOW)


def rows(engine: Engine) -> dict[str, list[tuple]]:
    with engine.connect() as connection:
        return {
            t.name: sorted(map(tuple, connection.execute(select(t)).all()), key=repr) for t in METADATA.sorted_tables
        }


def test_a_copy_holds_every_row_of_every_table_and_is_one_file(opened: Open, tmp_path: Path) -> None:
    store = opened()
    filled(store, tmp_path)
    (tmp_path / "copy").mkdir()
    snapshot(store, tmp_path / "copy" / "store.db")
    assert [p.name for p in (tmp_path / "copy").iterdir()] == ["store.db"]
    copy = open_database(tmp_path / "copy" / "store.db")
    assert rows(copy) == rows(store)
    assert counts(copy) == {"records": 2_500, "patterns": 5}
    with SqlJournal(copy, "look", KEY, tmp_path / "journal.anchor") as journal:
        assert journal.verify() == 2_500
    close_whole(copy)


def test_a_copy_goes_back_into_an_empty_store_of_either_kind_and_into_no_other(opened: Open, tmp_path: Path) -> None:
    source = open_database(tmp_path / "source.db")
    filled(source, tmp_path)
    kept = rows(source)
    close_whole(source)
    target = opened()
    fill_store(tmp_path / "source.db", target)
    assert rows(target) == kept
    with SqlJournal(target, "look", KEY, tmp_path / "journal.anchor") as journal:
        assert journal.verify() == 2_500
        journal.append([note(9_999)])  # and it goes on
        assert journal.verify() == 2_501
    with pytest.raises(RefusedError, match="name an empty one"):
        fill_store(tmp_path / "source.db", target)


def test_a_copy_made_under_load_is_one_moment(opened: Open, tmp_path: Path) -> None:
    """Whatever the writer is in the middle of, the copy's chain is whole up to some record of it."""
    store, done = opened(), threading.Event()
    reached = 0

    def write() -> None:
        nonlocal reached
        with SqlJournal(store, "writer", KEY, tmp_path / "journal.anchor") as journal:
            while not done.is_set():
                journal.append([note(reached), note(reached + 1), note(reached + 2)])
                reached += 3

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(4):
            before = reached
            anchor = (tmp_path / "journal.anchor").read_bytes() if before else b""
            target = tmp_path / f"copy-{number}.db"
            snapshot(store, target)
            if not anchor:
                continue
            (tmp_path / f"anchor-{number}").write_bytes(anchor)
            copy = open_database(target)
            with SqlJournal(copy, "look", KEY, tmp_path / f"anchor-{number}") as journal:
                records = journal.verify()
            close_whole(copy)
            assert records % 3 == 0
            assert records >= before
    finally:
        done.set()
        writer.join()
