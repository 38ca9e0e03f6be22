"""How remembered signals did: by ticker, timeframe, confidence, agent, regime, strategy, and traded or not."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from lightning_gex.analytics.kelly import wilson_interval
from lightning_gex.core.enums import Direction, MarketRegime
from lightning_gex.core.patterns import Outcome, Pattern


class PerformanceGroup(StrEnum):
    """By what signals are grouped."""

    ALL = "all"
    TICKER = "ticker"
    TIMEFRAME = "timeframe"
    CONFIDENCE = "confidence"
    AGENT = "agent"
    REGIME = "regime"
    STRATEGY = "strategy"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class PerformanceRow:
    """One group of signals. Numbers are NaN where no outcome is known.

    A signal is in one row of every group but ``AGENT``: there it is in the row of each agent that took a side, which is
    held to its own side.

    Parameters
    ----------
    group, label : what the signals have in common.
    signals : how many were given.
    resolved : how many of those have a known outcome.
    windows : how many of the resolved do not overlap on one ticker: what the intervals rest on, since overlapping
        signals hold the same days.
    win_rate : share of the resolved that made money; of an agent's, among those that went its way.
    win_rate_low, win_rate_high : its 95 % Wilson interval, for ``windows`` trials.
    hit_rate : share of the resolved whose direction was right at the end of the horizon.
    hit_rate_low, hit_rate_high : its interval likewise.
    mean_confidence : of the resolved, the probability of being right that was given, to hold against ``hit_rate``.
    mean_net_return : of the resolved, in the signal's direction after costs, as a fraction; of an agent's, among those
        that went its way.
    """

    group: PerformanceGroup
    label: str
    signals: int
    resolved: int
    windows: int
    win_rate: float
    win_rate_low: float
    win_rate_high: float
    hit_rate: float
    hit_rate_low: float
    hit_rate_high: float
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


#: Signals that were traded, that were not, and those of which nobody recorded it.
TAKEN_LABELS = {True: "traded", False: "not traded", None: "not recorded"}
NO_REGIME = "no regime"
NO_STRATEGY = "not recorded"


def performance(patterns: Iterable[Pattern], *, as_of: datetime | None = None) -> tuple[PerformanceRow, ...]:
    """How signals did, over all and by every group.

    Parameters
    ----------
    patterns : the signals; they need not be in order, and are looked at once.
    as_of : aware; signals given and outcomes known later are left out. None: none are.

    Returns
    -------
    The row of all signals, then one row for each ticker, agent and strategy in alphabetical order, each timeframe,
    confidence level and regime; timeframes and levels without a signal are there, with NaN.
    """
    tallies: dict[tuple[PerformanceGroup, str], _Tally] = {(PerformanceGroup.ALL, "all"): _Tally()}
    for group, labels in _ALWAYS_SHOWN.items():
        tallies |= {(group, label): _Tally() for label in labels}
    for pattern in patterns:
        if as_of is not None and pattern.as_of > as_of:
            continue
        outcome = _known_outcome(pattern, as_of)
        span = None if outcome is None else (outcome.known_at.timestamp(), pattern.as_of.timestamp())
        for group, label_of in _LABELS.items():
            tallies.setdefault((group, label_of(pattern)), _Tally()).add(pattern, outcome, span)
        for call in pattern.calls:
            if call.direction is not Direction.NEUTRAL:
                tally = tallies.setdefault((PerformanceGroup.AGENT, call.agent), _Tally())
                up = call.probability
                said = up if call.direction is Direction.BULLISH else 1.0 - up
                tally.add(pattern, outcome, span, agrees=call.direction is pattern.direction, confidence=said)
    order = {group: place for place, group in enumerate(PerformanceGroup)}
    fixed = {key: place for place, key in enumerate(tallies)}
    by_name = (PerformanceGroup.TICKER, PerformanceGroup.AGENT, PerformanceGroup.STRATEGY)
    keys = sorted(tallies, key=lambda k: (order[k[0]], k[1] if k[0] in by_name else "", fixed[k]))
    return tuple(tallies[key].row(*key) for key in keys)


_LABELS: dict[PerformanceGroup, Callable[[Pattern], str]] = {
    PerformanceGroup.ALL: lambda p: "all",
    PerformanceGroup.TICKER: lambda p: p.ticker,
    PerformanceGroup.TIMEFRAME: lambda p: timeframe_label(p.horizon_sessions),
    PerformanceGroup.CONFIDENCE: lambda p: confidence_label(p.confidence),
    PerformanceGroup.REGIME: lambda p: NO_REGIME if p.regime is None else p.regime.value,
    PerformanceGroup.STRATEGY: lambda p: p.strategy or NO_STRATEGY,
    PerformanceGroup.TAKEN: lambda p: TAKEN_LABELS[p.taken],
}
_ALWAYS_SHOWN: dict[PerformanceGroup, tuple[str, ...]] = {
    PerformanceGroup.TIMEFRAME: (*(label for _, label in TIMEFRAMES), LONGER_TIMEFRAME),
    PerformanceGroup.CONFIDENCE: (*(label for _, label in CONFIDENCE_LEVELS), HIGHEST_CONFIDENCE_LEVEL),
    PerformanceGroup.REGIME: tuple(MarketRegime),
}


def _known_outcome(pattern: Pattern, as_of: datetime | None) -> Outcome | None:
    outcome = pattern.outcome
    return outcome if outcome is None or as_of is None or outcome.known_at <= as_of else None


@dataclass(slots=True)
class _Tally:
    """The sums of one group."""

    signals: int = 0
    resolved: int = 0
    hits: int = 0
    followed: int = 0  # of the resolved, those that were traded the group's way
    won: int = 0
    told: int = 0
    confidence: float = 0.0
    net_return: float = 0.0
    spans: dict[str, array[float]] = field(default_factory=dict)  # ticker -> end and begin of each, seconds

    def add(
        self,
        pattern: Pattern,
        outcome: Outcome | None,
        span: tuple[float, float] | None,
        *,
        agrees: bool = True,
        confidence: float | None = None,
    ) -> None:
        self.signals += 1
        if outcome is None or span is None:
            return
        self.resolved += 1
        self.hits += outcome.right if agrees else _opposite_was_right(outcome)
        said = pattern.confidence if confidence is None else confidence
        if not math.isnan(said):
            self.told += 1
            self.confidence += said
        if agrees:
            self.followed += 1
            self.won += outcome.won
            self.net_return += outcome.net_return
        self.spans.setdefault(pattern.ticker, array("d")).extend(span)

    def row(self, group: PerformanceGroup, label: str) -> PerformanceRow:
        windows = sum(map(_without_overlap, self.spans.values()))
        win_rate = self.won / self.followed if self.followed else math.nan
        hit_rate = self.hits / self.resolved if self.resolved else math.nan
        won_windows = windows * self.followed / self.resolved if self.resolved else 0.0
        win_low, win_high = wilson_interval(win_rate * won_windows, won_windows)
        hit_low, hit_high = wilson_interval(hit_rate * windows, windows)
        return PerformanceRow(
            group=group,
            label=label,
            signals=self.signals,
            resolved=self.resolved,
            windows=windows,
            win_rate=win_rate,
            win_rate_low=win_low,
            win_rate_high=win_high,
            hit_rate=hit_rate,
            hit_rate_low=hit_low,
            hit_rate_high=hit_high,
            mean_confidence=self.confidence / self.told if self.told else math.nan,
            mean_net_return=self.net_return / self.followed if self.followed else math.nan,
        )


def _opposite_was_right(outcome: Outcome) -> bool:
    return not outcome.won if outcome.horizon_return is None else outcome.horizon_return < 0


def _without_overlap(spans: array[float]) -> int:
    """The most spans, from a signal to its outcome, of which none overlaps another: by earliest end first."""
    count, free_from = 0, -math.inf
    for known_at, given_at in sorted(zip(spans[::2], spans[1::2], strict=True)):
        if given_at >= free_from:
            count, free_from = count + 1, known_at
    return count
