"""The founding document's situation, typed by hand, and systems that live in a folder of their own."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime

from builders_quick_start import MARKET, OPTIONS, PRICE
from lightning_gex.adapters.clock import ReplayClock
from lightning_gex.app.founding.system import EnhancedLightningGEX

MONDAY = datetime(2024, 6, 3, 18, 0, tzinfo=UTC)  # 14:00 in New York


@contextmanager
def open_system(home, *, at=MONDAY, **arguments):
    """A system whose clock stands at a moment; ``system.clock`` moves it. Closed at the end."""
    clock = ReplayClock(at)
    with EnhancedLightningGEX(home=home, clock=clock, **arguments) as system:
        yield system, clock


def ask(system, ticker="AAPL", *, prices=None, options=OPTIONS, market=MARKET, **changes):
    """One analysis of the founding document's situation, with changes to its prices."""
    return system.analyze_ticker(ticker, {**(prices or PRICE), **changes}, options, market)
