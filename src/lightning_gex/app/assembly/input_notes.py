"""What a reader must know about the files of a run: where they say nothing, and which bars look odd."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.core.bars import Bars
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import is_session, sessions_between
from lightning_gex.core.units import DateArray1D
from lightning_gex.engine.inputs import MAX_AGE_DAYS, RATE_MAX_AGE_DAYS

#: Columns that are kept with a series and decide nothing by themselves.
_BESIDE_THE_POINT = frozenset({"price", "open", "high", "low", "fed_funds_rate"})

#: Sessions in a row without a bar that a halt or a bad download explains; more is a hole.
_HOLE_SESSIONS = 5


def coverage_notes(sessions: DateArray1D, given: Mapping[str, DatedSeries | None]) -> tuple[str, ...]:
    """One note for each file that has no value on some of the sessions to decide on.

    Parameters
    ----------
    sessions : (n,) ``datetime64[D]``, increasing, the sessions to decide on.
    given : what a file is called -> what it holds; None where none was given.
    """
    notes = (_coverage(sessions, name, series) for name, series in given.items() if series is not None)
    return tuple(note for note in notes if note)


def bar_notes(bars: Bars) -> tuple[str, ...]:
    """Notes on bars of days without a session, on a long hole, and on days that have not been yet."""
    notes: list[str] = []
    closed = bars.session[~is_session(bars.session)]
    if len(closed):
        notes.append(
            f"{len(closed)} bars of {bars.ticker} are of days on which the New York exchange was closed, "
            f"the first {closed[0]}: taken as they are"
        )
    if hole := _largest_hole(bars):
        notes.append(hole)
    if bars.session[-1] > np.datetime64(SystemClock().now().date(), "D"):
        notes.append(f"the last bar of {bars.ticker} ({bars.session[-1]}) lies in the future")
    return tuple(notes)


def _largest_hole(bars: Bars) -> str | None:
    if len(bars.session) < 2:
        return None
    i = int(np.argmax(np.diff(bars.session)))
    before, after = bars.session[i], bars.session[i + 1]
    missing = len(sessions_between(before, after)) - int(is_session(bars.session[i : i + 2]).sum())
    if missing <= _HOLE_SESSIONS:
        return None
    return (
        f"{missing} sessions between {before} and {after} have no bar of {bars.ticker}: indicators run across the hole"
    )


def _coverage(sessions: DateArray1D, name: str, series: DatedSeries) -> str | None:
    oldest = RATE_MAX_AGE_DAYS if name == "rates" else MAX_AGE_DAYS
    columns = [column for column in series.columns if column not in _BESIDE_THE_POINT]
    known = {c: int(np.isfinite(series.aligned(c, sessions, max_age_days=oldest)).sum()) for c in columns}
    short = {column: count for column, count in known.items() if count < len(sessions)}
    if not short:
        return None
    counts = ", ".join(f"{column} on {count}" for column, count in short.items())
    return (
        f"{series.source} ({name}) does not reach all of the {len(sessions)} sessions to decide on: {counts}; "
        "what needs it there goes without"
    )
