"""Cboe's delayed-quotes service: a JSON payload with the underlying's figures and one record an option.

``timestamp`` is when the payload was made, UTC; ``last_trade_time`` is New York's wall clock; both come without a zone.
During a session the data run a quarter of an hour late.

Spot. While the session runs it is ``current_price``. After the close that field follows the after-hours market while
the options stand still, and ``close`` is the price they were quoted against: in five payloads of SPY saved in the
evening the two differed by 1 to 24 basis points, and ``close`` was nearer to the options' put-call parity in four.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from lightning_gex.adapters.market_data.chain_request import ChainRequest
from lightning_gex.adapters.market_data.chain_rows import CALL, PUT, Heading, Quotes, RawContracts, Refusal, Refusals
from lightning_gex.adapters.market_data.content import Content
from lightning_gex.adapters.market_data.json_payload import decoded, loaded, number, number_column
from lightning_gex.adapters.market_data.osi_symbol import belongs_to, is_adjusted, parse_osi_texts
from lightning_gex.adapters.market_data.quote_time import checked_moment, quoted_session
from lightning_gex.adapters.market_data.stale_open import plain_symbol
from lightning_gex.adapters.market_data.tables import clipped
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import NEW_YORK, close_of, session_of
from lightning_gex.core.units import STANDARD_MULTIPLIER, Float64Array1D

NAME = "cboe_delayed_quotes"
_DELAY = timedelta(minutes=15)
_LONGEST_PAUSE = timedelta(days=7)  # a last trade before it is a placeholder, such as 1969
_NUMBERS = {
    "bid": "bid",
    "ask": "ask",
    "implied_vol": "iv",
    "open_interest": "open_interest",
    "volume": "volume",
}


class _Option(msgspec.Struct, gc=False):
    """The fields of an option's record that are read; what is missing is None."""

    option: Any = None
    bid: Any = None
    ask: Any = None
    iv: Any = None
    open_interest: Any = None
    volume: Any = None
    last_trade_time: Any = None


class _Data(msgspec.Struct):
    options: list[_Option]
    symbol: Any = None
    current_price: Any = None
    close: Any = None
    last_trade_time: Any = None


class _Payload(msgspec.Struct):
    data: _Data
    timestamp: Any = None
    symbol: Any = None


_DECODER = msgspec.json.Decoder(_Payload)
_FIELDS = _Option.__struct_fields__
_NO_RECORD = object()  # stands for the symbol of what is no record


def recognise(content: Content) -> bool:
    """Whether the content is a JSON object that speaks of options as this service does."""
    edges = content.edges
    return edges.startswith(b"{") and b'"options"' in edges and b'"timestamp"' in edges


def parse(content: Content, request: ChainRequest) -> RawContracts:
    """The rows of a payload.

    Parameters
    ----------
    content : the payload.
    request : the symbol it must be of, and a moment or spot that go before the payload's own.

    Raises
    ------
    InputError : it is not JSON, cut, without time, spot or options, or of another underlying.
    """
    payload = decoded(content, _DECODER) or _payload_of(loaded(content), content.source)
    data = payload.data
    name = _symbol(payload, request.underlying, content.source)
    made_at = _made_at(payload.timestamp, content.source)
    close = close_of(_session(made_at, data.last_trade_time))
    columns = {name: list(map(attrgetter(name), data.options)) for name in _FIELDS}
    newest = _newest_trade((data.last_trade_time, *columns["last_trade_time"]), made_at)
    as_of, as_of_notes = request.moment(min(close, max(made_at - _DELAY, newest)), content.source)
    spot, spot_notes = request.price(_spot(data, made_at > close), content.source, "current_price")
    heading = Heading(content.source, name, as_of, spot, (*as_of_notes, *spot_notes), made_at)
    return _contracts(columns, heading)


def _payload_of(found: object, source: str) -> _Payload:
    """A payload that does not fit the shape: some of its records are none, or it is none at all."""
    payload = _object(found, "the payload", source)
    data = _object(payload.get("data"), "data", source)
    options = data.get("options")
    if not isinstance(options, list):
        raise InputError("the list of options is missing", source=source, field="options")
    records = [
        _Option(*(record.get(name) for name in _FIELDS)) if isinstance(record, dict) else _Option(_NO_RECORD)
        for record in options
    ]
    figures = {name: data.get(name) for name in _Data.__struct_fields__ if name != "options"}
    return _Payload(
        data=_Data(options=records, **figures), timestamp=payload.get("timestamp"), symbol=payload.get("symbol")
    )


def _object(found: object, what: str, source: str) -> Mapping[str, object]:
    if not isinstance(found, dict):
        raise InputError(f"{what} is not an object of Cboe's delayed quotes", source=source, field="data")
    return found


def _symbol(payload: _Payload, asked: str | None, source: str) -> str:
    found = payload.symbol or payload.data.symbol
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


def _newest_trade(times: Sequence[object], made_at: datetime) -> datetime:
    """The latest trade in the payload that is not after it was made: the data are at least as new."""
    traded = _trade_time(max((time for time in times if isinstance(time, str)), default=None))
    return traded if traded is not None and traded <= made_at else made_at - _DELAY


def _spot(data: _Data, after_close: bool) -> float:
    """The first positive price of the fields that hold it, else NaN."""
    prices = [number(value) for value in ((data.close, data.current_price) if after_close else (data.current_price,))]
    return next((price for price in prices if price > 0), float("nan"))


def _contracts(columns: Mapping[str, Sequence[object]], heading: Heading) -> RawContracts:
    options = columns["option"]
    symbols = parse_osi_texts([option if isinstance(option, str) else None for option in options])
    refusals = Refusals(len(options))
    refusals.mark(np.array([option is _NO_RECORD for option in options], dtype=np.bool_), Refusal.BAD_RECORD)
    refusals.mark(~symbols.readable, Refusal.BAD_SYMBOL)
    refusals.mark(
        symbols.of_root([not belongs_to(r, heading.underlying) for r in symbols.root_names]), Refusal.FOREIGN_ROOT
    )
    refusals.mark(symbols.of_root([is_adjusted(r) for r in symbols.root_names]), Refusal.ADJUSTED_DELIVERABLE)
    numbers: dict[str, Float64Array1D] = {}
    for name, field in _NUMBERS.items():
        numbers[name], unreadable = number_column(columns[field])
        refusals.mark(unreadable, Refusal.BAD_NUMBER)
    return RawContracts(
        heading=heading,
        refusals=refusals,
        root_names=symbols.root_names,
        root_code=symbols.root_code,
        expiry=symbols.expiry,
        right=np.where(symbols.is_call, CALL, PUT),
        strike=symbols.strike,
        multiplier=np.full(len(options), STANDARD_MULTIPLIER),
        quotes=Quotes(**numbers),
    )
