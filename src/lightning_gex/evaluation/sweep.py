"""Many variants on the same sessions: which was best, and how much of that the choice among so many explains.

References
----------
- Bailey & Lopez de Prado (2014), The Deflated Sharpe Ratio, Journal of Portfolio Management 40(5).
- Bailey, Borwein, Lopez de Prado & Zhu (2017), The Probability of Backtest Overfitting, Journal of Computational
  Finance 20(4).
- Hansen (2005), A Test for Superior Predictive Ability, Journal of Business & Economic Statistics 23(4).
- Romano & Wolf (2005), Stepwise Multiple Testing as Formalized Data Snooping, Econometrica 73(4).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from lightning_gex.analytics.bootstrap import NO_INTERVAL, Interval, wilson_interval
from lightning_gex.analytics.multiple_testing import SuperiorAbility, superior_ability
from lightning_gex.analytics.performance import (
    CSCV_BLOCKS,
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    probability_of_backtest_overfitting,
    sharpe,
    skew_and_kurtosis,
)
from lightning_gex.analytics.trials import TrialCount
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import SESSIONS_PER_YEAR, Float64Array1D, Float64Array2D
from lightning_gex.evaluation.intervals import FEWEST_EPISODES, DateBootstrap
from lightning_gex.evaluation.paired import Difference, Judged, difference
from lightning_gex.evaluation.sweep_forward import ForwardChoice, comparable, forward_choice
from lightning_gex.evaluation.sweep_variant import Criterion, Variant, sharpe_per_session

_FLAT = 1e-15  # log growth below this is rounding


@dataclass(frozen=True, slots=True)
class VariantFigures:
    """What a variant came to. NaN where the data do not say; intervals are of 95 %.

    Parameters
    ----------
    sharpe, sharpe_interval : of the session returns over the bill rate, a year.
    deflated_sharpe : probability that the Sharpe ratio is more than the best of all trials would show by luck.
    return_a_year, return_interval : log growth.
    volatility_a_year, max_drawdown : fractions.
    accuracy, accuracy_interval : share of decisions taken that were right.
    excess_accuracy, excess_accuracy_interval : the same less what knowing nothing gets right.
    trades : closed ones.
    gain : it less the workspace's own settings on the same tickers; None for those themselves, or where they failed.
    """

    sharpe: float
    sharpe_interval: Interval
    deflated_sharpe: float
    return_a_year: float
    return_interval: Interval
    volatility_a_year: float
    max_drawdown: float
    accuracy: float
    accuracy_interval: Interval
    excess_accuracy: float
    excess_accuracy_interval: Interval
    trades: int
    gain: Difference | None


@dataclass(frozen=True, slots=True, eq=False)
class SweepFindings:
    """A sweep as a whole.

    Parameters
    ----------
    by : the figure that orders.
    variants : best first; those without the figure last.
    figures : of each, in the same order.
    trials : variants ever judged on sessions of these, these included, and those behind the defaults.
    luck_sharpe : the Sharpe ratio a year that the best of so many variants without skill is expected to show.
    overfitting : probability of backtest overfitting over the distinct variants; NaN where there are too few of them,
        or of sessions.
    superior : whether any variant's timing beats that of the workspace's own settings by more than the choice among
        them explains: log growth by session, each less that of holding as much all the time; None where there is
        nothing to compare.
    compared : names of the variants that ``superior`` is about, in its order.
    common_sessions : sessions that all variants were judged on; the two tests rest on these.
    distinct : variants whose returns on those sessions are not the same as another's.
    forward : what choosing the best before each part of the history would have earned; None with fewer than two parts,
        or where more than one universe was traded.
    """

    by: Criterion
    variants: tuple[Variant, ...]
    figures: tuple[VariantFigures, ...]
    trials: TrialCount
    luck_sharpe: float
    overfitting: float
    superior: SuperiorAbility | None
    compared: tuple[str, ...]
    common_sessions: int
    distinct: int
    forward: ForwardChoice | None

    @property
    def best(self) -> int | None:
        """Position of the best variant; None where none has the figure."""
        return 0 if self.figures and math.isfinite(getattr(self.figures[0], self.by)) else None

    def superior_names(self) -> tuple[str, ...]:
        """The variants that the step-down test keeps apart from the settings as they are."""
        if self.superior is None:
            return ()
        return tuple(n for n, apart in zip(self.compared, self.superior.superior, strict=True) if apart)


def findings(variants: Sequence[Variant], *, trials: TrialCount, by: Criterion, seed: int = 0) -> SweepFindings:
    """Order variants and say what their number means.

    Parameters
    ----------
    variants : at least one, names unique; the workspace's own settings among them where they gave a result.
    trials : variants ever judged on sessions of these, these included.
    by : the figure that orders.
    seed : of the bootstrap.

    Raises
    ------
    InputError : no variant, or a name twice.
    """
    if not variants or len({one.name for one in variants}) < len(variants):
        raise InputError("a sweep is judged on at least one variant, each with a name of its own", field="variants")
    own = {one.universe: one for one in variants if one.as_set}
    measured = [_figures(one, own.get(one.universe), trials, seed) for one in variants]
    order = sorted(range(len(variants)), key=lambda k: _place(measured[k], by))
    growth, timing = _common(variants)
    distinct = np.unique(growth, axis=1)
    superior, compared = _superior(variants, own, timing, seed)
    return SweepFindings(
        by=by,
        variants=tuple(variants[k] for k in order),
        figures=tuple(measured[k] for k in order),
        trials=trials,
        luck_sharpe=expected_maximum_sharpe(trials.count, trials.variance) * math.sqrt(SESSIONS_PER_YEAR),
        overfitting=_overfitting(distinct),
        superior=superior,
        compared=compared,
        common_sessions=len(growth),
        distinct=distinct.shape[1],
        forward=_forward(variants, own, by, seed),
    )


def _place(figures: VariantFigures, by: Criterion) -> float:
    value = float(getattr(figures, by))
    if not math.isfinite(value):
        return math.inf
    return value if by is Criterion.DRAWDOWN else -value


def _figures(variant: Variant, own: Variant | None, trials: TrialCount, seed: int) -> VariantFigures:
    judged, excess = variant.judged, variant.excess
    draws = DateBootstrap(len(judged.growth), judged.longest_horizon, seed)
    skew, kurtosis = skew_and_kurtosis(excess)
    by_year = draws.ratios(judged.growth, np.ones(len(judged.growth))) * SESSIONS_PER_YEAR
    windows = len(judged.growth) // draws.block_length
    chance = float((judged.expected.sum()) / judged.known.sum()) if judged.known.sum() > 0 else math.nan
    accuracy = _accuracy_interval(draws, judged, judged.hits, 0.0)
    comparable = own is not None and not variant.as_set and np.array_equal(own.sessions, variant.sessions)
    return VariantFigures(
        sharpe=sharpe(excess) if variant.invested else math.nan,
        sharpe_interval=_sharpe_interval(variant, seed),
        deflated_sharpe=deflated_sharpe_ratio(
            sharpe_per_session(variant),
            int(np.isfinite(excess).sum()),
            skew,
            kurtosis,
            trials=trials.count,
            variance_of_trials=trials.variance,
        ),
        return_a_year=judged.return_a_year,
        return_interval=draws.interval(by_year, judged.return_a_year, windows, overlapping=False),
        volatility_a_year=judged.volatility_a_year,
        max_drawdown=judged.drawdown,
        accuracy=judged.accuracy,
        accuracy_interval=accuracy,
        excess_accuracy=judged.excess_accuracy,
        excess_accuracy_interval=_accuracy_interval(draws, judged, judged.hits - judged.expected, chance),
        trades=judged.trades,
        gain=difference(judged, own.judged, seed=seed) if own is not None and comparable else None,
    )


def _sharpe_interval(variant: Variant, seed: int) -> Interval:
    """The interval of the Sharpe ratio: mean over deviation in every resample of blocks of sessions."""
    finite = np.isfinite(variant.excess)
    block = min(variant.judged.longest_horizon, len(finite))
    if not variant.invested or finite.sum() < 2 or block < 1:
        return NO_INTERVAL
    draws = DateBootstrap(len(finite), block, seed)
    value, there = np.where(finite, variant.excess, 0.0), finite.astype(np.float64)
    mean = draws.ratios(value, there)
    variance = draws.ratios(value**2, there) - mean**2
    ratio = np.full(len(mean), np.nan)
    np.divide(mean, np.sqrt(np.maximum(variance, 0.0)), out=ratio, where=variance > 0.0)
    scaled = ratio * math.sqrt(SESSIONS_PER_YEAR)
    return draws.interval(scaled, sharpe(variant.excess), len(finite) // block, overlapping=False)


def _accuracy_interval(draws: DateBootstrap, judged: Judged, right: Float64Array1D, less: float) -> Interval:
    """The interval of a share of decisions, ``less`` taken off where too few are apart to resample them."""
    if judged.disjoint == 0:
        return NO_INTERVAL
    if judged.disjoint < FEWEST_EPISODES:
        low, high = wilson_interval(judged.accuracy * judged.disjoint, judged.disjoint)
        return low - less, high - less
    estimate = float(right.sum() / judged.known.sum())
    return draws.interval(draws.ratios(right, judged.known), estimate, judged.disjoint)


def _common(variants: Sequence[Variant]) -> tuple[Float64Array2D, Float64Array2D]:
    """(m, k) log growth of the variants on the sessions that all of them were judged on, and their timing there."""
    sessions = reduce(np.intersect1d, [one.sessions for one in variants])
    there = [(one.judged, np.isin(one.sessions, sessions)) for one in variants]
    growth = np.column_stack([judged.growth[rows] for judged, rows in there])
    return growth, np.column_stack([judged.timing[rows] for judged, rows in there])


def _superior(
    variants: Sequence[Variant], own: Mapping[str, Variant], timing: Float64Array2D, seed: int
) -> tuple[SuperiorAbility | None, tuple[str, ...]]:
    """Each variant less the settings as they are on the same tickers, tested together.

    Of both that is taken off which holding as much all the time earned: in a market that rises, whoever is invested
    more grows more, and that is no ability.
    """
    place = {one.name: k for k, one in enumerate(variants)}
    others = [one for one in variants if not one.as_set and one.universe in own]
    common = len(timing)
    if not others or common < 2:
        return None, ()
    gained = np.column_stack([timing[:, place[one.name]] - timing[:, place[own[one.universe].name]] for one in others])
    gained[np.abs(gained) < _FLAT] = 0.0
    block = min(max(one.judged.longest_horizon for one in variants), common)
    return superior_ability(np.zeros(common), gained, block_length=block, seed=seed), tuple(o.name for o in others)


def _forward(variants: Sequence[Variant], own: Mapping[str, Variant], by: Criterion, seed: int) -> ForwardChoice | None:
    if len({one.universe for one in variants}) > 1 or not own or not comparable(variants):
        return None
    (as_set,) = own.values()
    return forward_choice({one.name: one.parts for one in variants}, as_set.name, by=by, seed=seed)


def _overfitting(growth: Float64Array2D) -> float:
    if growth.shape[1] < 2 or len(growth) < 2 * CSCV_BLOCKS:
        return math.nan
    return probability_of_backtest_overfitting(growth)
