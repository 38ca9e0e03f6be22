"""What the risk layers may know of the account at the moment of a decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lightning_gex.core.enums import Direction


@dataclass(frozen=True, slots=True)
class PortfolioView:
    """The account as the risk layers see it. Amounts in USD, shares of equity as fractions.

    Parameters
    ----------
    equity : cash and positions at the latest prices.
    cash : free cash, less what pending entries will need.
    exposure_pct : sum of absolute position values and pending entries / equity.
    open_risk_pct : sum of (stop distance x quantity) of open trades and pending entries / equity.
    open_trades : ticker -> direction of the open trade or pending entry.
    daily_trades : entries ordered in this session.
    daily_loss_pct : loss since the session's open / equity at the session's open; negative when in profit.
    drawdown_pct : fall from the highest equity so far, >= 0.
    orders_last_minute : orders sent in the last 60 seconds.
    losing_streak : closed trades lost in a row, up to now.
    win_rate : share of closed trades with a profit; NaN without one.
    tripped : breakers that are latched, with their reasons.
    stopped_out : ticker -> direction of an idea that ended at its stop and that the agents have not given up since.
    """

    equity: float
    cash: float
    exposure_pct: float
    open_risk_pct: float
    open_trades: Mapping[str, Direction]
    daily_trades: int
    daily_loss_pct: float
    drawdown_pct: float
    orders_last_minute: int
    losing_streak: int
    win_rate: float
    tripped: Mapping[str, str] = field(default_factory=dict)
    stopped_out: Mapping[str, Direction] = field(default_factory=dict)
