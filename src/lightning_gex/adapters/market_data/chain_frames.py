"""Option chains from frames in memory, and chains as frames of our own chain table."""

from __future__ import annotations

from datetime import date, datetime
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl

from lightning_gex.adapters.market_data.chain_files import FORMATS, chain_of
from lightning_gex.adapters.market_data.chain_request import ChainRequest
from lightning_gex.adapters.market_data.content import Content
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.sessions import session_open_utc

_MOMENT = pl.Datetime("us", "UTC")


def chain_of_frame(
    frame: Any,  # noqa: ANN401 - pandas is not imported
    *,
    format: str | None = None,  # noqa: A002 - as read_chain calls it
    underlying: str | None = None,
    as_of: datetime | date | None = None,
    spot: float | None = None,
    source: str = "frame",
) -> OptionChain:
    """The chain in a polars or pandas frame, whose columns are those of any table that ``read_chain`` knows.

    Parameters
    ----------
    frame : the rows.
    format, underlying, as_of, spot : as ``read_chain``.
    source : what messages call it.

    Raises
    ------
    InputError : it is no frame, or no chain.
    SettingsError : ``format`` is no known one.
    """
    if format is not None and format not in FORMATS:
        raise SettingsError(f"unknown chain format '{format}': known are {', '.join(FORMATS)}")
    try:
        table = frame if isinstance(frame, pl.DataFrame) else pl.from_pandas(frame)
    except TypeError:
        raise InputError(f"a {type(frame).__name__} is no frame: give a polars or pandas one", source=source) from None
    buffer = BytesIO()
    table.write_parquet(buffer)
    content = Content(source, buffer.getvalue())
    return chain_of(content, format=format, request=ChainRequest(underlying, as_of, spot))


def chain_frame(chain: OptionChain) -> pl.DataFrame:
    """A chain as a frame of our own chain table: written to a file, ``read_chain`` gives the same contracts again.

    Moments of settlement are kept as ``am`` or ``pm`` on the listed date; quotes that are absent are null.
    """
    morning = chain.settles_at <= session_open_utc(chain.expiry)
    n = len(chain)
    numbers = {
        "strike": chain.strike,
        "bid": chain.bid,
        "ask": chain.ask,
        "iv": chain.implied_vol,
        "open_interest": chain.open_interest,
        "volume": chain.volume,
        "multiplier": chain.multiplier,
    }
    return pl.DataFrame(
        {
            "underlying": pl.repeat(chain.underlying, n, dtype=pl.String, eager=True),
            "as_of": pl.repeat(chain.as_of, n, dtype=_MOMENT, eager=True),
            "spot": pl.repeat(chain.spot, n, dtype=pl.Float64, eager=True),
            "root": pl.Series(np.asarray(chain.root).tolist(), dtype=pl.String),
            "expiry": pl.Series(chain.expiry),
            "right": pl.Series(np.where(chain.is_call, "C", "P").tolist(), dtype=pl.String),
            **{name: pl.Series(values).fill_nan(None) for name, values in numbers.items()},
            "settlement": pl.Series(np.where(morning, "am", "pm").tolist(), dtype=pl.String),
        }
    )
