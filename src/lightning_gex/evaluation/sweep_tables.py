"""A sweep as plain tables: one row a run, one row a variant, and every session's return of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from lightning_gex.evaluation.metrics import JsonValue
from lightning_gex.evaluation.sweep import SweepFindings
from lightning_gex.evaluation.sweep_words import sweep_document

#: Figures that are tables of their own, or texts; they stay in the finished run's file.
_LEFT_OUT = frozenset(
    {"by_regime", "by_agent", "by_gate", "by_range", "reliability", "notes", "blocked_by", "buy_and_hold_by_ticker"}
)
_ENDS = ("low", "high")


def flat_figures(figures: Mapping[str, JsonValue], prefix: str = "") -> dict[str, Any]:
    """Figures as columns: what is nested under its path, an interval as its two ends.

    Parameters
    ----------
    figures : of a run, as plain JSON values.

    Examples
    --------
    >>> flat_figures({"accuracy": 0.5, "accuracy_interval": [0.4, 0.6], "buy_and_hold": {"cagr": 0.1}})
    {'accuracy': 0.5, 'accuracy_interval_low': 0.4, 'accuracy_interval_high': 0.6, 'buy_and_hold.cagr': 0.1}
    """
    columns: dict[str, Any] = {}
    for name, value in figures.items():
        if name in _LEFT_OUT:
            continue
        if isinstance(value, Mapping):
            columns |= flat_figures(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            if len(value) == len(_ENDS):
                columns |= {f"{prefix}{name}_{end}": v for end, v in zip(_ENDS, value, strict=True)}
        else:
            columns[f"{prefix}{name}"] = value
    return columns


def table_of(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows that need not have the same columns as a table; what a row lacks is null.

    Whole numbers stand as such where no row has a fraction. A column whose values are of different kinds, as the values
    of a setting may be, is text.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame([_column(name, [row.get(name) for row in rows]) for name in names])


def _column(name: str, values: list[Any]) -> pl.Series:
    kinds = {type(v) for v in values if v is not None}
    if kinds == {int, float}:
        return pl.Series(name, [None if v is None else float(v) for v in values], dtype=pl.Float64)
    if len(kinds) > 1:
        return pl.Series(name, [None if v is None else str(v) for v in values], dtype=pl.String)
    return pl.Series(name, values, dtype=None if kinds else pl.Float64)


def variants_frame(found: SweepFindings) -> pl.DataFrame:
    """One row a variant, best first: its settings, its figures with intervals, its gain over the settings as set."""
    variants = sweep_document(found)["variants"]
    assert isinstance(variants, list)  # noqa: S101 - a list by construction
    rows = []
    for place, one in enumerate(variants):
        assert isinstance(one, dict)  # noqa: S101
        settings = one.pop("settings")
        assert isinstance(settings, dict)  # noqa: S101
        swept = {f"set.{name}": value for name, value in settings.items()}
        rows.append({"place": place + 1, **flat_figures(one), **swept})
    return table_of(rows)


def returns_frame(found: SweepFindings) -> pl.DataFrame:
    """Columns ``variant, session, log_growth``: one row a variant and session, in the order of the variants."""
    parts = [
        pl.DataFrame({"session": one.sessions, "log_growth": one.judged.growth}).select(
            pl.lit(one.name).alias("variant"), "session", "log_growth"
        )
        for one in found.variants
    ]
    return pl.concat(parts)
