"""What became of signals, traded or not: learners see it only once it is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from lightning_gex.analytics.fills import resolve_signals
from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import FillPrice
from lightning_gex.core.patterns import Outcome, Pattern
from lightning_gex.core.units import Int64Array1D
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
    rows = _rows(patterns, view.bars)
    resolutions = resolve_signals(
        view.bars,
        rows,
        [int(p.direction) for p in patterns],
        [p.target_price for p in patterns],
        [p.stop_price for p in patterns],
        [p.horizon_sessions for p in patterns],
        fill_at_close=view.fill_price is FillPrice.CLOSE,
        cost_bp_per_side=cost_bp_per_side,
    )
    price = view.bars.close if view.fill_price is FillPrice.CLOSE else view.bars.open
    for k in np.flatnonzero(resolutions.resolved & (resolutions.exit_row <= view.row)).tolist():
        entry = int(rows[k]) + 1
        leave = entry + patterns[k].horizon_sessions
        if leave <= view.row:
            net_return = float(resolutions.net_return[k])
            moved = float(price[leave] / price[entry] - 1.0) * int(patterns[k].direction)
            yield patterns[k], Outcome(net_return, net_return > 0, known_at, moved)


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
        new = [p for p in patterns if p.pattern_id not in rows]
        if new:
            rows |= {
                p.pattern_id: row + 1 + p.horizon_sessions
                for p, row in zip(new, _rows(new, view.bars).tolist(), strict=True)
            }
        found = [p for p in patterns if rows[p.pattern_id] <= view.row]
        for pattern in found:
            del rows[pattern.pattern_id]
        return found


def _rows(patterns: Sequence[Pattern], bars: Bars) -> Int64Array1D:
    """(k,) the row of the bars after whose close each signal was given."""
    sessions = np.array([p.as_of.replace(tzinfo=None) for p in patterns], dtype="datetime64[D]")
    return np.searchsorted(bars.session, sessions, side="right") - 1
