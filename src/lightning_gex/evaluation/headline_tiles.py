"""The headlines of a run as tiles: each figure large, with its interval and what it must be read beside."""

from __future__ import annotations

import math

from lightning_gex.analytics.bootstrap import Interval
from lightning_gex.core.units import SESSIONS_PER_YEAR
from lightning_gex.evaluation import page
from lightning_gex.evaluation.metrics import RunMetrics
from lightning_gex.evaluation.verdict import dollars, fairest_excess, percent, percent_interval, points


def headline_tiles(metrics: RunMetrics) -> str:
    """The figures a trader asks for first, as HTML.

    Parameters
    ----------
    metrics : of the run.
    """
    return f'<div class="tiles">{"".join([*_call_tiles(metrics), *_money_tiles(metrics)])}</div>'


def _call_tiles(m: RunMetrics) -> list[str]:
    against, excess, interval = fairest_excess(m)
    a_year = m.trades * SESSIONS_PER_YEAR / m.sessions
    return [
        page.tile("Trades", f"{m.trades:,}", f"{a_year:,.0f} a year", f"{m.decisions_taken:,} decisions taken"),
        page.tile(
            "Accuracy",
            percent(m.accuracy),
            f"95% interval {percent_interval(m.accuracy_interval)}",
            f"same entries, long: {percent(m.base_rate)}; every session: {percent(m.base_rate_all_sessions)}",
        ),
        page.tile("Excess", _points(excess), f"95% interval {_point_interval(interval)}", f"over {against}"),
        page.tile(
            "Win rate",
            percent(m.win_rate),
            f"95% interval {percent_interval(m.win_rate_interval)}",
            f"same brackets, no skill: {percent(m.win_rate_zero_skill)}",
        ),
        page.tile(
            "Expectancy a trade",
            basis_points(m.expectancy_bp),
            f"95% interval {basis_point_interval(m.expectancy_interval_bp)}",
            f"after costs; no skill: {basis_points(m.expectancy_zero_skill_bp)}",
        ),
        page.tile(
            "Brier skill",
            number(m.brier_skill, 3),
            f"95% interval {number_interval(m.brier_skill_interval, 3)}",
            f"calibration error {number(m.ece, 3)}; above 0 knows more than the base rate",
        ),
    ]


def _money_tiles(m: RunMetrics) -> list[str]:
    held, carried = m.buy_and_hold, m.capacity_usd
    return [
        page.tile(
            "Growth a year",
            percent(m.cagr),
            f"95% interval {percent_interval(m.cagr_interval)}",
            f"over buy and hold ({percent(held.cagr)}) {_points(m.growth_over_hold)}, "
            f"{_point_interval(m.growth_over_hold_interval)}",
        ),
        page.tile(
            "Sharpe ratio",
            number(m.sharpe),
            f"95% interval {number_interval(m.sharpe_interval)}",
            f"buy and hold {number(held.sharpe)}; deflated Sharpe {percent(m.deflated_sharpe)}",
        ),
        page.tile(
            "Deepest fall",
            percent(m.max_drawdown),
            f"95% interval {percent_interval(m.max_drawdown_interval)}",
            f"buy and hold {percent(held.max_drawdown)}",
        ),
        page.tile(
            "Turnover",
            f"{number(m.turnover_per_year, 1)} a year",
            f"{percent(m.exposure_mean)} invested on average",
            f"{number(m.costs_bp, 1)} bp a side paid",
        ),
        page.tile(
            "Capacity",
            dollars(carried.cautious_usd),
            f"95 % of orders below {carried.share_of_volume:.0%} of a day's volume",
            f"half of them with {dollars(carried.median_usd)}",
        ),
        page.tile(
            "Variants tried",
            f"{m.trials:,}",
            "on these data in this workspace" if m.trials > 1 else "this run; who tried more must count them",
        ),
    ]


def number(value: float, digits: int = 2) -> str:
    """A plain number; ``n/a`` where absent."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "n/a"


def number_interval(interval: Interval, digits: int = 2) -> str:
    """An interval of plain numbers; ``n/a`` where absent."""
    low, high = interval
    return f"{low:.{digits}f} to {high:.{digits}f}" if math.isfinite(low) else "n/a"


def basis_points(value: float) -> str:
    """Basis points, signed; ``n/a`` where absent."""
    return f"{value:+.1f} bp" if math.isfinite(value) else "n/a"


def basis_point_interval(interval: Interval) -> str:
    """An interval in basis points; ``n/a`` where absent."""
    low, high = interval
    return f"{low:+.1f} to {high:+.1f} bp" if math.isfinite(low) else "n/a"


def _points(value: float) -> str:
    return f"{points(value)} points" if math.isfinite(value) else "n/a"


def _point_interval(interval: Interval) -> str:
    low, high = interval
    return f"{points(low)} to {points(high)} points" if math.isfinite(low) else "n/a"
