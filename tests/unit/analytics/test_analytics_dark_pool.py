"""The dark-pool index is a mean weighted by dollars, and says how much of the index it rests on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lightning_gex.analytics.dark_pool import dark_pool_index
from lightning_gex.core.errors import InputError, SettingsError

NAN = float("nan")
SHAPE = (4, 6)
volumes = arrays(np.float64, SHAPE, elements=st.floats(1.0, 1e9))
shares = arrays(np.float64, SHAPE, elements=st.floats(0.0, 1.0))
dollars = arrays(np.float64, SHAPE, elements=st.floats(1.0, 1e12))
flags = arrays(np.bool_, SHAPE)


def index_of(short, total, weight, member, **floors):
    table = [np.array(a, dtype=np.float64) for a in (short, total, weight)]
    return dark_pool_index(*table, np.array(member, dtype=np.bool_), **floors)


def test_each_ticker_counts_by_its_dollars_not_by_its_shares():
    found = index_of([[10, 900]], [[100, 1000]], [[3e6, 1e6]], [[True, True]])
    assert found.dix[0] == pytest.approx((3 * 0.1 + 1 * 0.9) / 4, rel=1e-15)
    assert (found.members[0], found.members_used[0], found.coverage[0]) == (2, 2, 1.0)


def test_what_is_no_member_is_not_looked_at():
    found = index_of([[10, 900]], [[100, 1000]], [[3e6, 1e6]], [[True, False]])
    assert found.dix[0] == pytest.approx(0.1, rel=1e-15)


def test_a_member_without_short_volume_lowers_the_coverage_by_its_dollars():
    short, total = [[10, NAN, 5]], [[100, NAN, 10]]
    found = index_of(short, total, [[96e6, 3e6, 1e6]], [[True] * 3], members_floor=0.5)
    assert found.coverage[0] == pytest.approx(0.97)
    assert found.dix[0] == pytest.approx((96 * 0.1 + 0.5) / 97)


def test_below_a_floor_there_is_no_index_but_the_coverage_is_told():
    short, total, weight = [[10, NAN]], [[100, NAN]], [[8e6, 2e6]]
    thin = index_of(short, total, weight, [[True, True]], members_floor=0.0)
    assert np.isnan(thin.dix[0])
    assert thin.coverage[0] == pytest.approx(0.8)
    assert index_of(short, total, weight, [[True, True]], coverage_floor=0.8, members_floor=0.0).dix[0] > 0
    few = index_of(short, total, [[8e6, NAN]], [[True, True]])
    assert np.isnan(few.dix[0])
    assert (few.coverage[0], few.members_used[0]) == (1.0, 1)


def test_without_members_or_dollars_there_is_nothing():
    found = index_of([[1.0]], [[2.0]], [[NAN]], [[True]], coverage_floor=0.0, members_floor=0.0)
    assert np.isnan(found.dix[0])
    assert np.isnan(found.coverage[0])
    assert np.isnan(index_of([[1.0]], [[2.0]], [[1.0]], [[False]], coverage_floor=0, members_floor=0).dix[0])


def test_a_ticker_nobody_traded_off_exchange_has_no_short_share():
    found = index_of([[0, 5]], [[0, 10]], [[1e6, 1e6]], [[True, True]], coverage_floor=0.5, members_floor=0.5)
    assert found.dix[0] == 0.5


@pytest.mark.parametrize(
    ("short", "total", "weight", "words"),
    [
        ([[-1.0]], [[2.0]], [[1.0]], "negative"),
        ([[1.0]], [[np.inf]], [[1.0]], "infinite"),
        ([[3.0]], [[2.0]], [[1.0]], "more of ticker 0"),
        ([[1.0, 1.0]], [[2.0]], [[1.0]], "shape"),
    ],
)
def test_nonsense_is_refused(short, total, weight, words):
    with pytest.raises(InputError, match=words):
        index_of(short, total, weight, [[True]])


@pytest.mark.parametrize("floors", [{"coverage_floor": 1.1}, {"members_floor": -0.1}, {"coverage_floor": NAN}])
def test_a_floor_is_a_share(floors):
    with pytest.raises(SettingsError, match=r"0\.\.1"):
        index_of([[1.0]], [[2.0]], [[1.0]], [[True]], **floors)


@given(shares, volumes, dollars, flags)
def test_the_index_lies_within_its_members_and_a_session_does_not_touch_another(share, total, weight, member):
    found = dark_pool_index(share * total, total, weight, member)
    for d in range(SHAPE[0]):
        own = share[d][member[d]]
        if len(own) == 0:
            assert np.isnan(found.dix[d])
            continue
        assert own.min() - 1e-12 <= found.dix[d] <= own.max() + 1e-12
        alone = dark_pool_index(*(a[d : d + 1] for a in (share * total, total, weight, member)))
        assert alone.dix[0] == found.dix[d]


@given(shares, volumes, dollars, flags, st.floats(1e-3, 1e3), st.permutations(range(SHAPE[1])))
def test_neither_the_unit_of_the_weights_nor_the_order_of_tickers_matters(share, total, weight, member, unit, order):
    found = dark_pool_index(share * total, total, weight, member).dix
    scaled = dark_pool_index(share * total, total, weight * unit, member).dix
    moved = dark_pool_index(*(a[:, order] for a in (share * total, total, weight, member))).dix
    np.testing.assert_allclose(scaled, found, rtol=1e-12)
    np.testing.assert_allclose(moved, found, rtol=1e-12)
