"""``HierarchicalDecisionFramework`` and its three layers: strategic, tactical, execution."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.app.founding.documents import plain
from lightning_gex.app.founding.inputs import checked_ticker, given, horizon, number, positive, side, usd_price, whole
from lightning_gex.core.decision import GATE_KEY
from lightning_gex.core.enums import MarketRegime
from lightning_gex.core.errors import InputError, SettingsError, shown
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.core.ports import Clock
from lightning_gex.risk.check import Gate
from lightning_gex.risk.execution import ExecutionConfig, check_execution
from lightning_gex.risk.strategic import RegimeLimits, RegimeReading, RegimeTable, Strategy, detect_regimes
from lightning_gex.risk.tactical import TacticalConfig, TacticalResult, TradePlan, plan_trade
from lightning_gex.sizing.kelly_size import choose_size, quantity_for

#: Says from the market's figures whether the user's own regime holds.
RegimeRule = Callable[[Mapping[str, float]], bool]

_SIGNAL_KEYS = frozenset(
    {"ticker", "direction", "entry_price", "time_horizon", "target_price", "stop_loss", "strategy"}
)
_DIRECTIONS = frozenset({"open_trades", "stopped_out", "traded_views"})
_BY_NAME = _DIRECTIONS | {"tripped", "ticker_exposure_pct", "last_prices"}
_WHOLE_FIGURES = frozenset({"daily_trades", "orders_last_minute", "losing_streak"})


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
        return detect_regimes(seen.features, custom=guarded_rule(self.custom_rule)).at(0)

    def detect_regime(
        self, market_data: Mapping[str, Any], price_data: Mapping[str, Any] | None = None
    ) -> MarketRegime | None:
        """The regime; None where the data do not tell."""
        return self.read_regime(market_data, price_data).regime

    def regime_probabilities(
        self, market_data: Mapping[str, Any], price_data: Mapping[str, Any] | None = None
    ) -> dict[MarketRegime, float]:
        """The probability of each regime at the next session's close; empty where the data tell no regime."""
        return dict(self.read_regime(market_data, price_data).probability)

    def get_parameters(self, regime: MarketRegime | str) -> RegimeLimits:
        """What may be risked in a regime. Raises ``SettingsError`` where it has no limits."""
        try:
            return self.regime_config[regime]
        except KeyError:
            known = ", ".join(self.regime_config)
            raise SettingsError(
                f"{shown(regime)} has no limits: assign them to regime_config (there are {known})"
            ) from None


def by_levels(config: TacticalConfig) -> TacticalConfig:
    """The configuration with the agents' and the regime's levels: these modules hold nothing to a horizon."""
    return replace(config, held_bracket_atr=0.0)


class TacticalLayer:
    """Whether an idea may become a trade, and with which bracket."""

    def __init__(self, config: TacticalConfig | None = None) -> None:
        self.config = by_levels(config or TacticalConfig())

    def evaluate(
        self,
        signal: Mapping[str, Any],
        limits: RegimeLimits,
        portfolio: PortfolioView | Mapping[str, Any],
        atr: float | None = None,
    ) -> TacticalResult:
        """A plan, or why there is none, for a signal with the keys of ``HierarchicalDecisionFramework.evaluate``."""
        _refuse_unknown(signal)
        return plan_trade(
            direction=side(signal.get("direction"), source="signal"),
            entry_price=usd_price(signal.get("entry_price"), "entry_price", source="signal"),
            atr=_price_or_nan(atr, "atr"),
            consensus_target=_price_or_nan(signal.get("target_price"), "target_price"),
            consensus_stop=_price_or_nan(signal.get("stop_loss"), "stop_loss"),
            horizon_sessions=horizon(signal.get("time_horizon"), source="signal"),
            strategy=_strategy(signal.get("strategy", Strategy.CUSTOM)),
            limits=limits,
            portfolio=portfolio_of(portfolio),
            ticker=checked_ticker(signal.get("ticker")),
            config=self.config,
        )


