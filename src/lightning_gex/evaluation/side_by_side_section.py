"""Two systems side by side as one page: who did better, how sure that is, where they differ and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from lightning_gex.analytics.bootstrap import Interval
from lightning_gex.core.units import Float64Array1D
from lightning_gex.evaluation import page, pictures
from lightning_gex.evaluation.comparison_section import interval_picture
from lightning_gex.evaluation.reliability_section import reliability_body
from lightning_gex.evaluation.run_tables import Tables, grouped_frame, records_frame, run_tables
from lightning_gex.evaluation.side_by_side import Agreement, EntryOutcome, Side, SideBySide
from lightning_gex.evaluation.verdict import Finding, Verdict, judge, percent, percent_interval, points

_MOST_DIFFERING = 60  # entries listed in the page; all of them are in the table beside it


def side_by_side_verdict(found: SideBySide) -> Verdict:
    """What the comparison says, in plain words and without flattery."""
    gain, agreed = found.gain, found.agreement
    new, old = found.new.metrics, found.old.metrics
    finding = judge(gain.return_a_year, gain.return_interval)
    title = {
        Finding.BETTER: "The new system grew faster than the old one",
        Finding.WORSE: "The new system grew more slowly than the old one",
        Finding.UNDECIDED: "The two systems cannot be told apart by their growth",
        Finding.NO_DATA: "There is too little to compare the two systems by",
    }[finding]
    growth = (
        f"Growth a year, new less old: {points(gain.return_a_year)} points, 95% interval "
        f"{_points(gain.return_interval)}, over {len(found.sessions):,} sessions from {found.sessions[0]} to "
        f"{found.sessions[-1]}."
    )
    fall = (
        f"Deepest fall {percent(new.max_drawdown)} against {percent(old.max_drawdown)}; {new.trades:,} trades against "
        f"{old.trades:,}."
    )
    cells = (
        f"Either entered in {agreed.either:,} cells of session and ticker; both did, one way, in "
        f"{percent(agreed.entries_shared)} of them (95% interval {percent_interval(agreed.entries_interval)})."
    )
    return Verdict(finding, title, (growth, fall, cells))


def side_by_side_html(found: SideBySide, *, title: str, source: str, notes: Sequence[str]) -> str:
    """The comparison as one self-contained page.

    Parameters
    ----------
    found : it.
    title : headline.
    source : where both lived through the sessions: ``history`` or ``paper``.
    notes : what a reader must know.
    """
    told = side_by_side_verdict(found)
    said = "".join(f"<p>{escape(text)}</p>" for text in told.sentences)
    parts = [
        ("figures", "Both systems", _figures(found)),
        ("money", "The money", _money(found)),
        ("difference", "How sure the difference is", _difference(found)),
        ("agreement", "Where they agree", _agreement(found)),
        ("why", "Where they differ, and why", _why(found)),
        ("mixes", "What each part of the capital would have been worth", _mixes(found)),
        ("said", "What the new system said and what came", reliability_body(found.new.metrics.reliability)),
    ]
    links = "".join(f'<a href="#{name}">{escape(text)}</a>' for name, text, _ in parts)
    header = (
        f'<h1>{escape(title)}</h1><p class="quiet">On {escape(source)}. New: {escape(found.new.words)} '
        f"({escape(found.new.run.run_id)}). Old: {escape(found.old.words)} ({escape(found.old.run.run_id)}).</p>"
        f'<nav>{links}</nav><div class="verdict {told.finding}"><h2>{escape(told.title)}</h2>{said}</div>'
    )
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return page.document(
        title,
        header,
        [page.section(name, text, body, None) for name, text, body in parts],
        (f"<h3>What a reader must know</h3><ul>{listed}</ul>" if listed else "") + f"<p>{page.OFFLINE}</p>",
        [pictures.plotly_script()],
    )


def side_by_side_tables(found: SideBySide) -> Tables:
    """Everything behind the page: each system's tables under its name, and what compares them.

    Returns
    -------
    ``new_*`` and ``old_*`` as :func:`lightning_gex.evaluation.run_tables.run_tables` gives them, ``growth`` (a row a
    session, log growth of both), ``differing`` (a row an entry that only one made), ``disagreements`` and ``mixes``.
    """
    out: Tables = {}
    for side in (found.new, found.old):
        out |= {f"{side.name}_{name}": table for name, table in run_tables(side.run, side.metrics).items()}
    sessions = [s.astype(object) for s in found.sessions]
    new, old = (_growth(side) for side in (found.new, found.old))
    rows = zip(sessions, new.tolist(), old.tolist(), strict=True)
    out["growth"] = records_frame([{"session": s, "new": a, "old": b, "difference": a - b} for s, a, b in rows])
    out["differing"] = records_frame(
        [
            {
                "session": e.session.astype(object),
                "ticker": e.ticker,
                "entered": e.entered,
                "direction": e.direction,
                "why": e.why,
                "reason": e.reason,
                "share_return": None if math.isnan(e.share_return) else e.share_return,
            }
            for e in found.differing
        ]
    )
    plain = found.to_json_dict()
    for name in ("disagreements", "mixes"):
        listed = plain[name]
        assert isinstance(listed, list)  # noqa: S101 - its own document
        out[name] = grouped_frame({str(k): row for k, row in enumerate(listed)}, "row")
    return {name: table for name, table in out.items() if table.height}


def _figures(found: SideBySide) -> str:
    new, old = (_column(side) for side in (found.new, found.old))
    rows = [[name, new[name], old[name]] for name in new]
    caption = (
        f"New: {found.new.words}. Old: {found.old.words}. Same bars, sessions and costs; in brackets 95% intervals. "
        "Turnover: value bought and sold over mean equity."
    )
    return page.table(["Figure", "New", "Old"], rows, numbers=(1, 2), caption=caption)


def _column(side: Side) -> dict[str, str]:
    """One system's figures by name."""
    m = side.metrics
    low, high = m.expectancy_interval_bp
    paid = "n/a" if math.isnan(m.expectancy_bp) else f"{m.expectancy_bp:+.1f} bp"
    return {
        "Decisions taken": f"{m.decisions_taken:,}",
        "Closed trades": f"{m.trades:,}",
        "Accuracy": _with(percent(m.accuracy), percent_interval(m.accuracy_interval)),
        "Base rate, same entries": percent(m.base_rate),
        "Win rate": _with(percent(m.win_rate), percent_interval(m.win_rate_interval)),
        "Expectancy a trade": _with(paid, f"{low:+.1f} to {high:+.1f}" if math.isfinite(low) else "n/a"),
        "Growth a year": _with(percent(m.cagr), percent_interval(m.cagr_interval)),
        "Sharpe ratio": _with(_ratio(m.sharpe), " to ".join(_ratio(end) for end in m.sharpe_interval)),
        "Deepest fall": _with(percent(m.max_drawdown), percent_interval(m.max_drawdown_interval)),
        "Invested on average": percent(m.exposure_mean),
        "Turnover a year": f"{_ratio(m.turnover_per_year)} times",
    }


