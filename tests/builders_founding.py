"""The founding document's situation, typed by hand, and systems that live in a folder of their own."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime

from lightning_gex.adapters.clock import ReplayClock
from lightning_gex.app.founding.system import EnhancedLightningGEX

MONDAY = datetime(2024, 6, 3, 18, 0, tzinfo=UTC)  # 14:00 in New York

PRICE = {
    "price": 180.0,
    "sma_20": 178.0,
    "sma_50": 175.0,
    "sma_200": 170.0,
    "adx": 35.0,
    "rsi": 60.0,
    "bb_upper": 185.0,
    "bb_lower": 175.0,
    "stochastic": 65.0,
    "resistance": 185.0,
    "support": 175.0,
    "volume": 2000000,
    "avg_volume": 1500000,
    "atr": 4.5,
    "atr_20_avg": 5.0,
    "bb_width": 0.055,
    "bb_width_avg": 0.060,
    "volatility": 0.18,
}
OPTIONS = {"gex_signal": 0.75, "charm_pressure": 0.65, "vanna_sensitivity": 0.55, "dark_pool_flow": 0.60}
MARKET = {"spy_trend": 0.5, "vix": 16.0, "vix_20_avg": 18.0, "adx": 32.0, "advance_decline_ratio": 1.4}


@contextmanager
def open_system(home, *, at=MONDAY, **arguments):
    """A system whose clock stands at a moment; ``system.clock`` moves it. Closed at the end."""
    clock = ReplayClock(at)
    with EnhancedLightningGEX(home=home, clock=clock, **arguments) as system:
        yield system, clock


def ask(system, ticker="AAPL", *, prices=None, options=OPTIONS, market=MARKET, **changes):
    """One analysis of the founding document's situation, with changes to its prices."""
    return system.analyze_ticker(ticker, {**(prices or PRICE), **changes}, options, market)
