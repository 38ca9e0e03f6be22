"""Hostile input through the real commands: one clear line, the documented exit code, nothing half-written."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from lightning_gex.app.cli import main
from lightning_gex.core.sessions import sessions_between

SESSIONS = sessions_between(np.datetime64("2023-01-03"), np.datetime64("2023-06-30"))
LAST = SESSIONS[-1]
LIGHTNING = Path(sys.executable).with_name("lightning")
BARS_HEADER = ["ticker", "date", "open", "high", "low", "close", "volume"]
CHAIN_HEADER = [
    "underlying", "as_of", "spot", "expiry", "right", "strike",
    "bid", "ask", "iv", "open_interest", "volume", "multiplier",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.upper().startswith("LIGHTNING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIGHTNING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)


def write(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def bar_rows(ticker: str = "AAA", sessions=SESSIONS) -> list[list[object]]:
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(7).normal(0.0005, 0.01, len(sessions))))
    return [[ticker, str(d), c, c * 1.01, c * 0.99, c, 1_000_000] for d, c in zip(sessions, close, strict=True)]


def chain_rows(underlying: str, day: np.datetime64 = LAST, **changed: object) -> list[list[object]]:
    """A flat chain of two expiries around 100, each row changed alike."""
    moment = datetime.fromisoformat(f"{day}T15:30:00").replace(tzinfo=ZoneInfo("America/New_York"))
    as_of = moment.isoformat()
    rows = []
    for days in (21, 49):
        for strike in range(80, 121, 2):
            for right in "CP":
                value = max(100 - strike, 0) if right == "C" else max(strike - 100, 0)
                row = dict.fromkeys(CHAIN_HEADER, 10) | {
                    "underlying": underlying, "as_of": as_of, "spot": 100, "expiry": str(day + days), "right": right,
                    "strike": strike, "bid": value + 1.0, "ask": value + 1.2, "iv": 0.2, "open_interest": 500,
                    "multiplier": 100,
                }  # fmt: skip
                rows.append(list((row | changed).values()))
    return rows


@pytest.fixture
def bars(tmp_path):
    return write(tmp_path / "bars.csv", BARS_HEADER, bar_rows())


def ended(capsys, code, *arguments):
    """The command's two streams, once it ended with this code and, where that is an error, with one line."""
    found = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert found == code, captured.err
    if code:
        assert captured.err.count("\n") == 1, captured.err
        assert "should not have happened" not in captured.err
    return captured


def backtest(capsys, bars, *more, code=0):
    return ended(capsys, code, "backtest", "--bars", bars, "--ticker", "AAA", "--out", "out", *more)


