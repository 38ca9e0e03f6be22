"""Training PPO: ours beside Stable-Baselines3's on one plain environment, at the same update arithmetic.

Both take the same steps in rollouts of the same length, and from each as many gradient steps over batches of the same
size with the same network, learning rate and discount. What differs is how the numbers come about: eight accounts
stepped in one compiled call and updates in plain arrays, against ``DummyVecEnv`` over one ``PositionSizingEnv`` and
torch, which gets the one thread it is fastest with.

- The time of both, in turn, ``ROUNDS`` times in one process with nothing else running: the goal is half of theirs.
- The share of our time that the environment takes: the goal is less than a tenth.
- What the finished policies come to on markets that neither was trained on, ten seeds each: the mean of ours less
  theirs over the seeds, with a bootstrap interval. The goal is no worse.

    bench_training.py                           everything, one process
    bench_training.py --workers 16              the ten seeds in 16 processes; the times are still taken alone, first
    bench_training.py --only returns --seeds 4  one part

What was trained stands in the result as soon as it is known and is not trained again, unless ``--anew``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import stable_baselines3
import torch
from numpy.typing import NDArray
from peers.comparison import machine, write
from stable_baselines3.common.vec_env import DummyVecEnv

from lightning_gex.app.assembly.training_data import simulated_episodes
from lightning_gex.core.units import Float32Array2D
from lightning_gex.sizing.batched import BatchedSizingEnv
from lightning_gex.sizing.environment import EnvironmentTerms, PositionSizingEnv
from lightning_gex.sizing.episodes import Episodes
from lightning_gex.sizing.policy import Algorithm
from lightning_gex.sizing.training import REWARD_SCALE, TrainingKnobs, train_policy

RESULT = Path(__file__).parent / "results" / "training.json"
TIMESTEPS, SEEDS, ROUNDS, ROLLOUT_STEPS = 100_000, 10, 3, 512
KNOBS = TrainingKnobs(rollout_steps=ROLLOUT_STEPS, learning_rate=0.001)
PLANTED_EFFECT, SESSIONS = 0.3, 1_000
LEARNT_SEED, LEARNT_MARKETS, JUDGED_SEED, JUDGED_MARKETS = 11, 24, 505, 96
GOAL_RATIO, GOAL_SHARE = 2.0, 0.10
RESAMPLES = 10_000
OURS, THEIRS = "ours", "stable-baselines3"
Row = dict[str, Any]
Policy = Callable[[Float32Array2D], NDArray[np.int64]]


@cache
def learnt() -> Episodes:
    """The candidates that everybody learns from."""
    return simulated_episodes(LEARNT_SEED, markets=LEARNT_MARKETS, sessions=SESSIONS, planted_effect=PLANTED_EFFECT)


@cache
def judged() -> Episodes:
    """Those of other markets."""
    return simulated_episodes(JUDGED_SEED, markets=JUDGED_MARKETS, sessions=SESSIONS, planted_effect=PLANTED_EFFECT)


def train(side: str, seed: int, timesteps: int) -> tuple[float, Policy]:
    """(seconds, a function from (n, 7) observations to actions) of one training."""
    began = time.perf_counter()
    if side == OURS:
        policy = train_policy(
            learnt(), algorithm=Algorithm.PPO, total_timesteps=timesteps, seed=seed, knobs=KNOBS
        ).policy()
        return time.perf_counter() - began, policy.actions
    torch.set_num_threads(1)
    env = DummyVecEnv([lambda: PositionSizingEnv(learnt(), EnvironmentTerms(reward_scale=REWARD_SCALE))])
    learner = stable_baselines3.PPO(
        "MlpPolicy",
        env,
        n_steps=ROLLOUT_STEPS,
        batch_size=KNOBS.batch_size,
        learning_rate=KNOBS.learning_rate,
        gamma=KNOBS.discount,
        ent_coef=KNOBS.entropy_coefficient,
        policy_kwargs={"net_arch": list(KNOBS.hidden)},
        seed=seed,
        device="cpu",
    )
    learner.learn(timesteps)
    return time.perf_counter() - began, lambda seen: learner.predict(seen, deterministic=True)[0]


def growth_of(actions: Policy) -> float:
    """Mean change of log equity a candidate, each judged market played through once, in basis points."""
    episodes = judged()
    env = BatchedSizingEnv(episodes, episodes.count, EnvironmentTerms(max_candidates=len(episodes)))
    seen: Any = env.place(np.arange(episodes.count), np.zeros(episodes.count, dtype=np.int64))
    playing, total, count = np.ones(episodes.count, dtype=np.bool_), 0.0, 0
    while playing.any():
        seen, _, ended, _ = env.step(actions(seen))
        total += float(env.rewards[playing].sum())
        count += int(playing.sum())
        playing &= ~ended
    return total / count * 1e4


def one_run(side: str, seed: int, timesteps: int) -> Row:
    """One training and what its policy comes to."""
    seconds, actions = train(side, seed, timesteps)
    return {
        "side": side,
        "seed": seed,
        "timesteps": timesteps,
        "seconds": seconds,
        "basis_points_a_candidate": growth_of(actions),
    }


def environment_share(timesteps: int) -> float:
    """The part of one of our trainings that is spent within the environment's ``step``."""
    within, step = [0.0], BatchedSizingEnv.step

    def clocked(self: BatchedSizingEnv, actions: NDArray[np.int64]) -> object:
        began = time.perf_counter()
        answer = step(self, actions)
        within[0] += time.perf_counter() - began
        return answer

    BatchedSizingEnv.step = clocked  # type: ignore[method-assign,assignment]
    try:
        seconds, _ = train(OURS, 0, timesteps)
    finally:
        BatchedSizingEnv.step = step  # type: ignore[method-assign]
    return within[0] / seconds


