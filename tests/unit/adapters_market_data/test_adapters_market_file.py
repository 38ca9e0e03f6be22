"""A market file as books: every underlying reads as it does alone, whatever the batches, and damage is named."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.adapters.market_data.market_file import contracts_in, is_chain_parquet, read_books
from lightning_gex.adapters.market_data.market_rows import LeftOut
from lightning_gex.core.book import book_of
from lightning_gex.core.errors import InputError
from mangling import demand_one_line, mangled

AS_OF = datetime(2024, 6, 3, 19, 30, tzinfo=UTC)
COLUMNS = ("strike", "is_call", "bid", "ask", "implied_vol", "open_interest", "volume", "multiplier")


def contract(**changes):
    """One row of the table, sound unless changed."""
    row = {
        "underlying": "AAA", "as_of": AS_OF, "spot": 100.0, "root": None, "expiry": date(2024, 6, 21), "right": "C",
        "strike": 100.0, "bid": 1.0, "ask": 1.1, "iv": 0.2, "open_interest": 10, "volume": 5, "multiplier": 100,
    } | changes  # fmt: skip
    return row | {"root": row["root"] if row["root"] is not None else row["underlying"]}


def frame_of(rows) -> pl.DataFrame:
    schema = {
        "underlying": pl.String, "as_of": pl.Datetime("us", "UTC"), "spot": pl.Float64, "root": pl.String,
        "expiry": pl.Date, "right": pl.String, "strike": pl.Float64, "bid": pl.Float64, "ask": pl.Float64,
        "iv": pl.Float64, "open_interest": pl.Int64, "volume": pl.Int64, "multiplier": pl.Float64,
    }  # fmt: skip
    extra = {"settlement": pl.String} if rows and "settlement" in rows[0] else {}
    return pl.DataFrame(rows, schema=schema | extra)


def parquet(frame: pl.DataFrame, *, texts=pl.Categorical, group=1_000) -> bytes:
    buffer = io.BytesIO()
    coded = frame.with_columns(pl.col(pl.String).cast(texts))
    coded.write_parquet(buffer, row_group_size=group)
    return buffer.getvalue()


def listing(*names: str, expiries=(date(2024, 6, 21), date(2024, 7, 19)), strikes=(95.0, 100.0, 105.0), **changes):
    """Whole chains in a vendor's order."""
    return [
        contract(underlying=name, expiry=expiry, strike=strike, right=right, **changes)
        for name in names
        for expiry in expiries
        for strike in strikes
        for right in "CP"
    ]


def sorted_rows(chain_book):
    """(n, columns) everything a book says of its contracts, in one order."""
    table = np.stack([
        *(np.asarray(getattr(chain_book, name), dtype=np.float64) for name in COLUMNS),
        np.repeat(chain_book.expiry.astype(np.int64), np.diff(chain_book.series_start)).astype(np.float64),
        np.repeat(chain_book.settles_at.astype(np.int64), np.diff(chain_book.series_start)).astype(np.float64),
        np.repeat(np.array([hash(r) for r in chain_book.series_root]) % 1e9, np.diff(chain_book.series_start)),
    ])  # fmt: skip
    return table[:, np.lexsort(table)]


# whole files


@pytest.mark.parametrize("texts", [pl.Categorical, pl.String])
@pytest.mark.parametrize("group", [1, 5, 12, 30, 1_000])
@pytest.mark.parametrize("size", [1, 7, 12, 24, 1_000])
def test_underlyings_stay_whole_whatever_a_batch_or_a_row_group_holds(written, texts, group, size):
    path = written(parquet(frame_of(listing("AAA", "BBB", "CCC")), texts=texts, group=group))
    books = list(read_books(path, contracts_a_book=size))
    assert [name for book in books for name in book.underlying] == ["AAA", "BBB", "CCC"]
    assert sum(len(book) for book in books) == 36
    assert all((np.diff(book.contract_start) == 12).all() for book in books)


