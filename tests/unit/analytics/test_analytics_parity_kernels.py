"""The compiled forward curve against its readable form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders_chain import PER_CONTRACT, changed, make_chain, reordered
from lightning_gex.analytics.parity import book_carry
from lightning_gex.analytics.parity_kernels import PARITY, Carry, median
from lightning_gex.analytics.parity_reference import carry_reference
from lightning_gex.core.book import book_of, joined

EXPIRIES = ("2024-06-04", "2024-06-07", "2024-06-21", "2024-07-19", "2024-09-20", "2025-06-20", "2026-01-16")


def noisy_chain(seed, root="TEST"):
    """A chain whose quotes are spoilt at random: rounded, shifted, absent, crossed, doubled."""
    rng = np.random.default_rng(seed)
    chain = make_chain(
        expiries=tuple(rng.choice(EXPIRIES, rng.integers(1, 7), replace=False)),
        strikes=np.sort(rng.choice(np.arange(70.0, 131.0), rng.integers(1, 40), replace=False)),
        vol=0.1 + 0.4 * rng.random(),
        half_spread=0.1 * rng.random(),
        rate=rng.choice([0.05, -0.01, 0.3]),
        dividend_yield=rng.choice([0.0, 0.02]),
        root=root,
    )
    tick = rng.choice([0.01, 0.05, 1.0])
    bid, ask = np.round(chain.bid / tick) * tick, np.round(chain.ask / tick) * tick
    ill = rng.random(len(chain))
    bid = np.where(ill < 0.05, np.nan, np.where(ill < 0.10, 0.0, bid))
    ask = np.where((ill > 0.9) & (ill < 0.95), np.inf, np.where(ill > 0.95, 0.01, ask))
    shift = np.where(chain.expiry == chain.expiry[0], rng.choice([0.0, 9.0]) * chain.is_call, 0.0)
    chain = changed(chain, bid=bid + shift, ask=ask + shift)
    return reordered(chain, rng.integers(0, len(chain), len(chain)) if seed % 3 == 0 else np.arange(len(chain)))


def same(got: Carry, want: Carry) -> None:
    for name in ("pairs", "forward_source", "rate_source", "absurd"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name), err_msg=name)
    for name in ("forward", "discount"):
        np.testing.assert_allclose(getattr(got, name), getattr(want, name), rtol=1e-13, err_msg=name)
    for name in ("rate", "dividend_yield"):
        np.testing.assert_allclose(getattr(got, name), getattr(want, name), rtol=1e-12, atol=1e-12, err_msg=name)


@given(st.integers(0, 100_000))
def test_the_compiled_curve_is_the_readable_one_whatever_the_quotes(seed):
    book = book_of(noisy_chain(seed))
    same(book_carry(book, value_early_exercise=False), carry_reference(book))


def test_roots_that_settle_together_fill_each_others_gaps_as_the_readable_form_does():
    one, other = make_chain(root="A"), make_chain(root="B")
    both = changed(one, **{name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in PER_CONTRACT})
    lift = 0.3 * ((both.root == "B") & both.is_call)
    for gap in ("A", "B"):
        middle = (both.root == gap) & (both.expiry == np.datetime64("2024-07-19"))
        book = book_of(changed(both, bid=np.where(middle, 0.0, both.bid + lift), ask=both.ask + lift))
        got = book_carry(book, value_early_exercise=False)
        same(got, carry_reference(book))
        assert (got.forward_source == PARITY).sum() == 5


def test_each_underlying_of_a_book_has_the_curve_it_has_alone():
    chains = [noisy_chain(seed, root=f"R{seed}") for seed in range(6)]
    whole = book_carry(joined([book_of(chain) for chain in chains]), value_early_exercise=False)
    alone = [book_carry(book_of(chain), value_early_exercise=False) for chain in chains]
    for name in Carry._fields:
        np.testing.assert_array_equal(getattr(whole, name), np.concatenate([getattr(c, name) for c in alone]))


@given(st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-1e9, 1e9)), min_size=1, max_size=400))
def test_the_median_is_the_median(values):
    column = np.array(values)
    assert median(column.copy(), len(column)) == np.median(column)


@pytest.mark.parametrize("n", [25, 26, 200, 201, 1_000])
def test_the_median_of_sorted_mirrored_and_equal_columns_is_found(n):
    for column in (np.arange(n) * 1.0, np.arange(n)[::-1] * 1.0, np.zeros(n), np.arange(n) % 2 * 1.0):
        assert median(column.copy(), len(column)) == np.median(column)


def test_the_median_of_nothing_is_nan():
    assert np.isnan(median(np.empty(0), 0))
