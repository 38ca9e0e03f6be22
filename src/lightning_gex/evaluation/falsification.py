"""``lightning falsify``: each hypothesis measured, with what the test could have seen, and a verdict by the rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from lightning_gex.analytics.multiple_testing import benjamini_hochberg
from lightning_gex.analytics.null_distribution import POWER, minimum_detectable_effect, power_at
from lightning_gex.analytics.volatility_forecast import VolatilityForecast
from lightning_gex.core.units import BoolArray1D
from lightning_gex.evaluation import claim_placebos, claim_regressions
from lightning_gex.evaluation.claim_data import ClaimData, Need
from lightning_gex.evaluation.claim_measures import RESAMPLES, Measure, Measured, Shared, TooLittle, Trial
from lightning_gex.evaluation.hypotheses import Hypothesis, Statistic, registry_hash

WHOLE: Final = "whole"
MEASURES: Final[Mapping[Statistic, Measure]] = {
    Statistic.VARIANCE_COEFFICIENT: claim_regressions.variance_coefficient,
    Statistic.LOG_MSE_GAIN: claim_regressions.log_mse_gain,
    Statistic.QLIKE_GAIN: claim_regressions.qlike_gain,
    Statistic.MOVE_COEFFICIENT: claim_regressions.move_coefficient,
    Statistic.SHARE_OF_RISES: claim_placebos.share_of_rises,
    Statistic.RETURN_COEFFICIENT: claim_regressions.return_coefficient,
    Statistic.AUTOCORRELATION_BY_RANK: claim_regressions.autocorrelation_by_rank,
    Statistic.AUTOCORRELATION_BY_SIGN: claim_regressions.autocorrelation_by_sign,
    Statistic.LAST_HALF_HOUR_BY_RANK: claim_regressions.last_half_hour_by_rank,
    Statistic.LEVEL_HOLDS: claim_placebos.level_holds,
    Statistic.CLOSE_TO_STRIKE: claim_placebos.close_to_strike,
    Statistic.CLOSE_TO_WALL: claim_placebos.close_to_wall,
    Statistic.CALENDAR_RETURN: claim_placebos.calendar_return,
}


class Verdict(StrEnum):
    """What a test says of a claim, by ``hypotheses.DECISION_RULE``."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    NOT_SHOWN = "not shown"
    UNDERPOWERED = "underpowered"
    NOT_TESTABLE = "not testable"


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A hypothesis and what became of it in one period.

    Parameters
    ----------
    hypothesis : as registered.
    period : its name.
    verdict : by the rule.
    why : the verdict in words.
    measured : None where it is not testable.
    q_value : p-value adjusted for every test of the period (Benjamini-Hochberg); NaN where there is none.
    power : chance of finding an effect of the smallest size of interest, at the level, unadjusted.
    detectable : size of effect found 80 times in 100, as claimed; in the statistic's unit.
    """

    hypothesis: Hypothesis
    period: str
    verdict: Verdict
    why: str
    measured: Measured | None = None
    q_value: float = math.nan
    power: float = math.nan
    detectable: float = math.nan


@dataclass(frozen=True, slots=True, eq=False)
class Falsification:
    """A whole run.

    Parameters
    ----------
    ticker : whose.
    registry_hash : of the hypotheses as they were put on record before.
    periods : name -> first and last session.
    findings : in the order of periods, then of hypotheses.
    notes : what a reader must know.
    """

    ticker: str
    registry_hash: str
    periods: Mapping[str, tuple[np.datetime64, np.datetime64]]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    def of(self, period: str) -> tuple[Finding, ...]:
        """The findings of one period."""
        return tuple(f for f in self.findings if f.period == period)

    def tally(self, period: str) -> dict[Verdict, int]:
        """How many of each verdict."""
        return {v: sum(f.verdict is v for f in self.of(period)) for v in Verdict}


@dataclass(frozen=True, slots=True)
class Period:
    """Sessions judged together.

    Parameters
    ----------
    name : for tables.
    first, last : sessions, both included; None leaves that side open.
    """

    name: str
    first: np.datetime64 | None = None
    last: np.datetime64 | None = None

    def rows(self, data: ClaimData) -> BoolArray1D:
        """(n,) which sessions are in it."""
        inside = np.ones(len(data), dtype=np.bool_)
        if self.first is not None:
            inside &= data.session >= self.first
        if self.last is not None:
            inside &= data.session <= self.last
        return inside


def periods_of(
    first: np.datetime64 | None, last: np.datetime64 | None, split: np.datetime64 | None
) -> tuple[Period, ...]:
    """The whole, and where it is split also what lies before a date and from it on."""
    whole = Period(WHOLE, first, last)
    if split is None:
        return (whole,)
    before = Period(f"before {split}", first, split - np.timedelta64(1, "D"))
    return (whole, before, Period(f"from {split}", split, last))


Tried = tuple[Period, Hypothesis, Measured | TooLittle]


def tried(
    data: ClaimData,
    hypotheses: Sequence[Hypothesis],
    periods: Sequence[Period],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Iterator[Tried]:
    """Measure every hypothesis in each period, one after the other.

    Parameters
    ----------
    data : of the ticker.
    hypotheses : put on record before.
    periods : to test in.
    seed : of the bootstrap. resamples : of it.
    """
    forecasts: dict[str, VolatilityForecast] = {}
    for period in periods:
        inside, shared = period.rows(data), Shared(forecasts)
        for hypothesis in hypotheses:
            yield period, hypothesis, _measured(Trial(data, hypothesis, inside, resamples, seed, shared))


def judged(data: ClaimData, measured: Iterable[Tried]) -> Falsification:
    """The verdicts of a run; the p-values of each period are adjusted for all of its tests.

    Parameters
    ----------
    data : that was tested on.
    measured : all that ``tried`` gave.
    """
    everything = list(measured)
    periods = {period.name: period for period, _, _ in everything}
    findings: list[Finding] = []
    for name in periods:
        own = [(h, m) for period, h, m in everything if period.name == name]
        p_values = np.array([m.p_value if isinstance(m, Measured) else math.nan for _, m in own])
        adjusted = benjamini_hochberg(p_values)
        findings.extend(_finding(h, name, m, float(q)) for (h, m), q in zip(own, adjusted, strict=True))
    hypotheses = tuple(dict.fromkeys(h for _, h, _ in everything))
    return Falsification(
        ticker=data.bars.ticker,
        registry_hash=registry_hash(hypotheses),
        periods={name: _span(data, period) for name, period in periods.items()},
        findings=tuple(findings),
        notes=data.notes,
    )


def _span(data: ClaimData, period: Period) -> tuple[np.datetime64, np.datetime64]:
    there = data.session[period.rows(data)]
    nowhere = np.datetime64("NaT")
    return (there[0], there[-1]) if len(there) else (nowhere, nowhere)


def _measured(trial: Trial) -> Measured | TooLittle:
    data, hypothesis = trial.data, trial.hypothesis
    missing = [data.absent[Need(need)] for need in hypothesis.needs if Need(need) in data.absent]
    if missing:
        return TooLittle("; ".join(missing))
    return MEASURES[hypothesis.statistic](trial)


def _finding(hypothesis: Hypothesis, period: str, measured: Measured | TooLittle, q_value: float) -> Finding:
    if isinstance(measured, TooLittle):
        return Finding(hypothesis, period, Verdict.NOT_TESTABLE, measured.reason)
    null = hypothesis.sign * measured.null
    power = power_at(null, hypothesis.smallest_effect, measured.critical)
    verdict, why = verdict_of(hypothesis, measured, q_value, power)
    return Finding(
        hypothesis=hypothesis,
        period=period,
        verdict=verdict,
        why=why,
        measured=measured,
        q_value=q_value,
        power=power,
        detectable=minimum_detectable_effect(null, measured.critical),
    )


def verdict_of(hypothesis: Hypothesis, measured: Measured, q_value: float, power: float) -> tuple[Verdict, str]:
    """The verdict by ``hypotheses.DECISION_RULE``, and why in words.

    Parameters
    ----------
    hypothesis, measured : the claim and its statistic.
    q_value : adjusted p-value; NaN speaks for nothing.
    power : at the smallest effect of interest.
    """
    if not math.isfinite(measured.effect) or not math.isfinite(q_value):
        return Verdict.NOT_TESTABLE, "the statistic is no number on these data"
    least, level = hypothesis.smallest_effect, hypothesis.level
    as_claimed = hypothesis.sign * measured.effect
    best = hypothesis.sign * measured.interval[1 if hypothesis.sign > 0 else 0]
    if q_value <= level and as_claimed > 0:
        small = "" if as_claimed >= least else f", though smaller than what would matter ({least:g})"
        return Verdict.SUPPORTED, f"the effect has the claimed sign (q {q_value:.3g}){small}"
    if q_value <= level:
        return Verdict.CONTRADICTED, f"the effect has the opposite sign (q {q_value:.3g})"
    if best < least:
        return (
            Verdict.CONTRADICTED,
            f"the whole interval lies short of the smallest effect that would matter ({least:g})",
        )
    if not power >= POWER:
        return Verdict.UNDERPOWERED, f"an effect of {least:g} would be found {power:.0%} of the time"
    return Verdict.NOT_SHOWN, f"an effect of {least:g} would be found {power:.0%} of the time, and none was"
