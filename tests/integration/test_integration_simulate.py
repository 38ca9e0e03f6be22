"""``lightning simulate``: the files it writes are files that the other commands take."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

from lightning_gex.app.cli import main


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.upper().startswith("LIGHTNING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIGHTNING_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_a_simulated_market_is_judged_by_the_command_it_names(capsys) -> None:
    line = ["simulate", "--out", "market", "--seed", "5", "--sessions", "150", "--tickers", "2", "--effect", "0.5"]
    assert main([*line, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["effect"], told["tickers"], told["sessions"]) == (0.5, ["SIM", "SIM01"], 150)
    assert {Path(path).name for path in told["files"].values()} == {p.name for p in Path("market").iterdir()}
    named = shlex.split(told["command"])
    assert named[:2] == ["lightning", "evaluate"]
    assert main(["backtest", *named[2:], "--json"]) == 0
    judged = json.loads(capsys.readouterr().out)
    assert judged["decisions"] == 300


def test_the_same_seed_writes_the_same_bytes_and_says_what_is_true(capsys) -> None:
    line = ["simulate", "--sessions", "40", "--volatility-effect", "0"]
    assert main([*line, "--out", "one"]) == main([*line, "--out", "two"]) == 0
    shown = capsys.readouterr().out
    assert "nothing is to be found" in shown
    for file in Path("one").iterdir():
        assert file.read_bytes() == (Path("two") / file.name).read_bytes()
    assert main([*line, "--seed", "1", "--out", "two"]) == 0
    assert (Path("one") / "bars.csv").read_bytes() != (Path("two") / "bars.csv").read_bytes()


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        (["--effect", "1.01"], 2, "--effect 1.01: give a number from -1 to 1"),
        (["--effect", "nan"], 2, "--effect nan"),
        (["--volatility-effect", "-1"], 2, "from 0 to 10"),
        (["--sessions", "10000"], 3, "the calendar holds"),
    ],
)
def test_what_cannot_be_simulated_is_refused_and_nothing_is_written(wrong, code, words, capsys) -> None:
    assert main(["simulate", "--out", "out", *wrong]) == code
    assert words in capsys.readouterr().err
    assert not Path("out").exists()
