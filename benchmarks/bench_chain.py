"""One SPX-sized chain: from the file to every exposure and level, against only reading the file.

The chain is made (``make_chains.write_chain``). "Everything" is reading and checking the rows, forwards, Greeks, all
dealer models, levels, profile with all roots, and the tables by strike, by expiry and by both, each by open interest
and by volume, with and without what settles today. Beside it stands polars, which only loads the columns. Both run by
turns, so that a busy machine disturbs both alike. The first call of a fresh process is measured too: kernels come from
numba's disk cache.
"""

from __future__ import annotations

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
from make_chains import write_chain
from peers.comparison import write

from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.positioning_result import DealerPositioning

RESULT = Path(__file__).resolve().parent / "results" / "chain.json"
ROUNDS = 40
GOAL_RATIO = 3.0
FIRST_CALL = """
import sys, time
begun = time.perf_counter()
from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.analytics.dealer_positioning import positioning
imported = time.perf_counter()
positioning(read_chain(sys.argv[1]))
first = time.perf_counter()
positioning(read_chain(sys.argv[1]))
print(imported - begun, first - imported, time.perf_counter() - first)
"""


def everything(path: Path) -> DealerPositioning:
    """All exposures and levels of a chain file."""
    return with_tables(positioning(read_chain(path)))


def with_tables(found: DealerPositioning) -> DealerPositioning:
    """The positioning, after every table of it was made."""
    for weight in ("open_interest", "volume"):
        for include_0dte in (True, False):
            found.exposures_by_strike(weight, include_0dte=include_0dte)
            found.exposures_by_expiry(weight, include_0dte=include_0dte)
            found.exposures_by_strike_and_expiry(weight, include_0dte=include_0dte)
    return found


def check(found: DealerPositioning) -> float:
    """The largest relative gap between a total and the sums of its tables."""
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


def summary(seconds: list[float]) -> dict[str, float]:
    """Milliseconds: median and least."""
    return {"median_ms": round(1e3 * statistics.median(seconds), 3), "least_ms": round(1e3 * min(seconds), 3)}


def main() -> None:
    """Measure, check, print, write."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "spx.parquet"
        contracts = write_chain(path)
        gap = check(everything(path))
        chain = read_chain(path)
        steps: dict[str, Callable[[], object]] = {
            "only reading, polars": lambda: pl.read_parquet(path),
            "everything": lambda: everything(path),
            "of it: read and checked": lambda: read_chain(path),
            "of it: positioning": lambda: positioning(chain),
        }
        rounds = [{name: timed(work) for name, work in steps.items()} for _ in range(ROUNDS)]
        first = subprocess.run(
            [sys.executable, "-c", FIRST_CALL, str(path)], capture_output=True, text=True, check=True
        )
    imported, first_call, second_call = (round(float(value), 3) for value in first.stdout.split())
    times = {name: summary([one[name] for one in rounds]) for name in steps}
    ratio = statistics.median(one["everything"] / one["only reading, polars"] for one in rounds)
    least = times["everything"]["least_ms"] / times["only reading, polars"]["least_ms"]
    result = {
        "benchmark": "chain",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "polars": pl.__version__,
        "processors": os.cpu_count(),
        "contracts": contracts,
        "times": times,
        "ratio_median_of_rounds": round(ratio, 2),
        "ratio_of_least": round(least, 2),
        "fresh_process_seconds": {"import": imported, "first_chain": first_call, "second_chain": second_call},
        "largest_gap_of_sums": gap,
        "goal_ratio": GOAL_RATIO,
        "met": ratio <= GOAL_RATIO,
    }
    for name, row in times.items():
        print(f"{name:<26} {row['median_ms']:>8.2f} ms, least {row['least_ms']:>7.2f}")
    print(f"everything / only reading: {ratio:.2f} (of least {least:.2f}); goal {GOAL_RATIO:g}: met {result['met']}")
    print(f"fresh process: import {imported} s, first chain {first_call} s, second {second_call} s")
    write(RESULT, result)


if __name__ == "__main__":
    main()
