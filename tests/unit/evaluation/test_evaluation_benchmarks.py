from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from evaluation_runs import CAPITAL, bars, decision, run, wandering_run

from lightning_gex.core.enums import DecisionStatus, FillPrice
from lightning_gex.core.membership import Membership
from lightning_gex.evaluation import benchmarks as b
from lightning_gex.evaluation.calls import RunIndex


def drifting(count: int = 200, drift: float = 0.001, seed: int = 0) -> np.ndarray:
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(drift, 0.01, count)))


def every_day(mine, direction: int = 1, horizon: int = 5, **more) -> list:
    return [
        decision(
            mine.ticker, s, direction=direction, horizon=horizon, entry=float(c), target=c * 1.03, stop=c * 0.98, **more
        )
        for s, c in zip(mine.session, mine.close, strict=True)
    ]


def test_buy_and_hold_grows_with_the_price_after_one_cost() -> None:
    mine = bars("AAA", drifting())
    made = run({"AAA": mine}, every_day(mine))
    held = b.benchmarks(made, RunIndex.of(made), 0.5)
    expected = CAPITAL * mine.close / mine.close[0] * (1 - 5e-4)
    assert held.by_ticker["AAA"] == pytest.approx(expected)
    assert held.equal_weight == pytest.approx(expected)


def test_equal_weight_splits_the_capital_once_and_waits_in_cash_for_later_listings() -> None:
    one, two = bars("AAA", drifting(100)), bars("BBB", drifting(60, seed=3), start="2014-03-03")
    made = run({"AAA": one, "BBB": two}, [decision("AAA", one.session[0]), decision("BBB", one.session[50])])
    held = b.benchmarks(made, RunIndex.of(made), 1.0)
    assert held.by_ticker["BBB"][0] == CAPITAL
    assert held.equal_weight == pytest.approx((held.by_ticker["AAA"] + held.by_ticker["BBB"]) / 2)


def test_the_holding_of_a_universe_is_split_anew_over_the_members_of_each_change() -> None:
    one, two, three = (bars(t, drifting(60, seed=k)) for k, t in enumerate(("AAA", "BBB", "CCC")))
    day = one.session
    members = Membership(day[[0, 40]], (frozenset({"AAA", "BBB"}), frozenset({"BBB", "CCC"})))
    made = run({"AAA": one, "BBB": two, "CCC": three}, [decision(t, day[5]) for t in ("AAA", "BBB", "CCC")])
    held = b.benchmarks(replace(made, membership=members), RunIndex.of(made), 1.0).equal_weight
    fee = 5e-4
    first = CAPITAL * (1 - fee)
    by_hand = first / 2 * (one.close / one.close[0] + two.close / two.close[0])
    assert held[:40] == pytest.approx(by_hand[:40])
    value = first / 2 * np.array([one.close[40] / one.close[0], two.close[40] / two.close[0], 0.0])
    target = np.array([0.0, value.sum() / 2, value.sum() / 2])
    left = value.sum() - np.abs(target - value).sum() * fee
    after = left / 2 * (two.close / two.close[40] + three.close / three.close[40])
    assert held[40:] == pytest.approx(after[40:])


def test_capital_waits_in_cash_until_the_universe_has_a_member_with_a_price() -> None:
    one, two = bars("AAA", drifting(60)), bars("BBB", drifting(40, seed=3), start="2014-02-03")
    members = Membership(one.session[[10, 30]], (frozenset({"BBB"}), frozenset({"AAA"})))
    made = run({"AAA": one, "BBB": two}, [decision("AAA", one.session[50]), decision("BBB", two.session[5])])
    held = b.benchmarks(replace(made, membership=members), RunIndex.of(made), 1.0).equal_weight
    assert held[:30] == pytest.approx(np.full(30, CAPITAL))  # BBB had no bar when it came
    assert held[30:] == pytest.approx(CAPITAL * (1 - 5e-4) * one.close[30:] / one.close[30])


def test_a_universe_that_never_changes_is_held_like_named_tickers() -> None:
    every = {t: bars(t, drifting(50, seed=k)) for k, t in enumerate(("AAA", "BBB"))}
    day = every["AAA"].session
    made = run(every, [decision(t, day[0]) for t in every])
    members = Membership(day[:1] - 400, (frozenset(every),))
    whole, of_members = (b.benchmarks(r, RunIndex.of(r), 1.0) for r in (made, replace(made, membership=members)))
    assert of_members.equal_weight == pytest.approx(whole.equal_weight)


