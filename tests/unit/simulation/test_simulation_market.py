"""The simulated market: what was planted is found, and nothing is found where nothing was planted."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lightning_gex.analytics.options_features import gex_signal
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import is_session
from lightning_gex.simulation.market import MarketConfig, simulate_market

START = np.datetime64("2010-01-01")
SEEDS = range(16)


def market(seed=1, sessions=1_200, **more):
    return simulate_market(seed=seed, sessions=sessions, start=START, **more)


def z_of_direction(simulated):
    """Correlation of gex's rank with the next session's return over expected volatility, in standard errors."""
    rank = gex_signal(simulated.flow.columns["gex"])[:-1]
    returns = np.diff(np.log(simulated.bars.close)) / simulated.vix.columns["close"][:-1]
    known = ~np.isnan(rank)
    return float(np.corrcoef(rank[known], returns[known])[0, 1] * math.sqrt(known.sum()))


@pytest.mark.parametrize("effect", [0.15, -0.15])
def test_a_planted_effect_is_found_with_its_sign(effect):
    found = np.array([z_of_direction(market(seed, planted_effect=effect)) for seed in SEEDS])
    assert np.sign(effect) * found.mean() > 6 / math.sqrt(len(found))
    assert (np.sign(found) == np.sign(effect)).mean() > 0.85


def test_without_a_planted_effect_none_is_found():
    found = np.array([z_of_direction(market(seed)) for seed in SEEDS])
    assert abs(found.mean()) < 2.5 / math.sqrt(len(found))
    assert 0.5 < found.std() < 1.6
    planted = np.array([z_of_direction(market(seed, planted_effect=0.15)) for seed in SEEDS])
    assert (planted > found).all()


@pytest.mark.parametrize("effect", [0.0, 0.15])
def test_volatility_falls_when_dealers_are_long_gamma(effect):
    ratios = []
    for seed in SEEDS:
        simulated = market(seed, planted_effect=effect)
        positive = simulated.flow.columns["gex"][:-1] > 0
        returns = np.diff(np.log(simulated.bars.close))
        ratios.append(returns[positive].std() / returns[~positive].std())
    assert np.median(ratios) < 0.75
    assert max(ratios) < 1.0


def test_without_calming_gamma_says_nothing_about_the_sizes_of_moves_that_the_index_does_not():
    free = MarketConfig(calming=0.0, leverage=0.0)
    correlations = []
    for seed in SEEDS:
        simulated = market(seed, config=free)
        size = np.abs(np.diff(np.log(simulated.bars.close))) / simulated.vix.columns["close"][:-1]
        correlations.append(np.corrcoef(simulated.flow.columns["gex"][:-1], size)[0, 1] * math.sqrt(len(size)))
    assert abs(np.mean(correlations)) < 2.5 / math.sqrt(len(correlations))


def test_volatility_rises_as_prices_fall_and_returns_to_its_mean():
    correlation, levels = [], []
    for seed in SEEDS:
        simulated = market(seed)
        index = simulated.vix.columns["close"]
        correlation.append(np.corrcoef(np.diff(np.log(simulated.bars.close)), np.diff(np.log(index)))[0, 1])
        levels.append(index.mean())
    assert np.mean(correlation) < -0.4
    assert 11 < np.median(levels) < 25


def test_the_same_seed_makes_the_same_market_and_more_sessions_change_no_earlier_one():
    short, long_, other = market(sessions=200), market(sessions=320), market(seed=2, sessions=200)
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(short.bars, name), getattr(long_.bars, name)[:200])
    for name in ("dix", "gex", "price"):
        np.testing.assert_array_equal(short.flow.columns[name], long_.flow.columns[name][:200])
    np.testing.assert_array_equal(short.vix.columns["close"], long_.vix.columns["close"][:200])
    assert not np.array_equal(short.bars.close, other.bars.close)


def test_rows_are_exchange_sessions_from_the_start_on():
    simulated = market(sessions=30)
    assert str(simulated.bars.session[0]) == "2010-01-04"  # the first session of that year
    assert is_session(simulated.bars.session).all()
    from_a_session = simulate_market(seed=1, sessions=1, start=np.datetime64("2010-01-04"))
    assert str(from_a_session.bars.session[0]) == "2010-01-04"


def test_sessions_open_away_from_the_close_before_and_move_within_their_range():
    bars = market().bars
    gap = np.abs(np.log(bars.open[1:] / bars.close[:-1]))
    body = np.abs(np.log(bars.close / bars.open))
    assert 0.4 < np.median(gap) / np.median(body) < 0.8  # a quarter of the variance against three quarters
    assert (bars.high > bars.low).all()
    assert 0.4 < np.median(body / np.log(bars.high / bars.low)) < 0.8


def test_flow_shows_the_hidden_positioning_with_noise():
    simulated = market()
    dix = simulated.flow.columns["dix"]
    assert 0.6 < np.corrcoef(dix, simulated.positioning)[0, 1] < 0.99
    assert ((dix > 0) & (dix < 1)).all()
    assert (simulated.flow.columns["gex"] < 0).any()
    assert (simulated.flow.columns["gex"] > 0).any()


def test_the_chain_of_a_session_is_made_of_that_session():
    simulated = market(sessions=120)
    chain = simulated.chain(100)
    assert chain.modelled
    assert chain.spot == simulated.bars.close[100]
    assert np.datetime64(chain.as_of.replace(tzinfo=None), "D") == simulated.bars.session[100]
    shorter = market(sessions=101).chain(100)
    np.testing.assert_array_equal(chain.open_interest, shorter.open_interest)
    np.testing.assert_array_equal(chain.implied_vol, shorter.implied_vol)


def test_net_gamma_of_the_chains_moves_with_the_flow_file():
    simulated = market(sessions=400)
    rows = range(60, 400, 17)
    net = [np.where(c.is_call, 1, -1) @ (c.open_interest * _near(c)) for c in map(simulated.chain, rows)]
    assert np.corrcoef(net, simulated.flow.columns["gex"][list(rows)])[0, 1] > 0.7
    assert min(net) < 0 < max(net)


def _near(chain):
    """A bell around the money, in place of gamma."""
    return np.exp(-0.5 * (np.log(chain.strike / chain.spot) / 0.02) ** 2)


def test_there_is_no_chain_beyond_the_market():
    for row in (-1, 30):
        with pytest.raises(IndexError):
            market(sessions=30).chain(row)


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("seed", {"seed": -1}),
        ("sessions", {"sessions": 0}),
        ("planted_effect", {"planted_effect": 1.5}),
        ("planted_effect", {"planted_effect": math.nan}),
    ],
)
def test_an_argument_out_of_range_is_refused_by_name(field, arguments):
    with pytest.raises(InputError) as refused:
        market(**arguments)
    assert refused.value.field == field


def test_a_market_beyond_the_calendar_is_refused():
    with pytest.raises(InputError, match="calendar"):
        simulate_market(seed=1, sessions=500, start=np.datetime64("2040-01-01"))


@pytest.mark.parametrize(
    ("field", "value"),
    [("start_price", 0.0), ("long_run_vol", 0.0), ("vol_reversion", 0.0), ("leverage", -1.1), ("overnight_share", 1.0)],
)
def test_a_configuration_out_of_range_is_refused_by_name(field, value):
    with pytest.raises(InputError) as refused:
        replace(MarketConfig(), **{field: value})
    assert refused.value.field == field
