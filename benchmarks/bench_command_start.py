"""How long ``lightning --help`` and ``--version`` take, beside a bare interpreter; goal: help under 0.4 s."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

REPEATS = 11
RESULT = Path(__file__).parent / "results" / "command_start.json"


def median_seconds(command: list[str]) -> float:
    """Median wall time of a command over the repeats, after one run that warms the file cache."""
    times = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def main() -> None:
    """Measure, print a table, write the results."""
    lightning = str(Path(sys.executable).with_name("lightning"))
    seconds = {
        "bare interpreter": median_seconds([sys.executable, "-c", "pass"]),
        "lightning --version": median_seconds([lightning, "--version"]),
        "lightning --help": median_seconds([lightning, "--help"]),
    }
    for name, value in seconds.items():
        print(f"{name:<22} {value * 1000:7.0f} ms")
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.platform(), "repeats": REPEATS}
    RESULT.write_text(json.dumps({**machine, "median_seconds": seconds}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