def _with(value: str, interval: str) -> str:
    """A figure with its interval in brackets, where there is one."""
    return value if "n/a" in interval else f"{value} ({interval})"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "n/a"


def _money(found: SideBySide) -> str:
    curves = {"new": found.new.run.equity, "old": found.old.run.equity}
    first = pictures.figure_html(pictures.equity(found.sessions, curves), "equity")
    second = pictures.figure_html(pictures.drawdown(found.sessions, curves), "drawdown")
    return page.picture(
        first,
        "equity",
        "Equity of both",
        "USD at each close after costs, from the same capital over the same sessions.",
    ) + page.picture(second, "drawdown", "Drawdown of both", "Share of the highest equity so far that was lost.")


def _difference(found: SideBySide) -> str:
    gain = found.gain
    rows = [
        ["Growth a year (log)", points(gain.return_a_year), _points(gain.return_interval)],
        ["Growth over all sessions (log)", points(found.total_difference), _points(found.total_interval)],
        ["Accuracy", points(gain.accuracy), _points(gain.accuracy_interval)],
        ["Accuracy over knowing nothing", points(gain.excess_accuracy), _points(gain.excess_accuracy_interval)],
        ["Volatility a year", points(gain.volatility_a_year), "n/a"],
        ["Deepest fall", points(gain.max_drawdown), "n/a"],
    ]
    picture = interval_picture(
        ["growth a year", "accuracy", "accuracy over knowing nothing"],
        [gain.return_a_year, gain.accuracy, gain.excess_accuracy],
        [gain.return_interval, gain.accuracy_interval, gain.excess_accuracy_interval],
        "new less old",
    )
    caption = (
        "Dot: new less old. Bar: 95% interval, both resampled with the same blocks of sessions. Right of zero: better."
    )
    return page.table(
        ["New less old, percentage points", "Difference", "95% interval"], rows, numbers=(1, 2)
    ) + page.picture(pictures.figure_html(picture, "differences"), "differences", "New less old", caption)


