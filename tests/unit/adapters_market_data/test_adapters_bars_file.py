"""Bars from a long table: what is read, what is refused, and in which words."""

from __future__ import annotations

import gzip
import io

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.market_data.bars_file import ROUNDING_TOLERANCE, bars_of_frame, read_bars
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError, SettingsError
from mangling import BARS, demand_one_line, mangled

HEADER = "ticker,date,open,high,low,close,volume\n"
ROW = "AAA,2024-03-01,10,11,9,10.5,1000\n"


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def bars_frame() -> pl.DataFrame:
    return pl.read_csv(BARS.encode(), try_parse_dates=True)


def test_each_ticker_of_a_csv_becomes_its_own_bars(written):
    bars = read_bars(written(BARS))
    assert list(bars) == ["AAA", "BBB"]
    assert bars["AAA"].session.astype(str).tolist() == ["2024-03-01", "2024-03-04"]
    assert bars["AAA"].close.tolist() == [10.5, 11.0]
    assert np.isnan(bars["BBB"].volume[0])
    assert bars["BBB"].volume[1] == 700.0


@pytest.mark.parametrize(
    "same",
    [
        pytest.param(gzip.compress(BARS.encode(), mtime=0), id="gzip"),
        pytest.param(b"\xef\xbb\xbf" + BARS.encode(), id="byte order mark"),
        pytest.param(BARS.replace("\n", "\r\n").encode(), id="Windows line ends"),
        pytest.param(BARS.replace("\n", "\r").encode(), id="old Mac line ends"),
        pytest.param(BARS.replace("AAA", '"AAA"').encode(), id="quoted cells"),
        pytest.param(BARS.replace(",", " , ").encode(), id="blanks around cells"),
        pytest.param(("\n" + BARS.replace("\n", "\n\n")).encode(), id="blank lines"),
        pytest.param(BARS.replace("-01,", "-01T00:00:00,").encode(), id="midnights"),
        pytest.param(BARS.replace("-01,", "-01 00:00:00-05:00,").encode(), id="midnights with a zone"),
        pytest.param(BARS.rstrip("\n").encode(), id="no last line end"),
        pytest.param(parquet(bars_frame()), id="Parquet of dates"),
        pytest.param(parquet(bars_frame().cast({"date": pl.Datetime})), id="Parquet of midnights"),
        pytest.param(parquet(bars_frame().cast({"date": pl.String})), id="Parquet of text dates"),
        pytest.param(parquet(bars_frame().cast({"ticker": pl.Categorical})), id="Parquet of categories"),
        pytest.param(parquet(bars_frame().sort("date")), id="rows by date"),
    ],
)
def test_the_same_bars_come_out_however_the_file_is_written(written, same):
    expected = read_bars(written(BARS))
    found = read_bars(written(same))
    assert found.keys() == expected.keys()
    for ticker, bars in expected.items():
        for name in ("session", "open", "high", "low", "close", "volume"):
            np.testing.assert_array_equal(getattr(found[ticker], name), getattr(bars, name))


