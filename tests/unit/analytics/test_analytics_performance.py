from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lightning_gex.analytics import performance as p
from lightning_gex.core.errors import InputError

DAY = np.datetime64("2015-01-02")


def dates(count: int) -> np.ndarray:
    return DAY + np.arange(count)


equities = st.lists(st.floats(1.0, 1e6), min_size=1, max_size=60).map(np.array)


def test_deflated_sharpe_gives_the_published_worked_example() -> None:
    # Bailey & Lopez de Prado (2014), The Deflated Sharpe Ratio, numerical example: annual SR 2.5 on 250 days, T 1250,
    # skew -3, kurtosis 10, 100 trials with annual variance 0.5: SR0 = 0.1132 a day, DSR = 0.9004.
    daily = 2.5 / math.sqrt(250)
    assert p.expected_maximum_sharpe(100, 0.5 / 250) == pytest.approx(0.1132, abs=5e-5)
    value = p.deflated_sharpe_ratio(daily, 1250, -3.0, 10.0, trials=100, variance_of_trials=0.5 / 250)
    assert value == pytest.approx(0.9004, abs=5e-5)


@pytest.mark.parametrize(("trials", "skew", "kurtosis"), [(46, -3.0, 10.0), (88, 0.0, 3.0)])
def test_the_published_numbers_of_trials_are_those_after_which_the_example_just_reaches_its_level(
    trials: int, skew: float, kurtosis: float
) -> None:
    # Bailey & Lopez de Prado (2014), the same example: DSR is 0.9505 after 46 trials, and would be after 88 with normal
    # returns.
    found = [
        p.deflated_sharpe_ratio(
            2.5 / math.sqrt(250), 1250, skew, kurtosis, trials=trials + more, variance_of_trials=0.5 / 250
        )
        for more in (0, 1)
    ]
    assert found[0] == pytest.approx(0.9505, abs=5e-5)
    assert found[1] < found[0]


def test_the_best_of_ten_and_of_forty_five_trials_are_the_published_ones() -> None:
    # Bailey, Borwein, Lopez de Prado & Zhu (2014), Pseudo-Mathematics and Financial Charlatanism, Notices of the AMS
    # 61(5): ten trials are expected to show 1.57 standard deviations; over five years no more than 45 may be tried, or
    # one of them is expected to show an annual ratio of 1 by luck.
    assert p.expected_maximum_sharpe(10, 1.0) == pytest.approx(1.57, abs=0.01)
    assert p.expected_maximum_sharpe(45, 1.0 / 5.0) == pytest.approx(1.0, abs=0.005)


def test_one_trial_is_not_deflated() -> None:
    plain = p.probabilistic_sharpe_ratio(0.1, 0.0, 500, 0.0, 3.0)
    assert p.deflated_sharpe_ratio(0.1, 500, 0.0, 3.0, trials=1, variance_of_trials=9.0) == plain


@given(st.integers(2, 1000), st.integers(2, 1000))
def test_more_trials_never_raise_the_deflated_sharpe(few: int, more: int) -> None:
    low, high = sorted((few, more))

    def value(trials: int) -> float:
        return p.deflated_sharpe_ratio(0.1, 750, -0.5, 5.0, trials=trials, variance_of_trials=0.001)

    assert value(high) <= value(low) + 1e-12


def test_probabilistic_sharpe_of_normal_returns_is_the_textbook_standard_error() -> None:
    # Lo (2002): the variance of a Sharpe ratio of independent normal returns is (1 + SR^2 / 2) / T.
    expected = stats.norm.cdf(0.08 * math.sqrt(999) / math.sqrt(1 + 0.08**2 / 2))
    assert p.probabilistic_sharpe_ratio(0.08, 0.0, 1000, 0.0, 3.0) == pytest.approx(expected, rel=1e-12)


def test_the_probabilistic_sharpe_ratio_is_the_published_one_of_a_hedge_fund_s_two_years() -> None:
    """Bailey & López de Prado (2012): 24 months, 0.458 a month; as though normal, then as skewed as it was."""
    assert round(p.probabilistic_sharpe_ratio(0.458, 0.0, 24, 0.0, 3.0), 3) == 0.982
    assert round(p.probabilistic_sharpe_ratio(0.458, 0.0, 24, -2.448, 10.164), 3) == 0.913


def test_the_minimum_track_record_of_skewed_monthly_returns_is_the_published_one() -> None:
    """Bailey & López de Prado (2012): skew -0.72 and kurtosis 5.78 of a hedge fund index, 2 a year against 1."""
    needed = p.minimum_track_record_length(2 / 12**0.5, 1 / 12**0.5, -0.72, 5.78)
    assert round(needed / 12, 2) == 4.99


def test_the_expected_best_of_many_trials_matches_simulation() -> None:
    best = np.random.default_rng(3).normal(size=(4_000, 50)).max(axis=1).mean()
    assert p.expected_maximum_sharpe(50, 1.0) == pytest.approx(best, rel=0.02)  # the formula is asymptotic


