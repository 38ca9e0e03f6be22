"""Our calls and the peers', in turn, several rounds in one run; ratios are taken within a round.

A shared machine changes its pace from minute to minute. So each round measures our side right before each peer, the
ratio of the round is theirs over ours, and the median over the rounds is what is reported.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peers.environments import PeerUnavailableError
from peers.runs import Columns, Peer, run_peer
from peers.timing import timed

ROUNDS = 3
NS = 1e9
Row = dict[str, Any]


Calls = Mapping[str, tuple[str, Callable[[], object]]]  # name -> what it computes, the call
Times = Mapping[str, float]


@dataclass
class Series:
    """What was measured of one name at one size: seconds by round, and theirs over each of our judged calls."""

    medians_s: list[float] = field(default_factory=list)
    least_s: float = float("inf")
    ratios: dict[str, list[float]] = field(default_factory=dict)

    def add(self, times: Times, ours: Mapping[str, Times]) -> None:
        """One more round; ``ours`` is what our judged calls took just before."""
        self.medians_s.append(times["median_s"])
        self.least_s = min(self.least_s, times["min_s"])
        for name, mine in ours.items():
            self.ratios.setdefault(name, []).append(times["median_s"] / mine["median_s"])

    def row(self, name: str, n: int, computes: str) -> Row:
        """The figures as they are written and shown."""
        return {
            "name": name,
            "contracts": n,
            "computes": computes,
            "median_ns": statistics.median(self.medians_s) / n * NS,
            "min_ns": self.least_s / n * NS,
            "times": {mine: statistics.median(ratios) for mine, ratios in self.ratios.items()},
        }


@dataclass
class Comparison:
    """Rows of figures, versions of every library, and peers that could not be had, with the reason."""

    rows: list[Row] = field(default_factory=list)
    versions: dict[str, Mapping[str, str]] = field(default_factory=dict)
    not_available: dict[str, str] = field(default_factory=dict)
    answers: dict[tuple[str, int], Columns] = field(default_factory=dict)

    def times(self, peer: str, n: int, ours: str) -> float:
        """How many times ours a peer takes; NaN where it could not be had."""
        for row in self.rows:
            if row["name"] == peer and row["contracts"] == n:
                return float(row["times"][ours])
        return float("nan")


def compared(
    ours: Mapping[int, Calls],
    peers: Sequence[Peer],
    inputs: Mapping[int, Columns],
    *,
    against: Sequence[str] | None = None,
) -> Comparison:
    """Everything measured ``ROUNDS`` times, for each size n of ``inputs``.

    Peers are set ``against`` these calls of ours, each measured right before the peer; left out, the first one.
    """
    result = Comparison()
    series: dict[tuple[str, int], Series] = {}
    for _ in range(ROUNDS):
        for n, calls in ours.items():
            for name, (_, call) in calls.items():
                series.setdefault((name, n), Series()).add(timed(call), {})
        for peer in peers:
            for n, columns in inputs.items():
                if peer.name not in result.not_available:
                    mine = {name: timed(ours[n][name][1]) for name in against or list(ours[n])[:1]}
                    _one_peer(peer, n, columns, mine, series, result)
    for n, calls in ours.items():
        result.rows += [series[name, n].row(name, n, computes) for name, (computes, _) in calls.items()]
        result.rows += [series[p.name, n].row(p.name, n, p.computes) for p in peers if (p.name, n) in series]
    return result


def _one_peer(
    peer: Peer,
    n: int,
    columns: Columns,
    mine: Mapping[str, Times],
    series: dict[tuple[str, int], Series],
    result: Comparison,
) -> None:
    try:
        run = run_peer(peer, columns)
    except PeerUnavailableError as reason:
        result.not_available[peer.name] = str(reason)
        print(f"{peer.name}: not available: {reason}", flush=True)
        return
    series.setdefault((peer.name, n), Series()).add(run.times, mine)
    result.versions[peer.name] = run.versions
    result.answers[peer.name, n] = run.columns


def judged(found: Comparison, n: int, wanted: float, ours: str, peer: str, *, goal: bool = True) -> dict[str, object]:
    """Whether a ratio reaches what is wanted, said aloud; not ``goal``: a harder test than the goal asks for."""
    reached = found.times(peer, n, ours)
    met = bool(reached >= wanted)
    verdict = ("goal met" if met else "goal MISSED") if goal else ("reached as well" if met else "not reached")
    print(f"{n} contracts, {peer} over {ours}: {reached:.1f}, wanted {wanted:.0f}: {verdict}")
    return {"contracts": n, "ours": ours, "peer": peer, "wanted": wanted, "reached": reached, "met": met, "goal": goal}


def machine() -> dict[str, object]:
    """What the figures were taken on."""
    model = platform.processor() or platform.machine()
    cpu = Path("/proc/cpuinfo")
    if cpu.exists():
        names = [line.split(":", 1)[1].strip() for line in cpu.read_text("utf-8").splitlines() if "model name" in line]
        model = names[0] if names else model
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numba": version("numba"),
        "numpy": version("numpy"),
        "threads": 1,
        # Greeks and volatilities are elementwise and call no BLAS, so this choice of BLAS kernel touches neither side.
        "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE", "not set"),
    }


def shown(rows: Sequence[Row]) -> str:
    """The rows as a table: nanoseconds a contract, and how many times each of our calls it was set against."""
    judged = list(dict.fromkeys(name for row in rows for name in row["times"]))
    heads = "".join(f"  x {name}" for name in judged)
    lines = [f"contracts   median ns      min ns{heads}  name: what it computes; its largest error"]
    for row in rows:
        times = "".join(f"  {_times(row, name):>{len(name) + 2}}" for name in judged)
        error = f"; {row['error']:.1e}" if "error" in row else ""
        figures = f"{row['contracts']:>9}  {row['median_ns']:10.2f}  {row['min_ns']:10.2f}{times}"
        lines.append(f"{figures}  {row['name']}: {row['computes']}{error}")
    return "\n".join(lines)


def _times(row: Row, name: str) -> str:
    return f"{row['times'][name]:.1f}" if name in row["times"] else ""


def write(path: Path, content: Mapping[str, object]) -> None:
    """Write the figures of a run as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
