"""What each judged part of a history came to, and all of them as one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np

from lightning_gex.core.decision import Decision
from lightning_gex.core.errors import InputError
from lightning_gex.core.ports import Decisions
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation.comparison import compared
from lightning_gex.evaluation.folds import Fold, FoldScheme
from lightning_gex.evaluation.metrics import JsonValue, RunMetrics

#: How the evaluated run learns, for the reader.
WALK = (
    "one anchored walk: every session is decided on what the sessions before it taught, and its own outcome is learnt "
    "only when the bars that follow have told it"
)
#: Figures of a fold beside those that every compared run shows.
_MORE = (
    "excess_accuracy",
    "excess_accuracy_interval",
    "excess_over_all_sessions_interval",
    "same_date_excess_interval",
    "expectancy_interval_bp",
    "sharpe_interval",
)


@dataclass(frozen=True, slots=True)
class JudgedFold:
    """One judged part.

    Parameters
    ----------
    fold : its sessions, and those that were learnt from.
    run_id : of the journal.
    metrics : its figures.
    """

    fold: Fold
    run_id: str
    metrics: RunMetrics


@dataclass(frozen=True, slots=True)
class FoldedFigures:
    """A history judged part by part, each by a run that learnt from its own past only.

    Parameters
    ----------
    scheme : what each part learnt from.
    purge_sessions, embargo_sessions : the gap between what is learnt from and what is judged.
    parts : the folds, oldest first.
    pooled : the figures of all parts as one run: decisions and trades together, equity chained.
    """

    scheme: FoldScheme
    purge_sessions: int
    embargo_sessions: int
    parts: tuple[JudgedFold, ...]
    pooled: RunMetrics

    def to_json_dict(self) -> dict[str, JsonValue]:
        """As plain JSON values; absent is null."""
        return {
            "scheme": self.scheme.value,
            "purge_sessions": self.purge_sessions,
            "embargo_sessions": self.embargo_sessions,
            "parts": [
                {
                    "run_id": part.run_id,
                    "fit_from": str(part.fold.fit_from),
                    "fit_to": str(part.fold.fit_to),
                    "judge_from": str(part.fold.judge_from),
                    "judge_to": str(part.fold.judge_to),
                    **_figures(part.metrics),
                }
                for part in self.parts
            ],
            "pooled": _figures(self.pooled),
        }


def _figures(metrics: RunMetrics) -> dict[str, JsonValue]:
    figures = metrics.to_json_dict()
    return {**compared(figures), **{name: figures[name] for name in _MORE}}


class _Chained(Sequence[Decision]):
    """The decisions of several runs, one after the other; none is built before somebody looks at it."""

    def __init__(self, parts: Sequence[Decisions | Sequence[Decision]]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])

    @property
    def outlines(self) -> Sequence[Decision]:
        """The decisions as far as the runs have them at hand."""
        return _Chained([getattr(part, "outlines", part) for part in self._parts])

    def append(self, decision: Decision, /) -> None:
        """Refused: the runs are over."""
        raise InputError("the runs are over: nothing is decided in them any more", field=decision.ticker)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __iter__(self) -> Iterator[Decision]:
        for part in self._parts:
            yield from part

    @overload
    def __getitem__(self, which: int) -> Decision: ...

    @overload
    def __getitem__(self, which: slice) -> list[Decision]: ...

    def __getitem__(self, which: int | slice) -> Decision | list[Decision]:
        if isinstance(which, slice):
            return [self[i] for i in range(len(self))[which]]
        at = range(len(self))[which]
        part = int(np.searchsorted(self._ends, at, side="right"))
        return self._parts[part][at - (int(self._ends[part - 1]) if part else 0)]


def pooled_run(runs: Sequence[RunResult]) -> RunResult:
    """Runs over parts of one history that follow on each other, as one run.

    Parameters
    ----------
    runs : at least one, oldest first. Each began with the same capital; in the pooled run each begins with what the one
        before ended with, so that equity and exposure are of one account. Trades keep the dollars they had.

    Raises
    ------
    InputError : no run, or runs whose sessions do not follow on each other.
    """
    if not runs:
        raise InputError("there is no run to pool", field="folds")
    sessions = np.concatenate([run.sessions for run in runs])
    if (np.diff(sessions.astype(np.int64)) <= 0).any():
        raise InputError("the runs do not follow on each other", field="folds")
    scale = np.cumprod([1.0, *(run.equity[-1] / run.initial_capital for run in runs[:-1])])
    first, last = runs[0], runs[-1]
    rates = [run.bill_rate for run in runs]
    known = [np.full(len(run.sessions), np.nan) if r is None else r for run, r in zip(runs, rates, strict=True)]
    return replace(
        first,
        run_id=", ".join(run.run_id for run in runs),
        decisions=_Chained([run.decisions for run in runs]),
        trades=tuple(trade for run in runs for trade in run.trades),
        sessions=sessions,
        equity=np.concatenate([run.equity * by for run, by in zip(runs, scale, strict=True)]),
        exposure=np.concatenate([run.exposure * by for run, by in zip(runs, scale, strict=True)]),
        bars={ticker: bars for run in runs for ticker, bars in run.bars.items()},
        fill_price={ticker: price for run in runs for ticker, price in run.fill_price.items()},
        cost_bp_per_side={ticker: cost for run in runs for ticker, cost in run.cost_bp_per_side.items()},
        bill_rate=None if all(r is None for r in rates) else np.concatenate(known),
        notes=tuple(dict.fromkeys(note for run in runs for note in run.notes)),
        reliability=last.reliability,
    )