def test_both_roots_of_an_index_are_sorted_by_settlement_and_nothing_else_moves(written):
    strikes = (5_000.0, 5_100.0)
    rows = [r | {"spot": 5_050.0} for root in ("SPX", "SPXW") for r in listing("SPX", strikes=strikes, root=root)]
    rows = [*listing("AAA"), *rows, *listing("TTT")]
    (book,) = read_books(written(parquet(frame_of(rows))))
    at = slice(int(book.underlying_start[1]), int(book.underlying_start[2]))
    assert book.series_root[at].tolist() == ["SPX", "SPXW", "SPX", "SPXW"]
    assert book.settles_at[at].astype(str).tolist() == [
        "2024-06-21T13:30:00", "2024-06-21T20:00:00", "2024-07-19T13:30:00", "2024-07-19T20:00:00",
    ]  # fmt: skip
    assert book.root_names == ("AAA", "SPX", "SPXW", "TTT")


def test_two_moments_of_one_underlying_are_two_entries(written):
    later = datetime(2024, 6, 3, 19, 45, tzinfo=UTC)
    (book,) = read_books(written(parquet(frame_of([*listing("AAA"), *listing("AAA", as_of=later)]))))
    assert book.underlying == ("AAA", "AAA")
    assert book.as_of.astype(str).tolist() == ["2024-06-03T19:30:00", "2024-06-03T19:45:00"]


