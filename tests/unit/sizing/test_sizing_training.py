"""Training: it learns what is there, twice the same, and packs what it learned so that torch is not needed."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sizing_samples import coin_flips

from lightning_gex.analytics.observation import OBSERVATION_HIGH, OBSERVATION_LOW, OBSERVATION_NAMES
from lightning_gex.core.errors import InputError, MissingExtraError
from lightning_gex.sizing import training
from lightning_gex.sizing.ladder import LADDER
from lightning_gex.sizing.policy import Algorithm, load_policy
from lightning_gex.sizing.training import train_policy

STABLE_BASELINES = {Algorithm.PPO: "PPO", Algorithm.A2C: "A2C", Algorithm.DQN: "DQN"}
STEPS = 1_024


@pytest.fixture(scope="module")
def episodes():
    return coin_flips(candidates=600, edge=0.45, seed=1, move=0.03)


@pytest.fixture(scope="module", params=list(Algorithm))
def trained(request, episodes):
    return train_policy(episodes, algorithm=request.param, total_timesteps=STEPS, seed=7)


def observations(count):
    rng = np.random.default_rng(3)
    return rng.uniform(OBSERVATION_LOW, OBSERVATION_HIGH, (count, len(OBSERVATION_NAMES))).astype(np.float32)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_training_twice_gives_the_same_archive_to_the_byte(algorithm, episodes):
    first, second = (train_policy(episodes, algorithm=algorithm, total_timesteps=256, seed=7) for _ in range(2))
    assert first.to_bytes() == second.to_bytes()


def test_another_seed_gives_another_policy(episodes):
    first, second = (train_policy(episodes, algorithm=Algorithm.A2C, total_timesteps=64, seed=s) for s in (1, 2))
    assert first.network != second.network


def test_the_exported_policy_acts_as_stable_baselines_does(trained):
    import stable_baselines3

    learner = getattr(stable_baselines3, STABLE_BASELINES[trained.metadata.algorithm]).load(
        io.BytesIO(trained.learner), device="cpu"
    )
    seen = observations(5_000)
    expected, _ = learner.predict(seen, deterministic=True)
    found = trained.policy().actions(seen)
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found)) > 1


def test_size_pct_is_the_rung_of_the_action(trained):
    policy = load_policy(trained.to_bytes(), "test")
    seen = observations(50)
    assert [policy.size_pct(row) for row in seen] == [LADDER[a] for a in policy.actions(seen)]
    assert policy.size_pct(seen[0].astype(np.float64)) == policy.size_pct(seen[0])


def test_a_learner_finds_an_edge_that_the_observation_shows(trained):
    policy = trained.policy()
    low, high = observations(500), observations(500)
    low[:, 0], high[:, 0] = -0.9, 0.9
    sizes = [np.mean([LADDER[a] for a in policy.actions(seen)]) for seen in (low, high)]
    assert sizes[1] > sizes[0] + 0.02
    assert trained.metadata.training["log_growth_per_candidate"] > 0


def test_the_archive_says_what_it_was_trained_with(trained, episodes):
    with zipfile.ZipFile(io.BytesIO(trained.to_bytes())) as archive:
        assert sorted(archive.namelist()) == ["metadata.json", "policy.onnx", "sb3.zip"]
        record = json.loads(archive.read("metadata.json"))
    assert record["algorithm"] == trained.metadata.algorithm.value
    assert record["observation_names"] == list(OBSERVATION_NAMES)
    assert record["ladder"] == list(LADDER)
    assert (record["seed"], record["total_timesteps"], record["learning_rate"]) == (7, STEPS, 0.0003)
    assert set(record["library_versions"]) == {"gymnasium", "numpy", "onnx", "stable-baselines3", "torch"}
    assert record["training"]["candidates"] == len(episodes)


def test_training_goes_on_from_an_archive(trained, episodes):
    algorithm = trained.metadata.algorithm
    arguments = {"algorithm": algorithm, "total_timesteps": 128, "seed": 8}
    further = train_policy(episodes, start_from=trained.to_bytes(), **arguments)
    fresh = train_policy(episodes, **arguments)
    seen = observations(2_000)
    was = trained.policy().actions(seen)
    assert further.network != trained.network
    assert (further.policy().actions(seen) == was).mean() > (fresh.policy().actions(seen) == was).mean()


def test_training_does_not_go_on_with_another_algorithm(episodes):
    archive = train_policy(episodes, algorithm=Algorithm.A2C, total_timesteps=16, seed=0).to_bytes()
    with pytest.raises(InputError, match="A2C"):
        train_policy(episodes, algorithm=Algorithm.DQN, total_timesteps=16, seed=0, start_from=archive)


def test_progress_is_told_up_to_the_end(episodes):
    told = []
    train_policy(
        episodes,
        algorithm=Algorithm.A2C,
        total_timesteps=200,
        seed=0,
        progress=lambda done, total: told.append((done, total)),
    )
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (200, 200)


def test_training_leaves_the_process_as_it_was(episodes):
    import torch

    torch.set_num_threads(2)
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    expected = random.Random(1).random(), np.random.RandomState(1).random(), torch.get_rng_state()
    train_policy(episodes, algorithm=Algorithm.A2C, total_timesteps=16, seed=0)
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.get_rng_state(), expected[2])
    assert (random.random(), np.random.random()) == expected[:2]


@pytest.mark.parametrize(
    ("field", "value"), [("total_timesteps", 0), ("seed", -1), ("learning_rate", 0.0), ("learning_rate", float("nan"))]
)
def test_arguments_out_of_range_are_refused_by_name(episodes, field, value):
    arguments = {"total_timesteps": 16, "seed": 0, "learning_rate": 0.001} | {field: value}
    with pytest.raises(InputError) as refused:
        train_policy(episodes, algorithm=Algorithm.PPO, **arguments)
    assert refused.value.field == field


def test_without_the_extra_the_error_names_what_to_install(monkeypatch, episodes):
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    with pytest.raises(MissingExtraError, match=r"lightning-gex\[rl\]"):
        train_policy(episodes, algorithm=Algorithm.PPO, total_timesteps=16, seed=0)


def test_deciding_imports_neither_torch_nor_gymnasium_nor_onnx(tmp_path, episodes):
    file = tmp_path / "policy.zip"
    file.write_bytes(train_policy(episodes, algorithm=Algorithm.PPO, total_timesteps=64, seed=0).to_bytes())
    code = (
        "import sys, pathlib, numpy\n"
        "from lightning_gex.sizing.policy import load_policy\n"
        "policy = load_policy(pathlib.Path(sys.argv[1]).read_bytes(), sys.argv[1])\n"
        "print(policy.size_pct(numpy.zeros(7)))\n"
        "print(sorted({'torch', 'gymnasium', 'stable_baselines3', 'onnx'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    size, imported = done.stdout.split("\n")[:2]
    assert float(size) in LADDER
    assert imported == "[]"
    assert done.stderr == ""


def test_importing_the_training_module_is_light():
    code = "import sys, lightning_gex.sizing.training; print('torch' in sys.modules or 'gymnasium' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert training.LEARNING_RATE == 0.0003
