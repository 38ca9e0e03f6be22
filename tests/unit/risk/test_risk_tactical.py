"""Whether an idea may become a trade, and with which bracket."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from risk_accounts import an_account

from lightning_gex.core.enums import Direction, MarketRegime
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.portfolio import PortfolioView
from lightning_gex.risk.ranking import Rank
from lightning_gex.risk.strategic import DEFAULT_LIMITS, RegimeLimits, Strategy
from lightning_gex.risk.tactical import TacticalConfig, TacticalResult, TradePlan, plan_trade
from lightning_gex.risk.timing import Ahead

BULL = DEFAULT_LIMITS[MarketRegime.BULL_TRENDING]
#: Stop and target at different distances, so that no test can take the one for the other.
LOPSIDED = dataclasses.replace(BULL, stop_loss_multiplier=1.5)
NAN = math.nan
#: The agents' and the regime's levels set the bracket, and a view is traded once.
LEVELS = TacticalConfig(held_bracket_atr=0.0, one_entry_a_view=True)


def plan(
    *,
    limits: RegimeLimits = BULL,
    portfolio: PortfolioView | None = None,
    config: TacticalConfig | None = None,
    **changes: Any,
) -> TacticalResult:
    idea: dict[str, Any] = {
        "direction": Direction.BULLISH,
        "entry_price": 180.0,
        "atr": 4.5,
        "consensus_target": NAN,
        "consensus_stop": NAN,
        "horizon_sessions": 8,
        "strategy": "trend_following",
        "ticker": "AAPL",
    }
    return plan_trade(
        **{**idea, **changes}, limits=limits, portfolio=portfolio or an_account(), config=config or LEVELS
    )


def planned(result: TacticalResult) -> TradePlan:
    assert result.plan is not None
    return result.plan


# --- bracket


def test_without_the_agents_prices_the_regime_sets_the_bracket_in_atrs() -> None:
    result = plan()
    assert result.passed
    assert planned(result).stop_price == 170.55  # 180 - 2.1 x 4.5
    assert planned(result).target_price == 189.45  # 180 + 2.1 x 4.5
    assert planned(result).stop_return == pytest.approx(9.45 / 180)
    assert planned(result).reward_to_risk == pytest.approx(1.0)
    assert result.reason == "target at the regime's limit, stop at the regime's limit"
    assert result.fallback is None


def test_stop_and_target_have_each_their_own_multiple_of_the_atr() -> None:
    result = plan(limits=LOPSIDED)
    assert planned(result).stop_price == 173.25  # 180 - 1.5 x 4.5
    assert planned(result).target_price == 189.45  # 180 + 2.1 x 4.5
    assert planned(result).stop_return == pytest.approx(6.75 / 180)
    assert planned(result).target_return == pytest.approx(9.45 / 180)
    assert planned(result).reward_to_risk == pytest.approx(9.45 / 6.75)


@pytest.mark.parametrize(
    ("regime", "stop", "target"),  # ATRs
    [
        (MarketRegime.BULL_TRENDING, 2.1, 2.1),
        (MarketRegime.BEAR_TRENDING, 2.0, 2.0),
        (MarketRegime.HIGH_VOLATILITY, 2.0, 2.5),
        (MarketRegime.LOW_VOLATILITY, 2.1, 2.1),
        (MarketRegime.RANGE_BOUND, 2.1, 2.1),
        (MarketRegime.CRISIS, 2.5, 3.0),
    ],
)
def test_each_regime_sets_its_own_bracket(regime: MarketRegime, stop: float, target: float) -> None:
    result = planned(plan(limits=DEFAULT_LIMITS[regime], strategy="volatility"))
    assert result.stop_price == pytest.approx(180 - stop * 4.5, abs=0.005)  # half a tick
    assert result.target_price == pytest.approx(180 + target * 4.5, abs=0.005)


@pytest.mark.parametrize(
    ("forecast", "atr", "brackets", "unit", "word"),
    [
        (6.0, 4.5, True, 6.0, "forecast true range"),
        (3.0, 4.5, True, 4.5, "ATR"),
        (6.0, 4.5, False, 4.5, "ATR"),
        (6.0, NAN, True, 6.0, "forecast true range"),
        (NAN, 4.5, True, 4.5, "ATR"),
    ],
)
def test_distances_count_in_the_wider_of_atr_and_the_forecast_true_range(
    forecast: float, atr: float, brackets: bool, unit: float, word: str
) -> None:
    result = plan(atr=atr, true_range_forecast=forecast, config=dataclasses.replace(LEVELS, forecast_brackets=brackets))
    assert planned(result).stop_price == pytest.approx(180.0 - 2.1 * unit)
    assert planned(result).target_price == pytest.approx(180.0 + 2.1 * unit)
    assert (result.detail["distances_in"], result.detail["distance_unit_usd"]) == (word, unit)


def test_the_agents_tighter_prices_win() -> None:
    result = planned(plan(consensus_stop=175.0, consensus_target=188.0))
    assert (result.stop_price, result.target_price) == (175.0, 188.0)


def test_the_agents_wider_prices_lose() -> None:
    result = planned(plan(consensus_stop=150.0, consensus_target=220.0, limits=LOPSIDED))
    assert (result.stop_price, result.target_price) == (173.25, 189.45)


def test_a_stop_within_a_days_noise_is_moved_out_to_the_floor() -> None:
    result = plan(consensus_stop=179.9)
    assert planned(result).stop_price == 175.5  # one ATR
    assert "least distance in ATRs" in result.reason


def test_a_target_that_costs_would_eat_is_moved_out_to_the_floor() -> None:
    assert planned(plan(consensus_target=180.5)).target_price == 184.5


def test_a_stop_wider_than_the_reward_is_moved_in() -> None:
    result = plan(consensus_target=186.0)
    assert (planned(result).stop_price, planned(result).target_price) == (174.0, 186.0)
    assert "moved in" in result.reason


def test_without_an_atr_the_agents_prices_stand_alone_and_the_record_says_so() -> None:
    for atr in (NAN, 0.0, -1.0, math.inf):
        result = plan(atr=atr, consensus_stop=170.0, consensus_target=195.0)
        assert (planned(result).stop_price, planned(result).target_price) == (170.0, 195.0)
        assert result.fallback == "no ATR: the agents' stop and target stand alone"


def test_with_neither_an_atr_nor_a_stop_no_stop_can_be_set() -> None:
    result = plan(atr=NAN, consensus_target=195.0)
    assert not result.passed
    assert result.plan is None
    assert result.reason.startswith("no stop can be set")


def test_with_neither_an_atr_nor_a_target_no_target_can_be_set() -> None:
    result = plan(atr=NAN, consensus_stop=170.0)
    assert not result.passed
    assert result.reason.startswith("no target can be set")


def test_prices_on_the_wrong_side_are_left_out_and_the_record_says_so() -> None:
    result = plan(consensus_stop=181.0, consensus_target=179.0, limits=LOPSIDED)
    assert (planned(result).stop_price, planned(result).target_price) == (173.25, 189.45)
    assert result.fallback is not None
    assert "stop is on the wrong side" in result.fallback
    assert "target is on the wrong side" in result.fallback


def test_a_short_mirrors_a_long() -> None:
    short = plan(direction=Direction.BEARISH, limits=LOPSIDED, config=dataclasses.replace(LEVELS, allow_short=True))
    result = planned(short)
    assert (result.stop_price, result.target_price) == (186.75, 170.55)
    assert result.stop_return == pytest.approx(6.75 / 180)


def test_prices_below_a_dollar_keep_the_finer_tick() -> None:
    result = planned(plan(entry_price=0.28123, atr=0.008, limits=LOPSIDED))
    assert result.stop_price == pytest.approx(0.2692, abs=1e-12)
    assert result.target_price == pytest.approx(0.2980, abs=1e-12)


@pytest.mark.parametrize("price", [NAN, 0.0, -1.0, math.inf])
def test_an_entry_that_is_no_price_is_refused(price: float) -> None:
    result = plan(entry_price=price)
    assert not result.passed
    assert result.plan is None


def test_a_stop_beyond_nothing_leaves_no_trade() -> None:
    result = plan(entry_price=5.0, atr=4.5)
    assert not result.passed
    assert "leave no trade" in result.reason


_PRICE = st.floats(2.0, 5_000.0)
_SHARE = st.one_of(st.just(NAN), st.floats(-0.5, 0.5))


@given(_PRICE, st.floats(0.005, 0.08), _SHARE, _SHARE, st.sampled_from(list(DEFAULT_LIMITS.values())))
def test_every_plan_has_its_stop_and_target_on_their_sides_within_the_regimes_width_and_reward_covering_risk(
    entry: float, atr_share: float, stop_share: float, target_share: float, limits: RegimeLimits
) -> None:
    atr = entry * atr_share
    assume(atr >= 0.02)  # a tick is then at most half an ATR
    result = plan(
        entry_price=entry,
        atr=atr,
        consensus_stop=entry * (1 - stop_share),
        consensus_target=entry * (1 + target_share),
        strategy=limits.allowed_strategies[0],
        limits=limits,
    )
    assert result.passed, result.reason
    found = planned(result)
    tick = 0.0101
    assert found.stop_price < entry < found.target_price
    assert entry - found.stop_price <= limits.stop_loss_multiplier * atr + tick
    assert entry - found.stop_price >= atr - 2 * tick
    assert found.target_price - entry <= limits.take_profit_multiplier * atr + tick
    assert found.reward_to_risk >= 1.0 - 1e-9
    assert round(found.stop_price, 2) == found.stop_price
    assert round(found.target_price, 2) == found.target_price


@given(_PRICE, st.floats(0.005, 0.08), st.floats(0.5, 3.0))
def test_rounding_to_the_tick_never_costs_the_reward_its_cover_of_the_risk(
    entry: float, atr_share: float, ratio: float
) -> None:
    atr = entry * atr_share
    assume(atr >= 0.2)
    limits = dataclasses.replace(BULL, stop_loss_multiplier=2.0, take_profit_multiplier=2.0 * ratio)
    config = dataclasses.replace(LEVELS, minimum_target_atr=0.5, minimum_stop_atr=0.5, minimum_reward_to_risk=ratio)
    assert planned(plan(entry_price=entry, atr=atr, limits=limits, config=config)).reward_to_risk >= ratio * (1 - 1e-8)


# --- horizon


@pytest.mark.parametrize(
    ("agents", "snapped"), [(1, 5), (5, 5), (7, 5), (8, 10), (15, 10), (16, 21), (100, 21), (-3, 5)]
)
def test_the_horizon_snaps_to_the_nearest_preferred_timeframe(agents: int, snapped: int) -> None:
    assert BULL.preferred_timeframes == (5, 10, 21)
    assert planned(plan(horizon_sessions=agents)).horizon_sessions == snapped


def test_of_two_equally_near_timeframes_the_shorter_is_taken() -> None:
    limits = dataclasses.replace(BULL, preferred_timeframes=(10, 4))
    assert planned(plan(horizon_sessions=7, limits=limits)).horizon_sessions == 4


# --- admission


@pytest.mark.parametrize(
    ("changes", "portfolio", "reason"),
    [
        ({"strategy": "mean_reversion"}, {}, "mean_reversion is not allowed in this regime"),
        ({}, {"open_trades": {"AAPL": Direction.BULLISH}}, "already in this trade"),
        ({}, {"stopped_out": {"AAPL": Direction.BULLISH}}, "AAPL was stopped out of this idea"),
        ({}, {"open_trades": {f"T{i}": Direction.BULLISH for i in range(12)}}, "12 of 12 positions are taken"),
        ({"direction": Direction.BEARISH}, {}, "opening shorts is off"),
        ({}, {"open_risk_pct": 0.12}, "open risk 12.00% reaches the limit 12.00%"),
        ({}, {"open_risk_pct": NAN}, "open risk is not known"),
        ({}, {"daily_loss_pct": 0.03}, "the loss of the day 3.00% reaches the limit 3.00%"),
        ({}, {"daily_loss_pct": NAN}, "the loss of the day is not known"),
    ],
)
def test_an_idea_that_may_not_be_traded_is_refused_and_keeps_its_bracket_for_memory(
    changes: dict[str, Any], portfolio: dict[str, Any], reason: str
) -> None:
    trends_only = dataclasses.replace(BULL, allowed_strategies=(Strategy.TREND_FOLLOWING,))
    result = plan(**changes, limits=trends_only, portfolio=an_account(**portfolio))
    assert not result.passed
    assert result.reason.startswith(reason)
    assert planned(result).stop_return > 0
    assert all(cap.size_pct >= 0 for cap in planned(result).caps)


@pytest.mark.parametrize("stopped_out", [{"AAPL": Direction.BEARISH}, {"MSFT": Direction.BULLISH}])
def test_an_idea_is_held_back_only_in_its_own_ticker_and_direction(stopped_out: dict[str, Direction]) -> None:
    assert plan(portfolio=an_account(stopped_out=stopped_out)).passed


def test_a_view_without_direction_has_no_bracket() -> None:
    result = plan(direction=Direction.NEUTRAL)
    assert not result.passed
    assert result.plan is None
    assert result.reason == "there is no direction to trade"


def test_a_profit_on_the_day_stops_nothing() -> None:
    assert plan(portfolio=an_account(daily_loss_pct=-0.2)).passed


def test_the_plan_carries_what_the_regime_allows() -> None:
    found = planned(plan(portfolio=an_account(open_risk_pct=0.117)))
    caps = {cap.name: cap.size_pct for cap in found.caps}
    assert caps["regime_position_size"] == 0.15
    assert caps["regime_portfolio_risk"] == pytest.approx(0.003 / (9.45 / 180))


@given(st.floats(0, 0.0999), st.floats(0, 0.0999))
def test_more_risk_already_open_never_leaves_more_room(a: float, b: float) -> None:
    less, more = sorted((a, b))

    def room(open_risk: float) -> float:
        return planned(plan(portfolio=an_account(open_risk_pct=open_risk))).caps[1].size_pct

    assert room(more) <= room(less)


@pytest.mark.parametrize("name", ["minimum_stop_atr", "minimum_target_atr", "minimum_reward_to_risk"])
@pytest.mark.parametrize("value", [0.0, -1.0, NAN, math.inf])
def test_a_floor_that_is_no_positive_number_is_refused(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=name):
        TacticalConfig(**{name: value})  # type: ignore[arg-type]


# --- one idea a move, the universe, dates ahead


@pytest.mark.parametrize(
    ("account", "gate", "reason"),
    [
        ({"stopped_out": {"AAPL": Direction.BULLISH}}, "same_move", "was stopped out of this idea"),
        ({"traded_views": {"AAPL": Direction.BULLISH}}, "same_move", "was traded on this view already"),
        ({"open_trades": {"AAPL": Direction.BULLISH}}, "already_open", "already in this trade"),
        ({"daily_loss_pct": 0.03}, "regime_daily_loss", "the loss of the day"),
        ({"open_risk_pct": NAN}, "open_risk", "open risk is not known"),
    ],
)
def test_a_refusal_names_its_gate_beside_the_numbers(account: dict[str, Any], gate: str, reason: str) -> None:
    result = plan(portfolio=an_account(**account))
    assert not result.passed
    assert reason in result.reason
    assert result.detail["gate"] == gate
    assert result.detail["max_positions"] == 12
    assert result.plan is not None  # what memory learns from


def test_a_view_of_the_other_side_was_not_traded_and_passes() -> None:
    assert plan(portfolio=an_account(traded_views={"AAPL": Direction.BEARISH, "MSFT": Direction.BULLISH})).passed
    again = an_account(traded_views={"AAPL": Direction.BULLISH})
    assert plan(portfolio=again, config=TacticalConfig(one_entry_a_view=False)).passed


def test_only_the_best_part_of_a_universe_is_traded() -> None:
    config = TacticalConfig(best_share=0.25)
    assert plan(rank=Rank(8, 30, 0.97), config=config).passed  # a quarter of 30 is 7.5: eight
    refused = plan(rank=Rank(9, 30, 0.96), config=config)
    assert refused.reason == "place 9 of 30 in the session's universe: only the best 8 are traded"
    assert {"gate": "rank", "rank": 9, "ranked": 30, "rank_score": 0.96}.items() <= refused.detail.items()
    assert plan(rank=Rank(30, 30, 0.5), config=TacticalConfig(best_share=1.0)).passed


def test_a_handful_of_tickers_is_no_universe() -> None:
    assert plan(rank=Rank(4, 4, 0.5)).passed
    assert not plan(rank=Rank(5, 5, 0.5)).passed


def test_no_entry_right_before_a_dated_event() -> None:
    near, far = Ahead("earnings on 2021-01-28", 2, 9), Ahead("earnings on 2021-01-28", 3, 9)
    refused = plan(ahead=near)
    assert refused.reason == "earnings on 2021-01-28 is 2 sessions ahead"
    assert refused.detail["gate"] == "event"
    assert plan(ahead=far).passed
    assert plan(ahead=far).detail["sessions_to_event"] == 3
    assert plan(ahead=near, config=TacticalConfig(sessions_before_event=0)).passed


def test_the_monthly_expiry_is_kept_clear_of_where_that_is_asked_for() -> None:
    tomorrow = Ahead(None, None, 1)
    assert plan(ahead=tomorrow).passed
    refused = plan(ahead=tomorrow, config=TacticalConfig(sessions_before_expiry=1))
    assert (refused.reason, refused.detail["gate"]) == ("the monthly expiry is 1 session ahead", "expiry")


@pytest.mark.parametrize(
    "wrong", [{"best_share": 0.0}, {"best_share": 1.1}, {"sessions_before_event": -1}, {"sessions_before_expiry": 0.5}]
)
def test_rules_of_timing_and_rank_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        TacticalConfig(**wrong)


# --- held to the horizon


def test_a_trade_that_is_held_to_its_horizon_has_stop_and_target_far_and_equally_away() -> None:
    found = planned(plan(config=TacticalConfig(), atr=2.0, consensus_target=185.0, consensus_stop=178.0))
    assert (found.stop_price, found.target_price) == (164.0, 196.0)  # eight ATRs; the agents' levels are not asked
    assert plan(config=TacticalConfig(), atr=2.0).reason == "held to its horizon: stop and target 8 ATRs away"


def test_no_such_stop_is_farther_than_the_widest() -> None:
    result = plan(config=TacticalConfig(), atr=6.0)
    assert planned(result).stop_return == pytest.approx(0.20)
    assert planned(result).target_return == pytest.approx(0.20)
    assert "20% of the price" in result.reason


def test_without_an_atr_the_agents_levels_stand_in() -> None:
    found = planned(plan(config=TacticalConfig(), atr=NAN, consensus_target=189.0, consensus_stop=171.0))
    assert (found.stop_price, found.target_price) == (171.0, 189.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"held_bracket_atr": -1.0},
        {"held_bracket_atr": NAN},
        {"widest_bracket_pct": 0.0},
        {"widest_bracket_pct": 1.0},
        {"core_horizon_sessions": 0},
        {"core_horizon_sessions": 2.5},
    ],
)
def test_a_width_or_horizon_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        TacticalConfig(**wrong)
