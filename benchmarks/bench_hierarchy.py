"""What the three layers are worth on real data, with and without, as it comes out.

SPY with its flow file, and the thirty S&P 500 names with the largest dollar volume of the year before, 2012 to 2021:
the whole decision path with strategic, tactical and execution layer on and off; every gate with what became of the
ideas it stopped; how often regimes change and what their odds are worth; and the orders of the universe tried.

Needs the real daily data that may stand beside the checkout (``../shared/data/daily``, or LIGHTNING_SHARED_DATA).
Arguments: ``spy``, ``names``, ``regimes``, ``ranking``; none runs all. What is not run keeps its place in the results.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from lightning_gex.adapters.market_data.bars_census import census_of_bars
from lightning_gex.adapters.market_data.bars_file import read_bars
from lightning_gex.adapters.market_data.series_files import read_flow, read_rates, read_volatility_index
from lightning_gex.agents.registry import default_agents
from lightning_gex.analytics.calibration import ece
from lightning_gex.analytics.performance import cagr, calmar, max_drawdown, session_returns, sharpe
from lightning_gex.core.enums import FillPrice
from lightning_gex.core.membership import Membership
from lightning_gex.core.sessions import close_of
from lightning_gex.engine.config import EngineConfig, Enhancements
from lightning_gex.engine.drivers import Watch, run_backtest
from lightning_gex.engine.inputs import MarketInputs, features_of
from lightning_gex.engine.result import RunResult
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.trader import Trader
from lightning_gex.engine.unrecorded import Unrecorded
from lightning_gex.evaluation.benchmarks import benchmarks
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.gates import by_gate
from lightning_gex.evaluation.intervals import DateBootstrap
from lightning_gex.memory.book import MemoryBook
from lightning_gex.risk.ranking import HIGH_SESSIONS, Traits, standing, traits_of
from lightning_gex.risk.regime_figures import CODE, REGIMES
from lightning_gex.risk.regime_path import RegimeRules
from lightning_gex.risk.strategic import detect_regimes

REPOSITORY = Path(__file__).resolve().parents[1]
RESULT = REPOSITORY / "benchmarks" / "results" / "hierarchy.json"
PERIODS = {"2012-2021": ("2012-01-01", "2021-12-31"), "2012-2018": ("2012-01-01", "2018-12-31")}
PERIODS |= {"2019-2021": ("2019-01-01", "2021-12-31")}
CAPITAL = 100_000.0
NAMES = 30  # the universe of a year: the largest by the dollar volume of the year before
NAMES_FILE = "sp500_members_ohlcv.parquet"
RESET_AFTER = 20  # sessions after which a simulated person resets a breaker, as the command does
PART_OF_THE_UNIVERSE = 0.4  # the best two fifths, in the comparison of orders
HORIZONS = (5, 10)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is run: inputs, what to decide on, and who belongs to the universe when."""

    inputs: MarketInputs
    tickers: tuple[str, ...]
    members: Membership | None


def universe(daily: Path) -> Membership:
    """The names with the largest dollar volume of the year before."""
    first, last = (np.datetime64(day) for day in PERIODS["2012-2021"])
    return census_of_bars(daily / NAMES_FILE).largest(NAMES).between(first, last)


def subject(daily: Path, kind: str) -> Subject:
    """SPY alone, or the thirty names of each year with SPY as the market."""
    members = None if kind == "spy" else universe(daily)
    tickers = ("SPY",) if members is None else members.everyone
    bars = dict(read_bars(daily / "index_etf_megacap_ohlcv.parquet", tickers=("SPY",)))
    if members is not None:
        bars = {**read_bars(daily / NAMES_FILE, tickers=tickers), **bars}
    inputs = MarketInputs(
        bars=bars,
        flow=read_flow(daily / "spx_dix_gex.csv"),
        volatility_index=read_volatility_index(daily / "cboe_vol_indices.csv"),
        rates=read_rates(daily / "short_rates.csv"),
        market_ticker="SPY",
    )
    return Subject(inputs, tickers, members)


