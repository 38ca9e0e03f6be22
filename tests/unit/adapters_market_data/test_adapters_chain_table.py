"""Our own table: what each row becomes, and what is refused."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangling import (
    TABLE,
)

from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.core.errors import InputError

TABLE_HEADER = TABLE.splitlines()[0]
ROW = TABLE.splitlines()[1]


def table(*rows: str, extra: str = "") -> str:
    return "\n".join([TABLE_HEADER + extra, *rows]) + "\n"


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def test_every_column_of_the_table_arrives_in_its_unit(written):
    chain = read_chain(written(TABLE))
    assert (chain.underlying, chain.spot, chain.contracts_read) == ("TEST", 100.0, 3)
    assert chain.as_of == datetime(2024, 6, 3, 19, 30, tzinfo=UTC)
    assert chain.root.tolist() == ["TEST"] * 3
    assert chain.expiry.astype(str).tolist() == ["2024-06-21", "2024-06-21", "2024-07-19"]
    assert chain.settles_at[0] == np.datetime64("2024-06-21T20:00:00")
    assert chain.is_call.tolist() == [True, False, True]
    assert chain.strike.tolist() == [100.0, 100.0, 105.0]
    assert chain.bid.tolist() == [2.1, 1.9, 1.1]
    assert chain.ask.tolist() == [2.2, 2.0, 1.25]
    assert chain.implied_vol.tolist() == [0.25, 0.26, 0.24]
    assert chain.open_interest.tolist() == [500.0, 400.0, 300.0]
    assert chain.volume.tolist() == [40.0, 30.0, 20.0]
    assert chain.multiplier.tolist() == [100.0] * 3
    assert not chain.refused
    assert not chain.modelled


def test_a_parquet_table_with_real_types_reads_like_the_csv(written):
    frame = pl.read_csv(TABLE.encode()).with_columns(
        pl.col("as_of").str.to_datetime(time_zone="UTC"), pl.col("expiry").str.to_date()
    )
    chain, same = read_chain(written(TABLE)), read_chain(written(parquet(frame)))
    assert chain.as_of == same.as_of
    np.testing.assert_array_equal(chain.expiry, same.expiry)
    np.testing.assert_array_equal(chain.implied_vol, same.implied_vol)


def test_a_parquet_table_with_a_naive_time_is_refused(written):
    naive = pl.read_csv(TABLE.encode()).with_columns(as_of=pl.lit("2024-06-03T15:30:00").str.to_datetime())
    with pytest.raises(InputError, match="no time zone"):
        read_chain(written(parquet(naive)))


def test_without_a_root_rows_of_one_contract_are_both_kept(written):
    chain = read_chain(written(table(ROW, ROW.replace(",500,", ",250,"))))
    assert chain.open_interest.tolist() == [500.0, 250.0]
    assert not chain.refused


def test_with_a_root_a_second_row_of_one_contract_is_refused_and_the_first_kept(written):
    text = table(f"{ROW},TEST", f"{ROW.replace(',500,', ',250,')},TEST", f"{ROW},TESTW", extra=",root")
    chain = read_chain(written(text))
    assert chain.open_interest.tolist() == [500.0, 500.0]
    assert chain.root.tolist() == ["TEST", "TESTW"]
    assert chain.refused == {"duplicate_contract": 1}


def test_settlement_is_what_the_row_says_and_else_what_the_root_says(written):
    spx = ROW.replace("TEST", "SPX")
    text = table(
        f"{spx},SPX,", f"{spx},SPXW,", f"{spx},SPXQ,am", f"{spx},SPXP,PM", f"{spx},SPXX,noon", extra=",root,settlement"
    )
    chain = read_chain(written(text))
    morning, evening = np.datetime64("2024-06-21T13:30:00"), np.datetime64("2024-06-21T20:00:00")
    assert chain.settles_at.tolist() == [v.astype(object) for v in (morning, evening, morning, evening)]
    assert chain.refused == {"bad_settlement": 1}


def test_sentinels_are_absent_and_a_zero_bid_is_a_zero_bid(written):
    cells = "TEST,2024-06-03T15:30:00-04:00,100,2024-06-21,C,{strike},{bid},{ask},{iv},{oi},{volume},100"
    text = table(
        cells.format(strike=90, bid=0, ask=-999, iv=0, oi=-1, volume=""),
        cells.format(strike=95, bid="", ask=1, iv=-999, oi=0, volume=-5),
        cells.format(strike=99, bid=1, ask=2, iv=1e-5, oi="", volume=0),
        cells.format(strike=101, bid=1, ask=2, iv=0.2, oi="nan", volume="inf"),
    )
    chain = read_chain(written(text))
    np.testing.assert_array_equal(chain.implied_vol, [np.nan, np.nan, np.nan, 0.2])
    np.testing.assert_array_equal(chain.open_interest, [np.nan, 0, np.nan, np.nan])
    np.testing.assert_array_equal(chain.bid, [0, np.nan, 1, 1])
    np.testing.assert_array_equal(chain.ask, [np.nan, 1, 2, 2])
    np.testing.assert_array_equal(chain.volume, [np.nan, np.nan, 0, np.nan])
    assert not chain.refused


def test_crossed_and_one_sided_quotes_stay_as_they_are(written):
    crossed, one_sided = (
        ROW.replace("2.10,2.20", "2.20,2.10"),
        ROW.replace("2.10,2.20", ",2.20").replace(",100,2.", ",105,2."),
    )
    chain = read_chain(written(table(crossed, one_sided)))
    np.testing.assert_array_equal(chain.bid, [2.2, np.nan])
    np.testing.assert_array_equal(chain.ask, [2.1, 2.2])
    assert not chain.refused


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (",C,100,", ",X,100,", "bad_right"),
        (",C,100,", ",,100,", "bad_right"),
        (",C,100,", ",C,0,", "bad_strike"),
        (",C,100,", ",C,-5,", "bad_strike"),
        (",C,100,", ",C,,", "bad_strike"),
        (",C,100,", ",C,inf,", "bad_strike"),
        (",C,100,", ",C,1e300,", "bad_strike"),
        (",C,100,", ",C,abc,", "bad_strike"),
        (",40,100", ",40,0", "bad_multiplier"),
        (",40,100", ",40,", "bad_multiplier"),
        ("2024-06-21", "2024-06-31", "bad_expiry"),
        ("2024-06-21", "", "bad_expiry"),
        ("2024-06-21", "2924-06-21", "bad_expiry"),
        ("2024-06-21", "2024-05-31", "expired"),
        (",0.25,", ",vol,", "bad_number"),
        (",500,", ",many,", "bad_number"),
    ],
)
def test_a_row_that_lies_is_refused_by_name_and_the_others_stay(written, old, new, reason):
    chain = read_chain(written(TABLE.replace(old, new, 1)))
    assert chain.refused == {reason: 1}
    assert (len(chain), chain.contracts_read) == (2, 3)


def test_the_right_may_be_a_word(written):
    chain = read_chain(written(TABLE.replace(",C,", ",Call,").replace(",P,", ",put,")))
    assert chain.is_call.tolist() == [True, False, True]


def test_an_empty_root_among_roots_is_refused(written):
    assert read_chain(written(table(f"{ROW},", f"{ROW},TEST", extra=",root"))).refused == {"bad_root": 1}


@pytest.mark.parametrize(
    ("text", "row", "field", "words"),
    [
        (TABLE.replace("T15:30:00-04:00", "T15:30:00"), 2, "as_of", "no time zone"),
        (TABLE.replace("T15:30:00-04:00", ""), 2, "as_of", "no time zone"),
        (TABLE.replace("2024-06-03T15:30:00-04:00", "noon"), 2, "as_of", "no time"),
        (TABLE.replace("2024-06-03T15", "1890-06-03T15"), 2, "as_of", "outside the years"),
        (table(ROW, ROW.replace("T15:30", "T15:31")), 3, "as_of", "one chain a file"),
        (table(ROW, ROW.replace(",100,2024", ",101,2024")), 3, "spot", "one chain a file"),
        (table(ROW, ROW.replace("TEST", "TOAST")), 3, "underlying", "one chain a file"),
        (table(ROW, ROW.replace("TEST", "")), 3, "underlying", "empty"),
        (TABLE.replace(",100,2024", ",-100,2024"), 2, "spot", "not a positive"),
        (TABLE.replace(",100,2024", ",,2024"), 2, "spot", "empty"),
        (TABLE.replace(",100,2024", ",x,2024"), 2, "spot", "not a number"),
        (TABLE.replace(",multiplier", ",multiplied"), 1, "multiplied", "did you mean 'multiplier'"),
        (TABLE.replace(",iv,", ",open_interest,", 1), 1, "open_interest", "twice"),
        (table(), None, None, "no rows"),
        (table(ROW, ROW[:40]), 3, None, "cut"),
        (TABLE.replace("2024-06-21", "2024-05-21").replace("2024-07-19", "2024-05-21"), None, None,
         "none of the 3 contracts can be used: 3 expired"),
    ],
)  # fmt: skip
def test_a_table_that_lies_as_a_whole_is_refused(written, text, row, field, words):
    with pytest.raises(InputError, match=words) as caught:
        read_chain(written(text))
    assert (caught.value.row, caught.value.field) == (row, field)


def test_a_column_of_volatility_in_per_cent_is_found_out(written):
    rows = [ROW.replace(",C,100,", f",C,{80 + i},").replace(",0.25,", ",25,") for i in range(30)]
    with pytest.raises(InputError, match="volatility is a fraction") as caught:
        read_chain(written(table(*rows)))
    assert caught.value.field == "iv"


def test_a_contract_leaves_the_chain_at_its_settlement_and_not_before(written):
    day = ROW.replace("2024-06-21", "2024-06-03")
    other = ROW.replace("2024-06-21", "2024-06-04")
    before = table(day, other)
    assert len(read_chain(written(before))) == 2
    at_close = before.replace("T15:30:00", "T16:00:00")
    assert read_chain(written(at_close)).refused == {"expired": 1}


@given(order=st.permutations(range(3)))
def test_the_order_of_the_rows_does_not_matter(written, order):
    rows = TABLE.splitlines()[1:]
    chain = read_chain(written(table(*(rows[i] for i in order))))
    assert dict(zip(chain.strike * np.where(chain.is_call, 1, -1), chain.open_interest, strict=True)) == {
        100.0: 500.0, -100.0: 400.0, 105.0: 300.0,
    }  # fmt: skip
