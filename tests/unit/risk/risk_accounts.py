"""Accounts for the tests of the risk layers."""

from __future__ import annotations

import math
from typing import Any

from lightning_gex.core.portfolio import PortfolioView


def an_account(**changes: Any) -> PortfolioView:
    """A fresh account of 100,000 USD with nothing open, but for ``changes``."""
    values: dict[str, Any] = {
        "equity": 100_000.0,
        "cash": 100_000.0,
        "exposure_pct": 0.0,
        "open_risk_pct": 0.0,
        "open_trades": {},
        "daily_trades": 0,
        "daily_loss_pct": 0.0,
        "drawdown_pct": 0.0,
        "orders_last_minute": 0,
        "losing_streak": 0,
        "win_rate": math.nan,
        "tripped": {},
    }
    return PortfolioView(**{**values, **changes})