def test_the_same_exposure_holding_earns_bills_on_the_rest() -> None:
    mine = bars("AAA", np.full(253, 100.0))
    made = run({"AAA": mine}, every_day(mine), bill_rate=np.full(253, 0.0252))
    index = RunIndex.of(made)
    assert b.benchmarks(made, index, 0.25).same_exposure[-1] == pytest.approx(CAPITAL * (1 + 0.75 * 0.0001) ** 252)
    assert b.benchmarks(made, index, 1.0).same_exposure[-1] == pytest.approx(CAPITAL)


def test_true_range_is_the_mean_of_the_last_fourteen_and_looks_at_no_later_bar() -> None:
    mine = bars("AAA", drifting(40))
    whole = b.mean_true_range(mine)
    before = mine.close[19:33]
    span = np.maximum(mine.high[20:34], before) - np.minimum(mine.low[20:34], before)
    assert whole[33] == pytest.approx(span.mean() / mine.close[33])
    assert np.isnan(whole[:13]).all()
    assert b.mean_true_range(mine.first(30)) == pytest.approx(whole[:30], nan_ok=True)


def test_zero_skill_takes_the_same_bracket_on_every_date_and_wins_by_hand_count() -> None:
    mine = bars("AAA", drifting(120))
    skipped = [decision("AAA", s, DecisionStatus.NO_SIGNAL, 0) for s in mine.session]
    approved = every_day(mine)
    mixed = [approved[i] if i % 6 == 0 else skipped[i] for i in range(120)]
    made = run({"AAA": mine}, mixed)
    index = RunIndex.of(made)
    twin = b.zero_skill(index, *index.taken())
    unit = b.mean_true_range(mine)
    sixth = np.arange(120) % 6 == 0
    target = np.nanmedian(0.03 / unit[sixth])
    stop = np.nanmedian(0.02 / unit[sixth])
    wins, total = 0, 0
    for i in range(13, 120):
        outcome = long_by_hand(mine, i, mine.close[i] * (1 + target * unit[i]), mine.close[i] * (1 - stop * unit[i]), 5)
        if outcome is not None:
            total += 1
            wins += outcome > 0
    assert (twin.target_ranges, twin.stop_ranges) == (pytest.approx(target), pytest.approx(stop))
    assert twin.trades == total
    assert twin.win_rate == pytest.approx(wins / total)


def long_by_hand(mine, row: int, target: float, stop: float, horizon: int) -> float | None:
    """A long bracket at the next open, told bar by bar: gap, stop before target, time exit at the open."""
    entry = row + 1
    if entry >= len(mine):
        return None
    paid, out = mine.open[entry], None
    for i in range(entry, len(mine)):
        if i == entry + horizon or mine.open[i] <= stop or mine.open[i] >= target:
            out = mine.open[i]
        elif mine.low[i] <= stop:
            out = stop
        elif mine.high[i] >= target:
            out = target
        if out is not None:
            return out / paid - 1 - 5e-4 * (1 + out / paid)
    return None


def test_a_target_near_by_and_no_stop_wins_almost_always_without_skill() -> None:
    mine = bars("AAA", drifting(600, 0.0003))
    made = run(
        {"AAA": mine},
        [
            decision("AAA", s, horizon=21, entry=float(c), target=c * 1.006, stop=math.nan)
            for s, c in zip(mine.session, mine.close, strict=True)
        ],
    )
    index = RunIndex.of(made)
    twin = b.zero_skill(index, *index.taken())
    assert twin.win_rate > 0.85
    assert math.isnan(twin.stop_ranges)


def test_without_a_decision_there_is_no_twin_and_no_placebo() -> None:
    mine = bars("AAA", drifting(60))
    made = run({"AAA": mine}, [decision("AAA", s, DecisionStatus.BLOCKED) for s in mine.session])
    index = RunIndex.of(made)
    assert math.isnan(b.zero_skill(index, *index.taken()).win_rate)
    assert b.placebo(index, index.taken()[0], 5, 0).shifts == 0


