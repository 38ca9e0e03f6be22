"""How the probabilities of the agents, and of the final word, compare with what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lightning_gex.analytics.kelly import wilson_interval
from lightning_gex.engine.learning import Reliability

#: group of signals -> who -> figures. Groups are ``all``, and each ticker, timeframe and regime by name.
ReliabilityByGroup = Mapping[str, Mapping[str, "ReliabilityFigures"]]


@dataclass(frozen=True, slots=True)
class ReliabilityFigures:
    """One voice in one group of resolved signals.

    Parameters
    ----------
    calls : how often it gave a direction.
    hit_rate : share of those that came true over the signal's horizon, target and stop ignored.
    interval : its 95 % Wilson interval, which takes calls for independent; overlapping ones are not, so the truth is
        wider.
    mean_probability : what it said on average, to hold against the hit rate.
    brier : mean squared distance between what it said and what came, 0 to 1.
    """

    calls: int
    hit_rate: float
    interval: tuple[float, float]
    mean_probability: float
    brier: float


def reliability_figures(grouped: Mapping[str, Mapping[str, Reliability]]) -> ReliabilityByGroup:
    """The figures of ``Learning.grouped``."""
    return {group: {who: _figures(found) for who, found in voices.items()} for group, voices in grouped.items()}


def _figures(found: Reliability) -> ReliabilityFigures:
    interval = wilson_interval(found.right, found.calls)
    return ReliabilityFigures(found.calls, found.hit_rate, interval, found.mean_probability, found.brier)


def plain_reliability(figures: ReliabilityByGroup) -> dict[str, Any]:
    """The figures as plain mappings, for JSON."""
    return {group: {who: asdict(found) for who, found in voices.items()} for group, voices in figures.items()}
