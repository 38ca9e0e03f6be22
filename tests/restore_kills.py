"""Restores that are killed at steps of their work: every so many of them, and each of the last; as a program:

python restore_kills.py BACKUP WORKSPACE FOLDER STRIDE

Each restore takes the place of a copy of the workspace, in a process of its own. It prints one JSON document: for every
step what the place held afterwards, ``old`` or ``new``, or what was wrong with it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from lightning_gex.adapters.storage import swap_folders
from lightning_gex.app.assembly.backup import restore_backup
from lightning_gex.app.assembly.wiring import Stores
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import LightningError
from trading_day import forked

THE_LAST = 8  # steps: those in which the folders change places


class Ticking:
    """Counts the steps, and kills its process at one of them."""

    def __init__(self, kill_at: int | None) -> None:
        self.steps, self._kill_at = 0, kill_at

    def tick(self) -> None:
        self.steps += 1
        if self.steps == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def ticking(*arguments: Any, **named: Any) -> Any:
            self.tick()
            done = act(*arguments, **named)
            self.tick()
            return done

        return ticking


def restored(backup: Path, home: Path, kill_at: int | None = None) -> int:
    """A restore in the place of a workspace; the number of steps there were to be killed at."""
    ticking = Ticking(kill_at)
    kept = os.fsync, os.rename, os.replace, os.open, swap_folders._exchanged
    os.fsync, os.rename, os.replace, os.open = (ticking.around(act) for act in kept[:4])  # type: ignore[assignment]
    swap_folders._exchanged = ticking.around(kept[4])
    try:
        restore_backup(backup, home, replace=True)
    finally:
        os.fsync, os.rename, os.replace, os.open, swap_folders._exchanged = kept  # type: ignore[assignment]
    return ticking.steps


def held(home: Path) -> str:
    """``old`` or ``new``, from a workspace that verifies; else what is wrong."""
    if not (home / "lightning.db").exists():
        return "nothing"
    try:
        stores = Stores.open(Workspace.open(home))
        with stores.journal("look") as journal:
            journal.verify()
            is_new = any(True for _ in journal.read(kinds=["trading_halted"]))
        stores.engine.dispose()
    except LightningError as error:
        return f"{type(error).__name__}: {error}"
    return "new" if is_new else "old"


def main(backup: Path, workspace: Path, folder: Path, stride: int) -> dict[str, Any]:
    first = folder / "undisturbed"
    shutil.copytree(workspace, first)
    steps = restored(backup, first)
    found: dict[str, Any] = {"steps": steps, "undisturbed": held(first), "held": [], "ended_otherwise": 0, "lost": 0}
    for step in sorted({*range(1, steps + 1, stride), *range(steps - THE_LAST, steps + 1)}):
        home = folder / f"killed-{step}" / "home"
        home.parent.mkdir()
        shutil.copytree(workspace, home)
        ended = forked(partial(restored, backup, home, step))
        found["ended_otherwise"] += ended != signal.SIGKILL
        found["held"].append(held(home))
        beside = [held(p) for p in home.parent.iterdir() if p != home]
        found["lost"] += "old" not in [found["held"][-1], *beside]
        found["ended_otherwise"] += forked(partial(restored, backup, home)) != 0  # and the next one goes through
        found["lost"] += held(home) != "new"
        shutil.rmtree(home.parent)
    return found


if __name__ == "__main__":
    print(json.dumps(main(*map(Path, sys.argv[1:4]), int(sys.argv[4]))))
