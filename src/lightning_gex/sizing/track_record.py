"""How past signals of one direction ended, as a running count that sizing can trust."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import NormalDist

from lightning_gex.core.enums import Direction
from lightning_gex.core.patterns import Outcome, Pattern
from lightning_gex.core.quick_init import quick_init

Interval = tuple[float, float]
NO_INTERVAL: Interval = (math.nan, math.nan)


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
    month : the month in which the latest outcome was known, as year times twelve plus month; 0 before the first.
    month_count, month_sum : outcomes known in it, and the sum of their net returns.
    months : how many months with an outcome came before it.
    counts_squared, sums_squared, cross : over those months, the sums of count^2, of sum^2 and of count times sum.
    """

    resolved: int = 0
    won: int = 0
    net_return_sum: float = 0.0
    independent: int = 0
    free_from: datetime | None = None
    month: int = 0
    month_count: int = 0
    month_sum: float = 0.0
    months: int = 0
    counts_squared: float = 0.0
    sums_squared: float = 0.0
    cross: float = 0.0

    @property
    def win_rate(self) -> float:
        """Share that won; NaN without a resolved signal."""
        return self.won / self.resolved if self.resolved else math.nan

    @property
    def mean_net_return(self) -> float:
        """Mean net return as a fraction; NaN without a resolved signal."""
        return self.net_return_sum / self.resolved if self.resolved else math.nan

    def edge_interval(self, level: float) -> Interval:
        """Interval of the mean net return, as wide as its months make it; (NaN, NaN) with fewer than two of them.

        Outcomes of one month live through the same market, whatever their ticker and however many: the months are the
        observations. With n outcomes and a sum of s in a month and the mean r = sum s / sum n, the variance of r is
        M / (M - 1) sum (s - r n)^2 / (sum n)^2 over the M months, the linearised variance of a ratio of cluster totals
        (Cochran, Sampling Techniques, 1977, 6.3 and 9A).

        Parameters
        ----------
        level : two-sided confidence in (0, 1).

        Returns
        -------
        (low, high), fractions.
        """
        count, total = float(self.month_count), self.month_sum
        months = self.months + (self.month_count > 0)
        if months < 2 or not self.resolved:
            return NO_INTERVAL
        mean = self.mean_net_return
        squares = (self.sums_squared + total * total) - 2.0 * mean * (self.cross + count * total)
        squares += mean * mean * (self.counts_squared + count * count)
        spread = math.sqrt(max(squares, 0.0) * months / (months - 1)) / self.resolved
        half = NormalDist().inv_cdf(0.5 + 0.5 * level) * spread
        return mean - half, mean + half

    def after(self, given_at: datetime, outcome: Outcome) -> TrackRecord:
        """The record with one more outcome, of a signal given at ``given_at``."""
        follows = self.free_from is None or given_at >= self.free_from
        month = outcome.known_at.year * 12 + outcome.known_at.month
        before = self if month == self.month else self._at_month(month)
        return TrackRecord(
            resolved=self.resolved + 1,
            won=self.won + outcome.won,
            net_return_sum=self.net_return_sum + outcome.net_return,
            independent=self.independent + follows,
            free_from=outcome.known_at if follows else self.free_from,
            month=month,
            month_count=before.month_count + 1,
            month_sum=before.month_sum + outcome.net_return,
            months=before.months,
            counts_squared=before.counts_squared,
            sums_squared=before.sums_squared,
            cross=before.cross,
        )

    def _at_month(self, month: int) -> TrackRecord:
        """The month so far joins the earlier ones, and a new one begins."""
        count, total = self.month_count, self.month_sum
        return replace(
            self,
            month=month,
            month_count=0,
            month_sum=0.0,
            months=self.months + (count > 0),
            counts_squared=self.counts_squared + count * count,
            sums_squared=self.sums_squared + total * total,
            cross=self.cross + count * total,
        )


def records_of(patterns: Iterable[Pattern]) -> dict[Direction, TrackRecord]:
    """The record of each direction that these remembered signals amount to; signals without an outcome are left out."""
    records: dict[Direction, TrackRecord] = {}
    known = [(p.outcome, p) for p in patterns if p.outcome is not None]
    for outcome, pattern in sorted(known, key=lambda pair: (pair[0].known_at, pair[1].as_of, pair[1].pattern_id)):
        records[pattern.direction] = records.get(pattern.direction, TrackRecord()).after(pattern.as_of, outcome)
    return records
