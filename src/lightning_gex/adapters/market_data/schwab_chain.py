"""Schwab's option chains: a JSON object with calls and puts by expiry and strike, one record an option.

The payload has no time of its own. Each option says when its quote last changed (``quoteTimeInLong``, milliseconds
since 1970, UTC): the newest of them that is no stray is when the quotes were true, bounded by the session's close.
``volatility`` is in per cent. Where a figure is missing there stands -999, or the text ``NaN``.

An option delivers what ``optionDeliverablesList`` says for ``multiplier`` times the strike. Where that is D shares of
the underlying alone for M strikes (a reverse split of 1 for 10 leaves D = 10 and M = 100), its payoff is that of D
options on one share struck at K M / D: it is restated so, with D as the multiplier. Source: OCC, By-Laws, Article VI,
Section 11A, and its information memos on adjusted options (deliverable and strike multiplier stated apart).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from lightning_gex.adapters.market_data.chain_request import ChainRequest
from lightning_gex.adapters.market_data.chain_rows import (
    CALL,
    EVENING,
    MORNING,
    NEITHER,
    PUT,
    UNSAID,
    Heading,
    Quotes,
    RawContracts,
    Refusal,
    Refusals,
)
from lightning_gex.adapters.market_data.content import Content
from lightning_gex.adapters.market_data.json_payload import decoded, loaded, number, number_column
from lightning_gex.adapters.market_data.osi_symbol import OsiColumn, belongs_to, parse_osi_texts
from lightning_gex.adapters.market_data.quote_time import quotes_as_of
from lightning_gex.adapters.market_data.stale_open import plain_symbol, same_underlying
from lightning_gex.adapters.market_data.tables import clipped
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import AM_SETTLED_ROOTS, FIRST_SESSION_YEAR, LAST_SESSION_YEAR, NEW_YORK, to_aware
from lightning_gex.core.units import BoolArray1D, DateArray1D, Float64Array1D, Int8Array1D, TimeArray1D

NAME = "schwab"
_NOT_A_NUMBER = frozenset({"NaN"})
_PER_CENT = 0.01
_STRAY_SHARE = 0.01  # a day on which fewer of the quotes changed is one broken cell, not the day of the chain
_SPOTS_DIFFER = 0.005  # relative; beyond it the two prices of the underlying are worth a note
_NOTE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ([A-Z./$^]+)")
_FIRST_MS, _PAST_MS = (
    int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1_000)
    for year in (FIRST_SESSION_YEAR + 1, LAST_SESSION_YEAR + 1)
)


class _Option(msgspec.Struct, gc=False):
    """The fields of an option's record that are read; what is missing is None."""

    putCall: Any = None  # noqa: N815 - Schwab's names
    symbol: Any = None
    bid: Any = None
    ask: Any = None
    volatility: Any = None
    openInterest: Any = None  # noqa: N815
    totalVolume: Any = None  # noqa: N815
    strikePrice: Any = None  # noqa: N815
    expirationDate: Any = None  # noqa: N815
    multiplier: Any = None
    quoteTimeInLong: Any = None  # noqa: N815
    settlementType: Any = None  # noqa: N815
    nonStandard: Any = None  # noqa: N815
    optionDeliverablesList: msgspec.Raw = msgspec.Raw(b"null")  # noqa: N815
    deliverableNote: Any = None  # noqa: N815


_Map = dict[str, dict[str, list[_Option]]]


class _Payload(msgspec.Struct):
    callExpDateMap: _Map  # noqa: N815
    putExpDateMap: _Map  # noqa: N815
    symbol: Any = None
    status: Any = None
    underlying: Any = None
    underlyingPrice: Any = None  # noqa: N815
    isDelayed: Any = None  # noqa: N815
    isIndex: Any = None  # noqa: N815
    isChainTruncated: Any = None  # noqa: N815
    numberOfContracts: Any = None  # noqa: N815


_DECODER = msgspec.json.Decoder(_Payload)
_FIELDS = _Option.__struct_fields__
_MAPS = ("callExpDateMap", "putExpDateMap")
_NO_RECORD = object()  # stands for the symbol of what is no record


def recognise(content: Content) -> bool:
    """Whether the content is a JSON object with one of Schwab's two maps."""
    edges = content.edges
    return edges.startswith(b"{") and any(f'"{name}"'.encode() in edges for name in _MAPS)


