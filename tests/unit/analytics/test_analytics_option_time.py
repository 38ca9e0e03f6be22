"""Option time on both clocks."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from lightning_gex.analytics.option_time import TimeClock, time_to_expiry_years
from lightning_gex.core.errors import InputError


def moments(*texts):
    return np.array(texts, dtype="datetime64[s]")


def test_one_hour_left_is_one_hour_and_not_a_day():
    years = time_to_expiry_years(datetime(2024, 6, 3, 19, 0, tzinfo=UTC), moments("2024-06-03T20:00:00"))
    assert years[0] == pytest.approx(1 / 8760, rel=1e-15)


def test_moments_behind_are_negative_on_both_clocks():
    now = datetime(2024, 6, 3, 19, 0, tzinfo=UTC)
    for clock in TimeClock:
        assert time_to_expiry_years(now, moments("2024-06-03T18:00:00"), clock)[0] < 0


def test_a_weekend_takes_no_trading_time():
    # Friday 2024-05-31 20:00 UTC is the close; Monday's close is one session later, three calendar days.
    now, close = datetime(2024, 5, 31, 20, 0, tzinfo=UTC), moments("2024-06-03T20:00:00")
    assert time_to_expiry_years(now, close, TimeClock.TRADING)[0] == pytest.approx(1 / 252, rel=1e-14)
    assert time_to_expiry_years(now, close)[0] == pytest.approx(3 / 365, rel=1e-14)


def test_a_half_day_counts_the_minutes_it_has():
    # 2024-07-03 closed at 13:00 New York: 210 minutes.
    now = datetime(2024, 7, 2, 20, 0, tzinfo=UTC)
    years = time_to_expiry_years(now, moments("2024-07-03T17:00:00"), TimeClock.TRADING)
    assert years[0] == pytest.approx(210 / 390 / 252, rel=1e-14)


def test_a_morning_settlement_after_the_close_has_no_trading_time_left():
    now = datetime(2024, 6, 20, 20, 0, tzinfo=UTC)
    assert time_to_expiry_years(now, moments("2024-06-21T13:30:00"), TimeClock.TRADING)[0] == 0.0


def test_each_moment_is_counted_by_itself():
    now = datetime(2024, 6, 3, 15, 0, tzinfo=UTC)
    many = moments("2024-09-20T20:00:00", "2024-06-03T20:00:00", "2024-09-20T20:00:00")
    years = time_to_expiry_years(now, many, TimeClock.TRADING)
    np.testing.assert_array_equal(years[[0, 2]], years[2])
    assert years[1] == pytest.approx(300 / 390 / 252, rel=1e-14)
    assert time_to_expiry_years(now, many[:0], TimeClock.TRADING).shape == (0,)


def test_a_naive_moment_is_refused():
    with pytest.raises(InputError, match="time zone"):
        time_to_expiry_years(datetime(2024, 6, 3, 15, 0), moments("2024-06-03T20:00:00"))  # noqa: DTZ001
