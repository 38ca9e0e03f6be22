"""How much say memory earns by what became of its advice."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.enums import Direction
from lightning_gex.core.patterns import Outcome, Pattern
from lightning_gex.memory.book import MemoryBook
from lightning_gex.memory.confidence import MemoryConfig, adjust_confidence
from lightning_gex.memory.say import LEAST_EVIDENCE, MemorySay

START = datetime(2012, 1, 3, 21, tzinfo=UTC)
DAY = timedelta(days=1)


def advised(shift: float, said: float, *, day: int = 0, horizon: int = 5, x: float = 0.0) -> Pattern:
    return Pattern(
        f"p{day}",
        "SPY",
        START + day * DAY,
        (x, 0.0, 0.0, 0.0),
        Direction.BULLISH,
        said,
        horizon,
        100.0,
        105.0,
        97.0,
        None,
        confidence_before_memory=said,
        memory_shift=shift,
    )


def became(pattern: Pattern, right: bool) -> Outcome:
    moved = 0.01 if right else -0.01
    return Outcome(moved, right, pattern.as_of + pattern.horizon_sessions * DAY, moved)


def after(calls: list[tuple[float, float, bool]], horizon: int = 1) -> MemorySay:
    say = MemorySay()
    for shift, said, right in calls:
        pattern = advised(shift, said, horizon=horizon)
        say = say.after(pattern, became(pattern, right))
    return say


def test_the_share_is_score_over_information_shrunk_towards_none() -> None:
    say = after([(0.5, 0.6, True)] * 60 + [(-0.5, 0.6, False)] * 60)
    agreement = 60 * 0.5 * 0.4 + 60 * 0.5 * 0.6
    information = 120 * 0.25 * 0.24
    assert say.agreement == pytest.approx(agreement)
    assert say.evidence == pytest.approx(agreement / math.sqrt(information))
    assert say.share == min(1.0, agreement / (information + 0.5))


def test_advice_that_went_against_what_came_earns_nothing() -> None:
    assert after([(0.5, 0.6, False)] * 200).share == 0.0


def test_advice_without_enough_evidence_earns_exactly_nothing() -> None:
    say = after([(0.2, 0.5, True)] * 2)
    assert 0 < say.evidence < LEAST_EVIDENCE
    assert say.share == 0.0


def test_windows_that_overlap_count_their_share() -> None:
    calls = [(0.5, 0.6, True)] * 10
    assert after(calls, horizon=10).agreement == pytest.approx(after(calls[:1]).agreement)


def test_a_signal_without_advice_or_a_certain_one_changes_nothing() -> None:
    for shift, said in ((math.nan, 0.6), (0.2, math.nan), (0.2, 1.0), (0.2, 0.0)):
        assert after([(shift, said, True)]) == MemorySay()
    assert MemorySay().share == 0.0
    assert math.isnan(MemorySay().evidence)


@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(0.01, 0.99), st.booleans()), max_size=60))
def test_the_share_is_a_share(calls: list[tuple[float, float, bool]]) -> None:
    assert 0.0 <= after(calls).share <= 1.0


def lived_through(effect: float) -> tuple[MemorySay, float, float]:
    """Two years of two kinds of days that look apart, their odds apart by ``effect``: what memory earned, and twice the
    mean squared error of the probabilities, without and with it."""
    rng = np.random.default_rng(11)
    config = MemoryConfig(prior_strength=10.0)
    book, say, waiting = MemoryBook(), MemorySay(), []
    without, with_memory = [], []
    for day in range(0, 3_000, 3):
        now = START + day * DAY
        for pattern, outcome in [w for w in waiting if w[1].known_at <= now]:
            book.resolve(pattern.pattern_id, outcome)
            say = say.after(pattern, outcome)
        waiting = [w for w in waiting if w[1].known_at > now]
        good = bool(rng.random() < 0.5)
        draft = advised(math.nan, 0.5, day=day, horizon=2, x=0.8 if good else -0.8)
        found = book.recall(ticker="SPY", direction=Direction.BULLISH, vector=draft.vector, as_of=now, count=40)
        adjusted = adjust_confidence(0.5, found, base_rate=0.5, as_of=now, say=say, config=config)
        right = bool(rng.random() < 0.5 + (effect if good else -effect))
        without.append((0.5 - right) ** 2)
        with_memory.append((adjusted.confidence - right) ** 2)
        pattern = dataclasses.replace(draft, memory_shift=adjusted.shift)
        book.remember(pattern)
        waiting.append((pattern, became(pattern, right)))
    return say, float(np.mean(without)), float(np.mean(with_memory))


def test_where_similar_days_end_alike_memory_earns_a_say_and_probabilities_get_better() -> None:
    say, without, with_memory = lived_through(effect=0.2)
    assert say.share > 0.5
    assert with_memory < without - 0.01


def test_where_likeness_means_nothing_memory_costs_nothing() -> None:
    say, without, with_memory = lived_through(effect=0.0)
    assert say.share == 0.0
    assert with_memory == pytest.approx(without, abs=0.002)
