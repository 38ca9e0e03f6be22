"""Option chains from files: three formats, what each row becomes, and what is refused."""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangling import PAYLOAD, QUOTEDATA, TABLE, demand_one_line, mangled, option, payload

from lightning_gex.adapters.market_data.chain_files import FORMATS, read_chain
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.sessions import to_datetime64

TABLE_HEADER = TABLE.splitlines()[0]
ROW = TABLE.splitlines()[1]


def table(*rows: str, extra: str = "") -> str:
    return "\n".join([TABLE_HEADER + extra, *rows]) + "\n"


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


# recognising


@pytest.mark.parametrize(
    ("name", "text"), [("table", TABLE), ("cboe_quotedata", QUOTEDATA), ("cboe_delayed_quotes", PAYLOAD)]
)
def test_a_format_is_recognised_plain_and_packed_and_reads_the_same_when_named(written, name, text):
    by_content = read_chain(written(text))
    by_name = read_chain(written(gzip.compress(text.encode(), mtime=0)), format=name)
    assert by_content.underlying == by_name.underlying == "TEST"
    np.testing.assert_array_equal(by_content.strike, by_name.strike)
    assert [f for f, known in FORMATS.items() if known.recognise(_content(text))] == [name]


def _content(text: str):
    from lightning_gex.adapters.market_data.content import Content

    return Content("x", text.encode())


def test_an_unknown_format_name_lists_the_known_ones(written):
    with pytest.raises(SettingsError, match="cboe_quotedata, cboe_delayed_quotes, table"):
        read_chain(written(TABLE), format="schwab")


@pytest.mark.parametrize("text", ["hello\nworld\n", '{"callExpDateMap": {}}', "date,close\n2024-03-01,5\n", "[1, 2]"])
def test_a_file_of_no_known_format_says_so(written, text):
    with pytest.raises(InputError, match="no option chain of a known format"):
        read_chain(written(text))


@pytest.mark.parametrize(
    ("name", "text"), [("table", PAYLOAD), ("cboe_quotedata", TABLE), ("cboe_delayed_quotes", QUOTEDATA)]
)
def test_a_wrongly_named_format_is_an_input_error(written, name, text):
    with pytest.raises(InputError):
        read_chain(written(text), format=name)


# our own table


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


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (",C,100,", ",X,100,", "bad_right"),
        (",C,100,", ",,100,", "bad_right"),
        (",C,100,", ",C,0,", "bad_strike"),
        (",C,100,", ",C,-5,", "bad_strike"),
        (",C,100,", ",C,,", "bad_strike"),
        (",C,100,", ",C,inf,", "bad_strike"),
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


def test_the_underlying_asked_for_must_be_the_one_in_the_file(written):
    assert read_chain(written(TABLE), underlying="test").underlying == "TEST"
    for text in (TABLE, QUOTEDATA, PAYLOAD):
        with pytest.raises(InputError, match="not on SPY"):
            read_chain(written(text), underlying="SPY")


def test_a_contract_leaves_the_chain_at_its_settlement_and_not_before(written):
    day = ROW.replace("2024-06-21", "2024-06-03")
    other = ROW.replace("2024-06-21", "2024-06-04")
    before = table(day, other)
    assert len(read_chain(written(before))) == 2
    at_close = before.replace("T15:30:00", "T16:00:00")
    assert read_chain(written(at_close)).refused == {"expired": 1}


# Cboe's quote table


def test_a_quote_table_line_holds_a_call_and_a_put(written):
    chain = read_chain(written(QUOTEDATA))
    assert (chain.underlying, chain.spot, chain.contracts_read, len(chain)) == ("TEST", 100.5, 4, 4)
    assert chain.as_of == datetime(2024, 6, 3, 19, 30, tzinfo=UTC)
    assert chain.is_call.tolist() == [True, False, True, False]
    assert chain.strike.tolist() == [100.0, 100.0, 105.0, 105.0]
    assert chain.bid.tolist() == [2.1, 1.9, 1.1, 5.4]
    assert chain.implied_vol.tolist() == [0.25, 0.26, 0.24, 0.245]
    assert chain.open_interest.tolist() == [500.0, 400.0, 300.0, 200.0]
    assert chain.volume.tolist() == [40.0, 30.0, 20.0, 10.0]
    assert chain.multiplier.tolist() == [100.0] * 4


