"""How sure the figures of a curve are; how much was traded for it, and how much it could carry."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from evaluation_runs import CAPITAL, bars, decision, run, trade, wandering_run
from scipy import stats

from lightning_gex.analytics.performance import cagr, session_returns, sharpe
from lightning_gex.core.enums import ExitReason
from lightning_gex.evaluation.intervals import DateBootstrap
from lightning_gex.evaluation.money import CAPACITY_SHARE, capacity, curve_intervals, traded_usd, turnover_a_year


def invested(seed: int, sessions: int = 1000, drift: float = 0.0004, deviation: float = 0.01):
    """A run whose equity is a random walk."""
    growth = np.random.default_rng(seed).normal(drift, deviation, sessions)
    mine = bars("AAA", CAPITAL / 1000 * np.exp(np.cumsum(growth)))
    equity = CAPITAL * np.exp(np.cumsum(growth))
    return run({"AAA": mine}, [decision("AAA", mine.session[0])], equity=equity, exposure=equity), growth


def test_the_interval_of_the_sharpe_ratio_is_lo_s_for_independent_returns():
    made, _ = invested(4)
    found = curve_intervals(made, made.equity, DateBootstrap(1000, 1, 0))
    returns = session_returns(made.equity)
    own = sharpe(returns) / math.sqrt(252)
    error = math.sqrt((1 + own**2 / 2) / len(returns)) * math.sqrt(252)  # Lo (2002), FAJ 58(4)
    assert found.sharpe[0] == pytest.approx(sharpe(returns) - 1.96 * error, abs=0.12 * error + 0.02)
    assert found.sharpe[1] == pytest.approx(sharpe(returns) + 1.96 * error, abs=0.12 * error + 0.02)


def test_the_interval_of_growth_is_that_of_the_mean_log_growth():
    made, growth = invested(5)
    found = curve_intervals(made, made.equity, DateBootstrap(1000, 1, 0))
    half = stats.t.ppf(0.975, 999) * growth.std(ddof=1) / math.sqrt(1000)
    mean = np.diff(np.log(np.r_[CAPITAL, made.equity])).mean()
    assert found.cagr == pytest.approx((math.expm1((mean - half) * 252), math.expm1((mean + half) * 252)), abs=0.02)
    assert found.cagr[0] < cagr(CAPITAL, made.equity[-1], made.sessions[0], made.sessions[-1]) < found.cagr[1]


def test_a_holding_of_the_same_curve_is_not_beaten_and_a_flat_one_by_the_whole_growth():
    made, _ = invested(6)
    bootstrap = DateBootstrap(1000, 5, 0)
    same = curve_intervals(made, made.equity, bootstrap)
    assert (same.growth_over_hold, same.growth_over_hold_interval) == (0.0, (0.0, 0.0))
    flat = curve_intervals(made, np.full(1000, CAPITAL), bootstrap)
    assert flat.growth_over_hold_interval == pytest.approx(flat.cagr)


def test_the_fall_to_reckon_with_grows_with_the_risk():
    calm, wild = (invested(7, deviation=d)[0] for d in (0.005, 0.02))
    one, other = (curve_intervals(m, m.equity, DateBootstrap(1000, 10, 0)).max_drawdown for m in (calm, wild))
    assert 0 < one[0] < one[1] < other[1] < 1
    assert one[0] < other[0]


def test_what_was_never_invested_or_lost_everything_has_no_interval():
    idle = run({"AAA": bars("AAA", np.full(100, 10.0))}, [])
    assert math.isnan(curve_intervals(idle, idle.equity, DateBootstrap(100, 5, 0)).sharpe[0])
    broke = replace(idle, equity=np.linspace(CAPITAL, 0.0, 100))
    assert math.isnan(curve_intervals(broke, idle.equity, DateBootstrap(100, 5, 0)).cagr[0])


def test_turnover_counts_both_sides_over_the_mean_equity():
    mine = bars("AAA", np.full(252, 10.0))
    day = mine.session
    one = trade("AAA", day[0], day[1], day[6], 10.0, 12.0, quantity=1000)
    made = run({"AAA": mine}, [decision("AAA", day[0])], [one, one])
    assert turnover_a_year(made) == pytest.approx(2 * (10_000 + 12_000) / CAPITAL)
    half = run({"AAA": mine}, [decision("AAA", day[0])], [one], over=day[:126])
    assert turnover_a_year(half) == pytest.approx(2 * 22_000 / CAPITAL)
    assert turnover_a_year(replace(made, trades=())) == 0.0


def carried(day, mine):
    """A purchase of 10,000 USD, carried on at 11,000, sold at 12,000: its two legs, and the whole of it."""
    first = trade("AAA", day[0], day[1], day[6], 10.0, 11.0, quantity=1000, reason=ExitReason.CARRIED_ON)
    second = replace(trade("AAA", day[6], day[6], day[11], 11.0, 12.0, quantity=1000), carries=first.decision_id)
    whole = trade("AAA", day[0], day[1], day[11], 10.0, 12.0, quantity=1000)
    return [run({"AAA": mine}, [decision("AAA", day[0])], trades) for trades in ([first, second], [whole])]


def test_where_one_leg_goes_over_into_the_next_nothing_is_turned_over():
    mine = bars("AAA", np.full(252, 10.0))
    legs, whole = carried(mine.session, mine)
    assert turnover_a_year(legs) == turnover_a_year(whole) == pytest.approx(22_000 / CAPITAL)
    assert [traded_usd(t) for t in legs.trades] == [10_000.0, 12_000.0]


def test_a_leg_that_was_not_bought_asks_for_no_volume():
    mine = bars("AAA", np.full(60, 10.0))
    legs, whole = carried(mine.session, mine)
    assert capacity(legs) == capacity(whole)
    assert capacity(legs).trades == 1


def test_capacity_is_the_capital_whose_order_is_one_per_cent_of_the_usual_dollar_volume():
    mine = bars("AAA", np.full(60, 10.0))  # 1e6 shares a day: 1e7 USD
    day = mine.session
    small = trade("AAA", day[30], day[31], day[36], 10.0, 10.0, quantity=100)  # 1 % of the capital
    large = trade("AAA", day[40], day[41], day[46], 10.0, 10.0, quantity=1000)  # 10 %
    found = capacity(run({"AAA": mine}, [], [small, large]))
    assert found.share_of_volume == CAPACITY_SHARE == 0.01
    each = [0.01 * 1e7 / 0.01, 0.01 * 1e7 / 0.1]
    assert found.median_usd == pytest.approx(np.median(each))
    assert found.cautious_usd == pytest.approx(np.quantile(each, 0.05))
    assert found.trades == 2


def test_capacity_looks_at_no_volume_after_the_decision():
    mine = bars("AAA", np.full(60, 10.0))
    day = mine.session
    one = trade("AAA", day[30], day[31], day[36], 10.0, 10.0, quantity=100)
    later = replace(mine, volume=np.where(np.arange(60) > 30, 9e9, mine.volume))
    assert capacity(run({"AAA": later}, [], [one])) == capacity(run({"AAA": mine}, [], [one]))


def test_without_trades_or_volume_there_is_no_capacity():
    mine = bars("AAA", np.full(60, 10.0))
    day = mine.session
    one = trade("AAA", day[30], day[31], day[36], 10.0, 10.0)
    silent = replace(mine, volume=np.full(60, np.nan))
    for made in (run({"AAA": mine}, []), run({"AAA": silent}, [], [one])):
        found = capacity(made)
        assert found.trades == 0
        assert math.isnan(found.median_usd)


def test_the_volume_printed_for_a_cash_index_carries_nothing():
    mine = bars("SPX", np.full(60, 10.0))
    day = mine.session
    one = trade("SPX", day[30], day[31], day[36], 10.0, 10.0)
    assert capacity(run({"SPX": mine}, [], [one])).trades == 0
    assert capacity(run({"AAA": bars("AAA", np.full(60, 10.0))}, [], [replace(one, ticker="AAA")])).trades == 1


def test_figures_do_not_depend_on_when_they_are_asked_for():
    made = wandering_run()
    bootstrap = DateBootstrap(len(made.sessions), 5, 3)
    assert curve_intervals(made, made.equity, bootstrap) == curve_intervals(made, made.equity, bootstrap)