def run(*arguments, **keywords):
    return subprocess.run(
        [LIGHTNING, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False, **keywords
    )


def test_a_chain_of_another_underlying_is_refused(capsys, bars, tmp_path):
    chain = write(tmp_path / "chain.csv", CHAIN_HEADER, chain_rows("SPY"))
    said = ended(capsys, 3, "analyze", "AAA", "--bars", bars, "--chain", chain).err
    assert "chain.csv, field 'underlying': the chain is on SPY, not on AAA" in said


def test_the_chain_of_an_index_serves_whatever_the_bars_call_the_index(capsys, tmp_path):
    chain = write(tmp_path / "chain.csv", CHAIN_HEADER, chain_rows("SPX"))
    bars = write(tmp_path / "bars.csv", BARS_HEADER, bar_rows("^GSPC"))
    ended(capsys, 0, "analyze", "^GSPC", "--bars", bars, "--chain", chain, "--json")


def test_a_chain_that_the_bars_have_long_passed_is_refused(capsys, bars, tmp_path):
    chain = write(tmp_path / "chain.csv", CHAIN_HEADER, chain_rows("AAA", np.datetime64("2022-06-01")))
    said = ended(capsys, 3, "analyze", "AAA", "--bars", bars, "--chain", chain).err
    assert "the chain of 2022-06-01" in said
    assert "bring a newer one" in said


@pytest.mark.parametrize(("field", "value"), [("multiplier", "1e300"), ("open_interest", "1e300")])
def test_a_count_that_no_market_has_is_refused(capsys, tmp_path, field, value):
    chain = write(tmp_path / "chain.csv", CHAIN_HEADER, chain_rows("AAA", **{field: value}))
    assert field.split("_")[0] in ended(capsys, 3, "gex", chain).err


def test_a_name_that_is_too_long_to_be_a_file_s_is_refused_as_one_that_cannot_be_read(capsys, tmp_path):
    (tmp_path / "out.csv").write_text("there already")
    long = tmp_path / ("n" * 300)
    assert "too long" in ended(capsys, 3, "gex", long, "--out", tmp_path / "out.csv").err
    assert "too long" in ended(capsys, 3, "flow", "build", long, "--bars", long, "--out", tmp_path / "out.csv").err
    assert (tmp_path / "out.csv").read_text() == "there already"


def test_the_pictures_are_not_written_over_the_chain(capsys, tmp_path):
    chain = write(tmp_path / "chain.html", CHAIN_HEADER, chain_rows("AAA"))
    before = chain.read_bytes()
    assert "is the file that is read" in ended(capsys, 2, "gex", chain, "--plot", "chain.html").err
    assert chain.read_bytes() == before


@pytest.mark.parametrize(
    ("option", "header", "row"),
    [
        ("--flow", "date,price,dix,gex", "1999-01-04,1200,0.4,1e9"),
        ("--volatility-index", "date,close", "1999-01-04,20"),
        ("--rates", "date,IRX_close", "1999-01-04,5"),
        ("--market", "date,vix", "1999-01-04,20"),
    ],
)
def test_a_series_that_does_not_meet_the_bars_is_noted_with_how_little_it_serves(
    capsys, bars, tmp_path, option, header, row
):
    series = tmp_path / "series.csv"
    series.write_text(f"{header}\n{row}\n")
    said = backtest(capsys, bars, option, series, "--start", SESSIONS[-10]).err
    note = next(line for line in said.splitlines() if "series.csv" in line)
    assert "does not reach all of the 10 sessions to decide on" in note
    assert " on 0" in note


def test_a_series_that_meets_every_bar_is_not_noted(capsys, bars, tmp_path):
    index = write(tmp_path / "vix.csv", ["date", "close"], [[str(d), 18] for d in SESSIONS])
    assert "does not reach" not in backtest(capsys, bars, "--volatility-index", index).err


def test_bars_of_closed_and_future_days_are_noted(capsys, tmp_path):
    sessions = np.append(SESSIONS[-20:], np.array(["2023-07-01", "2039-01-03"], dtype="datetime64[D]"))
    bars = write(tmp_path / "bars.csv", BARS_HEADER, bar_rows("AAA", sessions))
    said = ended(capsys, 0, "analyze", "AAA", "--bars", bars, "--json").err
    assert "1 bars of AAA are of days on which the New York exchange was closed, the first 2023-07-01" in said
    assert "the last bar of AAA (2039-01-03) lies in the future" in said


def test_a_hole_of_weeks_in_the_bars_is_noted(capsys, tmp_path):
    sessions = np.delete(SESSIONS, np.arange(60, 80))
    bars = write(tmp_path / "bars.csv", BARS_HEADER, bar_rows("AAA", sessions))
    said = ended(capsys, 0, "analyze", "AAA", "--bars", bars, "--json").err
    assert f"20 sessions between {SESSIONS[59]} and {SESSIONS[80]} have no bar of AAA" in said


def test_a_year_that_no_calendar_reaches_is_refused(capsys, tmp_path):
    rows = bar_rows()
    rows[-1][1] = "2999-01-04"
    bars = write(tmp_path / "bars.csv", BARS_HEADER, rows)
    said = ended(capsys, 3, "analyze", "AAA", "--bars", bars).err
    assert f"row {len(rows) + 1}, field 'date': 2999-01-04 of AAA lies after 2040" in said


@pytest.mark.parametrize(("mark", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_a_file_with_another_separator_is_told_so(capsys, bars, mark, word):
    bars.write_text(bars.read_text().replace(",", mark))
    assert f"separated by {word}: separate them with commas" in ended(capsys, 3, "analyze", "AAA", "--bars", bars).err


@pytest.mark.parametrize("value", ["0.2", "1e300"])
def test_a_volatility_index_that_is_no_per_cent_is_refused(capsys, bars, tmp_path, value):
    (tmp_path / "vix.csv").write_text(f"date,close\n2023-01-03,20\n2023-01-04,{value}\n")
    said = backtest(capsys, bars, "--volatility-index", "vix.csv", code=3).err
    assert "row 3, field 'close'" in said
    assert "20 for 20 %" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("capital", ["0", "-1", "nan", "inf", "0.001", "1e308"])
def test_a_capital_no_run_can_begin_with_is_refused(capsys, bars, tmp_path, capital):
    assert "--capital" in backtest(capsys, bars, "--capital", capital, code=2).err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[account]\ninitial_capital = 1e300\n", "account.initial_capital"),
        ("[account]\ninitial_capital = 1e-9\n", "account.initial_capital"),
        ("[guardrails]\nmax_daily_trades = true\n", "not true or false"),
        ("[agents.weights]\ntrend = 1e308\n", "agents.weights.trend"),
    ],
)
def test_a_setting_that_would_break_the_arithmetic_is_refused(capsys, bars, tmp_path, text, words):
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home" / "lightning.toml").write_text(text)
    assert words in ended(capsys, 2, "analyze", "AAA", "--bars", bars).err


@pytest.mark.parametrize("out", ["a" * 300, "~nobody-of-this-name/x", ""])
def test_a_folder_that_cannot_be_is_refused_before_the_work(capsys, bars, out):
    said = ended(capsys, 2, "backtest", "--bars", bars, "--ticker", "AAA", "--out", out).err
    assert "--out" in said


def test_an_empty_home_does_not_become_the_present_folder(capsys, bars, tmp_path):
    assert "--home" in ended(capsys, 2, "analyze", "AAA", "--bars", bars, "--home", "").err
    assert "--home" in ended(capsys, 2, "--home", "", "analyze", "AAA", "--bars", bars).err
    assert [p.name for p in tmp_path.iterdir()] == ["bars.csv"]


@pytest.mark.parametrize("text", ['{"a":' * 100_000, "[1]", "", '{"cagr":' + "9" * 5_000 + "}"])
def test_figures_that_are_none_are_refused_by_report(capsys, tmp_path, text):
    (tmp_path / "metrics.json").write_text(text)
    document = json.loads(ended(capsys, 3, "report", tmp_path, "--json").out)
    assert document["error"]["source"].endswith("metrics.json")


def test_figures_with_odd_notes_and_lone_surrogates_are_shown(capsys, tmp_path):
    (tmp_path / "metrics.json").write_text('{"notes": 5, "title": "\\ud800"}')
    ended(capsys, 0, "report", tmp_path)
    assert run("report", tmp_path, "--json").returncode == 0


def altered(tmp_path, statement: str) -> None:
    with sqlite3.connect(tmp_path / "home" / "lightning.db") as store:
        store.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "update journal set payload = replace(payload, '3', '4') where sequence = 20",
        "delete from journal where sequence = 10",
        "delete from journal where sequence > 10",
        "update journal set payload = x'00ff' where sequence = 20",
    ],
)
def test_report_finds_a_journal_that_was_tampered_with_and_names_it(capsys, bars, tmp_path, statement):
    backtest(capsys, bars)
    altered(tmp_path, statement)
    said = json.loads(ended(capsys, 6, "report", "--json").out)["error"]["message"]
    assert "lightning.db" in said
    assert "record" in said
    assert "backup" in said


