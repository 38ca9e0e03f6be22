"""Training a sizing policy with Stable-Baselines3, and packing it so that deciding needs neither it nor torch."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import io
import json
import math
import random
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lightning_gex.analytics.observation import OBSERVATION_NAMES
from lightning_gex.core.errors import InputError, MissingExtraError
from lightning_gex.sizing.episodes import Episodes
from lightning_gex.sizing.ladder import LADDER
from lightning_gex.sizing.learner_state import (
    checkpoint_of,
    go_on,
    packed,
    parameters_of,
    set_parameters,
    unpacked,
)
from lightning_gex.sizing.network import Activation, DenseLayer, Network
from lightning_gex.sizing.onnx_export import argmax_network
from lightning_gex.sizing.policy import (
    LEARNER_MEMBER,
    METADATA_MEMBER,
    ONNX_MEMBER,
    WEIGHTS_MEMBER,
    Algorithm,
    OnnxPolicy,
    PolicyMetadata,
    learner_state,
    load_policy,
    network_session,
)

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from lightning_gex.sizing.batched import BatchedSizingEnv

LEARNING_RATE: Final = 0.0003
CPU: Final = "cpu"
CUDA: Final = "cuda"
#: A reward is some basis points of log equity; learners assume numbers near one.
REWARD_SCALE: Final = 100.0
#: Every reward is booked at its decision and log utility is myopic (Hakansson 1971, Journal of Business 44(3)): the
#: best size now does not depend on later ones, so looking ahead would add noise and nothing else.
DISCOUNT: Final = 0.0
#: Steps between updates, all environments together, as Stable-Baselines3 has them for one environment (PPO: a quarter).
_ROLLOUT: Final = {Algorithm.PPO: 512, Algorithm.A2C: 16, Algorithm.DQN: 4}
_BATCH = 64
_MAX_REPLAY = 100_000
_SUMMARY_EPISODES = 20
_REPORTED_EPISODES = 100  # over which a report takes its means
_VERSIONED = ("gymnasium", "numpy", "onnx", "stable-baselines3", "torch")
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment a zip can hold: archives differ by content only
CHECKPOINT_FORMAT: Final = "lightning-gex-sizing-checkpoint-1"


@dataclass(frozen=True, slots=True)
class TrainingKnobs:
    """How a learner learns.

    Parameters
    ----------
    learning_rate : of the optimiser, in (0, 1).
    environments : stepped at once, 1 to 1,024.
    rollout_steps : steps between updates, all environments together; None takes the algorithm's own.
    batch_size : of a gradient step of PPO and DQN, at least 2.
    discount : of later rewards, [0, 1].
    entropy_coefficient : reward for staying undecided, PPO and A2C; 0 is none.
    hidden : units of each hidden layer, 1 to 1,024 each.
    drawdown_penalty : as in ``EnvironmentTerms``.
    device : ``cpu`` or ``cuda``; see :func:`device_named`.
    """

    learning_rate: float = LEARNING_RATE
    environments: int = 8
    rollout_steps: int | None = None
    batch_size: int = _BATCH
    discount: float = DISCOUNT
    entropy_coefficient: float = 0.0
    hidden: tuple[int, ...] = (64, 64)
    drawdown_penalty: float = 0.0
    device: str = CPU

    def __post_init__(self) -> None:
        for name, right in (
            ("learning_rate", 0 < self.learning_rate < 1),
            ("environments", 1 <= self.environments <= 1_024),
            ("rollout_steps", self.rollout_steps is None or 1 <= self.rollout_steps <= 1_000_000),
            ("batch_size", 2 <= self.batch_size <= 65_536),
            ("discount", 0 <= self.discount <= 1),
            ("entropy_coefficient", 0 <= self.entropy_coefficient < 1),
            ("hidden", 1 <= len(self.hidden) <= 8 and all(1 <= units <= 1_024 for units in self.hidden)),
            ("drawdown_penalty", 0 <= self.drawdown_penalty < math.inf),
            ("device", self.device in (CPU, CUDA)),
        ):
            if not right:
                raise InputError(f"{getattr(self, name)} is out of range", field=name)


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a training is.

    Parameters
    ----------
    done, total : steps.
    mean_reward : mean sum of rewards of the latest episodes, log equity (less the penalty); NaN before the first.
    mean_equity_usd : mean final equity of the latest episodes; NaN before the first.
    """

    done: int
    total: int
    mean_reward: float = math.nan
    mean_equity_usd: float = math.nan


