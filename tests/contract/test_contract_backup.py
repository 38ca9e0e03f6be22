"""A workspace whose journal lies in PostgreSQL is backed up, drilled and restored: into a database, or into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy

from lightning_gex.app.assembly.backup import drill_backup, make_backup, restore_backup
from lightning_gex.app.assembly.control import latched_breakers, resume_trading
from lightning_gex.app.assembly.wiring import Stores
from lightning_gex.app.founding.security import SecurityManager
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import IntegrityError, RefusedError


@pytest.fixture
def database(postgresql: str) -> Iterator[Callable[[], str]]:
    """Makes databases of this test's own."""
    maintenance = sqlalchemy.create_engine(postgresql.format(database="postgres"), isolation_level="AUTOCOMMIT")
    made: list[str] = []

    def again() -> str:
        import uuid

        made.append(f"backup_{uuid.uuid4().hex}")
        with maintenance.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {made[-1]}")
        return postgresql.format(database=made[-1])

    yield again
    with maintenance.connect() as connection:
        for name in made:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    maintenance.dispose()


def workspace_on(url: str, home: Path) -> Workspace:
    Workspace.open(home)
    (home / "lightning.toml").write_text(f'[storage]\nurl = "{url}"\n\n[account]\ninitial_capital = 5000.0\n')
    with SecurityManager(home=home) as security:
        for number in range(30):
            security.log_event("text", n=number)
    return Workspace.open(home)


def records(workspace: Workspace) -> int:
    stores = Stores.open(workspace)
    with stores.journal("look") as journal:
        count = journal.verify()
    stores.engine.dispose()
    return count


def test_a_journal_in_postgresql_comes_back_in_an_empty_database(database, tmp_path: Path) -> None:
    workspace = workspace_on(database(), tmp_path / "home")
    made = make_backup(workspace, tmp_path / "w.backup")
    assert made.manifest.about["store"] == "postgresql"
    assert drill_backup(workspace, made.file).records == 30
    there = database()
    found = restore_backup(made.file, tmp_path / "there", store_url=there)
    assert "storage.url in lightning.toml names the database that was filled now" in found.notes
    restored = Workspace.open(tmp_path / "there")
    assert restored.settings.storage.url == there
    assert restored.settings.account.initial_capital == 5_000.0
    assert records(restored) == 33  # restored, halted: on record
    assert set(latched_breakers(restored)) == {"halt"}
    resume_trading(restored, by="Ada", reason="reconciled")
    assert records(workspace) == 32  # the one it was made from knows nothing of it
    with pytest.raises(RefusedError, match="name an empty one"):
        restore_backup(made.file, tmp_path / "again", store_url=there)
    assert not (tmp_path / "again").exists()


def test_a_journal_in_postgresql_comes_back_in_a_file_of_the_workspace(database, tmp_path: Path) -> None:
    workspace = workspace_on(database(), tmp_path / "home")
    made = make_backup(workspace, tmp_path / "w.backup")
    found = restore_backup(made.file, tmp_path / "there")
    assert any("journal and memory are in lightning.db" in note for note in found.notes)
    restored = Workspace.open(tmp_path / "there")
    assert restored.settings.storage.url == ""
    assert records(restored) == 33


def test_a_database_that_was_altered_is_not_backed_up(database, tmp_path: Path) -> None:
    workspace = workspace_on(database(), tmp_path / "home")
    engine = sqlalchemy.create_engine(workspace.settings.storage.url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE journal SET payload = payload || ' ' WHERE sequence = 8")
    engine.dispose()
    with pytest.raises(IntegrityError):
        make_backup(workspace, tmp_path / "w.backup")
