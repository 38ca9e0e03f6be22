"""How a journaled run went, read back from the journal alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from lightning_gex.analytics.bootstrap import wilson_interval
from lightning_gex.app.assembly.wiring import Stores
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.enums import RunMode
from lightning_gex.core.errors import InputError
from lightning_gex.core.events import DecisionMade, Event, SignalResolved
from lightning_gex.engine.state import replay
from lightning_gex.engine.trades import closed_trades
from lightning_gex.evaluation.gates import gate_of, plain_tallies, tallied
from lightning_gex.evaluation.reliability import plain_reliability, reliability_figures


def performance_report(workspace: Workspace, run_id: str | None = None) -> dict[str, Any]:
    """What became of one run of the journal.

    Parameters
    ----------
    workspace : whose journal.
    run_id : which run; None takes the latest that decided anything.

    Returns
    -------
    ``run_id, mode, started_at`` and sections ``capital, trading, decisions, blocked_by, by_gate, reliability``; a ratio
    without data is NaN.

    Raises
    ------
    InputError : there is no such run, or none at all yet.
    IntegrityError : a record of the journal was altered, reordered or removed.
    """
    stores = Stores.open(workspace)
    journal = stores.journal("report")
    with stores.naming_the_store():
        journal.verify()
    runs = [r for r in journal.runs() if r.mode is not None and r.mode is not RunMode.CONTROL]
    if run_id is not None:
        runs = [r for r in runs if r.run_id == run_id]
    if not runs:
        wanted = "holds no run yet: try lightning demo" if run_id is None else f"knows no run {run_id!r}"
        raise InputError(f"the journal {wanted}", source=str(workspace.database))
    run = runs[-1]
    events = [record.event for record in journal.read(run.run_id)]
    state = replay(events)
    trades = closed_trades(events)
    statuses = Counter(e.decision.status.value for e in events if isinstance(e, DecisionMade))
    blocked = Counter(
        e.decision.blocked_by.value for e in events if isinstance(e, DecisionMade) and e.decision.blocked_by
    )
    won = sum(t.pnl > 0 for t in trades)
    initial, equity = float(state.initial_capital), float(state.equity)
    return {
        "run_id": run.run_id,
        "mode": None if run.mode is None else run.mode.value,
        "started_at": None if run.started_at is None else run.started_at.isoformat(),
        "records": run.count,
        "capital": {"initial": initial, "current": equity, "return": equity / initial - 1.0},
        "trading": {
            "closed_trades": len(trades),
            "carried_on": sum(not t.sold for t in trades),
            "win_rate": won / len(trades) if trades else math.nan,
            "win_rate_interval": list(wilson_interval(won, len(trades))),
            "total_pnl": float(sum(t.pnl for t in trades)),
            "costs": float(state.ledger.costs),
            "open_trades": len(state.open_trades),
            "circuit_breakers": dict(state.tripped),
        },
        "decisions": {"made": state.decisions, **statuses},
        "blocked_by": dict(blocked),
        "by_gate": plain_tallies(tallied(_ideas(events))),
        "reliability": plain_reliability(reliability_figures(state.learning.grouped())),
    }


def journal_runs(workspace: Workspace) -> list[dict[str, Any]]:
    """Every run of the journal that decided or traded, oldest first.

    Returns
    -------
    ``run_id, mode, started_at`` (ISO 8601; None where the start is not on record) and ``records``.

    Raises
    ------
    IntegrityError : the start of a run was altered.
    """
    stores = Stores.open(workspace)
    with stores.naming_the_store(), stores.journal("report") as journal:
        found = [r for r in journal.runs() if r.mode is not RunMode.CONTROL]
    return [
        {
            "run_id": run.run_id,
            "mode": None if run.mode is None else run.mode.value,
            "started_at": None if run.started_at is None else run.started_at.isoformat(),
            "records": run.count,
        }
        for run in found
    ]


def _ideas(events: Sequence[Event]) -> Iterator[tuple[str, float | None]]:
    """Every idea of a run: what ended it, and the net return it had or would have had, None while it is not known."""
    outcomes = {e.pattern_id: e.outcome.net_return for e in events if isinstance(e, SignalResolved)}
    for event in events:
        if isinstance(event, DecisionMade) and (gate := gate_of(event.decision)) is not None:
            yield gate, outcomes.get(event.decision.decision_id)
