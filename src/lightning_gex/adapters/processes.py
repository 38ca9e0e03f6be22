"""Work spread over processes of one machine, results as they are ready."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from lightning_gex.core.errors import StoreError

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(function: Callable[[Item], Result], items: Sequence[Item], *, workers: int) -> Iterator[Result]:
    """``function`` of every item, one result as soon as it is ready.

    Parameters
    ----------
    function : of a module, so that another process can find it.
    items : what it is called with; small, since it travels between processes.
    workers : processes; 1 works in this one, in the order of the items.

    Raises
    ------
    StoreError : a process was ended from outside. Whatever ``function`` raises comes through.
    """
    if workers <= 1 or len(items) <= 1:
        yield from map(function, items)
        return
    # A fresh interpreter: a fork would copy the locks of threads that do not live on in it.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(max_workers=min(workers, len(items)), mp_context=context, initializer=begin_worker)
    try:
        waiting = {pool.submit(function, item) for item in items}
        while waiting:
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                yield future.result()
    except BrokenProcessPool as error:
        raise StoreError(
            "a reading process was ended from outside (out of memory?): what is done is kept; run again with fewer "
            "workers to go on"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def begin_worker() -> None:
    """What a working process does first: leave Ctrl-C to its parent, and end when that does.

    The pool's own pipes stay open in every process, so that without this a killed parent would leave its workers
    waiting for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
