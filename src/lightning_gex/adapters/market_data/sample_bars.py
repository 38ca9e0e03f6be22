"""Real daily bars that ship inside the ``arch`` package: what the demo runs on without a network.

The package's own loaders import ``arch`` and pandas, which takes seconds; its files are plain and are read as files.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl

from lightning_gex.adapters.market_data.bars_file import BAR_COLUMNS, bars_of_table
from lightning_gex.adapters.market_data.content import read_content
from lightning_gex.adapters.market_data.tables import Table, csv_table
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError
from lightning_gex.core.series import DatedSeries

_INDICES = {"SPX": "sp500", "COMP": "nasdaq"}
_US_DATE = "%m/%d/%Y"
_HOLIDAY = "."  # what the VIX file has where the exchange was closed


def sample_bars() -> dict[str, Bars]:
    """S&P 500 (``SPX``) and Nasdaq Composite (``COMP``), daily, 1999-01-04 to 2018-12-31.

    Prices are the raw ones: an index pays no dividend and has no splits. The open of ``SPX`` is stale (``stale_open``).
    A volume of zero is read as absent. The bars' ``source`` names the package and counts what was mended.

    Raises
    ------
    InputError : the files are not where ``arch`` keeps them.
    """
    return {ticker: _index_bars(ticker, folder) for ticker, folder in _INDICES.items()}


def sample_vix() -> DatedSeries:
    """VIX closes (column ``close``, index points), 2014-01-03 to 2019-01-03; days without a value are left out.

    Raises
    ------
    InputError : the file is not where ``arch`` keeps it.
    """
    table = _arch_table("vix", ("Date", "vix"))
    session = table.dates("Date", text_format=_US_DATE)
    close, unreadable = table.floats_or_nan("vix")
    table.refuse(
        unreadable & np.array([cell != _HOLIDAY for cell in table.texts("vix")]),
        "vix",
        lambda i: f"'{table.shown('vix', i)}' is not a number",
    )
    known = ~np.isnan(close)
    note = f" ({int((~known).sum())} days without a value left out)"
    return DatedSeries(session[known], {"close": close[known]}, table.source + note)


def _index_bars(ticker: str, folder: str) -> Bars:
    table = _arch_table(folder, ("Date", "Open", "High", "Low", "Close", "Adj Close", "Volume"))
    session = table.dates("Date", text_format=_US_DATE)
    frame = table.frame.drop("Adj Close").rename({name.capitalize(): name for name in BAR_COLUMNS[1:]})
    frame = frame.with_columns(pl.lit(ticker).alias("ticker"), pl.Series("date", session))
    silent = int((table.floats("Volume") == 0).sum())
    note = f" ({silent} volumes of zero read as absent)" if silent else ""
    return bars_of_table(Table(table.source + note, frame, table.line), [ticker])[ticker]


def _arch_table(folder: str, columns: tuple[str, ...]) -> Table:
    spec = find_spec("arch")
    if spec is None or spec.origin is None:
        raise InputError("the package arch, which brings the sample bars, is not installed: pip install arch")
    content = read_content(Path(spec.origin).parent / "data" / folder / f"{folder}.csv.gz")
    table = csv_table(content.text_bytes(), f"arch.data.{folder}")
    table.demand(columns)
    return table
