"""A whole options market: from Parquet to exposures, levels and features of every underlying.

The market is made (``make_chains.write_market``): 5,000 underlyings, 1.5 million contracts, and one ten times as large.
Measured are: everything against only reading the file with polars, by turns in one process; peak memory of a process of
its own; the cost of ten times the size; two workers against one. The figures of a sample of underlyings are compared
with those of ``positioning`` chain by chain.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import polars as pl
from make_chains import CONTRACTS_EACH, UNDERLYINGS, write_market
from peers.comparison import write

from lightning_gex.adapters.market_data.market_file import read_books
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.market_scan import market_scan
from lightning_gex.core.book import chain_of
from lightning_gex.core.errors import InsufficientDataError

RESULT = Path(__file__).resolve().parent / "results" / "market.json"
ROUNDS = 9
TIMES_LARGER = 10
GOALS = {"ratio_to_reading": 3.0, "peak_gb": 2.0, "cost_of_ten_times": 10.5, "two_workers": 1.7}
SAMPLE = 101  # every so many underlyings are computed alone and compared
ALONE = """
import resource, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from bench_market import scanned
scanned(Path(sys.argv[4]))  # loads the kernels
begun = time.perf_counter()
scanned(Path(sys.argv[1]), int(sys.argv[2]))
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def scanned(path: Path, workers: int = 1) -> int:
    """Every underlying's figures; how many have them."""
    return sum(int((market_scan(book, workers=workers).status == 0).sum()) for book in read_books(path))


def alone(path: Path, workers: int, warm: Path) -> tuple[float, int]:
    """Seconds and peak bytes of one scan in a process of its own, after a scan of ``warm`` has loaded the kernels."""
    folder = str(Path(__file__).resolve().parent)
    command = [sys.executable, "-c", ALONE, str(path), str(workers), folder, str(warm)]
    seconds, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), int(float(peak))


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def compared(path: Path) -> int:
    """How many underlyings were computed alone as well; their figures must be the scan's."""
    checked = 0
    for book in read_books(path):
        found = market_scan(book)
        for at in range(0, len(book.underlying), SAMPLE):
            try:
                one = positioning(chain_of(book, at), value_early_exercise=False)
            except InsufficientDataError:
                assert found.status[at] != 0  # noqa: S101
                continue
            for name in ("gamma_exposure_usd_per_pct", "vanna_exposure_usd_per_vol_point", "zero_gamma_nearest"):
                same = np.array_equal(getattr(found, name)[at], getattr(one, name), equal_nan=True)
                assert same, f"{book.underlying[at]}: {name} differs from the chain's own"  # noqa: S101
            checked += 1
    return checked


def main() -> None:
    """Measure, check, print, write."""
    with tempfile.TemporaryDirectory() as scratch:
        path, large = Path(scratch) / "market.parquet", Path(scratch) / "large.parquet"
        contracts = write_market(path)
        with_figures, checked = scanned(path), compared(path)
        steps: dict[str, Callable[[], object]] = {
            "only reading, polars": lambda: pl.read_parquet(path),
            "everything, one worker": lambda: scanned(path),
            "everything, two workers": lambda: scanned(path, 2),
            "of it: read and checked": lambda: sum(len(book) for book in read_books(path)),
        }
        rounds = [{name: timed(work) for name, work in steps.items()} for _ in range(ROUNDS)]
        times = {name: round(statistics.median(one[name] for one in rounds), 4) for name in steps}
        large_contracts = write_market(large, underlyings=UNDERLYINGS * TIMES_LARGER, contracts_each=CONTRACTS_EACH)
        pairs = [(alone(path, 1, path), alone(large, 1, path)) for _ in range(3)]
    ratio = statistics.median(one["everything, one worker"] / one["only reading, polars"] for one in rounds)
    with_two = statistics.median(one["everything, two workers"] / one["only reading, polars"] for one in rounds)
    gain = statistics.median(one["everything, one worker"] / one["everything, two workers"] for one in rounds)
    growth = statistics.median(big[0] / small[0] for small, big in pairs) * contracts * TIMES_LARGER / large_contracts
    peak = max(big[1] for _, big in pairs) / 1e9
    measured = {"ratio_to_reading": ratio, "peak_gb": peak, "cost_of_ten_times": growth, "two_workers": gain}
    goals = {
        name: {
            "goal": goal,
            "measured": round(measured[name], 2),
            "met": bool(measured[name] >= goal if name == "two_workers" else measured[name] <= goal),
        }
        for name, goal in GOALS.items()
    }
    result = {
        "benchmark": "market",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "polars": pl.__version__,
        "processors": os.cpu_count(),
        "underlyings": UNDERLYINGS,
        "contracts": contracts,
        "underlyings_with_figures": with_figures,
        "underlyings_compared_with_their_own_chain": checked,
        "median_seconds": times,
        "ratio_to_reading_two_workers": round(with_two, 2),
        "ten_times": {"contracts": large_contracts, "seconds": [round(big[0], 2) for _, big in pairs]},
        "goals": goals,
    }
    print(json.dumps(result, indent=2))
    write(RESULT, result)


if __name__ == "__main__":
    main()
