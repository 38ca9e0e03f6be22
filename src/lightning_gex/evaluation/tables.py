"""A run as two plain tables, so that anyone can judge it without this code."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from itertools import islice

import polars as pl

from lightning_gex.core.decision import Decision
from lightning_gex.core.errors import InputError
from lightning_gex.engine.result import RunResult

_MOMENT = pl.Datetime("us", "UTC")
_PART = 2_048  # decisions whose cells are Python's own at one time: a few megabytes
_DECISIONS: dict[str, pl.DataType] = {
    "as_of": _MOMENT,
    "ticker": pl.String(),
    "status": pl.String(),
    "direction": pl.Int8(),
    "confidence": pl.Float64(),
    "horizon_days": pl.Int32(),
    "regime": pl.String(),
    "size_pct": pl.Float64(),
    "entry_price": pl.Float64(),
    "target_price": pl.Float64(),
    "stop_loss": pl.Float64(),
    "blocked_by": pl.String(),
    "reason": pl.String(),
    "range_low": pl.Float64(),
    "range_high": pl.Float64(),
    "range_probability": pl.Float64(),
    "range_horizon_sessions": pl.Int32(),
    "volatility_forecast": pl.Float64(),
    "volatility_forecast_horizon": pl.Float64(),
    "range_basis": pl.String(),
    "range_absence": pl.String(),
}
_TRADES: dict[str, pl.DataType] = {
    "ticker": pl.String(),
    "decided_at": _MOMENT,
    "entry_at": _MOMENT,
    "exit_at": _MOMENT,
    "direction": pl.Int8(),
    "quantity": pl.Int64(),
    "entry_price": pl.Float64(),
    "exit_price": pl.Float64(),
    "horizon_days": pl.Int32(),
    "confidence": pl.Float64(),
    "costs": pl.Float64(),
    "pnl": pl.Float64(),
    "exit_reason": pl.String(),
    "carried_in": pl.Boolean(),
}


def agent_slug(agent: str) -> str:
    """An agent's display name as part of a column name: ``Options Flow Agent`` becomes ``options_flow_agent``."""
    return re.sub(r"[^a-z0-9]+", "_", agent.lower()).strip("_")


def decisions_frame(run: RunResult) -> pl.DataFrame:
    """One row a decision, in the run's order.

    Parameters
    ----------
    run : a finished run.

    Returns
    -------
    Columns ``as_of`` (UTC), ``ticker, status, direction`` (-1, 0, 1), ``confidence, horizon_days`` (sessions),
    ``regime, size_pct`` (fraction of equity), ``entry_price, target_price, stop_loss`` (USD), ``blocked_by, reason``,
    ``range_low, range_high`` (USD), ``range_probability`` (0..1), ``range_horizon_sessions``, ``volatility_forecast,
    volatility_forecast_horizon`` (annualised fractions), ``range_basis, range_absence`` (why there is no range, or
    null), and for each agent ``vote_<slug>`` (-1, 0, 1; null where it abstained or was not asked) and
    ``confidence_<slug>``. Absent numbers are null.

    Raises
    ------
    InputError : where two agents' names give the same column.
    """
    slugs: dict[str, str] = {}
    whole = iter(run.decisions)
    parts = [_decisions_part((), slugs)]
    while some := list(islice(whole, _PART)):
        parts.append(_decisions_part(some, slugs))
    return pl.concat(parts, how="diagonal")


def _decisions_part(decisions: Sequence[Decision], slugs: dict[str, str]) -> pl.DataFrame:
    """Rows of some decisions, with columns for the agents met so far; new ones are added to ``slugs``."""
    _add_slugs(slugs, decisions)
    schema = dict(_DECISIONS)
    for slug in slugs.values():
        schema[f"vote_{slug}"] = pl.Int8()
        schema[f"confidence_{slug}"] = pl.Float64()
    columns: dict[str, list[object]] = {name: [] for name in schema}
    for decision in decisions:
        for name, value in _decision_row(decision).items():
            columns[name].append(value)
        votes = {vote.agent: vote for vote in decision.votes}
        for agent, slug in slugs.items():
            vote = votes.get(agent)
            spoke = vote is not None and not vote.abstained
            columns[f"vote_{slug}"].append(int(vote.direction) if vote is not None and spoke else None)
            columns[f"confidence_{slug}"].append(_number(vote.confidence) if vote is not None and spoke else None)
    return pl.DataFrame(columns, schema=schema)


def trades_frame(run: RunResult) -> pl.DataFrame:
    """One row a closed trade, in order of exit.

    Parameters
    ----------
    run : a finished run.

    Returns
    -------
    Columns ``ticker, decided_at, entry_at, exit_at`` (UTC), ``direction`` (-1, 1), ``quantity`` (shares),
    ``entry_price, exit_price`` (USD a share), ``horizon_days`` (sessions), ``confidence, costs`` (USD, both sides),
    ``pnl`` (USD after costs), ``exit_reason``, ``carried_in`` (whether it is a leg that began with shares held).
    Absent numbers are null.
    """
    columns: dict[str, list[object]] = {name: [] for name in _TRADES}
    for trade in run.trades:
        row = {
            "ticker": trade.ticker,
            "decided_at": _utc(trade.decided_at),
            "entry_at": _utc(trade.entry_at),
            "exit_at": _utc(trade.exit_at),
            "direction": int(trade.direction),
            "quantity": trade.quantity,
            "entry_price": float(trade.entry_price),
            "exit_price": float(trade.exit_price),
            "horizon_days": trade.horizon_sessions,
            "confidence": _number(trade.confidence),
            "costs": float(trade.costs),
            "pnl": float(trade.pnl),
            "exit_reason": str(trade.exit_reason),
            "carried_in": not trade.bought,
        }
        for name, value in row.items():
            columns[name].append(value)
    return pl.DataFrame(columns, schema=_TRADES)


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """A table as the contents of a Parquet file, which keeps every column's type; the same bytes for the same table."""
    buffer = BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def _decision_row(decision: Decision) -> dict[str, object]:
    return {
        "as_of": _utc(decision.as_of),
        "ticker": decision.ticker,
        "status": str(decision.status),
        "direction": int(decision.direction),
        "confidence": _number(decision.confidence),
        "horizon_days": decision.time_horizon_days,
        "regime": None if decision.regime is None else str(decision.regime),
        "size_pct": _number(decision.size_pct),
        "entry_price": _number(decision.entry_price),
        "target_price": _number(decision.target_price),
        "stop_loss": _number(decision.stop_loss),
        "blocked_by": None if decision.blocked_by is None else str(decision.blocked_by),
        "reason": decision.reason,
        **{k: _number(v) if isinstance(v, float) else v for k, v in decision.range_figures.items()},
    }


def _add_slugs(out: dict[str, str], decisions: Iterable[Decision]) -> None:
    """Put agents that are not among them yet behind the others: agent -> slug, in order of first appearance."""
    for decision in decisions:
        for vote in decision.votes:
            if vote.agent not in out:
                slug = agent_slug(vote.agent)
                if not slug or slug in out.values():
                    raise InputError(
                        f"the agent name {vote.agent!r} gives no column of its own (vote_{slug}): rename the agent",
                        field="agent",
                    )
                out[vote.agent] = slug


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
