"""A sweep as one self-contained page: what may be concluded, every variant with its interval, every setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from lightning_gex.analytics.bootstrap import Interval
from lightning_gex.evaluation import page
from lightning_gex.evaluation.palette import AMBER, BLUE, SLATE, translucent
from lightning_gex.evaluation.pictures import Figure, blank_figure, equity, figure_html, plotly_script
from lightning_gex.evaluation.sweep import SweepFindings, VariantFigures
from lightning_gex.evaluation.sweep_variant import Criterion, Variant
from lightning_gex.evaluation.sweep_words import (
    CRITERION_WORDS,
    conclusions,
    figure_words,
    headline,
    may_be_used,
    setting_words,
    value_words,
)
from lightning_gex.evaluation.verdict import percent, percent_interval

#: Variants that the page's table lists; the Parquet file beside it has them all.
MOST_ROWS = 100
#: Variants that the picture of all names on its axis; of more only the places are told.
_MOST_NAMED = 40
#: Settings that get a picture of their own.
_MOST_SETTINGS = 12
_INTERVALS = {
    Criterion.SHARPE: "sharpe_interval",
    Criterion.RETURN: "return_interval",
    Criterion.ACCURACY: "accuracy_interval",
    Criterion.EXCESS_ACCURACY: "excess_accuracy_interval",
}
_HEADER = (
    "Variant",
    "What",
    "Trades",
    "Sharpe",
    "95% interval",
    "Deflated",
    "Growth a year",
    "Over as set, 95%",
    "Largest fall",
    "Right",
    "95% interval",
)


def sweep_html(found: SweepFindings, *, title: str, failed: Sequence[str], notes: Sequence[str]) -> str:
    """The page.

    Parameters
    ----------
    found : the sweep.
    title : headline of the page.
    failed : runs that gave no result, a sentence each.
    notes : what a reader must know of the inputs.
    """
    kind = "better" if may_be_used(found) else "undecided"
    told = "".join(f"<p>{escape(sentence)}</p>" for sentence in conclusions(found))
    header = f'<h1>{escape(title)}</h1><div class="verdict {kind}"><h2>{escape(headline(found))}</h2>{told}</div>'
    parts = [page.section("variants", "Every variant", _every_variant(found), None)]
    parts += [page.section("settings", "By setting", body, None) for body in [_by_setting(found)] if body]
    parts += [page.section("best", "The best over time", body, None) for body in [_over_time(found)] if body]
    if failed:
        said = "".join(f"<li>{escape(sentence)}</li>" for sentence in failed)
        parts.append(page.section("failed", "Runs without a result", f"<ul>{said}</ul>", None))
    noted = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return page.document(title, header, parts, f"<ul>{noted}</ul>" if noted else "", [plotly_script()])


def all_variants(found: SweepFindings) -> Figure:
    """Every variant by its place, with its interval; the settings as they are stand out.

    Parameters
    ----------
    found : the sweep; variants without the figure are left out.
    """
    shown = [(v, f) for v, f in zip(found.variants, found.figures, strict=True) if math.isfinite(getattr(f, found.by))]
    figure = blank_figure(420, "Place", CRITERION_WORDS[found.by])
    for own, name, colour, symbol in ((False, "variants", BLUE, "circle"), (True, "as set", AMBER, "diamond")):
        mine = [(k, v, f) for k, (v, f) in enumerate(shown) if v.as_set is own]
        if not mine:
            continue
        value = np.array([getattr(f, found.by) for _, _, f in mine])
        low, high = (np.array([_interval(f, found.by)[end] for _, _, f in mine]) for end in (0, 1))
        figure.add_scatter(
            x=[k + 1 for k, _, _ in mine],
            y=value,
            error_y={"array": high - value, "arrayminus": value - low, "color": translucent(colour, 0.45)},
            mode="markers",
            marker={"color": colour, "size": 9, "symbol": symbol},
            name=name,
            text=[f"{v.name}: {escape(v.universe)}<br>{escape(setting_words(v.words))}" for _, v, _ in mine],
            hovertemplate="%{text}<br>%{y:.3g}<extra></extra>",
        )
    if found.by is Criterion.SHARPE and found.luck_sharpe > 0:
        figure.add_hline(y=found.luck_sharpe, line={"color": SLATE, "dash": "dash"})
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="right",
            y=found.luck_sharpe,
            yshift=10,
            text=f"the best of {found.trials.count:,} by luck",
            showarrow=False,
        )
    figure.update_layout(hovermode="closest")
    if len(shown) <= _MOST_NAMED:
        figure.update_xaxes(tickvals=list(range(1, len(shown) + 1)), ticktext=[v.name for v, _ in shown])
    if found.by is not Criterion.SHARPE:
        figure.update_yaxes(tickformat=".1%")
    return figure


def one_setting(found: SweepFindings, name: str) -> Figure:
    """Every variant by its value of one swept setting, and the middle of each value.

    Parameters
    ----------
    found : the sweep.
    name : of the setting.
    """
    by_value: dict[str, list[tuple[Variant, VariantFigures]]] = {}
    for variant, figures in _in_plan_order(found):
        if math.isfinite(getattr(figures, found.by)):
            by_value.setdefault(value_words(variant.words[name]), []).append((variant, figures))
    figure = blank_figure(300, name, CRITERION_WORDS[found.by])
    for label, own, colour, symbol in (("variants", False, BLUE, "circle"), ("as set", True, AMBER, "diamond")):
        dots = [(value, v, f) for value, mine in by_value.items() for v, f in mine if v.as_set is own]
        figure.add_scatter(
            x=[value for value, _, _ in dots],
            y=[getattr(f, found.by) for _, _, f in dots],
            text=[f"{v.name}: {escape(setting_words(v.words))}" for _, v, _ in dots],
            mode="markers",
            marker={"color": colour, "size": 8, "symbol": symbol, "opacity": 0.7},
            name=label,
            hovertemplate="%{text}<br>%{y:.3g}<extra></extra>",
        )
    middle = [float(np.median([getattr(f, found.by) for _, f in mine])) for mine in by_value.values()]
    figure.add_scatter(
        x=list(by_value), y=middle, mode="lines", line={"color": SLATE, "dash": "dot"}, name="median", hoverinfo="skip"
    )
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=list(by_value))
    if found.by is not Criterion.SHARPE:
        figure.update_yaxes(tickformat=".1%")
    return figure


def _in_plan_order(found: SweepFindings) -> list[tuple[Variant, VariantFigures]]:
    """Variants in the order in which their values were given."""
    return sorted(zip(found.variants, found.figures, strict=True), key=lambda pair: pair[0].name)


def _interval(figures: VariantFigures, by: Criterion) -> Interval:
    found: Interval = getattr(figures, _INTERVALS[by]) if by in _INTERVALS else (math.nan, math.nan)
    return found


def _every_variant(found: SweepFindings) -> str:
    caption = "Dot: the figure. Bar: 95% interval from blocks of sessions. Diamond: the settings as they are."
    if found.by is Criterion.SHARPE:
        caption += " Dashed: what the best of so many variants without skill is expected to show."
    drawn = page.picture(
        figure_html(all_variants(found), "all"), "all", f"Variants by {CRITERION_WORDS[found.by]}, best first", caption
    )
    rows = [
        _row(variant, figures) for variant, figures in list(zip(found.variants, found.figures, strict=True))[:MOST_ROWS]
    ]
    left = len(found.variants) - len(rows)
    said = f"The {len(rows)} best; {left} more are in variants.parquet." if left else "Best first."
    table = page.table(_HEADER, rows, numbers=range(2, len(_HEADER)), caption=said)
    return drawn + table


def _row(variant: Variant, figures: VariantFigures) -> list[str]:
    gain = figures.gain
    return [
        variant.name,
        f"{variant.universe}; {'as set' if variant.as_set else setting_words(variant.words)}",
        f"{figures.trades:,}",
        figure_words(figures.sharpe, Criterion.SHARPE),
        _plain_interval(figures.sharpe_interval),
        percent(figures.deflated_sharpe),
        percent(figures.return_a_year),
        "" if gain is None else f"{percent(gain.return_a_year)} ({percent_interval(gain.return_interval)})",
        percent(figures.max_drawdown),
        percent(figures.accuracy),
        percent_interval(figures.accuracy_interval),
    ]


def _plain_interval(interval: Interval) -> str:
    low, high = interval
    return f"{low:.2f} to {high:.2f}" if math.isfinite(low) else "n/a"


def _by_setting(found: SweepFindings) -> str:
    names = [name for name in found.variants[0].words if len({str(v.words[name]) for v in found.variants}) > 1]
    drawn = [
        page.picture(
            figure_html(one_setting(found, name), f"setting-{k}"),
            f"setting-{k}",
            name,
            "A dot a variant; dotted: the median of each value. Where they do not differ the setting did nothing.",
        )
        for k, name in enumerate(names[:_MOST_SETTINGS])
    ]
    return "".join(drawn)


def _over_time(found: SweepFindings) -> str:
    best = found.best
    if best is None:
        return ""
    chosen = found.variants[best]
    curves = {f"{chosen.name}, the best": chosen}
    own = [v for v in found.variants if v.as_set and v.universe == chosen.universe and v is not chosen]
    if own and np.array_equal(own[0].sessions, chosen.sessions):
        curves["the settings as they are"] = own[0]
    grown = {name: np.exp(np.cumsum(v.judged.growth)) for name, v in curves.items()}
    figure = equity(chosen.sessions, grown)
    figure.update_yaxes(title="Growth of one dollar", tickprefix="", tickformat=".2f")
    figure.update_traces(hovertemplate="%{y:.3f}")
    caption = "It was chosen after all of this was seen: a curve that was chosen shows what choosing does."
    return page.picture(figure_html(figure, "growth"), "growth", "One dollar, after costs", caption)
