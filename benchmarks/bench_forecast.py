"""The forecast of volatility and the expected range on SPY and the S&P 500, 2012 to 2021, walked forward.

Needs the real daily data that may stand beside the checkout (``../shared/data/daily``, or LIGHTNING_SHARED_DATA). The
peer is written out here, by numpy alone: least squares on HAR and VIX, refitted each month on everything before it. It
is judged on the same dates. The first period was there to choose in, the second to look once more.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lightning_gex.adapters.market_data.bars_file import read_bars
from lightning_gex.adapters.market_data.series_files import read_flow, read_volatility_index
from lightning_gex.analytics.expected_range import band_volatility, range_probability
from lightning_gex.analytics.indicators import price_features
from lightning_gex.analytics.options_features import gex_signal
from lightning_gex.analytics.volatility_forecast import (
    FORECAST_HORIZONS,
    SHORT_LIVED_LONGEST_HORIZON,
    VolatilityForecast,
    forecast_true_range,
    forecast_volatility,
    log_mean_ahead,
    realised_variance,
)
from lightning_gex.core.bars import Bars
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.units import SESSIONS_PER_YEAR

REPOSITORY = Path(__file__).resolve().parents[1]
RESULT = REPOSITORY / "benchmarks" / "results" / "forecast.json"
PERIODS = {"2012-2018": ("2012-01-01", "2018-12-31"), "2019-2021": ("2019-01-01", "2021-12-31")}
RANGE_SESSIONS = 5
MOST_CONFIDENT = 0.3
PLACEBOS, LEAST_SHIFT = 200, 252
RESAMPLES, BLOCK = 1_000, 21
SEED = 20_240_101
RANGED = ("SPY", "QQQ", "IWM", "AAPL", "AMZN", "NVDA", "XLE", "TLT")
#: What was tried before this was settled, on SPY, all of it with the second period in view.
TRIALS = {
    "designs and penalties of the forecast": 107,
    "ways to a probability": 39,
    "units of the brackets": 10,
    "measures of the volatility agent": 1,
}


@dataclass(frozen=True, slots=True)
class Market:
    """One market's history, and what was known of its options."""

    bars: Bars
    variance: np.ndarray
    vix: np.ndarray
    nine_day: np.ndarray | None
    gex_rank: np.ndarray

    @property
    def forecast(self) -> VolatilityForecast:
        """With everything."""
        return self.forecast_by(self.gex_rank)

    def forecast_by(self, gex_rank: np.ndarray | None) -> VolatilityForecast:
        """With everything else and these ranks of dealers' gamma; None: without them."""
        vix, nine_day = self.vix, self.nine_day
        return forecast_volatility(self.bars.session, self.variance, vix=vix, nine_day_vix=nine_day, gex_rank=gex_rank)


def market_of(bars: Bars, vix: DatedSeries, flow: DatedSeries, *, vix_is_own: bool) -> Market:
    """Bars with what VIX and the flow file knew at each close."""
    variance = realised_variance(bars.open, bars.high, bars.low, bars.close)
    implied = vix.aligned("close", bars.session, max_age_days=5)
    nine_day = vix.aligned("nine_day_close", bars.session, max_age_days=5) if vix_is_own else None
    return Market(bars, variance, implied, nine_day, gex_signal(flow.aligned("gex", bars.session, max_age_days=5)))


def with_gap_of(bars: Bars, traded: Bars) -> Bars:
    """The index with the overnight move of the fund on it: its own printed open is the last close."""
    gap = np.r_[1.0, traded.open[1:] / traded.close[:-1]]
    opened = np.r_[bars.open[:1], bars.close[:-1] * gap[1:]]
    high, low = np.maximum(bars.high, opened), np.minimum(bars.low, opened)
    return Bars(bars.ticker, bars.session, opened, high, low, bars.close, bars.volume, bars.source)


