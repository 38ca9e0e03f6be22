"""How probable each regime is at the next session's close, from how far the figures stand from the thresholds."""

from __future__ import annotations

import math

import numpy as np

from lightning_gex.core.enums import MarketRegime
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Float64Array2D
from lightning_gex.risk.regime_figures import (
    ADX_MOVE,
    BEAR_MOST_BREADTH,
    BREADTH_LOG_MOVE,
    BULL_LEAST_BREADTH,
    CODE,
    LOW_VIX,
    REGIMES,
    TREND_MOVE,
    TREND_STRENGTH,
    TRENDING_ADX,
    VIX_LOG_MOVE,
    RegimeFigures,
)

_LOGISTIC_SCALE = math.sqrt(3.0) / math.pi  # of a logistic distribution with standard deviation 1


def next_session_odds(figures: RegimeFigures, custom: BoolArray1D) -> Float64Array2D:
    """The probability of each regime at the next session's close.

    Each figure is given one session's usual move (logistic, whose tails are as fat as the VIX's own), independently of
    the others, and the thresholds of entry are asked:

        P(crisis) = P(VIX' >= c)          P(high) = P(VIX' >= h) - P(crisis), with c, h of ``RegimeFigures``
        P(bull)   = P(VIX' < h) P(trend' >= 0.25) P(ADX' >= 25) P(breadth' >= 0.5); bear is its mirror image
        P(low)    = P(VIX' < 14) (1 - share that trends)          P(range) = what is left

    Parameters
    ----------
    figures : along time.
    custom : (n,) bool, where the user's own regime holds: it is given probability 1, for a rule has no odds.

    Returns
    -------
    (n, r) in the order of ``REGIMES``; a row adds up to 1. What is absent argues for nothing: without trend or ADX
    nothing trends. NaN throughout a row without any measure of volatility.
    """
    log_vix = np.log(figures.vix)
    crisis = _above(log_vix, np.log(figures.crisis_vix()), VIX_LOG_MOVE)
    at_least_high = np.maximum(crisis, _above(log_vix, np.log(figures.high_vix()), VIX_LOG_MOVE))
    low = np.minimum(1.0 - _above(log_vix, np.full(len(log_vix), math.log(LOW_VIX)), VIX_LOG_MOVE), 1.0 - at_least_high)
    bull, bear = _trending(figures)
    calm = 1.0 - at_least_high
    neither = 1.0 - bull - bear
    out = np.zeros((len(log_vix), len(REGIMES)))
    columns = {
        MarketRegime.CRISIS: crisis,
        MarketRegime.HIGH_VOLATILITY: at_least_high - crisis,
        MarketRegime.BULL_TRENDING: calm * bull,
        MarketRegime.BEAR_TRENDING: calm * bear,
        MarketRegime.LOW_VOLATILITY: low * neither,
        MarketRegime.RANGE_BOUND: (calm - low) * neither,
    }
    for regime, probability in columns.items():
        out[:, CODE[regime]] = probability
    out[custom] = 0.0
    out[custom, CODE[MarketRegime.CUSTOM_REGIME]] = 1.0
    out[np.isnan(figures.vix)] = np.nan
    return out


def _trending(figures: RegimeFigures) -> tuple[Float64Array1D, Float64Array1D]:
    """(n,) probability that the market trends up, and down, where volatility is not high."""
    strong = _above(figures.adx, np.full(len(figures.adx), TRENDING_ADX), ADX_MOVE)
    rises = _above(figures.trend, np.full(len(figures.trend), TREND_STRENGTH), TREND_MOVE)
    falls = _above(-figures.trend, np.full(len(figures.trend), TREND_STRENGTH), TREND_MOVE)
    log_breadth = np.log(figures.breadth)
    broad = _above(log_breadth, np.full(len(log_breadth), math.log(BULL_LEAST_BREADTH)), BREADTH_LOG_MOVE)
    thin = 1.0 - _above(log_breadth, np.full(len(log_breadth), math.log(BEAR_MOST_BREADTH)), BREADTH_LOG_MOVE)
    unknown = np.isnan(log_breadth)
    bull = np.nan_to_num(strong * rises) * np.where(unknown, 1.0, broad)
    bear = np.nan_to_num(strong * falls) * np.where(unknown, 1.0, thin)
    return bull, bear


def _above(value: Float64Array1D, threshold: Float64Array1D, move: float) -> Float64Array1D:
    """(n,) probability that the value stands at or above the threshold one session on; NaN where it is unknown."""
    steps = np.clip((threshold - value) / (move * _LOGISTIC_SCALE), -700.0, 700.0)  # exp stays finite
    out: Float64Array1D = 1.0 / (1.0 + np.exp(steps))
    return out
