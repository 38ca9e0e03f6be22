"""Two runs on the same dates, side by side: what the one did better, with the interval of the difference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightning_gex.analytics.bootstrap import NO_INTERVAL, Interval, newcombe_interval
from lightning_gex.analytics.performance import max_drawdown
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import SESSIONS_PER_YEAR, Float64Array1D
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation.benchmarks import benchmarks, mean_exposure
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.intervals import FEWEST_EPISODES, DateBootstrap

_FLAT = 1e-15  # log growth below this is rounding


@dataclass(frozen=True, slots=True)
class Difference:
    """One run less another, over the same sessions. NaN where either has nothing to compare.

    Parameters
    ----------
    accuracy, accuracy_interval : share of decisions taken that were right.
    excess_accuracy, excess_accuracy_interval : the same over the rises at each run's own entries and directions.
    return_a_year, return_interval : log growth of equity, annualised.
    timing_a_year, timing_interval : the same less that of holding as much all the time: what is left of a difference
        of returns when neither run is paid for being in the market more.
    volatility_a_year : standard deviation of session returns, annualised.
    max_drawdown : positive where the run fell deeper.
    trades : closed trades.
    """

    accuracy: float
    accuracy_interval: Interval
    excess_accuracy: float
    excess_accuracy_interval: Interval
    return_a_year: float
    return_interval: Interval
    timing_a_year: float
    timing_interval: Interval
    volatility_a_year: float
    max_drawdown: float
    trades: int


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What comparing needs of one run, without the run: by-date sums over its sessions.

    Parameters
    ----------
    run_id : of the journal.
    hits, known, expected : (m,) decisions right, decisions judged, and what knowing nothing would have got right: the
        share of rises over all sessions, turned with each direction.
    growth : (m,) log growth of equity over each session.
    held : (m,) the same of an equal holding of the run's tickers, kept at the run's mean exposure.
    drawdown : largest, positive fraction.
    longest_horizon : sessions.
    disjoint : decisions judged of which no two overlap.
    trades : closed trades.
    """

    run_id: str
    hits: Float64Array1D
    known: Float64Array1D
    expected: Float64Array1D
    growth: Float64Array1D
    held: Float64Array1D
    drawdown: float
    longest_horizon: int
    disjoint: int
    trades: int

    @classmethod
    def of(cls, run: RunResult) -> Judged:
        """The sums of a run."""
        index = RunIndex.of(run)
        taken = index.taken()[0].resolved
        m = len(run.sessions)
        expected = np.zeros(len(taken))
        for k, horizon in {(int(t), int(h)) for t, h in zip(taken.ticker, taken.horizon, strict=True)}:
            mine = (taken.ticker == k) & (taken.horizon == horizon)
            back = index.returns_by_date(k, horizon)
            back = back[np.isfinite(back)]
            expected[mine] = np.where(taken.direction[mine] > 0, np.mean(back > 0), np.mean(back < 0))
        curve = np.r_[run.initial_capital, run.equity]
        same = benchmarks(run, index, mean_exposure(run)).same_exposure
        return cls(
            run_id=run.run_id,
            hits=np.bincount(taken.date, weights=taken.hit.astype(np.float64), minlength=m).astype(np.float64),
            known=np.bincount(taken.date, minlength=m).astype(np.float64),
            expected=np.bincount(taken.date, weights=expected, minlength=m).astype(np.float64),
            growth=_log_growth(curve),
            held=np.nan_to_num(_log_growth(np.r_[run.initial_capital, same])),
            drawdown=max_drawdown(curve, np.r_[run.sessions[0], run.sessions]).fraction,
            longest_horizon=int(taken.horizon.max(initial=1)),
            disjoint=taken.disjoint,
            trades=len(run.trades),
        )

    @property
    def accuracy(self) -> float:
        """Share right; NaN where nothing was judged."""
        return _share(self.hits, self.known)

    @property
    def excess_accuracy(self) -> float:
        """Share right less what knowing nothing gets right."""
        return _share(self.hits - self.expected, self.known)

    @property
    def return_a_year(self) -> float:
        """Log growth, annualised."""
        return float(np.mean(self.growth)) * SESSIONS_PER_YEAR

    @property
    def timing(self) -> Float64Array1D:
        """(m,) log growth over that of holding as much all the time."""
        return self.growth - self.held

    @property
    def volatility_a_year(self) -> float:
        """Standard deviation of log growth, annualised."""
        return float(np.std(self.growth)) * math.sqrt(SESSIONS_PER_YEAR)


