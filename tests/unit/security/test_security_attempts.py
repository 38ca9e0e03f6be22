"""Waiting after wrong passwords: longer each time, never for ever, and no clock shortens it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.errors import InputError
from lightning_gex.security.attempts import FIRST_WAIT, FREE_ATTEMPTS, LONGEST_WAIT, Attempts

NOW = datetime(2024, 3, 1, 14, 30, tzinfo=UTC)
NOTHING = timedelta()


def test_a_few_wrong_ones_are_free_and_then_each_wait_is_twice_the_one_before() -> None:
    waits = [Attempts(failed, NOW).wait(NOW) for failed in range(FREE_ATTEMPTS + 4)]
    assert waits == [NOTHING] * FREE_ATTEMPTS + [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT]


@given(failed=st.integers(0, 10**9), passed=st.timedeltas(NOTHING, timedelta(days=365)))
def test_nobody_waits_longer_than_the_longest_and_nobody_after_it(failed: int, passed: timedelta) -> None:
    wait = Attempts(failed, NOW).wait(NOW + passed)
    assert NOTHING <= wait <= LONGEST_WAIT
    assert passed < LONGEST_WAIT or wait == NOTHING


@given(failed=st.integers(FREE_ATTEMPTS, 60), back=st.timedeltas(timedelta(seconds=1), timedelta(days=365)))
def test_a_clock_that_goes_back_neither_shortens_the_wait_nor_makes_it_longer_than_it_was(
    failed: int, back: timedelta
) -> None:
    attempts, earlier = Attempts(failed, NOW), NOW - back
    assert attempts.wait(earlier) == attempts.wait(NOW)
    seen = attempts.seen_at(earlier)
    assert seen.wait(earlier + attempts.wait(NOW)) == NOTHING


def test_an_attempt_adds_one_and_the_present_is_not_the_future() -> None:
    assert Attempts().another(NOW) == Attempts(1, NOW)
    assert Attempts(3, NOW).seen_at(NOW) == Attempts(3, NOW)
    assert Attempts().seen_at(NOW) == Attempts()


@pytest.mark.parametrize(("failed", "last"), [(-1, None), (1, NOW.replace(tzinfo=None))])
def test_a_count_that_cannot_be_is_refused(failed: int, last: datetime | None) -> None:
    with pytest.raises(InputError):
        Attempts(failed, last)
