"""Our own table of option contracts: CSV or Parquet, one row a contract, every row with the moment and the spot."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lightning_gex.adapters.market_data.chain_request import ChainRequest
from lightning_gex.adapters.market_data.chain_rows import (
    CALL,
    EVENING,
    MORNING,
    NEITHER,
    PUT,
    UNREADABLE,
    UNSAID,
    Heading,
    Quotes,
    RawContracts,
    Refusal,
    Refusals,
)
from lightning_gex.adapters.market_data.content import Content
from lightning_gex.adapters.market_data.snapshot import pick_moment, pick_underlying, the_one_number
from lightning_gex.adapters.market_data.tables import Table, column_names, read_table
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import Float64Array1D, Int8Array1D, Int16Array1D

NAME = "table"
CHAIN_COLUMNS = (
    "underlying", "as_of", "spot", "expiry", "right", "strike",
    "bid", "ask", "iv", "open_interest", "volume", "multiplier",
)  # fmt: skip
OPTIONAL_COLUMNS = ("root", "settlement")
#: What ``Quotes`` is made of.
QUOTE_COLUMNS = ("bid", "ask", "implied_vol", "open_interest", "volume")
RIGHTS = {"c": CALL, "call": CALL, "p": PUT, "put": PUT}
SETTLEMENTS = {"am": MORNING, "pm": EVENING, "": UNSAID}
_SYMBOL_COLUMNS = frozenset({"option", "contract", "contractSymbol"})  # tables of another layout have these
_PER_CENT_MEDIAN = 5.0  # no whole chain has a median volatility of 500 %: the column is in per cent
_PER_CENT_ROWS = 20


def recognise(content: Content) -> bool:
    """Whether the content is Parquet, or text whose first line names an expiry and a strike; and no symbols."""
    names = column_names(content)
    if names & _SYMBOL_COLUMNS:
        return False
    return content.is_parquet or {"expiry", "strike"} <= names


def parse(content: Content, request: ChainRequest) -> RawContracts:
    """The rows of a table.

    Parameters
    ----------
    content : the file.
    request : which underlying and moment to take where the table holds several.

    Raises
    ------
    InputError : columns are missing or unknown; the file has two underlyings, moments or spots and none was asked for,
        or a time without zone.
    """
    table = read_table(content)
    table.demand(CHAIN_COLUMNS, OPTIONAL_COLUMNS)
    table, name = pick_underlying(table, "underlying", request.underlying)
    table, as_of, as_of_notes = pick_moment(table, "as_of", request)
    spot, spot_notes = request.price(the_one_number(table, "spot"), table.source)
    refusals = Refusals(len(table))
    quotes = quotes_of(table, {name: name for name in QUOTE_COLUMNS} | {"implied_vol": "iv"}, refusals)
    demand_fractions(quotes.implied_vol, table.source, "iv")
    root_names, root_code = _roots(table, name, refusals)
    return RawContracts(
        heading=Heading(table.source, name, as_of, spot, (*as_of_notes, *spot_notes)),
        refusals=refusals,
        root_names=root_names,
        root_code=root_code,
        expiry=table.dates_or_nat("expiry")[0],
        right=_coded_as(table, "right", RIGHTS, NEITHER),
        settlement=_coded_as(table, "settlement", SETTLEMENTS, UNREADABLE) if "settlement" in table.columns else None,
        keyed_by_root="root" in table.columns,
        strike=table.floats_or_nan("strike")[0],  # what is unreadable is NaN, and refused as such
        multiplier=table.floats_or_nan("multiplier")[0],
        quotes=quotes,
    )


def _coded_as(table: Table, field: str, meaning: Mapping[str, np.int8], otherwise: np.int8) -> Int8Array1D:
    """(n,) what each cell means, in any capitals."""
    names, code = table.codes(field)
    found: Int8Array1D = np.array([meaning.get(text.lower(), otherwise) for text in names], dtype=np.int8)
    return found[code]


def _roots(table: Table, underlying: str, refusals: Refusals) -> tuple[tuple[str, ...], Int16Array1D]:
    """Distinct roots, and (n,) each row's; without the column, the underlying's name for all."""
    if "root" not in table.columns:
        return (underlying,), np.zeros(len(table), dtype=np.int16)
    names, code = table.codes("root")
    refusals.mark(np.array([name == "" for name in names], dtype=np.bool_)[code], Refusal.BAD_ROOT)
    capitals = sorted({name.upper() for name in names})
    place = np.array([capitals.index(name.upper()) for name in names], dtype=np.int16)
    return tuple(capitals), place[code]


def quotes_of(table: Table, names: Mapping[str, str], refusals: Refusals) -> Quotes:
    """The quotes of a table's rows; a row with a text among them is refused.

    Parameters
    ----------
    names : each name of ``QUOTE_COLUMNS`` -> the column that holds it.
    """
    columns: dict[str, Float64Array1D] = {}
    for name in QUOTE_COLUMNS:
        columns[name], bad = table.floats_or_nan(names[name])
        refusals.mark(bad, Refusal.BAD_NUMBER)
    return Quotes(**columns)


def demand_fractions(implied_vol: Float64Array1D, source: str, field: str) -> None:
    """Raise ``InputError`` where a column of volatilities is in per cent."""
    usable = implied_vol[implied_vol > 0]
    if len(usable) >= _PER_CENT_ROWS and np.median(usable) > _PER_CENT_MEDIAN:
        raise InputError(
            f"the median is {np.median(usable):g}: volatility is a fraction here, 0.2 for 20 %",
            source=source,
            field=field,
        )
