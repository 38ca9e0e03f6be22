"""Bars cannot hold nonsense."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError

COLUMNS = {
    "session": np.array(["2024-03-01", "2024-03-04", "2024-03-05"], dtype="datetime64[D]"),
    "open": np.array([10.0, 10.5, 11.0]),
    "high": np.array([11.0, 11.5, 12.0]),
    "low": np.array([9.0, 10.0, 10.5]),
    "close": np.array([10.5, 11.0, 11.5]),
    "volume": np.array([100.0, np.nan, 0.0]),
}


def bars(**changes) -> Bars:
    return Bars("TEST", **(COLUMNS | changes), source="a file")


def changed(name: str, value: float, at: int = 1):
    values = COLUMNS[name].copy()
    values[at] = value
    return {name: values}


def test_sound_bars_keep_what_they_were_given():
    made = bars()
    assert len(made) == 3
    assert made.close.tolist() == [10.5, 11.0, 11.5]


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        (changed("close", np.nan), "close", "not a number"),
        (changed("open", np.inf), "open", "not a number"),
        (changed("low", 0.0), "low", "not positive"),
        (changed("low", -1.0), "low", "not positive"),
        (changed("high", 9.5), "high", "below low"),
        (changed("open", 12.0), "open", "outside low..high"),
        (changed("close", 9.0), "close", "outside low..high"),
        (changed("volume", -1.0), "volume", "negative"),
        (changed("volume", np.inf), "volume", "infinite"),
        ({"session": np.array(["2024-03-01", "2024-03-01", "2024-03-05"], "datetime64[D]")}, "date", "duplicate"),
        ({"session": np.array(["2024-03-04", "2024-03-01", "2024-03-05"], "datetime64[D]")}, "date", "sort by date"),
    ],
)
def test_the_first_row_that_cannot_be_is_named(changes, field, words):
    with pytest.raises(InputError, match=words) as caught:
        bars(**changes)
    assert (caught.value.source, caught.value.row, caught.value.field) == ("a file", 1, field)


def test_a_column_of_another_length_and_no_rows_at_all_are_refused():
    with pytest.raises(InputError, match="one value a session"):
        bars(volume=np.array([1.0]))
    with pytest.raises(InputError, match="no bars for TEST"):
        bars(**{name: values[:0] for name, values in COLUMNS.items()})


@given(st.integers(1, 3))
def test_the_first_bars_are_the_oldest_unchanged(count):
    part = bars().first(count)
    for name, values in COLUMNS.items():
        np.testing.assert_array_equal(getattr(part, name), values[:count])
    assert (part.ticker, part.source) == ("TEST", "a file")


def test_a_span_holds_both_its_ends_and_an_open_side_everything():
    start, end = np.datetime64("2024-03-02"), np.datetime64("2024-03-05")
    assert bars().between(start, end).session.tolist() == COLUMNS["session"][1:].tolist()
    assert len(bars().between(None, None)) == 3
    assert len(bars().between(None, np.datetime64("2024-03-01"))) == 1
    with pytest.raises(InputError, match="no bars"):
        bars().between(np.datetime64("2025-01-01"), None)
