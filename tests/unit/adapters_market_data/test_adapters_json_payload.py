"""Values of a JSON field as a column of numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.market_data.content import Content
from lightning_gex.adapters.market_data.json_payload import loaded, number, number_column
from lightning_gex.core.errors import InputError

VALUES = st.one_of(
    st.none(), st.floats(allow_nan=False), st.integers(-(10**400), 10**400), st.booleans(), st.text(max_size=3),
    st.lists(st.integers(), max_size=2), st.just("NaN"),
)  # fmt: skip


@given(st.lists(VALUES, max_size=30))
def test_a_column_is_its_values_one_by_one(values):
    numbers, unreadable = number_column(values, frozenset({"NaN"}))
    for value, found, bad in zip(values, numbers.tolist(), unreadable.tolist(), strict=True):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is None or value == "NaN":
            assert (math.isnan(found), bad) == (True, False)
        elif is_number and abs(value) < 1e300:
            assert (found, bad) == (float(value), False)
        elif not is_number:
            assert (math.isnan(found), bad) == (True, True)
        else:
            assert math.isnan(found) is bad


def test_an_integer_beyond_the_range_of_numbers_is_none():
    numbers, unreadable = number_column([1, 10**400])
    np.testing.assert_array_equal(numbers, [1.0, np.nan])
    assert unreadable.tolist() == [False, True]


@pytest.mark.parametrize(("value", "expected"), [(5, 5.0), (2.5, 2.5)])
def test_one_number_is_itself(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize("value", [None, "5", True, float("inf"), float("nan"), 10**400, [], {}])
def test_what_is_no_finite_number_is_nan(value):
    assert math.isnan(number(value))


@pytest.mark.parametrize(
    ("text", "words"), [('{"a": [1, 2}', "cut JSON"), ("[" * 100_000, "JSON"), ("9" * 5_000, "no usable JSON")]
)
def test_damaged_json_is_named(text, words):
    with pytest.raises(InputError, match=words):
        loaded(Content("x", text.encode()))