def test_a_folder_is_its_files_one_after_the_other(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.parquet").write_bytes(parquet(frame_of(listing(name.upper()))))
    (tmp_path / "notes.txt").write_text("not one of them")
    assert [book.underlying for book in read_books(tmp_path)] == [("A",), ("B",)]
    assert contracts_in(tmp_path) == 24


def test_without_roots_the_underlying_is_the_root_and_repetitions_stay(written):
    rows = [*listing("SPX", spot=100.0), contract(underlying="SPX", open_interest=99)]
    (book,) = read_books(written(parquet(frame_of(rows).drop("root"))))
    assert (book.root_names, len(book), book.refused) == (("SPX",), 13, {})
    assert book.settles_at[0] == np.datetime64("2024-06-21T13:30:00")


def test_text_moments_and_dates_read_like_real_ones(written):
    real = frame_of(listing("AAA", "BBB"))
    text = real.with_columns(as_of=pl.lit("2024-06-03T15:30:00-04:00"), expiry=pl.col("expiry").cast(pl.String))
    (one,), (other,) = (list(read_books(written(parquet(frame)))) for frame in (real, text))
    np.testing.assert_array_equal(sorted_rows(one), sorted_rows(other))
    np.testing.assert_array_equal(one.as_of, other.as_of)


# every row accounted for

ROW = st.fixed_dictionaries({}, optional={
    "right": st.sampled_from(["C", "put", "x", None]),
    "strike": st.sampled_from([95.0, 100.0, 100.0, 105.0, -5.0, 0.0, 1e9, None]),
    "expiry": st.sampled_from([date(2024, 6, 21), date(2024, 6, 3), date(2024, 5, 31), date(2050, 1, 1), None]),
    "multiplier": st.sampled_from([100.0, 10.0, 0.0, None]),
    "root": st.sampled_from(["SPX", "SPXW", "spxw ", ""]),
    "settlement": st.sampled_from(["am", "PM", None, "noon"]),
    "bid": st.sampled_from([-1.0, 1e9, None, 2.5]),
    "iv": st.sampled_from([0.0, -999.0, 1e-5, 0.3, None]),
    "open_interest": st.sampled_from([-1, 10**12, None]),
})  # fmt: skip


@given(
    markets=st.lists(st.lists(ROW, min_size=1, max_size=12), min_size=1, max_size=4),
    size=st.integers(1, 20),
    group=st.integers(1, 20),
    keyed=st.booleans(),
)
def test_every_underlying_reads_as_it_does_alone(written, markets, size, group, keyed):
    rows = [
        contract(underlying=f"U{k}", spot=100.0 + k, **({"settlement": None} | changes))
        for k, market in enumerate(markets)
        for changes in market
    ]
    frame = frame_of(rows) if keyed else frame_of(rows).drop("root")
    path = written(parquet(frame, group=group))
    found = {}
    for book in read_books(path, contracts_a_book=size):
        for at, name in enumerate(book.underlying):
            found[name] = (book, at)
    assert list(found) == [f"U{k}" for k in range(len(markets))]
    for name, (book, at) in found.items():
        counts = {reason: int(count[at]) for reason, count in book.refused.items() if count[at]}
        held = int(np.diff(book.contract_start)[at])
        assert held + sum(counts.values()) == book.contracts_read[at]
        if held == 0:
            with pytest.raises(InputError, match="none of the") as caught:
                read_chain(path, underlying=name)
            assert all(f"{count} {reason}" in str(caught.value) for reason, count in counts.items())
            continue
        alone = read_chain(path, underlying=name)
        assert (alone.spot, alone.contracts_read, alone.refused) == (book.spot[at], book.contracts_read[at], counts)
        series = slice(int(book.underlying_start[at]), int(book.underlying_start[at + 1]))
        start = book.series_start[series.start : series.stop + 1]
        expected = book_of(alone)
        np.testing.assert_array_equal(book.settles_at[series], expected.settles_at)
        np.testing.assert_array_equal(book.series_root[series], expected.series_root)
        np.testing.assert_array_equal(start - start[0], expected.series_start)
        for column in ("strike", "is_call"):
            np.testing.assert_array_equal(getattr(book, column)[start[0] : start[-1]], getattr(expected, column))
        if keyed:
            for column in COLUMNS:
                np.testing.assert_array_equal(getattr(book, column)[start[0] : start[-1]], getattr(expected, column))


@given(order=st.permutations(range(12)))
def test_the_order_of_an_underlying_s_rows_does_not_matter(written, order):
    rows = listing("AAA")
    (one,) = read_books(written(parquet(frame_of([rows[i] for i in order]))))
    (other,) = read_books(written(parquet(frame_of(rows))))
    np.testing.assert_array_equal(one.series_start, other.series_start)
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"spot": None}, "bad_spot"),
        ({"spot": -1.0}, "bad_spot"),
        ({"spot": 1e300}, "bad_spot"),
        ({"as_of": None}, "bad_as_of"),
        ({"as_of": datetime(1980, 1, 1, tzinfo=UTC)}, "bad_as_of"),
    ],
)
def test_an_underlying_without_spot_or_moment_is_left_out_by_name_and_the_others_stay(written, changes, reason):
    rows = [*listing("AAA"), *listing("BBB", **changes), *listing("CCC")]
    books = read_books(written(parquet(frame_of(rows))))
    assert [name for book in books for name in book.underlying] == ["AAA", "CCC"]
    assert books.left_out == [LeftOut("BBB", 12, reason)]


def test_two_spots_of_one_underlying_leave_it_out(written):
    rows = [*listing("AAA"), *listing("BBB", spot=100.0)[:6], *listing("BBB", spot=101.0)[6:], *listing("CCC")]
    books = read_books(written(parquet(frame_of(rows))))
    assert [name for book in books for name in book.underlying] == ["AAA", "CCC"]
    assert books.left_out == [LeftOut("BBB", 12, "bad_spot")]


def test_a_file_of_which_no_underlying_is_sound_gives_no_book(written):
    books = read_books(written(parquet(frame_of(listing("AAA", spot=-1.0)))))
    assert list(books) == []
    assert len(books.left_out) == 1


# what is refused as a whole


