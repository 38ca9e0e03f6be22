"""How much of the same thing an account may hold."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.enums import Direction
from lightning_gex.core.errors import SettingsError
from lightning_gex.risk.concentration import (
    CORRELATION_CAP,
    POSITION_VOLATILITY_CAP,
    SECTOR_CAP,
    VOLATILITY_CAP,
    ConcentrationLimits,
    HeldBeside,
    book_volatility,
    concentration_caps,
    largest_weight,
)

NAN = math.nan
LIMITS = ConcentrationLimits()
LONG, SHORT = Direction.BULLISH, Direction.BEARISH


def held(
    weight: list[float],
    *,
    volatility: list[float] | None = None,
    rho: float = 0.0,
    to_idea: list[float] | None = None,
    sector: list[str | None] | None = None,
    **changes: Any,
) -> HeldBeside:
    k = len(weight)
    correlation = np.full((k, k), rho)
    np.fill_diagonal(correlation, 1.0)
    values: dict[str, Any] = {
        "ticker": tuple(f"T{i}" for i in range(k)),
        "weight": np.array(weight, dtype=np.float64),
        "volatility": np.array(volatility or [0.2] * k),
        "sector": tuple(sector or [None] * k),
        "correlation": correlation,
        "to_idea": np.array([rho] * k if to_idea is None else to_idea, dtype=np.float64),
        "idea_volatility": 0.2,
        "idea_sector": None,
        "basis": "forecast volatility",
    }
    return HeldBeside(**{**values, **changes})


def caps(book: HeldBeside, direction: Direction = LONG, limits: ConcentrationLimits = LIMITS) -> dict[str, float]:
    found, _ = concentration_caps(direction, book, limits)
    return {cap.name: cap.size_pct for cap in found}


def note(book: HeldBeside, direction: Direction = LONG) -> str | None:
    return concentration_caps(direction, book, LIMITS)[1]


def test_an_empty_book_leaves_the_target_over_the_ideas_volatility():
    assert caps(held([])) == {  # 10 % and 2 % over 20 %
        VOLATILITY_CAP: pytest.approx(0.5),
        POSITION_VOLATILITY_CAP: pytest.approx(0.1),
    }


def test_one_position_adds_no_more_volatility_than_it_may_whatever_else_is_held():
    for weights in ([], [0.05]):
        assert caps(held(weights, idea_volatility=0.4))[POSITION_VOLATILITY_CAP] == pytest.approx(0.05)
    free = replace(ConcentrationLimits(), max_position_volatility=math.inf)
    assert POSITION_VOLATILITY_CAP not in caps(held([]), limits=free)
    assert POSITION_VOLATILITY_CAP not in caps(held([], idea_volatility=math.nan))


def test_twice_the_volatility_is_half_the_size():
    assert caps(held([], idea_volatility=0.4))[VOLATILITY_CAP] == pytest.approx(0.25)


def test_what_moves_as_one_adds_up_and_what_is_independent_adds_in_squares():
    # 0.3 x 20 % is 6 % in the book. As one: 4 % are left, 0.2 of equity. Independent: sqrt(10^2 - 6^2) = 8 %, 0.4.
    assert caps(held([0.3], to_idea=[1.0]))[VOLATILITY_CAP] == pytest.approx(0.2)
    assert caps(held([0.3], to_idea=[0.0]))[VOLATILITY_CAP] == pytest.approx(0.4)


def test_a_hedge_leaves_more_room_than_an_empty_book():
    assert caps(held([0.3], to_idea=[-1.0]))[VOLATILITY_CAP] == pytest.approx(0.8)
    assert caps(held([-0.3], to_idea=[1.0]))[VOLATILITY_CAP] == pytest.approx(0.8)
    assert caps(held([0.3], to_idea=[1.0]), SHORT)[VOLATILITY_CAP] == pytest.approx(0.8)


def test_a_book_beyond_the_target_leaves_nothing():
    assert caps(held([0.6], to_idea=[0.5]))[VOLATILITY_CAP] == 0.0


def test_a_correlation_that_is_not_known_counts_as_one_and_the_record_says_so():
    unknown = held([0.3], to_idea=[NAN])
    assert caps(unknown)[VOLATILITY_CAP] == pytest.approx(0.2)
    assert caps(unknown)[CORRELATION_CAP] == pytest.approx(0.1)
    assert note(unknown) == "the correlation with T0 is not known and counts as 1"


def test_a_volatility_that_is_not_known_counts_as_the_ideas_own():
    unknown = held([0.3], volatility=[NAN], to_idea=[1.0])
    assert caps(unknown)[VOLATILITY_CAP] == pytest.approx(0.2)
    assert "the volatility of T0 is not known" in str(note(unknown))
    assert VOLATILITY_CAP not in caps(held([0.3], idea_volatility=NAN))


def test_positions_that_move_with_the_idea_share_one_limit():
    book = held([0.15, 0.10, 0.05], to_idea=[0.9, 0.3, 0.7])
    assert caps(book)[CORRELATION_CAP] == pytest.approx(0.20)  # 0.40 - 0.15 - 0.05
    assert CORRELATION_CAP not in caps(held([0.3], to_idea=[0.69]))


def test_a_short_moves_with_a_long_that_moves_against_it():
    assert CORRELATION_CAP not in caps(held([-0.3], to_idea=[0.9]))
    assert caps(held([-0.3], to_idea=[-0.9]))[CORRELATION_CAP] == pytest.approx(0.1)


def test_a_sector_has_its_own_limit_and_unknown_ones_are_named():
    book = held([0.15, 0.10], sector=["Energy", "Tech"], idea_sector="Energy")
    assert caps(book)[SECTOR_CAP] == pytest.approx(0.15)
    assert note(book) is None
    part = held([0.15, 0.10], sector=["Energy", None], idea_sector="Energy")
    assert note(part) == "the sector of T1 is not known: not counted in any"
    assert SECTOR_CAP not in caps(held([0.15], sector=["Energy"]))


def test_a_weight_that_is_not_known_leaves_no_room():
    assert caps(held([NAN], to_idea=[1.0]))[CORRELATION_CAP] == 0.0
    assert caps(held([NAN], sector=["Energy"], idea_sector="Energy"))[SECTOR_CAP] == 0.0
    assert caps(held([NAN], to_idea=[1.0]))[VOLATILITY_CAP] == 0.0


_WEIGHTS = st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=5)


@given(_WEIGHTS, st.floats(0.05, 1.0), st.floats(-0.2, 0.95), st.floats(0.05, 0.3))
def test_the_largest_weight_brings_the_book_exactly_to_its_target(weights, own, rho, target):
    rho = max(rho, -0.9 / len(weights))  # a correlation matrix has to be one
    book = held(weights, rho=rho, idea_volatility=own)
    room = caps(book, limits=ConcentrationLimits(target_volatility=target))[VOLATILITY_CAP]
    assert room >= 0.0
    if room > 1e-9:
        with_it = held([*weights, room], volatility=[0.2] * len(weights) + [own], rho=rho)
        assert book_volatility(with_it) == pytest.approx(target, rel=1e-6)


@given(st.floats(0.05, 1.0), st.floats(-0.3, 0.3), st.floats(0.0, 0.3), st.floats(0.01, 0.5))
def test_a_higher_target_never_allows_less(own, together, book, target):
    together = max(-book, min(book, together))
    assert largest_weight(own, together, book, target * 1.1) >= largest_weight(own, together, book, target)


@pytest.mark.parametrize(
    "wrong",
    [
        {"target_volatility": 0.0},
        {"target_volatility": NAN},
        {"max_sector_pct": 0.0},
        {"max_correlated_pct": 1.5},
        {"correlated_from": -0.5},
        {"fewest_sessions": 2},
        {"fewest_sessions": 200},
    ],
)
def test_a_limit_out_of_range_is_refused_by_name(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        ConcentrationLimits(**wrong)
