"""The whole system on SPY, 2012 to 2021, by the command a user would type; whatever it earns is what is written.

Needs the real daily data that may stand beside the checkout (``../shared/data/daily``, or LIGHTNING_SHARED_DATA).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
RESULT = REPOSITORY / "benchmarks" / "results" / "backtest_spy_2012_2021.json"
DECISION = RESULT.with_name("analyze_spy_2021.json")
PERIODS = {"2012-2021": ("2012-01-01", "2021-12-31"), "2012-2018": ("2012-01-01", "2018-12-31")}
PERIODS |= {"2019-2021": ("2019-01-01", "2021-12-31")}
SHOWN = ("trades", "accuracy", "base_rate", "win_rate", "expectancy_bp", "cagr", "sharpe", "max_drawdown", "calmar")


def command(start: str, end: str, out: Path) -> list[str]:
    """The command line of one period, to be run in the folder of the data: results then name files, not folders."""
    return [
        str(Path(sys.executable).with_name("lightning")),
        "backtest",
        *("--bars", "index_etf_megacap_ohlcv.parquet", "--ticker", "SPY"),
        *("--flow", "spx_dix_gex.csv", "--volatility-index", "cboe_vol_indices.csv"),
        *("--rates", "short_rates.csv", "--start", start, "--end", end, "--out", str(out)),
    ]


def measured(daily: Path, start: str, end: str) -> dict[str, object]:
    """Every figure of one period's ``metrics.json``."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        environment = {**os.environ, "LIGHTNING_HOME": str(Path(folder) / "home")}
        subprocess.run(command(start, end, out), check=True, capture_output=True, env=environment, cwd=daily)
        found: dict[str, object] = json.loads((out / "metrics.json").read_text("utf-8"))
    return found


def decided(daily: Path) -> dict[str, object]:
    """What ``lightning analyze SPY`` answers on the file's last bar: the example of the README."""
    words = [*command("", "", Path())[:1], "analyze", "SPY", "--bars", "index_etf_megacap_ohlcv.parquet", "--json"]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "LIGHTNING_HOME": str(Path(folder) / "home")}
        answer = subprocess.run(words, check=True, capture_output=True, env=environment, cwd=daily)
    found: dict[str, object] = json.loads(answer.stdout)
    return found


def main() -> None:
    """Run every period, print a table, write the results."""
    data = os.environ.get("LIGHTNING_SHARED_DATA", str(REPOSITORY.parent / "shared" / "data"))
    daily = Path(data) / "daily"
    if not daily.is_dir():
        print(f"skipped: no daily data in {daily} (set LIGHTNING_SHARED_DATA)")
        return
    results = {name: measured(daily, *period) for name, period in PERIODS.items()}
    for name, found in results.items():
        print(name, *(f"{key} {_shown(found[key])}" for key in SHOWN), sep="  ")
    RESULT.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    DECISION.write_text(json.dumps(decided(daily), indent=2) + "\n", "utf-8")


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
