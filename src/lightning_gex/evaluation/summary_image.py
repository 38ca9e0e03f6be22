"""A run on one page for a wall or a mail: verdict, key figures with their intervals, equity, drawdown, reliability.

The same run gives the same bytes: the fonts are matplotlib's own, nothing of the reader's settings is used, and no date
is written into the file.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from lightning_gex.analytics.calibration import ReliabilityBins, reliability_bins
from lightning_gex.analytics.performance import drawdown_curve
from lightning_gex.core.units import DateArray1D, Float64Array1D
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation.benchmarks import benchmarks
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.headline_tiles import basis_point_interval, basis_points, number, number_interval
from lightning_gex.evaluation.metrics import RunMetrics
from lightning_gex.evaluation.palette import AMBER, BLUE, GREEN, SLATE
from lightning_gex.evaluation.side_by_side import SideBySide
from lightning_gex.evaluation.verdict import (
    Finding,
    Verdict,
    fairest_excess,
    percent,
    percent_interval,
    points,
    verdict,
)

SUMMARY_PNG, SUMMARY_PDF = "summary.png", "summary.pdf"
_INCHES = (11.69, 8.27)  # A4, the long side across
_DOTS_PER_INCH = 150
_INK, _QUIET, _GRID, _CARD = "#1c2430", "#566172", "#d8dee6", "#f6f8fa"
_COLOURS = {Finding.BETTER: "#0b7a4b", Finding.WORSE: "#b42318", Finding.UNDECIDED: "#8a5300", Finding.NO_DATA: _QUIET}
_CURVES = (BLUE, SLATE, AMBER, GREEN)
_WRAP = 160  # characters of a line of words across the page
_LEFT, _BOTTOM, _TILE_HEIGHT = 0.04, 0.065, 0.092  # fractions of the page
_ACROSS = 4  # tiles in a row
_TILE_CHARACTERS = 42  # of a tile's small print that fit across it; longer ones are set smaller
_NEARLY_ALL = 0.9  # share seen from which on a number stands below its dot
_SPACING = 1.4  # line to line, over the size of the font
_LINE = 8.5 * _SPACING / 72 / _INCHES[1]  # of the page's height, a line of words
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": _INK,
    "text.parse_math": False,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "grid.color": _GRID,
    "grid.linewidth": 0.7,
    "xtick.color": _QUIET,
    "ytick.color": _QUIET,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "pdf.fonttype": 42,  # text stays text
}


@dataclass(frozen=True, slots=True)
class SummaryFigure:
    """One figure of the page: its name, its value, and what it must be read beside."""

    name: str
    value: str
    beside: str


@dataclass(frozen=True, slots=True, eq=False)
class SummarySheet:
    """What the page shows.

    Parameters
    ----------
    title, under : heading and the line below it.
    told : the verdict.
    figures : up to eight.
    sessions : (m,) ``datetime64[D]``. curves : name -> (m,) USD, the first is the system's.
    initial : USD before the first session.
    reliability : what was said and what came; None where nothing was judged.
    """

    title: str
    under: str
    told: Verdict
    figures: tuple[SummaryFigure, ...]
    sessions: DateArray1D
    curves: Mapping[str, Float64Array1D]
    initial: float
    reliability: ReliabilityBins | None


def summary_sheet(
    run: RunResult,
    metrics: RunMetrics,
    *,
    curves: Mapping[str, Float64Array1D] | None = None,
    title: str | None = None,
) -> SummarySheet:
    """The page of a run.

    Parameters
    ----------
    run, metrics : the run and its figures.
    curves : name -> (m,) equity of other runs over the same sessions, drawn beside the run's own.
    title : heading; None names the tickers.
    """
    index = RunIndex.of(run)
    held = benchmarks(run, index, metrics.exposure_mean)
    known = index.taken()[0].resolved
    names = ", ".join(index.tickers) if len(index.tickers) <= 4 else f"{len(index.tickers)} tickers"
    judged = bool(np.isfinite(known.confidence).any())
    return SummarySheet(
        title=title or f"Lightning GEX: {names}",
        under=f"{metrics.sessions:,} sessions from {metrics.start} to {metrics.end}, walked forward, "
        f"{metrics.trades:,} trades, costs {metrics.costs_bp:.1f} bp a side, {metrics.trials:,} variants tried",
        told=verdict(metrics),
        figures=_figures(metrics),
        sessions=run.sessions,
        curves={"Lightning GEX": run.equity, "buy and hold": held.equal_weight, **(curves or {})},
        initial=run.initial_capital,
        reliability=reliability_bins(known.confidence, known.hit, bins=10, low=0.5) if judged else None,
    )


def side_by_side_sheet(found: SideBySide, told: Verdict, *, title: str) -> SummarySheet:
    """The page of two systems side by side: the new one's figures beside the old one's.

    Parameters
    ----------
    found : the comparison.
    told : its verdict.
    title : heading.
    """
    new, old, gain, agreed = found.new.metrics, found.old.metrics, found.gain, found.agreement
    index = RunIndex.of(found.new.run)
    known = index.taken()[0].resolved
    judged = bool(np.isfinite(known.confidence).any())
    low, high = gain.return_interval
    span = f"95% {points(low)} to {points(high)}" if math.isfinite(low) else "no interval"
    figures = (
        SummaryFigure("Growth a year, new less old", f"{points(gain.return_a_year)} points", span),
        SummaryFigure("Growth a year", percent(new.cagr), f"old {percent(old.cagr)}"),
        SummaryFigure("Deepest fall", percent(new.max_drawdown), f"old {percent(old.max_drawdown)}"),
        SummaryFigure("Sharpe", number(new.sharpe), f"old {number(old.sharpe)}"),
        SummaryFigure("Accuracy", percent(new.accuracy), f"95% {percent_interval(new.accuracy_interval)}"),
        SummaryFigure("Trades", f"{new.trades:,}", f"old {old.trades:,}"),
        SummaryFigure(
            "Turnover a year", f"{number(new.turnover_per_year)}", f"old {number(old.turnover_per_year)} times equity"
        ),
        SummaryFigure(
            "Entries both made", percent(agreed.entries_shared), f"95% {percent_interval(agreed.entries_interval)}"
        ),
    )
    return SummarySheet(
        title=title,
        under=f"{len(found.sessions):,} sessions, {found.sessions[0]} to {found.sessions[-1]}; old: {found.old.words}",
        told=told,
        figures=figures,
        sessions=found.sessions,
        curves={"new": found.new.run.equity, "old": found.old.run.equity},
        initial=found.new.run.initial_capital,
        reliability=reliability_bins(known.confidence, known.hit, bins=10, low=0.5) if judged else None,
    )


def summary_images(sheet: SummarySheet) -> dict[str, bytes]:
    """The page as ``summary.png`` (1753 x 1240 pixels) and ``summary.pdf`` (A4 across); one sheet, the same bytes."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        figure = _drawn(sheet)
        png, pdf = BytesIO(), BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(png, format="png", metadata={"Software": None})
        figure.savefig(
            pdf, format="pdf", metadata={"CreationDate": None, "Producer": None, "Creator": None, "Title": sheet.title}
        )
    return {SUMMARY_PNG: png.getvalue(), SUMMARY_PDF: pdf.getvalue()}


