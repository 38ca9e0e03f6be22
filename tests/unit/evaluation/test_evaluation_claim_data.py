"""What claims are tested on: nothing looks ahead, and what cannot be set beside strikes is refused."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from builders_claims import data_of, history_of, market_of
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InsufficientDataError
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import session_close_utc, sessions_between
from lightning_gex.evaluation.claim_data import (
    Need,
    claim_data,
    expected_deviation,
    expiry_sessions,
    expiry_week,
    half_hours_of,
    raw_closes,
    vix_fall,
)

CUT = 180


def bars_of(close: np.ndarray, ticker: str = "AAA") -> Bars:
    sessions = sessions_between(np.datetime64("2020-01-01"), np.datetime64("2021-12-31"))[: len(close)]
    return Bars(ticker, sessions, close, close * 1.01, close * 0.99, close, np.full(len(close), 1e6))


def cut_series(series: DatedSeries, last: np.datetime64) -> DatedSeries:
    keep = series.session <= last
    return DatedSeries(series.session[keep], {n: v[keep] for n, v in series.columns.items()}, series.source)


def test_cutting_the_future_off_changes_nothing_that_was_known():
    market = market_of(3, 260, gamma_hedging=1.0)
    history = history_of(market)
    whole = data_of(market, history=history)
    last = market.bars.session[CUT - 1]
    shorter = replace(
        market,
        bars=market.bars.first(CUT),
        flow=cut_series(market.flow, last),
        vix=cut_series(market.vix, last),
    )
    part = data_of(shorter, history=cut_series(history, last))
    for name, values in part.features.items():
        np.testing.assert_array_equal(values, whole.features[name][:CUT], err_msg=name)
    for name, values in part.levels.items():
        np.testing.assert_array_equal(values, whole.levels[name][:CUT], err_msg=name)
    for name in ("variance", "vix", "deviation", "gamma", "raw_close"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:CUT], err_msg=name)
    np.testing.assert_array_equal(part.entry[:-1], whole.entry[: CUT - 1])
    assert np.isnan(part.entry[-1])
    known = np.isfinite(part.returns(5))
    np.testing.assert_array_equal(part.returns(5)[known], whole.returns(5)[:CUT][known])
    assert {f.name for f in fields(whole)} >= {"features", "levels", "variance", "deviation"}


def test_a_return_runs_from_the_next_open_to_the_close_that_ends_the_horizon():
    close = np.linspace(100.0, 120.0, 21)
    bars = bars_of(close)
    bars = replace(bars, open=close * 0.995)
    found = claim_data(bars).returns(3)
    assert found[4] == pytest.approx(np.log(close[7] / (close[5] * 0.995)))
    assert np.isnan(found[-3:]).all()
    assert np.isfinite(found[:-3]).all()


def test_an_index_with_a_stale_open_is_entered_at_the_next_close():
    close = np.linspace(100.0, 120.0, 21)
    found = claim_data(bars_of(close, "SPX")).returns(3)
    assert found[4] == pytest.approx(np.log(close[8] / close[5]))
    assert np.isnan(found[-4:]).all()


def test_adjusted_closes_do_not_stand_beside_strikes_and_quoted_ones_and_indices_do():
    cents = np.round(np.linspace(100.0, 120.0, 50), 2)
    raw, why = raw_closes(bars_of(cents))
    np.testing.assert_array_equal(raw, cents)
    assert why == ""
    none, why = raw_closes(bars_of(cents * 0.98765))
    assert none is None
    assert "AAA" in why
    assert "adjusted" in why
    assert raw_closes(bars_of(cents * 0.98765, "^GSPC"))[0] is not None


def test_a_close_in_single_precision_is_still_on_its_cent():
    cents = np.round(np.linspace(1_000.0, 9_000.0, 50), 2).astype(np.float32).astype(np.float64)
    assert raw_closes(bars_of(cents))[0] is not None


def test_every_absent_input_is_named():
    found = claim_data(bars_of(np.linspace(100.0, 120.0, 30) * 0.98765))
    assert set(found.absent) == set(Need)
    assert "history build" in found.absent[Need.HISTORY]
    assert found.gamma is None
    assert not found.levels


def test_one_bar_is_too_few():
    with pytest.raises(InsufficientDataError, match="1 bars"):
        claim_data(bars_of(np.array([100.0])))


def test_monthly_expiries_are_third_fridays_or_the_session_before_a_closed_one():
    sessions = sessions_between(np.datetime64("2014-03-01"), np.datetime64("2014-05-31"))
    monthly = sessions[expiry_sessions(sessions, monthly=True)].astype(str).tolist()
    assert monthly == ["2014-03-21", "2014-04-17", "2014-05-16"]  # the third Friday of April 2014 was Good Friday
    weekly = sessions[expiry_sessions(sessions, monthly=False)]
    assert len(weekly) == 13
    assert np.datetime64("2014-04-17") in weekly
    week = sessions[expiry_week(sessions)].astype(str).tolist()
    assert week[:5] == ["2014-03-17", "2014-03-18", "2014-03-19", "2014-03-20", "2014-03-21"]
    assert week[5] == "2014-04-11"  # five sessions up to the Thursday
    assert len(week) == 15


def test_the_day_is_cut_half_an_hour_before_its_own_close_half_days_included():
    sessions = sessions_between(np.datetime64("2020-11-23"), np.datetime64("2020-11-30"))  # the 27th closed at 13:00
    closes = session_close_utc(sessions)
    starts, prices = [], []
    for k, close in enumerate(closes):
        for j in range(6):
            starts.append(close - np.timedelta64(30 * (6 - j), "m"))
            prices.append(100.0 * 1.02**k * 1.001**j)
    starts.append(closes[-1])  # a print after the close belongs to no half-hour
    prices.append(500.0)
    found = half_hours_of(np.array(starts), np.array(prices), sessions)
    np.testing.assert_allclose(found.after_cut, np.log(1.001), rtol=1e-9)
    assert np.isnan(found.until_cut[0])
    np.testing.assert_allclose(found.until_cut[1:], np.log(1.02 / 1.001), rtol=1e-9)


def test_a_missing_bar_leaves_its_session_out():
    sessions = sessions_between(np.datetime64("2021-03-01"), np.datetime64("2021-03-05"))
    closes = session_close_utc(sessions)
    starts = np.sort(np.concatenate([closes - np.timedelta64(30 * j, "m") for j in range(1, 5)]))
    prices = np.full(len(starts), 100.0)
    keep = starts != closes[2] - np.timedelta64(30, "m")
    found = half_hours_of(starts[keep], prices[keep], sessions)
    assert np.isnan(found.after_cut[2])
    assert np.isnan(found.until_cut[3])
    assert np.isfinite(found.after_cut[[0, 1, 3, 4]]).all()
    nothing = half_hours_of(starts[:1], prices[:1], sessions)
    assert np.isnan(nothing.after_cut).all()


def test_the_expected_deviation_is_vix_and_where_that_is_absent_the_last_months_own():
    variance = np.full(30, 1e-4)
    vix = np.where(np.arange(30) == 29, np.nan, 20.0)
    found = expected_deviation(variance, vix)
    assert found[28] == pytest.approx(0.2 / np.sqrt(252))
    assert found[29] == pytest.approx(0.01)
    assert np.isnan(expected_deviation(variance, None)[5])


def test_a_fall_of_vix_ranks_high():
    vix = np.r_[np.full(90, 20.0), 10.0]
    assert vix_fall(vix)[-1] == 1.0
    assert np.isnan(vix_fall(vix)[:60]).all()
