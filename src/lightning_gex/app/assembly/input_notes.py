"""What a reader must know about the files beside the bars of a run: where they say nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lightning_gex.core.series import DatedSeries
from lightning_gex.core.units import DateArray1D
from lightning_gex.engine.inputs import MAX_AGE_DAYS, RATE_MAX_AGE_DAYS

#: Columns that are kept with a series and decide nothing by themselves.
_BESIDE_THE_POINT = frozenset({"price", "open", "high", "low", "fed_funds_rate"})


def coverage_notes(sessions: DateArray1D, given: Mapping[str, DatedSeries | None]) -> tuple[str, ...]:
    """One note for each file that has no value on some of the sessions to decide on.

    Parameters
    ----------
    sessions : (n,) ``datetime64[D]``, increasing, the sessions to decide on.
    given : what a file is called -> what it holds; None where none was given.
    """
    notes = (_coverage(sessions, name, series) for name, series in given.items() if series is not None)
    return tuple(note for note in notes if note)


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
