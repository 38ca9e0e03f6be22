"""Where people read: tables on standard output, progress and notes on standard error. Honours NO_COLOR and pipes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

WIDTH_WITHOUT_TERMINAL = 120  # columns; a pipe has no width, and 80 would break the tables


def stdout_console() -> Console:
    """The console for answers."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """The console for everything that is not the answer."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() or os.environ.get("COLUMNS") else WIDTH_WITHOUT_TERMINAL
    return Console(stderr=stderr, width=wide, highlight=False, soft_wrap=False)


@dataclass(frozen=True, slots=True)
class BarProgress:
    """A progress bar on standard error while items are consumed; silent where that is no terminal.

    Parameters
    ----------
    console : where to draw.
    """

    console: Console

    def __call__(self, items: Iterable[object], *, total: int, label: str) -> Iterable[object]:
        """The same items, with a bar that goes away when they are consumed."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as bar:
            yield from bar.track(items, total=total, description=label)


def show_notes(notes: Iterable[str], console: Console) -> None:
    """What the reader of any figure must know, one line each."""
    for note in notes:
        console.print(f"note: {note}", style="yellow", markup=False, soft_wrap=True)
