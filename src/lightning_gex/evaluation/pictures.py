"""Pictures of a run, drawn by Plotly.

Every axis names its unit. Colours keep their meaning throughout (blue: the system, rises, positive; amber: falls,
negative); the page that shows a picture may set text and grid colours to its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TypeAlias

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from lightning_gex.analytics.bootstrap import wilson_interval
from lightning_gex.analytics.calibration import ReliabilityBins
from lightning_gex.analytics.performance import drawdown_curve
from lightning_gex.core.enums import MarketRegime
from lightning_gex.core.units import DateArray1D, Float64Array1D, Float64Array2D, Int64Array1D
from lightning_gex.evaluation.breakdowns import HitRate
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.palette import AMBER, BLUE, GREEN, RED, SLATE, VIOLET, translucent

Figure: TypeAlias = go.Figure

REGIME_COLOURS = {
    MarketRegime.BULL_TRENDING: BLUE,
    MarketRegime.BEAR_TRENDING: AMBER,
    MarketRegime.HIGH_VOLATILITY: VIOLET,
    MarketRegime.LOW_VOLATILITY: "#67c6c0",
    MarketRegime.RANGE_BOUND: "#9aa5b4",
    MarketRegime.CRISIS: "#dc2626",
    MarketRegime.CUSTOM_REGIME: "#ec4899",
}
MOST_POINTS = 2_000  # of one line: more than a screen is wide
MOST_ROWS = 15  # tickers shown in a band picture
MOST_COLUMNS = 1_500  # sessions shown in a band picture; of longer runs every second, third, ...
_BUTTONS_LEFT_OUT = ["lasso2d", "select2d", "zoomIn2d", "zoomOut2d", "autoScale2d"]
_SCALE = [[0.0, AMBER], [0.5, "rgba(139,149,165,0.25)"], [1.0, BLUE]]
_AXIS_TITLE_PIXELS = 13  # so small that one of a phone's pictures holds it
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def plotly_script() -> str:
    """Plotly's own JavaScript, whole: what a page needs once to show any of these pictures without a network."""
    script: str = get_plotlyjs()
    return script


def figure_html(figure: Figure, name: str) -> str:
    """A picture as a fragment of a page that already holds :func:`plotly_script`.

    Parameters
    ----------
    figure : any picture of this module.
    name : its id in the page, unique there.
    """
    config = {
        "displaylogo": False,
        "responsive": True,
        "showSendToCloud": False,  # Plotly's own default offers a button that uploads the picture and its data
        "modeBarButtonsToRemove": _BUTTONS_LEFT_OUT,
    }
    fragment: str = figure.to_html(include_plotlyjs=False, full_html=False, div_id=name, config=config)
    return fragment


def blank_figure(height: int, x_title: str | None, y_title: str | None) -> Figure:
    """A picture with nothing in it but axes in the style of all pictures.

    Parameters
    ----------
    height : pixels.
    x_title, y_title : with the unit; None leaves them out.
    """
    figure = go.Figure()
    style_figure(figure, height)
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(title=y_title)
    return figure


def style_figure(figure: Figure, height: int) -> None:
    """Give a picture the style of all pictures: transparent, so that the page's paper shows through."""
    figure.update_layout(
        height=height,
        margin={"l": 72, "r": 24, "t": 34, "b": 48},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": _FONT, "size": 13, "color": "#737d8c"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        hovermode="x unified",
        dragmode="zoom",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#9aa5b4", "activecolor": BLUE},
    )
    lines = {"gridcolor": "rgba(128,138,150,0.22)", "zerolinecolor": "rgba(128,138,150,0.45)", "automargin": True}
    figure.update_xaxes(**lines, title_font_size=_AXIS_TITLE_PIXELS)
    figure.update_yaxes(**lines, title_font_size=_AXIS_TITLE_PIXELS)


