"""The market's figures that regimes are told from, the thresholds between regimes, and what a usual session moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightning_gex.core.enums import MarketRegime
from lightning_gex.core.features import Features
from lightning_gex.core.units import BoolArray1D, BoolArray2D, Float64Array1D, Int8Array1D

CRISIS_VIX = 40.0  # index points: closes at or above it were one day in thirty, 1999-2021
CRISIS_JUMP_VIX = 30.0  # with a jump over the 20-session average by half, this much is a crisis as well
CRISIS_JUMP_RATIO = 1.5
HIGH_VIX = 25.0  # one day in five, 1999-2021
HIGH_JUMP_VIX = 20.0  # near the long-run mean: a jump by a quarter to here counts as high
HIGH_JUMP_RATIO = 1.25
LOW_VIX = 14.0  # closes below it were one day in four, 1999-2021
TRENDING_ADX = 25.0  # Wilder, "New Concepts in Technical Trading Systems", 1978
TREND_STRENGTH = 0.25  # |spy_trend| on its scale of -1 .. 1
BULL_LEAST_BREADTH = 0.5  # advancing over declining issues below which a rising market is not called bull trending
BEAR_MOST_BREADTH = 2.0  # the mirror image

#: Standard deviation of the change from one session to the next: VIX (logarithm) 1999-2018, the market's trend and ADX
#: on SPY 2011-2018. Breadth is a sum over ten sessions and moves little; its logarithm is given the VIX's figure.
VIX_LOG_MOVE = 0.07
TREND_MOVE = 0.125
ADX_MOVE = 1.0
BREADTH_LOG_MOVE = 0.07

REGIMES: tuple[MarketRegime, ...] = tuple(MarketRegime)
CODE = {regime: code for code, regime in enumerate(REGIMES)}
NO_REGIME = -1
_POINTS = 100.0  # VIX counts volatility in percent, ``volatility`` as a fraction


@dataclass(frozen=True, slots=True, eq=False)
class RegimeFigures:
    """What a regime is told from, along time.

    Parameters
    ----------
    vix : (n,) index points, or what stood in.
    vix_average : (n,) mean of the last 20 sessions' VIX, index points; NaN where absent or where something stood in.
    trend : (n,) in [-1, 1], or what stood in.
    adx : (n,) 0..100, or what stood in.
    breadth : (n,) advancing over declining issues; NaN where absent.
    own_volatility, own_trend, own_adx : (n,) bool, where the ticker's own figure stands in for the market's.
    """

    vix: Float64Array1D
    vix_average: Float64Array1D
    trend: Float64Array1D
    adx: Float64Array1D
    breadth: Float64Array1D
    own_volatility: BoolArray1D
    own_trend: BoolArray1D
    own_adx: BoolArray1D

    def crisis_vix(self) -> Float64Array1D:
        """(n,) index points from which a row is a crisis: 40, or from 30 on half above the average."""
        return _threshold(self.vix_average, CRISIS_VIX, CRISIS_JUMP_VIX, CRISIS_JUMP_RATIO)

    def high_vix(self) -> Float64Array1D:
        """(n,) index points from which volatility is high: 25, or from 20 on a quarter above the average."""
        return _threshold(self.vix_average, HIGH_VIX, HIGH_JUMP_VIX, HIGH_JUMP_RATIO)


def figures_of(features: Features) -> RegimeFigures:
    """The figures of every row, with the ticker's own standing in where the market's are absent.

    Parameters
    ----------
    features : ``vix, vix_20_avg, spy_trend, market_adx, advance_decline_ratio``; for ``volatility, price``, the moving
        averages and ``adx`` see ``risk.strategic.detect_regimes``.
    """
    vix, own_volatility = _or_own(_positive(features["vix"]), _own_volatility(features))
    trend, own_trend = _or_own(_finite(features["spy_trend"]), _own_trend(features))
    adx, own_adx = _or_own(_finite(features["market_adx"]), _finite(features["adx"]))
    average = np.where(own_volatility, np.nan, _positive(features["vix_20_avg"]))
    breadth = _positive(features["advance_decline_ratio"])
    return RegimeFigures(vix, average, trend, adx, breadth, own_volatility, own_trend, own_adx)


def told_codes(figures: RegimeFigures) -> Int8Array1D:
    """(n,) what each row alone tells: an index into ``REGIMES``, or ``NO_REGIME``.

    A comparison with NaN is False, so what is absent argues for nothing.
    """
    vix, trend, adx, breadth = figures.vix, figures.trend, figures.adx, figures.breadth
    trending = adx >= TRENDING_ADX
    bull = trending & (trend >= TREND_STRENGTH) & ~(breadth < BULL_LEAST_BREADTH)
    bear = trending & (trend <= -TREND_STRENGTH) & ~(breadth > BEAR_MOST_BREADTH)
    known = ~np.isnan(vix)
    weak = (np.abs(trend) < TREND_STRENGTH) | (adx < TRENDING_ADX)
    range_bound = known & (weak | ~(np.isnan(trend) | np.isnan(adx)))
    ordered = {
        MarketRegime.CRISIS: vix >= figures.crisis_vix(),
        MarketRegime.HIGH_VOLATILITY: vix >= figures.high_vix(),
        MarketRegime.BULL_TRENDING: known & bull,
        MarketRegime.BEAR_TRENDING: known & bear,
        MarketRegime.LOW_VOLATILITY: known & (vix < LOW_VIX),
        MarketRegime.RANGE_BOUND: range_bound,
    }
    code = np.select(list(ordered.values()), [CODE[regime] for regime in ordered], default=NO_REGIME)
    return code.astype(np.int8)


def holding(figures: RegimeFigures, usual_moves: float) -> BoolArray2D:
    """Whether a regime that was entered still holds: its figures are no further past its thresholds than noise.

    Parameters
    ----------
    figures : along time.
    usual_moves : how many usual sessions' moves past a threshold a figure may stand; 0 leaves the thresholds of entry.

    Returns
    -------
    (n, r) bool, a column for each of ``REGIMES``. The user's own regime holds as long as its rule says so: False here.
    """
    vix, trend, adx, breadth = figures.vix, figures.trend, figures.adx, figures.breadth
    calmer, wilder = np.exp(-usual_moves * VIX_LOG_MOVE), np.exp(usual_moves * VIX_LOG_MOVE)
    strength, trending = TREND_STRENGTH - usual_moves * TREND_MOVE, TRENDING_ADX - usual_moves * ADX_MOVE
    thin = np.exp(-usual_moves * BREADTH_LOG_MOVE)
    known = ~np.isnan(vix)
    follows = known & (adx >= trending)
    # Ranges and calm hold on only until trend and ADX stand clearly above their thresholds.
    clear_trend = (np.abs(trend) >= TREND_STRENGTH + usual_moves * TREND_MOVE) & (
        adx >= TRENDING_ADX + usual_moves * ADX_MOVE
    )
    out = np.zeros((len(vix), len(REGIMES)), dtype=np.bool_)
    columns = {
        MarketRegime.CRISIS: vix >= figures.crisis_vix() * calmer,
        MarketRegime.HIGH_VOLATILITY: vix >= figures.high_vix() * calmer,
        MarketRegime.BULL_TRENDING: follows & (trend >= strength) & ~(breadth < BULL_LEAST_BREADTH * thin),
        MarketRegime.BEAR_TRENDING: follows & (trend <= -strength) & ~(breadth > BEAR_MOST_BREADTH / thin),
        MarketRegime.LOW_VOLATILITY: (vix < LOW_VIX * wilder) & ~clear_trend,
        MarketRegime.RANGE_BOUND: (vix >= LOW_VIX * calmer) & ~clear_trend,
    }
    for regime, holds in columns.items():
        out[:, CODE[regime]] = holds
    return out


def _threshold(average: Float64Array1D, level: float, jump_level: float, jump_ratio: float) -> Float64Array1D:
    """(n,) the level, or so many times the average where that is lower, though not below ``jump_level``."""
    with np.errstate(over="ignore"):
        jump = np.maximum(jump_level, jump_ratio * average)
    return np.where(jump < level, jump, level)  # no average is no jump


def _own_volatility(features: Features) -> Float64Array1D:
    """(n,) the ticker's own volatility in index points; NaN where absent."""
    with np.errstate(over="ignore"):
        return _positive(features["volatility"]) * _POINTS


