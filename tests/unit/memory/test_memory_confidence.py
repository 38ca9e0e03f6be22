"""How far similar past signals move a confidence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.errors import InputError, SettingsError
from lightning_gex.core.patterns import Neighbours
from lightning_gex.memory.confidence import ConfidenceAdjustment, MemoryConfig, adjust_confidence


def neighbours_of(similarity: list[float], won: list[bool]) -> Neighbours:
    n = len(won)
    return Neighbours(
        pattern_id=tuple(f"p{i}" for i in range(n)),
        similarity=np.array(similarity, dtype=np.float64),
        net_return=np.where(won, 0.01, -0.01).astype(np.float64),
        won=np.array(won, dtype=np.bool_),
        resolved_in_book=n,
    )


def adjust(
    confidence: float, similarity: list[float], won: list[bool], base: float = 0.55, **settings: float
) -> ConfidenceAdjustment:
    config = MemoryConfig(**settings)  # type: ignore[arg-type]
    return adjust_confidence(confidence, neighbours_of(similarity, won), base_win_rate=base, config=config)


_ASKED = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40)
_BASE = st.one_of(st.floats(0, 1), st.just(math.nan))


@given(st.floats(-0.5, 1.5), _ASKED, _BASE)
def test_the_multiplier_stays_between_0_8_and_1_2_and_the_confidence_a_probability(
    confidence: float, asked: list[tuple[float, bool]], base: float
) -> None:
    found = adjust(confidence, [s for s, _ in asked], [w for _, w in asked], base)
    assert 0.8 <= found.multiplier <= 1.2
    assert 0.0 <= found.confidence <= 1.0


@given(st.floats(0.5, 1.0), _ASKED.filter(bool), _BASE, st.data())
def test_one_more_success_among_the_neighbours_never_lowers_the_confidence(
    confidence: float, asked: list[tuple[float, bool]], base: float, data: st.DataObject
) -> None:
    similarity, won = [s for s, _ in asked], [w for _, w in asked]
    i = data.draw(st.integers(0, len(won) - 1))
    worse, better = won.copy(), won.copy()
    worse[i], better[i] = False, True
    low = adjust(confidence, similarity, worse, base)
    high = adjust(confidence, similarity, better, base)
    assert high.multiplier >= low.multiplier
    assert high.confidence >= low.confidence


def test_too_few_neighbours_leave_the_confidence_exactly_as_it_was() -> None:
    found = adjust(0.61, [1.0] * 9, [True] * 9)
    assert (found.confidence, found.multiplier, found.considered) == (0.61, 1.0, 9)
    assert "10 are needed" in found.reason


def test_neighbours_below_the_similarity_threshold_are_not_considered() -> None:
    found = adjust(0.6, [0.95] * 12 + [0.79] * 20, [True] * 12 + [False] * 20)
    assert found.considered == 12
    assert found.multiplier > 1.0


def test_neighbours_that_won_as_often_as_any_signal_change_nothing() -> None:
    assert adjust(0.6, [0.9] * 20, [True, False] * 10, base=0.5).multiplier == pytest.approx(1.0)


def test_the_multiplier_is_the_beta_posterior_over_the_base_rate() -> None:
    # prior 30 signals at 0.5, twelve identical neighbours of which eight won: (15 + 8) / 42 over 0.5
    found = adjust(0.6, [1.0] * 12, [True] * 8 + [False] * 4, base=0.5)
    assert found.multiplier == pytest.approx(23 / 42 / 0.5)
    assert found.confidence == pytest.approx(0.6 * 46 / 42)
    assert "8 of 12" in found.reason


def test_more_evidence_of_the_same_kind_moves_the_confidence_further() -> None:
    few = adjust(0.6, [0.9] * 10, [True] * 6 + [False] * 4, base=0.5)
    many = adjust(0.6, [0.9] * 30, [True] * 18 + [False] * 12, base=0.5)
    assert 1.0 < few.multiplier < many.multiplier


def test_a_closer_neighbour_weighs_more() -> None:
    close_won = adjust(0.6, [1.0] * 6 + [0.8] * 6, [True] * 6 + [False] * 6, base=0.5)
    far_won = adjust(0.6, [1.0] * 6 + [0.8] * 6, [False] * 6 + [True] * 6, base=0.5)
    assert close_won.multiplier > 1.0 > far_won.multiplier


def test_overwhelming_evidence_stops_at_the_bounds() -> None:
    assert adjust(0.6, [1.0] * 500, [True] * 500, base=0.5).multiplier == 1.2
    assert adjust(0.6, [1.0] * 500, [False] * 500, base=0.5).multiplier == 0.8
    assert adjust(0.95, [1.0] * 500, [True] * 500, base=0.5).confidence == 1.0


@pytest.mark.parametrize("base", [math.nan, 0.0])
def test_without_a_base_rate_the_confidence_stands_in_and_the_record_says_so(base: float) -> None:
    found = adjust(0.6, [1.0] * 10, [True] * 10, base)
    assert found.multiplier == pytest.approx((18 + 10) / 40 / 0.6)
    assert found.fallback is not None
    assert "stands in" in found.fallback


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
