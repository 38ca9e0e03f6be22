"""A whole options market: from Parquet to exposures, levels and features of every underlying.

The market is made (``make_chains.write_market``): 5,000 underlyings, 1.5 million contracts, in two files by name, and
one ten times as large. Measured are: everything against only reading the files with polars, by turns in one process,
once with one thread each, which is what the goal means, and once with as many as polars likes against two workers of
ours; peak memory of a process of its own; the cost of ten times the size, kernels loaded; two processes, a file each,
against one; and the same for the last minutes of a Friday, when every stock has options minutes from settlement. The
figures of a sample of underlyings are compared with those of ``positioning`` chain by chain.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from make_chains import AS_OF, FRIDAY, UNDERLYINGS, write_market
from peers.comparison import machine, write

from lightning_gex.adapters.market_data.market_file import read_books
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.market_scan import market_scan, market_scans
from lightning_gex.core.book import chain_of
from lightning_gex.core.errors import InsufficientDataError

RESULT = Path(__file__).resolve().parent / "results" / "market.json"
ROUNDS = 11
TIMES_LARGER = 10
GOALS = {"ratio_to_reading": 3.0, "peak_gb": 2.0, "cost_of_ten_times": 10.5, "two_workers": 1.7}
SAMPLE = 101  # every so many underlyings are computed alone and compared
READING = "only reading, polars"


def scanned(path: Path, *, workers: int = 1) -> int:
    """Every underlying's figures; how many have them."""
    scans = market_scans(read_books(path, threads=False), workers=workers)
    return sum(int((scan.status == 0).sum()) for scan in scans)


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


def against_reading(folder: Path) -> dict[str, object]:
    """Reading, and everything by one worker and by two threads, by turns in this process."""
    files = sorted(folder.glob("*.parquet"))
    steps: dict[str, Callable[[], object]] = {
        READING: lambda: [pl.read_parquet(file) for file in files],
        "everything, one worker": lambda: scanned(folder),
        "everything, two threads": lambda: scanned(folder, workers=2),
        "of it: read and checked": lambda: sum(len(book) for book in read_books(folder, threads=False)),
    }
    for work in steps.values():
        work()
    rounds = [{name: timed(work) for name, work in steps.items()} for _ in range(ROUNDS)]
    return {
        "polars_threads": pl.thread_pool_size(),
        "median_seconds": {name: round(statistics.median(one[name] for one in rounds), 4) for name in steps},
        "least_seconds": {name: round(min(one[name] for one in rounds), 4) for name in steps},
        "ratio_to_reading": {
            name: round(statistics.median(one[name] / one[READING] for one in rounds), 2)
            for name in steps
            if name.startswith("everything")
        },
    }


def peak_gb(path: Path) -> dict[str, float]:
    """Peak memory of this process after one scan."""
    scanned(path)
    return {"peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9}


def ten_times(paths: list[Path]) -> dict[str, object]:
    """Seconds of the small and the large market by turns, after a scan that loads the kernels."""
    small, large = paths
    scanned(small)
    pairs = [(timed(lambda: scanned(small)), timed(lambda: scanned(large))) for _ in range(3)]
    return {"pairs": [[round(a, 3), round(b, 3)] for a, b in pairs]}


def two_workers(folder: Path) -> dict[str, object]:
    """One process over both files against two processes, a file each, by turns; started and warmed before."""
    files = sorted(folder.glob("*.parquet"))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for _ in range(2):  # both have loaded their kernels, whoever took which file
            pool.map(scanned, [files[0], files[0]], chunksize=1)
        scanned(files[0])
        rounds = []
        for _ in range(ROUNDS):
            one = timed(lambda: [scanned(file) for file in files])
            two = timed(lambda: pool.map(scanned, files, chunksize=1))
            rounds.append((one, two))
    gains = sorted(one / two for one, two in rounds)
    return {"gain": round(statistics.median(gains), 2), "least": round(gains[0], 2), "most": round(gains[-1], 2)}


PARTS: dict[str, Callable[..., dict[str, object]]] = {
    "against_reading": against_reading,
    "peak_gb": peak_gb,
    "ten_times": lambda *paths: ten_times(list(paths)),
    "two_workers": two_workers,
}


def in_a_process(part: str, *paths: Path, threads: bool = False) -> dict[str, object]:
    """One measurement in a fresh process; polars reads its number of threads when it is imported."""
    environment = dict(os.environ) if threads else {**os.environ, "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, __file__, part, *map(str, paths)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def write_halves(folder: Path, **arguments: object) -> int:
    """A market in two files by name; the number of contracts."""
    folder.mkdir()
    whole = folder.parent / f"{folder.name}.parquet"
    rows = write_market(whole, **arguments)  # type: ignore[arg-type]
    table = pl.read_parquet(whole)
    names = table["underlying"].unique(maintain_order=True)
    middle = table["underlying"].index_of(names[len(names) // 2]) or 0
    for name, part in (("a", table[:middle]), ("b", table[middle:])):
        part.write_parquet(folder / f"{name}.parquet")
    return rows


def main() -> None:
    """Measure, check, print, write."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, friday, large = Path(scratch) / "market", Path(scratch) / "friday", Path(scratch) / "large.parquet"
        contracts = write_halves(folder, as_of=AS_OF)
        with_figures, checked = scanned(folder), compared(folder)
        one = in_a_process("against_reading", folder)
        every = in_a_process("against_reading", folder, threads=True)
        gain = in_a_process("two_workers", folder)
        write_halves(friday, as_of=FRIDAY)
        on_friday = in_a_process("against_reading", friday)
        large_contracts = write_market(large, underlyings=UNDERLYINGS * TIMES_LARGER)
        pairs = in_a_process("ten_times", folder, large)["pairs"]
        peak = in_a_process("peak_gb", large)["peak_gb"]
    growth = statistics.median(b / a for a, b in pairs) * TIMES_LARGER * contracts / large_contracts  # type: ignore[attr-defined]
    reached = {
        "ratio_to_reading": one["ratio_to_reading"]["everything, one worker"],  # type: ignore[index]
        "peak_gb": round(float(peak), 2),  # type: ignore[arg-type]
        "cost_of_ten_times": round(growth, 2),
        "two_workers": gain["gain"],
    }
    goals = {
        name: {
            "goal": goal,
            "reached": reached[name],
            "met": bool(reached[name] >= goal if name == "two_workers" else reached[name] <= goal),  # type: ignore[operator]
        }
        for name, goal in GOALS.items()
    }
    result = {
        "benchmark": "market",
        "machine": machine(),
        "processes_waiting_for_a_core": round(os.getloadavg()[0], 1),  # what else the machine did meanwhile
        "polars": pl.__version__,
        "underlyings": UNDERLYINGS,
        "contracts": contracts,
        "underlyings_with_figures": with_figures,
        "underlyings_compared_with_their_own_chain": checked,
        "one_thread": one,
        "all_threads": every,
        "last_minutes_of_a_friday_one_thread": on_friday,
        "two_processes": gain,
        "ten_times": {"contracts": large_contracts, "seconds_small_and_large": pairs},
        "goals": goals,
    }
    print(json.dumps(result, indent=2))
    write(RESULT, result)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(PARTS[sys.argv[1]](*map(Path, sys.argv[2:]))))
    else:
        main()
