"""What became of signals, traded or not: learners see it only once it is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

import numpy as np

from lightning_gex.analytics.fills import resolve_signal
from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import FillPrice
from lightning_gex.core.patterns import Outcome, Pattern
from lightning_gex.engine.feed import TickerView


def known_outcomes(
    patterns: Sequence[Pattern], view: TickerView, *, cost_bp_per_side: float, known_at: datetime
) -> Iterator[tuple[Pattern, Outcome]]:
    """The signals of one ticker whose outcome the bars up to ``view.row`` tell.

    Each is followed as an order would be: entry at the next session's price, its own target and stop, and an exit after
    its horizon. It is known once the horizon has passed, also where a bracket ended it before: only then does the
    share's own move say whether the direction was right.

    Parameters
    ----------
    patterns : unresolved signals of the view's ticker.
    view : the ticker now.
    cost_bp_per_side : basis points.
    known_at : aware UTC, the close of the view's session.
    """
    bars, at_close = view.bars, view.fill_price is FillPrice.CLOSE
    price = bars.close if at_close else bars.open
    for pattern in patterns:  # hardly ever more than one: a call for each costs less than arrays for all
        direction, row = int(pattern.direction), _row(pattern, bars)
        leave = row + 1 + pattern.horizon_sessions
        if leave > view.row:
            continue
        found = resolve_signal(
            bars.open,
            bars.high,
            bars.low,
            bars.close,
            direction=direction,
            target_price=pattern.target_price,
            stop_price=pattern.stop_price,
            horizon_sessions=pattern.horizon_sessions,
            fill_at_close=at_close,
            cost_bp_per_side=cost_bp_per_side,
            signal_row=row,
        )
        if found is not None and found.exit_row <= view.row:
            moved = float(price[leave] / price[row + 1] - 1.0) * direction
            yield pattern, Outcome(found.net_return, found.net_return > 0, known_at, moved)


@dataclass(slots=True)
class Following:
    """When the outcome of each signal is due, so that nobody asks for it on every session before.

    The row is worked out once for the same bars; where the bars grew, as they do live, anew.
    """

    _bars: dict[str, Bars] = field(default_factory=dict)
    _due_row: dict[str, dict[str, int]] = field(default_factory=dict)

    def due(self, patterns: Sequence[Pattern], view: TickerView) -> list[Pattern]:
        """Those signals of the view's ticker whose horizon has passed at ``view.row``."""
        ticker = view.bars.ticker
        if self._bars.get(ticker) is not view.bars:
            self._bars[ticker], self._due_row[ticker] = view.bars, {}
        rows = self._due_row[ticker]
        for p in patterns:
            if p.pattern_id not in rows:
                rows[p.pattern_id] = _row(p, view.bars) + 1 + p.horizon_sessions
        found = [p for p in patterns if rows[p.pattern_id] <= view.row]
        for pattern in found:
            del rows[pattern.pattern_id]
        return found


def _row(pattern: Pattern, bars: Bars) -> int:
    """The row of the bars after whose close a signal was given."""
    return int(bars.session.searchsorted(_day(pattern.as_of), side="right")) - 1


@lru_cache(maxsize=256)  # every ticker of a session gave its signals at the same moment
def _day(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.replace(tzinfo=None), "D")
