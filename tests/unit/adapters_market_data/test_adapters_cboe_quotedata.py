"""Cboe's quote table: what each cell becomes, however it is written down, and what is refused."""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangling import (
    QUOTEDATA,
    assert_sound,
)

from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.core.errors import InputError


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


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="Windows line ends"),
        pytest.param(lambda text: text.replace("\n", "\r"), id="old line ends"),
        pytest.param(lambda text: text.rstrip("\n"), id="no last line end"),
        pytest.param(lambda text: text.replace("\nFri Jul", "\n\nFri Jul") + "\n\n", id="blank lines"),
        pytest.param(lambda text: "\ufeff" + text, id="a mark before it"),
        pytest.param(lambda text: text.replace(",2.1,2.2,", ',"2.1",2.2,'), id="a quoted cell"),
        pytest.param(lambda text: text.replace(",500,100.00", ', 500 ,"100.00"'), id="blanks around a number"),
        pytest.param(lambda text: text.replace("Fri Jun 21 2024", " Fri Jun 21 2024 "), id="blanks around a date"),
    ],
)
def test_how_a_quote_table_is_written_down_does_not_matter(written, change):
    expected, chain = read_chain(written(QUOTEDATA)), read_chain(written(change(QUOTEDATA)))
    assert chain.refused == {}
    for name in ("strike", "bid", "ask", "implied_vol", "open_interest", "volume", "expiry"):
        np.testing.assert_array_equal(getattr(chain, name), getattr(expected, name))


def test_thousands_are_understood_in_quotes(written):
    chain = read_chain(written(QUOTEDATA.replace(",0.08,500,", ',0.08,"1,234,500",')))
    assert chain.open_interest.tolist() == [1_234_500.0, 400.0, 300.0, 200.0]


NUMBER = st.one_of(
    st.decimals(-1e6, 1e6, places=4).map(str),
    st.floats(-1e9, 1e9).map(repr),
    st.sampled_from(["", " ", "nan", "inf", "-1", "1e3", "x", "1.2.3", "--", "0"]),
)


@given(st.lists(NUMBER, min_size=2, max_size=2))
def test_a_number_of_a_quote_table_is_what_python_reads(written, cells):
    text = QUOTEDATA.replace(",500,100.00", f",{cells[0]},100.00").replace(",0.08,400", f",0.08,{cells[1]}")
    chain = read_chain(written(text))
    expected = []
    for cell in cells:
        try:
            value = float(cell) if cell.strip() else np.nan
        except ValueError:
            continue
        expected.append(value if 0 <= value <= 1e10 else np.nan)
    np.testing.assert_array_equal(chain.open_interest, [*expected, 300.0, 200.0])
    assert chain.refused.get("bad_number", 0) == 2 - len(expected)


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
    assert_sound(tesla)
    assert_sound(mini)


@pytest.mark.shared_data
def test_a_real_quote_table_holds_what_a_plain_reading_of_its_lines_counts(shared_data):
    path = shared_data / "chains" / "raw" / "cboe_quotedata_XSP_2023-09-14.csv.gz"
    lines = [line.split(",") for line in gzip.decompress(path.read_bytes()).decode().splitlines()[4:]]
    dead = sum(cells[0] == "Thu Sep 14 2023" for cells in lines)  # settled at 16:00, the page was made at 16:30
    alive = [cells for cells in lines if cells[0] != "Thu Sep 14 2023"]
    chain = read_chain(path)
    assert (
        (chain.contracts_read, chain.refused) == (2 * len(lines), {"expired": 2 * dead}) == (10_882, {"expired": 280})
    )
    assert len(chain) == 2 * len(alive) == 10_602
    assert chain.open_interest.sum() == sum(int(cells[10]) + int(cells[21]) for cells in alive)
    assert chain.volume.sum() == sum(int(cells[6]) + int(cells[17]) for cells in alive)
    expected = [float(cells[at]) for cells in alive for at in (4, 15)]
    assert chain.bid.tolist() == expected
    assert int(np.isnan(chain.implied_vol).sum()) == sum(float(cells[at]) == 0 for cells in alive for at in (7, 18))


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