@pytest.mark.parametrize(("statement", "code"), [("drop table journal", 6), ("delete from schema_version", 6)])
def test_a_store_that_lost_a_table_is_called_damaged(capsys, bars, tmp_path, statement, code):
    backtest(capsys, bars)
    with sqlite3.connect(tmp_path / "home" / "lightning.db") as store:
        tables = [name for (name,) in store.execute("select name from sqlite_master where type = 'table'")]
    versioned = next(name for name in tables if "schema" in name or "version" in name)
    altered(tmp_path, statement.replace("schema_version", versioned))
    assert "backup" in ended(capsys, code, "report").err


def test_answers_survive_closed_full_and_narrow_outputs(tmp_path):
    (tmp_path / "metrics.json").write_text('{"decisions": 3, "title": "Δ ☃"}')

    def shell(redirection: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S602 - redirections need a shell
            f"'{LIGHTNING}' report . {redirection}", shell=True, capture_output=True, text=True, timeout=120,
            check=False, env={**os.environ, **environment},
        )  # fmt: skip

    closed = shell("--json >&-")
    assert (closed.returncode, closed.stderr) == (0, "")
    assert shell(">&- 2>&-").returncode == 0
    if Path("/dev/full").exists():
        full = shell("--json >/dev/full")
        assert full.returncode == 5
        assert full.stderr == "error: the answer cannot be written: no space left on device\n"
    narrow = shell("--json", PYTHONIOENCODING="ascii", COLUMNS="1")
    assert json.loads(narrow.stdout)["title"] == "Δ ☃"


