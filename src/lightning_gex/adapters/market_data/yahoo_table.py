"""Yahoo's option chains as users of yfinance save them: a table in CSV or Parquet, or JSON.

Yahoo's implied volatility is not used: it comes from last prices that may be days old, and stands at 1e-5 or 0.5 where
nothing traded. Volatility is solved from bid and ask instead. A table of calls and puts has neither the underlying's
price nor a moment: added columns, Yahoo's own ``quote`` object, or the caller give them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import numpy as np
import polars as pl

from lightning_gex.adapters.market_data.chain_request import ChainRequest
from lightning_gex.adapters.market_data.chain_rows import RawContracts
from lightning_gex.adapters.market_data.content import Content
from lightning_gex.adapters.market_data.json_payload import loaded, number
from lightning_gex.adapters.market_data.quote_time import quotes_as_of
from lightning_gex.adapters.market_data.symbol_table import Layout, contracts_of
from lightning_gex.adapters.market_data.tables import Table, column_names, read_table
from lightning_gex.core.errors import InputError

NAME = "yahoo"
LAYOUT = Layout(
    {
        "symbol": ("contractSymbol", "contract"),
        "bid": ("bid",),
        "ask": ("ask",),
        "open_interest": ("openInterest", "open_interest"),
        "volume": ("volume",),
        "underlying": ("underlying", "ticker", "underlyingSymbol", "symbol"),
        "spot": ("spot", "underlyingPrice", "regularMarketPrice"),
        "as_of": ("as_of",),
        "session": ("snap_date", "date"),
        "last_trade": ("lastTradeDate", "last_trade_utc"),
        "right": ("type", "optionType"),
        "strike": ("strike",),
        "expiry": ("expiration", "expiry", "expirationDate"),
        "size": ("contractSize",),
        "currency": ("currency",),
    },
    wall=UTC,
)
_NOTE = "Yahoo's volatilities are not used: they are solved from bid and ask"
_MOMENTS = ("lastTradeDate", "expiration")  # seconds since 1970 in Yahoo's answers, milliseconds as pandas writes them
_MILLISECONDS_FROM = 1e11


def recognise(content: Content) -> bool:
    """Whether the content is a table or JSON with Yahoo's option symbols."""
    if _is_json(content):
        return b'"contractSymbol"' in content.edges
    names = column_names(content)
    return "contractSymbol" in names or {"contract", "strike", "bid", "ask"} <= names


def parse(content: Content, request: ChainRequest) -> RawContracts:
    """The rows of a Yahoo chain. Raises ``InputError`` as ``symbol_table.contracts_of``, and for damaged JSON."""
    table = _json_table(content) if _is_json(content) else read_table(content, unnamed_first="index")
    return contracts_of(table, LAYOUT, request, (_NOTE,))


def _is_json(content: Content) -> bool:
    return content.edges.startswith((b"{", b"["))


def _json_table(content: Content) -> Table:
    """The records of a JSON file as a table, with the chain's own figures on every row."""
    found = loaded(content)
    records, quote = _records(found)
    if not records:
        raise InputError(
            "holds no records with a 'contractSymbol': a list of them, or 'calls' and 'puts', is read",
            source=content.source,
        )
    names = {name: None for record in records for name in record}
    columns = {str(name): [_cell(str(name), record.get(name)) for record in records] for name in names}
    columns |= {name: [value] * len(records) for name, value in _figures(quote).items() if name not in columns}
    frame = pl.DataFrame({name: pl.Series(values, dtype=pl.String) for name, values in columns.items()})
    return Table(content.source, frame, np.arange(1, len(records) + 1, dtype=np.int64))


def _records(found: object) -> tuple[list[Mapping[str, object]], Mapping[str, object]]:
    """The options' records, and the underlying's, in any of the shapes they are saved in."""
    if isinstance(found, list):
        return [record for record in found if isinstance(record, dict)], {}
    if not isinstance(found, dict):
        return [], {}
    if isinstance(answer := found.get("optionChain"), dict):  # Yahoo's own answer
        results = [result for result in _list(answer.get("result")) if isinstance(result, dict)]
        sides = [part for result in results for part in _list(result.get("options")) if isinstance(part, dict)]
        quote = results[0].get("quote") if results else None
        return [r for part in sides for r in _records(part)[0]], quote if isinstance(quote, dict) else {}
    if "calls" in found or "puts" in found:
        quote = found.get("underlying") or found.get("quote")
        both = [record for side in ("calls", "puts") for record in _records(found.get(side))[0]]
        return both, quote if isinstance(quote, dict) else {}
    return list(_of_pandas(found)), {}


def _of_pandas(found: Mapping[str, object]) -> Iterable[Mapping[str, object]]:
    """The records of a frame as pandas writes it, other than as a list of records."""
    if isinstance(rows := found.get("data"), list):
        if isinstance(names := found.get("columns"), list):  # orient="split"
            return [dict(zip(map(str, names), row, strict=False)) for row in rows if isinstance(row, list)]
        return [row for row in rows if isinstance(row, dict)]  # orient="table"
    columns = {name: column for name, column in found.items() if isinstance(column, dict)}
    if isinstance(symbols := columns.get("contractSymbol"), dict):  # orient="columns"
        return [{name: column.get(key) for name, column in columns.items()} for key in symbols]
    return [record for record in columns.values() if "contractSymbol" in record]  # orient="index"


def _list(found: object) -> list[object]:
    return found if isinstance(found, list) else []


def _cell(name: str, value: object) -> str | None:
    """A JSON value as a CSV would have it; a moment that is a number as text."""
    if value is None or isinstance(value, str):
        return value
    if name in _MOMENTS and isinstance(value, int | float) and not isinstance(value, bool):
        return _moment_text(float(value), date_alone=name == "expiration")
    return json.dumps(value)


def _moment_text(value: float, *, date_alone: bool) -> str | None:
    try:
        moment = datetime.fromtimestamp(value / 1_000 if value >= _MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.date().isoformat() if date_alone else moment.isoformat()


def _figures(quote: Mapping[str, object]) -> dict[str, str]:
    """What Yahoo says of the underlying, in the columns of the layout."""
    figures: dict[str, str] = {}
    if isinstance(symbol := quote.get("symbol"), str):
        figures["underlying"] = symbol
    if (price := number(quote.get("regularMarketPrice"))) > 0:
        figures["spot"] = repr(price)
    moment = _moment_text(number(quote.get("regularMarketTime")), date_alone=False)
    if moment is not None:
        figures["as_of"] = quotes_as_of(datetime.fromisoformat(moment)).isoformat()
    return figures
