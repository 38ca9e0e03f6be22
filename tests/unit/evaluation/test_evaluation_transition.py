"""A stage is entered when every requirement is met; each one, alone, keeps it shut and says what to do."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lightning_gex.core.transition import Stage
from lightning_gex.evaluation.transition import Bounds, ComparedFigures, Evidence, requirements, unmet

HISTORY = ComparedFigures("history", "2021-12-31", 1_000, 120, 300, 0.01, -0.02, 0.04, 0.05, 118, "aaaa", "baseline")
PAPER = replace(HISTORY, source="paper", sessions=30, end="2022-03-01", low=-0.01, high=0.02, new_trades=20)
READY = Evidence(
    settings="aaaa",
    history=HISTORY,
    paper=PAPER,
    probe="aaaa",
    paper_run="paper-1",
    reached="2022-03-01",
    stage_sessions=20,
    paper_trades=20,
)
BOUNDS = Bounds()
ASKING = [Stage.QUARTER, Stage.HALF, Stage.FULL]


def names(evidence: Evidence, target: Stage = Stage.FULL, bounds: Bounds = BOUNDS) -> tuple[str, ...]:
    return unmet(requirements(target, evidence, bounds))


@pytest.mark.parametrize("target", ASKING)
def test_all_met_opens_the_stage_and_nothing_known_keeps_it_shut(target):
    assert names(READY, target) == ()
    shut = requirements(target, Evidence(settings="aaaa"), BOUNDS)
    assert {r.name for r in shut if r.met} == {"breakers", "clean_record"}
    assert all(bool(r.next_step) != r.met for r in shut)


def test_to_run_side_by_side_nothing_is_asked():
    assert requirements(Stage.PARALLEL, Evidence(settings="aaaa"), BOUNDS) == ()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"history": replace(HISTORY, sessions=251)}, "history"),
        ({"history": replace(HISTORY, new_trades=29)}, "history"),
        ({"history": replace(HISTORY, low=-0.051)}, "history_difference"),
        ({"history": replace(HISTORY, low=math.nan)}, "history_difference"),
        ({"history": replace(HISTORY, calibration_error=0.11)}, "calibration"),
        ({"history": replace(HISTORY, calibration_error=math.nan, resolved=0)}, "calibration"),
        ({"probe": "bbbb"}, "probe"),
        ({"probe": None, "probe_leaks": 2}, "probe"),
        ({"stage_sessions": 19}, "paper_sessions"),
        ({"reached": "2022-03-02"}, "paper_compared"),
        ({"paper": replace(PAPER, low=-0.051)}, "paper_difference"),
        ({"paper_trades": 9}, "paper_trades"),
        ({"tripped": {"drawdown": "26 %"}}, "breakers"),
        ({"trips": ("vix_jump",)}, "clean_record"),
        ({"failures": 1}, "clean_record"),
    ],
)
def test_each_requirement_alone_keeps_the_stage_shut(change, name):
    assert name in names(replace(READY, **change))
    assert set(names(replace(READY, **change))) <= {name, "paper_difference"}


def test_evidence_of_other_settings_is_none():
    assert set(names(replace(READY, settings="other"))) == {"history", "history_difference", "calibration", "probe"}


@pytest.mark.parametrize(("target", "needed"), [(Stage.QUARTER, 10), (Stage.HALF, 5), (Stage.FULL, 20)])
def test_each_stage_asks_for_its_own_sessions(target, needed):
    assert "paper_sessions" in names(replace(READY, stage_sessions=needed - 1), target)
    assert "paper_sessions" not in names(replace(READY, stage_sessions=needed), target)


def test_the_bounds_are_the_users():
    assert names(replace(READY, stage_sessions=2), Stage.HALF, replace(BOUNDS, stage_sessions=2)) == ()


def test_figures_read_back_from_their_note_are_the_same():
    for figures in (HISTORY, replace(PAPER, calibration_error=0.0)):
        assert ComparedFigures.read(figures.detail()) == figures
    absent = ComparedFigures.read(replace(HISTORY, low=math.nan).detail())
    assert math.isnan(absent.low)
