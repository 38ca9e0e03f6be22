"""Steps per second of the sizing environment: batched, plain behind DummyVecEnv, and gym-anytrading beside them.

Goal 5: a batch of 1,024 takes at least 50 times as many steps a second as gym-anytrading (one of 256 stands beside it),
and answers to the cent what the plain environment answers, which is asserted here.
"""

from __future__ import annotations

import statistics
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers.comparison import machine, write
from peers.environments import TRADING_GYMS, PeerUnavailableError
from peers.runs import Peer, run_peer
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from lightning_gex.app.assembly.training_data import simulated_episodes
from lightning_gex.simulation.market import simulate_market
from lightning_gex.sizing.batched import BatchedSizingEnv
from lightning_gex.sizing.environment import PositionSizingEnv
from lightning_gex.sizing.ladder import LADDER

RESULT = Path(__file__).parent / "results" / "rl_environment.json"
PEER = Peer("gym-anytrading", TRADING_GYMS, "rl_gym_anytrading.py", "one asset, two actions, window of ten bars")
BATCHES = (1, 8, 64, 256, 1_024)
JUDGED, BESIDE = 1_024, 256
DUMMY = 8
GOAL = 50.0
ROUNDS = 5
CALLS = 2_000  # a fortieth of a second and more, so that a moment's disturbance does not decide
DUMMY_CALLS = 100
ACTIONS = 400
PEER_STEPS = 20_000


def per_second(env: VecEnv, actions: NDArray[np.int64], calls: int) -> float:
    """Steps a second of a vectorised environment, all of its interface included."""
    env.reset()
    began = time.perf_counter()
    for k in range(calls):
        env.step(actions[k % len(actions)])
    return calls * env.num_envs / (time.perf_counter() - began)


def same_to_the_cent(steps: int = 400) -> None:
    """Raises where batch and plain environments differ in anything they answer."""
    batch, plain = BatchedSizingEnv(EPISODES, DUMMY), dummy()
    batch.seed(1)
    plain.seed(1)
    np.testing.assert_array_equal(batch.reset(), plain.reset())
    for actions in np.random.default_rng(2).integers(0, len(LADDER), (steps, DUMMY)):
        for ours, theirs in zip(batch.step(actions)[:3], plain.step(actions)[:3], strict=True):
            np.testing.assert_array_equal(ours, theirs)


def dummy() -> DummyVecEnv:
    """Plain environments behind Stable-Baselines3's own loop."""
    return DummyVecEnv([lambda: PositionSizingEnv(EPISODES)] * DUMMY)


def main() -> None:
    """Measure turn by turn, print a table, write the results."""
    same_to_the_cent()
    market = simulate_market(seed=3, sessions=2_500, start=np.datetime64("2000-01-03"))
    columns = {n: getattr(market.bars, n) for n in ("open", "high", "low", "close", "volume")}
    columns["actions"] = np.random.default_rng(4).integers(0, 2, PEER_STEPS)
    actions = {n: np.random.default_rng(n).integers(0, len(LADDER), (ACTIONS, n)) for n in (*BATCHES, DUMMY)}
    found: dict[str, list[float]] = {f"batched {n}": [] for n in BATCHES}
    found |= {f"DummyVecEnv {DUMMY}": [], PEER.name: []}
    versions: dict[str, str] = {}
    reason = None
    for _ in range(ROUNDS):
        for n in BATCHES:
            found[f"batched {n}"].append(per_second(BatchedSizingEnv(EPISODES, n), actions[n], CALLS))
        found[f"DummyVecEnv {DUMMY}"].append(per_second(dummy(), actions[DUMMY], DUMMY_CALLS))
        try:
            peer = run_peer(PEER, columns)
        except PeerUnavailableError as said:
            reason = str(said)
            continue
        found[PEER.name].append(PEER_STEPS / peer.times["median_s"])
        versions = dict(peer.versions)
    report(found, versions, reason)


def report(found: dict[str, list[float]], versions: dict[str, str], reason: str | None) -> None:
    """Print and write what was found; the ratio of each round is taken within it."""
    table = {name: statistics.median(values) for name, values in found.items() if values}
    for name, value in table.items():
        print(f"{name:>16}  {value:12,.0f} steps/s")
    content: dict[str, object] = {"steps_per_second": table, "machine": machine(), "peer_versions": versions}
    if reason is not None:
        content["peer_missing"] = reason
        print(f"{PEER.name} could not be measured: {reason}", file=sys.stderr)
    for count, name in product((JUDGED, BESIDE), (PEER.name, f"DummyVecEnv {DUMMY}")):
        if found[name]:
            ratio = statistics.median(a / b for a, b in zip(found[f"batched {count}"], found[name], strict=True))
            content[f"batched {count} over {name}"] = ratio
            print(f"batched {count} over {name}: {ratio:.1f}")
    if found[PEER.name]:
        met = content[f"batched {JUDGED} over {PEER.name}"] >= GOAL  # type: ignore[operator]
        content["goal"] = {"wanted": GOAL, "met": met}
        print(f"goal: {GOAL:.0f} times {PEER.name}: {'met' if met else 'MISSED'}")
    write(RESULT, content)


EPISODES = simulated_episodes(0)

if __name__ == "__main__":
    main()
