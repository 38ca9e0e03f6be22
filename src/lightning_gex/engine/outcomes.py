"""What became of signals, traded or not: learners see it only once it is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np

from lightning_gex.analytics.fills import resolve_signals
from lightning_gex.core.enums import FillPrice
from lightning_gex.core.patterns import Outcome, Pattern
from lightning_gex.engine.feed import TickerView


def known_outcomes(
    patterns: Sequence[Pattern], view: TickerView, *, cost_bp_per_side: float, known_at: datetime
) -> Iterator[tuple[Pattern, Outcome]]:
    """The signals of one ticker whose outcome the bars up to ``view.row`` tell.

    Each is followed as an order would be: entry at the next session's price, its own target and stop, and an exit after
    its horizon.

    Parameters
    ----------
    patterns : unresolved signals of the view's ticker.
    view : the ticker now.
    cost_bp_per_side : basis points.
    known_at : aware UTC, the close of the view's session.
    """
    sessions = np.array([p.as_of.replace(tzinfo=None) for p in patterns], dtype="datetime64[D]")
    rows = np.searchsorted(view.bars.session, sessions, side="right") - 1
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
    for k in np.flatnonzero(resolutions.resolved & (resolutions.exit_row <= view.row)).tolist():
        net_return = float(resolutions.net_return[k])
        yield patterns[k], Outcome(net_return=net_return, won=net_return > 0, known_at=known_at)
