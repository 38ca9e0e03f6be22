"""One sizing action: a loaded policy beside Stable-Baselines3's ``predict`` on the same weights, turn by turn.

Goal 6: at least 20 times as fast, with the same action on each of 10,000 observations, which is asserted here.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import stable_baselines3
import torch
from peers.comparison import machine, write

from lightning_gex.analytics.observation import OBSERVATION_HIGH, OBSERVATION_LOW
from lightning_gex.app.assembly.training_data import simulated_episodes
from lightning_gex.core.units import Float32Array1D
from lightning_gex.sizing.batched import BatchedSizingEnv
from lightning_gex.sizing.ladder import LADDER
from lightning_gex.sizing.learner_state import set_parameters
from lightning_gex.sizing.policy import Algorithm
from lightning_gex.sizing.training import train_policy

RESULT = Path(__file__).parent / "results" / "policy.json"
OBSERVATIONS, ROUNDS, CALLS = 10_000, 15, 400
GOAL = 20.0
STEPS = 2_048


def microseconds(call: Callable[[Float32Array1D], object], seen: np.ndarray) -> float:
    """Time of one call, the mean over one round."""
    began = time.perf_counter()
    for row in seen:
        call(row)
    return (time.perf_counter() - began) / len(seen) * 1e6


def main() -> None:
    """Measure every algorithm, print a line each, write the results."""
    torch.set_num_threads(1)
    episodes = simulated_episodes(0, markets=2, sessions=600)
    seen = np.random.default_rng(1).uniform(OBSERVATION_LOW, OBSERVATION_HIGH, (OBSERVATIONS, 7)).astype(np.float32)
    found: dict[str, object] = {"machine": machine(), "stable-baselines3": stable_baselines3.__version__}
    for algorithm in Algorithm:
        trained = train_policy(episodes, algorithm=algorithm, total_timesteps=STEPS, seed=1)
        policy = trained.policy()
        env = BatchedSizingEnv(episodes, 1)
        learner = getattr(stable_baselines3, algorithm.value)("MlpPolicy", env, device="cpu")
        set_parameters(learner, trained.learner, algorithm.value)
        expected, _ = learner.predict(seen, deterministic=True)
        np.testing.assert_array_equal([LADDER.index(policy.size_pct(row)) for row in seen], expected)
        np.testing.assert_array_equal(policy.actions(seen), expected)

        def predict(row: Float32Array1D, learner: object = learner) -> object:
            return learner.predict(row, deterministic=True)  # type: ignore[attr-defined]

        pairs = [
            (microseconds(policy.size_pct, seen[:CALLS]), microseconds(predict, seen[:CALLS])) for _ in range(ROUNDS)
        ]
        ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        met = ratio >= GOAL
        found[algorithm.value] = {"ours_us": ours, "predict_us": theirs, "ratio": ratio, "wanted": GOAL, "met": met}
        print(f"{algorithm}: {ours:.1f} us, predict {theirs:.1f} us, {ratio:.1f} times; {'met' if met else 'MISSED'}")
    write(RESULT, found)


if __name__ == "__main__":
    main()