def ran(chosen: Subject, config: EngineConfig) -> RunResult:
    """One walk through 2012 to 2021."""
    fill = dict.fromkeys(chosen.inputs.bars, FillPrice.OPEN)
    first = np.datetime64(PERIODS["2012-2021"][0])
    watch = Watch(chosen.tickers, default_agents(), config, fill, first, RESET_AFTER, chosen.members)
    exchange = SimulatedBroker(config.costs)
    trader = Trader(config=config, journal=Unrecorded(), memory=MemoryBook(), policy=None, broker=exchange)
    return run_backtest(trader, exchange, chosen.inputs, watch, capital=Decimal(str(CAPITAL)), settings={})


def curve(run: RunResult, equity: np.ndarray, period: tuple[str, str]) -> dict[str, float]:
    """Growth, Sharpe ratio, deepest fall and Calmar ratio of an equity curve over a period."""
    at = np.flatnonzero((run.sessions >= np.datetime64(period[0])) & (run.sessions <= np.datetime64(period[1])))
    first = float(equity[at[0] - 1]) if at[0] else CAPITAL
    part, days = equity[at], run.sessions[at]
    bills = np.zeros(len(at) - 1) if run.bill_rate is None else run.bill_rate[at][:-1] / 252
    growth = cagr(first, float(part[-1]), days[0], days[-1])
    fall = max_drawdown(np.r_[first, part], np.r_[days[0], days]).fraction
    return {
        "cagr": growth,
        "sharpe": sharpe(session_returns(part), bills),
        "max_drawdown": fall,
        "calmar": calmar(growth, fall),
    }


def judged(run: RunResult) -> dict[str, Any]:
    """A run beside holding its universe, and beside holding as much of it as the run did."""
    invested = float(np.mean(run.exposure / run.equity))
    holding = benchmarks(run, RunIndex.of(run), invested)
    universe, same = holding.equal_weight, holding.same_exposure
    returns = np.array([float(t.pnl / (t.entry_price * t.quantity)) for t in run.trades])
    return {
        "trades": len(run.trades),
        "win_rate": float(np.mean(returns > 0)) if len(returns) else None,
        "expectancy_bp": float(np.mean(returns)) * 1e4 if len(returns) else None,
        "exposure_mean": invested,
        "periods": {
            name: {
                "system": curve(run, run.equity, period),
                "held": curve(run, universe, period),
                "held_at_the_same_exposure": curve(run, same, period),
            }
            for name, period in PERIODS.items()
        },
        "gates": {name: gates(run, period) for name, period in PERIODS.items()},
    }


def gates(run: RunResult, period: tuple[str, str]) -> dict[str, Any]:
    """Every gate, and what became of the ideas it stopped in a period."""
    last = close_of(np.datetime64(period[1]))
    part = [d for d in run.decisions if close_of(np.datetime64(period[0])) <= d.as_of <= last]
    found = by_gate(RunIndex.of(replace(run, decisions=part)), DateBootstrap(len(run.sessions), max(HORIZONS), 0))
    return {
        gate: {
            "ideas": outcome.ideas,
            "resolved": outcome.resolved,
            "win_rate": outcome.win_rate,
            "win_rate_interval": list(outcome.interval),
            "expectancy_bp": outcome.expectancy_bp,
            "expectancy_interval_bp": list(outcome.expectancy_interval_bp),
        }
        for gate, outcome in found.items()
    }


def layers(daily: Path, kind: str) -> dict[str, Any]:
    """The whole path with the three layers and without them."""
    chosen = subject(daily, kind)
    out: dict[str, Any] = {}
    returns: dict[str, np.ndarray] = {}
    for name, on in (("with_layers", True), ("without_layers", False)):
        run = ran(chosen, EngineConfig(enhancements=Enhancements(hierarchical=on)))
        out[name] = judged(run)
        bills = 0.0 if run.bill_rate is None else np.nan_to_num(run.bill_rate[:-1]) / 252
        returns[name] = session_returns(run.equity) - bills
        print(kind, name, *_line(out[name]), sep="  ", flush=True)
    out["sharpe_with_less_without"] = _difference(returns["with_layers"], returns["without_layers"])
    print(kind, "Sharpe with less without", out["sharpe_with_less_without"], flush=True)
    return out


