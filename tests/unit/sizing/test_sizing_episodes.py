"""Candidate trades as arrays: what is refused, and how bars become an episode."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sizing_samples import coin_flips

from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError, InsufficientDataError
from lightning_gex.core.sessions import sessions_from
from lightning_gex.sizing.episodes import episode_of, joined, stretch


def with_value(name, row, value):
    episodes = coin_flips(candidates=12)
    changed = getattr(episodes, name).copy()
    changed[row] = value
    return lambda: replace(episodes, **{name: changed})


@pytest.mark.parametrize(
    ("name", "row", "value"),
    [
        ("price", 3, 0.0),
        ("entry_price", 2, np.nan),
        ("exit_price", 1, np.inf),
        ("direction", 4, 0),
        ("risk_pct", 5, -0.1),
        ("risk_pct", 5, np.nan),
        ("target_pct", 8, -0.1),
        ("target_pct", 8, np.inf),
        ("gex_signal", 6, 1.5),
        ("volatility", 7, -0.2),
        ("exit_at", 2, 2),
        ("known_at", 2, 2),
        ("decided_at", 9, -1),
    ],
)
def test_a_candidate_without_meaning_is_refused_by_row_and_field(name, row, value):
    with pytest.raises(InputError) as refused:
        with_value(name, row, value)()
    assert (refused.value.field, refused.value.row) == (name, row)


def test_a_new_episode_may_begin_earlier_than_the_last_one_ended():
    assert coin_flips(candidates=12, episodes=3).count == 3


@pytest.mark.parametrize("first_row", [[0], [0, 5], [1, 12], [0, 4, 4, 12]])
def test_episodes_must_cover_the_candidates(first_row):
    with pytest.raises(InputError, match="first_row"):
        replace(coin_flips(candidates=12), first_row=np.array(first_row, dtype=np.int64))


def test_the_net_return_is_after_the_fees_of_both_sides():
    episodes = coin_flips(candidates=3, move=0.02, cost_bp=10.0)
    growth = episodes.exit_price / episodes.entry_price
    np.testing.assert_allclose(episodes.net_return, growth - 1 - 0.001 - 0.001 * growth, rtol=1e-12)


def short_history() -> Bars:
    close = np.array([100.0, 102.0, 104.0, 103.0, 99.0, 101.0])
    session = np.datetime64("2020-01-01") + np.arange(6)
    return Bars("TEST", session, close - 0.5, close + 1, close - 1, close, np.full(6, np.nan))


def episode(row, direction):
    k = len(row)
    return episode_of(
        short_history(),
        row=row,
        direction=direction,
        target_price=[108.0, *[np.nan] * (k - 1)],
        stop_price=[95.0, *[np.nan] * (k - 1)],
        horizon_sessions=np.full(k, 2),
        gex_signal=np.linspace(-1, 1, k),
        charm_pressure=np.full(k, np.nan),
        vanna_sensitivity=np.full(k, np.nan),
        volatility=np.full(k, 0.2),
        fill_at_close=False,
        cost_bp_per_side=5.0,
    )


def test_signals_become_candidates_and_what_is_not_known_yet_is_left_out():
    found = episode([0, 1, 2, 4], [1, -1, 0, 1])
    assert found.decided_at.tolist() == [0, 1]
    assert found.exit_at.tolist() == [3, 4]
    assert found.known_at.tolist() == [3, 4]
    assert found.entry_price.tolist() == [101.5, 103.5]
    assert found.exit_price.tolist() == [102.5, 98.5]
    assert found.price.tolist() == [100.0, 102.0]
    np.testing.assert_allclose(found.risk_pct, [0.05, 1.0])
    np.testing.assert_allclose(found.target_pct, [0.08, np.nan])
    np.testing.assert_allclose(found.gex_signal, [-1, -1 / 3])


def test_without_a_resolved_signal_there_is_nothing_to_learn_from():
    with pytest.raises(InsufficientDataError):
        episode([5], [1])


def test_joining_keeps_every_candidate_and_the_episodes_apart():
    one, two = coin_flips(candidates=6, episodes=2), coin_flips(candidates=9, episodes=3, seed=1)
    both = joined([one, two])
    assert (both.count, len(both)) == (5, 15)
    assert both.first_row.tolist() == [0, 3, 6, 9, 12, 15]
    np.testing.assert_array_equal(both.gex_signal, np.r_[one.gex_signal, two.gex_signal])


def test_episodes_at_different_costs_are_joined_each_at_its_own():
    one, two = coin_flips(candidates=6, cost_bp=5.0), coin_flips(candidates=9, cost_bp=2.0)
    both = joined([one, two])
    assert both.cost_bp_per_side.tolist() == [5.0] * 6 + [2.0] * 9
    np.testing.assert_array_equal(both.net_return, np.r_[one.net_return, two.net_return])
    later = stretch(both, 0.0, 0.5, settled=False)
    assert set(later.cost_bp_per_side) == {2.0, 5.0}


def test_a_cost_that_is_none_is_refused_with_its_row_and_nothing_is_not_joined():
    costs = np.full(600, 5.0)
    costs[7] = -1.0
    with pytest.raises(InputError, match="basis points") as refused:
        replace(coin_flips(), cost_bp_per_side=costs)
    assert (refused.value.row, refused.value.field) == (7, "cost_bp_per_side")
    with pytest.raises(InsufficientDataError):
        joined([])


def test_a_stretch_holds_what_was_decided_in_it_and_settled_by_its_end():
    episodes = coin_flips(candidates=202, episodes=2, held=5)
    past, later = stretch(episodes, 0.0, 0.5, settled=True), stretch(episodes, 0.5, 1.0, settled=False)
    for k in range(2):
        learnt = slice(*past.first_row[k : k + 2])
        judged = slice(*later.first_row[k : k + 2])
        assert past.exit_at[learnt].max() == 50 < later.decided_at[judged].min() == 51
        assert later.decided_at[judged].max() == 100
    whole = stretch(episodes, 0.0, 1.0, settled=False)
    np.testing.assert_array_equal(whole.exit_price, episodes.exit_price)


def test_on_one_calendar_no_stretch_reaches_into_anothers_later_time():
    early = coin_flips(candidates=101, episodes=1)
    late = replace(early, **{n: getattr(early, n) + 50 for n in ("decided_at", "exit_at", "known_at")})
    both = joined([early, late])
    past = stretch(both, 0.0, 0.5, settled=True, one_calendar=True)
    later = stretch(both, 0.5, 1.0, settled=False, one_calendar=True)
    assert past.exit_at.max() == 75 < later.decided_at.min() == 76  # the sessions are 0..150
    assert len(past) + len(later) == len(both) - 2  # the outcome of one candidate each was not known at the edge


def test_a_stretch_that_is_none_or_holds_nothing_is_refused():
    episodes = coin_flips(candidates=10, episodes=1, held=40)
    for first, last in ((0.5, 0.5), (0.7, 0.2), (-0.1, 0.5), (0.5, 1.1), (float("nan"), 1.0)):
        with pytest.raises(InputError, match="stretch"):
            stretch(episodes, first, last, settled=False)
    with pytest.raises(InsufficientDataError):
        stretch(episodes, 0.0, 0.5, settled=True)


def test_an_order_that_finds_the_price_beyond_its_bracket_does_not_fill():
    close = np.full(30, 100.0)
    close[11:] = 90.0
    open_ = np.r_[close[0], close[1:]]
    bars = Bars("X", sessions_from(np.datetime64("2020-01-01"), 30), open_, close + 1, close - 1, close, close * 1e4)
    absent = np.full(2, np.nan)
    found = episode_of(
        bars,
        row=[5, 10],
        direction=[1, 1],
        target_price=[106.0, 106.0],
        stop_price=[95.0, 95.0],
        horizon_sessions=[3, 3],
        gex_signal=absent,
        charm_pressure=absent,
        vanna_sensitivity=absent,
        volatility=absent,
        fill_at_close=False,
        cost_bp_per_side=5.0,
    )
    assert np.isnan(found.entry_price).tolist() == np.isnan(found.exit_price).tolist() == [False, True]
    assert found.exit_at.tolist() == [9, 11]
    assert np.isnan(found.net_return).tolist() == [False, True]
