"""A step of a transition whose process is killed at a step of its work, as a program:

python stage_kills.py HOME STEP
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.app.assembly.migration import advance_transition, transition_standing
from lightning_gex.app.workspace import Workspace


def main(home: Path, step: int) -> None:
    """Advance, past whatever is not met; the process dies within its commits, or after them."""
    workspace = Workspace.open(home)
    past = transition_standing(workspace).unmet
    committed, steps = SqlJournal._committed, 0

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
    advance_transition(workspace, by="me", reason="a drill", override=past)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