def _figures(m: RunMetrics) -> tuple[SummaryFigure, ...]:
    against, excess, (low, high) = fairest_excess(m)
    span = f"95% {points(low)} to {points(high)}" if math.isfinite(low) else "no interval"
    held = m.buy_and_hold
    return (
        SummaryFigure(
            "Accuracy: direction right",
            percent(m.accuracy),
            f"95% {percent_interval(m.accuracy_interval)}, n {m.decisions_resolved:,}",
        ),
        SummaryFigure(f"Excess over {against}", f"{points(excess)} points" if math.isfinite(excess) else "n/a", span),
        SummaryFigure(
            "Win rate",
            percent(m.win_rate),
            f"95% {percent_interval(m.win_rate_interval)}, no skill {percent(m.win_rate_zero_skill)}",
        ),
        SummaryFigure(
            "Expectancy a trade, after costs",
            basis_points(m.expectancy_bp),
            f"95% {basis_point_interval(m.expectancy_interval_bp)}, no skill {m.expectancy_zero_skill_bp:+.1f}",
        ),
        SummaryFigure(
            "Growth a year", percent(m.cagr), f"95% {percent_interval(m.cagr_interval)}, held {percent(held.cagr)}"
        ),
        SummaryFigure(
            "Deepest fall",
            percent(m.max_drawdown),
            f"95% {percent_interval(m.max_drawdown_interval)}, held {percent(held.max_drawdown)}",
        ),
        SummaryFigure(
            "Sharpe ratio", number(m.sharpe), f"95% {number_interval(m.sharpe_interval)}, held {number(held.sharpe)}"
        ),
        SummaryFigure(
            "Brier skill",
            number(m.brier_skill, 3),
            f"95% {number_interval(m.brier_skill_interval, 3)}, calibration error {number(m.ece, 3)}",
        ),
    )


