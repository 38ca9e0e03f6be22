"""Whether the data of a run are what they seem, before anything rests on them: faults refuse a run, oddities are told.

Each finding names file, ticker and date, the figure it rests on, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lightning_gex.adapters.market_data.bars_census import BarsCensus
from lightning_gex.adapters.market_data.positioning_history import PositioningHistory
from lightning_gex.adapters.market_data.stale_open import default_fill_price, has_own_volume
from lightning_gex.analytics.data_quality import (
    CLEAR_RATIO,
    bad_ticks,
    overnight_share,
    split_jumps,
    unchanged_runs,
    unusual_volume,
)
from lightning_gex.app.assembly.positions import LARGEST_SCALE_DIFFERENCE, scales
from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import FillPrice
from lightning_gex.core.membership import SURVIVORS_ONLY
from lightning_gex.core.sessions import is_session, sessions_between

#: Sessions in a row without a bar that a halt or a bad download explains; more is a hole.
HOLE_SESSIONS = 5
#: Part of the exchange's sessions without a bar beyond which the bars are not daily ones.
LARGEST_MISSING_SHARE = 0.5
#: Part of the bars on days without a session beyond which they are of another calendar.
LARGEST_CLOSED_SHARE = 0.1
#: Closes in a row that are the same to the last digit before they look stale: a trading week.
STALE_SESSIONS = 5
#: Below this part of a day's move the printed open is not what was paid in the morning (see ``stale_open``).
LEAST_OVERNIGHT_SHARE = 0.41
#: Part of a history's sessions whose spot may be off the bars' close before the two are on different scales.
LARGEST_OTHER_SCALE_SHARE = 0.1
#: Names that leave an index of large US companies a year; a file that lost fewer is a list of those that stayed.
#: (S&P 500: 4 to 5 % a year; the threshold is a quarter of it.)
LEAST_LEAVING_A_YEAR = 0.01
#: Tickers below which a file is a choice, not a market that anybody could have left.
FEWEST_OF_A_MARKET = 20
_SHOWN = 5  # tickers of one kind of finding before they are told together
_DAYS_PER_YEAR = 365.25


class Severity(StrEnum):
    """What a finding does to a run."""

    FAULT = "fault"
    ODDITY = "oddity"


@dataclass(frozen=True, slots=True)
class DataFinding:
    """Something about the data.

    Parameters
    ----------
    severity : a fault refuses a run, an oddity is a note in its report.
    check : which look found it.
    source : the file.
    ticker : whose bars; empty where it is about the whole file.
    session : the first date it concerns; None where it is about no date.
    figure : the number it rests on.
    problem : what is the matter, with its figures, in words.
    remedy : what to do.
    """

    severity: Severity
    check: str
    source: str
    ticker: str
    session: np.datetime64 | None
    figure: float
    problem: str
    remedy: str

    @property
    def words(self) -> str:
        """The finding as one sentence."""
        return f"{self.problem}: {self.remedy}"


def bar_findings(bars: Bars, *, today: np.datetime64) -> list[DataFinding]:
    """Everything odd about one ticker's bars, faults first.

    Parameters
    ----------
    bars : daily bars; what is no bar at all is refused where they are read.
    today : ``datetime64[D]``.
    """
    found = [*_splits(bars), *_calendar(bars, today), *_prices(bars), *_volumes(bars)]
    return sorted(found, key=lambda finding: finding.severity is not Severity.FAULT)


def _finding(
    bars: Bars, severity: Severity, check: str, row: int, figure: float, problem: str, remedy: str
) -> DataFinding:
    return DataFinding(severity, check, bars.source, bars.ticker, bars.session[row], figure, problem, remedy)


def _splits(bars: Bars) -> list[DataFinding]:
    """Splits that the prices were not adjusted for; a small ratio may be a spin-off or a shock, and is only told."""
    jumps = split_jumps(bars.open, bars.close, bars.volume)
    out = []
    for row, ratio in zip(jumps.row.tolist(), jumps.ratio.tolist(), strict=True):
        clear = max(ratio, 1.0 / ratio) >= CLEAR_RATIO
        after, before = (f"{ratio:.4g}", "1") if ratio > 1 else ("1", f"{1.0 / ratio:.4g}")
        kind = "are not adjusted for a split" if clear else "may not be adjusted for a split or spin-off"
        problem = (
            f"the prices of {bars.ticker} {kind} of {after} for {before} on {bars.session[row]} "
            f"(close {bars.close[row - 1]:.6g} before, open {bars.open[row]:.6g})"
        )
        remedy = f"divide the prices before it by {ratio:.6g} and multiply their volumes by it, or give adjusted bars"
        severity = Severity.FAULT if clear else Severity.ODDITY
        out.append(_finding(bars, severity, "split", row, ratio, problem, remedy))
    return out


def _calendar(bars: Bars, today: np.datetime64) -> list[DataFinding]:
    """Bars of closed days, sessions without a bar, days that have not been yet."""
    there = is_session(bars.session)
    closed, count = np.flatnonzero(~there), len(bars)
    out = []
    if len(closed):
        share = len(closed) / count
        told = (
            f"{len(closed)} bars of {bars.ticker} are of days on which the New York exchange was closed, "
            f"the first {bars.session[closed[0]]}"
        )
        other = share > LARGEST_CLOSED_SHARE
        severity = Severity.FAULT if other else Severity.ODDITY
        remedy = "give bars of New York sessions" if other else "taken as they are"
        out.append(_finding(bars, severity, "closed_day", int(closed[0]), share, told, remedy))
    sessions = sessions_between(bars.session[0], bars.session[-1])
    missing = sessions[~np.isin(sessions, bars.session)]
    if len(missing):
        out.extend(_missing(bars, missing, len(sessions)))
    if bars.session[-1] > today:
        told = f"the last bar of {bars.ticker} ({bars.session[-1]}) lies in the future"
        out.append(_finding(bars, Severity.ODDITY, "future", count - 1, np.nan, told, "mend its date"))
    return out


def _missing(bars: Bars, missing: np.ndarray, sessions: int) -> list[DataFinding]:
    share = len(missing) / sessions
    first = int(np.searchsorted(bars.session, missing[0]))
    if share > LARGEST_MISSING_SHARE:
        told = f"{len(missing)} of {sessions} sessions have no bar of {bars.ticker}"
        remedy = "these are no daily bars: give one bar a session"
        return [_finding(bars, Severity.FAULT, "missing_sessions", first, share, told, remedy)]
    after = np.searchsorted(bars.session, missing)
    where, lengths = np.unique(after, return_counts=True)
    longest = int(np.argmax(lengths))
    row, hole = int(where[longest]), int(lengths[longest])
    if hole > HOLE_SESSIONS:
        told = (
            f"{hole} sessions between {bars.session[row - 1]} and {bars.session[row]} have no bar of {bars.ticker}: "
            "indicators run across the hole"
        )
        return [_finding(bars, Severity.ODDITY, "hole", row, hole, told, "fill it, or begin after it")]
    told = f"{len(missing)} of {sessions} sessions have no bar of {bars.ticker}, the first {missing[0]}"
    return [_finding(bars, Severity.ODDITY, "missing_sessions", first, share, told, "nothing is decided on it there")]


def _prices(bars: Bars) -> list[DataFinding]:
    """Closes that stand still, closes that were taken back, opens that repeat the evening before."""
    out = []
    start, length = unchanged_runs(bars.close, STALE_SESSIONS)
    if len(start):
        longest = int(np.argmax(length))
        told = (
            f"the close of {bars.ticker} stands still in {len(start)} stretches of {STALE_SESSIONS} sessions or more, "
            f"the longest {length[longest]} from {bars.session[start[longest]]}"
        )
        remedy = "look whether the source repeats a last price where nothing traded"
        row = int(start[longest])
        out.append(_finding(bars, Severity.ODDITY, "stale_close", row, float(length[longest]), told, remedy))
    ticks = bad_ticks(bars.close) if has_own_volume(bars.ticker) else np.zeros(0, dtype=np.int64)
    if len(ticks):
        row = int(ticks[0])
        jump = float(bars.close[row] / bars.close[row - 1])
        told = f"the close of {bars.ticker} jumps and is taken back on {len(ticks)} sessions, first {bars.session[row]}"
        remedy = f"check {bars.close[row]:.6g} after {bars.close[row - 1]:.6g}: a misprint is traded like a price"
        out.append(_finding(bars, Severity.ODDITY, "bad_tick", row, jump, told, remedy))
    share = overnight_share(bars.open, bars.close)
    if share < LEAST_OVERNIGHT_SHARE and default_fill_price(bars.ticker) is FillPrice.OPEN:
        told = f"the open of {bars.ticker} holds {share:.0%} of a day's move, where a traded one holds half or more"
        remedy = "it may repeat the evening before; an order filled there is filled in the past"
        out.append(_finding(bars, Severity.ODDITY, "stale_open", 0, share, told, remedy))
    return out


def _volumes(bars: Bars) -> list[DataFinding]:
    """Sessions in which nothing was traded, or a hundred times as much as usual."""
    if not has_own_volume(bars.ticker):
        return []
    out = []
    none = np.flatnonzero(bars.volume == 0)
    if len(none):
        told = f"{len(none)} bars of {bars.ticker} have a volume of zero, the first {bars.session[none[0]]}"
        remedy = "a price at which nothing traded cannot be traded at; leave the cell empty where it is not known"
        out.append(_finding(bars, Severity.ODDITY, "no_volume", int(none[0]), float(len(none)), told, remedy))
    odd = unusual_volume(bars.volume)
    if len(odd):
        row = int(odd[0])
        told = (
            f"the volume of {bars.ticker} is far from its usual on {len(odd)} sessions, first {bars.volume[row]:,.0f} "
            f"on {bars.session[row]}"
        )
        remedy = "check the source: capacity and split checks rest on it"
        out.append(_finding(bars, Severity.ODDITY, "unusual_volume", row, float(bars.volume[row]), told, remedy))
    return out


def survivorship_findings(census: BarsCensus) -> list[DataFinding]:
    """Whether the tickers of a file are those that are still there today, with figures."""
    names, end = len(census.bars), max(census.last.values())
    if names < FEWEST_OF_A_MARKET:
        return []
    years = float((end - min(census.first.values())) / np.timedelta64(1, "D")) / _DAYS_PER_YEAR
    gone = sorted(ticker for ticker, last in census.last.items() if last < end)
    a_year = len(gone) / names / years if years > 0 else 0.0
    if a_year >= LEAST_LEAVING_A_YEAR:
        return []
    who = f" ({', '.join(gone[:_SHOWN])}{' and others' if len(gone) > _SHOWN else ''})" if gone else ""
    told = (
        f"{len(gone)} of the {names} tickers of {census.source} end before {end}{who}, {a_year:.1%} a year where an "
        "index of large companies loses 4 to 5 %"
    )
    remedy = (
        f"the file is {SURVIVORS_ONLY}, and what is chosen from it looks better than anybody could have done; add the "
        "bars of those that left"
    )
    return [DataFinding(Severity.ODDITY, "survivorship", census.source, "", end, a_year, told, remedy)]


def scale_findings(history: PositioningHistory, bars: Mapping[str, Bars], tickers: Iterable[str]) -> list[DataFinding]:
    """Whether chains and bars are on one price scale: a strike says nothing beside an adjusted price.

    Parameters
    ----------
    history : daily positioning, with the spot of each chain.
    bars : ticker -> its bars.
    tickers : which to look at.
    """
    out = []
    for ticker in tickers:
        own, found = bars.get(ticker), history.of(ticker)
        if own is None or found is None:
            continue
        inside = (found.session >= own.session[0]) & (found.session <= own.session[-1])
        days, spot = found.session[inside], found.columns["spot"][inside]
        scale = scales(days, spot, own)
        off = np.abs(scale - 1.0) > LARGEST_SCALE_DIFFERENCE
        if len(days) == 0 or off.mean() <= LARGEST_OTHER_SCALE_SHARE:
            continue
        row = int(np.argmax(off))
        told = (
            f"the chains of {ticker} in {history.source} stand beside bars of another scale on {off.sum()} of "
            f"{len(days)} sessions: on {days[row]} a spot of {spot[row]:.6g} is {scale[row]:.3f} times the close"
        )
        remedy = "give bars that are not adjusted for dividends and splits: a strike says nothing beside adjusted ones"
        figure = float(np.median(scale))
        out.append(DataFinding(Severity.FAULT, "strikes", own.source, ticker, days[row], figure, told, remedy))
    return out


def told_together(findings: Sequence[DataFinding]) -> tuple[str, ...]:
    """Findings as notes: each by itself, and many of one kind as one."""
    by_check: dict[str, list[DataFinding]] = {}
    for finding in findings:
        by_check.setdefault(finding.check, []).append(finding)
    out: list[str] = []
    for same in by_check.values():
        if len(same) <= _SHOWN:
            out.extend(finding.words for finding in same)
        else:
            others = ", ".join(finding.ticker for finding in same[1:])
            out.append(f"{same[0].words} (and the like of {len(same) - 1} other tickers: {others})")
    return tuple(out)


def faults_of(findings: Iterable[DataFinding]) -> tuple[str, ...]:
    """The faults among findings, in words."""
    return tuple(finding.words for finding in findings if finding.severity is Severity.FAULT)
