"""Every reader of option chains against merely parsing the same bytes: ``polars.read_csv``, ``json.loads``, Parquet.

One index chain of 30,000 contracts is written in every format, and a market of 5,000 underlyings in our own. A reader
checks each row, counts what it refuses, and knows when each contract settles; the peer gives a frame or dictionaries.
Rounds alternate between the two, since a shared machine changes its pace; a ratio is the median over the rounds. The
chains that come out of all formats are compared with each other.

``--before FOLDER`` measures the readers of an earlier checkout on the same files as well.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
from make_chains import AS_OF, write_chain, write_market
from peers.comparison import machine

from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.adapters.market_data.market_file import read_books
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.sessions import NEW_YORK

RESULT = Path(__file__).parent / "results" / "readers.json"
ROUNDS = 9
_SIDE = ("Last Sale", "Net", "Bid", "Ask", "Volume", "IV", "Delta", "Gamma", "Open Interest")
Row = dict[str, object]


def osi(row: Row, *, padded: bool = False) -> str:
    """The option symbol of a contract."""
    root = f"{row['root']:<6}" if padded else str(row["root"])
    return f"{root}{row['expiry']:%y%m%d}{row['right']}{round(float(row['strike']) * 1000):08d}"


def as_quotedata(rows: list[Row]) -> str:
    """Cboe's quote table: a call and a put a line."""
    local = AS_OF.astimezone(NEW_YORK)
    lines = [
        "",
        f"Invented Index,Last: {rows[0]['spot']},Change:  0.0",
        f'"Date: {local:%B} {local.day}, {local.year} at {local:%I:%M %p} ET",Bid: 0,Ask: 0,Size: 0*0,"Volume: 0"',
        ",".join(("Expiration Date", "Calls", *_SIDE, "Strike", "Puts", *_SIDE)),
    ]
    for call, put in zip(rows[::2], rows[1::2], strict=True):
        sides = [
            f"{osi(row)},0,0,{row['bid']},{row['ask']},{row['volume']},{row['iv']},0.5,0.001,{row['open_interest']}"
            for row in (call, put)
        ]
        lines.append(f"{call['expiry']:%a %b %d %Y},{sides[0]},{call['strike']:.2f},{sides[1]}")
    return "\r\n".join(lines) + "\r\n"


def cboe_record(row: Row) -> Row:
    """One option as Cboe's service writes it."""
    traded = (AS_OF - timedelta(minutes=15)).astimezone(NEW_YORK)
    return {
        "option": osi(row), "bid": row["bid"], "bid_size": 5.0, "ask": row["ask"], "ask_size": 7.0, "iv": row["iv"],
        "open_interest": float(row["open_interest"]), "volume": float(row["volume"]), "delta": 0.5123, "gamma": 0.0012,
        "vega": 1.2345, "theta": -0.2345, "rho": 0.1234, "theo": row["bid"], "change": 0.0, "open": 0.0, "high": 0.0,
        "low": 0.0, "tick": "down", "last_trade_price": row["bid"], "last_trade_time": f"{traded:%Y-%m-%dT%H:%M:%S}",
        "percent_change": 0.0, "prev_day_close": row["bid"],
    }  # fmt: skip


def as_delayed_quotes(rows: list[Row]) -> str:
    """Cboe's payload, made a quarter of an hour after the quotes."""
    data = {"symbol": "_SPX", "current_price": rows[0]["spot"], "options": [cboe_record(row) for row in rows]}
    return json.dumps({"timestamp": f"{AS_OF:%Y-%m-%d %H:%M:%S}", "symbol": "_SPX", "data": data})


def as_schwab(rows: list[Row]) -> str:
    """Schwab's payload."""
    maps: dict[str, dict[str, dict[str, list[Row]]]] = {"C": {}, "P": {}}
    for row in rows:
        strikes = maps[str(row["right"])].setdefault(f"{row['expiry']}:1", {})
        strikes.setdefault(f"{row['strike']}", []).append({
            "putCall": "CALL" if row["right"] == "C" else "PUT", "symbol": osi(row, padded=True), "description": "",
            "exchangeName": "OPR", "bid": row["bid"], "ask": row["ask"], "last": 0.0, "mark": row["bid"], "bidSize": 1,
            "askSize": 1, "bidAskSize": "1X1", "lastSize": 0, "highPrice": 0.0, "lowPrice": 0.0, "openPrice": 0.0,
            "closePrice": 0.0, "totalVolume": row["volume"], "tradeTimeInLong": 0,
            "quoteTimeInLong": int(AS_OF.timestamp() * 1000), "netChange": 0.0,
            "volatility": round(float(row["iv"]) * 100, 3), "delta": 0.5, "gamma": 0.001, "theta": -0.1, "vega": 1.0,
            "rho": 0.1, "openInterest": row["open_interest"], "timeValue": 0.0, "theoreticalOptionValue": 0.0,
            "theoreticalVolatility": 29.0, "strikePrice": row["strike"],
            "optionDeliverablesList": [{"symbol": "$SPX", "assetType": "INDEX", "deliverableUnits": 100.0}],
            "expirationDate": f"{row['expiry']}T20:00:00.000+00:00", "daysToExpiration": 1, "expirationType": "W",
            "lastTradingDay": 0, "multiplier": 100.0, "settlementType": "A" if row["root"] == "SPX" else "P",
            "deliverableNote": "$100 SPX", "percentChange": 0.0, "markChange": 0.0, "intrinsicValue": 0.0,
            "optionRoot": row["root"], "exerciseType": "E", "inTheMoney": False, "mini": False, "nonStandard": False,
        })  # fmt: skip
    head = {"symbol": "$SPX", "status": "SUCCESS", "isDelayed": False, "isIndex": True, "isChainTruncated": False,
            "underlyingPrice": rows[0]["spot"], "numberOfContracts": len(rows)}  # fmt: skip
    return json.dumps(head | {"callExpDateMap": maps["C"], "putExpDateMap": maps["P"]})


