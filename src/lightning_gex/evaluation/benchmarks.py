"""What a run is measured against: holding the same shares, the same brackets without skill, the same signal shifted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightning_gex.analytics.fills import resolve_signals
from lightning_gex.analytics.performance import cagr, calmar, max_drawdown, session_returns, sharpe
from lightning_gex.core.bars import Bars
from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import FillPrice
from lightning_gex.core.membership import Membership
from lightning_gex.core.units import BASIS_POINT, SESSIONS_PER_YEAR, Float64Array1D, Int8Array1D, Int64Array1D
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation.calls import Calls, RunIndex

PLACEBOS = 200  # circular shifts of the signal, where the run is long enough for so many
TRUE_RANGE_SESSIONS = 14  # Wilder's period: brackets are compared in units of the usual daily range


@dataclass(frozen=True, slots=True)
class CurveMetrics:
    """What one equity curve was worth. NaN where the data do not say.

    Parameters
    ----------
    total_return, cagr : fractions.
    sharpe : a year, over the bill rate where the run has one.
    max_drawdown : positive fraction.
    calmar : cagr / max_drawdown.
    """

    total_return: float
    cagr: float
    sharpe: float
    max_drawdown: float
    calmar: float


@dataclass(frozen=True, slots=True, eq=False)
class Benchmarks:
    """Equity curves with the run's capital over the run's sessions, USD.

    Parameters
    ----------
    by_ticker : ticker -> (m,) bought at the first session's close and held, one cost paid.
    equal_weight : (m,) the capital split equally over the tickers, then held; where the run's universe changes its
        members, split anew over them on each of its changes, costs paid on what is traded, and held in between.
    same_exposure : (m,) the equal-weight holding, kept at the run's mean exposure with the rest in bills.
    """

    by_ticker: dict[str, Float64Array1D]
    equal_weight: Float64Array1D
    same_exposure: Float64Array1D


def risk_free_by_session(run: RunResult) -> Float64Array1D:
    """(m - 1,) the bill rate earned from each session to the next, as a fraction; NaN where it is not known.

    Zero throughout where the run was given no bill rate at all.
    """
    if run.bill_rate is None:
        return np.zeros(max(len(run.sessions) - 1, 0))
    return run.bill_rate[:-1] / SESSIONS_PER_YEAR


def curve_metrics(run: RunResult, equity: Float64Array1D, initial: float) -> CurveMetrics:
    """Measure an equity curve over the run's sessions.

    Parameters
    ----------
    run : whose sessions and bill rate count.
    equity : (m,) USD.
    initial : USD before the first session; growth and drawdown count from there.
    """
    if not np.isfinite(equity).any():
        return CurveMetrics(math.nan, math.nan, math.nan, math.nan, math.nan)
    first, last = run.sessions[0], run.sessions[-1]
    growth = cagr(initial, float(equity[-1]), first, last)
    fall = max_drawdown(np.r_[initial, equity], np.r_[first, run.sessions])
    return CurveMetrics(
        total_return=float(equity[-1]) / initial - 1.0,
        cagr=growth,
        sharpe=sharpe(session_returns(equity), risk_free_by_session(run)),
        max_drawdown=fall.fraction,
        calmar=calmar(growth, fall.fraction),
    )


def benchmarks(run: RunResult, index: RunIndex, exposure_mean: float) -> Benchmarks:
    """The holdings that ask for no skill.

    Parameters
    ----------
    run, index : the run and its positions.
    exposure_mean : mean share of equity that was invested; NaN gives a NaN curve.
    """
    held = {name: _held(run, index, k) for k, name in enumerate(index.tickers)}
    every = np.stack(list(held.values())) if held else np.full((1, len(run.sessions)), np.nan)
    equal = every.sum(axis=0) / len(every) if run.membership is None else _held_members(run, index, run.membership)
    bills = np.nan_to_num(risk_free_by_session(run), nan=0.0)  # cash earns nothing where no rate is known
    growth = exposure_mean * session_returns(equal) + (1.0 - exposure_mean) * bills
    same = np.cumprod(np.r_[run.initial_capital, 1.0 + growth], dtype=np.float64)
    return Benchmarks(held, equal, same)


def _held(run: RunResult, index: RunIndex, ticker: int) -> Float64Array1D:
    """(m,) the whole capital put into one ticker at its first close of the run; cash before its first bar."""
    row = index.rows_by_date(ticker)
    out = np.full(len(run.sessions), float(run.initial_capital))
    known = row >= 0
    if known.any():
        close = index.bars(ticker).close[row[known]]
        fee = run.cost_bp_per_side.get(index.tickers[ticker], 0.0) * BASIS_POINT
        out[known] = run.initial_capital * (close / close[0]) * (1.0 - fee)
    return out


def _held_members(run: RunResult, index: RunIndex, membership: Membership) -> Float64Array1D:
    """(m,) the capital split equally over the members at the close of each change, and held until the next."""
    sessions = run.sessions
    known = np.stack([_last_close(run, index, k) for k in range(len(index.tickers))])
    close = np.nan_to_num(known, nan=1.0)  # nothing is held before there is a price
    fee = np.array([run.cost_bp_per_side.get(name, 0.0) for name in index.tickers]) * BASIS_POINT
    changes = np.searchsorted(sessions, membership.from_session)
    turns = np.unique(np.r_[0, changes[changes < len(sessions)]])
    cash, shares = float(run.initial_capital), np.zeros(len(index.tickers))
    out = np.empty(len(sessions))
    for begin, end in zip(turns, [*turns[1:], len(sessions)], strict=True):
        held = shares * close[:, begin]
        equity = cash + float(held.sum())
        members = membership.at(sessions[begin])
        may = np.array([name in members for name in index.tickers]) & np.isfinite(known[:, begin])
        share = may / max(int(may.sum()), 1)
        equity -= float((np.abs(share * equity - held) * fee).sum())
        shares, cash = share * equity / close[:, begin], 0.0 if may.any() else equity
        out[begin:end] = cash + shares @ close[:, begin:end]
    return out


def _last_close(run: RunResult, index: RunIndex, ticker: int) -> Float64Array1D:
    """(m,) the ticker's last close known at each session; NaN before its first bar."""
    row = index.rows_by_date(ticker)
    return np.where(row >= 0, index.bars(ticker).close[np.maximum(row, 0)], np.nan)


