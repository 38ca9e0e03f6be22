"""Every decision with a history carries an expected range; one without says why."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from builders_engine import market
from lightning_gex.agents.registry import default_agents
from lightning_gex.analytics.expected_range import price_band
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.features import FORECAST_FEATURES, Features
from lightning_gex.core.series import DatedSeries
from lightning_gex.engine.config import EngineConfig
from lightning_gex.engine.inputs import NINE_DAY_COLUMN, MarketInputs, features_of
from lightning_gex.engine.outlook import NO_BAND, NO_FORECAST, NO_HISTORY, outlook_of
from lightning_gex.engine.perception import perceive

N = 460
SPY = market("SPY", 5, N)
INPUTS = MarketInputs({"SPY": SPY.bars, "AAA": market("AAA", 6, N).bars}, flow=SPY.flow, volatility_index=SPY.vix)


def test_the_band_is_the_price_give_or_take_one_deviation_by_vix() -> None:
    features = features_of("SPY", INPUTS)
    found = outlook_of(features, 5)
    row = N - 1
    expected = found.at(row)
    assert expected is not None
    vix = float(features["vix"][row]) / 100
    assert (expected.low, expected.high) == pytest.approx(price_band(float(SPY.bars.close[row]), vix, 5))
    assert 0.0 < expected.probability < 1.0
    assert expected.horizon_sessions == 5
    assert expected.volatility_forecast == features["volatility_forecast"][row]
    assert expected.volatility_forecast_horizon == features["volatility_forecast_5"][row]
    assert "deviation by VIX" in expected.basis
    assert "HAR, VIX, GEX" in expected.basis
    assert found.absence_at(row) is None


def test_another_ticker_has_the_band_of_its_own_year_and_says_so() -> None:
    found = outlook_of(features_of("AAA", INPUTS), 5)
    assert found.at(200) is None
    assert found.absence_at(200) == NO_BAND
    expected = found.at(N - 1)
    assert expected is not None
    assert "last 252 sessions" in expected.basis


def test_the_nine_day_vix_is_asked_about_the_index_alone() -> None:
    nine_day = SPY.vix.columns["close"] * np.exp(np.random.default_rng(1).normal(0.0, 0.05, N))
    columns = {**SPY.vix.columns, NINE_DAY_COLUMN: nine_day}
    more = replace(INPUTS, volatility_index=DatedSeries(SPY.vix.session, columns, "vix"))
    for ticker, asked in (("SPY", True), ("AAA", False)):
        expected = outlook_of(features_of(ticker, more), 5).at(N - 1)
        assert expected is not None
        assert ("VIX9D" in expected.basis) is asked
        assert (expected == outlook_of(features_of(ticker, INPUTS), 5).at(N - 1)) is not asked


def test_the_forecast_sees_the_gamma_of_the_index_before_the_tickers_own() -> None:
    own = DatedSeries(SPY.bars.session, {"gamma_exposure_usd_per_pct": -SPY.flow.columns["gex"]}, "own chains")
    both = features_of("AAA", replace(INPUTS, positioning={"AAA": own}))
    index = features_of("AAA", INPUTS)["gex_rank"]
    np.testing.assert_array_equal(both["gex_rank"], index)
    np.testing.assert_array_equal(both["gex_signal"], -index)
    alone = features_of("AAA", replace(INPUTS, positioning={"AAA": own}, flow=None))
    np.testing.assert_array_equal(alone["gex_rank"], -index)


def test_what_comes_too_early_is_absent_with_its_reason() -> None:
    found = outlook_of(features_of("SPY", INPUTS), 5)
    assert found.at(50) is None
    assert found.absence_at(50) == NO_FORECAST
    seen = features_of("SPY", INPUTS)
    unforecast = {name: values for name, values in seen.columns.items() if name not in FORECAST_FEATURES}
    nothing = outlook_of(Features("SPY", seen.as_of, unforecast), 5)
    assert nothing.at(N - 1) is None
    assert nothing.absence_at(N - 1) == NO_HISTORY


def test_before_enough_moves_there_is_a_range_without_a_probability() -> None:
    found = outlook_of(features_of("SPY", INPUTS), 5)
    first = int(np.flatnonzero(~np.isnan(found.low) & ~np.isnan(found.volatility_horizon))[0])
    expected = found.at(first)
    assert expected is not None
    assert math.isnan(expected.probability)
    assert "none before 126 past moves" in expected.basis


@pytest.mark.parametrize("horizon", [3, 7, 21])
def test_a_horizon_between_two_forecasts_lies_between_them(horizon: int) -> None:
    features = features_of("SPY", INPUTS)
    found = outlook_of(features, horizon)
    left, right = {3: (0, 1), 7: (1, 2), 21: (3, 3)}[horizon]
    row = N - 1
    low, high = sorted((found.volatility[row, left], found.volatility[row, right]))
    assert low <= found.volatility_horizon[row] <= high
    assert ("GEX" in found.at(row).basis) is (horizon <= 10)  # type: ignore[union-attr]


def test_a_horizon_that_is_not_forecast_is_refused() -> None:
    with pytest.raises(SettingsError, match="range_horizon_sessions must be 1 to 21, not 22"):
        EngineConfig(range_horizon_sessions=22)


def test_perceiving_the_past_alone_gives_the_same_outlook() -> None:
    whole = perceive(features_of("SPY", INPUTS), default_agents(), EngineConfig()).forecast
    cut = 400
    early = INPUTS.until(SPY.bars.session[cut - 1])
    past = perceive(features_of("SPY", early), default_agents(), EngineConfig()).forecast
    for name in ("volatility", "volatility_horizon", "low", "high", "probability", "basis"):
        np.testing.assert_array_equal(getattr(past, name), getattr(whole, name)[:cut])
    assert past.at(cut - 1) == whole.at(cut - 1)
