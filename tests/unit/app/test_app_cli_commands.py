"""What the commands ask of the wiring, and what they answer to people and to programs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from cli_fakes import existing, make_decision, make_positioning
from lightning_gex.app.assembly.universe import UniverseRequest
from lightning_gex.app.cli import main
from lightning_gex.core.decision import StageRecord
from lightning_gex.core.enums import Action, DecisionStatus, StageName, StageVerdict
from lightning_gex.core.errors import InputError
from lightning_gex.risk.expression import Expression, OptionLeg, Structure

REPORT_FILES = {
    "report.html", "report.json", "summary.png", "summary.pdf", "metrics.json", "decisions.parquet", "trades.parquet",
    "tables",
}  # fmt: skip
FLOW = ["flow", "build", "a.txt", "b.txt", "--bars", "bars.csv", "--out", "dix.csv"]
HISTORY = ["history", "build", "chains", "--out", "h.parquet"]
BACKTEST = ["backtest", "--bars", "b.csv", "--ticker", "TEST", "--out", "out"]


def answer(capsys, *arguments, code=0):
    assert main(list(arguments)) == code
    return capsys.readouterr()


def document(capsys, *arguments):
    """The one JSON document a command prints; NaN and Infinity are no JSON."""

    def refuse(word):
        raise AssertionError(word)

    return json.loads(answer(capsys, *arguments, "--json").out, parse_constant=refuse)


def test_gex_json_has_exactly_the_documented_keys(wiring, capsys):
    assert set(document(capsys, "gex", "chain.csv")) == {
        "underlying", "spot", "as_of", "contracts_read", "contracts_used", "open_interest_coverage", "dealer_model",
        "gamma_exposure_usd_per_pct", "delta_exposure_usd", "vanna_exposure_usd_per_vol_point",
        "charm_exposure_usd_per_day", "zero_gamma", "zero_gamma_nearest", "zero_gamma_status", "call_wall", "put_wall",
        "max_pain", "dealer_model_band", "refused", "quotes_session", "open_interest_session", "dealer_model_version",
        "clock", "vendor_vols", "solved_vols", "gamma_exposure_by_volume_usd_per_pct",
        "gamma_exposure_ex_0dte_usd_per_pct", "gross_gamma_usd_per_pct", "net_to_gross", "max_pain_nearest_expiry",
        "atm_implied_vol", "expected_move_usd", "straddle_move_usd", "straddle_expiry", "early_exercise", "modelled",
        "source", "notes", "weight", "exposures_by_expiry", "term_structure",
    }  # fmt: skip


def test_gex_since_json_adds_what_changed(wiring, capsys):
    found = document(capsys, "gex", "now.csv", "--since", "before.csv")["changes"]
    assert set(found) == {
        "before", "now", "gamma_change_usd_per_pct", "gamma_steps_usd_per_pct", "levels", "expiries_gone",
        "expiries_opened", "largest_changes", "notes",
    }  # fmt: skip
    assert sum(found["gamma_steps_usd_per_pct"].values()) == pytest.approx(found["gamma_change_usd_per_pct"])
    assert found["levels"]["spot"] == {"before": 100.0, "now": 101.0}
    assert set(found["largest_changes"]) == {"open_interest", "gamma"}
    assert wiring.asked("changes_since")["args"][1] == Path("before.csv")


def test_flow_build_json_has_exactly_the_documented_keys(wiring, capsys, tmp_path):
    found = document(capsys, *FLOW)
    assert set(found) == {
        "file", "date", "dix", "coverage", "members", "members_used", "without_bars", "without_short_volume", "notes",
    }  # fmt: skip
    assert found["dix"] == [0.4312, None]
    assert (tmp_path / "dix.csv").read_text() == "date,dix,coverage\n2024-06-03,0.4312,0.99\n2024-06-04,,0.5\n"


def test_history_build_json_has_exactly_the_documented_keys(wiring, capsys):
    assert document(capsys, *HISTORY) | {"file": ""} == {
        "file": "",
        "rows": 2,
        "underlyings": {"SPX": 2},
        "files_read": 2,
        "files_unchanged": 5,
        "files_left_out": {},
        "chains_superseded": 1,
        "files_gone": 0,
        "notes": ["1 chains do not count"],
    }


def test_scan_json_has_exactly_the_documented_keys(wiring, capsys):
    found = document(capsys, "scan", "market.parquet")
    assert set(found) == {"contracts", "dealer_model", "underlyings", "left_out", "top"}
    assert [row["underlying"] for row in found["top"]] == ["BBB", "AAA"]
    assert found["left_out"] == [{"underlying": "DDD", "reason": "bad_spot", "rows": 12}]


def test_analyze_json_has_exactly_the_documented_keys(wiring, capsys):
    found = document(capsys, "analyze", "TEST", "--bars", "b.csv")
    assert set(found) == {
        "status", "action", "quantity", "entry_price", "target_price", "stop_loss", "confidence", "time_horizon_days",
        "reason", "range_low", "range_high", "range_probability", "range_horizon_sessions", "volatility_forecast",
        "volatility_forecast_horizon", "range_basis", "range_absence", "stages", "expression",
    }  # fmt: skip
    assert found["expression"] is None
    assert found["status"] == "approved"
    assert (found["range_low"], found["range_high"], found["range_probability"]) == (96.5, 103.6, 0.86)
    assert found["range_absence"] is None
    assert found["stages"][0] == {
        "stage": "signal",
        "verdict": "passed",
        "reason": "three of five bullish",
        "detail": {"p": 0.61, "voting": 3},
        "fallback": None,
    }


def test_backtest_json_has_exactly_the_documented_keys(wiring, capsys):
    found = document(capsys, *BACKTEST)
    assert set(found) == {
        "decisions", "trades", "accuracy", "accuracy_interval", "base_rate", "excess_accuracy", "win_rate",
        "expectancy_bp", "cagr", "sharpe", "max_drawdown", "calmar", "costs_bp", "start", "end", "sharpe_interval",
        "max_drawdown_interval", "turnover_per_year", "capacity_usd",
    }  # fmt: skip
    assert (found["decisions"], found["trades"]) == (60, 1)
    assert found["start"] == "2024-01-02"


def test_demo_json_holds_decision_metrics_notes_and_report(wiring, capsys):
    found = document(capsys, "demo")
    assert set(found) == {"decision", "metrics", "notes", "report"}
    assert Path(found["report"]).read_text().startswith("<!")


def test_numbers_that_do_not_exist_are_null(wiring, capsys):
    wiring.decision = make_decision(DecisionStatus.NO_SIGNAL)
    found = document(capsys, "analyze", "TEST", "--bars", "b.csv")
    assert found["entry_price"] is found["confidence"] is None
    assert found["stages"][1]["detail"] == {"edge": None}


def test_a_blocked_trade_is_an_answer_not_an_error(wiring, capsys):
    wiring.decision = make_decision(DecisionStatus.BLOCKED)
    shown = answer(capsys, "analyze", "TEST", "--bars", "b.csv").out
    assert "BLOCKED" in shown
    assert "tactical" in shown
    assert "votes disagree [sic]" in shown  # square brackets are text, not markup


def test_gex_hands_its_options_to_the_wiring(wiring, capsys):
    answer(capsys, "gex", "c.csv", "--format", "table", "--dealer-model", "inverted", "--underlying", "SPX", "--json")
    assert wiring.asked("position_chain") == {
        "args": (Path("c.csv"),),
        "chain_format": "table",
        "dealer_model": "inverted",
        "clock": "calendar",
        "underlying": "SPX",
        "as_of": None,
        "spot": None,
        "max_age_hours": None,
    }


def test_gex_hands_moment_spot_and_clock_to_the_wiring(wiring, capsys):
    answer(capsys, "gex", "c.csv", "--as-of", "2024-06-03", "--spot", "5283.4", "--clock", "trading", "--max-age", "30")
    asked = wiring.asked("position_chain")
    assert (asked["as_of"], asked["spot"], asked["clock"]) == ("2024-06-03", 5283.4, "trading")
    assert asked["max_age_hours"] == 30.0


def test_gex_live_fetches_instead_of_reading(wiring, capsys):
    answer(capsys, "gex", "--live", "SPY")
    assert wiring.asked("position_live") == {
        "args": ("SPY",),
        "dealer_model": "naive",
        "clock": "calendar",
        "max_age_hours": None,
    }


@pytest.mark.parametrize("option", ["--format", "--underlying", "--as-of", "--spot"])
def test_what_a_live_chain_says_itself_cannot_be_given_beside_it(wiring, capsys, option):
    assert "leave out" in answer(capsys, "gex", "--live", "SPY", option, "1", code=2).err
    assert not wiring.calls


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("strike", {"strike", "gamma_exposure_usd_per_pct", "call_gamma_usd_per_pct"}),
        ("expiry", {"expiry", "vanna_exposure_usd_per_vol_point"}),
        ("strike_expiry", {"strike", "expiry", "charm_exposure_usd_per_day"}),
        ("contract", {"root", "strike", "implied_vol", "dealer_sign", "delta_exposure_usd"}),
        ("term_structure", {"forward", "atm_implied_vol", "expected_move_usd"}),
        ("profile", {"spot", "gamma_exposure_usd_per_pct"}),
        ("changes", {"fate", "open_interest_change", "gamma_spot_usd_per_pct"}),
        ("changes_by_strike", {"strike", "gamma_change_usd_per_pct"}),
        ("changes_by_expiry", {"expiry", "open_interest_change"}),
    ],
)
def test_gex_writes_the_table_that_was_named(wiring, capsys, tmp_path, table, columns):
    shown = answer(capsys, "gex", "c.csv", "--since", "b.csv", "--table", table, "--out", "t.parquet").out
    assert columns <= set(pl.read_parquet(tmp_path / "t.parquet").columns)
    assert f"table written to {tmp_path / 't.parquet'}" in shown


def test_a_table_by_strike_sums_to_the_exposure_under_either_weight(wiring, capsys, tmp_path):
    for weight, name in (("open_interest", ""), ("volume", "_by_volume")):
        found = document(capsys, "gex", "c.csv", "--weight", weight, "--out", "t.csv")
        total = pl.read_csv(tmp_path / "t.csv")["gamma_exposure_usd_per_pct"].sum()
        assert total == pytest.approx(found[f"gamma_exposure{name}_usd_per_pct"], abs=1e-6)
        by_expiry = sum(row["gamma_exposure_usd_per_pct"] for row in found["exposures_by_expiry"])
        assert by_expiry == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--table", "changes", "--out", "t.csv"], "--since FILE"),
        (["--table", "clever", "--out", "t.csv"], "strike_expiry"),
        (["--weight", "clever"], "open_interest or volume"),
        (["--out", "t.xlsx"], ".csv or .parquet or .json"),
        (["--out", "t"], ".csv or .parquet or .json"),
    ],
)
def test_a_wrong_choice_names_the_right_ones(wiring, capsys, arguments, words):
    assert words in answer(capsys, "gex", "c.csv", *arguments, code=2).err


def test_gex_needs_no_workspace(wiring, capsys, tmp_path):
    answer(capsys, "gex", "c.csv")
    assert not (tmp_path / "home").exists()


def test_gex_writes_the_plot_where_it_was_named(wiring, capsys, tmp_path):
    answer(capsys, "gex", "c.csv", "--plot", "p.html")
    assert (tmp_path / "p.html").read_text() == "<html>profile</html>"


def test_the_suffix_of_the_plot_says_how_it_is_drawn(wiring, capsys):
    answer(capsys, "gex", "c.csv", "--plot", "p.PNG")
    assert wiring.asked("positioning_picture")["args"][1] == ".png"


@pytest.mark.parametrize("plot", ["p.pdf", "p", "p.htm"])
def test_gex_refuses_a_plot_of_another_kind_before_reading_and_names_the_two(wiring, capsys, plot):
    said = answer(capsys, "gex", "c.csv", "--plot", plot, code=2).err
    assert ".html or .png" in said
    assert not wiring.calls


@pytest.mark.parametrize("plot", ["no/such/folder/p.html", "folder.html"])
def test_gex_refuses_a_plot_it_cannot_write_before_reading(wiring, capsys, tmp_path, plot):
    (tmp_path / "folder.html").mkdir()
    assert "--plot" in answer(capsys, "gex", "c.csv", "--plot", plot, code=2).err
    assert not wiring.calls


def test_analyze_hands_its_files_to_the_wiring(wiring, capsys):
    answer(
        capsys, "analyze", "TEST", "--bars", "b.csv", "--chain", "c.json", "--market", "m.toml", "--format", "table",
        "--history", "h.parquet", "--flow", "f.csv", "--volatility-index", "v.csv",
    )  # fmt: skip
    asked = wiring.asked("analyze_files")
    assert asked["volatility_index"] == Path("v.csv")
    assert asked["ticker"] == "TEST"
    assert [asked[k] for k in ("bars", "chain", "market")] == [Path("b.csv"), Path("c.json"), Path("m.toml")]
    assert (asked["history"], asked["flow"]) == (Path("h.parquet"), Path("f.csv"))
    assert asked["chain_format"] == "table"


@pytest.mark.parametrize("before", [True, False])
def test_home_is_accepted_before_and_after_the_command(wiring, capsys, tmp_path, before):
    named = ["--home", str(tmp_path / "ws")]
    command = ["analyze", "TEST", "--bars", "b.csv"]
    answer(capsys, *(named + command if before else command + named))
    assert (tmp_path / "ws" / "lightning.toml").is_file()
    assert not (tmp_path / "home").exists()


def test_backtest_hands_everything_to_the_wiring(wiring, capsys):
    answer(
        capsys, *BACKTEST, "--ticker", "QQQ", "--flow", "f.csv", "--volatility-index", "v.csv", "--rates", "r.csv",
        "--market", "m.csv", "--market-bars", "s.csv", "--history", "h.parquet", "--start", "2019-01-02", "--end",
        "2020-12-31", "--capital", "5000",
    )  # fmt: skip
    asked = wiring.asked("run_backtest_files")
    assert asked["universe"] == UniverseRequest(("TEST", "QQQ"))
    assert (asked["start"], asked["end"], asked["capital"]) == (date(2019, 1, 2), date(2020, 12, 31), 5000.0)
    assert [asked[k] for k in ("bars", "flow", "volatility_index", "rates", "market", "history", "market_bars")] == [
        Path(name) for name in ("b.csv", "f.csv", "v.csv", "r.csv", "m.csv", "h.parquet", "s.csv")
    ]


def test_flow_build_hands_its_files_to_the_wiring_and_shows_what_it_rests_on(wiring, capsys):
    shown = answer(capsys, *FLOW, "--bars", "more.csv", "--members", "m.csv", "--coverage", "0.8")
    assert wiring.asked("build_flow") == {
        "args": ([Path("a.txt"), Path("b.txt")],),
        "bars": [Path("bars.csv"), Path("more.csv")],
        "members": Path("m.csv"),
        "coverage_floor": 0.8,
    }
    assert "note: members without a bar" in shown.err
    for words in ("2024-06-03", "0.4312", "99.0%", "498 of 500", "n/a", "240 of 500"):
        assert words in shown.out


@pytest.mark.parametrize("out", ["dix.json", "dix"])
def test_a_flow_is_written_in_a_form_that_can_be_read_again(wiring, capsys, out):
    assert ".csv or .parquet" in answer(capsys, *FLOW[:-1], out, code=2).err
    assert not wiring.calls


def test_history_build_hands_its_options_to_the_wiring(wiring, capsys, tmp_path):
    shown = answer(
        capsys, *HISTORY, "--underlying", "SPX", "--underlying", "SPY", "--dealer-model", "inverted", "--workers", "2",
        "--format", "table", "--prune",
    ).out  # fmt: skip
    asked = wiring.asked("build_history")
    assert asked["args"] == (Path("chains"), tmp_path / "h.parquet")
    assert (asked["underlyings"], asked["dealer_model"], asked["workers"]) == (("SPX", "SPY"), "inverted", 2)
    assert (asked["chain_format"], asked["prune"]) == ("table", True)
    for words in ("SPX", "2024-06-03", "97.0%", "2 files read, 5 unchanged, 0 gave no chain"):
        assert words in shown


def test_a_history_with_bad_files_is_an_answer_with_exit_code_3(wiring, capsys):
    wiring.bad_files = {f"{i:02}.csv": "the file is empty" for i in range(25)}
    shown = answer(capsys, *HISTORY, code=3)
    assert "left out: 00.csv: the file is empty" in shown.err
    assert "left out: 5 more files" in shown.err
    assert "history written to" in shown.out
    assert main([*HISTORY, "--json"]) == 3
    assert len(json.loads(capsys.readouterr().out)["files_left_out"]) == 25


def test_history_show_prints_ranks_and_how_many_sessions_they_need(wiring, capsys):
    shown = answer(capsys, "history", "show", "h.parquet", "--last", "1", "--underlying", "SPX").out
    assert "2024-06-04" in shown
    assert "2024-06-03" not in shown
    assert "2 sessions: a rank needs 60" in shown
    assert wiring.asked("ranked_history") == {"args": (Path("h.parquet"),), "underlyings": ("SPX",)}
    found = document(capsys, "history", "show", "h.parquet")["SPX"]
    assert found["spot"] == [1.5, None]
    assert found["gex_signal"] == [None, None]
    assert "at least 1" in answer(capsys, "history", "show", "h.parquet", "--last", "0", code=2).err


def test_scan_ranks_by_size_writes_every_row_and_says_what_was_left_out(wiring, capsys, tmp_path):
    shown = answer(capsys, "scan", "m.parquet", "--out", "t.csv", "--workers", "2", "--dealer-model", "inverted").out
    assert shown.index("BBB") < shown.index("AAA")
    assert "CCC" not in shown
    assert "900 contracts; underlyings: 2 ok, 1 too little coverage" in shown
    assert "no chain at all: 1 bad spot" in shown
    assert len(pl.read_csv(tmp_path / "t.csv")) == 3
    asked = wiring.asked("scan_market")
    assert (asked["workers"], asked["dealer_model"], asked["value_early_exercise"]) == (2, "inverted", False)
    by_coverage = document(capsys, "scan", "m.parquet", "--sort", "coverage", "--top", "1")["top"]
    assert [row["underlying"] for row in by_coverage] == ["BBB"]


@pytest.mark.parametrize(("arguments", "words"), [(["--sort", "clever"], "net_to_gross"), (["--top", "0"], "at least")])
def test_scan_refuses_a_wrong_choice_before_reading(wiring, capsys, arguments, words):
    assert words in answer(capsys, "scan", "m.parquet", *arguments, code=2).err
    assert not wiring.calls


@pytest.mark.parametrize("group", ["history", "flow"])
def test_a_group_of_commands_alone_prints_its_help(capsys, group):
    assert "Commands:" in answer(capsys, group).out
    assert "No such command" in answer(capsys, group, "clever", code=2).err


def test_backtest_leaves_report_metrics_decisions_and_trades(wiring, capsys, tmp_path):
    found = document(capsys, *BACKTEST)
    assert existing(tmp_path / "out") == REPORT_FILES
    everything = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert {key: everything[key] for key in found} == found
    assert len(pl.read_parquet(tmp_path / "out" / "decisions.parquet")) == 60
    assert pl.read_parquet(tmp_path / "out" / "trades.parquet")["pnl"].to_list() == [199.4]


def test_backtest_replaces_an_older_report_and_leaves_other_files(wiring, capsys, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "metrics.json").write_text("old")
    (tmp_path / "out" / "mine.txt").write_text("keep")
    answer(capsys, *BACKTEST)
    assert existing(tmp_path / "out") == REPORT_FILES | {"mine.txt"}
    assert (tmp_path / "out" / "metrics.json").read_text() != "old"


def test_a_run_that_fails_writes_nothing(wiring, capsys, tmp_path):
    wiring.failure = InputError("is negative", source="b.csv")
    answer(capsys, *BACKTEST, code=3)
    assert not (tmp_path / "out").exists()


def test_a_report_that_cannot_be_made_leaves_the_older_one_whole(wiring, capsys, tmp_path, monkeypatch):
    answer(capsys, *BACKTEST)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}

    def fail(frame):
        raise RuntimeError("disk of straw")

    monkeypatch.setattr("lightning_gex.evaluation.report_files.parquet_bytes", fail)
    answer(capsys, *BACKTEST, code=1)
    assert {path: path.read_bytes() for path in before} == before
    assert existing(tmp_path / "out") == REPORT_FILES


@pytest.mark.parametrize("out", ["taken", "taken/below"])
def test_an_output_folder_that_is_a_file_is_refused_before_the_run(wiring, capsys, tmp_path, out):
    (tmp_path / "taken").write_text("a file")
    shown = answer(capsys, "backtest", "--bars", "b", "--ticker", "T", "--out", out, code=2)
    assert "is a file" in shown.err
    assert not wiring.calls
    assert answer(capsys, "demo", "--out", out, code=2).out == ""


def test_demo_tells_where_the_report_lies_and_that_the_chain_is_modelled(wiring, capsys, tmp_path):
    shown = answer(capsys, "demo", "--out", "d").out
    assert str(tmp_path / "d" / "report.html") in shown
    assert "modelled" in shown
    assert existing(tmp_path / "d") == REPORT_FILES


def test_report_of_a_folder_shows_its_figures_again(wiring, capsys):
    answer(capsys, *BACKTEST)
    shown = answer(capsys, "report", "out").out
    for words in ("accuracy", "win rate", "same brackets, no skill", "bought and held", "n/a"):
        assert words in shown
    assert document(capsys, "report", "out") == json.loads(Path("out/metrics.json").read_text())


@pytest.mark.parametrize(("text", "words"), [(None, "no such file"), ("{", "not JSON"), ("[]", "no JSON object")])
def test_report_of_a_folder_without_figures_says_so(wiring, capsys, tmp_path, text, words):
    (tmp_path / "empty").mkdir()
    if text is not None:
        (tmp_path / "empty" / "metrics.json").write_text(text)
    shown = answer(capsys, "report", "empty", code=3)
    assert words in shown.err
    assert "metrics.json" in shown.err


def test_report_asks_the_journal_for_the_latest_or_the_named_run(wiring, capsys):
    shown = answer(capsys, "report").out
    assert "n/a" in shown
    assert "facade-1" in shown
    assert wiring.asked("performance_report")["args"][1] is None
    assert document(capsys, "report", "--run", "r1")["performance"] == {"win_rate": None, "trades": 0}
    assert wiring.calls[-1][1]["args"][1] == "r1"


def test_notes_go_to_stderr(wiring, capsys):
    shown = answer(capsys, "analyze", "TEST", "--bars", "b.csv")
    assert "note: no volatility index was given" in shown.err
    assert "note:" not in shown.out


def test_nothing_is_coloured_when_nobody_looks(wiring, capsys):
    shown = answer(capsys, "demo")
    assert "\x1b" not in shown.out + shown.err


def test_the_decision_is_explained_with_stages_votes_and_the_cap_that_binds(wiring, capsys):
    shown = answer(capsys, "analyze", "TEST", "--bars", "b.csv").out
    for words in (
        "APPROVED", "BUY 42 shares", "three of five bullish", "stand-in: kelly for the policy", "Trend Agent",
        "abstains", "no chain was given", "kelly (binds)", "hard limit", "105.00", "97.50", "61.0%",
        "96.50 to 103.60, 86.0% inside after 5 sessions", "volatility ahead", "19.0%",
    ):  # fmt: skip
        assert words in shown


def test_positioning_is_shown_with_units_band_levels_and_gamma_by_strike(wiring, capsys):
    shown = answer(capsys, "gex", "c.csv").out
    for words in (
        "USD per +1 % of spot", "USD per +1 volatility point", "USD per day", "over all dealer models", "zero gamma",
        "call wall", "put wall", "max pain", "Gamma by strike", "|",
    ):  # fmt: skip
        assert words in shown


def test_gex_shows_expiries_moves_and_gamma_counted_in_other_ways(wiring, capsys):
    shown = answer(capsys, "gex", "c.csv", "--weight", "volume").out
    for words in (
        "gamma, without 0DTE", "gamma, by volume", "gamma, gross", "straddle move", "By expiry (volume)", "2024-07-19",
        "Gamma by strike (volume", "naive version 1",
    ):  # fmt: skip
        assert words in shown


def test_models_that_disagree_are_said_in_a_sentence(wiring, capsys):
    shown = " ".join(answer(capsys, "gex", "c.csv").out.split())
    assert make_positioning().models_agree_on_sign is False
    assert "Dealer models disagree on the sign of net gamma" in shown


def test_gex_since_shows_why_gamma_changed_levels_and_the_largest_changes(wiring, capsys):
    shown = answer(capsys, "gex", "now.csv", "--since", "before.csv").out
    for words in (
        "Since 2024-06-03 18:00 UTC (open interest of 2024-05-31 -> 2024-06-03)", "Why net gamma changed",
        "spot, at the old volatilities", "time passing", "Levels and exposures", "zero gamma",
        "Largest changes of net gamma by strike",
    ):  # fmt: skip
        assert words in shown
    assert "dealer sign" not in shown


def test_whose_signs_are_compared_stands_under_a_band_on_both_sides_of_zero(wiring, capsys):
    shown = answer(capsys, "gex", "c.csv").out
    assert "naive, volume_signed" in shown
    assert "inverted and unsigned bound the assumption: they widen the band and have no say in the last column" in shown


def test_max_pain_of_the_nearest_expiry_stands_beside_that_of_all(wiring, capsys):
    shown = answer(capsys, "gex", "c.csv").out
    assert f"the first alone {make_positioning().max_pain_nearest_expiry:,.2f}" in shown


def test_few_strikes_are_drawn_as_they_are_and_many_in_bins():
    from lightning_gex.app.cli.render_positioning import BAR_ROWS, gamma_picture

    few = replace(
        make_positioning().exposures_by_strike(),
        strike=np.array([60.0, 95.0, 100.0, 105.0]),
        gamma_exposure_usd_per_pct=np.array([9e9, -2e6, 4e6, 2e6]),
    )

    def drawn(exposures) -> list[str]:
        return gamma_picture(exposures, 101.0, "open_interest", ascii_only=True).plain.splitlines()[1:]

    rows = drawn(few)
    assert [row.split()[0] for row in rows] == ["105.00", "100.00", "95.00"]
    assert [row.split()[-2:] for row in rows] == [["+2.00", "m"], ["+4.00", "m"], ["-2.00", "m"]]
    assert [">" in row for row in rows] == [False, True, False]
    close = np.linspace(94.0, 108.0, 2 * BAR_ROWS)
    many = replace(few, strike=close, gamma_exposure_usd_per_pct=close)
    assert len(drawn(many)) == BAR_ROWS


def test_a_structure_of_options_is_shown_with_what_it_can_lose(wiring, capsys):
    legs = (
        OptionLeg(Action.BUY, "TEST", np.datetime64("2024-06-21"), True, 100.0, 2.5),
        OptionLeg(Action.SELL, "TEST", np.datetime64("2024-06-21"), True, 105.0, 0.5),
    )
    refused = {Structure.LONG_CALL: "one risks 250.00 USD, more than the 220.00 at risk"}
    wiring.expression = Expression(
        Structure.BULL_CALL_SPREAD, legs, 1, 100.0, 200.0, 200.0, 300.0, 0.21, float("nan"), "neither", refused
    )
    shown = answer(capsys, "analyze", "TEST", "--bars", "b.csv", "--chain", "c.csv").out
    assert "As options: bull call spread" in shown
    assert "TEST 2024-06-21 105 call" in shown
    assert "can lose 200.00 at most, 200.00 in all; at best it wins 300.00." in shown
    assert "not a long call: one risks 250.00 USD" in shown
    found = document(capsys, "analyze", "TEST", "--bars", "b.csv", "--chain", "c.csv")["expression"]
    assert (found["structure"], found["total_max_loss_usd"], found["forecast_volatility"]) == (
        "bull_call_spread",
        200,
        None,
    )
    assert found["legs"][1] == {
        "action": "SELL", "root": "TEST", "expiry": "2024-06-21", "right": "call", "strike": 105.0, "price": 0.5,
    }  # fmt: skip


def test_the_notes_of_a_chain_are_said_once(wiring, capsys, monkeypatch):
    found = make_positioning()
    notes = (*found.notes, "no rates were given")
    asked = SimpleNamespace(decision=make_decision(), positioning=found, notes=notes, expression=None)
    monkeypatch.setattr(wiring, "_analyze_files", lambda: asked)
    shown = answer(capsys, "analyze", "TEST", "--bars", "b.csv", "--chain", "c.csv")
    both = shown.out + shown.err
    assert found.notes
    assert [both.count(f"note: {note}") for note in asked.notes] == [1] * len(asked.notes)
    assert answer(capsys, "analyze", "TEST", "--bars", "b.csv", "--json").err.count("note: ") == len(asked.notes)


def test_money_is_written_out_and_an_empty_list_says_none(wiring, capsys):
    detail = {"equity": 100_000.0, "price_now": 449.27, "size_pct": 0.1, "tripped": ""}
    stage = StageRecord(StageName.GUARDRAILS, StageVerdict.PASSED, "within every guardrail", detail)
    wiring.decision = replace(make_decision(), stages=(stage,))
    shown = answer(capsys, "analyze", "TEST", "--bars", "b.csv").out
    assert "equity 100,000.00  price_now 449.27  size_pct 0.1  tripped none" in shown


def test_a_figure_that_rounds_to_nothing_is_not_minus_nothing(capsys):
    from lightning_gex.app.cli.console import stdout_console
    from lightning_gex.app.cli.render import percent, show_metrics

    assert percent(-0.0004) == "0.0%"
    show_metrics(
        {"excess_over_all_sessions": -0.039, "excess_over_all_sessions_interval": [-0.159, -0.0004]}, stdout_console()
    )
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("over every session, long")]
    assert row.split()[4:] == ["-3.9", "points", "-15.9", "points", "to", "+0.0", "points"]


def test_progress_goes_through_every_item_and_stays_off_stdout(capsys):
    from lightning_gex.app.cli.console import BarProgress, stderr_console

    assert list(BarProgress(stderr_console())(iter(range(5)), total=5, label="x")) == list(range(5))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, True, "text"])
def test_what_is_no_number_prints_as_not_available(value):
    from lightning_gex.app.cli.render import number, percent

    assert number(value) == percent(value) == "n/a"
