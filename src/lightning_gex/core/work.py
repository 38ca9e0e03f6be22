"""Work that several may share: the same function of many items, here, in other processes or on other machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """A piece of work that was done.

    Parameters
    ----------
    index : of its item, counted from 0 in the order in which the items came.
    result : what the function gave.
    """

    index: int
    result: Result


@dataclass(frozen=True, slots=True)
class Lost:
    """A piece of work whose worker was ended from outside each time that it was tried.

    Parameters
    ----------
    index : of its item.
    why : in words.
    """

    index: int
    why: str


class Executor(Protocol):
    """Does pieces of work that do not depend on each other."""

    def run(
        self,
        function: Callable[[Shared, Item], Result],
        shared: Shared,
        items: Iterable[Item],
        *,
        count: int | None = None,
    ) -> Iterator[Done[Result] | Lost]:
        """``function(shared, item)`` for every item, each as soon as it is ready, in any order.

        Parameters
        ----------
        function : of a module, so that another process can find it.
        shared : what every item needs. It travels to a worker once, however many items that one does.
        items : small, since each travels; taken one by one, no earlier than a worker is about to need it.
        count : how many items there are, where that is known: more workers than that are not begun.

        Raises
        ------
        StoreError, SourceError : no worker can begin. Whatever ``function`` raises comes through and ends the rest.
            Closing the iterator ends the workers at once.
        """
        ...
