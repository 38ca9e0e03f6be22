"""What a run's figures say, in plain words and without flattery."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from lightning_gex.analytics.bootstrap import Interval
from lightning_gex.core.units import SESSIONS_PER_YEAR
from lightning_gex.evaluation.metrics import RunMetrics

#: What calls can be judged against.
SAME_DATES = "the same dates' universe"
ANY_TIME = "as many longs and shorts at any time"
EVERY_SESSION = "being long every session"


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
    against, value, interval = fairest_excess(metrics)
    finding = judge(value, interval)
    title = {
        Finding.BETTER: f"The direction calls beat {against}",
        Finding.WORSE: f"The direction calls did worse than {against}",
        Finding.UNDECIDED: f"The direction calls cannot be told apart from {against}",
        Finding.NO_DATA: f"Too little data to compare the direction calls with {against}",
    }[finding]
    told = (
        _in_short(metrics, finding),
        _trades(metrics),
        _money(metrics),
        _accuracy(metrics, against, value, interval),
        _risk(metrics),
    )
    return Verdict(finding, title, told)


def _in_short(metrics: RunMetrics, finding: Finding) -> str:
    """What to expect, without a figure."""
    direction = {
        Finding.BETTER: "its calls about direction were worth something",
        Finding.WORSE: "its calls about direction did harm",
    }.get(finding, "no skill in calling direction is shown")
    trades = {
        Finding.BETTER: "trades made money after costs",
        Finding.WORSE: "trades lost money after costs",
    }.get(
        judge(metrics.expectancy_bp, metrics.expectancy_interval_bp),
        "whether trades make money after costs cannot be told",
    )
    if trades.startswith("trades made") and metrics.expectancy_zero_skill_bp >= metrics.expectancy_interval_bp[0]:
        trades += " as the same brackets do without skill"
    growth = {
        Finding.BETTER: "the account grew more than holding would have",
        Finding.WORSE: "the account grew less than holding would have",
    }.get(
        judge(metrics.growth_over_hold, metrics.growth_over_hold_interval),
        "its growth cannot be told apart from holding",
    )
    return f"In short: {direction}, {trades}, and {growth}."


def _trades(metrics: RunMetrics) -> str:
    if not metrics.trades:
        return "No trade was closed."
    a_year = metrics.trades * SESSIONS_PER_YEAR / metrics.sessions
    low, high = metrics.expectancy_interval_bp
    span = f"{low:+.1f} to {high:+.1f}" if math.isfinite(low) else "no interval"
    return (
        f"Expect about {a_year:,.0f} trades a year; {percent(metrics.win_rate)} of them made money "
        f"(95% interval {percent_interval(metrics.win_rate_interval)}), and one was worth "
        f"{metrics.expectancy_bp:+.1f} bp of its size after costs ({span}).{_zero_skill(metrics)}{_carries(metrics)}"
    )


def _zero_skill(metrics: RunMetrics) -> str:
    if not math.isfinite(metrics.expectancy_zero_skill_bp):
        return ""
    return (
        f" The same brackets on every session, without skill: {percent(metrics.win_rate_zero_skill)} and "
        f"{metrics.expectancy_zero_skill_bp:+.1f} bp."
    )


def _carries(metrics: RunMetrics) -> str:
    found = metrics.capacity_usd
    if not math.isfinite(found.cautious_usd):
        return ""
    return (
        f" With up to {dollars(found.cautious_usd)} of capital, 95% of the orders stay below "
        f"{found.share_of_volume:.0%} of a day's volume."
    )


def _risk(metrics: RunMetrics) -> str:
    low, high = metrics.sharpe_interval
    span = f"{low:.2f} to {high:.2f}" if math.isfinite(low) else "no interval"
    ratio = f"{metrics.sharpe:.2f}" if math.isfinite(metrics.sharpe) else "n/a"
    behind = " or behind the defaults" if metrics.trials_behind_defaults else ""
    bar = (
        "above zero, the only variant tried on these data,"
        if metrics.trials == 1
        else f"above what the best of the {metrics.trials:,} variants tried on these data{behind} would show by luck"
    )
    return (
        f"The Sharpe ratio was {ratio} ({span}): {bar} with a probability of {percent(metrics.deflated_sharpe)}. A "
        "rising market pays whoever is in it; that being in it at these times paid more than holding as much all the "
        f"time has a probability of {percent(metrics.deflated_sharpe_over_hold)}."
    )


def dollars(value: float) -> str:
    """A sum as a person says it: three digits and a word; ``n/a`` where absent.

    >>> dollars(1_234_567.0), dollars(98_765.0), dollars(2.5e9), dollars(12.0)
    ('$1.23 million', '$98,800', '$2.5 billion', '$12')
    """
    if not math.isfinite(value):
        return "n/a"
    for size, word in ((1e9, " billion"), (1e6, " million")):
        if abs(value) >= size:
            return f"${float(f'{value / size:.3g}'):,g}{word}"
    return f"${float(f'{value:.3g}'):,.0f}"


def judge(value: float, interval: Interval) -> Finding:
    """What an interval around a difference says of its sign."""
    low, high = interval
    if not (math.isfinite(value) and math.isfinite(low) and math.isfinite(high)):
        return Finding.NO_DATA
    return Finding.BETTER if low > 0 else Finding.WORSE if high < 0 else Finding.UNDECIDED


def fairest_excess(metrics: RunMetrics) -> tuple[str, float, Interval]:
    """What the calls are judged against, by how much they beat it, and its interval: the fairest that the run has."""
    if math.isfinite(metrics.same_date_excess):
        return SAME_DATES, metrics.same_date_excess, metrics.same_date_excess_interval
    if math.isfinite(metrics.excess_accuracy_interval[0]):  # some were short: a market that falls pays them at any time
        return ANY_TIME, metrics.excess_over_drift, metrics.excess_over_drift_interval
    return EVERY_SESSION, metrics.excess_over_all_sessions, metrics.excess_over_all_sessions_interval


def excess_over(metrics: RunMetrics, against: str) -> float:
    """By how much a run's calls beat what another one is judged against (one of three); NaN where it has no figure."""
    return {
        SAME_DATES: metrics.same_date_excess,
        ANY_TIME: metrics.excess_over_drift,
        EVERY_SESSION: metrics.excess_over_all_sessions,
    }[against]


