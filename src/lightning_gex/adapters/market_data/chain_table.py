"""Our own table of option contracts: CSV or Parquet, one row a contract, every row with the moment and the spot."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl

from lightning_gex.adapters.market_data.chain_rows import RawContracts, Refusal
from lightning_gex.adapters.market_data.content import Content
from lightning_gex.adapters.market_data.quote_time import checked_moment
from lightning_gex.adapters.market_data.stale_open import plain_symbol
from lightning_gex.adapters.market_data.tables import Table, clipped, read_table
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import BoolArray1D, Float64Array1D, StrArray1D

NAME = "table"
CHAIN_COLUMNS = (
    "underlying", "as_of", "spot", "expiry", "right", "strike",
    "bid", "ask", "iv", "open_interest", "volume", "multiplier",
)  # fmt: skip
OPTIONAL_COLUMNS = ("root", "settlement")
_RIGHTS = {"c": "C", "call": "C", "p": "P", "put": "P"}
_PER_CENT_MEDIAN = 5.0  # no whole chain has a median volatility of 500 %: the column is in per cent
_PER_CENT_ROWS = 20
_EXAMPLE = "2024-06-03T15:30:00-04:00"


def recognise(content: Content) -> bool:
    """Whether the content is Parquet, or text whose first line names an expiry and a strike."""
    if content.is_parquet:
        return True
    first = content.data.lstrip(b"\xef\xbb\xbf\r\n ").split(b"\n", 1)[0].decode("utf-8", errors="replace")
    return {"expiry", "strike"} <= {cell.strip().strip('"') for cell in first.split(",")}


def parse(content: Content, underlying: str | None) -> RawContracts:
    """The rows of a table.

    Parameters
    ----------
    content : the file.
    underlying : symbol it must be of; None takes the table's own.

    Raises
    ------
    InputError : columns are missing or unknown; the file has two underlyings, moments or spots, or a time without zone.
    """
    table = read_table(content)
    table.demand(CHAIN_COLUMNS, OPTIONAL_COLUMNS)
    name = _the_one_text(table, "underlying")
    if underlying is not None and plain_symbol(underlying) != plain_symbol(name):
        raise InputError(
            f"holds options on {clipped(name)}, not on {clipped(underlying)}", source=table.source, field="underlying"
        )
    as_of = _as_of(table)
    spot = _spot(table)
    numbers, refused = _numbers(table)
    expiry, _ = table.dates_or_nat("expiry")
    root = table.texts("root") if "root" in table.columns else [plain_symbol(name)] * len(table)
    for i, text in enumerate(root):
        if text is None and refused[i] is None:
            refused[i] = Refusal.BAD_ROOT
    return RawContracts(
        source=table.source,
        underlying=plain_symbol(name),
        as_of=as_of,
        spot=spot,
        refused=refused,
        root=np.array([(text or "").upper() for text in root], dtype=np.str_),
        expiry=expiry,
        right=np.array([_RIGHTS.get((text or "").lower(), "") for text in table.texts("right")], dtype=np.str_),
        settlement=_settlement(table),
        keyed_by_root="root" in table.columns,
        **numbers,
    )


def _the_one_text(table: Table, name: str) -> str:
    """The value that every row of a column has."""
    cells = table.texts(name)
    table.refuse(np.array([cell is None for cell in cells]), name, lambda _: "the cell is empty")
    table.refuse(
        np.array([cell != cells[0] for cell in cells]),
        name,
        lambda i: f"'{clipped(str(cells[i]))}' where the rows above have '{clipped(str(cells[0]))}': one chain a file",
    )
    return str(cells[0])


def _as_of(table: Table) -> datetime:
    column = table.frame["as_of"]
    if column.dtype.base_type() == pl.Datetime:
        return _as_of_instants(table, column)
    text = _the_one_text(table, "as_of")
    row = int(table.line[0])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"'{clipped(text)}' is no time such as {_EXAMPLE}", source=table.source, row=row, field="as_of"
        ) from None
    return _aware(moment, table.source, row)


def _as_of_instants(table: Table, column: pl.Series) -> datetime:
    table.refuse(column.is_null().to_numpy(), "as_of", lambda _: "the cell is empty")
    moments = column.to_list()
    table.refuse(
        np.array([moment != moments[0] for moment in moments]),
        "as_of",
        lambda i: f"{moments[i]} where the rows above have {moments[0]}: one chain a file",
    )
    return _aware(moments[0], table.source, int(table.line[0]))


def _aware(moment: datetime, source: str, row: int) -> datetime:
    if moment.tzinfo is None:
        raise InputError(
            f"{moment.isoformat()} has no time zone: give one, such as {_EXAMPLE}",
            source=source,
            row=row,
            field="as_of",
        )
    try:
        utc = moment.astimezone(UTC)
        return checked_moment(utc, source=source, row=row, field="as_of")
    except OverflowError:
        raise InputError(f"{moment.isoformat()} is no usable time", source=source, row=row, field="as_of") from None


def _spot(table: Table) -> float:
    spot = table.floats("spot")
    table.refuse(np.isnan(spot), "spot", lambda _: "the cell is empty")
    table.refuse(~((spot > 0) & np.isfinite(spot)), "spot", lambda i: f"{spot[i]:g} is not a positive price")
    table.refuse(
        spot != spot[0], "spot", lambda i: f"{spot[i]:.10g} where the rows above have {spot[0]:.10g}: one chain a file"
    )
    return float(spot[0])


def _numbers(table: Table) -> tuple[dict[str, Float64Array1D], list[Refusal | None]]:
    """The number columns by the names of ``RawContracts``, and the rows refused for a text among them."""
    unreadable: BoolArray1D = np.zeros(len(table), dtype=np.bool_)
    numbers: dict[str, Float64Array1D] = {}
    for name in ("strike", "multiplier"):  # what is unreadable is NaN, and refused as such
        numbers[name], _ = table.floats_or_nan(name)
    for name in ("bid", "ask", "iv", "open_interest", "volume"):
        values, bad = table.floats_or_nan(name)
        numbers["implied_vol" if name == "iv" else name] = values
        unreadable |= bad
    usable = numbers["implied_vol"][numbers["implied_vol"] > 0]
    if len(usable) >= _PER_CENT_ROWS and np.median(usable) > _PER_CENT_MEDIAN:
        raise InputError(
            f"the median is {np.median(usable):g}: volatility is a fraction here, 0.2 for 20 %",
            source=table.source,
            field="iv",
        )
    return numbers, [Refusal.BAD_NUMBER if bad else None for bad in unreadable]


def _settlement(table: Table) -> StrArray1D | None:
    if "settlement" not in table.columns:
        return None
    return np.array([(text or "").lower() for text in table.texts("settlement")], dtype=np.str_)
