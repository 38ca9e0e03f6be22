"""Every gate that stops ideas, and what became of what it stopped: would it have won?

An idea that was stopped is followed like one that was traded: entry at the next session's price, its own target and
stop, an exit after its horizon, costs paid. So a gate that stops good ideas shows here as what it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from lightning_gex.analytics.bootstrap import NO_INTERVAL, Interval, disjoint_windows, wilson_interval
from lightning_gex.analytics.fills import resolve_signals
from lightning_gex.core.decision import Decision
from lightning_gex.core.enums import DecisionStatus, FillPrice, StageName
from lightning_gex.core.units import BASIS_POINT, Float64Array1D, Int64Array1D, StrArray1D
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.intervals import DateBootstrap, IntervalMethod

#: The group of ideas that no gate stopped.
PASSED = "approved"
_STAGE_ORDER = {str(stage): k for k, stage in enumerate(StageName)}


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """The ideas that one gate stopped, or that passed them all.

    Parameters
    ----------
    ideas : how many.
    resolved : of how many the data tell the end; an idea without a bracket has none.
    win_rate, interval, method : share of those that made, or would have made, money after costs; NaN without any.
    expectancy_bp, expectancy_interval_bp : their mean return after costs, basis points of the notional.
    """

    ideas: int
    resolved: int
    win_rate: float
    interval: Interval
    method: IntervalMethod
    expectancy_bp: float
    expectancy_interval_bp: Interval


def gate_of(decision: Decision) -> str | None:
    """What ended an idea, as ``stage.gate``; ``approved`` where nothing did, None where there was no idea."""
    if decision.status is DecisionStatus.NO_SIGNAL:
        return None
    if decision.status is DecisionStatus.APPROVED or decision.blocked_by is None:
        return PASSED
    return decision.veto or str(decision.blocked_by)


def by_gate(index: RunIndex, bootstrap: DateBootstrap) -> dict[str, GateOutcome]:
    """Gate -> what became of the ideas it stopped, in the order of the decision path; ``approved`` comes last.

    Parameters
    ----------
    index : the run by position.
    bootstrap : the run's resamples.
    """
    ideas = _ideas(index)
    back, held = _followed(index, ideas)
    out: dict[str, GateOutcome] = {}
    for gate in in_path_order(set(ideas.gate.tolist())):
        mine = ideas.gate == gate
        out[gate] = _outcome(index.date[ideas.which[mine]], back[mine], held[mine], bootstrap)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Ideas:
    """A run's ideas as a struct of arrays, (k,) each: position among the decisions, gate, and the bracket."""

    which: Int64Array1D
    gate: StrArray1D
    direction: Int64Array1D
    target: Float64Array1D
    stop: Float64Array1D
    horizon: Int64Array1D


def _ideas(index: RunIndex) -> _Ideas:
    rows = [
        (i, gate, int(d.direction), d.target_price, d.stop_loss, max(1, d.time_horizon_days))
        for i, d in enumerate(index.run.decisions)  # in one pass: they may be built anew as they are looked at
        if (gate := gate_of(d)) is not None
    ]
    columns = list(zip(*rows, strict=True)) or [()] * 6
    return _Ideas(
        np.array(columns[0], dtype=np.int64),
        np.array(columns[1], dtype=np.str_),
        np.array(columns[2], dtype=np.int64),
        np.array(columns[3], dtype=np.float64),
        np.array(columns[4], dtype=np.float64),
        np.array(columns[5], dtype=np.int64),
    )


def in_path_order(gates: Iterable[str]) -> list[str]:
    """Gates in the order of the decision path, then by name; ``approved`` last."""

    def place(gate: str) -> tuple[bool, int, str]:
        return gate == PASSED, _STAGE_ORDER.get(gate.partition(".")[0], len(_STAGE_ORDER)), gate

    return sorted(gates, key=place)


@dataclass(frozen=True, slots=True)
class GateTally:
    """Counts of one gate from the journal alone; the interval takes outcomes for independent.

    Parameters
    ----------
    ideas, resolved, won : counts.
    win_rate, interval : of the resolved; NaN without any.
    expectancy_bp : mean return after costs, basis points; NaN without any.
    """

    ideas: int
    resolved: int
    won: int
    win_rate: float
    interval: Interval
    expectancy_bp: float