def peer(market: Market, horizon: int, *, vix: bool = True, gex: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(n,) forecasts of the log mean variance by monthly refitted least squares, and the residual variance."""
    log_variance = np.log(market.variance)
    columns = [np.ones(len(log_variance)), log_variance]
    columns += [np.log(_mean(market.variance, window)) for window in (5, 22)]
    if vix:
        columns.append(np.log(market.vix**2 / 1e4 / SESSIONS_PER_YEAR))
    if gex:
        columns.append(market.gex_rank)
    design, outcome = np.column_stack(columns), log_mean_ahead(log_variance, horizon)
    known = np.isfinite(design).all(axis=1)
    learnt = known & np.isfinite(outcome)
    month = market.bars.session.astype("datetime64[M]")
    starts = np.flatnonzero(np.r_[True, month[1:] != month[:-1]])
    mean, scatter = np.full(len(outcome), np.nan), np.full(len(outcome), np.nan)
    for begin, end in zip(starts, np.r_[starts[1:], len(outcome)], strict=True):
        past = np.flatnonzero(learnt[: max(0, begin - horizon + 1)])
        if len(past) < max(126, 12 * horizon):
            continue
        beta = np.linalg.lstsq(design[past], outcome[past], rcond=None)[0]
        rows = np.arange(begin, end)[known[begin:end]]
        mean[rows] = design[rows] @ beta
        residual = outcome[past] - design[past] @ beta
        scatter[rows] = residual @ residual / (len(past) - len(beta))
    return mean, scatter


def compared(
    outcome: np.ndarray, ours: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray], lag: int
) -> dict[str, float]:
    """Both forecasts on the rows given: log-R2, and by how much ours errs less in log-MSE and QLIKE."""
    error, other = outcome - ours[0], outcome - theirs[0]
    total = float(np.sum((outcome - outcome.mean()) ** 2))
    losses = [_qlike(outcome - mean - scatter / 2.0) for mean, scatter in (ours, theirs)]
    low, high = _interval(
        lambda w: float(w @ (other**2 - error**2)) / float(w @ (outcome - outcome.mean()) ** 2), len(error)
    )
    return {
        "rows": len(outcome),
        "log_r2": 1.0 - float(error @ error) / total,
        "log_r2_peer": 1.0 - float(other @ other) / total,
        "log_r2_gain": float(other @ other - error @ error) / total,
        "log_r2_gain_low": low,
        "log_r2_gain_high": high,
        "log_mse_less": 1.0 - float(error @ error) / float(other @ other),
        "log_mse_t": _t(other**2 - error**2, lag + 4),
        "qlike_less": 1.0 - float(losses[0].mean() / losses[1].mean()),
        "qlike_t": _t(losses[1] - losses[0], lag + 4),
    }


def forecasts(market: Market, horizon: int) -> dict[str, dict[str, dict[str, float]]]:
    """Every comparison at one horizon, by period."""
    k = FORECAST_HORIZONS.index(horizon)
    session, variance = market.bars.session, market.variance
    whole = market.forecast
    bare = market.forecast_by(None)
    pairs: dict[str, tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
        "ours over HAR and VIX": (_column(whole, k), peer(market, horizon)),
        "HAR, VIX and GEX over HAR and VIX": (peer(market, horizon, gex=True), peer(market, horizon)),
        "HAR and GEX over HAR": (peer(market, horizon, vix=False, gex=True), peer(market, horizon, vix=False)),
    }
    if horizon <= SHORT_LIVED_LONGEST_HORIZON:
        pairs["ours over ours without GEX"] = _column(whole, k), _column(bare, k)
    outcome = log_mean_ahead(np.log(variance), horizon)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, (ours, theirs) in pairs.items():
        usable = np.isfinite(outcome) & np.isfinite(ours[0]) & np.isfinite(theirs[0])
        for period, rows in _rows(session, usable).items():
            mine, other = (ours[0][rows], ours[1][rows]), (theirs[0][rows], theirs[1][rows])
            found.setdefault(name, {})[period] = compared(outcome[rows], mine, other, horizon)
    return found


def gex_placebo(market: Market, horizon: int) -> dict[str, dict[str, float]]:
    """How the gain by GEX compares with that by GEX of another time: the ranks shifted in a circle."""
    k = FORECAST_HORIZONS.index(horizon)
    session, outcome = market.bars.session, log_mean_ahead(np.log(market.variance), horizon)
    bare = market.forecast_by(None).log_variance[:, k]
    known = np.flatnonzero(np.isfinite(market.gex_rank))
    shifts = np.random.default_rng(SEED).integers(LEAST_SHIFT, len(known) - LEAST_SHIFT, PLACEBOS)
    gains: dict[str, list[float]] = {period: [] for period in PERIODS}
    for shift in (0, *shifts.tolist()):
        ranks = market.gex_rank.copy()
        ranks[known] = np.roll(ranks[known], shift)
        mean = market.forecast_by(ranks).log_variance[:, k]
        for period, rows in _rows(session, np.isfinite(outcome) & np.isfinite(mean) & np.isfinite(bare)).items():
            errors = [np.mean((outcome[rows] - f[rows]) ** 2) for f in (mean, bare)]
            gains[period].append(1.0 - float(errors[0] / errors[1]))
    return {
        period: {
            "log_mse_less": found[0],
            "placebos": PLACEBOS,
            "placebos_as_good": float(np.mean(np.array(found[1:]) >= found[0])),
            "best_placebo": max(found[1:]),
        }
        for period, found in gains.items()
    }


def ranges(market: Market, *, vix_is_own: bool, gex: bool = True) -> dict[str, dict[str, float]]:
    """The expected range over a week against what happened, by period."""
    close, horizon = market.bars.close, RANGE_SESSIONS
    k = FORECAST_HORIZONS.index(horizon)
    rank = market.gex_rank if gex else None
    found = market.forecast_by(rank)
    band = band_volatility(market.variance, market.vix, vix_is_own=vix_is_own)
    chance = range_probability(close, band, found.volatility[:, k], horizon_sessions=horizon, gex_rank=rank)
    move = np.full(len(close), np.nan)
    move[:-horizon] = np.abs(np.log(close[horizon:] / close[:-horizon]))
    held = (move <= band * math.sqrt(horizon / SESSIONS_PER_YEAR)).astype(np.float64)
    usable = np.isfinite(chance) & np.isfinite(move)
    return {period: _judged(chance[rows], held[rows]) for period, rows in _rows(market.bars.session, usable).items()}


def _judged(chance: np.ndarray, held: np.ndarray) -> dict[str, float]:
    base = float(held.mean())
    sure = chance >= np.quantile(chance, 1.0 - MOST_CONFIDENT)

    def lead(weight: np.ndarray) -> float:
        return float(weight[sure] @ held[sure] / weight[sure].sum() - weight @ held / weight.sum())

    def skill(weight: np.ndarray) -> float:
        centre = float(weight @ held / weight.sum())
        return 1.0 - float(weight @ (chance - held) ** 2) / float(weight @ (centre - held) ** 2)

    even = np.ones(len(held))
    lead_low, lead_high = _interval(lead, len(held))
    skill_low, skill_high = _interval(skill, len(held))
    bins = np.array_split(np.argsort(chance, kind="stable"), 10)
    return {
        "rows": len(held),
        "inside": base,
        "inside_most_confident": float(held[sure].mean()),
        "lead": lead(even),
        "lead_low": lead_low,
        "lead_high": lead_high,
        "brier_skill": skill(even),
        "brier_skill_low": skill_low,
        "brier_skill_high": skill_high,
        "deviation_of_probability": float(chance.std()),
        "ece_ten_bins": sum(len(b) * abs(float(chance[b].mean() - held[b].mean())) for b in bins) / len(held),
    }


def true_ranges(market: Market) -> dict[str, float]:
    """Squared log errors of ATR and of the forecast true range against the mean true range of ten sessions."""
    bars = market.bars
    ten = market.forecast.variance[:, FORECAST_HORIZONS.index(10)]
    atr = price_features(bars)["atr"]
    expected = forecast_true_range(bars.high, bars.low, bars.close, atr=atr, variance=market.variance, forecast=ten)
    before = np.r_[np.nan, bars.close[:-1]]
    came = np.full(len(atr), np.nan)
    came[:-10] = _mean(np.fmax(bars.high, before) - np.fmin(bars.low, before), 10)[10:]
    rows = np.isfinite(expected) & np.isfinite(came)
    errors = {
        name: float(np.mean(np.log(x[rows] / came[rows]) ** 2)) for name, x in (("atr", atr), ("forecast", expected))
    }
    return {**errors, "less": 1.0 - errors["forecast"] / errors["atr"]}


def main() -> None:
    """Measure everything, print the main lines, write the results."""
    data = os.environ.get("LIGHTNING_SHARED_DATA", str(REPOSITORY.parent / "shared" / "data"))
    daily = Path(data) / "daily"
    if not daily.is_dir():
        print(f"skipped: no daily data in {daily} (set LIGHTNING_SHARED_DATA)")
        return
    bars = read_bars(daily / "index_etf_megacap_ohlcv.parquet")
    vix, flow = read_volatility_index(daily / "cboe_vol_indices.csv"), read_flow(daily / "spx_dix_gex.csv")
    markets = {t: market_of(bars[t], vix, flow, vix_is_own=t == "SPY") for t in RANGED}
    spx = with_gap_of(bars["GSPC"], bars["SPY"])
    index = {"SPY": markets["SPY"], "SPX": market_of(spx, vix, flow, vix_is_own=True)}
    results: dict[str, Any] = {
        "forecast": {t: {str(h): forecasts(m, h) for h in FORECAST_HORIZONS} for t, m in index.items()},
        "gex_against_placebos": {t: {str(h): gex_placebo(m, h) for h in (1, 5)} for t, m in index.items()},
        "range": {
            t: {"with GEX": ranges(m, vix_is_own=True), "without GEX": ranges(m, vix_is_own=True, gex=False)}
            for t, m in index.items()
        },
        "range_of_others": {t: ranges(m, vix_is_own=False) for t, m in markets.items() if t != "SPY"},
        "true_range": {t: true_ranges(m) for t, m in markets.items()},
        "trials": TRIALS,
    }
    RESULT.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    _show(results)


def _show(results: Mapping[str, Any]) -> None:
    for ticker, by_horizon in results["forecast"].items():
        for horizon, comparisons in by_horizon.items():
            for name, periods in comparisons.items():
                for period, f in periods.items():
                    print(
                        f"{ticker} {horizon:>2} {name}, {period}: "
                        f"log-R2 {f['log_r2']:.4f} against {f['log_r2_peer']:.4f}, "
                        f"log-MSE {f['log_mse_less']:+.2%} less (t {f['log_mse_t']:.2f}), "
                        f"QLIKE {f['qlike_less']:+.2%} (t {f['qlike_t']:.2f})"
                    )
    for ticker, by_horizon in results["gex_against_placebos"].items():
        for horizon, periods in by_horizon.items():
            for period, f in periods.items():
                gain, as_good = f["log_mse_less"], f["placebos_as_good"]
                print(f"{ticker} {horizon} placebos {period}: {gain:+.2%}, {as_good:.1%} as good")
    for ticker, ways in results["range"].items():
        for way, periods in ways.items():
            for period, f in periods.items():
                print(
                    f"{ticker} range {way} {period}: inside {f['inside']:.3f}, most confident "
                    f"{f['inside_most_confident']:.3f}, skill {f['brier_skill']:+.4f}, ECE {f['ece_ten_bins']:.3f}"
                )


def _rows(session: np.ndarray, usable: np.ndarray) -> dict[str, np.ndarray]:
    spans = {name: (np.datetime64(a), np.datetime64(z)) for name, (a, z) in PERIODS.items()}
    return {name: np.flatnonzero(usable & (session >= a) & (session <= z)) for name, (a, z) in spans.items()}


def _column(found: VolatilityForecast, k: int) -> tuple[np.ndarray, np.ndarray]:
    return found.log_variance[:, k], found.residual_variance[:, k]


def _qlike(log_ratio: np.ndarray) -> np.ndarray:
    loss: np.ndarray = np.exp(log_ratio) - log_ratio - 1.0
    return loss


def _mean(values: np.ndarray, window: int) -> np.ndarray:
    out = np.full(len(values), np.nan)
    out[window - 1 :] = np.lib.stride_tricks.sliding_window_view(values, window).mean(axis=1)
    return out


def _t(difference: np.ndarray, lags: int) -> float:
    """Mean over its standard error by Newey and West (1987), Bartlett weights."""
    centred = difference - difference.mean()
    count = len(centred)
    variance = float(centred @ centred) / count
    for lag in range(1, lags + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1)) * float(centred[lag:] @ centred[:-lag]) / count
    return float(difference.mean()) / math.sqrt(variance / count)


def _interval(statistic: Callable[[np.ndarray], float], count: int) -> tuple[float, float]:
    """95 % interval by resampling blocks of a month of dates in a circle."""
    random = np.random.default_rng(SEED)
    blocks = -(-count // BLOCK)
    found = []
    for _ in range(RESAMPLES):
        begin = random.integers(0, count, blocks)
        rows = ((begin[:, None] + np.arange(BLOCK)) % count).ravel()[:count]
        found.append(statistic(np.bincount(rows, minlength=count).astype(np.float64)))
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    main()
