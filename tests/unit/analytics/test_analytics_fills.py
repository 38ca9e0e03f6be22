"""Fills, costs and what became of a signal."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.fills import (
    BracketExit,
    Resolution,
    bracket_exit,
    net_return,
    resolve_signal,
    resolve_signals,
    trade_costs_usd,
)
from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import Direction, ExitReason
from lightning_gex.core.errors import InputError

UP, DOWN, NEUTRAL = Direction.BULLISH, Direction.BEARISH, Direction.NEUTRAL
STOP, TARGET, TIME = ExitReason.STOP_LOSS, ExitReason.TAKE_PROFIT, ExitReason.TIME_EXIT
NAN = math.nan


def bars_of(rows: list[tuple[float, float, float, float]]) -> Bars:
    open_, high, low, close = np.array(rows, dtype=np.float64).T
    session = np.datetime64("2020-01-01") + np.arange(len(rows))
    return Bars("TEST", session, open_, high, low, close, np.full(len(rows), np.nan))


@pytest.mark.parametrize(
    ("bar", "direction", "target", "stop", "expected"),
    [
        pytest.param((100, 101, 99, 100), UP, 105, 95, None, id="a bar inside the bracket closes nothing"),
        pytest.param((100, 101, 94, 100), UP, 105, 95, (95, STOP), id="a stop inside the bar fills at the stop"),
        pytest.param((90, 97, 89, 96), UP, 105, 95, (90, STOP), id="a stop through a gap fills at the open"),
        pytest.param((100, 106, 99, 100), UP, 105, 95, (105, TARGET), id="a target inside the bar fills at the target"),
        pytest.param((108, 109, 107, 108), UP, 105, 95, (108, TARGET), id="a target through a gap fills at the open"),
        pytest.param((100, 106, 94, 104), UP, 105, 95, (95, STOP), id="a bar that holds both filled the stop"),
        pytest.param((108, 109, 94, 95), UP, 105, 95, (108, TARGET), id="the open comes before the rest of the bar"),
        pytest.param((100, 105, 99, 100), UP, 105, 95, (105, TARGET), id="touching is reaching"),
        pytest.param((100, 106, 99, 100), DOWN, 95, 105, (105, STOP), id="a short is stopped above"),
        pytest.param((107, 108, 100, 101), DOWN, 95, 105, (107, STOP), id="a short's stop gaps to the open"),
        pytest.param((100, 101, 94, 96), DOWN, 95, 105, (95, TARGET), id="a short gains below"),
        pytest.param((93, 96, 92, 95), DOWN, 95, 105, (93, TARGET), id="a short's target gaps to the open"),
        pytest.param((100, 110, 90, 100), UP, NAN, NAN, None, id="a bracket that is not set is never touched"),
        pytest.param((100, 110, 90, 100), NEUTRAL, 105, 95, None, id="neutral has nothing to close"),
    ],
)
def test_a_bracket_takes_the_worse_reading_of_a_bar(bar, direction, target, stop, expected):
    found = bracket_exit(*bar, direction, target, stop)
    assert found == (None if expected is None else BracketExit(*expected))


@pytest.mark.parametrize(
    ("bar", "direction", "target", "stop", "expected"),
    [
        pytest.param((100, 101, 94, 100), UP, 105, 95, (95, STOP), id="recovered: the stop"),
        pytest.param((100, 101, 90, 91), UP, 105, 95, (91, STOP), id="fell on: the close, the stop may have gapped"),
        pytest.param((90, 101, 89, 100), UP, 105, 95, (95, STOP), id="the printed open is not believed"),
        pytest.param((100, 106, 99, 104), UP, 105, 95, (105, TARGET), id="a limit fills at its price"),
        pytest.param((108, 109, 107, 108), UP, 105, 95, (107, TARGET), id="a bar beyond the limit traded at its edge"),
        pytest.param((100, 112, 99, 111), DOWN, 95, 105, (111, STOP), id="a short loses the worse of stop and close"),
        pytest.param((93, 94, 92, 93), DOWN, 95, 105, (94, TARGET), id="a short's bar beyond the limit"),
    ],
)
def test_where_the_open_is_stale_a_stop_fills_at_the_worse_of_itself_and_the_close(
    bar, direction, target, stop, expected
):
    assert bracket_exit(*bar, direction, target, stop, fill_at_close=True) == BracketExit(*expected)


def test_a_bar_whose_close_was_the_entry_can_touch_nothing():
    assert bracket_exit(100, 120, 80, 100, UP, 105, 95, entered_at_close_of_this_bar=True) is None


def test_costs_are_a_fee_on_the_absolute_notional_of_each_side():
    assert trade_costs_usd(-10_000.0, 5.0) == pytest.approx(5.0)
    np.testing.assert_allclose(trade_costs_usd(np.array([10_000.0, -4_000.0]), 2.0), [2.0, 0.8])
    # 100 -> 110 with 10 bp a side: 10 % less 10 bp of 100 and 10 bp of 110.
    assert net_return(100.0, 110.0, UP, 10.0) == pytest.approx(0.1 - 0.001 - 0.0011)
    assert net_return(100.0, 110.0, DOWN, 10.0) == pytest.approx(-0.1 - 0.001 - 0.0011)


@pytest.mark.parametrize("cost", [-1.0, math.nan, math.inf])
def test_a_cost_that_is_none_is_refused(cost):
    with pytest.raises(InputError, match="cost_bp_per_side"):
        trade_costs_usd(1_000.0, cost)


def resolve_on(bars: Bars, *, fill_at_close: bool, **signal) -> Resolution | None:
    return resolve_signal(
        bars.open, bars.high, bars.low, bars.close, fill_at_close=fill_at_close, cost_bp_per_side=0.0, **signal
    )


def test_a_signal_enters_at_the_next_open_and_leaves_at_the_open_after_its_horizon():
    bars = bars_of([(100, 101, 99, 100), (101, 102, 100, 101.5), (102, 103, 101, 102), (104, 200, 50, 100)])
    found = resolve_on(bars, fill_at_close=False, direction=1, target_price=150, stop_price=80, horizon_sessions=2)
    assert found == Resolution(1, 3, 101.0, 104.0, pytest.approx(104 / 101 - 1), TIME)


def test_a_signal_of_an_index_enters_at_the_next_close_and_leaves_at_the_close_after_its_horizon():
    bars = bars_of([(100, 101, 99, 100), (101, 200, 50, 101.5), (102, 103, 101, 102), (104, 105, 90, 100)])
    found = resolve_on(bars, fill_at_close=True, direction=1, target_price=150, stop_price=80, horizon_sessions=2)
    assert found == Resolution(1, 3, 101.5, 100.0, pytest.approx(100 / 101.5 - 1), TIME)


@pytest.mark.parametrize("fill_at_close", [False, True])
def test_an_entry_beyond_its_own_bracket_costs_its_fees_and_nothing_else(fill_at_close):
    bars = bars_of([(100, 101, 99, 100), (90, 91, 89, 90), (95, 120, 94, 118)])
    found = resolve_signal(
        bars.open, bars.high, bars.low, bars.close,
        direction=1, target_price=110, stop_price=95, horizon_sessions=1,
        fill_at_close=fill_at_close, cost_bp_per_side=5.0,
    )  # fmt: skip
    assert found == Resolution(1, 1, 90.0, 90.0, pytest.approx(-0.001), STOP)


def test_without_a_later_bar_nothing_is_known():
    bars = bars_of([(100, 101, 99, 100), (100, 101, 99, 100)])
    last = resolve_signals(bars, [1, 0], [1, 1], [NAN] * 2, [NAN] * 2, [3, 3], fill_at_close=False, cost_bp_per_side=0)
    assert last.at(0) is None
    assert last.at(1) is None
    assert last.entry_row.tolist() == [-1, 1]
    assert not last.resolved.any()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"row": [9]}, "row"),
        ({"row": [-1]}, "row"),
        ({"direction": [2]}, "direction"),
        ({"horizon_sessions": [0]}, "horizon_sessions"),
        ({"target_price": [1.0, 2.0]}, "signals"),
    ],
)
def test_a_signal_without_meaning_is_refused_by_field(change, field):
    bars = bars_of([(100, 101, 99, 100)] * 4)
    signal = {
        "row": [0], "direction": [1], "target_price": [110.0], "stop_price": [90.0], "horizon_sessions": [1]
    } | change  # fmt: skip
    with pytest.raises(InputError) as refused:
        resolve_signals(bars, **signal, fill_at_close=False, cost_bp_per_side=1.0)
    assert refused.value.field == field


def reference(bars: Bars, row: int, sign: int, target: float, stop: float, horizon: int, at_close: bool, bp: float):
    """The rules in words, one bar after the other, sharing no line with the kernel: (exit row, price, net return)."""
    if sign == 0 or row + 1 >= len(bars):
        return None
    entry_row, prices = row + 1, bars.close if at_close else bars.open
    entry = prices[entry_row]

    def beyond(price: float) -> bool:
        return sign * price <= sign * stop or sign * price >= sign * target

    def done(i: int, price: float):
        return i, price, sign * (price - entry) / entry - bp / 1e4 * (entry + price) / entry

    if beyond(entry):
        return done(entry_row, entry)
    for i in range(entry_row, len(bars)):
        worst, best = (bars.low[i], bars.high[i]) if sign > 0 else (bars.high[i], bars.low[i])
        held_through = i > entry_row or not at_close
        if i == entry_row + horizon and not at_close:
            return done(i, bars.open[i])
        if held_through and not at_close and beyond(bars.open[i]):
            return done(i, bars.open[i])
        if held_through and sign * worst <= sign * stop:
            return done(i, sign * min(sign * stop, sign * bars.close[i]) if at_close else stop)
        if held_through and sign * best >= sign * target:
            return done(i, sign * max(sign * target, sign * worst) if at_close else target)
        if i == entry_row + horizon:
            return done(i, bars.close[i])
    return None


@st.composite
def histories(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(2, 40))
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.03, count)))
    open_ = np.r_[100, close[:-1]] * np.exp(rng.normal(0, 0.02, count))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.01, count)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.01, count)))
    bars = bars_of(list(zip(open_, high, low, close, strict=True)))
    k = draw(st.integers(1, 20))
    row = rng.integers(0, count, k)
    sign = rng.integers(-1, 2, k)
    target = bars.close[row] * (1 + sign * rng.uniform(0.005, 0.1, k))
    stop = bars.close[row] * (1 - sign * rng.uniform(0.005, 0.1, k))
    target[rng.random(k) < 0.1] = np.nan
    stop[rng.random(k) < 0.1] = np.nan
    return bars, (row, sign, target, stop, rng.integers(1, 12, k))


@given(histories(), st.booleans())
def test_the_kernel_does_what_a_plain_loop_does(history, at_close):
    bars, signals = history
    found = resolve_signals(bars, *signals, fill_at_close=at_close, cost_bp_per_side=5.0)
    for k, signal in enumerate(zip(*signals, strict=True)):
        expected = reference(bars, *signal, at_close, 5.0)
        mine = found.at(k)
        if expected is None:
            assert mine is None
            assert np.isnan(found.net_return[k])
        else:
            assert (mine.exit_row, mine.exit_price) == (expected[0], pytest.approx(expected[1], rel=1e-14))
            assert mine.net_return == pytest.approx(expected[2], abs=1e-13)


@given(histories(), st.booleans())
def test_a_fill_price_was_traded_in_the_bar_it_is_given_for(history, at_close):
    bars, signals = history
    found = resolve_signals(bars, *signals, fill_at_close=at_close, cost_bp_per_side=0.0)
    rows, prices = found.exit_row[found.resolved], found.exit_price[found.resolved]
    assert (prices >= bars.low[rows]).all()
    assert (prices <= bars.high[rows]).all()


@given(histories(), st.booleans(), st.data())
def test_the_future_changes_no_known_outcome_and_neighbours_change_none(history, at_close, data):
    bars, (row, *rest) = history
    whole = resolve_signals(bars, row, *rest, fill_at_close=at_close, cost_bp_per_side=5.0)
    kept = data.draw(st.integers(1, len(bars)))
    visible = row < kept
    part = resolve_signals(
        bars.first(kept), row[visible], *(r[visible] for r in rest), fill_at_close=at_close, cost_bp_per_side=5.0
    )
    known = (whole.exit_row[visible] >= 0) & (whole.exit_row[visible] < kept)
    np.testing.assert_array_equal(part.resolved, known)
    np.testing.assert_array_equal(part.net_return[known], whole.net_return[visible][known])
    alone = resolve_signal(
        bars.open, bars.high, bars.low, bars.close, signal_row=row[-1], direction=rest[0][-1], target_price=rest[1][-1],
        stop_price=rest[2][-1], horizon_sessions=rest[3][-1], fill_at_close=at_close, cost_bp_per_side=5.0,
    )  # fmt: skip
    assert alone == whole.at(-1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"signal_row": 4}, "row"),
        ({"signal_row": -1}, "row"),
        ({"direction": -2}, "direction"),
        ({"horizon_sessions": 0}, "horizon_sessions"),
    ],
)
def test_a_single_signal_without_meaning_is_refused_by_field_too(change, field):
    signal = {
        "signal_row": 0,
        "direction": 1,
        "target_price": 110.0,
        "stop_price": 90.0,
        "horizon_sessions": 1,
    } | change
    with pytest.raises(InputError) as refused:
        resolve_on(bars_of([(100, 101, 99, 100)] * 4), fill_at_close=False, **signal)
    assert refused.value.field == field
