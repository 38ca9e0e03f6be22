"""Claims and their verdicts as one self-contained page, and as the tables and plain values behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import polars as pl

from lightning_gex.evaluation import page
from lightning_gex.evaluation.claim_measures import Measured
from lightning_gex.evaluation.falsification import Falsification, Finding, Verdict
from lightning_gex.evaluation.hypotheses import DECISION_RULE, VERSION, Family
from lightning_gex.evaluation.metrics import JsonValue
from lightning_gex.evaluation.palette import AMBER, BLUE, GREEN, RED, SLATE, VIOLET
from lightning_gex.evaluation.pictures import Figure, blank_figure, figure_html, plotly_script

VERDICT_COLOURS: Mapping[Verdict, str] = {
    Verdict.SUPPORTED: GREEN,
    Verdict.CONTRADICTED: RED,
    Verdict.NOT_SHOWN: SLATE,
    Verdict.UNDERPOWERED: AMBER,
    Verdict.NOT_TESTABLE: VIOLET,
}
#: Effects are drawn in units of the smallest that would matter, and cut here.
FARTHEST = 8.0
_ROW_PIXELS = 30
_SYMBOLS = ("circle", "triangle-left", "triangle-right")
_HEADER = ("Name", "Verdict", "n", "Effect", "95% interval", "p", "q", "Power", "Detectable", "Would matter")


def number(value: float) -> str:
    """Three digits that count; ``n/a`` where absent.

    >>> number(0.01234), number(-123.4), number(float("nan"))
    ('0.0123', '-123', 'n/a')
    """
    return f"{value:.3g}" if math.isfinite(value) else "n/a"


def interval_words(found: Measured) -> str:
    """The interval of an effect in words."""
    low, high = found.interval
    return "n/a" if math.isnan(low) else f"{number(low)} to {number(high)}"


def scaled(finding: Finding) -> tuple[float, float, float]:
    """An effect and its interval in units of the smallest that would matter, + as claimed; NaN where absent."""
    if finding.measured is None:
        return math.nan, math.nan, math.nan
    h, m = finding.hypothesis, finding.measured
    low, high = sorted(h.sign * end / h.smallest_effect for end in m.interval)
    return h.sign * m.effect / h.smallest_effect, low, high


def falsification_html(found: Falsification, *, registered_at: str, notes: Sequence[str]) -> str:
    """The page.

    Parameters
    ----------
    found : the run.
    registered_at : when the hypotheses went on record, for the header.
    notes : what a reader must know of the inputs.
    """
    title = f"Claims about dealers' gamma: {found.ticker}"
    sentences = "".join(f"<p>{escape(tally_words(found, period))}</p>" for period in found.periods)
    stamp = f"Hypotheses of version {VERSION} on record at {registered_at}, hash {found.registry_hash}."
    header = (
        f'<h1>{escape(title)}</h1><div class="verdict undecided"><h2>What is left of each claim</h2>{sentences}'
        f'<p class="quiet">{escape(stamp)}</p></div>'
    )
    families = [f for f in Family if any(one.hypothesis.family is f for one in found.findings)]
    parts = [page.section(f.name.lower(), f.value.capitalize(), _family(found, f), None) for f in families]
    rule = f"<p>{escape(DECISION_RULE)}</p><p>{escape(_READING)}</p>"
    parts.append(page.section("rule", "How a verdict follows", rule, None))
    said = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return page.document(title, header, parts, f"<ul>{said}</ul>" if said else "", [plotly_script()])


_READING = (
    "Power is the chance that the test, at its level and unadjusted, finds the smallest effect that would matter; "
    "detectable is the effect that it finds 80 times in 100. q is the p-value adjusted for every test of the period "
    "(Benjamini-Hochberg). In the pictures 1 is the smallest effect that would matter, in the claimed direction."
)


def tally_words(found: Falsification, period: str) -> str:
    """One period's verdicts in a sentence."""
    first, last = found.periods[period]
    tally = found.tally(period)
    told = ", ".join(f"{count} {verdict.value}" for verdict, count in tally.items() if count)
    return f"{period} ({first} to {last}): {told}."


