"""``evaluate`` and ``ablate`` on a simulated market, as a user calls them."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lightning_gex.analytics.trials import BEHIND_DEFAULTS
from lightning_gex.app.cli import main
from lightning_gex.app.cli.documents import METRICS_KEYS
from lightning_gex.simulation.market import simulate_market

SESSIONS = 380
KEYS = (
    "same_date_excess",
    "brier",
    "brier_skill",
    "calibration_error",
    "deflated_sharpe",
    "buy_and_hold",
    "baseline",
    "placebo",
    "trials",
)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Bars, flow and index of a market in which positioning moves the price."""
    folder = tmp_path_factory.mktemp("market")
    market = simulate_market(seed=4, sessions=SESSIONS, start=np.datetime64("2014-01-02"), planted_effect=0.5)
    b = market.bars
    with (folder / "bars.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ticker", "date", "open", "high", "low", "close", "volume"])
        for row in zip(b.session, b.open, b.high, b.low, b.close, b.volume, strict=True):
            writer.writerow(["AAA", *(str(v) for v in row)])
    dates = [str(d) for d in b.session]
    flow = market.flow.columns
    pl.DataFrame({"date": dates, "price": flow["price"], "dix": flow["dix"], "gex": flow["gex"]}).write_csv(
        folder / "flow.csv"
    )
    pl.DataFrame({"date": dates, "close": market.vix.columns["close"]}).write_csv(folder / "vix.csv")
    return folder


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.upper().startswith("LIGHTNING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIGHTNING_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def answer(capsys, command: str, files: Path, *more: str, code: int = 0) -> dict:
    given = ["--bars", "bars.csv", "--flow", "flow.csv", "--volatility-index", "vix.csv"]
    named = [str(files / word) if word.endswith(".csv") else word for word in given]
    ended = main([command, *named, "--ticker", "AAA", "--start", "2015-03-02", "--out", "out", "--json", *more])
    captured = capsys.readouterr()
    assert ended == code, captured.err
    return json.loads(captured.out) if code == 0 else {"error": captured.err}


def test_an_evaluation_holds_every_figure_its_baseline_its_placebos_and_its_trials(files, capsys) -> None:
    found = answer(capsys, "evaluate", files)
    assert {*METRICS_KEYS, *KEYS} <= found.keys()
    assert set(found["placebo"]) == {"circular_shift", "random_entries", "gex"}
    assert set(found["placebo"]["gex"]) == {"shuffled", "year_lagged", "sign_flipped"}
    assert found["trials"] - found["trials_behind_defaults"] == 2
    assert found["trials_behind_defaults"] == BEHIND_DEFAULTS.count  # the market lives in their years
    assert found["calibration_error"] == found["ece"]
    assert json.loads(Path("out/evaluation.json").read_text()) == found
    page = Path("out/report.html").read_text()
    assert "Beside what could explain it" in page
    assert "2 variants were ever judged" in page
    assert {p.name for p in Path("out").iterdir()} >= {"decisions.parquet", "trades.parquet", "metrics.json"}


def test_trying_again_is_the_same_answer_and_no_new_trial_and_trying_otherwise_is_one(
    files, capsys, monkeypatch
) -> None:
    first, again = (answer(capsys, "evaluate", files, "--seed", "3") for _ in range(2))
    assert first == again
    assert first["trials"] == 2 + BEHIND_DEFAULTS.count
    monkeypatch.setenv("LIGHTNING_DECISION__MINIMUM_CONFIDENCE", "0.6")
    changed = answer(capsys, "evaluate", files)
    assert changed["trials"] == 4 + BEHIND_DEFAULTS.count
    assert any("4 variants" in note for note in changed["notes"])


@pytest.mark.slow
def test_an_ablation_runs_every_variant_on_the_same_sessions_and_says_which_earned_its_place(files, capsys) -> None:
    found = answer(capsys, "ablate", files)
    assert len(found["variants"]) == 13  # the shipped policy among them: Kelly is the champion here
    by_policy = found["differences"]["with_shipped_policy"]
    assert by_policy["less"] == "with_shipped_policy less everything"
    assert found["enhancements"]["rl_sizing"]["measured"] == by_policy["return_a_year"]
    assert set(found["differences"]) == set(found["variants"]) - {"everything"}
    assert set(found["enhancements"]) == {"rl_sizing", "memory", "multi_agent", "hierarchical", "security"}
    assert all(one["recommended"] in ("on", "off") for one in found["enhancements"].values())
    assert found["trials"] == 13 + BEHIND_DEFAULTS.count
    baseline, alone = found["variants"]["baseline"], found["variants"]["only_security"]
    assert baseline["decisions_taken"] > 0
    assert alone["decisions_taken"] <= baseline["decisions_taken"]
    page = Path("out/ablation.html").read_text()
    assert "What was expected and what was measured" in page


def test_dates_the_wrong_way_round_and_missing_files_are_refused_before_any_run(files, capsys) -> None:
    wrong = answer(capsys, "evaluate", files, "--end", "2014-01-02", code=2)
    assert "later than --end" in wrong["error"]
    ended = main(["ablate", "--bars", "none.csv", "--ticker", "AAA", "--out", "out"])
    assert ended == 3
    assert "none.csv" in capsys.readouterr().err
    assert not Path("out").exists()


def probe(capsys, files: Path, *more: str) -> tuple[int, dict, str]:
    ended = main(
        [
            "probe",
            "--bars",
            str(files / "bars.csv"),
            "--ticker",
            "AAA",
            "--flow",
            str(files / "flow.csv"),
            "--json",
            *more,
        ]
    )
    captured = capsys.readouterr()
    return ended, json.loads(captured.out), captured.err


def test_a_probe_finds_nothing_in_the_system_and_an_agent_of_ones_own_that_reads_ahead(
    files, capsys, tmp_path, monkeypatch
) -> None:
    ended, found, _ = probe(capsys, files, "--start", "2015-03-02", "--cuts", "2")
    assert ended == 0
    assert found["clean"]
    assert found["decisions_compared"] > 10
    (tmp_path / "seeing.py").write_text(
        "import dataclasses\nimport numpy as np\nfrom lightning_gex.agents.registry import default_agents\n\n\n"
        "class Seer:\n    name = 'Seer'\n    strategy = 'custom'\n\n    def vote(self, features):\n"
        "        plain = default_agents()[1].vote(features)\n        price = features['price']\n"
        "        ahead = np.sign(np.r_[np.diff(price), 0.0]).astype(np.int8)\n"
        "        direction = np.where(plain.abstained, 0, ahead).astype(np.int8)\n"
        "        return dataclasses.replace(plain, agent=self.name, direction=direction)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    ended, found, error = probe(capsys, files, "--start", "2015-03-02", "--cuts", "2", "--agent", "seeing:Seer")
    assert ended == 8
    assert found["leaks"][0]["layer"] == "votes"
    assert found["leaks"][0]["name"].startswith("Seer")
    assert "Traceback" not in error
    given = ["--bars", str(files / "bars.csv"), "--ticker", "AAA", "--start", "2015-03-02", "--cuts", "1"]
    assert main(["probe", *given, "--agent", "seeing:Seer"]) == 8
    shown = capsys.readouterr()
    assert "know the future; the lowest layer is votes" in shown.err
    assert "What knew the future" in shown.out


def test_a_history_is_judged_part_by_part_and_each_part_learns_from_its_own_past_only(files, capsys) -> None:
    found = answer(capsys, "evaluate", files, "--folds", "2", "--scheme", "rolling", "--start", "2015-01-02")
    folds = found["folds"]
    assert (folds["scheme"], folds["embargo_sessions"]) == ("rolling", 5)
    one, other = folds["parts"]
    assert one["judge_from"] == "2015-01-02"
    assert one["fit_to"] < one["judge_from"] <= one["judge_to"] < other["judge_from"]
    assert one["fit_from"] < other["fit_from"]  # as long as the first
    assert other["judge_to"] == found["end"]
    assert one["trades"] + other["trades"] == folds["pooled"]["trades"]
    assert folds["pooled"]["decisions_taken"] == one["decisions_taken"] + other["decisions_taken"]
    assert folds["pooled"]["total_return"] == pytest.approx((1 + one["total_return"]) * (1 + other["total_return"]) - 1)
    assert found["walk"].startswith("one anchored walk")
    assert "Part by part" in Path("out/report.html").read_text()


def test_folds_that_cannot_be_made_are_refused_before_any_run(files, capsys) -> None:
    short = answer(capsys, "evaluate", files, "--folds", "2", "--start", "2014-03-03", code=3)
    assert "left to learn from" in short["error"]
    wrong = answer(capsys, "evaluate", files, "--folds", "2", "--scheme", "backward", code=2)
    assert "anchored, rolling" in wrong["error"]
    idle = answer(capsys, "evaluate", files, "--embargo", "9", code=2)
    assert "give --folds N with them" in idle["error"]
    assert not Path("out").exists()


@pytest.fixture(scope="module")
def three_names(tmp_path_factory) -> Path:
    """Bars of three names over two calendar years; another is the largest in each."""
    file = tmp_path_factory.mktemp("names") / "bars.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["ticker", "date", "open", "high", "low", "close", "volume"])
        for number, ticker in enumerate(("AAA", "BBB", "CCC")):
            b = simulate_market(seed=20 + number, sessions=560, start=np.datetime64("2014-01-02")).bars
            late = b.session >= np.datetime64("2015-01-01")
            volume = np.where(late, (10.0, 900.0, 1.0)[number], (500.0, 20.0, 1.0)[number])
            for row in zip(b.session, b.open, b.high, b.low, b.close, volume, strict=True):
                writer.writerow([ticker, *(str(v) for v in row)])
    return file


def test_the_largest_at_the_time_are_traded_through_the_one_decision_path(three_names, capsys) -> None:
    ended = main(["backtest", "--bars", str(three_names), "--largest", "1", "--out", "out", "--json"])
    captured = capsys.readouterr()
    assert ended == 0, captured.err
    decisions = pl.read_parquet("out/decisions.parquet")
    by_year = decisions.group_by(pl.col("as_of").dt.year().alias("year")).agg(pl.col("ticker").unique())
    assert dict(by_year.iter_rows()) == {2015: ["AAA"], 2016: ["BBB"]}  # nobody was chosen for the first year
    assert json.loads(captured.out)["decisions"] == len(decisions)


def test_a_probe_of_a_universe_that_changes_is_clean(three_names, capsys) -> None:
    ended = main(["probe", "--bars", str(three_names), "--largest", "1", "--cuts", "1", "--json"])
    captured = capsys.readouterr()
    assert ended == 0, captured.err
    found = json.loads(captured.out)
    assert found["clean"]
    assert found["decisions_compared"] > 0


def test_two_ways_to_name_tickers_are_refused(three_names, capsys) -> None:
    ended = main(["backtest", "--bars", str(three_names), "--largest", "1", "--ticker", "AAA", "--out", "out"])
    assert ended == 2
    assert "--ticker, a file with --universe, or --largest N: give one of them" in capsys.readouterr().err
    assert main(["evaluate", "--bars", str(three_names), "--out", "out"]) == 2
    assert "nothing is to be traded" in capsys.readouterr().err
