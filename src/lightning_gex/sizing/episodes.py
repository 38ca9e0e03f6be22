"""Candidate trades to learn position sizing from, as a struct of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from lightning_gex.analytics.fills import resolve_signals
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError, InsufficientDataError
from lightning_gex.core.units import BASIS_POINT, BoolArray1D, Float64Array1D, Int8Array1D, Int64Array1D

_FEATURES = ("gex_signal", "charm_pressure", "vanna_sensitivity", "volatility")
_FILLS = ("entry_price", "exit_price")


@dataclass(frozen=True, slots=True, eq=False)
class Episodes:
    """Trades that could be taken, in the order they were decided; consecutive rows form an episode (one market).

    Parameters
    ----------
    first_row : (m + 1,) row where each episode begins, closed by n; every episode holds a row.
    ticker : (n,) a number for each ticker of the episode.
    decided_at : (n,) session number of the decision, not decreasing within an episode.
    exit_at : (n,) session number after whose close the outcome is known, later than ``decided_at``.
    known_at : (n,) session number after whose close learners are told the outcome, not before ``exit_at``: a bracket
        may end a trade early, but whether the direction was right shows when its horizon has passed.
    direction : (n,) -1 or 1.
    price : (n,) USD, the ticker's close at the decision: sizes the trade and marks what is open.
    entry_price, exit_price : (n,) USD a share, before costs; both NaN where the order never fills, because the price
        has jumped through the bracket before: nothing is paid, and the ticker is free again at ``exit_at``.
    risk_pct : (n,) stop distance / price, as a fraction, >= 0; 1 where the trade has no stop.
    target_pct : (n,) target distance / price, as a fraction, >= 0; NaN where the trade has no target.
    gex_signal, charm_pressure, vanna_sensitivity : (n,) in [-1, 1] at the decision; NaN where absent.
    volatility : (n,) annualised, as a fraction, at the decision; NaN where absent.
    cost_bp_per_side : (n,) what one side of the trade costs, basis points of its notional.
    source : where they came from, for messages.

    Raises
    ------
    InputError : naming the first offending row and field.
    """

    first_row: Int64Array1D
    ticker: Int64Array1D
    decided_at: Int64Array1D
    exit_at: Int64Array1D
    known_at: Int64Array1D
    direction: Int8Array1D
    price: Float64Array1D
    entry_price: Float64Array1D
    exit_price: Float64Array1D
    risk_pct: Float64Array1D
    target_pct: Float64Array1D
    gex_signal: Float64Array1D
    charm_pressure: Float64Array1D
    vanna_sensitivity: Float64Array1D
    volatility: Float64Array1D
    cost_bp_per_side: Float64Array1D
    source: str = "episodes"

    def __post_init__(self) -> None:
        n = len(self.price)
        if n == 0:
            raise InsufficientDataError("no candidate trade to learn from", source=self.source)
        for name in _columns():
            if getattr(self, name).shape != (n,):
                raise InputError(f"{name} has not one value a candidate", source=self.source, field=name)
        starts = self.first_row
        if len(starts) < 2 or starts[0] != 0 or starts[-1] != n or (np.diff(starts) < 1).any():
            raise InputError("episodes must begin at row 0, end at the last row and hold a row each", field="first_row")
        self._check_values()

    def _check_values(self) -> None:
        unfilled = np.isnan(self.entry_price) & np.isnan(self.exit_price)
        for name in ("price", *_FILLS):
            values = getattr(self, name)
            right = np.isfinite(values) & (values > 0)
            self._refuse(~(right | unfilled) if name in _FILLS else ~right, name, "is not a positive price")
        costs = self.cost_bp_per_side
        self._refuse(~((costs >= 0) & np.isfinite(costs)), "cost_bp_per_side", "is not a cost in basis points")
        self._refuse(np.abs(self.direction) != 1, "direction", "is neither -1 nor 1")
        self._refuse(~((self.risk_pct >= 0) & np.isfinite(self.risk_pct)), "risk_pct", "is not a fraction, 0 or more")
        self._refuse((self.target_pct < 0) | np.isinf(self.target_pct), "target_pct", "is not a fraction, 0 or more")
        for name in _FEATURES[:3]:
            self._refuse(np.abs(getattr(self, name)) > 1, name, "lies outside -1..1")
        self._refuse((self.volatility < 0) | np.isinf(self.volatility), "volatility", "is not a volatility")
        self._refuse(self.exit_at <= self.decided_at, "exit_at", "is not later than the decision")
        self._refuse(self.known_at < self.exit_at, "known_at", "is before the outcome")
        earlier = np.r_[False, np.diff(self.decided_at) < 0]
        earlier[self.first_row[:-1]] = False
        self._refuse(earlier, "decided_at", "is earlier than the candidate before")

    def _refuse(self, wrong: BoolArray1D, field: str, problem: str) -> None:
        if wrong.any():
            i = int(np.argmax(wrong))
            raise InputError(f"{getattr(self, field)[i]} {problem}", source=self.source, row=i, field=field)

    def __len__(self) -> int:
        return len(self.price)

    @property
    def count(self) -> int:
        """How many episodes there are."""
        return len(self.first_row) - 1

    @property
    def net_return(self) -> Float64Array1D:
        """(n,) return of each candidate in its direction after costs, fraction of its entry notional; NaN unfilled."""
        growth = self.exit_price / self.entry_price
        fees = self.cost_bp_per_side * BASIS_POINT * (1.0 + growth)
        net: Float64Array1D = self.direction * (growth - 1.0) - fees
        return net


def episode_of(
    bars: Bars,
    *,
    row: ArrayLike,
    direction: ArrayLike,
    target_price: ArrayLike,
    stop_price: ArrayLike,
    horizon_sessions: ArrayLike,
    gex_signal: ArrayLike,
    charm_pressure: ArrayLike,
    vanna_sensitivity: ArrayLike,
    volatility: ArrayLike,
    fill_at_close: bool,
    cost_bp_per_side: float,
) -> Episodes:
    """One ticker's signals as one episode, each with what became of it.

    Parameters
    ----------
    bars : the ticker's bars.
    row, direction, target_price, stop_price, horizon_sessions : (k,) the signals, as ``fills.resolve_signals`` takes
        them, in order of ``row``.
    gex_signal, charm_pressure, vanna_sensitivity, volatility : (k,) what was known at each signal; NaN where absent.
    fill_at_close, cost_bp_per_side : as in ``fills.resolve_signals``.

    Returns
    -------
    The signals whose outcome lies within the bars; neutral and unresolved ones are left out. As the simulated exchange
    refuses it, an order that finds the price beyond its own bracket does not fill.

    Raises
    ------
    InsufficientDataError : where none is resolved.
    """
    resolved = resolve_signals(
        bars,
        row,
        direction,
        target_price,
        stop_price,
        horizon_sessions,
        fill_at_close=fill_at_close,
        cost_bp_per_side=cost_bp_per_side,
    )
    known = resolved.resolved
    rows = np.asarray(row, dtype=np.int64)[known]
    price, entry = bars.close[rows], resolved.entry_price[known]
    side = np.asarray(direction, dtype=np.float64)[known]
    stop, target = (np.asarray(p, dtype=np.float64)[known] for p in (stop_price, target_price))
    jumped = (side * (entry - stop) <= 0) | (side * (target - entry) <= 0)  # an unset side is NaN and never jumped
    return Episodes(
        first_row=np.array([0, len(rows)], dtype=np.int64),
        ticker=np.zeros(len(rows), dtype=np.int64),
        decided_at=rows,
        exit_at=resolved.exit_row[known],
        known_at=rows + 1 + np.asarray(horizon_sessions, dtype=np.int64)[known],
        direction=np.asarray(direction, dtype=np.int8)[known],
        price=price,
        entry_price=np.where(jumped, np.nan, entry),
        exit_price=np.where(jumped, np.nan, resolved.exit_price[known]),
        risk_pct=np.where(np.isnan(stop), 1.0, np.abs(price - stop) / price),
        target_pct=np.abs(target - price) / price,
        gex_signal=np.asarray(gex_signal, dtype=np.float64)[known],
        charm_pressure=np.asarray(charm_pressure, dtype=np.float64)[known],
        vanna_sensitivity=np.asarray(vanna_sensitivity, dtype=np.float64)[known],
        volatility=np.asarray(volatility, dtype=np.float64)[known],
        cost_bp_per_side=np.full(len(rows), cost_bp_per_side),
        source=bars.source,
    )


def joined(parts: Sequence[Episodes]) -> Episodes:
    """Several sets of episodes as one, each candidate at its own costs. Raises ``InputError`` where none is given."""
    if not parts:
        raise InsufficientDataError("no episodes to learn from")
    lengths = np.concatenate([np.diff(part.first_row) for part in parts])
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _columns()}
    return Episodes(
        first_row=np.r_[0, np.cumsum(lengths)].astype(np.int64),
        **columns,
        source=", ".join(dict.fromkeys(part.source for part in parts)),
    )


def stretch(episodes: Episodes, first: float, last: float, *, settled: bool, one_calendar: bool = False) -> Episodes:
    """The candidates decided within a stretch of each episode's time; episodes without one are left out.

    Parameters
    ----------
    episodes : candidates.
    first, last : shares of the time from an episode's first decision to its last, 0 <= first < last <= 1; a candidate
        belongs to the stretch after ``first`` (from the beginning, where 0) up to ``last``.
    settled : whether outcomes known only after the stretch are left out, as they are for whoever learns at its end.
    one_calendar : whether all episodes count the same sessions: the time is then that of all together, so that no
        episode's stretch reaches into the time after another's.

    Raises
    ------
    InputError : where the shares are none.
    InsufficientDataError : where nothing is left.
    """
    if not 0 <= first < last <= 1:
        raise InputError(f"{first}..{last} is no stretch of 0..1", field="first")
    lengths = np.diff(episodes.first_row)
    begin = np.repeat(episodes.decided_at[episodes.first_row[:-1]], lengths)
    span = np.repeat(episodes.decided_at[episodes.first_row[1:] - 1], lengths) - begin
    if one_calendar:
        begin, span = np.full_like(begin, begin.min()), np.full_like(span, (begin + span).max() - begin.min())
    low, high = begin + np.floor(first * span), begin + np.floor(last * span)
    keep = (episodes.decided_at <= high) & ((episodes.decided_at > low) | (first == 0))
    if settled:
        keep &= episodes.exit_at <= high
    kept = np.add.reduceat(keep, episodes.first_row[:-1])
    columns = {name: getattr(episodes, name)[keep] for name in _columns()}
    return Episodes(
        first_row=np.r_[0, np.cumsum(kept[kept > 0])].astype(np.int64),
        **columns,
        source=episodes.source,
    )


def _columns() -> tuple[str, ...]:
    return tuple(f.name for f in fields(Episodes) if f.name not in {"first_row", "source"})
