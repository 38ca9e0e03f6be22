"""The most memory that ``lightning evaluate`` takes over ten years of 21 tickers, with every enhancement.

The command runs in a process of its own over real data (2012 to 2021; dealer flow, volatility indices, bill rates), and
the system says what it took at most (``ru_maxrss``, which is its VmHWM). The goal is 1 GB. Needs the real data that may
stand beside the checkout (``../shared/data``, or LIGHTNING_SHARED_DATA). ``--folds N`` judges folds as well.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from bench_dix import data_folder
from peers.comparison import machine, write

RESULT = Path(__file__).parent / "results" / "evaluation_memory.json"
TICKERS, START, END, GOAL_MB = 21, "2012-01-03", "2021-12-31", 1_000


def tickers_of(bars: Path) -> list[str]:
    """The first tickers, by name, whose bars span all ten years."""
    table = pq.read_table(bars, columns=["ticker", "date"]).to_pandas()
    table["date"] = table["date"].astype(str).str[:10]
    first = set(table.loc[table["date"] <= START, "ticker"]) & set(table.loc[table["date"] >= END, "ticker"])
    return sorted(first)[:TICKERS]


def main() -> None:
    """Run the command, say what it took, write the result."""
    daily = data_folder() / "daily"
    bars = daily / "sp500_members_ohlcv.parquet"
    chosen = tickers_of(bars)
    with tempfile.TemporaryDirectory() as name:
        program = "from lightning_gex.app.cli import main; main()"
        command = [sys.executable, "-c", program, "evaluate", "--bars", str(bars)]
        command += ["--market-bars", str(daily / "index_etf_megacap_ohlcv.parquet")]
        command += ["--flow", str(daily / "spx_dix_gex.csv"), "--rates", str(daily / "short_rates.csv")]
        command += ["--volatility-index", str(daily / "cboe_vol_indices.csv"), "--start", START, "--end", END]
        command += ["--out", str(Path(name) / "report"), "--home", str(Path(name) / "home"), "--json", *sys.argv[1:]]
        for ticker in chosen:
            command += ["--ticker", ticker]
        began = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        seconds = time.perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{len(chosen)} tickers, {seconds:.0f} s, at most {peak_mb:.0f} MB, exit code {done.returncode}")
    if done.returncode:
        sys.exit(done.stderr[-2_000:])
    found = {"tickers": chosen, "start": START, "end": END, "options": sys.argv[1:], "seconds": round(seconds)}
    found |= {"peak_mb": round(peak_mb), "goal_mb": GOAL_MB, "goal_met": peak_mb <= GOAL_MB, "machine": machine()}
    write(RESULT, found)


if __name__ == "__main__":
    main()