def tallied(ideas: Iterable[tuple[str, float | None]]) -> dict[str, GateTally]:
    """Gate -> tally, in the order of the decision path.

    Parameters
    ----------
    ideas : gate and net return as a fraction, None while it is not known.

    Examples
    --------
    >>> found = tallied([("tactical.rank", 0.01), ("tactical.rank", None), ("approved", -0.02)])
    >>> [(gate, tally.ideas, tally.win_rate) for gate, tally in found.items()]
    [('tactical.rank', 2, 1.0), ('approved', 1, 0.0)]
    """
    groups: dict[str, list[float | None]] = {}
    for gate, back in ideas:
        groups.setdefault(gate, []).append(back)
    return {gate: _tally(groups[gate]) for gate in in_path_order(groups)}


def _tally(returns: list[float | None]) -> GateTally:
    known = [back for back in returns if back is not None]
    if not known:
        return GateTally(len(returns), 0, 0, math.nan, NO_INTERVAL, math.nan)
    won = sum(back > 0 for back in known)
    return GateTally(
        len(returns),
        len(known),
        won,
        won / len(known),
        wilson_interval(won, len(known)),
        float(np.mean(known)) / BASIS_POINT,
    )


def _followed(index: RunIndex, ideas: _Ideas) -> tuple[Float64Array1D, Int64Array1D]:
    """(k,) net return of each idea, NaN where the data do not tell or it has no bracket; and sessions it was held."""
    back, held = np.full(len(ideas.which), np.nan), np.ones(len(ideas.which), dtype=np.int64)
    ticker, row = index.ticker[ideas.which], index.row[ideas.which]
    known = np.isfinite(ideas.target) & np.isfinite(ideas.stop) & (row >= 0)
    for k, name in enumerate(index.tickers):
        mine = np.flatnonzero((ticker == k) & known)
        if not len(mine):
            continue
        found = resolve_signals(
            index.bars(k),
            row[mine],
            ideas.direction[mine],
            ideas.target[mine],
            ideas.stop[mine],
            ideas.horizon[mine],
            fill_at_close=index.fill_price(k) is FillPrice.CLOSE,
            cost_bp_per_side=index.run.cost_bp_per_side.get(name, 0.0),
        )
        back[mine] = np.where(found.resolved, found.net_return, np.nan)
        held[mine] = np.maximum(1, found.exit_row - row[mine])
    return back, held


def _outcome(date: Int64Array1D, back: Float64Array1D, held: Int64Array1D, bootstrap: DateBootstrap) -> GateOutcome:
    known = np.isfinite(back)
    if not known.any():
        return GateOutcome(len(back), 0, math.nan, NO_INTERVAL, IntervalMethod.NONE, math.nan, NO_INTERVAL)
    date, won, bp = date[known], back[known] > 0, back[known] / BASIS_POINT
    disjoint = disjoint_windows(date + 1, date + held[known])
    interval, method = bootstrap.proportion(won, date, disjoint)
    return GateOutcome(
        ideas=len(back),
        resolved=int(known.sum()),
        win_rate=float(np.mean(won)),
        interval=interval,
        method=method,
        expectancy_bp=float(np.mean(bp)),
        expectancy_interval_bp=bootstrap.mean(bp, date, disjoint)[0],
    )


def gate_words(gate: str) -> str:
    """A gate as a reader's words.

    Examples
    --------
    >>> gate_words("tactical.already_open"), gate_words("approved")
    ('tactical: already open', 'passed every gate')
    """
    if gate == PASSED:
        return "passed every gate"
    stage, _, name = gate.partition(".")
    return f"{stage}: {name.replace('_', ' ')}" if name else stage


def plain_tallies(tallies: Mapping[str, GateTally]) -> dict[str, dict[str, object]]:
    """Tallies as plain values, for documents."""
    return {
        gate: {
            "ideas": t.ideas,
            "resolved": t.resolved,
            "won": t.won,
            "win_rate": t.win_rate,
            "win_rate_interval": list(t.interval),
            "expectancy_bp": t.expectancy_bp,
        }
        for gate, t in tallies.items()
    }
