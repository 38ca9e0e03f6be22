"""A run beside the runs it is compared with: baseline, placebos, variants; as values and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lightning_gex.evaluation.metrics import JsonValue, RunMetrics
from lightning_gex.evaluation.paired import Difference
from lightning_gex.evaluation.placebos import RandomEntries

#: Figures that are shown of a run beside the evaluated one.
COMPARED = (
    "decisions_taken",
    "trades",
    "accuracy",
    "accuracy_interval",
    "base_rate",
    "excess_over_all_sessions",
    "same_date_excess",
    "win_rate",
    "expectancy_bp",
    "brier",
    "brier_skill",
    "ece",
    "total_return",
    "cagr",
    "sharpe",
    "max_drawdown",
    "calmar",
    "exposure_mean",
)


@dataclass(frozen=True, slots=True)
class Beside:
    """A run that the evaluated one is compared with.

    Parameters
    ----------
    name, words : what it is.
    metrics : its figures.
    gain : the evaluated run less this one.
    """

    name: str
    words: str
    metrics: RunMetrics
    gain: Difference

    def to_json_dict(self) -> dict[str, JsonValue]:
        """As plain JSON values; absent is null."""
        return {"what": self.words, **compared(self.metrics.to_json_dict()), "gain": plain_difference(self.gain)}


def compared(figures: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Of a run's figures those that are compared."""
    return {name: figures[name] for name in COMPARED}


def plain_difference(gain: Difference) -> dict[str, JsonValue]:
    """A difference as JSON knows it."""
    return {name: _plain(getattr(gain, name)) for name in gain.__slots__}


def plain_random(found: RandomEntries) -> dict[str, JsonValue]:
    """Random entries as JSON knows them."""
    return {name: _plain(getattr(found, name)) for name in found.__slots__}


def finite(value: float) -> float | None:
    """The value; None where it is no number."""
    return value if math.isfinite(value) else None


def _plain(value: object) -> JsonValue:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return finite(value)
    assert isinstance(value, int)  # noqa: S101 - differences and draws hold numbers and intervals
    return value
