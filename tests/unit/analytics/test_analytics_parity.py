"""Forwards and discounts read from quotes by put-call parity."""

from __future__ import annotations

import numpy as np
import pytest

from builders_chain import PER_CONTRACT, changed, make_chain, reordered
from lightning_gex.analytics.parity import CarrySource, forward_curve

SHORT_AND_LONG = ("2024-06-04", "2024-06-21", "2024-09-20", "2025-06-20")


def test_clean_quotes_give_back_the_rates_they_were_made_with():
    chain = make_chain(expiries=SHORT_AND_LONG, rate=0.045, dividend_yield=0.013, root="SPXW")
    curve = forward_curve(chain)
    np.testing.assert_allclose(curve.rate[curve.contract_years > 30 / 365], 0.045, atol=1e-9)
    np.testing.assert_allclose(curve.forward, 100 * np.exp(0.032 * curve.time_to_expiry_years), rtol=1e-9)
    np.testing.assert_allclose(curve.rate - curve.dividend_yield, 0.032, atol=1e-6)
    assert set(curve.forward_source) == {CarrySource.PARITY}


def test_rate_and_dividend_yield_reproduce_forward_and_discount_exactly():
    chain = make_chain(expiries=SHORT_AND_LONG, half_spread=0.02)
    curve = forward_curve(chain)
    T = curve.contract_years
    np.testing.assert_allclose(chain.spot * np.exp((curve.rate - curve.dividend_yield) * T), curve.contract_forward)
    np.testing.assert_allclose(np.exp(-curve.rate * T), curve.contract_discount)


def test_a_few_absurd_quotes_move_nothing():
    chain = make_chain(expiries=("2024-09-20", "2024-12-20"), strikes=np.arange(80.0, 121.0))
    bid, ask = chain.bid.copy(), chain.ask.copy()
    ask[np.arange(5, len(ask), 37)] *= 3
    clean, dirty = forward_curve(chain), forward_curve(changed(chain, bid=bid, ask=ask))
    np.testing.assert_allclose(dirty.forward, clean.forward, rtol=2e-4)


def test_the_order_of_the_contracts_does_not_matter():
    chain = make_chain(expiries=SHORT_AND_LONG, half_spread=0.03)
    order = np.random.default_rng(0).permutation(len(chain))
    curve, shuffled = forward_curve(chain), forward_curve(reordered(chain, order))
    np.testing.assert_array_equal(shuffled.forward, curve.forward)
    np.testing.assert_array_equal(shuffled.rate, curve.rate[order])


def test_an_expiry_without_pairs_takes_its_neighbours_carry_and_says_so():
    chain = make_chain(expiries=("2024-06-21", "2024-07-19", "2024-09-20"), rate=0.05, dividend_yield=0.01, root="XSP")
    middle = chain.expiry == np.datetime64("2024-07-19")
    curve = forward_curve(changed(chain, bid=np.where(middle, 0.0, chain.bid)))
    assert curve.forward_source == (CarrySource.PARITY, CarrySource.NEIGHBOURS, CarrySource.PARITY)
    np.testing.assert_allclose(curve.forward, 100 * np.exp(0.04 * curve.time_to_expiry_years), rtol=1e-6)
    assert any("2024-07-19" in note for note in curve.notes)


def test_without_any_pair_zero_stands_in_and_says_so():
    chain = make_chain()
    curve = forward_curve(changed(chain, bid=np.zeros(len(chain))))
    assert set(curve.forward_source) == {CarrySource.STAND_IN}
    np.testing.assert_array_equal(curve.rate, 0.0)
    np.testing.assert_array_equal(curve.dividend_yield, 0.0)
    np.testing.assert_array_equal(curve.forward, chain.spot)
    assert "stand in" in curve.notes[0]


def test_a_noisy_one_day_expiry_borrows_its_discount_and_keeps_its_forward():
    chain = make_chain(
        spot=5000.0,
        expiries=("2024-06-04", "2024-12-20"),
        strikes=np.arange(4500.0, 5501.0, 25.0),
        rate=0.05,
        dividend_yield=0.01,
        root="SPXW",
    )
    noise = np.random.default_rng(1).choice([-0.5, 0.0, 0.5], len(chain))
    noise[chain.expiry > np.datetime64("2024-06-04")] = 0.0
    curve = forward_curve(changed(chain, bid=chain.bid + 1 + noise, ask=chain.ask + 1 + noise))
    assert curve.rate_source == (CarrySource.NEIGHBOURS, CarrySource.PARITY)
    np.testing.assert_allclose(-np.log(curve.discount) / curve.time_to_expiry_years, 0.05, atol=1e-6)
    assert curve.forward[0] == pytest.approx(5000 * np.exp(0.04 * curve.time_to_expiry_years[0]), abs=0.51)


def test_a_forward_far_from_spot_is_refused_as_no_carry():
    chain = make_chain(expiries=("2024-06-21", "2024-09-20"))
    early = chain.expiry == np.datetime64("2024-06-21")
    lift = np.where(early & chain.is_call, 9.0, 0.0)
    curve = forward_curve(changed(chain, bid=chain.bid + lift, ask=chain.ask + lift))
    assert curve.forward_source == (CarrySource.NEIGHBOURS, CarrySource.PARITY)
    assert any("too far from spot" in note for note in curve.notes)


def test_morning_and_evening_roots_of_one_date_are_two_groups():
    am, pm = make_chain(expiries=("2024-06-21",), root="SPX"), make_chain(expiries=("2024-06-21",), root="SPXW")
    both = changed(
        am,
        **{name: np.concatenate([getattr(am, name), getattr(pm, name)]) for name in PER_CONTRACT},
    )
    curve = forward_curve(both)
    assert list(curve.root) == ["SPX", "SPXW"]
    assert (curve.settles_at[1] - curve.settles_at[0]).astype(int) == 6.5 * 3600
    assert not any("American" in note for note in curve.notes)


def test_american_roots_are_noted():
    assert any("American" in note and "AAPL" in note for note in forward_curve(make_chain(root="AAPL")).notes)


def test_every_contract_belongs_to_the_group_of_its_root_and_settlement():
    chain = make_chain()
    mixed = changed(chain, root=np.where(np.arange(len(chain)) % 3 == 0, "TESTW", "TEST"))
    curve = forward_curve(mixed)
    assert len(curve.root) == 6
    np.testing.assert_array_equal(curve.root[curve.group], mixed.root)
    np.testing.assert_array_equal(curve.settles_at[curve.group], mixed.settles_at)
    assert np.isfinite(curve.contract_forward).all()


def test_an_empty_chain_has_an_empty_curve():
    curve = forward_curve(reordered(make_chain(), np.empty(0, dtype=int)))
    assert curve.forward.shape == (0,)
    assert curve.rate.shape == (0,)
    assert curve.contract_forward.shape == curve.contract_discount.shape == curve.contract_years.shape == (0,)
