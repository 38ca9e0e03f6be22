"""Tables of options that name their contracts by option symbol, as people save what a quote service gave them.

The symbol says root, expiry, right and strike; columns that repeat them must agree where they say something. Every
other column is optional or ignored: such tables carry whatever their service gave. The multiplier is 100, the standard
contract's, which an unadjusted symbol is; adjusted ones are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import numpy as np
import polars as pl
import pyarrow

from lightning_gex.adapters.market_data.chain_request import ChainRequest
from lightning_gex.adapters.market_data.chain_rows import (
    CALL,
    NEITHER,
    PUT,
    Heading,
    Quotes,
    RawContracts,
    Refusal,
    Refusals,
)
from lightning_gex.adapters.market_data.osi_symbol import (
    OsiColumn,
    belongs_to,
    is_adjusted,
    parse_osi_column,
    underlying_of,
)
from lightning_gex.adapters.market_data.snapshot import pick_moment, pick_session, pick_underlying, the_one_number
from lightning_gex.adapters.market_data.stale_open import plain_symbol
from lightning_gex.adapters.market_data.tables import Table, clipped
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import close_of, session_open_utc, to_aware, to_datetime64
from lightning_gex.core.units import STANDARD_MULTIPLIER, Float64Array1D, TimeArray1D

_RIGHTS = {"c": CALL, "call": CALL, "calls": CALL, "p": PUT, "put": PUT, "puts": PUT}
_STRIKE_STEP_USD = 5e-4  # half of the step in which symbols write strikes
_STANDARD_SIZE = ("REGULAR", "")
_CURRENCY = ("USD", "")
_NEEDED = ("symbol", "bid", "ask", "open_interest", "volume")


@dataclass(frozen=True, slots=True)
class Layout:
    """What a service calls its columns.

    Parameters
    ----------
    columns : field -> the names its column may have, the first found being used. Fields: ``symbol, bid, ask,
        open_interest, volume`` (needed); ``implied_vol`` (absent where the service's is not to be used); ``underlying,
        spot, as_of`` (of the chain, on every row); ``session`` (the date of a snapshot that has no moment);
        ``last_trade`` (moment); ``right, strike, expiry`` (what the symbol says too); ``size, currency``.
    wall : the zone of last trades that come without one.
    """

    columns: Mapping[str, tuple[str, ...]]
    wall: tzinfo

    def of(self, table: Table, field: str) -> str | None:
        """The column of a table that holds a field; None where it has none."""
        return next((name for name in self.columns.get(field, ()) if name in table.columns), None)


def contracts_of(table: Table, layout: Layout, request: ChainRequest, notes: tuple[str, ...] = ()) -> RawContracts:
    """The rows of a table.

    Parameters
    ----------
    table : as the file has it.
    layout : what its columns are called.
    request : which underlying and moment to take where the table holds several; moment and spot where it has none.
    notes : what to note about every table of this layout.

    Raises
    ------
    InputError : a column is missing; underlying, moment or spot is neither in the table nor asked for, or not one.
    """
    _demand_columns(table, layout)
    field = layout.of(table, "underlying")
    name = None if request.underlying is None else plain_symbol(request.underlying)
    if field is not None:
        table, name = pick_underlying(table, field, request.underlying)
    table, as_of, as_of_notes = _moment(table, layout, request)
    _demand_dollars(table, layout)
    spot_field = layout.of(table, "spot")
    table = _in_double_precision(table)
    spot, spot_notes = request.price(
        float("nan") if spot_field is None else the_one_number(table, spot_field), table.source
    )
    symbols = _symbols(table, str(layout.of(table, "symbol")))
    if name is None and (name := underlying_of(symbols)) is None:
        raise InputError(
            "no row holds an option symbol such as SPY240621C00530000",
            source=table.source,
            field=layout.of(table, "symbol"),
        )
    refusals = Refusals(len(table))
    refusals.mark(~symbols.readable, Refusal.BAD_SYMBOL)
    refusals.mark(symbols.of_root([not belongs_to(root, name) for root in symbols.root_names]), Refusal.FOREIGN_ROOT)
    refusals.mark(symbols.of_root([is_adjusted(root) for root in symbols.root_names]), Refusal.ADJUSTED_DELIVERABLE)
    _refuse_contradictions(table, layout, symbols, refusals)
    return RawContracts(
        heading=Heading(table.source, name, as_of, spot, (*as_of_notes, *spot_notes, *notes)),
        refusals=refusals,
        root_names=symbols.root_names,
        root_code=symbols.root_code,
        expiry=symbols.expiry,
        right=np.where(symbols.is_call, CALL, PUT),
        strike=symbols.strike,
        multiplier=np.full(len(table), STANDARD_MULTIPLIER),
        quotes=_quotes(table, layout, refusals),
    )


def _demand_columns(table: Table, layout: Layout) -> None:
    for field in _NEEDED:
        if layout.of(table, field) is None:
            found = clipped(", ".join(table.columns))
            raise InputError(
                f"the column is missing (found: {found})",
                source=table.source,
                row=1,
                field=" or ".join(layout.columns[field]),
            )
    if not len(table):
        raise InputError("the file has a header and no rows", source=table.source)


def _demand_dollars(table: Table, layout: Layout) -> None:
    field = layout.of(table, "currency")
    if field is None:
        return
    names, code = table.codes(field)
    foreign = np.array([name.upper() not in _CURRENCY for name in names], dtype=np.bool_)[code]
    table.refuse(foreign, field, lambda i: f"quoted in {clipped(names[code[i]])}; options in USD are read")


def _in_double_precision(table: Table) -> Table:
    """The table with the decimals that single-precision columns were made of: 0.1 and not 0.10000000149."""
    single = pl.col(pl.Float32).cast(pl.String).cast(pl.Float64)
    return Table(table.source, table.frame.with_columns(single), table.line)


def _symbols(table: Table, field: str) -> OsiColumn:
    column = table.frame[field]
    if column.dtype.base_type() not in (pl.String, pl.Categorical, pl.Enum):
        raise InputError("the column holds no text", source=table.source, field=field)
    array = column.cast(pl.String).fill_null("").to_arrow().cast(pyarrow.large_string())
    _, offsets, data = array.buffers()
    place = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    # A byte of padding: a symbol's window is looked up even where the last cells are empty.
    text = np.frombuffer(data.to_pybytes() + b"\n" * 32, dtype=np.uint8)
    return parse_osi_column(text, place[:-1], place[1:])


def _quotes(table: Table, layout: Layout, refusals: Refusals) -> Quotes:
    columns: dict[str, Float64Array1D] = {}
    for name in ("bid", "ask", "implied_vol", "open_interest", "volume"):
        field = layout.of(table, name)
        if field is None:
            columns[name] = np.full(len(table), np.nan)
            continue
        columns[name], bad = table.floats_or_nan(field)
        refusals.mark(bad, Refusal.BAD_NUMBER)
    return Quotes(**columns)


def _refuse_contradictions(table: Table, layout: Layout, symbols: OsiColumn, refusals: Refusals) -> None:
    """Refuse rows whose other columns do not say what the symbol says, or that the contract is no standard one."""
    if field := layout.of(table, "size"):
        names, code = table.codes(field)
        odd = np.array([name.upper() not in _STANDARD_SIZE for name in names], dtype=np.bool_)[code]
        refusals.mark(odd, Refusal.ADJUSTED_DELIVERABLE)
    if field := layout.of(table, "right"):
        names, code = table.codes(field)
        right = np.array([_RIGHTS.get(name.lower(), NEITHER) for name in names], dtype=np.int8)[code]
        refusals.mark((right != symbols.is_call) & ~table.empty(field), Refusal.BAD_RIGHT)
    if field := layout.of(table, "expiry"):
        listed, _ = table.dates_or_nat(field)
        refusals.mark(~(listed == symbols.expiry) & ~table.empty(field), Refusal.BAD_EXPIRY)
    if field := layout.of(table, "strike"):
        strike, unreadable = table.floats_or_nan(field)
        differs = np.abs(strike - symbols.strike) >= _STRIKE_STEP_USD  # NaN, an empty cell, says nothing
        refusals.mark(unreadable | differs, Refusal.BAD_STRIKE)


def _moment(table: Table, layout: Layout, request: ChainRequest) -> tuple[Table, datetime, tuple[str, ...]]:
    """The rows of one snapshot, when its quotes were true, and what to note about it."""
    if field := layout.of(table, "as_of"):
        return pick_moment(table, field, request)
    field = layout.of(table, "session")
    if field is None:
        return table, *request.moment(None, table.source)
    table, session = pick_session(table, field, request)
    if isinstance(request.as_of, datetime):
        return table, *request.moment(None, table.source)
    newest = _newest_trade(table, layout, session)
    if newest is None:
        return table, *request.moment(None, table.source)
    words = f"the table dates its quotes {session} and no more: taken as of the newest trade, {newest.isoformat()}"
    return table, newest, (words,)


def _newest_trade(table: Table, layout: Layout, session: np.datetime64) -> datetime | None:
    """The newest trade of a session, at its close at the latest; None where the table has none."""
    field = layout.of(table, "last_trade")
    if field is None:
        return None
    opened = session_open_utc(np.array([session], dtype="datetime64[D]"))[0]
    times = _instants(table, field, layout.wall)
    traded = times[(times >= opened) & (times < session + np.timedelta64(2, "D"))]  # NaT compares False
    return min(close_of(session), to_aware(traded.max())) if len(traded) else None


def _instants(table: Table, field: str, wall: tzinfo) -> TimeArray1D:
    """(n,) moments in UTC, NaT where a cell is none."""
    column = table.frame[field]
    if column.dtype.base_type() == pl.Datetime:
        if column.dtype.time_zone is None:  # type: ignore[attr-defined]
            column = column.dt.replace_time_zone(str(wall), ambiguous="earliest", non_existent="null")
        utc: TimeArray1D = column.cast(pl.Datetime("us", "UTC")).to_numpy().astype("datetime64[s]")
        return utc
    names, code = table.codes(field)
    return np.array([_instant(name, wall) for name in names], dtype="datetime64[s]")[code]


def _instant(text: str, wall: tzinfo) -> np.datetime64:
    try:
        moment = datetime.fromisoformat(text)
        return to_datetime64(moment.replace(tzinfo=wall) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return np.datetime64("NaT", "s")
