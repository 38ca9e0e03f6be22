"""The dark-pool index rebuilt from FINRA's files against the one SqueezeMetrics publishes, over the shipped sessions.

Needs the real data that may stand beside the checkout (``../shared/data``, or LIGHTNING_SHARED_DATA). The recipe: every
member's short share of off-exchange volume, weighted by close x volume of the bars file. The members are the names of
the S&P 500 bars file and Meta (FB in FINRA's files of the time); Tesla joined the index on 2020-12-21.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from pathlib import Path

import numpy as np

from lightning_gex.adapters.market_data.bars_file import read_bars
from lightning_gex.adapters.market_data.series_files import read_flow
from lightning_gex.app.assembly.dark_pool import BuiltFlow, build_flow

REPOSITORY = Path(__file__).resolve().parents[1]
RESULT = REPOSITORY / "benchmarks" / "results" / "dix.json"
GOAL = 0.98  # correlation
JOINED = {"META": "", "TSLA": "2020-12-21"}


def data_folder() -> Path:
    """Where the real data lie."""
    return Path(os.environ.get("LIGHTNING_SHARED_DATA", str(REPOSITORY.parent / "shared" / "data")))


def rebuilt(data: Path, members: Path, joined: dict[str, str] | None = None) -> BuiltFlow:
    """The index of the shipped sessions; ``members`` is where the members file is written."""
    stocks = data / "daily" / "sp500_members_ohlcv.parquet"
    rows = [f"{ticker}," for ticker in read_bars(stocks)]
    rows += [f"{ticker},{first}" for ticker, first in (JOINED if joined is None else joined).items()]
    members.write_text("\n".join(["ticker,from", *rows, ""]))
    bars = [stocks, data / "daily" / "index_etf_megacap_ohlcv.parquet"]
    return build_flow([data / "flow" / "finra_short_volume.parquet"], bars=bars, members=members)


def agreement(built: BuiltFlow, data: Path) -> dict[str, float]:
    """Correlation with the published index, and the distance from it."""
    flow = read_flow(data / "daily" / "spx_dix_gex.csv")
    published = flow.aligned("dix", built.session, max_age_days=0)
    off = np.abs(built.index.dix - published)
    return {
        "sessions": int(np.isfinite(off).sum()),
        "correlation": float(np.corrcoef(built.index.dix, published)[0, 1]),
        "median_difference": float(np.median(off)),
        "largest_difference": float(off.max()),
    }


def main() -> None:
    """Print the agreement and write it beside the other results."""
    data = data_folder()
    with tempfile.TemporaryDirectory() as folder:
        members = Path(folder) / "members.csv"
        built = rebuilt(data, members)
        found = agreement(built, data)
        without_tesla = agreement(rebuilt(data, members, {"META": ""}), data)
    result = {
        "benchmark": "dix",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "first_session": str(built.session[0]),
        "last_session": str(built.session[-1]),
        "members": int(built.index.members.max()),
        "members_used": int(built.index.members_used.max()),
        "least_coverage_of_dollar_volume": float(built.index.coverage.min()),
        **found,
        "correlation_without_tesla_joining": without_tesla["correlation"],
        "goal": GOAL,
        "met": found["correlation"] >= GOAL,
    }
    print(json.dumps(result, indent=2))
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
