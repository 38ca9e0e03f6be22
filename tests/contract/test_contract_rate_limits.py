"""A rate limit holds across restarts, processes and clocks that go back, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select

from lightning_gex.adapters.storage.database import reading
from lightning_gex.adapters.storage.rate_limits import SqlRateLimits
from lightning_gex.adapters.storage.schema import RATE_ACTS
from lightning_gex.core.errors import InputError
from lightning_gex.security.rate_limit import SlidingWindow

NOW = datetime(2024, 3, 8, 15, 0, tzinfo=UTC)
THREE_A_MINUTE = SlidingWindow(3, 60.0)


def test_a_restart_forgets_nothing(opened: Callable[[], Engine]) -> None:
    taken = [SqlRateLimits(opened()).take("api:x", THREE_A_MINUTE, NOW + timedelta(seconds=k)) for k in range(5)]
    assert taken == [True, True, True, False, False]
    assert SqlRateLimits(opened()).take("api:x", THREE_A_MINUTE, NOW + timedelta(seconds=60.5))


def test_streams_have_limits_of_their_own(engine: Engine) -> None:
    limits = SqlRateLimits(engine)
    assert [limits.take(f"orders:{name}", SlidingWindow(1, 60.0), NOW) for name in "aab"] == [True, False, True]


def test_a_clock_that_goes_back_buys_nothing(engine: Engine) -> None:
    limits = SqlRateLimits(engine)
    assert all(limits.take("api:x", THREE_A_MINUTE, NOW) for _ in range(3))
    assert not limits.take("api:x", THREE_A_MINUTE, NOW - timedelta(hours=1))


def test_a_longer_window_sees_what_a_shorter_one_has_let_go(engine: Engine) -> None:
    limits = SqlRateLimits(engine)
    taken = [limits.take("api:x", SlidingWindow(1, 60.0), NOW + timedelta(minutes=5 * k)) for k in range(4)]
    assert all(taken)
    assert not limits.take("api:x", SlidingWindow(4, 3_600.0), NOW + timedelta(minutes=20))


def test_what_is_over_is_dropped_and_a_refusal_does_not_count(engine: Engine) -> None:
    limits = SqlRateLimits(engine)
    for day in range(9):
        for _ in range(6):
            limits.take("api:x", THREE_A_MINUTE, NOW + timedelta(days=2 * day))
    with reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(RATE_ACTS)).scalar() == 3


def test_those_who_ask_at_once_cannot_pass_the_limit_together(opened: Callable[[], Engine]) -> None:
    engines = [opened() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        taken = list(
            pool.map(lambda k: SqlRateLimits(engines[k % 4]).take("api:x", SlidingWindow(5, 60.0), NOW), range(16))
        )
    assert sum(taken) == 5


@pytest.mark.parametrize("stream", ["", "a\nb"])
def test_a_stream_without_a_name_is_refused(engine: Engine, stream: str) -> None:
    with pytest.raises(InputError):
        SqlRateLimits(engine).take(stream, THREE_A_MINUTE, NOW)
    with pytest.raises(InputError):
        SqlRateLimits(engine).take("api:x", THREE_A_MINUTE, NOW.replace(tzinfo=None))
