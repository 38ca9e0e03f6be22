"""Transactions straight on the driver, for the few statements that a live decision waits for.

SQLAlchemy describes and looks up every statement anew; that takes ten times as long as the database does. Here its
compiler writes each statement once, for either database, and the driver of a connection that stays open runs it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql.expression import ClauseElement

from lightning_gex.adapters.storage.database import store_errors

Values = Mapping[str, Any]


class Sql(NamedTuple):
    """A statement in a driver's words.

    Parameters
    ----------
    text : with the driver's marks for parameters.
    order : the parameters' names where the driver counts them; None where it names them.
    fixed : parameters that are part of the statement, such as a limit.
    """

    text: str
    order: tuple[str, ...] | None
    fixed: Values

    def bound(self, values: Values) -> Any:  # noqa: ANN401 - what drivers take: a tuple or a mapping
        """The values as the driver takes them."""
        whole = {**self.fixed, **values} if self.fixed else values
        return whole if self.order is None else tuple([whole[name] for name in self.order])


def sql_of(engine: Engine, statement: ClauseElement, columns: Sequence[str] | None = None) -> Sql:
    """A statement compiled once. ``columns`` are those that an insert or update gets values for."""
    compiled: Any = statement.compile(dialect=engine.dialect, column_keys=None if columns is None else list(columns))
    order = tuple(compiled.positiontup or ()) if compiled.positional else None
    given = frozenset(columns or ())
    fixed = {name: value for name, value in compiled.params.items() if value is not None and name not in given}
    return Sql(str(compiled), order, fixed)


def rows_of(connection: Connection, sql: Sql, values: Values) -> list[tuple[Any, ...]]:
    """What a query finds, asked of the driver of an open connection; a tenth of what SQLAlchemy's rows cost."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql.text, sql.bound(values))
        return list(cursor.fetchall())
    finally:
        cursor.close()


class Transaction:
    """One transaction on a driver's connection."""

    __slots__ = ("_cursor", "is_postgresql")

    def __init__(self, connection: DBAPIConnection, is_postgresql: bool) -> None:
        self._cursor: Any = connection.cursor()
        self.is_postgresql = is_postgresql

    def rows(self, sql: Sql, values: Values) -> list[tuple[Any, ...]]:
        """What a query finds."""
        self._cursor.execute(sql.text, sql.bound(values))
        found: list[tuple[Any, ...]] = self._cursor.fetchall()
        return found

    def run(self, sql: Sql, values: Values) -> None:
        """A statement that finds nothing."""
        self._cursor.execute(sql.text, sql.bound(values))

    def many(self, sql: Sql, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """A statement for many rows of these columns."""
        if sql.order == tuple(columns) and not sql.fixed:  # they stand as the driver counts them
            self._cursor.executemany(sql.text, rows)
        else:
            self._cursor.executemany(sql.text, [sql.bound(dict(zip(columns, row, strict=True))) for row in rows])

    def lock(self, table: str) -> None:
        """Make other writers of a table wait until this transaction ends. SQLite's writers wait already."""
        if self.is_postgresql:
            self._cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")


class Writer:
    """A connection that is kept, and transactions on it.

    Parameters
    ----------
    engine : from ``open_database``; the connection is one of its pool's.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_postgresql = engine.dialect.name == "postgresql"
        self._held: PoolProxiedConnection | None = None
        itself = weakref.ref(self)

        @event.listens_for(engine, "engine_disposed")
        def _close_with_the_engine(_engine: Engine) -> None:
            writer = itself()
            if writer is not None:
                writer.close()

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[Transaction]:
        """Committed at the end, rolled back on any error; the database's errors become ``StoreError``.

        One that writes holds SQLite's write lock from its first moment.
        """
        with store_errors(self._engine):
            held = self._connection()
            driver: Any = held.dbapi_connection
            try:
                transaction = Transaction(driver, self._is_postgresql)
                if not self._is_postgresql:
                    driver.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                yield transaction
                driver.commit()
            except BaseException:
                self._roll_back(driver)
                raise

    def read(self, sql: Sql, values: Values) -> list[tuple[Any, ...]]:
        """What one query finds, in a transaction of its own."""
        driver: Any = None
        try:
            driver = (self._held or self._connection()).dbapi_connection
            found: list[tuple[Any, ...]] = driver.execute(sql.text, sql.bound(values)).fetchall()
            if self._is_postgresql:
                driver.commit()
        except Exception:
            if driver is not None:
                self._roll_back(driver)
            with store_errors(self._engine):
                raise
        return found

    def close(self) -> None:
        """Close the connection; the next transaction takes another. Closing the engine does it as well."""
        held, self._held = self._held, None
        if held is not None and held.dbapi_connection is not None:
            driver = held.dbapi_connection
            held.detach()
            driver.close()

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()

    def _connection(self) -> PoolProxiedConnection:
        if self._held is None:
            self._held = self._engine.raw_connection()
        return self._held

    def _roll_back(self, driver: Any) -> None:  # noqa: ANN401
        try:
            driver.rollback()
        except Exception:  # the connection is gone, and with it the transaction
            held, self._held = self._held, None
            if held is not None:
                held.invalidate()
