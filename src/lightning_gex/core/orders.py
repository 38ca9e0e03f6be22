"""Orders, fills, positions and trades. Money is Decimal; quantities are whole shares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from lightning_gex.core.enums import Action, Direction, ExitReason
from lightning_gex.core.quick_init import quick_init


@quick_init
@dataclass(frozen=True, slots=True)
class Order:
    """A market order for the next bar, with the bracket that will guard the position it opens.

    ``order_id`` is deterministic (from the decision), stored before sending, so that a doubt is settled by asking the
    broker and never by sending again. ``exit_reason`` is None on an entry. ``reference_price`` is the price it was
    decided at, USD: what limits value it at until it fills; NaN where it was not kept (before version 2 of events).
    """

    order_id: str
    decision_id: str
    ticker: str
    action: Action
    quantity: int
    placed_at: datetime
    target_price: float
    stop_price: float
    horizon_sessions: int
    confidence: float
    exit_reason: ExitReason | None = None
    reference_price: float = math.nan


@quick_init
@dataclass(frozen=True, slots=True)
class Fill:
    """What the broker says was done. ``price`` includes spread and slippage; ``costs`` are fees on top, USD."""

    order_id: str
    ticker: str
    action: Action
    quantity: int
    price: Decimal
    costs: Decimal
    at: datetime
    assumed: bool = False  # True where nobody but the caller said that it happened


@quick_init
@dataclass(frozen=True, slots=True)
class OpenTrade:
    """A position with the bracket that guards it.

    Where a trade is carried on, each decision has a leg of its own. ``carries`` is then the decision whose order bought
    the shares, under whose name the broker guards them; None where that is ``decision_id`` itself. Such a leg begins at
    the close it was decided at, without costs.
    """

    trade_id: int
    decision_id: str
    ticker: str
    direction: Direction
    quantity: int
    decided_at: datetime
    entry_at: datetime
    entry_price: Decimal
    entry_costs: Decimal
    target_price: float
    stop_price: float
    horizon_sessions: int
    confidence: float
    assumed: bool = False
    carries: str | None = None

    @property
    def entered_by(self) -> str:
        """The decision whose order opened the position."""
        return self.decision_id if self.carries is None else self.carries


@quick_init
@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A trade, or one leg of it, from entry to exit. ``pnl`` is after all costs, USD; ``carries`` as of an open one."""

    trade_id: int
    decision_id: str
    ticker: str
    direction: Direction
    quantity: int
    decided_at: datetime
    entry_at: datetime
    exit_at: datetime
    entry_price: Decimal
    exit_price: Decimal
    horizon_sessions: int
    confidence: float
    costs: Decimal
    pnl: Decimal
    exit_reason: ExitReason
    assumed: bool = False
    carries: str | None = None

    @property
    def bought(self) -> bool:
        """Whether an order opened it; a leg that carries a trade on began with shares that were held."""
        return self.carries is None

    @property
    def sold(self) -> bool:
        """Whether an order, or the bracket of one, closed it; False where the next leg goes on with the shares."""
        return self.exit_reason is not ExitReason.CARRIED_ON