def as_csv(rows: list[Row], columns: dict[str, Callable[[Row], object]]) -> str:
    """A table, its columns each made from a row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([make(row) for make in columns.values()] for row in rows)
    return out.getvalue()


def as_table(rows: list[Row]) -> str:
    """Our own table as CSV."""
    names = ("underlying", "spot", "root", "expiry", "right", "strike", "bid", "ask", "iv", "open_interest", "volume")
    columns: dict[str, Callable[[Row], object]] = {name: lambda row, name=name: row[name] for name in names}
    return as_csv(rows, columns | {"multiplier": lambda _: 100, "as_of": lambda _: AS_OF.isoformat()})


def as_yahoo(rows: list[Row]) -> str:
    """A frame of yfinance with spot and moment added."""
    return as_csv(rows, {
        "contractSymbol": osi, "lastTradeDate": lambda _: "2026-03-06 20:30:00+00:00", "strike": lambda r: r["strike"],
        "lastPrice": lambda r: r["bid"], "bid": lambda r: r["bid"], "ask": lambda r: r["ask"], "change": lambda _: 0.0,
        "percentChange": lambda _: 0.0, "volume": lambda r: r["volume"], "openInterest": lambda r: r["open_interest"],
        "impliedVolatility": lambda r: r["iv"], "inTheMoney": lambda _: False, "contractSize": lambda _: "REGULAR",
        "currency": lambda _: "USD", "spot": lambda r: r["spot"], "as_of": lambda _: AS_OF.isoformat(),
    })  # fmt: skip


def as_cboe_table(rows: list[Row]) -> str:
    """Cboe's records as a table with spot and moment added."""
    names = list(cboe_record(rows[0]))
    columns: dict[str, Callable[[Row], object]] = {
        name: lambda row, name=name: cboe_record(row)[name] for name in names
    }
    return as_csv(rows, columns | {"spot": lambda row: row["spot"], "as_of": lambda _: AS_OF.isoformat()})


def parsed_csv(path: Path) -> object:
    """What polars makes of a CSV by itself."""
    return pl.read_csv(path, infer_schema_length=None)


def parsed_quotedata(path: Path) -> object:
    """What polars makes of a quote table's lines, whose column names repeat."""
    return pl.read_csv(path, skip_lines=4, has_header=False, infer_schema_length=None)


def parsed_json(path: Path) -> object:
    """What the standard library makes of a payload."""
    return json.loads(path.read_bytes())


def written(folder: Path) -> dict[str, tuple[Path, Callable[[Path], object], str]]:
    """The index chain in every format: name -> file, its peer, the peer's name."""
    write_chain(folder / "chain.parquet")
    rows = pl.read_parquet(folder / "chain.parquet").with_columns(pl.col(pl.Categorical).cast(pl.String)).to_dicts()
    texts = {
        "cboe_quotedata": (as_quotedata, "quotedata.csv", parsed_quotedata, "polars.read_csv"),
        "cboe_delayed_quotes": (as_delayed_quotes, "delayed.json", parsed_json, "json.loads"),
        "schwab": (as_schwab, "schwab.json", parsed_json, "json.loads"),
        "yahoo": (as_yahoo, "yahoo.csv", parsed_csv, "polars.read_csv"),
        "cboe_table": (as_cboe_table, "cboe.csv", parsed_csv, "polars.read_csv"),
        "table, CSV": (as_table, "table.csv", parsed_csv, "polars.read_csv"),
    }
    files: dict[str, tuple[Path, Callable[[Path], object], str]] = {}
    for name, (make, file, peer, peer_name) in texts.items():
        (folder / file).write_bytes(make(rows).encode())
        files[name] = (folder / file, peer, peer_name)
    return files | {"table, Parquet": (folder / "chain.parquet", pl.read_parquet, "polars.read_parquet")}


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes, once."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def against(ours: Callable[[], object], peer: Callable[[], object], rows: int, rounds: int = ROUNDS) -> Row:
    """Both sides in turn, after one call of each that warms the caches."""
    ours(), peer()
    pairs = [(seconds(ours), seconds(peer)) for _ in range(rounds)]
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    return {"rows": rows, "ours_ms": mine * 1e3, "peer_ms": theirs * 1e3, "ours_over_peer": ratio,
            "rows_per_second": rows / mine, "least_ms": min(a for a, _ in pairs) * 1e3}  # fmt: skip