@pytest.mark.parametrize(("trials", "variance"), [(0, 1.0), (5, -1.0), (5, math.nan)])
def test_impossible_trials_are_refused(trials: int, variance: float) -> None:
    with pytest.raises(InputError):
        p.expected_maximum_sharpe(trials, variance)


@pytest.mark.parametrize(("a_year", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_the_minimum_track_record_is_the_published_one(a_year: int, years: float) -> None:
    """Bailey & López de Prado (2012): 2 a year observed against 1, normal returns, daily, weekly and monthly."""
    needed = p.minimum_track_record_length(2 / a_year**0.5, 1 / a_year**0.5, 0.0, 3.0)
    assert round(needed / a_year, 2) == years


@given(
    st.floats(0.01, 0.4),
    st.floats(-0.3, 0.3),
    st.floats(-1.0, 1.0),
    st.floats(3.0, 8.0),
    st.sampled_from([0.9, 0.95, 0.99]),
)
def test_at_the_minimum_length_the_probability_is_the_level(edge, benchmark, skew, kurtosis, level) -> None:
    observed = benchmark + edge
    needed = p.minimum_track_record_length(observed, benchmark, skew, kurtosis, level=level)
    if not math.isnan(needed):
        for length, reached in ((math.ceil(needed), True), (math.floor(needed), False)):
            probability = p.probabilistic_sharpe_ratio(observed, benchmark, max(length, 2), skew, kurtosis)
            assert length < 2 or (probability >= level - 1e-12 if reached else probability <= level + 1e-12)


def test_no_track_record_is_long_enough_for_a_ratio_that_is_not_above_the_benchmark() -> None:
    assert p.minimum_track_record_length(0.1, 0.1, 0.0, 3.0) == math.inf
    assert math.isnan(p.minimum_track_record_length(math.nan, 0.1, 0.0, 3.0))
    with pytest.raises(InputError):
        p.minimum_track_record_length(0.2, 0.1, 0.0, 3.0, level=0.5)


@given(st.integers(0, 10_000))
def test_skew_and_kurtosis_agree_with_scipy(seed: int) -> None:
    returns = np.random.default_rng(seed).standard_t(5, size=80) / 100
    skew, kurtosis = p.skew_and_kurtosis(np.r_[returns, np.nan])
    assert skew == pytest.approx(stats.skew(returns), rel=1e-9)
    assert kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False), rel=1e-9)


def test_skew_and_kurtosis_of_a_flat_curve_are_absent() -> None:
    assert all(math.isnan(v) for v in p.skew_and_kurtosis(np.zeros(50)))
    assert all(math.isnan(v) for v in p.skew_and_kurtosis(np.array([0.1])))


def test_doubling_in_a_year_of_365_and_a_quarter_days_is_a_hundred_percent() -> None:
    four_years = np.datetime64("2016-01-01") + np.timedelta64(1461, "D")
    assert p.cagr(100.0, 1600.0, np.datetime64("2016-01-01"), four_years) == pytest.approx(1.0, rel=1e-12)


def test_growth_is_absent_without_time_and_total_where_all_is_lost() -> None:
    assert math.isnan(p.cagr(100.0, 110.0, DAY, DAY))
    assert p.cagr(100.0, -5.0, DAY, DAY + 365) == -1.0


def test_sharpe_is_the_textbook_ratio_over_the_risk_free_rate() -> None:
    returns = np.array([0.01, -0.005, 0.02, 0.0, 0.003])
    risk_free = np.array([0.0001, 0.0002, 0.0001, 0.0002, 0.0001])
    excess = returns - risk_free
    expected = excess.mean() / excess.std(ddof=1) * math.sqrt(252)
    assert p.sharpe(returns, risk_free) == pytest.approx(expected, rel=1e-12)


def test_sharpe_leaves_out_sessions_without_a_rate() -> None:
    returns = np.array([0.01, -0.005, 0.02, 0.5])
    risk_free = np.array([0.0, 0.0, 0.0, np.nan])
    assert p.sharpe(returns, risk_free) == p.sharpe(returns[:3])


def test_sharpe_without_variation_or_data_is_absent() -> None:
    assert math.isnan(p.sharpe(np.full(10, 0.001)))
    assert math.isnan(p.sharpe(np.array([0.01])))


@given(st.integers(0, 10_000), st.floats(0.1, 10.0))
def test_sharpe_does_not_depend_on_leverage(seed: int, leverage: float) -> None:
    returns = np.random.default_rng(seed).normal(0.001, 0.01, 50)
    assert p.sharpe(leverage * returns) == pytest.approx(p.sharpe(returns), rel=1e-9)


