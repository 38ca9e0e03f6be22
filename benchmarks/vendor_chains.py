"""Real option chains as they may stand beside the checkout: the one place that knows the layouts.

``../shared/data`` (or LIGHTNING_SHARED_DATA) holds whole chains as Parquet: Cboe's end-of-day service with all its
Greeks, Cboe's quote-data page with delta and gamma, Yahoo's megacaps without Greeks. Benchmarks and tests read them
here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from lightning_gex.core.chain import OptionChain
from lightning_gex.core.sessions import close_of, previous_session_or_same, settlement_utc, to_datetime64

REPOSITORY = Path(__file__).resolve().parents[1]
NEW_YORK = ZoneInfo("America/New_York")
OSI_TAIL = 15  # yymmdd, right, strike in thousandths
GREEKS = ("delta", "gamma", "theta", "vega", "rho", "theo")
#: Underlying of the end-of-day files -> (file, name in the table of spots, whether its options are quoted to 16:15).
END_OF_DAY = {"SPX": ("cboe_eod_spx.parquet", "_SPX"), "SPY": ("cboe_eod_spy.parquet", "SPY")}


@dataclass(frozen=True, slots=True, eq=False)
class VendorChain:
    """A chain and what its vendor says of every contract, (n,) float64 each; NaN where the file has no such column.

    Parameters
    ----------
    chain : living contracts; the vendor's volatility in ``implied_vol``, NaN where it gives none (0).
    delta, gamma : per option on one share, rounded to four decimals by the vendor.
    theta : USD per day. vega : USD per volatility point. rho : USD per 1 % of rate. theo : USD, the vendor's value.
    note : what is odd about this file, in words; empty where nothing is.
    """

    chain: OptionChain
    delta: np.ndarray
    gamma: np.ndarray
    theta: np.ndarray
    vega: np.ndarray
    rho: np.ndarray
    theo: np.ndarray
    note: str = ""


def data_folder() -> Path:
    """Where the real data lies; it need not exist."""
    return Path(os.environ.get("LIGHTNING_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))


def end_of_day_sessions(folder: Path, underlying: str = "SPX") -> list[str]:
    """The sessions of an end-of-day file, oldest first."""
    table = pl.scan_parquet(folder / "chains" / END_OF_DAY[underlying][0])
    days = table.select(pl.col("session_date").unique().sort()).collect()["session_date"]
    return [day.date().isoformat() for day in days]


def end_of_day_chain(folder: Path, session: str, underlying: str = "SPX", at: time = time(16, 0)) -> VendorChain:
    """One session's chain, fetched after the close; what expires that day is dead and left out.

    ``at`` is the New York time from which the time to expiry is counted.
    """
    file, name = END_OF_DAY[underlying]
    day = datetime.fromisoformat(session)
    table = pl.read_parquet(folder / "chains" / file).filter(pl.col("session_date") == day, pl.col("expiry") > day)
    levels = pl.read_csv(folder / "chains" / "cboe_eod_underlying.csv")
    spot = levels.filter(pl.col("session_date") == session, pl.col("ticker") == name)["close"].item()
    as_of = datetime.combine(day.date(), at, NEW_YORK).astimezone(UTC)
    table = table.rename({"open_interest": "oi"}).with_columns(pl.col("right").cast(pl.String).alias("cp"))
    return _vendor_chain(table, underlying, as_of, float(spot), f"{file} {session}")


def quote_data_index(folder: Path) -> pl.DataFrame:
    """The table of the quote-data files, one row a file."""
    return pl.read_csv(folder / "chains" / "cboe_quotedata_index.csv")


def quote_data_chains(folder: Path, *, stamped: bool = False) -> Iterator[tuple[str, VendorChain]]:
    """(name, chain) of every quote-data file.

    The quotes are those of the file's trade date: at its close, or at the header's time where that is in the session.
    ``stamped`` counts the time to expiry from the header's time all the same, hours or days later.
    """
    index = quote_data_index(folder)
    table = pl.read_parquet(folder / "chains" / "cboe_quotedata.parquet").with_columns(
        pl.col("snapshot_id").cast(pl.String), pl.col("cp").cast(pl.String)
    )
    for row in index.iter_rows(named=True):
        name = row["snapshot_id"]
        quoted, note = quote_moment(row["trade_date"], row["header_ts"])
        as_of = max(quoted, _new_york(row["header_ts"])) if stamped else quoted
        rows = table.filter(pl.col("snapshot_id") == name)
        yield name, _vendor_chain(rows, row["underlying"], as_of, float(row["spot"]), name, note)


def quote_moment(trade_date: str, header: str) -> tuple[datetime, str]:
    """(when the quotes were true, what is odd): the header's time within the session, else the session's close."""
    stamp = _new_york(header)
    close = close_of(previous_session_or_same(np.array([trade_date], dtype="datetime64[D]"))[0])
    hours = (stamp - close).total_seconds() / 3600.0
    return min(stamp, close), f"saved {hours:.0f} h after the close" if hours >= 1 else ""


def _new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


def yahoo_chain(folder: Path, ticker: str, day: date) -> OptionChain:
    """A megacap's chain from Yahoo, at that session's close; its volatilities are left out, they cannot be trusted."""
    table = pl.read_parquet(folder / "chains" / "yahoo_megacaps.parquet").filter(
        pl.col("ticker").cast(pl.String) == ticker, pl.col("snap_date").dt.date() == day
    )
    table = table.rename({"contract": "option", "expiration": "expiry", "open_interest": "oi"}).with_columns(
        pl.col("type").cast(pl.String).str.slice(0, 1).str.to_uppercase().alias("cp"), pl.lit(None).alias("iv")
    )
    as_of = close_of(np.datetime64(day, "D"))
    return _vendor_chain(table, ticker, as_of, float(table["spot"][0]), f"yahoo_megacaps {ticker} {day}").chain


def yahoo_days(folder: Path) -> list[tuple[str, date]]:
    """(ticker, session) of every Yahoo chain."""
    table = pl.read_parquet(folder / "chains" / "yahoo_megacaps.parquet", columns=["ticker", "snap_date"])
    pairs = (
        table.with_columns(pl.col("ticker").cast(pl.String), pl.col("snap_date").dt.date())
        .unique()
        .sort("ticker", "snap_date")
    )
    return list(pairs.iter_rows())


def _vendor_chain(
    table: pl.DataFrame, underlying: str, as_of: datetime, spot: float, source: str, note: str = ""
) -> VendorChain:
    root = table["option"].str.head(-OSI_TAIL).to_numpy().astype(np.str_)
    expiry = table["expiry"].to_numpy().astype("datetime64[D]")
    settles_at = settlement_utc(root, expiry)
    alive = settles_at > to_datetime64(as_of)
    column = {
        name: table[name].cast(pl.Float64).to_numpy()[alive]
        for name in ("strike", "bid", "ask", "iv", "oi", "volume", *GREEKS)
        if name in table.columns
    }
    nothing = np.full(int(alive.sum()), np.nan)
    chain = OptionChain(
        underlying=underlying,
        as_of=as_of,
        spot=spot,
        root=root[alive],
        expiry=expiry[alive],
        settles_at=settles_at[alive],
        is_call=(table["cp"] == "C").to_numpy()[alive],
        strike=column["strike"],
        bid=column["bid"],
        ask=column["ask"],
        implied_vol=np.where(column["iv"] > 0, column["iv"], np.nan),
        open_interest=column["oi"],
        volume=column["volume"],
        multiplier=np.full(len(nothing), 100.0),
        contracts_read=table.height,
        refused={"settled": int((~alive).sum())} if not alive.all() else {},
        source=source,
    )
    return VendorChain(
        chain, *(column.get(name, nothing) for name in ("delta", "gamma", "theta", "vega", "rho", "theo")), note
    )
