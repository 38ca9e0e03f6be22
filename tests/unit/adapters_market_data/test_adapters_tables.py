"""Columns of a table as numbers, codes and dates, without handling a row at a time."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.market_data import tables
from lightning_gex.adapters.market_data.content import Content
from lightning_gex.adapters.market_data.tables import Table, column_names, csv_table, demand_columns, read_table
from lightning_gex.core.errors import InputError

CELLS = st.lists(st.one_of(st.none(), st.sampled_from(["SPX", " SPX ", "spx", "", "  ", "AAPL", "É"])), min_size=1)


def table(values, kind=None) -> Table:
    frame = pl.DataFrame({"c": pl.Series(values, dtype=kind)})
    return Table("f", frame, np.arange(1, len(values) + 1))


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


@given(values=CELLS, kind=st.sampled_from([pl.String, pl.Categorical]))
def test_codes_are_the_texts_of_the_rows(values, kind):
    names, code = table(values, kind).codes("c")
    assert [names[k] for k in code] == [(value or "").strip() for value in values]
    assert names[0] == ""
    assert list(names) == sorted(set(names))


@given(values=CELLS, kind=st.sampled_from([pl.String, pl.Categorical]))
def test_an_empty_cell_is_one_without_text(values, kind):
    assert table(values, kind).empty("c").tolist() == [not (value or "").strip() for value in values]


def test_numbers_may_name_and_other_types_may_not():
    assert table([5, 5, 7]).codes("c")[0] == ("", "5", "7")
    with pytest.raises(InputError, match="where text belong"):
        table([True]).codes("c")


@given(
    st.lists(
        st.one_of(st.none(), st.floats(allow_nan=False).map(repr), st.sampled_from(["x", " 1.5 ", "", "nan"])),
        min_size=1,
    )
)
def test_numbers_of_texts_are_those_that_python_reads(cells):
    values, unreadable = table(cells, pl.String).floats_or_nan("c")
    for cell, value, bad in zip(cells, values.tolist(), unreadable.tolist(), strict=True):
        if cell is None or not cell.strip():
            assert (np.isnan(value), bad) == (True, False)
        elif cell == "x":
            assert (np.isnan(value), bad) == (True, True)
        else:
            np.testing.assert_equal((value, bad), (float(cell), False))


def test_an_index_without_a_name_gets_one_where_it_is_expected():
    for text in (",a\n0,5\n", '"",a\n0,5\n', "\n,a\n0,5\n"):
        content = Content("f", text.encode())
        assert read_table(content, unnamed_first="index").columns == ["index", "a"]
        with pytest.raises(InputError, match="column 1 has no name"):
            read_table(content)


def test_the_names_of_the_columns_are_found_without_reading_the_file():
    assert column_names(Content("f", b'\xef\xbb\xbf"a", b ,c\r\n1,2,3\n')) == {"a", "b", "c"}
    data = parquet(pl.DataFrame({"a": [1], "b": [2]}))
    assert column_names(Content("f", data)) == {"a", "b"}
    assert column_names(Content("f", data[:-9])) == frozenset()


def test_names_that_are_missing_or_unknown_are_named():
    demand_columns(["a", "c"], ("a",), ("b", "c"), "f")
    with pytest.raises(InputError, match="did you mean 'volume'"):
        demand_columns(["volum"], ("volume",), (), "f")
    with pytest.raises(InputError, match="column is missing") as caught:
        demand_columns(["b"], ("a",), ("b",), "f")
    assert (caught.value.field, caught.value.row) == ("a", 1)


def test_a_table_of_one_column_keeps_its_blank_lines_out():
    found = csv_table(b"a\n1\n\n2\n", "f")
    assert found.line.tolist() == [2, 4]
    assert found.floats("a").tolist() == [1.0, 2.0]


@pytest.mark.parametrize(("sound", "damaged"), [(b"symbolX", b"symbol\xff"), (b"ARROW:schema", b"ARRO\xaf:schema")])
def test_names_and_notes_of_a_parquet_file_that_are_no_text_do_no_harm(sound: bytes, damaged: bytes) -> None:
    buffer = io.BytesIO()
    pl.DataFrame({"ticker": ["AAA"], "symbolX": ["B"]}).write_parquet(buffer)
    data = buffer.getvalue()
    assert sound in data
    content = Content("a.parquet", data.replace(sound, damaged))
    if sound == b"symbolX":
        with pytest.raises(InputError, match="damaged"):
            read_table(content)
    else:
        assert tuple(read_table(content).columns) == ("ticker", "symbolX")


@pytest.mark.parametrize("rows", [0, 1, 5, 6, 7])
def test_a_parquet_file_in_parts_is_the_same_table_with_the_same_lines(rows, monkeypatch):
    monkeypatch.setattr(tables, "PART_ROWS", 3)
    buffer = io.BytesIO()
    pl.DataFrame({"ticker": [f"T{k}" for k in range(rows)], "close": [float(k) for k in range(rows)]}).write_parquet(
        buffer
    )
    content = Content("bars", buffer.getvalue())
    parts, whole = list(tables.table_parts(content)), read_table(content)
    assert len(parts) == max(1, -(-rows // 3))
    again = tables.joined(parts)
    assert again.frame.equals(whole.frame)
    assert again.line.tolist() == whole.line.tolist() == list(range(1, rows + 1))


def test_a_csv_file_is_one_part_and_a_damaged_parquet_file_says_so_when_it_is_reached():
    (only,) = tables.table_parts(Content("x.csv", b"a,b\n1,2\n3,4\n"))
    assert only.frame.rows() == [("1", "2"), ("3", "4")]
    buffer = io.BytesIO()
    pl.DataFrame({"a": list(range(100))}).write_parquet(buffer)
    damaged = bytearray(buffer.getvalue())
    damaged[10:60] = bytes(50)
    with pytest.raises(InputError, match="damaged or cut Parquet file"):
        list(tables.table_parts(Content("x", bytes(damaged))))