@pytest.mark.parametrize(
    ("text", "row", "field", "words"),
    [
        (HEADER + ROW.replace("10.5", "nan"), 2, "close", "missing"),
        (HEADER + ROW.replace("10.5", ""), 2, "close", "missing"),
        (HEADER + ROW.replace("10.5", "ten"), 2, "close", "'ten' is not a number"),
        (HEADER + ROW.replace("10.5", "inf"), 2, "close", "not a finite"),
        (HEADER + ROW + ROW.replace("AAA", "BBB").replace(",9,", ",-9,"), 3, "low", "not positive"),
        (HEADER + ROW.replace(",9,", ",0,"), 2, "low", "not positive"),
        (HEADER + ROW.replace(",11,", ",8,"), 2, "high", "below the low"),
        (HEADER + ROW.replace("10.5", "12"), 2, "close", "outside low..high"),
        (HEADER + ROW.replace("01,10,", "01,8.5,"), 2, "open", "outside low..high"),
        (HEADER + ROW.replace("1000", "-1"), 2, "volume", "negative"),
        (HEADER + ROW.replace("1000", "inf"), 2, "volume", "finite"),
        (HEADER + ROW + ROW, 3, "date", "appears twice"),
        (HEADER + "\n" + ROW + ROW.replace("03-01", "02-29"), 4, "date", "sort by date"),
        (HEADER + ROW.replace("2024-03-01", "2024-03-01 15:30"), 2, "date", "time of day"),
        (HEADER + ROW.replace("2024-03-01", "2024-02-30"), 2, "date", "not a date"),
        (HEADER + ROW.replace("2024-03-01", "20240301"), 2, "date", "not a date"),
        (HEADER + ROW.replace("2024-03-01", ""), 2, "date", "missing"),
        (HEADER + ROW.replace("AAA", ""), 2, "ticker", "missing"),
        (HEADER + ROW + "AAA,2024-03-04,10", 3, None, "3 cells"),
        (HEADER + ROW + '"AAA,2024-03-04', 3, None, "damaged"),
        (HEADER.replace("volume", "volumes") + ROW, 1, "volumes", "did you mean 'volume'"),
        (HEADER.replace(",volume", "") + ROW.replace(",1000", ""), 1, "volume", "missing"),
        (HEADER.replace("high", "open") + ROW, 1, "open", "twice"),
        (HEADER.replace("high", "") + ROW, 1, None, "no name"),
        (HEADER, None, None, "no rows"),
        ("", None, None, "empty"),
        (" \n\n", None, None, "empty"),
        (HEADER.encode("utf-16"), None, None, "UTF-16"),
        (HEADER.encode() + b"A\x00", 2, None, "binary"),
        (HEADER.encode() + b"\xe9", 2, None, "UTF-8"),
        (gzip.compress(BARS.encode())[:-9], None, None, "gzip"),
        (parquet(bars_frame())[:-40], None, None, "Parquet"),
        (parquet(bars_frame().cast({"date": pl.Datetime}).with_columns(pl.col("date").dt.offset_by("90m"))), 1, "date",
         "time of day"),
        (parquet(bars_frame().with_columns(close=pl.lit(True))), None, "close", "numbers belong"),
        (parquet(bars_frame().with_columns(date=pl.lit(1.0))), None, "date", "dates belong"),
        (parquet(bars_frame().with_columns(ticker=pl.lit(1))), None, "ticker", "symbols belong"),
    ],
)  # fmt: skip
def test_bad_bars_are_refused_naming_file_row_and_field(written, text, row, field, words):
    with pytest.raises(InputError, match=words) as caught:
        read_bars(written(text))
    error = caught.value
    assert error.source is not None
    assert error.source.endswith("input.dat")
    assert (error.row, error.field) == (row, field)
    assert "\n" not in str(error)


def test_a_missing_file_a_folder_and_an_impossible_path_are_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_bars(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="folder"):
        read_bars(tmp_path)
    with pytest.raises(InputError):
        read_bars("with\0nul.csv")


def test_only_the_tickers_asked_for_are_read_in_the_order_asked(written):
    spoiled_ccc = BARS + "CCC,2024-03-01,1,1,1,-5,\n"
    bars = read_bars(written(spoiled_ccc), tickers=["BBB", "AAA"])
    assert list(bars) == ["BBB", "AAA"]


def test_an_absent_ticker_names_those_that_are_near_and_those_that_are_there(written):
    with pytest.raises(InputError, match=r"no bars of aaa; did you mean AAA\? \(the file has AAA, BBB\)"):
        read_bars(written(BARS), tickers=["aaa"])
    with pytest.raises(InputError, match=r"no bars of XYZ \(the file has AAA, BBB\)"):
        read_bars(written(BARS), tickers=["XYZ"])


def test_an_optional_ticker_is_read_where_it_is_there_and_not_missed_where_it_is_not(written):
    assert list(read_bars(written(BARS), tickers=["BBB"], optional=["AAA", "ZZZ"])) == ["BBB", "AAA"]


