"""Runs that trade one account, for the tests of its limits; as a program, one process that decides ten times at once:

python account_runs.py STORE_URL ANCHOR RUN_ID CASE
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

from builders_engine import SESSIONS, Says, bars_of, calm, script, scripted_config
from lightning_gex.adapters.storage.database import open_database
from lightning_gex.adapters.storage.journal import SqlJournal
from lightning_gex.core.decision import Decision, StageRecord
from lightning_gex.core.enums import (
    Action,
    DecisionStatus,
    Direction,
    ExitReason,
    FillPrice,
    RunMode,
    StageName,
    StageVerdict,
)
from lightning_gex.core.events import Event, OrderPlaced, TradeClosed, TradeOpened
from lightning_gex.core.ledger import money, price
from lightning_gex.core.orders import Fill, Order
from lightning_gex.core.ports import Journal
from lightning_gex.core.sessions import close_of
from lightning_gex.engine.decide import Conclusion
from lightning_gex.engine.drivers import HistoryFeed, Watch
from lightning_gex.engine.feed import SessionUpdate
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.engine.trader import Trader
from lightning_gex.engine.trades import closed_trade, opened_trade
from lightning_gex.memory.book import MemoryBook
from lightning_gex.risk.guardrails import GuardrailLimits
from trading_day import ended, made, started

KEY = bytes(range(32))
WIDE = GuardrailLimits(
    max_daily_trades=1_000,
    max_daily_loss_pct=1.0,
    max_position_size_pct=1.0,
    max_total_exposure_pct=1.0,
    max_orders_per_minute=1_000,
    max_ticker_exposure_pct=1.0,
    price_collar_pct=1.0,
)
CASES = {
    "daily_trades": replace(WIDE, max_daily_trades=7),
    "total_exposure": replace(WIDE, max_total_exposure_pct=0.06),
    "ticker_exposure": replace(WIDE, max_ticker_exposure_pct=0.05),
    "orders_per_minute": replace(WIDE, max_orders_per_minute=4),
}
DECISIONS = 10
USD = 100.0


def at_open() -> datetime:
    """Ten in the morning, New York, of a session."""
    return datetime(2024, 3, 1, 15, 0, tzinfo=UTC)


def placed(order_id: str, ticker: str, quantity: int, usd: float, at: datetime) -> OrderPlaced:
    """An entry goes on record."""
    order = Order(
        order_id, order_id, ticker, Action.BUY, quantity, at, usd * 1.1, usd * 0.9, 5, 0.6, reference_price=usd
    )
    return OrderPlaced(at, order)


def closed(order_id: str, ticker: str, quantity: int, usd: float, at: datetime) -> list[Event]:
    """An entry that was placed is filled, and closed again at once."""
    order = placed(order_id, ticker, quantity, usd, at).order
    bought = Fill(order_id, ticker, Action.BUY, quantity, price(usd), money(0), at)
    trade = opened_trade(0, order, bought)
    sold = replace(bought, action=Action.SELL)
    return [TradeOpened(at, bought, trade), TradeClosed(at, sold, closed_trade(trade, sold, ExitReason.MANUAL))]


def updates() -> list[SessionUpdate]:
    """Sessions of SPY; on the first of them an agent wants to buy."""
    row = 60
    bars = bars_of("SPY", [USD] * (row + 3), highs=dict.fromkeys(range(row), USD + 1))
    agent = script("SPY", {row: Says(1)})
    inputs = MarketInputs({"SPY": bars}, volatility_index=calm(row + 3))
    watch = Watch(("SPY",), (agent,), scripted_config(), {"SPY": FillPrice.OPEN}, start=SESSIONS[row])
    return list(HistoryFeed(inputs, watch))[row:]


def trader_of(journal: Journal, limits: GuardrailLimits) -> Trader:
    """A live run that has just begun."""
    trader = Trader(scripted_config(guardrails=limits), journal, MemoryBook(), None)
    trader.start(at=at_open(), mode=RunMode.LIVE, capital=Decimal(100_000), settings={})
    return trader


def approved(decision_id: str, ticker: str, at: datetime) -> Conclusion:
    """A decision that its own account approves: one hundredth of it."""
    passed = tuple(StageRecord(stage, StageVerdict.PASSED, "in order") for stage in StageName)
    decision = Decision(
        decision_id,
        ticker,
        at,
        DecisionStatus.APPROVED,
        Action.BUY,
        Direction.BULLISH,
        10,
        USD,
        USD * 1.1,
        USD * 0.9,
        0.6,
        5,
        0.01,
        None,
        "in order",
        None,
        stages=passed,
        votes=(),
    )
    return Conclusion(decision, None)


def decide_ten_times(trader: Trader, run_id: str, case: str) -> Sequence[Decision]:
    """Ten decisions, spread out or crowded as the case wants them."""
    found = []
    for number in range(DECISIONS):
        apart = timedelta(seconds=0) if case == "orders_per_minute" else timedelta(minutes=2 * number)
        ticker = "SPY" if case == "ticker_exposure" else f"T{run_id}{number}"
        trader.price_seen(ticker, USD)
        at = at_open() + apart
        found.append(trader.decide(approved(f"{run_id}-{number}", ticker, at), at))
    return found


def _race(url: str, folder: Path, case: str) -> list[int]:
    """Two processes, let go together; how many decisions of each were approved."""
    ready, go = os.pipe(), os.pipe()

    def decide(run_id: str) -> None:
        engine = open_database(url, busy_timeout_ms=60_000)
        trader = trader_of(SqlJournal(engine, run_id, KEY, folder / f"{case}.anchor"), CASES[case])
        os.write(ready[1], b".")
        os.read(go[0], 1)
        made = decide_ten_times(trader, run_id, case)
        engine.dispose()
        approvals = sum(d.status is DecisionStatus.APPROVED for d in made)
        (folder / f"{case}-{run_id}").write_text(str(approvals))

    children = [started(partial(decide, run_id)) for run_id in ("one", "two")]
    for _ in children:
        os.read(ready[0], 1)
    os.write(go[1], b"..")
    assert [ended(child) for child in children] == [0, 0]
    return [int((folder / f"{case}-{run_id}").read_text()) for run_id in ("one", "two")]


def main(pattern: str, folder: Path) -> dict[str, list[int]]:
    close_of(SESSIONS[0])  # loads the calendar before the processes fork
    return {case: _race(made(pattern, case), folder, case) for case in CASES}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
