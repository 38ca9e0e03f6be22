"""Where people read: tables on standard output, progress and notes on standard error. Honours NO_COLOR and pipes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

NARROW = 100  # columns of a terminal below which a table of more columns than these is set row by row
MOST_NARROW_COLUMNS = 5
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
    return _PipedConsole(stderr=stderr, width=wide, highlight=False, soft_wrap=False)


class _PipedConsole(Console):
    """A console that lets the command say how it ends when its reader goes away; rich alone would end with code 1."""

    def on_broken_pipe(self) -> None:
        """Called inside the handler of the error, which goes on to the command's own."""
        raise BrokenPipeError


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


def print_table(table: Table, console: Console) -> None:
    """A table; on a terminal too narrow for its columns one block a row, since words cut into letters say nothing."""
    if console.width >= NARROW or len(table.columns) <= MOST_NARROW_COLUMNS:
        console.print(table)
        return
    headers = [column.header for column in table.columns]
    if table.title:
        console.print(table.title, style="bold", markup=False)
    for row in zip(*(column.cells for column in table.columns), strict=True):
        block = Table(show_header=False, show_edge=False, pad_edge=False, box=None)
        for header, cell in zip(headers[1:], row[1:], strict=True):
            if cell != "":
                block.add_row(f"  {header}", cell)
        console.print(row[0], style="bold")
        console.print(block)


def show_notes(notes: Iterable[str], console: Console) -> None:
    """What the reader of any figure must know, one line each."""
    for note in notes:
        console.print(f"note: {note}", style="yellow", markup=False, soft_wrap=True)
