"""What each enhancement is worth: twelve variants on the same sessions, and what follows from their differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightning_gex.analytics.bootstrap import Interval
from lightning_gex.analytics.multiple_testing import SuperiorAbility, superior_ability
from lightning_gex.analytics.performance import CSCV_BLOCKS, probability_of_backtest_overfitting
from lightning_gex.core.units import Float64Array2D
from lightning_gex.evaluation.comparison import compared, finite, plain_difference
from lightning_gex.evaluation.metrics import JsonValue, RunMetrics
from lightning_gex.evaluation.paired import Difference, Judged, difference

#: Names of the variants that others are compared with; the rest are ``without_X`` and ``only_X``.
EVERYTHING, BASELINE = "everything", "baseline"
#: Everything, sized by the policy that ships with the package where Kelly is the champion: what RL sizing would do.
SHIPPED_POLICY = "with_shipped_policy"
#: What the founding document expects of each enhancement: figure, least and most, and in which words.
EXPECTED = {
    "rl_sizing": ("return_a_year", 0.05, 0.10, "+5-10% annual return"),
    "memory": ("accuracy", 0.03, 0.07, "+3-7% accuracy"),
    "multi_agent": ("accuracy", 0.02, 0.05, "+2-5% accuracy"),
    "hierarchical": ("accuracy", 0.01, 0.03, "+1-3% accuracy, smaller drawdowns"),
    "security": ("max_drawdown", 0.0, 0.0, "no catastrophic loss"),
}
#: What became of an expectation: measured as large, out of the interval's reach, or neither.
REACHED, RULED_OUT, OPEN = "reached", "ruled out", "neither reached nor ruled out"
_INTERVALS = {"return_a_year": "return_interval", "accuracy": "accuracy_interval"}
#: Whatever rises pays those who hold more of it, and proves those right who wait longer. So a gain has to be one over
#: what anybody had who did the same, too: the interval of that, and what the gain is where it is not.
_FAIR_INTERVALS = {
    "return_a_year": ("timing_interval", "no more than its larger holdings earned at any time"),
    "accuracy": (
        "excess_accuracy_interval",
        "no more than its longer horizons and its directions get right at any time",
    ),
}


@dataclass(frozen=True, slots=True)
class AblatedVariant:
    """One variant's run.

    Parameters
    ----------
    name, words : which.
    run_id : of the journal.
    metrics : its figures.
    judged : its by-session sums.
    """

    name: str
    words: str
    run_id: str
    metrics: RunMetrics
    judged: Judged


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an enhancement did, beside what the founding document expects of it.

    Parameters
    ----------
    enhancement : its switch.
    expected : in the founding document's words.
    figure : what it is measured by.
    measured, interval : everything less everything without it.
    alone : it alone less the baseline.
    keep : whether it earned its place.
    why : in words.
    """

    enhancement: str
    expected: str
    figure: str
    measured: float
    interval: Interval
    alone: float
    keep: bool
    why: str

    @property
    def expectation(self) -> str:
        """What became of the least that was expected: ``reached``, ``ruled out``, or neither; ``not judged``."""
        least = EXPECTED[self.enhancement][1]
        if self.figure not in _INTERVALS or math.isnan(self.measured):
            return "not judged"
        if self.measured >= least:
            return REACHED
        return RULED_OUT if self.interval[1] < least else OPEN


@dataclass(frozen=True, slots=True, eq=False)
class Ablation:
    """All variants, and what follows from them.

    Parameters
    ----------
    variants : in the order in which they were run.
    differences : name -> everything less that variant; for the variants of one enhancement alone, that less the
        baseline; for the shipped policy, that less everything.
    verdicts : one an enhancement.
    superior : whether any variant's timing beats the baseline's by more than the choice among them explains, by session
        returns over those of holding as much all the time.
    overfitting : probability of backtest overfitting over the variants that differ; NaN where those or
        the sessions are too few.
    """

    variants: tuple[AblatedVariant, ...]
    differences: dict[str, Difference]
    verdicts: tuple[Verdict, ...]
    superior: SuperiorAbility
    overfitting: float

    def to_json_dict(self) -> dict[str, JsonValue]:
        """Everything as plain JSON values; absent is null."""
        others = [v.name for v in self.variants if v.name != BASELINE]
        return {
            "variants": {
                one.name: {
                    "what": one.words,
                    "run_id": one.run_id,
                    **compared(one.metrics.to_json_dict()),
                }
                for one in self.variants
            },
            "differences": {
                name: {"less": _against(name), **plain_difference(gain)} for name, gain in self.differences.items()
            },
            "enhancements": {
                v.enhancement: {
                    "expected": v.expected,
                    "figure": v.figure,
                    "measured": finite(v.measured),
                    "interval": [finite(end) for end in v.interval],
                    "expectation": v.expectation,
                    "alone": finite(v.alone),
                    "recommended": "on" if v.keep else "off",
                    "why": v.why,
                }
                for v in self.verdicts
            },
            "superior_ability": {
                "p_value": self.superior.p_value,
                "p_lower": self.superior.p_lower,
                "p_upper": self.superior.p_upper,
                "superior": [name for name, kept in zip(others, self.superior.superior, strict=True) if kept],
            },
            "probability_of_backtest_overfitting": finite(self.overfitting),
        }