def parse(content: Content, request: ChainRequest) -> RawContracts:
    """The rows of a payload.

    Parameters
    ----------
    content : the payload.
    request : the symbol it must be of, and a moment or spot that go before the payload's own.

    Raises
    ------
    InputError : it is not JSON, cut, of another underlying, says itself that it failed or was truncated, or has no
        options, spot or quote time.
    """
    payload = decoded(content, _DECODER) or _payload_of(loaded(content), content.source)
    _demand_whole(payload, content.source)
    columns, is_call_side = _columns(payload)
    if not columns["symbol"]:
        raise InputError("the maps of calls and puts are empty", source=content.source, field=_MAPS[0])
    name = _symbol(payload, request.underlying, content.source)
    quoted_at = _quote_times(columns["quoteTimeInLong"])
    as_of, as_of_notes = request.moment(_newest(quoted_at), content.source)
    spot, spot_notes = _spot(payload, request, content.source)
    heading = Heading(content.source, name, as_of, spot, (*as_of_notes, *spot_notes, *_notes(payload, len(quoted_at))))
    return _contracts(columns, is_call_side, quoted_at, heading, cash_settled=payload.isIndex is True)


def _payload_of(found: object, source: str) -> _Payload:
    """A payload that does not fit the shape: some of its records are none, or it is none at all."""
    if not isinstance(found, dict):
        raise InputError("is not an object of Schwab's option chains", source=source)
    figures: dict[str, Any] = {name: found.get(name) for name in _Payload.__struct_fields__ if name not in _MAPS}
    calls, puts = (_map_of(found.get(name), name, source) for name in _MAPS)
    return _Payload(calls, puts, **figures)


def _map_of(found: object, field: str, source: str) -> _Map:
    """One of the two maps, its records in one list. A map that is missing is empty."""
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(strikes, dict) for strikes in found.values()):
        raise InputError("is not a map of expiries to strikes", source=source, field=field)
    records: list[_Option] = []
    for held in (held for strikes in found.values() for held in strikes.values()):
        records.extend(map(_option_of, held if isinstance(held, list) else [held]))
    return {"": {"": records}}


def _option_of(record: object) -> _Option:
    if not isinstance(record, dict):
        return _Option(symbol=_NO_RECORD)
    fields: dict[str, Any] = {name: record.get(name) for name in _FIELDS}
    deliverables = json.dumps(record.get("optionDeliverablesList")).encode()
    return _Option(**(fields | {"optionDeliverablesList": msgspec.Raw(deliverables)}))


def _demand_whole(payload: _Payload, source: str) -> None:
    """Refuse a payload that says itself that it is no whole chain."""
    if payload.status not in ("SUCCESS", None):
        raise InputError(
            f"Schwab answered '{clipped(str(payload.status))}', not SUCCESS: fetch the chain again",
            source=source,
            field="status",
        )
    if payload.isChainTruncated is True:
        raise InputError(
            "Schwab says that it cut this chain short: fetch it again for fewer expiries (fromDate, toDate) a request",
            source=source,
            field="isChainTruncated",
        )


def _columns(payload: _Payload) -> tuple[dict[str, list[object]], BoolArray1D]:
    """The fields of all options, calls first, and (n,) which came from the map of calls."""
    sides = [
        [option for strikes in side.values() for held in strikes.values() for option in held]
        for side in (payload.callExpDateMap, payload.putExpDateMap)
    ]
    options = [*sides[0], *sides[1]]
    is_call_side = np.arange(len(options)) < len(sides[0])
    return {name: list(map(attrgetter(name), options)) for name in _FIELDS}, is_call_side


def _symbol(payload: _Payload, asked: str | None, source: str) -> str:
    found = payload.symbol
    if not isinstance(found, str) or not plain_symbol(found):
        raise InputError("the symbol is missing", source=source, field="symbol")
    if asked is not None and not same_underlying(asked, found):
        raise InputError(f"holds options on {clipped(found)}, not on {clipped(asked)}", source=source, field="symbol")
    return plain_symbol(found)


