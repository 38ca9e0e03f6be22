"""``lightning train`` and ``lightning promote``, whole: the card, the kill, the refusal, the record."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lightning_gex.app.assembly.promotion import promote_policy, read_signed_card, signed_card
from lightning_gex.app.assembly.training import TrainedOn, TrainingRequest, train_policies
from lightning_gex.app.assembly.wiring import Stores, open_workspace
from lightning_gex.app.cli import main
from lightning_gex.app.cli.commands_train import figures_of, training_bar
from lightning_gex.core.errors import InputError, RefusedError, SettingsError
from lightning_gex.core.events import AuditNoted
from lightning_gex.sizing.policy import Algorithm
from lightning_gex.sizing.training import TrainingKnobs, TrainingProgress

LIGHTNING = str(Path(sys.executable).with_name("lightning"))
SMALL = {"markets": 2, "sessions": 400}


def request(folder, **changes):
    arguments = {"algorithm": Algorithm.A2C, "timesteps": 256, "seeds": 1, **SMALL} | changes
    return TrainingRequest(folder, **arguments)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    workspace = open_workspace(folder / "home")
    told = []
    card = train_policies(workspace, request(folder / "out", seeds=3), show=lambda *what: told.append(what))
    return folder, workspace, card, told


def notes(workspace):
    stores = Stores.open(workspace)
    try:
        with stores.journal("reader") as journal:
            return [r.event for r in journal.read() if isinstance(r.event, AuditNoted)]
    finally:
        stores.engine.dispose()


def beating(card):
    gain = {"mean": 0.002, "low": 0.001, "high": 0.003, "chance_not_better": 0.01}
    return replace(card, excess={**card.excess, "kelly": gain, "same_exposure": gain})


def test_a_training_leaves_a_policy_for_each_seed_and_the_median_one_with_its_card(trained):
    folder, workspace, card, told = trained
    names = sorted(f.name for f in (folder / "out").iterdir())
    seeds = [f"fold_0_seed_{s}.zip" for s in range(3)]
    assert names == sorted([*seeds, "card.json", "policy.zip", "training.json"])
    assert read_signed_card(folder / "out" / "card.json", workspace.audit_key).to_json() == card.to_json()
    growth = sorted(card.growth_by_seed.items(), key=lambda pair: pair[1])
    assert int(growth[1][0]) == card.chosen_seed
    chosen = (folder / "out" / f"fold_0_seed_{card.chosen_seed}.zip").read_bytes()
    assert (folder / "out" / "policy.zip").read_bytes() == chosen
    assert {name for name, _ in told} == {f"fold 0 seed {s}" for s in range(3)}
    plain = {"kelly", "kelly_fresh", "volatility_targeting", "fixed_5_pct", "fixed_10_pct", "fixed_15_pct"}
    assert set(card.others) == set(card.excess) == {*plain, "same_exposure", "nothing"}
    assert card.others["nothing"]["log_growth"] == 0.0
    assert card.made_with["device"] == "cpu"
    assert card.made_with["processor"]
    invested = card.others["same_exposure"]["exposure_pct"]
    assert invested == pytest.approx(card.policy["exposure_pct"], rel=0.25, abs=0.005)


def test_a_policy_that_does_not_beat_kelly_is_not_promoted_and_the_reason_is_on_record(trained):
    folder, workspace, card, _ = trained
    assert not card.verdict()[0]
    with pytest.raises(RefusedError, match="does not beat"):
        promote_policy(workspace, folder / "out")
    assert not (workspace.home / "policy.zip").exists()
    note = notes(workspace)[-1]
    assert note.what == "policy_not_promoted"
    assert "does not beat" in note.detail["reason"]


def test_a_policy_that_beats_kelly_takes_over_and_must_then_be_beaten_itself(trained, tmp_path):
    folder, _, card, _ = trained
    workspace = open_workspace(tmp_path / "home")
    better = beating(card)
    shutil.copytree(folder / "out", tmp_path / "out")
    (tmp_path / "out" / "card.json").write_text(signed_card(better, workspace.audit_key))
    assert "beats kelly" in promote_policy(workspace, tmp_path / "out")
    assert (workspace.home / "policy.zip").read_bytes() == (tmp_path / "out" / "policy.zip").read_bytes()
    assert notes(workspace)[-1].what == "policy_promoted"
    with pytest.raises(RefusedError, match="already"):
        promote_policy(workspace, tmp_path / "out")
    other = f"fold_0_seed_{(card.chosen_seed + 1) % 3}.zip"
    shutil.copy(folder / "out" / other, tmp_path / "out" / "policy.zip")
    with pytest.raises(InputError, match="not the policy of the card"):
        promote_policy(workspace, tmp_path / "out")
    challenger = train_policies(workspace, request(tmp_path / "again"))
    assert challenger.champion_sha256 == card.policy_sha256
    assert "champion" in challenger.excess


def test_an_altered_card_promotes_nothing(trained, tmp_path):
    folder, workspace, _, _ = trained
    shutil.copytree(folder / "out", tmp_path / "out")
    card = tmp_path / "out" / "card.json"
    card.write_text(card.read_text().replace('"attempts": 1', '"attempts": 0'))
    with pytest.raises(InputError, match="altered"):
        promote_policy(workspace, tmp_path / "out")
    with pytest.raises(InputError, match="no card"):
        promote_policy(workspace, tmp_path)


def test_a_card_that_this_workspace_did_not_sign_promotes_nothing(trained, tmp_path):
    folder, _, card, _ = trained
    elsewhere = open_workspace(tmp_path / "home")
    shutil.copytree(folder / "out", tmp_path / "out")
    file = tmp_path / "out" / "card.json"
    for text in (file.read_text(), beating(card).to_json(), signed_card(beating(card), b"guessed")):
        file.write_text(text)
        with pytest.raises(InputError, match="not signed by this workspace"):
            promote_policy(elsewhere, tmp_path / "out")
    assert not (elsewhere.home / "policy.zip").exists()


def test_attempts_on_the_same_markets_are_counted_and_a_repeated_one_is_not(trained, tmp_path):
    folder, workspace, card, _ = trained
    assert card.attempts == 1
    again = train_policies(workspace, request(tmp_path / "again", seeds=3))
    assert again.to_json() == card.to_json()
    other = train_policies(workspace, request(tmp_path / "other", timesteps=128))
    assert other.attempts == 2
    assert other.counted_sha256 == card.counted_sha256
    assert other.judged_sha256 != card.judged_sha256  # another attempt is judged on other markets
    elsewhere = train_policies(workspace, request(tmp_path / "elsewhere", timesteps=128, planted_effect=0.2))
    assert elsewhere.attempts == 1
    shutil.copytree(folder / "out", tmp_path / "out")
    weak = replace(beating(card), excess={n: {**g, "chance_not_better": 0.02} for n, g in beating(card).excess.items()})
    (tmp_path / "out" / "card.json").write_text(signed_card(weak, workspace.audit_key))
    with pytest.raises(RefusedError, match="2 attempts"):
        promote_policy(workspace, tmp_path / "out")


def test_a_folder_that_holds_a_training_is_not_written_over(trained, tmp_path):
    folder, workspace, card, told = trained
    before = {f: f.read_bytes() for f in (folder / "out").iterdir()}
    count = len(told)
    for changes, says in (
        ({}, "holds a training already"),
        ({"resume": True, "timesteps": 512}, "other options"),
        ({"resume": True, "knobs": TrainingKnobs(learning_rate=0.1)}, "other options"),
    ):
        with pytest.raises(SettingsError, match=says):
            train_policies(workspace, request(folder / "out", seeds=3) if not changes else
                           request(folder / "out", **{"seeds": 3, **changes}))  # fmt: skip
    with pytest.raises(SettingsError, match="no training to go on with"):
        train_policies(workspace, request(tmp_path / "new", resume=True))
    assert not (tmp_path / "new").exists()
    assert {f: f.read_bytes() for f in (folder / "out").iterdir()} == before
    shutil.copytree(folder / "out", tmp_path / "copy")  # what is judged again is written again
    resumed = train_policies(workspace, request(tmp_path / "copy", seeds=3, resume=True))  # finished: only judged again
    assert resumed.attempts >= 1
    assert replace(resumed, attempts=1).to_json() == replace(card, attempts=1).to_json()
    assert len(told) == count
    unsigned = {f: data for f, data in before.items() if f.name != "card.json"}  # attempts may have been added since
    assert {f: f.read_bytes() for f in unsigned} == unsigned


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_and_ends_as_if_it_had_not_been(tmp_path):
    options = ["--algorithm", "A2C", "--timesteps", "5000", "--checkpoint-every", "500", "--markets", "2"]
    command = [LIGHTNING, "--home", str(tmp_path / "home"), "train"]
    command += [*options, "--sessions", "400", "--out"]
    process = subprocess.Popen([*command, str(tmp_path / "killed")], stdout=subprocess.DEVNULL)
    checkpoint = tmp_path / "killed" / "fold_0_seed_0.checkpoint"
    deadline = time.monotonic() + 300
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists()
    assert not (tmp_path / "killed" / "policy.zip").exists()
    workspace = open_workspace(tmp_path / "home")
    asked = {"timesteps": 5_000, "checkpoint_every": 500}
    told = []
    train_policies(
        workspace, request(tmp_path / "killed", resume=True, **asked), show=lambda _name, how: told.append(how.done)
    )
    assert told[0] > 500  # it did not begin anew
    train_policies(workspace, request(tmp_path / "whole", **asked))
    for name in ("policy.zip", "card.json"):  # the same training: no second attempt
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not checkpoint.exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"timesteps": 0}, "--timesteps"),
        ({"seeds": 0}, "--seeds"),
        ({"folds": 0}, "--folds"),
        ({"sessions": 10}, "--sessions"),
        ({"planted_effect": 2.0}, "--planted-effect"),
        ({"planted_effect": float("nan")}, "--planted-effect"),
        ({"checkpoint_every": 0}, "--checkpoint-every"),
        ({"on": TrainedOn.HISTORY}, "--bars"),
        ({"tickers": ("SPY",)}, "simulated reads no history"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_any_work(tmp_path, changes, says):
    with pytest.raises(SettingsError, match=says):
        request(tmp_path / "out", **changes)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--algorithm", "SAC"], "PPO, A2C, DQN"),
        (["--on", "dreams"], "simulated, history, both"),
        (["--hidden", "a,b"], "64,64"),
        (["--learning-rate", "0"], "learning_rate"),
    ],
)
def test_the_command_names_a_wrong_option_and_writes_nothing(tmp_path, capsys, options, says):
    out = tmp_path / "out"
    assert main(["--home", str(tmp_path / "home"), "train", "--out", str(out), *options]) in {2, 3}
    assert says in capsys.readouterr().err
    assert not out.exists()


def test_the_bar_shows_reward_equity_and_time_left():
    from io import StringIO

    from rich.console import Console

    screen = StringIO()
    with training_bar(Console(file=screen, force_terminal=True, width=160)) as show:
        show("fold 0 seed 0", TrainingProgress(10, 100))
        show("fold 0 seed 0", TrainingProgress(50, 100, 0.0123, 101_234.0))
    text = screen.getvalue()
    assert "50/100" in text
    assert "reward +0.0123  equity 101,234 USD" in text
    assert figures_of(TrainingProgress(1, 2)) == ""


def test_the_card_is_json_that_names_what_it_rests_on(trained):
    record = json.loads((trained[0] / "out" / "card.json").read_text())
    assert {"data_sha256", "config_sha256", "judged_sha256", "seeds", "growth_by_seed", "policy_sha256"} <= set(record)
