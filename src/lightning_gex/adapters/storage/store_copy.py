"""A store as it is at one moment, copied: into one SQLite file, and from there into a store of either kind."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, func, insert, select

from lightning_gex.adapters.storage.database import Store, lock_table, open_database, store_errors, writing
from lightning_gex.adapters.storage.schema import JOURNAL, METADATA, PATTERNS, SCHEMA
from lightning_gex.core.errors import RefusedError, StoreError

_ROWS_AT_A_TIME = 2_000
_WAIT_SECONDS = 30.0  # for a lock; a copy reads one moment and keeps nobody waiting


def snapshot(store: Store, target: Path) -> None:
    """Copy a store, as one moment shows it, into a new SQLite file, while others go on writing.

    SQLite copies its own pages (the online backup of its C interface), in one step, so that no writer can make it begin
    anew. PostgreSQL is read in one REPEATABLE READ transaction.

    Raises
    ------
    StoreError : the store cannot be read, or the file not be written.
    """
    if store.dialect.name == "sqlite":
        with store_errors(store), closing(sqlite3.connect(str(store.url.database), timeout=_WAIT_SECONDS)) as source:
            try:
                with closing(sqlite3.connect(str(target))) as copy:
                    source.backup(copy, pages=-1)
                    copy.execute("PRAGMA journal_mode=DELETE").close()  # one file, nothing beside it
            except sqlite3.Error as error:
                raise StoreError(f"the store cannot be copied to {target}: {error}") from error
        return
    copy_of = open_database(target)
    try:
        with store_errors(store), store.connect() as plain:
            read = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with read.begin(), writing(copy_of) as written:
                _copy_rows(read, written)
    finally:
        close_whole(copy_of)


def fill_store(source: Path, target: Store) -> None:
    """Copy an SQLite file's rows into an empty store, in one transaction.

    Raises
    ------
    RefusedError : there are records in it already.
    StoreError : it cannot be written.
    """
    held = open_database(source)
    try:
        with held.connect() as read, read.begin(), writing(target) as written:
            lock_table(written, JOURNAL)
            if written.execute(select(func.count()).select_from(JOURNAL)).scalar():
                raise RefusedError("the database holds a journal already: name an empty one")
            _copy_rows(read, written)
    finally:
        held.dispose()


def counts(store: Store) -> dict[str, int]:
    """How many records and remembered signals a store holds: ``records``, ``patterns``."""
    with store_errors(store), store.connect() as connection:
        found = {name: connection.execute(select(func.count()).select_from(table)).scalar() for name, table in _COUNTED}
    return {name: int(count or 0) for name, count in found.items()}


_COUNTED = (("records", JOURNAL), ("patterns", PATTERNS))


def _copy_rows(source: Connection, target: Connection) -> None:
    for table in METADATA.sorted_tables:
        if table is SCHEMA:
            continue  # made with the tables
        rows = source.execution_options(yield_per=_ROWS_AT_A_TIME).execute(select(table))
        for batch in rows.mappings().partitions(_ROWS_AT_A_TIME):
            target.execute(insert(table), [dict(row) for row in batch])


def close_whole(engine: Store) -> None:
    """Let go of an SQLite store and leave nothing beside its file: the log of writes is taken into it."""
    path = str(engine.url.database)
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE").close()
