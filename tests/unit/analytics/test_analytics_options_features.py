"""Ranks place today among the past year, and their signs follow the dealers' hedging."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import rankdata

from lightning_gex.analytics.options_features import (
    charm_pressure,
    dark_pool_flow,
    days_to_next_session,
    gex_signal,
    rolling_rank,
    vanna_sensitivity,
)
from lightning_gex.core.errors import InputError, SettingsError

SERIES = st.lists(st.one_of(st.just(float("nan")), st.integers(-5, 5).map(float)), max_size=60)


def slow_rank(values: np.ndarray, window: int, minimum: int) -> np.ndarray:
    """By SciPy's average ranks, one row at a time."""
    out = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        past = values[: i + 1]
        past = past[~np.isnan(past)][-window:]
        if not np.isnan(value) and len(past) >= minimum:
            out[i] = 2 * (rankdata(past)[-1] - 1) / (len(past) - 1) - 1
    return out


@given(SERIES, st.integers(2, 12), st.integers(0, 20))
def test_ranks_agree_with_scipys_average_ranks(values, minimum, more):
    array = np.array(values, dtype=np.float64)
    window = minimum + more
    assert_allclose(
        rolling_rank(array, window=window, minimum=minimum), slow_rank(array, window, minimum), rtol=0, atol=1e-12
    )


def test_a_long_series_is_ranked_alike_on_either_side_of_a_chunk():
    values = np.random.default_rng(3).normal(size=8_300)
    ranks = rolling_rank(values, window=252, minimum=60)
    for i in (4_095, 4_096, 8_191, 8_192, 8_299):
        assert ranks[i] == slow_rank(values[i - 251 : i + 1], 252, 60)[-1]


@given(SERIES)
def test_ranks_lie_between_minus_1_and_1_and_turn_around_with_the_values(values):
    array = np.array(values, dtype=np.float64)
    ranks = rolling_rank(array, window=20, minimum=5)
    known = ranks[~np.isnan(ranks)]
    assert ((known >= -1) & (known <= 1)).all()
    assert_array_equal(rolling_rank(-array, window=20, minimum=5), -ranks)


@given(SERIES, st.integers(0, 60))
def test_truncating_the_future_changes_no_past_rank(values, cut):
    array = np.array(values, dtype=np.float64)
    whole = rolling_rank(array, window=20, minimum=5)
    assert_array_equal(whole[:cut], rolling_rank(array[:cut], window=20, minimum=5))


@given(SERIES)
def test_absent_rows_use_up_no_place_in_the_window(values):
    array = np.array(values, dtype=np.float64)
    known = ~np.isnan(array)
    ranks = rolling_rank(array, window=8, minimum=3)
    assert_array_equal(ranks[known], rolling_rank(array[known], window=8, minimum=3))
    assert np.isnan(ranks[~known]).all()


def test_a_rank_needs_sixty_sessions_and_forgets_after_252():
    rising = np.arange(400.0)
    ranks = gex_signal(rising)
    assert np.isnan(ranks[:59]).all()
    assert_array_equal(ranks[59:], 1.0)
    after_a_peak = np.r_[1_000.0, np.linspace(0.0, 1.0, 260)]
    assert gex_signal(after_a_peak)[251] < 1.0
    assert gex_signal(after_a_peak)[252] == 1.0


def test_equal_values_rank_in_the_middle():
    assert_array_equal(rolling_rank(np.full(10, 3.0), window=5, minimum=2)[1:], 0.0)


@pytest.mark.parametrize(("window", "minimum"), [(10, 1), (5, 6), (0, 0)])
def test_a_window_that_cannot_rank_is_refused(window, minimum):
    with pytest.raises(SettingsError, match="minimum"):
        rolling_rank(np.zeros(3), window=window, minimum=minimum)


def test_an_infinite_value_is_refused_with_its_row():
    with pytest.raises(InputError) as caught:
        rolling_rank(np.array([1.0, np.inf]))
    assert caught.value.row == 1


def test_more_gamma_and_more_dark_pool_buying_than_usual_are_plus():
    values = np.r_[np.random.default_rng(1).normal(size=100), 9.0]
    assert gex_signal(values)[-1] == 1.0
    assert dark_pool_flow(values)[-1] == 1.0


def test_decay_that_takes_delta_from_dealers_makes_them_buy():
    charm = np.r_[np.zeros(100), -5e8]  # they lose delta, so they buy it back
    assert charm_pressure(charm, np.ones(101))[-1] == 1.0
    assert charm_pressure(-charm, np.ones(101))[-1] == -1.0


def test_a_weekend_decays_three_days_at_once():
    charm = np.full(101, -1e8)
    days = np.r_[np.ones(100), 3.0]
    assert charm_pressure(charm, days)[-1] == 1.0


def test_days_to_the_next_session_know_weekends_and_holidays():
    dates = np.array(["2024-03-27", "2024-03-28", "2024-07-03", "2024-07-05", "2024-07-06"], dtype="datetime64[D]")
    assert_array_equal(days_to_next_session(dates), [1, 4, 2, 3, 2])
    assert len(days_to_next_session(dates[:0])) == 0


def test_falling_volatility_over_positive_vanna_makes_dealers_buy():
    iv = np.r_[np.full(100, 0.20), 0.15]
    assert vanna_sensitivity(np.full(101, 1e9), iv)[-1] == 1.0
    assert vanna_sensitivity(np.full(101, -1e9), iv)[-1] == -1.0
    assert vanna_sensitivity(np.full(101, 1e9), 0.4 - iv)[-1] == -1.0


def test_the_volatility_trend_is_unknown_where_either_end_is():
    iv = np.linspace(0.1, 0.3, 120)
    iv[100] = np.nan
    ranks = vanna_sensitivity(np.ones(120), iv, trend_sessions=5)
    assert_array_equal(np.flatnonzero(np.isnan(ranks[70:])) + 70, [100, 105])


def test_a_trend_over_no_sessions_is_refused():
    with pytest.raises(SettingsError, match="trend_sessions"):
        vanna_sensitivity(np.ones(3), np.ones(3), trend_sessions=0)


@pytest.mark.shared_data
def test_low_gamma_days_are_followed_by_larger_moves_in_the_real_index(shared_data):
    """The data's own README measured about 126 against 47 basis points between the lowest and highest fifth."""
    import polars as pl

    table = pl.read_csv(shared_data / "daily" / "spx_dix_gex.csv")
    price, rank = table["price"].to_numpy(), gex_signal(table["gex"].to_numpy())
    move = np.r_[np.abs(np.diff(np.log(price))), np.nan]
    low, high = move[rank <= -0.6], move[rank >= 0.6]
    assert np.nanmean(low) > 2 * np.nanmean(high)


def test_a_window_longer_than_the_history_costs_no_more_than_the_history():
    values = np.arange(160.0)
    assert np.array_equal(rolling_rank(values, window=10**12), rolling_rank(values, window=160), equal_nan=True)
