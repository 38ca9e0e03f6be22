"""What was said and what came, as a part of a page."""

from __future__ import annotations

from lightning_gex.engine.learning import CONSENSUS
from lightning_gex.evaluation import page
from lightning_gex.evaluation.reliability import ReliabilityByGroup, ReliabilityFigures
from lightning_gex.evaluation.verdict import percent, percent_interval


def reliability_body(figures: ReliabilityByGroup) -> str:
    """The section's HTML: every voice over all signals, and the final word in each group."""
    if not figures:
        return "<p>No signal's outcome is known yet, so nothing said can be held against what came.</p>"
    rows = [[who, *_cells(found)] for who, found in figures["all"].items() if who != CONSENSUS]
    rows += [
        [f"Final word, {group.replace('_', ' ')}", *_cells(v[CONSENSUS])]
        for group, v in figures.items()
        if CONSENSUS in v
    ]
    head = ["Who", "Calls", "Said on average", "Came true", "95% interval", "Brier score"]
    caption = (
        "Every signal whose outcome is known, traded or not: whether the share moved its way over the horizon, target "
        "and stop ignored. Overlapping signals share outcomes, so the intervals are narrower than the truth."
    )
    return page.table(head, rows, numbers=range(1, 6), caption=caption)


def _cells(found: ReliabilityFigures) -> list[str]:
    said, came = percent(found.mean_probability), percent(found.hit_rate)
    return [f"{found.calls:,}", said, came, percent_interval(found.interval), f"{found.brier:.3f}"]
