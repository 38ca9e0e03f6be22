"""The commands with everything behind them: files in, answers, reports and records out."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from builders_chain import make_chain
from lightning_gex.app.cli import main
from lightning_gex.core.sessions import sessions_between

SESSIONS = sessions_between(np.datetime64("2021-06-01"), np.datetime64("2023-06-30"))
LIGHTNING = Path(sys.executable).with_name("lightning")
VOTES = {"trend", "reversal", "breakout", "volatility", "options_flow"}


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.upper().startswith("LIGHTNING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIGHTNING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)


def bar_rows(ticker: str, seed: int) -> list[list[object]]:
    """A random walk with a drift, as rows of the bars table."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0005, 0.01, len(SESSIONS))))
    opened = close * np.exp(rng.normal(0.0, 0.003, len(SESSIONS)))
    high = np.maximum(opened, close) * 1.004
    low = np.minimum(opened, close) * 0.996
    volume = rng.integers(1_000_000, 3_000_000, len(SESSIONS))
    values = zip(SESSIONS, opened, high, low, close, volume, strict=True)
    return [[ticker, str(d), *(f"{p:.4f}" for p in prices), int(v)] for d, *prices, v in values]


def write_csv(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


BARS_HEADER = ["ticker", "date", "open", "high", "low", "close", "volume"]


@pytest.fixture
def bars(tmp_path):
    return write_csv(tmp_path / "bars.csv", BARS_HEADER, bar_rows("AAA", 1) + bar_rows("BBB", 2))


@pytest.fixture
def chain(tmp_path):
    made = make_chain(root="SPX")
    header = ["underlying", "as_of", "spot", "expiry", "right", "strike", "bid", "ask", "iv"]
    header += ["open_interest", "volume", "multiplier"]
    rows = [
        ["SPX", made.as_of.isoformat(), made.spot, made.expiry[i], "C" if made.is_call[i] else "P", made.strike[i],
         f"{made.bid[i]:.4f}", f"{made.ask[i]:.4f}", made.implied_vol[i], made.open_interest[i], made.volume[i], 100]
        for i in range(len(made))
    ]  # fmt: skip
    return write_csv(tmp_path / "chain.csv", header, rows)


def answer(capsys, *arguments, code=0):
    ended = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert ended == code, captured.err
    return captured


def document(capsys, *arguments):
    return json.loads(answer(capsys, *arguments, "--json").out)


def test_gex_reads_a_chain_table(capsys, chain):
    found = document(capsys, "gex", chain)
    assert found["underlying"] == "SPX"
    assert found["contracts_read"] == found["contracts_used"] == 102
    assert found["open_interest_coverage"] == 1.0
    by_model = found["dealer_model_band"]["gamma_exposure_usd_per_pct"]["by_model"]
    assert by_model["naive"] == found["gamma_exposure_usd_per_pct"] == -by_model["inverted"]


def test_gex_writes_a_page_that_fetches_nothing_and_an_image(capsys, chain, tmp_path):
    answer(capsys, "gex", chain, "--plot", "profile.html")
    page = (tmp_path / "profile.html").read_text()
    assert "<html" in page
    assert 'src="http' not in page
    answer(capsys, "gex", chain, "--plot", "profile.png")
    assert (tmp_path / "profile.png").read_bytes().startswith(b"\x89PNG")


def test_analyze_decides_on_the_last_bar_and_says_what_abstained(capsys, bars):
    found = document(capsys, "analyze", "AAA", "--bars", bars)
    assert found["status"] in {"approved", "blocked", "no_signal"}
    assert found["stages"][0]["stage"] == "signal"
    shown = answer(capsys, "analyze", "AAA", "--bars", bars).out
    assert "Options Flow Agent" in shown
    assert "abstains" in shown


def test_analyze_is_the_same_twice(capsys, bars):
    assert document(capsys, "analyze", "AAA", "--bars", bars) == document(capsys, "analyze", "AAA", "--bars", bars)


def test_backtest_leaves_files_by_which_anyone_can_judge_the_run(capsys, bars, tmp_path):
    found = document(capsys, "backtest", "--bars", bars, "--ticker", "AAA", "--ticker", "BBB", "--out", "out")
    decisions = pl.read_parquet(tmp_path / "out" / "decisions.parquet")
    trades = pl.read_parquet(tmp_path / "out" / "trades.parquet")
    assert {
        "as_of", "ticker", "status", "direction", "confidence", "horizon_days", "regime", "size_pct", "entry_price",
        "target_price", "stop_loss", "blocked_by", "reason",
    } <= set(decisions.columns)  # fmt: skip
    assert len(decisions) == found["decisions"] == 2 * len(SESSIONS)
    assert not [agent for agent in VOTES if not any(agent in column for column in decisions.columns)]
    assert trades.columns[:13] == [
        "ticker", "decided_at", "entry_at", "exit_at", "direction", "quantity", "entry_price", "exit_price",
        "horizon_days", "confidence", "costs", "pnl", "exit_reason",
    ]  # fmt: skip
    assert len(trades) == found["trades"]
    # What was bought was bought after it was decided; a leg that carries a trade on begins at the decision.
    assert ((trades["entry_at"] > trades["decided_at"]) != trades["carried_in"]).all()
    assert "<html" in (tmp_path / "out" / "report.html").read_text()


def test_report_reads_the_backtest_back_from_the_journal(capsys, bars):
    made = document(capsys, "backtest", "--bars", bars, "--ticker", "AAA", "--out", "out", "--start", "2023-01-03")
    summary = document(capsys, "report")
    assert summary["mode"] == "backtest"
    assert summary["trading"]["closed_trades"] == made["trades"]
    folder = document(capsys, "report", "out")
    ideas = folder["decisions"] - folder["decisions_by_status"]["no_signal"]
    assert sum(gate["ideas"] for gate in folder["by_gate"].values()) == ideas > 0
    traded = {gate: found["ideas"] for gate, found in summary["by_gate"].items() if gate != "tactical.only_learning"}
    assert set(folder["by_gate"]) <= set(traded)  # the journal also holds the sessions that were only learnt from
    assert traded.get("approved", 0) == folder["by_gate"].get("approved", {"ideas": 0})["ideas"]
    assert "What the gates stopped" in answer(capsys, "report").out
    named = document(capsys, "report", "--run", summary["run_id"])
    assert named == summary
    assert "no run" in answer(capsys, "report", "--run", "never-made", code=3).err


def test_report_without_any_run_says_what_to_do(capsys):
    assert "lightning demo" in answer(capsys, "report", code=3).err


def test_initial_capital_comes_from_option_or_setting(capsys, bars, tmp_path):
    common = ["backtest", "--bars", bars, "--ticker", "AAA", "--out", "out", "--start", "2023-05-01"]
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "lightning.toml").write_text("[account]\ninitial_capital = 7000.0\n")
    answer(capsys, *common)
    assert document(capsys, "report")["capital"]["initial"] == 7_000.0
    answer(capsys, *common, "--capital", "5000")
    assert document(capsys, "report")["capital"]["initial"] == 5_000.0


