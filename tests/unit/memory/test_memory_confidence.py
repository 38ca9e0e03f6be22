"""How far a confidence follows what became of similar past signals."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.patterns import Neighbours
from lightning_gex.memory.confidence import (
    SHOWN_SETUPS,
    ConfidenceAdjustment,
    MemoryConfig,
    adjust_confidence,
    similar_setups,
)
from lightning_gex.memory.say import MemorySay

FIRST = np.datetime64("2015-01-05T21:00", "us")
DAY = np.timedelta64(1, "D")
ASKED = datetime(2020, 1, 6, 21, tzinfo=UTC)
FULL_SAY = MemorySay(outcomes=10_000, agreement=1_000.0, information=500.0)
FOREVER = 1e12  # half-life of outcomes that never fade


def neighbours_of(
    similarity: list[float], right: list[bool], *, said: float = math.nan, days_apart: int = 10, lasting: int = 5
) -> Neighbours:
    n = len(right)
    given = FIRST + days_apart * np.arange(n) * DAY
    return Neighbours.of(
        pattern_id=tuple(f"p{i}" for i in range(n)),
        similarity=np.array(similarity, dtype=np.float64),
        net_return=np.where(right, 0.01, -0.01).astype(np.float64),
        won=np.array(right, dtype=np.bool_),
        resolved_in_book=n,
        confidence=said,
        given_at=given,
        known_at=given + lasting * DAY,
    )


def adjust(
    confidence: float,
    similarity: list[float],
    right: list[bool],
    base: float = 0.55,
    say: MemorySay = FULL_SAY,
    **settings: float,
) -> ConfidenceAdjustment:
    config = MemoryConfig(**({"half_life_years": FOREVER} | settings))  # type: ignore[arg-type]
    found = neighbours_of(similarity, right)
    return adjust_confidence(confidence, found, base_rate=base, as_of=ASKED, say=say, config=config)


def log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


_ASKED = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40)
_BASE = st.one_of(st.floats(0, 1), st.just(math.nan))
_SAY = st.sampled_from([MemorySay(), FULL_SAY, MemorySay(300, 1.0, 0.2), MemorySay(300, -1.0, 0.2)])


@given(st.floats(-0.5, 1.5), _ASKED, _BASE, _SAY)
def test_the_multiplier_stays_between_0_8_and_1_2_and_the_confidence_a_probability(
    confidence: float, asked: list[tuple[float, bool]], base: float, say: MemorySay
) -> None:
    found = adjust(confidence, [s for s, _ in asked], [w for _, w in asked], base, say)
    assert 0.8 <= found.multiplier <= 1.2
    assert 0.0 <= found.confidence <= 1.0
    if say.share == 0.0:
        assert found.multiplier == 1.0


@given(st.floats(0.0, 1.0), _ASKED.filter(bool), _BASE, _SAY, st.data())
def test_one_more_success_among_the_neighbours_never_lowers_the_confidence(
    confidence: float, asked: list[tuple[float, bool]], base: float, say: MemorySay, data: st.DataObject
) -> None:
    similarity, right = [s for s, _ in asked], [w for _, w in asked]
    i = data.draw(st.integers(0, len(right) - 1))
    worse, better = right.copy(), right.copy()
    worse[i], better[i] = False, True
    low = adjust(confidence, similarity, worse, base, say)
    high = adjust(confidence, similarity, better, base, say)
    assert high.multiplier >= low.multiplier
    assert high.confidence >= low.confidence


def test_too_few_neighbours_leave_the_confidence_exactly_as_it_was() -> None:
    found = adjust(0.61, [1.0] * 9, [True] * 9)
    assert (found.confidence, found.multiplier, found.considered) == (0.61, 1.0, 9)
    assert math.isnan(found.shift)
    assert found.advice == {}
    assert "10 are needed" in found.reason


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (MemorySay(), "not been tried"),
        (MemorySay(400, 0.5, 0.1), "no proven gain"),  # 1.6 standard errors
        (MemorySay(400, -2.0, 0.5), "no proven gain"),
    ],
)
def test_advice_that_has_not_proved_right_is_told_and_changes_nothing(say: MemorySay, words: str) -> None:
    found = adjust(0.6, [1.0] * 20, [True] * 20, base=0.5, say=say)
    assert (found.confidence, found.multiplier) == (0.6, 1.0)
    assert found.shift > 0
    assert words in found.reason


def test_neighbours_below_the_similarity_threshold_are_not_considered() -> None:
    found = adjust(0.6, [0.95] * 12 + [0.79] * 20, [True] * 12 + [False] * 20)
    assert (found.considered, found.right) == (12, 12)
    assert found.multiplier > 1.0


def test_neighbours_that_were_right_as_often_as_any_signal_change_nothing() -> None:
    assert adjust(0.6, [0.9] * 20, [True, False] * 10, base=0.5).multiplier == pytest.approx(1.0)


def test_the_multiplier_follows_from_the_recalibrated_probability() -> None:
    # prior 30 signals at 0.5, twelve identical neighbours of which eight were right: 23 of 42, in log-odds ln(23 / 19)
    found = adjust(0.6, [1.0] * 12, [True] * 8 + [False] * 4, base=0.5)
    assert found.success_rate == pytest.approx(23 / 42)
    assert found.shift == pytest.approx(math.log(23 / 19))
    recalibrated = 1 / (1 + math.exp(-(log_odds(0.6) + math.log(23 / 19))))
    assert found.confidence == pytest.approx(recalibrated)
    assert found.multiplier == pytest.approx(recalibrated / 0.6)
    assert "8 of 12" in found.reason


def test_half_a_say_carries_out_half_of_the_advice() -> None:
    half = MemorySay(outcomes=1_000, agreement=10.0, information=19.5)
    assert half.share == 0.5
    found = adjust(0.6, [1.0] * 12, [True] * 8 + [False] * 4, base=0.5, say=half)
    assert log_odds(found.confidence) == pytest.approx(log_odds(0.6) + 0.5 * math.log(23 / 19))


def test_an_outcome_counts_half_after_a_half_life() -> None:
    found = neighbours_of([1.0] * 12, [True] * 12)
    known = found.known_at.astype("datetime64[us]").astype(np.int64)
    ages = (np.datetime64("2020-01-06T21:00", "us").astype(np.int64) - known) / (365.25 * 86_400e6)
    weight = (0.5 ** (ages / 2.0)).sum()
    config = MemoryConfig(half_life_years=2.0)
    adjusted = adjust_confidence(0.6, found, base_rate=0.5, as_of=ASKED, say=FULL_SAY, config=config)
    assert adjusted.success_rate == pytest.approx((15 + weight) / (30 + weight))


def test_neighbours_whose_windows_overlap_share_one_voice() -> None:
    config = MemoryConfig(half_life_years=FOREVER)
    rates = [
        adjust_confidence(
            0.6,
            neighbours_of([1.0] * 12, [True] * 12, days_apart=apart, lasting=lasting),
            base_rate=0.5,
            as_of=ASKED,
            say=FULL_SAY,
            config=config,
        ).success_rate
        for apart, lasting in ((0, 5), (10, 5))
    ]
    assert rates == pytest.approx([(15 + 1) / 31, (15 + 12) / 42])


def test_a_closer_neighbour_weighs_more() -> None:
    close_right = adjust(0.6, [1.0] * 6 + [0.8] * 6, [True] * 6 + [False] * 6, base=0.5)
    far_right = adjust(0.6, [1.0] * 6 + [0.8] * 6, [False] * 6 + [True] * 6, base=0.5)
    assert close_right.multiplier > 1.0 > far_right.multiplier


def test_overwhelming_evidence_stops_at_the_bounds() -> None:
    assert adjust(0.6, [1.0] * 150, [True] * 150, base=0.5).multiplier == 1.2
    assert adjust(0.6, [1.0] * 150, [False] * 150, base=0.5).multiplier == 0.8
    assert adjust(1.0, [1.0] * 150, [True] * 150, base=0.5).confidence == 1.0


def test_without_a_base_rate_what_was_said_of_the_neighbours_stands_in_and_the_record_says_so() -> None:
    config = MemoryConfig(half_life_years=FOREVER)
    told = neighbours_of([1.0] * 10, [True] * 6 + [False] * 4, said=0.6)
    found = adjust_confidence(0.7, told, base_rate=math.nan, as_of=ASKED, say=FULL_SAY, config=config)
    assert found.base_rate == pytest.approx(0.6)
    assert found.multiplier == pytest.approx(1.0)  # six of ten, as had been said
    assert found.fallback is not None
    assert "stands in" in found.fallback
    untold = adjust(0.7, [1.0] * 10, [True] * 10, math.nan)
    assert untold.base_rate == 0.5
    assert untold.fallback is not None
    assert "even odds" in untold.fallback


def test_a_missing_confidence_stays_missing() -> None:
    found = adjust(math.nan, [1.0] * 20, [True] * 20)
    assert math.isnan(found.confidence)
    assert found.multiplier == 1.0


def test_a_confidence_of_nothing_cannot_be_scaled() -> None:
    assert adjust(0.0, [1.0] * 20, [True] * 20, math.nan).confidence == 0.0


def test_a_base_rate_outside_0_to_1_is_refused() -> None:
    for base in (-0.1, 1.1):
        with pytest.raises(InputError):
            adjust(0.6, [], [], base)


def test_similar_setups_are_named_with_their_dates_and_results() -> None:
    told = similar_setups(neighbours_of([0.99, 0.87], [True, False]))
    assert told == "2015-01-05 +1.0 % (alike 0.99); 2015-01-15 -1.0 % (alike 0.87)"
    assert similar_setups(neighbours_of([0.9] * 30, [True] * 30)).count("alike") == SHOWN_SETUPS
    assert similar_setups(neighbours_of([], [])) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"neighbours": 0},
        {"minimum_neighbours": 0},
        {"recent_signals": 0},
        {"similarity_threshold": 1.1},
        {"similarity_threshold": math.nan},
        {"prior_strength": 0.0},
        {"prior_strength": math.nan},
        {"half_life_years": 0.0},
        {"half_life_years": math.inf},
        {"lowest_multiplier": 0.7},
        {"highest_multiplier": 1.3},
        {"lowest_multiplier": 1.1},
        {"highest_multiplier": math.nan},
    ],
)
def test_a_configuration_outside_the_founding_bounds_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="memory"):
        MemoryConfig(**wrong)  # type: ignore[arg-type]


def test_the_short_term_memory_holds_fifty_signals() -> None:
    assert MemoryConfig().recent_signals == 50
