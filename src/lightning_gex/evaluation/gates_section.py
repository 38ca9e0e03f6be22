"""Which gate stopped how many ideas, and whether they would have won, as a part of a page."""

from __future__ import annotations

import math
from collections.abc import Mapping

from lightning_gex.evaluation import page
from lightning_gex.evaluation.gates import PASSED, GateOutcome, gate_words
from lightning_gex.evaluation.verdict import percent, percent_interval


def gates_body(gates: Mapping[str, GateOutcome]) -> str:
    """The section's HTML.

    Parameters
    ----------
    gates : as ``by_gate`` gives them.
    """
    if not gates:
        return "<p>No idea came up, so no gate stopped one.</p>"
    rows = [
        [
            gate_words(gate),
            f"{found.ideas:,}",
            f"{found.resolved:,}",
            percent(found.win_rate),
            percent_interval(found.interval),
            _basis_points(found.expectancy_bp),
            _basis_point_interval(found),
        ]
        for gate, found in gates.items()
    ]
    head = ["Gate", "Ideas", "Known", "Won, or would have", "95% interval", "Mean net return", "95% interval"]
    caption = (
        "An idea that was stopped is followed as if it had been traded: same bracket, horizon, fills and costs. A gate "
        "earns its place where what it stopped did worse than what passed."
    )
    return f"<p>{sentence(gates)}</p>" + page.table(head, rows, numbers=range(1, 7), caption=caption)


def sentence(gates: Mapping[str, GateOutcome]) -> str:
    """What the gates did, in a sentence."""
    passed = gates.get(PASSED)
    stopped = {gate: found for gate, found in gates.items() if gate != PASSED}
    ideas = sum(found.ideas for found in gates.values())
    blocked = sum(found.ideas for found in stopped.values())
    known = sum(found.resolved for found in stopped.values())
    text = f"Of {ideas:,} ideas {blocked:,} were stopped."
    if not known or passed is None or not passed.resolved:
        return text
    won = sum(found.win_rate * found.resolved for found in stopped.values() if found.resolved) / known
    mean = sum(found.expectancy_bp * found.resolved for found in stopped.values() if found.resolved) / known
    return (
        f"{text} Of those stopped {percent(won)} would have won, {mean:+.1f} bp on average after costs; of those that "
        f"passed {percent(passed.win_rate)}, {passed.expectancy_bp:+.1f} bp."
    )


def _basis_points(value: float) -> str:
    return f"{value:+.1f} bp" if math.isfinite(value) else "n/a"


def _basis_point_interval(found: GateOutcome) -> str:
    low, high = found.expectancy_interval_bp
    return f"{low:+.1f} to {high:+.1f} bp" if math.isfinite(low) else "n/a"
