"""Ways of sizing played on the same candidates: accounts carried through, and rules that see only the past."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sizing_samples import coin_flips

from lightning_gex.core.errors import InputError
from lightning_gex.sizing.contest import (
    by_policy,
    by_row,
    by_stretch,
    fixed,
    kelly_sizes,
    plain_ways,
    played,
    same_exposure,
    volatility_sizes,
)
from lightning_gex.sizing.environment import EnvironmentTerms, PositionSizingEnv
from lightning_gex.sizing.episodes import joined
from lightning_gex.sizing.ladder import LADDER


def sure(episodes, share=8):
    """The same candidates, so many of ten of which win 2 %."""
    wins = np.arange(len(episodes)) % 10 < share
    return replace(episodes, exit_price=episodes.entry_price * np.where(wins, 1.02, 0.98))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1_000), st.integers(5, 80), st.integers(0, 4))
def test_an_account_is_carried_through_as_the_plain_environment_carries_it(seed, sessions, action):
    episodes = coin_flips(candidates=120, seed=seed)
    score = played(episodes, fixed(LADDER[action]), sessions=sessions)
    totals, deepest = [], []
    for k in range(episodes.count):
        env = PositionSizingEnv(episodes, EnvironmentTerms(max_candidates=len(episodes)))
        env.reset(options={"episode": k, "start": 0})
        over, total, peak, fall = False, 0.0, 100_000.0, 0.0
        while not over:
            _, reward, terminated, truncated, info = env.step(np.int64(action))
            over = terminated or truncated
            total += reward
            peak = max(peak, info["equity"])
            fall = max(fall, 1 - info["equity"] / peak)
        totals.append(total)
        deepest.append(fall)
    assert score.log_growth.sum() == pytest.approx(sum(totals), abs=1e-12)
    np.testing.assert_allclose(score.max_drawdown, deepest, atol=1e-12)
    assert len(score.log_growth) == 3 * -(-40 // sessions)


def test_on_one_calendar_a_block_is_the_same_sessions_of_all_accounts():
    episodes = coin_flips(candidates=120)  # three episodes of forty sessions
    apart, together = (played(episodes, fixed(0.05), sessions=10, one_calendar=shared) for shared in (False, True))
    np.testing.assert_allclose(together.log_growth, apart.log_growth.reshape(3, 4).mean(axis=0), atol=1e-15)
    late = replace(episodes, **{n: getattr(episodes, n) + 100 for n in ("decided_at", "exit_at", "known_at")})
    both = played(joined([episodes, late]), fixed(0.05), sessions=10, one_calendar=True)
    np.testing.assert_allclose(both.log_growth, np.r_[together.log_growth, together.log_growth], atol=1e-15)


def test_doing_nothing_earns_nothing_and_fixed_sizing_pays_its_costs():
    episodes = coin_flips(candidates=120, episodes=1, move=0.0, cost_bp=10.0)
    assert not played(episodes, fixed(0.0)).log_growth.any()
    score = played(episodes, fixed(0.05))
    assert score.trades == 120
    assert score.log_growth.sum() == pytest.approx(-0.05 * 2 * 0.001 * 120, rel=0.02)
    assert score.turnover.sum() == pytest.approx(0.05 * 2 * 120, rel=0.02)
    assert score.exposure_pct[0] == pytest.approx(0.05)  # a trade a session, held for one
    assert (score.max_drawdown > 0).all()


def test_volatility_targeting_sizes_against_volatility_and_not_without_it():
    episodes = replace(coin_flips(candidates=4, episodes=1), volatility=np.array([0.08, 0.25, np.nan, 0.0]))
    assert volatility_sizes(episodes) == pytest.approx([0.125, 0.04, 0.0, 0.0])


def test_kelly_starts_cold_and_takes_an_edge_that_was_proven():
    episodes = coin_flips(candidates=200, episodes=1, move=0.02)
    sizes = kelly_sizes(sure(episodes))
    assert sizes[5] == 0.02
    assert sizes[150] > 0.15
    assert kelly_sizes(episodes)[150] == 0.0  # a fair coin proves nothing


def test_kelly_is_asked_about_the_bracket_the_trade_really_has():
    episodes = sure(coin_flips(candidates=200, episodes=1), share=7)
    assert kelly_sizes(episodes)[150] > 0.0  # seven of ten trades win, and the target is as far as the stop
    assert kelly_sizes(replace(episodes, target_pct=episodes.target_pct / 3))[150] == 0.0
    assert kelly_sizes(replace(episodes, target_pct=episodes.target_pct * np.nan))[150] == 0.0


def test_kelly_knows_what_the_policy_learnt_from():
    episodes = coin_flips(candidates=60, episodes=1)
    assert kelly_sizes(episodes)[0] == 0.02
    assert kelly_sizes(episodes, experience=sure(coin_flips(candidates=400, episodes=4)))[0] > 0.15
    assert kelly_sizes(episodes, experience=coin_flips(candidates=400, episodes=4))[0] == 0.0
    short = replace(episodes, direction=-episodes.direction)
    assert kelly_sizes(short, experience=sure(coin_flips(candidates=400)))[0] == 0.02  # of this direction it knows none


def test_kelly_does_not_see_an_outcome_before_it_is_known():
    episodes = coin_flips(candidates=200, episodes=1, held=5)
    changed = episodes.exit_price.copy()
    changed[146:] = 80.0
    assert kelly_sizes(episodes)[150] == kelly_sizes(replace(episodes, exit_price=changed))[150]
    later = replace(sure(episodes), known_at=episodes.known_at + 500)
    assert (kelly_sizes(later) == 0.02).all()


def test_on_one_calendar_accounts_share_kellys_record():
    first, second = sure(coin_flips(candidates=100, episodes=1)), coin_flips(candidates=100, episodes=1)
    both = joined([first, second])
    alone, shared = kelly_sizes(both), kelly_sizes(both, one_calendar=True)
    assert shared[50] != alone[50]
    np.testing.assert_array_equal(alone, np.r_[kelly_sizes(first), kelly_sizes(second)])


def test_a_twin_is_as_much_invested_and_looks_at_nothing():
    episodes = coin_flips(candidates=3_000, episodes=3, edge=0.3, held=2)
    shrewd = played(episodes, by_row(np.where(episodes.gex_signal > 0.3, 0.15, 0.0)))
    twin = same_exposure(episodes, shrewd)
    assert twin.exposure_pct.mean() == pytest.approx(shrewd.exposure_pct.mean(), rel=0.05)
    assert shrewd.log_growth.sum() > twin.log_growth.sum()
    again = same_exposure(episodes, played(episodes, fixed(0.10)))
    np.testing.assert_array_equal(again.log_growth, played(episodes, fixed(0.10)).log_growth)
    assert not same_exposure(episodes, played(episodes, fixed(0.0))).log_growth.any()


def test_each_stretch_is_sized_its_own_way():
    episodes = coin_flips(candidates=60, episodes=1)
    stretch = (np.arange(60) >= 30).astype(np.int64)
    score = played(episodes, by_stretch({0: fixed(0.0), 1: fixed(0.05)}, stretch), sessions=30)
    assert score.log_growth[0] == 0.0
    assert score.trades == 30


def test_any_policy_that_answers_one_observation_can_be_played():
    class Timid:
        def size_pct(self, observation):
            return 0.02 if observation[0] > 0 else 0.0

    episodes = coin_flips(candidates=60, episodes=1)
    assert played(episodes, by_policy(Timid())).trades == (episodes.gex_signal > 0).sum()


def test_every_plain_way_answers_with_a_size():
    episodes = coin_flips(candidates=60, seed=3)
    ways = plain_ways(episodes, kelly_sizes(episodes))
    fixed_ways = {"fixed_5_pct", "fixed_10_pct", "fixed_15_pct"}
    assert set(ways) == {"kelly", "volatility_targeting", *fixed_ways, "nothing"}
    rows, seen = np.array([0, 40]), np.zeros((2, 7), dtype=np.float32)
    for way in ways.values():
        assert ((way(rows, seen) >= 0) & (way(rows, seen) <= 1)).all()


def test_blocks_of_no_session_are_refused():
    with pytest.raises(InputError, match="at least 1"):
        played(coin_flips(candidates=30), fixed(0.0), sessions=0)
