"""Work in this process or spread over processes of this machine. Implements ``core.work.Executor``.

A worker has one item in hand and gets the next before anybody looks at what it gave. So it is known whose item it was
where one is ended from outside (out of memory): another worker tries it once more, it is given up as lost where that
one ends as well, and the rest goes on.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from lightning_gex.adapters.processes import begin_worker
from lightning_gex.core.errors import SettingsError, StoreError
from lightning_gex.core.work import Done, Item, Lost, Result, Shared

#: Times that an item is begun before it is lost.
TRIES = 2
#: What keeps numerical libraries to one thread; each worker has a processor of its own.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"), "1"
)
READY = -1  # the place of an item in what a worker says when it has begun


@dataclass(frozen=True, slots=True)
class Here:
    """Does the work in this process, in the order of the items."""

    def run(
        self,
        function: Callable[[Shared, Item], Result],
        shared: Shared,
        items: Iterable[Item],
        *,
        count: int | None = None,
    ) -> Iterator[Done[Result] | Lost]:
        """As ``core.work.Executor.run``."""
        for index, item in enumerate(items):
            yield Done(index, function(shared, item))


@dataclass(frozen=True, slots=True)
class Processes:
    """Spreads the work over processes of this machine, one thread each.

    Parameters
    ----------
    workers : how many, at least 1.
    """

    workers: int

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise SettingsError(f"workers must be at least 1, not {self.workers}")

    def run(
        self,
        function: Callable[[Shared, Item], Result],
        shared: Shared,
        items: Iterable[Item],
        *,
        count: int | None = None,
    ) -> Iterator[Done[Result] | Lost]:
        """As ``core.work.Executor.run``."""
        with _parcel(function, shared) as parcel:
            crew = _ProcessCrew(parcel)
            try:
                yield from scheduled(crew, self.workers, items, count=count)
            finally:
                crew.dismiss()


@dataclass(frozen=True, slots=True)
class Said:
    """What a worker says.

    Parameters
    ----------
    worker : which.
    index : of the item it is done with; negative where it says that it has begun.
    result : of the item.
    raised : what the function raised in place of a result; None where it did not.
    died : whether the worker is gone.
    """

    worker: int
    index: int = READY
    result: Any = None
    raised: Exception | None = None
    died: bool = False


class Crew(Protocol):
    """Workers, wherever they are, each known by a number."""

    def hire(self) -> int:
        """Begin one more worker; it says so once it can work."""
        ...

    def give(self, worker: int, index: int, item: Any) -> None:  # noqa: ANN401 - whatever the caller's function takes
        """Hand a worker an item."""
        ...

    def listen(self) -> list[Said]:
        """Wait until a worker says something."""
        ...

    def dismiss(self) -> None:
        """End all workers at once, whatever they are doing."""
        ...


class _Piece(NamedTuple):
    """An item and its place among all."""

    place: int
    item: Any


@dataclass(slots=True)
class _Schedule:
    """Who has which item in hand, and what is still to be given out."""

    crew: Crew
    items: Iterator[_Piece]
    held: dict[int, _Piece | None] = field(default_factory=dict)  # of every worker that has begun
    again: list[_Piece] = field(default_factory=list)
    begun: Counter[int] = field(default_factory=Counter)
    exhausted: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing is in hand and nothing left."""
        return self.exhausted and not self.again and not any(self.held.values())

    def heed(self, said: Said) -> Done[Any] | Lost | None:
        """Note what a worker says; what follows from it for the caller."""
        if said.raised is not None:
            raise said.raised
        if said.died:
            return self._bury(said.worker)
        self.held[said.worker] = None
        return None if said.index == READY else Done(said.index, said.result)

    def _bury(self, worker: int) -> Lost | None:
        piece = self.held.pop(worker, None)
        if piece is None:
            raise StoreError("a working process ended before it had anything to do: is there memory left?")
        self.crew.hire()
        if self.begun[piece.place] >= TRIES:
            return Lost(piece.place, f"its process was ended from outside, {TRIES} times (out of memory?)")
        self.again.append(piece)
        return None

    def give_out(self) -> None:
        """Hand an item to every worker that has none."""
        for worker in [w for w, piece in self.held.items() if piece is None]:
            piece = self.again.pop() if self.again else next(self.items, None)
            if piece is None:
                self.exhausted = True
                return
            self.begun[piece.place] += 1
            self.held[worker] = piece
            self.crew.give(worker, *piece)


