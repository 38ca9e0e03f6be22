"""Opening a store: what is wrong with it is said in one sentence."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect, update

from lightning_gex.adapters.storage.database import open_database, reading, writing
from lightning_gex.adapters.storage.schema import SCHEMA, SCHEMA_VERSION
from lightning_gex.core.errors import IntegrityError, SettingsError, StoreError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lightning.db"


@pytest.fixture
def other_process(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    yield connection
    connection.close()


def _made(path: Path) -> None:
    open_database(path).dispose()


def test_a_new_store_has_the_tables_and_is_private(path: Path) -> None:
    engine = open_database(str(path))
    tables = {"journal", "patterns", "books", "nonces", "rate_acts", "trials", "trial_data", "lightning_schema"}
    assert tables == set(inspect(engine).get_table_names())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with reading(engine) as connection:
        connection.exec_driver_sql("SELECT 1 FROM journal")
        assert stat.S_IMODE(path.with_name("lightning.db-wal").stat().st_mode) == 0o600
    engine.dispose()


def test_every_connection_is_durable_and_patient(path: Path) -> None:
    engine = open_database(path, busy_timeout_ms=1_234)
    with reading(engine) as connection:
        ask = {
            pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
            for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert ask == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 1_234}


def test_opening_again_keeps_what_is_there(path: Path) -> None:
    _made(path)
    before = path.read_bytes()
    _made(path)
    assert path.read_bytes() == before


def test_a_failed_transaction_leaves_nothing(path: Path) -> None:
    engine = open_database(path)

    def fail_half_way() -> None:
        with writing(engine) as connection:
            connection.execute(update(SCHEMA).values(version=98))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    with reading(engine) as connection:
        assert connection.execute(SCHEMA.select()).scalar() == SCHEMA_VERSION
    engine.dispose()


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_bytes(b"ticker,date,close\nSPY,2024-01-02,472.65\n" * 200)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"lightning\.db is not a database of ours"):
        open_database(path)
    assert path.read_bytes() == before


def test_a_folder_or_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened: Is a directory"):
        open_database(tmp_path)
    with pytest.raises(StoreError, match=r"nowhere/lightning\.db cannot be opened: No such file or directory"):
        open_database(tmp_path / "nowhere" / "lightning.db")


def test_another_programs_tables_are_not_taken_over(path: Path, other_process: sqlite3.Connection) -> None:
    other_process.execute("CREATE TABLE journal (entry TEXT)")
    with pytest.raises(StoreError, match="tables of another program"):
        open_database(path)


def test_a_store_of_a_newer_version_is_refused(path: Path, other_process: sqlite3.Connection) -> None:
    _made(path)
    other_process.execute("UPDATE lightning_schema SET version = 99")
    with pytest.raises(StoreError, match="newer version"):
        open_database(path)


def test_a_locked_store_says_so(path: Path, other_process: sqlite3.Connection) -> None:
    _made(path)
    other_process.execute("BEGIN IMMEDIATE")
    engine = open_database(path, busy_timeout_ms=1)
    with pytest.raises(StoreError, match="locked by another process"), writing(engine):
        pytest.fail("the lock was taken twice")
    with reading(engine) as connection:  # readers do not wait for the writer
        assert connection.execute(SCHEMA.select()).scalar() == SCHEMA_VERSION
    engine.dispose()


def test_a_damaged_file_says_so(path: Path) -> None:
    _made(path)
    pages = bytearray(path.read_bytes())
    pages[4_096:] = b"\x55" * (len(pages) - 4_096)
    path.write_bytes(bytes(pages))
    with pytest.raises(IntegrityError, match="damaged: restore it from your backup"):
        open_database(path)


@pytest.mark.parametrize("url", ["mysql://root:canary@host/x", "sqlite://", "post gres://", "file:///x"])
def test_a_url_of_another_kind_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_database(url)
    assert "canary" not in str(caught.value)


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"\*\*\*") as caught:
        open_database(f"postgresql://me:canary-4711@/db?host={tmp_path}")
    error: BaseException | None = caught.value
    while error is not None:  # nor in what a traceback would add
        assert "canary-4711" not in f"{error}{error!r}"
        error = error.__cause__ or error.__context__
