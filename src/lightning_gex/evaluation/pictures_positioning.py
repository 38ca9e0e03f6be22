"""Pictures of dealer positioning for a page: ``picture_data`` drawn by Plotly.

Above each picture its levels are named in rows that do not touch, once for a wide screen and once for a phone
(``layout.meta``); the page's own script puts the fitting ones in place, and its text and line colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from plotly.subplots import make_subplots

from lightning_gex.core.units import Float64Array1D
from lightning_gex.evaluation.palette import BAND, NEGATIVE, POSITIVE, SLATE, ZERO, translucent
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
from lightning_gex.evaluation.picture_scale import Mark, MarkKind, PlacedLabel, PriceRange, placed_labels
from lightning_gex.evaluation.pictures import Figure, blank_figure, style_figure

INK, PAPER = "#667085", "rgba(0,0,0,0)"  # of lines and behind labels until the page's script gives its own
INK_NAME = "ink"  # what that script looks for
_LINES = {
    MarkKind.SPOT: (INK, "solid", 2.0),
    MarkKind.ZERO_GAMMA: (ZERO, "solid", 2.0),
    MarkKind.CALL_WALL: (POSITIVE, "dash", 2.0),
    MarkKind.PUT_WALL: (NEGATIVE, "dot", 2.0),
    MarkKind.MAX_PAIN: (SLATE, "dashdot", 1.6),
}
_FEW = 6  # expiries that fill a picture: fewer are not stretched
_ROW = 17  # pixels between rows of labels
_CHARACTER = 6.6  # pixels, of the labels' font
_SIDES = 96  # pixels left and right of the plot
_ABOVE = 34  # pixels above the labels, for the buttons
_HEAT_FRAME, _HEAT_ROW = 190, 22  # pixels
_WIDTHS = {"wide": 1040, "narrow": 340}  # pixels of the whole picture that labels are set for
_DIVERGING = [
    [0.0, translucent(NEGATIVE, 1)],
    [0.5, translucent(NEGATIVE, 0)],
    [0.5, translucent(POSITIVE, 0)],
    [1.0, translucent(POSITIVE, 1)],
]  # nothing is the paper's own colour, light or dark


def bars_figure(bars: Bars, height: int = 430) -> Figure:
    """Exposure of calls and puts by strike, their net as a line, and the levels."""
    figure = blank_figure(height, "Strike (USD)", bars.unit.words)
    for name, values, colour in (("calls", bars.calls, POSITIVE), ("puts", bars.puts, NEGATIVE)):
        figure.add_bar(
            x=bars.prices,
            y=values,
            width=bars.width * 0.86,
            name=name,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate="%{y:+,.3~g}",
        )
    figure.add_scatter(
        x=bars.prices,
        y=bars.net,
        name="net",
        mode="lines+markers",
        meta=INK_NAME,
        line={"color": INK, "width": 1.4},
        marker={"color": INK, "size": 4},
        hovertemplate="%{y:+,.3~g}",
    )
    figure.update_layout(barmode="relative", bargap=0.0)
    _legend_below(figure)
    figure.update_yaxes(zeroline=True, zerolinewidth=1.5)
    _along_price(figure, bars.shown, bars.marks)
    return figure


def net_bars_figure(bars: NetBars) -> Figure:
    """A net exposure by strike, coloured by its sign."""
    figure = blank_figure(280, "Strike (USD)", bars.unit.words)
    figure.add_bar(
        x=bars.prices,
        y=bars.net,
        width=bars.width * 0.86,
        showlegend=False,
        marker={"color": _by_sign(bars.net), "line": {"width": 0}},
        hovertemplate="%{x:,.2f}: %{y:+,.3~g}<extra></extra>",
    )
    figure.update_yaxes(zeroline=True, zerolinewidth=1.5)
    _along_price(figure, bars.shown, bars.marks)
    return figure


def profile_figure(profile: Profile, height: int = 430) -> Figure:
    """Net gamma against spot: area by sign, the other dealer models' span, every zero gamma as a dot."""
    figure = blank_figure(height, "Spot (USD)", profile.unit.words)
    x = profile.prices
    if np.isfinite(profile.low).any():
        edge = {"color": BAND, "width": 1, "dash": "dot"}
        nothing: dict[str, Any] = {"mode": "lines", "line": edge, "hoverinfo": "skip"}
        figure.add_scatter(x=x, y=profile.low, showlegend=False, **nothing)
        name = f"span of {', '.join(profile.models)}"
        figure.add_scatter(x=x, y=profile.high, name=name, fill="tonexty", fillcolor=translucent(BAND, 0.30), **nothing)
    for name, part, colour in (
        ("long gamma", np.maximum(profile.net, 0.0), POSITIVE),
        ("short gamma", np.minimum(profile.net, 0.0), NEGATIVE),
    ):
        figure.add_scatter(
            x=x, y=part, name=name, mode="lines", line={"color": colour, "width": 0}, fill="tozeroy",
            fillcolor=translucent(colour, 0.45), hoverinfo="skip", showlegend=bool(part.any()),
        )  # fmt: skip
    figure.add_scatter(
        x=x, y=profile.net, name="net gamma", mode="lines", meta=INK_NAME, line={"color": INK, "width": 2.2},
        hovertemplate="%{y:+,.3~g}",
    )  # fmt: skip
    roots = [mark.price for mark in profile.marks if mark.kind is MarkKind.ZERO_GAMMA]
    figure.add_scatter(
        x=roots, y=[0.0] * len(roots), name="zero gamma", mode="markers", showlegend=bool(roots),
        marker={"color": ZERO, "size": 11, "line": {"color": "white", "width": 1.5}},
        hovertemplate="%{x:,.2f}<extra>zero gamma</extra>",
    )  # fmt: skip
    figure.update_yaxes(zeroline=True, zerolinewidth=2, range=profile.reach)
    _legend_below(figure)
    _along_price(figure, profile.shown, profile.marks, _move_shade(profile.move))
    return figure


