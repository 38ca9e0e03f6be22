"""The sizing environment: an honest reward, an account that remembers, and the same run for the same seed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from sizing_samples import coin_flips

from lightning_gex.analytics.observation import OBSERVATION_NAMES
from lightning_gex.core.errors import InputError, RefusedError
from lightning_gex.sizing.environment import MAX_EXPOSURE_PCT, EnvironmentTerms, PositionSizingEnv
from lightning_gex.sizing.ladder import LADDER

TOP = len(LADDER) - 1
DRAWDOWN, WIN_RATE, HEAT = (OBSERVATION_NAMES.index(n) for n in ("drawdown", "win_rate", "portfolio_heat"))


def play(env, choose, *, episode=0):
    """(sum of rewards, observations, infos) of one episode; ``choose`` gets the row."""
    first = int(env.episodes.first_row[episode])
    seen, _ = env.reset(seed=0, options={"episode": episode, "start": 0})
    rewards, observations, infos, over = [], [seen], [], False
    while not over:
        seen, reward, terminated, truncated, info = env.step(np.int64(choose(first + len(rewards))))
        rewards.append(reward)
        observations.append(seen)
        infos.append(info)
        over = terminated or truncated
    return rewards, np.array(observations), infos


def test_gymnasium_finds_nothing_to_object_to():
    check_env(PositionSizingEnv(coin_flips()), skip_render_check=True)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_rewards_add_up_to_the_growth_of_the_account_to_the_cent(seed, held):
    env = PositionSizingEnv(coin_flips(candidates=90, seed=seed, held=held, move=0.03))
    actions = np.random.default_rng(seed).integers(0, TOP + 1, 90)
    rewards, _, infos = play(env, lambda row: actions[row])
    assert infos[-1]["equity"] == float(env.booked_equity())
    assert 100_000 * math.exp(math.fsum(rewards)) == pytest.approx(float(env.booked_equity()), abs=0.005)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_a_position_earns_the_net_return_of_its_candidate(seed):
    episodes = coin_flips(candidates=30, episodes=1, seed=seed)
    env = PositionSizingEnv(episodes)
    rewards, _, infos = play(env, lambda row: row % (TOP + 1))
    assert infos[0]["quantity"] == 0
    equity = 100_000.0
    for row, (reward, info) in enumerate(zip(rewards, infos, strict=True)):
        notional = info["quantity"] * episodes.entry_price[row]
        # Sizes follow the equity known at the decision, whole shares cost up to one price.
        assert 0 <= info["size_pct"] * equity - notional < 50.0 + 20.0
        assert reward == pytest.approx(math.log1p(notional * episodes.net_return[row] / equity), abs=3e-7)
        equity *= math.exp(reward)


def test_an_oracle_wins_and_never_takes_a_losing_trade():
    episodes = coin_flips(candidates=200, episodes=1)
    rewards, _, _ = play(PositionSizingEnv(episodes), lambda row: TOP if episodes.net_return[row] > 0 else 0)
    assert min(rewards) == 0.0
    assert sum(rewards) == pytest.approx(np.log1p(0.15 * episodes.net_return.clip(0)).sum(), rel=0.01)


def test_a_random_policy_loses_about_the_costs_where_there_is_no_edge():
    growth, expected = [], []
    for seed in range(12):
        episodes = coin_flips(candidates=250, episodes=1, seed=seed, move=0.004, cost_bp=10.0)
        actions = np.random.default_rng(seed).integers(0, TOP + 1, 250)
        rewards, _, infos = play(PositionSizingEnv(episodes), lambda row, a=actions: a[row])
        growth.append(sum(rewards))
        expected.append(-sum(info["size_pct"] for info in infos) * 2 * 10.0 / 10_000)
    standard_error = np.std(growth) / math.sqrt(len(growth))
    assert np.mean(growth) == pytest.approx(np.mean(expected), abs=3 * standard_error)
    assert np.mean(growth) < -5 * standard_error


def test_doing_nothing_keeps_the_money_and_the_calm():
    rewards, observations, infos = play(PositionSizingEnv(coin_flips(candidates=30)), lambda _row: 0)
    assert set(rewards) == {0.0}
    assert infos[-1]["equity"] == 100_000.0
    assert not observations[:, [DRAWDOWN, WIN_RATE, HEAT]].any()


def test_drawdown_win_rate_and_heat_follow_what_was_done():
    episodes = coin_flips(candidates=40, episodes=1, held=3)
    lost = replace(episodes, exit_price=episodes.entry_price * 0.97)
    _, small, _ = play(PositionSizingEnv(lost), lambda _row: 1)
    _, large, _ = play(PositionSizingEnv(lost), lambda _row: TOP)
    assert small[1, HEAT] == pytest.approx(0.02 * 0.02 / 0.15, rel=0.01)  # ordered: its risk is on the book at once
    assert large[2, HEAT] == pytest.approx(2 * 0.15 * 0.02 / 0.15, rel=0.01)  # two of them, before the first is settled
    assert small[2, WIN_RATE] == 0.0  # nothing has closed yet: absent
    assert small[-1, WIN_RATE] == -1.0
    assert 0 < small[-1, DRAWDOWN] < large[-1, DRAWDOWN]
    won = replace(episodes, exit_price=episodes.entry_price * 1.03)
    assert play(PositionSizingEnv(won), lambda _row: 1)[1][-1, WIN_RATE] == 1.0


def test_an_outcome_is_not_seen_before_it_happened():
    episodes = coin_flips(candidates=40, episodes=1, held=10)
    other = episodes.exit_price.copy()
    other[0] = 80.0
    changed = replace(episodes, exit_price=other)
    _, before, _ = play(PositionSizingEnv(episodes), lambda row: 2 * (row == 0))
    _, after, _ = play(PositionSizingEnv(changed), lambda row: 2 * (row == 0))
    np.testing.assert_array_equal(before[:10], after[:10])
    assert (before[10] != after[10]).any()


def test_all_positions_together_stay_within_the_exposure_limit():
    env = PositionSizingEnv(coin_flips(candidates=30, episodes=1, held=100))
    _, _, infos = play(env, lambda _row: TOP)
    taken = [info["size_pct"] for info in infos]
    assert taken[:6] == [0.15, 0.15, 0.15, 0.15, 0.15, 0.05]  # five make 75 %; one more may have no more than 5 %
    assert sum(taken) <= MAX_EXPOSURE_PCT + 0.02


def test_ruin_ends_the_episode_at_a_cent():
    episodes = coin_flips(candidates=30, episodes=1, held=1)
    ruinous = replace(episodes, direction=-episodes.direction, exit_price=episodes.entry_price * 50)
    env = PositionSizingEnv(ruinous)
    rewards, _, infos = play(env, lambda _row: TOP)
    assert len(rewards) == 1
    assert sum(rewards) == pytest.approx(math.log(0.01 / 100_000))
    assert infos[-1]["equity"] < 0
    with pytest.raises(RefusedError, match="reset"):
        env.step(np.int64(0))


def test_the_same_seed_plays_the_same_episode_and_another_seed_another():
    def observed(seed):
        env = PositionSizingEnv(coin_flips(candidates=900), EnvironmentTerms(max_candidates=20))
        seen = [env.reset(seed=seed)[0]]
        for action in np.random.default_rng(1).integers(0, TOP + 1, 60):
            seen.append(env.step(action)[0])
            if env.step(np.int64(1))[3]:
                seen.append(env.reset()[0])
        return np.array(seen)

    np.testing.assert_array_equal(observed(5), observed(5))
    assert not np.array_equal(observed(5)[0], observed(6)[0])


def test_a_long_episode_is_entered_anywhere_and_left_after_the_asked_length():
    env = PositionSizingEnv(coin_flips(candidates=300, episodes=1), EnvironmentTerms(max_candidates=7))
    env.reset(seed=1)
    steps = 1
    while not env.step(np.int64(1))[3]:
        steps += 1
    assert steps == 7
    assert len({float(env.reset(seed=s)[0][0]) for s in range(20)}) > 10


def test_the_reward_scale_scales_the_reward_and_nothing_else():
    episodes = coin_flips(candidates=30)
    plain, seen, _ = play(PositionSizingEnv(episodes), lambda _row: 2)
    scaled, seen_too, _ = play(PositionSizingEnv(episodes, EnvironmentTerms(reward_scale=100.0)), lambda _row: 2)
    np.testing.assert_allclose(scaled, 100 * np.array(plain), rtol=1e-12)
    np.testing.assert_array_equal(seen, seen_too)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.1, 3.0))
def test_a_drawdown_penalty_costs_the_deepest_fall_of_the_episode_and_nothing_else(seed, penalty):
    episodes = coin_flips(candidates=90, episodes=1, seed=seed, held=2, move=0.05)
    actions = np.random.default_rng(seed).integers(0, TOP + 1, 90)
    plain, seen, _ = play(PositionSizingEnv(episodes), lambda row: actions[row])
    punished, seen_too, _ = play(
        PositionSizingEnv(episodes, EnvironmentTerms(drawdown_penalty=penalty)), lambda row: actions[row]
    )
    log_equity = np.r_[0.0, np.cumsum(plain)]
    deepest = (np.maximum.accumulate(log_equity) - log_equity).max()
    assert math.fsum(plain) - math.fsum(punished) == pytest.approx(penalty * deepest, abs=1e-9)
    np.testing.assert_array_equal(seen, seen_too)


def test_a_ticker_that_is_held_is_passed_over_until_it_is_free():
    episodes = replace(coin_flips(candidates=12, episodes=1, held=4), ticker=np.zeros(12, dtype=np.int64))
    env = PositionSizingEnv(episodes)
    env.reset(options={"episode": 0, "start": 0})
    rows, over = [], False
    while not over:
        _, _, terminated, over, info = env.step(np.int64(1 if len(rows) != 1 else 0))
        rows.append(info["row"])
        assert not terminated
    assert rows == [4, 5, 9, 12]  # held from 0 to 4; left alone at 4; held from 5 to 9, and from 9 to the end


def test_what_makes_no_sense_is_refused():
    episodes = coin_flips(candidates=30)
    for field, value in (
        ("initial_capital", 0.0),
        ("initial_capital", math.nan),
        ("max_candidates", 0),
        ("reward_scale", -1.0),
        ("drawdown_penalty", -0.1),
        ("drawdown_penalty", math.nan),
    ):
        with pytest.raises(InputError, match=field):
            EnvironmentTerms(**{field: value})
    env = PositionSizingEnv(episodes)
    with pytest.raises(RefusedError, match="reset"):
        env.step(np.int64(0))
    for options in ({"episode": 3}, {"start": 10}):
        with pytest.raises(InputError, match=next(iter(options))):
            env.reset(options=options)
    env.reset()
    with pytest.raises(InputError, match="action"):
        env.step(np.int64(5))
