"""Runs beside each other as parts of a page: a table of figures, and a picture of the differences."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from html import escape

from lightning_gex.analytics.bootstrap import Interval
from lightning_gex.analytics.trials import TrialCount
from lightning_gex.evaluation import page
from lightning_gex.evaluation.ablation import RULED_OUT, Ablation
from lightning_gex.evaluation.claims import Claim, claim_rows, claims_words, report_claims
from lightning_gex.evaluation.comparison import Beside
from lightning_gex.evaluation.fold_figures import FoldedFigures
from lightning_gex.evaluation.folds import FoldScheme
from lightning_gex.evaluation.headline_tiles import basis_points, number
from lightning_gex.evaluation.metrics import RunMetrics
from lightning_gex.evaluation.palette import BLUE, GREEN, RED, SLATE
from lightning_gex.evaluation.pictures import Figure, blank_figure, figure_html, plotly_script
from lightning_gex.evaluation.placebos import RandomEntries
from lightning_gex.evaluation.tried_words import trials_words
from lightning_gex.evaluation.verdict import (
    ANY_TIME,
    EVERY_SESSION,
    SAME_DATES,
    excess_over,
    fairest_excess,
    percent,
    percent_interval,
    points,
)

_ROW_PIXELS = 38
_NAME_CHARACTERS = 22  # of a row's name before it is broken
_HEADER = (
    "Run",
    "Decisions taken",
    "Accuracy",
    "95% interval",
    "Excess",
    "A trade, after costs",
    "Growth a year",
    "Sharpe",
    "Deepest fall",
)
#: What an excess is over, as the head of a column.
_OVER = {SAME_DATES: "Over the same dates", ANY_TIME: "Over any time", EVERY_SESSION: "Over every session"}
_CLAIMS = ("What the figures could say", "Do they?", "By luck alone in", "Counts")


def evaluation_body(
    metrics: RunMetrics,
    baseline: Beside,
    placebos: Sequence[Beside],
    random: RandomEntries,
    trials: TrialCount,
    folds: FoldedFigures | None = None,
) -> str:
    """What the run must be read beside.

    Parameters
    ----------
    metrics : of the evaluated run.
    baseline, placebos : runs on the same files.
    random : entries drawn at random.
    trials : variants ever judged on these data.
    folds : the history judged part by part; None leaves that out.
    """
    beside = (baseline, *placebos)
    held = metrics.buy_and_hold
    against = fairest_excess(metrics)[0]
    rows = [
        _row("this system", metrics, against),
        *(_row(one.words, one.metrics, against) for one in beside),
        ["buy and hold", "", "", "", "", "", percent(held.cagr), _ratio(held.sharpe), percent(held.max_drawdown)],
    ]
    table = page.table(
        run_header(against),
        rows,
        numbers=range(1, len(_HEADER)),
        caption="The same files and sessions. A placebo cannot know anything: what it earns, luck and drift earn.",
    )
    gains = figure_html(
        interval_picture(
            [f"less: {one.words}" for one in beside],
            [one.gain.return_a_year for one in beside],
            [one.gain.return_interval for one in beside],
            "log growth a year",
        ),
        "gains",
    )
    caption = "Dot: this system less the other. Bar: 95% interval, both resampled with the same blocks of sessions."
    return (
        table
        + page.picture(gains, "gains", "What this system earned over each of them", caption)
        + f"<p>{escape(random_words(random))}</p><p>{escape(trials_words(trials))}</p>"
        + _claims(report_claims(metrics, baseline, placebos, random))
        + ("" if folds is None else _folds(folds))
    )


def _claims(claims: Sequence[Claim]) -> str:
    """What the figures may be read as."""
    caption = (
        "Read from the top: a line counts only where all before it are a yes. By luck alone: the share of histories "
        "without anything to find in which the figures may say so."
    )
    table = page.table(_CLAIMS, claim_rows(claims), numbers=(2,), caption=caption)
    return f"<p>{escape(claims_words(claims))}</p>{table}"


def _folds(found: FoldedFigures) -> str:
    """The parts of a history, and all of them together."""
    return f"<h3>Part by part</h3><p>{escape(folds_words(found))}</p>" + page.table(
        FOLD_HEADER, [list(row) for row in fold_rows(found)], numbers=range(2, len(FOLD_HEADER))
    )


def ablation_html(ablation: Ablation, *, title: str, trials: TrialCount, notes: Sequence[str]) -> str:
    """An ablation as one self-contained page.

    Parameters
    ----------
    ablation : it.
    title : headline.
    trials : variants ever judged on these data.
    notes : what a reader must know of the inputs.
    """
    first = ablation.variants[0].metrics
    said = "".join(f"<p>{escape(text)}</p>" for text in (*recommendation_words(ablation), trials_words(trials)))
    header = (
        f'<h1>{escape(title)}</h1><p class="quiet">{len(ablation.variants)} runs over the same {first.sessions:,} '
        f"sessions from {first.start} to {first.end}, walked forward. Every interval is one of 95%.</p>"
        f'<div class="verdict"><h2>{escape(earned_words(ablation))}</h2>{said}</div>'
    )
    parts = [
        page.section("claims", "What was expected and what was measured", _expectations(ablation), None),
        page.section("variants", "Every variant", _variants(ablation), None),
        page.section("luck", "Skill or the choice among many", f"<p>{escape(_luck(ablation))}</p>", None),
    ]
    if notes:
        listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
        parts.append(page.section("made", "What a reader must know", f"<ul>{listed}</ul>", None))
    return page.document(title, header, parts, f"<p>{page.OFFLINE}</p>", [plotly_script()])


def earned_words(ablation: Ablation) -> str:
    """Which enhancements earned their place, as a headline."""
    earned = [v.enhancement for v in ablation.verdicts if v.keep and not math.isnan(v.interval[0])]
    return f"Earned its place: {', '.join(earned)}" if earned else "No enhancement earned its place on these data"


def recommendation_words(ablation: Ablation) -> tuple[str, ...]:
    """What to switch off, and what the word means, in sentences."""
    off = [v for v in ablation.verdicts if not v.keep]
    if not off:
        return ()
    ruled_out = [v.enhancement for v in off if v.expectation == RULED_OUT]
    names = ", ".join(v.enhancement for v in off)
    told = (
        f"Recommended off, each by its setting enhancements.<name>: {names}. That is where no gain is shown on these "
        "sessions, which is no proof of harm: a difference of a point or two takes thousands of trades to see."
    )
    if not ruled_out:
        return (told,)
    return (told, f"What the founding document expects is ruled out by the interval for: {', '.join(ruled_out)}.")


def _expectations(ablation: Ablation) -> str:
    rows = [
        [
            v.enhancement,
            v.expected,
            "n/a" if math.isnan(v.measured) else f"{_points(v.measured)} of {_words(v.figure)}",
            _point_interval(v.interval),
            v.expectation,
            _points(v.alone),
            "on" if v.keep else "off",
            v.why,
        ]
        for v in ablation.verdicts
    ]
    head = ["Enhancement", "Expected", "Measured", "95% interval", "Expectation", "Alone", "Recommended", "Why"]
    caption = (
        "Expected: by the founding document. Measured: the whole system less the whole system without the enhancement, "
        "session by session. Alone: it alone less the baseline. The expectation is ruled out where the whole interval "
        "lies below its least."
    )
    judged = [v for v in ablation.verdicts if not math.isnan(v.interval[0])]
    if not judged:
        return page.table(head, rows, numbers=(3, 5), caption=caption)
    figure = interval_picture(
        [f"{v.enhancement} ({_words(v.figure)})" for v in judged],
        [v.measured for v in judged],
        [v.interval for v in judged],
        "with it less without",
    )
    return page.table(head, rows, numbers=(3, 5), caption=caption) + page.picture(
        figure_html(figure, "claims-picture"),
        "claims-picture",
        "What each enhancement added",
        "Dot: with less without. Bar: 95% interval. An enhancement earns its place where the bar lies right of zero, "
        "and that of its gain over what anybody had who held as much and waited as long does too.",
    )


def _variants(ablation: Ablation) -> str:
    against = fairest_excess(ablation.variants[0].metrics)[0]
    rows = [_row(one.words, one.metrics, against) for one in ablation.variants]
    return page.table(
        run_header(against), rows, numbers=range(1, len(_HEADER)), caption="Same files, sessions and costs."
    )


def _luck(ablation: Ablation) -> str:
    p = ablation.superior.p_value
    text = (
        f"That no variant's timing is better than the baseline's has a p-value of {p:.3f} (Hansen's SPA over session "
        "returns less those of holding as much all the time)."
    )
    if math.isnan(ablation.overfitting):
        return text + " There are too few sessions for the probability of backtest overfitting."
    return text + (
        f" Choosing the best of these variants on one half of the sessions would have picked one of the worse half on "
        f"the other in {percent(ablation.overfitting)} of all ways to halve them (50% is luck)."
    )


def interval_picture(
    names: Sequence[str], values: Sequence[float], intervals: Sequence[Interval], title: str
) -> Figure:
    """Values with their intervals, one row each; the first at the top.

    Parameters
    ----------
    names : (n) of each row.
    values, intervals : fractions; a NaN interval is left out.
    title : of the axis.
    """
    figure = blank_figure(120 + _ROW_PIXELS * len(names), title, None)
    for name, value, (low, high) in reversed(list(zip(names, values, intervals, strict=True))):
        colour = SLATE if math.isnan(low) else GREEN if low > 0 else RED if high < 0 else BLUE
        spread = None if math.isnan(low) else {"array": [high - value], "arrayminus": [value - low], "type": "data"}
        figure.add_scatter(
            x=[value],
            y=[_in_lines(name)],
            error_x=spread,
            mode="markers",
            marker={"color": colour, "size": 10},
            showlegend=False,
        )
    figure.add_vline(x=0.0, line={"color": SLATE, "width": 1})
    figure.update_xaxes(tickformat="+.1~%", nticks=6, tickangle=0)
    figure.update_layout(hovermode="closest")
    return figure


def _in_lines(name: str) -> str:
    """A row's name broken so that it leaves a phone room for the picture."""
    return "<br>".join(escape(line) for line in textwrap.wrap(name, _NAME_CHARACTERS))


