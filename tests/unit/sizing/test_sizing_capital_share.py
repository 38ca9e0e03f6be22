"""A system with a part of the capital sizes as it would with an account of that part, and never more."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.sizing.capital_share import SHARE_CAP, share_cap
from lightning_gex.sizing.ladder import LADDER

FRACTION = st.floats(0.0, 1.0)


@given(st.sampled_from(LADDER), FRACTION, st.floats(0.0, 2.0), st.floats(0.01, 1.0))
def test_the_cap_is_at_most_its_part_of_the_size_and_of_the_room(size, share, exposure, most):
    cap = share_cap(size, share, exposure_pct=exposure, max_total_exposure_pct=most)
    assert cap.name == SHARE_CAP
    assert 0.0 <= cap.size_pct <= size * share + 1e-12
    assert cap.size_pct + exposure <= max(share * most, exposure) + 1e-9


@given(st.sampled_from(LADDER[1:]), st.floats(0.0, 0.99), st.floats(0.0, 0.01))
def test_a_larger_part_never_gives_less(size, share, more):
    small, large = (share_cap(size, s, exposure_pct=0.0, max_total_exposure_pct=0.8) for s in (share, share + more))
    assert small.size_pct <= large.size_pct


def test_nothing_of_the_capital_is_no_size():
    assert share_cap(0.15, 0.0, exposure_pct=0.0, max_total_exposure_pct=0.8).size_pct == 0.0


@pytest.mark.parametrize("exposure", [math.nan, math.inf])
def test_an_unknown_exposure_leaves_no_room(exposure):
    assert share_cap(0.10, 0.5, exposure_pct=exposure, max_total_exposure_pct=0.8).size_pct == 0.0
