"""The founding document's dictionaries, checked and turned into features of length one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from lightning_gex.agents.signal import LONGEST_HORIZON
from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import InputError, shown
from lightning_gex.core.features import CHAIN_FEATURES, MARKET_FEATURES, OPTIONS_FEATURES, PRICE_FEATURES, Features
from lightning_gex.core.ports import Clock
from lightning_gex.core.sessions import FIRST_SESSION_YEAR, LAST_SESSION_YEAR, to_datetime64

_AS_OF = "as_of"
_SOURCES = ("price_data", "options_data", "market_data")
_LONGEST_TICKER = 32  # characters; an option's OSI symbol has 21
#: USD a share. The dearest share ever traded cost under a million; more is a typing error, or another unit.
LARGEST_PRICE = 1e9
MOST = 10**15  # of anything that is counted; every whole number up to it is exact as a float, and fits into the store
#: The document's word for a market column -> the feature's name.
_MARKET_NAMES = {name: name for name in MARKET_FEATURES if name != "market_adx"} | {"adx": "market_adx"}


@dataclass(frozen=True, slots=True)
class _Range:
    """What a figure may be; ``low`` itself is allowed unless ``above``."""

    low: float
    high: float
    above: bool = False

    def holds(self, number: float) -> bool:
        return self.low <= number <= self.high and not (self.above and number == self.low)

    def __str__(self) -> str:
        return f"above {self.low:g} and up to {self.high:g}" if self.above else f"{self.low:g} to {self.high:g}"


_PRICE = _Range(0.0, LARGEST_PRICE, above=True)
_PERCENT_SCALE = _Range(0.0, 100.0)
_SIGNED = _Range(-1.0, 1.0)
_VIX = _Range(0.0, 1_000.0, above=True)  # index points
_SHARES = _Range(0.0, 1e15)
_TINIEST = 1e-9  # of what is divided by: a millionth of a tick, and a quotient still in float64's range
_BAND_WIDTH = _Range(0.0, 1_000.0)  # fraction of the middle band
_RANGES: Mapping[str, _Range] = {
    **dict.fromkeys(PRICE_FEATURES, _PRICE),
    **dict.fromkeys(OPTIONS_FEATURES, _SIGNED),
    **dict.fromkeys(CHAIN_FEATURES, _PRICE),
    **dict.fromkeys(("adx", "rsi", "stochastic", "market_adx"), _PERCENT_SCALE),
    **dict.fromkeys(("volume", "avg_volume"), _SHARES),
    **dict.fromkeys(("bb_width", "bb_width_avg"), _BAND_WIDTH),
    **dict.fromkeys(("vix", "vix_20_avg"), _VIX),
    "bb_lower": _Range(-LARGEST_PRICE, LARGEST_PRICE),  # two deviations below a wild average can be negative
    "volatility": _Range(0.0, 100.0, above=True),  # annualised fraction
    "spy_trend": _SIGNED,
    "advance_decline_ratio": _Range(0.0, 1e6),
    "gamma_exposure_usd_per_pct": _Range(-1e15, 1e15),
    "dealer_models_agree": _Range(0.0, 1.0),
}
#: Pairs of which the first may not exceed the second.
_ORDERED = (("bb_lower", "bb_upper"), ("support", "resistance"))


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What a caller said, as features, and when.

    Parameters
    ----------
    features : one row.
    as_of : aware UTC.
    dated : whether the data said so themselves; otherwise the clock did.
    notes : what had to be assumed, for the record.
    """

    features: Features
    as_of: datetime
    dated: bool
    notes: tuple[str, ...]


