"""Modelled option chains: quotes without arbitrage, real expiries, open interest that moves smoothly."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError
from lightning_gex.core.sessions import close_of, is_session, session_close_utc, session_open_utc, sessions_between
from lightning_gex.core.units import SECONDS_PER_YEAR
from lightning_gex.simulation.chains import atm_vol_of_vix, chains_along, modelled_chain, surface_vol

JUNE_14 = datetime(2017, 6, 14, 20, tzinfo=UTC)


def chain_at(as_of=JUNE_14, spot=2_437.0, atm_vol=0.10, underlying="SPX", **more):
    return modelled_chain(underlying=underlying, as_of=as_of, spot=spot, atm_vol=atm_vol, **more)


def years_left(chain):
    now = np.datetime64(chain.as_of.astimezone(UTC).replace(tzinfo=None), "s")
    return (chain.settles_at - now).astype(np.int64) / SECONDS_PER_YEAR


def naive_net_gamma(chain):
    """USD per 1 %, dealers long calls and short puts, by the textbook formula."""
    years, vol = years_left(chain), chain.implied_vol
    d1 = (np.log(chain.spot / chain.strike) + vol**2 / 2 * years) / (vol * np.sqrt(years))
    gamma = norm.pdf(d1) / (chain.spot * vol * np.sqrt(years))
    sign = np.where(chain.is_call, 1.0, -1.0)
    return float(np.sum(sign * gamma * chain.open_interest * chain.multiplier) * chain.spot**2 * 0.01)


def black_scholes(chain):
    """Prices at no rate, by scipy's normal distribution."""
    years, vol = years_left(chain), chain.implied_vol
    deviation = vol * np.sqrt(years)
    d1 = np.log(chain.spot / chain.strike) / deviation + deviation / 2
    call = chain.spot * norm.cdf(d1) - chain.strike * norm.cdf(d1 - deviation)
    return np.where(chain.is_call, call, call - chain.spot + chain.strike)


@settings(max_examples=25)
@given(st.floats(20, 30_000), st.floats(0.05, 1.0), st.dates(date(2000, 1, 3), date(2035, 1, 3)))
def test_a_chain_is_whole_at_any_spot_volatility_and_date(spot, atm_vol, day):
    as_of = datetime(day.year, day.month, day.day, 21, 30, tzinfo=UTC)
    chain = chain_at(as_of=as_of, spot=spot, atm_vol=atm_vol)
    assert chain.modelled
    assert chain.contracts_read == len(chain)
    assert 500 <= len(chain) <= 2_600
    key = list(zip(chain.root, chain.expiry, chain.is_call, chain.strike, strict=True))
    assert len(set(key)) == len(key)
    assert (years_left(chain) > 0).all()
    assert (chain.strike > 0).all()
    assert (chain.bid >= 0).all()
    assert (chain.ask > chain.bid).all()
    assert (chain.implied_vol > 0).all()
    for name in ("open_interest", "volume"):
        values = getattr(chain, name)
        assert (values >= 0).all()
        np.testing.assert_array_equal(values, np.round(values))
    for expiry in np.unique(chain.expiry):
        strikes = chain.strike[chain.expiry == expiry]
        assert strikes.min() <= 0.93 * spot
        assert strikes.max() >= 1.07 * spot


