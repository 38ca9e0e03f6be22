"""Cboe's delayed-quotes service: a JSON payload with the underlying's figures and one record an option.

``timestamp`` is when the payload was made, UTC; ``last_trade_time`` is New York's wall clock; both come without a zone.
During a session the data run a quarter of an hour late.

Spot. While the session runs it is ``current_price``. After the close that field follows the after-hours market while
the options stand still, and ``close`` is the price they were quoted against: in five payloads of SPY saved in the
evening the two differed by 1 to 24 basis points, and ``close`` was nearer to the options' put-call parity in four.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from lightning_gex.adapters.market_data.chain_rows import RawContracts, Refusal
from lightning_gex.adapters.market_data.content import Content
from lightning_gex.adapters.market_data.osi_symbol import OsiSymbol, belongs_to, parse_osi
from lightning_gex.adapters.market_data.quote_time import checked_moment, quoted_session
from lightning_gex.adapters.market_data.stale_open import plain_symbol
from lightning_gex.adapters.market_data.tables import clipped
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import NEW_YORK, close_of, session_of
from lightning_gex.core.units import STANDARD_MULTIPLIER, Float64Array1D

NAME = "cboe_delayed_quotes"
_DELAY = timedelta(minutes=15)
_LONGEST_PAUSE = timedelta(days=7)  # a last trade before it is a placeholder, such as 1969
_NUMBERS = ("bid", "ask", "iv", "open_interest", "volume")


def recognise(content: Content) -> bool:
    """Whether the content is a JSON object that speaks of options as this service does."""
    return content.data.lstrip().startswith(b"{") and b'"options"' in content.data and b'"timestamp"' in content.data


def parse(content: Content, underlying: str | None) -> RawContracts:
    """The rows of a payload.

    Parameters
    ----------
    content : the payload.
    underlying : symbol it must be of; None takes the payload's own.

    Raises
    ------
    InputError : it is not JSON, cut, without time, spot or options, or of another underlying.
    """
    payload = _object(_loaded(content), "the payload", content.source)
    data = _object(payload.get("data"), "data", content.source)
    name = _symbol(payload, data, underlying, content.source)
    made_at = _made_at(payload.get("timestamp"), content.source)
    session = _session(made_at, data.get("last_trade_time"))
    close = close_of(session)
    options = data.get("options")
    if not isinstance(options, list):
        raise InputError("the list of options is missing", source=content.source, field="options")
    as_of = min(close, max(made_at - _DELAY, _newest_trade(data, options, made_at)))
    return _contracts(options, content.source, name, as_of, _spot(data, made_at > close, content.source))


def _loaded(content: Content) -> object:
    try:
        return json.loads(content.text())
    except json.JSONDecodeError as error:
        raise InputError(
            f"is damaged or cut JSON ({error.msg}, column {error.colno})", source=content.source, row=error.lineno
        ) from None
    except (RecursionError, ValueError) as error:  # nested too deep; a number of too many digits
        raise InputError(f"is no usable JSON ({error})", source=content.source) from None


def _object(found: object, what: str, source: str) -> Mapping[str, object]:
    if not isinstance(found, dict):
        raise InputError(f"{what} is not an object of Cboe's delayed quotes", source=source, field="data")
    return found


def _symbol(payload: Mapping[str, object], data: Mapping[str, object], asked: str | None, source: str) -> str:
    found = payload.get("symbol") or data.get("symbol")
    if not isinstance(found, str) or not plain_symbol(found):
        raise InputError("the symbol is missing", source=source, field="symbol")
    name = plain_symbol(found)
    if asked is not None and plain_symbol(asked) != name:
        raise InputError(f"holds options on {clipped(name)}, not on {clipped(asked)}", source=source, field="symbol")
    return name


def _made_at(found: object, source: str) -> datetime:
    try:
        moment = datetime.fromisoformat(found) if isinstance(found, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise InputError(
            f"'{clipped(str(found))}' is no time such as 2024-06-03 18:00:00", source=source, field="timestamp"
        )
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    try:
        return checked_moment(aware.astimezone(UTC), source=source, field="timestamp")
    except OverflowError:
        raise InputError(f"'{clipped(str(found))}' is no usable time", source=source, field="timestamp") from None


def _trade_time(found: object) -> datetime | None:
    """A ``last_trade_time``, New York's wall clock, as UTC; None where there is none."""
    try:
        wall = datetime.fromisoformat(found) if isinstance(found, str) else None
        return None if wall is None else wall.replace(tzinfo=NEW_YORK).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _session(made_at: datetime, last_trade: object) -> np.datetime64:
    """The session the quotes are of: the last that had opened, or an earlier one if the underlying traded last then."""
    session = quoted_session(made_at)
    traded = _trade_time(last_trade)
    if traded is None or made_at - traded > _LONGEST_PAUSE:
        return session
    return min(session, session_of(traded))