def test_the_deepest_fall_is_dated_from_peak_to_trough() -> None:
    curve = np.array([100.0, 120.0, 90.0, 130.0, 117.0])
    found = p.max_drawdown(curve, dates(5))
    assert found.fraction == pytest.approx(0.25)
    assert (found.peak, found.trough) == (DAY + 1, DAY + 2)


def test_a_curve_that_never_falls_has_drawdown_zero_and_no_calmar() -> None:
    found = p.max_drawdown(np.array([1.0, 1.0, 2.0]), dates(3))
    assert (found.fraction, found.peak, found.trough) == (0.0, None, None)
    assert math.isnan(p.calmar(0.1, 0.0))
    assert p.calmar(0.1, 0.05) == pytest.approx(2.0)


def test_drawdown_without_data_is_absent() -> None:
    assert math.isnan(p.max_drawdown(np.array([np.nan]), dates(1)).fraction)


@given(equities)
def test_drawdown_equals_the_brute_force_over_all_pairs(curve: np.ndarray) -> None:
    worst = max(max(0.0, 1.0 - later / earlier) for i, earlier in enumerate(curve) for later in curve[i:])
    assert p.max_drawdown(curve, dates(len(curve))).fraction == pytest.approx(worst, abs=1e-12)


@given(equities, st.integers(1, 60))
def test_truncating_the_future_changes_no_past_drawdown(curve: np.ndarray, keep: int) -> None:
    assert np.array_equal(p.drawdown_curve(curve)[:keep], p.drawdown_curve(curve[:keep]))


@given(equities)
def test_returns_compound_back_to_the_curve(curve: np.ndarray) -> None:
    back = curve[0] * np.cumprod(np.r_[1.0, 1.0 + p.session_returns(curve)])
    assert np.allclose(back, curve, rtol=1e-9)


def test_a_return_from_nothing_is_absent() -> None:
    assert np.isnan(p.session_returns(np.array([0.0, 1.0, np.nan]))).all()


def brute_force_pbo(returns: np.ndarray, blocks: int) -> float:
    """CSCV as the paper words it, split by split, on the rows themselves."""
    parts = np.array_split(returns[: len(returns) // blocks * blocks], blocks)
    below = []
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[b] for b in chosen])
        outside = np.concatenate([parts[b] for b in range(blocks) if b not in chosen])
        best = np.argmax(inside.mean(axis=0) / inside.std(axis=0))
        rank = stats.rankdata(outside.mean(axis=0) / outside.std(axis=0))[best]
        omega = rank / (returns.shape[1] + 1)
        below.append(math.log(omega / (1 - omega)) <= 0)
    return float(np.mean(below))


@pytest.mark.parametrize("seed", range(5))
def test_overfitting_probability_equals_the_paper_done_by_hand(seed: int) -> None:
    returns = np.random.default_rng(seed).normal(0.0005, 0.01, size=(123, 7))
    assert p.probability_of_backtest_overfitting(returns, blocks=6) == pytest.approx(brute_force_pbo(returns, 6))


def test_overfitting_of_two_variants_over_four_blocks_is_what_counting_on_paper_gives() -> None:
    """One earns nothing; the other as much and 3, 3, -1, -1 more a block. Of six halvings the two that keep the good
    and the bad blocks apart choose what loses on the other half, the four that mix them do not: a third."""
    nothing = np.tile([2.0, -2.0], 8)
    other = nothing + np.repeat([3.0, 3.0, -1.0, -1.0], 4)
    found = p.probability_of_backtest_overfitting(np.column_stack([nothing, other]), blocks=4)
    assert found == pytest.approx(2 / 6, abs=1e-15)


def test_a_variant_that_is_truly_better_is_not_overfitted() -> None:
    returns = np.random.default_rng(1).normal(0.0, 0.01, size=(800, 10))
    returns[:, 4] += 0.01
    assert p.probability_of_backtest_overfitting(returns) == 0.0


def test_choosing_among_noise_is_overfitting_about_half_of_the_time() -> None:
    values = [
        p.probability_of_backtest_overfitting(np.random.default_rng(s).normal(size=(320, 20)), blocks=8)
        for s in range(40)
    ]
    assert 0.35 < np.mean(values) < 0.65


def test_variants_without_any_trade_have_no_overfitting_probability() -> None:
    assert math.isnan(p.probability_of_backtest_overfitting(np.zeros((64, 3)), blocks=4))


@pytest.mark.parametrize(
    ("returns", "blocks"),
    [
        (np.zeros((100, 1)), 4),
        (np.zeros((100, 3)), 5),
        (np.zeros((100, 3)), 0),
        (np.zeros((6, 3)), 4),
        (np.full((100, 3), np.nan), 4),
    ],
)
def test_overfitting_refuses_what_it_cannot_judge(returns: np.ndarray, blocks: int) -> None:
    with pytest.raises(InputError):
        p.probability_of_backtest_overfitting(returns, blocks=blocks)
