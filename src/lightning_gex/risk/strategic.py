"""Strategic layer: which regime the market is in, and what may be risked in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TypeGuard

import numpy as np

from lightning_gex.core.enums import MarketRegime
from lightning_gex.core.errors import SettingsError
from lightning_gex.core.features import Features
from lightning_gex.core.units import BoolArray1D, Float64Array1D, Int8Array1D


class Strategy(StrEnum):
    """The strategy words that a regime allows or forbids; every agent trades under one of them."""

    TREND_FOLLOWING = "trend_following"
    MEAN_REVERSION = "mean_reversion"
    BREAKOUT = "breakout"
    VOLATILITY = "volatility"
    OPTIONS_FLOW = "options_flow"
    CUSTOM = "custom"


# ---------------------------------------------------------------- limits of a regime

_LARGEST_MULTIPLIER = 20.0  # ATRs; more is a typing error
_LONGEST_TIMEFRAME = 252  # sessions


@dataclass(frozen=True, slots=True, eq=False)
class RegimeLimits(Mapping[str, object]):
    """What may be risked in one regime. Also a read-only mapping of its fields, as the founding document reads it.

    Parameters
    ----------
    max_portfolio_risk : sum of (stop distance x quantity) over equity, in (0, 1].
    max_position_size : notional of one position over equity, in (0, 1].
    max_positions : open trades and pending entries together, at least 0.
    preferred_timeframes : horizons in sessions; a trade's horizon snaps to the nearest.
    allowed_strategies : ``Strategy`` words.
    stop_loss_multiplier, take_profit_multiplier : ATRs from the entry, the widest that stop and target may be.
    max_daily_loss : loss of one session over equity at its open that ends entries in this regime, in (0, 1].

    Raises
    ------
    SettingsError : naming the key that is out of range.
    """

    max_portfolio_risk: float
    max_position_size: float
    max_positions: int
    preferred_timeframes: tuple[int, ...]
    allowed_strategies: tuple[Strategy, ...]
    stop_loss_multiplier: float
    take_profit_multiplier: float
    max_daily_loss: float

    def __post_init__(self) -> None:
        for name in ("max_portfolio_risk", "max_position_size", "max_daily_loss"):
            _require_number(name, getattr(self, name), 1.0)
        for name in ("stop_loss_multiplier", "take_profit_multiplier"):
            _require_number(name, getattr(self, name), _LARGEST_MULTIPLIER)
        if not _is_whole(self.max_positions) or self.max_positions < 0:
            raise SettingsError(f"max_positions must be a whole number of at least 0, not {self.max_positions!r}")
        frames = _tuple_of("preferred_timeframes", self.preferred_timeframes)
        if not all(_is_whole(frame) and 1 <= frame <= _LONGEST_TIMEFRAME for frame in frames):
            raise SettingsError(
                f"preferred_timeframes must be whole sessions from 1 to {_LONGEST_TIMEFRAME}, not {list(frames)!r}"
            )
        object.__setattr__(self, "preferred_timeframes", tuple(sorted(set(frames))))
        strategies = tuple(_strategy(word) for word in _tuple_of("allowed_strategies", self.allowed_strategies))
        object.__setattr__(self, "allowed_strategies", strategies)

    def __getitem__(self, key: str) -> object:
        if key not in REGIME_KEYS:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(REGIME_KEYS)

    def __len__(self) -> int:
        return len(REGIME_KEYS)


REGIME_KEYS: tuple[str, ...] = tuple(f.name for f in fields(RegimeLimits))


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _require_number(name: str, value: object, largest: float) -> None:
    is_number = isinstance(value, int | float | np.floating | np.integer) and not isinstance(value, bool)
    if not is_number or not 0.0 < float(value) <= largest:  # type: ignore[arg-type]  # NaN fails the comparison
        raise SettingsError(f"{name} must be a number above 0 and up to {largest:g}, not {value!r}")


def _tuple_of(name: str, value: object) -> tuple[object, ...]:
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset) or not value:
        raise SettingsError(f"{name} must be a list with at least one entry, not {value!r}")
    return tuple(sorted(value, key=str)) if isinstance(value, set | frozenset) else tuple(value)


def _strategy(word: object) -> Strategy:
    try:
        return Strategy(word)  # type: ignore[arg-type]
    except ValueError:
        known = ", ".join(Strategy)
        raise SettingsError(f"allowed_strategies names {word!r}; known are {known}") from None


def limits_from_mapping(values: Mapping[str, object]) -> RegimeLimits:
    """Regime limits from a plain mapping, as the founding document writes them.

    Raises
    ------
    SettingsError : naming a key that is missing, unknown or out of range.
    """
    missing = [key for key in REGIME_KEYS if key not in values]
    if missing:
        raise SettingsError(f"the regime's limits lack {', '.join(missing)}")
    unknown = [str(key) for key in values if key not in REGIME_KEYS]
    if unknown:
        raise SettingsError(f"the regime's limits know no {', '.join(unknown)}; the keys are {', '.join(REGIME_KEYS)}")
    return RegimeLimits(**dict(values))  # type: ignore[arg-type]  # every field validates itself


_ALL_STRATEGIES = tuple(Strategy)
#: The founding document names the regimes and the shape of their limits; these figures are this project's choice.
#: Money at risk shrinks as volatility grows and horizons shorten; trends are followed everywhere but in high volatility
#: and crisis. A rule against following them in ranges was tried and left: on SPY and nine sector and index funds,
#: bullish signals of 2012-2018 ended better in ranges (+44 and +28 bp after costs) than in bull trends (+5 and -1 bp).
#: Stops and targets are as wide as what they must outlast: one standard deviation of a ten-session move is sqrt(10) of
#: a daily one, and the mean daily range is sqrt(8 / pi) of that (Feller 1951), so about 2.0 ATRs. A driftless walk
#: reaches a stop 1.25 ATRs away within ten sessions in 53 of 100 cases and one 2.1 ATRs away in 29; SPY's lows of
#: 2012-2018 did in 50 and in 30. The founding quick start bounds the target of a bull market: 189.50, from 180 with an
#: ATR of 4.5, is its take profit. In every regime the target stands at least as far as the stop.
DEFAULT_LIMITS: Mapping[MarketRegime, RegimeLimits] = {
    MarketRegime.BULL_TRENDING: RegimeLimits(
        max_portfolio_risk=0.10,
        max_position_size=0.15,
        max_positions=8,
        preferred_timeframes=(5, 10, 21),
        allowed_strategies=(
            Strategy.TREND_FOLLOWING,
            Strategy.BREAKOUT,
            Strategy.VOLATILITY,
            Strategy.OPTIONS_FLOW,
            Strategy.CUSTOM,
        ),
        stop_loss_multiplier=2.1,
        take_profit_multiplier=2.1,
        max_daily_loss=0.03,
    ),
    MarketRegime.BEAR_TRENDING: RegimeLimits(
        max_portfolio_risk=0.06,
        max_position_size=0.10,
        max_positions=4,
        preferred_timeframes=(3, 5, 10),
        allowed_strategies=(
            Strategy.TREND_FOLLOWING,
            Strategy.MEAN_REVERSION,
            Strategy.VOLATILITY,
            Strategy.OPTIONS_FLOW,
            Strategy.CUSTOM,
        ),
        stop_loss_multiplier=2.0,
        take_profit_multiplier=2.0,
        max_daily_loss=0.02,
    ),
    MarketRegime.HIGH_VOLATILITY: RegimeLimits(
        max_portfolio_risk=0.05,
        max_position_size=0.05,
        max_positions=4,
        preferred_timeframes=(3, 5),
        allowed_strategies=(
            Strategy.MEAN_REVERSION,
            Strategy.VOLATILITY,
            Strategy.OPTIONS_FLOW,
            Strategy.CUSTOM,
        ),
        stop_loss_multiplier=2.0,
        take_profit_multiplier=2.5,
        max_daily_loss=0.02,
    ),
    MarketRegime.LOW_VOLATILITY: RegimeLimits(
        max_portfolio_risk=0.10,
        max_position_size=0.15,
        max_positions=8,
        preferred_timeframes=(5, 10, 21),
        allowed_strategies=_ALL_STRATEGIES,
        stop_loss_multiplier=2.1,
        take_profit_multiplier=2.1,
        max_daily_loss=0.03,
    ),
    MarketRegime.RANGE_BOUND: RegimeLimits(
        max_portfolio_risk=0.08,
        max_position_size=0.10,
        max_positions=6,
        preferred_timeframes=(3, 5, 10),
        allowed_strategies=_ALL_STRATEGIES,
        stop_loss_multiplier=2.1,
        take_profit_multiplier=2.1,
        max_daily_loss=0.025,
    ),
    MarketRegime.CRISIS: RegimeLimits(
        max_portfolio_risk=0.02,
        max_position_size=0.02,
        max_positions=2,
        preferred_timeframes=(3,),
        allowed_strategies=(Strategy.VOLATILITY, Strategy.OPTIONS_FLOW),
        stop_loss_multiplier=2.5,
        take_profit_multiplier=3.0,
        max_daily_loss=0.01,
    ),
}


class RegimeTable(MutableMapping[MarketRegime, RegimeLimits]):
    """The limits of every regime: live, and validated at each assignment.

    Keys are ``MarketRegime`` or its words. Values may be assigned as ``RegimeLimits`` or as a plain mapping with
    exactly its keys; reading gives ``RegimeLimits``, which reads like a mapping as well. The six regimes can be changed
    but not removed; the user's own exists once it is assigned.
    """

    def __init__(self, limits: Mapping[MarketRegime, RegimeLimits] = DEFAULT_LIMITS) -> None:
        self._limits: dict[MarketRegime, RegimeLimits] = {**DEFAULT_LIMITS, **limits}

    def __getitem__(self, regime: MarketRegime | str) -> RegimeLimits:
        try:
            return self._limits[MarketRegime(regime)]
        except ValueError:
            raise KeyError(regime) from None

    def __setitem__(self, regime: MarketRegime | str, limits: RegimeLimits | Mapping[str, object]) -> None:
        try:
            key = MarketRegime(regime)
        except ValueError:
            raise SettingsError(f"no regime is called {regime!r}; known are {', '.join(MarketRegime)}") from None
        if not isinstance(limits, Mapping):
            raise SettingsError(f"the limits of {key} must be a mapping of {', '.join(REGIME_KEYS)}, not {limits!r}")
        try:
            self._limits[key] = limits if isinstance(limits, RegimeLimits) else limits_from_mapping(limits)
        except SettingsError as error:
            raise SettingsError(f"{key}: {error}") from None

    def __delitem__(self, regime: MarketRegime | str) -> None:
        key = MarketRegime(regime)
        if key in DEFAULT_LIMITS:
            raise SettingsError(f"{key} needs limits: change them, they cannot be removed")
        del self._limits[key]

    def __iter__(self) -> Iterator[MarketRegime]:
        return iter(self._limits)

    def __len__(self) -> int:
        return len(self._limits)


# ---------------------------------------------------------------- which regime it is

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
_POINTS = 100.0  # VIX counts volatility in percent, ``volatility`` as a fraction

_REGIMES: tuple[MarketRegime, ...] = tuple(MarketRegime)
_CODE = {regime: code for code, regime in enumerate(_REGIMES)}
_NO_REGIME = -1


@dataclass(frozen=True, slots=True)
class RegimeReading:
    """The regime at one moment; None where nothing tells. ``fallback`` names what stood in for absent inputs."""

    regime: MarketRegime | None
    reason: str
    fallback: str | None


@dataclass(frozen=True, slots=True, eq=False)
class RegimeReadings:
    """Regimes along time, with the numbers that decided.

    Parameters
    ----------
    code : (n,) index into ``MarketRegime`` in its order; -1 where no regime could be told.
    vix : (n,) index points, or what stood in.
    vix_ratio : (n,) VIX over its 20-session average; NaN where absent.
    trend : (n,) in [-1, 1], or what stood in.
    adx : (n,) 0..100, or what stood in.
    breadth : (n,) advancing over declining issues; NaN where absent.
    own_volatility, own_trend, own_adx : (n,) bool, where the ticker's own figure stands in for the market's.
    """

    code: Int8Array1D
    vix: Float64Array1D
    vix_ratio: Float64Array1D
    trend: Float64Array1D
    adx: Float64Array1D
    breadth: Float64Array1D
    own_volatility: BoolArray1D
    own_trend: BoolArray1D
    own_adx: BoolArray1D

    def __len__(self) -> int:
        return len(self.code)

    def at(self, i: int) -> RegimeReading:
        """The reading at row ``i``, in words."""
        code = int(self.code[i])
        regime = None if code == _NO_REGIME else _REGIMES[code]
        return RegimeReading(regime, self._reason(regime, i), self._fallback(i))

    def _reason(self, regime: MarketRegime | None, i: int) -> str:
        index = "own volatility" if self.own_volatility[i] else "VIX"
        if regime is None:
            if math.isnan(self.vix[i]):
                return "neither the VIX nor the ticker's own volatility is known: no regime can be told"
            known = f"{index} {self.vix[i]:.1f} is neither high nor low"
            return f"{known}, and trend or ADX are not known: no regime can be told"
        if regime is MarketRegime.CUSTOM_REGIME:
            return "the user's own rule chose it"
        ratio = "" if math.isnan(self.vix_ratio[i]) else f" ({self.vix_ratio[i]:.2f} times its 20-session average)"
        parts = [f"{index} {self.vix[i]:.1f}{ratio}"]
        if regime not in (MarketRegime.CRISIS, MarketRegime.HIGH_VOLATILITY):
            parts += [
                f"{name} {value:{form}}"
                for name, value, form in (
                    ("trend", float(self.trend[i]), "+.2f"),
                    ("ADX", float(self.adx[i]), ".0f"),
                    ("advance/decline", float(self.breadth[i]), ".2f"),
                )
                if not math.isnan(value)
            ]
        return ", ".join(parts)

    def _fallback(self, i: int) -> str | None:
        parts = []
        if self.own_volatility[i]:
            parts.append("no VIX: the ticker's own volatility stands in")
        if self.own_trend[i]:
            parts.append("no spy_trend: the ticker's own moving averages stand in")
        if self.own_adx[i]:
            parts.append("no market ADX: the ticker's own stands in")
        return "; ".join(parts) or None


CustomRegimeRule = Callable[[Mapping[str, float]], bool]


def detect_regimes(features: Features, *, custom: CustomRegimeRule | None = None) -> RegimeReadings:
    """The market regime of every row, from that row alone.

    The first that fits, in this order (constants above):

    1. crisis: VIX >= 40, or >= 30 and half above its 20-session average
    2. the user's own, where ``custom`` says so
    3. high volatility: VIX >= 25, or >= 20 and a quarter above its 20-session average
    4. bull trending: trend >= 0.25, ADX >= 25, breadth not below 0.5; bear trending: its mirror image
    5. low volatility: VIX < 14
    6. range-bound: the trend or the ADX is weak, or breadth contradicts them

    Parameters
    ----------
    features : ``vix, vix_20_avg, spy_trend, market_adx, advance_decline_ratio``. Where the VIX is absent the ticker's
        own ``volatility`` in percent stands in; where ``spy_trend`` is, the order of its price and moving averages
        (1 in order upwards, -1 downwards, else 0); where ``market_adx`` is, its own ``adx``. Breadth and the VIX
        average are optional.
    custom : given a row as name -> value (NaN where absent), whether it is ``MarketRegime.CUSTOM_REGIME``.

    Returns
    -------
    n readings. Without any measure of volatility there is no regime: a crisis could not be ruled out.
    """
    vix, own_volatility = _or_own(_positive(features["vix"]), _own_volatility(features))
    trend, own_trend = _or_own(_finite(features["spy_trend"]), _own_trend(features))
    adx, own_adx = _or_own(_finite(features["market_adx"]), _finite(features["adx"]))
    average = _positive(features["vix_20_avg"])
    with np.errstate(over="ignore"):  # an absurd average gives an infinite ratio, which counts as a jump
        vix_ratio = np.where(own_volatility, np.nan, vix / average)
    breadth = _positive(features["advance_decline_ratio"])
    code = _codes(vix, vix_ratio, trend, adx, breadth)
    if custom is not None:
        for i in np.flatnonzero((code != _CODE[MarketRegime.CRISIS]) & ~np.isnan(vix)):
            if custom(features.at(int(i))):
                code[i] = _CODE[MarketRegime.CUSTOM_REGIME]
    return RegimeReadings(code, vix, vix_ratio, trend, adx, breadth, own_volatility, own_trend, own_adx)


def _codes(
    vix: Float64Array1D,
    vix_ratio: Float64Array1D,
    trend: Float64Array1D,
    adx: Float64Array1D,
    breadth: Float64Array1D,
) -> Int8Array1D:
    """(n,) regime codes; a comparison with NaN is False, so what is absent argues for nothing."""
    crisis = (vix >= CRISIS_VIX) | ((vix >= CRISIS_JUMP_VIX) & (vix_ratio >= CRISIS_JUMP_RATIO))
    high = (vix >= HIGH_VIX) | ((vix >= HIGH_JUMP_VIX) & (vix_ratio >= HIGH_JUMP_RATIO))
    trending = adx >= TRENDING_ADX
    bull = trending & (trend >= TREND_STRENGTH) & ~(breadth < BULL_LEAST_BREADTH)
    bear = trending & (trend <= -TREND_STRENGTH) & ~(breadth > BEAR_MOST_BREADTH)
    known = ~np.isnan(vix)
    calm = known & (vix < LOW_VIX)
    weak = (np.abs(trend) < TREND_STRENGTH) | (adx < TRENDING_ADX)
    range_bound = known & (weak | ~(np.isnan(trend) | np.isnan(adx)))
    code = np.select(
        [crisis, high, known & bull, known & bear, calm, range_bound],
        [
            _CODE[regime]
            for regime in (
                MarketRegime.CRISIS,
                MarketRegime.HIGH_VOLATILITY,
                MarketRegime.BULL_TRENDING,
                MarketRegime.BEAR_TRENDING,
                MarketRegime.LOW_VOLATILITY,
                MarketRegime.RANGE_BOUND,
            )
        ],
        default=_NO_REGIME,
    )
    return code.astype(np.int8)


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
