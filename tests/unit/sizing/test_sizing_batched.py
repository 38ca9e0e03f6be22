"""The batched environment answers what as many plain ones answer: every observation, reward and cent."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sizing_samples import coin_flips
from stable_baselines3.common.vec_env import DummyVecEnv

from lightning_gex.core.errors import InputError, RefusedError
from lightning_gex.sizing.batched import BatchedSizingEnv
from lightning_gex.sizing.environment import EnvironmentTerms, PositionSizingEnv
from lightning_gex.sizing.ladder import LADDER

TOP = len(LADDER) - 1
STEPS = 120


def awkward(seed, *, tickers=3, held=4, move=0.05):
    """Candidates with everything that happens: shorts, overlaps, unfilled orders, odd and round prices, absences."""
    rng = np.random.default_rng(seed)
    plain = coin_flips(candidates=360, seed=seed, held=held, move=move, cost_bp=float(rng.choice([0.0, 2.0, 5.0])))
    n = len(plain)
    price = rng.choice([0.35, 50.0, 100.005, 1.015], n) * np.where(
        rng.random(n) < 0.5, np.exp(rng.normal(0, 0.3, n)), 1
    )
    entry = price * np.exp(rng.normal(0, 0.01, n))
    exit_ = entry * np.exp(rng.normal(0, move, n))
    unfilled = rng.random(n) < 0.1
    return replace(
        plain,
        ticker=rng.integers(0, tickers, n) * 7 + 3,
        direction=rng.choice([-1, 1], n).astype(np.int8),
        price=price,
        entry_price=np.where(unfilled, np.nan, entry),
        exit_price=np.where(unfilled, np.nan, exit_),
        exit_at=plain.decided_at + rng.integers(1, held + 1, n),
        volatility=np.where(rng.random(n) < 0.1, np.nan, rng.uniform(0.05, 0.8, n)),
        cost_bp_per_side=plain.cost_bp_per_side * rng.choice([1.0, 0.4], n),
    )


SHORT = EnvironmentTerms(max_candidates=7)


def dummy_of(episodes):
    return DummyVecEnv([lambda: PositionSizingEnv(episodes, SHORT)] * 3)


def assert_the_same(episodes, terms, *, seed, count=3, steps=STEPS):
    """Play one batch and as many plain environments side by side, through the ends of episodes."""
    batch = BatchedSizingEnv(episodes, count, terms)
    plain = DummyVecEnv([lambda: PositionSizingEnv(episodes, terms)] * count)
    batch.seed(seed)
    plain.seed(seed)
    np.testing.assert_array_equal(batch.reset(), plain.reset())
    throw, ended = np.random.default_rng([seed, 1]), 0
    for _ in range(steps):
        actions = throw.integers(0, TOP + 1, count)
        seen, rewards, dones, infos = batch.step(actions)
        expected, expected_rewards, expected_dones, expected_infos = plain.step(actions)
        np.testing.assert_array_equal(seen, expected)
        np.testing.assert_array_equal(rewards, expected_rewards)
        np.testing.assert_array_equal(dones, expected_dones)
        np.testing.assert_array_equal(batch.quantity, [info["quantity"] for info in expected_infos])
        np.testing.assert_array_equal(batch.size_pct, [info["size_pct"] for info in expected_infos])
        for e, (info, wanted) in enumerate(zip(infos, expected_infos, strict=True)):
            if not dones[e]:
                assert batch.equity_usd[e] == wanted["equity"]
                continue
            ended += 1
            assert info["equity"] == wanted["equity"]
            assert info["TimeLimit.truncated"] == wanted["TimeLimit.truncated"]
            np.testing.assert_array_equal(info["terminal_observation"], wanted["terminal_observation"])
    return ended


@settings(max_examples=12)
@given(st.integers(0, 10_000))
def test_every_step_is_the_plain_environments_to_the_bit(seed):
    assert assert_the_same(awkward(seed), EnvironmentTerms(max_candidates=40), seed=seed) > 0


@settings(max_examples=6)
@given(st.integers(0, 10_000), st.sampled_from([137.31, 1_000.0, 9_999_999.99]), st.floats(0.1, 2.0))
def test_so_it_is_with_other_capital_scale_and_a_drawdown_penalty(seed, capital, penalty):
    terms = EnvironmentTerms(capital, max_candidates=60, reward_scale=100.0, drawdown_penalty=penalty)
    assert assert_the_same(awkward(seed), terms, seed=seed) > 0


def test_so_it_is_through_ruin():
    episodes = awkward(5, move=0.2)
    ruinous = replace(episodes, exit_price=episodes.entry_price * np.where(episodes.direction > 0, 0.01, 60.0))
    assert assert_the_same(ruinous, EnvironmentTerms(max_candidates=60), seed=5) > 5


def test_so_it_is_in_long_runs_that_use_up_many_draws():
    assert assert_the_same(coin_flips(candidates=60), EnvironmentTerms(max_candidates=2), seed=3, steps=600) > 500


def test_a_chosen_episode_begins_where_the_plain_one_does():
    episodes = awkward(1)
    batch, plain = BatchedSizingEnv(episodes, 2), PositionSizingEnv(episodes)
    seen = batch.place([2, 0], [5, 7])
    for e, options in enumerate(({"episode": 2, "start": 5}, {"episode": 0, "start": 7})):
        np.testing.assert_array_equal(seen[e], plain.reset(options=options)[0])
    assert batch.row.tolist() == [245, 7]


def test_rewards_add_up_to_the_growth_of_the_account_to_the_cent():
    batch = BatchedSizingEnv(awkward(2), 4, EnvironmentTerms(max_candidates=50))
    batch.seed(0)
    batch.reset()
    sums, checked = np.zeros(4), 0
    for k in range(200):
        *_, dones, infos = batch.step(np.full(4, k % (TOP + 1)))
        sums += batch.rewards
        for e in np.flatnonzero(dones):
            assert 100_000 * math.exp(sums[e]) == pytest.approx(infos[e]["equity"], abs=0.005)
            assert infos[e]["episode"]["r"] == pytest.approx(sums[e], abs=1e-12)
            sums[e] = 0.0
            checked += 1
    assert checked > 10


def test_what_a_step_said_stays_what_it_was():
    batch, plain = (make(coin_flips(candidates=60)) for make in (lambda e: BatchedSizingEnv(e, 3, SHORT), dummy_of))
    batch.seed(0)
    plain.seed(0)
    batch.reset()
    plain.reset()
    kept = [(batch.step(actions)[3], plain.step(actions)[3]) for actions in np.full((40, 3), 2)]
    ended = 0
    for said, expected in kept:  # looked into only now
        assert len(said) == 3
        assert ["terminal_observation" in info for info in said] == ["terminal_observation" in i for i in expected]
        for info, wanted in zip(said, expected, strict=True):
            if info:
                ended += 1
                assert info["equity"] == wanted["equity"]
                np.testing.assert_array_equal(info["terminal_observation"], wanted["terminal_observation"])
        assert said[0] is said[:2][0]
    assert ended > 10


def test_a_run_goes_on_from_its_state_as_if_it_had_not_stopped():
    episodes, terms = awkward(3), EnvironmentTerms(max_candidates=20)
    first, second = (BatchedSizingEnv(episodes, 5, terms) for _ in range(2))
    first.seed(1)
    first.reset()
    throw = np.random.default_rng(0).integers(0, TOP + 1, (700, 5))
    for actions in throw[:350]:
        first.step(actions)
    second.go_on_from(first.state())
    for actions in throw[350:]:
        for one, other in zip(first.step(actions)[:3], second.step(actions)[:3], strict=True):
            np.testing.assert_array_equal(one, other)


def test_an_environment_does_not_depend_on_those_beside_it():
    episodes = awkward(4)
    alone, among = BatchedSizingEnv(episodes, 1), BatchedSizingEnv(episodes, 7)
    alone.place([1], [3])
    among.place([1, 0, 2, 1, 0, 2, 1], [3, 1, 4, 1, 5, 9, 2])
    throw = np.random.default_rng(0).integers(0, TOP + 1, (60, 7))
    for actions in throw:
        np.testing.assert_array_equal(alone.step(actions[:1])[0][0], among.step(actions)[0][0])


def test_what_makes_no_sense_is_refused_and_nothing_moves():
    episodes = coin_flips(candidates=30)
    with pytest.raises(InputError, match="count"):
        BatchedSizingEnv(episodes, 0)
    with pytest.raises(InputError, match="initial_capital"):
        BatchedSizingEnv(episodes, 1, EnvironmentTerms(initial_capital=1e9))
    batch = BatchedSizingEnv(episodes, 2)
    with pytest.raises(RefusedError, match="reset"):
        batch.step(np.zeros(2, dtype=np.int64))
    batch.reset()
    before = batch.row
    for actions in ([0, 5], [-1, 0], [0], [[0, 0]]):
        with pytest.raises(InputError, match="rungs"):
            batch.step(np.array(actions))
    with pytest.raises(RefusedError, match="waiting"):
        batch.step_wait()
    for field, episode, start in (("episode", [3, 0], [0, 0]), ("start", [0, 0], [10, 0])):
        with pytest.raises(InputError, match=field):
            batch.place(episode, start)
    np.testing.assert_array_equal(batch.row, before)


def test_stable_baselines_trains_on_it():
    from stable_baselines3 import A2C

    learner = A2C("MlpPolicy", BatchedSizingEnv(coin_flips(candidates=300), 8), n_steps=4, seed=1, device="cpu")
    learner.learn(256)
    assert learner.num_timesteps >= 256
