"""The simulated market beside the S&P 500: the statistics its defaults were set on, and its speed.

The real side needs the data that may stand beside the checkout (``../shared/data``, or LIGHTNING_SHARED_DATA):
SqueezeMetrics' price and GEX, Cboe's VIX. Two spans are shown, because two months of 2020 dominate the longer one.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import numpy as np
from bench_dix import data_folder
from peers.comparison import machine

from lightning_gex.adapters.market_data.series_files import read_flow, read_volatility_index
from lightning_gex.analytics.options_features import gex_signal
from lightning_gex.core.units import Float64Array1D
from lightning_gex.simulation.market import MarketConfig, no_hedging, simulate_market

RESULT = Path(__file__).resolve().parent / "results" / "simulation.json"
SEEDS = range(20)
SESSIONS = 2_500
START = np.datetime64("2010-01-04")
SMALLEST = 1e-4  # log returns below a basis point count as one, for their logarithm


def figures(close: Float64Array1D, gex: Float64Array1D, index: Float64Array1D) -> dict[str, float]:
    """The statistics of one history of closes, net gamma and volatility index (points)."""
    returns = np.diff(np.log(close))
    size, scaled = np.abs(returns), (returns - returns.mean()) / returns.std()
    rank = gex_signal(gex)[:-1]
    known = ~np.isnan(rank)
    log_size = np.log(np.maximum(size, SMALLEST))
    return {
        "volatility": float(returns.std() * math.sqrt(252)),
        "kurtosis": float((scaled**4).mean()),
        "skew": float((scaled**3).mean()),
        **{f"autocorrelation_of_size_lag_{k}": correlation(size[:-k], size[k:]) for k in (1, 5, 20)},
        "autocorrelation_of_returns": correlation(returns[:-1], returns[1:]),
        "leverage_return_against_next_size": correlation(returns[:-1], size[1:]),
        "return_against_change_of_index": correlation(returns, np.diff(np.log(index))),
        "index_mean": float(index.mean()),
        "index_tenth_percentile": float(np.percentile(index, 10)),
        "index_ninetieth_percentile": float(np.percentile(index, 90)),
        "index_autocorrelation": correlation(np.log(index[:-1]), np.log(index[1:])),
        "gex_positive": float((gex > 0).mean()),
        "gex_autocorrelation": correlation(gex[:-1], gex[1:]),
        "gex_rank_against_index": correlation(rank[known], np.log(index[:-1])[known]),
        "gex_rank_against_next_log_size": correlation(rank[known], log_size[known]),
        "gex_rank_against_next_log_size_after_index": after_index(rank[known], log_size[known], index[:-1][known]),
        "gex_rank_against_next_return": correlation(rank[known], returns[known]),
    }


def correlation(x: Float64Array1D, y: Float64Array1D) -> float:
    """Pearson's."""
    return float(np.corrcoef(x, y)[0, 1])


def after_index(rank: Float64Array1D, log_size: Float64Array1D, index: Float64Array1D) -> float:
    """The rank's coefficient on the log size of the next move, the log of the index held fixed (least squares)."""
    columns = np.column_stack([np.ones(len(rank)), np.log(index), rank])
    return float(np.linalg.lstsq(columns, log_size, rcond=None)[0][2])


def real() -> dict[str, dict[str, float]]:
    """Both spans of the S&P 500; empty where the data are not there."""
    daily = data_folder() / "daily"
    if not daily.is_dir():
        return {}
    flow = read_flow(daily / "spx_dix_gex.csv")
    index = read_volatility_index(daily / "cboe_vol_indices.csv").aligned("close", flow.session, max_age_days=0)
    spans = {}
    for name, until in (("2011-05 to 2019", "2020-01-01"), ("2011-05 to 2021", "2022-01-01")):
        rows = (flow.session < np.datetime64(until)) & np.isfinite(index)
        spans[name] = figures(flow.columns["price"][rows], flow.columns["gex"][rows], index[rows])
    return spans


def simulated(config: MarketConfig) -> dict[str, dict[str, float]]:
    """Mean and range over the seeds."""
    rows = []
    for seed in SEEDS:
        market = simulate_market(seed=seed, sessions=SESSIONS, start=START, config=config)
        rows.append(figures(market.bars.close, market.flow.columns["gex"], market.vix.columns["close"]))
    return {
        name: {
            "mean": float(np.mean([r[name] for r in rows])),
            "least": min(r[name] for r in rows),
            "most": max(r[name] for r in rows),
        }
        for name in rows[0]
    }


def main() -> None:
    """Measure, print, write."""
    simulate_market(seed=0, sessions=20, start=START)  # loads the kernel
    begun = time.process_time()
    simulate_market(seed=1, sessions=SESSIONS, start=START)
    took = time.process_time() - begun
    result = {
        "benchmark": "simulation",
        "machine": machine(),
        "seeds": len(SEEDS),
        "sessions": SESSIONS,
        "processor_seconds_of_one_market": round(took, 3),
        "real": real(),
        "simulated": simulated(MarketConfig()),
        "simulated_without_hedging": simulated(no_hedging()),
    }
    for name, found in result["simulated"].items():
        beside = "  ".join(f"{span[name]:8.3f}" for span in result["real"].values())
        print(f"{name:<44} {beside}  {found['mean']:8.3f} [{found['least']:.3f}, {found['most']:.3f}]")
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