@pytest.mark.parametrize(
    ("header", "true"),
    [
        ("June 3, 2024 at 4:30 PM EDT", datetime(2024, 6, 3, 20, tzinfo=UTC)),
        ("June 4, 2024 at 7:30 AM EDT", datetime(2024, 6, 3, 20, tzinfo=UTC)),
        ("June 8, 2024 at 12:00 PM ET", datetime(2024, 6, 7, 20, tzinfo=UTC)),
        ("January 3, 2024 at 12:30 PM EST", datetime(2024, 1, 3, 17, 30, tzinfo=UTC)),
        ("June 3, 2024 at 2:30 PM CDT", datetime(2024, 6, 3, 19, 30, tzinfo=UTC)),
    ],
)
def test_the_header_time_is_bounded_by_the_close(written, header, true):
    assert read_chain(written(QUOTEDATA.replace("June 3, 2024 at 3:30 PM EDT", header))).as_of == true


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("TEST240621C00100000", "TEST1240621C00100000", "adjusted_deliverable"),
        ("TEST240621C00100000", "2TEST240621C00100000", "adjusted_deliverable"),
        ("TEST240621C00100000", "", "bad_symbol"),
        ("TEST240621C00100000", "TEST240621P00100000", "bad_right"),
        ("TEST240621C00100000", "TEST240622C00100000", "bad_expiry"),
        ("TEST240621C00100000", "TEST240621C00100500", "bad_strike"),
        (",2.2,40,0.25,", ",2.2,40,x,", "bad_number"),
    ],
)
def test_a_quote_table_cell_that_lies_is_refused_by_name(written, old, new, reason):
    chain = read_chain(written(QUOTEDATA.replace(old, new, 1)))
    assert chain.refused == {reason: 1}
    assert len(chain) == 3


def test_a_file_of_weekly_index_options_alone_is_of_the_index(written):
    assert read_chain(written(QUOTEDATA.replace("TEST", "SPXW"))).underlying == "SPX"


def test_both_roots_of_an_index_stay_apart(written):
    weekly = QUOTEDATA.replace("TEST", "SPXW")
    monthly = "\n".join(QUOTEDATA.replace("TEST", "SPX").splitlines()[4:]) + "\n"
    chain = read_chain(written(weekly + monthly))
    assert Counter(chain.root.tolist()) == {"SPXW": 4, "SPX": 4}
    assert chain.underlying == "SPX"
    assert not chain.refused
    assert chain.settles_at[0] - chain.settles_at[4] == np.timedelta64(390, "m")


@pytest.mark.parametrize(
    ("old", "new", "row", "field", "words"),
    [
        ("3:30 PM EDT", "3:30 PM", None, "Date", "no zone"),
        ("3:30 PM EDT", "3:30 PM XYZ", None, "Date", "not known"),
        ("June 3,", "June 31,", None, "Date", "no time"),
        ("June 3,", "Juni 3,", None, "Date", "no time"),
        ("Date: June", "June", None, "Date", "no time such as"),
        ("2024 at", "1890 at", None, "Date", "outside the years"),
        ("Last: 100.5", "Last: -1", None, "Last", "no positive price"),
        ("Last: 100.5", "Last: 0", None, "Last", "not a positive price"),
        ("Calls,Last Sale", "Calls,Last Price", 4, "Last Price", "unknown column"),
        ("Calls,Last Sale,Net", "Calls,Net,Last Sale", 4, None, "another order"),
        (",5.6,10,0.245,-0.70,0.05,200", "", 6, None, "cut"),
        ("TEST240719", "QQQ240719", None, "root", "one underlying a file"),
    ],
)
def test_a_quote_table_that_lies_as_a_whole_is_refused(written, old, new, row, field, words):
    with pytest.raises(InputError, match=words) as caught:
        read_chain(written(QUOTEDATA.replace(old, new)))
    assert (caught.value.row, caught.value.field) == (row, field)


def test_a_quote_table_without_rows_is_refused(written):
    with pytest.raises(InputError, match="no contracts"):
        read_chain(written("\n".join(QUOTEDATA.splitlines()[:4]) + "\n"))


# Cboe's delayed quotes


def test_a_payload_in_the_session_is_as_old_as_its_newest_trade(written):
    chain = read_chain(written(PAYLOAD))
    assert chain.as_of == datetime(2024, 6, 3, 19, 15, tzinfo=UTC)
    assert chain.spot == 100.5
    assert chain.is_call.tolist() == [True, False]
    assert chain.implied_vol.tolist() == [0.25, 0.26]


@pytest.mark.parametrize(
    ("timestamp", "true", "spot"),
    [
        pytest.param("2024-06-03 22:57:33", "2024-06-03T20:00:00+00:00", 100.25, id="in the evening"),
        pytest.param("2024-06-04 11:00:00", "2024-06-03T20:00:00+00:00", 100.25, id="before the next open"),
        pytest.param("2024-06-03 19:50:00", "2024-06-03T19:35:00+00:00", 100.5, id="nothing traded since: 15 minutes"),
    ],
)
def test_the_time_and_spot_of_a_payload_are_those_of_its_quotes(written, timestamp, true, spot):
    chain = read_chain(written(json.dumps(payload(timestamp))))
    assert (chain.as_of.isoformat(), chain.spot) == (true, spot)


