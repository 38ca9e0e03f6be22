"""The founding document's dictionaries, checked and turned into features of length one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import numpy as np

from lightning_gex.core.errors import InputError
from lightning_gex.core.features import CHAIN_FEATURES, MARKET_FEATURES, OPTIONS_FEATURES, PRICE_FEATURES, Features
from lightning_gex.core.ports import Clock
from lightning_gex.core.sessions import to_datetime64

_AS_OF = "as_of"
#: The document's word for a market column -> the feature's name.
_MARKET_NAMES = {name: name for name in MARKET_FEATURES if name != "market_adx"} | {"adx": "market_adx"}
_PERCENT_SCALES = frozenset({"adx", "rsi", "stochastic", "market_adx"})
_SIGNED = frozenset({"spy_trend", *OPTIONS_FEATURES})
_NOT_NEGATIVE = frozenset({"volume", "avg_volume", "bb_width", "bb_width_avg", "advance_decline_ratio"})
_ANY_SIGN = frozenset({"gamma_exposure_usd_per_pct"})


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What a caller said, as features, and when.

    Parameters
    ----------
    features : one row.
    as_of : aware UTC.
    notes : what had to be assumed, for the record.
    """

    features: Features
    as_of: datetime
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
    8601 with a zone); without one the clock does, and the record says so.

    Raises
    ------
    InputError : naming the dictionary and key of anything that is no number, out of range, unknown, or NaN.
    """
    if not isinstance(ticker, str) or not ticker.strip():
        raise InputError("name the ticker", field="ticker")
    columns = _columns("price_data", price_data, {n: n for n in PRICE_FEATURES})
    columns |= _columns("options_data", options_data, {n: n for n in (*OPTIONS_FEATURES, *CHAIN_FEATURES)})
    columns |= _columns("market_data", market_data, _MARKET_NAMES)
    if needs_price and "price" not in columns:
        raise InputError("is missing: a decision needs a price", source="price_data", field="price")
    as_of, notes = _moment((price_data or {}, options_data or {}, market_data or {}), clock)
    absent = {}
    if not options_data:
        absent["options_data"] = "no options data were given"
    if not market_data:
        absent["market_data"] = "no market data were given"
    stamp = np.array([to_datetime64(as_of)], dtype="datetime64[s]")
    arrays = {name: np.array([value]) for name, value in columns.items()}
    return Given(Features(ticker, stamp, arrays, absent), as_of, notes)


def _columns(source: str, data: Mapping[str, Any] | None, names: Mapping[str, str]) -> dict[str, float]:
    if data is None:
        return {}
    if not hasattr(data, "items"):
        raise InputError(f"must be a dictionary, not {type(data).__name__}", source=source)
    out: dict[str, float] = {}
    for key, value in data.items():
        if key == _AS_OF or value is None:
            continue
        if key not in names:
            near = get_close_matches(str(key), names, n=1)
            hint = f": did you mean '{near[0]}'?" if near else f": known are {', '.join(names)}"
            raise InputError(f"unknown key{hint}", source=source, field=str(key))
        out[names[key]] = _number(source, key, names[key], value)
    return out


def _number(source: str, key: str, name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise InputError(f"must be a number, not {value!r}", source=source, field=key)
    number = float(value)
    if not math.isfinite(number):
        raise InputError(f"is {number}: leave the key out where the value is not known", source=source, field=key)
    low, high = _range(name)
    if not low <= number <= high or (low == 0 and number == 0 and name not in _NOT_NEGATIVE | _PERCENT_SCALES):
        bound = f"between {low:g} and {high:g}" if high < math.inf else "positive"
        raise InputError(f"{number:g} is not {bound}", source=source, field=key)
    return number


def _range(name: str) -> tuple[float, float]:
    if name in _PERCENT_SCALES:
        return 0.0, 100.0
    if name in _SIGNED:
        return -1.0, 1.0
    if name in _ANY_SIGN:
        return -math.inf, math.inf
    if name == "dealer_models_agree":
        return 0.0, 1.0
    return 0.0, math.inf


def _moment(sources: tuple[Mapping[str, Any], ...], clock: Clock) -> tuple[datetime, tuple[str, ...]]:
    """The latest ``as_of`` that was given, else the clock's time."""
    names = ("price_data", "options_data", "market_data")
    moments = [_aware(d[_AS_OF], n) for d, n in zip(sources, names, strict=True) if d.get(_AS_OF) is not None]
    if moments:
        return max(moments), ()
    now = clock.now().replace(microsecond=0)
    return now, (f"the data carry no as_of: the clock's {now:%Y-%m-%d %H:%M:%S} UTC stands in",)


def _aware(value: object, source: str) -> datetime:
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise InputError(f"{value!r} is no ISO 8601 time", source=source, field=_AS_OF) from None
    if not isinstance(moment, datetime):
        raise InputError(f"must be a datetime or ISO 8601 text, not {value!r}", source=source, field=_AS_OF)
    if moment.tzinfo is None:
        raise InputError(f"{moment} has no time zone: give one, such as +00:00", source=source, field=_AS_OF)
    return moment
