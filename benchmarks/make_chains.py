"""Option chains made for measuring: one index chain, a year of them, or a whole market, in our own layout.

Deterministic: a seed and a size give the same rows. Nothing here is a market's; what is asked of it is the shape of
real files: sizes from thin small caps to index chains, daily and monthly expiries under AM and PM roots, skewed
volatilities, most open interest on few contracts, and vendors' holes (no volatility, no bid, no open interest). Rows
stand as vendors sort them: underlying, root, expiry, strike, call before put. Files are Parquet, written a row group at
a time, so that ten times the size needs no more memory.
"""

from __future__ import annotations

import argparse
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lightning_gex.analytics import black_scholes
from lightning_gex.core.sessions import session_close_utc, sessions_between, settlement_utc, to_aware, to_datetime64

AS_OF = datetime(2026, 3, 4, 20, 45, tzinfo=UTC)  # a Wednesday, 15:45 in New York: what expires today is alive
FRIDAY = datetime(2026, 3, 6, 20, 45, tzinfo=UTC)  # the same on a Friday: every stock's weekly has minutes left
INDEX_CONTRACTS = 30_000
UNDERLYINGS, CONTRACTS_EACH = 5_000, 300
ROW_GROUP = 122_880  # rows; what polars writes by default
SEED = 20_260_304
RATE = 0.04
_YEAR_SECONDS = 365.0 * 86_400.0
_INDEX_ROOTS = {"SPX": ("SPX", "SPXW"), "NDX": ("NDX", "NDXP"), "RUT": ("RUT", "RUTW")}
_SIZE_SIGMA, _SMALLEST, _LARGEST = 1.25, 24, 12_000  # of contracts an underlying, lognormal, cut
_STEPS = np.array([0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0])
_NO_VOL, _NO_VOL_UNBID, _NO_INTEREST = 0.01, 0.4, 0.002  # shares of rows with a vendor's hole; without a bid more
Columns = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Terms:
    """The listed contracts of one underlying, (n,) each, as a vendor sorts them."""

    name: str
    spot: float
    vol: float
    dividend_yield: float
    root: NDArray[np.str_]
    expiry: NDArray[np.datetime64]
    strike: NDArray[np.float64]
    is_call: NDArray[np.bool_]


def write_chain(path: Path, *, contracts: int = INDEX_CONTRACTS, seed: int = SEED, as_of: datetime = AS_OF) -> int:
    """One index chain of about ``contracts`` contracts; the number of rows written."""
    rng = np.random.default_rng(seed)
    spot = 5_000.0 * float(np.exp(rng.normal(0.0, 0.05)))
    terms = index_terms("SPX", spot, 0.15, contracts, as_of)
    return _write(path, [_rows([terms], as_of, rng)])


def write_year(folder: Path, *, sessions: int = 252, contracts: int = INDEX_CONTRACTS, seed: int = SEED) -> list[Path]:
    """One index chain a session, as of each close less a quarter of an hour, spot on a random walk; the files."""
    rng = np.random.default_rng(seed)
    days = sessions_between(np.datetime64("2025-01-02"), np.datetime64("2027-12-31"))[:sessions]
    spot = 5_000.0 * np.exp(np.cumsum(rng.normal(0.0002, 0.01, sessions)))
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for day, close, price in zip(days, session_close_utc(days), spot, strict=True):
        as_of = to_aware(close - np.timedelta64(15, "m"))
        terms = index_terms("SPX", float(price), 0.15, contracts, as_of)
        paths.append(folder / f"spx_{day}.parquet")
        _write(paths[-1], [_rows([terms], as_of, rng)])
    return paths


def write_market(
    path: Path,
    *,
    underlyings: int = UNDERLYINGS,
    contracts_each: int = CONTRACTS_EACH,
    seed: int = SEED,
    as_of: datetime = AS_OF,
) -> int:
    """A market of ``underlyings`` with so many contracts on average, sorted by name; the number of rows written."""
    batches = _batches(underlyings, contracts_each, seed, as_of)
    return _write(path, (_rows(batch, as_of, rng) for batch, rng in batches))


