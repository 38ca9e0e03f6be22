"""Work for executors: functions that another process, or another machine, can find."""

from __future__ import annotations

import os
import time
from pathlib import Path

from lightning_gex.core.errors import InputError


def added(shared: int, item: int) -> int:
    return shared + item


def whose(shared: object, item: int) -> tuple[int, int, str | None]:
    """Who did it, which object it was given, and how many threads it may use."""
    time.sleep(0.05)
    return os.getpid(), id(shared), os.environ.get("OMP_NUM_THREADS")


def refusing(shared: int, item: int) -> int:
    if item == shared:
        raise InputError("is not wanted", source="somewhere", row=item)
    return item


def dying(shared: int, item: int) -> int:
    if item == shared:
        os._exit(1)
    return item


def dying_once(shared: str, item: int) -> int:
    """The first that is asked dies, and nobody after it."""
    try:
        Path(shared, "died").touch(exist_ok=False)
    except FileExistsError:
        return item
    os._exit(1)


def waiting(shared: str, item: int) -> int:
    Path(shared, str(os.getpid())).touch()
    time.sleep(60)
    return item


class OddError(Exception):
    """An error that cannot be built again from what it says."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


def odd(shared: int, item: int) -> int:
    raise OddError(shared, item)
