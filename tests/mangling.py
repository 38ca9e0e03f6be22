"""Bytes spoiled in the ways files get spoiled, and small sound files to spoil."""

from __future__ import annotations

import gzip
import json
from random import Random

import numpy as np
from hypothesis import strategies as st

from lightning_gex.core.chain import OptionChain
from lightning_gex.core.sessions import to_datetime64

SCRAPS = [
    b"\0", b"\xff", b",", b"\n", b'"', b"nan", b"-1", b"1e999", b"inf", b"9999999999999999999999", b"2024-02-30",
    b"0000-00-00", b"{", b"]", b"null", b"true", b"\xc3\xa9", b"\r", b" ", b"[[[[", b":", b"PAR1", b"999999",
    b"1969-12-31",
]  # fmt: skip

BARS = (
    "ticker,date,open,high,low,close,volume\n"
    "AAA,2024-03-01,10,11,9,10.5,1000\n"
    "AAA,2024-03-04,10.5,12,10,11,1500\n"
    "BBB,2024-03-01,50,51,49,50,\n"
    "BBB,2024-03-04,50,52,50,51.5,700\n"
)

TABLE = (
    "underlying,as_of,spot,expiry,right,strike,bid,ask,iv,open_interest,volume,multiplier\n"
    "TEST,2024-06-03T15:30:00-04:00,100,2024-06-21,C,100,2.10,2.20,0.25,500,40,100\n"
    "TEST,2024-06-03T15:30:00-04:00,100,2024-06-21,P,100,1.90,2.00,0.26,400,30,100\n"
    "TEST,2024-06-03T15:30:00-04:00,100,2024-07-19,C,105,1.10,1.25,0.24,300,20,100\n"
)

_SIDE = "Last Sale,Net,Bid,Ask,Volume,IV,Delta,Gamma,Open Interest"
QUOTEDATA = (
    "\n"
    "Invented Company Inc,Last: 100.5,Change:  0.5\n"
    '"Date: June 3, 2024 at 3:30 PM EDT",Bid: 100.49,Ask: 100.51,Size: 2*5,"Volume: 1,234,567"\n'
    f"Expiration Date,Calls,{_SIDE},Strike,Puts,{_SIDE}\n"
    "Fri Jun 21 2024,TEST240621C00100000,2.1,0,2.1,2.2,40,0.25,0.55,0.08,500,100.00,"
    "TEST240621P00100000,1.9,0,1.9,2.0,30,0.26,-0.45,0.08,400\n"
    "Fri Jul 19 2024,TEST240719C00105000,1.1,0,1.1,1.25,20,0.24,0.30,0.05,300,105.00,"
    "TEST240719P00105000,5.4,0,5.4,5.6,10,0.245,-0.70,0.05,200\n"
)


def demand_one_line(error: Exception) -> None:
    """An error a person reads on one line."""
    assert str(error)
    assert "\n" not in str(error)


def assert_sound(chain: OptionChain) -> None:
    """What is true of every chain that a reader gives."""
    assert len(chain) + sum(chain.refused.values()) == chain.contracts_read
    assert len(chain) > 0
    assert 0 < chain.spot < 1e8
    assert (chain.settles_at > to_datetime64(chain.as_of)).all()
    assert ((chain.strike > 0) & (chain.strike <= 1e6)).all()
    assert ((chain.multiplier > 0) & (chain.multiplier <= 1e6)).all()
    assert (np.array(chain.root_names)[chain.root_code] == chain.root).all()
    for name in ("bid", "ask", "open_interest", "volume", "implied_vol"):
        values = getattr(chain, name)
        assert (np.isnan(values) | (np.isfinite(values) & (values >= 0))).all()


def option(symbol: str, **changes: object) -> dict[str, object]:
    """One record of the delayed-quotes payload."""
    record: dict[str, object] = {
        "option": symbol, "bid": 2.1, "ask": 2.2, "iv": 0.25, "open_interest": 500.0, "volume": 40.0,
        "last_trade_time": "2024-06-03T15:14:59",
    }  # fmt: skip
    return record | changes


def payload(
    timestamp: str = "2024-06-03 19:30:00", options: list[object] | None = None, **changes: object
) -> dict[str, object]:
    """A delayed-quotes payload of TEST on a Monday afternoon, 15:30 in New York."""
    data: dict[str, object] = {
        "symbol": "TEST", "current_price": 100.5, "close": 100.25, "last_trade_time": "2024-06-03T15:15:00",
        "options": [option("TEST240621C00100000"), option("TEST240621P00100000", iv=0.26)]
        if options is None else options,
    }  # fmt: skip
    return {"timestamp": timestamp, "data": data | changes, "symbol": changes.get("symbol", "TEST")}


PAYLOAD = json.dumps(payload())