def given(
    ticker: str,
    price_data: Mapping[str, Any] | None,
    options_data: Mapping[str, Any] | None,
    market_data: Mapping[str, Any] | None,
    clock: Clock,
    *,
    needs_price: bool = True,
) -> Given:
    """The dictionaries of ``analyze_ticker`` as one row of features.

    A key that is missing or None is absent. ``as_of`` in any of them dates the snapshot (aware datetime or ISO
    8601 with a zone), the latest where several do; without one the clock does, and the record says so.

    Raises
    ------
    InputError : naming the dictionary and key of anything that is no number, out of range, unknown, or NaN.
    """
    ticker = checked_ticker(ticker)
    tables = dict(zip(_SOURCES, (price_data, options_data, market_data), strict=True))
    for source, data in tables.items():
        if data is not None and not (hasattr(data, "items") and hasattr(data, "get")):
            raise InputError(f"must be a dictionary, not {type(data).__name__}", source=source)
    columns = _columns("price_data", price_data, {n: n for n in PRICE_FEATURES})
    columns |= _columns("options_data", options_data, {n: n for n in (*OPTIONS_FEATURES, *CHAIN_FEATURES)})
    columns |= _columns("market_data", market_data, _MARKET_NAMES)
    if needs_price and "price" not in columns:
        raise InputError("is missing: a decision needs a price", source="price_data", field="price")
    _refuse_disorder(columns)
    moment, note = _moment(tables, clock)
    absent = {
        source: f"no {source.replace('_', ' ')} were given"
        for source, data in tables.items()
        if data is None or len(data) == 0
    }
    stamp = np.array([to_datetime64(moment)], dtype="datetime64[s]")
    arrays = {name: np.array([value]) for name, value in columns.items()}
    return Given(Features(ticker, stamp, arrays, absent), moment, note is None, () if note is None else (note,))


def checked_ticker(ticker: object) -> str:
    """A symbol without surrounding blanks. Raises ``InputError`` on anything that is none."""
    name = ticker.strip() if isinstance(ticker, str) else ""
    if not name:
        raise InputError("name the ticker", field="ticker")
    if not name.isascii() or not name.isprintable() or " " in name or len(name) > _LONGEST_TICKER:
        raise InputError(f"{name[:_LONGEST_TICKER]!r} is no ticker", field="ticker")
    return name


def number(value: object, field: str, *, source: str | None = None) -> float:
    """A finite number out of a Python or numpy number, a Decimal, or a Series or array that holds exactly one.

    Raises
    ------
    InputError : on anything else, NaN and infinity among it.
    """
    if not isinstance(value, Real | Decimal) and hasattr(value, "item"):
        value = _only(value, field, source)
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise InputError(f"must be a number, not {shown(value)}", source=source, field=field)
    try:
        found = float(value)
    except (OverflowError, ValueError, TypeError):  # TypeError: numpy calls its spans of time numbers
        raise InputError(f"is no finite number: {shown(value)}", source=source, field=field) from None
    if not math.isfinite(found):
        raise InputError(f"is {found}: leave the key out where the value is not known", source=source, field=field)
    return found


def positive(value: object, field: str, *, source: str | None = None) -> float:
    """A finite number above zero. Raises ``InputError`` on anything else."""
    found = number(value, field, source=source)
    if not found > 0.0:
        raise InputError(f"must be above 0, not {found:g}", source=source, field=field)
    return found


def usd_price(value: object, field: str, *, source: str | None = None) -> float:
    """A price a share that can be booked. Raises ``InputError`` on anything else."""
    found = number(value, field, source=source)
    if not 0.0 < found <= LARGEST_PRICE:
        raise InputError(f"{found:g} is not a price: it must be {_PRICE}", source=source, field=field)
    return found


def whole(value: object, field: str, *, least: int, most: int = MOST, source: str | None = None) -> int:
    """A whole number from ``least`` to ``most``. Raises ``InputError`` on anything else."""
    found = number(value, field, source=source)
    if not found.is_integer() or not least <= found <= most:
        limits = f"of at least {least}" if found < least or most == MOST else f"from {least} to {most}"
        raise InputError(f"must be a whole number {limits}, not {found:g}", source=source, field=field)
    return int(found)


def horizon(value: object, *, source: str | None = None) -> int:
    """Sessions that a signal looks ahead. Raises ``InputError`` on anything that is no such number."""
    return whole(value, "time_horizon", least=1, most=LONGEST_HORIZON, source=source)


def text(value: object, field: str, *, source: str | None = None) -> str:
    """A text that is not empty. Raises ``InputError`` on anything else."""
    if not isinstance(value, str) or not value.strip():
        problem = "must not be empty" if isinstance(value, str) else f"must be text, not {shown(value)}"
        raise InputError(problem, source=source, field=field)
    return value


