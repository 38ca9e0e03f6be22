from __future__ import annotations

import numpy as np
import pytest
from evaluation_runs import abstention, bars, decision, run, vote
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.calibration import reliability_bins
from lightning_gex.core.enums import DecisionStatus, MarketRegime, StageName
from lightning_gex.evaluation import pictures
from lightning_gex.evaluation.breakdowns import funnel
from lightning_gex.evaluation.calls import RunIndex


@given(st.integers(4, 5_000), st.integers(4, 300), st.integers(0, 1_000))
def test_thinning_keeps_the_ends_the_highest_and_the_lowest_within_its_limit(n: int, most: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=n)
    keep = pictures.thinned(values, most)
    assert len(keep) <= most
    assert {0, n - 1, int(np.argmax(values)), int(np.argmin(values))} <= set(keep.tolist())
    assert (np.diff(keep) > 0).all()


def test_short_lines_are_drawn_whole_and_gaps_are_survived() -> None:
    assert pictures.thinned(np.arange(10.0)).tolist() == list(range(10))
    assert pictures.thinned(np.full(5_000, np.nan)).tolist() == [0, 4_999]


def test_the_funnel_loses_each_decision_once_and_ends_with_the_approved() -> None:
    mine = bars("AAA", [10.0] * 5)
    made = [
        decision("AAA", mine.session[0]),
        decision("AAA", mine.session[1], DecisionStatus.NO_SIGNAL, 0),
        decision("AAA", mine.session[2], DecisionStatus.BLOCKED, blocked_by=StageName.SIZING),
        decision("AAA", mine.session[3], DecisionStatus.BLOCKED, blocked_by=StageName.GUARDRAILS),
    ]
    found = funnel(run({"AAA": mine}, made))
    assert list(found) == [str(s) for s in StageName]
    assert found["signal"] == (4, 1)
    assert found["sizing"] == (3, 1)
    assert found["guardrails"] == (2, 1)
    picture = pictures.stages(found)
    assert picture.data[0].x[-1] == 1


def test_mean_votes_average_over_tickers_and_leave_out_abstentions() -> None:
    two = {t: bars(t, [10.0] * 3) for t in ("AAA", "BBB")}
    session = two["AAA"].session[1]
    made = [
        decision("AAA", session, votes=(vote("Trend", 1), vote("Flow", -1))),
        decision("BBB", session, votes=(vote("Trend", 0), abstention("Flow"))),
    ]
    agents, mean = pictures.mean_votes(RunIndex.of(run(two, made)))
    assert agents == ["Trend", "Flow"]
    assert mean[:, 1].tolist() == [0.5, -1.0]
    assert np.isnan(mean[:, [0, 2]]).all()


def test_regimes_seen_are_drawn_and_no_others() -> None:
    mine = bars("AAA", [10.0] * 4)
    made = [
        decision("AAA", mine.session[0], regime=MarketRegime.CRISIS),
        decision("AAA", mine.session[2], regime=MarketRegime.LOW_VOLATILITY),
        decision("AAA", mine.session[3], regime=None),
    ]
    picture = pictures.regimes(mine.session, RunIndex.of(run({"AAA": mine}, made)))
    assert {trace.name for trace in picture.data} == {"crisis", "low volatility"}


def test_drawdown_hangs_below_zero() -> None:
    mine = bars("AAA", [10.0] * 4)
    picture = pictures.drawdown(mine.session, {"system": np.array([100.0, 110.0, 99.0, 120.0])})
    assert picture.data[0].y == pytest.approx([0.0, 0.0, -0.1, 0.0])


def test_reliability_leaves_out_empty_bins() -> None:
    bins = reliability_bins(np.array([0.55, 0.56, 0.9]), np.array([True, False, True]), low=0.5)
    assert len(pictures.reliability(bins).data[1].x) == 2
