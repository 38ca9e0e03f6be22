"""The market's columns look back only, go stale, and count breadth as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lightning_gex.analytics.indicators import price_features
from lightning_gex.analytics.market_features import advance_decline_ratio, market_features, trend_score
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError
from lightning_gex.core.features import MARKET_FEATURES


def bars_of(close, *, ticker="SPY", start="2019-01-01", sessions=None) -> Bars:
    close = np.asarray(close, dtype=np.float64)
    if sessions is None:
        sessions = np.datetime64(start) + np.arange(len(close))
    return Bars(ticker, sessions, close, close * 1.004, close * 0.996, close, np.full(len(close), np.nan))


def walk(n: int, seed: int, drift: float = 0.0) -> np.ndarray:
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(drift, 0.01, n)))


def universe(moves_by_ticker: np.ndarray) -> dict[str, Bars]:
    """One ticker a row; each entry is the sign of that session's move after the first."""
    return {
        f"T{k}": bars_of(np.r_[100.0, 100.0 + np.cumsum(moves)], ticker=f"T{k}")
        for k, moves in enumerate(moves_by_ticker)
    }


def test_all_sources_give_all_market_columns():
    bars = bars_of(walk(260, 1))
    out = market_features(bars.session, market_bars=bars, vix=np.full(260, 15.0), advance_decline=np.ones(260))
    assert sorted(out) == sorted(MARKET_FEATURES)


def test_a_source_that_was_not_given_leaves_its_columns_out():
    bars = bars_of(walk(30, 1))
    assert market_features(bars.session) == {}
    assert set(market_features(bars.session, vix=np.full(30, 15.0))) == {"vix", "vix_20_avg"}


def test_trend_score_is_the_documented_formula():
    z50 = math.log(110 / 100) / (0.16 / math.sqrt(252) * math.sqrt(50 / 3))
    z200 = math.log(110 / 95) / (0.16 / math.sqrt(252) * math.sqrt(200 / 3))
    got = trend_score(*(np.array([x]) for x in (110.0, 100.0, 95.0, 0.16)))
    assert_allclose(got, math.tanh((z50 + z200) / 2), rtol=1e-12)


def test_trend_score_is_unknown_without_volatility():
    assert np.isnan(trend_score(*(np.array([x]) for x in (110.0, 100.0, 95.0, 0.0)))).all()


def test_without_a_trend_the_distances_in_the_score_have_about_unit_spread():
    """A driftless walk stands sigma sqrt(k / 3) from its k-mean, so z has a deviation near 1."""
    z = []
    for seed in range(60):
        features = price_features(bars_of(walk(260, seed)))
        daily = 0.01 * np.sqrt(200 / 3)
        z.append(np.log(features["price"][-1] / features["sma_200"][-1]) / daily)
    assert 0.7 < np.std(z) < 1.3


@given(seed=st.integers(0, 10**6), drift=st.sampled_from([-0.02, 0.0, 0.02]))
def test_spy_trend_lies_between_minus_1_and_1_with_the_sign_of_a_strong_drift(seed, drift):
    bars = bars_of(walk(230, seed, drift))
    trend = market_features(bars.session, market_bars=bars)["spy_trend"][199:]
    assert (np.abs(trend) <= 1).all()
    if drift:
        assert (np.sign(trend[-1]) == np.sign(drift)).all()


@given(seed=st.integers(0, 10**6), cut=st.integers(1, 239))
def test_truncating_the_future_changes_no_past_market_value(seed, cut):
    bars, vix = bars_of(walk(240, seed)), np.random.default_rng(seed).uniform(10, 40, 240)
    tickers = universe(np.random.default_rng(seed).choice([-1, 0, 1], (22, 60)))
    breadth = advance_decline_ratio(tickers, bars.session)
    past_breadth = advance_decline_ratio({t: b.first(min(cut, 61)) for t, b in tickers.items()}, bars.session[:cut])
    whole = market_features(bars.session, market_bars=bars, vix=vix, advance_decline=breadth)
    past = market_features(bars.session[:cut], market_bars=bars.first(cut), vix=vix[:cut], advance_decline=past_breadth)
    for name in MARKET_FEATURES:
        assert_array_equal(whole[name][:cut], past[name], err_msg=name)


def test_a_market_bar_serves_over_a_long_weekend_and_no_longer():
    bars = bars_of(walk(230, 4))
    sessions = bars.session[-1] + np.array([0, 4, 5])
    adx = market_features(sessions, market_bars=bars)["market_adx"]
    own = price_features(bars)["adx"][-1]
    assert_array_equal(adx, [own, own, np.nan])


def test_a_row_never_sees_a_later_market_bar():
    bars = bars_of(walk(230, 4))
    own = price_features(bars)["adx"]
    late = market_features(bars.session[100:101], market_bars=bars)["market_adx"]
    assert late[0] == own[100]


def test_the_vix_average_holds_the_row_and_nineteen_before():
    vix = np.arange(1.0, 31.0)
    out = market_features(np.datetime64("2020-01-01") + np.arange(30), vix=vix)["vix_20_avg"]
    assert np.isnan(out[:19]).all()
    assert_allclose(out[19:], np.arange(10.5, 21.0))


def test_a_column_of_the_wrong_length_is_named():
    with pytest.raises(InputError) as caught:
        market_features(np.datetime64("2020-01-01") + np.arange(30), vix=np.ones(29))
    assert caught.value.field == "vix"


def test_breadth_is_advancers_over_decliners_of_ten_sessions():
    moves = np.zeros((25, 12))
    moves[:15], moves[15:20] = 1, -1  # 15 rise, 5 fall, 5 stand still, every session
    moves[:15, 11], moves[15:20, 11] = -1, 1  # the last session is the other way round
    tickers = universe(moves)
    ratio = advance_decline_ratio(tickers, tickers["T0"].session)
    assert np.isnan(ratio[:10]).all()
    assert_allclose(ratio[10:], [3.0, 3.0, (9 * 15 + 5) / (9 * 5 + 15)])


def test_breadth_of_nineteen_tickers_is_unknown():
    tickers = universe(np.tile([1.0, -1.0], (19, 10)))
    assert np.isnan(advance_decline_ratio(tickers, tickers["T0"].session)).all()
    assert np.isnan(advance_decline_ratio({}, tickers["T0"].session)).all()


def test_breadth_without_a_single_decline_is_unknown():
    tickers = universe(np.ones((20, 12)))
    assert np.isnan(advance_decline_ratio(tickers, tickers["T0"].session)).all()


def test_breadth_is_given_only_on_sessions_the_universe_traded():
    tickers = universe(np.tile([1.0, -1.0], (20, 8)))
    sessions = tickers["T0"].session
    ratio = advance_decline_ratio(tickers, np.r_[sessions[-1], sessions[-1] + 1])
    assert ratio[0] == 1.0
    assert np.isnan(ratio[1])


def test_a_few_tickers_trading_alone_do_not_interrupt_breadth():
    tickers = universe(np.tile([1.0, -1.0], (20, 8)))
    own = tickers["T0"].session
    extra = bars_of(np.arange(1.0, 4.0), ticker="X", sessions=own[-1] + np.array([1, 2, 3]))
    later = {
        t: bars_of(np.r_[b.close, b.close[-1] + 1], sessions=np.r_[b.session, own[-1] + 9]) for t, b in tickers.items()
    }
    ratio = advance_decline_ratio(later | {"X": extra}, np.r_[own[-1] + 2, own[-1] + 9])
    assert np.isnan(ratio[0])
    assert np.isfinite(ratio[1])
