"""The headlines of a run as tiles: each figure large, with its interval and what it must be read beside."""

from __future__ import annotations

import math

from lightning_gex.analytics.bootstrap import Interval
from lightning_gex.core.units import SESSIONS_PER_YEAR
from lightning_gex.evaluation import page
from lightning_gex.evaluation.comparison import Beside
from lightning_gex.evaluation.metrics import RunMetrics
from lightning_gex.evaluation.money import Capacity
from lightning_gex.evaluation.verdict import dollars, fairest_excess, percent, percent_interval, points


def headline_tiles(metrics: RunMetrics, baseline: Beside | None = None) -> str:
    """The figures a trader asks for first, as HTML.

    Parameters
    ----------
    metrics : of the run.
    baseline : the run without any enhancement, where there is one.
    """
    return f'<div class="tiles">{"".join([*_call_tiles(metrics), *_money_tiles(metrics, baseline)])}</div>'


def _call_tiles(m: RunMetrics) -> list[str]:
    against, excess, interval = fairest_excess(m)
    a_year = m.trades * SESSIONS_PER_YEAR / m.sessions
    return [
        page.tile(
            "Trades",
            f"{m.trades:,}",
            f"{a_year:,.0f} a year{_went_on(m)}",
            f"turnover {number(m.turnover_per_year, 1)} times the capital a year, {number(m.costs_bp, 1)} bp a side",
        ),
        page.tile(
            "Accuracy: direction right",
            percent(m.accuracy),
            f"95% interval {percent_interval(m.accuracy_interval)}, {m.decisions_resolved:,} decisions",
            f"same entries, long: {percent(m.base_rate)}; every session: {percent(m.base_rate_all_sessions)}",
        ),
        page.tile("Excess accuracy", _points(excess), f"95% interval {_point_interval(interval)}", f"over {against}"),
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
            f"above 0 the confidence knew more than the base rate; calibration error {number(m.ece, 3)}",
        ),
    ]


def _went_on(m: RunMetrics) -> str:
    return f"; {m.trades_carried_on:,} in all went on into the next one unsold" if m.trades_carried_on else ""


def _capacity(carried: Capacity) -> str:
    if not carried.trades:
        return page.tile("Capacity", "n/a", "nothing that was bought has a volume of its own to compare with")
    return page.tile(
        "Capacity",
        dollars(carried.cautious_usd),
        f"up to there 95% of the orders are below {carried.share_of_volume:.0%} of a day's volume",
        f"half of them up to {dollars(carried.median_usd)}",
    )


def _money_tiles(m: RunMetrics, baseline: Beside | None) -> list[str]:
    held, carried = m.buy_and_hold, m.capacity_usd
    return [
        page.tile(
            "Growth a year",
            percent(m.cagr),
            f"95% interval {percent_interval(m.cagr_interval)}",
            f"over buy and hold ({percent(held.cagr)}): {_points(m.growth_over_hold)} "
            f"({_point_interval(m.growth_over_hold_interval)})",
        ),
        _invested(m) if baseline is None else _over_baseline(m, baseline),
        page.tile(
            "Deepest fall",
            percent(m.max_drawdown),
            f"95% interval {percent_interval(m.max_drawdown_interval)}",
            f"buy and hold {percent(held.max_drawdown)}",
        ),
        page.tile(
            "Sharpe ratio",
            number(m.sharpe),
            f"95% interval {number_interval(m.sharpe_interval)}; buy and hold {number(held.sharpe)}",
            f"more than luck among all tried: {percent(m.deflated_sharpe)}; more than holding as much: "
            f"{percent(m.deflated_sharpe_over_hold)}",
        ),
        _capacity(carried),
        page.tile(
            "Variants tried",
            f"{m.trials:,}",
            "this run; who tried more must count them" if m.trials == 1 else _whose(m),
        ),
    ]


def _invested(m: RunMetrics) -> str:
    as_much = m.same_exposure_hold
    return page.tile(
        "Invested on average",
        percent(m.exposure_mean),
        f"as much held all the time, the rest in bills: {percent(as_much.cagr)} a year, "
        f"deepest fall {percent(as_much.max_drawdown)}",
    )


def _over_baseline(m: RunMetrics, baseline: Beside) -> str:
    gain, other = baseline.gain, baseline.metrics
    return page.tile(
        "Growth over the baseline",
        _points(gain.return_a_year),
        f"95% interval {_point_interval(gain.return_interval)}",
        f"options flow alone, no enhancement: {percent(other.cagr)} a year",
        f"{percent(other.exposure_mean)} invested there, {percent(m.exposure_mean)} here",
    )


def _whose(m: RunMetrics) -> str:
    own = m.trials - m.trials_behind_defaults
    here = "this run" if own == 1 else f"{own:,} on these data in this workspace"
    return here + (f", {m.trials_behind_defaults:,} behind the defaults" if m.trials_behind_defaults else "")


def number(value: float, digits: int = 2) -> str:
    """A plain number; ``n/a`` where absent."""
    return f"{value:z.{digits}f}" if math.isfinite(value) else "n/a"


def number_interval(interval: Interval, digits: int = 2) -> str:
    """An interval of plain numbers; ``n/a`` where absent."""
    low, high = interval
    return f"{low:z.{digits}f} to {high:z.{digits}f}" if math.isfinite(low) else "n/a"


def basis_points(value: float) -> str:
    """Basis points, signed; ``n/a`` where absent."""
    return f"{value:+z.1f} bp" if math.isfinite(value) else "n/a"


def basis_point_interval(interval: Interval) -> str:
    """An interval in basis points; ``n/a`` where absent."""
    low, high = interval
    return f"{low:+z.1f} to {high:+z.1f} bp" if math.isfinite(low) else "n/a"


def _points(value: float) -> str:
    return f"{points(value)} points" if math.isfinite(value) else "n/a"


def _point_interval(interval: Interval) -> str:
    low, high = interval
    return f"{points(low)} to {points(high)} points" if math.isfinite(low) else "n/a"
