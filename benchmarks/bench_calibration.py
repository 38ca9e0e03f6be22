"""Whether a decision's confidence means what it says: SPY and seven large stocks, 2012 to 2021, walked forward.

Every probability, as it was stated at the time, is held against whether the direction was right over its horizon.
Needs the real daily data that may stand beside the checkout (``../shared/data/daily``, or LIGHTNING_SHARED_DATA).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lightning_gex.adapters.market_data.bars_file import read_bars
from lightning_gex.adapters.market_data.series_files import read_flow, read_volatility_index
from lightning_gex.agents.registry import default_agents
from lightning_gex.analytics.calibration import brier, brier_skill, ece, reliability_bins
from lightning_gex.core.enums import FillPrice, MarketRegime
from lightning_gex.core.events import DecisionMade, Event, SignalResolved
from lightning_gex.core.patterns import Outcome, Pattern
from lightning_gex.core.portfolio import AccountUsage
from lightning_gex.engine.config import EngineConfig, Enhancements
from lightning_gex.engine.drivers import HistoryFeed, Watch
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.learning import Learning, Reliability
from lightning_gex.engine.trader import Trader
from lightning_gex.memory.book import MemoryBook
from lightning_gex.memory.performance import LONGER_TIMEFRAME, TIMEFRAMES

REPOSITORY = Path(__file__).resolve().parents[1]
RESULT = REPOSITORY / "benchmarks" / "results" / "calibration.json"
IMAGE = REPOSITORY / "docs" / "images" / "calibration.png"
UNIVERSES = {"SPY": ("SPY",), "SPY and megacaps": ("SPY", "AAPL", "AMZN", "GOOGL", "META", "MSFT", "NVDA", "TSLA")}
PERIODS = {"2012-2021": (2012, 2021), "2012-2018": (2012, 2018), "2019-2021": (2019, 2021)}
BLOCK_SESSIONS = 21  # the longest horizon
RESAMPLES = 1_000
#: Forms of the recalibration that were looked at on these very years before this one was kept.
VARIANTS_TRIED = 240

Signal = tuple[Pattern, Outcome]


def configurations() -> dict[str, EngineConfig]:
    """What is compared: as shipped, and with one thing changed."""
    shipped = EngineConfig()
    without_memory = replace(shipped, enhancements=Enhancements(memory=False))
    return {
        "as shipped": shipped,
        "without memory": without_memory,
        "frozen weights, without memory": replace(without_memory, learn_weights=False),
        "consensus as it is, without memory": replace(without_memory, calibrate=False),
    }


@dataclass(slots=True)
class Kept:
    """A journal that keeps signals and their outcomes, and nothing else."""

    run_id: str = "calibration"
    patterns: dict[str, Pattern] = field(default_factory=dict)
    signals: list[Signal] = field(default_factory=list)

    def append(self, events: Sequence[Event]) -> None:
        """Keep what became of signals."""
        for event in events:
            if isinstance(event, DecisionMade) and event.pattern is not None:
                self.patterns[event.pattern.pattern_id] = event.pattern
            elif isinstance(event, SignalResolved):
                self.signals.append((self.patterns.pop(event.pattern_id), event.outcome))

    def append_checked(self, now: object, build: Callable[[AccountUsage], Sequence[Event]]) -> Sequence[Event]:
        """Nobody else uses the account."""
        events = build(AccountUsage())
        self.append(events)
        return events

    def flush(self) -> None:
        """Nothing waits."""


def walked(tickers: Sequence[str], daily: Path, config: EngineConfig) -> tuple[list[Signal], Learning]:
    """Every signal of a walk through the years, with what became of it, and what was learnt by the end."""
    bars = dict(read_bars(daily / "index_etf_megacap_ohlcv.parquet", tickers=sorted({*tickers, "SPY"})))
    inputs = MarketInputs(
        bars=bars,
        flow=read_flow(daily / "spx_dix_gex.csv"),
        volatility_index=read_volatility_index(daily / "cboe_vol_indices.csv"),
        market_ticker="SPY",
    )
    kept = Kept()
    after = np.datetime64("2022-01-01")  # nothing is traded: signals are followed all the same
    watch = Watch(tuple(tickers), default_agents(), config, dict.fromkeys(tickers, FillPrice.OPEN), after)
    trader = Trader(config=config, journal=kept, memory=MemoryBook(), policy=None)  # type: ignore[arg-type]
    for update in HistoryFeed(inputs, watch):
        trader.see(update)
    return kept.signals, trader.state.learning


@dataclass(frozen=True, slots=True, eq=False)
class Stated:
    """Probabilities as stated, beside what came.

    Parameters
    ----------
    probability : (n,) that the direction is right.
    raw : (n,) the consensus before calibration and memory.
    right : (n,) whether it was.
    direction : (n,) -1 or 1.
    date : (n,) ``datetime64[D]``.
    """

    probability: np.ndarray
    raw: np.ndarray
    right: np.ndarray
    direction: np.ndarray
    date: np.ndarray

    @classmethod
    def of(cls, signals: Sequence[Signal], first: int, last: int) -> Stated:
        """The signals given from the first year to the last."""
        chosen = [(p, o) for p, o in signals if first <= p.as_of.year <= last]
        return cls(
            np.array([p.confidence for p, _ in chosen]),
            np.array([p.raw_confidence for p, _ in chosen]),
            np.array([o.right for _, o in chosen], dtype=np.bool_),
            np.array([int(p.direction) for p, _ in chosen]),
            np.array([p.as_of.date() for p, _ in chosen], dtype="datetime64[D]"),
        )

    def figures(self) -> dict[str, Any]:
        """Calibration, with a 95 % interval of the skill from blocks of dates."""
        rose = np.where(self.direction > 0, self.right, ~self.right)
        of_direction = np.where(self.direction > 0, rose.mean(), 1.0 - rose.mean())
        low, high = self._interval()
        return {
            "signals": len(self.right),
            "dates": len(np.unique(self.date)),
            "hit_rate": float(self.right.mean()),
            "mean_probability": float(self.probability.mean()),
            "sd_of_probability": float(self.probability.std()),
            "ece": ece(self.probability, self.right),
            "brier": brier(self.probability, self.right),
            "brier_skill": brier_skill(self.probability, self.right),
            "brier_skill_95": [low, high],
            "brier_skill_over_base_rate_of_direction": brier_skill(self.probability, self.right, of_direction),
            "brier_of_raw_consensus": brier(self.raw, self.right),
            "ece_of_raw_consensus": ece(self.raw, self.right),
        }

    def _interval(self) -> tuple[float, float]:
        """Percentiles of the skill over circular blocks of dates."""
        dates, which = np.unique(self.date, return_inverse=True)
        right = self.right.astype(np.float64)
        columns = (np.ones(len(right)), right, (self.probability - right) ** 2)
        by_date = np.stack([np.bincount(which, weights=c, minlength=len(dates)) for c in columns])
        random = np.random.default_rng(20_260_101)
        blocks = -(-len(dates) // BLOCK_SESSIONS)
        starts = random.integers(0, len(dates), (RESAMPLES, blocks))
        rows = (starts[:, :, None] + np.arange(BLOCK_SESSIONS)).reshape(RESAMPLES, -1)[:, : len(dates)] % len(dates)
        count, hits, error = by_date[:, rows].sum(axis=2)
        skill = 1.0 - error / (hits * (1.0 - hits / count))
        low, high = np.percentile(skill, [2.5, 97.5])
        return float(low), float(high)

    def bins(self) -> dict[str, list[float]]:
        """The reliability table."""
        table = reliability_bins(self.probability, self.right, bins=20)
        filled = table.count > 0
        return {
            "mean_probability": table.mean_probability[filled].tolist(),
            "observed": table.observed[filled].tolist(),
            "count": table.count[filled].tolist(),
        }


def reliability(learning: Learning, tickers: Sequence[str]) -> dict[str, Any]:
    """How the calls of each agent, and the final word, compared with what came: over all, and in each kind of cell."""

    def shown(found: Mapping[str, Reliability]) -> dict[str, Any]:
        return {
            who: {"calls": r.calls, "hit_rate": r.hit_rate, "mean_probability": r.mean_probability, "brier": r.brier}
            for who, r in found.items()
        }

    timeframes = [*(label for _, label in TIMEFRAMES), LONGER_TIMEFRAME]
    return {
        "all": shown(learning.reliable()),
        "ticker": {t: shown(learning.reliable(ticker=t)) for t in tickers},
        "timeframe": {t: shown(learning.reliable(timeframe=t)) for t in timeframes if learning.reliable(timeframe=t)},
        "regime": {r.value: shown(learning.reliable(regime=r.value)) for r in MarketRegime},
        "proved_edge": {agent: proved.edge for agent, proved in learning.proved.items()},
    }


def draw(stated: Mapping[str, Stated]) -> None:
    """The reliability plot: what was said against what came, the area of a point its number of signals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 4.4), layout="constrained")
    for axis, (universe, found) in zip(figure.subplots(1, len(stated), sharey=True), stated.items(), strict=True):
        axis.plot([0.25, 0.75], [0.25, 0.75], color="0.6", linewidth=1, zorder=0)
        for name, probability, colour in (("probability", found.probability, "C0"), ("raw consensus", found.raw, "C1")):
            table = reliability_bins(probability, found.right, bins=20)
            drawn = table.count >= 30
            axis.scatter(
                table.mean_probability[drawn],
                table.observed[drawn],
                s=table.count[drawn] / table.count.sum() * 600,
                color=colour,
                alpha=0.75,
                label=f"{name}: ECE {ece(probability, found.right):.3f}",
            )
        axis.set(title=f"{universe}, 2012-2021", xlabel="said", xlim=(0.25, 0.75), ylim=(0.25, 0.75))
        axis.legend(loc="upper left", fontsize=8)
        axis.set_aspect("equal")
    figure.axes[0].set_ylabel("came true")
    figure.savefig(IMAGE, dpi=110)


def main() -> None:
    """Walk every configuration through both universes, print, draw, and write the results."""
    daily = Path(os.environ.get("LIGHTNING_SHARED_DATA", str(REPOSITORY.parent / "shared" / "data"))) / "daily"
    if not daily.is_dir():
        print(f"skipped: no daily data in {daily} (set LIGHTNING_SHARED_DATA)")
        return
    results: dict[str, Any] = {"variants_tried": VARIANTS_TRIED, "universes": {}}
    shipped: dict[str, Stated] = {}
    for universe, tickers in UNIVERSES.items():
        results["universes"][universe] = found = {}
        for name, config in configurations().items():
            signals, learning = walked(tickers, daily, config)
            found[name] = {p: Stated.of(signals, *years).figures() for p, years in PERIODS.items()}
            whole = found[name]["2012-2021"]
            print(
                universe, name, *(f"{k} {whole[k]:.4f}" for k in ("ece", "brier", "brier_skill")), sep="  ", flush=True
            )
            if name == "as shipped":
                shipped[universe] = Stated.of(signals, *PERIODS["2012-2021"])
                found["reliability"] = reliability(learning, tickers)
                found["bins"] = shipped[universe].bins()
    draw(shipped)
    RESULT.write_text(json.dumps(results, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
