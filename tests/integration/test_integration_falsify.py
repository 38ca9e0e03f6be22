"""``falsify`` on a simulated market, as a user calls it: on record before, judged after, and the record verifies."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from builders_claims import history_of
from lightning_gex.adapters.market_data.positioning_history import COLUMNS, history_bytes, history_frame
from lightning_gex.analytics.positioning_features import FEATURES_VERSION
from lightning_gex.app.cli import main
from lightning_gex.core.sessions import close_of
from lightning_gex.evaluation.hypotheses import REGISTRY, registry_hash
from lightning_gex.simulation.market import MarketConfig, simulate_market

SESSIONS = 620
OWN = """
[[hypothesis]]
name = "gamma_week"
statistic = "variance_coefficient"
feature = "gex"
horizon_sessions = 5
direction = "lower"
claim = "A week after much gamma is calm."
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("market")
    config = MarketConfig(ticker="XSP", gamma_hedging=2.0)
    market = simulate_market(seed=3, sessions=SESSIONS, start=np.datetime64("2014-01-02"), config=config)
    b = market.bars
    with (folder / "bars.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ticker", "date", "open", "high", "low", "close", "volume"])
        for row in zip(b.session, b.open, b.high, b.low, b.close, b.volume, strict=True):
            writer.writerow(["XSP", *(str(v) for v in row)])
    dates = [str(d) for d in b.session]
    pl.DataFrame({"date": dates, **market.flow.columns}).write_csv(folder / "flow.csv")
    pl.DataFrame({"date": dates, "close": market.vix.columns["close"]}).write_csv(folder / "vix.csv")
    (folder / "own.toml").write_text(OWN)
    (folder / "history.parquet").write_bytes(history_bytes(history_frame(list(rows_of(market)))))
    return folder


