"""Technical indicators of one ticker's daily bars: the one door to TA-Lib.

Every value looks back only: truncating the bars changes no earlier row, to the bit. Wilder-smoothed indicators (ADX,
RSI, ATR) carry their whole past, and TA-Lib's running sums their rounding, so a row does depend on where the bars
begin: give live and backtest the same first bar.
"""

from __future__ import annotations

import numpy as np
import talib

from lightning_gex.core.bars import Bars
from lightning_gex.core.units import SESSIONS_PER_YEAR, Float64Array1D

WILDER_PERIOD = 14  # sessions; Wilder, New Concepts in Technical Trading Systems (1978)
BAND_PERIOD = 20  # sessions; Bollinger, Bollinger on Bollinger Bands (2001)
BAND_WIDTH = 2.0  # population standard deviations to either side
STOCHASTIC_PERIOD, STOCHASTIC_SMOOTHING = 14, 3  # sessions; Lane's slow %K
LEVEL_PERIOD = 20  # sessions before the row: resistance, support, avg_volume
AVERAGE_PERIOD = 20  # sessions up to the row: atr_20_avg, bb_width_avg, volatility


def price_features(bars: Bars) -> dict[str, Float64Array1D]:
    """The columns ``core.features.PRICE_FEATURES`` of one ticker.

    Parameters
    ----------
    bars : (n,) daily bars, oldest first.

    Returns
    -------
    name -> (n,) float64, NaN during the warm-up (row ``k`` is the first that can be known):

    - *price* the close, *sma_20, sma_50, sma_200* its simple means (19, 49, 199), USD;
    - *adx* (27), *rsi* (14), both Wilder 14, and *stochastic*, slow %K 14, 3 (15): 0..100;
    - *atr* Wilder 14 (14), *atr_20_avg* its mean over 20 sessions with the row's own (33), USD;
    - *bb_upper, bb_lower* = mean +- 2 population standard deviations of 20 closes (19), USD; *bb_width* = (upper -
      lower) / middle (19), *bb_width_avg* its mean over 20 sessions with the row's own (38), fractions;
    - *resistance, support* the highest high and lowest low, *avg_volume* the mean volume of the 20 sessions **before**
      the row (20), so that the row itself can break or exceed them;
    - *volatility* the sample standard deviation of 20 close-to-close log returns, annualised by sqrt(252) (20),
      fraction;
    - *volume* as given.

    NaN rule: *volume* NaN where the bars have none, *avg_volume* NaN where any of its 20 volumes is. *rsi* is NaN where
    the last 14 closes did not move and *stochastic* where a window it needs has no range: 0 / 0 is unknown, not
    oversold.
    """
    high, low, close = (_doubles(x) for x in (bars.high, bars.low, bars.close))
    upper, middle, lower = talib.BBANDS(close, BAND_PERIOD, BAND_WIDTH, BAND_WIDTH)
    atr = talib.ATR(high, low, close, WILDER_PERIOD)
    bb_width = (upper - lower) / middle
    volume = _doubles(bars.volume)
    return {
        "price": close.copy(),
        "sma_20": talib.SMA(close, 20),
        "sma_50": talib.SMA(close, 50),
        "sma_200": talib.SMA(close, 200),
        "adx": talib.ADX(high, low, close, WILDER_PERIOD),
        "rsi": _rsi(close),
        "bb_upper": upper,
        "bb_lower": lower,
        "stochastic": _slow_k(high, low, close),
        "resistance": _lagged(talib.MAX(high, LEVEL_PERIOD)),
        "support": _lagged(talib.MIN(low, LEVEL_PERIOD)),
        "volume": volume.copy(),
        "avg_volume": _lagged(trailing_mean(volume, LEVEL_PERIOD)),
        "atr": atr,
        "atr_20_avg": trailing_mean(atr, AVERAGE_PERIOD),
        "bb_width": bb_width,
        "bb_width_avg": trailing_mean(bb_width, AVERAGE_PERIOD),
        "volatility": close_to_close_volatility(close, AVERAGE_PERIOD),
    }


def trailing_mean(values: Float64Array1D, window: int) -> Float64Array1D:
    """The mean of the last ``window`` rows, the row's own among them.

    Parameters
    ----------
    values : (n,).
    window : rows, positive.

    Returns
    -------
    (n,) in the unit of ``values``; NaN where any of the rows is NaN or there are too few. Summed afresh for each row in
    a fixed order, so that a value does not depend on its position in the array.
    """
    out = np.full(len(values), np.nan)
    if len(values) >= window:
        out[window - 1 :] = _window_sum(values, window) / window
    return out


def close_to_close_volatility(close: Float64Array1D, window: int) -> Float64Array1D:
    """Annualised sample standard deviation of the last ``window`` log returns.

    Parameters
    ----------
    close : (n,) USD, positive.
    window : returns, at least 2.

    Returns
    -------
    (n,) fraction a year (252 sessions); NaN on the first ``window`` rows. Two passes: the mean is taken out first.
    """
    out = np.full(len(close), np.nan)
    if len(close) > window:
        returns = np.diff(np.log(close))
        mean = _window_sum(returns, window) / window
        squares = np.zeros_like(mean)
        for k in range(window):
            squares += (returns[k : k + len(mean)] - mean) ** 2
        out[window:] = np.sqrt(squares / (window - 1) * SESSIONS_PER_YEAR)
    return out


def _rsi(close: Float64Array1D) -> Float64Array1D:
    rsi: Float64Array1D = talib.RSI(close, WILDER_PERIOD)
    moved = np.r_[True, np.diff(close) != 0].astype(np.float64)
    rsi[trailing_mean(moved, WILDER_PERIOD) == 0] = np.nan
    return rsi


def _slow_k(high: Float64Array1D, low: Float64Array1D, close: Float64Array1D) -> Float64Array1D:
    slow_k: Float64Array1D
    _, slow_k = talib.STOCHF(high, low, close, STOCHASTIC_PERIOD, STOCHASTIC_SMOOTHING)  # fast %D is slow %K
    no_range = (talib.MAX(high, STOCHASTIC_PERIOD) == talib.MIN(low, STOCHASTIC_PERIOD)).astype(np.float64)
    slow_k[trailing_mean(no_range, STOCHASTIC_SMOOTHING) > 0] = np.nan
    return slow_k


def _window_sum(values: Float64Array1D, window: int) -> Float64Array1D:
    """(n - window + 1,) sums, oldest first: no running sum whose rounding carries a past outside the window."""
    count = len(values) - window + 1
    total = np.zeros(count)
    for k in range(window):
        total += values[k : k + count]
    return total


def _lagged(values: Float64Array1D) -> Float64Array1D:
    """The value of the row before: what was known before the row's own session."""
    out = np.full(len(values), np.nan)
    out[1:] = values[:-1]
    return out


def _doubles(values: Float64Array1D) -> Float64Array1D:
    """TA-Lib reads contiguous doubles and nothing else."""
    return np.ascontiguousarray(values, dtype=np.float64)
