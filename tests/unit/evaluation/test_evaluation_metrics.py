from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from evaluation_runs import AGENTS, CAPITAL, NAN, bars, decision, run, trade, wandering_run
from scipy import stats

from lightning_gex.analytics.trials import BEHIND_DEFAULTS, TrialCount
from lightning_gex.core.enums import DecisionStatus, ExitReason, FillPrice, MarketRegime, StageName
from lightning_gex.core.membership import Membership
from lightning_gex.evaluation.calls import RunIndex
from lightning_gex.evaluation.intervals import IntervalMethod
from lightning_gex.evaluation.metrics import RunMetrics, evaluate

#: The keys that ``backtest --json`` promises.
PROMISED = (
    "decisions trades accuracy accuracy_interval base_rate excess_accuracy win_rate expectancy_bp cagr sharpe "
    "max_drawdown calmar costs_bp start end"
)


@pytest.fixture(scope="module")
def coin():
    made = wandering_run(notes=("modelled chains",))
    return made, evaluate(made)


def test_every_promised_key_is_there_and_the_whole_is_json(coin) -> None:
    out = coin[1].to_json_dict()
    assert set(PROMISED.split()) <= set(out)
    again = json.loads(json.dumps(out, allow_nan=False))
    assert again["start"] == "2014-03-31"
    assert again["accuracy_interval"] == list(coin[1].accuracy_interval)
    assert set(again["by_agent"]) == set(AGENTS)


def test_accuracy_is_the_share_of_taken_decisions_whose_direction_came_true() -> None:
    mine = bars("AAA", [10, 10, 10, 10, 10, 10, 10, 10.0], [10, 10, 11, 12, 11, 9, 10, 10.0])
    made = [
        decision("AAA", mine.session[0], horizon=1),  # 10 -> 11: right
        decision("AAA", mine.session[2], horizon=1),  # 12 -> 11: wrong
        decision("AAA", mine.session[3], direction=-1, horizon=1),  # 11 -> 9: right
        decision("AAA", mine.session[4], horizon=1),  # 9 -> 10: right
        decision("AAA", mine.session[5], DecisionStatus.BLOCKED, horizon=1),  # not taken
        decision("AAA", mine.session[6], horizon=1),  # past the end
    ]
    found = evaluate(run({"AAA": mine}, made))
    assert (found.decisions, found.decisions_taken, found.decisions_resolved) == (6, 5, 4)
    assert found.decisions_unresolved == 1
    assert found.accuracy == pytest.approx(3 / 4)
    assert found.base_rate == pytest.approx(2 / 4)
    assert found.excess_accuracy == pytest.approx(1 / 4)
    # Always long from each decided session: up on 0 and 4, flat on 5, down on 2 and 3, past the end on 6.
    assert found.base_rate_all_sessions == pytest.approx(2 / 5)
    assert found.excess_over_all_sessions == pytest.approx(3 / 4 - 2 / 5)
    assert any("past the end" in note for note in found.notes)


def test_outcomes_that_do_not_overlap_get_wilsons_interval() -> None:
    mine = bars("AAA", 100 + np.sin(np.arange(200)))
    made = [decision("AAA", s, horizon=5) for s in mine.session[:190:5]]
    found = evaluate(run({"AAA": mine}, made))
    right = round(found.accuracy * found.decisions_resolved)
    expected = stats.binomtest(right, found.decisions_resolved).proportion_ci(0.95, method="wilson")
    assert found.accuracy_interval_method is IntervalMethod.WILSON
    assert found.accuracy_interval == pytest.approx((expected.low, expected.high))


def test_overlapping_outcomes_get_a_block_bootstrap_as_long_as_the_horizon(coin) -> None:
    assert coin[1].accuracy_interval_method is IntervalMethod.BLOCK_BOOTSTRAP
    assert coin[1].block_length_sessions == 5
    low, high = coin[1].accuracy_interval
    assert low < coin[1].accuracy < high


def test_a_long_only_run_is_told_that_its_excess_is_zero_by_construction() -> None:
    found = evaluate(wandering_run(shorts=False))
    assert found.excess_accuracy == 0.0
    assert all(math.isnan(v) for v in found.excess_accuracy_interval)
    assert any("by construction" in note for note in found.notes)
    low, high = found.excess_over_all_sessions_interval
    assert low < found.excess_over_all_sessions < high


