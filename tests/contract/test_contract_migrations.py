"""A store of every released schema opens, keeps what it holds, and is then like a new one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, column, create_engine, inspect
from sqlalchemy import table as table_clause

from builders_events import marked
from lightning_gex.adapters.storage import database, migrations
from lightning_gex.adapters.storage.database import open_database, reading, writing
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.adapters.storage.memory_store import SqlMemoryStore
from lightning_gex.adapters.storage.schema import JOURNAL, METADATA, SCHEMA, SCHEMA_VERSION
from lightning_gex.adapters.storage.upcast import REASON_NOT_KEPT, STEPS
from lightning_gex.core.errors import IntegrityError, StoreError
from lightning_gex.core.events import EVENT_VERSION, BreakerReset, Marked, OrderPlaced
from lightning_gex.engine.state import replay

RELEASED = Path(__file__).resolve().parents[1] / "data"
KEY = bytes(range(32))
FIRST = RELEASED / "store_0_1_0"


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    """The released journal's anchor, in a place of this test's own."""
    path = tmp_path / "journal.anchor"
    path.write_bytes((FIRST / "journal.anchor").read_bytes())
    path.chmod(0o600)
    return path


@pytest.fixture
def released(store_url: str) -> str:
    """The URL of a store as release 0.1.0 left it."""
    url = store_url if "://" in store_url else f"sqlite:///{store_url}"
    engine = create_engine(url)
    statements = (FIRST / f"{engine.dialect.name}.sql").read_text().split(";")
    rows = json.loads((FIRST / "rows.json").read_text())
    with engine.begin() as connection:
        for statement in statements:
            if statement.strip():
                connection.exec_driver_sql(statement)
        for table, lines in rows.items():
            for line in lines:
                values = {k: bytes.fromhex(v) if k == "vector" else v for k, v in line.items()}
                connection.execute(table_clause(table, *map(column, values)).insert(), values)
    engine.dispose()
    return store_url


def _rows(engine: Engine) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(JOURNAL.select().order_by(JOURNAL.c.sequence)).mappings()]


def test_a_store_of_the_first_release_keeps_every_record_and_verifies(
    released: str, anchor: Path, opened: Callable[[], Engine]
) -> None:
    before = json.loads((FIRST / "rows.json").read_text())["journal"]
    engine = opened()
    assert _rows(engine) == [row | {"version": 1} for row in before]
    journal = SqlJournal(engine, "new", KEY, anchor)
    assert journal.verify() == len(before)
    replay(record.event for record in journal.read("backtest-1"))
    book = SqlMemoryStore(engine, "account")
    assert [p.pattern_id for p in book.patterns()] == ["p1", "p2"]


def test_old_records_read_as_the_present_version_and_say_what_was_not_kept(
    released: str, anchor: Path, opened: Callable[[], Engine]
) -> None:
    events = [record.event for record in SqlJournal(opened(), "new", KEY, anchor).read()]
    (reset,) = [e for e in events if isinstance(e, BreakerReset)]
    assert reset.reason == REASON_NOT_KEPT
    assert all(o.order.reference_price != o.order.reference_price for o in events if isinstance(o, OrderPlaced))
    assert all(m.prices == {} and m.data_at is None for m in events if isinstance(m, Marked))


def test_a_migrated_store_goes_on_and_its_chain_spans_both_versions(
    released: str, anchor: Path, opened: Callable[[], Engine]
) -> None:
    engine = opened()
    journal = SqlJournal(engine, "new", KEY, anchor)
    count = journal.verify()
    journal.append([next(journal.read(kinds=["marked"])).event])
    assert journal.verify() == count + 1
    assert [row["version"] for row in _rows(engine)] == [1] * count + [EVENT_VERSION]
    for sequence, wrong in ((count, EVENT_VERSION), (count + 1, 1), (count + 1, EVENT_VERSION + 1)):
        right = _rows(engine)[sequence - 1]["version"]
        for version in (wrong, right):
            with writing(engine) as connection:
                connection.execute(JOURNAL.update().where(JOURNAL.c.sequence == sequence).values(version=version))
            if version == wrong:
                with pytest.raises(IntegrityError, match=f"record {sequence} was altered"):
                    journal.verify()
    assert journal.verify() == count + 1


def test_a_migrated_store_has_the_tables_of_a_new_one(released: str, opened: Callable[[], Engine]) -> None:
    engine = opened()
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert connection.execute(SCHEMA.select()).scalar() == SCHEMA_VERSION
        found = inspect(connection)
        for table in METADATA.sorted_tables:
            indexes = {(i["name"], tuple(i["column_names"])) for i in found.get_indexes(table.name)}
            assert indexes == {(i.name, tuple(c.name for c in i.columns)) for i in table.indexes}


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    released: str, opened: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = migrations.STEPS[SCHEMA_VERSION]

    def half(operations: Any) -> None:
        step(operations)
        raise StoreError("the power failed")

    with monkeypatch.context() as patch:
        patch.setitem(migrations.STEPS, SCHEMA_VERSION, half)
        with pytest.raises(StoreError, match="the power failed"):
            opened()
    engine = (
        database._postgresql(database._url(released)) if "://" in released else create_engine(f"sqlite:///{released}")
    )
    with engine.connect() as connection:
        assert connection.execute(SCHEMA.select()).scalar() == 1
        assert "version" not in {c["name"] for c in inspect(connection).get_columns("journal")}
    engine.dispose()
    assert open_database(released).dispose() is None


def test_a_record_of_a_later_version_of_events_asks_for_an_upgrade(
    opened: Callable[[], Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = SqlJournal(opened(), "new", KEY, tmp_path / "a")
    with monkeypatch.context() as patch:
        patch.setattr("lightning_gex.adapters.storage.journal_rows.EVENT_VERSION", EVENT_VERSION + 1)
        journal.append([marked()])
    assert journal.verify() == 1
    with pytest.raises(StoreError, match="newer version"):
        list(journal.read())


def test_there_is_a_step_from_every_version_to_the_next() -> None:
    assert sorted(migrations.STEPS) == list(range(2, SCHEMA_VERSION + 1))
    assert sorted(STEPS) == list(range(1, EVENT_VERSION))
