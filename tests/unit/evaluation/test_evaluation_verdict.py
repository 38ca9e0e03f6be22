from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_runs import bars, decision, run, wandering_run

from lightning_gex.core.enums import DecisionStatus
from lightning_gex.evaluation.metrics import evaluate
from lightning_gex.evaluation.money import Capacity
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
    assert told.title == "The direction calls cannot be told apart from as many longs and shorts at any time"
    assert told.sentences[0].startswith("In short: no skill in calling direction is shown")
    assert "95% interval" in told.sentences[1]
    assert "Buying and holding" in told.sentences[2]


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
    assert "(no interval)" in told.sentences[3]


@pytest.mark.parametrize(
    ("interval", "words"),
    [((1.0, 9.0), "trades made money"), ((-9.0, -1.0), "trades lost money"), ((-1.0, 9.0), "cannot be told")],
)
def test_what_is_said_of_trades_in_short_is_what_their_interval_says(coin, interval, words) -> None:
    told = verdict(replace(coin, expectancy_bp=sum(interval) / 2, expectancy_interval_bp=interval))
    assert words in told.sentences[0]
    assert f"{interval[0]:+.1f} to {interval[1]:+.1f}" in told.sentences[1]


def test_money_that_the_brackets_make_without_skill_is_said_to_be_that(coin) -> None:
    earned = replace(coin, expectancy_bp=9.0, expectancy_interval_bp=(5.0, 13.0), expectancy_zero_skill_bp=8.0)
    assert "made money after costs as the same brackets do without skill" in verdict(earned).sentences[0]
    skilled = replace(earned, expectancy_zero_skill_bp=1.0)
    assert "without skill" not in verdict(skilled).sentences[0]


def test_growth_is_held_against_holding_and_falls_against_what_the_sessions_could_have_given(coin) -> None:
    told = verdict(replace(coin, growth_over_hold=-0.05, growth_over_hold_interval=(-0.08, -0.01)))
    assert "grew less than holding" in told.sentences[0]
    told = verdict(replace(coin, max_drawdown_interval=(0.1, 0.3)))
    assert "reckon with 10.0 to 30.0%" in told.sentences[2]


def test_a_sharpe_ratio_is_held_against_the_luck_of_all_that_were_tried_and_against_zero_where_nothing_was(
    coin,
) -> None:
    assert (
        "what the best of the 7 variants tried on these data would show by luck"
        in verdict(replace(coin, trials=7, trials_behind_defaults=0)).sentences[4]
    )
    behind = verdict(replace(coin, trials=457, trials_behind_defaults=450)).sentences[4]
    assert "the 457 variants tried on these data or behind the defaults" in behind
    assert "above zero, the only variant tried" in verdict(replace(coin, trials=1)).sentences[4]


def test_a_run_without_volumes_says_nothing_of_capacity(coin) -> None:
    assert "95% of the orders stay below 1% of a day's volume" in verdict(coin).sentences[1]
    silent = replace(coin, capacity_usd=Capacity(0.01, NAN, NAN, 0))
    assert "volume" not in verdict(silent).sentences[1]
    assert verdict(replace(coin, trades=0)).sentences[1] == "No trade was closed."


def test_absent_figures_read_as_such() -> None:
    assert (percent(NAN), percent_interval((NAN, NAN)), points(NAN)) == ("n/a", "n/a", "n/a")
    assert (percent(0.1234), percent_interval((0.1, 0.2)), points(-0.017)) == ("12.3%", "10.0 to 20.0%", "-1.7")
    assert (percent(-0.0004), percent_interval((-0.0004, 0.0004))) == ("0.0%", "0.0 to 0.0%")  # nothing is not -0.0


def test_who_is_always_long_is_never_told_to_beat_being_always_long() -> None:
    """The two are equal by construction, and a last bit of rounding must not make skill of it."""
    for seed in range(6):
        walk = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(seed).standard_normal(300)))
        mine = bars("AAA", walk)
        found = evaluate(run({"AAA": mine}, [decision("AAA", day, horizon=7) for day in mine.session[:-10]]))
        assert abs(found.excess_over_all_sessions) < 1e-12
        assert verdict(found).finding is Finding.UNDECIDED
