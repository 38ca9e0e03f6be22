"""What a report claims, each claim with the chance of making it by luck that it may have.

A reader of a report looks at many figures, and among many one is always striking. So each figure that could be read as
skill is one claim here, with a stated level: the share of histories without anything to find in which it may be made.
And they are read in a fixed order, written down before any run: a claim counts only where all before it were made. Then
the chance of a single false one among those that count is no more than one claim's own level, however many follow
(a fixed-sequence test needs no correction).

``benchmarks/soak_report.py`` measures every level on 200 simulated markets without anything to find.

References
----------
- Maurer, Hothorn & Lehmacher (1995), Multiple comparisons in drug clinical trials and preclinical assays: a-priori
  ordered hypotheses, Biometrie in der chemisch-pharmazeutischen Industrie 6.
- Westfall & Krishen (2001), Optimally weighted, fixed sequence and gatekeeper multiple testing procedures, Journal of
  Statistical Planning and Inference 99(1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lightning_gex.evaluation.comparison import Beside
from lightning_gex.evaluation.metrics import JsonValue, RunMetrics
from lightning_gex.evaluation.placebos import RandomEntries
from lightning_gex.evaluation.verdict import Finding, verdict

#: Of a claim that rests on the lower end of a two-sided interval of 95 %.
INTERVAL_LEVEL = 0.025
#: Of a claim that rests on a p-value or a probability of 95 %.
P_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a report may say in the system's favour.

    Parameters
    ----------
    name : for programs.
    words : what is claimed.
    level : share of histories without anything to find in which it may be made.
    made : whether the figures make it; None where there is too little to judge it by.
    """

    name: str
    words: str
    level: float
    made: bool | None


def run_claims(metrics: RunMetrics) -> tuple[Claim, ...]:
    """The claims of one run's own figures, in the order in which they are read.

    Parameters
    ----------
    metrics : of the run.
    """
    return (
        Claim("verdict", "the direction calls beat their fairest base rate", INTERVAL_LEVEL, _better(metrics)),
        _above("excess_over_drift", "they beat the same directions at any time", metrics.excess_over_drift_interval),
        _above("same_date_excess", "they beat the same dates' universe", metrics.same_date_excess_interval),
        _above(
            "same_date_excess_return",
            "they earned more than the same dates' universe",
            metrics.same_date_excess_return_interval_bp,
        ),
        _below("circular_shift", "the same signal elsewhere in time is right less often", metrics.placebo.p_value),
    )


def report_claims(
    metrics: RunMetrics, baseline: Beside, placebos: Sequence[Beside], random: RandomEntries
) -> tuple[Claim, ...]:
    """The claims of a whole evaluation, in the order in which they are read.

    Parameters
    ----------
    metrics, baseline, placebos, random : of the evaluation.
    """
    beside = (
        _above(f"over_{one.name}", f"more right than with {one.words}", one.gain.excess_accuracy_interval)
        for one in placebos
    )
    return (
        *run_claims(metrics),
        _below("random_entries", "random entries near by are right less often", random.p_value),
        _below("random_entries_return", "random entries near by earn less", random.return_p_value),
        *beside,
        _above("over_baseline", "more right than the baseline", baseline.gain.excess_accuracy_interval),
        hold_claim(metrics),
    )


def hold_claim(metrics: RunMetrics) -> Claim:
    """The claim that being in the market when it was paid more than being in it as much at all times."""
    p_value = 1.0 - metrics.deflated_sharpe_over_hold
    return _below("sharpe_over_hold", "its timing earned more than holding as much all the time", p_value)


def counted(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """The claims that count: those made before the first that was not. One that cannot be judged is passed over.

    The first one must be judged: without a verdict nothing counts.
    """
    found: list[Claim] = []
    for claim in claims:
        if claim.made is False or (claim.made is None and not found):
            break
        if claim.made:
            found.append(claim)
    return tuple(found)


def claims_words(claims: Sequence[Claim]) -> str:
    """How many claims the figures make, and which of them count, in a sentence or two."""
    made = [claim for claim in claims if claim.made]
    kept = counted(claims)
    judged = sum(claim.made is not None for claim in claims)
    if not judged:
        return "There is too little to judge any claim by."
    told = f"Of {judged} things that the figures could say in its favour they say {len(made)}"
    if kept:
        return f"{told}; what counts, read in the order fixed beforehand: {'; '.join(c.words for c in kept)}."
    if made:
        return f"{told}, none of which counts: read in the order fixed beforehand, the verdict comes first."
    return f"{told}."


def claim_rows(claims: Sequence[Claim]) -> list[list[str]]:
    """The claims as rows of a table: in words, made or not, stated level, whether it counts."""
    kept = {claim.name for claim in counted(claims)}
    said = {True: "yes", False: "no", None: "too little to judge"}
    return [[c.words, said[c.made], f"{c.level:.1%}", "yes" if c.name in kept else "no"] for c in claims]


def plain_claims(claims: Sequence[Claim]) -> dict[str, JsonValue]:
    """Claims as plain JSON values, and how many of them count."""
    kept = {claim.name for claim in counted(claims)}
    return {
        claim.name: {
            "words": claim.words,
            "level": claim.level,
            "made": claim.made,
            "counts": claim.name in kept,
        }
        for claim in claims
    }


def _better(metrics: RunMetrics) -> bool | None:
    finding = verdict(metrics).finding
    return None if finding is Finding.NO_DATA else finding is Finding.BETTER


def _above(name: str, words: str, interval: tuple[float, float]) -> Claim:
    low = interval[0]
    return Claim(name, words, INTERVAL_LEVEL, low > 0.0 if math.isfinite(low) else None)


def _below(name: str, words: str, p_value: float) -> Claim:
    return Claim(name, words, P_LEVEL, p_value <= P_LEVEL if math.isfinite(p_value) else None)
