"""A signed request is accepted once, across restarts, programs and clocks that go back, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select

from lightning_gex.adapters.storage.database import reading
from lightning_gex.adapters.storage.nonces import SqlNonces
from lightning_gex.adapters.storage.schema import NONCES
from lightning_gex.core.errors import InputError

NOW = datetime(2024, 3, 8, 15, 0, tzinfo=UTC)
TOLERANCE = timedelta(minutes=5)
SECOND = timedelta(seconds=1)


def take(engine: Engine, nonce: str, signed_at: datetime = NOW, now: datetime | None = None, most: int = 10) -> bool:
    return SqlNonces(engine, most).take("api:x", nonce, signed_at, now or signed_at, TOLERANCE)


def kept(engine: Engine) -> int:
    with reading(engine) as connection:
        counting = select(func.count()).select_from(NONCES).where(NONCES.c.nonce != "")
        return int(connection.execute(counting).scalar() or 0)


def test_a_request_is_new_once_and_a_restart_forgets_nothing(opened: Callable[[], Engine]) -> None:
    assert [take(opened(), nonce) for nonce in "aabba"] == [True, False, True, False, False]


def test_streams_know_nothing_of_each_other(engine: Engine) -> None:
    nonces = SqlNonces(engine)
    assert all(nonces.take(stream, "a", NOW, NOW, TOLERANCE) for stream in ("api:x", "api:y"))


def test_what_is_too_old_to_be_accepted_is_dropped(engine: Engine) -> None:
    assert all(take(engine, f"n{k}", NOW + k * TOLERANCE) for k in range(20))
    assert kept(engine) == 2


def test_a_clock_that_goes_back_opens_no_dropped_request_again(engine: Engine) -> None:
    assert take(engine, "old")
    later = NOW + 3 * TOLERANCE
    assert take(engine, "new", later)
    assert kept(engine) == 1
    assert not take(engine, "old", NOW, now=NOW)
    assert not take(engine, "of the same age", NOW, now=NOW)
    assert take(engine, "younger", NOW + SECOND, now=NOW)


def test_more_than_are_kept_push_the_oldest_out_and_these_are_refused_from_then_on(engine: Engine) -> None:
    assert all(take(engine, f"n{k}", NOW + k * SECOND, now=NOW) for k in range(15))
    assert kept(engine) == 10
    assert not any(take(engine, f"n{k}", NOW + k * SECOND, now=NOW) for k in range(15))
    assert not take(engine, "late", NOW + 4 * SECOND, now=NOW)
    assert take(engine, "in time", NOW + 5 * SECOND, now=NOW)
    assert not take(engine, "in time", NOW + 5 * SECOND, now=NOW)


def test_of_programs_that_ask_at_once_one_gets_it(opened: Callable[[], Engine]) -> None:
    engines = [opened() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda k: take(engines[k % 4], f"n{k // 4}"), range(16))) == 4


def test_what_names_no_request_is_refused(engine: Engine) -> None:
    for stream, nonce, at in (("", "a", NOW), ("x", "", NOW), ("x", "a", NOW.replace(tzinfo=None))):
        with pytest.raises(InputError):
            SqlNonces(engine).take(stream, nonce, at, NOW, TOLERANCE)
