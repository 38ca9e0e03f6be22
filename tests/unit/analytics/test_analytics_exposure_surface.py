"""The map of exposures over spot and time, if nothing trades."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_exposure import alike, held_long, picked, random_book, sorted_book
from lightning_gex.analytics.black_scholes import greeks
from lightning_gex.analytics.exposure_profile import profile, spot_grid
from lightning_gex.analytics.exposure_reference import exposures_reference
from lightning_gex.analytics.exposure_surface import exposure_surface
from lightning_gex.analytics.option_time import TimeClock
from lightning_gex.analytics.zero_gamma import zero_gamma
from lightning_gex.core.enums import ZeroGammaStatus
from lightning_gex.core.errors import InputError

DAYS = np.array([0.0, 0.25, 1.0, 7.0, 40.0])


def book(n=120, seed=0):
    return random_book(n, seed), np.random.default_rng(seed).random(n) < 0.5


def aged(c, days):
    """What is left of a book after so many calendar days, and which contracts those are."""
    left = c.time_to_expiry_years - days / 365.0
    alive = left > 1e-8
    return replace(picked(c, alive), time_to_expiry_years=left[alive]), alive


def largest_gamma(c, spot=100.0):
    """USD per 1 % of the contract with the most, at its own best spot: what errors are measured against."""
    peaks = np.abs(c.shares) * spot * 0.01 * 0.4 / (c.implied_vol * np.sqrt(c.time_to_expiry_years))
    return peaks.max(initial=0.0)


@given(st.integers(0, 100_000), st.integers(1, 120))
def test_every_moment_is_the_book_re_priced_with_that_much_less_time(seed, n):
    c, call = book(n, seed)
    found = exposure_surface(100.0, c, call, DAYS)
    for k, days in enumerate(DAYS):
        rest, alive = aged(c, days)
        gamma, delta = exposures_reference(found.spots, rest, call[alive])
        most = largest_gamma(rest)
        np.testing.assert_allclose(found.gamma_exposure_usd_per_pct[k], gamma, rtol=0, atol=1e-11 * most)
        held = np.abs(c.shares).sum() * 120.0
        np.testing.assert_allclose(found.delta_exposure_usd[k], delta, rtol=0, atol=1e-12 * held)
        assert found.living_contracts[k] == alive.sum()


def test_the_first_moment_is_the_exposure_profile():
    c, call = book()
    found = exposure_surface(100.0, c, call, [0.0])
    gross = profile(spot_grid(100.0), held_long(c)).max()
    np.testing.assert_array_equal(found.spots, spot_grid(100.0))
    np.testing.assert_allclose(found.gamma_exposure_usd_per_pct[0], profile(found.spots, c), atol=1e-11 * gross)


def test_the_slope_of_the_shares_of_delta_in_spot_is_gamma():
    c, call = book(200, 3)
    h = 1e-4
    spots = np.array([90.0, 97.3, 100.0, 108.0])
    nodes = np.sort(np.r_[spots - h, spots, spots + h])
    found = exposure_surface(100.0, c, call, DAYS, spots=nodes)
    shares = found.delta_exposure_usd / nodes
    slope = (shares[:, 2::3] - shares[:, ::3]) / (2 * h)
    gamma = found.gamma_exposure_usd_per_pct[:, 1::3] / (nodes[1::3] ** 2 * 0.01)
    np.testing.assert_allclose(slope, gamma, rtol=1e-4, atol=1e-5 * np.abs(gamma).max())


def test_the_surface_is_the_sum_over_its_contracts():
    c, call = book(150, 5)
    whole = exposure_surface(100.0, c, call, DAYS)
    parts = [exposure_surface(100.0, picked(c, p), call[p], DAYS) for p in (slice(0, 50), slice(50, 150))]
    for name in ("gamma_exposure_usd_per_pct", "delta_exposure_usd", "charm_flow_usd", "settled_delta_usd"):
        total = sum(getattr(part, name) for part in parts)
        np.testing.assert_allclose(total, getattr(whole, name), rtol=1e-9, atol=1e-9 * np.abs(total).max())


@given(st.integers(0, 10_000), st.floats(0.1, 50.0))
def test_a_book_at_another_scale_has_its_exposures_scaled(seed, factor):
    c, call = book(60, seed)
    found = exposure_surface(100.0, c, call, DAYS)
    scaled = exposure_surface(100.0 * factor, replace(c, strike=c.strike * factor), call, DAYS)
    for name in ("gamma_exposure_usd_per_pct", "delta_exposure_usd", "charm_flow_usd", "vanna_flow_up_usd"):
        want = getattr(found, name) * factor
        np.testing.assert_allclose(getattr(scaled, name), want, rtol=1e-8, atol=1e-8 * np.abs(want).max())


def test_the_order_of_spots_and_days_is_the_callers():
    c, call = book(80, 6)
    spots, days = np.array([100.0, 92.0, 111.0, 99.0]), np.array([7.0, 0.0, 1.0])
    found = exposure_surface(100.0, c, call, days, spots=spots)
    for k, day in enumerate(days):
        for j, spot in enumerate(spots):
            alone = exposure_surface(100.0, c, call, [day], spots=[spot])
            assert alone.delta_exposure_usd[0, 0] == pytest.approx(found.delta_exposure_usd[k, j], rel=1e-11)
            assert alone.gamma_exposure_usd_per_pct[0, 0] == pytest.approx(
                found.gamma_exposure_usd_per_pct[k, j], rel=1e-9
            )


def test_a_contract_leaves_at_its_settlement_moment_and_not_a_second_before():
    second = 1.0 / 86_400.0
    morning, afternoon = (17.5 / 24.0) / 365.0, 1.0 / 365.0  # opening prints tomorrow, tomorrow's close
    c = alike([100.0, 100.0], [1.0, 1.0], [morning, afternoon])
    days = np.array([17.5 / 24 - second, 17.5 / 24, 1.0 - second, 1.0, 5.0])
    found = exposure_surface(100.0, c, np.array([True, True]), days, spots=[100.0])
    np.testing.assert_array_equal(found.living_contracts, [2, 1, 1, 0, 0])
    assert (found.gamma_exposure_usd_per_pct[:, 0] > 0).tolist() == [True, True, True, False, False]


def test_delta_at_unchanged_spot_is_now_less_the_charm_flow_and_what_settled():
    c, call = book(300, 8)
    found = exposure_surface(100.0, c, call, DAYS, spots=[100.0])
    delta = found.delta_exposure_usd[:, 0]
    np.testing.assert_allclose(
        delta, delta[0] - found.charm_flow_usd - found.settled_delta_usd, rtol=0, atol=1e-11 * np.abs(delta).max()
    )
    assert found.charm_flow_usd[0] == 0.0
    assert found.settled_delta_usd[0] == 0.0


def test_a_short_charm_flow_is_charm_times_the_time():
    c, call = book(100, 9)
    c = replace(c, time_to_expiry_years=np.maximum(c.time_to_expiry_years, 0.02))
    charm = greeks(100.0, c.strike, c.time_to_expiry_years, c.implied_vol, c.rate, c.dividend_yield, call).charm
    minute = 1.0 / 1_440.0
    found = exposure_surface(100.0, c, call, [minute], spots=[100.0])
    assert found.charm_flow_usd[0] == pytest.approx(-np.sum(c.shares * charm) * 100.0 * minute / 365.0, rel=1e-3)


def test_vanna_flow_is_the_change_of_delta_for_one_point_of_every_volatility():
    c, call = book(100, 10)
    found = exposure_surface(100.0, c, call, DAYS, spots=[100.0])
    for k, days in enumerate(DAYS):
        rest, alive = aged(c, days)
        here, up, down = (
            exposures_reference(np.array([100.0]), replace(rest, implied_vol=rest.implied_vol + shift), call[alive])[1][
                0
            ]
            for shift in (0.0, 0.01, -0.01)
        )
        assert found.vanna_flow_up_usd[k] == pytest.approx(here - up, rel=1e-9, abs=1e-6)
        assert found.vanna_flow_down_usd[k] == pytest.approx(here - down, rel=1e-9, abs=1e-6)


def test_a_volatility_of_less_than_a_point_falls_to_none():
    c = alike([99.0], [1.0], years=0.1, vol=0.005)
    found = exposure_surface(100.0, c, np.array([True]), [0.0], spots=[100.0])
    assert found.vanna_flow_down_usd[0] == pytest.approx(found.delta_exposure_usd[0, 0] - 100.0)


def test_what_settles_in_the_money_takes_its_shares_along():
    c = alike([95.0, 100.0, 105.0, 95.0, 105.0], [10.0, 10.0, 10.0, 10.0, 10.0], years=1 / 365)
    call = np.array([True, True, True, False, False])
    found = exposure_surface(100.0, c, call, [2.0], spots=[100.0])
    # Call 95 delivers 10 shares, call 100 half of the time, put 105 takes 10.
    assert found.settled_delta_usd[0] == pytest.approx(100.0 * (10.0 + 5.0 - 10.0))
    assert found.delta_exposure_usd[0, 0] == 0.0
    assert found.zero_gamma == ((),)
    assert found.zero_gamma_status == (ZeroGammaStatus.INSUFFICIENT_DATA,)


def test_zero_gamma_of_each_moment_is_that_of_what_is_left():
    c = sorted_book([1 / 365, 5 / 365, 30 / 365], np.arange(85.0, 116.0, 2.5), seed=2)
    call = np.arange(len(c.strike)) % 2 == 0
    found = exposure_surface(100.0, c, call, [0.0, 2.0, 10.0], spots=[100.0])
    for days, roots, status in zip((0.0, 2.0, 10.0), found.zero_gamma, found.zero_gamma_status, strict=True):
        want = zero_gamma(100.0, aged(c, days)[0])
        np.testing.assert_allclose(roots, want.roots, rtol=1e-11)
        assert status is want.status


def test_the_trading_clock_runs_off_todays_variance_and_carry_over_session_time():
    c, call = book(60, 11)
    sessions = np.round(c.time_to_expiry_years * 252.0 * 4) / 4 + 0.25
    found = exposure_surface(
        100.0, c, call, [0.0, 0.5], clock=TimeClock.TRADING, clock_years=sessions / 252.0, spots=[100.0]
    )
    left = np.maximum(sessions - 0.5, 0.0) / sessions
    rest = replace(c, time_to_expiry_years=c.time_to_expiry_years * left)
    alive = left > 0
    want, _ = exposures_reference(np.array([100.0]), picked(rest, alive), call[alive])
    assert found.gamma_exposure_usd_per_pct[1, 0] == pytest.approx(want[0], rel=1e-9)
    now, _ = exposures_reference(np.array([100.0]), c, call)
    assert found.gamma_exposure_usd_per_pct[0, 0] == pytest.approx(now[0], rel=1e-9)


def test_an_option_without_session_time_lives_now_and_is_gone_at_the_next_moment():
    c = alike([100.0], [1.0], years=0.7 / 365)
    found = exposure_surface(
        100.0, c, np.array([True]), [0.0, 0.01], clock=TimeClock.TRADING, clock_years=np.zeros(1), spots=[100.0]
    )
    np.testing.assert_array_equal(found.living_contracts, [1, 0])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"days": [-1.0]}, "days"),
        ({"days": [np.nan]}, "days"),
        ({"spots": [100.0, 0.0]}, "spots"),
        ({"spots": [np.inf]}, "spots"),
        ({"spot": 0.0}, "spot"),
        ({"clock": TimeClock.TRADING}, "clock_years"),
        ({"is_call": np.array([True])}, "is_call"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change, field):
    c, call = book(5)
    arguments = {"spot": 100.0, "contracts": c, "is_call": call, "days": [0.0], **change}
    with pytest.raises(InputError, match=field):
        exposure_surface(**arguments)


def test_no_spots_no_days_and_no_contracts_are_no_trouble():
    c, call = book(5)
    assert exposure_surface(100.0, c, call, [], spots=[]).gamma_exposure_usd_per_pct.shape == (0, 0)
    assert exposure_surface(100.0, c, call, [0.0], spots=[]).gamma_exposure_usd_per_pct.shape == (1, 0)
    nothing = exposure_surface(100.0, picked(c, slice(0, 0)), call[:0], [0.0, 1.0])
    np.testing.assert_array_equal(nothing.delta_exposure_usd, np.zeros((2, 161)))
    np.testing.assert_array_equal(nothing.charm_flow_usd, np.zeros(2))
