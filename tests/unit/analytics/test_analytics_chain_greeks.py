"""Greeks of whole chains: the same numbers as contract by contract, whatever lies beside a contract."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.black_scholes_reference import greeks_reference
from lightning_gex.analytics.chain_greeks import (
    ChainGreeks,
    Series,
    chain_greeks,
    chain_greeks_kernel,
    chain_vega_theta,
    log_moneyness,
)
from lightning_gex.core.errors import InputError
from witness_black_scholes import many_digit_column

CHAIN = ("delta", "gamma", "vanna", "charm")


def chain(sizes, seed=3, spot=6_011.48):
    """Series of these sizes from one minute to three years before expiry; some strikes many deviations away."""
    rng = np.random.default_rng(seed)
    g = len(sizes)
    years = np.sort(10 ** rng.uniform(np.log10(1 / 525_600), np.log10(3.0), g))
    series = Series(
        np.r_[0, np.cumsum(sizes)].astype(np.int64),
        np.full(g, spot),
        years,
        rng.uniform(-0.01, 0.06, g),
        rng.uniform(0, 0.04, g),
    )
    n = int(series.start[-1])
    vol = rng.uniform(0.08, 0.9, n)
    strike = spot * np.exp(rng.normal(0, 2.0, n) * vol * np.sqrt(np.repeat(years, sizes)))
    return series, strike, vol, rng.random(n) < 0.5


def of(series, strike, vol, call):
    return chain_greeks(series, log_moneyness(series, strike), vol, call)


def single_arguments(series, strike, vol, call):
    """The same contracts with every term written out."""
    sizes = np.diff(series.start)
    S, T, r, q = (
        np.repeat(x, sizes) for x in (series.spot, series.time_to_expiry_years, series.rate, series.dividend_yield)
    )
    return S, strike, T, vol, r, q, call


@pytest.mark.parametrize("sizes", [[1], [7], [8], [9, 0, 3], [166] * 12, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]])
def test_a_chain_has_the_greeks_of_the_readable_reference(sizes):
    made = chain(sizes)
    ours, reference = of(*made), greeks_reference(*single_arguments(*made))
    vega, theta = chain_vega_theta(made[0], log_moneyness(made[0], made[1]), *made[2:])
    for name, column in {**{c: getattr(ours, c) for c in CHAIN}, "vega": vega, "theta": theta}.items():
        want = getattr(reference, name)
        assert np.abs(column - want).max() <= 1e-12 * np.abs(want).max(), name


@pytest.mark.parametrize("name", [*CHAIN, "vega", "theta"])
def test_every_column_is_within_1e_14_of_its_maximum_of_a_witness_in_many_digits(name):
    made = chain([12, 12, 12, 12], seed=8)
    if name in CHAIN:
        column = getattr(of(*made), name)
    else:
        column = chain_vega_theta(made[0], log_moneyness(made[0], made[1]), *made[2:])[name == "theta"]
    witness = many_digit_column(name, *single_arguments(*made))
    assert np.abs(column - witness).max() <= 1e-14 * np.abs(witness).max()


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.integers(0, 1_000))
def test_a_contracts_value_is_the_same_alone_as_among_any_neighbours(sizes, seed):
    series, strike, vol, call = chain(sizes, seed)
    x = log_moneyness(series, strike)
    whole = (*(getattr(chain_greeks(series, x, vol, call), c) for c in CHAIN), *chain_vega_theta(series, x, vol, call))
    for j, size in enumerate(sizes):
        terms = (series.spot, series.time_to_expiry_years, series.rate, series.dividend_yield)
        lone = Series(np.array([0, 1]), *(term[j : j + 1] for term in terms))
        for i in range(int(series.start[j]), int(series.start[j]) + size, 3):
            one = slice(i, i + 1)
            y = log_moneyness(lone, strike[one])
            found = chain_greeks(lone, y, vol[one], call[one])
            apart = (*(getattr(found, c) for c in CHAIN), *chain_vega_theta(lone, y, vol[one], call[one]))
            assert [float(column[0]) for column in apart] == [float(column[i]) for column in whole]


def test_a_part_of_a_book_is_written_in_place_and_nothing_else_is_touched():
    series, strike, vol, call = chain([5, 11, 3, 8, 2], seed=6)
    x = log_moneyness(series, strike)
    whole = of(series, strike, vol, call)
    out = np.full((4, len(strike)), -7.0)
    a, b = int(series.start[1]), int(series.start[4])
    terms = (series.spot, series.time_to_expiry_years, series.rate, series.dividend_yield)
    chain_greeks_kernel(series.start[1:5], *(term[1:4] for term in terms), x, vol, call, *out)
    for column, name in zip(out, CHAIN, strict=True):
        np.testing.assert_array_equal(column[a:b], getattr(whole, name)[a:b])
        assert (np.delete(column, slice(a, b)) == -7.0).all()


def test_columns_given_for_the_answer_are_used():
    made = chain([30, 12])
    out = ChainGreeks.empty(42)
    found = chain_greeks(made[0], log_moneyness(made[0], made[1]), *made[2:], out=out)
    assert found is out
    np.testing.assert_array_equal(out.gamma, of(*made).gamma)


BAD_CONTRACT = [(k, v) for k in ("strike", "vol") for v in (np.nan, np.inf, -np.inf, 0.0, -1.0)]


@pytest.mark.parametrize(("which", "value"), BAD_CONTRACT)
def test_a_contract_that_cannot_be_priced_is_nan_and_its_neighbours_are_not(which, value):
    series, strike, vol, call = chain([9, 9], seed=2)
    (strike if which == "strike" else vol)[4] = value
    found = of(series, strike, vol, call)
    vega, theta = chain_vega_theta(series, log_moneyness(series, strike), vol, call)
    for column in (*(getattr(found, c) for c in CHAIN), vega, theta):
        assert np.isnan(column[4])
        assert np.isfinite(np.delete(column, 4)).all()


BAD_TERM = [(i, v) for i in range(4) for v in (np.nan, np.inf, -np.inf, 0.0, -1.0) if i < 2 or not np.isfinite(v)]


@pytest.mark.parametrize(("which", "value"), BAD_TERM)
def test_a_series_that_cannot_be_priced_is_nan_throughout_and_the_next_is_not(which, value):
    series, strike, vol, call = chain([9, 9, 3], seed=2)
    (series.spot, series.time_to_expiry_years, series.rate, series.dividend_yield)[which][1] = value
    found = of(series, strike, vol, call)
    vega, theta = chain_vega_theta(series, log_moneyness(series, strike), vol, call)
    for column in (*(getattr(found, c) for c in CHAIN), vega, theta):
        assert np.isnan(column[9:18]).all()
        assert np.isfinite(np.delete(column, slice(9, 18))).all()


def test_a_nan_with_a_payload_stays_a_nan():
    # Some files mark absence by a NaN with bits of its own; a trick on bits must not turn it into a number.
    odd = np.array([0x7FF00000000007A2], dtype=np.uint64).view(np.float64)
    series, strike, vol, call = chain([10])
    vol[3:4] = odd
    x = log_moneyness(series, strike)
    x[5:6] = odd
    found = chain_greeks(series, x, vol, call)
    for name in CHAIN:
        np.testing.assert_array_equal(np.flatnonzero(np.isnan(getattr(found, name))), [3, 5])


def test_log_moneyness_has_every_digit_one_tick_from_the_money():
    series = Series(np.array([0, 2]), np.array([6_011.48]), *(np.array([0.1]),) * 3)
    strike = np.array([np.nextafter(6_011.48, 7e3), 6_011.49])
    np.testing.assert_allclose(log_moneyness(series, strike), np.log1p((strike - 6_011.48) / 6_011.48), rtol=1e-15)


def test_a_chain_without_contracts_gives_empty_columns():
    nothing = np.empty(0)
    series = Series(np.array([0]), nothing, nothing, nothing, nothing)
    assert of(series, nothing, nothing, np.empty(0, dtype=bool)).delta.shape == (0,)


@pytest.mark.parametrize(
    ("start", "field"),
    [([0, 5, 4], "start"), ([1, 3, 4], "start"), ([0, 3], "spot"), ([], "start")],
)
def test_series_that_do_not_fit_are_named(start, field):
    two = np.ones(2) if field != "start" or start else np.empty(0)
    with pytest.raises(InputError, match=field):
        Series(np.array(start, dtype=np.int64), two, two, two, two)


def test_columns_that_do_not_fit_are_named():
    series, strike, vol, call = chain([9])
    x = log_moneyness(series, strike)
    with pytest.raises(InputError, match="implied_vol"):
        chain_greeks(series, x, vol[:8], call)
    with pytest.raises(InputError, match="is_call"):
        chain_greeks(series, x, vol, call.astype(np.int8))
    with pytest.raises(InputError, match="log_moneyness"):
        chain_vega_theta(series, x[::-1], vol, call)
    with pytest.raises(InputError, match="vanna"):
        chain_greeks(series, x, vol, call, out=ChainGreeks(x, x.copy(), vol[:3], x.copy()))
