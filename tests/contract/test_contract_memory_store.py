"""What every memory store must do: the bare book, SQLite and PostgreSQL give the same answers."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, update

from builders_events import AT, outcome, pattern, same
from lightning_gex.adapters.storage.database import open_database, writing
from lightning_gex.adapters.storage.memory_store import SqlMemoryStore
from lightning_gex.adapters.storage.raw import Sql, Transaction, Values
from lightning_gex.adapters.storage.schema import BOOKS, PATTERNS
from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import InputError, IntegrityError, RefusedError, SettingsError, StoreError
from lightning_gex.core.patterns import Neighbours, Pattern
from lightning_gex.core.ports import MemoryStore
from lightning_gex.memory.book import MemoryBook

BULLISH, BEARISH = Direction.BULLISH, Direction.BEARISH


@pytest.fixture(params=["book", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryStore]:
    """An empty store of each kind."""
    if request.param == "book":
        yield MemoryBook()
        return
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else tmp_path / "lightning.db"
    engine = open_database(url)
    yield SqlMemoryStore(engine, "paper")
    engine.dispose()


def _ask(store: MemoryStore, *, day: int = 100, count: int = 10, direction: Direction = BULLISH) -> Neighbours:
    return store.recall(
        ticker="SPY", direction=direction, vector=(0.5, -0.25, 0.0), as_of=AT + timedelta(days=day), count=count
    )


def test_a_signal_is_kept_as_it_was(store: MemoryStore) -> None:
    kept = [pattern("a"), pattern("b", day=1, regime=None, target_price=math.nan, outcome=outcome(5))]
    for one in kept:
        store.remember(one)
    assert all(map(same, store.patterns(), kept))
    assert len(list(store.patterns())) == 2


def test_keeping_the_same_id_twice_is_one_signal_and_the_first_stays(store: MemoryStore) -> None:
    store.remember(pattern("a"))
    store.remember(pattern("a", day=3, ticker="QQQ", outcome=outcome(9)))
    assert [(p.ticker, p.outcome) for p in store.patterns()] == [("SPY", None)]


def test_an_outcome_is_added_once_to_a_signal_that_is_known(store: MemoryStore) -> None:
    store.remember(pattern("a"))
    store.resolve("a", outcome(5))
    assert next(store.patterns()).outcome == outcome(5)
    with pytest.raises(RefusedError, match="resolved already"):
        store.resolve("a", outcome(6))
    with pytest.raises(RefusedError, match="no signal b"):
        store.resolve("b", outcome(6))
    assert next(store.patterns()).outcome == outcome(5)


def test_only_outcomes_known_at_the_moment_of_asking_are_recalled(store: MemoryStore) -> None:
    store.remember(pattern("early", outcome=outcome(5)))
    store.remember(pattern("late", day=1, outcome=outcome(8)))
    store.remember(pattern("open", day=2))
    for day, known in ((4, set()), (5, {"early"}), (7, {"early"}), (8, {"early", "late"}), (99, {"early", "late"})):
        found = _ask(store, day=day)
        assert set(found.pattern_id) == known
        assert found.resolved_in_book == len(known)


def test_recall_stays_with_its_ticker_and_direction(store: MemoryStore) -> None:
    store.remember(pattern("mine", outcome=outcome(5)))
    store.remember(pattern("other ticker", ticker="QQQ", outcome=outcome(5)))
    store.remember(pattern("other way", direction=BEARISH, outcome=outcome(5, -0.01)))
    assert _ask(store).pattern_id == ("mine",)
    short = _ask(store, direction=BEARISH)
    assert (short.pattern_id, short.net_return.tolist(), short.won.tolist()) == (("other way",), [-0.01], [False])


def test_the_most_similar_comes_first_and_count_limits(store: MemoryStore) -> None:
    for name, x in (("far", -0.9), ("near", 0.4), ("same", 0.5)):
        store.remember(pattern(name, vector=(x, -0.25, 0.0), outcome=outcome(5)))
    assert _ask(store).pattern_id == ("same", "near", "far")
    assert _ask(store).similarity[0] == pytest.approx(1.0)
    assert _ask(store, count=2).pattern_id == ("same", "near")


def test_recent_gives_the_newest_first_with_what_was_known_then(store: MemoryStore) -> None:
    for day, name in enumerate(("a", "b", "c")):
        store.remember(pattern(name, day=day))
    store.resolve("a", outcome(5))
    assert [p.pattern_id for p in store.recent(2)] == ["c", "b"]
    then = store.recent(9, as_of=AT + timedelta(days=1))
    assert [(p.pattern_id, p.outcome) for p in then] == [("b", None), ("a", None)]
    assert store.recent(9)[-1].outcome == outcome(5)


def test_signals_come_oldest_first_and_those_of_one_moment_in_the_order_they_came(store: MemoryStore) -> None:
    for name, day in (("z", 2), ("y", 0), ("x", 2), ("w", 1)):
        store.remember(pattern(name, day=day))
    assert [p.pattern_id for p in store.patterns()] == ["y", "w", "z", "x"]


@pytest.mark.parametrize(
    "wrong",
    [
        replace(pattern("bad"), as_of=AT.replace(tzinfo=None)),
        pattern("bad", vector=(1.5, 0.0, 0.0)),
        pattern("bad", vector=(0.5, 0.5)),
        pattern("bad", outcome=outcome(-1)),
        pattern("bad", outcome=outcome(5, math.nan)),
    ],
)
def test_what_is_no_signal_is_refused_and_leaves_nothing(store: MemoryStore, wrong: Pattern) -> None:
    store.remember(pattern("good"))
    with pytest.raises(InputError):
        store.remember(wrong)
    with pytest.raises(InputError):
        store.resolve("good", outcome(-1))
    assert [p.pattern_id for p in store.patterns()] == ["good"]
    store.resolve("good", outcome(5))
    store.remember(pattern("next", day=1))
    assert [p.pattern_id for p in store.recent(5)] == ["next", "good"]


_ANY = st.builds(
    pattern,
    st.integers(0, 9).map(str),
    day=st.integers(0, 5),
    ticker=st.sampled_from(["SPY", "QQQ"]),
    direction=st.sampled_from([BULLISH, BEARISH]),
    vector=st.tuples(*[st.sampled_from([-1.0, -0.3, 0.0, 0.7, math.nan])] * 3),
    outcome=st.one_of(st.none(), st.builds(outcome, st.integers(5, 9), st.sampled_from([-0.01, 0.0, 0.02]))),
)


@given(kept=st.lists(_ANY, max_size=12), day=st.integers(0, 10), reopen=st.booleans())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sql_answers_as_the_bare_book_does(
    kept: list[Pattern], day: int, reopen: bool, engine: Engine, numbered: Callable[[], str]
) -> None:
    book, name = MemoryBook(), numbered()
    stored: MemoryStore = SqlMemoryStore(engine, name)
    for one in kept:
        book.remember(one)
        stored.remember(one)
    if reopen:
        stored = SqlMemoryStore(engine, name)
    for ticker in ("SPY", "QQQ"):
        for direction in (BULLISH, BEARISH):
            answers = [
                s.recall(
                    ticker=ticker,
                    direction=direction,
                    vector=(0.7, 0.0, -0.3),
                    as_of=AT + timedelta(days=day),
                    count=5,
                )
                for s in (book, stored)
            ]
            assert answers[0].pattern_id == answers[1].pattern_id
            assert answers[0].resolved_in_book == answers[1].resolved_in_book
            for column in ("similarity", "net_return", "won"):
                np.testing.assert_array_equal(getattr(answers[0], column), getattr(answers[1], column))
    assert all(map(same, stored.patterns(), book.patterns()))


@pytest.fixture
def numbered() -> Callable[[], str]:
    """A fresh name at every call."""
    numbers = iter(range(1_000_000))
    return lambda: f"book-{next(numbers)}"


def test_books_of_one_store_do_not_mix(engine: Engine) -> None:
    SqlMemoryStore(engine, "live").remember(pattern("a", outcome=outcome(5)))
    back_test = SqlMemoryStore(engine, "backtest")
    back_test.remember(pattern("a", day=1))
    assert [p.as_of for p in back_test.patterns()] == [AT + timedelta(days=1)]
    assert _ask(back_test).pattern_id == ()
    assert _ask(SqlMemoryStore(engine, "live")).pattern_id == ("a",)


def test_what_another_process_kept_or_resolved_is_seen(opened: Callable[[], Engine]) -> None:
    here, there = SqlMemoryStore(opened(), "live"), SqlMemoryStore(opened(), "live")
    here.remember(pattern("a"))
    there.remember(pattern("b", day=1))
    assert [p.pattern_id for p in here.recent(5)] == ["b", "a"]
    there.resolve("a", outcome(5))
    assert _ask(here).pattern_id == ("a",)
    with pytest.raises(RefusedError, match="resolved already"):
        here.resolve("a", outcome(6))


def test_a_write_that_fails_is_forgotten_in_memory_too(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = SqlMemoryStore(engine, "live")
    memory.remember(pattern("a"))

    run = Transaction.run

    def fail(transaction: Transaction, sql: Sql, values: Values) -> None:
        run(transaction, sql, values)
        if "revision" in sql.text:  # the last statement of a change
            raise StoreError("the power fails here")

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "run", fail)
        with pytest.raises(StoreError, match="power"):
            memory.remember(pattern("b", day=1))
        with pytest.raises(StoreError, match="power"):
            memory.resolve("a", outcome(5))
    assert [(p.pattern_id, p.outcome) for p in memory.patterns()] == [("a", None)]
    memory.remember(pattern("b", day=1))
    assert [p.pattern_id for p in memory.patterns()] == ["a", "b"]


@pytest.mark.parametrize(
    "damage", [{"vector": b"123"}, {"as_of": "yesterday"}, {"regime": "sideways"}, {"direction": 7}]
)
def test_a_damaged_row_is_named(engine: Engine, damage: dict[str, object]) -> None:
    SqlMemoryStore(engine, "live").remember(pattern("a"))
    with writing(engine) as connection:
        connection.execute(update(PATTERNS).values(**damage))
    with pytest.raises(IntegrityError, match="signal a of book live is damaged"):
        SqlMemoryStore(engine, "live").recent(1)


def test_every_change_counts_the_revision_up_and_nothing_else_does(engine: Engine) -> None:
    memory = SqlMemoryStore(engine, "live")
    seen = []
    for act in (
        lambda: memory.remember(pattern("a")),
        lambda: memory.remember(pattern("a")),
        lambda: memory.recent(1),
        lambda: memory.resolve("a", outcome(5)),
    ):
        act()
        with engine.connect() as connection:
            seen.append(connection.execute(BOOKS.select()).one().revision)
    assert seen == [1, 1, 1, 2]


def test_the_book_is_exported_for_a_spreadsheet(engine: Engine, tmp_path: Path) -> None:
    memory = SqlMemoryStore(engine, "live")
    memory.remember(pattern("=cmd()", target_price=math.nan, regime=None))
    memory.remember(pattern("b", day=1, outcome=outcome(5)))
    assert memory.export_csv(tmp_path / "memory.csv") == 2
    with (tmp_path / "memory.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["pattern_id"], first["target_price"], first["regime"]) == ("'=cmd()", "", "")
    assert (first["outcome_won"], first["vector"]) == ("", "0.5|-0.25|")
    assert (second["direction"], second["outcome_net_return"], second["outcome_won"]) == ("bullish", "0.02", "true")
    assert second["outcome_known_at"] == "2024-03-06T21:00:00.123456Z"


def test_a_book_needs_a_name(engine: Engine) -> None:
    with pytest.raises(SettingsError):
        SqlMemoryStore(engine, "")
