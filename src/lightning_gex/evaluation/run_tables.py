"""Everything behind a run's report as plain tables: whoever has these can work out every figure without this code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypeAlias

import numpy as np
import polars as pl

from lightning_gex.analytics.performance import drawdown_curve
from lightning_gex.core.units import Float64Array1D
from lightning_gex.engine.result import RunResult
from lightning_gex.evaluation.benchmarks import benchmarks
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.metrics import JsonValue, RunMetrics
from lightning_gex.evaluation.tables import decisions_frame, trades_frame

#: Name -> table.
Tables: TypeAlias = dict[str, pl.DataFrame]
#: Figures by group, and what a group is called in its table.
_GROUPED = {"by_regime": "regime", "by_agent": "agent", "by_gate": "gate", "by_range": "horizon"}


def run_tables(run: RunResult, metrics: RunMetrics) -> Tables:
    """The tables of a run's report.

    Parameters
    ----------
    run, metrics : the run and its figures.

    Returns
    -------
    ``decisions`` and ``trades`` (see :mod:`lightning_gex.evaluation.tables`), ``equity``, ``calls``, ``figures``, and
    ``by_regime, by_agent, by_gate, by_range, reliability`` where there is something in them.
    """
    out: Tables = {
        "decisions": decisions_frame(run),
        "trades": trades_frame(run),
        "equity": equity_frame(run, metrics),
        "calls": calls_frame(run),
        "figures": figures_frame(metrics.to_json_dict()),
    }
    plain = metrics.to_json_dict()
    for name, group in _GROUPED.items():
        found = plain.get(name)
        if isinstance(found, Mapping) and found:
            out[name] = grouped_frame(found, group)
    reliability = reliability_frame(plain.get("reliability"))
    return out if reliability is None else {**out, "reliability": reliability}


def equity_frame(run: RunResult, metrics: RunMetrics) -> pl.DataFrame:
    """One row a session: the account at its close beside what holding would have been worth.

    Returns
    -------
    Columns ``session``, ``equity_usd, exposure_usd`` (sum of absolute position values), ``drawdown`` (fraction of the
    highest equity so far, at least 0), ``buy_and_hold_usd, same_exposure_usd`` (the holdings of the report), and
    ``bill_rate`` (annualised fraction; null where it is not known). The first row of the run is preceded by
    ``initial_capital`` USD, which ``report.json`` holds.
    """
    held = benchmarks(run, RunIndex.of(run), metrics.exposure_mean)
    rate = np.full(len(run.sessions), np.nan) if run.bill_rate is None else run.bill_rate
    return pl.DataFrame(
        {
            "session": pl.Series(run.sessions.astype("datetime64[ms]")).cast(pl.Date),
            "equity_usd": _column(run.equity),
            "exposure_usd": _column(run.exposure),
            "drawdown": _column(drawdown_curve(np.r_[run.initial_capital, run.equity])[1:]),
            "buy_and_hold_usd": _column(held.equal_weight),
            "same_exposure_usd": _column(held.same_exposure),
            "bill_rate": _column(rate),
        }
    )


def calls_frame(run: RunResult) -> pl.DataFrame:
    """One row a decision taken, as a statement about direction, beside what came.

    Returns
    -------
    Columns ``session`` (decided after its close), ``ticker, direction`` (-1, 1), ``horizon_sessions, confidence``,
    ``share_return`` (of the share from the entry over the horizon, a fraction; null while it is not known) and ``hit``.
    """
    index = RunIndex.of(run)
    calls, _ = index.taken()
    known = np.isfinite(calls.share_return)
    return pl.DataFrame(
        {
            "session": pl.Series(run.sessions[calls.date].astype("datetime64[ms]")).cast(pl.Date),
            "ticker": pl.Series([index.tickers[int(t)] for t in calls.ticker], dtype=pl.String),
            "direction": pl.Series(calls.direction, dtype=pl.Int8),
            "horizon_sessions": pl.Series(calls.horizon, dtype=pl.Int32),
            "confidence": _column(calls.confidence),
            "share_return": _column(calls.share_return),
            "hit": pl.Series([bool(h) if k else None for h, k in zip(calls.hit, known, strict=True)], dtype=pl.Boolean),
        }
    )


def figures_frame(figures: Mapping[str, JsonValue]) -> pl.DataFrame:
    """Every single number of a document with its interval.

    Parameters
    ----------
    figures : as ``metrics.json`` holds them; groups and texts are left out, they have tables of their own.

    Returns
    -------
    Columns ``figure, value, low, high``: the ends of the 95 % interval, null where there is none.
    """
    rows: list[tuple[str, float | None, float | None, float | None]] = []
    for name, value in figures.items():
        if isinstance(value, bool) or not (value is None or isinstance(value, int | float)):
            continue
        if value is None and not _has_interval(figures, name) and name.endswith("interval"):
            continue
        low, high = _interval_of(figures, name)
        rows.append((name, None if value is None else float(value), low, high))
    columns = ("figure", "value", "low", "high")
    kinds = {"figure": pl.String(), "value": pl.Float64(), "low": pl.Float64(), "high": pl.Float64()}
    return pl.DataFrame({name: [row[k] for row in rows] for k, name in enumerate(columns)}, schema=kinds)


def grouped_frame(groups: Mapping[str, JsonValue], name: str) -> pl.DataFrame:
    """Figures by group as one row a group; an interval becomes two columns, ``_low`` and ``_high``.

    Parameters
    ----------
    groups : group -> its figures.
    name : of the column that names the group.
    """
    return records_frame([{name: group, **_flat(figures)} for group, figures in groups.items()])


def reliability_frame(reliability: JsonValue) -> pl.DataFrame | None:
    """Group of signals and voice by row; None where nothing was judged."""
    if not isinstance(reliability, Mapping):
        return None
    rows: list[dict[str, object]] = []
    for group, voices in reliability.items():
        if isinstance(voices, Mapping):
            rows.extend({"group": group, "voice": voice, **_flat(figures)} for voice, figures in voices.items())
    return records_frame(rows) if rows else None


def records_frame(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Plain rows as a table: whole numbers stay whole, what a row lacks is null."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame({name: _values([row.get(name) for row in rows]) for name in names})


def _values(values: Sequence[object]) -> pl.Series:
    known = [v for v in values if v is not None]
    if known and all(isinstance(v, bool) for v in known):
        return pl.Series(values, dtype=pl.Boolean)
    if known and all(isinstance(v, int) and not isinstance(v, bool) for v in known):
        return pl.Series(values, dtype=pl.Int64)
    if known and all(isinstance(v, date) for v in known):
        return pl.Series(values, dtype=pl.Date)
    if all(isinstance(v, int | float) for v in known):
        return pl.Series([None if v is None else float(str(v)) for v in values], dtype=pl.Float64)
    return pl.Series([None if v is None else str(v) for v in values], dtype=pl.String)


def _flat(figures: JsonValue) -> dict[str, object]:
    """A mapping's single values, and its intervals as two."""
    out: dict[str, object] = {}
    for name, value in figures.items() if isinstance(figures, Mapping) else ():
        if isinstance(value, list) and len(value) == 2:
            out[f"{name}_low"], out[f"{name}_high"] = value
        elif isinstance(value, Mapping):
            out.update({f"{name}_{inner}": found for inner, found in _flat(value).items()})
        elif not isinstance(value, list):
            out[name] = value
    return out


def _has_interval(figures: Mapping[str, JsonValue], name: str) -> bool:
    return any(low is not None for low in _interval_of(figures, name))


def _interval_of(figures: Mapping[str, JsonValue], name: str) -> tuple[float | None, float | None]:
    """The interval that a document keeps beside a figure: ``x_interval``, or ``x_interval_bp`` of an ``x_bp``."""
    stem = name.removesuffix("_bp")
    for key in (f"{name}_interval", f"{stem}_interval_bp"):
        found = figures.get(key)
        if isinstance(found, list) and len(found) == 2:
            low, high = found
            return _number(low), _number(high)
    return None, None


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _column(values: Float64Array1D) -> pl.Series:
    """Numbers with null where there is none."""
    return pl.Series(np.asarray(values, dtype=np.float64)).fill_nan(None)
