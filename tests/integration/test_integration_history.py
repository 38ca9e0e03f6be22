"""A history survives being killed, feeds analysis and backtest, and shows them nothing before its time."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from builders_chain_files import write_history, write_session_chain
from lightning_gex.adapters.market_data.bars_file import read_bars
from lightning_gex.adapters.market_data.positioning_history import history_bytes, read_history
from lightning_gex.app.assembly.positions import table_of_history
from lightning_gex.app.cli import main
from lightning_gex.core.features import OPTIONS_FEATURES
from lightning_gex.engine.inputs import MarketInputs, features_of

SESSIONS = 130
LIGHTNING = Path(sys.executable).with_name("lightning")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """A folder with chains of AAA, bars on the same spots, and the history of all of it."""
    home = tmp_path_factory.mktemp("world")
    write_history(home / "chains", "AAA", SESSIONS)
    ended = main(["history", "build", str(home / "chains"), "--out", str(home / "history.parquet"), "--json"])
    assert ended == 0
    table = pl.read_parquet(home / "history.parquet")
    with (home / "bars.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ticker", "date", "open", "high", "low", "close", "volume"])
        for day, spot in table.select("session", "spot").iter_rows():
            writer.writerow(["AAA", day, spot, spot * 1.01, spot * 0.99, spot, 1_000_000])
    return home


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.upper().startswith("LIGHTNING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIGHTNING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)


def answer(capsys, *arguments, code=0):
    ended = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert ended == code, captured.err
    return captured


def document(capsys, *arguments):
    return json.loads(answer(capsys, *arguments, "--json").out)


def killed_build(folder: Path, out: Path, *, after: int) -> int:
    """Start a build, kill it once so many files are journaled, and count what was finished by then.

    However long it takes until the first one: a machine may have kernels to compile, and other work.
    """
    journal = out.with_name(out.name + ".journal")
    told = out.with_name("stderr.txt")
    with told.open("wb") as stderr:
        process = subprocess.Popen(
            [str(LIGHTNING), "history", "build", str(folder), "--out", str(out)],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    try:
        while process.poll() is None:
            if journal.exists() and journal.read_bytes().count(b"\n") > after:
                break
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        ended = process.wait()
    assert ended in (0, -signal.SIGKILL), told.read_text()
    return journal.read_bytes().count(b"\n") - 1


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_a_build_killed_again_and_again_ends_with_the_same_table(world, tmp_path, capsys):
    out = tmp_path / "killed.parquet"
    finished = [killed_build(world / "chains", out, after=n) for n in (1, 10, 40)]
    assert finished == sorted(finished)
    assert 1 <= finished[0] < SESSIONS
    assert not out.exists() or finished[-1] == SESSIONS
    found = document(capsys, "history", "build", world / "chains", "--out", out)
    assert found["files_read"] == SESSIONS - finished[-1]
    assert found["files_unchanged"] == finished[-1]
    assert out.read_bytes() == (world / "history.parquet").read_bytes()


def test_a_table_that_was_lost_is_made_from_the_journal(world, tmp_path, capsys):
    out = tmp_path / "h.parquet"
    answer(capsys, "history", "build", world / "chains", "--out", out)
    out.unlink()
    assert document(capsys, "history", "build", world / "chains", "--out", out)["files_read"] == 0
    assert out.read_bytes() == (world / "history.parquet").read_bytes()


def test_bad_files_end_with_exit_code_3_and_the_table_is_there(tmp_path, capsys):
    write_session_chain(tmp_path / "c", "AAA", np.datetime64("2023-01-03"))
    (tmp_path / "c" / "bad.json").write_text("{")
    shown = answer(capsys, "history", "build", "c", "--out", "h.parquet", code=3)
    assert "left out: bad.json:" in shown.err
    assert "1 gave no chain" in shown.out
    found = json.loads(answer(capsys, "history", "build", "c", "--out", "h.parquet", "--json", code=3).out)
    assert list(found["files_left_out"]) == ["bad.json"]
    assert found["underlyings"] == {"AAA": 1}
    assert pl.read_parquet("h.parquet").height == 1


def test_show_prints_the_last_sessions_with_their_ranks(world, capsys):
    shown = answer(capsys, "history", "show", world / "history.parquet", "--last", "3").out
    assert "AAA, dealer model naive" in shown
    assert f"{SESSIONS} sessions" in shown
    found = document(capsys, "history", "show", world / "history.parquet", "--last", "3")["AAA"]
    assert (found["sessions"], len(found["session"]), len(found["gex_signal"])) == (SESSIONS, 3, 3)
    assert all(-1 <= rank <= 1 for rank in found["charm_pressure"])
    assert (
        "holds nothing of ZZZ"
        in answer(capsys, "history", "show", world / "history.parquet", "--underlying", "ZZZ", code=3).err
    )


def test_analyze_gives_the_agent_ranks_of_the_users_own_chains(world, capsys):
    shown = answer(capsys, "analyze", "AAA", "--bars", world / "bars.csv", "--history", world / "history.parquet")
    assert "no options feature" not in shown.out
    assert "for its year" in shown.out or "dealers" in shown.out
    assert "abstains" not in next(line for line in shown.out.splitlines() if "Options Flow Agent" in line)


def test_a_chain_of_today_is_the_last_row_of_the_history(world, tmp_path, capsys):
    chain = sorted((world / "chains").iterdir())[-1]
    table = pl.read_parquet(world / "history.parquet")
    (tmp_path / "past.parquet").write_bytes(history_bytes(table[:-1]))
    together = document(
        capsys, "analyze", "AAA", "--bars", world / "bars.csv", "--chain", chain, "--history", "past.parquet"
    )
    whole = document(capsys, "analyze", "AAA", "--bars", world / "bars.csv", "--history", world / "history.parquet")
    how = together.pop("expression")  # needs a chain's quotes
    assert how is not None
    record = json.loads(answer(capsys, "audit", "tail", "--backtests", "--kind", "audit_noted", "--json").out)
    (noted,) = [r["event"]["detail"] for r in record["records"] if r["event"]["what"] == "decision expressed"]
    assert (noted["structure"], noted["contracts"]) == (how["structure"], how["contracts"])
    assert noted["decision_id"].startswith("AAA-")
    assert whole.pop("expression") is None
    assert together == whole


def test_with_too_little_history_the_agent_reads_the_single_chain(world, tmp_path, capsys):
    chain = sorted((world / "chains").iterdir())[-1]
    (tmp_path / "short.parquet").write_bytes(history_bytes(pl.read_parquet(world / "history.parquet")[-30:-1]))
    arguments = ("analyze", "AAA", "--bars", world / "bars.csv", "--chain", chain)
    shown = answer(capsys, *arguments, "--history", "short.parquet")
    assert "29 sessions of AAA within the bars, a rank needs 60" in shown.err
    assert "one chain without history" in shown.out
    alone, with_history = (
        [line for line in answer(capsys, *arguments, *more).out.splitlines() if "Options Flow Agent" in line]
        for more in ((), ("--history", "short.parquet"))
    )
    assert alone
    assert alone[-1] == with_history[-1]  # its row in the table of votes


def test_a_history_of_other_tickers_is_refused_by_name(world, tmp_path, capsys):
    other = pl.read_parquet(world / "history.parquet").with_columns(pl.lit("BBB").alias("underlying"))
    (tmp_path / "other.parquet").write_bytes(history_bytes(other))
    for command in (["analyze", "AAA"], ["backtest", "--ticker", "AAA", "--out", "out"]):
        shown = answer(capsys, *command, "--bars", world / "bars.csv", "--history", "other.parquet", code=3)
        assert "holds nothing of AAA: it has BBB" in shown.err


def test_backtest_reads_the_history_from_its_first_sixty_sessions_on(world, tmp_path, capsys):
    answer(capsys, "backtest", "--bars", world / "bars.csv", "--ticker", "AAA", "--history", world / "history.parquet",
           "--out", "out")  # fmt: skip
    votes = pl.read_parquet(tmp_path / "out" / "decisions.parquet")["vote_options_flow_agent"]
    assert votes.null_count() < len(votes)


def test_no_rank_changes_when_the_future_of_the_history_is_cut_off(world):
    history = read_history(world / "history.parquet")
    bars = read_bars(world / "bars.csv")["AAA"]
    whole, _ = table_of_history(history, bars)
    early = bars.first(100)
    cut, _ = table_of_history(history, early)
    assert len(cut.session) == 100
    full = features_of("AAA", MarketInputs({"AAA": bars}, positioning={"AAA": whole}))
    past = features_of("AAA", MarketInputs({"AAA": early}, positioning={"AAA": cut}))
    for name in OPTIONS_FEATURES[:3]:
        np.testing.assert_array_equal(past[name], full[name][:100])
        assert np.isfinite(past[name][70:]).all()


def test_levels_are_kept_only_where_bars_and_chains_are_on_one_scale(world):
    history = read_history(world / "history.parquet")
    bars = read_bars(world / "bars.csv")["AAA"]
    halves = [getattr(bars, name) / 2 for name in ("open", "high", "low", "close")]
    adjusted = type(bars)("AAA", bars.session, *halves, bars.volume)
    table, notes = table_of_history(history, adjusted)
    assert np.isnan(table.columns["zero_gamma"]).all()
    assert np.isfinite(table.columns["gamma_exposure_usd_per_pct"]).all()
    assert any(f"on {SESSIONS} of {SESSIONS} sessions the chain's spot is off" in note for note in notes)


@pytest.mark.shared_data
def test_vendors_own_files_of_every_format_make_one_history(shared_data, tmp_path, capsys):
    raw = shared_data / "chains" / "raw"
    for name in (
        "cboe_delayed_quotes_SPY_2022-07-12.json.gz",
        "cboe_quotedata_TSLA_2023-08-18.csv.gz",
        "cboe_quotedata_XSP_2023-09-14.csv.gz",
    ):
        (tmp_path / name).symlink_to(raw / name)
    found = document(capsys, "history", "build", tmp_path, "--out", tmp_path.parent / "real.parquet")
    assert found["underlyings"] == {"SPY": 1, "TSLA": 1, "XSP": 1}
    table = pl.read_parquet(tmp_path.parent / "real.parquet")
    assert table["session"].cast(pl.String).to_list() == ["2022-07-12", "2023-08-18", "2023-09-14"]