def test_a_payload_saved_on_a_weekend_carries_the_friday(written):
    saturday = payload("2024-06-08 16:00:00", last_trade_time="2024-06-07T15:59:59")
    assert read_chain(written(json.dumps(saturday))).as_of == datetime(2024, 6, 7, 20, tzinfo=UTC)


def test_a_payload_whose_underlying_last_traded_on_an_earlier_session_is_of_that_session(written):
    stale = payload("2024-06-05 19:30:00", last_trade_time="2024-06-04T15:59:59")
    chain = read_chain(written(json.dumps(stale)))
    assert chain.as_of == datetime(2024, 6, 4, 20, tzinfo=UTC)
    assert chain.spot == 100.25


def test_after_the_close_without_a_closing_price_the_current_one_stands(written):
    chain = read_chain(written(json.dumps(payload("2024-06-03 22:57:33", close=0))))
    assert chain.spot == 100.5


@pytest.mark.parametrize("symbol", ["_SPX", "^SPX", "SPX"])
def test_an_index_symbol_loses_its_mark(written, symbol):
    options = [option("SPXW240621C05300000"), option("SPX240621C05300000")]
    chain = read_chain(written(json.dumps(payload(options=options, symbol=symbol))), underlying="^SPX")
    assert chain.underlying == "SPX"
    assert chain.root.tolist() == ["SPXW", "SPX"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("text", "bad_record"),
        (None, "bad_record"),
        (option("hello"), "bad_symbol"),
        ({"bid": 1.0}, "bad_symbol"),
        (option("TEST1240621C00100000"), "adjusted_deliverable"),
        (option("TEST240631C00100000"), "bad_expiry"),
        (option("TEST240621C00000000"), "bad_strike"),
        (option("TEST240531C00100000"), "expired"),
        (option("TEST240621C00101000", iv="0.2"), "bad_number"),
        (option("TEST240621C00101000", bid=True), "bad_number"),
        (option("TEST240621C00100000"), "duplicate_contract"),
    ],
)
def test_a_record_that_lies_is_refused_by_name(written, record, reason):
    options = [*payload()["data"]["options"], record]
    chain = read_chain(written(json.dumps(payload(options=options))))
    assert chain.refused == {reason: 1}
    assert (len(chain), chain.contracts_read) == (2, 3)


def test_a_foreign_option_is_refused_and_many_of_them_refuse_the_file(written):
    own = [option(f"TEST240621C{strike:05d}000") for strike in range(90, 120)]
    few = json.dumps(payload(options=[*own, option("QQQ240621C00100000")]))
    assert read_chain(written(few)).refused == {"foreign_root": 1}
    many = json.dumps(payload(options=[*own, *(option(f"QQQ240621C{s:05d}000") for s in range(90, 100))]))
    with pytest.raises(InputError, match="10 of 40 contracts are not on TEST"):
        read_chain(written(many))


def test_absent_numbers_of_a_record_are_absent(written):
    bare = {"option": "TEST240621C00101000", "iv": None, "open_interest": -1.0}
    chain = read_chain(written(json.dumps(payload(options=[bare]))))
    for name in ("bid", "ask", "implied_vol", "open_interest", "volume"):
        assert np.isnan(getattr(chain, name)).all(), name


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (PAYLOAD[:-30], None, "cut JSON"),
        (json.dumps(payload(current_price=-1)), "current_price", "no positive price"),
        (json.dumps(payload(current_price=None)), "current_price", "no positive price"),
        (json.dumps(payload(options=[])), None, "no contracts"),
        (PAYLOAD.replace('"data": {', '"data": 5, "other": {'), "data", "not an object"),
        (json.dumps(payload(symbol="")), "symbol", "missing"),
        (json.dumps(payload("noon")), "timestamp", "no time"),
        (json.dumps(payload("1890-01-01 00:00:00")), "timestamp", "outside the years"),
        ('{"timestamp": 1, "options": ' + "[" * 100_000, None, "JSON"),
        ('{"timestamp": 1, "options": ' + "9" * 5_000 + "}", None, "JSON"),
        (PAYLOAD.replace('"options": [', '"options": 5, "other": ['), "options", "list of options"),
    ],
)
def test_a_payload_that_lies_as_a_whole_is_refused(written, text, field, words):
    with pytest.raises(InputError, match=words) as caught:
        read_chain(written(text))
    assert caught.value.field == field


# any bytes


