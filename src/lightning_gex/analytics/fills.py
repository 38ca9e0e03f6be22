"""Where an order fills, what it costs, and what became of a signal: one set of rules for trading, memory and training.

The price of a fill is the bar's price; spread and slippage are fees on the notional, so that price and cost stay apart.
Nothing fills without a bar.

Daily bars do not say what came first inside them, so the rules take the worse reading:

* a bar that opens beyond the stop or the target fills at its open (a stop through a gap loses more than planned);
* a bar that holds both stop and target filled the stop;
* where the printed open is stale (cash indices) a gap cannot be measured, so a stop fills at the worse of itself and
  that bar's close, and no entry, exit or gap uses the open.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numba
import numpy as np
from numpy.typing import ArrayLike

from lightning_gex.core.bars import Bars
from lightning_gex.core.enums import Direction, ExitReason
from lightning_gex.core.errors import InputError
from lightning_gex.core.quick_init import quick_init
from lightning_gex.core.units import BASIS_POINT, BoolArray1D, Float64Array1D, Int8Array1D, Int64Array1D

#: Assumed spread and slippage a side: US stocks, and cash indices with their ETFs.
STOCK_COST_BP_PER_SIDE = 5.0
INDEX_COST_BP_PER_SIDE = 2.0

_UNRESOLVED, _STOP, _TARGET, _TIME = 0, 1, 2, 3
_REASONS = {_STOP: ExitReason.STOP_LOSS, _TARGET: ExitReason.TAKE_PROFIT, _TIME: ExitReason.TIME_EXIT}

Amount = TypeVar("Amount", float, Float64Array1D)


@dataclass(frozen=True, slots=True)
class BracketExit:
    """Where a bracket ended a trade. ``price`` in USD a share, before costs."""

    price: float
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Resolution:
    """What became of one signal.

    Parameters
    ----------
    entry_row, exit_row : rows of the bars; the outcome is known after the close of ``exit_row``.
    entry_price, exit_price : USD a share, before costs.
    net_return : return in the signal's direction after costs of both sides, as a fraction of the entry notional.
    reason : which of target, stop and horizon came first.
    """

    entry_row: int
    exit_row: int
    entry_price: float
    exit_price: float
    net_return: float
    reason: ExitReason


@quick_init
@dataclass(frozen=True, slots=True, eq=False)
class Resolutions:
    """What became of many signals, as a struct of arrays.

    Parameters
    ----------
    entry_row : (n,) row of the entry; -1 where the bars end before it or the signal was neutral.
    exit_row : (n,) row of the exit; -1 where unresolved.
    entry_price : (n,) USD; NaN where there was no entry.
    exit_price, net_return : (n,) as in :class:`Resolution`; NaN where unresolved.
    reason_code : (n,) 0 unresolved, 1 stop, 2 target, 3 horizon.
    """

    entry_row: Int64Array1D
    exit_row: Int64Array1D
    entry_price: Float64Array1D
    exit_price: Float64Array1D
    net_return: Float64Array1D
    reason_code: Int8Array1D

    def __len__(self) -> int:
        return len(self.exit_row)

    @property
    def resolved(self) -> BoolArray1D:
        """(n,) whether the outcome is known within the bars."""
        known: BoolArray1D = self.exit_row >= 0
        return known

    def at(self, k: int) -> Resolution | None:
        """Signal ``k``; None where unresolved."""
        if self.exit_row[k] < 0:
            return None
        return Resolution(
            entry_row=int(self.entry_row[k]),
            exit_row=int(self.exit_row[k]),
            entry_price=float(self.entry_price[k]),
            exit_price=float(self.exit_price[k]),
            net_return=float(self.net_return[k]),
            reason=_REASONS[int(self.reason_code[k])],
        )


def trade_costs_usd(notional_usd: Amount, cost_bp_per_side: float) -> Amount:
    """The cost of one side of a trade: spread and slippage as a fee on the notional.

    Parameters
    ----------
    notional_usd : price x quantity, USD, either sign; scalar or (n,).
    cost_bp_per_side : basis points, not negative.

    Returns
    -------
    USD, not negative, of the same shape. NaN in, NaN out.

    Raises
    ------
    InputError : where the cost is negative or no number.
    """
    return abs(notional_usd) * (_checked_cost(cost_bp_per_side) * BASIS_POINT)


def net_return(entry_price: float, exit_price: float, direction: Direction, cost_bp_per_side: float) -> float:
    """The return of a trade in its direction after the costs of both sides.

    Parameters
    ----------
    entry_price, exit_price : USD a share, positive.
    direction : of the trade.
    cost_bp_per_side : basis points, not negative.

    Returns
    -------
    Fraction of the entry notional.
    """
    fee = _checked_cost(cost_bp_per_side) * BASIS_POINT
    return float(_net_return(entry_price, exit_price, int(direction), fee))


def bracket_exit(
    open_price: float,
    high: float,
    low: float,
    close: float,
    direction: Direction,
    target_price: float,
    stop_price: float,
    *,
    entered_at_close_of_this_bar: bool = False,
    fill_at_close: bool = False,
) -> BracketExit | None:
    """Whether, where and why a bracket closes a trade within one bar.

    Parameters
    ----------
    open_price, high, low, close : the bar, USD. A trade entered at this bar's open lives through the whole of it.
    direction : of the trade; neutral has nothing to close.
    target_price, stop_price : USD; NaN where that side is not set.
    entered_at_close_of_this_bar : True on the bar whose close was the entry: it has nothing left that could touch.
    fill_at_close : True for instruments whose printed open is stale (``FillPrice.CLOSE``): the open is not looked at.

    Returns
    -------
    The exit, or None where the bracket was not touched. Its price lies within low..high of the bar.
    """
    if entered_at_close_of_this_bar:
        return None
    price, code = _bracket(open_price, high, low, close, int(direction), target_price, stop_price, fill_at_close)
    return None if code == _UNRESOLVED else BracketExit(float(price), _REASONS[int(code)])


def resolve_signal(
    open_price: Float64Array1D,
    high: Float64Array1D,
    low: Float64Array1D,
    close: Float64Array1D,
    *,
    direction: int,
    target_price: float,
    stop_price: float,
    horizon_sessions: int,
    fill_at_close: bool,
    cost_bp_per_side: float,
    signal_row: int = 0,
) -> Resolution | None:
    """What became of one signal, by the rules of :func:`resolve_signals`; None while it is not known.

    Parameters
    ----------
    open_price, high, low, close : (n,) USD, the bars known so far.
    direction, target_price, stop_price, horizon_sessions, fill_at_close, cost_bp_per_side : as there.
    signal_row : row of the session after whose close the signal was given.

    Raises
    ------
    InputError : where the row lies outside the bars, or a direction or horizon has no meaning.
    """
    for name, value, right, words in (
        ("row", signal_row, 0 <= signal_row < len(close), f"a row of the {len(close)} bars"),
        ("direction", direction, -1 <= direction <= 1, "-1, 0 or 1"),
        ("horizon_sessions", horizon_sessions, horizon_sessions >= 1, "at least 1"),
    ):
        if not right:
            raise InputError(f"{value} must be {words}", field=name)
    fee, entry, way = _checked_cost(cost_bp_per_side) * BASIS_POINT, int(signal_row) + 1, int(direction)
    if way == 0 or entry >= len(close):
        return None
    open_, high, low, close = (np.ascontiguousarray(p, dtype=np.float64) for p in (open_price, high, low, close))
    target, stop, horizon = float(target_price), float(stop_price), int(horizon_sessions)
    row, price, code = _follow(open_, high, low, close, entry, way, target, stop, horizon, fill_at_close)
    if code == _UNRESOLVED:
        return None
    paid = float((close if fill_at_close else open_)[entry])
    return Resolution(entry, row, paid, price, _net_return(paid, price, way, fee), _REASONS[code])


def resolve_signals(
    bars: Bars,
    row: ArrayLike,
    direction: ArrayLike,
    target_price: ArrayLike,
    stop_price: ArrayLike,
    horizon_sessions: ArrayLike,
    *,
    fill_at_close: bool,
    cost_bp_per_side: float,
) -> Resolutions:
    """What became of signals, each followed alone from the next session to its target, stop or horizon.

    A signal of row i enters at row i + 1 and is closed by its bracket or, at the latest, ``horizon_sessions`` sessions
    after the entry session. Entry and time exit are at the open, or at the close with ``fill_at_close``. A time exit at
    an open comes before that bar's bracket, a time exit at a close after it. An entry that finds the price beyond its
    own bracket ends where it began: costs and nothing else.

    Parameters
    ----------
    bars : the ticker's bars.
    row : (k,) row of each signal within the bars.
    direction : (k,) -1, 0 or 1; 0 stays unresolved.
    target_price, stop_price : (k,) USD; NaN where that side is not set.
    horizon_sessions : (k,) sessions, at least 1.
    fill_at_close : whether market orders get the close of a bar instead of its open.
    cost_bp_per_side : basis points of the notional, not negative.

    Returns
    -------
    One entry a signal. A signal whose exit lies within the bars does not depend on the bars after it.

    Raises
    ------
    InputError : where a row lies outside the bars, a direction or horizon has no meaning, or lengths differ.
    """
    signals = _Signals.checked(len(bars), row, direction, target_price, stop_price, horizon_sessions)
    return _resolved((bars.open, bars.high, bars.low, bars.close), signals, fill_at_close, cost_bp_per_side)


def _checked_cost(cost_bp_per_side: float) -> float:
    if not 0 <= cost_bp_per_side < math.inf:
        raise InputError(f"{cost_bp_per_side} is not a cost in basis points", field="cost_bp_per_side")
    return cost_bp_per_side


@quick_init
@dataclass(frozen=True, slots=True, eq=False)
class _Signals:
    """Signals as arrays of one length and the right types."""

    row: Int64Array1D
    direction: Int8Array1D
    target: Float64Array1D
    stop: Float64Array1D
    horizon: Int64Array1D

    @classmethod
    def checked(
        cls,
        bar_count: int,
        row: ArrayLike,
        direction: ArrayLike,
        target: ArrayLike,
        stop: ArrayLike,
        horizon: ArrayLike,
    ) -> _Signals:
        out = cls(
            np.ascontiguousarray(row, dtype=np.int64),
            np.ascontiguousarray(direction, dtype=np.int8),
            np.ascontiguousarray(target, dtype=np.float64),
            np.ascontiguousarray(stop, dtype=np.float64),
            np.ascontiguousarray(horizon, dtype=np.int64),
        )
        shapes = {a.shape for a in (out.row, out.direction, out.target, out.stop, out.horizon)}
        if shapes != {(len(out.row),)}:
            raise InputError("row, direction, target, stop and horizon must have one value a signal", field="signals")
        for name, wrong, right in (
            ("row", (out.row < 0) | (out.row >= bar_count), f"a row of the {bar_count} bars"),
            ("direction", np.abs(out.direction) > 1, "-1, 0 or 1"),
            ("horizon_sessions", out.horizon < 1, "at least 1"),
        ):
            if wrong.any():
                k = int(np.argmax(wrong))
                raise InputError(f"signal {k} must have {right} here", row=k, field=name)
        return out


def _resolved(
    prices: tuple[Float64Array1D, Float64Array1D, Float64Array1D, Float64Array1D],
    signals: _Signals,
    fill_at_close: bool,
    cost_bp_per_side: float,
) -> Resolutions:
    count = len(signals.row)
    out = Resolutions(
        entry_row=np.full(count, -1, dtype=np.int64),
        exit_row=np.full(count, -1, dtype=np.int64),
        entry_price=np.full(count, np.nan),
        exit_price=np.full(count, np.nan),
        net_return=np.full(count, np.nan),
        reason_code=np.zeros(count, dtype=np.int8),
    )
    open_, high, low, close = (np.ascontiguousarray(p, dtype=np.float64) for p in prices)
    _resolve_all(
        open_,
        high,
        low,
        close,
        signals.row,
        signals.direction,
        signals.target,
        signals.stop,
        signals.horizon,
        fill_at_close,
        _checked_cost(cost_bp_per_side) * BASIS_POINT,
        out.entry_row,
        out.exit_row,
        out.entry_price,
        out.exit_price,
        out.net_return,
        out.reason_code,
    )
    return out


@numba.njit(cache=True)
def _net_return(entry: float, exit_: float, direction: int, fee: float) -> float:
    growth = exit_ / entry
    return direction * (growth - 1.0) - fee * (1.0 + growth)


@numba.njit(cache=True)
def _bracket(
    open_: float,
    high: float,
    low: float,
    close: float,
    direction: int,
    target: float,
    stop: float,
    stale_open: bool,
) -> tuple[float, int]:
    """(price, code) of the exit within one bar. A comparison with NaN is False, so an unset side is never touched."""
    if direction == 0:
        return math.nan, _UNRESOLVED
    if direction > 0:
        stopped, reached = low <= stop, high >= target
        gap_stopped, gap_reached = open_ <= stop, open_ >= target
    else:
        stopped, reached = high >= stop, low <= target
        gap_stopped, gap_reached = open_ >= stop, open_ <= target
    if stale_open:
        if stopped:
            return (min(stop, close) if direction > 0 else max(stop, close)), _STOP
        if reached:  # a limit fills no worse than its price; a bar wholly beyond it traded no nearer than its edge
            return (max(target, low) if direction > 0 else min(target, high)), _TARGET
        return math.nan, _UNRESOLVED
    if gap_stopped:
        return open_, _STOP
    if gap_reached:
        return open_, _TARGET
    if stopped:
        return stop, _STOP
    if reached:
        return target, _TARGET
    return math.nan, _UNRESOLVED


@numba.njit(cache=True)
def _follow(
    open_: Float64Array1D,
    high: Float64Array1D,
    low: Float64Array1D,
    close: Float64Array1D,
    entry: int,
    direction: int,
    target: float,
    stop: float,
    horizon: int,
    at_close: bool,
) -> tuple[int, float, int]:
    """(exit row, exit price, code) of one trade entered at row ``entry``."""
    last = entry + horizon
    if at_close:  # an entry beyond its own bracket ends where it began; at an open, the bracket's gap rule sees to it
        at = close[entry]
        _, code = _bracket(at, at, at, at, direction, target, stop, False)
        if code != _UNRESOLVED:
            return entry, at, code
    first_bar = entry + 1 if at_close else entry
    for i in range(first_bar, len(close)):
        if i == last and not at_close:
            return i, open_[i], _TIME
        price, code = _bracket(open_[i], high[i], low[i], close[i], direction, target, stop, at_close)
        if code != _UNRESOLVED:
            return i, price, code
        if i == last:
            return i, close[i], _TIME
    return -1, math.nan, _UNRESOLVED


@numba.njit(cache=True)
def _resolve_all(
    open_: Float64Array1D,
    high: Float64Array1D,
    low: Float64Array1D,
    close: Float64Array1D,
    row: Int64Array1D,
    direction: Int8Array1D,
    target: Float64Array1D,
    stop: Float64Array1D,
    horizon: Int64Array1D,
    at_close: bool,
    fee: float,
    entry_row: Int64Array1D,
    exit_row: Int64Array1D,
    entry_price: Float64Array1D,
    exit_price: Float64Array1D,
    net: Float64Array1D,
    reason: Int8Array1D,
) -> None:
    for k in range(len(row)):
        entry = row[k] + 1
        if direction[k] == 0 or entry >= len(close):
            continue
        entry_row[k] = entry
        entry_price[k] = close[entry] if at_close else open_[entry]
        i, price, code = _follow(open_, high, low, close, entry, direction[k], target[k], stop[k], horizon[k], at_close)
        if code != _UNRESOLVED:
            exit_row[k] = i
            exit_price[k] = price
            net[k] = _net_return(entry_price[k], price, direction[k], fee)
            reason[k] = code
