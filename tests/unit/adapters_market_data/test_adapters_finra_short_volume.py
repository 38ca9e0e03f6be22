"""FINRA's short-volume files as published: counted, summed over facilities, never counted twice."""

from __future__ import annotations

import gzip
from io import BytesIO

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangling import demand_one_line, mangled

from lightning_gex.adapters.market_data.finra_short_volume import read_short_volume
from lightning_gex.core.errors import InputError

HEADER = "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market"
DAY = f"{HEADER}\r\n20240103|AAA|120|3|400|B,Q,N\r\n20240103|BRK/B|7|0|10|Q,N\r\n2\r\n"
NEXT = f"{HEADER}\n20240104|AAA|100.5|0|200.25|B,Q,N\n1\n"


def test_a_day_as_published_is_read_and_classes_are_written_with_a_dot(written):
    found = read_short_volume([written(DAY)])
    assert found.session.astype(str).tolist() == ["2024-01-03"]
    assert found.symbol.tolist() == ["AAA", "BRK.B"]
    assert found.short_volume.tolist() == [[120.0, 7.0]]
    assert found.total_volume.tolist() == [[400.0, 10.0]]


def test_several_days_in_one_file_packed_or_plain_and_fractions_of_shares(written):
    found = read_short_volume([written(gzip.compress((DAY + NEXT).encode()))])
    assert found.session.astype(str).tolist() == ["2024-01-03", "2024-01-04"]
    assert found.of("AAA")[0].tolist() == [120.0, 100.5]
    assert np.isnan(found.of("BRK.B")[1][1])
    assert np.isnan(found.of("ZZZ")[0]).all()


def test_only_the_symbols_asked_for_are_kept(written):
    assert read_short_volume([written(DAY)], symbols=["BRK.B", "ZZZ"]).symbol.tolist() == ["BRK.B"]
    with pytest.raises(InputError, match="none of the files has a row of the symbols"):
        read_short_volume([written(DAY)], symbols=["ZZZ"])
    with pytest.raises(InputError, match="at least one file"):
        read_short_volume([])


def test_facilities_of_one_day_add_up(tmp_path):
    paths = []
    for market, rows in {"Q": "120|0|300", "N": "30|0|100"}.items():
        path = tmp_path / f"FN{market}.txt"
        path.write_text(f"{HEADER}\n20240103|AAA|{rows}|{market}\n1\n")
        paths.append(path)
    found = read_short_volume(paths)
    assert (found.short_volume[0, 0], found.total_volume[0, 0]) == (150.0, 400.0)


def test_the_consolidated_file_beside_a_facilitys_counts_twice_and_is_refused(tmp_path):
    one, other = tmp_path / "CNMS.txt", tmp_path / "FNSQ.txt"
    one.write_text(DAY)
    other.write_text(f"{HEADER}\n20240103|AAA|20|0|30|Q\n1\n")
    with pytest.raises(InputError, match="appears twice for the same market") as caught:
        read_short_volume([one, other])
    assert (caught.value.source, caught.value.row, caught.value.field) == (str(other), 2, "symbol")
    with pytest.raises(InputError, match="twice"):
        read_short_volume([one, one])


def test_a_table_under_finras_or_our_own_names_is_read(written):
    rows = {"date": ["2024-01-03"], "symbol": ["AAA"], "short_volume": [1], "total_volume": [4]}
    frame = pl.DataFrame(rows).with_columns(pl.col("date").str.to_date())
    buffer = BytesIO()
    frame.with_columns(pl.col("symbol").cast(pl.Categorical)).write_parquet(buffer)
    assert read_short_volume([written(buffer.getvalue())]).short_volume.tolist() == [[1.0]]
    assert read_short_volume([written(frame.write_csv())]).total_volume.tolist() == [[4.0]]
    published = frame.rename({"date": "Date", "symbol": "Symbol", "short_volume": "ShortVolume"})
    assert read_short_volume([written(published.rename({"total_volume": "TotalVolume"}).write_csv())])


@pytest.mark.parametrize(
    ("text", "row", "field", "words"),
    [
        (DAY.removesuffix("2\r\n"), 3, None, "does not end with its count"),
        (DAY.replace("\r\n2\r\n", "\r\n3\r\n"), 4, None, "counts 3 rows and holds 2"),
        (DAY.replace("20240103|BRK/B|7|0|10|Q,N\r\n", ""), 3, None, "counts 2 rows and holds 1"),
        (DAY[:70], 2, None, "cut"),
        (DAY.replace("|Q,N", ""), 3, None, "has not 6 cells"),
        (DAY.replace("Symbol", "Ticker"), 1, None, "the first line is not"),
        (DAY.replace("|7|", "|many|"), 3, "short_volume", "not a number"),
        (DAY.replace("|7|", "||"), 3, "short_volume", "missing"),
        (DAY.replace("|7|", "|-7|"), 3, "short_volume", "no count of shares"),
        (DAY.replace("|7|", "|11|"), 3, "short_volume", "11 sold short of 10"),
        (DAY.replace("20240103|BRK", "20241303|BRK"), 3, "date", "not a date"),
        (DAY.replace("BRK/B", ""), 3, "symbol", "missing"),
        ("date,symbol,short_volume\n2024-01-03,AAA,1\n", 1, "total_volume", "missing"),
    ],
)
def test_a_wrong_cell_or_a_cut_file_is_named(written, text, row, field, words):
    with pytest.raises(InputError, match=words) as caught:
        read_short_volume([written(text)])
    assert (caught.value.row, caught.value.field) == (row, field)


@given(st.data())
def test_a_mangled_file_gives_volumes_or_an_input_error_and_nothing_else(written, data):
    try:
        found = read_short_volume([written(data.draw(mangled((DAY + NEXT).encode())))])
    except InputError as error:
        demand_one_line(error)
    else:
        known = np.isfinite(found.total_volume)
        assert (found.short_volume[known] <= found.total_volume[known]).all()


@pytest.mark.shared_data
def test_the_real_files_load(shared_data):
    found = read_short_volume([shared_data / "flow" / "finra_short_volume.parquet"])
    assert found.total_volume.shape == (30, 9_718)
    assert int(np.isfinite(found.total_volume).sum()) == 270_198
    assert np.isfinite(found.of("BRK.B")[0]).all()
