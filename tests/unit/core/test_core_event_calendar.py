"""Dates that are known beforehand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.event_calendar import WHOLE_MARKET, EventCalendar, MarketEvent

FIRST = np.datetime64("2020-01-01", "D")


def day(offset: int) -> np.datetime64:
    return FIRST + np.timedelta64(offset, "D")


def test_a_date_that_was_not_known_yet_is_passed_over_for_the_next():
    calendar = EventCalendar(
        [
            MarketEvent(day(5), "earnings", "AAPL", known_from=day(3)),
            MarketEvent(day(20), "FOMC"),
        ]
    )
    before, after = calendar.next_for("AAPL", day(2)), calendar.next_for("AAPL", day(3))
    assert before is not None
    assert before.name == "FOMC"
    assert after is not None
    assert after.name == "earnings"


def test_an_event_of_the_present_session_is_past():
    assert EventCalendar([MarketEvent(day(5), "FOMC")]).next_for("SPY", day(5)) is None


_EVENT = st.tuples(st.integers(0, 30), st.sampled_from(("AAPL", "SPY", WHOLE_MARKET)), st.integers(-1, 20))


@given(st.lists(_EVENT, max_size=15), st.integers(0, 30))
def test_the_next_event_is_what_a_search_through_all_finds(rows, now):
    events = [
        MarketEvent(day(when), f"e{k}", ticker, None if known < 0 else day(known))
        for k, (when, ticker, known) in enumerate(rows)
    ]
    found = EventCalendar(events).next_for("AAPL", day(now))
    fitting = [
        e
        for e in events
        if e.ticker in ("AAPL", WHOLE_MARKET)
        and e.session > day(now)
        and (e.known_from is None or e.known_from <= day(now))
    ]
    assert found == min(fitting, key=lambda e: (e.session, e.ticker, e.name), default=None)