def _drawn(sheet: SummarySheet) -> Figure:
    """The page from top to bottom: what stands above pushes down what stands below."""
    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH, facecolor="white")
    figure.text(_LEFT, 0.965, sheet.title, fontsize=17, fontweight="bold", va="top")
    figure.text(_LEFT, 0.925, sheet.under, fontsize=9, color=_QUIET, va="top")
    colour = _COLOURS[sheet.told.finding]
    figure.text(_LEFT, 0.893, sheet.told.title, fontsize=13, fontweight="bold", color=colour, va="top")
    lines = [line for sentence in sheet.told.sentences for line in textwrap.wrap(sentence, _WRAP)]
    figure.text(_LEFT, 0.858, "\n".join(lines), fontsize=8.5, va="top", linespacing=_SPACING)
    top = 0.858 - _LINE * len(lines) - 0.018
    rows = math.ceil(len(sheet.figures) / _ACROSS)
    for k, one in enumerate(sheet.figures):
        _tile(figure, one, _LEFT + 0.2325 * (k % _ACROSS), top - _TILE_HEIGHT * (1 + k // _ACROSS))
    top -= _TILE_HEIGHT * rows + 0.045
    whole = top - _BOTTOM
    _equity(figure.add_axes((0.075, _BOTTOM + 0.45 * whole, 0.52, 0.55 * whole)), sheet)
    _drawdown(figure.add_axes((0.075, _BOTTOM, 0.52, 0.27 * whole)), sheet)
    _reliability(figure.add_axes((0.68, _BOTTOM, 0.28, whole)), sheet.reliability)
    return figure


def _tile(figure: Figure, one: SummaryFigure, left: float, bottom: float) -> None:
    axes = figure.add_axes((left, bottom, 0.2225, _TILE_HEIGHT - 0.01))
    axes.set_facecolor(_CARD)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    small = min(1.0, _TILE_CHARACTERS / len(one.name)), min(1.0, _TILE_CHARACTERS / max(len(one.beside), 1))
    axes.text(0.04, 0.86, one.name, fontsize=8 * small[0], color=_QUIET, va="top", transform=axes.transAxes)
    axes.text(0.04, 0.60, one.value, fontsize=14, fontweight="bold", va="top", transform=axes.transAxes)
    axes.text(0.04, 0.20, one.beside, fontsize=7.6 * small[1], color=_QUIET, va="top", transform=axes.transAxes)


def _equity(axes: Axes, sheet: SummarySheet) -> None:
    axes.set_title("Equity, USD")
    for (name, curve), colour in zip(sheet.curves.items(), _CURVES, strict=False):
        label = name.split(":")[0]  # what it is; how it is made stands in the report
        axes.plot(_days(sheet.sessions), curve, color=colour, linewidth=1.4, label=label)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda usd, _: f"{usd:,.0f}"))
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(sheet.curves), borderaxespad=0.2)
    _gridded(axes)


def _drawdown(axes: Axes, sheet: SummarySheet) -> None:
    axes.set_title("Drawdown, share of the highest equity so far")
    for (_, curve), colour in zip(sheet.curves.items(), _CURVES, strict=False):
        axes.plot(_days(sheet.sessions), -drawdown_curve(np.r_[sheet.initial, curve])[1:], color=colour, linewidth=1.1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    _gridded(axes)


def _reliability(axes: Axes, bins: ReliabilityBins | None) -> None:
    axes.set_title("Is the confidence a probability?")
    axes.set_xlim(0.5, 1.0)
    axes.set_ylim(0.0, 1.0)
    axes.plot([0.5, 1.0], [0.5, 1.0], color=SLATE, linewidth=1, linestyle=(0, (4, 3)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel("said")
    axes.set_ylabel("seen")
    _gridded(axes)
    if bins is None:
        axes.text(0.75, 0.25, "no decision with a confidence is resolved", ha="center", color=_QUIET)
        return
    shown = bins.count > 0
    size = 25.0 + 275.0 * bins.count[shown] / bins.count[shown].max()
    axes.scatter(bins.mean_probability[shown], bins.observed[shown], s=size, color=BLUE, alpha=0.85, edgecolors="white")
    for x, y, n in zip(bins.mean_probability[shown], bins.observed[shown], bins.count[shown], strict=True):
        away = 11 if y < _NEARLY_ALL else -18  # points; above all is the title
        axes.annotate(
            f"{n:,}", (x, y), textcoords="offset points", xytext=(0, away), ha="center", fontsize=7.5, color=_QUIET
        )


def _gridded(axes: Axes) -> None:
    axes.grid(visible=True)
    axes.tick_params(length=0, pad=5)


def _days(sessions: DateArray1D) -> Any:  # noqa: ANN401 - whatever matplotlib takes as dates
    return sessions.astype("datetime64[D]").astype(object)
