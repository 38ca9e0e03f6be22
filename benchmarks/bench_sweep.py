"""Efficiency of ``lightning sweep`` at two workers: throughput at 2 over twice the throughput at 1, for both backends.

Needs the real data that may stand beside the checkout (``../shared/data``, or LIGHTNING_SHARED_DATA). The runs of one
sweep are made with one worker and with two, in turn, so that a machine that grows busier or slower does so for both; of
every kind the median counts. A round of both is a pair, and its ratio is the efficiency, begun with the first
process that is started and ended with the last run that is kept on disk.

Where other programs share the machine, wall time says what they did. So the processor time is told as well: what a run
takes in a worker, what beginning a worker takes, and what the one process that hands out and keeps the runs takes. The
efficiency by processor time is what these come to on two free processors: half the work beside one beginning.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bench_dix import data_folder
from peers.comparison import machine

from lightning_gex.adapters.executors import Processes
from lightning_gex.adapters.ray_cluster import RayCluster
from lightning_gex.app.assembly.jobs import InputFiles
from lightning_gex.app.assembly.sweeps import SweepRequest, run_sweep
from lightning_gex.app.assembly.variants import Subject
from lightning_gex.app.workspace import Workspace

RESULTS = Path(__file__).resolve().parent / "results"
GOAL = 0.85
SPAN = (date(2012, 1, 3), date(2018, 12, 31))


@dataclass(slots=True)
class Timed:
    """A progress that notes when runs were done, wall and processor seconds."""

    begun: float = 0.0
    ended: float = 0.0
    children: float = 0.0
    parent: float = 0.0

    def __call__(self, items: Iterable[object], *, total: int, label: str) -> Iterator[object]:
        """The same items."""
        own, self.begun = time.process_time(), time.perf_counter()
        yield from items
        self.ended = time.perf_counter()
        self.parent = time.process_time() - own


def children_seconds() -> float:
    """Processor seconds of the processes that were begun here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(backend: str, workers: int, variants: int, folder: Path) -> Timed:
    """One sweep from nothing."""
    daily = data_folder() / "daily"
    files = InputFiles(
        daily / "index_etf_megacap_ohlcv.parquet",
        flow=daily / "spx_dix_gex.csv",
        volatility_index=daily / "cboe_vol_indices.csv",
        rates=daily / "short_rates.csv",
    )
    sizes = tuple(round(0.01 + 0.002 * k, 3) for k in range(variants - 1))
    request = SweepRequest((Subject(files, ("SPY",), *SPAN),), {"sizing.fixed_size_pct": sizes}, folder / "out")
    executor = Processes(workers) if backend == "processes" else RayCluster("local", workers)
    clock, before = Timed(), children_seconds()
    done = run_sweep(Workspace.open(folder / "home"), request, executor, progress=clock)
    if done.failed or done.kept:
        raise SystemExit(f"the sweep is not what was to be timed: {done.failed}, {done.kept} kept")
    clock.children = children_seconds() - before
    return clock


def rounds_of(backend: str, variants: int, rounds: int) -> dict[str, object]:
    """One and two workers in turn."""
    walls: dict[int, list[float]] = {1: [], 2: []}
    spent: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    for k in range(rounds):
        for workers in (1, 2) if k % 2 == 0 else (2, 1):
            with tempfile.TemporaryDirectory() as scratch:
                took = measured(backend, workers, variants, Path(scratch))
            walls[workers].append(took.ended - took.begun)
            spent[workers].append((took.children, took.parent))
            print(
                f"{backend}, {workers} workers: {walls[workers][-1]:.1f} s, of processor time {took.children:.1f} s in "
                f"workers and {took.parent:.1f} s in the parent",
                flush=True,
            )
    ratios = [one / (2.0 * two) for one, two in zip(walls[1], walls[2], strict=True)]
    found: dict[str, object] = {
        "runs": variants,
        "rounds": rounds,
        "wall_seconds_1_worker": round(statistics.median(walls[1]), 2),
        "wall_seconds_2_workers": round(statistics.median(walls[2]), 2),
        "efficiency_by_round": [round(ratio, 3) for ratio in ratios],
        "efficiency_at_2_workers": round(statistics.median(ratios), 3),
    }
    return found | (_accounts(spent, variants) if backend == "processes" else {})


def _accounts(spent: dict[int, list[tuple[float, float]]], variants: int) -> dict[str, object]:
    """Where the processor time of a sweep goes; a worker's beginning is what two have more than one."""
    one, two = (statistics.median(children for children, _ in spent[k]) for k in (1, 2))
    parent = statistics.median(parent for _, parent in spent[2])
    beginning = max(two - one, 0.0)
    work = one - beginning
    on_two = work / 2.0 + beginning
    return {
        "processor_seconds_of_a_run": round(work / variants, 3),
        "processor_seconds_of_beginning_a_worker": round(beginning, 2),
        "processor_seconds_of_the_parent": round(parent, 2),
        "efficiency_by_processor_time": round(one / (2.0 * on_two), 3),
    }


def main() -> None:
    """Measure both backends, print and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backend", action="append", choices=["processes", "ray"])
    parser.add_argument("--dry", action="store_true", help="print and do not write the result")
    given = parser.parse_args()
    backends = given.backend or ["processes", "ray"]
    found = {backend: rounds_of(backend, given.variants, given.rounds) for backend in backends}
    document = {"goal_at_least": GOAL, "machine": machine(), **found}
    print(json.dumps(document, indent=2))
    if not given.dry:
        (RESULTS / "sweep.json").write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