@given(sound=st.sampled_from([(TABLE, 0), (QUOTEDATA, 0), (PAYLOAD, 0), (TABLE, 170), (QUOTEDATA, 400), (PAYLOAD, 40)]),
       name=st.sampled_from([None, *FORMATS]), data=st.data())  # fmt: skip
def test_a_mangled_chain_gives_a_sound_chain_or_an_input_error_and_nothing_else(written, sound, name, data):
    text, keep = sound
    try:
        chain = read_chain(written(data.draw(mangled(text.encode(), keep=keep))), format=name)
    except InputError as error:
        demand_one_line(error)
    else:
        _assert_sound(chain)


def _assert_sound(chain: OptionChain) -> None:
    assert len(chain) + sum(chain.refused.values()) == chain.contracts_read
    assert len(chain) > 0
    assert (chain.settles_at > to_datetime64(chain.as_of)).all()
    assert (chain.strike > 0).all()
    assert (chain.multiplier > 0).all()
    for name in ("bid", "ask", "open_interest", "volume", "implied_vol"):
        values = getattr(chain, name)
        assert (np.isnan(values) | (np.isfinite(values) & (values >= 0))).all()


@given(order=st.permutations(range(3)))
def test_the_order_of_the_rows_does_not_matter(written, order):
    rows = TABLE.splitlines()[1:]
    chain = read_chain(written(table(*(rows[i] for i in order))))
    assert dict(zip(chain.strike * np.where(chain.is_call, 1, -1), chain.open_interest, strict=True)) == {
        100.0: 500.0, -100.0: 400.0, 105.0: 300.0,
    }  # fmt: skip


# real files


@pytest.mark.shared_data
def test_the_real_quote_tables_load_with_every_row_accounted_for(shared_data):
    raw = shared_data / "chains" / "raw"
    tesla = read_chain(raw / "cboe_quotedata_TSLA_2023-08-18.csv.gz")
    assert (tesla.underlying, tesla.spot, len(tesla), tesla.contracts_read) == ("TSLA", 218.8, 236, 236)
    assert tesla.as_of == datetime(2023, 8, 18, 20, tzinfo=UTC)  # the page was made on the Sunday after
    mini = read_chain(raw / "cboe_quotedata_XSP_2023-09-14.csv.gz")
    assert (mini.underlying, mini.spot, mini.contracts_read) == ("XSP", 450.51, 10_882)
    assert mini.as_of == datetime(2023, 9, 14, 20, tzinfo=UTC)
    assert (mini.expiry > np.datetime64("2023-09-14")).all()
    _assert_sound(tesla)
    _assert_sound(mini)


@pytest.mark.shared_data
def test_the_real_quote_tables_agree_with_an_independent_reading_of_them(shared_data):
    frame = pl.read_parquet(shared_data / "chains" / "cboe_quotedata.parquet").cast({"snapshot_id": pl.String})
    theirs = frame.filter(pl.col("snapshot_id").str.starts_with("TSLA_2023-08-18")).with_columns(
        call=pl.col("cp").cast(pl.String).str.to_uppercase().str.starts_with("C")
    )
    ours = read_chain(shared_data / "chains" / "raw" / "cboe_quotedata_TSLA_2023-08-18.csv.gz")
    expected = {
        (bool(c), round(float(k), 3)): (int(oi), round(float(b), 4))
        for c, k, oi, b in theirs.select("call", "strike", "oi", "bid").iter_rows()
    }
    found = {
        (bool(c), round(float(k), 3)): (int(oi), round(float(b), 4))
        for c, k, oi, b in zip(ours.is_call, ours.strike, ours.open_interest, ours.bid, strict=True)
    }
    assert found == expected


@pytest.mark.shared_data
def test_the_real_payload_loads_with_every_row_accounted_for(shared_data):
    path = shared_data / "chains" / "raw" / "cboe_delayed_quotes_SPY_2022-07-12.json.gz"
    chain = read_chain(path)
    assert (chain.underlying, chain.contracts_read, len(chain)) == ("SPY", 9_208, 9_208)
    assert chain.as_of == datetime(2022, 7, 12, 20, tzinfo=UTC)
    assert chain.spot == 380.83  # its close; 380.88 traded after hours
    with gzip.open(path) as file:
        records = json.load(file)["data"]["options"]
    assert np.nansum(chain.open_interest) == sum(r["open_interest"] for r in records)
    _assert_sound(chain)


@pytest.mark.shared_data
def test_a_chain_of_another_publisher_is_not_taken_for_one_of_ours(shared_data):
    with pytest.raises(InputError, match="no option chain of a known format"):
        read_chain(shared_data / "chains" / "raw" / "schwab_chain_GME_2025-04-10.json.gz")