def ablation_of(variants: Sequence[AblatedVariant], *, seed: int = 0) -> Ablation:
    """Compare variants session by session.

    Parameters
    ----------
    variants : ``everything``, ``baseline``, and for each enhancement of ``EXPECTED`` ``without_X`` and ``only_X``, all
        over the same sessions; ``with_shipped_policy`` where Kelly is the champion, and RL sizing is judged by it.
    seed : of the bootstrap.
    """
    found = {one.name: one for one in variants}
    differences = {
        name: difference(found[_first(name)].judged, found[_second(name)].judged, seed=seed)
        for name in found
        if name != EVERYTHING
    }
    growth = np.column_stack([one.judged.growth for one in variants])
    timing = np.column_stack([one.judged.timing for one in variants])
    base = list(found).index(BASELINE)
    block = min(max(one.judged.longest_horizon for one in variants), len(growth))
    return Ablation(
        variants=tuple(variants),
        differences=differences,
        verdicts=tuple(_verdict(name, differences) for name in EXPECTED),
        superior=superior_ability(timing[:, base], np.delete(timing, base, axis=1), block_length=block, seed=seed),
        overfitting=_overfitting(growth),
    )


def _first(name: str) -> str:
    return name if name.startswith("only_") or name == SHIPPED_POLICY else EVERYTHING


def _second(name: str) -> str:
    if name == SHIPPED_POLICY:
        return EVERYTHING
    return BASELINE if name.startswith("only_") else name


def _against(name: str) -> str:
    """What a difference is, in words."""
    return f"{_first(name)} less {_second(name)}"


def _verdict(name: str, differences: dict[str, Difference]) -> Verdict:
    """An enhancement stays on where its own measure rose with an interval above zero; limits stay on in any case."""
    figure, _, _, words = EXPECTED[name]
    gain, alone = differences[f"without_{name}"], differences[f"only_{name}"]
    if name == "rl_sizing":
        gain = differences.get(SHIPPED_POLICY, gain)  # with Kelly as the champion, on and off are one and the same
    measured = float(getattr(gain, figure))
    of_alone = float(getattr(alone, figure))
    if figure not in _INTERVALS:
        why = "limits are kept for what a backtest does not hold; they are not judged by its return"
        return Verdict(name, words, figure, measured, (math.nan, math.nan), of_alone, True, why)
    interval: Interval = getattr(gain, _INTERVALS[figure])
    fair, unfair = _FAIR_INTERVALS[figure]
    gained, keep = interval[0] > 0.0, interval[0] > 0.0 and getattr(gain, fair)[0] > 0.0
    if math.isnan(measured) or math.isnan(interval[0]):
        why = "there is too little to compare"
    elif keep:
        why = "the interval of its gain lies above zero, and of its gain over what anybody had"
    elif gained:
        why = f"its gain is {unfair}: it did not earn its place on these data"
    elif interval[1] < 0.0:
        why = "it made things worse: the interval lies below zero"
    else:
        why = "the interval holds zero: it did not earn its place on these data"
    return Verdict(name, words, figure, measured, interval, of_alone, keep, why)


def _overfitting(growth: Float64Array2D) -> float:
    """Of the variants that differ: a switch that changed nothing is no other choice."""
    distinct = np.unique(growth, axis=1)
    if len(growth) < 2 * CSCV_BLOCKS or distinct.shape[1] < 2:
        return math.nan
    return probability_of_backtest_overfitting(distinct)
