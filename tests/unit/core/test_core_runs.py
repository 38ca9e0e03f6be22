"""Runs of equal neighbours, and columns as codes: numpy's own unique is the witness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.runs import coded, run_starts

COLUMNS = st.one_of(
    st.lists(st.integers(-3, 3), max_size=40).map(lambda v: np.array(v, dtype=np.int64)),
    st.lists(st.sampled_from(["SPX", "SPXW", "", "É"]), max_size=40).map(lambda v: np.array(v, dtype=np.str_)),
    st.lists(st.sampled_from(["2024-06-21", "2024-06-28", "NaT"]), max_size=40).map(
        lambda v: np.array(v, dtype="datetime64[D]")
    ),
)


@given(COLUMNS)
def test_codes_are_those_of_a_sort_of_every_row(values):
    names, code = coded(values)
    expected, inverse = np.unique(values, return_inverse=True)
    np.testing.assert_array_equal(names, expected)
    np.testing.assert_array_equal(code, inverse)
    np.testing.assert_array_equal(names[code], values)


@given(COLUMNS)
def test_a_run_begins_where_a_value_differs_from_the_one_before(values):
    expected = [i for i in range(len(values)) if i == 0 or values[i] != values[i - 1]]
    assert run_starts(values).tolist() == expected


@pytest.mark.parametrize("values", [np.array([np.nan, np.nan]), np.array(["NaT", "NaT"], dtype="datetime64[s]")])
def test_what_equals_nothing_is_a_run_of_its_own(values):
    assert run_starts(values).tolist() == [0, 1]
