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
from lightning_gex.adapters.storage.memory_store import SearchPlace, SqlMemoryStore
from lightning_gex.adapters.storage.raw import Sql, Transaction, Values
from lightning_gex.adapters.storage.schema import BOOKS, PATTERNS
from lightning_gex.analytics.similarity import similarity
from lightning_gex.core.enums import Direction, MarketRegime
from lightning_gex.core.errors import InputError, IntegrityError, RefusedError, SettingsError, StoreError
from lightning_gex.core.patterns import AgentCall, Neighbours, Pattern, RecallFilter
from lightning_gex.core.ports import MemoryStore
from lightning_gex.memory.book import MemoryBook

BULLISH, BEARISH = Direction.BULLISH, Direction.BEARISH


@pytest.fixture(params=["book", "sqlite", "postgresql", "pgvector"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryStore]:
    """An empty store of each kind."""
    if request.param == "book":
        yield MemoryBook()
        return
    url = tmp_path / "lightning.db" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    engine = open_database(url)
    search = SearchPlace.SERVER if request.param == "pgvector" else SearchPlace.PROGRAM
    yield SqlMemoryStore(engine, "paper", search=search)
    engine.dispose()


def _ask(store: MemoryStore, *, day: int = 100, count: int = 10, direction: Direction = BULLISH) -> Neighbours:
    return store.recall(
        ticker="SPY", direction=direction, vector=(0.5, -0.25, 0.0), as_of=AT + timedelta(days=day), count=count
    )


def test_a_signal_is_kept_as_it_was(store: MemoryStore) -> None:
    calls = (AgentCall("Trend Agent", BULLISH, 0.6), AgentCall("Reversal Agent", Direction.NEUTRAL, math.nan))
    whole = replace(
        pattern("c", day=2, outcome=replace(outcome(9, -0.01), horizon_return=0.03)),
        strategy="momentum",
        raw_confidence=0.58,
        base_rate=0.55,
        calls=calls,
        taken=True,
        structure="bull_call_spread",
        confidence_before_memory=0.57,
        memory_shift=-0.1,
    )
    kept = [pattern("a"), pattern("b", day=1, regime=None, target_price=math.nan, outcome=outcome(5)), whole]
    for one in kept:
        store.remember(one)
    assert all(map(same, store.patterns(), kept))
    assert len(list(store.patterns())) == 3
    assert all(same(store.find(one.pattern_id), one) for one in kept)
    assert store.find("nobody") is None


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
        pattern("bad\ude3e"),
        pattern("bad\0"),
        pattern("bad", ticker="SPY\0"),
        replace(pattern("bad"), strategy="momentum\ud800"),
        replace(pattern("bad"), structure="stock\0"),
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


@pytest.mark.parametrize("text", ["9\ude3e", "\ud800", "a\0b"])
def test_a_text_that_no_database_keeps_is_refused_by_name_wherever_memory_takes_one(
    store: MemoryStore, text: str
) -> None:
    store.remember(pattern("good"))
    with pytest.raises(InputError, match="pattern_id"):
        store.find(text)
    with pytest.raises(InputError, match="pattern_id"):
        store.resolve(text, outcome(5))
    with pytest.raises(InputError, match="ticker"):
        store.recall(ticker=text, direction=BULLISH, vector=(0.5, -0.25, 0.0), as_of=AT, count=1)
    if isinstance(store, SqlMemoryStore):
        with pytest.raises(InputError, match="ticker"):
            store.latest(text)
    store.remember(pattern("Ä☃\U0001d54f", day=1))
    assert [p.pattern_id for p in store.patterns()] == ["good", "Ä☃\U0001d54f"]


_ANY = st.builds(
    lambda *args, taken, strategy, **kwargs: replace(pattern(*args, **kwargs), taken=taken, strategy=strategy),
    st.integers(0, 9).map(str),
    day=st.integers(0, 5),
    ticker=st.sampled_from(["SPY", "QQQ"]),
    direction=st.sampled_from([BULLISH, BEARISH]),
    vector=st.tuples(*[st.sampled_from([-1.0, -0.3, 0.0, 0.7, math.nan])] * 3),
    outcome=st.one_of(st.none(), st.builds(outcome, st.integers(5, 9), st.sampled_from([-0.01, 0.0, 0.02]))),
    regime=st.sampled_from([None, MarketRegime.CRISIS, MarketRegime.RANGE_BOUND]),
    taken=st.sampled_from([None, True, False]),
    strategy=st.sampled_from(["", "momentum"]),
)


_WANTED = st.one_of(
    st.none(),
    st.builds(
        RecallFilter,
        regime=st.sampled_from([None, MarketRegime.CRISIS]),
        strategy=st.sampled_from([None, "momentum", "unheard of"]),
        horizon_sessions=st.sampled_from([None, (3, 7), (8, 9)]),
        structure=st.sampled_from([None, "stock"]),
        taken=st.sampled_from([None, True, False]),
    ),
)


@given(kept=st.lists(_ANY, max_size=12), day=st.integers(0, 10), reopen=st.booleans(), wanted=_WANTED)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sql_answers_as_the_bare_book_does(
    kept: list[Pattern],
    day: int,
    reopen: bool,
    wanted: RecallFilter | None,
    engine: Engine,
    numbered: Callable[[], str],
) -> None:
    book, name = MemoryBook(), numbered()
    stores: list[MemoryStore] = [book, SqlMemoryStore(engine, name)]
    if engine.dialect.name == "postgresql":
        stores.append(SqlMemoryStore(engine, name, search=SearchPlace.SERVER))
    for number, one in enumerate(kept):
        for store in (book, stores[-1 - number % (len(stores) - 1)]):  # the other stores write in turn
            store.remember(one)
        if number == len(kept) // 2:
            _assert_same_answers(stores, day, wanted)
    if reopen:
        stores[1] = SqlMemoryStore(engine, name)
    _assert_same_answers(stores, day, wanted)
    assert all(map(same, stores[-1].patterns(), book.patterns()))


def _assert_same_answers(stores: list[MemoryStore], day: int, wanted: RecallFilter | None) -> None:
    for ticker in ("SPY", "QQQ"):
        for direction in (BULLISH, BEARISH):
            first, *others = (
                s.recall(
                    ticker=ticker,
                    direction=direction,
                    vector=(0.7, 0.0, -0.3),
                    as_of=AT + timedelta(days=day),
                    count=3,
                    wanted=wanted,
                )
                for s in stores
            )
            for other in others:
                assert first.pattern_id == other.pattern_id
                assert first.resolved_in_book == other.resolved_in_book
                for column in ("similarity", "net_return", "won", "right", "confidence", "given_at", "known_at"):
                    np.testing.assert_array_equal(getattr(first, column), getattr(other, column))


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


def test_a_filter_limits_who_may_answer(store: MemoryStore) -> None:
    changes: dict[str, dict[str, object]] = {
        "crisis": {"regime": MarketRegime.CRISIS},
        "long": {"horizon_sessions": 21},
        "spread": {"structure": "bull_call_spread"},
        "momentum": {"strategy": "momentum"},
        "traded": {"taken": True},
        "not traded": {"taken": False},
        "plain": {},
    }
    for name, change in changes.items():
        store.remember(replace(pattern(name, outcome=outcome(5)), **change))

    def found(wanted: RecallFilter) -> set[str]:
        answer = store.recall(
            ticker="SPY",
            direction=BULLISH,
            vector=(0.5, -0.25, 0.0),
            as_of=AT + timedelta(days=9),
            count=9,
            wanted=wanted,
        )
        assert answer.resolved_in_book == len(answer)
        return set(answer.pattern_id)

    assert found(RecallFilter()) == set(changes)
    assert found(RecallFilter(regime=MarketRegime.CRISIS)) == {"crisis"}
    assert found(RecallFilter(horizon_sessions=(10, 21))) == {"long"}
    assert found(RecallFilter(structure="bull_call_spread")) == {"spread"}
    assert found(RecallFilter(strategy="momentum")) == {"momentum"}
    assert found(RecallFilter(taken=True)) == {"traded"}
    assert found(RecallFilter(taken=False)) == {"not traded"}
    assert found(RecallFilter(taken=True, regime=MarketRegime.CRISIS)) == set()


def test_equally_similar_signals_come_by_recency_then_by_id(store: MemoryStore) -> None:
    for name, day in (("b", 1), ("c", 2), ("a", 1), ("d", 0)):
        store.remember(pattern(name, day=day, outcome=outcome(5)))
    assert _ask(store).pattern_id == ("c", "a", "b", "d")
    assert _ask(store, count=2).pattern_id == ("c", "a")


def test_outcomes_that_come_out_of_order_are_recalled_from_when_each_was_known(store: MemoryStore) -> None:
    for name in ("a", "b", "c"):
        store.remember(pattern(name))
    for name, known in (("b", 9), ("c", 3), ("a", 6)):
        store.resolve(name, outcome(known))
        assert set(_ask(store, day=3).pattern_id) <= {"c"}
    assert [set(_ask(store, day=day).pattern_id) for day in (3, 6, 9)] == [{"c"}, {"a", "c"}, {"a", "b", "c"}]


def test_a_moment_that_memory_cannot_count_is_refused_by_name(store: MemoryStore) -> None:
    with pytest.raises(InputError, match="1684 to 2255"):
        store.remember(replace(pattern("late"), as_of=AT.replace(year=2300)))
    assert list(store.patterns()) == []


def test_many_signals_are_searched_exactly_whatever_is_absent(store: MemoryStore) -> None:
    rng = np.random.default_rng(5)
    vectors = rng.uniform(-1, 1, (300, 6))
    vectors[rng.random(vectors.shape) < 0.25] = np.nan
    kept = [
        pattern(f"p{i:03d}", day=i, vector=tuple(v.tolist()), outcome=outcome(i + 5)) for i, v in enumerate(vectors)
    ]
    if isinstance(store, SqlMemoryStore):
        assert store.remember_all(kept[:5]) == 5
        assert store.remember_all([*kept, kept[7]]) == 295  # those known, and a second of the same id, are left out
    else:
        for one in kept:
            store.remember(one)
    for query in rng.uniform(-1, 1, (5, 6)):
        query[rng.integers(6)] = np.nan
        likeness = similarity(query, vectors)
        best = sorted(range(300), key=lambda i: (-likeness[i], -i))[:7]
        found = store.recall(ticker="SPY", direction=BULLISH, vector=query, as_of=AT + timedelta(days=400), count=7)
        assert found.pattern_id == tuple(kept[i].pattern_id for i in best)
        assert found.similarity.tolist() == likeness[best].tolist()


def test_an_export_comes_back_as_it_was(engine: Engine, tmp_path: Path) -> None:
    memory, other = SqlMemoryStore(engine, "live"), SqlMemoryStore(engine, "copy")
    calls = (AgentCall('Trend, "the" Agent', BEARISH, 0.1 + 0.2), AgentCall("Reversal", Direction.NEUTRAL, math.nan))
    memory.remember(replace(pattern("=cmd()", target_price=math.nan, regime=None), calls=calls, taken=False))
    memory.remember(replace(pattern("b", day=1, outcome=replace(outcome(5), horizon_return=-0.01)), base_rate=0.6))
    memory.export_csv(tmp_path / "memory.csv")
    assert other.import_csv(tmp_path / "memory.csv") == 2
    assert all(map(same, other.patterns(), memory.patterns()))
    assert other.import_csv(tmp_path / "memory.csv") == 0


@pytest.mark.parametrize(
    ("column", "cell", "problem"),
    [
        ("direction", "up", "row 3, field 'direction'"),
        ("vector", "0.5|much|0", "row 3, field 'vector'.*no number"),
        ("vector", "0.5|1.5|0", "outside"),
        ("as_of", "2024-03-01", "row 3, field 'as_of'"),
        ("horizon_sessions", "-3", "row 3, field 'horizon_sessions'"),
        ("calls", "{", "row 3, field 'calls'"),
        ("taken", "perhaps", "row 3, field 'taken'"),
        ("regime", "sideways", "row 3, field 'regime'"),
        ("schema", "7", "schema 7"),
        ("pattern_id", "", "row 3, field 'pattern_id'.*empty"),
    ],
)
def test_an_import_with_a_wrong_cell_names_it_and_remembers_nothing(
    engine: Engine, tmp_path: Path, column: str, cell: str, problem: str
) -> None:
    memory, other = SqlMemoryStore(engine, "live"), SqlMemoryStore(engine, "copy")
    memory.remember(pattern("a"))
    memory.remember(pattern("b", day=1))
    path = tmp_path / "memory.csv"
    memory.export_csv(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[1][column] = cell
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(InputError, match=problem):
        other.import_csv(path)
    assert list(other.patterns()) == []


def test_what_is_no_export_of_memory_is_refused(engine: Engine, tmp_path: Path) -> None:
    memory, path = SqlMemoryStore(engine, "live"), tmp_path / "bars.csv"
    for content, problem in ((b"date,close\r\n", "no column pattern_id"), (b"\xff\xfe\x00", "no CSV file")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=problem):
            memory.import_csv(path)
    with pytest.raises(StoreError, match="cannot be read"):
        memory.import_csv(tmp_path / "nowhere.csv")


def test_memory_of_an_earlier_schema_is_migrated_or_refused_by_name(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = SqlMemoryStore(engine, "live")
    memory.remember(pattern("old", outcome=outcome(5)))
    monkeypatch.setattr("lightning_gex.memory.vector.VECTOR_SCHEMA", 2)
    monkeypatch.setattr("lightning_gex.memory.book.VECTOR_SCHEMA", 2)
    with pytest.raises(InputError, match="schema 1 cannot be compared with those of schema 2"):
        SqlMemoryStore(engine, "live").recall(
            ticker="SPY", direction=BULLISH, vector=(0.0,) * 4, as_of=AT + timedelta(days=9), count=1
        )
    wider = {1: lambda old: np.column_stack([old, np.full(len(old), np.nan)])}
    monkeypatch.setattr("lightning_gex.memory.vector.SCHEMA_STEPS", wider)
    migrated = SqlMemoryStore(engine, "live")
    migrated.remember(replace(pattern("new", vector=(0.5, -0.25, 0.0, 0.0), outcome=outcome(5)), schema=2))
    found = migrated.recall(
        ticker="SPY", direction=BULLISH, vector=(0.5, -0.25, 0.0, 0.0), as_of=AT + timedelta(days=9), count=2
    )
    assert found.pattern_id == ("new", "old")
    with pytest.raises(InputError, match="schema 3 are not known"):
        migrated.remember(replace(pattern("later"), schema=3))
