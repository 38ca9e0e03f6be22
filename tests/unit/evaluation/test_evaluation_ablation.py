"""Twelve variants become a verdict on each enhancement."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from evaluation_runs import wandering_run

from lightning_gex.analytics.trials import TrialCount
from lightning_gex.evaluation.ablation import BASELINE, EVERYTHING, EXPECTED, AblatedVariant, Ablation, ablation_of
from lightning_gex.evaluation.comparison_section import ablation_html
from lightning_gex.evaluation.metrics import evaluate
from lightning_gex.evaluation.paired import Judged

COUNT = 600
RUN = wandering_run()
METRICS = evaluate(RUN)


def variants(**changes: dict) -> list[AblatedVariant]:
    """Every variant the same, but for the named ones' sums."""
    random = np.random.default_rng(7)
    plain = Judged(
        run_id="r",
        hits=(random.random(COUNT) < 0.55).astype(float),
        known=np.ones(COUNT),
        expected=np.full(COUNT, 0.5),
        growth=random.normal(0.0003, 0.01, COUNT),
        held=np.zeros(COUNT),
        drawdown=0.1,
        longest_horizon=5,
        disjoint=COUNT // 5,
        trades=60,
    )
    names = [EVERYTHING, *(f"without_{n}" for n in EXPECTED), *(f"only_{n}" for n in EXPECTED), BASELINE]
    return [
        AblatedVariant(name, name.replace("_", " "), "r", METRICS, replace(plain, **changes.get(name, {})))
        for name in names
    ]


def verdict_of(found: Ablation, name: str):
    return next(v for v in found.verdicts if v.enhancement == name)


def test_an_enhancement_that_changes_nothing_did_not_earn_its_place_and_limits_stay_on() -> None:
    found = ablation_of(variants())
    for name in ("rl_sizing", "memory", "multi_agent", "hierarchical"):
        verdict = verdict_of(found, name)
        assert (verdict.measured, verdict.interval, verdict.keep) == (0.0, (0.0, 0.0), False)
    assert verdict_of(found, "security").keep
    assert found.superior.p_value == 1.0


def test_what_makes_calls_right_more_often_is_kept() -> None:
    worse = (np.random.default_rng(8).random(COUNT) < 0.35).astype(float)
    found = ablation_of(variants(without_memory={"hits": worse}))
    verdict = verdict_of(found, "memory")
    assert verdict.measured > 0.1
    assert verdict.keep
    assert not verdict_of(found, "multi_agent").keep


def test_what_is_right_more_often_only_by_waiting_longer_earned_no_place() -> None:
    """In a market that rises, a longer horizon is right more often for anybody."""
    random = np.random.default_rng(8).random(COUNT)
    shorter = {"hits": (random < 0.40).astype(float), "expected": np.full(COUNT, 0.35)}
    found = verdict_of(ablation_of(variants(without_memory=shorter)), "memory")
    assert found.interval[0] > 0.0
    assert not found.keep
    assert "longer horizons" in found.why


def test_what_grows_more_only_by_holding_more_earned_no_place_and_is_not_superior() -> None:
    market = np.random.default_rng(9).normal(0.002, 0.01, COUNT)
    noise = np.random.default_rng(10).normal(0.0, 0.001, COUNT)
    much = {"growth": market + noise, "held": market}
    little = {"growth": 0.2 * market + noise, "held": 0.2 * market}
    names = [v.name for v in variants()]
    found = ablation_of(variants(**{n: little if n == "without_rl_sizing" else much for n in names}))
    sizing = verdict_of(found, "rl_sizing")
    assert sizing.interval[0] > 0.0
    assert not sizing.keep
    assert "larger holdings" in sizing.why
    bigger = ablation_of(variants(**{n: much if n == "only_rl_sizing" else little for n in names}))
    assert not bigger.superior.superior.any()


def test_what_makes_things_worse_is_said_to() -> None:
    found = ablation_of(variants(without_hierarchical={"hits": np.ones(COUNT)}))
    verdict = verdict_of(found, "hierarchical")
    assert not verdict.keep
    assert "worse" in verdict.why


def test_sizing_is_measured_by_growth_and_not_by_accuracy() -> None:
    growth = np.random.default_rng(9).normal(-0.002, 0.01, COUNT)
    found = ablation_of(variants(without_rl_sizing={"growth": growth}))
    verdict = verdict_of(found, "rl_sizing")
    assert verdict.figure == "return_a_year"
    assert verdict.keep == (verdict.interval[0] > 0)
    assert verdict.measured > 0.3


def test_alone_is_over_the_baseline_and_with_is_over_without() -> None:
    document = ablation_of(variants()).to_json_dict()
    assert document["differences"]["only_memory"]["less"] == "only_memory less baseline"
    assert document["differences"]["without_memory"]["less"] == "everything less without_memory"
    assert set(document["variants"]) == {v.name for v in variants()}
    assert set(document["enhancements"]) == set(EXPECTED)


def test_where_nothing_was_judged_there_is_too_little_to_compare() -> None:
    nothing = {"hits": np.zeros(COUNT), "known": np.zeros(COUNT), "expected": np.zeros(COUNT)}
    found = ablation_of(variants(without_memory=nothing))
    verdict = verdict_of(found, "memory")
    assert math.isnan(verdict.measured)
    assert not verdict.keep
    assert "too little" in verdict.why


def test_a_variant_that_truly_earns_more_than_the_baseline_is_superior_by_name() -> None:
    better = np.random.default_rng(10).normal(0.004, 0.01, COUNT)
    document = ablation_of(variants(only_memory={"growth": better})).to_json_dict()
    assert document["superior_ability"]["p_value"] < 0.01
    assert document["superior_ability"]["superior"] == ["only_memory"]


@pytest.mark.parametrize("changed", [{}, {"without_memory": {"hits": np.zeros(COUNT)}}])
def test_the_page_is_one_file_that_names_every_enhancement_and_asks_no_other_address(changed: dict) -> None:
    page = ablation_html(
        ablation_of(variants(**changed)), title="Ablation: <AAA>", trials=TrialCount(14, 0.0), notes=("a note",)
    )
    assert "Ablation: &lt;AAA&gt;" in page
    assert all(name in page for name in EXPECTED)
    assert "14 variants were" in page
    assert "src=" not in page.split("<script>")[0]


def test_a_variant_that_changed_nothing_is_no_choice_that_could_be_overfitted() -> None:
    assert math.isnan(ablation_of(variants()).overfitting)
    other = {"growth": np.random.default_rng(3).normal(0.0003, 0.01, COUNT)}
    one = ablation_of(variants(only_memory=other)).overfitting
    two_alike = ablation_of(variants(only_memory=other, without_memory=other)).overfitting
    assert one == two_alike
