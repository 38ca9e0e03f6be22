"""Pictures of dealer positioning as one image: ``picture_data`` drawn by matplotlib, the one door to it.

The same chain gives the same bytes: the fonts are matplotlib's own, nothing of the reader's settings is used, and no
date or version is written into the file.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from textwrap import wrap
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Affine2D

from lightning_gex.core.units import Float64Array1D
from lightning_gex.evaluation.palette import BAND, NEGATIVE, POSITIVE, SLATE, ZERO
from lightning_gex.evaluation.picture_builders import PictureSet
from lightning_gex.evaluation.picture_data import (
    Bars,
    HeatMap,
    HedgingFlow,
    NetBars,
    Profile,
    TermStructure,
    tone,
    tone_ticks,
)
from lightning_gex.evaluation.picture_headline import Fact, Headline
from lightning_gex.evaluation.picture_scale import Mark, MarkKind, PriceRange, placed_labels, price_text

WIDTH, DOTS_PER_INCH = 1600, 100  # pixels
_INK, _QUIET, _GRID, _CARD, _WARN, _WARN_PAPER = "#1c2430", "#566172", "#d8dee6", "#f6f8fa", "#8a5300", "#fff4dc"
_MARGIN, _GUTTER = 40, 56  # pixels: around the image, between columns
_COLUMN = (WIDTH - 2 * _MARGIN - _GUTTER) // 2
_AXIS_LEFT, _ROWS_LEFT = 78, 158  # pixels left of a plot for numbers, and for names of rows
_APART = 24  # pixels between the map ahead and the bars beside it
_BOLD = 10.6  # pixels of a character of a warning
_SMALL = 7.4  # pixels of a character of small words
_FEW = 6  # expiries that fill the width: fewer are not stretched
_WIDE = 450  # pixels from which a colour scale has room for every number
_ROW = 19  # pixels between rows of labels
_CHARACTER = 8.4  # pixels, of the labels' font, on the wide side
_HEAD, _TILE, _MIDDLE, _LOWER, _DRIFT = 112, 124, 480, 640, 210  # pixels of the image's parts
_POINTS = 72 / DOTS_PER_INCH  # typographic points a pixel
_TITLE = 54  # pixels above a plot for its title and gist
_LINES = {
    MarkKind.SPOT: (_INK, "solid", 2.0),
    MarkKind.ZERO_GAMMA: (ZERO, "solid", 2.0),
    MarkKind.CALL_WALL: (POSITIVE, (0, (6, 3)), 2.0),
    MarkKind.PUT_WALL: (NEGATIVE, (0, (2, 2)), 2.0),
    MarkKind.MAX_PAIN: (SLATE, (0, (6, 2, 1, 2)), 1.6),
}
#: The same colours as words on white: dark enough to read.
_WORDS = {
    MarkKind.SPOT: _INK,
    MarkKind.ZERO_GAMMA: "#b30d5a",
    MarkKind.CALL_WALL: "#1d5fd1",
    MarkKind.PUT_WALL: "#9a5b00",
    MarkKind.MAX_PAIN: _QUIET,
}
_DIVERGING = LinearSegmentedColormap.from_list("exposure", [NEGATIVE, "#ffffff", POSITIVE])
_STEPS = [1, 2, 2.5, 5, 10]  # people count in these
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": _INK,
    "text.parse_math": False,  # a dollar sign in a file's name is a dollar sign
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 10.5,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True)
class _Box:
    """A part of the image, in pixels from its top left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The paper: places in pixels from the top left corner."""

    figure: Figure
    height: float

    def axes(self, box: _Box) -> Axes:
        """Axes that fill a box."""
        bottom = self.height - box.top - box.height
        return self.figure.add_axes(
            (box.left / WIDTH, bottom / self.height, box.width / WIDTH, box.height / self.height)
        )

    def text(self, left: float, top: float, words: str, size: float = 11.0, **how: Any) -> None:  # noqa: ANN401
        """Words with their upper left corner at a place."""
        style: dict[str, Any] = {"va": "top", "ha": "left", "color": _INK, **how}
        self.figure.text(left / WIDTH, 1.0 - top / self.height, words, fontsize=size, **style)

    def card(self, box: _Box, paper: str, edge: str) -> None:
        """A box with round corners."""
        self.figure.patches.append(
            FancyBboxPatch(
                (box.left, self.height - box.top - box.height), box.width, box.height,
                boxstyle="round,pad=0,rounding_size=8", facecolor=paper, edgecolor=edge, linewidth=1,
                transform=Affine2D().scale(1 / DOTS_PER_INCH) + self.figure.dpi_scale_trans,
            )
        )  # fmt: skip


def positioning_png(pictures: PictureSet) -> bytes:
    """Everything a chain's page shows as one image.

    Parameters
    ----------
    pictures : of one chain.

    Returns
    -------
    A PNG file, 1600 pixels wide, as tall as its rows need; the same bytes for the same pictures.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        out = BytesIO()
        with warnings.catch_warnings():
            # A name in a script that the font lacks is drawn as boxes; there is nothing a reader could do about it.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            _drawn(pictures).savefig(out, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return out.getvalue()


