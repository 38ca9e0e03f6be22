"""The figures of the README, from the results that measured them.

``python benchmarks/readme_tables.py`` writes what stands between the two marks in ``README.md``; a test holds the two
together, so that no figure there is older than its result.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
README = REPOSITORY / "README.md"
RESULTS = REPOSITORY / "benchmarks" / "results"
BEGIN = "<!-- measured: begin, written by benchmarks/readme_tables.py -->"
END = "<!-- measured: end -->"
DECISION_BEGIN = "<!-- decision: begin, written by benchmarks/readme_tables.py -->"
DECISION_END = "<!-- decision: end -->"
_COLUMNS = 125  # of the README's blocks
_PRICES = (("entry", "entry_price"), ("target", "target_price"), ("stop", "stop_loss"))
_STAGES = {
    "signal": "Signal",
    "memory": "Memory",
    "strategic": "Strategic layer",
    "tactical": "Tactical layer",
    "sizing": "Sizing",
    "execution": "Execution checks",
    "guardrails": "Guardrails",
}
_HEAD = "| | measured | 95 % interval | beside it |\n|---|---|---|---|\n"
_OVER_UNIVERSE = 3  # number of the goal that nets a trade's costs against the same dates' universe
_FIVE_SESSIONS_SHARE = "most_confident"
_EVERY_SESSION = "all"
_VENDOR_WAY = "quotes"  # volatilities solved from quotes, as `lightning gex` does


def measured(results: Path = RESULTS) -> str:
    """What stands between the marks."""
    names, spy = (_read(results / f"{one}_2012_2021.json") for one in ("evaluate_names", "backtest_spy"))
    goals = _read(results / "edge_goals.json")["evaluate-names"]
    return "\n".join((_names(names, goals), _spy(spy["2012-2021"]), _forecast(results), _agreement(results)))


def written(text: str, results: Path = RESULTS) -> str:
    """The README with what was measured, and the example of a decision, between their marks."""
    shown = _between(text, DECISION_BEGIN, DECISION_END, decision(_read(results / "analyze_spy_2021.json")))
    return _between(shown, BEGIN, END, measured(results))


def _between(text: str, begin: str, end: str, new: str) -> str:
    head, rest = text.split(begin)
    _, tail = rest.split(end)
    return f"{head}{begin}\n{new}{end}{tail}"


def decision(found: Mapping[str, Any]) -> str:
    """A decision of ``analyze --json`` as the command shows it, without the numbers behind each stage."""
    prices = "  ".join(f"{name} {found[key]:,.2f}" for name, key in _PRICES if found[key] is not None)
    inside = f"{100 * found['range_probability']:.1f}% inside after {found['range_horizon_sessions']} sessions"
    ahead = f"volatility ahead {100 * found['volatility_forecast_horizon']:.1f}%"
    done = f"{found['status'].upper()}  {found['action']} {found['quantity']:,} shares"
    lines = [
        f"SPY  2021-12-31 21:00 UTC  {done}     {prices}",
        f"{'':27}range {found['range_low']:,.2f} to {found['range_high']:,.2f}, {inside}     {ahead}",
        "",
    ]
    for stage in found["stages"]:
        head = f"{_STAGES[stage['stage']]:<18}{stage['verdict']:<9} "
        lines += textwrap.wrap(stage["reason"], _COLUMNS, initial_indent=head, subsequent_indent=" " * len(head))
    return "```\n" + "\n".join(line.rstrip() for line in lines) + "\n```\n"


def _share(found: Mapping[str, Any], what: tuple[str, str, str], beside: str) -> tuple[str, str, str, str]:
    """A row on a share: its name, the figure it stands under, what is said after it; then what it is read beside."""
    name, figure, after = what
    return name, f"{_percent(found[figure])}{after}", _span(found[f"{figure}_interval"]), beside


def _names(found: Mapping[str, Any], goals: list[Mapping[str, Any]]) -> str:
    net = next(goal for goal in goals if goal["number"] == _OVER_UNIVERSE)
    held, low_high = found["buy_and_hold"], found["same_date_excess_interval"]
    rows = [
        _share(
            found,
            ("direction right", "accuracy", f" of {found['decisions_resolved']:,} decisions"),
            f"{100 * found['same_date_excess']:+.1f} points over the universe on the same dates ({_points(low_high)})",
        ),
        (
            "a trade, after costs",
            f"{found['expectancy_bp']:+.0f} bp",
            _bp(found["expectancy_interval_bp"]),
            f"{net['value']:+.0f} bp over the same dates' universe ({_bp(net['interval'])})",
        ),
        (
            "Sharpe ratio",
            f"{found['sharpe']:.2f}",
            "{:.2f} to {:.2f}".format(*found["sharpe_interval"]),
            f"{held['sharpe']:.2f} held, {found['baseline']['sharpe']:.2f} options flow alone",
        ),
        _share(
            found,
            ("a year", "cagr", f" with {100 * found['exposure_mean']:.0f} % invested on average"),
            f"{_percent(held['cagr'])} held",
        ),
        _share(
            found,
            ("deepest fall", "max_drawdown", ""),
            f"{_percent(held['max_drawdown'])} held",
        ),
    ]
    return (
        "The thirty S&P 500 names with the largest dollar volume of the year before, 2012 to 2021, with the index's\n"
        "dealer flow, VIX and bill rates, 5 bp a side (`lightning evaluate --largest 30`;\n"
        "[figures](benchmarks/results/evaluate_names_2012_2021.json); the file's list of names is of about 2017, so\n"
        f"levels look too good):\n\n{_table(rows)}"
    )


def _spy(found: Mapping[str, Any]) -> str:
    held, as_much, ranges = found["buy_and_hold"], found["same_exposure_hold"], found["by_range"]["SPY"]
    rows = [
        _share(
            found,
            ("direction right", "accuracy", f" of {found['decisions_resolved']:,} decisions"),
            f"{_percent(found['base_rate'])} long there, {_percent(found['base_rate_all_sessions'])} on every session",
        ),
        _share(
            found,
            ("win rate", "win_rate", ""),
            f"{_percent(found['win_rate_zero_skill'])} with the same brackets and no skill",
        ),
        (
            "a trade, after costs",
            f"{found['expectancy_bp']:+.0f} bp",
            _bp(found["expectancy_interval_bp"]),
            f"{found['expectancy_zero_skill_bp']:+.0f} bp with the same brackets and no skill",
        ),
        _share(
            found,
            ("a year", "cagr", f" with {100 * found['exposure_mean']:.1f} % invested on average"),
            f"{_percent(held['cagr'])} bought and held; {_percent(as_much['cagr'])} held as much",
        ),
        _share(
            found,
            ("deepest fall", "max_drawdown", ""),
            f"{_percent(held['max_drawdown'])} bought and held; {_percent(as_much['max_drawdown'])} held as much",
        ),
        (
            "five-session ranges, 30 % surest",
            f"{_percent(ranges[_FIVE_SESSIONS_SHARE])} inside",
            f"{_points(ranges['lead_interval'])} points over all",
            f"{_percent(ranges['inside'])} of all ranges",
        ),
    ]
    return (
        "SPY alone, 2 bp a side (`benchmarks/bench_backtest_spy.py`, "
        f"[figures](benchmarks/results/backtest_spy_2012_2021.json)):\n\n{_table(rows)}"
    )


def _forecast(results: Path) -> str:
    ours = _read(results / "forecast.json")["forecast"]["SPY"]["1"]["ours over HAR and VIX"]
    early, late = ours["2012-2018"], ours["2019-2021"]
    return (
        f"Volatility of SPY's next session: log-R2 {early['log_r2']:.3f} in 2012-2018 and {late['log_r2']:.3f} in "
        f"2019-2021, where HAR with VIX reaches\n{early['log_r2_peer']:.3f} and {late['log_r2_peer']:.3f} "
        "([forecast](benchmarks/results/forecast.json)).\n"
    )


def _agreement(results: Path) -> str:
    every = _read(results / "vendor.json")["end_of_day_SPX"]
    one = next(one for one in every if one["way"] == _VENDOR_WAY and one["session"] == _EVERY_SESSION)
    dix = _read(results / "dix.json")
    return (
        f"Gamma within the rounding of Cboe's printed one: {_percent(one['gamma_within_rounding'])} of "
        f"{one['compared']:,} contracts of whole SPX chains,\n{_percent(one['gamma_within_rounding_beyond_30_days'])} "
        "beyond 30 days ([vendor](benchmarks/results/vendor.json)). The dark-pool index rebuilt from FINRA's\n"
        f"files: a correlation of {dix['correlation']:.3f} with the published one over {dix['sessions']} sessions "
        "([dix](benchmarks/results/dix.json)).\n"
    )


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _span(interval: list[float]) -> str:
    low, high = interval
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def _points(interval: list[float]) -> str:
    low, high = interval
    return f"{100 * low:+.1f} to {100 * high:+.1f}"


def _bp(interval: list[float]) -> str:
    low, high = interval
    return f"{low:+.0f} to {high:+.0f} bp"


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


if __name__ == "__main__":
    README.write_text(written(README.read_text("utf-8")), "utf-8")
