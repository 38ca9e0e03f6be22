"""Three layers over one signal, on dictionaries."""

from __future__ import annotations

import pytest

from builders_founding import MARKET, PRICE
from lightning_gex.app.founding.hierarchical import (
    HierarchicalDecisionFramework,
    StrategicLayer,
    TacticalLayer,
    fresh_portfolio,
)
from lightning_gex.core.enums import MarketRegime
from lightning_gex.core.errors import InputError, LightningError, SettingsError

SIGNAL = {
    "ticker": "AAPL",
    "direction": "bullish",
    "entry_price": 180.0,
    "target_price": 189.0,
    "stop_loss": 174.4,
    "time_horizon": 7,
    "strategy": "trend_following",
}
#: The founding document's own regime.
CUSTOM = {
    "max_portfolio_risk": 0.12,
    "max_position_size": 0.08,
    "max_positions": 4,
    "preferred_timeframes": [5, 10],
    "allowed_strategies": ["custom"],
    "stop_loss_multiplier": 2.0,
    "take_profit_multiplier": 3.5,
    "max_daily_loss": 0.025,
}


@pytest.mark.parametrize(
    ("market", "regime"),
    [
        (MARKET, MarketRegime.BULL_TRENDING),
        (MARKET | {"spy_trend": -0.5, "advance_decline_ratio": 0.6}, MarketRegime.BEAR_TRENDING),
        (MARKET | {"vix": 26.0}, MarketRegime.HIGH_VOLATILITY),
        (MARKET | {"vix": 45.0}, MarketRegime.CRISIS),
        (MARKET | {"spy_trend": 0.0, "vix": 12.0}, MarketRegime.LOW_VOLATILITY),
        (MARKET | {"spy_trend": 0.0}, MarketRegime.RANGE_BOUND),
        ({}, None),
    ],
)
def test_the_regime_is_told_from_market_data(market, regime):
    assert StrategicLayer().detect_regime(market) is regime


def test_a_signal_that_every_layer_takes_is_approved_with_its_limits_and_plan():
    answer = HierarchicalDecisionFramework(100_000).evaluate(SIGNAL, MARKET, PRICE)
    assert (answer["status"], answer["layer"], answer["regime"]) == ("approved", None, "bull_trending")
    assert answer["limits"]["max_positions"] >= 1
    assert 1 <= answer["quantity"] <= 83
    assert answer["plan"]["stop_price"] < 180.0 < answer["plan"]["target_price"]


@pytest.mark.parametrize(
    ("signal", "market", "layer", "said"),
    [
        (SIGNAL, {}, "strategic", "no regime can be told"),
        (SIGNAL, MARKET | {"vix": 45.0}, "tactical", "trend_following is not allowed"),
        (SIGNAL | {"direction": "bearish"}, MARKET, "tactical", "opening shorts is off"),
    ],
)
def test_the_layer_that_blocks_says_why(signal, market, layer, said):
    answer = HierarchicalDecisionFramework().evaluate(signal, market)
    assert (answer["status"], answer["layer"]) == ("blocked", layer)
    assert said in answer["reason"]
    assert "quantity" not in answer


def test_the_execution_layer_blocks_what_the_cash_does_not_pay():
    answer = HierarchicalDecisionFramework().evaluate(SIGNAL, MARKET, PRICE, quantity=10_000)
    assert (answer["status"], answer["layer"]) == ("blocked", "execution")


def test_an_account_may_be_a_dictionary_of_what_is_known_of_it():
    framework = HierarchicalDecisionFramework()
    account = {"equity": 50_000, "cash": 50_000, "open_trades": {"AAPL": "bullish"}}
    answer = framework.evaluate(SIGNAL, MARKET, PRICE, portfolio=account)
    assert "already in this trade" in answer["reason"]
    other = framework.evaluate(SIGNAL | {"ticker": "MSFT"}, MARKET, PRICE, portfolio=account)
    assert other["quantity"] <= 50_000 * 0.15 / 180


