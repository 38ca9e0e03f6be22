from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import polars as pl
import pytest
from evaluation_runs import AGENTS, NAN, abstention, bars, decision, run, vote, wandering_run

from lightning_gex.core.decision import ExpectedRange
from lightning_gex.core.enums import DecisionStatus
from lightning_gex.core.errors import InputError
from lightning_gex.evaluation.metrics import evaluate
from lightning_gex.evaluation.tables import agent_slug, decisions_frame, parquet_bytes, trades_frame

DECISION_COLUMNS = (
    "as_of ticker status direction confidence horizon_days regime size_pct entry_price target_price stop_loss "
    "blocked_by reason range_low range_high range_probability range_horizon_sessions volatility_forecast "
    "volatility_forecast_horizon range_basis range_absence"
)
TRADE_COLUMNS = (
    "ticker decided_at entry_at exit_at direction quantity entry_price exit_price horizon_days confidence costs pnl "
    "exit_reason carried_in"
)


def test_the_columns_are_those_promised_and_each_agent_has_two() -> None:
    made = wandering_run(count=80)
    table = decisions_frame(made)
    agents = [f"{kind}_{agent_slug(a)}" for a in AGENTS for kind in ("vote", "confidence")]
    assert table.columns == DECISION_COLUMNS.split() + agents
    assert trades_frame(made).columns == TRADE_COLUMNS.split()
    assert len(table) == len(made.decisions)
    assert len(trades_frame(made)) == len(made.trades)


def test_moments_are_utc_and_absent_numbers_are_null() -> None:
    mine = bars("AAA", [10.0, 10.0])
    made = [decision("AAA", mine.session[0], DecisionStatus.BLOCKED, entry=NAN, target=NAN, stop=NAN, regime=None)]
    row = decisions_frame(run({"AAA": mine}, made)).row(0, named=True)
    assert row["as_of"].isoformat() == "2014-01-02T21:00:00+00:00"
    assert [row[name] for name in ("entry_price", "target_price", "stop_loss", "size_pct", "regime")] == [None] * 5
    assert row["blocked_by"] == "tactical"
    assert decisions_frame(run({"AAA": mine}, made)).schema["as_of"] == pl.Datetime("us", "UTC")


def test_votes_are_minus_one_zero_one_and_null_where_an_agent_abstained_or_was_not_asked() -> None:
    mine = bars("AAA", [10.0] * 3)
    made = [
        decision("AAA", mine.session[0], votes=(vote("Trend Agent", -1, 0.7), abstention("Options Flow Agent"))),
        decision("AAA", mine.session[1], votes=(vote("Trend Agent", 0, NAN),)),
    ]
    table = decisions_frame(run({"AAA": mine}, made))
    assert table["vote_trend_agent"].to_list() == [-1, 0]
    assert table["confidence_trend_agent"].to_list() == [0.7, None]
    assert table["vote_options_flow_agent"].to_list() == [None, None]


def test_a_run_without_trades_or_decisions_keeps_its_columns() -> None:
    empty = run({"AAA": bars("AAA", [10.0])}, [])
    assert decisions_frame(empty).columns == DECISION_COLUMNS.split()
    assert trades_frame(empty).columns == TRADE_COLUMNS.split()
    assert trades_frame(empty).schema == trades_frame(wandering_run(count=80)).schema


def test_an_expected_range_or_the_reason_that_there_is_none_stands_in_every_row() -> None:
    mine = bars("AAA", [10.0, 11.0])
    ranged = ExpectedRange(9.5, 10.5, NAN, 5, 0.2, 0.25, "by hand")
    made = [
        replace(decision("AAA", mine.session[0]), expected_range=ranged),
        replace(decision("AAA", mine.session[1], status=DecisionStatus.NO_SIGNAL), range_absence="too early"),
    ]
    rows = decisions_frame(run({"AAA": mine}, made)).select(pl.col("^(range|volatility)_.*$")).rows()
    assert rows[0] == (9.5, 10.5, None, 5, 0.2, 0.25, "by hand", None)
    assert rows[1] == (None, None, None, None, None, None, None, "too early")


def test_two_agents_that_would_share_a_column_are_refused() -> None:
    mine = bars("AAA", [10.0])
    made = [decision("AAA", mine.session[0], votes=(vote("Trend Agent", 1), vote("trend-agent", 1)))]
    with pytest.raises(InputError, match="rename the agent"):
        decisions_frame(run({"AAA": mine}, made))


@pytest.mark.parametrize("tickers", [("AAA",), ("AAA", "BBB", "CCC")])
def test_anyone_can_judge_a_run_from_the_tables_and_the_bars_alone(tickers: tuple[str, ...], tmp_path) -> None:
    made = wandering_run(tickers=tickers, count=200)
    decisions_frame(made).write_parquet(tmp_path / "decisions.parquet")
    trades_frame(made).write_parquet(tmp_path / "trades.parquet")
    found = evaluate(made)

    # From here on plain code over plain files: no word of the package.
    right, rises, known = 0, 0, 0
    for row in pl.read_parquet(tmp_path / "decisions.parquet").iter_rows(named=True):
        if row["status"] != "approved":
            continue
        mine = made.bars[row["ticker"]]
        days = [str(day) for day in mine.session]
        entry = days.index(str(row["as_of"].date())) + 1
        leave = entry + row["horizon_days"]
        if leave >= len(days):
            continue
        change = mine.open[leave] - mine.open[entry]
        known += 1
        rises += change > 0
        right += change * row["direction"] > 0
    trades = pl.read_parquet(tmp_path / "trades.parquet")
    won = (trades["pnl"] > 0).mean()
    bp = (trades["pnl"] / (trades["entry_price"] * trades["quantity"])).mean() * 1e4

    assert found.decisions_resolved == known
    assert found.accuracy == pytest.approx(right / known)
    assert found.base_rate == pytest.approx(rises / known)
    assert found.win_rate == pytest.approx(won)
    assert found.expectancy_bp == pytest.approx(bp)


def test_profit_is_prices_times_quantity_less_costs() -> None:
    table = trades_frame(wandering_run(count=150))
    gross = (table["exit_price"] - table["entry_price"]) * table["quantity"] * table["direction"]
    assert np.allclose(gross - table["costs"], table["pnl"], atol=0.01)


@pytest.mark.parametrize("table_of", [decisions_frame, trades_frame])
def test_a_table_reads_back_from_its_parquet_bytes_with_every_type(table_of) -> None:
    for table in (table_of(wandering_run(count=80)), table_of(run({"AAA": bars("AAA", [10.0])}, []))):
        again = pl.read_parquet(BytesIO(parquet_bytes(table)))
        assert again.schema == table.schema
        assert again.equals(table)
        assert parquet_bytes(table) == parquet_bytes(table)