def test_a_signal_that_knows_the_future_beats_every_placebo() -> None:
    mine = bars("AAA", drifting(500, 0.0))
    oracle = []
    for i, s in enumerate(mine.session):
        ahead = mine.open[min(i + 6, 499)] >= mine.open[min(i + 1, 499)]
        oracle.append(decision("AAA", s, direction=1 if ahead else -1))
    index = RunIndex.of(run({"AAA": mine}, oracle))
    shifted = b.placebo(index, index.taken()[0], 5, 0)
    assert shifted.shifts == b.PLACEBOS
    assert shifted.p_value == pytest.approx(1 / (1 + b.PLACEBOS))
    assert shifted.accuracy_mean < 0.6


def test_a_coin_is_as_good_as_its_placebos() -> None:
    values = []
    for seed in range(8):
        index = RunIndex.of(wandering_run(count=300, seed=seed))
        values.append(b.placebo(index, index.taken()[0], 5, seed).p_value)
    assert 0.2 < np.mean(values) < 0.8


def test_the_placebo_of_always_being_long_is_always_being_long() -> None:
    mine = bars("AAA", drifting(300))
    index = RunIndex.of(run({"AAA": mine}, every_day(mine)))
    shifted = b.placebo(index, index.taken()[0], 5, 0)
    rises = np.sign(index.returns_by_date(0, 5))
    assert shifted.accuracy_mean == pytest.approx(np.nanmean(rises[np.isfinite(rises)] > 0))
    assert shifted.p_value == 1.0


def test_a_short_run_says_how_few_placebos_it_has() -> None:
    mine = bars("AAA", drifting(40))
    index = RunIndex.of(run({"AAA": mine}, every_day(mine)))
    assert 0 < b.placebo(index, index.taken()[0], 5, 0).shifts < 40


def test_always_long_matches_the_mix_of_horizons_and_tickers_taken() -> None:
    one, two = bars("AAA", drifting(150)), bars("BBB", drifting(150, seed=9))
    made = [decision("AAA", s, DecisionStatus.NO_SIGNAL, 0) for s in one.session[:-1]]
    made += [decision("BBB", s, DecisionStatus.NO_SIGNAL, 0) for s in two.session]
    made.append(decision("AAA", one.session[-1], DecisionStatus.BLOCKED))
    taken = [(one, 10, 3), (one, 30, 3), (two, 20, 8), (two, 40, 3)]
    for mine, i, horizon in taken:
        place = i if mine is one else 149 + i
        made[place] = decision(mine.ticker, mine.session[i], horizon=horizon)
    index = RunIndex.of(run({"AAA": one, "BBB": two}, made))
    rises, weights = b.always_long(index, index.taken()[0])

    def base(mine, h: int) -> float:
        return float(np.mean(mine.open[1 + h :] > mine.open[1 : len(mine) - h]))

    expected = 0.5 * base(one, 3) + 0.25 * base(two, 8) + 0.25 * base(two, 3)
    assert rises.sum() / weights.sum() == pytest.approx(expected)


def test_stale_opens_are_not_used_by_the_twin() -> None:
    close = drifting(120)
    twins = []
    for opens in (close * 0.998, close * 1.002):
        inside = bars("AAA", close, close)
        mine = replace(inside, open=opens, high=close * 1.004, low=close * 0.996)
        index = RunIndex.of(run({"AAA": mine}, every_day(mine), fill=FillPrice.CLOSE))
        twins.append(b.zero_skill(index, *index.taken()))
    assert twins[0] == twins[1]


def test_curve_metrics_of_a_hand_made_curve() -> None:
    mine = bars("AAA", np.full(4, 100.0))
    made = run({"AAA": mine}, [], bill_rate=np.array([0.0252, math.nan, 0.0252, 0.0252]))
    curve = np.array([100_000.0, 101_000.0, 99_000.0, 103_000.0])
    found = b.curve_metrics(made, curve, CAPITAL)
    excess = np.array([0.01 - 0.0001, 103 / 99 - 1 - 0.0001])
    assert found.sharpe == pytest.approx(excess.mean() / excess.std(ddof=1) * math.sqrt(252))
    assert found.max_drawdown == pytest.approx(2 / 101)
    assert found.total_return == pytest.approx(0.03)
    days = int((made.sessions[-1] - made.sessions[0]).astype(int))
    assert found.cagr == pytest.approx(1.03 ** (365.25 / days) - 1)


def test_a_loss_in_the_first_session_counts_as_drawdown() -> None:
    mine = bars("AAA", np.full(3, 100.0))
    assert b.curve_metrics(run({"AAA": mine}, []), np.array([9e4, 9e4, 9e4]), CAPITAL).max_drawdown == pytest.approx(
        0.1
    )
