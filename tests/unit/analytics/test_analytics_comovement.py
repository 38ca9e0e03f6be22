"""How several tickers moved together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.comovement import aligned_returns, correlations

DAYS = np.arange(np.datetime64("2020-01-01"), np.datetime64("2020-03-01"))


def test_returns_of_one_calendar_are_the_logarithmic_ones():
    close = np.array([100.0, 110.0, 99.0, 99.0])
    found = aligned_returns([DAYS[:4], DAYS[:4]], [close, 2 * close], 2)
    assert found == pytest.approx(np.tile(np.log([99 / 110, 1.0]), (2, 1)))


def test_a_missing_session_leaves_both_returns_it_belongs_to_absent():
    close = np.array([100.0, 101.0, 102.0, 103.0, 104.0])
    gap = np.delete(np.arange(5), 2)
    found = aligned_returns([DAYS[:5], DAYS[:5][gap]], [close, close[gap]], 4)
    assert np.isnan(found[1]).tolist() == [False, True, True, False]
    assert np.isfinite(found[0]).all()


def test_a_ticker_without_any_of_the_sessions_is_absent_throughout():
    found = aligned_returns([DAYS[10:15], DAYS[:5]], [np.full(5, 10.0), np.full(5, 10.0)], 4)
    assert np.isnan(found[1]).all()


def test_a_younger_ticker_has_fewer_returns():
    assert aligned_returns([DAYS[:3]], [np.array([1.0, 2.0, 3.0])], 10).shape == (1, 2)


_ROWS = st.integers(0, 2**32 - 1)


@given(_ROWS, st.integers(2, 5), st.floats(0.0, 0.4))
def test_correlations_are_those_of_numpy_over_the_columns_that_a_pair_shares(seed, count, missing):
    rng = np.random.default_rng(seed)
    returns = rng.normal(size=(count, 60)) * 0.01
    returns[rng.random(returns.shape) < missing] = np.nan
    found = correlations(returns, 10)
    for a in range(count):
        for b in range(count):
            both = np.isfinite(returns[a]) & np.isfinite(returns[b])
            expected = 1.0 if a == b else np.corrcoef(returns[a, both], returns[b, both])[0, 1]
            assert found[a, b] == pytest.approx(expected, abs=1e-9)


def test_too_few_shared_columns_or_a_row_that_never_moves_is_not_known():
    rng = np.random.default_rng(7)
    returns = rng.normal(size=(3, 20))
    returns[1, :15] = np.nan
    returns[2] = 0.0
    found = correlations(returns, 10)
    assert np.isnan(found[0, 1])
    assert np.isnan(found[0, 2])
    assert np.diag(found).tolist() == [1.0, 1.0, 1.0]
