"""Strategic layer: which regime the market is in, and what may be risked in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Protocol, TypeGuard

import numpy as np

from lightning_gex.core.deferred import Deferred, deferring
from lightning_gex.core.enums import MarketRegime
from lightning_gex.core.errors import SettingsError, shown
from lightning_gex.core.features import Features
from lightning_gex.core.quick_init import quick_init
from lightning_gex.core.units import BoolArray1D, Float64Array2D, Int8Array1D, Int64Array1D
from lightning_gex.risk.regime_figures import (
    CODE,
    NO_REGIME,
    REGIMES,
    RegimeFigures,
    figures_of,
    holding,
    told_codes,
)
from lightning_gex.risk.regime_odds import next_session_odds
from lightning_gex.risk.regime_path import RegimeRules, settled


class Strategy(StrEnum):
    """The strategy words that a regime allows or forbids; every agent trades under one of them."""

    TREND_FOLLOWING = "trend_following"
    MEAN_REVERSION = "mean_reversion"
    BREAKOUT = "breakout"
    VOLATILITY = "volatility"
    OPTIONS_FLOW = "options_flow"
    CORE = "core"
    CUSTOM = "custom"


# ---------------------------------------------------------------- limits of a regime

_MOST_POSITIONS = 10**9  # more is no limit
_LARGEST_MULTIPLIER = 20.0  # ATRs; more is a typing error
_LONGEST_TIMEFRAME = 252  # sessions


@dataclass(frozen=True, slots=True, eq=False)
class RegimeLimits(Mapping[str, object]):
    """What may be risked in one regime. Also a read-only mapping of its fields, as the founding document reads it.

    Parameters
    ----------
    max_portfolio_risk : sum of (stop distance x quantity) over equity, in (0, 1].
    max_position_size : notional of one position over equity, in (0, 1].
    max_positions : open trades and pending entries together, 0 to a billion.
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
        if not _is_whole(self.max_positions) or not 0 <= self.max_positions <= _MOST_POSITIONS:
            raise SettingsError(f"max_positions must be a whole number of at least 0, not {shown(self.max_positions)}")
        frames = _tuple_of("preferred_timeframes", self.preferred_timeframes)
        if not all(_is_whole(frame) and 1 <= frame <= _LONGEST_TIMEFRAME for frame in frames):
            raise SettingsError(
                f"preferred_timeframes must be whole sessions from 1 to {_LONGEST_TIMEFRAME}, not {shown(list(frames))}"
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
    is_number = isinstance(value, int | float | np.floating | np.integer)
    is_number = is_number and not isinstance(value, bool | np.timedelta64)  # numpy calls a span of time an integer
    if not is_number or not 0.0 < value <= largest:  # type: ignore[operator]  # NaN fails the comparison
        raise SettingsError(f"{name} must be a number above 0 and up to {largest:g}, not {shown(value)}")


def _tuple_of(name: str, value: object) -> tuple[object, ...]:
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset) or not value:
        raise SettingsError(f"{name} must be a list with at least one entry, not {shown(value)}")
    return tuple(sorted(value, key=shown)) if isinstance(value, set | frozenset) else tuple(value)


def _strategy(word: object) -> Strategy:
    try:
        return Strategy(word)  # type: ignore[arg-type]
    except ValueError:
        known = ", ".join(Strategy)
        raise SettingsError(f"allowed_strategies names {shown(word)}; known are {known}") from None


def limits_from_mapping(values: Mapping[str, object]) -> RegimeLimits:
    """Regime limits from a plain mapping, as the founding document writes them.

    Raises
    ------
    SettingsError : naming a key that is missing, unknown or out of range.
    """
    missing = [key for key in REGIME_KEYS if key not in values]
    if missing:
        raise SettingsError(f"the regime's limits lack {', '.join(missing)}")
    unknown = [key if isinstance(key, str) else shown(key) for key in values if key not in REGIME_KEYS]
    if unknown:
        raise SettingsError(f"the regime's limits know no {', '.join(unknown)}; the keys are {', '.join(REGIME_KEYS)}")
    return RegimeLimits(**dict(values))  # type: ignore[arg-type]  # every field validates itself