def _agreement(found: SideBySide) -> str:
    a = found.agreement
    rows = [
        ["Both entered, one way", f"{a.both:,}", *_outcome(a.together)],
        ["Only the new one entered", f"{a.only_new:,}", *_outcome(a.new_alone)],
        ["Only the old one entered", f"{a.only_old:,}", *_outcome(a.old_alone)],
        ["Both entered, opposite ways", f"{a.opposite:,}", "", "", "", ""],
        ["Neither entered", f"{a.neither:,}", "", "", "", ""],
    ]
    head = ["Session and ticker", "Cells", "Right", "95% interval", "Mean return", "95% interval "]
    caption = (
        f"They did the same in {percent(a.share)} of {a.cells:,} cells, 95% interval "
        f"{percent_interval(a.share_interval)}. {held_words(a)} Right and mean return: of the entries over their own "
        "horizon, before costs, target and stop ignored."
    )
    return page.table(head, rows, numbers=range(1, 6), caption=caption)


def held_words(a: Agreement) -> str:
    """How much of what they held they held together, in a sentence."""
    if not a.held_either:
        return "Neither held anything over a close."
    return (
        f"Over the close at least one held a position in {a.held_either:,} cells, both the same way in "
        f"{percent(a.held_shared)} of them, 95% interval {percent_interval(a.held_interval)}."
    )


def _why(found: SideBySide) -> str:
    head = ["Entered", "What the other one said", "Entries", "Right", "95% interval", "Mean return", "95% interval "]
    rows = [
        [f"only {one.entered}", one.why, f"{one.outcome.entries:,}", *_outcome(one.outcome)]
        for one in found.disagreements
    ]
    if not rows:
        return "<p>Neither system entered where the other did not.</p>"
    listed = [
        [
            str(e.session),
            e.ticker,
            f"only {e.entered}, {'long' if e.direction > 0 else 'short'}",
            e.why,
            e.reason,
            "n/a" if math.isnan(e.share_return) else f"{100 * e.share_return:+.1f} %",
        ]
        for e in found.differing[-_MOST_DIFFERING:]
    ]
    shown = page.table(
        ["Session", "Ticker", "Entered", "What stopped the other", "In its own words", "The share then"],
        listed,
        numbers=(5,),
    )
    count = len(found.differing)
    told = f"The last {len(listed)} of {count:,} entries that only one made" if count > len(listed) else "Each of them"
    return (
        page.table(head, rows, numbers=range(2, 7), caption="Most frequent first, by who entered.")
        + f"<details><summary>{escape(told)}</summary>{shown}</details>"
    )


def _mixes(found: SideBySide) -> str:
    rows = [
        [
            f"{mix.share:.0%} new, {1 - mix.share:.0%} old",
            percent(mix.metrics.total_return),
            percent(mix.metrics.cagr),
            percent(mix.volatility_a_year),
            "n/a" if math.isnan(mix.metrics.sharpe) else f"{mix.metrics.sharpe:.2f}",
            percent(mix.metrics.max_drawdown),
        ]
        for mix in found.mixes
    ]
    curves = {f"{mix.share:.0%} new": mix.equity for mix in found.mixes}
    picture = pictures.figure_html(pictures.equity(found.sessions, curves), "mix")
    return page.table(
        ["Capital", "Total return", "A year", "Volatility a year", "Sharpe", "Deepest fall"],
        rows,
        numbers=range(1, 6),
        caption="The capital split between both and brought back to the split at every close, free of cost.",
    ) + page.picture(picture, "mix", "The stages of a transition", "USD at each close, by the new system's part.")


def _outcome(outcome: EntryOutcome) -> list[str]:
    low, high = outcome.return_interval_bp
    return [
        percent(outcome.hit_rate),
        percent_interval(outcome.hit_interval),
        "n/a" if math.isnan(outcome.return_bp) else f"{outcome.return_bp:+.0f} bp",
        "n/a" if math.isnan(low) else f"{low:+.0f} to {high:+.0f} bp",
    ]


def _points(interval: Interval) -> str:
    low, high = interval
    return f"{points(low)} to {points(high)}" if math.isfinite(low) else "n/a"


def _growth(side: Side) -> Float64Array1D:
    """(m,) log growth of a system's equity over each session."""
    curve = np.r_[side.run.initial_capital, side.run.equity]
    return np.diff(np.log(np.maximum(curve, np.finfo(np.float64).tiny)))