@pytest.mark.parametrize(
    ("frame", "field", "words"),
    [
        (frame_of([*listing("AAA"), *listing("BBB"), *listing("AAA")]), "underlying", "do not stand together"),
        (frame_of(listing("AAA", iv=25.0)), "iv", "volatility is a fraction"),
        (frame_of(listing("AAA")).drop("multiplier"), "multiplier", "column is missing"),
        (frame_of(listing("AAA")).rename({"iv": "vol"}), "vol", "unknown column"),
        (frame_of(listing("AAA")).with_columns(pl.col("bid").cast(pl.String)), "bid", "where numbers belong"),
        (frame_of(listing("AAA")).with_columns(underlying=pl.lit(5)), "underlying", "where text belong"),
        (frame_of(listing("AAA")).with_columns(pl.col("as_of").dt.replace_time_zone(None)), "as_of", "no time zone"),
    ],
)
def test_a_file_that_lies_as_a_whole_is_refused(written, frame, field, words):
    with pytest.raises(InputError, match=words) as caught:
        list(read_books(written(parquet(frame))))
    assert caught.value.field == field
    demand_one_line(caught.value)


def test_rows_that_do_not_stand_together_are_named_by_their_place(written):
    rows = [*listing("AAA"), *listing("BBB"), *listing("AAA")]
    for size in (3, 1_000):
        with pytest.raises(InputError) as caught:
            list(read_books(written(parquet(frame_of(rows))), contracts_a_book=size))
        assert caught.value.row == 25


@pytest.mark.parametrize("threads", [True, False])
def test_reading_ahead_changes_nothing_and_may_be_left_halfway(written, threads):
    path = written(parquet(frame_of(listing("AAA", "BBB", "CCC")), group=12))
    books = read_books(path, contracts_a_book=12, threads=threads)
    assert next(books).underlying == ("AAA",)
    del books
    names = [name for book in read_books(path, contracts_a_book=12, threads=threads) for name in book.underlying]
    assert names == ["AAA", "BBB", "CCC"]


def test_an_empty_table_gives_no_book(written):
    assert list(read_books(written(parquet(frame_of([]))))) == []


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_books(tmp_path / "absent.parquet")
    with pytest.raises(InputError, match="no Parquet files"):
        read_books(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputError, match="damaged"):
        contracts_in(tmp_path)
    with pytest.raises(InputError, match="damaged or cut Parquet"):
        list(read_books(tmp_path))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("chain.json", b'{"data": {}}'),
        ("chain.csv", b"Strike,Bid\n"),
        ("other.parquet", None),
    ],
)
def test_a_file_of_another_layout_is_told_the_layout_and_where_it_can_go(tmp_path, name, content):
    file = tmp_path / name
    if content is None:
        pl.DataFrame({"Strike": [1.0]}).write_parquet(file)
    else:
        file.write_bytes(content)
    for path in (file, tmp_path):
        with pytest.raises(InputError) as caught:
            contracts_in(path)
        for words in ("underlying, as_of, spot", "lightning gex", "lightning history build"):
            assert words in str(caught.value)


def test_only_parquet_with_the_columns_of_a_chain_is_taken_for_a_market(tmp_path):
    market, other, text = tmp_path / "m.parquet", tmp_path / "o.parquet", tmp_path / "t.csv"
    market.write_bytes(parquet(frame_of(listing("AAA"))))
    other.write_bytes(parquet(pl.DataFrame({"a": ["x"]})))
    text.write_text("underlying,as_of\n")
    assert [is_chain_parquet(path, path.read_bytes()) for path in (market, other, text)] == [True, False, False]


MARKET = parquet(frame_of(listing("AAA", "BBB")))


@given(data=st.data(), size=st.integers(1, 30))
def test_mangled_parquet_gives_sound_books_or_an_input_error_and_nothing_else(written, data, size):
    path = written(data.draw(mangled(MARKET, keep=4)))
    try:
        books = list(read_books(path, contracts_a_book=size))
    except InputError as error:
        demand_one_line(error)
        return
    for book in books:
        assert (book.strike > 0).all()
        assert (book.spot > 0).all()


@pytest.mark.parametrize("path", ["a" * 5_000, "a\0b", "\ud800", None, 3])
def test_what_names_no_file_is_refused(path):
    for read in (read_books, contracts_in):
        with pytest.raises(InputError) as caught:
            read(path)
        demand_one_line(caught.value)
