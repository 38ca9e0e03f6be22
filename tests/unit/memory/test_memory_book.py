"""Memory held in memory: what it recalls, in which order, and never from the future."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.similarity import similarity
from lightning_gex.core.enums import Direction, MarketRegime
from lightning_gex.core.errors import InputError, RefusedError, SettingsError
from lightning_gex.core.patterns import Outcome, Pattern
from lightning_gex.core.ports import MemoryStore
from lightning_gex.memory.book import MemoryBook

START = datetime(2020, 1, 2, 21, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_pattern(
    pattern_id: str = "p",
    *,
    ticker: str = "SPY",
    hours: int = 0,
    vector: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0),
    direction: Direction = Direction.BULLISH,
    outcome: Outcome | None = None,
) -> Pattern:
    return Pattern(
        pattern_id=pattern_id,
        ticker=ticker,
        as_of=START + hours * HOUR,
        vector=vector,
        direction=direction,
        confidence=0.6,
        horizon_sessions=5,
        entry_price=100.0,
        target_price=105.0,
        stop_price=97.0,
        regime=MarketRegime.RANGE_BOUND,
        outcome=outcome,
    )


def an_outcome(hours: int, net_return: float = 0.01) -> Outcome:
    return Outcome(net_return=net_return, won=net_return > 0, known_at=START + hours * HOUR)


_ELEMENT = st.one_of(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), st.just(math.nan))
_VECTOR = st.tuples(_ELEMENT, _ELEMENT, _ELEMENT, _ELEMENT)


@st.composite
def histories(draw: st.DrawFn) -> list[Pattern]:
    """Up to 30 signals on two tickers, given in any order, some resolved, some long after."""
    patterns = []
    for i in range(draw(st.integers(0, 30))):
        hours = draw(st.integers(0, 20))
        delay = draw(st.one_of(st.none(), st.integers(0, 10)))
        outcome = None if delay is None else an_outcome(hours + delay, draw(st.sampled_from([-0.02, 0.01, 0.03])))
        patterns.append(
            a_pattern(
                f"p{i:02d}",
                ticker=draw(st.sampled_from(["SPY", "QQQ"])),
                hours=hours,
                vector=draw(_VECTOR),
                direction=draw(st.sampled_from([Direction.BULLISH, Direction.BEARISH])),
                outcome=outcome,
            )
        )
    return patterns


def filled(patterns: list[Pattern]) -> MemoryBook:
    """A book that learnt of every outcome through ``resolve``."""
    book = MemoryBook()
    for pattern in patterns:
        book.remember(dataclasses.replace(pattern, outcome=None))
    for pattern in patterns:
        if pattern.outcome is not None:
            book.resolve(pattern.pattern_id, pattern.outcome)
    return book


def test_the_book_is_a_memory_store() -> None:
    store: MemoryStore = MemoryBook()
    assert list(store.patterns()) == []


@given(histories(), _VECTOR, st.integers(-1, 35), st.integers(1, 12))
def test_recall_equals_a_search_by_brute_force(
    patterns: list[Pattern], query: tuple[float, ...], hours: int, count: int
) -> None:
    as_of = START + hours * HOUR
    found = filled(patterns).recall(ticker="SPY", direction=Direction.BULLISH, vector=query, as_of=as_of, count=count)
    eligible = [
        p
        for p in patterns
        if p.ticker == "SPY"
        and p.direction is Direction.BULLISH
        and p.as_of < as_of
        and p.outcome is not None
        and p.outcome.known_at <= as_of
    ]
    likeness = {p.pattern_id: float(similarity(np.array(query), np.array([p.vector]))[0]) for p in eligible}
    eligible.sort(key=lambda p: (-likeness[p.pattern_id], -p.as_of.timestamp(), p.pattern_id))
    expected = eligible[:count]
    assert found.pattern_id == tuple(p.pattern_id for p in expected)
    assert found.similarity.tolist() == [likeness[p.pattern_id] for p in expected]
    assert found.net_return.tolist() == [p.outcome.net_return for p in expected if p.outcome]
    assert found.won.tolist() == [p.outcome.won for p in expected if p.outcome]
    assert found.resolved_in_book == len(eligible)


@given(histories(), _VECTOR, st.integers(-1, 35))
def test_recall_never_returns_an_outcome_known_later_than_the_question(
    patterns: list[Pattern], query: tuple[float, ...], hours: int
) -> None:
    as_of = START + hours * HOUR
    by_id = {p.pattern_id: p for p in patterns}
    book = filled(patterns)
    for direction in (Direction.BULLISH, Direction.BEARISH):
        found = book.recall(ticker="SPY", direction=direction, vector=query, as_of=as_of, count=50)
        for pattern_id in found.pattern_id:
            outcome = by_id[pattern_id].outcome
            assert outcome is not None
            assert outcome.known_at <= as_of
            assert by_id[pattern_id].as_of < as_of


@given(histories(), _VECTOR, st.integers(-1, 35))
def test_what_is_learnt_later_changes_no_earlier_answer(
    patterns: list[Pattern], query: tuple[float, ...], hours: int
) -> None:
    as_of = START + hours * HOUR
    past = [p for p in patterns if p.as_of < as_of and p.outcome is not None and p.outcome.known_at <= as_of]

    def ask(book: MemoryBook) -> tuple[object, ...]:
        found = book.recall(ticker="SPY", direction=Direction.BULLISH, vector=query, as_of=as_of, count=5)
        return found.pattern_id, found.similarity.tolist(), found.net_return.tolist(), found.resolved_in_book

    assert ask(filled(past)) == ask(filled(patterns))


def test_a_signal_given_at_the_moment_of_asking_is_not_recalled() -> None:
    book = MemoryBook()
    book.remember(a_pattern(hours=3, outcome=an_outcome(3)))

    def found(hours: int) -> int:
        asked = START + hours * HOUR
        return len(
            book.recall(ticker="SPY", direction=Direction.BULLISH, vector=(0.0,) * 4, as_of=asked, count=1).pattern_id
        )

    assert [found(2), found(3), found(4)] == [0, 0, 1]


def test_the_book_grows_beyond_its_first_capacity_and_forgets_nothing() -> None:
    book = MemoryBook()
    for i in range(300):
        book.remember(a_pattern(f"p{i:03d}", hours=i, vector=(i / 300, 0.0, 0.0, 0.0), outcome=an_outcome(i + 1)))
    found = book.recall(
        ticker="SPY", direction=Direction.BULLISH, vector=(0.0,) * 4, as_of=START + 1000 * HOUR, count=300
    )
    assert found.pattern_id == tuple(f"p{i:03d}" for i in range(300))
    assert found.resolved_in_book == len(book) == 300


def test_what_recall_gave_does_not_change_when_the_book_grows() -> None:
    book = MemoryBook()
    book.remember(a_pattern("a", outcome=an_outcome(1)))
    found = book.recall(ticker="SPY", direction=Direction.BULLISH, vector=(0.0,) * 4, as_of=START + 9 * HOUR, count=1)
    found.net_return[0] = -9.0
    again = book.recall(ticker="SPY", direction=Direction.BULLISH, vector=(0.0,) * 4, as_of=START + 9 * HOUR, count=1)
    assert again.net_return.tolist() == [0.01]


def test_keeping_the_same_id_twice_is_one_signal() -> None:
    book = MemoryBook()
    book.remember(a_pattern("a", ticker="SPY"))
    book.remember(a_pattern("a", ticker="QQQ"))
    assert [p.ticker for p in book.patterns()] == ["SPY"]


def test_an_outcome_belongs_to_a_known_signal_and_comes_once() -> None:
    book = MemoryBook()
    with pytest.raises(RefusedError, match="no signal a"):
        book.resolve("a", an_outcome(1))
    book.remember(a_pattern("a"))
    book.resolve("a", an_outcome(1))
    with pytest.raises(RefusedError, match="resolved already"):
        book.resolve("a", an_outcome(2))
    assert [p.outcome for p in book.patterns()] == [an_outcome(1)]


@given(histories(), st.integers(-1, 35), st.integers(0, 12))
def test_recent_gives_the_latest_signals_with_what_was_known_then(
    patterns: list[Pattern], hours: int, count: int
) -> None:
    as_of = START + hours * HOUR
    found = filled(patterns).recent(count, as_of=as_of)
    expected = sorted((p for p in patterns if p.as_of <= as_of), key=lambda p: (p.as_of, p.pattern_id))[::-1][:count]
    assert [p.pattern_id for p in found] == [p.pattern_id for p in expected]
    for shown, true in zip(found, expected, strict=True):
        known = true.outcome is not None and true.outcome.known_at <= as_of
        assert shown.outcome == (true.outcome if known else None)


def test_recent_without_a_time_shows_everything_known() -> None:
    book = MemoryBook()
    book.remember(a_pattern("a", outcome=an_outcome(50)))
    assert book.recent(5)[0].outcome == an_outcome(50)


@given(histories())
def test_patterns_come_oldest_first_whatever_the_order_they_were_remembered_in(patterns: list[Pattern]) -> None:
    ids = [p.pattern_id for p in filled(patterns).patterns()]
    assert ids == [p.pattern_id for p in sorted(patterns, key=lambda p: (p.as_of, p.pattern_id))]


def test_a_book_of_nothing_recalls_nothing() -> None:
    found = MemoryBook().recall(ticker="SPY", direction=Direction.BULLISH, vector=(0.0,), as_of=START, count=3)
    assert found.pattern_id == ()
    assert len(found.similarity) == len(found.net_return) == len(found.won) == found.resolved_in_book == 0


@pytest.mark.parametrize(
    ("pattern", "field"),
    [
        (a_pattern(vector=(1.5, 0.0)), "vector"),
        (a_pattern(vector=(math.inf, 0.0)), "vector"),
        (a_pattern(vector=()), "vector"),
        (dataclasses.replace(a_pattern(), as_of=datetime(2020, 1, 2, 21)), "as_of"),  # noqa: DTZ001 - naive on purpose
        (a_pattern(hours=5, outcome=an_outcome(4)), "known_at"),
        (a_pattern(outcome=an_outcome(4, math.nan)), "net_return"),
        (a_pattern(outcome=Outcome(0.0, False, datetime(2021, 1, 2))), "known_at"),  # noqa: DTZ001 - naive on purpose
    ],
)
def test_a_pattern_that_cannot_be_is_refused_and_leaves_the_book_as_it_was(pattern: Pattern, field: str) -> None:
    book = MemoryBook()
    with pytest.raises(InputError) as error:
        book.remember(pattern)
    assert error.value.field == field
    assert len(book) == 0


def test_a_question_that_does_not_fit_is_refused() -> None:
    book = MemoryBook()
    book.remember(a_pattern())
    with pytest.raises(InputError, match="keeps 4"):
        book.recall(ticker="SPY", direction=Direction.BULLISH, vector=(0.0, 0.0), as_of=START, count=1)
    with pytest.raises(InputError, match="no time zone"):
        book.recall(
            ticker="SPY",
            direction=Direction.BULLISH,
            vector=(0.0,) * 4,
            as_of=datetime(2020, 1, 2),  # noqa: DTZ001 - naive on purpose
            count=1,
        )
    with pytest.raises(SettingsError, match="at least 1"):
        book.recall(ticker="SPY", direction=Direction.BULLISH, vector=(0.0,) * 4, as_of=START, count=0)


def test_a_book_that_forgets_what_is_resolved_recalls_as_one_that_does_not() -> None:
    whole, brief = MemoryBook(), MemoryBook(forgets_resolved=True)
    made = [dataclasses.replace(a_pattern(), pattern_id=f"p{k}", as_of=START + timedelta(hours=k)) for k in range(40)]
    for book in (whole, brief):
        for pattern in made:
            book.remember(pattern)
        for pattern in made[:30]:
            book.resolve(pattern.pattern_id, an_outcome(100))
    asked = {"ticker": "SPY", "direction": Direction.BULLISH, "vector": made[0].vector, "count": 50}
    later = START + timedelta(hours=200)
    found, expected = (book.recall(**asked, as_of=later) for book in (brief, whole))
    assert found.pattern_id == expected.pattern_id
    assert np.array_equal(found.table, expected.table)
    assert len(found) == 30
    waiting = [pattern.pattern_id for pattern in made[30:]]
    assert (len(brief), len(whole)) == (10, 40)
    assert [p.pattern_id for p in brief.patterns()] == waiting
    assert [p.pattern_id for p in brief.recent(3)] == waiting[:-4:-1]
    assert brief.find("p0") is None
    with pytest.raises(RefusedError):
        brief.resolve("p0", an_outcome(100))
