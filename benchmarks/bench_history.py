"""A year of daily SPX-sized chains becomes a history: how fast, and within how much memory.

The chains are made (``make_chains.write_year``), one Parquet file a session. The command itself is measured, in a
process of its own: peak memory is the largest sum of resident memory over that process and its children, sampled every
20 ms, and for the single process the kernel's own high-water mark. Kernels are compiled before (they come from numba's
disk cache, as on every start but the first).
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import polars as pl
from make_chains import INDEX_CONTRACTS, write_year

REPOSITORY = Path(__file__).resolve().parents[1]
RESULT = REPOSITORY / "benchmarks" / "results" / "history.json"
SESSIONS = 252
GOAL_BYTES = 1_000_000_000
_SAMPLE_SECONDS = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Measured:
    """One run of the command."""

    seconds: float
    peak_bytes: int
    answer: dict[str, object]


def main() -> None:
    """Build a year with one worker and with two, then again with nothing new."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "chains"
        files = write_year(folder, sessions=SESSIONS)
        size = sum(file.stat().st_size for file in files)
        build(folder, Path(scratch) / "warm.parquet", 1)
        one = build(folder, Path(scratch) / "one.parquet", 1)
        two = build(folder, Path(scratch) / "two.parquet", 2)
        again = build(folder, Path(scratch) / "one.parquet", 1)
        table = pl.read_parquet(Path(scratch) / "one.parquet")
        same = (Path(scratch) / "one.parquet").read_bytes() == (Path(scratch) / "two.parquet").read_bytes()
    result = {
        "benchmark": "history",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "polars": pl.__version__,
        "processors": os.cpu_count(),
        "sessions": table.height,
        "contracts_a_chain": INDEX_CONTRACTS,
        "contracts": int(table["contracts_read"].sum()),
        "files_mb": round(size / 1e6, 1),
        "one_worker": described(one),
        "two_workers": described(two),
        "nothing_new": described(again),
        "two_workers_over_one": round(one.seconds / two.seconds, 2),
        "same_table": same,
        "goal_peak_mb": GOAL_BYTES / 1e6,
        "met": same and max(one.peak_bytes, two.peak_bytes) <= GOAL_BYTES,
    }
    print(json.dumps(result, indent=2))
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def described(run: Measured) -> dict[str, object]:
    """What a table of results shows of a run."""
    read = int(str(run.answer["files_read"]))
    return {
        "files_read": read,
        "seconds": round(run.seconds, 2),
        "files_per_second": round(read / run.seconds, 2),
        "peak_rss_mb": round(run.peak_bytes / 1e6, 1),
    }


def build(folder: Path, out: Path, workers: int) -> Measured:
    """One ``lightning history build``, watched."""
    command = "import sys; from lightning_gex.app.cli import main; sys.exit(main())"
    arguments = ["history", "build", str(folder), "--out", str(out), "--workers", str(workers), "--json"]
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", command, *arguments], stdout=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(resident(pid) for pid in family(process.pid)))
        time.sleep(_SAMPLE_SECONDS)
    seconds = time.perf_counter() - begun
    answer, _ = process.communicate()
    return Measured(seconds, peak, json.loads(answer))


def family(pid: int) -> list[int]:
    """A process and everything it started that still runs."""
    found = [pid]
    for parent in found:
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        except OSError:
            continue
        found.extend(int(child) for child in children)
    return found


def resident(pid: int) -> int:
    """Resident bytes of a process; shared pages count for each that maps them. 0 where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    main()
