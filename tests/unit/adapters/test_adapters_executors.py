"""Workers are processes of one thread each; they end with whoever wanted their work, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import executor_work as work
from lightning_gex.adapters.executors import ONE_THREAD, Here, Processes
from lightning_gex.core.errors import SettingsError, StoreError

NEEDS_PROC = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes under /proc")
GIVE_UP_SECONDS = 60


def runs(pid: str) -> bool:
    """Whether a process is there and more than the entry that an absent parent has not collected."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def begun(folder: Path, count: int, give_up: float) -> list[str]:
    """The processes that have begun to wait."""
    while len(pids := [p.name for p in folder.iterdir() if p.name.isdigit()]) < count and time.monotonic() < give_up:
        time.sleep(0.01)
    return pids


def test_work_here_is_done_in_order_and_by_this_process() -> None:
    done = list(Here().run(work.whose, None, range(2)))
    assert [one.index for one in done] == [0, 1]
    assert {one.result[0] for one in done} == {os.getpid()}


def test_a_worker_is_another_process_of_one_thread_and_leaves_the_environment_as_it_was(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    (done,) = Processes(1).run(work.whose, None, [0])
    assert done.result[0] != os.getpid()
    assert done.result[2] == ONE_THREAD["OMP_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "NUMBA_NUM_THREADS" not in os.environ


def test_no_worker_is_no_crew() -> None:
    with pytest.raises(SettingsError, match="at least 1"):
        Processes(0)


def test_an_error_that_cannot_travel_is_told_in_words() -> None:
    with pytest.raises(RuntimeError, match="OddError: 1 and 2"):
        list(Processes(1).run(work.odd, 1, [2]))


def test_a_worker_that_cannot_begin_is_an_error_and_not_an_endless_hiring() -> None:
    class Unreadable:
        def __reduce__(self) -> tuple[object, tuple[int]]:
            return os._exit, (1,)

    with pytest.raises(StoreError, match="before it had anything to do"):
        list(Processes(1).run(work.added, Unreadable(), [1]))


@NEEDS_PROC
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_when_whoever_wanted_their_work_is_killed_or_interrupted(tmp_path, how) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import executor_work as work\n"
        "from lightning_gex.adapters.executors import Processes\n"
        "if __name__ == '__main__':\n"
        f"    list(Processes(2).run(work.waiting, {str(tmp_path)!r}, range(4)))\n"
    )
    searched = os.pathsep.join([str(Path(work.__file__).parent), os.environ.get("PYTHONPATH", "")])
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": searched},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    give_up = time.monotonic() + GIVE_UP_SECONDS
    pids = begun(tmp_path, 2, give_up)
    if how == signal.SIGINT:
        os.killpg(parent.pid, how)  # as a terminal does: the workers get it too
    else:
        parent.send_signal(how)
    parent.wait(GIVE_UP_SECONDS)
    assert len(pids) == 2
    while any(runs(pid) for pid in pids) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not [pid for pid in pids if runs(pid)]


@NEEDS_PROC
def test_closing_the_iterator_ends_busy_workers_at_once(tmp_path) -> None:
    outcomes = Processes(2).run(mixed, str(tmp_path), range(4))
    next(iter(outcomes))
    pids = begun(tmp_path, 1, time.monotonic() + GIVE_UP_SECONDS)
    outcomes.close()  # type: ignore[attr-defined]
    assert pids
    assert not [pid for pid in pids if runs(pid)]


def mixed(shared: str, item: int) -> int:
    """The first item is done at once, the others wait."""
    return item if item == 0 else work.waiting(shared, item)
