"""A history cut into parts that are judged one after the other, each with what may be learnt from before it.

Between the last session that is learnt from and the first that is judged lies a gap: *purged* sessions, whose outcomes
reach into the judged part, and an *embargo* beyond them for what is related in slower ways (M. Lopez de Prado,
Advances in Financial Machine Learning, Wiley 2018, chapter 7). Nothing after a judged part is ever learnt from for it:
this walks forward, so an embargo behind the judged part has nothing to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lightning_gex.core.errors import InputError, InsufficientDataError
from lightning_gex.core.units import DateArray1D

#: Sessions without which nothing worth the name is learnt: a quarter of a year.
FEWEST_FIT_SESSIONS = 63


class FoldScheme(StrEnum):
    """What a fold learns from."""

    ANCHORED = "anchored"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True)
class Fold:
    """One judged part of a history, and what is learnt from before it; all sessions included.

    Parameters
    ----------
    fit_from, fit_to : first and last session that is learnt from.
    judge_from, judge_to : first and last session that is judged.
    """

    fit_from: np.datetime64
    fit_to: np.datetime64
    judge_from: np.datetime64
    judge_to: np.datetime64


def folds(
    sessions: DateArray1D,
    *,
    kind: FoldScheme | str = FoldScheme.ANCHORED,
    count: int,
    purge_sessions: int,
    embargo_sessions: int = 0,
    judge_from: np.datetime64 | None = None,
) -> tuple[Fold, ...]:
    """Cut a history into consecutive judged parts of nearly equal length, oldest first.

    Parameters
    ----------
    sessions : (n,) ``datetime64[D]``, increasing: the history.
    kind : ``anchored`` learns from the first session on; ``rolling`` from as many sessions as the first fold has.
    count : how many parts, at least 1.
    purge_sessions : sessions before each part that are not learnt from, because their outcomes are known only in it:
        the longest horizon, counted to the exit. Not negative.
    embargo_sessions : sessions before those that are not learnt from either. Not negative.
    judge_from : first session to judge; None leaves the first ``1 / (count + 1)`` of the history to learn from.

    Returns
    -------
    The folds. Their judged parts follow on each other without a hole and end with the history.

    Raises
    ------
    InputError : a count below 1, or a negative gap.
    InsufficientDataError : fewer than a quarter of a year to learn from, or parts too short for an outcome.

    Examples
    --------
    >>> days = np.arange("2020-01-01", "2021-01-01", dtype="datetime64[D]")
    >>> for fold in folds(days, count=2, purge_sessions=10, judge_from=np.datetime64("2020-07-01")):
    ...     print(fold.fit_from, fold.fit_to, fold.judge_from, fold.judge_to)
    2020-01-01 2020-06-20 2020-07-01 2020-09-30
    2020-01-01 2020-09-20 2020-10-01 2020-12-31
    """
    scheme = FoldScheme(kind)
    if count < 1:
        raise InputError(f"{count} folds cannot be judged: at least 1", field="folds")
    if purge_sessions < 0 or embargo_sessions < 0:
        raise InputError("purged and embargoed sessions cannot be negative", field="folds")
    n, gap = len(sessions), purge_sessions + embargo_sessions
    first = n // (count + 1) if judge_from is None else int(np.searchsorted(sessions, judge_from))
    learnt = first - gap
    if learnt < FEWEST_FIT_SESSIONS:
        raise InsufficientDataError(
            f"{max(learnt, 0)} sessions are left to learn from before the first fold, after {gap} that are purged or "
            f"under embargo: at least {FEWEST_FIT_SESSIONS} are needed; begin to judge later, or give a longer history",
            field="folds",
        )
    shortest = max(purge_sessions, 1)
    if n - first < count * shortest:
        raise InsufficientDataError(
            f"{n - first} sessions cannot be judged in {count} parts: each needs {shortest}, until the outcome of its "
            "first decision is known; ask for fewer",
            field="folds",
        )
    edges = np.linspace(first, n, count + 1).round().astype(np.int64)
    return tuple(
        Fold(
            fit_from=sessions[0] if scheme is FoldScheme.ANCHORED else sessions[low - gap - learnt],
            fit_to=sessions[low - gap - 1],
            judge_from=sessions[low],
            judge_to=sessions[high - 1],
        )
        for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    )
