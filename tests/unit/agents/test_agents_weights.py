"""Weights follow performance slowly and within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.agents.weights import HIGHEST_WEIGHT, LOWEST_WEIGHT, updated_weight, weight_of_edge
from lightning_gex.core.errors import InputError, SettingsError

WEIGHT = st.floats(LOWEST_WEIGHT, HIGHEST_WEIGHT)
SHARE = st.floats(0.0, 1.0)


@given(WEIGHT, SHARE)
def test_a_weight_stays_within_its_bounds(current, performance):
    assert LOWEST_WEIGHT <= updated_weight(current, performance) <= HIGHEST_WEIGHT


@given(WEIGHT, SHARE, SHARE)
def test_a_better_performance_never_weighs_less(current, one, other):
    low, high = sorted((one, other))
    assert updated_weight(current, low) <= updated_weight(current, high) * (1 + 1e-12)


@given(WEIGHT, SHARE)
def test_one_update_goes_part_of_the_way_and_many_arrive(current, performance):
    weight = current
    for _ in range(300):
        weight = updated_weight(weight, performance)
    aim = 2.0 ** (2 * performance - 1)  # with bounds 0.5 and 2 the aim is one power on either side
    assert weight == pytest.approx(aim, rel=1e-9)
    first = updated_weight(current, performance)
    assert min(current, aim) * (1 - 1e-12) <= first <= max(current, aim) * (1 + 1e-12)


def test_a_coins_performance_leaves_weight_one_alone():
    assert updated_weight(1.0, 0.5) == 1.0


def test_one_update_by_hand():
    assert updated_weight(1.0, 1.0, rate=0.5) == pytest.approx(2.0**0.5)
    assert updated_weight(2.0, 0.0, rate=0.25) == pytest.approx(2.0**0.75 * 0.5**0.25)


@pytest.mark.parametrize("performance", [-0.1, 1.1, float("nan")])
def test_a_performance_that_is_no_share_is_refused(performance):
    with pytest.raises(InputError) as caught:
        updated_weight(1.0, performance)
    assert caught.value.field == "performance"


@pytest.mark.parametrize(
    "wrong",
    [{"current": 3.0}, {"current": float("nan")}, {"rate": 0.0}, {"rate": 1.5}, {"lowest": 0.0}, {"highest": 1.0}],
)
def test_a_setting_outside_its_range_is_refused(wrong):
    with pytest.raises(SettingsError):
        updated_weight(**{"current": 1.0, "performance": 0.6} | wrong)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_what_is_proved_earns_a_weight_that_rises_with_it_from_that_of_everybody(one, other):
    low, high = (weight_of_edge(edge) for edge in sorted((one, other)))
    assert 1.0 <= low <= high


def test_nothing_proved_weighs_exactly_one_and_every_point_one_more():
    assert weight_of_edge(0.0) == 1.0
    assert weight_of_edge(0.05) == pytest.approx(6.0)
    for wrong in (float("nan"), -0.01, 1.01):
        with pytest.raises(InputError, match="proved edge"):
            weight_of_edge(wrong)
