"""``HierarchicalDecisionFramework`` and its three layers: strategic, tactical, execution."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.app.founding.documents import plain
from lightning_gex.app.founding.inputs import given
from lightning_gex.core.enums import Direction, MarketRegime
from lightning_gex.core.errors import InputError
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.core.ports import Clock
from lightning_gex.risk.execution import ExecutionConfig, check_execution
from lightning_gex.risk.strategic import RegimeLimits, RegimeReading, RegimeTable, detect_regimes
from lightning_gex.risk.tactical import TacticalConfig, TacticalResult, TradePlan, plan_trade
from lightning_gex.sizing.kelly_size import choose_size, quantity_for

#: Says from the market's figures whether the user's own regime holds.
RegimeRule = Callable[[Mapping[str, float]], bool]


class StrategicLayer:
    """Which regime the market is in, and what may be risked in it.

    ``regime_config`` is live: what you assign to a regime is validated at once and holds from the next decision.

    Parameters
    ----------
    custom_rule : says when ``MarketRegime.CUSTOM_REGIME`` holds; None: never.
    clock : stamps data that carry no time of their own.
    """

    def __init__(self, custom_rule: RegimeRule | None = None, clock: Clock | None = None) -> None:
        self.regime_config = RegimeTable()
        self.custom_rule = custom_rule
        self._clock = clock or SystemClock()

    def read_regime(self, market_data: Mapping[str, Any], price_data: Mapping[str, Any] | None = None) -> RegimeReading:
        """The regime with its reason; its ``regime`` is None where the data do not tell."""
        seen = given("market", price_data, None, market_data, self._clock, needs_price=False)
        return detect_regimes(seen.features, custom=self.custom_rule).at(0)

    def detect_regime(
        self, market_data: Mapping[str, Any], price_data: Mapping[str, Any] | None = None
    ) -> MarketRegime | None:
        """The regime; None where the data do not tell."""
        return self.read_regime(market_data, price_data).regime

    def get_parameters(self, regime: MarketRegime | str) -> RegimeLimits:
        """What may be risked in a regime. Raises ``KeyError`` where it has no limits."""
        return self.regime_config[regime]


class TacticalLayer:
    """Whether an idea may become a trade, and with which bracket."""

    def __init__(self, config: TacticalConfig | None = None) -> None:
        self.config = config or TacticalConfig()

    def evaluate(
        self, signal: Mapping[str, Any], limits: RegimeLimits, portfolio: PortfolioView, atr: float = math.nan
    ) -> TacticalResult:
        """A plan, or why there is none, for a signal with the keys of ``HierarchicalDecisionFramework.evaluate``."""
        return plan_trade(
            direction=_direction(signal),
            entry_price=_required(signal, "entry_price"),
            atr=atr,
            consensus_target=_optional(signal, "target_price"),
            consensus_stop=_optional(signal, "stop_loss"),
            horizon_sessions=int(_required(signal, "time_horizon")),
            strategy=str(signal.get("strategy", "custom")),
            limits=limits,
            portfolio=portfolio,
            ticker=str(signal.get("ticker", "")),
            config=self.config,
        )


class ExecutionLayer:
    """The last checks before an order."""

    def __init__(self, config: ExecutionConfig | None = None) -> None:
        self.config = config or ExecutionConfig()

    def check(self, plan: TradePlan, quantity: int, price_now: float, portfolio: PortfolioView) -> dict[str, Any]:
        """``{"passed", "reason", "detail"}``."""
        return asdict(check_execution(plan, quantity, price_now, portfolio, self.config))


class HierarchicalDecisionFramework:
    """Strategic, tactical and execution layer over one signal.

    Parameters
    ----------
    initial_capital : USD that a signal may be sized from where no portfolio is given.
    allow_short : whether a bearish signal may open a short.
    custom_rule : says when ``MarketRegime.CUSTOM_REGIME`` holds; None: never.
    clock : stamps data that carry no time of their own.
    """

    def __init__(
        self,
        initial_capital: float = 100_000,
        allow_short: bool = False,
        custom_rule: RegimeRule | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.initial_capital = float(initial_capital)
        self.strategic = StrategicLayer(custom_rule, clock)
        self.tactical = TacticalLayer(TacticalConfig(allow_short=allow_short))
        self.execution = ExecutionLayer()

    def evaluate(
        self,
        signal: Mapping[str, Any],
        market_data: Mapping[str, Any],
        price_data: Mapping[str, Any] | None = None,
        quantity: int | None = None,
        portfolio: PortfolioView | None = None,
    ) -> dict[str, Any]:
        """Take one signal through the three layers.

        Parameters
        ----------
        signal : ``ticker, direction, entry_price, time_horizon`` and, where known, ``target_price, stop_loss,
            strategy``.
        market_data, price_data : as for ``analyze_ticker``; ``atr`` of the latter widens or narrows the bracket.
        quantity : shares to check for; None checks the most that the regime allows to put in.
        portfolio : the account; None is a fresh one of ``initial_capital``.

        Returns
        -------
        ``status`` (approved or blocked), ``layer`` that blocked, ``reason``, ``regime``, ``limits`` and ``plan``.
        """
        reading = self.strategic.read_regime(market_data, price_data)
        answer: dict[str, Any] = {"status": "blocked", "layer": "strategic", "reason": reading.reason}
        answer["regime"] = None if reading.regime is None else reading.regime.value
        if reading.regime is None or reading.regime not in self.strategic.regime_config:
            return answer
        limits = self.strategic.get_parameters(reading.regime)
        account = portfolio or fresh_portfolio(self.initial_capital)
        tactical = self.tactical.evaluate(signal, limits, account, _optional(price_data or {}, "atr"))
        answer |= {"layer": "tactical", "reason": tactical.reason, "limits": plain(dict(limits))}
        if tactical.plan is None:
            return answer
        plan = tactical.plan
        shares = _shares(plan, account) if quantity is None else quantity
        check = self.execution.check(plan, shares, plan.entry_price, account)
        answer |= {"layer": "execution", "reason": check["reason"], "plan": plain(asdict(plan)), "quantity": shares}
        if check["passed"]:
            answer |= {"status": "approved", "layer": None}
        return answer


def fresh_portfolio(capital: float) -> PortfolioView:
    """An account with cash and nothing else, USD."""
    return PortfolioView(
        equity=capital,
        cash=capital,
        exposure_pct=0.0,
        open_risk_pct=0.0,
        open_trades={},
        daily_trades=0,
        daily_loss_pct=0.0,
        drawdown_pct=0.0,
        orders_last_minute=0,
        losing_streak=0,
        win_rate=math.nan,
    )


def _shares(plan: TradePlan, account: PortfolioView) -> int:

    size_pct, _ = choose_size(plan.caps)
    return quantity_for(size_pct, account.equity, plan.entry_price)


def _direction(signal: Mapping[str, Any]) -> Direction:
    word = signal.get("direction")
    try:
        return Direction.from_word(str(word))
    except ValueError as error:
        raise InputError(str(error), source="signal", field="direction") from None


def _required(signal: Mapping[str, Any], key: str) -> float:
    value = _optional(signal, key)
    if math.isnan(value):
        raise InputError("is missing", source="signal", field=key)
    return value


def _optional(data: Mapping[str, Any], key: str) -> float:
    value = data.get(key)
    if value is None:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"must be a number, not {value!r}", field=key) from None
