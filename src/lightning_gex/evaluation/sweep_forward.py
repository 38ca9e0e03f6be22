"""What choosing would have earned: before each part of a history the variant that was best in the parts before it.

The best of a sweep was chosen after everything was seen. Somebody who sweeps, takes the best and trades it never has
that: here the choice is made with what was known, and judged on what came after.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lightning_gex.analytics.bootstrap import Interval
from lightning_gex.core.units import Float64Array1D
from lightning_gex.evaluation.paired import Judged, difference
from lightning_gex.evaluation.sweep_variant import Criterion, Variant, joined


@dataclass(frozen=True, slots=True)
class ForwardChoice:
    """The choice of the best so far, made again before every part.

    Parameters
    ----------
    chosen : name of the variant chosen for each part after the first.
    return_a_year : log growth over those parts.
    gain_a_year, gain_interval : the same less that of the settings as they are, with its 95 % interval.
    sessions : of those parts.
    """

    chosen: tuple[str, ...]
    return_a_year: float
    gain_a_year: float
    gain_interval: Interval
    sessions: int

    @property
    def changes(self) -> int:
        """How often the choice fell on another variant than the time before."""
        return sum(one != other for one, other in zip(self.chosen, self.chosen[1:], strict=False))


def forward_choice(
    parts: Mapping[str, Sequence[Judged]], own: str, *, by: Criterion, seed: int = 0
) -> ForwardChoice | None:
    """Choose before each part what was best by a figure in all parts before it.

    Parameters
    ----------
    parts : variant -> its sums over each part of the history, the same sessions for all.
    own : name of the settings as they are, among them; they are kept while no variant has the figure.
    by : the figure. The Sharpe ratio is that of log growth over nothing here.
    seed : of the bootstrap.

    Returns
    -------
    None with fewer than two parts or variants.
    """
    count = len(parts[own])
    if count < 2 or len(parts) < 2:
        return None
    chosen = [_best(parts, own, k, by) for k in range(1, count)]
    walked = joined([parts[name][k] for k, name in enumerate(chosen, start=1)])
    kept = joined(parts[own][1:])
    gain = difference(walked, kept, seed=seed)
    return ForwardChoice(
        chosen=tuple(chosen),
        return_a_year=walked.return_a_year,
        gain_a_year=gain.return_a_year,
        gain_interval=gain.return_interval,
        sessions=len(walked.growth),
    )


def _best(parts: Mapping[str, Sequence[Judged]], own: str, before: int, by: Criterion) -> str:
    figures = {name: figure_of(joined(mine[:before]), by) for name, mine in parts.items()}
    known = {name: value for name, value in figures.items() if math.isfinite(value)}
    if not known:
        return own
    best = max(known.values())
    return own if known.get(own) == best else next(name for name, value in known.items() if value == best)


def figure_of(judged: Judged, by: Criterion) -> float:
    """A run's figure, more is better; NaN where it has none."""
    if by is Criterion.SHARPE:
        return _ratio(judged.growth)
    if by is Criterion.DRAWDOWN:
        return -judged.drawdown
    return float(getattr(judged, by))


def _ratio(growth: Float64Array1D) -> float:
    deviation = float(np.std(growth))
    return float(np.mean(growth)) / deviation if deviation > 0.0 else math.nan


def comparable(variants: Sequence[Variant]) -> bool:
    """Whether all were judged on the same parts of the same sessions."""
    first = variants[0]
    return all(
        np.array_equal(one.sessions, first.sessions)
        and [len(p.growth) for p in one.parts] == [len(p.growth) for p in first.parts]
        for one in variants
    )