@pytest.mark.parametrize(
    ("account", "field"),
    [
        ({"cash": 5.0}, "equity"),
        ({"equity": 1.0, "wealth": 5.0}, "wealth"),
        ({"equity": 1.0, "daily_trades": 0.5}, "daily_trades"),
        ({"equity": 1.0, "open_trades": ["AAPL"]}, "open_trades"),
        ({"equity": 1.0, "open_trades": {"AAPL": "up"}}, "direction"),
        ({"equity": float("nan")}, "equity"),
        ([], None),
    ],
)
def test_an_account_that_cannot_be_used_is_one_line(account, field):
    with pytest.raises(InputError, match="portfolio") as caught:
        HierarchicalDecisionFramework().evaluate(SIGNAL, MARKET, PRICE, portfolio=account)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"direction": "up"}, "direction"),
        ({"direction": "neutral"}, "direction"),
        ({"direction": None}, "direction"),
        ({"entry_price": float("nan")}, "entry_price"),
        ({"entry_price": -1}, "entry_price"),
        ({"time_horizon": 0}, "time_horizon"),
        ({"time_horizon": float("inf")}, "time_horizon"),
        ({"time_horizon": 2.5}, "time_horizon"),
        ({"strategy": "hope"}, "strategy"),
        ({"ticker": ""}, "ticker"),
        ({"stop_loss": "low"}, "stop_loss"),
        ({"stoploss": 170.0}, "stoploss"),
    ],
)
def test_a_signal_that_cannot_be_used_is_one_line_that_names_the_key(change, field):
    with pytest.raises(InputError) as caught:
        HierarchicalDecisionFramework().evaluate(SIGNAL | change, MARKET, PRICE)
    assert caught.value.field == field
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("arguments", [{"quantity": -1}, {"quantity": 1.5}, {"quantity": "many"}])
def test_a_quantity_that_is_none_is_refused(arguments):
    with pytest.raises(InputError, match="quantity"):
        HierarchicalDecisionFramework().evaluate(SIGNAL, MARKET, PRICE, **arguments)


def test_a_custom_regime_counts_once_it_has_a_rule_and_limits():
    framework = HierarchicalDecisionFramework()
    framework.strategic.custom_rule = lambda figures: figures["vix"] < 17
    assert "has no limits" in framework.evaluate(SIGNAL, MARKET, PRICE)["reason"]
    with pytest.raises(SettingsError, match="has no limits"):
        framework.strategic.get_parameters(MarketRegime.CUSTOM_REGIME)
    framework.strategic.regime_config[MarketRegime.CUSTOM_REGIME] = CUSTOM
    assert framework.strategic.get_parameters("custom_regime")["preferred_timeframes"] == (5, 10)
    assert framework.evaluate(SIGNAL, MARKET, PRICE)["layer"] == "tactical"
    answer = framework.evaluate(SIGNAL | {"strategy": "custom"}, MARKET, PRICE)
    assert (answer["status"], answer["regime"]) == ("approved", "custom_regime")
    assert answer["quantity"] <= 100_000 * 0.08 / 180


@pytest.mark.parametrize(
    "limits",
    [{**CUSTOM, "max_portfolio_risk": 1.5}, {**CUSTOM, "extra": 1}, {"max_positions": 4},
     {**CUSTOM, "max_positions": 1.5}, {**CUSTOM, "allowed_strategies": ["hope"]},
     {**CUSTOM, "max_daily_loss": float("nan")}, 7],
)  # fmt: skip
def test_limits_that_cannot_be_are_refused_as_they_are_assigned(limits):
    layer = StrategicLayer()
    with pytest.raises(SettingsError, match="custom_regime"):
        layer.regime_config[MarketRegime.CUSTOM_REGIME] = limits
    assert MarketRegime.CUSTOM_REGIME not in layer.regime_config


def test_the_tactical_layer_alone_gives_a_plan_or_a_reason():
    limits = StrategicLayer().get_parameters(MarketRegime.BULL_TRENDING)
    assert TacticalLayer().evaluate(SIGNAL, limits, fresh_portfolio(100_000.0), atr=4.5).passed
    nothing = TacticalLayer().evaluate(
        {"ticker": "AAPL", "direction": "bullish", "entry_price": 180.0, "time_horizon": 5}, limits, {"equity": 1e5}
    )
    assert nothing.plan is None
    assert "no stop can be set" in nothing.reason


@pytest.mark.parametrize("capital", [0, -1, float("nan"), "all"])
def test_a_capital_that_is_none_is_refused(capital):
    with pytest.raises(LightningError, match="initial_capital"):
        HierarchicalDecisionFramework(capital)


def test_the_answer_names_the_gate_and_its_numbers_and_the_odds_of_the_next_session():
    framework = HierarchicalDecisionFramework(100_000)
    answer = framework.evaluate(SIGNAL, MARKET, PRICE)
    assert answer["gate"] is None
    assert sum(answer["regime_probabilities"].values()) == pytest.approx(1.0)
    assert answer["numbers"]["reward_to_risk"] > 0
    stopped = framework.evaluate(
        SIGNAL,
        MARKET,
        PRICE,
        portfolio={"equity": 1e5, "stopped_out": {"AAPL": "bullish"}, "last_prices": {"AAPL": 179.0}},
    )
    assert (stopped["layer"], stopped["gate"]) == ("tactical", "same_move")
    assert stopped["numbers"]["max_positions"] == 12
    unknown = framework.evaluate(SIGNAL, {})
    assert (unknown["gate"], unknown["regime_probabilities"]) == ("no_regime", {})
    odds = StrategicLayer().regime_probabilities(MARKET)
    assert max(odds, key=odds.get) is MarketRegime.BULL_TRENDING
