"""What ``lightning train`` and ``promote`` refuse: by name, before any work, with nothing written or written over."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import polars as pl
import pytest

from lightning_gex.app.assembly.promotion import signed_card
from lightning_gex.app.assembly.shipped import shipped_bytes, shipped_card
from lightning_gex.app.assembly.wiring import open_workspace
from lightning_gex.app.cli import main
from lightning_gex.core.sessions import sessions_from
from lightning_gex.simulation.market import simulate_market
from lightning_gex.sizing import training


@pytest.fixture(autouse=True)
def _never_trained(monkeypatch):
    """Nothing here may come as far as a training."""

    def trained(*_args, **_more):
        raise AssertionError("a training began")

    monkeypatch.setattr("lightning_gex.app.assembly.training.train_policy", trained)


def refused(capsys, tmp_path, *options, code):
    out = tmp_path / "out"
    assert main(["--home", str(tmp_path / "home"), "train", "--out", str(out), *map(str, options)]) == code
    assert not out.exists()
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def bars_file(tmp_path, *, sessions=600, **columns):
    dates = sessions_from(np.datetime64("2015-01-02"), sessions)
    market = simulate_market(seed=1, sessions=sessions, start=dates[0])
    table = {"date": dates, "ticker": ["ABC"] * sessions}
    table |= {name: getattr(market.bars, name).copy() for name in ("open", "high", "low", "close", "volume")} | columns
    file = tmp_path / "bars.csv"
    pl.DataFrame(table).write_csv(file)
    return ("--on", "history", "--bars", file, "--ticker", "ABC")


@pytest.mark.parametrize(
    ("options", "says", "code"),
    [
        (("--algorithm", "SAC"), "PPO, A2C, DQN", 2),
        (("--seeds", 0), "--seeds 0", 2),
        (("--timesteps", 0), "--timesteps 0", 2),
        (("--timesteps", -5), "--timesteps -5", 2),
        (("--folds", 0), "--folds 0", 2),
        (("--markets", 0), "--markets 0", 2),
        (("--sessions", 10), "--sessions 10", 2),
        (("--planted-effect", "nan"), "--planted-effect nan", 2),
        (("--learning-rate", "nan"), "learning_rate", 3),
        (("--on", "dreams"), "simulated, history, both", 2),
        (("--on", "history"), "--bars", 2),
        (("--device", "abacus"), "auto, cpu, cuda", 3),
        (("--recipe", "default", "--seeds", 3), "leave --seeds out", 2),
        (("--recipe", "absent.toml"), "no such recipe", 3),
    ],
)
def test_an_option_that_means_nothing_is_named(capsys, tmp_path, options, says, code):
    assert says in refused(capsys, tmp_path, *options, code=code)


def test_a_graphics_processor_that_is_not_there_is_refused(capsys, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "no graphics processor" in refused(capsys, tmp_path, "--device", "cuda", code=3)
    assert training.device_named("auto") == "cpu"


def test_too_little_history_is_said(capsys, tmp_path):
    said = refused(capsys, tmp_path, *bars_file(tmp_path, sessions=8), code=3)
    assert "8 sessions" in said


def test_a_history_too_short_for_its_folds_is_said(capsys, tmp_path):
    said = refused(capsys, tmp_path, *bars_file(tmp_path, sessions=40), "--folds", 20, code=3)
    assert "ABC" in said or "stretch" in said or "candidate" in said


def test_prices_that_never_move_are_said(capsys, tmp_path):
    flat = dict.fromkeys(("open", "high", "low", "close"), 50.0)
    assert "never moves" in refused(capsys, tmp_path, *bars_file(tmp_path, **flat), code=3)


def test_a_price_that_is_no_number_is_refused_by_its_row(capsys, tmp_path):
    close = np.full(600, 50.0)
    close[7] = np.nan
    said = refused(capsys, tmp_path, *bars_file(tmp_path, close=close), code=3)
    assert "bars.csv" in said
    assert "close" in said


def test_a_folder_with_a_policy_is_not_written_over(capsys, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "policy.zip").write_bytes(b"mine")
    assert main(["--home", str(tmp_path / "home"), "train", "--out", str(out)]) == 2
    assert "holds a policy already" in capsys.readouterr().err
    assert [f.name for f in out.iterdir()] == ["policy.zip"]
    assert (out / "policy.zip").read_bytes() == b"mine"


def changed_archive(**metadata):
    """The shipped policy, saying something else of itself."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(shipped_bytes("policy.zip"))) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "metadata.json":
                data = json.dumps({**json.loads(data), **metadata}).encode()
            new.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"observation_names": ["gex_signal", "charm", "vanna", "drawdown", "wins", "vix", "heat"]},
            "train the policy",
        ),
        ({"format_version": 1}, "format version 1 is not 2"),
        ({"ladder": [0.0, 0.1, 0.2, 0.3, 0.4]}, "ladder"),
    ],
)
def test_a_model_of_another_version_is_not_promoted_and_nothing_changes(capsys, tmp_path, changes, says):
    workspace = open_workspace(tmp_path / "home")
    (workspace.home / "policy.zip").write_bytes(shipped_bytes("policy.zip"))
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "policy.zip").write_bytes(changed_archive(**changes))
    (folder / "card.json").write_text(signed_card(shipped_card(), workspace.audit_key))
    assert main(["--home", str(workspace.home), "promote", str(folder)]) == 3
    assert says in capsys.readouterr().err
    assert (workspace.home / "policy.zip").read_bytes() == shipped_bytes("policy.zip")


def test_a_folder_without_a_training_is_not_promoted(capsys, tmp_path):
    assert main(["--home", str(tmp_path / "home"), "promote", str(tmp_path)]) == 3
    assert "there is no card" in capsys.readouterr().err
