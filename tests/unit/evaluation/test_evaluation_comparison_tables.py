"""Runs beside each other become tables whose rows are runs, whose intervals are columns, and whose gaps are null."""

from __future__ import annotations

import numpy as np
import polars as pl

from lightning_gex.evaluation.comparison_tables import ablation_tables, evaluation_tables

SESSIONS = np.array(["2024-03-01", "2024-03-04"], dtype="datetime64[D]")
RUN = {"what": "a run", "trades": 3, "accuracy": None, "gain": {"return_a_year": 0.1, "return_interval": [0.0, 0.2]}}
DOCUMENT = {
    "baseline": RUN,
    "placebo": {"gex": {"shuffled": {**RUN, "accuracy": 0.5}}},
    "claims": {"direction": {"words": "w", "level": 0.05, "made": None, "counts": False}},
    "folds": {"parts": [{"fit_to": "2020-01-02", "trades": 4}, {"fit_to": "2021-01-04", "trades": 5}]},
}  # fmt: skip


def test_an_evaluation_has_its_runs_claims_folds_and_the_baselines_curve():
    tables = evaluation_tables(DOCUMENT, SESSIONS, np.array([100.0, np.nan]))
    assert tables["beside"]["run"].to_list() == ["baseline", "shuffled"]
    assert tables["beside"]["accuracy"].to_list() == [None, 0.5]
    assert tables["beside"]["gain_return_interval_high"].to_list() == [0.2, 0.2]
    assert tables["claims"].rows() == [("direction", "w", 0.05, None, False)]
    assert tables["folds"].select("fold", "trades").rows() == [("1", 4), ("2", 5)]
    assert tables["baseline_equity"].schema == {"session": pl.Date(), "equity_usd": pl.Float64()}
    assert tables["baseline_equity"]["equity_usd"].to_list() == [100.0, None]


def test_without_folds_and_placebos_there_are_no_such_tables():
    document = {"baseline": RUN, "placebo": {"gex": {}}, "claims": {}, "folds": None}
    assert set(evaluation_tables(document, SESSIONS, np.ones(2))) == {"beside", "baseline_equity"}


def test_an_ablation_has_its_variants_differences_and_enhancements():
    document = {
        "variants": {"everything": {"what": "all", "trades": 1}},
        "differences": {"without_memory": {"less": "everything", "accuracy": 0.0, "accuracy_interval": [None, None]}},
        "enhancements": {"memory": {"expected": "+3-7%", "measured": None, "interval": [None, None], "why": "no data"}},
    }
    tables = ablation_tables(document)
    assert tables["variants"].rows() == [("everything", "all", 1)]
    assert tables["differences"]["accuracy_interval_low"].to_list() == [None]
    assert tables["enhancements"]["why"].to_list() == ["no data"]
