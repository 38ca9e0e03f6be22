"""The simulated market: what was planted is found, and nothing is found where nothing was planted."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.options_features import gex_signal
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import is_session
from lightning_gex.simulation.market import MarketConfig, no_hedging, simulate_market

START = np.datetime64("2010-01-01")
SEEDS = range(8)
NOISE = 2.6  # standard errors: further by chance once in a hundred times


@cache
def market(seed=1, sessions=1_200, **more):
    return simulate_market(seed=seed, sessions=sessions, start=START, **more)


def z_of_direction(simulated):
    """Correlation of gex's rank with the next session's return over expected volatility, in standard errors."""
    rank = gex_signal(simulated.flow.columns["gex"])[:-1]
    returns = np.diff(np.log(simulated.bars.close)) / simulated.vix.columns["close"][:-1]
    known = ~np.isnan(rank)
    return float(np.corrcoef(rank[known], returns[known])[0, 1] * math.sqrt(known.sum()))


@pytest.mark.parametrize("effect", [0.3, -0.3])
def test_a_planted_effect_is_found_with_its_sign(effect):
    found = np.array([z_of_direction(market(seed, planted_effect=effect)) for seed in SEEDS])
    assert np.sign(effect) * found.mean() > 6 / math.sqrt(len(found))
    assert (np.sign(found) == np.sign(effect)).mean() > 0.85


def test_without_a_planted_effect_none_is_found():
    found = np.array([z_of_direction(market(seed)) for seed in SEEDS])
    assert abs(found.mean()) < 2.5 / math.sqrt(len(found))
    assert 0.5 < found.std() < 1.6
    planted = np.array([z_of_direction(market(seed, planted_effect=0.3)) for seed in SEEDS])
    assert (planted > found).all()


def mean_correlation(x_of, y_of, config):
    """The mean over seeds of a correlation of two columns of a market, in standard errors of a market without any."""
    found = []
    for seed in SEEDS:
        simulated = market(seed, config=config)
        x, y = x_of(simulated), y_of(simulated)
        found.append(np.corrcoef(x, y)[0, 1] * math.sqrt(len(x)))
    return float(np.mean(found)) * math.sqrt(len(found))


def size(simulated):
    return np.abs(np.diff(np.log(simulated.bars.close))) / simulated.truth.news_vol[:-1]


def direction(simulated):
    return np.diff(np.log(simulated.bars.close)) / simulated.truth.news_vol[:-1]


def test_positive_gamma_damps_moves_and_negative_gamma_feeds_them_beyond_what_volatility_alone_says():
    assert mean_correlation(lambda m: m.flow.columns["gex"][:-1], size, MarketConfig()) < -10
    assert abs(mean_correlation(lambda m: m.flow.columns["gex"][:-1], size, no_hedging())) < NOISE


def test_the_more_dealers_hedge_the_stronger_the_damping():
    weak, usual, strong = (
        mean_correlation(lambda m: m.flow.columns["gex"][:-1], size, MarketConfig(gamma_hedging=g))
        for g in (0.3, 1.0, 2.0)
    )
    assert strong < usual < weak < -NOISE


@pytest.mark.parametrize(("name", "strength"), [("charm", 8.0), ("vanna", 8.0)])
def test_hedging_of_time_and_of_volatility_pushes_the_price_the_way_the_truth_says(name, strength):
    alone = replace(no_hedging(), **{f"{name}_hedging": strength})
    assert mean_correlation(lambda m: getattr(m.truth, f"{name}_return")[:-1], direction, alone) > 4


def test_without_hedging_the_truth_says_nothing_moves():
    truth = market(sessions=300, config=no_hedging()).truth
    for name in ("damping", "charm_return", "vanna_return"):
        np.testing.assert_array_equal(getattr(truth, name), 0.0)


def calm_of_expiry_fridays(config):
    """(seeds,) the mean move of expiry Fridays over that of other days, both where dealers were long gamma before."""
    ratios = []
    for seed in SEEDS:
        simulated = market(seed, config=config)
        moved = np.abs(np.log(simulated.bars.close / simulated.bars.open))[1:]
        friday = ((simulated.bars.session.astype(np.int64) + 3) % 7 == 4)[1:]
        long = simulated.flow.columns["gex"][:-1] > 0
        ratios.append(moved[friday & long].mean() / moved[~friday & long].mean())
    return np.array(ratios)


def test_what_expires_pins_the_price_where_dealers_are_long():
    free, pinned = calm_of_expiry_fridays(no_hedging()), calm_of_expiry_fridays(replace(no_hedging(), pinning=8.0))
    calmed = pinned - free  # the same draws
    assert abs(free.mean() - 1.0) < 0.05
    assert calmed.mean() < -NOISE * calmed.std(ddof=1) / math.sqrt(len(calmed))


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


def test_the_flow_is_the_net_gamma_of_the_chains():
    simulated = market(sessions=300)
    for row in (1, 90, 211, 299):
        found = positioning(simulated.chain(row)).gamma_exposure_usd_per_pct
        assert found == pytest.approx(simulated.flow.columns["gex"][row], rel=0.01, abs=2e7)


def test_there_is_no_chain_beyond_the_market():
    for row in (-1, 0, 30):
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


#: The S&P 500 with its GEX and VIX (``benchmarks/bench_simulation.py``), May 2011 to 2019 and to 2021, which two months
#: of 2020 dominate; and how far beyond these two the mean of the simulated markets may lie.
REAL = {
    "volatility": (0.145, 0.173, 0.02),
    "kurtosis": (8.1, 20.7, 2.5),
    "skew": (-0.55, -0.92, 0.3),
    "autocorrelation of size, lag 1": (0.241, 0.396, 0.06),
    "autocorrelation of size, lag 5": (0.197, 0.334, 0.06),
    "leverage": (-0.138, -0.139, 0.06),
    "return against change of VIX": (-0.804, -0.751, 0.15),
    "mean VIX": (16.2, 17.7, 2.0),
    "positive GEX": (0.925, 0.929, 0.25),
    "GEX rank against log size of the next move": (-0.295, -0.304, 0.08),
}


def figures(simulated):
    returns = np.diff(np.log(simulated.bars.close))
    size, scaled = np.abs(returns), (returns - returns.mean()) / returns.std()
    index, gex = simulated.vix.columns["close"], simulated.flow.columns["gex"]
    rank = gex_signal(gex)[:-1]
    known = ~np.isnan(rank)
    log_size = np.log(np.maximum(size, 1e-4))
    return {
        "volatility": returns.std() * math.sqrt(252),
        "kurtosis": (scaled**4).mean(),
        "skew": (scaled**3).mean(),
        "autocorrelation of size, lag 1": np.corrcoef(size[:-1], size[1:])[0, 1],
        "autocorrelation of size, lag 5": np.corrcoef(size[:-5], size[5:])[0, 1],
        "leverage": np.corrcoef(returns[:-1], size[1:])[0, 1],
        "return against change of VIX": np.corrcoef(returns, np.diff(np.log(index)))[0, 1],
        "mean VIX": index.mean(),
        "positive GEX": (gex > 0).mean(),
        "GEX rank against log size of the next move": np.corrcoef(rank[known], log_size[known])[0, 1],
    }


def test_its_statistics_are_those_of_the_real_series_within_their_spread():
    found = [figures(market(seed, sessions=2_000)) for seed in range(5)]
    for name, (calm, with_2020, tolerance) in REAL.items():
        mean = float(np.mean([f[name] for f in found]))
        assert min(calm, with_2020) - tolerance <= mean <= max(calm, with_2020) + tolerance, name