def key_of(chain: OptionChain) -> np.ndarray:
    """(columns, n) a chain's contracts in one order, for comparison."""
    columns = (chain.root_code, chain.expiry.astype(np.int64), chain.is_call, chain.strike, chain.bid, chain.ask,
               chain.open_interest, chain.volume, chain.settles_at.astype(np.int64))  # fmt: skip
    table = np.stack([np.asarray(column, dtype=np.float64) for column in columns])
    return table[:, np.lexsort(table[:4])]


def earlier(folder: Path, files: dict[str, Path]) -> dict[str, float]:
    """Least milliseconds of the readers of another checkout, of the formats that it knows."""
    code = (
        "import json, sys, time\n"
        "from lightning_gex.adapters.market_data.chain_files import read_chain\n"
        "found = {}\n"
        "for name, path in json.loads(sys.argv[1]).items():\n"
        "    try:\n"
        "        read_chain(path)\n"
        "    except Exception:\n"
        "        continue\n"
        "    times = []\n"
        "    for _ in range(5):\n"
        "        began = time.perf_counter(); read_chain(path); times.append(time.perf_counter() - began)\n"
        "    found[name] = min(times) * 1e3\n"
        "print(json.dumps(found))\n"
    )
    command = [sys.executable, "-c", code, json.dumps({name: str(path) for name, path in files.items()})]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def formats(folder: Path, before: Path | None) -> Iterator[Row]:
    """One chain in every format."""
    files = written(folder)
    chains = {name: read_chain(path) for name, (path, _, _) in files.items()}
    expected = key_of(chains["table, Parquet"])
    for name, chain in chains.items():
        np.testing.assert_array_equal(key_of(chain), expected, err_msg=name)
    old = {} if before is None else earlier(before, {name: path for name, (path, _, _) in files.items()})
    for name, (path, peer, peer_name) in files.items():
        found = against(lambda path=path: read_chain(path), lambda path=path, peer=peer: peer(path), len(chains[name]))
        found = {"format": name, "megabytes": path.stat().st_size / 1e6, "peer": peer_name, **found}
        yield found | ({"before_least_ms": old[name]} if name in old else {})


def market(folder: Path) -> Row:
    """A market of 5,000 underlyings through ``read_books``; the peer reads the same columns and does nothing else."""
    path = folder / "market.parquet"
    rows = write_market(path)

    def ours() -> int:
        return sum(len(book) for book in read_books(path))

    if ours() != rows:
        raise SystemExit(f"the books hold {ours()} of {rows} contracts")
    return {"format": "market, Parquet", "megabytes": path.stat().st_size / 1e6, "peer": "polars.read_parquet",
            **against(ours, lambda: pl.read_parquet(path), rows)}  # fmt: skip


def memory_of_market(folder: Path) -> float:
    """Megabytes that a process of its own takes to go through the market, beyond what it takes to begin."""
    code = (
        "import sys\n"
        "from lightning_gex.adapters.market_data.market_file import read_books\n"
        "def peak():\n"
        "    status = open('/proc/self/status').read()\n"
        "    return int(status.partition('VmHWM:')[2].split()[0])\n"
        "began = peak()\n"
        "for book in read_books(sys.argv[1]):\n"
        "    pass\n"
        "print(peak() - began)\n"
    )
    command = [sys.executable, "-c", code, str(folder / "market.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024.0


def main() -> None:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="a checkout whose readers are measured on the same files")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [*formats(folder, asked.before), market(folder)]
        megabytes = memory_of_market(folder)
    for row in rows:
        old = f", before {row['before_least_ms']:.0f} ms" if "before_least_ms" in row else ""
        print(
            f"{row['format']:<20} {row['megabytes']:6.1f} MB {row['rows']:>9,} rows {row['ours_ms']:8.1f} ms "
            f"{row['rows_per_second'] / 1e6:6.2f} M rows/s, {row['ours_over_peer']:5.2f} of {row['peer']}{old}"
        )
    print(f"going through the market takes {megabytes:.0f} MB")
    about = machine() | {name: version(name) for name in ("polars", "pyarrow", "msgspec")}
    about["load"] = os.getloadavg()[0]
    result = {"machine": about, "rounds": ROUNDS, "rows": rows, "market_memory_mb": megabytes}
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
