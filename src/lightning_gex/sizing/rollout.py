"""PPO and A2C of Stable-Baselines3 without torch's cost per call: the same arithmetic on plain arrays.

A network of two layers of 64 units takes torch a few hundred calls an update, each of which costs more than the sums it
does. Here the rollout (both learners) and the update (PPO) are written out in numpy: the forward pass, the clipped
surrogate loss of Schulman et al. 2017 (arXiv:1707.06347) with its gradient, and Adam (Kingma & Ba 2015,
arXiv:1412.6980), in float32 and in the order in which Stable-Baselines3 does them. Weights and optimiser live in torch
between updates, so that checkpoints, archives and everything else that reads a learner find what they always found.

Actions are drawn by inversion from numpy's global generator, which the learner's seed sets and a checkpoint keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lightning_gex.core.errors import InputError, MissingExtraError
from lightning_gex.core.units import Float32Array1D, Float32Array2D, Int64Array1D

try:
    import torch
    from stable_baselines3 import A2C, PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
    from stable_baselines3.common.utils import explained_variance
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as missing:
    raise MissingExtraError("Stable-Baselines3", "rl") from missing

_NORM_FLOOR = 1e-6  # beside the norm of a gradient, as torch's clip_grad_norm_ has it
_SPREAD_FLOOR = 1e-8  # beside the spread of advantages, as Stable-Baselines3 has it


class Dense(NamedTuple):
    """A layer ``x @ weight.T + bias`` and where its gradients go; views into flat arrays."""

    weight: Float32Array2D
    bias: Float32Array1D
    weight_gradient: Float32Array2D
    bias_gradient: Float32Array1D


@dataclass(frozen=True, slots=True, eq=False)
class ActorCritic:
    """Two separate networks with hyperbolic tangents between their layers, over one flat array of parameters.

    Parameters
    ----------
    parameters, gradients : (k,) in the order of the learner's own parameters.
    actor, critic : layers from the observation to (5,) logits, and to one value.
    """

    parameters: Float32Array1D
    gradients: Float32Array1D
    actor: tuple[Dense, ...]
    critic: tuple[Dense, ...]

    @classmethod
    def of(cls, policy: Any) -> ActorCritic:  # noqa: ANN401 - SB3's policy is untyped
        """A copy of a learner's networks.

        Raises
        ------
        InputError : where they are not multilayer perceptrons with hyperbolic tangents.
        """
        own = [p.detach().numpy() for p in policy.parameters()]
        flat = np.concatenate([p.ravel() for p in own])
        slope = np.zeros_like(flat)
        ends = np.cumsum([p.size for p in own])
        places = {id(p): slice(end - p.numel(), end) for p, end in zip(policy.parameters(), ends.tolist(), strict=True)}

        def layers(modules: Sequence[Any]) -> tuple[Dense, ...]:
            kinds = [type(m) for m in modules]
            if set(kinds[::2]) != {torch.nn.Linear} or set(kinds[1::2]) - {torch.nn.Tanh}:
                raise InputError("is no perceptron with hyperbolic tangents", source="policy", field="policy_kwargs")
            found = []
            for m in modules[::2]:
                w, b = places[id(m.weight)], places[id(m.bias)]
                shape = tuple(m.weight.shape)
                found.append(Dense(flat[w].reshape(shape), flat[b], slope[w].reshape(shape), slope[b]))
            return tuple(found)

        towers = policy.mlp_extractor
        actor = layers([*towers.policy_net, policy.action_net])
        return cls(flat, slope, actor, layers([*towers.value_net, policy.value_net]))

    def log_probabilities(self, seen: Float32Array2D) -> Float32Array2D:
        """(n, 5) of the actions."""
        return _log_softmax(_forward(self.actor, seen)[-1])

    def values(self, seen: Float32Array2D) -> Float32Array1D:
        """(n,) what the critic expects."""
        value: Float32Array1D = _forward(self.critic, seen)[-1][:, 0]
        return value


class _Adam:
    """Adam over a flat array, begun from and given back to a learner's own optimiser."""

    def __init__(self, optimizer: Any, parameters: Sequence[Any]) -> None:  # noqa: ANN401 - torch's
        group = optimizer.param_groups[0]
        self.rate, self.floor = float(group["lr"]), float(group["eps"])
        self.first_decay, self.second_decay = group["betas"]
        self._optimizer, self._of = optimizer, list(parameters)
        begun = bool(optimizer.state)
        self.steps = int(optimizer.state[self._of[0]]["step"]) if begun else 0
        self.mean, self.square = (
            np.concatenate([optimizer.state[p][name].numpy().ravel() for p in self._of])
            if begun
            else np.zeros(sum(p.numel() for p in self._of), dtype=np.float32)
            for name in ("exp_avg", "exp_avg_sq")
        )

    def step(self, parameters: Float32Array1D, gradients: Float32Array1D) -> None:
        """Move the parameters against their gradients."""
        self.steps += 1
        self.mean += (gradients - self.mean) * np.float32(1.0 - self.first_decay)
        self.square *= np.float32(self.second_decay)
        self.square += gradients * gradients * np.float32(1.0 - self.second_decay)
        spread = np.sqrt(self.square)
        spread /= np.float32((1.0 - self.second_decay**self.steps) ** 0.5)
        spread += np.float32(self.floor)
        np.divide(self.mean, spread, out=spread)
        spread *= np.float32(self.rate / (1.0 - self.first_decay**self.steps))
        parameters -= spread

    def give_back(self, parameters: Float32Array1D) -> None:
        """Write parameters and state into the learner's own tensors."""
        at = 0
        with torch.no_grad():
            for p in self._of:
                part, shape = slice(at, at + p.numel()), tuple(p.shape)
                p.copy_(torch.from_numpy(parameters[part].reshape(shape)))
                self._optimizer.state[p] = {
                    "step": torch.tensor(float(self.steps)),
                    "exp_avg": torch.from_numpy(self.mean[part].reshape(shape).copy()),
                    "exp_avg_sq": torch.from_numpy(self.square[part].reshape(shape).copy()),
                }
                at = part.stop


