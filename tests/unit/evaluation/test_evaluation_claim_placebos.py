"""Claims beside placebos: planted walls, pins and drifts are found, and a market without them shows none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from claim_samples import DAILY, SESSIONS, bars_of, data, hypothesis, measured, path, rank

from lightning_gex.evaluation.claim_data import expiry_sessions, expiry_week
from lightning_gex.evaluation.claim_measures import TooLittle, Trial
from lightning_gex.evaluation.claim_placebos import (
    FIFTH,
    LEAST_PLACEBOS,
    close_to_strike,
    level_holds,
    share_of_rises,
)

EVERY = np.ones(SESSIONS, dtype=np.bool_)


def test_the_share_of_rises_in_a_fifth_is_counted_against_all_sessions():
    prices, close = path(3)
    feature = rank(4)
    claims = data(bars_of(prices, "AAA"), features={"gex": feature})
    found = measured(claims, "gex_highest_3")
    back = np.log(close[3:] / prices[1:-2, 0])  # from the next open to the close three sessions on
    known = np.isfinite(feature[:-3])
    marked = (feature[:-3] >= FIFTH) & known
    assert found.figures["base_rate"] == pytest.approx(np.mean(back > 0))
    assert found.effect == pytest.approx(np.mean(back[marked] > 0) - np.mean(back > 0))
    assert found.figures["marked"] == marked.sum()
    assert found.figures["separate_windows"] <= marked.sum()
    assert found.figures["placebos"] >= LEAST_PLACEBOS
    assert found.p_value > 0.05


def test_a_fifth_after_which_prices_rise_is_found():
    feature = rank(4)
    prices, _ = path(3)
    drift = np.r_[0.0, np.where(feature[:-1] >= FIFTH, DAILY, -DAILY / 4)]
    moved = prices * np.exp(np.cumsum(drift))[:, None]
    moved[1:, 0] = moved[:-1, -1]
    bars = bars_of(moved, "AAA")
    found = measured(data(bars, features={"gex": feature}), "gex_highest_3")
    assert found.effect > 0.15
    assert found.p_value < 0.01
    other = measured(data(bars, features={"gex": -feature}), "gex_lowest_3")
    assert other.effect == pytest.approx(found.effect)


def test_too_short_a_sample_has_too_few_placebos():
    prices, _ = path(3, n=300)
    claims = data(bars_of(prices), features={"gex": rank(1, n=300)})
    found = share_of_rises(Trial(claims, hypothesis("gex_highest_3"), np.ones(300, dtype=np.bool_)))
    assert isinstance(found, TooLittle)
    assert "placebos" in found.reason


def walled(seed: int, strength: float, distance: float = 0.7, side: int = 1):
    """Prices that turn back at a level of their own each day with a given probability, and those levels.

    Where the price crosses a place at a random distance from the open, what lies beyond is mirrored at it with
    probability ``strength``; the level that is known stands a twentieth of a daily deviation before that place.
    """
    random = np.random.default_rng(seed)
    steps = 78
    prices, level = np.empty((SESSIONS, steps + 1)), np.empty(SESSIONS)
    log = 7.6
    for d in range(SESSIONS):
        inside = log + np.r_[0.0, np.cumsum(random.standard_normal(steps) * DAILY / np.sqrt(steps))]
        wall = log + side * DAILY * distance * random.uniform(0.5, 1.5)
        if random.random() < strength:
            beyond = np.maximum(side * (inside - wall), 0.0)
            inside = inside - side * 2.0 * beyond
        prices[d], level[d], log = np.exp(inside), np.exp(wall - side * DAILY / 20.0), inside[-1]
    known_before = np.r_[level[1:], np.nan]  # row d: the wall of the session after
    return bars_of(prices), known_before


@pytest.mark.parametrize(("name", "side"), [("call_wall", 1), ("put_wall", -1), ("zero_gamma", 1), ("zero_gamma", -1)])
def test_walls_at_which_prices_turn_hold_more_often_than_levels_beside_them(name, side):
    bars, levels = walled(11, 1.0, side=side)
    found = measured(data(bars, levels={name: levels}), f"{name}_holds")
    assert found.effect > 0.1
    assert found.p_value < 0.01
    assert found.figures["share_that_holds"] > 0.8


@pytest.mark.parametrize("name", ["call_wall", "put_wall"])
def test_walls_that_nobody_minds_hold_as_often_as_levels_beside_them(name):
    bars, levels = walled(12, 0.0, side=1 if name == "call_wall" else -1)
    found = measured(data(bars, levels={name: levels}), f"{name}_holds")
    assert abs(found.effect) < 0.08
    assert found.p_value > 0.05
    assert found.figures["share_that_holds"] == pytest.approx(0.5, abs=0.1)  # the reflection principle


def test_a_call_wall_below_the_open_is_no_resistance():
    bars, levels = walled(13, 1.0, side=-1)
    trial = Trial(data(bars, levels={"call_wall": levels}), hypothesis("call_wall_holds"), EVERY)
    found = level_holds(trial)
    assert isinstance(found, TooLittle)
    assert "touched it" in found.reason
    absent = level_holds(replace(trial, data=data(bars, levels={})))
    assert isinstance(absent, TooLittle)


def pinned(seed: int, strength: float, *, monthly: bool):
    """Prices that at expiry close at the nearest multiple of ten with a given strength."""
    prices, _ = path(seed)
    bars = bars_of(prices)
    at = expiry_sessions(bars.session, monthly=monthly)
    close = bars.close.copy()
    nearest = np.round(close / 10.0) * 10.0
    close[at] += strength * (nearest - close)[at]
    return replace(bars, close=close, high=np.maximum(bars.high, close), low=np.minimum(bars.low, close))


@pytest.mark.parametrize(("name", "monthly"), [("monthly_expiry_pins", True), ("weekly_expiry_pins", False)])
def test_closes_that_are_drawn_to_strikes_at_expiry_are_found_and_others_are_not(name, monthly):
    drawn = measured(data(pinned(21, 0.6, monthly=monthly)), name)
    free = measured(data(pinned(21, 0.0, monthly=monthly)), name)
    assert drawn.effect == pytest.approx(0.15, abs=0.05)  # three fifths of a quarter of a step
    assert drawn.p_value < 0.001
    assert drawn.figures["shifted_grids_as_near"] < 0.25 < free.figures["shifted_grids_as_near"]
    assert free.p_value > 0.05


def test_without_raw_closes_or_a_step_nothing_is_said_of_strikes():
    claims = data(pinned(21, 0.6, monthly=True))
    for absent in (replace(claims, raw_close=None), replace(claims, strike_step=None)):
        found = close_to_strike(Trial(absent, hypothesis("monthly_expiry_pins"), EVERY))
        assert isinstance(found, TooLittle)


def test_closes_that_are_drawn_to_the_wall_at_expiry_are_found_and_near_walls_alone_are_not():
    prices, close = path(31, n=SESSIONS)
    bars = bars_of(prices)
    at = expiry_sessions(bars.session, monthly=True)
    random = np.random.default_rng(1)
    away = DAILY * random.standard_normal(SESSIONS)
    eve = np.r_[at[1:], False]
    away[eve] /= 4.0  # walls stand nearer on the eve of an expiry, which says nothing of the close
    wall = close * np.exp(away)
    claims = data(bars, levels={"call_wall": wall})
    assert measured(claims, "expiry_pins_to_wall").p_value > 0.05
    drawn = close.copy()
    drawn[at] = close[at] * (np.r_[np.nan, wall[:-1]] / close)[at] ** 0.7
    pulled = replace(bars, close=drawn, high=np.maximum(bars.high, drawn), low=np.minimum(bars.low, drawn))
    wall = np.where(at, drawn * np.exp(away), wall)
    found = measured(data(pulled, levels={"call_wall": wall}), "expiry_pins_to_wall")
    assert found.effect > 0.3
    assert found.p_value < 0.01


def test_a_drift_in_the_week_of_expiry_is_found_at_its_size():
    prices, _ = path(41)
    bars = bars_of(prices)
    lifted = np.exp(np.cumsum(np.where(expiry_week(bars.session), 0.004, 0.0)))
    found = measured(data(bars_of(prices * lifted[:, None])), "expiry_week_drifts_up")
    assert found.interval[0] < 40.0 < found.interval[1]
    assert found.p_value < 0.01
    plain = measured(data(bars), "expiry_week_drifts_up")
    assert found.effect - plain.effect == pytest.approx(40.0, abs=1e-6)


def test_a_period_is_judged_on_its_own_sessions_alone():
    prices, _ = path(3)
    claims = data(bars_of(prices), features={"gex": rank(4)})
    tested = hypothesis("gex_highest_3")
    inside = np.arange(SESSIONS) < 500
    found = share_of_rises(Trial(claims, tested, inside, resamples=50))
    assert not isinstance(found, TooLittle)
    assert found.observations.session.max() <= claims.session[499]
