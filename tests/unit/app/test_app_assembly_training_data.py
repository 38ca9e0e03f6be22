"""Candidates of histories and simulated markets: one calendar for all tickers, other markets for other trainings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lightning_gex.app.assembly.training_data import SimulatedTerms, history_episodes, judged_seed, simulated_trial
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InsufficientDataError
from lightning_gex.engine.config import CostSchedule
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.simulation.market import simulate_market
from lightning_gex.sizing.trial import history_trial


@pytest.fixture(scope="module")
def market():
    return simulate_market(seed=3, sessions=500, start=np.datetime64("2015-01-02"))


def named(bars, ticker, first=0):
    columns = {name: getattr(bars, name)[first:] for name in ("open", "high", "low", "close", "volume")}
    return Bars(ticker, bars.session[first:], **columns)


def test_tickers_of_a_history_count_the_same_sessions(market):
    bars = {"AAA": named(market.bars, "AAA"), "BBB": named(market.bars, "BBB", first=120)}
    whole = history_episodes(MarketInputs(bars), ("AAA", "BBB"))
    alone = history_episodes(MarketInputs(bars), ("BBB",))
    second = slice(int(whole.first_row[1]), int(whole.first_row[2]))
    for name in ("decided_at", "exit_at", "known_at"):
        np.testing.assert_array_equal(getattr(whole, name)[second], getattr(alone, name) + 120)
    assert (whole.known_at >= whole.exit_at).all()
    price = bars["AAA"].close[whole.decided_at[: int(whole.first_row[1])]]
    np.testing.assert_array_equal(whole.price[: int(whole.first_row[1])], price)


def test_every_ticker_of_a_history_is_learnt_from_at_its_own_costs(market):
    bars = {"AAA": named(market.bars, "AAA"), "SPY": named(market.bars, "SPY")}
    whole = history_episodes(MarketInputs(bars), ("AAA", "SPY"))
    first = int(whole.first_row[1])
    costs = CostSchedule()
    assert set(whole.cost_bp_per_side[:first]) == {costs.stock_bp}
    assert set(whole.cost_bp_per_side[first:]) == {costs.index_bp}
    assert costs.stock_bp != costs.index_bp
    trial = history_trial(whole, 1)
    assert (
        set(trial.judged.cost_bp_per_side) == set(trial.learnt[0].cost_bp_per_side) == {costs.stock_bp, costs.index_bp}
    )


def test_signals_before_the_start_only_feed_the_indicators(market):
    inputs = MarketInputs({"AAA": named(market.bars, "AAA")})
    whole = history_episodes(inputs, ("AAA",))
    later = history_episodes(inputs, ("AAA",), start=market.bars.session[300])
    kept = whole.decided_at >= 300
    assert 0 < kept.sum() < len(whole)
    np.testing.assert_array_equal(later.decided_at, whole.decided_at[kept])
    np.testing.assert_array_equal(later.target_pct, whole.target_pct[kept])


def test_a_history_without_a_signal_says_why(market):
    flat = named(market.bars, "AAA")
    still = replace(flat, **{name: np.full(len(flat), 50.0) for name in ("open", "high", "low", "close")})
    with pytest.raises(InsufficientDataError, match="never moves"):
        history_episodes(MarketInputs({"AAA": still}), ("AAA",))
    short = Bars("AAA", flat.session[:8], *(getattr(flat, n)[:8] for n in ("open", "high", "low", "close", "volume")))
    with pytest.raises(InsufficientDataError, match="8 sessions"):
        history_episodes(MarketInputs({"AAA": short}), ("AAA",))


def test_what_a_training_is_judged_on_follows_from_the_training_and_from_nothing_else():
    seeds = {judged_seed(f"training {k}") for k in range(200)}
    assert len(seeds) == 200
    assert min(seeds) >= 1_000_000
    assert judged_seed("one") == judged_seed("one")
    terms = SimulatedTerms(1, 400, 0.0)
    first, again = simulated_trial(terms, "one"), simulated_trial(terms, "one")
    np.testing.assert_array_equal(first.judged.exit_price, again.judged.exit_price)
    assert first.counted_sha256 != simulated_trial(SimulatedTerms(1, 401, 0.0), "one").counted_sha256
    assert first.judged.gex_signal.tolist() != first.learnt[0].gex_signal.tolist()
