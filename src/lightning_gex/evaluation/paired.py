"""Two runs on the same dates, side by side: what the one did better, with the interval of the difference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightning_gex.analytics.bootstrap import NO_INTERVAL, Interval, percentile_interval
from lightning_gex.analytics.performance import max_drawdown
from lightning_gex.core.errors import InputError
from lightning_gex.core.units import SESSIONS_PER_YEAR, Float64Array1D
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.intervals import DateBootstrap


@dataclass(frozen=True, slots=True)
class Difference:
    """One run less another, over the same sessions. NaN where either has nothing to compare.

    Parameters
    ----------
    accuracy, accuracy_interval : share of decisions taken that were right.
    excess_accuracy, excess_accuracy_interval : the same over the rises at each run's own entries and directions.
    return_a_year, return_interval : log growth of equity, annualised.
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
    drawdown : largest, positive fraction.
    longest_horizon : sessions.
    trades : closed trades.
    """

    run_id: str
    hits: Float64Array1D
    known: Float64Array1D
    expected: Float64Array1D
    growth: Float64Array1D
    drawdown: float
    longest_horizon: int
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
        return cls(
            run_id=run.run_id,
            hits=np.bincount(taken.date, weights=taken.hit.astype(np.float64), minlength=m).astype(np.float64),
            known=np.bincount(taken.date, minlength=m).astype(np.float64),
            expected=np.bincount(taken.date, weights=expected, minlength=m).astype(np.float64),
            growth=np.diff(np.log(np.maximum(curve, np.finfo(np.float64).tiny))),
            drawdown=max_drawdown(curve, np.r_[run.sessions[0], run.sessions]).fraction,
            longest_horizon=int(taken.horizon.max(initial=1)),
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
    def volatility_a_year(self) -> float:
        """Standard deviation of log growth, annualised."""
        return float(np.std(self.growth)) * math.sqrt(SESSIONS_PER_YEAR)


def difference(one: Judged, other: Judged, *, seed: int = 0) -> Difference:
    """The first run less the second, paired by session.

    Parameters
    ----------
    one, other : runs over the same sessions.
    seed : of the bootstrap. Both runs are resampled with the same blocks of sessions, as long as the longest horizon.

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
    growth = one.growth - other.growth
    by_year = draws.ratios(growth, np.ones(m)) * SESSIONS_PER_YEAR
    return Difference(
        accuracy=one.accuracy - other.accuracy,
        accuracy_interval=_interval(draws, one.hits, one.known, other.hits, other.known),
        excess_accuracy=one.excess_accuracy - other.excess_accuracy,
        excess_accuracy_interval=_interval(
            draws, one.hits - one.expected, one.known, other.hits - other.expected, other.known
        ),
        return_a_year=float(np.mean(growth)) * SESSIONS_PER_YEAR,
        return_interval=percentile_interval(by_year),
        volatility_a_year=one.volatility_a_year - other.volatility_a_year,
        max_drawdown=one.drawdown - other.drawdown,
        trades=one.trades - other.trades,
    )


def _share(part: Float64Array1D, whole: Float64Array1D) -> float:
    total = float(whole.sum())
    return float(part.sum()) / total if total > 0 else math.nan


def _interval(
    draws: DateBootstrap, a: Float64Array1D, a_of: Float64Array1D, b: Float64Array1D, b_of: Float64Array1D
) -> Interval:
    if a_of.sum() == 0 or b_of.sum() == 0:
        return NO_INTERVAL
    return percentile_interval(draws.ratios(a, a_of) - draws.ratios(b, b_of))