def test_win_rate_and_expectancy_are_after_costs() -> None:
    mine = bars("AAA", np.linspace(100, 110, 60))
    s = mine.session
    trades = [
        trade("AAA", s[0], s[1], s[6], 100.0, 101.0, cost=1.0),  # +9 on 1000: 90 bp
        trade("AAA", s[10], s[11], s[16], 100.0, 100.05, cost=1.0),  # +0.5 - 1: -5 bp
        trade("AAA", s[20], s[21], s[26], 100.0, 98.0, direction=-1, cost=1.0),  # +20 - 1: 190 bp
        trade("AAA", s[30], s[31], s[36], 100.0, 99.0, cost=0.0, reason=ExitReason.END_OF_DATA),  # -100 bp
    ]
    found = evaluate(run({"AAA": mine}, [], trades))
    assert found.trades == 4
    assert (found.trades_open_at_end, found.trades_carried_on) == (1, 0)
    assert found.win_rate == pytest.approx(0.5)
    assert found.expectancy_bp == pytest.approx((90 - 5 + 190 - 100) / 4)
    expected = stats.binomtest(2, 4).proportion_ci(0.95, method="wilson")
    assert found.win_rate_interval == pytest.approx((expected.low, expected.high))
    low, high = stats.t.interval(0.95, 3, loc=43.75, scale=stats.sem([90, -5, 190, -100]))
    assert found.expectancy_interval_bp == pytest.approx((low, high))
    assert found.costs_usd == pytest.approx(3.0)


def test_same_date_excess_compares_with_the_universe_and_needs_five_tickers() -> None:
    five = {t: bars(t, [10.0] * 4, [10, 10, 11 if k < 2 else 9, 10]) for k, t in enumerate("ABCDE")}
    session = five["A"].session[0]
    others = [decision(t, session, DecisionStatus.NO_SIGNAL, 0) for t in "BCDE"]
    found = evaluate(run(five, [decision("A", session, horizon=1), *others]))
    assert found.accuracy == 1.0
    assert found.same_date_excess == pytest.approx(1.0 - 2 / 5)
    assert found.same_date_excess_return_bp == pytest.approx((0.1 - (0.2 - 0.3) / 5) * 1e4)
    four = {t: five[t] for t in "ABCD"}
    without = evaluate(run(four, [decision("A", session, horizon=1), *others[:3]]))
    assert math.isnan(without.same_date_excess)


def test_what_is_no_member_on_a_date_is_not_of_that_dates_universe() -> None:
    six = {t: bars(t, [10.0] * 4, [10, 10, 11 if k < 2 else 9, 10]) for k, t in enumerate("ABCDEF")}
    session = six["A"].session
    made = run(six, [decision("A", session[0], horizon=1), *(decision(t, session[1], horizon=1) for t in "BCDEF")])
    assert evaluate(made).same_date_excess != evaluate(members_of(made, "ABCDE")).same_date_excess
    first = replace(made, decisions=made.decisions[:1])
    only_a_decided = replace(first, decisions=(*first.decisions, *(no_view(t, session[0]) for t in "BCDEF")))
    assert evaluate(members_of(only_a_decided, "ABCDE")).same_date_excess == pytest.approx(1.0 - 2 / 5)
    assert evaluate(members_of(only_a_decided, "ACDEF")).same_date_excess == pytest.approx(1.0 - 1 / 5)
    assert math.isnan(evaluate(members_of(only_a_decided, "ABCD")).same_date_excess)


def members_of(made, names: str):
    return replace(made, membership=Membership(made.sessions[:1], (frozenset(names),)))


def no_view(ticker: str, session):
    return decision(ticker, session, DecisionStatus.NO_SIGNAL, 0)


def test_without_reasons_the_figures_of_the_decisions_taken_are_the_same(coin) -> None:
    made, whole = coin
    brief = evaluate(made, reasons=False)
    assert (brief.by_agent, brief.by_gate, brief.by_range) == ({}, {}, {})
    for name in ("accuracy", "base_rate", "expectancy_bp", "win_rate", "sharpe", "max_drawdown", "brier", "trades"):
        assert getattr(brief, name) == getattr(whole, name), name
    assert brief.accuracy_interval == pytest.approx(whole.accuracy_interval, abs=0.03)


def test_a_bearish_call_is_compared_with_the_share_of_the_universe_that_fell() -> None:
    five = {t: bars(t, [10.0] * 4, [10, 10, 11 if k < 2 else 9, 10]) for k, t in enumerate("ABCDE")}
    session = five["A"].session[0]
    others = [decision(t, session, DecisionStatus.NO_SIGNAL, 0) for t in "ABCD"]
    found = evaluate(run(five, [decision("E", session, direction=-1, horizon=1), *others]))
    assert found.same_date_excess == pytest.approx(1.0 - 3 / 5)


