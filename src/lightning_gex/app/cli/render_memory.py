"""Memory as tables, and as documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby

from rich.console import Console

from lightning_gex.app.assembly.memory import MemoryOverview, SimilarSetups
from lightning_gex.app.cli.render import NOT_AVAILABLE, number, percent, titled_table
from lightning_gex.core.patterns import Pattern
from lightning_gex.memory.performance import PerformanceRow


def show_overview(found: MemoryOverview, last: int, console: Console) -> None:
    """Print what is remembered, what memory's advice was worth, the agents' reliability, the latest signals."""
    console.print()
    told = f"{found.signals:,} signals, {found.resolved:,} with a known outcome, {found.won:,} of which made money"
    console.print(told, markup=False)
    console.print(_said_of(found), markup=False)
    if found.reliability:
        table = titled_table("Reliability", "who", "calls", "said", "came true", "Brier score")
        for who, figures in found.reliability.items():
            shares = (percent(figures.mean_probability), percent(figures.hit_rate), number(figures.brier, "{:.4f}"))
            table.add_row(who, f"{figures.calls:,}", *shares)
        console.print()
        console.print(table)
    if found.recent and last:
        console.print()
        console.print(_signals(found.recent[:last]))


def _said_of(found: MemoryOverview) -> str:
    say = found.say
    if not say.outcomes:
        return "memory's advice has not been tried on any outcome yet: it changes no confidence"
    tried = f"memory's advice on {say.outcomes:,} outcomes lay {say.evidence:+.1f} standard errors from none"
    if say.share == 0.0:
        return f"{tried}: no proven gain, it changes no confidence"
    return f"{tried}: {say.share:.0%} of it counts"


def _signals(patterns: Sequence[Pattern]) -> object:
    table = titled_table("Latest signals", "id", "given", "direction", "confidence", "sessions", "traded", "result")
    for p in patterns:
        result = "open" if p.outcome is None else percent(p.outcome.net_return)
        plan = (p.direction.word, number(p.confidence, "{:.3f}"), str(p.horizon_sessions), _traded(p))
        table.add_row(p.pattern_id, f"{p.as_of:%Y-%m-%d %H:%M}", *plan, result)
    return table


def show_setups(found: SimilarSetups, console: Console) -> None:
    """Print the similar setups, most similar first, and what memory makes of them."""
    asked = found.asked
    title = f"Similar to {asked.pattern_id}: {asked.ticker}, {asked.direction.word}, {asked.as_of:%Y-%m-%d}"
    table = titled_table(title, "alike", "given", "known", "regime", "sessions", "traded", "result", "right")
    for setup in found.setups:
        p = setup.pattern
        if p.outcome is None:
            continue
        regime = NOT_AVAILABLE if p.regime is None else p.regime.value
        result = (percent(p.outcome.net_return), "yes" if p.outcome.right else "no")
        days = (f"{p.as_of:%Y-%m-%d}", f"{p.outcome.known_at:%Y-%m-%d}")
        table.add_row(f"{setup.similarity:.3f}", *days, regime, str(p.horizon_sessions), _traded(p), *result)
    console.print()
    console.print(table)
    known = f"{found.resolved:,} resolved signals could answer at {found.as_of:%Y-%m-%d %H:%M} UTC"
    console.print(known, markup=False)
    console.print(found.advice.reason, markup=False)


def _traded(pattern: Pattern) -> str:
    return NOT_AVAILABLE if pattern.taken is None else ("yes" if pattern.taken else "no")


def show_groups(rows: Sequence[PerformanceRow], console: Console) -> None:
    """Print how signals did, one table a group."""
    for group, members in groupby(rows, key=lambda row: row.group):
        table = titled_table(
            f"By {group.value}" if group.value != "all" else "All signals",
            *("", "signals", "resolved", "windows", "right", "95 %", "said", "made money", "95 %", "mean result"),
        )
        for row in members:
            right = (percent(row.hit_rate), _interval(row.hit_rate_low, row.hit_rate_high))
            won = (percent(row.win_rate), _interval(row.win_rate_low, row.win_rate_high))
            counts = (f"{row.signals:,}", f"{row.resolved:,}", f"{row.windows:,}")
            said = percent(row.mean_confidence)
            table.add_row(row.label, *counts, *right, said, *won, number(row.mean_net_return, "{:z.2%}"))
        console.print()
        console.print(table)


def _interval(low: float, high: float) -> str:
    return NOT_AVAILABLE if low != low else f"{low:.0%} to {high:.0%}"


def overview_document(found: MemoryOverview, last: int) -> dict[str, object]:
    """What ``memory show --json`` prints."""
    say = found.say
    return {
        "signals": found.signals,
        "resolved": found.resolved,
        "won": found.won,
        "memory": {"outcomes": say.outcomes, "evidence": say.evidence, "share": say.share},
        "reliability": {
            who: {
                "calls": figures.calls,
                "mean_probability": figures.mean_probability,
                "hit_rate": figures.hit_rate,
                "brier": figures.brier,
            }
            for who, figures in found.reliability.items()
        },
        "recent": [_pattern_document(pattern) for pattern in found.recent[:last]],
    }


def setups_document(found: SimilarSetups) -> dict[str, object]:
    """What ``memory recall --json`` prints."""
    return {
        "signal": _pattern_document(found.asked),
        "as_of": found.as_of,
        "resolved": found.resolved,
        "setups": [{"similarity": s.similarity, **_pattern_document(s.pattern)} for s in found.setups],
        "advice": asdict(found.advice),
    }


def performance_document(rows: Sequence[PerformanceRow]) -> dict[str, object]:
    """What ``memory performance --json`` prints: group -> rows."""
    groups: dict[str, object] = {}
    for group, members in groupby(rows, key=lambda row: row.group):
        groups[group.value] = [{k: v for k, v in asdict(row).items() if k != "group"} for row in members]
    return groups


def _pattern_document(pattern: Pattern) -> dict[str, object]:
    document: dict[str, object] = asdict(pattern) | {"direction": pattern.direction.word}
    document["calls"] = [asdict(call) | {"direction": call.direction.word} for call in pattern.calls]
    return document