def mean_true_range(bars: Bars) -> Float64Array1D:
    """(n,) mean true range of the last 14 bars as a fraction of the close; NaN before there are as many."""
    before = np.r_[np.nan, bars.close[:-1]]
    span = np.fmax(bars.high, before) - np.fmin(bars.low, before)
    out = np.full(len(span), np.nan)
    if len(span) >= TRUE_RANGE_SESSIONS:
        windows = np.lib.stride_tricks.sliding_window_view(span, TRUE_RANGE_SESSIONS)
        out[TRUE_RANGE_SESSIONS - 1 :] = windows.mean(axis=1)
    return out / bars.close


@dataclass(frozen=True, slots=True)
class ZeroSkill:
    """The same brackets and horizon, long on every date on which a decision could have been taken.

    Parameters
    ----------
    trades : how many such trades the data resolve.
    win_rate : share with a profit after costs.
    expectancy_bp : mean return after costs, basis points of the notional.
    target_ranges, stop_ranges : bracket distances in mean true ranges, the median of the decisions taken.
    horizon_sessions : their median horizon.
    """

    trades: int
    win_rate: float
    expectancy_bp: float
    target_ranges: float
    stop_ranges: float
    horizon_sessions: int


def zero_skill(index: RunIndex, taken: Calls, which: Int64Array1D) -> ZeroSkill:
    """What the brackets alone would have won.

    Distances are carried over in units of each day's own mean true range, so that a calm and a wild day get the
    bracket the system would have given them.

    Parameters
    ----------
    index : the run's positions.
    taken, which : the decisions taken, as calls and as positions; none taken gives NaN.
    """
    if len(taken) == 0:
        return ZeroSkill(0, math.nan, math.nan, math.nan, math.nan, 0)
    horizon = round(float(np.median(taken.horizon)))
    ranges = {k: mean_true_range(index.bars(k)) for k in range(len(index.tickers))}
    target, stop = _bracket_ranges(index, [index.run.outlines[i] for i in which], taken, ranges)
    net = [_long_every_date(index, k, ranges[k], target, stop, horizon) for k in range(len(index.tickers))]
    every = np.concatenate(net)
    every = every[np.isfinite(every)]
    if len(every) == 0:
        return ZeroSkill(0, math.nan, math.nan, target, stop, horizon)
    return ZeroSkill(len(every), float(np.mean(every > 0)), float(np.mean(every)) / BASIS_POINT, target, stop, horizon)


def _bracket_ranges(
    index: RunIndex, decisions: list[Decision], taken: Calls, ranges: dict[int, Float64Array1D]
) -> tuple[float, float]:
    """Median distance of target and stop from the entry of the decisions taken, in mean true ranges."""
    entry = np.array([d.entry_price for d in decisions])
    usual = np.array([ranges[k][row] if row >= 0 else np.nan for k, row in zip(taken.ticker, taken.row, strict=True)])
    out = []
    for level in ([d.target_price for d in decisions], [d.stop_loss for d in decisions]):
        distance = np.abs(np.array(level) / entry - 1.0) / usual
        distance = distance[np.isfinite(distance)]
        out.append(float(np.median(distance)) if len(distance) else math.nan)
    return out[0], out[1]


def _long_every_date(
    index: RunIndex, ticker: int, usual: Float64Array1D, target: float, stop: float, horizon: int
) -> Float64Array1D:
    """(k,) net returns of going long after every decision of a ticker; NaN where unresolved."""
    bars = index.bars(ticker)
    row = index.row[index.ticker == ticker]
    row = row[row >= 0]
    row = row[np.isfinite(usual[row])]
    close, unit = bars.close[row], usual[row]
    return resolve_signals(
        bars,
        row,
        np.ones(len(row), dtype=np.int8),
        close * (1.0 + target * unit),
        close * (1.0 - stop * unit),
        np.full(len(row), horizon, dtype=np.int64),
        fill_at_close=index.fill_price(ticker) is FillPrice.CLOSE,
        cost_bp_per_side=index.run.cost_bp_per_side.get(index.tickers[ticker], 0.0),
    ).net_return