def test_calibration_is_judged_against_the_base_rate_in_the_calls_direction() -> None:
    mine = bars("AAA", [10.0] * 5, [10, 10, 11, 10, 11.0])
    made = [decision("AAA", mine.session[0], horizon=1, confidence=0.8)]  # right; base rate of rises 1/2
    made.append(decision("AAA", mine.session[1], direction=-1, horizon=1, confidence=0.6))  # right
    found = evaluate(run({"AAA": mine}, made))
    score = (0.2**2 + 0.4**2) / 2
    assert found.brier == pytest.approx(score)
    assert found.brier_skill == pytest.approx(1 - score / 0.25)
    assert found.confidence_mean == pytest.approx(0.7)


def test_a_run_without_any_decision_taken_has_no_figures_and_no_zeros_in_their_place() -> None:
    mine = bars("AAA", np.linspace(100, 120, 80))
    made = [decision("AAA", s, DecisionStatus.NO_SIGNAL, 0, regime=None) for s in mine.session]
    out = evaluate(run({"AAA": mine}, made)).to_json_dict()
    absent = (
        "accuracy base_rate excess_accuracy excess_over_all_sessions same_date_excess win_rate win_rate_zero_skill "
        "expectancy_bp sharpe calmar brier brier_skill deflated_sharpe"
    )
    assert all(out[name] is None for name in absent.split())
    assert out["accuracy_interval"] == [None, None]
    assert (out["decisions"], out["trades"], out["cagr"], out["max_drawdown"]) == (80, 0, 0.0, 0.0)
    assert out["decisions_by_status"] == {"approved": 0, "blocked": 0, "no_signal": 80}
    assert out["buy_and_hold"]["cagr"] > 0
    assert out["by_regime"]["unknown"]["hit_rate"] is None


def test_blocked_ideas_still_give_the_base_rate_of_every_session() -> None:
    mine = bars("AAA", np.linspace(100, 120, 80))
    made = [decision("AAA", s, DecisionStatus.BLOCKED, blocked_by=StageName.SIZING) for s in mine.session]
    found = evaluate(run({"AAA": mine}, made))
    assert found.base_rate_all_sessions == 1.0
    assert found.blocked_by["sizing"] == 80
    assert sum(found.blocked_by.values()) == 80


def test_a_run_without_decisions_is_still_held_against_its_bars() -> None:
    mine = bars("AAA", np.linspace(100, 120, 80))
    found = evaluate(run({"AAA": mine}, []))
    assert found.buy_and_hold.total_return == pytest.approx(1.2 * (1 - 5e-4) - 1)


def test_one_session_is_too_short_for_growth_and_sharpe() -> None:
    mine = bars("AAA", [100.0])
    found = evaluate(run({"AAA": mine}, [decision("AAA", mine.session[0])]))
    assert math.isnan(found.cagr)
    assert math.isnan(found.sharpe)
    assert found.decisions_unresolved == 1


def test_a_taken_decision_that_no_trade_came_of_is_counted_as_unfilled() -> None:
    mine = bars("AAA", np.linspace(100, 120, 80))
    taken = [decision("AAA", mine.session[10]), decision("AAA", mine.session[30])]
    filled = trade("AAA", mine.session[10], mine.session[11], mine.session[15], 100.0, 101.0)
    assert evaluate(run({"AAA": mine}, taken, [filled])).decisions_unfilled == 1
    assert evaluate(run({"AAA": mine}, taken)).decisions_unfilled == 2


def test_the_money_figures_follow_their_definitions() -> None:
    count = 253
    mine = bars("AAA", np.full(count, 100.0))
    rng = np.random.default_rng(0)
    equity = CAPITAL * np.cumprod(1 + np.r_[0, rng.normal(0.001, 0.01, count - 1)])
    bill = np.full(count, 0.03)
    found = evaluate(
        run({"AAA": mine}, [], equity=equity, exposure=equity * 0.4, bill_rate=bill), trials=TrialCount(1, 0.0)
    )
    excess = equity[1:] / equity[:-1] - 1 - 0.03 / 252
    per_session = excess.mean() / excess.std(ddof=1)
    skew, kurtosis = stats.skew(excess), stats.kurtosis(excess, fisher=False)
    spread = math.sqrt(1 - skew * per_session + (kurtosis - 1) / 4 * per_session**2)
    assert found.sharpe == pytest.approx(per_session * math.sqrt(252))
    assert found.deflated_sharpe == pytest.approx(stats.norm.cdf(per_session * math.sqrt(count - 2) / spread))
    assert found.trials == 1
    assert found.exposure_mean == pytest.approx(0.4)
    worst = max(1 - equity[j] / equity[i] for i in range(count) for j in range(i, count))
    assert found.max_drawdown == pytest.approx(worst)
    assert found.calmar == pytest.approx(found.cagr / found.max_drawdown)


