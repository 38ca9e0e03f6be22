"""Indicators agree with their definitions, look back only, and know nothing where nothing can be known."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lightning_gex.analytics.indicators import close_to_close_volatility, price_features, trailing_mean
from lightning_gex.core.bars import Bars
from lightning_gex.core.features import PRICE_FEATURES

LEVELS = ("price", "sma_20", "sma_50", "sma_200", "bb_upper", "bb_lower", "resistance", "support", "atr", "atr_20_avg")
FIRST_KNOWN_ROW = {
    "price": 0,
    "sma_20": 19,
    "sma_50": 49,
    "sma_200": 199,
    "adx": 27,
    "rsi": 14,
    "bb_upper": 19,
    "bb_lower": 19,
    "stochastic": 15,
    "resistance": 20,
    "support": 20,
    "volume": 0,
    "avg_volume": 20,
    "atr": 14,
    "atr_20_avg": 33,
    "bb_width": 19,
    "bb_width_avg": 38,
    "volatility": 20,
}


def walk(n: int, seed: int = 7, *, drift: float = 0.0005) -> Bars:
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(drift, 0.015, n)))
    open_ = close * np.exp(random.normal(0, 0.004, n))
    high = np.maximum(open_, close) * (1 + random.uniform(0, 0.01, n))
    low = np.minimum(open_, close) * (1 - random.uniform(0, 0.01, n))
    return bars_of(open_, high, low, close, random.integers(1e5, 1e7, n).astype(np.float64))


def bars_of(open_, high, low, close, volume) -> Bars:
    session = np.datetime64("2015-01-01") + np.arange(len(close))
    return Bars("TEST", session, open_, high, low, close, volume)


def closes_only(close) -> Bars:
    close = np.asarray(close, dtype=np.float64)
    return bars_of(close, close, close, close, np.ones(len(close)))


def wilder_smoothed(values: list[float], period: int) -> list[float]:
    """Wilder's running average: the mean of the first ``period``, then (p - 1) / p of the old plus 1 / p of the new."""
    out = [sum(values[:period]) / period]
    for value in values[period:]:
        out.append((out[-1] * (period - 1) + value) / period)
    return out


def wilder_rsi(close: np.ndarray) -> list[float]:
    change = [b - a for a, b in pairwise(close)]
    up = wilder_smoothed([max(c, 0.0) for c in change], 14)
    down = wilder_smoothed([max(-c, 0.0) for c in change], 14)
    return [100 * u / (u + d) for u, d in zip(up, down, strict=True)]


def wilder_atr(bars: Bars) -> list[float]:
    return wilder_smoothed(true_ranges(bars), 14)


def true_ranges(bars: Bars) -> list[float]:
    return [max(bars.high[i], bars.close[i - 1]) - min(bars.low[i], bars.close[i - 1]) for i in range(1, len(bars))]


def wilder_adx(bars: Bars) -> list[float]:
    """Wilder 1978: directional movement and true range as running sums, DX from them, ADX the running average of DX."""
    up = [bars.high[i] - bars.high[i - 1] for i in range(1, len(bars))]
    down = [bars.low[i - 1] - bars.low[i] for i in range(1, len(bars))]
    plus = [u if u > d and u > 0 else 0.0 for u, d in zip(up, down, strict=True)]
    minus = [d if d > u and d > 0 else 0.0 for u, d in zip(up, down, strict=True)]
    sums = [sum(x[:13]) for x in (plus, minus, true_ranges(bars))]
    dx = []
    for p, m, t in list(zip(plus, minus, true_ranges(bars), strict=True))[13:]:
        sums = [s - s / 14 + x for s, x in zip(sums, (p, m, t), strict=True)]
        plus_di, minus_di = sums[0] / sums[2], sums[1] / sums[2]
        dx.append(100 * abs(plus_di - minus_di) / (plus_di + minus_di))
    return wilder_smoothed(dx, 14)


def test_the_columns_are_the_price_features():
    assert tuple(price_features(walk(30))) == PRICE_FEATURES


@pytest.mark.parametrize(("name", "row"), FIRST_KNOWN_ROW.items())
def test_each_indicator_is_known_from_its_stated_row_on(name, row):
    values = price_features(walk(260))[name]
    assert np.isnan(values[:row]).all()
    assert np.isfinite(values[row:]).all()


@pytest.mark.parametrize("n", [1, 2, 13, 14, 15, 19, 20, 27])
def test_bars_too_few_for_an_indicator_give_nan_and_no_error(n):
    features = price_features(walk(n))
    for name, row in FIRST_KNOWN_ROW.items():
        assert np.isnan(features[name]).sum() == min(row, n), name


def test_rsi_reproduces_the_worked_example_of_stockcharts():
    """The RSI table of StockCharts' ChartSchool, to the two decimals printed there."""
    close = [44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826]
    close += [45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439]
    printed = [70.53, 66.32, 66.55, 69.41, 66.36, 57.97]
    assert_allclose(price_features(closes_only(close))["rsi"][14:], printed, atol=0.006)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_wilder_indicators_agree_with_plain_loops(seed):
    bars = walk(220, seed)
    features = price_features(bars)
    assert_allclose(features["rsi"][14:], wilder_rsi(bars.close), rtol=1e-11)
    assert_allclose(features["atr"][14:], wilder_atr(bars), rtol=1e-11)
    assert_allclose(features["adx"][27:], wilder_adx(bars), rtol=1e-9)


