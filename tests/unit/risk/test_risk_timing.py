"""What lies ahead of a decision: dated events and the monthly expiry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.event_calendar import EventCalendar, MarketEvent
from lightning_gex.core.sessions import is_session, sessions_between
from lightning_gex.risk.timing import ahead_of, next_monthly_expiry, sessions_ahead


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


@pytest.mark.parametrize(
    ("session", "expiry"),  # Cboe's expiration calendars of these years
    [
        ("2021-01-04", "2021-01-15"),
        ("2021-01-15", "2021-02-19"),
        ("2021-12-16", "2021-12-17"),
        ("2021-12-17", "2022-01-21"),
        ("2022-04-01", "2022-04-14"),  # Good Friday is the third Friday
        ("2027-06-01", "2027-06-17"),  # Juneteenth observed on the third Friday
    ],
)
def test_monthly_options_expire_on_the_third_friday_or_the_session_before(session, expiry):
    assert next_monthly_expiry(day(session)) == day(expiry)


@given(st.integers(0, 6_000))
def test_the_next_monthly_expiry_is_a_later_session_within_seven_weeks(offset):
    session = day("2010-01-04") + np.timedelta64(offset, "D")
    expiry = next_monthly_expiry(session)
    assert is_session(np.array([expiry]))[0]
    assert 0 < (expiry - session).astype(int) <= 35


def test_sessions_ahead_are_counted_by_the_exchange():
    assert sessions_ahead(day("2021-12-31"), day("2022-01-03")) == 1  # over a weekend
    assert sessions_ahead(day("2021-12-23"), day("2021-12-28")) == 2  # the 24th was closed
    assert sessions_ahead(day("2021-12-23"), day("2021-12-25")) == 1  # a Saturday is answered on Monday


@given(st.integers(0, 2_000), st.integers(1, 60))
def test_sessions_ahead_of_a_session_are_those_after_the_present_one(offset, later):
    sessions = sessions_between(day("2012-01-03"), day("2021-12-31"))
    now = offset % (len(sessions) - later)
    assert sessions_ahead(sessions[now], sessions[now + later]) == later


def test_the_next_event_of_the_ticker_or_of_the_market_counts():
    calendar = EventCalendar(
        [
            MarketEvent(day("2021-02-02"), "earnings", "AMZN"),
            MarketEvent(day("2021-01-27"), "FOMC"),
            MarketEvent(day("2021-01-28"), "earnings", "AAPL"),
        ]
    )
    assert ahead_of("AAPL", day("2021-01-26"), calendar).event == "FOMC on 2021-01-27"
    apple = ahead_of("AAPL", day("2021-01-27"), calendar)
    assert (apple.event, apple.sessions_to_event) == ("earnings on 2021-01-28", 1)
    assert ahead_of("MSFT", day("2021-01-27"), calendar).event is None
    assert ahead_of("MSFT", day("2021-01-27"), None).sessions_to_expiry == 16