def test_a_run_alone_is_deflated_by_what_the_defaults_were_chosen_from_on_their_years_and_by_nothing_later() -> None:
    def found(start: str) -> RunMetrics:
        mine = bars("AAA", np.full(300, 100.0), start=start)
        equity = CAPITAL * np.cumprod(1 + np.r_[0, np.random.default_rng(0).normal(0.001, 0.01, 299)])
        return evaluate(run({"AAA": mine}, [], equity=equity, exposure=equity * 0.4))

    then, later = found("2015-01-02"), found("2022-01-03")
    assert (then.trials, then.trials_behind_defaults) == (1 + BEHIND_DEFAULTS.count, BEHIND_DEFAULTS.count)
    assert (later.trials, later.trials_behind_defaults) == (1, 0)
    assert then.deflated_sharpe < later.deflated_sharpe
    assert any("2010 to 2021" in note for note in then.notes)
    assert any("counts 1 trial" in note and "defaults" not in note for note in later.notes)


def test_interest_alone_is_no_sharpe_ratio() -> None:
    mine = bars("AAA", np.full(100, 100.0))
    equity = np.round(CAPITAL * (1 + 0.02 / 252) ** np.arange(100), 2)
    assert math.isnan(evaluate(run({"AAA": mine}, [], equity=equity, bill_rate=np.full(100, 0.02))).sharpe)


def test_absent_bill_rates_are_told_and_left_out() -> None:
    made = wandering_run()
    holes = np.where(np.arange(len(made.sessions)) % 7 == 0, NAN, 0.02)
    with_holes = evaluate(replace(made, bill_rate=holes))
    assert math.isfinite(with_holes.sharpe)
    assert any("no bill rate" in note for note in with_holes.notes)
    assert any("over zero" in note for note in evaluate(replace(made, bill_rate=None)).notes)


def test_costs_are_weighted_by_what_was_traded() -> None:
    two = {t: bars(t, np.linspace(100, 101, 40)) for t in ("AAA", "BBB")}
    s = two["AAA"].session
    made = run(two, [], [trade("AAA", s[0], s[1], s[6], 100.0, 100.0)])
    made = replace(made, cost_bp_per_side={"AAA": 2.0, "BBB": 5.0})
    assert evaluate(made).costs_bp == pytest.approx(2.0)
    assert evaluate(replace(made, trades=())).costs_bp == pytest.approx(3.5)


def test_regimes_and_agents_are_judged_apart() -> None:
    mine = bars("AAA", [10.0] * 8, [10, 10, 11, 10, 11, 10, 11, 10.0])
    made = [
        decision("AAA", mine.session[0], horizon=1, regime=MarketRegime.CRISIS),  # right
        decision("AAA", mine.session[1], horizon=1, regime=MarketRegime.RANGE_BOUND),  # wrong
        decision("AAA", mine.session[2], horizon=1, regime=MarketRegime.CRISIS),  # right
    ]
    found = evaluate(run({"AAA": mine}, made))
    assert found.by_regime["crisis"].hit_rate == 1.0
    assert found.by_regime["range_bound"].hit_rate == 0.0
    assert found.by_regime["crisis"].calls == 2


def test_every_vote_is_counted_once(coin) -> None:
    made, found = coin
    for rate in found.by_agent.values():
        assert rate.calls + rate.neutral + rate.abstained == len(made.decisions)


def test_the_same_seed_gives_the_same_figures_and_the_order_of_tickers_does_not_matter(coin) -> None:
    made, found = coin
    assert evaluate(made).to_json_dict() == found.to_json_dict()
    two = wandering_run(tickers=("AAA", "BBB"), count=150)
    turned = replace(two, bars=dict(reversed(list(two.bars.items()))))
    assert evaluate(two).to_json_dict() == evaluate(turned).to_json_dict()


def test_notes_of_the_run_come_first(coin) -> None:
    assert coin[1].notes[0] == "modelled chains"
    assert any("1 trial" in note for note in coin[1].notes)