def _family(found: Falsification, family: Family) -> str:
    own = [f for f in found.findings if f.hypothesis.family is family]
    parts = [
        page.table(
            _HEADER,
            [row_of(f) for f in own if f.period == period],
            numbers=range(2, len(_HEADER)),
            caption=f"{period}: {found.periods[period][0]} to {found.periods[period][1]}.",
        )
        for period in found.periods
    ]
    name, first = family.name.lower(), next(iter(found.periods))
    said = "".join(f"<li>{escape(words_of(f))}</li>" for f in own if f.period == first)
    parts.insert(0, f"<ul>{said}</ul>")
    if any(f.measured is not None for f in own):
        effects = figure_html(_forest(found, own), f"{name}-effects")
        parts.append(page.picture(effects, f"{name}-forest", "Effects and their intervals", _FOREST))
        groups = figure_html(_groups([f for f in own if f.period == first]), f"{name}-groups")
        parts.append(page.picture(groups, f"{name}-outcomes", "The outcome by part of the feature", _GROUPS))
    return "".join(parts)


_FOREST = (
    "Dot: the effect. Bar: 95% interval. 0 is no effect, 1 the smallest that would matter, both as claimed; what lies "
    f"beyond {FARTHEST:g} is drawn at {FARTHEST:g}."
)
_GROUPS = "Choose a claim. 1 is the lowest fifth of the feature's own last year, 5 the highest. Bar: 95% interval."


def row_of(finding: Finding) -> tuple[str, ...]:
    """A finding as cells of a table."""
    h, m = finding.hypothesis, finding.measured
    if m is None:
        return (h.name, finding.verdict.value, *[""] * (len(_HEADER) - 2))
    return (
        h.name,
        finding.verdict.value,
        f"{m.count:,}",
        number(m.effect),
        interval_words(m),
        number(m.p_value),
        number(finding.q_value),
        f"{finding.power:.0%}",
        number(finding.detectable),
        number(h.sign * h.smallest_effect),
    )


def words_of(finding: Finding) -> str:
    """A claim with its source, its effect's unit, and why the verdict is what it is."""
    h = finding.hypothesis
    return f"{h.name}: {h.claim} ({h.source}; in {h.unit}.) {finding.verdict.value.capitalize()}: {finding.why}."


def _clipped(value: float) -> float:
    return min(max(value, -FARTHEST), FARTHEST)


def _forest(found: Falsification, own: Sequence[Finding]) -> Figure:
    names = list(dict.fromkeys(f.hypothesis.name for f in own))[::-1]
    figure = blank_figure(130 + _ROW_PIXELS * len(names) * len(found.periods), "effect / smallest that matters", None)
    for k, period in enumerate(found.periods):
        shift = 0.22 * (k - (len(found.periods) - 1) / 2)
        there = [f for f in own if f.period == period and f.measured is not None]
        if not there:
            continue
        ends = [[_clipped(v) for v in scaled(f)] for f in there]
        figure.add_scatter(
            x=[e[0] for e in ends],
            y=[names.index(f.hypothesis.name) - shift for f in there],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [max(e[2] - e[0], 0.0) for e in ends],
                "arrayminus": [max(e[0] - e[1], 0.0) for e in ends],
                "thickness": 1.4,
                "color": SLATE,
            },
            mode="markers",
            name=escape(period),
            marker={
                "symbol": _SYMBOLS[k % len(_SYMBOLS)],
                "size": 10,
                "color": [VERDICT_COLOURS[f.verdict] for f in there],
            },
            customdata=[f"{escape(f.hypothesis.name)}: {f.verdict.value}" for f in there],
            hovertemplate="%{customdata}<br>%{x:.2f} times the smallest that matters<extra></extra>",
        )
    for at, dash in ((0.0, "solid"), (1.0, "dot")):
        figure.add_vline(x=at, line={"color": SLATE, "width": 1.2, "dash": dash})
    figure.update_layout(hovermode="closest")
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, range=[-0.6, len(names) - 0.4], zeroline=False
    )
    return figure