def _difference(ones: np.ndarray, others: np.ndarray) -> dict[str, Any]:
    """Difference of two Sharpe ratios over the same sessions, 95 % interval by a stationary bootstrap of the dates."""
    weights = DateBootstrap(len(ones), 2 * max(HORIZONS), 0).multiplicities

    def ratio(returns: np.ndarray) -> np.ndarray:
        mean = weights @ returns / weights.sum(axis=1)
        square = weights @ returns**2 / weights.sum(axis=1)
        return mean / np.sqrt(square - mean**2) * np.sqrt(252)

    found = float((ones.mean() / ones.std() - others.mean() / others.std()) * np.sqrt(252))
    return {"value": found, "interval": [float(v) for v in np.quantile(ratio(ones) - ratio(others), [0.025, 0.975])]}


def _line(found: Mapping[str, Any]) -> list[str]:
    whole = found["periods"]["2012-2021"]
    return [
        f"trades {found['trades']}",
        f"exposure {found['exposure_mean']:.3f}",
        *(
            f"{who}: {' '.join(f'{k} {v:.3f}' for k, v in whole[who].items())}"
            for who in ("system", "held", "held_at_the_same_exposure")
        ),
    ]


def regimes(daily: Path) -> dict[str, Any]:
    """How often the regime of SPY changes, row by row and held; and what the odds of the next session are worth."""
    features = features_of("SPY", subject(daily, "spy").inputs)
    sessions = features.as_of.astype("datetime64[D]")
    readings = {"row_by_row": RegimeRules(1, 0.0), "held": RegimeRules()}
    found = {name: detect_regimes(features, rules=rules) for name, rules in readings.items()}
    out: dict[str, Any] = {}
    for name, (start, end) in PERIODS.items():
        inside = np.flatnonzero((sessions >= np.datetime64(start)) & (sessions <= np.datetime64(end)))
        years = len(inside) / 252
        changes = {
            f"changes_a_year_{kind}": float((np.diff(r.code[inside]) != 0).sum()) / years for kind, r in found.items()
        }
        out[name] = changes | _odds(found["held"].probability, found["held"].told, inside[:-1])
    print("regimes", json.dumps(out), flush=True)
    return out


