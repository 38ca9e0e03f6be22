from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_runs import bars, decision, run, wandering_run

from lightning_gex.core.enums import DecisionStatus
from lightning_gex.evaluation.metrics import evaluate
from lightning_gex.evaluation.verdict import Finding, judge, percent, percent_interval, points, verdict

NAN = float("nan")


@pytest.fixture(scope="module")
def coin():
    return evaluate(wandering_run())


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.01, 0.05), Finding.BETTER),
        ((-0.01, 0.05), Finding.UNDECIDED),
        ((-0.05, -0.01), Finding.WORSE),
        ((NAN, NAN), Finding.NO_DATA),
    ],
)
def test_only_an_interval_off_zero_is_a_finding(interval, expected) -> None:
    assert judge(0.02, interval) is expected


def test_a_coin_cannot_be_told_apart_from_its_base_rate(coin) -> None:
    told = verdict(coin)
    assert told.finding is Finding.UNDECIDED
    assert told.title == "The direction calls cannot be told apart from their base rate"
    assert "95% interval" in told.sentences[0]
    assert "buying and holding" in told.sentences[-1]


def test_a_universe_is_the_fairest_comparison_where_there_is_one(coin) -> None:
    better = replace(coin, same_date_excess=0.03, same_date_excess_interval=(0.01, 0.05))
    assert verdict(better).title == "The direction calls beat the same dates' universe"
    worse = replace(coin, same_date_excess=-0.03, same_date_excess_interval=(-0.05, -0.01))
    assert verdict(worse).title.startswith("The direction calls did worse")


def test_long_only_calls_are_compared_with_always_being_long() -> None:
    told = verdict(evaluate(wandering_run(shorts=False)))
    assert "being long every session" in told.title


def test_nothing_taken_is_nothing_to_judge() -> None:
    mine = bars("AAA", np.linspace(100, 101, 30))
    none = evaluate(run({"AAA": mine}, [decision("AAA", s, DecisionStatus.NO_SIGNAL, 0) for s in mine.session]))
    told = verdict(none)
    assert told.finding is Finding.NO_DATA
    assert "Of 30 decisions none was taken" in told.sentences[0]
    late = evaluate(run({"AAA": mine}, [decision("AAA", mine.session[-1])]))
    assert "None of the 1 decisions taken reaches its horizon" in verdict(late).sentences[0]


def test_one_known_decision_is_too_little() -> None:
    mine = bars("AAA", np.linspace(100, 101, 30))
    metrics = evaluate(run({"AAA": mine}, [decision("AAA", mine.session[0])]))
    told = verdict(replace(metrics, excess_over_all_sessions_interval=(NAN, NAN)))
    assert told.finding is Finding.NO_DATA
    assert "with no interval" in told.sentences[1]


def test_absent_figures_read_as_such() -> None:
    assert (percent(NAN), percent_interval((NAN, NAN)), points(NAN)) == ("n/a", "n/a", "n/a")
    assert (percent(0.1234), percent_interval((0.1, 0.2)), points(-0.017)) == ("12.3%", "10.0 to 20.0%", "-1.7")
    assert (percent(-0.0004), percent_interval((-0.0004, 0.0004))) == ("0.0%", "0.0 to 0.0%")  # nothing is not -0.0
