"""Yahoo's chains in the shapes users of yfinance save them in."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from mangling import YAHOO, assert_sound, demand_one_line

from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.core.errors import InputError

AS_OF = datetime(2024, 6, 3, 19, 30, tzinfo=UTC)
NOTE = "Yahoo's volatilities are not used: they are solved from bid and ask"
CALLS = [
    {"contractSymbol": "TEST240621C00100000", "lastTradeDate": "2024-06-03T19:29:58.000Z", "strike": 100.0,
     "lastPrice": 2.15, "bid": 2.1, "ask": 2.2, "volume": 40.0, "openInterest": 500, "impliedVolatility": 0.25,
     "inTheMoney": True, "contractSize": "REGULAR", "currency": "USD"},
    {"contractSymbol": "TEST240621C00105000", "lastTradeDate": "2024-06-03T18:00:00.000Z", "strike": 105.0,
     "lastPrice": 0.6, "bid": 0.5, "ask": 0.7, "volume": None, "openInterest": 300, "impliedVolatility": 1e-05,
     "inTheMoney": False, "contractSize": "REGULAR", "currency": "USD"},
]  # fmt: skip
PUTS = [CALLS[0] | {"contractSymbol": "TEST240621P00100000", "bid": 1.9, "ask": 2.0, "openInterest": 400}]
QUOTE = {"symbol": "TEST", "regularMarketPrice": 100.5, "regularMarketTime": 1_717_443_000}  # 15:30 in New York


def test_a_table_of_both_sides_arrives_without_yahoo_s_volatilities(written):
    chain = read_chain(written(YAHOO))
    assert (chain.underlying, chain.spot, chain.as_of) == ("TEST", 100.5, AS_OF)
    assert chain.is_call.tolist() == [True, False]
    assert chain.bid.tolist() == [2.1, 1.9]
    assert chain.open_interest.tolist() == [500.0, 400.0]
    np.testing.assert_array_equal(chain.volume, [40.0, np.nan])
    assert np.isnan(chain.implied_vol).all()
    assert (chain.notes, chain.refused) == ((NOTE,), {})


def test_moment_and_spot_that_the_table_lacks_are_asked_for(written):
    bare = pl.read_csv(YAHOO.encode()).drop("", "underlying", "spot", "as_of").write_csv()
    with pytest.raises(InputError, match="give it with --as-of"):
        read_chain(written(bare))
    with pytest.raises(InputError, match="give it with --spot"):
        read_chain(written(bare), as_of=AS_OF)
    chain = read_chain(written(bare), as_of=AS_OF, spot=100.5)
    assert (chain.underlying, chain.spot, chain.as_of) == ("TEST", 100.5, AS_OF)


SHAPES = {
    "a list of records": [*CALLS, *PUTS],
    "calls and puts": {"calls": CALLS, "puts": PUTS},
    "calls and puts and the underlying": {"calls": CALLS, "puts": PUTS, "underlying": QUOTE},
    "columns": {name: {str(i): r[name] for i, r in enumerate([*CALLS, *PUTS])} for name in CALLS[0]},
    "index": {str(i): record for i, record in enumerate([*CALLS, *PUTS])},
    "split": {"columns": list(CALLS[0]), "index": [0, 1, 2], "data": [list(r.values()) for r in [*CALLS, *PUTS]]},
    "table": {"schema": {"fields": []}, "data": [*CALLS, *PUTS]},
    "Yahoo's own answer": {"optionChain": {"result": [{
        "underlyingSymbol": "TEST", "quote": QUOTE,
        "options": [{"expirationDate": 1_718_928_000, "calls": [
            record | {"expiration": 1_718_928_000, "lastTradeDate": 1_717_442_998} for record in CALLS], "puts": PUTS}],
    }], "error": None}},
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_json_is_read_in_every_shape_it_is_saved_in(written, shape):
    chain = read_chain(written(json.dumps(SHAPES[shape])), as_of=AS_OF, spot=100.5)
    assert_sound(chain)
    assert chain.strike.tolist() == [100.0, 105.0, 100.0]
    assert chain.open_interest.tolist() == [500.0, 300.0, 400.0]
    np.testing.assert_array_equal(chain.volume, [40.0, np.nan, 40.0])
    assert not chain.refused


@pytest.mark.parametrize("shape", ["Yahoo's own answer", "calls and puts and the underlying"])
def test_yahoo_s_own_quote_gives_moment_and_spot(written, shape):
    chain = read_chain(written(json.dumps(SHAPES[shape])))
    assert (chain.underlying, chain.spot, chain.as_of) == ("TEST", 100.5, AS_OF)
    late = json.loads(json.dumps(SHAPES[shape]).replace("1717443000", "1717450200"))  # 17:30: the close is what counts
    assert read_chain(written(json.dumps(late))).as_of == datetime(2024, 6, 3, 20, tzinfo=UTC)


def test_a_date_in_milliseconds_is_read_as_pandas_writes_it(written):
    records = [record | {"expiration": 1_718_928_000_000} for record in CALLS]
    assert not read_chain(written(json.dumps(records)), as_of=AS_OF, spot=100.5).refused


def table_of(*rows: dict[str, str]) -> str:
    """A table of calls at strikes 100, 101, 102 and so on; each row with some cells changed."""
    own = pl.read_csv(YAHOO.encode(), infer_schema=False).drop("").row(0, named=True)
    own |= {"type": "call", "expiration": "2024-06-21"}
    at = [
        own | {"contractSymbol": f"TEST240621C{100 + i:05d}000", "strike": f"{100 + i}.0"} | changes
        for i, changes in enumerate(rows)
    ]
    return pl.DataFrame(at).write_csv()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"contractSymbol": "TEST1240621C00100000"}, "adjusted_deliverable"),
        ({"contractSize": "MINI"}, "adjusted_deliverable"),
        ({"strike": "101"}, "bad_strike"),
        ({"strike": "-100"}, "bad_strike"),
        ({"strike": "x"}, "bad_strike"),
        ({"type": "put"}, "bad_right"),
        ({"type": "both"}, "bad_right"),
        ({"expiration": "2024-06-28"}, "bad_expiry"),
        ({"expiration": "soon"}, "bad_expiry"),
        ({"bid": "x"}, "bad_number"),
        ({"contractSymbol": "hello"}, "bad_symbol"),
        ({"contractSymbol": ""}, "bad_symbol"),
        ({"contractSymbol": "QQQ240621C00100000"}, "foreign_root"),
        ({"contractSymbol": "TEST240531C00100000", "expiration": ""}, "expired"),
        ({"contractSymbol": "TEST240621C00101000", "strike": "101"}, "duplicate_contract"),
    ],
)
def test_a_row_that_lies_is_refused_by_name(written, changes, reason):
    chain = read_chain(written(table_of(changes, *({} for _ in range(20)))))
    assert chain.refused == {reason: 1}
    assert (len(chain), chain.contracts_read) == (20, 21)


def test_an_empty_cell_that_repeats_the_symbol_says_nothing(written):
    assert not read_chain(written(table_of({"strike": "", "type": " ", "expiration": ""}, {}))).refused


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (YAHOO.replace(",openInterest", ",interest"), "openInterest or open_interest", "column is missing"),
        (YAHOO.replace("USD", "EUR"), "currency", "options in USD"),
        (YAHOO.replace("TEST,100.5", "TEST,-1"), "spot", "not a positive price"),
        (YAHOO.replace("TEST,100.5", "TEST,100.6", 1), "spot", "one chain a file"),
        (YAHOO.replace("TEST,100.5", "OTHER,100.5", 1), "underlying", "name one with --underlying"),
        (YAHOO.replace("T15:30:00-04:00", "T15:30:00"), "as_of", "no time zone"),
        (YAHOO.replace("T15:30:00-04:00", "T15:31:00-04:00", 1), "as_of", "name one with --as-of"),
        (YAHOO.splitlines()[0] + "\n", None, "no rows"),
        ('{"calls": [], "puts": [{"contractSymbol": 5}]}', "bid", "column is missing"),
        ('["contractSymbol"]', None, "no records"),
        ('{"optionChain": {"result": null, "contractSymbol": 1}}', None, "no records"),
        ('[{"contractSymbol": "TEST240621C00100000", "bid": 1', None, "cut JSON"),
    ],
)  # fmt: skip
def test_a_file_that_lies_as_a_whole_is_refused(written, text, field, words):
    with pytest.raises(InputError, match=words) as caught:
        read_chain(written(text))
    assert caught.value.field == field
    demand_one_line(caught.value)


# the layout of a collection: many tickers, dated and not timed


def collection() -> pl.DataFrame:
    """Two tickers on two sessions, in single precision, as a collector keeps them."""
    rows = [
        {"snap_date": datetime(2024, 6, day), "ticker": ticker, "contract": f"{ticker}240621{right}00100000",  # noqa: DTZ001
         "type": "call" if right == "C" else "put", "expiration": datetime(2024, 6, 21), "strike": 100.0,  # noqa: DTZ001
         "last_trade_utc": datetime(2024, 6, day, 19, day, 5, tzinfo=UTC), "last": 2.15, "bid": 2.1, "ask": 2.2,
         "volume": 40, "open_interest": 500 + day, "iv": 0.25, "itm": False, "spot": 100.1}
        for day in (3, 4) for ticker in ("AAA", "BBB") for right in "CP"
    ]  # fmt: skip
    single = pl.col("strike", "bid", "ask", "iv", "spot", "last").cast(pl.Float32)
    return pl.DataFrame(rows).with_columns(single, pl.col("ticker", "type").cast(pl.Categorical))


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def test_one_snapshot_of_many_is_picked_and_dated_by_its_newest_trade(written):
    path = written(parquet(collection()))
    chain = read_chain(path, underlying="BBB", as_of=date(2024, 6, 4))
    assert (chain.underlying, chain.contracts_read, chain.open_interest.tolist()) == ("BBB", 2, [504.0, 504.0])
    assert chain.as_of == datetime(2024, 6, 4, 19, 4, 5, tzinfo=UTC)
    assert "taken as of the newest trade, 2024-06-04T19:04:05+00:00" in chain.notes[0]


def test_single_precision_becomes_the_decimals_it_was_made_of(written):
    chain = read_chain(written(parquet(collection())), underlying="AAA", as_of=date(2024, 6, 3))
    assert (chain.spot, chain.bid[0], chain.ask[0]) == (100.1, 2.1, 2.2)


def test_a_moment_picks_the_snapshot_of_its_session_and_is_kept(written):
    moment = datetime(2024, 6, 3, 18, tzinfo=UTC)
    chain = read_chain(written(parquet(collection())), underlying="AAA", as_of=moment)
    assert (chain.as_of, chain.open_interest.tolist()) == (moment, [503.0, 503.0])


def test_what_is_not_in_a_collection_is_answered_with_what_is(written):
    path = written(parquet(collection()))
    for asked, words in (
        ({}, "name one with --underlying"),
        ({"underlying": "AAA"}, "2024-06-04 where the rows above have 2024-06-03: one chain a file, or name one with"),
        ({"underlying": "CCC"}, "holds options on AAA, BBB, not on CCC"),
        (
            {"underlying": "AAA", "as_of": date(2024, 6, 5)},
            "no snapshot of 2024-06-05: there are 2024-06-03, 2024-06-04",
        ),
    ):
        with pytest.raises(InputError, match=words):
            read_chain(path, **asked)


def test_a_dated_snapshot_without_trades_asks_for_a_moment_or_takes_the_close_of_a_date_asked_for(written):
    silent = collection().filter(pl.col("ticker") == "AAA", pl.col("snap_date").dt.day() == 3).drop("last_trade_utc")
    with pytest.raises(InputError, match="--as-of"):
        read_chain(written(parquet(silent)))
    chain = read_chain(written(parquet(silent)), as_of=date(2024, 6, 3))
    assert chain.as_of == datetime(2024, 6, 3, 20, tzinfo=UTC)


@pytest.mark.shared_data
def test_a_real_collection_gives_each_of_its_snapshots(shared_data):
    path = shared_data / "chains" / "yahoo_megacaps.parquet"
    frame = pl.read_parquet(path)
    wanted = frame.filter(pl.col("ticker").is_in(["NVDA", "LLY"]))
    for (ticker, snapped), rows in wanted.group_by("ticker", "snap_date"):
        chain = read_chain(path, underlying=str(ticker), as_of=snapped.date())
        assert_sound(chain)
        assert (chain.contracts_read, chain.refused) == (len(rows), {})
        assert np.nansum(chain.open_interest) == rows["open_interest"].sum()
        np.testing.assert_allclose(np.nansum(chain.bid), rows["bid"].cast(pl.Float64).sum(), rtol=1e-7)
        close = datetime(2025, 11, snapped.day, 21, tzinfo=UTC)
        assert chain.as_of == min(rows["last_trade_utc"].max(), close)