def _drawn(shown: PictureSet) -> Figure:
    """Two columns under a headline; the price axes of the left one stand above each other."""
    head = _HEAD + sum(_banner_height(lines) for lines in _banners(shown.headline))
    upper = max(_MIDDLE, _TITLE + _ROW * _most_label_rows(shown.expiries) + 20 * len(shown.expiries.rows) + 120)
    height = head + 2 * _TILE + upper + _MIDDLE + _LOWER + 44
    figure = Figure(figsize=(WIDTH / DOTS_PER_INCH, height / DOTS_PER_INCH), facecolor="white")
    FigureCanvasAgg(figure)
    sheet = _Sheet(figure, height)
    _headline(sheet, shown.headline)
    left, right, top = _MARGIN, _MARGIN + _COLUMN + _GUTTER, head + 2 * _TILE + 10
    _bars(sheet, shown.gamma, _Box(left, top, _COLUMN, upper))
    _heat(sheet, shown.expiries, _Box(right, top, _COLUMN, upper))
    top += upper
    _profile(sheet, shown.profile, _Box(left, top, _COLUMN, _MIDDLE))
    plot = _heat(sheet, shown.ahead, _Box(right, top, _COLUMN - _DRIFT, _MIDDLE))
    _flow(sheet, shown.drift, plot, _Box(right + _COLUMN - _DRIFT, top, _DRIFT, _MIDDLE))
    top += _MIDDLE
    _net_bars(sheet, shown.vanna, _Box(left, top, _COLUMN, _LOWER / 2))
    _net_bars(sheet, shown.charm, _Box(left, top + _LOWER / 2, _COLUMN, _LOWER / 2))
    _term(sheet, shown.term, _Box(right, top, _COLUMN, _LOWER))
    sheet.text(_MARGIN, height - 30, shown.headline.stamp, size=10.5, color=_QUIET)
    return figure


