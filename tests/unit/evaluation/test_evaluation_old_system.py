"""The trades of an old system are accounted to the cent on the new system's own bars, sessions and costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_runs import CAPITAL, bars, wandering_run
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_gex.core.enums import ExitReason, FillPrice
from lightning_gex.core.errors import InputError
from lightning_gex.core.old_trades import OldTrades
from lightning_gex.evaluation.metrics import evaluate
from lightning_gex.evaluation.old_system import Ground, old_system_run

NAT, NAN = np.datetime64("NaT"), np.nan
OPEN = np.array([100.0, 101.0, 102.0, 103.0, 104.0, 105.0])
AAA = bars("AAA", OPEN + 0.5, OPEN)
DAYS = AAA.session


def trades(*rows) -> OldTrades:
    """Rows of ticker, entry, exit, direction, quantity, size, entry price, exit price."""
    ticker, entry, leave, way, quantity, size, bought, sold = zip(*rows, strict=True)
    return OldTrades(
        ticker,
        np.array(entry, dtype="datetime64[D]"),
        np.array(leave, dtype="datetime64[D]"),
        np.array(way, dtype=np.int8),
        np.array(quantity, dtype=np.int64),
        np.array(size, dtype=np.float64),
        np.array(bought, dtype=np.float64),
        np.array(sold, dtype=np.float64),
        np.arange(2, 2 + len(rows)),
        "old.csv",
    )


def ground(**changes) -> Ground:
    whole = Ground({"AAA": AAA}, DAYS, CAPITAL, {"AAA": FillPrice.OPEN}, {"AAA": 10.0})
    return replace(whole, **changes)


def test_a_long_trade_pays_both_sides_and_earns_from_open_to_open():
    found = old_system_run(trades(("AAA", DAYS[1], DAYS[4], 1, 100, NAN, NAN, NAN)), ground())
    bought, sold, fees = 101.0 * 100, 104.0 * 100, 0.001 * 100 * (101.0 + 104.0)
    assert found.equity[0] == CAPITAL
    assert found.equity[1] == pytest.approx(CAPITAL - 0.001 * bought + 0.5 * 100)  # marked at the close
    assert found.exposure.tolist() == pytest.approx([0, 10_150, 10_250, 10_350, 0, 0])
    assert found.equity[-1] == pytest.approx(CAPITAL + sold - bought - fees)
    (closed,) = found.trades
    assert float(closed.pnl) == pytest.approx(sold - bought - fees)
    assert float(closed.costs) == pytest.approx(fees)
    (made,) = found.decisions
    assert str(made.as_of)[:10] == str(DAYS[0])  # decided after the close before
    assert made.time_horizon_days == 3


def test_a_short_trade_with_prices_of_its_own_earns_when_they_fall():
    found = old_system_run(trades(("AAA", DAYS[1], DAYS[2], -1, 10, NAN, 101.4, 101.9)), ground())
    assert found.equity[-1] == pytest.approx(CAPITAL - 10 * 0.5 - 0.001 * 10 * (101.4 + 101.9))


def test_a_fraction_of_equity_buys_whole_shares_of_the_equity_before():
    found = old_system_run(trades(("AAA", DAYS[1], DAYS[2], 1, 0, 0.10, NAN, NAN)), ground())
    assert found.trades[0].quantity == int(0.10 * CAPITAL / 101.0)


def test_what_is_open_at_the_end_is_closed_at_the_last_close():
    found = old_system_run(trades(("AAA", DAYS[4], NAT, 1, 10, NAN, NAN, NAN)), ground())
    assert found.trades[0].exit_reason is ExitReason.END_OF_DATA
    assert float(found.trades[0].exit_price) == 105.5


def test_cash_earns_the_bill_rate_by_calendar_days():
    rates = np.full(len(DAYS), 0.0365)
    found = old_system_run(trades(("AAA", DAYS[5], NAT, 1, 1, NAN, NAN, NAN)), ground(bill_rate=rates))
    days = (DAYS[1] - DAYS[0]).astype(int)
    assert found.equity[1] == pytest.approx(CAPITAL * (1 + 0.0001 * days))


def test_borrowed_cash_is_noted():
    found = old_system_run(trades(("AAA", DAYS[1], DAYS[4], 1, 2_000, NAN, NAN, NAN)), ground())
    assert any("borrowed" in note for note in found.notes)


def test_trades_outside_the_sessions_or_in_other_tickers_are_left_out_and_counted():
    late = ("AAA", DAYS[-1] + 30, NAT, 1, 1, NAN, NAN, NAN)
    other = ("BBB", DAYS[1], DAYS[2], 1, 1, NAN, NAN, NAN)
    found = old_system_run(trades(("AAA", DAYS[1], DAYS[2], 1, 1, NAN, NAN, NAN), late, other), ground())
    assert len(found.trades) == 1
    assert any("1 trades of old.csv are in tickers that are not compared (BBB)" in note for note in found.notes)
    assert any("outside" in note for note in found.notes)


def test_a_price_that_its_bar_does_not_hold_is_refused_with_line_and_field():
    with pytest.raises(InputError, match="adjust prices and bars") as refused:
        old_system_run(trades(("AAA", DAYS[1], DAYS[2], 1, 1, NAN, 50.5, NAN)), ground())
    assert (refused.value.row, refused.value.field) == (2, "entry_price")


def test_a_date_without_a_bar_is_refused():
    with pytest.raises(InputError, match="no bar on") as refused:
        old_system_run(trades(("AAA", np.datetime64("2014-01-04"), DAYS[5], 1, 1, NAN, NAN, NAN)), ground())
    assert refused.value.field == "entry_date"


def test_a_file_without_a_trade_to_compare_is_refused():
    with pytest.raises(InputError, match="nothing to compare"):
        old_system_run(trades(("BBB", DAYS[1], DAYS[2], 1, 1, NAN, NAN, NAN)), ground())


def test_the_runs_own_trades_as_an_old_system_end_at_the_runs_own_money():
    made = replace(wandering_run(count=200), bill_rate=None)
    rows = [
        (t.ticker, np.datetime64(f"{t.entry_at:%Y-%m-%d}"), np.datetime64(f"{t.exit_at:%Y-%m-%d}"), int(t.direction),
         t.quantity, NAN, NAN, NAN)
        for t in made.trades
    ]  # fmt: skip
    found = old_system_run(trades(*rows), Ground.of(made))
    assert found.equity[-1] == pytest.approx(made.equity[-1], abs=1.0)  # cents of rounding a trade
    assert len(found.trades) == len(made.trades)


def test_it_is_judged_like_any_other_run():
    found = old_system_run(trades(*[("AAA", DAYS[k], DAYS[k + 2], 1, 10, NAN, NAN, NAN) for k in (1, 2, 3)]), ground())
    metrics = evaluate(found)
    assert metrics.trades == 3
    assert metrics.accuracy == 1.0
    assert np.isnan(metrics.brier)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 4), st.sampled_from([-1, 1]), st.integers(1, 500)),
        min_size=1,
        max_size=6,
    )
)
def test_equity_is_the_capital_and_every_trades_profit(found):
    rows = [("AAA", DAYS[a], DAYS[min(a + b, 5)], way, n, NAN, NAN, NAN) for a, b, way, n in found]
    run = old_system_run(trades(*rows), ground())
    assert run.equity[-1] == pytest.approx(CAPITAL + sum(float(t.pnl) for t in run.trades), abs=0.01 * len(rows))
    assert run.exposure[-1] == 0.0
