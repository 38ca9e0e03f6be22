"""A process that dies at a stated step of what it writes: within a commit of the journal, or right after one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from lightning_gex.adapters.storage.journal import SqlJournal


def die_at_commit(step: int) -> None:
    """From now on every commit is two steps, its inside and its end; the ``step``-th, from 1, kills this process."""
    steps = 0
    committed = SqlJournal._committed

    def tick() -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def ticking(self: SqlJournal, make: Callable) -> bool:
        def within(transaction):
            made = make(transaction)
            tick()
            return made

        done = committed(self, within)
        tick()
        return done

    SqlJournal._committed = ticking
