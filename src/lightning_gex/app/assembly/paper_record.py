"""A paper run read back from the journal as a run like any other, so that it can be judged and compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lightning_gex.adapters.market_data.stale_open import default_fill_price
from lightning_gex.app.assembly.jobs import inputs_of
from lightning_gex.app.assembly.paper import PAPER_TICKERS
from lightning_gex.app.assembly.wiring import engine_config
from lightning_gex.core.enums import RunMode
from lightning_gex.core.errors import RefusedError
from lightning_gex.core.events import (
    AuditNoted,
    BreakerTripped,
    DecisionMade,
    Marked,
    OperationFailed,
    RunStarted,
    TradeCarriedOn,
    TradeClosed,
)
from lightning_gex.core.units import DateArray1D, Float64Array1D, Int64Array1D
from lightning_gex.engine.drivers import Timetable
from lightning_gex.engine.paper import SESSION_COMPLETED
from lightning_gex.engine.result import RunResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning_gex.adapters.storage.journal import SqlJournal
    from lightning_gex.app.assembly.jobs import InputFiles
    from lightning_gex.app.workspace import Workspace
    from lightning_gex.core.decision import Decision
    from lightning_gex.core.orders import ClosedTrade


@dataclass(frozen=True, slots=True, eq=False)
class PaperRecord:
    """What the journal holds of one paper run.

    Parameters
    ----------
    run_id : which. started : its first record.
    sessions : (m,) ``datetime64[D]`` completed and traded. sequence : (m,) of the records that completed them.
    equity, exposure : (m,) USD at their closes.
    decisions, trades : made and closed, oldest first. closed_at : sequence of each closed trade's record.
    trips : sequence and name of each breaker that tripped. failures : sequences of failed operations.
    """

    run_id: str
    started: RunStarted
    sessions: DateArray1D
    sequence: Int64Array1D
    equity: Float64Array1D
    exposure: Float64Array1D
    decisions: tuple[Decision, ...]
    trades: tuple[ClosedTrade, ...]
    closed_at: tuple[int, ...]
    trips: tuple[tuple[int, str], ...]
    failures: tuple[int, ...]

    @property
    def tickers(self) -> tuple[str, ...]:
        """What it trades."""
        return tuple(str(self.started.settings[PAPER_TICKERS]).split(","))

    @property
    def reached(self) -> str | None:
        """Its last completed session; None before the first."""
        return str(self.sessions[-1]) if len(self.sessions) else None


def paper_record(journal: SqlJournal, *, with_reasons: bool = False) -> PaperRecord | None:
    """The latest paper run of a journal, ended or not; None where there is none.

    Parameters
    ----------
    journal : verified as far as it is read.
    with_reasons : whether decisions come with their stages, votes and caps.
    """
    runs = [r for r in journal.runs() if r.mode is RunMode.PAPER]
    return _read(journal, runs[-1].run_id, with_reasons) if runs else None


def _read(journal: SqlJournal, run_id: str, with_reasons: bool) -> PaperRecord:
    started: RunStarted | None = None
    decisions: list[Decision] = []
    trades: list[tuple[int, ClosedTrade]] = []
    closes: list[tuple[np.datetime64, int, float, float]] = []
    trips: list[tuple[int, str]] = []
    failures: list[int] = []
    marked = (0.0, 0.0)
    for record in journal.read(run_id, with_reasons=with_reasons):
        event, sequence = record.event, record.sequence
        if isinstance(event, RunStarted):
            started = event
        elif isinstance(event, DecisionMade):
            decisions.append(event.decision)
        elif isinstance(event, TradeClosed | TradeCarriedOn):
            trades.append((sequence, event.trade if isinstance(event, TradeClosed) else event.closed))
        elif isinstance(event, Marked):
            marked = (float(event.equity), float(event.exposure))
        elif isinstance(event, BreakerTripped):
            trips.append((sequence, event.breaker))
        elif isinstance(event, OperationFailed):
            failures.append(sequence)
        elif isinstance(event, AuditNoted) and event.what == SESSION_COMPLETED and event.detail["traded"]:
            closes.append((np.datetime64(str(event.detail["session"]), "D"), sequence, *marked))
    if started is None or PAPER_TICKERS not in started.settings:
        raise RefusedError(f"the records of {run_id} do not begin with the start of a paper run")
    return PaperRecord(
        run_id=run_id,
        started=started,
        sessions=np.array([c[0] for c in closes], dtype="datetime64[D]"),
        sequence=np.array([c[1] for c in closes], dtype=np.int64),
        equity=np.array([c[2] for c in closes], dtype=np.float64),
        exposure=np.array([c[3] for c in closes], dtype=np.float64),
        decisions=tuple(decisions),
        trades=tuple(trade for _, trade in trades),
        closed_at=tuple(sequence for sequence, _ in trades),
        trips=tuple(trips),
        failures=tuple(failures),
    )


def paper_result(workspace: Workspace, record: PaperRecord, files: InputFiles) -> RunResult:
    """A paper run as evaluation takes runs, on the bars of these files.

    Raises
    ------
    RefusedError : it has not completed a session yet.
    InputError : files that cannot be read, or without one of its tickers.
    """
    if not len(record.sessions):
        raise RefusedError(f"the paper run {record.run_id} has not completed a session yet")
    first = record.sessions[0].astype(object)
    inputs = inputs_of(files, record.tickers, start=first)
    costs = engine_config(workspace.settings).costs
    rates = np.array(Timetable.of(record.sessions, inputs).bill_rate)
    bars: Sequence[str] = [t for t in record.tickers if t in inputs.bars]
    return RunResult(
        run_id=record.run_id,
        mode=RunMode.PAPER,
        decisions=record.decisions,
        trades=record.trades,
        sessions=record.sessions,
        equity=record.equity,
        exposure=record.exposure,
        initial_capital=float(record.started.initial_capital),
        bars={t: inputs.bars[t] for t in bars},
        fill_price={t: default_fill_price(t) for t in bars},
        cost_bp_per_side={t: costs.bp_per_side(t) for t in bars},
        bill_rate=rates if np.isfinite(rates).any() else None,
        settings=record.started.settings,
        notes=inputs.notes,
    )
