"""What a run's figures say, in plain words and without flattery."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from lightning_gex.analytics.bootstrap import Interval
from lightning_gex.evaluation.metrics import RunMetrics


class Finding(StrEnum):
    """What the interval of the excess says."""

    BETTER = "better"
    UNDECIDED = "undecided"
    WORSE = "worse"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The headline of a run.

    Parameters
    ----------
    finding : whether the excess over the base rate stands apart from zero.
    title : one short sentence.
    sentences : the figures behind it.
    """

    finding: Finding
    title: str
    sentences: tuple[str, ...]


def verdict(metrics: RunMetrics) -> Verdict:
    """Judge the direction calls of a run against their fairest base rate.

    The fairest is the same dates' universe where the run has one (five tickers or more), else the matched base rate
    where some calls were short, else always being long: long-only calls differ from their own entries' base in nothing.
    """
    if not math.isfinite(metrics.accuracy):
        return Verdict(Finding.NO_DATA, "There is nothing to judge yet", (_nothing(metrics), _money(metrics)))
    against, value, interval = _fairest(metrics)
    finding = judge(value, interval)
    title = {
        Finding.BETTER: f"The direction calls beat {against}",
        Finding.WORSE: f"The direction calls did worse than {against}",
        Finding.UNDECIDED: f"The direction calls cannot be told apart from {against}",
        Finding.NO_DATA: f"Too little data to compare the direction calls with {against}",
    }[finding]
    return Verdict(finding, title, (_accuracy(metrics), _excess(against, value, interval), _money(metrics)))


def judge(value: float, interval: Interval) -> Finding:
    """What an interval around a difference says of its sign."""
    low, high = interval
    if not (math.isfinite(value) and math.isfinite(low) and math.isfinite(high)):
        return Finding.NO_DATA
    return Finding.BETTER if low > 0 else Finding.WORSE if high < 0 else Finding.UNDECIDED


def _fairest(metrics: RunMetrics) -> tuple[str, float, Interval]:
    if math.isfinite(metrics.same_date_excess):
        return "the same dates' universe", metrics.same_date_excess, metrics.same_date_excess_interval
    if math.isfinite(metrics.excess_accuracy_interval[0]):
        return "their base rate", metrics.excess_accuracy, metrics.excess_accuracy_interval
    return "being long every session", metrics.excess_over_all_sessions, metrics.excess_over_all_sessions_interval


def _nothing(metrics: RunMetrics) -> str:
    if metrics.decisions_taken:
        return f"None of the {metrics.decisions_taken} decisions taken reaches its horizon within the data."
    return f"Of {metrics.decisions} decisions none was taken, so there is no accuracy, win rate or expectancy."


def _accuracy(metrics: RunMetrics) -> str:
    n, disjoint = metrics.decisions_resolved, metrics.decisions_disjoint
    alone = "" if disjoint == n else f" ({disjoint} that do not overlap)"
    return (
        f"{percent(metrics.accuracy)} of {n:,} decisions{alone} had the direction right, "
        f"95% interval {percent_interval(metrics.accuracy_interval)}. Going long at the same entries was right "
        f"{percent(metrics.base_rate)} of the time, on every session {percent(metrics.base_rate_all_sessions)}."
    )


def _excess(against: str, value: float, interval: Interval) -> str:
    known = math.isfinite(interval[0])
    span = f", 95% interval {points(interval[0])} to {points(interval[1])}" if known else ", with no interval"
    return f"Against {against} that is {points(value)} points{span}."


def _money(metrics: RunMetrics) -> str:
    held = metrics.buy_and_hold
    return (
        f"The capital made {percent(metrics.cagr)} a year with a deepest fall of {percent(metrics.max_drawdown)}; "
        f"buying and holding made {percent(held.cagr)} with {percent(held.max_drawdown)}. "
        f"On average {percent(metrics.exposure_mean)} was invested."
    )


def percent(value: float) -> str:
    """A fraction as a percentage; ``n/a`` where absent."""
    return f"{value * 100:z.1f}%" if math.isfinite(value) else "n/a"


def percent_interval(interval: Interval) -> str:
    """An interval of fractions as percentages; ``n/a`` where absent."""
    low, high = interval
    return f"{low * 100:z.1f} to {high * 100:z.1f}%" if math.isfinite(low) else "n/a"


def points(value: float) -> str:
    """A difference of fractions in percentage points, signed; ``n/a`` where absent."""
    return f"{value * 100:+.1f}" if math.isfinite(value) else "n/a"