def scheduled(
    crew: Crew, workers: int, items: Iterable[Any], *, count: int | None = None
) -> Iterator[Done[Any] | Lost]:
    """Have a crew do items, and hand on each result as it comes.

    Parameters
    ----------
    crew : that nobody works with yet; the caller dismisses it.
    workers : how many to have.
    items : taken as late as possible.
    count : of the items, where it is known: no more workers than that are hired.

    Raises
    ------
    StoreError : a worker is gone before it had anything to do. What the function raised comes through.
    """
    schedule = _Schedule(crew, (_Piece(*pair) for pair in enumerate(items)))
    for _ in range(workers if count is None else min(workers, count)):
        crew.hire()
    while count != 0 and not schedule.over:
        outcomes = [schedule.heed(said) for said in crew.listen()]
        schedule.give_out()
        yield from (outcome for outcome in outcomes if outcome is not None)


@contextmanager
def _parcel(function: Callable[..., Any], shared: object) -> Iterator[Path]:
    """Function and shared things in a file that each worker reads once."""
    with tempfile.TemporaryDirectory(prefix="lightning-gex-") as folder:
        file = Path(folder) / "work"
        with file.open("wb") as out:
            pickle.dump((function, shared), out, protocol=pickle.HIGHEST_PROTOCOL)
        yield file


class _Hand(NamedTuple):
    process: SpawnProcess
    pipe: Connection


class _ProcessCrew:
    """Processes of this machine, each at the end of a pipe."""

    def __init__(self, parcel: Path) -> None:
        self._parcel = parcel
        self._hands: dict[int, _Hand] = {}
        self._hired = 0

    def hire(self) -> int:
        # A fresh interpreter: a fork would copy the locks of threads that do not live on in it.
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, str(self._parcel)), daemon=True)
        with _one_thread():
            process.start()
        there.close()  # so that the pipe ends with the process
        self._hired += 1
        self._hands[self._hired] = _Hand(process, here)
        return self._hired

    def give(self, worker: int, index: int, item: Any) -> None:  # noqa: ANN401
        with suppress(OSError):  # a process that is gone says so when it is listened to
            self._hands[worker].pipe.send((index, item))

    def listen(self) -> list[Said]:
        ready = wait([hand.pipe for hand in self._hands.values()])
        return [self._heard(worker) for worker, hand in list(self._hands.items()) if hand.pipe in ready]

    def _heard(self, worker: int) -> Said:
        try:
            index, result, raised = self._hands[worker].pipe.recv()
        except (EOFError, OSError):
            self._let_go(worker)
            return Said(worker, died=True)
        return Said(worker, index, result, raised)

    def _let_go(self, worker: int) -> None:
        process, pipe = self._hands.pop(worker)
        pipe.close()
        process.kill()
        process.join()
        process.close()

    def dismiss(self) -> None:
        for hand in self._hands.values():
            hand.process.kill()
        for worker in list(self._hands):
            self._let_go(worker)


def _serve(pipe: Connection, parcel: str) -> None:
    """What a working process does."""
    begin_worker()
    with Path(parcel).open("rb") as file:
        function, shared = pickle.load(file)  # noqa: S301 - written by the parent, in a folder of its own
    pipe.send((READY, None, None))
    while True:
        try:
            index, item = pipe.recv()
        except EOFError:
            return
        pipe.send((index, *answer_of(function, shared, item)))


def answer_of(function: Callable[..., Any], shared: object, item: object) -> tuple[Any, Exception | None]:
    """What the function gives, or what it raised, as it can travel: with the place where it arose as a note."""
    try:
        return function(shared, item), None
    except Exception as error:
        error.add_note("in a worker:\n" + "".join(traceback.format_exception(error)))
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 - of one's own
        except Exception:  # an error of a stranger's class, whose arguments are not those it was made with
            return None, RuntimeError(f"{type(error).__name__}: {error}")
        return None, error


@contextmanager
def _one_thread() -> Iterator[None]:
    """What begins meanwhile keeps to one thread."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
