"""The size ladder."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.sizing.ladder import LADDER, rung_at_or_below


def test_the_rungs_are_the_founding_documents() -> None:
    assert LADDER == (0.0, 0.02, 0.05, 0.10, 0.15)


@given(st.floats(0, 10))
def test_a_rung_never_exceeds_what_was_asked_and_is_the_largest_that_does_not(pct: float) -> None:
    rung = rung_at_or_below(pct)
    assert rung in LADDER
    assert rung <= pct
    assert all(other > pct for other in LADDER if other > rung)


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_larger_size_never_gets_a_lower_rung(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert rung_at_or_below(low) <= rung_at_or_below(high)


@pytest.mark.parametrize("rung", LADDER)
def test_a_rung_is_its_own_rung(rung: float) -> None:
    assert rung_at_or_below(rung) == rung


@pytest.mark.parametrize("nothing", [math.nan, -0.01, -math.inf])
def test_what_is_no_size_gets_nothing(nothing: float) -> None:
    assert rung_at_or_below(nothing) == 0.0


def test_without_a_bound_the_highest_rung_is_the_bound() -> None:
    assert rung_at_or_below(math.inf) == 0.15
