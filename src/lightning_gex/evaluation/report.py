"""One run as one page that opens anywhere, offline: what was decided, what came of it, and what that is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

import numpy as np

from lightning_gex.analytics.bootstrap import Interval
from lightning_gex.analytics.calibration import reliability_bins
from lightning_gex.analytics.positioning_result import DealerPositioning
from lightning_gex.core.decision import Decision
from lightning_gex.core.membership import SURVIVORS_ONLY
from lightning_gex.core.units import Float64Array1D
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation import page, pictures
from lightning_gex.evaluation.benchmarks import benchmarks
from lightning_gex.evaluation.breakdowns import HitRate, funnel
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.comparison import Beside
from lightning_gex.evaluation.explain import explain_decision, explain_votes, headline
from lightning_gex.evaluation.gates_section import gates_body
from lightning_gex.evaluation.headline_tiles import headline_tiles, number, number_interval
from lightning_gex.evaluation.metrics import RunMetrics
from lightning_gex.evaluation.positioning_section import positioning_body
from lightning_gex.evaluation.ranges_section import ranges_body
from lightning_gex.evaluation.reliability_section import reliability_body
from lightning_gex.evaluation.report_figures import figures_body
from lightning_gex.evaluation.verdict import percent, percent_interval, points, verdict

MOST_EXPLAINED = 10  # tickers whose last decision is explained
MOST_HELD_SHOWN = 3  # tickers drawn one by one beside the equal-weight holding
_MODELLED = "modelled"


def report_html(
    run: RunResult,
    metrics: RunMetrics,
    *,
    positioning: DealerPositioning | None = None,
    beside: str | None = None,
    baseline: Beside | None = None,
    curves: Mapping[str, Float64Array1D] | None = None,
    title: str | None = None,
) -> str:
    """A run as one self-contained HTML page.

    Parameters
    ----------
    run : a finished run; one without a single trade is told as that.
    metrics : its figures, from ``evaluate``.
    positioning : dealer positioning of the last chain; None leaves that section out.
    beside : HTML of what the run is compared with, from ``comparison_section``; None leaves that section out.
    baseline : the run without any enhancement, for the headlines; None leaves it out.
    curves : name -> (m,) equity of other runs over the same sessions, drawn beside the run's own.
    title : headline; None names the tickers.

    Returns
    -------
    HTML with Plotly's script inlined once and no address of anything elsewhere.
    """
    index = RunIndex.of(run)
    badge = "option chains are modelled" if _modelled(run, positioning) else None
    shown = title or f"Lightning GEX: {_tickers(index)}"
    parts = [
        ("glance", "At a glance", _glance(run, metrics, index, curves or {})),
        ("figures", "The figures", figures_body(metrics)),
        ("decisions", "The decisions", _decisions(run, metrics, index)),
        ("gates", "What the gates stopped", gates_body(metrics.by_gate)),
        ("ranges", "The expected ranges", ranges_body(metrics.by_range)),
        ("said", "What was said and what came", reliability_body(metrics.reliability)),
        ("skill", "Skill or luck", _skill(run, metrics, index)),
    ]
    if beside is not None:
        parts.insert(2, ("beside", "Beside what could explain it", beside))
    if positioning is not None:
        parts.append(("positioning", "Dealer positioning of the last chain", positioning_body(positioning)))
    parts.append(("last", "The last decision, stage by stage", _last(run, index)))
    parts.append(("made", "How this was made", _made(run, metrics)))
    links = "".join(f'<a href="#{name}">{escape(text)}</a>' for name, text, _ in parts)
    return page.document(
        shown,
        _header(shown, run, metrics, links, baseline),
        [page.section(name, text, body, badge) for name, text, body in parts],
        _footer(run),
        [pictures.plotly_script()],
    )


def positioning_html(positioning: DealerPositioning, *, title: str | None = None) -> str:
    """Dealer positioning of one chain as one self-contained HTML page.

    Parameters
    ----------
    positioning : of one chain.
    title : headline; None names the underlying.
    """
    shown = title or f"Dealer positioning: {positioning.underlying}"
    badge = "this chain is modelled" if positioning.modelled else None
    return page.document(
        shown,
        f"<h1>{escape(shown)}</h1>",
        [page.section("positioning", "What one chain says", positioning_body(positioning), badge)],
        f"<p>{page.OFFLINE}</p>",
        [pictures.plotly_script()],
    )


def _tickers(index: RunIndex) -> str:
    names = index.tickers or tuple(sorted(index.run.bars))
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def _modelled(run: RunResult, positioning: DealerPositioning | None) -> bool:
    noted = any(note.lower().startswith(_MODELLED) for note in run.notes)
    return noted or (positioning is not None and positioning.modelled)


def _header(title: str, run: RunResult, metrics: RunMetrics, links: str, baseline: Beside | None) -> str:
    told = verdict(metrics)
    banners = "".join(
        f'<div class="banner" role="note">{escape(note)}</div>'
        for note in run.notes
        if note.lower().startswith(_MODELLED) or SURVIVORS_ONLY in note
    )
    said = "".join(f"<p>{escape(text)}</p>" for text in told.sentences)
    return (
        f"<h1>{escape(title)}</h1>"
        f'<p class="quiet">{metrics.sessions:,} sessions from {metrics.start} to the close of {metrics.end}, walked '
        "forward: each is decided on what the sessions before it taught. Every interval is one of 95%.</p>"
        f"<nav>{links}</nav>{banners}"
        f'<div class="verdict {told.finding}"><h2>{escape(told.title)}</h2>{said}</div>'
        + headline_tiles(metrics, baseline)
    )


def _span(interval: Interval, digits: int) -> str:
    return f" ({number_interval(interval, digits)})" if math.isfinite(interval[0]) else ""


def _glance(run: RunResult, metrics: RunMetrics, index: RunIndex, beside: Mapping[str, Float64Array1D]) -> str:
    held = benchmarks(run, index, metrics.exposure_mean)
    curves = {"Lightning GEX": run.equity, "buy and hold": held.equal_weight, **beside}
    if metrics.exposure_mean > 0:
        curves[f"holding {percent(metrics.exposure_mean)}, rest in bills"] = held.same_exposure
    if 1 < len(held.by_ticker) <= MOST_HELD_SHOWN:
        curves |= {f"hold {name}": curve for name, curve in held.by_ticker.items()}
    when = (
        f"from {metrics.drawdown_peak} to {metrics.drawdown_trough}"
        if metrics.drawdown_peak is not None
        else "equity never fell"
    )
    first = pictures.figure_html(pictures.equity(run.sessions, curves), "equity")
    second = pictures.figure_html(pictures.drawdown(run.sessions, curves), "drawdown")
    return (
        page.picture(
            first,
            "equity",
            "Equity beside what it must be read beside, with the same capital",
            f"USD at each close after costs; ${run.initial_capital:,.0f} became ${run.equity[-1]:,.0f}.",
        )
        + page.picture(
            second,
            "drawdown",
            "Drawdown",
            f"Share of the highest equity so far that was lost. Deepest: {percent(metrics.max_drawdown)}, {when}.",
        )
        + _reliability(metrics, index)
    )


def _reliability(metrics: RunMetrics, index: RunIndex) -> str:
    """Whether the confidence was a probability; nothing where no decision with one is resolved."""
    known = index.taken()[0].resolved
    if not np.isfinite(known.confidence).any():
        return ""
    bins = reliability_bins(known.confidence, known.hit, bins=10, low=0.5)
    return page.picture(
        pictures.figure_html(pictures.reliability(bins), "reliability"),
        "reliability",
        "Is the confidence a probability?",
        "Said beside seen, larger dots hold more decisions; the bars treat them as independent. "
        f"On average {percent(metrics.confidence_mean)} was said and {percent(metrics.accuracy)} seen; "
        f"calibration error {number(metrics.ece, 3)}, Brier skill over the base rate "
        f"{number(metrics.brier_skill, 3)}{_span(metrics.brier_skill_interval, 3)}.",
    )


def _decisions(run: RunResult, metrics: RunMetrics, index: RunIndex) -> str:
    if not run.decisions:
        return "<p>The run made no decision.</p>"
    counts = metrics.decisions_by_status
    out = page.picture(
        pictures.figure_html(pictures.stages(funnel(run)), "stages"),
        "stages",
        "Decisions by stage",
        f"Of {metrics.decisions:,} decisions {counts['approved']:,} were approved, {counts['blocked']:,} blocked and "
        f"{counts['no_signal']:,} had no signal. Each bar: how many reached the stage, and how many ended there.",
    )
    rows = min(len(index.tickers), pictures.MOST_ROWS)
    out += page.picture(
        pictures.figure_html(pictures.regimes(run.sessions, index), "regimes"),
        "regimes",
        "Market regimes",
        "The strategic layer's word at each session"
        + (f", for the first {rows} of {len(index.tickers)} tickers." if rows < len(index.tickers) else "."),
    )
    agents, mean = pictures.mean_votes(index)
    if agents:
        out += page.picture(
            pictures.figure_html(pictures.votes(run.sessions, agents, mean), "votes"),
            "votes",
            "What the agents voted",
            "Mean vote over the tickers at each session; empty where the agent abstained.",
        )
    return out


def _skill(run: RunResult, metrics: RunMetrics, index: RunIndex) -> str:
    if metrics.decisions_resolved == 0 and not any(rate.resolved for rate in metrics.by_agent.values()):
        return "<p>No call about direction has a known outcome yet, so there is nothing to judge.</p>"
    out = ""
    groups = {f"regime: {name}": rate for name, rate in metrics.by_regime.items()}
    groups |= {f"agent: {name}": rate for name, rate in metrics.by_agent.items()}
    if any(rate.resolved for rate in groups.values()):
        out += page.picture(
            pictures.figure_html(pictures.hit_rates(groups), "hits"),
            "hits",
            "Hit rates beside their base rates",
            "Skill would show as an interval wholly above its base rate. Regimes: decisions taken. Agents: every vote "
            "with a direction, traded or not. In brackets: how many.",
        )
        out += _hit_table(groups)
    return out


def _hit_table(groups: dict[str, HitRate]) -> str:
    rows = [
        [
            name.replace("_", " "),
            f"{rate.calls:,}",
            f"{rate.resolved:,}",
            percent(rate.hit_rate),
            percent_interval(rate.interval),
            percent(rate.base_rate),
            points(rate.excess),
            f"{rate.neutral:,}" if name.startswith("agent") else "",
            f"{rate.abstained:,}" if name.startswith("agent") else "",
        ]
        for name, rate in groups.items()
    ]
    head = ["Group", "Calls", "Known", "Right", "95% interval", "Base rate", "Excess, points", "Neutral", "Abstained"]
    return f"<details><summary>The same as a table</summary>{page.table(head, rows, numbers=range(1, 9))}</details>"


def _last(run: RunResult, index: RunIndex) -> str:
    latest: dict[str, Decision] = {}
    for decision in run.decisions:
        latest[decision.ticker] = decision
    if not latest:
        return "<p>The run made no decision.</p>"
    shown = sorted(latest.values(), key=lambda d: d.as_of, reverse=True)[:MOST_EXPLAINED]
    if len(shown) == 1:
        return f"<p><strong>{escape(headline(shown[0]))}</strong></p>{_explained(shown[0])}"
    rest = f"<p>{MOST_EXPLAINED} of {len(latest)} tickers.</p>" if len(latest) > len(shown) else ""
    folds = "".join(
        f"<details{' open' if k == 0 else ''}><summary>{escape(headline(d))}</summary>{_explained(d)}</details>"
        for k, d in enumerate(shown)
    )
    return folds + rest


def _explained(decision: Decision) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(stage)}</th><td class="verdict-{escape(said.split()[0])}">{escape(said)}</td>'
        f"<td>{escape(reason)}</td></tr>"
        for stage, said, reason in explain_decision(decision)
    )
    out = (
        '<div class="scroll"><table><thead><tr><th scope="col">Stage</th><th scope="col">Verdict</th>'
        f'<th scope="col">Reason</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )
    if decision.votes:
        out += page.table(["Agent", "Vote", "Because"], explain_votes(decision))
    if decision.caps:
        caps = [
            [cap.name, percent(cap.size_pct), cap.reason, "this one bound" if cap.name == decision.binding_cap else ""]
            for cap in decision.caps
        ]
        out += page.table(["Limit on size", "Share of equity", "Reason", ""], caps, numbers=(1,))
    return out


def _made(run: RunResult, metrics: RunMetrics) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in metrics.notes)
    method = (
        f"Intervals are 95%: Wilson's where outcomes do not overlap, a stationary bootstrap over dates "
        f"({metrics.resamples:,} resamples, blocks of {metrics.block_length_sessions} sessions) where they do, and "
        "made from the number of outcomes that do not overlap where those are fewer than 20. An entry is the next "
        "session's open, or its close where the printed open is stale; accuracy looks so many sessions "
        f"further on at the same kind of price. Costs of ${metrics.costs_usd:,.2f} were paid. Seed {metrics.seed}."
    )
    settings = [[name, "n/a" if value is None else str(value)] for name, value in sorted(run.settings.items())]
    fills = [
        [name, str(run.fill_price[name]), f"{run.cost_bp_per_side[name]:g}", bars.source]
        for name, bars in sorted(run.bars.items())
        if name in run.fill_price and name in run.cost_bp_per_side
    ]
    return (
        f"<h3>What a reader must know</h3><ul>{notes}</ul><p>{escape(method)}</p>"
        + page.table(["Ticker", "Fills at next", "Cost, bp a side", "Bars from"], fills, numbers=(2,))
        + (f"<details><summary>Settings</summary>{page.table(['Setting', 'Value'], settings)}</details>")
    )


def _footer(run: RunResult) -> str:
    past = "Past results say little about future ones; nothing here is advice."
    return f"<p>Run {escape(run.run_id)}. {page.OFFLINE} {past}</p>"