@pytest.mark.parametrize("made", [bars_frame, lambda: bars_frame().to_pandas()], ids=["polars", "pandas"])
def test_a_frame_gives_the_bars_its_file_gives(written, made):
    expected = read_bars(written(BARS))
    found = bars_of_frame(made())
    assert found.keys() == expected.keys()
    for ticker, bars in expected.items():
        np.testing.assert_array_equal(found[ticker].session, bars.session)
        np.testing.assert_array_equal(found[ticker].close, bars.close)
        np.testing.assert_array_equal(found[ticker].volume, bars.volume)


def test_an_empty_list_of_tickers_is_a_mistake_of_the_caller(written):
    with pytest.raises(SettingsError):
        read_bars(written(BARS), tickers=[])


def test_rounding_is_mended_and_counted_and_anything_larger_refused(written):
    within = 11 * (1 + 0.9 * ROUNDING_TOLERANCE)
    beyond = 11 * (1 + 1.5 * ROUNDING_TOLERANCE)
    mended = read_bars(written(HEADER + ROW.replace("10.5", repr(within))))["AAA"]
    assert mended.close.tolist() == [11.0]
    assert "1 bars mended" in mended.source
    with pytest.raises(InputError, match="outside"):
        read_bars(written(HEADER + ROW.replace("10.5", repr(beyond))))


def test_a_volume_of_zero_is_absent_for_an_index_and_zero_for_a_stock(written):
    rows = HEADER + ROW.replace("1000", "0") + ROW.replace("AAA", "^SPX").replace("1000", "0")
    bars = read_bars(written(rows))
    assert bars["AAA"].volume.tolist() == [0.0]
    assert np.isnan(bars["^SPX"].volume).all()


@given(data=mangled(BARS.encode()))
def test_a_mangled_csv_gives_bars_or_an_input_error_and_nothing_else(written, data):
    try:
        found = read_bars(written(data))
    except InputError as error:
        demand_one_line(error)
    else:
        assert found
        assert all(isinstance(bars, Bars) for bars in found.values())


@given(data=mangled(parquet(bars_frame()), keep=4))
def test_a_mangled_parquet_gives_bars_or_an_input_error_and_nothing_else(written, data):
    try:
        found = read_bars(written(data))
    except InputError as error:
        demand_one_line(error)
    else:
        assert found


@given(cut=st.integers(1, 4))
def test_rows_that_come_later_change_no_earlier_bar(written, cut):
    lines = BARS.splitlines(keepends=True)
    whole = read_bars(written(BARS))
    part = read_bars(written("".join(lines[: cut + 1])))
    for ticker, bars in part.items():
        np.testing.assert_array_equal(bars.close, whole[ticker].close[: len(bars)])
        np.testing.assert_array_equal(bars.volume, whole[ticker].volume[: len(bars)])


@pytest.mark.shared_data
def test_real_bars_of_indices_funds_and_stocks_load_unmended(shared_data):
    path = shared_data / "daily" / "index_etf_megacap_ohlcv.parquet"
    bars = read_bars(path)
    assert len(bars) == 28
    assert sum(map(len, bars.values())) == 74_895
    assert {b.source for b in bars.values()} == {str(path)}
    assert np.isnan(bars["VIX"].volume).all()
    assert (bars["SPY"].volume > 0).all()


@pytest.mark.shared_data
def test_a_table_of_more_than_a_million_rows_loads_whole(shared_data):
    bars = read_bars(shared_data / "daily" / "sp500_members_ohlcv.parquet")
    assert len(bars) == 426
    assert sum(map(len, bars.values())) == 1_241_855


@pytest.mark.shared_data
def test_a_file_with_columns_that_are_not_documented_is_refused_by_name(shared_data):
    with pytest.raises(InputError, match="unknown column"):
        read_bars(shared_data / "daily" / "raw_prices_with_splits.parquet")


@pytest.mark.parametrize("frame", [None, 3, "AAA", [1], {"date": []}])
def test_what_is_no_frame_is_refused(frame):
    with pytest.raises(InputError, match="frame"):
        bars_of_frame(frame)
