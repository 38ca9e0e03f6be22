"""Ranges are judged by what the closes did, as anybody could from the tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_runs import NAN, bars, decision, run

from lightning_gex.core.decision import ExpectedRange
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.intervals import DateBootstrap, IntervalMethod
from lightning_gex.evaluation.metrics import evaluate
from lightning_gex.evaluation.ranges import RangeOutcome, by_range
from lightning_gex.evaluation.ranges_section import ranges_body

N = 400


def ranged(seed: int, *, horizon: int = 5, honest: bool = True):
    """A run whose closes wander in calm and in storm; the probability knows which it is, or says the opposite."""
    random = np.random.default_rng(seed)
    calm = (np.arange(N) // 50) % 2 == 0
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, np.where(calm, 0.005, 0.02))))
    mine = bars("AAA", close)
    half = 0.02 * np.sqrt(horizon)
    made = []
    for i, session in enumerate(mine.session):
        probability = 0.95 if calm[i] == honest else 0.5
        band = ExpectedRange(close[i] * (1 - half), close[i] * (1 + half), probability, horizon, 0.2, 0.2, "by hand")
        made.append(replace(decision("AAA", session), expected_range=None if i % 10 == 0 else band))
    return run({"AAA": mine}, made), close, half


def outcome(made) -> RangeOutcome:
    return by_range(RunIndex.of(made), DateBootstrap(len(made.sessions), 5, seed=1))["AAA"]


@pytest.mark.parametrize("horizon", [1, 5])
def test_a_close_is_inside_where_it_lies_between_low_and_high(horizon: int) -> None:
    made, close, half = ranged(1, horizon=horizon)
    found = outcome(made)
    held = [abs(close[i + horizon] / close[i] - 1) <= half for i in range(N - horizon) if i % 10]
    assert found.ranges == len(held)
    assert found.inside == pytest.approx(np.mean(held))
    low, high = found.inside_interval
    assert low < found.inside < high
    assert found.method is (IntervalMethod.WILSON if horizon == 1 else IntervalMethod.BLOCK_BOOTSTRAP)
    assert found.disjoint <= N // horizon


def test_probabilities_that_know_lead_and_those_that_err_do_not() -> None:
    knows, errs = outcome(ranged(2)[0]), outcome(ranged(2, honest=False)[0])
    assert knows.lead > 0.05
    assert knows.lead == pytest.approx(knows.most_confident - knows.inside)
    assert knows.lead_interval[0] > 0.0
    assert errs.lead < 0.0
    assert knows.brier_skill > 0.0 > errs.brier_skill
    assert knows.ece < errs.ece
    assert knows.probability_deviation == pytest.approx(errs.probability_deviation, rel=0.1)


def test_without_a_probability_or_an_end_there_is_nothing_to_judge() -> None:
    mine = bars("AAA", np.linspace(100.0, 110.0, 20))
    silent = ExpectedRange(90.0, 120.0, NAN, 5, 0.2, 0.2, "too early")
    late = ExpectedRange(90.0, 120.0, 0.8, 5, 0.2, 0.2, "by hand")
    made = [replace(decision("AAA", s), expected_range=silent if i < 16 else late) for i, s in enumerate(mine.session)]
    assert by_range(RunIndex.of(run({"AAA": mine}, made)), DateBootstrap(20, 5, seed=1)) == {}
    assert "No expected range" in ranges_body({})


def test_the_figures_and_the_page_hold_them() -> None:
    made, _, _ = ranged(3)
    metrics = evaluate(made)
    assert metrics.by_range["AAA"].ranges == outcome(made).ranges
    told = metrics.to_json_dict()["by_range"]["AAA"]
    assert told["inside"] == metrics.by_range["AAA"].inside
    page = ranges_body(metrics.by_range)
    assert "AAA" in page
    assert f"{metrics.by_range['AAA'].brier_skill:+.3f}" in page
