"""Tables of Cboe's option records, as people keep the payload's list."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from mangling import CBOE_TABLE, assert_sound, option, payload

from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.core.errors import InputError


def test_a_table_is_dated_by_its_newest_trade_in_new_york_s_clock(written):
    chain = read_chain(written(CBOE_TABLE))
    assert (chain.underlying, chain.spot) == ("TEST", 100.5)
    assert chain.as_of == datetime(2024, 6, 3, 19, 29, 58, tzinfo=UTC)
    assert chain.implied_vol.tolist() == [0.25, 0.26]
    assert chain.open_interest.tolist() == [500.0, 400.0]
    assert chain.multiplier.tolist() == [100.0, 100.0]


def test_the_list_of_a_payload_as_a_table_reads_like_the_payload(written):
    records = [option("TEST240621C00100000"), option("TEST240621P00100000", iv=0.26), option("TEST240719C00105000")]
    whole = read_chain(written(json.dumps(payload(options=records))))
    table = read_chain(written(pl.DataFrame(records).write_csv()), as_of=whole.as_of, spot=whole.spot)
    for name in ("root", "expiry", "settles_at", "is_call", "strike", "bid", "ask", "implied_vol", "open_interest"):
        np.testing.assert_array_equal(getattr(table, name), getattr(whole, name))
    assert table.underlying == whole.underlying


def test_a_trade_after_the_close_does_not_make_the_quotes_newer(written):
    late = CBOE_TABLE.replace("2024-06-03T15:29:58", "2024-06-03T16:14:59")
    assert read_chain(written(late)).as_of == datetime(2024, 6, 3, 20, tzinfo=UTC)


def test_volatility_in_per_cent_is_found_out(written):
    header, line, _ = CBOE_TABLE.splitlines()
    rows = [line.replace("C00100000", f"C{k:05d}000").replace(",0.25,", ",25,") for k in range(60, 90)]
    with pytest.raises(InputError, match="volatility is a fraction"):
        read_chain(written("\n".join([header, *rows]) + "\n"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CBOE_TABLE.replace("2024-06-03,", "2024-06-08,").replace(",2024-06-03\n", ",2024-06-08\n"), "no session"),
        (CBOE_TABLE.replace(",2024-06-03\n", ",June\n"), "not a date"),
        (CBOE_TABLE.replace("TEST240621", "hello"), "none of the 2 contracts can be used: 2 bad_symbol"),
        ("option,bid,ask,iv\n5,1,2,0.2\n", "column is missing"),
    ],
)
def test_a_table_that_lies_as_a_whole_is_refused(written, text, words):
    with pytest.raises(InputError, match=words):
        read_chain(written(text))


@pytest.mark.shared_data
def test_a_real_collection_gives_each_of_its_sessions_with_both_roots_apart(shared_data):
    path = shared_data / "chains" / "cboe_eod_spx.parquet"
    frame = pl.read_parquet(path).filter(pl.col("session_date").dt.day() == 22)
    chain = read_chain(path, as_of=date(2026, 7, 22), spot=7_498.96)
    assert_sound(chain)
    assert (chain.underlying, chain.root_names) == ("SPX", ("SPX", "SPXW"))
    assert chain.as_of == datetime(2026, 7, 22, 20, tzinfo=UTC)
    assert chain.contracts_read == len(frame) == 29_364
    dead = (frame["expiry"] == frame["session_date"]).sum()
    assert chain.refused == {"expired": dead} == {"expired": 496}
    alive = frame.filter(pl.col("expiry") > pl.col("session_date"))
    assert np.nansum(chain.open_interest) == alive["open_interest"].sum()
    weekly = alive["option"].str.starts_with("SPXW").sum()
    assert int((chain.root == "SPXW").sum()) == weekly
    morning = chain.settles_at.astype("datetime64[m]").astype(np.int64) % 1_440 < 15 * 60
    np.testing.assert_array_equal(morning, chain.root == "SPX")