def test_the_same_arguments_give_the_same_chain():
    one, two = chain_at(), chain_at()
    for name in ("root", "expiry", "settles_at", "strike", "bid", "ask", "implied_vol", "open_interest", "volume"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_quotes_stand_around_the_black_scholes_price():
    chain = chain_at()
    value = black_scholes(chain)
    assert (chain.bid <= value + 1e-9).all()
    assert (chain.ask >= value - 1e-9).all()
    assert ((chain.ask - chain.bid) <= 0.25 + 0.03 * value).all()


@pytest.mark.parametrize("atm_vol", [0.07, 0.15, 0.6])
def test_the_surface_holds_no_butterfly_or_vertical_arbitrage(atm_vol):
    for years in (1 / 365, 7 / 365, 0.25, 1.0):
        half = min(max(2.6 * atm_vol * math.sqrt(years), 0.08), 0.40)
        strike = np.linspace(2_000 * (1 - half), 2_000 * (1 + half), 161)
        vol = surface_vol(strike, np.full(161, years), spot=2_000.0, atm_vol=atm_vol)
        deviation = vol * math.sqrt(years)
        d1 = np.log(2_000 / strike) / deviation + deviation / 2
        call = 2_000 * norm.cdf(d1) - strike * norm.cdf(d1 - deviation)
        assert (np.diff(call) <= 1e-9).all()
        assert (np.diff(call, 2) >= -1e-9).all()


def test_the_surface_is_the_given_volatility_at_the_money_in_thirty_days_and_has_a_skew_and_a_term_structure():
    at = surface_vol(np.array([2_000.0]), np.array([30 / 365]), spot=2_000.0, atm_vol=0.12)
    assert at[0] == pytest.approx(0.12, rel=1e-12)
    low, high = surface_vol(np.array([1_900.0, 2_060.0]), np.full(2, 30 / 365), spot=2_000.0, atm_vol=0.12)
    assert low > 0.135
    assert high < 0.115
    year_calm, year_wild = (
        surface_vol(np.array([2_000.0]), np.array([1.0]), spot=2_000.0, atm_vol=v)[0] for v in (0.10, 0.40)
    )
    assert year_calm > 0.10
    assert year_wild < 0.40


@pytest.mark.parametrize("vix", [10.0, 15.0, 30.0, 60.0])
def test_the_surface_replicates_the_vix_it_was_made_from(vix):
    """The index's own recipe (Cboe VIX white paper): twice the strip of out-of-the-money options / strike squared."""
    years, spot = 30 / 365, 2_000.0
    strike = np.linspace(200, 8_000, 20_001)
    vol = surface_vol(strike, np.full(len(strike), years), spot=spot, atm_vol=atm_vol_of_vix(vix))
    deviation = vol * math.sqrt(years)
    d1 = np.log(spot / strike) / deviation + deviation / 2
    call = spot * norm.cdf(d1) - strike * norm.cdf(d1 - deviation)
    option = np.where(strike > spot, call, call - spot + strike)
    variance = 2 / years * np.trapezoid(option / strike**2, strike)
    assert 100 * math.sqrt(variance) == pytest.approx(vix, rel=0.015)


def test_expiries_are_weekly_monthly_and_quarterly_with_their_settlement():
    chain = chain_at()
    listed = {str(day): str(root) for day, root in zip(chain.expiry, chain.root, strict=True)}
    assert listed == {
        "2017-06-16": "SPX",
        "2017-06-23": "SPXW",
        "2017-06-30": "SPXW",
        "2017-07-07": "SPXW",
        "2017-07-14": "SPXW",
        "2017-07-21": "SPX",
        "2017-08-18": "SPX",
        "2017-09-15": "SPX",
        "2017-12-15": "SPX",
        "2018-03-16": "SPX",
        "2018-06-15": "SPX",
    }
    am = chain.root == "SPX"
    np.testing.assert_array_equal(chain.settles_at[am], session_open_utc(chain.expiry[am]))
    np.testing.assert_array_equal(chain.settles_at[~am], session_close_utc(chain.expiry[~am]))


def test_an_expiry_on_a_holiday_is_listed_for_the_session_before():
    chain = chain_at(as_of=datetime(2022, 4, 4, 20, tzinfo=UTC))
    assert np.datetime64("2022-04-14") in chain.expiry  # Good Friday was the third Friday
    assert is_session(np.unique(chain.expiry)).all()


def test_an_expiry_leaves_the_chain_when_it_settles():
    before = datetime(2017, 6, 16, 13, 29, tzinfo=UTC)  # 09:29 in New York
    assert np.datetime64("2017-06-16") in chain_at(as_of=before).expiry
    assert np.datetime64("2017-06-16") not in chain_at(as_of=before + timedelta(minutes=1)).expiry


def test_other_underlyings_have_one_root_and_settle_at_the_close():
    chain = chain_at(underlying="ABC")
    assert set(chain.root) == {"ABC"}
    np.testing.assert_array_equal(chain.settles_at, session_close_utc(chain.expiry))


def test_open_interest_is_put_heavy_below_spot_and_prefers_round_strikes():
    chain = chain_at(spot=2_000.0)
    calls = chain.open_interest[chain.is_call]
    puts = chain.open_interest[~chain.is_call]
    below = chain.strike[chain.is_call] < 2_000
    assert puts.sum() > 1.1 * calls.sum()
    assert puts[below].sum() > 2 * calls[below].sum()
    weekly = (chain.expiry == np.datetime64("2017-06-23")) & chain.is_call
    at = dict(zip(chain.strike[weekly], chain.open_interest[weekly], strict=True))
    assert at[2_000.0] > 1.5 * max(at[1_990.0], at[2_010.0])


def test_net_gamma_turns_negative_when_spot_falls_below_where_it_was():
    up, level, down = (
        naive_net_gamma(chain_at(spot=2_000.0, spot_average_20=a, spot_average_60=a))
        for a in (1_960.0, 2_000.0, 2_160.0)
    )
    assert up > level > 0 > down


def test_a_tilt_to_calls_raises_net_gamma():
    gammas = [naive_net_gamma(chain_at(call_tilt=tilt)) for tilt in (-1.0, 0.0, 1.0)]
    assert gammas == sorted(gammas)


def wavy_bars():
    sessions = sessions_between(np.datetime64("2016-03-01"), np.datetime64("2016-08-31"))
    spots = 2_000 + 60 * np.sin(np.arange(len(sessions)) / 15)
    return Bars("SPX", sessions, spots, spots, spots, spots, np.full(len(spots), 1e6), "waves")


def along(history, bars, row):
    return history.chain(row - 1, as_of=close_of(bars.session[row]), spot=float(bars.close[row]), atm_vol=0.12)


def test_open_interest_moves_smoothly_from_session_to_session():
    bars = wavy_bars()
    history = chains_along(bars, "SPX")
    totals = np.array([along(history, bars, row).open_interest.sum() for row in range(1, len(bars))])
    steps = np.diff(np.log(totals))
    expires = np.array([str(d) in _fridays_and_stand_ins(bars.session) for d in bars.session[2:]])
    assert np.abs(steps[~expires]).max() < 0.12  # a new week is listed
    assert np.abs(steps).max() < 0.5  # a quarterly expiry is gone
    assert np.median(np.abs(steps)) < 0.05  # it builds up between expiries


def test_a_chain_along_a_history_knows_nothing_of_what_came_after():
    bars = wavy_bars()
    whole = along(chains_along(bars, "SPX"), bars, 60)
    cut = bars.between(None, bars.session[60])
    np.testing.assert_array_equal(along(chains_along(cut, "SPX"), cut, 60).open_interest, whole.open_interest)
    assert whole.open_interest.sum() > 0


def _fridays_and_stand_ins(sessions):
    """The last session of each week."""
    week = (sessions.astype(np.int64) + 3) // 7
    return {str(d) for d, this, following in zip(sessions, week, np.r_[week[1:], -1], strict=True) if this != following}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("spot", 0.0),
        ("spot", math.nan),
        ("atm_vol", 0.0),
        ("atm_vol", 15.0),
        ("spot_average_20", 0.0),
        ("spot_average_60", math.nan),
        ("call_tilt", 1.5),
    ],
)
def test_an_argument_out_of_range_is_refused_by_name(field, value):
    with pytest.raises(InputError) as refused:
        chain_at(**{field: value})
    assert refused.value.field == field


def test_a_naive_moment_is_refused():
    with pytest.raises(InputError, match="time zone"):
        chain_at(as_of=datetime(2017, 6, 14, 20))  # noqa: DTZ001


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": 5.0},
        {"dividend_yield": float("nan")},
        {"spot_average_20": 1e-9},
        {"as_of": datetime(9999, 6, 3, tzinfo=UTC)},
    ],
)
def test_a_market_that_no_model_reaches_is_refused_by_name(wrong):
    sound = {"underlying": "SPX", "as_of": datetime(2024, 6, 3, 18, tzinfo=UTC), "spot": 5_000.0, "atm_vol": 0.15}
    with pytest.raises(InputError, match=f"field '{next(iter(wrong))}'"):
        modelled_chain(**sound | wrong)
