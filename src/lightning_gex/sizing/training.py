"""Training a sizing policy with Stable-Baselines3, and packing it so that deciding needs neither it nor torch."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import random
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lightning_gex.analytics.observation import OBSERVATION_NAMES
from lightning_gex.core.errors import InputError, MissingExtraError
from lightning_gex.sizing.episodes import Episodes
from lightning_gex.sizing.ladder import LADDER
from lightning_gex.sizing.onnx_export import Activation, DenseLayer, argmax_network
from lightning_gex.sizing.policy import (
    LEARNER_MEMBER,
    METADATA_MEMBER,
    ONNX_MEMBER,
    Algorithm,
    OnnxPolicy,
    PolicyMetadata,
    load_policy,
    network_session,
)

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from lightning_gex.sizing.environment import PositionSizingEnv

LEARNING_RATE: Final = 0.0003
#: A reward is some basis points of log equity; learners assume numbers near one.
REWARD_SCALE: Final = 100.0
#: Every reward is booked at its decision and log utility is myopic (Hakansson 1971, Journal of Business 44(3)): the
#: best size now does not depend on later ones, so looking ahead would add noise and nothing else.
DISCOUNT: Final = 0.0
_ROLLOUT_STEPS = 512
_BATCH = 64
_MAX_REPLAY = 100_000
_SUMMARY_EPISODES = 20
_VERSIONED = ("gymnasium", "numpy", "onnx", "stable-baselines3", "torch")
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment a zip can hold: archives differ by content only

ProgressReport = Callable[[int, int], None]


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
    learner: bytes

    def to_bytes(self) -> bytes:
        """The archive that ``policy.load_policy`` reads; the same bytes for the same content."""
        return _zipped(
            {
                METADATA_MEMBER: self.metadata.to_json().encode(),
                ONNX_MEMBER: self.network,
                LEARNER_MEMBER: self.learner,
            }
        )

    def policy(self) -> OnnxPolicy:
        """The policy, ready to decide."""
        return load_policy(self.to_bytes(), "trained policy")


def train_policy(
    episodes: Episodes,
    *,
    algorithm: Algorithm,
    total_timesteps: int,
    seed: int,
    learning_rate: float = LEARNING_RATE,
    progress: ProgressReport | None = None,
    start_from: bytes | None = None,
) -> TrainedPolicy:
    """Train a sizing policy. The same arguments on the same libraries and machine give the same policy.

    Parameters
    ----------
    episodes : candidate trades to learn from.
    algorithm : PPO, A2C or DQN of Stable-Baselines3, with a multilayer perceptron, on one thread of the CPU.
    total_timesteps : candidates to learn from, repeats counted; a learner that works in batches finishes its last one.
    seed : not negative.
    learning_rate : of the optimiser, positive.
    progress : called now and then with (steps done, steps in all).
    start_from : an archive of ``TrainedPolicy.to_bytes`` whose training goes on; of the same algorithm.

    Raises
    ------
    MissingExtraError : where the extra ``rl`` is not installed.
    InputError : where an argument is out of range or ``start_from`` is another algorithm's.
    """
    for field, value, right in (
        ("total_timesteps", total_timesteps, total_timesteps >= 1),
        ("seed", seed, 0 <= seed < 2**32),
        ("learning_rate", learning_rate, 0 < learning_rate < 1),
    ):
        if not right:
            raise InputError(f"{value} is out of range", field=field)
    learner_state = None if start_from is None else _learner_of(start_from, algorithm)
    with _undisturbed_single_thread():
        from stable_baselines3.common.save_util import load_from_zip_file

        from lightning_gex.sizing.environment import PositionSizingEnv

        env = PositionSizingEnv(episodes, reward_scale=REWARD_SCALE)
        learner = _learner(algorithm, env, total_timesteps, seed, learning_rate)
        if learner_state is not None:
            # Weights only, never the pickled rest: an archive from elsewhere must not run code.
            _, parameters, _ = load_from_zip_file(io.BytesIO(learner_state), load_data=False, device="cpu")
            learner.set_parameters(parameters, device="cpu")
        learner.learn(total_timesteps, callback=_progress_callback(progress, total_timesteps))
        network = argmax_network(_layers(algorithm, learner))
        state = _saved(learner)
    metadata = PolicyMetadata(
        algorithm=algorithm,
        observation_names=OBSERVATION_NAMES,
        ladder=tuple(LADDER),
        seed=seed,
        total_timesteps=total_timesteps,
        learning_rate=learning_rate,
        library_versions={name: importlib.metadata.version(name) for name in _VERSIONED},
        training=asdict(_summary(episodes, network)),
        policy_sha256=hashlib.sha256(network).hexdigest(),
    )
    return TrainedPolicy(metadata, network, state)


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
    torch.set_num_threads(1)  # sums in a fixed order, and a network this small only loses by threads
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def _learner(
    algorithm: Algorithm, env: PositionSizingEnv, total_timesteps: int, seed: int, learning_rate: float
) -> BaseAlgorithm:
    import stable_baselines3

    common: dict[str, Any] = {
        "learning_rate": learning_rate,
        "gamma": DISCOUNT,
        "seed": seed,
        "device": "cpu",
        "verbose": 0,
    }
    if algorithm is Algorithm.PPO:
        steps = min(_ROLLOUT_STEPS, max(_BATCH, total_timesteps // _BATCH * _BATCH))
        return stable_baselines3.PPO("MlpPolicy", env, n_steps=steps, batch_size=_BATCH, **common)
    if algorithm is Algorithm.A2C:
        return stable_baselines3.A2C("MlpPolicy", env, n_steps=16, normalize_advantage=True, **common)
    return stable_baselines3.DQN(
        "MlpPolicy",
        env,
        buffer_size=min(max(total_timesteps, _BATCH), _MAX_REPLAY),
        batch_size=_BATCH,
        exploration_fraction=0.3,
        **common,
    )


def _progress_callback(progress: ProgressReport | None, total: int) -> Any:  # noqa: ANN401 - the base is imported late
    if progress is None:
        return None
    report: ProgressReport = progress
    from stable_baselines3.common.callbacks import BaseCallback

    class Report(BaseCallback):
        """Tells the caller how far the training is."""

        def _on_step(self) -> bool:
            if self.num_timesteps % _BATCH == 0 or self.num_timesteps == total:
                report(min(self.num_timesteps, total), total)
            return True

    return Report()


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


def _saved(learner: BaseAlgorithm) -> bytes:
    """The learner as Stable-Baselines3 saves it, without the moments that would make equal learners differ."""
    buffer = io.BytesIO()
    learner.save(buffer, exclude=["start_time", "ep_info_buffer", "ep_success_buffer"])
    with zipfile.ZipFile(buffer) as archive:
        return _zipped({name: archive.read(name) for name in sorted(archive.namelist())})


def _zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_EPOCH), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _learner_of(archive_bytes: bytes, algorithm: Algorithm) -> bytes:
    source = "policy to go on from"
    earlier = load_policy(archive_bytes, source)
    if earlier.metadata.algorithm is not algorithm:
        raise InputError(
            f"was trained with {earlier.metadata.algorithm}, so {algorithm} cannot go on with it",
            source=source,
            field="algorithm",
        )
    with zipfile.ZipFile(io.BytesIO(archive_bytes)) as archive:
        if LEARNER_MEMBER not in archive.namelist():
            raise InputError(f"the archive holds no {LEARNER_MEMBER}", source=source, field=LEARNER_MEMBER)
        return archive.read(LEARNER_MEMBER)


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
