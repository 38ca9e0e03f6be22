"""The verdicts of a run as one image: every effect with its interval, drawn by matplotlib.

The same run gives the same bytes: the fonts are matplotlib's own and no date or version is written into the file.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lightning_gex.evaluation.falsification import Falsification, Verdict
from lightning_gex.evaluation.falsification_section import FARTHEST, VERDICT_COLOURS, scaled

_DOTS_PER_INCH = 100
_WIDTH, _ROW, _HEAD = 12.0, 0.30, 1.9  # inches
_MARKS = ("o", "<", ">")
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def falsification_png(found: Falsification) -> bytes:
    """Every tested claim's effect in units of the smallest that would matter, + as claimed.

    Parameters
    ----------
    found : the run.

    Returns
    -------
    PNG, 1,200 pixels wide.
    """
    names = list(dict.fromkeys(f.hypothesis.name for f in found.findings if f.measured is not None))[::-1]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _HEAD + _ROW * max(len(names), 1)), dpi=_DOTS_PER_INCH, layout="constrained")
        axes = figure.add_subplot()
        for k, period in enumerate(found.periods):
            shift = 0.22 * (k - (len(found.periods) - 1) / 2)
            for finding in found.of(period):
                if finding.measured is None:
                    continue
                effect, low, high = (min(max(v, -FARTHEST), FARTHEST) for v in scaled(finding))
                y, colour = names.index(finding.hypothesis.name) - shift, VERDICT_COLOURS[finding.verdict]
                axes.plot([low, high], [y, y], color=colour, linewidth=1.6)
                axes.plot([effect], [y], marker=_MARKS[k % len(_MARKS)], color=colour, markersize=6)
        axes.axvline(0.0, color="#566172", linewidth=1.0)
        axes.axvline(1.0, color="#566172", linewidth=1.0, linestyle=":")
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(-0.7, len(names) - 0.3)
        axes.set_xlim(-FARTHEST, FARTHEST)
        axes.set_xlabel("effect as claimed, in units of the smallest that would matter (dotted); bar: 95% interval")
        axes.set_title(f"Claims about dealers' gamma: {found.ticker}", loc="left", fontsize=13)
        marks = [
            Line2D([], [], color="#1c2430", marker=_MARKS[k % len(_MARKS)], linestyle="", label=period)
            for k, period in enumerate(found.periods)
        ]
        colours = [
            Line2D([], [], color=VERDICT_COLOURS[verdict], linewidth=3, label=verdict.value)
            for verdict in Verdict
            if verdict is not Verdict.NOT_TESTABLE
        ]
        figure.legend(handles=[*marks, *colours], loc="outside lower center", ncols=4, frameon=False)
        out = BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()
