"""Work in this process or in several gives the same, and a process that dies is said to have died."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lightning_gex.adapters.processes import each
from lightning_gex.core.errors import StoreError


def doubled(number: int) -> int:
    return 2 * number


def dying(number: int) -> int:
    if number == 3:
        os._exit(1)
    return number


def failing(number: int) -> int:
    raise KeyError(number)


def test_one_worker_works_here_and_in_order():
    assert list(each(doubled, [3, 1, 2], workers=1)) == [6, 2, 4]
    assert list(each(doubled, [], workers=4)) == []


def test_several_workers_give_every_result_once():
    assert sorted(each(doubled, list(range(7)), workers=2)) == [0, 2, 4, 6, 8, 10, 12]


def test_a_process_that_is_ended_from_outside_is_an_error_that_says_what_to_do():
    with pytest.raises(StoreError, match="fewer workers"):
        list(each(dying, list(range(6)), workers=2))


def test_what_the_function_raises_comes_through():
    with pytest.raises(KeyError):
        list(each(failing, [1, 2], workers=2))


def runs(pid: str) -> bool:
    """Whether a process is there and more than the entry that an absent parent has not collected."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes under /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, time\n"
        "from lightning_gex.adapters.processes import each\n"
        "def wait(folder):\n"
        "    open(f'{folder}/{os.getpid()}', 'w').close()\n"
        "    time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        f"    list(each(wait, [{str(tmp_path)!r}] * 2, workers=2))\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    give_up = time.monotonic() + 60
    while len(pids := [p.name for p in tmp_path.iterdir() if p.name.isdigit()]) < 2 and time.monotonic() < give_up:
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    assert len(pids) == 2
    while any(runs(pid) for pid in pids) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not [pid for pid in pids if runs(pid)]
