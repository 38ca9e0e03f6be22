"""Daily bars from a long table, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lightning_gex.adapters.market_data.content import read_content
from lightning_gex.adapters.market_data.stale_open import has_own_volume
from lightning_gex.adapters.market_data.tables import Table, clipped, joined, read_table, table_parts
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.sessions import LAST_SESSION_YEAR
from lightning_gex.core.units import BoolArray1D, DateArray1D, Float64Array1D, Int64Array1D

BAR_COLUMNS = ("ticker", "date", "open", "high", "low", "close", "volume")
#: How far, as a fraction of the price, rounding may put an open or close outside low..high: an adjusted price printed
#: with six digits or kept in single precision is off by less. What is farther off is wrong data, not rounding.
ROUNDING_TOLERANCE = 1e-6
_NAMED = 12  # tickers a message lists


def read_bars(
    path: str | Path, *, tickers: Sequence[str] | None = None, optional: Sequence[str] = ()
) -> dict[str, Bars]:
    """Daily bars of each ticker in a long table ``ticker,date,open,high,low,close,volume``.

    Parameters
    ----------
    path : CSV (plain or gzip) or Parquet, told apart by content.
    tickers : which to read, as the file spells them; None reads all. Rows of other tickers are not looked at.
    optional : tickers to read as well where the file has them.

    Returns
    -------
    ticker -> bars, in the order asked (else in the order of the file). Volume is NaN where the cell is empty, and where
    it is zero for a cash index, which has none of its own. An open or close that rounding put outside low..high by at
    most ``ROUNDING_TOLERANCE`` is moved to the bound, and the bars' ``source`` says how many were.

    Raises
    ------
    InputError : the first row that cannot be a bar, or a ticker that is not there.
    SettingsError : ``tickers`` is empty.
    """
    if tickers is not None and not tickers:
        raise SettingsError("name at least one ticker, or none to read them all")
    content = read_content(path)
    if tickers is not None:
        return _bars_of_parts(table_parts(content), tickers, optional)
    table = read_table(content)
    table.demand(BAR_COLUMNS)
    return bars_of_table(table, None)


def bars_of_table(table: Table, tickers: Sequence[str] | None, optional: Sequence[str] = ()) -> dict[str, Bars]:
    """The bars in a table that has the columns ``BAR_COLUMNS``. Raises as ``read_bars`` does."""
    return _checked_bars(table, ticker_column(table)) if tickers is None else _bars_of_parts([table], tickers, optional)


def _bars_of_parts(parts: Iterable[Table], tickers: Sequence[str], optional: Sequence[str]) -> dict[str, Bars]:
    """The bars of some tickers, from parts of a file that are looked at one after the other."""
    wanted = list(dict.fromkeys((*tickers, *optional)))
    there: dict[str, None] = {}
    kept: list[Table] = []
    for part in parts:
        part.demand(BAR_COLUMNS)
        names = ticker_column(part)
        there |= dict.fromkeys(names.unique(maintain_order=True).to_list())
        keep = names.is_in(wanted)
        rows = part.where(keep.to_numpy())
        kept.append(replace(rows, frame=rows.frame.with_columns(names.filter(keep))))
    table = joined(kept)
    _demand_tickers(list(there), table.source, tickers)
    found = _checked_bars(table, table.frame["ticker"])
    return {ticker: found[ticker] for ticker in wanted if ticker in found}


def bars_of_frame(frame: Any, *, source: str = "frame") -> dict[str, Bars]:  # noqa: ANN401 - pandas is not imported
    """The bars in a polars or pandas frame with the columns ``BAR_COLUMNS``. Raises as ``read_bars`` does."""
    try:
        polars_frame = frame if isinstance(frame, pl.DataFrame) else pl.from_pandas(frame)
    except TypeError:
        raise InputError(f"a {type(frame).__name__} is no frame: give a polars or pandas one", source=source) from None
    if not isinstance(polars_frame, pl.DataFrame):
        raise InputError("is a single column: give a frame of bars", source=source)
    table = Table(source, polars_frame, np.arange(len(polars_frame)))
    table.demand(BAR_COLUMNS)
    return bars_of_table(table, None)


def ticker_column(table: Table) -> pl.Series:
    """(n,) the tickers as text without blanks around them. Raises ``InputError`` at the first that is missing."""
    column = table.frame["ticker"]
    if column.dtype == pl.String or column.dtype.base_type() in (pl.Categorical, pl.Enum):
        names = column.cast(pl.String).str.strip_chars()
        missing = (names.is_null() | (names == "")).fill_null(True).to_numpy()
        table.refuse(missing, "ticker", lambda _: "the ticker is missing")
        return names
    raise InputError(
        f"the column holds {str(column.dtype).lower()} where symbols belong", source=table.source, field="ticker"
    )


def _demand_tickers(there: Sequence[str], source: str, tickers: Sequence[str]) -> None:
    for ticker in tickers:
        if ticker not in there:
            by_capitals = {name.upper(): name for name in there}
            near = get_close_matches(ticker.upper(), by_capitals, n=3)
            listed = ", ".join(clipped(name) for name in there[:_NAMED])
            more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
            hint = f"; did you mean {' or '.join(clipped(by_capitals[n]) for n in near)}?" if near else ""
            raise InputError(
                f"there are no bars of {clipped(ticker)}{hint} (the file has {listed}{more})",
                source=source,
                field="ticker",
            )


def _checked_bars(table: Table, names: pl.Series) -> dict[str, Bars]:
    """Check every row at once, then cut the columns up by ticker."""
    session = table.dates("date")
    beyond = session > np.datetime64(f"{LAST_SESSION_YEAR}-12-31")
    table.refuse(beyond, "date", lambda i: f"{session[i]} of {names[i]} lies after {LAST_SESSION_YEAR}: mend the year")
    columns = {name: table.floats(name) for name in BAR_COLUMNS[2:]}
    moved = _check_prices(table, names, session, columns)
    groups = names.to_frame("ticker").with_row_index("at").group_by("ticker", maintain_order=True).agg("at")
    rows = {str(ticker): np.array(at, dtype=np.int64) for ticker, at in groups.iter_rows()}
    _check_order(table, session, rows)
    return {ticker: _bars_of(ticker, at, table.source, session, columns, moved) for ticker, at in rows.items()}


def _check_prices(
    table: Table, names: pl.Series, session: DateArray1D, columns: dict[str, Float64Array1D]
) -> BoolArray1D:
    """Refuse what is no bar; move what rounding put out of range, and return where."""

    def refuse(wrong: BoolArray1D, field: str, problem: str) -> None:
        table.refuse(wrong, field, lambda i: f"{columns[field][i]:.10g} of {names[i]} on {session[i]} {problem}")

    for name in ("open", "high", "low", "close"):
        values = columns[name]
        refuse(np.isnan(values), name, "is missing or not a number")
        refuse(~np.isfinite(values), name, "is not a finite number")
        refuse(values <= 0, name, "is not positive: prices are above zero")
    refuse(np.isinf(columns["volume"]), "volume", "is not a finite number")
    refuse(columns["volume"] < 0, "volume", "is negative: leave the cell empty where there is no volume")
    high, low = columns["high"], columns["low"]
    refuse(high < low, "high", "is below the low")
    moved = np.zeros(len(table), dtype=np.bool_)
    for name in ("open", "close"):
        inside = np.clip(columns[name], low, high)
        off = np.abs(columns[name] - inside)
        refuse(off > ROUNDING_TOLERANCE * inside, name, "lies outside low..high")
        moved |= off > 0
        columns[name] = inside
    return moved


def _check_order(table: Table, session: DateArray1D, rows: dict[str, Int64Array1D]) -> None:
    order = np.concatenate(list(rows.values()))
    first_of_ticker = np.cumsum([0, *(len(at) for at in rows.values())])[:-1]
    step = np.diff(session[order].astype(np.int64), prepend=-(2**40))
    step[first_of_ticker] = 1
    wrong = np.zeros(len(table), dtype=np.bool_)
    wrong[order] = step <= 0
    ticker_of = {int(i): ticker for ticker, at in rows.items() for i in at[wrong[at]]}
    duplicate = np.zeros(len(table), dtype=np.bool_)
    duplicate[order] = step == 0

    def describe(i: int) -> str:
        problem = "appears twice" if duplicate[i] else "is earlier than the row before it: sort by date"
        return f"{session[i]} of {ticker_of[i]} {problem}"

    table.refuse(wrong, "date", describe)


def _bars_of(
    ticker: str,
    at: Int64Array1D,
    source: str,
    session: DateArray1D,
    columns: dict[str, Float64Array1D],
    moved: BoolArray1D,
) -> Bars:
    volume = columns["volume"][at]
    if not has_own_volume(ticker):
        volume[volume == 0] = np.nan
    mended = int(moved[at].sum())
    note = f" ({mended} bars mended: open or close moved into low..high, rounding)" if mended else ""
    return Bars(
        ticker,
        session[at],
        columns["open"][at],
        columns["high"][at],
        columns["low"][at],
        columns["close"][at],
        volume,
        source + note,
    )
