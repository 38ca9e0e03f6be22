"""Opens the store, SQLite in a file or PostgreSQL by URL, and makes sure that its tables are ours."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, inspect, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from lightning_gex.adapters.storage.schema import JOURNAL, METADATA, PATTERNS, SCHEMA, SCHEMA_VERSION
from lightning_gex.core.errors import IntegrityError, MissingExtraError, SettingsError, StoreError

#: An open store, for those who hand one on without speaking SQL.
Store: TypeAlias = Engine

_WRITES = "lightning_writes"  # execution option: this transaction takes the write lock at once
_CREATION_LOCK = 7_304_520_431  # PostgreSQL advisory lock under which tables are made; an arbitrary constant of ours


def open_database(
    url_or_path: str | Path, *, busy_timeout_ms: int = 5_000, on_tables: Callable[[int], None] = lambda _: None
) -> Engine:
    """Open a store, making its tables where it is new and bringing them up to date where they are older.

    Parameters
    ----------
    url_or_path : a file for SQLite (its folder must exist), or a ``postgresql://`` URL.
    busy_timeout_ms : how long to wait for another process's lock, milliseconds.
    on_tables : called with the version before, 0 where there was none, within the transaction that makes or migrates
        the tables.

    Returns
    -------
    An engine. On SQLite every transaction is WAL with ``synchronous=FULL``: durable when its commit returns.

    Raises
    ------
    SettingsError : a URL of neither kind.
    StoreError : it cannot be read or written, is no database, is locked, or was made by a newer version.
    MissingExtraError : PostgreSQL without its driver.
    """
    url = _url(url_or_path)
    engine = _sqlite(url, busy_timeout_ms) if url.drivername == "sqlite" else _postgresql(url)
    try:
        _ensure_schema(engine, on_tables)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one moment of the store. Database errors become ``StoreError``."""
    with store_errors(engine), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that may write: committed at the end, rolled back on any error, which becomes ``StoreError``.

    On SQLite it holds the store's one write lock from its first moment (``BEGIN IMMEDIATE``), so that what it reads is
    still true when it writes. On PostgreSQL the caller locks what it needs
    (:func:`lock_table`).
    """
    with store_errors(engine), engine.connect() as plain:
        connection = plain.execution_options(**{_WRITES: True})
        with connection.begin():
            yield connection


def lock_table(connection: Connection, table: Table) -> None:
    """Make other writers of a table wait until this transaction ends; readers go on. SQLite's writers wait already."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")


@contextmanager
def texts_as_bytes(connection: Connection) -> Iterator[None]:
    """Within it SQLite gives texts as the bytes it holds, which spares decoding them; PostgreSQL gives texts."""
    driver = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        yield
        return
    driver.text_factory = bytes
    try:
        yield
    finally:
        driver.text_factory = _text


@contextmanager
def store_errors(engine: Engine) -> Iterator[None]:
    """Turns what the database says into one sentence that helps."""
    try:
        yield
    except SQLAlchemyError as error:
        raise _in_words(engine.url, error) from error
    except sqlite3.Error as error:
        raise _in_words(engine.url, error) from error
    except Exception as error:
        driver = engine.dialect.loaded_dbapi
        if isinstance(error, driver.Error):
            raise _in_words(engine.url, error) from error
        raise


def _url(url_or_path: str | Path) -> URL:
    text = str(url_or_path)
    if isinstance(url_or_path, Path) or "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
    except ArgumentError:
        raise SettingsError("the store's URL cannot be read: use a file, or postgresql://user@host/database") from None
    if url.drivername in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "postgresql+psycopg" or (url.drivername == "sqlite" and url.database):
        return url
    raise SettingsError(f"a store is an SQLite file or postgresql://, not {url.drivername}://")


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(url, hide_parameters=True, pool_pre_ping=True)
    except (ModuleNotFoundError, NoSuchModuleError):
        raise MissingExtraError("psycopg", "postgres") from None


def _sqlite(url: URL, busy_timeout_ms: int) -> Engine:
    path = Path(url.database or "")
    try:  # only its owner may read the store; SQLite gives its side files the same permissions
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}") from error
    engine = create_engine(url, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401
        connection.isolation_level = None  # the driver begins nothing by itself: we do, below
        connection.text_factory = _text
        for pragma in (
            f"busy_timeout={busy_timeout_ms:d}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _text(raw: bytes) -> str:
    """A damaged byte must reach the chain's check, which names its record, and not stop at the driver."""
    return raw.decode("utf-8", "surrogateescape")


def _ensure_schema(engine: Engine, on_tables: Callable[[int], None]) -> None:
    with store_errors(engine):
        if not inspect(engine).has_table(SCHEMA.name):
            _create(engine, on_tables)
    with reading(engine) as connection:
        version = _checked_version(connection)
    if version < SCHEMA_VERSION:
        _migrate(engine, on_tables)


def _checked_version(connection: Connection) -> int:
    """The version of the store's tables, which this program must know."""
    version = connection.execute(select(SCHEMA.c.version)).scalar()
    place = _place(connection.engine.url)
    if version is None:
        raise IntegrityError(f"{place} has lost its version: restore it from your backup")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{place} was made by a newer version of Lightning GEX "
            f"(schema {version}, this one knows {SCHEMA_VERSION}): upgrade"
        )
    return int(version)


def _create(engine: Engine, on_tables: Callable[[int], None]) -> None:
    with writing(engine) as connection:
        _lock_schema(connection)
        present = set(inspect(connection).get_table_names())
        if SCHEMA.name in present:
            return  # another process was quicker
        if present & {JOURNAL.name, PATTERNS.name}:
            raise StoreError(f"{_place(engine.url)} holds tables of another program: give the workspace its own")
        METADATA.create_all(connection)
        connection.execute(insert(SCHEMA).values(version=SCHEMA_VERSION))
        on_tables(0)


def _migrate(engine: Engine, on_tables: Callable[[int], None]) -> None:
    """Bring an older store up to this program's tables, in one transaction."""
    from lightning_gex.adapters.storage.migrations import upgrade

    with writing(engine) as connection:
        _lock_schema(connection)
        version = _checked_version(connection)  # once more, under the lock: another process may have been quicker
        if version < SCHEMA_VERSION:
            upgrade(connection, version, SCHEMA_VERSION)
            connection.execute(update(SCHEMA).values(version=SCHEMA_VERSION))
            on_tables(version)


def _lock_schema(connection: Connection) -> None:
    """Of several processes one makes or changes the tables. SQLite's writers wait for each other anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CREATION_LOCK})")


def _in_words(url: URL, error: Exception) -> StoreError:
    said = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    place = _place(url)
    if "not a database" in said:
        return StoreError(f"{place} is not a database of ours: move it away or name another file")
    if "malformed" in said or "no such table" in said:
        return IntegrityError(f"{place} is damaged: restore it from your backup")
    if "locked" in said:
        return StoreError(f"{place} is locked by another process: wait for it or stop it")
    return StoreError(f"{place}: {said}")


def _place(url: URL) -> str:
    return str(url.database) if url.drivername == "sqlite" else url.render_as_string(hide_password=True)
