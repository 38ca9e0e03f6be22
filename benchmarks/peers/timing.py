"""How long a call takes: the same few lines measure our side and, in their own interpreters, the peers'."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

SECONDS, LEAST, MOST = 0.4, 5, 400  # a measurement goes on this long, within these numbers of calls
SLOW_SECONDS = 0.5  # one call longer than this is repeated LEAST_SLOW times only
LEAST_SLOW = 2


def timed(call: Callable[[], object]) -> dict[str, float]:
    """Median and least seconds of a call, after one that compiles and one that warms the caches."""
    call()
    first = _once(call)
    if first > SLOW_SECONDS:
        seconds = [first, *(_once(call) for _ in range(LEAST_SLOW - 1))]
    else:
        seconds = [_once(call) for _ in range(min(MOST, max(LEAST, int(SECONDS / first))))]
    return {"median_s": statistics.median(seconds), "min_s": min(seconds), "calls": len(seconds)}


def _once(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