def _headline(sheet: _Sheet, said: Headline) -> None:
    sheet.text(_MARGIN, 30, f"Dealer positioning: {said.underlying}", size=24, weight="bold")
    sheet.text(_MARGIN, 76, said.as_of, size=13, color=_QUIET)
    if said.badge:
        sheet.text(
            WIDTH - _MARGIN - 12, 44, said.badge, size=13, weight="bold", color=_WARN, ha="right",
            bbox={"boxstyle": "round,pad=0.5", "facecolor": _WARN_PAPER, "edgecolor": _WARN},
        )  # fmt: skip
    top: float = _HEAD
    for lines in _banners(said):
        height = _banner_height(lines)
        sheet.card(_Box(_MARGIN, top, WIDTH - 2 * _MARGIN, height - 8), _WARN_PAPER, _WARN)
        sheet.text(_MARGIN + 14, top + 10, "\n".join(lines), size=11.5, weight="bold", color=_WARN, linespacing=1.3)
        top += height
    across = (WIDTH - 2 * _MARGIN + 12) / 4
    for k, fact in enumerate(said.facts):
        _tile(sheet, fact, _Box(_MARGIN + (k % 4) * across, top + (k // 4) * _TILE, across - 12, _TILE - 10))


def _banners(said: Headline) -> list[list[str]]:
    """Each warning in the lines it takes."""
    return [wrap(sentence, int((WIDTH - 2 * _MARGIN - 28) / _BOLD)) for sentence in said.warnings]


def _banner_height(lines: list[str]) -> int:
    return 28 + 21 * len(lines)


def _tile(sheet: _Sheet, fact: Fact, box: _Box) -> None:
    sheet.card(box, _CARD, _GRID)
    sheet.text(box.left + 14, box.top + 9, fact.name, size=10.5, color=_QUIET)
    sheet.text(box.left + 14, box.top + 29, fact.value, size=17, weight="bold")
    beside = [line for words in fact.beside for line in wrap(words, int((box.width - 20) / _SMALL))]
    sheet.text(box.left + 14, box.top + 61, "\n".join(beside[:3]), size=10, color=_QUIET, linespacing=1.3)


def _bars(sheet: _Sheet, bars: Bars, box: _Box) -> None:
    axes = _price_axes(sheet, bars, box, "Strike (USD)", legend=True)
    same_side = np.sign(bars.calls) == np.sign(bars.puts)
    width = 0.86 * bars.width
    axes.bar(bars.prices, bars.calls, width, color=POSITIVE, label="calls", linewidth=0)
    axes.bar(
        bars.prices, bars.puts, width, bottom=np.where(same_side, bars.calls, 0.0), color=NEGATIVE, label="puts",
        linewidth=0,
    )  # fmt: skip
    axes.plot(bars.prices, bars.net, color=_INK, linewidth=1.4, marker="o", markersize=3, label="net")
    axes.set_ylabel(bars.unit.words)
    _legend(axes, 3)


def _net_bars(sheet: _Sheet, bars: NetBars, box: _Box) -> None:
    axes = _price_axes(sheet, bars, box, "Strike (USD)", legend=False)
    axes.bar(bars.prices, bars.net, 0.86 * bars.width, color=_by_sign(bars.net), linewidth=0)
    axes.set_ylabel(bars.unit.words)


def _profile(sheet: _Sheet, profile: Profile, box: _Box) -> None:
    axes = _price_axes(sheet, profile, box, "Spot (USD)", legend=True)
    x, y = profile.prices, profile.net
    if np.isfinite(profile.move).all():
        axes.axvspan(*profile.move, color=BAND, alpha=0.18, linewidth=0, zorder=0)
    if np.isfinite(profile.low).any():
        span = f"span of {', '.join(profile.models)}"
        axes.fill_between(x, profile.low, profile.high, color=BAND, alpha=0.30, linewidth=0, label=span)
    for side, colour, word in ((y > 0, POSITIVE, "long"), (y < 0, NEGATIVE, "short")):
        if side.any():
            part = np.where(side, y, 0.0)
            axes.fill_between(x, 0.0, part, color=colour, alpha=0.45, linewidth=0, label=f"{word} gamma")
    axes.plot(x, y, color=_INK, linewidth=2.0, label="net gamma")
    roots = [mark.price for mark in profile.marks if mark.kind is MarkKind.ZERO_GAMMA]
    if roots:
        axes.plot(roots, [0.0] * len(roots), "o", color=ZERO, markersize=9, markeredgecolor="white", zorder=6)
    axes.set_ylim(*profile.reach)
    axes.set_ylabel(profile.unit.words)
    _legend(axes, 4)


def _heat(sheet: _Sheet, heat: HeatMap, box: _Box) -> _Box:
    """Draws the map; the box of its plot, for what stands beside it."""
    above = _TITLE + _ROW * _most_label_rows(heat, box.width - _ROWS_LEFT)
    plot = _Box(box.left + _ROWS_LEFT, box.top + above, box.width - _ROWS_LEFT, box.height - above - 112)
    axes = sheet.axes(plot)
    _title(sheet, heat.title, heat.gist, box)
    middle = heat.prices
    half = 0.5 * (middle[1] - middle[0]) if len(middle) > 1 else 0.05 * (heat.shown.high - heat.shown.low)
    edges = np.r_[middle - half, middle[-1:] + half]
    tones = np.ma.masked_invalid(tone(heat.net, heat.limit))
    mesh = axes.pcolormesh(edges, np.arange(len(heat.rows) + 1) - 0.5, tones, cmap=_DIVERGING, vmin=-1, vmax=1)
    for price, row in heat.zero:
        axes.plot(price, row, "o", color=ZERO, markersize=8, markeredgecolor="white", zorder=6)
    axes.set_ylim(len(heat.rows) - 0.5, -0.5)
    axes.set_yticks(range(len(heat.rows)), heat.rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _along_price(axes, heat.marks, heat.shown, plot.width)
    axes.set_xlabel("Price (USD)")
    ticks = tone_ticks(heat.limit, heat.unit)[:: 1 if plot.width > _WIDE else 2]
    scale = sheet.axes(_Box(plot.left, plot.top + plot.height + 62, plot.width, 9))
    bar = sheet.figure.colorbar(mesh, cax=scale, orientation="horizontal", ticks=[at for at, _ in ticks])
    bar.outline.set_visible(False)
    scale.set_xticklabels([text for _, text in ticks])
    scale.tick_params(length=0)
    sheet.text(box.left, plot.top + plot.height + 56, "USD per 1 %", size=10.5, color=_QUIET)
    return plot


def _flow(sheet: _Sheet, flow: HedgingFlow, beside: _Box, box: _Box) -> None:
    """Bars on the rows of the map beside them, whose first row is now."""
    _title(sheet, flow.title, flow.gist, _Box(box.left + _APART, box.top, box.width, box.height))
    axes = sheet.axes(_Box(box.left + _APART, beside.top, box.width - _APART, beside.height))
    rows = np.arange(1, len(flow.moments) + 1)
    axes.barh(rows, flow.usd, 0.7, color=_by_sign(flow.usd), linewidth=0)
    axes.set_ylim(len(rows) + 0.5, -0.5)
    axes.set_yticks([])
    axes.axvline(0.0, color=_INK, linewidth=1)
    axes.grid(axis="x")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.xaxis.set_major_locator(MaxNLocator(3, steps=_STEPS))
    axes.set_xlabel(flow.unit.words)


def _term(sheet: _Sheet, term: TermStructure, box: _Box) -> None:
    _title(sheet, term.title, term.gist, box)
    x = np.arange(len(term.expiries))
    names = ("At-the-money vol (% a year)", "Straddle (% of spot)", f"Net gamma ({term.unit.words})")
    below = 40 + _CHARACTER * max((len(label) for label in term.expiries), default=0)
    inner = (box.height - _TITLE - below) / 3
    for k, name in enumerate(names):
        top = box.top + _TITLE + 24 + k * inner
        axes = sheet.axes(_Box(box.left + _AXIS_LEFT, top, box.width - _AXIS_LEFT, inner - 34))
        axes.set_title(name, loc="left", fontsize=11, pad=5)
        if k == 0:
            axes.plot(x, term.atm_vol_pct, color=POSITIVE, marker="o", markersize=5, linewidth=2)
        elif k == 1:
            axes.bar(x, term.straddle_pct, 0.7, color=SLATE, linewidth=0)
        else:
            axes.bar(x, term.net_gamma, 0.7, color=_by_sign(term.net_gamma), linewidth=0)
            axes.axhline(0.0, color=_INK, linewidth=1)
        axes.set_xlim(-0.7, max(len(x), _FEW) - 0.3)
        axes.set_xticks(x, term.expiries if k == 2 else [""] * len(x), rotation=90)
        axes.grid(axis="y")
        axes.tick_params(length=0)
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=_STEPS))
    axes.set_xlabel("Expiry (date, days to it)")


def _price_axes(sheet: _Sheet, picture: Bars | NetBars | Profile, box: _Box, words: str, *, legend: bool) -> Axes:
    """Axes with title, price axis and levels."""
    _title(sheet, picture.title, picture.gist, box)
    width = box.width - _AXIS_LEFT
    placed = placed_labels(picture.marks, picture.shown, _CHARACTER / width)
    above = _TITLE + _ROW * max((label.row + 1 for label in placed), default=0)
    below = 100 if legend else 66
    axes = sheet.axes(_Box(box.left + _AXIS_LEFT, box.top + above, width, box.height - above - below))
    _along_price(axes, picture.marks, picture.shown, width)
    axes.set_xlabel(words)
    axes.axhline(0.0, color=_INK, linewidth=1)
    axes.grid()
    axes.tick_params(length=0)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=_STEPS))
    return axes