def _groups(own: Sequence[Finding]) -> Figure:
    there = [f for f in own if f.measured is not None]
    figure = blank_figure(360, "group", None)
    buttons = []
    for k, finding in enumerate(there):
        measured = finding.measured
        if measured is None:
            continue
        points = measured.points
        figure.add_scatter(
            x=[p.label for p in points],
            y=[p.value for p in points],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [p.interval[1] - p.value for p in points],
                "arrayminus": [p.value - p.interval[0] for p in points],
                "color": SLATE,
            },
            mode="markers",
            marker={"size": 10, "color": BLUE},
            name=escape(finding.hypothesis.name),
            showlegend=False,
            visible=k == 0,
            customdata=[p.count for p in points],
            hovertemplate="%{y:.4g} of %{customdata:,}<extra></extra>",
        )
        shown = [j == k for j in range(len(there))]
        title = {"yaxis.title.text": _in_lines(measured.outcome)}
        buttons.append({"label": finding.hypothesis.name, "method": "update", "args": [{"visible": shown}, title]})
    if there and there[0].measured is not None:
        figure.update_yaxes(title=_in_lines(there[0].measured.outcome))
    menu = {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.16, "yanchor": "bottom", "showactive": True}
    figure.update_layout(updatemenus=[menu], hovermode="closest", margin={"t": 84})
    figure.update_xaxes(type="category")
    return figure


def _in_lines(words: str) -> str:
    """A title of an axis on one line a clause."""
    return escape(words).replace(", ", ",<br>")


def plain_findings(found: Falsification) -> list[JsonValue]:
    """Every finding as plain JSON values, absent numbers NaN; whoever prints makes those null."""
    return [_plain(f) for f in found.findings]


def _plain(f: Finding) -> dict[str, JsonValue]:
    h, m = f.hypothesis, f.measured
    told: dict[str, JsonValue] = {
        "name": h.name,
        "period": f.period,
        "family": h.family.value,
        "claim": h.claim,
        "source": h.source,
        "statistic": h.statistic.value,
        "unit": h.unit,
        "feature": h.feature,
        "part": h.part.value,
        "horizon_sessions": h.horizon_sessions,
        "claimed_sign": h.sign,
        "two_sided": h.two_sided,
        "level": h.level,
        "smallest_effect": h.smallest_effect,
        "verdict": f.verdict.value,
        "why": f.why,
    }
    if m is None:
        return told
    return told | {
        "observations": m.count,
        "effect": m.effect,
        "effect_interval": list(m.interval),
        "p_value": m.p_value,
        "q_value": f.q_value,
        "power": f.power,
        "detectable_effect": f.detectable,
        "null": m.null_kind,
        "null_draws": len(m.null),
        "figures": dict(m.figures),
        "outcome": m.outcome,
        "points": [
            {"group": p.label, "value": p.value, "interval": list(p.interval), "count": p.count} for p in m.points
        ],
    }


def falsification_tables(found: Falsification) -> dict[str, pl.DataFrame]:
    """The tables behind the page.

    Returns
    -------
    ``findings`` (one row a hypothesis and period), ``points`` (the outcome by part of the feature), ``null`` (the
    effect's values where nothing is there) and ``observations`` (session, feature and outcome of every pair of the
    first period).
    """
    flat = [
        {k: v for k, v in _plain(f).items() if k not in {"figures", "points", "effect_interval"}}
        | {"effect_low": math.nan if f.measured is None else f.measured.interval[0]}
        | {"effect_high": math.nan if f.measured is None else f.measured.interval[1]}
        for f in found.findings
    ]
    there = [(f, f.measured) for f in found.findings if f.measured is not None]
    first = next(iter(found.periods))
    return {
        "findings": pl.DataFrame(flat, infer_schema_length=None),
        "points": _stacked([_points(f, m) for f, m in there]),
        "null": _stacked([_keyed(f, {"effect": m.null}) for f, m in there]),
        "observations": _stacked(
            [
                _keyed(f, {"session": o.session, "feature": o.feature, "outcome": o.outcome})
                for f, m in there
                if f.period == first
                for o in [m.observations]
            ]
        ),
    }


def _keyed(f: Finding, columns: Mapping[str, object]) -> pl.DataFrame:
    keys = [pl.lit(f.hypothesis.name).alias("name"), pl.lit(f.period).alias("period")]
    return pl.DataFrame(dict(columns)).select(*keys, pl.all())


def _points(f: Finding, m: Measured) -> pl.DataFrame:
    return _keyed(
        f,
        {
            "group": [p.label for p in m.points],
            "value": [p.value for p in m.points],
            "low": [p.interval[0] for p in m.points],
            "high": [p.interval[1] for p in m.points],
            "count": [p.count for p in m.points],
        },
    )


def _stacked(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(frames) if frames else pl.DataFrame()