def test_an_error_about_a_name_that_the_terminal_cannot_show_is_one_document(tmp_path):
    found = run("gex", "☃.csv", "--json", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert found.returncode == 3
    assert "☃.csv" in json.loads(found.stdout)["error"]["message"]


def test_an_interrupted_run_ends_with_one_line_one_document_and_no_files(tmp_path):
    sessions = sessions_between(np.datetime64("2000-01-03"), np.datetime64("2023-06-30"))
    bars = write(tmp_path / "long.csv", BARS_HEADER, bar_rows("AAA", sessions))
    process = subprocess.Popen(
        [LIGHTNING, "backtest", "--bars", bars, "--ticker", "AAA", "--out", "out", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    database = tmp_path / "home" / "lightning.db"
    while process.poll() is None and not (database.exists() and database.stat().st_size):
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "interrupted\n"
    assert json.loads(out)["error"]["exit_code"] == 130
    assert not (tmp_path / "out").exists()
    assert run("report").returncode in {0, 3}


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_file_that_may_not_be_read_is_wrong_input_as_a_missing_one_is(capsys, bars):
    bars.chmod(0)
    assert "cannot be read" in ended(capsys, 3, "analyze", "AAA", "--bars", bars).err


def test_a_kernel_cache_is_lent_where_no_other_can_be_written(monkeypatch):
    from lightning_gex.app.cli import process

    monkeypatch.setenv("NUMBA_CACHE_DIR", "of the user")
    monkeypatch.setattr(process, "_can_be_written", lambda _: True)
    process.lend_a_compiler_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == "of the user"
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    process.lend_a_compiler_cache()
    assert "NUMBA_CACHE_DIR" not in os.environ
    monkeypatch.setattr(process, "_can_be_written", lambda _: False)
    process.lend_a_compiler_cache()
    lent = Path(os.environ["NUMBA_CACHE_DIR"])
    assert lent.stat().st_mode & 0o777 == 0o700
    lent.rmdir()
    monkeypatch.delenv("NUMBA_CACHE_DIR")


def test_a_section_in_the_environment_that_is_no_table_is_named(capsys, bars, monkeypatch):
    monkeypatch.setenv("LIGHTNING_ACCOUNT", "{bad")
    assert "LIGHTNING_ACCOUNT" in ended(capsys, 2, "analyze", "AAA", "--bars", bars).err
