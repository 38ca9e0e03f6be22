"""``lightning sweep`` on a simulated market: the same runs wherever they are made, kept through kills, all counted."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lightning_gex.adapters.executors import Here
from lightning_gex.adapters.ray_cluster import RayCluster
from lightning_gex.analytics.trials import BEHIND_DEFAULTS
from lightning_gex.app.assembly import sweep_runs
from lightning_gex.app.assembly.folds import FoldRequest, folds_of, run_fold
from lightning_gex.app.assembly.jobs import InputFiles
from lightning_gex.app.assembly.sweeps import RUNS_FOLDER, Sweep, SweepRequest, run_sweep
from lightning_gex.app.assembly.trials import tried_so_far
from lightning_gex.app.assembly.variants import Subject, run_variant
from lightning_gex.app.cli import main
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, SettingsError, StoreError
from lightning_gex.evaluation.metrics import evaluate
from lightning_gex.simulation.market import simulate_market

GRID = {"sizing.fixed_size_pct": (0.05, 0.1)}
START = date(2015, 3, 2)
GIVE_UP_SECONDS = 120


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.upper().startswith("LIGHTNING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIGHTNING_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Bars of two tickers and flow of a market in which positioning moves the price."""
    folder = tmp_path_factory.mktemp("market")
    with (folder / "bars.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ticker", "date", "open", "high", "low", "close", "volume"])
        for ticker, seed in (("AAA", 4), ("BBB", 5)):
            market = simulate_market(seed=seed, sessions=340, start=np.datetime64("2014-01-02"), planted_effect=0.5)
            b = market.bars
            for row in zip(b.session, b.open, b.high, b.low, b.close, b.volume, strict=True):
                writer.writerow([ticker, *(str(v) for v in row)])
    flow = market.flow.columns
    pl.DataFrame({"date": [str(d) for d in b.session], **{n: flow[n] for n in ("price", "dix", "gex")}}).write_csv(
        folder / "flow.csv"
    )
    return folder


def subject_of(files: Path, *tickers: str) -> Subject:
    return Subject(InputFiles(files / "bars.csv", flow=files / "flow.csv"), tickers or ("AAA",), start=START)


def silent(items, *, total: int, label: str):
    return items


def swept(home: Path, files: Path, out: Path, *, executor=None, grid=GRID, **more) -> Sweep:
    request = SweepRequest((subject_of(files),), grid, out, **more)
    return run_sweep(Workspace.open(home), request, executor or Here(), progress=silent)


def run_files(out: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (out / RUNS_FOLDER).iterdir()}


@pytest.fixture(scope="module")
def here(files, tmp_path_factory) -> tuple[Path, Sweep]:
    """A sweep made in this process, and its folder."""
    folder = tmp_path_factory.mktemp("here")
    return folder / "out", swept(folder / "home", files, folder / "out")


def command(files: Path, *more: str, out: str = "out") -> list[str]:
    given = ["--bars", str(files / "bars.csv"), "--flow", str(files / "flow.csv"), "--start", str(START)]
    return ["sweep", *given, "--out", out, *more]


def test_two_processes_make_the_same_runs_to_the_byte_and_the_command_says_what_they_mean(files, here, capsys) -> None:
    ended = main(
        command(files, "--ticker", "AAA", "--set", "sizing.fixed_size_pct=0.1,0.05", "--workers", "2", "--json")
    )
    captured = capsys.readouterr()
    assert ended == 0, captured.err
    found = json.loads(captured.out)
    assert run_files(Path("out")) == run_files(here[0])  # in another order, and by others
    assert json.loads(Path("out/sweep.json").read_text()) == found
    assert (found["runs"], found["runs_from_before"], found["failed"], found["trials"] - BEHIND_DEFAULTS.count) == (
        3,
        0,
        [],
        3,
    )
    assert {v["settings"]["sizing.fixed_size_pct"] for v in found["variants"]} == {0.0, 0.05, 0.1}
    assert found["best"] == found["variants"][0]["name"]
    table = pl.read_parquet("out/sweep.parquet")
    assert table["status"].to_list() == ["done"] * 3
    assert {"set.sizing.fixed_size_pct", "accuracy_interval_low", "sharpe", "key"} <= set(table.columns)
    assert len(pl.read_parquet("out/variants.parquet")) == 3
    assert pl.read_parquet("out/returns.parquet")["variant"].n_unique() == 3
    page = Path("out/sweep.html").read_text()
    assert found["headline"] in page
    assert "3 variants were ever judged on these data" in page


