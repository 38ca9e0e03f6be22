"""When saved quotes were true. Expected moments are written out by hand from the exchange's published hours."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.market_data.quote_time import checked_moment, quoted_session, quotes_as_of
from lightning_gex.core.errors import InputError

FIRST, LAST = datetime(1995, 1, 1), datetime(2039, 12, 1)  # noqa: DTZ001 - hypothesis adds the zone


@pytest.mark.parametrize(
    ("saved", "true"),
    [
        pytest.param("2024-06-03T14:30:00-04:00", "2024-06-03T14:30:00-04:00", id="in the session"),
        pytest.param("2024-06-03T16:15:00-04:00", "2024-06-03T16:00:00-04:00", id="after the close"),
        pytest.param("2024-06-03T23:00:00-04:00", "2024-06-03T16:00:00-04:00", id="at night"),
        pytest.param("2024-06-04T08:00:00-04:00", "2024-06-03T16:00:00-04:00", id="before the open"),
        pytest.param("2024-06-08T12:00:00-04:00", "2024-06-07T16:00:00-04:00", id="on a Saturday"),
        pytest.param("2024-05-27T12:00:00-04:00", "2024-05-24T16:00:00-04:00", id="on Memorial Day"),
        pytest.param("2024-07-03T14:00:00-04:00", "2024-07-03T13:00:00-04:00", id="after a half-day's close"),
        pytest.param("2024-11-29T12:00:00-05:00", "2024-11-29T12:00:00-05:00", id="in a half-day"),
        pytest.param("2024-03-11T09:31:00-04:00", "2024-03-11T09:31:00-04:00", id="first minute of summer time"),
        pytest.param("2024-03-11T09:29:00-04:00", "2024-03-08T16:00:00-05:00", id="before it: winter's close"),
    ],
)
def test_quotes_stop_at_the_close_of_the_last_session_that_opened(saved, true):
    assert quotes_as_of(datetime.fromisoformat(saved)) == datetime.fromisoformat(true)


@given(st.datetimes(FIRST, LAST, timezones=st.just(UTC)))
def test_quotes_are_never_newer_than_the_file_and_saving_again_at_that_moment_changes_nothing(saved):
    true = quotes_as_of(saved)
    assert true <= saved
    assert quotes_as_of(true) == true
    assert quoted_session(true) == quoted_session(saved)


@pytest.mark.parametrize("year", [1890, 1990, 2041, 9000])
def test_a_year_outside_the_calendar_is_refused(year):
    with pytest.raises(InputError, match="outside the years 1991 to 2040") as caught:
        checked_moment(datetime(year, 6, 1, tzinfo=UTC), source="f", field="as_of", row=3)
    assert caught.value.row == 3