def thinned(values: Float64Array1D, most: int = MOST_POINTS) -> Int64Array1D:
    """Which points of a long line to draw: both ends, and each bucket's lowest and highest, so that no peak is lost.

    Parameters
    ----------
    values : (n,) NaN points are left out of long lines.
    most : points to keep at most, at least 4.

    Returns
    -------
    (k,) increasing positions, k <= most; all of them where n <= most.
    """
    n = len(values)
    if n <= most:
        return np.arange(n)
    keep = [0, n - 1]
    for part in np.array_split(np.arange(1, n - 1), (most - 2) // 2):
        known = part[np.isfinite(values[part])]
        if len(known):
            keep += [int(known[np.argmin(values[known])]), int(known[np.argmax(values[known])])]
    return np.unique(np.array(keep, dtype=np.int64))


def _days(sessions: DateArray1D) -> list[str]:
    return [str(day) for day in sessions]


def equity(sessions: DateArray1D, curves: Mapping[str, Float64Array1D]) -> Figure:
    """Equity curves over time.

    Parameters
    ----------
    sessions : (m,) sessions.
    curves : name -> (m,) USD; the first is the system's, the others what it is compared with.
    """
    figure = blank_figure(420, None, "Equity (USD)")
    _add_lines(figure, sessions, curves, "$%{y:,.0f}")
    figure.update_yaxes(tickprefix="$", tickformat="~s")
    return figure


def drawdown(sessions: DateArray1D, curves: Mapping[str, Float64Array1D]) -> Figure:
    """How far each equity curve stood below its highest so far.

    Parameters
    ----------
    sessions, curves : as in :func:`equity`.
    """
    figure = blank_figure(280, None, "Below the high (%)")
    falls = {name: -drawdown_curve(curve) for name, curve in curves.items()}
    _add_lines(figure, sessions, falls, "%{y:.1%}", filled=True)
    deepest = min((float(np.nanmin(fall)) for fall in falls.values() if np.isfinite(fall).any()), default=0.0)
    figure.update_yaxes(tickformat=".1~%", range=[min(1.06 * deepest, -0.01), 0.0])
    return figure


def _add_lines(
    figure: Figure, sessions: DateArray1D, curves: Mapping[str, Float64Array1D], hover: str, *, filled: bool = False
) -> None:
    styles = [(BLUE, 2.4, "solid"), (SLATE, 1.8, "solid"), (AMBER, 1.6, "dot"), (GREEN, 1.2, "solid")]
    styles += [(VIOLET, 1.2, "solid"), (RED, 1.2, "solid")]
    for place, (name, values) in enumerate(curves.items()):
        colour, width, dash = styles[min(place, len(styles) - 1)]
        keep = thinned(values)
        figure.add_scatter(
            x=_days(sessions[keep]),
            y=values[keep],
            name=escape(name),
            mode="lines",
            line={"color": colour, "width": width, "dash": dash},
            fill="tozeroy" if filled and place == 0 else None,
            fillcolor=translucent(BLUE, 0.16),
            hovertemplate=hover,
        )


def regimes(sessions: DateArray1D, index: RunIndex) -> Figure:
    """The strategic layer's word at each session, a band a ticker.

    Parameters
    ----------
    sessions : (m,) sessions of the run.
    index : the run's positions.
    """
    words = list(MarketRegime)
    code = {word: k for k, word in enumerate(words)}
    values = np.array([np.nan if d.regime is None else code[d.regime] for d in index.run.outlines], dtype=np.float64)
    step = max(1, -(-len(sessions) // MOST_COLUMNS))
    band = _by_ticker_and_date(index, values)[:MOST_ROWS, ::step]
    seen = [k for k in range(len(words)) if (band == k).any()]
    figure = blank_figure(210 + 26 * len(band), None, None)  # a phone sets the legend in a column
    for k in seen:
        figure.add_heatmap(
            x=_days(sessions[::step]),
            y=[escape(t) for t in index.tickers[: len(band)]],
            z=np.where(band == k, 1.0, np.nan).astype(np.float32),
            colorscale=[[0.0, REGIME_COLOURS[words[k]]], [1.0, REGIME_COLOURS[words[k]]]],
            showscale=False,
            ygap=3,
            showlegend=True,
            name=words[k].replace("_", " "),
            hovertemplate="%{x} %{y}: " + words[k].replace("_", " ") + "<extra></extra>",
        )
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(showgrid=False, autorange="reversed")
    return figure


def _by_ticker_and_date(index: RunIndex, values: Float64Array1D) -> Float64Array2D:
    """(tickers, sessions) of one value a decision; NaN where there was none."""
    out = np.full((len(index.tickers), len(index.run.sessions)), np.nan)
    out[index.ticker, index.date] = values
    return out


def votes(sessions: DateArray1D, agents: Sequence[str], mean_vote: Float64Array2D) -> Figure:
    """What every agent voted over time, averaged over the tickers.

    Parameters
    ----------
    sessions : (m,) sessions.
    agents : k names.
    mean_vote : (k, m) in [-1, 1]; NaN where the agent abstained everywhere.
    """
    figure = blank_figure(120 + 34 * len(agents), None, None)
    step = max(1, -(-len(sessions) // MOST_COLUMNS))
    figure.add_heatmap(
        x=_days(sessions[::step]),
        y=[escape(a) for a in agents],
        z=np.round(mean_vote[:, ::step], 2),
        zmin=-1,
        zmax=1,
        colorscale=_SCALE,
        colorbar={
            "title": {"text": "Mean vote", "side": "right"},
            "tickvals": [-1, 0, 1],
            "ticktext": ["bearish", "neutral", "bullish"],
            "thickness": 12,
        },
        hovertemplate="%{x} %{y}: %{z:+.2f}<extra></extra>",
    )
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(showgrid=False, autorange="reversed")
    return figure


def stages(funnel: Mapping[str, tuple[int, int]]) -> Figure:
    """How many decisions reached each stage, and how many ended there.

    Parameters
    ----------
    funnel : stage -> (reached, ended), in the order of the decision path.
    """
    names = [name.replace("_", " ") for name in funnel]
    passed = [reached - ended for reached, ended in funnel.values()]
    ended = [ended for _, ended in funnel.values()]
    names.append("approved")
    passed.append(passed[-1])
    ended.append(0)
    figure = blank_figure(360, "Decisions (count)", None)
    for label, counts, colour in (("went on", passed, BLUE), ("ended here", ended, AMBER)):
        figure.add_bar(
            y=names,
            x=counts,
            name=label,
            orientation="h",
            marker={"color": colour},
            text=[f"{c:,}" if c else "" for c in counts],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            insidetextfont={"color": "#0b1220"},
            hovertemplate="%{y}: %{x:,} " + label + "<extra></extra>",
        )
    figure.update_layout(barmode="stack", hovermode="closest", bargap=0.28)
    figure.update_xaxes(tickformat=",d")
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def hit_rates(groups: Mapping[str, HitRate]) -> Figure:
    """Hit rates with their intervals beside their base rates.

    Parameters
    ----------
    groups : name -> hit rate; those without a resolved call are left out.
    """
    shown = {name: rate for name, rate in groups.items() if rate.resolved}
    names = [f"{escape(name.replace('_', ' '))} ({rate.resolved:,})" for name, rate in shown.items()]
    value = np.array([rate.hit_rate for rate in shown.values()])
    low = np.array([rate.interval[0] for rate in shown.values()])
    high = np.array([rate.interval[1] for rate in shown.values()])
    figure = blank_figure(140 + 34 * len(names), "Share right (%)", None)
    figure.add_scatter(
        x=value,
        y=names,
        name="right, with 95% interval",
        mode="markers",
        marker={"color": BLUE, "size": 11},
        error_x={"array": high - value, "arrayminus": value - low, "color": BLUE, "thickness": 1.6},
        hovertemplate="%{y}: %{x:.1%}<extra></extra>",
    )
    figure.add_scatter(
        x=[rate.base_rate for rate in shown.values()],
        y=names,
        name="base rate: long at the same entries",
        mode="markers",
        marker={"color": AMBER, "size": 11, "symbol": "diamond-open", "line": {"width": 2}},
        hovertemplate="%{y}: base rate %{x:.1%}<extra></extra>",
    )
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(tickformat=".0%")
    figure.update_yaxes(autorange="reversed")
    return figure


def reliability(bins: ReliabilityBins) -> Figure:
    """Said beside seen: a calibrated probability lies on the diagonal.

    Parameters
    ----------
    bins : forecasts grouped by probability; empty bins are left out.
    """
    filled = bins.count > 0
    said, seen, count = bins.mean_probability[filled], bins.observed[filled], bins.count[filled]
    spans = [wilson_interval(round(s * c), int(c)) for s, c in zip(seen, count, strict=True)]
    low, high = (np.array([s[end] for s in spans]) for end in (0, 1))
    start = float(bins.lower[0])
    figure = blank_figure(380, "Confidence said (%)", "Share right (%)")
    figure.add_scatter(
        x=[start, 1],
        y=[start, 1],
        name="calibrated",
        mode="lines",
        line={"color": SLATE, "dash": "dash"},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=said,
        y=seen,
        name="decisions taken, with Wilson interval",
        mode="markers",
        marker={"color": BLUE, "size": np.clip(6 + 2.2 * np.sqrt(count), 8, 34), "opacity": 0.85},
        error_y={"array": high - seen, "arrayminus": seen - low, "color": BLUE, "thickness": 1.4},
        customdata=count,
        hovertemplate="said %{x:.1%}, right %{y:.1%} of %{customdata}<extra></extra>",
    )
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(tickformat=".0%", range=[start - 0.02, 1.02])
    figure.update_yaxes(tickformat=".0%", range=[-0.03, 1.03])
    return figure


def mean_votes(index: RunIndex) -> tuple[list[str], Float64Array2D]:
    """Agents in order of appearance, and their mean vote over the tickers at each session.

    Parameters
    ----------
    index : the run's positions.

    Returns
    -------
    k names and (k, m) means in [-1, 1]; NaN where an agent abstained on every ticker or was not asked.
    """
    names = list(index.said)
    total = np.zeros((len(names), len(index.run.sessions)))
    count = np.zeros_like(total)
    for k, said in enumerate(index.said.values()):
        spoke = said.asked & ~said.abstained
        np.add.at(total[k], index.date[spoke], said.direction[spoke])
        np.add.at(count[k], index.date[spoke], 1)
    mean = np.full_like(total, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return names, mean
