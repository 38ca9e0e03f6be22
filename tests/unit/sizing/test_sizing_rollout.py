"""The learners' arithmetic on plain arrays is the one that Stable-Baselines3 does in torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from sizing_samples import coin_flips
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from lightning_gex.core.errors import InputError
from lightning_gex.sizing.batched import BatchedSizingEnv
from lightning_gex.sizing.environment import EnvironmentTerms, PositionSizingEnv
from lightning_gex.sizing.ladder import LADDER
from lightning_gex.sizing.rollout import ActorCritic, ArrayA2C, ArrayPPO, _drawn

BUFFER = ("observations", "actions", "rewards", "episode_starts", "values", "log_probs", "advantages", "returns")
TERMS = EnvironmentTerms(max_candidates=20, reward_scale=100.0)
EPISODES = coin_flips(candidates=600, edge=0.3)


def learner(kind=ArrayPPO, *, seed=3, steps=32, **options):
    env = BatchedSizingEnv(EPISODES, 4, TERMS)
    given = {"n_steps": steps, "seed": seed, "device": "cpu", "policy_kwargs": {"net_arch": [16, 8]}} | options
    return kind("MlpPolicy", env, **({"batch_size": 32} | given if issubclass(kind, PPO) else given))


def collected(made):
    _, callback = made._setup_learn(made.n_steps * made.n_envs)
    assert made.collect_rollouts(made.env, callback, made.rollout_buffer, made.n_steps)
    return made


def beside(made, **options):
    """Stable-Baselines3's own learner with the same weights and the same buffer."""
    other = learner(PPO, **options)
    other._setup_learn(other.n_steps * other.n_envs)
    other.set_parameters(made.get_parameters(), device="cpu")
    other.rollout_buffer.reset()
    for name in BUFFER:
        setattr(other.rollout_buffer, name, getattr(made.rollout_buffer, name).copy())
    other.rollout_buffer.full = True
    return other


def tensors(made):
    return [p.detach().numpy().copy() for p in made.policy.parameters()]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ent_coef": 0.05, "gamma": 0.9},
        {"clip_range": 0.02, "learning_rate": 0.01, "max_grad_norm": 0.05},
        {"batch_size": 64, "normalize_advantage": False, "vf_coef": 2.0},
    ],
)
def test_an_update_is_the_one_that_torch_makes(options):
    made = collected(learner(**options))
    other, before = beside(made, **options), tensors(made)
    for _ in range(2):  # the second begins from a state of the optimiser
        chance = np.random.get_state()
        made.train()
        np.random.set_state(chance)
        other.rollout_buffer.generator_ready = False
        for name in BUFFER:
            setattr(other.rollout_buffer, name, getattr(made.rollout_buffer, name).copy())
        other.train()
    moved = max(float(np.abs(a - b).max()) for a, b in zip(tensors(made), before, strict=True))
    for ours, theirs in zip(tensors(made), tensors(other), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-3 * moved)
    said, theirs_said = made.logger.name_to_value, other.logger.name_to_value
    for name in ("policy_gradient_loss", "value_loss", "entropy_loss", "explained_variance", "clip_fraction", "loss"):
        assert said[f"train/{name}"] == pytest.approx(theirs_said[f"train/{name}"], abs=1e-4), name
    assert made._n_updates == other._n_updates == 20


def test_the_optimiser_is_left_where_torch_would_leave_it():
    made = collected(learner())
    other = beside(made)
    chance = np.random.get_state()
    made.train()
    np.random.set_state(chance)
    other.train()
    for p, q in zip(made.policy.parameters(), other.policy.parameters(), strict=True):
        ours, theirs = made.policy.optimizer.state[p], other.policy.optimizer.state[q]
        assert float(ours["step"]) == float(theirs["step"]) == 40
        for name in ("exp_avg", "exp_avg_sq"):
            scale = float(theirs[name].abs().max())
            torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=1e-4 * scale)


def test_values_and_probabilities_are_the_policys_own():
    made = collected(learner())
    seen = torch.from_numpy(made.rollout_buffer.observations[5])
    actions = torch.from_numpy(made.rollout_buffer.actions[5]).flatten()
    with torch.no_grad():
        values, log_probs, _ = made.policy.evaluate_actions(seen, actions)
    np.testing.assert_allclose(made.rollout_buffer.values[5], values.numpy()[:, 0], atol=2e-6)
    np.testing.assert_allclose(made.rollout_buffer.log_probs[5], log_probs.numpy(), atol=2e-6)


def test_actions_are_drawn_with_their_probabilities():
    p = np.array([0.05, 0.4, 0.3, 0.05, 0.2], dtype=np.float32)
    state = np.random.get_state()
    np.random.seed(4)
    drawn = _drawn(np.tile(np.log(p), (20_000, 1)))
    np.random.set_state(state)
    counts = np.bincount(drawn, minlength=len(LADDER))
    assert chisquare(counts, p / p.sum() * 20_000).pvalue > 1e-3


def test_advantages_look_past_an_episode_cut_short_and_not_past_one_that_ended():
    made = collected(learner(gamma=0.9))
    buffer, nets = made.rollout_buffer, ActorCritic.of(made.policy)
    plain = BatchedSizingEnv(EPISODES, 4, TERMS)
    plain.seed(3)
    plain.reset()
    cut = 0
    for k in range(made.n_steps):
        _, rewards, _, infos = plain.step(buffer.actions[k, :, 0])
        for e, info in enumerate(infos):
            if "terminal_observation" in info:
                cut += 1
                beyond = float(nets.values(info["terminal_observation"][np.newaxis])[0])
                assert buffer.rewards[k, e] == pytest.approx(rewards[e] + 0.9 * beyond, abs=1e-5)
            else:
                assert buffer.rewards[k, e] == rewards[e]
    assert cut > 3


def test_ended_episodes_are_reported_to_the_learner():
    made = collected(learner())
    assert len(made.ep_info_buffer) >= 4
    assert {frozenset(said) for said in made.ep_info_buffer} == {frozenset("rl")}


@pytest.mark.parametrize("kind", [ArrayPPO, ArrayA2C])
def test_twin_learners_end_alike_and_others_do_not(kind):
    made = [learner(kind, seed=seed, steps=16).learn(256) for seed in (1, 1, 2)]
    one, twin, other = map(tensors, made)
    assert all(np.array_equal(a, b) for a, b in zip(one, twin, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_callback_can_stop_a_rollout():
    made = learner()
    made.learn(10_000, callback=lambda found, _: len(found["infos"]) != made.n_envs)
    assert made.num_timesteps == made.n_envs


def test_networks_of_another_kind_are_refused():
    made = PPO(
        "MlpPolicy",
        DummyVecEnv([lambda: PositionSizingEnv(EPISODES)]),
        policy_kwargs={"activation_fn": torch.nn.ReLU},
        device="cpu",
    )
    with pytest.raises(InputError, match="perceptron"):
        ActorCritic.of(made.policy)