def _quote_times(values: Sequence[object]) -> TimeArray1D:
    """(n,) ``datetime64[s]`` UTC, when each quote last changed; NaT where there is no time of this age."""
    ms, _ = number_column(values)
    sound = (ms >= _FIRST_MS) & (ms < _PAST_MS)  # NaN compares False
    times: TimeArray1D = (np.where(sound, ms, 0) // 1_000).astype(np.int64).astype("datetime64[s]")
    times[~sound] = np.datetime64("NaT")
    return times


def _newest(quoted_at: TimeArray1D) -> datetime | None:
    """When the newest quotes were true; None where no quote has a time."""
    known = quoted_at[~np.isnat(quoted_at)]
    if not len(known):
        return None
    days, count = np.unique(known.astype("datetime64[D]"), return_counts=True)
    last = days[count >= _STRAY_SHARE * len(known)][-1]
    return quotes_as_of(to_aware(known[known < last + np.timedelta64(1, "D")].max()))


def _spot(payload: _Payload, request: ChainRequest, source: str) -> tuple[float, tuple[str, ...]]:
    """The price the options were quoted against, and what to note about it."""
    given = number(payload.underlyingPrice)
    quote = payload.underlying if isinstance(payload.underlying, dict) else {}
    mark = next((price for name in ("mark", "last") if (price := number(quote.get(name))) > 0), float("nan"))
    spot, notes = request.price(given if given > 0 else mark, source, "underlyingPrice")
    if request.spot is None and abs(mark / spot - 1.0) > _SPOTS_DIFFER:
        notes = (*notes, f"underlyingPrice {spot:g} is taken for spot; the underlying's own mark is {mark:g}")
    return spot, notes


def _notes(payload: _Payload, contracts: int) -> tuple[str, ...]:
    notes = []
    if payload.isDelayed is True:
        notes.append("Schwab's delayed quotes: as old as their own times say")
    said = number(payload.numberOfContracts)
    if said > 0 and said != contracts:
        notes.append(f"the payload speaks of {said:g} contracts and holds {contracts}")
    return tuple(notes)


def _contracts(
    columns: Mapping[str, Sequence[object]],
    is_call_side: BoolArray1D,
    quoted_at: TimeArray1D,
    heading: Heading,
    *,
    cash_settled: bool,
) -> RawContracts:
    symbols = parse_osi_texts([text if isinstance(text, str) else None for text in columns["symbol"]])
    refusals = Refusals(len(quoted_at))
    refusals.mark(np.array([text is _NO_RECORD for text in columns["symbol"]], dtype=np.bool_), Refusal.BAD_RECORD)
    refusals.mark(~symbols.readable, Refusal.BAD_SYMBOL)
    foreign = [not belongs_to(root, heading.underlying) for root in symbols.root_names]
    refusals.mark(symbols.of_root(foreign), Refusal.FOREIGN_ROOT)
    _refuse_contradictions(columns, symbols, is_call_side, refusals)
    shares, scale = _delivered(columns, heading.underlying, refusals, cash_settled=cash_settled)
    settlement, settlement_notes = _settlement(columns["settlementType"], symbols)
    quotes = _quotes(columns, scale, refusals)
    restated = int(np.count_nonzero((scale != 1.0) & refusals.kept))
    restated_notes = (f"{restated} adjusted contracts restated per share they deliver",) if restated else ()
    notes = (*heading.notes, *restated_notes, *settlement_notes)
    return RawContracts(
        heading=replace(heading, notes=notes),
        refusals=refusals,
        root_names=symbols.root_names,
        root_code=symbols.root_code,
        expiry=symbols.expiry,
        right=np.where(symbols.is_call, CALL, PUT),
        strike=symbols.strike * scale,
        multiplier=shares,
        quotes=quotes,
        settlement=settlement,
        quoted_at=quoted_at,
    )


def _refuse_contradictions(
    columns: Mapping[str, Sequence[object]], symbols: OsiColumn, is_call_side: BoolArray1D, refusals: Refusals
) -> None:
    """Refuse records whose own right, expiry or strike are not those of their symbol."""
    right = {"CALL": CALL, "PUT": PUT}
    said = np.array([right.get(text, NEITHER) if isinstance(text, str) else NEITHER for text in columns["putCall"]])
    refusals.mark((said != symbols.is_call) | (is_call_side != symbols.is_call), Refusal.BAD_RIGHT)
    expiry = _listed_dates(columns["expirationDate"])
    refusals.mark(~(expiry == symbols.expiry), Refusal.BAD_EXPIRY)
    strike, _ = number_column(columns["strikePrice"])
    refusals.mark(~(strike == symbols.strike), Refusal.BAD_STRIKE)


def _listed_dates(values: Sequence[object]) -> DateArray1D:
    """(n,) New York's date of each ``expirationDate``: a moment as text, or milliseconds since 1970; NaT for others."""
    usable = [value if isinstance(value, str | int | float) else None for value in values]
    found = {value: np.datetime64("NaT", "D") if value is None else _listed_date(value) for value in set(usable)}
    return np.array([found[value] for value in usable], dtype="datetime64[D]")


def _listed_date(value: str | float) -> np.datetime64:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            local = moment if moment.tzinfo is None else moment.astimezone(NEW_YORK)
        else:
            local = datetime.fromtimestamp(value / 1_000, NEW_YORK)
    except (ValueError, OverflowError, OSError):
        return np.datetime64("NaT", "D")
    return np.datetime64(local.date(), "D")


def _delivered(
    columns: Mapping[str, Sequence[object]], underlying: str, refusals: Refusals, *, cash_settled: bool
) -> tuple[Float64Array1D, Float64Array1D]:
    """(n,) shares that each contract delivers, and (n,) how much larger everything is per share than it is quoted."""
    multiplier, _ = number_column(columns["multiplier"], _NOT_A_NUMBER)
    refusals.mark(~(multiplier > 0), Refusal.BAD_MULTIPLIER)
    if cash_settled:
        return multiplier, np.ones(len(multiplier))
    shares = _shares(columns, underlying)
    refusals.mark(np.isnan(shares), Refusal.ADJUSTED_DELIVERABLE)
    shares = np.where(shares > 0, shares, multiplier)
    scale = np.divide(multiplier, shares, out=np.ones(len(shares)), where=(shares > 0) & (multiplier > 0))
    return shares, scale


def _shares(columns: Mapping[str, Sequence[object]], underlying: str) -> Float64Array1D:
    """(n,) shares of the underlying that a contract delivers; 0 where the record leaves it to its multiplier, NaN where
    it delivers something else, or something more."""
    fields = ("optionDeliverablesList", "deliverableNote", "nonStandard")
    listed = list(map(bytes, columns[fields[0]]))  # type: ignore[arg-type]
    notes = [note if isinstance(note, str) else "" for note in columns[fields[1]]]
    standard = [flag is not True for flag in columns[fields[2]]]
    keys = list(zip(listed, notes, standard, strict=True))
    known = {key: _shares_of(*key, underlying=underlying) for key in set(keys)}
    return np.array([known[key] for key in keys], dtype=np.float64)


def _shares_of(listed: bytes, note: str, standard: bool, *, underlying: str) -> float:
    try:
        deliverables = json.loads(listed)
    except (ValueError, RecursionError):
        return float("nan")
    if deliverables:
        only = deliverables[0] if isinstance(deliverables, list) and len(deliverables) == 1 else None
        if isinstance(only, dict) and isinstance(name := only.get("symbol"), str) and same_underlying(name, underlying):
            units = number(only.get("deliverableUnits"))
            return units if units > 0 else float("nan")
        return float("nan")
    said = _NOTE.fullmatch(note.strip())
    if said is not None and same_underlying(said[2], underlying):
        return float(said[1])
    return 0.0 if standard else float("nan")


def _settlement(values: Sequence[object], symbols: OsiColumn) -> tuple[Int8Array1D, tuple[str, ...]]:
    """(n,) what the records say of roots whose settlement is not known, and a note where they contradict the others."""
    says = {"A": MORNING, "P": EVENING}
    said = np.array([says.get(text, UNSAID) if isinstance(text, str) else UNSAID for text in values], dtype=np.int8)
    morning = symbols.of_root([root in AM_SETTLED_ROOTS for root in symbols.root_names])
    known = morning | symbols.of_root([_evening_sibling(root) for root in symbols.root_names])
    contrary = known & ((said == MORNING) & ~morning | (said == EVENING) & morning)
    notes = [
        f"{int((contrary & (symbols.root_code == code)).sum())} {name} contracts say that they settle in the "
        f"{'evening' if name in AM_SETTLED_ROOTS else 'morning'}: taken by their root"
        for code, name in enumerate(symbols.root_names)
        if (contrary & (symbols.root_code == code)).any()
    ]
    return np.where(known, UNSAID, said).astype(np.int8), tuple(notes)


def _evening_sibling(root: str) -> bool:
    """Whether a root is an index's weekly or PM series, such as SPXW, NDXP and RUTW."""
    return root not in AM_SETTLED_ROOTS and root[:-1] in AM_SETTLED_ROOTS


def _quotes(columns: Mapping[str, Sequence[object]], scale: Float64Array1D, refusals: Refusals) -> Quotes:
    """The quotes per share delivered; a volatility that was not quoted per share delivered is left to be solved."""
    found: dict[str, Float64Array1D] = {}
    for name in ("bid", "ask", "volatility", "openInterest", "totalVolume"):
        found[name], unreadable = number_column(columns[name], _NOT_A_NUMBER)
        refusals.mark(unreadable, Refusal.BAD_NUMBER)
    return Quotes(
        bid=found["bid"] * scale,
        ask=found["ask"] * scale,
        implied_vol=np.where(scale == 1.0, found["volatility"] * _PER_CENT, np.nan),
        open_interest=found["openInterest"],
        volume=found["totalVolume"],
    )
