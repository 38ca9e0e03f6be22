"""A decision, the metrics of a run and the performance of an account, as tables for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lightning_gex.app.cli.console import print_table
from lightning_gex.core.decision import Cap, Decision, Scalar, StageRecord
from lightning_gex.core.enums import DecisionStatus, Direction, StageVerdict
from lightning_gex.core.votes import Vote
from lightning_gex.evaluation.explain import stage_words
from lightning_gex.evaluation.gates import gate_words

NOT_AVAILABLE = "n/a"
_LARGE = 100  # from here on two decimals say enough
_STATUS_STYLE = {
    DecisionStatus.APPROVED: "bold green",
    DecisionStatus.BLOCKED: "bold red",
    DecisionStatus.NO_SIGNAL: "bold yellow",
}
_VERDICT_STYLE = {
    StageVerdict.PASSED: "green",
    StageVerdict.BLOCKED: "red",
    StageVerdict.ABSTAINED: "yellow",
    StageVerdict.SKIPPED: "dim",
    StageVerdict.OFF: "dim",
}
_DIRECTION_STYLE = {Direction.BULLISH: "green", Direction.BEARISH: "red", Direction.NEUTRAL: "dim"}


def number(value: object, pattern: str = "{:,.2f}") -> str:
    """A number in a pattern; ``n/a`` for None, NaN and infinities."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return NOT_AVAILABLE
    return pattern.format(value)


def percent(value: object) -> str:
    """A fraction as per cent with one decimal, never -0.0%; ``n/a`` where there is none."""
    return number(value, "{:z.1%}")


def titled_table(title: str, *columns: str) -> Table:
    """An empty table in the house's look: title on the left, no more lines than reading needs."""
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False, box=None)
    for column in columns:
        table.add_column(column, header_style="dim", overflow="fold")
    return table


def show_decision(decision: Decision, console: Console) -> None:
    """Print a decision: what to do, then every stage, vote and cap with its reason."""
    console.print()
    console.print(_headline(decision))
    console.print(Text(decision.reason))
    if math.isfinite(decision.entry_price):
        console.print(_plan(decision))
    console.print()
    console.print(_stages(decision.stages))
    if decision.votes:
        console.print()
        console.print(_votes(decision.votes))
    if decision.caps:
        console.print()
        console.print(_caps(decision.caps, decision.binding_cap))
    console.print()


def _headline(decision: Decision) -> Text:
    text = Text(f"{decision.ticker}  {decision.as_of:%Y-%m-%d %H:%M %Z}  ", style="bold")
    text.append(decision.status.value.replace("_", " ").upper(), style=_STATUS_STYLE[decision.status])
    if decision.status is DecisionStatus.APPROVED:
        what = "carry on" if decision.carries_on else decision.action.value
        text.append(f"  {what} {decision.quantity:,} shares", style="bold")
    elif decision.blocked_by is not None:
        text.append(f"  by {stage_words(decision.blocked_by).lower()}")
    return text


def _plan(decision: Decision) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("entry", number(decision.entry_price), "target", number(decision.target_price))
    table.add_row("stop", number(decision.stop_loss), "horizon", f"{decision.time_horizon_days} sessions")
    regime = decision.regime.value.replace("_", " ") if decision.regime else NOT_AVAILABLE
    table.add_row("confidence", percent(decision.confidence), "size", f"{percent(decision.size_pct)} of equity")
    table.add_row("direction", decision.direction.word, "regime", regime)
    table.add_row(*_range_cells(decision))
    return table


def _range_cells(decision: Decision) -> tuple[str, str, str, str]:
    """Between which prices the close is expected, how probably, and how volatile until then."""
    found = decision.expected_range
    if found is None:
        return "range", decision.range_absence or NOT_AVAILABLE, "", ""
    band = f"{number(found.low)} to {number(found.high)}"
    inside = f"{percent(found.probability)} inside after {found.horizon_sessions} sessions"
    return "range", f"{band}, {inside}", "volatility ahead", percent(found.volatility_forecast_horizon)


def _stages(stages: tuple[StageRecord, ...]) -> Table:
    table = titled_table("Stage by stage", "stage", "verdict", "reason")
    for record in stages:
        reason = Text(record.reason)
        numbers = "  ".join(f"{key} {_scalar(value)}" for key, value in record.detail.items())
        if numbers:
            reason.append(f"\n{numbers}", style="dim")
        if record.fallback:
            reason.append(f"\nstand-in: {record.fallback}", style="yellow")
        verdict = Text(record.verdict.value, style=_VERDICT_STYLE[record.verdict])
        table.add_row(stage_words(record.stage), verdict, reason)
    return table


