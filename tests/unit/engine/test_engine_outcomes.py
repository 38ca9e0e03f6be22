"""What became of a signal is told once the bars tell it, and not a session earlier."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders_engine import SESSIONS, bars_of
from builders_events import pattern
from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import Direction, FillPrice
from lightning_gex.core.patterns import Pattern
from lightning_gex.core.sessions import close_of
from lightning_gex.engine.feed import TickerView
from lightning_gex.engine.outcomes import Following, known_outcomes


def signal(row: int = 1, *, direction: Direction = Direction.BULLISH, horizon: int = 3, name: str = "p") -> Pattern:
    sign = int(direction)
    return replace(
        pattern(name, ticker="AAA", direction=direction),
        as_of=close_of(SESSIONS[row]),
        horizon_sessions=horizon,
        target_price=100.0 + 10 * sign,
        stop_price=100.0 - 5 * sign,
    )


def known(bars: Bars, row: int, *patterns: Pattern, fill_price: FillPrice = FillPrice.OPEN, cost: float = 0.0):
    view = TickerView(bars, row, None, fill_price)  # type: ignore[arg-type]
    return list(known_outcomes(patterns, view, cost_bp_per_side=cost, known_at=close_of(bars.session[row])))


@pytest.mark.parametrize(
    ("fill_price", "expected"),
    # signal at the close of row 1; entry in row 2, time exit in row 5
    [(FillPrice.OPEN, 104.0 / 100.0 - 1), (FillPrice.CLOSE, 105.0 / 101.0 - 1)],
)
def test_a_signal_is_followed_from_the_next_session_to_its_horizon(fill_price, expected):
    bars = bars_of("AAA", [100, 100, 101, 103, 104, 105, 90])
    for row in range(1, 5):
        assert known(bars, row, signal(), fill_price=fill_price) == []
    ((found, outcome),) = known(bars, 5, signal(), fill_price=fill_price)
    assert found == signal()
    assert outcome.net_return == pytest.approx(expected)
    assert outcome.won is True
    assert outcome.known_at == close_of(SESSIONS[5])


def test_a_stopped_signal_is_told_when_its_horizon_has_passed_with_what_the_share_did_by_then():
    bars = bars_of("AAA", [100, 100, 100, 100, 103, 104], lows={3: 94.0})
    for row in (2, 3, 4):
        assert known(bars, row, signal()) == []
    ((_, outcome),) = known(bars, 5, signal())
    assert outcome.net_return == pytest.approx(-0.05)  # stopped out in row 3
    assert outcome.won is False
    assert outcome.horizon_return == pytest.approx(0.03)  # from the open of row 2 to the open of row 5
    assert outcome.right is True


def test_a_bearish_signal_was_right_where_the_share_fell_over_its_horizon():
    bars = bars_of("AAA", [100, 100, 100, 100, 98, 97])
    ((_, closes),) = known(bars, 5, signal(direction=Direction.BEARISH), fill_price=FillPrice.CLOSE)
    assert closes.horizon_return == pytest.approx(0.03)  # from the close of row 2 to the close of row 5
    assert closes.right is True
    flat = bars_of("AAA", [100.0] * 6)
    ((_, neither),) = known(flat, 5, signal(direction=Direction.BEARISH))
    assert neither.horizon_return == 0.0
    assert neither.right is False  # what did not move was neither


def test_costs_of_both_sides_are_taken_off():
    bars = bars_of("AAA", [100.0] * 6)
    ((_, outcome),) = known(bars, 5, signal(), cost=5.0)
    assert outcome.net_return == pytest.approx(-0.001)
    assert outcome.won is False


def test_a_bearish_signal_wins_when_prices_fall():
    bars = bars_of("AAA", [100, 100, 99, 98, 97, 96])
    ((_, outcome),) = known(bars, 5, signal(direction=Direction.BEARISH))
    assert outcome.net_return == pytest.approx(0.03)  # in at the open of row 2, out at the open of row 5


def test_the_bars_after_the_present_row_change_nothing():
    calm = bars_of("AAA", [100.0] * 5 + [100.0] * 5)
    crash = bars_of("AAA", [100.0] * 5 + [1.0] * 5)
    signals = [signal(row, horizon=h, name=f"p{row}-{h}") for row in range(4) for h in (1, 2, 3, 6)]
    for row in range(5):
        assert known(calm, row, *signals) == known(crash, row, *signals)


def test_each_signal_is_told_apart():
    bars = bars_of("AAA", [100, 100, 102, 104, 106, 108, 109])
    found = known(
        bars, 4, signal(1, horizon=1, name="a"), signal(1, horizon=5, name="b"), signal(2, horizon=2, name="c")
    )
    assert [p.pattern_id for p, _ in found] == ["a"]
    found = known(bars, 5, signal(1, horizon=5, name="b"), signal(2, horizon=2, name="c"))
    assert [p.pattern_id for p, _ in found] == ["c"]


def view_of(bars: Bars, row: int) -> TickerView:
    return TickerView(bars, row, None, FillPrice.OPEN)  # type: ignore[arg-type]


def test_a_signal_is_due_exactly_when_its_outcome_is_known():
    bars = bars_of("AAA", [100.0 + row for row in range(12)])
    signals = [signal(row, horizon=horizon, name=f"{row}/{horizon}") for row in range(4) for horizon in (1, 2, 5)]
    following = Following()
    waiting = list(signals)
    for row in range(len(bars)):
        due = following.due(waiting, view_of(bars, row))
        assert due == [p for p, _ in known(bars, row, *waiting)]
        waiting = [p for p in waiting if p not in due]
    assert waiting == []


def test_bars_that_grow_are_looked_at_anew():
    whole = bars_of("AAA", [100.0] * 8)
    following = Following()
    for count in range(2, 6):
        assert following.due([signal()], view_of(whole.first(count), count - 1)) == []
    assert following.due([signal()], view_of(whole.first(6), 5)) == [signal()]


def test_a_signal_without_an_outcome_stays_due():
    bars = bars_of("AAA", [100.0] * 8)
    following = Following()
    for row in (6, 7):
        assert following.due([signal()], view_of(bars, row)) == [signal()]
