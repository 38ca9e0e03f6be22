"""Dated series: alignment never looks ahead and never serves what is stale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.errors import InputError
from lightning_gex.core.series import DatedSeries

DAYS = np.array(["2024-03-01", "2024-03-04", "2024-03-08"], dtype="datetime64[D]")


def series(**columns) -> DatedSeries:
    return DatedSeries(DAYS, columns or {"x": np.array([1.0, np.nan, 3.0])}, "a file")


offsets = st.lists(st.integers(0, 40), min_size=1, max_size=8, unique=True).map(sorted)


def test_a_value_serves_from_its_day_until_it_is_too_old():
    asked = np.arange("2024-02-29", "2024-03-14", dtype="datetime64[D]")
    found = series(x=np.array([1.0, 2.0, 3.0])).aligned("x", asked, max_age_days=2)
    nan = np.nan
    np.testing.assert_array_equal(found, [nan, 1, 1, 1, 2, 2, 2, nan, 3, 3, 3, nan, nan, nan])


def test_an_absent_value_stays_absent_and_is_not_replaced_by_an_older_one():
    found = series().aligned("x", DAYS, max_age_days=30)
    np.testing.assert_array_equal(found, [1.0, np.nan, 3.0])


@given(days=offsets, asked=offsets, age=st.integers(0, 10), seed=st.integers(0, 1_000))
def test_alignment_agrees_with_looking_it_up_one_by_one(days, asked, age, seed):
    origin = np.datetime64("2024-01-01")
    known = origin + np.array(days)
    values = np.random.default_rng(seed).normal(size=len(days))
    wanted = origin + np.array(asked)
    found = DatedSeries(known, {"x": values}, "s").aligned("x", wanted, max_age_days=age)
    for when, value in zip(asked, found, strict=True):
        before = [(d, v) for d, v in zip(days, values, strict=True) if d <= when]
        expected = before[-1][1] if before and when - before[-1][0] <= age else np.nan
        np.testing.assert_equal(value, expected)


@given(days=offsets, cut=st.integers(1, 8))
def test_rows_that_come_later_change_no_earlier_value(days, cut):
    known = np.datetime64("2024-01-01") + np.array(days)
    values = np.arange(len(days), dtype=float)
    whole = DatedSeries(known, {"x": values}, "s").aligned("x", known, max_age_days=5)
    part = DatedSeries(known[:cut], {"x": values[:cut]}, "s").aligned("x", known[:cut], max_age_days=5)
    np.testing.assert_array_equal(part, whole[:cut])


@pytest.mark.parametrize(
    ("texts", "words"),
    [(("2024-03-04", "2024-03-04"), "duplicate"), (("2024-03-04", "2024-03-01"), "sort by date")],
)
def test_dates_out_of_order_are_refused_by_row(texts, words):
    with pytest.raises(InputError, match=words) as caught:
        DatedSeries(np.array(texts, dtype="datetime64[D]"), {"x": np.zeros(2)}, "a file")
    assert (caught.value.source, caught.value.row, caught.value.field) == ("a file", 1, "date")


def test_a_column_of_another_length_is_refused():
    with pytest.raises(InputError, match="one value a session"):
        series(x=np.zeros(2))
