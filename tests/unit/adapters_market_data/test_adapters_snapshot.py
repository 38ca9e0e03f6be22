"""One chain out of our own table with many underlyings and moments."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

import polars as pl
import pytest
from mangling import TABLE

from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.core.errors import InputError

HEADER, ROW = TABLE.splitlines()[:2]
NOON, LATE = datetime(2024, 6, 3, 16, tzinfo=UTC), datetime(2024, 6, 3, 19, 30, tzinfo=UTC)


def many() -> str:
    """AAA and ^SPX, each at noon and at 15:30 of one session and at 15:30 of the next."""
    moments = ("2024-06-03T12:00", "2024-06-03T15:30", "2024-06-04T15:30")
    rows = [
        ROW.replace("TEST", name).replace(moments[1], moment).replace(",500,", f",{first + i},")
        for name, first in (("AAA", 100), ("^SPX", 200))
        for i, moment in enumerate(moments)
    ]
    return "\n".join([HEADER, *rows]) + "\n"


def with_instants(text: str) -> bytes:
    frame = pl.read_csv(text.encode()).with_columns(pl.col("as_of").str.to_datetime(time_zone="UTC"))
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("text", [many(), with_instants(many())], ids=["CSV", "Parquet"])
def test_underlying_and_moment_pick_one_chain(written, text):
    path = written(text)
    assert read_chain(path, underlying="aaa", as_of=NOON).open_interest.tolist() == [100.0]
    assert read_chain(path, underlying="SPX", as_of=LATE).open_interest.tolist() == [201.0]
    assert read_chain(path, underlying="_SPX", as_of=date(2024, 6, 4)).open_interest.tolist() == [202.0]


@pytest.mark.parametrize("text", [many(), with_instants(many())], ids=["CSV", "Parquet"])
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "'\\^SPX' where the rows above have 'AAA': one chain a file, or name one with --underlying"),
        ({"underlying": "AAA"}, "2024-06-03T19:30:00\\+00:00 where the rows above have 2024-06-03T16:00:00"),
        ({"underlying": "BBB"}, "holds options on AAA, \\^SPX, not on BBB"),
        ({"underlying": "AAA", "as_of": date(2024, 6, 3)}, "holds 2 snapshots of 2024-06-03: there are 2024-06-03T16"),
        ({"underlying": "AAA", "as_of": date(2024, 6, 5)}, "holds no snapshot of 2024-06-05"),
        ({"underlying": "AAA", "as_of": datetime(2024, 6, 3, 17, tzinfo=UTC)}, "holds no snapshot of 2024-06-03 17:00"),
    ],
)
def test_what_does_not_pick_one_chain_is_answered_with_what_there_is(written, text, asked, words):
    with pytest.raises(InputError, match=words):
        read_chain(written(text), **asked)


def test_texts_of_one_moment_in_two_zones_are_one_moment(written):
    other = ROW.replace("2024-06-03T15:30:00-04:00", "2024-06-03T19:30:00+00:00").replace(",C,", ",P,")
    chain = read_chain(written(f"{HEADER}\n{ROW}\n{other}\n"))
    assert (chain.as_of, len(chain)) == (LATE, 2)


def test_the_only_moment_of_a_table_is_replaced_by_the_one_asked_for(written):
    chain = read_chain(written(TABLE), as_of=NOON)
    assert chain.as_of == NOON
    assert "as asked" in chain.notes[0]
