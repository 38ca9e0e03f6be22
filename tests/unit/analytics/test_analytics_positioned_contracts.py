"""The rows behind a positioning: contracts, term structure, straddle, early exercise, age."""

from __future__ import annotations

import math
from datetime import timedelta
from functools import partial

import numpy as np
import pytest

import builders_chain
from builders_chain import AS_OF, changed, reordered
from lightning_gex.analytics.american import american_price
from lightning_gex.analytics.black_scholes import greeks
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.option_time import TimeClock
from lightning_gex.analytics.positioned_contracts import VolSource
from lightning_gex.core.errors import InputError, InsufficientDataError, SettingsError

make_chain = partial(builders_chain.make_chain, root="XSP")
DATES = ("2024-06-04", "2024-06-05", "2024-06-21", "2024-12-20")


def american_chain(rate=0.045, dividend_yield=0.01, vol=0.3, **values):
    """A stock's chain whose quotes are American prices."""
    chain = builders_chain.make_chain(
        root="AAPL",
        expiries=("2024-07-19", "2024-12-20", "2025-06-20"),
        rate=rate,
        dividend_yield=dividend_yield,
        vol=vol,
    )
    years = (chain.settles_at - np.datetime64("2024-06-03T18:00:00")).astype(float) / (365 * 86_400)
    mid = american_price(100.0, chain.strike, years, vol, rate, dividend_yield, chain.is_call)
    return changed(chain, bid=mid - 1e-3, ask=mid + 1e-3, **values)


def test_each_row_carries_its_contract_its_greeks_and_what_it_adds():
    found = positioning(make_chain(vol=lambda k, t: 0.2 + 0.1 * np.abs(np.log(k / 100)) + 0 * t))
    rows = found.contracts
    terms = found.term_structure
    want = greeks(
        100.0,
        rows.strike,
        rows.time_to_expiry_years,
        rows.implied_vol,
        terms.rate[rows.series],
        terms.dividend_yield[rows.series],
        rows.is_call,
    )
    for name in ("delta", "gamma", "vega", "theta", "vanna", "charm"):
        column = getattr(want, name)
        np.testing.assert_allclose(getattr(rows, name), column, atol=1e-12 * np.abs(column).max(), err_msg=name)
    signed = found.exposures_by_contract()
    pairs = {
        "gross_gamma_usd_per_pct": "gamma_exposure_usd_per_pct",
        "gross_delta_usd": "delta_exposure_usd",
        "gross_vanna_usd_per_vol_point": "vanna_exposure_usd_per_vol_point",
        "gross_charm_usd_per_day": "charm_exposure_usd_per_day",
    }
    for gross, exposure in pairs.items():
        np.testing.assert_allclose(rows.dealer_sign * getattr(rows, gross), getattr(signed, exposure), rtol=1e-12)
        assert getattr(signed, exposure).sum() == pytest.approx(getattr(found, exposure), rel=1e-9)
    assert found.gross_gamma_usd_per_pct == pytest.approx(rows.gross_gamma_usd_per_pct.sum())
    assert found.net_to_gross == pytest.approx(found.gamma_exposure_usd_per_pct / found.gross_gamma_usd_per_pct)


def test_rows_do_not_depend_on_the_order_of_the_chain_and_make_a_table():
    chain = make_chain(expiries=DATES)
    shuffled = reordered(chain, np.random.default_rng(0).permutation(len(chain)))
    one, other = positioning(chain).contracts.columns(), positioning(shuffled).contracts.columns()
    assert one.keys() == other.keys()
    for name, column in one.items():
        np.testing.assert_array_equal(column, other[name], err_msg=name)
        assert column.shape == (136,)
    assert set(one["vol_source"].tolist()) == {"vendor"}
    assert {len(column) for column in positioning(chain).term_structure.columns().values()} == {4}


def test_charm_of_the_rows_follows_the_clock():
    chain = make_chain(expiries=DATES)
    trading = positioning(chain, clock=TimeClock.TRADING)
    assert trading.contracts.days_per_year == 252
    summed = trading.exposures_by_contract().charm_exposure_usd_per_day.sum()
    assert summed == pytest.approx(trading.charm_exposure_usd_per_day)
    assert (trading.term_structure.clock_years != trading.term_structure.time_to_expiry_years).any()


def test_the_term_structure_says_forward_volatility_and_straddle_of_every_series():
    found = positioning(make_chain(expiries=DATES, vol=0.25, rate=0.03, dividend_yield=0.01, half_spread=1e-4))
    terms = found.term_structure
    np.testing.assert_allclose(terms.forward, 100 * np.exp(0.02 * terms.time_to_expiry_years), rtol=1e-6)
    np.testing.assert_allclose(terms.atm_implied_vol, 0.25, rtol=1e-9)
    # E|S_T - F| of a lognormal price: 2 F [2 N(v / 2) - 1] with v = sigma sqrt T.
    v = 0.25 * np.sqrt(terms.time_to_expiry_years)
    mean = 2 * terms.forward * np.array([math.erf(x / 2 / math.sqrt(2)) for x in v])
    np.testing.assert_allclose(terms.expected_move_usd[1:], mean[1:], rtol=5e-3)
    np.testing.assert_allclose(terms.straddle_usd, terms.expected_move_usd * terms.discount)
    assert terms.contracts.tolist() == [34] * 4
    assert terms.open_interest.sum() == found.contracts.open_interest.sum()


