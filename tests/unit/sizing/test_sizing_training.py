"""Training: it learns what is there, twice the same, and packs what it learned so that torch is not needed."""

from __future__ import annotations

import io
import json
import pickle
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
from lightning_gex.sizing.batched import BatchedSizingEnv
from lightning_gex.sizing.ladder import LADDER
from lightning_gex.sizing.learner_state import set_parameters
from lightning_gex.sizing.policy import Algorithm, load_policy
from lightning_gex.sizing.training import Checkpoints, TrainingKnobs, device_named, train_policy

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

    env = BatchedSizingEnv(coin_flips(), 2)
    learner = getattr(stable_baselines3, trained.metadata.algorithm.value)("MlpPolicy", env, device="cpu", seed=99)
    set_parameters(learner, trained.learner, "test")
    seen = observations(10_000)
    expected, _ = learner.predict(seen, deterministic=True)
    found = trained.policy().actions(seen)
    np.testing.assert_array_equal(found, expected)
    policy = trained.policy()
    one_by_one = [policy.size_pct(row) for row in seen]
    assert one_by_one == [LADDER[action] for action in expected]
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
        assert sorted(archive.namelist()) == ["learner.npz", "metadata.json", "policy.onnx", "weights.npz"]
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
        progress=told.append,
    )
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert (told[-1].done, told[-1].total) == (200, 200)


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


def test_a_device_that_is_not_there_is_refused_before_any_work(episodes, monkeypatch):
    import torch

    told = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="no graphics processor"):
        train_policy(
            episodes,
            algorithm=Algorithm.A2C,
            total_timesteps=16,
            seed=0,
            knobs=TrainingKnobs(device="cuda"),
            progress=told.append,
        )
    assert told == []
    assert (device_named("auto"), device_named("cpu")) == ("cpu", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (device_named("auto"), device_named("cuda")) == ("cuda", "cuda")


@pytest.mark.parametrize(("field", "value"), [("total_timesteps", 0), ("seed", -1)])
def test_an_argument_out_of_range_is_refused_by_name(field, value, episodes):
    with pytest.raises(InputError) as refused:
        train_policy(episodes, algorithm=Algorithm.PPO, **({"total_timesteps": 16, "seed": 0} | {field: value}))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("environments", 0),
        ("rollout_steps", 0),
        ("batch_size", 1),
        ("discount", 1.1),
        ("entropy_coefficient", -0.1),
        ("hidden", ()),
        ("hidden", (64, 0)),
        ("drawdown_penalty", float("nan")),
        ("device", "abacus"),
    ],
)
def test_a_knob_out_of_range_is_refused_by_name(field, value):
    with pytest.raises(InputError) as refused:
        TrainingKnobs(**{field: value})
    assert refused.value.field == field


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_training_that_goes_on_from_a_checkpoint_ends_as_if_it_had_not_stopped(algorithm, episodes):
    kept = []
    arguments = {"algorithm": algorithm, "total_timesteps": 640, "seed": 3}
    knobs = TrainingKnobs(rollout_steps=64 if algorithm is Algorithm.PPO else None)
    whole = train_policy(episodes, knobs=knobs, checkpoints=Checkpoints(kept.append, every=200), **arguments)
    assert len(kept) >= 2
    for checkpoint in kept[:2]:
        resumed = Checkpoints(kept.append, every=200, resume=checkpoint)
        assert train_policy(episodes, knobs=knobs, checkpoints=resumed, **arguments).to_bytes() == whole.to_bytes()


def test_a_checkpoint_of_another_training_is_refused_before_any_work(episodes):
    kept = []
    arguments = {"algorithm": Algorithm.A2C, "total_timesteps": 64, "seed": 3}
    train_policy(episodes, checkpoints=Checkpoints(kept.append, every=16), **arguments)
    told = []
    for change, field in (
        ({"algorithm": Algorithm.PPO}, "algorithm"),
        ({"seed": 4}, "seed"),
        ({"knobs": TrainingKnobs(learning_rate=0.1)}, "knobs"),
        ({"episodes": coin_flips(candidates=30)}, "data_sha256"),
    ):
        wrong = {"episodes": episodes, "progress": told.append} | arguments | change
        with pytest.raises(InputError) as refused:
            train_policy(**wrong, checkpoints=Checkpoints(kept.append, resume=kept[0]))
        assert refused.value.field == field
    for data in (b"", b"no checkpoint", pickle.dumps({"plan": 1})):
        with pytest.raises(InputError, match="checkpoint"):
            train_policy(episodes, progress=told.append, checkpoints=Checkpoints(kept.append, resume=data), **arguments)
    assert told == []


def test_tensorboard_can_read_reward_and_equity(episodes, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train_policy(episodes, algorithm=Algorithm.A2C, total_timesteps=3_200, seed=1, tensorboard=tmp_path)
    (folder,) = tmp_path.iterdir()
    found = EventAccumulator(str(folder)).Reload()
    assert {"rollout/ep_rew_mean", "rollout/equity_usd"} <= set(found.Tags()["scalars"])
    assert 1_000 < found.Scalars("rollout/equity_usd")[-1].value < 10_000_000


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
