"""Option chains from files: which format a file is of, and what no bytes whatever may do."""

from __future__ import annotations

import gzip
import io

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangling import (
    CBOE_TABLE,
    PAYLOAD,
    QUOTEDATA,
    SCHWAB,
    SOUND,
    TABLE,
    YAHOO,
    assert_sound,
    demand_one_line,
    mangled,
)

from lightning_gex.adapters.market_data.chain_files import FORMATS, read_chain
from lightning_gex.core.errors import InputError, SettingsError


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(("name", "text"), SOUND.items())
def test_a_format_is_recognised_plain_and_packed_and_reads_the_same_when_named(written, name, text):
    by_content = read_chain(written(text))
    by_name = read_chain(written(gzip.compress(text.encode(), mtime=0)), format=name)
    assert by_content.underlying == by_name.underlying == "TEST"
    np.testing.assert_array_equal(by_content.strike, by_name.strike)
    assert [f for f, known in FORMATS.items() if known.recognise(_content(text))] == [name]


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND)
def test_a_mark_before_the_text_and_windows_line_ends_do_not_matter(written, text):
    expected, chain = read_chain(written(text)), read_chain(written("\ufeff" + text.replace("\n", "\r\n")))
    for name in ("root", "strike", "is_call", "bid", "ask", "open_interest", "volume", "settles_at"):
        np.testing.assert_array_equal(getattr(chain, name), getattr(expected, name))


def _content(text: str):
    from lightning_gex.adapters.market_data.content import Content

    return Content("x", text.encode())


def test_an_unknown_format_name_lists_the_known_ones(written):
    with pytest.raises(SettingsError, match="cboe_quotedata, cboe_delayed_quotes, schwab, yahoo, cboe_table, table"):
        read_chain(written(TABLE), format="tos")


@pytest.mark.parametrize("text", ["hello\nworld\n", '{"calls": {}}', "date,close\n2024-03-01,5\n", "[1, 2]"])
def test_a_file_of_no_known_format_says_so(written, text):
    with pytest.raises(InputError, match="no option chain of a known format"):
        read_chain(written(text))


@pytest.mark.parametrize(
    ("name", "text"), [("table", PAYLOAD), ("cboe_quotedata", TABLE), ("cboe_delayed_quotes", QUOTEDATA)]
)
def test_a_wrongly_named_format_is_an_input_error(written, name, text):
    with pytest.raises(InputError):
        read_chain(written(text), format=name)


def test_the_underlying_asked_for_must_be_the_one_in_the_file(written):
    assert read_chain(written(TABLE), underlying="test").underlying == "TEST"
    for text in SOUND.values():
        with pytest.raises(InputError, match="not on SPY"):
            read_chain(written(text), underlying="SPY")


def test_every_format_has_a_sound_example():
    assert set(SOUND) == set(FORMATS)


@given(sound=st.sampled_from([*((text, 0) for text in SOUND.values()), (TABLE, 170), (QUOTEDATA, 400), (PAYLOAD, 40),
                              (SCHWAB, 200), (YAHOO, 180), (CBOE_TABLE, 110)]),
       name=st.sampled_from([None, *FORMATS]), data=st.data())  # fmt: skip
def test_a_mangled_chain_gives_a_sound_chain_or_an_input_error_and_nothing_else(written, sound, name, data):
    text, keep = sound
    try:
        chain = read_chain(written(data.draw(mangled(text.encode(), keep=keep))), format=name)
    except InputError as error:
        demand_one_line(error)
    else:
        assert_sound(chain)


PARQUETS = [
    parquet(pl.read_csv(TABLE.encode())),
    parquet(pl.read_csv(YAHOO.encode()).with_columns(pl.col("contractSymbol").cast(pl.Categorical))),
    parquet(pl.DataFrame({"a": [1]})),
]


@given(sound=st.sampled_from(PARQUETS), data=st.data())
def test_mangled_parquet_gives_a_sound_chain_or_an_input_error_and_nothing_else(written, sound, data):
    try:
        chain = read_chain(written(data.draw(mangled(sound, keep=4))))
    except InputError as error:
        demand_one_line(error)
    else:
        assert_sound(chain)