def index_terms(name: str, spot: float, vol: float, contracts: int, as_of: datetime) -> Terms:
    """An index chain: PM expiries every session for two months and on Fridays after, AM ones on third Fridays."""
    am_root, pm_root = _INDEX_ROOTS[name]
    today = np.datetime64(as_of.date(), "D")
    days = sessions_between(today, today + np.timedelta64(900, "D"))
    fridays = days[(days.astype(np.int64) + 3) % 7 == 4]
    thirds = fridays[_day_of_month(fridays) // 7 == 2]
    evenings = np.unique(np.r_[days[:42], fridays[:30], thirds[:20]])
    mornings = thirds[thirds > today][:18]
    listed = [(am_root, date) for date in mornings] + [(pm_root, date) for date in evenings]
    return _terms(name, spot, vol, 0.013, listed, contracts, as_of)


def _stock_terms(name: str, contracts: int, as_of: datetime, rng: np.random.Generator) -> Terms:
    spot = float(np.clip(np.exp(rng.normal(3.9, 1.0)), 3.0, 3_000.0))
    vol = float(np.clip(rng.lognormal(-0.9, 0.45), 0.12, 2.0))
    today = np.datetime64(as_of.date(), "D")
    days = sessions_between(today, today + np.timedelta64(800, "D"))
    fridays = days[(days.astype(np.int64) + 3) % 7 == 4]
    thirds = fridays[_day_of_month(fridays) // 7 == 2]
    expiries = int(np.clip(round(contracts**0.42), 3, 40))
    weeklies = min(expiries // 2 if contracts > 150 else 0, 8)
    dates = np.unique(np.r_[fridays[:weeklies], thirds[: expiries - weeklies]])
    return _terms(
        name, spot, vol, float(rng.choice([0.0, 0.0, 0.01, 0.03])), [(name, d) for d in dates], contracts, as_of
    )


def _terms(
    name: str,
    spot: float,
    vol: float,
    dividend_yield: float,
    listed: list[tuple[str, np.datetime64]],
    contracts: int,
    as_of: datetime,
) -> Terms:
    """The strikes of every listed expiry, call and put of each."""
    each = max(contracts // (2 * len(listed)), 4)
    today = np.datetime64(as_of.date(), "D")
    grids = [_strikes(spot, vol, max(float((date - today).astype(np.int64)), 1.0) / 365.0, each) for _, date in listed]
    counts = [2 * len(grid) for grid in grids]
    strike = np.repeat(np.concatenate(grids), 2)
    return Terms(
        name=name,
        spot=round(spot, 2),
        vol=vol,
        dividend_yield=dividend_yield,
        root=np.repeat([root for root, _ in listed], counts),
        expiry=np.repeat(np.array([date for _, date in listed], dtype="datetime64[D]"), counts),
        strike=strike,
        is_call=np.arange(len(strike)) % 2 == 0,
    )


def _strikes(spot: float, vol: float, years: float, count: int) -> NDArray[np.float64]:
    """``count`` neighbouring multiples of a listed step that reach 5 standard deviations, or 12 %, to each side."""
    reach = min(max(5.0 * vol * years**0.5, 0.12), 0.6)
    step = _STEPS[min(int(np.searchsorted(_STEPS, 2.0 * reach * spot / count)), len(_STEPS) - 1)]
    lowest = max(round(spot / step) - count // 2, 1)
    return np.asarray(step * np.arange(lowest, lowest + count), dtype=np.float64)


def _day_of_month(dates: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return (dates - dates.astype("datetime64[M]")).astype(np.int64)


def _batches(
    underlyings: int, contracts_each: int, seed: int, as_of: datetime
) -> Iterator[tuple[list[Terms], np.random.Generator]]:
    """Underlyings in the order of their names, about a row group at a time."""
    rng = np.random.default_rng(seed)
    sizes = np.exp(rng.normal(0.0, _SIZE_SIGMA, underlyings))
    sizes = np.clip(sizes * contracts_each / sizes.mean(), _SMALLEST, _LARGEST).astype(np.int64)
    names = sorted({*_INDEX_ROOTS, *_tickers(underlyings - len(_INDEX_ROOTS))})
    batch: list[Terms] = []
    rows = 0
    for name, size in zip(names, sizes.tolist(), strict=True):
        if name in _INDEX_ROOTS:
            batch.append(index_terms(name, 5_000.0 if name == "SPX" else 2_300.0, 0.16, _LARGEST, as_of))
        else:
            batch.append(_stock_terms(name, size, as_of, rng))
        rows += len(batch[-1].strike)
        if rows >= ROW_GROUP:
            yield batch, rng
            batch, rows = [], 0
    if batch:
        yield batch, rng


def _tickers(count: int) -> Iterable[str]:
    """Distinct names of four letters, or five from 450,000 on, none of them an index."""
    letters = string.ascii_uppercase
    width = 4 if count < 26**4 else 5
    spread = max(26**width // max(count, 1), 1)
    for i in range(count):
        number = i * spread
        yield "".join(letters[number // 26**k % 26] for k in range(width - 1, -1, -1))


def _rows(batch: list[Terms], as_of: datetime, rng: np.random.Generator) -> Columns:
    """Quotes, volatilities and counts of the contracts of some underlyings."""
    counts = [len(terms.strike) for terms in batch]
    spot, vol, dividend = (
        np.repeat([getattr(terms, name) for terms in batch], counts) for name in ("spot", "vol", "dividend_yield")
    )
    strike, is_call, root, expiry = (
        np.concatenate([getattr(terms, name) for terms in batch]) for name in ("strike", "is_call", "root", "expiry")
    )
    settles = settlement_utc(root, expiry)
    years = np.maximum((settles - to_datetime64(as_of)).astype(np.int64), 60) / _YEAR_SECONDS
    forward = spot * np.exp((RATE - dividend) * years)
    deviation = np.log(strike / forward) / (vol * np.sqrt(years))
    bounded = deviation / np.sqrt(1.0 + (deviation / 5.0) ** 2)
    surface = vol * (1.0 - 0.10 * bounded + 0.03 * bounded**2)
    value = black_scholes.price(spot, strike, years, surface, RATE, dividend, is_call)
    tick = np.where(value < 3.0, 0.01, 0.05)
    half = np.maximum(0.01 + 0.01 * value, 0.5 * tick)
    bid = np.floor(np.maximum(value - half, 0.0) / tick) * tick
    ask = np.maximum(np.ceil((value + half) / tick), 1.0) * tick
    near = np.exp(-0.5 * (deviation / 1.5) ** 2)
    interest = np.floor(rng.lognormal(3.0, 2.0, len(strike)) * (0.05 + near) * np.maximum(vol, 0.15))
    traded = np.floor(interest * rng.random(len(strike)) * near / (1.0 + 10.0 * years))
    chance = rng.random(len(strike))
    hole = chance < np.where(bid <= 0.0, _NO_VOL_UNBID, _NO_VOL)
    return {
        "underlying": np.repeat([terms.name for terms in batch], counts),
        "as_of": np.full(len(strike), to_datetime64(as_of)).astype("datetime64[us]"),
        "spot": spot,
        "root": root,
        "expiry": expiry,
        "right": np.where(is_call, "C", "P"),
        "strike": strike,
        "bid": np.round(bid, 2),
        "ask": np.round(ask, 2),
        "iv": np.where(hole, 0.0, np.round(surface, 4)),
        "open_interest": np.where(rng.random(len(strike)) < _NO_INTEREST, -1, interest).astype(np.int64),
        "volume": traded.astype(np.int64),
        "multiplier": np.full(len(strike), 100, dtype=np.int64),
    }


def _write(path: Path, groups: Iterable[Columns]) -> int:
    """Row groups into one file: texts as dictionaries, times with their zone."""
    written = 0
    writer: pq.ParquetWriter | None = None
    for columns in groups:
        table = pa.table({name: _arrow(name, values) for name, values in columns.items()})
        if writer is None:
            writer = pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=ROW_GROUP)
        written += table.num_rows
    if writer is None:
        raise ValueError("nothing to write")
    writer.close()
    return written


def _arrow(name: str, values: NDArray[np.generic]) -> pa.Array:
    if values.dtype.kind == "U":
        return pa.array(values).dictionary_encode()
    if name == "as_of":
        return pa.array(values, type=pa.timestamp("us", tz="UTC"))
    return pa.array(values)


def main() -> None:
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("chain", "year", "market"))
    parser.add_argument("out", type=Path, help="file (chain, market) or folder (year)")
    parser.add_argument("--contracts", type=int, help="contracts of the chain, or on average an underlying")
    parser.add_argument("--underlyings", type=int, default=UNDERLYINGS)
    parser.add_argument("--sessions", type=int, default=252)
    parser.add_argument("--friday", action="store_true", help="a market in the last minutes of its weekly options")
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    if asked.kind == "chain":
        print(write_chain(asked.out, contracts=asked.contracts or INDEX_CONTRACTS, seed=asked.seed), "contracts")
    elif asked.kind == "year":
        size = asked.contracts or INDEX_CONTRACTS
        print(len(write_year(asked.out, sessions=asked.sessions, contracts=size, seed=asked.seed)), "files")
    else:
        each = asked.contracts or CONTRACTS_EACH
        as_of = FRIDAY if asked.friday else AS_OF
        rows = write_market(asked.out, underlyings=asked.underlyings, contracts_each=each, seed=asked.seed, as_of=as_of)
        print(rows, "contracts")


if __name__ == "__main__":
    main()
