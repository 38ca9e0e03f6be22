"""Runs beside each other as tables: the JSON documents of ``evaluate`` and ``ablate``, one row a run."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from lightning_gex.core.units import DateArray1D, Float64Array1D
from lightning_gex.evaluation.metrics import JsonValue
from lightning_gex.evaluation.run_tables import Tables, grouped_frame


def evaluation_tables(
    document: Mapping[str, JsonValue], sessions: DateArray1D, baseline_equity: Float64Array1D
) -> Tables:
    """What an evaluated run is read beside.

    Parameters
    ----------
    document : of ``evaluate``: ``baseline`` and ``placebo.gex`` hold a run each, ``claims`` and ``folds.parts`` rows.
    sessions : (m,) of the run.
    baseline_equity : (m,) USD, of the baseline over them.

    Returns
    -------
    ``beside`` (a row a run: its figures, and ``gain_*``, the evaluated run less it), ``claims`` (what the figures may
    be read as), ``folds`` (a row a part of the history, where it was judged part by part) and ``baseline_equity``.
    """
    runs = {"baseline": document["baseline"]}
    placebo = document["placebo"]
    if isinstance(placebo, Mapping) and isinstance(gex := placebo.get("gex"), Mapping):
        runs |= gex
    out = {"beside": grouped_frame(runs, "run"), "baseline_equity": _curve(sessions, baseline_equity)}
    if isinstance(claims := document.get("claims"), Mapping) and claims:
        out["claims"] = grouped_frame(claims, "claim")
    folds = document.get("folds")
    if isinstance(folds, Mapping) and isinstance(parts := folds.get("parts"), list) and parts:
        out["folds"] = grouped_frame({str(k): part for k, part in enumerate(parts, start=1)}, "fold")
    return out


def _curve(sessions: DateArray1D, equity: Float64Array1D) -> pl.DataFrame:
    days = pl.Series(sessions.astype("datetime64[ms]")).cast(pl.Date)
    return pl.DataFrame({"session": days, "equity_usd": pl.Series(equity, dtype=pl.Float64).fill_nan(None)})


def ablation_tables(document: Mapping[str, JsonValue]) -> Tables:
    """What an ablation found.

    Parameters
    ----------
    document : of ``ablate``.

    Returns
    -------
    ``variants`` (a row a run), ``differences`` (a row a comparison) and ``enhancements`` (what was expected beside what
    was measured).
    """
    named = {"variants": "variant", "differences": "variant", "enhancements": "enhancement"}
    return {
        name: grouped_frame(found, group)
        for name, group in named.items()
        if isinstance(found := document.get(name), Mapping) and found
    }