def heat_figure(heat: HeatMap) -> Figure:
    """Net gamma by price and row, on a colour scale that is the same on both sides of nothing."""
    figure = blank_figure(_HEAT_FRAME + _HEAT_ROW * max(len(heat.rows), _FEW), "Price (USD)", None)
    figure.add_heatmap(
        x=heat.prices,
        y=list(heat.rows),
        z=np.round(tone(heat.net, heat.limit), 4),
        customdata=heat.net,
        coloraxis="coloraxis",
        hoverongaps=False,
        hovertemplate="%{y}, %{x:,.2f}: %{customdata:+,.3~g} " + heat.unit.words + "<extra></extra>",
    )
    if heat.zero:
        figure.add_scatter(
            x=[price for price, _ in heat.zero],
            y=[heat.rows[row] for _, row in heat.zero],
            mode="markers",
            name="zero gamma",
            marker={"color": ZERO, "size": 10, "line": {"color": "white", "width": 1.5}},
            hovertemplate="%{y}, %{x:,.2f}<extra>zero gamma</extra>",
            showlegend=False,
        )
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    _along_price(figure, heat.shown, heat.marks)
    _colour_scale(figure, heat)
    figure.update_layout(hovermode="closest", margin={"b": 112})
    return figure


def term_figure(term: TermStructure) -> Figure:
    """At-the-money volatility, straddle and net gamma of every expiry, one above the other."""
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.07, row_heights=[0.36, 0.28, 0.36])
    style_figure(figure, 620)
    x = list(term.expiries)
    figure.add_scatter(
        x=x, y=term.atm_vol_pct, mode="lines+markers", line={"color": POSITIVE, "width": 2.2}, marker={"size": 6},
        hovertemplate="%{x}: %{y:.1f} %<extra></extra>", row=1, col=1,
    )  # fmt: skip
    figure.add_bar(
        x=x, y=term.straddle_pct, marker={"color": SLATE}, hovertemplate="%{x}: %{y:.2f} %<extra></extra>", row=2, col=1
    )
    figure.add_bar(
        x=x,
        y=term.net_gamma,
        marker={"color": _by_sign(term.net_gamma)},
        hovertemplate="%{x}: %{y:+,.3~g}<extra></extra>",
        row=3,
        col=1,
    )
    titles = ("At-the-money vol (% a year)", "Straddle (% of spot)", f"Net gamma ({term.unit.words})")
    for row, title in enumerate(titles, start=1):
        figure.add_annotation(
            text=title, xref="paper", yref=f"y{row if row > 1 else ''} domain", x=0, y=1, xanchor="left",
            yanchor="bottom", showarrow=False, yshift=3, font={"size": 13},
        )  # fmt: skip
    figure.update_layout(showlegend=False, hovermode="x", bargap=0.3, margin={"t": 62})
    figure.update_xaxes(type="category", tickangle=-90, showgrid=False, range=[-0.7, max(len(x), _FEW) - 0.3])
    figure.update_xaxes(title="Expiry (date, days to it)", row=3, col=1)
    figure.update_yaxes(rangemode="tozero", row=2, col=1)
    return figure


def flow_figure(flow: HedgingFlow) -> Figure:
    """What dealers must trade as time alone passes."""
    figure = blank_figure(300, None, flow.unit.words)
    figure.add_bar(
        x=list(flow.moments),
        y=flow.usd,
        marker={"color": _by_sign(flow.usd)},
        hovertemplate="%{x}: %{y:+,.3~g}<extra></extra>",
    )
    figure.update_layout(showlegend=False, hovermode="x", bargap=0.35)
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(zeroline=True, zerolinewidth=1.5)
    return figure


