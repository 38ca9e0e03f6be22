"""How the expected ranges held, as a part of a page."""

from __future__ import annotations

import math
from collections.abc import Mapping

from lightning_gex.evaluation import page
from lightning_gex.evaluation.ranges import MOST_CONFIDENT_SHARE, RangeOutcome
from lightning_gex.evaluation.verdict import percent, percent_interval

CAPTION = (
    f"Most confident: the {MOST_CONFIDENT_SHARE:.0%} of ranges with the highest probability. Skill: of the Brier score "
    "against the share inside said every time, which nobody could know beforehand: above 0 the probabilities told more."
)


def ranges_body(ranges: Mapping[str, RangeOutcome]) -> str:
    """The section's HTML.

    Parameters
    ----------
    ranges : as ``by_range`` gives them.
    """
    if not ranges:
        return "<p>No expected range with a probability ended within the data.</p>"
    rows = [
        [
            ticker,
            f"{found.ranges:,}",
            percent(found.inside),
            percent_interval(found.inside_interval),
            percent(found.probability_mean),
            percent(found.most_confident),
            percent_interval(found.lead_interval),
            f"{found.brier_skill:+.3f}" if math.isfinite(found.brier_skill) else "n/a",
        ]
        for ticker, found in ranges.items()
    ]
    head = ["Ticker", "Ranges", "Inside", "95% interval", "Said", "Most confident", "95% interval of the lead", "Skill"]
    return page.table(head, rows, numbers=range(1, 8), caption=CAPTION)
