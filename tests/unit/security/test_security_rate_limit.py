"""Rate limits fail closed."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.security.rate_limit import SlidingWindow

NOW = datetime(2024, 3, 1, 14, 30, tzinfo=UTC)
TEN_A_MINUTE = SlidingWindow(10, 60)


def _ago(*seconds: float) -> list[datetime]:
    return [NOW - timedelta(seconds=s) for s in seconds]


def test_the_eleventh_act_of_a_minute_waits_until_the_first_is_a_minute_old() -> None:
    times = _ago(*range(50, 60))
    assert TEN_A_MINUTE.allowed(times[:9], NOW)
    assert not TEN_A_MINUTE.allowed(times, NOW)
    assert not TEN_A_MINUTE.allowed(times, NOW + timedelta(seconds=0.999_999))
    assert TEN_A_MINUTE.allowed(times, NOW + timedelta(seconds=1))


@given(limit=st.integers(0, 5), gaps=st.lists(st.integers(0, 30), max_size=40))
def test_no_window_ever_holds_more_than_the_limit(limit: int, gaps: list[int]) -> None:
    window = SlidingWindow(limit, 60)
    now, done = NOW, list[datetime]()
    for gap in gaps:
        now += timedelta(seconds=gap)
        if window.allowed(done, now):
            done.append(now)
    for start in done:
        assert sum(start <= time < start + timedelta(seconds=60) for time in done) <= limit


@given(st.lists(st.floats(-100, 100), max_size=15), st.randoms())
def test_the_order_of_the_times_does_not_matter(ages: list[float], random: object) -> None:
    times = _ago(*ages)
    assert TEN_A_MINUTE.recent(times, NOW) == TEN_A_MINUTE.recent(sorted(times), NOW)
    assert TEN_A_MINUTE.recent(times, NOW) == sum(age < 60 for age in ages)


def test_a_clock_that_went_back_buys_nothing() -> None:
    assert not TEN_A_MINUTE.allowed(_ago(*[-3600] * 10), NOW)


def test_a_limit_of_zero_allows_nothing() -> None:
    assert not SlidingWindow(0, 60).allowed([], NOW)


def test_a_naive_time_is_an_error_and_never_a_yes() -> None:
    for times, now in (([], NOW.replace(tzinfo=None)), ([NOW.replace(tzinfo=None)], NOW)):
        with pytest.raises(InputError, match="time zone"):
            TEN_A_MINUTE.allowed(times, now)


@pytest.mark.parametrize("limit", [-1, 1.5, True, math.nan, None])
def test_a_limit_that_is_no_count_is_refused(limit: int) -> None:
    with pytest.raises(SettingsError):
        SlidingWindow(limit, 60)


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 1e300, None])
def test_a_window_that_is_no_length_is_refused(seconds: float) -> None:
    with pytest.raises(SettingsError):
        SlidingWindow(10, seconds)