def _by_sign(values: Float64Array1D) -> list[str]:
    return [NEGATIVE if value < 0 else POSITIVE for value in values]


def _along_price(
    figure: Figure,
    shown: PriceRange,
    marks: tuple[Mark, ...],
    shades: Sequence[dict[str, Any]] = (),
    row_title: str = "",
) -> None:
    """A price axis with the levels as lines, named above the plot."""
    figure.update_xaxes(range=[shown.low, shown.high], tickformat=",~f")
    lines = [_line(mark, {"y0": 0, "y1": 1}) for mark in marks]
    screens = {}
    for screen, pixels in _WIDTHS.items():
        placed = placed_labels(marks, shown, _CHARACTER / (pixels - _SIDES))
        above = _ABOVE + _ROW * max((label.row + 1 for label in placed), default=0)
        screens[screen] = {
            "annotations": [_label(label, shown) for label in placed],
            "shapes": [*shades, *lines] + [_leader(label) for label in placed],
            "margin.t": above,
            "height": figure.layout.height - _ABOVE + above,
        }
    screens["narrow"]["dragmode"] = False  # a finger scrolls the page
    wide = screens["wide"]
    figure.update_layout(
        meta={"screens": screens},
        annotations=wide["annotations"],
        shapes=wide["shapes"],
        margin={"t": wide["margin.t"]},
        height=wide["height"],
    )


def _colour_scale(figure: Figure, heat: HeatMap) -> None:
    """The scale below the map; a phone has no room for every number, nor for the title of the rows."""
    ticks = tone_ticks(heat.limit, heat.unit)
    screens = figure.layout.meta["screens"]
    for screen, shown, title in (("wide", ticks, heat.row_title), ("narrow", ticks[::2], "")):
        screens[screen]["coloraxis.colorbar.tickvals"] = [at for at, _ in shown]
        screens[screen]["coloraxis.colorbar.ticktext"] = [text for _, text in shown]
        screens[screen]["yaxis.title.text"] = title
    bar = {"orientation": "h", "yref": "container", "y": 0.0, "yanchor": "bottom", "thickness": 9, "outlinewidth": 0}
    bar |= {"title": {"text": "Net gamma (USD per 1 %)", "side": "bottom", "font": {"size": 12}}, "tickangle": 0}
    bar |= {"tickvals": [at for at, _ in ticks], "ticktext": [text for _, text in ticks]}
    figure.update_layout(
        meta={"screens": screens},
        yaxis={"title": heat.row_title},
        coloraxis={"cmin": -1, "cmax": 1, "colorscale": _DIVERGING, "colorbar": bar},
    )


def _legend_below(figure: Figure, rows: int = 1) -> None:
    """The legend under the axis title, where no label of a level can meet it."""
    figure.update_layout(
        legend={"orientation": "h", "yref": "container", "y": 0.0, "yanchor": "bottom", "font": {"size": 12}},
        margin={"b": 62 + 19 * rows},
    )


def _line(mark: Mark, upright: dict[str, Any]) -> dict[str, Any]:
    colour, dash, width = _LINES[mark.kind]
    return {
        "type": "line",
        "x0": mark.price,
        "x1": mark.price,
        "yref": "paper",
        "name": INK_NAME if colour == INK else mark.kind.value,
        "line": {"color": colour, "dash": dash, "width": width},
        **upright,
    }


def _leader(label: PlacedLabel) -> dict[str, Any]:
    """From the plot up to the label; labels of lower rows stand before it."""
    up = {"ysizemode": "pixel", "yanchor": 1, "y0": 0, "y1": 3 + _ROW * label.row}
    return _line(label.marks[-1], up)


def _label(label: PlacedLabel, shown: PriceRange) -> dict[str, Any]:
    colours = [_LINES[mark.kind][0] for mark in label.marks]
    signs = "".join(f'<span style="color:{c}">\N{BLACK SQUARE}</span>' for c in colours if c != INK)
    return {
        "text": f"{signs} {label.text}".lstrip(),
        "x": shown.low + label.share * (shown.high - shown.low),
        "y": 1.0,
        "yref": "paper",
        "yanchor": "bottom",
        "yshift": 2 + _ROW * label.row,
        "showarrow": False,
        "borderpad": 0,
        "bgcolor": PAPER,
        "font": {"size": 12},
    }


def _move_shade(move: tuple[float, float]) -> tuple[dict[str, Any], ...]:
    """One expected move to both sides of spot; nothing where it is not known."""
    if not np.isfinite(move).all():
        return ()
    place = {"type": "rect", "x0": move[0], "x1": move[1], "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    return ({**place, "name": "expected move", "line": {"width": 0}, "fillcolor": translucent(BAND, 0.18)},)
