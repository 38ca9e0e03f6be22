"""FINRA's daily short-sale volume files: what was traded off exchange, and how much of it was sold short.

As published (``CNMSshvolYYYYMMDD.txt`` and the files of single facilities), one or many days in a file, plain or gzip:

    Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market
    20240103|AAA|120|3|400|B,Q,N
    1

The last line counts the rows before it. A table with the same columns (CSV or Parquet, also named ``date, symbol,
short_volume, short_exempt_volume, total_volume, market``) is read as well.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from lightning_gex.adapters.market_data.content import Content, read_content
from lightning_gex.adapters.market_data.tables import Table, clipped, read_table
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import DateArray1D, Float64Array1D, Float64Array2D, Int64Array1D, StrArray1D

#: FINRA's names of the columns, in its order -> ours.
COLUMNS = {
    "Date": "date",
    "Symbol": "symbol",
    "ShortVolume": "short_volume",
    "ShortExemptVolume": "short_exempt_volume",
    "TotalVolume": "total_volume",
    "Market": "market",
}
_HEADER = "|".join(COLUMNS)
_NEEDED = ("date", "symbol", "short_volume", "total_volume")
_PUBLISHED_DATE = "%Y%m%d"


@dataclass(frozen=True, slots=True, eq=False)
class ShortVolume:
    """Off-exchange volume by session and symbol.

    Parameters
    ----------
    session : (d,) ``datetime64[D]``, increasing.
    symbol : (k,) rising, share classes written with a dot (``BRK.B``).
    short_volume, total_volume : (d, k) shares; NaN where a symbol has no row that session.
    """

    session: DateArray1D
    symbol: StrArray1D
    short_volume: Float64Array2D
    total_volume: Float64Array2D

    def of(self, symbol: str) -> tuple[Float64Array1D, Float64Array1D]:
        """(d,) short and (d,) total volume of one symbol; NaN throughout where the files never name it."""
        at = int(np.searchsorted(self.symbol, symbol))
        if at < len(self.symbol) and self.symbol[at] == symbol:
            return self.short_volume[:, at], self.total_volume[:, at]
        absent = np.full(len(self.session), np.nan)
        return absent, absent


def dotted(symbol: str) -> str:
    """A symbol with its share class behind a dot, however the source parts the two.

    >>> dotted("BRK/B"), dotted("BRK-B"), dotted("AAPL")
    ('BRK.B', 'BRK.B', 'AAPL')
    """
    return symbol.strip().replace("/", ".").replace("-", ".")


def read_short_volume(paths: Sequence[str | Path], *, symbols: Collection[str] | None = None) -> ShortVolume:
    """Short and total off-exchange volume of one or many days.

    Parameters
    ----------
    paths : FINRA's files, in any order; the consolidated file of a day, or those of its facilities, which add up.
    symbols : which to keep, share classes written with a dot; None keeps every symbol.

    Returns
    -------
    ShortVolume.

    Raises
    ------
    InputError : a file that is cut (its count of rows does not fit), a wrong cell, more sold short than traded, or one
        trade counted twice: two rows of a symbol and session whose markets overlap.
    """
    if not paths:
        raise InputError("name at least one file of FINRA's short-sale volume")
    wanted = None if symbols is None else pl.Series(sorted(set(symbols)), dtype=pl.String)
    tables = [_checked(_table_of(read_content(path)), wanted) for path in paths]
    rows = pl.concat([frame for frame, _ in tables])
    if rows.height == 0:
        first = tables[0][1]
        raise InputError("none of the files has a row of the symbols asked for", source=first, field="symbol")
    return _matrix(rows)


def _table_of(content: Content) -> Table:
    if content.is_parquet or "|" not in (text := content.text()).lstrip().partition("\n")[0]:
        return read_table(content)
    return _published(text, content.source)


def _published(text: str, source: str) -> Table:
    """FINRA's own layout: rows, a header before each day, a count of rows after it."""
    lines = pl.DataFrame({"text": text.split("\n")}).with_row_index("line", offset=1)
    lines = lines.with_columns(pl.col("text").str.strip_chars()).filter(pl.col("text") != "")
    header = (pl.col("text") == _HEADER).alias("header")
    count = pl.col("text").str.contains(r"^\d+$").alias("count")
    lines = lines.with_columns(header, count)
    if not lines["header"][0]:
        raise InputError(f"the first line is not {_HEADER}", source=source, row=int(lines["line"][0]))
    _demand_counts(lines, source)
    rows = lines.filter(~(pl.col("header") | pl.col("count")))
    ragged = (rows["text"].str.count_matches("|", literal=True) != len(COLUMNS) - 1).to_numpy()
    if ragged.any():
        at = int(np.argmax(ragged))
        raise InputError(
            f"'{clipped(rows['text'][at])}' has not {len(COLUMNS)} cells", source=source, row=int(rows["line"][at])
        )
    cells = rows["text"].str.split_exact("|", len(COLUMNS) - 1).struct.rename_fields(list(COLUMNS.values()))
    return Table(source, cells.struct.unnest(), rows["line"].to_numpy().astype(np.int64))


