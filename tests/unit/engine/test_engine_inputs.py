"""Market data become features: what was not given is absent with a reason, and nothing is known before its session."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders_engine import SESSIONS, bars_of, calm, market, without_rows
from lightning_gex.core.errors import InputError
from lightning_gex.core.features import CHAIN_FEATURES, OPTIONS_FEATURES
from lightning_gex.core.series import DatedSeries
from lightning_gex.engine.inputs import MAX_AGE_DAYS, MarketInputs, features_of, market_ticker_among

N = 120
ONE, TWO = market("SPY", 5, N), market("AAA", 6, N)


def positioning(n: int = N, seed: int = 3) -> DatedSeries:
    random = np.random.default_rng(seed)
    close = ONE.bars.close[:n]
    columns = {
        "gamma_exposure_usd_per_pct": 1e9 * random.standard_normal(n),
        "zero_gamma": close * 0.99,
        "call_wall": close * 1.03,
        "put_wall": close * 0.97,
        "dealer_models_agree": np.round(random.random(n)),
        "charm_exposure_usd_per_day": 1e8 * random.standard_normal(n),
        "vanna_exposure_usd_per_vol_point": 1e8 * random.standard_normal(n),
        "implied_vol": 0.15 + 0.02 * random.random(n),
    }
    return DatedSeries(ONE.bars.session[:n], columns, "modelled")


def everything() -> MarketInputs:
    return MarketInputs(
        {"SPY": ONE.bars, "AAA": TWO.bars},
        flow=ONE.flow,
        volatility_index=ONE.vix,
        positioning={"SPY": positioning()},
        rates=DatedSeries(ONE.bars.session, {"bill_rate": np.full(N, 0.02)}, "rates"),
        market_ticker="SPY",
    )


def test_a_run_needs_bars():
    with pytest.raises(InputError, match="no bars"):
        MarketInputs({})


def test_flow_with_the_dark_pool_index_alone_gives_that_rank_alone():
    dix = DatedSeries(ONE.flow.session, {"dix": ONE.flow.columns["dix"]}, "dix")
    features = features_of("SPY", MarketInputs({"SPY": ONE.bars}, flow=dix))
    both = features_of("SPY", MarketInputs({"SPY": ONE.bars}, flow=ONE.flow))
    np.testing.assert_array_equal(features["dark_pool_flow"], both["dark_pool_flow"])
    assert np.isfinite(features["dark_pool_flow"]).any()
    assert np.isnan(features["gex_signal"]).all()
    assert "gex_signal" in features.absent


def test_the_market_is_the_broadest_index_there_is():
    assert market_ticker_among(["AAPL", "SPX", "SPY"]) == "SPY"
    assert market_ticker_among(["AAPL", "^GSPC"]) == "^GSPC"
    assert market_ticker_among(["AAPL"]) is None


def test_until_holds_what_was_known_after_that_close_and_nothing_more():
    late = bars_of("BBB", [10.0] * 5, first=300)  # begins in 2020
    inputs = MarketInputs({"SPY": ONE.bars, "BBB": late}, flow=ONE.flow, rates=everything().rates)
    past = inputs.until(ONE.bars.session[50])
    assert set(past.bars) == {"SPY"}
    assert len(past.bars["SPY"]) == 51
    assert past.flow is not None
    assert past.flow.session[-1] == ONE.bars.session[50]
    assert past.rates is not None
    assert len(past.rates.columns["bill_rate"]) == 51
    assert past.volatility_index is None


def test_until_a_day_without_a_session_is_until_the_session_before():
    weekend = ONE.bars.session[1] + np.timedelta64(2, "D")  # Friday 2015-01-02, Monday the 5th and on
    expected = int((ONE.bars.session <= weekend).sum())
    assert len(everything().until(weekend).bars["SPY"]) == expected


def test_before_the_first_session_there_is_nothing_to_run_on():
    with pytest.raises(InputError, match="no bars"):
        everything().until(np.datetime64("2014-12-31"))


def test_what_was_not_given_is_absent_and_says_why():
    features = features_of("AAA", MarketInputs({"AAA": TWO.bars}))
    for name in (*OPTIONS_FEATURES, *CHAIN_FEATURES, "vix", "vix_20_avg", "advance_decline_ratio"):
        assert np.isnan(features[name]).all(), name
    assert "no option chains or flow" in features.absent["gex_signal"]
    assert "no volatility index" in features.absent["vix"]
    assert "at least 20 tickers" in features.absent["advance_decline_ratio"]
    (stand_in,) = features.stand_ins
    assert "own stand in" in stand_in
    assert features.row(0).stand_ins == features.stand_ins


def test_a_row_is_dated_by_the_close_of_its_session():
    features = features_of("AAA", everything())
    assert features.as_of[0] == np.datetime64("2015-01-02T21:00:00")
    summer = int(np.flatnonzero(TWO.bars.session == np.datetime64("2015-06-01"))[0])
    assert features.as_of[summer] == np.datetime64("2015-06-01T20:00:00")


def test_every_group_of_features_is_there_when_its_input_is():
    features = features_of("SPY", everything())
    for name in (*CHAIN_FEATURES, "gex_signal", "charm_pressure", "vanna_sensitivity", "dark_pool_flow", "vix"):
        assert np.isfinite(features[name][-1]), name
    assert np.isnan(features["gex_signal"][:59]).all()  # a rank needs 60 sessions
    assert np.array_equal(features["vix"], ONE.vix.columns["close"])


def test_positioning_belongs_to_its_ticker_alone_and_flow_to_all():
    features = features_of("AAA", everything())
    assert np.isnan(features["call_wall"]).all()
    assert np.isfinite(features["dark_pool_flow"][-1])


def test_a_series_that_stopped_is_stale_and_then_absent():
    vix = DatedSeries(SESSIONS[:10], {"close": np.full(10, 12.0)}, "vix")
    bars = bars_of("AAA", [100.0] * 20)
    seen = features_of("AAA", MarketInputs({"AAA": bars}, volatility_index=vix))["vix"]
    age = (bars.session - SESSIONS[9]).astype(np.int64)
    assert np.array_equal(np.isfinite(seen), age <= MAX_AGE_DAYS)


def test_ready_made_market_columns_win_over_computed_ones_where_they_are_known():
    given_vix = np.where(np.arange(N) < 60, 33.0, np.nan)
    table = DatedSeries(ONE.bars.session, {"vix": given_vix}, "market.csv")
    inputs = MarketInputs({"SPY": ONE.bars}, volatility_index=ONE.vix, market=table)
    vix = features_of("SPY", inputs)["vix"]
    assert (vix[:60] == 33.0).all()
    assert np.array_equal(vix[70:], ONE.vix.columns["close"][70:])
    alone = features_of("SPY", MarketInputs({"SPY": ONE.bars}, market=table))
    assert "vix" not in alone.absent


def test_a_ticker_that_misses_sessions_has_rows_for_its_own_only():
    bars = without_rows(TWO.bars, [10, 11, 50])
    features = features_of("AAA", MarketInputs({"SPY": ONE.bars, "AAA": bars}, volatility_index=ONE.vix))
    assert len(features) == N - 3
    assert features["vix"][10] == ONE.vix.columns["close"][12]


@settings(max_examples=12)
@given(cut=st.integers(1, N - 1), ticker=st.sampled_from(["SPY", "AAA"]))
def test_cutting_the_future_off_changes_no_feature_of_the_past(cut, ticker):
    inputs = everything()
    whole = features_of(ticker, inputs)
    past = features_of(ticker, inputs.until(ONE.bars.session[cut - 1]))
    assert len(past) == cut
    for name in set(whole.columns) | set(past.columns):
        assert np.array_equal(whole[name][:cut], past[name], equal_nan=True), name


def test_market_features_of_a_calm_index_are_the_same_on_every_row():
    features = features_of("AAA", MarketInputs({"AAA": bars_of("AAA", [100.0] * 40)}, volatility_index=calm()))
    assert (features["vix"] == 12.0).all()
    assert (features["vix_20_avg"][19:] == 12.0).all()
