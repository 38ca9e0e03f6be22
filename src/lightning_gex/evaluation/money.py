"""What a run's curve of equity was worth, with intervals; how much was traded for it, and how much it could carry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lightning_gex.adapters.market_data.stale_open import has_own_volume
from lightning_gex.analytics.bootstrap import NO_INTERVAL, Interval, percentile_interval
from lightning_gex.analytics.performance import session_returns
from lightning_gex.analytics.resampled_paths import path_drawdowns, stationary_paths
from lightning_gex.core.orders import ClosedTrade
from lightning_gex.core.units import SESSIONS_PER_YEAR, Float64Array1D, Int32Array2D
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation.benchmarks import risk_free_by_session
from lightning_gex.evaluation.calls import sessions_of
from lightning_gex.evaluation.intervals import DateBootstrap

#: The part of a ticker's average dollar volume a day that one order may be before it moves the price on its own
#: account. One per cent is a usual limit of execution desks; it is stated beside the figure, not hidden in it.
CAPACITY_SHARE = 0.01
#: Sessions up to the decision that the average dollar volume is taken over: a trading month.
VOLUME_SESSIONS = 21
#: Resampled paths: quantiles of the deepest fall at 2.5 and 97.5 % need no more.
_PATHS = 1_000


@dataclass(frozen=True, slots=True)
class CurveIntervals:
    """95 % intervals of what an equity curve was worth. NaN where the data do not say.

    Parameters
    ----------
    sharpe : of the Sharpe ratio a year.
    cagr : of the growth a year, fraction.
    max_drawdown : of the deepest fall, positive fraction: the middle 95 % of what the run's sessions give when they are
        drawn anew in blocks and lived through in that order.
    growth_over_hold, growth_over_hold_interval : growth a year less that of the equal-weight holding, fraction; both
        resampled with the same blocks.
    """

    sharpe: Interval
    cagr: Interval
    max_drawdown: Interval
    growth_over_hold: float
    growth_over_hold_interval: Interval


def curve_intervals(run: RunResult, held: Float64Array1D, bootstrap: DateBootstrap) -> CurveIntervals:
    """How sure the figures of a run's equity are.

    Parameters
    ----------
    run : the run.
    held : (m,) equity of the holding it is compared with, USD.
    bootstrap : the run's resamples of dates.
    """
    curve = np.r_[run.initial_capital, run.equity]
    nothing = CurveIntervals(NO_INTERVAL, NO_INTERVAL, NO_INTERVAL, math.nan, NO_INTERVAL)
    if not (curve > 0).all():
        return nothing
    growth = np.diff(np.log(curve))
    apart = bootstrap.dates // bootstrap.block_length
    own = _growth_a_year(growth, bootstrap)
    other = np.diff(np.log(np.r_[run.initial_capital, held]))
    theirs = _growth_a_year(other, bootstrap)
    over = _a_year(float(growth.mean())) - _a_year(float(other.mean()))
    invested = bool((run.exposure > 0).any())
    return CurveIntervals(
        sharpe=_sharpe_interval(run, bootstrap) if invested else NO_INTERVAL,
        cagr=bootstrap.interval(own, _a_year(float(growth.mean())), apart, overlapping=False),
        max_drawdown=percentile_interval(path_drawdowns(growth, _paths(bootstrap))) if apart >= 2 else NO_INTERVAL,
        growth_over_hold=over,
        growth_over_hold_interval=bootstrap.interval(own - theirs, over, apart, overlapping=False),
    )


def _a_year(log_growth: float) -> float:
    return math.expm1(log_growth * SESSIONS_PER_YEAR)


def _growth_a_year(growth: Float64Array1D, bootstrap: DateBootstrap) -> Float64Array1D:
    """(resamples,) growth a year of a curve."""
    grown: Float64Array1D = np.expm1(bootstrap.ratios(growth, np.ones(len(growth))) * SESSIONS_PER_YEAR)
    return grown


@lru_cache(maxsize=1)  # runs over the same sessions are compared: the latest are kept, 10 MB ten years
def _drawn_paths(sessions: int, block_length: int, seed: int) -> Int32Array2D:
    out = stationary_paths(sessions, block_length, resamples=_PATHS, seed=seed)
    out.flags.writeable = False
    return out


def _paths(bootstrap: DateBootstrap) -> Int32Array2D:
    return _drawn_paths(bootstrap.dates, bootstrap.block_length, bootstrap.seed)


def _sharpe_interval(run: RunResult, bootstrap: DateBootstrap) -> Interval:
    """The interval of the Sharpe ratio a year: mean and deviation of every resample's own excess returns."""
    excess = session_returns(run.equity) - risk_free_by_session(run)
    known = np.isfinite(excess)
    values = np.r_[0.0, np.where(known, excess, 0.0)]  # the first session has no return
    counts = np.r_[0.0, known.astype(np.float64)]
    mean, square = bootstrap.ratios(values, counts), bootstrap.ratios(values**2, counts)
    ratio = _ratio(mean, square)
    total = counts.sum()
    if total < 2:
        return NO_INTERVAL
    own = float(_ratio(np.array([values.sum() / total]), np.array([(values**2).sum() / total]))[0])
    return bootstrap.interval(ratio, own, bootstrap.dates // bootstrap.block_length, overlapping=False)


def _ratio(mean: Float64Array1D, square: Float64Array1D) -> Float64Array1D:
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
    out = np.full(len(mean), np.nan)
    np.divide(mean, deviation, out=out, where=deviation > 0)
    return out * math.sqrt(SESSIONS_PER_YEAR)


@dataclass(frozen=True, slots=True)
class Capacity:
    """The capital at which a trade's order would be so large that it moves the price on its own account.

    For each trade that was bought: the capital at which its order is ``share_of_volume`` of what the ticker traded a
    day, on average over the month up to the decision, if every trade had the same part of the capital as it had.

    Parameters
    ----------
    share_of_volume : the part of the average dollar volume that an order may be.
    median_usd : half of the trades could be made with more.
    cautious_usd : 95 % of the trades could be made with more: the 5th percentile.
    trades : how many have a volume to compare with. None gives NaN.
    """

    share_of_volume: float
    median_usd: float
    cautious_usd: float
    trades: int


def capacity(run: RunResult) -> Capacity:
    """How much capital the orders of a run's trades could have carried.

    A leg that was carried on had no order. What is printed as the volume of a cash index is that of its members, and
    nobody can trade the index: it says nothing here.
    """
    found: list[float] = []
    bought = [t for t in run.trades if t.bought and has_own_volume(t.ticker)]
    decided = sessions_of([t.decided_at for t in bought])
    equity = np.r_[run.initial_capital, run.equity]
    for trade, session in zip(bought, decided, strict=True):
        bars = run.bars[trade.ticker]
        row = int(np.searchsorted(bars.session, session, side="right"))
        month = slice(max(0, row - VOLUME_SESSIONS), row)
        with np.errstate(over="ignore"):  # a volume beyond all measure carries any capital
            traded = bars.close[month] * bars.volume[month]
        at = int(np.searchsorted(run.sessions, session, side="right"))
        part = float(trade.entry_price * trade.quantity) / float(equity[at])
        usual = float(traded.mean()) if len(traded) else math.nan
        if usual > 0 and part > 0:
            found.append(CAPACITY_SHARE * usual / part)
    if not found:
        return Capacity(CAPACITY_SHARE, math.nan, math.nan, 0)
    low, middle = np.quantile(found, [0.05, 0.5])
    return Capacity(CAPACITY_SHARE, float(middle), float(low), len(found))


def traded_usd(trade: ClosedTrade) -> float:
    """Value that a trade bought and sold, USD: of a leg only the sides that were traded."""
    prices = trade.entry_price * trade.bought + trade.exit_price * trade.sold
    return float(prices * trade.quantity)


def turnover_a_year(run: RunResult) -> float:
    """Value bought and sold, over the mean equity, a year of sessions; 0 where nothing was traded."""
    traded = sum(map(traded_usd, run.trades))
    mean = float(np.mean(run.equity))
    return traded / mean * SESSIONS_PER_YEAR / len(run.sessions) if mean > 0 else math.nan