def _newest_trade(data: Mapping[str, object], options: Sequence[object], made_at: datetime) -> datetime:
    """The latest trade in the payload that is not after it was made: the data are at least as new."""
    records = (data, *(o for o in options if isinstance(o, dict)))
    newest = max((t for r in records if isinstance(t := r.get("last_trade_time"), str)), default=None)
    traded = _trade_time(newest)
    return traded if traded is not None and traded <= made_at else made_at - _DELAY


def _spot(data: Mapping[str, object], after_close: bool, source: str) -> float:
    fields = ("close", "current_price") if after_close else ("current_price",)
    for field in fields:
        value, _ = _number(data.get(field))
        if value > 0:
            return value
    raise InputError("the underlying has no positive price", source=source, field="current_price")


def _number(found: object) -> tuple[float, bool]:
    """A JSON value as a number, NaN where absent; and whether it was something else."""
    if found is None:
        return math.nan, False
    if isinstance(found, bool) or not isinstance(found, int | float):
        return math.nan, True
    try:
        value = float(found)
    except OverflowError:
        return math.nan, True
    return (value, False) if math.isfinite(value) else (math.nan, False)


def _contracts(options: Sequence[object], source: str, underlying: str, as_of: datetime, spot: float) -> RawContracts:
    refused: list[Refusal | None] = []
    symbols: list[OsiSymbol | None] = []
    numbers: dict[str, Float64Array1D] = {name: np.full(len(options), np.nan) for name in _NUMBERS}
    for i, record in enumerate(options):
        option = record.get("option") if isinstance(record, dict) else None
        symbol = parse_osi(option) if isinstance(option, str) else None
        unreadable = False
        if isinstance(record, dict):
            for name in _NUMBERS:
                numbers[name][i], bad = _number(record.get(name))
                unreadable |= bad
        symbols.append(symbol)
        refused.append(_refusal(record, symbol, underlying, unreadable=unreadable))
    return RawContracts(
        source=source,
        underlying=underlying,
        as_of=as_of,
        spot=spot,
        refused=refused,
        root=np.array([s.root if s else "" for s in symbols], dtype=np.str_),
        expiry=np.array([s.expiry if s else np.datetime64("NaT") for s in symbols], dtype="datetime64[D]"),
        right=np.array([("C" if s.is_call else "P") if s else "" for s in symbols], dtype=np.str_),
        strike=np.array([s.strike if s else np.nan for s in symbols], dtype=np.float64),
        multiplier=np.full(len(symbols), STANDARD_MULTIPLIER),
        bid=numbers["bid"],
        ask=numbers["ask"],
        implied_vol=numbers["iv"],
        open_interest=numbers["open_interest"],
        volume=numbers["volume"],
    )


def _refusal(record: object, symbol: OsiSymbol | None, underlying: str, *, unreadable: bool) -> Refusal | None:
    if not isinstance(record, dict):
        return Refusal.BAD_RECORD
    if symbol is None:
        return Refusal.BAD_SYMBOL
    if not belongs_to(symbol.root, underlying):
        return Refusal.FOREIGN_ROOT
    if symbol.is_adjusted:
        return Refusal.ADJUSTED_DELIVERABLE
    return Refusal.BAD_NUMBER if unreadable else None