_ALL_STRATEGIES = tuple(Strategy)
#: The founding document names the regimes and the shape of their limits; these figures are this project's choice.
#: Money at risk shrinks as volatility grows and horizons shorten; trends are followed everywhere but in high volatility
#: and crisis. A rule against following them in ranges was tried and left: on SPY and nine sector and index funds,
#: bullish signals of 2012-2018 ended better in ranges (+44 and +28 bp after costs) than in bull trends (+5 and -1 bp).
#: Allowing every strategy everywhere but in a crisis was tried too: what these rules stopped on the thirty largest
#: names of 2012-2018 would have won no less often (62 % of 559, against 57 % of what passed), but whole runs without
#: them fell deeper (2.4 against 2.0 %) and earned no more, so they stay.
#: Stops and targets are as wide as what they must outlast: one standard deviation of a ten-session move is sqrt(10) of
#: a daily one, and the mean daily range is sqrt(8 / pi) of that (Feller 1951), so about 2.0 ATRs. A driftless walk
#: reaches a stop 1.25 ATRs away within ten sessions in 53 of 100 cases and one 2.1 ATRs away in 29; SPY's lows of
#: 2012-2018 did in 50 and in 30. The founding quick start bounds the target of a bull market: 189.50, from 180 with an
#: ATR of 4.5, is its take profit. In every regime the target stands at least as far as the stop.
DEFAULT_LIMITS: Mapping[MarketRegime, RegimeLimits] = {
    MarketRegime.BULL_TRENDING: RegimeLimits(
        max_portfolio_risk=0.12,
        max_position_size=0.15,
        max_positions=12,
        preferred_timeframes=(5, 10, 21),
        allowed_strategies=(
            Strategy.TREND_FOLLOWING,
            Strategy.BREAKOUT,
            Strategy.VOLATILITY,
            Strategy.OPTIONS_FLOW,
            Strategy.CORE,
            Strategy.CUSTOM,
        ),
        stop_loss_multiplier=2.1,
        take_profit_multiplier=2.1,
        max_daily_loss=0.03,
    ),
    MarketRegime.BEAR_TRENDING: RegimeLimits(
        max_portfolio_risk=0.08,
        max_position_size=0.10,
        max_positions=8,
        preferred_timeframes=(3, 5, 10),
        allowed_strategies=(
            Strategy.TREND_FOLLOWING,
            Strategy.MEAN_REVERSION,
            Strategy.VOLATILITY,
            Strategy.OPTIONS_FLOW,
            Strategy.CORE,
            Strategy.CUSTOM,
        ),
        stop_loss_multiplier=2.0,
        take_profit_multiplier=2.0,
        max_daily_loss=0.02,
    ),
    MarketRegime.HIGH_VOLATILITY: RegimeLimits(
        max_portfolio_risk=0.08,
        max_position_size=0.10,
        max_positions=8,
        preferred_timeframes=(3, 5, 10),
        allowed_strategies=(
            Strategy.MEAN_REVERSION,
            Strategy.VOLATILITY,
            Strategy.OPTIONS_FLOW,
            Strategy.CORE,
            Strategy.CUSTOM,
        ),
        stop_loss_multiplier=2.0,
        take_profit_multiplier=2.5,
        max_daily_loss=0.02,
    ),
    MarketRegime.LOW_VOLATILITY: RegimeLimits(
        max_portfolio_risk=0.12,
        max_position_size=0.15,
        max_positions=12,
        preferred_timeframes=(5, 10, 21),
        allowed_strategies=_ALL_STRATEGIES,
        stop_loss_multiplier=2.1,
        take_profit_multiplier=2.1,
        max_daily_loss=0.03,
    ),
    MarketRegime.RANGE_BOUND: RegimeLimits(
        max_portfolio_risk=0.10,
        max_position_size=0.15,
        max_positions=12,
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
        if not isinstance(regime, str):  # untyped callers pass what has no hash, too
            raise KeyError(regime)
        return self._limits[regime]  # type: ignore[index]  # a word is equal to its regime, and as quick

    def __setitem__(self, regime: MarketRegime | str, limits: RegimeLimits | Mapping[str, object]) -> None:
        try:
            key = MarketRegime(regime)
        except ValueError:
            raise SettingsError(f"no regime is called {shown(regime)}; known are {', '.join(MarketRegime)}") from None
        if not isinstance(limits, Mapping):
            raise SettingsError(
                f"the limits of {key} must be a mapping of {', '.join(REGIME_KEYS)}, not {shown(limits)}"
            )
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


class RegimeDetector(Protocol):
    """Says for a whole history at once where a regime of the user's own holds."""

    def holds(self, features: Features) -> BoolArray1D:
        """(n,) bool, one a row; a row depends on rows at or before it only."""
        ...


#: Given a row as name -> value (NaN where absent), whether the user's own regime holds.
CustomRegimeRule = Callable[[Mapping[str, float]], bool]


@dataclass(frozen=True, slots=True)
class OwnRegime:
    """A regime of the user's own: a name, a detector and limits. Several may be given; the first that holds counts.

    Parameters
    ----------
    name : for the record.
    rule : a rule on one row, or a detector over the whole history.
    limits : what may be risked in it.
    """

    name: str
    rule: CustomRegimeRule | RegimeDetector
    limits: RegimeLimits


@quick_init
@dataclass(frozen=True, slots=True)
class RegimeReading(Deferred):
    """The regime at one moment.

    Parameters
    ----------
    regime : None where nothing tells.
    reason : the figures behind it, in words.
    fallback : what stood in for absent inputs, or None.
    sessions : since it took over, this one counted; 0 without a regime.
    told : what this session alone tells. It differs from ``regime`` while that is held against noise.
    probability : of each regime at the next session's close, by word; empty where nothing tells.
    own : name and limits of the user's own regime, where it is one of ``OwnRegime``.
    """

    regime: MarketRegime | None
    reason: str
    fallback: str | None
    sessions: int = 0
    told: MarketRegime | None = None
    probability: Mapping[MarketRegime, float] = field(default_factory=dict)
    own: OwnRegime | None = None


_reading_later = deferring(RegimeReading)


@dataclass(frozen=True, slots=True, eq=False)
class RegimeReadings:
    """Regimes along time, with the numbers that decided.

    Parameters
    ----------
    code : (n,) index into ``MarketRegime`` in its order; -1 where no regime could be told.
    since : (n,) sessions since it took over, the row's own counted.
    told : (n,) what the row alone tells, as ``code``.
    probability : (n, r) of each regime at the next session's close.
    figures : what decided.
    own : (n,) index into ``own_regimes`` where one of those holds, else -1.
    own_regimes : the user's own.
    """

    code: Int8Array1D
    since: Int64Array1D
    told: Int8Array1D
    probability: Float64Array2D
    figures: RegimeFigures
    own: Int64Array1D
    own_regimes: tuple[OwnRegime, ...] = ()

    def __len__(self) -> int:
        return len(self.code)

    def at(self, i: int) -> RegimeReading:
        """The reading at row ``i``; its words are composed when they are read."""
        regime, told, which = _regime(self.code.item(i)), _regime(self.told.item(i)), self.own.item(i)
        own = self.own_regimes[which] if which >= 0 else None
        later = {
            "reason": lambda: self._reason(regime, told, own, i),
            "fallback": lambda: self._fallback(i),
            "probability": lambda: self._odds(regime, i),
        }
        return _reading_later(later, regime=regime, sessions=self.since.item(i), told=told, own=own)

    def _odds(self, regime: MarketRegime | None, i: int) -> dict[MarketRegime, float]:
        return {} if regime is None else dict(zip(REGIMES, self.probability[i].tolist(), strict=True))

    def _reason(self, regime: MarketRegime | None, told: MarketRegime | None, own: OwnRegime | None, i: int) -> str:
        figures = self.figures
        vix = figures.vix.item(i)
        index = "own volatility" if figures.own_volatility.item(i) else "VIX"
        if regime is None:
            if math.isnan(vix):
                return "neither the VIX nor the ticker's own volatility is known: no regime can be told"
            return f"{index} {vix:.1f} is neither high nor low, and trend or ADX are not known: no regime can be told"
        if regime is MarketRegime.CUSTOM_REGIME:
            return "the user's own rule chose it" if own is None else f"the user's own regime {own.name} holds"
        average = figures.vix_average.item(i)
        ratio = "" if math.isnan(average) else f" ({vix / average:.2f} times its 20-session average)"
        parts = [f"{index} {vix:.1f}{ratio}"]
        if regime not in (MarketRegime.CRISIS, MarketRegime.HIGH_VOLATILITY):
            parts += [
                f"{name} {value:{form}}"
                for name, value, form in (
                    ("trend", figures.trend.item(i), "+.2f"),
                    ("ADX", figures.adx.item(i), ".0f"),
                    ("advance/decline", figures.breadth.item(i), ".2f"),
                )
                if not math.isnan(value)
            ]
        if told is not None and told is not regime:
            word, other = regime.replace("_", " "), told.replace("_", " ")
            parts.append(f"{word} since {int(self.since[i])} sessions is not given up for {other} yet")
        return ", ".join(parts)

    def _fallback(self, i: int) -> str | None:
        parts = []
        if self.figures.own_volatility.item(i):
            parts.append("no VIX: the ticker's own volatility stands in")
        if self.figures.own_trend.item(i):
            parts.append("no spy_trend: the ticker's own moving averages stand in")
        if self.figures.own_adx.item(i):
            parts.append("no market ADX: the ticker's own stands in")
        return "; ".join(parts) or None


def _regime(code: int) -> MarketRegime | None:
    return None if code == NO_REGIME else REGIMES[code]


def detect_regimes(
    features: Features,
    *,
    custom: CustomRegimeRule | RegimeDetector | None = None,
    own: Sequence[OwnRegime] = (),
    rules: RegimeRules | None = None,
) -> RegimeReadings:
    """The market regime in force at every row.

    A row alone tells the first that fits, in this order (constants in ``regime_figures``):

    1. crisis: VIX >= 40, or >= 30 and half above its 20-session average
    2. the user's own, where ``own`` or ``custom`` says so
    3. high volatility: VIX >= 25, or >= 20 and a quarter above its 20-session average
    4. bull trending: trend >= 0.25, ADX >= 25, breadth not below 0.5; bear trending: its mirror image
    5. low volatility: VIX < 14
    6. range-bound: the trend or the ADX is weak, or breadth contradicts them

    What is in force follows by ``regime_path.settled``: danger counts at once, relief has to prove itself.

    Parameters
    ----------
    features : ``vix, vix_20_avg, spy_trend, market_adx, advance_decline_ratio``. Where the VIX is absent the ticker's
        own ``volatility`` in percent stands in; where ``spy_trend`` is, the order of its price and moving averages
        (1 in order upwards, -1 downwards, else 0); where ``market_adx`` is, its own ``adx``. Breadth and the VIX
        average are optional.
    custom : says where ``MarketRegime.CUSTOM_REGIME`` holds, with the limits that the table has for it.
    own : regimes with a name and limits of their own; they are asked before ``custom``, in this order.
    rules : how firmly a regime is held; None takes the defaults.

    Returns
    -------
    n readings; row i depends on rows up to i, and one row alone is what it tells. Without any measure of volatility
    there is no regime: a crisis could not be ruled out.

    Raises
    ------
    SettingsError : a detector that answers anything but one boolean a row.
    """
    figures = figures_of(features)
    told = told_codes(figures)
    which = _own_at(features, (told != CODE[MarketRegime.CRISIS]) & ~np.isnan(figures.vix), own, custom)
    told[which != _NOT_OWN] = CODE[MarketRegime.CUSTOM_REGIME]
    firm = rules or RegimeRules()
    code, since = settled(told, holding(figures, firm.exit_moves), firm)
    odds = next_session_odds(figures, told == CODE[MarketRegime.CUSTOM_REGIME])
    in_force = np.where((code == CODE[MarketRegime.CUSTOM_REGIME]) & (which < len(own)), which, _NOT_OWN)
    return RegimeReadings(code, since, told, odds, figures, in_force, tuple(own))


_NOT_OWN = -1


def _own_at(
    features: Features,
    open_to_it: BoolArray1D,
    own: Sequence[OwnRegime],
    custom: CustomRegimeRule | RegimeDetector | None,
) -> Int64Array1D:
    """(n,) index of the user's regime that holds, ``len(own)`` for ``custom``, ``_NOT_OWN`` where none does."""
    which = np.full(len(features), _NOT_OWN, dtype=np.int64)
    rules = [*((regime.name, regime.rule) for regime in own)]
    if custom is not None:
        rules.append((MarketRegime.CUSTOM_REGIME.value, custom))
    for k, (name, rule) in enumerate(rules):
        unclaimed = open_to_it & (which == _NOT_OWN)
        which[unclaimed & _held_rows(features, unclaimed, name, rule)] = k
    return which


def _held_rows(
    features: Features, rows: BoolArray1D, name: str, rule: CustomRegimeRule | RegimeDetector
) -> BoolArray1D:
    """(n,) bool: where a rule or detector of the user's holds; a rule is asked about ``rows`` only."""
    detector = getattr(rule, "holds", None)
    if detector is None:
        out = np.zeros(len(features), dtype=np.bool_)
        for i in np.flatnonzero(rows).tolist():
            out[i] = bool(rule(features.at(i)))  # type: ignore[operator]  # what has no ``holds`` is a rule
        return out
    answer = np.asarray(detector(features))
    if answer.dtype != np.bool_ or answer.shape != (len(features),):
        raise SettingsError(
            f"the detector of {name} must answer one boolean a row, {len(features)} in all, "
            f"not {answer.dtype} of shape {answer.shape}"
        )
    return answer
