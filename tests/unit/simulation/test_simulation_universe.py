"""Several simulated markets: they share news, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lightning_gex.core.errors import InputError
from lightning_gex.simulation.market import MarketConfig, SharedNews, no_hedging, simulate_market
from lightning_gex.simulation.universe import simulate_universe

START = np.datetime64("2014-01-02")


def returns(market) -> np.ndarray:
    return np.diff(np.log(market.bars.close))


def universe(**changes):
    given = {"seed": 3, "tickers": 3, "sessions": 400, "start": START, "config": no_hedging()}
    return simulate_universe(**{**given, **changes})


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_the_markets_of_a_universe_move_together_as_much_as_stated(share: float) -> None:
    steady = replace(no_hedging(), jumps_per_year=0.0, vol_of_vol=0.0)  # those are each one's own
    made = universe(shared_news=share, sessions=900, config=steady)
    together = np.corrcoef([returns(market) for market in made])[np.triu_indices(3, 1)]
    assert together == pytest.approx(share, abs=0.12)  # a correlation of 900 sessions is known to 0.033


def test_positioning_is_each_one_s_own() -> None:
    made = universe(sessions=1_200)
    waves = np.corrcoef([market.positioning for market in made])[np.triu_indices(3, 1)]
    assert np.abs(waves).max() < 0.5  # a wave of memory 0.95 has about 30 independent swings in so many sessions


def test_more_tickers_and_more_sessions_begin_with_the_same_ones() -> None:
    few, many = universe(tickers=2, sessions=100), universe(tickers=4, sessions=200)
    for one, other in zip(few, many, strict=False):
        assert one.bars.ticker == other.bars.ticker
        np.testing.assert_array_equal(one.bars.close, other.bars.close[:100])
    assert [market.bars.ticker for market in many] == ["SIM", "SIM01", "SIM02", "SIM03"]


def test_neighbouring_seeds_share_nothing() -> None:
    one, other = universe(seed=3)[0], universe(seed=4)[0]
    assert abs(np.corrcoef(returns(one), returns(other))[0, 1]) < 0.15


def test_the_chains_of_a_market_with_shared_news_are_those_of_its_own_walk() -> None:
    from lightning_gex.analytics.dealer_positioning import positioning

    market = universe(config=MarketConfig(start_price=100.0), sessions=120)[1]
    found = positioning(market.chain(100))
    assert found.gamma_exposure_usd_per_pct == pytest.approx(market.flow.columns["gex"][100], rel=0.02)


def test_a_market_without_shared_news_is_what_it_was() -> None:
    alone = simulate_market(seed=5, sessions=50, start=START)
    none_shared = simulate_market(seed=5, sessions=50, start=START, shared=SharedNews(seed=9, share=0.0))
    np.testing.assert_array_equal(alone.bars.close, none_shared.bars.close)


@pytest.mark.parametrize("wrong", [{"tickers": 0}, {"tickers": 101}, {"seed": -1}, {"shared_news": 1.0}])
def test_what_cannot_be_is_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match="out of range"):
        universe(**wrong)