class _Batch(NamedTuple):
    seen: Float32Array2D
    actions: Int64Array1D
    old_log_prob: Float32Array1D
    advantages: Float32Array1D
    returns: Float32Array1D

    def rows(self, chosen: Int64Array1D) -> _Batch:
        """Some of them."""
        columns: Any = (column[chosen] for column in self)
        return _Batch(*columns)


class _Terms(NamedTuple):
    clip_range: float
    entropy_coefficient: float
    value_coefficient: float
    normalize: bool


class ArrayRollouts(OnPolicyAlgorithm):
    """Collects rollouts in a ``BatchedSizingEnv`` without torch; the distribution is the policy's own to float32."""

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: Any,  # noqa: ANN401 - the base class names a buffer that not every learner has
        n_rollout_steps: int,
    ) -> bool:
        """Fill the buffer. False where the callback wants to stop."""
        nets, buffer = ActorCritic.of(self.policy), rollout_buffer
        buffer.reset()
        callback.on_rollout_start()
        seen: Any = self._last_obs
        for k in range(n_rollout_steps):
            log_probabilities = nets.log_probabilities(seen)
            actions = _drawn(log_probabilities)
            following: Any
            following, rewards, ended, infos = env.step(actions)
            self.num_timesteps += env.num_envs
            callback.update_locals({"infos": infos, "rewards": rewards, "dones": ended})
            if not callback.on_step():
                return False
            if ended.any():
                self._keep_endings(nets, rewards, infos)
            buffer.observations[k], buffer.actions[k, :, 0], buffer.rewards[k] = seen, actions, rewards
            buffer.episode_starts[k], buffer.values[k] = self._last_episode_starts, nets.values(seen)
            buffer.log_probs[k] = np.take_along_axis(log_probabilities, actions[:, np.newaxis], 1)[:, 0]
            self._last_obs = seen = following
            self._last_episode_starts = ended
        buffer.pos, buffer.full = n_rollout_steps, True
        buffer.compute_returns_and_advantage(torch.from_numpy(nets.values(seen)), self._last_episode_starts)
        callback.on_rollout_end()
        return True

    def _keep_endings(self, nets: ActorCritic, rewards: Float32Array1D, infos: Any) -> None:  # noqa: ANN401
        """Report ended episodes, and count what a truncated one might still have earned."""
        for (_, _, length, _), total in zip(infos.endings.tolist(), infos.reward_sums.tolist(), strict=True):
            self.ep_info_buffer.append({"r": total, "l": length})  # type: ignore[union-attr]
        cut = infos.endings[:, 3] == 1
        if self.gamma > 0.0 and cut.any():
            rewards[infos.endings[cut, 0]] += np.float32(self.gamma) * nets.values(infos.last_seen[cut])


class ArrayA2C(ArrayRollouts, A2C):
    """A2C, its rollouts without torch."""


