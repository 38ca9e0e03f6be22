"""How remembered signals did, by group."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.kelly import wilson_interval
from lightning_gex.core.enums import Direction, MarketRegime
from lightning_gex.core.patterns import AgentCall, Outcome, Pattern
from lightning_gex.memory.performance import (
    PerformanceGroup,
    PerformanceRow,
    confidence_label,
    performance,
    timeframe_label,
)

START = datetime(2020, 1, 2, 21, tzinfo=UTC)
DAY = timedelta(days=1)


def a_signal(
    i: int, ticker: str, horizon: int, confidence: float, net_return: float | None, known_after: int = 5
) -> Pattern:
    as_of = START + i * DAY
    outcome = None if net_return is None else Outcome(net_return, net_return > 0, as_of + known_after * DAY)
    return Pattern(
        f"p{i}",
        ticker,
        as_of,
        (0.0,),
        Direction.BULLISH,
        confidence,
        horizon,
        100.0,
        105.0,
        97.0,
        MarketRegime.LOW_VOLATILITY,
        outcome,
    )


def row(rows: tuple[PerformanceRow, ...], group: PerformanceGroup, label: str) -> PerformanceRow:
    return next(r for r in rows if r.group is group and r.label == label)


SIGNALS = [
    a_signal(0, "SPY", 5, 0.62, 0.02),
    a_signal(1, "SPY", 5, 0.64, -0.01),
    a_signal(2, "SPY", 10, 0.58, 0.03),
    a_signal(3, "AAPL", 10, 0.62, None),
    a_signal(4, "AAPL", 21, 0.91, -0.04),
]


def test_the_groups_count_what_they_hold() -> None:
    rows = performance(SIGNALS)
    everything = row(rows, PerformanceGroup.ALL, "all")
    assert (everything.signals, everything.resolved, everything.win_rate) == (5, 4, 0.5)
    assert everything.mean_net_return == pytest.approx(0.0)
    spy = row(rows, PerformanceGroup.TICKER, "SPY")
    assert (spy.signals, spy.resolved) == (3, 3)
    assert spy.win_rate == pytest.approx(2 / 3)
    assert spy.mean_confidence == pytest.approx((0.62 + 0.64 + 0.58) / 3)
    ten = row(rows, PerformanceGroup.TIMEFRAME, "6-10 sessions")
    assert (ten.signals, ten.resolved, ten.win_rate) == (2, 1, 1.0)
    sixty = row(rows, PerformanceGroup.CONFIDENCE, "0.60-0.65")
    assert (sixty.signals, sixty.resolved, sixty.win_rate) == (3, 2, 0.5)


def test_a_group_without_an_outcome_has_no_rate_rather_than_zero() -> None:
    rows = performance(SIGNALS)
    for empty in (
        row(rows, PerformanceGroup.TIMEFRAME, "over 21 sessions"),
        row(rows, PerformanceGroup.CONFIDENCE, "0.65-0.70"),
    ):
        assert empty.signals == empty.resolved == 0
        for number in (empty.win_rate, empty.win_rate_low, empty.win_rate_high, empty.mean_net_return):
            assert math.isnan(number)


def test_nothing_remembered_is_still_a_table() -> None:
    rows = performance([])
    assert rows[0].group is PerformanceGroup.ALL
    assert math.isnan(rows[0].win_rate)
    assert not any(r.group is PerformanceGroup.TICKER for r in rows)


def test_the_table_of_an_earlier_moment_knows_only_what_was_known() -> None:
    rows = performance(SIGNALS, as_of=START + 6 * DAY)  # p0 and p1 are resolved by then, p2 a day later
    everything = row(rows, PerformanceGroup.ALL, "all")
    assert (everything.signals, everything.resolved, everything.win_rate) == (5, 2, 0.5)
    assert performance(SIGNALS, as_of=START - DAY)[0].signals == 0


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 60), st.floats(0, 1), st.booleans()), max_size=30))
def test_every_grouping_holds_every_signal_once(drawn: list[tuple[str, int, float, bool]]) -> None:
    signals = [a_signal(i, t, h, c, 0.01 if won else None) for i, (t, h, c, won) in enumerate(drawn)]
    rows = performance(signals)
    for group in set(PerformanceGroup) - {PerformanceGroup.AGENT}:
        assert sum(r.signals for r in rows if r.group is group) == len(signals)
        assert sum(r.resolved for r in rows if r.group is group) == sum(won for *_, won in drawn)


def test_a_signal_without_a_confidence_is_counted_under_its_own_label() -> None:
    rows = performance([a_signal(0, "SPY", 5, math.nan, 0.01)])
    assert row(rows, PerformanceGroup.CONFIDENCE, "n/a").signals == 1


@pytest.mark.parametrize(
    ("horizon", "label"),
    [(1, "1-2 sessions"), (3, "3-5 sessions"), (5, "3-5 sessions"), (21, "11-21 sessions"), (22, "over 21 sessions")],
)
def test_a_horizon_belongs_to_one_timeframe(horizon: int, label: str) -> None:
    assert timeframe_label(horizon) == label


@pytest.mark.parametrize(
    ("confidence", "label"), [(0.49, "below 0.50"), (0.5, "0.50-0.55"), (0.8, "0.80-1.00"), (1.0, "0.80-1.00")]
)
def test_a_confidence_level_holds_its_lower_end(confidence: float, label: str) -> None:
    assert confidence_label(confidence) == label


def a_call(agent: str, direction: Direction, up: float) -> AgentCall:
    return AgentCall(agent, direction, up)


def test_an_agent_is_held_to_its_own_side_whatever_the_signal_was() -> None:
    rose = dataclasses.replace(
        a_signal(0, "SPY", 5, 0.6, -0.01),
        calls=(
            a_call("Trend", Direction.BULLISH, 0.7),
            a_call("Reversal", Direction.BEARISH, 0.4),
            a_call("Breakout", Direction.NEUTRAL, math.nan),
        ),
    )
    assert rose.outcome is not None
    right = dataclasses.replace(rose.outcome, horizon_return=0.02)  # stopped out, though the price then rose
    rows = performance([dataclasses.replace(rose, outcome=right)])
    trend, reversal = (row(rows, PerformanceGroup.AGENT, name) for name in ("Trend", "Reversal"))
    assert (trend.hit_rate, trend.win_rate, trend.mean_confidence) == (1.0, 0.0, 0.7)
    assert (reversal.hit_rate, reversal.mean_confidence) == (0.0, 0.6)
    assert math.isnan(reversal.win_rate)
    assert not any(r.label == "Breakout" for r in rows)


def test_intervals_rest_on_windows_that_do_not_overlap() -> None:
    overlapping = [a_signal(i, "SPY", 5, 0.6, 0.01, known_after=10) for i in range(10)]
    everything = performance(overlapping)[0]
    assert (everything.resolved, everything.windows) == (10, 1)
    assert (everything.win_rate_low, everything.win_rate_high) == pytest.approx(wilson_interval(1, 1))
    apart = performance([a_signal(10 * i, "SPY", 5, 0.6, 0.01, known_after=10) for i in range(10)])[0]
    assert apart.windows == 10
    assert apart.win_rate_low > everything.win_rate_low


def test_signals_are_grouped_by_regime_strategy_and_whether_they_were_traded() -> None:
    traded = dataclasses.replace(a_signal(0, "SPY", 5, 0.6, 0.01), strategy="momentum", taken=True)
    left = dataclasses.replace(a_signal(1, "SPY", 5, 0.6, 0.01), regime=None, taken=False)
    rows = performance([traded, left, a_signal(2, "SPY", 5, 0.6, None)])
    for group, label, signals in (
        (PerformanceGroup.REGIME, "low_volatility", 2),
        (PerformanceGroup.REGIME, "no regime", 1),
        (PerformanceGroup.REGIME, "crisis", 0),
        (PerformanceGroup.STRATEGY, "momentum", 1),
        (PerformanceGroup.TAKEN, "traded", 1),
        (PerformanceGroup.TAKEN, "not traded", 1),
        (PerformanceGroup.TAKEN, "not recorded", 1),
    ):
        assert row(rows, group, label).signals == signals