class ExecutionLayer:
    """The last checks before an order."""

    def __init__(self, config: ExecutionConfig | None = None) -> None:
        self.config = config or ExecutionConfig()

    def check(
        self, plan: TradePlan, quantity: int, price_now: float, portfolio: PortfolioView | Mapping[str, Any]
    ) -> dict[str, Any]:
        """``{"passed", "reason", "detail"}`` for a plan of the tactical layer, so many shares, at this price now."""
        shares = whole(quantity, "quantity", least=0)
        price = usd_price(price_now, "price_now")
        return asdict(check_execution(plan, shares, price, portfolio_of(portfolio), self.config))


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
        self.initial_capital = positive(initial_capital, "initial_capital")
        self.strategic = StrategicLayer(custom_rule, clock)
        self.tactical = TacticalLayer(TacticalConfig(allow_short=allow_short))
        self.execution = ExecutionLayer()

    def evaluate(
        self,
        signal: Mapping[str, Any],
        market_data: Mapping[str, Any],
        price_data: Mapping[str, Any] | None = None,
        quantity: int | None = None,
        portfolio: PortfolioView | Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Take one signal through the three layers.

        Parameters
        ----------
        signal : ``ticker, direction, entry_price, time_horizon`` and, where known, ``target_price, stop_loss,
            strategy``.
        market_data, price_data : as for ``analyze_ticker``; ``atr`` of the latter widens or narrows the bracket.
        quantity : shares to check for; None checks the most that the regime allows to put in.
        portfolio : the account, as ``core.portfolio.PortfolioView`` or a dictionary of some of its figures; None is a
            fresh one of ``initial_capital``.

        Returns
        -------
        ``status`` (approved or blocked), ``layer`` and ``gate`` that blocked, ``reason``, ``regime`` with the
        ``regime_probabilities`` of the next session, ``limits``, ``numbers`` (what the last layer asked looked at),
        ``plan`` and ``quantity``; a key behind the layer that blocked is missing.

        Raises
        ------
        InputError : naming the key of anything that cannot be used.
        """
        _refuse_unknown(signal)
        reading = self.strategic.read_regime(market_data, price_data)
        answer: dict[str, Any] = {"status": "blocked", "layer": "strategic", "reason": reading.reason}
        answer["regime"] = None if reading.regime is None else reading.regime.value
        answer["regime_probabilities"] = {regime.value: p for regime, p in reading.probability.items()}
        answer["gate"] = Gate.NO_REGIME.value
        if reading.regime is None:
            return answer
        if reading.regime not in self.strategic.regime_config:
            return answer | {"reason": f"{reading.regime.value} has no limits in regime_config"}
        limits = self.strategic.get_parameters(reading.regime)
        account = fresh_portfolio(self.initial_capital) if portfolio is None else portfolio_of(portfolio)
        atr = None if price_data is None else price_data.get("atr")
        tactical = self.tactical.evaluate(signal, limits, account, atr)
        answer |= {"layer": "tactical", "reason": tactical.reason, "limits": plain(dict(limits))}
        answer |= _numbers(tactical.detail)
        if tactical.plan is None or not tactical.passed:
            return answer
        plan = tactical.plan
        shares = _most_shares(plan, account) if quantity is None else whole(quantity, "quantity", least=0)
        check = self.execution.check(plan, shares, plan.entry_price, account)
        answer |= {"layer": "execution", "reason": check["reason"], "plan": plain(asdict(plan)), "quantity": shares}
        answer |= _numbers(check["detail"])
        if check["passed"]:
            answer |= {"status": "approved", "layer": None}
        return answer


def _numbers(detail: Mapping[str, Any]) -> dict[str, Any]:
    """What a layer looked at, and the gate that said no, None where none did."""
    return {"gate": detail.get(GATE_KEY), "numbers": plain({k: v for k, v in detail.items() if k != GATE_KEY})}


def guarded_rule(rule: RegimeRule | None) -> RegimeRule | None:
    """A user's rule whose own failures are told as what they are: a setting that is wrong."""
    if rule is None:
        return None

    def guarded(figures: Mapping[str, float]) -> bool:
        try:
            return bool(rule(figures))
        except Exception as error:  # a stranger's code: whatever it raises is said in one line
            raise SettingsError(f"the custom regime rule failed: {type(error).__name__}: {error}") from error

    return guarded


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


def portfolio_of(account: PortfolioView | Mapping[str, Any]) -> PortfolioView:
    """An account out of a dictionary: ``equity`` is required, what else is missing is a fresh account's.

    Raises
    ------
    InputError : naming the key of anything that is unknown or no figure.
    """
    if isinstance(account, PortfolioView):
        return account
    if not isinstance(account, Mapping):
        raise InputError(f"must be a dictionary, not {type(account).__name__}", source="portfolio")
    known = [f.name for f in fields(PortfolioView)]
    for key in account:
        if key not in known:
            raise InputError(f"unknown key: known are {', '.join(known)}", source="portfolio", field=str(key))
    view = fresh_portfolio(number(account.get("equity"), "equity", source="portfolio"))
    return replace(view, **{key: _figure(key, value) for key, value in account.items()})


def _figure(key: str, value: object) -> Any:  # noqa: ANN401 - each field of the view has its own type
    if key in _BY_NAME:
        if not isinstance(value, Mapping):
            raise InputError(f"must be a dictionary, not {type(value).__name__}", source="portfolio", field=key)
        if key in _DIRECTIONS:
            return {t: side(w, source="portfolio") for t, w in value.items()}
        return dict(value) if key == "tripped" else {t: number(v, key, source="portfolio") for t, v in value.items()}
    if key in _WHOLE_FIGURES:
        return whole(value, key, least=0, source="portfolio")
    return number(value, key, source="portfolio")


def _most_shares(plan: TradePlan, account: PortfolioView) -> int:
    size_pct, _ = choose_size(plan.caps)
    return quantity_for(size_pct, account.equity, plan.entry_price)


def _strategy(word: object) -> str:
    try:
        return Strategy(word)  # type: ignore[arg-type]  # what is no word is refused below
    except (ValueError, TypeError):
        raise InputError(f"{shown(word)} is none of {', '.join(Strategy)}", source="signal", field="strategy") from None


def _refuse_unknown(signal: Mapping[str, Any]) -> None:
    if not isinstance(signal, Mapping):
        raise InputError(f"must be a dictionary, not {type(signal).__name__}", source="signal")
    for key in signal:
        if key not in _SIGNAL_KEYS:
            known = ", ".join(sorted(_SIGNAL_KEYS))
            raise InputError(f"unknown key: known are {known}", source="signal", field=str(key))


def _price_or_nan(value: object, field: str) -> float:
    """USD; NaN where the caller names none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return math.nan
    return usd_price(value, field, source="signal")
