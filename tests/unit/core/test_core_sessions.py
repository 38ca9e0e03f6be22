"""Sessions, half-days and settlement moments, against dates written down from the exchanges' published calendars.

Sources: NYSE holidays and trading hours; Cboe's expiration calendars (SPX AM, SPXW PM).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import (
    AM_SETTLED_ROOTS,
    LAST_SESSION_YEAR,
    close_of,
    is_session,
    previous_session_or_same,
    session_close_utc,
    session_of,
    session_open_utc,
    sessions_between,
    sessions_from,
    settlement_utc,
    settles_in_the_morning,
    to_aware,
    to_datetime64,
)


def days(*texts):
    return np.array(texts, dtype="datetime64[D]")


def utc(*texts):
    return np.array(texts, dtype="datetime64[s]")


first, last = datetime(1991, 1, 1), datetime(2040, 12, 1)  # noqa: DTZ001 - hypothesis adds the zone
anytime = st.datetimes(first, last, timezones=st.just(UTC))
anyday = st.dates(date(1991, 1, 1), date(2040, 12, 1))


def test_a_year_has_the_sessions_the_exchange_published():
    assert len(sessions_between(*days("2024-01-01", "2024-12-31"))) == 252
    assert len(sessions_between(*days("2021-01-01", "2021-12-31"))) == 252
    assert len(sessions_between(*days("2001-01-01", "2001-12-31"))) == 248  # four days closed in September


@pytest.mark.parametrize(
    ("day", "open_"),
    [
        ("2024-07-04", False),  # Independence Day
        ("2024-07-05", True),
        ("2024-07-06", False),  # Saturday
        ("2024-03-29", False),  # Good Friday
        ("2021-06-18", True),  # before Juneteenth became a holiday of the exchange
        ("2022-06-20", False),  # Juneteenth, observed
        ("2012-10-29", False),  # hurricane Sandy
        ("2018-12-05", False),  # day of mourning
    ],
)
def test_holidays_and_closures_are_known(day, open_):
    assert is_session(days(day)).tolist() == [open_]


def test_a_close_follows_daylight_saving_and_half_days():
    dates = days("2024-01-03", "2024-06-03", "2024-07-03", "2024-11-29", "2024-12-24")
    expected = utc(
        "2024-01-03T21:00:00",
        "2024-06-03T20:00:00",
        "2024-07-03T17:00:00",
        "2024-11-29T18:00:00",
        "2024-12-24T18:00:00",
    )
    np.testing.assert_array_equal(session_close_utc(dates), expected)
    opens = utc(
        "2024-01-03T14:30:00",
        "2024-06-03T13:30:00",
        "2024-07-03T13:30:00",
        "2024-11-29T14:30:00",
        "2024-12-24T14:30:00",
    )
    np.testing.assert_array_equal(session_open_utc(dates), opens)


def test_a_day_without_a_session_has_the_regular_close():
    np.testing.assert_array_equal(session_close_utc(days("2024-07-06")), utc("2024-07-06T20:00:00"))


@pytest.mark.parametrize(
    ("root", "listed", "moment"),
    [
        pytest.param("SPX", "2024-06-21", "2024-06-21T13:30:00", id="AM root in summer"),
        pytest.param("SPX", "2024-01-19", "2024-01-19T14:30:00", id="AM root in winter"),
        pytest.param("SPXW", "2024-06-21", "2024-06-21T20:00:00", id="PM root of the same day"),
        pytest.param("XSP", "2024-06-21", "2024-06-21T20:00:00", id="mini index"),
        pytest.param("SPX", "2022-04-14", "2022-04-14T13:30:00", id="AM on a Thursday before Good Friday"),
        pytest.param("SPX", "2027-06-17", "2027-06-17T13:30:00", id="AM on a Thursday before Juneteenth"),
        pytest.param("SPY", "2024-07-03", "2024-07-03T17:00:00", id="fund on a half-day"),
        pytest.param("VIX", "2024-06-18", "2024-06-18T13:30:00", id="VIX on a Tuesday"),
        pytest.param("VIXW", "2024-06-12", "2024-06-12T13:30:00", id="weekly VIX"),
        pytest.param("NDXP", "2024-11-29", "2024-11-29T18:00:00", id="Nasdaq 100 PM on a half-day"),
        pytest.param("AAPL", "2012-01-21", "2012-01-20T21:00:00", id="an old Saturday expiry ends on the Friday"),
    ],
)
def test_contracts_settle_when_their_root_and_listed_date_say(root, listed, moment):
    np.testing.assert_array_equal(settlement_utc(np.array([root]), days(listed)), utc(moment))


def test_what_the_source_says_about_settlement_goes_before_the_root():
    found = settlement_utc(
        np.array(["SPX", "SPXW"]), days("2024-06-21", "2024-06-21"), am_settled=np.array([False, True])
    )
    np.testing.assert_array_equal(found, utc("2024-06-21T20:00:00", "2024-06-21T13:30:00"))


def test_roots_alone_say_who_settles_in_the_morning():
    found = settles_in_the_morning(np.array(["SPXW", "SPX", "SPX", "AAPL", "NDX", "NDXP"]))
    assert found.tolist() == [False, True, True, False, True, False]


@given(expiry=anyday, root=st.sampled_from([*sorted(AM_SETTLED_ROOTS), "SPXW", "SPY", "AAPL"]))
def test_a_contract_settles_on_a_session_at_or_before_its_listed_date_between_open_and_close(expiry, root):
    listed = np.array([expiry], dtype="datetime64[D]")
    session = previous_session_or_same(listed)
    settles = settlement_utc(np.array([root]), listed)
    assert is_session(session).all()
    assert session[0] <= listed[0]
    assert session_open_utc(session)[0] <= settles[0] <= session_close_utc(session)[0]


@given(st.lists(anyday, min_size=1, max_size=20))
def test_a_value_does_not_depend_on_its_neighbours_in_the_array(dates):
    together = np.array(dates, dtype="datetime64[D]")
    for kernel in (session_close_utc, session_open_utc, previous_session_or_same, is_session):
        alone = np.concatenate([kernel(together[i : i + 1]) for i in range(len(together))])
        np.testing.assert_array_equal(kernel(together), alone)


@given(anyday, st.integers(1, 30))
def test_the_next_sessions_come_after_the_date_in_order_without_a_gap(day, count):
    assume(day.year < LAST_SESSION_YEAR)  # the calendar's last weeks hold fewer
    start = np.datetime64(day, "D")
    following = sessions_from(start, count)
    assert len(following) == count
    assert (following > start).all()
    np.testing.assert_array_equal(following, sessions_between(start + 1, following[-1]))


@given(anytime)
def test_a_moment_belongs_to_a_session_not_after_its_new_york_date(moment):
    session = session_of(moment)
    assert is_session(np.array([session])).all()
    assert session <= np.datetime64(moment.date(), "D")
    assert close_of(session) < moment + timedelta(days=1)


def test_the_evening_in_london_is_still_the_day_in_new_york():
    assert session_of(datetime(2024, 6, 4, 1, 0, tzinfo=UTC)) == np.datetime64("2024-06-03")
    assert session_of(datetime(2024, 6, 8, 12, 0, tzinfo=UTC)) == np.datetime64("2024-06-07")


@given(anytime)
def test_an_instant_survives_the_way_to_numpy_and_back(moment):
    whole = moment.replace(microsecond=0)
    assert to_aware(to_datetime64(moment)) == whole


def test_a_naive_time_is_an_error_that_names_its_place():
    naive = datetime(2024, 6, 3, 12)  # noqa: DTZ001 - the point of the test
    with pytest.raises(InputError, match=r"f\.csv, field 'as_of': 2024-06-03T12:00:00 has no time zone"):
        to_datetime64(naive, source="f.csv")
    with pytest.raises(InputError, match="no time zone"):
        session_of(naive)


def test_a_moment_at_the_edge_of_time_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="outside the exchange calendar"):
        session_of(datetime.min.replace(tzinfo=UTC))
    with pytest.raises(InputError, match="outside the years"):
        to_datetime64(datetime.max.replace(tzinfo=timezone(-timedelta(hours=10))))
