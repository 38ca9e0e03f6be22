"""How past signals of one direction ended, as a running count that sizing can trust."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lightning_gex.core.enums import Direction
from lightning_gex.core.patterns import Outcome, Pattern
from lightning_gex.core.quick_init import quick_init


@quick_init
@dataclass(frozen=True, slots=True)
class TrackRecord:
    """Resolved signals of one direction, whether or not they were traded.

    Signals that were open at the same time share most of their outcome, whatever their ticker. ``independent`` counts
    a chain of them that did not overlap: how many trades one account could have made one after the other. Intervals
    are as wide as that many observations make them.

    Parameters
    ----------
    resolved : signals whose outcome is known.
    won : of these, how many made money after costs.
    net_return_sum : of their net returns, fractions.
    independent : of them, how many followed one another without overlap.
    free_from : when the last of those had ended; None before the first.
    """

    resolved: int = 0
    won: int = 0
    net_return_sum: float = 0.0
    independent: int = 0
    free_from: datetime | None = None

    @property
    def win_rate(self) -> float:
        """Share that won; NaN without a resolved signal."""
        return self.won / self.resolved if self.resolved else math.nan

    @property
    def mean_net_return(self) -> float:
        """Mean net return as a fraction; NaN without a resolved signal."""
        return self.net_return_sum / self.resolved if self.resolved else math.nan

    def after(self, given_at: datetime, outcome: Outcome) -> TrackRecord:
        """The record with one more outcome, of a signal given at ``given_at``."""
        follows = self.free_from is None or given_at >= self.free_from
        return TrackRecord(
            resolved=self.resolved + 1,
            won=self.won + outcome.won,
            net_return_sum=self.net_return_sum + outcome.net_return,
            independent=self.independent + follows,
            free_from=outcome.known_at if follows else self.free_from,
        )


def records_of(patterns: Iterable[Pattern]) -> dict[Direction, TrackRecord]:
    """The record of each direction that these remembered signals amount to; signals without an outcome are left out."""
    records: dict[Direction, TrackRecord] = {}
    known = [(p.outcome, p) for p in patterns if p.outcome is not None]
    for outcome, pattern in sorted(known, key=lambda pair: (pair[0].known_at, pair[1].as_of, pair[1].pattern_id)):
        records[pattern.direction] = records.get(pattern.direction, TrackRecord()).after(pattern.as_of, outcome)
    return records
