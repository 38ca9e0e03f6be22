"""Sessions drawn anew in blocks, and the falls of the paths they make."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.performance import max_drawdown
from lightning_gex.analytics.resampled_paths import path_drawdowns, stationary_paths
from lightning_gex.core.errors import InputError


@given(st.integers(1, 60), st.integers(1, 80), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_paths_are_positions_and_go_on_by_one_within_a_block(sessions, block, resamples, seed):
    paths = stationary_paths(sessions, block, resamples=resamples, seed=seed)
    assert paths.shape == (resamples, sessions)
    assert ((paths >= 0) & (paths < sessions)).all()
    assert np.array_equal(paths, stationary_paths(sessions, block, resamples=resamples, seed=seed))


def test_blocks_have_the_mean_length_asked_for_and_every_session_is_drawn_alike():
    paths = stationary_paths(500, 20, resamples=400, seed=1)
    torn = (np.diff(paths, axis=1) % 500 != 1).mean()
    assert torn == pytest.approx((1 / 20) * (1 - 1 / 500), abs=0.002)  # 200,000 draws of 0.05: four deviations
    drawn = np.bincount(paths.ravel(), minlength=500) / 400
    assert abs(drawn - 1.0).max() < 0.6
    assert drawn.mean() == 1.0


def test_a_block_of_one_draws_each_session_for_itself_and_a_long_one_turns_the_history_in_a_circle():
    whole = stationary_paths(50, 10**9, resamples=20, seed=3)
    assert (np.diff(whole, axis=1) % 50 == 1).all()
    assert (np.diff(stationary_paths(50, 1, resamples=20, seed=3), axis=1) % 50 == 1).mean() < 0.1


@given(st.integers(1, 40), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_the_fall_of_a_path_is_the_drawdown_of_its_equity(sessions, count, seed):
    growth = np.random.default_rng(seed).normal(0.0, 0.02, sessions)
    paths = stationary_paths(sessions, 5, resamples=count, seed=seed)
    falls = path_drawdowns(growth, paths)
    for i in {0, count // 2, count - 1}:
        equity = np.exp(np.r_[0.0, np.cumsum(growth[paths[i]])])
        days = np.arange(len(equity)).astype("datetime64[D]")
        assert falls[i] == pytest.approx(max_drawdown(equity, days).fraction, abs=1e-12)


def test_a_path_that_only_rises_never_falls():
    assert path_drawdowns(np.full(10, 0.01), stationary_paths(10, 3, resamples=5, seed=0)).tolist() == [0.0] * 5


def test_nothing_can_be_drawn_from_nothing():
    with pytest.raises(InputError, match="at least 1"):
        stationary_paths(0, 1, resamples=1, seed=0)