def difference(one: Judged, other: Judged, *, seed: int = 0) -> Difference:
    """The first run less the second, paired by session.

    Parameters
    ----------
    one, other : runs over the same sessions.
    seed : of the bootstrap. Both runs are resampled with the same blocks of sessions, as long as the longest horizon.
        Where either holds fewer than 20 decisions that do not overlap, the intervals of accuracy are Newcombe's for so
        many, which takes the two for independent and so is wide rather than narrow.

    Raises
    ------
    InputError : runs over different numbers of sessions.
    """
    m = len(one.growth)
    if len(other.growth) != m:
        raise InputError(
            f"{m} and {len(other.growth)} sessions cannot be compared session by session", field="sessions"
        )
    draws = DateBootstrap(m, max(one.longest_horizon, other.longest_horizon), seed)
    a_year, return_interval = _a_year(draws, one.growth - other.growth)
    timing, timing_interval = _a_year(draws, one.timing - other.timing)
    return Difference(
        accuracy=one.accuracy - other.accuracy,
        accuracy_interval=_interval(draws, one, other, expected=False),
        excess_accuracy=one.excess_accuracy - other.excess_accuracy,
        excess_accuracy_interval=_interval(draws, one, other, expected=True),
        return_a_year=a_year,
        return_interval=return_interval,
        timing_a_year=timing,
        timing_interval=timing_interval,
        volatility_a_year=one.volatility_a_year - other.volatility_a_year,
        max_drawdown=one.drawdown - other.drawdown,
        trades=one.trades - other.trades,
    )


def _log_growth(curve: Float64Array1D) -> Float64Array1D:
    return np.diff(np.log(np.maximum(curve, np.finfo(np.float64).tiny)))


def _a_year(draws: DateBootstrap, growth: Float64Array1D) -> tuple[float, Interval]:
    """A difference of growth, annualised, and its interval; none where it rests on one block of sessions."""
    a_year = float(np.mean(growth)) * SESSIONS_PER_YEAR
    moved = len(np.unique(np.flatnonzero(np.abs(growth) > _FLAT) // draws.block_length))
    if moved == 0:
        return a_year, (0.0, 0.0)
    resampled = draws.ratios(growth, np.ones(len(growth))) * SESSIONS_PER_YEAR
    return a_year, draws.interval(resampled, a_year, moved, overlapping=False)


def _share(part: Float64Array1D, whole: Float64Array1D) -> float:
    total = float(whole.sum())
    return float(part.sum()) / total if total > 0 else math.nan


def _interval(draws: DateBootstrap, one: Judged, other: Judged, *, expected: bool) -> Interval:
    """The interval of a difference of accuracies, over what knowing nothing gets right or not."""
    fewest = min(one.disjoint, other.disjoint)
    if fewest == 0:
        return NO_INTERVAL
    a = one.hits - one.expected if expected else one.hits
    b = other.hits - other.expected if expected else other.hits
    if np.array_equal(a, b) and np.array_equal(one.known, other.known):
        return 0.0, 0.0  # the same decisions
    estimate = _share(a, one.known) - _share(b, other.known)
    if fewest >= FEWEST_EPISODES:
        return draws.interval(draws.ratios(a, one.known) - draws.ratios(b, other.known), estimate, fewest)
    low, high = newcombe_interval(
        one.accuracy * one.disjoint, one.disjoint, other.accuracy * other.disjoint, other.disjoint
    )
    moved = estimate - (one.accuracy - other.accuracy)  # what knowing nothing gets right is taken as known
    return low + moved, high + moved
