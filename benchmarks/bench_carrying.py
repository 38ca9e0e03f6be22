"""What carrying trades on at their horizon is worth on real data, over several draws of when trades begin.

A book whose trades began in a few sessions is looked at in those sessions only, once a horizon: one run is one draw. So
runs with and without are repeated with a part of their entries left out at random.

Needs the real daily data that may stand beside the checkout (``../shared/data/daily``, or LIGHTNING_SHARED_DATA).
Arguments: ``spy``, ``names``; none runs both. What is not run keeps its place in the results.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from bench_dix import data_folder
from bench_hierarchy import PERIODS, RESET_AFTER, curve, subject
from peers.comparison import machine

from lightning_gex.agents.registry import default_agents
from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import DecisionStatus, FillPrice, RunMode
from lightning_gex.core.orders import OpenTrade
from lightning_gex.core.quick_init import replaced
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.decide import Conclusion
from lightning_gex.engine.drivers import HistoryFeed, Watch, drive, result_of
from lightning_gex.engine.feed import SessionUpdate
from lightning_gex.engine.intent import blocked
from lightning_gex.engine.proposal import Snapshot
from lightning_gex.engine.result import RunResult
from lightning_gex.engine.simulated_broker import SimulatedBroker
from lightning_gex.engine.trader import Trader
from lightning_gex.engine.unrecorded import Unrecorded
from lightning_gex.memory.book import MemoryBook
from lightning_gex.risk.check import refused

REPOSITORY = Path(__file__).resolve().parents[1]
RESULT = REPOSITORY / "benchmarks" / "results" / "carrying.json"
CAPITAL = Decimal(100_000)
#: Part of the entries that is left out: with one ticker less is enough to move the rest.
LEFT_OUT = {"spy": 0.2, "names": 0.3}
DRAWS = {"spy": 4, "names": 5}  # the first leaves nothing out


class Forgotten(list[Decision]):
    """Decisions that nobody asks for."""

    def append(self, decision: Decision, /) -> None:
        """Keep nothing."""


@dataclass(slots=True)
class LeavesOut(Trader):
    """Leaves a part of its entries out at random."""

    part: float = 0.0
    draw: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def conclude(self, snapshot: Snapshot, due: OpenTrade | None = None) -> Conclusion:
        """As every trader does, but for the entries that are left out."""
        found = Trader.conclude(self, snapshot, due)
        entry = found.decision.status is DecisionStatus.APPROVED and found.held is None
        if not entry or self.draw.random() >= self.part:
            return found
        pattern = None if found.pattern is None else replaced(found.pattern, taken=False)
        return Conclusion(blocked(found.decision, refused("left_out", "left out at random")), pattern)


def ran(watch: Watch, updates: list[SessionUpdate], inputs: Any, part: float, seed: int) -> RunResult:  # noqa: ANN401
    """One walk through sessions that were perceived before."""
    config, exchange = watch.config, SimulatedBroker(watch.config.costs)
    trader = LeavesOut(config, Unrecorded(), MemoryBook(), None, exchange, part=part, draw=np.random.default_rng(seed))
    trader.decisions = Forgotten()
    trader.start(at=updates[0].opened_at, mode=RunMode.BACKTEST, capital=CAPITAL, settings={})
    log = drive(trader, updates, exchange, breakers_reset_after=RESET_AFTER)
    return result_of(trader, log, inputs, watch, mode=RunMode.BACKTEST, capital=CAPITAL, settings={})


def judged(run: RunResult) -> dict[str, Any]:
    """Sharpe ratio, growth and fall by period, what was traded and what it cost."""
    net = [float(t.pnl / (t.entry_price * t.quantity)) * 1e4 for t in run.trades]
    return {
        "trades": len(run.trades),
        "carried_on": sum(not t.sold for t in run.trades),
        "costs_usd": float(sum(t.costs for t in run.trades)),
        "expectancy_bp": float(np.mean(net)),
        "exposure_mean": float(np.mean(run.exposure / run.equity)),
        "periods": {name: curve(run, run.equity, period) for name, period in PERIODS.items()},
    }


def compared(daily: Path, kind: str) -> dict[str, Any]:
    """Every draw with and without, and their means."""
    chosen, config = subject(daily, kind), EngineConfig()
    fill, first = dict.fromkeys(chosen.inputs.bars, FillPrice.OPEN), np.datetime64(PERIODS["2012-2021"][0])
    watch = Watch(chosen.tickers, default_agents(), config, fill, first, RESET_AFTER, chosen.members)
    updates = list(HistoryFeed(chosen.inputs, watch))  # whether trades are carried on does not change what is perceived
    ways = {"without": replace(config, tactical=replace(config.tactical, carry_on=False)), "with": config}
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for draw in range(DRAWS[kind]):
        for way, settings in ways.items():
            part = LEFT_OUT[kind] if draw else 0.0
            one = judged(ran(replace(watch, config=settings), updates, chosen.inputs, part, draw))
            found[way].append(one)
            sharpes = " ".join(f"{name} {p['sharpe']:.2f}" for name, p in one["periods"].items())
            print(f"{kind} {way} {draw}: Sharpe {sharpes}, costs {one['costs_usd']:,.0f}", flush=True)
    return {
        **found,
        "sharpe_mean": {
            way: {name: float(np.mean([one["periods"][name]["sharpe"] for one in runs])) for name in PERIODS}
            for way, runs in found.items()
        },
    }


def main(arguments: list[str]) -> None:
    """Run what is asked for and write what came out."""
    daily = data_folder() / "daily"
    if not daily.is_dir():
        print(f"skipped: no daily data in {daily} (set LIGHTNING_SHARED_DATA)")
        return
    document = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}
    for kind in arguments or list(DRAWS):
        document = {**document, "machine": machine(), kind: compared(daily, kind)}
        RESULT.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