@dataclass(frozen=True, slots=True)
class Placebo:
    """The same signal, moved in time so that it cannot know anything.

    Parameters
    ----------
    shifts : how many circular shifts were judged.
    accuracy_mean, accuracy_q95 : of the shifted signals.
    p_value : chance that a shifted signal does as well as the real one: (1 + as good) / (1 + shifts).
    """

    shifts: int
    accuracy_mean: float
    accuracy_q95: float
    p_value: float


def placebo(index: RunIndex, taken: Calls, least_shift: int, seed: int) -> Placebo:
    """Judge the decisions taken at dates where they were not.

    Every ticker moves by the same number of sessions, so that what they share on one date stays together.

    Parameters
    ----------
    index : the run's positions.
    taken : the decisions taken.
    least_shift : sessions that a shift keeps away from the real place on either side: the longest horizon.
    seed : which shifts are drawn where the run offers more than 200.
    """
    m = len(index.run.sessions)
    shifts = np.arange(least_shift + 1, m - least_shift)
    resolved = taken.resolved
    if len(resolved) == 0 or len(shifts) == 0:
        return Placebo(0, math.nan, math.nan, math.nan)
    if len(shifts) > PLACEBOS:
        shifts = np.sort(np.random.default_rng(seed).choice(shifts, PLACEBOS, replace=False))
    hits, known = np.zeros(len(shifts)), np.zeros(len(shifts))
    for k, horizon in {(int(t), int(h)) for t, h in zip(taken.ticker, taken.horizon, strict=True)}:
        mine = (taken.ticker == k) & (taken.horizon == horizon)
        back = index.returns_by_date(k, horizon)
        moved = back[(taken.date[mine][:, None] + shifts[None, :]) % m]
        hits += (np.sign(moved) == taken.direction[mine][:, None]).sum(axis=0)
        known += np.isfinite(moved).sum(axis=0)
    accuracy = hits[known > 0] / known[known > 0]
    if len(accuracy) == 0:
        return Placebo(0, math.nan, math.nan, math.nan)
    as_good = int(np.sum(accuracy >= float(np.mean(resolved.hit))))
    return Placebo(
        shifts=len(accuracy),
        accuracy_mean=float(np.mean(accuracy)),
        accuracy_q95=float(np.quantile(accuracy, 0.95)),
        p_value=(1 + as_good) / (1 + len(accuracy)),
    )


def always_long(index: RunIndex, taken: Calls) -> tuple[Float64Array1D, Float64Array1D]:
    """How often going long after every decision of the run, whatever it said, would have been right.

    Tickers and horizons are weighted as in the decisions taken.

    Parameters
    ----------
    index : the run's positions.
    taken : the calls whose mix of tickers and horizons is matched.

    Returns
    -------
    (m,) weighted rises and (m,) weights by date: the base rate is the sum of one over the sum of the other.
    """
    return _at_every_decision(index, taken, np.ones(len(taken), dtype=np.int8))


def same_directions(index: RunIndex, taken: Calls) -> tuple[Float64Array1D, Float64Array1D]:
    """How often going as often long and as often short as the decisions taken, at any time, would have been right.

    In a market that falls, shorts are right at any time, as longs are in one that rises: what is above this is timing.
    Where nothing was short it is :func:`always_long`, to the bit.

    Parameters
    ----------
    index : the run's positions.
    taken : the calls whose mix of tickers, horizons and directions is matched.

    Returns
    -------
    (m,) weighted moves in the directions and (m,) weights by date.
    """
    return _at_every_decision(index, taken, taken.direction)


def _at_every_decision(index: RunIndex, taken: Calls, direction: Int8Array1D) -> tuple[Float64Array1D, Float64Array1D]:
    m = len(index.run.sessions)
    right, weights = np.zeros(m), np.zeros(m)
    mix = zip(taken.ticker.tolist(), taken.horizon.tolist(), direction.tolist(), strict=True)
    for k, horizon, sign in dict.fromkeys(mix):
        weight = float(np.mean((taken.ticker == k) & (taken.horizon == horizon) & (direction == sign)))
        mine = index.ticker == k
        back = index.returns_by_date(k, horizon)[index.date[mine]]
        known = np.isfinite(back)
        date = index.date[mine][known]
        share = weight / max(int(known.sum()), 1)
        right += np.bincount(date, weights=(np.sign(back[known]) == sign) * share, minlength=m)
        weights += np.bincount(date, weights=np.full(len(date), share), minlength=m)
    return right, weights


def mean_exposure(run: RunResult) -> float:
    """Mean of invested value / equity over the sessions with equity; NaN without any."""
    share = np.full(len(run.equity), np.nan)
    np.divide(run.exposure, run.equity, out=share, where=run.equity > 0)
    known = share[np.isfinite(share)]
    return float(np.mean(known)) if len(known) else math.nan
