"""What memory is worth to probabilities: SPY and seven large stocks, 2011 to 2021, walked through once.

The Brier score of the probability that a signal's direction is right at the end of its horizon: without memory, as
memory is (its advice counts once it has proved right), with its whole advice, and with a fixed multiplier (the
neighbours' win rate over the usual one, cut to 0.8 and 1.2). Needs the real daily data that may stand beside the
checkout (``../shared/data/daily``, or LIGHTNING_SHARED_DATA).
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers.comparison import machine, write

from lightning_gex.adapters.market_data.stale_open import default_fill_price
from lightning_gex.agents.registry import default_agents
from lightning_gex.app.assembly.jobs import InputFiles, inputs_of
from lightning_gex.core.patterns import Neighbours, Pattern
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.drivers import Watch, run_backtest
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.trader import Trader
from lightning_gex.engine.unrecorded import Unrecorded
from lightning_gex.memory.book import MemoryBook
from lightning_gex.memory.say import MemorySay

REPOSITORY = Path(__file__).resolve().parents[1]
RESULT = REPOSITORY / "benchmarks" / "results" / "memory_worth.json"
TICKERS = ("SPY", "AAPL", "AMZN", "GOOGL", "META", "MSFT", "NVDA", "TSLA")
PERIODS = {"2011-2018": (2011, 2018), "2019-2021": (2019, 2021)}
NEIGHBOURS, LEAST, ALIKE, PRIOR = 20, 10, 0.8, 30.0  # the fixed multiplier's own settings
Column = NDArray[np.float64]


def remembered(daily: Path) -> list[Pattern]:
    """Every signal of one walk through the data, with its outcome."""
    files = InputFiles(
        daily / "index_etf_megacap_ohlcv.parquet",
        flow=daily / "spx_dix_gex.csv",
        volatility_index=daily / "cboe_vol_indices.csv",
    )
    config, book = EngineConfig(), MemoryBook()
    exchange = SimulatedBroker(config.costs)
    trader = Trader(config, Unrecorded(), book, None, exchange)
    watch = Watch(
        tickers=TICKERS,
        agents=default_agents(),
        config=config,
        fill_price={ticker: default_fill_price(ticker) for ticker in TICKERS},
    )
    run_backtest(trader, exchange, inputs_of(files, TICKERS), watch, capital=Decimal(100_000), settings={})
    return [p for p in book.patterns() if p.outcome is not None]


def neighbours_then(patterns: Sequence[Pattern]) -> Iterator[tuple[int, Neighbours, float]]:
    """For each signal, oldest first: what recall gave then, and how often signals of its direction had made money."""
    book, waiting = MemoryBook(), []
    counts: dict[int, list[int]] = {}
    for i, pattern in enumerate(patterns):
        while waiting and waiting[0][0] <= pattern.as_of:
            _, k, outcome = heapq.heappop(waiting)
            book.resolve(patterns[k].pattern_id, outcome)
            tally = counts.setdefault(int(patterns[k].direction), [0, 0])
            tally[0] += 1
            tally[1] += outcome.won
        found = book.recall(
            ticker=pattern.ticker,
            direction=pattern.direction,
            vector=pattern.vector,
            as_of=pattern.as_of,
            count=NEIGHBOURS,
        )
        known, won = counts.get(int(pattern.direction), (0, 0))
        yield i, found, won / known if known else float("nan")
        book.remember(replace(pattern, outcome=None))
        if pattern.outcome is not None:
            heapq.heappush(waiting, (pattern.outcome.known_at, i, pattern.outcome))


def fixed_multiplier(patterns: Sequence[Pattern], before: Column) -> Column:
    """The probabilities under a multiplier of the neighbours' shrunk win rate over the usual one."""
    scaled = before.copy()
    for i, found, base in neighbours_then(patterns):
        alike = found.similarity >= ALIKE
        usual = base if base > 0 else before[i]
        if np.count_nonzero(alike) >= LEAST:
            weight, won = found.similarity[alike], found.won[alike]
            rate = (PRIOR * usual + weight[won].sum()) / (PRIOR + weight.sum())
            scaled[i] = min(1.0, before[i] * min(1.2, max(0.8, rate / usual)))
    return scaled


def main() -> None:
    """Walk, score, print, write."""
    data = os.environ.get("LIGHTNING_SHARED_DATA", str(REPOSITORY.parent / "shared" / "data"))
    daily = Path(data) / "daily"
    if not daily.is_dir():
        print(f"skipped: no daily data in {daily} (set LIGHTNING_SHARED_DATA)")
        return
    patterns = remembered(daily)
    outcomes = [p.outcome for p in patterns if p.outcome is not None]
    right = np.array([o.right for o in outcomes], dtype=np.float64)
    before = np.array([p.confidence_before_memory for p in patterns])
    advice = np.array([p.memory_shift for p in patterns])
    years = np.array([p.as_of.year for p in patterns])
    whole = 1.0 / (1.0 + np.exp(-(np.log(before / (1.0 - before)) + np.where(np.isfinite(advice), advice, 0.0))))
    forms = {
        "off": before,
        "as it is": np.array([p.confidence for p in patterns]),
        "whole advice": whole,
        "fixed multiplier": fixed_multiplier(patterns, before),
    }
    say = MemorySay()
    for pattern, outcome in sorted(zip(patterns, outcomes, strict=True), key=lambda pair: pair[1].known_at):
        say = say.after(pattern, outcome)
    scores = {
        form: {
            period: float(np.mean((probability - right)[(years >= first) & (years <= last)] ** 2))
            for period, (first, last) in PERIODS.items()
        }
        for form, probability in forms.items()
    }
    for form, by_period in scores.items():
        print(form, *(f"{period} {score:.4f}" for period, score in by_period.items()), sep="  ")
    advised = {"outcomes": say.outcomes, "standard_errors": say.evidence, "share": say.share}
    print(len(patterns), "signals;", advised)
    write(RESULT, {"machine": machine(), "signals": len(patterns), "brier": scores, "advice": advised})


if __name__ == "__main__":
    main()