def random_words(random: RandomEntries) -> str:
    """What entries drawn at random did, in a sentence."""
    if not random.draws:
        return "No decision taken is resolved, so nothing was drawn at random in its place."
    return (
        f"Entries drawn at random near the real ones, same ticker, direction and holding, {random.draws} times, were "
        f"right in {percent(random.accuracy_mean)} on average, 95% of the draws in less than "
        f"{percent(random.accuracy_q95)}. They are as often right as the real ones with p = {random.p_value:.3f}, and "
        f"as well paid with p = {random.return_p_value:.3f}."
    )


#: The columns of ``fold_rows``.
FOLD_HEADER = (
    "Judged",
    "Learnt from",
    "Trades",
    "Accuracy",
    "Excess",
    "95% interval",
    "A trade, after costs",
    "Growth a year",
    "Sharpe",
    "Deepest fall",
)


def fold_rows(found: FoldedFigures) -> list[tuple[str, ...]]:
    """One row a judged part, and one of all of them together, as people read them."""
    rows = [
        (
            f"{part.fold.judge_from} to {part.fold.judge_to}",
            f"{part.fold.fit_from} to {part.fold.fit_to}",
            *_fold_figures(part.metrics),
        )
        for part in found.parts
    ]
    return [*rows, ("all parts together", "each its own", *_fold_figures(found.pooled))]