def test_window_indicators_agree_with_their_definitions():
    bars = walk(230)
    features = price_features(bars)
    for i in (199, 205, 229):
        last_20, last_200 = bars.close[i - 19 : i + 1], bars.close[i - 199 : i + 1]
        mean, spread = np.mean(last_20), 2 * np.std(last_20)
        assert_allclose(features["sma_200"][i], math.fsum(last_200) / 200, rtol=1e-12)
        assert_allclose(features["sma_50"][i], math.fsum(bars.close[i - 49 : i + 1]) / 50, rtol=1e-12)
        assert_allclose(features["bb_upper"][i], mean + spread, rtol=1e-9)
        assert_allclose(features["bb_lower"][i], mean - spread, rtol=1e-9)
        assert_allclose(features["bb_width"][i], 2 * spread / mean, rtol=1e-8)
        assert_allclose(features["bb_width_avg"][i], np.mean(features["bb_width"][i - 19 : i + 1]), rtol=1e-12)
        assert_allclose(features["atr_20_avg"][i], np.mean(features["atr"][i - 19 : i + 1]), rtol=1e-12)


def test_stochastic_is_the_mean_of_three_positions_within_fourteen_sessions():
    bars = walk(60)
    fast = [
        100
        * (bars.close[i] - min(bars.low[i - 13 : i + 1]))
        / (max(bars.high[i - 13 : i + 1]) - min(bars.low[i - 13 : i + 1]))
        for i in range(13, 60)
    ]
    expected = [sum(fast[k - 2 : k + 1]) / 3 for k in range(2, len(fast))]
    assert_allclose(price_features(bars)["stochastic"][15:], expected, rtol=1e-11)


def test_levels_and_average_volume_leave_out_the_row_itself():
    bars = walk(40)
    features = price_features(bars)
    for i in (20, 33, 39):
        assert features["resistance"][i] == bars.high[i - 20 : i].max()
        assert features["support"][i] == bars.low[i - 20 : i].min()
        assert features["avg_volume"][i] == np.mean(bars.volume[i - 20 : i])


def test_volatility_is_the_annualised_sample_deviation_of_log_returns():
    bars = walk(60)
    returns = [math.log(b / a) for a, b in pairwise(bars.close)]
    last = returns[-20:]
    mean = math.fsum(last) / 20
    expected = math.sqrt(math.fsum((r - mean) ** 2 for r in last) / 19 * 252)
    assert_allclose(price_features(bars)["volatility"][-1], expected, rtol=1e-12)


def test_a_constant_growth_rate_has_no_volatility():
    assert_allclose(close_to_close_volatility(100 * 1.01 ** np.arange(30.0), 20)[20:], 0.0, atol=1e-12)


@given(seed=st.integers(0, 10**6), n=st.integers(2, 260), cut=st.integers(1, 259))
def test_truncating_the_future_changes_no_past_value(seed, n, cut):
    cut = min(cut, n - 1)
    bars = walk(n, seed)
    whole, past = price_features(bars), price_features(bars.first(cut))
    for name in PRICE_FEATURES:
        assert_array_equal(whole[name][:cut], past[name], err_msg=name)


@given(seed=st.integers(0, 10**6), power=st.integers(-6, 6))
def test_another_unit_of_price_scales_levels_and_leaves_ratios_alone(seed, power):
    bars, factor = walk(230, seed), 2.0**power
    scaled = bars_of(bars.open * factor, bars.high * factor, bars.low * factor, bars.close * factor, bars.volume)
    before, after = price_features(bars), price_features(scaled)
    for name in PRICE_FEATURES:
        expected = before[name] * factor if name in LEVELS else before[name]
        assert_allclose(after[name], expected, rtol=1e-9, atol=1e-12, err_msg=name)


@given(seed=st.integers(0, 10**6))
def test_oscillators_stay_between_0_and_100_and_bands_in_order(seed):
    features = price_features(walk(120, seed))
    for name in ("adx", "rsi", "stochastic"):
        known = features[name][~np.isnan(features[name])]
        assert ((known >= 0) & (known <= 100 + 1e-9)).all(), name
    known = ~np.isnan(features["bb_upper"])
    assert (features["bb_upper"] >= features["bb_lower"])[known].all()


def test_missing_volume_makes_only_volume_features_unknown():
    bars = walk(60)
    volume = bars.volume.copy()
    volume[30] = np.nan
    features = price_features(bars_of(bars.open, bars.high, bars.low, bars.close, volume))
    unknown = np.flatnonzero(np.isnan(features["avg_volume"]))
    assert_array_equal(unknown, [*range(20), *range(31, 51)])
    assert np.isfinite(features["rsi"][14:]).all()


def test_a_price_that_does_not_move_is_unknown_rather_than_oversold():
    features = price_features(closes_only(np.full(60, 50.0)))
    assert np.isnan(features["rsi"]).all()
    assert np.isnan(features["stochastic"]).all()
    assert_array_equal(features["bb_width"][19:], 0.0)


def test_rsi_is_known_again_once_the_price_moves():
    close = np.r_[100.0, 101.0, 99.0, np.full(20, 100.0), 101.0]
    rsi = price_features(closes_only(close))["rsi"]
    assert np.isnan(rsi[22])
    assert rsi[23] > 50


@given(st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=60), st.integers(0, 30))
def test_a_trailing_mean_does_not_depend_on_its_position(values, start):
    array = np.array(values)
    start = min(start, len(array) - 5)
    assert_array_equal(trailing_mean(array, 5)[start + 4 :], trailing_mean(array[start:], 5)[4:])


def test_the_features_do_not_share_memory_with_the_bars():
    bars = walk(30)
    price_features(bars)["price"][0] = -1.0
    assert bars.close[0] > 0