def _votes(votes: tuple[Vote, ...]) -> Table:
    table = titled_table("Votes", "agent", "vote", "confidence", "target", "stop", "sessions", "why")
    for vote in votes:
        if vote.abstained:
            row = (Text("abstains", style="yellow"), NOT_AVAILABLE, NOT_AVAILABLE, NOT_AVAILABLE, NOT_AVAILABLE)
        else:
            word = Text(vote.direction.word, style=_DIRECTION_STYLE[vote.direction])
            prices = number(vote.target_price), number(vote.stop_price)
            row = (word, percent(vote.confidence), *prices, str(vote.horizon_sessions))
        table.add_row(vote.agent, *row, Text("; ".join(vote.reasons)))
    return table


def _caps(caps: tuple[Cap, ...], binding: str | None) -> Table:
    table = titled_table("Caps on the size (the tightest wins)", "cap", "of equity", "why")
    for cap in caps:
        bound = cap.name == binding
        name = Text(f"{cap.name} (binds)" if bound else cap.name, style="bold" if bound else "")
        table.add_row(name, percent(cap.size_pct), Text(cap.reason))
    return table


def _scalar(value: Scalar) -> str:
    if isinstance(value, float):
        return number(value, "{:,.2f}" if abs(value) >= _LARGE else "{:,.4g}")
    if value == "":
        return "none"  # a list of nothing, such as the breakers that are tripped
    return NOT_AVAILABLE if value is None else str(value)


def show_metrics(metrics: Mapping[str, Any], console: Console) -> None:
    """Print a run's figures, each beside its interval and beside what a trader without skill would have had.

    Parameters
    ----------
    metrics : as ``metrics.json`` holds them; a figure that is not there prints as ``n/a``.
    console : where.
    """
    table = titled_table("What the run was worth", "figure", "value", "95 % interval", "beside it")
    counts = f"{metrics.get('decisions', NOT_AVAILABLE)}, {metrics.get('trades', NOT_AVAILABLE)} trades"
    table.add_row("decisions", counts, "", f"{metrics.get('start')} to {metrics.get('end')}")
    for label, key, interval, form, beside in _FIGURES:
        found = _interval(metrics.get(interval), form) if interval else ""
        others = "; ".join(f"{form(_at(metrics, other))} {words}" for other, words in beside if _has(metrics, other))
        table.add_row(label, form(_at(metrics, key)), found, others)
    console.print()
    print_table(table, console)
    console.print()
    gates = metrics.get("by_gate")
    if isinstance(gates, Mapping) and gates:
        print_table(_gates(gates), console)
        console.print()
    _show_ranges(metrics.get("by_range"), console)
    _show_reliability(metrics.get("reliability"), console)


def _show_reliability(groups: object, console: Console) -> None:
    """What each agent and the final word said over all signals, against what came."""
    voices = groups.get("all") if isinstance(groups, Mapping) else None
    if not isinstance(voices, Mapping) or not voices:
        return
    table = titled_table("Said and came true", "who", "calls", "said", "came true", "95 % interval", "Brier score")
    for who, found in voices.items():
        said, came = percent(found.get("mean_probability")), percent(found.get("hit_rate"))
        calls, score = number(found.get("calls"), "{:,}"), number(found.get("brier"), "{:.3f}")
        table.add_row(str(who), calls, said, came, _interval(found.get("interval"), percent), score)
    print_table(table, console)
    console.print()


def _show_ranges(ranges: object, console: Console) -> None:
    """How the expected ranges held, ticker by ticker; nothing where there were none."""
    if not isinstance(ranges, Mapping) or not ranges:
        return
    columns = ("ticker", "ranges", "inside", "95 % interval", "said", "surest 30 %", "skill")
    table = titled_table("The expected ranges", *columns)
    for ticker, found in ranges.items():
        inside, said, surest = (percent(found.get(k)) for k in ("inside", "probability_mean", "most_confident"))
        skill = number(found.get("brier_skill"), "{:+.3f}")
        interval = _interval(found.get("inside_interval"), percent)
        table.add_row(str(ticker), number(found.get("ranges"), "{:,}"), inside, interval, said, surest, skill)
    print_table(table, console)
    console.print()


def _gates(gates: Mapping[str, Any]) -> Table:
    """Which gate stopped how many ideas, and what became of them."""
    table = titled_table("What the gates stopped", "gate", "ideas", "known", "won", "95 % interval", "mean net return")
    for gate, found in gates.items():
        interval = found.get("interval", found.get("win_rate_interval"))
        known = (number(found.get(key), "{:,}") for key in ("ideas", "resolved"))
        won, back = percent(found.get("win_rate")), _basis_points(found.get("expectancy_bp"))
        table.add_row(gate_words(gate), *known, won, _interval(interval, percent), back)
    return table


def show_verdict(title: str, sentences: tuple[str, ...], console: Console) -> None:
    """Print a run's headline and the sentences behind it."""
    console.print()
    console.print(Text(title, style="bold"))
    for sentence in sentences:
        console.print(Text(sentence))


