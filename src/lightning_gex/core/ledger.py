"""The money: cash and positions in Decimal, changed by fills and nothing else.

Cash + positions = equity, to the cent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Decimal

from lightning_gex.core.enums import Action
from lightning_gex.core.errors import RefusedError
from lightning_gex.core.orders import Fill
from lightning_gex.core.quick_init import quick_init

CENT = Decimal("0.01")
PRICE_TICK = Decimal("0.0001")  # sub-penny fills after slippage are kept to a hundredth of a cent


def money(value: float | Decimal | int) -> Decimal:
    """A USD amount to the cent, half to even. The one place where floats become money."""
    return Decimal(str(value)).quantize(CENT, ROUND_HALF_EVEN)


def price(value: float | Decimal) -> Decimal:
    """A USD price to a hundredth of a cent."""
    return Decimal(str(value)).quantize(PRICE_TICK, ROUND_HALF_EVEN)


@quick_init
@dataclass(frozen=True, slots=True)
class Position:
    """Shares held (negative: short) and what they cost, USD."""

    quantity: int
    cost: Decimal


@quick_init
@dataclass(frozen=True, slots=True)
class Ledger:
    """Cash, positions and the running totals of what was paid and earned.

    Parameters
    ----------
    cash : USD.
    positions : ticker -> position; no entry where flat.
    realised_pnl : USD before fees.
    costs : USD fees paid.
    income : USD interest and dividends received.
    """

    cash: Decimal
    positions: Mapping[str, Position] = field(default_factory=dict)
    realised_pnl: Decimal = Decimal(0)
    costs: Decimal = Decimal(0)
    income: Decimal = Decimal(0)

    def applied(self, fill: Fill) -> Ledger:
        """The ledger after a fill. Raises ``RefusedError`` where a fill would cross from long to short in one go."""
        signed = fill.quantity if fill.action is Action.BUY else -fill.quantity
        amount = money(fill.price * signed)
        held = self.positions.get(fill.ticker, Position(0, Decimal(0)))
        if held.quantity and held.quantity * (held.quantity + signed) < 0:
            raise RefusedError(
                f"a fill of {signed} {fill.ticker} would turn a position of {held.quantity} around: close it first"
            )
        positions = dict(self.positions)
        realised = self.realised_pnl
        if held.quantity == 0 or held.quantity * signed > 0:
            positions[fill.ticker] = Position(held.quantity + signed, held.cost + amount)
        else:
            share_of_cost = money(held.cost * Decimal(-signed) / Decimal(held.quantity))
            realised += -amount - share_of_cost
            left = held.quantity + signed
            if left:
                positions[fill.ticker] = Position(left, held.cost - share_of_cost)
            else:
                realised += share_of_cost - held.cost  # a rest of rounding belongs to the last share
                del positions[fill.ticker]
        return replace(
            self,
            cash=self.cash - amount - fill.costs,
            positions=positions,
            realised_pnl=realised,
            costs=self.costs + fill.costs,
        )

    def accrued(self, amount: Decimal) -> Ledger:
        """The ledger after interest or a dividend, USD."""
        return replace(self, cash=self.cash + amount, income=self.income + amount)

    def equity(self, prices: Mapping[str, float]) -> Decimal:
        """Cash and positions at these prices, USD. Raises ``KeyError`` where a held ticker has no price."""
        return self.cash + sum(
            (money(Decimal(str(prices[t])) * p.quantity) for t, p in self.positions.items()), Decimal(0)
        )

    def exposure(self, prices: Mapping[str, float]) -> Decimal:
        """Sum of absolute position values at these prices, USD."""
        return sum((abs(money(Decimal(str(prices[t])) * p.quantity)) for t, p in self.positions.items()), Decimal(0))