def speed(timesteps: int) -> Row:
    """The times of both in turn, and the environment's share of ours."""
    learnt()
    for side in (OURS, THEIRS):
        train(side, 0, 2 * ROLLOUT_STEPS)  # compiled and imported before anything is timed
    rounds = []
    for seed in range(ROUNDS):
        theirs, ours = train(THEIRS, seed, timesteps)[0], train(OURS, seed, timesteps)[0]
        rounds.append({"ours_s": ours, "theirs_s": theirs, "ratio": theirs / ours})
        print(f"{timesteps:,} steps: ours {ours:.1f} s, theirs {theirs:.1f} s, {theirs / ours:.1f} times", flush=True)
    ratio = statistics.median(r["ratio"] for r in rounds)
    share = statistics.median(environment_share(timesteps) for _ in range(ROUNDS))
    print(f"environment: {share:.1%} of our time")
    return {
        "timesteps": timesteps,
        "rounds": rounds,
        "ratio": ratio,
        "environment_share": share,
        "goal": {
            "ratio": GOAL_RATIO,
            "environment_share": GOAL_SHARE,
            "met": ratio >= GOAL_RATIO and share < GOAL_SHARE,
        },
    }


def returns(runs: list[Row], seeds: int, timesteps: int) -> Row:
    """Ours less theirs over the seeds, with a bootstrap interval over them."""
    by = {(r["side"], r["seed"]): r["basis_points_a_candidate"] for r in runs if r["timesteps"] == timesteps}
    both = [s for s in range(seeds) if {(OURS, s), (THEIRS, s)} <= set(by)]
    ours, theirs = (np.array([by[side, s] for s in both]) for side in (OURS, THEIRS))
    drawn = np.random.default_rng(0).integers(0, len(both), (RESAMPLES, len(both)))
    low, high = np.quantile((ours - theirs)[drawn].mean(axis=1), (0.025, 0.975)).tolist()
    found = {
        "seeds": len(both),
        "ours": float(ours.mean()),
        "theirs": float(theirs.mean()),
        "ours_less_theirs": float((ours - theirs).mean()),
        "interval_95": [low, high],
        "no_worse": high >= 0.0,
    }
    print(f"basis points a candidate: {json.dumps(found)}")
    return found


def main() -> None:
    """Measure what is asked for, print, write what is known after every training."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--timesteps", type=int, default=TIMESTEPS)
    ask.add_argument("--seeds", type=int, default=SEEDS)
    ask.add_argument("--workers", type=int, default=1)
    ask.add_argument("--only", choices=("speed", "returns"))
    ask.add_argument("--anew", action="store_true", help="train again what the result holds")
    ask.add_argument("--out", type=Path, default=RESULT)
    asked = ask.parse_args()
    content: Row = json.loads(asked.out.read_text("utf-8")) if asked.out.exists() and not asked.anew else {}
    content |= {"machine": machine(), "versions": {"stable-baselines3": stable_baselines3.__version__}}
    content["versions"]["torch"] = torch.__version__
    if asked.only != "returns":
        content["speed"] = speed(asked.timesteps)
        write(asked.out, content)
    if asked.only == "speed":
        return
    runs: list[Row] = content.setdefault("runs", [])
    known = {(r["side"], r["seed"], r["timesteps"]) for r in runs}
    wanted = [(side, seed, asked.timesteps) for seed in range(asked.seeds) for side in (THEIRS, OURS)]
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the processes that are started: each has its own processor
    with ProcessPoolExecutor(asked.workers, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(one_run, *job) for job in wanted if job not in known]):
            runs.append(done.result())
            print(json.dumps(runs[-1]), flush=True)
            write(asked.out, content)
    content["returns"] = returns(runs, asked.seeds, asked.timesteps)
    write(asked.out, content)


if __name__ == "__main__":
    main()
