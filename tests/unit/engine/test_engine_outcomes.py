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
from lightning_gex.engine.outcomes import known_outcomes


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


def test_a_stop_resolves_a_signal_at_the_session_that_touched_it():
    bars = bars_of("AAA", [100, 100, 100, 100, 100, 100], lows={3: 94.0})
    assert known(bars, 2, signal()) == []
    ((_, outcome),) = known(bars, 3, signal())
    assert outcome.net_return == pytest.approx(-0.05)
    assert outcome.won is False


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
