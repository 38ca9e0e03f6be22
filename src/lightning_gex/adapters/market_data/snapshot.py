"""One underlying at one moment out of a table that may hold many of either."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl

from lightning_gex.adapters.market_data.chain_request import ChainRequest
from lightning_gex.adapters.market_data.quote_time import checked_moment
from lightning_gex.adapters.market_data.stale_open import plain_symbol
from lightning_gex.adapters.market_data.tables import Table, clipped
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import is_session, session_of, to_aware
from lightning_gex.core.units import Int64Array1D

EXAMPLE_MOMENT = "2024-06-03T15:30:00-04:00"
_LISTED = 6  # names or moments that a message repeats


def pick_underlying(table: Table, field: str, asked: str | None) -> tuple[Table, str]:
    """The rows of one underlying, and its symbol.

    Parameters
    ----------
    table : not empty.
    field : the column of symbols.
    asked : the symbol wanted; None where the table must hold one alone.

    Raises
    ------
    InputError : a cell is empty, the table holds several and none was asked for, or not the one asked for.
    """
    names, code = table.codes(field)
    table.refuse(code == 0, field, lambda _: "the cell is empty")  # the empty text is the first of the names
    held = np.unique(code)
    if asked is None:
        table.refuse(
            code != code[0],
            field,
            lambda i: (
                f"'{clipped(names[code[i]])}' where the rows above have '{clipped(names[code[0]])}': "
                "one chain a file, or name one with --underlying"
            ),
        )
        return table, plain_symbol(names[code[0]])
    wanted = [k for k in held.tolist() if plain_symbol(names[k]) == plain_symbol(asked)]
    if not wanted:
        raise InputError(
            f"holds options on {_listing([names[k] for k in held])}, not on {clipped(asked)}",
            source=table.source,
            field=field,
        )
    return (table if len(wanted) == len(held) else table.where(np.isin(code, wanted))), plain_symbol(asked)


def pick_moment(table: Table, field: str, request: ChainRequest) -> tuple[Table, datetime, tuple[str, ...]]:
    """The rows of one moment, the moment, and what to note about it.

    Parameters
    ----------
    table : not empty, of one underlying.
    field : the column of moments: instants, or text with a zone.
    request : ``as_of`` picks among several moments; the only one there is it replaces.

    Raises
    ------
    InputError : a cell is empty, no time or without a zone; the table holds several moments and none was asked for, or
        not exactly one that was.
    """
    moments, code = _moments(table, field)
    if len(moments) == 1:
        return table, *request.moment(moments[0], table.source)
    if request.as_of is None:
        table.refuse(
            code != code[0],
            field,
            lambda i: (
                f"{moments[code[i]].isoformat()} where the rows above have {moments[code[0]].isoformat()}: "
                "one chain a file, or name one with --as-of"
            ),
        )
    wanted = [
        k
        for k, moment in enumerate(moments)
        if (moment == request.as_of if isinstance(request.as_of, datetime) else session_of(moment) == request.session)
    ]
    if len(wanted) != 1:
        there = "no snapshot" if not wanted else f"{len(wanted)} snapshots"
        found = _listing([moment.isoformat() for moment in sorted(moments)])
        raise InputError(f"holds {there} of {request.as_of}: there are {found}", source=table.source, field=field)
    return table.where(code == wanted[0]), moments[wanted[0]], ()


def pick_session(table: Table, field: str, request: ChainRequest) -> tuple[Table, np.datetime64]:
    """The rows of one session, and its date.

    Parameters
    ----------
    table : not empty, of one underlying.
    field : the column of dates.
    request : ``as_of`` picks among several dates, whether it is a date or a moment.

    Raises
    ------
    InputError : a cell is no session's date; the table holds several and none was asked for, or not the one asked for.
    """
    dates = table.dates(field)
    table.refuse(~is_session(dates), field, lambda i: f"{dates[i]} is no session of the New York exchange")
    held = np.unique(dates)
    if request.session is None:
        table.refuse(
            dates != dates[0],
            field,
            lambda i: f"{dates[i]} where the rows above have {dates[0]}: one chain a file, or name one with --as-of",
        )
        return table, held[0]
    if request.session not in held:
        raise InputError(
            f"holds no snapshot of {request.session}: there are {_listing([str(date) for date in held])}",
            source=table.source,
            field=field,
        )
    return table.where(dates == request.session), request.session


def the_one_number(table: Table, field: str) -> float:
    """The positive number that every row of a column has.

    Raises
    ------
    InputError : naming the first row that is empty, no positive number, or another number than those above.
    """
    values = table.floats(field)
    table.refuse(np.isnan(values), field, lambda _: "the cell is empty")
    table.refuse(~((values > 0) & np.isfinite(values)), field, lambda i: f"{values[i]:g} is not a positive price")
    table.refuse(
        values != values[0],
        field,
        lambda i: f"{values[i]:.10g} where the rows above have {values[0]:.10g}: one chain a file",
    )
    return float(values[0])


def _listing(texts: Sequence[str]) -> str:
    shown = ", ".join(clipped(text) for text in texts[:_LISTED])
    return shown if len(texts) <= _LISTED else f"{shown} and {len(texts) - _LISTED} more"


def _moments(table: Table, field: str) -> tuple[list[datetime], Int64Array1D]:
    """The distinct moments, aware, and (n,) each row's position among them."""
    column = table.frame[field]
    if column.dtype.base_type() == pl.Datetime:
        table.refuse(column.is_null().to_numpy(), field, lambda _: "the cell is empty")
        if column.dtype.time_zone is None:  # type: ignore[attr-defined]
            raise _no_zone(str(column[0]), table, 0, field)
        instants, code = np.unique(column.cast(pl.Datetime("us", "UTC")).to_numpy(), return_inverse=True)
        return [_checked(to_aware(instant), table, code == k, field) for k, instant in enumerate(instants)], code
    names, code = table.codes(field)
    table.refuse(code == 0, field, lambda _: "the cell is empty")
    of_name = {k: _of_text(names[k], table, code == k, field) for k in np.unique(code).tolist()}
    moments = sorted(set(of_name.values()))
    place = np.array([moments.index(of_name[k]) if k in of_name else 0 for k in range(len(names))], dtype=np.int64)
    return moments, place[code]


def _of_text(text: str, table: Table, rows: np.ndarray, field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"'{clipped(text)}' is no time such as {EXAMPLE_MOMENT}",
            source=table.source,
            row=int(table.line[np.argmax(rows)]),
            field=field,
        ) from None
    if moment.tzinfo is None:
        raise _no_zone(moment.isoformat(), table, int(np.argmax(rows)), field)
    return _checked(moment, table, rows, field)


def _checked(moment: datetime, table: Table, rows: np.ndarray, field: str) -> datetime:
    row = int(table.line[np.argmax(rows)])
    try:
        return checked_moment(moment.astimezone(UTC), source=table.source, row=row, field=field)
    except OverflowError:
        raise InputError(f"{moment.isoformat()} is no usable time", source=table.source, row=row, field=field) from None


def _no_zone(text: str, table: Table, at: int, field: str) -> InputError:
    return InputError(
        f"{text} has no time zone: give one, such as {EXAMPLE_MOMENT}",
        source=table.source,
        row=int(table.line[at]),
        field=field,
    )