def _along_price(axes: Axes, marks: Sequence[Mark], shown: PriceRange, width: float) -> None:
    axes.set_xlim(shown.low, shown.high)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda price, _: price_text(price)))
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=_STEPS))
    placed = placed_labels(marks, shown, _CHARACTER / width)
    for mark in marks:
        colour, dash, thick = _LINES[mark.kind]
        axes.axvline(mark.price, color=colour, linestyle=dash, linewidth=thick, zorder=4)
    for label in reversed(placed):  # labels of lower rows stand before the leaders of higher ones
        up = 3 + _ROW * label.row
        foot = axes.get_xaxis_transform()
        for mark in label.marks:
            colour, dash, thick = _LINES[mark.kind]
            axes.annotate(
                "", (mark.price, 1.0), (0, up * _POINTS), xycoords=foot, textcoords="offset points",
                arrowprops={"arrowstyle": "-", "color": colour, "linestyle": dash, "linewidth": thick, "shrinkA": 0,
                            "shrinkB": 0},
            )  # fmt: skip
        axes.annotate(
            label.text, (label.share, 1.0), (0, up * _POINTS), xycoords="axes fraction", textcoords="offset points",
            ha="center", va="bottom", fontsize=11,
            color=_WORDS[label.marks[0].kind] if len(label.marks) == 1 else _INK,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
        )  # fmt: skip


def _most_label_rows(heat: HeatMap, width: float = _COLUMN - _ROWS_LEFT) -> int:
    placed = placed_labels(heat.marks, heat.shown, _CHARACTER / width)
    return max((label.row + 1 for label in placed), default=0)


def _title(sheet: _Sheet, title: str, gist: str, box: _Box) -> None:
    sheet.text(box.left, box.top, title, size=14, weight="bold")
    sheet.text(box.left, box.top + 25, "\n".join(wrap(gist, int(box.width / _SMALL))), size=10.5, color=_QUIET)


def _legend(axes: Axes, columns: int) -> None:
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(0.0, -54 / axes.bbox.height),
        ncols=columns,
        borderaxespad=0.0,
        handlelength=1.3,
        columnspacing=1.2,
        handletextpad=0.5,
    )


def _by_sign(values: Float64Array1D) -> list[str]:
    return [NEGATIVE if value < 0 else POSITIVE for value in values]