def _demand_counts(lines: pl.DataFrame, source: str) -> None:
    """Every day ends with its count, and the count fits: the only sign of a file cut between two rows."""
    plain = (~(lines["header"] | lines["count"])).to_numpy()
    at = np.flatnonzero(lines["count"].to_numpy())
    if len(at) == 0 or at[-1] != lines.height - 1:
        raise InputError(
            "the file does not end with its count of rows: it is cut; fetch it again",
            source=source,
            row=int(lines["line"][-1]),
        )
    found = np.diff(np.cumsum(plain)[at], prepend=0)
    said = [int(text) for text in lines["text"].gather(at)]
    for i, (rows, promised) in enumerate(zip(found.tolist(), said, strict=True)):
        if rows != promised:
            raise InputError(
                f"the file counts {promised} rows and holds {rows}: it is cut or was changed; fetch it again",
                source=source,
                row=int(lines["line"][int(at[i])]),
            )


def _checked(table: Table, wanted: pl.Series | None) -> tuple[pl.DataFrame, str]:
    """The rows asked for, every one sound."""
    table = Table(
        table.source, table.frame.rename({k: v for k, v in COLUMNS.items() if k in table.columns}), table.line
    )
    table.demand(_NEEDED, tuple(COLUMNS.values()))
    symbol = table.frame["symbol"].cast(pl.String).str.strip_chars()
    missing = (symbol.is_null() | (symbol == "")).fill_null(True).to_numpy()
    table.refuse(missing, "symbol", lambda _: "the symbol is missing")
    symbol = symbol.str.replace_all("/", ".", literal=True).str.replace_all("-", ".", literal=True)
    keep = np.ones(len(table), dtype=np.bool_) if wanted is None else symbol.is_in(wanted.implode()).to_numpy()
    table, symbol = table.where(keep), symbol.filter(pl.Series(keep))
    published = table.frame["date"].dtype == pl.String and table.frame["date"].str.contains(r"^\s*\d{8}\s*$").all()
    session = table.dates("date", text_format=_PUBLISHED_DATE if published else "%Y-%m-%d")
    short, total = (_volume(table, name) for name in ("short_volume", "total_volume"))
    table.refuse(short > total, "short_volume", lambda i: f"{short[i]:.10g} sold short of {total[i]:.10g} traded")
    market = table.texts("market") if "market" in table.columns else [None] * len(table)
    frame = pl.DataFrame(
        {
            "session": session.astype(np.int64),
            "symbol": symbol,
            "short": short,
            "total": total,
            "market": pl.Series(market, dtype=pl.String),
            "line": table.line,
            "source": pl.Series([table.source] * len(table), dtype=pl.String),
        }
    )
    return frame, table.source


def _volume(table: Table, name: str) -> Float64Array1D:
    values = table.floats(name)
    table.refuse(np.isnan(values), name, lambda _: "the volume is missing")
    table.refuse((values < 0) | np.isinf(values), name, lambda i: f"{values[i]:.10g} is no count of shares")
    return values


def _matrix(rows: pl.DataFrame) -> ShortVolume:
    _refuse_twice(rows)
    session, at_session = np.unique(rows["session"].to_numpy(), return_inverse=True)
    symbol, at_symbol = np.unique(rows["symbol"].to_numpy().astype(np.str_), return_inverse=True)
    shape = (len(session), len(symbol))
    cell: Int64Array1D = at_session * shape[1] + at_symbol
    seen = np.bincount(cell, minlength=shape[0] * shape[1]) > 0

    def filled(name: str) -> Float64Array2D:
        sums = np.bincount(cell, weights=rows[name].to_numpy(), minlength=len(seen))
        return np.where(seen, sums, np.nan).reshape(shape)

    return ShortVolume(session.astype("datetime64[D]"), symbol, filled("short"), filled("total"))


def _refuse_twice(rows: pl.DataFrame) -> None:
    """Rows of one symbol and session are facilities that add up; where their markets overlap a trade counts twice."""
    several = rows.filter(pl.len().over("session", "symbol") > 1)
    seen: dict[tuple[int, str], list[set[str]]] = {}
    for row in several.iter_rows(named=True):
        markets = {word.strip() for word in (row["market"] or "").split(",")}
        before = seen.setdefault((row["session"], row["symbol"]), [])
        if any(markets & other or "" in markets | other for other in before):
            day = np.datetime64(row["session"], "D")
            raise InputError(
                f"{clipped(row['symbol'])} on {day} appears twice for the same market: give the consolidated file of a "
                "day or those of its facilities, each once",
                source=row["source"],
                row=row["line"],
                field="symbol",
            )
        before.append(markets)