def spoiled(rows, at, column, value):
    rows = [list(row) for row in rows]
    rows[at][column] = value
    return rows


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda r: spoiled(r, 3, 5, "nan"), ["row 5", "close"]),
        (lambda r: spoiled(r, 3, 5, "-1"), ["row 5", "close"]),
        (lambda r: spoiled(r, 3, 3, "0.01"), ["row 5", "high"]),
        (lambda r: spoiled(r, 3, 5, "abc"), ["row 5", "close"]),
        (lambda r: spoiled(r, 3, 1, "yesterday"), ["row 5", "date"]),
        (lambda r: spoiled(r, 3, 1, r[2][1]), ["row 5", "date", "twice"]),
        (lambda r: spoiled(r, 3, 1, "2021-05-03"), ["row 5", "date", "sort"]),
        (lambda r: [], ["no rows"]),
    ],
    ids=["not a number", "negative", "high below low", "text", "no date", "duplicate", "unsorted", "empty"],
)
def test_bad_bars_are_refused_by_file_row_and_field_and_nothing_is_written(capsys, tmp_path, spoil, words):
    path = write_csv(tmp_path / "bad.csv", BARS_HEADER, spoil(bar_rows("AAA", 1)))
    shown = answer(capsys, "backtest", "--bars", path, "--ticker", "AAA", "--out", "out", code=3)
    assert shown.err.count("\n") == 1
    assert "bad.csv" in shown.err
    assert not [w for w in words if w not in shown.err], shown.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["analyze", "AAA", "--bars", "given.csv"],
        ["analyze", "AAA", "--bars", "bars.csv", "--history", "given.csv"],
        ["analyze", "AAA", "--bars", "bars.csv", "--flow", "given.csv"],
        ["gex", "given.csv"],
        ["gex", "chain.csv", "--since", "given.csv"],
        ["backtest", "--bars", "given.csv", "--ticker", "AAA", "--out", "out"],
        ["backtest", "--bars", "bars.csv", "--history", "given.csv", "--ticker", "AAA", "--out", "out"],
        ["scan", "given.csv"],
        ["history", "show", "given.csv"],
        ["flow", "build", "given.csv", "--bars", "bars.csv", "--out", "dix.csv"],
        ["flow", "build", "flow.txt", "--bars", "given.csv", "--out", "dix.csv"],
        ["flow", "build", "flow.txt", "--bars", "bars.csv", "--members", "given.csv", "--out", "dix.csv"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("content", [None, b"\x00\x01\x02\xff\xfe" * 50, b"", b"a,b\n1,2\n", b"PAR1"], ids=repr)
def test_a_file_that_is_not_what_it_should_be_is_refused_by_name(capsys, tmp_path, bars, chain, command, content):
    path = tmp_path / "given.csv"
    if content is not None:
        path.write_bytes(content)
    header = "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market"
    (tmp_path / "flow.txt").write_text(f"{header}\n20230103|AAA|1|0|2|Q\n1\n")
    shown = answer(capsys, *command, code=3)
    assert shown.out == ""
    assert "given.csv" in shown.err
    assert shown.err.count("\n") == 1
    assert "Traceback" not in shown.err


def test_a_ticker_that_is_not_in_the_file_is_named(capsys, bars):
    shown = answer(capsys, "analyze", "ZZZ", "--bars", bars, code=3)
    assert "ZZZ" in shown.err
    assert "AAA" in shown.err


def test_quotes_older_than_allowed_are_refused(capsys, chain):
    assert "2024-06-03" in answer(capsys, "gex", chain, "--max-age", "24", code=3).err
    assert "positive" in answer(capsys, "gex", chain, "--max-age", "-1", code=2).err
    answer(capsys, "gex", chain, "--max-age", "1000000")


def test_moment_spot_clock_and_since_reach_the_chain(capsys, chain, tmp_path):
    usual = document(capsys, "gex", chain)
    earlier = document(capsys, "gex", chain, "--as-of", "2024-06-03T10:00:00-04:00")
    assert earlier["as_of"] == "2024-06-03T14:00:00+00:00"
    assert any("as asked" in note for note in earlier["notes"])
    assert document(capsys, "gex", chain, "--spot", "101")["spot"] == 101.0
    trading = document(capsys, "gex", chain, "--clock", "trading")
    assert trading["charm_exposure_usd_per_day"] != usual["charm_exposure_usd_per_day"]
    assert trading["gamma_exposure_usd_per_pct"] == usual["gamma_exposure_usd_per_pct"]
    assert set(document(capsys, "gex", chain, "--since", chain)["changes"]["gamma_steps_usd_per_pct"].values()) == {0.0}
    shown = answer(capsys, "gex", chain, "--since", chain).out
    assert "nothing changed: same contracts" in shown
    assert "Why net gamma changed" not in shown
    assert "trading" in answer(capsys, "gex", chain, "--clock", "sidereal", code=2).err
    assert "zone" in answer(capsys, "gex", chain, "--as-of", "2024-06-03T10:00", code=2).err


def test_an_unknown_dealer_model_or_format_is_a_wrong_option(capsys, chain):
    assert "naive" in answer(capsys, "gex", chain, "--dealer-model", "clever", code=2).err
    assert "table" in answer(capsys, "gex", chain, "--format", "clever", code=2).err


def test_a_cut_chain_is_refused(capsys, tmp_path, chain):
    lines = chain.read_text().splitlines()
    near = [line for line in lines[1:] if 97 < float(line.split(",")[5]) < 103]
    (tmp_path / "cut.csv").write_text("\n".join([lines[0], *near]) + "\n")
    assert "cut" in answer(capsys, "gex", "cut.csv", code=3).err


def test_a_reader_that_goes_away_is_no_error_worth_a_word(chain):
    command = f"{LIGHTNING} gex {chain} --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode in {0, 141}


def test_the_installed_command_answers(tmp_path):
    done = subprocess.run([str(LIGHTNING), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("lightning-gex ")
    alias = subprocess.run([str(LIGHTNING.with_name("lightning-gex")), "--version"], capture_output=True, text=True)
    assert alias.stdout == done.stdout


@pytest.mark.shared_data
def test_gex_reads_the_vendors_own_files(capsys, shared_data):
    raw = shared_data / "chains" / "raw"
    for name, underlying in (
        ("cboe_quotedata_XSP_2023-09-14.csv.gz", "XSP"),
        ("cboe_quotedata_TSLA_2023-08-18.csv.gz", "TSLA"),
        ("cboe_delayed_quotes_SPY_2022-07-12.json.gz", "SPY"),
    ):
        found = document(capsys, "gex", raw / name)
        assert found["underlying"] == underlying
        assert found["open_interest_coverage"] > 0.8
        assert datetime.fromisoformat(found["as_of"]).utcoffset() is not None
