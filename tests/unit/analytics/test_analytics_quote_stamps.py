"""What a moment means to options: its session, the open interest's, and when a whole session has passed."""

from __future__ import annotations

import numpy as np
import pytest

from lightning_gex.analytics.quote_stamps import quote_stamps
from lightning_gex.core.errors import InputError

HOUR = 1 / (365 * 24)


def stamps(*moments):
    return quote_stamps(np.array(moments, dtype="datetime64[s]"), "made by tests")


@pytest.mark.parametrize(
    ("moment", "session", "before"),
    [
        ("2024-06-03T18:00", "2024-06-03", "2024-05-31"),  # Monday afternoon
        ("2024-06-01T18:00", "2024-05-31", "2024-05-30"),  # Saturday
        ("2024-06-04T03:00", "2024-06-03", "2024-05-31"),  # Monday 23:00 in New York
        ("2024-07-05T14:00", "2024-07-05", "2024-07-03"),  # after a holiday
    ],
)
def test_quotes_belong_to_the_day_in_new_york_or_the_last_session_before_it(moment, session, before):
    found = stamps(moment)
    assert found.session[0] == np.datetime64(session)
    assert found.open_interest_session[0] == np.datetime64(before)


def test_the_day_ends_at_midnight_in_new_york_in_summer_and_in_winter():
    found = stamps("2024-06-03T18:00", "2024-01-03T18:00")
    assert found.day_end.astype(str).tolist() == ["2024-06-04T04:00:00", "2024-01-04T05:00:00"]


@pytest.mark.parametrize(
    ("moment", "hours"),
    [
        ("2024-06-03T13:30", 6.5),  # the open of a whole session
        ("2024-06-03T18:00", 24.0),  # 14:00: two hours left today, four and a half tomorrow
        ("2024-05-31T20:00", 72.0),  # Friday's close: Monday's
        ("2024-07-02T20:00", 68.5),  # a half-day, a holiday, then three more hours on Friday
    ],
)
def test_a_session_has_passed_when_390_minutes_were_traded(moment, hours):
    assert stamps(moment).session_years[0] == pytest.approx(hours * HOUR)


def test_each_distinct_moment_is_looked_at_once_and_put_everywhere():
    found = stamps("2024-06-03T18:00", "2024-06-01T18:00", "2024-06-03T18:00")
    assert found.session.astype(str).tolist() == ["2024-06-03", "2024-05-31", "2024-06-03"]
    assert len(stamps().session) == 0


@pytest.mark.parametrize("moment", ["1980-01-02T15:00", "2055-01-04T15:00"])
def test_a_moment_outside_the_calendar_is_named(moment):
    with pytest.raises(InputError, match="outside the exchange's calendar"):
        stamps(moment)
