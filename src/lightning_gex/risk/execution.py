"""Execution layer: the last look at a plan before an order is written."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lightning_gex.core.decision import Cap, Scalar
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.risk.check import Check, Gate, first_failure, over_bound
from lightning_gex.risk.order_plan import BrokerCapabilities, OrderPlan, plan_orders
from lightning_gex.risk.tactical import TradePlan

LIQUIDITY_CAP = "liquidity"
_MILLION = 1e6
_ROUNDING = 1e-9  # relative; a ratio of exactly the minimum must pass whatever the last bit says


@dataclass(frozen=True, slots=True)
class ExecutionConfig:
    """Bounds of the last look.

    Parameters
    ----------
    max_price_move : largest move of the price since the signal, as a fraction.
    minimum_stop_return, maximum_stop_return : how near and how far the stop may be from the present price, fractions.
    minimum_reward_to_risk : target distance over stop distance from the present price.
    max_volume_share : the position's value over the average value traded in a session, in (0, 1].
    cost_per_side : fees, spread and slippage as a fraction of the notional, that cash must cover as well.
    """

    max_price_move: float = 0.02
    minimum_stop_return: float = 0.001
    maximum_stop_return: float = 0.25
    minimum_reward_to_risk: float = 1.0
    max_volume_share: float = 0.01
    cost_per_side: float = 0.0005

    def __post_init__(self) -> None:
        for name in ("max_price_move", "minimum_stop_return", "maximum_stop_return"):
            value = getattr(self, name)
            if not 0.0 < value < 1.0:
                raise SettingsError(f"execution: {name} must be a fraction between 0 and 1, not {value!r}")
        if self.minimum_stop_return >= self.maximum_stop_return:
            raise SettingsError("execution: minimum_stop_return must be below maximum_stop_return")
        if not 0.0 < self.minimum_reward_to_risk < math.inf:
            raise SettingsError(
                f"execution: minimum_reward_to_risk must be a positive number, not {self.minimum_reward_to_risk!r}"
            )
        if not 0.0 < self.max_volume_share <= 1.0:
            raise SettingsError(
                f"execution: max_volume_share must be above 0 and up to 1, not {self.max_volume_share!r}"
            )
        if not 0.0 <= self.cost_per_side < 1.0:
            raise SettingsError(f"execution: cost_per_side must be a fraction from 0, not {self.cost_per_side!r}")


def check_execution(
    plan: TradePlan,
    quantity: int,
    price_now: float,
    portfolio: PortfolioView,
    config: ExecutionConfig,
    *,
    dollar_volume: float = math.nan,
    broker: BrokerCapabilities | None = None,
) -> Check:
    """Whether a sized plan may become an order at the present price.

    Looks at, in this order: the quantity, the price, sufficient capital, the price's movement since the signal, the
    stop's side and distance, the target's side, reward over risk, liquidity, and whether the broker can take the
    orders. The first that fails gives the reason.

    Parameters
    ----------
    plan : from the tactical layer.
    quantity : shares.
    price_now : USD, the latest price.
    portfolio : the account; ``cash`` must cover notional and costs.
    config : bounds.
    dollar_volume : USD, average value traded in a session; NaN where it is not known, which is said and passes.
    broker : what it can take; None asks nobody.

    Returns
    -------
    The check, with every value beside its bound. What is no number fails, an unknown dollar volume excepted.
    """
    orders = None if broker is None else plan_orders(plan, quantity, broker)
    sign = int(plan.direction)
    needed = quantity * price_now * (1.0 + config.cost_per_side)
    usable = 0.0 < price_now < math.inf
    move = abs(price_now / plan.entry_price - 1.0) if usable else math.nan
    stop_return = sign * (price_now - plan.stop_price) / price_now if usable else math.nan
    target_return = sign * (plan.target_price - price_now) / price_now if usable else math.nan
    reward_to_risk = target_return / stop_return if stop_return > 0.0 else math.nan
    detail: dict[str, Scalar] = {
        "quantity": quantity,
        "price_now": price_now,
        "capital_needed": needed,
        "cash": portfolio.cash,
        "price_move": move,
        "max_price_move": config.max_price_move,
        "stop_return": stop_return,
        "target_return": target_return,
        "reward_to_risk": reward_to_risk,
        "minimum_reward_to_risk": config.minimum_reward_to_risk,
        "dollar_volume": dollar_volume,
        "volume_share": quantity * price_now / dollar_volume if dollar_volume > 0.0 else math.nan,
        "max_volume_share": config.max_volume_share,
    }
    if isinstance(orders, OrderPlan):
        detail["orders"] = str(orders)
    failures = (
        (Gate.QUANTITY, f"the quantity {quantity} buys nothing" if quantity < 1 else None),
        (Gate.PRICE, f"the present price {price_now} is no price" if not usable else None),
        (Gate.CAPITAL, _capital_failure(needed, portfolio.cash)),
        (
            Gate.PRICE_MOVED,
            over_bound("the price's move since the signal", move, config.max_price_move, reaching_fails=False),
        ),
        (Gate.STOP, _stop_failure(stop_return, config)),
        (
            Gate.TARGET,
            None
            if 0.0 < target_return < math.inf
            else "the price is at or beyond the target, or the target is no price",
        ),
        (Gate.REWARD_TO_RISK, _ratio_failure(reward_to_risk, config)),
        (Gate.LIQUIDITY, _liquidity_failure(quantity * price_now, dollar_volume, config)),
        (Gate.ORDER_PLAN, orders if isinstance(orders, str) else None),
    )
    return first_failure(failures, "capital, price, stop and reward are in order", detail)


def _capital_failure(needed: float, cash: float) -> str | None:
    if not (math.isfinite(needed) and math.isfinite(cash)):
        return f"capital cannot be checked: {needed} needed, {cash} there"
    return f"not enough capital: {needed:,.2f} needed, {cash:,.2f} there" if needed > cash else None


def _stop_failure(stop_return: float, config: ExecutionConfig) -> str | None:
    if not stop_return > 0.0:
        return "the stop is not on the losing side of the price"
    if stop_return < config.minimum_stop_return:
        return f"the stop is only {stop_return:.3%} away, at least {config.minimum_stop_return:.3%} is needed"
    return over_bound("the stop's distance", stop_return, config.maximum_stop_return, reaching_fails=False)


def liquidity_cap(equity: float, dollar_volume: float, config: ExecutionConfig) -> Cap | None:
    """The most of equity that the average session's trading bears; None where that is not known.

    Parameters
    ----------
    equity, dollar_volume : USD.
    config : bounds.
    """
    if not (math.isfinite(dollar_volume) and 0.0 < equity < math.inf):
        return None
    said = f"{config.max_volume_share:.1%} of the {dollar_volume / _MILLION:,.1f} million USD traded in a session"
    return Cap(LIQUIDITY_CAP, config.max_volume_share * max(0.0, dollar_volume) / equity, said)


def _liquidity_failure(notional: float, dollar_volume: float, config: ExecutionConfig) -> str | None:
    if math.isnan(dollar_volume):
        return None
    most = config.max_volume_share * dollar_volume
    if notional <= most * (1.0 + _ROUNDING):
        return None
    share = f"{config.max_volume_share:.1%} of the {dollar_volume:,.0f} traded in a session"
    return f"{notional:,.0f} USD are more than {share}"


def _ratio_failure(reward_to_risk: float, config: ExecutionConfig) -> str | None:
    if reward_to_risk >= config.minimum_reward_to_risk * (1.0 - _ROUNDING):
        return None
    return f"reward over risk {reward_to_risk:.2f} is below {config.minimum_reward_to_risk:.2f}"
