"""Goals met or missed: on runs whose answer is known beforehand."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lightning_gex.analytics.performance import max_drawdown
from lightning_gex.core.membership import Membership
from lightning_gex.evaluation.ablation import BASELINE, EVERYTHING, EXPECTED, AblatedVariant, ablation_of
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.metrics import evaluate
from lightning_gex.evaluation.paired import Judged

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))
import edge_goals
from evaluation_runs import CAPITAL, bars, decision, run, trade, wandering_run

TICKERS = tuple("ABCDEFGH")


def oracle_run(count: int = 700, *, knows: bool, every: int = 1):
    """Eight random walks; one ticker is bought each date: the one that will rise most, or any."""
    draw = np.random.default_rng(3)
    walks = 100.0 * np.exp(np.cumsum(draw.normal(0.0, 0.01, (len(TICKERS), count)), axis=1))
    every_bar = {t: bars(t, close, np.r_[close[0], close[:-1]]) for t, close in zip(TICKERS, walks, strict=True)}
    days = every_bar["A"].session
    made, closed = [], []
    for i in range(0, count - 8, every):
        ahead = walks[:, i + 6] / walks[:, i + 1]
        best = int(np.argmax(ahead)) if knows else int(draw.integers(len(TICKERS)))
        for k, ticker in enumerate(TICKERS):
            price = float(walks[k, i])
            mine = k == best
            one = decision(ticker, days[i], horizon=5, entry=price, confidence=0.8 if mine else 0.5)
            made.append(one if mine else replace(one, status="blocked"))
        entry, leave = walks[best, i], walks[best, i + 5]
        closed.append(trade(TICKERS[best], days[i], days[i + 1], days[i + 6], float(entry), float(leave)))
    return run(every_bar, made, closed, exposure=np.full(count, CAPITAL / 2))


@pytest.fixture(scope="module")
def knowing():
    return oracle_run(knows=True)


def test_a_choice_that_knows_the_future_reaches_the_goals_of_direction_and_its_placebo_does_not(knowing):
    index = RunIndex.of(knowing)
    accuracy, back = edge_goals.same_date_accuracy(knowing, index), edge_goals.same_date_return(knowing, index)
    assert accuracy.value > 0.2
    assert accuracy.interval[0] > 0.15
    assert accuracy.placebo_p == pytest.approx(1 / 201)
    assert accuracy.least_met is None  # fewer than a thousand trades one at a time
    assert back.value > 100
    assert back.placebo_p == pytest.approx(1 / 201)
    assert back.ambition_met


def test_a_choice_at_random_reaches_nothing():
    made = oracle_run(knows=False)
    index = RunIndex.of(made)
    accuracy, back = edge_goals.same_date_accuracy(made, index), edge_goals.same_date_return(made, index)
    assert accuracy.interval[0] < 0 < accuracy.interval[1]
    assert accuracy.placebo_p > 0.05
    assert not back.ambition_met


def test_calls_of_one_ticker_are_taken_one_at_a_time():
    made = wandering_run(tickers=("AAA", "BBB"))
    calls = RunIndex.of(made).taken()[0].resolved
    chosen = edge_goals.one_at_a_time(calls)
    for k in range(2):
        mine = chosen.ticker == k
        assert (chosen.first[mine][1:] >= chosen.last[mine][:-1]).all()
        left_out = calls.where(calls.ticker == k)
        for first in left_out.first:  # nothing that would have fitted was left out
            assert any(a <= first < b or first == a for a, b in zip(chosen.first[mine], chosen.last[mine], strict=True))


def test_episodes_are_what_lies_two_weeks_apart():
    first, last = np.array([0, 3, 10, 11, 25, 36]), np.array([5, 6, 15, 12, 27, 40])
    assert edge_goals.episodes_of(first, last) == 2  # 0 to 15, and 25 to 40
    assert edge_goals.episodes_of(first + 7, last + 7) == 2
    assert edge_goals.episodes_of(np.array([], dtype=int), np.array([], dtype=int)) == 0


def test_the_universe_of_a_date_is_its_members(knowing):
    members = Membership(knowing.sessions[:1], (frozenset("ABC"),))
    few = replace(knowing, membership=members)
    calls = RunIndex.of(knowing).taken()[0].resolved
    inside = np.isin(calls.ticker, [0, 1, 2])
    whole, part = (edge_goals.excess_of_universe(RunIndex.of(r), calls.where(inside)) for r in (knowing, few))
    assert not np.array_equal(whole, part)
    by_hand = RunIndex.of(knowing)
    one = calls.where(inside)
    moves = np.array([by_hand.returns_by_date(k, 5)[one.date[0]] for k in range(3)])
    assert part[0] == pytest.approx(1.0 - np.mean(moves > 0))


def test_a_conviction_exceeds_what_was_said_on_earlier_dates_only():
    made = wandering_run(count=900)
    ideas = RunIndex.of(made).decided(lambda d: math.isfinite(d.confidence))[0].resolved
    chosen = edge_goals.convictions(ideas)
    assert not chosen[: edge_goals.FEWEST_IDEAS].any()
    assert 0 < chosen.sum() < 0.06 * len(ideas)
    early = ideas.where(ideas.date < 600)
    assert np.array_equal(edge_goals.convictions(early), chosen[: len(early)])


def test_half_of_a_holding_falls_half_as_deep_and_keeps_its_calmar_ratio():
    growth = np.random.default_rng(8).normal(0.0005, 0.01, 900)
    price = 100.0 * np.exp(np.cumsum(growth))
    mine = bars("AAA", price)
    held = CAPITAL * price / price[0] * (1 - 5e-4)
    half = CAPITAL / 2 + held / 2
    made = run({"AAA": mine}, [decision("AAA", mine.session[0])], equity=half, exposure=held / 2)
    goal = edge_goals.drawdown_of_universe(made, RunIndex.of(made))
    falls = [max_drawdown(c, made.sessions).fraction for c in (half, held)]
    assert goal.value == pytest.approx(falls[0] / falls[1], rel=0.01)
    assert goal.interval[0] < goal.value < goal.interval[1]
    assert abs(goal.detail["sharpe_difference"]) < 0.2


def test_a_constant_is_no_calibrated_probability_and_a_true_one_is():
    draw = np.random.default_rng(1)
    said = draw.uniform(0.3, 0.7, 6_000)
    came = draw.random(6_000) < said
    date = np.arange(6_000) // 4
    bootstrap = edge_goals.DateBootstrap(1_500, 1, 0)
    climate = np.full(6_000, came.mean())
    good = edge_goals._calibrated("truth", said, came, climate, date, bootstrap)
    assert good.least_met
    assert good.ambition_met
    flat = edge_goals._calibrated("constant", np.full(6_000, 0.5), came, climate, date, bootstrap)
    assert flat.least_met is None


def test_a_policy_that_loses_to_kelly_is_no_loss_by_default_and_a_switch_that_is_on_and_loses_is_one():
    made = wandering_run()
    metrics, judged = evaluate(made), Judged.of(made)
    worse = replace(judged, growth=judged.growth - 1e-3, hits=np.zeros(len(judged.hits)))
    names = [EVERYTHING, BASELINE, *(f"{way}_{name}" for name in EXPECTED for way in ("without", "only"))]

    def goals(**changed: Judged) -> dict[str, edge_goals.Goal]:
        of = {**dict.fromkeys(names, judged), **changed}
        found = ablation_of([AblatedVariant(name, name, "run", metrics, own) for name, own in of.items()])
        return dict(zip(EXPECTED, edge_goals.enhancements(found, "AAA"), strict=True))

    shipped = goals(with_shipped_policy=worse)["rl_sizing"]
    assert shipped.value < 0
    assert (shipped.least_met, shipped.ambition_met) == (True, False)
    assert shipped.detail["off_by_default"]
    assert not shipped.detail["no_loss"]
    assert "off by default" in edge_goals.table([shipped.to_json_dict()])
    on = goals(everything=worse)
    assert (on["rl_sizing"].least_met, on["rl_sizing"].detail["off_by_default"]) == (False, False)
    assert (on["hierarchical"].value < 0, on["hierarchical"].least_met) == (True, False)
    assert goals()["hierarchical"].least_met


def test_the_table_says_met_missed_or_too_little(knowing):
    goals = edge_goals.goals_of_names(knowing)
    text = edge_goals.table([goal.to_json_dict() for goal in goals])
    assert [goal.number for goal in goals] == [1, 3, 4, 8, 10]
    assert text.count("\n") == len(goals) + 1
    assert "too little" in text
    assert "met" in text
    assert [g.number for g in edge_goals.goals_of_index(wandering_run())] == [2, 4, 8, 10]
