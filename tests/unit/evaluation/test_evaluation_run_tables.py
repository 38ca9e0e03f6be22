"""Whoever has the tables of a report, and nothing else, works out its figures."""

from __future__ import annotations

import math
from functools import cache
from io import BytesIO

import numpy as np
import polars as pl
import pytest
from evaluation_runs import run, wandering_run

from lightning_gex.core.units import SESSIONS_PER_YEAR
from lightning_gex.evaluation.metrics import evaluate
from lightning_gex.evaluation.run_tables import figures_frame, grouped_frame, records_frame, run_tables
from lightning_gex.evaluation.tables import parquet_bytes


@cache
def made():
    found = wandering_run(tickers=("AAA", "BBB"), count=220)
    return found, evaluate(found)


@cache
def tables() -> dict[str, pl.DataFrame]:
    """As they come back from their Parquet files."""
    return {name: pl.read_parquet(BytesIO(parquet_bytes(table))) for name, table in run_tables(*made()).items()}


def test_growth_drawdown_and_sharpe_follow_from_the_equity_alone():
    run_, metrics = made()
    table = tables()["equity"]
    equity = np.r_[run_.initial_capital, table["equity_usd"].to_numpy()]
    assert equity[-1] / equity[0] - 1.0 == pytest.approx(metrics.total_return)
    assert (1.0 - equity / np.maximum.accumulate(equity)).max() == pytest.approx(metrics.max_drawdown)
    assert table["drawdown"].max() == pytest.approx(metrics.max_drawdown)
    free = table["bill_rate"].to_numpy()[:-1] / SESSIONS_PER_YEAR
    excess = equity[2:] / equity[1:-1] - 1.0 - free
    assert excess.mean() / excess.std(ddof=1) * math.sqrt(SESSIONS_PER_YEAR) == pytest.approx(metrics.sharpe, rel=1e-6)
    held = table["buy_and_hold_usd"].to_numpy()
    assert held[-1] / run_.initial_capital - 1.0 == pytest.approx(metrics.buy_and_hold.total_return)


def test_accuracy_base_rate_and_brier_follow_from_the_calls_alone():
    _, metrics = made()
    calls = tables()["calls"].drop_nulls("share_return")
    assert calls.height == metrics.decisions_resolved
    assert calls["hit"].mean() == pytest.approx(metrics.accuracy)
    assert (calls["share_return"] > 0).mean() == pytest.approx(metrics.base_rate)
    assert ((calls["confidence"] - calls["hit"].cast(pl.Float64)) ** 2).mean() == pytest.approx(metrics.brier)
    assert (calls["hit"] == (calls["share_return"].sign() == calls["direction"])).all()


def test_win_rate_expectancy_and_costs_follow_from_the_trades_alone():
    _, metrics = made()
    trades = tables()["trades"]
    assert (trades["pnl"] > 0).mean() == pytest.approx(metrics.win_rate)
    bp = 1e4 * trades["pnl"] / (trades["entry_price"] * trades["quantity"])
    assert bp.mean() == pytest.approx(metrics.expectancy_bp, rel=1e-6)
    assert trades["costs"].sum() == pytest.approx(metrics.costs_usd)


def test_every_figure_stands_beside_its_interval():
    _, metrics = made()
    figures = {row["figure"]: row for row in tables()["figures"].iter_rows(named=True)}
    for name in ("accuracy", "win_rate", "expectancy_bp", "cagr", "max_drawdown"):
        ends = getattr(metrics, name.replace("expectancy_bp", "expectancy_interval_bp")
                       if name == "expectancy_bp" else f"{name}_interval")  # fmt: skip
        assert (figures[name]["low"], figures[name]["high"]) == pytest.approx(ends)
    assert figures["trades"]["value"] == metrics.trades
    assert not any(name.endswith("_interval") for name in figures)


def test_groups_have_a_row_each_with_their_intervals_in_two_columns():
    _, metrics = made()
    table = tables()["by_agent"]
    assert table["agent"].to_list() == list(metrics.by_agent)
    agent = next(iter(metrics.by_agent))
    row = table.row(by_predicate=pl.col("agent") == agent, named=True)
    assert row["hit_rate"] == pytest.approx(metrics.by_agent[agent].hit_rate)
    assert (row["interval_low"], row["interval_high"]) == pytest.approx(metrics.by_agent[agent].interval)


def test_a_run_without_a_decision_has_empty_tables_and_no_groups():
    idle = run({"AAA": made()[0].bars["AAA"]}, [])
    found = run_tables(idle, evaluate(idle))
    assert found["calls"].height == found["trades"].height == found["decisions"].height == 0
    assert found["equity"].height == len(idle.sessions)


def test_whole_numbers_truths_and_texts_keep_their_kind_and_gaps_are_null():
    table = records_frame([{"n": 1, "x": 0.5, "ok": True}, {"n": 2, "x": 1, "said": "yes"}])
    assert table.schema == {"n": pl.Int64(), "x": pl.Float64(), "ok": pl.Boolean(), "said": pl.String()}
    assert table.rows() == [(1, 0.5, True, None), (2, 1.0, None, "yes")]


def test_nested_figures_are_named_by_their_path():
    table = grouped_frame({"one": {"gain": {"return": 0.1, "interval": [None, 0.2]}}}, "run")
    assert table.columns == ["run", "gain_return", "gain_interval_low", "gain_interval_high"]
    assert table.rows() == [("one", 0.1, None, 0.2)]


def test_a_figure_that_does_not_exist_is_null_and_not_left_out():
    table = figures_frame({"accuracy": None, "accuracy_interval": [None, None], "notes": ["a"], "start": "2014-01-02"})
    assert table.rows() == [("accuracy", None, None, None)]
