"""Every contract is used or refused for one named reason."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import builders_chain
from builders_chain import changed
from lightning_gex.analytics.contract_selection import select_contracts
from lightning_gex.analytics.parity import forward_curve

#: The builder's quotes are European prices: a root that is exercised at expiry only, in the evening.
make_chain = partial(builders_chain.make_chain, root="XSP")


def select(chain):
    return select_contracts(chain, forward_curve(chain))


def with_values(chain, **rows):
    """The chain with single values replaced: field={row: value}."""
    fields = {}
    for name, values in rows.items():
        column = getattr(chain, name).astype(float)
        for row, value in values.items():
            column[row] = value
        fields[name] = column
    return changed(chain, **fields)


def test_a_sound_chain_is_used_whole_with_the_vendors_volatilities():
    chain = make_chain()
    chosen = select(chain)
    assert chosen.used.all()
    assert (chosen.vendor_vols, chosen.solved_vols) == (len(chain), 0)
    assert (chosen.coverage, chosen.open_interest_known) == (1.0, 1.0)
    assert chosen.refused == {}


@pytest.mark.parametrize("sentinel", [np.nan, 0.0, -999.0, 1e-5, 0.0099, 5.01, np.inf])
def test_a_volatility_that_means_nothing_is_solved_from_the_quote(sentinel):
    at = 48  # a call near the money
    chain = make_chain(vol=0.23)
    chosen = select(with_values(chain, implied_vol={at: sentinel}))
    assert chosen.used.all()
    assert (chosen.vendor_vols, chosen.solved_vols) == (len(chain) - 1, 1)
    assert chosen.implied_vol[at] == pytest.approx(0.23, abs=1e-7)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ({"open_interest": {48: np.nan}}, "open_interest_missing"),
        ({"open_interest": {48: -1.0}}, "open_interest_invalid"),
        ({"strike": {48: np.nan}}, "strike_invalid"),
        ({"multiplier": {48: 0.0}}, "multiplier_invalid"),
        ({"implied_vol": {48: 0.0}, "bid": {48: 0.0}}, "quote_one_sided_or_absent"),
        ({"implied_vol": {48: 0.0}, "ask": {48: np.nan}}, "quote_one_sided_or_absent"),
        ({"implied_vol": {48: 0.0}, "bid": {48: 9.0}, "ask": {48: 3.0}}, "quote_crossed"),
        ({"implied_vol": {34: 0.0}, "bid": {34: 10.0}, "ask": {34: 10.2}}, "implied_vol_below_intrinsic"),
        ({"implied_vol": {48: 0.0}, "bid": {48: 150.0}, "ask": {48: 151.0}}, "implied_vol_above_bound"),
        ({"implied_vol": {48: 0.0}, "bid": {48: 90.0}, "ask": {48: 90.5}}, "implied_vol_out_of_range"),
    ],
)
def test_each_fault_has_its_own_name(rows, reason):
    chosen = select(with_values(make_chain(), **rows))
    assert dict(chosen.refused) == {reason: 1}
    row = next(iter(rows.values())).keys().__iter__().__next__()
    assert not chosen.used[row]
    assert np.isnan(chosen.implied_vol[row])


def test_nobody_holding_a_contract_is_not_the_same_as_not_knowing():
    chain = with_values(make_chain(), open_interest={10: 0.0, 11: np.nan})
    chosen = select(chain)
    assert chosen.used[10]
    assert not chosen.used[11]
    assert chosen.open_interest_known == pytest.approx(1 - 1 / len(chain))


def test_coverage_is_the_share_of_known_open_interest_that_is_used():
    chain = make_chain(open_interest=10.0)
    chain = with_values(chain, open_interest={48: 1000.0}, implied_vol={48: 0.0}, bid={48: 0.0})
    total = 10.0 * (len(chain) - 1)
    assert select(chain).coverage == pytest.approx(total / (total + 1000.0))


@given(st.integers(0, 100_000))
def test_used_and_refused_always_add_up(seed):
    rng = np.random.default_rng(seed)
    chain = make_chain(expiries=("2024-06-21", "2024-09-20"))
    n = len(chain)

    def spoil(values, *bad):
        return np.where(rng.random(n) < 0.25, rng.choice(bad, n), values)

    dirty = changed(
        chain,
        bid=spoil(chain.bid, 0.0, np.nan, -1.0, 500.0),
        ask=spoil(chain.ask, 0.0, np.nan, 0.01),
        implied_vol=spoil(chain.implied_vol, 0.0, np.nan, -999.0, 1e-5, 77.0),
        open_interest=spoil(chain.open_interest, 0.0, np.nan, -1.0, np.inf),
        multiplier=spoil(chain.multiplier, 0.0, np.nan, 10.0),
    )
    chosen = select(dirty)
    assert int(chosen.used.sum()) + sum(chosen.refused.values()) == n
    assert chosen.vendor_vols + chosen.solved_vols == int(chosen.used.sum())
    used = chosen.implied_vol[chosen.used]
    assert ((used >= 0.01) & (used <= 5.0)).all()
    assert np.isnan(chosen.implied_vol[~chosen.used]).all()