class ArrayPPO(ArrayRollouts, PPO):
    """PPO, its rollouts and updates without torch; equal to PPO's own update to the rounding of float32."""

    def train(self) -> None:
        """Update the policy from the buffer, as ``PPO.train`` does without a clipped value and without a target KL."""
        self._update_learning_rate(self.policy.optimizer)
        nets, adam = ActorCritic.of(self.policy), _Adam(self.policy.optimizer, list(self.policy.parameters()))
        clip_range: Any = self.clip_range
        terms = _Terms(
            float(clip_range(self._current_progress_remaining)), self.ent_coef, self.vf_coef, self.normalize_advantage
        )
        whole, said = self._whole_buffer(), []
        count = len(whole.actions)
        for _ in range(self.n_epochs):
            order = np.random.permutation(count)
            for first in range(0, count, self.batch_size):
                chosen = order[first : first + self.batch_size]
                said.append(_descend(nets, whole.rows(chosen), terms))
                norm = float(np.sqrt(np.dot(nets.gradients, nets.gradients)))
                np.multiply(
                    nets.gradients, np.float32(min(self.max_grad_norm / (norm + _NORM_FLOOR), 1.0)), out=nets.gradients
                )
                adam.step(nets.parameters, nets.gradients)
            self._n_updates += 1
        adam.give_back(nets.parameters)
        names = ("policy_gradient_loss", "value_loss", "entropy_loss", "approx_kl", "clip_fraction")
        for name, mean in zip(names, np.mean(said, axis=0).tolist(), strict=True):
            self.logger.record(f"train/{name}", mean)
        loss, missed, undecided = said[-1][:3]
        loss += terms.entropy_coefficient * undecided + terms.value_coefficient * missed
        self.logger.record("train/loss", loss)
        self.logger.record("train/clip_range", terms.clip_range)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        buffer = self.rollout_buffer
        explained = explained_variance(buffer.values.flatten(), buffer.returns.flatten())
        self.logger.record("train/explained_variance", explained)

    def _whole_buffer(self) -> _Batch:
        """The buffer, environment by environment, as Stable-Baselines3 flattens it."""
        buffer = self.rollout_buffer
        flat: Any = (a.T.ravel() for a in (buffer.actions[..., 0], buffer.log_probs, buffer.advantages, buffer.returns))
        seen = buffer.observations.swapaxes(0, 1)
        return _Batch(seen.reshape(-1, seen.shape[-1]), *flat)


def _drawn(log_probabilities: Float32Array2D) -> Int64Array1D:
    """One action a row."""
    reached = np.cumsum(np.exp(log_probabilities), axis=1)[:, :-1]
    chance = np.random.random_sample(len(log_probabilities))
    actions: Int64Array1D = (reached <= chance[:, np.newaxis]).sum(axis=1)
    return actions


def _log_softmax(logits: Float32Array2D) -> Float32Array2D:
    shifted: Float32Array2D = logits - logits.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def _forward(layers: tuple[Dense, ...], seen: Float32Array2D) -> list[Float32Array2D]:
    """What each layer makes of the one before, the observations first."""
    made = [seen]
    for k, layer in enumerate(layers):
        out = made[-1] @ layer.weight.T
        out += layer.bias
        if k < len(layers) - 1:
            np.tanh(out, out=out)
        made.append(out)
    return made


def _backward(layers: tuple[Dense, ...], made: list[Float32Array2D], slope: Float32Array2D) -> None:
    """Gradients of every layer, given the slope of the loss by what the last one made."""
    for k in range(len(layers) - 1, -1, -1):
        layer, before = layers[k], made[k]
        np.matmul(slope.T, before, out=layer.weight_gradient)
        slope.sum(axis=0, out=layer.bias_gradient)
        if k:
            slope = slope @ layer.weight
            slope *= 1.0 - before * before


def _descend(nets: ActorCritic, batch: _Batch, terms: _Terms) -> tuple[float, float, float, float, float]:
    """Fill the gradients of the loss over a batch; policy, value and entropy loss, KL divergence, share clipped."""
    count, rows = len(batch.actions), np.arange(len(batch.actions))
    actor, critic = _forward(nets.actor, batch.seen), _forward(nets.critic, batch.seen)
    log_p = _log_softmax(actor[-1])
    p = np.exp(log_p)
    advantages = batch.advantages
    if terms.normalize and count > 1:
        advantages = (advantages - advantages.mean()) / (advantages.std(ddof=1) + np.float32(_SPREAD_FLOOR))
    log_ratio = log_p[rows, batch.actions] - batch.old_log_prob
    ratio = np.exp(log_ratio)
    plain = advantages * ratio
    clipped = advantages * np.clip(ratio, 1.0 - terms.clip_range, 1.0 + terms.clip_range)
    by_log_p: Any = np.where(plain <= clipped, plain, np.float32(0.0)) / np.float32(-count)
    by_logits = p * -by_log_p[:, np.newaxis]
    by_logits[rows, batch.actions] += by_log_p
    entropy = -(p * log_p).sum(axis=1)
    if terms.entropy_coefficient:
        by_logits += np.float32(terms.entropy_coefficient / count) * p * (log_p + entropy[:, np.newaxis])
    missed: Float32Array2D = critic[-1] - batch.returns[:, np.newaxis]
    _backward(nets.actor, actor, by_logits)
    _backward(nets.critic, critic, missed * np.float32(2.0 * terms.value_coefficient / count))
    return (
        -float(np.minimum(plain, clipped).mean()),
        float((missed * missed).mean()),
        -float(entropy.mean()),
        float((ratio - 1.0 - log_ratio).mean()),
        float((np.abs(ratio - 1.0) > terms.clip_range).mean()),
    )