def test_a_run_of_a_sweep_is_the_run_that_evaluate_judges_whole_and_in_folds(files, here, tmp_path) -> None:
    workspace, subject = Workspace.open(tmp_path / "home"), subject_of(files)
    inputs = subject.inputs()
    run = run_variant(workspace, subject, inputs, kind="evaluate", label="", progress=silent)
    own = next(v for v in here[1].plan if v.combination.as_set)
    assert here[1].outcomes[own.runs[0].key].figures == evaluate(run, reasons=False).to_json_dict()
    assert own.trial == subject.variant_hash(workspace, inputs)  # evaluated later it is no new trial
    cut = FoldRequest(2)
    parts = swept(tmp_path / "home", files, tmp_path / "out", grid={}, folds=cut)
    (only,) = parts.plan
    for planned, fold in zip(only.runs, folds_of(workspace, subject, inputs, cut), strict=True):
        told = run_fold(workspace, subject, inputs, fold, kind="evaluate", label="", progress=silent)
        assert parts.outcomes[planned.key].figures == evaluate(told, reasons=False).to_json_dict()
    assert parts.findings is not None
    joined = parts.findings.variants[0]
    assert len(joined.sessions) == sum(len(parts.outcomes[r.key].sessions) for r in only.runs)
    assert only.trial != own.trial


def test_what_is_finished_is_not_made_again_and_what_is_torn_or_failed_is(files, tmp_path) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    first = swept(home, files, out)
    before = run_files(out)
    keys = [run.key for v in first.plan for run in v.runs]
    (out / RUNS_FOLDER / f"{keys[0]}.json").unlink()
    torn = out / RUNS_FOLDER / f"{keys[1]}.json"
    torn.write_bytes(torn.read_bytes()[:100])
    again = swept(home, files, out)
    assert (again.kept, again.trials.count - again.trials.behind_defaults) == (1, 3)
    assert any("made again" in note for note in again.notes)
    assert run_files(out) == before
    assert swept(home, files, out).kept == 3
    assert swept(home, files, out, grid={}).kept == 1  # a part of it
    assert swept(home, files, out, grid={}, fresh=True).kept == 0
    assert swept(home, files, out, grid={}, seed=1).kept == 0  # another question


