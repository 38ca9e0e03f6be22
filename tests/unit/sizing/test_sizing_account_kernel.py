"""Whole cents: every rounding of the ledger's Decimal, repeated in integers."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sizing_samples import coin_flips

from lightning_gex.core.ledger import money, price
from lightning_gex.core.units import BASIS_POINT
from lightning_gex.sizing.account_kernel import (
    _affordable,
    _cents_of_float,
    _fill_cents,
    _nano,
    _value_cents,
    market_of,
)
from lightning_gex.sizing.kelly_size import quantity_for

prices = st.one_of(st.floats(0.05, 20_000.0), st.integers(1, 2_000_000).map(lambda k: k / 1_000))


@settings(max_examples=300)
@given(st.one_of(st.floats(0, 1e9), st.integers(0, 10**9).map(lambda k: k / 1_000)))
@example(1.005)
@example(1.015)
@example(0.0)
@example(2.675)
def test_a_float_becomes_the_same_cents_as_in_the_ledger(usd):
    assert _cents_of_float(usd) == int(money(usd) * 100)


@settings(max_examples=300)
@given(prices, st.integers(0, 100_000))
@example(100.005, 3)
@example(0.125, 1)
def test_what_is_held_is_worth_the_same_cents(usd, quantity):
    assert _value_cents(*_nano(usd), quantity) == int(money(Decimal(str(usd)) * quantity) * 100)


@settings(max_examples=300)
@given(prices, st.integers(0, 100_000), st.sampled_from([0.0, 2.0, 5.0, 7.3]))
def test_a_fill_costs_the_same_cents(usd, quantity, cost_bp):
    done = price(usd)
    value, fees = _fill_cents(int(done * 10_000), float(done), quantity, cost_bp * 1e-4)
    assert value == int(money(done * quantity) * 100)
    assert fees == int(money(abs(float(done) * quantity) * (cost_bp * 1e-4)) * 100)


@settings(max_examples=300)
@given(prices, st.integers(1, 10**11), st.sampled_from([2, 5, 10, 15]))
@example(0.29, 100_00, 10)
def test_as_many_shares_are_bought_as_the_engine_buys(usd, equity_cents, percent):
    found = _affordable(percent, equity_cents, usd, *_nano(usd))
    assert found == quantity_for(percent / 100, equity_cents / 100, usd)


def test_the_rows_between_a_trade_and_its_end_are_left_out_and_no_others():
    market = market_of(coin_flips(candidates=12, episodes=2, held=1))
    assert market.rows["after"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert (market.rows["fee"] == 5.0 * BASIS_POINT).all()