def _points(value: object) -> str:
    """A difference of fractions in percentage points."""
    return number(value * 100.0, "{:+z.1f} points") if isinstance(value, int | float) else NOT_AVAILABLE


def _basis_points(value: object) -> str:
    return number(value, "{:+z.1f} bp")


def _plain_basis_points(value: object) -> str:
    return number(value, "{:.1f} bp")


def _ratio(value: object) -> str:
    return number(value, "{:.2f}")


def _skill(value: object) -> str:
    return number(value, "{:+z.3f}")


def _usd(value: object) -> str:
    return number(value, "${:,.0f}")


_FIGURES: tuple[tuple[str, str, str, Callable[[object], str], tuple[tuple[str, str], ...]], ...] = (
    (
        "direction right (accuracy)",
        "accuracy",
        "accuracy_interval",
        percent,
        (("base_rate", "always long, same entries"), ("base_rate_all_sessions", "on every session")),
    ),
    ("over the same entries, long", "excess_accuracy", "excess_accuracy_interval", _points, ()),
    ("over every session, long", "excess_over_all_sessions", "excess_over_all_sessions_interval", _points, ()),
    ("over the same dates' universe", "same_date_excess", "same_date_excess_interval", _points, ()),
    ("win rate", "win_rate", "win_rate_interval", percent, (("win_rate_zero_skill", "same brackets, no skill"),)),
    (
        "expectancy a trade",
        "expectancy_bp",
        "expectancy_interval_bp",
        _basis_points,
        (("expectancy_zero_skill_bp", "same brackets, no skill"),),
    ),
    ("return a year (CAGR)", "cagr", "cagr_interval", percent, (("buy_and_hold.cagr", "bought and held"),)),
    ("less bought and held", "growth_over_hold", "growth_over_hold_interval", _points, ()),
    ("Sharpe ratio", "sharpe", "sharpe_interval", _ratio, (("buy_and_hold.sharpe", "bought and held"),)),
    ("deflated Sharpe (probability)", "deflated_sharpe", "", percent, ()),
    (
        "deepest fall",
        "max_drawdown",
        "max_drawdown_interval",
        percent,
        (("buy_and_hold.max_drawdown", "bought and held"),),
    ),
    ("Calmar ratio", "calmar", "", _ratio, (("buy_and_hold.calmar", "bought and held"),)),
    ("Brier skill", "brier_skill", "brier_skill_interval", _skill, ()),
    ("turnover a year", "turnover_per_year", "", _ratio, ()),
    (
        "capacity (95 % of orders small)",
        "capacity_usd.cautious_usd",
        "",
        _usd,
        (("capacity_usd.median_usd", "for half of the orders"),),
    ),
    ("assumed cost a side, on average", "costs_bp", "", _plain_basis_points, ()),
)


def _at(metrics: Mapping[str, Any], path: str) -> object:
    value: object = metrics
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _has(metrics: Mapping[str, Any], path: str) -> bool:
    return path.split(".")[0] in metrics


def _interval(interval: object, form: Callable[[object], str]) -> str:
    if not isinstance(interval, list | tuple) or len(interval) != 2:
        return NOT_AVAILABLE
    low, high = (form(bound) for bound in interval)
    return NOT_AVAILABLE if NOT_AVAILABLE in (low, high) else f"{low} to {high}"


def show_performance(summary: Mapping[str, Any], console: Console) -> None:
    """Print a performance summary: one table a section, ``n/a`` where a ratio has no data."""
    plain = {key: value for key, value in summary.items() if not isinstance(value, Mapping)}
    sections = {key: value for key, value in summary.items() if isinstance(value, Mapping)}
    gates, ranges = sections.pop("by_gate", {}), sections.pop("by_range", {})
    reliability = sections.pop("reliability", None)
    for title, section in ({"run": plain} | sections if plain else sections).items():
        table = titled_table(title.replace("_", " "), "", "")
        for key, value in section.items():
            table.add_row(key.replace("_", " "), _leaf(value))
        print_table(table, console)
        console.print()
    if gates:
        print_table(_gates(gates), console)
        console.print()
    _show_ranges(ranges, console)
    _show_reliability(reliability, console)


def _leaf(value: object) -> str:
    match value:
        case Mapping():
            return ", ".join(f"{key} {_leaf(item)}" for key, item in value.items()) or "none"
        case list() | tuple():
            return ", ".join(_leaf(item) for item in value) or "none"
        case bool() | str():
            return str(value)
        case int():
            return f"{value:,}"
        case float():
            return number(value, "{:,.2f}" if abs(value) >= _LARGE else "{:,.4f}")
        case None:
            return NOT_AVAILABLE
    return str(value)