def test_the_straddles_move_is_the_nearest_with_more_than_a_session_left():
    # Monday 14:00: Tuesday's close is two hours and a session away.
    found = positioning(make_chain(expiries=("2024-06-03", *DATES)))
    assert found.straddle_expiry == np.datetime64("2024-06-04")
    # Monday's close: Tuesday's is one session away and no more.
    evening = make_chain(expiries=DATES, as_of=AS_OF.replace(hour=20))
    assert positioning(evening).straddle_expiry == np.datetime64("2024-06-05")
    quoted = positioning(changed(evening, bid=np.where(evening.expiry == evening.expiry[34], 0.0, evening.bid)))
    assert quoted.straddle_expiry == np.datetime64("2024-06-21")
    nothing = positioning(changed(evening, bid=np.zeros(len(evening))))
    assert np.isnat(nothing.straddle_expiry)
    assert math.isnan(nothing.straddle_move_usd)
    assert nothing.to_json_dict()["straddle_expiry"] is None


def test_the_surface_now_at_spot_is_the_exposure():
    found = positioning(make_chain(expiries=DATES))
    surface = found.surface([0.0, 3.0])
    middle = len(surface.spots) // 2
    assert surface.gamma_exposure_usd_per_pct[0, middle] == pytest.approx(found.gamma_exposure_usd_per_pct, rel=1e-9)
    assert surface.living_contracts.tolist() == [136, 68]
    assert positioning(make_chain(expiries=DATES), clock=TimeClock.TRADING).surface([0, 1]).clock is TimeClock.TRADING


def test_european_options_have_no_early_exercise_to_treat():
    early = positioning(make_chain(quoted_iv=False)).early_exercise
    assert (early.american_contracts, early.adjusted_contracts) == (0, 0)
    assert math.isnan(early.median_change_vol_points)
    assert "at expiry only" in early.words


def test_american_quotes_without_volatilities_give_back_the_model_they_were_made_with():
    chain = american_chain(implied_vol=np.full(102, np.nan))
    found = positioning(chain, coverage_floor=0.5)
    assert set(found.contracts.vol_source.tolist()) == {VolSource.SOLVED_AMERICAN}
    np.testing.assert_allclose(np.median(found.contracts.implied_vol), 0.3, atol=2e-3)
    forward = 100 * np.exp(0.035 * found.term_structure.time_to_expiry_years)
    np.testing.assert_allclose(found.term_structure.forward, forward, rtol=1e-3)
    early = found.early_exercise
    assert early.valued
    assert early.american_contracts == early.adjusted_contracts == found.contracts_used
    assert 0 < early.median_change_vol_points < early.largest_change_vol_points
    assert early.largest_forward_change_bp > 10
    assert early.words in found.notes
    assert found.to_json_dict()["early_exercise"]["valued"] is True


def test_read_as_european_the_same_quotes_say_too_low_a_forward_and_it_says_so():
    plain = positioning(american_chain(), value_early_exercise=False)
    valued = positioning(american_chain())
    assert (plain.term_structure.forward[1:] < valued.term_structure.forward[1:] - 0.1).all()
    assert not plain.early_exercise.valued
    assert math.isnan(plain.early_exercise.largest_forward_change_bp)
    assert any("not valued" in note for note in plain.notes)
    assert any("premiums are taken off" in note for note in valued.notes)


def test_a_vendors_volatility_of_an_american_option_is_taken_as_it_is():
    found = positioning(american_chain())
    assert set(found.contracts.vol_source.tolist()) == {VolSource.VENDOR}
    assert (found.early_exercise.american_contracts, found.early_exercise.adjusted_contracts) == (102, 0)
    assert "the source's" in found.early_exercise.words


def test_a_chain_older_than_allowed_is_refused_with_its_age():
    chain = make_chain()
    assert positioning(chain, max_age=timedelta(hours=1), now=AS_OF + timedelta(hours=1)).spot == 100.0
    with pytest.raises(
        InsufficientDataError, match=r"'as_of': the quotes are of 2024-06-03.* 1:00:01 before .* 1:00:00"
    ):
        positioning(chain, max_age=timedelta(hours=1), now=AS_OF + timedelta(hours=1, seconds=1))
    with pytest.raises(InputError, match="after"):
        positioning(chain, max_age=timedelta(days=1), now=AS_OF - timedelta(seconds=1))


def test_an_age_needs_a_moment_with_a_zone():
    with pytest.raises(SettingsError, match="needs now"):
        positioning(make_chain(), max_age=timedelta(days=1))
    with pytest.raises(SettingsError, match="no time zone"):
        positioning(make_chain(), max_age=timedelta(days=1), now=AS_OF.replace(tzinfo=None))


def test_what_the_reader_noted_stands_first():
    found = positioning(changed(make_chain(), notes=("the file's clock stood still",)))
    assert found.notes[0] == "the file's clock stood still"