def schwab_option(symbol: str = "TEST  240621C00100000", **changes: object) -> dict[str, object]:
    """One record of a Schwab chain, quoted on a Monday afternoon, 15:29:59 in New York."""
    body = symbol[-15:]
    record: dict[str, object] = {
        "putCall": "CALL" if body[6] == "C" else "PUT", "symbol": symbol, "bid": 2.1, "ask": 2.2, "last": 2.15,
        "totalVolume": 40, "quoteTimeInLong": 1_717_442_999_500, "tradeTimeInLong": 0, "volatility": 25.0,
        "openInterest": 500, "strikePrice": int(body[7:]) / 1000.0, "daysToExpiration": 18,
        "expirationDate": f"20{body[:2]}-{body[2:4]}-{body[4:6]}T20:00:00.000+00:00", "settlementType": "P",
        "multiplier": 100.0, "mini": False, "nonStandard": False, "deliverableNote": "100 TEST",
        "optionDeliverablesList": [{"symbol": "TEST", "assetType": "STOCK", "deliverableUnits": 100.0}],
        "optionRoot": symbol[:6].strip(), "exerciseType": "A",
    }  # fmt: skip
    return record | changes


def schwab(options: list[object] | None = None, **changes: object) -> dict[str, object]:
    """A Schwab payload of TEST; each record stands in the map its symbol belongs to."""
    records = [schwab_option(), schwab_option("TEST  240621P00100000")] if options is None else options
    maps: dict[str, dict[str, dict[str, list[object]]]] = {"callExpDateMap": {}, "putExpDateMap": {}}
    for record in records:
        symbol = record.get("symbol") if isinstance(record, dict) else None
        body = symbol[-15:] if isinstance(symbol, str) and len(symbol) > 15 else "240621C00100000"
        side = maps["putExpDateMap" if body[6] == "P" else "callExpDateMap"]
        side.setdefault(f"20{body[:2]}-{body[2:4]}-{body[4:6]}:18", {}).setdefault(body[7:], []).append(record)
    head: dict[str, object] = {
        "symbol": "TEST", "status": "SUCCESS", "strategy": "SINGLE", "isDelayed": False, "isIndex": False,
        "underlyingPrice": 100.5, "numberOfContracts": len(records), "isChainTruncated": False, "underlying": None,
    }  # fmt: skip
    return head | maps | changes


SCHWAB = json.dumps(schwab())

YAHOO = (
    ",contractSymbol,lastTradeDate,strike,lastPrice,bid,ask,change,percentChange,volume,openInterest,"
    "impliedVolatility,inTheMoney,contractSize,currency,underlying,spot,as_of\n"
    "0,TEST240621C00100000,2024-06-03 19:29:58+00:00,100.0,2.15,2.1,2.2,0.0,0.0,40.0,500,0.25,True,REGULAR,USD,"
    "TEST,100.5,2024-06-03T15:30:00-04:00\n"
    "1,TEST240621P00100000,2024-05-31 13:30:01+00:00,100.0,1.95,1.9,2.0,0.0,0.0,,400,1e-05,False,REGULAR,USD,"
    "TEST,100.5,2024-06-03T15:30:00-04:00\n"
)

CBOE_TABLE = (
    "option,bid,bid_size,ask,ask_size,iv,open_interest,volume,delta,theo,last_trade_time,symbol,spot,session_date\n"
    "TEST240621C00100000,2.1,5,2.2,7,0.25,500,40,0.51,2.15,2024-06-03T15:29:58,TEST,100.5,2024-06-03\n"
    "TEST240621P00100000,1.9,5,2.0,7,0.26,400,30,-0.49,1.95,2024-05-31T09:30:01,TEST,100.5,2024-06-03\n"
)

#: Format -> a small sound file of it.
SOUND = {
    "table": TABLE, "cboe_quotedata": QUOTEDATA, "cboe_delayed_quotes": PAYLOAD, "schwab": SCHWAB, "yahoo": YAHOO,
    "cboe_table": CBOE_TABLE,
}  # fmt: skip


def damaged(random: Random, sound: bytes, *, keep: int = 0) -> bytes:
    """``sound`` after some cuts, flips, insertions and doublings, and perhaps packed and cut as gzip.

    The first ``keep`` bytes stay, so that a file is still taken for its format.
    """
    data = bytearray(sound)
    for _ in range(random.randint(1, 4)):
        at = random.randint(keep, max(keep, len(data) - 1))
        length = random.randint(0, 12)
        match random.choice(("cut", "flip", "insert", "scrap", "double", "delete")):
            case "cut":
                del data[at:]
            case "flip":
                if at < len(data):
                    data[at] = random.randint(0, 255)
            case "insert":
                data[at:at] = bytes(random.randint(0, 255) for _ in range(length))
            case "scrap":
                data[at : at + length] = random.choice(SCRAPS)
            case "double":
                data[at:at] = data[at : at + 10 * length]
            case "delete":
                del data[at : at + length]
    out = bytes(data)
    if random.randint(0, 9) == 0:
        out = gzip.compress(out, mtime=0)
        out = out[: random.randint(2, len(out))]
    return out


def mangled(sound: bytes, *, keep: int = 0) -> st.SearchStrategy[bytes]:
    """What ``damaged`` makes of a sound file."""
    return st.randoms(use_true_random=False).map(lambda random: damaged(random, sound, keep=keep))
