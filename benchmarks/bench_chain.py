"""One SPX-sized chain: from the file to every exposure and level, against only reading the file.

The chain is made (``make_chains.write_chain``). "Everything" is reading and checking the rows, forwards, Greeks, all
dealer models, levels, profile with all roots, and the tables by strike, by expiry and by both, each by open interest
and by volume, with and without what settles today. Beside it stands polars, which only loads the columns. Both run by
turns in one process, so that a busy machine disturbs both alike: once with one thread each, which is what the goal
means, and once with as many as each likes. Two doors are measured: ``read_books``, which takes our own Parquet layout
only and puts it in order as it reads, and ``read_chain``, which takes every format. The first call of a fresh process
is measured too: kernels come from numba's disk cache.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow
from make_chains import write_chain
from peers.comparison import machine, write

from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.adapters.market_data.market_file import read_books
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.positioning_result import DealerPositioning

RESULT = Path(__file__).resolve().parent / "results" / "chain.json"
ROUNDS = 60
GOAL_RATIO = 3.0
READING, EVERYTHING = "only reading, polars", "everything"
FIRST_CALL = """
import sys, time
begun = time.perf_counter()
from lightning_gex.adapters.market_data.market_file import read_books
from lightning_gex.analytics.dealer_positioning import positioning
imported = time.perf_counter()
positioning(next(read_books(sys.argv[1])))
first = time.perf_counter()
positioning(next(read_books(sys.argv[1])))
print(imported - begun, first - imported, time.perf_counter() - first)
"""


def with_tables(found: DealerPositioning) -> DealerPositioning:
    """The positioning, after every table of it was made."""
    for weight in ("open_interest", "volume"):
        for include_0dte in (True, False):
            found.exposures_by_strike(weight, include_0dte=include_0dte)
            found.exposures_by_expiry(weight, include_0dte=include_0dte)
            found.exposures_by_strike_and_expiry(weight, include_0dte=include_0dte)
    return found


def check(path: Path) -> float:
    """The largest relative gap between a total and the sums of its tables; both doors must give the same answer."""
    found = positioning(next(read_books(path)))
    other = positioning(read_chain(path))
    assert found.to_json_dict() == {**other.to_json_dict(), "source": found.source}  # noqa: S101
    total = found.gamma_exposure_usd_per_pct
    sums = (
        found.exposures_by_strike().gamma_exposure_usd_per_pct.sum(),
        found.exposures_by_expiry().gamma_exposure_usd_per_pct.sum(),
        found.exposures_by_strike_and_expiry().gamma_exposure_usd_per_pct.sum(),
    )
    gap = max(abs(float(value) - total) for value in sums) / found.gross_gamma_usd_per_pct
    assert gap < 1e-12, f"tables do not add up to their total: {gap:g} of gross"  # noqa: S101
    return gap


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measured(path: Path, *, threads: bool) -> dict[str, object]:
    """Every step by turns, in this process."""
    if not threads:
        pyarrow.set_cpu_count(1)
    book = next(read_books(path, threads=threads))
    found = positioning(book)
    steps: dict[str, Callable[[], object]] = {
        READING: lambda: pl.read_parquet(path),
        EVERYTHING: lambda: with_tables(positioning(next(read_books(path, threads=threads)))),
        "of it: read and checked": lambda: next(read_books(path, threads=threads)),
        "of it: positioning": lambda: positioning(book),
        "of it: tables": lambda: (found.contracts.memo.clear(), with_tables(found)),
        "everything, through read_chain": lambda: with_tables(positioning(read_chain(path))),
    }
    for work in steps.values():
        work()
    rounds = [{name: timed(work) for name, work in steps.items()} for _ in range(ROUNDS)]
    return {
        "polars_threads": pl.thread_pool_size(),
        "milliseconds": {name: summary([one[name] for one in rounds]) for name in steps},
        "ratio_to_reading": {
            "median_of_rounds": round(statistics.median(one[EVERYTHING] / one[READING] for one in rounds), 2),
            "of_least": round(min(one[EVERYTHING] for one in rounds) / min(one[READING] for one in rounds), 2),
        },
    }


def summary(seconds: list[float]) -> dict[str, float]:
    """Milliseconds: median and least."""
    return {"median": round(1e3 * statistics.median(seconds), 3), "least": round(1e3 * min(seconds), 3)}


def in_a_process(path: Path, *, threads: bool) -> dict[str, object]:
    """``measured`` in a fresh process; polars reads its number of threads when it is imported."""
    environment = dict(os.environ) if threads else {**os.environ, "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, __file__, str(path), "all" if threads else "one"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def main() -> None:
    """Measure, check, print, write."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "spx.parquet"
        contracts = write_chain(path)
        gap = check(path)
        one, every = in_a_process(path, threads=False), in_a_process(path, threads=True)
        first = subprocess.run(
            [sys.executable, "-c", FIRST_CALL, str(path)], capture_output=True, text=True, check=True
        )
    imported, first_call, second_call = (round(float(value), 3) for value in first.stdout.split())
    ratio = one["ratio_to_reading"]["median_of_rounds"]  # type: ignore[index]
    result = {
        "benchmark": "chain",
        "machine": machine(),
        "processes_waiting_for_a_core": round(os.getloadavg()[0], 1),  # what else the machine did meanwhile
        "polars": pl.__version__,
        "contracts": contracts,
        "one_thread": one,
        "all_threads": every,
        "fresh_process_seconds": {"import": imported, "first_chain": first_call, "second_chain": second_call},
        "largest_gap_of_sums": gap,
        "goal": {"ratio_to_reading": GOAL_RATIO, "reached": ratio, "met": bool(ratio <= GOAL_RATIO)},
    }
    print(json.dumps(result, indent=2))
    write(RESULT, result)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measured(Path(sys.argv[1]), threads=sys.argv[2] == "all")))
    else:
        main()
