"""``lightning evaluate`` and ``ablate`` on SPY, 2012 to 2021, with dealer flow, VIX and bill rates, as they come out.

Needs the real data that may stand beside the checkout (``../shared/data``, or LIGHTNING_SHARED_DATA). Each command runs
in a workspace of its own, so the trials counted are those of one command.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_dix import data_folder
from peers.comparison import machine

RESULTS = Path(__file__).resolve().parent / "results"
LIGHTNING = Path(sys.executable).with_name("lightning")
SPAN = ("--start", "2012-01-03", "--end", "2021-12-31")
LEFT_OUT = {"reliability", "by_agent", "by_regime", "notes"}  # long, and in every run's own metrics.json


def answered(command: str, daily: Path) -> dict[str, object]:
    """The command's own JSON, and the seconds it took."""
    files = {
        "--bars": "index_etf_megacap_ohlcv.parquet",
        "--flow": "spx_dix_gex.csv",
        "--volatility-index": "cboe_vol_indices.csv",
        "--rates": "short_rates.csv",
    }
    named = [word for option, name in files.items() for word in (option, str(daily / name))]
    with tempfile.TemporaryDirectory() as scratch:
        line = [str(LIGHTNING), command, "--home", f"{scratch}/home", *named, "--ticker", "SPY", *SPAN]
        begun = time.perf_counter()
        done = subprocess.run([*line, "--out", f"{scratch}/out", "--json"], capture_output=True, text=True, check=True)
        took = time.perf_counter() - begun
    found = {name: value for name, value in json.loads(done.stdout).items() if name not in LEFT_OUT}
    return {"command": f"lightning {command}", "machine": machine(), "seconds": round(took, 1), **found}


def main() -> None:
    """Run both, print how long they took, write what they said."""
    daily = data_folder() / "daily"
    for command in ("evaluate", "ablate"):
        found = answered(command, daily)
        print(f"{command}: {found['seconds']} s")
        (RESULTS / f"{command}_spy_2012_2021.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
