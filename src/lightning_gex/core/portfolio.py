"""What the risk layers may know of the account at the moment of a decision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lightning_gex.core.enums import Direction
from lightning_gex.core.quick_init import quick_init


@quick_init
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
    traded_views : ticker -> direction of a view that was traded and that the agents have not interrupted since.
    ticker_exposure_pct : ticker -> absolute value of its position and pending entries / equity.
    last_prices : ticker -> USD, the latest price seen before the one that is decided on; none where that is the first.
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
    ticker_exposure_pct: Mapping[str, float] = field(default_factory=dict)
    last_prices: Mapping[str, float] = field(default_factory=dict)
    traded_views: Mapping[str, Direction] = field(default_factory=dict)

    def beside(self, others: AccountUsage) -> PortfolioView:
        """This view with what other runs of the same account use up counted in.

        What they lost today adds to the loss of the day, over this run's equity at its open; what they gained excuses
        nothing.
        """
        at_open = self.equity / (1.0 - self.daily_loss_pct) if self.daily_loss_pct != 1.0 else math.nan
        lost_elsewhere = others.loss_today_usd / at_open if others.loss_today_usd else 0.0
        shares = {t: usd / self.equity if self.equity > 0 else math.nan for t, usd in others.exposure_usd.items()}
        by_ticker = dict(self.ticker_exposure_pct)
        for ticker, share in shares.items():
            by_ticker[ticker] = by_ticker.get(ticker, 0.0) + share
        return replace(
            self,
            exposure_pct=self.exposure_pct + sum(shares.values()),
            daily_trades=self.daily_trades + others.entries_today,
            daily_loss_pct=self.daily_loss_pct + lost_elsewhere,
            orders_last_minute=self.orders_last_minute + others.orders_last_minute,
            tripped={**self.tripped, **others.tripped},
            ticker_exposure_pct=by_ticker,
        )


@quick_init
@dataclass(frozen=True, slots=True)
class AccountUsage:
    """What the other runs of an account did that counts against the limits of one of its runs.

    Parameters
    ----------
    entries_today : entries they ordered in this session.
    orders_last_minute : orders they sent in the last 60 seconds.
    exposure_usd : ticker -> absolute value of what they hold or have ordered, at the price they paid or decided at.
    tripped : breakers latched by any run of the account, with their reasons.
    lifted : breaker -> (who, why) where the latest word of any run is that a person reset it.
    loss_today_usd : what they lost in this session together, from each one's open to its latest mark; 0 where they
        gained. NaN where one of them has no known equity.
    """

    entries_today: int = 0
    orders_last_minute: int = 0
    exposure_usd: Mapping[str, float] = field(default_factory=dict)
    tripped: Mapping[str, str] = field(default_factory=dict)
    lifted: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    loss_today_usd: float = 0.0
