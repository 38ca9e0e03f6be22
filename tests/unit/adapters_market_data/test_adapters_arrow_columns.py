"""Columns of an Arrow batch by codes: the values that Arrow itself gives are the witness."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.market_data.arrow_columns import (
    NO_DAY,
    NO_MOMENT,
    day_column,
    float_column,
    moment_column,
    text_column,
)
from lightning_gex.core.errors import InputError

MOMENT = datetime(2024, 6, 3, 19, 30, tzinfo=UTC)
MICROS = 1_717_443_000_000_000


def batch(values, kind=None):
    return pa.record_batch({"c": pa.array(values, type=kind)})


TEXTS = ["a", " b ", "", "c", *(f"t{i}" for i in range(80))]


def everything(column):
    return column.at(np.arange(len(column.code)))


@given(
    texts=st.lists(st.one_of(st.none(), st.sampled_from(TEXTS)), min_size=1),
    kind=st.sampled_from([pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]),
)  # fmt: skip
def test_a_text_means_the_same_wherever_it_stands(texts, kind):
    meanings = {}
    column = text_column(batch(texts, kind), "c", "f", lambda text: meanings.setdefault(text, len(meanings)))
    found = everything(column).tolist()
    assert found == [meanings[(text or "").strip()] for text in texts]
    codes = dict(zip(texts, column.code.tolist(), strict=True))
    assert column.code.tolist() == [codes[text] for text in texts]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, None, 3], pa.int64(), [1.0, np.nan, 3.0]),
        ([1, 2, 3], pa.uint8(), [1.0, 2.0, 3.0]),
        ([1.5, None, 2.5], pa.float64(), [1.5, np.nan, 2.5]),
        ([1.5, 2.5], pa.float32(), [1.5, 2.5]),
        ([Decimal("1.25"), None], pa.decimal128(9, 2), [1.25, np.nan]),
        ([None, None], pa.null(), [np.nan, np.nan]),
    ],
)
def test_numbers_of_any_type_are_floats(values, kind, expected):
    found = float_column(batch(values, kind), "c", "f")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([MOMENT, None], pa.timestamp("us", tz="UTC")),
        ([MOMENT, None], pa.timestamp("ns", tz="America/New_York")),
        ([MOMENT, None], pa.timestamp("s", tz="UTC")),
        (["2024-06-03T15:30:00-04:00", "noon"], pa.string()),
        (["2024-06-03T19:30:00+00:00", None], pa.dictionary(pa.int8(), pa.string())),
        (["2024-06-03T19:30:00+00:00", "0001-01-01T00:00:00+14:00"], pa.string()),
    ],
)
def test_moments_are_microseconds_of_utc(values, kind):
    assert everything(moment_column(batch(values, kind), "c", "f")).tolist() == [MICROS, NO_MOMENT]


@pytest.mark.parametrize(
    ("values", "kind"),
    [([datetime(2024, 6, 3)], pa.timestamp("us")), (["2024-06-03T15:30:00"], pa.string())],  # noqa: DTZ001
)
def test_a_moment_without_a_zone_is_refused(values, kind):
    with pytest.raises(InputError, match="no time zone: give one") as caught:
        everything(moment_column(batch(values, kind), "c", "f"))
    assert (caught.value.source, caught.value.field) == ("f", "c")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([date(2024, 6, 21), None], pa.date32()),
        ([date(2024, 6, 21), None], pa.date64()),
        ([datetime(2024, 6, 21), datetime(2024, 6, 21, 9, 30)], pa.timestamp("us")),  # noqa: DTZ001
        ([datetime(2024, 6, 21), None], pa.timestamp("ns")),  # noqa: DTZ001
        (["2024-06-21", "20240621"], pa.string()),
        ([" 2024-06-21", "2024-06-31"], pa.string()),
        (["2024-06-21", None], pa.dictionary(pa.int32(), pa.string())),
    ],
)
def test_days_are_counted_from_1970_and_what_is_no_date_is_none(values, kind):
    day = (date(2024, 6, 21) - date(1970, 1, 1)) // timedelta(days=1)
    assert everything(day_column(batch(values, kind), "c", "f")).tolist() == [day, NO_DAY]


@pytest.mark.parametrize(
    ("read", "values", "kind", "wanted"),
    [
        (float_column, ["1"], pa.string(), "numbers"),
        (float_column, [True], pa.bool_(), "numbers"),
        (moment_column, [5], pa.int64(), "text"),
        (day_column, [5], pa.int64(), "text"),
        (day_column, [datetime(2024, 6, 21, tzinfo=timezone(timedelta(hours=1)))], pa.timestamp("us", "UTC"), "text"),
        (lambda *a: text_column(*a, str), [5.0], pa.float64(), "text"),
    ],
)
def test_a_column_of_another_type_is_refused(read, values, kind, wanted):
    with pytest.raises(InputError, match=f"holds .* where {wanted} belong") as caught:
        read(batch(values, kind), "c", "f")
    assert caught.value.field == "c"


def test_bytes_that_are_no_text_are_refused_by_their_column():
    texts = pa.array([b"AAA", b"\xacTHER"]).view(pa.string())
    with pytest.raises(InputError, match="field 'underlying': holds bytes that are no text"):
        text_column(pa.record_batch({"underlying": texts}), "underlying", "a.parquet", float)