def rows_of(market) -> Iterator[dict[str, object]]:
    """The rows that ``history build`` would have written of this market's chains, as far as claims look at them."""
    found = history_of(market)
    blank = {str: "", float: float("nan"), int: 0, bool: True}
    for row in range(1, len(market.bars)):
        at = close_of(market.bars.session[row])
        own = {name: float(values[row]) for name, values in found.columns.items()}
        own["spot"] = float(market.bars.close[row])
        told = {"underlying": "XSP", "session": at.date(), "as_of": at, "dealer_model": "naive"}
        told["features_version"] = FEATURES_VERSION
        yield {name: blank.get(kind) for name, kind in COLUMNS.items()} | own | told


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.upper().startswith("LIGHTNING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIGHTNING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)


def run(capsys, files: Path, *more: str) -> tuple[int, str, str]:
    given = ["--bars", "bars.csv", "--flow", "flow.csv", "--volatility-index", "vix.csv", *more]
    named = [str(files / word) if word in {p.name for p in files.iterdir()} else word for word in given]
    code = main(["falsify", "--ticker", "XSP", "--out", "out", *named])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def journal(capsys) -> list[dict]:
    """What was noted, oldest first; the chain verifies."""
    assert main(["audit", "verify"]) == 0
    capsys.readouterr()
    assert main(["audit", "tail", "--kind", "audit_noted", "--count", "50", "--json"]) == 0
    return json.loads(capsys.readouterr().out)["records"]


def test_verdicts_name_the_hash_that_went_on_record_before(files, capsys):
    more = ("--strike-step", "10", "--hypotheses", "own.toml", "--split", "2015-06-01", "--json")
    code, out, err = run(capsys, files, *more)
    assert code == 0, err
    found = json.loads(out)
    registered = json.loads(Path("out/hypotheses.json").read_text())
    assert len(registered["hypotheses"]) == len(REGISTRY) + 1
    assert registered["registry_hash"] == found["registry_hash"] != registry_hash(REGISTRY)
    assert registered["registered_at"] == found["registered_at"]
    assert list(found["periods"]) == ["whole", "before 2015-06-01", "from 2015-06-01"]
    assert len(found["findings"]) == 3 * (len(REGISTRY) + 1)
    by_name = {(f["name"], f["period"]): f for f in found["findings"]}
    assert by_name["gamma_shrinks_moves", "whole"]["claimed_sign"] == -1
    assert by_name["gamma_week", "whole"]["claim"] == "A week after much gamma is calm."
    assert by_name["call_wall_holds", "whole"]["verdict"] == "not testable"
    assert "history" in by_name["call_wall_holds", "whole"]["why"]
    assert by_name["monthly_expiry_pins", "whole"]["verdict"] != "not testable"
    assert json.loads(Path("out/falsification.json").read_text()) == found
    assert Path("out/falsification.png").read_bytes().startswith(b"\x89PNG")
    assert found["registry_hash"] in Path("out/falsification.html").read_text()
    names = {p.name for p in Path("out/tables").iterdir()}
    assert names == {"findings.parquet", "points.parquet", "null.parquet", "observations.parquet"}
    notes = [r["event"] for r in journal(capsys) if r["event"]["what"].startswith("hypotheses_")]
    assert [n["what"] for n in notes] == ["hypotheses_registered", "hypotheses_judged"]
    assert {n["detail"]["registry_hash"] for n in notes} == {found["registry_hash"]}
    assert notes[0]["at"] < notes[1]["at"]


def test_hypotheses_are_on_record_even_where_the_outcomes_cannot_be_read(files, capsys):
    code = main(["falsify", "--ticker", "XSP", "--out", "out", "--bars", "none.csv"])
    assert code == 3
    assert "none.csv" in capsys.readouterr().err
    assert {p.name for p in Path("out").iterdir()} == {"hypotheses.json"}
    assert [r["event"]["what"] for r in journal(capsys)] == ["hypotheses_registered"]


def test_a_history_of_chains_makes_walls_charm_and_vanna_testable(files, capsys):
    code, out, err = run(capsys, files, "--history", "history.parquet", "--json")
    assert code == 0, err
    verdicts = {f["name"]: f["verdict"] for f in json.loads(out)["findings"]}
    for name in ("call_wall_holds", "put_wall_holds", "charm_pushes", "vanna_pushes"):
        assert verdicts[name] != "not testable", name


def test_walls_are_not_set_beside_adjusted_prices(files, capsys, tmp_path):
    bars = pl.read_csv(files / "bars.csv")
    adjusted = bars.with_columns(pl.col(name) * 0.8 for name in ("open", "high", "low", "close"))
    adjusted.write_csv(tmp_path / "adjusted.csv")
    given = ["--bars", str(tmp_path / "adjusted.csv"), "--history", str(files / "history.parquet"), "--json"]
    assert main(["falsify", "--ticker", "XSP", "--out", "out", *given]) == 0
    captured = capsys.readouterr()
    found = {f["name"]: f for f in json.loads(captured.out)["findings"]}
    assert found["call_wall_holds"]["verdict"] == "not testable"
    assert "adjusted prices" in found["call_wall_holds"]["why"]
    assert "adjusted prices" in captured.err
    assert found["charm_pushes"]["verdict"] != "not testable"


def test_people_get_a_table_a_period_and_the_same_seed_the_same_answer(files, capsys):
    code, out, err = run(capsys, files, "--seed", "4")
    assert code == 0, err
    assert "gamma_lowers_variance" in out
    assert "on record since" in out
    first = json.loads(Path("out/falsification.json").read_text())
    assert run(capsys, files, "--seed", "4")[0] == 0
    again = json.loads(Path("out/falsification.json").read_text())
    assert first["findings"] == again["findings"]
    assert first["run_id"] != again["run_id"]


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--split", "2014-01-01", "--start", "2014-06-01"), 2, "--split"),
        (("--split", "soon"), 2, "--split"),
        (("--strike-step", "0"), 2, "--strike-step"),
        (("--start", "2015-01-02", "--end", "2014-01-02"), 2, "--end"),
        (("--hypotheses", "flow.csv"), 3, "TOML"),
        (("--intraday", "vix.csv"), 3, "time"),
        (("--end", "2001-01-02"), 3, "no bar"),
    ],
)
def test_what_makes_no_sense_is_refused(files, capsys, more, code, said):
    ended, _, err = run(capsys, files, *more)
    assert ended == code
    assert said in err
