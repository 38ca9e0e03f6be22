"""Contracts of one or many underlyings in the one order that kernels run along."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_chain import PER_CONTRACT, changed, make_chain, reordered
from lightning_gex.core.book import ChainBook, book_of, chain_of, joined, ordered
from lightning_gex.core.errors import InputError

CONTRACT_COLUMNS = (
    "strike",
    "bid",
    "ask",
    "implied_vol",
    "open_interest",
    "volume",
    "multiplier",
    "is_call",
)


def two_roots():
    """Morning and evening options of the same dates: strikes doubled under two roots."""
    am = make_chain(root="SPX", expiries=("2024-06-21", "2024-07-19"))
    pm = make_chain(root="SPXW", expiries=("2024-06-21", "2024-07-19"), open_interest=7.0)
    return changed(am, **{name: np.concatenate([getattr(pm, name), getattr(am, name)]) for name in PER_CONTRACT})


def same(one: ChainBook, other: ChainBook) -> bool:
    for name in ChainBook.__dataclass_fields__:
        a, b = getattr(one, name), getattr(other, name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
        elif name == "refused":
            assert {k: v.tolist() for k, v in a.items()} == {k: v.tolist() for k, v in b.items()}
        else:
            assert a == b
    return True


def test_a_sorted_chain_becomes_a_book_without_moving_a_contract():
    chain = make_chain()
    book, order = ordered(chain)
    assert order is None
    assert book.strike is chain.strike
    assert len(book) == len(chain)
    assert book.series_start.tolist() == [0, 34, 68, 102]
    assert book.contract_start.tolist() == [0, 102]
    assert book.underlying == ("TEST",)
    assert book.series_root.tolist() == ["TEST"] * 3


def test_series_stand_by_settlement_then_root_and_contracts_by_strike_call_before_put():
    book = book_of(two_roots())
    assert book.root_names == ("SPX", "SPXW")
    assert [book.root_names[code] for code in book.series_root_code] == ["SPX", "SPXW", "SPX", "SPXW"]
    assert (np.diff(book.settles_at.astype(np.int64)) > 0).all()
    np.testing.assert_array_equal(np.unique(book.open_interest[book.series_of_contract == 1]), 7.0)
    for a, b in zip(book.series_start[:-1], book.series_start[1:], strict=True):
        np.testing.assert_array_equal(book.strike[a:b:2], book.strike[a + 1 : b : 2])
        assert book.is_call[a:b:2].all()
        assert not book.is_call[a + 1 : b : 2].any()


@given(st.integers(0, 10_000))
def test_the_book_does_not_depend_on_the_order_of_the_chain_and_names_the_row_behind_each_contract(seed):
    rng = np.random.default_rng(seed)
    chain = two_roots()
    chain = changed(chain, volume=rng.integers(0, 5, len(chain)).astype(float))
    doubled = reordered(chain, rng.integers(0, len(chain), 60))  # some contracts twice, some not at all
    shuffled = reordered(doubled, rng.permutation(60))
    book, order = ordered(shuffled)
    assert same(book, book_of(doubled))
    for name in CONTRACT_COLUMNS:
        np.testing.assert_array_equal(getattr(book, name), getattr(shuffled, name)[order])


@pytest.mark.parametrize(
    "order",
    [
        lambda c: np.lexsort((c.strike, ~c.is_call, c.settles_at, c.root)),  # as option symbols sort
        lambda c: np.lexsort((~c.is_call, c.strike, c.settles_at, c.root)),  # whole series in the wrong order
        lambda c: np.arange(len(c))[::-1],
    ],
)
def test_orders_that_vendors_write_give_the_same_book(order):
    chain = two_roots()
    assert same(book_of(reordered(chain, order(chain))), book_of(chain))


def test_rows_of_one_contract_that_differ_stand_in_one_order():
    chain = make_chain()
    twice = reordered(chain, np.r_[np.arange(102), 40])
    twice = changed(twice, open_interest=np.r_[twice.open_interest[:-1], 1.0])
    assert same(book_of(twice), book_of(reordered(twice, np.arange(103)[::-1])))


def test_a_strike_that_is_no_number_stands_last_in_its_series():
    strike = make_chain().strike.copy()
    strike[5] = np.nan
    book = book_of(changed(make_chain(), strike=strike))
    assert np.isnan(book.strike[33])
    assert not np.isnan(np.delete(book.strike, 33)).any()


def test_a_chain_comes_back_from_its_book():
    chain = make_chain(refused={"bad_strike": 2})
    back = chain_of(joined([book_of(make_chain(root="OTHER")), book_of(chain)]), 1)
    for name in PER_CONTRACT:
        np.testing.assert_array_equal(getattr(back, name), getattr(chain, name))
    for name in ("underlying", "as_of", "spot", "contracts_read", "refused", "source", "modelled"):
        assert getattr(back, name) == getattr(chain, name)


def test_joined_books_keep_each_underlying_as_it_was():
    chains = [make_chain(root="ZZZ"), two_roots(), reordered(make_chain(root="AAA"), np.empty(0, dtype=int))]
    book = joined([book_of(chain) for chain in chains])
    assert book.underlying == ("ZZZ", "SPX", "AAA")
    assert book.root_names == ("SPX", "SPXW", "ZZZ")
    assert book.contract_start.tolist() == [0, 102, 238, 238]
    assert book.underlying_of_series.tolist() == [0, 0, 0, 1, 1, 1, 1]
    for i, chain in enumerate(chains):
        assert same(book_of(chain_of(book, i)), book_of(chain))


def test_an_empty_chain_is_an_empty_book():
    book, order = ordered(reordered(make_chain(), np.empty(0, dtype=int)))
    assert order is None
    assert len(book) == 0
    assert book.contract_start.tolist() == [0, 0]


def test_no_book_or_books_of_two_kinds_are_not_joined():
    with pytest.raises(InputError, match="no book"):
        joined([])
    with pytest.raises(InputError, match="modelled"):
        joined([book_of(make_chain()), book_of(make_chain(modelled=True))])
    with pytest.raises(InputError, match="none is number 1"):
        chain_of(book_of(make_chain()), 1)


def swapped(values, a, b):
    out = np.array(values)
    out[[a, b]] = out[[b, a]]
    return out


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda b: {"bid": b.bid[1:]}, "'bid': has 101 values, wanted 102"),
        (lambda b: {"expiry": b.expiry[1:]}, "'series_start': has 4 values, wanted 3"),
        (lambda b: {"series_start": np.array([0, 34, 34, 102])}, "'series_start': must rise"),
        (lambda b: {"series_start": np.array([0, 34, 68, 101])}, "'series_start': must rise"),
        (lambda b: {"underlying_start": np.array([0, 2])}, "'underlying_start': must rise"),
        (lambda b: {"spot": np.array([np.nan])}, "'spot': spot nan of TEST is no price"),
        (lambda b: {"spot": np.array([1e300])}, r"'spot': spot 1e\+300 of TEST is no price"),
        (lambda b: {"as_of": np.array(["NaT"], dtype="M8[s]")}, "'as_of': TEST has no moment"),
        (lambda b: {"as_of": b.settles_at[:1]}, "'settles_at': series TEST 2024-06-21 settles"),
        (lambda b: {"settles_at": np.array(["NaT"] * 3, dtype="M8[s]")}, "'settles_at': series TEST"),
        (lambda b: {"settles_at": b.settles_at[::-1]}, "'settles_at': series TEST 2024-07-19 stands too late"),
        (lambda b: {"root_names": ("B", "A")}, "'root_names': names must be distinct"),
        (lambda b: {"series_root_code": np.array([0, 0, 1], dtype=np.int32)}, "'root_code': a code lies outside"),
        (lambda b: {"strike": swapped(b.strike, 3, 9)}, "'strike': contracts of a series must rise"),
        (lambda b: {"is_call": swapped(b.is_call, 2, 3)}, "'strike': contracts of a series must rise"),
        (lambda b: {"refused": {"bad_strike": np.zeros(2, dtype=np.int64)}}, "'refused': refused 'bad_strike'"),
    ],
)
def test_a_book_out_of_order_is_refused_with_the_field_named(spoil, message):
    book = book_of(make_chain())
    with pytest.raises(InputError, match=message):
        replace(book, **spoil(book))