def test_a_run_that_fails_is_told_with_its_reason_and_stops_no_other(files, capsys, monkeypatch, tmp_path) -> None:
    real = sweep_runs.run_backtest

    def sometimes(trader, *args, **options):
        if trader.config.fixed_size_pct == 0.05:
            raise InputError("is spoilt", source="here")
        if trader.config.fixed_size_pct == 0.1:
            raise ZeroDivisionError("of the program")
        return real(trader, *args, **options)

    monkeypatch.setattr("lightning_gex.app.bootstrap.executor_named", lambda *a, **k: Here(), raising=False)
    monkeypatch.setattr(sweep_runs, "run_backtest", sometimes)
    options = ("--ticker", "AAA", "--set", "sizing.fixed_size_pct=0.05,0.07", "--json")
    assert main(command(files, *options)) == 3
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert [(one["variant"], one["why"]) for one in found["failed"]] == [("v1", "here: is spoilt")]
    assert captured.err.count("error:") == 1
    assert (found["trials"] - found["trials_behind_defaults"], len(found["variants"])) == (
        3,
        2,
    )  # it was tried all the same
    monkeypatch.setattr(sweep_runs, "run_backtest", real)
    assert main(command(files, *options)) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["failed"], again["runs_from_before"]) == ([], 2)
    monkeypatch.setattr(sweep_runs, "run_backtest", sometimes)
    assert main(command(files, "--ticker", "AAA", "--set", "sizing.fixed_size_pct=0.1")) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--ticker", "AAA", "--set", "decision.minimum_confidance=0.5"), "did you mean 'minimum_confidence'"),
        (("--ticker", "AAA", "--set", "kelly.fraction=2"), "kelly.fraction"),
        (("--ticker", "AAA", "--set", "kelly.fraction="), "write it as"),
        (("--ticker", "AAA", "--workers", "0"), "at least 1"),
        (("--ticker", "AAA", "--backend", "cloud"), "processes, ray"),
        (("--ticker", "AAA", "--address", "somewhere:1"), "--backend ray"),
        (("--ticker", "AAA", "--by", "luck"), "sharpe"),
        (("--ticker", "AAA", "--scheme", "rolling"), "--folds"),
        (("--ticker", "AAA", "--folds", "2", "--scheme", "round"), "anchored"),
        (("--ticker", "AAA", "--folds", "0"), "--folds 0"),
        (("--each",), "name them"),
        ((), "--ticker"),
        (("--ticker", "AAA", "--end", "2015-01-02"), "later than --end"),
        (("--ticker", "AAA", "--set", f"kelly.fraction={','.join(str(k / 2_000) for k in range(1, 1_200))}"), "--yes"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_anything_runs(files, capsys, options, what: str) -> None:
    assert main(command(files, *options)) == 2
    assert what in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_plan_says_it_all_and_options_win(files, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("lightning_gex.app.bootstrap.executor_named", lambda *a, **k: Here(), raising=False)
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f"bars = {str(files / 'bars.csv')!r}\ntickers = ['AAA', 'BBB']\neach = true\nstart = {START}\nby = 'accuracy'\n"
        "[set]\nsizing.fixed_size_pct = [0.05, 0.1]\n"
    )
    line = ["sweep", "--plan", str(plan), "--out", "out", "--set", "sizing.fixed_size_pct=0.2", "--json"]
    assert main(line) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["by"] == "accuracy"
    assert {(v["universe"], v["settings"]["sizing.fixed_size_pct"]) for v in found["variants"]} == {
        (ticker, size) for ticker in ("AAA", "BBB") for size in (0.0, 0.2)
    }
    plan.write_text("foldz = 1\n")
    assert main(line) == 2
    assert "foldz" in capsys.readouterr().err


def test_two_sweeps_do_not_work_in_one_folder_at_once(files, tmp_path) -> None:
    second: list[str] = []

    def meanwhile(items, *, total: int, label: str):
        with pytest.raises(StoreError, match="in use") as caught:
            swept(tmp_path / "home", files, tmp_path / "out", grid={})
        second.append(str(caught.value))
        return items

    request = SweepRequest((subject_of(files),), {}, tmp_path / "out")
    run_sweep(Workspace.open(tmp_path / "home"), request, Here(), progress=meanwhile)
    assert second


def test_more_runs_than_anybody_meant_need_a_word(files, tmp_path) -> None:
    grid = {"kelly.fraction": tuple(k / 2_000 for k in range(1, 1_200))}
    with pytest.raises(SettingsError, match="--yes"):
        swept(tmp_path / "home", files, tmp_path / "out", grid=grid)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes under /proc")
def test_a_sweep_that_is_interrupted_or_killed_goes_on_where_it_stopped(files, here, tmp_path) -> None:
    line = [
        str(Path(sys.executable).with_name("lightning")),
        *command(files, "--ticker", "AAA", "--set", "sizing.fixed_size_pct=0.05,0.1", "--workers", "1"),
    ]
    done = 0
    for how, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        begun = subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
        wait_for_runs(done + 1, begun)
        os.killpg(begun.pid, how) if how == signal.SIGINT else begun.send_signal(how)
        _, said = begun.communicate(timeout=GIVE_UP_SECONDS)
        assert begun.returncode == code, said
        if how == signal.SIGINT:
            assert said.decode().strip().splitlines()[-1] == "interrupted"
        no_process_of(begun.pid)
        done = len(run_files(Path("out")))
        assert done < 3
    subject = subject_of(files)
    tried = tried_so_far(Workspace.open(tmp_path / "home"), subject.judged(subject.inputs()))
    assert done <= tried.count - tried.behind_defaults <= done + 1  # the one that was cut off was tried as well
    last = subprocess.run([*line, "--json"], capture_output=True, timeout=GIVE_UP_SECONDS, check=True)
    found = json.loads(last.stdout)
    assert (found["runs_from_before"], found["trials"] - found["trials_behind_defaults"]) == (done, 3)
    assert run_files(Path("out")) == run_files(here[0])


def wait_for_runs(count: int, process: subprocess.Popen) -> None:
    """Until so many runs are finished."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        if len(list(Path("out", RUNS_FOLDER).glob("*.json"))) >= count:
            return
        time.sleep(0.005)
    raise AssertionError(f"{count} runs were never finished")


def no_process_of(session: int) -> None:
    """No process of a session is left, soon after its leader ended."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        fields = [
            stat.rpartition(") ")[2].split() for p in Path("/proc").iterdir() if p.name.isdigit() and (stat := _stat(p))
        ]
        if not [one for one in fields if int(one[3]) == session and one[0] != "Z"]:
            return
        time.sleep(0.05)
    raise AssertionError("a process is left")


def _stat(process: Path) -> str:
    try:
        return (process / "stat").read_text()
    except OSError:
        return ""


@pytest.mark.slow
def test_a_ray_cluster_makes_the_same_runs_to_the_byte(files, here, tmp_path) -> None:
    pytest.importorskip("ray")
    found = swept(tmp_path / "home", files, tmp_path / "out", executor=RayCluster("local", 2))
    assert run_files(tmp_path / "out") == run_files(here[0])
    assert [replace(f, gain=None) for f in found.findings.figures] == [
        replace(f, gain=None) for f in here[1].findings.figures
    ]
    import ray

    assert not ray.is_initialized()


def test_a_worker_of_another_program_refuses(files, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("lightning_gex.app.assembly.sweeps.code_digest", lambda: "another")
    with pytest.raises(StoreError, match="another version"):
        swept(tmp_path / "home", files, tmp_path / "out", grid={})