def test_where_the_open_is_stale_everything_is_judged_from_close_to_close() -> None:
    mine = bars("AAA", [10, 10, 11, 12, 11.0], [10, 10, 10, 10, 10.0])
    made = [decision("AAA", mine.session[0], horizon=1)]
    assert evaluate(run({"AAA": mine}, made, fill=FillPrice.CLOSE)).accuracy == 1.0
    assert evaluate(run({"AAA": mine}, made)).accuracy == 0.0


def test_no_skill_is_found_where_there_is_none() -> None:
    outside = 0
    for seed in range(10):
        low, high = evaluate(wandering_run(count=220, seed=seed)).excess_accuracy_interval
        outside += not low <= 0 <= high
    assert outside <= 3


def test_planted_skill_is_found() -> None:
    rng = np.random.default_rng(2)
    mine = bars("AAA", 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 900))))
    made = []
    for i in range(890):
        rises = mine.open[i + 6] > mine.open[i + 1]
        right = rng.random() < 0.7
        made.append(decision("AAA", mine.session[i], direction=1 if rises == right else -1))
    found = evaluate(run({"AAA": mine}, made))
    assert found.excess_accuracy_interval[0] > 0.05
    assert found.placebo.p_value < 0.01


def test_every_figure_is_defined_in_the_reference() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "metrics.md").read_text()
    shortened = page.replace("`_interval`", "").replace("`_interval_bp`", "")
    for field in fields(RunMetrics):
        whole = field.name.removesuffix("_interval").removesuffix("_interval_bp")
        assert f"`{field.name}`" in page or f"`{whole}" in shortened, field.name


def falling(seed: int, *, shorts: int = 8) -> RunMetrics:
    """Coins, so many of ten of them short, in a market that falls a tenth of a per cent a session."""
    random = np.random.default_rng(seed)
    mine = bars("AAA", 100.0 * np.exp(np.cumsum(random.normal(-0.001, 0.01, 400))))
    made = [
        decision("AAA", day, direction=-1 if random.integers(10) < shorts else 1, horizon=7)
        if random.random() < 0.3
        else decision("AAA", day, DecisionStatus.NO_SIGNAL, 0, horizon=7)
        for day in mine.session
    ]
    return evaluate(run({"AAA": mine}, made))


def test_excess_over_drift_is_accuracy_less_the_same_directions_on_every_session() -> None:
    made = wandering_run(seed=5)
    found, index = evaluate(made), RunIndex.of(made)
    taken = index.taken()[0]
    back = index.returns_by_date(0, 5)[index.date]
    back = back[np.isfinite(back)]
    long = float((taken.direction > 0).mean())
    expected = long * (back > 0).mean() + (1.0 - long) * (back < 0).mean()
    assert found.excess_over_drift == pytest.approx(found.accuracy - expected)
    always = evaluate(wandering_run(seed=5, shorts=False))
    assert always.excess_over_drift == always.excess_over_all_sessions
    assert always.excess_over_drift_interval == always.excess_over_all_sessions_interval


def test_shorts_in_a_falling_market_beat_longs_but_not_as_many_shorts_at_any_time() -> None:
    found = [falling(seed) for seed in range(12)]
    assert np.mean([m.excess_over_all_sessions for m in found]) > 0.05
    assert abs(np.mean([m.excess_over_drift for m in found])) < 0.04
    assert sum(m.excess_over_drift_interval[0] > 0 for m in found) <= 2


def invested(seed: int, *, knows: bool) -> RunMetrics:
    """In a market that rises by much on half of the days: those on which it will rise, or some at random."""
    random = np.random.default_rng(seed)
    moves = random.normal(0.003, 0.01, 400)
    ahead = np.r_[moves[1:], 0.0]
    there = ahead > 0 if knows else random.random(400) < 0.5
    mine = bars("AAA", 100.0 * np.exp(np.cumsum(moves)))
    equity = CAPITAL * np.exp(np.r_[0.0, np.cumsum((there * ahead)[:-1])])
    made = run({"AAA": mine}, [decision("AAA", mine.session[5])], equity=equity, exposure=equity * there)
    return evaluate(made)


def test_a_sharpe_ratio_that_the_market_paid_is_no_more_than_holding_as_much() -> None:
    found = [invested(seed, knows=False) for seed in range(12)]
    assert sum(m.deflated_sharpe > 0.95 for m in found) >= 9
    assert sum(m.deflated_sharpe_over_hold > 0.95 for m in found) <= 3  # 0.6 expected; 4 come once in 400 times
    assert invested(0, knows=True).deflated_sharpe_over_hold > 0.99