ProgressReport = Callable[[TrainingProgress], None]


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Where a training leaves what it can go on from, and what it goes on from.

    Parameters
    ----------
    write : keeps the bytes of a checkpoint, the latest in place of the one before.
    every : steps between two, at least 1.
    resume : bytes that ``write`` got in a training with the same arguments; None begins anew.
    """

    write: Callable[[bytes], None]
    every: int = 10_000
    resume: bytes | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError(f"{self.every} is not at least 1", field="every")


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """How the finished policy does on the episodes it was trained on: no evidence of skill, a sign that it learned.

    Parameters
    ----------
    episodes, candidates : how many it was trained on.
    evaluated_candidates : how many of them this summary is over.
    log_growth_per_candidate : mean change of log equity after costs a candidate.
    mean_size_pct : mean rung taken, as a fraction of equity.
    share_taken : share of candidates with a position.
    """

    episodes: int
    candidates: int
    evaluated_candidates: int
    log_growth_per_candidate: float
    mean_size_pct: float
    share_taken: float


@dataclass(frozen=True, slots=True, eq=False)
class TrainedPolicy:
    """A finished policy with what it was trained with and the learner's own state."""

    metadata: PolicyMetadata
    network: bytes
    weights: bytes
    learner: bytes

    def to_bytes(self) -> bytes:
        """The archive that ``policy.load_policy`` reads; the same bytes for the same content."""
        return _zipped(
            {
                METADATA_MEMBER: self.metadata.to_json().encode(),
                ONNX_MEMBER: self.network,
                WEIGHTS_MEMBER: self.weights,
                LEARNER_MEMBER: self.learner,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> TrainedPolicy:
        """Read what :meth:`to_bytes` wrote. Raises ``InputError`` on anything else."""
        metadata, learner = learner_state(data, source)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return cls(metadata, archive.read(ONNX_MEMBER), archive.read(WEIGHTS_MEMBER), learner)

    def policy(self) -> OnnxPolicy:
        """The policy, ready to decide."""
        return load_policy(self.to_bytes(), "trained policy")


def train_policy(
    episodes: Episodes,
    *,
    algorithm: Algorithm,
    total_timesteps: int,
    seed: int,
    knobs: TrainingKnobs | None = None,
    progress: ProgressReport | None = None,
    start_from: bytes | None = None,
    checkpoints: Checkpoints | None = None,
    tensorboard: Path | None = None,
) -> TrainedPolicy:
    """Train a sizing policy. The same arguments on the same libraries and machine give the same policy.

    Parameters
    ----------
    episodes : candidate trades to learn from.
    algorithm : PPO, A2C or DQN of Stable-Baselines3, with a multilayer perceptron, on one thread of the
        processor unless ``knobs`` names another device.
    total_timesteps : candidates to learn from, repeats counted; a learner that works in batches finishes its last one.
    seed : not negative.
    knobs : how it learns; None takes the defaults.
    progress : told after every batch of steps.
    start_from : an archive of ``TrainedPolicy.to_bytes`` whose training goes on; of the same algorithm.
    checkpoints : where to leave them; a training that goes on from one ends as if it had not been interrupted.
    tensorboard : folder for TensorBoard's logs; None writes none.

    Raises
    ------
    MissingExtraError : where the extra ``rl`` is not installed.
    InputError : where an argument is out of range, ``start_from`` is another algorithm's, or the checkpoint to go on
        from is another training's.
    """
    for name, value, right in (
        ("total_timesteps", total_timesteps, total_timesteps >= 1),
        ("seed", seed, 0 <= seed < 2**32),
    ):
        if not right:
            raise InputError(f"{value} is out of range", field=name)
    if tensorboard is not None and importlib.util.find_spec("tensorboard") is None:
        raise MissingExtraError("TensorBoard", "rl")
    plan = _Plan(algorithm, total_timesteps, seed, knobs or TrainingKnobs(), data_digest(episodes))
    begin_at = None if start_from is None else _learner_of(start_from, algorithm)
    resume = None if checkpoints is None or checkpoints.resume is None else plan.state_in(checkpoints.resume)
    device_named(plan.knobs.device)  # one that is not there is said before any work
    with _undisturbed_single_thread():
        learner, env = plan.learner(episodes, tensorboard)
        if begin_at is not None:
            set_parameters(learner, begin_at, "policy to go on from")
        if resume is not None:
            go_on(learner, env, resume, "checkpoint")
        left = total_timesteps - learner.num_timesteps
        if left > 0:
            learner.learn(left, callback=_watch(plan, env, progress, checkpoints), reset_num_timesteps=resume is None)
        layers = _layers(algorithm, learner)
        network, weights = argmax_network(layers), Network.of(layers).to_bytes()
        state = parameters_of(learner)
    metadata = PolicyMetadata(
        algorithm=algorithm,
        observation_names=OBSERVATION_NAMES,
        ladder=tuple(LADDER),
        seed=seed,
        total_timesteps=total_timesteps,
        learning_rate=plan.knobs.learning_rate,
        library_versions={name: importlib.metadata.version(name) for name in _VERSIONED},
        training=asdict(_summary(episodes, network)),
        policy_sha256=hashlib.sha256(network).hexdigest(),
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        learner_sha256=hashlib.sha256(state).hexdigest(),
        data_sha256=plan.data_sha256,
        knobs=json.loads(json.dumps(asdict(plan.knobs))),
    )
    return TrainedPolicy(metadata, network, weights, state)


def device_named(name: str) -> str:
    """What a training runs on.

    Parameters
    ----------
    name : ``cpu``; ``cuda``, a graphics processor that must be there; or ``auto``, one where there is one. A network of
        a few thousand weights trains faster on the processor.

    Returns
    -------
    ``cpu`` or ``cuda``.

    Raises
    ------
    InputError : another name, or ``cuda`` where there is none.
    MissingExtraError : other than ``cpu`` is asked for where the extra ``rl`` is not installed.
    """
    if name == CPU:
        return CPU
    if name not in ("auto", CUDA):
        raise InputError(f"{name!r} is none of auto, cpu, cuda", field="device")
    try:
        import torch
    except ImportError as missing:
        raise MissingExtraError("Stable-Baselines3", "rl") from missing
    if torch.cuda.is_available():
        return CUDA
    if name == CUDA:
        raise InputError("there is no graphics processor that torch can use: train with cpu or auto", field="device")
    return CPU


def data_digest(episodes: Episodes) -> str:
    """Hex digest of everything in these episodes but their source's name."""
    digest = hashlib.sha256()
    for column in fields(episodes):
        if column.name != "source":
            values = np.ascontiguousarray(getattr(episodes, column.name))
            if column.name == "cost_bp_per_side" and (values == values[0]).all():
                values = values[:1]  # one cost of all is told once
            digest.update(column.name.encode())
            digest.update(values.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What makes a training this one and no other."""

    algorithm: Algorithm
    total_timesteps: int
    seed: int
    knobs: TrainingKnobs
    data_sha256: str
    format: str = field(default=CHECKPOINT_FORMAT)

    def checkpoint(self, state: bytes) -> bytes:
        """A checkpoint that says which training it belongs to."""
        return packed({"plan": self._words(), "state": np.frombuffer(state, dtype=np.uint8)})

    def state_in(self, data: bytes) -> bytes:
        """The state in a checkpoint of this very training. Raises ``InputError`` on any other."""
        tree = unpacked(data, "checkpoint")
        found, wanted = tree.get("plan"), self._words()
        if not isinstance(found, dict) or found.get("format") != self.format:
            raise InputError("is no checkpoint of a training", source="checkpoint", field="format")
        for name, value in wanted.items():
            if found.get(name) != value:
                problem = f"belongs to a training with {found.get(name)}, not {value}: remove it or train as before"
                raise InputError(problem, source="checkpoint", field=name)
        state: bytes = tree["state"].tobytes()
        return state

    def _words(self) -> dict[str, Any]:
        words: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return words

    def learner(self, episodes: Episodes, tensorboard: Path | None) -> tuple[BaseAlgorithm, BatchedSizingEnv]:
        """A learner that has learnt nothing, and the environments it learns in."""
        import stable_baselines3

        from lightning_gex.sizing.batched import BatchedSizingEnv
        from lightning_gex.sizing.environment import EnvironmentTerms
        from lightning_gex.sizing.rollout import ArrayA2C, ArrayPPO

        knobs = self.knobs
        terms = EnvironmentTerms(reward_scale=REWARD_SCALE, drawdown_penalty=knobs.drawdown_penalty)
        env = BatchedSizingEnv(episodes, knobs.environments, terms)
        common: dict[str, Any] = {
            "learning_rate": knobs.learning_rate,
            "gamma": knobs.discount,
            "seed": self.seed,
            "device": knobs.device,
            "verbose": 0,
            "policy_kwargs": {"net_arch": list(knobs.hidden)},
            "tensorboard_log": None if tensorboard is None else str(tensorboard),
        }
        rollout = knobs.rollout_steps or _ROLLOUT[self.algorithm]
        if self.algorithm is Algorithm.PPO:
            rollout = min(rollout, max(knobs.batch_size, self.total_timesteps // knobs.batch_size * knobs.batch_size))
        steps = max(rollout // knobs.environments, 1)
        if self.algorithm is Algorithm.DQN:
            made: BaseAlgorithm = stable_baselines3.DQN(
                "MlpPolicy",
                env,
                buffer_size=min(max(self.total_timesteps, knobs.batch_size), _MAX_REPLAY),
                batch_size=knobs.batch_size,
                exploration_fraction=0.3,
                train_freq=steps,
                gradient_steps=max(steps * knobs.environments // rollout, 1),
                **common,
            )
            return made, env
        common["ent_coef"] = knobs.entropy_coefficient
        ppo, a2c = (ArrayPPO, ArrayA2C) if knobs.device == CPU else (stable_baselines3.PPO, stable_baselines3.A2C)
        if self.algorithm is Algorithm.PPO:
            batch = min(knobs.batch_size, max(steps * knobs.environments, 2))
            made = ppo("MlpPolicy", env, n_steps=max(steps, 2), batch_size=batch, **common)
        else:
            made = a2c("MlpPolicy", env, n_steps=steps, normalize_advantage=True, **common)
        return made, env


@contextmanager
def _undisturbed_single_thread() -> Iterator[None]:
    """One torch thread inside; the process's thread count and global random states as they were, outside."""
    try:
        import stable_baselines3  # noqa: F401 - absent: say so before anything else is done
        import torch
    except ImportError as missing:
        raise MissingExtraError("Stable-Baselines3", "rl") from missing
    threads = torch.get_num_threads()
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    on_device = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    torch.set_num_threads(1)  # sums in a fixed order, and a network this small only loses by threads
    try:
        with warnings.catch_warnings():  # who asks for a GPU was told that the processor is faster
            warnings.filterwarnings("ignore", message="[^.]*primarily intended to run on the CPU", category=UserWarning)
            yield
    finally:
        torch.set_num_threads(threads)
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        if on_device:
            torch.cuda.set_rng_state_all(on_device)


def _watch(plan: _Plan, env: BatchedSizingEnv, progress: ProgressReport | None, checkpoints: Checkpoints | None) -> Any:  # noqa: ANN401 - the base is imported late
    from stable_baselines3.common.callbacks import BaseCallback

    from lightning_gex.sizing.account_kernel import ENDING

    class Watch(BaseCallback):
        """Tells how far the training is, and leaves checkpoints between two rollouts, where the state is whole."""

        def __init__(self) -> None:
            super().__init__()
            self.ended: list[tuple[float, float]] = []
            self.means = [math.nan, math.nan]
            self.kept_at = -1

        def _on_rollout_start(self) -> None:
            if self.kept_at < 0:
                self.kept_at = self.num_timesteps
            if checkpoints is not None and self.num_timesteps - self.kept_at >= checkpoints.every:
                self.kept_at = self.num_timesteps
                checkpoints.write(plan.checkpoint(checkpoint_of(self.model, env)))

        def _on_step(self) -> bool:
            infos = self.locals["infos"]
            if len(infos.endings):
                cents, rewards = infos.endings[:, ENDING.index("equity")], infos.reward_sums
                self.ended += zip((rewards / REWARD_SCALE).tolist(), (cents / 100.0).tolist(), strict=True)
                self.ended = self.ended[-_REPORTED_EPISODES:]
                self.means = np.mean(self.ended, axis=0).tolist()
                self.logger.record("rollout/equity_usd", self.means[1])
            if progress is not None:
                done = min(self.num_timesteps, plan.total_timesteps)
                progress(TrainingProgress(done, plan.total_timesteps, *self.means))
            return True

    return Watch()


def _layers(algorithm: Algorithm, learner: BaseAlgorithm) -> list[DenseLayer]:
    """The layers from the observation to one number a rung: action logits, or Q values."""
    import torch

    policy: Any = learner.policy
    if algorithm is Algorithm.DQN:
        modules = list(policy.q_net.q_net)
    else:
        modules = [*policy.mlp_extractor.policy_net, policy.action_net]
    activations = {torch.nn.Tanh: Activation.TANH, torch.nn.ReLU: Activation.RELU}
    layers: list[DenseLayer] = []
    for module, after in zip(modules, [*modules[1:], None], strict=True):
        if isinstance(module, torch.nn.Linear):
            weight, bias = (p.detach().cpu().numpy().copy() for p in (module.weight, module.bias))
            layers.append(DenseLayer(weight, bias, activations.get(type(after), Activation.NONE)))
    return layers


def _zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_EPOCH), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _learner_of(archive_bytes: bytes, algorithm: Algorithm) -> bytes:
    source = "policy to go on from"
    metadata, state = learner_state(archive_bytes, source)
    if metadata.algorithm is not algorithm:
        raise InputError(
            f"was trained with {metadata.algorithm}, so {algorithm} cannot go on with it",
            source=source,
            field="algorithm",
        )
    return state


def _summary(episodes: Episodes, network: bytes) -> TrainingSummary:
    from lightning_gex.sizing.environment import PositionSizingEnv

    env = PositionSizingEnv(episodes)
    session = network_session(network, "trained network")
    growth, sizes = [], []
    for k in range(min(episodes.count, _SUMMARY_EPISODES)):
        seen, _ = env.reset(seed=0, options={"episode": k, "start": 0})
        over = False
        while not over:
            action = session.run(["action"], {"observation": seen[np.newaxis, :]})[0][0]
            seen, reward, terminated, truncated, info = env.step(np.int64(action))
            over = terminated or truncated
            growth.append(reward)
            sizes.append(info["size_pct"])
    return TrainingSummary(
        episodes=episodes.count,
        candidates=len(episodes),
        evaluated_candidates=len(growth),
        log_growth_per_candidate=float(np.mean(growth)),
        mean_size_pct=float(np.mean(sizes)),
        share_taken=float(np.mean(np.array(sizes) > 0)),
    )
