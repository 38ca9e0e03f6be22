"""How remembered signals did: by ticker, by timeframe, by confidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lightning_gex.analytics.kelly import wilson_interval
from lightning_gex.core.patterns import Outcome, Pattern


class PerformanceGroup(StrEnum):
    """By what signals are grouped."""

    ALL = "all"
    TICKER = "ticker"
    TIMEFRAME = "timeframe"
    CONFIDENCE = "confidence"


@dataclass(frozen=True, slots=True)
class PerformanceRow:
    """One group of signals. Numbers are NaN where no outcome is known.

    Parameters
    ----------
    group, label : what the signals have in common.
    signals : how many were given.
    resolved : how many of those have a known outcome.
    win_rate : share of the resolved that made money.
    win_rate_low, win_rate_high : its 95 % Wilson interval, which takes signals for independent; overlapping ones are
        not, so the truth is wider.
    mean_confidence : of the resolved, to hold against the win rate.
    mean_net_return : of the resolved, in the signal's direction after costs, as a fraction.
    """

    group: PerformanceGroup
    label: str
    signals: int
    resolved: int
    win_rate: float
    win_rate_low: float
    win_rate_high: float
    mean_confidence: float
    mean_net_return: float


#: Upper ends of the timeframes, sessions (the founding document trades swings of 3 to 21 days).
TIMEFRAMES = ((2, "1-2 sessions"), (5, "3-5 sessions"), (10, "6-10 sessions"), (21, "11-21 sessions"))
LONGER_TIMEFRAME = "over 21 sessions"
#: Upper ends of the confidence levels; the last takes 1.0 as well.
CONFIDENCE_LEVELS = (
    (0.5, "below 0.50"),
    (0.55, "0.50-0.55"),
    (0.6, "0.55-0.60"),
    (0.65, "0.60-0.65"),
    (0.7, "0.65-0.70"),
    (0.8, "0.70-0.80"),
)
HIGHEST_CONFIDENCE_LEVEL = "0.80-1.00"


def timeframe_label(horizon_sessions: int) -> str:
    """The timeframe a horizon belongs to."""
    return next((label for end, label in TIMEFRAMES if horizon_sessions <= end), LONGER_TIMEFRAME)


def confidence_label(confidence: float) -> str:
    """The confidence level a probability belongs to: lower end included, upper end not. ``n/a`` on NaN."""
    if math.isnan(confidence):
        return "n/a"
    return next((label for end, label in CONFIDENCE_LEVELS if confidence < end), HIGHEST_CONFIDENCE_LEVEL)


def performance(patterns: Iterable[Pattern], *, as_of: datetime | None = None) -> tuple[PerformanceRow, ...]:
    """How signals did, over all and by ticker, timeframe and confidence level.

    Parameters
    ----------
    patterns : the signals; they need not be in order.
    as_of : aware; signals given and outcomes known later are left out. None: none are.

    Returns
    -------
    The row of all signals, then one row for each ticker in alphabetical order, each timeframe and each confidence
    level; timeframes and levels without a signal are there, with NaN.
    """
    known = [(p, _known_outcome(p, as_of)) for p in patterns if as_of is None or p.as_of <= as_of]
    rows = [_row(PerformanceGroup.ALL, "all", known)]
    rows += _grouped(PerformanceGroup.TICKER, known, lambda p: p.ticker, sorted({p.ticker for p, _ in known}))
    timeframes = [*(label for _, label in TIMEFRAMES), LONGER_TIMEFRAME]
    rows += _grouped(PerformanceGroup.TIMEFRAME, known, lambda p: timeframe_label(p.horizon_sessions), timeframes)
    levels = [*(label for _, label in CONFIDENCE_LEVELS), HIGHEST_CONFIDENCE_LEVEL]
    rows += _grouped(PerformanceGroup.CONFIDENCE, known, lambda p: confidence_label(p.confidence), levels)
    return tuple(rows)


_Known = list[tuple[Pattern, Outcome | None]]


def _known_outcome(pattern: Pattern, as_of: datetime | None) -> Outcome | None:
    outcome = pattern.outcome
    return outcome if outcome is None or as_of is None or outcome.known_at <= as_of else None


def _grouped(
    group: PerformanceGroup, known: _Known, label_of: Callable[[Pattern], str], labels: list[str]
) -> list[PerformanceRow]:
    members: dict[str, _Known] = {label: [] for label in labels}
    for pattern, outcome in known:
        members.setdefault(label_of(pattern), []).append((pattern, outcome))
    return [_row(group, label, part) for label, part in members.items()]


def _row(group: PerformanceGroup, label: str, known: _Known) -> PerformanceRow:
    resolved = [(p, outcome) for p, outcome in known if outcome is not None]
    count = len(resolved)
    won = sum(outcome.won for _, outcome in resolved)
    low, high = wilson_interval(won, count)
    return PerformanceRow(
        group=group,
        label=label,
        signals=len(known),
        resolved=count,
        win_rate=won / count if count else math.nan,
        win_rate_low=low,
        win_rate_high=high,
        mean_confidence=math.fsum(p.confidence for p, _ in resolved) / count if count else math.nan,
        mean_net_return=math.fsum(o.net_return for _, o in resolved) / count if count else math.nan,
    )