def _own_trend(features: Features) -> Float64Array1D:
    """(n,) 1 where price > fast > slow average, -1 where price < fast < slow, else 0; NaN where one is absent."""
    price = _positive(features["price"])
    sma_20, sma_50, sma_200 = (_positive(features[name]) for name in ("sma_20", "sma_50", "sma_200"))
    young = np.isnan(sma_200)
    fast, slow = np.where(young, sma_20, sma_50), np.where(young, sma_50, sma_200)
    up, down = (price > fast) & (fast > slow), (price < fast) & (fast < slow)
    trend: Float64Array1D = up.astype(np.float64) - down
    trend[np.isnan(price) | np.isnan(fast) | np.isnan(slow)] = np.nan
    return trend


def _or_own(market: Float64Array1D, own: Float64Array1D) -> tuple[Float64Array1D, BoolArray1D]:
    """The market's figure, or the ticker's own where that is absent; and where the own one is used."""
    absent = np.isnan(market)
    return np.where(absent, own, market), absent & ~np.isnan(own)


def _positive(values: Float64Array1D) -> Float64Array1D:
    out: Float64Array1D = np.where(np.isfinite(values) & (values > 0.0), values, np.nan)
    return out


def _finite(values: Float64Array1D) -> Float64Array1D:
    out: Float64Array1D = np.where(np.isfinite(values), values, np.nan)
    return out
