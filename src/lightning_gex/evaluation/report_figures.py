"""Every figure of a run beside its interval and what it must be read beside, as a part of a page."""

from __future__ import annotations

import math

from lightning_gex.analytics.bootstrap import Interval
from lightning_gex.evaluation import page
from lightning_gex.evaluation.benchmarks import CurveMetrics
from lightning_gex.evaluation.headline_tiles import (
    basis_point_interval,
    basis_points,
    number,
    number_interval,
)
from lightning_gex.evaluation.metrics import FEWEST_UNIVERSE, RunMetrics
from lightning_gex.evaluation.verdict import dollars, percent, percent_interval, points

_NO_INTERVAL = "no interval"
_HEAD = ["Measure", "Value", "95% interval", "Beside it", "What it is"]


def figures_body(metrics: RunMetrics) -> str:
    """The section's HTML; what a run has no figure of is named below the table, with the reason.

    Parameters
    ----------
    metrics : of the run.
    """
    rows = [*_call_rows(metrics), *_money_rows(metrics)]
    absent = "".join(f"<li>{why}</li>" for why in _absent(metrics))
    left_out = f'<p class="quiet">Not in the table:</p><ul class="quiet">{absent}</ul>' if absent else ""
    return page.table(_HEAD, rows, numbers=(1, 2)) + left_out + _worth_table(metrics)


def _call_rows(m: RunMetrics) -> list[list[str]]:
    rows = [
        [
            "Accuracy",
            percent(m.accuracy),
            percent_interval(m.accuracy_interval),
            f"same entries, long: {percent(m.base_rate)}",
            f"direction right, of {m.decisions_resolved:,} decisions with a known outcome; target and stop ignored",
        ],
        [
            "Excess over the same entries",
            *_points(m.excess_accuracy, m.excess_accuracy_interval),
            f"same entries, long: {percent(m.base_rate)}",
            "accuracy less that of going long wherever it went in",
        ],
        [
            "Excess over every session",
            *_points(m.excess_over_all_sessions, m.excess_over_all_sessions_interval),
            f"every session, long: {percent(m.base_rate_all_sessions)}",
            "accuracy less that of being long all the time",
        ],
        [
            "Excess over the same dates",
            *_points(m.same_date_excess, m.same_date_excess_interval),
            "all tickers on the same dates",
            "accuracy less the share of all tickers that moved that way",
        ],
        [
            "The same calls elsewhere in time",
            percent(m.placebo.accuracy_mean),
            "",
            f"as right as here: p = {number(m.placebo.p_value, 3)}",
            f"accuracy of the same signal moved to {m.placebo.shifts} other places in time",
        ],
        [
            "Win rate",
            percent(m.win_rate),
            percent_interval(m.win_rate_interval),
            f"without skill {percent(m.win_rate_zero_skill)}",
            f"of {m.trades:,} closed trades, after costs; without skill: long on every date with the same brackets",
        ],
        [
            "Expectancy",
            basis_points(m.expectancy_bp),
            basis_point_interval(m.expectancy_interval_bp),
            f"without skill {basis_points(m.expectancy_zero_skill_bp)}",
            f"mean profit of a trade over its size, after {number(m.costs_bp, 1)} bp a side",
        ],
        [
            "Brier skill",
            number(m.brier_skill, 3),
            number_interval(m.brier_skill_interval, 3),
            f"Brier score {number(m.brier, 3)}",
            f"the confidence as a probability, above 0 better than the base rate; calibration error {number(m.ece, 3)}",
        ],
    ]
    by_construction = {1} if _always_long(m) else set()
    return [row for k, row in enumerate(rows) if row[1] != "n/a" and k not in by_construction]


def _always_long(m: RunMetrics) -> bool:
    """Whether every call was long, so that the same entries have the very same outcomes."""
    return m.excess_accuracy == 0.0 and math.isnan(m.excess_accuracy_interval[0])


def _absent(m: RunMetrics) -> list[str]:
    """What the table does not hold, and why."""
    out = []
    if _always_long(m):
        out.append("the excess over the same entries: every call was long, so it is 0 by construction")
    if not math.isfinite(m.same_date_excess) and m.decisions_resolved:
        out.append(f"the excess over the same dates: it takes {FEWEST_UNIVERSE} tickers on a date")
    if not m.decisions_resolved:
        out.append("figures of direction: no decision taken has a known outcome")
    if not m.trades:
        out.append("win rate and expectancy: no trade was closed")
    return out


def _money_rows(m: RunMetrics) -> list[list[str]]:
    held = m.buy_and_hold
    rows = [
        [
            "Growth a year",
            percent(m.cagr),
            percent_interval(m.cagr_interval),
            f"buy and hold {percent(held.cagr)}",
            f"less the holding's: {points(m.growth_over_hold)} points{_point_span(m.growth_over_hold_interval)}",
        ],
        [
            "Sharpe ratio",
            number(m.sharpe),
            number_interval(m.sharpe_interval),
            f"buy and hold {number(held.sharpe)}",
            "mean over standard deviation of the returns over the bill rate, a year",
        ],
        [
            "Deflated Sharpe ratio",
            percent(m.deflated_sharpe),
            "",
            f"over holding as much {percent(m.deflated_sharpe_over_hold)}",
            f"probability of more than {_bar(m)}; beside it of more than a rising market pays whoever is in it as much",
        ],
        [
            "Deepest fall",
            percent(m.max_drawdown),
            percent_interval(m.max_drawdown_interval),
            f"buy and hold {percent(held.max_drawdown)}",
            "of the highest equity so far; interval: the same sessions drawn anew in blocks, 1,000 times",
        ],
        [
            "Turnover",
            f"{number(m.turnover_per_year, 1)} a year",
            "",
            f"{percent(m.exposure_mean)} invested on average",
            "value bought and sold over the mean equity",
        ],
        [
            "Capacity",
            dollars(m.capacity_usd.cautious_usd),
            "",
            f"for half of the orders {dollars(m.capacity_usd.median_usd)}",
            f"capital at which 95% of the orders are below {m.capacity_usd.share_of_volume:.0%} of a day's volume",
        ],
    ]
    return [row for row in rows if row[1] != "n/a"]


def _bar(m: RunMetrics) -> str:
    """What the Sharpe ratio is held against."""
    return "zero" if m.trials == 1 else f"the best of {m.trials:,} variants without skill would show by luck"


def _point_span(interval: Interval) -> str:
    low, high = interval
    return f" ({points(low)} to {points(high)})" if math.isfinite(low) else ""


def _points(value: float, interval: Interval) -> tuple[str, str]:
    """A difference and its interval in points."""
    if not math.isfinite(value):
        return "n/a", "n/a"
    low, high = interval
    return f"{points(value)} points", f"{points(low)} to {points(high)}" if math.isfinite(low) else _NO_INTERVAL


def _worth_table(m: RunMetrics) -> str:
    own = CurveMetrics(m.total_return, m.cagr, m.sharpe, m.max_drawdown, m.calmar)
    text = [
        [name, percent(c.total_return), percent(c.cagr), number(c.sharpe), percent(c.max_drawdown), number(c.calmar)]
        for name, c in (
            ("The system", own),
            ("Buy and hold, equal weight", m.buy_and_hold),
            (f"Holding {percent(m.exposure_mean)}, the rest in bills", m.same_exposure_hold),
        )
    ]
    head = ["Same capital, same sessions", "Total return", "A year", "Sharpe", "Deepest fall", "Calmar"]
    return page.table(head, text, numbers=(1, 2, 3, 4, 5))