def _odds(probability: np.ndarray, told: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    """Probabilities said after the close of ``rows`` beside what the next close alone told."""
    rows = rows[np.isfinite(probability[rows]).all(axis=1) & (told[rows + 1] >= 0)]
    said, came = probability[rows], np.eye(len(REGIMES))[told[rows + 1]]
    climate, same = came.mean(axis=0), np.eye(len(REGIMES))[told[rows]]

    def brier(p: np.ndarray) -> float:
        return float(((p - came) ** 2).sum(axis=1).mean())

    return {
        "brier": brier(said),
        "skill_over_climatology": 1.0 - brier(said) / brier(np.broadcast_to(climate, came.shape)),
        "skill_over_todays_regime": 1.0 - brier(said) / brier(same),
        "calibration_error": {
            regime.value: float(ece(said[:, k], came[:, k] > 0.5)) for regime, k in CODE.items() if came[:, k].any()
        },
    }


def ranking(daily: Path) -> dict[str, Any]:
    """Excess accuracy and return of the best part of the universe over all of it, single orders and the kept one."""
    chosen = subject(daily, "names")
    members = universe(daily)
    sessions = chosen.inputs.bars["SPY"].session
    close, open_ = _grid(chosen, sessions, "close"), _grid(chosen, sessions, "open")
    member = np.array([members.includes(ticker, sessions) for ticker in chosen.tickers])
    out: dict[str, Any] = {"orders_tried": 0, "horizons": list(HORIZONS), "best": PART_OF_THE_UNIVERSE}
    scores = {"the_order_kept": _kept(close, member)} | _scores(close)
    out["orders_tried"] = len(scores)
    for name, score in scores.items():
        out[name] = {
            str(horizon): {
                period: _best_part(score, close, open_, member, sessions, horizon, span)
                for period, span in PERIODS.items()
                if period != "2012-2021"
            }
            for horizon in HORIZONS
        }
        print("ranking", name, json.dumps(out[name]), flush=True)
    return out


def _grid(chosen: Subject, sessions: np.ndarray, field: str) -> np.ndarray:
    """(tickers, sessions) prices, NaN where a ticker has none."""
    out = np.full((len(chosen.tickers), len(sessions)), np.nan)
    for k, name in enumerate(chosen.tickers):
        bars = chosen.inputs.bars[name]
        at = np.searchsorted(sessions, bars.session)
        there = (at < len(sessions)) & (sessions[np.minimum(at, len(sessions) - 1)] == bars.session)
        out[k, at[there]] = getattr(bars, field)[there]
    return out


def _before(values: np.ndarray, sessions: int) -> np.ndarray:
    out = np.full_like(values, np.nan)
    out[:, sessions:] = values[:, :-sessions]
    return out


def _scores(close: np.ndarray) -> dict[str, np.ndarray]:
    """Every order tried: larger is better."""
    windows = np.lib.stride_tricks.sliding_window_view(close, HIGH_SESSIONS, axis=1)
    high = np.full_like(close, np.nan)
    high[:, HIGH_SESSIONS - 1 :] = windows.max(axis=2)
    steps = np.lib.stride_tricks.sliding_window_view(np.log(close / _before(close, 1)), 63, axis=1)
    spread = np.full_like(close, np.nan)
    spread[:, 62:] = steps.std(axis=2)
    momentum = _before(close, 21) / _before(close, 252) - 1.0
    return {
        "nearness_to_high": close / high,
        "momentum_12_1": momentum,
        "momentum_6": close / _before(close, 126) - 1.0,
        "momentum_12_1_over_volatility": momentum / spread,
        "reversal_5": 1.0 - close / _before(close, 5),
        "reversal_21": 1.0 - close / _before(close, 21),
        "low_volatility": -spread,
    }


def _kept(close: np.ndarray, member: np.ndarray) -> np.ndarray:
    """(tickers, sessions) the score that the universe is ordered by, among the members of each session."""
    out = np.full_like(close, np.nan)
    for i in range(close.shape[1]):
        there = np.flatnonzero(member[:, i] & np.isfinite(close[:, i]))
        if len(there):
            traits: dict[str, Traits] = {str(k): traits_of(close[k], i) for k in there.tolist()}
            out[there, i] = list(standing(traits).values())
    return out


def _best_part(
    score: np.ndarray,
    close: np.ndarray,
    open_: np.ndarray,
    member: np.ndarray,
    sessions: np.ndarray,
    horizon: int,
    span: tuple[str, str],
) -> dict[str, Any]:
    """Share of rises and mean return of the best part less those of the universe, entered at the next open."""
    ahead = np.full_like(close, np.nan)
    ahead[:, : -horizon - 1] = open_[:, 1 + horizon :] / open_[:, 1:-horizon] - 1.0
    dates = np.flatnonzero((sessions >= np.datetime64(span[0])) & (sessions <= np.datetime64(span[1])))
    right, gain, at = [], [], []
    for i in dates.tolist():
        there = np.flatnonzero(member[:, i] & np.isfinite(score[:, i]) & np.isfinite(ahead[:, i]))
        if len(there) < NAMES // 2:
            continue
        best = there[np.argsort(-score[there, i], kind="stable")[: int(np.ceil(PART_OF_THE_UNIVERSE * len(there)))]]
        back = ahead[there, i]
        right.append(float((ahead[best, i] > 0).mean() - (back > 0).mean()))
        gain.append(float(ahead[best, i].mean() - back.mean()))
        at.append(i - int(dates[0]))
    bootstrap = DateBootstrap(len(dates), 2 * horizon, 0)
    position = np.array(at, dtype=np.int64)
    disjoint = len(at) // (horizon + 1)
    return {
        "excess_accuracy": float(np.mean(right)),
        "excess_accuracy_interval": list(bootstrap.mean(np.array(right), position, disjoint)[0]),
        "excess_return_bp": float(np.mean(gain)) * 1e4,
        "excess_return_interval_bp": [1e4 * v for v in bootstrap.mean(np.array(gain), position, disjoint)[0]],
        "dates": len(at),
    }


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """What JSON holds: no NaN."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def main(arguments: Sequence[str]) -> None:
    """Run what was asked for and write it into the results."""
    data = os.environ.get("LIGHTNING_SHARED_DATA", str(REPOSITORY.parent / "shared" / "data"))
    daily = Path(data) / "daily"
    if not daily.is_dir():
        print(f"skipped: no daily data in {daily} (set LIGHTNING_SHARED_DATA)")
        return
    jobs = {
        "regimes": lambda: regimes(daily),
        "spy": lambda: layers(daily, "spy"),
        "ranking": lambda: ranking(daily),
        "names": lambda: layers(daily, "names"),
    }
    results = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}
    for name in arguments or jobs:
        results[name] = _plain(jobs[name]())
        RESULT.write_text(json.dumps(results, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