def folds_words(found: FoldedFigures) -> str:
    """How the history was cut, in a sentence."""
    learnt = "all sessions before it" if found.scheme is FoldScheme.ANCHORED else "as many sessions as the first"
    return (
        f"The history in {len(found.parts)} parts, each judged by a run of its own that learnt from {learnt}, less "
        f"{found.purge_sessions} purged and {found.embargo_sessions} embargoed sessions, and from nothing in it."
    )


def _fold_figures(m: RunMetrics) -> tuple[str, ...]:
    _, excess, (low, high) = fairest_excess(m)
    return (
        f"{m.trades:,}",
        percent(m.accuracy),
        _points(excess),
        "n/a" if math.isnan(low) else f"{points(low)} to {points(high)}",
        basis_points(m.expectancy_bp),
        percent(m.cagr),
        _ratio(m.sharpe),
        percent(m.max_drawdown),
    )


def run_header(against: str) -> list[str]:
    """The heads of a table of runs, whose excess is over one and the same thing."""
    return [_OVER[against] if name == "Excess" else name for name in _HEADER]


def _row(name: str, m: RunMetrics, against: str) -> list[str]:
    return [
        name,
        f"{m.decisions_taken:,}",
        percent(m.accuracy),
        percent_interval(m.accuracy_interval),
        _points(excess_over(m, against)),
        basis_points(m.expectancy_bp),
        percent(m.cagr),
        _ratio(m.sharpe),
        percent(m.max_drawdown),
    ]


def _ratio(value: float) -> str:
    return number(value)


def _points(value: float) -> str:
    return "n/a" if math.isnan(value) else f"{points(value)} points"


def _words(figure: str) -> str:
    return figure.replace("_", " ")


def _point_interval(interval: Interval) -> str:
    low, high = interval
    return "n/a" if math.isnan(low) else f"{points(low)} to {points(high)}"