def file_path(value: object, field: str = "path") -> Path:
    """Where a file lies or goes. Raises ``InputError`` on anything that names no file."""
    if not isinstance(value, str | Path) or not str(value).strip() or "\0" in str(value):
        raise InputError(f"must name a file, not {shown(value)}", field=field)
    return Path(value)


def probability(value: object, field: str) -> float:
    """A number from 0 to 1. Raises ``InputError`` on anything else."""
    found = number(value, field)
    if not 0.0 <= found <= 1.0:
        raise InputError(f"must be between 0 and 1, not {found:g}", field=field)
    return found


def side(word: object, *, source: str | None = None) -> Direction:
    """Bullish or bearish. Raises ``InputError`` on any other word, neutral among them."""
    try:
        direction = Direction.from_word(word)  # type: ignore[arg-type]  # what is no word is refused below
    except (ValueError, AttributeError, TypeError):
        raise InputError(f"must be bullish or bearish, not {shown(word)}", source=source, field="direction") from None
    if direction is Direction.NEUTRAL:
        raise InputError("a neutral view is no signal: bullish or bearish", source=source, field="direction")
    return direction


def aware_time(value: object, field: str, *, source: str | None = None) -> datetime:
    """An aware datetime, or ISO 8601 text with a zone, as UTC. Raises ``InputError`` on anything else."""
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise InputError(f"{value!r} is no ISO 8601 time", source=source, field=field) from None
    if not isinstance(moment, datetime):
        raise InputError(f"must be a datetime or ISO 8601 text, not {shown(value)}", source=source, field=field)
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise InputError(f"{moment} has no time zone: give one, such as +00:00", source=source, field=field)
    if not FIRST_SESSION_YEAR < moment.year < LAST_SESSION_YEAR:
        years = f"{FIRST_SESSION_YEAR + 1} to {LAST_SESSION_YEAR - 1}"
        raise InputError(f"{moment} lies outside the exchange calendar, {years}", source=source, field=field)
    return moment.astimezone(UTC)


def _columns(source: str, data: Mapping[str, Any] | None, names: Mapping[str, str]) -> dict[str, float]:
    out: dict[str, float] = {}
    for key, value in () if data is None else data.items():
        if value is None or (isinstance(key, str) and key == _AS_OF):
            continue
        if key not in names:
            near = get_close_matches(str(key), names, n=1)
            hint = f": did you mean '{near[0]}'?" if near else f": known are {', '.join(names)}"
            raise InputError(f"unknown key{hint}", source=source, field=str(key))
        figure = number(value, key, source=source)
        allowed = _RANGES[names[key]]
        if 0.0 < abs(figure) < _TINIEST and allowed is not _SIGNED:
            raise InputError(f"{figure:g} is nothing that a market has: leave the key out", source=source, field=key)
        if not allowed.holds(figure):
            raise InputError(f"{figure:g} is out of range: it must be {allowed}", source=source, field=key)
        out[names[key]] = figure
    return out


def _refuse_disorder(columns: Mapping[str, float]) -> None:
    for lower, upper in _ORDERED:
        if lower in columns and upper in columns and columns[lower] > columns[upper]:
            problem = f"{columns[lower]:g} is above {upper} {columns[upper]:g}"
            raise InputError(problem, source="price_data", field=lower)


def _moment(tables: Mapping[str, Mapping[str, Any] | None], clock: Clock) -> tuple[datetime, str | None]:
    """The latest ``as_of`` that was given, else the clock's time with a note that it stands in."""
    moments = [
        aware_time(data[_AS_OF], _AS_OF, source=source)
        for source, data in tables.items()
        if data is not None and data.get(_AS_OF) is not None
    ]
    if moments:
        return max(moments), None
    now = clock.now().astimezone(UTC).replace(microsecond=0)
    return now, f"the data carry no as_of: the clock's {now:%Y-%m-%d %H:%M:%S} UTC stands in"


def _only(value: Any, field: str, source: str | None) -> object:  # noqa: ANN401 - numpy, pandas, polars or torch
    try:
        return value.item()
    except (ValueError, RuntimeError, TypeError):
        problem = "must hold exactly one value: one decision looks at one moment"
        raise InputError(problem, source=source, field=field) from None
