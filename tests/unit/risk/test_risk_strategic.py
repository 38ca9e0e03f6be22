"""Regimes, and what may be risked in each."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.enums import MarketRegime
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.features import MARKET_FEATURES, Features
from lightning_gex.risk.regime_path import RegimeRules
from lightning_gex.risk.strategic import (
    DEFAULT_LIMITS,
    REGIME_KEYS,
    OwnRegime,
    RegimeLimits,
    RegimeReading,
    RegimeReadings,
    RegimeTable,
    Strategy,
    detect_regimes,
    limits_from_mapping,
)

SIX = [regime for regime in MarketRegime if regime is not MarketRegime.CUSTOM_REGIME]
FOUNDING_CUSTOM: dict[str, object] = {
    "max_portfolio_risk": 0.12,
    "max_position_size": 0.08,
    "max_positions": 4,
    "preferred_timeframes": [5, 10],
    "allowed_strategies": ["custom"],
    "stop_loss_multiplier": 2.0,
    "take_profit_multiplier": 3.5,
    "max_daily_loss": 0.025,
}
QUICK_START_MARKET = {
    "spy_trend": 0.5,
    "vix": 16.0,
    "vix_20_avg": 18.0,
    "market_adx": 32.0,
    "advance_decline_ratio": 1.4,
}


def features_of(rows: list[Mapping[str, float]]) -> Features:
    names = sorted({name for row in rows for name in row})
    as_of = np.datetime64("2020-01-02T21:00:00", "s") + np.arange(len(rows)) * np.timedelta64(1, "D")
    return Features("SPY", as_of, {n: np.array([row.get(n, math.nan) for row in rows]) for n in names})


def reading(**row: float) -> RegimeReading:
    return detect_regimes(features_of([row])).at(0)


# --- limits


def test_the_founding_documents_own_regime_is_accepted_as_written() -> None:
    table = RegimeTable()
    assert MarketRegime.CUSTOM_REGIME not in table
    table[MarketRegime.CUSTOM_REGIME] = FOUNDING_CUSTOM
    limits = table[MarketRegime.CUSTOM_REGIME]
    assert limits["max_position_size"] == limits.max_position_size == 0.08
    assert limits.preferred_timeframes == (5, 10)
    assert limits.allowed_strategies == (Strategy.CUSTOM,)


def test_a_regime_can_be_named_by_its_word() -> None:
    table = RegimeTable()
    table["crisis"] = {**table["crisis"], "max_positions": 1}
    assert table[MarketRegime.CRISIS].max_positions == 1
    assert "bull_trending" in table
    assert "boom" not in table


def test_a_change_of_one_table_leaves_the_defaults_alone() -> None:
    table = RegimeTable()
    table[MarketRegime.CRISIS] = FOUNDING_CUSTOM
    assert RegimeTable()[MarketRegime.CRISIS] == DEFAULT_LIMITS[MarketRegime.CRISIS] != table[MarketRegime.CRISIS]


def test_limits_read_as_a_mapping_of_exactly_their_keys() -> None:
    limits = DEFAULT_LIMITS[MarketRegime.CRISIS]
    assert tuple(limits) == REGIME_KEYS
    assert len(limits) == len(REGIME_KEYS) == 8
    assert limits_from_mapping(dict(limits)) == limits
    with pytest.raises(KeyError):
        limits["slots"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_portfolio_risk", 0.0),
        ("max_portfolio_risk", 1.5),
        ("max_portfolio_risk", math.nan),
        ("max_portfolio_risk", np.timedelta64(1, "D")),
        ("max_position_size", -0.1),
        ("max_position_size", True),
        ("max_positions", 1.5),
        ("max_positions", -1),
        ("max_positions", True),
        pytest.param("max_positions", -(10**5_000), id="max_positions-huge"),
        ("preferred_timeframes", []),
        ("preferred_timeframes", [0]),
        ("preferred_timeframes", [5.0]),
        ("preferred_timeframes", [10**5_000]),
        ("preferred_timeframes", 5),
        ("allowed_strategies", "custom"),
        ("allowed_strategies", ["scalping"]),
        ("allowed_strategies", {10**5_000, "custom"}),
        ("allowed_strategies", []),
        ("stop_loss_multiplier", 0),
        ("take_profit_multiplier", math.inf),
        ("max_daily_loss", "0.02"),
    ],
)
def test_a_limit_out_of_range_is_refused_by_name_and_changes_nothing(key: str, value: object) -> None:
    table = RegimeTable()
    before = table[MarketRegime.CRISIS]
    with pytest.raises(SettingsError, match=rf"crisis.*{key}"):
        table[MarketRegime.CRISIS] = {**before, key: value}
    assert table[MarketRegime.CRISIS] is before


def test_missing_and_unknown_keys_are_named() -> None:
    table = RegimeTable()
    short = {k: v for k, v in FOUNDING_CUSTOM.items() if k != "max_daily_loss"}
    with pytest.raises(SettingsError, match="lack max_daily_loss"):
        table[MarketRegime.CUSTOM_REGIME] = short
    with pytest.raises(SettingsError, match="know no max_leverage"):
        table[MarketRegime.CUSTOM_REGIME] = {**FOUNDING_CUSTOM, "max_leverage": 2}
    with pytest.raises(SettingsError, match="must be a mapping"):
        table[MarketRegime.CUSTOM_REGIME] = 0.5  # type: ignore[assignment]
    with pytest.raises(SettingsError, match="no regime is called 'boom'"):
        table["boom"] = FOUNDING_CUSTOM


def test_the_six_regimes_always_have_limits_and_the_users_own_may_go() -> None:
    table = RegimeTable()
    table[MarketRegime.CUSTOM_REGIME] = FOUNDING_CUSTOM
    assert len(table) == 7
    del table[MarketRegime.CUSTOM_REGIME]
    assert set(table) == set(SIX)
    with pytest.raises(SettingsError, match="cannot be removed"):
        del table[MarketRegime.CRISIS]


@pytest.mark.parametrize("regime", SIX)
def test_in_every_regime_the_target_stands_at_least_as_far_as_the_stop(regime: MarketRegime) -> None:
    limits = DEFAULT_LIMITS[regime]
    assert limits.take_profit_multiplier >= limits.stop_loss_multiplier
    assert limits.max_position_size <= 0.15
    assert limits.max_daily_loss <= 0.05
    assert set(limits.preferred_timeframes) <= set(range(3, 22))  # swings of 3 to 21 sessions


def test_the_quick_starts_target_is_within_reach_of_its_later_exit() -> None:
    assert 180.0 + 4.5 * DEFAULT_LIMITS[MarketRegime.BULL_TRENDING].take_profit_multiplier <= 189.50


def test_a_crisis_risks_less_than_any_other_regime() -> None:
    crisis = DEFAULT_LIMITS[MarketRegime.CRISIS]
    for regime in SIX[:-1]:
        other = DEFAULT_LIMITS[regime]
        assert crisis.max_portfolio_risk < other.max_portfolio_risk
        assert crisis.max_position_size < other.max_position_size
        assert crisis.max_positions < other.max_positions
        assert crisis.max_daily_loss < other.max_daily_loss


# --- detection


def test_the_quick_starts_market_is_bull_trending() -> None:
    found = reading(**QUICK_START_MARKET)
    assert found.regime is MarketRegime.BULL_TRENDING
    assert found.fallback is None
    assert found.reason == "VIX 16.0 (0.89 times its 20-session average), trend +0.50, ADX 32, advance/decline 1.40"


@pytest.mark.parametrize(
    ("change", "regime"),
    [
        ({"vix": 40.0}, MarketRegime.CRISIS),
        ({"vix": 30.0, "vix_20_avg": 20.0}, MarketRegime.CRISIS),
        ({"vix": 30.0, "vix_20_avg": 28.0}, MarketRegime.HIGH_VOLATILITY),
        ({"vix": 25.0, "vix_20_avg": 25.0}, MarketRegime.HIGH_VOLATILITY),
        ({"vix": 20.0, "vix_20_avg": 16.0}, MarketRegime.HIGH_VOLATILITY),
        ({"vix": 20.0, "vix_20_avg": 16.1}, MarketRegime.BULL_TRENDING),
        ({"vix": 19.9, "vix_20_avg": 10.0}, MarketRegime.BULL_TRENDING),
        ({"spy_trend": -0.5}, MarketRegime.BEAR_TRENDING),
        ({"spy_trend": 0.25, "market_adx": 25.0}, MarketRegime.BULL_TRENDING),
        ({"spy_trend": 0.24}, MarketRegime.RANGE_BOUND),
        ({"market_adx": 24.9}, MarketRegime.RANGE_BOUND),
        ({"market_adx": 24.9, "vix": 13.9}, MarketRegime.LOW_VOLATILITY),
        ({"vix": 13.9}, MarketRegime.BULL_TRENDING),
        ({"advance_decline_ratio": 0.4}, MarketRegime.RANGE_BOUND),
        ({"spy_trend": -0.5, "advance_decline_ratio": 2.1}, MarketRegime.RANGE_BOUND),
        ({"advance_decline_ratio": math.nan}, MarketRegime.BULL_TRENDING),
        ({"vix_20_avg": math.nan}, MarketRegime.BULL_TRENDING),
    ],
)
def test_the_first_rule_that_fits_names_the_regime(change: dict[str, float], regime: MarketRegime) -> None:
    assert reading(**{**QUICK_START_MARKET, **change}).regime is regime


def test_without_a_vix_the_tickers_own_volatility_stands_in_and_the_record_says_so() -> None:
    market = {**QUICK_START_MARKET, "vix": math.nan}
    calm, wild = reading(**market, volatility=0.18), reading(**market, volatility=0.45)
    assert calm.regime is MarketRegime.BULL_TRENDING
    assert wild.regime is MarketRegime.CRISIS
    assert calm.fallback == wild.fallback == "no VIX: the ticker's own volatility stands in"
    assert calm.reason.startswith("own volatility 18.0,")  # and not a VIX that nobody quoted
    assert "VIX" not in wild.reason
    assert reading(**QUICK_START_MARKET).reason.startswith("VIX 16.0 ")


def test_without_the_markets_trend_the_tickers_own_stands_in() -> None:
    own = {"price": 100.0, "sma_50": 95.0, "sma_200": 90.0, "adx": 30.0, "vix": 16.0}
    found = reading(**own)
    assert found.regime is MarketRegime.BULL_TRENDING
    assert found.fallback == (
        "no spy_trend: the ticker's own moving averages stand in; no market ADX: the ticker's own stands in"
    )
    falling = {**own, "price": 80.0, "sma_50": 85.0}
    assert reading(**falling).regime is MarketRegime.BEAR_TRENDING
    assert reading(**{**own, "price": 94.0}).regime is MarketRegime.RANGE_BOUND


def test_a_young_ticker_reads_its_trend_from_its_shorter_averages() -> None:
    young = {"price": 100.0, "sma_20": 98.0, "sma_50": 95.0, "adx": 30.0, "vix": 16.0}
    assert reading(**young).regime is MarketRegime.BULL_TRENDING


@pytest.mark.parametrize("nothing", [math.nan, 0.0, -5.0, math.inf])
def test_without_any_volatility_there_is_no_regime_because_a_crisis_cannot_be_ruled_out(nothing: float) -> None:
    found = reading(**{**QUICK_START_MARKET, "vix": nothing})
    assert found.regime is None
    assert "neither the VIX nor the ticker's own volatility" in found.reason


def test_without_a_trend_a_middling_vix_tells_no_regime_but_an_extreme_one_does() -> None:
    assert reading(vix=17.0).regime is None
    assert "trend or ADX are not known" in reading(vix=17.0).reason
    assert reading(vix=17.0, market_adx=40.0).regime is None
    assert reading(vix=17.0, market_adx=15.0).regime is MarketRegime.RANGE_BOUND
    assert reading(vix=12.0).regime is MarketRegime.LOW_VOLATILITY
    assert reading(vix=50.0).regime is MarketRegime.CRISIS


def test_nothing_at_all_is_no_regime() -> None:
    assert reading(price=100.0).regime is None


def test_the_users_own_rule_chooses_the_custom_regime_except_in_a_crisis() -> None:
    features = features_of([QUICK_START_MARKET, {**QUICK_START_MARKET, "vix": 45.0}, {"spy_trend": 0.5}])
    found = detect_regimes(features, custom=lambda row: row["spy_trend"] > 0.4)
    assert [found.at(i).regime for i in range(3)] == [MarketRegime.CUSTOM_REGIME, MarketRegime.CRISIS, None]
    assert found.at(0).reason == "the user's own rule chose it"


def shown(readings: RegimeReadings, i: int) -> tuple[object, ...]:
    """A reading with its odds as text: NaN equals NaN."""
    found = readings.at(i)
    return dataclasses.replace(found, probability={}), str(found.probability)


def test_a_regime_is_held_against_noise_and_the_record_says_what_the_session_alone_tells() -> None:
    strong, weak = QUICK_START_MARKET, {**QUICK_START_MARKET, "market_adx": 24.5}
    found = detect_regimes(features_of([strong, weak, weak]))
    assert [found.at(i).regime for i in range(3)] == [MarketRegime.BULL_TRENDING] * 3
    last = found.at(2)
    assert (last.sessions, last.told) == (3, MarketRegime.RANGE_BOUND)
    assert last.reason.endswith("bull trending since 3 sessions is not given up for range bound yet")
    flickering = detect_regimes(features_of([strong, weak]), rules=RegimeRules(1, 0.0))
    assert flickering.at(1).regime is MarketRegime.RANGE_BOUND


def test_danger_is_entered_on_the_session_that_shows_it() -> None:
    found = detect_regimes(features_of([QUICK_START_MARKET, {**QUICK_START_MARKET, "vix": 45.0}]))
    assert found.at(1).regime is MarketRegime.CRISIS
    assert found.at(1).sessions == 1


def test_a_reading_carries_the_odds_of_the_next_session() -> None:
    found = reading(**QUICK_START_MARKET)
    assert sum(found.probability.values()) == pytest.approx(1.0)
    assert max(found.probability, key=lambda regime: found.probability[regime]) is MarketRegime.BULL_TRENDING
    assert reading(price=100.0).probability == {}


class _Weekends:
    """A detector over the whole history at once."""

    def holds(self, features: Features) -> np.ndarray:
        return np.arange(len(features)) % 2 == 1


def test_regimes_of_the_users_own_have_names_limits_and_detectors_and_the_first_that_holds_counts() -> None:
    tight = dataclasses.replace(DEFAULT_LIMITS[MarketRegime.RANGE_BOUND], max_positions=1)
    odd = OwnRegime("odd days", _Weekends(), tight)
    late = OwnRegime("late", lambda row: row["vix"] > 15, tight)
    found = detect_regimes(features_of([QUICK_START_MARKET] * 3), own=[odd, late], custom=lambda row: True)
    readings = [found.at(i) for i in range(3)]
    assert [r.regime for r in readings] == [MarketRegime.CUSTOM_REGIME] * 3
    assert [r.own.name if r.own else None for r in readings] == ["late", "odd days", "late"]
    assert readings[1].reason == "the user's own regime odd days holds"


def test_a_detector_is_asked_for_one_boolean_a_row() -> None:
    class Wrong:
        def holds(self, features: Features) -> np.ndarray:
            return np.zeros(len(features) + 1)

    with pytest.raises(SettingsError, match="the detector of wrong must answer one boolean a row, 1 in all"):
        detect_regimes(
            features_of([QUICK_START_MARKET]), own=[OwnRegime("wrong", Wrong(), DEFAULT_LIMITS[MarketRegime.CRISIS])]
        )


_NUMBER = st.one_of(st.floats(0, 60), st.floats(-1, 1), st.just(math.nan))
_NAMES = (*MARKET_FEATURES, "price", "sma_20", "sma_50", "sma_200", "adx", "volatility")
_ROW = st.fixed_dictionaries(dict.fromkeys(_NAMES, _NUMBER))


@given(st.lists(_ROW, min_size=1, max_size=12), st.data())
def test_cutting_off_the_future_changes_no_earlier_regime(rows: list[dict[str, float]], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(rows)))
    whole = detect_regimes(features_of(rows))
    past = detect_regimes(features_of(rows[:cut]))
    assert [shown(past, i) for i in range(cut)] == [shown(whole, i) for i in range(cut)]
    alone = [detect_regimes(features_of([row])).at(0).told for row in rows]
    assert [whole.at(i).told for i in range(len(whole))] == alone


@given(_ROW)
def test_a_higher_vix_never_leads_to_a_calmer_regime(row: dict[str, float]) -> None:
    turmoil = {MarketRegime.CRISIS: 2, MarketRegime.HIGH_VOLATILITY: 1}

    def rank(vix: float) -> int:
        regime = reading(**{**row, "vix": vix}).regime
        return 0 if regime is None else turmoil.get(regime, 0)

    ranks = [rank(vix) for vix in (10.0, 18.0, 24.0, 29.0, 35.0, 60.0)]
    assert ranks == sorted(ranks)
    assert ranks[-1] == 2


def test_limits_are_frozen() -> None:
    limits = DEFAULT_LIMITS[MarketRegime.CRISIS]
    with pytest.raises(AttributeError):
        limits.max_positions = 9  # type: ignore[misc]
    assert isinstance(limits, RegimeLimits)


@pytest.mark.parametrize("count", [-1, 2.0, True, pytest.param(10**5_000, id="thousands of digits")])
def test_a_number_of_positions_that_is_no_limit_is_refused(count):
    with pytest.raises(SettingsError, match="max_positions"):
        limits_from_mapping({**DEFAULT_LIMITS[MarketRegime.BULL_TRENDING], "max_positions": count})