def _nothing(metrics: RunMetrics) -> str:
    if metrics.decisions_taken:
        return f"None of the {metrics.decisions_taken} decisions taken reaches its horizon within the data."
    return f"Of {metrics.decisions} decisions none was taken, so there is no accuracy, win rate or expectancy."


def _accuracy(metrics: RunMetrics, against: str, value: float, interval: Interval) -> str:
    n, disjoint = metrics.decisions_resolved, metrics.decisions_disjoint
    alone = "" if disjoint == n else f", {disjoint:,} of which do not overlap"
    known = math.isfinite(interval[0])
    span = f"{points(interval[0])} to {points(interval[1])}" if known else "no interval"
    return (
        f"The direction was right in {percent(metrics.accuracy)} of {n:,} decisions "
        f"({percent_interval(metrics.accuracy_interval)}){alone}. Against {against} that is {points(value)} points "
        f"({span}); going long at the same entries was right in {percent(metrics.base_rate)}, on every session in "
        f"{percent(metrics.base_rate_all_sessions)}."
    )


def _money(metrics: RunMetrics) -> str:
    held = metrics.buy_and_hold
    low, _ = metrics.max_drawdown_interval
    reckon = f"; reckon with {percent_interval(metrics.max_drawdown_interval)}" if math.isfinite(low) else ""
    return (
        f"The capital grew {percent(metrics.cagr)} a year ({percent_interval(metrics.cagr_interval)}), "
        f"{percent(metrics.exposure_mean)} of it invested on average, and fell {percent(metrics.max_drawdown)} at its "
        f"deepest{reckon}. Buying and holding grew {percent(held.cagr)} and fell {percent(held.max_drawdown)}."
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
    return f"{value * 100:+z.1f}" if math.isfinite(value) else "n/a"
