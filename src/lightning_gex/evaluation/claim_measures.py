"""What every statistic of a claim gives: an effect, how sure it is, what it would be where nothing is there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from lightning_gex.analytics.bootstrap import NO_INTERVAL, Interval, date_multiplicities, percentile_interval
from lightning_gex.analytics.volatility_forecast import VolatilityForecast, forecast_volatility
from lightning_gex.core.units import BoolArray1D, DateArray1D, Float64Array1D, Float64Array2D, Int64Array1D
from lightning_gex.evaluation.claim_data import ClaimData
from lightning_gex.evaluation.hypotheses import Hypothesis

RESAMPLES = 1_000
#: Sessions of a block of the bootstrap where the horizon does not ask for longer ones: a month.
BLOCK_SESSIONS = 21
#: Observations without which a statistic is not computed: half a year, as for a forecast's first fit.
LEAST_OBSERVATIONS = 126
FIFTHS = 5


@dataclass(frozen=True, slots=True)
class Point:
    """One place of a picture.

    Parameters
    ----------
    label : of the group.
    value : its mean, in the outcome's unit.
    interval : of it, 95 %.
    count : observations in it.
    """

    label: str
    value: float
    interval: Interval
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """The pairs a statistic rests on, (m,) each.

    Parameters
    ----------
    session : whose close the feature was known after.
    feature : as it was known.
    outcome : what came after; from the session after on.
    """

    session: DateArray1D
    feature: Float64Array1D
    outcome: Float64Array1D


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A statistic of one period.

    Parameters
    ----------
    effect : in the hypothesis's unit, its sign as measured.
    interval : 95 %, by a bootstrap of blocks of sessions.
    p_value : of "no effect"; one-sided where the hypothesis is.
    critical : effect, as claimed, at which the test rejects at its level; unadjusted.
    null : (k,) the effect's values where nothing is there, around 0.
    null_kind : how they were made, in words.
    observations : what it rests on.
    figures : everything else worth knowing, by name.
    outcome : what the points are, with its unit.
    points : the outcome by part of the feature.
    """

    effect: float
    interval: Interval
    p_value: float
    critical: float
    null: Float64Array1D
    null_kind: str
    observations: Observations
    figures: Mapping[str, float]
    outcome: str
    points: tuple[Point, ...]

    @property
    def count(self) -> int:
        """Observations."""
        return len(self.observations.session)


@dataclass(frozen=True, slots=True)
class TooLittle:
    """Why a statistic could not be computed: too few observations of what it needs."""

    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """What the trials of a run need not make anew.

    Parameters
    ----------
    forecasts : feature (empty: none) -> the walk-forward forecast with it, of all sessions.
    drawn : block length -> (resamples, sessions of the period) multiplicities.
    """

    forecasts: dict[str, VolatilityForecast] = field(default_factory=dict)
    drawn: dict[int, Float64Array2D] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What a statistic is computed on.

    Parameters
    ----------
    data : of all sessions.
    hypothesis : what is tested.
    inside : (n,) sessions of the period: those whose close the statistic looks ahead from.
    resamples : of the bootstrap.
    seed : the same seed gives the same answer.
    shared : what other trials on the same data and period have made already.
    """

    data: ClaimData
    hypothesis: Hypothesis
    inside: BoolArray1D
    resamples: int = RESAMPLES
    seed: int = 0
    shared: Shared = field(default_factory=Shared)

    @property
    def feature(self) -> Float64Array1D:
        """(n,) the hypothesis's feature."""
        return self.data.features[self.hypothesis.feature]

    def rows(self, *columns: Float64Array1D) -> Int64Array1D:
        """Rows of the period where every column is a number."""
        there = self.inside.copy()
        for column in columns:
            there &= np.isfinite(column)
        return np.flatnonzero(there)

    def multiplicities(self, rows: Int64Array1D) -> Float64Array2D:
        """(resamples, k) how often each of the rows was drawn, in blocks of sessions of the period."""
        block = max(BLOCK_SESSIONS, 2 * self.hypothesis.horizon_sessions)
        period = np.flatnonzero(self.inside)
        drawn = self.shared.drawn
        if block not in drawn:
            drawn[block] = date_multiplicities(len(period), block, resamples=self.resamples, seed=self.seed)
        return drawn[block][:, np.searchsorted(period, rows)]

    def forecast(self, feature: str) -> VolatilityForecast:
        """The walk-forward forecast by HAR and VIX, and by a feature's rank where one is named."""
        made, data = self.shared.forecasts, self.data
        if feature not in made:
            rank = data.features[feature] if feature else None
            made[feature] = forecast_volatility(data.session, data.variance, vix=data.vix, gex_rank=rank)
        return made[feature]


Measure = Callable[[Trial], Measured | TooLittle]


def too_few(rows: Int64Array1D, least: int = LEAST_OBSERVATIONS) -> TooLittle | None:
    """Why so few rows are no sample; None where they are."""
    return TooLittle(f"{len(rows)} observations, and at least {least} are needed") if len(rows) < least else None


def by_fifth(trial: Trial, rows: Int64Array1D, feature: Float64Array1D, outcome: Float64Array1D) -> tuple[Point, ...]:
    """The mean outcome in each fifth of a rank in [-1, 1].

    Parameters
    ----------
    trial : whose bootstrap. rows : (m,) of the sessions. feature, outcome : (m,).
    """
    fifth = np.minimum(((feature + 1.0) / 2.0 * FIFTHS).astype(np.int64), FIFTHS - 1)
    return points_of(trial.multiplicities(rows), {f"{k + 1}": fifth == k for k in range(FIFTHS)}, outcome)


def points_of(drawn: Float64Array2D, groups: Mapping[str, BoolArray1D], outcome: Float64Array1D) -> tuple[Point, ...]:
    """The mean outcome of groups, each with its interval.

    Parameters
    ----------
    drawn : (resamples, m). groups : label -> (m,) members. outcome : (m,).
    """
    members = np.column_stack([inside.astype(np.float64) for inside in groups.values()])
    means = resampled_means(drawn, members, outcome)
    return tuple(
        Point(label, float(outcome[inside].mean()), percentile_interval(means[:, k]), int(np.count_nonzero(inside)))
        if inside.any()
        else Point(label, math.nan, NO_INTERVAL, 0)
        for k, (label, inside) in enumerate(groups.items())
    )


def resampled_means(drawn: Float64Array2D, weights: Float64Array2D, values: Float64Array1D) -> Float64Array2D:
    """Weighted means in every resample, all of them by one product.

    Parameters
    ----------
    drawn : (resamples, m). weights : (m, k), not negative. values : (m,).

    Returns
    -------
    (resamples, k); NaN where a resample drew no weight.
    """
    return resampled_quotients(drawn, weights * values[:, None], weights)


def resampled_quotients(drawn: Float64Array2D, parts: Float64Array2D, wholes: Float64Array2D) -> Float64Array2D:
    """(resamples, k) sums of parts over sums of wholes, (m, k) each; NaN where a resample drew no whole."""
    sums = drawn @ np.hstack([parts, wholes])
    over = sums[:, parts.shape[1] :]
    out = np.full(over.shape, np.nan)
    np.divide(sums[:, : parts.shape[1]], over, out=out, where=over > 0)
    return out
