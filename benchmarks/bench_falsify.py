"""The registered claims about dealers' gamma on the S&P 500, 2011 to 2021, as ``lightning falsify`` judges them.

Needs the real data that may stand beside the checkout (``../shared/data``, or LIGHTNING_SHARED_DATA). The S&P 500 has
the overnight move of SPY, whose open is real, and its own closes, which stand beside strikes. Beside the registered
statistics stand the same two slopes as others have measured them, and pinning of ten stocks at quoted prices.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from bench_forecast import with_gap_of

from lightning_gex.adapters.market_data.bars_file import read_bars
from lightning_gex.adapters.market_data.intraday_file import read_intraday
from lightning_gex.adapters.market_data.series_files import read_flow, read_volatility_index
from lightning_gex.analytics.indicators import trailing_mean
from lightning_gex.analytics.robust_regression import regress
from lightning_gex.app.cli.documents import plain
from lightning_gex.core.bars import Bars
from lightning_gex.core.series import DatedSeries
from lightning_gex.evaluation.claim_data import ClaimData, claim_data, half_hours_of
from lightning_gex.evaluation.falsification import Falsification, judged, periods_of, tried
from lightning_gex.evaluation.falsification_image import falsification_png
from lightning_gex.evaluation.falsification_section import plain_findings
from lightning_gex.evaluation.hypotheses import REGISTRY, VERSION, registry_hash

REPOSITORY = Path(__file__).resolve().parents[1]
RESULT = REPOSITORY / "benchmarks" / "results" / "falsify.json"
IMAGE = REPOSITORY / "docs" / "images" / "falsification.png"
SPLIT = np.datetime64("2019-01-01")
INDEX_STEP, STOCK_STEP = 25.0, 5.0  # USD between strikes of monthly options: the S&P 500's, and shares' above 25 USD
LAGS = 10  # of the other specifications
_LEFT_OUT = {"claim", "source", "points", "outcome", "null", "part", "two_sided", "level"}


def main() -> None:
    """Judge everything, print the verdicts, write results and image."""
    data = Path(os.environ.get("LIGHTNING_SHARED_DATA", str(REPOSITORY.parent / "shared" / "data")))
    daily = data / "daily"
    if not daily.is_dir():
        print(f"skipped: no daily data in {daily} (set LIGHTNING_SHARED_DATA)")
        return
    bars = read_bars(daily / "index_etf_megacap_ohlcv.parquet", tickers=["SPY", "GSPC"])
    vix, flow = read_volatility_index(daily / "cboe_vol_indices.csv"), read_flow(daily / "spx_dix_gex.csv")
    within = read_intraday(data / "intraday" / "spx_30min.parquet")
    index = with_gap_of(bars["GSPC"], bars["SPY"])
    half_hours = half_hours_of(within.starts_at, within.close, index.session)
    of_index = claim_data(index, flow=flow, volatility_index=vix, half_hours=half_hours, strike_step=INDEX_STEP)
    of_fund = claim_data(bars["SPY"], flow=flow, volatility_index=vix)
    runs = {"S&P 500": run(of_index), "SPY": run(of_fund)}
    results: dict[str, Any] = {
        "registry_version": VERSION,
        "registry_hash": registry_hash(REGISTRY),
        "claims": {name: summary(found) for name, found in runs.items()},
        "other_specifications": {"S&P 500": others(of_index, index, flow), "SPY": others(of_fund, bars["SPY"], flow)},
        "pinning_of_stocks": stocks(daily / "raw_prices_with_splits.parquet"),
    }
    RESULT.write_text(json.dumps(plain(results), indent=1) + "\n", "utf-8")
    IMAGE.write_bytes(falsification_png(runs["S&P 500"]))
    for name, found in runs.items():
        show(name, found)
    print(json.dumps(plain(results["other_specifications"]), indent=1))
    print(json.dumps(plain(results["pinning_of_stocks"]), indent=1))


def run(data: ClaimData) -> Falsification:
    """The registered claims, in the whole and to either side of the split."""
    return judged(data, tried(data, REGISTRY, periods_of(None, None, SPLIT)))


def summary(found: Falsification) -> dict[str, Any]:
    """Verdicts and figures, without what the registry says already."""
    findings = [
        {k: v for k, v in f.items() if k not in _LEFT_OUT} for f in plain_findings(found) if isinstance(f, dict)
    ]
    periods = {
        name: {"first": str(a), "last": str(z), "verdicts": {v.value: n for v, n in found.tally(name).items()}}
        for name, (a, z) in found.periods.items()
    }
    return {"periods": periods, "findings": findings}


def others(data: ClaimData, bars: Bars, flow: DatedSeries) -> dict[str, dict[str, float]]:
    """t of gamma itself instead of its rank, and of the rank, by period: log variance after HAR and VIX, and |move|."""
    close, vix = bars.close, np.asarray(data.vix)
    log_variance, implied = np.log(np.maximum(data.variance, 1e-8)), np.log(vix)
    move = np.r_[np.abs(np.log(close[1:] / close[:-1])), np.nan] * 1e4
    har = [f for x in (log_variance, implied) for f in (x, trailing_mean(x, 5), trailing_mean(x, 22))]
    level = flow.aligned("gex", bars.session, max_age_days=5) / 1e9
    rank = data.features["gex"]
    ahead = np.r_[log_variance[1:], np.nan]
    designs = {
        "log variance, HAR and VIX with means, gamma in USD": (ahead, [*har, level]),
        "log variance, HAR and VIX with means, rank": (ahead, [*har, rank]),
        "log variance, HAR and VIX without means, rank": (ahead, [*har[:4], rank]),
        "size of the move, ln VIX, gamma in USD": (move, [implied, level]),
        "size of the move, VIX, rank": (move, [vix, rank]),
    }
    spans = {"to 2018": (None, SPLIT), "from 2019": (SPLIT, None), "whole": (None, None)}
    return {
        name: {span: _t(data, outcome, columns, ends) for span, ends in spans.items()}
        for name, (outcome, columns) in designs.items()
    }


def _t(data: ClaimData, outcome: np.ndarray, columns: list[np.ndarray], ends: tuple[Any, Any]) -> float:
    design = np.column_stack([np.ones(len(outcome)), *columns])
    rows = np.isfinite(design).all(axis=1) & np.isfinite(outcome)
    rows &= data.session >= ends[0] if ends[0] is not None else True
    rows &= data.session < ends[1] if ends[1] is not None else True
    return float(regress(design[rows], outcome[rows], lags=LAGS).t[-1])


def stocks(file: Path) -> dict[str, dict[str, float]]:
    """Pinning of each stock at quoted closes of at least 25 USD, its expiries monthly and weekly."""
    frame = pl.read_parquet(file)
    names = {name.lower(): name for name in frame.columns}
    ticker = next(names[n] for n in ("ticker", "symbol") if n in names)
    found: dict[str, dict[str, float]] = {}
    for (name,), own in frame.group_by(ticker, maintain_order=True):
        own = own.sort(names["date"]).filter(pl.col(names["close"]) >= 25.0)
        columns = [own[names[c]].cast(pl.Float64).to_numpy() for c in ("open", "high", "low", "close", "volume")]
        o, h, low, c, volume = columns
        session = own[names["date"]].cast(pl.Date).to_numpy().astype("datetime64[D]")
        bars = Bars(str(name), session, o, np.maximum.reduce([h, o, c]), np.minimum.reduce([low, o, c]), c, volume)
        data = claim_data(bars, strike_step=STOCK_STEP)
        pins = [x for x in REGISTRY if x.name in ("monthly_expiry_pins", "weekly_expiry_pins")]
        for finding in judged(data, tried(data, pins, periods_of(None, None, None))).findings:
            m = finding.measured
            found.setdefault(str(name), {})[finding.hypothesis.name] = math.nan if m is None else m.effect
            found[str(name)][f"{finding.hypothesis.name}_p"] = math.nan if m is None else m.p_value
    return found


def show(name: str, found: Falsification) -> None:
    """One line a finding."""
    for f in found.findings:
        m = f.measured
        if m is None:
            print(f"{name} {f.period} {f.hypothesis.name}: {f.verdict.value} ({f.why})")
            continue
        figures: Mapping[str, float] = m.figures
        print(
            f"{name} {f.period} {f.hypothesis.name}: {f.verdict.value}, n {m.count}, effect {m.effect:.4g} "
            f"({m.interval[0]:.4g} to {m.interval[1]:.4g}), p {m.p_value:.3g}, q {f.q_value:.3g}, power {f.power:.0%}, "
            f"detectable {f.detectable:.3g}; " + ", ".join(f"{k} {v:.4g}" for k, v in figures.items())
        )


if __name__ == "__main__":
    main()
